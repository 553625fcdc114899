import { connectWithToken } from "@/app/actions/connections";
import { i18n } from "@/lib/i18n";
import { ActionForm } from "./action-form";
import { Field, Select } from "./ui";

/** Connects a service with a token created there. With `roles`, an admin shares it with one of them. */
export async function TokenForm({
  service,
  closeTo,
  roles,
}: {
  service: string;
  closeTo?: string;
  roles?: { id: string; name: string }[];
}) {
  const { t } = await i18n();
  const hasSites = service === "jira" || service === "confluence";
  return (
    <ActionForm
      action={connectWithToken}
      submit={t("connections.save_token")}
      {...(closeTo && { closeTo })}
    >
      <input type="hidden" name="service" value={service} />
      {roles && (
        <Select
          label={t("services.role")}
          name="shared_with_role"
          options={roles.map(({ id, name }) => [id, name])}
          required
        />
      )}
      {hasSites && (
        <>
          <Field
            label={t("connections.site")}
            name="base_url"
            type="url"
            placeholder="https://acme.atlassian.net"
            required
          />
          <Field label={t("login.email")} name="email" type="email" required />
        </>
      )}
      <Field
        label={t("connections.token")}
        name="token"
        type="password"
        autoComplete="off"
        minLength={8}
        required
        hint={t("connections.token_hint")}
      />
      <Field
        label={t("connections.account")}
        name="account"
        maxLength={100}
        placeholder="default"
        hint={t("connections.account_hint")}
      />
    </ActionForm>
  );
}
