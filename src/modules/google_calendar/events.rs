//! Creates, changes, deletes and answers events.

use serde_json::{Map, Value, json};

use super::call::CalendarCall;
use super::times::{Time, Times};
use super::{attendees, conference, list, people, series, strings, text, when};
use crate::engine::Session;
use crate::error::Error;
use crate::json::Object;
use crate::recurrence::{Recurrence, Start};
use crate::upstream::Method;

/// The events of a series that a call applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    This,
    Following,
    All,
}

pub(super) fn create(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let place = CalendarCall::of(session, arguments);
    let mut event = members(&place, &Value::Null)?;
    let rules: Vec<&str> = strings(arguments, "recurrence").collect();
    let times = times_of_new(&place, !rules.is_empty())?;
    if !rules.is_empty() {
        event.insert("recurrence".to_owned(), checked_rules(&place, times.start, &rules)?);
    }
    event.insert("start".to_owned(), times.start.json());
    event.insert("end".to_owned(), times.end.json());
    let created = place.send(Method::Post, &[], Some(&event.into()))?;
    Ok(brief(&created))
}

/// Returns the times of a new event, from the arguments.
pub(super) fn times_of_new(place: &CalendarCall<'_>, recurs: bool) -> Result<Times, Error> {
    let zone = place.zone_argument("time_zone")?;
    let start =
        place.moment("start")?.ok_or_else(|| Error::invalid_params("`start` is missing."))?;
    let mut start = place.time("start", start, zone)?;
    if recurs && !start.is_day() && start.zone().is_none() {
        // Google Calendar expands a series in the time zone of its start.
        start = start.or_in(place.time_zone()?);
    }
    let end_zone = place.zone_argument("end_time_zone")?.or(start.zone());
    let end = place.moment("end")?.map(|end| place.time("end", end, end_zone)).transpose()?;
    Times::new(start, end, end_zone)
}

/// Returns the lines of a series with this start, as in RFC 5545.
pub(super) fn checked_rules(
    place: &CalendarCall<'_>,
    start: Time,
    rules: &[&str],
) -> Result<Value, Error> {
    let start = series_start(place, start)?;
    let series = Recurrence::parse(start, rules.iter().copied()).map_err(|reason| {
        Error::invalid_params(format!("`recurrence`: {reason}.")).with_hint(
            "For example RRULE:FREQ=WEEKLY;BYDAY=MO,TH;COUNT=10, or RRULE:FREQ=MONTHLY;BYDAY=-1FR;UNTIL=20261231.",
        )
    })?;
    if !series.recurs() {
        return Err(Error::invalid_params("`recurrence` excludes days but has no rule.")
            .with_hint("Give an RRULE line, too, such as RRULE:FREQ=WEEKLY."));
    }
    if series.occurrences().next().is_none() || series.ends_before_start() {
        return Err(Error::invalid_params("`recurrence` leaves no event: it ends before `start`.")
            .with_hint("Give a later UNTIL."));
    }
    Ok(series.lines().into())
}

/// Returns the start of a series at this time; without its own zone, in the calendar's.
pub(super) fn series_start(place: &CalendarCall<'_>, start: Time) -> Result<Start, Error> {
    let zone = match start.zone() {
        None if !start.is_day() => place.time_zone()?,
        zone => zone.unwrap_or_else(crate::time::Zone::utc),
    };
    Ok(start.start(zone))
}

pub(super) fn update(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let place = CalendarCall::of(session, arguments);
    let scope = Scope::of(arguments);
    let event = place.get(text(arguments, "event_id"))?;
    refuse_cancelled(&event)?;
    let updated = match event["recurringEventId"].as_str() {
        Some(id) if scope != Scope::This => series::update(&place, &event, &place.get(id)?, scope)?,
        None if scope == Scope::Following => return Err(no_occurrence()),
        _ => {
            if scope == Scope::This {
                refuse_series(&event)?;
            }
            update_one(&place, &event)?
        }
    };
    Ok(brief(&updated))
}

/// Changes a single event, one event of a series, or a series by its own id.
fn update_one(place: &CalendarCall<'_>, event: &Value) -> Result<Value, Error> {
    let times = Times::changed(place, event)?;
    let mut changes = members(place, event)?;
    if let Some(times) = times {
        set_times(&mut changes, place, times);
    }
    if let Some(rules) = place.arguments.get("recurrence") {
        if event.get("recurringEventId").is_some() {
            return Err(Error::invalid_params(
                "One event of a series has no recurrence of its own.",
            )
            .with_hint("Give `scope` all or following."));
        }
        let rules: Vec<&str> = list(rules).filter_map(Value::as_str).collect();
        let Times { start, end } = times.map_or_else(|| Times::of(event), Ok)?;
        let lines = if rules.is_empty() { json!([]) } else { checked_rules(place, start, &rules)? };
        changes.insert("recurrence".to_owned(), lines);
        if !rules.is_empty() && !start.is_day() && start.zone().is_none() {
            let zone = place.time_zone()?;
            changes.insert("start".to_owned(), start.or_in(zone).replacing_json());
            changes.insert("end".to_owned(), end.or_in(zone).replacing_json());
        }
    } else if let (Some(times), false) = (times, event["recurrence"].is_null()) {
        let old = series::Series::of(place, event)?;
        let lines = old.moved_lines(series_start(place, times.start)?)?;
        changes.extend(lines.map(|lines| ("recurrence".to_owned(), lines)));
    }
    if changes.is_empty() {
        // The requested state exists already: a Meet link, or no conference.
        return Ok(event.clone());
    }
    let id = event["id"].as_str().unwrap_or_else(|| text(place.arguments, "event_id"));
    place.send(Method::Patch, &[id], Some(&changes.into()))
}

/// Sets the new times of a changed event: a start that is not given stays unchanged.
fn set_times(changes: &mut Object, place: &CalendarCall<'_>, times: Times) {
    if place.arguments.contains_key("start") {
        changes.insert("start".to_owned(), times.start.replacing_json());
    }
    changes.insert("end".to_owned(), times.end.replacing_json());
    if place.arguments.contains_key("end") {
        changes.insert("endTimeUnspecified".to_owned(), false.into());
    }
}

pub(super) fn delete(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let place = CalendarCall::of(session, arguments);
    let id = text(arguments, "event_id");
    let event = place.get(id)?;
    let done = |message: &str| Ok(json!({"message": message}));
    match (Scope::of(arguments), event["recurringEventId"].as_str()) {
        (Scope::This, _) if event["status"] == "cancelled" => done("The event is deleted already."),
        (Scope::This, _) => {
            refuse_series(&event)?;
            place.send(Method::Delete, &[id], None)?;
            done("Event deleted.")
        }
        (Scope::All, series_id) => {
            place.send(Method::Delete, &[series_id.unwrap_or(id)], None)?;
            done("Event deleted, with all that recur.")
        }
        (Scope::Following, None) => Err(no_occurrence()),
        (Scope::Following, Some(series_id)) => {
            series::delete_following(&place, &event, &place.get(series_id)?)?;
            done("This event and those that follow deleted.")
        }
    }
}

pub(super) fn respond(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let place = CalendarCall::of(session, arguments);
    let id = text(arguments, "event_id");
    let event = place.get(id)?;
    refuse_cancelled(&event)?;
    let mut people = event["attendees"].clone();
    let own = people.as_array_mut().into_iter().flatten().find(|person| person["self"] == true);
    let Some(own) = own else {
        return Err(Error::invalid_params(
            "You are not among the event's guests, so there is nothing to answer.",
        )
        .with_hint("Give the event as it stands in your own calendar."));
    };
    own["responseStatus"] = text(arguments, "response").into();
    if let Some(comment) = arguments.get("comment") {
        own["comment"] = comment.clone();
    }
    // If guests are omitted, the list must not be written back: this says that only the response is sent.
    let body = if event["attendeesOmitted"] == true {
        json!({"attendees": [own], "attendeesOmitted": true})
    } else {
        json!({"attendees": people})
    };
    let updated = place.send(Method::Patch, &[id], Some(&body))?;
    Ok(brief(&updated))
}

impl Scope {
    fn of(arguments: &Object) -> Self {
        match text(arguments, "scope") {
            "all" => Self::All,
            "following" => Self::Following,
            _ => Self::This,
        }
    }
}

/// Returns an event's properties from the arguments, in Google Calendar's form, without its times and recurrence. `before` is
/// the current event.
pub(super) fn members(place: &CalendarCall<'_>, before: &Value) -> Result<Object, Error> {
    let arguments = place.arguments;
    let mut members = Map::new();
    let same = [
        ("title", "summary"),
        ("description", "description"),
        ("location", "location"),
        ("color", "colorId"),
        ("visibility", "visibility"),
        ("guests_can_modify", "guestsCanModify"),
        ("guests_can_invite", "guestsCanInviteOthers"),
        ("guests_can_see_guests", "guestsCanSeeOtherGuests"),
    ];
    for (name, member) in same {
        members.extend(arguments.get(name).map(|value| (member.to_owned(), value.clone())));
    }
    let mut set = |name: &str, value: Value| members.insert(name.to_owned(), value);
    if let Some(free) = arguments.get("free") {
        set("transparency", if *free == true { "transparent" } else { "opaque" }.into());
    }
    if arguments.contains_key("attendees") {
        people::refuse_omitted(before, "a new list")?;
        set("attendees", people::guests(strings(arguments, "attendees"), before)?.into());
    }
    if let Some(minutes) = arguments.get("reminders") {
        let reminders: Vec<_> =
            list(minutes).map(|minutes| json!({"method": "popup", "minutes": minutes})).collect();
        if reminders.len() > MAX_REMINDERS {
            return Err(Error::invalid_params("`reminders` has more than 5 times.")
                .with_hint("Google Calendar takes 5 at most."));
        }
        set("reminders", json!({"useDefault": false, "overrides": reminders}));
    }
    if let Some(files) = arguments.get("attachments") {
        set("attachments", attachments(files, before)?);
    }
    if let Some(conference) = conference::wanted(arguments, before)? {
        set("conferenceData", conference);
    }
    Ok(members)
}

/// The maximum number of reminders and of files of an event
/// (<https://developers.google.com/workspace/calendar/api/v3/reference/events>).
const MAX_REMINDERS: usize = 5;
const MAX_FILES: usize = 25;

/// Returns files by their addresses. Existing files stay unchanged.
fn attachments(files: &Value, before: &Value) -> Result<Value, Error> {
    let mut attached = Vec::new();
    for file in list(files) {
        let url = file["url"].as_str().unwrap_or_default();
        if !url.starts_with("https://") {
            return Err(Error::invalid_params(format!(
                "`attachments`: `{url}` must be an https address."
            ))
            .with_hint("For example the link of a file in Google Drive."));
        }
        let known = list(&before["attachments"]).find(|known| known["fileUrl"] == url);
        let mut attachment = known.cloned().unwrap_or_else(|| json!({"fileUrl": url}));
        for (name, member) in [("title", "title"), ("mime_type", "mimeType")] {
            if let Some(value) = file.get(name) {
                attachment[member] = value.clone();
            }
        }
        attached.push(attachment);
    }
    if attached.len() > MAX_FILES {
        return Err(Error::invalid_params("`attachments` has more than 25 files.")
            .with_hint("Google Calendar takes 25 at most."));
    }
    Ok(attached.into())
}

fn refuse_series(event: &Value) -> Result<(), Error> {
    if event["recurrence"].is_null() {
        return Ok(());
    }
    Err(Error::invalid_params("This is a whole series, and `scope` is `this`.").with_hint(
        "Give `scope` all, or the id of one event from list_events or list_event_instances.",
    ))
}

fn refuse_cancelled(event: &Value) -> Result<(), Error> {
    if event["status"] != "cancelled" {
        return Ok(());
    }
    Err(Error::invalid_params(
        "This event is cancelled: it was deleted, from its series or as a whole.",
    )
    .with_hint("Look for another one with list_events, or create it again with create_event."))
}

fn no_occurrence() -> Error {
    Error::invalid_params("`scope` following needs one event of a series.").with_hint(
        "Give the id of the first event to change, from list_events or list_event_instances.",
    )
}

/// Returns a created or changed event in short form.
pub(super) fn brief(event: &Value) -> Value {
    let kind = event.get("eventType").filter(|kind| *kind != "default").cloned();
    let mut brief = json!({
        "id": event["id"], "title": event["summary"], "type": kind, "start": when(&event["start"]), "end": when(&event["end"]),
        "last_day": last_day(event), "location": event["location"], "recurrence": event["recurrence"],
        "attendees": attendees(&event["attendees"]), "meet_url": conference::video_url(event), "url": event["htmlLink"],
    });
    if let Some(members) = brief.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    brief
}

/// Returns the last day of an all-day event; Google's end is the day after it.
pub(super) fn last_day(event: &Value) -> Value {
    let end = event["end"]["date"].as_str().and_then(crate::time::Date::read);
    end.and_then(|end| end.plus(-1)).map(|day| day.to_string()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_stay_and_come_by_their_addresses() {
        let before = json!({"attachments": [{"fileUrl": "https://drive.google.com/a", "fileId": "a", "title": "Plan"}]});
        let files = json!([{"url": "https://drive.google.com/a"}, {"url": "https://example.com/b.pdf", "title": "B"}]);
        let expected = json!([
            {"fileUrl": "https://drive.google.com/a", "fileId": "a", "title": "Plan"},
            {"fileUrl": "https://example.com/b.pdf", "title": "B"},
        ]);
        assert_eq!(attachments(&files, &before).ok(), Some(expected));
        assert!(attachments(&json!([{"url": "b.pdf"}]), &before).is_err());
        let many: Vec<_> =
            (0..26).map(|at| json!({"url": format!("https://example.com/{at}")})).collect();
        assert!(attachments(&many.into(), &before).is_err());
    }

    #[test]
    fn the_end_of_a_whole_day_is_told_as_its_last_day() {
        assert_eq!(last_day(&json!({"end": {"date": "2026-12-01"}})), "2026-11-30");
        assert_eq!(last_day(&json!({"end": {"dateTime": "2026-12-01T00:00:00Z"}})), Value::Null);
    }
}
