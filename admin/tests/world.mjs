// The console on the real stack (supabase/tests/stack.mjs), with the real mcpist and a real browser. Auth and the providers
// are doubles. Every part has its own port and ends with `stop`.
import assert from "node:assert/strict";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import path from "node:path";
import { chromium } from "playwright-core";
import { Service } from "../../supabase/tests/stack/process.mjs";
import { up } from "../../supabase/tests/stack.mjs";

export const admin = path.resolve(import.meta.dirname, "..");
const repository = path.resolve(admin, "..");
const binary =
  process.env.MCPIST ??
  path.join(process.env.CARGO_TARGET_DIR ?? path.join(repository, "target"), "debug/mcpist");

export async function start() {
  const reserved = await Promise.all(Array.from({ length: 5 }, reserve));
  const [consolePort, ...serverPorts] = reserved.map(({ port }) => port);
  const [console_url, ...servers] = [
    `http://localhost:${consolePort}`,
    ...serverPorts.map((port) => `http://127.0.0.1:${port}`),
  ];
  const stack = await up({ consoleUrl: console_url, publicUrl: servers[0] });
  const { facts, pool } = stack;
  const services = [];
  const stop = async () => {
    await browser?.close();
    for (const service of services) await service.stop("SIGKILL");
    await stack.stop();
  };
  let browser;
  try {
    for (const { release } of reserved) await release();
    await post(`${facts.provider_url}/services`, {
      "api.github.com/user": { login: "ada", id: 1, html_url: "https://github.com/ada" },
      "graph.microsoft.com/v1.0/me/todo/lists": { value: [{ id: "list-1", displayName: "Tasks" }] },
    });
    const ready = (service, url) =>
      service.until(() =>
        fetch(url).then(
          (response) => response.ok || undefined,
          () => undefined,
        ),
      );
    // Four servers: a change of permissions is visible immediately on a server whose cache is still empty.
    for (const [at, port] of serverPorts.entries()) {
      const env = {
        PATH: process.env.PATH,
        PORT: String(port),
        PUBLIC_URL: servers[0],
        CONSOLE_URL: console_url,
        JWT_AUDIENCE: facts.audience,
        TOKEN_BROKER_URL: `${facts.functions_url}/token-exchanger`,
        TOKEN_BROKER_KEY: facts.broker_key,
        MCPIST_SECRET: "32 bytes at least, the same for all servers",
        GITHUB_API_URL: `${facts.provider_url}/api.github.com`,
        MICROSOFT_TODO_API_URL: `${facts.provider_url}/graph.microsoft.com/v1.0`,
      };
      const server = new Service(`mcpist-${at}`, binary, ["serve", "--bind", "127.0.0.1"], {
        env,
        log: path.join(facts.logs, `mcpist-${at}.log`),
      });
      services.push(server);
      await ready(server, `${servers[at]}/ready`);
    }
    const env = {
      PATH: process.env.PATH,
      NODE_ENV: "production",
      NEXT_TELEMETRY_DISABLED: "1",
      NEXT_PUBLIC_SUPABASE_URL: facts.gateway_url,
      NEXT_PUBLIC_SUPABASE_ANON_KEY: facts.anon_key,
      NEXT_PUBLIC_SHOW_PASSWORD_LOGIN: "true",
    };
    const next = createRequire(import.meta.url).resolve("next/dist/bin/next");
    const ui = new Service(
      "console",
      process.execPath,
      [next, "start", "--port", String(consolePort), "--hostname", "localhost"],
      { cwd: admin, env, log: path.join(facts.logs, "console.log") },
    );
    services.push(ui);
    await ready(ui, `${console_url}/login`);
    const executablePath =
      process.env.CHROMIUM ??
      ["chromium", "chromium-browser", "google-chrome"]
        .flatMap((name) => process.env.PATH.split(":").map((folder) => path.join(folder, name)))
        .find((file) => exists(file));
    assert.ok(executablePath, "Chromium is not in PATH: install it, or set CHROMIUM to its path.");
    browser = await chromium.launch({
      executablePath,
      args: process.getuid() === 0 ? ["--no-sandbox"] : [],
    });
  } catch (error) {
    await stop();
    throw error;
  }

  const world = { facts, console_url, servers, browser, stop, contexts: {} };
  world.sql = async (text, values) => (await pool.query(text, values)).rows;
  world.said = () => services.at(-1).output;

  /** A new browser context. Errors on any of its pages are collected in `problems`. */
  world.visitor = async (options = {}) => {
    const context = await browser.newContext({ baseURL: console_url, locale: "en-GB", ...options });
    context.setDefaultTimeout(30_000);
    const page = await context.newPage();
    page.problems = [];
    page.on(
      "console",
      (message) =>
        message.type() === "error" &&
        !/status of 4\d\d/.test(message.text()) &&
        page.problems.push(`${page.url()}: ${message.text()}`),
    );
    page.on("pageerror", (error) => page.problems.push(`${page.url()}: ${error.message}`));
    return page;
  };
  /** Signs in through the provider's page; the console's sign-in page must be open. */
  world.signIn = async (page, email, provider = "Google") => {
    await page.getByRole("button", { name: provider }).click();
    await page.waitForURL(`${facts.gateway_url}/auth/v1/authorize?*`);
    await page.getByLabel("E-mail").fill(email);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.waitForURL((url) => url.origin === console_url && url.pathname !== "/auth/callback");
  };
  /** A signed-in visitor on the allow-list. The session is reused; a test that ends its session sets `ownSession`. */
  const sessions = new Map();
  world.user = async (email, { ownSession = false, ...options } = {}) => {
    await world.sql(
      "insert into public.allowed_emails (email) values ($1) on conflict do nothing",
      [email],
    );
    const storageState = ownSession ? undefined : sessions.get(email);
    const page = await world.visitor({ ...options, ...(storageState && { storageState }) });
    await page.goto(storageState ? "/" : "/login");
    // A revocation may have ended the session.
    if (new URL(page.url()).pathname === "/login") {
      await world.signIn(page, email);
      if (!ownSession) sessions.set(email, await page.context().storageState());
    }
    page.id = (await world.sql("select id from public.users where email = $1", [email]))[0].id;
    page.email = email;
    page.token = async (options = {}) =>
      (await post(facts.mint_url, { email, ...options })).body.access_token;
    return page;
  };
  return world;
}

const exists = (file) => {
  try {
    return readdirSync(path.dirname(file)).includes(path.basename(file));
  } catch {
    return false;
  }
};

/** Reserves a free port while the stack starts, which must know the port in advance. */
async function reserve() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: server.address().port,
    release: () => new Promise((resolve) => server.close(resolve)),
  };
}

export async function post(url, body, headers = {}) {
  const response = await fetch(url, {
    method: "POST",
    redirect: "manual",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  return { status: response.status, body: text ? JSON.parse(text) : null };
}
