// Writes catalogue.json from the server's own list of tools.
//
//   node scripts/catalogue.mjs PATH-TO-MCPIST            writes it
//   node scripts/catalogue.mjs PATH-TO-MCPIST --check    fails if it is stale
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";

const [binary = "mcpist", check] = process.argv.slice(2);
const file = new URL("../catalogue.json", import.meta.url);

const { modules } = JSON.parse(
  execFileSync(binary, ["tools", "--json"], { encoding: "utf8", maxBuffer: 64 << 20 }),
);
const entries = modules.map(({ module, description, tools }) => ({
  module,
  description,
  tools: tools.map(({ name, description, annotations = {} }) => ({
    tool: name.slice(module.length + 1),
    description,
    read_only: annotations.readOnlyHint === true,
    destructive: annotations.readOnlyHint !== true && annotations.destructiveHint !== false,
  })),
}));
const text = `${JSON.stringify(entries, null, 1)}\n`;

if (check === "--check") {
  if (readFileSync(file, "utf8") !== text) {
    console.error(
      "admin/catalogue.json is stale: run `node admin/scripts/catalogue.mjs target/debug/mcpist`.",
    );
    process.exit(1);
  }
} else {
  writeFileSync(file, text);
}
