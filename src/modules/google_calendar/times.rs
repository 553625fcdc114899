//! The start and the end of an event, as arguments name them and as Google Calendar has them.

use serde_json::{Value, json};

use super::call::CalendarCall;
use crate::error::{Code, Error};
use crate::recurrence::{Clock, Start};
use crate::time::{DAY, Date, Moment, Resolved, Zone};

const HOUR: i64 = 3_600;

/// A start or an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Time {
    /// A whole day; as an end, the day after the last.
    Day(Date),
    /// A point in time.
    At {
        /// Seconds since 1970-01-01 UTC.
        seconds: i64,
        /// How it is written: with an offset, or as the zone's clocks show it.
        written: Moment,
        /// The zone that it is told in.
        zone: Option<Zone>,
    },
}

/// When an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Times {
    pub start: Time,
    pub end: Time,
}

impl Time {
    /// The moment that an argument names, told in this zone where it names no offset.
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

    /// The time that a zone's clocks show: the first if they show it twice, which is then written with its offset.
    ///
    /// # Errors
    ///
    /// If they never show it, the nearest times before and after.
    fn on_clock(local: i64, zone: Zone) -> Result<Self, (Moment, Moment)> {
        let at = |seconds, written| Self::At { seconds, written, zone: Some(zone) };
        match zone.resolve(local) {
            Resolved::Once(seconds) => Ok(at(seconds, Moment::Local(local))),
            Resolved::Twice(first, _) => Ok(at(first, zone.moment(first))),
            Resolved::Never(before, after) => Err((zone.moment(before), zone.moment(after))),
        }
    }

    /// The start or the end of an event as it stands.
    fn read(time: &Value) -> Option<Self> {
        let moment = Moment::read(super::when(time).as_str()?)?;
        let zone = time["timeZone"].as_str().and_then(Zone::named);
        let seconds = match moment {
            Moment::Day(day) => return Some(Self::Day(day)),
            moment => moment.instant(&zone.unwrap_or_else(Zone::utc)),
        };
        Some(Self::At { seconds, written: moment, zone })
    }

    /// When an event of a series was to begin before anybody moved it.
    pub fn original(event: &Value) -> Result<Self, Error> {
        Self::read(&event["originalStartTime"]).ok_or_else(|| {
            Error::new(
                Code::UpstreamUnavailable,
                "Google Calendar does not name the event's place in its series.",
            )
        })
    }

    /// Its place among the occurrences of a series.
    pub const fn place(self) -> i64 {
        match self {
            Self::Day(day) => day.days() * DAY,
            Self::At { seconds, .. } => seconds,
        }
    }

    /// Where a series would begin with it: in its own zone, else in this one.
    pub fn start(self, zone: Zone) -> Start {
        match self {
            Self::Day(day) => Start { local: day.days() * DAY, clock: Clock::Days },
            Self::At { seconds, zone: own, .. } => {
                let zone = own.unwrap_or(zone);
                Start { local: seconds + zone.offset_at(seconds), clock: Clock::Zone(zone) }
            }
        }
    }

    /// The time at which a series begins.
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

    /// The same time, told in this zone where it has none of its own.
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

    /// Seconds later, told in this zone; a day moves by whole days. Written in the same way as far as clocks show it once.
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

    /// As Google Calendar wants it.
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

    /// As [`Time::json`], and what it was before is taken away: a change keeps what it does not name.
    pub fn replacing_json(self) -> Value {
        let mut time = self.json();
        time[if self.is_day() { "dateTime" } else { "date" }] = Value::Null;
        time
    }
}

impl Times {
    /// Those of an event as it stands.
    pub fn of(event: &Value) -> Result<Self, Error> {
        let times = Time::read(&event["start"]).zip(Time::read(&event["end"]));
        times.map(|(start, end)| Self { start, end }).ok_or_else(|| {
            Error::new(Code::UpstreamUnavailable, "Google Calendar names no time of the event.")
        })
    }

    /// A start with an end, which is an hour later, or one day, if none is given. A day that ends on itself is one whole day.
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

    /// A start with an end so many seconds later, told in this zone.
    pub fn lasting(start: Time, length: i64, zone: Option<Zone>) -> Self {
        Self { start, end: start.later(length, zone) }
    }

    /// How long it is in seconds.
    pub fn length(self) -> i64 {
        match (self.start, self.end) {
            (Time::Day(start), Time::Day(end)) => (end.days() - start.days()) * DAY,
            (Time::At { seconds: start, .. }, Time::At { seconds: end, .. }) => end - start,
            _ => 0,
        }
    }

    /// Those that the arguments ask for, if they do. With only a new start the event stays as long as it is; each end is told
    /// in the zone that it has.
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
        // The first of two is written so that it cannot be the second.
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
        // Into and over the hour that is left out, and that comes twice.
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
