import { redirect } from "next/navigation";
import { decideConsent } from "@/app/actions/consent";
import { ActionForm } from "@/components/action-form";
import { Badge, Card, Code, Empty, Notice, PageTitle } from "@/components/ui";
import { database } from "@/lib/database";
import { i18n, pageTitle } from "@/lib/i18n";
import { mayLeaveTo, readQuery } from "@/lib/paths";
import { servicesOf } from "@/lib/services";
import { requireUser } from "@/lib/session";

export const generateMetadata = pageTitle("consent.title");

/** The consent page of Supabase's OAuth 2.1 server: an MCP client requests to act as the signed-in user. */
export default async function Page({ searchParams }: PageProps<"/oauth/consent">) {
  const user = await requireUser();
  const { t } = await i18n();
  const { authorization_id: id } = await readQuery(searchParams);
  const { data } =
    id && /^[\w-]{1,200}$/.test(id)
      ? await (await database()).auth.oauth.getAuthorizationDetails(id)
      : { data: null };
  if (data && "redirect_url" in data && mayLeaveTo(data.redirect_url)) redirect(data.redirect_url);
  if (!data || !("client" in data)) {
    return (
      <div className="mx-auto max-w-lg">
        <PageTitle>{t("consent.title")}</PageTitle>
        <Notice tone="warn" role="alert">
          {t("consent.gone")}
        </Notice>
      </div>
    );
  }
  const mine = (await servicesOf(user.id)).filter(({ tools }) => tools.length > 0);
  const goesTo = URL.canParse(data.redirect_uri) ? new URL(data.redirect_uri) : null;
  return (
    <div className="mx-auto max-w-lg">
      <PageTitle lead={t("consent.lead")}>
        {t("consent.heading", { client: data.client.name })}
      </PageTitle>
      <Card>
        <dl className="mb-4 space-y-2 text-sm [&_dt]:text-muted">
          <div>
            <dt>{t("consent.client")}</dt>
            <dd className="font-medium break-words">{data.client.name}</dd>
          </div>
          <div>
            <dt>{t("consent.goes_to")}</dt>
            <dd>
              <Code>{goesTo ? goesTo.host || goesTo.protocol : data.redirect_uri}</Code>
            </dd>
          </div>
          <div>
            <dt>{t("consent.account")}</dt>
            <dd className="font-medium break-all">{user.email}</dd>
          </div>
        </dl>
        <h2 className="mb-1 text-sm font-semibold">{t("consent.may")}</h2>
        {mine.length === 0 && <Empty>{t("consent.nothing")}</Empty>}
        <ul className="mb-3 flex flex-wrap gap-1">
          {mine.map(({ module, tools }) => (
            <li key={module.module}>
              <Badge>
                {module.display_name}: {t("home.tools", { n: tools.length })}
              </Badge>
            </li>
          ))}
        </ul>
        <ul className="mb-4 list-disc space-y-1 pl-5 text-sm">
          <li>{t("consent.as_you")}</li>
          <li>{t("consent.not")}</li>
          <li>{t("consent.revocable")}</li>
        </ul>
        <div className="flex flex-wrap gap-3">
          {(["allow", "deny"] as const).map((decision) => (
            <ActionForm
              key={decision}
              action={decideConsent}
              submit={t(`consent.${decision}`)}
              variant={decision === "allow" ? "primary" : "secondary"}
              inline
            >
              <input type="hidden" name="authorization_id" value={data.authorization_id} />
              <input type="hidden" name="decision" value={decision} />
            </ActionForm>
          ))}
        </div>
      </Card>
    </div>
  );
}
