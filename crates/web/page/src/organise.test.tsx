// @vitest-environment happy-dom

// What is shown to those whom validators have admitted as organisers, and to those whom they have
// not.

import { type ComponentChild, render } from "preact";
import { beforeEach, expect, test, vi } from "vitest";
import type { Info } from "./api";
import { encode } from "./encoding/cbor";
import { type Contest, type Election, createElection } from "./encoding/ledger";
import { mayCreate, organiser } from "./keys";
import { Elections } from "./screens/elections";
import { timeOf } from "./screens/manage";
import { Organise, faults, when } from "./screens/organise";

const CHAIN = "ab".repeat(32);
const info = (organisers: string[] | null, takes_elections = true): Info => ({
  version: "0",
  bundle: "",
  chain: CHAIN,
  chain_name: "Co-op",
  public: false,
  node: "n1",
  organisers,
  takes_elections,
  allow_attacks: false,
  attacks: [],
});

const shown = (element: ComponentChild): HTMLElement => {
  const root = document.createElement("div");
  render(element, root);
  return root;
};

beforeEach(() => {
  localStorage.clear();
  vi.stubGlobal(
    "fetch",
    async () =>
      new Response(JSON.stringify({ elections: [], more: false }), {
        headers: { "content-type": "application/json" },
      }),
  );
});

test("who is no organiser sees how to become one, and no form", () => {
  const page = shown(<Organise info={info(["cd".repeat(32)])} />);
  expect(page.querySelector("form")).toBeNull();
  expect(page.textContent).toContain(`vote-cli organiser admit ${organiser(CHAIN).key}`);
});

test("organisers have the form, and so has everybody where anyone may create elections", () => {
  for (const organisers of [null, [organiser(CHAIN).key]])
    expect(shown(<Organise info={info(organisers)} />).querySelector("form")).not.toBeNull();
});

test("an election is offered to be created only where it would be taken", () => {
  const own = organiser(CHAIN).key;
  expect([info(null), info([own])].map((one) => mayCreate(one))).toEqual([true, true]);
  expect([info([]), info(null, false), info([own], false)].map((one) => mayCreate(one))).toEqual([
    false,
    false,
    false,
  ]);
});

test("an empty list leads to the form only those who may create an election", async () => {
  for (const creates of [true, false]) {
    const page = shown(<Elections height={0} signedIn creates={creates} />);
    await vi.waitFor(() => expect(page.textContent).toContain("There is no election yet"));
    expect(page.querySelector('a[href="#/organise"]') !== null).toBe(creates);
  }
});

test("a time that nobody touched stays as it is, to the millisecond, also where the field cannot show that", () => {
  const now = Date.UTC(2026, 10, 27, 18, 30, 12, 345);
  const shown = new Date(now - new Date(now).getTimezoneOffset() * 60_000)
    .toISOString()
    .slice(0, 16);
  expect([timeOf(null, now), timeOf(shown, now), timeOf(null, null), timeOf("", now)]).toEqual([
    now,
    now,
    null,
    null,
  ]);
  expect(timeOf("2026-12-24T18:00", now)).toBe(when("2026-12-24T18:00"));
});

test("an election that fits no transaction is refused before it is signed", () => {
  const contest = (title: string): Contest => ({
    title,
    choices: [...Array(340).keys()].map((n) => String(n).padStart(90, "x")),
    rule: "irv",
    seats: 1,
    min: 0,
    max: 340,
    abstention: false,
    majority: null,
    shuffle: false,
    overvotes: "wait",
  });
  const e: Election = {
    title: "Large",
    description: "",
    contests: [contest("A"), contest("B")],
    voters: "anyone",
    opens_at: null,
    closes_at: null,
    quorum: null,
    revotes: 0,
    results: "live",
    tie_break: "",
    salt: 0n,
    names: false,
    committee: null,
  };
  const spare =
    65393 -
    (encode(createElection({ ...e, description: "x".repeat(300), salt: 2n ** 64n - 1n })).length -
      2);
  const fits = (more: number) => faults({ ...e, description: "x".repeat(300 + spare + more) });
  expect(fits(0)).toEqual([]);
  expect(fits(1)).toEqual([expect.stringContaining("65,394 bytes, and 65,393 fit")]);
});
