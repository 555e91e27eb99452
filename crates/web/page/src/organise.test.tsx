// @vitest-environment happy-dom

// What is shown to those whom validators have admitted as organisers, and to those whom they have not.

import { type ComponentChild, render } from "preact";
import { beforeEach, expect, test, vi } from "vitest";
import type { Info } from "./api";
import { mayCreate, organiser } from "./keys";
import { Elections } from "./screens/elections";
import { Organise } from "./screens/organise";

const CHAIN = "ab".repeat(32);
const info = (organisers: string[] | null, takes_elections = true): Info => ({
  version: "0", bundle: "", chain: CHAIN, chain_name: "Co-op", public: false, node: "n1", organisers, takes_elections, allow_attacks: false, attacks: [],
});

const shown = (element: ComponentChild): HTMLElement => {
  const root = document.createElement("div");
  render(element, root);
  return root;
};

beforeEach(() => {
  localStorage.clear();
  vi.stubGlobal("fetch", async () => new Response(JSON.stringify({ elections: [], more: false }), { headers: { "content-type": "application/json" } }));
});

test("who is no organiser sees how to become one, and no form", () => {
  const page = shown(<Organise info={info(["cd".repeat(32)])} />);
  expect(page.querySelector("form")).toBeNull();
  expect(page.textContent).toContain(`vote-cli organiser admit ${organiser(CHAIN).key}`);
});

test("organisers have the form, and so has everybody where anyone may create elections", () => {
  for (const organisers of [null, [organiser(CHAIN).key]]) expect(shown(<Organise info={info(organisers)} />).querySelector("form")).not.toBeNull();
});

test("an election is offered to be created only where it would be taken", () => {
  const own = organiser(CHAIN).key;
  expect([info(null), info([own])].map((one) => mayCreate(one))).toEqual([true, true]);
  expect([info([]), info(null, false), info([own], false)].map((one) => mayCreate(one))).toEqual([false, false, false]);
});

test("an empty list leads to the form only those who may create an election", async () => {
  for (const creates of [true, false]) {
    const page = shown(<Elections height={0} signedIn creates={creates} />);
    await vi.waitFor(() => expect(page.textContent).toContain("There is no election yet"));
    expect(page.querySelector('a[href="#/organise"]') !== null).toBe(creates);
  }
});
