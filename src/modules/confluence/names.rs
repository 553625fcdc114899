//! Adds names and addresses that Confluence's responses lack: it names people and groups by id, and returns paths without the
//! site.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Value, json};

use super::{v1, v2};
use crate::engine::Session;
use crate::engine::session::list;
use crate::error::{Code, Error};
use crate::json::Object;
use crate::upstream::Method;

/// The maximum number of people in one request.
const BULK: usize = 250;

/// Each group takes one request.
const MAX_GROUPS: usize = 20;

/// Columns that contain account ids until they are replaced by names. Separate columns keep the ids.
const PEOPLE: [&str; 4] = ["author", "assigned_to", "created_by", "completed_by"];

/// Returns a record, or the rows of a list, with the names of the people in it.
pub fn people(session: &Session<'_>, _: &Object, mut result: Value) -> Result<Value, Error> {
    let ids: BTreeSet<String> = rows(&mut result)
        .flat_map(|row| PEOPLE.iter().filter_map(|column| row[*column].as_str()))
        .map(str::to_owned)
        .collect();
    let names = names_of(session, &ids)?;
    for row in rows(&mut result) {
        for column in PEOPLE {
            replace(row, column, &names);
        }
    }
    Ok(result)
}

/// Returns the rows of a list with the names of people, and with whole addresses in place of paths.
pub fn people_and_urls(
    session: &Session<'_>,
    arguments: &Object,
    result: Value,
) -> Result<Value, Error> {
    urls(session, arguments, people(session, arguments, result)?)
}

/// Returns the rows of a list with whole addresses in place of paths: `base_url` of the summary is put before each.
pub fn urls(_: &Session<'_>, _: &Object, mut result: Value) -> Result<Value, Error> {
    let base = result.as_object_mut().and_then(|members| members.shift_remove("base_url"));
    let base = base.as_ref().and_then(Value::as_str).unwrap_or_default();
    for row in rows(&mut result) {
        for column in ["url", "download_url"] {
            if let Some(Value::String(path)) = row.get_mut(column) {
                // A path without the site is useless.
                if !path.starts_with("https://") {
                    *path = [base, path.as_str()].concat();
                }
            }
        }
    }
    Ok(result)
}

/// Returns the rows of a list with the addresses of pages; the response has no others.
pub fn page_urls(_: &Session<'_>, _: &Object, mut result: Value) -> Result<Value, Error> {
    let base = result.as_object_mut().and_then(|members| members.shift_remove("base_url"));
    let base = base.as_ref().and_then(Value::as_str).map(str::to_owned);
    for row in rows(&mut result) {
        let Some(Value::Object(parts)) = row.get("url") else { continue };
        let url = base.as_ref().zip(parts["id"].as_str()).filter(|_| parts["type"] == "page");
        row["url"] =
            url.map(|(base, id)| format!("{base}/pages/viewpage.action?pageId={id}")).into();
    }
    Ok(result)
}

/// Returns the permissions of a space with the names of their holders.
pub fn principals(session: &Session<'_>, _: &Object, mut result: Value) -> Result<Value, Error> {
    let mut ids: HashMap<String, BTreeSet<String>> = HashMap::new();
    for row in rows(&mut result) {
        if let (Some(kind), Some(id)) =
            (row["principal"]["type"].as_str(), row["principal"]["id"].as_str())
        {
            ids.entry(kind.to_owned()).or_default().insert(id.to_owned());
        }
    }
    let mut names = names_of(session, ids.get("user").unwrap_or(&BTreeSet::new()))?;
    for id in ids.get("group").into_iter().flatten().take(MAX_GROUPS) {
        match session.get(&v1(&["group", "by-id"]), &[("id", id)]) {
            Ok(group) => {
                names.extend(group["name"].as_str().map(|name| (id.clone(), name.to_owned())));
            }
            Err(error) if is_lack(&error) => {}
            Err(error) => return Err(error),
        }
    }
    for row in rows(&mut result) {
        if let Some(principal) = row.get("principal") {
            let id = principal["id"].clone();
            row["principal"] =
                id.as_str().and_then(|id| names.get(id)).map_or(id.clone(), |name| json!(name));
        }
    }
    Ok(result)
}

/// Returns a list's rows, or the record itself.
fn rows(result: &mut Value) -> Box<dyn Iterator<Item = &mut Value> + '_> {
    if result.get("items").is_some_and(Value::is_array) {
        Box::new(result["items"].as_array_mut().into_iter().flatten())
    } else {
        Box::new(std::iter::once(result))
    }
}

fn replace(row: &mut Value, column: &str, names: &HashMap<String, String>) {
    if let Some(value) = row.get_mut(column)
        && let Some(name) = value.as_str().and_then(|id| names.get(id))
    {
        *value = json!(name);
    }
}

/// Returns the names of people by account id, without people whom the account may not see. A credential without the permission
/// to read names gets no names: ids alone are better than an error.
fn names_of(
    session: &Session<'_>,
    ids: &BTreeSet<String>,
) -> Result<HashMap<String, String>, Error> {
    let mut names = HashMap::new();
    let ids: Vec<&String> = ids.iter().collect();
    for ids in ids.chunks(BULK) {
        let body = json!({"accountIds": ids});
        match session.send(Method::Post, &v2(&["users-bulk"]), &[], Some(&body)) {
            Ok(answer) => {
                let people = list(&answer["results"]).filter_map(|user| {
                    user["accountId"].as_str().zip(user["displayName"].as_str())
                });
                names.extend(people.map(|(id, name)| (id.to_owned(), name.to_owned())));
            }
            Err(error) if is_lack(&error) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(names)
}

/// Returns whether the credential lacks a permission, or the object no longer exists.
fn is_lack(error: &Error) -> bool {
    matches!(error.code(), Code::PermissionDenied | Code::ReconnectRequired | Code::NotFound)
}
