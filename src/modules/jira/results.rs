//! Completes results with a second request: keys and names for ids.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::engine::Session;
use crate::engine::session::list;
use crate::error::{Code, Error};
use crate::json::Object;
use crate::upstream::Method;

/// The maximum number of issues in one request for keys.
const BULK: usize = 100;

/// Returns a changelog's rows with the keys of their issues.
pub fn issue_keys(session: &Session<'_>, _: &Object, mut result: Value) -> Result<Value, Error> {
    let rows = result["items"].as_array_mut();
    let mut rows: Vec<_> =
        rows.into_iter().flatten().filter_map(|row| row.get_mut("key")).collect();
    let ids: Vec<String> = rows.iter().map(|id| plain(id)).collect();
    let keys = keys_of(session, &ids)?;
    for (key, id) in rows.iter_mut().zip(&ids) {
        **key = keys.get(id).cloned().into();
    }
    Ok(result)
}

/// Returns the progress of a bulk operation with keys for the ids of its issues, and the reasons of failures by issue.
pub fn bulk_progress(session: &Session<'_>, _: &Object, mut result: Value) -> Result<Value, Error> {
    let done: Vec<String> = list(&result["done"]).map(plain).collect();
    let failed: Vec<(String, Value)> = result["failed"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(id, reasons)| (id.clone(), reasons.clone()))
        .collect();
    let ids: Vec<String> = done.iter().chain(failed.iter().map(|(id, _)| id)).cloned().collect();
    let keys = keys_of(session, &ids)?;
    let key = |id: &String| keys.get(id).unwrap_or(id).clone();
    if result.get("done").is_some() {
        result["done"] = done.iter().map(key).collect();
    }
    if result.get("failed").is_some() {
        let row = |(id, reasons): &(String, Value)| json!({"issue": key(id), "reasons": reasons});
        result["failed"] = failed.iter().map(row).collect();
    }
    Ok(result)
}

/// Returns a board's columns with the names of their statuses.
pub fn status_names(session: &Session<'_>, _: &Object, mut result: Value) -> Result<Value, Error> {
    if list(&result["columns"]).all(|column| list(&column["statuses"]).next().is_none()) {
        return Ok(result);
    }
    let all = match session.get(&["rest", "api", "3", "status"], &[]) {
        Ok(all) => all,
        // Ids alone are better than an error.
        Err(error) if matches!(error.code(), Code::PermissionDenied | Code::NotFound) => {
            return Ok(result);
        }
        Err(error) => return Err(error),
    };
    for column in result["columns"].as_array_mut().into_iter().flatten() {
        for status in column["statuses"].as_array_mut().into_iter().flatten() {
            if let Some(named) = list(&all).find(|named| named["id"] == status["id"]) {
                *status = super::refs::status(named);
            }
        }
    }
    Ok(result)
}

/// Returns the keys of issues by id. Issues that were deleted or that the account may not see are left out.
fn keys_of(session: &Session<'_>, ids: &[String]) -> Result<HashMap<String, String>, Error> {
    let mut keys = HashMap::new();
    for ids in ids.chunks(BULK) {
        let body = json!({"issueIdsOrKeys": ids, "fields": ["summary"]});
        let path = ["rest", "api", "3", "issue", "bulkfetch"];
        let answer = session.send(Method::Post, &path, &[], Some(&body))?;
        let named = list(&answer["issues"])
            .filter_map(|issue| issue["id"].as_str().zip(issue["key"].as_str()));
        keys.extend(named.map(|(id, key)| (id.to_owned(), key.to_owned())));
    }
    Ok(keys)
}

/// Returns an id, which some responses have as a number.
fn plain(id: &Value) -> String {
    id.as_str().map_or_else(|| id.to_string(), str::to_owned)
}
