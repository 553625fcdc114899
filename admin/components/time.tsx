"use client";

import { useSyncExternalStore } from "react";
import { useTexts } from "./texts";

const never = () => () => {};

/** A time in the reader's language, and in their time zone once the page is hydrated. */
export function Time({ value }: { value: string }) {
  const { language } = useTexts();
  const zone = useSyncExternalStore(
    never,
    () => Intl.DateTimeFormat().resolvedOptions().timeZone,
    () => "UTC",
  );
  const text = new Intl.DateTimeFormat(language, {
    dateStyle: "medium",
    timeStyle: "short",
    timeZone: zone,
  }).format(new Date(value));
  return (
    <time dateTime={value} className="whitespace-nowrap">
      {text}
    </time>
  );
}
