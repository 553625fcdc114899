import "server-only";
import { database } from "./database";
import type { Confirmation } from "./database.types";
import { parseExact } from "./exact-json";

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Reads a call that waits for the user's decision, with exact numbers: the user confirms what is shown. The error is `PT404` for an
 * unknown, expired or another user's call, and `PT410` for a decided one.
 */
export async function readConfirmation(
  id: string,
): Promise<{ data: Confirmation; deed: unknown } | { error: string }> {
  if (!UUID.test(id)) return { error: "PT404" };
  const { data, error } = await (await database()).rpc("confirmation", { p_id: id });
  return error ? { error: error.code } : { data, deed: parseExact(data.deed) };
}
