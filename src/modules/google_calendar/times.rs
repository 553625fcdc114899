//! The start and the end of an event, in arguments and in Google Calendar's form.

use serde_json::{Value, json};

use super::call::CalendarCall;
use crate::error::{Code, Error};
use crate::recurrence::{Clock, Start};
use crate::time::{DAY, Date, Moment, Resolved, Zone};

const HOUR: i64 = 3_600;

/// A start or an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Time {
    /// A whole day; an end is the day after the last day.
    Day(Date),
    /// A point in time.
    At {
        /// Seconds since 1970-01-01 UTC.
        seconds: i64,
        /// The form in which it is written: with an offset, or as the zone's clock time.
        written: Moment,
        /// The zone in which it is written.
        zone: Option<Zone>,
    },
}

/// The time of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Times {
    pub start: Time,
    pub end: Time,
}

impl Time {
    /// Reads the moment in an argument; without an offset, it is in this zone.
    pub fn of(name: &str, moment: Moment, zone: Option<Zone>) -> Result<Self, Error> {
        match (moment, zone) {
            (Moment::Day(day), _) => Ok(Self::Day(day)),
            (Moment::Instant { seconds, .. }, zone) => {
                Ok(Self::At { seconds, written: moment, zone })
            }
            (Moment::Local(local), zone) => {
                let zone = zone.unwrap_or_else(Zone::utc);
                Self::on_clock(local, zone).map_err(|(before, after)| {
                    Error::invalid_params(format!(
                        "`{name}` does not exist: clocks in {} are set forward over {moment}.",
                        zone.name()
                    ))
                    .with_hint(format!("Give {before} or {after}."))
                })
            }
        }
    }

    /// Returns the point in time of a zone's clock time: the first if the clocks show it twice; it is then written with its
    /// offset.
    ///
    /// # Errors
    ///
    /// If the clocks never show it, the error names the nearest times before and after.
    fn on_clock(local: i64, zone: Zone) -> Result<Self, (Moment, Moment)> {
        let at = |seconds, written| Self::At { seconds, written, zone: Some(zone) };
        match zone.resolve(local) {
            Resolved::Once(seconds) => Ok(at(seconds, Moment::Local(local))),
            Resolved::Twice(first, _) => Ok(at(first, zone.moment(first))),
            Resolved::Never(before, after) => Err((zone.moment(before), zone.moment(after))),
        }
    }

    /// Returns the current start or end of an event.
    fn read(time: &Value) -> Option<Self> {
        let moment = Moment::read(super::when(time).as_str()?)?;
        let zone = time["timeZone"].as_str().and_then(Zone::named);
        let seconds = match moment {
            Moment::Day(day) => return Some(Self::Day(day)),
            moment => moment.instant(&zone.unwrap_or_else(Zone::utc)),
        };
        Some(Self::At { seconds, written: moment, zone })
    }

    /// Returns the original start of an event of a series, before it was moved.
    pub fn original(event: &Value) -> Result<Self, Error> {
        Self::read(&event["originalStartTime"]).ok_or_else(|| {
            Error::new(
                Code::UpstreamUnavailable,
                "Google Calendar does not name the event's place in its series.",
            )
        })
    }

    /// Returns its position among the occurrences of a series.
    pub const fn place(self) -> i64 {
        match self {
            Self::Day(day) => day.days() * DAY,
            Self::At { seconds, .. } => seconds,
        }
    }

    /// Returns the start of a series at this time: in its own zone, otherwise in this one.
    pub fn start(self, zone: Zone) -> Start {
        match self {
            Self::Day(day) => Start { local: day.days() * DAY, clock: Clock::Days },
            Self::At { seconds, zone: own, .. } => {
                let zone = own.unwrap_or(zone);
                Start { local: seconds + zone.offset_at(seconds), clock: Clock::Zone(zone) }
            }
        }
    }

    /// Returns the time at which a series begins.
    pub fn of_start(start: Start) -> Result<Self, Error> {
        match start.clock {
            Clock::Days => Ok(Self::Day(Date::from_days(start.local.div_euclid(DAY)))),
            Clock::Zone(zone) => Self::on_clock(start.local, zone).map_err(|_| {
                Error::invalid_params(format!(
                    "The first event of the series would be at {}, which does not exist: clocks in {} are set forward over it.",
                    Moment::Local(start.local),
                    zone.name()
                ))
                .with_hint("Choose another time of day.")
            }),
        }
    }

    pub const fn zone(self) -> Option<Zone> {
        match self {
            Self::Day(_) => None,
            Self::At { zone, .. } => zone,
        }
    }

    /// Returns the same time, in this zone if it has no zone of its own.
    pub fn or_in(self, zone: Zone) -> Self {
        match self {
            Self::At { seconds, written, zone: None } => {
                Self::At { seconds, written, zone: Some(zone) }
            }
            other => other,
        }
    }

    pub const fn is_day(self) -> bool {
        matches!(self, Self::Day(_))
    }

    /// Returns the time this many seconds later, in this zone; a day moves by whole days. The form stays the same unless the
    /// clocks show the new time twice.
    fn later(self, by: i64, zone: Option<Zone>) -> Self {
        match self {
            Self::Day(day) => Self::Day(Date::from_days(day.days() + by.div_euclid(DAY))),
            Self::At { seconds, written, .. } => {
                let seconds = seconds + by;
                let with_offset = match (zone, written) {
                    (Some(zone), _) => zone.moment(seconds),
                    (None, Moment::Instant { offset, .. }) => Moment::Instant { seconds, offset },
                    (None, _) => Moment::utc(seconds),
                };
                let on_clock =
                    zone.filter(|_| matches!(written, Moment::Local(_))).and_then(|zone| {
                        let local = seconds + zone.offset_at(seconds);
                        (zone.resolve(local) == Resolved::Once(seconds))
                            .then_some(Moment::Local(local))
                    });
                Self::At { seconds, written: on_clock.unwrap_or(with_offset), zone }
            }
        }
    }

    /// Returns it in Google Calendar's form.
    pub fn json(self) -> Value {
        match self {
            Self::Day(day) => json!({"date": day.to_string()}),
            Self::At { written, zone, .. } => {
                let mut time = json!({"dateTime": written.to_string()});
                if let Some(zone) = zone {
                    time["timeZone"] = zone.name().into();
                }
                time
            }
        }
    }

    /// Like [`Time::json`], with its previous form set to null, because a change keeps members that it does not contain.
    pub fn replacing_json(self) -> Value {
        let mut time = self.json();
        time[if self.is_day() { "dateTime" } else { "date" }] = Value::Null;
        time
    }
}

impl Times {
    /// Returns the current times of an event.
    pub fn of(event: &Value) -> Result<Self, Error> {
        let times = Time::read(&event["start"]).zip(Time::read(&event["end"]));
        times.map(|(start, end)| Self { start, end }).ok_or_else(|| {
            Error::new(Code::UpstreamUnavailable, "Google Calendar names no time of the event.")
        })
    }

    /// Returns a start with an end; without a given end, it is an hour or one day later. A day that ends on itself is one whole
    /// day.
    pub fn new(start: Time, end: Option<Time>, zone: Option<Zone>) -> Result<Self, Error> {
        let default = Self::lasting(start, if start.is_day() { DAY } else { HOUR }, zone);
        let Some(end) = end else { return Ok(default) };
        let times = Self { start, end };
        match (start, end) {
            (Time::Day(first), Time::Day(last)) if first == last => Ok(default),
            _ if start.is_day() == end.is_day() && times.length() > 0 => Ok(times),
            _ => Err(Error::invalid_params(
                "`end` must be after `start`, and both must be dates or both times.",
            )
            .with_hint("For example start 2026-11-30T09:00 and end 2026-11-30T10:00.")),
        }
    }

    /// Returns a start with an end this many seconds later, in this zone.
    pub fn lasting(start: Time, length: i64, zone: Option<Zone>) -> Self {
        Self { start, end: start.later(length, zone) }
    }

    /// Returns the length in seconds.
    pub fn length(self) -> i64 {
        match (self.start, self.end) {
            (Time::Day(start), Time::Day(end)) => (end.days() - start.days()) * DAY,
            (Time::At { seconds: start, .. }, Time::At { seconds: end, .. }) => end - start,
            _ => 0,
        }
    }

    /// Returns the times that the arguments request, if any. With only a new start, the event keeps its length; each end keeps
    /// its zone.
    pub fn changed(place: &CalendarCall<'_>, event: &Value) -> Result<Option<Self>, Error> {
        let (zone, end_zone) =
            (place.zone_argument("time_zone")?, place.zone_argument("end_time_zone")?);
        let (given_start, given_end) = (place.moment("start")?, place.moment("end")?);
        if given_start.is_none() && given_end.is_none() {
            if zone.is_some() || end_zone.is_some() {
                return Err(Error::invalid_params("A time zone belongs to `start` or `end`.")
                    .with_hint("Give the new start or end, too."));
            }
            return Ok(None);
        }
        let old = Self::of(event)?;
        let start = match given_start {
            Some(moment) => place.time("start", moment, zone.or(old.start.zone()))?,
            None => old.start,
        };
        let own_zone = old.end.zone().filter(|_| old.end.zone() != old.start.zone());
        let end_zone = match (end_zone, given_end) {
            (Some(zone), _) => Some(zone),
            (None, Some(_)) => zone.or(old.end.zone()).or(start.zone()),
            (None, None) => own_zone.or(start.zone()),
        };
        let end = given_end.map(|moment| place.time("end", moment, end_zone)).transpose()?;
        if end.is_none() && start.is_day() == old.start.is_day() {
            return Ok(Some(Self::lasting(start, old.length(), end_zone)));
        }
        Self::new(start, end, end_zone).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> Option<Zone> {
        Some(Zone::named(name).expect("the zone is known"))
    }

    fn time(text: &str, zone: Option<Zone>) -> Result<Time, Error> {
        Time::of("start", Moment::read(text).expect("it is a moment"), zone)
    }

    #[test]
    fn a_time_that_clocks_never_show_is_refused_with_those_around_it() {
        let check = |text: &str, name: &str, expected: Result<&str, &str>| {
            let written = time(text, zone(name))
                .map(|time| time.json()["dateTime"].as_str().unwrap_or_default().to_owned())
                .map_err(|error| error.hint().unwrap_or_default().to_owned());
            assert_eq!(
                written,
                expected.map(str::to_owned).map_err(str::to_owned),
                "{text} {name}"
            );
        };
        check("2026-03-29T01:59", "Europe/Berlin", Ok("2026-03-29T01:59:00"));
        let around = "Give 2026-03-29T01:30:00+01:00 or 2026-03-29T03:30:00+02:00.";
        check("2026-03-29T02:30", "Europe/Berlin", Err(around));
        check("2026-03-29T02:30", "UTC", Ok("2026-03-29T02:30:00"));
        // The first of two is written in a form that excludes the second.
        check("2026-10-25T02:30", "Europe/Berlin", Ok("2026-10-25T02:30:00+02:00"));
        check("2026-10-25T02:30+01:00", "Europe/Berlin", Ok("2026-10-25T02:30:00+01:00"));
        let around = "Give 2026-10-04T01:45:00+10:30 or 2026-10-04T02:45:00+11:00.";
        check("2026-10-04T02:15", "Australia/Lord_Howe", Err(around));
    }

    #[test]
    fn an_end_is_as_far_away_as_time_passes() {
        let check = |start: &str, seconds: i64, name: &str, end: &str| {
            let start = time(start, zone(name)).expect("it exists");
            let times = Times::lasting(start, seconds, zone(name));
            assert_eq!(times.end.json()["dateTime"], end, "{start:?}");
            assert_eq!(times.length(), seconds);
        };
        check("2026-11-30T09:00", HOUR, "Europe/Berlin", "2026-11-30T10:00:00");
        check("2026-11-30T09:00Z", HOUR, "Europe/Berlin", "2026-11-30T11:00:00+01:00");
        // Into and over the skipped hour, and into and over the repeated hour.
        check("2026-03-29T01:30", HOUR, "Europe/Berlin", "2026-03-29T03:30:00");
        check("2026-03-28T22:00", 8 * HOUR, "Europe/Berlin", "2026-03-29T07:00:00");
        check("2026-10-25T01:30", HOUR, "Europe/Berlin", "2026-10-25T02:30:00+02:00");
        check("2026-10-25T01:30", 2 * HOUR, "Europe/Berlin", "2026-10-25T02:30:00+01:00");
    }

    #[test]
    fn ends_come_after_starts() {
        let check = |start: &str, end: Option<&str>, expected: Option<&str>| {
            let zone = zone("Europe/Berlin");
            let end = end.map(|end| time(end, zone).expect("it exists"));
            let times = Times::new(time(start, zone).expect("it exists"), end, zone);
            let end = times.ok().map(|times| super::super::when(&times.end.json()));
            assert_eq!(end, expected.map(Value::from), "{start}");
        };
        check("2026-11-30T09:00", None, Some("2026-11-30T10:00:00"));
        check("2026-11-30", None, Some("2026-12-01"));
        check("2026-11-30", Some("2026-11-30"), Some("2026-12-01"));
        check("2026-11-30", Some("2026-12-02"), Some("2026-12-02"));
        check("2026-11-30T09:00", Some("2026-11-30T09:30"), Some("2026-11-30T09:30:00"));
        check("2026-11-30T09:00", Some("2026-11-30T08:30Z"), Some("2026-11-30T08:30:00Z"));
        // The second half past two is after the first, and an hour before noon in Tokyo is long before nine in Berlin.
        check(
            "2026-10-25T02:30",
            Some("2026-10-25T02:30+01:00"),
            Some("2026-10-25T02:30:00+01:00"),
        );
        check("2026-11-30T09:00", Some("2026-11-30T11:00+09:00"), None);
        check("2026-11-30T09:00", Some("2026-11-30T09:00"), None);
        check("2026-11-30", Some("2026-11-29"), None);
        check("2026-11-30", Some("2026-11-30T09:00"), None);
        check("2026-11-30T09:00", Some("2026-12-01"), None);
    }
}
