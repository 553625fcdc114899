import "server-only";
import { createClient } from "@supabase/supabase-js";
import { secretKey, supabaseUrl } from "./environment";

/** Supabase Auth with the secret key. Only for Route Handlers that have checked the caller. */
export function serviceAuth() {
  return createClient(supabaseUrl(), secretKey(), {
    auth: { persistSession: false, autoRefreshToken: false },
  }).auth.admin;
}
