//! Recurring events as RFC 5545 describes them: a start, recurrence rules, and single times that are added or excluded.
//!
//! A series is read from its lines (`RRULE:…`, `EXDATE:…`), expanded into its occurrences, split in two at one of them, and
//! moved to another start.
//!
//! The *position* of an occurrence is a number: seconds since 1970-01-01 UTC, and for series of whole days seconds since
//! 1970-01-01 on the calendar.

use self::lines::ContentLine;
use self::rule::Rule;
use crate::time::{DAY, Date, Moment, Zone};

mod change;
mod expand;
mod lines;
mod rule;

/// The clock of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// Whole days.
    Days,
    /// Times on the clocks of a zone.
    Zone(Zone),
}

/// The start of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start {
    /// The clock time: seconds since 1970-01-01 on that clock; midnight for days.
    pub local: i64,
    /// The clock.
    pub clock: Clock,
}

/// A series: `DTSTART` with `RRULE`, `EXRULE`, `RDATE` and `EXDATE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recurrence {
    start: Start,
    rules: Vec<Rule>,
    excluded_rules: Vec<Rule>,
    /// Added positions, in order.
    added: Vec<i64>,
    /// Excluded positions, in order.
    excluded: Vec<i64>,
}

/// Positions in order.
type Places<'a> = Box<dyn Iterator<Item = i64> + 'a>;

impl Clock {
    /// Returns the position of a clock time.
    #[must_use]
    pub fn place(self, local: i64) -> i64 {
        match self {
            Self::Days => local.div_euclid(DAY) * DAY,
            Self::Zone(zone) => zone.instant_of(local),
        }
    }

    /// Returns the clock time at a position.
    #[must_use]
    pub fn local(self, place: i64) -> i64 {
        match self {
            Self::Days => place,
            Self::Zone(zone) => place + zone.offset_at(place),
        }
    }

    /// Returns the moment at a position.
    #[must_use]
    pub fn moment(self, place: i64) -> Moment {
        match self {
            Self::Days => Moment::Day(Date::from_days(place.div_euclid(DAY))),
            Self::Zone(zone) => zone.moment(place),
        }
    }
}

impl Start {
    /// Returns the position of the first occurrence.
    #[must_use]
    pub fn place(self) -> i64 {
        self.clock.place(self.local)
    }
}

impl Recurrence {
    /// Reads the lines of a series with this start.
    ///
    /// # Errors
    ///
    /// A sentence that names the invalid line and says what is wrong with it.
    pub fn parse<'a>(
        start: Start,
        lines: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, String> {
        let mut series = Self {
            start,
            rules: Vec::new(),
            excluded_rules: Vec::new(),
            added: Vec::new(),
            excluded: Vec::new(),
        };
        for line in lines {
            match ContentLine::parse(line, start.clock)? {
                ContentLine::Rule(rule) => series.rules.push(rule),
                ContentLine::ExcludedRule(rule) => series.excluded_rules.push(rule),
                ContentLine::Added(places) => series.added.extend(places),
                ContentLine::Excluded(places) => series.excluded.extend(places),
            }
        }
        series.sort();
        Ok(series)
    }

    /// Returns the lines of the series, without its start.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let clock = self.start.clock;
        let rules = self.rules.iter().map(|rule| format!("RRULE:{}", rule.text(clock)));
        let excluded =
            self.excluded_rules.iter().map(|rule| format!("EXRULE:{}", rule.text(clock)));
        let times = [("RDATE", &self.added), ("EXDATE", &self.excluded)];
        let times =
            times.into_iter().filter_map(|(name, places)| lines::times(name, places, clock));
        rules.chain(excluded).chain(times).collect()
    }

    /// Returns its start.
    #[must_use]
    pub const fn start(&self) -> Start {
        self.start
    }

    /// Returns whether it has a rule or an added time.
    #[must_use]
    pub fn recurs(&self) -> bool {
        !(self.rules.is_empty() && self.added.is_empty())
    }

    /// Returns the positions of its occurrences, in order; a series without an end has no last one.
    ///
    /// Unless it is excluded, the start is an occurrence even if it does not fit the rule, and it is the first that `COUNT`
    /// counts.
    pub fn occurrences(&self) -> impl Iterator<Item = i64> + '_ {
        let start: Places<'_> = Box::new(std::iter::once(self.start.place()));
        let added: Places<'_> = Box::new(self.added.iter().copied());
        let rules = self.rules.iter().map(|rule| Box::new(self.places(rule)) as Places<'_>);
        let mut sources: Vec<_> =
            [start, added].into_iter().chain(rules).map(Iterator::peekable).collect();
        let mut excluded: Vec<_> =
            self.excluded_rules.iter().map(|rule| self.fitting(rule).peekable()).collect();
        std::iter::from_fn(move || {
            loop {
                let next = sources.iter_mut().filter_map(|source| source.peek().copied()).min()?;
                for source in &mut sources {
                    while source.next_if(|place| *place <= next).is_some() {}
                }
                let by_rule = excluded.iter_mut().any(|places| {
                    while places.next_if(|place| *place < next).is_some() {}
                    places.peek() == Some(&next)
                });
                if !by_rule && self.excluded.binary_search(&next).is_err() {
                    return Some(next);
                }
            }
        })
    }

    /// Returns whether a rule ends before the start; then only the start is left of it.
    #[must_use]
    pub fn ends_before_start(&self) -> bool {
        let start = self.start.place();
        self.rules.iter().any(|rule| rule.until.is_some_and(|until| until < start))
    }

    /// Excludes the occurrences at these positions.
    pub fn exclude(&mut self, places: impl IntoIterator<Item = i64>) {
        self.excluded.extend(places);
        self.sort();
    }

    /// Returns the positions of a rule's occurrences up to its `COUNT` or `UNTIL`. The start is the first, even if it does not
    /// fit.
    fn places<'a>(&'a self, rule: &'a Rule) -> impl Iterator<Item = i64> + 'a {
        let first = self.start.place();
        let count = rule.count.and_then(|count| usize::try_from(count).ok()).unwrap_or(usize::MAX);
        let rest = self.fitting(rule).skip_while(move |place| *place == first);
        std::iter::once(first).chain(rest).take(count)
    }

    /// Returns the positions that fit a rule, up to its `COUNT` or `UNTIL`.
    fn fitting<'a>(&'a self, rule: &'a Rule) -> impl Iterator<Item = i64> + 'a {
        let Start { local, clock } = self.start;
        let count = rule.count.and_then(|count| usize::try_from(count).ok()).unwrap_or(usize::MAX);
        rule.expand(local)
            .map(move |local| clock.place(local))
            .take(count)
            .take_while(|place| rule.until.is_none_or(|until| *place <= until))
    }

    fn sort(&mut self) {
        for places in [&mut self.added, &mut self.excluded] {
            places.sort_unstable();
            places.dedup();
        }
    }
}
