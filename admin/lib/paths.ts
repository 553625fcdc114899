/** Returns `next` if it is a path of this console, or else `/`. */
export function safePath(next: unknown): string {
  if (typeof next !== "string" || !/^\/(?![/\\])/.test(next) || /[\u0000-\u001f\\]/.test(next))
    return "/";
  const url = new URL(next, "http://console.invalid");
  // `/..//evil.example` normalizes to the address of another site.
  return url.host === "console.invalid" && !url.pathname.startsWith("//")
    ? url.pathname + url.search
    : "/";
}

/** HttpOnly, because browser scripts never talk to Supabase. */
export const cookieOptions = {
  httpOnly: true,
  sameSite: "lax",
  path: "/",
  secure: process.env.NODE_ENV === "production",
} as const;

/** Returns the path with a changed query; null removes a parameter. */
export function withQuery(
  path: string,
  query: Record<string, string | undefined>,
  changes: Record<string, string | null> = {},
): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries({ ...query, ...changes }))
    if (value) parameters.set(name, value);
  const text = parameters.toString();
  return text ? `${path}?${text}` : path;
}

/** A page's query, with the first value of each parameter. */
export type Query = Record<string, string | undefined>;
export async function readQuery(
  searchParams: Promise<Record<string, string | string[] | undefined>>,
): Promise<Query> {
  const entries = Object.entries(await searchParams);
  return Object.fromEntries(
    entries.map(([name, value]) => [name, Array.isArray(value) ? value[0] : value]),
  );
}

/** Whether a client's redirect address is safe for the browser: any app scheme, except those that execute or read data here. */
export function mayLeaveTo(address: string): boolean {
  return (
    URL.canParse(address) &&
    !["javascript:", "data:", "vbscript:", "blob:", "file:"].includes(new URL(address).protocol)
  );
}
