// A double of Supabase Auth: accounts, sessions, tokens and hooks. `auth_api.mjs` has its endpoints. It lets in whatever the real one
// lets in (supabase/auth, 2026-08), and no more: the tests of who may become whom are worth nothing on a stricter one. Sessions, refresh tokens,
// factors, begun authorizations and consents are rows, as they are Auth's: whoever deletes them ends what they stand for. The hooks
// run in the database inside of the transaction that issues the token. Mails are kept for tests to read.
import crypto from "node:crypto";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { readSettings } from "./auth_settings.mjs";

const HOUR = 3600;
// Auth's refresh_token_reuse_interval: several requests of one page may come with the same token.
const REUSE_MS = 10_000;

export class Auth {
  /// What supabase/config.toml says; tests change it through /test/settings.
  settings = readSettings();
  /// Mails that were sent: {to, type, token}.
  mails = [];
  issuer;
  consoleUrl;
  #keys = [];
  #pool;
  // When a refresh token was used first.
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

  /// Signs with a new key from now on. The old ones stay published unless `keep` is false.
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

  /// An account. `provider` is where it came from: `email`, or a provider that vouches for the address.
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

  /// Tokens of a user's session, of a new one without `session_id`. A client's new session names it. `options` changes claims,
  /// leaves some out and changes the signature, for tests of what is wrong.
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

  /// New tokens for a session within a transaction. `client_id` is what the token claims, whatever the session's row says: Auth passes it at
  /// two places and forgets it at a third.
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

  /// New tokens for a refresh token of this client, or of none, that is used for the first time; else undefined.
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

  /// An OAuth client that registered itself, a known one where there is an `id`.
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

/// An account as Auth shows it.
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
