import { i18n } from "@/lib/i18n";
import type { ServiceState } from "@/lib/services";
import { Badge, type Tone } from "./ui";

const TONE: Record<ServiceState, Tone> = {
  ready: "good",
  connect: "neutral",
  reconnect: "warn",
  broken: "bad",
};

export async function StateBadge({ state }: { state: ServiceState }) {
  const { t } = await i18n();
  return <Badge tone={TONE[state]}>{t(`state.${state}`)}</Badge>;
}

export async function OutcomeBadge({ outcome }: { outcome: string }) {
  const { t } = await i18n();
  return (
    <Badge tone={outcome === "success" ? "good" : "bad"}>
      {outcome === "success" ? t("audit.success") : outcome}
    </Badge>
  );
}
