"""What the cross-checks share: calling vote-cli, profiles by chance, and reading how a count went."""

import json
import re
import subprocess
from fractions import Fraction
from itertools import permutations, product


def blt(candidates, seats, groups):
    lines = [f"{candidates} {seats}"]
    for count, ranks in groups:
        words = ["=".join(str(c + 1) for c in rank) for rank in ranks]
        lines.append(" ".join([str(count), *words, "0"]))
    lines.append("0")
    lines += [f'"c{c}"' for c in range(candidates)]
    return "\n".join(lines + ['"random"', ""])


def table(candidates, lists):
    """A table of numbers."""
    header = ",".join(["count", *(f"c{c}" for c in range(candidates))])
    return "\n".join([header, *(",".join(map(str, [count, *numbers])) for count, numbers in lists), ""])


def random_lists(chance, candidates, highest):
    """Ballots of numbers, all of which are given by some ballot."""
    lists = [(chance.randint(1, 6), [chance.randint(0, highest) for _ in range(candidates)]) for _ in range(chance.randint(1, 7))]
    return lists + [(1, [(first + c) % (highest + 1) for c in range(candidates)]) for first in range(highest + 1)]


def few_lists(chance, candidates, highest):
    """A few ballots, of which many are tied."""
    lists = [(chance.randint(1, 2), [chance.randint(0, highest) for _ in range(candidates)]) for _ in range(chance.randint(1, 4))]
    return lists + [(1, [1] * candidates)]


def report(program, path, rule, seats, *options):
    command = [program, "count", str(path), "--rule", rule, "--seats", str(seats), *options, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    counted = json.loads(done.stdout)
    # Votes that are not whole are given as text, so that no digit is lost.
    for each in counted["rounds"]:
        each["votes"] = {name: float(votes) for name, votes in each["votes"].items()}
    return counted


def places(names):
    """Places of candidates that are called c0, c1 and so on."""
    return [int(name[1:]) for name in names]


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


def drew_lots(counted):
    return any(tie["drawn_among"] for tie in counted["ties"])


def written_out(groups):
    """Every order of equal ranks on a ballot of its own, with an equal part of the vote: (part, order)."""
    for number, ranks in groups:
        orders = list(product(*(permutations(rank) for rank in ranks)))
        for order in orders:
            yield Fraction(number, len(orders)), [c for rank in order for c in rank]


def close_exclusion(counted):
    """Whether some round excludes one who has all but the same votes as another: who goes is then for each program to say."""
    gone = set()
    for each in counted["rounds"]:
        for action in each["actions"]:
            named = set(re.findall(r"c\d+", action))
            if "excluded" in action:
                (last,) = named
                others = [votes for name, votes in each["votes"].items() if name not in gone | named]
                if others and min(others) < each["votes"][last] + 0.001:
                    return True
            if "transferred" not in action:
                gone |= named
    return False


def surpluses_at_once(counted):
    """The most surpluses that waited to be transferred at one time."""
    waiting, most = set(), 0
    for each in counted["rounds"]:
        for action in each["actions"]:
            named = set(re.findall(r"c\d+", action))
            if "elected" in action:
                waiting |= {name for name in named if each["votes"][name] > float(counted["quota"])}
                most = max(most, len(waiting))
            elif "transferred" in action:
                waiting -= named
    return most
