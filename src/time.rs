//! Times as text.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

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
    let [hour, minute, second] =
        time.split(':').map(|part| part.parse().ok()).collect::<Option<Vec<u64>>>()?[..]
    else {
        return None;
    };
    let day: u64 = day.parse().ok()?;
    let month = MONTHS.iter().position(|name| *name == month)? as u64;
    let year: u64 = year.parse().ok()?;
    moment([year, month + 1, day], [hour, minute, second])
}

/// A time in UTC as RFC 3339 (`Z`), or as Atlassian writes it, without seconds: `2026-11-22T10:30Z`; fractions are cut off.
#[must_use]
pub fn timestamp(text: &str) -> Option<SystemTime> {
    let numbers = |text: &str, separator: char| {
        text.split(separator).map(|part| part.parse().ok()).collect::<Option<Vec<u64>>>()
    };
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let [year, month, day] = numbers(date, '-')?[..] else { return None };
    let time = time.split_once('.').map_or(time, |(seconds, _)| seconds);
    match numbers(time, ':')?[..] {
        [hour, minute] => moment([year, month, day], [hour, minute, 0]),
        [hour, minute, second] => moment([year, month, day], [hour, minute, second]),
        _ => None,
    }
}

/// A moment in UTC, given as year, month (1 to 12), day, hour, minute and second.
fn moment([year, month, day]: [u64; 3], [hour, minute, second]: [u64; 3]) -> Option<SystemTime> {
    let in_range =
        (1970..=9999).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    if !in_range || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    // Counting from March puts the leap day last, which makes the months' lengths one formula (Howard Hinnant,
    // "chrono-Compatible Low-Level Date Algorithms").
    let (year, month) = if month < 3 { (year - 1, month + 9) } else { (year, month - 3) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    let days_since_1970 = days - 719_468;
    Some(
        UNIX_EPOCH
            + Duration::from_secs(days_since_1970 * 86_400 + hour * 3_600 + minute * 60 + second),
    )
}

/// A time since 1970 as RFC 3339 in UTC with milliseconds.
fn rfc3339(since_epoch: Duration) -> String {
    let seconds = since_epoch.as_secs();
    let (year, month, day) = civil_date(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    format!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z",
        since_epoch.subsec_millis()
    )
}

/// Year, month and day of a day since 1970, by counting in 400-year eras that begin on 1 March, so that the leap day is
/// the last of its year (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`).
const fn civil_date(days_since_epoch: u64) -> (u64, u64, u64) {
    let days = days_since_epoch + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + if month <= 2 { 1 } else { 0 };
    (year, month, day)
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
