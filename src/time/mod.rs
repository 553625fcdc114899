//! Dates, times, offsets and time zones: read, checked and written in one place for everything that has to do with them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use self::date::{Date, days_in_month, is_leap_year};
pub use self::moment::{DAY, Moment, Wrong, time_of_day};
pub use self::zone::{RELEASE, Resolved, Zone};

mod date;
mod moment;
mod rules;
mod zone;

/// The time now, in seconds since 1970-01-01 UTC.
#[must_use]
pub fn now() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX)
}

/// The time now, as RFC 3339 in UTC with milliseconds: `2026-11-22T10:30:00.123Z`.
#[must_use]
pub fn rfc3339_now() -> String {
    rfc3339(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// A time in the preferred date format of RFC 9110 §5.6.7, `Sun, 06 Nov 1994 08:49:37 GMT`; the two obsolete ones are not read.
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

/// A time in UTC as RFC 3339 (`Z`), or as Atlassian writes it, without seconds: `2026-11-22T10:30Z`; fractions are cut off.
#[must_use]
pub fn timestamp(text: &str) -> Option<SystemTime> {
    match Moment::read(text)? {
        Moment::Instant { seconds, offset: 0 } => system_time(seconds),
        _ => None,
    }
}

fn system_time(seconds: i64) -> Option<SystemTime> {
    Some(UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).ok()?))
}

/// A time since 1970 as RFC 3339 in UTC with milliseconds.
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
}
