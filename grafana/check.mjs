// Checks this folder: expressions must parse, and names must exist.
//
//   node grafana/check.mjs
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

const read = (file) => readFileSync(new URL(file, import.meta.url), "utf8");
const { _, ...metrics } = JSON.parse(read("metrics.json"));
const dashboard = JSON.parse(read("dashboard.json"));
const rules = read("rules.yaml");
const findings = [];
const find = (finding) => findings.push(finding);

const panels = dashboard.panels.flatMap((panel) => [panel, ...(panel.panels ?? [])]);
const queries = panels.flatMap(({ title, targets = [] }) =>
  targets.map(({ expr, datasource }) => ({ where: `panel "${title}"`, expr, datasource })),
);
const dashboards = queries.filter(({ datasource }) => datasource.type === "prometheus");
// Comments also name metrics, so they are checked like the expressions.
const texts = [...dashboards, { where: "rules.yaml", expr: rules }];

const used = new Set();
for (const { where, expr } of texts) {
  const known = new Set();
  for (const [name] of expr.matchAll(/\b(?:mcpist|probe)_\w+/g)) {
    const base = metrics[name] ? name : name.replace(/_(bucket|sum|count)$/, "");
    const metric = metrics[base];
    if (
      !metric ||
      (base === name && metric.type === "histogram") ||
      (base !== name && metric.type !== "histogram")
    ) {
      find(`${where}: there is no metric ${name}`);
      continue;
    }
    used.add(base);
    for (const label of [...metric.labels, "job", "le"]) known.add(label);
  }
  const labels = [
    ...[...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, list]) => list.split(/,\s*/)),
    ...[...expr.matchAll(/\b(?:mcpist|probe)_\w+\{([^}]*)\}/g)].flatMap(([, selector]) =>
      [...selector.matchAll(/(\w+)\s*[=!]~?"/g)].map(([, label]) => label),
    ),
  ];
  for (const label of labels)
    if (!known.has(label)) find(`${where}: its metrics do not have the label ${label}`);
}
for (const name of Object.keys(metrics))
  if (!used.has(name)) find(`metrics.json: nothing shows ${name}`);

// The list must match the server's.
const source = new URL("../src/telemetry/metrics.rs", import.meta.url);
if (existsSync(source)) {
  const sent = new Set(
    readFileSync(source, "utf8")
      .match(/"mcpist_\w+"/g)
      .map((name) => name.slice(1, -1)),
  );
  const listed = Object.keys(metrics).filter((name) => !metrics[name].from);
  for (const name of listed)
    if (!sent.has(name)) find(`metrics.json: the server does not send ${name}`);
  for (const name of sent) if (!metrics[name]) find(`metrics.json: ${name} is missing`);
}

// Counters must include a series' first value (README.md, "How counters are counted").
for (const { where, expr } of texts) {
  for (const [all, , selector, window] of expr
    .replace(/\s+/g, " ")
    .matchAll(/(?<!\w)(rate|increase)\((\w+(?:\{[^}]*\})?)\[([^\]]+)\]\)/g)) {
    if (metrics[/^\w+/.exec(selector)[0]]?.from_zero) continue;
    const pattern = `last_over_time(${selector}[${window}]) unless last_over_time(${selector}[1h] offset ${window}) or increase(${selector}[${window}])`;
    if (!expr.replace(/\s+/g, " ").includes(pattern))
      find(`${where}: ${all} does not see the first value of a series; write ${pattern}`);
  }
}

const ids = panels.map(({ id }) => id);
if (new Set(ids).size !== ids.length) find("dashboard.json: two panels have the same id");
for (const { where, datasource } of queries)
  if (!/^\$\{(metrics|logs)\}$/.test(datasource.uid))
    find(`${where}: its data source is not a variable`);

// Each alert has a runbook: the anchor is the heading in lower case.
const operations = new URL("../docs/operations.md", import.meta.url);
const headings = existsSync(operations)
  ? readFileSync(operations, "utf8")
      .match(/^#+ .*$/gm)
      .map((line) => line.replace(/^#+ /, "").toLowerCase())
  : [];
const alerts = [...rules.matchAll(/- alert: (\w+)/g)].map(([, name]) => name);
const anchors = [...rules.matchAll(/runbook_url: \S+#(\S+)/g)].map(([, anchor]) => anchor);
for (const [index, name] of alerts.entries()) {
  if (anchors[index] !== name.toLowerCase())
    find(`rules.yaml: ${name} has no runbook_url of its own`);
  if (!headings.includes(name.toLowerCase()))
    find(`docs/operations.md: there is no section ${name}`);
}

promtool();
for (const finding of findings) console.error(finding);
console.log(
  `${dashboards.length} expressions, ${alerts.length} alerts, ${Object.keys(metrics).length} metrics: ${findings.length === 0 ? "all right" : `${findings.length} findings`}`,
);
process.exitCode = findings.length === 0 ? 0 : 1;

/// Checks the rules, their tests, and the dashboard's expressions as rules.
function promtool() {
  const folder = mkdtempSync(path.join(tmpdir(), "mcpist-grafana-"));
  try {
    const file = path.join(folder, "dashboard.json");
    const fill = (expr) => expr.replaceAll("$__rate_interval", "5m").replaceAll("$__range", "1h");
    writeFileSync(
      file,
      JSON.stringify({
        groups: [
          {
            name: "dashboard",
            rules: dashboards.map(({ expr }, index) => ({
              record: `panel:${index}`,
              expr: fill(expr),
            })),
          },
        ],
      }),
    );
    for (const args of [
      ["check", "rules", file, local("rules.yaml")],
      ["test", "rules", local("rules_test.yaml")],
    ]) {
      execFileSync("promtool", args, { stdio: "pipe" });
    }
  } catch (error) {
    find(
      error.code === "ENOENT"
        ? "promtool is missing (Debian: apt install --no-install-recommends prometheus)"
        : `promtool: ${error.stdout}${error.stderr}`,
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function local(file) {
  return new URL(file, import.meta.url).pathname;
}
