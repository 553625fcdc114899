import { createRemoteJWKSet, errors, jwtVerify } from "jose";
import { config } from "./config.ts";
import { rpc } from "./database.ts";
import { Failure } from "./failure.ts";
import type { Call } from "./serve.ts";
import { same, sha256 } from "./text.ts";

/** Who calls: a user, through which kind of token. */
export interface Caller {
  userId: string;
  /** `console`: a session of the admin UI. `client`: an MCP client, by OAuth or with a token of MCPist. */
  through: "console" | "client";
}

const keys = createRemoteJWKSet(new URL(config.jwksUrl), {
  timeoutDuration: 5_000,
  cooldownDuration: 10_000,
  cacheMaxAge: 600_000,
});
const refused = (message: string) => new Failure(401, "unauthenticated", message);

/** Verifies the caller's token. Whether the user is disabled, the database says with the answer. */
export async function authenticate(call: Call): Promise<Caller> {
  const own = call.request.headers.get("x-mcpist-token");
  const caller =
    own === null ? await ofJwt(call.request.headers.get("authorization")) : await ofApiToken(own);
  call.facts.user_id = caller.userId;
  return caller;
}

/** Lets only the MCP server in, where the operator gave it a key of its own. */
export function requireBroker(call: Call): void {
  if (config.brokerKey === undefined) return;
  if (!same(call.request.headers.get("apikey") ?? "", config.brokerKey)) {
    throw new Failure(
      403,
      "forbidden",
      "Only the MCP server calls this: `apikey` is not its TOKEN_BROKER_KEY.",
    );
  }
}

async function ofApiToken(token: string): Promise<Caller> {
  if (!/^mcpist_[0-9A-Za-z]{43}$/.test(token))
    throw refused("`x-mcpist-token` is no token of MCPist.");
  const userId = await rpc<string | null>("resolve_api_token", { p_token_hash: sha256(token) });
  if (userId === null) throw refused("The token is unknown, revoked or expired.");
  return { userId, through: "client" };
}

async function ofJwt(header: string | null): Promise<Caller> {
  const token = /^bearer ([\w-]+\.[\w-]+\.[\w-]+)$/i.exec(header ?? "")?.[1];
  if (!token) throw refused("`Authorization: Bearer` with the user's token is missing.");
  try {
    const { payload } = await jwtVerify(token, keys, {
      algorithms: ["ES256", "RS256", "EdDSA"],
      issuer: config.issuer,
      audience: config.audience,
      requiredClaims: ["exp", "sub"],
      clockTolerance: 5,
    });
    const userId = payload.sub ?? "";
    if (payload.role !== "authenticated" || !/^[0-9a-f-]{36}$/.test(userId))
      throw refused("This is no user's token.");
    return {
      userId,
      through: payload.client_id === undefined ? "console" : "client",
    };
  } catch (error) {
    if (error instanceof Failure) throw error;
    if (error instanceof errors.JWTExpired) throw refused("The token has expired.");
    if (error instanceof errors.JWKSTimeout || !(error instanceof errors.JOSEError)) {
      throw new Failure(503, "unavailable", "The keys of Auth cannot be read now.");
    }
    throw refused("The token does not verify.");
  }
}
