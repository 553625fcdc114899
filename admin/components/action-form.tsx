"use client";

import { useRouter } from "next/navigation";
import {
  type FormEvent,
  type ReactNode,
  startTransition,
  useActionState,
  useEffect,
  useRef,
} from "react";
import type { Action, Result } from "@/lib/result";
import { CopyButton } from "./copy-button";
import { useTexts } from "./texts";
import { buttonClass, type Variant } from "./ui";

/** A form that shows its action's answer below it and announces it to screen readers. */
export function ActionForm({
  action,
  submit,
  variant = "primary",
  children,
  closeTo,
  className = "space-y-3",
  label,
  inline = false,
  clears = false,
  automatic = false,
}: {
  action: Action;
  submit: ReactNode;
  variant?: Variant;
  children?: ReactNode;
  /** Where to go after success; closes a dialog. */
  closeTo?: string;
  className?: string;
  /** The button's accessible name, if its text is not enough. */
  label?: string;
  inline?: boolean;
  /** Clears the fields after success. */
  clears?: boolean;
  /** Submits the form when the page loads. The button remains for retries and for browsers without scripts. */
  automatic?: boolean;
}) {
  const texts = useTexts();
  const router = useRouter();
  const form = useRef<HTMLFormElement>(null);
  const [result, send, pending] = useActionState<Result | null, FormData>(action, null);
  useEffect(() => {
    if (!result?.ok) return;
    if (result.leaveTo) return window.location.assign(result.leaveTo);
    if (clears) form.current?.reset();
    if (closeTo) router.push(closeTo, { scroll: false });
  }, [result, clears, closeTo, router]);
  const sent = useRef(false);
  useEffect(() => {
    if (!automatic || sent.current) return;
    sent.current = true;
    form.current?.requestSubmit();
  }, [automatic]);
  // React resets the form after every action, also after a failure. Keep what the user typed.
  const submitted = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget);
    startTransition(() => send(fields));
  };
  return (
    <form
      ref={form}
      action={send}
      onSubmit={submitted}
      className={inline ? "inline-block" : className}
    >
      {children}
      <button type="submit" disabled={pending} aria-label={label} className={buttonClass(variant)}>
        {pending ? texts["ui.working"] : submit}
      </button>
      {result?.ok === true && result.message && (
        <p role="status" className="mt-2 rounded-md bg-good-soft px-3 py-2 text-sm text-good-ink">
          {result.message}
        </p>
      )}
      {result?.ok === true && result.secret && (
        <p className="mt-2 flex flex-wrap items-center gap-2 rounded-md bg-sunken px-3 py-2">
          <code data-testid="secret" className="font-mono text-sm break-all">
            {result.secret}
          </code>
          <CopyButton text={result.secret} />
        </p>
      )}
      {result?.ok === false && (
        <p role="alert" className="mt-2 rounded-md bg-bad-soft px-3 py-2 text-sm text-bad-ink">
          {result.message}
        </p>
      )}
    </form>
  );
}
