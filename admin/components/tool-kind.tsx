import type { Tool } from "@/lib/catalogue";
import { i18n } from "@/lib/i18n";
import { Badge } from "./ui";

/** Whether a tool reads, writes, or destroys. */
export async function ToolKind({ tool }: { tool: Tool }) {
  const { t } = await i18n();
  if (tool.read_only) return <Badge>{t("tools.reads")}</Badge>;
  return (
    <Badge tone={tool.destructive ? "bad" : "warn"}>
      {t(tool.destructive ? "tools.destructive" : "tools.writes")}
    </Badge>
  );
}
