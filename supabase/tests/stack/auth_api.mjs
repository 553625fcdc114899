// The endpoints of the Supabase Auth double: sign-up and sign-in by password, email link and provider, the user's own account, factors, the
// OAuth 2.1 server for MCP clients, and the admin's user list. The provider is a page that asks for an email address.
import crypto from "node:crypto";
import { createLocalJWKSet, jwtVerify } from "jose";
import { published, Refusal } from "./auth.mjs";

const DAY_MS = 24 * 3600 * 1000;

export class AuthApi {
  #auth;
  // Pending sign-ins by code.
  #signIns = new Map();

  constructor(auth) {
    this.#auth = auth;
  }

  /// Answers a request below /auth/v1 with a key of the project: [status, body].
  async answer(method, url, { body, bearer, secret }) {
    const auth = this.#auth;
    const path = url.pathname.replace("/auth/v1", "");
    switch (`${method} ${path}`) {
      case "POST /signup":
        return [200, await this.#signUp(body)];
      case "POST /otp":
      case "POST /magiclink": {
        if (!auth.settings.email)
          throw new Refusal(422, "email_provider_disabled", "Email logins are disabled");
        const known = await auth.userBy("email", body.email.toLowerCase());
        // Like Auth, gives a new account an unknown random password.
        if (!known)
          await this.#signUp(
            { email: body.email, password: crypto.randomUUID() },
            { silent: true },
          );
        this.#mail(body.email, "magiclink", {
          challenge: body.code_challenge,
          redirect_to: url.searchParams.get("redirect_to"),
        });
        return [200, {}];
      }
      case "GET /settings":
        return [
          200,
          {
            external: { ...auth.settings.external, email: auth.settings.email },
            disable_signup: !auth.settings.signup,
          },
        ];
      case "POST /verify":
        return [200, await this.#verify(body)];
      case "POST /token":
        return [200, await this.#token(url.searchParams.get("grant_type"), body)];
      case "GET /user":
        return [200, published((await this.#caller(bearer)).user)];
      case "PUT /user":
        return [200, await this.#changeUser(await this.#caller(bearer), body)];
      case "GET /user/identities/authorize":
        await this.#caller(bearer);
        if (!auth.settings.manual_linking)
          throw new Refusal(404, "manual_linking_disabled", "Manual linking is disabled");
        break;
      case "POST /passkeys/registration/options":
        if (!auth.settings.passkey)
          throw new Refusal(404, "passkey_disabled", "Passkey is disabled");
        break;
      case "GET /user/oauth/grants": {
        const { user } = await this.#caller(bearer);
        const grants = await auth.rows(
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
        await auth.rows(
          "update auth.oauth_consents set revoked_at = now() where user_id = $1 and client_id = $2",
          whose,
        );
        await auth.rows(
          "delete from auth.sessions where user_id = $1 and oauth_client_id = $2",
          whose,
        );
        return [204];
      }
      case "POST /logout": {
        const { session } = await this.#caller(bearer);
        await auth.rows("delete from auth.sessions where id = $1", [session.id]);
        return [204];
      }
      case "POST /factors":
        return [200, await this.#enroll(await this.#caller(bearer), body)];
    }
    const [, factorId, step] = /^\/factors\/([^/]+)\/(challenge|verify)$/.exec(path) ?? [];
    if (factorId && method === "POST") {
      const caller = await this.#caller(bearer);
      return [200, await this.#factor(caller, factorId, step, body)];
    }
    const [, authorizationId, consent] =
      /^\/oauth\/authorizations\/([^/]+)(\/consent)?$/.exec(path) ?? [];
    if (authorizationId) {
      const { user } = await this.#caller(bearer);
      return [200, await this.#authorization(authorizationId, user, consent && body.action)];
    }
    if (secret && path.startsWith("/admin/users"))
      return await this.#admin(method, path.split("/")[3], body);
    throw new Refusal(404, "not_in_double", `The double of Auth does not have ${method} ${path}.`);
  }

  /// Returns the token's user and session. Like Auth, it accepts a client's token just like the console's.
  async #caller(bearer) {
    const verified = await jwtVerify(bearer, createLocalJWKSet(this.#auth.jwks)).catch(
      () => undefined,
    );
    const user = verified && (await this.#auth.userBy("id", verified.payload.sub));
    if (!user) throw new Refusal(403, "bad_jwt", "invalid JWT");
    const [session] = await this.#auth.rows("select * from auth.sessions where id = $1", [
      verified.payload.session_id,
    ]);
    if (!session)
      throw new Refusal(
        403,
        "session_not_found",
        "Session from session_id claim in JWT does not exist",
      );
    return { user, session };
  }

  #mail(to, type, facts = {}) {
    const token = crypto.randomBytes(16).toString("hex");
    this.#auth.mails.push({ to: to.toLowerCase(), type, token, ...facts });
  }

  async #signUp({ email, password, data }, { silent = false } = {}) {
    const { settings } = this.#auth;
    if (!settings.signup)
      throw new Refusal(422, "signup_disabled", "Signups not allowed for this instance");
    if (!settings.email)
      throw new Refusal(400, "email_provider_disabled", "Email signups are disabled");
    // An existing account is neither updated nor revealed.
    const known = await this.#auth.userBy("email", email.toLowerCase());
    const user =
      known ??
      (await this.#auth.createUser({ email, password, data, confirmed: !settings.confirmations }));
    if (!user.email_confirmed_at) {
      await this.#auth.rows("update auth.users set confirmation_sent_at = now() where id = $1", [
        user.id,
      ]);
      if (!silent) this.#mail(email, "signup");
    }
    return published(user);
  }

  async #verify(fields) {
    return await this.#auth.session((await this.#confirm(fields)).user);
  }

  /// Uses an emailed token once: {user, mail}.
  async #confirm({ type, token }) {
    const { mails } = this.#auth;
    const at = mails.findIndex((mail) => mail.token === token && mail.type === type);
    if (at < 0) throw new Refusal(403, "otp_expired", "Email link is invalid or has expired");
    const [mail] = mails.splice(at, 1);
    await this.#auth.rows(
      "update auth.users set email_confirmed_at = now(), confirmation_token = '' where email = $1 and email_confirmed_at is null",
      [mail.to],
    );
    return { user: await this.#auth.userBy("email", mail.to), mail };
  }

  async #token(grant, body) {
    const auth = this.#auth;
    if (grant === "pkce") {
      const begun = take(this.#signIns, body.auth_code);
      if (!begun || !proves(body.code_verifier, begun.challenge))
        throw new Refusal(400, "bad_code_verifier", "code challenge does not match");
      return await auth.session(await auth.userBy("id", begun.userId));
    }
    if (grant === "refresh_token") {
      const session = await auth.refresh(body.refresh_token, null);
      if (!session)
        throw new Refusal(
          400,
          "refresh_token_not_found",
          "Invalid Refresh Token: Refresh Token Not Found",
        );
      return session;
    }
    if (!auth.settings.email)
      throw new Refusal(422, "email_provider_disabled", "Email logins are disabled");
    const [user] = await auth.rows(
      "select * from auth.users where email = lower($1) and encrypted_password <> '' and encrypted_password = extensions.crypt($2, encrypted_password)",
      [body.email, body.password],
    );
    if (!user) throw new Refusal(400, "invalid_credentials", "Invalid login credentials");
    if (!user.email_confirmed_at)
      throw new Refusal(400, "email_not_confirmed", "Email not confirmed");
    return await auth.session(user);
  }

  /// In a session younger than a day, a new password takes effect immediately and ends all other sessions in the same transaction.
  async #changeUser({ user, session }, { password, email, data }) {
    const { settings } = this.#auth;
    if (password && settings.secure_password_change && Date.now() - session.created_at > DAY_MS)
      throw new Refusal(
        400,
        "reauthentication_needed",
        "Password update requires reauthentication",
      );
    await this.#auth
      .transaction(async (rows) => {
        if (password) {
          await rows(
            "update auth.users set encrypted_password = extensions.crypt($2, extensions.gen_salt('bf', 4)) where id = $1",
            [user.id, password],
          );
          await rows("delete from auth.sessions where user_id = $1 and id <> $2", [
            user.id,
            session.id,
          ]);
        }
        if (data)
          await rows(
            "update auth.users set raw_user_meta_data = raw_user_meta_data || $2 where id = $1",
            [user.id, data],
          );
        if (email && email !== user.email)
          await rows(
            "update auth.users set email_change = $2, email_change_sent_at = now() where id = $1",
            [user.id, email],
          );
      })
      .catch((error) => {
        // Auth reports a database error as its own failure.
        throw new Refusal(500, "unexpected_failure", `Database error: ${error.message}`);
      });
    return published(await this.#auth.userBy("id", user.id));
  }

  async #enroll({ user }, { factor_type, friendly_name = "" }) {
    if (factor_type !== "totp" || !this.#auth.settings.totp)
      throw new Refusal(422, "mfa_totp_enroll_not_enabled", "MFA enroll is disabled for TOTP");
    const id = crypto.randomUUID();
    const secret = crypto.randomBytes(20).toString("hex");
    await this.#auth.rows(
      "insert into auth.mfa_factors (id, user_id, friendly_name, factor_type, status, secret, created_at, updated_at) values ($1, $2, $3, 'totp', 'unverified', $4, now(), now())",
      [id, user.id, friendly_name, secret],
    );
    return { id, type: "totp", totp: { secret } };
  }

  async #factor({ user, session }, factorId, step, { challenge_id, code }) {
    const auth = this.#auth;
    const [factor] = await auth.rows(
      "select * from auth.mfa_factors where id = $1 and user_id = $2",
      [factorId, user.id],
    );
    if (!factor) throw new Refusal(404, "mfa_factor_not_found", "Factor not found");
    if (step === "challenge") {
      const id = crypto.randomUUID();
      await auth.rows(
        "insert into auth.mfa_challenges (id, factor_id, created_at, ip_address) values ($1, $2, now(), '127.0.0.1')",
        [id, factorId],
      );
      return { id, type: "totp", expires_at: Math.floor(Date.now() / 1000) + 300 };
    }
    if (code !== oneTimeCode(factor.secret))
      throw new Refusal(422, "mfa_verification_failed", "Invalid TOTP code entered");
    return await auth.transaction(async (rows) => {
      await rows(
        "update auth.mfa_challenges set verified_at = now() where id = $1 and factor_id = $2",
        [challenge_id, factorId],
      );
      await rows("update auth.mfa_factors set status = 'verified' where id = $1", [factorId]);
      await rows("update auth.sessions set aal = 'aal2', factor_id = $2 where id = $1", [
        session.id,
        factorId,
      ]);
      // The new token belongs to the session but lacks its client (supabase/auth, updateMFASessionAndClaims).
      const tokens = await auth.issue(rows, user, session.id);
      await rows("delete from auth.sessions where user_id = $1 and aal < 'aal2'", [user.id]);
      return tokens;
    });
  }

  /// Reads or decides an authorization: `action` is approve, deny, or undefined. Reading assigns the authorization to the user, and approves
  /// it if the user has allowed the client before.
  async #authorization(id, user, action) {
    const auth = this.#auth;
    const [begun] = await auth.rows(
      `update auth.oauth_authorizations a set user_id = coalesce(a.user_id, case when $3 then null else $2::uuid end) from auth.oauth_clients c
       where a.authorization_id = $1 and a.status = 'pending' and a.expires_at > now() and c.id = a.client_id
       returning a.*, c.client_name, c.client_uri, c.logo_uri`,
      [id, user.id, action !== undefined],
    );
    if (begun?.user_id !== user.id)
      throw new Refusal(404, "oauth_authorization_not_found", "authorization not found");
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
      await auth.rows("update auth.oauth_authorizations set status = 'denied' where id = $1", [
        begun.id,
      ]);
      return back({ error: "access_denied", error_description: "User denied the request" });
    }
    const [agreed] = await auth.rows(
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
    if (action === "approve")
      await auth.rows(
        `insert into auth.oauth_consents (id, user_id, client_id, scopes) values (gen_random_uuid(), $1, $2, $3)
         on conflict (user_id, client_id) do update set granted_at = now(), revoked_at = null`,
        [user.id, begun.client_id, begun.scope],
      );
    const code = crypto.randomUUID();
    await auth.rows(
      "update auth.oauth_authorizations set authorization_code = $2, status = 'approved', approved_at = now() where id = $1",
      [begun.id, code],
    );
    return back({ code });
  }

  async #admin(method, id, body) {
    const auth = this.#auth;
    if (method === "POST") {
      const confirmed = body.email_confirm !== false;
      return [200, published(await auth.createUser({ ...body, confirmed }))];
    }
    if (method === "GET" && !id) {
      const users = await auth.rows("select * from auth.users order by created_at");
      return [200, { users: users.map(published) }];
    }
    const user = await auth.userBy("id", id);
    if (!user) throw new Refusal(404, "user_not_found", "User not found");
    if (method === "DELETE") await auth.rows("delete from auth.users where id = $1", [id]);
    return [200, method === "DELETE" ? {} : published(user)];
  }

  /// Answers a browser's or an OAuth client's request without a key of the project: [status, body, headers], or undefined.
  async answerWithoutKey(method, url, text) {
    const auth = this.#auth;
    const path = url.pathname.replace("/auth/v1", "");
    const query = Object.fromEntries(url.searchParams);
    if (
      url.pathname === "/.well-known/oauth-authorization-server/auth/v1" ||
      path === "/.well-known/openid-configuration"
    )
      return [200, metadata(auth.issuer)];
    switch (`${method} ${path}`) {
      case "GET /authorize":
        return await this.#signInThroughProvider(query);
      // An emailed link, opened in the browser that requested it (PKCE).
      case "GET /verify": {
        const { user, mail } = await this.#confirm(query);
        return redirect(mail.redirect_to, {
          code: put(this.#signIns, { userId: user.id, challenge: mail.challenge }),
        });
      }
      case "POST /oauth/clients/register": {
        const { redirect_uris, client_name } = JSON.parse(text);
        if (!redirect_uris?.length) return [400, { error: "invalid_redirect_uri" }];
        const client_id = await auth.createClient({
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
      case "GET /oauth/authorize":
        return await this.#authorize(query);
      case "POST /oauth/token":
        return await this.#clientToken(Object.fromEntries(new URLSearchParams(text)));
    }
    return undefined;
  }

  async #signInThroughProvider(query) {
    const auth = this.#auth;
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
      const known = await auth.userBy("email", query.email.toLowerCase());
      // The provider has verified the address: a password set before that is not trusted.
      if (known && !known.email_confirmed_at)
        await auth.rows(
          "update auth.users set encrypted_password = null, email_confirmed_at = now() where id = $1",
          [known.id],
        );
      const user =
        known ?? (await auth.createUser({ email: query.email, provider: query.provider }));
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

  async #authorize(query) {
    const auth = this.#auth;
    const [client] = await auth.rows("select * from auth.oauth_clients where id::text = $1", [
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
    )
      return redirect(query.redirect_uri, { error: "invalid_request" });
    const { redirect_uri, state, code_challenge: challenge, scope = "email" } = query;
    const authorization_id = crypto.randomBytes(16).toString("hex");
    await auth.rows(
      `insert into auth.oauth_authorizations (id, authorization_id, client_id, redirect_uri, scope, state, code_challenge, code_challenge_method)
       values (gen_random_uuid(), $1, $2, $3, $4, $5, $6, 's256')`,
      [authorization_id, client.id, redirect_uri, scope, state, challenge],
    );
    return redirect(`${auth.consoleUrl}/oauth/consent`, { authorization_id });
  }

  /// Returns tokens for a client: for a code, which works once, or for a refresh token.
  async #clientToken(form) {
    const auth = this.#auth;
    if (form.grant_type !== "authorization_code") {
      const session = form.client_id && (await auth.refresh(form.refresh_token, form.client_id));
      return session ? [200, session] : [400, { error: "invalid_grant" }];
    }
    const [begun] = await auth.rows(
      "delete from auth.oauth_authorizations where authorization_code = $1 and expires_at > now() returning *",
      [form.code],
    );
    const isRight =
      begun?.client_id === form.client_id &&
      begun.redirect_uri === form.redirect_uri &&
      proves(form.code_verifier, begun.code_challenge);
    if (!isRight) return [400, { error: "invalid_grant" }];
    const user = await auth.userBy("id", begun.user_id);
    return [200, await auth.session(user, { client_id: form.client_id })];
  }
}

/// The current code for a factor's secret: RFC 6238 with SHA-1, 30 seconds and six digits.
export function oneTimeCode(secret, now = Date.now()) {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(now / 30_000)));
  const mac = crypto.createHmac("sha1", Buffer.from(secret, "hex")).update(counter).digest();
  const number = mac.readUInt32BE(mac[19] & 15) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, "0");
}

function redirect(location, facts) {
  const to = new URL(location);
  for (const [name, value] of Object.entries(facts)) to.searchParams.set(name, value);
  return [302, undefined, { location: to.href }];
}

const metadata = (issuer) => ({
  issuer,
  authorization_endpoint: `${issuer}/oauth/authorize`,
  token_endpoint: `${issuer}/oauth/token`,
  registration_endpoint: `${issuer}/oauth/clients/register`,
  jwks_uri: `${issuer}/.well-known/jwks.json`,
  scopes_supported: ["openid", "profile", "email", "phone"],
  response_types_supported: ["code"],
  response_modes_supported: ["query"],
  grant_types_supported: ["authorization_code", "refresh_token"],
  subject_types_supported: ["public"],
  id_token_signing_alg_values_supported: ["ES256"],
  token_endpoint_auth_methods_supported: ["none"],
  code_challenge_methods_supported: ["S256"],
});

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

const shown = ({ id, client_name, client_uri, logo_uri }) => ({
  id,
  name: client_name ?? "",
  uri: client_uri ?? "",
  logo_uri: logo_uri ?? "",
});
