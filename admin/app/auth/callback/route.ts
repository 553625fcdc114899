import { cookies } from "next/headers";
import { type NextRequest, NextResponse } from "next/server";
import { database } from "@/lib/database";
import { safePath } from "@/lib/paths";
import { origin } from "@/lib/session";

/** Auth redirects the browser here after sign-in at the provider, with a code or an error. */
export async function GET(request: NextRequest): Promise<NextResponse> {
  const query = request.nextUrl.searchParams;
  const store = await cookies();
  const next = safePath(store.get("next")?.value);
  store.delete("next");
  const code = query.get("code");
  let problem = query.get("error_description") ?? query.get("error");
  if (code && !problem)
    problem = (await (await database()).auth.exchangeCodeForSession(code)).error?.message ?? null;
  else problem ??= "no code";
  if (!problem) return NextResponse.redirect(new URL(next, await origin()), 303);
  const login = new URL("/login", await origin());
  login.searchParams.set("reason", reasonOf(problem));
  if (next !== "/") login.searchParams.set("next", next);
  return NextResponse.redirect(login, 303);
}

/** Maps the English messages of the database hooks (supabase/migrations, users) to reasons. */
function reasonOf(problem: string): string {
  if (/not on the list|no access/i.test(problem)) return "not_allowed";
  return /disabled/i.test(problem) ? "disabled" : "failed";
}
