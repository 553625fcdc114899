// A collector for one session: stores OTLP/HTTP data in JSON and names metrics as Prometheus and Mimir do.
//
// Source: OpenTelemetry, "Prometheus and OpenMetrics Compatibility": `.` becomes `_`, `service.name` is `job`,
// `service.instance.id` is `instance`, a histogram's buckets are cumulative.
import assert from "node:assert/strict";

/// The time between two exports for the backend: the default of OTEL_METRIC_EXPORT_INTERVAL.
const MINUTE = 60;
/// OTLP's number for a metric that counts from the start of the process.
const CUMULATIVE = 2;
/// Longer than a busy machine needs to deliver a data point.
const LATE_MS = 30_000;

export class Collector {
  constructor() {
    this.series = new Map();
    /// Number of metric exports; each represents one minute.
    this.exports = 0;
    /// Every request's signal and body.
    this.bodies = [];
    this.warnings = 0;
    this.spans = 0;
    /// Whether logs and spans are refused permanently.
    this.refuses = false;
  }

  /// Handles one request; returns the status code.
  take(signal, body) {
    const message = JSON.parse(body);
    this.bodies.push([signal, body]);
    if (signal === "metrics") this.#metrics(message);
    else if (this.refuses) return 400;
    else if (signal === "logs")
      this.warnings += entries(message.resourceLogs, "scopeLogs", "logRecords").filter(
        isWarning,
      ).length;
    else if (signal === "traces")
      this.spans += entries(message.resourceSpans, "scopeSpans", "spans").length;
    else return 404;
    return 200;
  }

  /// The newest value of a metric: the sum of its series with these labels.
  value(name, labels = {}) {
    const has = (one) =>
      Object.entries(labels).every(([label, value]) => one.labels[label] === value);
    const series = [...this.series.values()].filter((one) => one.name === name && has(one));
    return series.reduce((sum, { samples }) => sum + [...samples.values()].at(-1), 0);
  }

  /// Everything as OpenMetrics text. The exports are dated a minute apart, from `start` on (seconds since 1970).
  openMetrics(start) {
    const lines = [...this.series.values()].flatMap(({ name, labels, samples }) => {
      const selector = Object.entries(labels).map(
        ([label, value]) => `${label}=${JSON.stringify(value)}`,
      );
      return [...samples].map(
        ([minute, value]) => `${name}{${selector}} ${value} ${start + minute * MINUTE}`,
      );
    });
    return [...lines, "# EOF", ""].join("\n");
  }

  #metrics({ resourceMetrics }) {
    for (const { resource, scopeMetrics } of resourceMetrics) {
      const { service_name: job, service_instance_id: instance } = labelsOf(resource.attributes);
      for (const { name, unit, sum, gauge, histogram } of scopeMetrics.flatMap(
        ({ metrics }) => metrics,
      )) {
        assert.ok(!unit, `${name} has a unit, which a backend would add to its name`);
        if (sum)
          assert.ok(
            sum.isMonotonic && name.endsWith("_total"),
            `${name} is not a counter, or is not named like one`,
          );
        if (!gauge)
          assert.equal(
            (sum ?? histogram).aggregationTemporality,
            CUMULATIVE,
            `${name} is not cumulative`,
          );
        for (const point of (sum ?? gauge ?? histogram).dataPoints)
          this.#point(name, { job, instance, ...labelsOf(point.attributes) }, point);
      }
    }
    this.exports += 1;
  }

  #point(
    name,
    labels,
    { timeUnixNano, asInt, asDouble, count, sum, bucketCounts, explicitBounds },
  ) {
    const age = Date.now() - Number(BigInt(timeUnixNano) / 1_000_000n);
    assert.ok(Math.abs(age) < LATE_MS, `${name} is dated ${age} ms ago`);
    if (!bucketCounts) {
      this.#sample(name, labels, Number(asInt ?? asDouble));
      return;
    }
    let reached = 0;
    for (const [at, bucket] of bucketCounts.entries()) {
      reached += Number(bucket);
      this.#sample(
        `${name}_bucket`,
        { ...labels, le: String(explicitBounds[at] ?? "+Inf") },
        reached,
      );
    }
    this.#sample(`${name}_count`, labels, Number(count));
    this.#sample(`${name}_sum`, labels, sum);
  }

  #sample(name, labels, value) {
    const key = JSON.stringify([name, labels]);
    if (!this.series.has(key)) this.series.set(key, { name, labels, samples: new Map() });
    this.series.get(key).samples.set(this.exports, value);
  }
}

function isWarning({ severityText }) {
  return severityText === "WARN";
}

function entries(resources, scopes, list) {
  return resources.flatMap((resource) => resource[scopes]).flatMap((scope) => scope[list]);
}

function labelsOf(attributes) {
  const text = ({ stringValue, intValue, boolValue, doubleValue }) =>
    String(stringValue ?? intValue ?? boolValue ?? doubleValue);
  return Object.fromEntries(
    attributes.map(({ key, value }) => [key.replace(/[^a-zA-Z0-9_]/g, "_"), text(value)]),
  );
}
