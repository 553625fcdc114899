// Checks that the dashboard shows data and the alerts fire: a session of the real server with all kinds of success and failure is
// loaded into a Prometheus, which evaluates every expression.
//
//   node grafana/session.mjs
//
// MCPIST is the binary; without it target/debug/mcpist is built. decode.py also decodes all data that the server sent. The services, the
// control plane and the collector are one server in this file. One export every 400 ms represents one per minute.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { main, poll, request, Stop } from "../.github/scripts/http.mjs";
import { Collector } from "./collector.mjs";

const repository = new URL("..", import.meta.url).pathname;
const local = (file) => new URL(file, import.meta.url).pathname;
const { _, ...metrics } = JSON.parse(readFileSync(local("metrics.json"), "utf8"));

const INTERVAL_MS = 400;
/// Longer than the five seconds of SlowResponses.
const SLOW_MS = 5_200;
/// Samples are between two full minutes and queries at full minutes, so that results do not depend on coincidence.
const PHASE_S = 37;
/// Grafana's default scrape interval for a data source.
const SCRAPE_S = 15;
/// The dashboard's own time range.
const RANGE_S = 24 * 60 * 60;
const MODULES = {
  github: ["get_repository"],
  microsoft_todo: ["list_lists", "get_list"],
  notion: ["get_page"],
};

await main(async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "mcpist-session-"));
  const children = [];
  try {
    const seen = await session(children);
    decode(seen.collector);
    const findings = [...labelFindings(seen.collector), ...(await ask(seen, folder, children))];
    for (const finding of findings) console.error(finding);
    if (findings.length > 0) throw new Stop(1, `${findings.length} findings`);
  } finally {
    for (const child of children) child.kill("SIGKILL");
    await Promise.all(
      children.map((child) => child.exitCode ?? child.signalCode ?? once(child, "exit")),
    );
    rmSync(folder, { recursive: true });
  }
});

/// Runs the session. Returns the collector, and the numbers of minutes (exports) until the end of the quiet part and of the session.
async function session(children) {
  const collector = new Collector();
  /// Simulated faults: an HTTP status for a part of the control plane.
  const faults = {};
  let failure;
  const answer = async (incoming, outgoing) => {
    let body = "";
    for await (const piece of incoming) body += piece;
    const { pathname } = new URL(incoming.url, "http://localhost");
    const [, part, name] = pathname.split("/");
    const answers = {
      otlp: () => [collector.take(pathname.split("/").at(-1), body), {}],
      plane: () => plane(name, incoming, body, faults),
    };
    const [status, content] = await (answers[part] ?? (() => service(pathname)))();
    outgoing.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(content));
  };
  const world = createServer((...exchange) =>
    answer(...exchange).catch((error) => {
      failure ??= error;
      exchange[1].destroy();
    }),
  ).listen(0, "127.0.0.1");
  world.unref();
  await once(world, "listening");
  const url = `http://127.0.0.1:${world.address().port}`;
  const server = spawn(
    process.env.MCPIST ?? build(),
    ["serve", "--port", "0", "--bind", "127.0.0.1"],
    {
      env: {
        TOKEN_BROKER_URL: `${url}/plane/token-exchanger`,
        TOKEN_BROKER_KEY: "sb_publishable_session",
        OTEL_EXPORTER_OTLP_ENDPOINT: `${url}/otlp`,
        OTEL_METRIC_EXPORT_INTERVAL: String(INTERVAL_MS),
        OTEL_BLRP_SCHEDULE_DELAY: "50",
        OTEL_BSP_SCHEDULE_DELAY: "50",
        ...Object.fromEntries(
          Object.keys(MODULES).map((module) => [
            `${module.toUpperCase()}_API_URL`,
            `${url}/${module}`,
          ]),
        ),
      },
      stdio: ["ignore", "ignore", "pipe"],
    },
  );
  children.push(server);
  const own = await said(server, /(http:\/\/127\.0\.0\.1:\d+)\/mcp/);

  const until = async (what, is) => {
    if (!(await poll(20_000, 20, async () => failure || is() || undefined)))
      throw new Stop(1, `${what}: not within 20 s`);
    if (failure) throw failure;
  };
  const minutes = async (count) => {
    const wanted = collector.exports + count;
    await until(`${count} exports`, () => collector.exports >= wanted);
  };
  const status = async (wanted, where, options) => {
    const { status } = await fetch(own + where, options);
    if (status !== wanted) throw new Stop(1, `${where} answers ${status}, not ${wanted}`);
  };
  const call = (module, tool, params = {}, { user = "ada", wanted = 200 } = {}) =>
    status(wanted, "/mcp", message(user, { module, tool, params }));
  const usual = async () => {
    await Promise.all([
      call("github", "get_repository", { owner: "ada", repo: "engine" }),
      call("microsoft_todo", "list_lists"),
      status(200, "/health"),
    ]);
  };

  // Slow calls take longer than all others before them.
  const slow = Array.from({ length: 8 }, () =>
    call("microsoft_todo", "get_list", { list_id: "slow" }),
  );
  for (const one of slow) one.catch(() => {});
  for (let minute = 0; minute < 6; minute += 1) {
    await usual();
    await minutes(1);
  }
  const quiet = collector.exports;

  // Calls fail and are refused once, so that each of these series has only its first value; telemetry is refused in the next
  // minute.
  faults["audit-log"] = 400;
  faults["tool-sieve"] = 500;
  await call(
    "github",
    "get_repository",
    { owner: "ada", repo: "engine" },
    { user: "grace", wanted: 503 },
  );
  faults["tool-sieve"] = undefined;
  await Promise.all([
    usual(),
    call("github", "get_repository", { owner: "ada", repo: "missing" }),
    call("notion", "get_page", { page_id: "00000000-0000-4000-8000-000000000001" }),
    ...Array.from({ length: 4 }, () => status(401, "/mcp", { method: "POST" })),
    status(404, "/nothing"),
  ]);
  for (let minute = 0; minute < 2; minute += 1) {
    await minutes(1);
    collector.refuses = minute === 0;
    await usual();
  }
  const dropped = (signal) => () => collector.value("mcpist_dropped_total", { signal }) > 0;
  await until("dropped logs", dropped("logs"));
  await until("dropped audit events", dropped("audit"));
  await Promise.all(slow);
  // Until no query window includes it.
  for (let minute = 0; minute < 6; minute += 1) {
    await usual();
    await minutes(1);
  }
  const end = collector.exports;
  server.kill("SIGTERM");
  const [code] = await once(server, "exit");
  if (code !== 0) throw new Stop(1, `the server ended with ${code}`);
  world.closeAllConnections();
  world.close();
  return { collector, quiet, end };
}

/// A call in the modern protocol era.
function message(user, call) {
  const version = "2026-07-28";
  const meta = {
    "io.modelcontextprotocol/protocolVersion": version,
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": { name: "session", version: "1" },
  };
  return {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      authorization: `Bearer mcpist_${user}`,
      "mcp-protocol-version": version,
      "mcp-method": "tools/call",
      "mcp-name": "call",
    },
    body: JSON.stringify({
      jsonrpc: "2.0",
      id: 1,
      method: "tools/call",
      params: { name: "call", arguments: call, _meta: meta },
    }),
  };
}

/// The control plane: everyone has all permissions, GitHub's credential is renewed with every call, and Notion's never.
function plane(name, { headers }, body, faults) {
  if (faults[name]) return [faults[name], { error: { code: "broken", message: "broken" } }];
  switch (name) {
    case "tool-sieve": {
      const granted = Object.entries(MODULES).map(([module, tools]) => [
        module,
        { status: "stable", tools, accounts: ["default"], connected: true },
      ]);
      return [
        200,
        {
          user_id: headers["x-mcpist-token"],
          version: "1",
          ttl_s: 60,
          modules: Object.fromEntries(granted),
        },
      ];
    }
    case "token-exchanger": {
      const { service: wanted } = JSON.parse(body);
      if (wanted === "notion")
        return [409, { error: { code: "reconnect_required", message: "no" } }];
      const expires = wanted === "github" ? "2020-01-01T00:00:00.000Z" : "2099-01-01T00:00:00.000Z";
      return [
        200,
        {
          access_token: "a-token",
          token_type: "bearer",
          expires_at: expires,
          account: "default",
          shared: false,
        },
      ];
    }
    default:
      return [202, {}];
  }
}

/// The services.
async function service(pathname) {
  if (pathname.endsWith("/slow")) await new Promise((resolve) => setTimeout(resolve, SLOW_MS));
  if (pathname.endsWith("/missing")) return [404, { message: "Not Found" }];
  return [
    200,
    {
      full_name: "ada/engine",
      id: "list",
      displayName: "Tasks",
      value: [{ id: "list", displayName: "Tasks" }],
    },
  ];
}

function build() {
  execFileSync("cargo", ["build", "--locked", "--quiet"], {
    cwd: repository,
    stdio: ["ignore", "inherit", "inherit"],
  });
  return path.join(process.env.CARGO_TARGET_DIR ?? path.join(repository, "target"), "debug/mcpist");
}

/// Waits for a match in a program's standard error; returns its first group.
async function said(child, pattern) {
  let text = "";
  child.stderr.setEncoding("utf8").on("data", (piece) => (text += piece));
  let failed;
  child
    .on("error", (error) => (failed = error.message))
    .on("exit", (code) => (failed = `it ended with ${code}`));
  const found = await poll(20_000, 20, async () =>
    failed ? [] : (pattern.exec(text) ?? undefined),
  );
  if (!found?.[1])
    throw new Stop(1, `${child.spawnfile} does not start: ${failed ?? "it says nothing"}\n${text}`);
  return found[1];
}

/// Decodes all received data with the official descriptors.
function decode({ bodies }) {
  const input = bodies.map(([signal, body]) => `${signal}\t${body}\n`).join("");
  try {
    console.log(
      execFileSync("python3", [local("decode.py")], {
        input,
        encoding: "utf8",
        stdio: "pipe",
      }).trimEnd(),
    );
  } catch (error) {
    throw new Stop(1, `decode.py: ${error.stderr ?? error.message}`);
  }
}

/// Returns labels that are listed but never received, and those received but not listed.
function labelFindings({ series }) {
  const findings = [];
  const all = [...series.values()];
  for (const [name, { type, labels, from }] of Object.entries(metrics)) {
    if (from) continue;
    const ours = all.filter((one) => one.name === (type === "histogram" ? `${name}_bucket` : name));
    const came = new Set(
      ours
        .flatMap((one) => Object.keys(one.labels))
        .filter((label) => !["job", "instance", "le"].includes(label)),
    );
    if ([...came].sort().join() !== [...labels].sort().join())
      findings.push(`metrics.json: ${name} comes with the labels ${[...came]}, not ${labels}`);
  }
  return findings;
}

/// Evaluates every expression in a Prometheus with the session's data; returns the findings.
async function ask({ collector, quiet, end }, folder, children) {
  const start = Math.floor(Date.now() / 60_000) * 60 - (end + 1) * 60;
  const file = (name) => path.join(folder, name);
  writeFileSync(file("session.txt"), collector.openMetrics(start + PHASE_S));
  try {
    execFileSync(
      "promtool",
      ["tsdb", "create-blocks-from", "openmetrics", file("session.txt"), file("data")],
      { stdio: "pipe" },
    );
  } catch (error) {
    throw new Stop(
      1,
      error.code === "ENOENT"
        ? "promtool is missing (Debian: apt install --no-install-recommends prometheus)"
        : `promtool: ${error.stderr}`,
    );
  }
  writeFileSync(file("prometheus.json"), JSON.stringify({ rule_files: [local("rules.yaml")] }));
  const options = [
    `--config.file=${file("prometheus.json")}`,
    `--storage.tsdb.path=${file("data")}`,
    "--web.listen-address=127.0.0.1:0",
  ];
  const prometheus = spawn("prometheus", options, { stdio: ["ignore", "ignore", "pipe"] });
  children.push(prometheus);
  const url = `http://${await said(prometheus, /Listening on" address=(\S+)/)}`;
  const api = `${url}/api/v1`;
  if (!(await poll(20_000, 50, () => fetch(`${url}/-/ready`).then(({ ok }) => ok || undefined))))
    throw new Stop(1, "Prometheus is not ready");

  const last = start + end * 60;
  /// Returns the values of an expression at one time, or at every minute of a range.
  const values = async (expr, from, to = from) => {
    const { data } = await request(
      "GET",
      `${api}/query_range?${new URLSearchParams({ query: expr, start: from, end: to, step: 60 })}`,
    );
    return data.result.flatMap((series) => series.values.map(([, value]) => Number(value)));
  };
  const findings = [];
  const exempt = [];
  const foreign = (expr) =>
    Object.keys(metrics).find((name) => metrics[name].from && expr.includes(name));

  let panels = 0;
  const dashboard = JSON.parse(readFileSync(local("dashboard.json"), "utf8"));
  for (const { title, targets = [] } of dashboard.panels.flatMap((panel) => [
    panel,
    ...(panel.panels ?? []),
  ])) {
    for (const { refId, expr, datasource, instant, interval } of targets) {
      const where = `panel "${title}" ${refId}`;
      const from =
        datasource.type === "loki" ? "Loki, which is not asked here" : metrics[foreign(expr)]?.from;
      if (from) {
        exempt.push(`${where}: ${from}`);
        continue;
      }
      panels += 1;
      // Replaced as in Grafana: $__rate_interval depends on the query's step, or else on the data source.
      const scrape = interval ? Number(/^(\d+)m$/.exec(interval)[1]) * 60 : SCRAPE_S;
      const filled = expr
        .replaceAll("$__rate_interval", `${Math.max(60 + scrape, 4 * scrape)}s`)
        .replaceAll("$__range", `${RANGE_S}s`);
      const got = await (instant ? values(filled, last) : values(filled, start, last));
      if (got.length === 0 || got.every(Number.isNaN))
        findings.push(`${where}: no data for ${filled}`);
      else if (got.every((value) => !(Math.abs(value) > 0)))
        findings.push(`${where}: nothing but zero for ${filled}`);
    }
  }

  const { data } = await request("GET", `${api}/rules`);
  let alerts = 0;
  for (const { name, query } of data.groups.flatMap(({ rules }) => rules)) {
    if (foreign(query)) {
      exempt.push(`alert ${name}: ${metrics[foreign(query)].from}`);
      continue;
    }
    alerts += 1;
    if ((await values(query, start, start + quiet * 60)).length > 0)
      findings.push(`alert ${name}: it fires while all is well`);
    if ((await values(query, start + quiet * 60, last)).length === 0)
      findings.push(`alert ${name}: it does not fire`);
    if ((await values(query, last)).length > 0)
      findings.push(`alert ${name}: it fires still when all is well again`);
  }
  if (collector.warnings === 0)
    findings.push('the collector got no warning for "Warnings and errors"');
  if (collector.spans === 0) findings.push("no span came to the collector");
  for (const one of exempt) console.log(`not asked: ${one}`);
  console.log(
    `${panels} expressions of panels and ${alerts} alerts over ${end} minutes of ${collector.series.size} series, ${collector.spans} spans`,
  );
  return findings;
}
