import { config } from "./config.ts";
import { Failure } from "./failure.ts";

/** Calls a database function as the service role. */
export async function rpc<T>(name: string, parameters: Record<string, unknown>): Promise<T> {
  const headers: Record<string, string> = {
    "content-type": "application/json",
    apikey: config.serviceKey,
  };
  // Keys of the older kind are JWTs and are also sent in Authorization; `sb_secret_…` keys must not be.
  if (!config.serviceKey.startsWith("sb_")) headers.authorization = `Bearer ${config.serviceKey}`;
  let response: Response;
  try {
    response = await fetch(`${config.supabaseUrl}/rest/v1/rpc/${name}`, {
      method: "POST",
      headers,
      body: JSON.stringify(parameters),
      signal: AbortSignal.timeout(10_000),
    });
  } catch {
    throw new Failure(503, "unavailable", "The database does not answer.");
  }
  const text = await response.text();
  if (!response.ok) {
    // The database's message can contain values; its code cannot.
    const code = /"code"\s*:\s*"(\w{1,10})"/.exec(text)?.[1] ?? response.status;
    throw new Failure(503, "unavailable", `The database call ${name} failed (${code}).`);
  }
  return (text === "" ? undefined : JSON.parse(text)) as T;
}
