// Opens or updates one issue for each service that has another API version than its module speaks. An issue that somebody closed
// is the answer for its version: it is not opened again, until there is still another version.
//
//   mcpist api-versions --check | GITHUB_TOKEN GITHUB_REPOSITORY node version-notify.mjs
//
// Exit codes: 0 done; 1 a service or GitHub could not be asked, or a line was not understood; 2 wrong usage.
import { text } from "node:stream/consumers";
import { environment, main, RequestError, request, Stop } from "./http.mjs";

const LABEL = {
  name: "api-version-change",
  color: "d4c5f9",
  description: "A service has a newer API version",
};

/** What is to be said of the two versions. */
const REMARKS = {
  newer: "",
  "the newest there is": ", which is newer and no longer named",
  "what there is": "; which of them is newer cannot be told from their names",
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
  if (changes.length === 0) console.log("No service has another version.");
});

/** Reads what `mcpist api-versions --check` prints: a line for each module. */
function read(output) {
  const changes = [],
    problems = [];
  for (const line of output.split("\n").filter((line) => line.trim() !== "")) {
    const [, module, ours, said, page] = /^(\S+)\s+(\S+); (.*?)(?:; see (\S+))?$/.exec(line) ?? [];
    const [, theirs, how] = /^(\S+) is (newer|the newest there is|what there is)$/.exec(said) ?? [];
    if (theirs) {
      changes.push({ module, ours, theirs, how, page });
    } else if (said?.startsWith("not known: ")) {
      problems.push(`${module}: ${said.slice("not known: ".length)}`);
    } else if (!["nothing newer", "no public list of versions"].includes(said)) {
      problems.push(`This line of api-versions is not understood: ${line}`);
    }
  }
  if (output.trim() === "") problems.push("api-versions said nothing.");
  return { changes, problems };
}

async function ensureLabel(github) {
  try {
    await github("POST", "/labels", LABEL);
  } catch (error) {
    // 422: it is there already.
    if (error.status !== 422) throw error;
  }
}

/** All issues with the label, the newest first. */
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

/** One open issue a service: found again by a mark that nobody sees. */
async function report(github, known, { module, ours, theirs, how, page }) {
  const mark = `<!-- api-version: ${module} -->`;
  const title = `${module}: API version ${theirs} (ours is ${ours})`;
  const body = `${mark}
The service behind \`${module}\` offers API version \`${theirs}\`; the module speaks \`${ours}\`${REMARKS[how]}.

1. Read the service's ${page ? `[changelog](${page})` : "changelog"} from \`${ours}\` to \`${theirs}\`.
2. Change \`api_version\` and what differs in \`src/modules/${module}/module.json\`; run its tests.
3. After the release, see that \`module_registry\` has the new \`api_version\` (docs/operations.md), and close this issue.

Closed without that, it is not opened again for this version.`;
  const about = known.filter((issue) => issue.body?.includes(mark));
  const open = about.find((issue) => issue.state === "open");
  if (open?.title === title) return `${module}: #${open.number} says so already`;
  if (open) {
    await github("PATCH", `/issues/${open.number}`, { title, body });
    return `${module}: updated #${open.number}`;
  }
  const closed = about.find((issue) => issue.title === title);
  if (closed) return `${module}: #${closed.number} was closed for this version`;
  const made = await github("POST", "/issues", { title, body, labels: [LABEL.name] });
  return `${module}: opened #${made.number}`;
}
