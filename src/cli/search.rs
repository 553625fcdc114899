//! `mcpist search`: the tools for a task, from the shell.

use super::{Stop, print, setup};
use crate::telemetry::log::Output;

pub(super) fn run(query: &str, modules: &[String], limit: usize) -> Result<(), Stop> {
    if query.trim().is_empty() {
        return Err(Stop::WrongUsage(
            "say what is to be done: mcpist search close an issue".to_owned(),
        ));
    }
    if !(1..=20).contains(&limit) {
        return Err(Stop::WrongUsage("--limit must be from 1 to 20".to_owned()));
    }
    let setup::Product { app, .. } = setup::local(Output::Stderr)?;
    let visible = setup::visible(&app)?;
    for name in modules {
        setup::module(&visible, name)?;
    }
    let found =
        visible.found(query, modules, limit).map_err(|error| Stop::Failed(error.to_string()))?;
    print(found)
}
