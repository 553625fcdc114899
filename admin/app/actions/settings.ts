"use server";

import { done, failure, refuse, text } from "@/lib/action";
import { database, rows } from "@/lib/database";
import { readLimits } from "@/lib/limits";
import type { Result } from "@/lib/result";
import { requireUser } from "@/lib/session";

export async function saveProfile(_: Result | null, form: FormData): Promise<Result> {
  const { id } = await requireUser();
  const { error } = await (await database())
    .from("users")
    .update({ display_name: text(form, "display_name", 100) || null })
    .eq("id", id);
  return error ? failure(error) : done("ui.saved");
}

/** Creates a token and shows it once. The database limits the number of tokens. */
export async function createApiToken(_: Result | null, form: FormData): Promise<Result> {
  await requireUser();
  const name = text(form, "name", 60);
  if (!name) return refuse("settings.token_needs_name");
  const limits = readLimits(form);
  if (!limits) return refuse("limits.none");
  const { data, error } = await (await database()).rpc("create_api_token", {
    name,
    ...(limits.expiresAt && { expires_at: limits.expiresAt }),
    read_only: limits.readOnly,
    modules: limits.modules,
  });
  return error
    ? failure(error, { PT409: "error.too_many_tokens", PT429: "error.too_fast" })
    : done("settings.token_made", { secret: data.token });
}

export async function revokeApiToken(_: Result | null, form: FormData): Promise<Result> {
  await requireUser();
  const { error } = await (await database()).rpc("revoke_api_token", { id: text(form, "id", 40) });
  return error ? failure(error) : done("settings.token_revoked");
}

/** Changes what a client can use. Without a new end, it keeps the current one. */
export async function limitClient(_: Result | null, form: FormData): Promise<Result> {
  await requireUser();
  const supabase = await database();
  const id = text(form, "client", 40);
  const limits = readLimits(form);
  if (!limits) return refuse("limits.none");
  const client = rows(await supabase.rpc("my_clients")).find(({ client_id }) => client_id === id);
  if (!client) return refuse("error.gone");
  const { error } = await supabase.rpc("limit_client", {
    p_client: id,
    p_read_only: limits.readOnly,
    p_modules: limits.modules,
    p_expires_at: limits.expiresAt ?? client.expires_at,
  });
  return error ? failure(error) : done("ui.saved");
}

export async function revokeClient(_: Result | null, form: FormData): Promise<Result> {
  await requireUser();
  const { error } = await (await database()).rpc("revoke_client", {
    p_client: text(form, "client", 40),
  });
  return error ? failure(error) : done("settings.client_revoked");
}
