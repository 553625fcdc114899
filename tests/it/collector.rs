//! A collector that keeps the data that it receives, decoded strictly by the protocol's own types, and that can fail like real
//! ones.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Instant;

use flate2::read::GzDecoder;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::{HistogramDataPoint, metric, number_data_point};
use opentelemetry_proto::tonic::trace::v1::Span;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::wire::PATIENCE;

/// The collector's reaction to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// Takes it.
    Takes,
    /// Responds with this status, and with this number of seconds in `Retry-After`, if there is one.
    Answers(u16, u32),
    /// Never answers.
    Stalls,
    /// Responds with something other than HTTP.
    Babbles,
}

/// The collector; ended when this is dropped.
pub struct Collector {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    inner: Mutex<Inner>,
    changed: Condvar,
}

struct Inner {
    mood: Mood,
    /// Everything that came, also what was not taken.
    came: Vec<Came>,
    ended: bool,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Came {
    pub at: Instant,
    pub path: String,
    pub head: String,
    pub body: String,
    pub taken: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no thread of the collector panics with the lock")
    }
}

impl Collector {
    pub fn start(mood: Mood) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let inner = Inner { mood, came: Vec::new(), ended: false };
        let shared = Arc::new(Shared { inner: Mutex::new(inner), changed: Condvar::new() });
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if serving.lock().ended {
                    return;
                }
                let shared = Arc::clone(&serving);
                // The client ends its connection as it likes.
                thread::spawn(move || serve(&stream, &shared));
            }
        });
        Self { address, shared }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn change(&self, mood: Mood) {
        self.shared.lock().mood = mood;
        self.shared.changed.notify_all();
    }

    pub fn came(&self) -> Vec<Came> {
        self.shared.lock().came.clone()
    }

    /// Waits until what came is as wanted.
    pub fn wait_until(&self, what: &str, wanted: impl Fn(&[Came]) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        let mut inner = self.shared.lock();
        while !wanted(&inner.came) {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{what} did not come; {} requests did", inner.came.len());
            inner = self
                .shared
                .changed
                .wait_timeout(inner, left)
                .expect("no thread panics with the lock")
                .0;
        }
    }

    /// The spans that were taken.
    pub fn spans(&self) -> Vec<Span> {
        let requests = self.taken::<ExportTraceServiceRequest>("/v1/traces");
        let resources = requests.into_iter().flat_map(|request| request.resource_spans);
        resources.flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans).collect()
    }

    /// The log records that were taken.
    pub fn logs(&self) -> Vec<LogRecord> {
        let requests = self.taken::<ExportLogsServiceRequest>("/v1/logs");
        let resources = requests.into_iter().flat_map(|request| request.resource_logs);
        resources
            .flat_map(|resource| resource.scope_logs)
            .flat_map(|scope| scope.log_records)
            .collect()
    }

    /// The last metrics that were taken.
    pub fn metrics(&self) -> Metrics {
        let request = self
            .taken::<ExportMetricsServiceRequest>("/v1/metrics")
            .pop()
            .expect("metrics were sent");
        Metrics(request)
    }

    fn taken<T: DeserializeOwned + Serialize>(&self, path: &str) -> Vec<T> {
        let came = self.came();
        came.iter()
            .filter(|came| came.taken && came.path == path)
            .map(|came| decoded(&came.body))
            .collect()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.shared.lock().ended = true;
        self.shared.changed.notify_all();
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(stream: &TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head)? == 0 {
                return Ok(());
            }
        }
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let length = head.lines().find_map(|line| {
            line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok()
        });
        let mut body = vec![0; length.unwrap_or(0)];
        reader.read_exact(&mut body)?;
        let body = if head.contains("content-encoding: gzip\r\n") { unzipped(&body) } else { body };
        let body = String::from_utf8(body).expect("JSON is text");
        let mut inner = shared.lock();
        let mood = inner.mood;
        inner.came.push(Came { at: Instant::now(), path, head, body, taken: mood == Mood::Takes });
        shared.changed.notify_all();
        while mood == Mood::Stalls && inner.mood == Mood::Stalls && !inner.ended {
            inner = shared.changed.wait(inner).expect("no thread panics with the lock");
        }
        drop(inner);
        let mut writer = stream;
        match mood {
            Mood::Takes => writer.write_all(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}",
            )?,
            Mood::Answers(status, 0) => {
                write!(writer, "HTTP/1.1 {status} Fake\r\ncontent-length: 0\r\n\r\n")?;
            }
            Mood::Answers(status, wait) => {
                write!(
                    writer,
                    "HTTP/1.1 {status} Fake\r\nretry-after: {wait}\r\ncontent-length: 0\r\n\r\n"
                )?;
            }
            Mood::Babbles => return writer.write_all(b"SSH-2.0-OpenSSH_9.2\r\n"),
            Mood::Stalls => return Ok(()),
        }
    }
}

fn unzipped(body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    GzDecoder::new(body).read_to_end(&mut whole).expect("it is gzip");
    whole
}

/// A body in the protocol's own type: data that the type does not know, or reads differently, is missing when it is written
/// again.
fn decoded<T: DeserializeOwned + Serialize>(body: &str) -> T {
    // Out of a value: serde's `flatten`, which that type uses, understands no numbers that keep their text.
    let value: Value = serde_json::from_str(body).expect("it is JSON");
    let decoded: T =
        serde_json::from_value(value).unwrap_or_else(|error| panic!("{error}: {body}"));
    let again = serde_json::to_value(&decoded).expect("it was JSON");
    assert_kept("$", &serde_json::from_str(body).expect("it is JSON"), &again);
    decoded
}

fn assert_kept(place: &str, sent: &Value, again: &Value) {
    match (sent, again) {
        (Value::Object(sent), Value::Object(again)) => {
            for (name, value) in sent {
                let other =
                    again.get(name).unwrap_or_else(|| panic!("{place}.{name} is not known"));
                assert_kept(&format!("{place}.{name}"), value, other);
            }
        }
        (Value::Array(sent), Value::Array(again)) => {
            assert_eq!(sent.len(), again.len(), "{place}");
            sent.iter()
                .zip(again)
                .for_each(|(sent, again)| assert_kept(&format!("{place}[]"), sent, again));
        }
        (Value::Number(sent), Value::Number(again)) => {
            assert_eq!(sent.as_f64(), again.as_f64(), "{place}");
        }
        (sent, again) => assert_eq!(sent, again, "{place}"),
    }
}

/// Metrics as they were sent.
pub struct Metrics(ExportMetricsServiceRequest);

impl Metrics {
    fn all(&self) -> impl Iterator<Item = &opentelemetry_proto::tonic::metrics::v1::Metric> {
        self.0
            .resource_metrics
            .iter()
            .flat_map(|resource| &resource.scope_metrics)
            .flat_map(|scope| &scope.metrics)
    }

    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.all().map(|metric| metric.name.as_str()).collect();
        names.sort_unstable();
        names
    }

    /// The sum of a counter's or gauge's points that have these attributes.
    pub fn count(&self, name: &str, attributes: &[(&str, &str)]) -> i64 {
        let metric = self
            .all()
            .find(|metric| metric.name == name)
            .unwrap_or_else(|| panic!("{name} is not sent"));
        assert_eq!(metric.unit, "", "a unit would become part of the name");
        let points = match metric.data.as_ref().expect("a metric has data") {
            metric::Data::Sum(sum) => {
                assert!(
                    sum.is_monotonic && sum.aggregation_temporality == 2,
                    "{name} is cumulative"
                );
                &sum.data_points
            }
            metric::Data::Gauge(gauge) => &gauge.data_points,
            other => panic!("{name}: {other:?}"),
        };
        let wanted = points.iter().filter(|point| has(&point.attributes, attributes));
        wanted
            .map(|point| match point.value {
                Some(number_data_point::Value::AsInt(number)) => number,
                ref other => panic!("{name}: {other:?}"),
            })
            .sum()
    }

    /// The points of a histogram that have these attributes.
    pub fn histogram(&self, name: &str, attributes: &[(&str, &str)]) -> Vec<&HistogramDataPoint> {
        let metric = self
            .all()
            .find(|metric| metric.name == name)
            .unwrap_or_else(|| panic!("{name} is not sent"));
        let Some(metric::Data::Histogram(histogram)) = &metric.data else {
            panic!("{name} is not a histogram")
        };
        assert_eq!(histogram.aggregation_temporality, 2);
        histogram.data_points.iter().filter(|point| has(&point.attributes, attributes)).collect()
    }
}

fn has(attributes: &[KeyValue], wanted: &[(&str, &str)]) -> bool {
    wanted.iter().all(|(name, value)| attribute(attributes, name).as_deref() == Some(*value))
}

/// An attribute as text.
pub fn attribute(attributes: &[KeyValue], name: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key == name)?;
    Some(match found.value.as_ref()?.value.as_ref()? {
        Any::StringValue(text) => text.clone(),
        Any::IntValue(number) => number.to_string(),
        Any::BoolValue(flag) => flag.to_string(),
        Any::DoubleValue(number) => number.to_string(),
        other => panic!("{name}: {other:?}"),
    })
}
