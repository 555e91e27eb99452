// Transactions, as docs/protocol.md has them: encoded and signed here, so that no key ever leaves
// the page.

import { ed25519 } from "@noble/curves/ed25519.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, concatBytes, hexToBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import { Struct, type Value, encode } from "./cbor";

export { bytesToHex, hexToBytes };

/** What the page goes by, of each rule: what a ballot says, whether it fills one seat always, or deals seats to lists, what becomes
 * of ties (texts `r_ties_...`), whether a majority can be asked for, and what is beside each choice in a result (the name of its text), if
 * other than where ballots say the same by other rules. */
interface Facts {
  ballots: "one" | "several" | "scores" | "points" | "ranks";
  oneSeat?: true;
  lists?: true;
  majority?: true;
  beside?: "votes" | "majority_grades";
  ties: "plurality" | "yes_no" | "seat" | "irv" | "stv" | "meek" | "star";
}

const facts = <T extends Record<string, Facts>>(table: T): Record<keyof T, Facts> => table;

/** In the order of their numbers. */
export const FACTS = facts({
  plurality: { ballots: "one", oneSeat: true, majority: true, ties: "plurality" },
  approval: { ballots: "several", majority: true, ties: "seat" },
  score: { ballots: "scores", ties: "seat" },
  borda: { ballots: "ranks", ties: "seat" },
  irv: { ballots: "ranks", oneSeat: true, ties: "irv" },
  stv: { ballots: "ranks", ties: "stv" },
  schulze: { ballots: "ranks", ties: "seat" },
  "yes-no": { ballots: "one", oneSeat: true, majority: true, ties: "yes_no" },
  meek: { ballots: "ranks", ties: "meek" },
  minimax: { ballots: "ranks", ties: "seat" },
  star: { ballots: "scores", ties: "star" },
  "majority-judgment": { ballots: "scores", ties: "seat", beside: "majority_grades" },
  limited: { ballots: "several", ties: "seat", beside: "votes" },
  cumulative: { ballots: "points", ties: "seat" },
  "ranked-pairs": { ballots: "ranks", ties: "seat" },
  benham: { ballots: "ranks", oneSeat: true, ties: "irv" },
  "sequential-pav": { ballots: "several", ties: "seat" },
  phragmen: { ballots: "several", ties: "seat" },
  dhondt: { ballots: "one", lists: true, ties: "seat" },
  "sainte-lague": { ballots: "one", lists: true, ties: "seat" },
});
/** Seats for lists, at most. */
export const LIST_SEATS_MAX = 1000;
export type Rule = keyof typeof FACTS;
export const RULES = Object.keys(FACTS) as Rule[];

export const OVERVOTES = ["wait", "exhaust", "skip"] as const;
export type Overvotes = (typeof OVERVOTES)[number];

export type Selection =
  | { listed: number }
  | { written: string }
  | { approved: number[] }
  | { scored: number[] }
  | { ranked: number[][] }
  | "abstain";

export interface Ballot {
  election: string;
  counter: number;
  name: string;
  selections: Selection[];
}

export interface Share {
  numerator: number;
  denominator: number;
  more: boolean;
}

export interface Contest {
  title: string;
  /** None: voters write in what they choose. */
  choices: string[] | null;
  rule: Rule;
  seats: number;
  min: number;
  max: number;
  abstention: boolean;
  majority: (Share & { base: "votes" | "roll" }) | null;
  shuffle: boolean;
  /** What instant runoff does with a ballot that ranks several equally. */
  overvotes: Overvotes;
}

export interface Election {
  title: string;
  description: string;
  contests: Contest[];
  voters: "anyone" | "roll" | "weighted roll";
  opens_at: number | null;
  closes_at: number | null;
  quorum: Share | null;
  revotes: number;
  results: "live" | "at closing";
  tie_break: string;
  salt: bigint;
  /** Whether each ballot has its voter's name on it; else none has. */
  names: boolean;
  /** Who organises it, if several do. */
  committee: Committee | null;
}

/** The organisers of an election, in the order of their keys at first, and how many must sign what is done. */
export interface Committee {
  organisers: string[];
  needed: number;
}

/** How a text looks: in NFC, without characters that cannot be seen, and with one space for several and for what is blank. */
export const look = (text: string): string =>
  text
    .replace(/[\u115f\u2800\u3164\uffa0\u{1d159}]/gu, " ")
    .replace(/[\p{Default_Ignorable_Code_Point}\ufff9-\ufffb\u{16fe4}]/gu, "")
    .normalize("NFC")
    .split(/\p{White_Space}+/u)
    .filter(Boolean)
    .join(" ");

/** Letters of Greek and Cyrillic, and signs, that look like ASCII. */
const LOOKALIKES = new Map(
  (
    [
      ["ΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹͿαινορυϲϳ", "ABEZHIKMNOPTYXCJaivopucj"],
      ["АВЕКМНОРСТУХЅІЈӀҮԌԚԜаеорсухѕіјӏүһԁԛԝѵ", "ABEKMHOPCTYXSIJIYGQWaeopcyxsijlyhdqwv"],
      ["\u2018\u2019\u02bc\u2032\u00b4\u201c\u201d\u201e\u2033", "'''''\"\"\"\""],
      ["\u2010\u2011\u2012\u2013\u2014\u2212", "------"],
    ] as const
  ).flatMap(([of, ascii]) => [...of].map((letter, at) => [letter, ascii[at]!] as const)),
);

/** A text as it is compared: its look in NFD, with one letter for those of several scripts that look the same. Two of one skeleton are one name. */
export const skeleton = (text: string): string =>
  look(text)
    .normalize("NFD")
    .replace(/[^\x00-\x7f]/gu, (letter) => LOOKALIKES.get(letter) ?? letter);

/** What a label is: 1 to 100 bytes in which something can be seen, without white space at its ends, control characters, and characters that turn the direction of writing. */
export const labelFault = (text: string): boolean =>
  utf8ToBytes(text).length > 100 ||
  look(text) === "" ||
  /^\p{White_Space}|\p{White_Space}$/u.test(text) ||
  /[\p{Cc}\u202a-\u202e\u2066-\u2069]/u.test(text);

/** What voters write in is a label that is as it looks: who means the same has written the same. */
export const writeInFault = (text: string): boolean => labelFault(text) || look(text) !== text;

/** Whether two of some names look the same. */
export const someAlike = (names: string[]): boolean =>
  new Set(names.map(skeleton)).size < names.length;

/** What an election takes at most, encoded, in bytes: it fits a transaction then. */
export const ELECTION_BYTES_MAX = 65536 - 143;

export type Voter = [key: string, weight: number];

export type Act =
  | { open: true }
  | { close: true }
  | { add: Voter[] }
  | { change: { remove: string[]; add: Voter[]; reason: string } }
  | { times: { opens_at: number | null; closes_at: number | null; reason: string } }
  | { cancel: string }
  | { withdraw: string }
  | { replace: { old: string; new: string; reason: string } };

function selection(says: Selection): Value {
  if (says === "abstain") return 5;
  if ("listed" in says) return [0, says.listed];
  if ("written" in says) return [1, says.written];
  if ("approved" in says) return [2, says.approved];
  if ("scored" in says) return [3, says.scored];
  return [4, says.ranked];
}

const share = ({ numerator, denominator, more }: Share) =>
  new Struct([numerator, denominator, more]);

function contest(c: Contest): Value {
  const majority =
    c.majority && new Struct([share(c.majority), c.majority.base === "roll" ? 1 : 0]);
  const choices: Value = c.choices ? [0, c.choices] : 1;
  const fields: Value[] = [
    c.title,
    choices,
    RULES.indexOf(c.rule),
    c.seats,
    c.min,
    c.max,
    c.abstention,
    majority,
    c.shuffle,
  ];
  // Left out if they wait: what is not needed is not written.
  if (c.overvotes !== "wait") fields.push(OVERVOTES.indexOf(c.overvotes));
  return new Struct(fields);
}

export function createElection(e: Election): Value {
  const voters = { anyone: 0, roll: 1, "weighted roll": 2 }[e.voters];
  const fields: (Value | undefined)[] = [
    e.title,
    e.description,
    e.contests.map(contest),
    voters,
    e.opens_at,
    e.closes_at,
  ];
  fields.push(
    e.quorum && share(e.quorum),
    e.revotes,
    e.results === "live" ? 0 : 1,
    e.tie_break,
    e.salt,
  );
  // Left out if none are taken, as above; so is the committee.
  if (e.names || e.committee) fields.push(e.names || undefined);
  if (e.committee)
    fields.push(new Struct([e.committee.organisers.map(hexToBytes), e.committee.needed]));
  return [0, new Struct(fields)];
}

export function castBallot(ballot: Ballot): Value {
  const selections = ballot.selections.map(selection);
  return [1, new Struct([hexToBytes(ballot.election), ballot.counter, ballot.name, selections])];
}

const voters = (list: Voter[]): Value => list.map(([key, weight]) => [hexToBytes(key), weight]);

export function organise(election: string, act: Act): Value {
  let done: Value;
  if ("open" in act) done = 0;
  else if ("close" in act) done = 1;
  else if ("add" in act) done = [2, voters(act.add)];
  else if ("change" in act)
    done = [
      3,
      new Struct([act.change.remove.map(hexToBytes), voters(act.change.add), act.change.reason]),
    ];
  else if ("times" in act)
    done = [4, new Struct([act.times.opens_at, act.times.closes_at, act.times.reason])];
  else if ("cancel" in act) done = [5, act.cancel];
  else if ("withdraw" in act) done = [6, hexToBytes(act.withdraw)];
  else {
    const { old, new: other, reason } = act.replace;
    done = [7, new Struct([hexToBytes(old), hexToBytes(other), reason])];
  }
  return [2, new Struct([hexToBytes(election), done])];
}

/** The approval of an act, which is named by the transaction that has proposed it. */
export const approveAct = (election: string, proposal: string): Value => [
  4,
  new Struct([hexToBytes(election), hexToBytes(proposal)]),
];

/** The bytes that are signed for a purpose: the length of the tag, the tag, the chain, the content. */
export function preimage(
  purpose: "transaction" | "vote",
  chain: Uint8Array,
  content: Uint8Array,
): Uint8Array {
  const tag = utf8ToBytes(`blockchain-voting/1/${purpose}`);
  return concatBytes(Uint8Array.of(tag.length), tag, chain, content);
}

export const publicKey = (seed: Uint8Array): string => bytesToHex(ed25519.getPublicKey(seed));

/** A signed transaction's bytes. */
export function sign(chain: string, seed: Uint8Array, payload: Value): Uint8Array {
  const content = new Struct([hexToBytes(chain), ed25519.getPublicKey(seed), payload]);
  const signature = ed25519.sign(preimage("transaction", hexToBytes(chain), encode(content)), seed);
  return encode(new Struct([content, signature]));
}

/** The hash of content under a tag. */
export function hashOf(
  tag: "transaction" | "block" | "genesis" | "validators",
  content: Uint8Array,
): string {
  const name = utf8ToBytes(tag);
  return bytesToHex(sha256(concatBytes(Uint8Array.of(name.length), name, content)));
}

export const transactionId = (bytes: Uint8Array): string => hashOf("transaction", bytes);
