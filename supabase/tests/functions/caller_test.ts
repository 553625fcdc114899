// Which callers the functions accept.
import assert from "node:assert/strict";
import { generateKeyPair, SignJWT } from "jose";
import { Client, fails, mint, post, request, sql, stack, User, until } from "./stack.ts";

const sieve = (headers: Record<string, string>) =>
  post(`${stack.functions_url}/tool-sieve`, {}, { apikey: stack.broker_key, ...headers });
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

Deno.test("only a user's token signed by Auth is accepted", async () => {
  const user = await User.create(["github"]);
  assert.equal((await sieve(bearer(user.token))).status, 200);
  const now = Math.floor(Date.now() / 1000);
  const forged = async (changes: Record<string, unknown>, options: Record<string, unknown> = {}) =>
    (await mint(user.email, { changes, ...options })).access_token;
  const foreign = await generateKeyPair("ES256");
  const claims = { sub: user.id, role: "authenticated", iss: stack.issuer, aud: "authenticated" };
  const sign = (algorithm: string, key: Parameters<SignJWT["sign"]>[0]) =>
    new SignJWT(claims)
      .setProtectedHeader({ alg: algorithm })
      .setIssuedAt()
      .setExpirationTime("1h")
      .sign(key);
  const part = (value: unknown) => btoa(JSON.stringify(value)).replace(/=+$/, "");
  const {
    keys: [published],
  } = (await request(stack.jwks_url)).body;
  const cases: Record<string, string> = {
    expired: await forged({ iat: now - 7200, exp: now - 3600 }),
    "without an end": await forged({ exp: null }),
    "of another issuer": await forged({ iss: "https://evil.example/auth/v1" }),
    "for another audience": await forged({ aud: "somebody" }),
    "of another role": await forged({ role: "anon" }),
    "without a user": await forged({ sub: null }),
    "without a sign-in": (await mint(user.email, { without: ["session_id"] })).access_token,
    "of a strange sign-in": await forged({ session_id: "' or true --" }),
    "with a strange user": await forged({ sub: "' or true --" }),
    "not valid yet": await forged({ nbf: now + 3600 }),
    "signed by another key": await sign("ES256", foreign.privateKey),
    // The public key as an HMAC secret: algorithm confusion.
    "signed with HMAC": await sign("HS256", new TextEncoder().encode(JSON.stringify(published))),
    unsigned: `${part({ alg: "none" })}.${part({ ...claims, exp: now + 3600 })}.`,
    changed: user.token.replace(
      /\.[^.]+\./,
      `.${part({ ...claims, exp: now + 3600, sub: crypto.randomUUID() })}.`,
    ),
    "no token": "garbage",
    "the project's key": stack.anon_key,
  };
  for (const [what, token] of Object.entries(cases)) {
    const answer = await sieve(bearer(token));
    assert.deepEqual([answer.status, answer.body.error?.code], [401, "unauthenticated"], what);
  }
  fails(await sieve({}), 401, "unauthenticated");
});

Deno.test("every function requires a token, and four require the MCP server's key", async () => {
  const user = await User.create(["github"]);
  for (const name of [
    ...["tool-sieve", "token-exchanger", "audit-log", "confirmations"],
    "oauth-callback/start",
  ]) {
    fails(
      await post(`${stack.functions_url}/${name}`, {}, { apikey: stack.broker_key }),
      401,
      "unauthenticated",
    );
    if (name !== "oauth-callback/start") {
      fails(await user.ask(name, {}, { apikey: stack.anon_key }), 403, "forbidden");
      // The key is checked first: a wrong key reveals nothing about the token.
      for (const headers of [{ apikey: "wrong" }, {} as Record<string, string>])
        fails(await post(`${stack.functions_url}/${name}`, {}, headers), 403, "forbidden");
    }
    assert.equal(
      (await request(`${stack.functions_url}/${name}`, { method: "PUT" })).status,
      405,
      name,
    );
    fails(await user.ask(`${name}/x`, {}), 404, "not_found");
  }
});

Deno.test("an API token authenticates its user until it is revoked", async () => {
  const user = await User.create(["github"]);
  const {
    body: { id, token },
  } = await user.rest("rpc/create_api_token", { name: "laptop" });
  const answer = await sieve({ "x-mcpist-token": token });
  assert.deepEqual([answer.status, answer.body.user_id], [200, user.id]);
  // If both tokens are sent, only the API token counts: an added header cannot change the user.
  fails(
    await sieve({ "x-mcpist-token": "mcpist_x", ...bearer(user.token) }),
    401,
    "unauthenticated",
  );
  await user.rest("rpc/revoke_api_token", { id });
  fails(await sieve({ "x-mcpist-token": token }), 401, "unauthenticated");
});

Deno.test("ten API tokens per hour, even with parallel requests", async () => {
  const user = await User.create();
  const made = await Promise.all(
    Array.from({ length: 13 }, (_, at) => user.rest("rpc/create_api_token", { name: `n${at}` })),
  );
  assert.deepEqual(made.map(({ status }) => status).sort(), [
    ...Array(10).fill(200),
    429,
    429,
    429,
  ]);
  assert.match(
    made.find(({ status }) => status === 429)!.body.message,
    /ten tokens within an hour/,
  );
});

Deno.test("revoking ends a user's sessions in the console and in clients, and no other user's", async () => {
  const [user, other] = [await User.create(["github"]), await User.create(["github"])];
  const auth = (path: string, body: unknown) =>
    post(`${stack.issuer}/${path}`, body, { apikey: stack.anon_key });
  const session = await mint(user.email);
  const { refresh_token } = await mint(other.email);
  const client_id = crypto.randomUUID();
  const client = await mint(user.email, { client_id });
  const refreshClient = (refresh_token: string) =>
    request(`${stack.issuer}/oauth/token`, {
      method: "POST",
      body: new URLSearchParams({ grant_type: "refresh_token", client_id, refresh_token }),
    });
  const { body: rotated, status } = await refreshClient(client.refresh_token);
  assert.equal(status, 200, "until then it works");

  const { body } = await user.rest("rpc/revoke_user_tokens", { p_user: user.id });
  assert.deepEqual(body, { oauth_tokens: 0, api_tokens: 0, sessions: 3, incomplete: [] });
  assert.equal(
    (await auth("token?grant_type=refresh_token", { refresh_token: session.refresh_token })).status,
    400,
  );
  assert.equal((await refreshClient(rotated.refresh_token)).status, 400);
  // The access tokens are valid for an hour, but are refused everywhere, also for the MCP server.
  for (const token of [
    user.token,
    session.access_token,
    client.access_token,
    rotated.access_token,
  ]) {
    const held = new User(user.id, user.email, user.role, token);
    fails(await held.ask("tool-sieve", {}), 401, "session_ended");
    fails(await held.exchange("github"), 401, "session_ended");
    const question = { action: "take", digest: "0".repeat(64) };
    fails(await held.ask("confirmations", question), 401, "session_ended");
  }
  assert.equal((await user.rest("rpc/create_api_token", { name: "for ever" })).status, 403);
  const users = await request(`${stack.rest_url}/users?select=id`, { headers: user.bearer });
  assert.deepEqual(users.body, []);
  const profile = await request(`${stack.issuer}/user`, { headers: user.bearer });
  assert.deepEqual([profile.status, profile.body.error_code], [403, "session_not_found"]);
  assert.equal((await auth("token?grant_type=refresh_token", { refresh_token })).status, 200);
});

Deno.test("every function refuses a disabled user with a valid token", async () => {
  const user = await User.create(["github"]);
  await user.connect("github");
  await sql("update public.users set disabled_at = now() where id = $1", [user.id]);
  fails(await user.ask("tool-sieve", {}), 403, "user_disabled");
  fails(await user.exchange("github"), 403, "user_disabled");
  fails(await user.start({ service: "github" }), 403, "user_disabled");
  assert.equal((await mint(user.email)).msg, "This account is disabled.");
});

Deno.test("an OAuth client's token can call the functions, but not the database, and cannot connect services", async () => {
  const user = await User.create(["github"]);
  const { access_token } = await mint(user.email, { client_id: crypto.randomUUID() });
  const client = new User(user.id, user.email, user.role, access_token);
  assert.equal((await client.ask("tool-sieve", {})).status, 200);
  fails(await client.start({ service: "github" }), 403, "forbidden");
  const users = await request(`${stack.rest_url}/users?select=id`, { headers: client.bearer });
  assert.deepEqual(users.body, []);
  assert.equal((await client.rest("rpc/create_api_token", { name: "x" })).status, 403);
});

Deno.test("a revoked client loses access immediately, and other clients do not", async () => {
  const user = await User.create(["github"]);
  const [one, other] = [await Client.register("one"), await Client.register("other")];
  const [held, kept] = [await one.connect(user), await other.connect(user)];
  assert.equal((await held.user.ask("tool-sieve", {})).status, 200);
  const { body: clients } = await user.rest("rpc/my_clients", {});
  assert.deepEqual(
    clients.map(({ name, sessions }: { name: string; sessions: number }) => [name, sessions]),
    [
      ["other", 1],
      ["one", 1],
    ],
  );
  assert.equal((await user.rest("rpc/revoke_client", { p_client: one.id })).status, 204);
  fails(await held.user.ask("tool-sieve", {}), 401, "session_ended");
  const refreshed = await one.token({ grant_type: "refresh_token", refresh_token: held.refresh });
  assert.equal(refreshed.status, 400);
  assert.equal((await kept.user.ask("tool-sieve", {})).status, 200);
  assert.equal((await user.rest("rpc/revoke_client", { p_client: one.id })).status, 404);
  // Signing out of the console ends only that session.
  assert.equal(
    (await request(`${stack.issuer}/logout`, { method: "POST", headers: user.bearer })).status,
    204,
  );
  fails(await user.ask("tool-sieve", {}), 401, "session_ended");
  fails(await user.start({ service: "github" }), 403, "forbidden");
  assert.equal((await kept.user.ask("tool-sieve", {})).status, 200);
});

Deno.test("new keys of Auth are used, of every supported kind", async () => {
  const user = await User.create(["github"]);
  const tokens: Record<string, string> = {};
  for (const algorithm of ["RS256", "EdDSA", "ES256"]) {
    await post(`${stack.gateway_url}/test/rotate`, { algorithm });
    tokens[algorithm] = (await mint(user.email)).access_token;
  }
  // A function reloads the keys after ten seconds at the earliest. All of them, twice where there are two instances: other tests
  // go on with the new key.
  const names = ["tool-sieve", "token-exchanger", "confirmations", "audit-log"];
  const ask = (name: string) =>
    post(
      `${stack.functions_url}/${name}`,
      {},
      { apikey: stack.broker_key, ...bearer(tokens.ES256) },
    );
  await until(async () => {
    const answers = await Promise.all([...names, ...names].map(ask));
    return answers.every(({ status }) => status !== 401);
  });
  for (const [algorithm, token] of Object.entries(tokens))
    assert.equal((await sieve(bearer(token))).status, 200, algorithm);
  assert.equal((await sieve(bearer(user.token))).status, 200, "the key before");
});
