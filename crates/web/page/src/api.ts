// The page's way to the server: answers, refusals, what goes on, and whether the node is there.

import type { Contest, Rule } from "./encoding/ledger";
import { Store } from "./store";

export interface Check { share: string; votes: number; of: number; reached: boolean }
export interface Round { votes: Record<string, number | string>; exhausted: number | string; actions: string[] }
export interface Tie {
  round: number | null; for: "seats" | "surplus" | "exclusion"; seats_left: number | null; tied: string[]; earlier_round: number | null; drawn_among: string[]; picked: string;
  says: string;
}
export interface Counted {
  title: string; rule: Rule; seats: number; votes: number; abstentions: number; blank: number; counts: { choice: string; votes: number }[]; other_choices: number; other_votes: number;
  leaders: string[]; majority: Check | null; decided: boolean; complete: boolean; outcome_cut: boolean; tie: boolean; rounds?: Round[]; quota?: number | string | null; pairwise?: number[][] | null;
  ties?: Tie[];
}
export type Phase = "draft" | "open" | "closed" | "cancelled";
export interface Result {
  election: string; title: string; phase: Phase; height: number; voters: number | null; votes_of_roll: number | null; ballots: number; votes: number; quorum: Check | null;
  withheld: boolean; contests: Counted[];
}
export interface Summary { election: string; title: string; phase: Phase; created_at: number; opens_at: number | null; closes_at: number | null; ballots: number; voters: number | null; contests: number }
export interface Detail {
  election: string; title: string; description: string; organiser: string; phase: Phase; created_at: number; opens_at: number | null; closes_at: number | null;
  cancelled_at: number | null; voters: "anyone" | "roll" | "weighted roll"; revotes: number; results: "live" | "at closing"; tie_break: string;
  quorum: { numerator: number; denominator: number; more: boolean } | null; contests: Contest[];
  roll: { voters: number; votes: number; size: number; root: string }; board: { size: number; root: string }; log: { size: number; root: string }; result: Result; chain: string;
}
export interface LogEntry { height: number; time: number; transaction: string; act: string; what: string }
export interface Status {
  node: string; height: number; time: number; state_root: string; validator: boolean; validators: number; peers: number; power_connected: number; power_total: number;
  quorum: boolean; tracker: boolean; round: number; pending: number; signing: "follower" | "signs" | "waits"; signing_waits_for: string | null; unreachable: string[];
  deciding_ms: number | null; stalled: boolean; clock_ahead_ms: number | null; evidence: number;
}
export interface Info {
  version: string; bundle: string; chain: string; chain_name: string; public: boolean; node: string; allow_attacks: boolean; attacks: { name: string; description: string }[];
  /** Null if anyone may create elections. */
  organisers: string[] | null;
  /** Whether the server passes elections, and acts of organisers, on. */
  takes_elections: boolean;
}
export interface Final { id: string; final: boolean; height?: number }
export interface Trace { ballot: string; height: number; election: string; phase: Phase; counter: number; counts: boolean; superseded_by: string | null }
export interface Voting { votes: number | null; ballot: { transaction: string; height: number; counter: number } | null }
export interface Block {
  hash: string; header: { height: number; time: number; parent: string; proposer: string; state_root: string }; round: number; signed_by: string[];
  transactions: { id: string; kind: string; what: string; signer: string; election: string | null }[];
}

/** A refusal, with its code and its reason. */
export class Refused extends Error {
  constructor(readonly status: number, readonly code: string, reason: string) {
    super(reason);
  }
}

/** Why nothing is answered: the node, or the server of the page, does not; the node says what is not so; or the server has another token now. */
type Away = "gone" | "at_fault" | "locked";
export const gone = new Store<false | Away>(false);
/** Goes up each time the node has come back: what is shown is asked for again. */
export const returns = new Store(0);

function presence(is: boolean, why: Away = "gone"): void {
  if (gone.get() && is) returns.set(returns.get() + 1);
  gone.set(is ? false : why);
}

async function ask(path: string, init?: RequestInit): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(`/api${path}`, init);
  } catch {
    presence(false);
    throw new Refused(0, "gone", "the server of this page does not answer");
  }
  if (answer.ok) return answer;
  const { code = "invalid", reason = answer.statusText } = await answer.json().catch(() => ({}));
  if (code === "gone") presence(false);
  if (code === "unauthorised" && path !== "/session") presence(false, "locked");
  throw new Refused(answer.status, code, reason);
}

export const get = async <T>(path: string): Promise<T> => (await ask(path)).json();
export const file = async (path: string): Promise<Uint8Array> => new Uint8Array(await (await ask(path)).arrayBuffer());
export const post = async <T>(path: string, body?: Uint8Array): Promise<T> =>
  (await ask(path, { method: "POST", body: body as BodyInit | undefined ?? null })).json();

/** Opens the session with the token of the page's address, which is taken out of it. */
export async function openSession(): Promise<void> {
  const token = /^#token=([0-9a-f]+)$/.exec(location.hash)?.[1];
  if (!token) return;
  history.replaceState(null, "", "#/");
  await ask("/session", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ token }) });
}

/** Before a stream that was refused is asked for again. */
const RETRY_MS = 2000;

/**
 * Follows something while somebody looks; gives what ends it. Pages that are not looked at follow nothing: a browser has six connections for all pages of
 * a server. `there` is told whether the stream runs.
 */
export function follow<T>(path: string, name: string, tell: (said: T) => void, there: (is: boolean, why?: Away) => void = () => {}): () => void {
  let source: EventSource | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stop = () => {
    clearTimeout(timer);
    source?.close();
    source = null;
  };
  const start = () => {
    stop();
    if (document.hidden) return;
    const now = (source = new EventSource(`/api${path}`));
    now.addEventListener(name, (event) => {
      there(true);
      const said = JSON.parse((event as MessageEvent<string>).data) as T | null;
      if (said) tell(said);
    });
    now.addEventListener("gone", () => there(false));
    now.addEventListener("at_fault", () => there(false, "at_fault"));
    now.addEventListener("error", () => {
      // A browser asks again by itself, but not after a refusal; and does not say why it was refused.
      if (now.readyState !== EventSource.CLOSED) return there(false);
      timer = setTimeout(start, RETRY_MS);
      get("/status").then(() => {}, () => {});
    });
  };
  document.addEventListener("visibilitychange", start);
  start();
  return () => {
    document.removeEventListener("visibilitychange", start);
    stop();
  };
}

/** Follows how the node is doing, and so whether it is there. */
export const followStatus = (tell: (said: Status) => void) => follow("/live", "status", tell, presence);
