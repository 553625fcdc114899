//! Converts arguments to the forms that Jira accepts.

use ct_codecs::{Base64, Decoder};
use serde_json::{Value, json};

use crate::error::Error;

/// Returns Markdown as a new document in the Atlassian Document Format.
pub fn adf(markdown: &Value) -> Result<Value, Error> {
    crate::modules::atlassian::adf::from_markdown(markdown.as_str().unwrap_or_default(), None)
}

/// Returns `none` and `auto` in Jira's form; any other text is an account id.
pub fn assignee(assignee: &Value) -> Result<Value, Error> {
    Ok(match assignee.as_str() {
        Some("none") => Value::Null,
        Some("auto") => "-1".into(),
        _ => assignee.clone(),
    })
}

/// Returns the property with which a service desk marks comments that customers do not see.
pub fn internal_comment(internal: &Value) -> Result<Value, Error> {
    Ok(json!([{"key": "sd.public.comment", "value": {"internal": internal}}]))
}

/// A role's name as the restriction to it.
pub fn role_visibility(role: &Value) -> Result<Value, Error> {
    Ok(json!({"type": "role", "identifier": role}))
}

/// A point in time in the only form that Jira takes for a time log: milliseconds, and an offset without colon.
pub fn jira_time(time: &Value) -> Result<Value, Error> {
    let text = time.as_str().unwrap_or_default();
    Ok(format!("{}.000+0000", text.trim_end_matches('Z')).into())
}

/// Returns the bytes of a file in base64 (RFC 4648 §4), with or without line breaks.
pub fn bytes_of(encoded: &str) -> Result<Vec<u8>, Error> {
    Base64::decode_to_vec(encoded, Some(b"\r\n ")).map_err(|_| {
        Error::invalid_params("`content_base64` is not valid base64.")
            .with_hint("Use the standard alphabet (`+`, `/`) with `=` at the end.")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_get_jiras_form() {
        let check = |given: &str, expected: Option<&str>| {
            assert_eq!(jira_time(&json!(given)).ok(), expected.map(Value::from), "{given}");
        };
        check("2026-01-17T12:34:00Z", Some("2026-01-17T12:34:00.000+0000"));
    }

    #[test]
    fn an_assignee_is_an_account_nobody_or_the_default() {
        let check =
            |given: &str, expected: Value| assert_eq!(assignee(&json!(given)).unwrap(), expected);
        check("none", Value::Null);
        check("auto", json!("-1"));
        check("5b10a2844c20165700ede21g", json!("5b10a2844c20165700ede21g"));
    }

    #[test]
    fn base64_is_read_with_line_breaks() {
        assert_eq!(bytes_of("R3LD\nvMOfZQo=").unwrap(), "Grüße\n".as_bytes());
        assert!(bytes_of("not base64!").is_err());
    }
}
