//! The log: readable text on a terminal, one JSON object per line elsewhere.
//!
//! Code logs through the `log` facade; fields of a line are its key-values, as in
//! `log::info!(module = "github", duration_ms = 12; "Tool executed")`.

use std::io::{self, IsTerminal, Write};

use env_logger::fmt::Formatter;
use env_logger::{Builder, Target};
use log::kv::{self, Key, Value, VisitSource};
use log::{LevelFilter, Log, Metadata, Record};
use serde_json::{Map, Value as Json};

use super::{queue_log, trace};
use crate::time::rfc3339_now;

/// Where the log goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// The server's log, where a platform's log drain reads it.
    Stdout,
    /// The log of every other command: stdout is for its data.
    Stderr,
}

/// Starts the log at `level`. Call it once, before threads start.
pub fn start(level: LevelFilter, output: Output) {
    let (readable, target) = match output {
        Output::Stdout => (io::stdout().is_terminal(), Target::Stdout),
        Output::Stderr => (io::stderr().is_terminal(), Target::Stderr),
    };
    // Libraries log only warnings and errors; their debug output would contain request lines and headers.
    let mut builder = Builder::new();
    builder
        .filter_level(level.min(LevelFilter::Warn))
        .filter_module("mcpist", level)
        .target(target);
    if readable {
        builder.format(write_readable);
    } else {
        builder.format(write_json);
    }
    let logger = Logger(builder.build());
    let most = logger.0.filter();
    // A second start (in tests) has no effect.
    if log::set_boxed_logger(Box::new(logger)).is_ok() {
        log::set_max_level(most);
        std::panic::set_hook(Box::new(|panic| {
            // Only the location is logged: the message of a panic may quote its input.
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            log::error!(place; "a panic ended one request; this is a bug of MCPist");
        }));
    }
}

/// Writes each line to the output, and sends it to the collector if there is one.
struct Logger(env_logger::Logger);

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.0.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if self.0.matches(record) {
            self.0.log(record);
            queue_log(record);
        }
    }

    fn flush(&self) {
        self.0.flush();
    }
}

fn write_json(formatter: &mut Formatter, record: &Record<'_>) -> io::Result<()> {
    writeln!(formatter, "{}", json_line(record, &rfc3339_now()))
}

fn json_line(record: &Record<'_>, timestamp: &str) -> Json {
    let mut line = Map::new();
    line.insert("timestamp".to_owned(), Json::from(timestamp));
    line.insert("level".to_owned(), Json::from(record.level().as_str().to_ascii_lowercase()));
    line.insert("message".to_owned(), Json::from(record.args().to_string()));
    line.extend(fields(record));
    // The names that Grafana and other tools expect; ids in the form of W3C Trace Context.
    if let Some(place) = trace::place() {
        line.insert("trace_id".to_owned(), format!("{:032x}", place.trace_id).into());
        line.insert("span_id".to_owned(), format!("{:016x}", place.span_id).into());
    }
    if let Some(id) = trace::request_id() {
        line.insert("request_id".to_owned(), id.into());
    }
    Json::Object(line)
}

fn write_readable(formatter: &mut Formatter, record: &Record<'_>) -> io::Result<()> {
    let timestamp = rfc3339_now();
    // On a terminal, the time of day is enough.
    let time = timestamp.get(11..19).unwrap_or(&timestamp);
    write!(formatter, "{time} {:5} {}", record.level(), record.args())?;
    for (name, value) in fields(record) {
        match value {
            Json::String(text) => write!(formatter, "  {name}={text}")?,
            other => write!(formatter, "  {name}={other}")?,
        }
    }
    writeln!(formatter)
}

/// Collects the key-values of a line.
pub(super) fn fields(record: &Record<'_>) -> Map<String, Json> {
    struct Collector(Map<String, Json>);
    impl<'kvs> VisitSource<'kvs> for Collector {
        fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), kv::Error> {
            let json = if let Some(flag) = value.to_bool() {
                Json::from(flag)
            } else if let Some(number) = value.to_i64() {
                Json::from(number)
            } else if let Some(number) = value.to_f64() {
                Json::from(number)
            } else {
                Json::from(value.to_string())
            };
            self.0.insert(key.as_str().to_owned(), json);
            Ok(())
        }
    }
    let mut collector = Collector(Map::new());
    // The collecting visitor never fails.
    let _ = record.key_values().visit(&mut collector);
    collector.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_json_object_with_the_fields_of_the_specification() {
        let pairs = [
            ("module", Value::from("notion")),
            ("duration_ms", Value::from(245)),
            ("success", Value::from(true)),
        ];
        let record = Record::builder()
            .level(log::Level::Info)
            .args(format_args!("Tool executed"))
            .key_values(&pairs)
            .build();
        assert_eq!(
            json_line(&record, "2024-01-15T10:30:00Z").to_string(),
            r#"{"timestamp":"2024-01-15T10:30:00Z","level":"info","message":"Tool executed","module":"notion","duration_ms":245,"success":true}"#
        );
        let args = "two\nlines \u{1b}[31m";
        let record = Record::builder()
            .level(log::Level::Warn)
            .args(format_args!("two\nlines \u{1b}[31m"))
            .build();
        assert!(!json_line(&record, "").to_string().contains('\n'), "{args:?} stays on one line");
    }
}
