//! `mcpist stdio`: one client, over standard input and output.

use std::io;
use std::sync::Arc;

use super::{Stop, setup};
use crate::app::Live;
use crate::config::Flags;
use crate::mcp;
use crate::mcp::context::View;
use crate::mcp::subscriptions::Hub;
use crate::telemetry::log::Output;

pub(super) fn run(direct: bool, read_only: bool) -> Result<(), Stop> {
    let setup::Local { app, sources, .. } = setup::local(&Flags::default(), Output::Stderr)?;
    let (seal, hub) = (Arc::clone(&app.parts().seal), Arc::new(Hub::default()));
    let product = Arc::new(Live::new(app));
    let server = Arc::new(mcp::Server::new(Arc::clone(&product) as Arc<dyn mcp::handler::Handler>, seal, Arc::clone(&hub)));
    sources.follow(product, hub)?;
    let view = View { direct, read_only, ..View::default() };
    crate::stdio::run(&server, io::stdin().lock(), io::stdout(), view)?;
    Ok(())
}
