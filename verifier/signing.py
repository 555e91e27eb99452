"""Hashes, trees and signatures of docs/protocol.md, section 2."""

import hashlib
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def tagged(tag, content):
    return hashlib.sha256(bytes([len(tag)]) + tag.encode() + content).digest()


class Tree:
    """A Merkle tree of RFC 6962 that grows: of it only the roots of its whole subtrees are kept, the largest first."""

    def __init__(self, leaves=()):
        self.size, self.whole = 0, []
        for leaf in leaves:
            self.add(leaf)

    def add(self, leaf):
        node, size = hashlib.sha256(b"\0" + leaf).digest(), self.size
        while size & 1:
            node = hashlib.sha256(b"\1" + self.whole.pop() + node).digest()
            size >>= 1
        self.whole.append(node)
        self.size += 1

    def root(self):
        if not self.whole:
            return sha256()
        *others, found = self.whole
        for node in reversed(others):
            found = sha256(b"\1", node, found)
        return found


def proof_root(proof, leaf):
    """RFC 9162, 2.1.3.2; None if the path has a wrong length."""
    at, last, path = proof["index"], proof["size"] - 1, list(proof["path"])
    if last < 0 or at > last:
        return None
    found = sha256(b"\0", leaf)
    while last > 0:
        if at % 2 == 1 or at < last:
            if not path:
                return None
            sibling = path.pop(0)
            found = sha256(b"\1", sibling, found) if at % 2 == 1 else sha256(b"\1", found, sibling)
        at, last = at // 2, last // 2
    return None if path else found


P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
# y of the points of small order: 1 (order 1), -1 (2), 0 (4), and those of order 8.
EIGHTH = int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little")
SMALL = [1, P - 1, 0, EIGHTH, P - EIGHTH]
# All encodings of them, with either sign of x, and all that are not canonical. They are no keys.
SMALL_OR_ODD = frozenset((y + sign).to_bytes(32, "little") for y in [*SMALL, *range(P, 2**255)] for sign in (0, 2**255))


def point(data):
    """The point -x^2 + y^2 = 1 + D x^2 y^2 of 32 bytes, as ZIP-215 reads them: y may be P or more, and x may be 0 with either sign. As
    x, y, 1, x y; None if there is none."""
    number = int.from_bytes(data, "little")
    y = number % 2**255 % P
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P:
        return None
    if x % 2 != number >> 255:
        x = -x % P
    return x, y, 1, x * y % P


def plus(one, other):
    """The sum of two points: Hisil, Wong, Carter, Dawson, Twisted Edwards curves revisited, 3.1."""
    (x1, y1, z1, t1), (x2, y2, z2, t2) = one, other
    a, b, c, d = (y1 - x1) * (y2 - x2), (y1 + x1) * (y2 + x2), 2 * D * t1 * t2, 2 * z1 * z2
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(number, one):
    found = (0, 1, 1, 0)
    for bit in bin(number)[2:]:
        found = plus(found, found)
        if bit == "1":
            found = plus(found, one)
    return found


BASE = point((4 * pow(5, -1, P) % P).to_bytes(32, "little"))


@lru_cache(10_000)
def on_curve(key):
    """Whether 32 bytes are a point in canonical form, and not of small order."""
    return key not in SMALL_OR_ODD and point(key) is not None


def holds_by_zip215(key, message, signature):
    """8 S B = 8 R + 8 k A: https://zips.z.cash/zip-0215. Some hundred times as slow as a library."""
    r, s = point(signature[:32]), int.from_bytes(signature[32:], "little")
    a = point(key)
    if a is None or r is None or s >= ORDER:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % ORDER
    x, y, z, _ = times(8, plus(times(ORDER - s, BASE), plus(r, times(k, a))))
    return x == 0 and y == z


def holds(key, message, signature):
    """By ZIP-215, with keys that are canonical and not of small order. What the library takes is right by these rules too; what it refuses need not be
    wrong, since it demands the same of points of small order as well (RFC 8032, without the factor 8)."""
    if key in SMALL_OR_ODD:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
        return True
    except (InvalidSignature, ValueError):
        return len(key) == 32 and len(signature) == 64 and holds_by_zip215(key, message, signature)


def signed(purpose, key, chain, content, signature):
    tag = f"blockchain-voting/1/{purpose}".encode()
    return holds(key, bytes([len(tag)]) + tag + chain + content, signature)
