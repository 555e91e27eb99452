// The page's way to the server: answers, refusals, what goes on, and whether the node is there.

import type { Status } from "./said";
import { Store } from "./store";

export type {
  AttackReport,
  Block,
  Check,
  ContestResult as Counted,
  Election as Detail,
  ElectionResult as Result,
  Found,
  Info,
  LogEntry,
  Members,
  Phase,
  Round,
  Status,
  Submitted as Final,
  Summary,
  Tie,
  Trace,
  Validators,
  Voting,
} from "./said";

/** A refusal, with its code and its reason. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    reason: string,
  ) {
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
export const file = async (path: string): Promise<Uint8Array> =>
  new Uint8Array(await (await ask(path)).arrayBuffer());
export const post = async <T>(path: string, body?: Uint8Array): Promise<T> =>
  (await ask(path, { method: "POST", body: (body as BodyInit | undefined) ?? null })).json();

/** Opens the session with the token of the page's address, which is taken out of it. */
export async function openSession(): Promise<void> {
  const token = /^#token=([0-9a-f]+)$/.exec(location.hash)?.[1];
  if (!token) return;
  history.replaceState(null, "", "#/");
  await ask("/session", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ token }),
  });
}

/** Before a stream that was refused is asked for again. */
const RETRY_MS = 2000;

/**
 * Follows something while somebody looks; gives what ends it. Pages that are not looked at follow nothing: a browser has six connections for all pages of
 * a server. `there` is told whether the stream runs.
 */
export function follow<T>(
  path: string,
  name: string,
  tell: (said: T) => void,
  there: (is: boolean, why?: Away) => void = () => {},
): () => void {
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
      // A browser asks again by itself, but not after a refusal; and does not say why it was
      // refused.
      if (now.readyState !== EventSource.CLOSED) return there(false);
      timer = setTimeout(start, RETRY_MS);
      get("/status").then(
        () => {},
        () => {},
      );
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
export const followStatus = (tell: (said: Status) => void) =>
  follow("/live", "status", tell, presence);
