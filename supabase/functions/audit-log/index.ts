// Records the caller's events: POST audit-log {"events": […]}.
import { authenticate, requireBroker } from "../_shared/caller.ts";
import { rpc } from "../_shared/database.ts";
import { Failure, invalidRequest } from "../_shared/failure.ts";
import { type Field, matching, read, text, UUID } from "../_shared/fields.ts";
import { answer, type Call, serve } from "../_shared/serve.ts";
import { isRecord } from "../_shared/text.ts";

const EVENTS = 200;
const BODY_BYTES = 2 * 1024 * 1024;
const NAMES = 100;
/** How long ago a token may have ended: events of its last calls arrive later. */
const GRACE_S = 600;

const anyText: Field = { check: (value) => typeof value === "string", expected: "text" };
const COUNT: Field = {
  check: (value) => typeof value === "number" && value >= 0,
  expected: "0 or more",
};
const REQUIRED: Record<string, Field> = { action: text(100), outcome: text(60) };
const OPTIONAL: Record<string, Field> = {
  id: UUID,
  at: anyText,
  user_id: UUID,
  ...{
    module: anyText,
    tool: anyText,
    account: anyText,
    request_id: anyText,
    client: anyText,
    detail: anyText,
  },
  duration_ms: { check: (value) => typeof value === "number", expected: "milliseconds" },
  token_id: UUID,
  trace_id: matching(/^[0-9a-f]{32}$/, "32 hexadecimal digits in lower case"),
  result_tokens: COUNT,
  saved_tokens: COUNT,
  argument_names: {
    check: (value) => Array.isArray(value) && value.every((name) => typeof name === "string"),
    expected: "a list of names",
  },
};

/**
 * Texts come from the client and are truncated, so that a long name does not lose an event. Unknown fields of a newer server are
 * ignored for the same reason.
 */
function event(value: unknown, where: string, userId: string): Record<string, unknown> {
  const known = isRecord(value)
    ? Object.fromEntries(
        Object.entries(value).filter(
          ([name]) => Object.hasOwn(REQUIRED, name) || Object.hasOwn(OPTIONAL, name),
        ),
      )
    : value;
  const { user_id, at, duration_ms, argument_names, result_tokens, saved_tokens, ...fields } = read(
    known,
    REQUIRED,
    OPTIONAL,
    where,
  );
  if (user_id !== undefined && user_id !== userId)
    throw invalidRequest(`${where} is another user's.`);
  const texts = Object.entries(fields).map(([name, value]) => [name, cut(value as string, 200)]);
  return {
    ...Object.fromEntries(texts),
    ...(at !== undefined && { at: moment(at as string) }),
    ...whole({ duration_ms }, 86_400_000),
    ...whole({ result_tokens, saved_tokens }, 1_000_000_000),
    argument_names: ((argument_names ?? []) as string[])
      .slice(0, NAMES)
      .map((name) => cut(name, 60)),
  };
}

/** Returns the present fields as whole numbers from 0 to `most`. */
function whole(numbers: Record<string, unknown>, most: number): Record<string, number> {
  return Object.fromEntries(
    Object.entries(numbers)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [name, Math.round(Math.min(Math.max(value as number, 0), most))]),
  );
}

function cut(text: string, length: number): string {
  // PostgreSQL accepts neither NUL nor unpaired surrogates.
  return text
    .slice(0, length)
    .toWellFormed()
    .replace(/\p{Cc}/gu, "\ufffd");
}

/** Returns a time within the last day; the current time if the client's clock differs. */
function moment(text: string): string {
  const age = Date.now() - Date.parse(text);
  return new Date(age > -300_000 && age < 86_400_000 ? text : Date.now()).toISOString();
}

async function handle(call: Call): Promise<Response> {
  requireBroker(call);
  const { userId } = await authenticate(call, GRACE_S);
  const { events } = read(
    await call.json(BODY_BYTES),
    {
      events: {
        check: (value) => Array.isArray(value) && value.length <= EVENTS,
        expected: `a list of at most ${EVENTS} events`,
      },
    },
    {},
  ) as { events: unknown[] };
  const checked = events.map((value, index) => event(value, `events[${index}]`, userId));
  call.facts.events = checked.length;
  if (!(await rpc<boolean>("record_audit_events", { p_user: userId, p_events: checked }))) {
    throw new Failure(403, "user_disabled", "This account has no access.");
  }
  return answer(202, { accepted: checked.length });
}

serve("audit-log", [{ method: "POST", path: "", handle }]);
