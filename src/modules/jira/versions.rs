//! Versions (releases) that change.

use serde_json::{Map, Value, json};

use super::{nothing_to_change, text};
use crate::engine::Session;
use crate::error::Error;
use crate::upstream::Method;

/// Changes a version; what takes its open issues is given by its id, where Jira wants the address that only Jira knows.
pub fn update_version(
    session: &Session<'_>,
    arguments: &Map<String, Value>,
) -> Result<Value, Error> {
    let mut body = Map::new();
    for (argument, member) in [
        ("name", "name"),
        ("description", "description"),
        ("start_date", "startDate"),
        ("release_date", "releaseDate"),
        ("released", "released"),
        ("archived", "archived"),
    ] {
        if let Some(value) = arguments.get(argument) {
            body.insert(member.to_owned(), value.clone());
        }
    }
    let taker = text(arguments, "move_unfixed_to");
    if !taker.is_empty() {
        // An address of a version ends in its id.
        let id = taker.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        let taker = session.get(&["rest", "api", "3", "version", id], &[])?;
        body.insert("moveUnfixedIssuesTo".to_owned(), taker["self"].clone());
    }
    if body.is_empty() {
        return Err(nothing_to_change("the other params"));
    }
    let path = ["rest", "api", "3", "version", text(arguments, "version_id")];
    let version = session.send(Method::Put, &path, &[], Some(&body.into()))?;
    let mut result = Map::new();
    for (name, member) in [
        ("id", "id"),
        ("name", "name"),
        ("released", "released"),
        ("archived", "archived"),
        ("overdue", "overdue"),
        ("start_date", "startDate"),
        ("release_date", "releaseDate"),
    ] {
        if let Some(value) = version.get(member).filter(|value| !value.is_null()) {
            result.insert(name.to_owned(), value.clone());
        }
    }
    Ok(json!(result))
}
