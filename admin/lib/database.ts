import "server-only";
import { createServerClient } from "@supabase/ssr";
import { cookies } from "next/headers";
import { cache } from "react";
import type { Database } from "./database.types";
import { publishableKey, supabaseUrl } from "./environment";
import { cookieOptions } from "./paths";

/** A Supabase client with the caller's session, under row level security. */
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
          // A page cannot set cookies; the proxy has already refreshed the session.
        }
      },
    },
  });
});

/** Returns all rows of an answer; throws on an error, so that the error page appears. */
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
