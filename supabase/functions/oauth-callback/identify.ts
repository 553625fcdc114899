import { Buffer } from "node:buffer";
import { address, type Provider } from "../_shared/providers.ts";
import { isRecord } from "../_shared/text.ts";
import { readApi, type Tokens } from "../_shared/token_request.ts";

/** The name of a new credential, and the metadata for using it. */
export type Identity =
  | { account: string; metadata: Record<string, string> }
  | { reason: "no_site" | "site_required" | "provider_unavailable"; sites?: string[] };

const NAMELESS = "default";

/** Returns the name of the connected account; `default` if the provider does not name it. */
export async function identify(
  provider: Provider,
  tokens: Tokens,
  site: string | null,
): Promise<Identity> {
  const source = provider.account;
  switch (source.from) {
    case "answer":
      return { account: name(tokens.answer[source.field]), metadata: {} };
    case "id_token": {
      const claims = idToken(tokens.answer.id_token);
      return {
        account: name(
          source.fields.map((field) => claims[field]).find((value) => typeof value === "string"),
        ),
        metadata: {},
      };
    }
    case "api": {
      let value = await readApi(source.url, tokens.access);
      for (const key of source.path)
        value =
          isRecord(value) || Array.isArray(value)
            ? (value as Record<string, unknown>)[key]
            : undefined;
      return { account: name(value), metadata: {} };
    }
    case "site":
      return await atlassianSite(source.product, tokens.access, site);
  }
}

function name(value: unknown): string {
  return typeof value === "string"
    ? value.replace(/\p{C}/gu, "").trim().slice(0, 100) || NAMELESS
    : NAMELESS;
}

/** The claims of an ID token. Received over TLS from the token endpoint, so its signature need not be checked (OpenID Connect Core, 3.1.3.7). */
function idToken(token: unknown): Record<string, unknown> {
  try {
    const claims: unknown = JSON.parse(
      Buffer.from(String(token).split(".")[1], "base64url").toString("utf8"),
    );
    return isRecord(claims) ? claims : {};
  } catch {
    return {};
  }
}

/**
 * Returns the site for an Atlassian token. Atlassian lists every site on which the user has allowed this app; `wanted` selects one
 * of several.
 */
async function atlassianSite(
  product: "jira" | "confluence",
  accessToken: string,
  wanted: string | null,
): Promise<Identity> {
  const listed = await readApi(
    "https://api.atlassian.com/oauth/token/accessible-resources",
    accessToken,
  );
  if (!Array.isArray(listed)) return { reason: "provider_unavailable" };
  const sites = listed.flatMap((entry: unknown) => {
    if (!isRecord(entry) || !Array.isArray(entry.scopes)) return [];
    const host = /^https:\/\/([a-z0-9-]{1,63})\.atlassian\.net$/.exec(String(entry.url))?.[1];
    const known = host !== undefined && /^[0-9a-f-]{36}$/.test(String(entry.id));
    const offers = entry.scopes.some((scope) => String(scope).includes(product));
    return known && offers ? [{ id: String(entry.id), host, url: String(entry.url) }] : [];
  });
  const fitting = wanted === null ? sites : sites.filter((site) => site.url === wanted);
  if (fitting.length === 0) return { reason: "no_site" };
  if (fitting.length > 1)
    return { reason: "site_required", sites: fitting.slice(0, 20).map((site) => site.url) };
  const [{ id, host, url }] = fitting;
  // Tokens of OAuth apps work only through Atlassian's gateway, not at the site's own address.
  return {
    account: host,
    metadata: {
      base_url: address(`https://api.atlassian.com/ex/${product}/${id}`),
      cloud_id: id,
      site: url,
    },
  };
}
