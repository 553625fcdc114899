"use client";

import { useTexts } from "@/components/texts";
import { buttonClass } from "@/components/ui";

/** Shows the digest that identifies the error in the server's log. */
export default function ErrorPage({
  error,
  reset,
}: {
  error: Error & { digest?: string };
  reset: () => void;
}) {
  const isJapanese = useTexts().language === "ja";
  return (
    <main className="mx-auto max-w-xl px-4 py-16">
      <h1 className="text-2xl font-semibold">
        {isJapanese ? "問題が発生しました" : "Something went wrong"}
      </h1>
      <p className="my-3 text-muted">
        {isJapanese
          ? "もう一度お試しください。繰り返す場合は、次の番号を管理者にお伝えください: "
          : "Try again. If it keeps happening, give an admin this number: "}
        {error.digest}
      </p>
      <button type="button" onClick={reset} className={buttonClass()}>
        {isJapanese ? "再試行" : "Try again"}
      </button>
    </main>
  );
}
