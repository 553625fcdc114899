import {
  createApiToken,
  limitClient,
  revokeApiToken,
  revokeClient,
  saveProfile,
} from "@/app/actions/settings";
import { ActionForm } from "@/components/action-form";
import { AuditTable } from "@/components/audit-table";
import { LimitFields, LimitText } from "@/components/limit-fields";
import { Preferences } from "@/components/preferences";
import { Time } from "@/components/time";
import { Badge, ButtonLink, Card, Empty, Field, PageTitle, Table } from "@/components/ui";
import { UrlDialog } from "@/components/url-dialog";
import { Name } from "@/components/visible";
import { database, rows } from "@/lib/database";
import type { ApiToken } from "@/lib/database.types";
import { i18n, pageTitle } from "@/lib/i18n";
import { readQuery, withQuery } from "@/lib/paths";
import { servicesOf } from "@/lib/services";
import { requireUser } from "@/lib/session";
import { visibleLine } from "@/lib/visible";

export const generateMetadata = pageTitle("nav.settings");

const PAGE = 25;

export default async function Page({ searchParams }: PageProps<"/settings">) {
  const user = await requireUser();
  const { t } = await i18n();
  const query = await readQuery(searchParams);
  const before =
    query["before"] && !Number.isNaN(Date.parse(query["before"])) ? query["before"] : "infinity";
  const supabase = await database();
  const [tokens, events, clients, services] = await Promise.all([
    supabase
      .from("api_tokens")
      .select("id, name, last_used_at, expires_at, revoked_at, created_at, read_only, modules")
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
    supabase.rpc("my_clients").then(rows),
    servicesOf(user.id),
  ]);
  const last = events[PAGE - 1];
  const titles = new Map(services.map(({ module }) => [module.module, module.display_name]));
  const mine = services
    .filter(({ isMine }) => isMine)
    .map(({ module }) => ({ module: module.module, title: module.display_name }));
  const edited = clients.find(({ client_id }) => client_id === query["client"]);
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
              t("roles.mode"),
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
                  <td className="max-w-48 whitespace-normal">
                    <LimitText limits={token} titles={titles} />
                  </td>
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
                    {token.expires_at ? (
                      <Time value={token.expires_at} />
                    ) : (
                      <Badge tone="warn">{t("settings.never")}</Badge>
                    )}
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
            maxLength={60}
            required
            hint={t("settings.token_name_hint")}
          />
          <LimitFields modules={mine} />
        </ActionForm>
      </Card>

      <Card title={t("settings.clients")}>
        <p className="mb-3 max-w-prose text-sm text-muted">{t("settings.clients_lead")}</p>
        {clients.length === 0 ? (
          <Empty>{t("settings.no_clients")}</Empty>
        ) : (
          <Table
            label={t("settings.clients")}
            head={[
              t("settings.token_name"),
              t("roles.mode"),
              t("settings.since"),
              t("connections.last_used"),
              t("settings.expires"),
              "",
            ]}
          >
            {clients.map((client) => (
              <tr key={client.client_id}>
                <td className="max-w-60 whitespace-normal">
                  <span className="font-medium">
                    <Name text={client.name ?? ""} />
                  </span>
                  <span className="block text-xs break-all text-muted">
                    {[...new Set(client.redirect_uris.map(siteOf))].join(", ")}
                  </span>
                </td>
                <td className="max-w-48 whitespace-normal">
                  <LimitText limits={client} titles={titles} />
                </td>
                <td>
                  <Time value={client.granted_at} />
                </td>
                <td>
                  {client.last_used_at ? (
                    <Time value={client.last_used_at} />
                  ) : (
                    t("connections.never_used")
                  )}
                </td>
                <td>
                  {client.expires_at ? <Time value={client.expires_at} /> : t("settings.never")}
                </td>
                <td>
                  <span className="flex flex-wrap gap-1">
                    <ButtonLink
                      href={withQuery("/settings", { client: client.client_id })}
                      aria-label={`${t("ui.edit")}: ${visibleLine(client.name ?? "")}`}
                    >
                      {t("ui.edit")}
                    </ButtonLink>
                    <ActionForm
                      action={revokeClient}
                      submit={t("settings.revoke")}
                      variant="secondary"
                      inline
                      label={`${t("settings.revoke")}: ${visibleLine(client.name ?? "")}`}
                    >
                      <input type="hidden" name="client" value={client.client_id} />
                    </ActionForm>
                  </span>
                </td>
              </tr>
            ))}
          </Table>
        )}
      </Card>
      {edited && (
        <UrlDialog
          title={<Name text={edited.name ?? ""} />}
          description={t("settings.client_limits")}
          closeTo="/settings"
        >
          <ActionForm action={limitClient} submit={t("ui.save")} closeTo="/settings">
            <input type="hidden" name="client" value={edited.client_id} />
            <LimitFields modules={mine} limits={edited} canKeepEnd />
          </ActionForm>
        </UrlDialog>
      )}

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

/** Scheme and host of a redirect address. */
function siteOf(address: string): string {
  if (!URL.canParse(address)) return visibleLine(address);
  const { protocol, host } = new URL(address);
  return visibleLine(`${protocol}//${host}`);
}

function stateOf({
  revoked_at,
  expires_at,
}: Pick<ApiToken, "revoked_at" | "expires_at">): "live" | "revoked" | "expired" {
  if (revoked_at) return "revoked";
  return expires_at && Date.parse(expires_at) < Date.now() ? "expired" : "live";
}
