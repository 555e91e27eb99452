// Lists of voters: a text with separators, read whole, with every fault named by its line. vote-cli reads them in the same way: testdata/rolls.json
// says for both what comes of which list (docs/voter-lists.md).

import { utf8ToBytes } from "@noble/hashes/utils.js";
import { look } from "./encoding/ledger";
import { WORDS } from "./voter_words";

/** Voters that the page takes at one time; rolls that are larger are made with vote-cli. */
export const PEOPLE_MAX = 100_000;
/** Bytes of a file that the page reads. */
export const FILE_BYTES_MAX = 32 << 20;
const WEIGHT_MAX = 1_000_000;
const COLUMNS_MAX = 1000;
const FIELD_BYTES_MAX = 200;
/** A quote that is not closed for so long never is. */
const QUOTED_MAX = 65_536;
/** Rows with content among which the header is looked for. */
const HEADER_ROWS = 10;
/** What spreadsheets call the rows below a list. */
const TOTALS = new Set("total, totals, grand total, subtotal, sub total, sum, average, summe, gesamt, gesamtsumme, zwischensumme, insgesamt, durchschnitt, mittelwert, total général, somme, sous total, moyenne, total general, suma, promedio, media".split(", "));
/** What can separate fields; the first of those that do equally well is taken. */
const SEPARATORS = [",", ";", "\t"];

export interface Person {
  id: string;
  name: string;
  contact: string;
  group: string;
  weight: number;
  /** None: a code is made. */
  key: string | null;
}

/** What is told of a list: its text is `roll_` and the kind. */
export interface Told { what: string; gaps: Record<string, string> }
/** Lines count from 1. */
export interface RollFault extends Told { line: number }

export interface VoterList { people: Person[]; faults: RollFault[]; notes: Told[] }

/** Why no row can be read. */
class Unreadable extends Error {
  constructor(readonly line: number, readonly what: string, readonly gaps: Record<string, string> = {}) {
    super(what);
  }
}

/** A row, with or without content. */
interface Row {
  line: number;
  cells: string[];
  /** Whether it cannot be cut into fields. */
  torn: boolean;
  after_blank: boolean;
}

const trimmed = (text: string) => text.replace(/^\p{White_Space}+|\p{White_Space}+$/gu, "");
const oneSpace = (text: string) => trimmed(text).replace(/\p{White_Space}+/gu, " ");

/** A text as it is compared, whatever its case. */
export const folded = (text: string): string => look(text).toLowerCase();

/** The text of a cell that was kept from being a formula. */
function unguarded(cell: string): string {
  return cell.startsWith("'") && isFormula(cell.replace(/^'+/, "")) ? cell.slice(1) : cell;
}

/** The text of a cell for a text: with an apostrophe before what a spreadsheet would take for a formula. Numbers stay numbers. */
export const guarded = (text: string): string => (isFormula(text.replace(/^'+/, "")) ? `'${text}` : text);

function isFormula(text: string): boolean {
  const number = (rest: string) => /^[0-9 .,]*$/.test(rest) && /[0-9]/.test(rest);
  return /^[=@\t\r]/.test(text) || (/^[+-]/.test(text) && !number(text.slice(1)));
}

// From bytes to records

/** The text of a file, and whether it was UTF-16. */
function decode(bytes: Uint8Array): { text: string; utf16: boolean } {
  if (bytes.length > FILE_BYTES_MAX) throw new Unreadable(1, "many");
  const begins = (...start: number[]) => start.every((byte, at) => bytes[at] === byte);
  if (begins(0x50, 0x4b, 3, 4) || begins(0xd0, 0xcf, 0x11, 0xe0)) throw new Unreadable(1, "spreadsheet");
  const [first, second] = bytes;
  const little = begins(0xff, 0xfe) || (first !== 0 && second === 0);
  if (little || begins(0xfe, 0xff) || (first === 0 && second)) {
    try {
      return { text: new TextDecoder(little ? "utf-16le" : "utf-16be", { fatal: true }).decode(bytes), utf16: true };
    } catch {
      throw new Unreadable(1, "encoding");
    }
  }
  try {
    return { text: new TextDecoder("utf-8", { fatal: true }).decode(bytes), utf16: false };
  } catch {
    throw new Unreadable(firstBadLine(bytes), "encoding");
  }
}

/** The first line that is not UTF-8; no character goes over the end of a line. */
function firstBadLine(bytes: Uint8Array): number {
  // A character for each byte, so that places are the same.
  const lines = new TextDecoder("latin1").decode(bytes).split(/(?<=\r\n|\r(?!\n)|\n)/);
  let at = 0;
  for (const [before, line] of lines.entries()) {
    try {
      new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(at, at + line.length));
    } catch {
      return before + 1;
    }
    at += line.length;
  }
  return 1;
}

/** What a file has in it, to be shown and mended; none if it is no text. */
export function fileText(bytes: Uint8Array): string | null {
  try {
    return decode(bytes).text;
  } catch {
    return null;
  }
}

const breaks = (text: string) => text.match(/\r\n|\r|\n/g)?.length ?? 0;

/** What a first line `sep=;` says, and how much of the text that line is. */
function statedSeparator(text: string): { separator: string; start: number } | null {
  const line = /^[^\r\n]*/.exec(text)![0];
  const separator = /^[ "]*sep=([,;\t|])[ "]*$/i.exec(line)?.[1];
  if (!separator) return null;
  const rest = text.slice(line.length);
  return { separator, start: line.length + (rest.startsWith("\r\n") ? 2 : Math.min(1, rest.length)) };
}

/** Records one after the other. Of one with a bad quote one line is left out, so that those after it are read. */
function* records(text: string, separator: string, at = 0, line = 1): Generator<Row> {
  const end = new RegExp(`[${separator}\\r\\n]`, "g");
  while (at < text.length) {
    const row: Row = { line, cells: [], torn: false, after_blank: false };
    const start = at;
    for (let more = true; more; ) {
      let opening = at;
      while (text[opening] === " ") opening++;
      if (text[opening] === '"') {
        const field = quoted(text, opening + 1);
        if (field) {
          row.cells.push(trimmed(field.text));
          line += breaks(field.text);
          at = field.end;
          while (text[at] === " ") at++;
        }
        row.torn = !field || (at < text.length && text[at] !== separator && text[at] !== "\r" && text[at] !== "\n");
      } else {
        end.lastIndex = at;
        const until = end.exec(text)?.index ?? text.length;
        row.cells.push(trimmed(text.slice(at, until)));
        at = until;
      }
      if (row.torn) {
        at = start;
        line = row.line;
        while (at < text.length && text[at] !== "\r" && text[at] !== "\n") at++;
      }
      more = !row.torn && text[at] === separator;
      if (more) {
        at += 1;
        more = at < text.length;
        // The last field of the text, which is empty.
        if (!more) row.cells.push("");
      } else if (at < text.length) {
        at += text.startsWith("\r\n", at) ? 2 : 1;
        line += 1;
      }
    }
    yield row;
  }
}

/** The rest of a field in quotes, and where it ends; none if it does not. */
function quoted(text: string, at: number): { text: string; end: number } | null {
  let field = "";
  for (;;) {
    const end = text.indexOf('"', at);
    if (end < 0 || field.length + end - at >= QUOTED_MAX) return null;
    field += text.slice(at, end);
    at = end + 1;
    if (text[at] !== '"') return { text: field, end: at };
    field += '"';
    at += 1;
  }
}

/** Those with content. */
function* filled(rows: Iterable<Row>): Generator<Row> {
  let blank = false;
  for (const row of rows) {
    if (!row.torn && row.cells.every((cell) => !cell)) blank = true;
    else {
      yield { ...row, after_blank: blank };
      blank = false;
    }
  }
}

function* first<T>(most: number, all: Iterable<T>): Generator<T> {
  for (const one of all) {
    if (most-- <= 0) return;
    yield one;
  }
}

// The header

const KINDS = new Map(Object.entries(WORDS).flatMap(([kind, words]) => words.map((word): [string, string] => [word, kind])));

/** No word is longer, and so not every cell need be looked at. */
const WORD_MAX = 40;

/** A header's cell as the words have it: small letters, and one space for all that is neither letter nor digit. */
const plain = (cell: string): string => trimmed(folded(cell).replace(/[^\p{Alphabetic}\p{N}#]+/gu, " "));

/** What a header's cell is for, if need be without what stands in brackets: `E-mail (private)`. */
const kind = (cell: string): string | null => KINDS.get(plain(cell)) ?? KINDS.get(plain(cell.split(/[([]/)[0]!)) ?? null;

/** What a column of this kind is read as. */
const fieldOf = (kind: string) => (kind === "full name" ? "name" : kind === "email" ? "contact" : kind.replace("?", ""));

const clean = (text: string) => text.replace(/\p{Cc}/gu, "\ufffd");
const shown = (cell: string) => [...clean(oneSpace(cell))].slice(0, 40).join("");

/**
 * How well a row is known as a header, if it can be one at all: something must say who the voters are. Each thing that its words are for counts 2,
 * or 1 if only a word that may be a title says so.
 */
function knownColumns(row: Row): number {
  if (row.torn) return 0;
  const fields = new Map<string, number>();
  for (const one of row.cells.flatMap((cell) => kind(cell) ?? [])) fields.set(fieldOf(one), Math.max(one.endsWith("?") ? 1 : 2, fields.get(fieldOf(one)) ?? 0));
  const namesSomebody = [...fields.keys()].some((field) => field !== "weight" && field !== "group");
  return namesSomebody ? [...fields.values()].reduce((sum, known) => sum + known, 0) : 0;
}

/** The row whose words are known best, the first of several. */
function headerAmong(rows: Row[]): { at: number; known: number } {
  let best = { at: 0, known: 0 };
  for (const [at, row] of rows.entries()) {
    const known = knownColumns(row);
    if (known > best.known) best = { at, known };
  }
  return best;
}

interface Columns {
  id: number | null;
  /** The parts of a name, in their order. */
  name: number[];
  contact: number | null;
  /** Whether every contact must be an e-mail address. */
  email: boolean;
  weight: number | null;
  key: number | null;
  group: number | null;
  /** What the header calls them, up to the last that has a name. */
  names: string[];
}

function readHeader({ line, cells }: Row): { columns: Columns; notes: Told[] } {
  if (cells.length > COLUMNS_MAX) throw new Unreadable(line, "columns", { columns: String(cells.length) });
  const names = cells.map(shown);
  while (names.at(-1) === "") names.pop();
  const kinds = cells.map(kind);
  /** The one column of these kinds, if there is one. */
  const only = (...wanted: string[]): number | null => {
    const [one, two] = names.flatMap((_, at) => (wanted.includes(kinds[at]!) ? at : []));
    if (two !== undefined) throw new Unreadable(line, "twice", { first: names[one!]!, second: names[two]!, field: fieldOf(wanted[0]!) });
    return one ?? null;
  };
  const id = only("id") ?? only("id?");
  const [given, family, whole] = [only("first name"), only("last name"), only("name", "full name")];
  const parts = (...all: (number | null)[]) => all.filter((at) => at !== null);
  // `Name, Vorname`, `Nombre, Apellidos`: one is a part.
  const isPart = whole !== null && kinds[whole] === "name" && (given === null) !== (family === null);
  let name = parts(whole);
  if (whole === null) name = parts(given, family);
  else if (isPart) name = given !== null ? parts(given, whole) : parts(whole, family);
  if (!name.length) name = parts(only("name?"));
  const contact = only("contact", "email");
  const columns: Columns = { id, name, contact, email: contact !== null && kinds[contact] === "email", weight: only("weight"), key: only("key"), group: only("group"), names };
  const notes = names.flatMap((name, at): Told[] => {
    const field = readAs(columns, at);
    const number = String(at + 1);
    // Its own word; of parts of a name it is always said.
    if (field) return plain(cells[at]!) === field && !field.includes(" ") ? [] : [{ what: "read_as", gaps: { name, field } }];
    return [name ? { what: "column", gaps: { name, number } } : { what: "nameless", gaps: { number } }];
  });
  return { columns, notes };
}

function readAs(columns: Columns, at: number): string | null {
  const field = (["id", "contact", "weight", "key", "group"] as const).find((field) => columns[field] === at);
  if (field) return field;
  const part = columns.name.indexOf(at);
  if (part < 0) return null;
  return columns.name.length === 1 ? "name" : part === 0 ? "first name" : "last name";
}

/** What is said of the rows above a header: each has fewer cells with content than it, or an empty line between. */
function titles(rows: Row[], header: number): Told[] {
  const content = (row: Row) => row.cells.filter(Boolean).length;
  return rows.slice(0, header).map((row, at) => {
    if (row.torn) throw new Unreadable(row.line, "quote");
    const apart = rows.slice(at + 1, header + 1).some((below) => below.after_blank);
    const likeVoter = row.cells.some((cell) => isAddress(cell) || isKey(cell));
    if (likeVoter || !(apart || content(row) < content(rows[header]!))) throw new Unreadable(row.line, "above", { header: String(rows[header]!.line) });
    return { what: "title", gaps: { line: String(row.line), text: shown(row.cells.filter(Boolean).join(" ")) } };
  });
}

// The rows

const isKey = (text: string) => /^[0-9a-f]{64}$/i.test(text);

/** A plain check: one `@`, something before it, and behind it names with points between, none of it with spaces. */
function isAddress(text: string): boolean {
  const at = text.indexOf("@");
  const [local, domain] = [text.slice(0, at), text.slice(at + 1)];
  const dotted = (part: string) => part.split(".").every(Boolean);
  return at >= 0 && dotted(local) && dotted(domain) && domain.includes(".") && !/[\p{White_Space}@,;:<>()[\]\\"]/u.test(local + domain);
}

/** The beginning of a field: enough to find it, not enough to give away a secret in the wrong column. */
function excerpt(text: string, most = 12): string {
  const letters = [...text];
  return clean(letters.slice(0, most).join("") + (letters.length > most ? "\u2026" : ""));
}

/** A text of a list: UTF-8 or UTF-16, separated by commas, semicolons or tabs, with a header among its first lines. */
export function readList(input: Uint8Array | string, weighted: boolean): VoterList {
  try {
    const { text, utf16 } = typeof input === "string" ? { text: input, utf16: false } : decode(input);
    // DOS ended its files with a sign.
    const list = readText(text.replace(/^\ufeff/, "").replace(/\x1a$/, ""), weighted);
    if (utf16) list.notes.unshift({ what: "utf16", gaps: {} });
    return list;
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    const { line, what, gaps } = error;
    return { people: [], faults: [{ line, what, gaps }], notes: [] };
  }
}

/** How the fields of a text are separated: so that the header has most words that are known, and then most columns. */
function likely(text: string): string {
  let best = { known: 0, columns: 0, separator: SEPARATORS[0]! };
  for (const separator of SEPARATORS) {
    const rows = [...first(HEADER_ROWS, filled(records(text, separator)))];
    const { at, known } = headerAmong(rows);
    const columns = rows[at]?.cells.length ?? 0;
    if (known > best.known || (known === best.known && columns > best.columns)) best = { known, columns, separator };
  }
  return best.separator;
}

function readText(text: string, weighted: boolean): VoterList {
  const stated = statedSeparator(text);
  const separator = stated?.separator ?? likely(text);
  const rows = () => filled(stated ? records(text, separator, stated.start, 2) : records(text, separator));
  const ahead = [...first(HEADER_ROWS, rows())];
  const top = ahead[0];
  if (!top) throw new Unreadable(1, "empty");
  const { at, known } = headerAmong(ahead);
  if (!known) throw new Unreadable(top.line, "no_header", { first: String(top.line), found: top.cells.slice(0, 6).map((cell) => excerpt(cell)).join(", ") });
  const above = titles(ahead, at);
  const header = ahead[at]!;
  const { columns, notes } = readHeader(header);
  const table = new Table(columns, header, separator, weighted);
  let number = 0;
  for (const row of rows()) {
    if (number++ > at) table.take(row);
    if (number - at > PEOPLE_MAX + 1) throw new Unreadable(row.line, "many");
  }
  if (number === at + 1) throw new Unreadable(header.line, "no_voters");
  const faults = [...table.faults, ...table.repeated].sort((a, b) => a.line - b.line);
  return { people: table.people, faults, notes: [...above, ...notes, ...table.counted()] };
}

interface Namesakes { first: number; ids: boolean; contacts: boolean; keys: boolean }

/** The rows of a list below its header. */
class Table {
  readonly people: Person[] = [];
  readonly faults: RollFault[] = [];
  readonly repeated: RollFault[] = [];
  private noWeight = 0;
  private noContact: number[] = [];
  private noAddress: number[] = [];
  private readonly keys = new Map<string, number>();
  private readonly ids = new Map<string, number>();
  private readonly contacts = new Map<string, number>();
  private readonly names = new Map<string, Namesakes>();

  constructor(private readonly columns: Columns, private readonly header: Row, private readonly separator: string, private readonly weighted: boolean) {}

  take(row: Row): void {
    const { line } = row;
    const bad = row.torn ? { what: "quote", gaps: {} } : this.shape(row);
    if (bad) return void this.faults.push({ line, ...bad });
    const found: Told[] = [];
    const person = this.person(row, found);
    if (found.length) return void this.faults.push(...found.map((one) => ({ line, ...one })));
    if (this.columns.contact !== null && !person.contact) this.noContact.push(line);
    else if (person.contact && !isAddress(person.contact)) this.noAddress.push(line);
    const same = this.repeats(person, line);
    if (same.length) this.repeated.push(...same.map((what) => ({ line, ...what })));
    else this.people.push(person);
  }

  /** What is said once all rows are read. */
  counted(): Told[] {
    const several = (what: string, lines: number[]): Told[] => (lines.length ? [{ what, gaps: { rows: String(lines.length), first: String(lines[0]) } }] : []);
    const noWeight = this.noWeight ? [{ what: "no_weight", gaps: { rows: String(this.noWeight) } }] : [];
    return [...noWeight, ...several("no_contact", this.noContact), ...several("no_address", this.noAddress)];
  }

  /** Why a row cannot be read field by field. */
  private shape({ line, cells }: Row): Told | null {
    const { names } = this.columns;
    const again = cells.length === this.header.cells.length && cells.every((cell, at) => cell === this.header.cells[at]);
    // Or has nothing but words of headers.
    if (again || cells.filter(Boolean).every((cell) => cell.length <= WORD_MAX && KINDS.has(plain(cell)))) return { what: "header", gaps: {} };
    if (cells.length < names.length || cells.slice(names.length).some(Boolean)) return { what: "fields", gaps: { fields: String(cells.length), columns: String(names.length) } };
    let until = line;
    for (const [at, cell] of cells.entries()) {
      const lines = breaks(cell);
      until += lines;
      if (lines > 0 && this.isTorn(at, cell)) return { what: "line_break", gaps: { column: this.name(at), until: String(until) } };
    }
    return null;
  }

  /** Whether a field of several lines may well be several rows, between two quotes that do not belong together. */
  private isTorn(at: number, cell: string): boolean {
    const most = this.columns.names.length - 1;
    const likeRow = cell.split(/[\r\n]/).slice(1).some((part) => part.split(this.separator).length - 1 >= most);
    return likeRow || (readAs(this.columns, at) !== null && cell.includes(this.separator));
  }

  private name(at: number): string {
    return this.columns.names[at] || `column ${at + 1}`;
  }

  private person({ cells }: Row, found: Told[]): Person {
    const { columns } = this;
    const text = (at: number | null) => (at === null ? "" : this.text(at, cells[at] ?? "", found));
    const id = text(columns.id);
    let name = columns.name.map(text).filter(Boolean).join(" ");
    // What cannot be seen came with the clipboard.
    const contact = look(text(columns.contact));
    const group = text(columns.group);
    let key: string | null = null;
    if (columns.key === null && isKey(name)) {
      // In a list without a column for it, a name can be a key.
      key = name.toLowerCase();
      name = "";
    } else if (columns.key !== null) {
      const said = cells[columns.key] ?? "";
      if (isKey(said)) key = said.toLowerCase();
      else if (said) found.push({ what: "key", gaps: { found: excerpt(said) } });
    }
    if (!id && !name && !contact && !key && !found.length) found.push({ what: "nobody", gaps: {} });
    const apart = contact || key || (id && name);
    if (!apart && TOTALS.has(plain(name || id))) found.push({ what: "total", gaps: {} });
    const weight = this.weight(columns.weight === null ? "" : cells[columns.weight] ?? "", found);
    if (contact && !isAddress(contact) && (columns.email || contact.includes("@"))) found.push({ what: "address", gaps: { found: excerpt(contact, 40) } });
    return { id, name, contact, group, weight, key };
  }

  /** A field as it is shown. */
  private text(at: number, cell: string, found: Told[]): string {
    const text = oneSpace(unguarded(cell));
    const bytes = utf8ToBytes(text).length;
    if (bytes <= 1000 && /[\p{Cc}\u202a-\u202e\u2066-\u2069]/u.test(text)) {
      found.push({ what: "control", gaps: { column: this.name(at) } });
      return "";
    }
    if (!look(text) && bytes <= 1000) return "";
    if (bytes > FIELD_BYTES_MAX) {
      found.push({ what: "long", gaps: { column: this.name(at), bytes: String(bytes) } });
      return "";
    }
    return text;
  }

  private weight(text: string, found: Told[]): number {
    if (!text) {
      if (this.columns.weight !== null) this.noWeight++;
      return 1;
    }
    // Spreadsheets write 2 as 2.0 at times. Three zeros could be thousands.
    const weight = /^\d+(\.0{1,2})?$/.test(text) ? Number(text) : 0;
    if (weight < 1 || weight > WEIGHT_MAX) found.push({ what: "weight", gaps: { found: excerpt(text) } });
    else if (weight !== 1 && !this.weighted) found.push({ what: "unequal", gaps: { weight: String(weight) } });
    return weight;
  }

  /** As whom a row's voter was there before. */
  private repeats({ id, name, contact, key }: Person, line: number): Told[] {
    const before = (seen: Map<string, number>, value: string, what: string): Told[] => {
      const first = seen.get(value);
      if (first !== undefined) return [{ what, gaps: { first: String(first) } }];
      seen.set(value, line);
      return [];
    };
    const same = key ? before(this.keys, key, "same_key") : [];
    if (id) same.push(...before(this.ids, look(id), "same_id"));
    if (contact) same.push(...before(this.contacts, folded(contact), "same_contact"));
    if (!name || same.length) return same;
    const known = this.names.get(folded(name));
    if (!known) {
      this.names.set(folded(name), { first: line, ids: !!id, contacts: !!contact, keys: !!key });
      return [];
    }
    // Told apart by what all of the name have.
    if (!((known.ids && id) || (known.contacts && contact) || (known.keys && key))) return [{ what: "same_name", gaps: { first: String(known.first) } }];
    known.ids &&= !!id;
    known.contacts &&= !!contact;
    known.keys &&= !!key;
    return [];
  }
}
