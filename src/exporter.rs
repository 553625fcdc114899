//! The thread that sends telemetry: in batches by time and size, with the retries that OTLP defines. It drops records rather
//! than hold up the server.
//!
//! Source: OTLP 1.x, "OTLP/HTTP Response" (429, 502, 503 and 504 are retried, after `Retry-After` if it is given; every other
//! failure is final) and "Partial Success".

use std::io::{self, Write as _};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

use crate::random::random_id;
use crate::sync::lock;
use crate::telemetry::queues::Waiting;
use crate::telemetry::{self, Signal, Target, Telemetry, TelemetrySettings, dropped, otlp};
use crate::upstream::{
    HeaderMap, HeaderName, HeaderValue, Method, Upstream, UpstreamConfig, UpstreamRequest,
    asked_wait, jittered,
};

/// How long a batch that cannot be sent is kept.
const KEPT: Duration = Duration::from_secs(60);
/// The wait after the first failure; it doubles with every further one.
const FIRST_BACKOFF: Duration = Duration::from_millis(500);
const LONGEST_BACKOFF: Duration = Duration::from_secs(30);
/// The maximum wait that a collector may ask for.
const LONGEST_ASKED: Duration = Duration::from_secs(600);
/// After a batch, its signal pauses for this many times the duration of writing it: under load, telemetry is dropped before it
/// takes processor time from the calls that it reports.
const REST: u32 = 80;
/// The maximum size in bytes of a collector's response that is read.
const MAX_ANSWER: u64 = 64 * 1024;

/// Starts the telemetry of this process. A second start has no effect.
///
/// # Errors
/// If its thread cannot be started.
pub fn start(settings: TelemetrySettings, proxy: Option<ureq::Proxy>) -> io::Result<()> {
    let Some(telemetry) = telemetry::install(&settings) else { return Ok(()) };
    let exporter = Exporter::new(telemetry, settings, proxy);
    std::thread::Builder::new().name("telemetry".to_owned()).spawn(move || {
        telemetry::this_thread_sends();
        exporter.run();
    })?;
    Ok(())
}

/// Sends the telemetry of one process.
struct Exporter {
    telemetry: &'static Telemetry,
    resource: String,
    upstream: Upstream,
    pipes: [Pipe; 3],
}

/// The state of one signal.
struct Pipe {
    signal: Signal,
    target: Option<Target>,
    /// How long a record may wait for others, or how often metrics are sent.
    delay: Duration,
    /// A batch that could not be sent and will be retried.
    kept: Option<Batch>,
    /// Nothing is sent before this time.
    not_before: Instant,
    backoff: Duration,
    failing: bool,
}

struct Batch {
    body: Vec<u8>,
    records: u64,
    since: Instant,
}

/// The outcome of sending a batch.
enum Delivery {
    Sent,
    /// It may be retried, after this time if the collector named one.
    Again(Option<Duration>, String),
    /// The collector will never accept it.
    Refused(String),
}

impl Exporter {
    fn new(
        telemetry: &'static Telemetry,
        settings: TelemetrySettings,
        proxy: Option<ureq::Proxy>,
    ) -> Self {
        let mut resource = settings.resource;
        let mut add = |name: &str, value: &str| {
            if !resource.iter().any(|(known, _)| known == name) {
                resource.push((name.to_owned(), value.to_owned()));
            }
        };
        add("service.name", "mcpist");
        add("service.version", env!("CARGO_PKG_VERSION"));
        add("service.instance.id", &random_id());
        add("telemetry.sdk.name", "mcpist");
        add("telemetry.sdk.language", "rust");
        add("telemetry.sdk.version", env!("CARGO_PKG_VERSION"));
        let now = Instant::now();
        let pipe = |signal, target, delay, not_before| Pipe {
            signal,
            target,
            delay,
            kept: None,
            not_before,
            backoff: FIRST_BACKOFF,
            failing: false,
        };
        Self {
            telemetry,
            resource: otlp::resource(&resource),
            upstream: Upstream::new(UpstreamConfig {
                proxy,
                max_answer: MAX_ANSWER,
                ..UpstreamConfig::default()
            }),
            pipes: [
                pipe(Signal::Logs, settings.logs, settings.log_delay, now),
                pipe(Signal::Traces, settings.traces, settings.span_delay, now),
                pipe(
                    Signal::Metrics,
                    settings.metrics,
                    settings.metric_interval,
                    now + settings.metric_interval,
                ),
            ],
        }
    }

    /// Sends until the process ends.
    fn run(mut self) {
        let queues = &self.telemetry.queues;
        loop {
            let stop = self.wait();
            for place in 0..self.pipes.len() {
                match stop {
                    None => self.send_due(place),
                    Some(deadline) => self.send_rest(place, deadline),
                }
            }
            if stop.is_some() {
                lock(&queues.waiting).ended = true;
                queues.ended.notify_all();
                return;
            }
        }
    }

    /// Waits until something is due. Returns the time by which everything must be sent, if the process ends.
    fn wait(&self) -> Option<Instant> {
        let queues = &self.telemetry.queues;
        let mut waiting = lock(&queues.waiting);
        loop {
            if waiting.stop.is_some() {
                return waiting.stop;
            }
            let now = Instant::now();
            let due = self.pipes.iter().filter_map(|pipe| pipe.due(&waiting)).min();
            let left = due.map(|due| due.saturating_duration_since(now));
            waiting = match left {
                Some(Duration::ZERO) => return None,
                Some(left) => {
                    queues
                        .wake
                        .wait_timeout(waiting, left)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
                None => queues.wake.wait(waiting).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// Sends the due records of one signal.
    fn send_due(&mut self, place: usize) {
        let now = Instant::now();
        let is_due = self.pipes[place]
            .due(&lock(&self.telemetry.queues.waiting))
            .is_some_and(|due| due <= now);
        if !is_due {
            return;
        }
        let began = Instant::now();
        let Some(batch) = self.next(place) else { return };
        let rest = began.elapsed() * REST;
        let deadline = Instant::now() + self.timeout(place);
        let outcome = self.send(place, &batch, deadline);
        self.pipes[place].settle(batch, outcome, rest);
    }

    /// Sends all remaining records of one signal, without retries.
    fn send_rest(&mut self, place: usize, deadline: Instant) {
        while let Some(batch) = self.next(place) {
            let deadline = deadline.min(Instant::now() + self.timeout(place));
            let signal = self.pipes[place].signal;
            match self.send(place, &batch, deadline) {
                Delivery::Sent if signal == Signal::Metrics => return,
                Delivery::Sent => {}
                Delivery::Again(_, problem) | Delivery::Refused(problem) => {
                    log::warn!(signal = signal.name(); "the last telemetry is lost: {problem}");
                    return;
                }
            }
        }
    }

    fn timeout(&self, place: usize) -> Duration {
        self.pipes[place].target.as_ref().map_or(Duration::ZERO, |target| target.timeout)
    }

    /// Returns the batch that was kept, or a new one.
    fn next(&mut self, place: usize) -> Option<Batch> {
        let pipe = &mut self.pipes[place];
        if let Some(kept) = pipe.kept.take() {
            return Some(kept);
        }
        let target = pipe.target.as_ref()?;
        let waiting = &self.telemetry.queues.waiting;
        let (body, records) = match pipe.signal {
            Signal::Logs => {
                let records = lock(waiting).logs.take();
                (otlp::logs(&self.resource, &records), records.len())
            }
            Signal::Traces => {
                let mut waiting = lock(waiting);
                let spans = waiting.spans.take();
                self.telemetry.queues.spans_are_full.store(false, Ordering::Relaxed);
                drop(waiting);
                (otlp::traces(&self.resource, &spans), spans.len())
            }
            _ => (self.telemetry.metrics.as_ref()?.write(&self.resource), 1),
        };
        let body = if records > 0 && target.gzip { gzipped(&body) } else { body };
        (records > 0).then(|| Batch { body, records: records as u64, since: Instant::now() })
    }

    fn send(&self, place: usize, batch: &Batch, deadline: Instant) -> Delivery {
        let pipe = &self.pipes[place];
        let Some(target) = &pipe.target else { return Delivery::Sent };
        let mut headers = HeaderMap::new();
        headers.insert(
            HeaderName::from_static("content-type"),
            HeaderValue::from_static("application/json"),
        );
        if target.gzip {
            headers.insert(
                HeaderName::from_static("content-encoding"),
                HeaderValue::from_static("gzip"),
            );
        }
        for (name, value) in &target.headers {
            let mut value = HeaderValue::from_str(value.expose())
                .expect("the configuration takes only what fits a header");
            value.set_sensitive(true);
            headers.insert(name.clone(), value);
        }
        let request = UpstreamRequest {
            service: "The collector",
            method: Method::Post,
            url: &target.url,
            headers: &headers,
            body: Some(&batch.body),
            credential: None,
            trace_parent: None,
        };
        match self.upstream.send_once(&request, deadline) {
            Ok(answer) => match answer.status {
                200..=299 => {
                    note_partial_success(pipe.signal, &answer.body);
                    Delivery::Sent
                }
                status @ (429 | 502 | 503 | 504) => Delivery::Again(
                    asked_wait(&answer.headers),
                    format!("the collector answers {status}"),
                ),
                status => Delivery::Refused(format!("the collector answers {status}")),
            },
            Err(error) => Delivery::Again(None, error.message().to_owned()),
        }
    }
}

impl Pipe {
    /// Returns when the signal is next due; `None` if there is nothing to send.
    fn due(&self, waiting: &Waiting) -> Option<Instant> {
        self.target.as_ref()?;
        let due = match self.signal {
            _ if self.kept.is_some() => Some(self.not_before),
            Signal::Logs => waiting.logs.due(self.delay),
            Signal::Traces => waiting.spans.due(self.delay),
            _ => Some(self.not_before),
        };
        Some(due?.max(self.not_before))
    }

    /// Handles the outcome of a batch; `rest` is the pause after a success.
    fn settle(&mut self, batch: Batch, outcome: Delivery, rest: Duration) {
        let (now, name) = (Instant::now(), self.signal.name());
        // Metrics are not kept, because the next ones include everything.
        let is_metrics = self.signal == Signal::Metrics;
        let normal = if is_metrics { self.delay } else { rest };
        match outcome {
            Delivery::Sent => {
                if std::mem::take(&mut self.failing) {
                    log::info!(signal = name; "telemetry is sent again");
                }
                self.backoff = FIRST_BACKOFF;
                self.not_before = now + normal;
            }
            Delivery::Again(asked, problem) => {
                self.complain(&problem, "it is tried again");
                let pause =
                    jittered(self.backoff).max(asked.unwrap_or_default()).min(LONGEST_ASKED);
                self.backoff = (self.backoff * 2).min(LONGEST_BACKOFF);
                self.not_before = now + pause;
                let is_young = batch.since.elapsed() + pause < KEPT;
                if is_young && !is_metrics {
                    self.kept = Some(batch);
                } else if !is_metrics {
                    dropped(self.signal, batch.records);
                }
            }
            Delivery::Refused(problem) => {
                self.complain(&problem, "rejected records are dropped");
                dropped(self.signal, batch.records);
                self.not_before = now + normal;
            }
        }
    }

    /// Logs once that sending fails, not at every attempt.
    fn complain(&mut self, problem: &str, consequence: &str) {
        if !std::mem::replace(&mut self.failing, true) {
            log::warn!(signal = self.signal.name(); "telemetry is not taken: {problem}; {consequence}");
        }
    }
}

/// Compresses at the fastest level: more compression would save little (benches/README.md).
fn gzipped(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 8), Compression::fast());
    encoder.write_all(body).and_then(|()| encoder.finish()).expect("a vector takes everything")
}

/// Counts the records that a collector rejected in a partial success.
fn note_partial_success(signal: Signal, answer: &[u8]) {
    let Ok(answer) = serde_json::from_slice::<Value>(answer) else { return };
    let member = match signal {
        Signal::Logs => "rejectedLogRecords",
        Signal::Traces => "rejectedSpans",
        _ => "rejectedDataPoints",
    };
    let rejected = &answer["partialSuccess"][member];
    let rejected = rejected.as_u64().or_else(|| rejected.as_str()?.parse().ok()).unwrap_or(0);
    if rejected > 0 {
        dropped(signal, rejected);
        log::warn!(signal = signal.name(), rejected; "the collector refused some telemetry");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_is_tried_again_ever_later_and_kept_for_a_while() {
        let now = Instant::now();
        let batch = |age: u64| {
            let since = now
                .checked_sub(Duration::from_secs(age))
                .expect("the machine has run for a minute");
            Batch { body: Vec::new(), records: 3, since }
        };
        let mut pipe = Pipe {
            signal: Signal::Traces,
            target: None,
            delay: Duration::from_secs(5),
            kept: None,
            not_before: Instant::now(),
            backoff: FIRST_BACKOFF,
            failing: false,
        };
        let again =
            |asked: Option<u64>| Delivery::Again(asked.map(Duration::from_secs), String::new());
        pipe.settle(batch(0), again(None), Duration::ZERO);
        assert!(pipe.kept.take().is_some() && pipe.backoff == 2 * FIRST_BACKOFF && pipe.failing);
        pipe.settle(batch(0), again(Some(7)), Duration::ZERO);
        assert!(
            pipe.kept.take().is_some() && pipe.not_before > Instant::now() + Duration::from_secs(6)
        );
        pipe.settle(batch(60), again(None), Duration::ZERO);
        assert!(pipe.kept.is_none(), "it is too old");
        pipe.settle(batch(0), again(Some(1_000_000)), Duration::ZERO);
        assert!(
            pipe.not_before < Instant::now() + LONGEST_ASKED + FIRST_BACKOFF,
            "a collector cannot end telemetry for good"
        );
        for _ in 0..20 {
            pipe.settle(batch(0), again(None), Duration::ZERO);
        }
        assert_eq!(pipe.backoff, LONGEST_BACKOFF);
        pipe.settle(batch(0), Delivery::Sent, Duration::ZERO);
        assert!(!pipe.failing && pipe.backoff == FIRST_BACKOFF);
    }
}
