"use client";

import { type ComponentProps, useEffect, useState } from "react";

/** A `details` that the address may open, and that stays as the reader has it when the page is read again. */
export function Disclosure({ open = false, ...details }: ComponentProps<"details">) {
  const [isOpen, setOpen] = useState(open);
  useEffect(() => {
    if (open) setOpen(true);
  }, [open]);
  return (
    <details {...details} open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)} />
  );
}
