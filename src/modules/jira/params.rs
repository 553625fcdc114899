//! Arguments in the forms that Jira takes.

use ct_codecs::{Base64, Decoder};
use serde_json::{Value, json};

use crate::engine::times::date_hook;
use crate::error::Error;
use crate::time::Moment;

/// Markdown as a new document in the Atlassian Document Format.
pub fn adf(markdown: &Value) -> Result<Value, Error> {
    crate::modules::atlassian::adf::from_markdown(markdown.as_str().unwrap_or_default(), None)
}

/// `none` and `auto` as Jira writes them; anything else is an account id.
pub fn assignee(assignee: &Value) -> Result<Value, Error> {
    Ok(match assignee.as_str() {
        Some("none") => Value::Null,
        Some("auto") => "-1".into(),
        _ => assignee.clone(),
    })
}

/// The property by which a service desk knows comments that customers do not see.
pub fn internal_comment(internal: &Value) -> Result<Value, Error> {
    Ok(json!([{"key": "sd.public.comment", "value": {"internal": internal}}]))
}

/// A day, or `none`, which clears it.
pub fn date_or_none(date: &Value) -> Result<Value, Error> {
    if date == "none" { Ok(date.clone()) } else { date_hook(date) }
}

/// A role's name as the restriction to it.
pub fn role_visibility(role: &Value) -> Result<Value, Error> {
    Ok(json!({"type": "role", "identifier": role}))
}

/// A time in ISO 8601 in the only form that Jira takes for a time log: milliseconds, and an offset without colon.
pub fn jira_time(time: &Value) -> Result<Value, Error> {
    let text = time.as_str().unwrap_or_default();
    let exists = matches!(Moment::read(text), Some(Moment::Instant { .. }));
    let written = parts_of(text)
        .filter(|_| exists)
        .map(|(date, clock, offset)| format!("{date}T{clock}{offset}").into());
    written.ok_or_else(|| {
        Error::invalid_params(format!("`started_at` is not a time with an offset: {text:?}."))
            .with_hint("Write it as 2026-01-17T12:34:00+09:00 or 2026-01-17T12:34:00Z.")
    })
}

/// The date, the clock with milliseconds, and the offset of a time.
fn parts_of(text: &str) -> Option<(&str, String, String)> {
    let (date, rest) = text.split_once(['T', ' '])?;
    is_like(date, "0000-00-00").then_some(())?;
    let (clock, offset) = match rest.strip_suffix('Z') {
        Some(clock) => (clock, "+0000".to_owned()),
        None => rest.rfind(['+', '-']).map(|at| (&rest[..at], rest[at..].replace(':', "")))?,
    };
    (offset.len() == 5 && is_like(&offset[1..], "0000")).then_some(())?;
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    (!fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit())).then_some(())?;
    let clock = if is_like(clock, "00:00") { format!("{clock}:00") } else { clock.to_owned() };
    let milliseconds = &format!("{fraction}00")[..3];
    is_like(&clock, "00:00:00").then(|| (date, format!("{clock}.{milliseconds}"), offset))
}

/// Whether a text has digits where the pattern has `0`, and the pattern's own characters elsewhere.
fn is_like(text: &str, pattern: &str) -> bool {
    text.len() == pattern.len()
        && text
            .bytes()
            .zip(pattern.bytes())
            .all(|(byte, like)| if like == b'0' { byte.is_ascii_digit() } else { byte == like })
}

/// The bytes of a file in base64 (RFC 4648 §4), with or without line breaks.
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
        check("2026-01-17T12:34:56.7+09:00", Some("2026-01-17T12:34:56.700+0900"));
        check("2026-01-17 12:34-0530", Some("2026-01-17T12:34:00.000-0530"));
        check("2026-01-17T12:34:00.000+0000", Some("2026-01-17T12:34:00.000+0000"));
        check("2026-01-17T12:34:00.123456Z", Some("2026-01-17T12:34:00.123+0000"));
        for wrong in [
            "",
            "yesterday",
            "2026-01-17",
            "2026-01-17T12:34:00",
            "17-01-2026T12:34Z",
            "2026-01-17T12:34.Z",
            "2026-01-17T1:34Z",
            "2026-02-30T12:34:00Z",
            "2026-01-17T25:34:00Z",
            "2026-01-17T12:34:00+25:00",
        ] {
            check(wrong, None);
        }
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
