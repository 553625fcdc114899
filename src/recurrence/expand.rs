//! Expands a rule into its occurrences, one period of its frequency at a time.

use std::collections::VecDeque;

use super::rule::{Frequency, Rule};
use crate::time::{DAY, Date, days_in_month, is_leap_year};

/// The maximum number of periods that are examined for a rule: more than there are days until the year 9999.
const MAX_PERIODS: u32 = 5_000_000;

/// The first time that cannot be written as a date.
const END: i64 = 2_932_897 * DAY;

impl Rule {
    /// Returns the clock times of the occurrences from the start on, in order, as if the rule had no end. A start that does not
    /// fit the rule is not included.
    pub(super) fn expand(&self, start: i64) -> impl Iterator<Item = i64> + '_ {
        Expansion { rule: self, start, period: 0, left: MAX_PERIODS, ready: VecDeque::new() }
    }
}

struct Expansion<'a> {
    rule: &'a Rule,
    start: i64,
    /// The number of the next period; 0 is the period of the start.
    period: i64,
    left: u32,
    ready: VecDeque<i64>,
}

impl Iterator for Expansion<'_> {
    type Item = i64;

    fn next(&mut self) -> Option<i64> {
        loop {
            if let Some(next) = self.ready.pop_front() {
                return Some(next);
            }
            self.left = self.left.checked_sub(1)?;
            let found = self.advance()?;
            self.ready = self.selected(found).into_iter().filter(|at| *at >= self.start).collect();
        }
    }
}

impl Expansion<'_> {
    /// Returns all candidates of the next period in order; `None` after the last date.
    fn advance(&mut self) -> Option<Vec<i64>> {
        let rule = self.rule;
        let (first_day, number) = (self.start.div_euclid(DAY), self.period * rule.interval);
        let (year, month, _) = Date::from_days(first_day).parts();
        let days = match rule.frequency {
            Frequency::Yearly => {
                let year = year + number;
                let first = Date::of(year, 1, 1)?.days();
                first..first + 365 + i64::from(is_leap_year(year))
            }
            Frequency::Monthly => {
                let months = year * 12 + month - 1 + number;
                let (year, month) = (months.div_euclid(12), months.rem_euclid(12) + 1);
                let first = Date::of(year, month, 1)?.days();
                first..first + days_in_month(year, month)
            }
            Frequency::Weekly => {
                let weekday = Date::from_days(first_day).weekday();
                let first = first_day - (weekday - rule.week_start).rem_euclid(7) + number * 7;
                first..first + 7
            }
            Frequency::Daily => first_day + number..first_day + number + 1,
            Frequency::Hourly | Frequency::Minutely | Frequency::Secondly => {
                return self.within_days();
            }
        };
        self.period += 1;
        if days.start * DAY >= END {
            return None;
        }
        let times = self.times();
        let days = days.filter(|day| self.has_day(*day));
        Some(days.flat_map(|day| times.iter().map(move |time| day * DAY + time)).collect())
    }

    /// Returns the candidates of the next period, if periods are shorter than a day.
    fn within_days(&mut self) -> Option<Vec<i64>> {
        let rule = self.rule;
        let length = match rule.frequency {
            Frequency::Hourly => 3_600,
            Frequency::Minutely => 60,
            _ => 1,
        };
        let step = length * rule.interval;
        let first = self.start.div_euclid(length) * length;
        let begin = first + self.period * step;
        if begin >= END {
            return None;
        }
        let (day, time) = (begin.div_euclid(DAY), begin.rem_euclid(DAY));
        if !self.has_day(day) {
            // Moves to the first period of the next day.
            self.period = ((day + 1) * DAY - first + step - 1).div_euclid(step);
            return Some(Vec::new());
        }
        self.period += 1;
        let (hour, minute, second) = (time / 3_600, time / 60 % 60, time % 60);
        let allowed = |list: &[i64], number| list.is_empty() || list.contains(&number);
        let fits = allowed(&rule.hours, hour)
            && (rule.frequency == Frequency::Hourly || allowed(&rule.minutes, minute))
            && (rule.frequency != Frequency::Secondly || allowed(&rule.seconds, second));
        if !fits {
            return Some(Vec::new());
        }
        let start = self.start.rem_euclid(DAY);
        let minutes = if rule.frequency == Frequency::Hourly {
            listed(&rule.minutes, start / 60 % 60)
        } else {
            vec![minute]
        };
        let seconds = if rule.frequency == Frequency::Secondly {
            vec![second]
        } else {
            listed(&rule.seconds, start % 60)
        };
        let hour = day * DAY + hour * 3_600;
        let times = minutes
            .iter()
            .flat_map(|minute| seconds.iter().map(move |second| hour + minute * 60 + second));
        Some(times.collect())
    }

    /// Returns the times of each day, in order.
    fn times(&self) -> Vec<i64> {
        let start = self.start.rem_euclid(DAY);
        let hours = listed(&self.rule.hours, start / 3_600);
        let minutes = listed(&self.rule.minutes, start / 60 % 60);
        let seconds = listed(&self.rule.seconds, start % 60);
        let mut times = Vec::new();
        for hour in hours {
            for minute in &minutes {
                times.extend(seconds.iter().map(|second| hour * 3_600 + minute * 60 + second));
            }
        }
        times
    }

    /// Returns whether the rule's parts allow a day. Missing parts are taken from the start (RFC 5545 §3.3.10).
    fn has_day(&self, days: i64) -> bool {
        let rule = self.rule;
        let date = Date::from_days(days);
        let (year, month, day) = date.parts();
        let start = Date::from_days(self.start.div_euclid(DAY));
        let by_day = !(rule.weekdays.is_empty()
            && rule.month_days.is_empty()
            && rule.year_days.is_empty()
            && rule.weeks.is_empty());
        let yearly = rule.frequency == Frequency::Yearly;
        let is_one = |list: &[i64], number: i64, count: i64| {
            list.contains(&number) || list.contains(&(number - count - 1))
        };

        let month_fits = if rule.months.is_empty() && yearly && !by_day {
            month == start.parts().1
        } else {
            rule.months.is_empty() || rule.months.contains(&month)
        };
        let implied_day =
            !by_day && matches!(rule.frequency, Frequency::Yearly | Frequency::Monthly);
        let month_day_fits = if implied_day {
            day == start.parts().2
        } else {
            rule.month_days.is_empty() || is_one(&rule.month_days, day, days_in_month(year, month))
        };
        if !month_fits || !month_day_fits {
            return false;
        }
        if !rule.year_days.is_empty() {
            let first = Date::of(year, 1, 1).map_or(0, Date::days);
            if !is_one(&rule.year_days, days - first + 1, 365 + i64::from(is_leap_year(year))) {
                return false;
            }
        }
        if !rule.weeks.is_empty() {
            let (week, weeks) = week_of(days, rule.week_start);
            if !is_one(&rule.weeks, week, weeks) {
                return false;
            }
        }
        let implied_weekday = rule.weekdays.is_empty()
            && (rule.frequency == Frequency::Weekly
                || !rule.weeks.is_empty()
                    && rule.month_days.is_empty()
                    && rule.year_days.is_empty());
        if implied_weekday {
            return date.weekday() == start.weekday();
        }
        rule.weekdays.is_empty()
            || rule.weekdays.iter().any(|(number, weekday)| {
                *weekday == date.weekday() && (*number == 0 || self.is_numbered(date, *number))
            })
    }

    /// Returns whether a day is the n-th of its weekday in the month, or in the year if the rule is yearly and names no months.
    fn is_numbered(&self, date: Date, number: i64) -> bool {
        let (year, month, day) = date.parts();
        let (at, count) = if self.rule.frequency == Frequency::Yearly && self.rule.months.is_empty()
        {
            let first = Date::of(year, 1, 1).map_or(0, Date::days);
            (date.days() - first, 365 + i64::from(is_leap_year(year)))
        } else {
            (day - 1, days_in_month(year, month))
        };
        number == at / 7 + 1 || number == -((count - 1 - at) / 7 + 1)
    }

    /// Returns the candidates of a period at the rule's positions.
    fn selected(&self, mut candidates: Vec<i64>) -> Vec<i64> {
        if self.rule.positions.is_empty() {
            return candidates;
        }
        let count = i64::try_from(candidates.len()).unwrap_or(i64::MAX);
        let mut at = 0;
        candidates.retain(|_| {
            at += 1;
            self.rule.positions.contains(&at) || self.rule.positions.contains(&(at - count - 1))
        });
        candidates
    }
}

/// Returns the numbers in order, or the start's number if there are none.
fn listed(numbers: &[i64], of_start: i64) -> Vec<i64> {
    if numbers.is_empty() {
        return vec![of_start];
    }
    let mut numbers = numbers.to_vec();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

/// Returns the number of a day's week, and the number of weeks in that week's year: week 1 is the first with four days in the
/// year.
fn week_of(days: i64, week_start: i64) -> (i64, i64) {
    let first_week = |year: i64| {
        let first = Date::of(year, 1, 1).map_or(0, Date::days);
        let begin = first - (Date::from_days(first).weekday() - week_start).rem_euclid(7);
        if first - begin <= 3 { begin } else { begin + 7 }
    };
    let (mut year, ..) = Date::from_days(days).parts();
    if days < first_week(year) {
        year -= 1;
    } else if days >= first_week(year + 1) {
        year += 1;
    }
    ((days - first_week(year)) / 7 + 1, (first_week(year + 1) - first_week(year)) / 7)
}
