//! Logs, page by page.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::{seconds, text, utc};
use crate::engine::Session;
use crate::error::{Code, Error};
use crate::json::Object;
use crate::time::{DAY, now};

/// Where a log is, and what its lines have beside their message.
struct Source {
    table: &'static str,
    /// What makes rows of the lists that a line's metadata has.
    joins: &'static str,
    /// Name in the result and expression.
    columns: &'static [(&'static str, &'static str)],
}

/// Source: the field reference of the logs explorer
/// (<https://supabase.com/docs/guides/telemetry/logs#logs-field-reference>).
const fn source(service: Service) -> Source {
    const METADATA: &str = " cross join unnest(metadata) as m";
    const HTTP: &str = " cross join unnest(metadata) as m cross join unnest(m.request) as request cross join unnest(m.response) as response";
    match service {
        Service::Api => Source {
            table: "edge_logs",
            joins: HTTP,
            columns: &[
                ("method", "request.method"),
                ("path", "request.path"),
                ("status", "response.status_code"),
            ],
        },
        Service::Postgres => Source {
            table: "postgres_logs",
            joins: " cross join unnest(metadata) as m cross join unnest(m.parsed) as parsed",
            columns: &[
                ("severity", "parsed.error_severity"),
                ("sql_state", "parsed.sql_state_code"),
                ("detail", "parsed.detail"),
                ("query", "parsed.query"),
            ],
        },
        Service::EdgeFunction => Source {
            table: "function_edge_logs",
            joins: HTTP,
            columns: &[
                ("method", "request.method"),
                ("status", "response.status_code"),
                ("function_id", "m.function_id"),
                ("execution_ms", "m.execution_time_ms"),
            ],
        },
        Service::EdgeFunctionConsole => Source {
            table: "function_logs",
            joins: METADATA,
            columns: &[("level", "m.level"), ("function_id", "m.function_id")],
        },
        Service::Auth => Source {
            table: "auth_logs",
            joins: METADATA,
            columns: &[
                ("level", "m.level"),
                ("path", "m.path"),
                ("status", "m.status"),
                ("error", "m.error"),
            ],
        },
        Service::Storage => Source { table: "storage_logs", joins: "", columns: &[] },
        Service::Realtime => Source { table: "realtime_logs", joins: "", columns: &[] },
        Service::Pooler => Source { table: "supavisor_logs", joins: "", columns: &[] },
    }
}

#[derive(Clone, Copy)]
enum Service {
    Api,
    Postgres,
    EdgeFunction,
    EdgeFunctionConsole,
    Auth,
    Storage,
    Realtime,
    Pooler,
}

impl Service {
    /// The service of this name; the input schema has no other names.
    fn of(name: &str) -> Self {
        match name {
            "api" => Self::Api,
            "postgres" => Self::Postgres,
            "edge_function" => Self::EdgeFunction,
            "edge_function_console" => Self::EdgeFunctionConsole,
            "auth" => Self::Auth,
            "storage" => Self::Storage,
            "realtime" => Self::Realtime,
            _ => Self::Pooler,
        }
    }
}

/// The newest lines of a log, page by page, with the stretch of time that they are from.
pub fn get(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let position = text(arguments, "cursor");
    let position = if position.is_empty() { None } else { Some(Position::read(position)?) };
    let (from, to) = if let Some(position) = &position {
        (position.from, position.end())
    } else {
        let (from, to) = stretch(arguments, now())?;
        (from, utc(to))
    };
    let source = source(Service::of(text(arguments, "service")));
    let limit = arguments.get("limit").and_then(Value::as_u64).unwrap_or(100);
    let search = text(arguments, "search").trim();
    // Lines of the same moment as the last one come once more.
    let seen = position.as_ref().map_or(0, |position| position.seen.len() as u64);
    let sql = query(&source, search, limit + seen);
    let query =
        [("sql", sql.as_str()), ("iso_timestamp_start", &utc(from)), ("iso_timestamp_end", &to)];
    let answer = ask(session, arguments, &query)?;
    let lines: Vec<&Value> = answer["result"].as_array().into_iter().flatten().collect();
    let is_new = |line: &&&Value| {
        position
            .as_ref()
            .is_none_or(|position| !position.seen.iter().any(|id| line["id"] == id.as_str()))
    };
    let shown: Vec<&Value> = lines
        .iter()
        .filter(is_new)
        .filter(|line| is_found(&source, line, search))
        .copied()
        .collect();
    let row = |line: &&Value| {
        let mut row = Map::new();
        row.insert("time".to_owned(), time(&line["timestamp"]));
        for (name, _) in source.columns {
            row.insert((*name).to_owned(), line[*name].clone());
        }
        row.insert("message".to_owned(), line["event_message"].clone());
        Value::from(row)
    };
    let mut result =
        json!({"items": shown.iter().map(row).collect::<Vec<_>>(), "from": utc(from), "to": to});
    if lines.len() as u64 >= limit + seen
        && let Some(next) = Position::after(from, &lines)
        && position.is_none_or(|position| position != next)
    {
        result["next_cursor"] = next.written().into();
    }
    Ok(result)
}

/// A log's lines. Supabase reports a failure with a success.
fn ask(session: &Session<'_>, arguments: &Object, query: &[(&str, &str)]) -> Result<Value, Error> {
    let path =
        ["v1", "projects", text(arguments, "project_ref"), "analytics", "endpoints", "logs.all"];
    let answer = session.get(&path, query)?;
    if answer["error"].is_null() {
        return Ok(answer);
    }
    let reason = answer["error"]["message"].as_str().or_else(|| answer["error"].as_str());
    let reason: String =
        reason.unwrap_or("no reason given").chars().filter(|c| !c.is_control()).take(300).collect();
    Err(Error::new(Code::UpstreamUnavailable, format!("Supabase cannot read the log: {reason}"))
        .with_hint("Ask for less time, or try again later."))
}

fn query(source: &Source, search: &str, limit: u64) -> String {
    let Source { table, joins, columns } = source;
    let selected: Vec<_> =
        ["id".to_owned(), format!("{table}.timestamp"), "event_message".to_owned()]
            .into_iter()
            .chain(columns.iter().map(|(name, at)| format!("{at} as {name}")))
            .collect();
    let selected = selected.join(", ");
    let conditions: Vec<_> = searched(search)
        .map(|part| {
            let places = ["event_message"].into_iter().chain(columns.iter().map(|(_, at)| *at));
            let found = places
                .map(|at| format!("strpos(lower(cast({at} as string)), lower('{part}')) > 0"));
            format!("({})", found.collect::<Vec<_>>().join(" or "))
        })
        .collect();
    let condition = if conditions.is_empty() {
        String::new()
    } else {
        format!(" where {}", conditions.join(" and "))
    };
    format!(
        "select {selected} from {table}{joins}{condition} order by timestamp desc limit {limit}"
    )
}

/// The parts of a search as they stand between quotes. Whether a backslash escapes there depends on the dialect: what stands
/// around one is searched for, and [`is_found`] looks at the whole.
fn searched(search: &str) -> impl Iterator<Item = String> {
    search.split('\\').filter(|part| !part.is_empty()).map(|part| part.replace('\'', "''"))
}

/// Whether a line has the text, in any case, as it is written: a `%` stands for itself.
fn is_found(source: &Source, line: &Value, search: &str) -> bool {
    let wanted = search.to_lowercase();
    let places = ["event_message"].into_iter().chain(source.columns.iter().map(|(name, _)| *name));
    let told = |place: &str| match &line[place] {
        Value::String(text) => text.to_lowercase(),
        value => value.to_string(),
    };
    !search.contains('\\') || places.into_iter().any(|place| told(place).contains(&wanted))
}

/// Where the next page begins: the moment of the last line, and the lines of that moment, which came already.
#[derive(Debug, PartialEq, Eq)]
struct Position {
    /// Seconds: the beginning of the whole stretch.
    from: i64,
    /// Microseconds: the end of the next page, not included.
    end: i64,
    seen: Vec<String>,
}

/// Most lines of one moment that a cursor names.
const MAX_SEEN: usize = 50;

impl Position {
    /// After these lines, the newest first; `None` where their times are not known.
    fn after(from: i64, lines: &[&Value]) -> Option<Self> {
        let (last, unit) = moment(&lines.last()?["timestamp"])?;
        let same = lines
            .iter()
            .filter(|line| moment(&line["timestamp"]).is_some_and(|(at, _)| at == last));
        let seen: HashSet<&str> = same.filter_map(|line| line["id"].as_str()).collect();
        let mut seen: Vec<String> = seen.into_iter().take(MAX_SEEN).map(str::to_owned).collect();
        seen.sort();
        Some(Self { from, end: last + unit, seen })
    }

    fn end(&self) -> String {
        let seconds = utc(self.end.div_euclid(1_000_000));
        let micros = self.end.rem_euclid(1_000_000);
        format!("{}.{micros:06}Z", seconds.trim_end_matches('Z'))
    }

    fn written(&self) -> String {
        let numbers = [self.from.to_string(), self.end.to_string()];
        numbers.iter().chain(&self.seen).map(String::as_str).collect::<Vec<_>>().join(" ")
    }

    fn read(cursor: &str) -> Result<Self, Error> {
        let mut parts = cursor.split(' ');
        let mut number = || parts.next().and_then(|part| part.parse().ok());
        let (from, end) = (number(), number());
        match (from, end) {
            (Some(from), Some(end)) if (0..=DAY + 1).contains(&(end / 1_000_000 - from)) => {
                Ok(Self { from, end, seen: parts.map(str::to_owned).collect() })
            }
            _ => Err(Error::invalid_params("Invalid `cursor`: this tool did not issue it.")
                .with_hint("Pass the `next_cursor` of the answer before as it is.")),
        }
    }
}

/// A line's time in microseconds, and how exact it is.
fn moment(timestamp: &Value) -> Option<(i64, i64)> {
    match timestamp {
        Value::String(text) => Some((seconds(text)? * 1_000_000, 1_000_000)),
        timestamp => Some((timestamp.as_i64()?, 1)),
    }
}

/// A line's time, which comes as microseconds since 1970.
fn time(timestamp: &Value) -> Value {
    timestamp
        .as_i64()
        .map_or_else(|| timestamp.clone(), |time| utc(time.div_euclid(1_000_000)).into())
}

/// The seconds from and to which a log is read: the last hour when the arguments say nothing.
fn stretch(arguments: &Object, now: i64) -> Result<(i64, i64), Error> {
    let time = |name: &str| arguments.get(name).and_then(Value::as_str).and_then(seconds);
    let to = time("to").unwrap_or(now);
    let from = time("from").unwrap_or(to - 3600);
    if from < to && to - from <= DAY {
        return Ok((from, to));
    }
    Err(Error::invalid_params("`to` must be after `from`, and at most 24 hours.")
        .with_hint("Read longer times piece by piece."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(value: &Value) -> &Object {
        value.as_object().expect("it is an object")
    }

    #[test]
    fn a_log_is_read_for_an_hour_and_at_most_a_day() {
        let now = seconds("2026-11-22T10:00").expect("it is a time");
        let check = |arguments: Value, expected: Option<(&str, &str)>| {
            let times = stretch(object(&arguments), now).ok();
            let times = times.map(|(from, to)| (utc(from), utc(to)));
            let expected = expected.map(|(from, to)| (from.to_owned(), to.to_owned()));
            assert_eq!(times, expected, "{arguments}");
        };
        check(json!({}), Some(("2026-11-22T09:00:00Z", "2026-11-22T10:00:00Z")));
        check(
            json!({"from": "2026-11-21T10:00:00Z"}),
            Some(("2026-11-21T10:00:00Z", "2026-11-22T10:00:00Z")),
        );
        check(
            json!({"to": "2026-11-01T00:30:00Z"}),
            Some(("2026-10-31T23:30:00Z", "2026-11-01T00:30:00Z")),
        );
        check(
            json!({"from": "2026-11-22T18:00:00+09:00"}),
            Some(("2026-11-22T09:00:00Z", "2026-11-22T10:00:00Z")),
        );
        check(
            json!({"from": "2026-11-22"}),
            Some(("2026-11-22T00:00:00Z", "2026-11-22T10:00:00Z")),
        );
        check(json!({"from": "2026-11-21T09:59:59Z"}), None);
        check(json!({"from": "2026-11-22T10:00:00Z"}), None);
    }

    #[test]
    fn a_search_is_for_the_text_as_it_is_written() {
        let check = |search: &str, condition: &str| {
            let sql = query(&source(Service::Storage), search, 5);
            assert_eq!(
                sql,
                format!(
                    "select id, storage_logs.timestamp, event_message from storage_logs{condition} order by timestamp desc limit 5"
                )
            );
        };
        let part = |text: &str| {
            format!("(strpos(lower(cast(event_message as string)), lower('{text}')) > 0)")
        };
        check("", "");
        check("time out", &format!(" where {}", part("time out")));
        check("can't", &format!(" where {}", part("can''t")));
        check("100%", &format!(" where {}", part("100%")));
        check("' or 1 = 1 --", &format!(" where {}", part("'' or 1 = 1 --")));
        check("\\' or 1 = 1", &format!(" where {}", part("'' or 1 = 1")));
        check("C:\\dir", &format!(" where {} and {}", part("C:"), part("dir")));
        let line = |message: &str| json!({"event_message": message});
        let found = |message: &str, search: &str| {
            is_found(&source(Service::Storage), &line(message), search)
        };
        assert!(found("at c:\\DIR\\x", "C:\\dir") && !found("C: and dir", "C:\\dir"));
    }

    #[test]
    fn every_log_has_its_columns() {
        for service in [
            "api",
            "postgres",
            "edge_function",
            "edge_function_console",
            "auth",
            "storage",
            "realtime",
            "pooler",
        ] {
            let source = source(Service::of(service));
            let sql = query(&source, "", 1);
            for (name, at) in source.columns {
                assert!(sql.contains(&format!("{at} as {name}")), "{sql}");
                let root = at.split('.').next().unwrap_or_default();
                assert!(sql.contains(&format!(" as {root}")), "{sql}");
            }
        }
    }

    #[test]
    fn the_next_page_begins_where_this_one_ends() {
        let lines = [
            json!({"id": "c", "timestamp": 1_767_225_602_000_000_i64}),
            json!({"id": "b", "timestamp": 1_767_225_601_500_000_i64}),
            json!({"id": "a", "timestamp": 1_767_225_601_500_000_i64}),
        ];
        let next = Position::after(1_767_225_600, &lines.iter().collect::<Vec<_>>())
            .expect("there are times");
        assert_eq!(next.written(), "1767225600 1767225601500001 a b");
        assert_eq!(next.end(), "2026-01-01T00:00:01.500001Z");
        assert_eq!(Position::read(&next.written()).ok(), Some(next));
        let text = json!({"id": "a", "timestamp": "2026-01-01T00:00:01.5Z"});
        let next = Position::after(1_767_225_600, &[&text]).expect("there is a time");
        assert_eq!(next.end(), "2026-01-01T00:00:02.000000Z");
        for wrong in ["", "x", "1", "1 x", "0 99999999999999", "5 1000000"] {
            assert!(Position::read(wrong).is_err(), "{wrong}");
        }
        assert_eq!(Position::after(0, &[]), None);
    }

    #[test]
    fn times_of_a_log_are_microseconds() {
        assert_eq!(time(&json!(1_767_225_600_999_999_i64)), "2026-01-01T00:00:00Z");
        assert_eq!(time(&json!("2026-01-01T00:00:00")), "2026-01-01T00:00:00");
    }
}
