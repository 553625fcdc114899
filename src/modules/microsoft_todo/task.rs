//! A task's dates, reminder and recurrence, between Microsoft Graph's nested form and flat arguments.

use serde_json::{Map, Value, json};

use crate::engine::dates::{date_of, days_of, local_seconds_of, weekday_of};
use crate::error::Error;

const WEEKDAYS: [&str; 7] =
    ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];

/// A task as Microsoft Graph wants it, of the arguments that are there.
pub fn task_of(arguments: &Map<String, Value>) -> Result<Map<String, Value>, Error> {
    let zone = arguments.get("time_zone").and_then(Value::as_str).unwrap_or("UTC");
    let mut task = Map::new();
    for name in ["title", "status", "importance", "categories"] {
        task.extend(arguments.get(name).map(|value| (name.to_owned(), value.clone())));
    }
    if let Some(body) = arguments.get("body") {
        task.insert("body".to_owned(), json!({"content": body, "contentType": "text"}));
    }
    for (name, member) in [("due_date", "dueDateTime"), ("start_date", "startDateTime")] {
        let value = match arguments.get(name).and_then(Value::as_str) {
            None => continue,
            Some("") => Value::Null,
            Some(date) => day(name, date).map(
                |day| json!({"dateTime": format!("{}T00:00:00", date_of(day)), "timeZone": zone}),
            )?,
        };
        task.insert(member.to_owned(), value);
    }
    if let Some(time) = arguments.get("reminder_at").and_then(Value::as_str) {
        let reminder = if time.is_empty() {
            Value::Null
        } else {
            json!({"dateTime": local_time("reminder_at", time)?, "timeZone": zone})
        };
        task.insert("isReminderOn".to_owned(), (!reminder.is_null()).into());
        task.insert("reminderDateTime".to_owned(), reminder);
    }
    if let Some(recurrence) = recurrence_of(arguments, zone)? {
        task.insert("recurrence".to_owned(), recurrence);
    }
    Ok(task)
}

/// The recurrence that the flat arguments describe: null to end it, none to leave it as it is.
fn recurrence_of(arguments: &Map<String, Value>, zone: &str) -> Result<Option<Value>, Error> {
    let Some(repeat) = arguments.get("repeat").and_then(Value::as_str) else {
        return match arguments.keys().find(|name| name.starts_with("repeat_")) {
            Some(name) => Err(Error::invalid_params(format!("`{name}` needs `repeat`."))
                .with_hint("Give the whole recurrence.")),
            None => Ok(None),
        };
    };
    if repeat == "none" {
        return Ok(Some(Value::Null));
    }
    let first = arguments.get("due_date").and_then(Value::as_str).filter(|date| !date.is_empty());
    let first = first.ok_or_else(|| {
        Error::invalid_params("`repeat` needs `due_date`, the first day.").with_hint("Give both.")
    })?;
    let first_day = day("due_date", first)?;
    let first = date_of(first_day);
    let (month, day_of_month) =
        (first[5..7].parse::<u8>().unwrap_or(1), first[8..].parse::<u8>().unwrap_or(1));

    let interval = arguments.get("repeat_every").cloned().unwrap_or_else(|| 1.into());
    let mut pattern = json!({"type": repeat, "interval": interval});
    let days = arguments
        .get("repeat_days")
        .cloned()
        .unwrap_or_else(|| json!([WEEKDAYS[weekday_of(first_day)]]));
    match (repeat, arguments.get("repeat_week")) {
        ("daily", _) => {}
        ("weekly", _) => {
            pattern["daysOfWeek"] = days;
            pattern["firstDayOfWeek"] = "sunday".into();
        }
        (_, week) => {
            let kind = match (repeat, week) {
                ("monthly", None) => "absoluteMonthly",
                ("monthly", Some(_)) => "relativeMonthly",
                (_, None) => "absoluteYearly",
                (_, Some(_)) => "relativeYearly",
            };
            pattern["type"] = kind.into();
            match week {
                Some(week) => {
                    pattern["daysOfWeek"] = days;
                    pattern["index"] = week.clone();
                }
                None => pattern["dayOfMonth"] = day_of_month.into(),
            }
            if repeat == "yearly" {
                pattern["month"] = month.into();
            }
        }
    }
    let mut range = json!({"type": "noEnd", "startDate": first});
    match (arguments.get("repeat_until").and_then(Value::as_str), arguments.get("repeat_count")) {
        (Some(_), Some(_)) => {
            return Err(Error::invalid_params(
                "`repeat_until` and `repeat_count` exclude each other.",
            )
            .with_hint("Give one of them."));
        }
        (Some(until), None) => {
            range["type"] = "endDate".into();
            range["endDate"] = date_of(day("repeat_until", until)?).into();
        }
        (None, Some(count)) => {
            range["type"] = "numbered".into();
            range["numberOfOccurrences"] = count.clone();
        }
        (None, None) => {}
    }
    range["recurrenceTimeZone"] = zone.into();
    Ok(Some(json!({"pattern": pattern, "range": range})))
}

pub fn day(name: &str, date: &str) -> Result<i64, Error> {
    days_of(date).ok_or_else(|| {
        Error::invalid_params(format!("`{name}` must be a date written YYYY-MM-DD, not `{date}`."))
            .with_hint("For example 2026-11-30.")
    })
}

/// A time without an offset, with seconds.
fn local_time(name: &str, time: &str) -> Result<String, Error> {
    let wrong = || {
        Error::invalid_params(format!(
            "`{name}` must be a local time written YYYY-MM-DDTHH:MM, not `{time}`."
        ))
        .with_hint("For example 2026-11-30T08:30, with its zone in `time_zone`.")
    };
    local_seconds_of(time).ok_or_else(wrong)?;
    Ok(if time.len() == "2026-11-30T08:30".len() { format!("{time}:00") } else { time.to_owned() })
}

/// What is returned of a created or changed task.
pub fn brief(task: &Value) -> Value {
    let mut brief = json!({
        "id": task["id"], "title": task["title"], "status": task["status"], "due_date": date(&task["dueDateTime"]),
        "reminder_at": reminder(task), "recurrence": recurrence(&task["recurrence"]), "updated_at": time(&task["lastModifiedDateTime"]),
    });
    if let Some(members) = brief.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    brief
}

/// The day that a date of a task means.
///
/// To Do keeps a date as midnight of the user's own zone and tells it in UTC, which may be the evening before. The
/// nearest midnight is the day meant in every zone from UTC-11:59 to UTC+12.
pub fn date(value: &Value) -> Value {
    let Some(text) = value["dateTime"].as_str() else { return Value::Null };
    match local_seconds_of(text) {
        Some(seconds) if value["timeZone"] == "UTC" => {
            date_of((seconds + 43_200).div_euclid(86_400)).into()
        }
        _ => text.split('T').next().into(),
    }
}

/// A moment in whole seconds: `2026-11-30T08:00:00Z`, or with its zone's name behind it.
pub fn time(value: &Value) -> Value {
    if let Some(text) = value.as_str() {
        return text
            .split_once('.')
            .map_or_else(|| value.clone(), |(seconds, _)| format!("{seconds}Z").into());
    }
    let Some(text) = value["dateTime"].as_str() else { return Value::Null };
    let text = text.split('.').next().unwrap_or(text);
    match value["timeZone"].as_str() {
        Some("UTC") => format!("{text}Z").into(),
        Some(zone) => format!("{text} {zone}").into(),
        None => text.into(),
    }
}

/// When a task reminds, if it does: the time stays when the reminder is switched off.
pub fn reminder(task: &Value) -> Value {
    if task["isReminderOn"] == true { time(&task["reminderDateTime"]) } else { Value::Null }
}

/// A recurrence in words: `every 2 weeks on monday, thursday from 2026-11-30 until 2026-12-31`.
pub fn recurrence(value: &Value) -> Value {
    let (pattern, range) = (&value["pattern"], &value["range"]);
    let Some(kind) = pattern["type"].as_str() else { return Value::Null };
    let unit = match kind {
        "daily" => "day",
        "weekly" => "week",
        "absoluteMonthly" | "relativeMonthly" => "month",
        _ => "year",
    };
    let every = match pattern["interval"].as_u64() {
        None | Some(1) => format!("every {unit}"),
        Some(interval) => format!("every {interval} {unit}s"),
    };
    let days: Vec<&str> =
        pattern["daysOfWeek"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let (days, index) = (days.join(", "), pattern["index"].as_str().unwrap_or_default());
    let (day, month) = (&pattern["dayOfMonth"], &pattern["month"]);
    let on = match kind {
        "weekly" => format!(" on {days}"),
        "absoluteMonthly" => format!(" on day {day}"),
        "relativeMonthly" => format!(" on the {index} {days}"),
        "absoluteYearly" => format!(" on day {day} of month {month}"),
        "relativeYearly" => format!(" on the {index} {days} of month {month}"),
        _ => String::new(),
    };
    let from =
        range["startDate"].as_str().map_or_else(String::new, |start| format!(" from {start}"));
    let end = match (range["type"].as_str(), range["endDate"].as_str()) {
        (Some("endDate"), Some(end)) => format!(" until {end}"),
        (Some("numbered"), _) => format!(", {} times", range["numberOfOccurrences"]),
        _ => String::new(),
    };
    [every, on, from, end].concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(arguments: Value) -> Result<Value, String> {
        let arguments = arguments.as_object().expect("the arguments are an object");
        task_of(arguments).map(Value::from).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn a_date_is_the_nearest_midnight() {
        let check = |time: &str, zone: &str, expected: &str| {
            assert_eq!(
                date(&json!({"dateTime": time, "timeZone": zone})),
                expected,
                "{time} {zone}"
            );
        };
        check("2026-11-30T00:00:00.0000000", "UTC", "2026-11-30");
        check("2026-11-29T23:00:00.0000000", "UTC", "2026-11-30");
        check("2026-11-29T12:00:00.0000000", "UTC", "2026-11-30");
        check("2026-11-30T11:00:00.0000000", "UTC", "2026-11-30");
        check("2026-11-30T00:00:00.0000000", "Tokyo Standard Time", "2026-11-30");
        check("soon", "UTC", "soon");
        assert_eq!(date(&Value::Null), Value::Null);
    }

    #[test]
    fn a_moment_says_its_zone() {
        assert_eq!(
            time(&json!({"dateTime": "2026-11-30T08:00:00.0000000", "timeZone": "UTC"})),
            "2026-11-30T08:00:00Z"
        );
        let tokyo =
            json!({"dateTime": "2026-11-30T08:00:00.0000000", "timeZone": "Tokyo Standard Time"});
        assert_eq!(time(&tokyo), "2026-11-30T08:00:00 Tokyo Standard Time");
        assert_eq!(
            reminder(&json!({"isReminderOn": false, "reminderDateTime": tokyo})),
            Value::Null
        );
    }

    #[test]
    fn a_recurrence_is_built_from_flat_arguments_and_read_as_words() {
        let check = |arguments: Value, pattern: Value, range: Value, words: &str| {
            let task = built(arguments.clone()).expect("the arguments are good");
            assert_eq!(
                task["recurrence"],
                json!({"pattern": pattern, "range": range}),
                "{arguments}"
            );
            assert_eq!(recurrence(&task["recurrence"]), words);
        };
        let endless =
            json!({"type": "noEnd", "startDate": "2026-11-30", "recurrenceTimeZone": "UTC"});
        check(
            json!({"due_date": "2026-11-30", "repeat": "daily", "repeat_every": 3}),
            json!({"type": "daily", "interval": 3}),
            endless.clone(),
            "every 3 days from 2026-11-30",
        );
        check(
            json!({"due_date": "2026-11-30", "repeat": "weekly", "repeat_count": 4}),
            json!({"type": "weekly", "interval": 1, "daysOfWeek": ["monday"], "firstDayOfWeek": "sunday"}),
            json!({"type": "numbered", "startDate": "2026-11-30", "numberOfOccurrences": 4, "recurrenceTimeZone": "UTC"}),
            "every week on monday from 2026-11-30, 4 times",
        );
        check(
            json!({"due_date": "2026-11-30", "repeat": "monthly"}),
            json!({"type": "absoluteMonthly", "interval": 1, "dayOfMonth": 30}),
            endless.clone(),
            "every month on day 30 from 2026-11-30",
        );
        check(
            json!({"due_date": "2026-11-30", "repeat": "monthly", "repeat_week": "last", "repeat_days": ["friday"]}),
            json!({"type": "relativeMonthly", "interval": 1, "daysOfWeek": ["friday"], "index": "last"}),
            endless.clone(),
            "every month on the last friday from 2026-11-30",
        );
        check(
            json!({"due_date": "2026-11-30", "repeat": "yearly"}),
            json!({"type": "absoluteYearly", "interval": 1, "dayOfMonth": 30, "month": 11}),
            endless.clone(),
            "every year on day 30 of month 11 from 2026-11-30",
        );
        check(
            json!({"due_date": "2026-11-30", "repeat": "yearly", "repeat_week": "last"}),
            json!({"type": "relativeYearly", "interval": 1, "daysOfWeek": ["monday"], "index": "last", "month": 11}),
            endless,
            "every year on the last monday of month 11 from 2026-11-30",
        );
    }

    #[test]
    fn arguments_that_make_no_task_are_refused_by_name() {
        let check = |arguments: Value, named: &str| {
            let message = built(arguments.clone()).expect_err("the arguments are wrong");
            assert!(message.contains(named), "{arguments}: {message}");
        };
        check(json!({"due_date": "tomorrow"}), "`due_date`");
        check(json!({"start_date": "2026-02-30"}), "`start_date`");
        check(json!({"reminder_at": "2026-11-30T08:30:00Z"}), "`reminder_at`");
        check(json!({"repeat": "daily"}), "`due_date`");
        check(json!({"repeat": "daily", "due_date": ""}), "`due_date`");
        check(
            json!({"repeat_every": 2, "due_date": "2026-11-30"}),
            "`repeat_every` needs `repeat`",
        );
        check(
            json!({"repeat": "daily", "due_date": "2026-11-30", "repeat_until": "2026-12-31", "repeat_count": 2}),
            "`repeat_count`",
        );
        check(
            json!({"repeat": "daily", "due_date": "2026-11-30", "repeat_until": "x"}),
            "`repeat_until`",
        );
    }

    #[test]
    fn an_empty_date_clears_it() {
        let cleared = json!({"dueDateTime": null, "startDateTime": null, "isReminderOn": false, "reminderDateTime": null});
        assert_eq!(
            built(json!({"due_date": "", "start_date": "", "reminder_at": ""})),
            Ok(cleared)
        );
        assert_eq!(built(json!({"time_zone": "Europe/Berlin"})), Ok(json!({})));
    }
}
