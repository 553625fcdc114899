import { createServerClient } from "@supabase/ssr";
import { type NextRequest, NextResponse } from "next/server";
import { publishableKey, supabaseUrl } from "@/lib/environment";
import { cookieOptions } from "@/lib/paths";

const PUBLIC = /^\/(login|auth\/callback|oauth\/done)$/;

/** Runs before every page and Route Handler: refreshes the session, refuses access, and sets the content security policy. */
export async function proxy(request: NextRequest): Promise<NextResponse> {
  if (!["GET", "HEAD"].includes(request.method) && !isOurs(request))
    return new NextResponse("This request comes from another site.", { status: 403 });

  const policy = contentSecurityPolicy(btoa(crypto.randomUUID()));
  const headers = new Headers(request.headers);
  headers.set("content-security-policy", policy);
  let response = NextResponse.next({ request: { headers } });
  let refreshed: { name: string; value: string; options: object }[] = [];
  const supabase = createServerClient(supabaseUrl(), publishableKey(), {
    cookieOptions,
    cookies: {
      getAll: () => request.cookies.getAll(),
      setAll: (changes) => {
        refreshed = changes;
        for (const { name, value } of changes) request.cookies.set(name, value);
        headers.set("cookie", request.cookies.toString());
        response = NextResponse.next({ request: { headers } });
      },
    },
  });
  const { data } = await supabase.auth.getClaims();

  const { pathname, search } = request.nextUrl;
  // Scripts get a status code, page requests get a page.
  const isApi = pathname.startsWith("/api/") || !["GET", "HEAD"].includes(request.method);
  if (!data && !PUBLIC.test(pathname)) {
    const login = new URL("/login", request.url);
    if (pathname !== "/") login.searchParams.set("next", pathname + search);
    response = isApi
      ? NextResponse.json({ error: "signed_out" }, { status: 401 })
      : NextResponse.redirect(login);
  } else if (
    data &&
    /^\/(api\/)?admin(\/|$)/.test(pathname) &&
    data.claims["system_role"] !== "admin"
  ) {
    response = isApi
      ? NextResponse.json({ error: "forbidden" }, { status: 403 })
      : NextResponse.rewrite(new URL("/forbidden", request.url), {
          status: 403,
          request: { headers },
        });
  }
  for (const { name, value, options } of refreshed) response.cookies.set(name, value, options);
  response.headers.set("content-security-policy", policy);
  response.headers.set("cache-control", "private, no-store");
  return response;
}

/** Whether a request that changes data comes from a page of this console. */
function isOurs(request: NextRequest): boolean {
  const host = request.headers.get("x-forwarded-host") ?? request.headers.get("host");
  const scheme =
    request.headers.get("x-forwarded-proto")?.split(",")[0] ??
    request.nextUrl.protocol.slice(0, -1);
  return request.headers.get("origin") === `${scheme}://${host}`;
}

function contentSecurityPolicy(nonce: string): string {
  // The development server uses eval. Scripts set style attributes.
  const development = process.env.NODE_ENV === "development" ? " 'unsafe-eval'" : "";
  return [
    "default-src 'self'",
    `script-src 'self' 'nonce-${nonce}' 'strict-dynamic'${development}`,
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join("; ");
}

export const config = { matcher: ["/((?!_next/static|_next/image|icon.svg).*)"] };
