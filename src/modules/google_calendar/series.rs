//! Changes and deletes a series as a whole, or from one of its events on.

use serde_json::{Value, json};

use super::call::CalendarCall;
use super::events::{Scope, checked_rules, members, series_start};
use super::times::{Time, Times};
use super::{conference, list, people, strings};
use crate::engine::walk::{End, MAX_PAGES, walk};
use crate::error::{Code, Error};
use crate::json::Object;
use crate::recurrence::{Recurrence, Start};
use crate::upstream::Method;

/// The properties that the new part of a series takes from the old series.
const TAKEN_OVER: [&str; 20] = [
    "summary",
    "description",
    "location",
    "attendees",
    "colorId",
    "visibility",
    "transparency",
    "status",
    "reminders",
    "anyoneCanAddSelf",
    "guestsCanInviteOthers",
    "guestsCanModify",
    "guestsCanSeeOtherGuests",
    "extendedProperties",
    "attachments",
    "source",
    "eventType",
    "focusTimeProperties",
    "outOfOfficeProperties",
    "workingLocationProperties",
];

/// The properties that a single event of a series can override.
const OWN: [&str; 9] = [
    "summary",
    "description",
    "location",
    "attendees",
    "colorId",
    "visibility",
    "transparency",
    "reminders",
    "attachments",
];

/// The maximum number of individually changed events that are copied: each takes two requests.
const MAX_CHANGED: usize = 40;

/// A series with its rules.
pub(super) struct Series<'a> {
    event: &'a Value,
    times: Times,
    recurrence: Recurrence,
}

/// An event of a series that was individually changed or deleted.
struct Exception {
    event: Value,
    /// Its original position by the rules.
    place: i64,
}

impl Exception {
    fn is_deleted(&self) -> bool {
        self.event["status"] == "cancelled"
    }
}

/// Changes a series through one of its events: all of it, or this event and the following ones.
pub(super) fn update(
    place: &CalendarCall<'_>,
    event: &Value,
    series: &Value,
    scope: Scope,
) -> Result<Value, Error> {
    let times = Times::changed(place, event)?;
    if scope == Scope::All {
        return all(place, event, series, times);
    }
    let old = Series::of(place, series)?;
    let at = Time::original(event)?.place();
    let exceptions = old.exceptions(place)?;
    let Some(split) = old.split(at, &exceptions)? else {
        return all(place, event, series, times);
    };
    people::refuse_omitted(series, "a new series from here on")?;
    let changed: Vec<&Exception> =
        exceptions.iter().filter(|one| one.place >= at && !one.is_deleted()).collect();
    if changed.len() > MAX_CHANGED {
        return Err(Error::invalid_params(format!(
            "{} of the events that follow were changed by themselves, more than {MAX_CHANGED}.",
            changed.len()
        ))
        .with_hint("Change the series in parts, from its later events to its earlier ones."));
    }

    // The new series is complete before anything of the old one is removed.
    let next = NextSeries::of(place, event, &old, split.rest, times)?;
    let created = place.send(Method::Post, &[], Some(&next.body.clone().into()))?;
    let id = created["id"].as_str().unwrap_or_default();
    let undone = |error: Error| {
        // Otherwise, every event would exist twice. The error of the change is reported even if this fails.
        let _ = place.send(Method::Delete, &[id], None);
        error
    };
    next.take_along(place, id, &changed).map_err(undone)?;
    let kept = json!({"recurrence": split.kept.lines()});
    place.send(Method::Patch, &[series["id"].as_str().unwrap_or_default()], Some(&kept)).map_err(
        |error| {
            if !may_be_done(&error) {
                return undone(error);
            }
            let message = format!(
                "The new series `{id}` is there, but perhaps the old one still goes on: {}",
                error.message()
            );
            Error::new(error.code(), message)
                .with_hint("Look at both, and delete what is there twice.")
        },
    )?;
    remove(place, &changed)?;
    Ok(created)
}

/// Deletes one event of a series and the following ones.
pub(super) fn delete_following(
    place: &CalendarCall<'_>,
    event: &Value,
    series: &Value,
) -> Result<(), Error> {
    let old = Series::of(place, series)?;
    let at = Time::original(event)?.place();
    let exceptions = old.exceptions(place)?;
    let id = series["id"].as_str().unwrap_or_default();
    let Some(split) = old.split(at, &exceptions)? else {
        place.send(Method::Delete, &[id], None)?;
        return Ok(());
    };
    let kept = json!({"recurrence": split.kept.lines()});
    place.send(Method::Patch, &[id], Some(&kept))?;
    let changed: Vec<&Exception> =
        exceptions.iter().filter(|one| one.place >= at && !one.is_deleted()).collect();
    remove(place, &changed)
}

/// Changes a whole series by the change of one of its events: moved by the same time, with the same length.
fn all(
    place: &CalendarCall<'_>,
    event: &Value,
    series: &Value,
    times: Option<Times>,
) -> Result<Value, Error> {
    let mut changes = members(place, series)?;
    let rules: Option<Vec<&str>> = place
        .arguments
        .contains_key("recurrence")
        .then(|| strings(place.arguments, "recurrence").collect());
    if times.is_some() || rules.is_some() {
        let old = Series::of(place, series)?;
        let start = old.moved_start(place, event, times, old.recurrence.start())?;
        let new = old.times_from(start, times)?;
        if times.is_some() {
            changes.insert("start".to_owned(), new.start.replacing_json());
            changes.insert("end".to_owned(), new.end.replacing_json());
        }
        let lines = match rules {
            Some(rules) if rules.is_empty() => Some(json!([])),
            Some(rules) => Some(checked_rules(place, new.start, &rules)?),
            None => old.moved_lines(start)?,
        };
        changes.extend(lines.map(|lines| ("recurrence".to_owned(), lines)));
    }
    if changes.is_empty() {
        return Ok(series.clone());
    }
    place.send(Method::Patch, &[series["id"].as_str().unwrap_or_default()], Some(&changes.into()))
}

/// A series in two parts, both with events.
struct Split {
    kept: Recurrence,
    rest: Recurrence,
}

impl<'a> Series<'a> {
    pub fn of(place: &CalendarCall<'_>, event: &'a Value) -> Result<Self, Error> {
        let times = Times::of(event)?;
        let start = series_start(place, times.start)?;
        let lines = list(&event["recurrence"]).filter_map(Value::as_str);
        let recurrence = Recurrence::parse(start, lines).map_err(|reason| {
            Error::invalid_params(format!("The rule of the series cannot be followed: {reason}."))
                .with_hint("Change it in Google Calendar, or one event at a time.")
        })?;
        Ok(Self { event, times, recurrence })
    }

    /// Returns the rules for a new start of the series; `None` if they stay the same.
    pub fn moved_lines(&self, start: Start) -> Result<Option<Value>, Error> {
        let moved = self.moved(&self.recurrence, start)?;
        let (old, new) = (self.recurrence.lines(), moved.lines());
        Ok((old != new).then(|| new.into()))
    }

    fn moved(&self, recurrence: &Recurrence, start: Start) -> Result<Recurrence, Error> {
        recurrence.moved(start).map_err(|reason| {
            Error::invalid_params(format!("The series cannot move like this: {reason}."))
                .with_hint("Give the rule that it shall have as `recurrence`.")
        })
    }

    /// Returns the start of a series when one of its events moves: this start, moved by the same clock time.
    fn moved_start(
        &self,
        place: &CalendarCall<'_>,
        event: &Value,
        times: Option<Times>,
        from: Start,
    ) -> Result<Start, Error> {
        let Some(times) = times.filter(|_| place.arguments.contains_key("start")) else {
            return Ok(from);
        };
        let new = series_start(place, times.start)?;
        let original = from.clock.local(Time::original(event)?.place());
        Ok(Start { local: from.local + new.local - original, clock: new.clock })
    }

    /// Returns the times of a series with this start, as long as the changed event, otherwise as before.
    fn times_from(&self, start: Start, times: Option<Times>) -> Result<Times, Error> {
        let old = times.unwrap_or(self.times);
        let start = Time::of_start(start)?;
        let same_zone = old.end.zone() == old.start.zone();
        let zone = if same_zone { start.zone() } else { old.end.zone() };
        if old.start.is_day() == start.is_day() {
            Ok(Times::lasting(start, old.length(), zone))
        } else {
            Times::new(start, None, zone)
        }
    }

    /// Returns the series before a position, and from it on; `None` if nothing is left before it.
    fn split(&self, at: i64, exceptions: &[Exception]) -> Result<Option<Split>, Error> {
        let mut without_deleted = self.recurrence.clone();
        let deleted = exceptions.iter().filter(|one| one.is_deleted()).map(|one| one.place);
        without_deleted.exclude(deleted);
        let cannot = |reason| {
            Error::invalid_params(format!("The series cannot be split: {reason}."))
                .with_hint("Change it as a whole, or one event at a time.")
        };
        let (kept, _) = self.recurrence.split(at).map_err(cannot)?;
        let (visible, rest) = without_deleted.split(at).map_err(cannot)?;
        match (kept, visible, rest) {
            (Some(kept), Some(_), Some(rest)) => Ok(Some(Split { kept, rest })),
            (_, None, _) | (None, ..) => Ok(None),
            (.., None) => Err(Error::invalid_params("The series has no event from here on.")
                .with_hint("Look at its events with list_event_instances.")),
        }
    }

    /// Returns the events that were individually changed or deleted.
    fn exceptions(&self, place: &CalendarCall<'_>) -> Result<Vec<Exception>, Error> {
        let Some(uid) = self.event["iCalUID"].as_str() else { return Ok(Vec::new()) };
        let mut exceptions = Vec::new();
        let end = walk(MAX_PAGES, |token| {
            let mut query = vec![("iCalUID", uid), ("showDeleted", "true"), ("maxResults", "2500")];
            query.extend(token.map(|token| ("pageToken", token)));
            let page = place.session.get(&["calendars", place.calendar, "events"], &query)?;
            for event in list(&page["items"]) {
                if event["recurringEventId"] == self.event["id"] {
                    let place = Time::original(event)?.place();
                    exceptions.push(Exception { event: event.clone(), place });
                }
            }
            Ok(page["nextPageToken"].as_str().map(str::to_owned))
        })?;
        // An exception that was not read would be lost.
        if end == End::Last { Ok(exceptions) } else { Err(unending()) }
    }
}

fn unending() -> Error {
    Error::new(
        Code::UpstreamUnavailable,
        "Google Calendar's list of the changed events has no end.",
    )
    .with_hint("Try again later.")
}

/// The series that continues from one of the events of another series.
struct NextSeries<'a> {
    old: &'a Series<'a>,
    body: Object,
    /// The positions of the remaining events if they did not move, and how they move; `None` if the new series has its own
    /// rules.
    moves: Option<(Start, Start)>,
    /// The position of the event whose times were changed.
    retimed: Option<i64>,
}

impl<'a> NextSeries<'a> {
    fn of(
        place: &CalendarCall<'_>,
        event: &Value,
        old: &'a Series<'a>,
        rest: Recurrence,
        times: Option<Times>,
    ) -> Result<Self, Error> {
        let mut body: Object = TAKEN_OVER
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), old.event.get(*name)?.clone())))
            .filter(|(name, value)| {
                !matches!(
                    (name.as_str(), value.as_str()),
                    ("status", Some("confirmed")) | ("eventType", Some("default"))
                )
            })
            .collect();
        if let Some(conference) = conference::for_next_series(old.event) {
            body.insert("conferenceData".to_owned(), conference);
        }
        body.extend(members(place, old.event)?);

        let from = rest.start();
        let start = old.moved_start(place, event, times, from)?;
        let new = old.times_from(start, times)?;
        body.insert("start".to_owned(), new.start.json());
        body.insert("end".to_owned(), new.end.json());
        let own_rules = place.arguments.contains_key("recurrence");
        let lines = if own_rules {
            let rules: Vec<&str> = strings(place.arguments, "recurrence").collect();
            (!rules.is_empty()).then(|| checked_rules(place, new.start, &rules)).transpose()?
        } else {
            let moved = old.moved(&rest, start)?;
            moved.recurs().then(|| moved.lines().into())
        };
        body.extend(lines.map(|lines| ("recurrence".to_owned(), lines)));
        let retimed = times.map(|_| Time::original(event)).transpose()?.map(Time::place);
        Ok(Self { old, body, moves: (!own_rules).then_some((from, start)), retimed })
    }

    /// Copies the individual changes of the old series' events to the new series.
    fn take_along(
        &self,
        place: &CalendarCall<'_>,
        id: &str,
        changed: &[&Exception],
    ) -> Result<(), Error> {
        let Some((from, start)) = self.moves else { return Ok(()) };
        let named = members(place, self.old.event)?;
        for exception in changed {
            let own = self.own(exception, &named)?;
            if own.is_empty() {
                continue;
            }
            let moved =
                start.clock.place(from.clock.local(exception.place) + start.local - from.local);
            let original = start.clock.moment(moved).to_string();
            let found = place.session.get(
                &["calendars", place.calendar, "events", id, "instances"],
                &[("originalStart", &original)],
            )?;
            let instance = found["items"][0]["id"].as_str().ok_or_else(|| {
                Error::new(
                    Code::UpstreamUnavailable,
                    format!("The new series has no event at {original}, where the old one has a changed one."),
                )
            })?;
            place.send(Method::Patch, &[instance], Some(&own.into()))?;
        }
        Ok(())
    }

    /// Returns the properties that an event overrides, without those that the arguments set.
    fn own(&self, exception: &Exception, named: &Object) -> Result<Object, Error> {
        let event = &exception.event;
        let mut own: Object = OWN
            .iter()
            .filter(|name| {
                event.get(**name) != self.old.event.get(**name) && !named.contains_key(**name)
            })
            .filter(|name| **name != "attendees" || event["attendeesOmitted"] != true)
            .map(|name| ((*name).to_owned(), event[*name].clone()))
            .collect();
        let times = Times::of(event)?;
        let is_moved = super::when(&event["start"]) != super::when(&event["originalStartTime"])
            || times.length() != self.old.times.length();
        if is_moved && self.retimed != Some(exception.place) {
            own.insert("start".to_owned(), times.start.json());
            own.insert("end".to_owned(), times.end.json());
        }
        Ok(own)
    }
}

/// Deletes events of a series beyond its new end; Google Calendar may have deleted them already.
fn remove(place: &CalendarCall<'_>, exceptions: &[&Exception]) -> Result<(), Error> {
    for exception in exceptions {
        let id = exception.event["id"].as_str().unwrap_or_default();
        match place.send(Method::Delete, &[id], None) {
            Err(error) if error.code() != Code::NotFound => {
                let message = format!(
                    "The series ends as asked, but its event `{id}`, which was changed by itself, is still there: {}",
                    error.message()
                );
                return Err(Error::new(error.code(), message)
                    .with_hint("Delete that event with delete_event, `scope` this."));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Returns whether a failed request may have taken effect.
fn may_be_done(error: &Error) -> bool {
    matches!(error.code(), Code::UpstreamUnavailable | Code::Timeout | Code::Cancelled)
}
