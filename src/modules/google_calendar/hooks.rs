//! Parts of Google Calendar's module that cannot be expressed as data: reading several calendars at once, and finding free
//! time.

use serde_json::{Map, Value, json};

use crate::engine::session::{list, text};
use crate::engine::times::{moment, zone};
use crate::engine::walk::{End, MAX_PAGES, walk};
use crate::engine::{Hooks, Session};
use crate::error::{Code, Error, shortened};
use crate::json::Object;
use crate::time::{DAY, Date, Moment, Zone, now, time_of_day};
use crate::upstream::Method;

mod call;
mod conference;
mod events;
mod kinds;
mod people;
mod series;
mod sharing;
mod times;

/// The hooks that Google Calendar's `module.json` cites.
pub(super) const HOOKS: Hooks = Hooks {
    fields: &[
        ("attachments", attachments),
        ("attendees", attendees),
        ("busy", busy),
        ("colors", colors),
        ("conference", conference::conference),
        ("count", count),
        ("cut", cut),
        ("decline", kinds::decline),
        ("default_reminders", default_reminders),
        ("end_time_zone", end_time_zone),
        ("free", free),
        ("last_day", events::last_day),
        ("reminders", reminders),
        ("response", response),
        ("rooms", rooms),
        ("title", title),
        ("video_url", conference::video_url),
        ("when", when),
        ("grantee", sharing::grantee),
        ("working_location", kinds::working_location),
    ],
    params: &[("calendar_items", calendar_items)],
    handlers: &[
        ("create_event", events::create),
        ("create_focus_time", kinds::create_focus_time),
        ("create_out_of_office", kinds::create_out_of_office),
        ("delete_event", events::delete),
        ("get_current_time", get_current_time),
        ("list_events", list_events),
        ("respond_to_event", events::respond),
        ("set_working_location", kinds::set_working_location),
        ("share_calendar", sharing::share),
        ("suggest_time", suggest_time),
        ("update_event", events::update),
    ],
    ..Hooks::NONE
};

/// The maximum length in characters of a text in a row.
const MAX_SHOWN: usize = 200;

/// The maximum number of events that one call reads.
const MAX_READ: usize = 5_000;

/// The longest period that a call searches for free time; Google rejects much longer ones.
const MAX_SEARCHED: i64 = 60 * DAY;

/// Free time begins at a multiple of 15 minutes.
const QUARTER: i64 = 900;

/// Returns the events of several calendars in one list, sorted by start. If a calendar cannot be read, the others are still
/// returned.
fn list_events(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let (zone_name, zone) = zone_of(session, arguments)?;
    let (from, to) = stretch(arguments, &zone)?;
    let (from, to) = (utc(from), utc(to));
    let mut query = vec![
        ("singleEvents", "true"),
        ("orderBy", "startTime"),
        ("timeMin", from.as_str()),
        ("timeMax", to.as_str()),
        ("timeZone", zone_name.as_str()),
        ("maxResults", "250"),
    ];
    query.extend(arguments.get("query").and_then(Value::as_str).map(|words| ("q", words)));
    let mut events = Vec::new();
    let mut incomplete = false;
    let (mut unread, mut failure, mut read) = (Vec::new(), None, 0);
    for calendar in strings(arguments, "calendar_ids") {
        match read_events(session, calendar, &query, MAX_READ.saturating_sub(events.len())) {
            Ok((found, whole)) => {
                incomplete |= !whole;
                read += 1;
                events.extend(
                    found.iter().map(|event| (start_in(event, &zone), row(calendar, event))),
                );
            }
            Err(error) if concerns_all(&error) => return Err(error),
            Err(error) => {
                unread.push(json!({"calendar_id": calendar, "reason": error.message()}));
                failure = failure.or(Some(error));
            }
        }
    }
    if let (0, Some(error)) = (read, failure) {
        return Err(error);
    }
    events.sort_by_key(|(start, _)| *start);

    let limit = arguments
        .get("limit")
        .and_then(Value::as_u64)
        .and_then(|limit| usize::try_from(limit).ok());
    let start = match arguments.get("cursor").and_then(Value::as_str).map(str::parse::<usize>) {
        None => 0,
        Some(Ok(start)) => start,
        Some(Err(_)) => {
            return Err(Error::invalid_params("Invalid `cursor`: this tool did not issue it.")
                .with_hint("Leave it out for the first page."));
        }
    };
    let end = start.saturating_add(limit.unwrap_or(usize::MAX)).min(events.len());
    let more = end < events.len();
    let rows: Vec<_> = events.into_iter().take(end).skip(start).map(|(_, row)| row).collect();
    let mut result = json!({"items": rows, "time_zone": zone_name});
    if more {
        result["next_cursor"] = end.to_string().into();
    }
    if !unread.is_empty() {
        result["unread"] = unread.into();
    }
    if incomplete || result.get("unread").is_some() {
        result["incomplete_results"] = true.into();
    }
    Ok(result)
}

/// Reads a calendar's events page by page until there are enough. Returns also whether these are all.
fn read_events(
    session: &Session<'_>,
    calendar: &str,
    query: &[(&str, &str)],
    enough: usize,
) -> Result<(Vec<Value>, bool), Error> {
    let mut events = Vec::new();
    let mut is_whole = true;
    let end = walk(MAX_PAGES, |token| {
        let page_token = token.map(|token| ("pageToken", token));
        let query: Vec<_> = query.iter().copied().chain(page_token).collect();
        let page = session.get(&["calendars", calendar, "events"], &query)?;
        events.extend(list(&page["items"]).cloned());
        let next = page["nextPageToken"].as_str().map(str::to_owned);
        is_whole = next.is_none() || events.len() < enough;
        Ok(next.filter(|_| is_whole))
    })?;
    Ok((events, is_whole && end == End::Last))
}

/// Returns whether an error affects more than the one calendar.
fn concerns_all(error: &Error) -> bool {
    matches!(
        error.code(),
        Code::Cancelled | Code::NotConnected | Code::ReconnectRequired | Code::Unauthenticated
    )
}

fn get_current_time(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let (name, zone) = zone_of(session, arguments)?;
    let instant = match arguments.get("at").and_then(Value::as_str) {
        Some(at) => moment("at", at)?.instant(&zone),
        None => now(),
    };
    let weekday = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
        [usize::try_from(zone.date(instant).weekday()).unwrap_or_default()];
    Ok(
        json!({"time": zone.moment(instant).to_string(), "weekday": weekday, "time_zone": name, "utc": utc(instant)}),
    )
}

/// Returns the first periods in working hours in which everyone is free.
fn suggest_time(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let (zone_name, zone) = zone_of(session, arguments)?;
    let (from, to) = stretch(arguments, &zone)?;
    if to - from > MAX_SEARCHED {
        return Err(Error::invalid_params("`from` and `to` are more than 60 days apart.")
            .with_hint("Look through less time at once."));
    }
    let calendars: Vec<&str> = strings(arguments, "calendar_ids").collect();
    let taken = taken(session, &calendars, (from, to), &zone)?;
    let hours = WorkingHours::of(arguments)?;
    let duration = arguments.get("duration").and_then(Value::as_i64).unwrap_or_default() * 60;
    let limit = arguments
        .get("limit")
        .and_then(Value::as_u64)
        .and_then(|limit| usize::try_from(limit).ok())
        .unwrap_or(1);
    let found = free_times(taken, &hours.between(from, to, &zone), duration);
    let moment = |instant| zone.moment(instant).to_string();
    let rows = found
        .into_iter()
        .take(limit)
        .map(|(start, end)| json!({"start": moment(start), "end": moment(start + duration), "free_until": moment(end)}));
    Ok(json!({"items": rows.collect::<Vec<_>>(), "time_zone": zone_name}))
}

/// Returns when the calendars are busy, in every account of the call.
///
/// Each account has its own primary calendar. Any other calendar is shared, and at least one account must be able to read it. A
/// calendar that cannot be read would look free, so it is an error, and so is a failed account.
fn taken(
    session: &Session<'_>,
    calendars: &[&str],
    (from, to): (i64, i64),
    zone: &Zone,
) -> Result<Vec<(i64, i64)>, Error> {
    let body = json!({"timeMin": utc(from), "timeMax": utc(to), "items": calendars.iter().map(|id| json!({"id": id})).collect::<Vec<_>>()});
    let mut taken = Vec::new();
    let mut unread: Vec<(&str, String)> = Vec::new();
    let mut read = Vec::new();
    for account in session.accounts() {
        let answer = account
            .send(Method::Post, &["freeBusy"], &[], Some(&body))
            .map_err(|error| of_account(session, &account, error))?;
        for calendar in calendars {
            let answered = &answer["calendars"][*calendar];
            let Some(periods) = answered["busy"]
                .as_array()
                .filter(|_| answered["errors"].as_array().is_none_or(Vec::is_empty))
            else {
                unread.push((
                    calendar,
                    answered["errors"][0]["reason"].as_str().unwrap_or("no answer").to_owned(),
                ));
                continue;
            };
            let bound = |period: &Value, name: &str| {
                period[name].as_str().and_then(Moment::read).map(|moment| moment.instant(zone))
            };
            taken.extend(
                periods
                    .iter()
                    .filter_map(|period| Some((bound(period, "start")?, bound(period, "end")?))),
            );
            read.push(*calendar);
        }
    }
    match unread
        .into_iter()
        .find(|(calendar, _)| *calendar == "primary" || !read.contains(calendar))
    {
        None => Ok(taken),
        Some((calendar, reason)) => Err(Error::new(
            Code::PermissionDenied,
            format!("The free time of `{calendar}` cannot be read ({reason})."),
        )
        .with_hint("Ask its owner to share it, or leave it out.")),
    }
}

/// Returns the error of one account, with its name if there are several.
fn of_account(all: &Session<'_>, one: &Session<'_>, error: Error) -> Error {
    match one.account() {
        Some(account) if all.accounts().count() > 1 => {
            let named =
                Error::new(error.code(), format!("Account `{account}`: {}", error.message()));
            error.hint().map_or_else(|| named.clone(), |hint| named.clone().with_hint(hint))
        }
        _ => error,
    }
}

/// A person's working hours.
struct WorkingHours {
    begin: i64,
    end: i64,
    weekends: bool,
}

impl WorkingHours {
    fn of(arguments: &Object) -> Result<Self, Error> {
        let time = |name| {
            let text = text(arguments, name);
            let seconds = if text == "24:00" { Some(DAY) } else { time_of_day(text).ok() };
            seconds.ok_or_else(|| {
                Error::invalid_params(format!(
                    "`{name}` must be a time written HH:MM, not `{text}`."
                ))
                .with_hint("For example 09:00.")
            })
        };
        let (begin, end) = (time("work_start")?, time("work_end")?);
        if begin >= end {
            return Err(Error::invalid_params("`work_end` must be after `work_start`.")
                .with_hint("For example 09:00 and 17:00."));
        }
        Ok(Self { begin, end, weekends: arguments.get("weekends") == Some(&Value::Bool(true)) })
    }

    /// Returns the working hours from one point in time to another.
    fn between(&self, from: i64, to: i64, zone: &Zone) -> Vec<(i64, i64)> {
        let days = (zone.date(from).days()..=zone.date(to).days())
            .filter(|day| self.weekends || !matches!(Date::from_days(*day).weekday(), 0 | 6));
        let stretch = |day| {
            (
                zone.instant_of(day * DAY + self.begin).max(from),
                zone.instant_of(day * DAY + self.end).min(to),
            )
        };
        days.map(stretch).collect()
    }
}

/// Returns the periods without the busy times, if they are long enough; starts are rounded up to a quarter of an hour.
fn free_times(
    mut taken: Vec<(i64, i64)>,
    stretches: &[(i64, i64)],
    duration: i64,
) -> Vec<(i64, i64)> {
    taken.sort_unstable();
    let mut free = Vec::new();
    for &(begin, end) in stretches {
        let mut at = begin;
        for &(busy_from, busy_to) in taken.iter().chain([&(end, end)]) {
            if busy_to < begin || busy_from > end {
                continue;
            }
            let start = (at + QUARTER - 1).div_euclid(QUARTER) * QUARTER;
            if busy_from - start >= duration {
                free.push((start, busy_from));
            }
            at = at.max(busy_to);
        }
    }
    free
}

/// Returns the zone in the arguments, otherwise the user's own setting.
fn zone_of(session: &Session<'_>, arguments: &Object) -> Result<(String, Zone), Error> {
    let zone = if let Some(name) = arguments.get("time_zone").and_then(Value::as_str) {
        zone(name)?
    } else {
        let setting = session.get(&["users", "me", "settings", "timezone"], &[])?;
        zone(setting["value"].as_str().unwrap_or("UTC"))?
    };
    Ok((zone.name().to_owned(), zone))
}

/// Returns the points in time of `from` and `to`; the defaults are now and a week later. If `to` is a day, it is included.
fn stretch(arguments: &Object, zone: &Zone) -> Result<(i64, i64), Error> {
    let moment = |name| {
        arguments.get(name).and_then(Value::as_str).map(|text| moment(name, text)).transpose()
    };
    let from = moment("from")?.map_or_else(now, |from| from.instant(zone));
    let to = match moment("to")? {
        None => from + 7 * DAY,
        Some(Moment::Day(day)) => zone.instant_of((day.days() + 1) * DAY),
        Some(to) => to.instant(zone),
    };
    if from < to {
        return Ok((from, to));
    }
    Err(Error::invalid_params("`to` must be after `from`.")
        .with_hint("A date as `to` includes the whole day."))
}

fn utc(seconds: i64) -> String {
    Moment::utc(seconds).to_string()
}

fn start_in(event: &Value, zone: &Zone) -> i64 {
    when(&event["start"])
        .as_str()
        .and_then(Moment::read)
        .map_or(i64::MAX, |start| start.instant(zone))
}

fn row(calendar: &str, event: &Value) -> Value {
    json!({
        "calendar_id": calendar, "id": event["id"], "title": event["summary"], "start": when(&event["start"]), "end": when(&event["end"]),
        "status": event["status"], "type": event["eventType"], "location": event["location"], "meet_url": conference::video_url(event),
        "response": response(&event["attendees"]), "organizer": event["organizer"]["email"], "attendees": count(&event["attendees"]),
        "free": free(&event["transparency"]), "description": cut(&event["description"]), "recurring_event_id": event["recurringEventId"],
        "url": event["htmlLink"], "updated_at": event["updated"],
    })
}

fn strings<'a>(arguments: &'a Object, name: &str) -> impl Iterator<Item = &'a str> {
    arguments.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

/// Returns the people of an event, without values that nearly all of them share.
fn attendees(people: &Value) -> Value {
    let person = |person: &Value| {
        let mut brief = json!({"email": person["email"], "response": person["responseStatus"]});
        for (name, member) in [
            ("name", "displayName"),
            ("optional", "optional"),
            ("resource", "resource"),
            ("comment", "comment"),
        ] {
            if let Some(value) = person.get(member) {
                brief[name] = value.clone();
            }
        }
        brief
    };
    people.as_array().map(|people| people.iter().map(person).collect::<Vec<_>>()).into()
}

/// Returns Google's map of calendars as a list, each with its busy times or the reason why it cannot be read.
fn busy(calendars: &Value) -> Value {
    let calendar =
        |(id, calendar): (&String, &Value)| match calendar["errors"][0]["reason"].as_str() {
            Some(reason) => json!({"calendar_id": id, "error": reason}),
            None => json!({"calendar_id": id, "busy": calendar["busy"]}),
        };
    calendars.as_object().into_iter().flatten().map(calendar).collect()
}

/// Returns a palette as ids with their background colors.
fn colors(palette: &Value) -> Value {
    let background = |(id, color): (&String, &Value)| (id.clone(), color["background"].clone());
    palette.as_object().into_iter().flatten().map(background).collect::<Map<_, _>>().into()
}

/// Returns reminders: `popup 10` means ten minutes before.
fn default_reminders(reminders: &Value) -> Value {
    let reminder = |reminder: &Value| {
        format!("{} {}", reminder["method"].as_str().unwrap_or_default(), reminder["minutes"])
    };
    reminders.as_array().map(|all| all.iter().map(reminder).collect::<Vec<_>>()).into()
}

/// Returns an event's own reminders; null if it uses the calendar's.
fn reminders(reminders: &Value) -> Value {
    if reminders["useDefault"] == true {
        Value::Null
    } else {
        default_reminders(&reminders["overrides"])
    }
}

/// Returns the number of people of an event.
fn count(people: &Value) -> Value {
    people.as_array().map(Vec::len).into()
}

/// Returns the rooms and other resources among the guests.
fn rooms(people: &Value) -> Value {
    let rooms: Vec<_> = list(people)
        .filter(|person| person["resource"] == true)
        .map(|room| room.get("displayName").unwrap_or(&room["email"]).clone())
        .collect();
    if rooms.is_empty() { Value::Null } else { rooms.into() }
}

/// Returns whether an event leaves its time free.
fn free(transparency: &Value) -> Value {
    (transparency == "transparent").into()
}

/// Returns the files of an event.
fn attachments(files: &Value) -> Value {
    let file = |file: &Value| json!({"title": file["title"], "url": file["fileUrl"]});
    files.as_array().map(|files| files.iter().map(file).collect::<Vec<_>>()).into()
}

/// Returns the beginning of a text.
fn cut(text: &Value) -> Value {
    text.as_str().map(|text| shortened(text.to_owned(), MAX_SHOWN)).into()
}

/// Returns the zone of an event's end, if it differs from that of its start.
fn end_time_zone(event: &Value) -> Value {
    let (start, end) = (&event["start"]["timeZone"], &event["end"]["timeZone"]);
    if start == end { Value::Null } else { end.clone() }
}

/// Returns the user's response to an invitation.
fn response(people: &Value) -> Value {
    let own = people.as_array().into_iter().flatten().find(|person| person["self"] == true);
    own.map(|person| person["responseStatus"].clone()).into()
}

/// Returns the user's own name of a calendar, otherwise its title.
fn title(calendar: &Value) -> Value {
    calendar.get("summaryOverride").unwrap_or(&calendar["summary"]).clone()
}

/// Returns the date or the time of a start or an end.
fn when(time: &Value) -> Value {
    time.get("dateTime").or_else(|| time.get("date")).cloned().unwrap_or_default()
}

fn calendar_items(ids: &Value) -> Result<Value, Error> {
    Ok(ids.as_array().into_iter().flatten().map(|id| json!({"id": id})).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        let zone = Zone::named("Europe/Berlin").expect("Berlin is known");
        Moment::read(text).expect("it is a moment").instant(&zone)
    }

    #[test]
    fn free_time_is_what_is_left_of_working_hours() {
        let check = |taken: &[(&str, &str)], minutes: i64, expected: &[(&str, &str)]| {
            let taken = taken.iter().map(|(from, to)| (at(from), at(to))).collect();
            let expected: Vec<_> = expected.iter().map(|(from, to)| (at(from), at(to))).collect();
            assert_eq!(
                free_times(
                    taken,
                    &[(at("2026-11-30T09:00"), at("2026-11-30T17:00"))],
                    minutes * 60
                ),
                expected
            );
        };
        check(&[], 60, &[("2026-11-30T09:00", "2026-11-30T17:00")]);
        check(&[("2026-11-30T08:00", "2026-11-30T18:00")], 15, &[]);
        let meetings = [
            ("2026-11-30T12:50", "2026-11-30T13:20"),
            ("2026-11-30T08:30", "2026-11-30T09:30"),
            ("2026-11-30T09:10", "2026-11-30T10:05"),
        ];
        check(
            &meetings,
            30,
            &[("2026-11-30T10:15", "2026-11-30T12:50"), ("2026-11-30T13:30", "2026-11-30T17:00")],
        );
        check(&meetings, 180, &[("2026-11-30T13:30", "2026-11-30T17:00")]);
        check(
            &[("2026-11-30T09:30", "2026-11-30T17:00")],
            30,
            &[("2026-11-30T09:00", "2026-11-30T09:30")],
        );
        check(
            &[("2026-11-30T09:00", "2026-11-30T16:40"), ("2026-11-30T10:00", "2026-11-30T11:00")],
            20,
            &[],
        );
    }

    #[test]
    fn working_hours_leave_weekends_out_and_keep_to_the_stretch() {
        let zone = Zone::named("Europe/Berlin").expect("Berlin is known");
        let check = |weekends: bool, expected: &[(&str, &str)]| {
            let hours = WorkingHours { begin: 9 * 3600, end: 17 * 3600, weekends };
            let expected: Vec<_> = expected.iter().map(|(from, to)| (at(from), at(to))).collect();
            assert_eq!(
                hours.between(at("2026-11-27T10:00"), at("2026-11-30T12:00"), &zone),
                expected
            );
        };
        let (friday, monday) =
            (("2026-11-27T10:00", "2026-11-27T17:00"), ("2026-11-30T09:00", "2026-11-30T12:00"));
        check(false, &[friday, monday]);
        check(
            true,
            &[
                friday,
                ("2026-11-28T09:00", "2026-11-28T17:00"),
                ("2026-11-29T09:00", "2026-11-29T17:00"),
                monday,
            ],
        );
    }

    #[test]
    fn working_hours_that_are_none_are_refused() {
        let check = |start: &str, end: &str, right: bool| {
            let arguments = json!({"work_start": start, "work_end": end});
            assert_eq!(
                WorkingHours::of(arguments.as_object().expect("it is an object")).is_ok(),
                right,
                "{start} {end}"
            );
        };
        check("09:00", "17:00", true);
        check("00:00", "24:00", true);
        check("17:00", "09:00", false);
        check("9", "17:00", false);
        check("09:00", "25:00", false);
    }

    #[test]
    fn a_stretch_includes_its_last_day() {
        let zone = Zone::named("Europe/Berlin").expect("Berlin is known");
        let check = |arguments: Value, expected: Option<(&str, &str)>| {
            let stretch = stretch(arguments.as_object().expect("it is an object"), &zone).ok();
            assert_eq!(stretch, expected.map(|(from, to)| (at(from), at(to))), "{arguments}");
        };
        check(
            json!({"from": "2026-11-30", "to": "2026-11-30"}),
            Some(("2026-11-30T00:00", "2026-12-01T00:00")),
        );
        check(json!({"from": "2026-11-30T09:00"}), Some(("2026-11-30T09:00", "2026-12-07T09:00")));
        check(
            json!({"from": "2026-11-30T09:00:00Z", "to": "2026-11-30T11:00"}),
            Some(("2026-11-30T10:00", "2026-11-30T11:00")),
        );
        check(json!({"from": "2026-11-30", "to": "2026-11-29"}), None);
        check(json!({"from": "soon"}), None);
    }

    #[test]
    fn answers_become_short() {
        let people = json!([{"email": "a@example.com", "responseStatus": "accepted", "organizer": true}, {"email": "b@example.com", "self": true, "responseStatus": "needsAction", "optional": true}]);
        assert_eq!(
            attendees(&people),
            json!([{"email": "a@example.com", "response": "accepted"}, {"email": "b@example.com", "response": "needsAction", "optional": true}])
        );
        assert_eq!(response(&people), "needsAction");
        assert_eq!((attendees(&Value::Null), response(&Value::Null)), (Value::Null, Value::Null));
        assert_eq!(reminders(&json!({"useDefault": true})), Value::Null);
        assert_eq!(
            reminders(
                &json!({"useDefault": false, "overrides": [{"method": "popup", "minutes": 10}]})
            ),
            json!(["popup 10"])
        );
        assert_eq!(title(&json!({"summary": "Team", "summaryOverride": "Work"})), "Work");
        let calendars = json!({"a": {"busy": []}, "b": {"errors": [{"domain": "global", "reason": "notFound"}], "busy": []}});
        assert_eq!(
            busy(&calendars),
            json!([{"calendar_id": "a", "busy": []}, {"calendar_id": "b", "error": "notFound"}])
        );
    }
}
