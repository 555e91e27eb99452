"""The chain that a file is from: genesis, validator sets, headers, certificates (docs/protocol.md, section 3)."""

from bisect import bisect_right

from encoding import U16, U32, array, encode, label, need, number, raw, struct, variant
from signing import on_curve, signed, tagged

# Protocol versions that this program has, the oldest and the newest.
VERSIONS = (2, 3)

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
    need_known(genesis["version"], "the chain begins with")
    label(genesis["name"]), number(genesis["time"])
    genesis["validators"] = read_validators(genesis["validators"])
    kind, keys = variant(genesis["organisers"], [False, True])
    need(kind == 0 or len(sorted_keys(keys)) <= 256, "too many organisers")
    genesis["limits"] = struct(genesis["limits"], "limits")
    for name, (least, most) in LIMITS.items():
        number(genesis["limits"][name], most, least)
    genesis["chain"] = tagged("genesis", encode(value))
    return genesis


def need_known(version, what):
    number(version, U16)
    need(VERSIONS[0] <= version <= VERSIONS[1],
         f"{what} protocol version {version}, and this program has versions {VERSIONS[0]} to {VERSIONS[1]}: use another release of it")


def read_header(value):
    header = struct(value, "header")
    for name in ["chain", "parent", "proposer", "transactions_root", "state_root", "validators", "next_validators"]:
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


def quorum(validators, keys):
    """Whether some keys, each once, hold more than two thirds of a set's power."""
    keys = set(keys)
    power = sum(validator["power"] for validator in validators if validator["key"] in keys)
    return 3 * power > 2 * sum(validator["power"] for validator in validators)


class Chain:
    """Who signs what."""

    def __init__(self, genesis, changes, last):
        self.genesis = read_genesis(genesis)
        self.id = self.genesis["chain"]
        self.signatures = 0
        self.headers = []
        # Sets that are trusted, each from a height on.
        self.sets, self.since = [self.genesis["validators"]], [1]
        for item in array(changes):
            self.follow(struct(item, "set_change"))
        need(self.since[-1] <= last, "a change of validators comes after the last block")

    def follow(self, change):
        """One step: from the last trusted set to one that its header names, for its own height or for the next."""
        header = read_header(change["header"])
        height = header["height"]
        trusted, validators = self.sets[-1], read_validators(change["validators"])
        before, after = validators_hash(trusted), validators_hash(validators)
        need(before != after, f"the change of validators at height {height} changes nothing")
        leaps = header["validators"] == after
        hands_over = header["validators"] == before and header["next_validators"] == after
        since = height if leaps else height + 1
        need((leaps or hands_over) and height >= self.since[-1] and since > self.since[-1],
             f"the change of validators at height {height} does not follow from the one before")
        signers = self.check_signed(header, change["certificate"], validators if leaps else trusted)
        # Whoever knows the set so far believes a later one by the word of two thirds of it.
        need(not leaps or quorum(trusted, signers),
             f"the change of validators at height {height} leaps too far: too few of the validators before it have signed it")
        self.sets.append(validators)
        self.since.append(since)

    def check_order(self):
        """That all final headers are of one history, by versions that this program has: the higher the later, and by no older version;
        one at each height, parent before child."""
        below = {"version": self.genesis["version"], "height": 0, "time": self.genesis["time"], "hash": bytes(32),
                 "next_validators": validators_hash(self.genesis["validators"])}
        for header in sorted(self.headers, key=lambda header: header["height"]):
            same = header["hash"] == below["hash"]
            follows = header["height"] > below["height"] and header["time"] > below["time"]
            next_to = header["height"] == below["height"] + 1
            child = header["parent"] == below["hash"] and header["validators"] == below["next_validators"]
            need(header["version"] >= below["version"] and (same or follows and (child or not next_to)),
                 f"the block at height {header['height']} does not come after what is below it, or goes by an older protocol version")
            need_known(header["version"], f"the block at height {header['height']} goes by")
            below = header

    def check_final(self, header, value):
        """That a block is final under the set that it names, which must be the last trusted one up to its height."""
        validators = self.sets[bisect_right(self.since, header["height"]) - 1]
        need(header["validators"] == validators_hash(validators),
             f"the block at height {header['height']} names other validators for its height than the changes lead to")
        self.check_signed(header, value, validators)

    def check_signed(self, header, value, validators):
        """That a certificate makes a block final under a set; gives the keys of those who have signed."""
        certificate, height = struct(value, "certificate"), header["height"]
        number(certificate["height"]), number(certificate["round"], U32), raw(certificate["block"], 32)
        need(header["chain"] == self.id, f"the block at height {height} is of another chain")
        need(certificate["height"] == height and certificate["block"] == header["hash"],
             f"the certificate at height {height} is for another block")
        powers = {validator["key"]: validator["power"] for validator in validators}
        keys = []
        for item in array(certificate["signatures"]):
            entry = struct(item, "commit_signature")
            key, signature = raw(entry["validator"], 32), raw(entry["signature"], 64)
            need(key in powers, f"block {height} is not final: {key.hex()[:16]} is not a validator of that height")
            vote = encode([height, certificate["round"], 1, header["hash"], key])
            need(signed("vote", key, self.id, vote, signature), f"block {height} is not final: a signature does not verify")
            keys.append(key)
        self.signatures += len(keys)
        need(keys == sorted(set(keys)), f"block {height} is not final: its signatures are not sorted, each once")
        self.headers.append(header)
        need(quorum(validators, keys), f"block {height} is not final: too few have signed")
        return keys
