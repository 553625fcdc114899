import assert from "node:assert/strict";
import { test } from "node:test";
import { fake, run } from "./fake.mjs";

async function ping(context, answer, seconds = "60") {
  const server = await fake(context, (_, path) => answer(path, server.calls.length));
  return await run(new URL("ping.mjs", import.meta.url), {
    MCPIST_URL: `${server.url}/`,
    POLL_SECONDS: "0.01",
    PING_SECONDS: seconds,
  });
}

const version = [200, { version: "0.1.0", commit: "abc" }];

test("a healthy server reports its version", async (context) => {
  const result = await ping(context, (path) => (path === "/api/version" ? version : [200]));
  assert.equal(result.code, 0, result.output);
  assert.match(result.output, /MCPist 0\.1\.0, commit abc/);
});

test("a sleeping server gets time to wake up", async (context) => {
  const result = await ping(context, (path, count) =>
    count < 4 ? [503] : path === "/api/version" ? version : [200],
  );
  assert.equal(result.code, 0, result.output);
});

test("the failure says whether the server is down or not ready", async (context) => {
  const down = await ping(context, () => [502, { message: "bad gateway" }], "0.05");
  assert.deepEqual(
    [down.code, /not well: GET \/health: HTTP 502, bad gateway/.test(down.output)],
    [1, true],
  );
  const unready = await ping(
    context,
    (path) =>
      path === "/ready"
        ? [503, { status: "not_ready", error: "the sieve does not answer" }]
        : [200],
    "0.05",
  );
  assert.deepEqual(
    [unready.code, /not well: GET \/ready: HTTP 503, the sieve/.test(unready.output)],
    [1, true],
  );
});
