"use client";

import { useRouter } from "next/navigation";
import { type ReactNode, useActionState, useEffect, useRef } from "react";
import type { Action, Result } from "@/lib/result";
import { CopyButton } from "./copy-button";
import { useTexts } from "./texts";
import { buttonClass, type Variant } from "./ui";

/** A form whose action answers with words: they appear below it, and are read out. */
export function ActionForm({ action, submit, variant = "primary", children, closeTo, className = "space-y-3", label, inline = false }: {
  action: Action;
  submit: ReactNode;
  variant?: Variant;
  children?: ReactNode;
  /** Where to go once it is done; a dialog closes so. */
  closeTo?: string;
  className?: string;
  /** The button's name where its text is not enough. */
  label?: string;
  inline?: boolean;
}) {
  const texts = useTexts();
  const router = useRouter();
  const form = useRef<HTMLFormElement>(null);
  const [result, send, pending] = useActionState<Result | null, FormData>(action, null);
  useEffect(() => {
    if (!result?.ok) return;
    if (result.leaveTo) return window.location.assign(result.leaveTo);
    if (closeTo) router.push(closeTo, { scroll: false });
  }, [result, closeTo, router]);
  return (
    <form ref={form} action={send} className={inline ? "inline-block" : className}>
      {children}
      <button type="submit" disabled={pending} aria-label={label} className={buttonClass(variant)}>
        {pending ? texts["ui.working"] : submit}
      </button>
      {result?.ok === true && result.message && (
        <p role="status" className="mt-2 rounded-md bg-good-soft px-3 py-2 text-sm text-good-ink">{result.message}</p>
      )}
      {result?.ok === true && result.secret && (
        <p className="mt-2 flex flex-wrap items-center gap-2 rounded-md bg-sunken px-3 py-2">
          <code data-testid="secret" className="font-mono text-sm break-all">{result.secret}</code>
          <CopyButton text={result.secret} />
        </p>
      )}
      {result?.ok === false && (
        <p role="alert" className="mt-2 rounded-md bg-bad-soft px-3 py-2 text-sm text-bad-ink">{result.message}</p>
      )}
    </form>
  );
}
