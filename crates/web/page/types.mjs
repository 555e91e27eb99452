// The types of what the server answers, made of docs/schemas/api.schema.json: `node types.mjs write` writes them, without it they are looked at.

import { readFileSync, writeFileSync } from "node:fs";
import { compile } from "json-schema-to-typescript";

const FILE = new URL("src/said.ts", import.meta.url);
const read = JSON.parse(
  readFileSync(new URL("../../../docs/schemas/api.schema.json", import.meta.url), "utf8"),
);

/** Without words: they are in the schema, and beside a reference they would make of one type several. */
function bare(schema, isSchema = true) {
  if (typeof schema !== "object" || schema === null) return schema;
  if (Array.isArray(schema)) return schema.map((one) => bare(one));
  const members = Object.entries(schema).filter(([name]) => !isSchema || name !== "description");
  return Object.fromEntries(
    members.map(([name, value]) => [
      name,
      bare(value, !isSchema || !["properties", "$defs"].includes(name)),
    ]),
  );
}

const types = await compile(bare(read), "Api", {
  bannerComment: "// What the server answers; made by types.mjs.",
  ignoreMinAndMaxItems: true,
  style: { printWidth: 160 },
});
if (process.argv[2] === "write") writeFileSync(FILE, types);
else if (readFileSync(FILE, "utf8") !== types) {
  console.error("src/said.ts is not what docs/schemas/api.schema.json says: node types.mjs write");
  process.exit(1);
}
