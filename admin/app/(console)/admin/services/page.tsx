import { connect, disconnect } from "@/app/actions/connections";
import { deleteApp, saveApp, testShared } from "@/app/actions/installation";
import { ActionForm } from "@/components/action-form";
import { Time } from "@/components/time";
import { TokenForm } from "@/components/token-form";
import { Badge, ButtonLink, Card, Code, Empty, Field, PageTitle, Select } from "@/components/ui";
import { UrlDialog } from "@/components/url-dialog";
import { database, rows } from "@/lib/database";
import type { App } from "@/lib/database.types";
import { supabaseUrl } from "@/lib/environment";
import { i18n, pageTitle } from "@/lib/i18n";
import { readQuery } from "@/lib/paths";
import { CONNECTION } from "@/lib/services";
import { requireAdmin } from "@/lib/session";

export const generateMetadata = pageTitle("nav.services");

type AppFacts = Pick<App, "service" | "client_id" | "scopes" | "tenant" | "updated_at">;

export default async function Page({ searchParams }: PageProps<"/admin/services">) {
  await requireAdmin();
  const { t } = await i18n();
  const query = await readQuery(searchParams);
  const supabase = await database();
  const [modules, apps, shared, roles] = await Promise.all([
    supabase
      .from("module_registry")
      .select("module, display_name")
      .order("display_name")
      .then(rows),
    supabase.from("oauth_apps").select("service, client_id, scopes, tenant, updated_at").then(rows),
    supabase
      .from("oauth_tokens")
      .select(CONNECTION)
      .not("role_id", "is", null)
      .order("account")
      .then(rows),
    supabase.from("roles").select("id, name").order("name").then(rows),
  ]);
  const chosen = modules.find(
    ({ module }) => module === (query["app"] ?? query["share"] ?? query["remove"]),
  );
  return (
    <>
      <PageTitle lead={t("services.lead")}>{t("nav.services")}</PageTitle>
      <Card title={t("services.redirect")}>
        <p className="mb-2 text-sm text-muted">{t("services.redirect_lead")}</p>
        <Code>{`${supabaseUrl()}/functions/v1/oauth-callback`}</Code>
      </Card>
      {modules.map(({ module, display_name }) => {
        const app = apps.find(({ service }) => service === module);
        const tokens = shared.filter(({ service }) => service === module);
        return (
          <Card
            key={module}
            title={
              <span className="flex flex-wrap items-center gap-2">
                {display_name}{" "}
                <Badge tone={app ? "good" : "neutral"}>
                  {t(app ? "services.has_app" : "services.no_app")}
                </Badge>
              </span>
            }
            actions={
              <>
                <ButtonLink
                  href={`/admin/services?app=${module}`}
                  aria-label={`${t("services.app")}: ${display_name}`}
                >
                  {t("services.app")}
                </ButtonLink>
                <ButtonLink
                  href={`/admin/services?share=${module}`}
                  aria-label={`${t("services.share")}: ${display_name}`}
                >
                  {t("services.share")}
                </ButtonLink>
              </>
            }
          >
            {app && (
              <p className="mb-2 text-sm text-muted">
                client_id <Code>{app.client_id}</Code> · <Time value={app.updated_at} />
              </p>
            )}
            {tokens.length === 0 ? (
              <Empty>{t("services.no_shared")}</Empty>
            ) : (
              <ul className="space-y-2">
                {tokens.map((token) => (
                  <li
                    key={token.id}
                    className="flex flex-wrap items-center gap-2 rounded-md bg-sunken px-3 py-2 text-sm"
                  >
                    <span className="mr-auto break-all">
                      <span className="font-medium">{token.account}</span> →{" "}
                      {roles.find(({ id }) => id === token.role_id)?.name}{" "}
                      <Badge tone={token.status === "active" ? "good" : "warn"}>
                        {t(token.status === "active" ? "state.ready" : "tools.over")}
                      </Badge>
                    </span>
                    <ActionForm
                      action={testShared}
                      submit={t("test.test")}
                      variant="secondary"
                      inline
                      label={`${t("test.test")}: ${token.account}`}
                    >
                      <input type="hidden" name="id" value={token.id} />
                      <input type="hidden" name="name" value={display_name} />
                    </ActionForm>
                    <ActionForm
                      action={disconnect}
                      submit={t("tools.disconnect")}
                      variant="secondary"
                      inline
                      label={`${t("tools.disconnect")}: ${token.account}`}
                    >
                      <input type="hidden" name="id" value={token.id} />
                    </ActionForm>
                  </li>
                ))}
              </ul>
            )}
          </Card>
        );
      })}
      {chosen && query["app"] && (
        <AppDialog
          service={chosen.module}
          name={chosen.display_name}
          app={apps.find(({ service }) => service === chosen.module)}
        />
      )}
      {chosen && query["share"] && (
        <UrlDialog
          title={t("services.share_title", { service: chosen.display_name })}
          description={t("services.share_lead")}
          closeTo="/admin/services"
        >
          {roles.length === 0 ? (
            <Empty>{t("roles.none")}</Empty>
          ) : (
            <>
              <TokenForm service={chosen.module} roles={roles} closeTo="/admin/services" />
              {apps.some(({ service }) => service === chosen.module) && (
                <div className="mt-5 border-t border-line pt-4">
                  <ActionForm
                    action={connect}
                    submit={t("connect.go", { service: chosen.display_name })}
                    variant="secondary"
                  >
                    <input type="hidden" name="service" value={chosen.module} />
                    <Select
                      label={t("services.role")}
                      name="shared_with_role"
                      options={roles.map(({ id, name }) => [id, name])}
                    />
                  </ActionForm>
                </div>
              )}
            </>
          )}
        </UrlDialog>
      )}
      {chosen && query["remove"] && (
        <UrlDialog
          title={t("services.remove_title", { service: chosen.display_name })}
          description={t("services.remove_lead")}
          closeTo="/admin/services"
        >
          <ActionForm
            action={deleteApp}
            submit={t("services.remove")}
            variant="danger"
            closeTo="/admin/services"
          >
            <input type="hidden" name="service" value={chosen.module} />
          </ActionForm>
        </UrlDialog>
      )}
    </>
  );
}

async function AppDialog({
  service,
  name,
  app,
}: {
  service: string;
  name: string;
  app: AppFacts | undefined;
}) {
  const { t } = await i18n();
  return (
    <UrlDialog
      title={t("services.app_title", { service: name })}
      description={t("services.app_lead")}
      closeTo="/admin/services"
    >
      <ActionForm action={saveApp} submit={t("ui.save")} closeTo="/admin/services">
        <input type="hidden" name="service" value={service} />
        <Field
          label="client_id"
          name="client_id"
          defaultValue={app?.client_id}
          maxLength={500}
          autoComplete="off"
          required
        />
        <Field
          label="client_secret"
          name="client_secret"
          type="password"
          autoComplete="off"
          required={!app}
          hint={t(app ? "services.secret_kept" : "services.secret_hint")}
        />
        <Field
          label={t("services.scopes")}
          name="scopes"
          defaultValue={app?.scopes.join(" ")}
          hint={t("services.scopes_hint")}
        />
        {service === "microsoft_todo" && (
          <Field
            label={t("services.tenant")}
            name="tenant"
            defaultValue={app?.tenant ?? ""}
            placeholder="consumers"
          />
        )}
      </ActionForm>
      {app && (
        <p className="mt-4">
          <ButtonLink href={`/admin/services?remove=${service}`}>{t("services.remove")}</ButtonLink>
        </p>
      )}
    </UrlDialog>
  );
}
