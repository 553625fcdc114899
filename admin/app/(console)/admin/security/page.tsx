import {
  allowEmail,
  disallowEmail,
  revokeEverything,
  saveSettings,
} from "@/app/actions/installation";
import { ActionForm } from "@/components/action-form";
import { Badge, Card, Empty, Field, PageTitle, Select, Table } from "@/components/ui";
import { database, rows } from "@/lib/database";
import { i18n, pageTitle } from "@/lib/i18n";
import { requireAdmin } from "@/lib/session";

export const generateMetadata = pageTitle("nav.security");

export default async function Page() {
  await requireAdmin();
  const { t } = await i18n();
  const supabase = await database();
  const [settings, allowed, roles, users] = await Promise.all([
    supabase.from("settings").select("*").single(),
    supabase.from("allowed_emails").select("*").order("email").then(rows),
    supabase.from("roles").select("id, name").order("name").then(rows),
    supabase.from("users").select("email, system_role, disabled_at").then(rows),
  ]);
  const admins = users.filter(
    ({ system_role, disabled_at }) => system_role === "admin" && !disabled_at,
  );
  return (
    <>
      <PageTitle>{t("nav.security")}</PageTitle>
      <Card title={t("security.allow_list")} id="allow-list">
        <p className="mb-3 max-w-prose text-sm text-muted">{t("security.allow_list_lead")}</p>
        {allowed.length === 0 ? (
          <Empty>{t("security.no_addresses")}</Empty>
        ) : (
          <Table
            label={t("security.allow_list")}
            head={[t("login.email"), t("security.first_role"), t("settings.state"), ""]}
          >
            {allowed.map(({ email, role_id }) => (
              <tr key={email}>
                <td className="font-medium">{email}</td>
                <td>{roles.find(({ id }) => id === role_id)?.name}</td>
                <td>
                  <Badge tone={users.some((user) => user.email === email) ? "good" : "neutral"}>
                    {t(
                      users.some((user) => user.email === email)
                        ? "security.joined"
                        : "security.invited",
                    )}
                  </Badge>
                </td>
                <td>
                  <ActionForm
                    action={disallowEmail}
                    submit={t("security.remove")}
                    variant="secondary"
                    inline
                    label={`${t("security.remove")}: ${email}`}
                  >
                    <input type="hidden" name="email" value={email} />
                  </ActionForm>
                </td>
              </tr>
            ))}
          </Table>
        )}
        <ActionForm
          action={allowEmail}
          clears
          submit={t("security.allow")}
          className="mt-4 max-w-sm space-y-3"
        >
          <Field label={t("login.email")} name="email" type="email" maxLength={320} required />
          <Select
            label={t("security.first_role")}
            name="role"
            options={[
              ["", t("security.no_role")],
              ...roles.map(({ id, name }): [string, string] => [id, name]),
            ]}
          />
        </ActionForm>
      </Card>
      <Card title={t("security.admins")}>
        <p className="mb-2 text-sm text-muted">{t("security.admins_lead")}</p>
        <p className="flex flex-wrap gap-1">
          {admins.map(({ email }) => (
            <Badge key={email}>{email}</Badge>
          ))}
        </p>
      </Card>
      <Card title={t("security.installation")}>
        <ActionForm action={saveSettings} submit={t("ui.save")} className="max-w-md space-y-3">
          <Field
            label={t("security.public_url")}
            name="public_url"
            type="url"
            defaultValue={settings.data?.public_url ?? ""}
            placeholder="https://mcpist.app"
            hint={t("security.public_url_hint")}
          />
          <Field
            label={t("security.retention")}
            name="days"
            type="number"
            min={30}
            max={3650}
            defaultValue={settings.data?.audit_retention_days}
            required
          />
        </ActionForm>
      </Card>
      <Card title={t("security.leak")}>
        <p className="mb-3 max-w-prose text-sm">{t("security.leak_lead")}</p>
        <ActionForm
          action={revokeEverything}
          clears
          submit={t("security.revoke_all")}
          variant="danger"
          className="max-w-sm space-y-3"
        >
          <Field
            label={t("security.type", { words: "REVOKE ALL" })}
            name="confirmation"
            autoComplete="off"
            required
            pattern="REVOKE ALL"
          />
        </ActionForm>
      </Card>
    </>
  );
}
