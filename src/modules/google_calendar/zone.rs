//! Moments as people write them, and the offsets of time zones.

use crate::engine::dates::{date_of, days_of, local_seconds_of, weekday_of};
use crate::error::Error;

/// Seconds of a day.
pub const DAY: i64 = 86_400;

/// The zones of the IANA time zone database (release 2025b, public domain) with the rules in force: minutes east of UTC,
/// then for zones with summer time its own and the two switches as month, week (5 is the last), weekday (0 is Sunday) and
/// minutes after midnight; then the names of all zones that share them.
const ZONES: &str = include_str!("zones.tsv");

/// What a text may mean by a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// A whole day, as days since 1970-01-01.
    Day(i64),
    /// A time on the clocks of some zone, as seconds since 1970-01-01 there.
    Local(i64),
    /// A point in time.
    Instant {
        /// Seconds since 1970-01-01 UTC.
        seconds: i64,
        /// Seconds east of UTC, as it was written.
        offset: i64,
    },
}

impl Moment {
    /// Reads `2026-11-30`, `2026-11-30T09:00` and `2026-11-30T09:00:00+01:00` (RFC 3339); `name` is for the error.
    pub fn parse(name: &str, text: &str) -> Result<Self, Error> {
        Self::read(text).ok_or_else(|| {
            Error::invalid_params(format!("`{name}` must be a date or a time, not `{text}`."))
                .with_hint("Write 2026-11-30, 2026-11-30T09:00, or 2026-11-30T09:00:00+01:00.")
        })
    }

    /// As [`Moment::parse`], without the error.
    pub fn read(text: &str) -> Option<Self> {
        let Some((_, time)) = text.split_once('T') else { return days_of(text).map(Self::Day) };
        let Some(at) = time.find(['Z', '+', '-']) else {
            return local_seconds_of(text).map(Self::Local);
        };
        let (local, zone) = text.split_at(text.len() - time.len() + at);
        let offset = if zone == "Z" {
            0
        } else {
            let (hours, minutes) = zone[1..].split_once(':')?;
            let digits =
                |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
            let seconds = hours.parse::<i64>().ok()? * 3600 + minutes.parse::<i64>().ok()? * 60;
            let valid = digits(hours) && digits(minutes) && seconds < DAY;
            valid.then_some(if zone.starts_with('-') { -seconds } else { seconds })?
        };
        Some(Self::Instant { seconds: local_seconds_of(local)? - offset, offset })
    }

    /// The same kind of moment, seconds later; a day moves by whole days.
    pub fn later(self, by: i64) -> Self {
        match self {
            Self::Day(day) => Self::Day(day + by.div_euclid(DAY)),
            Self::Local(seconds) => Self::Local(seconds + by),
            Self::Instant { seconds, offset } => Self::Instant { seconds: seconds + by, offset },
        }
    }

    /// Seconds from the other moment to this one; `None` if they are of different kinds.
    pub fn since(self, other: Self) -> Option<i64> {
        match (self, other) {
            (Self::Day(this), Self::Day(other)) => Some((this - other) * DAY),
            (Self::Local(this), Self::Local(other))
            | (Self::Instant { seconds: this, .. }, Self::Instant { seconds: other, .. }) => {
                Some(this - other)
            }
            _ => None,
        }
    }

    /// Seconds since 1970-01-01 UTC, where days and local times are those of the zone.
    pub fn instant(self, zone: &Zone) -> i64 {
        match self {
            Self::Day(day) => zone.instant_of(day * DAY),
            Self::Local(seconds) => zone.instant_of(seconds),
            Self::Instant { seconds, .. } => seconds,
        }
    }
}

impl std::fmt::Display for Moment {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Day(day) => formatter.write_str(&date_of(*day)),
            Self::Local(seconds) => formatter.write_str(&clock(*seconds)),
            Self::Instant { seconds, offset: 0 } => write!(formatter, "{}Z", clock(*seconds)),
            Self::Instant { seconds, offset } => {
                let (sign, minutes) = (if *offset < 0 { '-' } else { '+' }, offset.abs() / 60);
                write!(
                    formatter,
                    "{}{sign}{:02}:{:02}",
                    clock(seconds + offset),
                    minutes / 60,
                    minutes % 60
                )
            }
        }
    }
}

/// Date and time without an offset.
fn clock(seconds: i64) -> String {
    let time = seconds.rem_euclid(DAY);
    format!(
        "{}T{:02}:{:02}:{:02}",
        date_of(seconds.div_euclid(DAY)),
        time / 3600,
        time / 60 % 60,
        time % 60
    )
}

/// A time zone by the rules in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Zone {
    standard: i64,
    summer: Option<Summer>,
}

/// Summer time: its offset, and the local times at which clocks are set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Summer {
    offset: i64,
    begins: Switch,
    ends: Switch,
}

/// A moment of every year: month, week of the month, weekday, seconds after its midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Switch {
    month: i64,
    week: i64,
    weekday: i64,
    seconds: i64,
}

impl Zone {
    /// The zone of this name, such as `Europe/Berlin`.
    pub fn named(name: &str) -> Result<Self, Error> {
        let named = |line: &&str| {
            line.split_once('\t')
                .is_some_and(|(_, names)| names.split(' ').any(|known| known == name))
        };
        ZONES.lines().find(named).and_then(Self::parse).ok_or_else(|| {
            Error::invalid_params(format!("There is no time zone `{name}`."))
                .with_hint("Give an IANA name, such as Europe/Berlin.")
        })
    }

    /// The zone of a line of [`ZONES`].
    fn parse(line: &str) -> Option<Self> {
        let minutes = |text: &str| text.parse::<i64>().ok().map(|minutes| minutes * 60);
        let mut rules = line.split('\t').next()?.split(' ');
        let standard = minutes(rules.next()?)?;
        let summer = match rules.next() {
            None => None,
            Some(offset) => Some(Summer {
                offset: minutes(offset)?,
                begins: Switch::parse(rules.next()?)?,
                ends: Switch::parse(rules.next()?)?,
            }),
        };
        Some(Self { standard, summer })
    }

    /// Seconds east of UTC at a point in time.
    pub fn offset_at(&self, instant: i64) -> i64 {
        let Some(summer) = self.summer else { return self.standard };
        let date = date_of((instant + self.standard).div_euclid(DAY));
        let year = date.split('-').next().unwrap_or_default();
        let begins = summer.begins.in_year(year) - self.standard;
        let ends = summer.ends.in_year(year) - summer.offset;
        let is_summer = if begins < ends {
            (begins..ends).contains(&instant)
        } else {
            !(ends..begins).contains(&instant)
        };
        if is_summer { summer.offset } else { self.standard }
    }

    /// The point in time at which the zone's clocks show this. What they never show, in spring, is taken an hour later.
    pub fn instant_of(&self, local: i64) -> i64 {
        let near = local - self.offset_at(local - self.standard);
        local - self.offset_at(near)
    }

    /// A point in time with the zone's offset.
    pub fn moment(&self, instant: i64) -> Moment {
        Moment::Instant { seconds: instant, offset: self.offset_at(instant) }
    }
}

impl Switch {
    fn parse(text: &str) -> Option<Self> {
        let parts: Vec<i64> =
            text.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
        let [month, week, weekday, minutes] = parts[..] else { return None };
        Some(Self { month, week, weekday, seconds: minutes * 60 })
    }

    /// When it is on the clocks, in seconds since 1970-01-01 there (POSIX.1-2017, `TZ`, form `Mm.n.d`).
    fn in_year(self, year: &str) -> i64 {
        let first = days_of(&format!("{year}-{:02}-01", self.month)).unwrap_or_default();
        let weekday = i64::try_from(weekday_of(first)).unwrap_or_default();
        let mut day = first + (self.weekday - weekday).rem_euclid(7) + (self.week - 1) * 7;
        // The fifth of a weekday is the last, which is the fourth in most months.
        while date_of(day)[5..7] != date_of(first)[5..7] {
            day -= 7;
        }
        day * DAY + self.seconds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_and_written() {
        let check = |text: &str, expected: Option<Moment>, written: &str| {
            assert_eq!(Moment::read(text), expected, "{text}");
            assert_eq!(expected.map_or_else(String::new, |moment| moment.to_string()), written);
        };
        check("1970-01-02", Some(Moment::Day(1)), "1970-01-02");
        check("1970-01-02T09:30", Some(Moment::Local(120_600)), "1970-01-02T09:30:00");
        check("1970-01-02T09:30:15.250", Some(Moment::Local(120_615)), "1970-01-02T09:30:15");
        check(
            "1970-01-02T00:00:00Z",
            Some(Moment::Instant { seconds: 86_400, offset: 0 }),
            "1970-01-02T00:00:00Z",
        );
        check(
            "1970-01-02T00:00:00+01:00",
            Some(Moment::Instant { seconds: 82_800, offset: 3_600 }),
            "1970-01-02T00:00:00+01:00",
        );
        check(
            "1970-01-01T20:30:00-03:30",
            Some(Moment::Instant { seconds: 86_400, offset: -12_600 }),
            "1970-01-01T20:30:00-03:30",
        );
        for text in [
            "",
            "tomorrow",
            "2026-02-30",
            "2026-11-30T25:00",
            "2026-11-30T09:00+1",
            "2026-11-30T09:00+25:00",
            "2026-11-30T09:00Zulu",
        ] {
            check(text, None, "");
        }
    }

    #[test]
    fn clocks_are_set_when_each_zone_sets_them() {
        let check = |zone: &str, instant: &str, local: &str| {
            let zone = Zone::named(zone).expect("the zone is known");
            let Some(Moment::Instant { seconds, .. }) = Moment::read(instant) else {
                panic!("{instant} is not an instant")
            };
            assert_eq!(zone.moment(seconds).to_string(), local);
        };
        check("UTC", "2026-07-01T12:00:00Z", "2026-07-01T12:00:00Z");
        check("Asia/Kolkata", "2026-07-01T12:00:00Z", "2026-07-01T17:30:00+05:30");
        check("Europe/Berlin", "2026-03-29T00:59:59Z", "2026-03-29T01:59:59+01:00");
        check("Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-29T03:00:00+02:00");
        check("Europe/Berlin", "2026-10-25T00:59:59Z", "2026-10-25T02:59:59+02:00");
        check("Europe/Berlin", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00+01:00");
        check("America/New_York", "2026-03-08T07:00:00Z", "2026-03-08T03:00:00-04:00");
        check("America/New_York", "2026-11-01T06:00:00Z", "2026-11-01T01:00:00-05:00");
        check("Europe/Dublin", "2026-07-01T12:00:00Z", "2026-07-01T13:00:00+01:00");
        check("Europe/Dublin", "2026-12-01T12:00:00Z", "2026-12-01T12:00:00Z");
        check("Australia/Sydney", "2026-01-01T00:00:00Z", "2026-01-01T11:00:00+11:00");
        check("Australia/Sydney", "2026-07-01T00:00:00Z", "2026-07-01T10:00:00+10:00");
        check("America/Nuuk", "2026-03-29T01:00:00Z", "2026-03-29T00:00:00-01:00");
    }

    #[test]
    fn local_times_become_points_in_time() {
        let check = |zone: &str, local: &str, instant: &str| {
            let zone = Zone::named(zone).expect("the zone is known");
            let local = Moment::read(local).expect("it is a moment");
            let instant_of_text = Moment::read(instant).map(|moment| moment.instant(&zone));
            assert_eq!(Some(local.instant(&zone)), instant_of_text, "{local}");
        };
        check("Europe/Berlin", "2026-11-30T09:00", "2026-11-30T08:00:00Z");
        check("Europe/Berlin", "2026-07-01", "2026-06-30T22:00:00Z");
        check("Europe/Berlin", "2026-03-29T03:00", "2026-03-29T01:00:00Z");
        check("Europe/Berlin", "2026-03-29T02:30", "2026-03-29T01:30:00Z");
        check("America/Los_Angeles", "2026-03-08T08:00", "2026-03-08T15:00:00Z");
        check("Australia/Sydney", "2026-12-31T23:00", "2026-12-31T12:00:00Z");
    }

    #[test]
    fn every_line_of_the_zones_is_read() {
        for line in ZONES.lines() {
            let Some((_, names)) = line.split_once('\t') else { panic!("{line:?} has no names") };
            for name in names.split(' ') {
                let zone = Zone::named(name).expect("the line's own names are found");
                assert_eq!(Some(zone), Zone::parse(line), "{name}");
            }
        }
        assert!(Zone::named("Europe/Atlantis").is_err());
    }
}
