import assert from "node:assert/strict";
import { test } from "node:test";
import { fake, run } from "./fake.mjs";

/** GitHub with these issues; returns the changed issues. `broken(call)` can return a status instead. */
async function notify(
  context,
  input,
  { issues = [], label = true, broken = () => undefined } = {},
) {
  issues = issues.map((issue, index) => ({ number: index + 1, state: "open", ...issue }));
  const github = await fake(context, (method, path, body, headers) => {
    assert.equal(headers.authorization, "Bearer github-token");
    const call = `${method} ${path}`;
    if (broken(call) !== undefined) return [broken(call), { message: "an outage" }];
    if (call === "POST /repos/o/r/labels")
      return label ? [422, { message: "already_exists" }] : [201, {}];
    if (call === "POST /repos/o/r/issues") {
      issues.push({ number: issues.length + 1, state: "open", ...body });
      return [201, issues.at(-1)];
    }
    const number = /^PATCH \/repos\/o\/r\/issues\/(\d+)$/.exec(call)?.[1];
    if (number) return [200, Object.assign(issues[number - 1], body)];
    const page =
      /^GET \/repos\/o\/r\/issues\?state=all&labels=api-version-change&per_page=100&page=(\d+)$/.exec(
        call,
      )?.[1];
    return page
      ? [200, issues.slice((page - 1) * 100, page * 100)]
      : [404, { message: "not found" }];
  });
  const environment = {
    GITHUB_API_URL: github.url,
    GITHUB_REPOSITORY: "o/r",
    GITHUB_TOKEN: "github-token",
  };
  return {
    ...(await run(new URL("version-notify.mjs", import.meta.url), environment, { input })),
    issues,
    calls: github.calls,
  };
}

const NEWER =
  "github           2022-11-28; 2026-03-10 is newer; see https://docs.github.com/rest/changes\n";
const QUIET = `confluence       2; no public list of versions; see https://developer.atlassian.com/cloud/confluence/changelog/
notion           2026-03-11; nothing newer
weather          unversioned; no public list of versions
`;

test("without newer versions, GitHub is not called", async (context) => {
  const result = await notify(context, QUIET);
  assert.deepEqual(
    [result.code, result.output, result.calls],
    [0, "No service has a different version.\n", []],
  );
});

test("what a vendor calls a version cannot write Markdown, mentions or HTML", async (context) => {
  const hostile = "`@everyone<img/src=x>[a](https://evil.example)#1__b__";
  const result = await notify(context, `github           2022-11-28; ${hostile} is newer\n`);
  assert.equal(result.code, 0, result.output);
  const [{ title, body }] = result.issues;
  assert.match(title, /^github: API version [\w.+?-]+ \(ours is 2022-11-28\)$/);
  for (const part of ["@everyone", "<img", "](", "evil.example)", "#1", "__"]) {
    assert.ok(!title.includes(part) && !body.includes(part), `${part} in ${title}\n${body}`);
  }
});

test("a newer version opens one labelled issue", async (context) => {
  const result = await notify(context, QUIET + NEWER, { label: false });
  assert.equal(result.code, 0, result.output);
  assert.equal(result.issues.length, 1);
  const [issue] = result.issues;
  assert.equal(issue.title, "github: API version 2026-03-10 (ours is 2022-11-28)");
  assert.deepEqual(issue.labels, ["api-version-change"]);
  assert.match(issue.body, /uses `2022-11-28`\.\n/);
  assert.match(issue.body, /\[changelog\]\(https:\/\/docs\.github\.com\/rest\/changes\)/);
  assert.match(issue.body, /module_registry/);
});

test("a version that is only different, or older, is described as such", async (context) => {
  const result = await notify(
    context,
    "a                v3; v4beta1 is what there is\nb                2026-03-10; 2022-11-28 is the newest there is\n",
  );
  assert.equal(result.code, 0, result.output);
  const [another, older] = result.issues;
  assert.equal(another.title, "a: API version v4beta1 (ours is v3)");
  assert.match(
    another.body,
    /do not show which one is newer\.\n\n1\. Read the service's changelog from/,
  );
  assert.match(older.body, /uses `2026-03-10`, which is newer and no longer listed\./);
});

test("a closed issue stays closed only for its version", async (context) => {
  const {
    issues: [issue],
  } = await notify(context, NEWER);
  const closed = { ...issue, state: "closed" };
  const again = await notify(context, NEWER, { issues: [closed] });
  assert.deepEqual(
    [again.code, again.output, again.issues.length],
    [0, "github: #1 was closed for this version\n", 1],
  );
  const later = await notify(context, NEWER.replace("2026-03-10", "2027-01-01"), {
    issues: [closed],
  });
  assert.deepEqual([later.code, later.output, later.issues.length], [0, "github: opened #2\n", 2]);
  const back = await notify(context, NEWER, { issues: later.issues });
  assert.match(back.output, /github: updated #2/);
  assert.equal(back.issues[1].title, issue.title);
});

test("the same version again changes nothing", async (context) => {
  const first = await notify(context, NEWER);
  const second = await notify(context, NEWER, { issues: first.issues });
  assert.equal(second.code, 0, second.output);
  assert.deepEqual(second.issues, first.issues);
  assert.ok(!second.calls.some((call) => call.startsWith("PATCH")));
});

test("a still newer version updates the issue, also on the second page", async (context) => {
  const others = Array.from({ length: 100 }, () => ({ title: "x", body: null, pull_request: {} }));
  const known = {
    title: "github: API version 2025-01-01 (ours is 2022-11-28)",
    body: "<!-- api-version: github -->",
  };
  const result = await notify(context, NEWER, { issues: [...others, known] });
  assert.equal(result.code, 0, result.output);
  assert.match(result.output, /github: updated #101/);
  assert.equal(result.issues[100].title, "github: API version 2026-03-10 (ours is 2022-11-28)");
  assert.equal(result.issues.length, 101);
});

test("a pull request with the mark is not an issue", async (context) => {
  const result = await notify(context, NEWER, {
    issues: [{ title: "x", body: "<!-- api-version: github -->", pull_request: {} }],
  });
  assert.equal(result.issues.length, 2);
});

test("a failing service fails the run after the others were reported", async (context) => {
  const result = await notify(
    context,
    `${NEWER}notion           2026-03-11; not known: Notion did not answer; see https://developers.notion.com/page/changelog\n`,
  );
  assert.deepEqual([result.code, result.issues.length], [1, 1]);
  assert.match(result.output, /Error: notion: Notion did not answer$/m);
});

test("unparsable output fails the run", async (context) => {
  for (const input of [
    "github 2022-11-28 is old\n",
    "github           2022-11-28; 2026-03-10 is more\n",
    "github           2022-11-28\n",
    "",
  ]) {
    assert.equal((await notify(context, input)).code, 1, input);
  }
});

test("a GitHub failure fails the run and says where", async (context) => {
  const reading = await notify(context, NEWER, {
    broken: (call) => (call.startsWith("GET") ? 502 : undefined),
  });
  assert.deepEqual(
    [reading.code, /GET \/repos\/o\/r\/issues: HTTP 502/.test(reading.output)],
    [1, true],
  );
  const writing = await notify(context, NEWER, {
    broken: (call) => (call === "POST /repos/o/r/issues" ? 403 : undefined),
  });
  assert.deepEqual(
    [writing.code, /github: POST \/repos\/o\/r\/issues: HTTP 403/.test(writing.output)],
    [1, true],
  );
});
