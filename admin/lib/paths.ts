/** Returns `next` if it is a path of this console, or else `/`. */
export function safePath(next: unknown): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what browsers drop
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

/** Schemes that run code, read data or start system tools when a browser opens them. */
const UNSAFE_SCHEMES = new Set([
  ...["about:", "blob:", "data:", "file:", "filesystem:", "javascript:", "vbscript:"],
  ...["ftp:", "http:", "ws:", "wss:", "chrome:", "view-source:", "intent:", "content:"],
  ...["mailto:", "sms:", "ssh:", "tel:", "telnet:", "shell:", "search-ms:", "ms-msdt:"],
  ...["ms-officecmd:", "ms-settings:", "x-apple.systempreferences:"],
]);

/** Where a client's redirect address leads. */
export type Destination =
  /** A website, over https. */
  | "website"
  /** A program on the user's own computer (RFC 8252, section 7.3). */
  | "loopback"
  /** The app that is registered for the scheme, whatever host the address shows (RFC 8252, section 7.1). */
  | "app";

/** Returns where an address leads, or `undefined` if the browser must not be sent there. */
export function destinationOf(address: string): Destination | undefined {
  if (!URL.canParse(address)) return undefined;
  const { protocol, hostname, username, password } = new URL(address);
  if (protocol === "https:") return username || password ? undefined : "website";
  if (protocol === "http:" && /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(hostname))
    return username || password ? undefined : "loopback";
  return UNSAFE_SCHEMES.has(protocol) ? undefined : "app";
}

/** The answer that a client gets when its user declines (RFC 6749, section 4.1.2.1). */
export function declined(redirectUri: string, state: string | null): string {
  const url = new URL(redirectUri);
  url.searchParams.set("error", "access_denied");
  url.searchParams.set("error_description", "The user declined the request.");
  if (state !== null) url.searchParams.set("state", state);
  return url.href;
}
