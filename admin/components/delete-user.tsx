"use client";

import { useRouter } from "next/navigation";
import { type FormEvent, useState } from "react";
import { buttonClass, Field } from "./ui";

/** Deletes an account after its email address has been typed. */
export function DeleteUser({
  id,
  email,
  texts,
}: {
  id: string;
  email: string;
  texts: Record<"lead" | "label" | "submit" | "failed" | "lastAdmin", string>;
}) {
  const router = useRouter();
  const [typed, setTyped] = useState("");
  const [problem, setProblem] = useState<string | null>(null);
  const send = async (event: FormEvent) => {
    event.preventDefault();
    const response = await fetch(`/api/admin/users/${id}`, { method: "DELETE" });
    if (!response.ok) return setProblem(response.status === 409 ? texts.lastAdmin : texts.failed);
    router.push("/admin/users");
    router.refresh();
  };
  return (
    <form onSubmit={send} className="space-y-3">
      <p className="text-sm text-muted">{texts.lead}</p>
      <Field
        label={texts.label}
        value={typed}
        onChange={(event) => setTyped(event.target.value)}
        autoComplete="off"
      />
      <button type="submit" disabled={typed !== email} className={buttonClass("danger")}>
        {texts.submit}
      </button>
      {problem && (
        <p role="alert" className="rounded-md bg-bad-soft px-3 py-2 text-sm text-bad-ink">
          {problem}
        </p>
      )}
    </form>
  );
}
