//! `mcpist api-versions`: the API version that each module speaks, and whether its service has a newer one.

use std::time::{Duration, Instant};

use super::{Stop, print, setup};
use crate::app::App;
use crate::error::{Code, Error};
use crate::modules::Module;
use crate::telemetry::log::Output;
use crate::upstream::{HeaderMap, Method, UpstreamRequest};

/// How long one service may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn run(check: bool) -> Result<(), Stop> {
    let setup::Product { app, .. } = setup::local(Output::Stderr)?;
    let mut failed = false;
    for module in app.registry().modules() {
        let ours = module.api_version.as_deref().unwrap_or("unversioned");
        let told = match module.versions_path.as_deref().filter(|_| check) {
            None if check => Ok(" (the service publishes no list of versions)".to_owned()),
            None => Ok(String::new()),
            Some(path) => newest(&app, module, path).map(|newest| match newest.as_str() {
                newest if newest > ours => format!("; {newest} is newer"),
                _ => "; nothing newer".to_owned(),
            }),
        };
        match told {
            Ok(told) => print(format_args!("{:16} {ours}{told}", module.name))?,
            Err(error) => {
                failed = true;
                print(format_args!("{:16} {ours}; not known: {error}", module.name))?;
            }
        }
    }
    if failed { Err(Stop::Told) } else { Ok(()) }
}

/// The newest version that the service lists; versions are dates, so text order is their order.
fn newest(app: &App, module: &Module, path: &str) -> Result<String, Error> {
    let base_url = app.base_url(module).ok_or_else(|| Error::new(Code::NotConnected, format!("{} has no address yet", module.title)))?;
    let request = UpstreamRequest {
        service: &module.title,
        method: Method::Get,
        url: &format!("{base_url}{path}"),
        headers: &HeaderMap::new(),
        body: None,
        credential: None,
        trace_parent: None,
    };
    let answer = app.parts().upstream.send(&request, Instant::now() + PATIENCE, &|| false)?;
    let versions: Vec<String> = serde_json::from_slice(&answer.body).unwrap_or_default();
    versions.into_iter().max().ok_or_else(|| {
        Error::new(Code::UpstreamUnavailable, format!("{path} of {} lists no versions (HTTP {})", module.title, answer.status))
    })
}
