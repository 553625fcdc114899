// Opens or updates one issue for each service that has a newer API version than its module speaks.
//
//   mcpist api-versions --check | GITHUB_TOKEN GITHUB_REPOSITORY node version-notify.mjs
//
// Exit codes: 0 done; 1 a service or GitHub could not be asked, or a line was not understood; 2 wrong usage.
import { text } from "node:stream/consumers";
import { environment, main, request, RequestError, Stop } from "./http.mjs";

const LABEL = { name: "api-version-change", color: "d4c5f9", description: "A service has a newer API version" };

await main(async () => {
  const [token, repository] = environment("GITHUB_TOKEN", "GITHUB_REPOSITORY");
  const api = process.env.GITHUB_API_URL ?? "https://api.github.com";
  const github = (method, path, body) =>
    request(method, `${api}/repos/${repository}${path}`, { token, body, headers: { "x-github-api-version": "2022-11-28" } });

  const { newer, problems } = read(await text(process.stdin));
  if (newer.length > 0) {
    await ensureLabel(github);
    const open = await openIssues(github);
    for (const change of newer) {
      try {
        console.log(await report(github, open, change));
      } catch (error) {
        if (!(error instanceof RequestError)) throw error;
        problems.push(`${change.module}: ${error.message}`);
      }
    }
  }
  if (problems.length > 0) throw new Stop(1, problems.join("\n"));
  if (newer.length === 0) console.log("No service has a newer version.");
});

/** Reads what `mcpist api-versions --check` prints: a line for each module. */
function read(output) {
  const newer = [], problems = [];
  for (const line of output.split("\n").filter((line) => line.trim() !== "")) {
    const [, module, ours, rest] = /^(\S+)\s+(\S+?)((?:;| \().*)$/.exec(line) ?? [];
    const newest = /^; (\S+) is newer$/.exec(rest)?.[1];
    if (newest) {
      newer.push({ module, ours, newest });
    } else if (rest?.startsWith("; not known: ")) {
      problems.push(`${module}: ${rest.slice("; not known: ".length)}`);
    } else if (rest !== "; nothing newer" && !rest?.startsWith(" (the service publishes no list")) {
      problems.push(`This line of api-versions is not understood: ${line}`);
    }
  }
  if (newer.length + problems.length === 0 && output.trim() === "") problems.push("api-versions said nothing.");
  return { newer, problems };
}

async function ensureLabel(github) {
  try {
    await github("POST", "/labels", LABEL);
  } catch (error) {
    // 422: it is there already.
    if (error.status !== 422) throw error;
  }
}

async function openIssues(github) {
  const issues = [];
  for (let page = 1;; page++) {
    const found = await github("GET", `/issues?state=open&labels=${LABEL.name}&per_page=100&page=${page}`);
    issues.push(...found.filter((issue) => !issue.pull_request));
    if (found.length < 100) return issues;
  }
}

/** One issue a service: found again by a mark that nobody sees. */
async function report(github, open, { module, ours, newest }) {
  const mark = `<!-- api-version: ${module} -->`;
  const title = `${module}: API version ${newest} (ours is ${ours})`;
  const body = `${mark}
The service behind \`${module}\` offers API version \`${newest}\`; the module speaks \`${ours}\`.

1. Read the service's changelog from \`${ours}\` to \`${newest}\`.
2. Change \`api_version\` and what differs in \`src/modules/${module}/module.json\`; run its tests.
3. After the release, see that \`module_registry\` has the new \`api_version\` (docs/operations.md), and close this issue.`;
  const known = open.find((issue) => issue.body?.includes(mark));
  if (!known) {
    const made = await github("POST", "/issues", { title, body, labels: [LABEL.name] });
    return `${module}: opened #${made.number}`;
  }
  if (known.title === title) return `${module}: #${known.number} says so already`;
  await github("PATCH", `/issues/${known.number}`, { title, body });
  return `${module}: updated #${known.number}`;
}
