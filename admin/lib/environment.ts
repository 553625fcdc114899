// Read at run time and never built in, so that one build works for every installation.
const environment = process.env;

function required(name: string): string {
  const value = environment[name];
  if (!value) throw new Error(`${name} is not set.`);
  return value;
}

export const supabaseUrl = () => required("NEXT_PUBLIC_SUPABASE_URL").replace(/\/$/, "");
/** The publishable (anon) key. */
export const publishableKey = () => required("NEXT_PUBLIC_SUPABASE_ANON_KEY");
export const showsPasswordLogin = () => environment["NEXT_PUBLIC_SHOW_PASSWORD_LOGIN"] === "true";
