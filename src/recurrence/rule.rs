//! One rule: `FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH` (RFC 5545 §3.3.10).

use std::fmt::{Display, Write as _};

use super::Clock;
use super::lines::{compact, place_of_end};

/// How often a rule recurs when it says nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Frequency {
    Secondly,
    Minutely,
    Hourly,
    Daily,
    Weekly,
    Monthly,
    Yearly,
}

/// A rule. An empty list means that the rule does not have the part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rule {
    pub frequency: Frequency,
    pub interval: i64,
    pub count: Option<u64>,
    /// The position of the last occurrence that the rule allows.
    pub until: Option<i64>,
    /// The first day of the week; 0 is Sunday.
    pub week_start: i64,
    pub months: Vec<i64>,
    pub weeks: Vec<i64>,
    pub year_days: Vec<i64>,
    pub month_days: Vec<i64>,
    /// Weekdays, each with its number in the month or the year; 0 means every one.
    pub weekdays: Vec<(i64, i64)>,
    pub hours: Vec<i64>,
    pub minutes: Vec<i64>,
    pub seconds: Vec<i64>,
    pub positions: Vec<i64>,
}

const FREQUENCIES: [(&str, Frequency); 7] = [
    ("SECONDLY", Frequency::Secondly),
    ("MINUTELY", Frequency::Minutely),
    ("HOURLY", Frequency::Hourly),
    ("DAILY", Frequency::Daily),
    ("WEEKLY", Frequency::Weekly),
    ("MONTHLY", Frequency::Monthly),
    ("YEARLY", Frequency::Yearly),
];

const WEEKDAYS: [&str; 7] = ["SU", "MO", "TU", "WE", "TH", "FR", "SA"];

impl Rule {
    /// Reads a rule for a series with this clock.
    ///
    /// # Errors
    ///
    /// The invalid part, and what would be right.
    pub fn parse(text: &str, clock: Clock) -> Result<Self, String> {
        let mut rule = Self {
            frequency: Frequency::Yearly,
            interval: 1,
            count: None,
            until: None,
            week_start: 1,
            months: Vec::new(),
            weeks: Vec::new(),
            year_days: Vec::new(),
            month_days: Vec::new(),
            weekdays: Vec::new(),
            hours: Vec::new(),
            minutes: Vec::new(),
            seconds: Vec::new(),
            positions: Vec::new(),
        };
        let mut names: Vec<String> = Vec::new();
        for part in text.split(';').filter(|part| !part.trim().is_empty()) {
            let (name, value) =
                part.split_once('=').ok_or_else(|| format!("`{part}` is not NAME=VALUE"))?;
            let (name, value) = (name.trim().to_uppercase(), value.trim().to_uppercase());
            if names.contains(&name) {
                return Err(format!("{name} is there twice"));
            }
            rule.set(&name, &value, clock)?;
            names.push(name);
        }
        if !names.iter().any(|name| name == "FREQ") {
            return Err("FREQ is missing, e.g. FREQ=WEEKLY".to_owned());
        }
        if rule.count.is_some() && rule.until.is_some() {
            return Err("COUNT and UNTIL exclude each other".to_owned());
        }
        rule.check()
    }

    fn set(&mut self, name: &str, value: &str, clock: Clock) -> Result<(), String> {
        let wrong = |right: &str| format!("{name} is `{value}`, but must be {right}");
        let positive = || value.parse().ok().filter(|number| (1..=1_000_000).contains(number));
        match name {
            "FREQ" => {
                let known = FREQUENCIES.iter().find(|(frequency, _)| *frequency == value);
                let right = "one of YEARLY, MONTHLY, WEEKLY, DAILY, HOURLY, MINUTELY, SECONDLY";
                self.frequency = known.ok_or_else(|| wrong(right))?.1;
            }
            "INTERVAL" => {
                self.interval = positive().ok_or_else(|| wrong("a number from 1 on"))?;
            }
            "COUNT" => {
                let count = positive().and_then(|count| u64::try_from(count).ok());
                self.count = Some(count.ok_or_else(|| wrong("a number from 1 on"))?);
            }
            "UNTIL" => {
                let until = place_of_end(value, clock);
                let right = "a date that exists, e.g. 20261231 or 20261231T220000Z";
                self.until = Some(until.ok_or_else(|| wrong(right))?);
            }
            "WKST" => {
                let day = WEEKDAYS.iter().zip(0..).find(|(day, _)| **day == value);
                self.week_start = day.ok_or_else(|| wrong("one of SU, MO, …, SA"))?.1;
            }
            "BYDAY" => {
                let right = "weekdays, e.g. MO,TH or 2MO or -1FR";
                let days = value.split(',').map(weekday).collect::<Option<_>>();
                self.weekdays = days.ok_or_else(|| wrong(right))?;
            }
            "BYMONTH" => self.months = numbers(name, value, 1..=12, false)?,
            "BYWEEKNO" => self.weeks = numbers(name, value, 1..=53, true)?,
            "BYYEARDAY" => self.year_days = numbers(name, value, 1..=366, true)?,
            "BYMONTHDAY" => self.month_days = numbers(name, value, 1..=31, true)?,
            "BYHOUR" => self.hours = numbers(name, value, 0..=23, false)?,
            "BYMINUTE" => self.minutes = numbers(name, value, 0..=59, false)?,
            "BYSECOND" => self.seconds = numbers(name, value, 0..=59, false)?,
            "BYSETPOS" => self.positions = numbers(name, value, 1..=366, true)?,
            _ => {
                return Err(format!(
                    "{name} is not a part of a rule: there are FREQ, INTERVAL, COUNT, UNTIL, BYDAY, BYMONTHDAY, BYMONTH, \
                     BYSETPOS, BYYEARDAY, BYWEEKNO, BYHOUR, BYMINUTE, BYSECOND and WKST"
                ));
            }
        }
        Ok(())
    }

    /// Checks for parts that exclude each other (RFC 5545 §3.3.10).
    fn check(self) -> Result<Self, String> {
        let numbered = self.weekdays.iter().any(|(number, _)| *number != 0);
        let by_month_or_year = matches!(self.frequency, Frequency::Monthly | Frequency::Yearly);
        let wrong = if numbered && !by_month_or_year {
            "a numbered weekday such as 2MO needs FREQ=MONTHLY or YEARLY"
        } else if numbered && !self.weeks.is_empty() {
            "a numbered weekday such as 2MO and BYWEEKNO exclude each other"
        } else if !self.weeks.is_empty() && self.frequency != Frequency::Yearly {
            "BYWEEKNO needs FREQ=YEARLY"
        } else if !self.month_days.is_empty() && self.frequency == Frequency::Weekly {
            "BYMONTHDAY and FREQ=WEEKLY exclude each other"
        } else if !self.positions.is_empty() && !self.has_other_parts() {
            "BYSETPOS needs another part beside it, e.g. BYDAY"
        } else {
            return Ok(self);
        };
        Err(wrong.to_owned())
    }

    fn has_other_parts(&self) -> bool {
        let lists = [
            &self.months,
            &self.weeks,
            &self.year_days,
            &self.month_days,
            &self.hours,
            &self.minutes,
            &self.seconds,
        ];
        !self.weekdays.is_empty() || lists.iter().any(|list| !list.is_empty())
    }

    /// Returns the rule as text; `UNTIL` or `COUNT` is last.
    pub fn text(&self, clock: Clock) -> String {
        let frequency = FREQUENCIES.iter().find(|(_, frequency)| *frequency == self.frequency);
        let mut text = format!("FREQ={}", frequency.map_or("", |(name, _)| name));
        let mut add = |name: &str, value: String| {
            let _ = write!(text, ";{name}={value}");
        };
        let weekday = |day: i64| WEEKDAYS[usize::try_from(day).unwrap_or_default()];
        if self.interval != 1 {
            add("INTERVAL", self.interval.to_string());
        }
        if self.week_start != 1 {
            add("WKST", weekday(self.week_start).to_owned());
        }
        for (name, numbers) in [
            ("BYMONTH", &self.months),
            ("BYWEEKNO", &self.weeks),
            ("BYYEARDAY", &self.year_days),
            ("BYMONTHDAY", &self.month_days),
        ] {
            if !numbers.is_empty() {
                add(name, joined(numbers));
            }
        }
        if !self.weekdays.is_empty() {
            let days = self.weekdays.iter().map(|(number, day)| match number {
                0 => weekday(*day).to_owned(),
                number => format!("{number}{}", weekday(*day)),
            });
            add("BYDAY", days.collect::<Vec<_>>().join(","));
        }
        for (name, numbers) in [
            ("BYHOUR", &self.hours),
            ("BYMINUTE", &self.minutes),
            ("BYSECOND", &self.seconds),
            ("BYSETPOS", &self.positions),
        ] {
            if !numbers.is_empty() {
                add(name, joined(numbers));
            }
        }
        if let Some(count) = self.count {
            add("COUNT", count.to_string());
        }
        if let Some(until) = self.until {
            add("UNTIL", compact(clock, until));
        }
        text
    }
}

/// `MO`, `2MO`, `-1FR`.
fn weekday(text: &str) -> Option<(i64, i64)> {
    let (number, name) = text.trim().split_at_checked(text.trim().len().checked_sub(2)?)?;
    let (_, day) = WEEKDAYS.iter().zip(0..).find(|(day, _)| **day == name)?;
    let number = match number {
        "" => 0,
        number => number.parse().ok().filter(|number: &i64| (1..=53).contains(&number.abs()))?,
    };
    Some((number, day))
}

fn numbers(
    name: &str,
    value: &str,
    range: std::ops::RangeInclusive<i64>,
    from_the_end: bool,
) -> Result<Vec<i64>, String> {
    let number = |text: &str| {
        let number: i64 = text.trim().parse().ok()?;
        let size = if from_the_end { number.abs() } else { number };
        range.contains(&size).then_some(number)
    };
    let numbers: Option<Vec<i64>> = value.split(',').map(number).collect();
    let sign = if from_the_end { ", or counted from the end with `-`" } else { "" };
    numbers.ok_or_else(|| {
        format!(
            "{name} is `{value}`, but must be numbers from {} to {}{sign}",
            range.start(),
            range.end()
        )
    })
}

fn joined(numbers: &[impl Display]) -> String {
    numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}
