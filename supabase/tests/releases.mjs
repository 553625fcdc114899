// Tests upgrades: an installation of any release becomes one of this version and keeps its data.
//
// releases/<version>.sql belongs to a release: its first line names the release's last migration, and the rest inserts data as users of
// that release would have. `unreleased.sql` is for the next version and is copied when a release is made. After the upgrade,
// releases/check.sql must hold for all of them.
import { cpSync, globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { migrate, repository } from "./stack/migrate.mjs";
import { bootstrap, execute } from "./stack/postgres.mjs";

const here = path.join(import.meta.dirname, "releases");
const project = path.join(repository, "supabase");

// An old catalogue: a tool that still exists, one that does not, and an operator's own module.
const tool = (name) => ({ tool: name, description: "", read_only: true, destructive: false });
const module = (name, ...tools) => ({
  module: name,
  title: name,
  description: "",
  api_version: "1",
  tools: tools.map(tool),
});
const offered = { modules: [module("github", "get_me", "retired"), module("own", "ask")] };
const CATALOGUE = `select public.sync_catalogue('${JSON.stringify(offered)}');\n`;

/// Upgrades each release's database to this version.
export async function testReleases({ postgres, directory }) {
  const check = readFileSync(path.join(here, "check.sql"), "utf8");
  const names = [];
  for (const file of globSync(path.join(here, "*.sql"))
    .filter((file) => path.basename(file) !== "check.sql")
    .sort()) {
    const name = path.basename(file, ".sql");
    const data = readFileSync(file, "utf8");
    const last = /^-- last migration: (\d{14})/.exec(data)?.[1];
    if (!last) throw new Error(`${name}.sql does not begin with \`-- last migration: <version>\`.`);
    const database = `release_${name.replace(/\W/g, "_")}`;
    const [url, admin] = [
      postgres.url("postgres", database),
      postgres.url("supabase_admin", database),
    ];
    await execute(postgres.url("supabase_admin"), `create database ${database}`);
    await bootstrap(admin);
    const old = path.join(directory, database);
    mkdirSync(path.join(old, "supabase/migrations"), { recursive: true });
    cpSync(path.join(project, "config.toml"), path.join(old, "supabase/config.toml"));
    writeFileSync(path.join(old, "supabase/catalogue.sql"), CATALOGUE);
    for (const migration of globSync(path.join(project, "migrations/*.sql"))) {
      if (path.basename(migration).slice(0, 14) <= last)
        cpSync(migration, path.join(old, "supabase/migrations", path.basename(migration)));
    }
    await migrate(url, directory, old);
    await execute(url, data);
    await migrate(url, directory);
    const results = await execute(url, check);
    const wrong = results.flatMap(({ rows }) => rows).filter((row) => !row.holds);
    if (wrong.length > 0)
      throw new Error(`from ${name}: ${wrong.map((row) => row.what).join(", ")}`);
    names.push(name);
  }
  return `from ${names.join(", ")}`;
}
