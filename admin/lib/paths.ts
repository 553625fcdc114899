/** Where to go after signing in: a path of this console, whatever the address said. */
export function safePath(next: unknown): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what browsers drop
  if (typeof next !== "string" || !/^\/(?![/\\])/.test(next) || /[\u0000-\u001f\\]/.test(next))
    return "/";
  const url = new URL(next, "http://console.invalid");
  // `/..//evil.example` begins harmlessly and becomes the address of another site.
  return url.host === "console.invalid" && !url.pathname.startsWith("//")
    ? url.pathname + url.search
    : "/";
}

/** The browser's scripts have no use for the session: they never talk to Supabase. */
export const cookieOptions = {
  httpOnly: true,
  sameSite: "lax",
  path: "/",
  secure: process.env.NODE_ENV === "production",
} as const;

/** An address with some of its query changed; null takes a parameter away. */
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

/** What a page gets as its query: each parameter once. */
export type Query = Record<string, string | undefined>;
export async function readQuery(
  searchParams: Promise<Record<string, string | string[] | undefined>>,
): Promise<Query> {
  const entries = Object.entries(await searchParams);
  return Object.fromEntries(
    entries.map(([name, value]) => [name, Array.isArray(value) ? value[0] : value]),
  );
}

/** Whether a browser may be sent to a client's redirect address: any scheme of an app, but none that runs or reads something here. */
export function mayLeaveTo(address: string): boolean {
  return (
    URL.canParse(address) &&
    !["javascript:", "data:", "vbscript:", "blob:", "file:"].includes(new URL(address).protocol)
  );
}
