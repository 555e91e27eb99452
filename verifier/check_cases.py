#!/usr/bin/env python3
"""Compares this verifier's verdicts with those that were written beside the cases.

    check_cases.py DIR...  (made by VERIFIER_CASES=DIR cargo test -p vote-chain cases, or by mutate.py and VERIFIER_JUDGE=DIR)
"""

import json
import sys
from pathlib import Path

import counting
import encoding
import signing
import verify


def differences(where, expected, found):
    """Of all fields that the expected verdict names, those of each contest too."""
    for field, value in expected.items():
        if field == "contests" and len(value) == len(found[field]):
            for place, pair in enumerate(zip(value, found[field])):
                yield from differences(f"{where}, contest {place}", *pair)
        elif field not in found or found[field] != value:
            yield f"{where}: {field} is {found.get(field)!r} here, {value!r} there"


def compare(name, expected, data):
    try:
        found = verify.verify(data)
    except verify.Invalid as why:
        return [f"{name}: valid there, here: {why}"] if expected else []
    return list(differences(name, expected, found)) if expected else [f"{name}: valid here, not there"]


def counts_for_ever():
    """The rules that would count a contest whatever it takes."""
    groups = [(((place,), ((place + 1) % 9,)), 1) for place in range(9)]
    scores = [(tuple(range(9)), 1)]
    sets = [((place, (place + 1) % 9), 1) for place in range(9)]
    for rule in range(counting.RULES):
        if rule in (*counting.ONE, counting.APPROVAL, counting.LIMITED, counting.SCORE, counting.CUMULATIVE):
            continue
        try:
            said = scores if rule in counting.SCORES else sets if rule in counting.SEVERAL else groups
            counting.elected(rule, None, said, 9, 2, counting.Ties(bytes(32), steps=17))
            yield rule
        except counting.TooLong:
            pass


def labels_apart():
    """Texts that are a label, or look, otherwise here than in the file that the page and the ledger have too."""
    for vector in json.loads((Path(__file__).parents[1] / "testdata" / "labels.json").read_text()):
        text, looks = vector["text"], encoding.look(vector["text"])
        try:
            is_label = encoding.label(text) == text
        except encoding.Invalid:
            is_label = False
        said = {"text": text, "label": is_label, "write_in": is_label and looks == text, "looks": looks, "skeleton": encoding.skeleton(text)}
        if vector != said:
            yield text


def signatures_apart():
    """Signatures that hold here and not in the ledger, or the other way round; by the library and without it."""
    for vector in json.loads((Path(__file__).parents[1] / "testdata" / "signatures.json").read_text())["vectors"]:
        key, message, signature = (bytes.fromhex(vector[field]) for field in ("key", "message", "signature"))
        found = [signing.holds(key, message, signature), signing.holds_by_zip215(key, message, signature)]
        if found != [vector["holds"], vector["zip215"]]:
            yield vector["name"]


def versions_lost():
    """Files of protocol versions, kept as they were written, that do not hold any more."""
    kept = sorted((Path(__file__).parents[1] / "testdata" / "versions").iterdir())
    assert len(kept) >= 6
    for path in kept:
        try:
            verify.verify(path.read_bytes())
        except verify.Invalid as why:
            yield f"{path.name}: {why}"


def main():
    assert not list(counts_for_ever())
    assert not list(labels_apart())
    assert not list(signatures_apart())
    assert not (lost := list(versions_lost())), lost
    good, bad, disagreements = 0, 0, []
    for folder in map(Path, sys.argv[1:]):
        verdicts = json.loads((folder / "verdicts.json").read_text())
        for name, expected in verdicts.items():
            disagreements += compare(name, expected, (folder / name).read_bytes())
        valid = sum(expected is not None for expected in verdicts.values())
        good, bad = good + valid, bad + len(verdicts) - valid
        # Those whose name says which they are.
        wrong = [name for name, expected in verdicts.items() if name.endswith("-ok") and not expected]
        disagreements += [f"{name}: it should be valid" for name in wrong]
    print(*disagreements, sep="\n", end="\n" if disagreements else "")
    assert good >= 110 and bad >= 120, (good, bad)
    if disagreements:
        sys.exit(1)
    print(f"both verifiers agree on {good} good and {bad} bad files")


main()
