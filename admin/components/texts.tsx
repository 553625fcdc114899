"use client";

import { createContext, useContext } from "react";

/** Texts that client components read from the context; all others are passed as properties. */
export type Texts = Record<"ui.working" | "ui.copy" | "ui.copied" | "ui.close", string> & {
  language: string;
};

const Context = createContext<Texts | null>(null);

export const TextsProvider = Context.Provider;

export function useTexts(): Texts {
  const texts = useContext(Context);
  if (!texts) throw new Error("The layout provides the texts.");
  return texts;
}
