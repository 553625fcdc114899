// tool-sieve: what the caller may use.
import assert from "node:assert/strict";
import { fails, sql, User } from "./stack.ts";

Deno.test("the answer has the permitted tools, the accounts, and whether one works", async () => {
  const user = await User.create(["notion"]);
  await sql(
    "insert into public.role_permissions (role_id, module, tools) values ($1, 'github', '{get_me,list_issues}')",
    [user.role],
  );
  await user.connect("github");
  const { status, body } = await user.ask("tool-sieve", {});
  assert.equal(status, 200);
  assert.deepEqual(Object.keys(body).sort(), ["modules", "ttl_s", "user_id", "version"]);
  assert.deepEqual([body.user_id, body.ttl_s], [user.id, 60]);
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

Deno.test("who has no role has no module", async () => {
  const user = await User.create();
  assert.deepEqual((await user.ask("tool-sieve", {})).body.modules, {});
});

Deno.test("an answer that is still good is not sent again", async () => {
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

Deno.test("a body that is too large or no JSON is refused", async () => {
  const user = await User.create();
  fails(await user.ask("tool-sieve", { padding: "x".repeat(2000) }), 413, "too_large");
});
