import { visible, visibleLine } from "@/lib/visible";

/** Another party's text, whole, with hidden characters shown as marked escapes. It cannot look like a part of the page. */
export function VisibleText({ text, label }: { text: string; label: string }) {
  return (
    <figure aria-label={label}>
      <pre
        dir="ltr"
        className="max-w-full rounded-md border border-line bg-sunken px-3 py-2 font-mono text-xs break-all whitespace-break-spaces"
      >
        {visible(text).map(({ text, isEscape }, at) =>
          isEscape ? (
            <mark key={at} className="rounded bg-warn-soft text-warn-ink">
              {text}
            </mark>
          ) : (
            text
          ),
        )}
      </pre>
    </figure>
  );
}

/** Another party's name in one line, isolated from the text around it. */
export function Name({ text, most = 60 }: { text: string; most?: number }) {
  return <bdi className="break-words">“{visibleLine(text, most)}”</bdi>;
}
