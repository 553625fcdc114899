"use client";

import { useRouter } from "next/navigation";
import { Switch } from "radix-ui";
import { useEffect } from "react";

const EVERY_MS = 3000;

/** Refreshes the page every few seconds while it is switched on and the page is visible. */
export function Live({ on, toggled, text }: { on: boolean; toggled: string; text: string }) {
  const router = useRouter();
  useEffect(() => {
    if (!on) return;
    const timer = setInterval(
      () => document.visibilityState === "visible" && router.refresh(),
      EVERY_MS,
    );
    return () => clearInterval(timer);
  }, [on, router]);
  return (
    // biome-ignore lint/a11y/noLabelWithoutControl: the switch inside is a button, which a label names
    <label className="mr-2 inline-flex items-center gap-2 text-sm">
      <Switch.Root
        checked={on}
        onCheckedChange={() => router.replace(toggled, { scroll: false })}
        className="relative h-6 w-10 cursor-pointer rounded-full bg-line-strong data-[state=checked]:bg-accent"
      >
        <Switch.Thumb className="block size-5 translate-x-0.5 rounded-full bg-white transition-transform data-[state=checked]:translate-x-[1.125rem]" />
      </Switch.Root>
      {text}
    </label>
  );
}
