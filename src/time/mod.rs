//! Dates, times, offsets and time zones: one place that reads, checks and writes them for all other code.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use self::date::{Date, days_in_month, is_leap_year};
pub use self::duration::duration_of;
pub use self::moment::{DAY, Moment, Wrong, time_of_day};
pub use self::zone::{RELEASE, Resolved, Zone};

mod date;
mod duration;
mod moment;
mod rules;
mod zone;

/// Returns the current time, in seconds since 1970-01-01 UTC.
#[must_use]
pub fn now() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX)
}

/// Returns the current time, as RFC 3339 in UTC with milliseconds: `2026-11-22T10:30:00.123Z`.
#[must_use]
pub fn rfc3339_now() -> String {
    rfc3339(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// Reads a time in the preferred date format of RFC 9110 §5.6.7, `Sun, 06 Nov 1994 08:49:37 GMT`; the two obsolete formats are
/// not accepted.
#[must_use]
pub fn http_date(text: &str) -> Option<SystemTime> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (_, date) = text.split_once(", ")?;
    let [day, month, year, time, "GMT"] = date.split(' ').collect::<Vec<_>>()[..] else {
        return None;
    };
    let month = MONTHS.iter().zip(1..).find(|(name, _)| **name == month)?.1;
    let date = Date::of(year.parse().ok()?, month, day.parse().ok()?)?;
    system_time(date.days() * DAY + time_of_day(time).ok()?)
}

/// Reads a time in UTC as RFC 3339 (`Z`), or in Atlassian's form without seconds: `2026-11-22T10:30Z`. Fractions are dropped.
#[must_use]
pub fn timestamp(text: &str) -> Option<SystemTime> {
    match Moment::read(text)? {
        Moment::Instant { seconds, offset: 0 } => system_time(seconds),
        _ => None,
    }
}

/// Returns a date, or a time with its offset, as RFC 3339 in UTC without fractions: `2026-11-30T08:00:00Z`. A date means its
/// midnight in UTC. `None` for a time without an offset, and for any other text.
#[must_use]
pub fn instant_of(text: &str) -> Option<String> {
    let seconds = match Moment::read(text)? {
        Moment::Day(day) => day.days() * DAY,
        Moment::Instant { seconds, .. } => seconds,
        Moment::Local(_) => return None,
    };
    // The offset may move the time out of the years with four digits.
    Date::from_days(0).plus(seconds.div_euclid(DAY))?;
    Some(Moment::utc(seconds).to_string())
}

/// Returns the day of a date or a time, in its own offset.
#[must_use]
pub fn day_of(text: &str) -> Option<Date> {
    let local = match Moment::read(text)? {
        Moment::Day(day) => return Some(day),
        Moment::Local(local) => local,
        Moment::Instant { seconds, offset } => seconds + offset,
    };
    Some(Date::from_days(local.div_euclid(DAY)))
}

fn system_time(seconds: i64) -> Option<SystemTime> {
    Some(UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).ok()?))
}

/// Returns a time since 1970 as RFC 3339 in UTC with milliseconds.
fn rfc3339(since_epoch: Duration) -> String {
    let seconds = i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX);
    let written = Moment::utc(seconds).to_string();
    format!("{}.{:03}Z", written.trim_end_matches('Z'), since_epoch.subsec_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_rfc_3339() {
        for (milliseconds, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_709_164_799_999, "2024-02-28T23:59:59.999Z"),
            (1_735_689_600_001, "2025-01-01T00:00:00.001Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(rfc3339(Duration::from_millis(milliseconds)), text);
            assert_eq!(
                timestamp(text),
                Some(UNIX_EPOCH + Duration::from_secs(milliseconds / 1_000))
            );
        }
    }

    #[test]
    fn http_dates_are_read() {
        let check = |text: &str, seconds: Option<u64>| {
            let expected = seconds.map(|seconds| UNIX_EPOCH + Duration::from_secs(seconds));
            assert_eq!(http_date(text), expected, "{text}");
        };
        check("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777));
        check("Thu, 01 Jan 1970 00:00:00 GMT", Some(0));
        check("Tue, 29 Feb 2000 23:59:59 GMT", Some(951_868_799));
        check("Fri, 01 Mar 2024 00:00:00 GMT", Some(1_709_251_200));
        check("Sunday, 06-Nov-94 08:49:37 GMT", None);
        check("Sun, 00 Nov 1994 08:49:37 GMT", None);
        check("Sun, 06 Nov 1994 24:49:37 GMT", None);
        check("Sun, 06 Nov 1994 08:49:37 CET", None);
        check("soon", None);
    }

    #[test]
    fn timestamps_are_read() {
        let check = |text: &str, seconds: Option<u64>| {
            let expected = seconds.map(|seconds| UNIX_EPOCH + Duration::from_secs(seconds));
            assert_eq!(timestamp(text), expected, "{text}");
        };
        check("2000-02-29T23:59:59Z", Some(951_868_799));
        check("2000-02-29T23:59:59.123Z", Some(951_868_799));
        check("2024-03-01T00:00Z", Some(1_709_251_200));
        check("1970-01-01T00:00Z", Some(0));
        check("2024-13-01T00:00Z", None);
        check("2024-00-01T00:00Z", None);
        check("2024-03-01T24:00Z", None);
        check("2024-03-01T00Z", None);
        check("2024-03-01T00:00+01:00", None);
        check("2024-03-01", None);
    }

    #[test]
    fn what_says_a_moment_is_written_in_utc() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(instant_of(text).as_deref(), expected, "{text}");
        };
        check("2026-11-01", Some("2026-11-01T00:00:00Z"));
        check(" 2024-02-29 ", Some("2024-02-29T00:00:00Z"));
        check("2026-11-01T09:30:00Z", Some("2026-11-01T09:30:00Z"));
        check("2026-11-01T09:30Z", Some("2026-11-01T09:30:00Z"));
        check("2026-11-01t09:30:15.999z", Some("2026-11-01T09:30:15Z"));
        check("2026-11-01 09:30:00Z", Some("2026-11-01T09:30:00Z"));
        check("2026-11-01T09:30:00+09:00", Some("2026-11-01T00:30:00Z"));
        check("2026-11-01T05:30:00+0900", Some("2026-10-31T20:30:00Z"));
        check("2026-11-01T09:30:00 +09:00 ", Some("2026-11-01T00:30:00Z"));
        check("2026-12-31T23:30:00-03:30", Some("2027-01-01T03:00:00Z"));
        for text in [
            "",
            "soon",
            "2026-11",
            "2026-1-1",
            "2026-02-30",
            "2025-02-29",
            "2026-13-01",
            "2026-11-01T09:30:00",
            "2026-11-01T24:00:00Z",
            "2026-11-01T09:60Z",
            "2026-11-01T09:30:00+25:00",
            "2026-11-01T09:30:00+9",
            "2026-11-01Z",
            "11/01/2026",
            "1764547200",
            "日本日本日本",
            "0000-01-01T00:00:00+01:00",
            "9999-12-31T23:59:59-01:00",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn a_day_is_that_of_its_own_clock() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(day_of(text), expected.and_then(Date::read), "{text}");
        };
        check("2026-12-01", Some("2026-12-01"));
        check("2026-12-01T00:00:00Z", Some("2026-12-01"));
        check("2026-12-01T23:59:59-08:00", Some("2026-12-01"));
        check("2026-12-01T09:00", Some("2026-12-01"));
        check(" 2026-12-01 09:00:00 ", Some("2026-12-01"));
        for text in [
            "",
            "2026-12-32",
            "2026-02-30",
            "2026-12-01T25:00",
            "2026-12-01x",
            "2026-12-01T09:00+25:00",
            "tomorrow, at noon",
            "日本日本日本",
        ] {
            check(text, None);
        }
    }
}
