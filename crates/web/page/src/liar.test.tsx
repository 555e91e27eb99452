// @vitest-environment happy-dom

// A node that lies, or a server of the page that does. Answers of the API that were recorded
// (tests/answers.json, by the server's own tests) are changed, one field at a time, while somebody
// votes by the words that the page shows. Then either the page says that something is wrong, and
// nothing is cast or said to be cast; or what is shown and signed is what it would have been; or
// the field is in the list below, of what is the node's word alone.

import { type ComponentChild, render } from "preact";
import { beforeAll, expect, test, vi } from "vitest";
import type { Info } from "./api";
import recorded from "../tests/answers.json";

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
type Answers = Record<string, Json>;

const before = recorded.before as unknown as Answers;
/** Of what is asked again once the ballot was cast. */
const after = recorded.after as unknown as Answers;
const CHAIN = recorded.before["/info"].chain;
const ID = recorded.election;
const [FIRST, SECOND] = recorded.ada as [string, string];
const THIRD = recorded.grace;
const voters = Object.entries(before).filter(([route]) => route.includes("/voters/"));
const keyOf = (cast: boolean) =>
  voters.find(([, said]) => ((said as { ballot: Json }).ballot !== null) === cast)![0].slice(-64);
/** Ada has voted twice, and Grace not yet. */
const [ADA, GRACE] = [keyOf(true), keyOf(false)];
const NAMES: [string, string][] = [
  [ID, "ELECTION"],
  [FIRST, "FIRST"],
  [SECOND, "SECOND"],
  [THIRD, "THIRD"],
  [ADA, "ADA"],
  [GRACE, "GRACE"],
];
const named = (route: string) =>
  NAMES.reduce((text, [id, name]) => text.replaceAll(id, name), route);

/**
 * What the page cannot know for itself: fields of an answer, where `**` is all that is inside one; what of the page a lie about them changes, and nothing
 * else; and why that turns no vote.
 */
const WORD_OF_THE_NODE: [route: string, fields: string[], shown: string, why: string][] = [
  [
    "/elections/ELECTION/live",
    [
      "data.ballots",
      "data.contests.**",
      "data.quorum",
      "data.quorum.**",
      "data.voters",
      "data.withheld",
    ],
    ".results",
    "Turnout and count: the results say that they are the node's word, and that the archive shows them. Titles, rules and names in them are those that were signed.",
  ],
  [
    "/elections/ELECTION/live",
    ["data.phase"],
    "main",
    "A node that says that it is not open keeps its own voters from voting, as one that does not answer does. A ballot that is early or late is refused by all others.",
  ],
  [
    "/elections/ELECTION",
    ["board.**", "roll.**"],
    "[aria-labelledby=verify]",
    "Numbers and roots of ballots and voters are those that the archive is to be compared with; no page shows them.",
  ],
  [
    "/elections/ELECTION/log",
    ["created_at", "log", "log.**"],
    "[aria-labelledby=log]",
    "When something was done, and whether something was left out, is the node's word, and so is what is marked so. What sets the times is checked.",
  ],
  [
    "/elections/ELECTION/voters/GRACE",
    ["votes"],
    ".verdict",
    "How many votes a ballot has, the ledger says, not the page.",
  ],
  [
    "/elections/ELECTION/voters/ADA",
    ["ballot"],
    ".may",
    "A node can say that somebody has not voted. What they sign then is their first ballot again, and the ledger takes none twice.",
  ],
  ["/transactions", ["final"], ".may", "Not final yet, it says, and goes on asking."],
  [
    "/ballots/FIRST",
    ["phase"],
    ".verdict, .good",
    "Whether a ballot counts is shown as the word of this node.",
  ],
  [
    "/ballots/SECOND",
    ["phase"],
    ".verdict, .good",
    "Whether a ballot counts is shown as the word of this node.",
  ],
  [
    "/elections?phase=open",
    ["elections", "elections.**", "more"],
    "main",
    "A list to choose from. What was chosen is shown as it was signed, under its own title; and whoever was given an id or an address does not need the list.",
  ],
];

/** Something that is said otherwise. */
interface Lie {
  route: string;
  field: string;
  said: Json;
  status?: number;
}

const PHASES = ["draft", "open", "closed", "cancelled"];
const ALIKE = [
  [FIRST, SECOND, THIRD],
  [ADA, GRACE],
];

/** Other values in the place of one. */
function others(value: Json): Json[] {
  if (value === null) return [5];
  if (typeof value === "boolean") return [!value];
  if (typeof value === "number") return [value + 1];
  if (typeof value === "string") {
    if (PHASES.includes(value)) return PHASES.filter((phase) => phase !== value);
    // Others that there are, and one that there is not.
    const alike = ALIKE.find((some) => some.includes(value)) ?? [ID];
    if (/^[0-9a-f]{64}$/.test(value))
      return [
        ...alike.filter((other) => other !== value),
        value.replace(/.$/, (last) => (last === "0" ? "1" : "0")),
      ];
    return [`${value}x`];
  }
  if (!Array.isArray(value)) return [null];
  return [
    ...(value.length > 1 ? [[...value].reverse(), value.slice(1)] : []),
    value.length ? [] : [5],
  ];
}

/** Each field of an answer, changed alone. In lists whose items are all alike, those of the first. */
function* lies(route: string): Generator<Lie> {
  const whole = before[route] ?? after[route]!;
  const seen = new Set<string>();
  const within = function* (value: Json, at: (string | number)[]): Generator<Lie> {
    const field = at.map((step) => (typeof step === "number" ? "*" : step)).join(".");
    // A contest has other fields than the next.
    if (!field.startsWith("contests.") && seen.has(field)) return;
    if (value === null || typeof value !== "object" || Array.isArray(value)) seen.add(field);
    for (const other of at.length ? others(value) : []) {
      const said = structuredClone(whole);
      const inside = at.slice(0, -1).reduce((now: any, step) => now[step], said);
      inside[at.at(-1)!] = other;
      yield { route, field, said };
    }
    if (value && typeof value === "object")
      for (const [step, inner] of Object.entries(value))
        yield* within(inner, [...at, Array.isArray(value) ? Number(step) : step]);
  };
  yield* within(whole, []);
}

/** Bytes of an answer: changed here and there, cut, longer, and those of another. What each byte does is a matter of encoding/reading.test.ts. */
function* forgeries(route: string): Generator<Lie> {
  const hex = (before[route] ?? after[route]) as string;
  for (let at = 0; at < hex.length; at += 2 * Math.ceil(hex.length / 14))
    yield {
      route,
      field: `byte ${at / 2}`,
      said: hex.slice(0, at) + (hex[at] === "0" ? "1" : "0") + hex.slice(at + 1),
    };
  yield { route, field: "cut", said: hex.slice(0, -2) };
  yield { route, field: "longer", said: `${hex}00` };
  yield { route, field: "nothing", said: "" };
  const alike = Object.entries({ ...before, ...after }).filter(
    ([other]) => other !== route && other.startsWith(`/${route.split("/")[1]}/`),
  );
  for (const [other, said] of alike) yield { route, field: `those of ${named(other)}`, said };
}

// The page is told the recorded answers, and one lie. It is a page that was opened a moment ago:
// nothing is known from before.

let lie: Lie | null;
let sent: string[];
/** What waits for long before it asks again. It goes on a few times in each session, and not after it. */
let held: (() => void)[] = [];
/** What is about to be done. */
const timers = new Set<unknown>();
/** So many turns without anything about to be done, and nothing more is. */
const QUIET = 30;
const RETRIES = 3;

function answer(route: string): Json | undefined {
  const [path] = route.split("&");
  if (lie && lie.route === path) return lie.said;
  const [first, second] = sent.length ? [after, before] : [before, after];
  return first![path!] ?? second![path!];
}

beforeAll(() => {
  const [later, never] = [globalThis.setTimeout, globalThis.clearTimeout];
  const soon = (run: () => void) => {
    const timer = later(() => (timers.delete(timer), run()), 0);
    timers.add(timer);
    return timer;
  };
  vi.stubGlobal("setTimeout", (run: () => void, ms = 0) => (ms < 500 ? soon(run) : held.push(run)));
  vi.stubGlobal(
    "clearTimeout",
    (timer: ReturnType<typeof later>) => (timers.delete(timer), never(timer)),
  );
  vi.stubGlobal("scrollTo", () => {});
  vi.stubGlobal("localStorage", { getItem: () => null, setItem: () => {} });
  vi.stubGlobal(
    "EventSource",
    class {
      readyState = 1;
      constructor(private readonly url: string) {}
      addEventListener(name: string, tell: (event: { data: string }) => void) {
        const said = answer(this.url.replace("/api", "")) as
          { event: string; data: Json } | undefined;
        if (said?.event === name) soon(() => tell({ data: JSON.stringify(said.data) }));
      }
      close() {}
    },
  );
  vi.stubGlobal("fetch", async (url: string, init?: { method?: string; body?: Uint8Array }) => {
    if (init?.method === "POST") sent.push(Buffer.from(init.body!).toString("hex"));
    const route = url.replace("/api", "");
    const said = answer(route);
    if (lie?.status && lie.route === route)
      return new Response(JSON.stringify(said), { status: lie.status });
    if (said === undefined)
      return new Response(JSON.stringify({ code: "not_found", reason: `nothing at ${route}` }), {
        status: 404,
      });
    const bytes = typeof said === "string" && /^\/(transactions|receipts)\/./.test(route);
    return new Response(bytes ? Buffer.from(said, "hex") : JSON.stringify(said));
  });
});

/** Waits until something is so, or nothing more is done. */
async function settled(is: () => boolean): Promise<boolean> {
  for (let [quiet, retries] = [0, 0]; retries < RETRIES; quiet = timers.size ? 0 : quiet + 1) {
    if (is()) return true;
    await new Promise((next) => setImmediate(next));
    if (quiet < QUIET) continue;
    [quiet, retries] = [0, retries + 1];
    held.splice(0).forEach((go) => go());
  }
  return false;
}

const load = async () => ({
  api: await import("./api"),
  ledger: await import("./encoding/ledger"),
  election: await import("./screens/election"),
  receipt: await import("./screens/receipt"),
  elections: await import("./screens/elections"),
  ui: await import("./ui"),
});
type Page = Awaited<ReturnType<typeof load>>;

async function open(
  told: Lie | null,
  screen: (page: Page, chain: string) => ComponentChild,
): Promise<void> {
  [lie, sent, held] = [told, [], []];
  render(null, document.body);
  vi.resetModules();
  const page = await load();
  const { chain } = await page.api.get<{ chain: string }>("/info");
  render(
    <main>
      <page.ui.Boundary>{screen(page, chain)}</page.ui.Boundary>
    </main>,
    document.body,
  );
}

const voter = (page: Page, byte: number, name: string) => {
  const seed = new Uint8Array(32).fill(byte);
  return { name, seed, key: page.ledger.publicKey(seed) };
};

const all = <T extends Element = HTMLElement>(selector: string) => [
  ...document.querySelectorAll<T>(selector),
];
const alarm = () =>
  all(".problem")
    .map((one) => one.textContent)
    .join(" | ");
const press = (name: string) =>
  all<HTMLButtonElement>("button")
    .find((one) => one.textContent === name)
    ?.click();

/** What comes of a session: the screens that were shown, what was said to be wrong, and whether a ballot was said to be cast. */
interface Seen {
  screens: string[];
  alarm: string;
  cast: boolean;
}

/** What is shown, once all of it is there. */
async function look(): Promise<string> {
  await settled(() => !document.body.textContent!.includes("Loading"));
  return document.body.innerHTML;
}

async function seen(earlier: string[] = []): Promise<Seen> {
  const screens = [...earlier, await look()];
  return { screens, alarm: alarm(), cast: all(".receipt").length > 0 };
}

/** Whether two people were shown the same, but for something. */
function same(a: Seen, b: Seen, but: string): boolean {
  const rest = (html: string) => {
    const page = document.createElement("div");
    page.innerHTML = html;
    if (but) page.querySelectorAll(but).forEach((one) => one.remove());
    return page.innerHTML;
  };
  // Whoever was not let through to a screen was not shown another there.
  return a.screens.every(
    (screen, at) => b.screens[at] === undefined || rest(screen) === rest(b.screens[at]),
  );
}

/** Fills in a ballot by the words beside its fields, one after the other. */
async function fill(): Promise<void> {
  const contest = (name: string) =>
    all("fieldset.contest").find((one) => one.querySelector("legend")?.textContent === name)!;
  const labelled = (within: Element, text: string) =>
    [...within.querySelectorAll("label")].find(
      (one) => one.textContent!.replace(/[–\d]+$/, "").trim() === text,
    )!;
  const shown = () => new Promise((next) => setImmediate(() => setImmediate(next)));
  const tell = async (name: string, label: string, value: string, event: string) => {
    const control = document.getElementById(
      labelled(contest(name), label).htmlFor,
    ) as HTMLInputElement;
    control.value = value;
    control.dispatchEvent(new Event(event, { bubbles: true }));
    await shown();
  };
  const tick = async (name: string, label: string) => {
    labelled(contest(name), label).querySelector("input")!.click();
    await shown();
  };
  for (const [name, rank] of [
    ["Noa", "1"],
    ["Kim", "2"],
    ["Lee", "2"],
  ])
    await tell("Board", `Rank of ${name}`, rank!, "change");
  await tick("Printer", "Yes");
  for (const [name, score] of [
    ["Metropolis", "2"],
    ["Alien", "9"],
  ])
    await tell("Films", name!, score!, "change");
  for (const name of ["First aid", "Rust"]) await tick("Courses", name);
  await tick("Lunch", "Salad");
  await tell("Cat", "Your choice", "Byte", "input");
}

/** Grace votes: Noa before Kim and Lee, and so on. */
async function votes(told: Lie | null): Promise<Seen> {
  await open(told, (page, chain) => (
    <page.election.ElectionScreen id={ID} chain={chain} voter={voter(page, 3, "Grace")} manages />
  ));
  await settled(() => alarm() !== "" || all("form.booth").length > 0);
  const ballot = await look();
  if (alarm() || !all("form.booth").length) return seen();
  await fill();
  press("Review my ballot");
  await settled(() => alarm() !== "" || all("button.cast").length > 0);
  const review = await look();
  press("Cast my vote");
  await settled(() => alarm() !== "" || all(".receipt").length > 0);
  return seen([ballot, review]);
}

/** Ada, who has voted, comes back. */
async function comesBack(told: Lie | null): Promise<Seen> {
  await open(told, (page, chain) => (
    <page.election.ElectionScreen id={ID} chain={chain} voter={voter(page, 2, "Ada")} manages />
  ));
  await settled(() => alarm() !== "" || all(".receipt").length > 0);
  return seen();
}

const looksFor =
  (id: string) =>
  async (told: Lie | null): Promise<Seen> => {
    await open(told, (page, chain) => (
      <page.receipt.BallotScreen id={id} chain={chain} height={0} />
    ));
    await settled(() => alarm() !== "" || all(".review").length > 0);
    return seen();
  };

/** Somebody checks the receipt of a ballot that was replaced. */
async function checksFile(told: Lie | null): Promise<Seen> {
  const info = { ...recorded.before["/info"], chain: CHAIN } as Info;
  await open(told, (page) => <page.receipt.CheckReceipt info={info} />);
  const file = Uint8Array.from(Buffer.from(before[`/receipts/${FIRST}`] as string, "hex"));
  const input = document.querySelector<HTMLInputElement>("input[type=file]")!;
  Object.defineProperty(input, "files", { value: [new Blob([file])] });
  input.dispatchEvent(new Event("change", { bubbles: true }));
  await settled(() => alarm() !== "" || document.body.textContent!.includes("no longer counts"));
  return seen();
}

async function looksAtList(told: Lie | null): Promise<Seen> {
  await open(told, (page) => <page.elections.Elections height={0} signedIn creates />);
  await settled(() => alarm() !== "" || all(".list a").length > 0);
  return seen();
}

test("a voter votes by the words that are shown, and the receipt has them", async () => {
  const { alarm, cast, screens } = await votes(null);
  expect([alarm, cast, sent]).toEqual(["", true, [recorded.cast]]);
  const said = document.querySelector(".receipt")!.textContent!;
  for (const words of [
    "Annual meeting",
    "1. Noa",
    "2. Kim = Lee",
    "Yes",
    "Metropolis: 2",
    "Alien: 9",
    "First aid",
    "Rust",
    "Salad",
    "Byte",
    "Grace",
  ])
    expect(said).toContain(words);
  expect(screens.at(-1)).toContain("Turnout and count are the word of this node");
});

test("a voter without a name is asked for one in a vote by name, and told that it is there for ever", async () => {
  await open(null, (page, chain) => (
    <page.election.ElectionScreen id={ID} chain={chain} voter={voter(page, 3, "")} manages />
  ));
  await settled(() => all("form.booth").length > 0);
  await fill();
  press("Review my ballot");
  await settled(() => alarm() !== "");
  expect(alarm()).toContain("Write 1 to 100 bytes that can be seen");
  const name = document.querySelector<HTMLInputElement>(".by-name input")!;
  name.value = "Grace";
  name.dispatchEvent(new Event("input", { bubbles: true }));
  await settled(() => alarm() === "");
  press("Review my ballot");
  await settled(() => all("button.cast").length > 0);
  expect(document.body.textContent).toContain("with the name “Grace” beside it, for ever.");
});

const ELECTION = `/elections/${ID}`;
const signed = Object.keys(before).filter((route) => route.startsWith("/transactions/"));

test("no lie turns a vote, and what is believed is known to be the node's word", async () => {
  const told: [(told: Lie | null) => Promise<Seen>, Lie[]][] = [
    [
      votes,
      [
        "/info",
        ELECTION,
        `${ELECTION}/live`,
        `${ELECTION}/log`,
        `${ELECTION}/voters/${GRACE}`,
        "/transactions",
      ].flatMap((route) => [...lies(route)]),
    ],
    [
      votes,
      [`/transactions/${ID}`, `/receipts/${THIRD}`].flatMap((route) => [...forgeries(route)]),
    ],
    // Of acts, those that set the times; each is shown as well.
    [
      votes,
      signed
        .filter((route) => ![ID, FIRST, SECOND].some((id) => route.endsWith(id)))
        .flatMap((route) => [...forgeries(route)].filter((_, at) => at % 5 === 0)),
    ],
    [comesBack, [...lies(`${ELECTION}/voters/${ADA}`), ...forgeries(`/receipts/${SECOND}`)]],
    [looksFor(SECOND), [...lies(`/ballots/${SECOND}`)]],
    [looksFor(FIRST), [...lies(`/ballots/${FIRST}`), ...forgeries(`/receipts/${FIRST}`)]],
    [checksFile, [...lies(`/ballots/${FIRST}`)]],
    [looksAtList, [...lies("/elections?phase=open")]],
  ];
  const listed = WORD_OF_THE_NODE.flatMap(([route, fields, shown]) =>
    fields.map((field) => ({ name: `${route} ${field}`, shown })),
  );
  const unknown = new Set<string>();
  const needed = new Set<string>();
  for (const [live, some] of told) {
    const honest = await live(null);
    expect(honest.alarm).toBe("");
    for (const one of some) {
      const what = `${named(one.route)} ${one.field}`;
      const seen = await live(one);
      // Whatever was said: what is signed is the vote that was meant, or nothing.
      for (const bytes of sent) expect(bytes, what).toBe(recorded.cast);
      if (seen.alarm) expect(seen.cast && live === votes, `${what}: ${seen.alarm}`).toBe(false);
      else if (!(same(seen, honest, "") && seen.cast === honest.cast)) {
        const row = listed.find(({ name }) =>
          name.endsWith("**") ? what.startsWith(name.slice(0, -2)) : what === name,
        );
        if (row && same(seen, honest, row.shown)) needed.add(row.name);
        else unknown.add(what);
      }
    }
  }
  expect([...unknown], "believed without a word").toEqual([]);
  expect(
    listed.map(({ name }) => name).filter((name) => !needed.has(name)),
    "listed for nothing",
  ).toEqual([]);
}, 900_000);

test("a node that turns two choices round in all that it says is noticed before anything is signed", async () => {
  const turned = JSON.parse(
    JSON.stringify(before)
      .replaceAll('"Salad"', '"?"')
      .replaceAll('"Soup"', '"Salad"')
      .replaceAll('"?"', '"Soup"'),
  ) as Answers;
  const { alarm } = await votes({
    route: ELECTION,
    field: "Soup and Salad",
    said: turned[ELECTION]!,
  });
  expect(alarm).toContain("shows another election than the one that its organiser has signed");
  expect(alarm).toContain("Contest 5: Choices");
  expect(sent).toEqual([]);
  // Counts alone are its own word: nobody votes otherwise by them.
  await votes({
    route: `${ELECTION}/live`,
    field: "Soup and Salad",
    said: turned[`${ELECTION}/live`]!,
  });
  expect(sent).toEqual([recorded.cast]);
});

test("what the server finds false of a ballot that was cast is said not to hold, and not to be late", async () => {
  for (const route of ["/transactions", `/receipts/${THIRD}`]) {
    const { alarm, cast } = await votes({
      route,
      field: "all",
      said: { code: "at_fault", reason: "its receipt does not hold" },
      status: 502,
    });
    expect([alarm, cast], route).toEqual([
      expect.stringContaining("what it gives to show it does not hold"),
      false,
    ]);
  }
});

test("somebody else's ballot is not taken for one's own", async () => {
  const { ballot } = after[`${ELECTION}/voters/${GRACE}`] as { ballot: Json };
  const { alarm, cast } = await comesBack({
    route: `${ELECTION}/voters/${ADA}`,
    field: "ballot",
    said: { votes: 1, ballot },
  });
  expect([alarm, cast]).toEqual([
    "What the node says does not go with what was signed. Use another node.",
    false,
  ]);
});
