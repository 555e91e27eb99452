#!/usr/bin/env python3
"""Checks archives and receipts of the voting network, from docs/protocol.md alone.

    verify.py FILE [--chain ID] [--json]

Needs Python 3.9 or newer and the package cryptography. Exit codes: 0 valid, 2 usage, 3 no such file, 6 not valid, with the first reason.
"""

import argparse
import json
import re
import sys

from chain import Chain, read_header, read_proof
from election import fits, name_fits, words
from encoding import Invalid, array, decode, encode, need, raw, struct, variant
from ledger import CAST, CREATE, Record, read_transaction
from signing import Tree, proof_root, tagged

FILE_BYTES_MAX = 4 << 30


def verify_archive(value):
    archive = struct(value, "archive")
    last = read_header(archive["last"])
    chain = Chain(archive["genesis"], archive["set_changes"], last["height"])
    chain.check_final(last, archive["last_certificate"])
    record, below = Record(chain, raw(archive["election"], 32)), 0
    state_proof = read_proof(archive["state_proof"])
    for item in array(archive["blocks"]):
        block = struct(item, "archived_block")
        header = read_header(block["header"])
        height = header["height"]
        need(below < height <= last["height"], f"block {height} is out of place")
        below = height
        chain.check_final(header, block["certificate"])
        entries = [variant(entry, [True, True]) for entry in array(block["transactions"])]
        ids = [tagged("transaction", raw(content, None)) if kind == 0 else raw(content, 32) for kind, content in entries]
        whole = len(ids) == header["transactions_count"] and Tree(ids).root() == header["transactions_root"]
        need(whole, f"block {height} does not have the transactions that are given for it")
        limits, own_bytes = chain.genesis["limits"], sum(len(content) for kind, content in entries if kind == 0)
        need(len(ids) <= limits["block_transactions"] and own_bytes <= limits["block_bytes"],
             f"block {height} is larger than the genesis allows")
        need(any(kind == 0 for kind, _ in entries), f"block {height} has no transaction of the election")
        for index, ((kind, content), identity) in enumerate(zip(entries, ids)):
            if kind == 0:
                try:
                    record.apply(content, identity, header["time"], header["version"])
                except Invalid as why:
                    raise Invalid(f"transaction {index} of block {height}: {why}") from None
    chain.check_order()
    need(record.text is not None, "the election is not created in it")
    found = proof_root(state_proof, record.leaf())
    need(found and tagged("state", encode([state_proof["size"], found])) == last["state_root"],
         f"its ballots and acts are not all those of the ledger: the state of block {last['height']} says otherwise")
    phase = record.phase(last["time"])
    return chain, {"kind": "archive", "title": record.text["title"], "phase": phase, **record.result(phase), "signatures": chain.signatures}


def verify_receipt(value):
    chain, _, shown = read_receipt(value)
    return chain, shown


def read_receipt(value):
    """Checks a receipt; gives its chain, its header, and what it shows."""
    receipt = struct(value, "receipt")
    header = read_header(receipt["header"])
    chain = Chain(receipt["genesis"], receipt["set_changes"], header["height"])
    chain.check_final(header, receipt["certificate"])
    chain.check_order()
    proof = read_proof(receipt["proof"])
    leads = proof["size"] == header["transactions_count"] and proof_root(proof, raw(receipt["transaction"], 32)) == header["transactions_root"]
    need(leads, "the path does not lead from the ballot to the block")
    return chain, header, {"kind": "receipt", "ballot": receipt["transaction"].hex(), "height": header["height"], "says": None}


def verify_receipt_file(value):
    """A receipt with the ballot that it is for and the ballot's election: what the ballot says, from these bytes alone."""
    file = struct(value, "receipt_file")
    chain, header, shown = read_receipt(file["receipt"])
    need(tagged("transaction", raw(file["ballot"], None)).hex() == shown["ballot"], "the ballot is not the one that the receipt is for")
    credential, kind, ballot = part("ballot", chain, file["ballot"])
    need(kind == CAST, "the transaction is no ballot")
    identity = tagged("transaction", raw(file["election"], None))
    need(identity == ballot["election"], "the election is not the one that the ballot is for")
    organiser, kind, election = part("election", chain, file["election"])
    need(kind == CREATE, "the transaction beside the ballot creates no election")
    contests, answers = election["contests"], ballot["answers"]
    need(len(answers) == len(contests) and all(map(fits, contests, answers)), "the ballot does not fit its election")
    need(name_fits(header["version"], election, ballot), "the ballot has a name where none is taken, or none where one is")
    says = {
        "election": identity.hex(), "title": election["title"], "organiser": organiser.hex(), "credential": credential.hex(),
        "name": ballot["name"], "counter": ballot["counter"],
        "contests": [{"title": contest["title"], "says": words(contest, answer)} for contest, answer in zip(contests, answers)],
    }
    return chain, {**shown, "says": says}


def part(what, chain, data):
    try:
        return read_transaction(chain.id, data)
    except Invalid as why:
        raise Invalid(f"the {what} is not valid: {why}") from None


def verify(data, chain_wanted=None):
    """Checks a file's content; gives what it shows, or raises Invalid."""
    value = decode(data)
    need(isinstance(value, dict) and len(value) in CHECKS, "neither an archive nor a receipt")
    chain, shown = CHECKS[len(value)](value)
    need(chain_wanted is None or chain.id.hex() == chain_wanted, f"it is from chain {chain.id.hex()[:16]}, not from the one asked for")
    return {"valid": True, "chain": chain.id.hex(), "chain_name": chain.genesis["name"], **shown}


# By how many fields they have.
CHECKS = {3: verify_receipt_file, 6: verify_receipt, 7: verify_archive}


def chain_id(text):
    if not re.fullmatch("[0-9a-fA-F]{64}", text):
        raise argparse.ArgumentTypeError("a chain has 64 hexadecimal digits")
    return text.lower()


def main():
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")
    parser = argparse.ArgumentParser(description="Checks an archive or a receipt without a node.")
    parser.add_argument("file")
    parser.add_argument("--chain", type=chain_id, help="the chain that it must be from, 64 hexadecimal digits")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    try:
        with open(args.file, "rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        print(f"cannot read {args.file}: {error.strerror}", file=sys.stderr)
        return 3
    try:
        need(len(data) <= FILE_BYTES_MAX, "the file is too large")
        shown = verify(data, args.chain)
    except Invalid as why:
        print(f"verification FAILED: {why}", file=sys.stderr)
        return 6
    if args.json:
        print(json.dumps(shown))
    else:
        says = shown.pop("says", {}) if shown["kind"] == "receipt" else {}
        if says is None:
            shown["says"], says = "the file does not hold the ballot", {}
        contests = shown.pop("contests", []) + says.pop("contests", [])
        for contest in [shown, *([says] if says else []), *contests]:
            for name, value in contest.items():
                print(f"{name:>12}  {value}")
            print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
