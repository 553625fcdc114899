import { Buffer } from "node:buffer";
import { config } from "./config.ts";
import { Failure, invalidRequest } from "./failure.ts";
import { type Facts, Log } from "./log.ts";

/** One request to a function. */
export class Call {
  /** The facts for the request's last log line, collected on the way. */
  readonly facts: Facts = {};

  constructor(
    readonly request: Request,
    readonly log: Log,
  ) {}

  /** Returns the body parsed as JSON, of at most `maximum` bytes; `{}` if it is empty. */
  async json(maximum: number, parse: (text: string) => unknown = JSON.parse): Promise<unknown> {
    const parts: Uint8Array[] = [];
    let length = 0;
    for await (const part of this.request.body ?? []) {
      length += part.length;
      if (length > maximum)
        throw new Failure(413, "too_large", `The body must have at most ${maximum} bytes.`);
      parts.push(part);
    }
    if (length === 0) return {};
    try {
      return parse(new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(parts)));
    } catch {
      throw invalidRequest("The body is not JSON.");
    }
  }
}

interface Route {
  method: "GET" | "POST";
  /** The path after the function's name. */
  path: string;
  /** Whether the console calls it from a browser. */
  browser?: boolean;
  handle: (call: Call) => Promise<Response>;
}

/** Returns a JSON response that must not be cached. */
export function answer(
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): Response {
  return Response.json(body, { status, headers: { "cache-control": "no-store", ...headers } });
}

/** Serves a function: its routes, failures as JSON, and one log line per request. */
export function serve(name: string, routes: Route[]): void {
  Deno.serve(async (request) => {
    const begun = performance.now();
    const log = new Log(name, request);
    const call = new Call(request, log);
    const path = new URL(request.url).pathname
      .replace(new RegExp(`^/${name}`), "")
      .replace(/\/$/, "");
    const route = routes.find((route) => route.path === path);
    let response: Response;
    try {
      if (!route) throw new Failure(404, "not_found", "Not found.");
      if (request.method === "OPTIONS" && route.browser) {
        response = new Response(null, { status: 204 });
      } else if (request.method !== route.method) {
        throw new Failure(405, "method_not_allowed", `Use ${route.method}.`);
      } else {
        response = await route.handle(call);
      }
    } catch (error) {
      const failure =
        error instanceof Failure
          ? error
          : new Failure(500, "internal", "Internal error; see the log.");
      // An unexpected error's message could contain anything, so only its location is logged.
      if (failure !== error)
        log.write("error", `Unexpected ${(error as Error)?.name} ${place(error)}`);
      call.facts.code = failure.code;
      response = answer(failure.status, {
        error: { code: failure.code, message: failure.message, ...failure.details },
      });
    }
    response.headers.set("x-request-id", log.requestId);
    if (route?.browser) allow(request, response.headers);
    log.write(response.status >= 500 ? "error" : "info", "Request", {
      ...call.facts,
      status: response.status,
      success: response.status < 400,
      duration_ms: Math.round(performance.now() - begun),
    });
    log.deliver();
    return response;
  });
}

function place(error: unknown): string {
  const stack = (error as Error)?.stack ?? "";
  return /[\w-]+\.ts:\d+/.exec(stack)?.[0] ?? "";
}

/** CORS, only for the console's origin. */
function allow(request: Request, headers: Headers): void {
  headers.set("vary", "origin");
  if (request.headers.get("origin") !== new URL(config.consoleUrl).origin) return;
  headers.set("access-control-allow-origin", new URL(config.consoleUrl).origin);
  headers.set("access-control-allow-methods", "POST");
  headers.set(
    "access-control-allow-headers",
    "authorization, apikey, content-type, traceparent, x-client-info",
  );
  headers.set("access-control-max-age", "600");
}
