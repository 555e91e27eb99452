// Reads the ledger's encoding (docs/protocol.md, section 1), as far as transactions need it: structs become arrays, byte strings hexadecimal text.

export function decode(bytes) {
  let at = 0;
  const argument = (low) => {
    if (low < 24) return low;
    const size = 1 << (low - 24);
    let value = 0n;
    for (let n = 0; n < size; n++) value = (value << 8n) | BigInt(bytes[at++]);
    return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
  };
  const item = () => {
    const head = bytes[at++];
    if (head === undefined) throw new Error("cut short");
    if (head === 0xf4 || head === 0xf5) return head === 0xf5;
    if (head === 0xf6) return null;
    const [major, n] = [head >> 5, argument(head & 31)];
    const piece = () => bytes.subarray(at, (at += n));
    if (major === 0) return n;
    if (major === 2) return Buffer.from(piece()).toString("hex");
    if (major === 3) return Buffer.from(piece()).toString("utf8");
    if (major === 4) return Array.from({ length: n }, item);
    if (major === 5) return Array.from({ length: n }, () => (item(), item()));
    throw new Error(`not of the ledger: ${head}`);
  };
  const value = item();
  if (at !== bytes.length) throw new Error("more than one value");
  return value;
}
