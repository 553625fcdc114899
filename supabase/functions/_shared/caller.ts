import { createRemoteJWKSet, errors, jwtVerify } from "jose";
import { config } from "./config.ts";
import { rpc } from "./database.ts";
import { Failure } from "./failure.ts";
import { UUID } from "./fields.ts";
import type { Call } from "./serve.ts";
import { same, sha256 } from "./text.ts";

/** Who calls: a user, by a session of Auth or a token of MCPist. What that is good for, the database says with each answer. */
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
 * Verifies the caller's token, or one that ended `graceS` seconds ago at most. Whether its session still lives and the user may do
 * anything, the database says with the answer.
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

/** Lets only the MCP server in. */
export function requireBroker(call: Call): void {
  if (!same(call.request.headers.get("apikey") ?? "", config.brokerKey)) {
    throw new Failure(
      403,
      "forbidden",
      "Only the MCP server calls this: `apikey` is not its TOKEN_BROKER_KEY.",
    );
  }
}

/** The user whose console calls. An MCP client holds a token of the same user: the session's row tells them apart, not the token. */
export async function requireConsole(call: Call): Promise<string> {
  const { userId, sessionId } = await authenticate(call);
  const isConsole =
    sessionId !== null &&
    (await rpc<boolean>("is_console_session", { p_user: userId, p_session: sessionId }));
  if (!isConsole)
    throw new Failure(403, "forbidden", "This is for a user who is signed in to the console.");
  return userId;
}

/** The failures that every answer of the database about a caller can be. */
export function refusal(outcome: "user_disabled" | "session_ended"): Failure {
  return outcome === "user_disabled"
    ? new Failure(403, "user_disabled", "This account has no access, or is disabled.")
    : new Failure(401, "session_ended", "The token's sign-in is over, or was taken back.");
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
    if (!UUID.check(payload.session_id)) throw refused("The token belongs to no sign-in.");
    return { userId: payload.sub!, sessionId: payload.session_id as string, tokenId: null };
  } catch (error) {
    if (error instanceof Failure) throw error;
    if (error instanceof errors.JWTExpired) throw refused("The token has expired.");
    if (error instanceof errors.JWKSTimeout || !(error instanceof errors.JOSEError)) {
      throw new Failure(503, "unavailable", "The keys of Auth cannot be read now.");
    }
    throw refused("The token does not verify.");
  }
}
