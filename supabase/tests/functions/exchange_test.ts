// token-exchanger: credentials, and one refresh at a time.
import assert from "node:assert/strict";
import {
  type Answer,
  admin,
  counts,
  fails,
  mint,
  post,
  providers,
  request,
  services,
  sha256,
  sql,
  stack,
  User,
} from "./stack.ts";

const ended = (user: User) =>
  sql(
    "update public.oauth_tokens set expires_at = now() - interval '1 second' where user_id = $1",
    [user.id],
  );

Deno.test("a valid token is returned as it is stored", async () => {
  const user = await User.create(["jira"]);
  assert.deepEqual(await user.connect("jira"), { outcome: "ok", service: "jira", account: "acme" });
  const { status, body, headers } = await user.exchange("jira");
  assert.equal(status, 200);
  assert.equal(headers.get("cache-control"), "no-store");
  assert.match(body.access_token, /^canary-access-/);
  assert.ok(Date.parse(body.expires_at) > Date.now());
  const base_url = `${stack.provider_url}/api.atlassian.com/ex/jira/11111111-2222-4333-8444-555555555555`;
  assert.deepEqual(
    { ...body, access_token: 0, expires_at: 0 },
    {
      access_token: 0,
      token_type: "bearer",
      expires_at: 0,
      account: "acme",
      base_url,
      shared: false,
    },
  );
  assert.deepEqual((await user.exchange("jira")).body, body);
  assert.deepEqual((await user.exchange("jira", { rejected: sha256("another token") })).body, body);
});

Deno.test("fifty callers with a refused token cause one refresh, and the token family survives", async () => {
  const user = await User.create(["jira"]);
  await user.connect("jira");
  const {
    body: { access_token },
  } = await user.exchange("jira");
  for (const round of [1, 2]) {
    // One minute later.
    await sql(
      "update public.oauth_tokens set refreshed_at = now() - interval '61 seconds' where user_id = $1",
      [user.id],
    );
    const before = await counts();
    const { body: current } = await user.exchange("jira");
    const answers = await providers({ delay_ms: 300 }, () =>
      Promise.all(
        Array.from({ length: 50 }, () =>
          user.exchange("jira", { rejected: sha256(current.access_token) }),
        ),
      ),
    );
    const after = await counts();
    assert.deepEqual(
      [after.refreshes - before.refreshes, after.reuses - before.reuses],
      [1, 0],
      `round ${round}`,
    );
    const tokens = new Set(answers.map(({ body }) => body.access_token));
    assert.equal(tokens.size, 1);
    assert.notEqual([...tokens][0], access_token);
  }
});

Deno.test("reuse of a refresh token ends the connection, which single refreshes prevent", async () => {
  const user = await User.create(["jira"]);
  await user.connect("jira");
  const [{ refresh_secret_id, old }] = await sql(
    "select refresh_secret_id, private.secret(refresh_secret_id) as old from public.oauth_tokens where user_id = $1",
    [user.id],
  );
  await ended(user);
  assert.equal((await user.exchange("jira")).status, 200);
  const before = await counts();
  await sql("select vault.update_secret($1, $2)", [refresh_secret_id, old]);
  await ended(user);
  fails(await user.exchange("jira"), 409, "reconnect_required");
  assert.equal((await counts()).reuses - before.reuses, 1);
});

Deno.test("an instance that dies during a refresh does not block others for long", async () => {
  const user = await User.create(["jira"]);
  await user.connect("jira");
  await sql(
    `update public.oauth_tokens set expires_at = now(), refresh_lease = gen_random_uuid(), refresh_lease_until = now() + interval '2 seconds'
     where user_id = $1`,
    [user.id],
  );
  const before = await counts();
  const answers = await Promise.all([user.exchange("jira"), user.exchange("jira")]);
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 200],
  );
  assert.equal((await counts()).refreshes - before.refreshes, 1);
});

Deno.test("fifty callers with an expired token cause one refresh", async () => {
  const user = await User.create(["microsoft_todo"]);
  await user.connect("microsoft_todo");
  await ended(user);
  const before = await counts();
  const answers = await Promise.all(
    Array.from({ length: 50 }, () => user.exchange("microsoft_todo")),
  );
  assert.deepEqual((await counts()).refreshes - before.refreshes, 1);
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
});

Deno.test("a refresh token that the provider keeps is used repeatedly", async () => {
  const user = await User.create(["google_calendar"]);
  assert.equal((await user.connect("google_calendar")).account, "ada@example.com");
  const seen = new Set<string>();
  for (let round = 0; round < 3; round++) {
    await ended(user);
    seen.add((await user.exchange("google_calendar")).body.access_token);
  }
  assert.equal(seen.size, 3);
});

Deno.test("an expired grant requires reconnecting, only for this connection", async () => {
  const user = await User.create(["supabase", "notion"]);
  await user.connect("supabase");
  await user.connect("notion");
  await post(`${stack.provider_url}/revoke`, {});
  await sql(
    "update public.oauth_tokens set expires_at = now() where user_id = $1 and service = 'supabase'",
    [user.id],
  );
  for (let time = 0; time < 2; time++) {
    const answer = await user.exchange("supabase");
    fails(answer, 409, "reconnect_required");
    assert.equal(
      answer.body.error.connect_url,
      `${stack.console_url}/oauth/connect?service=supabase&account=Ada's%20projects`,
    );
  }
  assert.equal((await user.exchange("notion")).status, 200);
  assert.equal((await user.ask("tool-sieve", {})).body.modules.supabase.connected, false);
  await user.connect("supabase");
  assert.equal((await user.exchange("supabase")).status, 200);
});

Deno.test("a provider's outage does not end the connection", async () => {
  const user = await User.create(["jira"]);
  await user.connect("jira");
  const {
    body: { access_token },
  } = await user.exchange("jira");
  const rejected = sha256(access_token);
  const check = async (settings: Record<string, unknown>) => {
    await sql("update public.oauth_tokens set refresh_failed_at = null where user_id = $1", [
      user.id,
    ]);
    const before = await counts();
    await providers(settings, async () => {
      const answer = await user.exchange("jira", { rejected });
      fails(answer, 502, "provider_unavailable");
      assert.equal(answer.body.error.retry_after_s, 5);
      // The next call does not retry immediately.
      fails(await user.exchange("jira", { rejected }), 502, "provider_unavailable");
    });
    assert.equal((await counts()).refreshes, before.refreshes);
  };
  await check({ fail: 500 });
  await check({ fail: 429 });
  await check({ answer: "<html>Maintenance</html>" });
  await check({ answer: "{}" });
  await check({ answer: '{"access_token": "with a blank", "token_type": "bearer"}' });
  await check({ answer: '{"access_token": "x", "token_type": "mac"}' });
  await check({ answer: JSON.stringify({ access_token: "x", padding: "x".repeat(70_000) }) });
  // A token that was not refused and has not expired is still used.
  await sql(
    "update public.oauth_tokens set refresh_failed_at = null, expires_at = now() + interval '30 seconds' where user_id = $1",
    [user.id],
  );
  await providers({ fail: 503 }, async () =>
    assert.equal((await user.exchange("jira")).body.access_token, access_token),
  );
  await sql("update public.oauth_tokens set refresh_failed_at = null where user_id = $1", [
    user.id,
  ]);
  assert.notEqual((await user.exchange("jira", { rejected })).body.access_token, access_token);
});

Deno.test("a token without refresh requires reconnecting once it no longer works", async () => {
  const user = await User.create(["github"]);
  await user.connect("github");
  const { body } = await user.exchange("github");
  assert.equal(body.expires_at, null);
  await request(`${stack.provider_url}/expire`, { method: "POST" });
  fails(
    await user.exchange("github", { rejected: sha256(body.access_token) }),
    409,
    "reconnect_required",
  );
});

Deno.test("a refusal because of a missing scope does not end a credential", async () => {
  // Jira refuses one call of a member with 401, although the team's token is valid.
  const [boss, member] = [await admin(), await User.create(["jira"])];
  await post(`${stack.provider_url}/services`, { "acme.atlassian.net/rest/api/3/myself": {} });
  const shared = {
    service: "jira",
    token: "team@example.com:api-token-of-the-team",
    token_type: "basic",
    base_url: "https://acme.atlassian.net",
    shared_with_role: member.role,
  };
  const [{ id }] = await made(boss.rest("rpc/connect_with_token", shared), member.role);
  const asked = async () => await services("acme.atlassian.net/rest/api/3/myself");
  const status = async () =>
    (await sql("select status from public.oauth_tokens where id = $1", [id]))[0].status;
  const rejected = sha256(shared.token);
  const answer = async (who = member) => await who.exchange("jira", { rejected });

  await post(`${stack.provider_url}/good`, { authorization: `Basic ${btoa(shared.token)}` });
  const before = await asked();
  for (let time = 0; time < 3; time++) {
    const { status: code, body } = await answer();
    assert.deepEqual([code, body.access_token], [200, shared.token]);
  }
  assert.deepEqual(
    [await status(), (await asked()) - before],
    ["active", 1],
    "asked once a minute",
  );

  // A service that does not answer has not refused the token.
  const again = () =>
    sql("update public.oauth_tokens set probed_at = now() - interval '61 seconds' where id = $1", [
      id,
    ]);
  await again();
  await providers({ fail_services: 503 }, async () => assert.equal((await answer()).status, 200));
  assert.equal(await status(), "active");

  // If the token itself has expired, the first refusal ends it for all users.
  await again();
  await post(`${stack.provider_url}/good`, { authorization: null });
  fails(await answer(), 409, "reconnect_required");
  assert.equal(await status(), "reconnect_required");
});

Deno.test("without a probe, a user's own credential ends, and a shared one does not", async () => {
  await sql(
    'select public.sync_catalogue(\'{"modules": [{"module": "own", "title": "Own", "description": "", "api_version": "1", "tools": [{"tool": "ask", "description": "", "read_only": true, "destructive": false}]}]}\')',
  );
  const [boss, member] = [await admin(), await User.create(["own"])];
  const token = "a-token-of-an-own-module";
  const shared = { service: "own", token, shared_with_role: member.role };
  const [{ id }] = await made(boss.rest("rpc/connect_with_token", shared), member.role);
  assert.equal((await member.exchange("own", { rejected: sha256(token) })).status, 200);
  assert.deepEqual(await sql("select status from public.oauth_tokens where id = $1", [id]), [
    { status: "active" },
  ]);
  await member.rest("rpc/connect_with_token", { service: "own", token, account: "mine" });
  const mine = { account: "mine", rejected: sha256(token) };
  fails(await member.exchange("own", mine), 409, "reconnect_required");
  await sql("delete from public.module_registry where module = 'own'");
});

Deno.test("a reported refusal forces at most one refresh per minute", async () => {
  const user = await User.create(["jira"]);
  await user.connect("jira");
  let { body } = await user.exchange("jira");
  const before = await counts();
  for (let time = 0; time < 5; time++)
    ({ body } = await user.exchange("jira", { rejected: sha256(body.access_token) }));
  assert.equal((await counts()).refreshes - before.refreshes, 1);
});

/** The credentials that a role has after this. */
async function made(connecting: Promise<Answer>, role: string) {
  const { status, body } = await connecting;
  assert.equal(status, 200, JSON.stringify(body));
  return await sql("select id from public.oauth_tokens where role_id = $1", [role]);
}

Deno.test("a pasted token is returned with its type", async () => {
  const user = await User.create(["jira", "notion"]);
  const token = "user@example.com:canary-api-token";
  const pasted = {
    service: "jira",
    account: "work",
    token_type: "basic",
    base_url: "https://acme.atlassian.net",
  };
  assert.equal((await user.rest("rpc/connect_with_token", { ...pasted, token })).status, 200);
  const { body } = await user.exchange("jira");
  assert.deepEqual(body, {
    access_token: token,
    token_type: "basic",
    expires_at: null,
    account: "work",
    base_url: pasted.base_url,
    shared: false,
  });
  await user.rest("rpc/connect_with_token", { service: "notion", token: "ntn_canary-notion" });
  assert.deepEqual((await user.exchange("notion")).body, {
    access_token: "ntn_canary-notion",
    token_type: "bearer",
    expires_at: null,
    account: "default",
    shared: false,
  });
});

Deno.test("a user's own credential precedes a shared one; several require a name", async () => {
  const [user, other] = [await User.create(["notion"]), await User.create(["notion"])];
  assert.equal(
    (await (await admin()).connect("notion", { shared_with_role: user.role, account: "team" }))
      .outcome,
    "ok",
  );
  const shared = await user.exchange("notion");
  assert.deepEqual([shared.body.account, shared.body.shared], ["team", true]);
  const none = await other.exchange("notion");
  fails(none, 404, "not_connected");
  assert.equal(none.body.error.connect_url, `${stack.console_url}/oauth/connect?service=notion`);
  assert.equal((await user.connect("notion")).account, "Ada's workspace");
  const own = await user.exchange("notion");
  assert.deepEqual([own.body.account, own.body.shared], ["Ada's workspace", false]);
  await user.connect("notion", { account: "home" });
  const several = await user.exchange("notion");
  fails(several, 409, "account_required");
  assert.deepEqual(several.body.error.accounts, ["Ada's workspace", "home", "team"]);
  assert.equal((await user.exchange("notion", { account: "team" })).body.shared, true);
  assert.equal((await user.exchange("notion", { account: "home" })).body.account, "home");
  fails(await user.exchange("notion", { account: "nobody" }), 404, "not_connected");
  await sql("delete from public.user_roles where user_id = $1", [user.id]);
  fails(await user.exchange("notion", { account: "team" }), 403, "not_permitted");
});

Deno.test("a service that the roles do not permit is refused", async () => {
  const user = await User.create(["github"]);
  await user.connect("github");
  fails(await user.exchange("notion"), 403, "not_permitted");
  fails(await user.exchange("no_such_service"), 403, "not_permitted");
  await sql("update public.role_permissions set tools = '{}' where role_id = $1", [user.role]);
  fails(await user.exchange("github"), 403, "not_permitted");
});

Deno.test("an invalid request gets a clear error", async () => {
  const user = await User.create(["github"]);
  const check = async (body: unknown, words: RegExp) => {
    const answer = await user.ask("token-exchanger", body);
    fails(answer, 400, "invalid_request");
    assert.match(answer.body.error.message, words);
  };
  await check([], /must be a JSON object/);
  await check({}, /needs `service`/);
  await check({ service: "GitHub" }, /`service`.*must be a name/);
  await check({ service: "github", rejected: "token" }, /`rejected`.*SHA-256/);
  await check({ service: "github", account: "a\nb" }, /`account`/);
  await check({ service: "github", user_id: "x" }, /unknown field "user_id"/);
});

Deno.test("an admin tests a shared credential without the role; it is renewed if necessary, and not shown", async () => {
  const [boss, user] = [await admin(), await User.create(["notion"])];
  const test = (who: User, id: unknown) =>
    post(`${stack.functions_url}/token-exchanger/test`, { id }, who.bearer);
  await post(`${stack.provider_url}/services`, {
    "api.notion.com/v1/users/me": {},
    "acme.atlassian.net/rest/api/3/myself": {},
  });
  assert.equal(
    (await boss.connect("notion", { shared_with_role: user.role, account: "team" })).outcome,
    "ok",
  );
  const [{ id }] = await sql("select id from public.oauth_tokens where role_id = $1", [user.role]);
  const works = await test(boss, id);
  assert.deepEqual([works.status, works.body], [200, { works: true, status: 200 }]);
  fails(await test(user, id), 403, "forbidden");
  fails(await test(boss, crypto.randomUUID()), 404, "not_found");
  fails(await test(boss, "no id"), 400, "invalid_request");
  const client = await mint(boss.email, { client_id: crypto.randomUUID() });
  fails(
    await test(new User(boss.id, boss.email, boss.role, client.access_token), id),
    403,
    "forbidden",
  );

  // Access tokens have expired at the provider: the refusal renews the credential, once.
  const before = await counts();
  await request(`${stack.provider_url}/expire`, { method: "POST" });
  assert.deepEqual((await test(boss, id)).body, { works: true, status: 200 });
  assert.equal((await counts()).refreshes - before.refreshes, 1);

  // The app was removed there: the connection has ended, and its row is marked.
  await request(`${stack.provider_url}/revoke`, { method: "POST" });
  fails(await test(boss, id), 409, "reconnect_required");
  assert.deepEqual(await sql("select status from public.oauth_tokens where id = $1", [id]), [
    { status: "reconnect_required" },
  ]);

  // A pasted token cannot be renewed; an admin cannot test a user's own credential.
  const pasted = {
    service: "jira",
    token: "team@example.com:wrong-token",
    token_type: "basic",
    base_url: "https://acme.atlassian.net",
    shared_with_role: user.role,
  };
  const { body: jira } = await boss.rest("rpc/connect_with_token", pasted);
  fails(await test(boss, jira), 409, "reconnect_required");
  await user.connect("notion");
  const [own] = await sql("select id from public.oauth_tokens where user_id = $1", [user.id]);
  fails(await test(boss, own.id), 404, "not_found");
});
