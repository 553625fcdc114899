//! OTLP/HTTP in its JSON encoding, written by hand (opentelemetry-proto 1.x; "JSON Protobuf Encoding": ids are
//! hexadecimal, 64-bit numbers are strings, enums are numbers).

use std::io::Write;

use super::LogRecord;
use super::metrics::{BOUNDS, Histogram};
use super::trace::{Attributes, SpanData, Value};

const SCOPE: &str =
    concat!(r#""scope":{"name":"mcpist","version":""#, env!("CARGO_PKG_VERSION"), r#""}"#);

/// Returns the resource of all records, as a JSON object.
pub(crate) fn resource(attributes: &[(String, String)]) -> String {
    let mut out = Json::default();
    out.raw(r#"{"attributes":["#);
    for (position, (name, value)) in attributes.iter().enumerate() {
        out.comma(position);
        out.raw(r#"{"key":"#);
        out.text(name);
        out.raw(r#","value":{"stringValue":"#);
        out.text(value);
        out.raw("}}");
    }
    out.raw("]}");
    String::from_utf8(out.0).expect("JSON is text")
}

/// Returns an `ExportTraceServiceRequest`.
pub(crate) fn traces(resource: &str, spans: &[SpanData]) -> Vec<u8> {
    let mut out = Json::begin("resourceSpans", "scopeSpans", "spans", resource);
    for (position, span) in spans.iter().enumerate() {
        out.comma(position);
        out.span(span);
    }
    out.end()
}

/// Returns an `ExportLogsServiceRequest`.
pub(crate) fn logs(resource: &str, records: &[LogRecord]) -> Vec<u8> {
    let mut out = Json::begin("resourceLogs", "scopeLogs", "logRecords", resource);
    for (position, record) in records.iter().enumerate() {
        out.comma(position);
        out.log_record(record);
    }
    out.end()
}

/// The points of a metric (OTLP's `data`).
#[derive(Clone, Copy)]
pub(super) enum Aggregate {
    Counter,
    Gauge,
    Histogram,
}

/// A point of a metric.
pub(super) enum Point<'a> {
    Count(u64),
    Histogram(&'a Histogram),
}

/// Writes an `ExportMetricsServiceRequest`. A metric without points is left out.
pub(super) struct MetricsWriter {
    out: Json,
    since: u64,
    now: u64,
    written: usize,
}

impl MetricsWriter {
    pub(crate) fn new(resource: &str, since: u64, now: u64) -> Self {
        Self {
            out: Json::begin("resourceMetrics", "scopeMetrics", "metrics", resource),
            since,
            now,
            written: 0,
        }
    }

    /// Metrics have no unit: a backend would append it to names that already end with it.
    pub(crate) fn metric(
        &mut self,
        name: &str,
        description: &str,
        aggregate: Aggregate,
        points: &mut dyn Iterator<Item = (Vec<(&'static str, Value)>, Point<'_>)>,
    ) {
        let (since, now) = (self.since, self.now);
        let mut count = 0;
        for (attributes, point) in points {
            if count == 0 {
                self.out.comma(self.written);
                self.written += 1;
                let kind = match aggregate {
                    Aggregate::Counter => r#""sum":{"aggregationTemporality":2,"isMonotonic":true"#,
                    Aggregate::Gauge => r#""gauge":{"#,
                    Aggregate::Histogram => r#""histogram":{"aggregationTemporality":2"#,
                };
                let comma = if kind.ends_with('{') { "" } else { "," };
                self.out.format(format_args!(
                    r#"{{"name":"{name}","description":"{description}",{kind}{comma}"dataPoints":["#
                ));
            }
            self.out.comma(count);
            count += 1;
            self.out.format(format_args!(
                r#"{{"startTimeUnixNano":"{since}","timeUnixNano":"{now}","attributes":["#
            ));
            for (position, (name, value)) in attributes.iter().enumerate() {
                self.out.attribute(position, name, value);
            }
            self.out.raw("],");
            match point {
                Point::Count(count) => self.out.format(format_args!(r#""asInt":"{count}""#)),
                Point::Histogram(histogram) => self.out.histogram(histogram),
            }
            self.out.raw("}");
        }
        if count > 0 {
            self.out.raw("]}}");
        }
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.out.end()
    }
}

/// A JSON text under construction.
#[derive(Default)]
struct Json(Vec<u8>);

impl Json {
    fn begin(resources: &str, scopes: &str, entries: &str, resource: &str) -> Self {
        let mut out = Self::default();
        out.format(format_args!(
            r#"{{"{resources}":[{{"resource":{resource},"{scopes}":[{{{SCOPE},"{entries}":["#
        ));
        out
    }

    fn end(mut self) -> Vec<u8> {
        self.raw("]}]}]}");
        self.0
    }

    fn raw(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    fn format(&mut self, arguments: std::fmt::Arguments<'_>) {
        self.0.write_fmt(arguments).expect("a vector takes everything");
    }

    fn text(&mut self, text: &str) {
        serde_json::to_writer(&mut self.0, text).expect("a vector takes everything");
    }

    fn comma(&mut self, position: usize) {
        if position > 0 {
            self.raw(",");
        }
    }

    fn attribute(&mut self, position: usize, name: &str, value: &Value) {
        self.comma(position);
        self.raw(r#"{"key":"#);
        self.text(name);
        self.raw(r#","value":{"#);
        match value {
            Value::Text(text) => {
                self.raw(r#""stringValue":"#);
                self.text(text);
            }
            Value::Whole(number) => self.format(format_args!(r#""intValue":"{number}""#)),
            Value::Real(number) => {
                self.raw(r#""doubleValue":"#);
                self.real(*number);
            }
            Value::Flag(flag) => self.format(format_args!(r#""boolValue":{flag}"#)),
        }
        self.raw("}}");
    }

    /// Writes a number. In Protobuf's JSON, values that are not JSON numbers are strings.
    fn real(&mut self, number: f64) {
        match number {
            number if number.is_finite() => self.format(format_args!("{number}")),
            number if number.is_nan() => self.raw(r#""NaN""#),
            number if number > 0.0 => self.raw(r#""Infinity""#),
            _ => self.raw(r#""-Infinity""#),
        }
    }

    fn attributes(&mut self, attributes: &Attributes) {
        self.raw(r#","attributes":["#);
        for (position, (name, value)) in attributes.iter().enumerate() {
            self.attribute(position, name, value);
        }
        self.raw("]");
    }

    fn span(&mut self, span: &SpanData) {
        let SpanData { trace_id, id, kind, start, end, .. } = span;
        self.format(format_args!(r#"{{"traceId":"{trace_id:032x}","spanId":"{id:016x}""#));
        if let Some(parent) = span.parent {
            self.format(format_args!(r#","parentSpanId":"{parent:016x}""#));
        }
        // Flags: sampled, has-is-remote, is-remote.
        let flags = if span.parent_is_remote { 0x301 } else { 0x101 };
        self.raw(r#","name":"#);
        self.text(&span.name);
        let kind = *kind as u8;
        self.format(format_args!(r#","kind":{kind},"flags":{flags},"startTimeUnixNano":"{start}","endTimeUnixNano":"{end}""#));
        self.attributes(&span.attributes);
        if let Some(link) = span.link {
            let flags = 0x300 | u32::from(link.sampled);
            self.format(format_args!(
                r#","links":[{{"traceId":"{:032x}","spanId":"{:016x}","flags":{flags}}}]"#,
                link.trace_id, link.span_id
            ));
        }
        if span.failed {
            self.raw(r#","status":{"code":2}"#);
        }
        self.raw("}");
    }

    fn log_record(&mut self, record: &LogRecord) {
        let LogRecord { time, level, body, attributes, place } = record;
        // The data model's severity number of a log level.
        let (severity, name) = match level {
            log::Level::Trace => (1, "TRACE"),
            log::Level::Debug => (5, "DEBUG"),
            log::Level::Info => (9, "INFO"),
            log::Level::Warn => (13, "WARN"),
            log::Level::Error => (17, "ERROR"),
        };
        self.format(format_args!(
            r#"{{"timeUnixNano":"{time}","observedTimeUnixNano":"{time}","severityNumber":{severity},"severityText":"{name}","body":{{"stringValue":"#
        ));
        self.text(body);
        self.raw("}");
        self.attributes(attributes);
        if let Some(place) = place {
            self.format(format_args!(
                r#","traceId":"{:032x}","spanId":"{:016x}","flags":{}"#,
                place.trace_id,
                place.span_id,
                u8::from(place.sampled)
            ));
        }
        self.raw("}");
    }

    fn histogram(&mut self, histogram: &Histogram) {
        let Histogram { count, sum, buckets, exemplars } = histogram;
        self.format(format_args!(r#""count":"{count}","sum":{sum},"explicitBounds":["#));
        for (position, bound) in BOUNDS.iter().enumerate() {
            self.comma(position);
            self.real(*bound);
        }
        self.raw(r#"],"bucketCounts":["#);
        for (position, count) in buckets.iter().enumerate() {
            self.comma(position);
            self.format(format_args!(r#""{count}""#));
        }
        self.raw(r#"],"exemplars":["#);
        for (position, exemplar) in exemplars.iter().flatten().enumerate() {
            self.comma(position);
            self.format(format_args!(
                r#"{{"timeUnixNano":"{}","asDouble":{},"traceId":"{:032x}","spanId":"{:016x}"}}"#,
                exemplar.time, exemplar.value, exemplar.place.trace_id, exemplar.place.span_id
            ));
        }
        self.raw("]");
    }
}
