import "server-only";
import { publishableKey, showsPasswordLogin, supabaseUrl } from "./environment";

/** The sign-in providers that the console supports, with their display names. */
export const PROVIDERS = { google: "Google", github: "GitHub", azure: "Microsoft" } as const;
export type Provider = keyof typeof PROVIDERS;

export interface SignInMethods {
  providers: Provider[];
  /** A link by email. */
  email: boolean;
  /** Email and password: only if email is enabled in Auth and the operator asks for it. */
  password: boolean;
}

export const isProvider = (name: unknown): name is Provider =>
  typeof name === "string" && Object.hasOwn(PROVIDERS, name);

/** Returns the sign-in methods that are enabled in Auth, or `undefined` if Auth does not answer. */
export async function signInMethods(): Promise<SignInMethods | undefined> {
  const response = await fetch(`${supabaseUrl()}/auth/v1/settings`, {
    headers: { apikey: publishableKey() },
    signal: AbortSignal.timeout(5_000),
    cache: "no-store",
  }).catch(() => undefined);
  if (!response?.ok) return undefined;
  const settings = (await response.json().catch(() => undefined)) as
    | { external?: Record<string, boolean> }
    | undefined;
  const isOn = (name: string) => settings?.external?.[name] === true;
  return {
    providers: Object.keys(PROVIDERS).filter(isProvider).filter(isOn),
    email: isOn("email"),
    password: isOn("email") && showsPasswordLogin(),
  };
}
