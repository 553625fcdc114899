// Provider doubles: the authorization and token endpoints of the services, as strict as the real ones, below a path that begins with the
// host. Consent is given automatically. Refresh tokens rotate, and reusing one revokes the whole family. Every secret begins with
// `canary-`, so that tests can search for leaks.
import crypto from "node:crypto";
import { once } from "node:events";
import http from "node:http";
import { json, send } from "./gateway.mjs";

const RULES = {
  "github.com/login/oauth": {
    service: "github",
    token: "/access_token",
    authorize: "/authorize",
    client: "body",
    refresh: false,
    expires: false,
  },
  "api.notion.com/v1/oauth": {
    service: "notion",
    token: "/token",
    authorize: "/authorize",
    client: "basic",
    format: "json",
    refresh: true,
    expires: false,
    query: { owner: "user" },
  },
  "auth.atlassian.com": {
    service: "atlassian",
    token: "/oauth/token",
    authorize: "/authorize",
    client: "body",
    format: "json",
    scope: "offline_access",
    query: { audience: "api.atlassian.com", prompt: "consent" },
  },
  "api.supabase.com/v1/oauth": {
    service: "supabase",
    token: "/token",
    authorize: "/authorize",
    client: "basic",
  },
  "accounts.google.com/o/oauth2": {
    service: "google_calendar",
    authorize: "/v2/auth",
    query: { access_type: "offline", prompt: "consent" },
  },
  "oauth2.googleapis.com": {
    service: "google_calendar",
    token: "/token",
    client: "body",
    rotate: false,
  },
  "login.microsoftonline.com/consumers/oauth2/v2.0": {
    service: "microsoft_todo",
    token: "/token",
    authorize: "/authorize",
    client: "body",
    scope: "offline_access",
    scopes: /https:\/\/graph\.microsoft\.com\/Tasks\.ReadWrite/,
  },
};

const RESOURCES = "api.atlassian.com/oauth/token/accessible-resources";

export async function startProvider() {
  const codes = new Map();
  const refreshTokens = new Map();
  const live = new Map();
  // Log lines that the functions sent to Loki.
  const logged = [];
  const counts = { exchanges: 0, refreshes: 0, reuses: 0 };
  // Set by tests: token lifetime, status of answers, denied consent, delay.
  const control = {
    expires_in: 3600,
    fail: 0,
    deny: false,
    delay_ms: 0,
    answer: null,
    sites: null,
    // Statuses of the services' own answers.
    fail_services: 0,
  };
  // Pasted tokens, which were not issued here.
  const good = new Set();
  const asked = {};
  const site = {
    id: "11111111-2222-4333-8444-555555555555",
    url: "https://acme.atlassian.net",
    scopes: ["read:jira-work", "search:confluence"],
  };
  const services = {
    "api.github.com/user": { login: "ada" },
    [RESOURCES]: [site],
    "api.supabase.com/v1/organizations": [{ id: "org", name: "Ada's projects" }],
  };

  function issue(rules, family, scope) {
    const access_token = `canary-access-${crypto.randomBytes(12).toString("hex")}`;
    live.set(access_token, family);
    const answer = { access_token, token_type: "bearer", scope };
    if (rules.expires !== false) answer.expires_in = control.expires_in;
    if (rules.refresh !== false) {
      answer.refresh_token = `canary-refresh-${crypto.randomBytes(12).toString("hex")}`;
      refreshTokens.set(answer.refresh_token, {
        family,
        scope,
        used: false,
        service: rules.service,
      });
    }
    if (["google_calendar", "microsoft_todo"].includes(rules.service)) {
      const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
      answer.id_token = [
        part({ alg: "RS256" }),
        part({ email: "ada@example.com", preferred_username: "ada@example.com" }),
        "canary-signature",
      ].join(".");
    }
    if (rules.service === "notion") answer.workspace_name = "Ada's workspace";
    return answer;
  }

  function token(rules, request, fields) {
    const basic = /^Basic (.+)$/.exec(request.headers.authorization ?? "");
    const [id, secret] =
      rules.client === "basic"
        ? Buffer.from(basic?.[1] ?? "", "base64")
            .toString()
            .split(":")
        : [fields.client_id, fields.client_secret];
    if (!id || secret !== `canary-secret-of-${id}`) return [401, { error: "invalid_client" }];
    if (fields.grant_type === "authorization_code") {
      const code = codes.get(fields.code);
      codes.delete(fields.code);
      const challenge = crypto
        .createHash("sha256")
        .update(fields.code_verifier ?? "")
        .digest("base64url");
      if (
        code?.client_id !== id ||
        code.redirect_uri !== fields.redirect_uri ||
        code.challenge !== challenge
      )
        return [400, { error: "invalid_grant" }];
      counts.exchanges += 1;
      return [200, issue(rules, crypto.randomUUID(), code.scope)];
    }
    const known = refreshTokens.get(fields.refresh_token);
    if (!known) return [400, { error: "invalid_grant" }];
    if (known.used) {
      counts.reuses += 1;
      for (const store of [refreshTokens, live])
        for (const [key, value] of store)
          if ((value.family ?? value) === known.family) store.delete(key);
      return [
        400,
        { error: "invalid_grant", error_description: "The refresh token was used before." },
      ];
    }
    counts.refreshes += 1;
    const answer = issue(rules, known.family, known.scope);
    if (rules.rotate === false) {
      refreshTokens.delete(answer.refresh_token);
      delete answer.refresh_token;
    } else {
      known.used = true;
    }
    return [200, answer];
  }

  const server = http.createServer(async (request, response) => {
    const url = new URL(request.url, "http://provider");
    const path = url.pathname.slice(1);
    if (path === "control") return send(response, 200, Object.assign(control, await json(request)));
    if (path === "counts") return send(response, 200, counts);
    if (path === "loki") {
      logged.push(await json(request));
      return send(response, 204);
    }
    if (path === "logged") return send(response, 200, logged);
    // Expires access tokens, but not refresh tokens.
    if (path === "expire") {
      live.clear();
      return send(response, 200, {});
    }
    // The services' answers to valid tokens: {"api.github.com/user": {…}}.
    if (path === "services") {
      Object.assign(services, await json(request));
      return send(response, 200, {});
    }
    // Makes a pasted token valid; null invalidates all of them.
    if (path === "good") {
      const { authorization } = await json(request);
      if (authorization === null) good.clear();
      else good.add(authorization);
      return send(response, 200, {});
    }
    // How often each service was called.
    if (path === "asked") return send(response, 200, asked);
    // Like an owner who removes the app: ends every grant.
    if (path === "revoke") {
      refreshTokens.clear();
      live.clear();
      return send(response, 200, {});
    }

    const [prefix, rules] =
      Object.entries(RULES).find(([prefix]) => path.startsWith(`${prefix}/`)) ?? [];
    const rest = prefix ? path.slice(prefix.length) : undefined;
    if (rules?.authorize === rest && rules) {
      const query = Object.fromEntries(url.searchParams);
      const wrong = [
        query.response_type !== "code" && "response_type",
        !query.state && "state",
        query.code_challenge_method !== "S256" && "code_challenge_method",
        ...Object.entries(rules.query ?? {}).map(([name, value]) => query[name] !== value && name),
        rules.scope && !query.scope.split(" ").includes(rules.scope) && "scope",
        rules.scopes && !rules.scopes.test(query.scope) && "scope",
      ].filter(Boolean);
      if (wrong.length) return send(response, 400, { error: "invalid_request", wrong });
      const back = new URL(query.redirect_uri);
      back.searchParams.set("state", query.state);
      if (control.deny) {
        back.searchParams.set("error", "access_denied");
      } else {
        const code = `canary-code-${crypto.randomBytes(12).toString("hex")}`;
        codes.set(code, {
          client_id: query.client_id,
          redirect_uri: query.redirect_uri,
          challenge: query.code_challenge,
          scope: query.scope ?? "",
        });
        back.searchParams.set("code", code);
      }
      return response.writeHead(302, { location: back.href }).end();
    }
    if (rules?.token === rest && rules) {
      let text = "";
      for await (const chunk of request.setEncoding("utf8")) text += chunk;
      await new Promise((resolve) => setTimeout(resolve, control.delay_ms));
      if (control.fail) return send(response, control.fail, { error: "server_error" });
      if (control.answer !== null)
        return response.writeHead(200, { "content-type": "application/json" }).end(control.answer);
      const isJson = (request.headers["content-type"] ?? "").startsWith("application/json");
      if (isJson !== (rules.format === "json"))
        return send(response, 415, { error: "invalid_request" });
      const [status, answer] = token(
        rules,
        request,
        isJson ? JSON.parse(text) : Object.fromEntries(new URLSearchParams(text)),
      );
      // GitHub returns errors with status 200.
      return send(response, rules.service === "github" ? 200 : status, answer);
    }
    asked[path] = (asked[path] ?? 0) + 1;
    if (control.fail_services) return send(response, control.fail_services, {});
    const { authorization = "" } = request.headers;
    if (!live.has(authorization.replace(/^Bearer /, "")) && !good.has(authorization))
      return send(response, 401, { message: "Bad credentials" });
    if (path === RESOURCES && control.sites) return send(response, 200, control.sites);
    send(response, path in services ? 200 : 404, services[path] ?? {});
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    stop: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
