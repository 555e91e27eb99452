"""Counts random profiles with vote-cli and with independent implementations, and compares.

Usage: counting.py VOTE_CLI [PROFILES]. Needs pref-voting (PyPI). Where a rule leaves a tie open, our winner must be one of those
that the other implementation allows.
"""

import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from pref_voting.iterative_methods import instant_runoff_put
from pref_voting.margin_based_methods import beat_path
from pref_voting.profiles import Profile
from pref_voting.profiles_with_ties import ProfileWithTies
from pref_voting.proportional_methods import stv_scottish
from pref_voting.scoring_methods import borda


def blt(candidates, seats, groups):
    lines = [f"{candidates} {seats}"]
    for count, ranks in groups:
        words = ["=".join(str(c + 1) for c in rank) for rank in ranks]
        lines.append(" ".join([str(count), *words, "0"]))
    lines.append("0")
    lines += [f'"c{c}"' for c in range(candidates)]
    return "\n".join(lines + ['"random"', ""])


def count(program, path, rule, seats):
    command = [program, "count", str(path), "--rule", rule, "--seats", str(seats), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    report = json.loads(done.stdout)
    return [int(name[1:]) for name in report["winners"]], report


def random_groups(chance, candidates, complete):
    groups = []
    for _ in range(chance.randint(1, 12)):
        order = list(range(candidates))
        chance.shuffle(order)
        if not complete:
            order = order[: chance.randint(1, candidates)]
        groups.append((chance.randint(1, 40), [[c] for c in order]))
    return groups


def with_equal_ranks(chance, groups):
    merged = []
    for number, ranks in groups:
        new = [ranks[0]]
        for rank in ranks[1:]:
            if chance.random() < 0.3:
                new[-1] = sorted(new[-1] + rank)
            else:
                new.append(rank)
        merged.append((number, new))
    return merged


def as_ties(candidates, groups):
    rankings = [{c: at for at, rank in enumerate(ranks) for c in rank} for _, ranks in groups]
    profile = ProfileWithTies(rankings, rcounts=[n for n, _ in groups], candidates=list(range(candidates)))
    profile.use_extended_strict_preference()
    return profile


def main():
    program, profiles = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 300
    compared = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "random.blt"
        for seed in range(profiles):
            chance = random.Random(seed)
            candidates = chance.randint(2, 6)

            def check(rule, seats, groups, allowed):
                path.write_text(blt(candidates, seats, groups))
                ours, report = count(program, path, rule, seats)
                theirs = allowed()
                ok = ours[0] in theirs if seats == 1 else set(ours) == set(theirs)
                if seats > 1 and report["ties"]:
                    return
                assert ok, f"seed {seed}, {rule}, {seats} seats: ours {ours}, theirs {theirs}\n{path.read_text()}"
                compared[rule] = compared.get(rule, 0) + 1

            groups = random_groups(chance, candidates, complete=True)
            linear = Profile([[rank[0] for rank in ranks] for _, ranks in groups], rcounts=[n for n, _ in groups])
            check("irv", 1, groups, lambda: instant_runoff_put(linear))
            check("borda", 1, groups, lambda: borda(linear))
            check("schulze", 1, groups, lambda: beat_path(linear))
            equal = with_equal_ranks(chance, random_groups(chance, candidates, complete=False))
            tied = as_ties(candidates, equal)
            # Strengths are winning votes here, margins there unless told.
            check("schulze", 1, equal, lambda: beat_path(tied, strength_function=tied.support))
            short = random_groups(chance, candidates, complete=False)
            seats = chance.randint(2, candidates) if candidates > 2 else 2
            check("stv", seats, short, lambda: stv_scottish(as_ties(candidates, short), num_seats=seats))
    print("counted alike:", ", ".join(f"{rule} {number}" for rule, number in sorted(compared.items())))
    assert all(number > profiles // 3 for number in compared.values()), "too few comparisons show little"


main()
