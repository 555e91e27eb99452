#!/usr/bin/env python3
"""Compares this verifier's verdicts with those that were written beside the cases.

    check_cases.py DIR     (made by VERIFIER_CASES=DIR cargo test -p vote-chain cases)
"""

import json
import sys
from pathlib import Path

import verify


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
        for field, value in expected.items():
            assert found[field] == value, f"{name}: {field} is {found[field]!r} here, {value!r} there"
        good += 1
    assert good >= 40 and bad >= 60, (good, bad)
    print(f"both verifiers agree on {good} good and {bad} bad files")


main()
