"""Other implementations, each asked for the winners that it allows; candidates are numbers, groups are (count, ranks).

Where they follow other rules than we do, the docstring says so, and the caller compares only what the rules have in common.
"""

import contextlib
import io
import math
import warnings
from collections import Counter
from fractions import Fraction
from itertools import combinations

import pyrankvote
from abcvoting import abcrules
from abcvoting.preferences import Profile as Approvals
from abcvoting.preferences import Voter
from pref_voting.grade_methods import majority_judgement, star
from pref_voting.grade_profiles import GradeProfile
from pref_voting.iterative_methods import benham_put, instant_runoff_put
from pref_voting.margin_based_methods import beat_path, minimax, ranked_pairs
from pref_voting.profiles import Profile
from pref_voting.profiles_with_ties import ProfileWithTies
from pref_voting.proportional_methods import stv_meek, stv_scottish
from pref_voting.scoring_methods import borda

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import votekit
    from votekit.elections import IRV, STV, Borda, Cumulative, Limited, Schulze


def linear(groups):
    """For pref-voting: complete ballots without equal ranks."""
    return Profile([[rank[0] for rank in ranks] for _, ranks in groups], rcounts=[number for number, _ in groups])


def tied(candidates, groups):
    """For pref-voting: any ballots; candidates that are not ranked come last."""
    rankings = [{c: at for at, rank in enumerate(ranks) for c in rank} for _, ranks in groups]
    profile = ProfileWithTies(rankings, rcounts=[n for n, _ in groups], candidates=list(range(candidates)))
    profile.use_extended_strict_preference()
    return profile


def pref_voting_irv(candidates, groups):
    """Every winner that some way of breaking ties leads to."""
    return instant_runoff_put(linear(groups))


def pref_voting_borda(candidates, groups):
    return borda(linear(groups))


def pref_voting_schulze(candidates, groups):
    """Strengths are winning votes here, margins there unless told."""
    profile = tied(candidates, groups)
    return beat_path(profile, strength_function=profile.support)


def pref_voting_minimax(candidates, groups):
    """Strengths are winning votes here, margins there unless told."""
    profile = tied(candidates, groups)
    return minimax(profile, strength_function=profile.support)


def strengths(candidates, groups):
    """Of each pair that more votes prefer than the other way round: those votes, and, of more weight if less, those against."""
    prefer = [[0] * candidates for _ in range(candidates)]
    for number, ranks in groups:
        at = {c: place for place, rank in enumerate(ranks) for c in rank}
        for a in at:
            for b in range(candidates):
                prefer[a][b] += number if at[a] < at.get(b, candidates) else 0
    pairs = [(a, b) for a in range(candidates) for b in range(candidates) if prefer[a][b] > prefer[b][a]]
    return {(a, b): (prefer[a][b], -prefer[b][a]) for a, b in pairs}


def pref_voting_ranked_pairs(candidates, groups):
    """Every winner that some order of equal pairs leads to; none if there are too many such orders to try. What counts as equal is for our strengths to
    say, as ranks of them; a pair that is level has none of the others' places there, and here the weakest."""
    strong = strengths(candidates, groups)
    ranks = {strength: rank for rank, strength in enumerate(sorted(set(strong.values())), 1)}
    level = math.comb(candidates, 2) - len(strong)
    equal = [*Counter(strong.values()).values(), 2 * level]
    if math.prod(map(math.factorial, equal)) > 5000:
        return None
    profile = tied(candidates, groups)
    return ranked_pairs(profile, strength_function=lambda a, b: ranks.get(strong.get((a, b)), 0))


def is_stack(candidates, groups, ranking):
    """Whether a ranking is one that ranked pairs leads to by some order of equal pairs: each is above each below it by a way down the ranking whose
    links are at least as strong as what the one below has against it (Zavist and Tideman 1989)."""
    strong = strengths(candidates, groups)
    none = (0, 0)
    for at, above in enumerate(ranking):
        best = {above: (math.inf, 0)}
        for place in range(at + 1, len(ranking)):
            below = ranking[place]
            ways = [min(best[via], strong.get((via, below), none)) for via in ranking[at:place]]
            best[below] = max(ways)
            if best[below] < strong.get((below, above), none):
                return False
    return True


def pref_voting_benham(candidates, groups):
    """Every winner that some way of breaking ties leads to."""
    return benham_put(linear(groups))


def benham_by_hand(candidates, groups):
    """Ballots of any length, with equal ranks: every winner that some way of breaking ties leads to."""
    strong = strengths(candidates, groups)

    def winners(left):
        ahead = {a for a in left if all((a, b) in strong for b in left if b != a)}
        if ahead:
            return ahead
        votes = dict.fromkeys(left, 0)
        for count, ranks in groups:
            chosen = choice_of(ranks, left, "wait")
            if len(chosen) == 1:
                votes[chosen[0]] += count
        last = [c for c in left if votes[c] == min(votes.values())]
        return set().union(*(winners(left - {c}) for c in last))

    return winners(frozenset(range(candidates)))


def pref_voting_scottish(candidates, groups, seats):
    return stv_scottish(tied(candidates, groups), num_seats=seats)


def pref_voting_meek(candidates, groups, seats):
    """In floating point, settled to 1e-10. Equal ranks share equally there, so that it is asked about ballots without any. A candidate with just the quota is elected there, and here only when
    the quota has fallen: that makes a difference between candidates with the same votes only."""
    return stv_meek(tied(candidates, groups), num_seats=seats)


def choice_of(ranks, left, overvotes):
    """Those for whom a ballot counts if it is one, or waits if they are several."""
    for rank in ranks:
        if len(rank) > 1 and overvotes == "exhaust":
            return []
        if len(rank) > 1 and overvotes == "skip":
            continue
        standing = [c for c in rank if c in left]
        if standing:
            return standing
    return []


def irv_by_hand(candidates, groups, overvotes="wait"):
    """Ballots of any length: every winner that some way of breaking ties leads to; none if no ballot counts for anybody."""
    known = {}
    everybody = frozenset(range(candidates))
    if not any(choice_of(ranks, everybody, overvotes) for _, ranks in groups):
        return frozenset()

    def winners(left):
        if left not in known:
            votes = dict.fromkeys(left, 0)
            for count, ranks in groups:
                chosen = choice_of(ranks, left, overvotes)
                if len(chosen) == 1:
                    votes[chosen[0]] += count
            fewest = min(votes.values())
            last = [c for c in left if votes[c] == fewest]
            known[left] = left if len(left) == 1 else frozenset().union(*(winners(left - {c}) for c in last))
        return known[left]

    return winners(everybody)


def meek_by_hand(candidates, orders, seats):
    """Ballots without equal ranks, with any part of a vote each: (part, order). In floating point, as short as the rule can be said."""
    keep = dict.fromkeys(range(candidates), 1.0)
    hopeful, elected = set(keep), []
    while len(elected) < seats and len(hopeful) + len(elected) > seats:
        for _ in range(10_000):
            votes = dict.fromkeys(keep, 0.0)
            for part, order in orders:
                left = float(part)
                for c in order:
                    votes[c] += left * keep[c]
                    left *= 1 - keep[c]
            quota = sum(votes.values()) / (seats + 1)
            reached = [c for c in hopeful if votes[c] > quota + 1e-9]
            if reached or all(votes[c] <= quota + 1e-9 for c in elected):
                break
            for c in elected:
                keep[c] = min(1.0, keep[c] * quota / votes[c])
        if reached:
            elected += reached
            hopeful -= set(reached)
        else:
            last = min(hopeful, key=lambda c: votes[c])
            hopeful.remove(last)
            keep[last] = 0.0
    return elected if len(elected) >= seats else elected + list(hopeful)


def pyrankvote_irv(candidates, groups):
    """Its STV has another quota (votes / (seats + 1)) and transfers all surpluses at once, so only one seat is compared."""
    names = [pyrankvote.Candidate(str(c)) for c in range(candidates)]
    ballots = [pyrankvote.Ballot([names[rank[0]] for rank in ranks]) for count, ranks in groups for _ in range(count)]
    return [int(winner.name) for winner in pyrankvote.instant_runoff_voting(names, ballots).get_winners()]


def votekit_profile(candidates, groups):
    ballots = [votekit.RankBallot(ranking=[frozenset(map(str, rank)) for rank in ranks], weight=n) for n, ranks in groups]
    names = [str(c) for c in range(candidates)]
    return votekit.RankProfile(ballots=ballots, candidates=names, max_ranking_length=candidates)


def elected(election):
    return [int(name) for tier in election.get_elected() for name in tier]


def quiet(count):
    """votekit says on standard output whenever it breaks a tie."""

    def counted(*asked):
        with contextlib.redirect_stdout(io.StringIO()):
            return count(*asked)

    return counted


@quiet
def votekit_irv(candidates, groups):
    return elected(IRV(votekit_profile(candidates, groups), tiebreak="random", rng_seed=0))


@quiet
def votekit_stv(candidates, groups, seats):
    """The quota is ours (floor(votes / (seats + 1)) + 1), transfers are by fractions that are not cut; surpluses are transferred all at once, so
    that only counts with one at a time go the same way."""
    return elected(STV(votekit_profile(candidates, groups), n_seats=seats, tiebreak="random", rng_seed=0))


@quiet
def votekit_schulze(candidates, groups):
    """By margins: the same as winning votes if every ballot ranks all, none equally."""
    return elected(Schulze(votekit_profile(candidates, groups)))


@quiet
def votekit_borda(candidates, groups):
    """Points of each candidate, if every ballot ranks all; the last has 1 there and 0 here."""
    election = Borda(votekit_profile(candidates, groups), scoring_tie_convention="average", tiebreak="random", rng_seed=0)
    ballots = sum(number for number, _ in groups)
    return [float(election.election_states[0].scores[str(c)]) - ballots for c in range(candidates)]


def graded(lists, grades):
    """For pref-voting: a ballot at a time, since its medians do not look at how many there are of each."""
    maps = [dict(enumerate(numbers)) for count, numbers in lists for _ in range(count)]
    return GradeProfile(maps, grades)


def pref_voting_star(lists):
    """Every winner of a runoff that some way of breaking ties for it leads to; both of a tied runoff."""
    return star(graded(lists, list(range(6))))


def prefer(lists, a, b):
    return sum(count for count, numbers in lists if numbers[a] > numbers[b])


def to_the_runoff(lists, pool, places):
    """Every set of so many of a pool, by Equal Vote's tiebreaker: whoever loses the most match-ups in it is out, again and again; any of those who
    lose as many."""
    if len(pool) <= places:
        return {frozenset(pool)}
    lost = {a: sum(prefer(lists, b, a) > prefer(lists, a, b) for b in pool) for a in pool}
    rest = [a for a in pool if lost[a] < max(lost.values())]
    if len(rest) > places:
        return to_the_runoff(lists, rest, places)
    if rest:
        beaten = [a for a in pool if a not in rest]
        left = places - len(rest)
        return {frozenset(rest) | more for more in to_the_runoff(lists, beaten, left)} if left else {frozenset(rest)}
    drawn = set()
    for lot in pool:
        left = to_the_runoff(lists, [a for a in pool if a != lot], places - 1) if places > 1 else {frozenset()}
        drawn |= {frozenset([lot]) | more for more in left}
    return drawn


def star_by_hand(lists, candidates, seats):
    """Every order of winners that some lots lead to, each seat by STAR among the rest; no library breaks its ties as Equal Vote says."""
    total = [sum(count * numbers[c] for count, numbers in lists) for c in range(candidates)]

    def fill(left, seats):
        by_sum = sorted(left, key=lambda c: -total[c])
        if len(left) <= seats:
            return {tuple(by_sum)}
        if not seats:
            return {()}
        edge = total[by_sum[1]]
        sure = [c for c in left if total[c] > edge]
        orders = set()
        for others in to_the_runoff(lists, [c for c in left if total[c] == edge], 2 - len(sure)):
            a, b = [*sure, *others]
            ahead = prefer(lists, a, b) - prefer(lists, b, a) or total[a] - total[b]
            for winner in [a, b] if ahead == 0 else [a if ahead > 0 else b]:
                orders |= {(winner, *more) for more in fill([c for c in left if c != winner], seats - 1)}
        return orders

    return fill(list(range(candidates)), seats)


def pref_voting_majority_judgment(lists):
    """By the majority grade and the larger of the shares above and below it, which leaves more ties open than taking grades away."""
    return majority_judgement(graded(lists, list(range(11))))


def majority_values(lists, candidates):
    """Of each candidate the majority grades that are taken away one at a time, by the definition."""
    values = []
    for c in range(candidates):
        grades = sorted(numbers[c] for count, numbers in lists for _ in range(count))
        values.append([grades.pop((len(grades) - 1) // 2) for _ in range(len(grades))])
    return values


def votekit_scores(lists):
    ballots = [votekit.ScoreBallot(scores={str(c): n for c, n in enumerate(numbers) if n}, weight=count) for count, numbers in lists if any(numbers)]
    return votekit.ScoreProfile(ballots=ballots, candidates=[str(c) for c in range(len(lists[0][1]))])


@quiet
def votekit_sums(rule, lists, seats):
    """By limited, with choices as ones, and by cumulative: the points of each candidate, and the winners by some lots."""
    profile = votekit_scores(lists)
    options = {"n_seats": seats, "tiebreak": "random", "rng_seed": 0}
    election = Limited(profile, budget=seats - 1, **options) if rule == "limited" else Cumulative(profile, **options)
    scores = election.election_states[0].scores
    return [float(scores.get(str(c), 0)) for c in range(len(lists[0][1]))], elected(election)


def abcvoting(rule, candidates, groups, seats):
    """Every committee that some way of breaking ties leads to ("av": every one with the most approvals); all who are ranked are approved."""
    profile = Approvals(candidates)
    profile.add_voters(Voter([c for rank in ranks for c in rank], weight=number) for number, ranks in groups)
    exact = {"algorithm": "standard-fractions"} if rule == "seqphragmen" else {}
    return [set(committee) for committee in abcrules.compute(rule, profile, committeesize=seats, resolute=False, **exact)]


def seats_by_hand(votes, seats, divisors):
    """Every way in which lists can have so many seats, by the definition itself: each quotient that has a seat is at least as high as each that has
    none. No library of those used here deals seats to lists."""
    quotients = sorted((Fraction(have, divisor) for have in votes for divisor in divisors(seats)), reverse=True)
    last = quotients[seats - 1]
    sure = [sum(Fraction(have, divisor) > last for divisor in divisors(seats)) for have in votes]
    level = [place for place, have in enumerate(votes) if any(Fraction(have, divisor) == last for divisor in divisors(seats))]
    ways = combinations(level, seats - sum(sure))
    return [[number + (place in chosen) for place, number in enumerate(sure)] for chosen in ways]
