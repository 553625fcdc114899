// A double of Supabase Auth: sign-up, password and refresh grants, sign-in through a provider, the OAuth 2.1 server for MCP
// clients, the admin's list of users, JWKS, and the two hooks, which run in the database as Auth runs them. Sessions, refresh
// tokens, begun authorizations and consents are rows, as they are Auth's: whoever deletes them ends what they stand for. No e-mail
// is sent: an address counts as confirmed unless `confirmed` is false. The provider is a page that asks who one is.
import crypto from "node:crypto";
import { createLocalJWKSet, exportJWK, generateKeyPair, jwtVerify, SignJWT } from "jose";

const HOUR = 3600;
// Auth's refresh_token_reuse_interval: several requests of one page may come with the same token.
const REUSE_MS = 10_000;

export class Auth {
  #keys = [];
  #issuer;
  #consoleUrl;
  #pool;
  // Begun sign-ins by their code.
  #signIns = new Map();
  // When a refresh token was used first.
  #refreshed = new Map();

  constructor(pool) {
    this.#pool = pool;
  }

  async start(issuer, consoleUrl) {
    this.#issuer = issuer;
    this.#consoleUrl = consoleUrl;
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

  async #rows(text, values) {
    return (await this.#pool.query(text, values)).rows;
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
    const user = {
      id: crypto.randomUUID(),
      aud: "authenticated",
      role: "",
      email,
      app_metadata: { provider: "email" },
      user_metadata: data,
    };
    await this.#hook("before_user_created_hook", {
      metadata: { name: "before-user-created" },
      user,
    });
    const { rows } = await this.#pool.query(
      `insert into auth.users (id, email, encrypted_password, raw_user_meta_data, email_confirmed_at)
       values ($1, lower($2), extensions.crypt($3, extensions.gen_salt('bf', 4)), $4, case when $5 then now() end) returning *`,
      [user.id, email, password, data, confirmed],
    );
    return rows[0];
  }

  /// Tokens of a user's session, of a new one without `session_id`, through the hook; `changes` replaces claims, for tests of
  /// what is wrong.
  async session(user, { client_id, session_id, changes = {}, ...options } = {}) {
    const isNew = session_id === undefined;
    session_id ??= crypto.randomUUID();
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
      session_id,
      is_anonymous: false,
      ...(client_id && { client_id }),
    };
    const { claims } = await this.#hook("custom_access_token_hook", {
      user_id: user.id,
      claims: before,
      authentication_method: "password",
    });
    const refresh_token = crypto.randomBytes(9).toString("base64url");
    if (isNew)
      await this.#rows(
        "insert into auth.sessions (id, user_id, oauth_client_id) values ($1, $2, $3)",
        [session_id, user.id, client_id],
      );
    await this.#rows("insert into auth.refresh_tokens values ($1, $2)", [
      refresh_token,
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
  async #refresh(token, client_id) {
    const [user] = await this.#rows(
      `update auth.refresh_tokens t set revoked = true from auth.sessions s join auth.users u on u.id = s.user_id
       where t.token = $1 and s.id = t.session_id and s.oauth_client_id is not distinct from $2 and (not t.revoked or $3)
       returning u.*, s.id as session_id`,
      [token, client_id, !client_id && Date.now() - (this.#refreshed.get(token) ?? 0) < REUSE_MS],
    );
    if (!this.#refreshed.has(token)) this.#refreshed.set(token, Date.now());
    return user && (await this.session(user, { client_id, session_id: user.session_id }));
  }

  async userBy(column, value) {
    return (await this.#rows(`select * from auth.users where ${column} = $1`, [value]))[0];
  }

  /// An OAuth client, a known one where there is an `id`.
  async createClient({ id = crypto.randomUUID(), name, redirectUris = [] }) {
    await this.#rows(
      "insert into auth.oauth_clients (id, client_name, redirect_uris) values ($1, $2, $3) on conflict do nothing",
      [id, name, redirectUris.join(",")],
    );
    return id;
  }

  /// Answers a request below /auth/v1 with [status, body].
  async answer(method, url, { body, bearer, secret }) {
    const path = url.pathname.replace("/auth/v1", "");
    switch (`${method} ${path}`) {
      case "POST /signup":
        return [200, published(await this.createUser({ ...body, confirmed: true }))];
      case "POST /token": {
        const grant = url.searchParams.get("grant_type");
        if (grant === "pkce") {
          const begun = take(this.#signIns, body.auth_code);
          if (!begun || !proves(body.code_verifier, begun.challenge))
            throw new Refusal(400, "bad_code_verifier", "code challenge does not match");
          return [200, await this.session(await this.userBy("id", begun.userId))];
        }
        if (grant === "refresh_token") {
          const session = await this.#refresh(body.refresh_token, null);
          if (!session)
            throw new Refusal(
              400,
              "refresh_token_not_found",
              "Invalid Refresh Token: Refresh Token Not Found",
            );
          return [200, session];
        }
        const [user] = await this.#rows(
          "select * from auth.users where email = lower($1) and encrypted_password = extensions.crypt($2, encrypted_password)",
          [body.email, body.password],
        );
        if (!user) throw new Refusal(400, "invalid_credentials", "Invalid login credentials");
        return [200, await this.session(user)];
      }
      case "GET /user":
        return [200, published((await this.#caller(bearer)).user)];
      case "GET /user/oauth/grants": {
        const { user } = await this.#caller(bearer);
        const grants = await this.#rows(
          "select c.*, n.granted_at from auth.oauth_consents n join auth.oauth_clients c on c.id = n.client_id where n.user_id = $1 and n.revoked_at is null order by n.granted_at desc",
          [user.id],
        );
        return [
          200,
          grants.map((grant) => ({
            client: shown(grant),
            scopes: [],
            granted_at: grant.granted_at,
          })),
        ];
      }
      case "DELETE /user/oauth/grants": {
        const { user } = await this.#caller(bearer);
        const whose = [user.id, url.searchParams.get("client_id")];
        await this.#rows(
          "update auth.oauth_consents set revoked_at = now() where user_id = $1 and client_id = $2",
          whose,
        );
        await this.#rows(
          "delete from auth.sessions where user_id = $1 and oauth_client_id = $2",
          whose,
        );
        return [204];
      }
      case "POST /logout": {
        const { sessionId } = await this.#caller(bearer);
        await this.#rows("delete from auth.sessions where id = $1", [sessionId]);
        return [204];
      }
    }
    const [, authorizationId, consent] =
      /^\/oauth\/authorizations\/([^/]+)(\/consent)?$/.exec(path) ?? [];
    if (authorizationId)
      return [
        200,
        await this.#authorization(
          authorizationId,
          (await this.#caller(bearer)).user,
          consent && body.action,
        ),
      ];
    if (secret && path.startsWith("/admin/users")) {
      const id = path.split("/")[3];
      if (method === "POST")
        return [
          200,
          published(await this.createUser({ ...body, confirmed: body.email_confirm !== false })),
        ];
      if (method === "GET" && !id)
        return [
          200,
          {
            users: (await this.#rows("select * from auth.users order by created_at")).map(
              published,
            ),
          },
        ];
      if (method === "GET") {
        const user = await this.userBy("id", id);
        if (!user) throw new Refusal(404, "user_not_found", "User not found");
        return [200, published(user)];
      }
      if (method === "DELETE") {
        await this.#rows("delete from auth.users where id = $1", [id]);
        return [200, {}];
      }
    }
    throw new Refusal(404, "not_in_double", `The double of Auth does not have ${method} ${path}.`);
  }

  async #caller(bearer) {
    const verified = await jwtVerify(bearer, createLocalJWKSet(this.jwks)).catch(() => undefined);
    const user = verified && (await this.userBy("id", verified.payload.sub));
    if (!user || verified.payload.client_id) throw new Refusal(403, "bad_jwt", "invalid JWT");
    const sessionId = verified.payload.session_id;
    const [session] = await this.#rows("select from auth.sessions where id = $1", [sessionId]);
    if (!session)
      throw new Refusal(
        403,
        "session_not_found",
        "Session from session_id claim in JWT does not exist",
      );
    return { user, sessionId };
  }

  /// What the consent page reads, and what it answers: `action` is approve, deny, or undefined.
  async #authorization(id, user, action) {
    const [begun] = await this.#rows(
      `update auth.oauth_authorizations a set user_id = $2 from auth.oauth_clients c
       where a.authorization_id = $1 and coalesce(a.user_id, $2) = $2 and a.authorization_code is null and a.expires_at > now() and c.id = a.client_id
       returning a.*, c.client_name`,
      [id, user.id],
    );
    if (!begun) throw new Refusal(404, "oauth_authorization_not_found", "authorization not found");
    const back = (facts) => {
      const url = new URL(begun.redirect_uri);
      for (const [name, value] of Object.entries({
        ...facts,
        ...(begun.state && { state: begun.state }),
      }))
        url.searchParams.set(name, value);
      return { redirect_url: url.href };
    };
    if (action === "deny") {
      await this.#rows("delete from auth.oauth_authorizations where id = $1", [begun.id]);
      return back({ error: "access_denied", error_description: "User denied the request" });
    }
    const [agreed] = await this.#rows(
      "select from auth.oauth_consents where user_id = $1 and client_id = $2 and revoked_at is null",
      [user.id, begun.client_id],
    );
    if (action !== "approve" && !agreed) {
      return {
        authorization_id: id,
        redirect_uri: begun.redirect_uri,
        client: shown({ ...begun, id: begun.client_id }),
        user: { id: user.id, email: user.email },
        scope: begun.scope,
      };
    }
    await this.#rows(
      `insert into auth.oauth_consents (user_id, client_id, scopes) values ($1, $2, $3)
       on conflict (user_id, client_id) do update set granted_at = now(), revoked_at = null`,
      [user.id, begun.client_id, begun.scope],
    );
    const code = crypto.randomUUID();
    await this.#rows("update auth.oauth_authorizations set authorization_code = $2 where id = $1", [
      begun.id,
      code,
    ]);
    return back({ code });
  }

  /// What a browser or an OAuth client asks for without a key of the project: [status, body, headers], or undefined.
  async answerWithoutKey(method, url, text) {
    const path = url.pathname.replace("/auth/v1", "");
    const query = Object.fromEntries(url.searchParams);
    const redirect = (location, facts) => {
      const to = new URL(location);
      for (const [name, value] of Object.entries(facts)) to.searchParams.set(name, value);
      return [302, undefined, { location: to.href }];
    };
    if (
      url.pathname === "/.well-known/oauth-authorization-server/auth/v1" ||
      path === "/.well-known/openid-configuration"
    ) {
      return [
        200,
        {
          issuer: this.#issuer,
          authorization_endpoint: `${this.#issuer}/oauth/authorize`,
          token_endpoint: `${this.#issuer}/oauth/token`,
          registration_endpoint: `${this.#issuer}/oauth/clients/register`,
          jwks_uri: `${this.#issuer}/.well-known/jwks.json`,
          scopes_supported: ["openid", "profile", "email", "phone"],
          response_types_supported: ["code"],
          response_modes_supported: ["query"],
          grant_types_supported: ["authorization_code", "refresh_token"],
          subject_types_supported: ["public"],
          id_token_signing_alg_values_supported: ["ES256"],
          token_endpoint_auth_methods_supported: ["none"],
          code_challenge_methods_supported: ["S256"],
        },
      ];
    }
    switch (`${method} ${path}`) {
      case "GET /authorize": {
        if (!query.email) {
          const hidden = Object.entries(query).map(
            ([name, value]) =>
              `<input type="hidden" name="${name}" value="${value.replaceAll('"', "&quot;")}">`,
          );
          return [
            200,
            `<!doctype html><title>${query.provider}</title><form>${hidden.join("")}<label>E-mail <input name="email"></label><button>Sign in</button></form>`,
          ];
        }
        try {
          const user =
            (await this.userBy("email", query.email.toLowerCase())) ??
            (await this.createUser({ email: query.email }));
          return redirect(query.redirect_to, {
            code: put(this.#signIns, { userId: user.id, challenge: query.code_challenge }),
          });
        } catch (error) {
          return redirect(query.redirect_to, {
            error: "access_denied",
            error_code: error.code,
            error_description: error.message,
          });
        }
      }
      case "POST /oauth/clients/register": {
        const { redirect_uris, client_name } = JSON.parse(text);
        if (!redirect_uris?.length) return [400, { error: "invalid_redirect_uri" }];
        const client_id = await this.createClient({
          name: client_name,
          redirectUris: redirect_uris,
        });
        return [
          201,
          {
            client_id,
            client_name,
            redirect_uris,
            grant_types: ["authorization_code", "refresh_token"],
            response_types: ["code"],
            token_endpoint_auth_method: "none",
          },
        ];
      }
      case "GET /oauth/authorize": {
        const [client] = await this.#rows("select * from auth.oauth_clients where id::text = $1", [
          query.client_id,
        ]);
        if (!client?.redirect_uris.split(",").includes(query.redirect_uri))
          return [
            400,
            { error: "invalid_request", error_description: "client_id or redirect_uri is unknown" },
          ];
        if (
          query.response_type !== "code" ||
          query.code_challenge_method !== "S256" ||
          !query.code_challenge
        ) {
          return redirect(query.redirect_uri, { error: "invalid_request" });
        }
        const { redirect_uri, state, code_challenge: challenge, scope = "email" } = query;
        const authorization_id = crypto.randomBytes(16).toString("hex");
        await this.#rows(
          "insert into auth.oauth_authorizations (authorization_id, client_id, redirect_uri, scope, state, code_challenge) values ($1, $2, $3, $4, $5, $6)",
          [authorization_id, client.id, redirect_uri, scope, state, challenge],
        );
        return redirect(`${this.#consoleUrl}/oauth/consent`, { authorization_id });
      }
      case "POST /oauth/token": {
        const form = Object.fromEntries(new URLSearchParams(text));
        if (form.grant_type === "authorization_code") {
          const [begun] = await this.#rows(
            "delete from auth.oauth_authorizations where authorization_code = $1 and expires_at > now() returning *",
            [form.code],
          );
          const isRight =
            begun?.client_id === form.client_id &&
            begun.redirect_uri === form.redirect_uri &&
            proves(form.code_verifier, begun.code_challenge);
          if (!isRight) return [400, { error: "invalid_grant" }];
          return [
            200,
            await this.session(await this.userBy("id", begun.user_id), {
              client_id: form.client_id,
            }),
          ];
        }
        const session = form.client_id && (await this.#refresh(form.refresh_token, form.client_id));
        return session ? [200, session] : [400, { error: "invalid_grant" }];
      }
    }
    return undefined;
  }
}

const put = (map, value) => {
  const key = crypto.randomBytes(16).toString("hex");
  map.set(key, value);
  return key;
};

const take = (map, key) => {
  const value = map.get(key);
  map.delete(key);
  return value;
};

/// PKCE with S256: RFC 7636.
const proves = (verifier, challenge) =>
  crypto
    .createHash("sha256")
    .update(verifier ?? "")
    .digest("base64url") === challenge;

const shown = ({ id, client_name }) => ({ id, name: client_name, uri: "", logo_uri: "" });

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
