import { type App, address, type Provider } from "./providers.ts";
import { base64, isRecord } from "./text.ts";

/** A provider's checked answer. */
export interface Tokens {
  access: string;
  refresh: string | null;
  expiresAt: string | null;
  scopes: string[];
  /** The complete answer, which can name the account. */
  answer: Record<string, unknown>;
}

/** The outcome of a token request. `dead`: the grant has ended permanently. `refused` and `unavailable`: a later try may work. */
export type Outcome =
  | { kind: "tokens"; tokens: Tokens }
  | { kind: "dead" | "refused" | "unavailable"; code: string };

const ANSWER_BYTES = 64 * 1024;
const ANSWER_MS = 8_000;
const TEN_YEARS = 10 * 366 * 24 * 3600;
/** RFC 6749 (section 5.2), GitHub, and Microsoft (for example after a password change). */
const DEAD = [
  "invalid_grant",
  "bad_refresh_token",
  "bad_verification_code",
  "interaction_required",
];

/** Sends one token request, for a code or a refresh token. It is not retried, because a retry could count as a reuse. */
export async function requestTokens(
  provider: Provider,
  app: App & { client_secret: string },
  grant: Record<string, string>,
): Promise<Outcome> {
  const fields = {
    ...grant,
    ...(provider.client === "body" && {
      client_id: app.client_id,
      client_secret: app.client_secret,
    }),
  };
  const answer = await request(address(provider.tokenUrl, app.tenant), {
    method: "POST",
    headers: {
      accept: "application/json",
      "content-type":
        provider.format === "json" ? "application/json" : "application/x-www-form-urlencoded",
      ...(provider.client === "basic" && {
        authorization: `Basic ${base64(`${app.client_id}:${app.client_secret}`)}`,
      }),
      ...provider.headers,
    },
    body:
      provider.format === "json" ? JSON.stringify(fields) : new URLSearchParams(fields).toString(),
  });
  if (answer === undefined) return { kind: "unavailable", code: "no_answer" };
  const { status, body } = answer;
  if (status >= 500 || status === 429) return { kind: "unavailable", code: `http_${status}` };
  if (!isRecord(body)) return { kind: "unavailable", code: "no_json" };
  const error = typeof body.error === "string" ? body.error : undefined;
  if (error !== undefined || status >= 400) {
    // Atlassian's error for an expired refresh token.
    const over =
      error === "unauthorized_client" &&
      /refresh_token is invalid/.test(String(body.error_description));
    const code = /^[a-z_]{1,40}$/.exec(error ?? "")?.[0] ?? `http_${status}`;
    return { kind: over || DEAD.includes(code) ? "dead" : "refused", code };
  }
  const tokens = read(body);
  return tokens ? { kind: "tokens", tokens } : { kind: "unavailable", code: "no_token" };
}

/** Reads JSON from a provider's API with a new token; `undefined` if that fails. */
export async function readApi(url: string, accessToken: string): Promise<unknown> {
  const answer = await request(address(url), {
    headers: { accept: "application/json", authorization: `Bearer ${accessToken}` },
  });
  return answer?.status === 200 ? answer.body : undefined;
}

/** Returns the status of a provider's API; `undefined` if it does not answer. */
export async function readStatus(
  url: string,
  headers: Record<string, string>,
): Promise<number | undefined> {
  return (await request(url, { headers: { accept: "application/json", ...headers } }))?.status;
}

async function request(
  url: string,
  init: RequestInit,
): Promise<{ status: number; body: unknown } | undefined> {
  try {
    const headers = { "user-agent": "mcpist", ...init.headers };
    const response = await fetch(url, {
      ...init,
      headers,
      redirect: "error",
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    let text = "";
    let length = 0;
    const decoder = new TextDecoder();
    for await (const part of response.body ?? []) {
      length += part.length;
      if (length > ANSWER_BYTES) return { status: response.status, body: undefined };
      text += decoder.decode(part, { stream: true });
    }
    let body: unknown;
    try {
      body = JSON.parse(text);
    } catch {
      body = undefined;
    }
    return { status: response.status, body };
  } catch {
    return undefined;
  }
}

function read(answer: Record<string, unknown>): Tokens | undefined {
  // RFC 6750 allows visible ASCII only; other characters are not valid in a header.
  const token = (value: unknown) =>
    typeof value === "string" && /^[\x21-\x7e]{1,8192}$/.test(value) ? value : undefined;
  const access = token(answer.access_token);
  if (access === undefined) return undefined;
  if (typeof answer.token_type === "string" && answer.token_type.toLowerCase() !== "bearer")
    return undefined;
  const seconds = Number(answer.expires_in);
  const expires = Number.isFinite(seconds) && seconds > 0 && seconds < TEN_YEARS;
  // GitHub separates scopes by commas.
  const scopes =
    typeof answer.scope === "string"
      ? answer.scope.split(/[ ,]+/).filter((scope) => scope && scope.length <= 200)
      : [];
  return {
    access,
    refresh: token(answer.refresh_token) ?? null,
    expiresAt: expires ? new Date(Date.now() + seconds * 1000).toISOString() : null,
    scopes: scopes.slice(0, 100),
    answer,
  };
}
