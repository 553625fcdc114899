import type { ReactNode } from "react";
import { eventName } from "@/lib/audit";
import type { AuditEvent } from "@/lib/database.types";
import { i18n } from "@/lib/i18n";
import { OutcomeBadge } from "./state";
import { Time } from "./time";
import { Code, Empty, Table } from "./ui";

/** Audit events. `users` maps user ids to emails; only admins have it. */
export async function AuditTable({
  events,
  users,
}: {
  events: AuditEvent[];
  users?: Map<string, string>;
}) {
  const { t, number } = await i18n();
  if (events.length === 0) return <Empty>{t("audit.none")}</Empty>;
  const names = await Promise.all(events.map(eventName));
  return (
    <Table
      label={t("audit.title")}
      head={[
        users ? `${t("audit.at")} · ${t("audit.user")}` : t("audit.at"),
        t("audit.action"),
        t("audit.outcome"),
        t("audit.duration"),
      ]}
    >
      {events.map((event, at) => (
        <tr key={event.id}>
          <td>
            <Time value={event.at} />
            {users && (
              <Detail>
                {event.user_id ? (users.get(event.user_id) ?? event.user_id) : t("audit.system")}
              </Detail>
            )}
          </td>
          <td className="max-w-xs whitespace-normal">
            {event.tool ? <Code>{names[at]}</Code> : <span title={event.action}>{names[at]}</span>}
            {event.account && (
              <Detail>
                {t("audit.account")}: {event.account}
              </Detail>
            )}
            {event.argument_names.length > 0 && (
              <Detail>
                {t("audit.arguments")}: {event.argument_names.join(", ")}
              </Detail>
            )}
          </td>
          <td>
            <OutcomeBadge outcome={event.outcome} />
          </td>
          <td className="tabular-nums">
            {event.duration_ms !== null && `${number(event.duration_ms)} ms`}
            {event.client && <Detail>{event.client}</Detail>}
          </td>
        </tr>
      ))}
    </Table>
  );
}

const Detail = ({ children }: { children: ReactNode }) => (
  <span className="block text-xs break-words text-muted">{children}</span>
);
