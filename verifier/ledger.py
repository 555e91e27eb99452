"""One election as its transactions make it: the rules of docs/protocol.md, section 3, and its leaf of the state root."""

import counting
import election as texts
from election import ADD_VOTERS, ANYONE, CANCEL, CHANGE_ROLL, CHANGE_TIMES, CLOSE, OPEN, REPLACE, WEIGHTED, WITHDRAW
from encoding import decode, encode, need, raw, struct, variant
from signing import Tree, signed, tagged

MOST_WEIGHT = 10**11
CREATE, CAST, ORGANISE, APPROVE, APPROVE_ACT = range(5)
MOST_PROPOSALS, LAPSES_MS, MOST_APPROVED = 64, 604800000, 27200
# The protocol version that counts by a rule first, of those rules that the oldest does not have.
FIRST_VERSION = dict.fromkeys(range(counting.MINIMAX, counting.RULES), 3)
READ = {CREATE: texts.read_election, CAST: texts.read_ballot, ORGANISE: texts.read_act, APPROVE_ACT: texts.read_approval}


def read_transaction(chain_id, data):
    """A transaction of a chain whose signature holds, as (signer, kind, what it says)."""
    need(len(data) <= 65536, "a transaction that is too large")
    transaction = struct(decode(data), "transaction")
    content = struct(transaction["content"], "content")
    signer, signature = raw(content["signer"], 32), raw(transaction["signature"], 64)
    need(raw(content["chain"], 32) == chain_id, "a transaction of another chain")
    kind, payload = variant(content["payload"], [True] * 5)
    need(kind != APPROVE, "it is no transaction of an election")
    said = READ[kind](payload)
    # What is signed is the content's encoding: of the canonical data all but the map's head, two keys, and the signature.
    need(signed("transaction", signer, chain_id, data[2:-67], signature), "the signature does not verify")
    return signer, kind, said


class Record:
    """An election in the making."""

    def __init__(self, chain, election_id):
        self.chain, self.id = chain, election_id
        self.text = self.organiser = self.created_at = self.opens_at = self.closes_at = self.cancelled_at = None
        self.roll, self.roll_weight, self.roll_tree = {}, 0, Tree()
        self.log, self.board = Tree(), Tree()
        self.acts = set()  # the ids in the log
        self.ballots = {}  # of each signer: how many, and the answers of the last
        self.fitting = set()  # answers that are known to fit
        self.organisers = self.needed = None  # of a committee, as it is now
        self.proposals = {}  # what waits, by id: [who proposed it, until when, who approved it, act, how]
        self.approved = None, 0  # the time of the last block with approvals, and how many voters the acts done by these name

    def phase(self, time):
        if self.cancelled_at is not None:
            return "cancelled"
        if self.closes_at is not None and self.closes_at <= time:
            return "closed"
        return "draft" if self.opens_at is None or time < self.opens_at or self.lacks_voters() else "open"

    def has_roll(self):
        return self.text["voters"] != ANYONE

    def lacks_voters(self):
        return self.has_roll() and not self.roll

    def apply(self, data, identity, time, version):
        """Verifies and applies a transaction, with this id, of the block with this time and protocol version."""
        signer, kind, said = read_transaction(self.chain.id, data)
        need((kind == CREATE) == (self.text is None), "it is no transaction of this election")
        self.chain.signatures += 1
        if kind == CREATE:
            need(identity == self.id, "it is no transaction of this election")
            rules = [contest["rule"] for contest in said["contests"]]
            known = all(version >= FIRST_VERSION.get(rule, 2) for rule in rules)
            known = known and (version >= texts.COMMITTEES_SINCE or said["committee"] is None)
            need(known and (version >= texts.NAMES_SINCE or not said["names"]), "an election of a later protocol version than its block")
            self.create(said, signer, time)
        elif kind == CAST:
            need(said["election"] == self.id, "it is no transaction of this election")
            need(texts.name_fits(version, self.text, said), "a name where none is taken, or none where one is")
            self.cast(said, signer, time)
            self.board.add(identity)
        else:
            need(said[0] == self.id, "it is no transaction of this election")
            later = kind == APPROVE_ACT or said[1] in (WITHDRAW, REPLACE)
            need(version >= texts.COMMITTEES_SINCE or not later, "an act of a later protocol version than its block")
            need(identity not in self.acts, "an act that the log has already")
            need(signer in (self.organisers or [self.organiser]), "the signer is not an organiser")
            phase = self.phase(time)
            need(phase in ("draft", "open"), f"the election is {phase}")
            if kind == APPROVE_ACT:
                self.approve(said[1], signer, time)
            else:
                self.organise(identity, *said[1:], signer, time)
            self.acts.add(identity)
            self.log.add(identity)

    def create(self, election, signer, time):
        self.text, self.organiser, self.created_at = election, signer, time
        self.opens_at, self.closes_at = election["opens_at"], election["closes_at"]
        if self.opens_at is None and not self.has_roll():
            self.opens_at = time
        committee = election["committee"]
        if committee is not None:
            need(signer in committee["organisers"], "the election's creator is not among its organisers")
            self.organisers, self.needed = list(committee["organisers"]), committee["needed"]

    def cast(self, ballot, signer, time):
        contests, answers = self.text["contests"], ballot["answers"]
        need(self.phase(time) == "open", "the election is not open")
        need(not self.has_roll() or signer in self.roll, "the signer is not on the roll")
        need(len(answers) == len(contests), "as many answers as contests are needed")
        if answers not in self.fitting:
            need(all(map(texts.fits, contests, answers)), "the ballot says what the election does not offer")
            self.fitting.add(answers)
        before, _ = self.ballots.get(signer, (0, None))
        need(before <= self.text["revotes"], "the signer may not vote again")
        need(before == ballot["counter"], "the ballot's counter is not the number of ballots before it")
        self.ballots[signer] = before + 1, answers

    def waits(self, identity, time):
        waits = self.proposals.get(identity)
        need(waits is not None and time < waits[1], "it approves or withdraws what does not wait")
        return waits

    def organise(self, identity, act, how, signer, time):
        """An act that an organiser signs: done at once, or put among those that wait."""
        need(self.organisers or act not in (WITHDRAW, REPLACE), "it withdraws or replaces where there is one organiser")
        if act == WITHDRAW:
            need(self.waits(how, time)[0] == signer, "it withdraws what another has proposed")
            del self.proposals[how]
            return
        if act == REPLACE:
            self.check_replacement(how, signer)
        if not self.organisers or self.needed == 1:
            self.act(act, how, time)
            return
        own = sum(by == signer and time < until for by, until, *_ in self.proposals.values())
        need(own < MOST_PROPOSALS, "too many acts of one organiser wait")
        self.proposals[identity] = [signer, time + LAPSES_MS, [signer], act, how]

    def approve(self, proposal, signer, time):
        need(self.organisers, "it approves where there is one organiser")
        _, _, approvals, act, how = self.waits(proposal, time)
        need(signer not in approvals, "it approves what it has approved before")
        if act == REPLACE:
            self.check_replacement(how, signer)
        if len(approvals) + 1 < self.needed:
            approvals.append(signer)
            return
        block, count = self.approved
        named = len(how["remove"]) + len(how["add"]) if act in (ADD_VOTERS, CHANGE_ROLL) else 0
        self.approved = time, named + (count if block == time else 0)
        need(self.approved[1] <= MOST_APPROVED, "the approvals of one block name too many voters")
        self.act(act, how, time)
        self.proposals.pop(proposal, None)

    def check_replacement(self, how, signer):
        old, new = how["old"], how["new"]
        need(self.needed < len(self.organisers), "a key cannot be replaced where all must sign")
        need(old in self.organisers and new not in self.organisers, "it replaces no organiser, or by one")
        need(signer != old, "a key takes part in its own replacement")

    def act(self, act, how, time):
        """Does an act for which enough have signed."""
        phase = self.phase(time)
        if act == OPEN:
            need(phase == "draft", "it opens what is open")
            need(not self.lacks_voters(), "it opens an election with nobody on its roll")
            self.opens_at = time
        elif act == CLOSE:
            need(phase == "open", "it closes what is not open")
            self.closes_at = time
        elif act == ADD_VOTERS:
            need(phase == "draft", "voters are added once the election is open")
            self.change_roll([], how["add"])
            for voter in how["add"]:
                self.roll_tree.add(encode(voter))
        elif act == CHANGE_ROLL:
            self.change_roll(how["remove"], how["add"])
            need(phase == "draft" or self.roll, "it leaves nobody on the roll of an open election")
        elif act == CHANGE_TIMES:
            opens, closes = how["opens_at"], how["closes_at"]
            if phase == "open":
                need(opens == self.opens_at, "another opening time for what is open")
            else:
                need(opens is None or opens > time or opens == self.opens_at, "another opening time, that is past")
            need(closes is None or closes > time, "a closing time that is past")
            need(opens is None or closes is None or opens < closes, "it closes before it opens")
            self.opens_at, self.closes_at = opens, closes
        elif act == CANCEL:
            self.cancelled_at = time
        elif act == REPLACE:
            self.organisers[self.organisers.index(how["old"])] = how["new"]
            self.proposals = {proposal: waits for proposal, waits in self.proposals.items() if waits[0] != how["old"]}
            for waits in self.proposals.values():
                waits[2][:] = [key for key in waits[2] if key != how["old"]]

    def change_roll(self, removed, added):
        need(self.has_roll(), "the election has no roll")
        for key in removed:
            need(key in self.roll and key not in self.ballots, "it removes one who is not on the roll, or has voted")
            self.roll_weight -= self.roll.pop(key)
        for key, weight in added:
            need(key not in self.roll, "it adds one who is on the roll")
            self.roll[key] = weight
            self.roll_weight += weight
        need(self.text["voters"] == WEIGHTED or all(weight == 1 for _, weight in added), "weights on a roll that has none")
        within = len(self.roll) <= self.chain.genesis["limits"]["voters"] and self.roll_weight <= MOST_WEIGHT
        need(within, "the roll is too large")

    def leaf(self):
        trees = [part for tree in (self.roll_tree, self.log, self.board) for part in (tree.size, tree.root())]
        committee = [{0: self.organisers, 1: self.needed}] if self.organisers else []
        return encode([self.id, self.organiser, self.created_at, self.opens_at, self.closes_at, self.cancelled_at,
                       len(self.roll), self.roll_weight, *trees, *committee])

    def withholds(self, phase):
        """Whether the rules withhold the count in that phase: they show it once the election has closed."""
        return self.text["results"] == texts.AT_CLOSING and phase != "closed"

    def result(self, phase):
        """What the ballots that count say: the last of each signer, with the weight on the roll. No contests while the count is withheld."""
        weights = self.roll if self.has_roll() else dict.fromkeys(self.ballots, 1)
        weight = sum(weights[signer] for signer in self.ballots)
        contests = []
        for place, contest in enumerate([] if self.withholds(phase) else self.text["contests"]):
            answers = {}
            for signer, (_, given) in self.ballots.items():
                answers[given[place]] = answers.get(given[place], 0) + weights[signer]
            abstentions = answers.pop((texts.ABSTAINS, None), 0)
            groups = [(content, count) for (_, content), count in answers.items()]
            seed = tagged("tie break", encode([self.text["tie_break"] or self.id, place]))
            contests.append({"title": contest["title"], "votes": weight - abstentions, "abstentions": abstentions,
                             **counting.count(contest, groups, self.roll_weight, seed)})
        quorum = self.text["quorum"]
        committee = [[key.hex() for key in self.organisers], self.needed] if self.organisers else None
        return {"organisers": committee, "withheld": self.withholds(phase), "ballots": len(self.ballots), "weight": weight, "voters": len(self.roll),
                "quorum": None if quorum is None else counting.reached(quorum, weight, self.roll_weight), "contests": contests}
