//! When a zone's clocks change in the future, in the form of POSIX: `CET-1CEST,M3.5.0,M10.5.0/3` (RFC 9636 §3.3.1).

use super::date::{Date, days_in_month, is_leap_year};
use super::moment::DAY;

/// A zone's offset, or its two offsets with the rules for changing between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    standard: i64,
    summer: Option<Summer>,
}

/// Summer time: its offset, and the local times at which it begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Summer {
    offset: i64,
    begins: Switch,
    ends: Switch,
}

/// A yearly moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Switch {
    day: Day,
    /// Seconds after that day's midnight; it may be on another day.
    seconds: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Day {
    /// `Mm.w.d`: a weekday (0 is Sunday) in a week of a month; the fifth week is the last.
    Weekday { month: i64, week: i64, weekday: i64 },
    /// `Jn`: a day of the year from 1, where 29 February is not counted.
    Julian(i64),
    /// `n`: a day of the year from 0, where 29 February is counted.
    ZeroBased(i64),
}

impl Rules {
    /// Reads the rules; `None` if the text has a different form.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = after_name(text)?;
        let (standard, rest) = offset(rest)?;
        if rest.is_empty() {
            return Some(Self { standard, summer: None });
        }
        let rest = after_name(rest)?;
        let (summer, rest) =
            if rest.starts_with(',') { (standard + 3_600, rest) } else { offset(rest)? };
        let mut switches = rest.strip_prefix(',')?.split(',').map(Switch::parse);
        let (begins, ends) = (switches.next()??, switches.next()??);
        let summer = Some(Summer { offset: summer, begins, ends });
        Some(Self { standard, summer })
    }

    /// Returns seconds east of UTC at a point in time.
    pub fn offset_at(&self, instant: i64) -> i64 {
        let Some(summer) = self.summer else { return self.standard };
        let days = instant.saturating_add(self.standard).div_euclid(DAY);
        let (year, ..) = Date::from_days(days).parts();
        let begins = summer.begins.in_year(year) - self.standard;
        let ends = summer.ends.in_year(year) - summer.offset;
        let is_summer = if begins < ends {
            (begins..ends).contains(&instant)
        } else {
            !(ends..begins).contains(&instant)
        };
        if is_summer { summer.offset } else { self.standard }
    }
}

impl Switch {
    fn parse(text: &str) -> Option<Self> {
        let (day, seconds) = match text.split_once('/') {
            Some((day, time)) => (day, seconds(time).filter(|(_, rest)| rest.is_empty())?.0),
            None => (text, 2 * 3_600),
        };
        let day = if let Some(parts) = day.strip_prefix('M') {
            let mut parts = parts.split('.').map(|part| part.parse().ok());
            let (month, week, weekday) = (parts.next()??, parts.next()??, parts.next()??);
            Day::Weekday { month, week, weekday }
        } else if let Some(day) = day.strip_prefix('J') {
            Day::Julian(day.parse().ok()?)
        } else {
            Day::ZeroBased(day.parse().ok()?)
        };
        Some(Self { day, seconds })
    }

    /// Returns its clock time, in seconds since 1970-01-01 there.
    fn in_year(self, year: i64) -> i64 {
        let first_of = |month| Date::of(year, month, 1).map_or(0, Date::days);
        let day = match self.day {
            Day::Weekday { month, week, weekday } => {
                let first = first_of(month);
                let from_first = (weekday - Date::from_days(first).weekday()).rem_euclid(7);
                let weeks = (days_in_month(year, month) - 1 - from_first) / 7;
                first + from_first + 7 * (week - 1).min(weeks)
            }
            Day::Julian(day) => first_of(1) + day - 1 + i64::from(is_leap_year(year) && day >= 60),
            Day::ZeroBased(day) => first_of(1) + day,
        };
        day * DAY + self.seconds
    }
}

/// Returns the text after an abbreviation: letters, or anything within `<` and `>`.
fn after_name(text: &str) -> Option<&str> {
    if let Some(quoted) = text.strip_prefix('<') {
        quoted.split_once('>').map(|(_, rest)| rest)
    } else {
        let rest = text.trim_start_matches(|letter: char| letter.is_ascii_alphabetic());
        (rest.len() < text.len()).then_some(rest)
    }
}

/// Reads an offset, in seconds east of UTC (POSIX counts to the west). Returns it with the rest of the text.
fn offset(text: &str) -> Option<(i64, &str)> {
    seconds(text).map(|(seconds, rest)| (-seconds, rest))
}

/// Reads hours, with optional minutes and seconds. Returns them with the rest of the text.
fn seconds(text: &str) -> Option<(i64, &str)> {
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = text.find(|letter: char| !letter.is_ascii_digit() && letter != ':');
    let (digits, rest) = text.split_at(end.unwrap_or(text.len()));
    let mut all = 0;
    for (part, unit) in digits.split(':').zip([3_600, 60, 1]) {
        all += part.parse::<i64>().ok()? * unit;
    }
    Some((sign * all, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{Moment, Zone};

    #[test]
    fn every_form_of_a_rule_is_followed() {
        let check = |rules: &str, instant: &str, hours: f64| {
            let read = Rules::parse(rules).unwrap_or_else(|| panic!("{rules} is not read"));
            let instant = Moment::read(instant).expect("it is a moment").instant(&Zone::utc());
            #[expect(clippy::cast_precision_loss, reason = "an offset is small")]
            let offset = read.offset_at(instant) as f64 / 3_600.0;
            assert!((offset - hours).abs() < 1e-9, "{rules} {instant}: {offset}");
        };
        check("UTC0", "2026-07-01", 0.0);
        check("<+0545>-5:45", "2026-07-01", 5.75);
        check("EST5EDT,M3.2.0,M11.1.0", "2026-07-01", -4.0);
        check("EST5EDT,M3.2.0,M11.1.0", "2026-12-01", -5.0);
        check("IST-2IDT,M3.4.4/26,M10.5.0", "2026-03-26T23:59:59Z", 2.0);
        check("IST-2IDT,M3.4.4/26,M10.5.0", "2026-03-27T00:00:00Z", 3.0);
        check("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2026-03-29T00:59:59Z", -2.0);
        check("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2026-03-29T01:00:00Z", -1.0);
        check("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", "2026-01-01", 11.0);
        // The whole year, in both ways to count its days.
        check("XXX3EDT4,0/0,J365/23", "2026-01-01T12:00:00Z", -4.0);
        check("AAA0BBB,J60,J61", "2024-03-01T12:00:00Z", 1.0);
        check("AAA0BBB,59,61", "2024-02-29T12:00:00Z", 1.0);
    }

    #[test]
    fn what_is_not_a_rule_is_refused() {
        for text in ["", "5", "EST", "EST5EDT", "EST5EDT,M3.2.0", "<-03", "EST5EDT,M3.2,M11.1.0"] {
            assert_eq!(Rules::parse(text), None, "{text}");
        }
    }
}
