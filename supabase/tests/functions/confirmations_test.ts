// confirmations: calls that wait for the user's decision in the console.
import assert from "node:assert/strict";
import { type Answer, admin, Client, fails, post, sha256, sql, stack, User } from "./stack.ts";

const deed = (text: string) => ({
  calls: [
    { module: "github", tool: "delete_repository", params: { owner: "acme", repo: text } },
    { module: "github", tool: "delete_repository", params: {} },
    { module: "notion", tool: "move-to-trash", params: {} },
  ],
});
const digest = (text: string) => sha256(JSON.stringify(deed(text)));

const ask = (user: User, text: string, headers: Record<string, string> = {}) =>
  user.ask("confirmations", { action: "ask", digest: digest(text), deed: deed(text) }, headers);
const take = async (user: User, text: string, headers: Record<string, string> = {}) => {
  const { status, body } = await user.ask(
    "confirmations",
    { action: "take", digest: digest(text) },
    headers,
  );
  assert.equal(status, 200, JSON.stringify(body));
  return body.decision as string;
};
const decide = (user: User, id: string, yes: boolean) =>
  user.rest("rpc/decide_confirmation", { p_id: id, p_yes: yes });

Deno.test("a deed waits until its user decides in the console, and the yes is returned once", async () => {
  const user = await User.create(["github"]);
  const { user: client } = await (await Client.register("an agent")).connect(user);
  assert.equal(await take(client, "canary-one"), "unknown");
  const asked = await ask(client, "canary-one");
  assert.equal(asked.status, 200, JSON.stringify(asked.body));
  const left = Date.parse(asked.body.expires_at) - Date.now();
  assert.ok(left > 590_000 && left < 605_000, `${left}`);
  assert.deepEqual((await ask(client, "canary-one")).body, asked.body);
  assert.equal(await take(client, "canary-one"), "pending");

  const { body: waiting } = await user.rest("rpc/my_confirmations", {});
  assert.deepEqual(
    waiting.map(({ id, tools, client }: Record<string, unknown>) => ({ id, tools, client })),
    [
      {
        id: asked.body.id,
        tools: ["github.delete_repository", "notion.move-to-trash"],
        client: "an agent",
      },
    ],
  );
  const shown = await user.rest("rpc/confirmation", { p_id: asked.body.id });
  assert.deepEqual(JSON.parse(shown.body.deed), deed("canary-one"));
  assert.equal((await decide(user, asked.body.id, true)).status, 204);
  assert.equal((await user.rest("rpc/confirmation", { p_id: asked.body.id })).status, 410);
  assert.equal((await decide(user, asked.body.id, false)).status, 410);

  // Fifty replicas ask in parallel: only one gets it.
  const decisions = await Promise.all(Array.from({ length: 50 }, () => take(client, "canary-one")));
  assert.deepEqual(decisions.filter((decision) => decision === "yes").length, 1);
  assert.deepEqual(decisions.filter((decision) => decision === "unknown").length, 49);

  const second = await ask(user, "canary-two");
  await decide(user, second.body.id, false);
  assert.equal(await take(user, "canary-two"), "no");
  assert.equal(await take(user, "canary-two"), "unknown");
});

Deno.test("only its user can decide: no other user, admin or client, even with the link", async () => {
  const [user, other, boss] = [await User.create(), await User.create(), await admin()];
  const { user: client } = await (await Client.register()).connect(user);
  const { body } = await user.rest("rpc/create_api_token", { name: "script" });
  const own = { "x-mcpist-token": body.token };
  const asked = await ask(user, "canary-theirs", own);
  for (const stranger of [other, boss]) {
    assert.equal((await decide(stranger, asked.body.id, true)).status, 404);
    assert.equal((await stranger.rest("rpc/confirmation", { p_id: asked.body.id })).status, 404);
    assert.deepEqual((await stranger.rest("rpc/my_confirmations", {})).body, []);
    assert.equal(await take(stranger, "canary-theirs"), "unknown");
  }
  assert.equal((await decide(client, asked.body.id, true)).status, 403);
  assert.equal((await client.rest("rpc/confirmation", { p_id: asked.body.id })).status, 403);
  assert.equal(await take(user, "canary-theirs", own), "pending");
  // The token identifies the client, not the client's own claim.
  assert.equal(
    (await user.rest("rpc/confirmation", { p_id: asked.body.id })).body.client,
    "script",
  );
});

Deno.test("a deed and its decision are deleted after ten minutes", async () => {
  const user = await User.create();
  const asked = await ask(user, "canary-late");
  await decide(user, asked.body.id, true);
  await sql("update public.confirmations set expires_at = now() where user_id = $1", [user.id]);
  assert.equal(await take(user, "canary-late"), "unknown");
  const again = await ask(user, "canary-late");
  assert.notEqual(again.body.id, asked.body.id);
  await sql("update public.confirmations set expires_at = now() where user_id = $1", [user.id]);
  assert.equal((await decide(user, again.body.id, true)).status, 404);
  assert.equal((await user.rest("rpc/confirmation", { p_id: again.body.id })).status, 404);
});

Deno.test("a deed of 4 MiB is stored whole; at most eight wait at once", async () => {
  const user = await User.create();
  const calls = [{ module: "github", tool: "push_files", params: { content: "\u0000\ud800" } }];
  const big = { calls };
  calls[0].params.content += "x".repeat(4 * 1024 * 1024 - JSON.stringify(big).length);
  assert.equal(JSON.stringify(big).length, 4 * 1024 * 1024);
  const send = (deed: unknown, text: string): Promise<Answer> =>
    user.ask("confirmations", { action: "ask", digest: sha256(text), deed });
  const asked = await send(big, "big");
  assert.equal(asked.status, 200, JSON.stringify(asked.body));
  const shown = await user.rest("rpc/confirmation", { p_id: asked.body.id });
  assert.deepEqual(JSON.parse(shown.body.deed), big);
  calls[0].params.content += "x";
  fails(await send(big, "too big"), 413, "too_large");
  for (let n = 2; n <= 8; n++) assert.equal((await ask(user, `wait ${n}`)).status, 200);
  fails(await ask(user, "wait 9"), 429, "too_many_confirmations");
  assert.equal((await ask(user, "wait 8")).status, 200);
  await decide(user, asked.body.id, false);
  assert.equal((await ask(user, "wait 9")).status, 200);
});

Deno.test("an invalid deed is refused with a clear message", async () => {
  const user = await User.create();
  const good = { action: "ask", digest: digest("x"), deed: deed("x") };
  for (const [change, words] of [
    [{ action: "decide" }, /`action` in the body must be ask or take/],
    [{ digest: "abc" }, /`digest`/],
    [{ deed: null }, /`ask` needs `deed`: an object with `calls`/],
    [{ deed: {} }, /`deed`/],
    [{ deed: { calls: [] } }, /`deed`/],
    [{ deed: { calls: Array(51).fill({ module: "a", tool: "b" }) } }, /`deed`/],
    [{ deed: { calls: [{ module: "a b", tool: "c" }] } }, /`deed`/],
    [{ action: "take" }, /`take` needs no `deed`/],
    [{ yes: true }, /unknown field "yes"/],
  ] as [Record<string, unknown>, RegExp][]) {
    const answer = await user.ask("confirmations", { ...good, ...change });
    fails(answer, 400, "invalid_request");
    assert.match(answer.body.error.message, words);
  }
});

Deno.test("a deed's values are only in the Vault", async () => {
  const user = await User.create();
  const asked = await ask(user, "canary-value-of-a-deed");
  await decide(user, asked.body.id, true);
  await ask(user, "canary-value-of-another");
  const everywhere = await sql(
    `select (select json_agg(c)::text from public.confirmations c) || (select json_agg(a)::text from public.audit_logs a)
       || (select json_agg(json_build_array(s.name, s.description, s.secret))::text from vault.secrets s) as text`,
  );
  assert.ok(!everywhere[0].text.includes("canary-value-of"));
  const { body: logged } = await post(`${stack.provider_url}/logged`, {});
  assert.ok(!JSON.stringify(logged).includes("canary-value-of"));
  const trail = await sql(
    "select outcome, detail from public.audit_logs where user_id = $1 and action = 'confirmation'",
    [user.id],
  );
  assert.deepEqual(trail, [
    {
      outcome: "yes",
      detail: { tools: ["github.delete_repository", "notion.move-to-trash"] },
    },
  ]);
});
