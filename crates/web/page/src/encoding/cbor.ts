// The one canonical encoding (docs/protocol.md, section 1): what the ledger signs and hashes,
// written and read.

/** A struct: its fields in order, numbered from 0. One that is left out is undefined, and keeps its number. */
export class Struct {
  constructor(readonly fields: (Value | undefined)[]) {}
}

/** No struct has more fields. */
const FIELDS_MAX = 32;

export type Value = number | bigint | string | boolean | null | Uint8Array | Value[] | Struct;

function head(major: number, length: number | bigint): number[] {
  const n = BigInt(length);
  if (n < 0n || n >= 1n << 64n)
    throw new RangeError(`${length} is not a number that the ledger knows`);
  const first = major << 5;
  if (n < 24n) return [first | Number(n)];
  const sizes: [bigint, number][] = [
    [1n << 8n, 1],
    [1n << 16n, 2],
    [1n << 32n, 4],
    [1n << 64n, 8],
  ];
  const at = sizes.findIndex(([limit]) => n < limit);
  const bytes = sizes[at]![1];
  const out = [first | (24 + at)];
  for (let shift = bytes - 1; shift >= 0; shift--)
    out.push(Number((n >> BigInt(8 * shift)) & 0xffn));
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
    push(out, head(5, value.fields.filter((field) => field !== undefined).length));
    value.fields.forEach((field, number) => {
      if (field === undefined) return;
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

/** Bytes that are not the canonical encoding of what they should be. */
export class Malformed extends Error {}

/** Arrays and maps within one another, at most; no transaction and no receipt has more. */
const DEPTH_MAX = 8;

/** Refuses bytes that are not UTF-8, and takes no mark at their beginning away. */
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

class Reader {
  private at = 0;

  constructor(private readonly bytes: Uint8Array) {}

  get left(): number {
    return this.bytes.length - this.at;
  }

  private take(length: number | bigint): Uint8Array {
    if (length > this.left) throw new Malformed("it ends too early");
    const from = this.at;
    this.at += Number(length);
    return this.bytes.subarray(from, this.at);
  }

  /** Major type and number of what comes next. */
  private head(): { major: number; n: number | bigint } {
    const first = this.take(1)[0]!;
    const major = first >> 5;
    const small = first & 31;
    if (small < 24) return { major, n: small };
    if (small > 27) throw new Malformed("lengths must be definite");
    const size = 1 << (small - 24);
    let n = 0n;
    for (const byte of this.take(size)) n = (n << 8n) | BigInt(byte);
    // What fits fewer bytes is written so.
    if (n < (size === 1 ? 24n : 1n << BigInt(4 * size)))
      throw new Malformed("a number is longer than it need be");
    return { major, n: n <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(n) : n };
  }

  value(depth: number): Value {
    const { major, n } = this.head();
    if (major === 0) return n;
    if (major === 2) return this.take(n).slice();
    if (major === 3) return this.text(n);
    if (major === 7 && n === 20) return false;
    if (major === 7 && n === 21) return true;
    if (major === 7 && n === 22) return null;
    if (major !== 4 && major !== 5) throw new Malformed("it has what the encoding does not know");
    if (depth === 0) throw new Malformed("it is too deep");
    // Each item takes a byte at least, so nothing is made room for that does not come.
    if (n > this.left) throw new Malformed("it ends too early");
    if (major === 5) return this.struct(n, depth);
    const items: Value[] = [];
    for (let number = 0; number < n; number++) items.push(this.value(depth - 1));
    return items;
  }

  private struct(count: number | bigint, depth: number): Struct {
    const fields: (Value | undefined)[] = [];
    for (let read = 0; read < count; read++) {
      const { major, n } = this.head();
      if (major !== 0 || n < fields.length || n >= FIELDS_MAX)
        throw new Malformed("fields are not numbered in order");
      while (fields.length < n) fields.push(undefined);
      fields.push(this.value(depth - 1));
    }
    return new Struct(fields);
  }

  private text(length: number | bigint): string {
    const bytes = this.take(length);
    try {
      return utf8.decode(bytes);
    } catch {
      throw new Malformed("a text is not UTF-8");
    }
  }
}

/** Reads bytes from outside; takes the canonical ones alone. Numbers that a double does not hold exactly are bigints. */
export function decode(bytes: Uint8Array): Value {
  const reader = new Reader(bytes);
  const value = reader.value(DEPTH_MAX);
  if (reader.left > 0) throw new Malformed("there are bytes after its end");
  const again = encode(value);
  if (again.length !== bytes.length || again.some((byte, at) => byte !== bytes[at]))
    throw new Malformed("it is not the canonical encoding");
  return value;
}
