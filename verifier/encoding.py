"""The encoding of docs/protocol.md, section 1: values, structs, enums, labels. All is checked before it is used."""

import re

import cbor2

U8, U16, U32, U64 = (2**bits - 1 for bits in (8, 16, 32, 64))


class Invalid(Exception):
    """What does not hold."""


def need(holds, why):
    if not holds:
        raise Invalid(why)


def encode(value):
    return cbor2.dumps(value)


def decode(data):
    """Decodes, encodes again, and compares: one content has one encoding."""
    try:
        value = cbor2.loads(data)
        again = encode(value)
    except Exception as error:
        raise Invalid(f"not a valid encoding: {error}") from None
    need(again == data, "not the canonical encoding")
    return value


SHAPES = {
    "genesis": ["name", "time", "validators", "organisers", "limits"],
    "limits": ["block_bytes", "block_transactions", "elections", "voters"],
    "validator": ["key", "name", "power"],
    "header": ["version", "chain", "height", "parent", "time", "proposer", "transactions_root", "transactions_count",
               "state_root", "next_validators"],
    "certificate": ["height", "round", "block", "signatures"],
    "commit_signature": ["validator", "signature"],
    "set_change": ["header", "certificate", "validators"],
    "proof": ["index", "size", "path"],
    "receipt": ["genesis", "set_changes", "transaction", "proof", "header", "certificate"],
    "archive": ["genesis", "set_changes", "election", "last", "last_certificate", "state_proof", "blocks"],
    "archived_block": ["header", "certificate", "transactions"],
    "transaction": ["content", "signature"],
    "content": ["chain", "signer", "payload"],
    "election": ["title", "description", "contests", "voters", "opens_at", "closes_at", "quorum", "revotes", "results",
                 "tie_break", "salt"],
    "contest": ["title", "choices", "rule", "seats", "min", "max", "abstention", "majority", "shuffle"],
    "share": ["numerator", "denominator", "more"],
    "majority": ["share", "base"],
    "ballot": ["election", "counter", "name", "answers"],
    "organise": ["election", "act"],
    "change_roll": ["remove", "add", "reason"],
    "change_times": ["opens_at", "closes_at", "reason"],
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


def plain(value, most):
    need(1 <= len(text(value).encode()) <= most, "a text of a wrong length")
    need(value.strip(WHITE) == value, "a text with space at its ends")
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
