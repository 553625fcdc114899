//! Calendar dates.

use std::fmt;

/// Days from 1970-01-01 to the last valid date, 9999-12-31.
const LAST: i64 = 2_932_896;

/// Days from 1970-01-01 to the first valid date, 0000-01-01.
const FIRST: i64 = -719_528;

/// A valid day of the Gregorian calendar in the years 0000 to 9999, so that it can be written as `YYYY-MM-DD`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(i64);

impl Date {
    /// Returns the date this many days after 1970-01-01, limited to the first and the last valid date.
    #[must_use]
    pub fn from_days(days: i64) -> Self {
        Self(days.clamp(FIRST, LAST))
    }

    /// Returns the date of a year, a month (1 to 12) and a day; `None` if the month does not have this day.
    ///
    /// Counts in 400-year eras that begin on 1 March, so that the leap day is the last of its year (Howard Hinnant,
    /// "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`).
    #[must_use]
    pub fn of(year: i64, month: i64, day: i64) -> Option<Self> {
        let exists = (0..=9999).contains(&year) && (1..=days_in_month(year, month)).contains(&day);
        let year_from_march = if month <= 2 { year - 1 } else { year };
        let month_from_march = (month + 9) % 12;
        let (era, year_of_era) = (year_from_march.div_euclid(400), year_from_march.rem_euclid(400));
        let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
        let days = era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100
            + day_of_year
            - 719_468;
        exists.then_some(Self(days))
    }

    /// Reads `YYYY-MM-DD`; `None` for any other text and for days that do not exist.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let [year, month, day] = numbers(text)?;
        Self::of(year, month, day)
    }

    /// Returns days since 1970-01-01.
    #[must_use]
    pub const fn days(self) -> i64 {
        self.0
    }

    /// Returns the year, the month (1 to 12) and the day (`civil_from_days`).
    #[must_use]
    pub fn parts(self) -> (i64, i64, i64) {
        let days = self.0 + 719_468;
        let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        (era * 400 + year_of_era + i64::from(month <= 2), month, day)
    }

    /// Returns the weekday; 0 is Sunday.
    #[must_use]
    pub const fn weekday(self) -> i64 {
        // 1970-01-01 was a Thursday.
        (self.0 + 4).rem_euclid(7)
    }

    /// Returns the date this many days later; `None` if it is not in the valid range.
    #[must_use]
    pub fn plus(self, days: i64) -> Option<Self> {
        let later = self.0.checked_add(days)?;
        (FIRST..=LAST).contains(&later).then_some(Self(later))
    }
}

impl fmt::Display for Date {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.parts();
        write!(formatter, "{year:04}-{month:02}-{day:02}")
    }
}

/// Returns the three numbers of a text in the form `YYYY-MM-DD`, even if the date does not exist.
pub(super) fn numbers(text: &str) -> Option<[i64; 3]> {
    let form = text.len() == "1970-01-01".len()
        && text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    if !form {
        return None;
    }
    Some([text[..4].parse().ok()?, text[5..7].parse().ok()?, text[8..].parse().ok()?])
}

/// Returns whether a year has a 29 February.
#[must_use]
pub const fn is_leap_year(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// Returns the number of days in a month (1 to 12); 0 for a month that does not exist.
#[must_use]
pub const fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap_year(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_days_are_turned_into_each_other() {
        for (text, days, weekday) in [
            ("1970-01-01", 0, 4),
            ("1969-12-31", -1, 3),
            ("2000-02-29", 11_016, 2),
            ("2026-11-30", 20_787, 1),
            ("2100-03-01", 47_541, 1),
            ("0000-01-01", FIRST, 6),
            ("9999-12-31", LAST, 5),
        ] {
            let date = Date::read(text).expect("the day exists");
            assert_eq!((date.days(), date.weekday()), (days, weekday), "{text}");
            assert_eq!(Date::from_days(days).to_string(), text);
        }
    }

    #[test]
    fn every_day_of_eight_centuries_is_read_as_it_is_written() {
        let first = Date::read("1600-01-01").expect("the day exists").days();
        for days in first..first + 8 * 36_525 {
            let date = Date::from_days(days);
            assert_eq!(Date::read(&date.to_string()), Some(date));
        }
    }

    #[test]
    fn days_that_do_not_exist_are_refused() {
        for text in [
            "",
            "2026-02-29",
            "2026-02-30",
            "2100-02-29",
            "2026-04-31",
            "2026-13-01",
            "2026-00-10",
            "2026-01-00",
            "2026-1-1",
            "+026-01-01",
            "-001-01-01",
            "26-01-01",
            "2026/01/01",
            "2026-11-30T09:00",
            "２０２６-11-30",
            "today",
        ] {
            assert_eq!(Date::read(text), None, "{text}");
        }
    }

    #[test]
    fn nothing_lies_beyond_what_can_be_written() {
        assert_eq!(Date::from_days(i64::MAX).to_string(), "9999-12-31");
        assert_eq!(Date::from_days(i64::MIN).to_string(), "0000-01-01");
        assert_eq!(Date::from_days(LAST).plus(1), None);
        assert_eq!(Date::from_days(0).plus(i64::MIN), None);
        assert_eq!(Date::from_days(0).plus(-1), Date::read("1969-12-31"));
    }
}
