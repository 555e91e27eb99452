// The one canonical encoding (docs/protocol.md, section 1): what the ledger signs and hashes. Only what transactions need, and only writing.

/** A struct: its fields in order, numbered from 0. */
export class Struct {
  constructor(readonly fields: Value[]) {}
}

export type Value = number | bigint | string | boolean | null | Uint8Array | Value[] | Struct;

function head(major: number, length: number | bigint): number[] {
  const n = BigInt(length);
  if (n < 0n || n >= 1n << 64n) throw new RangeError(`${length} is not a number that the ledger knows`);
  const first = major << 5;
  if (n < 24n) return [first | Number(n)];
  const sizes: [bigint, number][] = [[1n << 8n, 1], [1n << 16n, 2], [1n << 32n, 4], [1n << 64n, 8]];
  const at = sizes.findIndex(([limit]) => n < limit);
  const bytes = sizes[at]![1];
  const out = [first | (24 + at)];
  for (let shift = bytes - 1; shift >= 0; shift--) out.push(Number((n >> BigInt(8 * shift)) & 0xffn));
  return out;
}

function push(out: number[], more: ArrayLike<number>): void {
  for (let at = 0; at < more.length; at++) out.push(more[at]!);
}

function write(out: number[], value: Value): void {
  if (value === null) out.push(0xf6);
  else if (typeof value === "boolean") out.push(value ? 0xf5 : 0xf4);
  else if (typeof value === "number" || typeof value === "bigint") push(out, head(0, value));
  else if (typeof value === "string") {
    const text = new TextEncoder().encode(value);
    push(out, head(3, text.length));
    push(out, text);
  } else if (value instanceof Uint8Array) {
    push(out, head(2, value.length));
    push(out, value);
  } else if (value instanceof Struct) {
    push(out, head(5, value.fields.length));
    value.fields.forEach((field, number) => {
      push(out, head(0, number));
      write(out, field);
    });
  } else {
    push(out, head(4, value.length));
    value.forEach((item) => write(out, item));
  }
}

export function encode(value: Value): Uint8Array {
  const out: number[] = [];
  write(out, value);
  return Uint8Array.from(out);
}
