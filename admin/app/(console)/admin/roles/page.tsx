import { createRole, deleteRole, saveRole } from "@/app/actions/roles";
import { ActionForm } from "@/components/action-form";
import { PermissionEditor } from "@/components/permission-editor";
import {
  Badge,
  ButtonLink,
  buttonClass,
  Card,
  Check,
  Code,
  Empty,
  Field,
  PageTitle,
  Select,
  TextArea,
} from "@/components/ui";
import { UrlDialog } from "@/components/url-dialog";
import { catalogue } from "@/lib/catalogue";
import { database, rows } from "@/lib/database";
import type { Role, User } from "@/lib/database.types";
import { i18n, pageTitle } from "@/lib/i18n";
import { readQuery } from "@/lib/paths";
import { requireAdmin } from "@/lib/session";

export const generateMetadata = pageTitle("nav.roles");

export default async function Page({ searchParams }: PageProps<"/admin/roles">) {
  await requireAdmin();
  const { t } = await i18n();
  const query = await readQuery(searchParams);
  const supabase = await database();
  const [roles, links, permissions, users] = await Promise.all([
    supabase.from("roles").select("*").order("name").then(rows),
    supabase.from("user_roles").select("role_id").then(rows),
    supabase.from("role_permissions").select("role_id, module, tools").then(rows),
    supabase.from("users").select("id, email, disabled_at").order("email").then(rows),
  ]);
  const chosen = roles.find(({ id }) => id === query["role"]);
  return (
    <>
      <PageTitle lead={t("roles.lead")}>{t("nav.roles")}</PageTitle>
      <div className="grid gap-x-6 lg:grid-cols-[20rem_1fr]">
        <div>
          <Card
            title={t("nav.roles")}
            actions={
              <ButtonLink variant="primary" href="/admin/roles?new=1">
                {t("roles.new")}
              </ButtonLink>
            }
          >
            {roles.length === 0 && <Empty>{t("roles.none")}</Empty>}
            <ul className="divide-y divide-line">
              {roles.map((role) => (
                <li key={role.id} className="flex flex-wrap items-center gap-2 py-2 text-sm">
                  <div className="mr-auto min-w-0">
                    <p className="font-medium break-words">
                      {role.name} {role.read_only && <Badge>{t("roles.read_only")}</Badge>}{" "}
                      {role.confirm && <Badge>{t(`roles.confirms_${role.confirm}`)}</Badge>}
                    </p>
                    <p className="text-xs text-muted">
                      {t("roles.counts", {
                        users: links.filter(({ role_id }) => role_id === role.id).length,
                        modules: permissions.filter(({ role_id }) => role_id === role.id).length,
                      })}
                    </p>
                  </div>
                  <ButtonLink
                    href={`/admin/roles?role=${role.id}`}
                    aria-label={`${t("ui.edit")}: ${role.name}`}
                    {...(chosen?.id === role.id && { "aria-current": "true" })}
                  >
                    {t("ui.edit")}
                  </ButtonLink>
                </li>
              ))}
            </ul>
          </Card>
          <Card title={t("roles.preview")}>
            <form className="space-y-3">
              {chosen && <input type="hidden" name="role" value={chosen.id} />}
              <Select
                key={query["preview"]}
                label={t("audit.user")}
                name="preview"
                defaultValue={query["preview"] ?? ""}
                options={users.map(({ id, email }) => [id, email])}
              />
              <button type="submit" className={buttonClass("secondary")}>
                {t("roles.show")}
              </button>
            </form>
          </Card>
        </div>
        <div>
          {query["preview"] && <Preview user={users.find(({ id }) => id === query["preview"])} />}
          {chosen ? (
            <Editor role={chosen} />
          ) : (
            !query["preview"] && (
              <Card>
                <Empty>{t("roles.choose")}</Empty>
              </Card>
            )
          )}
        </div>
      </div>
      {query["new"] && (
        <UrlDialog title={t("roles.new")} closeTo="/admin/roles">
          <ActionForm action={createRole} submit={t("roles.create")}>
            <RoleFields />
          </ActionForm>
        </UrlDialog>
      )}
      {chosen && query["delete"] && (
        <UrlDialog
          title={t("roles.delete_title", { name: chosen.name })}
          description={t("roles.delete_lead")}
          closeTo={`/admin/roles?role=${chosen.id}`}
        >
          <ActionForm action={deleteRole} submit={t("roles.delete")} variant="danger">
            <input type="hidden" name="id" value={chosen.id} />
          </ActionForm>
        </UrlDialog>
      )}
    </>
  );
}

async function RoleFields({ role }: { role?: Role }) {
  const { t } = await i18n();
  return (
    <>
      <Field
        label={t("settings.name")}
        name="name"
        defaultValue={role?.name}
        maxLength={60}
        required
      />
      <TextArea
        label={t("roles.description")}
        name="description"
        defaultValue={role?.description}
        maxLength={500}
      />
      <Check
        name="read_only"
        defaultChecked={role?.read_only ?? false}
        label={t("roles.read_only")}
        hint={t("roles.read_only_hint")}
      />
      <Select
        label={t("roles.confirm")}
        name="confirm"
        defaultValue={role?.confirm ?? ""}
        options={[
          ["", t("roles.confirm_none")],
          ["code", t("roles.confirm_code")],
          ["human", t("roles.confirm_human")],
        ]}
        hint={t("roles.confirm_hint")}
      />
    </>
  );
}

async function Editor({ role }: { role: Role }) {
  const { t } = await i18n();
  const supabase = await database();
  const [permissions, registry] = await Promise.all([
    supabase
      .from("role_permissions")
      .select("module, tools, denied_tools")
      .eq("role_id", role.id)
      .then(rows),
    supabase.from("module_registry").select("module, display_name").then(rows),
  ]);
  const modules = catalogue.map((entry) => ({
    ...entry,
    title: registry.find(({ module }) => module === entry.module)?.display_name ?? entry.module,
  }));
  return (
    <>
      <Card
        key={role.id}
        title={role.name}
        actions={
          <ButtonLink href={`/admin/roles?role=${role.id}&delete=1`}>
            {t("roles.delete")}
          </ButtonLink>
        }
      >
        <ActionForm action={saveRole} submit={t("ui.save")}>
          <input type="hidden" name="id" value={role.id} />
          <RoleFields role={role} />
        </ActionForm>
      </Card>
      <Card title={t("roles.permissions")}>
        <PermissionEditor
          key={role.id}
          role={role.id}
          readOnly={role.read_only}
          modules={modules}
          permissions={permissions}
          texts={{
            none: t("roles.mode_none"),
            some: t("roles.mode_some"),
            all: t("roles.mode_all"),
            mode: t("roles.mode"),
            denied: t("roles.denied"),
            permitted: t("roles.permitted"),
            search: t("tools.search"),
            save: t("roles.save"),
            reads: t("tools.reads"),
            writes: t("tools.writes"),
            destructive: t("tools.destructive"),
            readOnly: t("roles.read_only_hint"),
            allRead: t("roles.all_read"),
            of: t("roles.of"),
          }}
        />
      </Card>
    </>
  );
}

/** The tools a user can use with all their roles, from the same database function that the MCP server uses. */
async function Preview({ user }: { user: Pick<User, "id" | "email" | "disabled_at"> | undefined }) {
  const { t } = await i18n();
  if (!user) return null;
  const supabase = await database();
  const [tools, registry] = await Promise.all([
    supabase.rpc("effective_tools", { p_user: user.id }).then(rows),
    supabase.from("module_registry").select("module, display_name").then(rows),
  ]);
  const titleOf = (name: string) =>
    registry.find(({ module }) => module === name)?.display_name ?? name;
  const modules = [...new Set(tools.map(({ module }) => module))];
  return (
    <Card title={t("roles.sees", { email: user.email, n: tools.length })} id="preview">
      {tools.length === 0 && <Empty>{t("roles.sees_nothing")}</Empty>}
      {modules.map((name) => (
        <details key={name} open={tools.length <= 40} className="mb-2">
          <summary className="cursor-pointer text-sm font-semibold">
            {titleOf(name)} ({tools.filter(({ module }) => module === name).length})
          </summary>
          <p className="mt-1 flex flex-wrap gap-1">
            {tools
              .filter(({ module }) => module === name)
              .map(({ tool }) => (
                <Code key={tool}>{tool}</Code>
              ))}
          </p>
        </details>
      ))}
    </Card>
  );
}
