// Connects a service by OAuth.
//   POST oauth-callback/start  the console requests the provider's authorization URL
//   GET  oauth-callback        the provider redirects a browser here; the state identifies who started, not whose browser it is
// So the callback stores the credential under a handle, and the console finishes with the handle as the signed-in user.
import { requireConsole } from "../_shared/caller.ts";
import { config } from "../_shared/config.ts";
import { rpc } from "../_shared/database.ts";
import { Failure, invalidRequest } from "../_shared/failure.ts";
import { ACCOUNT, matching, NAME, read, UUID } from "../_shared/fields.ts";
import { type App, authorizeUrl, PROVIDERS } from "../_shared/providers.ts";
import { answer, type Call, serve } from "../_shared/serve.ts";
import { challenge, randomText, sha256 } from "../_shared/text.ts";
import { requestTokens } from "../_shared/token_request.ts";
import { identify } from "./identify.ts";

const SITE = matching(
  /^https:\/\/[a-z0-9-]{1,63}\.atlassian\.net$/,
  "the site's address, like https://acme.atlassian.net",
);

type Started =
  | {
      outcome: "user_disabled" | "not_permitted" | "admin_only" | "unknown_role" | "not_configured";
    }
  | ({ outcome: "ok" } & App);

async function start(call: Call): Promise<Response> {
  // Otherwise an MCP client could attach credentials to its user.
  const userId = await requireConsole(call);
  const body = read(
    await call.json(4096),
    { service: NAME },
    { account: ACCOUNT, site: SITE, shared_with_role: UUID },
  );
  const service = body.service as string;
  call.facts.module = service;
  const provider = Object.hasOwn(PROVIDERS, service) ? PROVIDERS[service] : undefined;
  if (!provider) throw invalidRequest(`${service} cannot be connected by OAuth.`);
  if (body.site !== undefined && provider.account.from !== "site")
    throw invalidRequest(`${service} has no sites.`);

  const [state, verifier] = [randomText(32), randomText(48)];
  const started = await rpc<Started>("start_oauth", {
    p_user: userId,
    p_service: service,
    p_role: body.shared_with_role ?? null,
    p_account: body.account ?? null,
    p_site: body.site ?? null,
    p_state_hash: sha256(state),
    p_verifier: verifier,
  });
  switch (started.outcome) {
    case "ok":
      return answer(200, {
        authorize_url: authorizeUrl(provider, started, state, challenge(verifier)),
      });
    case "user_disabled":
      throw new Failure(403, "user_disabled", "This account has no access or is disabled.");
    case "not_permitted":
      throw new Failure(403, "not_permitted", `None of your roles permits ${service}.`);
    case "admin_only":
      throw new Failure(403, "not_permitted", "Only admins can share credentials with a role.");
    case "unknown_role":
      throw invalidRequest("`shared_with_role` is not a known role.");
    case "not_configured":
      throw new Failure(
        409,
        "not_configured",
        `There is no registered OAuth app for ${service}. An admin can register one.`,
      );
  }
}

type Consumed =
  | {
      outcome: "unknown_state" | "replayed" | "expired" | "user_disabled" | "not_configured";
      service?: string;
    }
  | ({
      outcome: "ok";
      user_id: string;
      role_id: string | null;
      service: string;
      account: string | null;
      site: string | null;
      verifier: string;
      client_secret: string;
    } & App);

async function callback(call: Call): Promise<Response> {
  const query = new URL(call.request.url).searchParams;
  const [state, code, error] = [query.get("state"), query.get("code"), query.get("error")];
  if (!state || state.length > 200) return done(call, { reason: "unknown_state" });
  const begun = await rpc<Consumed>("consume_oauth_state", { p_state_hash: sha256(state) });
  call.facts.module = begun.service;
  if (begun.outcome !== "ok") return done(call, { service: begun.service, reason: begun.outcome });
  const { service, user_id } = begun;
  call.facts.user_id = user_id;
  if (error !== null)
    return done(call, { service, reason: error === "access_denied" ? "denied" : "provider_error" });
  if (!code || code.length > 4096) return done(call, { service, reason: "provider_error" });

  const provider = PROVIDERS[service];
  const outcome = await requestTokens(provider, begun, {
    grant_type: "authorization_code",
    code,
    redirect_uri: config.redirectUrl,
    code_verifier: begun.verifier,
  });
  if (outcome.kind !== "tokens") {
    call.log.write("error", "Code exchange failed", {
      ...call.facts,
      success: false,
      code: outcome.code,
    });
    return done(call, {
      service,
      reason: outcome.kind === "unavailable" ? "provider_unavailable" : "provider_error",
    });
  }
  const { tokens } = outcome;
  const identity = await identify(provider, tokens, begun.site);
  if ("reason" in identity) return done(call, { service, ...identity });
  const account = begun.account ?? identity.account;
  const handle = randomText(32);
  const isHeld = await rpc<boolean>("hold_oauth_token", {
    p_state_hash: sha256(state),
    p_handle_hash: sha256(handle),
    p_account: account,
    p_access: tokens.access,
    p_refresh: tokens.refresh,
    p_scopes: tokens.scopes,
    p_expires_at: tokens.expiresAt,
    p_metadata: identity.metadata,
  });
  // Revoked while the provider answered.
  if (!isHeld) return done(call, { service, reason: "unknown_state" });
  call.facts.account_id = account;
  return done(call, { service, handle });
}

/** The caller is a browser, so every failure redirects to the console with one of our reasons. */
async function callbackForPeople(call: Call): Promise<Response> {
  try {
    return await callback(call);
  } catch (error) {
    call.log.write("error", "Callback failed", {
      ...call.facts,
      code: error instanceof Failure ? error.code : "internal",
    });
    return done(call, { reason: "internal" });
  }
}

/** Redirects to the console with a handle for finishing the connection, or with a failure reason. */
function done(
  call: Call,
  facts: { service?: string; handle?: string; reason?: string; sites?: string[] },
): Response {
  const { sites, ...rest } = facts;
  const query = {
    ...(facts.reason !== undefined && { status: "failed" }),
    ...rest,
    ...(sites && { sites: sites.join(",") }),
  };
  const url = new URL(`${config.consoleUrl}/oauth/done`);
  for (const [name, value] of Object.entries(query))
    if (value !== undefined) url.searchParams.set(name, value);
  call.facts.code = facts.reason;
  return new Response(null, {
    status: 303,
    // This URL contains the code and the state, which the next page must not see.
    headers: { location: url.href, "cache-control": "no-store", "referrer-policy": "no-referrer" },
  });
}

serve("oauth-callback", [
  { method: "POST", path: "/start", browser: true, handle: start },
  { method: "GET", path: "", handle: callbackForPeople },
]);
