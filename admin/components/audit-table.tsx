import type { AuditEvent } from "@/lib/database.types";
import { i18n } from "@/lib/i18n";
import { OutcomeBadge } from "./state";
import { Time } from "./time";
import { Code, Empty, Table } from "./ui";

/** Events as they are recorded: names of arguments, never their values. `users` names who did it, for admins. */
export async function AuditTable({ events, users }: { events: AuditEvent[]; users?: Map<string, string> }) {
  const { t, number } = await i18n();
  if (events.length === 0) return <Empty>{t("audit.none")}</Empty>;
  const head = [t("audit.at"), ...(users ? [t("audit.user")] : []), t("audit.action"), t("audit.account"), t("audit.outcome"), t("audit.duration"), t("audit.client"), t("audit.arguments")];
  return (
    <Table label={t("audit.title")} head={head}>
      {events.map((event) => (
        <tr key={event.id}>
          <td><Time value={event.at} /></td>
          {users && <td>{event.user_id ? users.get(event.user_id) ?? event.user_id : t("audit.system")}</td>}
          <td><Code>{event.tool ? `${event.module}/${event.tool}` : event.action}</Code>{!event.tool && event.module && ` ${event.module}`}</td>
          <td>{event.account}</td>
          <td><OutcomeBadge outcome={event.outcome} /></td>
          <td className="text-right tabular-nums">{event.duration_ms !== null && `${number(event.duration_ms)} ms`}</td>
          <td>{event.client}</td>
          <td className="max-w-72 whitespace-normal">{event.argument_names.join(", ")}</td>
        </tr>
      ))}
    </Table>
  );
}
