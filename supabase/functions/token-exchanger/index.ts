// A credential for a service: POST token-exchanger {"service", "account"?, "rejected"?}.
import { authenticate, requireBroker } from "../_shared/caller.ts";
import { config } from "../_shared/config.ts";
import { rpc } from "../_shared/database.ts";
import { Failure } from "../_shared/failure.ts";
import { ACCOUNT, matching, NAME, read } from "../_shared/fields.ts";
import { type App, PROVIDERS } from "../_shared/providers.ts";
import { answer, type Call, serve } from "../_shared/serve.ts";
import { requestTokens } from "../_shared/token_request.ts";

/** How long a call waits for a refresh that another one makes. With one of its own after that, it ends within 20 seconds. */
const PATIENCE_MS = 10_000;
const LOOK_AGAIN_MS = 200;

interface Credential {
  token_id: string;
  account: string;
  token_type: "bearer" | "basic";
  expires_at: string | null;
  base_url: string | null;
  shared: boolean;
}

/** What `begin_exchange` answers; the migration says what each outcome means. */
type Step = Failed | { outcome: "wait" } | ({ outcome: "use"; access_token: string } & Credential) | Refresh;

type Failed =
  | { outcome: "user_disabled" | "not_permitted" | "not_configured" | "backoff" }
  | { outcome: "not_connected" | "account_required"; accounts: string[] }
  | { outcome: "reconnect_required"; account: string };

type Refresh = { outcome: "refresh"; lease: string; refresh_token: string; client_secret: string } & App & Credential;

async function handle(call: Call): Promise<Response> {
  requireBroker(call);
  const { userId } = await authenticate(call);
  const body = read(await call.json(4096), { service: NAME }, {
    account: ACCOUNT,
    rejected: matching(/^[0-9a-f]{64}$/, "the SHA-256 of the refused token in lower-case hexadecimal"),
  });
  const service = body.service as string;
  call.facts.module = service;
  const parameters = { p_user: userId, p_service: service, p_account: body.account ?? null, p_rejected: body.rejected ?? null };
  const deadline = Date.now() + PATIENCE_MS;
  while (true) {
    const step = await rpc<Step>("begin_exchange", parameters);
    if ("account" in step) call.facts.account_id = step.account;
    switch (step.outcome) {
      case "use":
        return give(step.access_token, step.expires_at, step);
      case "refresh": {
        const given = await refresh(call, service, step);
        if (given) return given;
        // The credential was replaced meanwhile: the new one serves.
        break;
      }
      case "wait":
        if (Date.now() > deadline) throw unavailable(service);
        await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
        break;
      default:
        throw failure(service, step);
    }
  }
}

async function refresh(call: Call, service: string, step: Refresh): Promise<Response | undefined> {
  const begun = performance.now();
  const provider = PROVIDERS[service];
  const outcome = provider
    ? await requestTokens(provider, step, { grant_type: "refresh_token", refresh_token: step.refresh_token })
    : { kind: "refused" as const, code: "no_provider" };
  const facts = { ...call.facts, duration_ms: Math.round(performance.now() - begun) };
  if (outcome.kind !== "tokens") {
    call.log.write("error", "Token refresh failed", { ...facts, success: false, code: outcome.code });
    const dead = outcome.kind === "dead";
    await rpc("fail_refresh", { p_token: step.token_id, p_lease: step.lease, p_dead: dead });
    if (dead) throw failure(service, { outcome: "reconnect_required", account: step.account });
    // Before its end a token still serves while the provider does not.
    if (step.expires_at !== null && Date.parse(step.expires_at) > Date.now() + 5_000) return undefined;
    throw unavailable(service);
  }
  const { access, refresh: next, expiresAt } = outcome.tokens;
  const stored = await store({ p_token: step.token_id, p_lease: step.lease, p_access: access, p_refresh: next, p_expires_at: expiresAt });
  call.log.write("info", "Token refreshed", { ...facts, success: stored });
  return stored ? give(access, expiresAt, step) : undefined;
}

/** The provider has replaced the refresh token by now: if this is not stored, the connection is lost. So it is tried thrice. */
async function store(parameters: Record<string, unknown>): Promise<boolean> {
  for (let attempt = 1;; attempt++) {
    try {
      return await rpc<boolean>("finish_refresh", parameters);
    } catch (error) {
      if (attempt === 3) throw error;
      await new Promise((resolve) => setTimeout(resolve, attempt * 500));
    }
  }
}

function give(accessToken: string, expiresAt: string | null, { token_type, account, base_url, shared }: Credential): Response {
  return answer(200, {
    access_token: accessToken,
    token_type,
    expires_at: expiresAt === null ? null : new Date(expiresAt).toISOString(),
    account,
    ...(base_url !== null && { base_url }),
    shared,
  });
}

function failure(service: string, step: Failed): Failure {
  const connect_url = `${config.consoleUrl}/oauth/connect?service=${service}`;
  switch (step.outcome) {
    case "user_disabled":
      return new Failure(403, "user_disabled", "This account has no access, or is disabled.");
    case "not_permitted":
      return new Failure(403, "not_permitted", `None of the user's roles permits ${service}.`);
    case "not_connected":
      return new Failure(404, "not_connected", `The user has not connected ${service}, or not this account.`, {
        connect_url,
        accounts: step.accounts,
      });
    case "account_required":
      return new Failure(409, "account_required", `${service} has several accounts: name one.`, { accounts: step.accounts });
    case "reconnect_required":
      return new Failure(409, "reconnect_required", `The connection of ${service} is over: connect it again.`, {
        connect_url: `${connect_url}&account=${encodeURIComponent(step.account)}`,
        account: step.account,
      });
    case "not_configured":
      return new Failure(502, "provider_unavailable", `There is no OAuth app for ${service} any more: an admin registers one.`);
    case "backoff":
      return unavailable(service);
  }
}

function unavailable(service: string): Failure {
  return new Failure(502, "provider_unavailable", `${service} does not renew the token now.`, { retry_after_s: 5 });
}

serve("token-exchanger", [{ method: "POST", path: "", handle }]);
