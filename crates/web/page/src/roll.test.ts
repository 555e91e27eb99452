import { expect, test, vi } from "vitest";
import { codeSeed } from "./encoding/codes";
import { type Act, type Voter, hexToBytes, organise, publicKey, sign } from "./encoding/ledger";
import rolls from "../../../../testdata/rolls.json";
import changes from "../../../../testdata/roll_changes.json";
import { type Told, readList } from "./voter_list";
import { WORDS } from "./voter_words";
import { adding, cardsCsv, changing, issue, opensBefore, readTyped, withKnown } from "./roll";

vi.stubGlobal("localStorage", { getItem: () => "en" });
const { t } = await import("./texts");
const key = "ab".repeat(32);

const words = ({ what, gaps }: Told) => t(`roll_${what}` as Parameters<typeof t>[0], gaps);

test.each(rolls.lists.map((list) => [list.name, list] as const))(
  "a list is read as vote-cli reads it: %s",
  (_, list) => {
    const input = "hex" in list ? hexToBytes(list.hex!) : list.text!;
    const { people, faults, notes } = readList(input, list.weighted);
    expect(people).toEqual(list.voters);
    expect(notes.map(words)).toEqual(list.notes);
    expect(faults.map((fault) => [fault.line, fault.what, words(fault)])).toEqual(list.faults);
  },
);

test("a text and its bytes mean the same", () => {
  for (const { text, weighted } of rolls.lists)
    if (text !== undefined)
      expect(readList(new TextEncoder().encode(text), weighted), text).toEqual(
        readList(text, weighted),
      );
});

test("headers have the words that vote-cli knows", () => {
  expect(WORDS).toEqual(rolls.words);
});

test("a number makes so many voters", () => {
  expect(readTyped("3", false).people.map(({ id }) => id)).toEqual(["1", "2", "3"]);
  expect(readTyped("999999", false).faults).toEqual([{ line: 1, what: "many", gaps: {} }]);
});

test("names or keys can be typed one a line, with a weight", () => {
  const list = readTyped(`Ada\n\n${key.toUpperCase()}, 5\nGrace, 2\n"Nowak, Jan"\n`, true);
  expect(list.faults).toEqual([]);
  expect(list.people.map(({ name, key, weight }) => [name, key, weight])).toEqual([
    ["Ada", null, 1],
    ["", key, 5],
    ["Grace", null, 2],
    ["Nowak, Jan", null, 1],
  ]);
  expect(list.notes.map(words)).toEqual([
    'no line says what the columns are: the first line, "Ada", is read as a voter',
  ]);
  expect(readTyped(`${key}\nxyz`, true).faults.map((fault) => [fault.line, words(fault)])).toEqual([
    [2, 'the key "xyz" is not 64 hexadecimal digits'],
  ]);
});

test("lines of a typed list are those that were typed", () => {
  const { faults } = readTyped("Ada\nGrace\nJoan,0\nAda\nAda, B", true);
  expect(faults.map((fault) => [fault.line, words(fault)])).toEqual([
    [3, 'the weight "0" is not a whole number from 1 to 1000000 in digits alone'],
    [
      4,
      "the name is the one of line 1: give each of them an id or a contact, so that they can be told apart",
    ],
    [5, 'the weight "B" is not a whole number from 1 to 1000000 in digits alone'],
  ]);
});

test("codes stand for the keys that are added, in acts of 1700 at most, by key", async () => {
  const { cards, voters } = await issue(readTyped("1701", false).people, () => {});
  expect(cards).toHaveLength(1701);
  for (const card of cards.slice(0, 3))
    expect(publicKey(codeSeed(card.code) as Uint8Array)).toBe(card.public);
  const acts = adding(voters).map((act) => ("add" in act ? act.add : []));
  expect(acts.map((act) => act.length)).toEqual([1700, 1]);
  const keys = acts.flat().map(([key]) => key);
  expect(keys).toEqual([...keys].sort());
  expect(new Set(keys)).toEqual(new Set(cards.map((card) => card.public)));
});

test("acts are cut by bytes too, at the last that fits", () => {
  const voters = (n: number, weight: number) =>
    Array.from({ length: n }, (_, at): Voter => [at.toString(16).padStart(64, "0"), weight]);
  const bytes = (add: Voter[]) => sign(key, new Uint8Array(32), organise(key, { add })).length;
  for (const weight of [1, 24, 256, 65_535, 65_536, 1_000_000]) {
    const all = voters(4000, weight);
    const parts = adding(all).map((act) => ("add" in act ? act.add : []));
    expect(parts.flat()).toEqual(all);
    for (const part of parts) expect(bytes(part)).toBeLessThanOrEqual(65_536);
    const first = parts[0]!.length;
    if (first < 1700) expect(bytes(all.slice(0, first + 1))).toBeGreaterThan(65_536);
  }
  expect([1633, 1634].map((n) => adding(voters(n, 1_000_000)).length)).toEqual([1, 2]);
  expect(adding([])).toEqual([]);
});

test("changes are cut as the ledger's vectors say, and fit a transaction", () => {
  const keyOf = (at: number) => at.toString(16).padStart(16, "0").padEnd(64, "0");
  for (const { remove, add, same, weight, reason, parts } of changes) {
    const gone = Array.from({ length: remove }, (_, at) => keyOf(2 * at));
    const come = Array.from({ length: add }, (_, at): Voter => [
      keyOf(2 * at + (same ? 0 : 1)),
      weight,
    ]);
    const acts = changing(gone, come, "r".repeat(reason)).map((act) =>
      "change" in act ? act.change : { remove: [], add: [] },
    );
    expect(acts.map((act) => [act.remove.length, act.add.length])).toEqual(parts);
    expect([acts.flatMap((act) => act.remove), acts.flatMap((act) => act.add)]).toEqual([
      gone,
      come,
    ]);
    for (const change of acts)
      expect(
        sign(key, new Uint8Array(32), organise(key, { change } as Act)).length,
      ).toBeLessThanOrEqual(65_536);
  }
});

test("an election must not open on the first of several acts", () => {
  const people = (n: number) => readTyped(String(n), false).people;
  expect(opensBefore(people(1700), 1000, 5000)).toBe(false);
  expect(opensBefore(people(1701), null, 5000)).toBe(false);
  expect(opensBefore(people(1701), 1000, 5000)).toBe(true);
  expect(opensBefore(people(1701), 20_000, 5000)).toBe(true);
  expect(opensBefore(people(1701), 3_600_000, 5000)).toBe(false);
});

const card = {
  id: "1",
  name: 'A, "B"',
  contact: "",
  group: "North",
  weight: 1,
  key: null,
  code: "CODE",
  public: key,
};

test("the list for a mail merge keeps names whole, says whose key is which, and has no formulas", () => {
  expect(cardsCsv([card])).toBe(
    `id,name,contact,group,weight,key,code\n1,"A, ""B""",,North,1,${key},CODE\n`,
  );
  expect(cardsCsv([{ ...card, name: "=1+1", contact: "@x" }])).toContain(`1,'=1+1,'@x,North`);
});

test("a list that brings keys with it makes no codes for these", async () => {
  const { people, faults } = readList(cardsCsv([card]), true);
  expect(faults).toEqual([]);
  const { cards, voters } = await issue(people, () => {});
  expect([cards, voters]).toEqual([[], [[key, 1]]]);
});

test("who has a card gets no other", () => {
  const cards = [
    card,
    { ...card, id: "", name: "Joan", contact: "j@example.org", public: "1" },
    { ...card, id: "8", name: "Eve", public: "2" },
    { ...card, id: "9", name: "Eve", public: "3" },
  ];
  const known = (text: string) => withKnown(readList(text, true).people, cards);
  expect(
    known(
      "id,name,email\n1,Ada,a@example.org\n,J. Smith,J@example.org\n,Zoe,z@example.org\n8,E.,\n5,Eve,\n",
    ).people.map((one) => one.key),
  ).toEqual([key, "1", null, "2", null]);
  expect(known("name,email\nJoan,joan@example.org\n").known).toBe(0);
  expect(known("name\nJOAN\n").people[0]!.key).toBe("1");
  expect(known("name\nEve\n").several).toEqual(["Eve"]);
});
