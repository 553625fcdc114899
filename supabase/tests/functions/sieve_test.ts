// tool-sieve: the tools that the caller can use.
import assert from "node:assert/strict";
import { Client, claims, fails, post, sql, stack, User } from "./stack.ts";

Deno.test("the answer contains the permitted tools, the accounts, and whether one is connected", async () => {
  const user = await User.create(["notion"]);
  await sql(
    "insert into public.role_permissions (role_id, module, tools) values ($1, 'github', '{get_me,list_issues}')",
    [user.role],
  );
  await user.connect("github");
  const { status, body } = await user.ask("tool-sieve", {});
  assert.equal(status, 200);
  assert.deepEqual(Object.keys(body).sort(), [
    ...["confirm", "modules", "token_id", "ttl_s", "user_id", "version"],
  ]);
  assert.deepEqual(
    [body.user_id, body.ttl_s, body.confirm, body.token_id],
    [user.id, 60, null, claims(user.token).session_id],
  );
  assert.deepEqual(Object.keys(body.modules).sort(), ["github", "notion"]);
  assert.deepEqual(body.modules.github, {
    status: "stable",
    tools: ["get_me", "list_issues"],
    accounts: ["ada"],
    connected: true,
  });
  assert.deepEqual([body.modules.notion.accounts, body.modules.notion.connected], [[], false]);
  const [{ count }] = await sql("select count(*)::int from public.tools where module = 'notion'");
  assert.equal(body.modules.notion.tools.length, count);
});

Deno.test("a user without a role has no modules", async () => {
  const user = await User.create();
  assert.deepEqual((await user.ask("tool-sieve", {})).body.modules, {});
});

Deno.test("an unchanged answer is not sent again", async () => {
  const user = await User.create(["github"]);
  const first = await user.ask("tool-sieve", {});
  const etag = first.headers.get("etag")!;
  assert.equal(etag, `"${first.body.version}"`);
  for (const known of [etag, `W/${etag}`, `"x", ${etag}`]) {
    const again = await user.ask("tool-sieve", {}, { "if-none-match": known });
    assert.deepEqual([again.status, again.body, again.headers.get("etag")], [304, "", etag], known);
  }
  assert.equal((await user.ask("tool-sieve", {}, { "if-none-match": '"x"' })).status, 200);
  await sql("update public.role_permissions set denied_tools = '{get_me}' where role_id = $1", [
    user.role,
  ]);
  const changed = await user.ask("tool-sieve", {}, { "if-none-match": etag });
  assert.equal(changed.status, 200);
  assert.ok(!changed.body.modules.github.tools.includes("get_me"));
  const other = await User.create(["github"]);
  assert.notEqual((await other.ask("tool-sieve", {})).body.version, first.body.version);
});

Deno.test("a body that is too large or not JSON is refused", async () => {
  const user = await User.create();
  fails(await user.ask("tool-sieve", { padding: "x".repeat(2000) }), 413, "too_large");
});

Deno.test("API tokens and clients get their user's permissions within their limits, until they expire", async () => {
  const user = await User.create(["github", "notion"]);
  await user.connect("github");
  const tools = async (headers: Record<string, string>) => {
    const { status, body } = await post(
      `${stack.functions_url}/tool-sieve`,
      {},
      { ...headers, apikey: stack.broker_key },
    );
    assert.equal(status, 200, JSON.stringify(body));
    return body;
  };
  const everything = await tools(user.bearer);
  const { body: made } = await user.rest("rpc/create_api_token", {
    name: "narrow",
    read_only: true,
    modules: ["github"],
  });
  const own = { "x-mcpist-token": made.token };
  const narrow = await tools(own);
  assert.equal(narrow.token_id, made.id);
  assert.deepEqual(Object.keys(narrow.modules), ["github"]);
  assert.ok(narrow.modules.github.tools.includes("get_me"));
  assert.ok(!narrow.modules.github.tools.includes("create_issue"));
  assert.ok(everything.modules.github.tools.includes("create_issue"));
  assert.notEqual(narrow.version, everything.version);
  const [row] = await sql("select read_only, modules from public.api_tokens where id = $1", [
    made.id,
  ]);
  assert.deepEqual(row, { read_only: true, modules: ["github"] });

  const client = await Client.register("narrow");
  const ends = new Date(Date.now() + 30_000).toISOString();
  const { user: held, refresh } = await client.connect(user, {
    p_read_only: true,
    p_modules: ["notion"],
    p_expires_at: ends,
  });
  const through = await tools(held.bearer);
  assert.deepEqual(Object.keys(through.modules), ["notion"]);
  assert.ok(through.ttl_s > 0 && through.ttl_s < 30, `${through.ttl_s}`);
  fails(await held.exchange("github"), 403, "not_permitted");
  const lent = await post(
    `${stack.functions_url}/token-exchanger`,
    { service: "github" },
    { apikey: stack.broker_key, ...own },
  );
  assert.equal(lent.status, 200);

  await sql("update public.client_grants set expires_at = now() where client_id = $1", [client.id]);
  fails(await held.ask("tool-sieve", {}), 401, "session_ended");
  const refreshed = await client.token({ grant_type: "refresh_token", refresh_token: refresh });
  assert.equal(refreshed.status, 403, JSON.stringify(refreshed.body));
  await sql("update public.api_tokens set expires_at = now() where id = $1", [made.id]);
  fails(await user.ask("tool-sieve", {}, own), 401, "unauthenticated");
});

Deno.test("the answer contains the strictest confirmation that a role demands", async () => {
  const user = await User.create(["github"]);
  const before = (await user.ask("tool-sieve", {})).body;
  await sql("update public.roles set confirm = 'human' where id = $1", [user.role]);
  const { body } = await user.ask("tool-sieve", {}, { "if-none-match": `"${before.version}"` });
  assert.equal(body.confirm, "human");
});
