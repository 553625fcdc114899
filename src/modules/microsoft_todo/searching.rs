//! Searches tasks in lists, because Microsoft Graph has no search for them.

use serde_json::{Value, json};

use super::dates::{date, reminder, time};
use super::{MAX_READ, cut, progress, read_all, read_pages, recurrence, text};
use crate::engine::Session;
use crate::engine::times::day;
use crate::error::Error;
use crate::json::Object;
use crate::time::Date;

/// Reads the tasks of one list or of all lists, and keeps those that meet every condition.
pub fn search_tasks(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let wanted = Conditions::of(arguments)?;
    let lists = match arguments.get("list_id").and_then(Value::as_str) {
        Some(id) => vec![session.get(&["me", "todo", "lists", id], &[])?],
        None => read_all(session, &["me", "todo", "lists"])?,
    };
    let mut query = vec![("$expand", "checklistItems")];
    match text(arguments, "status") {
        "open" => query.push(("$filter", "status ne 'completed'")),
        "completed" => query.push(("$filter", "status eq 'completed'")),
        _ => {}
    }
    let (mut found, mut read, mut incomplete) = (Vec::new(), 0, false);
    for list in &lists {
        let path = ["me", "todo", "lists", list["id"].as_str().unwrap_or_default(), "tasks"];
        let (tasks, whole) = read_pages(session, &path, &query, MAX_READ.saturating_sub(read))?;
        read += tasks.len();
        incomplete |= !whole;
        found.extend(tasks.iter().filter(|task| wanted.meets(task)).map(|task| {
            json!({
                "list_id": list["id"], "list": list["displayName"], "id": task["id"], "title": task["title"], "status": task["status"],
                "importance": task["importance"], "due_date": date(&task["dueDateTime"]), "start_date": date(&task["startDateTime"]),
                "reminder_at": reminder(task), "recurrence": recurrence::words(&task["recurrence"]), "categories": task["categories"],
                "checklist": progress(&task["checklistItems"]), "has_attachments": task["hasAttachments"], "body": cut(&task["body"]["content"]),
                "updated_at": time(&task["lastModifiedDateTime"]), "completed_at": time(&task["completedDateTime"]),
            })
        }));
        if incomplete {
            break;
        }
    }
    // Tasks without a due date come last; otherwise the order is that of the lists.
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

/// The conditions on a task, except its status.
struct Conditions {
    words: Option<String>,
    importance: Option<Value>,
    category: Option<Value>,
    due_from: Option<Date>,
    due_to: Option<Date>,
}

impl Conditions {
    fn of(arguments: &Object) -> Result<Self, Error> {
        let day = |name| {
            arguments.get(name).and_then(Value::as_str).map(|date| day(name, date)).transpose()
        };
        let (due_from, due_to) = (day("due_from")?, day("due_to")?);
        if due_from.zip(due_to).is_some_and(|(from, to)| to < from) {
            return Err(Error::invalid_params("`due_to` is before `due_from`.")
                .with_hint("Give the later day as `due_to`."));
        }
        Ok(Self {
            words: arguments.get("query").and_then(Value::as_str).map(str::to_lowercase),
            importance: arguments.get("importance").cloned(),
            category: arguments.get("category").cloned(),
            due_from,
            due_to,
        })
    }

    fn meets(&self, task: &Value) -> bool {
        let has = |text: &Value, words: &str| {
            text.as_str().is_some_and(|text| text.to_lowercase().contains(words))
        };
        let due = date(&task["dueDateTime"]).as_str().and_then(Date::read);
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
    fn days_that_cannot_be_are_refused() {
        for wrong in [
            json!({"due_from": "2026-02-30"}),
            json!({"due_to": "tomorrow"}),
            json!({"due_from": "2026-12-01", "due_to": "2026-11-30"}),
        ] {
            assert!(
                Conditions::of(wrong.as_object().expect("it is an object")).is_err(),
                "{wrong}"
            );
        }
    }
}
