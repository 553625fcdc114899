import { redirect } from "next/navigation";
import { signInWith, signInWithPassword } from "@/app/actions/session";
import { ActionForm } from "@/components/action-form";
import { Shell } from "@/components/shell";
import { Card, Field, Notice, PageTitle } from "@/components/ui";
import { showsPasswordLogin } from "@/lib/environment";
import { i18n, type Key, pageTitle } from "@/lib/i18n";
import { readQuery, safePath } from "@/lib/paths";
import { session } from "@/lib/session";

export const generateMetadata = pageTitle("login.title");

const PROVIDERS = [
  ["google", "Google"],
  ["github", "GitHub"],
  ["azure", "Microsoft"],
] as const;
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
          <div className="space-y-3">
            {PROVIDERS.map(([provider, name]) => (
              <ActionForm
                key={provider}
                action={signInWith}
                submit={t("login.with", { provider: name })}
                variant="secondary"
                className="grid"
              >
                <input type="hidden" name="provider" value={provider} />
                <input type="hidden" name="next" value={safePath(next)} />
              </ActionForm>
            ))}
          </div>
          {showsPasswordLogin() && (
            <div className="mt-5 border-t border-line pt-4">
              <ActionForm action={signInWithPassword} submit={t("login.password_submit")}>
                <input type="hidden" name="next" value={safePath(next)} />
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
            </div>
          )}
        </Card>
      </div>
    </Shell>
  );
}
