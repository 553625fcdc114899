// A double of Supabase Auth: sign-up, password and refresh grants, the admin's list of users, JWKS, and the two hooks, which
// run in the database as Auth runs them. No e-mail is sent: an address counts as confirmed unless `confirmed` is false.
import crypto from "node:crypto";
import { createLocalJWKSet, exportJWK, generateKeyPair, jwtVerify, SignJWT } from "jose";

const HOUR = 3600;

export class Auth {
  #keys = [];
  #issuer;
  #pool;

  constructor(pool) {
    this.#pool = pool;
  }

  async start(issuer) {
    this.#issuer = issuer;
    await this.rotate("ES256");
  }

  get jwks() {
    return { keys: this.#keys.map(({ jwk }) => jwk) };
  }

  /// Signs with a new key from now on. The old ones stay published unless `keep` is false.
  async rotate(algorithm = "ES256", { keep = true } = {}) {
    const { publicKey, privateKey } = await generateKeyPair(algorithm, { extractable: true });
    const jwk = { ...(await exportJWK(publicKey)), kid: crypto.randomUUID(), alg: algorithm, use: "sig", key_ops: ["verify"] };
    this.#keys = [{ jwk, privateKey }, ...(keep ? this.#keys : [])];
  }

  async sign(claims, { expiresIn = HOUR, algorithm, kid } = {}) {
    const [{ jwk, privateKey }] = this.#keys;
    const now = Math.floor(Date.now() / 1000);
    return await new SignJWT({ iat: now, exp: now + expiresIn, ...claims })
      .setProtectedHeader({ alg: algorithm ?? jwk.alg, kid: kid ?? jwk.kid, typ: "JWT" })
      .sign(privateKey);
  }

  async #hook(name, event) {
    const client = await this.#pool.connect();
    try {
      await client.query("begin");
      await client.query("set local role supabase_auth_admin");
      const { rows } = await client.query(`select public.${name}($1::jsonb) as answer`, [event]);
      await client.query("commit");
      const { error, ...answer } = rows[0].answer;
      if (error) throw new Refusal(error.http_code, "hook_refused", error.message);
      return answer;
    } catch (error) {
      await client.query("rollback");
      throw error;
    } finally {
      client.release();
    }
  }

  async createUser({ email, password = crypto.randomUUID(), confirmed = true, data = {} }) {
    const user = { id: crypto.randomUUID(), aud: "authenticated", role: "", email, app_metadata: { provider: "email" }, user_metadata: data };
    await this.#hook("before_user_created_hook", { metadata: { name: "before-user-created" }, user });
    const { rows } = await this.#pool.query(
      `insert into auth.users (id, email, encrypted_password, raw_user_meta_data, email_confirmed_at)
       values ($1, lower($2), extensions.crypt($3, extensions.gen_salt('bf', 4)), $4, case when $5 then now() end) returning *`,
      [user.id, email, password, data, confirmed],
    );
    return rows[0];
  }

  /// A session of a user, through the hook; `changes` replaces claims, for tests of what is wrong.
  async session(user, { client_id, changes = {}, ...options } = {}) {
    const now = Math.floor(Date.now() / 1000);
    const before = {
      iss: this.#issuer,
      sub: user.id,
      aud: "authenticated",
      iat: now,
      exp: now + HOUR,
      email: user.email,
      phone: "",
      app_metadata: { provider: "email", providers: ["email"] },
      user_metadata: user.raw_user_meta_data,
      role: "authenticated",
      aal: "aal1",
      amr: [{ method: "password", timestamp: now }],
      session_id: crypto.randomUUID(),
      is_anonymous: false,
      ...(client_id && { client_id }),
    };
    const { claims } = await this.#hook("custom_access_token_hook", { user_id: user.id, claims: before, authentication_method: "password" });
    const refresh_token = crypto.randomBytes(9).toString("base64url");
    await this.#pool.query("insert into auth.refresh_tokens values ($1, $2, $3)", [refresh_token, user.id, client_id]);
    return {
      access_token: await this.sign({ ...claims, ...changes }, options),
      token_type: "bearer",
      expires_in: HOUR,
      expires_at: now + HOUR,
      refresh_token,
      user: published(user),
    };
  }

  async userBy(column, value) {
    const { rows } = await this.#pool.query(`select * from auth.users where ${column} = $1`, [value]);
    return rows[0];
  }

  /// Answers a request below /auth/v1 with [status, body].
  async answer(method, url, { body, bearer, secret }) {
    const path = url.pathname.replace("/auth/v1", "");
    switch (`${method} ${path}`) {
      case "POST /signup":
        return [200, published(await this.createUser({ ...body, confirmed: true }))];
      case "POST /token": {
        const grant = url.searchParams.get("grant_type");
        const { rows } = grant === "password"
          ? await this.#pool.query(
            "select * from auth.users where email = lower($1) and encrypted_password = extensions.crypt($2, encrypted_password)",
            [body.email, body.password],
          )
          : await this.#pool.query(
            `update auth.refresh_tokens t set used = true from auth.users u
             where t.token = $1 and not used and u.id = t.user_id returning u.*, t.client_id`,
            [body.refresh_token],
          );
        if (!rows[0]) throw new Refusal(400, "invalid_credentials", "Invalid login credentials");
        return [200, await this.session(rows[0], { client_id: rows[0].client_id })];
      }
      case "GET /user": {
        const verified = await jwtVerify(bearer, createLocalJWKSet(this.jwks)).catch(() => undefined);
        const user = verified && (await this.userBy("id", verified.payload.sub));
        if (!user) throw new Refusal(403, "bad_jwt", "invalid JWT");
        return [200, published(user)];
      }
      case "POST /logout":
        return [204];
    }
    if (secret && path.startsWith("/admin/users")) {
      const id = path.split("/")[3];
      if (method === "POST") return [200, published(await this.createUser({ ...body, confirmed: body.email_confirm !== false }))];
      if (method === "GET" && !id) return [200, { users: (await this.#pool.query("select * from auth.users order by created_at")).rows.map(published) }];
      if (method === "DELETE") {
        await this.#pool.query("delete from auth.users where id = $1", [id]);
        return [200, {}];
      }
    }
    throw new Refusal(404, "not_in_double", `The double of Auth does not have ${method} ${path}.`);
  }
}

export class Refusal extends Error {
  constructor(status, code, message) {
    super(message);
    Object.assign(this, { status, code });
  }
}

function published(user) {
  return {
    id: user.id,
    aud: "authenticated",
    role: "authenticated",
    email: user.email,
    email_confirmed_at: user.email_confirmed_at,
    app_metadata: { provider: "email", providers: ["email"], ...user.raw_app_meta_data },
    user_metadata: user.raw_user_meta_data,
    identities: [],
    created_at: user.created_at,
    updated_at: user.updated_at,
    is_anonymous: false,
  };
}
