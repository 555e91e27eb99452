// Values that were read, as what they should be. Whatever is of another shape is refused.

import { bytesToHex } from "@noble/hashes/utils.js";
import { Malformed, Struct, type Value } from "./cbor";

export const U16 = 0xffff;
export const U32 = 0xffffffff;

const refuse = (what: string): never => {
  throw new Malformed(what);
};

/** The fields of a struct, if it has so many. */
export function struct(value: Value, count: number): Value[] {
  return longer(value, count, 0) as Value[];
}

/** As `struct`, of some fields more that are left out if they say nothing. */
export function longer(value: Value, count: number, more = 1): (Value | undefined)[] {
  const fields = value instanceof Struct ? value.fields : [];
  const whole = fields.slice(0, count).every((field) => field !== undefined);
  return fields.length >= count && fields.length <= count + more && whole
    ? fields
    : refuse(`a struct of ${count} fields is expected`);
}

export function array(value: Value): Value[] {
  return Array.isArray(value) ? value : refuse("an array is expected");
}

/** The number of an enum's variant, and its content if it has any. */
export function variant(value: Value): [number, Value | undefined] {
  if (typeof value === "number") return [value, undefined];
  const [number, content, more] = array(value);
  return typeof number === "number" && content !== undefined && more === undefined
    ? [number, content]
    : refuse("an enum is expected");
}

/** A number that is at most so large. */
export function uint(value: Value, max: number): number {
  return typeof value === "number" && value <= max
    ? value
    : refuse(`a number of at most ${max} is expected`);
}

/** Any number; exact. */
export function u64(value: Value): number | bigint {
  return typeof value === "number" || typeof value === "bigint"
    ? value
    : refuse("a number is expected");
}

/** A time in milliseconds. Those that no calendar has are not exact: they are only shown. */
export const time = (value: Value): number => Number(u64(value));

export function bool(value: Value): boolean {
  return typeof value === "boolean" ? value : refuse("true or false is expected");
}

export function text(value: Value): string {
  return typeof value === "string" ? value : refuse("a text is expected");
}

export function bytes(value: Value): Uint8Array {
  return value instanceof Uint8Array ? value : refuse("bytes are expected");
}

/** A hash or a key, in hexadecimal. */
export function hex32(value: Value): string {
  const found = bytes(value);
  return found.length === 32 ? bytesToHex(found) : refuse("32 bytes are expected");
}

export const optional = <T>(value: Value, read: (value: Value) => T): T | null =>
  value === null ? null : read(value);

/** The name of a variant that has no content. */
export function named<T>(value: Value, names: readonly T[]): T {
  return names[uint(value, names.length - 1)] ?? refuse("an enum without content is expected");
}
