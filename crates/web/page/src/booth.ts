// Ballots in the making. They outlive the screen that shows them: who looks at another screen, or loses the node, loses no choice.

import { type Detail, type Final, Refused, type Trace, get, post, returns } from "./api";
import { type Selection, castBallot, sign, transactionId } from "./encoding/ledger";
import type { Key } from "./keys";
import { blank } from "./selection";
import { Store } from "./store";

/** `unknown`: it was sent, and nothing was heard of it yet. `void`: it can no longer be cast. */
export type Step = "choose" | "review" | "casting" | "unknown" | "cast" | "void";

export interface Ballot {
  election: Detail;
  voter: Key;
  counter: number;
  says: (Selection | null)[];
  touched: boolean;
  step: Step;
  fault: string | null;
  id: string | null;
  height: number | null;
}

const RETRY_MS = 2000;

export const ballots = new Store<Record<string, Ballot>>({});

export const place = (election: string, voter: Key) => `${election}:${voter.key}`;

const update = (at: string, by: Partial<Ballot>) => {
  const now = ballots.get()[at];
  if (now) ballots.set({ ...ballots.get(), [at]: { ...now, ...by } });
};

export const change = (ballot: Ballot, by: Partial<Ballot>) => update(place(ballot.election.election, ballot.voter), by);

/** Begins a ballot, unless it is begun. */
export function begin(election: Detail, voter: Key, counter: number): void {
  const at = place(election.election, voter);
  const now = ballots.get()[at];
  if (now && now.step !== "void" && (now.counter === counter || pending(now))) return;
  const says = election.contests.map(blank);
  ballots.set({ ...ballots.get(), [at]: { election, voter, counter, says, touched: false, step: "choose", fault: null, id: null, height: null } });
}

/** Whether it is on its way. */
export const pending = ({ step }: Ballot) => step === "casting" || step === "unknown";

/** Whether it can still be cast, or is on its way. */
export const making = ({ step }: Ballot) => step !== "cast" && step !== "void";

/** What would be lost if the page was closed. */
export const unfinished = (all: Record<string, Ballot>): Ballot | undefined => Object.values(all).find((one) => making(one) && (one.touched || pending(one)));

/** Gives up what a voter who leaves has not cast. */
export function leave(voter: Key): void {
  ballots.set(Object.fromEntries(Object.entries(ballots.get()).filter(([, one]) => one.voter.key !== voter.key || pending(one))));
}

const wait = (ms: number) => new Promise((done) => setTimeout(done, ms));

/** Casts it, and comes back when it is final or refused. While nobody answers it asks again: the same ballot cannot count twice. */
export async function cast(ballot: Ballot): Promise<void> {
  const { election, voter, counter, says } = ballot;
  const at = place(election.election, voter);
  const bytes = sign(election.chain, voter.seed, castBallot({ election: election.election, counter, name: voter.name, selections: says as Selection[] }));
  const id = transactionId(bytes);
  const done = (height: number) => {
    update(at, { step: "cast", touched: false, height });
    // Whatever else is shown of this voter's ballots is old now.
    returns.set(returns.get() + 1);
  };
  update(at, { step: "casting", fault: null, id });
  for (;;) {
    try {
      const answer = await post<Final>("/transactions", bytes);
      if (answer.final && answer.height !== undefined) return done(answer.height);
      update(at, { step: "casting" });
    } catch (error) {
      const refused = error instanceof Refused ? error : new Refused(0, "invalid", String(error));
      if (refused.code === "gone" || refused.code === "busy" || refused.status >= 500) {
        update(at, { step: "unknown" });
        await wait(RETRY_MS);
        continue;
      }
      // It may have come through before, with an answer that was lost.
      const known = await get<Trace>(`/ballots/${id}`).catch(() => null);
      if (known) return done(known.height);
      update(at, { step: "review", fault: refused.message });
      // Perhaps this voter has voted elsewhere: see what holds now.
      return returns.set(returns.get() + 1);
    }
  }
}
