import { saveModule } from "@/app/actions/installation";
import { ActionForm } from "@/components/action-form";
import { Time } from "@/components/time";
import {
  Badge,
  ButtonLink,
  Card,
  Check,
  Field,
  PageTitle,
  Select,
  Table,
  TextArea,
} from "@/components/ui";
import { UrlDialog } from "@/components/url-dialog";
import { inCatalogue } from "@/lib/catalogue";
import { database, rows } from "@/lib/database";
import type { ModuleStatus } from "@/lib/database.types";
import { i18n, pageTitle } from "@/lib/i18n";
import { readQuery } from "@/lib/paths";
import { requireAdmin } from "@/lib/session";

export const generateMetadata = pageTitle("nav.modules");

const TONE = { stable: "good", deprecated: "warn", broken: "bad" } as const;
const STATUSES: ModuleStatus[] = ["stable", "deprecated", "broken"];

export default async function Page({ searchParams }: PageProps<"/admin/modules">) {
  await requireAdmin();
  const { t, number } = await i18n();
  const query = await readQuery(searchParams);
  const modules = rows(
    await (await database()).from("module_registry").select("*").order("display_name"),
  );
  const chosen = modules.find(({ module }) => module === query["module"]);
  return (
    <>
      <PageTitle lead={t("modules.lead")}>{t("nav.modules")}</PageTitle>
      <Card>
        <Table
          label={t("nav.modules")}
          head={[
            t("audit.module"),
            t("modules.status"),
            t("modules.api"),
            t("nav.tools"),
            t("modules.verified"),
            t("modules.notes"),
            "",
          ]}
        >
          {modules.map((module) => (
            <tr key={module.module}>
              <td className="font-medium">{module.display_name}</td>
              <td>
                <Badge tone={TONE[module.status]}>{t(`modules.${module.status}`)}</Badge>
              </td>
              <td>{module.api_version}</td>
              <td>{number(inCatalogue(module.module)?.tools.length ?? 0)}</td>
              <td>
                {module.last_verified_at ? (
                  <Time value={module.last_verified_at} />
                ) : (
                  t("settings.never")
                )}
              </td>
              <td className="max-w-72 whitespace-pre-line">{module.notes}</td>
              <td>
                <ButtonLink
                  href={`/admin/modules?module=${module.module}`}
                  aria-label={`${t("ui.edit")}: ${module.display_name}`}
                >
                  {t("ui.edit")}
                </ButtonLink>
              </td>
            </tr>
          ))}
        </Table>
      </Card>
      {chosen && (
        <UrlDialog
          title={chosen.display_name}
          description={t("modules.edit_lead")}
          closeTo="/admin/modules"
        >
          <ActionForm action={saveModule} submit={t("ui.save")} closeTo="/admin/modules">
            <input type="hidden" name="module" value={chosen.module} />
            <Select
              label={t("modules.status")}
              name="status"
              defaultValue={chosen.status}
              options={STATUSES.map((status) => [status, t(`modules.${status}`)])}
            />
            <Field
              label={t("modules.api")}
              name="api_version"
              defaultValue={chosen.api_version}
              maxLength={60}
              required
              hint={t("modules.api_hint")}
            />
            <TextArea
              label={t("modules.notes")}
              name="notes"
              defaultValue={chosen.notes}
              maxLength={2000}
            />
            <Check name="verified" label={t("modules.verify")} />
          </ActionForm>
        </UrlDialog>
      )}
    </>
  );
}
