"use client";

import { useState } from "react";
import { savePermissions } from "@/app/actions/roles";
import type { CatalogueModule, Tool } from "@/lib/catalogue";
import { ActionForm } from "./action-form";
import { Badge, Check, Field, Select } from "./ui";

/** A role's permissions for one module. `all`: every tool, including those of later versions, except `tools`. */
interface Part {
  mode: "none" | "some" | "all";
  tools: string[];
}
type Parts = Record<string, Part>;
export type EditorTexts = Record<
  | "none"
  | "some"
  | "all"
  | "mode"
  | "denied"
  | "permitted"
  | "search"
  | "save"
  | "reads"
  | "writes"
  | "destructive"
  | "readOnly"
  | "allRead"
  | "of",
  string
>;

export function PermissionEditor({
  role,
  readOnly,
  modules,
  permissions,
  texts,
}: {
  role: string;
  readOnly: boolean;
  modules: (CatalogueModule & { title: string })[];
  permissions: { module: string; tools: string[]; denied_tools: string[] }[];
  texts: EditorTexts;
}) {
  const [parts, setParts] = useState<Parts>(() =>
    Object.fromEntries(
      permissions.map(({ module, tools, denied_tools }) => [
        module,
        toPart(
          tools,
          denied_tools,
          modules.find((known) => known.module === module),
        ),
      ]),
    ),
  );
  const [words, setWords] = useState("");
  const partOf = (module: string): Part => parts[module] ?? { mode: "none", tools: [] };
  const change = (module: string, part: Partial<Part>) =>
    setParts({ ...parts, [module]: { ...partOf(module), ...part } });
  const toggle = (module: string, tool: string) => {
    const { tools } = partOf(module);
    change(module, {
      tools: tools.includes(tool) ? tools.filter((name) => name !== tool) : [...tools, tool],
    });
  };
  return (
    <ActionForm action={savePermissions} submit={texts.save}>
      <input type="hidden" name="id" value={role} />
      <input type="hidden" name="permissions" value={JSON.stringify(toPermissions(parts))} />
      {readOnly && <p className="text-sm text-muted">{texts.readOnly}</p>}
      <Field
        label={texts.search}
        type="search"
        value={words}
        onChange={(event) => setWords(event.target.value.toLowerCase())}
      />
      {modules.map(({ module, title, tools }) => {
        const part = partOf(module);
        const shown = tools.filter(
          ({ tool }) => !words || tool.includes(words) || title.toLowerCase().includes(words),
        );
        if (shown.length === 0) return null;
        const readTools = tools.filter(({ read_only }) => read_only).map(({ tool }) => tool);
        const count =
          part.mode === "all"
            ? tools.length - part.tools.length
            : part.mode === "some"
              ? part.tools.length
              : 0;
        return (
          <section key={module} aria-label={title} className="rounded-md border border-line p-3">
            <div className="flex flex-wrap items-end justify-between gap-3">
              <h3 className="font-semibold">
                {title}{" "}
                <span className="text-sm font-normal text-muted">
                  {count} {texts.of} {tools.length}
                </span>
              </h3>
              <div className="min-w-48">
                <Select
                  label={texts.mode}
                  aria-label={`${texts.mode}: ${title}`}
                  value={part.mode}
                  onChange={(event) =>
                    change(module, { mode: event.target.value as Part["mode"], tools: [] })
                  }
                  options={[
                    ["none", texts.none],
                    ["some", texts.some],
                    ["all", texts.all],
                  ]}
                />
              </div>
            </div>
            {part.mode !== "none" && (
              <details className="mt-2" open={words !== "" || part.mode === "some"}>
                <summary className="cursor-pointer text-sm font-medium">
                  {part.mode === "all" ? texts.denied : texts.permitted}
                </summary>
                {part.mode === "some" && (
                  <button
                    type="button"
                    className="mt-1 cursor-pointer text-sm text-accent-ink underline"
                    onClick={() =>
                      change(module, { tools: [...new Set([...part.tools, ...readTools])] })
                    }
                  >
                    {texts.allRead}
                  </button>
                )}
                <div className="mt-1 grid gap-x-4 sm:grid-cols-2">
                  {shown.map((tool) => (
                    <Check
                      key={tool.tool}
                      checked={part.tools.includes(tool.tool)}
                      onChange={() => toggle(module, tool.tool)}
                      label={
                        <>
                          <code className="font-mono text-xs break-all">{tool.tool}</code>{" "}
                          <Kind tool={tool} texts={texts} />
                        </>
                      }
                      hint={tool.description}
                    />
                  ))}
                </div>
              </details>
            )}
          </section>
        );
      })}
    </ActionForm>
  );
}

function Kind({ tool, texts }: { tool: Tool; texts: EditorTexts }) {
  if (tool.read_only) return <Badge>{texts.reads}</Badge>;
  return (
    <Badge tone={tool.destructive ? "bad" : "warn"}>
      {tool.destructive ? texts.destructive : texts.writes}
    </Badge>
  );
}

function toPart(tools: string[], denied: string[], known: CatalogueModule | undefined): Part {
  if (denied.includes("*")) return { mode: "none", tools: [] };
  if (tools.includes("*")) return { mode: "all", tools: denied };
  const names = tools.filter((tool) => !denied.includes(tool));
  return {
    mode: "some",
    tools: known
      ? names.filter((tool) => known.tools.some((offered) => offered.tool === tool))
      : names,
  };
}

function toPermissions(parts: Parts) {
  return Object.entries(parts)
    .filter(([, { mode, tools }]) => mode === "all" || (mode === "some" && tools.length > 0))
    .map(([module, { mode, tools }]) => ({
      module,
      tools: mode === "all" ? ["*"] : tools,
      denied_tools: mode === "all" ? tools : [],
    }));
}
