"use server";

import { revalidatePath } from "next/cache";
import { redirect } from "next/navigation";
import { done, failure, refuse, text, texts } from "@/lib/action";
import { database, rows } from "@/lib/database";
import type { RequestStatus } from "@/lib/database.types";
import type { Result } from "@/lib/result";
import { requireAdmin } from "@/lib/session";

/** Saves a user's roles, admin status and enabled status. */
export async function saveUser(_: Result | null, form: FormData): Promise<Result> {
  await requireAdmin();
  const supabase = await database();
  const id = text(form, "id", 40);
  const systemRole = form.get("admin") ? "admin" : "user";
  const { data: before, error } = await supabase
    .from("users")
    .select("system_role, disabled_at")
    .eq("id", id)
    .maybeSingle();
  if (error) return failure(error);
  if (!before) return refuse("error.gone");
  const disabled = form.get("disabled") ? (before.disabled_at ?? new Date().toISOString()) : null;
  const saved = await supabase
    .from("users")
    .update({ system_role: systemRole, disabled_at: disabled })
    .eq("id", id);
  if (saved.error) return failure(saved.error);

  const wanted = new Set(texts(form, "role"));
  const held = new Set(
    rows(await supabase.from("user_roles").select("role_id").eq("user_id", id)).map(
      ({ role_id }) => role_id,
    ),
  );
  const gone = [...held].filter((role) => !wanted.has(role));
  const added = [...wanted].filter((role) => !held.has(role));
  if (gone.length > 0) {
    const removed = await supabase
      .from("user_roles")
      .delete()
      .eq("user_id", id)
      .in("role_id", gone);
    if (removed.error) return failure(removed.error);
  }
  if (added.length > 0) {
    const inserted = await supabase
      .from("user_roles")
      .insert(added.map((role_id) => ({ user_id: id, role_id })));
    if (inserted.error) return failure(inserted.error);
  }
  return done("ui.saved");
}

export async function revokeUserTokens(_: Result | null, form: FormData): Promise<Result> {
  await requireAdmin();
  const { data, error } = await (await database()).rpc("revoke_user_tokens", {
    p_user: text(form, "id", 40),
  });
  if (error) return failure(error);
  return data.incomplete.length === 0
    ? done("users.revoked")
    : refuse("users.revoked_partly", { tables: data.incomplete.join(", ") });
}

/** Deletes an account after its email address has been typed. */
export async function deleteAccount(_: Result | null, form: FormData): Promise<Result> {
  const caller = await requireAdmin();
  const supabase = await database();
  const id = text(form, "id", 40);
  if (id === caller.id) return refuse("users.not_self");
  const { data: user, error: unread } = await supabase
    .from("users")
    .select("email")
    .eq("id", id)
    .maybeSingle();
  if (unread) return failure(unread);
  if (!user) return refuse("error.gone");
  if (text(form, "confirmation", 320) !== user.email) return refuse("users.not_confirmed");
  const { error } = await supabase.rpc("delete_account", { p_user: id });
  if (error) return failure(error, { PT409: "users.in_use" });
  if (form.get("disallow")) {
    const { error } = await supabase.from("allowed_emails").delete().eq("email", user.email);
    if (error) return failure(error);
  }
  revalidatePath("/", "layout");
  redirect("/admin/users");
}

export async function decideRequest(_: Result | null, form: FormData): Promise<Result> {
  await requireAdmin();
  const status: RequestStatus = form.get("status") === "granted" ? "granted" : "declined";
  const { data, error } = await (await database())
    .from("access_requests")
    .update({ status })
    .eq("id", text(form, "id", 40))
    .eq("status", "open")
    .select("id");
  if (error) return failure(error);
  return data.length === 1 ? done("ui.saved") : refuse("error.gone");
}
