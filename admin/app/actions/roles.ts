"use server";

import { redirect } from "next/navigation";
import { done, failure, refuse, text } from "@/lib/action";
import { database, rows } from "@/lib/database";
import type { Result } from "@/lib/result";
import { requireAdmin } from "@/lib/session";

export async function createRole(_: Result | null, form: FormData): Promise<Result> {
  await requireAdmin();
  const name = text(form, "name", 60);
  if (!name) return refuse("roles.needs_name");
  const { data, error } = await (await database()).from("roles")
    .insert({ name, description: text(form, "description", 500), read_only: form.get("read_only") !== null }).select("id").single();
  if (error) return failure(error);
  redirect(`/admin/roles?role=${data.id}`);
}

export async function saveRole(_: Result | null, form: FormData): Promise<Result> {
  await requireAdmin();
  const name = text(form, "name", 60);
  if (!name) return refuse("roles.needs_name");
  const { error } = await (await database()).from("roles")
    .update({ name, description: text(form, "description", 500), read_only: form.get("read_only") !== null }).eq("id", text(form, "id", 40));
  return error ? failure(error) : done("ui.saved");
}

export async function deleteRole(_: Result | null, form: FormData): Promise<Result> {
  await requireAdmin();
  const { error } = await (await database()).from("roles").delete().eq("id", text(form, "id", 40));
  if (error) return failure(error);
  redirect("/admin/roles");
}

interface Permission {
  module: string;
  tools: string[];
  denied_tools: string[];
}

/** What the editor sends: the role's permissions as they shall be, all of them. */
function readPermissions(json: string): Permission[] | undefined {
  const isNames = (value: unknown): value is string[] => Array.isArray(value) && value.every((name) => typeof name === "string" && /^(\*|[a-z][a-z0-9_]{0,59})$/.test(name));
  try {
    const entries: unknown = JSON.parse(json);
    if (!Array.isArray(entries)) return undefined;
    return entries.every((entry) => typeof entry?.module === "string" && isNames(entry.tools) && isNames(entry.denied_tools)) ? entries : undefined;
  } catch {
    return undefined;
  }
}

export async function savePermissions(_: Result | null, form: FormData): Promise<Result> {
  await requireAdmin();
  const wanted = readPermissions(String(form.get("permissions")));
  if (!wanted) return refuse("error.unexpected");
  const supabase = await database();
  const role_id = text(form, "id", 40);
  const held = rows(await supabase.from("role_permissions").select("module").eq("role_id", role_id)).map(({ module }) => module);
  // What is taken away first: if something fails after it, nobody has more than they should.
  const gone = held.filter((module) => !wanted.some((permission) => permission.module === module));
  if (gone.length > 0) {
    const { error } = await supabase.from("role_permissions").delete().eq("role_id", role_id).in("module", gone);
    if (error) return failure(error);
  }
  for (const { module, tools, denied_tools } of wanted) {
    const { error } = held.includes(module)
      ? await supabase.from("role_permissions").update({ tools, denied_tools }).eq("role_id", role_id).eq("module", module)
      : await supabase.from("role_permissions").insert({ role_id, module, tools, denied_tools });
    if (error) return failure(error);
  }
  return done("roles.saved");
}
