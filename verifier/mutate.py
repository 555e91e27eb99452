#!/usr/bin/env python3
"""Makes many files out of good ones, each with something changed, on which two verifiers must agree.

    mutate.py CASES OUT [COUNT [SEED]]

CASES has good archives and receipts that were signed with the keys of the tests (seeds of 32 equal bytes). Most files are signed again after the
change, up to the state root, so that what was changed is all that can be wrong with them. Another verifier judges them (VERIFIER_JUDGE=OUT
cargo test -p vote-chain cases), and check_cases.py OUT compares.
"""

import copy
import random
import sys
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import counting
import ledger
from chain import Chain, read_proof
from encoding import Invalid, decode, encode, head
from signing import Tree, on_curve, proof_root, tagged

SECRETS = {secret.public_key().public_bytes_raw(): secret
           for secret in (Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32) for seed in range(1, 256))}
NUMBERS = [0, 1, 2, 3, 10, 11, 23, 24, 150, 255, 256, 500, 1000, 1001, 2**16 - 1, 2**16, 10**6 + 1, 10**9, 10**9 + 1, 2**32 - 1, 2**32,
           2**53 + 1, 2**63, 2**64 - 1]
TEXTS = ["", " x", "x ", "x\n", "x\ny", "\n", "x" * 100, "x" * 101, "\u00e9" * 50, "\u00e9" * 51, "x" * 4000, "x" * 4001, "\u00a0x", "x\u200b",
         "x\u200a", "\ufeffx", "x\u180e", "x\u0085y", "x\u202ey", "x\u2066y", "x\u200fy", "x\0y", "x\ty", "x\x1fy", "\x1fx", "\U0001f5f3", "e\u0301",
         "\u200b", "\u2060\u00ad", "\u3164", "x  y", "Zo\u00eb", "Zoe\u0308", "Zoe\u0308 \ufe0f"]
KEYS = list(SECRETS)
ODD_KEYS = [bytes(32), b"\1" + bytes(31), b"\2" + bytes(31), b"\xff" * 32, b"\xf0" + b"\xff" * 30 + b"\x7f", b"\xed" + b"\xff" * 30 + b"\x7f"]


class Transaction:
    """A transaction in an archive, taken apart."""

    def __init__(self, value):
        self.value = value


def tree_of(data):
    tree = decode(data)
    if len(tree) == 7:
        for block in tree[6]:
            block[2] = [[0, Transaction(decode(entry[1]))] if entry[0] == 0 else entry for entry in block[2]]
    elif len(tree) == 3:
        tree.update({place: Transaction(decode(tree[place])) for place in (1, 2)})
    return tree


def whole(value):
    """With transactions put together again."""
    if isinstance(value, Transaction):
        return pack(value.value)
    if isinstance(value, dict):
        return {key: whole(part) for key, part in value.items()}
    return [whole(part) for part in value] if isinstance(value, list) else value


def pack(value):
    return encode(whole(value))


def places(value, found):
    """All places in a tree, as (container, key)."""
    if isinstance(value, Transaction):
        found.append((value.__dict__, "value"))
        return places(value.value, found)
    for key, part in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        found.append((value, key))
        places(part, found)
    return found


def changed(value, like, dice):
    """Something in the place of a value; `like` are all values of its type in the file."""
    how = dice.randrange(6)
    if how == 0:
        return copy.deepcopy(dice.choice(like))
    if how == 1 and dice.randrange(3) == 0:
        return dice.choice([None, True, 0, b"", "", [], {}, [0], [0, 0]])
    if type(value) is bool:
        return not value
    if value is None:
        return dice.choice([dice.choice(NUMBERS), {0: 1, 1: 2, 2: False}, {0: {0: 1, 1: 2, 2: True}, 1: dice.randrange(3)}])
    if isinstance(value, int):
        return dice.choice([value + 1 & 2**64 - 1, max(value - 1, 0), value + 1000 & 2**64 - 1, max(value - 1000, 0), *dice.sample(NUMBERS, 4)])
    if isinstance(value, str):
        return dice.choice([value + "x", value[1:], *dice.sample(TEXTS, 5)])
    if isinstance(value, bytes):
        flipped = bytearray(value or b"x")
        flipped[dice.randrange(len(flipped))] ^= 1 << dice.randrange(8)
        return dice.choice([bytes(flipped), value[:-1], value + b"\0", b"", dice.choice(ODD_KEYS), dice.choice(list(SECRETS))])
    if isinstance(value, Transaction):
        return Transaction(changed(value.value, [value.value], dice))
    if isinstance(value, dict):
        keys = list(value)
        a, b = dice.choice(keys), dice.choice(keys)
        swapped = {**value, a: value[b], b: value[a]}
        cut = {key: value[key] for key in keys if key != a}
        return dice.choice([swapped, cut, dict(reversed(value.items())), {**value, len(keys): 0}, list(value.values())])
    at = dice.randrange(len(value) + 1)
    if not value:
        return [0]
    at = min(at, len(value) - 1)
    other = dice.randrange(len(value))
    lists = [value[:at] + value[at + 1:], value[:at + 1] + copy.deepcopy(value[at:]), value[::-1], [], value[:at], copy.deepcopy(value * 2)]
    swapped = list(value)
    swapped[at], swapped[other] = value[other], value[at]
    return dice.choice([*lists, swapped])


def mutate(tree, dice):
    for _ in range(dice.choice([1, 1, 1, 2])):
        # Certificates are most of an archive; what else there is, is drawn as often as they are.
        found = places(tree, [])
        rare = [place for place in found if "value" in place[0] or isinstance(place[0][place[1]], (str, bool, int, type(None)))]
        container, key = dice.choice(dice.choice([found, rare or found]))
        value = container[key]
        like = [part[at] for part, at in found if type(part[at]) is type(value)]
        container[key] = changed(value, like, dice)


def tolerant(step, *args):
    """Does what can be done to a tree that has lost its form."""
    try:
        step(*args)
    except (AttributeError, IndexError, Invalid, KeyError, OverflowError, TypeError, ValueError):
        pass


def sign(secret, purpose, chain, content):
    tag = f"blockchain-voting/1/{purpose}".encode()
    return secret.sign(bytes([len(tag)]) + tag + chain + content)


class Repair:
    """Signs a changed tree again, from the transactions up to the certificates."""

    def __init__(self, before, after):
        self.file = None
        if len(before) == 3:  # a receipt with its ballot and its election
            self.file, before, after = (before, after), before[0], after[0]
        self.tree, self.archive = after, len(before) == 7
        self.ids = {}  # of what had another hash before the change
        self.old_chain, self.chain = (tagged("genesis", pack(tree[0])) for tree in (before, after))
        self.ids[self.old_chain] = self.chain
        self.before = before

    def run(self):
        tree, before = self.tree, self.before
        tolerant(self.sets, before, tree)
        if self.archive:
            for block in tree[6]:
                tolerant(self.transactions, block)
            tree[2] = self.ids.get(tree[2], tree[2])
            tolerant(self.last)
            tolerant(self.state_root)
        else:
            tolerant(self.parts)
            root = tagged("x", b"")
            tolerant(lambda: tree[4].update({6: proof_root(read_proof(tree[3]), tree[2]) or root, 7: tree[3][1]}))
        steps = [(change[0], change[1]) for change in tree[1]]
        steps += [(block[0], block[1]) for block in tree[6]] + [(tree[3], tree[4])] if self.archive else [(tree[4], tree[5])]
        hashes = {}
        for header, certificate in sorted(steps, key=lambda step: step[0][2]):
            tolerant(self.certify, header, certificate, hashes)

    def parts(self):
        """The ballot and the election beside a receipt: the election first, whose id the ballot names."""
        if self.file:
            before, after = self.file
            for place in (2, 1):
                tolerant(self.transaction, after[place].value)
                self.ids[tagged("transaction", pack(before[place].value))] = tagged("transaction", pack(after[place].value))
            self.tree[2] = self.ids.get(self.tree[2], self.tree[2])

    def last(self):
        """The last header, if it is that of the last block."""
        block = self.tree[6][-1][0]
        if self.before[3] == self.before[6][-1][0]:
            self.tree[3].update({6: block[6], 7: block[7]})

    def sets(self, before, tree):
        sets = lambda tree: [tree[0][3]] + [change[2] for change in tree[1]]
        for old, new in zip(sets(before), sets(tree)):
            self.ids[tagged("validators", pack(old))] = tagged("validators", pack(new))
        for change in tree[1]:
            named = tagged("validators", pack(change[2]))
            if self.ids.get(change[0][9], change[0][9]) != named:  # no leap to it
                change[0][10] = named

    def transactions(self, block):
        ids = []
        for kind, content in block[2]:
            if isinstance(content, Transaction):
                old = tagged("transaction", pack(content.value))
                tolerant(self.transaction, content.value)
                content = pack(content.value)
                self.ids[old] = tagged("transaction", content)
                if self.before[2] not in self.ids:
                    self.ids[self.before[2]] = self.ids[old]
            ids.append(tagged("transaction", content) if kind == 0 else content)
        header = block[0]
        if self.ids.get(header[6]) is None:
            header[6], header[7] = Tree(ids).root(), len(ids)

    def transaction(self, value):
        content = value[0]
        content[0] = self.ids.get(content[0], content[0])
        about = content[2][1]
        if content[2][0] in (1, 2, 4):
            about[0] = self.ids.get(about[0], about[0])
        # What approves or withdraws an act names its transaction, which may have another id by now.
        if content[2][0] == 4:
            about[1] = self.ids.get(about[1], about[1])
        if content[2][0] == 2 and isinstance(about[1], list) and about[1][0] == 6:
            about[1][1] = self.ids.get(about[1][1], about[1][1])
        value[1] = sign(SECRETS[content[1]], "transaction", self.chain, pack(content))

    def state_root(self):
        """That of the state which follows if nobody minds the rules."""
        tree, minds = self.tree, ledger.need
        ledger.need = lambda holds, why: None
        try:
            chain = Chain(whole(tree[0]), [], 1)
            record = ledger.Record(chain, tree[2])
            for block in tree[6]:
                for kind, content in block[2]:
                    if kind == 0:
                        data = pack(content.value)
                        record.apply(data, tagged("transaction", data), block[0][4], block[0][0])
        finally:
            ledger.need = minds
        old = tree[3][8]
        tree[3][8] = tagged("state", pack([tree[5][1], proof_root(read_proof(tree[5]), record.leaf())]))
        for block in tree[6]:
            if block[0][2] == tree[3][2] and block[0][8] == old:
                block[0][8] = tree[3][8]

    def certify(self, header, certificate, hashes):
        old = tagged("block", pack(header))
        header[1] = self.ids.get(header[1], header[1])
        for place in (9, 10):
            header[place] = self.ids.get(header[place], header[place])
        below = hashes.get(header[2] - 1)
        if below and header[3] != bytes(32) and header[2] > 1:
            header[3] = below
        found = tagged("block", pack(header))
        hashes[header[2]] = found
        certificate[0], certificate[2] = header[2], found
        for entry in certificate[3]:
            vote = pack([header[2], certificate[1], 1, found, entry[0]])
            tolerant(lambda: entry.update({1: sign(SECRETS[entry[0]], "vote", self.chain, vote)}))


def odd(value, at, how):
    """An encoding with the item at a place (counted as they come) in another form."""
    count = iter(range(10**9))

    def write(value):
        here = next(count) == at
        if isinstance(value, dict):
            parts = [part for pair in value.items() for part in pair]
            if here and how == 0:
                parts = parts[:2] + parts
            major, inner = 5, b"".join([write(part) for part in parts])
            size = len(parts) // 2
        elif isinstance(value, list):
            major, size, inner = 4, len(value), b"".join([write(part) for part in value])
        elif isinstance(value, (bytes, str)):
            inner = value.encode() if isinstance(value, str) else value
            major, size = (3 if isinstance(value, str) else 2), len(inner)
        elif type(value) is int:
            major, size, inner = 0, value, b""
        else:
            return b"\xf7" if here else encode(value)
        if not here:
            return head(major, size) + inner
        if how == 1:  # a longer number than needed
            wide = 1 << max(head(major, size)[0] - (major << 5) - 23, 0)
            return bytes([major << 5 | 24 + min(wide.bit_length() - 1, 3)]) + size.to_bytes(min(wide, 8), "big") + inner
        if how == 2:  # a tag
            return b"\xc2" + head(major, size) + inner
        if how == 3 and major:  # of indefinite length
            chunk = head(major, size) + inner if major in (2, 3) else inner
            return bytes([major << 5 | 31]) + chunk + b"\xff"
        if how == 4:  # a length beyond the end
            return bytes([(major or 2) << 5 | 27]) + (2**63 - 1).to_bytes(8, "big") + inner
        if how == 5:  # a float, or a negative number
            return bytes([0xfb]) + bytes(8) if size % 2 else head(1, size & 2**32 - 1)
        if how == 6:  # an enum without content as an array
            return head(4, 1) + head(major, size) + inner
        return head(major, size) + inner + b"\0"

    return write(value)


def mutant(data, dice):
    tree = tree_of(data)
    if dice.randrange(8) == 0:
        value = whole(tree)
        return odd(value, dice.randrange(1 + len(places(value, []))), dice.randrange(8))
    before = copy.deepcopy(tree)
    mutate(tree, dice)
    if dice.randrange(5):
        tolerant(lambda: Repair(before, tree).run())
    return pack(tree)


def many(tree, count):
    """So many validators, of whom those that sign have nearly all power."""
    signers = [{**validator, 2: 10**6} for validator in tree[0][3]]
    keys = {validator[0] for validator in signers}
    others = [{0: key, 1: "v", 2: 1} for key in SECRETS if key not in keys]
    tree[0][3] = sorted(signers + others[:count - len(signers)], key=lambda validator: validator[0])


def with_validator(key):
    return lambda tree: tree[0].update({3: sorted(tree[0][3] + [{0: key, 1: "odd", 2: 1}], key=lambda validator: validator[0])})


def powers(*given):
    return lambda tree: [validator.update({2: power}) for validator, power in zip(tree[0][3], given)]


def organisers(order):
    return lambda tree: tree[0].update({4: [1, order(sorted(KEYS[195:205]))]})


def signatures(order):
    """Of the last block's certificate, in another way."""
    return lambda tree: tree[4].update({3: order(tree[4][3])})


NO_POINT = next(key for key in (bytes([number]) + bytes(31) for number in range(2, 99)) if not on_curve(key))
# Changes that chance would hardly make. Those of a name with "ok" leave a valid file, the others do not.
CRAFTED = {
    "validators-reversed": lambda tree: tree[0][3].reverse(),
    "validators-twice": lambda tree: tree[0].update({3: tree[0][3] + tree[0][3]}),
    "validators-150-ok": lambda tree: many(tree, 150),
    "validators-151": lambda tree: many(tree, 151),
    "validators-none": lambda tree: tree[0].update({3: []}),
    "validator-no-point": with_validator(NO_POINT),
    "validator-not-canonical": with_validator(b"\xf0" + b"\xff" * 30 + b"\x7f"),
    "validator-not-canonical-either": with_validator(b"\xf1" + b"\xff" * 31),
    "validator-small-order": with_validator(bytes(32)),
    "validator-ok": with_validator(KEYS[100]),
    "power-none": powers(0, 1, 1, 1),
    "power-most-ok": powers(10**9, 10**9, 10**9, 10**9),
    "power-beyond": powers(10**9 + 1, 1, 1, 1),
    "organisers-ok": organisers(lambda keys: keys),
    "organisers-reversed": organisers(lambda keys: keys[::-1]),
    "organisers-twice": organisers(lambda keys: sorted(keys + keys)),
    "organisers-others-ok": organisers(lambda keys: [key for key in keys if key != KEYS[199]]),
    "organisers-none-ok": organisers(lambda keys: []),
    "round-last-ok": lambda tree: tree[4].update({1: 2**32 - 1}),
    "round-beyond": lambda tree: tree[4].update({1: 2**32}),
    "signatures-three-ok": signatures(lambda entries: entries[:3]),
    "signatures-two": signatures(lambda entries: entries[:2]),
    "signatures-none": signatures(lambda entries: []),
    "signatures-reversed": signatures(lambda entries: entries[::-1]),
    "signatures-twice": signatures(lambda entries: entries[:2] + entries[:2]),
    "signatures-stranger": signatures(lambda entries: sorted(entries + [{0: KEYS[100], 1: b""}], key=lambda entry: entry[0])),
    "signatures-two-thirds": lambda tree: (powers(2, 2, 1, 1)(tree), signatures(lambda entries: entries[:2])(tree)),
    "signatures-more-than-two-thirds-ok": lambda tree: (powers(2, 3, 1, 1)(tree), signatures(lambda entries: entries[:2])(tree)),
    "first-with-a-parent": lambda tree: tree[6][0][0].update({3: bytes(31) + b"\1"}),
    "blocks-none": lambda tree: tree.update({6: []}),
    "last-of-the-genesis": lambda tree: tree[3].update({2: 0}),
    "path-beyond": lambda tree: tree[5].update({0: tree[5][1]}),
}
# After everything has been signed again.
SPOILED = {
    "another-chains-votes": lambda tree: [entry.update({1: sign(SECRETS[entry[0]], "vote", bytes(32), encode(
        [tree[3][2], tree[4][1], 1, tree[4][2], entry[0]]))}) for entry in tree[4][3]],
    "prevotes": lambda tree: [entry.update({1: sign(SECRETS[entry[0]], "vote", tree[3][1], encode(
        [tree[3][2], tree[4][1], 0, tree[4][2], entry[0]]))}) for entry in tree[4][3]],
    "act-left-out": lambda tree: tree[6][-1][2].__setitem__(-1, [1, tagged("transaction", pack(tree[6][-1][2][-1][1]))]),
    "block-left-out": lambda tree: tree[6].pop(),
    "last-ballot-left-out": lambda tree: tree[6][-1][2].pop(),
    "a-leaf-fewer": lambda tree: tree[5].update({1: tree[5][1] - 1}),
}


def text(**fields):
    """The election's text, with other fields; those of its contest if they begin with c."""
    def change(tree):
        made = next(entry[1].value[0] for entry in tree[6][0][2] if isinstance(entry[1], Transaction))
        election = made[2][1]
        for name, value in fields.items():
            (election[2][0] if name[0] == "c" else election)[int(name[1:])] = value
    return change


HALF = {0: {0: 1, 1: 2, 2: True}, 1: 0}
LABELS = [f"choice {number}" for number in range(501)]
# On an election without ballots, by scores, with two seats and three choices.
TEXTS_CRAFTED = {
    "text-ok": text(e10=2**64 - 1),
    "write-in-by-score": text(c1=1), "write-in-ok": text(c1=1, c2=0, c3=1, c4=1, c5=1), "write-in-of-two": text(c1=1, c2=0, c3=2, c4=1, c5=1),
    "choices-500-ok": text(c1=[0, LABELS[:500]]), "choices-501": text(c1=[0, LABELS]), "choice-alone": text(c1=[0, ["a"]], c3=1, c5=1),
    "choice-twice": text(c1=[0, ["a", "b", "a"]]), "choice-alike-ok": text(c1=[0, ["a", "A", "\u00e1"]]),
    "choice-in-another-form": text(c1=[0, ["Zo\u00eb", "b", "Zoe\u0308"]]), "choice-of-more-spaces": text(c1=[0, ["a b", "a  b", "c"]]),
    "choice-unseen": text(c1=[0, ["a", "b", "\u200b"]]), "choice-with-what-is-not-seen": text(c1=[0, ["a", "b", "b\ufe0f"]]), "choice-empty": text(c1=[0, ["a", "b", ""]]), "choice-long": text(c1=[0, ["a", "b", "x" * 101]]),
    "seats-none": text(c3=0), "seats-all-ok": text(c3=3), "seats-beyond": text(c3=4), "irv-of-two": text(c2=4), "irv-ok": text(c2=4, c3=1),
    "plurality-of-any": text(c2=0, c3=1), "plurality-ok": text(c2=0, c3=1, c4=1, c5=1), "rule-beyond": text(c2=counting.RULES), "rule-meek-ok": text(c2=8),
    "limited-ok": text(c2=counting.LIMITED, c5=1), "limited-of-all-seats": text(c2=counting.LIMITED, c5=2), "limited-of-one": text(c2=counting.LIMITED, c3=1, c4=0, c5=1),
    "lists-ok": text(c2=counting.DHONDT, c3=1000, c4=1, c5=1), "lists-of-too-many-seats": text(c2=counting.SAINTE_LAGUE, c3=1001, c4=1, c5=1), "lists-of-several": text(c2=counting.DHONDT, c4=0, c5=2),
    "benham-ok": text(c2=counting.BENHAM, c3=1), "benham-of-two": text(c2=counting.BENHAM), "phragmen-ok": text(c2=counting.PHRAGMEN), "majority-by-phragmen": text(c2=counting.PHRAGMEN, c7=HALF),
    "cumulative-ok": text(c2=counting.CUMULATIVE), "cumulative-of-few-points": text(c2=counting.CUMULATIVE, c4=3), "star-ok": text(c2=counting.STAR), "majority-by-star": text(c2=counting.STAR, c7=HALF),
    "min-beyond": text(c4=4), "max-beyond": text(c5=4), "max-none": text(c4=0, c5=0), "min-above-max": text(c4=3, c5=2), "max-1-ok": text(c4=1, c5=1),
    "majority-by-score": text(c7=HALF), "majority-ok": text(c2=1, c7=HALF), "majority-of-no-roll": text(c2=1, c7={**HALF, 1: 1}),
    "yes-no-of-three": text(c2=7, c3=1, c4=1, c5=1, c7=HALF), "yes-no-ok": text(c1=[0, ["a", "b"]], c2=7, c3=1, c4=1, c5=1, c7=HALF),
    "yes-no-without": text(c1=[0, ["a", "b"]], c2=7, c3=1, c4=1, c5=1), "share-none": text(e3=1, e6={0: 0, 1: 2, 2: True}),
    "share-beyond": text(e3=1, e6={0: 3, 1: 2, 2: True}), "share-fine": text(e3=1, e6={0: 1, 1: 1001, 2: True}),
    "share-ok": text(e3=1, e4=None, e6={0: 1000, 1: 1000, 2: False}), "quorum-of-no-roll": text(e6=HALF[0]), "revotes-ok": text(e7=1000),
    "revotes-beyond": text(e7=1001), "results-ok": text(e8=1), "results-beyond": text(e8=2), "voters-beyond": text(e3=3), "contests-none": text(e2=[]),
    "title-empty": text(e0=""), "title-100-ok": text(e0="\u00e9" * 50), "title-101": text(e0="\u00e9" * 50 + "x"), "description-ok": text(e1="a\nb"),
    "description-4000-ok": text(e1="x" * 4000), "description-4001": text(e1="x" * 4001), "description-tab": text(e1="a\tb"),
    "description-ends-in-line": text(e1="a\n"), "tie-break-ok": text(e9="dice"), "tie-break-spaces": text(e9=" dice"), "closes-first": text(e4=9, e5=9),
    "closes-next-ok": text(e4=9 << 40, e5=(9 << 40) + 1), "salt-beyond": text(e10="7"), "shuffle-null": text(c8=None), "overvotes-ok": text(c2=4, c3=1, c9=2), "overvotes-exhaust-ok": text(c2=4, c3=1, c9=1),
    "overvotes-beyond": text(c2=4, c3=1, c9=3), "overvotes-by-score": text(c9=1), "overvotes-zero": text(c2=4, c3=1, c9=0), "overvotes-null": text(c2=4, c3=1, c9=None), "abstention-number": text(c6=1),
    "names-ok": text(e11=True), "names-false": text(e11=False), "names-null": text(e11=None), "names-number": text(e11=1),
    **{f"label-{number}": text(e0=label) for number, label in enumerate(TEXTS)},
}


def contests(count, title):
    def change(tree):
        text()(tree)
        election = next(entry[1].value[0] for entry in tree[6][0][2] if isinstance(entry[1], Transaction))[2][1]
        election[2] = [{**election[2][0], 0: title(number)} for number in range(count)]
    return change


def by_version(number, then):
    """On a chain that goes by that version."""
    def change(tree):
        for part in (tree[0], tree[3], *(block[0] for block in tree[6])):
            part[0] = number
        then(tree)
    return change


TEXTS_CRAFTED.update({
    "version-2-ok": by_version(2, text()), "names-of-version-2": by_version(2, text(e11=True)),
    "contests-20-ok": contests(20, str), "contests-21": contests(21, str), "contests-same": contests(2, lambda number: "same"),
    "contests-alike": contests(2, lambda number: "same" + "\u200b" * number),
    "contest-untitled": contests(2, lambda number: "x" * number), "contest-untitled-ok": contests(1, lambda number: ""),
})


START = 1_700_000_000_000


def sent(*payloads, by=200):
    """More transactions at the end of the last block: acts, unless they are something else."""
    def change(tree):
        for payload in payloads:
            acts = [2, {0: tree[2], 1: payload}]
            content = {0: tree[3][1], 1: KEYS[by - 1], 2: payload.value if isinstance(payload, Transaction) else acts}
            tree[6][-1][2].append([0, Transaction({0: content, 1: b""})])
    return change


def times(opens, closes, why="why"):
    ms = lambda after: after if after is None else START + after
    return [4, {0: ms(opens), 1: ms(closes), 2: why}]


def roll(remove, add, order=sorted):
    return [3, {0: order(KEYS[at - 1] for at in remove), 1: order([KEYS[at - 1], weight] for at, weight in add), 2: "why"}]


def crowd(count, weight):
    """So many who are no signers."""
    return [3, {0: [], 1: [[number.to_bytes(32, "big"), weight] for number in range(count)], 2: "why"}]


def limited(voters, *payloads):
    return lambda tree: (tree[0][5].update({3: voters}), sent(*payloads)(tree))


def of_another_chain(tree):
    sent(5 * [0])(tree)
    tree[6][-1][2][-1][1].value[0].update({0: bytes(32), 2: [2, {0: tree[2], 1: 0}]})


# On a draft without a roll that is to open at 60 s and to close at 90 s, in a block of 1 s.
ACTS_OF_DRAFTS = {
    "open-ok": sent(0), "close": sent(1), "open-and-close-ok": sent(0, 1), "open-again": sent(0, 0), "open-number": sent([0, None]),
    "cancel-ok": sent([5, "why"]), "cancel-again": sent([5, "why"], [5, "why not"]), "cancel-without-reason": sent([5, ""]),
    "act-beyond": sent(6), "stranger": sent(0, by=201), "another-election": lambda tree: sent(Transaction([2, {0: bytes(32), 1: 0}]))(tree),
    "another-chain": of_another_chain, "approval": sent(Transaction([3, {0: [1, KEYS[0]], 1: 0, 2: 1000}]), by=1), "roll-of-none": sent([2, [[KEYS[9], 1]]]),
    "times-ok": sent(times(5000, 5001)), "times-none-ok": sent(times(None, None)), "times-one-ok": sent(times(None, 1001)),
    "opens-now": sent(times(1000, None)), "closes-now": sent(times(None, 1000)), "closes-as-it-opens": sent(times(9000, 9000)),
    "times-without-reason": sent(times(5000, None, "")), "close-when-cancelled": sent([5, "why"], 1), "created-again": lambda tree: tree[6][-1][2].append(
        copy.deepcopy(tree[6][0][2][0])),
}
# On an open election with weights, opened at 4 s, in the same block; on its roll are 50, 51 and 52.
ACTS_OF_OPEN = {
    "joins-ok": sent(roll([], [(60, 10**6)])), "weight-beyond": sent(roll([], [(60, 10**6 + 1)])), "weight-none": sent(roll([], [(60, 0)])),
    "leaves-ok": sent(roll([50], [])), "leaves-unknown": sent(roll([60], [])), "joins-again": sent(roll([], [(50, 1)])),
    "reweighted-ok": sent(roll([50], [(50, 7)])), "joins-twice": sent(roll([], [(60, 1), (60, 2)])), "leaves-twice": sent(roll([50, 50], [])),
    "joins-reversed": sent(roll([], [(60, 1), (61, 1)], lambda parts: sorted(parts)[::-1])), "leaves-reversed": sent(
        roll([50, 51], [], lambda parts: sorted(parts)[::-1])), "nobody": sent(roll([], [])), "act-again": sent(roll([50], []), roll([], [(50, 1)]), roll([50], [])),
    "crowd-ok": sent(crowd(1700, 1)), "crowd-beyond": sent(crowd(1701, 1)), "crowd-of-many-bytes": sent(crowd(1700, 10**6)), "crowds-ok": sent(crowd(1600, 10**6)),
    "added-when-open": sent([2, [[KEYS[59], 1]]]), "opens-then-ok": sent(times(4000, 9000)), "opens-at-another-time": sent(times(4001, 9000)),
    "opens-never": sent(times(None, 9000)), "closes-now": sent(times(4000, 4000)), "closes-never-ok": sent(times(4000, None)),
    "roll-full-ok": limited(4, roll([], [(60, 1)])), "roll-too-full": limited(3, roll([], [(60, 1)])), "roll-exchanged-ok": limited(3, roll([50], [(60, 1)])),
    "leaves-when-closed": sent(1, roll([50], [])),
}


def crafted(data, changes):
    for name, change in changes.items():
        tree = tree_of(data)
        before = copy.deepcopy(tree)
        if name not in SPOILED:
            change(tree)
        Repair(before, tree).run()
        if name in SPOILED:
            change(tree)
        yield name, pack(tree)


def main():
    cases, out = map(Path, sys.argv[1:3])
    count, seed = (int(number) for number in (sys.argv[3:] + [1500, 1][len(sys.argv) - 3:]))
    out.mkdir(parents=True, exist_ok=True)
    for old in out.iterdir():
        old.unlink()
    dice = random.Random(seed)
    names = sorted(path.name for path in cases.glob("good-*") if path.stat().st_size < 12_000)
    made = set()
    both = {**CRAFTED, **SPOILED}
    for base, changes in [("assembly-closed", both), ("cancelled", both), ("draft", {**TEXTS_CRAFTED, **ACTS_OF_DRAFTS}),
                          ("assembly-empty", ACTS_OF_OPEN)]:
        for name, data in crafted((cases / f"good-{base}").read_bytes(), changes):
            (out / f"{base}-{name}").write_bytes(data)
    for number in range(count):
        name = dice.choice(names)
        data = mutant((cases / name).read_bytes(), dice)
        (out / f"{number:05}-{name[5:]}").write_bytes(data)
        made.add(data)
    print(f"{len(made)} different files made of {len(names)}, seed {seed}")


main()
