import { createRemoteJWKSet, errors, jwtVerify } from "jose";
import { config } from "./config.ts";
import { rpc } from "./database.ts";
import { Failure } from "./failure.ts";
import { UUID } from "./fields.ts";
import type { Call } from "./serve.ts";
import { same, sha256 } from "./text.ts";

/** The caller: a user, with an Auth session or an API token. The database decides with each answer what it permits. */
export interface Caller {
  userId: string;
  sessionId: string | null;
  tokenId: string | null;
}

const keys = createRemoteJWKSet(new URL(config.jwksUrl), {
  timeoutDuration: 5_000,
  cooldownDuration: 10_000,
  cacheMaxAge: 600_000,
});
const refused = (message: string) => new Failure(401, "unauthenticated", message);

/**
 * Verifies the caller's token; it may have expired at most `graceS` seconds ago. The database decides with the answer whether its
 * session still exists and whether the user has access.
 */
export async function authenticate(call: Call, graceS = 0): Promise<Caller> {
  const own = call.request.headers.get("x-mcpist-token");
  const caller =
    own === null
      ? await ofJwt(call.request.headers.get("authorization"), graceS)
      : await ofApiToken(own, graceS);
  call.facts.user_id = caller.userId;
  return caller;
}

/** Refuses every caller except the MCP server. */
export function requireBroker(call: Call): void {
  if (!same(call.request.headers.get("apikey") ?? "", config.brokerKey)) {
    throw new Failure(
      403,
      "forbidden",
      "Only the MCP server may call this function: `apikey` is not its TOKEN_BROKER_KEY.",
    );
  }
}

/** Returns the user of a console session. An MCP client holds a token of the same user; only the session's row distinguishes them. */
export async function requireConsole(call: Call): Promise<string> {
  const { userId, sessionId } = await authenticate(call);
  const isConsole =
    sessionId !== null &&
    (await rpc<boolean>("is_console_session", { p_user: userId, p_session: sessionId }));
  if (!isConsole)
    throw new Failure(
      403,
      "forbidden",
      "Only a user who is signed in to the console may call this function.",
    );
  return userId;
}

/** Converts the database's refusal of a caller to a failure. */
export function refusal(outcome: "user_disabled" | "session_ended"): Failure {
  return outcome === "user_disabled"
    ? new Failure(403, "user_disabled", "This account has no access or is disabled.")
    : new Failure(401, "session_ended", "The token's session has ended or was revoked.");
}

async function ofApiToken(token: string, graceS: number): Promise<Caller> {
  if (!/^mcpist_[0-9A-Za-z]{43}$/.test(token))
    throw refused("`x-mcpist-token` is not a token of MCPist.");
  const known = await rpc<{ user_id: string; token_id: string } | null>("identify_api_token", {
    p_token_hash: sha256(token),
    p_grace: `${graceS} seconds`,
  });
  if (known === null) throw refused("The token is unknown, revoked or expired.");
  return { userId: known.user_id, sessionId: null, tokenId: known.token_id };
}

async function ofJwt(header: string | null, graceS: number): Promise<Caller> {
  const token = /^bearer ([\w-]+\.[\w-]+\.[\w-]+)$/i.exec(header ?? "")?.[1];
  if (!token) throw refused("`Authorization: Bearer` with the user's token is missing.");
  try {
    const { payload } = await jwtVerify(token, keys, {
      algorithms: ["ES256", "RS256", "EdDSA"],
      issuer: config.issuer,
      audience: config.audience,
      requiredClaims: ["exp", "sub"],
      clockTolerance: 5 + graceS,
    });
    if (payload.role !== "authenticated" || !UUID.check(payload.sub))
      throw refused("This is not a user's token.");
    if (!UUID.check(payload.session_id)) throw refused("The token does not belong to a session.");
    return {
      userId: payload.sub as string,
      sessionId: payload.session_id as string,
      tokenId: null,
    };
  } catch (error) {
    if (error instanceof Failure) throw error;
    if (error instanceof errors.JWTExpired) throw refused("The token has expired.");
    if (error instanceof errors.JWKSTimeout || !(error instanceof errors.JOSEError)) {
      throw new Failure(
        503,
        "unavailable",
        "The keys of Supabase Auth are not available. Try again later.",
      );
    }
    throw refused("The token is not valid.");
  }
}
