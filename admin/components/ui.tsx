import Link from "next/link";
import {
  Children,
  type ComponentProps,
  cloneElement,
  type ReactElement,
  type ReactNode,
} from "react";

// Plain server-rendered building blocks.

const BUTTON =
  "inline-flex min-h-9 items-center justify-center gap-2 rounded-md px-3 py-1.5 text-sm font-medium whitespace-nowrap cursor-pointer disabled:opacity-60 disabled:cursor-default";
const VARIANTS = {
  primary: "bg-accent text-on-accent hover:bg-accent-strong",
  secondary: "border border-line-strong bg-surface text-ink hover:bg-sunken",
  danger: "bg-danger text-on-accent hover:bg-danger-strong",
  quiet: "text-accent-ink hover:bg-sunken underline underline-offset-2",
};
export type Variant = keyof typeof VARIANTS;

export const buttonClass = (variant: Variant = "primary") => `${BUTTON} ${VARIANTS[variant]}`;

export function ButtonLink({
  variant = "secondary",
  ...props
}: ComponentProps<typeof Link> & { variant?: Variant }) {
  return <Link scroll={false} {...props} className={buttonClass(variant)} />;
}

export function PageTitle({ children, lead }: { children: ReactNode; lead?: ReactNode }) {
  return (
    <header className="mb-6">
      <h1 className="text-2xl font-semibold tracking-tight">{children}</h1>
      {lead && <p className="mt-1 max-w-prose text-muted">{lead}</p>}
    </header>
  );
}

export function Card({
  title,
  actions,
  children,
  id,
}: {
  title?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
  id?: string;
}) {
  return (
    <section id={id} className="mb-6 rounded-lg border border-line bg-surface p-4 sm:p-5">
      {title && (
        <div className="mb-3 flex flex-wrap items-center justify-between gap-2">
          <h2 className="text-base font-semibold">{title}</h2>
          {actions && <div className="flex flex-wrap items-center gap-2">{actions}</div>}
        </div>
      )}
      {children}
    </section>
  );
}

const TONES = {
  good: "bg-good-soft text-good-ink",
  warn: "bg-warn-soft text-warn-ink",
  bad: "bg-bad-soft text-bad-ink",
  neutral: "bg-sunken text-muted",
};
export type Tone = keyof typeof TONES;

export function Badge({ tone = "neutral", children }: { tone?: Tone; children: ReactNode }) {
  return (
    <span className={`inline-block rounded-full px-2 py-0.5 text-xs font-medium ${TONES[tone]}`}>
      {children}
    </span>
  );
}

export function Notice({
  tone = "neutral",
  children,
  role,
}: {
  tone?: Tone;
  children: ReactNode;
  role?: "alert" | "status";
}) {
  return (
    <div
      role={role}
      className={`my-3 rounded-md px-3 py-2 text-sm break-words first:mt-0 ${TONES[tone]}`}
    >
      {children}
    </div>
  );
}

export function Empty({ children }: { children: ReactNode }) {
  return <p className="py-2 text-sm text-muted">{children}</p>;
}

const INPUT =
  "block w-full min-h-9 rounded-md border border-line-strong bg-surface px-3 py-1.5 text-sm text-ink placeholder:text-muted";

export function Field({
  label,
  hint,
  ...input
}: ComponentProps<"input"> & { label: ReactNode; hint?: ReactNode }) {
  return (
    <label className="block text-sm">
      <span className="mb-1 block font-medium">{label}</span>
      <input {...input} className={INPUT} />
      {hint && <span className="mt-1 block text-xs text-muted">{hint}</span>}
    </label>
  );
}

export function TextArea({
  label,
  hint,
  ...input
}: ComponentProps<"textarea"> & { label: ReactNode; hint?: ReactNode }) {
  return (
    <label className="block text-sm">
      <span className="mb-1 block font-medium">{label}</span>
      <textarea rows={3} {...input} className={INPUT} />
      {hint && <span className="mt-1 block text-xs text-muted">{hint}</span>}
    </label>
  );
}

export function Select({
  label,
  options,
  hint,
  ...select
}: ComponentProps<"select"> & {
  label: ReactNode;
  options: [string, string][];
  hint?: ReactNode;
}) {
  return (
    <label className="block text-sm">
      <span className="mb-1 block font-medium">{label}</span>
      <select {...select} className={INPUT}>
        {options.map(([value, text]) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
      {hint && <span className="mt-1 block text-xs text-muted">{hint}</span>}
    </label>
  );
}

export function Check({
  label,
  hint,
  ...input
}: ComponentProps<"input"> & { label: ReactNode; hint?: ReactNode }) {
  return (
    <label className="flex items-start gap-2 py-1 text-sm">
      <input type="checkbox" {...input} className="mt-0.5 size-4 shrink-0 accent-accent" />
      <span>
        {label}
        {hint && <span className="block text-xs text-muted">{hint}</span>}
      </span>
    </label>
  );
}

export function Radio({ label, ...input }: ComponentProps<"input"> & { label: ReactNode }) {
  return (
    <label className="flex items-start gap-2 py-1 text-sm">
      <input type="radio" {...input} className="mt-0.5 size-4 shrink-0 accent-accent" />
      <span>{label}</span>
    </label>
  );
}

/**
 * A table that scrolls sideways in its own region, also by keyboard. On a phone each row becomes a block with the column's name
 * before each value.
 */
export function Table({
  head,
  label,
  children,
}: {
  head: string[];
  label: string;
  children: ReactElement<Cells> | ReactElement<Cells>[];
}) {
  const rows = Children.map(children, (row) =>
    cloneElement(
      row,
      {},
      Children.map(row.props.children, (cell, at) =>
        cloneElement(cell, { "data-label": head[at] }),
      ),
    ),
  );
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: the keyboard can scroll only what can have the focus
    <section className="overflow-x-auto" tabIndex={0} aria-label={label}>
      <table className="stacks w-full text-left text-sm sm:min-w-max [&_tr]:border-b [&_tr]:border-line">
        <thead>
          <tr>
            {head.map((cell, at) => (
              <th key={at} scope="col" className="py-2 pr-4 font-medium text-muted">
                {cell}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{rows}</tbody>
      </table>
    </section>
  );
}

type Cells = { children: ReactElement<{ "data-label"?: string }>[] };

export function Code({ children }: { children: ReactNode }) {
  return (
    <code className="rounded bg-sunken px-1 py-0.5 font-mono text-xs break-all">{children}</code>
  );
}
