// Every environment variable that a function reads. The platform sets SUPABASE_…; docs/deploy.md explains the others.

function required(name: string): string {
  const value = Deno.env.get(name);
  if (!value) throw new Error(`${name} is not set: supabase secrets set ${name}=…`);
  return value;
}

/** Returns the keys of one kind by name; the platform provides them as JSON. */
const named = (name: string) => JSON.parse(Deno.env.get(name) || "{}") as Record<string, string>;

/** Returns the secret key named `functions` if it exists, because it can be replaced separately, or else `default`. */
function serviceKey(): string {
  const keys = named("SUPABASE_SECRET_KEYS");
  if (Object.keys(keys).length === 0) return required("SUPABASE_SERVICE_ROLE_KEY");
  const key = keys.functions ?? keys.default;
  if (!key)
    throw new Error(
      `There is no secret key named \`functions\` or \`default\`, only: ${Object.keys(keys).join(", ")}.`,
    );
  return key;
}

/**
 * The MCP server's own key. Without it, any client could call these functions with its user's token and get the credentials of
 * services. So it is required, and it must not be a key that others also have.
 */
function brokerKey(): string {
  const key = required("TOKEN_BROKER_KEY");
  const advice =
    "Create a publishable key that only the MCP server uses, or 32 random bytes: openssl rand -hex 32.";
  const shared = [
    Deno.env.get("SUPABASE_ANON_KEY"),
    Deno.env.get("SUPABASE_SERVICE_ROLE_KEY"),
    named("SUPABASE_PUBLISHABLE_KEYS").default,
    ...Object.values(named("SUPABASE_SECRET_KEYS")),
  ];
  if (shared.includes(key))
    throw new Error(`TOKEN_BROKER_KEY is a key that others also have. ${advice}`);
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
  /** The console's URL: where users connect services, and the only origin that may call `oauth-callback/start`. */
  consoleUrl,
  jwksUrl: Deno.env.get("JWKS_URL") ?? `${supabaseUrl}/auth/v1/.well-known/jwks.json`,
  issuer: Deno.env.get("JWT_ISSUER") ?? `${supabaseUrl}/auth/v1`,
  audience: Deno.env.get("JWT_AUDIENCE") ?? "authenticated",
  brokerKey: brokerKey(),
  /** Where providers redirect the browser; registered with them. */
  redirectUrl: Deno.env.get("OAUTH_REDIRECT_URL") ?? `${supabaseUrl}/functions/v1/oauth-callback`,
  /** For tests: `https://host/path` of a provider becomes `<this>/host/path`. */
  providerProxy: Deno.env.get("PROVIDER_PROXY"),
  /** Grafana Cloud's push URL and its Authorization header. Without it the log goes only to stdout. */
  lokiUrl: Deno.env.get("LOKI_URL"),
  lokiAuthorization: Deno.env.get("LOKI_AUTHORIZATION"),
};
