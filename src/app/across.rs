//! One tool call for all accounts of a caller, in parallel; their rows are merged into one list.

use serde_json::{Map, Value, json};

use super::App;
use crate::cancellation::Cancellation;
use crate::engine::{AcrossAccounts, ToolCall};
use crate::error::{Code, Error};
use crate::json::Object;
use crate::parallel;
use crate::telemetry::trace::Scope;
use crate::time::{DAY, Moment};

/// The member of the result that reports how each account was read.
pub(super) const ACCOUNTS: &str = "accounts";

impl App {
    /// Calls a tool with each of these accounts: `{"items": […, each with its account], "accounts": [how each was read]}`. If
    /// one account fails, the results of the others are still returned.
    ///
    /// # Errors
    /// [`Code::InvalidParams`] for a cursor, which belongs to one account. If every account failed, or one without which the
    /// result would be wrong, that account's error.
    pub(super) fn across(
        &self,
        call: ToolCall<'_>,
        how: &AcrossAccounts,
        accounts: &[String],
        mut arguments: Object,
        cancelled: &Cancellation,
    ) -> Result<Value, Error> {
        let sort_by = match how {
            AcrossAccounts::Together => {
                return self.call_together(call, accounts, arguments, cancelled);
            }
            AcrossAccounts::Rows { sort_by } => sort_by.as_deref(),
        };
        if arguments.get("cursor").is_some_and(|cursor| !cursor.is_null()) {
            return Err(Error::invalid_params("`cursor` belongs to one account, not to all.")
                .with_hint("Go on with each account by itself: its name as `account`, and its own next_cursor."));
        }
        let added = sort_by.filter(|field| add_field(&mut arguments, field));
        let read =
            |account: &String| self.call_one(call, Some(account), arguments.clone(), cancelled);
        let outcomes = side_by_side(accounts, &read);
        let outcomes: Vec<_> = accounts.iter().map(String::as_str).zip(outcomes).collect();
        if outcomes.iter().all(|(_, outcome)| outcome.is_err()) {
            return Err(nothing_read(outcomes));
        }
        Ok(merged(outcomes, sort_by, added))
    }
}

/// Adds the field to those that the caller selected. Returns whether it was missing; a caller who selected no fields gets all
/// of them.
fn add_field(arguments: &mut Object, field: &str) -> bool {
    let Some(fields) = arguments.get_mut("fields") else { return false };
    if let Value::String(text) = fields {
        // The same forms that are accepted later: an array as a JSON string, or a single name.
        *fields = serde_json::from_str(text)
            .ok()
            .filter(Value::is_array)
            .unwrap_or_else(|| json!([text.clone()]));
    }
    match fields {
        Value::Array(fields)
            if !fields.is_empty() && !fields.iter().any(|known| known == field) =>
        {
            fields.push(field.into());
            true
        }
        _ => false,
    }
}

/// The work for one of several.
type Work<'a, T> = &'a (dyn Fn(&T) -> Result<Value, Error> + Sync);

/// Does the work for each, some at once.
fn side_by_side<T: Sync>(all: &[T], work: Work<'_, T>) -> Vec<Result<Value, Error>> {
    let request = Scope::current();
    let mut outcomes: Vec<_> = all.iter().map(|_| None).collect();
    let (request, mut waiting) = (&request, all.iter().enumerate());
    parallel::run("account", |calls| {
        loop {
            while calls.has_room()
                && let Some((at, one)) = waiting.next()
            {
                calls.start(at, move || {
                    let _entered = request.enter();
                    work(one)
                });
            }
            let Some((at, outcome)) = calls.next() else { break };
            outcomes[at] = Some(outcome);
        }
    });
    outcomes.into_iter().flatten().collect()
}

/// Returns the error of a call that failed with every account.
fn nothing_read(outcomes: Vec<(&str, Result<Value, Error>)>) -> Error {
    let errors: Vec<_> = outcomes
        .into_iter()
        .filter_map(|(account, outcome)| Some((account, outcome.err()?)))
        .collect();
    match errors.first() {
        None => Error::new(Code::NotConnected, "no account is connected"),
        // Invalid arguments are invalid for every account.
        Some((_, first)) if errors.iter().all(|(_, error)| error.message() == first.message()) => {
            first.clone()
        }
        Some((_, first)) => {
            let all: Vec<_> = errors
                .iter()
                .map(|(account, error)| {
                    format!("{account}: {}", error.message().trim_end_matches('.'))
                })
                .collect();
            let error =
                Error::new(first.code(), format!("no account could be read: {}", all.join("; ")));
            first.hint().map_or_else(|| error.clone(), |hint| error.clone().with_hint(hint))
        }
    }
}

/// Returns one list of all rows, each with its account. Other members that are equal for all accounts stay beside the list; the
/// rest goes to the entry of its account.
fn merged(
    outcomes: Vec<(&str, Result<Value, Error>)>,
    sort_by: Option<&str>,
    added: Option<&str>,
) -> Value {
    let mut rows = Vec::new();
    let mut accounts = Vec::new();
    let mut beside: Vec<Option<Object>> = Vec::new();
    for (account, outcome) in outcomes {
        let mut about = json!({"account": account, "next_cursor": null, "error": null});
        match outcome {
            Ok(value) => {
                let (own_rows, mut own_beside) = parts(value);
                about["next_cursor"] = own_beside.shift_remove("next_cursor").unwrap_or_default();
                rows.extend(own_rows.into_iter().map(|row| labelled(account, row)));
                beside.push(Some(own_beside));
            }
            Err(error) => {
                about["error"] = format!("{}: {error}", error.code().reply().name).into();
                beside.push(None);
            }
        }
        accounts.push(about);
    }
    if let Some(field) = sort_by {
        sort(&mut rows, field);
    }
    if let Some(field) = added {
        for row in &mut rows {
            row.shift_remove(field);
        }
    }
    let read: Vec<&Object> = beside.iter().flatten().collect();
    let same = |name: &String| read.iter().all(|other| other.get(name) == read[0].get(name));
    let shared: Object = read[0]
        .iter()
        .filter(|(name, _)| same(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    for (about, own) in accounts.iter_mut().zip(&beside) {
        for (name, value) in own.iter().flatten().filter(|(name, _)| !shared.contains_key(*name)) {
            about[name] = value.clone();
        }
    }
    let mut result = json!({"items": rows});
    let members = result.as_object_mut().expect("it was written as one");
    members.extend(shared);
    members.insert(ACCOUNTS.to_owned(), accounts.into());
    result
}

/// Splits a result into its rows and its other members. A record counts as one row.
fn parts(value: Value) -> (Vec<Value>, Object) {
    match value {
        Value::Object(mut members) if members.get("items").is_some_and(Value::is_array) => {
            match members.shift_remove("items") {
                Some(Value::Array(rows)) => (rows, members),
                _ => (Vec::new(), members),
            }
        }
        record => (vec![record], Map::new()),
    }
}

fn labelled(account: &str, row: Value) -> Object {
    let label = ("account".to_owned(), Value::from(account));
    let mut labelled = Map::from_iter([label.clone()]);
    match row {
        Value::Object(members) => labelled.extend(members.into_iter().chain([label])),
        other => drop(labelled.insert("value".to_owned(), other)),
    }
    labelled
}

/// Sorts by the time in a field, whatever its offset; rows without a time go last.
fn sort(rows: &mut [Object], field: &str) {
    let moment = |row: &Object| row.get(field).and_then(Value::as_str).and_then(Moment::read);
    // A date has no offset, so it begins at midnight in the offset of the other rows.
    let offset_of = |row| match moment(row) {
        Some(Moment::Instant { offset, .. }) => Some(offset),
        _ => None,
    };
    let offset_of_days = rows.iter().find_map(offset_of).unwrap_or_default();
    rows.sort_by_key(|row| match moment(row) {
        Some(Moment::Instant { seconds, .. }) => seconds,
        Some(Moment::Day(day)) => day.days() * DAY - offset_of_days,
        Some(Moment::Local(_)) | None => i64::MAX,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merge(outcomes: Vec<(&str, Result<Value, Error>)>, sort_by: Option<&str>) -> Value {
        merged(outcomes, sort_by, None)
    }

    #[test]
    fn rows_are_in_the_order_of_their_moments() {
        let rows = |starts: &[&str]| {
            Ok(
                json!({"items": starts.iter().map(|start| json!({"start": start})).collect::<Vec<_>>()}),
            )
        };
        let one = rows(&["2026-11-30", "2026-11-30T08:00:00+09:00", "2026-12-01T00:30:00+09:00"]);
        let two = rows(&["2026-11-29T22:00:00Z", "2026-11-30T01:00:00Z", ""]);
        let merged = merge(vec![("one", one), ("two", two)], Some("start"));
        let starts: Vec<_> = merged["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["start"].as_str().unwrap())
            .collect();
        let expected = [
            "2026-11-30", // the day begins at 15:00Z of the day before
            "2026-11-29T22:00:00Z",
            "2026-11-30T08:00:00+09:00",
            "2026-11-30T01:00:00Z",
            "2026-12-01T00:30:00+09:00",
            "",
        ];
        assert_eq!(starts, expected);
    }

    #[test]
    fn what_is_the_same_for_all_is_told_once() {
        let one = Ok(
            json!({"items": [{"id": 1}], "time_zone": "Asia/Tokyo", "total": 1, "next_cursor": "c"}),
        );
        let two = Ok(json!({"items": [], "time_zone": "Asia/Tokyo", "total": 0}));
        let three = Err(Error::new(Code::NotConnected, "it is not connected"));
        let expected = json!({
            "items": [{"account": "one", "id": 1}],
            "time_zone": "Asia/Tokyo",
            "accounts": [
                {"account": "one", "next_cursor": "c", "error": null, "total": 1},
                {"account": "two", "next_cursor": null, "error": null, "total": 0},
                {"account": "three", "next_cursor": null, "error": "not_connected: it is not connected"},
            ],
        });
        assert_eq!(
            merge(vec![("one", one), ("two", two), ("three", three)], None).to_string(),
            expected.to_string()
        );
    }

    #[test]
    fn a_record_is_a_row() {
        let merged = merge(
            vec![("one", Ok(json!({"id": 1, "account": "another"}))), ("two", Ok(json!("text")))],
            None,
        );
        assert_eq!(
            merged["items"].to_string(),
            json!([{"account": "one", "id": 1}, {"account": "two", "value": "text"}]).to_string()
        );
    }

    #[test]
    fn a_field_to_sort_by_is_asked_for() {
        let check = |arguments: Value, added: bool, expected: Value| {
            let mut arguments = arguments.as_object().unwrap().clone();
            assert_eq!(add_field(&mut arguments, "start"), added);
            assert_eq!(Value::from(arguments), expected);
        };
        check(json!({}), false, json!({}));
        check(json!({"fields": []}), false, json!({"fields": []}));
        check(json!({"fields": ["id"]}), true, json!({"fields": ["id", "start"]}));
        check(json!({"fields": ["start"]}), false, json!({"fields": ["start"]}));
        check(json!({"fields": "id"}), true, json!({"fields": ["id", "start"]}));
        check(json!({"fields": "[\"id\"]"}), true, json!({"fields": ["id", "start"]}));
    }

    #[test]
    fn all_are_asked_and_a_caller_who_leaves_ends_it() {
        let all: Vec<u64> = (0..10).collect();
        let outcomes = side_by_side(&all, &|number| Ok(json!(number)));
        assert_eq!(outcomes, all.iter().map(|number| Ok(json!(number))).collect::<Vec<_>>());

        let cancelled = Cancellation::default();
        let wait = |number: &u64| {
            if *number == 1 {
                cancelled.cancel();
            }
            while !cancelled.is_cancelled() {
                std::thread::yield_now();
            }
            Err(Error::new(Code::Cancelled, "left"))
        };
        let outcomes = side_by_side(&all, &wait);
        assert!(
            outcomes.iter().all(|outcome| outcome
                .as_ref()
                .is_err_and(|error| error.code() == Code::Cancelled))
        );
    }
}
