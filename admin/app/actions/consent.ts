"use server";

import { failure, refuse, text } from "@/lib/action";
import { database } from "@/lib/database";
import { readLimits } from "@/lib/limits";
import { declined, destinationOf } from "@/lib/paths";
import type { Result } from "@/lib/result";
import { requireUser } from "@/lib/session";

/** Answers an MCP client's request. The browser returns to the client with a code or an error. */
export async function decideConsent(_: Result | null, form: FormData): Promise<Result> {
  await requireUser();
  const supabase = await database();
  const id = text(form, "authorization_id", 200);
  const { data: request, error } = await supabase.rpc("oauth_authorization", {
    p_authorization_id: id,
  });
  if (error?.code === "PT404") return refuse("consent.gone");
  if (error) return failure(error);
  if (!destinationOf(request.redirect_uri)) return refuse("consent.unsafe");
  const { oauth } = supabase.auth;

  if (form.get("decision") !== "allow") {
    const leaveTo = declined(request.redirect_uri, request.state);
    // Auth approves a known client as soon as it is asked about the request, so it is not asked.
    if (request.known) return { ok: true, leaveTo };
    const read = await oauth.getAuthorizationDetails(id);
    if (read.error) return refuse("consent.gone");
    if ("redirect_url" in read.data) return { ok: true, leaveTo };
    const denied = await oauth.denyAuthorization(id);
    return denied.error ? refuse("consent.gone") : { ok: true, leaveTo: denied.data.redirect_url };
  }

  const limits = readLimits(form);
  if (!limits) return refuse("limits.none");
  const allowed = await supabase.rpc("allow_client", {
    p_authorization_id: id,
    p_read_only: limits.readOnly,
    p_modules: limits.modules,
    p_expires_at: limits.expiresAt,
  });
  if (allowed.error) return failure(allowed.error, { PT404: "consent.gone" });
  // Reading assigns the request to the user, and approves it if the client is known.
  const read = await oauth.getAuthorizationDetails(id);
  if (read.error) return refuse("consent.gone");
  if ("redirect_url" in read.data) return { ok: true, leaveTo: read.data.redirect_url };
  const approved = await oauth.approveAuthorization(id);
  return approved.error
    ? refuse("consent.gone")
    : { ok: true, leaveTo: approved.data.redirect_url };
}
