//! `mcpist stdio`: one client, over standard input and output.

use std::io;
use std::sync::Arc;

use super::{Stop, setup};
use crate::config::Flags;
use crate::mcp;
use crate::mcp::context::View;
use crate::mcp::subscriptions::Hub;
use crate::telemetry::log::Output;

pub(super) fn run(direct: bool, read_only: bool) -> Result<(), Stop> {
    let setup::Local { app, .. } = setup::local(&Flags::default(), Output::Stderr)?;
    let seal = Arc::clone(&app.parts().seal);
    let server = Arc::new(mcp::Server::new(app, seal, Arc::new(Hub::default())));
    let view = View { direct, read_only, ..View::default() };
    crate::stdio::run(&server, io::stdin().lock(), io::stdout(), view)?;
    Ok(())
}
