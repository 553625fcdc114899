// What the caller did: POST audit-log {"events": […]}.
import { authenticate, requireBroker } from "../_shared/caller.ts";
import { rpc } from "../_shared/database.ts";
import { Failure, invalidRequest } from "../_shared/failure.ts";
import { ACCOUNT, type Field, NAME, read, text, UUID } from "../_shared/fields.ts";
import { answer, type Call, serve } from "../_shared/serve.ts";

const EVENTS = 200;

const REQUIRED: Record<string, Field> = { action: text(100), outcome: text(60) };
const OPTIONAL: Record<string, Field> = {
  id: UUID,
  at: { check: (value) => typeof value === "string" && isNear(Date.parse(value)), expected: "a time (RFC 3339) of the last day" },
  user_id: UUID,
  module: NAME,
  tool: NAME,
  account: ACCOUNT,
  duration_ms: {
    check: (value) => Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 86_400_000,
    expected: "whole milliseconds",
  },
  request_id: text(100),
  client: text(200),
  argument_names: {
    check: (value) =>
      Array.isArray(value) && value.length <= 100 && value.every((name) => typeof name === "string" && /^[\w.$-]{1,60}$/.test(name)),
    expected: "at most 100 names of arguments",
  },
  detail: text(300),
};

function isNear(time: number): boolean {
  const age = Date.now() - time;
  return age > -5 * 60_000 && age < 24 * 3_600_000;
}

async function handle(call: Call): Promise<Response> {
  requireBroker(call);
  const { userId } = await authenticate(call);
  const { events } = read(await call.json(512 * 1024), {
    events: { check: (value) => Array.isArray(value) && value.length <= EVENTS, expected: `a list of at most ${EVENTS} events` },
  }, {}) as { events: unknown[] };
  const checked = events.map((event, index) => {
    const { user_id, ...fields } = read(event, REQUIRED, OPTIONAL, `events[${index}]`);
    if (user_id !== undefined && user_id !== userId) throw invalidRequest(`events[${index}] is another user's.`);
    return fields;
  });
  call.facts.events = checked.length;
  if (!await rpc<boolean>("record_audit_events", { p_user: userId, p_events: checked })) {
    throw new Failure(403, "user_disabled", "This account has no access.");
  }
  return answer(202, { accepted: checked.length });
}

serve("audit-log", [{ method: "POST", path: "", handle }]);
