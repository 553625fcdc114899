import { AuditTable } from "@/components/audit-table";
import { Live } from "@/components/live";
import { ButtonLink, buttonClass, Card, Field, PageTitle, Select } from "@/components/ui";
import { ACTIONS, actionName, events, FILTERS } from "@/lib/audit";
import { database, rows } from "@/lib/database";
import { i18n, pageTitle } from "@/lib/i18n";
import { readQuery, withQuery } from "@/lib/paths";
import { requireAdmin } from "@/lib/session";

export const generateMetadata = pageTitle("nav.audit");

const PAGE = 50;

export default async function Page({ searchParams }: PageProps<"/admin/audit">) {
  await requireAdmin();
  const { t } = await i18n();
  const query = await readQuery(searchParams);
  const supabase = await database();
  const [found, users, modules] = await Promise.all([
    events(query, PAGE + 1).then(rows),
    supabase.from("users").select("id, email").order("email").then(rows),
    supabase.from("module_registry").select("module, display_name").order("module").then(rows),
  ]);
  const filters = Object.fromEntries(FILTERS.map((name) => [name, query[name]]));
  const last = found[PAGE - 1];
  const known =
    query["action"] && !ACTIONS.includes(query["action"]) ? [...ACTIONS, query["action"]] : ACTIONS;
  const actions = await Promise.all(
    known.map(async (action): Promise<[string, string]> => [action, await actionName(action)]),
  );
  const everyone: [string, string] = ["", t("audit.all")];
  return (
    <>
      <PageTitle lead={t("audit.lead")}>{t("audit.title")}</PageTitle>
      <Card>
        <form
          key={JSON.stringify(filters)}
          className="grid items-end gap-3 sm:grid-cols-3 lg:grid-cols-4"
        >
          <Select
            label={t("audit.user")}
            name="user"
            defaultValue={query["user"] ?? ""}
            options={[everyone, ...users.map(({ id, email }): [string, string] => [id, email])]}
          />
          <Select
            label={t("audit.module")}
            name="module"
            defaultValue={query["module"] ?? ""}
            options={[
              everyone,
              ...modules.map(({ module, display_name }): [string, string] => [
                module,
                display_name,
              ]),
            ]}
          />
          <Field label={t("audit.tool")} name="tool" defaultValue={query["tool"]} />
          <Select
            label={t("audit.action")}
            name="action"
            defaultValue={query["action"] ?? ""}
            options={[everyone, ...actions]}
          />
          <Field
            label={t("audit.outcome")}
            name="outcome"
            defaultValue={query["outcome"]}
            placeholder="success"
          />
          <Field label={t("audit.from")} name="from" type="date" defaultValue={query["from"]} />
          <Field label={t("audit.to")} name="to" type="date" defaultValue={query["to"]} />
          <div className="flex flex-wrap gap-2">
            <button type="submit" className={buttonClass()}>
              {t("audit.filter")}
            </button>
            <ButtonLink href="/admin/audit">{t("audit.reset")}</ButtonLink>
          </div>
        </form>
      </Card>
      <Card
        title={t("audit.events")}
        actions={
          <>
            <Live
              on={query["live"] !== undefined}
              toggled={withQuery("/admin/audit", query, { live: query["live"] ? null : "1" })}
              text={t("audit.live")}
            />
            <a
              href={withQuery("/api/admin/audit", filters)}
              className={buttonClass("secondary")}
              download
            >
              {t("audit.csv")}
            </a>
          </>
        }
      >
        <AuditTable
          events={found.slice(0, PAGE)}
          users={new Map(users.map(({ id, email }) => [id, email]))}
        />
        <div className="mt-3 flex gap-2">
          {query["before"] && (
            <ButtonLink href={withQuery("/admin/audit", filters, { before: null })}>
              {t("audit.newest")}
            </ButtonLink>
          )}
          {found.length > PAGE && last && (
            <ButtonLink href={withQuery("/admin/audit", filters, { before: last.at })}>
              {t("audit.older")}
            </ButtonLink>
          )}
        </div>
      </Card>
    </>
  );
}
