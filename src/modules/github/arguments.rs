//! Converts arguments that people write to the forms that GitHub accepts.

use serde_json::Value;

use super::text;
use crate::error::Error;
use crate::json::Object;
use crate::time::{Moment, Zone, day_of};

/// Returns the due day of a milestone. GitHub keeps the day on which the moment falls in California, where noon UTC is on the
/// same day all year.
pub(super) fn due_day(day: &Value) -> Result<Value, Error> {
    let text = day.as_str().unwrap_or_default();
    day_of(text).map(|day| format!("{day}T12:00:00Z").into()).ok_or_else(|| {
        Error::invalid_params(format!("{day} is not a date")).with_hint("Write 2026-11-30.")
    })
}

/// Returns the day of a milestone's due date. GitHub returns midnight in California, which is 07:00 or 08:00 UTC.
pub(super) fn day_due(time: &Value) -> Value {
    let moment = time.as_str().and_then(Moment::read);
    let day = moment.zip(Zone::named("America/Los_Angeles"));
    day.map_or_else(
        || time.clone(),
        |(moment, zone)| zone.date(moment.instant(&zone)).to_string().into(),
    )
}

/// A color in the six hex digits of GitHub, from how CSS writes it.
pub(super) fn color(color: &Value) -> Result<Value, Error> {
    let text = color.as_str().unwrap_or_default().trim();
    let digits = text.strip_prefix('#').unwrap_or(text).to_ascii_lowercase();
    let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    match digits.len() {
        6 if is_hex => Ok(digits.into()),
        3 if is_hex => {
            Ok(digits.chars().flat_map(|digit| [digit, digit]).collect::<String>().into())
        }
        _ => Err(Error::invalid_params(format!("{color} is not a color of six hex digits"))
            .with_hint("Write it as d73a4a.")),
    }
}

/// Returns a head branch with its owner, for the filter of pull requests: GitHub ignores a branch without an owner.
pub(super) fn head_with_owner(arguments: &mut Object) -> Result<(), Error> {
    let head = text(arguments, "head").trim().to_owned();
    if head.is_empty() {
        arguments.shift_remove("head");
    } else if !head.contains(':') {
        let head = format!("{}:{head}", text(arguments, "owner"));
        arguments.insert("head".to_owned(), head.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::ArgumentsHook;

    #[test]
    fn a_milestone_is_due_on_the_day_that_was_written() {
        for written in
            ["2026-12-01", "2026-12-01T00:00:00Z", "2026-12-01T23:59:59-08:00", "2026-12-01T09:00"]
        {
            assert_eq!(
                due_day(&json!(written)).ok(),
                Some(json!("2026-12-01T12:00:00Z")),
                "{written}"
            );
        }
        for written in ["2026-02-30", "Friday", ""] {
            assert!(due_day(&json!(written)).is_err(), "{written}");
        }
        let check = |time: Value, day: Value| assert_eq!(day_due(&time), day, "{time}");
        check(json!("2026-12-01T08:00:00Z"), json!("2026-12-01"));
        check(json!("2026-07-01T07:00:00Z"), json!("2026-07-01"));
        check(json!("2012-10-09T23:39:01Z"), json!("2012-10-09"));
        check(json!("2026-12-01T00:00:00Z"), json!("2026-11-30"));
        check(json!("soon"), json!("soon"));
        check(Value::Null, Value::Null);
    }

    #[test]
    fn a_color_is_six_hex_digits() {
        let check = |written: &str, sent: Option<&str>| {
            assert_eq!(color(&json!(written)).ok(), sent.map(Value::from), "{written}");
        };
        check("d73a4a", Some("d73a4a"));
        check("#D73A4A", Some("d73a4a"));
        check(" #f0c ", Some("ff00cc"));
        for written in ["red", "", "#", "##d73a4a", "d73a4", "d73a4a00", "gggggg", "日本"] {
            check(written, None);
        }
    }

    #[track_caller]
    fn check(hook: ArgumentsHook, given: Value, expected: Option<Value>) {
        let mut arguments = given.as_object().cloned().expect("it is an object");
        let outcome = hook(&mut arguments);
        assert_eq!(outcome.ok().map(|()| Value::Object(arguments)), expected, "{given}");
    }

    #[test]
    fn a_head_branch_has_an_owner() {
        let check = |head: &str, sent: Value| {
            check(head_with_owner, json!({"owner": "o", "head": head}), Some(sent));
        };
        check("feature-x", json!({"owner": "o", "head": "o:feature-x"}));
        check("feat/x", json!({"owner": "o", "head": "o:feat/x"}));
        check("fork:feature-x", json!({"owner": "o", "head": "fork:feature-x"}));
        check(" ", json!({"owner": "o"}));
    }
}
