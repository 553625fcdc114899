// Restores a backup into a new project, which has the migrations and no users.
//
//   SUPABASE_DB_URL  node restore.mjs FILE IDENTITY
//
// IDENTITY is the file with age's secret key. The restore is one transaction.
import { createReadStream } from "node:fs";
import { access } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { environment, main, Stop } from "./http.mjs";
import { connection, program, together } from "./postgres.mjs";

// Without the commit at the end everything is rolled back.
const BEFORE = `
begin;
do $$
declare
  tables text;
begin
  if exists (select from auth.users) then
    raise exception 'This project has users already. A backup goes into a new one.';
  end if;
  select string_agg(format('%I.%I', schemaname, tablename), ', ') into tables from pg_tables where schemaname = 'public';
  if tables is null then
    raise exception 'This project has no tables yet: supabase db push comes first.';
  end if;
  -- Rows from the migrations and the seed are in the backup too.
  execute 'truncate ' || tables || ' cascade';
end
$$;
-- Triggers and foreign keys are off during the import; the rows were consistent when they were exported.
set local session_replication_role = replica;
`;

const AFTER = `
set local session_replication_role = origin;
set local search_path = '';
select format('%s users, %s of them with access, %s audit events', (select count(*) from auth.users),
  (select count(*) from public.users where disabled_at is null), (select count(*) from public.audit_logs));
commit;
`;

await main(async () => {
  const [url] = environment("SUPABASE_DB_URL");
  const [file, identity] = process.argv.slice(2);
  if (!file || !identity) throw new Stop(2, "Usage: node restore.mjs FILE IDENTITY");
  for (const path of [file, identity]) {
    await access(path).catch(() => {
      throw new Stop(2, `File not found: ${path}`);
    });
  }
  const age = program("age", ["--decrypt", "--identity", identity], { input: true });
  const psql = program(
    "psql",
    ["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", "--file=-"],
    {
      env: connection(url),
      input: true,
      echo: true,
    },
  );
  await together([
    pipeline(createReadStream(file), age.stdin),
    pipeline(
      age.stdout,
      createGunzip(),
      async function* (parts) {
        yield BEFORE;
        yield* parts;
        await age.done;
        yield AFTER;
      },
      psql.stdin,
    ),
    age.done,
    psql.done,
  ]);
  console.log('Restored. Now: docs/operations.md, "After a restore".');
});
