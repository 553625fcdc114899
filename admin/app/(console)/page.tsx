import Link from "next/link";
import { CopyButton } from "@/components/copy-button";
import { OutcomeBadge, StateBadge } from "@/components/state";
import { Time } from "@/components/time";
import { Badge, ButtonLink, Card, Code, Empty, Notice, PageTitle } from "@/components/ui";
import { Name } from "@/components/visible";
import { eventName } from "@/lib/audit";
import { database, rows } from "@/lib/database";
import { i18n, pageTitle } from "@/lib/i18n";
import { servicesOf } from "@/lib/services";
import { requireUser } from "@/lib/session";
import { visibleLine } from "@/lib/visible";

export const generateMetadata = pageTitle("nav.home");

export default async function Page() {
  const user = await requireUser();
  const { t } = await i18n();
  const supabase = await database();
  const isAdmin = user.systemRole === "admin";
  const [services, links, events, waiting, confirmations] = await Promise.all([
    servicesOf(user.id),
    supabase.from("user_roles").select("role_id").eq("user_id", user.id).then(rows),
    supabase
      .from("audit_logs")
      .select("id, at, action, module, tool, outcome")
      .eq("user_id", user.id)
      .order("at", { ascending: false })
      .limit(8)
      .then(rows),
    isAdmin ? supabase.from("access_requests").select("id").eq("status", "open").then(rows) : [],
    supabase.rpc("my_confirmations").then(rows),
  ]);
  const roles = rows(
    await supabase
      .from("roles")
      .select("name")
      .in(
        "id",
        links.map(({ role_id }) => role_id),
      )
      .order("name"),
  );
  const names = await Promise.all(events.map(eventName));
  const mine = services.filter(({ isMine }) => isMine);
  const attention = mine.filter(({ state }) => state !== "ready");

  return (
    <>
      <PageTitle>{t("home.title", { name: user.name ?? user.email })}</PageTitle>
      {isAdmin && waiting.length > 0 && (
        <Notice tone="warn">
          <Link className="underline" href="/admin/users">
            {t("home.requests", { n: waiting.length })}
          </Link>
        </Notice>
      )}
      {confirmations.length > 0 && (
        <Card title={t("confirm.waiting")}>
          <ul className="divide-y divide-line">
            {confirmations.map(({ id, tools, client, expires_at }) => (
              <li key={id} className="flex flex-wrap items-center gap-3 py-2 text-sm">
                <div className="mr-auto min-w-0">
                  <p className="break-words">
                    <Code>{tools.map((tool) => visibleLine(tool)).join(", ")}</Code>
                  </p>
                  <p className="text-xs text-muted">
                    {client !== null && <Name text={client} />} {t("confirm.expires")}{" "}
                    <Time value={expires_at} />
                  </p>
                </div>
                <ButtonLink variant="primary" href={`/confirm/${id}`}>
                  {t("confirm.review")}
                </ButtonLink>
              </li>
            ))}
          </ul>
        </Card>
      )}
      <div className="grid gap-x-6 lg:grid-cols-2">
        <div>
          <Card title={t("home.have")}>
            <p className="mb-3 flex flex-wrap items-center gap-2 text-sm">
              <span className="text-muted">{t("home.roles")}</span>
              {isAdmin && <Badge tone="warn">{t("role.admin")}</Badge>}
              {roles.map(({ name }) => (
                <Badge key={name}>{name}</Badge>
              ))}
              {roles.length === 0 && <span>{t("home.no_roles")}</span>}
            </p>
            {mine.length === 0 ? (
              <Empty>{t("home.no_services")}</Empty>
            ) : (
              <ul className="divide-y divide-line">
                {mine.map(({ module, tools, state }) => (
                  <li
                    key={module.module}
                    className="flex flex-wrap items-center gap-2 py-2 text-sm"
                  >
                    <Link
                      href={`/tools?module=${module.module}`}
                      className="mr-auto font-medium underline-offset-2 hover:underline"
                    >
                      {module.display_name}
                    </Link>
                    {state !== "broken" && (
                      <span className="text-muted">{t("home.tools", { n: tools.length })}</span>
                    )}
                    <StateBadge state={state} />
                  </li>
                ))}
              </ul>
            )}
          </Card>
          <Card title={t("home.attention")}>
            {attention.length === 0 ? (
              <Empty>{t("home.all_well")}</Empty>
            ) : (
              <ul className="space-y-2">
                {attention.map(({ module, state, connections }) => (
                  <li
                    key={module.module}
                    className="flex flex-wrap items-center justify-between gap-2 text-sm"
                  >
                    <span>
                      {t(
                        state === "reconnect" && connections.length === 0
                          ? "home.attention_shared"
                          : `home.attention_${state as "connect"}`,
                        { service: module.display_name },
                      )}
                    </span>
                    {state !== "broken" && (
                      <ButtonLink href={`/tools?module=${module.module}`}>
                        {t(connections.length === 0 ? "tools.connect" : "tools.reconnect")}
                      </ButtonLink>
                    )}
                  </li>
                ))}
              </ul>
            )}
          </Card>
          <Card
            title={t("home.recent")}
            actions={
              <Link href="/settings#audit" className="text-sm text-accent-ink underline">
                {t("home.all_events")}
              </Link>
            }
          >
            {events.length === 0 ? (
              <Empty>{t("audit.none")}</Empty>
            ) : (
              <ul className="divide-y divide-line">
                {events.map((event, at) => (
                  <li
                    key={event.id}
                    className="flex items-center justify-between gap-2 py-2 text-sm"
                  >
                    <div className="min-w-0">
                      <p className="break-words">{names[at]}</p>
                      <p className="text-xs text-muted">
                        <Time value={event.at} />
                      </p>
                    </div>
                    <OutcomeBadge outcome={event.outcome} />
                  </li>
                ))}
              </ul>
            )}
          </Card>
        </div>
        <Connect server={user.serverUrl} />
      </div>
    </>
  );
}

/** How to add the server to each client. */
async function Connect({ server }: { server: string | null }) {
  const { t } = await i18n();
  if (!server)
    return (
      <Card title={t("clients.title")}>
        <Empty>{t("clients.no_address")}</Empty>
      </Card>
    );
  const clients: [string, string, string][] = [
    ["Claude", t("clients.claude"), server],
    ["ChatGPT", t("clients.chatgpt"), server],
    ["Cursor", t("clients.cursor"), JSON.stringify({ mcpServers: { mcpist: { url: server } } })],
    [
      "VS Code",
      t("clients.vscode"),
      `code --add-mcp '${JSON.stringify({ name: "mcpist", type: "http", url: server })}'`,
    ],
    ["Claude Code", t("clients.cli"), `claude mcp add --transport http mcpist ${server}`],
  ];
  return (
    <Card title={t("clients.title")}>
      <ul className="space-y-4">
        {clients.map(([name, how, text]) => (
          <li key={name}>
            <h3 className="text-sm font-semibold">{name}</h3>
            <p className="mb-1 text-sm text-muted">{how}</p>
            <div className="flex items-start justify-between gap-2">
              <Code>{text}</Code>
              <CopyButton text={text} label={name} />
            </div>
          </li>
        ))}
      </ul>
      <p className="mt-4 text-sm text-muted">
        {t("clients.token")}{" "}
        <Link className="text-accent-ink underline" href="/settings">
          {t("nav.settings")}
        </Link>
      </p>
    </Card>
  );
}
