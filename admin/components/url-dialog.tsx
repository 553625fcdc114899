"use client";

import { useRouter } from "next/navigation";
import { Dialog } from "radix-ui";
import type { ReactNode } from "react";
import { useTexts } from "./texts";

/** A dialog opened by the URL: going back closes it, and a reload keeps it open. */
export function UrlDialog({
  title,
  description,
  closeTo,
  children,
  wide = false,
}: {
  title: ReactNode;
  description?: ReactNode;
  closeTo: string;
  children: ReactNode;
  wide?: boolean;
}) {
  const router = useRouter();
  const texts = useTexts();
  return (
    <Dialog.Root open onOpenChange={(open) => !open && router.push(closeTo, { scroll: false })}>
      <Dialog.Portal>
        <Dialog.Overlay className="fixed inset-0 z-40 bg-black/60" />
        <Dialog.Content
          {...(description ? {} : { "aria-describedby": undefined })}
          className={`fixed inset-x-2 top-4 z-50 mx-auto max-h-[calc(100dvh-2rem)] overflow-y-auto rounded-lg border border-line bg-surface p-5 shadow-xl sm:top-12 sm:max-h-[calc(100dvh-6rem)] ${wide ? "max-w-4xl" : "max-w-lg"}`}
        >
          <div className="mb-3 flex items-start justify-between gap-4">
            <Dialog.Title className="text-lg font-semibold">{title}</Dialog.Title>
            <Dialog.Close
              className="cursor-pointer rounded-md px-2 py-1 text-xl leading-none text-muted hover:bg-sunken"
              aria-label={texts["ui.close"]}
            >
              ×
            </Dialog.Close>
          </div>
          {description && (
            <Dialog.Description className="mb-4 text-sm text-muted">
              {description}
            </Dialog.Description>
          )}
          {children}
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
