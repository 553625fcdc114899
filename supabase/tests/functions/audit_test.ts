// audit-log: events of the MCP server.
import assert from "node:assert/strict";
import { fails, mint, post, sql, stack, User } from "./stack.ts";

const event = { action: "tool.call", outcome: "success" };

Deno.test("events are stored for their sender, once each", async () => {
  const user = await User.create();
  const full = {
    ...event,
    id: crypto.randomUUID(),
    at: new Date(Date.now() - 60_000).toISOString(),
    ...{
      module: "github",
      tool: "get_me",
      account: "work",
      duration_ms: 12,
      request_id: "r1",
      client: "claude/1.0",
    },
    ...{ argument_names: ["owner", "repo"], detail: "not_found" },
    ...{
      token_id: crypto.randomUUID(),
      trace_id: "0af7651916cd43dd8448eb211c80319c",
      result_tokens: 812,
      saved_tokens: 1204,
    },
  };
  const second = crypto.randomUUID();
  for (let time = 0; time < 2; time++) {
    const answer = await user.ask("audit-log", {
      events: [full, { ...event, id: second, user_id: user.id }],
    });
    assert.deepEqual([answer.status, answer.body], [202, { accepted: 2 }]);
  }
  const rows = await sql(
    "select * from public.audit_logs where user_id = $1 and action = 'tool.call' order by at",
    [user.id],
  );
  assert.equal(rows.length, 2);
  assert.deepEqual({ ...rows[0], at: rows[0].at.toISOString() }, { ...full, user_id: user.id });
  assert.deepEqual(
    [rows[1].token_id, rows[1].trace_id, rows[1].result_tokens, rows[1].saved_tokens],
    [null, null, null, null],
  );
});

Deno.test("unknown fields are ignored, and argument values are not stored", async () => {
  const user = await User.create();
  const answer = await user.ask("audit-log", {
    events: [{ ...event, arguments: { owner: "canary-value" }, tomorrow: 1, trace_id: null }],
  });
  assert.equal(answer.status, 202, JSON.stringify(answer.body));
  const rows = await sql("select to_jsonb(a)::text from public.audit_logs a where user_id = $1", [
    user.id,
  ]);
  assert.ok(!JSON.stringify(rows).includes("canary-value"));
});

Deno.test("events of a token are accepted for ten minutes after its revocation", async () => {
  const user = await User.create(["github"]);
  const {
    body: { id, token },
  } = await user.rest("rpc/create_api_token", { name: "laptop" });
  const send = (headers: Record<string, string>) =>
    post(
      `${stack.functions_url}/audit-log`,
      { events: [{ ...event, id: crypto.randomUUID() }] },
      { ...headers, apikey: stack.broker_key },
    );
  const own = { "x-mcpist-token": token };
  await user.rest("rpc/revoke_api_token", { id });
  assert.equal((await send(own)).status, 202);
  fails(await user.ask("tool-sieve", {}, own), 401, "unauthenticated");
  await sql(
    "update public.api_tokens set revoked_at = now() - interval '11 minutes' where id = $1",
    [id],
  );
  fails(await send(own), 401, "unauthenticated");

  const now = Math.floor(Date.now() / 1000);
  const ended = async (agoS: number) => {
    const changes = { iat: now - 7200, exp: now - agoS };
    const { access_token } = await mint(user.email, { changes });
    return { authorization: `Bearer ${access_token}` };
  };
  assert.equal((await send(await ended(500))).status, 202);
  fails(await send(await ended(700)), 401, "unauthenticated");
  fails(await user.ask("tool-sieve", {}, await ended(500)), 401, "unauthenticated");
  // Signed out in the meantime.
  await sql("delete from auth.sessions where user_id = $1", [user.id]);
  assert.equal((await send(user.bearer)).status, 202);
});

Deno.test("at most two hundred events", async () => {
  const user = await User.create();
  assert.equal((await user.ask("audit-log", { events: Array(200).fill(event) })).status, 202);
  fails(await user.ask("audit-log", { events: Array(201).fill(event) }), 400, "invalid_request");
  fails(
    await user.ask("audit-log", { events: [{ ...event, detail: "x".repeat(3_000_000) }] }),
    413,
    "too_large",
  );
});

Deno.test("an event has names and no values, and belongs to its sender", async () => {
  const [user, other] = [await User.create(), await User.create()];
  const check = async (change: Record<string, unknown>, words: RegExp) => {
    const answer = await user.ask("audit-log", { events: [event, { ...event, ...change }] });
    fails(answer, 400, "invalid_request");
    assert.match(answer.body.error.message, words);
  };
  await check({ argument_names: { owner: "acme" } }, /list of names/);
  await check({ user_id: other.id }, /events\[1\] is another user's/);
  await check({ action: undefined }, /needs `action`/);
  await check({ id: "1" }, /`id`/);
  await check({ detail: { a: 1 } }, /`detail`/);
  await check({ token_id: "mcpist_x" }, /`token_id`/);
  await check({ trace_id: "0AF7651916CD43DD8448EB211C80319C" }, /`trace_id`/);
  await check({ saved_tokens: -1 }, /`saved_tokens`/);
  assert.deepEqual(
    await sql("select from public.audit_logs where user_id = $1 and action = 'tool.call'", [
      user.id,
    ]),
    [],
  );
});

Deno.test("a client's invalid text does not lose an event", async () => {
  const user = await User.create();
  const wild = {
    ...{
      module: "Not a module\u0000",
      tool: "x".repeat(5000),
      account: "a\nb",
      client: "\ud800 half",
      detail: "\u0007",
    },
    ...{
      argument_names: [...Array(150).fill("owner=acme corp"), "x".repeat(70)],
      duration_ms: -1.5,
      at: "2001-01-01T00:00:00Z",
    },
  };
  assert.equal((await user.ask("audit-log", { events: [{ ...event, ...wild }] })).status, 202);
  const [row] = await sql(
    "select * from public.audit_logs where user_id = $1 and action = 'tool.call'",
    [user.id],
  );
  assert.deepEqual(
    [
      row.module,
      row.tool.length,
      row.account,
      row.client,
      row.detail,
      row.duration_ms,
      row.argument_names.length,
    ],
    ["Not a module\ufffd", 200, "a\ufffdb", "\ufffd half", "\ufffd", 0, 100],
  );
  assert.ok(Date.now() - row.at.getTime() < 60_000);
});
