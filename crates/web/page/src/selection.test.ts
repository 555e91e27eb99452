import { expect, test, vi } from "vitest";
import type { Contest, Selection } from "./encoding/ledger";

vi.stubGlobal("localStorage", { getItem: () => "en" });
const { words, wrong } = await import("./selection");
const { fits } = await import("./encoding/fit");

const contest: Contest = {
  title: "",
  choices: ["Ada", "Ada = Joan", "Joan", "Abstain", 'say "A"', "<b>"],
  rule: "irv",
  seats: 1,
  min: 0,
  max: 6,
  abstention: true,
  majority: null,
  shuffle: false,
  overvotes: "wait",
};

test("what is said is said in words, and never in those of something else", () => {
  const said = (says: Selection) => words(contest, says);
  expect(said({ ranked: [[2], [0, 5]] })).toEqual(["1. Joan", "2. Ada = <b>"]);
  expect(said({ ranked: [[1]] })).toEqual(['1. "Ada = Joan"']);
  expect(said({ ranked: [[0, 2]] })).toEqual(["1. Ada = Joan"]);
  expect(said({ ranked: [] })).toEqual(["nothing chosen"]);
  expect(said("abstain")).toEqual(["Abstain"]);
  expect(said({ listed: 3 })).toEqual(['"Abstain"']);
  expect(said({ written: "nothing chosen" })).toEqual(['"nothing chosen"']);
  expect(said({ approved: [4] })).toEqual(['"say \\"A\\""']);
});

test("no more points are spread than there are seats, and a voter is told how many", () => {
  const spread: Contest = {
    ...contest,
    choices: ["Ada", "Joan", "Kim"],
    rule: "cumulative",
    seats: 2,
  };
  for (const [points, fault] of [
    [[2, 0, 0], null],
    [[1, 0, 1], null],
    [[0, 0, 0], null],
    [[2, 0, 1], "Spread at most 2."],
    [[3, 0, 0], "Spread at most 2."],
  ] as const) {
    expect([wrong(spread, { scored: [...points] }), points]).toEqual([fault, points]);
    expect([fits(spread, { scored: [...points] }), points]).toEqual([fault === null, points]);
  }
  expect(fits(spread, { scored: [1, 0] })).toBe(false);
  expect(fits({ ...spread, rule: "star" }, { scored: [10, 0, 3] })).toBe(true);
  expect(fits({ ...spread, rule: "majority-judgment" }, { scored: [11, 0, 3] })).toBe(false);
  expect(fits({ ...spread, rule: "limited", max: 1 }, { approved: [0, 1] })).toBe(false);
});
