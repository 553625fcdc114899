// Reports the conformance suite's results in a folder: one line per scenario, followed by the checks that did not pass.
// Usage: report.mjs FOLDER NOT_OFFERED, a regular expression of scenarios to leave out. Fails on anything but success,
// warnings (what a server SHOULD do) included.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const [folder, notOffered] = process.argv.slice(2);
const scenarios = readdirSync(folder)
  .map((directory) => [directory, directory.match(/^server-(.+)-\d{4}-\d\d-\d\dT[\d-]+Z$/)?.[1]])
  .filter(([, name]) => name && !name.match(notOffered));
let failed = 0;
for (const [directory, name] of scenarios) {
  const file = join(folder, directory, "checks.json");
  const checks = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : [];
  const wrong = checks.filter(({ status }) => status === "FAILURE" || status === "WARNING");
  const passed = checks.filter(({ status }) => status === "SUCCESS").length;
  const good = wrong.length === 0 && passed > 0;
  failed += good ? 0 : 1;
  console.log(`  ${good ? "ok  " : "FAIL"} ${name} (${passed} passed)`);
  for (const { id, status, errorMessage } of wrong)
    console.log(`       ${status} ${id}: ${errorMessage}`);
}
console.log(`  ${scenarios.length - failed} of ${scenarios.length} scenarios pass`);
process.exit(failed > 0 || scenarios.length === 0 ? 1 : 0);
