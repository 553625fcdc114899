// Opens or updates one issue for each service whose API version differs from its module's. A closed issue is a decision about its
// version: it is not opened again until there is another version.
//
//   mcpist api-versions --check | GITHUB_TOKEN GITHUB_REPOSITORY node version-notify.mjs
//
// Exit codes: 0 done; 1 a service or GitHub failed, or a line could not be parsed; 2 wrong usage.
import { text } from "node:stream/consumers";
import { environment, main, RequestError, request, Stop } from "./http.mjs";

const LABEL = {
  name: "api-version-change",
  color: "d4c5f9",
  description: "A service has a newer API version",
};

/** How the two versions relate. */
const REMARKS = {
  newer: "",
  "the newest there is": ", which is newer and no longer listed",
  "what there is": "; their names do not show which one is newer",
};

await main(async () => {
  const [token, repository] = environment("GITHUB_TOKEN", "GITHUB_REPOSITORY");
  const api = process.env.GITHUB_API_URL ?? "https://api.github.com";
  const github = (method, path, body) =>
    request(method, `${api}/repos/${repository}${path}`, {
      token,
      body,
      headers: { "x-github-api-version": "2022-11-28" },
    });

  const { changes, problems } = read(await text(process.stdin));
  if (changes.length > 0) {
    await ensureLabel(github);
    const known = await issues(github);
    for (const change of changes) {
      try {
        console.log(await report(github, known, change));
      } catch (error) {
        if (!(error instanceof RequestError)) throw error;
        problems.push(`${change.module}: ${error.message}`);
      }
    }
  }
  if (problems.length > 0) throw new Stop(1, problems.join("\n"));
  if (changes.length === 0) console.log("No service has a different version.");
});

/**
 * A version as the vendor names it, without anything that GitHub could take for Markdown, a mention, a reference or HTML: a vendor's page
 * is not ours.
 */
function plain(version) {
  return version.replaceAll(/[^\w.+-]|_(?=_)/g, "?").slice(0, 60);
}

/** Parses the output of `mcpist api-versions --check`, one line per module. */
function read(output) {
  const changes = [],
    problems = [];
  for (const line of output.split("\n").filter((line) => line.trim() !== "")) {
    const [, module, ours, said, page] = /^(\S+)\s+(\S+); (.*?)(?:; see (\S+))?$/.exec(line) ?? [];
    const [, theirs, how] = /^(\S+) is (newer|the newest there is|what there is)$/.exec(said) ?? [];
    if (theirs) {
      changes.push({ module, ours, theirs: plain(theirs), how, page });
    } else if (said?.startsWith("not known: ")) {
      problems.push(`${module}: ${said.slice("not known: ".length)}`);
    } else if (!["nothing newer", "no public list of versions"].includes(said)) {
      problems.push(`Cannot parse this line of api-versions: ${line}`);
    }
  }
  if (output.trim() === "") problems.push("api-versions printed nothing.");
  return { changes, problems };
}

async function ensureLabel(github) {
  try {
    await github("POST", "/labels", LABEL);
  } catch (error) {
    // 422: the label exists.
    if (error.status !== 422) throw error;
  }
}

/** Returns all issues with the label, newest first. */
async function issues(github) {
  const issues = [];
  for (let page = 1; ; page++) {
    const found = await github(
      "GET",
      `/issues?state=all&labels=${LABEL.name}&per_page=100&page=${page}`,
    );
    issues.push(...found.filter((issue) => !issue.pull_request));
    if (found.length < 100) return issues;
  }
}

/** Keeps one open issue per service, identified by an invisible mark. */
async function report(github, known, { module, ours, theirs, how, page }) {
  const mark = `<!-- api-version: ${module} -->`;
  const title = `${module}: API version ${theirs} (ours is ${ours})`;
  const body = `${mark}
The service behind \`${module}\` offers API version \`${theirs}\`; the module uses \`${ours}\`${REMARKS[how]}.

1. Read the service's ${page ? `[changelog](${page})` : "changelog"} from \`${ours}\` to \`${theirs}\`.
2. Update \`api_version\` and all differences in \`src/modules/${module}/module.json\`; run its tests.
3. After the release, check that \`module_registry\` has the new \`api_version\` (docs/operations.md), and close this issue.

If you close it without an update, it is not opened again for this version.`;
  const about = known.filter((issue) => issue.body?.includes(mark));
  const open = about.find((issue) => issue.state === "open");
  if (open?.title === title) return `${module}: #${open.number} is up to date`;
  if (open) {
    await github("PATCH", `/issues/${open.number}`, { title, body });
    return `${module}: updated #${open.number}`;
  }
  const closed = about.find((issue) => issue.title === title);
  if (closed) return `${module}: #${closed.number} was closed for this version`;
  const made = await github("POST", "/issues", { title, body, labels: [LABEL.name] });
  return `${module}: opened #${made.number}`;
}
