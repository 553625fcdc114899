// Tests hosted mode end to end: several processes of the real server, the real functions and database, and a client of the official
// SDK. Only the services are doubles.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import http from "node:http";
import path from "node:path";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { json, send } from "./stack/gateway.mjs";
import { repository } from "./stack/migrate.mjs";
import { freePort, Service } from "./stack/process.mjs";

const PROCESSES = 4;

/// Runs all checks on the stack from `up`. Returns the summary.
export async function testServer(stack) {
  const binary = process.env.MCPIST ?? build();
  const world = await start(stack, binary);
  try {
    const tests = [
      aClientUsesAService,
      permissionsAreTheSameEverywhere,
      oneRefreshForFiftyCalls,
      anEndedConnectionIsReconnectedAlone,
      anApiTokenWorksUntilItIsRevoked,
      whatIsTakenAwayIsGoneWithinAMinute,
      everythingIsInTheAuditTrail,
      theFunctionsOfBeforeAreEnough,
      noSecretIsAnywhere,
    ];
    for (const test of tests) await test(world);
    return `${tests.length} tests, ${world.calls} calls`;
  } finally {
    await world.stop();
  }
}

function build() {
  const { status, stderr } = spawnSync("cargo", ["build", "--locked", "--quiet"], {
    cwd: repository,
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(stderr);
  return path.join(process.env.CARGO_TARGET_DIR ?? path.join(repository, "target"), "debug/mcpist");
}

/// The servers, and functions to call them as a user.
async function start({ facts, pool }, binary) {
  // The provider double is also the service: it accepts tokens that it issued and has not revoked.
  await fetch(`${facts.provider_url}/services`, {
    method: "POST",
    body: JSON.stringify({
      "api.github.com/user": { login: "ada", id: 1, html_url: "https://github.com/ada" },
      "api.github.com/repos/ada/engine": { full_name: "ada/engine", default_branch: "main" },
      "graph.microsoft.com/v1.0/me/todo/lists": { value: [{ id: "list-1", displayName: "Tasks" }] },
    }),
  });
  const secret = "a secret that all processes share, of 32 bytes at least";
  const launch = async (name, more = {}) => {
    const port = await freePort();
    const env = {
      PATH: process.env.PATH,
      PORT: String(port),
      TOKEN_BROKER_URL: `${facts.functions_url}/token-exchanger`,
      TOKEN_BROKER_KEY: facts.broker_key,
      PUBLIC_URL: facts.public_url,
      CONSOLE_URL: facts.console_url,
      JWT_AUDIENCE: facts.audience,
      MCPIST_SECRET: secret,
      MCPIST_LOG: "debug",
      GITHUB_API_URL: `${facts.provider_url}/api.github.com`,
      MICROSOFT_TODO_API_URL: `${facts.provider_url}/graph.microsoft.com/v1.0`,
      ...more,
    };
    const process_ = new Service(name, binary, ["serve", "--bind", "127.0.0.1"], {
      env,
      log: path.join(facts.logs, `${name}.log`),
    });
    const url = `http://127.0.0.1:${port}`;
    await process_.until(() =>
      fetch(`${url}/ready`).then(
        (response) => response.ok || undefined,
        () => undefined,
      ),
    );
    return { url, process: process_ };
  };
  const servers = await Promise.all(
    Array.from({ length: PROCESSES }, (_, at) => launch(`mcpist-${at}`)),
  );
  const answers = [];
  const world = { facts, servers, answers, calls: 0, users: {} };

  /// One more server, with other addresses.
  world.another = (env) => launch("mcpist-another", env);
  world.sql = async (text, values) => (await pool.query(text, values)).rows;
  world.post = async (url, body, headers = {}) => {
    const response = await fetch(url, {
      method: "POST",
      redirect: "manual",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: text ? JSON.parse(text) : null,
    };
  };
  /// Calls a tool in the modern era, on one of the servers.
  world.call = async (
    token,
    name,
    args,
    { at = 0, path: where = "/mcp", method = "tools/call" } = {},
  ) => {
    world.calls += 1;
    const version = "2026-07-28";
    const meta = {
      "io.modelcontextprotocol/protocolVersion": version,
      "io.modelcontextprotocol/clientCapabilities": {},
      "io.modelcontextprotocol/clientInfo": { name: "e2e", version: "1" },
    };
    const params =
      method === "tools/call" ? { name, arguments: args, _meta: meta } : { ...args, _meta: meta };
    const headers = {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      authorization: `Bearer ${token}`,
      "mcp-protocol-version": version,
      "mcp-method": method,
      ...(method === "tools/call" && { "mcp-name": name }),
      ...(method === "resources/read" && { "mcp-name": args.uri }),
    };
    const response = await fetch(servers[at].url + where, {
      method: "POST",
      headers,
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
    });
    const text = await response.text();
    answers.push(text);
    const data =
      text.startsWith("event:") || text.startsWith("data:")
        ? text
            .split("\n")
            .filter((line) => line.startsWith("data:"))
            .at(-1)
            .slice(5)
        : text;
    return {
      status: response.status,
      headers: response.headers,
      ...(data ? JSON.parse(data) : {}),
    };
  };
  world.said = async (token, module, tool, params = {}, options = {}) => {
    const { result, error } = await world.call(token, "call", { module, tool, params }, options);
    assert.ok(result, JSON.stringify(error));
    return result.content.map(({ text }) => text).join("\n");
  };
  world.user = (name, permissions, options) => makeUser(world, name, permissions, options);
  world.stop = async () => void (await Promise.all(servers.map(({ process }) => process.stop())));
  await makeAdmin(world);
  return world;
}

async function account({ facts, post, sql }, name) {
  const email = `${name}-${crypto.randomUUID()}@example.com`;
  await sql("insert into public.allowed_emails (email) values ($1)", [email]);
  const { body } = await post(`${facts.gateway_url}/test/user`, { email });
  return { id: body.id, email };
}

/// Creates the first user, who is the admin, and registers the OAuth apps.
async function makeAdmin(world) {
  const { facts, post, sql } = world;
  const { id, email } = await account(world, "admin");
  await sql("update public.users set system_role = 'admin' where id = $1", [id]);
  const { body } = await post(facts.mint_url, { email });
  world.admin = {
    id,
    headers: { authorization: `Bearer ${body.access_token}`, apikey: facts.anon_key },
  };
  for (const service of ["github", "microsoft_todo"]) {
    const app = {
      service,
      client_id: `app-${service}`,
      client_secret: `canary-secret-of-app-${service}`,
    };
    const { status, body } = await post(
      `${facts.rest_url}/rpc/save_oauth_app`,
      app,
      world.admin.headers,
    );
    assert.equal(status, 204, JSON.stringify(body));
  }
}

/// A user with roles; each is {read_only?, permissions: [{module, tools, denied_tools?}]}.
async function makeUser(world, name, roles) {
  const { facts, post, sql } = world;
  const user = await account(world, name);
  await sql("update public.users set system_role = 'user' where id = $1", [user.id]);
  for (const [at, { read_only = false, permissions }] of roles.entries()) {
    const [role] = await sql(
      "insert into public.roles (name, read_only) values ($1, $2) returning id",
      [`${user.email}-${at}`, read_only],
    );
    await sql("insert into public.user_roles (user_id, role_id) values ($1, $2)", [
      user.id,
      role.id,
    ]);
    for (const { module, tools, denied_tools = [] } of permissions) {
      await sql(
        "insert into public.role_permissions (role_id, module, tools, denied_tools) values ($1, $2, $3, $4)",
        [role.id, module, tools, denied_tools],
      );
    }
  }
  user.mint = async (options = {}) =>
    (await post(facts.mint_url, { email: user.email, ...options })).body.access_token;
  user.token = await user.mint();
  user.headers = { authorization: `Bearer ${user.token}`, apikey: facts.anon_key };
  user.connect = async (service) => {
    const started = await post(
      `${facts.functions_url}/oauth-callback/start`,
      { service },
      { ...user.headers, origin: new URL(facts.console_url).origin },
    );
    assert.equal(started.status, 200, JSON.stringify(started.body));
    const consent = await fetch(started.body.authorize_url, { redirect: "manual" });
    const back = await fetch(consent.headers.get("location"), { redirect: "manual" });
    assert.equal(back.status, 303);
    const handle = new URL(back.headers.get("location")).searchParams.get("handle");
    const finished = await post(`${facts.rest_url}/rpc/finish_oauth`, { handle }, user.headers);
    assert.equal(finished.body.outcome, "ok", JSON.stringify(finished.body));
  };
  return user;
}

const everything = [
  { permissions: ["github", "microsoft_todo"].map((module) => ({ module, tools: ["*"] })) },
];

/// Sets the provider's behaviour.
async function control(world, settings) {
  await world.post(`${world.facts.provider_url}/control`, settings);
}

async function aClientUsesAService(world) {
  const user = await world.user("ada", everything);
  world.users.ada = user;
  const link = await world.said(user.token, "github", "get_me");
  assert.match(link, /^code: not_connected/);
  assert.ok(link.includes(`${world.facts.console_url}/oauth/connect?service=github`), link);
  await user.connect("github");

  const transport = new StreamableHTTPClientTransport(new URL(`${world.servers[1].url}/mcp`), {
    requestInit: { headers: { authorization: `Bearer ${user.token}` } },
  });
  const client = new Client({ name: "official", version: "1" });
  await client.connect(transport);
  const { tools } = await client.listTools();
  assert.deepEqual(
    tools.map(({ name }) => name),
    ["search_tools", "get_module_schema", "read", "call", "batch"],
  );
  const result = await client.callTool({
    name: "call",
    arguments: { module: "github", tool: "get_me", params: {} },
  });
  assert.match(result.content[0].text, /login: ada/);
  await client.close();

  const stranger = await fetch(`${world.servers[0].url}/mcp`, { method: "POST", body: "{}" });
  assert.equal(stranger.status, 401);
  const metadata = /resource_metadata="([^"]+)"/.exec(stranger.headers.get("www-authenticate"))[1];
  assert.equal(metadata, `${world.facts.public_url}/.well-known/oauth-protected-resource/mcp`);
}

async function permissionsAreTheSameEverywhere(world) {
  const tools = {
    github: ["get_me", "get_repository", "create_issue", "delete_branch"],
    microsoft_todo: ["list_lists", "create_list"],
  };
  const shapes = {
    none: [],
    "read-only": [{ read_only: true, permissions: [{ module: "github", tools: ["*"] }] }],
    "some tools": [{ permissions: [{ module: "github", tools: ["get_me", "create_issue"] }] }],
    "denied tools": [
      {
        permissions: [
          { module: "github", tools: ["*"], denied_tools: ["create_issue", "delete_branch"] },
        ],
      },
    ],
    all: everything,
    "several roles": [
      { read_only: true, permissions: [{ module: "microsoft_todo", tools: ["*"] }] },
      { permissions: [{ module: "github", tools: ["get_repository", "delete_branch"] }] },
    ],
  };
  for (const [shape, roles] of Object.entries(shapes)) {
    const user = await world.user("shape", roles);
    const [{ sieve }] = await world.sql("select public.sieve($1) as sieve", [user.id]);
    const expected = new Set(
      Object.entries(sieve).flatMap(([module, { tools }]) =>
        tools.map((tool) => `${module}_${tool}`),
      ),
    );
    const listed = async (where) => {
      const { result, status } = await world.call(
        user.token,
        "",
        {},
        { method: "tools/list", path: where },
      );
      return status === 404 ? [] : result.tools.map(({ name }) => name);
    };
    const same = (actual, what) => assert.deepEqual(new Set(actual), expected, `${shape}: ${what}`);
    same(await listed("/mcp?tools=direct"), "tools=direct");
    same(
      (await Promise.all(Object.keys(tools).map((module) => listed(`/mcp/${module}`)))).flat(),
      "an endpoint a module",
    );
    const schemas = await Promise.all(
      Object.keys(tools).map((module) =>
        world.call(user.token, "get_module_schema", { modules: [module] }),
      ),
    );
    same(
      schemas
        .filter(({ result }) => !result.isError)
        .flatMap(({ result }) =>
          [...result.content[0].text.matchAll(/^(?:(\w+)\.)?([a-z0-9_]+)(?:\(|: [A-Z])/gm)].map(
            ([, , name]) => `${/^# (\w+)/.exec(result.content[0].text)[1]}_${name}`,
          ),
        ),
      "get_module_schema",
    );
    const pinned = Object.entries(tools).flatMap(([module, names]) =>
      names.map((name) => `${module}_${name}`),
    );
    const permittedPins = (await listed(`/mcp?pin=${pinned.join(",")}`)).filter((name) =>
      pinned.includes(name),
    );
    assert.deepEqual(
      new Set(permittedPins),
      new Set(pinned.filter((name) => expected.has(name))),
      `${shape}: pin`,
    );
    for (const [module, names] of Object.entries(tools)) {
      for (const tool of names) {
        const permitted = expected.has(`${module}_${tool}`);
        // Invalid arguments: an existing tool reports them, an unknown tool is not found.
        const called = await world.said(user.token, module, tool, { no_such_argument: 1 });
        assert.equal(
          called.startsWith("code: not_found"),
          !permitted,
          `${shape}: call ${module} ${tool}: ${called}`,
        );
        const { result } = await world.call(user.token, "batch", {
          calls: [{ id: "a", module, tool, params: { no_such_argument: 1 } }],
        });
        assert.equal(
          result.content[0].text.startsWith("code: not_found"),
          !permitted,
          `${shape}: batch ${module} ${tool}: ${result.content[0].text}`,
        );
      }
    }
    const templates = await world.call(user.token, "", {}, { method: "resources/templates/list" });
    const files = templates.result.resourceTemplates.some(
      ({ uriTemplate }) => uriTemplate.startsWith("github://") && uriTemplate.includes("contents"),
    );
    assert.equal(files, expected.has("github_get_file_contents"), `${shape}: resources`);
    const read = await world.call(
      user.token,
      "",
      { uri: "github://ada/engine/contents/README.md" },
      { method: "resources/read" },
    );
    const isUnknown = read.error?.message.startsWith("resource not found") ?? false;
    assert.equal(
      isUnknown,
      !expected.has("github_get_file_contents"),
      `${shape}: resources/read: ${JSON.stringify(read)}`,
    );
    const template = templates.result.resourceTemplates.find(({ uriTemplate }) =>
      uriTemplate.startsWith("github://"),
    )?.uriTemplate;
    const completion = await world.call(
      user.token,
      "",
      {
        ref: { type: "ref/resource", uri: template ?? "github://{owner}/{repo}/contents/{+path}" },
        argument: { name: "owner", value: "a" },
      },
      { method: "completion/complete" },
    );
    assert.equal(
      completion.error !== undefined,
      template === undefined,
      `${shape}: completion: ${JSON.stringify(completion)}`,
    );
  }
  // A broken module is missing for everyone in the sieve's next answer.
  await world.sql("update public.module_registry set status = 'broken' where module = 'github'");
  const user = await world.user("broken", everything);
  const { result } = await world.call(
    user.token,
    "",
    {},
    { method: "tools/list", path: "/mcp?tools=direct" },
  );
  assert.ok(
    result.tools.length > 0 && !result.tools.some(({ name }) => name.startsWith("github_")),
  );
  await world.sql("update public.module_registry set status = 'stable' where module = 'github'");
}

async function oneRefreshForFiftyCalls(world) {
  const user = await world.user("many", everything);
  await control(world, { expires_in: 1 });
  await user.connect("microsoft_todo");
  await new Promise((resolve) => setTimeout(resolve, 1100));
  await control(world, { expires_in: 3600, delay_ms: 300 });
  const counts = async () => await (await fetch(`${world.facts.provider_url}/counts`)).json();
  const before = await counts();
  const calls = Array.from({ length: 50 }, (_, at) =>
    world.said(user.token, "microsoft_todo", "list_lists", {}, { at: at % PROCESSES }),
  );
  for (const text of await Promise.all(calls)) assert.match(text, /Tasks/);
  const after = await counts();
  await control(world, { delay_ms: 0 });
  assert.deepEqual(
    [after.refreshes - before.refreshes, after.reuses - before.reuses],
    [1, 0],
    "the provider sees one refresh",
  );
}

async function anEndedConnectionIsReconnectedAlone(world) {
  const { ada } = world.users;
  const bob = await world.user("bob", everything);
  await control(world, { expires_in: 1 });
  await bob.connect("microsoft_todo");
  await bob.connect("github");
  await control(world, { expires_in: 3600, fail: 0 });
  await new Promise((resolve) => setTimeout(resolve, 1100));
  await control(world, { answer: JSON.stringify({ error: "invalid_grant" }) });
  const text = await world.said(bob.token, "microsoft_todo", "list_lists");
  await control(world, { answer: null });
  assert.match(text, /^code: reconnect_required/);
  assert.ok(text.includes("/oauth/connect?service=microsoft_todo&account="), text);
  assert.match(await world.said(bob.token, "github", "get_me"), /login: ada/);
  assert.match(await world.said(ada.token, "github", "get_me", {}, { at: 2 }), /login: ada/);
  await bob.connect("microsoft_todo");
  assert.match(await world.said(bob.token, "microsoft_todo", "list_lists", {}, { at: 3 }), /Tasks/);
}

async function anApiTokenWorksUntilItIsRevoked(world) {
  const { ada } = world.users;
  const { body } = await world.post(
    `${world.facts.rest_url}/rpc/create_api_token`,
    { name: "e2e" },
    ada.headers,
  );
  const token = typeof body === "string" ? body : body.token;
  assert.match(token, /^mcpist_[0-9A-Za-z]+$/);
  assert.match(await world.said(token, "github", "get_me", {}, { at: 1 }), /login: ada/);
  await world.sql("update public.api_tokens set revoked_at = now() where user_id = $1", [ada.id]);
  // A server that has not cached the token refuses it immediately; one that has uses its cache for a minute.
  assert.equal((await world.call(token, "", {}, { method: "tools/list", at: 2 })).status, 401);
}

async function whatIsTakenAwayIsGoneWithinAMinute(world) {
  const user = await world.user("taken", [
    { permissions: [{ module: "github", tools: ["get_me"] }] },
  ]);
  await user.connect("github");
  assert.match(await world.said(user.token, "github", "get_me", {}, { at: 0 }), /login: ada/);
  await world.sql(
    "delete from public.role_permissions where role_id in (select role_id from public.user_roles where user_id = $1)",
    [user.id],
  );
  assert.match(await world.said(user.token, "github", "get_me", {}, { at: 1 }), /^code: not_found/);
  await world.sql("update public.users set disabled_at = now() where id = $1", [user.id]);
  assert.equal((await world.call(user.token, "", {}, { method: "tools/list", at: 2 })).status, 401);
}

async function everythingIsInTheAuditTrail(world) {
  const { ada } = world.users;
  await world.said(ada.token, "github", "get_repository", { owner: "ada", repo: "engine" });
  await world.said(ada.token, "jira", "get_issue", { issue: "X-1" });
  const rows = async () =>
    await world.sql(
      "select module, tool, outcome, client, argument_names from public.audit_logs where user_id = $1 and action = 'tool.call' order by at",
      [ada.id],
    );
  const deadline = Date.now() + 15_000;
  let found;
  do {
    assert.ok(Date.now() < deadline, `not all events came: ${JSON.stringify(found)}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
    found = await rows();
  } while (!found.some(({ tool }) => tool === "get_issue"));
  const has = (row) =>
    assert.ok(
      found.some((event) => JSON.stringify(event) === JSON.stringify(row)),
      `${JSON.stringify(row)} is not in ${JSON.stringify(found)}`,
    );
  has({
    module: "github",
    tool: "get_me",
    outcome: "not_connected",
    client: "e2e",
    argument_names: [],
  });
  has({
    module: "github",
    tool: "get_me",
    outcome: "success",
    client: "official",
    argument_names: [],
  });
  has({
    module: "github",
    tool: "get_repository",
    outcome: "success",
    client: "e2e",
    argument_names: ["owner", "repo"],
  });
  has({ module: "jira", tool: "get_issue", outcome: "denied", client: "e2e", argument_names: [] });
}

/// The server with the functions of 0.1.0, as in the middle of an upgrade, or when they were rolled back: recorded answers, and a
/// trail that refuses fields that it does not know, as they did.
async function theFunctionsOfBeforeAreEnough(world) {
  const { ada } = world.users;
  const recorded = JSON.parse(
    readFileSync(path.join(import.meta.dirname, "releases/0.1.0/exchanges.json"), "utf8"),
  ).filter(({ from }) => from === "server");
  const [{ access_token }] = await world.sql(
    "select decrypted_secret as access_token from vault.decrypted_secrets v join public.oauth_tokens t on t.access_secret_id = v.id where t.user_id = $1 and t.service = 'github'",
    [ada.id],
  );
  const events = recorded.find(({ to }) => to === "audit-log");
  const fields = new Set(Object.keys(events.body.events[0]));
  const told = [];
  const refused = [];
  const functions = http.createServer(async (request, response) => {
    const name = request.url.split("/").pop();
    const body = await json(request);
    const known = recorded.find(({ to, status }) => to === name && status < 300);
    if (!known) return send(response, 404, { code: "NOT_FOUND", message: "not found" });
    if (name === "audit-log") {
      const strange = body.events.flatMap(Object.keys).filter((field) => !fields.has(field));
      if (strange.length > 0) {
        refused.push(...strange);
        return send(response, 400, {
          error: { code: "invalid_request", message: "unknown field" },
        });
      }
      told.push(...body.events);
      return send(response, 202, { accepted: body.events.length });
    }
    const answer = JSON.stringify(known.answer)
      .replaceAll("{user}", ada.id)
      .replaceAll("{version}", "0".repeat(32))
      .replaceAll("{access_token}", access_token);
    send(response, known.status, JSON.parse(answer));
  });
  functions.listen(0, "127.0.0.1");
  await once(functions, "listening");
  const server = await world.another({
    TOKEN_BROKER_URL: `http://127.0.0.1:${functions.address().port}/functions/v1/token-exchanger`,
    JWKS_URL: world.facts.jwks_url,
    JWT_ISSUER: world.facts.issuer,
  });
  try {
    const at = world.servers.push(server) - 1;
    assert.match(await world.said(ada.token, "github", "get_me", {}, { at }), /login: ada/);
    assert.match(
      await world.said(ada.token, "jira", "get_issue", { issue: "X-1" }, { at }),
      /^code: not_found/,
    );
    const deadline = Date.now() + 15_000;
    while (told.length < 2 && refused.length === 0) {
      assert.ok(Date.now() < deadline, `not all events came: ${JSON.stringify(told)}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert.deepEqual(refused, [], "fields that functions of 0.1.0 refuse");
    assert.deepEqual(told.map(({ tool, outcome }) => `${tool} ${outcome}`).sort(), [
      "get_issue denied",
      "get_me success",
    ]);
  } finally {
    await server.process.stop();
    functions.close();
    functions.closeAllConnections();
  }
}

/// Every secret of the provider begins with `canary-`, and users' tokens are known: none may be in any other place.
async function noSecretIsAnywhere(world) {
  const tokens = Object.values(world.users).map(({ token }) => token.split(".")[2]);
  const secrets = ["canary-", ...tokens];
  const look = (text, where) => {
    for (const secret of secrets)
      assert.ok(
        !text.includes(secret),
        `a secret is in ${where}: ${text.slice(Math.max(0, text.indexOf(secret) - 80), text.indexOf(secret) + 40)}`,
      );
  };
  for (const [at, text] of world.answers.entries()) look(text, `answer ${at}`);
  for (const file of readdirSync(world.facts.logs)) {
    if (!file.startsWith("postgrest"))
      look(readFileSync(path.join(world.facts.logs, file), "utf8"), file);
  }
  look(JSON.stringify(await world.sql("select * from public.audit_logs")), "audit_logs");
}
