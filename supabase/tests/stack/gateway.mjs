// A double of Supabase's gateway: one origin for Auth (also a double), PostgREST and the functions (both real). Like the real one, it
// requires a key of the project and replaces it by the key's role.

import { once } from "node:events";
import http from "node:http";
import { Refusal } from "./auth.mjs";
import { AuthApi } from "./auth_api.mjs";

export const KEYS = {
  publishable: "sb_publishable_console_double",
  // A second publishable key, only for the MCP server.
  broker: "sb_publishable_broker_double",
  secret: "sb_secret_double",
};

/// Starts the gateway. `targets` can be filled later: postgrest: a port; functions: name -> ports.
export async function startGateway(auth, targets, onRotate) {
  const turns = {};
  const api = new AuthApi(auth);
  const server = http.createServer(async (request, response) => {
    try {
      await route(request, response);
    } catch (error) {
      const status = error instanceof Refusal ? error.status : 500;
      send(response, status, {
        code: status,
        error_code: error.code ?? "unexpected_failure",
        msg: error.message,
      });
    }
  });

  async function route(request, response) {
    const url = new URL(request.url, "http://gateway");
    const key = request.headers.apikey;
    const bearer = (request.headers.authorization ?? "").replace(/^Bearer /i, "");
    if (url.pathname === "/auth/v1/.well-known/jwks.json") {
      response.setHeader("cache-control", "public, max-age=600");
      return send(response, 200, auth.jwks);
    }
    if (url.pathname.startsWith("/functions/v1/")) {
      const path = request.url.replace("/functions/v1", "");
      const name = path.split(/[/?]/)[1];
      const ports = targets.functions[name];
      if (!ports)
        return send(response, 404, {
          code: "NOT_FOUND",
          message: "Requested function was not found",
        });
      turns[name] = ((turns[name] ?? -1) + 1) % ports.length;
      return forward(request, response, ports[turns[name]], path, request.headers);
    }
    if (
      (request.method === "GET" && url.pathname === "/auth/v1/verify") ||
      /^\/auth\/v1\/(authorize$|oauth\/(clients|authorize$|token$)|\.well-known\/)|^\/\.well-known\//.test(
        url.pathname,
      )
    ) {
      const [status, body, headers] = (await api.answerWithoutKey(
        request.method,
        url,
        await text(request),
      )) ?? [404, {}];
      if (typeof body === "string")
        return response.writeHead(status, { "content-type": "text/html" }).end(body);
      for (const [name, value] of Object.entries(headers ?? {})) response.setHeader(name, value);
      return send(response, status, body);
    }
    // For tests: tokens without a sign-in (through the hooks), and new signing keys.
    if (url.pathname.startsWith("/test/"))
      return send(response, 200, await test(url.pathname, await json(request)));

    response.setHeader("access-control-allow-origin", "*");
    response.setHeader(
      "access-control-allow-headers",
      request.headers["access-control-request-headers"] ?? "*",
    );
    response.setHeader("access-control-allow-methods", "GET, POST, PUT, PATCH, DELETE, OPTIONS");
    response.setHeader("access-control-expose-headers", "*");
    if (request.method === "OPTIONS") return response.writeHead(204).end();
    if (!Object.values(KEYS).includes(key))
      return send(response, 401, { message: "Invalid API key" });
    if (url.pathname.startsWith("/rest/v1/")) {
      const role = key === KEYS.secret ? "service_role" : "anon";
      const headers = {
        ...request.headers,
        authorization: `Bearer ${!bearer || bearer === key ? await auth.sign({ role }) : bearer}`,
      };
      delete headers.apikey;
      return forward(
        request,
        response,
        targets.postgrest,
        request.url.replace("/rest/v1", ""),
        headers,
      );
    }
    if (url.pathname.startsWith("/auth/v1/")) {
      const facts = { body: await json(request), bearer, secret: key === KEYS.secret };
      return send(response, ...(await api.answer(request.method, url, facts)));
    }
    send(response, 404, { message: "no Route matched with those values" });
  }

  async function test(path, body) {
    switch (path) {
      case "/test/token": {
        const user = await auth.userBy("email", body.email);
        if (!user) throw new Refusal(404, "user_not_found", `There is no ${body.email}.`);
        // A client with its own id counts as allowed by the user in the console.
        if (body.client_id) {
          await auth.createClient({ id: body.client_id, name: "a client" });
          await auth.rows(
            "insert into public.client_grants (user_id, client_id, expires_at) values ($1, $2, now() + interval '1 day') on conflict do nothing",
            [user.id, body.client_id],
          );
        }
        return await auth.session(user, body);
      }
      case "/test/sign":
        return { access_token: await auth.sign(body.claims, body) };
      case "/test/user":
        return await auth.createUser(body);
      // Changes Auth's settings; the answer is the previous ones.
      case "/test/settings": {
        const before = { ...auth.settings };
        Object.assign(auth.settings, body);
        return before;
      }
      case "/test/mails":
        return auth.mails.filter(({ to }) => to === body.to);
      case "/test/rotate":
        await auth.rotate(body.algorithm, body);
        await onRotate();
        return auth.jwks;
    }
    throw new Refusal(404, "not_in_double", path);
  }

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

export function send(response, status, body) {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(body === undefined ? undefined : JSON.stringify(body));
}

async function text(request) {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) text += chunk;
  return text;
}

export async function json(request) {
  const body = await text(request);
  return body ? JSON.parse(body) : {};
}

function forward(request, response, port, path, headers) {
  const onward = http.request(
    { host: "127.0.0.1", port, path, method: request.method, headers },
    (answer) => {
      for (const [name, value] of Object.entries(answer.headers)) response.setHeader(name, value);
      response.writeHead(answer.statusCode);
      answer.pipe(response);
    },
  );
  onward.on("error", (error) =>
    response.headersSent ? response.destroy() : send(response, 502, { message: error.message }),
  );
  request.pipe(onward);
}
