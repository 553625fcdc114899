// A double of Supabase Auth: accounts, sessions, tokens and hooks; `auth_api.mjs` has its endpoints. It accepts exactly what the real
// Auth accepts (supabase/auth, 2026-08): on a stricter double, tests of privilege escalation would prove nothing. As in Auth, sessions,
// refresh tokens, factors, pending authorizations and consents are rows, and deleting a row ends what it represents. The hooks run in
// the database within the transaction that issues the token. Emails are stored for the tests.
import crypto from "node:crypto";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { readSettings } from "./auth_settings.mjs";

const HOUR = 3600;
// Auth's refresh_token_reuse_interval: several requests of one page may use the same token.
const REUSE_MS = 10_000;

export class Auth {
  /// The settings of supabase/config.toml; tests change them through /test/settings.
  settings = readSettings();
  /// Sent emails: {to, type, token}.
  mails = [];
  issuer;
  consoleUrl;
  #keys = [];
  #pool;
  // The first use of each refresh token.
  #refreshed = new Map();

  constructor(pool) {
    this.#pool = pool;
  }

  async start(issuer, consoleUrl) {
    this.issuer = issuer;
    this.consoleUrl = consoleUrl;
    await this.rotate("ES256");
  }

  get jwks() {
    return { keys: this.#keys.map(({ jwk }) => jwk) };
  }

  /// Switches to a new signing key. The old ones stay published unless `keep` is false.
  async rotate(algorithm = "ES256", { keep = true } = {}) {
    const { publicKey, privateKey } = await generateKeyPair(algorithm, { extractable: true });
    const jwk = {
      ...(await exportJWK(publicKey)),
      kid: crypto.randomUUID(),
      alg: algorithm,
      use: "sig",
      key_ops: ["verify"],
    };
    this.#keys = [{ jwk, privateKey }, ...(keep ? this.#keys : [])];
  }

  async sign(claims, { expiresIn = HOUR, algorithm, kid } = {}) {
    const [{ jwk, privateKey }] = this.#keys;
    const now = Math.floor(Date.now() / 1000);
    return await new SignJWT({ iat: now, exp: now + expiresIn, ...claims })
      .setProtectedHeader({ alg: algorithm ?? jwk.alg, kid: kid ?? jwk.kid, typ: "JWT" })
      .sign(privateKey);
  }

  async rows(text, values) {
    return (await this.#pool.query(text, values)).rows;
  }

  /// Runs statements in one transaction; `work` gets a function like `rows`.
  async transaction(work) {
    const client = await this.#pool.connect();
    try {
      await client.query("begin");
      const result = await work(async (text, values) => (await client.query(text, values)).rows);
      await client.query("commit");
      return result;
    } catch (error) {
      await client.query("rollback");
      throw error;
    } finally {
      client.release();
    }
  }

  async #hook(rows, name, event) {
    await rows("set local role supabase_auth_admin");
    const [{ answer }] = await rows(`select public.${name}($1::jsonb) as answer`, [event]);
    await rows("reset role");
    if (answer.error)
      throw new Refusal(answer.error.http_code, "hook_refused", answer.error.message);
    return answer;
  }

  /// Creates an account. `provider` is its source: `email`, or a provider that has verified the address.
  async createUser({
    email,
    password = "",
    confirmed = true,
    data = {},
    provider = "email",
    id = crypto.randomUUID(),
  }) {
    return await this.transaction(async (rows) => {
      const user = {
        id,
        aud: "authenticated",
        role: "",
        email,
        app_metadata: { provider, providers: [provider] },
        user_metadata: data,
      };
      await this.#hook(rows, "before_user_created_hook", {
        metadata: { name: "before-user-created" },
        user,
      });
      await rows(
        `insert into auth.users (
           instance_id, id, aud, role, email, encrypted_password, raw_app_meta_data, raw_user_meta_data, created_at, updated_at,
           confirmation_token, recovery_token, email_change_token_new, email_change
         ) values (
           '00000000-0000-0000-0000-000000000000', $1, 'authenticated', 'authenticated', lower($2),
           case when $3 = '' then '' else extensions.crypt($3, extensions.gen_salt('bf', 4)) end, $4, $5, now(), now(), '', '', '', ''
         )`,
        [id, email, password, user.app_metadata, data],
      );
      await rows(
        `insert into auth.identities (provider_id, user_id, identity_data, provider, created_at, updated_at)
         values ($1::text, $1::uuid, jsonb_build_object('sub', $1::text, 'email', $2::text), $3::text, now(), now())`,
        [id, email, provider],
      );
      if (confirmed)
        await rows("update auth.users set email_confirmed_at = now() where id = $1", [id]);
      return (await rows("select * from auth.users where id = $1", [id]))[0];
    });
  }

  /// Returns tokens of a user's session; without `session_id`, of a new session, which names its client. `options` changes or removes
  /// claims and changes the signature, for tests with invalid tokens.
  async session(user, { client_id, session_id, ...options } = {}) {
    return await this.transaction(async (rows) => {
      if (session_id === undefined) {
        session_id = crypto.randomUUID();
        await rows(
          `insert into auth.sessions (id, user_id, created_at, updated_at, aal, oauth_client_id, scopes)
           values ($1, $2, now(), now(), 'aal1', $3, case when $3::uuid is not null then 'email' end)`,
          [session_id, user.id, client_id],
        );
      }
      return await this.issue(rows, user, session_id, { client_id, ...options });
    });
  }

  /// Returns new tokens for a session within a transaction. `client_id` is the token's claim, independent of the session's row: Auth sets
  /// it in two places and omits it in a third.
  async issue(rows, user, session_id, { client_id, changes = {}, without = [], ...options } = {}) {
    const now = Math.floor(Date.now() / 1000);
    const [{ aal }] = await rows("select aal from auth.sessions where id = $1", [session_id]);
    const before = {
      iss: this.issuer,
      sub: user.id,
      aud: "authenticated",
      iat: now,
      exp: now + HOUR,
      email: user.email,
      phone: "",
      app_metadata: user.raw_app_meta_data,
      user_metadata: user.raw_user_meta_data,
      role: "authenticated",
      aal: aal ?? "aal1",
      amr: [{ method: "password", timestamp: now }],
      session_id,
      is_anonymous: false,
      ...(client_id && { client_id }),
    };
    const { claims } = await this.#hook(rows, "custom_access_token_hook", {
      user_id: user.id,
      claims: before,
      authentication_method: "password",
    });
    for (const name of without) delete claims[name];
    const refresh_token = crypto.randomBytes(9).toString("base64url");
    await rows(
      "insert into auth.refresh_tokens (token, user_id, session_id, revoked, created_at, updated_at) values ($1, $2, $3, false, now(), now())",
      [refresh_token, user.id, session_id],
    );
    await rows("update auth.sessions set refreshed_at = now() at time zone 'utc' where id = $1", [
      session_id,
    ]);
    return {
      access_token: await this.sign({ ...claims, ...changes }, options),
      token_type: "bearer",
      expires_in: HOUR,
      expires_at: now + HOUR,
      refresh_token,
      user: published(user),
    };
  }

  /// Returns new tokens for the first use of a refresh token of this client (or of no client), or else `undefined`.
  async refresh(token, client_id) {
    const reusable = !client_id && Date.now() - (this.#refreshed.get(token) ?? 0) < REUSE_MS;
    return await this.transaction(async (rows) => {
      const [user] = await rows(
        `update auth.refresh_tokens t set revoked = true from auth.sessions s join auth.users u on u.id = s.user_id
         where t.token = $1 and s.id = t.session_id and s.oauth_client_id is not distinct from $2 and (not t.revoked or $3)
         returning u.*, s.id as session_id`,
        [token, client_id, reusable],
      );
      if (!this.#refreshed.has(token)) this.#refreshed.set(token, Date.now());
      return user && (await this.issue(rows, user, user.session_id, { client_id }));
    });
  }

  async userBy(column, value) {
    return (await this.rows(`select * from auth.users where ${column} = $1`, [value]))[0];
  }

  /// Creates an OAuth client that registered itself, with the given `id` if there is one.
  async createClient({ id = crypto.randomUUID(), name, redirectUris = [] }) {
    await this.rows(
      `insert into auth.oauth_clients (
         id, registration_type, redirect_uris, grant_types, client_name, client_type, token_endpoint_auth_method
       ) values ($1, 'dynamic', $3, 'authorization_code,refresh_token', $2, 'public', 'none') on conflict do nothing`,
      [id, name, redirectUris.join(",")],
    );
    return id;
  }
}

export class Refusal extends Error {
  constructor(status, code, message) {
    super(message);
    Object.assign(this, { status, code });
  }
}

/// An account in Auth's format.
export function published(user) {
  return {
    id: user.id,
    aud: "authenticated",
    role: "authenticated",
    email: user.email,
    email_confirmed_at: user.email_confirmed_at,
    app_metadata: user.raw_app_meta_data,
    user_metadata: user.raw_user_meta_data,
    identities: [],
    created_at: user.created_at,
    updated_at: user.updated_at,
    is_anonymous: false,
  };
}
