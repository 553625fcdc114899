"use server";

import { done, failure, refuse, text } from "@/lib/action";
import { database } from "@/lib/database";
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
  const name = text(form, "name", 100);
  if (!name) return refuse("settings.token_needs_name");
  const days = Number(form.get("days"));
  const expires = days > 0 ? new Date(Date.now() + days * 86_400_000).toISOString() : undefined;
  const { data, error } = await (await database()).rpc("create_api_token", {
    name,
    ...(expires && { expires_at: expires }),
  });
  return error ? failure(error) : done("settings.token_made", { secret: data.token });
}

export async function revokeApiToken(_: Result | null, form: FormData): Promise<Result> {
  await requireUser();
  const { error } = await (await database()).rpc("revoke_api_token", { id: text(form, "id", 40) });
  return error ? failure(error) : done("settings.token_revoked");
}

export async function revokeClient(_: Result | null, form: FormData): Promise<Result> {
  await requireUser();
  const { error } = await (await database()).auth.oauth.revokeGrant({
    clientId: text(form, "client", 100),
  });
  return error ? failure(error) : done("settings.client_revoked");
}
