import { connect } from "@/app/actions/connections";
import { ActionForm } from "@/components/action-form";
import { ButtonLink, Card, Field, Notice, PageTitle } from "@/components/ui";
import { i18n, pageTitle } from "@/lib/i18n";
import { readQuery } from "@/lib/paths";
import { servicesOf } from "@/lib/services";
import { requireUser } from "@/lib/session";

export const generateMetadata = pageTitle("connect.title");

/** Target of the link in a chat. Nothing starts before the button is pressed, because another person may have made the link. */
export default async function Page({ searchParams }: PageProps<"/oauth/connect">) {
  const user = await requireUser();
  const { t } = await i18n();
  const { service: name, account, site } = await readQuery(searchParams);
  const service = (await servicesOf(user.id)).find(({ module }) => module.module === name);
  const problem = !service
    ? t("connect.unknown")
    : service.state === "broken"
      ? t("home.attention_broken", { service: service.module.display_name })
      : service.tools.length === 0
        ? t("error.not_permitted")
        : !service.hasOAuth
          ? t("connect.no_app")
          : null;
  const display = service?.module.display_name ?? "";
  return (
    <div className="mx-auto max-w-lg">
      <PageTitle>
        {service ? t("connect.heading", { service: display }) : t("connect.title")}
      </PageTitle>
      <Card>
        {problem ? (
          <>
            <Notice tone="warn" role="alert">
              {problem}
            </Notice>
            <div className="flex flex-wrap gap-2">
              {service && service.tools.length > 0 && (
                <ButtonLink href={`/tools?token=${service.module.module}`}>
                  {t("tools.with_token")}
                </ButtonLink>
              )}
              <ButtonLink href="/tools">{t("nav.tools")}</ButtonLink>
            </div>
          </>
        ) : (
          <>
            <ul className="mb-4 list-disc space-y-1 pl-5 text-sm">
              <li>{t("connect.as", { email: user.email })}</li>
              <li>{t("connect.next", { service: display })}</li>
              <li>{t("connect.kept")}</li>
              {account && <li>{t("connect.account", { account })}</li>}
            </ul>
            <ActionForm action={connect} submit={t("connect.go", { service: display })}>
              <input type="hidden" name="service" value={name} />
              {site && <input type="hidden" name="site" value={site} />}
              {account ? (
                <input type="hidden" name="account" value={account} />
              ) : (
                <details>
                  <summary className="cursor-pointer text-sm text-muted">
                    {t("connect.name_it")}
                  </summary>
                  <div className="mt-2">
                    <Field
                      label={t("connections.account")}
                      name="account"
                      maxLength={100}
                      hint={t("connections.account_hint")}
                    />
                  </div>
                </details>
              )}
            </ActionForm>
          </>
        )}
      </Card>
    </div>
  );
}
