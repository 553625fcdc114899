//! Series of events as RFC 5545 describes them: a start, rules by which it recurs, and single times added and excluded.
//!
//! A series is read from its lines (`RRULE:…`, `EXDATE:…`), expanded into its occurrences, split in two at one of them, and
//! moved to another start.
//!
//! The *place* of an occurrence is a number: seconds since 1970-01-01 UTC, and for series of whole days seconds since
//! 1970-01-01 on the calendar.

use self::lines::ContentLine;
use self::rule::Rule;
use crate::time::{DAY, Date, Moment, Zone};

mod change;
mod expand;
mod lines;
mod rule;

/// By what the occurrences of a series are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// Whole days.
    Days,
    /// Times on the clocks of a zone.
    Zone(Zone),
}

/// Where a series begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start {
    /// What the clock shows: seconds since 1970-01-01 there, for days their midnight.
    pub local: i64,
    /// Whose clock it is.
    pub clock: Clock,
}

/// A series: `DTSTART` with `RRULE`, `EXRULE`, `RDATE` and `EXDATE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recurrence {
    start: Start,
    rules: Vec<Rule>,
    excluded_rules: Vec<Rule>,
    /// Places that are added, in order.
    added: Vec<i64>,
    /// Places that are excluded, in order.
    excluded: Vec<i64>,
}

/// Places in order.
type Places<'a> = Box<dyn Iterator<Item = i64> + 'a>;

impl Clock {
    /// The place of what the clock shows.
    #[must_use]
    pub fn place(self, local: i64) -> i64 {
        match self {
            Self::Days => local.div_euclid(DAY) * DAY,
            Self::Zone(zone) => zone.instant_of(local),
        }
    }

    /// What the clock shows at a place.
    #[must_use]
    pub fn local(self, place: i64) -> i64 {
        match self {
            Self::Days => place,
            Self::Zone(zone) => place + zone.offset_at(place),
        }
    }

    /// The moment at a place.
    #[must_use]
    pub fn moment(self, place: i64) -> Moment {
        match self {
            Self::Days => Moment::Day(Date::from_days(place.div_euclid(DAY))),
            Self::Zone(zone) => zone.moment(place),
        }
    }
}

impl Start {
    /// The place of the first occurrence.
    #[must_use]
    pub fn place(self) -> i64 {
        self.clock.place(self.local)
    }
}

impl Recurrence {
    /// Reads the lines of a series that begins there.
    ///
    /// # Errors
    ///
    /// A sentence that names the line and what is wrong with it.
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

    /// The lines of the series, without its start.
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

    /// Where it begins.
    #[must_use]
    pub const fn start(&self) -> Start {
        self.start
    }

    /// Whether it has more than its start by any rule or added time.
    #[must_use]
    pub fn recurs(&self) -> bool {
        !(self.rules.is_empty() && self.added.is_empty())
    }

    /// The places of its occurrences, in order; a series without an end has no last one.
    ///
    /// The start is one of them whether or not it fits the rule, and the first that `COUNT` counts, unless it is excluded.
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

    /// Whether a rule ends before the start, which is all that is left of it then.
    #[must_use]
    pub fn ends_before_start(&self) -> bool {
        let start = self.start.place();
        self.rules.iter().any(|rule| rule.until.is_some_and(|until| until < start))
    }

    /// Excludes the occurrences at these places.
    pub fn exclude(&mut self, places: impl IntoIterator<Item = i64>) {
        self.excluded.extend(places);
        self.sort();
    }

    /// The places of a rule's occurrences up to its `COUNT` or `UNTIL`; the start is the first, whether or not it fits.
    fn places<'a>(&'a self, rule: &'a Rule) -> impl Iterator<Item = i64> + 'a {
        let first = self.start.place();
        let count = rule.count.and_then(|count| usize::try_from(count).ok()).unwrap_or(usize::MAX);
        let rest = self.fitting(rule).skip_while(move |place| *place == first);
        std::iter::once(first).chain(rest).take(count)
    }

    /// The places that fit a rule up to its `COUNT` or `UNTIL`.
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
