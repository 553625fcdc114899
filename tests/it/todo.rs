//! Microsoft To Do tools beyond their cases: zones, recurrences, many tasks at once.

use serde_json::{Value, json};

use crate::calendar::check_tool;
use crate::fake_upstream::{Answer, Exchange};

#[track_caller]
fn check(
    tool: &str,
    arguments: &Value,
    exchanges: impl IntoIterator<Item = Exchange>,
    expected: Result<Value, &str>,
) {
    check_tool("microsoft_todo", tool, arguments, exchanges, expected);
}

fn exchange(method: &str, target: &str, status: u16, answer: &Value) -> Exchange {
    Exchange::new(method, target, Answer::new(status, &[], answer.to_string()))
}

const TASKS: &str = "/me/todo/lists/l/tasks";
const ZONE: &str = "/me/mailboxSettings/timeZone";

#[test]
fn a_reminder_is_meant_in_the_zone_of_the_mailbox() {
    let created = |time: &str, zone: &str| {
        let body = json!({
            "title": "T", "isReminderOn": true, "dueDateTime": {"dateTime": "2026-12-01T00:00:00", "timeZone": zone},
            "reminderDateTime": {"dateTime": time, "timeZone": zone},
        });
        exchange("POST", TASKS, 201, &json!({"id": "t"})).with_body(body)
    };
    let arguments = json!({"list_id": "l", "title": "T", "due_date": "2026-12-01", "reminder_at": "2026-12-01T08:30"});
    let mailbox = |zone: &str| exchange("GET", ZONE, 200, &json!({"value": zone}));
    check(
        "create_task",
        &arguments,
        [mailbox("New Zealand Standard Time"), created("2026-12-01T08:30:00", "Pacific/Auckland")],
        Ok(json!({"id": "t"})),
    );
    check(
        "create_task",
        &arguments,
        [mailbox("Europe/Zurich"), created("2026-12-01T08:30:00", "W. Europe Standard Time")],
        Ok(json!({"id": "t"})),
    );
    // Without the permission to read it, and with an unknown zone.
    for answer in [exchange("GET", ZONE, 403, &json!({})), mailbox("Customized Time Zone")] {
        check(
            "create_task",
            &arguments,
            [answer, created("2026-12-01T08:30:00", "UTC")],
            Ok(json!({"id": "t"})),
        );
    }
    // A day is the same everywhere, and a time with an offset, too.
    let body = json!({
        "dueDateTime": {"dateTime": "2026-12-01T00:00:00", "timeZone": "UTC"}, "isReminderOn": true,
        "reminderDateTime": {"dateTime": "2026-11-30T19:30:00", "timeZone": "UTC"},
    });
    check(
        "update_task",
        &json!({"list_id": "l", "task_id": "t", "due_date": "2026-12-01", "reminder_at": "2026-12-01T08:30+13:00"}),
        [exchange("PATCH", "/me/todo/lists/l/tasks/t", 200, &json!({"id": "t"})).with_body(body)],
        Ok(json!({"id": "t"})),
    );
}

#[test]
fn a_day_beyond_twelve_hours_east_is_the_one_that_was_set() {
    let due = |time: &str| json!({"id": "t", "title": "T", "dueDateTime": {"dateTime": time, "timeZone": "UTC"}});
    let read = |task: Value| {
        exchange(
            "GET",
            "/me/todo/lists/l/tasks/t?%24expand=checklistItems%2ClinkedResources",
            200,
            &task,
        )
    };
    for (time, day, moment) in [
        ("2026-11-24T11:00:00.0000000", "2026-11-25", "2026-11-24T11:00:00Z"),
        ("2026-11-24T10:15:00.0000000", "2026-11-25", "2026-11-24T10:15:00Z"),
        ("2026-11-25T10:00:00.0000000", "2026-11-25", "2026-11-25T10:00:00Z"),
    ] {
        check(
            "get_task",
            &json!({"list_id": "l", "task_id": "t"}),
            [read(due(time))],
            Ok(json!({"id": "t", "title": "T", "due_date": day, "due_at": moment})),
        );
    }
    let lists = exchange("GET", "/me/todo/lists/l", 200, &json!({"id": "l", "displayName": "L"}));
    let tasks = exchange(
        "GET",
        "/me/todo/lists/l/tasks?%24top=100&%24expand=checklistItems&%24filter=status%20ne%20%27completed%27",
        200,
        &json!({"value": [due("2026-11-24T11:00:00.0000000"), due("2026-11-23T11:00:00.0000000")]}),
    );
    check(
        "search_tasks",
        &json!({"list_id": "l", "due_from": "2026-11-25", "due_to": "2026-11-25"}),
        [lists, tasks],
        Ok(json!({
            "items": [{
                "list_id": "l", "list": "L", "id": "t", "title": "T", "status": null, "importance": null, "due_date": "2026-11-25",
                "start_date": null, "reminder_at": null, "recurrence": null, "categories": null, "checklist": null,
                "has_attachments": null, "body": null, "updated_at": null, "completed_at": null,
            }],
            "incomplete_results": false,
        })),
    );
}

#[test]
fn arguments_that_do_not_fit_are_refused_before_anything_is_sent() {
    for (arguments, part) in [
        (json!({"due_date": "2026-02-30"}), "`due_date`"),
        (json!({"start_date": "2026-11-30T00:00:00"}), "`start_date`"),
        (json!({"reminder_at": "2026-11-30T08:00+25:00"}), "`reminder_at`"),
        (json!({"due_date": "2026-12-01", "time_zone": "Narnia Standard Time"}), "Narnia"),
        (json!({"time_zone": "Europe/Berlin"}), "`time_zone`"),
        (
            json!({"due_date": "2026-12-01", "repeat": "daily", "repeat_until": "2026-11-30"}),
            "before the first day",
        ),
        (
            json!({"due_date": "2026-12-01", "repeat": "daily", "repeat_days": ["monday"]}),
            "`repeat_days`",
        ),
        (
            json!({"due_date": "2026-12-01", "repeat": "weekly", "repeat_week": "last"}),
            "`repeat_week`",
        ),
        (json!({"due_date": "2026-12-01", "repeat_count": 3}), "`repeat_count`"),
    ] {
        let mut all = json!({"list_id": "l", "title": "T"});
        all.as_object_mut()
            .expect("it is an object")
            .extend(arguments.as_object().cloned().expect("it is an object"));
        check("create_task", &all, [], Err(part));
        all["task_id"] = "t".into();
        check("update_task", &all, [], Err(part));
    }
    check(
        "update_task",
        &json!({"list_id": "l", "task_id": "t"}),
        [],
        Err("There is nothing to change"),
    );
    check("search_tasks", &json!({"due_from": "2026-11-31"}), [], Err("`due_from`"));
    check("complete_tasks", &json!({"list_id": "l", "task_ids": []}), [], Err("`task_ids`"));
}

#[test]
fn a_recurrence_counts_from_the_day_that_the_task_has() {
    let task = json!({"id": "t", "dueDateTime": {"dateTime": "2026-11-29T11:00:00.0000000", "timeZone": "UTC"}});
    let body = json!({"recurrence": {
        "pattern": {"type": "absoluteMonthly", "interval": 1, "dayOfMonth": 30},
        "range": {"type": "noEnd", "startDate": "2026-11-30", "recurrenceTimeZone": "UTC"},
    }});
    let arguments = json!({"list_id": "l", "task_id": "t", "repeat": "monthly"});
    let path = "/me/todo/lists/l/tasks/t";
    check(
        "update_task",
        &arguments,
        [
            exchange("GET", path, 200, &task),
            exchange("PATCH", path, 200, &json!({"id": "t"})).with_body(body),
        ],
        Ok(json!({"id": "t"})),
    );
    check(
        "update_task",
        &arguments,
        [exchange("GET", path, 200, &json!({"id": "t"}))],
        Err("`due_date`"),
    );
}

#[test]
fn tasks_that_cannot_be_completed_do_not_keep_the_others() {
    let patch = |id: &str, status: u16, answer: Value| {
        exchange("PATCH", &format!("{TASKS}/{id}"), status, &answer)
            .with_body(json!({"status": "completed"}))
    };
    let task = |id: &str| json!({"id": id, "title": "T", "completedDateTime": {"dateTime": "2026-11-30T00:00:00.0000000", "timeZone": "UTC"}});
    let row = |id: &str| json!({"id": id, "title": "T", "completed_at": "2026-11-30T00:00:00Z"});
    let arguments = |ids: &[&str]| json!({"list_id": "l", "task_ids": ids});
    check(
        "complete_tasks",
        &arguments(&["a", "b", "a"]),
        [patch("a", 200, task("a")), patch("b", 200, task("b"))],
        Ok(json!({"items": [row("a"), row("b")]})),
    );
    check(
        "complete_tasks",
        &arguments(&["a", "b", "c"]),
        [patch("a", 404, json!({})), patch("b", 200, task("b")), patch("c", 200, task("c"))],
        Ok(
            json!({"items": [row("b"), row("c")], "failed": [{"id": "a", "reason": "Microsoft To Do did not find this (404)."}]}),
        ),
    );
    // An error that would affect the other tasks too ends the call.
    check(
        "complete_tasks",
        &arguments(&["a", "b"]),
        [patch("a", 403, json!({}))],
        Err("Microsoft To Do"),
    );
}
