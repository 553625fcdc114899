//! Splits a series, and moves it to another start.

use super::rule::{Frequency, Rule};
use super::{Clock, Places, Recurrence, Start};
use crate::time::{DAY, Date};

/// How many occurrences of a changed series are checked: decades for most rules.
const COMPARED: usize = 250;

impl Recurrence {
    /// Returns the series before a position, and the series from there on; `None` for a part without occurrences.
    ///
    /// The second part begins at its rule's first occurrence from there on, so that the interval continues.
    ///
    /// # Errors
    ///
    /// Says why this series cannot be split: two rules need two different starts.
    pub fn split(&self, at: i64) -> Result<(Option<Self>, Option<Self>), String> {
        let (before, after) = (self.before(at), self.after(at));
        let kept = self.occurrences().take_while(|place| *place < at);
        let kept = before.iter().flat_map(Self::occurrences).eq(kept);
        let goes_on = after.as_ref().is_none_or(|after| {
            let rest = self.occurrences().skip_while(|place| *place < at);
            after.occurrences().take(COMPARED).eq(rest.take(COMPARED))
        });
        if !kept || !goes_on {
            return Err("its rules cannot be split between two series".to_owned());
        }
        let is_used = |part: &Self| part.occurrences().next().is_some();
        Ok((before.filter(is_used), after.filter(is_used)))
    }

    /// Returns the series with its start and all occurrences, added and excluded ones too, moved by the same clock time.
    ///
    /// # Errors
    ///
    /// Says that no rule describes the moved occurrences: for example, the day after the last Friday of a month.
    pub fn moved(&self, start: Start) -> Result<Self, String> {
        let by = start.local - self.start.local;
        let to = |place: i64| start.clock.place(self.local_of(place) + by);
        let rules = |rules: &[Rule]| {
            let moved = rules.iter().map(|rule| {
                let until = rule.until.map(|until| self.last_of(rule, until, start, by));
                Some(Rule { until, ..rule.moved(self.start.local, start)? })
            });
            moved.collect::<Option<Vec<_>>>()
        };
        let moved =
            rules(&self.rules).zip(rules(&self.excluded_rules)).map(|(rules, excluded_rules)| {
                let added = self.added.iter().copied().map(to).collect();
                let excluded = self.excluded.iter().copied().map(to).collect();
                let mut series = Self { start, rules, excluded_rules, added, excluded };
                series.sort();
                series
            });
        let begins_with_rule = |series: &Self| {
            let first = series.rules.first().and_then(|rule| series.fitting(rule).next());
            first.is_none_or(|first| first == series.start.place())
        };
        let right = |moved: &Self| {
            moved.occurrences().take(COMPARED).eq(self.occurrences().map(to).take(COMPARED))
                && (begins_with_rule(moved) || !begins_with_rule(self))
        };
        moved.filter(right).ok_or_else(|| {
            "no rule describes its occurrences when they move by this many days".to_owned()
        })
    }

    /// Returns the end of a moved rule: a whole day for series with times, and the day of a time for series of days.
    fn last_of(&self, rule: &Rule, until: i64, start: Start, by: i64) -> i64 {
        let local = match (self.start.clock, start.clock) {
            // The last day has its time of day in the new series.
            (Clock::Days, Clock::Zone(_)) => until + by,
            (Clock::Zone(_), Clock::Days) => {
                let last = self.places(&Rule { count: None, ..rule.clone() }).last();
                self.start.clock.local(last.unwrap_or(until)) + by
            }
            (clock, _) => clock.local(until) + by,
        };
        start.clock.place(local)
    }

    /// Returns the part before a position; `None` if it is empty.
    fn before(&self, at: i64) -> Option<Self> {
        let added: Vec<i64> = self.added.iter().copied().filter(|place| *place < at).collect();
        let clock = self.start.clock;
        let is_after_start = self.start.place() < at;
        let start = if is_after_start {
            self.start
        } else {
            Start { local: clock.local(*added.first()?), clock }
        };
        let last = match self.start.clock {
            Clock::Days => at - DAY,
            Clock::Zone(_) => at - 1,
        };
        let rules = self.rules.iter().filter(|_| is_after_start).map(|rule| {
            if self.places(rule).any(|place| place >= at) {
                Rule { count: None, until: Some(last), ..rule.clone() }
            } else {
                rule.clone()
            }
        });
        Some(Self {
            start,
            rules: rules.collect(),
            excluded_rules: self
                .excluded_rules
                .iter()
                .filter(|_| is_after_start)
                .cloned()
                .collect(),
            added: added.into_iter().filter(|place| *place != start.place()).collect(),
            excluded: self.excluded.iter().copied().filter(|place| *place < at).collect(),
        })
    }

    /// Returns the part from a position on; `None` if it is empty.
    fn after(&self, at: i64) -> Option<Self> {
        let rest = |rule: &Rule, mut places: Places<'_>| {
            let mut before = 0;
            let first = places.by_ref().find(|place| {
                before += u64::from(*place < at);
                *place >= at
            })?;
            Some((first, Rule { count: rule.count.map(|count| count - before), ..rule.clone() }))
        };
        let mut rules: Vec<(i64, Rule)> =
            self.rules.iter().filter_map(|rule| rest(rule, Box::new(self.places(rule)))).collect();
        let excluded_rules =
            self.excluded_rules.iter().filter_map(|rule| rest(rule, Box::new(self.fitting(rule))));
        rules.sort_by_key(|(first, _)| *first);
        let added: Vec<i64> = self.added.iter().copied().filter(|place| *place >= at).collect();
        let clock = self.start.clock;
        let first = rules.first().map(|(first, _)| *first).or(added.first().copied())?;
        let start = Start { local: self.local_of(first), clock };
        let rest = Self {
            start,
            rules: rules.into_iter().map(|(_, rule)| rule).collect(),
            excluded_rules: excluded_rules.map(|(_, rule)| rule).collect(),
            added: added.into_iter().filter(|place| *place != start.place()).collect(),
            excluded: self.excluded.iter().copied().filter(|place| *place >= at).collect(),
        };
        let (first, second) = {
            let mut places = rest.occurrences();
            (places.next(), places.next())
        };
        Some(match (first, second) {
            (Some(only), None) => rest.without_rules(only),
            _ => rest,
        })
    }

    /// Returns a series with one occurrence, which needs no rule.
    fn without_rules(&self, place: i64) -> Self {
        let start = Start { local: self.local_of(place), ..self.start };
        let (rules, excluded_rules) = (Vec::new(), Vec::new());
        Self { start, rules, excluded_rules, added: Vec::new(), excluded: Vec::new() }
    }

    /// Returns the clock time that the rules give for a position. The clock itself shows another time if it was set forward
    /// over that time.
    fn local_of(&self, place: i64) -> i64 {
        let local = self.start.clock.local(place);
        let at_start = local.div_euclid(DAY) * DAY + self.start.local.rem_euclid(DAY);
        if self.start.clock.place(at_start) == place { at_start } else { local }
    }
}

impl Rule {
    /// Returns the rule for occurrences that are moved like the start; `None` if there is no such rule.
    fn moved(&self, old: i64, start: Start) -> Option<Self> {
        let days = start.local.div_euclid(DAY) - old.div_euclid(DAY);
        let seconds = start.local.rem_euclid(DAY) - old.rem_euclid(DAY);
        let mut rule = self.clone();
        if start.clock == Clock::Days {
            (rule.hours, rule.minutes, rule.seconds) = (Vec::new(), Vec::new(), Vec::new());
        } else if seconds != 0 && !(self.minutes.is_empty() && self.seconds.is_empty()) {
            return None;
        } else if !self.hours.is_empty() {
            if seconds % 3_600 != 0 {
                return None;
            }
            let hour =
                |hour: &i64| Some(hour + seconds / 3_600).filter(|hour| (0..24).contains(hour));
            rule.hours = self.hours.iter().map(hour).collect::<Option<_>>()?;
        }
        if days == 0 {
            return Some(rule);
        }
        let weekday = |day: i64| (day + days).rem_euclid(7);
        rule.weekdays =
            self.weekdays.iter().map(|(number, day)| (*number, weekday(*day))).collect();
        // The start of the week matters only to rules that count weeks.
        if self.frequency == Frequency::Weekly && (self.interval != 1 || !self.positions.is_empty())
        {
            rule.week_start = weekday(self.week_start);
        }
        let (_, month, day) = Date::from_days(start.local.div_euclid(DAY)).parts();
        if self.months.len() == 1 {
            rule.months = vec![month];
        }
        rule.month_days = match self.month_days[..] {
            // The day may now be in another month.
            [only] if only > 0 => vec![day],
            _ => counted(&self.month_days, days, 31)?,
        };
        rule.year_days = counted(&self.year_days, days, 366)?;
        Some(rule)
    }
}

/// Returns the day numbers, all moved by the same number; `None` if one of them is then before the first or after the last day.
fn counted(days: &[i64], by: i64, most: i64) -> Option<Vec<i64>> {
    let day = |day: &i64| {
        let range = if *day > 0 { 1..=most } else { -most..=-1 };
        Some(day + by).filter(|moved| range.contains(moved))
    };
    days.iter().map(day).collect()
}
