// Writes docs/tokens.md to standard output; scripts/measure-tokens.sh says how it is called.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { countTokens } from "gpt-tokenizer/encoding/o200k_base";

const [otherServer, binary, results] = process.argv.slice(2);

// The state of github-mcp-server that ours is compared with: three commits after v1.10.1, of 2026-08-20.
const OTHER_COMMIT = "64a49f34d076b6f5917dae1424521d43c7bcae84";
const GOAL_LIST = 1200;
const GOAL_SAVED = 0.7;

// Counts special tokens such as <|endoftext|> as ordinary text.
const tokens = (text) => countTokens(text, { disallowedSpecial: new Set() });
const number = (value) => value.toLocaleString("en-US");
const percent = (value) => `${Math.floor(100 * value)} %`;
const saved = ({ sent, read }) => 1 - read / sent;
const sum = (values) => values.reduce((total, value) => total + value, 0);
const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

// Sends messages to the binary as a client would, and returns its results.
function ask(flags, ...requests) {
  const _meta = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": { name: "measure-tokens", version: "1" },
    "io.modelcontextprotocol/clientCapabilities": {},
  };
  // One request at a time, because concurrent answers arrive in any order.
  return requests.map(([method, params]) => {
    const message = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params: { ...params, _meta } });
    const options = {
      input: `${message}\n`,
      encoding: "utf8",
      maxBuffer: 64 << 20,
      stdio: ["pipe", "pipe", "ignore"],
    };
    return JSON.parse(execFileSync(binary, ["stdio", ...flags], options)).result;
  });
}

const list = (flags) => ask(flags, ["tools/list", {}])[0].tools;
const lines = [];
const write = (...text) => lines.push(...text);

// A list as a client shows it to the model: the definitions, without the JSON-RPC envelope and without icons.
function sizeOf(tools) {
  const text = JSON.stringify(tools.map(({ icons, _meta, ...definition }) => definition));
  return { tools: tools.length, characters: text.length, tokens: tokens(text) };
}
const row = (name, size) =>
  `| ${name} | ${size.tools} | ${number(size.characters)} | ${number(size.tokens)} |`;

function otherDefault() {
  const show = (path) =>
    execFileSync("git", ["-C", otherServer, "show", `${OTHER_COMMIT}:${path}`], {
      encoding: "utf8",
      maxBuffer: 64 << 20,
    });
  const declared = show("pkg/github/tools.go")
    .split("inventory.ToolsetMetadata{")
    .slice(1)
    .map((toolset) => toolset.split("}")[0]);
  const toolsets = declared
    .filter((toolset) => /Default:\s+true/.test(toolset))
    .map((toolset) => toolset.match(/ID:\s+"(\w+)"/)[1]);
  // The generated part of its README has a section per toolset that lists the names of its tools.
  const title = (section) =>
    section
      .match(/<\/picture> (.+)<\/summary>/)?.[1]
      .toLowerCase()
      .replaceAll(" ", "_");
  const sections = new Map(
    show("README.md")
      .split("<details>")
      .map((section) => [title(section), section.split("</details>")[0]]),
  );
  const names = toolsets.flatMap((toolset) => {
    const section = sections.get(toolset === "repos" ? "repositories" : toolset);
    return [...section.matchAll(/^- \*\*(\w+)\*\*/gm)].map((match) => match[1]);
  });
  const tools = names.map((name) => JSON.parse(show(`pkg/github/__toolsnaps__/${name}.snap`)));
  return { toolsets, size: sizeOf(tools) };
}

const standing = sizeOf(list([]));
const direct = list(["--direct"]);
const other = otherDefault();
const [{ content }] = ask(
  [],
  ["tools/call", { name: "get_module_schema", arguments: { format: "json" } }],
);
const modules = JSON.parse(content[0].text).modules;

write(
  "# Tokens",
  "",
  "How much of a model's context MCPist uses, measured with the real binary by `scripts/measure-tokens.sh`, which writes this page.",
  "Counted with the public tokenizer `o200k_base`. Other tokenizers give other counts, but nearly the same ratios.",
  "",
  "## Every session",
  "",
  "| `tools/list` | tools | characters | tokens |",
  "|---|--:|--:|--:|",
  row("MCPist, default", standing),
  row("MCPist, `?tools=direct`: every tool of every module", sizeOf(direct)),
  row(`github-mcp-server, default (${other.toolsets.join(", ")})`, other.size),
  "",
  `The goal for MCPist's default list is at most ${number(GOAL_LIST)} tokens: ${standing.tokens <= GOAL_LIST ? "met" : "missed"}.`,
  `The other server's definitions come from its repository \`github/github-mcp-server\` at \`${OTHER_COMMIT.slice(0, 12)}\` (after v1.10.1,`,
  "2026-08-20), without icons.",
  "",
  "## A module in use",
  "",
  "`get_module_schema` returns a module's tools, of a large one an index, and named groups and tools with their parameters.",
  "",
  "| module | tools | the module, tokens | one tool, median | `/mcp/<module>`, tokens |",
  "|---|--:|--:|--:|--:|",
);
for (const { module, tools } of modules) {
  const [{ content }] = ask(
    [],
    ["tools/call", { name: "get_module_schema", arguments: { modules: [module] } }],
  );
  const all = content[0].text;
  const names = direct.map(({ name }) => name).filter((name) => name.startsWith(`${module}_`));
  const requests = names.map((name) => [
    "tools/call",
    { name: "get_module_schema", arguments: { tools: [name] } },
  ]);
  const each = ask([], ...requests).map(({ content }) => tokens(content[0].text));
  const own = sizeOf(direct.filter((tool) => tool.name.startsWith(`${module}_`)));
  write(
    `| ${module} | ${tools} | ${number(tokens(all))} | ${Math.round(median(each))} | ${number(own.tokens)} |`,
  );
}

const measured = readFileSync(results, "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line));
const count = ({ sent, read }) => ({ sent: tokens(sent), read: tokens(read) });
const lists = measured.filter((result) => result.list);
const pages = lists
  .filter((result) => result.page)
  .map((result) => ({ ...result, ...count(result.page) }));
const titles = new Map(measured.map(({ module, title }) => [module, title]));
const totals = (rows) => ({
  sent: sum(rows.map((row) => row.sent)),
  read: sum(rows.map((row) => row.read)),
});

write(
  "",
  "## A result",
  "",
  "A page of 30 records: the service's JSON without whitespace (from its documentation, as in the tool's test case) compared with the text",
  `that a model reads. Measured for ${pages.length} of ${lists.length} lists; the others combine several answers. The goal is to save ${percent(GOAL_SAVED)}.`,
  "",
  "| module | lists | sent, tokens | read, tokens | saved in total | saved, median |",
  "|---|--:|--:|--:|--:|--:|",
);
const resultRow = (name, rows) => {
  const total = totals(rows);
  return `| ${name} | ${rows.length} | ${number(total.sent)} | ${number(total.read)} | ${percent(saved(total))} | ${percent(median(rows.map(saved)))} |`;
};
for (const [module, title] of titles) {
  const rows = pages.filter((row) => row.module === module);
  write(resultRow(title, rows));
}
write(resultRow("**all**", pages));

const missed = pages.filter((row) => saved(row) < GOAL_SAVED).sort((a, b) => saved(a) - saved(b));
write(
  "",
  `${missed.length} lists are below the goal. There the service's own answer is short, so little can be left out: only names and ids`,
  "(labels, options, migrations), answers to GraphQL and to our own SQL, which contain only requested fields, and texts (comments,",
  "log lines), which are returned whole. Rows that contain records (review threads, values of a project, extra fields of `search_issues`)",
  "cannot be a table and repeat the field names. Supabase's answers are always short; To Do's records are mostly ids and times, which a",
  "model needs. Answers in the documentation are shorter than real ones, so real savings are probably larger.",
  "",
  "| list | sent | read | saved |",
  "|---|--:|--:|--:|",
  ...missed.map(
    (row) =>
      `| ${row.module} ${row.tool} | ${number(row.sent)} | ${number(row.read)} | ${percent(saved(row))} |`,
  ),
);

const rest = measured
  .filter((result) => !result.list && result.case.sent)
  .map((result) => ({ ...result, ...count(result.case) }));
const reading = rest.filter((row) => row.sent >= 100);
write(
  "",
  `Other results (one record, a document, a confirmation): ${rest.length} tools, ${number(totals(rest).sent)} tokens sent, ${number(totals(rest).read)} read, ` +
    `${percent(saved(totals(rest)))} saved. If the service sends 100 tokens or more, the median is ${percent(median(reading.map(saved)))}.`,
);
console.log(lines.join("\n"));
