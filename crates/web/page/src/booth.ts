// Ballots in the making. They outlive the screen that shows them: who looks at another screen, or
// loses the node, loses no choice.

import { returns } from "./api";
import { type Selection, castBallot, sign, transactionId } from "./encoding/ledger";
import { type SignedElection, Unsound } from "./encoding/signed";
import type { Key } from "./keys";
import { type Proven, forget, passing, pause, provenOf, submit } from "./proof";
import { blank } from "./selection";
import { Store } from "./store";

/**
 * `unknown`: it was sent, and nothing was heard of it yet. `unproven`: the node says that it is final, and what it gives to show it does not hold.
 * `void`: it can no longer be cast.
 */
export type Step = "choose" | "review" | "casting" | "unknown" | "unproven" | "cast" | "void";

export interface Ballot {
  /** As it was signed: it is what is filled in, and what is signed. */
  election: SignedElection;
  voter: Key;
  counter: number;
  says: (Selection | null)[];
  /** The voter's name, if the election takes names: it is on the ledger then. */
  name: string;
  touched: boolean;
  step: Step;
  fault: string | null;
  /** How the election has ended before a ballot was cast that had been filled in. */
  lost: "closed" | "cancelled" | null;
  id: string | null;
  height: number | null;
}

export const ballots = new Store<Record<string, Ballot>>({});

export const place = (election: string, voter: Key) => `${election}:${voter.key}`;

const update = (at: string, by: Partial<Ballot>) => {
  const now = ballots.get()[at];
  if (now) ballots.set({ ...ballots.get(), [at]: { ...now, ...by } });
};

export const change = (ballot: Ballot, by: Partial<Ballot>) =>
  update(place(ballot.election.election, ballot.voter), by);

/** Begins a ballot, unless it is begun. */
export function begin(election: SignedElection, voter: Key, counter: number): void {
  const at = place(election.election, voter);
  const now = ballots.get()[at];
  if (now && now.step !== "void" && (now.counter === counter || pending(now))) return;
  const says = election.contests.map(blank);
  ballots.set({
    ...ballots.get(),
    [at]: {
      election,
      voter,
      counter,
      says,
      // What nobody asks for stays off the ledger.
      name: election.names ? voter.name : "",
      touched: false,
      step: "choose",
      fault: null,
      lost: null,
      id: null,
      height: null,
    },
  });
}

/** Whether it is on its way. */
export const pending = ({ step }: Ballot) =>
  step === "casting" || step === "unknown" || step === "unproven";

/** Whether it can still be cast, or is on its way. */
export const making = ({ step }: Ballot) => step !== "cast" && step !== "void";

/** What would be lost if the page was closed. */
export const unfinished = (all: Record<string, Ballot>): Ballot | undefined =>
  Object.values(all).find((one) => making(one) && (one.touched || pending(one)));

/** A ballot that was filled in, and not cast before its election was over. */
export const lostBallot = (all: Record<string, Ballot>): Ballot | undefined =>
  Object.values(all).findLast((one) => one.lost !== null);

/** Gives up what a voter who leaves has not cast, and what is known of their ballots here alone. */
export function leave(voter: Key): void {
  forget();
  ballots.set(
    Object.fromEntries(
      Object.entries(ballots.get()).filter(
        ([, one]) => one.voter.key !== voter.key || pending(one),
      ),
    ),
  );
}

/** Casts it, and comes back when it is shown to be final, or refused. While nobody answers it asks again: the same ballot cannot count twice. */
export async function cast(ballot: Ballot): Promise<void> {
  const { election, voter, counter, says, name } = ballot;
  const at = place(election.election, voter);
  const bytes = sign(
    election.chain,
    voter.seed,
    castBallot({
      election: election.election,
      counter,
      name: name.trim(),
      selections: says as Selection[],
    }),
  );
  const id = transactionId(bytes);
  const done = ({ receipt }: Proven) => {
    update(at, { step: "cast", touched: false, height: receipt.height });
    // Whatever else is shown of this voter's ballots is old now.
    returns.set(returns.get() + 1);
  };
  update(at, { step: "casting", fault: null, id });
  let unproven = false;
  for (;;) {
    try {
      return done(await submit(bytes, election.chain, () => update(at, { step: "casting" })));
    } catch (error) {
      if (passing(error)) update(at, { step: "unknown" });
      else if (error instanceof Unsound) {
        // A node may be late with it once.
        if (unproven) update(at, { step: "unproven" });
        unproven = true;
      } else {
        // It may have come through before, with an answer that was lost.
        const known = await provenOf(id, election.chain).catch(() => null);
        if (known) return done(known);
        update(at, {
          step: "review",
          fault: error instanceof Error ? error.message : String(error),
        });
        // Perhaps this voter has voted elsewhere: see what holds now.
        return returns.set(returns.get() + 1);
      }
      await pause();
    }
  }
}
