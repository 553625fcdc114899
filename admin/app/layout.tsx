import type { Metadata } from "next";
import type { ReactNode } from "react";
import { TextsProvider } from "@/components/texts";
import { i18n } from "@/lib/i18n";
import { theme } from "@/lib/theme";
import "./globals.css";

export const metadata: Metadata = { title: "MCPist", robots: { index: false } };

export default async function Layout({ children }: { children: ReactNode }) {
  const { language, t } = await i18n();
  const texts = {
    language,
    "ui.working": t("ui.working"),
    "ui.copy": t("ui.copy"),
    "ui.copied": t("ui.copied"),
    "ui.close": t("ui.close"),
  };
  return (
    <html lang={language} data-theme={await theme()}>
      <body className="min-h-dvh font-sans antialiased">
        <TextsProvider value={texts}>{children}</TextsProvider>
      </body>
    </html>
  );
}
