// Every environment variable that a function reads. The platform sets SUPABASE_…; docs/deploy.md says how to set the others.

function required(name: string): string {
  const value = Deno.env.get(name);
  if (!value) throw new Error(`${name} is not set: supabase secrets set ${name}=…`);
  return value;
}

/** The keys of one kind by their names; the platform gives them as JSON. */
const named = (name: string) => JSON.parse(Deno.env.get(name) || "{}") as Record<string, string>;

/** The secret key named `functions`, if there is one: it can be replaced without touching the others. Else the project's first. */
function serviceKey(): string {
  const keys = named("SUPABASE_SECRET_KEYS");
  if (Object.keys(keys).length === 0) return required("SUPABASE_SERVICE_ROLE_KEY");
  const key = keys.functions ?? keys.default;
  if (!key)
    throw new Error(
      `No secret key is named \`functions\` or \`default\`, but: ${Object.keys(keys).join(", ")}.`,
    );
  return key;
}

/**
 * The key that the MCP server alone holds. Without it any client could call these functions with its user's token, and would be
 * given the credentials of services. So it is required, and it is no key that anybody else has.
 */
function brokerKey(): string {
  const key = required("TOKEN_BROKER_KEY");
  const advice =
    "Make a publishable key for the MCP server alone, or 32 random bytes: openssl rand -hex 32.";
  const shared = [
    Deno.env.get("SUPABASE_ANON_KEY"),
    Deno.env.get("SUPABASE_SERVICE_ROLE_KEY"),
    named("SUPABASE_PUBLISHABLE_KEYS").default,
    ...Object.values(named("SUPABASE_SECRET_KEYS")),
  ];
  if (shared.includes(key))
    throw new Error(`TOKEN_BROKER_KEY is a key that others have, too. ${advice}`);
  if (!key.startsWith("sb_publishable_") && key.length < 32)
    throw new Error(`TOKEN_BROKER_KEY is shorter than 32 characters. ${advice}`);
  return key;
}

const withoutSlash = (url: string) => url.replace(/\/+$/, "");
const supabaseUrl = withoutSlash(required("SUPABASE_URL"));
const consoleUrl = withoutSlash(required("CONSOLE_URL"));

export const config = {
  supabaseUrl,
  serviceKey: serviceKey(),
  /** The admin UI: where people connect services, and the origin that may call `oauth-callback/start`. */
  consoleUrl,
  jwksUrl: Deno.env.get("JWKS_URL") ?? `${supabaseUrl}/auth/v1/.well-known/jwks.json`,
  issuer: Deno.env.get("JWT_ISSUER") ?? `${supabaseUrl}/auth/v1`,
  audience: Deno.env.get("JWT_AUDIENCE") ?? "authenticated",
  brokerKey: brokerKey(),
  /** Where providers send the browser back to; they have it registered. */
  redirectUrl: Deno.env.get("OAUTH_REDIRECT_URL") ?? `${supabaseUrl}/functions/v1/oauth-callback`,
  /** For tests: `https://host/path` of a provider becomes `<this>/host/path`. */
  providerProxy: Deno.env.get("PROVIDER_PROXY"),
  /** Grafana Cloud's push address, and the Authorization header for it. Without it the log goes to stdout alone. */
  lokiUrl: Deno.env.get("LOKI_URL"),
  lokiAuthorization: Deno.env.get("LOKI_AUTHORIZATION"),
};
