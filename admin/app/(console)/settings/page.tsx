import { createApiToken, revokeApiToken, revokeClient, saveProfile } from "@/app/actions/settings";
import { ActionForm } from "@/components/action-form";
import { AuditTable } from "@/components/audit-table";
import { Preferences } from "@/components/preferences";
import { Time } from "@/components/time";
import {
  Badge,
  ButtonLink,
  Card,
  Empty,
  Field,
  Notice,
  PageTitle,
  Select,
  Table,
} from "@/components/ui";
import { database, rows } from "@/lib/database";
import type { ApiToken } from "@/lib/database.types";
import { i18n, pageTitle } from "@/lib/i18n";
import { readQuery, withQuery } from "@/lib/paths";
import { requireUser } from "@/lib/session";

export const generateMetadata = pageTitle("nav.settings");

const PAGE = 25;

export default async function Page({ searchParams }: PageProps<"/settings">) {
  const user = await requireUser();
  const { t } = await i18n();
  const query = await readQuery(searchParams);
  const before =
    query["before"] && !Number.isNaN(Date.parse(query["before"])) ? query["before"] : "infinity";
  const supabase = await database();
  const [tokens, events, grants] = await Promise.all([
    supabase
      .from("api_tokens")
      .select("id, name, last_used_at, expires_at, revoked_at, created_at")
      .eq("user_id", user.id)
      .order("created_at", { ascending: false })
      .then(rows),
    supabase
      .from("audit_logs")
      .select("*")
      .eq("user_id", user.id)
      .lt("at", before)
      .order("at", { ascending: false })
      .limit(PAGE + 1)
      .then(rows),
    supabase.auth.oauth.listGrants(),
  ]);
  const last = events[PAGE - 1];
  return (
    <>
      <PageTitle>{t("nav.settings")}</PageTitle>
      <Card title={t("settings.profile")}>
        <p className="mb-3 text-sm text-muted">{user.email}</p>
        <ActionForm action={saveProfile} submit={t("ui.save")} className="max-w-sm space-y-3">
          <Field
            label={t("settings.name")}
            name="display_name"
            defaultValue={user.name ?? ""}
            maxLength={100}
            autoComplete="name"
          />
        </ActionForm>
      </Card>

      <Card title={t("settings.preferences")}>
        <Preferences />
      </Card>

      <Card title={t("settings.tokens")}>
        <p className="mb-3 max-w-prose text-sm text-muted">{t("settings.tokens_lead")}</p>
        {tokens.length === 0 ? (
          <Empty>{t("settings.no_tokens")}</Empty>
        ) : (
          <Table
            label={t("settings.tokens")}
            head={[
              t("settings.token_name"),
              t("settings.created"),
              t("connections.last_used"),
              t("settings.expires"),
              t("settings.state"),
              "",
            ]}
          >
            {tokens.map((token) => {
              const state = stateOf(token);
              return (
                <tr key={token.id}>
                  <td className="max-w-60 font-medium break-all whitespace-normal">{token.name}</td>
                  <td>
                    <Time value={token.created_at} />
                  </td>
                  <td>
                    {token.last_used_at ? (
                      <Time value={token.last_used_at} />
                    ) : (
                      t("connections.never_used")
                    )}
                  </td>
                  <td>
                    {token.expires_at ? <Time value={token.expires_at} /> : t("settings.never")}
                  </td>
                  <td>
                    <Badge tone={state === "live" ? "good" : "neutral"}>
                      {t(`settings.is_${state}`)}
                    </Badge>
                  </td>
                  <td>
                    {state === "live" && (
                      <ActionForm
                        action={revokeApiToken}
                        submit={t("settings.revoke")}
                        variant="secondary"
                        inline
                        label={`${t("settings.revoke")}: ${token.name}`}
                      >
                        <input type="hidden" name="id" value={token.id} />
                      </ActionForm>
                    )}
                  </td>
                </tr>
              );
            })}
          </Table>
        )}
        <h3 className="mt-5 mb-2 text-sm font-semibold">{t("settings.new_token")}</h3>
        <ActionForm
          action={createApiToken}
          clears
          submit={t("settings.create_token")}
          className="max-w-sm space-y-3"
        >
          <Field
            label={t("settings.token_name")}
            name="name"
            maxLength={100}
            required
            hint={t("settings.token_name_hint")}
          />
          <Select
            label={t("settings.expires")}
            name="days"
            defaultValue="90"
            options={[
              ...([30, 90, 365] as const).map((days): [string, string] => [
                String(days),
                t("settings.days", { n: days }),
              ]),
              ["0", t("settings.never")],
            ]}
          />
        </ActionForm>
      </Card>

      <Card title={t("settings.clients")}>
        <p className="mb-3 max-w-prose text-sm text-muted">{t("settings.clients_lead")}</p>
        {grants.error ? (
          <Notice tone="warn">{t("settings.clients_unknown")}</Notice>
        ) : grants.data.length === 0 ? (
          <Empty>{t("settings.no_clients")}</Empty>
        ) : (
          <ul className="divide-y divide-line">
            {grants.data.map(({ client, granted_at }) => (
              <li key={client.id} className="flex flex-wrap items-center gap-3 py-2 text-sm">
                <span className="mr-auto font-medium break-all">{client.name}</span>
                <span className="text-muted">
                  {t("settings.since")} <Time value={granted_at} />
                </span>
                <ActionForm
                  action={revokeClient}
                  submit={t("settings.revoke")}
                  variant="secondary"
                  inline
                  label={`${t("settings.revoke")}: ${client.name}`}
                >
                  <input type="hidden" name="client" value={client.id} />
                </ActionForm>
              </li>
            ))}
          </ul>
        )}
      </Card>

      <Card title={t("settings.audit")} id="audit">
        <AuditTable events={events.slice(0, PAGE)} />
        <div className="mt-3 flex gap-2">
          {query["before"] && <ButtonLink href="/settings#audit">{t("audit.newest")}</ButtonLink>}
          {events.length > PAGE && last && (
            <ButtonLink href={`${withQuery("/settings", { before: last.at })}#audit`}>
              {t("audit.older")}
            </ButtonLink>
          )}
        </div>
      </Card>
    </>
  );
}

function stateOf({
  revoked_at,
  expires_at,
}: Pick<ApiToken, "revoked_at" | "expires_at">): "live" | "revoked" | "expired" {
  if (revoked_at) return "revoked";
  return expires_at && Date.parse(expires_at) < Date.now() ? "expired" : "live";
}
