// oauth-callback: connects services.
import assert from "node:assert/strict";
import pg from "pg";
import {
  type Answer,
  admin,
  comeBack,
  consoleOrigin,
  fails,
  follow,
  mint,
  post,
  providers,
  request,
  sha256,
  sql,
  stack,
  User,
  until,
} from "./stack.ts";

const ACCOUNTS: Record<string, string> = {
  github: "ada",
  notion: "Ada's workspace",
  jira: "acme",
  confluence: "acme",
  supabase: "Ada's projects",
  google_calendar: "ada@example.com",
  microsoft_todo: "ada@example.com",
};

/** Holds that the database refused. */
const refused = (answer: Answer, status: number) =>
  assert.equal(answer.status, status, JSON.stringify(answer.body));

Deno.test("each of the seven services can be connected and gets an account name", async () => {
  const user = await User.create(Object.keys(ACCOUNTS));
  for (const [service, account] of Object.entries(ACCOUNTS)) {
    assert.deepEqual(await user.connect(service), { outcome: "ok", service, account });
    assert.equal((await user.exchange(service)).status, 200, service);
  }
  const rows = await sql(
    "select service, metadata from public.oauth_tokens where user_id = $1 and metadata <> '{}' order by 1",
    [user.id],
  );
  const cloud_id = "11111111-2222-4333-8444-555555555555";
  const metadata = (service: string) => ({
    service,
    metadata: {
      base_url: `${stack.provider_url}/api.atlassian.com/ex/${service}/${cloud_id}`,
      cloud_id,
      site: "https://acme.atlassian.net",
    },
  });
  assert.deepEqual(rows, [metadata("confluence"), metadata("jira")]);
});

Deno.test("Atlassian's scopes include those of every tool, and a refresh token", async () => {
  const user = await User.create(["jira", "confluence"]);
  for (const service of ["jira", "confluence"]) {
    const module = JSON.parse(
      await Deno.readTextFile(
        new URL(`../../../src/modules/${service}/module.json`, import.meta.url),
      ),
    );
    const needed: string[] = module.tools.flatMap(
      (tool: { permissions?: string[] }) => tool.permissions ?? [],
    );
    assert.ok(needed.length > 50);
    const asked = new URL((await user.start({ service })).body.authorize_url).searchParams
      .get("scope")!
      .split(" ");
    assert.deepEqual(new Set(needed).difference(new Set(asked)), new Set(), service);
    assert.ok(asked.includes("offline_access"));
  }
});

Deno.test("an app's own scopes and tenant replace the defaults", async () => {
  const user = await User.create(["microsoft_todo"]);
  const app = {
    service: "microsoft_todo",
    client_id: "app-microsoft_todo",
    scopes: ["offline_access", "Tasks.Read"],
    tenant: "organizations",
  };
  await (await admin()).rest("rpc/save_oauth_app", app);
  const url = new URL((await user.start({ service: "microsoft_todo" })).body.authorize_url);
  assert.match(url.pathname, /\/organizations\/oauth2\/v2\.0\/authorize$/);
  assert.equal(url.searchParams.get("scope"), "offline_access Tasks.Read");
  await (await admin()).rest("rpc/save_oauth_app", {
    service: "microsoft_todo",
    client_id: "app-microsoft_todo",
  });
});

Deno.test("connecting again replaces the credential, even during a refresh", async () => {
  const user = await User.create(["jira"]);
  await user.connect("jira");
  await sql("update public.oauth_tokens set expires_at = now() where user_id = $1", [user.id]);
  await providers({ delay_ms: 500 }, async () => {
    const slow = user.exchange("jira");
    await until(
      async () =>
        (
          await sql("select refresh_lease from public.oauth_tokens where user_id = $1", [user.id])
        )[0].refresh_lease !== null,
    );
    assert.equal((await user.connect("jira")).outcome, "ok");
    assert.equal((await slow).status, 200);
  });
  const stored = await sql(
    "select refresh_lease, status from public.oauth_tokens where user_id = $1",
    [user.id],
  );
  assert.deepEqual(stored, [{ refresh_lease: null, status: "active" }]);
});

Deno.test("a state works once, for ten minutes, and only for its connection", async () => {
  const user = await User.create(["github"]);
  const begin = async () => (await user.start({ service: "github" })).body.authorize_url as string;
  const consent = async () => (await request(await begin())).headers.get("location")!;
  const check = async (url: string, reason: string, service: string | undefined = "github") => {
    assert.deepEqual(await comeBack(url), {
      status: "failed",
      ...(service && { service }),
      reason,
    });
  };

  const used = await consent();
  assert.match((await comeBack(used)).handle, /^[\w-]{43}$/);
  await check(used, "replayed");
  await providers({ deny: true }, async () =>
    assert.deepEqual(await follow(await begin()), {
      status: "failed",
      service: "github",
      reason: "denied",
    }),
  );
  const old = await consent();
  await sql(
    "update public.oauth_states set expires_at = now() where user_id = $1 and used_at is null",
    [user.id],
  );
  await check(old, "expired");
  const callback = `${stack.functions_url}/oauth-callback`;
  await check(`${callback}?code=x&state=${"x".repeat(43)}`, "unknown_state", "");
  await check(`${callback}?code=x`, "unknown_state", "");
  await check(`${callback}?code=x&state=${"x".repeat(5000)}`, "unknown_state", "");
  const mine = new URL(await consent());
  mine.searchParams.set("code", "somebody else's");
  await check(mine.href, "provider_error");
  const withoutCode = new URL(await consent());
  withoutCode.searchParams.delete("code");
  await check(withoutCode.href, "provider_error");
  const disabled = await consent();
  await sql("update public.users set disabled_at = now() where id = $1", [user.id]);
  await check(disabled, "user_disabled");
});

Deno.test("a credential belongs to the user who started, whatever browser returns", async () => {
  const [mallory, ada] = [await User.create(["github"]), await User.create(["github"])];
  const connections = () =>
    sql("select user_id from public.oauth_tokens where user_id = any($1)", [[mallory.id, ada.id]]);
  const secrets = async () => (await sql("select count(*)::int from vault.secrets"))[0].count;
  const before = await secrets();
  // Mallory sends ada the provider's page, and ada allows it: no user has a credential yet.
  const { body } = await mallory.start({ service: "github" });
  const { handle, ...rest } = await follow(body.authorize_url);
  assert.deepEqual(rest, { service: "github" });
  assert.deepEqual(await connections(), []);
  assert.equal((await mallory.exchange("github")).status, 404);
  assert.equal(await secrets(), before + 1);
  const { access_token } = await mint(mallory.email, { client_id: crypto.randomUUID() });
  const client = new User(mallory.id, mallory.email, mallory.role, access_token);
  refused(await client.rest("rpc/finish_oauth", { handle }), 403);
  refused(
    await post(`${stack.rest_url}/rpc/finish_oauth`, { handle }, { apikey: stack.anon_key }),
    401,
  );
  // Ada's console tries to finish: the credential is deleted, and mallory gets nothing afterwards either.
  assert.deepEqual(await ada.finish(handle), { outcome: "other_user", service: "github" });
  assert.equal(await secrets(), before);
  assert.deepEqual(await mallory.finish(handle), { outcome: "replayed", service: "github" });
  assert.deepEqual(await connections(), []);
  const [event] = await sql(
    "select outcome, module, detail from public.audit_logs where user_id = $1 and action = 'oauth.finish'",
    [ada.id],
  );
  assert.deepEqual(event, {
    outcome: "denied",
    module: "github",
    detail: { begun_by: mallory.id },
  });
});

Deno.test("a handle works once, for ten minutes, while the connection is still permitted", async () => {
  const user = await User.create(["github", "notion"]);
  const handle = async (service = "github") =>
    (await follow((await user.start({ service })).body.authorize_url)).handle;
  const used = await handle();
  assert.deepEqual(await user.finish(used), { outcome: "ok", service: "github", account: "ada" });
  assert.deepEqual(await user.finish(used), { outcome: "replayed", service: "github" });
  assert.deepEqual(await user.finish("x".repeat(43)), { outcome: "unknown_state" });
  const late = await handle("notion");
  await sql(
    "update public.oauth_states set expires_at = now() where user_id = $1 and finished_at is null",
    [user.id],
  );
  assert.deepEqual(await user.finish(late), { outcome: "expired", service: "notion" });
  const forbidden = await handle("notion");
  await sql("delete from public.role_permissions where role_id = $1 and module = 'notion'", [
    user.role,
  ]);
  assert.deepEqual(await user.finish(forbidden), { outcome: "not_permitted", service: "notion" });
  const [once, twice] = [await handle(), await handle()];
  const ends = await Promise.all(Array.from({ length: 10 }, () => user.finish(once)));
  assert.deepEqual(ends.map(({ outcome }) => outcome).sort(), ["ok", ...Array(9).fill("replayed")]);
  await sql("update public.users set disabled_at = now() where id = $1", [user.id]);
  refused(await user.rest("rpc/finish_oauth", { handle: twice }), 403);
  const rows = await sql("select service from public.oauth_tokens where user_id = $1", [user.id]);
  assert.deepEqual(rows, [{ service: "github" }]);
});

Deno.test("a shared credential is stored only if the user is still an admin", async () => {
  const user = await User.create(["github"], { admin: true });
  await admin();
  const share = async () =>
    (
      await follow(
        (
          await user.start({ service: "github", shared_with_role: user.role })
        ).body.authorize_url,
      )
    ).handle;
  const first = await share();
  assert.deepEqual(await (await User.create(["github"], { admin: true })).finish(first), {
    outcome: "other_user",
    service: "github",
  });
  assert.deepEqual(await user.finish(await share()), {
    outcome: "ok",
    service: "github",
    account: "ada",
  });
  const late = await share();
  await sql("update public.users set system_role = 'user' where id = $1", [user.id]);
  assert.deepEqual(await user.finish(late), { outcome: "not_permitted", service: "github" });
  const rows = await sql("select account from public.oauth_tokens where role_id = $1", [user.role]);
  assert.deepEqual(rows, [{ account: "ada" }]);
});

Deno.test("a connection that is revoked while the provider answers is not stored", async () => {
  const user = await User.create(["github"]);
  const back = (
    await request((await user.start({ service: "github" })).body.authorize_url)
  ).headers.get("location")!;
  const end = await providers({ delay_ms: 500 }, async () => {
    const coming = comeBack(back);
    await until(
      async () =>
        (
          await sql("select from public.oauth_states where user_id = $1 and used_at is not null", [
            user.id,
          ])
        ).length === 1,
    );
    await user.rest("rpc/revoke_user_tokens", { p_user: user.id });
    return await coming;
  });
  assert.deepEqual(end, { status: "failed", service: "github", reason: "unknown_state" });
});

Deno.test("two browsers with one state make one connection", async () => {
  const user = await User.create(["github"]);
  const { body } = await user.start({ service: "github" });
  const back = (await request(body.authorize_url)).headers.get("location")!;
  const ends = await Promise.all(Array.from({ length: 10 }, () => comeBack(back)));
  assert.equal(ends.filter(({ handle }) => handle).length, 1);
  assert.equal(ends.filter(({ reason }) => reason === "replayed").length, 9);
});

Deno.test("only one of two transactions gets a state", async () => {
  const user = await User.create(["github"]);
  const { body } = await user.start({ service: "github" });
  const hash = sha256(new URL(body.authorize_url).searchParams.get("state")!);
  const clients = [new pg.Client(stack.database_url), new pg.Client(stack.database_url)];
  await Promise.all(clients.map((client) => client.connect()));
  const consume = async (client: pg.Client) =>
    (await client.query("select public.consume_oauth_state($1) ->> 'outcome' as outcome", [hash]))
      .rows[0].outcome;
  await clients[0].query("begin");
  assert.equal(await consume(clients[0]), "ok");
  const second = consume(clients[1]);
  const waits =
    "select count(*)::int from pg_stat_activity where wait_event_type = 'Lock' and query like '%consume_oauth_state%'";
  await until(async () => (await sql(waits))[0].count === 1);
  await clients[0].query("commit");
  assert.equal(await second, "replayed");
  await Promise.all(clients.map((client) => client.end()));
});

Deno.test("a provider's failure redirects to the console", async () => {
  const user = await User.create(["jira"]);
  const check = async (settings: Record<string, unknown>, end: Record<string, string>) => {
    const { body } = await user.start({ service: "jira" });
    const back = (await request(body.authorize_url)).headers.get("location")!;
    assert.deepEqual(await providers(settings, () => comeBack(back)), {
      status: "failed",
      service: "jira",
      ...end,
    });
  };
  await check({ fail: 500 }, { reason: "provider_unavailable" });
  await check({ answer: "no json" }, { reason: "provider_unavailable" });
  await check({ sites: [] }, { reason: "no_site" });
  await check(
    {
      sites: [{ id: "../../evil", url: "https://acme.atlassian.net", scopes: ["read:jira-work"] }],
    },
    { reason: "no_site" },
  );
  await check(
    {
      sites: [{ id: crypto.randomUUID(), url: "https://evil.example", scopes: ["read:jira-work"] }],
    },
    { reason: "no_site" },
  );
  await check(
    {
      sites: [
        {
          id: crypto.randomUUID(),
          url: "https://acme.atlassian.net",
          scopes: ["search:confluence"],
        },
      ],
    },
    {
      reason: "no_site",
    },
  );
  assert.deepEqual(
    await sql("select id from public.oauth_tokens where user_id = $1", [user.id]),
    [],
  );
});

Deno.test("the user selects one of several sites", async () => {
  const user = await User.create(["jira"]);
  const site = (name: string) => ({
    id: crypto.randomUUID(),
    url: `https://${name}.atlassian.net`,
    scopes: ["read:jira-work"],
  });
  await providers({ sites: [site("acme"), site("home")] }, async () => {
    assert.deepEqual(await user.connect("jira"), {
      ...{ status: "failed", service: "jira", reason: "site_required" },
      sites: "https://acme.atlassian.net,https://home.atlassian.net",
    });
    assert.equal(
      (await user.connect("jira", { site: "https://home.atlassian.net" })).account,
      "home",
    );
  });
});

Deno.test("a connection that is not permitted does not start", async () => {
  const user = await User.create(["github"]);
  fails(await user.start({ service: "notion" }), 403, "not_permitted");
  fails(await user.start({ service: "github", shared_with_role: user.role }), 403, "not_permitted");
  fails(
    await (await admin()).start({ service: "github", shared_with_role: crypto.randomUUID() }),
    400,
    "invalid_request",
  );
  for (const service of ["toString", "toy", ""])
    fails(await user.start({ service }), 400, "invalid_request");
  fails(
    await user.start({ service: "github", site: "https://acme.atlassian.net" }),
    400,
    "invalid_request",
  );
  fails(
    await user.start({ service: "jira", site: "https://evil.example" }),
    400,
    "invalid_request",
  );
  const {
    body: { token },
  } = await user.rest("rpc/create_api_token", { name: "x" });
  const start = `${stack.functions_url}/oauth-callback/start`;
  fails(
    await post(start, { service: "github" }, { "x-mcpist-token": token, apikey: stack.anon_key }),
    403,
    "forbidden",
  );
});

Deno.test("only pages of the console's origin may start a connection", async () => {
  const ask = (origin: string) =>
    request(`${stack.functions_url}/oauth-callback/start`, {
      method: "OPTIONS",
      headers: { origin, "access-control-request-method": "POST" },
    });
  const allowed = await ask(consoleOrigin);
  assert.deepEqual(
    [allowed.status, allowed.headers.get("access-control-allow-origin")],
    [204, consoleOrigin],
  );
  assert.match(allowed.headers.get("access-control-allow-headers")!, /authorization/);
  assert.equal(
    (await ask("https://evil.example")).headers.get("access-control-allow-origin"),
    null,
  );
  const user = await User.create(["github"]);
  assert.equal(
    (await user.start({ service: "github" })).headers.get("access-control-allow-origin"),
    consoleOrigin,
  );
  const other = await request(`${stack.functions_url}/tool-sieve`, {
    method: "OPTIONS",
    headers: { origin: consoleOrigin },
  });
  assert.equal(other.status, 405);
});
