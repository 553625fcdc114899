//! `mcpist check`: is everything right, and what to do where it is not.

use std::time::{Duration, Instant};

use super::{Stop, print, setup};
use crate::app::App;
use crate::auth::Caller;
use crate::config::Flags;
use crate::error::Error;
use crate::modules::Module;
use crate::telemetry::log::Output;
use crate::upstream::{HeaderMap, Method, UpstreamRequest};

/// How long one service may take to answer.
const PATIENCE: Duration = Duration::from_secs(8);

pub(super) fn run() -> Result<(), Stop> {
    // A wrong variable stops here, with all of them named.
    let setup::Local { config, app, mut sources } = setup::local(&Flags::default(), Output::Stderr)?;
    let mode = if config.hosted.is_some() { "hosted" } else { "local" };
    print(format_args!("ok    configuration: {mode} mode, would listen on {}", config.address))?;
    let mut failed = false;
    if let Some(hosted) = &config.hosted {
        let parts = setup::hosted(&config, hosted, &mut sources)?;
        match parts.authenticator.ready() {
            Ok(()) => print(format_args!("ok    key set: {} can be used", hosted.addresses.jwks))?,
            Err(error) => {
                failed = true;
                print(format_args!("FAIL  key set: {}: {error}", hosted.addresses.jwks))?;
            }
        }
    }
    if let Some(path) = &config.policy {
        print(format_args!("ok    policy file: {}", path.display()))?;
    }
    for module in app.registry().modules() {
        print(format_args!("ok    {}: {}", module.name, app.connection_state(module, &Caller::local())))?;
        // One without an address is not connected, which the line before says.
        let Some(base_url) = app.base_url(module) else { continue };
        match reach(&app, module, base_url) {
            Ok(status) => print(format_args!("ok    {}: {base_url} answers (HTTP {status})", module.name))?,
            Err(error) => {
                failed = true;
                print(format_args!("FAIL  {}: {base_url} cannot be reached: {error}", module.name))?;
            }
        }
    }
    if failed { Err(Stop::Told) } else { Ok(()) }
}

/// The status that the service answers with; any will do. No credential is sent.
fn reach(app: &App, module: &Module, base_url: &str) -> Result<u16, Error> {
    let request = UpstreamRequest {
        service: &module.title,
        method: Method::Head,
        url: base_url,
        headers: &HeaderMap::new(),
        body: None,
        credential: None,
        trace_parent: None,
    };
    app.parts().upstream.send(&request, Instant::now() + PATIENCE, &|| false).map(|answer| answer.status)
}
