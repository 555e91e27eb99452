#!/usr/bin/env python3
"""Checks archives and receipts of the voting network, from docs/protocol.md alone.

    verify.py FILE [--chain ID] [--json]

Needs Python 3.9 or newer and two packages: cbor2 and cryptography. Exit codes: 0 valid, 2 usage, 6 not valid, with the first reason.
"""

import argparse
import hashlib
import json
import sys
import unicodedata

import cbor2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

import counting

SHAPES = {
    "genesis": ["name", "time", "validators", "organisers", "limits"],
    "validator": ["key", "name", "power"],
    "header": ["version", "chain", "height", "parent", "time", "proposer", "transactions_root", "transactions_count",
               "state_root", "next_validators"],
    "certificate": ["height", "round", "block", "signatures"],
    "commit_signature": ["validator", "signature"],
    "set_change": ["header", "certificate", "validators"],
    "proof": ["index", "size", "path"],
    "receipt": ["genesis", "set_changes", "transaction", "proof", "header", "certificate"],
    "archive": ["genesis", "set_changes", "election", "last", "last_certificate", "state_proof", "blocks"],
    "archived_block": ["header", "certificate", "transactions"],
    "transaction": ["content", "signature"],
    "content": ["chain", "signer", "payload"],
    "election": ["title", "description", "contest", "rule", "seats", "opens_at", "closes_at", "salt"],
    "ballot": ["election", "name", "choice"],
    "change": ["change", "set"],
    "limits": ["block_bytes", "block_transactions", "elections"],
}


class Invalid(Exception):
    """What does not hold."""


def need(holds, why):
    if not holds:
        raise Invalid(why)


# --- encoding -----------------------------------------------------------------------------------------------------------


def encode(value):
    return cbor2.dumps(value)


def decode(data):
    """Decodes, encodes again, and compares: one content has one encoding."""
    try:
        value = cbor2.loads(data)
        again = encode(value)
    except Exception as error:
        raise Invalid(f"not a valid encoding: {error}") from None
    need(again == data, "not the canonical encoding")
    return value


def struct(value, shape):
    """A struct as a dict by field names; all fields, in order."""
    names = SHAPES[shape]
    need(isinstance(value, dict) and list(value) == list(range(len(names))), f"not a {shape}")
    need(all(type(key) is int for key in value), f"not a {shape}")
    return dict(zip(names, value.values()))


def number(value, most=2**64 - 1):
    need(type(value) is int and 0 <= value <= most, "not a number in range")
    return value


def raw(value, length):
    need(isinstance(value, bytes) and (length is None or len(value) == length), "not a byte string of the right length")
    return value


def array(value):
    need(isinstance(value, list), "not an array")
    return value


def optional(value, read):
    return None if value is None else read(value)


def text(value):
    need(isinstance(value, str), "not a text")
    return value


def plain(value, most, breaks=False):
    """Text by the rules for labels and descriptions, but for being empty."""
    size = len(text(value).encode())
    need(1 <= size <= most, "a text of a wrong length")
    need(value.strip(WHITE) == value, "a text with space at its ends")
    for character in value:
        code = ord(character)
        control = unicodedata.category(character) == "Cc" and not (breaks and character == "\n")
        need(not control and not 0x202A <= code <= 0x202E and not 0x2066 <= code <= 0x2069, "a text with control characters")
    return value


# White space as Unicode has it (the property White_Space).
WHITE = "".join(map(chr, [*range(9, 14), 32, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000]))


def label(value):
    return plain(value, 100)


# --- hashes, trees, signatures -----------------------------------------------------------------------------------------


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def tagged(tag, content):
    return sha256(bytes([len(tag)]), tag.encode(), content)


def tree_root(leaves):
    if not leaves:
        return sha256()
    level = [sha256(b"\0", leaf) for leaf in leaves]
    while len(level) > 1:
        above = [sha256(b"\1", a, b) for a, b in zip(level[::2], level[1::2])]
        level = above + ([level[-1]] if len(level) % 2 else [])
    return level[0]


def proof_root(proof, leaf):
    """RFC 9162, 2.1.3.2; None if the path has a wrong length."""
    at, last, path = proof["index"], proof["size"] - 1, list(proof["path"])
    if last < 0 or at > last:
        return None
    found = sha256(b"\0", leaf)
    while last > 0:
        if at % 2 == 1 or at < last:
            if not path:
                return None
            sibling = path.pop(0)
            found = sha256(b"\1", sibling, found) if at % 2 == 1 else sha256(b"\1", found, sibling)
        at, last = at // 2, last // 2
    return None if path else found


P = 2**255 - 19
# y of the points of small order: 1 (order 1), -1 (2), 0 (4), and those of order 8.
EIGHTH = int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little")
SMALL = {1, P - 1, 0, EIGHTH, P - EIGHTH}


def small_or_odd(point):
    """Whether a point's encoding is not canonical, or the point is of small order."""
    y = int.from_bytes(point, "little") & (2**255 - 1)
    return y >= P or y in SMALL


def signed(purpose, key, chain, content, signature):
    tag = f"blockchain-voting/1/{purpose}".encode()
    if small_or_odd(key) or small_or_odd(signature[:32]):
        return False
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, bytes([len(tag)]) + tag + chain + content)
        return True
    except (InvalidSignature, ValueError):
        return False


# --- the ledger ----------------------------------------------------------------------------------------------------------


def read_validators(value):
    validators = []
    for item in array(value):
        validator = struct(item, "validator")
        raw(validator["key"], 32), label(validator["name"])
        need(1 <= number(validator["power"]) <= 10**9 and not small_or_odd(validator["key"]), "not a validator")
        validators.append(validator)
    keys = [validator["key"] for validator in validators]
    need(1 <= len(keys) <= 150 and keys == sorted(set(keys)), "not a validator set")
    return validators


def read_genesis(value):
    genesis = struct(value, "genesis")
    label(genesis["name"]), number(genesis["time"])
    genesis["validators"] = read_validators(genesis["validators"])
    organisers = genesis["organisers"]
    if organisers == 0 and type(organisers) is int:
        genesis["organisers"] = None
    else:
        need(isinstance(organisers, list) and len(organisers) == 2 and organisers[0] == 1, "not organisers")
        keys = [raw(key, 32) for key in array(organisers[1])]
        need(keys == sorted(set(keys)), "not organisers")
        genesis["organisers"] = keys
    for limit in struct(genesis["limits"], "limits").values():
        number(limit, 2**32 - 1)
    genesis["chain"] = tagged("genesis", encode(value))
    return genesis


def read_header(value):
    header = struct(value, "header")
    for name in ["chain", "parent", "proposer", "transactions_root", "state_root", "next_validators"]:
        raw(header[name], 32)
    number(header["version"], 2**16 - 1), number(header["height"]), number(header["time"])
    number(header["transactions_count"], 2**32 - 1)
    header["hash"] = tagged("block", encode(value))
    return header


def read_proof(value):
    proof = struct(value, "proof")
    number(proof["index"], 2**32 - 1), number(proof["size"], 2**32 - 1)
    proof["path"] = [raw(node, 32) for node in array(proof["path"])]
    return proof


class Chain:
    """The chain that a file is from: who signs what."""

    def __init__(self, genesis, changes, below):
        self.genesis = read_genesis(genesis)
        self.id = self.genesis["chain"]
        self.signatures = 0
        self.sets = [(0, self.genesis["validators"])]
        last = 0
        for item in array(changes):
            change = struct(item, "set_change")
            header = read_header(change["header"])
            validators = read_validators(change["validators"])
            height = header["height"]
            follows = last < height < below and header["next_validators"] == tagged("validators", encode(change["validators"]))
            need(follows, f"the change of validators at height {height} does not follow from the one before")
            self.check_final(header, change["certificate"])
            self.sets.append((height, validators))
            last = height

    def set_at(self, height):
        return [validators for since, validators in self.sets if since < height or since == 0][-1]

    def check_final(self, header, value):
        certificate, height = struct(value, "certificate"), header["height"]
        number(certificate["height"]), number(certificate["round"], 2**32 - 1), raw(certificate["block"], 32)
        need(header["chain"] == self.id, f"the block at height {height} is of another chain")
        need(certificate["height"] == height and certificate["block"] == header["hash"],
             f"the certificate at height {height} is for another block")
        powers = {validator["key"]: validator["power"] for validator in self.set_at(height)}
        keys, power = [], 0
        for item in array(certificate["signatures"]):
            entry = struct(item, "commit_signature")
            key, signature = raw(entry["validator"], 32), raw(entry["signature"], 64)
            need(key in powers, f"block {height} is not final: {key.hex()[:16]} is not a validator of that height")
            vote = encode([height, certificate["round"], 1, header["hash"], key])
            need(signed("vote", key, self.id, vote, signature), f"block {height} is not final: a signature does not verify")
            keys.append(key)
            power += powers[key]
        self.signatures += len(keys)
        need(keys == sorted(set(keys)), f"block {height} is not final: its signatures are not sorted, each once")
        need(3 * power > 2 * sum(powers.values()), f"block {height} is not final: too few have signed")


def variant(value, contents):
    """An enum as (number, content); `contents` says for each number whether it has one."""
    if type(value) is int:
        need(value < len(contents) and not contents[value], "not a variant")
        return value, None
    need(isinstance(value, list) and len(value) == 2 and type(value[0]) is int, "not a variant")
    need(0 <= value[0] < len(contents) and contents[value[0]], "not a variant")
    return value[0], value[1]


def read_choice(value):
    kind, content = variant(value, [True] * 5)
    if kind == 0:
        number(content, 65535)
    elif kind == 1:
        label(content)
    elif kind == 2:
        [number(place, 65535) for place in array(content)]
    elif kind == 3:
        need(isinstance(content, list), "scores are an array")
        [number(score, 255) for score in content]
    else:
        [[number(place, 65535) for place in array(rank)] for rank in array(content)]
    return kind, content


def read_election(value):
    election = struct(value, "election")
    label(election["title"])
    if text(election["description"]):
        plain(election["description"], 4000, breaks=True)
    kind, choices = variant(election["contest"], [True, False])
    election["choices"] = [label(choice) for choice in array(choices)] if kind == 0 else None
    rule, _ = variant(election["rule"], [False] * 7)
    seats = number(election["seats"], 65535)
    opens, closes = optional(election["opens_at"], number), optional(election["closes_at"], number)
    number(election["salt"])
    if kind == 0:
        count = len(election["choices"])
        need(2 <= count <= 500 and len(set(election["choices"])) == count, "choices that cannot be listed")
        need(1 <= seats <= (1 if rule in (counting.PLURALITY, counting.IRV) else count), "seats that cannot be filled")
    else:
        need(rule == counting.PLURALITY and seats == 1, "a write-in contest is counted by plurality")
    need(opens is None or closes is None or opens < closes, "it closes before it opens")
    return election


def admits(election, choice):
    kind, content = choice
    if election["choices"] is None:
        return kind == 1
    count, rule = len(election["choices"]), election["rule"]

    def in_order(places):
        return places == sorted(set(places)) and all(place < count for place in places)

    if rule == counting.PLURALITY:
        return kind == 0 and content < count
    if rule == counting.APPROVAL:
        return kind == 2 and in_order(content)
    if rule == counting.SCORE:
        return kind == 3 and len(content) == count and all(score <= 10 for score in content)
    flat = [place for rank in content for place in rank] if kind == 4 else []
    return kind == 4 and all(rank and in_order(rank) for rank in content) and len(flat) == len(set(flat))


class Record:
    """An election in the making."""

    def __init__(self, chain, election_id):
        self.chain, self.id = chain, election_id
        self.election = self.organiser = self.created_at = self.closed_at = None
        self.board, self.voted, self.choices = [], set(), []

    def phase(self, time):
        opens, closes = self.election["opens_at"], self.election["closes_at"]
        if self.closed_at is not None or (closes is not None and time >= closes):
            return "closed"
        return "announced" if opens is not None and time < opens else "open"

    def apply(self, data, time):
        need(len(data) <= 65536, "a transaction that is too large")
        transaction = struct(decode(data), "transaction")
        content = struct(transaction["content"], "content")
        signer, signature = raw(content["signer"], 32), raw(transaction["signature"], 64)
        need(raw(content["chain"], 32) == self.chain.id, "a transaction of another chain")
        kind, payload = variant(content["payload"], [True] * 4)
        identity = tagged("transaction", data)
        if kind == 0:
            election = read_election(payload)
        elif kind == 1:
            ballot = struct(payload, "ballot")
            raw(ballot["election"], 32)
            if text(ballot["name"]):
                label(ballot["name"])
            choice = read_choice(ballot["choice"])
        need(signed("transaction", signer, self.chain.id, encode(transaction["content"]), signature), "the signature does not verify")
        self.chain.signatures += 1
        if kind == 0:
            organisers = self.chain.genesis["organisers"]
            need(self.election is None and identity == self.id, "it is no transaction of this election")
            need(organisers is None or signer in organisers, "the signer may not create elections")
            self.election, self.organiser, self.created_at = election, signer, time
            return
        need(self.election is not None, "it is no transaction of this election")
        if kind == 1:
            need(ballot["election"] == self.id, "it is no transaction of this election")
            need(self.phase(time) == "open", "the election is not open")
            need(admits(self.election, choice), "the ballot says what the election does not offer")
            need(signer not in self.voted, "the credential has voted before")
            self.voted.add(signer)
            self.board.append(identity)
            self.choices.append(choice)
        else:
            need(kind == 2 and raw(payload, 32) == self.id, "it is no transaction of this election")
            need(signer == self.organiser and self.phase(time) != "closed", "it closes what it may not close")
            self.closed_at = time

    def leaf(self):
        board = [len(self.board), tree_root(self.board)]
        return encode([self.id, self.organiser, self.created_at, self.closed_at, *board])


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
        whole = len(ids) == header["transactions_count"] and tree_root(ids) == header["transactions_root"]
        need(whole, f"block {height} does not have the transactions that are given for it")
        for index, (kind, content) in enumerate(entries):
            if kind == 0:
                try:
                    record.apply(content, header["time"])
                except Invalid as why:
                    raise Invalid(f"transaction {index} of block {height}: {why}") from None
    need(record.election is not None, "the election is not created in it")
    found = proof_root(state_proof, record.leaf())
    need(found == last["state_root"], f"its ballots are not all those of the ledger: the state of block {last['height']} says otherwise")
    result = counting.count(record.election, record.choices, record.id)
    return chain, {"kind": "archive", "title": record.election["title"], "phase": record.phase(last["time"]),
                   "ballots": len(record.board), "signatures": chain.signatures, **result}


def verify_receipt(value):
    receipt = struct(value, "receipt")
    header = read_header(receipt["header"])
    chain = Chain(receipt["genesis"], receipt["set_changes"], header["height"])
    chain.check_final(header, receipt["certificate"])
    proof = read_proof(receipt["proof"])
    leads = proof["size"] == header["transactions_count"] and proof_root(proof, raw(receipt["transaction"], 32)) == header["transactions_root"]
    need(leads, "the path does not lead from the ballot to the block")
    return chain, {"kind": "receipt", "ballot": receipt["transaction"].hex(), "height": header["height"]}


def verify(data, chain_wanted=None):
    """Checks a file's content; gives what it shows, or raises Invalid."""
    value = decode(data)
    need(isinstance(value, dict) and len(value) in (6, 7), "neither an archive nor a receipt")
    chain, shown = verify_archive(value) if len(value) == 7 else verify_receipt(value)
    need(chain_wanted is None or chain.id.hex() == chain_wanted, f"it is from chain {chain.id.hex()[:16]}, not from the one asked for")
    return {"valid": True, "chain": chain.id.hex(), "chain_name": chain.genesis["name"], **shown}


def main():
    parser = argparse.ArgumentParser(description="Checks an archive or a receipt without a node.")
    parser.add_argument("file")
    parser.add_argument("--chain", help="the chain that it must be from, 64 hexadecimal digits")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with open(args.file, "rb") as file:
        data = file.read()
    try:
        shown = verify(data, args.chain)
    except Invalid as why:
        print(f"verification FAILED: {why}", file=sys.stderr)
        return 6
    if args.json:
        print(json.dumps(shown))
    else:
        for name, value in shown.items():
            print(f"{name:>12}  {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
