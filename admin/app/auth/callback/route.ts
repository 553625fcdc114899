import { cookies } from "next/headers";
import { type NextRequest, NextResponse } from "next/server";
import { database } from "@/lib/database";
import { safePath } from "@/lib/paths";
import { origin } from "@/lib/session";

/** Auth sends the browser here after the provider, with a code or with what went wrong. */
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

/** The hooks of the database refuse in English sentences (supabase/migrations, users). */
function reasonOf(problem: string): string {
  if (/not on the list|no access/i.test(problem)) return "not_allowed";
  return /disabled/i.test(problem) ? "disabled" : "failed";
}
