"use server";

import { refuse, text } from "@/lib/action";
import { database } from "@/lib/database";
import { mayLeaveTo } from "@/lib/paths";
import type { Result } from "@/lib/result";
import { requireUser } from "@/lib/session";

/** Answers an MCP client's request. The browser returns to the client with a code or an error. */
export async function decideConsent(_: Result | null, form: FormData): Promise<Result> {
  await requireUser();
  const { oauth } = (await database()).auth;
  const id = text(form, "authorization_id", 200);
  const { data, error } =
    form.get("decision") === "allow"
      ? await oauth.approveAuthorization(id)
      : await oauth.denyAuthorization(id);
  if (error || !mayLeaveTo(data.redirect_url)) return refuse("consent.gone");
  return { ok: true, leaveTo: data.redirect_url };
}
