import "server-only";
import { revalidatePath } from "next/cache";
import { i18n, type Key } from "./i18n";
import type { Result } from "./result";

// Helpers of the actions: reading a form and answering it.

export const text = (form: FormData, name: string, most = 2000): string =>
  String(form.get(name) ?? "")
    .trim()
    .slice(0, most);
export const texts = (form: FormData, name: string): string[] => form.getAll(name).map(String);

/** Success: refreshes the page. */
export async function done(
  key?: Key,
  { secret, ...values }: Record<string, string | number> & { secret?: string } = {},
): Promise<Result> {
  revalidatePath("/", "layout");
  const { t } = await i18n();
  return { ok: true, ...(key && { message: t(key, values) }), ...(secret && { secret }) };
}

export async function refuse(key: Key, values?: Record<string, string | number>): Promise<Result> {
  return { ok: false, message: (await i18n()).t(key, values) };
}

/** A database error as a message in the reader's language; unexpected ones are logged. */
export async function failure(
  error: { code?: string; message: string },
  /** What the action's own error codes mean. */
  meanings: Record<string, Key> = {},
): Promise<Result> {
  if (/last admin/i.test(error.message)) return refuse("error.last_admin");
  const meaning = meanings[error.code ?? ""];
  if (meaning) return refuse(meaning);
  if (error.code === "PT404") return refuse("error.gone");
  if (/None of your roles/.test(error.message)) return refuse("error.not_permitted");
  if (error.code === "42501") return refuse("error.forbidden");
  if (error.code === "23505") return refuse("error.exists");
  if (error.code === "23514" || error.code === "P0001")
    return refuse("error.invalid", { detail: error.message });
  console.error("Database error:", error.code, error.message);
  return refuse("error.unexpected");
}
