// Keys of voters and organisers. They never leave the page but as a file that their owner asks for:
// kept in this browser for each chain, or in memory alone.

import type { Info } from "./api";
import { bytesToHex, hexToBytes, publicKey } from "./encoding/ledger";

export interface Key {
  name: string;
  seed: Uint8Array;
  key: string;
}

interface Kept {
  name: string;
  seed: string;
}

const made = (name: string, seed: Uint8Array): Key => ({ name, seed, key: publicKey(seed) });

function read<T>(where: string): T | null {
  try {
    return JSON.parse(localStorage.getItem(where) ?? "null") as T | null;
  } catch {
    return null;
  }
}

function kept(where: string): Key | null {
  const found = read<Kept>(where);
  const seed = found && readKeyFile(found.seed);
  return seed ? made(found.name, seed) : null;
}

function keep(where: string, key: Key): Key {
  localStorage.setItem(
    where,
    JSON.stringify({ name: key.name, seed: bytesToHex(key.seed) } satisfies Kept),
  );
  return key;
}

/** The voter who is signed in in this browser. */
export const voter = (chain: string) => kept(`voter:${chain}`);

/** Signs in with a seed, or by a name: with the key that this browser has for the name, or a new one. */
export function signIn(
  chain: string,
  name: string,
  seed: Uint8Array | null,
  remember: boolean,
): Key {
  const own = `name:${chain}:${name}`;
  const key = seed
    ? made(name, seed)
    : (kept(own) ?? made(name, crypto.getRandomValues(new Uint8Array(32))));
  if (remember) keep(`voter:${chain}`, key);
  // Who signs out and comes back is the same voter.
  if (remember && !seed) keep(own, key);
  return key;
}

export const knows = (chain: string, name: string): boolean =>
  kept(`name:${chain}:${name}`) !== null;

/** Signs out; `forget` takes the key of a name away too. */
export function signOut(chain: string, key: Key, forget: boolean): void {
  localStorage.removeItem(`voter:${chain}`);
  if (forget) localStorage.removeItem(`name:${chain}:${key.name}`);
}

/** The key that this browser organises elections with; made when it is needed. */
export const organiser = (chain: string): Key =>
  kept(`organiser:${chain}`) ?? setOrganiser(chain, crypto.getRandomValues(new Uint8Array(32)));

export const setOrganiser = (chain: string, seed: Uint8Array): Key =>
  keep(`organiser:${chain}`, made("organiser", seed));

/** Whether this browser has the key that created an election. */
export const organises = (chain: string, key: string): boolean =>
  kept(`organiser:${chain}`)?.key === key;

/** Whether an election that this browser creates would be taken. */
export const mayCreate = (info: Info, key = kept(`organiser:${info.chain}`)?.key): boolean =>
  info.takes_elections && (info.organisers === null || info.organisers.includes(key ?? ""));

/** The seed in a key file: 64 hexadecimal digits. */
export const readKeyFile = (text: string): Uint8Array | null =>
  /^[0-9a-f]{64}$/i.test(text.trim()) ? hexToBytes(text.trim().toLowerCase()) : null;

/** What a key file says. */
export const keyFile = (key: Key): string => `${bytesToHex(key.seed)}\n`;
