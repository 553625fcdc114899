//! Telemetry settings.

use std::time::Duration;

use ureq::http::HeaderName;

use super::Sampler;
use crate::secret::Secret;

/// Telemetry settings.
#[derive(Debug)]
pub struct TelemetrySettings {
    /// Where logs are sent; `None` if they are off.
    pub logs: Option<Target>,
    /// Where metrics are sent; `None` if they are off.
    pub metrics: Option<Target>,
    /// Where spans are sent; `None` if they are off.
    pub traces: Option<Target>,
    /// Resource attributes beyond the built-in ones: `service.name`, and those that the operator adds.
    pub resource: Vec<(String, String)>,
    /// The sampler, which decides which requests are traced.
    pub sampler: Sampler,
    /// How long a log record may wait for a batch.
    pub log_delay: Duration,
    /// How long a span may wait for a batch.
    pub span_delay: Duration,
    /// The interval between metric exports.
    pub metric_interval: Duration,
}

/// Where a signal is sent.
#[derive(Debug)]
pub struct Target {
    /// The complete URL.
    pub url: String,
    /// Headers of every request: valid names and values.
    pub headers: Vec<(HeaderName, Secret)>,
    /// Whether bodies are compressed.
    pub gzip: bool,
    /// The timeout of one request.
    pub timeout: Duration,
}
