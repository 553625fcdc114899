//! When to retry, and how long to wait before.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ureq::http::HeaderMap;
use ureq::http::header::RETRY_AFTER;

use super::{Method, UpstreamAnswer, vendor};
use crate::cancellation::Cancellation;
use crate::error::{Code, Error};
use crate::time::{http_date, timestamp};

/// The maximum time between two checks whether the caller is still there.
const PATIENCE: Duration = Duration::from_millis(50);

/// Returns the wait before the next attempt; `None` if this response must not be retried.
pub fn pause_after(method: Method, answer: &UpstreamAnswer, backoff: Duration) -> Option<Duration> {
    let asked = asked_wait(&answer.headers);
    let again = match answer.status {
        429 => true,
        403 => vendor::is_too_fast(&answer.body),
        503 => asked.is_some() || method.is_idempotent(),
        502 | 504 => method.is_idempotent(),
        _ => false,
    };
    let backoff = jittered(backoff);
    again.then(|| asked.map_or(backoff, |asked| asked.max(backoff)))
}

/// Returns a random time between half and all of it, so that callers that failed together do not return together.
pub fn jittered(backoff: Duration) -> Duration {
    // Every RandomState has its own keys, so an empty hash is a random number without a random number generator.
    let random = RandomState::new().build_hasher().finish();
    let share =
        f64::from(u32::try_from(random >> 32).expect("32 bits remain")) / f64::from(u32::MAX);
    backoff.mul_f64(0.5 + share / 2.0)
}

/// Sleeps, and checks regularly for cancellation.
///
/// # Errors
///
/// [`Code::Cancelled`] if the caller disconnects meanwhile.
pub fn wait(
    pause: Duration,
    service: &str,
    cancelled_by_caller: &Cancellation,
) -> Result<(), Error> {
    let until = Instant::now() + pause;
    loop {
        if cancelled_by_caller.is_cancelled() {
            return Err(cancelled(service));
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        std::thread::sleep(left.min(PATIENCE));
    }
}

/// Returns the error of a call whose caller no longer waits.
pub fn cancelled(service: &str) -> Error {
    Error::new(Code::Cancelled, format!("The call to {service} was cancelled."))
}

/// Returns a wait in whole seconds, rounded up.
pub const fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(if wait.subsec_nanos() > 0 { 1 } else { 0 })
}

/// Returns how long the service asks to wait: `Retry-After` (RFC 9110 §10.2.3), or the reset of an exhausted rate limit
/// (`x-ratelimit-reset`: seconds since 1970 at GitHub, a date at Atlassian, seconds from now at others).
pub fn asked_wait(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    if let Some(value) = text(RETRY_AFTER.as_str()) {
        return value
            .parse()
            .ok()
            .map(Duration::from_secs)
            .or_else(|| Some(until(http_date(value)?)));
    }
    if text("x-ratelimit-remaining")? != "0" {
        return None;
    }
    let reset = text("x-ratelimit-reset")?;
    let Ok(reset) = reset.parse::<u64>() else { return Some(until(timestamp(reset)?)) };
    // A billion seconds from now is in 31 years; a billion since 1970 was in 2001. So no value can mean both.
    let reset = Duration::from_secs(reset);
    if reset.as_secs() > 1_000_000_000 {
        UNIX_EPOCH.checked_add(reset).map(until)
    } else {
        Some(reset)
    }
}

fn until(moment: SystemTime) -> Duration {
    moment.duration_since(SystemTime::now()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use ureq::http::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn the_wait_that_a_service_asks_for_is_read() {
        let check = |pairs: &[(&'static str, &str)], expected: Option<u64>| {
            let headers = pairs
                .iter()
                .map(|(name, value)| {
                    (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
                })
                .collect();
            assert_eq!(asked_wait(&headers).map(|wait| wait.as_secs()), expected, "{pairs:?}");
        };
        check(&[], None);
        check(&[("retry-after", "7")], Some(7));
        check(&[("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT")], Some(0));
        check(&[("retry-after", "-1")], None);
        check(&[("retry-after", "18446744073709551615")], Some(u64::MAX));
        check(
            &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "18446744073709551615")],
            None,
        );
        check(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "30")], Some(30));
        check(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1000000001")], Some(0));
        check(
            &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "2024-01-01T00:00Z")],
            Some(0),
        );
        check(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "tomorrow")], None);
        check(
            &[
                ("x-ratelimit-remaining", "0"),
                ("x-ratelimit-reset", "2024-01-01T00:00Z"),
                ("retry-after", "7"),
            ],
            Some(7),
        );
        check(&[("x-ratelimit-remaining", "9"), ("x-ratelimit-reset", "30")], None);
    }

    #[test]
    fn the_pause_is_what_the_service_asks_for_or_the_backoff() {
        let check = |status, retry_after: Option<&'static str>, expected: Option<Duration>| {
            let headers = retry_after.map(|value| (RETRY_AFTER, HeaderValue::from_static(value)));
            let answer = UpstreamAnswer {
                status,
                headers: headers.into_iter().collect(),
                body: Vec::new(),
                held: crate::upstream::AnswerShare::default(),
            };
            let pause = pause_after(Method::Post, &answer, Duration::ZERO);
            assert_eq!(pause, expected, "{status} {retry_after:?}");
        };
        check(429, Some("7"), Some(Duration::from_secs(7)));
        check(429, None, Some(Duration::ZERO));
        check(503, Some("7"), Some(Duration::from_secs(7)));
        check(503, None, None);
        check(502, Some("7"), None);
        check(403, Some("7"), None);

        let body = br#"{"error":{"errors":[{"reason":"userRateLimitExceeded"}]}}"#.to_vec();
        let answer = UpstreamAnswer {
            status: 403,
            headers: HeaderMap::new(),
            body,
            held: crate::upstream::AnswerShare::default(),
        };
        assert_eq!(
            pause_after(Method::Post, &answer, Duration::ZERO),
            Some(Duration::ZERO),
            "nothing was done"
        );
    }

    #[test]
    fn jitter_takes_at_most_half_away() {
        let whole = Duration::from_millis(200);
        for _ in 0..100 {
            assert!((whole / 2..=whole).contains(&jittered(whole)));
        }
    }
}
