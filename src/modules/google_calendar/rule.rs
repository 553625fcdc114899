//! The rules by which a series recurs, as lines of RFC 5545.

use serde_json::Value;

use crate::time::Moment;

/// A recurrence that ends before a moment (RFC 5545 §3.3.10).
pub fn ended(recurrence: &Value, before: Moment) -> Value {
    let until = match before {
        Moment::Day(_) => before.later(-crate::time::DAY).to_string().replace('-', ""),
        Moment::Local(seconds) | Moment::Instant { seconds, .. } => {
            Moment::Instant { seconds: seconds - 1, offset: 0 }.to_string().replace(['-', ':'], "")
        }
    };
    with_rules(recurrence, |parts| parts.push(format!("UNTIL={until}")))
}

/// The number of times that a recurrence says.
pub fn counted(recurrence: &Value) -> Option<u64> {
    let lines = recurrence.as_array().into_iter().flatten().filter_map(Value::as_str);
    let mut parts =
        lines.filter_map(|line| line.strip_prefix("RRULE:")).flat_map(|rule| rule.split(';'));
    parts.find_map(|part| part.strip_prefix("COUNT=")?.parse().ok())
}

/// A recurrence with another number of times.
pub fn with_count(recurrence: &Value, count: u64) -> Value {
    with_rules(recurrence, |parts| parts.push(format!("COUNT={count}")))
}

/// A recurrence whose rules lose their end and are changed; exceptions stay.
fn with_rules(recurrence: &Value, change: impl Fn(&mut Vec<String>)) -> Value {
    let line = |line: &Value| {
        let Some(rule) = line.as_str().and_then(|line| line.strip_prefix("RRULE:")) else {
            return line.clone();
        };
        let ends = |part: &str| part.starts_with("COUNT=") || part.starts_with("UNTIL=");
        let mut parts: Vec<String> =
            rule.split(';').filter(|part| !ends(part)).map(str::to_owned).collect();
        change(&mut parts);
        format!("RRULE:{}", parts.join(";")).into()
    };
    recurrence.as_array().into_iter().flatten().map(line).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn moment(text: &str) -> Moment {
        Moment::read(text).expect("it is a moment")
    }

    #[test]
    fn a_series_ends_before_the_event_that_is_split_off() {
        let check = |rule: &str, before: &str, expected: &str| {
            let recurrence = json!([rule, "EXDATE;TZID=Europe/Berlin:20261214T090000"]);
            assert_eq!(ended(&recurrence, moment(before))[0], expected);
            assert_eq!(ended(&recurrence, moment(before))[1], recurrence[1]);
        };
        check(
            "RRULE:FREQ=WEEKLY;BYDAY=MO",
            "2026-12-21T09:00:00+01:00",
            "RRULE:FREQ=WEEKLY;BYDAY=MO;UNTIL=20261221T075959Z",
        );
        check("RRULE:FREQ=DAILY;COUNT=10", "2026-12-21", "RRULE:FREQ=DAILY;UNTIL=20261220");
        check("RRULE:UNTIL=20270101;FREQ=DAILY", "2026-12-01", "RRULE:FREQ=DAILY;UNTIL=20261130");
    }

    #[test]
    fn a_counted_series_is_counted_on() {
        let recurrence = json!(["EXDATE:20261214", "RRULE:FREQ=DAILY;COUNT=10;INTERVAL=2"]);
        assert_eq!(counted(&recurrence), Some(10));
        assert_eq!(
            with_count(&recurrence, 4),
            json!(["EXDATE:20261214", "RRULE:FREQ=DAILY;INTERVAL=2;COUNT=4"])
        );
        assert_eq!(counted(&json!(["RRULE:FREQ=DAILY"])), None);
    }
}
