// Bytes from outside: the canonical ones are read, and no others.

import { readFileSync, readdirSync } from "node:fs";
import { expect, test } from "vitest";
import vectors from "../../../../../testdata/vectors.json";
import { Malformed, Struct, type Value, decode, encode } from "./cbor";
import {
  type Contest,
  type Election,
  bytesToHex,
  castBallot,
  createElection,
  hexToBytes,
  organise,
  publicKey,
  sign,
  transactionId,
} from "./ledger";
import { checkReceipt } from "./receipt";
import { Unsound, checkName, readAct, readBallot, readElection, readSigned } from "./signed";

const chain = vectors.genesis.chain;
const seed = new Uint8Array(32).fill(50);
const plain: Contest = {
  title: "",
  choices: ["Soup", "Pasta"],
  rule: "plurality",
  seats: 1,
  min: 1,
  max: 1,
  abstention: false,
  majority: null,
  shuffle: false,
  overvotes: "wait",
};
const lunch: Election = {
  title: "Lunch",
  description: "",
  contests: [plain],
  voters: "anyone",
  opens_at: null,
  closes_at: null,
  quorum: null,
  revotes: 0,
  results: "live",
  tie_break: "",
  salt: (1n << 64n) - 1n,
  names: false,
  committee: null,
};
const put = (payload: Value, by = seed, on = chain) => {
  const bytes = sign(on, by, payload);
  return { bytes, id: transactionId(bytes) };
};
const faultOf = (read: () => unknown) => {
  try {
    read();
  } catch (error) {
    return error instanceof Unsound ? error.fault : error;
  }
  return null;
};

test("what is written is read again, of every size", () => {
  const numbers = [
    0,
    23,
    24,
    255,
    256,
    65535,
    65536,
    0xffffffff,
    0x100000000,
    Number.MAX_SAFE_INTEGER,
    1n << 53n,
    (1n << 64n) - 1n,
  ];
  const values: Value[] = [
    ...numbers,
    "",
    "ü",
    "\ufeffmark",
    new Uint8Array(300).fill(7),
    null,
    true,
    false,
    [],
    [[1], [2, 3]],
    new Struct([]),
    new Struct([1, new Struct(["a"])]),
    Array(300).fill(1),
  ];
  for (const value of values) expect(decode(encode(value))).toEqual(value);
});

test.each([
  ["a number that is longer than it need be", "1805"],
  ["a length that is longer than it need be", "780161"],
  ["bytes after its end", "0500"],
  ["nothing", ""],
  ["an end that comes too early", "620a"],
  ["a length beyond the input", "9b7fffffffffffffff"],
  ["bytes beyond the input", "5b7fffffffffffffff"],
  ["an array without a definite length", "9fff"],
  ["a negative number", "20"],
  ["a tag", "c100"],
  ["a float", "f93c00"],
  ["undefined", "f7"],
  ["false, the long way", "f814"],
  ["a reserved length", "1c"],
  ["a text that is not UTF-8", "61ff"],
  ["half of a surrogate pair", "63eda080"],
  ["fields out of order", "a201000000"],
  ["a field twice", "a200000000"],
  ["a map with other keys", "a1616101"],
])("%s is refused", (_, bytes) => {
  expect(() => decode(hexToBytes(bytes))).toThrow(Malformed);
});

test("what is too deep is refused, however long it is", () => {
  expect(decode(hexToBytes("81".repeat(8) + "00"))).toBeTruthy();
  expect(() => decode(hexToBytes("81".repeat(9) + "00"))).toThrow(Malformed);
  expect(() => decode(new Uint8Array(1_000_000).fill(0x81))).toThrow(Malformed);
});

test("whatever bytes come, they are read to what they were written from, or refused", () => {
  let random = 1;
  const next = (below: number) => (random = (random * 48271) % 2147483647) % below;
  const samples = vectors.transactions.map((one) => hexToBytes(one.bytes));
  for (let round = 0; round < 1500; round++) {
    const bytes = samples[next(samples.length)]!.slice();
    for (let n = next(3); n >= 0; n--) bytes[next(bytes.length)] = next(256);
    try {
      expect(encode(decode(bytes))).toEqual(bytes);
    } catch (error) {
      expect(error).toBeInstanceOf(Malformed);
    }
  }
});

test("every transaction of the vectors is read, and says what was put into it", () => {
  const read = Object.fromEntries(
    vectors.transactions.map((one) => [one.name, readSigned(hexToBytes(one.bytes), one.id, chain)]),
  );
  for (const { signer } of Object.values(read)) expect(signer).toBe(publicKey(seed));
  const election = vectors.transactions.find(
    (one) => one.name === "create_election_of_two_contests",
  )!;
  const found = readElection(hexToBytes(election.bytes), election.id, chain);
  expect(found).toMatchObject({
    election: election.id,
    chain,
    organiser: publicKey(seed),
    voters: "weighted roll",
    revotes: 3,
    tie_break: "the next draw of the lottery",
  });
  expect(found.contests[0]).toMatchObject({
    title: "Board",
    choices: ["Ada", "Grace", "Joan"],
    rule: "stv",
    seats: 2,
    min: 0,
    max: 2,
    shuffle: true,
  });
  expect(found.contests[1]!.majority).toEqual({
    numerator: 2,
    denominator: 3,
    more: false,
    base: "roll",
  });
  expect(read["cast_replacement"]!.does).toMatchObject({
    cast: { counter: 2, name: "", selections: [{ ranked: [[1], [0, 2]] }, "abstain"] },
  });
  expect(read["cast_write_in"]!.does).toMatchObject({
    cast: { selections: [{ written: "Grünkohl" }] },
  });
  expect(read["change_roll"]!.does).toMatchObject({ act: { change: { reason: "as agreed" } } });
  expect(read["approve_admit"]!.does).toBeNull();
  expect(read["create_election_with_committee"]!.does).toMatchObject({
    create: { names: false, committee: { needed: 2 } },
  });
  expect(read["approve_act"]!.does).toHaveProperty("approve");
  // What was read is written to the same bytes again.
  const again = { create_election: (e: Election) => createElection(e) };
  const { does } = read["create_election"]!;
  expect(
    bytesToHex(sign(chain, seed, again.create_election((does as { create: Election }).create))),
  ).toBe(vectors.transactions.find((one) => one.name === "create_election")!.bytes);
});

test("bytes are believed for what they are, and for nothing else", () => {
  const { bytes, id } = put(createElection(lunch));
  expect(readElection(bytes, id, chain).salt).toBe(lunch.salt);
  const [elsewhere, ballot] = [
    put(createElection(lunch), seed, "11".repeat(32)),
    put(castBallot({ election: id, counter: 0, name: "", selections: [{ listed: 1 }] })),
  ];
  const forged = bytes.slice();
  forged[forged.length - 1]! ^= 1;
  const longer = new Uint8Array([...bytes, 0]);
  const label = put(createElection({ ...lunch, title: "Lunch\u202e" }));
  const twice = put(
    createElection({ ...lunch, contests: [{ ...plain, choices: ["Soup", "Soup"] }] }),
  );
  const cases: [string, string, () => unknown][] = [
    [
      "other bytes",
      "hash",
      () => readElection(put(createElection({ ...lunch, title: "Dinner" })).bytes, id, chain),
    ],
    [
      "one bit of the signature",
      "signature",
      () => readElection(forged, transactionId(forged), chain),
    ],
    ["a byte more", "encoding", () => readElection(longer, transactionId(longer), chain)],
    [
      "too many bytes",
      "hash",
      () => readElection(new Uint8Array(65537), transactionId(new Uint8Array(65537)), chain),
    ],
    ["another chain", "chain", () => readElection(elsewhere.bytes, elsewhere.id, chain)],
    ["a ballot for an election", "kind", () => readElection(ballot.bytes, ballot.id, chain)],
    ["a title that cannot stand", "encoding", () => readElection(label.bytes, label.id, chain)],
    ["two choices that are the same", "encoding", () => readElection(twice.bytes, twice.id, chain)],
  ];
  for (const [name, fault, read] of cases) expect(faultOf(read), name).toBe(fault);
  expect(readBallot(ballot.bytes, ballot.id, chain)).toMatchObject({
    voter: publicKey(seed),
    election: id,
    selections: [{ listed: 1 }],
  });
  expect(readBallot(bytes, id, chain)).toBeNull();
});

test("an act is the organiser's, and of this election, or none", () => {
  const { bytes, id } = put(createElection(lunch));
  const of = readElection(bytes, id, chain);
  const close = put(organise(id, { close: true }));
  expect(readAct(close.bytes, close.id, of)).toEqual({ close: true });
  const [stranger, other] = [
    put(organise(id, { close: true }), new Uint8Array(32).fill(9)),
    put(organise("22".repeat(32), { close: true })),
  ];
  for (const one of [stranger, other])
    expect(faultOf(() => readAct(one.bytes, one.id, of))).toBe("other");
  // Another who organises it too may act, and who has created it no more once the key was replaced.
  const by = publicKey(new Uint8Array(32).fill(9));
  expect(readAct(stranger.bytes, stranger.id, of, [by])).toEqual({ close: true });
  expect(faultOf(() => readAct(close.bytes, close.id, of, [by]))).toBe("other");
});

const receipt = hexToBytes(vectors.receipt);

test("the receipt of the vectors holds", async () => {
  const { receipt: shown, ballot, election } = await checkReceipt(receipt);
  expect(shown).toMatchObject({ chain, block: vectors.header.hash });
  expect([ballot, election]).toEqual([null, null]);
});

test("receipts of every protocol version hold as they were written", async () => {
  const kept = new URL("../../../../../testdata/versions/", import.meta.url);
  const names = readdirSync(kept).filter((name) => name.endsWith(".receipt"));
  expect(names.length).toBeGreaterThanOrEqual(3);
  for (const name of names) {
    const { receipt: shown } = await checkReceipt(readFileSync(new URL(name, kept)));
    expect(shown.height, name).toBe(4);
  }
});

test("a receipt after changes of the validators holds, and none of its steps can be left out, changed or moved", async () => {
  const long = hexToBytes(vectors.receipt_after_changes);
  expect((await checkReceipt(long)).receipt.signatures).toBe(3);
  const value = decode(long) as Struct;
  const steps = value.fields[1] as Value[];
  const forged = (changed: Value[]) =>
    checkReceipt(encode(new Struct(value.fields.with(1, changed)))).catch(
      (error: unknown) => error,
    );
  expect(await forged(steps)).not.toBeInstanceOf(Unsound);
  for (let at = 0; at < steps.length; at++) {
    const other = steps[(at + 1) % steps.length]!;
    const change = steps[at] as Struct;
    const foreign = new Struct(change.fields.with(2, (other as Struct).fields[2]!));
    for (const lie of [
      steps.toSpliced(at, 1),
      steps.with(at, other),
      steps.toSpliced(at, 0, other),
      steps.with(at, foreign),
    ]) {
      expect(await forged(lie), `step ${at}`).toBeInstanceOf(Unsound);
    }
  }
  // A leap over all of them: its own set has signed it, but of the validators of the genesis too
  // few.
  const [head, certificate] = [value.fields[4]!, value.fields[5]!];
  expect(
    await forged([new Struct([head, certificate, (steps.at(-1) as Struct).fields[2]!])]),
  ).toBeInstanceOf(Unsound);
});

test("whatever byte of a receipt is changed, it does not hold", async () => {
  for (let at = 0; at < receipt.length; at++) {
    const forged = receipt.slice();
    forged[at]! ^= 1 << (at % 8);
    const said = await checkReceipt(forged).catch((error) => error);
    // Of another chain than this one it may say what it likes: it is not taken for this one's.
    if (!(said instanceof Unsound)) expect(said.receipt.chain, `byte ${at}`).not.toBe(chain);
  }
}, 60_000);

test("a ballot has a name if and only if its election takes names, from version 3 on", () => {
  for (const names of [false, true]) {
    const created = put(createElection({ ...lunch, names }));
    const of = readElection(created.bytes, created.id, chain);
    expect(of.names).toBe(names);
    for (const name of ["", "Ada"]) {
      const ballot = { election: of.election, counter: 0, name, selections: [{ listed: 1 }] };
      const { bytes, id } = put(castBallot(ballot));
      const cast = readBallot(bytes, id, chain)!;
      const fits = names === (name !== "");
      expect(faultOf(() => checkName(cast, of, 3))).toBe(fits ? null : "other");
      expect(faultOf(() => checkName(cast, of, 2))).toBeNull();
    }
  }
});

test("that an election takes no names is not written", () => {
  const [kind, { fields }] = createElection({ ...lunch, names: true }) as [number, Struct];
  const said = put([kind, new Struct([...fields.slice(0, -1), false])]);
  expect(faultOf(() => readElection(said.bytes, said.id, chain))).toBe("encoding");
});
