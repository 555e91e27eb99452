"""Counts random profiles with vote-cli and with independent implementations, and compares.

Usage: counting.py VOTE_CLI [PROFILES]. Needs abcvoting, pref-voting, pyrankvote, votekit (PyPI). Where a rule leaves a tie open, our winner must be one of
those that the other implementation allows; where it only tells one, those profiles are compared that have one winner however ties are broken.

| rule | ballots | with |
|---|---|---|
| irv | complete | pref-voting: any way of breaking ties |
| irv | any length | by hand: any way of breaking ties; pyrankvote, votekit: if that is one winner |
| irv | any length, with equal ranks | by hand, with each word on overvotes: any way of breaking ties |
| borda | complete | pref-voting |
| borda | all ranked, some equally | votekit: the points |
| schulze | complete; with equal ranks, any length | pref-voting, by winning votes |
| schulze | complete | votekit, by margins, which is then the same |
| minimax | complete; with equal ranks, any length | pref-voting, by winning votes |
| ranked-pairs | complete; with equal ranks, any length | pref-voting: the winner, by any order of equal pairs; by hand: whether the ranking is one that some order leads to |
| benham | complete | pref-voting: any way of breaking ties |
| benham | any length, with equal ranks | by hand: any way of breaking ties |
| dhondt, sainte-lague | lists | by hand: any way of breaking ties |
| stv | any length | pref-voting's Scottish rules; votekit, if one surplus at a time waits and no exclusion is close |
| meek | any length, with equal ranks | pref-voting and by hand, both with every order of equal ranks written out, if no exclusion is close |
| meek | with every order of equal ranks written out | ourselves with equal ranks: the votes in each round, if no exclusion is close |
| star | numbers to 5 | pref-voting: any way of breaking ties for the runoff |
| star | numbers, many of them tied; several seats | by hand: any lots |
| majority-judgment | numbers to 10 | pref-voting, which leaves more ties open |
| majority-judgment | numbers; several seats | by hand: grades taken away one at a time |
| limited, cumulative | sets; points | votekit: the sums, and the winners if no lot is drawn |
| approval, sequential-pav, phragmen | sets, as categories | abcvoting: any committee that some way of breaking ties leads to |
"""

import math
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path

import oracles
from common import (blt, close_exclusion, drew_lots, few_lists, places, random_groups, random_lists, report, surpluses_at_once, table, with_equal_ranks,
                    written_out)


class Check:
    """Counts one profile by one rule and compares it with what others say."""

    def __init__(self, program, folder):
        self.program, self.folder, self.compared, self.seed = program, folder, Counter(), None

    def count(self, rule, candidates, seats, groups, *options, ending="blt", text=None):
        self.path = self.folder / f"random.{ending}"
        self.path.write_text(text or blt(candidates, seats, groups))
        return report(self.program, self.path, rule, seats, *options)

    def numbers(self, rule, candidates, seats, lists):
        return self.count(rule, candidates, seats, None, ending="csv", text=table(candidates, lists))

    def same(self, what, ok, counted, theirs):
        ours = counted["winners"]
        assert ok, f"seed {self.seed}, {what}: ours {ours}, theirs {theirs}\n{self.path.read_text()}"
        self.compared[what] += 1


def check_irv(check, chance, candidates):
    groups = random_groups(chance, candidates, complete=True)
    counted = check.count("irv", candidates, 1, groups)
    allowed = oracles.pref_voting_irv(candidates, groups)
    check.same("irv pref-voting", places(counted["winners"])[0] in allowed, counted, allowed)
    groups = random_groups(chance, candidates, complete=False)
    counted = check.count("irv", candidates, 1, groups)
    allowed = oracles.irv_by_hand(candidates, groups)
    check.same("irv by hand", places(counted["winners"])[0] in allowed, counted, allowed)
    if len(allowed) == 1:
        for name, oracle in [("pyrankvote", oracles.pyrankvote_irv), ("votekit", oracles.votekit_irv)]:
            theirs = oracle(candidates, groups)
            check.same(f"irv {name}", places(counted["winners"]) == theirs, counted, theirs)


def check_overvotes(check, chance, candidates):
    groups = with_equal_ranks(chance, random_groups(chance, candidates, complete=False))
    for overvotes in ["wait", "exhaust", "skip"]:
        counted = check.count("irv", candidates, 1, groups, "--overvotes", overvotes)
        allowed = oracles.irv_by_hand(candidates, groups, overvotes)
        ours = places(counted["winners"])
        check.same(f"irv overvotes {overvotes}", ours[0] in allowed if ours else not allowed, counted, allowed)


def check_borda(check, chance, candidates):
    groups = random_groups(chance, candidates, complete=True)
    counted = check.count("borda", candidates, 1, groups)
    allowed = oracles.pref_voting_borda(candidates, groups)
    check.same("borda pref-voting", places(counted["winners"])[0] in allowed, counted, allowed)
    equal = with_equal_ranks(chance, groups)
    counted = check.count("borda", candidates, 1, equal)
    ours = [counted["rounds"][0]["votes"][f"c{c}"] for c in range(candidates)]
    theirs = oracles.votekit_borda(candidates, equal)
    check.same("borda votekit", all(abs(a - b) < 1e-6 for a, b in zip(ours, theirs, strict=True)), counted, theirs)


def check_pairwise(check, chance, candidates):
    complete = random_groups(chance, candidates, complete=True)
    equal = with_equal_ranks(chance, random_groups(chance, candidates, complete=False))
    for rule, oracle in [("schulze", oracles.pref_voting_schulze), ("minimax", oracles.pref_voting_minimax)]:
        for groups in [complete, equal]:
            counted = check.count(rule, candidates, 1, groups)
            allowed = oracle(candidates, groups)
            check.same(f"{rule} pref-voting", places(counted["winners"])[0] in allowed, counted, allowed)
            if rule == "schulze" and groups is complete and len(allowed) == 1:
                theirs = oracles.votekit_schulze(candidates, groups)
                check.same("schulze votekit", places(counted["winners"]) == theirs, counted, theirs)


def check_ranked_pairs(check, chance, candidates):
    complete = random_groups(chance, candidates, complete=True)
    for groups in [complete, with_equal_ranks(chance, random_groups(chance, candidates, complete=False))]:
        counted = check.count("ranked-pairs", candidates, candidates, groups)
        ranking = places(counted["winners"])
        check.same("ranked-pairs by hand", oracles.is_stack(candidates, groups, ranking), counted, "none")
        allowed = oracles.pref_voting_ranked_pairs(candidates, groups)
        if allowed is not None:
            counted = check.count("ranked-pairs", candidates, 1, groups)
            check.same("ranked-pairs pref-voting", places(counted["winners"])[0] in allowed, counted, allowed)


def check_benham(check, chance, candidates):
    groups = random_groups(chance, candidates, complete=True)
    counted = check.count("benham", candidates, 1, groups)
    allowed = oracles.pref_voting_benham(candidates, groups)
    check.same("benham pref-voting", places(counted["winners"])[0] in allowed, counted, allowed)
    groups = with_equal_ranks(chance, random_groups(chance, candidates, complete=False))
    counted = check.count("benham", candidates, 1, groups)
    allowed = oracles.benham_by_hand(candidates, groups)
    check.same("benham by hand", places(counted["winners"])[0] in allowed, counted, allowed)


def check_stv(check, chance, candidates):
    groups = random_groups(chance, candidates, complete=False)
    seats = chance.randint(2, candidates) if candidates > 2 else 2
    counted = check.count("stv", candidates, seats, groups)
    if drew_lots(counted):
        return
    theirs = oracles.pref_voting_scottish(candidates, groups, seats)
    check.same("stv pref-voting", set(places(counted["winners"])) == set(theirs), counted, theirs)
    if seats < candidates and surpluses_at_once(counted) <= 1 and not close_exclusion(counted):
        theirs = oracles.votekit_stv(candidates, groups, seats)
        check.same("stv votekit", set(places(counted["winners"])) == set(theirs), counted, theirs)


def check_meek(check, chance, candidates):
    groups = with_equal_ranks(chance, random_groups(chance, candidates, complete=False))
    seats = chance.randint(1, max(1, candidates - 1))
    counted = check.count("meek", candidates, seats, groups)
    if drew_lots(counted) or close_exclusion(counted):
        return
    strict = list(written_out(groups))
    # Others take whole votes: as many times as many of each, which changes no winner.
    times = math.lcm(*(part.denominator for part, _ in strict))
    whole = [(int(part * times), [[c] for c in order]) for part, order in strict]
    for name, theirs in [
        ("pref-voting", oracles.pref_voting_meek(candidates, whole, seats)),
        ("by hand", oracles.meek_by_hand(candidates, strict, seats)),
    ]:
        check.same(f"meek {name}", set(places(counted["winners"])) == set(theirs), counted, theirs)
    # The other side of the comparison is counted from a file of its own; a tie that is none there may be broken by rounding.
    apart = check.count("meek", candidates, seats, whole)
    if not drew_lots(apart) and not close_exclusion(apart):
        rounds = zip(counted["rounds"], apart["rounds"], strict=True)
        alike = all(abs(one["votes"][name] - other["votes"][name] / times) < 0.001 for one, other in rounds for name in one["votes"])
        check.same("meek written out", alike and counted["winners"] == apart["winners"], counted, apart["winners"])


def check_approval(check, chance, candidates):
    groups = [(n, [sorted(c for rank in ranks for c in rank)]) for n, ranks in random_groups(chance, candidates, complete=False)]
    seats = chance.randint(1, candidates)
    header = [f"# NUMBER ALTERNATIVES: {candidates}", "# NUMBER CATEGORIES: 2", "# CATEGORY NAME 1: Yes", "# CATEGORY NAME 2: No"]
    header += [f"# ALTERNATIVE NAME {c + 1}: c{c}" for c in range(candidates)]
    category = lambda chosen: "{" + ",".join(str(c + 1) for c in chosen) + "}"
    lines = [f"{n}: {category(yes)},{category([c for c in range(candidates) if c not in yes])}" for n, [yes] in groups]
    for rule, theirs in [("approval", "av"), ("sequential-pav", "seqpav"), ("phragmen", "seqphragmen")]:
        counted = check.count(rule, candidates, seats, groups, ending="cat", text="\n".join(header + lines))
        allowed = oracles.abcvoting(theirs, candidates, groups, seats)
        check.same(f"{rule} abcvoting", set(places(counted["winners"])) in allowed, counted, allowed)


def check_star(check, chance, candidates):
    lists = random_lists(chance, candidates, 5)
    counted = check.numbers("star", candidates, 1, lists)
    allowed = oracles.pref_voting_star(lists)
    check.same("star pref-voting", places(counted["winners"])[0] in allowed, counted, allowed)
    for lists in [few_lists(chance, candidates, 2), random_lists(chance, candidates, 2)]:
        seats = chance.randint(1, candidates)
        counted = check.numbers("star", candidates, seats, lists)
        allowed = oracles.star_by_hand(lists, candidates, seats)
        check.same("star by hand", tuple(places(counted["winners"])) in allowed, counted, allowed)
        if not drew_lots(counted):
            check.same("star without lots", len(allowed) == 1, counted, allowed)


def check_majority_judgment(check, chance, candidates):
    lists = random_lists(chance, candidates, 10)
    counted = check.numbers("majority-judgment", candidates, 1, lists)
    allowed = oracles.pref_voting_majority_judgment(lists)
    check.same("majority-judgment pref-voting", places(counted["winners"])[0] in allowed, counted, allowed)
    lists = few_lists(chance, candidates, 3)
    seats = chance.randint(1, candidates)
    counted = check.numbers("majority-judgment", candidates, seats, lists)
    values = oracles.majority_values(lists, candidates)
    ours = [values[c] for c in places(counted["winners"])]
    grades = [counted["rounds"][0]["votes"][f"c{c}"] for c in range(candidates)]
    alike = ours == sorted(values, reverse=True)[:seats] and grades == [of[0] for of in values]
    check.same("majority-judgment by hand", alike, counted, values)


def check_sums(check, chance, candidates):
    seats = chance.randint(2, candidates)
    points = []
    for _ in range(chance.randint(1, 8)):
        numbers = [0] * candidates
        for _ in range(chance.randint(1, seats)):
            numbers[chance.randrange(candidates)] += 1
        points.append((chance.randint(1, 9), numbers))
    cumulative = check.numbers("cumulative", candidates, seats, points)
    sets = [(chance.randint(1, 9), sorted(chance.sample(range(candidates), chance.randint(1, seats - 1)))) for _ in range(chance.randint(1, 8))]
    limited = check.count("limited", candidates, seats, [(count, [chosen]) for count, chosen in sets])
    ones = [(count, [int(c in chosen) for c in range(candidates)]) for count, chosen in sets]
    for rule, counted, lists in [("cumulative", cumulative, points), ("limited", limited, ones)]:
        if sum(any(numbers[c] for _, numbers in lists) for c in range(candidates)) < seats:
            continue  # votekit fills no seat with who has no votes
        sums, winners = oracles.votekit_sums(rule, lists, seats)
        ours = [counted["rounds"][0]["votes"][f"c{c}"] for c in range(candidates)]
        alike = ours == sums and (drew_lots(counted) or set(places(counted["winners"])) == set(winners))
        check.same(f"{rule} votekit", alike, counted, (sums, winners))
def check_lists(check, chance, candidates):
    groups = [(chance.randint(1, 40), [[c]]) for c in range(candidates) if chance.random() < 0.9] or [(1, [[0]])]
    votes = [sum(number for number, [[c]] in groups if c == place) for place in range(candidates)]
    seats = chance.randint(1, 15)
    for rule, divisors in [("dhondt", lambda seats: range(1, seats + 1)), ("sainte-lague", lambda seats: range(1, 2 * seats, 2))]:
        counted = check.count(rule, candidates, seats, groups)
        ours = dict(zip(places(counted["winners"]), counted["winner_seats"], strict=True))
        allowed = oracles.seats_by_hand(votes, seats, divisors)
        check.same(f"{rule} by hand", [ours.get(place, 0) for place in range(candidates)] in allowed, counted, allowed)


def main():
    program, profiles = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 300
    checks = [check_irv, check_overvotes, check_borda, check_pairwise, check_ranked_pairs, check_benham, check_stv, check_meek, check_approval,
              check_star, check_majority_judgment, check_sums, check_lists]
    with tempfile.TemporaryDirectory() as folder:
        check = Check(program, Path(folder))
        for check.seed in range(profiles):
            chance = random.Random(check.seed)
            candidates = chance.randint(2, 6)
            for rule in checks:
                rule(check, chance, candidates)
    print("counted alike:", ", ".join(f"{what} {number}" for what, number in sorted(check.compared.items())))
    assert len(check.compared) >= 33, check.compared
    assert all(number > profiles // 6 for number in check.compared.values()), "too few comparisons show little"


main()
