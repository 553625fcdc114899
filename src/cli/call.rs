//! `mcpist call`: one tool from the shell.

use std::io::{IsTerminal, Read};
use std::time::Instant;

use serde_json::Value;

use super::{Stop, print, setup};
use crate::access::{Caller, ConfirmPolicy};
use crate::app::{Format, clean_text, render, start_of};
use crate::cancellation::Cancellation;
use crate::engine::ToolCall;
use crate::json::Object;
use crate::telemetry::log::Output;

pub(super) fn run(
    module: &str,
    tool: &str,
    params: Option<&str>,
    as_json: bool,
    yes: bool,
) -> Result<(), Stop> {
    let arguments = arguments(params)?;
    let setup::Product { config, app, .. } = setup::local(Output::Stderr)?;
    let caller = Caller::local();
    let visible = setup::visible(&app)?;
    let (module, tool) = setup::tool(&visible, module, tool)?;
    if tool.needs_confirmation(&arguments) && !yes && config.confirm != ConfirmPolicy::Off {
        ask(&tool.published_name)?;
    }
    let start = start_of(tool, &arguments);
    let call = ToolCall {
        caller: &caller,
        client: None,
        module,
        tool,
        deadline: Instant::now() + app.parts().call_time,
        trace_parent: None,
    };
    let done = app.call(call, arguments, &Cancellation::default()).map_err(|error| {
        let told = format!("{}: {error}", error.code().reply().name);
        Stop::Failed(clean_text(&told).into_owned())
    })?;
    let result = render(done.value, if as_json { Format::Json } else { Format::Toon }, start);
    for text in result.content.iter().filter_map(|block| block["text"].as_str()) {
        print(clean_text(text))?;
    }
    Ok(())
}

/// Asks for confirmation at the terminal before an action that cannot be undone.
fn ask(tool: &str) -> Result<(), Stop> {
    if !std::io::stdin().is_terminal() {
        return Err(Stop::WrongUsage(format!(
            "{tool} cannot be undone, may cost money or reaches others; add --yes to do it without being asked (MCPIST_CONFIRM=off asks nowhere)"
        )));
    }
    eprint!("{tool} cannot be undone, may cost money or reaches others. Do it? [y/N] ");
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    if matches!(answer.trim(), "y" | "Y" | "yes") {
        Ok(())
    } else {
        Err(Stop::Failed("not done".to_owned()))
    }
}

fn arguments(params: Option<&str>) -> Result<Object, Stop> {
    let text = match params {
        None => return Ok(Object::new()),
        Some("-") => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text)?;
            text
        }
        Some(text) => text.to_owned(),
    };
    match serde_json::from_str(&text) {
        Ok(Value::Object(arguments)) => Ok(arguments),
        Ok(_) => Err(Stop::WrongUsage(
            "the parameters are not a JSON object, such as '{\"owner\":\"rust-lang\"}'".to_owned(),
        )),
        Err(error) => Err(Stop::WrongUsage(format!(
            "the parameters are not JSON: {error}; quote them for the shell, as in '{{\"owner\":\"rust-lang\"}}'"
        ))),
    }
}
