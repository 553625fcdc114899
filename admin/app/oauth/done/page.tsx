import { redirect } from "next/navigation";
import { finishConnection } from "@/app/actions/connections";
import { ActionForm } from "@/components/action-form";
import { Shell } from "@/components/shell";
import { ButtonLink, Card, Notice, PageTitle } from "@/components/ui";
import { inCatalogue } from "@/lib/catalogue";
import { database } from "@/lib/database";
import { i18n, type Key, pageTitle } from "@/lib/i18n";
import { readQuery, withQuery } from "@/lib/paths";
import { session } from "@/lib/session";

export const generateMetadata = pageTitle("done.title");

const REASONS = [
  ...[
    "denied",
    "replayed",
    "expired",
    "unknown_state",
    "user_disabled",
    "not_configured",
    "provider_error",
    "provider_unavailable",
  ],
  ...["no_site", "site_required", "not_permitted", "other_user", "too_many_accounts", "internal"],
] as const;

/**
 * The callback redirects here with a handle for the provider's answer, or with a failure reason. Only the user who started the
 * connection can use the handle. Other query parameters are looked up or shown as text, never followed.
 */
export default async function Page({ searchParams }: PageProps<"/oauth/done">) {
  const { t } = await i18n();
  const query = await readQuery(searchParams);
  const user = await session();
  const handle = query["handle"];
  if (handle && !user)
    redirect(
      withQuery("/login", {
        next: withQuery("/oauth/done", { service: query["service"], handle }),
      }),
    );
  const service = inCatalogue(query["service"])?.module;
  const name =
    service && user
      ? ((
          await (
            await database()
          )
            .from("module_registry")
            .select("display_name")
            .eq("module", service)
            .maybeSingle()
        ).data?.display_name ?? service)
      : (service ?? t("done.a_service"));
  if (handle && user) {
    return (
      <Shell user={user}>
        <div className="mx-auto max-w-lg">
          <PageTitle>{t("done.finishing", { service: name })}</PageTitle>
          <Card>
            <p className="mb-3 text-sm">
              {t("done.finishing_lead", { service: name, email: user.email })}
            </p>
            <ActionForm key={handle} action={finishConnection} submit={t("done.finish")} automatic>
              <input type="hidden" name="handle" value={handle} />
            </ActionForm>
          </Card>
        </div>
      </Shell>
    );
  }
  const isConnected = query["status"] === "connected";
  const reason = REASONS.find((known) => known === query["reason"]) ?? "internal";
  const sites = (query["sites"] ?? "")
    .split(",")
    .filter((site) => /^https:\/\/[a-z0-9-]{1,63}\.atlassian\.net$/.test(site));
  return (
    <Shell user={user}>
      <div className="mx-auto max-w-lg">
        <PageTitle>
          {t(isConnected ? "done.connected" : "done.failed", { service: name })}
        </PageTitle>
        <Card>
          {isConnected ? (
            <Notice tone="good" role="status">
              {t("done.connected_lead", { account: query["account"] ?? "" })}
            </Notice>
          ) : (
            <Notice
              tone={reason === "denied" || reason === "site_required" ? "warn" : "bad"}
              role="alert"
            >
              {t(`done.${reason}` as Key, { service: name })}
            </Notice>
          )}
          <div className="flex flex-wrap gap-2">
            {!isConnected &&
              service &&
              reason === "site_required" &&
              sites.map((site) => (
                <ButtonLink
                  key={site}
                  variant="primary"
                  href={withQuery("/oauth/connect", { service, site })}
                >
                  {new URL(site).host}
                </ButtonLink>
              ))}
            {!isConnected && service && reason !== "site_required" && (
              <ButtonLink variant="primary" href={`/oauth/connect?service=${service}`}>
                {t("done.again")}
              </ButtonLink>
            )}
            <ButtonLink href="/tools">{t("nav.tools")}</ButtonLink>
          </div>
        </Card>
      </div>
    </Shell>
  );
}
