"use client";

import { useState } from "react";
import { useTexts } from "./texts";
import { buttonClass } from "./ui";

export function CopyButton({ text, label }: { text: string; label?: string }) {
  const texts = useTexts();
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setCopied(true);
    setTimeout(() => setCopied(false), 2000);
  };
  return (
    <button
      type="button"
      onClick={copy}
      className={buttonClass("secondary")}
      aria-label={label && `${texts["ui.copy"]}: ${label}`}
    >
      <span aria-live="polite">{copied ? texts["ui.copied"] : texts["ui.copy"]}</span>
    </button>
  );
}
