import { decideConsent } from "@/app/actions/consent";
import { ActionForm } from "@/components/action-form";
import { LimitFields } from "@/components/limit-fields";
import { Time } from "@/components/time";
import { Card, Code, Empty, Notice, PageTitle } from "@/components/ui";
import { Name } from "@/components/visible";
import { inCatalogue } from "@/lib/catalogue";
import { database } from "@/lib/database";
import { i18n, type Key, pageTitle } from "@/lib/i18n";
import { destinationOf, readQuery } from "@/lib/paths";
import { type Service, servicesOf } from "@/lib/services";
import { requireUser } from "@/lib/session";
import { visibleLine } from "@/lib/visible";

export const generateMetadata = pageTitle("consent.title");

/** The scopes of Supabase Auth. Tools depend on the limits chosen here, not on scopes. */
const SCOPES: Record<string, Key> = {
  openid: "scope.openid",
  profile: "scope.profile",
  email: "scope.email",
  phone: "scope.phone",
  offline_access: "scope.offline_access",
};

/**
 * The consent page of Supabase's OAuth 2.1 server: an MCP client requests to act as the signed-in user. It reads the request from
 * the database: reading it from Auth would approve a client that the user has allowed before.
 */
export default async function Page({ searchParams }: PageProps<"/oauth/consent">) {
  const user = await requireUser();
  const { t } = await i18n();
  const { authorization_id: id } = await readQuery(searchParams);
  const { data } =
    id && /^[\w-]{1,200}$/.test(id)
      ? await (await database()).rpc("oauth_authorization", { p_authorization_id: id })
      : { data: null };
  if (!data)
    return (
      <div className="mx-auto max-w-lg">
        <PageTitle>{t("consent.title")}</PageTitle>
        <Notice tone="warn" role="alert">
          {t("consent.gone")}
        </Notice>
      </div>
    );
  const { client, redirect_uri, scopes, known, limits } = data;
  const mine = (await servicesOf(user.id)).filter(({ tools }) => tools.length > 0);
  const destination = destinationOf(redirect_uri);
  const { protocol, host } = URL.canParse(redirect_uri)
    ? new URL(redirect_uri)
    : { protocol: redirect_uri, host: "" };
  const modules = mine.map(({ module }) => ({
    module: module.module,
    title: module.display_name,
  }));
  return (
    <div className="mx-auto max-w-lg">
      <PageTitle lead={t("consent.lead")}>{t("consent.heading")}</PageTitle>
      <Card>
        <dl className="mb-4 space-y-2 text-sm [&_dt]:text-muted">
          <div>
            <dt>{t("consent.goes_to")}</dt>
            <dd>
              <code data-testid="destination" className="font-mono text-base break-all">
                {visibleLine(`${protocol}//${host}`)}
              </code>
            </dd>
          </div>
          <div>
            <dt>{t("consent.client")}</dt>
            <dd className="font-medium">
              <Name text={client.name ?? ""} />
            </dd>
            <dd className="text-muted">
              {t(client.registered === "dynamic" ? "consent.dynamic" : "consent.manual")}{" "}
              <Time value={client.created_at} />
            </dd>
          </div>
          <div>
            <dt>{t("consent.account")}</dt>
            <dd className="font-medium break-all">{user.email}</dd>
          </div>
          <div>
            <dt>{t("consent.scopes")}</dt>
            <dd>
              <ul className="list-disc pl-5">
                {scopes.map((scope) => {
                  const words = Object.hasOwn(SCOPES, scope) ? SCOPES[scope] : undefined;
                  return (
                    <li key={scope}>{words ? t(words) : <Code>{visibleLine(scope)}</Code>}</li>
                  );
                })}
              </ul>
            </dd>
          </div>
          <div>
            <dt>{t("consent.may")}</dt>
            <dd>
              {mine.length === 0 && <Empty>{t("consent.nothing")}</Empty>}
              <ul className="list-disc pl-5">
                {mine.map((service) => (
                  <li key={service.module.module}>
                    <span className="font-medium">{service.module.display_name}</span>:{" "}
                    <Counts service={service} />
                  </li>
                ))}
              </ul>
            </dd>
          </div>
        </dl>
        {destination === "loopback" && <Notice tone="warn">{t("consent.loopback")}</Notice>}
        {destination === "app" && (
          <Notice tone="warn">
            {t("consent.app", { scheme: visibleLine(protocol), host: visibleLine(host) || "–" })}
          </Notice>
        )}
        {known && <Notice>{t("consent.known")}</Notice>}
        {destination ? (
          <ActionForm
            action={decideConsent}
            choices={[
              { value: "allow", text: t("consent.allow"), variant: "primary" },
              { value: "deny", text: t("consent.deny"), variant: "secondary" },
            ]}
          >
            <input type="hidden" name="authorization_id" value={data.authorization_id} />
            <h2 className="text-sm font-semibold">{t("consent.limits")}</h2>
            <LimitFields modules={modules} limits={limits} />
            <ul className="list-disc space-y-1 pl-5 text-sm">
              <li>{t("consent.as_you")}</li>
              <li>{t("consent.not")}</li>
              <li>{t("consent.revocable")}</li>
            </ul>
          </ActionForm>
        ) : (
          <Notice tone="bad" role="alert">
            {t("consent.unsafe")}
          </Notice>
        )}
      </Card>
    </div>
  );
}

/** How many of the user's tools of a service read, write, and destroy. */
async function Counts({ service: { module, tools } }: { service: Service }) {
  const { t } = await i18n();
  const known = inCatalogue(module.module)?.tools ?? [];
  const kinds = tools.map((name) => known.find(({ tool }) => tool === name));
  const read = kinds.filter((tool) => tool?.read_only).length;
  const destructive = kinds.filter((tool) => tool?.destructive).length;
  const write = tools.length - read - destructive;
  return (
    <>
      {[read > 0 && t("consent.read", { n: read }), write > 0 && t("consent.write", { n: write })]
        .filter(Boolean)
        .join(" · ")}
      {destructive > 0 && (
        <>
          {read + write > 0 && " · "}
          <strong className="font-semibold text-bad-ink">
            {t("consent.destructive", { n: destructive })}
          </strong>
        </>
      )}
    </>
  );
}
