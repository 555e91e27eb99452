// Codes that people type: voter codes, which are secret, and trackers, which are not. 16 bytes and a checksum of 4, in Crockford's base32.

import { sha256 } from "@noble/hashes/sha2.js";
import { concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import { entropyToMnemonic, mnemonicToEntropy } from "@scure/bip39";
import { wordlist } from "@scure/bip39/wordlists/english.js";
import { bytesToHex, hexToBytes } from "./ledger";

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const TAGS = { code: "blockchain-voting voter code", tracker: "blockchain-voting tracker" };
type Kind = keyof typeof TAGS;

const checksum = (kind: Kind, payload: Uint8Array) => sha256(concatBytes(utf8ToBytes(TAGS[kind]), payload)).slice(0, 4);

function show(kind: Kind, payload: Uint8Array): string {
  let bits = 0n;
  for (const byte of concatBytes(payload, checksum(kind, payload))) bits = (bits << 8n) | BigInt(byte);
  let text = "";
  for (let at = 31; at >= 0; at--) text += ALPHABET[Number((bits >> BigInt(5 * at)) & 31n)];
  return text.replace(/(.{4})(?!$)/g, "$1-");
}

/** The 16 bytes of a code; none if it is mistyped, or of the other kind. */
function read(kind: Kind, text: string): Uint8Array | null {
  const plain = text.toUpperCase().replace(/^VOTE-(CODE|TRACKER):/, "").replace(/[\s-]/g, "").replace(/[IL]/g, "1").replace(/O/g, "0");
  if (plain.length !== 32 || [...plain].some((c) => !ALPHABET.includes(c))) return null;
  let bits = 0n;
  for (const character of plain) bits = (bits << 5n) | BigInt(ALPHABET.indexOf(character));
  const bytes = hexToBytes(bits.toString(16).padStart(40, "0"));
  const payload = bytes.slice(0, 16);
  return bytesToHex(checksum(kind, payload)) === bytesToHex(bytes.slice(16)) ? payload : null;
}

/** The seed of the key that a voter code stands for; none if the code is mistyped. */
export function codeSeed(text: string): Uint8Array | null {
  const payload = read("code", text);
  return payload && sha256(concatBytes(utf8ToBytes("blockchain-voting voter seed"), payload));
}

export const newCode = (): string => show("code", crypto.getRandomValues(new Uint8Array(16)));

export const codeQr = (code: string): string => `VOTE-CODE:${code.replaceAll("-", "")}`;

const beginning = (ballot: string) => hexToBytes(ballot.slice(0, 32));

export const tracker = (ballot: string): string => show("tracker", beginning(ballot));

export const trackerWords = (ballot: string): string => entropyToMnemonic(beginning(ballot), wordlist);

export const trackerQr = (ballot: string): string => `VOTE-TRACKER:${tracker(ballot).replaceAll("-", "")}`;

/** The beginning of the ballot's id, in hexadecimal, from a tracker in any form; none if it is none. */
export function readTracker(text: string): string | null {
  const payload = read("tracker", text);
  if (payload) return bytesToHex(payload);
  try {
    return bytesToHex(mnemonicToEntropy(text.trim().toLowerCase().split(/[\s,]+/).join(" "), wordlist)).padStart(32, "0");
  } catch {
    return null;
  }
}
