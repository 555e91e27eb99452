"""What the content of a transaction says: an election's text, a ballot's answers, an act of the organiser."""

from chain import sorted_keys
import counting
from counting import APPROVAL, IRV, LIMITED, ONE, PLURALITY, YES_NO
from encoding import (U8, U16, U32, array, description, flag, label, label_or_empty, look, need, number, optional, raw, skeleton, struct,
                      variant)

ANYONE, ROLL, WEIGHTED = range(3)
LIVE, AT_CLOSING = range(2)
PLACE, WRITE_IN, PLACES, SCORES, RANKS, ABSTAINS = range(6)
# The first protocol version by which an election says whether its ballots have names. Before, any could have one.
NAMES_SINCE = 3
# The first by which an election can have several organisers.
COMMITTEES_SINCE = 3
OPEN, CLOSE, ADD_VOTERS, CHANGE_ROLL, CHANGE_TIMES, CANCEL, WITHDRAW, REPLACE = range(8)


def read_share(value):
    share = struct(value, "share")
    denominator = number(share["denominator"], 1000, 1)
    number(share["numerator"], denominator - flag(share["more"]), 1)
    return share


def read_majority(value):
    majority = struct(value, "majority")
    majority["share"] = read_share(majority["share"])
    majority["base"], _ = variant(majority["base"], [False, False])
    return majority


def read_contest(value, voters):
    says_overvotes = type(value) is dict and 9 in value
    contest = struct(value, "contest_with_overvotes" if says_overvotes else "contest")
    label_or_empty(contest["title"])
    kind, choices = variant(contest["choices"], [True, False])
    names = contest["choices"] = [label(choice) for choice in array(choices)] if kind == 0 else None
    rule = contest["rule"] = variant(contest["rule"], [False] * counting.RULES)[0]
    seats, least, most = number(contest["seats"], U16, 1), number(contest["min"], U16), number(contest["max"], U16)
    flag(contest["abstention"]), flag(contest["shuffle"])
    majority = contest["majority"] = optional(contest["majority"], read_majority)
    contest["overvotes"] = variant(contest["overvotes"], [False] * 3)[0] if says_overvotes else 0
    need(not says_overvotes or contest["overvotes"] != 0, "that overvotes wait is not written")
    need(not says_overvotes or rule == IRV, "only instant runoff asks what becomes of overvotes")
    if names is None:
        need(rule == PLURALITY, "a write-in contest is counted by plurality")
    else:
        need(2 <= len(names) <= 500 and len(set(map(skeleton, names))) == len(names), "choices that cannot be listed")
    if rule == YES_NO:
        need(len(names) == 2 and majority is not None, "yes or no needs two choices and a majority")
    most_seats = 1 if rule in counting.ONE_SEAT else counting.LIST_SEATS_MAX if rule in counting.LISTS else len(names)
    need(seats <= most_seats, "seats that cannot be filled")
    need(rule != LIMITED or most < seats, "a limited ballot names fewer choices than there are seats")
    if rule in ONE:
        need(least == most == 1, "by this rule a ballot names one choice")
    else:
        need(least <= most <= len(names) and most >= 1, "so many choices cannot be named")
        need(rule not in counting.POINTS or least <= seats, "more choices to be named than there are points")
    if majority is not None:
        need(rule in (PLURALITY, APPROVAL, YES_NO), "this rule knows no majority")
        need(majority["base"] == 0 or voters != ANYONE, "a majority of a roll that there is not")
    return contest


def read_election(value):
    # What says nothing is left out, and keeps its number.
    more = {place: value.pop(place) for place in (11, 12) if place in value} if type(value) is dict else {}
    election = struct(value, "election")
    election["names"] = 11 in more
    need(more.get(11, True) is True, "that no names are taken is not written")
    election["committee"] = read_committee(more[12]) if 12 in more else None
    label(election["title"]), description(election["description"])
    voters = election["voters"] = variant(election["voters"], [False] * 3)[0]
    contests = array(election["contests"])
    need(1 <= len(contests) <= 20, "a wrong number of contests")
    contests = election["contests"] = [read_contest(contest, voters) for contest in contests]
    titles = {skeleton(contest["title"]) for contest in contests}
    need(len(contests) == 1 or "" not in titles and len(titles) == len(contests), "contests without a title, or with the same")
    read_times(election)
    quorum = election["quorum"] = optional(election["quorum"], read_share)
    need(quorum is None or voters != ANYONE, "a quorum of a roll that there is not")
    number(election["revotes"], 1000)
    election["results"], _ = variant(election["results"], [False, False])
    label_or_empty(election["tie_break"]), number(election["salt"])
    opens, closes = election["opens_at"], election["closes_at"]
    need(opens is None or closes is None or opens < closes, "it closes before it opens")
    return election


def read_committee(value):
    committee = struct(value, "committee")
    organisers = committee["organisers"] = sorted_keys(committee["organisers"])
    need(2 <= len(organisers) <= 16, "so many cannot organise together")
    number(committee["needed"], len(organisers), 1)
    return committee


def read_times(content):
    optional(content["opens_at"], number), optional(content["closes_at"], number)


def read_answer(value):
    """An answer as (kind, content), with tuples for arrays."""
    kind, content = variant(value, [True] * 5 + [False])
    if kind == PLACE:
        number(content, U16)
    elif kind == WRITE_IN:
        need(look(label(content)) == content, "a write-in that is not as it looks")
    elif kind == PLACES:
        content = read_places(content)
    elif kind == SCORES:
        content = tuple([number(score, U8) for score in array(content)])
    elif kind == RANKS:
        content = tuple([read_places(rank) for rank in array(content)])
    return kind, content


def read_places(value):
    return tuple([number(place, U16) for place in array(value)])


def fits(contest, answer):
    """Whether the contest offers what the answer says."""
    (kind, content), names, rule = answer, contest["choices"], contest["rule"]
    if kind == ABSTAINS:
        return contest["abstention"]
    if names is None:
        return kind == WRITE_IN
    count = len(names)
    if rule in ONE:
        return kind == PLACE and content < count

    def in_order(places):
        return all(a < b for a, b in zip(places, places[1:])) and (not places or places[-1] < count)

    if rule in counting.SEVERAL:
        named = len(content) if kind == PLACES and in_order(content) else None
    elif rule in counting.SCORES + counting.POINTS:
        whole = kind == SCORES and len(content) == count
        whole = whole and (max(content) <= 10 if rule in counting.SCORES else sum(content) <= contest["seats"])
        named = sum(score > 0 for score in content) if whole else None
    else:
        ranked = [place for rank in content for place in rank] if kind == RANKS else []
        whole = kind == RANKS and all(rank and in_order(rank) for rank in content) and len(set(ranked)) == len(ranked)
        named = len(ranked) if whole else None
    return named is not None and contest["min"] <= named <= contest["max"]


def name_fits(version, election, ballot):
    """Whether a ballot in a block of that version has a name if the election takes names, and none if not."""
    return version < NAMES_SINCE or (ballot["name"] != "") == election["names"]


def quoted(name):
    """A name in quotation marks, if it could be taken for something else."""
    if name in ("abstain", "-") or any(mark in name for mark in '>=,"\\'):
        return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return name


def words(contest, answer):
    """What an answer that fits a contest says, in words."""
    kind, content = answer
    names = [quoted(name) for name in contest["choices"] or []]
    if kind == ABSTAINS:
        return "abstain"
    if kind == WRITE_IN:
        return quoted(content)
    if kind == PLACE:
        return names[content]
    if kind == PLACES:
        said = ", ".join(names[place] for place in content)
    elif kind == SCORES:
        said = ", ".join(f"{name}={score}" for name, score in zip(names, content) if score)
    else:
        said = " > ".join(" = ".join(names[place] for place in rank) for rank in content)
    return said or "-"


def read_ballot(value):
    ballot = struct(value, "ballot")
    raw(ballot["election"], 32), number(ballot["counter"], U32), label_or_empty(ballot["name"])
    ballot["answers"] = tuple([read_answer(answer) for answer in array(ballot["answers"])])
    return ballot


def read_voters(value):
    """The voters of a roll as (key, weight)."""
    voters = []
    for voter in array(value):
        need(isinstance(voter, list) and len(voter) == 2, "not a voter")
        voters.append((raw(voter[0], 32), number(voter[1], 10**6, 1)))
    need(all(a[0] < b[0] for a, b in zip(voters, voters[1:])), "voters that are not in order")
    return voters


def read_act(value):
    """An act as (the election's id, kind, content)."""
    organise = struct(value, "organise")
    kind, content = variant(organise["act"], [False, False, *[True] * 6])
    if kind == ADD_VOTERS:
        content = {"remove": [], "add": read_voters(content)}
    elif kind == CHANGE_ROLL:
        content = struct(content, "change_roll")
        content["remove"], content["add"] = sorted_keys(content["remove"]), read_voters(content["add"])
        label(content["reason"])
    elif kind == CHANGE_TIMES:
        content = struct(content, "change_times")
        read_times(content), label(content["reason"])
    elif kind == CANCEL:
        label(content)
    elif kind == WITHDRAW:
        raw(content, 32)
    elif kind == REPLACE:
        content = struct(content, "replace_organiser")
        raw(content["old"], 32), raw(content["new"], 32), label(content["reason"])
    if kind in (ADD_VOTERS, CHANGE_ROLL):
        need(1 <= len(content["remove"]) + len(content["add"]) <= 1700, "it names nobody, or too many")
    return raw(organise["election"], 32), kind, content


def read_approval(value):
    """An approval of an act as (the election's id, the id of the transaction that proposed it)."""
    approval = struct(value, "approve_act")
    return raw(approval["election"], 32), raw(approval["proposal"], 32)
