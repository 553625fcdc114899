import "server-only";
import { cookies, headers } from "next/headers";
import { cache } from "react";
import { en } from "./en";
import { ja } from "./ja";

export type Language = "en" | "ja";
export type Key = keyof typeof en;
export type Translate = (key: Key, values?: Record<string, string | number>) => string;

const DICTIONARIES: Record<Language, Record<Key, string>> = { en, ja };

/** The language that the visitor chose, else the browser's. */
export const i18n = cache(async () => {
  const chosen = (await cookies()).get("language")?.value;
  const language =
    chosen === "ja" || chosen === "en"
      ? chosen
      : preferred((await headers()).get("accept-language") ?? "");
  const t: Translate = (key, values = {}) => fill(DICTIONARIES[language][key], values);
  return { language, t, number: (value: number) => new Intl.NumberFormat(language).format(value) };
});

function preferred(header: string): Language {
  const wishes = header.split(",").map((wish) => {
    const [tag = "", quality] = wish.trim().split(/;\s*q=/);
    return { language: tag.slice(0, 2).toLowerCase(), quality: Number(quality ?? 1) };
  });
  const known = wishes
    .filter(({ language }) => language in DICTIONARIES)
    .sort((a, b) => b.quality - a.quality);
  return (known[0]?.language as Language | undefined) ?? "en";
}

function fill(text: string, values: Record<string, string | number>): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

export const pageTitle = (key: Key) => async () => ({ title: `${(await i18n()).t(key)} · MCPist` });
