// @vitest-environment happy-dom

import { render } from "preact";
import { beforeEach, expect, test, vi } from "vitest";
import type { Detail, LogEntry } from "./api";
import {
  type Act,
  type Election,
  approveAct,
  createElection,
  organise,
  publicKey,
  sign,
  transactionId,
} from "./encoding/ledger";
import type { Value } from "./encoding/cbor";
import { readElection } from "./encoding/signed";
import { setOrganiser } from "./keys";
import { forget, prove } from "./proof";
import { Committee } from "./screens/election";

// An election that three organise, of whom two must sign. What the server answers is made here.

const chain = "c4".repeat(32);
const seed = (byte: number) => new Uint8Array(32).fill(byte);
const key = (byte: number) => publicKey(seed(byte));
const keys = [1, 2, 3].map(key).sort();
const text: Election = {
  title: "Chair",
  description: "",
  contests: [
    {
      title: "",
      choices: ["Joan", "Rada"],
      rule: "plurality",
      seats: 1,
      min: 1,
      max: 1,
      abstention: false,
      majority: null,
      shuffle: false,
      overvotes: "wait",
    },
  ],
  voters: "anyone",
  opens_at: null,
  closes_at: null,
  quorum: null,
  revotes: 0,
  results: "live",
  tie_break: "",
  salt: 0n,
  names: false,
  committee: { organisers: keys, needed: 2 },
};
const DAY = 24 * 3600 * 1000;
let files = new Map<string, Uint8Array>();
let log: LogEntry[] = [];

function put(by: number, payload: Value): string {
  const bytes = sign(chain, seed(by), payload);
  const id = transactionId(bytes);
  files.set(id, bytes);
  return id;
}

const id = put(1, createElection(text));

function entry(transaction: string, act: LogEntry["act"], time: number, more: Partial<LogEntry>) {
  log.push({
    transaction,
    act,
    time,
    height: log.length + 2,
    what: "",
    by: null,
    proposal: null,
    proposes: null,
    done: null,
    ...more,
  });
  return transaction;
}

const kinds = { close: "close", replace: "replace-organiser", cancel: "cancel" } as const;

function propose(by: number, act: Act, time: number): string {
  const proposes = kinds[Object.keys(act)[0] as keyof typeof kinds];
  return entry(put(by, organise(id, act)), "propose", time, { proposes });
}

const approve = (by: number, proposal: string, time: number, done: boolean) =>
  entry(put(by, approveAct(id, proposal)), "approve-act", time, { proposal, done });

/** What the node says of the election, which is true but for what is changed. */
function said(more: Partial<Detail>): Detail {
  const { salt: _, ...shown } = text;
  return {
    ...shown,
    election: id,
    chain,
    organiser: key(1),
    committee: { organisers: keys, needed: 2, waiting: [] },
    phase: "open",
    created_at: 1000,
    opens_at: 1000,
    closes_at: null,
    cancelled_at: null,
    log: { size: log.length, root: "" },
    result: { election: id, title: text.title, withheld: true, contests: [] },
    ...more,
  } as unknown as Detail;
}

const shows = async (more: Partial<Detail>) =>
  (await prove(id, chain, said(more))).differs.map(({ what }) => what);

beforeEach(() => {
  log = [];
  forget();
  vi.stubGlobal("fetch", async (path: string) => {
    const found = /^\/api\/transactions\/(\w+)$/.exec(path)?.[1];
    return found ? new Response(files.get(found) as BodyInit) : Response.json({ log });
  });
});

const closed = { phase: "closed", closes_at: 3000 } as const;

test("what two of three have signed is done, and what one has is not", async () => {
  const close = propose(1, { close: true }, 2000);
  expect(await shows({})).toEqual([]);
  // The node says that it was done.
  expect(await shows(closed)).toEqual(["closes"]);
  approve(2, close, 3000, true);
  expect(await shows(closed)).toEqual([]);
  expect(await shows({ closes_at: 4000 })).toEqual(["closes"]);
});

test.each([
  ["the same organiser twice", 1, 3000],
  ["somebody else", 9, 3000],
  ["one who approves what has lapsed", 2, 2000 + 7 * DAY],
])("%s is not enough, whatever the node says", async (_, by, time) => {
  const close = propose(1, { close: true }, 2000);
  approve(by, close, time, true);
  await expect(shows({ ...closed, closes_at: time })).rejects.toThrow("organiser");
});

test("a key that was replaced signs nothing more, and who took its place does", async () => {
  const organisers = keys.map((one) => (one === key(3) ? key(4) : one));
  const committee = { organisers, needed: 2, waiting: [] };
  const cancel = propose(3, { cancel: "by a thief" }, 1500);
  const replacing = propose(1, { replace: { old: key(3), new: key(4), reason: "lost" } }, 2000);
  expect(await shows({ committee })).toEqual(["organisers"]);
  approve(2, replacing, 2100, true);
  expect(await shows({ committee })).toEqual([]);
  expect(await shows({ committee: { ...committee, organisers: keys } })).toEqual([]);
  const close = propose(4, { close: true }, 2200);
  approve(1, close, 3000, true);
  expect(await shows({ ...closed, committee })).toEqual([]);
  approve(3, cancel, 3100, true);
  expect(await shows({ ...closed, committee })).toEqual([]);
});

test("an organiser's key has no part in its own replacement", async () => {
  const replacing = propose(1, { replace: { old: key(3), new: key(4), reason: "lost" } }, 2000);
  approve(3, replacing, 2100, true);
  const organisers = keys.map((one) => (one === key(3) ? key(4) : one));
  const committee = { organisers, needed: 2, waiting: [] };
  await expect(shows({ committee })).rejects.toThrow("too few organisers");
});

const settled = () => new Promise((done) => setTimeout(done, 50));

/** What an organiser with that key sees of who organises and of what waits, and what is sent as the buttons are pressed. */
async function sees(byte: number, press: string | null) {
  const close = propose(1, { close: true }, 2000);
  const sent: Uint8Array[] = [];
  const answer = globalThis.fetch;
  vi.stubGlobal("fetch", async (path: string, init?: RequestInit) => {
    if (init?.method !== "POST") return answer(path);
    sent.push(init.body as Uint8Array);
    return Response.json({ code: "invalid", reason: "tried" }, { status: 400 });
  });
  setOrganiser(chain, seed(byte));
  const waiting = [
    {
      proposal: close,
      act: "close",
      what: "close the election",
      approvals: [key(1)],
      lacking: 1,
      lapses_at: Date.now() + DAY,
    },
    {
      proposal: "22".repeat(32),
      act: "cancel",
      what: "what has lapsed",
      approvals: [key(1)],
      lacking: 1,
      lapses_at: Date.now() - 1,
    },
  ] as NonNullable<Detail["committee"]>["waiting"];
  const root = document.createElement("div");
  render(
    <Committee
      of={readElection(files.get(id)!, id, chain)}
      committee={{ organisers: keys, needed: 2, waiting }}
      ever={keys}
      over={false}
      may
      done={() => {}}
    />,
    root,
  );
  await settled();
  const buttons = [...root.querySelectorAll("li > button")] as HTMLButtonElement[];
  const names = buttons.map((button) => button.textContent);
  buttons.find((button) => button.textContent === press)?.click();
  await settled();
  return { text: root.textContent, names, sent: sent.map(transactionId), close };
}

test("an organiser sees what waits, and approves it; who has proposed it takes it back", async () => {
  const other = await sees(2, "Approve");
  expect(other.text).toContain("2 of 3 must sign");
  expect(other.text).toContain("lacks 1 approval");
  expect(other.text).not.toContain("what has lapsed");
  expect(other.names).toEqual(["Approve"]);
  expect(other.sent).toEqual([transactionId(sign(chain, seed(2), approveAct(id, other.close)))]);
  const own = await sees(1, "Take back");
  expect(own.names).toEqual(["Take back"]);
  const withdraw = organise(id, { withdraw: own.close });
  expect(own.sent).toEqual([transactionId(sign(chain, seed(1), withdraw))]);
  expect((await sees(9, null)).names).toEqual([]);
});
