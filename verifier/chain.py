"""The chain that a file is from: genesis, validator sets, headers, certificates (docs/protocol.md, section 3)."""

from bisect import bisect_left

from encoding import U16, U32, array, encode, label, need, number, raw, struct, variant
from signing import on_curve, signed, tagged

LIMITS = {"block_bytes": (16384, 1048576), "block_transactions": (1, 16384), "organiser_elections": (1, 100_000),
          "elections": (1, 100_000), "voters": (1, 10_000_000)}


def sorted_keys(value):
    """An array of keys in order, none twice."""
    keys = [raw(key, 32) for key in array(value)]
    need(all(a < b for a, b in zip(keys, keys[1:])), "keys that are not in order")
    return keys


def read_validators(value):
    validators = []
    need(1 <= len(array(value)) <= 150, "not a validator set")
    for item in value:
        validator = struct(item, "validator")
        raw(validator["key"], 32), label(validator["name"]), number(validator["power"], 10**9, 1)
        need(on_curve(validator["key"]), "a validator whose key is no point of the curve")
        validators.append(validator)
    sorted_keys([validator["key"] for validator in validators])
    return validators


def read_genesis(value):
    genesis = struct(value, "genesis")
    label(genesis["name"]), number(genesis["time"])
    genesis["validators"] = read_validators(genesis["validators"])
    kind, keys = variant(genesis["organisers"], [False, True])
    need(kind == 0 or len(sorted_keys(keys)) <= 256, "too many organisers")
    genesis["limits"] = struct(genesis["limits"], "limits")
    for name, (least, most) in LIMITS.items():
        number(genesis["limits"][name], most, least)
    genesis["chain"] = tagged("genesis", encode(value))
    return genesis


def read_header(value):
    header = struct(value, "header")
    for name in ["chain", "parent", "proposer", "transactions_root", "state_root", "next_validators"]:
        raw(header[name], 32)
    number(header["version"], U16), number(header["height"]), number(header["time"])
    number(header["transactions_count"], U32)
    header["hash"] = tagged("block", encode(value))
    return header


def read_proof(value):
    proof = struct(value, "proof")
    number(proof["index"], U32), number(proof["size"], U32)
    proof["path"] = [raw(node, 32) for node in array(proof["path"])]
    return proof


def validators_hash(validators):
    fields = [dict(enumerate(validator.values())) for validator in validators]
    return tagged("validators", encode(fields))


class Chain:
    """Who signs what."""

    def __init__(self, genesis, changes, below):
        self.genesis = read_genesis(genesis)
        self.id = self.genesis["chain"]
        self.signatures = 0
        self.sets, self.changed, self.headers = [self.genesis["validators"]], [], []
        last = 0
        for item in array(changes):
            change = struct(item, "set_change")
            header = read_header(change["header"])
            validators = read_validators(change["validators"])
            height = header["height"]
            follows = last < height < below and header["next_validators"] == validators_hash(validators)
            need(follows, f"the change of validators at height {height} does not follow from the one before")
            need(validators != self.sets[-1], f"the change of validators at height {height} changes nothing")
            self.check_final(header, change["certificate"])
            self.sets.append(validators)
            self.changed.append(height)
            last = height

    def set_at(self, height):
        return self.sets[bisect_left(self.changed, height)]

    def check_order(self):
        """That all final headers are of one history: of this version, the higher the later, one at each height, parent before child."""
        below = {"height": 0, "time": self.genesis["time"], "hash": bytes(32)}
        for header in sorted(self.headers, key=lambda header: header["height"]):
            same = header["hash"] == below["hash"]
            follows = header["height"] > below["height"] and header["time"] > below["time"]
            next_to = header["height"] == below["height"] + 1
            parent = not next_to or header["parent"] == below["hash"]
            need(header["version"] == 1 and (same or follows and parent),
                 f"the block at height {header['height']} is not of this version, or does not come after what is below it")
            below = header

    def check_next(self, header):
        """That a header hands over to the set of the next height."""
        names = header["next_validators"] == validators_hash(self.set_at(header["height"] + 1))
        need(names, f"the change of validators at height {header['height']} does not follow from the one before")

    def check_final(self, header, value):
        certificate, height = struct(value, "certificate"), header["height"]
        number(certificate["height"]), number(certificate["round"], U32), raw(certificate["block"], 32)
        need(header["chain"] == self.id, f"the block at height {height} is of another chain")
        need(certificate["height"] == height and certificate["block"] == header["hash"],
             f"the certificate at height {height} is for another block")
        powers = {validator["key"]: validator["power"] for validator in self.set_at(height)}
        keys, power = [], 0
        for item in array(certificate["signatures"]):
            entry = struct(item, "commit_signature")
            key, signature = raw(entry["validator"], 32), raw(entry["signature"], 64)
            need(key in powers, f"block {height} is not final: {key.hex()[:16]} is not a validator of that height")
            vote = encode([height, certificate["round"], 1, header["hash"], key])
            need(signed("vote", key, self.id, vote, signature), f"block {height} is not final: a signature does not verify")
            keys.append(key)
            power += powers[key]
        self.signatures += len(keys)
        need(keys == sorted(set(keys)), f"block {height} is not final: its signatures are not sorted, each once")
        self.headers.append(header)
        need(3 * power > 2 * sum(powers.values()), f"block {height} is not final: too few have signed")
