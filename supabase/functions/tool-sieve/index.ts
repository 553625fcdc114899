// What the caller may use: POST tool-sieve {}.
import { authenticate, requireBroker } from "../_shared/caller.ts";
import { rpc } from "../_shared/database.ts";
import { Failure } from "../_shared/failure.ts";
import { answer, type Call, serve } from "../_shared/serve.ts";
import { sha256 } from "../_shared/text.ts";

/** How long the MCP server may go by an answer. */
const TTL_S = 60;

async function handle(call: Call): Promise<Response> {
  requireBroker(call);
  const { userId } = await authenticate(call);
  await call.json(1024);
  const modules = await rpc<Record<string, unknown> | null>("sieve", { p_user: userId });
  if (modules === null)
    throw new Failure(403, "user_disabled", "This account has no access, or is disabled.");
  // jsonb gives keys in a fixed order, so the same permissions are the same text.
  const version = sha256(`${userId} ${JSON.stringify(modules)}`).slice(0, 32);
  const etag = `"${version}"`;
  const known = (call.request.headers.get("if-none-match") ?? "")
    .split(",")
    .map((tag) => tag.trim().replace(/^W\//, ""));
  if (known.includes(etag))
    return new Response(null, { status: 304, headers: { etag, "cache-control": "no-store" } });
  return answer(200, { user_id: userId, version, ttl_s: TTL_S, modules }, { etag });
}

serve("tool-sieve", [{ method: "POST", path: "", handle }]);
