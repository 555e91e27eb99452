"""Meek's rule (docs/protocol.md, section "Counting"): votes, values and weights are whole numbers of billionths."""

ONE = 10**9
# What equal ranks give is added up in parts of a billionth.
PARTS = 10**9
DIVISION_STEPS = 8
SLACK = 1000
LOOKS = 1000


def taken(weight, keep):
    """What a choice takes that has a rank for itself."""
    return -(-weight * keep // ONE)


def mean_left(keeps, at, ties):
    """What those before the choice at `at` leave of one, in parts: the mean over all orders of a rank with these keep values, highest first."""
    others = keeps[:at] + keeps[at + 1:]
    sure = others.count(ONE)
    ties.spend(DIVISION_STEPS * (1 + len(others) - sure) ** 2)
    means = [ONE * PARTS]
    for many, keep in enumerate(others[sure:], sure + 1):
        means.append(0)
        for size in range(len(means) - 1, 0, -1):
            total = (many - size) * means[size] * ONE + size * (ONE - keep) * means[size - 1]
            means[size] = total // (many * ONE)
    return sum(means) // (len(others) + 1)


def share(takers, keep, weight, ties):
    """What equal choices take of a weight, in parts, and what they leave of it, in billionths."""
    takers = sorted(takers, key=lambda place: (-keep[place], place))
    keeps, left, shares = [keep[place] for place in takers], {}, {}
    for at, place in enumerate(takers):
        if keep[place] not in left:
            left[keep[place]] = mean_left(keeps, at, ties)
        shares[place] = weight * keep[place] * left[keep[place]] // (ONE * PARTS)
    for value in keeps:
        weight -= taken(weight, value)
    return shares, weight


def look(groups, keep, ties):
    """What each choice takes of the ballots, at these keep values (0: excluded)."""
    votes = [0] * len(keep)
    for ballot, times in groups:
        left = ONE
        for rank in ballot:
            takers = [place for place in rank if keep[place]]
            if len(takers) == 1:
                (place,) = takers
                gone = taken(left, keep[place])
                votes[place] += gone * PARTS * times
                left -= gone
            elif takers:
                shares, left = share(takers, keep, left, ties)
                for place, parts in shares.items():
                    votes[place] += parts * times
            if not left:
                break
    return [(parts + PARTS // 2) // PARTS for parts in votes]


def meek(groups, n, seats, ties, steps_of_look):
    keep, hopeful, winners, before = [ONE] * n, set(range(n)), [], []

    def by_votes(places):
        return sorted(places, key=lambda place: (-votes[place], place))

    def last_of(places):
        """Whom of these to exclude: the fewest votes now, then in the rounds before, then the seed."""
        tied, slack = sorted(places), surplus + SLACK
        for then in [votes, *reversed(before)]:
            fewest = min(then[place] for place in tied)
            tied = [place for place in tied if then[place] <= fewest + slack]
            slack = SLACK
        return ties.pick(tied)

    while len(winners) < min(seats, n):
        looks, surplus_before = 0, None
        while True:
            ties.spend(steps_of_look)
            votes = look(groups, keep, ties)
            looks += 1
            if len(hopeful) <= seats - len(winners):
                return winners + by_votes(hopeful)
            quota = sum(votes) // (seats + 1) + 1
            over = [place for place in winners if votes[place] > quota]
            surplus = sum(votes[place] - quota for place in over)
            reached = {place for place in hopeful if votes[place] >= quota}
            while len(reached) > seats - len(winners):
                reached.remove(last_of(reached))
            if reached:
                winners += by_votes(reached)
                hopeful -= reached
                break
            falls = surplus_before is None or surplus < surplus_before
            if surplus < SLACK or not falls or looks == LOOKS:
                last = last_of(hopeful)
                hopeful.remove(last)
                keep[last] = 0
                break
            for place in over:
                keep[place] = -(-keep[place] * quota // votes[place])
            surplus_before = surplus
        before.append(votes)
    return winners
