import { config } from "./config.ts";
import { Failure } from "./failure.ts";

/** Calls a function of the database as the service role. */
export async function rpc<T>(name: string, parameters: Record<string, unknown>): Promise<T> {
  const headers: Record<string, string> = {
    "content-type": "application/json",
    apikey: config.serviceKey,
  };
  // Keys of the older kind are JWTs and say their role in Authorization; `sb_secret_…` must not stand there.
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
    // The database's own words may hold values; its code does not.
    const code = /"code"\s*:\s*"(\w{1,10})"/.exec(text)?.[1] ?? response.status;
    throw new Failure(503, "unavailable", `The database refused ${name} (${code}).`);
  }
  return (text === "" ? undefined : JSON.parse(text)) as T;
}
