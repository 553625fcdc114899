//! Where telemetry is sent, by the variables that OpenTelemetry defines ("Environment Variable Specification" and
//! "OpenTelemetry Protocol Exporter").

use std::time::Duration;

use percent_encoding::percent_decode_str;
use ureq::http::{HeaderName, HeaderValue, Uri};

use super::{Environment, Finding, number};
use crate::secret::Secret;
use crate::telemetry::{Sampler, Signal, Target, TelemetrySettings};

/// The values of `OTEL_TRACES_SAMPLER`.
const SAMPLERS: [&str; 6] = [
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
];

/// Reads the variables; `None` if no endpoint is set, or telemetry is disabled.
pub(super) fn read(
    environment: Environment<'_>,
    findings: &mut Vec<Finding>,
) -> Option<TelemetrySettings> {
    let mut found = Vec::new();
    let settings = read_all(environment, &mut found);
    for finding in found {
        // The signals usually share their variables, and each signal reads them.
        if !findings.contains(&finding) {
            findings.push(finding);
        }
    }
    settings
}

fn read_all(
    environment: Environment<'_>,
    findings: &mut Vec<Finding>,
) -> Option<TelemetrySettings> {
    if environment("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return None;
    }
    let [logs, metrics, traces] = [Signal::Logs, Signal::Metrics, Signal::Traces]
        .map(|signal| target(environment, signal, findings));
    if logs.is_none() && metrics.is_none() && traces.is_none() {
        return None;
    }
    // Both HTTP encodings share a port and a path, so a collector that accepts the binary encoding also accepts JSON; gRPC is a
    // different protocol.
    if let Some(protocol) = environment("OTEL_EXPORTER_OTLP_PROTOCOL")
        .filter(|name| name != "http/json" && name != "http/protobuf")
    {
        findings.push(Finding::new(
            "OTEL_EXPORTER_OTLP_PROTOCOL",
            format!("{protocol:?} is not spoken here; use http/json"),
        ));
    }
    let mut milliseconds = |name: &str, default: u64| {
        let given = number(environment, name, 1..=86_400_000, findings)
            .and_then(|value| u64::try_from(value).ok());
        Duration::from_millis(given.unwrap_or(default))
    };
    let (log_delay, span_delay) = (
        milliseconds("OTEL_BLRP_SCHEDULE_DELAY", 1_000),
        milliseconds("OTEL_BSP_SCHEDULE_DELAY", 5_000),
    );
    let metric_interval = milliseconds("OTEL_METRIC_EXPORT_INTERVAL", 60_000);
    let mut resource = pairs(
        environment,
        "OTEL_RESOURCE_ATTRIBUTES",
        "deployment.environment.name=production",
        findings,
    );
    if let Some(name) = environment("OTEL_SERVICE_NAME") {
        resource.retain(|(known, _)| known != "service.name");
        resource.push(("service.name".to_owned(), name));
    }
    let sampler = sampler(environment, findings);
    Some(TelemetrySettings {
        logs,
        metrics,
        traces,
        resource,
        sampler,
        log_delay,
        span_delay,
        metric_interval,
    })
}

/// Returns where a signal is sent. A variable for the signal overrides the one for all signals.
fn target(
    environment: Environment<'_>,
    signal: Signal,
    findings: &mut Vec<Finding>,
) -> Option<Target> {
    let own = signal.name().to_ascii_uppercase();
    let exporter = format!("OTEL_{own}_EXPORTER");
    match environment(&exporter).as_deref() {
        None | Some("otlp") => {}
        Some("none") => return None,
        Some(other) => findings.push(Finding::new(
            exporter,
            format!("{other:?} is not an exporter here; use otlp or none"),
        )),
    }
    let variable = |ending: &str| {
        let name = format!("OTEL_EXPORTER_OTLP_{own}_{ending}");
        if environment(&name).is_some() { name } else { format!("OTEL_EXPORTER_OTLP_{ending}") }
    };
    let name = variable("ENDPOINT");
    let endpoint = environment(&name)?;
    if !is_endpoint(&endpoint) {
        // The value is not repeated, because it may contain a password.
        findings.push(Finding::new(name, "it is not an http or https URL without a user and a query; one looks like https://otlp.example.com"));
        return None;
    }
    // The common endpoint is a base URL; a signal's own endpoint is used as it is.
    let url = if name == "OTEL_EXPORTER_OTLP_ENDPOINT" {
        format!("{}/v1/{}", endpoint.trim_end_matches('/'), signal.name())
    } else {
        endpoint
    };
    let name = variable("HEADERS");
    let mut headers = Vec::new();
    for (header, value) in pairs(environment, &name, "Authorization=Basic%20…", findings) {
        match HeaderName::try_from(&header) {
            Ok(header) if HeaderValue::from_str(&value).is_ok() => {
                headers.push((header, Secret::new(value)));
            }
            _ => findings.push(malformed(&name, "Authorization=Basic%20…")),
        }
    }
    let name = variable("COMPRESSION");
    let gzip = match environment(&name).as_deref() {
        None | Some("none") => false,
        Some("gzip") => true,
        Some(other) => {
            findings.push(Finding::new(
                name,
                format!("{other:?} is not a compression here; use gzip or none"),
            ));
            false
        }
    };
    let timeout = number(environment, &variable("TIMEOUT"), 1..=600_000, findings)
        .and_then(|value| u64::try_from(value).ok());
    Some(Target { url, headers, gzip, timeout: Duration::from_millis(timeout.unwrap_or(10_000)) })
}

fn is_endpoint(text: &str) -> bool {
    let Ok(uri) = text.parse::<Uri>() else { return false };
    let has_user = uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
    matches!(uri.scheme_str(), Some("http" | "https"))
        && uri.host().is_some()
        && uri.query().is_none()
        && !has_user
}

/// Reads a list of `name=value` with percent-encoded values (W3C Baggage).
fn pairs(
    environment: Environment<'_>,
    name: &str,
    example: &str,
    findings: &mut Vec<Finding>,
) -> Vec<(String, String)> {
    let text = environment(name).unwrap_or_default();
    let decoded = |text: &str| {
        percent_decode_str(text.trim()).decode_utf8().ok().map(std::borrow::Cow::into_owned)
    };
    let mut pairs = Vec::new();
    for member in text.split(',').filter(|member| !member.trim().is_empty()) {
        match member.split_once('=').and_then(|(key, value)| Some((decoded(key)?, decoded(value)?)))
        {
            Some((key, value)) if !key.is_empty() => pairs.push((key, value)),
            _ => {
                findings.push(malformed(name, example));
                break;
            }
        }
    }
    pairs
}

/// The finding never repeats the value, because it may contain a credential.
fn malformed(name: &str, example: &str) -> Finding {
    Finding::new(
        name,
        format!("it is not a list of name=value with percent-encoded values, such as {example}"),
    )
}

fn sampler(environment: Environment<'_>, findings: &mut Vec<Finding>) -> Sampler {
    let name =
        environment("OTEL_TRACES_SAMPLER").unwrap_or_else(|| "parentbased_always_on".to_owned());
    let (parent_based, root) = match name.strip_prefix("parentbased_") {
        Some(root) => (true, root),
        None => (false, name.as_str()),
    };
    let ratio = match root {
        "always_on" => 1.0,
        "always_off" => 0.0,
        "traceidratio" => environment("OTEL_TRACES_SAMPLER_ARG").map_or(1.0, |text| {
            text.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio)).unwrap_or_else(|| {
                findings.push(Finding::new(
                    "OTEL_TRACES_SAMPLER_ARG",
                    format!("{text:?} is not a ratio from 0 to 1, such as 0.1"),
                ));
                1.0
            })
        }),
        _ => {
            findings.push(Finding::new(
                "OTEL_TRACES_SAMPLER",
                format!("{name:?} is not a sampler; use one of {}", SAMPLERS.join(", ")),
            ));
            1.0
        }
    };
    Sampler::new(parent_based, ratio)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENDPOINT: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://otlp.example/otlp/");

    fn read(variables: &[(&str, &str)]) -> (Option<TelemetrySettings>, Vec<Finding>) {
        let mut findings = Vec::new();
        let environment = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        let settings = super::read(&environment, &mut findings);
        (settings, findings)
    }

    fn right(variables: &[(&str, &str)]) -> TelemetrySettings {
        let (settings, findings) = read(variables);
        assert_eq!(findings, []);
        settings.expect("an endpoint is set")
    }

    #[test]
    fn without_an_endpoint_or_when_disabled_there_is_none() {
        assert!(read(&[]).0.is_none());
        assert!(
            read(&[("OTEL_SERVICE_NAME", "x"), ("OTEL_TRACES_SAMPLER", "nonsense")]).0.is_none()
        );
        assert!(read(&[ENDPOINT, ("OTEL_SDK_DISABLED", "TRUE")]).0.is_none());
    }

    #[test]
    fn one_endpoint_serves_every_signal_and_a_signal_can_have_its_own() {
        let settings = right(&[
            ENDPOINT,
            ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://metrics.example/api/v1/push"),
            ("OTEL_LOGS_EXPORTER", "none"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "2500"),
            ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "100"),
        ]);
        let (metrics, traces) = (settings.metrics.unwrap(), settings.traces.unwrap());
        assert!(settings.logs.is_none());
        assert_eq!(metrics.url, "http://metrics.example/api/v1/push");
        assert_eq!(traces.url, "https://otlp.example/otlp/v1/traces");
        assert_eq!(
            (metrics.timeout, traces.timeout),
            (Duration::from_millis(2_500), Duration::from_millis(100))
        );
    }

    #[test]
    fn headers_are_decoded_and_secret() {
        let settings = right(&[
            ENDPOINT,
            ("OTEL_EXPORTER_OTLP_HEADERS", "Authorization=Basic%20MTIzOmFiYw==, x-scope = a%2Cb"),
            ("OTEL_EXPORTER_OTLP_LOGS_HEADERS", "x-own=1"),
        ]);
        let headers = |target: &Option<Target>| -> Vec<(String, String)> {
            let headers = &target.as_ref().unwrap().headers;
            headers
                .iter()
                .map(|(name, value)| (name.to_string(), value.expose().to_owned()))
                .collect()
        };
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            headers(&settings.traces),
            [pair("authorization", "Basic MTIzOmFiYw=="), pair("x-scope", "a,b")]
        );
        assert_eq!(headers(&settings.logs), [pair("x-own", "1")]);
        assert!(!format!("{settings:?}").contains("MTIz"), "a header's value is never shown");
    }

    #[test]
    fn the_service_name_wins_over_the_resource_attribute() {
        let settings = right(&[
            ENDPOINT,
            ("OTEL_RESOURCE_ATTRIBUTES", "service.name=a,host.name=h%20x"),
            ("OTEL_SERVICE_NAME", "b"),
        ]);
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(settings.resource, [pair("host.name", "h x"), pair("service.name", "b")]);
    }

    #[test]
    fn what_is_wrong_is_a_finding_that_names_its_variable_once_and_shows_no_secret() {
        let check = |name: &str, value: &str| {
            let (_, findings) = read(&[ENDPOINT, (name, value)]);
            let names: Vec<_> = findings.iter().map(|finding| finding.name.as_str()).collect();
            assert_eq!(names, [name], "{value}: {findings:?}");
            assert!(!findings[0].message.contains("hunter2"), "{findings:?}");
        };
        check("OTEL_EXPORTER_OTLP_HEADERS", "hunter2");
        check("OTEL_EXPORTER_OTLP_HEADERS", "a b=hunter2");
        check("OTEL_EXPORTER_OTLP_HEADERS", "authorization=hunter2%0Ax");
        check("OTEL_EXPORTER_OTLP_HEADERS", "authorization=hunter2%FF");
        check("OTEL_RESOURCE_ATTRIBUTES", "=x");
        check("OTEL_EXPORTER_OTLP_TIMEOUT", "soon");
        check("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
        check("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd");
        check("OTEL_LOGS_EXPORTER", "console");
        check("OTEL_TRACES_SAMPLER", "sometimes");
        check("OTEL_METRIC_EXPORT_INTERVAL", "0");
        check("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "otlp.example");
        let findings = read(&[
            ENDPOINT,
            ("OTEL_TRACES_SAMPLER", "traceidratio"),
            ("OTEL_TRACES_SAMPLER_ARG", "2"),
        ])
        .1;
        assert_eq!(findings[0].name, "OTEL_TRACES_SAMPLER_ARG");
        let findings =
            read(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "https://user:hunter2@otlp.example")]).1;
        assert!(findings.len() == 1 && !findings[0].message.contains("hunter2"), "{findings:?}");
    }
}
