import type { ReactNode } from "react";
import { Shell } from "@/components/shell";
import { requireUser } from "@/lib/session";

export default async function Layout({ children }: { children: ReactNode }) {
  return <Shell user={await requireUser()}>{children}</Shell>;
}
