"use client";

import { useRouter } from "next/navigation";
import {
  type FormEvent,
  type ReactNode,
  startTransition,
  useActionState,
  useEffect,
  useRef,
  useState,
} from "react";
import type { Action, Result } from "@/lib/result";
import { CopyButton } from "./copy-button";
import { useTexts } from "./texts";
import { buttonClass, type Variant } from "./ui";

/** A form that shows its action's answer below it and announces it to screen readers. */
export function ActionForm({
  action,
  submit,
  choices,
  variant = "primary",
  children,
  closeTo,
  className = "space-y-3",
  label,
  inline = false,
  clears = false,
  automatic = false,
  once = false,
}: {
  action: Action;
  submit?: ReactNode;
  /** Instead of `submit`: several buttons, which send their value as `decision`. */
  choices?: { value: string; text: string; variant: Variant }[];
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
  /** Removes fields and buttons after success. */
  once?: boolean;
}) {
  const texts = useTexts();
  const router = useRouter();
  const form = useRef<HTMLFormElement>(null);
  const [result, send, pending] = useActionState<Result | null, FormData>(action, null);
  const [pressed, setPressed] = useState<string | null>(null);
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
    const fields = new FormData(
      event.currentTarget,
      (event.nativeEvent as SubmitEvent).submitter as HTMLElement | null,
    );
    setPressed((fields.get("decision") as string | null) ?? null);
    startTransition(() => send(fields));
  };
  const isOver = once && result?.ok === true;
  return (
    <form
      ref={form}
      action={send}
      onSubmit={submitted}
      className={inline ? "inline-block" : className}
    >
      {!isOver && children}
      {!isOver && choices && (
        <div className="flex flex-wrap gap-3">
          {choices.map(({ value, text, variant }) => (
            <button
              key={value}
              type="submit"
              name="decision"
              value={value}
              disabled={pending}
              className={buttonClass(variant)}
            >
              {pending && pressed === value ? texts["ui.working"] : text}
            </button>
          ))}
        </div>
      )}
      {!isOver && !choices && (
        <button
          type="submit"
          disabled={pending}
          aria-label={label}
          className={buttonClass(variant)}
        >
          {pending ? texts["ui.working"] : submit}
        </button>
      )}
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
