//! Rules between arguments.

use serde_json::Value;

use super::nothing_to_change;
use crate::error::Error;
use crate::json::Object;

/// Checks that `estimate: new` comes with a new estimate, and other values without one, which Jira would ignore. A new estimate
/// alone implies `estimate: new`.
pub fn estimate(arguments: &mut Object) -> Result<(), Error> {
    match (
        arguments.get("estimate").and_then(Value::as_str),
        arguments.contains_key("new_estimate"),
    ) {
        (None, true) => {
            arguments.insert("estimate".to_owned(), "new".into());
            Ok(())
        }
        (Some("new"), false) => Err(Error::invalid_params("`estimate: new` needs `new_estimate`.")
            .with_hint("Give the remaining time, e.g. `2d`.")),
        (Some(estimate), true) if estimate != "new" => Err(Error::invalid_params(format!(
            "`new_estimate` is given, but `estimate: {estimate}` does not use it."
        ))
        .with_hint("Leave one of the two out, or make it `estimate: new`.")),
        _ => Ok(()),
    }
}

/// Checks that people are listed for a project or for an issue.
pub fn project_or_issue(arguments: &mut Object) -> Result<(), Error> {
    exactly_one(arguments, ["project", "issue"])
}

/// Issues are ranked before or after another issue.
pub fn one_ranking(arguments: &mut Object) -> Result<(), Error> {
    exactly_one(arguments, ["before", "after"])
}

/// Issues can be ranked before or after another issue.
pub fn ranking_at_most(arguments: &mut Object) -> Result<(), Error> {
    if ["before", "after"].iter().any(|name| arguments.contains_key(*name)) {
        exactly_one(arguments, ["before", "after"])
    } else {
        Ok(())
    }
}

/// Checks that an update changes something besides naming its target.
pub fn some_change(arguments: &mut Object) -> Result<(), Error> {
    if arguments.len() > 1 { Ok(()) } else { Err(nothing_to_change("the other params")) }
}

fn exactly_one(arguments: &Object, names: [&str; 2]) -> Result<(), Error> {
    let [one, other] = names;
    let given = names.iter().filter(|name| arguments.contains_key(**name)).count();
    if given == 1 {
        return Ok(());
    }
    Err(Error::invalid_params(format!(
        "It must be one of `{one}` and `{other}`, and not {}.",
        if given == 0 { "neither" } else { "both" }
    ))
    .with_hint(format!("Give `{one}` or `{other}`.")))
}
