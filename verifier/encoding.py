"""The encoding of docs/protocol.md, section 1: values, structs, enums, labels. All is checked before it is used."""

import re
import unicodedata

U8, U16, U32, U64 = (2**bits - 1 for bits in (8, 16, 32, 64))
DEPTH = 8  # the levels of arrays and maps in a transaction; archives, receipts and receipt files have 7 at most


class Invalid(Exception):
    """What does not hold."""


def need(holds, why):
    if not holds:
        raise Invalid(why)


def head(major, value):
    """The first bytes of an item: its kind, and a number in its shortest form."""
    if value < 24:
        return bytes([major << 5 | value])
    for extra, size in enumerate((1, 2, 4, 8)):
        if value < 1 << 8 * size:
            return bytes([major << 5 | 24 + extra]) + value.to_bytes(size, "big")
    raise ValueError(value)


def encode(value):
    if value is None or value is True or value is False:
        return {None: b"\xf6", True: b"\xf5", False: b"\xf4"}[value]
    if isinstance(value, int):
        return head(0, value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, dict):
        return head(5, len(value)) + b"".join(encode(part) for pair in value.items() for part in pair)
    return head(4, len(value)) + b"".join(map(encode, value))


class Reader:
    """Reads the one encoding that section 1 allows, and nothing else; keeps no more than a small multiple of the data in memory."""

    def __init__(self, data):
        self.data, self.at = data, 0
        # Arrays and maps take far more room here than in the data. Nothing valid has so many of them.
        self.lists = min(len(data), 65536) + len(data) // 32

    def head(self):
        data, at = self.data, self.at
        need(at < len(data), "it ends too early")
        first = data[at]
        info = first & 31
        if info < 24:
            self.at = at + 1
            return first >> 5, info
        need(info < 28, "a length that is not definite")
        size = 1 << info - 24
        self.at = at + 1 + size
        need(self.at <= len(data), "it ends too early")
        value = int.from_bytes(data[at + 1:self.at], "big")
        need(value >= (24 if size == 1 else 1 << 4 * size), "a number that is longer than it need be")
        return first >> 5, value

    def item(self, depth=0):
        kind, value = self.head()
        if kind == 0:
            return value
        if kind in (2, 3):
            start, self.at = self.at, self.at + value
            need(self.at <= len(self.data), "it ends too early")
            content = self.data[start:self.at]
            return content if kind == 2 else utf8(content)
        if kind == 7:
            need(value in (20, 21, 22), "neither true, nor false, nor null")
            return (False, True, None)[value - 20]
        need(kind in (4, 5), "a negative number, or a tag")
        self.lists -= 1
        need(depth < DEPTH and self.lists >= 0 and value <= len(self.data) - self.at, "more lists than anything valid has")
        if kind == 4:
            return [self.item(depth + 1) for _ in range(value)]
        fields, last = {}, -1
        for _ in range(value):
            last = self.key(last)
            fields[last] = self.item(depth + 1)
        return fields

    def key(self, last):
        kind, number = self.head()
        need(kind == 0 and number > last, "fields that are not in order")
        return number


def utf8(content):
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise Invalid("not a valid encoding: a text that is not UTF-8") from None


def decode(data):
    reader = Reader(data)
    try:
        value = reader.item()
        need(reader.at == len(data), "more bytes after its end")
    except Invalid as why:
        raise Invalid(f"not a valid encoding: {why}") from None
    return value


ELECTION = ["title", "description", "contests", "voters", "opens_at", "closes_at", "quorum", "revotes", "results", "tie_break", "salt"]
CONTEST = ["title", "choices", "rule", "seats", "min", "max", "abstention", "majority", "shuffle"]

SHAPES = {
    "genesis": ["version", "name", "time", "validators", "organisers", "limits"],
    "limits": ["block_bytes", "block_transactions", "organiser_elections", "elections", "voters"],
    "validator": ["key", "name", "power"],
    "header": ["version", "chain", "height", "parent", "time", "proposer", "transactions_root", "transactions_count",
               "state_root", "validators", "next_validators"],
    "certificate": ["height", "round", "block", "signatures"],
    "commit_signature": ["validator", "signature"],
    "set_change": ["header", "certificate", "validators"],
    "proof": ["index", "size", "path"],
    "receipt": ["genesis", "set_changes", "transaction", "proof", "header", "certificate"],
    "receipt_file": ["receipt", "ballot", "election"],
    "archive": ["genesis", "set_changes", "election", "last", "last_certificate", "state_proof", "blocks"],
    "archived_block": ["header", "certificate", "transactions"],
    "transaction": ["content", "signature"],
    "content": ["chain", "signer", "payload"],
    "election": ELECTION,
    "committee": ["organisers", "needed"],
    "contest": CONTEST,
    "contest_with_overvotes": [*CONTEST, "overvotes"],
    "share": ["numerator", "denominator", "more"],
    "majority": ["share", "base"],
    "ballot": ["election", "counter", "name", "answers"],
    "organise": ["election", "act"],
    "change_roll": ["remove", "add", "reason"],
    "change_times": ["opens_at", "closes_at", "reason"],
    "replace_organiser": ["old", "new", "reason"],
    "approve_act": ["election", "proposal"],
}


def struct(value, shape):
    """A struct as a dict by field names; all fields, in order."""
    names = SHAPES[shape]
    if type(value) is not dict or list(value) != list(range(len(names))) or {*map(type, value)} != {int}:
        raise Invalid(f"not a {shape}")
    return dict(zip(names, value.values()))


def variant(value, contents):
    """An enum as (number, content); `contents` says for each number whether it has one."""
    if type(value) is int:
        need(0 <= value < len(contents) and not contents[value], "not a variant")
        return value, None
    need(isinstance(value, list) and len(value) == 2 and type(value[0]) is int, "not a variant")
    need(0 <= value[0] < len(contents) and contents[value[0]], "not a variant")
    return value[0], value[1]


def number(value, most=U64, least=0):
    need(type(value) is int and least <= value <= most, "not a number in range")
    return value


def flag(value):
    need(type(value) is bool, "not a boolean")
    return value


def raw(value, length):
    need(type(value) is bytes and (length is None or len(value) == length), "not a byte string of the right length")
    return value


def array(value):
    need(isinstance(value, list), "not an array")
    return value


def optional(value, read):
    return None if value is None else read(value)


def text(value):
    need(isinstance(value, str), "not a text")
    return value


# White space as Unicode has it (the property White_Space), and what no text may have.
WHITE = "".join(map(chr, [*range(9, 14), 32, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000]))
CONTROL = re.compile("[\0-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
WHITES = re.compile(f"[{WHITE}]+")
# Characters that take up space and have no ink; and those that take up none either (the property Default_Ignorable_Code_Point, and a few more).
BLANK = re.compile("[\u115f\u2800\u3164\uffa0\U0001d159]")
INVISIBLE = re.compile("[\xad\u034f\u061c\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff0-\ufffb"
                       "\U00016fe4\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]")
# Letters of Greek and Cyrillic, and signs, that look like ASCII.
LOOKALIKES = str.maketrans("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹͿαινορυϲϳ" "АВЕКМНОРСТУХЅІЈӀҮԌԚԜаеорсухѕіјӏүһԁԛԝѵ"
                           "\u2018\u2019\u02bc\u2032\xb4\u201c\u201d\u201e\u2033" "\u2010\u2011\u2012\u2013\u2014\u2212",
                           "ABEZHIKMNOPTYXCJaivopucj" "ABEKMHOPCTYXSIJIYGQWaeopcyxsijlyhdqwv" "'''''\"\"\"\"" "------")


def look(value):
    """How a text looks: in NFC, without characters that cannot be seen, and with one space for several and for what is blank."""
    if value.isascii() and value.isprintable() and "  " not in value and value.strip() == value:
        return value
    visible = unicodedata.normalize("NFC", INVISIBLE.sub("", BLANK.sub(" ", value)))
    return WHITES.sub(" ", visible).strip(" ")


def skeleton(value):
    """A text as it is compared: its look in NFD, with one letter for those of several scripts that look the same. Two of one skeleton are one name."""
    value = look(value)
    return value if value.isascii() else unicodedata.normalize("NFD", value).translate(LOOKALIKES)


def plain(value, most):
    need(1 <= len(text(value).encode()) <= most, "a text of a wrong length")
    need(value.strip(WHITE) == value, "a text with space at its ends")
    need(look(value), "a text in which nothing can be seen")
    return value


def label(value):
    need(not CONTROL.search(plain(value, 100)), "a text with control characters")
    return value


def label_or_empty(value):
    return label(value) if text(value) else value


def description(value):
    if text(value):
        need(not CONTROL.search(plain(value, 4000).replace("\n", "")), "a text with control characters")
    return value
