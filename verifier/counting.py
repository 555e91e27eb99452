"""The counting rules of docs/protocol.md, section "Counting". Equal ballots come as one group: (content, weight)."""

import hashlib

from meek import meek
from sequential import highest_quotients, phragmen, sequential_pav

RULES = 20
(PLURALITY, APPROVAL, SCORE, BORDA, IRV, STV, SCHULZE, YES_NO, MEEK, MINIMAX, STAR, MAJORITY_JUDGMENT, LIMITED, CUMULATIVE,
 RANKED_PAIRS, BENHAM, SEQUENTIAL_PAV, PHRAGMEN,
 DHONDT, SAINTE_LAGUE) = range(RULES)
# What a ballot says by a rule: one choice, some of them, a number from 0 to 10 for each, points to spread; by all others a ranking.
ONE, SEVERAL, SCORES, POINTS = (PLURALITY, YES_NO, DHONDT, SAINTE_LAGUE), (APPROVAL, LIMITED, SEQUENTIAL_PAV, PHRAGMEN), (SCORE, STAR, MAJORITY_JUDGMENT), (CUMULATIVE,)
# How much a list's divisor grows with each seat.
LISTS = {DHONDT: 1, SAINTE_LAGUE: 2}
LIST_SEATS_MAX = 1000
ONE_SEAT = (PLURALITY, YES_NO, IRV, BENHAM)
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

    def drawn(self, places):
        """These places in the order of the next lot."""
        number = self.count.to_bytes(8, "big")
        self.count += 1
        lot = lambda place: hashlib.sha256(b"vote-counting tie" + self.seed + number + place.to_bytes(8, "big")).digest()
        return sorted(places, key=lot)

    def pick(self, tied):
        return tied[0] if len(tied) == 1 else self.drawn(tied)[0]

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


def irv(groups, n, ties, overvotes, wins=None):
    """Instant runoff; Benham's rule if it is told how many put each choice before each other."""
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
        if wins is None:
            ahead = [place for place in left if 2 * votes[place] > all_votes]
        else:
            ahead = [a for a in left if all(wins[a][b] > wins[b][a] for b in left if b != a)]
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


def prefer(groups, a, b):
    """By how many votes more a choice has the higher number than another."""
    return sum(weight if content[a] > content[b] else -weight for content, weight in groups if content[a] != content[b])


def through_to_runoff(groups, tied, places, ties):
    """So many of those with the same sum, by the match-ups among them."""
    ties.spend(len(tied) ** 2 * (1 + len(groups)))
    beats = {(a, b): prefer(groups, a, b) > 0 for a in tied for b in tied if a != b}
    pool, through = tied, []
    while len(pool) > places - len(through):
        ties.spend(len(pool) ** 2)
        losses = {a: sum(beats[b, a] for b in pool if b != a) for a in pool}
        beaten = [a for a in pool if losses[a] == max(losses.values())]
        rest = [a for a in pool if a not in beaten]
        if not rest:
            picked = ties.pick(pool)
            through, pool = through + [picked], [a for a in pool if a != picked]
        elif len(rest) <= places - len(through):
            through, pool = through + rest, beaten
        else:
            pool = rest
        if len(through) == places:
            return through
    return through + pool


def star(groups, n, seats, ties):
    ties.spend(n * (1 + len(groups)))
    votes, left, winners = sums(SCORE, groups, n), list(range(n)), []
    while left and len(winners) < seats:
        ties.spend(n)
        left.sort(key=lambda place: (-votes[place], place))
        if len(left) <= seats - len(winners):
            return winners + left
        edge = votes[left[1]]
        through = [place for place in left if votes[place] > edge]
        through += through_to_runoff(groups, [place for place in left if votes[place] == edge], 2 - len(through), ties)
        ties.spend(4 * (1 + len(groups)))
        a, b = sorted(through)
        ahead = prefer(groups, a, b) or votes[a] - votes[b]
        winner = ties.pick([a, b]) if ahead == 0 else a if ahead > 0 else b
        winners.append(winner)
        left.remove(winner)
    return winners


def at_least(groups, place):
    """How many votes give a choice each grade or a better one, best grade first: [(grade, votes)]."""
    of = {}
    for content, weight in groups:
        of[content[place]] = of.get(content[place], 0) + weight
    so_far, steps = 0, []
    for grade in sorted(of, reverse=True):
        so_far += of[grade]
        steps.append((grade, so_far))
    return steps


def grade_at(steps, place):
    """The grade at a place in the order of all, best first, from 1."""
    return next(grade for grade, votes in steps if votes >= place)


def majority_grades(groups, n):
    middle = sum(weight for _, weight in groups) // 2 + 1
    return [grade_at(at_least(groups, place), middle) if groups else 0 for place in range(n)]


def majority_judgment(groups, n, seats, ties):
    """Grades are taken away around the middle, in turn below and above it. So what is compared is pairs: those as far below as above. They
    change at few places, which are the same for all when those of all are taken."""
    ties.spend(n * (11 + len(groups)))
    all_votes = sum(weight for _, weight in groups)
    middle = all_votes // 2 + 1
    # Of an odd number the middle is a pair of its own.
    below, above = middle + all_votes % 2, middle - 1
    steps = [at_least(groups, place) for place in range(n)]
    changes = {0} | {votes + 1 - below for of in steps for _, votes in of} | {above - votes for of in steps for _, votes in of}
    pairs = sorted(away for away in changes if 0 <= away < above)
    keys = [[grade_at(of, middle), *[(grade_at(of, below + away), grade_at(of, above - away)) for away in pairs]] for of in steps]
    order = sorted(keys)
    return ties.best([order.index(key) for key in keys], seats)
def benham(groups, n, ties):
    wins = pairwise(groups, n, ties)
    ties.spend(n ** 3)
    return irv(groups, n, ties, WAIT, wins)


def ranked_pairs(groups, n, seats, ties):
    wins = pairwise(groups, n, ties)
    ties.spend(n ** 3)
    lot = {a: at for at, a in enumerate(ties.drawn(range(n)))}
    pairs = [(-wins[a][b], wins[b][a], lot[a], lot[b], a, b) for a in range(n) for b in range(n) if wins[a][b] > wins[b][a]]
    below = [0] * n  # of each choice, a bit for each other that it is placed above
    for *_, a, b in sorted(pairs):
        if not below[b] >> a & 1:
            for above in range(n):
                if above == a or below[above] >> a & 1:
                    below[above] |= below[b] | 1 << b
    return one_after_the_other(n, seats, ties, lambda left: [a for a in left if not any(below[b] >> a & 1 for b in left)])


def reached(share, votes, of):
    """Whether so many votes reach the share of a number; nothing reaches none."""
    have, wanted = votes * share["denominator"], of * share["numerator"]
    return have > 0 and (have > wanted if share["more"] else have >= wanted)


def sums(rule, groups, n):
    """What is shown beside each choice: votes, approvals, sums of numbers, the majority grade, or ballots that rank it alone first."""
    if rule == MAJORITY_JUDGMENT:
        return majority_grades(groups, n)
    votes = [0] * n
    for content, weight in groups:
        if rule in ONE:
            votes[content] += weight
        elif rule in SEVERAL:
            for place in content:
                votes[place] += weight
        elif rule in SCORES + POINTS:
            for place, score in enumerate(content):
                votes[place] += weight * score
        elif content and len(content[0]) == 1:
            votes[content[0][0]] += weight
    return votes


def names_somebody(rule, content):
    return any(content) if rule in SCORES + POINTS else bool(content)


def elected(rule, votes, groups, n, seats, ties, overvotes=WAIT):
    """The places of the winners, in order of election; by plurality of all who have the most votes."""
    if rule == PLURALITY:
        most = max(votes)
        return [place for place in range(n) if votes[place] == most]
    if rule in LISTS:
        return highest_quotients(votes, LISTS[rule], seats, ties)
    if not any(names_somebody(rule, content) for content, _ in groups):
        return []
    if rule in (APPROVAL, SCORE, LIMITED, CUMULATIVE):
        return ties.best(votes, seats)
    if rule == IRV:
        return irv(groups, n, ties, overvotes)
    if rule == BENHAM:
        return benham(groups, n, ties)
    if rule == MEEK:
        return meek(groups, n, seats, ties, size(groups, n))
    by = {BORDA: borda, STV: stv, SCHULZE: schulze, MINIMAX: minimax, STAR: star, MAJORITY_JUDGMENT: majority_judgment,
          RANKED_PAIRS: ranked_pairs, SEQUENTIAL_PAV: sequential_pav, PHRAGMEN: phragmen}
    return by[rule](groups, n, seats, ties)


def count(contest, groups, roll_weight, seed):
    """Votes and leaders of a contest, how many seats each has if they are lists, and whether the leaders have its majority; by approval
    those without it are left out. A contest that takes too long to count is not complete and has no leaders."""
    seats = {}
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
                leaders = [names[place] for place in dict.fromkeys(places)]
                seats = {name: sum(names[place] == name for place in places) for name in leaders} if rule in LISTS else {}
            except TooLong:
                leaders, complete = [], False
    won = None
    if majority is not None:
        deciding = names[:1] if rule == YES_NO and leaders else leaders
        having = [name for name in deciding if has_it(counts[name])]
        won = bool(having)
        if rule == APPROVAL and won:
            leaders = having
    return {"counts": counts, "leaders": leaders, "seats": list(seats.values()), "majority": won, "complete": complete}
