// Rolls from a list of voters, of names alone or of a number, and the voter codes that are made for
// those without a key.

import { utf8ToBytes } from "@noble/hashes/utils.js";
import { newCode } from "./encoding/codes";
import { type Act, type Voter, publicKey } from "./encoding/ledger";
import {
  PEOPLE_MAX,
  type Person,
  type VoterList,
  folded,
  guarded,
  readList,
  sameId,
} from "./voter_list";

/** Voters that one act can name, and bytes that its transaction can have: what is around the voters, and a key with its weight. */
const ACT_VOTERS_MAX = 1700;
const TRANSACTION_BYTES_MAX = 65_536;
const ADD_VOTERS_BYTES = 185;
const KEY_BYTES = 34;
const voterBytes = (weight: number) =>
  1 + KEY_BYTES + (weight < 24 ? 1 : weight < 0x100 ? 2 : weight < 0x1_0000 ? 3 : 5);

/** Reads what somebody typed: a number of voters; or a list with a header; or names or keys, one a line, with a weight behind a separator. */
export function readTyped(text: string, weighted: boolean): VoterList {
  const number = /^\s*(\d{1,6})\s*$/.exec(text);
  if (number) return numbered(Number(number[1]));
  const list = readList(text, weighted);
  return list.faults[0]?.what === "no_header" ? readBare(text, weighted) : list;
}

function numbered(n: number): VoterList {
  if (n > PEOPLE_MAX)
    return { people: [], faults: [{ line: 1, what: "many", gaps: {} }], notes: [] };
  const person = (_: unknown, at: number): Person => ({
    id: String(at + 1),
    name: "",
    contact: "",
    group: "",
    weight: 1,
    key: null,
  });
  return { people: Array.from({ length: n }, person), faults: [], notes: [] };
}

/** Reads a list without a header, as if one stood above it. */
function readBare(text: string, weighted: boolean): VoterList {
  const lines = text.split(/\r\n|\r|\n/);
  const separators = (line: string, separator: string) =>
    line.replace(/"[^"]*"/g, "").split(separator).length - 1;
  const all = (separator: string) =>
    lines.reduce((sum, line) => sum + separators(line, separator), 0);
  const separator = [",", ";", "\t"].reduce((best, one) => (all(one) > all(best) ? one : best));
  const top = lines.find((line) => line.trim()) ?? "";
  const header = /^\s*[0-9a-f]{64}\b/i.test(top) ? "key" : "name";
  // A weight can be left out.
  const rows = lines.map((line) =>
    line.trim() && !separators(line, separator) ? line + separator : line,
  );
  const { people, faults, notes } = readList(
    [`${header}${separator}weight`, ...rows].join("\n"),
    weighted,
  );
  const above = (gaps: Record<string, string>) =>
    Object.fromEntries(
      Object.entries(gaps).map(([gap, value]) => [
        gap,
        gap === "first" || gap === "until" ? String(Number(value) - 1) : value,
      ]),
    );
  const bare = { what: "bare", gaps: { found: top.trim().slice(0, 40) } };
  return {
    people,
    faults: faults.map((fault) => ({ ...fault, line: fault.line - 1, gaps: above(fault.gaps) })),
    notes: [bare, ...notes.filter(({ what }) => what !== "no_weight")],
  };
}

export interface Card extends Person {
  code: string;
  public: string;
}

/**
 * The people, those who have a card already with its key: by id, else by contact, else by name, unless ids or contacts tell the two apart. Who may
 * be either of several is named, and so is who would be there twice.
 */
export function withKnown(
  people: Person[],
  cards: Card[],
): { people: Person[]; known: number; several: string[] } {
  const ids = new Map(cards.flatMap((card) => (card.id ? [[sameId(card.id), card] as const] : [])));
  const contacts = new Map(
    cards.flatMap((card) => (card.contact ? [[folded(card.contact), card] as const] : [])),
  );
  const names = new Map<string, Card[]>();
  for (const card of cards)
    if (card.name) names.set(folded(card.name), [...(names.get(folded(card.name)) ?? []), card]);
  const several: string[] = [];
  const taken = new Set(people.map(({ key }) => key));
  let known = 0;
  const one = (person: Person): Person => {
    if (person.key) return person;
    const apart = (card: Card) => (person.id && card.id) || (person.contact && card.contact);
    const alike = (names.get(folded(person.name)) ?? []).filter((card) => !apart(card));
    const found =
      (person.id && ids.get(sameId(person.id))) ||
      (person.contact && contacts.get(folded(person.contact))) ||
      alike[0];
    if (!found) return person;
    const unclear = alike.length > 1 && alike.includes(found);
    if (unclear || taken.has(found.public))
      several.push(person.name || person.id || person.contact);
    taken.add(found.public);
    known += 1;
    return { ...person, key: found.public };
  };
  return { people: people.map(one), known, several };
}

/** Codes for those without a key. Comes back now and then, so that the page can be seen working. */
export async function issue(
  people: Person[],
  done: (n: number) => void,
): Promise<{ cards: Card[]; voters: Voter[] }> {
  const [cards, voters]: [Card[], Voter[]] = [[], []];
  for (const [at, person] of people.entries()) {
    if (person.key) voters.push([person.key, person.weight]);
    else {
      const { code, seed } = newCode();
      const key = publicKey(seed);
      cards.push({ ...person, code, public: key });
      voters.push([key, person.weight]);
    }
    if (at % 100 === 99) {
      done(at + 1);
      await new Promise((next) => setTimeout(next));
    }
  }
  // By key: their order says nothing of who has which.
  return { cards, voters: voters.sort(([a], [b]) => (a < b ? -1 : 1)) };
}

/** The acts that put voters on a roll: as many to each as fit it, in number and in bytes. */
export function adding(voters: Voter[]): Act[] {
  const acts: { add: Voter[] }[] = [];
  let last: Voter[] = [];
  let bytes = Infinity;
  for (const voter of voters) {
    bytes += voterBytes(voter[1]);
    if (bytes > TRANSACTION_BYTES_MAX || last.length === ACT_VOTERS_MAX) {
      last = [];
      bytes = ADD_VOTERS_BYTES + voterBytes(voter[1]);
      acts.push({ add: last });
    }
    last.push(voter);
  }
  return acts;
}

/**
 * A change of a roll, cut into acts as the ledger's `roll_changes` cuts it (testdata/roll_changes.json): what is done to one key stays in one act. Both lists
 * are in the order of their keys.
 */
export function changing(remove: string[], add: Voter[], reason: string): Act[] {
  // Around the keys: what adding has, a second list, and the reason.
  const around = ADD_VOTERS_BYTES + 9 + utf8ToBytes(reason).length;
  const acts = [{ change: { remove: [] as string[], add: [] as Voter[], reason } }];
  let bytes = around;
  for (let [out, into] = [0, 0]; out < remove.length || into < add.length;) {
    const key = [remove.slice(out, out + 1), add.slice(into, into + 1).map(([key]) => key)]
      .flat()
      .sort()[0]!;
    const [gone, come]: [string[], Voter[]] = [[], []];
    while (remove[out] === key) gone.push(remove[out++]!);
    while (add[into]?.[0] === key) come.push(add[into++]!);
    const more =
      gone.length * KEY_BYTES + come.reduce((sum, [, weight]) => sum + voterBytes(weight), 0);
    const last = acts.at(-1)!.change;
    bytes += more;
    if (
      last.remove.length + last.add.length + gone.length + come.length > ACT_VOTERS_MAX ||
      bytes > TRANSACTION_BYTES_MAX
    ) {
      acts.push({ change: { remove: [], add: [], reason } });
      bytes = around + more;
    }
    acts.at(-1)!.change.remove.push(...gone);
    acts.at(-1)!.change.add.push(...come);
  }
  return acts;
}

/** Milliseconds that an act takes at most where the network is well. */
const ACT_MS = 10_000;

/** Whether an election opens before all of these people can be on its roll: it takes no more of them then. */
export function opensBefore(people: Person[], opens_at: number | null, now: number): boolean {
  const acts = adding(people.map(({ weight }): Voter => ["", weight])).length;
  return opens_at !== null && acts > 1 && opens_at <= now + ACT_MS * acts;
}

/** A field of CSV, and no formula for a spreadsheet. */
function quoted(said: string): string {
  const text = guarded(said);
  return /["\,;\t\r\n]/.test(text) || text.trim() !== text
    ? `"${text.replaceAll('"', '""')}"`
    : text;
}

/** A list for a mail merge, as `vote-cli roll issue` writes it. Secret. */
export const cardsCsv = (cards: Card[]): string =>
  "id,name,contact,group,weight,key,code\n" +
  cards
    .map(
      (card) =>
        `${[card.id, card.name, card.contact, card.group].map(quoted).join(",")},${card.weight},${card.public},${card.code}\n`,
    )
    .join("");

/** The public keys, for `vote-cli roll import`. */
export const keysCsv = (voters: Voter[]): string =>
  "key,weight\n" + voters.map(([key, weight]) => `${key},${weight}\n`).join("");
