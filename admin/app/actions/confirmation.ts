"use server";

import { failure, refuse, text } from "@/lib/action";
import { database } from "@/lib/database";
import { i18n } from "@/lib/i18n";
import type { Result } from "@/lib/result";
import { requireUser } from "@/lib/session";

/** Decides a waiting call. The page is not refreshed: it would no longer show what was decided. */
export async function decideConfirmation(_: Result | null, form: FormData): Promise<Result> {
  await requireUser();
  const decision = form.get("decision");
  if (decision !== "yes" && decision !== "no") return refuse("error.unexpected");
  const { error } = await (await database()).rpc("decide_confirmation", {
    p_id: text(form, "id", 40),
    p_yes: decision === "yes",
  });
  if (error) return failure(error, { PT404: "confirm.gone", PT410: "confirm.decided" });
  const { t } = await i18n();
  return { ok: true, message: t(decision === "yes" ? "confirm.approved" : "confirm.declined") };
}
