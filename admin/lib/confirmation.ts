import "server-only";
import { database } from "./database";
import type { Confirmation } from "./database.types";
import { publishableKey, supabaseUrl } from "./environment";
import { parseExact } from "./exact-json";

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Reads a call that waits for the user's decision, or why it cannot be read: `PT404` for an unknown, expired or another user's one,
 * `PT410` for a decided one. Not with the client library, which would round large numbers: the user confirms what is shown.
 */
export async function readConfirmation(
  id: string,
): Promise<{ data: Confirmation } | { error: string }> {
  if (!UUID.test(id)) return { error: "PT404" };
  const { data } = await (await database()).auth.getSession();
  const response = await fetch(`${supabaseUrl()}/rest/v1/rpc/confirmation`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      apikey: publishableKey(),
      authorization: `Bearer ${data.session?.access_token}`,
    },
    body: JSON.stringify({ p_id: id }),
    cache: "no-store",
    signal: AbortSignal.timeout(10_000),
  });
  const body = parseExact(await response.text());
  return response.ok
    ? { data: body as Confirmation }
    : { error: String((body as { code?: string }).code) };
}
