//! Metrics: cumulative counters and histograms (OpenTelemetry, "Metrics Data Model"), stored where they are measured and
//! written at each export.
//!
//! All attribute values come from fixed lists (routes, statuses, modules and their tools, error codes), never from a request.
//! So the number of series is limited by MCPist itself, and also by [`SERIES`].

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};

use super::Signal;
use super::otlp::{Aggregate, MetricsWriter, Point};
use super::trace::{SpanContext, Value, now};
use crate::sync::lock;

/// Upper bounds of the histograms' buckets in milliseconds; 5 s is the threshold of the alerts.
pub(super) const BOUNDS: [f64; 14] = [
    1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1_000.0, 2_500.0, 5_000.0, 10_000.0,
    30_000.0,
];

/// The maximum number of series in one table; any more are counted as dropped.
const SERIES: usize = 2_000;

/// All measurements since the start.
pub struct Metrics {
    /// The start of counting, in nanoseconds since 1970.
    since: u64,
    // There are few series with short keys, so comparing them is faster than hashing.
    requests: Mutex<BTreeMap<(&'static str, &'static str, u16), Histogram>>,
    tools: Mutex<BTreeMap<String, Tool>>,
    refreshes: Mutex<BTreeMap<(String, bool), u64>>,
    dropped: [AtomicU64; Signal::ALL.len()],
    connections: OnceLock<Box<dyn Fn() -> usize + Send + Sync>>,
}

/// The measurements of one tool.
struct Tool {
    module: String,
    name: String,
    duration: Histogram,
    errors: Vec<(&'static str, u64)>,
}

/// A histogram of durations in milliseconds.
#[derive(Default)]
pub(super) struct Histogram {
    pub(super) count: u64,
    pub(super) sum: f64,
    pub(super) buckets: [u64; BOUNDS.len() + 1],
    /// For each bucket, the last measurement since the last export that belongs to a recorded trace.
    pub(super) exemplars: [Option<Exemplar>; BOUNDS.len() + 1],
}

/// One measurement, as an example that links to its trace.
#[derive(Debug, Clone, Copy)]
pub(super) struct Exemplar {
    pub(super) value: f64,
    pub(super) time: u64,
    pub(super) place: SpanContext,
}

impl Histogram {
    /// Returns a copy with its exemplars, and removes the exemplars here.
    fn taken(&mut self) -> Self {
        Self { exemplars: std::mem::take(&mut self.exemplars), ..*self }
    }

    fn record(&mut self, value: f64, place: Option<SpanContext>) {
        let bucket = BOUNDS.iter().position(|bound| value <= *bound).unwrap_or(BOUNDS.len());
        self.count += 1;
        self.sum += value;
        self.buckets[bucket] += 1;
        if let Some(place) = place.filter(|place| place.sampled) {
            self.exemplars[bucket] = Some(Exemplar { value, time: now(), place });
        }
    }
}

impl Metrics {
    pub(crate) fn new() -> Self {
        Self {
            since: now(),
            requests: Mutex::default(),
            tools: Mutex::default(),
            refreshes: Mutex::default(),
            dropped: Default::default(),
            connections: OnceLock::new(),
        }
    }

    /// Counts an HTTP request and its response.
    pub(crate) fn request(
        &self,
        method: &'static str,
        route: &'static str,
        status: u16,
        milliseconds: f64,
        place: Option<SpanContext>,
    ) {
        self.record(&self.requests, (method, route, status), Histogram::default, |series| {
            series.record(milliseconds, place);
        });
    }

    /// Counts a tool call, with the error code if it failed.
    pub(crate) fn tool(
        &self,
        module: &str,
        name: &str,
        milliseconds: f64,
        error: Option<&'static str>,
        place: Option<SpanContext>,
    ) {
        let new = || Tool {
            module: module.to_owned(),
            name: name.to_owned(),
            duration: Histogram::default(),
            errors: Vec::new(),
        };
        self.record(&self.tools, format!("{module}/{name}"), new, |series| {
            series.duration.record(milliseconds, place);
            if let Some(error) = error {
                match series.errors.iter_mut().find(|(known, _)| *known == error) {
                    Some((_, count)) => *count += 1,
                    None => series.errors.push((error, 1)),
                }
            }
        });
    }

    /// Counts a credential refresh, or a failed one.
    pub(crate) fn token_refresh(&self, module: &str, success: bool) {
        self.record(&self.refreshes, (module.to_owned(), success), || 0, |count| *count += 1);
    }

    /// Counts records that will never be sent.
    pub(crate) fn dropped(&self, signal: Signal, count: u64) {
        self.dropped[signal as usize].fetch_add(count, Ordering::Relaxed);
    }

    /// Registers a function that returns the number of open connections; it is called at each export.
    pub(crate) fn watch_connections(&self, count: Box<dyn Fn() -> usize + Send + Sync>) {
        // Set once, by the one server of the process.
        let _ = self.connections.set(count);
    }

    fn record<K: Ord, S>(
        &self,
        table: &Mutex<BTreeMap<K, S>>,
        key: K,
        new: impl FnOnce() -> S,
        record: impl FnOnce(&mut S),
    ) {
        let mut table = lock(table);
        let is_full = table.len() >= SERIES;
        match table.entry(key) {
            Entry::Occupied(entry) => record(entry.into_mut()),
            Entry::Vacant(entry) if !is_full => record(entry.insert(new())),
            Entry::Vacant(_) => self.dropped(Signal::Metrics, 1),
        }
    }

    /// Writes everything and removes the exemplars. The tables are copied first, so that no call waits for the writing.
    pub(crate) fn write(&self, resource: &str) -> Vec<u8> {
        let mut out = MetricsWriter::new(resource, self.since, now());
        self.write_requests(&mut out);
        self.write_tools(&mut out);
        let refreshes: Vec<_> =
            lock(&self.refreshes).iter().map(|(key, count)| (key.clone(), *count)).collect();
        let mut counts = refreshes.into_iter().map(|((module, success), count)| {
            let outcome = if success { "success" } else { "failure" };
            (
                vec![("module", Value::from(module)), ("outcome", outcome.into())],
                Point::Count(count),
            )
        });
        out.metric(
            "mcpist_token_refresh_total",
            "Credentials that were refreshed, or could not be.",
            Aggregate::Counter,
            &mut counts,
        );
        if let Some(connections) = self.connections.get() {
            let count = [(Vec::new(), Point::Count(connections() as u64))];
            out.metric(
                "mcpist_connections",
                "Connections that are open.",
                Aggregate::Gauge,
                &mut count.into_iter(),
            );
        }
        let mut dropped = Signal::ALL.into_iter().map(|signal| {
            let count = self.dropped[signal as usize].load(Ordering::Relaxed);
            (vec![("signal", signal.name().into())], Point::Count(count))
        });
        out.metric(
            "mcpist_dropped_total",
            "Telemetry and audit records that were not sent.",
            Aggregate::Counter,
            &mut dropped,
        );
        out.finish()
    }

    fn write_requests(&self, out: &mut MetricsWriter) {
        let requests: Vec<_> =
            lock(&self.requests).iter_mut().map(|(key, series)| (*key, series.taken())).collect();
        let attributes = |(method, route, status): (&'static str, &'static str, u16)| {
            let mut attributes = vec![
                ("http.request.method", Value::from(method)),
                ("http.response.status_code", status.into()),
            ];
            if !route.is_empty() {
                attributes.push(("http.route", route.into()));
            }
            attributes
        };
        let mut counts =
            requests.iter().map(|(key, series)| (attributes(*key), Point::Count(series.count)));
        out.metric("mcpist_requests_total", "Requests over HTTP.", Aggregate::Counter, &mut counts);
        let mut durations =
            requests.iter().map(|(key, series)| (attributes(*key), Point::Histogram(series)));
        let meaning = "Time that a request over HTTP took, in milliseconds.";
        out.metric("mcpist_request_duration_ms", meaning, Aggregate::Histogram, &mut durations);
    }

    fn write_tools(&self, out: &mut MetricsWriter) {
        let taken = |tool: &mut Tool| Tool {
            module: tool.module.clone(),
            name: tool.name.clone(),
            duration: tool.duration.taken(),
            errors: tool.errors.clone(),
        };
        let tools: Vec<_> = lock(&self.tools).values_mut().map(taken).collect();
        let attributes = |tool: &Tool| {
            vec![("module", Value::from(tool.module.clone())), ("tool", tool.name.clone().into())]
        };
        let mut counts =
            tools.iter().map(|tool| (attributes(tool), Point::Count(tool.duration.count)));
        out.metric("mcpist_tool_calls_total", "Calls of tools.", Aggregate::Counter, &mut counts);
        let mut durations =
            tools.iter().map(|tool| (attributes(tool), Point::Histogram(&tool.duration)));
        let meaning = "Time that a call of a tool took, in milliseconds.";
        out.metric("mcpist_tool_duration_ms", meaning, Aggregate::Histogram, &mut durations);
        let mut errors = tools.iter().flat_map(|tool| {
            tool.errors.iter().map(move |(error, count)| {
                let mut attributes = attributes(tool);
                attributes.push(("error.type", (*error).into()));
                (attributes, Point::Count(*count))
            })
        });
        out.metric(
            "mcpist_tool_errors_total",
            "Calls of tools that failed.",
            Aggregate::Counter,
            &mut errors,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measurement_falls_into_the_bucket_whose_bound_it_reaches() {
        let mut histogram = Histogram::default();
        for value in [0.2, 1.0, 1.1, 5_000.0, 60_000.0] {
            histogram.record(value, None);
        }
        assert_eq!(histogram.buckets, [2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1]);
        assert_eq!((histogram.count, histogram.sum), (5, 65_002.3));
    }

    #[test]
    fn series_beyond_the_bound_are_counted_as_dropped() {
        let metrics = Metrics::new();
        for number in 0..SERIES + 3 {
            metrics.tool("own", &format!("tool_{number}"), 1.0, None, None);
        }
        metrics.tool("own", "tool_0", 1.0, None, None);
        assert_eq!(lock(&metrics.tools).len(), SERIES);
        assert_eq!(metrics.dropped[Signal::Metrics as usize].load(Ordering::Relaxed), 3);
    }
}
