#!/usr/bin/env python3
"""Compares this verifier's verdicts with those that were written beside the cases.

    check_cases.py DIR     (made by VERIFIER_CASES=DIR cargo test -p vote-chain cases)
"""

import json
import sys
from pathlib import Path

import verify


def compare(where, expected, found):
    """All fields that the expected verdict names, those of each contest too."""
    for field, value in expected.items():
        if field == "contests":
            assert len(value) == len(found[field]), f"{where}: {len(found[field])} contests here, {len(value)} there"
            for place, pair in enumerate(zip(value, found[field])):
                compare(f"{where}, contest {place}", *pair)
        else:
            assert found[field] == value, f"{where}: {field} is {found[field]!r} here, {value!r} there"


def main():
    folder = Path(sys.argv[1])
    verdicts = json.loads((folder / "verdicts.json").read_text())
    good = bad = 0
    for name, expected in verdicts.items():
        try:
            found = verify.verify((folder / name).read_bytes())
        except verify.Invalid as why:
            assert expected is None, f"{name}: valid there, here: {why}"
            bad += 1
            continue
        assert expected is not None, f"{name}: valid here, not there"
        compare(name, expected, found)
        good += 1
    assert good >= 60 and bad >= 100, (good, bad)
    print(f"both verifiers agree on {good} good and {bad} bad files")


main()
