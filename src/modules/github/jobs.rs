//! Steps of jobs, and reports of checks.

use serde_json::Value;

use super::{has_failed, list};
use crate::time::{Moment, Zone};

/// The maximum length in characters of a check's summary in a row.
const MAX_SUMMARY: usize = 400;

/// Returns the names of a job's failed steps.
pub(super) fn failed_steps(steps: &Value) -> Value {
    list(Some(steps)).filter(|step| has_failed(step)).map(|step| step["name"].clone()).collect()
}

/// Returns a job's steps, each with its result and duration: `cargo test: failure 34 s`.
pub(super) fn steps(steps: &Value) -> Value {
    let step = |step: &Value| {
        let ended = step["conclusion"].as_str().or(step["status"].as_str()).unwrap_or("unknown");
        let name = step["name"].as_str().unwrap_or_default();
        seconds(&step["started_at"], &step["completed_at"]).map_or_else(
            || format!("{name}: {ended}"),
            |seconds| format!("{name}: {ended} {seconds} s"),
        )
    };
    list(Some(steps)).map(step).collect()
}

fn seconds(from: &Value, to: &Value) -> Option<i64> {
    let moment = |time: &Value| Some(Moment::read(time.as_str()?)?.instant(&Zone::utc()));
    Some(moment(to)? - moment(from)?)
}

/// Returns the beginning of a check's summary.
pub(super) fn beginning(summary: &Value) -> Value {
    summary.as_str().map(|text| crate::error::shortened(text.to_owned(), MAX_SUMMARY)).into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_steps_that_failed_are_named() {
        let step = |name: &str, conclusion: Value| json!({"name": name, "conclusion": conclusion});
        let all = json!([
            step("build", json!("success")),
            step("test", json!("failure")),
            step("wait", json!("timed_out")),
            step("clean", json!("skipped")),
            step("now", Value::Null),
        ]);
        assert_eq!(failed_steps(&all), json!(["test", "wait"]));
    }

    #[test]
    fn a_step_says_how_it_ended_and_how_long_it_took() {
        let all = json!([
            {"name": "build", "conclusion": "success", "started_at": "2026-01-31T12:00:00Z", "completed_at": "2026-01-31T12:01:05Z"},
            {"name": "test", "conclusion": "failure", "started_at": "2026-01-31T12:01:05.000Z", "completed_at": "2026-01-31T14:01:10+02:00"},
            {"name": "publish", "status": "queued", "conclusion": null, "started_at": null, "completed_at": null},
        ]);
        assert_eq!(
            steps(&all),
            json!(["build: success 65 s", "test: failure 5 s", "publish: queued"])
        );
        assert_eq!(steps(&Value::Null), json!([]));
    }

    #[test]
    fn a_long_summary_is_cut() {
        assert_eq!(beginning(&json!("é".repeat(500))), json!("é".repeat(400) + "…"));
        assert_eq!(beginning(&Value::Null), Value::Null);
    }
}
