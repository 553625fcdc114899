// An MCP client's token must never gain more access. Tries every path that Supabase Auth leaves open, on a double that also leaves it
// open, with and without email sign-in. The victim is an admin who allowed the attacker's client once.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import {
  admin,
  auth,
  Client,
  claims,
  fails,
  mint,
  post,
  request,
  sql,
  stack,
  User,
  withAuth,
} from "./stack.ts";

const EMAIL = { email: true };

/** What the console's session of an admin opens, and nothing else may: the tables, tokens that outlive everything, the functions. */
async function opensNothing(token: string, what: string) {
  const { sub } = claims(token);
  const user = new User(sub, "", "", token);
  const users = await request(`${stack.rest_url}/users?select=id`, { headers: user.bearer });
  assert.deepEqual(users.body, [], `${what}: tables`);
  for (const [rpc, body] of Object.entries({
    create_api_token: { name: "for ever" },
    connect_with_token: { service: "github", token: "ghp_12345678" },
    delete_account: { p_user: crypto.randomUUID() },
    allow_client: { p_authorization_id: "x" },
    my_confirmations: {},
    revoke_all_tokens: {},
  }))
    assert.equal((await user.rest(`rpc/${rpc}`, body)).status, 403, `${what}: ${rpc}`);
  fails(await user.start({ service: "github" }), 403, "forbidden");
  const tested = await post(
    `${stack.functions_url}/token-exchanger/test`,
    { id: crypto.randomUUID() },
    user.bearer,
  );
  fails(tested, 403, "forbidden");
}

async function victim() {
  await admin();
  const user = await User.create(["github"], { admin: true });
  const client = await Client.register("evil");
  const { user: held } = await client.connect(user);
  return { user, client, token: held.token };
}

Deno.test("1a: a client cannot set a password, and passwords do not work while email is off", async () => {
  const { user, token } = await victim();
  const password = "a password of the attacker";
  const signIn = () =>
    auth("POST", "token?grant_type=password", { email: claims(token).email, password });
  await withAuth(EMAIL, async () => {
    const changed = await auth("PUT", "user", { password }, token);
    assert.equal(changed.status, 500, JSON.stringify(changed.body));
    assert.match(changed.body.msg, /A client cannot set its user's password/);
    assert.equal((await signIn()).status, 400);
    // Nothing has changed: the owner is still signed in.
    assert.equal((await auth("GET", "user", undefined, user.token)).status, 200);
    // The owner can set one in the console, which ends the clients' sessions.
    assert.equal((await auth("PUT", "user", { password }, user.token)).status, 200);
    assert.equal((await signIn()).status, 200);
    assert.equal(
      (await auth("GET", "user", undefined, token)).body.error_code,
      "session_not_found",
    );
  });
  assert.equal((await signIn()).body.error_code, "email_provider_disabled");
  await opensNothing(token, "after all that");
});

Deno.test("1b: after verifying a factor, a client's token is still a client's", async () => {
  const { token } = await victim();
  const enroll = (token: string) => auth("POST", "factors", { factor_type: "totp" }, token);
  assert.equal((await enroll(token)).body.error_code, "mfa_totp_enroll_not_enabled");
  await withAuth({ totp: true }, async () => {
    const { body: factor } = await enroll(token);
    const { body: challenge } = await auth("POST", `factors/${factor.id}/challenge`, {}, token);
    const step = Buffer.alloc(8);
    step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)));
    const mac = createHmac("sha1", Buffer.from(factor.totp.secret, "hex")).update(step).digest();
    const code = String((mac.readUInt32BE(mac[19] & 15) & 0x7fffffff) % 1_000_000).padStart(6, "0");
    const verified = await auth(
      "POST",
      `factors/${factor.id}/verify`,
      { challenge_id: challenge.id, code },
      token,
    );
    assert.equal(verified.status, 200, JSON.stringify(verified.body));
    // Auth omits the client id; the hook adds it.
    assert.equal(claims(verified.body.access_token).client_id, claims(token).client_id);
    await opensNothing(verified.body.access_token, "a token from a factor");
  });
});

Deno.test("1b: a client's token without the client claim gets no access either", async () => {
  const { user, token } = await victim();
  const session_id = claims(token).session_id;
  const bare = await mint(user.email, { session_id, without: ["client_id"] });
  assert.equal(claims(bare.access_token).client_id, undefined);
  await opensNothing(bare.access_token, "a client's session without the claim");
  const none = await mint(user.email, { without: ["session_id"] });
  const rows = await request(`${stack.rest_url}/users?select=id`, {
    headers: { ...user.bearer, authorization: `Bearer ${none.access_token}` },
  });
  assert.deepEqual(rows.body, [], "a token without a session");
});

Deno.test("1c: a client's token cannot allow another client or restore a revoked one", async () => {
  const { user, client, token } = await victim();
  const accomplice = await Client.register("accomplice");
  const code = await accomplice.consent(await accomplice.begin(), token);
  const refused = await accomplice.exchange(code);
  assert.deepEqual(
    [refused.status, /not allowed in the console/.test(JSON.stringify(refused.body))],
    [403, true],
    JSON.stringify(refused.body),
  );
  assert.deepEqual(
    await sql("select from auth.sessions where oauth_client_id = $1", [accomplice.id]),
    [],
  );

  // A second allowed client gives consent for the first one after its revocation.
  const other = await Client.register("another");
  const { user: held } = await other.connect(user);
  assert.equal((await user.rest("rpc/revoke_client", { p_client: client.id })).status, 204);
  const again = await client.exchange(await client.consent(await client.begin(), held.token));
  assert.equal(again.status, 403, JSON.stringify(again.body));
  // The same if it was revoked through Auth itself, which keeps the console's row.
  const third = await Client.register("third");
  await third.connect(user);
  await auth("DELETE", `user/oauth/grants?client_id=${third.id}`, undefined, user.token);
  await sql(
    "update public.client_grants set allowed_at = now() - interval '1 hour' where client_id = $1",
    [third.id],
  );
  const back = await third.exchange(await third.consent(await third.begin(), held.token));
  assert.equal(back.status, 403, JSON.stringify(back.body));
  // The user allows it in the console: then it works.
  await third.connect(user);
});

Deno.test("a client cannot change its user's address or identities", async () => {
  const { user, token } = await victim();
  for (const settings of [{}, EMAIL]) {
    await withAuth(settings, async () => {
      const moved = await auth("PUT", "user", { email: "evil@example.com" }, token);
      assert.equal(moved.status, 500, JSON.stringify(moved.body));
      assert.match(moved.body.msg, /Only an admin can change an address/);
    });
  }
  const linked = await auth("GET", "user/identities/authorize?provider=google", undefined, token);
  assert.equal(linked.body.error_code, "manual_linking_disabled");
  const passkey = await auth("POST", "passkeys/registration/options", {}, token);
  assert.equal(passkey.body.error_code, "passkey_disabled");
  assert.equal((await auth("GET", "user", undefined, user.token)).body.email, user.email);
});

Deno.test("12: an account cannot be taken before its owner signs up, and the allow-list cannot be probed", async () => {
  await admin();
  const [listed, unlisted] = [
    `${crypto.randomUUID()}@example.com`,
    `${crypto.randomUUID()}@example.com`,
  ];
  await sql("insert into public.allowed_emails (email) values ($1)", [listed]);
  const password = "a password of the stranger";
  const signUp = (email: string) => auth("POST", "signup", { email, password });
  // With the default settings, both get the same answer.
  const [one, other] = [await signUp(listed), await signUp(unlisted)];
  assert.deepEqual([one.status, one.body], [other.status, other.body]);
  assert.equal(one.body.error_code, "email_provider_disabled");

  // With email: the stranger signs up, and the owner follows the link.
  await withAuth(EMAIL, async () => {
    assert.equal((await signUp(listed)).status, 200);
    const { body: mails } = await post(`${stack.gateway_url}/test/mails`, { to: listed });
    const owner = await auth("POST", "verify", mails[0]);
    assert.equal(owner.status, 200, JSON.stringify(owner.body));
    const stranger = await auth("POST", "token?grant_type=password", { email: listed, password });
    assert.deepEqual([stranger.status, stranger.body.error_code], [400, "invalid_credentials"]);
    // The owner sets their own password.
    const own = "a password of the owner";
    assert.equal(
      (await auth("PUT", "user", { password: own }, owner.body.access_token)).status,
      200,
    );
    assert.equal(
      (await auth("POST", "token?grant_type=password", { email: listed, password: own })).status,
      200,
    );
  });
});

Deno.test("12: an account created in the dashboard keeps its password; an emailed link signs in", async () => {
  const email = `${crypto.randomUUID()}@example.com`;
  await sql("insert into public.allowed_emails (email) values ($1)", [email]);
  const password = "a password by an admin";
  await post(
    `${stack.issuer}/admin/users`,
    { email, password, email_confirm: true },
    { apikey: stack.service_key },
  );
  await withAuth(EMAIL, async () => {
    assert.equal(
      (await auth("POST", "token?grant_type=password", { email, password })).status,
      200,
    );
    await auth("POST", "otp", { email });
    const { body: mails } = await post(`${stack.gateway_url}/test/mails`, { to: email });
    const signedIn = await auth("POST", "verify", mails[0]);
    assert.equal(signedIn.status, 200);
    assert.equal(
      (await auth("POST", "token?grant_type=password", { email, password })).status,
      200,
    );
  });
});
