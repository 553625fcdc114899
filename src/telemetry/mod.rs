//! What the server reports about itself: the log, and to an OpenTelemetry collector logs, metrics and traces.
//!
//! There is one telemetry a process, as there is one log. Until `exporter::start` is called, and where no endpoint is set, it is
//! not there: measuring is then one look at an empty cell. What is measured is put into bounded queues and tables and
//! sent by a thread of its own, so that nothing here ever waits for a collector.

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

/// How long sending what is left may take at the end.
const FLUSH: Duration = Duration::from_secs(2);
/// How long it may take though others took long before.
const LEAST_FLUSH: Duration = Duration::from_millis(500);

/// What is sent or kept as records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Log lines.
    Logs,
    /// Measurements.
    Metrics,
    /// Spans.
    Traces,
    /// Audit events, which have their own way to the control plane.
    Audit,
}

impl Signal {
    const ALL: [Self; 4] = [Self::Logs, Self::Metrics, Self::Traces, Self::Audit];

    /// Its name in variables, paths and attributes.
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

/// A line of the log, as it is sent.
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
    /// None: logs are not sent.
    logs: bool,
    /// None: nothing is measured.
    pub(crate) metrics: Option<Metrics>,
    /// None: nothing is traced.
    sampler: Option<Sampler>,
    pub(crate) queues: Queues,
}

static TELEMETRY: OnceLock<Telemetry> = OnceLock::new();

thread_local! {
    /// Whether this is the thread that sends: what it logs is not sent, or one failure to send would lead to the next.
    static SENDS: Cell<bool> = const { Cell::new(false) };
}

/// Makes the telemetry of this process, for the exporter that calls this; `None` if there is one already.
pub(crate) fn install(settings: &TelemetrySettings) -> Option<&'static Telemetry> {
    let telemetry = Telemetry {
        logs: settings.logs.is_some(),
        metrics: settings.metrics.is_some().then(Metrics::new),
        sampler: settings.traces.is_some().then_some(settings.sampler),
        queues: Queues::default(),
    };
    TELEMETRY.set(telemetry).ok().and_then(|()| TELEMETRY.get())
}

/// Marks the thread that sends: what it logs is not sent.
pub(crate) fn this_thread_sends() {
    SENDS.set(true);
}

/// Sends what is left and ends the telemetry, within two seconds of `since`, when the end began, or a little later where
/// others have used them up.
pub fn shutdown(since: Instant) {
    if let Some(telemetry) = TELEMETRY.get() {
        telemetry.queues.stop(FLUSH.saturating_sub(since.elapsed()).max(LEAST_FLUSH));
    }
}

/// Has the number of open connections asked for whenever metrics are sent.
pub fn watch_connections(count: impl Fn() -> usize + Send + Sync + 'static) {
    if let Some(metrics) = metrics() {
        metrics.watch_connections(Box::new(count));
    }
}

/// Counts a call of a tool, with the error's code where it failed.
pub fn tool_called(module: &str, tool: &str, duration: Duration, error: Option<&'static str>) {
    if let Some(metrics) = metrics() {
        metrics.tool(module, tool, milliseconds(duration), error, place());
    }
}

/// Counts a credential of a module that was asked for again, because the one before expired or was refused, and one that the
/// service does not renew.
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

/// Whether spans that end soon will find room.
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

/// A field of a line as an attribute.
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
