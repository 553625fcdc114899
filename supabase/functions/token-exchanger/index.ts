// Returns a credential for a service: POST token-exchanger {"service", "account"?, "rejected"?}.
// Tests a shared credential for an admin: POST token-exchanger/test {"id"}. That answer does not contain the credential.
import { authenticate, refusal, requireBroker, requireConsole } from "../_shared/caller.ts";
import { config } from "../_shared/config.ts";
import { rpc } from "../_shared/database.ts";
import { Failure } from "../_shared/failure.ts";
import { ACCOUNT, matching, NAME, read, UUID } from "../_shared/fields.ts";
import { type App, PROVIDERS } from "../_shared/providers.ts";
import { answer, type Call, serve } from "../_shared/serve.ts";
import { sha256 } from "../_shared/text.ts";
import { requestTokens } from "../_shared/token_request.ts";
import { probe } from "./probe.ts";

/** How long a call waits for another call's refresh. With a refresh of its own afterwards, it ends within 20 seconds. */
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

/** The answers of `begin_exchange` and `begin_test`; the migrations explain each outcome. */
type Step =
  | Failed
  | { outcome: "wait" }
  | ({ outcome: "use" | "probe"; access_token: string } & Credential)
  | Refresh;

type Failed =
  | {
      outcome:
        | "user_disabled"
        | "session_ended"
        | "not_permitted"
        | "forbidden"
        | "unknown"
        | "not_configured"
        | "backoff";
    }
  | { outcome: "not_connected" | "account_required"; accounts: string[] }
  | { outcome: "reconnect_required"; account: string };

type Refresh = {
  outcome: "refresh";
  lease: string;
  refresh_token: string;
  client_secret: string;
} & App &
  Credential;

async function handle(call: Call): Promise<Response> {
  requireBroker(call);
  const { userId, sessionId, tokenId } = await authenticate(call);
  const body = read(
    await call.json(4096),
    { service: NAME },
    {
      account: ACCOUNT,
      rejected: matching(
        /^[0-9a-f]{64}$/,
        "the SHA-256 of the refused token in lower-case hexadecimal",
      ),
    },
  );
  const service = body.service as string;
  call.facts.module = service;
  const parameters = {
    p_user: userId,
    p_service: service,
    p_account: body.account ?? null,
    p_rejected: body.rejected ?? null,
    p_session: sessionId,
    p_token: tokenId,
  };
  const lent = await borrow(call, () => rpc<Step>("begin_exchange", parameters));
  return answer(200, {
    access_token: lent.access_token,
    token_type: lent.token_type,
    expires_at: lent.expires_at === null ? null : new Date(lent.expires_at).toISOString(),
    account: lent.account,
    ...(lent.base_url !== null && { base_url: lent.base_url }),
    shared: lent.shared,
  });
}

async function test(call: Call): Promise<Response> {
  const userId = await requireConsole(call);
  const { id } = read(await call.json(1024), { id: UUID }, {});
  const begin = (rejected: string | null) => async () => {
    const step = await rpc<Step & { service?: string }>("begin_test", {
      p_user: userId,
      p_token: id,
      p_rejected: rejected,
    });
    call.facts.module = step.service;
    return step;
  };
  let lent = await borrow(call, begin(null));
  let { status } = await probe(call.facts.module, lent);
  if (status === 401) {
    // As in the MCP server: the credential may be renewed now, or marked as expired.
    lent = await borrow(call, begin(sha256(lent.access_token)));
    ({ status } = await probe(call.facts.module, lent));
  }
  return answer(200, { works: status === 200, status: status ?? null });
}

type Lent = Credential & { access_token: string };

/** Returns a valid credential, refreshed if necessary. */
async function borrow(call: Call, begin: () => Promise<Step>): Promise<Lent> {
  const deadline = Date.now() + PATIENCE_MS;
  while (true) {
    const step = await begin();
    if ("account" in step) call.facts.account_id = step.account;
    const service = call.facts.module ?? "";
    switch (step.outcome) {
      case "use":
        return step;
      case "probe":
        await endIfDead(service, step);
        return step;
      case "refresh": {
        const given = await refresh(call, service, step);
        if (given) return given;
        // The credential was replaced meanwhile; use the new one.
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

/**
 * A service refused this credential. The cause may be a missing scope for one call, so the service is probed before the credential
 * is marked as expired for everyone who uses it.
 */
async function endIfDead(service: string, lent: Lent): Promise<void> {
  const { asked, status } = await probe(service, lent);
  if (asked && status !== 401) return;
  const hasEnded = await rpc<boolean>("fail_probe", {
    p_token: lent.token_id,
    p_access_sha256: sha256(lent.access_token),
    p_looked: asked,
  });
  if (hasEnded) throw failure(service, { outcome: "reconnect_required", account: lent.account });
}

async function refresh(call: Call, service: string, step: Refresh): Promise<Lent | undefined> {
  const begun = performance.now();
  const provider = PROVIDERS[service];
  const outcome = provider
    ? await requestTokens(provider, step, {
        grant_type: "refresh_token",
        refresh_token: step.refresh_token,
      })
    : { kind: "refused" as const, code: "no_provider" };
  const facts = { ...call.facts, duration_ms: Math.round(performance.now() - begun) };
  if (outcome.kind !== "tokens") {
    call.log.write("error", "Token refresh failed", {
      ...facts,
      success: false,
      code: outcome.code,
    });
    const dead = outcome.kind === "dead";
    await rpc("fail_refresh", { p_token: step.token_id, p_lease: step.lease, p_dead: dead });
    if (dead) throw failure(service, { outcome: "reconnect_required", account: step.account });
    // Until it expires, a token still works while the provider does not answer.
    if (step.expires_at !== null && Date.parse(step.expires_at) > Date.now() + 5_000)
      return undefined;
    throw unavailable(service);
  }
  const { access, refresh: next, expiresAt } = outcome.tokens;
  const stored = await store({
    p_token: step.token_id,
    p_lease: step.lease,
    p_access: access,
    p_refresh: next,
    p_expires_at: expiresAt,
  });
  call.log.write("info", "Token refreshed", { ...facts, success: stored });
  return stored ? { ...step, access_token: access, expires_at: expiresAt } : undefined;
}

/** Stores the new tokens, with three attempts: the provider has already replaced the refresh token, so a failure would lose the connection. */
async function store(parameters: Record<string, unknown>): Promise<boolean> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await rpc<boolean>("finish_refresh", parameters);
    } catch (error) {
      if (attempt === 3) throw error;
      await new Promise((resolve) => setTimeout(resolve, attempt * 500));
    }
  }
}

function failure(service: string, step: Failed): Failure {
  const connect_url = `${config.consoleUrl}/oauth/connect?service=${service}`;
  switch (step.outcome) {
    case "user_disabled":
    case "session_ended":
      return refusal(step.outcome);
    case "not_permitted":
      return new Failure(403, "not_permitted", `None of the user's roles permits ${service}.`);
    case "forbidden":
      return new Failure(403, "forbidden", "Only admins can test shared credentials.");
    case "unknown":
      return new Failure(404, "not_found", "The shared credential does not exist.");
    case "not_connected":
      return new Failure(
        404,
        "not_connected",
        `The user has not connected this account of ${service}.`,
        {
          connect_url,
          accounts: step.accounts,
        },
      );
    case "account_required":
      return new Failure(409, "account_required", `${service} has several accounts: name one.`, {
        accounts: step.accounts,
      });
    case "reconnect_required":
      return new Failure(
        409,
        "reconnect_required",
        `The connection to ${service} has expired. Connect it again.`,
        {
          connect_url: `${connect_url}&account=${encodeURIComponent(step.account)}`,
          account: step.account,
        },
      );
    case "not_configured":
      return new Failure(
        502,
        "provider_unavailable",
        `The OAuth app for ${service} no longer exists. An admin can register one.`,
      );
    case "backoff":
      return unavailable(service);
  }
}

function unavailable(service: string): Failure {
  return new Failure(502, "provider_unavailable", `${service} does not renew the token now.`, {
    retry_after_s: 5,
  });
}

serve("token-exchanger", [
  { method: "POST", path: "", handle },
  { method: "POST", path: "/test", handle: test },
]);
