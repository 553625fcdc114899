import Link from "next/link";
import { decideRequest, deleteAccount, revokeUserTokens, saveUser } from "@/app/actions/users";
import { ActionForm } from "@/components/action-form";
import { Time } from "@/components/time";
import {
  Badge,
  ButtonLink,
  Card,
  Check,
  Code,
  Empty,
  Field,
  PageTitle,
  Table,
} from "@/components/ui";
import { UrlDialog } from "@/components/url-dialog";
import { database, rows } from "@/lib/database";
import type { Role, User } from "@/lib/database.types";
import { i18n, pageTitle } from "@/lib/i18n";
import { readQuery } from "@/lib/paths";
import { requireAdmin } from "@/lib/session";

export const generateMetadata = pageTitle("nav.users");

export default async function Page({ searchParams }: PageProps<"/admin/users">) {
  const admin = await requireAdmin();
  const { t } = await i18n();
  const query = await readQuery(searchParams);
  const supabase = await database();
  const [users, roles, links, requests] = await Promise.all([
    supabase.from("users").select("*").order("email").then(rows),
    supabase.from("roles").select("*").order("name").then(rows),
    supabase.from("user_roles").select("user_id, role_id").then(rows),
    supabase
      .from("access_requests")
      .select("*")
      .eq("status", "open")
      .order("created_at")
      .then(rows),
  ]);
  const rolesOf = (id: string) =>
    roles.filter((role) => links.some((link) => link.user_id === id && link.role_id === role.id));
  const chosen = users.find(({ id }) => id === query["user"]);
  const nameOf = (id: string) => users.find((user) => user.id === id)?.email ?? id;
  return (
    <>
      <PageTitle
        lead={
          <>
            {t("users.lead")}{" "}
            <Link className="text-accent-ink underline" href="/admin/security#allow-list">
              {t("security.allow_list")}
            </Link>
          </>
        }
      >
        {t("nav.users")}
      </PageTitle>
      {requests.length > 0 && (
        <Card title={t("users.requests")}>
          <ul className="divide-y divide-line">
            {requests.map((request) => (
              <li key={request.id} className="flex flex-wrap items-center gap-3 py-3 text-sm">
                <div className="mr-auto min-w-0">
                  <p>
                    <span className="font-medium">{nameOf(request.user_id)}</span> →{" "}
                    <Code>
                      {request.module}
                      {request.tool && `/${request.tool}`}
                    </Code>{" "}
                    <span className="text-muted">
                      <Time value={request.created_at} />
                    </span>
                  </p>
                  {request.message && (
                    <p className="text-muted break-words whitespace-pre-line">{request.message}</p>
                  )}
                </div>
                <ButtonLink href={`/admin/users?user=${request.user_id}`}>
                  {t("users.roles")}
                </ButtonLink>
                {(["granted", "declined"] as const).map((status) => (
                  <ActionForm
                    key={status}
                    action={decideRequest}
                    submit={t(`users.${status}`)}
                    variant="secondary"
                    inline
                  >
                    <input type="hidden" name="id" value={request.id} />
                    <input type="hidden" name="status" value={status} />
                  </ActionForm>
                ))}
              </li>
            ))}
          </ul>
          <p className="mt-2 text-xs text-muted">{t("users.granting")}</p>
        </Card>
      )}
      <Card>
        <Table
          label={t("nav.users")}
          head={[
            t("login.email"),
            t("settings.name"),
            t("users.roles"),
            t("settings.state"),
            t("users.since"),
            "",
          ]}
        >
          {users.map((user) => (
            <tr key={user.id}>
              <td className="font-medium">
                <Link
                  className="underline underline-offset-2"
                  scroll={false}
                  href={`/admin/users?user=${user.id}`}
                >
                  {user.email}
                </Link>
              </td>
              <td>{user.display_name}</td>
              <td>
                <span className="flex flex-wrap gap-1">
                  {rolesOf(user.id).map(({ id, name }) => (
                    <Badge key={id}>{name}</Badge>
                  ))}
                </span>
              </td>
              <td>
                {user.disabled_at ? (
                  <Badge tone="bad">{t("users.disabled")}</Badge>
                ) : user.system_role === "admin" ? (
                  <Badge tone="warn">{t("role.admin")}</Badge>
                ) : (
                  <Badge tone="good">{t("role.user")}</Badge>
                )}
              </td>
              <td>
                <Time value={user.created_at} />
              </td>
              <td>
                <span className="flex flex-wrap gap-1">
                  <ButtonLink
                    href={`/admin/users?user=${user.id}`}
                    aria-label={`${t("ui.edit")}: ${user.email}`}
                  >
                    {t("ui.edit")}
                  </ButtonLink>
                  <ButtonLink
                    href={`/admin/roles?preview=${user.id}`}
                    aria-label={`${t("roles.preview")}: ${user.email}`}
                  >
                    {t("roles.preview")}
                  </ButtonLink>
                </span>
              </td>
            </tr>
          ))}
        </Table>
      </Card>
      {chosen && (
        <UserDialog
          user={chosen}
          roles={roles}
          held={rolesOf(chosen.id).map(({ id }) => id)}
          isSelf={chosen.id === admin.id}
        />
      )}
    </>
  );
}

async function UserDialog({
  user,
  roles,
  held,
  isSelf,
}: {
  user: User;
  roles: Role[];
  held: string[];
  isSelf: boolean;
}) {
  const { t } = await i18n();
  return (
    <UrlDialog title={user.email} closeTo="/admin/users">
      <ActionForm action={saveUser} submit={t("ui.save")} closeTo="/admin/users">
        <input type="hidden" name="id" value={user.id} />
        <fieldset>
          <legend className="mb-1 text-sm font-semibold">{t("users.roles")}</legend>
          {roles.length === 0 && <Empty>{t("roles.none")}</Empty>}
          {roles.map((role) => (
            <Check
              key={role.id}
              name="role"
              value={role.id}
              defaultChecked={held.includes(role.id)}
              label={role.name}
              hint={role.description}
            />
          ))}
        </fieldset>
        <Check
          name="admin"
          defaultChecked={user.system_role === "admin"}
          label={t("role.admin")}
          hint={t("users.admin_hint")}
        />
        <Check
          name="disabled"
          defaultChecked={user.disabled_at !== null}
          label={t("users.disabled")}
          hint={t("users.disabled_hint")}
        />
      </ActionForm>
      <div className="mt-6 space-y-3 border-t border-line pt-4">
        <ActionForm action={revokeUserTokens} submit={t("users.revoke")} variant="secondary">
          <input type="hidden" name="id" value={user.id} />
          <p className="text-sm text-muted">{t("users.revoke_lead")}</p>
        </ActionForm>
        {!isSelf && (
          <ActionForm action={deleteAccount} submit={t("users.delete")} variant="danger">
            <input type="hidden" name="id" value={user.id} />
            <p className="text-sm text-muted">{t("users.delete_lead")}</p>
            <Check name="disallow" defaultChecked label={t("users.delete_disallow")} />
            <Field
              label={t("users.delete_confirm", { email: user.email })}
              name="confirmation"
              autoComplete="off"
              required
            />
          </ActionForm>
        )}
      </div>
    </UrlDialog>
  );
}
