//! `mcpist tools`: the modules, or the tools of one.

use std::path::Path;

use serde_json::{Value, json};

use super::{Stop, print, setup};
use crate::access::Caller;
use crate::app::Visible;
use crate::engine::Module;
use crate::telemetry::log::Output;

pub(super) fn run(module: Option<&str>, as_json: bool) -> Result<(), Stop> {
    let setup::Product { app, .. } = setup::local(Output::Stderr)?;
    let visible = setup::visible(&app)?;
    let Some(name) = module else {
        if as_json {
            let all: Vec<Value> =
                visible.modules().map(|module| definition(&visible, module)).collect();
            print(format_args!("{:#}", json!({"modules": all})))?;
        } else {
            for module in visible.modules() {
                let state = app.connection_state(module, &Caller::local());
                print(format_args!(
                    "{:16} {:3} tools  {}  [{state}]",
                    module.name,
                    visible.count(module),
                    module.description
                ))?;
            }
        }
        return Ok(());
    };
    let module = setup::module(&visible, name)?;
    if as_json {
        print(format_args!("{:#}", definition(&visible, module)))?;
        return Ok(());
    }
    let width = visible.tools_of(module).map(|tool| tool.name.len()).max().unwrap_or_default();
    for tool in visible.tools_of(module) {
        print(format_args!("{:width$}  {}", tool.name, tool.description))?;
    }
    Ok(())
}

/// Checks one module file with the rules of `MCPIST_MODULES_DIR`.
pub(super) fn check(file: &Path) -> Result<(), Stop> {
    match crate::modules::check(file) {
        Ok(module) => {
            let names: Vec<_> = module.tools.iter().map(|tool| tool.name.as_str()).collect();
            print(format_args!(
                "{}: module {} is right; {} tools: {}",
                file.display(),
                module.name,
                names.len(),
                names.join(", ")
            ))
        }
        Err(findings) => {
            findings.iter().try_for_each(print)?;
            Err(Stop::Reported)
        }
    }
}

fn definition(visible: &Visible<'_>, module: &Module) -> Value {
    let tools: Vec<Value> = visible.tools_of(module).map(|tool| tool.published(&[])).collect();
    json!({"module": module.name, "description": module.description, "tools": tools})
}
