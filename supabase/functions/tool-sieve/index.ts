// Returns the tools that the caller can use: POST tool-sieve {}.
import { authenticate, refusal, requireBroker } from "../_shared/caller.ts";
import { rpc } from "../_shared/database.ts";
import { answer, type Call, serve } from "../_shared/serve.ts";
import { sha256 } from "../_shared/text.ts";

/** How long the MCP server may cache an answer. */
const TTL_S = 60;

type Permissions =
  | { outcome: "user_disabled" | "session_ended" }
  | {
      outcome: "ok";
      modules: Record<string, unknown>;
      confirm: "code" | "human" | null;
      ends_in_s: number | null;
    };

async function handle(call: Call): Promise<Response> {
  requireBroker(call);
  const { userId, sessionId, tokenId } = await authenticate(call);
  await call.json(1024);
  const permissions = await rpc<Permissions>("permissions", {
    p_user: userId,
    p_session: sessionId,
    p_token: tokenId,
  });
  if (permissions.outcome !== "ok") throw refusal(permissions.outcome);
  const { modules, confirm, ends_in_s } = permissions;
  // jsonb has a fixed key order, so the same permissions give the same text.
  const version = sha256(`${userId} ${JSON.stringify([modules, confirm])}`).slice(0, 32);
  const etag = `"${version}"`;
  const known = (call.request.headers.get("if-none-match") ?? "")
    .split(",")
    .map((tag) => tag.trim().replace(/^W\//, ""));
  if (known.includes(etag))
    return new Response(null, { status: 304, headers: { etag, "cache-control": "no-store" } });
  return answer(
    200,
    {
      user_id: userId,
      version,
      ttl_s: Math.min(TTL_S, Math.max(ends_in_s ?? TTL_S, 1)),
      token_id: tokenId ?? sessionId,
      confirm,
      modules,
    },
    { etag },
  );
}

serve("tool-sieve", [{ method: "POST", path: "", handle }]);
