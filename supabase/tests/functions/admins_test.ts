// There is always an admin, even if two transactions check at the same time.
import assert from "node:assert/strict";
import pg from "pg";
import { admin, sql, stack, User } from "./stack.ts";

Deno.test("two admins who remove each other at once do not both succeed", async () => {
  const [one, two] = [await admin(), await User.create([], { admin: true })];
  // Demotes the admins of other tests.
  await sql(
    "update public.users set system_role = 'user' where system_role = 'admin' and id not in ($1, $2)",
    [one.id, two.id],
  );
  const clients = [new pg.Client(stack.database_url), new pg.Client(stack.database_url)];
  await Promise.all(clients.map((client) => client.connect()));
  await Promise.all(clients.map((client) => client.query("begin")));
  const remove = (client: pg.Client, user: User) =>
    client.query("update public.users set system_role = 'user' where id = $1", [user.id]);
  const removals = await Promise.allSettled([
    remove(clients[0], two).then(() => clients[0].query("commit")),
    remove(clients[1], one).then(() => clients[1].query("commit")),
  ]);
  await Promise.all(clients.map((client) => client.end()));
  assert.deepEqual(removals.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
  const refusal = removals.find(
    (removal) => removal.status === "rejected",
  ) as PromiseRejectedResult;
  assert.match(String(refusal.reason), /The last admin stays/);
});
