//! `mcpist import-openapi`: creates a module file from an `OpenAPI` description.

use std::path::Path;

use super::{Stop, print};
use crate::manifest::is_snake_case;
use crate::modules::{Registry, check_text};
use crate::names::nearest;
use crate::openapi::{Description, Operation};

pub(super) fn run(
    file: &Path,
    operations: Option<&str>,
    module: Option<&str>,
    base_url: Option<&str>,
) -> Result<(), Stop> {
    let failed = |why: String| Stop::Failed(format!("{}: {why}", file.display()));
    let text = std::fs::read_to_string(file)
        .map_err(|error| failed(format!("it cannot be read: {error}")))?;
    let description = Description::parse(text.trim_start_matches('\u{feff}')).map_err(failed)?;
    let all = description.operations();
    let Some(wanted) = operations else {
        for Operation { id, method, path, summary, .. } in &all {
            print(format_args!("{id}  {method} {path}  {summary}"))?;
        }
        eprintln!("{} operations; choose with --operations id,id or --operations all", all.len());
        return Ok(());
    };
    let chosen: Vec<&Operation<'_>> =
        if wanted == "all" { all.iter().collect() } else { chosen(&all, wanted)? };
    let built_in = Registry::built_in()
        .map_err(|_| failed("the built-in modules are not right".to_owned()))?;
    let name = match module {
        Some(name)
            if !is_snake_case(name) || name.len() > 40 || built_in.module(name).is_some() =>
        {
            return Err(Stop::WrongUsage(format!(
                "--module {name:?} is not a valid module name: letters, digits and `_`, a letter first, at most 40 characters, and not the name of a built-in module"
            )));
        }
        Some(name) => name.to_owned(),
        None => {
            let name = description.module_name();
            if built_in.module(&name).is_some() { format!("{name}_api") } else { name }
        }
    };
    let (module, notes) = description.module(&chosen, &name, base_url).map_err(failed)?;
    for note in notes {
        eprintln!("note: {note}");
    }
    let text = format!("{module:#}");
    // The generated file is checked, and errors are reported: users should not have to find our bugs in a file with hundreds of
    // tools.
    check_text("the module file", &text, built_in).map_err(|findings| {
        let findings: Vec<_> = findings.iter().map(ToString::to_string).collect();
        failed(format!("it makes no right module file: {}", findings.join("; ")))
    })?;
    print(text)
}

fn chosen<'a, 'b>(all: &'a [Operation<'b>], wanted: &str) -> Result<Vec<&'a Operation<'b>>, Stop> {
    let mut chosen: Vec<&Operation<'_>> = Vec::new();
    for id in wanted.split(',').map(str::trim).filter(|id| !id.is_empty()) {
        let found = all.iter().find(|operation| operation.id == id).ok_or_else(|| {
            let near = nearest(id, all.iter().map(|operation| operation.id.as_str()));
            let near = near.map(|near| format!(" Did you mean {near}?")).unwrap_or_default();
            Stop::WrongUsage(format!(
                "there is no operation {id:?}; without --operations all are listed.{near}"
            ))
        })?;
        if !chosen.iter().any(|known| known.id == found.id) {
            chosen.push(found);
        }
    }
    if chosen.is_empty() {
        return Err(Stop::WrongUsage(
            "--operations names none: give ids with commas between them, or all".to_owned(),
        ));
    }
    Ok(chosen)
}
