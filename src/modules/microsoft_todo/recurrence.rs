//! The recurrence of a task: flat arguments, Microsoft Graph's pattern and range, and words
//! (<https://learn.microsoft.com/graph/api/resources/recurrencepattern>).

use serde_json::{Map, Value, json};

use super::dates::{Clock, is_none};
use crate::engine::times::day;
use crate::error::Error;
use crate::json::Object;
use crate::time::Date;

const WEEKDAYS: [&str; 7] =
    ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];

/// The members of each type of pattern, besides its type and interval.
const PATTERNS: [(&str, &[&str]); 6] = [
    ("daily", &[]),
    ("weekly", &["daysOfWeek", "firstDayOfWeek"]),
    ("absoluteMonthly", &["dayOfMonth"]),
    ("relativeMonthly", &["daysOfWeek", "index"]),
    ("absoluteYearly", &["dayOfMonth", "month"]),
    ("relativeYearly", &["daysOfWeek", "index", "month"]),
];

/// Returns the recurrence in the flat arguments: null to remove it, `None` to leave it unchanged. It counts from `due`.
pub fn of(arguments: &Object, due: Option<Date>, clock: &Clock) -> Result<Option<Value>, Error> {
    let text = |name| arguments.get(name).and_then(Value::as_str);
    let more = arguments.keys().find(|name| name.starts_with("repeat_"));
    let repeat = match (text("repeat"), more) {
        (None, Some(name)) => {
            return Err(Error::invalid_params(format!("`{name}` needs `repeat`."))
                .with_hint("Give the whole recurrence."));
        }
        (None, None) => return Ok(None),
        (Some("none"), Some(name)) => {
            return Err(Error::invalid_params(format!(
                "`{name}` says how to repeat, `repeat` none to stop."
            ))
            .with_hint("Give one of them."));
        }
        (Some("none"), None) => return Ok(Some(Value::Null)),
        (Some(repeat), _) => repeat,
    };
    let first = due.ok_or_else(|| {
        Error::invalid_params("`repeat` needs `due_date`, the first day.").with_hint("Give both.")
    })?;
    let week = text("repeat_week");
    let monthly = matches!(repeat, "monthly" | "yearly");
    if week.is_some() && !monthly {
        return Err(Error::invalid_params(format!("`repeat_week` is not for {repeat}."))
            .with_hint("It is for monthly and yearly; for a weekday of every week, weekly with `repeat_days`."));
    }
    if arguments.contains_key("repeat_days") && repeat != "weekly" && week.is_none() {
        return Err(Error::invalid_params(format!(
            "`repeat_days` is not for {repeat} by the date."
        ))
        .with_hint("It is for weekly, or for monthly and yearly with `repeat_week`."));
    }
    let (_, month, day_of_month) = first.parts();
    let of_due = || vec![json!(WEEKDAYS[usize::try_from(first.weekday()).unwrap_or_default()])];
    let mut days: Vec<Value> = Vec::new();
    for day in arguments.get("repeat_days").and_then(Value::as_array).into_iter().flatten() {
        if !days.contains(day) {
            days.push(day.clone());
        }
    }
    let all = json!({
        "interval": arguments.get("repeat_every").cloned().unwrap_or_else(|| 1.into()),
        "daysOfWeek": if days.is_empty() { of_due() } else { days },
        "firstDayOfWeek": "sunday", "index": week, "dayOfMonth": day_of_month, "month": month,
    });
    let kind = match (repeat, week) {
        ("monthly", None) => "absoluteMonthly",
        ("monthly", Some(_)) => "relativeMonthly",
        ("yearly", None) => "absoluteYearly",
        ("yearly", Some(_)) => "relativeYearly",
        (other, _) => other,
    };
    Ok(Some(json!({"pattern": pattern(kind, &all), "range": range(arguments, first, clock)?})))
}

/// Returns the start and the end.
fn range(arguments: &Object, first: Date, clock: &Clock) -> Result<Value, Error> {
    let until = arguments.get("repeat_until").and_then(Value::as_str);
    let mut range = json!({"type": "noEnd", "startDate": first.to_string()});
    match (until, arguments.get("repeat_count")) {
        (Some(_), Some(_)) => {
            return Err(Error::invalid_params(
                "`repeat_until` and `repeat_count` exclude each other.",
            )
            .with_hint("Give one of them."));
        }
        (Some(until), None) => {
            let last = day("repeat_until", until)?;
            if last < first {
                return Err(Error::invalid_params(format!(
                    "`repeat_until` {last} is before the first day, {first}."
                ))
                .with_hint("Give the last day on which it may be due."));
            }
            range["type"] = "endDate".into();
            range["endDate"] = last.to_string().into();
        }
        (None, Some(count)) => {
            range["type"] = "numbered".into();
            range["numberOfOccurrences"] = count.clone();
        }
        (None, None) => {}
    }
    range["recurrenceTimeZone"] = clock.name().into();
    Ok(range)
}

/// Returns the members of a pattern of this type.
fn pattern(kind: &str, all: &Value) -> Value {
    let members =
        PATTERNS.iter().find(|(known, _)| *known == kind).map_or(&[][..], |(_, members)| members);
    let names = ["interval"].iter().chain(members);
    let has = |name: &&&str| all.get(**name).is_some_and(|value| !value.is_null());
    let mut pattern = Map::from_iter([("type".to_owned(), kind.into())]);
    pattern.extend(names.filter(has).map(|name| ((*name).to_owned(), all[*name].clone())));
    pattern.into()
}

/// Returns a recurrence that was read in the form for writing. Graph returns each pattern and range with the members of all
/// types, with year 1 and zeros for unused ones, and does not accept these. `None` if there is no recurrence.
pub fn rebuilt(recurrence: &Value, due: Option<Date>) -> Option<Value> {
    let (read, range) = (&recurrence["pattern"], &recurrence["range"]);
    let pattern = pattern(read["type"].as_str()?, read);
    let start =
        Some(&range["startDate"]).filter(|start| start.is_string() && !is_none(start)).cloned();
    let start = start.or_else(|| due.map(|due| due.to_string().into()))?;
    let mut rebuilt = json!({"type": "noEnd", "startDate": start});
    let kind = range["type"].as_str().unwrap_or_default();
    if kind == "endDate" && range["endDate"].is_string() && !is_none(&range["endDate"]) {
        rebuilt["type"] = kind.into();
        rebuilt["endDate"] = range["endDate"].clone();
    } else if kind == "numbered"
        && range["numberOfOccurrences"].as_u64().is_some_and(|count| count > 0)
    {
        rebuilt["type"] = kind.into();
        rebuilt["numberOfOccurrences"] = range["numberOfOccurrences"].clone();
    }
    if let Some(zone) = range["recurrenceTimeZone"].as_str().filter(|zone| !zone.is_empty()) {
        rebuilt["recurrenceTimeZone"] = zone.into();
    }
    Some(json!({"pattern": pattern, "range": rebuilt}))
}

/// Returns a recurrence in words: `every 2 weeks on monday, thursday from 2026-11-30 until 2026-12-31`.
pub fn words(value: &Value) -> Value {
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

    fn built(arguments: &Value) -> Result<Option<Value>, String> {
        let arguments = arguments.as_object().expect("the arguments are an object");
        let due = Date::read("2026-11-30");
        of(arguments, due, &Clock::utc()).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn a_recurrence_is_built_from_flat_arguments_read_as_words_and_rebuilt() {
        let check = |arguments: Value, pattern: Value, range: Value, said: &str| {
            let built = built(&arguments).expect("the arguments are good").expect("it recurs");
            assert_eq!(built, json!({"pattern": pattern, "range": range}), "{arguments}");
            assert_eq!(words(&built), said);
            // In the form that Graph returns: every member of every type.
            let mut read = built.clone();
            for (name, value) in [
                ("month", json!(0)),
                ("dayOfMonth", json!(0)),
                ("daysOfWeek", json!([])),
                ("firstDayOfWeek", json!("sunday")),
                ("index", json!("first")),
            ] {
                if read["pattern"].get(name).is_none() {
                    read["pattern"][name] = value;
                }
            }
            for (name, value) in
                [("endDate", json!("0001-01-01")), ("numberOfOccurrences", json!(0))]
            {
                if read["range"].get(name).is_none() {
                    read["range"][name] = value;
                }
            }
            assert_eq!(rebuilt(&read, None), Some(built), "{arguments}");
        };
        let endless =
            json!({"type": "noEnd", "startDate": "2026-11-30", "recurrenceTimeZone": "UTC"});
        check(
            json!({"repeat": "daily", "repeat_every": 3}),
            json!({"type": "daily", "interval": 3}),
            endless.clone(),
            "every 3 days from 2026-11-30",
        );
        check(
            json!({"repeat": "weekly", "repeat_count": 4}),
            json!({"type": "weekly", "interval": 1, "daysOfWeek": ["monday"], "firstDayOfWeek": "sunday"}),
            json!({"type": "numbered", "startDate": "2026-11-30", "numberOfOccurrences": 4, "recurrenceTimeZone": "UTC"}),
            "every week on monday from 2026-11-30, 4 times",
        );
        check(
            json!({"repeat": "weekly", "repeat_days": ["friday", "monday", "friday"], "repeat_until": "2026-12-31"}),
            json!({"type": "weekly", "interval": 1, "daysOfWeek": ["friday", "monday"], "firstDayOfWeek": "sunday"}),
            json!({"type": "endDate", "startDate": "2026-11-30", "endDate": "2026-12-31", "recurrenceTimeZone": "UTC"}),
            "every week on friday, monday from 2026-11-30 until 2026-12-31",
        );
        check(
            json!({"repeat": "monthly"}),
            json!({"type": "absoluteMonthly", "interval": 1, "dayOfMonth": 30}),
            endless.clone(),
            "every month on day 30 from 2026-11-30",
        );
        check(
            json!({"repeat": "monthly", "repeat_week": "last", "repeat_days": ["friday"]}),
            json!({"type": "relativeMonthly", "interval": 1, "daysOfWeek": ["friday"], "index": "last"}),
            endless.clone(),
            "every month on the last friday from 2026-11-30",
        );
        check(
            json!({"repeat": "yearly"}),
            json!({"type": "absoluteYearly", "interval": 1, "dayOfMonth": 30, "month": 11}),
            endless.clone(),
            "every year on day 30 of month 11 from 2026-11-30",
        );
        check(
            json!({"repeat": "yearly", "repeat_week": "last"}),
            json!({"type": "relativeYearly", "interval": 1, "daysOfWeek": ["monday"], "index": "last", "month": 11}),
            endless,
            "every year on the last monday of month 11 from 2026-11-30",
        );
    }

    #[test]
    fn every_argument_is_used_or_refused_by_name() {
        let check = |arguments: Value, named: &str| {
            let message = built(&arguments).expect_err("the arguments are wrong");
            assert!(message.contains(named), "{arguments}: {message}");
        };
        check(json!({"repeat_every": 2}), "`repeat_every` needs `repeat`");
        check(json!({"repeat": "none", "repeat_every": 2}), "`repeat_every`");
        check(json!({"repeat": "daily", "repeat_days": ["monday"]}), "`repeat_days`");
        check(json!({"repeat": "monthly", "repeat_days": ["monday"]}), "`repeat_days`");
        check(json!({"repeat": "yearly", "repeat_days": ["monday"]}), "`repeat_days`");
        check(json!({"repeat": "daily", "repeat_week": "first"}), "`repeat_week`");
        check(json!({"repeat": "weekly", "repeat_week": "first"}), "`repeat_week`");
        check(
            json!({"repeat": "daily", "repeat_until": "2026-12-31", "repeat_count": 2}),
            "`repeat_count`",
        );
        check(json!({"repeat": "daily", "repeat_until": "x"}), "`repeat_until`");
        check(json!({"repeat": "daily", "repeat_until": "2026-02-30"}), "`repeat_until`");
        check(json!({"repeat": "daily", "repeat_until": "2026-11-29"}), "before the first day");
        let arguments = json!({"repeat": "daily"});
        let without = of(arguments.as_object().expect("it is an object"), None, &Clock::utc());
        assert!(without.is_err_and(|error| error.message().contains("`due_date`")));
        assert_eq!(built(&json!({"repeat": "none"})), Ok(Some(Value::Null)));
        assert_eq!(built(&json!({})), Ok(None));
    }

    #[test]
    fn a_recurrence_without_a_first_day_begins_when_the_task_is_due() {
        let read = json!({"pattern": {"type": "daily", "interval": 1}, "range": {"type": "endDate", "startDate": "0001-01-01", "endDate": "0001-01-01"}});
        let expected = json!({"pattern": {"type": "daily", "interval": 1}, "range": {"type": "noEnd", "startDate": "2026-11-30"}});
        assert_eq!(rebuilt(&read, Date::read("2026-11-30")), Some(expected));
        assert_eq!(rebuilt(&read, None), None);
        assert_eq!(rebuilt(&Value::Null, Date::read("2026-11-30")), None);
    }
}
