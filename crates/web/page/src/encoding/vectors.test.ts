import { expect, test } from "vitest";
import labels from "../../../../../testdata/labels.json";
import signatures from "../../../../../testdata/signatures.json";
import vectors from "../../../../../testdata/vectors.json";
import {
  codeSeed,
  mayBeVoterCode,
  newCode,
  readTracker,
  showCode,
  tracker,
  trackerQr,
  trackerWords,
} from "./codes";
import {
  approveAct,
  type Act,
  type Contest,
  type Election,
  bytesToHex,
  castBallot,
  createElection,
  hexToBytes,
  labelFault,
  look,
  skeleton,
  organise,
  publicKey,
  sign,
  transactionId,
  writeInFault,
} from "./ledger";
import { Struct, type Value } from "./cbor";
import { verifies } from "./signed";

const chain = vectors.genesis.chain;
const seed = new Uint8Array(32).fill(50);
const key = (byte: number) => publicKey(new Uint8Array(32).fill(byte));
const named = (name: string) => vectors.transactions.find((one) => one.name === name)!;
// The election that the vectors' ballots are for stands in their own bytes: after the array of the
// payload, as the struct's first field.
const election = /8201a4005820([0-9a-f]{64})/.exec(named("cast_ballot").content)![1]!;

const plain: Contest = {
  title: "",
  choices: ["Soup", "Pasta", "Salad"],
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
  description: "What shall we eat?",
  contests: [plain],
  voters: "anyone",
  opens_at: null,
  closes_at: null,
  quorum: null,
  revotes: 0,
  results: "live",
  tie_break: "",
  salt: 7n,
  names: false,
  committee: null,
};
const START = 1_700_000_000_000;
const whole: Election = {
  ...lunch,
  voters: "weighted roll",
  opens_at: START,
  closes_at: START + 1,
  quorum: { numerator: 1, denominator: 2, more: true },
  revotes: 3,
  results: "at closing",
  tie_break: "the next draw of the lottery",
  contests: [
    {
      ...plain,
      title: "Board",
      choices: ["Ada", "Grace", "Joan"],
      rule: "stv",
      seats: 2,
      min: 0,
      max: 2,
      shuffle: true,
    },
    {
      ...plain,
      title: "Motion",
      choices: ["Yes", "No"],
      rule: "yes-no",
      abstention: true,
      majority: { numerator: 2, denominator: 3, more: false, base: "roll" },
    },
  ],
};
const [one, two] = [key(60), key(61)].sort() as [string, string];
const act = (done: Act) => organise(election, done);
const reason = "as agreed";
const proposal = transactionId(new TextEncoder().encode("an act"));
const signedAt = START + 2;
const cases: Record<string, Value> = {
  create_election: createElection(lunch),
  create_write_in_election: createElection({
    ...lunch,
    description: "",
    contests: [{ ...plain, choices: null }],
  }),
  create_election_of_two_contests: createElection(whole),
  create_election_with_names: createElection({ ...lunch, names: true }),
  create_election_with_committee: createElection({
    ...lunch,
    committee: { organisers: [one, two], needed: 2 },
  }),
  create_election_with_overvotes: createElection({
    ...lunch,
    contests: [
      {
        ...plain,
        choices: ["Ada", "Grace", "Joan"],
        rule: "irv",
        min: 0,
        max: 3,
        overvotes: "skip",
      },
    ],
  }),
  cast_ballot: castBallot({ election, counter: 0, name: "Ada", selections: [{ listed: 1 }] }),
  cast_write_in: castBallot({
    election,
    counter: 0,
    name: "Ada",
    selections: [{ written: "Grünkohl" }],
  }),
  cast_replacement: castBallot({
    election,
    counter: 2,
    name: "",
    selections: [{ ranked: [[1], [0, 2]] }, "abstain"],
  }),
  open: act({ open: true }),
  close: act({ close: true }),
  add_voters: act({
    add: [
      [one, 1],
      [two, 1000],
    ],
  }),
  change_roll: act({ change: { remove: [one], add: [[two, 1]], reason } }),
  change_times: act({ times: { opens_at: null, closes_at: START, reason } }),
  cancel: act({ cancel: reason }),
  withdraw: act({ withdraw: proposal }),
  replace_organiser: act({ replace: { old: one, new: two, reason } }),
  approve_act: approveAct(election, proposal),
  // The page approves no changes; the encoding knows them all the same.
  approve_admit: [
    3,
    new Struct([[0, [0, new Struct([hexToBytes(key(5)), "v5", 1])]], 0, signedAt]),
  ],
  approve_remove: [3, new Struct([[0, [1, hexToBytes(key(4))]], 1, signedAt])],
  approve_admit_organiser: [3, new Struct([[1, [0, hexToBytes(key(201))]], 0, signedAt])],
  approve_remove_organiser: [3, new Struct([[1, [1, hexToBytes(key(200))]], 2, signedAt])],
};

test.each(Object.entries(cases))(
  "%s is signed byte for byte as the ledger has it",
  (name, payload) => {
    const bytes = sign(chain, seed, payload);
    expect(bytesToHex(bytes)).toBe(named(name).bytes);
    expect(transactionId(bytes)).toBe(named(name).id);
  },
);

test("signatures hold that hold in the ledger, and no others", () => {
  for (const { name, key, message, signature, holds } of signatures.vectors) {
    expect(verifies(hexToBytes(signature), hexToBytes(message), hexToBytes(key)), name).toBe(holds);
  }
});

test("keys are those of the vectors", () => {
  for (const { seed_byte, public: known } of vectors.keys) expect(key(seed_byte)).toBe(known);
});

test("no transaction of the vectors is left out", () => {
  expect(Object.keys(cases).sort()).toEqual(vectors.transactions.map(({ name }) => name).sort());
});

test("codes are those of vote-cli", () => {
  const bytes = Uint8Array.from({ length: 16 }, (_, at) => at);
  const code = "000G-40R4-0M30-E209-185G-R38E-1XM9-HF0P";
  expect(showCode(bytes)).toBe(code);
  expect(publicKey(codeSeed(code) as Uint8Array)).toBe(
    "95daf89d78f8fba0736031aefeeff0337ceaa29d72c810567f5fd148bb6fd2c8",
  );
  expect(tracker(bytesToHex(bytes))).toBe("000G-40R4-0M30-E209-185G-R38E-1WKR-9WNX");
  expect(trackerWords(bytesToHex(bytes))).toBe(
    "abandon amount liar amount expire adjust cage candy arch gather drum buyer",
  );
  expect(trackerQr(bytesToHex(bytes))).toHaveLength(45);
});

test("codes are read however they are typed", () => {
  const { code, seed } = newCode();
  const typed = [
    code.toLowerCase(),
    code.replaceAll("-", ""),
    `  ${code.replaceAll("-", "  ")}\n`,
    code.replaceAll("-", "\u2013"),
    code.replaceAll("1", "l").replaceAll("0", "O"),
    `vote-code:${code}`,
  ];
  for (const text of typed) expect(codeSeed(text), text).toEqual(seed);
});

test("a mistyped code is told from a sound one, whatever character is wrong", () => {
  const { code } = newCode();
  for (let at = 0; at < code.length; at++) {
    if (code[at] === "-") continue;
    const wrong = code.slice(0, at) + (code[at] === "7" ? "8" : "7") + code.slice(at + 1);
    expect(codeSeed(wrong), wrong).toEqual({ fault: "checksum" });
  }
  expect(codeSeed(code.slice(0, -1))).toEqual({ fault: "length", n: 31 });
  expect(codeSeed(`${code.slice(0, 5)}U${code.slice(6)}`)).toEqual({
    fault: "character",
    character: "U",
    place: 5,
    group: 2,
  });
});

test("a tracker is read from its code and its words, and is no voter code", () => {
  const ballot = "d195987a152e5e997dc4ad175f72b10db44269a53f52b44aa8236028382e2249";
  // As vote-cli shows them for this ballot.
  expect(tracker(ballot)).toBe("T6AS-GYGN-5SF9-JZE4-NMBN-YWNH-1M6F-668T");
  const said = "spice proud burden clean tourist erosion warfare noble blanket wine proof boy";
  expect(trackerWords(ballot)).toBe(said);
  for (const text of [
    tracker(ballot),
    said,
    said.toUpperCase().replaceAll(" ", ", "),
    `VOTE-TRACKER:${tracker(ballot)}`,
  ])
    expect(readTracker(text)).toBe(ballot.slice(0, 32));
  expect(codeSeed(tracker(ballot))).toEqual({ fault: "other" });
  expect(readTracker(newCode().code)).toEqual({ fault: "other" });
  expect(readTracker(said.replace("tourist", "tuorist"))).toEqual({
    fault: "word",
    word: "tuorist",
    n: 5,
  });
  expect(readTracker(said.slice(0, -4))).toEqual({ fault: "word_count", n: 11 });
  expect(readTracker(Array(12).fill("zoo").join(" "))).toEqual({ fault: "word_checksum" });
  // The words of longer entropy have a checksum too, and are no tracker.
  expect(readTracker(`${"abandon ".repeat(14)}address`)).toEqual({ fault: "word_count", n: 15 });
  expect(readTracker("ABCD")).toEqual({ fault: "length", n: 4 });
});

test("labels, and how they look, are those of the ledger", () => {
  for (const { text, label, write_in, looks, skeleton: like } of labels)
    expect(
      [!labelFault(text), !writeInFault(text), look(text), skeleton(text)],
      JSON.stringify(text),
    ).toEqual([label, write_in, looks, like]);
  for (const good of ["a", "Grünkohl", "ü".repeat(50), "two words"])
    expect(labelFault(good), good).toBe(false);
  for (const bad of ["", " a", "a\n", "a\tb", "ü".repeat(51), "a\u202eb", "\u2066a"])
    expect(labelFault(bad), bad).toBe(true);
});

test("what may be a voter code is known, with a slip too, and what people search for is none", () => {
  const code = "000G-40R4-0M30-E209-185G-R38E-1XM9-HF0P";
  const slips = [
    code,
    code.replace("P", "Q"),
    code.slice(0, -1),
    `${code}0`,
    code.toLowerCase().replaceAll("-", " "),
    code.replaceAll("-", "\u2013"),
    "vote-code:12",
  ];
  for (const secret of slips) expect(mayBeVoterCode(secret), secret).toBe(true);
  const ballot = "ab".repeat(32);
  for (const open of [
    tracker(ballot),
    ballot,
    ballot.slice(0, 32),
    "12",
    "Board of the co-operative, second round",
    "Annual general meeting 2026 budget",
    "Student council election May 2026",
    trackerWords(ballot),
  ]) {
    expect(mayBeVoterCode(open), open).toBe(false);
  }
});
