import { decideConfirmation } from "@/app/actions/confirmation";
import { ActionForm } from "@/components/action-form";
import { Time } from "@/components/time";
import { ToolKind } from "@/components/tool-kind";
import { ButtonLink, Card, Code, Empty, Notice, PageTitle } from "@/components/ui";
import { Name, VisibleText } from "@/components/visible";
import { inCatalogue } from "@/lib/catalogue";
import { readConfirmation } from "@/lib/confirmation";
import { i18n, type Key, pageTitle } from "@/lib/i18n";
import { requireUser } from "@/lib/session";
import { json, visibleLine } from "@/lib/visible";

export const generateMetadata = pageTitle("confirm.title");

const PROBLEMS: Record<string, Key> = { PT404: "confirm.gone", PT410: "confirm.decided" };

/** Shows a call that waits for the user's decision: all of it, because the user confirms what is shown. */
export default async function Page({ params }: PageProps<"/confirm/[id]">) {
  const user = await requireUser();
  const { t } = await i18n();
  const { id } = await params;
  const read = await readConfirmation(id);
  if ("error" in read) {
    const problem = PROBLEMS[read.error];
    if (!problem) throw new Error(`The confirmation cannot be read (${read.error}).`);
    return (
      <div className="mx-auto max-w-2xl">
        <PageTitle>{t("confirm.title")}</PageTitle>
        <Notice tone="warn" role="alert">
          {t(problem)}
        </Notice>
        <ButtonLink href="/">{t("ui.home")}</ButtonLink>
      </div>
    );
  }
  const { data } = read;
  const { calls, ...rest } = readDeed(read.deed);
  return (
    <div className="mx-auto max-w-2xl">
      <PageTitle lead={t("confirm.lead")}>{t("confirm.title")}</PageTitle>
      <Card>
        <dl className="space-y-2 text-sm [&_dt]:text-muted">
          <div>
            <dt>{t("audit.client")}</dt>
            <dd className="font-medium">
              {data.client === null ? t("confirm.unknown_client") : <Name text={data.client} />}
            </dd>
          </div>
          <div>
            <dt>{t("consent.account")}</dt>
            <dd className="font-medium break-all">{user.email}</dd>
          </div>
          <div>
            <dt>{t("confirm.expires")}</dt>
            <dd>
              <Time value={data.expires_at} />
            </dd>
          </div>
        </dl>
      </Card>
      {calls.map((call, at) => (
        <Call
          key={at}
          call={call}
          position={calls.length > 1 ? `${at + 1} / ${calls.length}` : undefined}
        />
      ))}
      {(Object.keys(rest).length > 0 || calls.length === 0) && (
        <Card title={t("confirm.details")}>
          <VisibleText label={t("confirm.details")} text={json(rest)} />
        </Card>
      )}
      <Card title={t("confirm.question")}>
        <ActionForm
          action={decideConfirmation}
          once
          choices={[
            { value: "yes", text: t("confirm.yes"), variant: "danger" },
            { value: "no", text: t("confirm.no"), variant: "secondary" },
          ]}
        >
          <input type="hidden" name="id" value={data.id} />
        </ActionForm>
      </Card>
    </div>
  );
}

type Members = Record<string, unknown>;

/** The calls of a deed, and its other members. */
function readDeed(deed: unknown): { calls: Members[] } & Members {
  const isMembers = (value: unknown): value is Members =>
    typeof value === "object" && value !== null && !Array.isArray(value);
  const { calls, ...rest } = isMembers(deed) ? deed : { deed };
  return Array.isArray(calls) && calls.every(isMembers)
    ? { calls, ...rest }
    : { calls: [], ...rest, ...(calls !== undefined && { calls_as_sent: calls }) };
}

async function Call({ call, position }: { call: Members; position: string | undefined }) {
  const { t } = await i18n();
  const { module, tool, account, params, ...rest } = call;
  const known = inCatalogue(String(module))?.tools.find((entry) => entry.tool === tool);
  const isObject = typeof params === "object" && params !== null && !Array.isArray(params);
  const values: [string, unknown][] = isObject
    ? Object.entries(params)
    : params === undefined
      ? []
      : [["params", params]];
  return (
    <Card
      title={
        <span className="flex flex-wrap items-center gap-2">
          {position && <span className="text-sm font-normal text-muted">{position}</span>}
          <span className="font-mono break-all">{visibleLine(`${module}.${tool}`, 250)}</span>
          {known && <ToolKind tool={known} />}
        </span>
      }
    >
      {known && <p className="mb-3 text-sm text-muted">{known.description}</p>}
      {account !== undefined && account !== null && (
        <p className="mb-3 text-sm">
          <span className="text-muted">{t("audit.account")}</span>{" "}
          <Name text={String(account)} most={200} />
        </p>
      )}
      <h3 className="mb-2 text-sm font-semibold">{t("audit.arguments")}</h3>
      {values.length === 0 && <Empty>{t("confirm.no_arguments")}</Empty>}
      <dl className="space-y-3 text-sm">
        {values.map(([name, value]) => (
          <Argument key={name} name={name} value={value} />
        ))}
        {Object.entries(rest).map(([name, value]) => (
          <Argument key={name} name={name} value={value} isDetail />
        ))}
      </dl>
    </Card>
  );
}

async function Argument({
  name,
  value,
  isDetail = false,
}: {
  name: string;
  value: unknown;
  isDetail?: boolean;
}) {
  const { t } = await i18n();
  const text = typeof value === "string" ? value : json(value);
  const lines = text.split("\n").length;
  const shown = visibleLine(name, 1000);
  return (
    <div>
      <dt className="mb-1 flex flex-wrap items-baseline gap-2">
        <Code>{shown}</Code>
        {isDetail && <span className="text-xs text-muted">{t("confirm.details")}</span>}
        {(lines > 1 || text.length > 200) && (
          <span className="text-xs text-muted">
            {t("confirm.size", { characters: Array.from(text).length, lines })}
          </span>
        )}
      </dt>
      <dd>
        <VisibleText label={shown} text={text} />
      </dd>
    </div>
  );
}
