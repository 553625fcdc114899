import "server-only";
import { text, texts } from "./action";

/** The durations that a token or a client can be given; the database allows at most 365 days. */
export const DAYS = [30, 90, 365] as const;

const DAY_MS = 86_400_000;

export interface Choice {
  readOnly: boolean;
  /** Null: all modules, including later ones. */
  modules: string[] | null;
  /** Null: unchanged. */
  expiresAt: string | null;
}

/** Reads the fields of `LimitFields`; `undefined` if the modules are limited to none. */
export function readLimits(form: FormData): Choice | undefined {
  const modules = form.get("scope") === "some" ? texts(form, "module") : null;
  if (modules?.length === 0) return undefined;
  const days = DAYS.find((known) => known === Number(text(form, "days", 4)));
  return {
    readOnly: form.get("read_only") !== null,
    modules,
    expiresAt: days === undefined ? null : new Date(Date.now() + days * DAY_MS).toISOString(),
  };
}
