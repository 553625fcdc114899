//! Converts a service's error response to an `Error`.

use super::retry::{self, whole_seconds};
use super::{UpstreamAnswer, base64, vendor};
use crate::access::Credential;
use crate::error::{Code, Error, PLAN, REASON, TOO_LARGE};

/// Returns the error for a response that is not a success.
///
/// `service` is the title for messages. `credential` is the credential of the request: it is never part of the error, even if
/// the service repeats it. Reads the error bodies of RFC 9457 and of the services that MCPist has modules for.
#[must_use]
pub fn failure(service: &str, credential: Option<&Credential>, answer: &UpstreamAnswer) -> Error {
    let status = answer.status;
    let words = vendor::message(&answer.body).map(|text| redacted(&text, credential));
    let said = |what: &str| match &words {
        Some(words) => format!("{service} {what} ({status}): {words}"),
        None => format!("{service} {what} ({status})."),
    };
    let plain = |what: &str| format!("{service} {what} ({status}).");
    match status {
        401 if credential.is_none() => Error::new(Code::NotConnected, plain("wants a credential, and none is stored"))
            .with_hint(format!("Connect {service}, then call again.")),
        401 if is_missing_scope(answer) => Error::new(Code::PermissionDenied, said("does not permit this"))
            .with_hint(format!("The credential of {service} lacks a permission (scope) for it: connect one that has it.")),
        401 => Error::new(Code::ReconnectRequired, plain("refuses the stored credential"))
            .with_hint(format!("Connect {service} again: the credential has expired or was revoked.")),
        402 => Error::new(Code::PermissionDenied, said("wants another plan or a payment for this"))
            .with_hint(format!("Look at the plan of the {service} account and what it includes."))
            .with_data(REASON, PLAN),
        403 if is_rate_limit(answer) => rate_limited(service, answer),
        400..500 if status == 413 || vendor::is_too_large(&answer.body) => {
            Error::new(Code::InvalidParams, said("refuses this as too large"))
                .with_hint("Ask for a part of it, or send less.")
                .with_data(REASON, TOO_LARGE)
        }
        403 | 451 => Error::new(Code::PermissionDenied, said("does not permit this"))
            .with_hint(format!("Use an account or a credential of {service} that may do this.")),
        404 | 410 => Error::new(Code::NotFound, said("did not find this")).with_hint(match credential {
            Some(_) => "Check the names and ids. Objects that the account may not see are not found either.".to_owned(),
            None => format!("Check the names and ids. Private things are found only once {service} is connected."),
        }),
        // This includes 405: GitHub returns it for a pull request that cannot be merged in its current state; 412 and 423 are
        // similar.
        405 | 409 | 412 | 423 => {
            Error::new(Code::Conflict, said("cannot do this as things stand")).with_hint("Look at its present state, then call again.")
        }
        429 => rate_limited(service, answer),
        507 => Error::new(Code::Conflict, said("has no storage left for this"))
            .with_hint("Delete something there or get more storage, then call again."),
        408 | 500.. => with_retry_after(Error::new(Code::UpstreamUnavailable, plain("fails to answer")), answer)
            .with_hint("Try again later. After a call that writes, look first whether it was done."),
        400.. => Error::new(Code::InvalidParams, said("refuses the arguments")).with_hint("Correct what it names, then call again."),
        _ => Error::new(Code::UpstreamUnavailable, plain("answers with a status that means nothing here")),
    }
}

/// Returns a [`Code::RateLimited`] with the seconds to wait, if the response contains them.
pub(super) fn rate_limited(service: &str, answer: &UpstreamAnswer) -> Error {
    let error =
        Error::new(Code::RateLimited, format!("{service} wants fewer calls ({}).", answer.status));
    match retry::asked_wait(&answer.headers) {
        Some(wait) => with_retry_after(error, answer)
            .with_hint(format!("Call again in {} seconds.", whole_seconds(wait))),
        None => error.with_hint("Wait at least a minute, then call again."),
    }
}

fn with_retry_after(error: Error, answer: &UpstreamAnswer) -> Error {
    match retry::asked_wait(&answer.headers) {
        Some(wait) => error.with_data("retry_after_s", whole_seconds(wait)),
        None => error,
    }
}

/// Returns whether a 401 means that a valid credential lacks a scope: such a credential must not be renewed.
#[must_use]
pub fn is_missing_scope(answer: &UpstreamAnswer) -> bool {
    let challenge = answer.headers.get("www-authenticate").and_then(|value| value.to_str().ok());
    answer.status == 401
        && (challenge.is_some_and(|challenge| challenge.contains("insufficient_scope"))
            || vendor::is_missing_scope(&answer.body))
}

/// Returns whether a 403 means "too many requests" (GitHub, "Rate limits for the REST API"; Google, "Handle API errors").
fn is_rate_limit(answer: &UpstreamAnswer) -> bool {
    answer.headers.get("x-ratelimit-remaining").is_some_and(|value| value.as_bytes() == b"0")
        || answer.headers.contains_key("retry-after")
        || vendor::is_rate_limit(&answer.body)
}

/// Returns the text without the credential, in case a service repeats it.
fn redacted(text: &str, credential: Option<&Credential>) -> String {
    let mut text = text.to_owned();
    if let Some(credential) = credential {
        redact(&mut text, credential, 1);
    }
    text
}

/// Removes a credential from a text: the whole credential, its base64, and its password alone. Parts that are shorter than the
/// minimum are kept, because they may be ordinary words.
pub fn redact(text: &mut String, credential: &Credential, at_least: usize) {
    let secret = credential.secret.expose();
    let password = secret.split_once(':').map_or("", |(_, password)| password);
    for part in [&base64(secret), secret, password] {
        if part.len() >= at_least && text.contains(part) {
            *text = text.replace(part, "[redacted]");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Scheme;
    use crate::secret::Secret;

    fn answer(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> UpstreamAnswer {
        let headers = headers
            .iter()
            .map(|(name, value)| {
                (
                    ureq::http::HeaderName::from_static(name),
                    ureq::http::HeaderValue::from_static(value),
                )
            })
            .collect();
        UpstreamAnswer {
            status,
            headers,
            body: body.as_bytes().to_vec(),
            held: crate::upstream::AnswerShare::default(),
        }
    }

    fn credential(secret: &str) -> Credential {
        let secret = Secret::new(secret.to_owned());
        Credential { scheme: Scheme::Bearer, secret, account: None, base_url: None }
    }

    #[test]
    fn every_failed_answer_has_its_code() {
        let check = |status, headers: &[(&'static str, &'static str)], body: &str, code| {
            let error =
                failure("GitHub", Some(&credential("token")), &answer(status, headers, body));
            assert_eq!(error.code(), code, "{status} {headers:?} {body}");
            assert!(error.message().starts_with("GitHub "), "{error}");
            assert!(error.message().contains(&status.to_string()), "{error}");
        };
        let forbidden = r#"{"message":"Resource not accessible by personal access token"}"#;
        let secondary =
            r#"{"message":"You have exceeded a secondary rate limit. Please wait a few minutes."}"#;
        check(400, &[], "{}", Code::InvalidParams);
        check(401, &[], "{}", Code::ReconnectRequired);
        let scope = r#"{"code":401,"message":"Unauthorized; scope does not match"}"#;
        check(401, &[], scope, Code::PermissionDenied);
        let challenge = [("www-authenticate", "Bearer error=\"insufficient_scope\"")];
        check(401, &challenge, "", Code::PermissionDenied);
        check(403, &[], forbidden, Code::PermissionDenied);
        check(403, &[("x-ratelimit-remaining", "4999")], forbidden, Code::PermissionDenied);
        check(403, &[("x-ratelimit-remaining", "0")], forbidden, Code::RateLimited);
        check(403, &[("retry-after", "60")], forbidden, Code::RateLimited);
        check(403, &[], secondary, Code::RateLimited);
        check(
            403,
            &[],
            r#"{"error":{"errors":[{"reason":"rateLimitExceeded"}],"message":"Slow down"}}"#,
            Code::RateLimited,
        );
        check(
            403,
            &[],
            r#"{"error":{"errors":[{"reason":"insufficientPermissions"}],"message":"No"}}"#,
            Code::PermissionDenied,
        );
        let too_large = r#"{"message":"This API returns blobs up to 1 MB in size.","errors":[{"resource":"Blob","field":"data","code":"too_large"}]}"#;
        check(403, &[], too_large, Code::InvalidParams);
        check(406, &[], too_large, Code::InvalidParams);
        check(413, &[], "", Code::InvalidParams);
        check(402, &[], r#"{"message":"Upgrade to the Pro plan"}"#, Code::PermissionDenied);
        check(
            507,
            &[],
            r#"{"error":{"code":"ErrorQuotaExceeded","message":"Mailbox full"}}"#,
            Code::Conflict,
        );
        check(404, &[], "", Code::NotFound);
        check(405, &[], r#"{"message":"Pull Request is not mergeable"}"#, Code::Conflict);
        check(409, &[], "", Code::Conflict);
        check(410, &[], "", Code::NotFound);
        check(422, &[], "not JSON", Code::InvalidParams);
        check(429, &[], "", Code::RateLimited);
        check(500, &[], "", Code::UpstreamUnavailable);
        check(503, &[], "", Code::UpstreamUnavailable);
        check(304, &[], "", Code::UpstreamUnavailable);
    }

    #[test]
    fn what_is_too_large_says_so() {
        let body = r#"{"message":"Sorry, the diff exceeded the maximum number of lines (20000)","errors":[{"code":"too_large"}]}"#;
        for status in [403, 406, 422] {
            let error = failure("GitHub", None, &answer(status, &[], body));
            let message = error.message();
            assert!(
                message.starts_with(&format!("GitHub refuses this as too large ({status}): Sorry")),
                "{error}"
            );
            assert_eq!(error.data().unwrap()[REASON], TOO_LARGE);
        }
    }

    #[test]
    fn a_service_that_is_not_connected_says_so() {
        let error = failure("GitHub", None, &answer(401, &[], ""));
        assert_eq!(error.code(), Code::NotConnected);
        assert_eq!(error.message(), "GitHub wants a credential, and none is stored (401).");
        let error = failure("GitHub", None, &answer(404, &[], ""));
        assert!(error.hint().unwrap().contains("once GitHub is connected"), "{error}");
    }

    #[test]
    fn a_rate_limit_tells_the_seconds_to_wait() {
        let error = failure("GitHub", None, &answer(429, &[("retry-after", "61")], ""));
        assert_eq!(error.data().unwrap()["retry_after_s"], 61);
        assert_eq!(error.hint(), Some("Call again in 61 seconds."));
        let error = failure("GitHub", None, &answer(429, &[], ""));
        assert_eq!(error.data(), None);
    }

    #[test]
    fn a_credential_that_the_service_repeats_is_left_out() {
        let check = |secret: &str, body: &str| {
            let error = failure("Jira", Some(&credential(secret)), &answer(400, &[], body));
            assert_eq!(error.message(), "Jira refuses the arguments (400): bad [redacted] here");
        };
        check("hunter2", r#"{"message":"bad hunter2 here"}"#);
        check("user:hunter2", r#"{"message":"bad user:hunter2 here"}"#);
        check("user:hunter2", r#"{"message":"bad hunter2 here"}"#);
        check("user:hunter2", r#"{"message":"bad dXNlcjpodW50ZXIy here"}"#);
    }
}
