// The page stays small: everything together, compressed as a server would.
import { readFileSync, readdirSync } from "node:fs";
import { gzipSync } from "node:zlib";

const most = 128_000;
const sizes = readdirSync("../dist").map(
  (name) => gzipSync(readFileSync(`../dist/${name}`)).length,
);
const total = sizes.reduce((a, b) => a + b, 0);
console.log(`${total} bytes compressed; at most ${most}`);
if (total > most) process.exit(1);
