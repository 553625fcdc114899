import "server-only";
import { cookies } from "next/headers";

export const THEMES = ["system", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

/** What the visitor chose; without a choice it is the system's. The server puts it into the page, so nothing flashes. */
export async function theme(): Promise<Theme> {
  const chosen = (await cookies()).get("theme")?.value;
  return THEMES.find((known) => known === chosen) ?? "system";
}
