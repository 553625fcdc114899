//! What Microsoft To Do's module file cannot say as data.

use ct_codecs::{Base64, Decoder, Encoder};
use serde_json::{Map, Value, json};

use self::task::{brief, date, day, recurrence, reminder, task_of, time};
use crate::engine::dates::days_of;
use crate::engine::session::text;
use crate::engine::{Hooks, Session};
use crate::error::{Code, Error};
use crate::upstream::Method;

mod task;

/// The hooks that Microsoft To Do's `module.json` cites.
pub(super) const HOOKS: Hooks = Hooks {
    fields: &[
        ("binary_content", binary_content),
        ("checklist", checklist),
        ("date", date),
        ("delta_token", delta_token),
        ("links", links),
        ("recurrence", recurrence),
        ("reminder", reminder),
        ("text_content", text_content),
        ("time", time),
    ],
    params: &[],
    handlers: &[
        ("create_attachment", create_attachment),
        ("create_task", create_task),
        ("move_task", move_task),
        ("search_tasks", search_tasks),
        ("update_task", update_task),
    ],
    ..Hooks::NONE
};

/// Largest file that one request may attach, in bytes (<https://learn.microsoft.com/graph/todo-attachments>).
const MAX_FILE: usize = 3 * 1024 * 1024;

/// Most tasks that one search reads.
const MAX_SEARCHED: usize = 5_000;

fn create_task(session: &Session<'_>, arguments: &Map<String, Value>) -> Result<Value, Error> {
    let body = Value::from(task_of(arguments)?);
    let created = session.send(
        Method::Post,
        &["me", "todo", "lists", text(arguments, "list_id"), "tasks"],
        &[],
        Some(&body),
    )?;
    Ok(brief(&created))
}

fn update_task(session: &Session<'_>, arguments: &Map<String, Value>) -> Result<Value, Error> {
    let body = task_of(arguments)?;
    if body.is_empty() {
        return Err(Error::invalid_params("There is nothing to change.")
            .with_hint("Give at least one of the task's properties."));
    }
    let path = task_path(arguments);
    let updated = session.send(Method::Patch, &path, &[], Some(&body.into()))?;
    Ok(brief(&updated))
}

/// Copies a task with all that belongs to it to another list, then deletes it: Microsoft Graph has no move.
fn move_task(session: &Session<'_>, arguments: &Map<String, Value>) -> Result<Value, Error> {
    let (from, to) = (text(arguments, "list_id"), text(arguments, "to_list_id"));
    if from == to {
        return Err(Error::invalid_params("`to_list_id` is the list that the task is in.")
            .with_hint("Name another list."));
    }
    let path = task_path(arguments);
    let below = |name| [&path[..], &[name]].concat();
    let task = session.get(&path, &[])?;
    let mut parts = Vec::new();
    for item in read_all(session, &below("checklistItems"))? {
        parts.push(("checklistItems", members(&item, &["displayName", "isChecked"])));
    }
    for link in read_all(session, &below("linkedResources"))? {
        parts.push((
            "linkedResources",
            members(&link, &["displayName", "applicationName", "externalId", "webUrl"]),
        ));
    }
    if task["hasAttachments"] == true {
        for file in read_all(session, &below("attachments"))? {
            parts.push(("attachments", attachment(session, &below("attachments"), &file)?));
        }
    }

    let copy = members(
        &task,
        &[
            "title",
            "body",
            "categories",
            "importance",
            "status",
            "startDateTime",
            "dueDateTime",
            "reminderDateTime",
            "isReminderOn",
            "recurrence",
            "completedDateTime",
        ],
    );
    let created =
        session.send(Method::Post, &["me", "todo", "lists", to, "tasks"], &[], Some(&copy))?;
    let id = created["id"].as_str().ok_or_else(|| {
        Error::new(Code::UpstreamUnavailable, "Microsoft To Do does not name the new task.")
    })?;
    let new_path = ["me", "todo", "lists", to, "tasks", id];
    for (kind, part) in &parts {
        if let Err(error) =
            session.send(Method::Post, &[&new_path[..], &[kind]].concat(), &[], Some(part))
        {
            // Half a copy helps no one; if it cannot go either, the error of the copying is still the one to tell.
            let _ = session.send(Method::Delete, &new_path, &[], None);
            return Err(error);
        }
    }
    session.send(Method::Delete, &path, &[], None).map_err(|error| {
        let message = format!(
            "The task was copied to the other list as `{id}`, but the original is still there: {}",
            error.message()
        );
        Error::new(error.code(), message).with_hint("Delete the original with delete_task.")
    })?;
    let mut moved = brief(&created);
    moved["list_id"] = to.into();
    Ok(moved)
}

/// A file of a task, ready to be attached to another.
fn attachment(session: &Session<'_>, path: &[&str], file: &Value) -> Result<Value, Error> {
    let (id, name) =
        (file["id"].as_str().unwrap_or_default(), file["name"].as_str().unwrap_or_default());
    if file["size"].as_u64().is_some_and(|size| size > MAX_FILE as u64) {
        return Err(Error::invalid_params(format!(
            "The task cannot be moved: its file `{name}` is larger than 3 MB. Nothing was changed."
        ))
        .with_hint("Move it in the Microsoft To Do app, or delete the file first."));
    }
    let whole = session.get(&[path, &[id]].concat(), &[])?;
    let mut attachment = members(&whole, &["@odata.type", "name", "contentType", "contentBytes"]);
    attachment["@odata.type"] = "#microsoft.graph.taskFileAttachment".into();
    Ok(attachment)
}

fn create_attachment(
    session: &Session<'_>,
    arguments: &Map<String, Value>,
) -> Result<Value, Error> {
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

/// Reads the tasks of one list or of all, and keeps those that meet every condition.
fn search_tasks(session: &Session<'_>, arguments: &Map<String, Value>) -> Result<Value, Error> {
    let wanted = Conditions::of(arguments)?;
    let lists = match arguments.get("list_id").and_then(Value::as_str) {
        Some(id) => vec![session.get(&["me", "todo", "lists", id], &[])?],
        None => read_all(session, &["me", "todo", "lists"])?,
    };
    let filter = match text(arguments, "status") {
        "open" => vec![("$filter", "status ne 'completed'")],
        "completed" => vec![("$filter", "status eq 'completed'")],
        _ => Vec::new(),
    };
    let (mut found, mut read, mut incomplete) = (Vec::new(), 0, false);
    for list in &lists {
        let path = ["me", "todo", "lists", list["id"].as_str().unwrap_or_default(), "tasks"];
        let (tasks, whole) =
            read_pages(session, &path, &filter, MAX_SEARCHED.saturating_sub(read))?;
        read += tasks.len();
        incomplete |= !whole;
        found.extend(tasks.iter().filter(|task| wanted.meets(task)).map(|task| {
            json!({
                "list_id": list["id"], "list": list["displayName"], "id": task["id"], "title": task["title"], "status": task["status"],
                "importance": task["importance"], "due_date": date(&task["dueDateTime"]),
            })
        }));
        if incomplete {
            break;
        }
    }
    // Those without a due date come last, each in the order of its list.
    found.sort_by_key(|task| {
        task["due_date"].as_str().map_or_else(|| "9999".to_owned(), str::to_owned)
    });
    let limit = arguments
        .get("limit")
        .and_then(Value::as_u64)
        .and_then(|limit| usize::try_from(limit).ok())
        .unwrap_or(usize::MAX);
    incomplete |= found.len() > limit;
    found.truncate(limit);
    Ok(json!({"items": found, "incomplete_results": incomplete}))
}

/// What a task must be like to be found, its status aside.
struct Conditions {
    words: Option<String>,
    importance: Option<Value>,
    category: Option<Value>,
    due_from: Option<i64>,
    due_to: Option<i64>,
}

impl Conditions {
    fn of(arguments: &Map<String, Value>) -> Result<Self, Error> {
        let day = |name| {
            arguments.get(name).and_then(Value::as_str).map(|date| day(name, date)).transpose()
        };
        Ok(Self {
            words: arguments.get("query").and_then(Value::as_str).map(str::to_lowercase),
            importance: arguments.get("importance").cloned(),
            category: arguments.get("category").cloned(),
            due_from: day("due_from")?,
            due_to: day("due_to")?,
        })
    }

    fn meets(&self, task: &Value) -> bool {
        let has = |text: &Value, words: &str| {
            text.as_str().is_some_and(|text| text.to_lowercase().contains(words))
        };
        let due = date(&task["dueDateTime"]).as_str().and_then(days_of);
        self.words
            .as_ref()
            .is_none_or(|words| has(&task["title"], words) || has(&task["body"]["content"], words))
            && self.importance.as_ref().is_none_or(|importance| task["importance"] == *importance)
            && self.category.as_ref().is_none_or(|category| {
                task["categories"].as_array().is_some_and(|all| all.contains(category))
            })
            && self.due_from.is_none_or(|from| due.is_some_and(|due| due >= from))
            && self.due_to.is_none_or(|to| due.is_some_and(|due| due <= to))
    }
}

/// Every item of a collection.
fn read_all(session: &Session<'_>, path: &[&str]) -> Result<Vec<Value>, Error> {
    let (items, whole) = read_pages(session, path, &[], MAX_SEARCHED)?;
    if whole {
        Ok(items)
    } else {
        Err(Error::invalid_params(format!("There are more than {MAX_SEARCHED} items.")))
    }
}

/// The items of a collection page by page until there are enough, and whether these are all.
fn read_pages(
    session: &Session<'_>,
    path: &[&str],
    query: &[(&str, &str)],
    enough: usize,
) -> Result<(Vec<Value>, bool), Error> {
    let mut items = Vec::new();
    let pair = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let mut query: Vec<(String, String)> =
        [("$top", "100")].into_iter().chain(query.iter().copied()).map(pair).collect();
    loop {
        let pairs: Vec<(&str, &str)> =
            query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let answer = session.get(path, &pairs)?;
        items.extend(answer["value"].as_array().into_iter().flatten().cloned());
        let Some((_, next)) =
            answer["@odata.nextLink"].as_str().and_then(|link| link.split_once('?'))
        else {
            return Ok((items, true));
        };
        if items.len() >= enough {
            return Ok((items, false));
        }
        query = form_urlencoded::parse(next.as_bytes()).into_owned().collect();
    }
}

/// The path of the task that the arguments name.
fn task_path(arguments: &Map<String, Value>) -> [&str; 6] {
    ["me", "todo", "lists", text(arguments, "list_id"), "tasks", text(arguments, "task_id")]
}

/// These members of an object, as far as they have a value.
fn members(value: &Value, names: &[&str]) -> Value {
    let member = |name: &&str| {
        value
            .get(*name)
            .filter(|value| !value.is_null())
            .map(|value| ((*name).to_owned(), value.clone()))
    };
    names.iter().filter_map(member).collect::<Map<_, _>>().into()
}

/// The token in the link that asks for later changes.
fn delta_token(link: &Value) -> Value {
    let query = link.as_str().and_then(|link| link.split_once('?')).map_or("", |(_, query)| query);
    let token = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "$deltatoken");
    token.map(|(_, token)| token.into_owned()).into()
}

fn checklist(items: &Value) -> Value {
    let brief = |item: &Value| json!({"id": item["id"], "name": item["displayName"], "checked": item["isChecked"]});
    items.as_array().map(|items| items.iter().map(brief).collect::<Vec<_>>()).into()
}

fn links(resources: &Value) -> Value {
    let brief = |link: &Value| json!({"id": link["id"], "title": link["displayName"], "app": link["applicationName"], "url": link["webUrl"]});
    resources.as_array().map(|links| links.iter().map(brief).collect::<Vec<_>>()).into()
}

/// The text that base64 holds, if it is one.
fn text_content(base64: &Value) -> Value {
    let bytes = base64.as_str().and_then(|base64| Base64::decode_to_vec(base64, None).ok());
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).filter(|text| !text.contains('\0')).into()
}

/// The base64 of what is not a text.
fn binary_content(base64: &Value) -> Value {
    if text_content(base64).is_null() { base64.clone() } else { Value::Null }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_keeps_what_meets_every_condition() {
        let task = json!({
            "title": "Send the Report", "importance": "high", "categories": ["Work"], "body": {"content": "By mail"},
            "dueDateTime": {"dateTime": "2026-11-29T23:00:00.0000000", "timeZone": "UTC"},
        });
        let check = |arguments: Value, expected: bool| {
            let conditions =
                Conditions::of(arguments.as_object().expect("the arguments are an object"))
                    .expect("they are good");
            assert_eq!(conditions.meets(&task), expected, "{arguments}");
        };
        check(json!({}), true);
        check(json!({"query": "rePORT"}), true);
        check(json!({"query": "mail"}), true);
        check(json!({"query": "letter"}), false);
        check(json!({"importance": "low"}), false);
        check(json!({"category": "Work"}), true);
        check(json!({"category": "Home"}), false);
        check(json!({"due_from": "2026-11-30", "due_to": "2026-11-30"}), true);
        check(json!({"due_from": "2026-12-01"}), false);
        check(json!({"due_to": "2026-11-29"}), false);
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
