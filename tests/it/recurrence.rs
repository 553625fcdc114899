//! Splitting and moving series, against a table that an independent implementation of RFC 5545 has made:
//! `tests/recurrence/oracle.py table 150 7`. `make recurrence` compares thousands more.

use mcpist::recurrence::{Clock, Recurrence, Start};
use mcpist::time::Zone;
use serde_json::{Value, json};

#[test]
fn both_parts_of_a_series_have_the_events_that_they_must_have() {
    let table: Value =
        serde_json::from_str(include_str!("../recurrence/series.json")).expect("the table is JSON");
    let (mut compared, mut refused) = (0, 0);
    for row in table.as_array().expect("the table is a list") {
        match parts(row) {
            Ok((before, after)) => {
                compared += 1;
                assert_eq!(before.len(), length(&row["before"]), "{row}");
                assert_eq!(
                    &before[before.len().saturating_sub(2)..],
                    places(&row["last_before"]),
                    "{row}"
                );
                assert_eq!(after[..after.len().min(3)], places(&row["first_after"]), "{row}");
                // A series without an end is compared as far as the table goes.
                let end = length(&row["compared"]);
                assert_eq!(after[end.saturating_sub(2)..end], places(&row["last_after"]), "{row}");
                assert!(row["after"].is_null() || after.len() == length(&row["after"]), "{row}");
            }
            // No rule need describe the days after those of another rule.
            Err(reason) => {
                assert_ne!(row["by"], 0, "{reason}: {row}");
                refused += 1;
            }
        }
    }
    assert!(compared >= 120 && refused > 0, "{compared} compared, {refused} refused");
}

/// The places before the split, and those after it when they have moved; read again from the lines that were written.
fn parts(row: &Value) -> Result<(Vec<i64>, Vec<i64>), String> {
    let clock = |name: &str| match row[name].as_str() {
        None => Clock::Days,
        Some(zone) => Clock::Zone(Zone::named(zone).expect("the zone is known")),
    };
    let number = |name: &str| row[name].as_i64().expect("it is a number");
    let lines: Vec<&str> =
        row["lines"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let start = Start { local: number("start"), clock: clock("zone") };
    let (kept, rest) = Recurrence::parse(start, lines)?.split(number("at"))?;
    let again = |series: Recurrence| {
        let lines = series.lines();
        let read = Recurrence::parse(series.start(), lines.iter().map(String::as_str));
        let read = read.unwrap_or_else(|reason| panic!("{reason}: {row}"));
        read.occurrences().take(300).collect::<Vec<_>>()
    };
    let rest = rest.expect("the place is one of the series");
    let local = rest.start().local + number("by");
    let rest = rest.moved(Start { local, clock: clock("to_zone") })?;
    Ok((kept.map(again).unwrap_or_default(), again(rest)))
}

fn places(list: &Value) -> Vec<i64> {
    list.as_array().into_iter().flatten().filter_map(Value::as_i64).collect()
}

fn length(number: &Value) -> usize {
    number.as_u64().and_then(|number| usize::try_from(number).ok()).expect("it is a number")
}

#[test]
fn rules_that_say_nothing_sensible_are_refused_with_what_would_be_right() {
    let start = Start { local: 1_795_942_800, clock: Clock::Zone(Zone::utc()) };
    for (line, part) in [
        ("every Monday", "begins with RRULE:"),
        ("RRULE:", "FREQ is missing"),
        ("RRULE:INTERVAL=2", "FREQ is missing"),
        ("RRULE:FREQ=FORTNIGHTLY", "one of YEARLY"),
        ("RRULE:FREQ=WEEKLY;INTERVAL=0", "a number from 1 on"),
        ("RRULE:FREQ=WEEKLY;COUNT=-1", "a number from 1 on"),
        ("RRULE:FREQ=WEEKLY;COUNT=3;UNTIL=20270101T000000Z", "exclude each other"),
        ("RRULE:FREQ=WEEKLY;UNTIL=20260230", "a date that exists"),
        ("RRULE:FREQ=WEEKLY;UNTIL=20261231T250000Z", "a date that exists"),
        ("RRULE:FREQ=WEEKLY;BYDAY=MON", "weekdays"),
        ("RRULE:FREQ=WEEKLY;BYDAY=2MO", "FREQ=MONTHLY or YEARLY"),
        ("RRULE:FREQ=WEEKLY;BYMONTHDAY=1", "exclude each other"),
        ("RRULE:FREQ=MONTHLY;BYMONTHDAY=32", "numbers from 1 to 31"),
        ("RRULE:FREQ=MONTHLY;BYMONTHDAY=0", "numbers from 1 to 31"),
        ("RRULE:FREQ=MONTHLY;BYSETPOS=1", "needs another part"),
        ("RRULE:FREQ=YEARLY;BYWEEKNO=20;BYDAY=1MO", "exclude each other"),
        ("RRULE:FREQ=DAILY;FREQ=WEEKLY", "twice"),
        ("RRULE:FREQ=DAILY;BYEASTER=0", "not a part of a rule"),
        ("EXDATE:20260230T090000Z", "a time that exists"),
        ("EXDATE;TZID=Europe/Atlantis:20261130T090000", "no time zone"),
        ("RDATE;VALUE=PERIOD:20261130T090000Z/PT1H", "periods"),
        ("DTSTART:20261130T090000Z", "arguments of their own"),
    ] {
        let error = Recurrence::parse(start, [line]).expect_err(line);
        assert!(error.contains(part) && error.contains(line), "{error}");
    }
}

#[test]
fn lines_are_written_as_the_standard_wants_them() {
    let berlin = Clock::Zone(Zone::named("Europe/Berlin").expect("it is known"));
    let check = |clock: Clock, given: &[&str], written: Value| {
        let start = Start { local: 1_796_029_200, clock };
        let series = Recurrence::parse(start, given.iter().copied()).expect("the lines are right");
        assert_eq!(json!(series.lines()), written);
    };
    check(
        berlin,
        &[
            " freq=weekly ; byday=mo,th;wkst=su;interval=2;until=20261231 ",
            "EXDATE:20261214T080000Z",
            "EXDATE;TZID=America/New_York:20261221T030000",
        ],
        json!([
            "RRULE:FREQ=WEEKLY;INTERVAL=2;WKST=SU;BYDAY=MO,TH;UNTIL=20261231T225959Z",
            "EXDATE;TZID=Europe/Berlin:20261214T090000,20261221T090000",
        ]),
    );
    // The second half past two can be named only by its time in UTC.
    check(
        berlin,
        &["RDATE:20261025T003000Z,20261025T013000Z"],
        json!(["RDATE;TZID=Europe/Berlin:20261025T023000,20261025T013000Z"]),
    );
    check(
        Clock::Days,
        &["RRULE:FREQ=MONTHLY;BYDAY=-1FR,2MO;COUNT=3", "EXDATE:20261214T080000Z"],
        json!(["RRULE:FREQ=MONTHLY;BYDAY=-1FR,2MO;COUNT=3", "EXDATE;VALUE=DATE:20261214"]),
    );
}
