"""The counting rules of docs/protocol.md, section "Counting". Equal ballots come as one group: (content, weight)."""

import hashlib

from meek import meek

PLURALITY, APPROVAL, SCORE, BORDA, IRV, STV, SCHULZE, YES_NO, MEEK, MINIMAX = range(10)
WAIT, EXHAUST, SKIP = range(3)
FIVE_PLACES = 100_000
# Looks at names on ballots in one count, some minutes. Contests that need more must be made for it; they are shown as not counted.
STEPS_MAX = 200_000_000


class TooLong(Exception):
    """A count that takes more steps than it may."""


class Ties:
    """Ties that a rule leaves open, broken by a seed; and the steps that the count may take yet."""

    def __init__(self, seed, steps=STEPS_MAX):
        self.seed, self.count, self.steps = seed, 0, steps

    def spend(self, steps):
        self.steps -= steps
        if self.steps < 0:
            raise TooLong

    def pick(self, tied):
        if len(tied) == 1:
            return tied[0]

        def lot(place):
            numbers = self.count.to_bytes(8, "big") + place.to_bytes(8, "big")
            return hashlib.sha256(b"vote-counting tie" + self.seed + numbers).digest()

        picked = min(tied, key=lot)
        self.count += 1
        return picked

    def best(self, amounts, seats):
        left, winners = list(range(len(amounts))), []
        while left and len(winners) < seats:
            most = max(amounts[place] for place in left)
            leading = [place for place in left if amounts[place] == most]
            if len(leading) > seats - len(winners):
                leading = [self.pick(leading)]
            winners += leading
            left = [place for place in left if place not in leading]
        return winners


def standing_of(ballot, left):
    """Those who are left of the first rank of which any is."""
    for rank in ballot:
        standing = [place for place in rank if place in left]
        if standing:
            return standing
    return []


def behind(history, tied, wanted):
    """Those of `tied` who were `wanted` (min or max) in the latest round in which they differ."""
    for votes in reversed(history):
        edge = wanted(votes[place] for place in tied)
        tied = [place for place in tied if votes[place] == edge]
        if len(tied) == 1:
            break
    return tied


def size(groups, n):
    """The steps of one look at every name on every ballot."""
    return n + sum(1 + sum(map(len, ballot)) for ballot, _ in groups)


def heard(ballot, overvotes):
    """The ranks that instant runoff comes to on a ballot."""
    ranks = []
    for rank in ballot:
        if len(rank) > 1 and overvotes == EXHAUST:
            break
        if len(rank) == 1 or overvotes == WAIT:
            ranks.append(rank)
    return ranks


def irv(groups, n, ties, overvotes):
    left, history, look = set(range(n)), [], size(groups, n)
    groups = [(heard(ballot, overvotes), weight) for ballot, weight in groups]
    if not any(ballot for ballot, _ in groups):
        return []
    while True:
        ties.spend(look + n * len(history))
        votes, waiting = [0] * n, 0
        for ballot, weight in groups:
            standing = standing_of(ballot, left)
            if len(standing) == 1:
                votes[standing[0]] += weight
            elif standing:
                waiting += weight
        history.append(votes)
        all_votes = sum(votes) + (waiting if len(left) > 2 else 0)
        ahead = [place for place in left if 2 * votes[place] > all_votes]
        if ahead or len(left) == 1:
            return [(ahead or list(left))[0]]
        left.remove(ties.pick(behind(history, sorted(left), min)))


def stv(groups, n, seats, ties):
    hopeful, votes, history, winners, surpluses = set(range(n)), [0] * n, [], [], []
    piles = [[] for _ in range(n)]

    def hand_on(papers):
        ties.spend(sum(1 + sum(map(len, ballot)) for ballot, _, _ in papers) + n * (1 + len(history)))
        for ballot, weight, value in papers:
            standing = standing_of(ballot, hopeful)
            if len(standing) == 1:
                votes[standing[0]] += weight * value
                piles[standing[0]].append((ballot, weight, value))

    hand_on([(ballot, weight, FIVE_PLACES) for ballot, weight in groups])
    if not any(votes):
        return []
    quota = (sum(votes) // FIVE_PLACES // (seats + 1) + 1) * FIVE_PLACES
    while True:
        history.append(list(votes))
        reached = sorted((place for place in hopeful if votes[place] >= quota), key=lambda place: (-votes[place], place))
        hopeful.difference_update(reached)
        winners += reached
        surpluses += [place for place in reached if votes[place] > quota]
        if len(winners) >= seats:
            return winners
        if len(winners) + len(hopeful) <= seats:
            return winners + sorted(hopeful, key=lambda place: (-votes[place], place))
        if surpluses:
            giver = ties.pick(behind(history, list(surpluses), max))
            surpluses.remove(giver)
            surplus, total, papers = votes[giver] - quota, votes[giver], piles[giver]
            piles[giver], votes[giver] = [], quota
            hand_on([(ballot, weight, value * surplus // total) for ballot, weight, value in papers])
        else:
            last = ties.pick(behind(history, sorted(hopeful), min))
            hopeful.remove(last)
            papers, piles[last], votes[last] = piles[last], [], 0
            hand_on(papers)


def pairwise(groups, n, ties):
    """How many put each choice before each other."""
    ties.spend(n * n * (1 + len(groups)))
    wins = [[0] * n for _ in range(n)]
    for ballot, weight in groups:
        below = set(range(n))
        for rank in ballot:
            below.difference_update(rank)
            for a in rank:
                row = wins[a]
                for b in below:
                    row[b] += weight
    return wins


def borda(groups, n, seats, ties):
    """In half points: 2 for every choice below, 1 for every equal."""
    wins, total = pairwise(groups, n, ties), sum(weight for _, weight in groups)
    points = [sum(total + wins[a][b] - wins[b][a] for b in range(n) if b != a) for a in range(n)]
    return ties.best(points, seats)


def one_after_the_other(n, seats, ties, lead):
    """Seats for those who lead, and then for those who lead among the rest; each look costs the square of how many are left."""
    left, winners = list(range(n)), []
    while left and len(winners) < seats:
        ties.spend(len(left) ** 2)
        leading = lead(left)
        if len(leading) > seats - len(winners):
            leading = [ties.pick(leading)]
        winners += leading
        left = [place for place in left if place not in leading]
    return winners


def schulze(groups, n, seats, ties):
    wins = pairwise(groups, n, ties)
    ties.spend(n * n * n)
    path = [[wins[a][b] if wins[a][b] > wins[b][a] else 0 for b in range(n)] for a in range(n)]
    for via in range(n):
        for a in range(n):
            first = path[a][via]
            if first and a != via:
                path[a] = [max(direct, min(first, then)) for direct, then in zip(path[a], path[via])]
    return one_after_the_other(n, seats, ties, lambda left: [a for a in left if all(path[a][b] >= path[b][a] for b in left)])


def minimax(groups, n, seats, ties):
    wins = pairwise(groups, n, ties)

    def least_beaten(left):
        worst = {a: max((wins[b][a] for b in left if wins[b][a] > wins[a][b]), default=0) for a in left}
        return [a for a in left if worst[a] == min(worst.values())]

    return one_after_the_other(n, seats, ties, least_beaten)


def reached(share, votes, of):
    """Whether so many votes reach the share of a number; nothing reaches none."""
    have, wanted = votes * share["denominator"], of * share["numerator"]
    return have > 0 and (have > wanted if share["more"] else have >= wanted)


def sums(rule, groups, n):
    """What is shown beside each choice: votes, approvals, scores, or ballots that rank it alone first."""
    votes = [0] * n
    for content, weight in groups:
        if rule in (PLURALITY, YES_NO):
            votes[content] += weight
        elif rule == APPROVAL:
            for place in content:
                votes[place] += weight
        elif rule == SCORE:
            for place, score in enumerate(content):
                votes[place] += weight * score
        elif content and len(content[0]) == 1:
            votes[content[0][0]] += weight
    return votes


def names_somebody(rule, content):
    return any(content) if rule == SCORE else bool(content)


def elected(rule, votes, groups, n, seats, ties, overvotes=WAIT):
    """The places of the winners, in order of election; by plurality of all who have the most votes."""
    if rule == PLURALITY:
        most = max(votes)
        return [place for place in range(n) if votes[place] == most]
    if not any(names_somebody(rule, content) for content, _ in groups):
        return []
    if rule in (APPROVAL, SCORE):
        return ties.best(votes, seats)
    if rule == IRV:
        return irv(groups, n, ties, overvotes)
    if rule == MEEK:
        return meek(groups, n, seats, ties, size(groups, n))
    return {BORDA: borda, STV: stv, SCHULZE: schulze, MINIMAX: minimax}[rule](groups, n, seats, ties)


def count(contest, groups, roll_weight, seed):
    """Votes and leaders of a contest, and whether the leaders have its majority; by approval those without it are left out. A contest that
    takes too long to count is not complete and has no leaders."""
    names, rule, majority = contest["choices"], contest["rule"], contest["majority"]
    all_votes, complete = sum(weight for _, weight in groups), True
    base = roll_weight if majority and majority["base"] == 1 else all_votes

    def has_it(votes):
        return reached(majority["share"], votes, base)

    if names is None:
        counts = dict(sorted(groups))
        most = max(counts.values(), default=0)
        leaders = [name for name in counts if counts[name] == most]
    else:
        counts = dict(zip(names, sums(rule, groups, len(names))))
        votes = list(counts.values())
        if not groups:
            leaders = []
        elif rule == YES_NO:
            leaders = [names[0] if has_it(votes[0]) else names[1]]
        else:
            try:
                places = elected(rule, votes, groups, len(names), contest["seats"], Ties(seed), contest["overvotes"])
                leaders = [names[place] for place in places]
            except TooLong:
                leaders, complete = [], False
    won = None
    if majority is not None:
        deciding = names[:1] if rule == YES_NO and leaders else leaders
        having = [name for name in deciding if has_it(counts[name])]
        won = bool(having)
        if rule == APPROVAL and won:
            leaders = having
    return {"counts": counts, "leaders": leaders, "majority": won, "complete": complete}
