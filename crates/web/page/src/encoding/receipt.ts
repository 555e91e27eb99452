// Receipts, checked here: from the genesis by every change of the validators to the block that the
// transaction is in (docs/protocol.md, "Receipt"). Beside the receipt, its file has what was
// signed: the ballot and the election, so that it says in words what was cast.

import { sha256 } from "@noble/hashes/sha2.js";
import { concatBytes } from "@noble/hashes/utils.js";
import { Struct, type Value, decode, encode } from "./cbor";
import { bytesToHex, hashOf, hexToBytes, labelFault, preimage } from "./ledger";
import { U16, U32, array, bytes, hex32, struct, text, u64, uint } from "./shape";
import {
  type SignedBallot,
  type SignedElection,
  Unsound,
  checkFit,
  checkName,
  readBallot,
  readElection,
  unsound,
  verifies,
} from "./signed";

/** A receipt file is no larger, in bytes. */
const RECEIPT_BYTES_MAX = 8 << 20;
const VALIDATORS_MAX = 150;
const POWER_MAX = 1_000_000_000;
const NOTHING = "00".repeat(32);

/** What a receipt that holds shows. */
export interface Receipt {
  chain: string;
  chainName: string;
  transaction: string;
  height: number;
  time: number;
  block: string;
  /** The protocol version that its block goes by. */
  version: number;
  signatures: number;
}

/** A receipt file that holds. */
export interface Kept {
  receipt: Receipt;
  /** None if the file does not have it, or if it is of a kind that this page does not know. */
  ballot: SignedBallot | null;
  /** The ballot's; there if the ballot is. */
  election: SignedElection | null;
}

/** Validators by key, and how much power each has. */
type Validators = Map<string, number>;

interface Header {
  hash: string;
  version: number;
  chain: string;
  height: number;
  parent: string;
  time: number | bigint;
  root: string;
  count: number;
  /** The hash of the set that signs it. */
  validators: string;
  /** That of the set of the next height. */
  next: string;
}

const refuse = (why: string): never => {
  throw new Unsound("receipt", why);
};

/** For so long at a time nothing else happens on the page, in milliseconds: a receipt can have thousands of signatures. */
const BUSY_MS = 20;
let busySince = 0;

async function pause(): Promise<void> {
  if (performance.now() - busySince < BUSY_MS) return;
  await new Promise((done) => setTimeout(done));
  busySince = performance.now();
}

function validators(value: Value): Validators {
  const set: Validators = new Map();
  let last = "";
  for (const one of array(value)) {
    const [key, name, power] = struct(one, 3);
    const [id, weight] = [hex32(key!), uint(power!, POWER_MAX)];
    if (id <= last || weight < 1 || labelFault(text(name!)))
      refuse("a set of validators cannot stand");
    set.set(id, weight);
    last = id;
  }
  return set.size >= 1 && set.size <= VALIDATORS_MAX
    ? set
    : refuse("a set of validators cannot stand");
}

const hashOfSet = (value: Value) => hashOf("validators", encode(value));

function header(value: Value): Header {
  const [version, chain, height, parent, time, proposer, root, count, state, signers, next] =
    struct(value, 11);
  hex32(proposer!);
  hex32(state!);
  return {
    hash: hashOf("block", encode(value)),
    version: uint(version!, U16),
    chain: hex32(chain!),
    height: uint(height!, Number.MAX_SAFE_INTEGER),
    parent: hex32(parent!),
    time: u64(time!),
    root: hex32(root!),
    count: uint(count!, U32),
    validators: hex32(signers!),
    next: hex32(next!),
  };
}

/** Whether some validators, each named once, hold more than two thirds of a set's power. */
function quorum(set: Validators, keys: string[]): boolean {
  const total = [...set.values()].reduce((sum, one) => sum + one);
  const power = keys.reduce((sum, key) => sum + (set.get(key) ?? 0), 0);
  return 3 * power > 2 * total;
}

/** Checks that a certificate makes a block of that chain final under a set; gives those who have signed. */
async function certified(
  chain: string,
  block: Header,
  value: Value,
  set: Validators,
): Promise<string[]> {
  if (block.chain !== chain) refuse("a block is of another chain");
  const [height, round, id, list] = struct(value, 4);
  uint(round!, U32);
  if (height !== block.height || hex32(id!) !== block.hash)
    refuse("a certificate is for another block");
  const signers: string[] = [];
  let last = "";
  for (const one of array(list!)) {
    const [key, signature] = struct(one, 2);
    const validator = hex32(key!);
    if (validator <= last || !set.has(validator))
      refuse("a certificate is signed by who is no validator, or twice");
    // A precommit for the block (docs/protocol.md, "Signatures").
    const vote = encode([height!, round!, 1, id!, key!]);
    if (!verifies(bytes(signature!), preimage("vote", hexToBytes(chain), vote), bytes(key!)))
      refuse("a signature does not hold");
    signers.push(validator);
    last = validator;
    await pause();
  }
  if (!quorum(set, signers)) refuse("too few validators have signed");
  return signers;
}

const joined = (left: Uint8Array, right: Uint8Array) =>
  sha256(concatBytes(Uint8Array.of(1), left, right));

/** The root that a path leads to (RFC 9162, section 2.1.3.2); none if it leads nowhere. */
function rootOf(
  content: Uint8Array,
  index: number,
  size: number,
  path: Uint8Array[],
): string | null {
  if (index >= size) return null;
  let [at, last] = [index, size - 1];
  let hash = sha256(concatBytes(Uint8Array.of(0), content));
  const siblings = [...path];
  while (last > 0) {
    if (at % 2 === 1 || at < last) {
      const sibling = siblings.shift();
      if (!sibling) return null;
      hash = at % 2 === 1 ? joined(sibling, hash) : joined(hash, sibling);
    }
    at = Math.floor(at / 2);
    last = Math.floor(last / 2);
  }
  return siblings.length === 0 ? bytesToHex(hash) : null;
}

/** Protocol versions that this page has, the oldest and the newest. */
const VERSIONS: [number, number] = [2, 3];

function known(version: number): number {
  const [oldest, newest] = VERSIONS;
  return version >= oldest && version <= newest
    ? version
    : refuse(`it goes by protocol version ${version}, which this page does not have`);
}

/** What a header is compared with that is above it, or is the same. */
type Below = Pick<Header, "version" | "height" | "time" | "hash" | "next">;

/**
 * Headers of one history, the lowest first: each is the same as the one before, or later, and the child of the one just below it;
 * and none goes by an older protocol version.
 */
function follows(before: Below, block: Header): void {
  const child = block.parent === before.hash && block.validators === before.next;
  const later =
    block.height > before.height &&
    block.time > before.time &&
    (block.height !== before.height + 1 || child);
  if (block.version < before.version || !(block.hash === before.hash || later))
    refuse("its blocks do not follow one another");
}

async function check(value: Value): Promise<Receipt> {
  const [genesis, changes, transaction, proof, head, certificate] = struct(value, 6);
  const [first, name, began, founders] = struct(genesis!, 6);
  const version = known(uint(first!, U16));
  const chain = hashOf("genesis", encode(genesis!));
  if (labelFault(text(name!))) refuse("the chain's name cannot stand");
  let [set, setHash] = [validators(founders!), hashOfSet(founders!)];
  // The first height of which it is known that the set signs it.
  let since = 1;
  let before: Below = { version, height: 0, time: u64(began!), hash: NOTHING, next: setHash };
  for (const change of array(changes!)) {
    const [at, signed, after] = struct(change, 3);
    const block = header(at!);
    const [next, nextHash] = [validators(after!), hashOfSet(after!)];
    // The set so far hands over to the next; or the step leaps to a block of a later set, of which
    // two thirds of the set so far are signers.
    const leaps = block.validators === nextHash;
    const handsOver = block.validators === setHash && block.next === nextHash;
    const from = leaps ? block.height : block.height + 1;
    if (nextHash === setHash || !(leaps || handsOver) || block.height < since || from <= since)
      refuse("the changes of the validators do not follow one another");
    follows(before, block);
    const signers = await certified(chain, block, signed!, leaps ? next : set);
    if (leaps && !quorum(set, signers))
      refuse("a change of the validators is signed by too few of those before it");
    [set, setHash, since, before] = [next, nextHash, from, block];
  }
  const block = header(head!);
  follows(before, block);
  if (block.height < since || block.validators !== setHash)
    refuse("the block is of other validators than the changes lead to");
  const signers = await certified(chain, block, certificate!, set);
  known(block.version);
  const [index, size, path] = struct(proof!, 3);
  const siblings = array(path!).map((one) => hexToBytes(hex32(one)));
  const id = hex32(transaction!);
  const root = rootOf(hexToBytes(id), uint(index!, U32), uint(size!, U32), siblings);
  if (size !== block.count || root !== block.root) refuse("the transaction is not in the block");
  return {
    chain,
    chainName: text(name!),
    transaction: id,
    height: block.height,
    time: Number(block.time),
    block: block.hash,
    version: block.version,
    signatures: signers.length,
  };
}

/** The file of a receipt that has no ballot, with the signed bytes of its ballot and of that ballot's election. */
export const withBallot = (
  receipt: Uint8Array,
  ballot: Uint8Array,
  election: Uint8Array,
): Uint8Array => encode(new Struct([decode(receipt), ballot, election]));

/**
 * Checks a receipt file: the receipt, and that ballot and election are those that it is about. A bare receipt, as older files are, has neither;
 * a ballot of a kind that is not open will have none that can be read.
 */
export async function checkReceipt(file: Uint8Array): Promise<Kept> {
  if (file.length > RECEIPT_BYTES_MAX)
    throw new Unsound("encoding", "it is too large for a receipt");
  try {
    const whole = decode(file);
    const [value, cast, created] =
      whole instanceof Struct && whole.fields.length === 3 ? whole.fields : [whole];
    const receipt = await check(value!);
    const ballot =
      cast === undefined ? null : readBallot(bytes(cast), receipt.transaction, receipt.chain);
    const election = ballot && readElection(bytes(created!), ballot.election, receipt.chain);
    if (ballot && election) {
      checkFit(ballot, election);
      checkName(ballot, election, receipt.version);
    }
    return { receipt, ballot, election };
  } catch (error) {
    throw unsound(error);
  }
}
