//! Creating, changing, deleting and answering events, with the three scopes of a series.

use hmac_sha256::Hash;
use serde_json::{Map, Value, json};

use super::rule::{counted, ended, with_count};
use super::zone::{Moment, Zone};
use super::{attendees, strings, text, when};
use crate::engine::Session;
use crate::error::{Code, Error};
use crate::upstream::Method;

/// What a new part of a series takes over from the series.
const TAKEN_OVER: [&str; 13] = [
    "summary",
    "description",
    "location",
    "attendees",
    "colorId",
    "visibility",
    "transparency",
    "reminders",
    "guestsCanInviteOthers",
    "guestsCanModify",
    "guestsCanSeeOtherGuests",
    "conferenceData",
    "extendedProperties",
];

/// The calendar and the event that a handler works on.
struct Place<'a> {
    session: &'a Session<'a>,
    arguments: &'a Map<String, Value>,
    calendar: &'a str,
}

/// Which events of a series are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    This,
    Following,
    All,
}

pub(super) fn create(
    session: &Session<'_>,
    arguments: &Map<String, Value>,
) -> Result<Value, Error> {
    let place = Place::of(session, arguments);
    let start = Moment::parse("start", text(arguments, "start"))?;
    let end = match arguments.get("end").and_then(Value::as_str) {
        Some(end) => end_after(start, Moment::parse("end", end)?)?,
        None => default_end(start),
    };
    let mut event = members(arguments, &Value::Null);
    let repeats = event.contains_key("recurrence");
    let local =
        |moment| matches!(moment, Moment::Local(_)) || repeats && !matches!(moment, Moment::Day(_));
    let zone = match arguments.get("time_zone").and_then(Value::as_str) {
        Some(zone) => Some(zone.to_owned()),
        // Google knows no time without an offset and no series without a zone.
        None if local(start) || local(end) => Some(place.time_zone()?),
        None => None,
    };
    event.insert("start".to_owned(), event_time(start, zone.as_deref()));
    event.insert("end".to_owned(), event_time(end, zone.as_deref()));
    let created = place.send(Method::Post, &[], Some(&event.into()))?;
    Ok(brief(&created))
}

pub(super) fn update(
    session: &Session<'_>,
    arguments: &Map<String, Value>,
) -> Result<Value, Error> {
    let place = Place::of(session, arguments);
    let scope = Scope::of(arguments);
    if members(arguments, &Value::Null).is_empty()
        && !arguments.contains_key("start")
        && !arguments.contains_key("end")
    {
        return Err(Error::invalid_params("There is nothing to change.")
            .with_hint("Give at least one of the event's properties."));
    }
    let event = place.get(text(arguments, "event_id"))?;
    let changes = |times: Option<(Moment, Moment)>,
                   of: &Value,
                   write: fn(Moment, Option<&str>) -> Value|
     -> Result<Value, Error> {
        let mut changes = members(arguments, of);
        if let Some((start, end)) = times {
            let zone = place.zone_for(&event, start, end)?;
            changes.insert("start".to_owned(), write(start, zone.as_deref()));
            changes.insert("end".to_owned(), write(end, zone.as_deref()));
        }
        Ok(changes.into())
    };
    let times = new_times(arguments, &event)?;
    let updated = match (scope, event["recurringEventId"].as_str()) {
        (Scope::This, _) => {
            refuse_series(&event)?;
            place.send(
                Method::Patch,
                &[text(arguments, "event_id")],
                Some(&changes(times, &event, replacing_time)?),
            )?
        }
        (Scope::All, None) => place.send(
            Method::Patch,
            &[text(arguments, "event_id")],
            Some(&changes(times, &event, replacing_time)?),
        )?,
        (Scope::Following, None) => return Err(no_occurrence()),
        (_, Some(series_id)) => {
            let series = place.get(series_id)?;
            if scope == Scope::All || is_first(&event, &series) {
                let times = times.map(|times| shifted(times, &event, &series)).transpose()?;
                place.send(
                    Method::Patch,
                    &[series_id],
                    Some(&changes(times, &series, replacing_time)?),
                )?
            } else {
                let changes = changes(
                    Some(times.map_or_else(|| times_of(&event), Ok)?),
                    &series,
                    event_time,
                )?;
                place.split(series_id, &series, &event, changes)?
            }
        }
    };
    Ok(brief(&updated))
}

pub(super) fn delete(
    session: &Session<'_>,
    arguments: &Map<String, Value>,
) -> Result<Value, Error> {
    let place = Place::of(session, arguments);
    let id = text(arguments, "event_id");
    let event = place.get(id)?;
    let done = |message: &str| Ok(json!({"message": message}));
    match (Scope::of(arguments), event["recurringEventId"].as_str()) {
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
            let series = place.get(series_id)?;
            if is_first(&event, &series) {
                place.send(Method::Delete, &[series_id], None)?;
            } else {
                let body =
                    json!({"recurrence": ended(&series["recurrence"], original_start(&event)?)});
                place.send(Method::Patch, &[series_id], Some(&body))?;
            }
            done("This event and those that follow deleted.")
        }
    }
}

pub(super) fn respond(
    session: &Session<'_>,
    arguments: &Map<String, Value>,
) -> Result<Value, Error> {
    let place = Place::of(session, arguments);
    let id = text(arguments, "event_id");
    let event = place.get(id)?;
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
    let updated = place.send(Method::Patch, &[id], Some(&json!({"attendees": people})))?;
    Ok(brief(&updated))
}

impl Scope {
    fn of(arguments: &Map<String, Value>) -> Self {
        match text(arguments, "scope") {
            "all" => Self::All,
            "following" => Self::Following,
            _ => Self::This,
        }
    }
}

impl<'a> Place<'a> {
    fn of(session: &'a Session<'a>, arguments: &'a Map<String, Value>) -> Self {
        Self { session, arguments, calendar: text(arguments, "calendar_id") }
    }

    fn get(&self, id: &str) -> Result<Value, Error> {
        self.session.get(&["calendars", self.calendar, "events", id], &[])
    }

    /// A change below `/calendars/{id}/events`; guests are notified as the arguments want.
    fn send(&self, method: Method, path: &[&str], body: Option<&Value>) -> Result<Value, Error> {
        let mut query = Vec::new();
        if body.is_some_and(|body| body.get("conferenceData").is_some()) {
            query.push(("conferenceDataVersion", "1"));
        }
        query.extend(
            self.arguments.get("notify").and_then(Value::as_str).map(|whom| ("sendUpdates", whom)),
        );
        self.session.send(
            method,
            &[&["calendars", self.calendar, "events"], path].concat(),
            &query,
            body,
        )
    }

    /// The calendar's own time zone.
    fn time_zone(&self) -> Result<String, Error> {
        let calendar = self.session.get(&["calendars", self.calendar], &[])?;
        Ok(calendar["timeZone"].as_str().unwrap_or("UTC").to_owned())
    }

    /// The zone to write an event's new times with, if they need one.
    fn zone_for(&self, event: &Value, start: Moment, end: Moment) -> Result<Option<String>, Error> {
        let given = self
            .arguments
            .get("time_zone")
            .or_else(|| event["start"].get("timeZone"))
            .and_then(Value::as_str);
        match given {
            Some(zone) => Ok(Some(zone.to_owned())),
            None if matches!(start, Moment::Local(_)) || matches!(end, Moment::Local(_)) => {
                self.time_zone().map(Some)
            }
            None => Ok(None),
        }
    }

    /// Ends a series before one of its events and begins a new one there
    /// (<https://developers.google.com/workspace/calendar/api/guides/recurringevents>, "Modify all following instances").
    fn split(
        &self,
        series_id: &str,
        series: &Value,
        event: &Value,
        changes: Value,
    ) -> Result<Value, Error> {
        let begin = original_start(event)?;
        let kept = ended(&series["recurrence"], begin);
        let mut new: Map<String, Value> = TAKEN_OVER
            .iter()
            .filter_map(|name| series.get(*name).map(|value| ((*name).to_owned(), value.clone())))
            .collect();
        let rest = match counted(&series["recurrence"]) {
            Some(count) => with_count(
                &series["recurrence"],
                count.saturating_sub(self.number_before(series_id, begin)?).max(1),
            ),
            None => series["recurrence"].clone(),
        };
        new.insert("recurrence".to_owned(), rest);
        if let Value::Object(changes) = changes {
            new.extend(changes);
        }
        let created = self.send(Method::Post, &[], Some(&new.into()))?;
        self.send(Method::Patch, &[series_id], Some(&json!({"recurrence": kept}))).map_err(
            |error| {
                let id = created["id"].as_str().unwrap_or_default();
                if matches!(
                    error.code(),
                    Code::UpstreamUnavailable | Code::Timeout | Code::Cancelled
                ) {
                    // It may have been done, and then the new series is all that is left.
                    let message = format!(
                        "The new series `{id}` is there, but perhaps the old one still goes on: {}",
                        error.message()
                    );
                    return Error::new(error.code(), message)
                        .with_hint("Look at both, and delete what is there twice.");
                }
                // Otherwise every event would be there twice; the error of the change is the one to tell either way.
                let _ = self.send(Method::Delete, &[id], None);
                error
            },
        )?;
        Ok(created)
    }

    /// How many events of a series come before a moment, those that were cancelled included.
    fn number_before(&self, series_id: &str, begin: Moment) -> Result<u64, Error> {
        // A day begins at another time in every zone, so a day more is asked for and looked at.
        let before = match begin {
            Moment::Day(day) => format!("{}T00:00:00Z", Moment::Day(day + 1)),
            _ => begin.to_string(),
        };
        let is_before = |item: &&Value| {
            original_start(item)
                .is_ok_and(|start| start.since(begin).is_some_and(|seconds| seconds < 0))
        };
        let mut number = 0;
        let mut token = None;
        loop {
            let mut query =
                vec![("timeMax", before.as_str()), ("showDeleted", "true"), ("maxResults", "2500")];
            query.extend(token.as_deref().map(|token| ("pageToken", token)));
            let page = self
                .session
                .get(&["calendars", self.calendar, "events", series_id, "instances"], &query)?;
            number += page["items"]
                .as_array()
                .map_or(0, |items| items.iter().filter(is_before).count() as u64);
            match page["nextPageToken"].as_str() {
                Some(next) => token = Some(next.to_owned()),
                None => return Ok(number),
            }
        }
    }
}

/// An event's properties that the arguments name, as Google wants them. Existing guests keep their response status.
fn members(arguments: &Map<String, Value>, before: &Value) -> Map<String, Value> {
    let mut members = Map::new();
    let same = [
        ("title", "summary"),
        ("description", "description"),
        ("location", "location"),
        ("color", "colorId"),
        ("visibility", "visibility"),
    ];
    for (name, member) in same {
        members.extend(arguments.get(name).map(|value| (member.to_owned(), value.clone())));
    }
    let mut set = |name: &str, value: Value| members.insert(name.to_owned(), value);
    if let Some(free) = arguments.get("free") {
        set("transparency", if *free == true { "transparent" } else { "opaque" }.into());
    }
    if arguments.contains_key("attendees") {
        let known = |email: &str| {
            let mut people = before["attendees"].as_array().into_iter().flatten();
            people
                .find(|person| {
                    person["email"].as_str().is_some_and(|known| known.eq_ignore_ascii_case(email))
                })
                .cloned()
        };
        set(
            "attendees",
            strings(arguments, "attendees")
                .map(|email| known(email).unwrap_or_else(|| json!({"email": email})))
                .collect(),
        );
    }
    if arguments.contains_key("recurrence") {
        let rule = |line: &str| {
            if line.starts_with("FREQ=") { format!("RRULE:{line}") } else { line.to_owned() }
        };
        set("recurrence", strings(arguments, "recurrence").map(rule).collect());
    }
    if let Some(minutes) = arguments.get("reminders").and_then(Value::as_array) {
        let reminders: Vec<_> =
            minutes.iter().map(|minutes| json!({"method": "popup", "minutes": minutes})).collect();
        set("reminders", json!({"useDefault": false, "overrides": reminders}));
    }
    if arguments.get("meet") == Some(&Value::Bool(true)) {
        // Google makes one conference for an id, so a call that is tried again gets the same one.
        let digest = Hash::hash(Value::from(arguments.clone()).to_string().as_bytes());
        let id = digest.iter().take(8).fold(0_u64, |id, byte| id << 8 | u64::from(*byte));
        set(
            "conferenceData",
            json!({"createRequest": {"requestId": format!("{id:016x}"), "conferenceSolutionKey": {"type": "hangoutsMeet"}}}),
        );
    }
    members
}

/// A start or an end as Google wants it.
fn event_time(moment: Moment, zone: Option<&str>) -> Value {
    if let Moment::Day(_) = moment {
        return json!({"date": moment.to_string()});
    }
    let mut time = json!({"dateTime": moment.to_string()});
    if let Some(zone) = zone {
        time["timeZone"] = zone.into();
    }
    time
}

/// As [`event_time`], and what it was before is taken away: a change keeps what it does not name.
fn replacing_time(moment: Moment, zone: Option<&str>) -> Value {
    let mut time = event_time(moment, zone);
    match moment {
        Moment::Day(_) => time["dateTime"] = Value::Null,
        _ => time["date"] = Value::Null,
    }
    time
}

/// An hour later, or one day.
fn default_end(start: Moment) -> Moment {
    match start {
        Moment::Day(day) => Moment::Day(day + 1),
        _ => start.later(3600),
    }
}

/// The end, if it can be one. A day that ends on itself is one whole day: Google's end is the day after the last.
fn end_after(start: Moment, end: Moment) -> Result<Moment, Error> {
    if let (Moment::Day(first), Moment::Day(last)) = (start, end)
        && first == last
    {
        return Ok(default_end(start));
    }
    let mixed = matches!(start, Moment::Day(_)) != matches!(end, Moment::Day(_));
    if mixed || end.since(start).is_some_and(|seconds| seconds <= 0) {
        return Err(Error::invalid_params(
            "`end` must be after `start`, and both must be dates or both times.",
        )
        .with_hint("For example start 2026-11-30T09:00 and end 2026-11-30T10:00."));
    }
    Ok(end)
}

/// The start and end of an event as it stands.
fn times_of(event: &Value) -> Result<(Moment, Moment), Error> {
    let read = |name: &str| when(&event[name]).as_str().and_then(Moment::read);
    read("start").zip(read("end")).ok_or_else(|| {
        Error::new(Code::UpstreamUnavailable, "Google Calendar names no time of the event.")
    })
}

/// The times that the arguments ask for, if they do; with only a new start, the event stays as long as it is.
fn new_times(
    arguments: &Map<String, Value>,
    event: &Value,
) -> Result<Option<(Moment, Moment)>, Error> {
    let given = |name| {
        arguments
            .get(name)
            .and_then(Value::as_str)
            .map(|text| Moment::parse(name, text))
            .transpose()
    };
    let (start, end) = (given("start")?, given("end")?);
    if start.is_none() && end.is_none() {
        return Ok(None);
    }
    let (old_start, old_end) = times_of(event)?;
    let start = start.unwrap_or(old_start);
    let end = match end {
        Some(end) => end_after(start, end)?,
        None if matches!(start, Moment::Day(_)) == matches!(old_start, Moment::Day(_)) => {
            start.later(old_end.since(old_start).unwrap_or(3600))
        }
        None => default_end(start),
    };
    Ok(Some((start, end)))
}

/// What new times of one event mean for the first of its series: as much earlier or later, and as long.
fn shifted(
    (start, end): (Moment, Moment),
    event: &Value,
    series: &Value,
) -> Result<(Moment, Moment), Error> {
    let zone = match event["start"]["timeZone"].as_str() {
        Some(name) => Zone::named(name)?,
        None => Zone::named("UTC")?,
    };
    let exact = |moment: Moment| match moment {
        Moment::Day(_) => moment,
        _ => zone.moment(moment.instant(&zone)),
    };
    let (old, _) = times_of(event)?;
    let (first, _) = times_of(series)?;
    let (start, end) = (exact(start), exact(end));
    match (start.since(exact(old)), end.since(start)) {
        (Some(by), Some(length)) => Ok((first.later(by), first.later(by + length))),
        _ => Err(Error::invalid_params(
            "A series turns from days to times, or back, only as a whole.",
        )
        .with_hint("Give its recurring_event_id as `event_id`, and its first start and end.")),
    }
}

/// When an event of a series was to begin before anybody moved it.
fn original_start(event: &Value) -> Result<Moment, Error> {
    let start = when(&event["originalStartTime"]).as_str().and_then(Moment::read);
    start.ok_or_else(|| {
        Error::new(
            Code::UpstreamUnavailable,
            "Google Calendar does not name the event's place in its series.",
        )
    })
}

fn is_first(event: &Value, series: &Value) -> bool {
    let first = times_of(series).map(|(start, _)| start);
    matches!((original_start(event), first), (Ok(this), Ok(first)) if this.since(first) == Some(0))
}

fn refuse_series(event: &Value) -> Result<(), Error> {
    if event["recurrence"].is_null() {
        return Ok(());
    }
    Err(Error::invalid_params("This is a whole series, and `scope` is `this`.").with_hint(
        "Give `scope` all, or the id of one event from list_events or list_event_instances.",
    ))
}

fn no_occurrence() -> Error {
    Error::invalid_params("`scope` following needs one event of a series.").with_hint(
        "Give the id of the first event to change, from list_events or list_event_instances.",
    )
}

/// What is returned of a created or changed event.
fn brief(event: &Value) -> Value {
    let mut brief = json!({
        "id": event["id"], "title": event["summary"], "start": when(&event["start"]), "end": when(&event["end"]), "location": event["location"],
        "recurrence": event["recurrence"], "attendees": attendees(&event["attendees"]), "meet_url": event["hangoutLink"], "url": event["htmlLink"],
    });
    if let Some(members) = brief.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    brief
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(text: &str) -> Moment {
        Moment::read(text).expect("it is a moment")
    }

    fn object(value: &Value) -> &Map<String, Value> {
        value.as_object().expect("it is an object")
    }

    #[test]
    fn new_times_keep_the_length() {
        let timed = json!({"start": {"dateTime": "2026-11-30T09:00:00+01:00"}, "end": {"dateTime": "2026-11-30T09:30:00+01:00"}});
        let whole = json!({"start": {"date": "2026-11-30"}, "end": {"date": "2026-12-02"}});
        let check = |arguments: Value, event: &Value, expected: Option<(&str, &str)>| {
            let new = new_times(object(&arguments), event).expect("the arguments are good");
            assert_eq!(
                new,
                expected.map(|(start, end)| (moment(start), moment(end))),
                "{arguments}"
            );
        };
        check(json!({}), &timed, None);
        check(
            json!({"start": "2026-12-01T10:00"}),
            &timed,
            Some(("2026-12-01T10:00", "2026-12-01T10:30")),
        );
        check(
            json!({"end": "2026-11-30T10:00:00+01:00"}),
            &timed,
            Some(("2026-11-30T09:00:00+01:00", "2026-11-30T10:00:00+01:00")),
        );
        check(json!({"start": "2026-12-05"}), &whole, Some(("2026-12-05", "2026-12-07")));
        check(json!({"start": "2026-12-05"}), &timed, Some(("2026-12-05", "2026-12-06")));
        check(
            json!({"start": "2026-12-05", "end": "2026-12-05"}),
            &whole,
            Some(("2026-12-05", "2026-12-06")),
        );
        for wrong in [
            json!({"start": "x"}),
            json!({"end": "2026-11-30"}),
            json!({"end": "2026-11-30T08:00:00+01:00"}),
        ] {
            assert!(new_times(object(&wrong), &timed).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_whole_series_moves_as_far_as_its_event() {
        let event = json!({
            "start": {"dateTime": "2026-07-06T09:00:00+02:00", "timeZone": "Europe/Berlin"}, "end": {"dateTime": "2026-07-06T09:30:00+02:00"},
        });
        let series = json!({"start": {"dateTime": "2026-01-05T09:00:00+01:00"}, "end": {"dateTime": "2026-01-05T09:30:00+01:00"}});
        let check = |start: &str, end: &str, expected: (&str, &str)| {
            let times =
                shifted((moment(start), moment(end)), &event, &series).expect("both are times");
            assert_eq!(times, (moment(expected.0), moment(expected.1)), "{start}");
        };
        check(
            "2026-07-06T10:00",
            "2026-07-06T11:00",
            ("2026-01-05T10:00:00+01:00", "2026-01-05T11:00:00+01:00"),
        );
        check(
            "2026-07-06T10:00:00Z",
            "2026-07-06T10:15:00Z",
            ("2026-01-05T12:00:00+01:00", "2026-01-05T12:15:00+01:00"),
        );
        check(
            "2026-07-07T09:00",
            "2026-07-07T09:30",
            ("2026-01-06T09:00:00+01:00", "2026-01-06T09:30:00+01:00"),
        );
        assert!(shifted((moment("2026-07-06"), moment("2026-07-07")), &event, &series).is_err());
    }

    #[test]
    fn guests_of_before_keep_their_answers() {
        let before =
            json!({"attendees": [{"email": "ana@example.com", "responseStatus": "accepted"}]});
        let arguments = json!({"attendees": ["Ana@example.com", "bo@example.com"], "free": true, "reminders": [], "recurrence": ["FREQ=DAILY"]});
        let expected = json!({
            "transparency": "transparent",
            "attendees": [{"email": "ana@example.com", "responseStatus": "accepted"}, {"email": "bo@example.com"}],
            "recurrence": ["RRULE:FREQ=DAILY"],
            "reminders": {"useDefault": false, "overrides": []},
        });
        assert_eq!(Value::from(members(object(&arguments), &before)), expected);
    }

    #[test]
    fn the_first_event_of_a_series_is_known() {
        let series = json!({"start": {"dateTime": "2026-11-30T09:00:00+01:00"}, "end": {"dateTime": "2026-11-30T10:00:00+01:00"}});
        let event = |start: &str| json!({"originalStartTime": {"dateTime": start}});
        assert!(is_first(&event("2026-11-30T08:00:00Z"), &series));
        assert!(!is_first(&event("2026-12-07T09:00:00+01:00"), &series));
    }
}
