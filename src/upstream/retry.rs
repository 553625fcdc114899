//! When to try again, and how long to wait before.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ureq::http::HeaderMap;
use ureq::http::header::RETRY_AFTER;

use super::{Method, UpstreamAnswer};
use crate::error::{Code, Error};

/// Longest sleep between two looks at whether the caller is still there.
const PATIENCE: Duration = Duration::from_millis(50);

/// How long to wait before the next try, if this answer deserves one.
pub fn pause_after(method: Method, answer: &UpstreamAnswer, backoff: Duration) -> Option<Duration> {
    let asked = asked_wait(&answer.headers);
    let again = match answer.status {
        429 => true,
        503 => asked.is_some() || method.is_idempotent(),
        502 | 504 => method.is_idempotent(),
        _ => false,
    };
    let backoff = jittered(backoff);
    again.then(|| asked.map_or(backoff, |asked| asked.max(backoff)))
}

/// Between half of it and all of it, so that callers who failed together do not come back together.
pub fn jittered(backoff: Duration) -> Duration {
    // Every RandomState has keys of its own, so an empty hash is a random number without a generator to carry.
    let random = RandomState::new().build_hasher().finish();
    let share = f64::from(u32::try_from(random >> 32).expect("32 bits remain")) / f64::from(u32::MAX);
    backoff.mul_f64(0.5 + share / 2.0)
}

/// Sleeps, looking up now and then.
///
/// # Errors
///
/// [`Code::Cancelled`] when the caller goes away meanwhile.
pub fn wait(pause: Duration, service: &str, cancelled_by_caller: &dyn Fn() -> bool) -> Result<(), Error> {
    let until = Instant::now() + pause;
    loop {
        if cancelled_by_caller() {
            return Err(cancelled(service));
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        std::thread::sleep(left.min(PATIENCE));
    }
}

/// The error of a call that nobody waits for any more.
pub fn cancelled(service: &str) -> Error {
    Error::new(Code::Cancelled, format!("The call to {service} was cancelled."))
}

/// How long the service asks to be left alone: `Retry-After` (RFC 9110 §10.2.3), or the reset of a used-up rate limit
/// (`x-ratelimit-reset`, in seconds since 1970 as GitHub gives it, or from now as others do).
pub fn asked_wait(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    if let Some(value) = text(RETRY_AFTER.as_str()) {
        return value.parse().ok().map(Duration::from_secs).or_else(|| Some(until(http_date(value)?)));
    }
    if text("x-ratelimit-remaining")? != "0" {
        return None;
    }
    let reset: u64 = text("x-ratelimit-reset")?.parse().ok()?;
    // A billion seconds from now is 31 years away, since 1970 it is 2001: no value can mean both.
    let reset = Duration::from_secs(reset);
    if reset.as_secs() > 1_000_000_000 { UNIX_EPOCH.checked_add(reset).map(until) } else { Some(reset) }
}

fn until(moment: SystemTime) -> Duration {
    moment.duration_since(SystemTime::now()).unwrap_or_default()
}

/// The preferred date format of RFC 9110 §5.6.7, `Sun, 06 Nov 1994 08:49:37 GMT`; the two obsolete ones are not read.
fn http_date(text: &str) -> Option<SystemTime> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (_, date) = text.split_once(", ")?;
    let [day, month, year, time, "GMT"] = date.split(' ').collect::<Vec<_>>()[..] else { return None };
    let [hour, minute, second] = time.split(':').map(|part| part.parse().ok()).collect::<Option<Vec<u64>>>()?[..] else {
        return None;
    };
    let day: u64 = day.parse().ok().filter(|day| (1..=31).contains(day))?;
    let month = MONTHS.iter().position(|name| *name == month)? as u64;
    let year: u64 = year.parse().ok().filter(|year| (1970..=9999).contains(year))?;
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    // Counting from March puts the leap day last, which makes the months' lengths one formula (Howard Hinnant,
    // "chrono-Compatible Low-Level Date Algorithms").
    let (year, month) = if month < 2 { (year - 1, month + 10) } else { (year, month - 2) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    let days_since_1970 = days - 719_468;
    Some(UNIX_EPOCH + Duration::from_secs(days_since_1970 * 86_400 + hour * 3_600 + minute * 60 + second))
}

#[cfg(test)]
mod tests {
    use ureq::http::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn http_dates_are_read() {
        let check = |text: &str, seconds: Option<u64>| {
            let expected = seconds.map(|seconds| UNIX_EPOCH + Duration::from_secs(seconds));
            assert_eq!(http_date(text), expected, "{text}");
        };
        check("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777));
        check("Thu, 01 Jan 1970 00:00:00 GMT", Some(0));
        check("Tue, 29 Feb 2000 23:59:59 GMT", Some(951_868_799));
        check("Fri, 01 Mar 2024 00:00:00 GMT", Some(1_709_251_200));
        check("Sunday, 06-Nov-94 08:49:37 GMT", None);
        check("Sun, 00 Nov 1994 08:49:37 GMT", None);
        check("Sun, 06 Nov 1994 24:49:37 GMT", None);
        check("Sun, 06 Nov 1994 08:49:37 CET", None);
        check("soon", None);
    }

    #[test]
    fn the_wait_that_a_service_asks_for_is_read() {
        let check = |pairs: &[(&'static str, &str)], expected: Option<u64>| {
            let headers =
                pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())).collect();
            assert_eq!(asked_wait(&headers).map(|wait| wait.as_secs()), expected, "{pairs:?}");
        };
        check(&[], None);
        check(&[("retry-after", "7")], Some(7));
        check(&[("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT")], Some(0));
        check(&[("retry-after", "-1")], None);
        check(&[("retry-after", "18446744073709551615")], Some(u64::MAX));
        check(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "18446744073709551615")], None);
        check(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "30")], Some(30));
        check(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1000000001")], Some(0));
        check(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "2030-01-01T00:00:00Z")], None);
        check(&[("x-ratelimit-remaining", "9"), ("x-ratelimit-reset", "30")], None);
    }

    #[test]
    fn the_pause_is_what_the_service_asks_for_or_the_backoff() {
        let check = |status, retry_after: Option<&'static str>, expected: Option<Duration>| {
            let headers = retry_after.map(|value| (RETRY_AFTER, HeaderValue::from_static(value)));
            let answer = UpstreamAnswer { status, headers: headers.into_iter().collect(), body: Vec::new() };
            let pause = pause_after(Method::Post, &answer, Duration::ZERO);
            assert_eq!(pause, expected, "{status} {retry_after:?}");
        };
        check(429, Some("7"), Some(Duration::from_secs(7)));
        check(429, None, Some(Duration::ZERO));
        check(503, Some("7"), Some(Duration::from_secs(7)));
        check(503, None, None);
        check(502, Some("7"), None);
        check(403, Some("7"), None);
    }

    #[test]
    fn jitter_takes_at_most_half_away() {
        let whole = Duration::from_millis(200);
        for _ in 0..100 {
            assert!((whole / 2..=whole).contains(&jittered(whole)));
        }
    }
}
