import { i18n } from "@/lib/i18n";
import { ButtonLink, PageTitle } from "./ui";

export async function Refused() {
  const { t } = await i18n();
  return (
    <main className="mx-auto max-w-xl px-4 py-16">
      <PageTitle lead={t("forbidden.lead")}>{t("forbidden.title")}</PageTitle>
      <ButtonLink href="/">{t("ui.home")}</ButtonLink>
    </main>
  );
}
