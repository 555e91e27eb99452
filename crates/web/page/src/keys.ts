// Keys of voters and organisers. They never leave the page: kept in this browser, or in memory alone.

import { bytesToHex, hexToBytes, publicKey } from "./encoding/ledger";

export interface Key {
  name: string;
  seed: Uint8Array;
  key: string;
}

const made = (name: string, seed: Uint8Array): Key => ({ name, seed, key: publicKey(seed) });

function kept(what: string, chain: string): Key | null {
  const found = localStorage.getItem(`${what}:${chain}`);
  if (!found) return null;
  const { name, seed } = JSON.parse(found) as { name: string; seed: string };
  return made(name, hexToBytes(seed));
}

function keep(what: string, chain: string, key: Key): Key {
  localStorage.setItem(`${what}:${chain}`, JSON.stringify({ name: key.name, seed: bytesToHex(key.seed) }));
  return key;
}

/** The voter who is signed in in this browser. */
export const voter = (chain: string) => kept("voter", chain);

/** Signs in with a seed, or a new one for a name; `remember` keeps it in this browser. */
export function signIn(chain: string, name: string, seed: Uint8Array | null, remember: boolean): Key {
  const key = made(name, seed ?? crypto.getRandomValues(new Uint8Array(32)));
  return remember ? keep("voter", chain, key) : key;
}

export const signOut = (chain: string) => localStorage.removeItem(`voter:${chain}`);

/** The key that this browser organises elections with; made when it is needed. */
export const organiser = (chain: string): Key =>
  kept("organiser", chain) ?? keep("organiser", chain, made("organiser", crypto.getRandomValues(new Uint8Array(32))));

/** Whether this browser has the key that created an election. */
export const organises = (chain: string, key: string): boolean => kept("organiser", chain)?.key === key;

/** The seed in a key file: 64 hexadecimal digits. */
export const readKeyFile = (text: string): Uint8Array | null => (/^[0-9a-f]{64}$/i.test(text.trim()) ? hexToBytes(text.trim().toLowerCase()) : null);
