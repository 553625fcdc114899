//! Moments as people, models and services write them (RFC 3339, and other common forms).

use std::fmt;

use super::date::{self, Date};
use super::zone::Zone;

/// Seconds of a day.
pub const DAY: i64 = 86_400;

/// The range of offsets in use on Earth, in seconds east of UTC.
const OFFSETS: std::ops::RangeInclusive<i64> = -12 * 3_600..=14 * 3_600;

/// The possible meanings of a text as a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// A whole day.
    Day(Date),
    /// A time on the clocks of an unnamed zone, as seconds since 1970-01-01 there.
    Local(i64),
    /// A point in time.
    Instant {
        /// Seconds since 1970-01-01 UTC.
        seconds: i64,
        /// Seconds east of UTC, as in the text.
        offset: i64,
    },
}

/// Why a text is not a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// It does not have the form of a moment.
    Form,
    /// The day does not exist.
    Day,
    /// The time of day does not exist.
    Time,
    /// The offset is not in use anywhere.
    Offset,
}

impl Wrong {
    /// Returns the end of a sentence that begins with the text.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Form => "is not a date or a time",
            Self::Day => "has a day that does not exist",
            Self::Time => "has a time of day that does not exist",
            Self::Offset => "has an offset that does not exist: they go from -12:00 to +14:00",
        }
    }
}

impl Moment {
    /// Like [`Moment::check`], without the reason.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        Self::check(text).ok()
    }

    /// Reads a date, or a date and a time with or without an offset.
    ///
    /// Besides RFC 3339, it accepts other unambiguous forms that programs write: a space or `t` for `T`, `z` for `Z`, no
    /// seconds, an offset without a colon or minutes, surrounding spaces. Fractions of a second are dropped.
    ///
    /// # Errors
    ///
    /// What is wrong with the text.
    pub fn check(text: &str) -> Result<Self, Wrong> {
        let text = text.trim();
        let (date, rest) = text.split_at_checked("1970-01-01".len()).ok_or(Wrong::Form)?;
        let [year, month, day] = date::numbers(date).ok_or(Wrong::Form)?;
        let Some(rest) = rest.strip_prefix(['T', 't', ' ']) else {
            let whole = rest.is_empty().then_some(()).ok_or(Wrong::Form);
            return whole.and(Date::of(year, month, day).ok_or(Wrong::Day)).map(Self::Day);
        };
        let (clock, zone) =
            rest.split_at(rest.find(['Z', 'z', '+', '-', ' ']).unwrap_or(rest.len()));
        let time = time_of_day(clock)?;
        let offset = if zone.is_empty() { None } else { Some(offset(zone.trim_start())?) };
        let local = Date::of(year, month, day).ok_or(Wrong::Day)?.days() * DAY + time;
        Ok(match offset {
            None => Self::Local(local),
            Some(offset) => Self::Instant { seconds: local - offset, offset },
        })
    }

    /// Returns whether it is a whole day.
    #[must_use]
    pub const fn is_day(self) -> bool {
        matches!(self, Self::Day(_))
    }

    /// Returns seconds since 1970-01-01 UTC; days and local times are those of the zone. If the clocks show a time twice, the
    /// first is meant; if they skip it, the time after the gap.
    #[must_use]
    pub fn instant(self, zone: &Zone) -> i64 {
        match self {
            Self::Day(day) => zone.instant_of(day.days() * DAY),
            Self::Local(seconds) => zone.instant_of(seconds),
            Self::Instant { seconds, .. } => seconds,
        }
    }

    /// Returns the clock time of the zone at this moment, as seconds since 1970-01-01 there.
    #[must_use]
    pub fn local(self, zone: &Zone) -> i64 {
        match self {
            Self::Day(day) => day.days() * DAY,
            Self::Local(seconds) => seconds,
            Self::Instant { seconds, .. } => seconds + zone.offset_at(seconds),
        }
    }

    /// Returns a moment of the same kind, seconds later; a day moves by whole days.
    #[must_use]
    pub fn later(self, by: i64) -> Self {
        match self {
            Self::Day(day) => Self::Day(Date::from_days(day.days() + by.div_euclid(DAY))),
            Self::Local(seconds) => Self::Local(seconds + by),
            Self::Instant { seconds, offset } => Self::Instant { seconds: seconds + by, offset },
        }
    }

    /// Returns the seconds from the other moment to this one; `None` if they are of different kinds.
    #[must_use]
    pub fn since(self, other: Self) -> Option<i64> {
        match (self, other) {
            (Self::Day(this), Self::Day(other)) => Some((this.days() - other.days()) * DAY),
            (Self::Local(this), Self::Local(other))
            | (Self::Instant { seconds: this, .. }, Self::Instant { seconds: other, .. }) => {
                Some(this - other)
            }
            _ => None,
        }
    }

    /// Returns a point in time in UTC.
    #[must_use]
    pub const fn utc(seconds: i64) -> Self {
        Self::Instant { seconds, offset: 0 }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Day(day) => day.fmt(formatter),
            Self::Local(seconds) => write_clock(formatter, *seconds),
            Self::Instant { seconds, offset: 0 } => {
                write_clock(formatter, *seconds)?;
                formatter.write_str("Z")
            }
            Self::Instant { seconds, offset } => {
                write_clock(formatter, seconds.saturating_add(*offset))?;
                let (sign, minutes) = (if *offset < 0 { '-' } else { '+' }, offset.abs() / 60);
                write!(formatter, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
            }
        }
    }
}

/// Writes a date and a time without an offset.
fn write_clock(formatter: &mut fmt::Formatter<'_>, seconds: i64) -> fmt::Result {
    let time = seconds.rem_euclid(DAY);
    let date = Date::from_days(seconds.div_euclid(DAY));
    write!(formatter, "{date}T{:02}:{:02}:{:02}", time / 3_600, time / 60 % 60, time % 60)
}

/// Returns the seconds of a time of day, `HH:MM` or `HH:MM:SS`; a fraction is dropped.
///
/// # Errors
///
/// [`Wrong::Form`], or [`Wrong::Time`] for a time of day that does not exist (`24:00`, `09:60`).
pub fn time_of_day(text: &str) -> Result<i64, Wrong> {
    let (whole, fraction) = match text.split_once(['.', ',']) {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<&str> = whole.split(':').collect();
    let form = matches!(parts.len(), 2 | 3)
        && parts.iter().all(|part| part.len() == 2 && digits(part))
        && fraction.is_none_or(|fraction| parts.len() == 3 && digits(fraction));
    if !form {
        return Err(Wrong::Form);
    }
    let mut seconds = 0;
    for (part, below) in parts.iter().zip([24, 60, 60]) {
        let number: i64 = part.parse().map_err(|_| Wrong::Form)?;
        if number >= below {
            return Err(Wrong::Time);
        }
        seconds = seconds * 60 + number;
    }
    Ok(if parts.len() == 2 { seconds * 60 } else { seconds })
}

/// Returns the seconds east of UTC of `Z`, `+01:00`, `+0100` or `+01`.
fn offset(text: &str) -> Result<i64, Wrong> {
    if matches!(text, "Z" | "z") {
        return Ok(0);
    }
    let (sign, rest) = match text.split_at_checked(1) {
        Some(("+", rest)) => (1, rest),
        Some(("-", rest)) => (-1, rest),
        _ => return Err(Wrong::Form),
    };
    let digits = rest.replacen(':', "", usize::from(rest.len() == "01:00".len()));
    let form = matches!(digits.len(), 2 | 4) && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !form || rest.find(':').is_some_and(|at| at != 2) {
        return Err(Wrong::Form);
    }
    let number = |digits: &str| digits.parse::<i64>().unwrap_or_default();
    let (hours, minutes) = (number(&digits[..2]), number(&digits[2..]));
    let seconds = sign * (hours * 3_600 + minutes * 60);
    if minutes < 60 && OFFSETS.contains(&seconds) { Ok(seconds) } else { Err(Wrong::Offset) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<Moment, Wrong>, written: &str) {
        assert_eq!(Moment::check(text), expected, "{text}");
        assert_eq!(expected.map_or_else(|_| String::new(), |moment| moment.to_string()), written);
    }

    #[test]
    fn moments_are_read_and_written() {
        let instant = |seconds, offset| Ok(Moment::Instant { seconds, offset });
        check("1970-01-02", Ok(Moment::Day(Date::from_days(1))), "1970-01-02");
        check("1970-01-02T09:30", Ok(Moment::Local(120_600)), "1970-01-02T09:30:00");
        check("1970-01-02T09:30:15.250", Ok(Moment::Local(120_615)), "1970-01-02T09:30:15");
        check("1970-01-02T00:00:00Z", instant(86_400, 0), "1970-01-02T00:00:00Z");
        check("1970-01-02T00:00:00+01:00", instant(82_800, 3_600), "1970-01-02T00:00:00+01:00");
        check("1970-01-01T20:30:00-03:30", instant(86_400, -12_600), "1970-01-01T20:30:00-03:30");
        check("1970-01-02T14:00:00+14:00", instant(86_400, 50_400), "1970-01-02T14:00:00+14:00");
        check("1970-01-01T00:00:00-00:00", instant(0, 0), "1970-01-01T00:00:00Z");
    }

    #[test]
    fn what_has_one_meaning_is_taken() {
        let midnight = Ok(Moment::utc(86_400));
        for text in [
            "1970-01-02t00:00z",
            "1970-01-02 00:00:00Z",
            "1970-01-02 00:00:00 +00:00",
            "1970-01-02T00:00:00.000+0000",
            "1970-01-02T00:00:00,5+00",
            " 1970-01-02T00:00:00Z\n",
        ] {
            check(text, midnight, "1970-01-02T00:00:00Z");
        }
    }

    #[test]
    fn what_does_not_exist_is_refused_with_the_reason() {
        for (text, wrong) in [
            ("", Wrong::Form),
            ("tomorrow", Wrong::Form),
            ("2026-11-30T", Wrong::Form),
            ("2026-11-30T9:00", Wrong::Form),
            ("2026-11-30T09", Wrong::Form),
            ("2026-11-30T09:00.5", Wrong::Form),
            ("2026-11-30T09:00:00.", Wrong::Form),
            ("2026-11-30T09:00:00:00", Wrong::Form),
            ("2026-11-30T09:00Zulu", Wrong::Form),
            ("2026-11-30T09:00+1", Wrong::Form),
            ("2026-11-30T09:00+1:00", Wrong::Form),
            ("2026-11-30T09:00+010", Wrong::Form),
            ("2026-11-30T09:00+01:0", Wrong::Form),
            ("2026-11-30T09:00*01:00", Wrong::Form),
            ("2026-11-30-09:00", Wrong::Form),
            ("日本日本日本", Wrong::Form),
            ("2026-11-30Té+09:00", Wrong::Form),
            ("2026-02-30", Wrong::Day),
            ("2026-02-29T09:00", Wrong::Day),
            ("2026-13-01T09:00Z", Wrong::Day),
            ("2026-11-30T24:00", Wrong::Time),
            ("2026-11-30T25:00:00Z", Wrong::Time),
            ("2026-11-30T09:60", Wrong::Time),
            ("2026-11-30T23:59:60Z", Wrong::Time),
            ("2026-11-30T09:00+25:00", Wrong::Offset),
            ("2026-11-30T09:00+14:30", Wrong::Offset),
            ("2026-11-30T09:00-12:30", Wrong::Offset),
            ("2026-11-30T09:00+09:60", Wrong::Offset),
        ] {
            check(text, Err(wrong), "");
        }
    }

    #[test]
    fn times_of_day_are_seconds() {
        for (text, seconds) in [
            ("00:00", Ok(0)),
            ("08:30", Ok(30_600)),
            ("23:59:59", Ok(86_399)),
            ("09:00:00.0000000", Ok(32_400)),
            ("24:00", Err(Wrong::Time)),
            ("9:00", Err(Wrong::Form)),
            ("09", Err(Wrong::Form)),
            ("+9:00", Err(Wrong::Form)),
            ("09:00Z", Err(Wrong::Form)),
        ] {
            assert_eq!(time_of_day(text), seconds, "{text}");
        }
    }
}
