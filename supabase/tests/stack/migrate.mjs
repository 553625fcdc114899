// Applies migrations like a deployment: with the Supabase CLI.

import path from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "./process.mjs";

export const repository = fileURLToPath(new URL("../../..", import.meta.url));
export const bin = (name) =>
  fileURLToPath(new URL(`../node_modules/.bin/${name}`, import.meta.url));

/// Applies the missing migrations to a database, then the catalogue. `project` contains the folder supabase/.
export async function migrate(url, home, project = repository) {
  const env = {
    PATH: process.env.PATH,
    HOME: home,
    DO_NOT_TRACK: "1",
    SUPABASE_TELEMETRY_DISABLED: "1",
    CONSOLE_URL: "http://localhost:3000",
  };
  const supabase = (...args) =>
    run(
      bin("supabase"),
      [...args, `--remote=${url}`, "--yes", "--agent", "no", "--workdir", path.resolve(project)],
      { env },
    );
  await supabase("db", "push", "--skip-vault");
  await supabase("db", "query", "--file", path.join(project, "supabase/catalogue.sql"));
}
