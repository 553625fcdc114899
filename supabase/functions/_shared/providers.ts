import { config } from "./config.ts";

/** A service's OAuth endpoints and its differences from the standard. */
export interface Provider {
  /** The authorization page; `{tenant}` is Microsoft's. */
  authorizeUrl: string;
  tokenUrl: string;
  /** Where a token request contains the client's id and secret (RFC 6749, section 2.3.1). */
  client: "basic" | "body";
  format: "form" | "json";
  /** The requested scopes if the app has none. */
  scopes: string[];
  /** Additional parameters of the authorization request. */
  parameters?: Record<string, string>;
  headers?: Record<string, string>;
  /** The source of the account's name. */
  account:
    | { from: "answer"; field: string }
    | { from: "id_token"; fields: string[] }
    | { from: "api"; url: string; path: string[] }
    | { from: "site"; product: "jira" | "confluence" };
}

const ATLASSIAN = {
  authorizeUrl: "https://auth.atlassian.com/authorize",
  tokenUrl: "https://auth.atlassian.com/oauth/token",
  client: "body",
  format: "json",
  parameters: { audience: "api.atlassian.com", prompt: "consent" },
} as const;

/**
 * The services that can be connected by OAuth. Refresh tokens are used if the provider issues them: Atlassian, Microsoft,
 * Supabase and Notion rotate them, Google keeps them; tokens of GitHub OAuth apps have none and do not expire.
 */
export const PROVIDERS: Readonly<Record<string, Provider>> = {
  // https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps
  // Without `delete_repo`: an admin can add it to the app's scopes to allow deleting repositories.
  github: {
    authorizeUrl: "https://github.com/login/oauth/authorize",
    tokenUrl: "https://github.com/login/oauth/access_token",
    client: "body",
    format: "form",
    scopes: ["repo", "workflow", "read:org", "gist", "notifications", "project", "read:user"],
    account: { from: "api", url: "https://api.github.com/user", path: ["login"] },
  },
  // https://developers.notion.com/docs/authorization
  notion: {
    authorizeUrl: "https://api.notion.com/v1/oauth/authorize",
    tokenUrl: "https://api.notion.com/v1/oauth/token",
    client: "basic",
    format: "json",
    scopes: [],
    parameters: { owner: "user" },
    headers: { "notion-version": "2026-03-11" },
    account: { from: "answer", field: "workspace_name" },
  },
  // https://developer.atlassian.com/cloud/jira/platform/oauth-2-3lo-apps/
  jira: {
    ...ATLASSIAN,
    scopes: [
      ...[
        "offline_access",
        "read:jira-user",
        "read:jira-work",
        "write:jira-work",
        "manage:jira-project",
        "manage:jira-configuration",
      ],
      ...[
        "read:board-scope:jira-software",
        "write:board-scope:jira-software",
        "read:board-scope.admin:jira-software",
      ],
      ...["read:sprint:jira-software", "write:sprint:jira-software", "delete:sprint:jira-software"],
      ...["read:epic:jira-software", "write:epic:jira-software", "write:issue:jira-software"],
      ...["read:project:jira", "read:issue-details:jira", "read:jql:jira"],
      ...["read:servicedesk-request", "write:servicedesk-request", "manage:servicedesk-customer"],
    ],
    account: { from: "site", product: "jira" },
  },
  confluence: {
    ...ATLASSIAN,
    scopes: [
      ...["offline_access", "search:confluence", "read:user:confluence", "read:group:confluence"],
      ...["read:page:confluence", "write:page:confluence", "delete:page:confluence"],
      ...[
        "read:content.metadata:confluence",
        "read:content-details:confluence",
        "read:hierarchical-content:confluence",
      ],
      ...[
        "write:content:confluence",
        "delete:content:confluence",
        "write:content.restriction:confluence",
      ],
      ...["read:comment:confluence", "write:comment:confluence", "delete:comment:confluence"],
      ...[
        "read:attachment:confluence",
        "write:attachment:confluence",
        "delete:attachment:confluence",
      ],
      ...[
        "read:label:confluence",
        "write:label:confluence",
        "read:folder:confluence",
        "write:folder:confluence",
      ],
      ...[
        "read:task:confluence",
        "write:task:confluence",
        "read:template:confluence",
        "write:watcher:confluence",
      ],
      ...[
        "read:space:confluence",
        "write:space:confluence",
        "write:space.permission:confluence",
        "read:space-details:confluence",
        "read:analytics.content:confluence",
      ],
    ],
    account: { from: "site", product: "confluence" },
  },
  // https://supabase.com/docs/guides/integrations/build-a-supabase-oauth-integration
  supabase: {
    authorizeUrl: "https://api.supabase.com/v1/oauth/authorize",
    tokenUrl: "https://api.supabase.com/v1/oauth/token",
    client: "basic",
    format: "form",
    // An app's permissions are set at its registration.
    scopes: [],
    account: { from: "api", url: "https://api.supabase.com/v1/organizations", path: ["0", "name"] },
  },
  // https://developers.google.com/identity/protocols/oauth2/web-server: these two are required for a refresh token.
  google_calendar: {
    authorizeUrl: "https://accounts.google.com/o/oauth2/v2/auth",
    tokenUrl: "https://oauth2.googleapis.com/token",
    client: "body",
    format: "form",
    scopes: ["openid", "email", "https://www.googleapis.com/auth/calendar"],
    parameters: { access_type: "offline", prompt: "consent" },
    account: { from: "id_token", fields: ["email"] },
  },
  // https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-auth-code-flow: personal accounts need the full name
  // of a scope.
  microsoft_todo: {
    authorizeUrl: "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/authorize",
    tokenUrl: "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token",
    client: "body",
    format: "form",
    scopes: [
      "openid",
      "profile",
      "email",
      "offline_access",
      "https://graph.microsoft.com/Tasks.ReadWrite",
    ],
    account: { from: "id_token", fields: ["email", "preferred_username"] },
  },
};

/** A registered OAuth app, as stored in the database. */
export interface App {
  client_id: string;
  scopes: string[];
  tenant: string | null;
}

/** Returns the actual address for a request to a provider. */
export function address(url: string, tenant: string | null = null): string {
  const real = url.replace("{tenant}", encodeURIComponent(tenant ?? "consumers"));
  return config.providerProxy === undefined
    ? real
    : real.replace(/^https:\//, config.providerProxy);
}

/** Returns the URL where the user gives consent. PKCE: RFC 7636. */
export function authorizeUrl(
  provider: Provider,
  app: App,
  state: string,
  challenge: string,
): string {
  const url = new URL(address(provider.authorizeUrl, app.tenant));
  const scopes = app.scopes.length > 0 ? app.scopes : provider.scopes;
  const parameters = {
    response_type: "code",
    client_id: app.client_id,
    redirect_uri: config.redirectUrl,
    ...(scopes.length > 0 && { scope: scopes.join(" ") }),
    state,
    code_challenge: challenge,
    code_challenge_method: "S256",
    ...provider.parameters,
  };
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return url.href;
}
