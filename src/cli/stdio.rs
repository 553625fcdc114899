//! `mcpist stdio`: one client, over standard input and output.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use super::{Stop, setup};
use crate::app::Live;
use crate::config::Flags;
use crate::mcp::context::View;
use crate::mcp::subscriptions::Hub;
use crate::page::LocalConfirmations;
use crate::telemetry::log::Output;
use crate::{exporter, mcp, telemetry};

pub(super) fn run(base: &View, query: &str) -> Result<(), Stop> {
    let view = crate::transport::read_view(base, None, query)
        .map_err(|error| Stop::WrongUsage(format!("--view: {error}")))?;
    let mut prepared = setup::Prepared::new(&Flags::default(), Output::Stderr)?;
    if let Some(page) = prepared.page() {
        let browser = prepared.config.browser.clone();
        prepared.decide_on(Arc::new(LocalConfirmations::new(page, browser)));
    }
    let setup::Product { config, app, sources, .. } = prepared.product()?;
    if let Some(settings) = config.telemetry {
        exporter::start(settings, config.proxy)?;
    }
    let (seal, hub) = (Arc::clone(&app.parts().seal), Arc::new(Hub::default()));
    let product = Arc::new(Live::new(app));
    let handler = Arc::clone(&product) as Arc<dyn mcp::handler::Handler>;
    let server = mcp::Server::new(handler, seal, Arc::clone(&hub));
    let server = Arc::new(server.with_user_limits(config.limits.users));
    sources.follow(product, hub)?;
    let input = io::BufReader::new(io::stdin());
    let drain = config.limits.http.drain_time;
    let outcome = crate::transport::stdio::run(&server, input, io::stdout(), view, drain);
    telemetry::shutdown(Instant::now());
    Ok(outcome?)
}
