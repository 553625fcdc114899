// Loads the dashboard, the alerts and their routes into a Grafana Cloud stack. Running it again updates them.
//
//   GRAFANA_URL  GRAFANA_TOKEN  ALERT_EMAIL  node grafana/load.mjs
//
// GRAFANA_TOKEN belongs to a service account of the stack with the role Admin. It changes only MCPist's objects: other
// routes of the notification policy stay unchanged.
import { readFileSync } from "node:fs";
import { environment, main, request, Stop } from "../.github/scripts/http.mjs";

const FOLDER = { uid: "mcpist", title: "MCPist" };
const CONTACT = { uid: "mcpist-mail", name: "MCPist mail", type: "email" };
/** A mute timing that covers all time: such alerts are visible in Grafana without a notification. */
const SILENCE = {
  name: "MCPist log only",
  time_intervals: [{ times: [{ start_time: "00:00", end_time: "24:00" }] }],
};
const OURS = ["service", "=", "mcpist"];
const ROUTES = [
  {
    receiver: CONTACT.name,
    object_matchers: [OURS, ["severity", "=", "critical"]],
    group_by: ["alertname", "module"],
    group_wait: "30s",
    group_interval: "5m",
    repeat_interval: "4h",
  },
  {
    receiver: CONTACT.name,
    object_matchers: [OURS, ["severity", "=", "warning"]],
    mute_time_intervals: [SILENCE.name],
  },
];

const read = (file) => readFileSync(new URL(file, import.meta.url), "utf8");

await main(async () => {
  const [url, token, email] = environment("GRAFANA_URL", "GRAFANA_TOKEN", "ALERT_EMAIL");
  const grafana = (method, path, body, headers = {}) =>
    request(method, `${url.replace(/\/+$/, "")}${path}`, {
      token,
      body,
      headers: { "x-disable-provenance": "true", ...headers },
    });
  /** Updates the object, or creates it. */
  const put = async (path, list, body) => {
    const there = await grafana("GET", path).then(
      () => true,
      (error) => {
        if (error.status === 404) return false;
        throw error;
      },
    );
    await (there ? grafana("PUT", path, body) : grafana("POST", list, body));
  };

  const sources = await grafana("GET", "/api/datasources");
  const metrics = sources.find(
    ({ type, uid, name }) =>
      type === "prometheus" && (uid === "grafanacloud-prom" || /^grafanacloud-.*-prom$/.test(name)),
  );
  if (!metrics) throw new Stop(1, "The stack has no data source grafanacloud-…-prom for metrics.");

  await put(`/api/folders/${FOLDER.uid}`, "/api/folders", { ...FOLDER, overwrite: true });
  await grafana("POST", "/api/dashboards/db", {
    dashboard: { ...JSON.parse(read("dashboard.json")), id: null },
    folderUid: FOLDER.uid,
    overwrite: true,
  });
  console.log("Dashboard: loaded");

  // Grafana's import of Prometheus rules expects groups by namespace; the namespace becomes a subfolder.
  const rules = read("rules.yaml").replace(/^groups:$/m, "Alerts:");
  await grafana("POST", "/api/convert/prometheus/config/v1/rules", rules, {
    "content-type": "application/yaml",
    "x-grafana-alerting-datasource-uid": metrics.uid,
    "x-grafana-alerting-folder-uid": FOLDER.uid,
  });
  console.log("Alert rules: loaded");

  const contact = { ...CONTACT, settings: { addresses: email, singleEmail: true } };
  const contacts = await grafana("GET", "/api/v1/provisioning/contact-points");
  if (contacts.some(({ uid }) => uid === CONTACT.uid))
    await grafana("PUT", `/api/v1/provisioning/contact-points/${CONTACT.uid}`, contact);
  else await grafana("POST", "/api/v1/provisioning/contact-points", contact);
  await put(
    `/api/v1/provisioning/mute-timings/${encodeURIComponent(SILENCE.name)}`,
    "/api/v1/provisioning/mute-timings",
    SILENCE,
  );
  const policy = await grafana("GET", "/api/v1/provisioning/policies");
  const others = (policy.routes ?? []).filter(
    ({ object_matchers = [] }) =>
      !object_matchers.some((matcher) => matcher.join() === OURS.join()),
  );
  await grafana("PUT", "/api/v1/provisioning/policies", {
    ...policy,
    routes: [...ROUTES, ...others],
  });
  console.log(`Routes: critical alerts go to ${email}, warnings stay in Grafana`);
});
