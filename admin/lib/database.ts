import "server-only";
import { createServerClient } from "@supabase/ssr";
import { cookies } from "next/headers";
import { cache } from "react";
import type { Database } from "./database.types";
import { publishableKey, supabaseUrl } from "./environment";
import { cookieOptions } from "./paths";

/** Supabase as the caller: with their session, under row level security. */
export const database = cache(async () => {
  const store = await cookies();
  return createServerClient<Database>(supabaseUrl(), publishableKey(), {
    cookieOptions,
    cookies: {
      getAll: () => store.getAll(),
      setAll: (changes) => {
        try {
          for (const { name, value, options } of changes) store.set(name, value, options);
        } catch {
          // A page cannot set cookies. The proxy has refreshed the session before it.
        }
      },
    },
  });
});

/** All rows of an answer, or the failure as an exception: for pages, which have an error page. */
export function rows<Row>({
  data,
  error,
}: {
  data: Row[] | null;
  error: { message: string } | null;
}): Row[] {
  if (error) throw new Error(error.message);
  return data ?? [];
}
