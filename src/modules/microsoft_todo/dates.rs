//! Converts days, moments and zones between Microsoft Graph's form and ours.

use serde_json::{Value, json};

use super::text;
use crate::engine::Session;
use crate::engine::times::zone;
use crate::error::{Code, Error};
use crate::json::Object;
use crate::time::{DAY, Date, Moment, Resolved, Zone};

/// The latest time after midnight UTC that still means a day, in seconds: midnight in Hawaii.
const LATEST_MIDNIGHT: i64 = 10 * 3_600;

/// The zone of dates and times without an offset.
pub struct Clock {
    /// The name for Microsoft Graph.
    name: &'static str,
    zone: Zone,
}

impl Clock {
    /// Coordinated Universal Time.
    pub fn utc() -> Self {
        Self { name: "UTC", zone: Zone::utc() }
    }

    /// Returns the zone in an argument.
    pub fn named(name: &str) -> Result<Self, Error> {
        zone(name).map(Self::of)
    }

    /// Returns the zone of the user's mailbox; UTC if the credential may not read it.
    pub fn of_mailbox(session: &Session<'_>) -> Result<Self, Error> {
        match session.get(&["me", "mailboxSettings", "timeZone"], &[]) {
            Ok(setting) => {
                Ok(setting["value"].as_str().and_then(Zone::named).map_or_else(Self::utc, Self::of))
            }
            Err(error) if matches!(error.code(), Code::PermissionDenied | Code::NotFound) => {
                Ok(Self::utc())
            }
            Err(error) => Err(error),
        }
    }

    /// Microsoft Graph accepts Windows names, and IANA names that correspond to a Windows name
    /// (<https://learn.microsoft.com/graph/api/resources/datetimetimezone>).
    fn of(zone: Zone) -> Self {
        let iana = zone.is_first_of_windows_name() || zone.windows_name().is_none();
        let name = if iana { zone.name() } else { zone.windows_name().unwrap_or(zone.name()) };
        Self { name, zone }
    }

    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Returns a day in Graph's form: its midnight.
    pub fn midnight(&self, day: Date) -> Value {
        json!({"dateTime": format!("{day}T00:00:00"), "timeZone": self.name})
    }

    /// Returns a moment in Graph's form; in UTC if it has an offset, or if the clocks show it twice.
    ///
    /// # Errors
    ///
    /// If it is a day, or if the zone's clocks never show it.
    pub fn moment(&self, name: &str, moment: Moment) -> Result<Value, Error> {
        let utc = |seconds: i64| {
            let time = Moment::utc(seconds).to_string();
            json!({"dateTime": time.trim_end_matches('Z'), "timeZone": "UTC"})
        };
        match moment {
            Moment::Instant { seconds, .. } => Ok(utc(seconds)),
            Moment::Local(local) => match self.zone.resolve(local) {
                Resolved::Once(_) => {
                    Ok(json!({"dateTime": moment.to_string(), "timeZone": self.name}))
                }
                Resolved::Twice(first, _) => Ok(utc(first)),
                Resolved::Never(before, after) => Err(Error::invalid_params(format!(
                    "`{name}` does not exist: clocks in {} are set forward over {moment}.",
                    self.zone.name()
                ))
                .with_hint(format!(
                    "Give {} or {}.",
                    self.zone.moment(before),
                    self.zone.moment(after)
                ))),
            },
            Moment::Day(_) => Err(Error::invalid_params(format!(
                "`{name}` must be a time written YYYY-MM-DDTHH:MM, not `{moment}`."
            ))
            .with_hint("For example 2026-11-30T08:30, with its zone in `time_zone`.")),
        }
    }
}

/// Returns the day of a task's date.
///
/// To Do stores a date as midnight in the zone in which it was set, and returns it in UTC without that zone. A time up to ten
/// o'clock is midnight at a place to the west, a later one midnight at a place to the east, on the next day there. This is
/// correct from UTC-10 to UTC+13:45, and wrong only in Niue and American Samoa (UTC-11) and on the Line Islands (UTC+14).
pub fn date(value: &Value) -> Value {
    let Some(text) = value["dateTime"].as_str() else { return Value::Null };
    match Moment::read(text) {
        Some(Moment::Local(seconds) | Moment::Instant { seconds, .. })
            if matches!(value["timeZone"].as_str(), Some("UTC") | None) =>
        {
            Date::from_days((seconds + DAY - 1 - LATEST_MIDNIGHT).div_euclid(DAY))
                .to_string()
                .into()
        }
        _ => text.split('T').next().into(),
    }
}

/// Returns a moment in whole seconds: `2026-11-30T08:00:00Z`, or followed by its zone's name.
pub fn time(value: &Value) -> Value {
    if let Some(text) = value.as_str() {
        return Moment::read(text)
            .map_or_else(|| value.clone(), |moment| moment.to_string().into());
    }
    let Some(text) = value["dateTime"].as_str() else { return Value::Null };
    let text = text.split('.').next().unwrap_or(text);
    match value["timeZone"].as_str() {
        Some("UTC") => format!("{}Z", text.trim_end_matches('Z')).into(),
        Some(zone) => format!("{text} {zone}").into(),
        None => text.into(),
    }
}

/// Returns the time of a task's reminder if it is on: Graph keeps the time when the reminder is switched off.
pub fn reminder(task: &Value) -> Value {
    if task["isReminderOn"] == true { time(&task["reminderDateTime"]) } else { Value::Null }
}

/// Returns whether Graph's date means "no date": its year is 1.
pub fn is_none(date: &Value) -> bool {
    let text = date["dateTime"].as_str().or(date.as_str());
    text.is_some_and(|text| text.starts_with("0001-"))
}

/// Returns an argument's text, if there is any: an empty text clears the value.
pub fn given<'a>(arguments: &'a Object, name: &str) -> Option<&'a str> {
    Some(text(arguments, name)).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_the_midnight_that_it_stands_for() {
        let check = |time: &str, zone: &str, expected: &str| {
            assert_eq!(
                date(&json!({"dateTime": time, "timeZone": zone})),
                expected,
                "{time} {zone}"
            );
        };
        check("2026-11-30T00:00:00.0000000", "UTC", "2026-11-30");
        // Berlin, Tokyo, Auckland in winter and in summer, the Chatham Islands in both.
        check("2026-11-29T23:00:00.0000000", "UTC", "2026-11-30");
        check("2026-11-29T15:00:00.0000000", "UTC", "2026-11-30");
        check("2026-07-14T12:00:00.0000000", "UTC", "2026-07-15");
        check("2026-11-24T11:00:00.0000000", "UTC", "2026-11-25");
        check("2026-07-14T11:15:00.0000000", "UTC", "2026-07-15");
        check("2026-11-24T10:15:00.0000000", "UTC", "2026-11-25");
        // New York, the Marquesas, Hawaii.
        check("2026-11-30T05:00:00.0000000", "UTC", "2026-11-30");
        check("2026-11-30T09:30:00.0000000", "UTC", "2026-11-30");
        check("2026-11-30T10:00:00.0000000", "UTC", "2026-11-30");
        check("2026-12-31T11:00:00.0000000", "UTC", "2027-01-01");
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
        assert_eq!(time(&json!("2026-11-30T08:00:00.1234567Z")), "2026-11-30T08:00:00Z");
        assert_eq!(time(&json!("2026-11-30T08:00:00Z")), "2026-11-30T08:00:00Z");
        let tokyo =
            json!({"dateTime": "2026-11-30T08:00:00.0000000", "timeZone": "Tokyo Standard Time"});
        assert_eq!(time(&tokyo), "2026-11-30T08:00:00 Tokyo Standard Time");
        assert_eq!(
            reminder(&json!({"isReminderOn": false, "reminderDateTime": tokyo})),
            Value::Null
        );
    }

    #[test]
    fn zones_go_out_by_names_that_graph_knows() {
        let check = |given: &str, sent: &str| {
            assert_eq!(Clock::named(given).expect("it is known").name(), sent);
        };
        check("Europe/Berlin", "Europe/Berlin");
        check("Europe/Zurich", "W. Europe Standard Time");
        check("asia/calcutta", "Asia/Calcutta");
        check("Asia/Kolkata", "India Standard Time");
        check("W. Europe Standard Time", "Europe/Berlin");
        check("UTC", "UTC");
        assert!(
            Clock::named("Auckland")
                .is_err_and(|error| error.hint() == Some("Did you mean Pacific/Auckland?"))
        );
    }

    #[test]
    fn a_reminder_is_at_a_time_that_exists() {
        let check = |text: &str, expected: Result<(&str, &str), &str>| {
            let berlin = Clock::named("Europe/Berlin").expect("it is known");
            let moment = Moment::read(text).expect("it is a moment");
            let time = berlin.moment("reminder_at", moment).map_err(|error| error.to_string());
            match expected {
                Ok((time_of, zone)) => {
                    assert_eq!(time, Ok(json!({"dateTime": time_of, "timeZone": zone})));
                }
                Err(part) => assert!(time.is_err_and(|error| error.contains(part)), "{text}"),
            }
        };
        check("2026-11-30T08:30", Ok(("2026-11-30T08:30:00", "Europe/Berlin")));
        check("2026-11-30T08:30+09:00", Ok(("2026-11-29T23:30:00", "UTC")));
        check("2026-10-25T02:30", Ok(("2026-10-25T00:30:00", "UTC")));
        check("2026-03-29T02:30", Err("2026-03-29T03:30:00+02:00"));
        check("2026-11-30", Err("YYYY-MM-DDTHH:MM"));
    }
}
