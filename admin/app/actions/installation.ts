"use server";

import { done, failure, refuse, text } from "@/lib/action";
import { database } from "@/lib/database";
import type { ModuleStatus } from "@/lib/database.types";
import { i18n } from "@/lib/i18n";
import type { Result } from "@/lib/result";
import { requireAdmin } from "@/lib/session";

/** An OAuth app of a service. An empty secret keeps the one there is. */
export async function saveApp(_: Result | null, form: FormData): Promise<Result> {
  await requireAdmin();
  const [secret, tenant] = [String(form.get("client_secret") ?? "").trim(), text(form, "tenant", 100)];
  const { error } = await (await database()).rpc("save_oauth_app", {
    service: text(form, "service", 40),
    client_id: text(form, "client_id", 500),
    ...(secret && { client_secret: secret }),
    scopes: text(form, "scopes", 4000).split(/[\s,]+/).filter(Boolean),
    ...(tenant && { tenant }),
  });
  if (error?.code === "23502") return refuse("services.needs_secret");
  return error ? failure(error) : done("ui.saved");
}

export async function deleteApp(_: Result | null, form: FormData): Promise<Result> {
  await requireAdmin();
  const { error } = await (await database()).from("oauth_apps").delete().eq("service", text(form, "service", 40));
  return error ? failure(error) : done("services.deleted");
}

export async function saveModule(_: Result | null, form: FormData): Promise<Result> {
  await requireAdmin();
  const status = (["stable", "deprecated", "broken"] as const).find((known): known is ModuleStatus => known === form.get("status"));
  if (!status) return refuse("error.unexpected");
  const { error } = await (await database()).from("module_registry").update({
    status,
    notes: text(form, "notes", 2000),
    ...(form.get("verified") && { last_verified_at: new Date().toISOString() }),
  }).eq("module", text(form, "module", 40));
  return error ? failure(error) : done("ui.saved");
}

export async function allowEmail(_: Result | null, form: FormData): Promise<Result> {
  await requireAdmin();
  const email = text(form, "email", 320).toLowerCase();
  const { error } = await (await database()).from("allowed_emails").insert({ email, role_id: text(form, "role", 40) || null });
  return error ? failure(error) : done("ui.saved");
}

export async function disallowEmail(_: Result | null, form: FormData): Promise<Result> {
  await requireAdmin();
  const { error } = await (await database()).from("allowed_emails").delete().eq("email", text(form, "email", 320));
  return error ? failure(error) : done("ui.saved");
}

export async function saveSettings(_: Result | null, form: FormData): Promise<Result> {
  await requireAdmin();
  const days = Number(form.get("days"));
  const { error } = await (await database()).from("settings")
    .update({ public_url: text(form, "public_url", 300).replace(/\/+$/, "") || null, audit_retention_days: days }).eq("id", true);
  return error ? failure(error) : done("ui.saved");
}

/** The answer to a leak. */
export async function revokeEverything(_: Result | null, form: FormData): Promise<Result> {
  await requireAdmin();
  if (text(form, "confirmation", 40) !== "REVOKE ALL") return refuse("security.not_confirmed");
  const { data, error } = await (await database()).rpc("revoke_all_tokens");
  if (error) return failure(error);
  // The admin's own session is over, too: nothing is read again, or this page would be the sign-in page before it could say so.
  const { t } = await i18n();
  const message = t("security.revoked", { connections: data.oauth_tokens, tokens: data.api_tokens });
  return data.sessions === null
    ? { ok: false, message: `${message} ${t("security.not_signed_out")}` }
    : { ok: true, message: `${message} ${t("security.signed_out", { sessions: data.sessions })}` };
}
