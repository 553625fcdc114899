"use client";

import { useTexts } from "@/components/texts";
import { buttonClass } from "@/components/ui";

/** What went wrong is in the server's log; here there is a number to find it by. */
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
          ? "もう一度お試しください。続く場合は管理者に番号をお伝えください: "
          : "Try again. If it goes on, tell an admin this number: "}
        {error.digest}
      </p>
      <button type="button" onClick={reset} className={buttonClass()}>
        {isJapanese ? "再試行" : "Try again"}
      </button>
    </main>
  );
}
