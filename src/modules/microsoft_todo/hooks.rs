//! Parts of Microsoft To Do's module that cannot be expressed as data.

use ct_codecs::{Base64, Decoder, Encoder};
use serde_json::{Map, Value, json};

use self::dates::{date, reminder, time};
use crate::engine::pagination::query_of_link;
use crate::engine::session::text;
use crate::engine::walk::{End, MAX_PAGES, walk};
use crate::engine::{Hooks, Session};
use crate::error::{Error, shortened};
use crate::json::Object;
use crate::upstream::Method;

mod dates;
mod moving;
mod recurrence;
mod searching;
mod task;

/// The hooks that Microsoft To Do's `module.json` cites.
pub(super) const HOOKS: Hooks = Hooks {
    fields: &[
        ("binary_content", binary_content),
        ("checklist", checklist),
        ("cut", cut),
        ("date", date),
        ("delta_token", delta_token),
        ("links", links),
        ("progress", progress),
        ("recurrence", recurrence::words),
        ("reminder", reminder),
        ("media_type", media_type),
        ("text_content", text_content),
        ("time", time),
    ],
    params: &[],
    handlers: &[
        ("complete_tasks", moving::complete_tasks),
        ("create_attachment", create_attachment),
        ("create_task", task::create),
        ("move_task", moving::move_task),
        ("move_tasks", moving::move_tasks),
        ("search_tasks", searching::search_tasks),
        ("update_task", task::update),
    ],
    ..Hooks::NONE
};

/// The maximum size in bytes of a file attached in one request (<https://learn.microsoft.com/graph/todo-attachments>).
const MAX_FILE: usize = 3 * 1024 * 1024;

/// The maximum length in characters of a text in a row.
const MAX_SHOWN: usize = 200;

/// The maximum number of items that one call reads.
const MAX_READ: usize = 5_000;

fn create_attachment(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let too_large = || {
        Error::invalid_params("The file is larger than 3 MB.")
            .with_hint("Attach larger files in the Microsoft To Do app.")
    };
    let bytes = match (
        arguments.get("text").and_then(Value::as_str),
        arguments.get("base64").and_then(Value::as_str),
    ) {
        (Some(text), None) => text.as_bytes().to_vec(),
        (None, Some(base64)) => Base64::decode_to_vec(base64, None).map_err(|_| {
            Error::invalid_params("`base64` is not valid base64.")
                .with_hint("Use the standard alphabet with padding, without line breaks.")
        })?,
        _ => {
            return Err(Error::invalid_params("The content must be one of `text` and `base64`.")
                .with_hint("Give exactly one of them."));
        }
    };
    if bytes.len() > MAX_FILE {
        return Err(too_large());
    }
    let body = json!({
        "@odata.type": "#microsoft.graph.taskFileAttachment",
        "name": arguments["name"],
        "contentType": arguments["content_type"],
        "contentBytes": Base64::encode_to_string(bytes).map_err(|_| too_large())?,
    });
    let created = session.send(
        Method::Post,
        &[&task_path(arguments)[..], &["attachments"]].concat(),
        &[],
        Some(&body),
    )?;
    Ok(
        json!({"id": created["id"], "name": created["name"], "content_type": created["contentType"], "size": created["size"]}),
    )
}

/// Returns every item of a collection.
fn read_all(session: &Session<'_>, path: &[&str]) -> Result<Vec<Value>, Error> {
    let (items, whole) = read_pages(session, path, &[], MAX_READ)?;
    if whole {
        Ok(items)
    } else {
        Err(Error::invalid_params(format!("There are more than {MAX_READ} items.")))
    }
}

/// Reads the items of a collection page by page until there are enough. Returns also whether these are all.
fn read_pages(
    session: &Session<'_>,
    path: &[&str],
    query: &[(&str, &str)],
    enough: usize,
) -> Result<(Vec<Value>, bool), Error> {
    let mut items = Vec::new();
    let mut is_whole = true;
    let first: Vec<_> = [("$top", "100")].into_iter().chain(query.iter().copied()).collect();
    let end = walk(MAX_PAGES, |link| {
        let answer = match link {
            None => session.get(path, &first)?,
            Some(query) => session.get_raw(path, query)?,
        };
        items.extend(answer["value"].as_array().into_iter().flatten().cloned());
        let next = answer["@odata.nextLink"].as_str().and_then(query_of_link).map(str::to_owned);
        is_whole = next.is_none() || items.len() < enough;
        Ok(next.filter(|_| is_whole))
    })?;
    Ok((items, is_whole && end == End::Last))
}

/// Returns the path of the task in the arguments.
fn task_path(arguments: &Object) -> [&str; 6] {
    ["me", "todo", "lists", text(arguments, "list_id"), "tasks", text(arguments, "task_id")]
}

/// Returns these members of an object, if they have a value.
fn members(value: &Value, names: &[&str]) -> Value {
    let member = |name: &&str| {
        value
            .get(*name)
            .filter(|value| !value.is_null())
            .map(|value| ((*name).to_owned(), value.clone()))
    };
    names.iter().filter_map(member).collect::<Map<_, _>>().into()
}

/// Returns the token in the link for later changes.
fn delta_token(link: &Value) -> Value {
    let query = link.as_str().and_then(|link| link.split_once('?')).map_or("", |(_, query)| query);
    let token = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "$deltatoken");
    token.map(|(_, token)| token.into_owned()).into()
}

fn checklist(items: &Value) -> Value {
    let brief = |item: &Value| json!({"id": item["id"], "name": item["displayName"], "checked": item["isChecked"]});
    items.as_array().map(|items| items.iter().map(brief).collect::<Vec<_>>()).into()
}

/// Returns how many steps of a task are done: `1 of 3`.
fn progress(items: &Value) -> Value {
    let Some(items) = items.as_array().filter(|items| !items.is_empty()) else {
        return Value::Null;
    };
    let done = items.iter().filter(|item| item["isChecked"] == true).count();
    format!("{done} of {}", items.len()).into()
}

/// Returns the beginning of a text.
fn cut(text: &Value) -> Value {
    let text = text.as_str().map(str::trim).filter(|text| !text.is_empty());
    text.map(|text| shortened(text.to_owned(), MAX_SHOWN)).into()
}

fn links(resources: &Value) -> Value {
    let brief = |link: &Value| json!({"id": link["id"], "title": link["displayName"], "app": link["applicationName"], "url": link["webUrl"]});
    resources.as_array().map(|links| links.iter().map(brief).collect::<Vec<_>>()).into()
}

/// Returns the text in base64 data, if it is text.
fn text_content(base64: &Value) -> Value {
    let bytes = base64.as_str().and_then(|base64| Base64::decode_to_vec(base64, None).ok());
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).filter(|text| !text.contains('\0')).into()
}

/// Returns the media type of a file, also of one that has none.
fn media_type(kind: &Value) -> Value {
    kind.as_str().filter(|kind| !kind.is_empty()).unwrap_or("application/octet-stream").into()
}

/// Returns the base64 of data that is not text.
fn binary_content(base64: &Value) -> Value {
    if text_content(base64).is_null() { base64.clone() } else { Value::Null }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_and_notes_are_told_in_short() {
        let steps = json!([{"isChecked": true}, {"isChecked": false}, {}]);
        assert_eq!((progress(&steps), progress(&json!([]))), (json!("1 of 3"), Value::Null));
        assert_eq!((cut(&json!("Note\r\n")), cut(&json!(" "))), (json!("Note"), Value::Null));
        assert_eq!(cut(&"ü".repeat(201).into()), format!("{}…", "ü".repeat(200)));
    }

    #[test]
    fn the_delta_token_is_taken_out_of_its_link() {
        let link = json!("https://graph.microsoft.com/v1.0/me/todo/lists/delta?$deltatoken=a%2Bb");
        assert_eq!(delta_token(&link), "a+b");
        assert_eq!(delta_token(&Value::Null), Value::Null);
    }

    #[test]
    fn content_is_text_or_base64_but_never_both() {
        let check = |base64: &str, text: Value, binary: Value| {
            assert_eq!(
                (text_content(&base64.into()), binary_content(&base64.into())),
                (text, binary),
                "{base64}"
            );
        };
        check("R3LDvMOfZQo=", json!("Grüße\n"), Value::Null);
        check("iVBORw==", Value::Null, json!("iVBORw=="));
        check("AGE=", Value::Null, json!("AGE="));
        assert_eq!(
            (text_content(&Value::Null), binary_content(&Value::Null)),
            (Value::Null, Value::Null)
        );
    }
}
