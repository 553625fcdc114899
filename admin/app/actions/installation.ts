"use server";

import { revalidatePath } from "next/cache";
import { done, failure, refuse, text } from "@/lib/action";
import { database } from "@/lib/database";
import type { ModuleStatus } from "@/lib/database.types";
import { publishableKey, supabaseUrl } from "@/lib/environment";
import { i18n } from "@/lib/i18n";
import type { Result } from "@/lib/result";
import { requireAdmin } from "@/lib/session";

/** Saves a service's OAuth app. An empty secret keeps the current one. */
export async function saveApp(_: Result | null, form: FormData): Promise<Result> {
  await requireAdmin();
  const [secret, tenant] = [
    String(form.get("client_secret") ?? "").trim(),
    text(form, "tenant", 100),
  ];
  const { error } = await (await database()).rpc("save_oauth_app", {
    service: text(form, "service", 40),
    client_id: text(form, "client_id", 500),
    ...(secret && { client_secret: secret }),
    scopes: text(form, "scopes", 4000)
      .split(/[\s,]+/)
      .filter(Boolean),
    ...(tenant && { tenant }),
  });
  if (error?.code === "23502") return refuse("services.needs_secret");
  return error ? failure(error) : done("ui.saved");
}

export async function deleteApp(_: Result | null, form: FormData): Promise<Result> {
  await requireAdmin();
  const { error } = await (await database())
    .from("oauth_apps")
    .delete()
    .eq("service", text(form, "service", 40));
  return error ? failure(error) : done("services.deleted");
}

/** Tests a shared account: the control plane calls the service. The credential does not reach the console. */
export async function testShared(_: Result | null, form: FormData): Promise<Result> {
  await requireAdmin();
  const { data } = await (await database()).auth.getSession();
  const service = text(form, "name", 100);
  const response = await fetch(`${supabaseUrl()}/functions/v1/token-exchanger/test`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      apikey: publishableKey(),
      authorization: `Bearer ${data.session?.access_token}`,
    },
    body: JSON.stringify({ id: text(form, "id", 40) }),
    signal: AbortSignal.timeout(25_000),
  }).catch(() => undefined);
  const answer = (await response?.json().catch(() => undefined)) as
    | { works?: boolean; status?: number | null; error?: { code: string } }
    | undefined;
  if (answer?.works) return done("test.shared_works", { service });
  // The test may have marked the account as expired; show that on the page.
  revalidatePath("/admin/services");
  if (answer?.works === false)
    return refuse("test.refused", {
      service,
      status: answer.status ? `HTTP ${answer.status}` : "—",
    });
  switch (answer?.error?.code) {
    case "reconnect_required":
      return refuse("test.over", { service });
    case "not_found":
      return refuse("error.gone");
    case "provider_unavailable":
      return refuse("done.provider_unavailable", { service });
    default:
      return refuse("error.unexpected");
  }
}

export async function saveModule(_: Result | null, form: FormData): Promise<Result> {
  await requireAdmin();
  const status = (["stable", "deprecated", "broken"] as const).find(
    (known): known is ModuleStatus => known === form.get("status"),
  );
  const api_version = text(form, "api_version", 60);
  if (!status || !api_version) return refuse("error.unexpected");
  const { error } = await (await database())
    .from("module_registry")
    .update({
      status,
      api_version,
      notes: text(form, "notes", 2000),
      ...(form.get("verified") && { last_verified_at: new Date().toISOString() }),
    })
    .eq("module", text(form, "module", 40));
  return error ? failure(error) : done("ui.saved");
}

export async function allowEmail(_: Result | null, form: FormData): Promise<Result> {
  await requireAdmin();
  const email = text(form, "email", 320).toLowerCase();
  const { error } = await (await database())
    .from("allowed_emails")
    .insert({ email, role_id: text(form, "role", 40) || null });
  return error ? failure(error) : done("ui.saved");
}

export async function disallowEmail(_: Result | null, form: FormData): Promise<Result> {
  await requireAdmin();
  const { error } = await (await database())
    .from("allowed_emails")
    .delete()
    .eq("email", text(form, "email", 320));
  return error ? failure(error) : done("ui.saved");
}

export async function saveSettings(_: Result | null, form: FormData): Promise<Result> {
  await requireAdmin();
  const days = Number(form.get("days"));
  const { error } = await (await database())
    .from("settings")
    .update({
      public_url: text(form, "public_url", 300).replace(/\/+$/, "") || null,
      audit_retention_days: days,
    })
    .eq("id", true);
  return error ? failure(error) : done("ui.saved");
}

/** Revokes everything, after a leak. */
export async function revokeEverything(_: Result | null, form: FormData): Promise<Result> {
  await requireAdmin();
  if (text(form, "confirmation", 40) !== "REVOKE ALL") return refuse("security.not_confirmed");
  const { data, error } = await (await database()).rpc("revoke_all_tokens");
  if (error) return failure(error);
  // The admin's own session has ended too. Do not reload: the sign-in page would replace this message.
  const { t } = await i18n();
  const message = t("security.revoked", {
    connections: data.oauth_tokens,
    tokens: data.api_tokens,
  });
  if (data.sessions === null)
    return { ok: false, message: `${message} ${t("security.not_signed_out")}` };
  const ended = `${message} ${t("security.signed_out", { sessions: data.sessions })}`;
  return data.incomplete.length === 0
    ? { ok: true, message: ended }
    : {
        ok: false,
        message: `${ended} ${t("security.incomplete", { tables: data.incomplete.join(", ") })}`,
      };
}
