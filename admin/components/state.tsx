import { i18n, type Key } from "@/lib/i18n";
import type { ServiceState } from "@/lib/services";
import { Badge, type Tone } from "./ui";

const TONE: Record<ServiceState, Tone> = {
  ready: "good",
  connect: "neutral",
  reconnect: "warn",
  broken: "bad",
};

const OUTCOMES: Record<string, { tone: Tone; text: Key }> = {
  success: { tone: "good", text: "audit.success" },
  yes: { tone: "good", text: "audit.approved" },
  no: { tone: "neutral", text: "audit.declined" },
};

export async function StateBadge({ state }: { state: ServiceState }) {
  const { t } = await i18n();
  return <Badge tone={TONE[state]}>{t(`state.${state}`)}</Badge>;
}

export async function OutcomeBadge({ outcome }: { outcome: string }) {
  const { t } = await i18n();
  const known = OUTCOMES[outcome];
  return known ? (
    <Badge tone={known.tone}>{t(known.text)}</Badge>
  ) : (
    <Badge tone="bad">{outcome}</Badge>
  );
}
