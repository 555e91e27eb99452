// Rolls from a spreadsheet, a list of names or a number, and the voter codes that are made for those without a key.

import { newCode } from "./encoding/codes";
import { type Act, type Voter, publicKey } from "./encoding/ledger";

/** Voters that one act can name. */
const ACT_VOTERS_MAX = 1700;
const WEIGHT_MAX = 1_000_000;
/** Voters that the page makes at one time; rolls that are larger are made with vote-cli. */
export const PEOPLE_MAX = 100_000;

export interface Person {
  id: string;
  name: string;
  contact: string;
  weight: number;
  /** None: a code is made. */
  key: string | null;
}

/** Lines count from 1. */
export interface RollFault { line: number; what: "weight" | "key" | "twice" | "empty" | "unequal" | "many" }

const COLUMNS = ["id", "name", "contact", "weight", "key"] as const;
const KEY = /^[0-9a-f]{64}$/;

/** The fields of a line; quotes are as in CSV. */
function fields(line: string, separator: string): string[] {
  const out: string[] = [];
  let [field, quoted] = ["", false];
  for (let at = 0; at < line.length; at++) {
    const c = line[at]!;
    if (quoted && c === '"' && line[at + 1] === '"') field += line[++at];
    else if (c === '"') quoted = !quoted;
    else if (c === separator && !quoted) [field] = ["", out.push(field.trim())];
    else field += c;
  }
  out.push(field.trim());
  return out;
}

/** Reads a roll: a number of voters; or names or keys, one a line, with a weight after a comma; or CSV with a header (`id,name,contact,weight,key`). */
export function readRoll(text: string, weighted: boolean): { people: Person[]; faults: RollFault[] } {
  const number = /^\s*(\d{1,6})\s*$/.exec(text);
  const blank: Person = { id: "", name: "", contact: "", weight: 1, key: null };
  if (number) {
    const n = Number(number[1]);
    if (n > PEOPLE_MAX) return { people: [], faults: [{ line: 1, what: "many" }] };
    return { people: Array.from({ length: n }, (_, at) => ({ ...blank, id: String(at + 1) })), faults: [] };
  }
  const lines = text.replace(/^\ufeff/, "").split(/\r\n|\r|\n/);
  const first = lines.find((line) => line.trim()) ?? "";
  const count = (separator: string) => first.split(separator).length;
  const separator = [",", ";", "\t"].reduce((best, one) => (count(one) > count(best) ? one : best));
  const header = fields(first, separator).map((name) => name.toLowerCase());
  const headed = header.length > 1 ? header.some((name) => name === "name" || name === "key" || name === "id") : header[0] === "name" || header[0] === "key" || header[0] === "id";
  const names = headed ? header : [KEY.test(header[0] ?? "") ? "key" : "name", "weight"];
  const [people, faults, seen]: [Person[], RollFault[], Set<string>] = [[], [], new Set()];
  let skip = headed;
  lines.forEach((line, at) => {
    if (!line.trim()) return;
    if (skip) return void (skip = false);
    const fault = (what: RollFault["what"]) => void faults.push({ line: at + 1, what });
    const said = Object.fromEntries(fields(line, separator).map((field, n) => [names[n] ?? "", field]));
    const [id = "", name = "", contact = "", weight = "", key = ""] = COLUMNS.map((column) => said[column] ?? "");
    // A list can mix names and keys.
    const own = key || (KEY.test(name.toLowerCase()) ? name : "");
    if (!id && !name && !own) return fault("empty");
    if (own && !KEY.test(own.toLowerCase())) return fault("key");
    const votes = weight === "" ? 1 : /^\d{1,7}$/.test(weight) ? Number(weight) : 0;
    if (votes < 1 || votes > WEIGHT_MAX) return fault("weight");
    if (votes !== 1 && !weighted) return fault("unequal");
    const same = own ? own.toLowerCase() : id || contact;
    if (same && seen.has(same)) return fault("twice");
    seen.add(same);
    people.push({ id, name: own === name ? "" : name, contact, weight: votes, key: own ? own.toLowerCase() : null });
  });
  return people.length > PEOPLE_MAX ? { people: [], faults: [{ line: PEOPLE_MAX, what: "many" }] } : { people, faults };
}

export interface Card extends Person { code: string; public: string }

/** Codes for those without a key. Comes back now and then, so that the page can be seen working. */
export async function issue(people: Person[], done: (n: number) => void): Promise<{ cards: Card[]; voters: Voter[] }> {
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

/** The acts that put voters on a roll. */
export function adding(voters: Voter[]): Act[] {
  return Array.from({ length: Math.ceil(voters.length / ACT_VOTERS_MAX) }, (_, at) => ({ add: voters.slice(at * ACT_VOTERS_MAX, (at + 1) * ACT_VOTERS_MAX) }));
}

const quoted = (text: string) => (/["\,;\t\r\n]/.test(text) || text.trim() !== text ? `"${text.replaceAll('"', '""')}"` : text);

/** A list for a mail merge, as `vote-cli roll issue` writes it. Secret. */
export const cardsCsv = (cards: Card[]): string =>
  "id,name,contact,weight,code\n" + cards.map(({ id, name, contact, weight, code }) => `${[id, name, contact].map(quoted).join(",")},${weight},${code}\n`).join("");

/** The public keys, for `vote-cli roll import`. */
export const keysCsv = (voters: Voter[]): string => "key,weight\n" + voters.map(([key, weight]) => `${key},${weight}\n`).join("");
