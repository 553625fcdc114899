import "server-only";
import { database } from "./database";
import type { AuditEvent } from "./database.types";
import { i18n } from "./i18n";
import type { Query } from "./paths";

/** The query parameters of the audit page. */
export const FILTERS = [
  "user",
  "module",
  "tool",
  "action",
  "outcome",
  "from",
  "to",
  "before",
] as const;

const isMoment = (value: string | undefined): value is string =>
  value !== undefined && !Number.isNaN(Date.parse(value));

/** Events that the caller may see (row level security), newest first. */
export async function events(query: Query, limit: number) {
  let found = (await database())
    .from("audit_logs")
    .select("*")
    .order("at", { ascending: false })
    .limit(limit);
  const user = query["user"] ?? "";
  if (/^[0-9a-f-]{36}$/.test(user)) found = found.eq("user_id", user);
  for (const name of ["module", "tool", "action", "outcome"] as const)
    if (query[name]) found = found.eq(name, query[name]);
  if (isMoment(query["from"])) found = found.gte("at", query["from"]);
  // A date as the end includes the whole day.
  if (isMoment(query["to"]))
    found = found.lt(
      "at",
      /^\d{4}-\d\d-\d\d$/.test(query["to"])
        ? new Date(Date.parse(query["to"]) + 86_400_000).toISOString()
        : query["to"],
    );
  if (isMoment(query["before"])) found = found.lt("at", query["before"]);
  return found;
}

// Actions that the database records for changes: `<table>.<change>` (supabase/migrations, audit).
const TABLES = [
  "settings",
  "users",
  "allowed_emails",
  "roles",
  "user_roles",
  "role_permissions",
  "module_registry",
  "oauth_apps",
  "oauth_tokens",
  "api_tokens",
  "client_grants",
] as const;
const CHANGES = ["insert", "update", "delete"] as const;
export const ACTIONS = [
  "tool.call",
  "confirmation",
  "audit.suppressed",
  ...TABLES.flatMap((table) => CHANGES.map((change) => `${table}.${change}`)),
];

/** The display name of an event; for a tool call, the tool's name. */
export async function eventName({
  action,
  module,
  tool,
}: Pick<AuditEvent, "action" | "module" | "tool">): Promise<string> {
  if (tool) return `${module}/${tool}`;
  return `${await actionName(action)}${module ? ` (${module})` : ""}`;
}

export async function actionName(action: string): Promise<string> {
  const { t } = await i18n();
  if (action === "tool.call") return t("audit.call");
  if (action === "confirmation") return t("audit.confirmation");
  if (action === "audit.suppressed") return t("audit.suppressed");
  const [name, kind] = action.split(".");
  const [table, change] = [
    TABLES.find((known) => known === name),
    CHANGES.find((known) => known === kind),
  ];
  return table && change
    ? t("audit.changed", { what: t(`table.${table}`), how: t(`change.${change}`) })
    : action;
}
