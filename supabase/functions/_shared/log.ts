import { config } from "./config.ts";

type Level = "info" | "warn" | "error";

/** What a log line can contain besides its message. Nothing else is logged: no headers, bodies or tokens. */
export interface Facts {
  module?: string;
  tool?: string;
  user_id?: string;
  account_id?: string;
  duration_ms?: number;
  success?: boolean;
  status?: number;
  code?: string;
  events?: number;
}

// `EdgeRuntime` exists on the platform and keeps a promise running after the response.
declare const EdgeRuntime: { waitUntil(promise: Promise<unknown>): void } | undefined;

/** The log of one request: JSON lines with the same names as in the MCP server's log. */
export class Log {
  readonly #common: Record<string, string>;
  readonly #lines: [string, string][] = [];

  constructor(
    readonly name: string,
    request: Request,
  ) {
    // W3C Trace Context: version-trace-parent-flags.
    const trace = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}/.exec(
      request.headers.get("traceparent") ?? "",
    );
    this.#common = {
      service: `mcpist-${name}`,
      ...(trace && { trace_id: trace[1], span_id: trace[2] }),
      request_id: crypto.randomUUID(),
    };
  }

  get requestId(): string {
    return this.#common.request_id;
  }

  write(level: Level, message: string, facts: Facts = {}): void {
    const line = JSON.stringify({
      timestamp: new Date().toISOString(),
      level,
      message,
      ...facts,
      ...this.#common,
    });
    console.log(line);
    if (config.lokiUrl) this.#lines.push([`${Date.now()}000000`, line]);
  }

  /** Delivers the lines after the response. A failed delivery does not fail the request. */
  deliver(): void {
    if (!config.lokiUrl || this.#lines.length === 0) return;
    const streams = [{ stream: { service_name: `mcpist-${this.name}` }, values: this.#lines }];
    const delivery = fetch(config.lokiUrl, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        ...(config.lokiAuthorization && { authorization: config.lokiAuthorization }),
      },
      body: JSON.stringify({ streams }),
      signal: AbortSignal.timeout(5_000),
    })
      .then((response) => response.body?.cancel())
      .catch(() => console.log('{"level":"warn","message":"The log was not delivered"}'));
    if (typeof EdgeRuntime !== "undefined") EdgeRuntime.waitUntil(delivery);
  }
}
