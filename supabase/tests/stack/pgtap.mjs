// pgTAP is only packaged by Debian; its SQL files work with any PostgreSQL version.
import { existsSync, globSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { execute } from "./postgres.mjs";
import { run } from "./process.mjs";

const CACHE = fileURLToPath(new URL("../node_modules/.cache/pgtap", import.meta.url));
const FILE = "usr/share/postgresql/*/extension/pgtap--?.?.?.sql";

/// Loads pgTAP into a database.
export async function loadPgtap(url) {
  const [file] = [...globSync(`/${FILE}`), ...globSync(path.join(await cached(), FILE))];
  const sql = readFileSync(file, "utf8").replace(/^\\.*$/gm, "");
  await execute(
    url,
    `set search_path = extensions; ${sql}; grant execute on all functions in schema extensions to public;`,
  );
}

async function cached() {
  if (existsSync(CACHE) || globSync(`/${FILE}`).length > 0) return CACHE;
  const search = async () =>
    /^postgresql-\d+-pgtap/m.exec(
      await run("apt-cache", ["search", "--names-only", "^postgresql-[0-9]+-pgtap$"]),
    )?.[0];
  let name = await search();
  if (!name && process.getuid() === 0) {
    await run("apt-get", ["update", "-qq"]);
    name = await search();
  }
  if (!name)
    throw new Error("apt offers no postgresql-NN-pgtap: run `apt-get update`, or install pgTAP.");
  const folder = `${CACHE}.${process.pid}`;
  mkdirSync(folder, { recursive: true });
  await run("apt-get", ["download", name], { cwd: folder });
  const [archive] = globSync(path.join(folder, "*.deb"));
  await run("dpkg-deb", ["-x", archive, folder]);
  rmSync(archive);
  renameSync(folder, CACHE);
  return CACHE;
}
