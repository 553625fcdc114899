//! Events of special types: out of office, focus time, working location
//! (<https://developers.google.com/workspace/calendar/api/guides/calendar-status>). They exist only in the primary calendar.

use serde_json::{Value, json};

use super::call::CalendarCall;
use super::events::{brief, checked_rules, times_of_new};
use super::times::{Time, Times};
use super::{strings, text};
use crate::engine::Session;
use crate::error::Error;
use crate::json::Object;
use crate::time::{DAY, Moment};
use crate::upstream::Method;

/// What to do with conflicting invitations: our word, and Google Calendar's.
const DECLINE: [(&str, &str); 3] = [
    ("none", "declineNone"),
    ("new", "declineOnlyNewConflictingInvitations"),
    ("all", "declineAllConflictingInvitations"),
];

pub(super) fn create_out_of_office(
    session: &Session<'_>,
    arguments: &Object,
) -> Result<Value, Error> {
    let place = CalendarCall::of(session, arguments);
    let event = json!({
        "eventType": "outOfOffice", "summary": title(arguments, "Out of office"), "outOfOfficeProperties": declining(arguments)?,
    });
    create(&place, event, times_of_blocked(&place)?)
}

pub(super) fn create_focus_time(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let place = CalendarCall::of(session, arguments);
    let mut properties = declining(arguments)?;
    if let Some(disturb) = arguments.get("do_not_disturb") {
        properties["chatStatus"] =
            if *disturb == true { "doNotDisturb" } else { "available" }.into();
    }
    let event = json!({"eventType": "focusTime", "summary": title(arguments, "Focus time"), "focusTimeProperties": properties});
    create(&place, event, times_of_blocked(&place)?)
}

pub(super) fn set_working_location(
    session: &Session<'_>,
    arguments: &Object,
) -> Result<Value, Error> {
    let place = CalendarCall::of(session, arguments);
    let label = arguments.get("label").and_then(Value::as_str);
    let needs_label = || {
        Error::invalid_params("`label` is missing: it names the place.")
            .with_hint("For example the office's name.")
    };
    let (summary, properties) = match text(arguments, "location") {
        "home" => {
            if label.is_some() {
                return Err(Error::invalid_params("`label` is not for working from home.")
                    .with_hint("Leave it out, or give `location` office or other."));
            }
            ("Home", json!({"type": "homeOffice", "homeOffice": {}}))
        }
        "office" => (
            label.unwrap_or("Office"),
            json!({"type": "officeLocation", "officeLocation": {"label": label.unwrap_or("Office")}}),
        ),
        _ => {
            let label = label.ok_or_else(needs_label)?;
            (label, json!({"type": "customLocation", "customLocation": {"label": label}}))
        }
    };
    let times = times_of_new(&place, !recurrence(arguments).is_empty())?;
    if times.start.is_day() && times.length() != DAY {
        return Err(Error::invalid_params("A working location of whole days is one day long.")
            .with_hint("Give `start` alone, with `recurrence` such as RRULE:FREQ=DAILY;COUNT=5 for more days."));
    }
    let event = json!({
        "eventType": "workingLocation", "summary": summary, "visibility": "public", "transparency": "transparent",
        "workingLocationProperties": properties,
    });
    create(&place, event, times)
}

/// Returns a working location: `home`, or the place's name.
pub(super) fn working_location(properties: &Value) -> Value {
    match properties["type"].as_str() {
        Some("homeOffice") => "home".into(),
        Some(kind) => properties[kind].get("label").cloned().unwrap_or_else(|| kind.into()),
        None => Value::Null,
    }
}

/// Returns which conflicting invitations are declined.
pub(super) fn decline(event: &Value) -> Value {
    let mode = ["outOfOfficeProperties", "focusTimeProperties"]
        .into_iter()
        .find_map(|properties| event[properties]["autoDeclineMode"].as_str());
    let known = DECLINE.into_iter().find(|(_, known)| Some(*known) == mode);
    known.map(|(word, _)| word).or(mode).into()
}

fn create(place: &CalendarCall<'_>, mut event: Value, times: Times) -> Result<Value, Error> {
    let rules = recurrence(place.arguments);
    let mut times = times;
    if !rules.is_empty() {
        if !times.start.is_day() && times.start.zone().is_none() {
            times.start = times.start.or_in(place.time_zone()?);
        }
        event["recurrence"] = checked_rules(place, times.start, &rules)?;
    }
    event["start"] = times.start.json();
    event["end"] = times.end.json();
    place.send(Method::Post, &[], Some(&event)).map(|created| brief(&created))
}

/// Returns the times of an event that cannot be all-day: dates begin at midnight, and the end is the end of the last day.
fn times_of_blocked(place: &CalendarCall<'_>) -> Result<Times, Error> {
    let recurs = !recurrence(place.arguments).is_empty();
    let (start, end) = (place.moment("start")?, place.moment("end")?);
    let (Some(Moment::Day(first)), last) = (start, end) else { return times_of_new(place, recurs) };
    let last = match last {
        None => first,
        Some(Moment::Day(last)) if last >= first => last,
        Some(Moment::Day(_)) => {
            return Err(Error::invalid_params("`end` must not be before `start`.")
                .with_hint("Dates are whole days, the last included."));
        }
        Some(_) => return times_of_new(place, recurs),
    };
    let zone = match place.zone_argument("time_zone")? {
        Some(zone) => zone,
        None => place.time_zone()?,
    };
    let midnight = |days: i64| zone.moment(zone.instant_of(days * DAY));
    Ok(Times {
        start: Time::of("start", midnight(first.days()), Some(zone))?,
        end: Time::of("end", midnight(last.days() + 1), Some(zone))?,
    })
}

fn recurrence(arguments: &Object) -> Vec<&str> {
    strings(arguments, "recurrence").collect()
}

fn title<'a>(arguments: &'a Object, default: &'a str) -> &'a str {
    arguments.get("title").and_then(Value::as_str).unwrap_or(default)
}

/// Returns what happens to conflicting invitations.
fn declining(arguments: &Object) -> Result<Value, Error> {
    let word = text(arguments, "decline");
    let mode = DECLINE
        .into_iter()
        .find(|(known, _)| *known == word)
        .map_or("declineNone", |(_, mode)| mode);
    let mut properties = json!({"autoDeclineMode": mode});
    if let Some(message) = arguments.get("decline_message") {
        if mode == "declineNone" {
            return Err(Error::invalid_params("`decline_message` needs `decline`.")
                .with_hint("Give `decline` new or all, or leave the message out."));
        }
        properties["declineMessage"] = message.clone();
    }
    Ok(properties)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_events_say_what_they_are() {
        let office = json!({"type": "officeLocation", "officeLocation": {"label": "Munich"}});
        assert_eq!(working_location(&office), "Munich");
        assert_eq!(working_location(&json!({"type": "homeOffice", "homeOffice": {}})), "home");
        assert_eq!(working_location(&json!({"type": "officeLocation"})), "officeLocation");
        assert_eq!(working_location(&Value::Null), Value::Null);
        let away = json!({"outOfOfficeProperties": {"autoDeclineMode": "declineOnlyNewConflictingInvitations"}});
        assert_eq!(decline(&away), "new");
        assert_eq!(
            decline(&json!({"focusTimeProperties": {"autoDeclineMode": "declineNone"}})),
            "none"
        );
        assert_eq!(decline(&json!({})), Value::Null);
    }

    #[test]
    fn a_message_needs_something_to_decline() {
        let declined =
            |arguments: Value| declining(arguments.as_object().expect("it is an object")).ok();
        assert_eq!(declined(json!({})), Some(json!({"autoDeclineMode": "declineNone"})));
        let expected = json!({"autoDeclineMode": "declineAllConflictingInvitations", "declineMessage": "Away"});
        assert_eq!(declined(json!({"decline": "all", "decline_message": "Away"})), Some(expected));
        assert_eq!(declined(json!({"decline_message": "Away"})), None);
    }
}
