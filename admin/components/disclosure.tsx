"use client";

import { type ComponentProps, useEffect, useState } from "react";

/** A `details` element that the URL can open and that keeps its state when the page refreshes. */
export function Disclosure({ open = false, ...details }: ComponentProps<"details">) {
  const [isOpen, setOpen] = useState(open);
  useEffect(() => {
    if (open) setOpen(true);
  }, [open]);
  return (
    <details {...details} open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)} />
  );
}
