//! Copilot as an assignee of issues and a reviewer of pull requests.
//!
//! GitHub accepts both requests and does nothing if Copilot is not enabled. Only the response shows whether Copilot was
//! assigned.

use serde_json::Value;

use super::list;
use crate::engine::Session;
use crate::error::{Code, Error};
use crate::json::Object;

/// Fails unless Copilot is now an assignee.
pub(super) fn copilot_is_assigned(
    _: &Session<'_>,
    _: &Object,
    result: Value,
) -> Result<Value, Error> {
    if names_copilot(&result["assignees"]) {
        return Ok(result);
    }
    Err(Error::new(Code::Conflict, "GitHub has not assigned Copilot.").with_hint(
        "Copilot's coding agent must be part of the account's plan and enabled for the repository.",
    ))
}

/// Fails unless Copilot is now a requested reviewer.
pub(super) fn copilot_is_asked(_: &Session<'_>, _: &Object, result: Value) -> Result<Value, Error> {
    if names_copilot(&result["reviewers"]) {
        return Ok(result);
    }
    Err(Error::new(Code::Conflict, "GitHub has not asked Copilot for a review.").with_hint(
        "Copilot's code review must be part of the account's plan and enabled for the repository.",
    ))
}

/// Returns whether one of the logins is Copilot's: `Copilot`, `copilot-swe-agent`, `copilot-pull-request-reviewer[bot]`.
fn names_copilot(logins: &Value) -> bool {
    list(Some(logins))
        .filter_map(Value::as_str)
        .any(|login| login.to_ascii_lowercase().starts_with("copilot"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn copilot_is_known_by_any_of_its_names() {
        let check = |logins: Value, expected: bool| {
            assert_eq!(names_copilot(&logins), expected, "{logins}");
        };
        check(json!(["octocat", "Copilot"]), true);
        check(json!(["copilot-swe-agent"]), true);
        check(json!(["copilot-pull-request-reviewer[bot]"]), true);
        check(json!(["octocat", "no-copilot"]), false);
        check(json!([]), false);
        check(Value::Null, false);
    }
}
