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
# y of the points of small order: 1 (order 1), -1 (2), 0 (4), and those of order 8.
EIGHTH = int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little")
SMALL = [1, P - 1, 0, EIGHTH, P - EIGHTH]
# All encodings of them, with either sign of x, and all that are not canonical.
SMALL_OR_ODD = frozenset((y + sign).to_bytes(32, "little") for y in [*SMALL, *range(P, 2**255)] for sign in (0, 2**255))


@lru_cache(10_000)
def on_curve(key):
    """Whether 32 bytes are a point in canonical form, and not of small order: -x^2 + y^2 = 1 - 121665/121666 x^2 y^2."""
    y = int.from_bytes(key, "little") % 2**255
    above, below = y * y - 1, -121665 * pow(121666, -1, P) * y * y + 1
    return key not in SMALL_OR_ODD and pow(above * below, (P - 1) // 2, P) == 1


def signed(purpose, key, chain, content, signature):
    tag = f"blockchain-voting/1/{purpose}".encode()
    if key in SMALL_OR_ODD or signature[:32] in SMALL_OR_ODD:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, bytes([len(tag)]) + tag + chain + content)
        return True
    except (InvalidSignature, ValueError):
        return False
