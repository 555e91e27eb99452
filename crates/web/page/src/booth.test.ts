// @vitest-environment happy-dom

import { expect, test } from "vitest";
import { ballots, begin, place } from "./booth";
import type { SignedElection } from "./encoding/signed";
import type { Key } from "./keys";

test("the name of a voter goes onto a ballot of an election that takes names, and onto no other", () => {
  const voter: Key = { name: "Ada", seed: new Uint8Array(32), key: "aa" };
  for (const names of [false, true]) {
    const election = { election: String(names), contests: [], names } as unknown as SignedElection;
    begin(election, voter, 0);
    expect(ballots.get()[place(election.election, voter)]!.name).toBe(names ? "Ada" : "");
  }
});
