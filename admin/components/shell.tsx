import Link from "next/link";
import type { ReactNode } from "react";
import { setLanguage, signOut } from "@/app/actions/session";
import { i18n } from "@/lib/i18n";
import type { Session } from "@/lib/session";
import { NavLink } from "./nav-link";
import { buttonClass } from "./ui";

/** The frame of every page: user, navigation, language. */
export async function Shell({ user, children }: { user: Session | null; children: ReactNode }) {
  const { t } = await i18n();
  const own = [
    ["/", t("nav.home")],
    ["/tools", t("nav.tools")],
    ["/settings", t("nav.settings")],
  ] as const;
  const admin = [
    ["/admin/users", t("nav.users")],
    ["/admin/roles", t("nav.roles")],
    ["/admin/services", t("nav.services")],
    ["/admin/modules", t("nav.modules")],
    ["/admin/audit", t("nav.audit")],
    ["/admin/security", t("nav.security")],
  ] as const;
  return (
    <>
      <a
        href="#content"
        className="sr-only focus:not-sr-only focus:absolute focus:z-50 focus:bg-surface focus:p-3"
      >
        {t("ui.skip")}
      </a>
      <header className="border-b border-line bg-surface">
        <div className="mx-auto flex max-w-6xl flex-wrap items-center gap-x-4 gap-y-1 px-4 py-2">
          <Link href="/" className="mr-auto text-lg font-semibold">
            MCPist
          </Link>
          <LanguageSwitch />
          {user && (
            <form action={signOut} className="flex items-center gap-3">
              <span className="hidden max-w-60 truncate text-sm text-muted sm:inline">
                {user.name ?? user.email}
              </span>
              <button type="submit" className={buttonClass("secondary")}>
                {t("nav.sign_out")}
              </button>
            </form>
          )}
        </div>
        {user && (
          <nav aria-label={t("nav.label")} className="mx-auto max-w-6xl px-2 pb-1">
            <ul className="flex flex-wrap items-center gap-x-1">
              {own.map(([href, text]) => (
                <li key={href}>
                  <NavLink href={href}>{text}</NavLink>
                </li>
              ))}
              {user.systemRole === "admin" && (
                <>
                  <li
                    aria-hidden
                    className="mx-1 hidden h-5 border-l border-line-strong sm:block"
                  />
                  {admin.map(([href, text]) => (
                    <li key={href}>
                      <NavLink href={href}>{text}</NavLink>
                    </li>
                  ))}
                </>
              )}
            </ul>
          </nav>
        )}
      </header>
      <main id="content" tabIndex={-1} className="mx-auto max-w-6xl px-4 py-6 outline-none sm:py-8">
        {children}
      </main>
    </>
  );
}

async function LanguageSwitch() {
  const { language } = await i18n();
  const other = language === "ja" ? "en" : "ja";
  return (
    <form action={setLanguage}>
      <button
        type="submit"
        name="language"
        value={other}
        lang={other}
        className={buttonClass("quiet")}
      >
        {other === "ja" ? "日本語" : "English"}
      </button>
    </form>
  );
}
