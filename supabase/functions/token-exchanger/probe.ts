import { address, PROVIDERS } from "../_shared/providers.ts";
import { base64 } from "../_shared/text.ts";
import { readStatus } from "../_shared/token_request.ts";

/** What to read of each service to know that a credential works: cheap, and within the scopes that its tools need. */
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
 * What a service answers a credential with. `asked` is false where nothing is known to ask it; without a status it did not answer.
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
  // Where there is an address in the database, it is a site of Atlassian: connect_with_token and identify let in no other.
  const url = target.startsWith("/") ? `${base_url}${target}` : target;
  const status = await readStatus(address(url), { authorization, ...PROVIDERS[service].headers });
  return { asked: true, status };
}
