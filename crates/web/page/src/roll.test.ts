import { expect, test } from "vitest";
import { codeSeed } from "./encoding/codes";
import { publicKey } from "./encoding/ledger";
import { adding, cardsCsv, issue, readRoll } from "./roll";

const key = "ab".repeat(32);

test("a number makes so many voters", () => {
  expect(readRoll("3", false).people.map(({ id }) => id)).toEqual(["1", "2", "3"]);
  expect(readRoll("999999", false).faults).toEqual([{ line: 1, what: "many" }]);
});

test("names and keys can stand one a line", () => {
  const { people, faults } = readRoll(`Ada\n\n${key.toUpperCase()}, 5\nGrace, 2`, true);
  expect(faults).toEqual([]);
  expect(people.map(({ name, key, weight }) => [name, key, weight])).toEqual([["Ada", null, 1], ["", key, 5], ["Grace", null, 2]]);
});

test("a spreadsheet has a header, any separator, and quotes", () => {
  const { people, faults } = readRoll('\ufeffname;weight;contact\r\n"Lovelace; ""Ada""";3;ada@example.org\r\n', true);
  expect(faults).toEqual([]);
  expect(people).toEqual([{ id: "", name: 'Lovelace; "Ada"', contact: "ada@example.org", weight: 3, key: null }]);
});

test("every bad line is named", () => {
  const { faults } = readRoll(`name,weight,key\nAda,0,\nGrace,2,\n,,\nJoan,,xyz\nA,,${key}\nB,,${key}`, false);
  expect(faults).toEqual([{ line: 2, what: "weight" }, { line: 3, what: "unequal" }, { line: 4, what: "empty" }, { line: 5, what: "key" }, { line: 7, what: "twice" }]);
});

test("codes stand for the keys that are added, in acts of 1700 at most, by key", async () => {
  const { cards, voters } = await issue(readRoll("1701", false).people, () => {});
  expect(cards).toHaveLength(1701);
  for (const card of cards.slice(0, 3)) expect(publicKey(codeSeed(card.code) as Uint8Array)).toBe(card.public);
  const acts = adding(voters).map((act) => ("add" in act ? act.add : []));
  expect(acts.map((act) => act.length)).toEqual([1700, 1]);
  const keys = acts.flat().map(([key]) => key);
  expect(keys).toEqual([...keys].sort());
  expect(new Set(keys)).toEqual(new Set(cards.map((card) => card.public)));
});

test("the list for a mail merge keeps names whole", () => {
  const card = { id: "1", name: 'A, "B"', contact: "", weight: 1, key: null, code: "CODE", public: key };
  expect(cardsCsv([card])).toBe('id,name,contact,weight,code\n1,"A, ""B""",,1,CODE\n');
});
