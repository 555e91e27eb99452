"""Meek's rule (docs/protocol.md, section "Counting"): votes, values and weights are whole numbers of billionths."""

ONE = 10**9
SLACK = 1000
LOOKS = 1000


def look(groups, keep):
    """What each choice takes of the ballots, at these keep values (0: excluded)."""
    votes = [0] * len(keep)
    for ballot, times in groups:
        left = ONE
        for rank in ballot:
            takers = [place for place in rank if keep[place]]
            if not takers:
                continue
            offer = left // len(takers)
            for place in takers:
                taken = -(-offer * keep[place] // ONE)
                votes[place] += taken * times
                left -= taken
            if not left:
                break
    return votes


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
            votes = look(groups, keep)
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
