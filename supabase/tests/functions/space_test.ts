// How much of the shared database one user can fill.
import assert from "node:assert/strict";
import { admin, fails, request, sql, stack, User } from "./stack.ts";

Deno.test("a user can connect twenty accounts per service, even in parallel", async () => {
  const user = await User.create(["github", "notion"]);
  const connect = (n: number, service = "github") =>
    user.rest("rpc/connect_with_token", { service, token: `ghp_${n}2345678`, account: `a${n}` });
  const made = await Promise.all(Array.from({ length: 25 }, (_, n) => connect(n)));
  assert.deepEqual(made.map(({ status }) => status).sort(), [
    ...Array(20).fill(200),
    ...Array(5).fill(409),
  ]);
  assert.match(made.find(({ status }) => status === 409)!.body.message, /20 accounts of github/);
  const [{ tokens }] = await sql(
    "select count(*)::int as tokens from public.oauth_tokens where user_id = $1",
    [user.id],
  );
  assert.equal(tokens, 20);
  // Another service allows twenty more, an existing account can be replaced, and OAuth connections count too.
  assert.equal((await connect(1, "notion")).status, 200);
  const held = await sql(
    "select account from public.oauth_tokens where user_id = $1 and service = 'github' limit 1",
    [user.id],
  );
  const again = { service: "github", token: "ghp_12345678", account: held[0].account };
  assert.equal((await user.rest("rpc/connect_with_token", again)).status, 200);
  await admin();
  assert.deepEqual(await user.connect("github"), {
    outcome: "too_many_accounts",
    service: "github",
  });
});

Deno.test("a user can connect with a token thirty times per hour", async () => {
  const user = await User.create(["github"]);
  const connect = (n: number) =>
    user.rest("rpc/connect_with_token", { service: "github", token: `ghp_${n}2345678` });
  for (let n = 0; n < 30; n++) assert.equal((await connect(n)).status, 200);
  const refused = await connect(30);
  assert.equal(refused.status, 429);
  assert.match(refused.body.message, /The limit of 30 per hour/);
  await sql("update private.rates set hour = hour - interval '1 hour' where user_id = $1", [
    user.id,
  ]);
  assert.equal((await connect(31)).status, 200);
});

Deno.test("repeated name changes are recorded once per hour", async () => {
  const user = await User.create();
  const rename = (name: string) =>
    request(`${stack.rest_url}/users?id=eq.${user.id}`, {
      method: "PATCH",
      headers: { ...user.bearer, "content-type": "application/json" },
      body: JSON.stringify({ display_name: name }),
    });
  for (let n = 0; n < 5; n++) assert.equal((await rename(`name ${n}`)).status, 204);
  const rows = () =>
    sql(
      "select detail from public.audit_logs where user_id = $1 and action = 'users.update' and detail -> 'changed' = '[\"display_name\"]'",
      [user.id],
    );
  assert.equal((await rows()).length, 1);
  await sql("update public.audit_logs set at = at - interval '61 minutes' where user_id = $1", [
    user.id,
  ]);
  await rename("another");
  assert.equal((await rows()).length, 2);
});

Deno.test("an admin deletes an account with only the publishable key", async () => {
  const [boss, user] = [await admin(), await User.create(["github"])];
  await user.connect("github");
  const remove = (who: User, id: string) => who.rest("rpc/delete_account", { p_user: id });
  assert.equal((await remove(user, user.id)).status, 403);
  assert.equal((await remove(user, boss.id)).status, 403);
  assert.equal((await remove(boss, boss.id)).status, 409);
  assert.equal((await remove(boss, user.id)).status, 204);
  assert.equal((await remove(boss, user.id)).status, 404);
  assert.deepEqual(await sql("select from auth.users where id = $1", [user.id]), []);
  assert.deepEqual(await sql("select from public.oauth_tokens where user_id = $1", [user.id]), []);
  fails(await user.ask("tool-sieve", {}), 403, "user_disabled");
});

Deno.test("a list has at most the platform's number of rows", async () => {
  const boss = await admin();
  await sql(
    "insert into public.audit_logs (user_id, action, outcome) select $1, 'many', 'success' from generate_series(1, 1200)",
    [boss.id],
  );
  const { body } = await request(`${stack.rest_url}/audit_logs?select=id&action=eq.many`, {
    headers: boss.bearer,
  });
  assert.equal(body.length, 1000);
  // The console reads all tools at once.
  const [{ tools }] = await sql("select count(*)::int as tools from public.tools");
  assert.ok(tools < 1000, `${tools} tools: raise api.max_rows in config.toml, or lists are cut`);
  await sql("delete from public.audit_logs where action = 'many'");
});
