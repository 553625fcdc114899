// Backup, restore, and the SQL of the guides, against a real PostgreSQL with the migrations of this repository. Needs PostgreSQL (15
// or newer) and age.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import {
  appendFileSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { run } from "./fake.mjs";

const supabase = new URL("../../supabase/", import.meta.url);
const bin = programs();
const missing = [
  bin ?? "PostgreSQL 15 or newer is missing",
  existsSync(supabase) || "there is no control plane",
  spawnSync("age", ["--version"]).status === 0 || "age is missing",
].filter((found) => typeof found === "string" && found !== bin);

/// Debian installs the server's programs outside PATH, one folder per version.
function programs() {
  const root = "/usr/lib/postgresql";
  const version = existsSync(root)
    ? readdirSync(root)
        .map(Number)
        .filter((number) => number >= 15)
        .sort((a, b) => b - a)[0]
    : undefined;
  return version && existsSync(`${root}/${version}/bin/initdb`)
    ? `${root}/${version}/bin`
    : undefined;
}

const CANARY = "canary-0123456789-token";
const OWNER = "11111111-1111-4111-8111-111111111111";
let folder, identity, recipient;

const url = (database, user = "postgres") =>
  `postgresql://${user}@localhost/${database}?host=${encodeURIComponent(folder)}&sslmode=disable`;

function sql(database, text, user = "supabase_admin") {
  const args = [
    "--no-psqlrc",
    "--quiet",
    "--tuples-only",
    "--no-align",
    "--set=ON_ERROR_STOP=1",
    `--host=${folder}`,
    `--username=${user}`,
    `--dbname=${database}`,
  ];
  return execFileSync(`${bin}/psql`, args, {
    input: text,
    encoding: "utf8",
    stdio: ["pipe", "pipe", "pipe"],
  }).trim();
}

/// A project as it is after `supabase db push`.
function project(name) {
  sql("template1", `create database ${name}`);
  const read = (file) => readFileSync(new URL(file, supabase), "utf8");
  for (const file of ["tests/stack/bootstrap.sql", "tests/stack/vault.sql"]) sql(name, read(file));
  for (const file of readdirSync(new URL("migrations/", supabase)).sort())
    sql(name, read(`migrations/${file}`), "postgres");
  sql(name, read("catalogue.sql"), "postgres");
}

before(() => {
  if (missing.length > 0) return;
  folder = mkdtempSync(path.join(tmpdir(), "mcpist-backup-"));
  // PostgreSQL refuses to run as root.
  const user = process.getuid() === 0 ? { uid: 65534, gid: 65534 } : {};
  if (user.uid) chownSync(folder, user.uid, user.gid);
  const data = path.join(folder, "data");
  const options = {
    ...user,
    cwd: folder,
    stdio: "pipe",
    env: { PATH: process.env.PATH, LC_ALL: "C" },
  };
  execFileSync(
    `${bin}/initdb`,
    [
      "--pgdata",
      data,
      "--username=supabase_admin",
      "--auth=trust",
      "--encoding=UTF8",
      "--locale=C",
      "--no-sync",
    ],
    options,
  );
  const settings = `-c listen_addresses='' -c unix_socket_directories='${folder}' -c fsync=off -c log_min_messages=panic`;
  execFileSync(
    `${bin}/pg_ctl`,
    ["--pgdata", data, "--wait", "--options", settings, "--log", path.join(folder, "log"), "start"],
    { ...options, stdio: "ignore" },
  );
  // psql needs a database named after its user, supabase_admin.
  sql("template1", readFileSync(new URL("tests/stack/roles.sql", supabase), "utf8"));
  // Supabase grants this to `postgres`, which is not a superuser there.
  sql("template1", "grant set on parameter session_replication_role to postgres");
  for (const name of ["source", "target"]) project(name);
  sql(
    "source",
    `
    update public.settings set public_url = 'https://mcpist.example.com';
    insert into public.roles (id, name) values ('22222222-2222-4222-8222-222222222222', 'Everything');
    insert into public.role_permissions (role_id, module, tools) values ('22222222-2222-4222-8222-222222222222', 'github', '{*}');
    insert into public.allowed_emails (email, role_id) values ('ada@example.com', '22222222-2222-4222-8222-222222222222');
    insert into auth.users (id, email, encrypted_password, email_confirmed_at) values ('${OWNER}', 'ada@example.com', 'hash', now());
    select private.store_token('${OWNER}', null, 'github', 'ada', 'bearer', '${CANARY}', null, '{}', null, '{}');
  `,
  );
  identity = path.join(folder, "identity");
  writeFileSync(identity, execFileSync("age-keygen", { encoding: "utf8", stdio: "pipe" }));
  recipient = /age1\w+/.exec(readFileSync(identity, "utf8"))[0];
});

after(() => {
  if (!folder) return;
  const user = process.getuid() === 0 ? { uid: 65534, gid: 65534 } : {};
  spawnSync(`${bin}/pg_ctl`, ["--pgdata", path.join(folder, "data"), "--mode=immediate", "stop"], {
    ...user,
    cwd: folder,
  });
  rmSync(folder, { recursive: true, force: true });
});

const file = (name) => path.join(folder, name);
const backup = (env, name) =>
  run(
    new URL("backup.mjs", import.meta.url),
    { SUPABASE_DB_URL: url("source"), BACKUP_RECIPIENT: recipient, ...env },
    { args: [file(name)] },
  );
const restore = (name, key = identity) =>
  run(
    new URL("restore.mjs", import.meta.url),
    { SUPABASE_DB_URL: url("target") },
    { args: [file(name), key] },
  );

/// Every row that a backup contains, as text.
function contents(database) {
  const tables = sql(
    database,
    "select tablename from pg_tables where schemaname = 'public' and tablename !~ '^oauth_' order by 1",
  ).split("\n");
  return Object.fromEntries(
    [...tables.map((table) => `public.${table}`), "auth.users"].map((table) => [
      table,
      sql(database, `select t.* from ${table} t order by t::text`),
    ]),
  );
}

const check = (name, body) => test(name, { skip: missing.length > 0 && missing.join(", ") }, body);

check("a backup is encrypted, and holds no credential of a service", async () => {
  const result = await backup({}, "backup.age");
  assert.equal(result.code, 0, result.output);
  const encrypted = readFileSync(file("backup.age"));
  assert.ok(encrypted.subarray(0, 22).equals(Buffer.from("age-encryption.org/v1\n")));
  const dump = gunzipSync(
    execFileSync("age", ["--decrypt", "--identity", identity, file("backup.age")]),
  ).toString("utf8");
  assert.match(dump, /ada@example\.com/);
  assert.ok(!dump.includes(CANARY));
  assert.doesNotMatch(dump, /COPY (vault|public\.oauth_)/);
});

check("a wrong key or a file that ends early leaves the project as it was", async () => {
  const before = contents("target");
  writeFileSync(file("other"), execFileSync("age-keygen", { encoding: "utf8", stdio: "pipe" }));
  const wrong = await restore("backup.age", file("other"));
  assert.deepEqual(
    [wrong.code, /age failed: .*no identity matched/.test(wrong.output)],
    [1, true],
    wrong.output,
  );
  const whole = readFileSync(file("backup.age"));
  writeFileSync(file("cut.age"), whole.subarray(0, whole.length - 100));
  assert.equal((await restore("cut.age")).code, 1);
  writeFileSync(file("longer.age"), whole);
  appendFileSync(file("longer.age"), "x");
  assert.equal((await restore("longer.age")).code, 1);
  assert.deepEqual(contents("target"), before);
});

check("a restore brings everything back, but credentials", async () => {
  const result = await restore("backup.age");
  assert.equal(result.code, 0, result.output);
  assert.match(result.output, /1 users, 1 of them with access/);
  assert.deepEqual(contents("target"), contents("source"));
  assert.equal(sql("target", "select count(*) from public.oauth_tokens"), "0");
  assert.equal(
    sql("target", `select public.sieve('${OWNER}') ? 'github'`),
    "t",
    "the user may use what they could",
  );
});

check("a project with users is not overwritten", async () => {
  const before = contents("target");
  const result = await restore("backup.age");
  assert.equal(result.code, 1, result.output);
  assert.match(result.output, /has users already/);
  assert.deepEqual(contents("target"), before);
});

check("the SQL of the guides runs as it stands, from an empty project on", () => {
  project("guided");
  // Exists in the cloud, but not in this double.
  sql(
    "guided",
    "create schema cron; create function cron.schedule(text, text, text) returns bigint language sql as 'select 1'; grant usage on schema cron to postgres",
  );
  const blocks = (guide) =>
    [
      ...readFileSync(new URL(`../../docs/${guide}.md`, import.meta.url), "utf8").matchAll(
        /^ *```sql\n([^`]*)```/gm,
      ),
    ].map(([, text]) => text);
  const [settings, ...rest] = blocks("deploy");
  sql("guided", settings, "postgres");
  sql(
    "guided",
    "insert into auth.users (id, email, email_confirmed_at) values (gen_random_uuid(), 'you@example.com', now())",
  );
  assert.equal(
    sql("guided", "select system_role from public.users"),
    "admin",
    "the first address on the list",
  );
  const said = rest.map((block) => sql("guided", block, "postgres")).join("\n");
  assert.match(said, /mcpist_\w{43}/);
  const connect = (token, ...variables) =>
    spawnSync(
      `${bin}/psql`,
      [
        ...["--no-psqlrc", `--host=${folder}`, "--username=postgres", "--dbname=guided"],
        ...["email=you@example.com", ...variables].flatMap((variable) => ["-v", variable]),
        ...["-f", new URL("connect-with-token.sql", supabase).pathname],
      ],
      { input: `${token}\n`, encoding: "utf8" },
    );
  const connected = connect(`github_pat_"${CANARY}\\`, "service=github");
  assert.equal(connected.status, 0, connected.stderr);
  assert.equal(
    sql("guided", "select decrypted_secret from vault.decrypted_secrets"),
    `github_pat_"${CANARY}\\`,
    "the token as it was typed",
  );
  const refused = connect(CANARY, "service=nothing");
  assert.notEqual(refused.status, 0);
  assert.match(refused.stderr, /None of your roles permits this service/);
  for (const { stdout, stderr } of [connected, refused])
    assert.ok(!`${stdout}${stderr}`.includes(CANARY), "it is not shown");
  assert.equal(sql("guided", "select service from public.oauth_tokens"), "github");
  sql(
    "guided",
    "insert into auth.sessions (id, user_id) select gen_random_uuid(), id from auth.users",
  );
  for (const block of blocks("upgrade")) sql("guided", block, "postgres");
  const operations = blocks("operations").map((block) => sql("guided", block, "postgres"));
  assert.ok(
    operations.includes('{"sessions": 1, "api_tokens": 1, "incomplete": [], "oauth_tokens": 1}'),
    "the drill takes all of it away",
  );
  assert.equal(sql("guided", "select count(*) from vault.secrets"), "0");
});

check("a backup that fails says why, leaves no file and no password", async () => {
  const url = "postgresql://postgres:hunter2@127.0.0.1:1/postgres";
  const unreachable = await backup({ SUPABASE_DB_URL: url }, "failed.age");
  assert.deepEqual(
    [unreachable.code, /pg_dump failed: .*127\.0\.0\.1/.test(unreachable.output)],
    [1, true],
    unreachable.output,
  );
  assert.ok(!unreachable.output.includes("hunter2"));
  const key = await backup({ BACKUP_RECIPIENT: "age1nonsense" }, "failed.age");
  assert.deepEqual([key.code, /age failed: .*recipient/.test(key.output)], [1, true], key.output);
  const nothing = await backup({ PATH: "/nowhere" }, "failed.age");
  assert.deepEqual(
    [nothing.code, /is not installed/.test(nothing.output)],
    [1, true],
    nothing.output,
  );
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.startsWith("failed")),
    [],
  );
});

test("missing variables are named", async () => {
  const nothing = await run(new URL("backup.mjs", import.meta.url), {}, { args: ["x"] });
  assert.deepEqual(
    [nothing.code, nothing.output],
    [2, "Error: Not set: SUPABASE_DB_URL, BACKUP_RECIPIENT\n"],
  );
  const nowhere = await run(
    new URL("restore.mjs", import.meta.url),
    { SUPABASE_DB_URL: "postgresql://x/y" },
    { args: ["/nowhere", "/nowhere"] },
  );
  assert.deepEqual([nowhere.code, nowhere.output], [2, "Error: File not found: /nowhere\n"]);
});
