// Every environment variable that a function reads. The platform sets SUPABASE_…; docs/deploy.md says how to set the others.

function required(name: string): string {
  const value = Deno.env.get(name);
  if (!value) throw new Error(`${name} is not set: supabase secrets set ${name}=…`);
  return value;
}

function serviceKey(): string {
  const keys = Deno.env.get("SUPABASE_SECRET_KEYS");
  if (keys) return Object.values(JSON.parse(keys) as Record<string, string>)[0];
  return required("SUPABASE_SERVICE_ROLE_KEY");
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
  /** The key of the project that the MCP server alone holds. Set, it is the only one that these functions answer to. */
  brokerKey: Deno.env.get("TOKEN_BROKER_KEY"),
  /** Where providers send the browser back to; they have it registered. */
  redirectUrl: Deno.env.get("OAUTH_REDIRECT_URL") ?? `${supabaseUrl}/functions/v1/oauth-callback`,
  /** For tests: `https://host/path` of a provider becomes `<this>/host/path`. */
  providerProxy: Deno.env.get("PROVIDER_PROXY"),
  /** Grafana Cloud's push address, and the Authorization header for it. Without it the log goes to stdout alone. */
  lokiUrl: Deno.env.get("LOKI_URL"),
  lokiAuthorization: Deno.env.get("LOKI_AUTHORIZATION"),
};
