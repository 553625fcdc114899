//! Dates, times and time zones as arguments: errors say what is wrong and what would be right.

use serde_json::Value;

use crate::error::Error;
use crate::time::{Date, Moment, Zone, duration_of};

/// Returns the date, or the time with or without an offset, in an argument.
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

/// Returns the date in an argument.
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

/// Returns the time zone of an IANA name or a Windows name.
///
/// # Errors
///
/// As [`moment`], with the zone that the user most likely meant.
pub fn zone(name: &str) -> Result<Zone, Error> {
    Zone::named(name).ok_or_else(|| {
        let hint = match Zone::named_after(name).next() {
            Some(known) => format!("Did you mean {known}?"),
            None => "Give an IANA name, such as Europe/Berlin.".to_owned(),
        };
        Error::invalid_params(format!("There is no time zone `{name}`.")).with_hint(hint)
    })
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_length_of_time_has_its_units() {
        assert_eq!(duration_hook(&json!("PT3H20M")).ok(), Some(json!("3h 20m")));
        assert!(duration_hook(&json!("3")).is_err());
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
