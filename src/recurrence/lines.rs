//! Reads and writes the lines of a series and their times.

use super::Clock;
use super::rule::Rule;
use crate::time::{DAY, Date, Moment, Zone, time_of_day};

/// The content of a line.
pub(super) enum ContentLine {
    Rule(Rule),
    ExcludedRule(Rule),
    Added(Vec<i64>),
    Excluded(Vec<i64>),
}

impl ContentLine {
    /// Reads `RRULE:…`, `EXRULE:…`, `RDATE…:…` or `EXDATE…:…`; a line that begins with `FREQ=` is a rule.
    pub fn parse(line: &str, clock: Clock) -> Result<Self, String> {
        let line = line.trim();
        let wrong = |reason: String| format!("`{line}`: {reason}");
        if line.to_uppercase().starts_with("FREQ=") {
            return Rule::parse(line, clock).map(Self::Rule).map_err(wrong);
        }
        let kinds = "a line begins with RRULE:, RDATE:, EXDATE: or EXRULE:";
        let (head, value) = line.split_once(':').ok_or_else(|| wrong(kinds.to_owned()))?;
        let mut head = head.split(';');
        let name = head.next().unwrap_or_default().trim().to_uppercase();
        match name.as_str() {
            "RRULE" => Rule::parse(value, clock).map(Self::Rule).map_err(wrong),
            "EXRULE" => Rule::parse(value, clock).map(Self::ExcludedRule).map_err(wrong),
            "RDATE" => places(head, value, clock).map(Self::Added).map_err(wrong),
            "EXDATE" => places(head, value, clock).map(Self::Excluded).map_err(wrong),
            "DTSTART" | "DTEND" => {
                Err(wrong("the start and the end are arguments of their own".to_owned()))
            }
            _ => Err(wrong(kinds.to_owned())),
        }
    }
}

/// Returns the positions of the times in a line: `;TZID=Europe/Berlin:20261214T090000,20261221T090000`.
fn places<'a>(
    parameters: impl Iterator<Item = &'a str>,
    value: &str,
    clock: Clock,
) -> Result<Vec<i64>, String> {
    let mut zone = None;
    for parameter in parameters {
        match parameter.split_once('=').map(|(name, value)| (name.trim().to_uppercase(), value)) {
            Some((name, value)) if name == "TZID" => {
                let value = value.trim_matches('"');
                let named =
                    Zone::named(value).ok_or_else(|| format!("there is no time zone {value}"))?;
                zone = Some(named);
            }
            Some((name, value)) if name == "VALUE" && value.eq_ignore_ascii_case("PERIOD") => {
                return Err("periods are not supported: give their starts".to_owned());
            }
            _ => {}
        }
    }
    let place = |text: &str| {
        let moment = moment(text.trim()).ok_or_else(|| {
            format!("`{text}` must be a time that exists, e.g. 20261214T090000Z or 20261214")
        })?;
        Ok(match (clock, zone) {
            (Clock::Days, _) => moment.local(&zone.unwrap_or_else(Zone::utc)).div_euclid(DAY) * DAY,
            (Clock::Zone(own), zone) => moment.instant(&zone.unwrap_or(own)),
        })
    };
    value.split(',').map(place).collect()
}

/// Returns the times as a line; `None` if there are none.
pub(super) fn times(name: &str, places: &[i64], clock: Clock) -> Option<String> {
    if places.is_empty() {
        return None;
    }
    let head = match clock {
        Clock::Days => ";VALUE=DATE".to_owned(),
        Clock::Zone(zone) if zone == Zone::utc() => String::new(),
        Clock::Zone(zone) => format!(";TZID={}", zone.name()),
    };
    let written = places.iter().map(|place| match clock {
        Clock::Days => compact(clock, *place),
        Clock::Zone(zone) => {
            let local = place + zone.offset_at(*place);
            let is_first = zone.instant_of(local) == *place && zone != Zone::utc();
            if is_first { short(Moment::Local(local)) } else { compact(clock, *place) }
        }
    });
    Some(format!("{name}{head}:{}", written.collect::<Vec<_>>().join(",")))
}

/// Returns the position in the form of `UNTIL`: a date, or a time in UTC.
pub(super) fn compact(clock: Clock, place: i64) -> String {
    match clock {
        Clock::Days => short(clock.moment(place)),
        Clock::Zone(_) => short(Moment::utc(place)),
    }
}

/// Returns the position of the last occurrence that `UNTIL` allows. `UNTIL` should be of the start's kind. If it is not, a date
/// means its whole day on the clocks of the series, and a time means its day.
pub(super) fn place_of_end(text: &str, clock: Clock) -> Option<i64> {
    let moment = moment(text)?;
    Some(match (clock, moment) {
        (Clock::Days, moment) => moment.local(&Zone::utc()).div_euclid(DAY) * DAY,
        (Clock::Zone(zone), Moment::Day(day)) => zone.instant_of((day.days() + 1) * DAY) - 1,
        (Clock::Zone(zone), moment) => moment.instant(&zone),
    })
}

/// Reads `20261130`, `20261130T090000` or `20261130T090000Z` (RFC 5545 §3.3.4 and 5), and the same with `-` and `:`.
fn moment(text: &str) -> Option<Moment> {
    if text.contains('-') {
        return Moment::read(text);
    }
    let (date, rest) = text.split_at_checked("20261130".len())?;
    if !date.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let day = Date::read(&format!("{}-{}-{}", &date[..4], &date[4..6], &date[6..]))?;
    let Some(time) = rest.strip_prefix(['T', 't']) else {
        return rest.is_empty().then_some(Moment::Day(day));
    };
    let (time, is_utc) = match time.strip_suffix(['Z', 'z']) {
        Some(time) => (time, true),
        None => (time, false),
    };
    if time.len() != "090000".len() || !time.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let time = time_of_day(&format!("{}:{}:{}", &time[..2], &time[2..4], &time[4..])).ok()?;
    let seconds = day.days() * DAY + time;
    Some(if is_utc { Moment::utc(seconds) } else { Moment::Local(seconds) })
}

fn short(moment: Moment) -> String {
    moment.to_string().replace(['-', ':'], "")
}
