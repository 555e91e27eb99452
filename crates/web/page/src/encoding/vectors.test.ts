import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { codeSeed, newCode, readTracker, tracker, trackerWords } from "./codes";
import { type Act, type Contest, type Election, bytesToHex, castBallot, createElection, organise, publicKey, sign, transactionId } from "./ledger";
import type { Value } from "./cbor";

const vectors = JSON.parse(readFileSync(new URL("../../../../../testdata/vectors.json", import.meta.url), "utf8"));
const chain: string = vectors.genesis.chain;
const seed = new Uint8Array(32).fill(50);
const key = (byte: number) => publicKey(new Uint8Array(32).fill(byte));
const named = (name: string) => vectors.transactions.find((one: { name: string }) => one.name === name);
// The election that the vectors' ballots are for stands in their own bytes: after the array of the payload, as the struct's first field.
const election = /8201a4005820([0-9a-f]{64})/.exec(named("cast_ballot").content)![1]!;

const plain: Contest = { title: "", choices: ["Soup", "Pasta", "Salad"], rule: "plurality", seats: 1, min: 1, max: 1, abstention: false, majority: null, shuffle: false };
const lunch: Election = {
  title: "Lunch", description: "What shall we eat?", contests: [plain], voters: "anyone", opens_at: null, closes_at: null, quorum: null, revotes: 0, results: "live",
  tie_break: "", salt: 7n,
};
const START = 1_700_000_000_000;
const whole: Election = {
  ...lunch, voters: "weighted roll", opens_at: START, closes_at: START + 1, quorum: { numerator: 1, denominator: 2, more: true }, revotes: 3, results: "at closing",
  tie_break: "the next draw of the lottery",
  contests: [
    { ...plain, title: "Board", choices: ["Ada", "Grace", "Joan"], rule: "stv", seats: 2, min: 0, max: 2, shuffle: true },
    { ...plain, title: "Motion", choices: ["Yes", "No"], rule: "yes-no", abstention: true, majority: { numerator: 2, denominator: 3, more: false, base: "roll" } },
  ],
};
const [one, two] = [key(60), key(61)].sort() as [string, string];
const act = (done: Act) => organise(election, done);
const reason = "as agreed";
const cases: Record<string, Value> = {
  create_election: createElection(lunch),
  create_write_in_election: createElection({ ...lunch, description: "", contests: [{ ...plain, choices: null }] }),
  create_election_of_two_contests: createElection(whole),
  cast_ballot: castBallot({ election, counter: 0, name: "Ada", selections: [{ listed: 1 }] }),
  cast_write_in: castBallot({ election, counter: 0, name: "Ada", selections: [{ written: "Grünkohl" }] }),
  cast_replacement: castBallot({ election, counter: 2, name: "", selections: [{ ranked: [[1], [0, 2]] }, "abstain"] }),
  open: act({ open: true }),
  close: act({ close: true }),
  add_voters: act({ add: [[one, 1], [two, 1000]] }),
  change_roll: act({ change: { remove: [one], add: [[two, 1]], reason } }),
  change_times: act({ times: { opens_at: null, closes_at: START, reason } }),
  cancel: act({ cancel: reason }),
};

test.each(Object.entries(cases))("%s is signed byte for byte as the ledger has it", (name, payload) => {
  const bytes = sign(chain, seed, payload);
  expect(bytesToHex(bytes)).toBe(named(name).bytes);
  expect(transactionId(bytes)).toBe(named(name).id);
});

test("keys are those of the vectors", () => {
  for (const { seed_byte, public: known } of vectors.keys) expect(key(seed_byte)).toBe(known);
});

test("codes are read as they are shown, and mistyped ones are not", () => {
  const code = newCode();
  expect(codeSeed(code.toLowerCase().replaceAll("-", " "))).toEqual(codeSeed(code));
  expect(codeSeed(code)).toHaveLength(32);
  for (let at = 0; at < code.length; at++) {
    if (code[at] === "-") continue;
    const wrong = code.slice(0, at) + (code[at] === "7" ? "8" : "7") + code.slice(at + 1);
    expect(codeSeed(wrong), wrong).toBeNull();
  }
});

test("a tracker is read from its code and its words, and is no voter code", () => {
  const ballot = "d195987a152e5e997dc4ad175f72b10db44269a53f52b44aa8236028382e2249";
  // As vote-cli shows them for this ballot.
  expect(tracker(ballot)).toBe("T6AS-GYGN-5SF9-JZE4-NMBN-YWNH-1M6F-668T");
  expect(trackerWords(ballot)).toBe("spice proud burden clean tourist erosion warfare noble blanket wine proof boy");
  for (const text of [tracker(ballot), trackerWords(ballot), `VOTE-TRACKER:${tracker(ballot)}`]) {
    expect(readTracker(text)).toBe(ballot.slice(0, 32));
  }
  expect(codeSeed(tracker(ballot))).toBeNull();
  expect(readTracker("spice spice spice")).toBeNull();
});
