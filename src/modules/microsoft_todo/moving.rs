//! Moves tasks to another list, and completes many at once.

use serde_json::{Value, json};

use super::dates::{date, is_none, time};
use super::task::brief;
use super::{MAX_FILE, members, read_all, recurrence, text};
use crate::engine::Session;
use crate::engine::session::list;
use crate::error::{Code, Error};
use crate::json::Object;
use crate::time::Date;
use crate::upstream::Method;

/// Marks tasks of a list as completed, one by one; a failure does not stop the others.
pub fn complete_tasks(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let from = text(arguments, "list_id");
    each(arguments, |id| {
        let path = ["me", "todo", "lists", from, "tasks", id];
        let body = json!({"status": "completed"});
        let task = session.send(Method::Patch, &path, &[], Some(&body))?;
        Ok(
            json!({"id": task["id"], "title": task["title"], "completed_at": time(&task["completedDateTime"])}),
        )
    })
}

/// Moves tasks of a list to another one; a failure does not stop the others.
pub fn move_tasks(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let (from, to) = (text(arguments, "list_id"), text(arguments, "to_list_id"));
    each(arguments, |id| {
        let moved = move_one(session, from, id, to)?;
        Ok(json!({"old_id": id, "id": moved["id"], "title": moved["title"]}))
    })
}

/// Returns the rows of the tasks in the arguments, and the reasons of failures. Stops if every further request would fail too;
/// fails if no task succeeded.
fn each(
    arguments: &Object,
    mut act: impl FnMut(&str) -> Result<Value, Error>,
) -> Result<Value, Error> {
    let mut ids: Vec<&str> = list(&arguments["task_ids"]).filter_map(Value::as_str).collect();
    let mut known = std::collections::BTreeSet::new();
    ids.retain(|id| known.insert(*id));
    if ids.is_empty() || ids.len() > MAX_TASKS {
        return Err(Error::invalid_params(format!(
            "`task_ids` must have from 1 to {MAX_TASKS} ids."
        ))
        .with_hint("Give the `id` of each task, from list_tasks or search_tasks."));
    }
    let (mut rows, mut failed, mut last) = (Vec::new(), Vec::new(), None);
    let mut ids = ids.into_iter();
    for id in ids.by_ref() {
        match act(id) {
            Ok(row) => rows.push(row),
            Err(error) => {
                failed.push(json!({"id": id, "reason": error.message()}));
                let ends = ends_all(&error);
                last = Some(error);
                if ends {
                    break;
                }
            }
        }
    }
    failed.extend(
        ids.map(|id| json!({"id": id, "reason": "It was not tried after the failure before."})),
    );
    match last {
        Some(error) if rows.is_empty() => Err(error),
        Some(_) => Ok(json!({"items": rows, "failed": failed})),
        None => Ok(json!({"items": rows})),
    }
}

/// Returns whether the next request would fail as well.
fn ends_all(error: &Error) -> bool {
    matches!(
        error.code(),
        Code::Cancelled
            | Code::Timeout
            | Code::NotConnected
            | Code::ReconnectRequired
            | Code::PermissionDenied
    )
}

/// The maximum number of tasks in one call: each takes at least one request.
const MAX_TASKS: usize = 20;

/// Copies a task with all its parts to another list, then deletes it: Microsoft Graph cannot move tasks.
pub fn move_task(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let (from, to) = (text(arguments, "list_id"), text(arguments, "to_list_id"));
    move_one(session, from, text(arguments, "task_id"), to)
}

/// Moves a task like [`move_task`].
fn move_one(session: &Session<'_>, from: &str, id: &str, to: &str) -> Result<Value, Error> {
    if from == to {
        return Err(Error::invalid_params("`to_list_id` is the list that the task is in.")
            .with_hint("Name another list."));
    }
    let path = ["me", "todo", "lists", from, "tasks", id];
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

    let mut copy = members(
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
            "completedDateTime",
        ],
    );
    if let Some(members) = copy.as_object_mut() {
        members.retain(|_, value| !is_none(value));
        let due = date(&task["dueDateTime"]).as_str().and_then(Date::read);
        let recurrence = recurrence::rebuilt(&task["recurrence"], due);
        members.extend(recurrence.map(|recurrence| ("recurrence".to_owned(), recurrence)));
    }
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
            // An incomplete copy is useless. If it cannot be deleted, the error of the copying is still the one to report.
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

/// Returns a file of a task, ready to be attached to another task.
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
