// Codes that people type: voter codes, which are secret, and trackers, which are not. 16 bytes and
// a checksum of 4, in Crockford's base32.

import { sha256 } from "@noble/hashes/sha2.js";
import { concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import { entropyToMnemonic, mnemonicToEntropy } from "@scure/bip39";
import { wordlist } from "@scure/bip39/wordlists/english.js";
import { bytesToHex, hexToBytes } from "./ledger";

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const TAGS = { code: "blockchain-voting voter code", tracker: "blockchain-voting tracker" };
type Kind = keyof typeof TAGS;

const checksum = (kind: Kind, payload: Uint8Array) =>
  sha256(concatBytes(utf8ToBytes(TAGS[kind]), payload)).slice(0, 4);

function show(kind: Kind, payload: Uint8Array): string {
  let bits = 0n;
  for (const byte of concatBytes(payload, checksum(kind, payload)))
    bits = (bits << 8n) | BigInt(byte);
  let text = "";
  for (let at = 31; at >= 0; at--) text += ALPHABET[Number((bits >> BigInt(5 * at)) & 31n)];
  return text.replace(/(.{4})(?!$)/g, "$1-");
}

/** Why a text is no code. Places count from 1. */
export type Fault =
  | { fault: "length"; n: number }
  | { fault: "character"; character: string; place: number; group: number }
  | { fault: "checksum" | "other" | "word_checksum" }
  | { fault: "word"; word: string; n: number }
  | { fault: "word_count"; n: number };

const PREFIX = { code: "VOTE-CODE:", tracker: "VOTE-TRACKER:" };

/** The 16 bytes of a code, however it is typed. */
function read(kind: Kind, text: string): Uint8Array | Fault {
  const other: Kind = kind === "code" ? "tracker" : "code";
  const trimmed = text.trim().toUpperCase();
  if (trimmed.startsWith(PREFIX[other])) return { fault: "other" };
  // Word processors make other dashes.
  const typed = [...trimmed.replace(PREFIX[kind], "")].filter(
    (c) => !/[\s\-\u2010-\u2015\u2212]/.test(c),
  );
  const plain = typed.map((c) => (c === "I" || c === "L" ? "1" : c === "O" ? "0" : c));
  const bad = plain.findIndex((c) => !ALPHABET.includes(c));
  if (bad >= 0)
    return {
      fault: "character",
      character: typed[bad]!,
      place: bad + 1,
      group: Math.floor(bad / 4) + 1,
    };
  if (plain.length !== 32) return { fault: "length", n: plain.length };
  let bits = 0n;
  for (const character of plain) bits = (bits << 5n) | BigInt(ALPHABET.indexOf(character));
  const bytes = hexToBytes(bits.toString(16).padStart(40, "0"));
  const [payload, said] = [bytes.slice(0, 16), bytesToHex(bytes.slice(16))];
  if (bytesToHex(checksum(kind, payload)) === said) return payload;
  return { fault: bytesToHex(checksum(other, payload)) === said ? "other" : "checksum" };
}

const seedOf = (payload: Uint8Array) =>
  sha256(concatBytes(utf8ToBytes("blockchain-voting voter seed"), payload));

/** The seed of the key that a voter code stands for. */
export function codeSeed(text: string): Uint8Array | Fault {
  const payload = read("code", text);
  return payload instanceof Uint8Array ? seedOf(payload) : payload;
}

/**
 * Whether a text is a voter code or may be one with a slip in it: a secret that must not be sent anywhere. A tracker that holds is none, nor are
 * the digits of a hash; of the 32 characters of a code some ten are digits.
 */
export function mayBeVoterCode(text: string): boolean {
  if (/^\s*vote-code:/i.test(text) || codeSeed(text) instanceof Uint8Array) return true;
  const parts = text.split(/[\s\-\u2010-\u2015\u2212]+/);
  // Words that people search for are longer than the groups of a code.
  if (parts.some((part) => part.length < 29 && /^[a-z]{6,}$/i.test(part))) return false;
  const plain = parts.join("");
  const shaped =
    /^[0-9a-z]{29,35}$/i.test(plain) &&
    !/^[0-9a-f]+$/i.test(plain) &&
    plain.replace(/\D/g, "").length >= 3;
  return shaped && !(read("tracker", text) instanceof Uint8Array);
}

/** Whether a voter code stands anywhere in a text, also between other words. */
export function holdsVoterCode(text: string): boolean {
  const typed = text.toUpperCase().replace(/[\s\-\u2010-\u2015\u2212]/g, "");
  for (const [run] of typed.matchAll(/[0-9A-TV-Z]{32,}/g))
    for (let at = 0; at + 32 <= run.length; at++)
      if (codeSeed(run.slice(at, at + 32)) instanceof Uint8Array) return true;
  return false;
}

export const showCode = (payload: Uint8Array): string => show("code", payload);

/** A new voter code, and the seed of its key. */
export function newCode(): { code: string; seed: Uint8Array } {
  const payload = crypto.getRandomValues(new Uint8Array(16));
  return { code: showCode(payload), seed: seedOf(payload) };
}

export const codeQr = (code: string): string => `VOTE-CODE:${code.replaceAll("-", "")}`;

const beginning = (ballot: string) => hexToBytes(ballot.slice(0, 32));

export const tracker = (ballot: string): string => show("tracker", beginning(ballot));

export const trackerWords = (ballot: string): string =>
  entropyToMnemonic(beginning(ballot), wordlist);

export const trackerQr = (ballot: string): string =>
  `VOTE-TRACKER:${tracker(ballot).replaceAll("-", "")}`;

/** Whether somebody meant words: most are in the list, or letters alone and longer than a group. */
function meansWords(words: string[]): boolean {
  const likely = words.filter(
    (word) => wordlist.includes(word) || (word.length > 4 && /^\p{L}+$/u.test(word)),
  );
  return words.length > 0 && likely.length * 2 >= words.length;
}

/** The beginning of the ballot's id, in hexadecimal, from a tracker in any form. */
export function readTracker(text: string): string | Fault {
  const payload = read("tracker", text);
  if (payload instanceof Uint8Array) return bytesToHex(payload);
  const words = text
    .toLowerCase()
    .split(/[\s,]+/)
    .filter(Boolean);
  if (payload.fault === "other" || !meansWords(words)) return payload;
  const unknown = words.findIndex((word) => !wordlist.includes(word));
  if (unknown >= 0) return { fault: "word", word: words[unknown]!.slice(0, 40), n: unknown + 1 };
  if (words.length !== 12) return { fault: "word_count", n: words.length };
  try {
    return bytesToHex(mnemonicToEntropy(words.join(" "), wordlist));
  } catch {
    return { fault: "word_checksum" };
  }
}
