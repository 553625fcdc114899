import type { ReactNode } from "react";
import { requireAdmin } from "@/lib/session";

export default async function Layout({ children }: { children: ReactNode }) {
  await requireAdmin();
  return children;
}
