import "server-only";
import { cookies, headers } from "next/headers";
import { cache } from "react";
import { en } from "./en";
import { ja } from "./ja";

export type Language = "en" | "ja";
export type Key = keyof typeof en;
export type Translate = (key: Key, values?: Record<string, string | number>) => string;

const DICTIONARIES: Record<Language, Record<Key, string>> = { en, ja };

/** The language that the visitor selected, or else the browser's. */
export const i18n = cache(async () => {
  const chosen = (await cookies()).get("language")?.value;
  const language =
    chosen === "ja" || chosen === "en"
      ? chosen
      : preferred((await headers()).get("accept-language") ?? "");
  const t: Translate = (key, values = {}) => fill(DICTIONARIES[language][key], values, language);
  return { language, t, number: (value: number) => new Intl.NumberFormat(language).format(value) };
});

function preferred(header: string): Language {
  const preferences = header.split(",").map((part) => {
    const [tag = "", quality] = part.trim().split(/;\s*q=/);
    return { language: tag.slice(0, 2).toLowerCase(), quality: Number(quality ?? 1) };
  });
  const known = preferences
    .filter(({ language }) => language in DICTIONARIES)
    .sort((a, b) => b.quality - a.quality);
  return (known[0]?.language as Language | undefined) ?? "en";
}

/** Replaces `{name}` by its value, and `{name|singular|plural}` by the word for that number. */
function fill(text: string, values: Record<string, string | number>, language: Language): string {
  return text.replace(/\{(\w+)(?:\|([^|}]*)\|([^|}]*))?\}/g, (whole, name, singular, plural) => {
    const value = values[name];
    if (value === undefined) return whole;
    if (singular !== undefined)
      return new Intl.PluralRules(language).select(Number(value)) === "one" ? singular : plural;
    return typeof value === "number" ? new Intl.NumberFormat(language).format(value) : value;
  });
}

export const pageTitle = (key: Key) => async () => ({ title: `${(await i18n()).t(key)} · MCPist` });
