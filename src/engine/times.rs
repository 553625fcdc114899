//! Dates, times and time zones as arguments: what is wrong with them, and what would be right.

use serde_json::Value;

use crate::error::Error;
use crate::time::{Date, Moment, Zone, duration_of};

/// The date, or the time with or without an offset, that an argument names.
///
/// # Errors
///
/// [`Code::InvalidParams`](crate::error::Code::InvalidParams) that says what is wrong with it.
pub fn moment(name: &str, text: &str) -> Result<Moment, Error> {
    Moment::check(text).map_err(|wrong| {
        Error::invalid_params(format!("`{name}` {}: `{text}`.", wrong.reason()))
            .with_hint("Write 2026-11-30, 2026-11-30T09:00, or 2026-11-30T09:00:00+01:00.")
    })
}

/// The date that an argument names.
///
/// # Errors
///
/// As [`moment`].
pub fn day(name: &str, text: &str) -> Result<Date, Error> {
    Date::read(text.trim()).ok_or_else(|| {
        Error::invalid_params(format!(
            "`{name}` must be a date that exists, written YYYY-MM-DD, not `{text}`."
        ))
        .with_hint("For example 2026-11-30.")
    })
}

/// The time zone of an IANA name or a Windows name.
///
/// # Errors
///
/// As [`moment`], with the zone that may be meant.
pub fn zone(name: &str) -> Result<Zone, Error> {
    Zone::named(name).ok_or_else(|| {
        let hint = match Zone::named_after(name).next() {
            Some(known) => format!("Did you mean {known}?"),
            None => "Give an IANA name, such as Europe/Berlin.".to_owned(),
        };
        Error::invalid_params(format!("There is no time zone `{name}`.")).with_hint(hint)
    })
}

/// A date, as a param's hook.
///
/// # Errors
///
/// As [`moment`].
pub fn date_hook(date: &Value) -> Result<Value, Error> {
    let day = date.as_str().and_then(|text| Date::read(text.trim()));
    day.map(|day| day.to_string().into()).ok_or_else(|| {
        Error::invalid_params(format!("{date} is not a date that exists"))
            .with_hint("Write it as 2026-11-30.")
    })
}

/// A point in time, as a param's hook: a date is its midnight in UTC, a time must have an offset, which it keeps.
///
/// # Errors
///
/// As [`moment`].
pub fn instant_hook(time: &Value) -> Result<Value, Error> {
    let text = time.as_str().unwrap_or_default();
    let reason = match Moment::check(text) {
        Ok(Moment::Day(day)) => return Ok(format!("{day}T00:00:00Z").into()),
        // A fraction of a second stays where it is written as it should be.
        Ok(Moment::Instant { .. }) if is_rfc3339(text) => return Ok(text.into()),
        Ok(moment @ Moment::Instant { .. }) => return Ok(moment.to_string().into()),
        Ok(Moment::Local(_)) => "has no offset",
        Err(wrong) => wrong.reason(),
    };
    Err(Error::invalid_params(format!("{time} {reason}")).with_hint(
        "Write a date, or a time such as 2026-11-30T08:00:00Z or 2026-11-30T09:00:00+01:00.",
    ))
}

/// A length of time in the form `1w 2d 3h 20m`, as a param's hook.
///
/// # Errors
///
/// As [`moment`].
pub fn duration_hook(duration: &Value) -> Result<Value, Error> {
    duration.as_str().and_then(duration_of).map(Value::from).ok_or_else(|| {
        Error::invalid_params(format!("{duration} is not a length of time"))
            .with_hint("Write it as 3h 20m, with the units w, d, h and m.")
    })
}

/// A time zone by its IANA name, as a param's hook.
///
/// # Errors
///
/// As [`moment`].
pub fn zone_hook(name: &Value) -> Result<Value, Error> {
    zone(name.as_str().unwrap_or_default()).map(|zone| zone.name().into())
}

/// Whether a point in time is written exactly as RFC 3339 has it.
fn is_rfc3339(text: &str) -> bool {
    let seconds = text
        .get(..19)
        .zip(Moment::read(text))
        .is_some_and(|(begin, moment)| moment.to_string().starts_with(begin));
    seconds
        && (text.ends_with('Z')
            || text.len().checked_sub(3).is_some_and(|at| text[at..].starts_with(':')))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn hooks_give_each_service_what_exists() {
        let check =
            |hook: fn(&Value) -> Result<Value, Error>, given: &str, expected: Option<&str>| {
                assert_eq!(hook(&json!(given)).ok(), expected.map(Value::from), "{given}");
            };
        check(date_hook, "2026-11-30", Some("2026-11-30"));
        check(date_hook, " 2024-02-29 ", Some("2024-02-29"));
        for wrong in ["", "2026-02-30", "2026-11-31", "2026-11-30T09:00:00Z", "tomorrow"] {
            check(date_hook, wrong, None);
        }
        check(instant_hook, "2026-11-30", Some("2026-11-30T00:00:00Z"));
        check(instant_hook, "2026-11-30T09:00:00Z", Some("2026-11-30T09:00:00Z"));
        check(instant_hook, "2026-11-30T09:00:00.000+10:00", Some("2026-11-30T09:00:00.000+10:00"));
        check(instant_hook, "2026-11-30 09:00+0100", Some("2026-11-30T09:00:00+01:00"));
        check(instant_hook, "2026-11-30t09:00:00z", Some("2026-11-30T09:00:00Z"));
        for wrong in [
            "",
            "2026-02-30",
            "2026-11-30T09:00",
            "2026-11-30T09:00:00+25:00",
            "2026-11-30T24:00:00Z",
            "now",
        ] {
            check(instant_hook, wrong, None);
        }
        check(duration_hook, "PT3H20M", Some("3h 20m"));
        check(duration_hook, "3", None);
        check(zone_hook, "w. europe standard time", Some("Europe/Berlin"));
        check(zone_hook, "Atlantis", None);
    }

    #[test]
    fn what_does_not_exist_is_refused_with_the_reason() {
        let error = moment("start", "2026-02-30T09:00").expect_err("there is no such day");
        assert_eq!(error.message(), "`start` has a day that does not exist: `2026-02-30T09:00`.");
        let error = moment("start", "2026-11-30T09:00+25:00").expect_err("there is no such offset");
        assert!(error.message().contains("an offset that does not exist"), "{error}");
        assert!(
            day("due_date", "2026-11-31")
                .is_err_and(|error| error.message().contains("`due_date`"))
        );
        assert!(
            zone("berlin").is_err_and(|error| error.hint() == Some("Did you mean Europe/Berlin?"))
        );
        assert!(zone("Mars/Olympus").is_err_and(|error| error.message().contains("Mars/Olympus")));
    }
}
