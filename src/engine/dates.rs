//! Calendar dates and moments as the services write them: `2026-11-30`, `2026-11-30T09:00:00+01:00`.

/// Days from 1970-01-01 to a date written `YYYY-MM-DD`; none for anything else and for days that no month has.
///
/// Counts in 400-year eras that begin on 1 March, so that the leap day is the last of its year (Howard Hinnant,
/// "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`).
pub fn days_of(date: &str) -> Option<i64> {
    // Ten characters hold no number that could overflow.
    if date.len() != "1970-01-01".len() {
        return None;
    }
    let mut parts = date.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let year_from_march = if month <= 2 { year - 1 } else { year };
    let month_from_march = (month + 9) % 12;
    let (era, year_of_era) = (year_from_march.div_euclid(400), year_from_march.rem_euclid(400));
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let days = era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100
        + day_of_year
        - 719_468;
    (date_of(days) == date).then_some(days)
}

/// The date that many days from 1970-01-01, as `YYYY-MM-DD` (`civil_from_days`).
pub fn date_of(days: i64) -> String {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// The weekday of a day since 1970-01-01, with 0 for Sunday.
pub fn weekday_of(days: i64) -> usize {
    // 1970-01-01 was a Thursday.
    usize::try_from((days + 4).rem_euclid(7)).expect("a remainder by 7 is small and not negative")
}

/// Seconds of a time of day written `HH:MM` or `HH:MM:SS`, with or without a fraction, which is dropped.
pub fn seconds_of_day(time: &str) -> Option<i64> {
    let whole = time.split('.').next()?;
    let mut seconds = 0;
    let parts: Vec<&str> = whole.split(':').collect();
    for (part, below) in parts.iter().zip([24, 60, 60]) {
        let digits = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        let number = part.parse::<i64>().ok().filter(|number| digits && *number < below)?;
        seconds = seconds * 60 + number;
    }
    match parts.len() {
        2 => Some(seconds * 60),
        3 => Some(seconds),
        _ => None,
    }
}

/// Seconds since 1970-01-01 of a date and time without an offset, `2026-11-30T09:00`, as if it were UTC.
pub fn local_seconds_of(text: &str) -> Option<i64> {
    let (date, time) = text.split_once('T')?;
    Some(days_of(date)? * 86_400 + seconds_of_day(time)?)
}

/// A date, or a date and time with its offset (RFC 3339): seconds since 1970-01-01 as its clock shows them, and those that it is
/// ahead of UTC; a date has no offset, and is its first second.
pub fn moment_of(text: &str) -> Option<(i64, Option<i64>)> {
    if let Some(days) = days_of(text) {
        return Some((days * 86_400, None));
    }
    if let Some(local) = text.strip_suffix('Z') {
        return Some((local_seconds_of(local)?, Some(0)));
    }
    let at = text.len().checked_sub("+00:00".len())?;
    let sign = match text.as_bytes().get(at)? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    Some((local_seconds_of(text.get(..at)?)?, Some(sign * seconds_of_day(text.get(at + 1..)?)?)))
}

/// A date, or a time with its offset in any form of ISO 8601 that says which moment it is, as RFC 3339 in UTC without
/// fractions: `2026-11-30T08:00:00Z`. A date is its midnight in UTC; a time without an offset is not a moment.
pub fn instant_of(text: &str) -> Option<String> {
    let mut text = text.trim().replacen([' ', 't'], "T", 1).replace('z', "Z");
    // `+0900`, as Git and Jira write it.
    let basic = text.len().checked_sub("+0900".len()).filter(|at| {
        text.as_bytes()[*at..].iter().enumerate().all(|(place, byte)| match place {
            0 => matches!(byte, b'+' | b'-'),
            _ => byte.is_ascii_digit(),
        }) && text.contains('T')
    });
    if let Some(at) = basic {
        text.insert(at + "+09".len(), ':');
    }
    let (local, offset) = moment_of(&text)?;
    let seconds = local - offset.unwrap_or_default();
    let (date, time) = (date_of(seconds.div_euclid(86_400)), seconds.rem_euclid(86_400));
    let (hour, minute, second) = (time / 3_600, time / 60 % 60, time % 60);
    let instant = format!("{date}T{hour:02}:{minute:02}:{second:02}Z");
    // The offset may lead out of the years that have four digits.
    (instant.len() == "2026-11-30T08:00:00Z".len() && !instant.starts_with('-')).then_some(instant)
}

/// The day of a date or of a time, as its own clock shows it, whatever its offset: `2026-11-30`.
pub fn day_of(text: &str) -> Option<&str> {
    let text = text.trim();
    let (date, time) = text.split_at_checked("2026-11-30".len())?;
    let clock = time.strip_prefix(['T', 't', ' ']).map(|clock| {
        let end = clock.find(['Z', 'z', '+', '-']).unwrap_or(clock.len());
        seconds_of_day(&clock[..end]).is_some()
            && (end == clock.len() || instant_of(text).is_some())
    });
    (days_of(date).is_some() && clock.unwrap_or(time.is_empty())).then_some(date)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_days_are_turned_into_each_other() {
        for (date, days, weekday) in [
            ("1970-01-01", 0, 4),
            ("1969-12-31", -1, 3),
            ("2000-02-29", 11_016, 2),
            ("2026-11-30", 20_787, 1),
            ("2100-03-01", 47_541, 1),
        ] {
            assert_eq!(
                (days_of(date), date_of(days).as_str(), weekday_of(days)),
                (Some(days), date, weekday)
            );
        }
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "2026-02-29",
            "2026-13-01",
            "2026-00-10",
            "2026-11-31",
            "2026-1-1",
            "26-01-01",
            "2026-11-30T09:00",
            "today",
        ] {
            assert_eq!(days_of(text), None, "{text}");
        }
    }

    #[test]
    fn times_of_day_become_seconds() {
        for (time, seconds) in [
            ("00:00", Some(0)),
            ("08:30", Some(30_600)),
            ("23:59:59", Some(86_399)),
            ("09:00:00.0000000", Some(32_400)),
        ] {
            assert_eq!(seconds_of_day(time), seconds, "{time}");
        }
        for time in ["", "9:00", "24:00", "09:60", "09", "09:00:00:00", "+9:00", "09:00Z"] {
            assert_eq!(seconds_of_day(time), None, "{time}");
        }
        assert_eq!(local_seconds_of("1970-01-02T00:01"), Some(86_460));
        assert_eq!(local_seconds_of("1970-01-02"), None);
    }

    #[test]
    fn moments_have_their_offset() {
        let check = |text: &str, expected: Option<(i64, Option<i64>)>| {
            assert_eq!(moment_of(text), expected, "{text}");
        };
        check("1970-01-02", Some((86_400, None)));
        check("1970-01-01T00:01:00Z", Some((60, Some(0))));
        check("1970-01-01T00:01:00.5+09:00", Some((60, Some(32_400))));
        check("1970-01-01T00:01-03:30", Some((60, Some(-12_600))));
        for text in [
            "",
            "soon",
            "1970-01-01T00:01:00",
            "1970-01-01T00:01:00*09:00",
            "日本日本日本",
            "é+09:00",
        ] {
            check(text, None);
        }
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
            "2026-11-01T09:30:00 +09:00 ",
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
        let check =
            |text: &str, expected: Option<&str>| assert_eq!(day_of(text), expected, "{text}");
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
