"use server";

import { RedirectType, redirect } from "next/navigation";
import { done, failure, refuse, text } from "@/lib/action";
import { database, rows } from "@/lib/database";
import { publishableKey, supabaseUrl } from "@/lib/environment";
import { i18n } from "@/lib/i18n";
import { callTool, probeOf } from "@/lib/mcp";
import { withQuery } from "@/lib/paths";
import type { Result } from "@/lib/result";
import { origin, requireUser } from "@/lib/session";

/** Gets the provider's authorization URL from the control plane and sends the browser there. */
export async function connect(_: Result | null, form: FormData): Promise<Result> {
  await requireUser();
  const { data } = await (await database()).auth.getSession();
  const optional = ["account", "site", "shared_with_role"].flatMap((name) => {
    const value = text(form, name, 200);
    return value ? [[name, value]] : [];
  });
  const response = await fetch(`${supabaseUrl()}/functions/v1/oauth-callback/start`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      apikey: publishableKey(),
      authorization: `Bearer ${data.session?.access_token}`,
      origin: await origin(),
    },
    body: JSON.stringify({ service: text(form, "service", 40), ...Object.fromEntries(optional) }),
    signal: AbortSignal.timeout(15_000),
  }).catch(() => undefined);
  const answer = (await response?.json().catch(() => undefined)) as
    | { authorize_url?: string; error?: { code: string; message: string } }
    | undefined;
  if (answer?.authorize_url) return { ok: true, leaveTo: answer.authorize_url };
  switch (answer?.error?.code) {
    case "not_permitted":
      return refuse("error.not_permitted");
    case "not_configured":
      return refuse("done.not_configured");
    case "user_disabled":
      return refuse("login.disabled");
    case "invalid_request":
      return refuse("error.invalid", { detail: answer.error.message });
    default:
      return refuse("error.unexpected");
  }
}

/**
 * Finishes a connection that came back from the provider, as the signed-in user. The database gives it only to the user who
 * started it, so no confirmation is needed and a page may submit this form by itself.
 */
export async function finishConnection(_: Result | null, form: FormData): Promise<Result> {
  await requireUser();
  const { data, error } = await (await database()).rpc("finish_oauth", {
    handle: text(form, "handle", 100),
  });
  if (error) return failure(error);
  const { outcome, service, account } = data;
  const end =
    outcome === "ok"
      ? { status: "connected", service, account }
      : { status: "failed", service, reason: outcome };
  // Replaces the page with the handle, so that going back does not show a used handle.
  redirect(withQuery("/oauth/done", end), RedirectType.replace);
}

/** Stores a token that the user created at the service. Admins can share it with a role. */
export async function connectWithToken(_: Result | null, form: FormData): Promise<Result> {
  await requireUser();
  const [email, site, role] = [
    text(form, "email", 320),
    text(form, "base_url", 300),
    text(form, "shared_with_role", 40),
  ];
  const token = String(form.get("token") ?? "").trim();
  const { error } = await (await database()).rpc("connect_with_token", {
    service: text(form, "service", 40),
    token: email ? `${email}:${token}` : token,
    account: text(form, "account", 100) || "default",
    token_type: email ? "basic" : "bearer",
    ...(site && { base_url: site.replace(/\/$/, "") }),
    ...(role && { shared_with_role: role }),
  });
  return error
    ? failure(error, {
        PT409: "error.too_many_accounts",
        PT429: "error.too_many_connections",
      })
    : done("connections.connected");
}

export async function disconnect(_: Result | null, form: FormData): Promise<Result> {
  await requireUser();
  const { data, error } = await (await database())
    .from("oauth_tokens")
    .delete()
    .eq("id", text(form, "id", 40))
    .select("id");
  if (error) return failure(error);
  return data.length === 1 ? done("connections.disconnected") : refuse("error.gone");
}

/** Requests access to a module or one of its tools. */
export async function askForAccess(_: Result | null, form: FormData): Promise<Result> {
  await requireUser();
  const tool = text(form, "tool", 60);
  const { error } = await (await database()).from("access_requests").insert({
    module: text(form, "module", 40),
    ...(tool && { tool }),
    message: text(form, "message", 1000),
  });
  if (error?.code === "23505") return refuse("tools.asked_before");
  return error ? failure(error) : done("tools.asked");
}

export async function withdrawRequest(_: Result | null, form: FormData): Promise<Result> {
  await requireUser();
  const { error } = await (await database())
    .from("access_requests")
    .delete()
    .eq("id", text(form, "id", 40));
  return error ? failure(error) : done();
}

/** Calls a small read tool through the MCP server as the signed-in user, on the same path as a client's call. */
export async function testConnection(_: Result | null, form: FormData): Promise<Result> {
  const { id, serverUrl } = await requireUser();
  if (!serverUrl) return refuse("clients.no_address");
  const supabase = await database();
  const [module, account] = [text(form, "service", 40), text(form, "account", 100)];
  const permitted = rows(await supabase.rpc("effective_tools", { p_user: id }))
    .filter((tool) => tool.module === module)
    .map(({ tool }) => tool);
  const tool = probeOf(permitted);
  if (!tool) return refuse("test.no_tool");
  const token = (await supabase.auth.getSession()).data.session?.access_token;
  const said = await callTool(serverUrl, token ?? "", {
    module,
    tool,
    ...(account && { account }),
  }).catch((error: Error) => ({ failed: true, text: error.message }));
  if (said.failed) return refuse("test.failed", { said: said.text.slice(0, 300) });
  return { ok: true, message: (await i18n()).t("test.works", { tool: `${module}/${tool}` }) };
}
