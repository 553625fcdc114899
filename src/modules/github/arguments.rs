//! Arguments as GitHub takes them, from what people write.

use serde_json::{Map, Value};

use super::text;
use crate::error::Error;
use crate::time::{Moment, Zone, day_of, instant_of};

/// A date or a time with its offset, in the one form that GitHub takes.
pub(super) fn instant(time: &Value) -> Result<Value, Error> {
    let text = time.as_str().unwrap_or_default();
    instant_of(text).map(Value::from).ok_or_else(|| {
        Error::invalid_params(format!("{time} is neither a date nor a time with its offset"))
            .with_hint("Write 2026-11-30, 2026-11-30T09:00:00Z or 2026-11-30T18:00:00+09:00.")
    })
}

/// The day that a milestone is due. GitHub keeps the day on which the moment falls in California, where noon in UTC is in
/// the same day all year.
pub(super) fn due_day(day: &Value) -> Result<Value, Error> {
    let text = day.as_str().unwrap_or_default();
    day_of(text).map(|day| format!("{day}T12:00:00Z").into()).ok_or_else(|| {
        Error::invalid_params(format!("{day} is not a date")).with_hint("Write 2026-11-30.")
    })
}

/// The day of a milestone's due date as GitHub gives it: midnight in California, which is 07:00 or 08:00 in UTC.
pub(super) fn day_due(time: &Value) -> Value {
    let moment = time.as_str().and_then(Moment::read);
    let day = moment.zip(Zone::named("America/Los_Angeles"));
    day.map_or_else(
        || time.clone(),
        |(moment, zone)| zone.date(moment.instant(&zone)).to_string().into(),
    )
}

/// The number of a milestone, or `none`, which takes the issue out of its milestone.
pub(super) fn milestone(milestone: &Value) -> Result<Value, Error> {
    let text = milestone.as_str().unwrap_or_default().trim();
    match text.parse::<u64>() {
        Ok(number) => Ok(number.into()),
        Err(_) if text.eq_ignore_ascii_case(NONE) => Ok(Value::Null),
        Err(_) => {
            Err(Error::invalid_params(format!("{milestone} is not the number of a milestone"))
                .with_hint("list_milestones shows the numbers; `none` takes the issue out."))
        }
    }
}

/// A name, or `none`, which takes away what was there.
pub(super) fn name_or_none(name: &Value) -> Result<Value, Error> {
    let is_none = name.as_str().is_some_and(|name| name.trim().eq_ignore_ascii_case(NONE));
    Ok(if is_none { Value::Null } else { name.clone() })
}

/// The word for nothing, for clients that hold to a schema's types and so cannot send null.
const NONE: &str = "none";

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

/// A head branch with its owner, as the list of pull requests is filtered: GitHub ignores a branch without one.
pub(super) fn head_with_owner(arguments: &mut Map<String, Value>) -> Result<(), Error> {
    let head = text(arguments, "head").trim().to_owned();
    if head.is_empty() {
        arguments.shift_remove("head");
    } else if !head.contains(':') {
        let head = format!("{}:{head}", text(arguments, "owner"));
        arguments.insert("head".to_owned(), head.into());
    }
    Ok(())
}

/// The state that the reason for it means: GitHub ignores a reason without a change of state.
pub(super) fn state_of_reason(arguments: &mut Map<String, Value>) -> Result<(), Error> {
    let state = match text(arguments, "state_reason") {
        "" => return Ok(()),
        "reopened" => "open",
        _ => "closed",
    };
    implied(arguments, "state", state, "state_reason")
}

/// The state that the dismissal of a code scanning or Dependabot alert means.
pub(super) fn dismissal(arguments: &mut Map<String, Value>) -> Result<(), Error> {
    closing(arguments, "dismissed", "dismissed_reason", "dismissed_comment")?;
    any_of(arguments, &["state", "assignees"], "There is nothing to change.")
}

/// The state that the resolution of a secret scanning alert means.
pub(super) fn resolution(arguments: &mut Map<String, Value>) -> Result<(), Error> {
    // A comment may also say why an alert is open again.
    let comment = if text(arguments, "state") == "open" { "" } else { "resolution_comment" };
    closing(arguments, "resolved", "resolution", comment)?;
    any_of(arguments, &["state", "assignee"], "There is nothing to change.")
}

/// A verdict other than an approval says why.
pub(super) fn verdict(arguments: &mut Map<String, Value>) -> Result<(), Error> {
    let event = text(arguments, "event");
    if matches!(event, "" | "APPROVE") || !text(arguments, "body").trim().is_empty() {
        return Ok(());
    }
    Err(Error::invalid_params(format!("`event` {event} needs `body`."))
        .with_hint("Say in `body` what the review comes to; only APPROVE needs no text."))
}

/// A comment on a diff is on a line, or on a whole file.
pub(super) fn place_of_comment(arguments: &mut Map<String, Value>) -> Result<(), Error> {
    let has = |name: &str| arguments.contains_key(name);
    let refused = |what: &str, right: &str| Err(Error::invalid_params(what).with_hint(right));
    match text(arguments, "subject_type") {
        "file" => Ok(()),
        _ if !has("line") => refused(
            "A comment needs the `line` that it is on.",
            "Give `line`, or `subject_type` file for a comment on the whole file.",
        ),
        _ if has("start_side") && !has("start_line") => refused(
            "`start_side` needs `start_line`.",
            "Give the first of several lines, or neither.",
        ),
        _ => Ok(()),
    }
}

/// Somebody is asked for a review.
pub(super) fn asks_somebody(arguments: &mut Map<String, Value>) -> Result<(), Error> {
    any_of(arguments, &["reviewers", "team_reviewers"], "Nobody is asked.")
}

/// A sub-issue gets its place from one sibling.
pub(super) fn place_among_siblings(arguments: &mut Map<String, Value>) -> Result<(), Error> {
    if arguments.contains_key("after_id") && arguments.contains_key("before_id") {
        return Err(Error::invalid_params("One sibling says the place.")
            .with_hint("Give `after_id` or `before_id`, not both."));
    }
    any_of(arguments, &["after_id", "before_id"], "The place is missing.")
}

fn any_of(arguments: &Map<String, Value>, names: &[&str], what: &str) -> Result<(), Error> {
    let says_something = |name: &&str| match arguments.get(*name) {
        None => false,
        // An empty list of assignees takes them all away.
        Some(Value::Array(entries)) => !entries.is_empty() || *name == "assignees",
        Some(_) => true,
    };
    if names.iter().any(says_something) {
        return Ok(());
    }
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    Err(Error::invalid_params(what).with_hint(format!("Give {}.", names.join(" or "))))
}

/// An alert is closed with a reason, and only then has one.
fn closing(
    arguments: &mut Map<String, Value>,
    closed: &str,
    reason: &str,
    comment: &str,
) -> Result<(), Error> {
    let has = |name: &str| arguments.get(name).is_some_and(|value| !value.is_null());
    if has(reason) {
        return implied(arguments, "state", closed, reason);
    }
    let needs_reason = if text(arguments, "state") == closed {
        Some(format!("`state` {closed}"))
    } else {
        has(comment).then(|| format!("`{comment}`"))
    };
    match needs_reason {
        Some(what) => Err(Error::invalid_params(format!("{what} needs `{reason}`."))
            .with_hint(format!("Give `{reason}` too; it is enough for closing the alert."))),
        None => Ok(()),
    }
}

/// Sets the argument that another one implies, unless the caller says the contrary.
fn implied(
    arguments: &mut Map<String, Value>,
    name: &str,
    value: &str,
    by: &str,
) -> Result<(), Error> {
    let given = text(arguments, name);
    if !given.is_empty() && given != value {
        let reason = text(arguments, by);
        return Err(Error::invalid_params(format!(
            "`{by}` {reason} does not go with `{name}` {given}."
        ))
        .with_hint(format!("Leave one of them out; {reason} means {value}.")));
    }
    arguments.insert(name.to_owned(), value.into());
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
    fn none_takes_away_what_was_there() {
        for (written, sent) in
            [("7", json!(7)), (" 12 ", json!(12)), ("none", Value::Null), ("None", Value::Null)]
        {
            assert_eq!(milestone(&json!(written)).ok(), Some(sent), "{written}");
        }
        for written in ["v1.0", "", "-1", "1.5"] {
            assert!(milestone(&json!(written)).is_err(), "{written}");
        }
        assert_eq!(name_or_none(&json!("Bug")).ok(), Some(json!("Bug")));
        assert_eq!(name_or_none(&json!("NONE")).ok(), Some(Value::Null));
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
        let mut arguments = given.as_object().cloned().expect("it is one");
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

    #[test]
    fn a_reason_means_its_state() {
        check(state_of_reason, json!({"title": "T"}), Some(json!({"title": "T"})));
        for reason in ["completed", "not_planned", "duplicate"] {
            check(
                state_of_reason,
                json!({"state_reason": reason}),
                Some(json!({"state_reason": reason, "state": "closed"})),
            );
        }
        check(
            state_of_reason,
            json!({"state_reason": "reopened"}),
            Some(json!({"state_reason": "reopened", "state": "open"})),
        );
        check(state_of_reason, json!({"state": "open", "state_reason": "completed"}), None);
        check(state_of_reason, json!({"state": "closed", "state_reason": "reopened"}), None);
    }

    #[test]
    fn a_verdict_and_a_comment_are_whole() {
        let same = |hook, given: Value| check(hook, given.clone(), Some(given));
        same(verdict, json!({}));
        same(verdict, json!({"event": "APPROVE"}));
        same(verdict, json!({"event": "COMMENT", "body": "Hm."}));
        check(verdict, json!({"event": "COMMENT"}), None);
        check(verdict, json!({"event": "REQUEST_CHANGES", "body": " "}), None);
        same(place_of_comment, json!({"line": 3}));
        same(place_of_comment, json!({"line": 3, "start_line": 1, "start_side": "LEFT"}));
        same(place_of_comment, json!({"subject_type": "file"}));
        check(place_of_comment, json!({}), None);
        check(place_of_comment, json!({"subject_type": "line"}), None);
        check(place_of_comment, json!({"line": 3, "start_side": "LEFT"}), None);
        same(asks_somebody, json!({"reviewers": ["a"]}));
        same(asks_somebody, json!({"team_reviewers": ["a"], "reviewers": []}));
        check(asks_somebody, json!({}), None);
        check(asks_somebody, json!({"reviewers": []}), None);
        same(place_among_siblings, json!({"after_id": 1}));
        check(place_among_siblings, json!({}), None);
        check(place_among_siblings, json!({"after_id": 1, "before_id": 2}), None);
    }

    #[test]
    fn an_alert_is_closed_with_its_reason() {
        let closed = json!({"dismissed_reason": "not_used", "state": "dismissed"});
        check(dismissal, json!({"dismissed_reason": "not_used"}), Some(closed.clone()));
        check(dismissal, closed.clone(), Some(closed));
        check(dismissal, json!({"state": "open"}), Some(json!({"state": "open"})));
        check(dismissal, json!({"assignees": []}), Some(json!({"assignees": []})));
        check(dismissal, json!({}), None);
        check(resolution, json!({}), None);
        check(dismissal, json!({"state": "dismissed"}), None);
        check(dismissal, json!({"dismissed_comment": "Old."}), None);
        check(dismissal, json!({"state": "open", "dismissed_reason": "not_used"}), None);
        check(dismissal, json!({"state": "open", "dismissed_comment": "Old."}), None);
        check(
            resolution,
            json!({"resolution": "revoked"}),
            Some(json!({"resolution": "revoked", "state": "resolved"})),
        );
        check(resolution, json!({"state": "resolved"}), None);
        check(resolution, json!({"resolution_comment": "Old."}), None);
        let reopened = json!({"state": "open", "resolution_comment": "Still in use."});
        check(resolution, reopened.clone(), Some(reopened));
    }
}
