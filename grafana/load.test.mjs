import assert from "node:assert/strict";
import { test } from "node:test";
import { fake, run } from "../.github/scripts/fake.mjs";

/** A Grafana without MCPist's objects, and with a policy of another owner. */
async function grafana(context) {
  const state = {
    things: new Map(),
    policy: {
      receiver: "grafana-default-email",
      routes: [{ receiver: "theirs", object_matchers: [["team", "=", "x"]] }],
    },
  };
  const server = await fake(context, (method, path, body, headers) => {
    if (headers.authorization !== "Bearer token") return [401, { message: "Unauthorized" }];
    if (path === "/api/datasources")
      return [
        200,
        state.sources ?? [
          { type: "loki", uid: "l", name: "grafanacloud-a-logs" },
          { type: "prometheus", uid: "m", name: "grafanacloud-a-prom" },
        ],
      ];
    if (path === "/api/convert/prometheus/config/v1/rules") {
      state.rules = {
        body,
        source: headers["x-grafana-alerting-datasource-uid"],
        type: headers["content-type"],
      };
      return [202];
    }
    if (path === "/api/v1/provisioning/policies") {
      if (method === "PUT") state.policy = body;
      return [200, state.policy];
    }
    if (path === "/api/v1/provisioning/contact-points" && method === "GET")
      return [200, [...state.things.values()].filter(({ type }) => type === "email")];
    if (method === "GET")
      return state.things.has(path)
        ? [200, state.things.get(path)]
        : [404, { message: "not found" }];
    if (method === "POST")
      state.things.set(
        `${path}/${encodeURIComponent(body.uid ?? body.dashboard?.uid ?? body.name)}`,
        body,
      );
    else state.things.set(path, body);
    return [200, {}];
  });
  const load = (env = {}) =>
    run(new URL("load.mjs", import.meta.url), {
      GRAFANA_URL: `${server.url}/`,
      GRAFANA_TOKEN: "token",
      ALERT_EMAIL: "ada@example.com",
      ...env,
    });
  return { state, load };
}

test("everything is loaded, and loading again creates no duplicates", async (context) => {
  const { state, load } = await grafana(context);
  for (const _ of [1, 2]) {
    const result = await load();
    assert.equal(result.code, 0, result.output);
  }
  assert.deepEqual(
    [...state.things.keys()],
    [
      "/api/folders/mcpist",
      "/api/dashboards/db/mcpist",
      "/api/v1/provisioning/contact-points/mcpist-mail",
      "/api/v1/provisioning/mute-timings/MCPist%20log%20only",
    ],
  );
  assert.deepEqual([state.rules.source, state.rules.type], ["m", "application/yaml"]);
  assert.match(state.rules.body, /^Alerts:\n {2}- name: mcpist$/m);
  assert.equal(
    state.things.get("/api/v1/provisioning/contact-points/mcpist-mail").settings.addresses,
    "ada@example.com",
  );
});

test("critical alerts are emailed, warnings are not, and other routes stay unchanged", async (context) => {
  const { state, load } = await grafana(context);
  await load();
  await load();
  assert.equal(state.policy.receiver, "grafana-default-email");
  assert.deepEqual(
    state.policy.routes.map(({ receiver, object_matchers, mute_time_intervals }) => [
      receiver,
      object_matchers.at(-1).join(""),
      mute_time_intervals,
    ]),
    [
      ["MCPist mail", "severity=critical", undefined],
      ["MCPist mail", "severity=warning", ["MCPist log only"]],
      ["theirs", "team=x", undefined],
    ],
  );
});

test("a wrong token and a stack without metrics are reported", async (context) => {
  const { state, load } = await grafana(context);
  const wrong = await load({ GRAFANA_TOKEN: "other" });
  assert.deepEqual(
    [wrong.code, wrong.output],
    [1, "Error: GET /api/datasources: HTTP 401, Unauthorized\n"],
  );
  state.sources = [];
  const empty = await load();
  assert.deepEqual([empty.code, /no data source/.test(empty.output)], [1, true]);
});
