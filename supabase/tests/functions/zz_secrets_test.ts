// Runs last: none of the other tests has left a secret where it does not belong. Every secret contains `canary`.
import assert from "node:assert/strict";
import { admin, follow, request, sha256, sql, stack, User } from "./stack.ts";

Deno.test("no secret is in a table, a log or an answer; the Vault encrypts them", async () => {
  const user = await User.create(["jira", "github"]);
  await user.connect("jira");
  await user.connect("github");
  // One that is never finished.
  await follow((await user.start({ service: "jira" })).body.authorize_url);
  const {
    body: { token },
  } = await user.rest("rpc/create_api_token", { name: "x" });
  const {
    body: { access_token },
  } = await user.exchange("jira");
  const { body: sieve } = await user.ask(
    "tool-sieve",
    {},
    { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" },
  );
  assert.match(access_token, /canary/);
  assert.doesNotMatch(JSON.stringify(sieve), /canary/);

  const tables = await sql(`select table_schema, table_name from information_schema.tables
    where table_schema in ('public', 'private', 'vault', 'auth') and table_type = 'BASE TABLE'`);
  assert.ok(tables.length > 14);
  let dump = "";
  for (const { table_schema, table_name } of tables) {
    const rows = await sql(`select t::text as row from ${table_schema}.${table_name} t`);
    dump += rows.map(({ row }) => `${table_name}: ${row}\n`).join("");
  }
  for (const secret of ["canary", token, token.slice(7)])
    assert.ok(!dump.includes(secret), `${secret.slice(0, 8)}… is in a table`);
  const [{ count }] = await sql(
    "select count(*)::int from vault.decrypted_secrets where decrypted_secret like '%canary%'",
  );
  assert.ok(count >= 8, "the Vault gives them back");
  const [{ orphans }] =
    await sql(`select count(*)::int as orphans from vault.secrets where id not in (
    select access_secret_id from public.oauth_tokens union select refresh_secret_id from public.oauth_tokens where refresh_secret_id is not null
    union select client_secret_id from public.oauth_apps union select deed_secret_id from public.confirmations
    union select unnest(array[verifier_secret_id, access_secret_id, refresh_secret_id]) from public.oauth_states
    except select null)`);
  assert.equal(orphans, 0, "every secret belongs to a row");

  let logs = "";
  for await (const { name } of Deno.readDir(stack.logs))
    logs += await Deno.readTextFile(`${stack.logs}/${name}`);
  for (const secret of ["canary", "mcpist_", "eyJ", stack.service_key, sha256(access_token)]) {
    assert.ok(
      !logs.includes(secret),
      `${secret.slice(0, 8)}… is in a log: ${logs.slice(logs.indexOf(secret) - 200, logs.indexOf(secret) + 20)}`,
    );
  }

  const apps = await request(`${stack.rest_url}/oauth_apps?select=service,client_id`, {
    headers: (await admin()).bearer,
  });
  assert.equal(apps.body.length, 7);
  assert.doesNotMatch(JSON.stringify(apps.body), /canary/);
});

Deno.test("the log has the documented fields, on stdout and in Loki", async () => {
  const lines = (await Deno.readTextFile(`${stack.logs}/token-exchanger.log`))
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line));
  const refreshed = lines.find(({ message }) => message === "Token refreshed");
  for (const field of [
    "timestamp",
    "level",
    "module",
    "user_id",
    "account_id",
    "duration_ms",
    "success",
    "request_id",
    "service",
  ]) {
    assert.ok(field in refreshed, field);
  }
  assert.ok(
    lines.some(
      ({ message, level, success }) =>
        message === "Token refresh failed" && level === "error" && success === false,
    ),
  );
  const sieve = await Deno.readTextFile(`${stack.logs}/tool-sieve.log`);
  assert.match(sieve, /"trace_id":"0af7651916cd43dd8448eb211c80319c","span_id":"b7ad6b7169203331"/);
  assert.doesNotMatch(lines.map(({ message }) => message).join(), /Unexpected/);
  const { body: sent } = await request(`${stack.provider_url}/logged`);
  const streams = sent.flatMap(
    ({ streams }: { streams: { stream: Record<string, string>; values: string[][] }[] }) => streams,
  );
  assert.ok(
    streams.some(
      ({ stream }: { stream: Record<string, string> }) =>
        stream.service_name === "mcpist-token-exchanger",
    ),
  );
  assert.match(streams[0].values[0][0], /^\d{19}$/);
  assert.equal(JSON.parse(streams[0].values[0][1]).message.length > 0, true);
});
