import { ButtonLink, PageTitle } from "@/components/ui";
import { i18n } from "@/lib/i18n";

export default async function NotFound() {
  const { t } = await i18n();
  return (
    <main className="mx-auto max-w-xl px-4 py-16">
      <PageTitle lead={t("not_found.lead")}>{t("not_found.title")}</PageTitle>
      <ButtonLink href="/">{t("ui.home")}</ButtonLink>
    </main>
  );
}
