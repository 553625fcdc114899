// Calls that wait for the user's decision in the console: POST confirmations {"action": "ask" | "take", "digest", "deed"?}.
// The MCP server asks, sends the user to the console, and takes the decision later, on any replica.
import { Buffer } from "node:buffer";
import { authenticate, refusal, requireBroker } from "../_shared/caller.ts";
import { rpc } from "../_shared/database.ts";
import { Failure, invalidRequest } from "../_shared/failure.ts";
import { type Field, matching, read } from "../_shared/fields.ts";
import { answer, type Call, serve } from "../_shared/serve.ts";
import { isRecord } from "../_shared/text.ts";

const DEED_BYTES = 4 * 1024 * 1024;
const CALLS = 50;

const DIGEST = matching(/^[0-9a-f]{64}$/, "the deed's SHA-256 in lower-case hexadecimal");
const ACTION = matching(/^(ask|take)$/, "ask or take");
const WORD = matching(/^[\w.-]{1,100}$/, "a name of letters, digits, `_`, `.` and `-`");
const DEED: Field = {
  check: (value) =>
    isRecord(value) &&
    Array.isArray(value.calls) &&
    value.calls.length > 0 &&
    value.calls.length <= CALLS &&
    value.calls.every((call) => isRecord(call) && WORD.check(call.module) && WORD.check(call.tool)),
  expected: `an object with \`calls\`, 1 to ${CALLS} objects with \`module\` and \`tool\``,
};

type Asked =
  | { outcome: "user_disabled" | "session_ended" | "too_many" }
  | { outcome: "ok"; id: string; expires_at: string };

type Taken =
  | { outcome: "user_disabled" | "session_ended" }
  | { outcome: "ok"; decision: "pending" | "yes" | "no" | "unknown" };

/** `JSON` with source text access (ECMAScript 2026), which TypeScript does not declare yet. */
const exact = JSON as unknown as {
  parse(
    text: string,
    reviver: (key: string, value: unknown, context: { source?: string }) => unknown,
  ): unknown;
  rawJSON(text: string): unknown;
};

/** Parses JSON and keeps numbers exact: the user must confirm the value that is sent, not a rounded one. */
const parseExact = (text: string): unknown =>
  exact.parse(text, (_, value, { source }) =>
    typeof value === "number" && source !== undefined && source !== String(value)
      ? exact.rawJSON(source)
      : value,
  );

async function handle(call: Call): Promise<Response> {
  requireBroker(call);
  const { userId, sessionId, tokenId } = await authenticate(call);
  const caller = { p_user: userId, p_session: sessionId, p_token: tokenId };
  const body = read(
    await call.json(DEED_BYTES + 4096, parseExact),
    { action: ACTION, digest: DIGEST },
    { deed: DEED },
  );
  if (body.action === "take") {
    if (body.deed !== undefined) throw invalidRequest("`take` needs no `deed`.");
    const taken = await rpc<Taken>("take_confirmation", { ...caller, p_digest: body.digest });
    if (taken.outcome !== "ok") throw refusal(taken.outcome);
    return answer(200, { decision: taken.decision });
  }
  if (body.deed === undefined) throw invalidRequest(`\`ask\` needs \`deed\`: ${DEED.expected}.`);
  const { calls } = body.deed as { calls: { module: string; tool: string }[] };
  const deed = JSON.stringify(body.deed);
  if (Buffer.byteLength(deed) > DEED_BYTES)
    throw new Failure(413, "too_large", `The deed must have at most ${DEED_BYTES} bytes.`);
  const asked = await rpc<Asked>("ask_confirmation", {
    ...caller,
    p_digest: body.digest,
    p_tools: [...new Set(calls.map(({ module, tool }) => `${module}.${tool}`))],
    p_deed: deed,
  });
  switch (asked.outcome) {
    case "ok":
      return answer(200, { id: asked.id, expires_at: new Date(asked.expires_at).toISOString() });
    case "too_many":
      throw new Failure(
        429,
        "too_many_confirmations",
        "Eight confirmations, or 8 MiB of them, are already waiting for this user, which is the limit: decide those first.",
      );
    default:
      throw refusal(asked.outcome);
  }
}

serve("confirmations", [{ method: "POST", path: "", handle }]);
