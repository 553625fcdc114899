"use server";

import { redirect } from "next/navigation";
import { done, failure, refuse, text } from "@/lib/action";
import { database } from "@/lib/database";
import type { Confirm, Permission } from "@/lib/database.types";
import type { Result } from "@/lib/result";
import { requireAdmin } from "@/lib/session";

const CONFIRMS: Confirm[] = ["code", "human"];

function readRole(form: FormData) {
  return {
    name: text(form, "name", 60),
    description: text(form, "description", 500),
    read_only: form.get("read_only") !== null,
    confirm: CONFIRMS.find((known) => known === form.get("confirm")) ?? null,
  };
}

export async function createRole(_: Result | null, form: FormData): Promise<Result> {
  await requireAdmin();
  const role = readRole(form);
  if (!role.name) return refuse("roles.needs_name");
  const { data, error } = await (await database()).from("roles").insert(role).select("id").single();
  if (error) return failure(error);
  redirect(`/admin/roles?role=${data.id}`);
}

export async function saveRole(_: Result | null, form: FormData): Promise<Result> {
  await requireAdmin();
  const role = readRole(form);
  if (!role.name) return refuse("roles.needs_name");
  const { error } = await (await database())
    .from("roles")
    .update(role)
    .eq("id", text(form, "id", 40));
  return error ? failure(error) : done("ui.saved");
}

export async function deleteRole(_: Result | null, form: FormData): Promise<Result> {
  await requireAdmin();
  const { error } = await (await database())
    .from("roles")
    .delete()
    .eq("id", text(form, "id", 40));
  if (error) return failure(error);
  redirect("/admin/roles");
}

/** Parses the editor's form value: all permissions of the role. */
function readPermissions(json: string): Permission[] | undefined {
  const isNames = (value: unknown): value is string[] =>
    Array.isArray(value) &&
    value.every((name) => typeof name === "string" && /^(\*|[a-z][a-z0-9_]{0,59})$/.test(name));
  try {
    const entries: unknown = JSON.parse(json);
    if (!Array.isArray(entries)) return undefined;
    return entries.every(
      (entry) =>
        typeof entry?.module === "string" && isNames(entry.tools) && isNames(entry.denied_tools),
    )
      ? entries
      : undefined;
  } catch {
    return undefined;
  }
}

export async function savePermissions(_: Result | null, form: FormData): Promise<Result> {
  await requireAdmin();
  const wanted = readPermissions(String(form.get("permissions")));
  if (!wanted) return refuse("error.unexpected");
  const { error } = await (await database()).rpc("save_role_permissions", {
    p_role: text(form, "id", 40),
    p_permissions: wanted,
  });
  return error ? failure(error) : done("roles.saved");
}
