// The server, functions and console of 0.1.0 keep working while this control plane is rolled out: their recorded requests get
// answers with everything that they read. (tests/server.mjs checks that this version's server works with the functions of
// 0.1.0.)
import assert from "node:assert/strict";
import { admin, post, request, sha256, sql, stack, User } from "./stack.ts";

interface Exchange {
  what: string;
  from: "server" | "functions" | "console";
  to: string;
  headers?: Record<string, string>;
  body: unknown;
  status: number;
  answer?: unknown;
}

const recorded: Exchange[] = JSON.parse(
  await Deno.readTextFile(new URL("../releases/0.1.0/exchanges.json", import.meta.url)),
);

/** Puts what is known in for `{name}`. */
function fill<T>(value: T, known: Record<string, string>): T {
  return JSON.parse(
    JSON.stringify(value).replace(/\{(\w+)\}/g, (whole, name) => known[name] ?? whole),
  );
}

/** Checks that every member of the recorded answer is in the current one, with the same type; texts like `{name}` are learned. */
function has(now: unknown, then: unknown, known: Record<string, string>, where: string): void {
  const name = typeof then === "string" ? /^\{(\w+)\}$/.exec(then)?.[1] : undefined;
  if (name) {
    assert.equal(typeof now, "string", where);
    known[name] ??= now as string;
    assert.equal(now, known[name], where);
  } else if (typeof then === "object" && then !== null && !Array.isArray(then)) {
    for (const [key, value] of Object.entries(then))
      has((now as Record<string, unknown>)?.[key], value, known, `${where}.${key}`);
  } else if (Array.isArray(then)) {
    assert.ok(Array.isArray(now), where);
    for (const [at, value] of then.entries()) has(now[at], value, known, `${where}[${at}]`);
  } else if (
    ["outcome", "code", "status", "token_type", "accepted"].includes(where.split(".").pop()!)
  ) {
    assert.equal(now, then, where);
  } else {
    assert.equal(typeof now, typeof then, `${where} is ${JSON.stringify(now)}`);
  }
}

Deno.test("server, functions and console of 0.1.0 find what they look for", async () => {
  await admin();
  const user = await User.create(["microsoft_todo"]);
  await sql(
    "insert into public.role_permissions (role_id, module, tools) values ($1, 'github', '{get_me}')",
    [user.role],
  );
  await user.connect("github");
  await user.connect("microsoft_todo");
  await sql(
    "update public.oauth_tokens set expires_at = now() - interval '1 second' where user_id = $1 and service = 'microsoft_todo'",
    [user.id],
  );
  const { body: made } = await user.rest("rpc/create_api_token", { name: "old" });
  const { access_token } = (await user.exchange("github")).body;
  const known: Record<string, string> = {
    broker_key: stack.broker_key,
    user: user.id,
    token: user.token,
    api_token: made.token,
    api_token_hash: sha256(made.token),
    access_token,
    access_sha256: sha256(access_token),
  };
  for (const { what, from, to, headers, body, status, answer } of recorded) {
    const filled = fill({ headers, body }, known);
    const now =
      from === "server"
        ? await post(`${stack.functions_url}/${to}`, filled.body, filled.headers)
        : from === "functions"
          ? await post(`${stack.rest_url}/rpc/${to}`, filled.body, { apikey: stack.service_key })
          : await user.rest(`rpc/${to}`, filled.body);
    assert.equal(now.status, status, `${what}: ${JSON.stringify(now.body)}`);
    if (answer !== undefined) has(now.body, fill(answer, known), known, what);
  }
  // The events are stored.
  const told = await sql(
    "select outcome from public.audit_logs where user_id = $1 and request_id = '78c1188da7122ae3' order by outcome",
    [user.id],
  );
  assert.deepEqual(told, [{ outcome: "not_connected" }, { outcome: "success" }]);
  assert.equal((await request(`${stack.rest_url}/users`, { headers: user.bearer })).body.length, 0);
});
