import "server-only";
import { headers } from "next/headers";
import { forbidden, redirect } from "next/navigation";
import { cache } from "react";
import { database } from "./database";
import type { SystemRole } from "./database.types";

export interface Session {
  id: string;
  email: string;
  name: string | null;
  systemRole: SystemRole;
  /** The MCP server's URL, taken from the token's audience. */
  serverUrl: string | null;
}

/** The signed-in user, or null. The database decides whether the account still has access, not the token. */
export const session = cache(async (): Promise<Session | null> => {
  const supabase = await database();
  const { data } = await supabase.auth.getClaims();
  if (!data) return null;
  const { sub, aud } = data.claims;
  const { data: user } = await supabase
    .from("users")
    .select("id, email, display_name, system_role")
    .eq("id", sub)
    .maybeSingle();
  if (!user) return null;
  const serverUrl = [aud].flat().find((audience) => /^https?:\/\/.+\/mcp$/.test(audience)) ?? null;
  return {
    id: user.id,
    email: user.email,
    name: user.display_name,
    systemRole: user.system_role,
    serverUrl,
  };
});

export async function requireUser(): Promise<Session> {
  return (await session()) ?? redirect("/login?reason=ended");
}

export async function requireAdmin(): Promise<Session> {
  const user = await requireUser();
  if (user.systemRole !== "admin") forbidden();
  return user;
}

/** This console's origin as the browser sees it. */
export async function origin(): Promise<string> {
  const list = await headers();
  const host = list.get("x-forwarded-host") ?? list.get("host");
  return `${list.get("x-forwarded-proto")?.split(",")[0] ?? "http"}://${host}`;
}
