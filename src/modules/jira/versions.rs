//! Changes versions (releases).

use serde_json::{Map, Value, json};

use super::text;
use crate::engine::Session;
use crate::error::Error;
use crate::json::Object;
use crate::upstream::Method;

/// Changes a version. The version that takes over its open issues is given by id; Jira requires its address.
pub fn update_version(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
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
        // The address of a version ends with its id.
        let id = taker.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        let taker = session.get(&["rest", "api", "3", "version", id], &[])?;
        body.insert("moveUnfixedIssuesTo".to_owned(), taker["self"].clone());
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
