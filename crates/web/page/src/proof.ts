// What this page knows of itself, from bytes that were signed, and where the node says something
// else. The page's code is not the node's: who asks a node that lies is told so here.

import {
  type Detail,
  type Final,
  type LogEntry,
  Refused,
  type Result,
  file,
  get,
  post,
} from "./api";
import { type Act, type Committee, type Contest, transactionId } from "./encoding/ledger";
import { type Kept, checkReceipt, withBallot } from "./encoding/receipt";
import {
  type SignedBallot,
  type SignedElection,
  Unsound,
  checkFit,
  checkName,
  type Organised,
  readAct,
  readBallot,
  readElection,
  readOrganised,
} from "./encoding/signed";
import type { Name } from "./texts";

/** What was signed does not change: so many of each kind are kept. */
const KEPT_MAX = 100;

/** Asks for each thing once; what failed can be asked for again. */
function kept<T>(ask: (id: string, chain: string) => Promise<T>) {
  const known = new Map<string, Promise<T>>();
  const find = (id: string, chain: string): Promise<T> => {
    const at = `${chain}:${id}`;
    const before = known.get(at);
    if (before) return before;
    const answer = ask(id, chain);
    known.set(at, answer);
    answer.catch(() => known.delete(at));
    if (known.size > KEPT_MAX) known.delete(known.keys().next().value!);
    return answer;
  };
  return Object.assign(find, { forget: () => known.clear() });
}

/** Ballots that were signed here: what they say nobody need be asked, and nobody else is told while the rules of their election withhold it. */
const own = new Map<string, Uint8Array>();

const signedBytes = async (id: string): Promise<Uint8Array> =>
  own.get(id) ?? file(`/transactions/${id}`);

/** An election as its organiser signed it. */
export const electionOf = kept(async (id, chain): Promise<SignedElection> =>
  readElection(await signedBytes(id), id, chain),
);

/** A ballot as its voter signed it; none if this page does not know its kind. */
const ballotOf = kept(async (id, chain): Promise<SignedBallot | null> =>
  readBallot(await signedBytes(id), id, chain),
);

/** Forgets what was signed here: whoever is at this page next sees of it what others do. */
export function forget(): void {
  own.clear();
  ballotOf.forget();
}

const actBytes = kept((id) => signedBytes(id));

/** An act of an election, as its organiser signed it. */
export const actOf = async (id: string, of: SignedElection, organisers?: string[]): Promise<Act> =>
  readAct(await actBytes(id, of.chain), id, of, organisers);

/** An act or an approval of an election, as one of these organisers has signed it. */
const organisedOf = async (
  id: string,
  of: SignedElection,
  organisers: string[],
): Promise<Organised> => readOrganised(await actBytes(id, of.chain), id, of, organisers);

/** A transaction that is final, as its receipt shows, and the receipt's file. */
export interface Proven extends Kept {
  file: Uint8Array;
  /** Whether it is a ballot, and the rules of its election do not show yet what it says. */
  withheld: boolean;
}

const receiptOf = kept(async (id, chain): Promise<Proven> => {
  const bytes = await file(`/receipts/${id}`);
  const found = await checkReceipt(bytes);
  if (found.receipt.transaction !== id || found.receipt.chain !== chain)
    throw new Unsound("other", "it is the receipt of something else");
  return { ...found, file: bytes, withheld: false };
});

/** What shows that a transaction is final; and if it is a ballot that may be shown, what it says. */
export async function provenOf(id: string, chain: string): Promise<Proven> {
  const found = await receiptOf(id, chain);
  try {
    const { ballot, election } = await spelled(found);
    if (found.ballot || !ballot) return { ...found, ballot, election };
    if (election) checkName(ballot, election, found.receipt.version);
    const bytes = [await signedBytes(id), await signedBytes(ballot.election)] as const;
    return { ...found, ballot, election, file: withBallot(found.file, ...bytes) };
  } catch (error) {
    if (isWithheld(error)) return { ...found, withheld: true };
    throw error;
  }
}

/** Whether something is not shown because the rules of an election withhold it until it has closed. */
export const isWithheld = (error: unknown): boolean =>
  error instanceof Refused && error.code === "withheld";

/** What a ballot says: itself, and the election that its places and numbers are of. */
export interface Spelling {
  ballot: SignedBallot | null;
  election: SignedElection | null;
}

/** What a ballot says, from its bytes and its election's; nothing if this page does not know its kind. */
export async function spelledOf(id: string, chain: string): Promise<Spelling> {
  const ballot = await ballotOf(id, chain);
  const election = ballot && (await electionOf(ballot.election, chain));
  if (ballot && election) checkFit(ballot, election);
  return { ballot, election };
}

/** A receipt with what its ballot says, also where the file has it not. */
export async function spelled(found: Kept): Promise<Kept> {
  return found.ballot
    ? found
    : { ...found, ...(await spelledOf(found.receipt.transaction, found.receipt.chain)) };
}

/** The node does not answer, or has no room: it can be asked again. One that says what is not so is no such case. */
export const passing = (error: unknown): boolean =>
  error instanceof Refused &&
  (error.code === "gone" ||
    error.code === "busy" ||
    (error.status >= 500 && error.code !== "at_fault"));

/** Before a node is asked again. */
const RETRY_MS = 2000;

export const pause = () => new Promise((done) => setTimeout(done, RETRY_MS));

/** Has a transaction decided, and comes back with what shows that it is. While it is on its way, `waiting` is told. */
export async function submit(
  bytes: Uint8Array,
  chain: string,
  waiting: () => void = () => {},
): Promise<Proven> {
  const id = transactionId(bytes);
  own.set(id, bytes);
  if (own.size > KEPT_MAX) own.delete(own.keys().next().value!);
  let final = false;
  try {
    while (!final) {
      ({ final } = await post<Final>("/transactions", bytes));
      if (final) break;
      waiting();
      await pause();
    }
    return await provenOf(id, chain);
  } catch (error) {
    // The server checks what the node says is final; so does this page.
    if (error instanceof Refused && (error.code === "at_fault" || (final && !passing(error))))
      throw new Unsound("receipt", error.message);
    throw error;
  }
}

/** Something that the node says otherwise than it was signed; of a contest, by its place. */
export interface Difference {
  what: Name;
  contest?: number;
}

/** An election as it was signed, with the times that its organiser's acts have given it. */
export interface Proof {
  election: SignedElection;
  times: Times;
  /** Who organises it now; and who ever has, and so may have signed what is in its log. */
  organisers: string[];
  ever: string[];
  differs: Difference[];
}

interface Times {
  opens_at: number | null;
  closes_at: number | null;
  cancelled_at: number | null;
}

export function equal(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (
    typeof a !== "object" ||
    typeof b !== "object" ||
    a === null ||
    b === null ||
    Array.isArray(a) !== Array.isArray(b)
  )
    return false;
  const [own, other] = [Object.entries(a), b as Record<string, unknown>];
  return (
    own.length === Object.keys(b).length &&
    own.every(([name, value]) => Object.hasOwn(b, name) && equal(value, other[name]))
  );
}

const TEXT: [keyof SignedElection & keyof Detail, Name][] = [
  ["election", "election"],
  ["chain", "chain"],
  ["organiser", "organiser"],
  ["title", "e_title"],
  ["description", "e_description"],
  ["voters", "r_who"],
  ["quorum", "r_quorum_title"],
  ["names", "r_names_title"],
  ["revotes", "r_replacing"],
  ["results", "r_count"],
  ["tie_break", "r_ties_title"],
];
const CONTEST: [keyof Contest, Name][] = [
  ["title", "e_contest_title"],
  ["choices", "e_choices"],
  ["rule", "e_rule"],
  ["seats", "e_seats"],
  ["min", "e_min"],
  ["max", "e_max"],
  ["abstention", "e_abstain"],
  ["majority", "e_majority"],
  ["shuffle", "e_shuffle"],
  ["overvotes", "e_overvotes"],
];

/** Where a node's count is of something else than the election. What it counts is its word alone. */
export function resultDiffers(said: Result, signed: SignedElection): Difference[] {
  const out: Difference[] = [];
  if (said.election !== signed.election) out.push({ what: "election" });
  if (said.title !== signed.title) out.push({ what: "e_title" });
  if (!said.withheld && said.contests.length !== signed.contests.length)
    out.push({ what: "result" });
  said.contests.forEach((counted, contest) => {
    const own = signed.contests[contest];
    if (!own) return;
    const names = [...counted.counts.map(({ choice }) => choice), ...counted.leaders];
    const foreign = own.choices && names.some((name) => !own.choices!.includes(name));
    if (
      counted.title !== own.title ||
      counted.rule !== own.rule ||
      counted.seats !== own.seats ||
      foreign
    )
      out.push({ what: "result", contest });
  });
  return out;
}

function textDiffers(said: Detail, signed: SignedElection): Difference[] {
  const out: Difference[] = TEXT.filter(([field]) => !equal(said[field], signed[field])).map(
    ([, what]) => ({ what }),
  );
  if (said.contests.length !== signed.contests.length) return [...out, { what: "what_is_decided" }];
  signed.contests.forEach((own, contest) => {
    for (const [field, what] of CONTEST)
      if (!equal(said.contests[contest]![field], own[field])) out.push({ what, contest });
  });
  return out;
}

/** Acts that set times; of all others none does. */
const timed = ({ act }: Pick<LogEntry, "act">) =>
  act === "open" || act === "close" || act === "change-times" || act === "cancel";

/** So long an act waits for approvals. */
const LAPSES_MS = 7 * 24 * 3600 * 1000;

/** What was done where several organise, and by whom it could be done. */
interface Followed {
  now: string[];
  ever: string[];
  done: { act: Act; time: number }[];
}

/** Whether an act sets times, or changes who organises. */
const decides = (act: string | null) =>
  act === "replace-organiser" || timed({ act } as { act: LogEntry["act"] });

/**
 * What was done in an election with several organisers, as far as it sets its times or changes who organises it: each act with the signatures of as many of
 * them as must sign.
 */
async function followed(
  log: LogEntry[],
  signed: SignedElection,
  { organisers, needed }: Committee,
): Promise<Followed> {
  let now = organisers;
  const ever = new Set(now);
  const waits = new Map<string, { act: Act; by: string; until: number; signers: Set<string> }>();
  const done: Followed["done"] = [];
  const wrong = () => new Unsound("other", "too few organisers have signed what was done");
  const perform = (act: Act, time: number) => {
    if ("withdraw" in act) waits.delete(act.withdraw);
    else if ("replace" in act) {
      const { old, new: other } = act.replace;
      now = now.map((key) => (key === old ? other : key));
      ever.add(other);
      for (const [id, { by, signers }] of waits) {
        signers.delete(old);
        if (by === old) waits.delete(id);
      }
    } else done.push({ act, time });
  };
  for (const { act: kind, proposal, proposes, transaction, time } of log) {
    const known = proposal !== null && waits.has(proposal);
    if (!known && !decides(kind === "propose" ? proposes : kind)) continue;
    const found = await organisedOf(transaction, signed, now);
    if ("approve" in found) {
      const one = waits.get(found.approve);
      const own = one && "replace" in one.act && one.act.replace.old === found.signer;
      if (!one || own || time >= one.until || one.signers.has(found.signer)) throw wrong();
      one.signers.add(found.signer);
      if (one.signers.size < needed) continue;
      waits.delete(found.approve);
      perform(one.act, time);
    } else if (needed > 1 && !("withdraw" in found.act)) {
      if (kind !== "propose") throw wrong();
      const { act, signer: by } = found;
      waits.set(transaction, { act, by, until: time + LAPSES_MS, signers: new Set([by]) });
    } else perform(found.act, time);
  }
  return { now, ever: [...ever], done };
}

/** The log of an election, as far as the node's word of the election goes. */
async function logOf(said: Detail, { election }: SignedElection): Promise<LogEntry[]> {
  const { log } = await get<{ log: LogEntry[] }>(`/elections/${election}/log`);
  return log.slice(0, said.log.size);
}

/** The organisers of an election and the times that these have given it. */
async function organisedBy(
  said: Detail,
  signed: SignedElection,
): Promise<{ times: Times; now: string[]; ever: string[] }> {
  const { committee } = signed;
  const alone = committee?.organisers ?? [signed.organiser];
  if (!committee) return { times: await timesOf(said, signed), now: alone, ever: alone };
  const times = firstTimes(said, signed);
  const asFirst = timesDiffer(said, times).length === 0 && equal(said.committee?.organisers, alone);
  if (asFirst) return { times, now: alone, ever: alone };
  const { now, ever, done } = await followed(await logOf(said, signed), signed, committee);
  for (const { act, time } of done) setTimes(times, act, time);
  return { times, now, ever };
}

function setTimes(times: Times, act: Act, time: number): void {
  if ("open" in act) times.opens_at = time;
  else if ("close" in act) times.closes_at = time;
  else if ("cancel" in act) times.cancelled_at = time;
  else if ("times" in act)
    [times.opens_at, times.closes_at] = [act.times.opens_at, act.times.closes_at];
}

/** The times before anything was done. */
function firstTimes(said: Detail, signed: SignedElection): Times {
  const opens =
    signed.opens_at === null && signed.voters === "anyone" ? said.created_at : signed.opens_at;
  return { opens_at: opens, closes_at: signed.closes_at, cancelled_at: null };
}

/** The times that follow from an election's text and from what its organiser has signed. When a block was made is the node's word. */
async function timesOf(said: Detail, signed: SignedElection): Promise<Times> {
  const times = firstTimes(said, signed);
  if (timesDiffer(said, times).length === 0) return times;
  const entries = (await logOf(said, signed)).filter(timed);
  // A change of times sets both: what was before it is gone.
  const from = entries.findLastIndex(({ act }) => act === "change-times");
  for (const { transaction, time } of entries.slice(Math.max(from, 0))) {
    setTimes(times, await actOf(transaction, signed), time);
  }
  return times;
}

function timesDiffer(said: Detail, times: Times): Difference[] {
  const fields: [keyof Times, Name][] = [
    ["opens_at", "opens"],
    ["closes_at", "closes"],
    ["cancelled_at", "cancelled_at"],
  ];
  return fields.filter(([field]) => said[field] !== times[field]).map(([, what]) => ({ what }));
}

/** Whether a phase goes with the times. */
function phaseDiffers({ phase, closes_at, cancelled_at }: Detail): Difference[] {
  const goes =
    (phase === "cancelled") === (cancelled_at !== null) &&
    (phase !== "closed" || closes_at !== null);
  return goes ? [] : [{ what: "phase" }];
}

/** Whether a node names other organisers than there are, or another number of them that must sign. */
function organisersDiffer(
  { committee: said }: Detail,
  { committee }: SignedElection,
  now: string[],
): Difference[] {
  const same = committee
    ? said !== null && said.needed === committee.needed && equal(said.organisers, now)
    : said === null;
  return same ? [] : [{ what: "organisers" }];
}

/** Compares what the node says of an election with what was signed. */
export async function prove(id: string, chain: string, said: Detail): Promise<Proof> {
  const election = await electionOf(id, chain);
  const { times, now, ever } = await organisedBy(said, election);
  const differs = [
    ...textDiffers(said, election),
    ...organisersDiffer(said, election, now),
    ...timesDiffer(said, times),
    ...phaseDiffers(said),
    ...resultDiffers(said.result, election),
  ];
  return { election, times, organisers: now, ever, differs };
}
