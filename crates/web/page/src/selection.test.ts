import { expect, test, vi } from "vitest";
import type { Contest, Selection } from "./encoding/ledger";

vi.stubGlobal("localStorage", { getItem: () => "en" });
const { words } = await import("./selection");

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
