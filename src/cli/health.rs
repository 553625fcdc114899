//! `mcpist health`: checks that the local server is healthy; an image made from scratch has no curl.

use std::time::Duration;

use super::{Stop, print};
use crate::config::{Config, Flags, process_environment};

/// The server's time limit for its response.
const PATIENCE: Duration = Duration::from_secs(3);

pub(super) fn run(port: Option<u16>) -> Result<(), Stop> {
    let (config, findings) = Config::read(&Flags { port, bind: None }, &process_environment);
    if let Some(finding) = findings.into_iter().find(|finding| finding.name == "PORT") {
        return Err(Stop::Findings(vec![finding]));
    }
    let url = format!("http://127.0.0.1:{}/health", config.address.port());
    let agent: ureq::Agent =
        ureq::Agent::config_builder().timeout_global(Some(PATIENCE)).proxy(None).build().into();
    agent.get(&url).call().map_err(|error| Stop::Failed(format!("{url}: {error}")))?;
    print("ok")?;
    Ok(())
}
