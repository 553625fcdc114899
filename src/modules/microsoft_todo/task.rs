//! Creates and changes tasks, between Microsoft Graph's nested form and flat arguments.

use serde_json::{Map, Value, json};

use super::dates::{Clock, date, given, reminder, time};
use super::{recurrence, task_path, text};
use crate::engine::Session;
use crate::engine::times::{day, moment};
use crate::error::Error;
use crate::json::Object;
use crate::time::{Date, Moment};
use crate::upstream::Method;

pub fn create(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let mut body = task_of(arguments, None, || clock_of(session, arguments))?;
    // A new task has nothing to clear.
    body.retain(|_, value| !value.is_null());
    let path = ["me", "todo", "lists", text(arguments, "list_id"), "tasks"];
    let created = session.send(Method::Post, &path, &[], Some(&body.into()))?;
    Ok(brief(&created))
}

pub fn update(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let path = task_path(arguments);
    let repeats = given(arguments, "repeat").is_some_and(|repeat| repeat != "none");
    // A recurrence counts from the due day of the task; if that day is not in the arguments, it must be read.
    let due = if repeats && !arguments.contains_key("due_date") {
        let task = session.get(&path, &[])?;
        date(&task["dueDateTime"]).as_str().and_then(Date::read)
    } else {
        None
    };
    let body = task_of(arguments, due, || clock_of(session, arguments))?;
    let updated = session.send(Method::Patch, &path, &[], Some(&body.into()))?;
    Ok(brief(&updated))
}

/// Returns the zone of the arguments; without one, the mailbox's zone if a time of day depends on it: a day is the same in
/// every zone.
fn clock_of(session: &Session<'_>, arguments: &Object) -> Result<Clock, Error> {
    let reminder = given(arguments, "reminder_at").and_then(Moment::read);
    match given(arguments, "time_zone") {
        Some(name) => Clock::named(name),
        None if matches!(reminder, Some(Moment::Local(_))) => Clock::of_mailbox(session),
        None => Ok(Clock::utc()),
    }
}

/// Returns a task in Microsoft Graph's form, from the arguments that are present; null for cleared ones. `due` is the current
/// due date.
fn task_of(
    arguments: &Object,
    due: Option<Date>,
    clock: impl FnOnce() -> Result<Clock, Error>,
) -> Result<Object, Error> {
    let mut task = Map::new();
    for name in ["title", "status", "importance", "categories"] {
        task.extend(arguments.get(name).map(|value| (name.to_owned(), value.clone())));
    }
    if let Some(body) = arguments.get("body") {
        task.insert("body".to_owned(), json!({"content": body, "contentType": "text"}));
    }
    let dated = ["due_date", "start_date", "reminder_at", "repeat"];
    if arguments.contains_key("time_zone")
        && !dated.iter().any(|name| given(arguments, name).is_some())
    {
        return Err(Error::invalid_params("`time_zone` belongs to a date or a reminder.")
            .with_hint("Give `due_date`, `start_date` or `reminder_at`, too."));
    }
    let days =
        ["due_date", "start_date"].map(|name| given(arguments, name).map(|date| day(name, date)));
    let [new_due, start] = days.map(Option::transpose);
    let (new_due, start) = (new_due?, start?);
    let reminder = given(arguments, "reminder_at").map(|time| moment("reminder_at", time));
    let reminder = reminder.transpose()?;
    let clock = clock()?;
    for (name, member, day) in
        [("due_date", "dueDateTime", new_due), ("start_date", "startDateTime", start)]
    {
        if arguments.contains_key(name) {
            let value = day.map_or(Value::Null, |day| clock.midnight(day));
            task.insert(member.to_owned(), value);
        }
    }
    if arguments.contains_key("reminder_at") {
        let moment = reminder.map(|moment| clock.moment("reminder_at", moment)).transpose()?;
        task.insert("isReminderOn".to_owned(), moment.is_some().into());
        task.insert("reminderDateTime".to_owned(), moment.into());
    }
    if let Some(recurrence) = recurrence::of(arguments, new_due.or(due), &clock)? {
        task.insert("recurrence".to_owned(), recurrence);
    }
    Ok(task)
}

/// Returns the description of a created or changed task.
pub fn brief(task: &Value) -> Value {
    let mut brief = json!({
        "id": task["id"], "title": task["title"], "status": task["status"], "due_date": date(&task["dueDateTime"]),
        "reminder_at": reminder(task), "recurrence": recurrence::words(&task["recurrence"]), "updated_at": time(&task["lastModifiedDateTime"]),
    });
    if let Some(members) = brief.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    brief
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(arguments: &Value) -> Result<Value, String> {
        let arguments = arguments.as_object().expect("the arguments are an object");
        let clock = || given(arguments, "time_zone").map_or_else(|| Ok(Clock::utc()), Clock::named);
        task_of(arguments, None, clock).map(Value::from).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn days_and_reminders_are_told_in_the_zone() {
        let expected = json!({
            "dueDateTime": {"dateTime": "2026-11-30T00:00:00", "timeZone": "Europe/Berlin"},
            "isReminderOn": true,
            "reminderDateTime": {"dateTime": "2026-11-30T08:30:00", "timeZone": "Europe/Berlin"},
        });
        let arguments = json!({"due_date": "2026-11-30", "reminder_at": "2026-11-30T08:30", "time_zone": "W. Europe Standard Time"});
        assert_eq!(built(&arguments), Ok(expected));
    }

    #[test]
    fn arguments_that_make_no_task_are_refused_by_name() {
        let check = |arguments: Value, named: &str| {
            let message = built(&arguments).expect_err("the arguments are wrong");
            assert!(message.contains(named), "{arguments}: {message}");
        };
        check(json!({"due_date": "tomorrow"}), "`due_date`");
        check(json!({"due_date": "2026-11-30T08:00"}), "`due_date`");
        check(json!({"start_date": "2026-02-30"}), "`start_date`");
        check(json!({"reminder_at": "2026-11-30"}), "`reminder_at`");
        check(json!({"reminder_at": "2026-11-30T25:00"}), "`reminder_at`");
        check(json!({"reminder_at": "2026-11-30T08:00+25:00"}), "`reminder_at`");
        check(
            json!({"reminder_at": "2026-03-29T02:30", "time_zone": "Europe/Berlin"}),
            "set forward",
        );
        check(json!({"repeat": "daily"}), "`due_date`");
        check(json!({"repeat": "daily", "due_date": ""}), "`due_date`");
        check(json!({"time_zone": "Europe/Berlin"}), "`time_zone`");
        check(json!({"time_zone": "Europe/Berlin", "due_date": ""}), "`time_zone`");
        check(json!({"due_date": "2026-11-30", "time_zone": "Europe/Atlantis"}), "Europe/Atlantis");
    }

    #[test]
    fn an_empty_date_clears_it() {
        let cleared = json!({"dueDateTime": null, "startDateTime": null, "isReminderOn": false, "reminderDateTime": null});
        assert_eq!(
            built(&json!({"due_date": "", "start_date": "", "reminder_at": ""})),
            Ok(cleared)
        );
    }
}
