"use server";

import { revalidatePath } from "next/cache";
import { cookies } from "next/headers";
import { redirect } from "next/navigation";
import { refuse, text } from "@/lib/action";
import { database } from "@/lib/database";
import { showsPasswordLogin } from "@/lib/environment";
import { i18n } from "@/lib/i18n";
import { cookieOptions, safePath } from "@/lib/paths";
import type { Result } from "@/lib/result";
import { origin } from "@/lib/session";
import { isProvider, signInMethods } from "@/lib/sign-in";
import { THEMES } from "@/lib/theme";

export async function signInWith(_: Result | null, form: FormData): Promise<Result> {
  const provider = form.get("provider");
  if (!isProvider(provider)) return refuse("login.failed");
  await rememberTarget(form);
  const { data, error } = await (await database()).auth.signInWithOAuth({
    provider,
    options: {
      redirectTo: `${await origin()}/auth/callback`,
      skipBrowserRedirect: true,
      // Without it, Microsoft sends no email address.
      ...(provider === "azure" && { scopes: "email" }),
    },
  });
  if (error || !data.url) return refuse("login.failed");
  return { ok: true, leaveTo: data.url };
}

/** Where to go after sign-in: in a cookie, because Auth only redirects to listed addresses. */
async function rememberTarget(form: FormData): Promise<void> {
  (await cookies()).set("next", safePath(form.get("next")), { ...cookieOptions, maxAge: 3600 });
}

/** Sends a sign-in link. The answer is always the same, so that it does not reveal who has been invited. */
export async function signInWithEmail(_: Result | null, form: FormData): Promise<Result> {
  const methods = await signInMethods();
  if (!methods?.email) return refuse("login.unavailable");
  const email = text(form, "email", 320).toLowerCase();
  await rememberTarget(form);
  const { error } = await (await database()).auth.signInWithOtp({
    email,
    options: { emailRedirectTo: `${await origin()}/auth/callback` },
  });
  if (error) console.error("No sign-in link was sent:", error.code ?? error.status);
  return { ok: true, message: (await i18n()).t("login.email_sent", { email }) };
}

export async function signInWithPassword(_: Result | null, form: FormData): Promise<Result> {
  if (!showsPasswordLogin()) return refuse("login.failed");
  const { error } = await (await database()).auth.signInWithPassword({
    email: text(form, "email", 320),
    password: String(form.get("password") ?? ""),
  });
  if (error)
    return refuse(
      /not on the list|no access/.test(error.message)
        ? "login.not_allowed"
        : /disabled/.test(error.message)
          ? "login.disabled"
          : "login.wrong_password",
    );
  redirect(safePath(form.get("next")));
}

export async function signOut(): Promise<void> {
  await (await database()).auth.signOut({ scope: "local" });
  redirect("/login");
}

export async function setLanguage(form: FormData): Promise<void> {
  const language = form.get("language");
  if (language !== "ja" && language !== "en") return;
  (await cookies()).set("language", language, { ...cookieOptions, maxAge: 365 * 86400 });
  revalidatePath("/", "layout");
}

export async function setTheme(form: FormData): Promise<void> {
  const theme = THEMES.find((known) => known === form.get("theme"));
  if (!theme) return;
  (await cookies()).set("theme", theme, { ...cookieOptions, maxAge: 365 * 86400 });
  revalidatePath("/", "layout");
}
