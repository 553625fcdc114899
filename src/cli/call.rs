//! `mcpist call`: one tool from the shell.

use std::io::{IsTerminal, Read};

use serde_json::Value;

use super::{Stop, print, setup};
use crate::access::Caller;
use crate::app::{Execution, Format, render, start_of};
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
    let setup::Product { app, .. } = setup::local(Output::Stderr)?;
    let module = app.registry().module(module).ok_or_else(|| {
        Stop::WrongUsage(format!("there is no module {module:?}; mcpist tools lists them"))
    })?;
    let found = module
        .tools
        .iter()
        .find(|known| known.name == tool || known.published_name == tool)
        .ok_or_else(|| {
            let near =
                crate::engine::nearest(tool, module.tools.iter().map(|tool| tool.name.as_str()))
                    .map(|near| format!(" Did you mean {near}?"))
                    .unwrap_or_default();
            Stop::WrongUsage(format!(
                "{} has no tool {tool:?}; mcpist tools {} lists them.{near}",
                module.name, module.name
            ))
        })?;
    let caller = Caller::local();
    let permitted = app
        .parts()
        .sieve
        .permissions(&caller)
        .is_ok_and(|permissions| permissions.allow(&found.published_name));
    if !permitted {
        return Err(Stop::Failed(format!(
            "the policy file does not permit {}",
            found.published_name
        )));
    }
    if found.is_destructive() && !yes {
        ask(&found.published_name)?;
    }
    let start = start_of(found, &arguments);
    let execution = Execution {
        caller: &caller,
        module,
        tool: found,
        arguments,
        client: None,
        cancelled: &|| false,
        trace_parent: None,
    };
    let value = app
        .execute(execution)
        .map_err(|error| Stop::Failed(format!("{}: {error}", error.code().reply().name)))?;
    let result = render(value, if as_json { Format::Json } else { Format::Toon }, start);
    for block in &result.content {
        print(format_args!("{}", block["text"].as_str().unwrap_or_default()))?;
    }
    Ok(())
}

/// Asks the person at the terminal before what may not be undone.
fn ask(tool: &str) -> Result<(), Stop> {
    if !std::io::stdin().is_terminal() {
        return Err(Stop::WrongUsage(format!(
            "{tool} may not be undone, or costs money; add --yes to do it without being asked"
        )));
    }
    eprint!("{tool} may not be undone, or costs money. Do it? [y/N] ");
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
