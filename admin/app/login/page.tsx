import { redirect } from "next/navigation";
import { signInWith, signInWithEmail, signInWithPassword } from "@/app/actions/session";
import { ActionForm } from "@/components/action-form";
import { Shell } from "@/components/shell";
import { Card, Field, Notice, PageTitle } from "@/components/ui";
import { i18n, type Key, pageTitle } from "@/lib/i18n";
import { readQuery, safePath } from "@/lib/paths";
import { session } from "@/lib/session";
import { PROVIDERS, signInMethods } from "@/lib/sign-in";

export const generateMetadata = pageTitle("login.title");

const REASONS: Record<string, Key> = {
  not_allowed: "login.not_allowed",
  disabled: "login.disabled",
  failed: "login.failed",
  ended: "login.ended",
};

export default async function Page({ searchParams }: PageProps<"/login">) {
  const { next, reason } = await readQuery(searchParams);
  if (await session()) redirect(safePath(next));
  const { t } = await i18n();
  const said = reason && Object.hasOwn(REASONS, reason) ? REASONS[reason] : undefined;
  const methods = await signInMethods();
  const target = <input type="hidden" name="next" value={safePath(next)} />;
  return (
    <Shell user={null}>
      <div className="mx-auto max-w-sm">
        <PageTitle lead={t("login.lead")}>{t("login.title")}</PageTitle>
        {said && (
          <Notice tone="warn" role="alert">
            {t(said)}
          </Notice>
        )}
        <Card>
          {methods === undefined ? (
            <Notice tone="bad" role="alert">
              {t("login.unavailable")}
            </Notice>
          ) : methods.providers.length === 0 && !methods.email ? (
            <Notice tone="warn">{t("login.none")}</Notice>
          ) : (
            <div className="space-y-5 divide-y divide-line *:not-last:pb-5">
              {methods.providers.length > 0 && (
                <div className="space-y-3">
                  {methods.providers.map((provider) => (
                    <ActionForm
                      key={provider}
                      action={signInWith}
                      submit={t("login.with", { provider: PROVIDERS[provider] })}
                      variant="secondary"
                      className="grid"
                    >
                      <input type="hidden" name="provider" value={provider} />
                      {target}
                    </ActionForm>
                  ))}
                </div>
              )}
              {methods.email && (
                <ActionForm action={signInWithEmail} submit={t("login.email_submit")} once>
                  {target}
                  <Field
                    label={t("login.email")}
                    name="email"
                    type="email"
                    autoComplete="username"
                    required
                  />
                </ActionForm>
              )}
              {methods.password && (
                <ActionForm action={signInWithPassword} submit={t("login.password_submit")}>
                  {target}
                  <Field
                    label={t("login.email")}
                    name="email"
                    type="email"
                    autoComplete="username"
                    required
                  />
                  <Field
                    label={t("login.password")}
                    name="password"
                    type="password"
                    autoComplete="current-password"
                    required
                  />
                </ActionForm>
              )}
            </div>
          )}
        </Card>
      </div>
    </Shell>
  );
}
