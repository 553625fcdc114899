"use client";

import Link from "next/link";
import { usePathname } from "next/navigation";
import type { ReactNode } from "react";

export function NavLink({ href, children }: { href: string; children: ReactNode }) {
  const isHere = usePathname() === href;
  return (
    <Link
      href={href}
      prefetch={false}
      aria-current={isHere ? "page" : undefined}
      className={`block rounded-md px-2.5 py-1.5 text-sm ${isHere ? "bg-sunken font-semibold" : "text-muted hover:bg-sunken hover:text-ink"}`}
    >
      {children}
    </Link>
  );
}
