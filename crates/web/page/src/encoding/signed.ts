// What was signed, read from its bytes. An id is the hash of these bytes, so whoever has the id
// knows whether they are the right ones, whoever gives them.

import { ed25519 } from "@noble/curves/ed25519.js";
import { Malformed, type Value, decode, encode } from "./cbor";
import { fits } from "./fit";
import {
  type Act,
  type Ballot,
  type Committee,
  type Contest,
  type Election,
  OVERVOTES,
  RULES,
  type Selection,
  type Share,
  type Voter,
  labelFault,
  preimage,
  someAlike,
  transactionId,
  writeInFault,
} from "./ledger";
import {
  U16,
  U32,
  array,
  bool,
  bytes,
  hex32,
  longer,
  named,
  optional,
  struct,
  text,
  time,
  u64,
  uint,
  variant,
} from "./shape";

/** No transaction is larger, in bytes. */
const TRANSACTION_BYTES_MAX = 65536;
const DESCRIPTION_BYTES_MAX = 4000;
const CONTESTS_MAX = 20;
const CHOICES_MAX = 500;

/** Why bytes are not what they should be; `encoding` if they are nothing at all. */
export type Fault = "hash" | "encoding" | "chain" | "signature" | "kind" | "other" | "receipt";

/** Bytes from outside that do not hold. */
export class Unsound extends Error {
  constructor(
    readonly fault: Fault,
    why: string,
  ) {
    super(why);
  }
}

export interface SignedElection extends Election {
  /** Its id. */
  election: string;
  chain: string;
  organiser: string;
}

export interface SignedBallot extends Ballot {
  id: string;
  chain: string;
  voter: string;
}

/** A transaction; what it does is null if this page does not know the kind. */
export interface Signed {
  id: string;
  chain: string;
  signer: string;
  does:
    | { create: Election }
    | { cast: Ballot }
    | { act: Act; election: string }
    | { approve: string; election: string }
    | null;
}

function label(value: Value): string {
  const found = text(value);
  if (labelFault(found)) throw new Malformed("a title, name or choice cannot stand");
  return found;
}

function writeIn(value: Value): string {
  const found = text(value);
  if (writeInFault(found)) throw new Malformed("what is written in cannot stand");
  return found;
}

const labelOrEmpty = (value: Value): string => (value === "" ? "" : label(value));

function share(value: Value): Share {
  const [numerator, denominator, more] = struct(value, 3);
  return {
    numerator: uint(numerator!, U16),
    denominator: uint(denominator!, U16),
    more: bool(more!),
  };
}

function majority(value: Value): NonNullable<Contest["majority"]> {
  const [part, base] = struct(value, 2);
  return { ...share(part!), base: named(base!, ["votes", "roll"]) };
}

function choices(value: Value): string[] | null {
  const [number, content] = variant(value);
  if (number === 1 && content === undefined) return null;
  if (number !== 0 || content === undefined) throw new Malformed("choices are expected");
  const found = array(content).map(label);
  if (found.length < 2 || found.length > CHOICES_MAX || someAlike(found))
    throw new Malformed("its choices cannot stand");
  return found;
}

function contest(value: Value): Contest {
  const [title, list, rule, seats, min, max, abstention, needs, shuffle, overvotes] = longer(
    value,
    9,
  );
  if (overvotes === 0) throw new Malformed("that overvotes wait is not written");
  return {
    title: labelOrEmpty(title!),
    choices: choices(list!),
    rule: named(rule!, RULES),
    seats: uint(seats!, U16),
    min: uint(min!, U16),
    max: uint(max!, U16),
    abstention: bool(abstention!),
    majority: optional(needs!, majority),
    shuffle: bool(shuffle!),
    overvotes: overvotes === undefined ? "wait" : named(overvotes, OVERVOTES),
  };
}

const ORGANISERS_MAX = 16;

function committee(value: Value): Committee {
  const [keys, needed] = struct(value, 2);
  const organisers = array(keys!).map(hex32);
  const inOrder = organisers.every((key, at) => at === 0 || organisers[at - 1]! < key);
  if (!inOrder || organisers.length < 2 || organisers.length > ORGANISERS_MAX)
    throw new Malformed("its organisers cannot stand");
  const found = { organisers, needed: uint(needed!, organisers.length) };
  if (found.needed < 1) throw new Malformed("some organisers must be needed");
  return found;
}

function election(value: Value): Election {
  const [
    title,
    description,
    contests,
    voters,
    opens,
    closes,
    quorum,
    revotes,
    results,
    tieBreak,
    salt,
    names,
    several,
  ] = longer(value, 11, 2);
  if (names === false) throw new Malformed("that no names are taken is not written");
  const found: Election = {
    title: label(title!),
    description: text(description!),
    contests: array(contests!).map(contest),
    voters: named(voters!, ["anyone", "roll", "weighted roll"]),
    opens_at: optional(opens!, time),
    closes_at: optional(closes!, time),
    quorum: optional(quorum!, share),
    revotes: uint(revotes!, U16),
    results: named(results!, ["live", "at closing"]),
    tie_break: labelOrEmpty(tieBreak!),
    salt: BigInt(u64(salt!)),
    names: names !== undefined && bool(names),
    committee: several === undefined ? null : committee(several),
  };
  const count = found.contests.length;
  const described = new TextEncoder().encode(found.description).length <= DESCRIPTION_BYTES_MAX;
  if (!described || count < 1 || count > CONTESTS_MAX)
    throw new Malformed("its description or its contests cannot stand");
  return found;
}

function selection(value: Value): Selection {
  const [number, content] = variant(value);
  const places = (list: Value) => array(list).map((place) => uint(place, U16));
  if (content === undefined) return number === 5 ? "abstain" : refuseSelection();
  switch (number) {
    case 0:
      return { listed: uint(content, U16) };
    case 1:
      return { written: writeIn(content) };
    case 2:
      return { approved: places(content) };
    case 3:
      return { scored: array(content).map((score) => uint(score, 255)) };
    case 4:
      return { ranked: array(content).map(places) };
    default:
      return refuseSelection();
  }
}

function refuseSelection(): never {
  throw new Malformed("a selection is expected");
}

function ballot(value: Value): Ballot {
  const [id, counter, name, selections] = struct(value, 4);
  return {
    election: hex32(id!),
    counter: uint(counter!, U32),
    name: labelOrEmpty(name!),
    selections: array(selections!).map(selection),
  };
}

function voter(value: Value): Voter {
  const parts = array(value);
  if (parts.length !== 2) throw new Malformed("a voter is expected");
  return [hex32(parts[0]!), uint(parts[1]!, U32)];
}

const voters = (value: Value): Voter[] => array(value).map(voter);

function change(value: Value): Act {
  const [remove, add, reason] = struct(value, 3);
  return {
    change: { remove: array(remove!).map(hex32), add: voters(add!), reason: label(reason!) },
  };
}

function times(value: Value): Act {
  const [opens, closes, reason] = struct(value, 3);
  return {
    times: {
      opens_at: optional(opens!, time),
      closes_at: optional(closes!, time),
      reason: label(reason!),
    },
  };
}

function act(value: Value): Act {
  const [number, content] = variant(value);
  if (number === 0 && content === undefined) return { open: true };
  if (number === 1 && content === undefined) return { close: true };
  if (number === 2 && content !== undefined) return { add: voters(content) };
  if (number === 3 && content !== undefined) return change(content);
  if (number === 4 && content !== undefined) return times(content);
  if (number === 5 && content !== undefined) return { cancel: label(content) };
  if (number === 6 && content !== undefined) return { withdraw: hex32(content) };
  if (number === 7 && content !== undefined) {
    const [old, other, reason] = struct(content, 3);
    return { replace: { old: hex32(old!), new: hex32(other!), reason: label(reason!) } };
  }
  throw new Malformed("an act is expected");
}

function payload(value: Value): Signed["does"] {
  const [number, content] = variant(value);
  if (content === undefined) return null;
  if (number === 0) return { create: election(content) };
  if (number === 1) return { cast: ballot(content) };
  if (number !== 2 && number !== 4) return null;
  const [about, done] = struct(content, 2);
  if (number === 4) return { approve: hex32(done!), election: hex32(about!) };
  return { act: act(done!), election: hex32(about!) };
}

/** What is wrong with the shape of bytes, as a fault of theirs. */
export const unsound = (error: unknown): unknown =>
  error instanceof Malformed ? new Unsound("encoding", error.message) : error;

/** Whether a signature is a key's, as the ledger has it: by ZIP-215, with a key in canonical form that is not of small order. */
export function verifies(signature: Uint8Array, content: Uint8Array, key: Uint8Array): boolean {
  try {
    return (
      !ed25519.Point.fromBytes(key).isSmallOrder() &&
      ed25519.verify(signature, content, key, { zip215: true })
    );
  } catch {
    return false;
  }
}

/** The transaction of that id, on that chain: its bytes are the right ones, in the canonical encoding, and signed by who it says. */
export function readSigned(raw: Uint8Array, id: string, chain: string): Signed {
  if (raw.length > TRANSACTION_BYTES_MAX || transactionId(raw) !== id)
    throw new Unsound("hash", "the id is not the hash of these bytes");
  try {
    const [content, signature] = struct(decode(raw), 2);
    const [on, signer, does] = struct(content!, 3);
    const found = { id, chain: hex32(on!), signer: hex32(signer!), does: payload(does!) };
    if (found.chain !== chain) throw new Unsound("chain", "it was signed for another chain");
    const signed = preimage("transaction", bytes(on!), encode(content!));
    if (!verifies(bytes(signature!), signed, bytes(signer!)))
      throw new Unsound("signature", "the signature does not hold");
    return found;
  } catch (error) {
    throw unsound(error);
  }
}

export function readElection(raw: Uint8Array, id: string, chain: string): SignedElection {
  const { does, signer } = readSigned(raw, id, chain);
  if (!does || !("create" in does)) throw new Unsound("kind", "it creates no election");
  return { ...does.create, election: id, chain, organiser: signer };
}

/** None if it is no ballot that this page knows how to read. */
export function readBallot(raw: Uint8Array, id: string, chain: string): SignedBallot | null {
  const { does, signer } = readSigned(raw, id, chain);
  return does && "cast" in does ? { ...does.cast, id, chain, voter: signer } : null;
}

/** A ballot answers each contest of its own election, within its rules: validators take no other. */
export function checkFit(cast: SignedBallot, of: SignedElection): void {
  const answers =
    cast.selections.length === of.contests.length &&
    of.contests.every((one, at) => fits(one, cast.selections[at]!));
  if (cast.election !== of.election || !answers)
    throw new Unsound("other", "the ballot is not one of this election");
}

/** The first protocol version by which an election says whether its ballots have names. Before, any could have one. */
const NAMES_SINCE = 3;

/** In a block of this version a ballot has a name if its election takes names, and none if not. */
export function checkName(cast: SignedBallot, of: SignedElection, version: number): void {
  if (version >= NAMES_SINCE && (cast.name !== "") !== of.names)
    throw new Unsound("other", "the ballot has a name where none is taken, or none where one is");
}

/** What an organiser of an election has signed: an act, or the approval of one. */
export type Organised = { signer: string } & ({ act: Act } | { approve: string });

/** An act or approval of one of these organisers; without any, of who created the election. */
export function readOrganised(
  raw: Uint8Array,
  id: string,
  of: SignedElection,
  organisers: string[] = of.committee?.organisers ?? [of.organiser],
): Organised {
  const { does, signer } = readSigned(raw, id, of.chain);
  const organised = does && ("act" in does || "approve" in does) && does.election === of.election;
  if (!organised || !organisers.includes(signer))
    throw new Unsound("other", "it is no act of an organiser of this election");
  return { ...does, signer };
}

/** An act of an election's own organiser, or of one of these. */
export function readAct(
  raw: Uint8Array,
  id: string,
  of: SignedElection,
  organisers?: string[],
): Act {
  const found = readOrganised(raw, id, of, organisers);
  if (!("act" in found)) throw new Unsound("other", "it is no act");
  return found.act;
}
