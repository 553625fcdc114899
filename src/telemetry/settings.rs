//! Where telemetry goes, and how.

use std::time::Duration;

use ureq::http::HeaderName;

use super::Sampler;
use crate::secret::Secret;

/// Where telemetry goes, and how.
#[derive(Debug)]
pub struct TelemetrySettings {
    /// Where logs go; `None`: nowhere.
    pub logs: Option<Target>,
    /// Where metrics go.
    pub metrics: Option<Target>,
    /// Where spans go.
    pub traces: Option<Target>,
    /// What describes this service beside what it knows of itself: `service.name` and what the operator adds.
    pub resource: Vec<(String, String)>,
    /// Which requests are traced.
    pub sampler: Sampler,
    /// How long a log record may wait for others to travel with.
    pub log_delay: Duration,
    /// How long a span may wait for others to travel with.
    pub span_delay: Duration,
    /// How often metrics are sent.
    pub metric_interval: Duration,
}

/// Where one signal goes.
#[derive(Debug)]
pub struct Target {
    /// The whole URL.
    pub url: String,
    /// What every request carries: names and values that fit a header.
    pub headers: Vec<(HeaderName, Secret)>,
    /// Whether bodies are compressed.
    pub gzip: bool,
    /// How long one request may take.
    pub timeout: Duration,
}
