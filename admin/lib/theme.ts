import "server-only";
import { cookies } from "next/headers";

export const THEMES = ["system", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

/** The selected theme, or `system`. The server renders it, so that the page does not flash. */
export async function theme(): Promise<Theme> {
  const chosen = (await cookies()).get("theme")?.value;
  return THEMES.find((known) => known === chosen) ?? "system";
}
