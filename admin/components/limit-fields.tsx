import type { Limits } from "@/lib/database.types";
import { i18n } from "@/lib/i18n";
import { DAYS } from "@/lib/limits";
import { Check, Radio, Select } from "./ui";

/** The fields that limit a token or a client: read-only, modules, end (read by `readLimits`). */
export async function LimitFields({
  modules,
  limits,
  canKeepEnd = false,
}: {
  /** The modules to choose from. */
  modules: { module: string; title: string }[];
  /** The current limits. */
  limits?: Limits | null;
  /** Offers to keep the current end. */
  canKeepEnd?: boolean;
}) {
  const { t } = await i18n();
  const chosen = limits?.modules ?? null;
  const days = DAYS.map((days): [string, string] => [
    String(days),
    t("settings.days", { n: days }),
  ]);
  return (
    <>
      <Check
        name="read_only"
        defaultChecked={limits?.read_only ?? false}
        label={t("limits.read_only")}
        hint={t("limits.read_only_hint")}
      />
      <fieldset className="group">
        <legend className="mb-1 text-sm font-medium">{t("nav.services")}</legend>
        <Radio name="scope" value="all" defaultChecked={!chosen} label={t("limits.all")} />
        <Radio
          name="scope"
          value="some"
          defaultChecked={chosen !== null}
          label={t("limits.some")}
        />
        <div className="hidden pl-6 group-has-[[value=some]:checked]:block">
          {modules.map(({ module, title }) => (
            <Check
              key={module}
              name="module"
              value={module}
              defaultChecked={chosen?.includes(module) ?? true}
              label={title}
            />
          ))}
        </div>
      </fieldset>
      <Select
        label={t("settings.expires")}
        name="days"
        defaultValue={canKeepEnd ? "" : "90"}
        options={canKeepEnd ? [["", t("limits.keep_end")], ...days] : days}
      />
    </>
  );
}

/** The limits in words. `titles` maps modules to display names. */
export async function LimitText({
  limits: { read_only, modules },
  titles,
}: {
  limits: Limits;
  titles: Map<string, string>;
}) {
  const { t } = await i18n();
  const scope = modules?.map((module) => titles.get(module) ?? module).join(", ");
  return (
    <>
      {t(read_only ? "limits.read_only" : "limits.read_write")} ·{" "}
      {scope ?? t("limits.all_services")}
    </>
  );
}
