// Tests the control plane on its own stack; scripts/test-hosted.sh runs it. Arguments select parts: catalogue, releases, database,
// functions, server (everything, with the real mcpist). Without arguments all parts run.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import { testReleases } from "./releases.mjs";
import { testServer } from "./server.mjs";
import { bin } from "./stack/migrate.mjs";
import { loadPgtap } from "./stack/pgtap.mjs";
import { execute } from "./stack/postgres.mjs";
import { run } from "./stack/process.mjs";
import { up } from "./stack.mjs";

const here = import.meta.dirname;
const seconds = (since) => `${((performance.now() - since) / 1000).toFixed(1)} s`;

const PARTS = {
  catalogue: async () => {
    await run(process.execPath, [path.join(here, "../catalogue.mjs"), "--check"]);
    return "catalogue.sql matches the module files";
  },
  releases: async (stack) => await testReleases(stack),
  database: testDatabase,
  functions: testFunctions,
  server: testServer,
};

/// Runs every *_test.sql in a transaction that is rolled back.
async function testDatabase({ postgres }) {
  const [url, admin] = [postgres.url("postgres"), postgres.url("supabase_admin")];
  await loadPgtap(admin);
  await execute(url, readFileSync(path.join(here, "database/helpers.sql"), "utf8"));
  let passed = 0;
  const failures = [];
  for (const file of globSync(path.join(here, "database/*_test.sql")).sort()) {
    const name = path.basename(file);
    try {
      const results = await execute(
        url,
        `set search_path = public, extensions; ${readFileSync(file, "utf8")}`,
      );
      const lines = results.flatMap(({ rows, fields }) =>
        fields?.length === 1 ? rows.map((row) => String(Object.values(row)[0])) : [],
      );
      const tap = lines.flatMap((line) => line.split("\n"));
      passed += tap.filter((line) => line.startsWith("ok ")).length;
      failures.push(
        ...tap.filter((line) => /^(not ok|#)/.test(line)).map((line) => `${name}: ${line}`),
      );
    } catch (error) {
      failures.push(`${name}: ${error.message}${error.where ? ` (${error.where})` : ""}`);
    }
  }
  await execute(admin, "drop schema tests cascade");
  if (failures.length > 0) throw new Error(failures.join("\n"));
  return `${passed} tests`;
}

async function testFunctions({ facts }) {
  const functions = path.join(here, "../functions");
  const deno = (args, cwd) =>
    run(bin("deno"), args, { cwd, env: { ...process.env, NO_COLOR: "1" } });
  for (const file of globSync(path.join(functions, "*/index.ts"))) {
    await deno(["check", "--no-lock", "index.ts"], path.dirname(file));
    await deno(["lint", "."], path.dirname(file));
  }
  const child = spawn(bin("deno"), ["test", "--no-lock", "--allow-all", "--quiet", "."], {
    cwd: path.join(here, "functions"),
    env: { ...process.env, STACK: JSON.stringify(facts), NO_COLOR: "1" },
    stdio: "inherit",
  });
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error("see above");
  return "see above";
}

const chosen = process.argv.slice(2).length > 0 ? process.argv.slice(2) : Object.keys(PARTS);
const begun = performance.now();
const summary = [];
const stack = await up();
summary.push(`stack        up in ${seconds(begun)}`);
try {
  for (const name of chosen) {
    const since = performance.now();
    try {
      summary.push(`${name.padEnd(12)} passed: ${await PARTS[name](stack)} (${seconds(since)})`);
    } catch (error) {
      summary.push(`${name.padEnd(12)} FAILED (${seconds(since)})\n${error.message}`);
      process.exitCode = 1;
    }
  }
} finally {
  await stack.stop();
}
console.log(`\n${summary.join("\n")}\nall in ${seconds(begun)}`);
