"""Rules that fill one seat after another, with exact fractions (docs/protocol.md, section "Counting")."""

from fractions import Fraction

# An operation on a fraction of so many bits is about a step.
BITS = 64


def one_by_one(n, seats, ties, has):
    """`has(winners, left)` gives what each of those left has, who are named at all; the most gets the next seat."""
    winners, left = [], list(range(n))
    while left and len(winners) < seats:
        amounts = has(winners, left)
        free = seats - len(winners)
        if amounts:
            most = max(amounts.values())
            elected = [ties.pick([place for place in left if amounts.get(place) == most])]
        else:
            elected = left if len(left) <= free else [ties.pick(left)]
        winners += elected
        left = [place for place in left if place not in elected]
    return winners


def sequential_pav(groups, n, seats, ties):
    """A ballot with k of those elected counts 1/(k + 1) for the others that it names."""
    look = n + sum(1 + len(ballot) for ballot, _ in groups)

    def has(winners, left):
        ties.spend(look + n * (1 + len(winners)) ** 2)
        ballots = {}
        for ballot, weight in groups:
            own = sum(place in winners for place in ballot)
            for place in ballot:
                if weight and place in left:
                    of = ballots.setdefault(place, {})
                    of[own] = of.get(own, 0) + weight
        return {place: sum(Fraction(weight, own + 1) for own, weight in of.items()) for place, of in ballots.items()}

    return one_by_one(n, seats, ties, has)


def phragmen(groups, n, seats, ties):
    """Each seat is a load of 1 on the ballots that name the one elected, which all have the same load after it; the least comes first."""
    loads, least = [Fraction(0)] * len(groups), {}
    look = n + sum(1 + len(ballot) for ballot, _ in groups)

    def has(winners, left):
        if winners:
            for at, (ballot, _) in enumerate(groups):
                if winners[-1] in ballot and winners[-1] in least:
                    loads[at] = least[winners[-1]]
        ties.spend(look)
        support, borne = {}, {}
        for (ballot, weight), load in zip(groups, loads):
            for place in ballot:
                if weight and place in left:
                    support[place] = support.get(place, 0) + weight
                    of = borne.setdefault(place, {})
                    of[load] = of.get(load, 0) + weight
        least.clear()
        for place, of in borne.items():
            # Fractions are added, and their denominators multiplied.
            bits = sum(load.denominator.bit_length() for load in of)
            ties.spend(len(of) * (1 + bits // BITS))
            least[place] = (1 + sum(load * weight for load, weight in of.items())) / support[place]
        return {place: -load for place, load in least.items()}

    return one_by_one(n, seats, ties, has)


def highest_quotients(votes, step, seats, ties):
    """Seats for lists, one after another, to the highest of votes / (1 + step * seats so far): a place for each seat."""
    won, winners = [0] * len(votes), []
    while any(votes) and len(winners) < seats:
        ties.spend(len(votes))
        quotients = [Fraction(have, 1 + step * seats_of) for have, seats_of in zip(votes, won)]
        most = max(quotients)
        leading = [place for place, quotient in enumerate(quotients) if quotient == most]
        place = leading[0] if len(leading) <= seats - len(winners) else ties.pick(leading)
        won[place] += 1
        winners.append(place)
    return winners
