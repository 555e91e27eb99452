// @vitest-environment happy-dom

import { expect, test } from "vitest";
import ties from "../../../../testdata/ties.json";
import type { Counted, Result, Tie } from "./api";
import { tieWords, verdict } from "./screens/results";

test("a tie is said in the words of the server, whatever kind it is", () => {
  for (const tie of ties as Tie[]) expect(tieWords(tie)).toBe(tie.says);
});

test("lists are named with their seats, others without", () => {
  const result = { phase: "closed", quorum: null } as Result;
  const counted = {
    complete: true,
    rule: "dhondt",
    leaders: ["Red", "Blue"],
    leader_seats: [3, 1],
  } as Counted;
  expect(verdict(result, counted)).toBe("Elected: Red (3), Blue (1).");
  const { leader_seats: _, ...others } = counted;
  expect(verdict(result, others as Counted)).toBe("Elected: Red, Blue.");
});
