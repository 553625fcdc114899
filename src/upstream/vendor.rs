//! Reads the bodies of services' error responses.

use serde_json::Value;

/// The maximum length in characters of a service's message in an error.
const MAX_MESSAGE: usize = 500;

/// Google's reasons in a 403 that mean "too many requests" ("Handle API errors", Google Calendar API).
const TOO_FAST: [&str; 2] = ["rateLimitExceeded", "userRateLimitExceeded"];

/// Google's reason for an exhausted quota, for longer than a call can wait.
const USED_UP: &str = "quotaExceeded";

/// Returns whether a 403 means that there were too many calls.
pub fn is_rate_limit(body: &[u8]) -> bool {
    let words = message(body).unwrap_or_default().to_lowercase();
    words.contains("rate limit")
        || words.contains("abuse detection")
        || has_reason(body, |reason| reason == USED_UP)
        || is_too_fast(body)
}

/// Returns whether the request or its result is too large (GitHub, "Troubleshooting the REST API").
pub fn is_too_large(body: &[u8]) -> bool {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    body["errors"]
        .as_array()
        .is_some_and(|errors| errors.iter().any(|error| error["code"] == "too_large"))
}

/// Returns whether a 401 means that a valid credential lacks a scope (RFC 6750 §3.1 uses 403; Atlassian returns 401 with
/// "Unauthorized; scope does not match").
pub fn is_missing_scope(body: &[u8]) -> bool {
    let words = message(body).unwrap_or_default().to_lowercase();
    [
        "scope does not match",
        "insufficient_scope",
        "insufficient scope",
        "missing scope",
        "required scope",
    ]
    .iter()
    .any(|known| words.contains(known))
}

/// Returns whether a 403 means that nothing was done and that the same call may succeed a moment later.
pub fn is_too_fast(body: &[u8]) -> bool {
    has_reason(body, |reason| TOO_FAST.contains(&reason))
}

fn has_reason(body: &[u8], wanted: impl Fn(&str) -> bool) -> bool {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let errors = body["error"]["errors"].as_array();
    errors.into_iter().flatten().filter_map(|error| error["reason"].as_str()).any(wanted)
}

/// Returns the service's own message, in one line and limited in length.
pub fn message(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let mut parts = Vec::new();
    let inner = &body["error"];
    for holder in [&body, inner] {
        for name in ["message", "msg", "error_description", "detail", "title"] {
            push_text(&mut parts, &holder[name]);
        }
        for name in ["errorMessages", "errors"] {
            push_details(&mut parts, &holder[name]);
        }
    }
    push_text(&mut parts, inner);
    if parts.is_empty() {
        // Graph leaves the message empty if the code is sufficient.
        push_text(&mut parts, &inner["code"]);
        push_text(&mut parts, &body["code"]);
    }
    let text = parts
        .join("; ")
        .split(|c: char| c.is_control() || c.is_whitespace())
        .filter(|word| !word.is_empty())
        .fold(String::new(), |mut line, word| {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
            line
        });
    (!text.is_empty()).then(|| bounded(text))
}

fn push_text(parts: &mut Vec<String>, value: &Value) {
    if let Some(text) = value.as_str().filter(|text| !text.is_empty())
        && !parts.iter().any(|part| part == text)
    {
        parts.push(text.to_owned());
    }
}

/// Reads a list of strings or objects (GitHub, Google, Atlassian), or an object from field to message (Jira).
fn push_details(parts: &mut Vec<String>, details: &Value) {
    match details {
        Value::Array(details) => {
            for detail in details {
                let text = |name: &&str| detail[*name].as_str().filter(|text| !text.is_empty());
                let words = match detail {
                    // A title replaces its code.
                    Value::Object(_) if detail["title"].is_string() => {
                        ["title", "detail"].iter().filter_map(text).collect::<Vec<_>>().join(": ")
                    }
                    Value::Object(_) => ["resource", "field", "code", "message"]
                        .iter()
                        .filter_map(text)
                        .collect::<Vec<_>>()
                        .join(" "),
                    other => other.as_str().unwrap_or_default().to_owned(),
                };
                push_text(parts, &Value::String(words));
            }
        }
        Value::Object(details) => {
            for (field, complaint) in details {
                if let Some(complaint) = complaint.as_str() {
                    parts.push(format!("{field}: {complaint}"));
                }
            }
        }
        _ => {}
    }
}

fn bounded(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(MAX_MESSAGE) {
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_calls_are_told_by_reason_or_words() {
        let google = |reason: &str| {
            format!(
                r#"{{"error":{{"code":403,"message":"No.","errors":[{{"reason":"{reason}"}}]}}}}"#
            )
        };
        let check = |body: &str, limit: bool, too_fast: bool| {
            assert_eq!(
                (is_rate_limit(body.as_bytes()), is_too_fast(body.as_bytes())),
                (limit, too_fast),
                "{body}"
            );
        };
        check(&google("rateLimitExceeded"), true, true);
        check(&google("userRateLimitExceeded"), true, true);
        check(&google("quotaExceeded"), true, false);
        check(&google("forbidden"), false, false);
        check(r#"{"message":"You have exceeded a secondary rate limit"}"#, true, false);
        check(r#"{"message":"You have triggered an abuse detection mechanism"}"#, true, false);
        check(r#"{"error":"rateLimitExceeded"}"#, false, false);
        check("<html>", false, false);
        check("", false, false);
    }

    #[test]
    fn a_missing_scope_is_told_by_words() {
        let check = |body: &str, expected: bool| {
            assert_eq!(is_missing_scope(body.as_bytes()), expected, "{body}");
        };
        check(r#"{"code":401,"message":"Unauthorized; scope does not match"}"#, true);
        check(r#"{"error":"insufficient_scope","error_description":"no"}"#, true);
        check(r#"{"code":401,"message":"Unauthorized"}"#, false);
        check(r#"{"message":"Bad credentials"}"#, false);
        check("scope does not match", false);
        check("", false);
    }

    #[test]
    fn the_services_own_words_are_found() {
        let check =
            |body: &str, expected: &str| assert_eq!(message(body.as_bytes()).unwrap(), expected);
        check(
            r#"{"message":"Validation Failed","errors":[{"resource":"Issue","field":"title","code":"missing_field"},
                "second"],"documentation_url":"https://docs.github.com"}"#,
            "Validation Failed; Issue title missing_field; second",
        );
        check(
            r#"{"errorMessages":["No such project"],"errors":{"summary":"is required"}}"#,
            "No such project; summary: is required",
        );
        check(
            r#"{"error":{"code":400,"message":"Bad time zone","errors":[{"message":"Bad time zone"}]}}"#,
            "Bad time zone",
        );
        check(
            r#"{"error":"invalid_request","error_description":"no code"}"#,
            "no code; invalid_request",
        );
        check(r#"{"title":"Bad\r\nRequest","detail":"two  words"}"#, "two words; Bad Request");
        // Notion, Jira and Confluence in their older and newer forms, Google, Graph, Supabase.
        check(
            r#"{"object":"error","status":404,"code":"object_not_found","message":"Could not find page","request_id":"1"}"#,
            "Could not find page",
        );
        check(r#"{"errorMessages":["Issue does not exist"],"errors":{}}"#, "Issue does not exist");
        check(
            r#"{"errorMessages":[],"errors":{"project":"Specify a project"}}"#,
            "project: Specify a project",
        );
        check(
            r#"{"errors":[{"status":404,"code":"NOT_FOUND","title":"Not Found","detail":"No page 7"},{"title":"Gone","detail":null}]}"#,
            "Not Found: No page 7; Gone",
        );
        check(
            r#"{"statusCode":400,"data":{"valid":true,"errors":[]},"message":"CQL is wrong"}"#,
            "CQL is wrong",
        );
        check(
            r#"{"error":{"code":403,"message":"Rate Limit Exceeded","errors":[{"domain":"usageLimits","reason":"rateLimitExceeded","message":"Rate Limit Exceeded"}]}}"#,
            "Rate Limit Exceeded",
        );
        check(
            r#"{"error":{"code":"ErrorItemNotFound","message":"No such task","innerError":{"request-id":"1"}}}"#,
            "No such task",
        );
        check(r#"{"error":{"code":"ErrorAccessDenied","message":""}}"#, "ErrorAccessDenied");
        check(r#"{"message":"Project not found"}"#, "Project not found");
        assert_eq!(message(b"<html>"), None);
        assert_eq!(message(b"{}"), None);
        let long = format!(r#"{{"message":"{}"}}"#, "é".repeat(600));
        assert_eq!(message(long.as_bytes()).unwrap().chars().count(), MAX_MESSAGE + 1);
    }
}
