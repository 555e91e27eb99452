"""The counting rules of docs/protocol.md, section "Counting"."""

import hashlib
from fractions import Fraction

PLURALITY, APPROVAL, SCORE, BORDA, IRV, STV, SCHULZE = range(7)
FIVE_PLACES = 100_000


class Ties:
    """Ties that a rule leaves open, broken by the election's id."""

    def __init__(self, seed):
        self.seed, self.count = seed, 0

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


def irv(ballots, n, ties):
    left, history = set(range(n)), []
    while True:
        votes, waiting = [0] * n, 0
        for ballot in ballots:
            standing = standing_of(ballot, left)
            if len(standing) == 1:
                votes[standing[0]] += 1
            elif standing:
                waiting += 1
        history.append(votes)
        all_votes = sum(votes) + (waiting if len(left) > 2 else 0)
        ahead = [place for place in left if 2 * votes[place] > all_votes]
        if ahead or len(left) == 1:
            return [(ahead or list(left))[0]]
        left.remove(ties.pick(behind(history, sorted(left), min)))


def stv(ballots, n, seats, ties):
    hopeful, votes, history, winners, surpluses = set(range(n)), [0] * n, [], [], []
    piles = [[] for _ in range(n)]

    def hand_on(papers):
        for ballot, value in papers:
            standing = standing_of(ballot, hopeful)
            if len(standing) == 1:
                votes[standing[0]] += value
                piles[standing[0]].append((ballot, value))

    hand_on([(ballot, FIVE_PLACES) for ballot in ballots])
    quota = (sum(votes) // FIVE_PLACES // (seats + 1) + 1) * FIVE_PLACES
    seats = min(seats, n)
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
            hand_on([(ballot, value * surplus // total) for ballot, value in papers])
        else:
            last = ties.pick(behind(history, sorted(hopeful), min))
            hopeful.remove(last)
            papers, piles[last], votes[last] = piles[last], [], 0
            hand_on(papers)


def pairwise(ballots, n):
    wins = [[0] * n for _ in range(n)]
    for ballot in ballots:
        rank = [len(ballot)] * n
        for at, places in enumerate(ballot):
            for place in places:
                rank[place] = at
        for a in range(n):
            for b in range(n):
                wins[a][b] += rank[a] < rank[b]
    return wins


def borda(ballots, n, seats, ties):
    wins, total = pairwise(ballots, n), len(ballots)
    half = Fraction(1, 2)
    points = [sum(wins[a][b] + half * (total - wins[a][b] - wins[b][a]) for b in range(n) if b != a) for a in range(n)]
    return ties.best(points, seats)


def schulze(ballots, n, seats, ties):
    wins = pairwise(ballots, n)
    path = [[wins[a][b] if wins[a][b] > wins[b][a] else 0 for b in range(n)] for a in range(n)]
    for via in range(n):
        for a in range(n):
            for b in range(n):
                if a != b and via not in (a, b):
                    path[a][b] = max(path[a][b], min(path[a][via], path[via][b]))
    left, winners = list(range(n)), []
    while left and len(winners) < seats:
        leading = [a for a in left if all(path[a][b] >= path[b][a] for b in left)]
        winners.append(ties.pick(leading))
        left.remove(winners[-1])
    return winners


def plurality(names):
    counts = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    most = max(counts.values(), default=0)
    return counts, sorted(name for name, count in counts.items() if count == most)


def count(election, choices, seed):
    """Votes and leaders of an election by its rule; `choices` as (kind, content)."""
    names, rule, seats = election["choices"], election["rule"], election["seats"]
    contents, ties = [content for _, content in choices], Ties(seed)
    if names is None:
        counts, leaders = plurality(contents)
        return {"counts": counts, "leaders": leaders}
    n = len(names)
    votes = [0] * n
    for content in contents:
        if rule == PLURALITY:
            votes[content] += 1
        elif rule == APPROVAL:
            for place in content:
                votes[place] += 1
        elif rule == SCORE:
            votes = [sum(pair) for pair in zip(votes, content)]
        elif content and len(content[0]) == 1:
            votes[content[0][0]] += 1
    if rule == PLURALITY:
        most = max(votes)
        leaders = [place for place in range(n) if votes[place] == most and most > 0]
    elif rule in (APPROVAL, SCORE):
        leaders = ties.best(votes, seats)
    elif rule == BORDA:
        leaders = borda(contents, n, seats, ties)
    elif rule == IRV:
        leaders = irv(contents, n, ties)
    elif rule == STV:
        leaders = stv(contents, n, seats, ties)
    else:
        leaders = schulze(contents, n, seats, ties)
    leaders = leaders if contents else []
    return {"counts": dict(zip(names, votes)), "leaders": [names[place] for place in leaders]}
