//! Telemetry: the log, and logs, metrics and traces for an OpenTelemetry collector.
//!
//! Telemetry is process-wide, like the log. Until `exporter::start` is called, and if no endpoint is set, it is off: each
//! measurement then costs only a check of an empty cell. Measurements go into bounded queues and tables, and a separate thread
//! sends them, so that nothing here waits for a collector.

pub mod log;
mod metrics;
pub(crate) mod otlp;
pub(crate) mod queues;
mod settings;
pub mod spans;
pub mod trace;

use std::cell::Cell;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

pub use settings::{Target, TelemetrySettings};
pub use trace::Sampler;

use self::metrics::Metrics;
use self::queues::Queues;
use self::trace::{Attributes, SpanContext, SpanData, Value, place};

/// How long sending the rest may take at the end.
const FLUSH: Duration = Duration::from_secs(2);
/// The minimum time for sending, even if others used up the time before.
const LEAST_FLUSH: Duration = Duration::from_millis(500);

/// The kinds of records that are sent or counted as dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Log lines.
    Logs,
    /// Measurements.
    Metrics,
    /// Spans.
    Traces,
    /// Audit events, which are sent to the control plane instead.
    Audit,
}

impl Signal {
    const ALL: [Self; 4] = [Self::Logs, Self::Metrics, Self::Traces, Self::Audit];

    /// Returns its name in variables, paths and attributes.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Logs => "logs",
            Self::Metrics => "metrics",
            Self::Traces => "traces",
            Self::Audit => "audit",
        }
    }
}

/// A log line in the form in which it is sent.
pub(crate) struct LogRecord {
    /// Nanoseconds since 1970.
    time: u64,
    level: ::log::Level,
    body: String,
    attributes: Attributes,
    place: Option<SpanContext>,
}

/// The telemetry of this process.
pub(crate) struct Telemetry {
    /// `None` if logs are not sent.
    logs: bool,
    /// `None` if metrics are off.
    pub(crate) metrics: Option<Metrics>,
    /// `None` if traces are off.
    sampler: Option<Sampler>,
    pub(crate) queues: Queues,
}

static TELEMETRY: OnceLock<Telemetry> = OnceLock::new();

thread_local! {
    /// Whether this is the exporter's thread. Its log lines are not sent, because each failure to send would cause another one.
    static SENDS: Cell<bool> = const { Cell::new(false) };
}

/// Creates the telemetry of this process, for the exporter; `None` if it already exists.
pub(crate) fn install(settings: &TelemetrySettings) -> Option<&'static Telemetry> {
    let telemetry = Telemetry {
        logs: settings.logs.is_some(),
        metrics: settings.metrics.is_some().then(Metrics::new),
        sampler: settings.traces.is_some().then_some(settings.sampler),
        queues: Queues::default(),
    };
    TELEMETRY.set(telemetry).ok().and_then(|()| TELEMETRY.get())
}

/// Marks the exporter's thread: its log lines are not sent.
pub(crate) fn this_thread_sends() {
    SENDS.set(true);
}

/// Sends the rest and ends telemetry within two seconds of `since`, the beginning of the shutdown, or a little later if other
/// work has used up that time.
pub fn shutdown(since: Instant) {
    if let Some(telemetry) = TELEMETRY.get() {
        telemetry.queues.stop(FLUSH.saturating_sub(since.elapsed()).max(LEAST_FLUSH));
    }
}

/// Registers a function that returns the number of open connections; it is called at each export.
pub fn watch_connections(count: impl Fn() -> usize + Send + Sync + 'static) {
    if let Some(metrics) = metrics() {
        metrics.watch_connections(Box::new(count));
    }
}

/// Counts a tool call, with the error code if it failed.
pub fn tool_called(module: &str, tool: &str, duration: Duration, error: Option<&'static str>) {
    if let Some(metrics) = metrics() {
        metrics.tool(module, tool, milliseconds(duration), error, place());
    }
}

/// Counts a module's credential that was requested again because it had expired or was rejected, or that the service does not
/// renew.
pub fn token_refreshed(module: &str, success: bool) {
    if let Some(metrics) = metrics() {
        metrics.token_refresh(module, success);
    }
}

/// Counts records that will never be sent.
pub fn dropped(signal: Signal, count: u64) {
    if let Some(metrics) = metrics() {
        metrics.dropped(signal, count);
    }
}

fn metrics() -> Option<&'static Metrics> {
    TELEMETRY.get()?.metrics.as_ref()
}

fn sampler() -> Option<Sampler> {
    TELEMETRY.get()?.sampler
}

/// Returns whether the queue has space for spans that end soon.
fn has_room_for_spans() -> bool {
    TELEMETRY.get().is_none_or(|telemetry| telemetry.queues.has_room_for_spans())
}

fn queue_spans(spans: Vec<SpanData>, lost: u64) {
    let refused = match TELEMETRY.get() {
        Some(telemetry) if !spans.is_empty() => telemetry.queues.push_spans(spans),
        _ => 0,
    };
    if lost + refused > 0 {
        dropped(Signal::Traces, lost + refused);
    }
}

/// Sends a line of the log, if logs are sent.
fn queue_log(record: &::log::Record<'_>) {
    let Some(telemetry) = TELEMETRY.get().filter(|telemetry| telemetry.logs && !SENDS.get()) else {
        return;
    };
    let mut attributes: Attributes = log::fields(record)
        .into_iter()
        .map(|(name, value)| (name.into(), attribute(value)))
        .collect();
    if let Some(id) = trace::request_id() {
        attributes.push(("request_id".into(), id.into()));
    }
    let record = LogRecord {
        time: trace::now(),
        level: record.level(),
        body: record.args().to_string(),
        attributes,
        place: place(),
    };
    if !telemetry.queues.push_log(record) {
        dropped(Signal::Logs, 1);
    }
}

/// Returns a field of a line as an attribute.
fn attribute(value: serde_json::Value) -> Value {
    match value {
        serde_json::Value::Bool(flag) => Value::Flag(flag),
        serde_json::Value::String(text) => Value::Text(text.into()),
        serde_json::Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Value::Whole(whole),
            (None, real) => Value::Real(real.unwrap_or_default()),
        },
        other => Value::Text(other.to_string().into()),
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}
