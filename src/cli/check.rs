//! `mcpist check`: checks the configuration and the services, and says what to do about each problem.

use std::time::{Duration, Instant};

use super::{Stop, print, setup};
use crate::access::Caller;
use crate::app::App;
use crate::cancellation::Cancellation;
use crate::config::{Flags, HostedConfig};
use crate::hosted::Function;
use crate::telemetry::TelemetrySettings;
use crate::telemetry::log::Output;
use crate::upstream::{HeaderMap, HeaderName, HeaderValue, Method, UpstreamRequest};

/// The timeout for one service.
const PATIENCE: Duration = Duration::from_secs(8);

/// The maximum difference between clocks: the half minute that tokens allow, less the time of the request.
const CLOCKS_APART: Duration = Duration::from_secs(25);

pub(super) fn run() -> Result<(), Stop> {
    // An invalid variable stops the check here, and all of them are named.
    let mut prepared = setup::Prepared::new(&Flags::default(), Output::Stderr)?;
    let parts = prepared.hosted()?;
    let setup::Product { config, app, warnings, .. } = prepared.product()?;
    let mode = if config.hosted.is_some() { "hosted" } else { "local" };
    print(format_args!("ok    configuration: {mode} mode, would listen on {}", config.address))?;
    for warning in warnings {
        print(format_args!("warn  {warning}"))?;
    }
    let mut failed = false;
    let mut told = |what: &str, outcome: Result<String, String>| {
        failed |= outcome.is_err();
        match outcome {
            Ok(right) => print(format_args!("ok    {what}: {right}")),
            Err(wrong) => print(format_args!("FAIL  {what}: {wrong}")),
        }
    };
    if let (Some(hosted), Some(parts)) = (&config.hosted, &parts) {
        check_hosted(hosted, parts, config.seal_secret.is_some(), &mut told)?;
        if let Some(console) = &hosted.console_url {
            told("CONSOLE_URL", reach(&app, "The console", console))?;
        }
    }
    if let Some(telemetry) = &config.telemetry {
        check_collector(&app, telemetry, &mut told)?;
    }
    if let Some(path) = &config.policy {
        print(format_args!("ok    policy file: {}", path.display()))?;
    }
    for module in app.registry().modules() {
        print(format_args!(
            "ok    {}: {}",
            module.name,
            app.connection_state(module, &Caller::local())
        ))?;
        // A module without an address is not connected; the line above reports that.
        let Some(base_url) = app.base_url(module) else { continue };
        told(&module.name, reach(&app, &module.title, base_url))?;
    }
    if failed { Err(Stop::Reported) } else { Ok(()) }
}

type Report<'a> = &'a mut dyn FnMut(&str, Result<String, String>) -> Result<(), Stop>;

/// Checks the control plane: the key set, each function with our key, the clock, and recommended settings.
fn check_hosted(
    hosted: &HostedConfig,
    parts: &setup::HostedParts,
    has_secret: bool,
    told: Report<'_>,
) -> Result<(), Stop> {
    let addresses = &hosted.addresses;
    let ready = parts.authenticator.ready();
    told(
        "key set",
        ready
            .map(|()| format!("{} can be used", addresses.jwks))
            .map_err(|error| format!("{}: {error}", addresses.jwks)),
    )?;
    let mut apart = None;
    for function in [Function::Sieve, Function::Broker, Function::Audit, Function::Confirmations] {
        let address = parts.plane.address(function);
        let probed = parts.plane.probe(function).inspect(|found| apart = apart.or(*found));
        told(
            "function",
            probed
                .map(|_| format!("{address} answers, and takes this key alone"))
                .map_err(|error| format!("{address}: {error}")),
        )?;
    }
    if let Some(apart) = apart {
        let seconds = apart.as_secs();
        let right = apart <= CLOCKS_APART;
        let wrong = format!(
            "{seconds} s away from the control plane's: tokens will be refused; set this machine's clock"
        );
        told(
            "clock",
            if right {
                Ok(format!("{seconds} s away from the control plane's"))
            } else {
                Err(wrong)
            },
        )?;
    }
    let missing = |what: &str| Err(format!("it is not set: {what}"));
    told(
        "PUBLIC_URL",
        hosted
            .public_url
            .clone()
            .map_or_else(|| missing("clients cannot find out where to get a token"), Ok),
    )?;
    told(
        "tokens",
        Ok(format!(
            "those of {} for {} are taken",
            hosted.expected.issuer, hosted.expected.audience
        )),
    )?;
    let sealed = "sessions of older clients end with the process, and no other instance knows them; openssl rand -hex 32 makes one";
    told("MCPIST_SECRET", if has_secret { Ok("it is set".to_owned()) } else { missing(sealed) })
}

/// Checks each telemetry address by sending an empty export.
fn check_collector(app: &App, telemetry: &TelemetrySettings, told: Report<'_>) -> Result<(), Stop> {
    for target in [&telemetry.logs, &telemetry.metrics, &telemetry.traces].into_iter().flatten() {
        let json =
            (HeaderName::from_static("content-type"), HeaderValue::from_static("application/json"));
        let given = target.headers.iter().filter_map(|(name, value)| {
            Some((name.clone(), HeaderValue::from_str(value.expose()).ok()?))
        });
        let headers: HeaderMap = given.chain([json]).collect();
        let request = UpstreamRequest {
            service: "The collector",
            method: Method::Post,
            url: &target.url,
            headers: &headers,
            body: Some(b"{}"),
            credential: None,
            trace_parent: None,
        };
        let url = &target.url;
        let outcome = match app.parts().upstream.send(
            &request,
            Instant::now() + PATIENCE,
            &Cancellation::default(),
        ) {
            Ok(answer) if (200..300).contains(&answer.status) => Ok(format!("{url} takes it")),
            Ok(answer) if matches!(answer.status, 401 | 403) => Err(format!(
                "{url} refuses the credential ({}); see OTEL_EXPORTER_OTLP_HEADERS",
                answer.status
            )),
            Ok(answer) => Err(format!(
                "{url} answers with {}; see OTEL_EXPORTER_OTLP_ENDPOINT",
                answer.status
            )),
            Err(error) => Err(format!("{url} cannot be reached: {error}")),
        };
        told("telemetry", outcome)?;
    }
    Ok(())
}

/// Returns whether the address responds; any response counts. No credential is sent.
fn reach(app: &App, service: &str, url: &str) -> Result<String, String> {
    let request = UpstreamRequest {
        service,
        method: Method::Head,
        url,
        headers: &HeaderMap::new(),
        body: None,
        credential: None,
        trace_parent: None,
    };
    match app.parts().upstream.send(&request, Instant::now() + PATIENCE, &Cancellation::default()) {
        Ok(answer) => Ok(format!("{url} answers (HTTP {})", answer.status)),
        Err(error) => Err(format!("{url} cannot be reached: {error}")),
    }
}
