import { address, PROVIDERS } from "../_shared/providers.ts";
import { base64 } from "../_shared/text.ts";
import { readStatus } from "../_shared/token_request.ts";

/** A cheap read of each service that tests a credential, within the scopes that its tools need. */
const PROBES: Readonly<Record<string, string>> = {
  github: "https://api.github.com/user",
  notion: "https://api.notion.com/v1/users/me",
  jira: "/rest/api/3/myself",
  confluence: "/wiki/api/v2/spaces?limit=1",
  supabase: "https://api.supabase.com/v1/organizations",
  google_calendar: "https://www.googleapis.com/calendar/v3/users/me/calendarList?maxResults=1",
  microsoft_todo: "https://graph.microsoft.com/v1.0/me/todo/lists?$top=1",
};

/**
 * Returns a service's response to a credential. `asked` is false if there is no probe for the service; without a status it did not
 * answer.
 */
export async function probe(
  service: string | undefined,
  {
    access_token,
    token_type,
    base_url,
  }: { access_token: string; token_type: "bearer" | "basic"; base_url: string | null },
): Promise<{ asked: boolean; status?: number }> {
  if (service === undefined || !Object.hasOwn(PROBES, service)) return { asked: false };
  const target = PROBES[service];
  const authorization =
    token_type === "basic" ? `Basic ${base64(access_token)}` : `Bearer ${access_token}`;
  // An address in the database is always an Atlassian site: connect_with_token and identify accept no other.
  const url = target.startsWith("/") ? `${base_url}${target}` : target;
  const status = await readStatus(address(url), { authorization, ...PROVIDERS[service].headers });
  return { asked: true, status };
}
