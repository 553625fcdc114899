// Runs the programs for backup and restore.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { Stop } from "./http.mjs";

/** A connection URL as libpq's variables, so that the password does not appear in process lists. */
export function connection(url) {
  let parsed;
  try {
    parsed = new URL(url);
  } catch {
    throw new Stop(2, "SUPABASE_DB_URL is a URL: postgresql://user:password@host:5432/postgres");
  }
  const { hostname, port, username, password, pathname, searchParams } = parsed;
  return {
    PGHOST: searchParams.get("host") ?? hostname,
    PGPORT: port || "5432",
    PGUSER: decodeURIComponent(username),
    PGPASSWORD: decodeURIComponent(password),
    PGDATABASE: decodeURIComponent(pathname.slice(1)) || "postgres",
    PGSSLMODE: searchParams.get("sslmode") ?? "require",
    PGCONNECT_TIMEOUT: "15",
  };
}

/** Starts a program. `done` resolves when it ends; if it fails, `done` rejects with the program's last output. */
export function program(name, args, { env = {}, input = false, echo = false } = {}) {
  const { SUPABASE_DB_URL: _, ...rest } = process.env;
  const child = spawn(name, args, {
    env: { ...rest, ...env },
    stdio: [input ? "pipe" : "ignore", echo ? "inherit" : "pipe", "pipe"],
  });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (part) => (said = (said + part).slice(-2000)));
  child.stdin?.on("error", () => {});
  const done = once(child, "close").then(
    ([code, signal]) => {
      // Usually SIGPIPE: another program ended first and has the actual error.
      if (signal) throw new Error(`${name} was ended by ${signal}`);
      if (code !== 0) throw new Stop(1, `${name} failed: ${said.trim() || `exit code ${code}`}`);
    },
    (error) => {
      throw new Stop(
        1,
        error.code === "ENOENT" ? `${name} is not installed` : `${name}: ${error.message}`,
      );
    },
  );
  return { stdin: child.stdin, stdout: child.stdout, done };
}

/** Waits for all. If several fail, a program's own message is preferred over pipe errors. */
export async function together(promises) {
  const reasons = (await Promise.allSettled(promises)).flatMap(({ status, reason }) =>
    status === "rejected" ? [reason] : [],
  );
  if (reasons.length > 0) throw reasons.find((reason) => reason instanceof Stop) ?? reasons[0];
}
