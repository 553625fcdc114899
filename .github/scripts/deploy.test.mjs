import assert from "node:assert/strict";
import { test } from "node:test";
import { fake, run } from "./fake.mjs";

const OLD = "a".repeat(40);
const NEW = "b".repeat(40);
const TOKEN = "koyeb-secret-token";
const image = (commit) => `ghcr.io/mcpist/mcpist@sha256:${commit.slice(0, 32).repeat(2)}`;
/** What Koyeb holds beside the image, which a deployment must not change. */
const SETTINGS = { name: "mcpist", env: [{ key: "PORT", value: "8088" }] };

/**
 * Koyeb with one service that serves OLD, which it built from the repository. `statuses` are the answers for each deployment, one per request (the last one repeats);
 * `broken(call, count)` can return an HTTP status instead; `shows(sha)` is the commit that the server shows, or undefined if it is down.
 */
async function stage(
  context,
  {
    statuses = {},
    broken = () => undefined,
    shows = (commit) => commit,
    first = false,
    latest,
    minutes = 1,
    seconds = 60,
  } = {},
) {
  const git = { repository: "github.com/mcpist/mcpist", sha: OLD };
  const built = { definition: { ...SETTINGS, git }, queue: [first ? "ERROR" : "HEALTHY"] };
  const deployments = new Map([["old", built]]);
  const shaOf = ({ definition }) =>
    definition.git?.sha ?? [OLD, NEW].find((sha) => image(sha) === definition.docker.image);
  let active = first ? undefined : "old",
    newest = "old",
    made = 0;
  const counts = new Map();
  const koyeb = await fake(context, (method, path, body, headers) => {
    if (headers.authorization !== `Bearer ${TOKEN}`) return [401, { message: "unauthorized" }];
    const call = `${method} ${path}`;
    counts.set(call, (counts.get(call) ?? 0) + 1);
    const status = broken(call, counts.get(call));
    if (status !== undefined) return [status, { message: "an outage" }];
    if (call === "GET /v1/services/s1")
      return [
        200,
        { service: { active_deployment_id: active, latest_deployment_id: latest ?? newest } },
      ];
    if (call === "PUT /v1/services/s1") {
      newest = `new${++made}`;
      deployments.set(newest, {
        definition: body.definition,
        queue: [...(statuses[newest] ?? ["PENDING", "STARTING", "HEALTHY"])],
      });
      return [200, { service: { latest_deployment_id: newest } }];
    }
    const [, id, cancel] = /^\/v1\/deployments\/(\w+)(\/cancel)?$/.exec(path) ?? [];
    const deployment = deployments.get(id);
    if (!deployment) return [404, { message: "not found" }];
    if (cancel) return [200, {}];
    const said = deployment.queue.length > 1 ? deployment.queue.shift() : deployment.queue[0];
    if (said === "HEALTHY" || said === "SLEEPING") active = id;
    return [
      200,
      {
        deployment: {
          id,
          status: said,
          messages: said === "ERROR" ? ["the health check failed"] : [],
          definition: deployment.definition,
        },
      },
    ];
  });
  const server = await fake(context, (_, path) => {
    if (!active) return [502];
    const commit = shows(shaOf(deployments.get(active)));
    if (commit === undefined) return [503, { message: "down" }];
    return path === "/health" ? [200] : [200, { commit }];
  });
  const environment = {
    KOYEB_API_URL: koyeb.url,
    KOYEB_API_TOKEN: TOKEN,
    KOYEB_SERVICE_ID: "s1",
    MCPIST_URL: `${server.url}/`,
    IMAGE: image(NEW),
    COMMIT: NEW,
    POLL_SECONDS: "0.01",
    DEPLOY_MINUTES: `${minutes}`,
    SMOKE_SECONDS: `${seconds}`,
  };
  const result = await run(new URL("deploy.mjs", import.meta.url), environment);
  assert.ok(!result.output.includes(TOKEN), "the token is in no message");
  const serving = deployments.get(active);
  return {
    ...result,
    calls: koyeb.calls,
    serving: () => serving && shaOf(serving),
    definition: serving?.definition,
  };
}

const redeployed = ({ calls }) => calls.filter((call) => call.startsWith("PUT ")).length;

test("a healthy deployment that shows its commit is a success", async (context) => {
  const result = await stage(context);
  assert.equal(result.code, 0, result.output);
  assert.match(result.output, /Deployed\./);
  assert.equal(result.serving(), NEW);
  assert.deepEqual(result.definition, { ...SETTINGS, docker: { image: image(NEW) } });
  assert.equal(redeployed(result), 1);
});

test("the first deployment needs no previous one", async (context) => {
  const result = await stage(context, { first: true });
  assert.equal(result.code, 0, result.output);
  assert.match(result.output, /first deployment/);
});

test("a deployment that falls asleep immediately counts as healthy", async (context) => {
  const result = await stage(context, { statuses: { new1: ["SLEEPING"] } });
  assert.equal(result.code, 0, result.output);
});

test("an unhealthy deployment is cancelled, and the previous one is verified", async (context) => {
  const result = await stage(context, { statuses: { new1: ["PENDING", "STARTING", "ERROR"] } });
  assert.equal(result.code, 1, result.output);
  assert.match(
    result.output,
    /Deployment new1 is ERROR: the health check failed\. Rolled back: a{40} serves/,
  );
  assert.ok(result.calls.includes("POST /v1/deployments/new1/cancel"));
  assert.equal(redeployed(result), 1, "a deployment that still serves is not repeated");
});

test("a deployment that never becomes healthy is abandoned", async (context) => {
  const result = await stage(context, { statuses: { new1: ["STARTING"] }, minutes: 0.002 });
  assert.equal(result.code, 1, result.output);
  assert.match(result.output, /not healthy after 0\.002 minutes: STARTING\. Rolled back/);
});

test("a wrong version is rolled back to the previous definition", async (context) => {
  const result = await stage(context, {
    seconds: 0.05,
    shows: (sha) => (sha === NEW ? "c".repeat(40) : sha),
  });
  assert.equal(result.code, 1, result.output);
  assert.match(result.output, /api\/version shows c{40}, not b{40}\. Rolled back: a{40} serves/);
  assert.equal(result.serving(), OLD);
  assert.equal(redeployed(result), 2);
});

test("a shortened commit hash is accepted", async (context) => {
  const result = await stage(context, { shows: (sha) => sha.slice(0, 12) });
  assert.equal(result.code, 0, result.output);
});

test("a server without a commit is a wrong version", async (context) => {
  const result = await stage(context, {
    seconds: 0.05,
    shows: (sha) => (sha === NEW ? "unknown" : sha),
  });
  assert.equal(result.code, 1, result.output);
  assert.match(result.output, /shows no commit, not b{40}\. Rolled back/);
});

test("a healthy deployment whose server is down is rolled back", async (context) => {
  const result = await stage(context, {
    seconds: 0.05,
    shows: (sha) => (sha === NEW ? undefined : sha),
  });
  assert.equal(result.code, 1, result.output);
  assert.match(result.output, /GET \/health: HTTP 503, down\. Rolled back/);
});

test("some failures of Koyeb's API while waiting are tolerated", async (context) => {
  const result = await stage(context, {
    broken: (call, count) =>
      call === "GET /v1/deployments/new1" && count <= 4 ? [500, 503, 429, 0][count - 1] : undefined,
  });
  assert.equal(result.code, 0, result.output);
  assert.match(result.output, /HTTP 503, an outage/);
});

test("if Koyeb's API fails midway, the previous version serves", async (context) => {
  const result = await stage(context, {
    broken: (call) => (call === "GET /v1/deployments/new1" ? 500 : undefined),
  });
  assert.equal(result.code, 1, result.output);
  assert.match(
    result.output,
    /Koyeb's API stopped answering while deployment new1 was under way .*Rolled back: a{40} serves/,
  );
});

test("if Koyeb's API keeps failing, a person must check", async (context) => {
  let gone = false;
  const result = await stage(context, {
    broken: (call) => {
      gone ||= call.startsWith("GET /v1/deployments/new1");
      return gone ? 503 : undefined;
    },
  });
  assert.equal(result.code, 3, result.output);
  assert.match(result.output, /ROLLBACK FAILED: GET \/v1\/services\/s1: HTTP 503.*operations\.md/);
});

test("a rollback without a healthy deployment requires a person", async (context) => {
  const result = await stage(context, {
    seconds: 0.05,
    shows: (sha) => (sha === NEW ? undefined : sha),
    statuses: { new2: ["STARTING", "ERROR"] },
  });
  assert.equal(result.code, 3, result.output);
  assert.match(result.output, /HTTP 503, down\. ROLLBACK FAILED: Deployment new2 is ERROR/);
});

test("a rollback that cannot be verified requires a person", async (context) => {
  let asked = 0;
  const result = await stage(context, {
    seconds: 0.05,
    shows: (sha) => (sha === NEW || asked++ > 0 ? undefined : sha),
  });
  assert.equal(result.code, 3, result.output);
  assert.match(result.output, /ROLLBACK FAILED: The smoke test/);
});

test("a failed first deployment requires a person", async (context) => {
  const result = await stage(context, { first: true, statuses: { new1: ["ERROR"] } });
  assert.equal(result.code, 3, result.output);
  assert.match(result.output, /There is no previous version/);
});

test("another deployment that started meanwhile is not changed", async (context) => {
  const result = await stage(context, { statuses: { new1: ["STASHED"] }, latest: "theirs" });
  assert.equal(result.code, 3, result.output);
  assert.match(result.output, /put aside and not deployed.*Another deployment \(theirs\)/);
  assert.equal(redeployed(result), 1);
});

test("a deployment that did not start has changed nothing", async (context) => {
  const result = await stage(context, {
    broken: (call) => (call.startsWith("PUT ") ? 500 : undefined),
  });
  assert.equal(result.code, 1, result.output);
  assert.match(result.output, /did not start a deployment, so nothing has changed/);
  const refused = await stage(context, {
    broken: (call) => (call === "GET /v1/services/s1" ? 403 : undefined),
  });
  assert.equal(refused.code, 1, refused.output);
  assert.equal(redeployed(refused), 0);
});

test("missing variables are named", async () => {
  const nothing = await run(new URL("deploy.mjs", import.meta.url), { COMMIT: NEW });
  assert.deepEqual(
    [nothing.code, nothing.output],
    [2, "Error: Not set: KOYEB_API_TOKEN, KOYEB_SERVICE_ID, MCPIST_URL, IMAGE\n"],
  );
  const short = await run(new URL("deploy.mjs", import.meta.url), {
    KOYEB_API_TOKEN: "t",
    KOYEB_SERVICE_ID: "s",
    MCPIST_URL: "http://127.0.0.1:1",
    IMAGE: image(NEW),
    COMMIT: "main",
  });
  assert.deepEqual([short.code, short.output], [2, "Error: COMMIT is the full hash of a commit\n"]);
  for (const IMAGE of ["ghcr.io/mcpist/mcpist:latest", "mcpist@sha256:abc", "a b@sha256:x"]) {
    const byTag = await run(new URL("deploy.mjs", import.meta.url), {
      KOYEB_API_TOKEN: "t",
      KOYEB_SERVICE_ID: "s",
      MCPIST_URL: "http://127.0.0.1:1",
      IMAGE,
      COMMIT: NEW,
    });
    assert.deepEqual(
      [byTag.code, byTag.output],
      [2, "Error: IMAGE is an image with its digest: name@sha256:…\n"],
    );
  }
});
