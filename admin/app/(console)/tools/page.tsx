import Link from "next/link";
import {
  askForAccess,
  disconnect,
  testConnection,
  withdrawRequest,
} from "@/app/actions/connections";
import { ActionForm } from "@/components/action-form";
import { Disclosure } from "@/components/disclosure";
import { StateBadge } from "@/components/state";
import { Time } from "@/components/time";
import { TokenForm } from "@/components/token-form";
import { ToolKind } from "@/components/tool-kind";
import {
  Badge,
  ButtonLink,
  buttonClass,
  Card,
  Code,
  Empty,
  Field,
  Notice,
  PageTitle,
  TextArea,
} from "@/components/ui";
import { UrlDialog } from "@/components/url-dialog";
import { inCatalogue, type Tool } from "@/lib/catalogue";
import { database, rows } from "@/lib/database";
import type { AccessRequest } from "@/lib/database.types";
import { i18n, pageTitle } from "@/lib/i18n";
import { described } from "@/lib/i18n/modules";
import { type Query, readQuery, withQuery } from "@/lib/paths";
import { type OwnConnection, type Service, servicesOf } from "@/lib/services";
import { requireUser } from "@/lib/session";

export const generateMetadata = pageTitle("nav.tools");

export default async function Page({ searchParams }: PageProps<"/tools">) {
  const user = await requireUser();
  const { t, language } = await i18n();
  const query = await readQuery(searchParams);
  const [services, requests] = await Promise.all([
    servicesOf(user.id),
    (await database())
      .from("access_requests")
      .select("id, module, tool, created_at")
      .eq("user_id", user.id)
      .eq("status", "open")
      .then(rows),
  ]);
  const words = (query["q"] ?? "").toLowerCase();
  const matches = (service: Service) =>
    !words ||
    `${service.module.display_name} ${service.module.module} ${namesOf(service).join(" ")}`
      .toLowerCase()
      .includes(words);
  const mine = services.filter((service) => service.isMine && matches(service));
  const others = services.filter((service) => !service.isMine && matches(service));
  const ofDialog = services.find(
    ({ module }) => module.module === (query["token"] ?? query["ask"] ?? query["disconnect"]),
  );

  return (
    <>
      <PageTitle lead={t("tools.lead")}>{t("nav.tools")}</PageTitle>
      <search className="mb-6">
        <form className="flex max-w-md items-end gap-2">
          <div className="grow">
            <Field
              label={t("tools.search")}
              name="q"
              type="search"
              defaultValue={query["q"] ?? ""}
            />
          </div>
          <button type="submit" className={buttonClass("secondary")}>
            {t("ui.search")}
          </button>
        </form>
      </search>
      {mine.length === 0 && (
        <Empty>{words ? t("tools.nothing_found") : t("home.no_services")}</Empty>
      )}
      {mine.map((service) => (
        <ServiceCard
          key={service.module.module}
          service={service}
          requests={requests}
          query={query}
          words={words}
        />
      ))}
      {others.length > 0 && (
        <Disclosure
          className="rounded-lg border border-line bg-surface p-4"
          open={words !== "" || others.some(({ module }) => module.module === query["ask"])}
        >
          <summary className="cursor-pointer font-semibold">
            {t("tools.others", { n: others.length })}
          </summary>
          <ul className="mt-3 divide-y divide-line">
            {others.map(({ module }) => {
              const request = requests.find(
                (open) => open.module === module.module && open.tool === null,
              );
              return (
                <li key={module.module} className="flex flex-wrap items-center gap-3 py-3 text-sm">
                  <div className="mr-auto max-w-prose">
                    <p className="font-medium">
                      {module.display_name}{" "}
                      {module.status === "broken" && <StateBadge state="broken" />}
                    </p>
                    <p className="text-muted">{described(module, language)}</p>
                  </div>
                  <Ask request={request} module={module.module} query={query} />
                </li>
              );
            })}
          </ul>
        </Disclosure>
      )}
      {ofDialog && <Dialogs service={ofDialog} query={query} />}
    </>
  );
}

const knownTools = ({ module }: Service): Tool[] => inCatalogue(module.module)?.tools ?? [];
const namesOf = (service: Service) => [
  ...service.tools,
  ...knownTools(service).map(({ tool }) => tool),
];

type Request = Pick<AccessRequest, "id" | "module" | "tool">;

async function ServiceCard({
  service,
  requests,
  query,
  words,
}: {
  service: Service;
  requests: Request[];
  query: Query;
  words: string;
}) {
  const { t, number, language } = await i18n();
  const { module, connections, state, hasOAuth } = service;
  // The user's own account hides a shared one with the same name, which is then never used.
  const shared = service.shared.filter(({ account }) =>
    connections.every((own) => own.account !== account),
  );
  const known = knownTools(service);
  const isShown = ({ tool }: Tool) =>
    !words || tool.includes(words) || module.display_name.toLowerCase().includes(words);
  const tools = service.tools
    .map(
      (tool) =>
        known.find((entry) => entry.tool === tool) ?? {
          tool,
          description: "",
          read_only: false,
          destructive: false,
        },
    )
    .filter(isShown);
  const refused =
    state === "broken"
      ? []
      : known.filter((entry) => !service.tools.includes(entry.tool) && isShown(entry));
  const isOpen = query["module"] === module.module || words !== "";
  return (
    <Card
      id={module.module}
      title={
        <span className="flex flex-wrap items-center gap-2">
          {module.display_name} <StateBadge state={state} />
          {module.status === "deprecated" && <Badge tone="warn">{t("modules.deprecated")}</Badge>}
        </span>
      }
      actions={
        state !== "broken" && (
          <>
            {hasOAuth && (
              <ButtonLink
                variant={state === "connect" ? "primary" : "secondary"}
                href={`/oauth/connect?service=${module.module}`}
              >
                {t(connections.length ? "tools.add_account" : "tools.connect")}
              </ButtonLink>
            )}
            <ButtonLink href={withQuery("/tools", query, { token: module.module })}>
              {t("tools.with_token")}
            </ButtonLink>
          </>
        )
      }
    >
      <p className="mb-2 text-sm text-muted">{described(module, language)}</p>
      {module.notes && (
        <Notice tone={state === "broken" ? "bad" : "neutral"}>{module.notes}</Notice>
      )}
      {state === "connect" && <p className="mb-2 text-sm">{t("tools.not_connected")}</p>}
      <ul className="mb-3 space-y-2">
        {connections.map((connection) => (
          <Account key={connection.id} connection={connection} query={query} hasOAuth={hasOAuth} />
        ))}
        {shared.map(({ account, role, status }) => (
          <li
            key={`${role} ${account}`}
            className="flex flex-wrap items-center gap-2 rounded-md bg-sunken px-3 py-2 text-sm"
          >
            <div className="mr-auto min-w-0">
              <p className="font-medium break-all">
                {account} {status !== "active" && <Badge tone="warn">{t("tools.over")}</Badge>}
              </p>
              <p className="text-xs text-muted">
                {t(status === "active" ? "tools.shared" : "tools.shared_over", { role })}
              </p>
            </div>
            {status === "active" && (
              <ActionForm
                action={testConnection}
                submit={t("test.test")}
                variant="secondary"
                inline
                label={`${t("test.test")}: ${account}`}
              >
                <input type="hidden" name="service" value={module.module} />
                <input type="hidden" name="account" value={account} />
              </ActionForm>
            )}
          </li>
        ))}
      </ul>
      {tools.length > 0 && (
        <Disclosure open={isOpen}>
          <summary className="cursor-pointer text-sm font-medium">
            {t("tools.of_module", { n: number(tools.length) })}
          </summary>
          <ul id={`${module.module}-tools`} className="mt-2 grid gap-x-6 gap-y-2 md:grid-cols-2">
            {tools.map((entry) => (
              <li key={entry.tool} className="text-sm">
                <Described tool={entry} />
              </li>
            ))}
          </ul>
        </Disclosure>
      )}
      {refused.length > 0 && (
        <Disclosure className="mt-2" open={words !== "" || query["ask"] === module.module}>
          <summary className="cursor-pointer text-sm font-medium text-muted">
            {t("tools.refused", { n: number(refused.length) })}
          </summary>
          <ul className="mt-2 grid gap-x-6 gap-y-2 md:grid-cols-2">
            {refused.map((entry) => (
              <li key={entry.tool} className="text-sm">
                <Described tool={entry} />
                <Ask
                  request={requests.find(
                    (open) => open.module === module.module && open.tool === entry.tool,
                  )}
                  module={module.module}
                  tool={entry.tool}
                  query={query}
                />
              </li>
            ))}
          </ul>
        </Disclosure>
      )}
    </Card>
  );
}

function Described({ tool }: { tool: Tool }) {
  return (
    <>
      <Code>{tool.tool}</Code> <ToolKind tool={tool} />
      <p className="mt-0.5 text-muted">{tool.description}</p>
    </>
  );
}

/** A button to request a service or one of its tools, or the open request. */
async function Ask({
  request,
  module,
  tool,
  query,
}: {
  request: Request | undefined;
  module: string;
  tool?: string;
  query: Query;
}) {
  const { t } = await i18n();
  const name = tool ?? module;
  if (!request) {
    const target = withQuery("/tools", query, { ask: module, tool: tool ?? null });
    return tool ? (
      <Link
        scroll={false}
        prefetch={false}
        className="text-accent-ink underline"
        href={target}
        aria-label={`${t("tools.ask")}: ${name}`}
      >
        {t("tools.ask")}
      </Link>
    ) : (
      <ButtonLink href={target} aria-label={`${t("tools.ask")}: ${name}`}>
        {t("tools.ask")}
      </ButtonLink>
    );
  }
  return (
    <span className="flex flex-wrap items-center gap-3">
      <Badge tone="warn">{t("tools.waiting")}</Badge>
      <ActionForm
        action={withdrawRequest}
        submit={t("tools.withdraw")}
        variant="secondary"
        inline
        label={`${t("tools.withdraw")}: ${name}`}
      >
        <input type="hidden" name="id" value={request.id} />
      </ActionForm>
    </span>
  );
}

async function Account({
  connection,
  query,
  hasOAuth,
}: {
  connection: OwnConnection;
  query: Query;
  hasOAuth: boolean;
}) {
  const { t } = await i18n();
  const needsReconnect = connection.status === "reconnect_required";
  return (
    <li className="flex flex-wrap items-center gap-2 rounded-md bg-sunken px-3 py-2 text-sm">
      <div className="mr-auto min-w-0">
        <p className="font-medium break-all">
          {connection.account} {needsReconnect && <Badge tone="warn">{t("tools.over")}</Badge>}
        </p>
        <p className="text-xs text-muted">
          {connection.last_used_at ? (
            <>
              {t("connections.last_used")} <Time value={connection.last_used_at} />
            </>
          ) : (
            t("connections.never_used")
          )}
          {connection.scopes.length > 0 && (
            <>
              {" "}
              · {t("connections.scopes")} {connection.scopes.join(", ")}
            </>
          )}
        </p>
      </div>
      {needsReconnect && hasOAuth && (
        <ButtonLink
          href={withQuery("/oauth/connect", {
            service: connection.service,
            account: connection.account,
          })}
        >
          {t("tools.reconnect")}
        </ButtonLink>
      )}
      <ActionForm
        action={testConnection}
        submit={t("test.test")}
        variant="secondary"
        inline
        label={`${t("test.test")}: ${connection.account}`}
      >
        <input type="hidden" name="service" value={connection.service} />
        <input type="hidden" name="account" value={connection.account} />
      </ActionForm>
      <ButtonLink
        href={withQuery("/tools", query, { disconnect: connection.service, id: connection.id })}
      >
        {t("tools.disconnect")}
      </ButtonLink>
    </li>
  );
}

async function Dialogs({ service, query }: { service: Service; query: Query }) {
  const { t } = await i18n();
  const { module, display_name } = service.module;
  const back = withQuery("/tools", query, {
    token: null,
    ask: null,
    tool: null,
    disconnect: null,
    id: null,
  });
  if (query["token"]) {
    return (
      <UrlDialog
        title={t("tools.token_title", { service: display_name })}
        description={t("tools.token_lead", { service: display_name })}
        closeTo={back}
      >
        <TokenForm service={module} closeTo={back} />
      </UrlDialog>
    );
  }
  if (query["ask"]) {
    const tool = knownTools(service).find((entry) => entry.tool === query["tool"])?.tool;
    return (
      <UrlDialog
        title={t("tools.ask_title", { service: tool ? `${display_name}: ${tool}` : display_name })}
        description={t("tools.ask_lead")}
        closeTo={back}
      >
        <ActionForm action={askForAccess} submit={t("tools.ask")} closeTo={back}>
          <input type="hidden" name="module" value={module} />
          {tool && <input type="hidden" name="tool" value={tool} />}
          <TextArea label={t("tools.message")} name="message" maxLength={1000} />
        </ActionForm>
      </UrlDialog>
    );
  }
  const connection = service.connections.find(({ id }) => id === query["id"]);
  return (
    connection && (
      <UrlDialog
        title={t("tools.disconnect_title", { service: display_name })}
        description={t("tools.disconnect_lead", { account: connection.account })}
        closeTo={back}
      >
        <ActionForm
          action={disconnect}
          submit={t("tools.disconnect")}
          variant="danger"
          closeTo={back}
        >
          <input type="hidden" name="id" value={connection.id} />
        </ActionForm>
      </UrlDialog>
    )
  );
}
