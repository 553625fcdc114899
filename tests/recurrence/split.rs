//! Splits and expands series for `tests/recurrence/oracle.py`: a JSON object a line comes in, and one goes out.
//!
//! In: `start` (what the clock shows), `zone` (null for whole days), `lines`, `at` (a place), `by` (seconds on the clock by which
//! what follows moves), `to_zone`, `limit`. Out: the places of the series, and of both its parts with their lines; or `error`.

use std::io::{BufRead, stdin};

use mcpist::recurrence::{Clock, Recurrence, Start};
use mcpist::time::Zone;
use serde_json::{Value, json};

fn main() {
    for line in stdin().lock().lines() {
        let line = line.expect("standard input can be read");
        let order: Value = serde_json::from_str(&line).expect("every line is JSON");
        println!("{}", split(&order).unwrap_or_else(|error| json!({"error": error})));
    }
}

fn split(order: &Value) -> Result<Value, String> {
    let clock = |name: &str| match order[name].as_str() {
        None => Clock::Days,
        Some(zone) => Clock::Zone(Zone::named(zone).expect("the zone is known")),
    };
    let number = |name: &str| order[name].as_i64().expect("it is a number");
    let limit = usize::try_from(number("limit")).expect("it is positive");
    let start = Start { local: number("start"), clock: clock("zone") };
    let lines = order["lines"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let series = Recurrence::parse(start, lines)?;
    let (kept, rest) = series.split(number("at"))?;
    let moved = |rest: Recurrence| {
        let local = rest.start().local + number("by");
        rest.moved(Start { local, clock: clock("to_zone") })
    };
    let rest = rest.map(moved).transpose()?;
    let part = |part: Option<Recurrence>| {
        part.map(|part| {
            let places: Vec<_> = part.occurrences().take(limit).collect();
            json!({"start": part.start().local, "lines": part.lines(), "places": places})
        })
    };
    let places: Vec<_> = series.occurrences().take(limit).collect();
    Ok(json!({"places": places, "kept": part(kept), "rest": part(rest)}))
}
