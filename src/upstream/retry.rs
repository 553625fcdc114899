//! When to try again, and how long to wait before.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ureq::http::HeaderMap;
use ureq::http::header::RETRY_AFTER;

use super::{Method, UpstreamAnswer, vendor};
use crate::error::{Code, Error};

/// Longest sleep between two looks at whether the caller is still there.
const PATIENCE: Duration = Duration::from_millis(50);

/// How long to wait before the next try, if this answer deserves one.
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

/// A wait as the whole seconds after which it is over.
pub const fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(if wait.subsec_nanos() > 0 { 1 } else { 0 })
}

/// How long the service asks to be left alone: `Retry-After` (RFC 9110 §10.2.3), or the reset of a used-up rate limit
/// (`x-ratelimit-reset`, in seconds since 1970 as GitHub gives it, as a date as Atlassian does, or from now as others do).
pub fn asked_wait(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    if let Some(value) = text(RETRY_AFTER.as_str()) {
        return value.parse().ok().map(Duration::from_secs).or_else(|| Some(until(http_date(value)?)));
    }
    if text("x-ratelimit-remaining")? != "0" {
        return None;
    }
    let reset = text("x-ratelimit-reset")?;
    let Ok(reset) = reset.parse::<u64>() else { return Some(until(timestamp(reset)?)) };
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
    let day: u64 = day.parse().ok()?;
    let month = MONTHS.iter().position(|name| *name == month)? as u64;
    let year: u64 = year.parse().ok()?;
    moment([year, month + 1, day], [hour, minute, second])
}

/// The profile of ISO 8601 that Atlassian uses, `2026-11-22T10:30Z`, with or without seconds and their fraction.
fn timestamp(text: &str) -> Option<SystemTime> {
    let numbers = |text: &str, separator: char| text.split(separator).map(|part| part.parse().ok()).collect::<Option<Vec<u64>>>();
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let [year, month, day] = numbers(date, '-')?[..] else { return None };
    let time = time.split_once('.').map_or(time, |(seconds, _)| seconds);
    match numbers(time, ':')?[..] {
        [hour, minute] => moment([year, month, day], [hour, minute, 0]),
        [hour, minute, second] => moment([year, month, day], [hour, minute, second]),
        _ => None,
    }
}

/// A moment in UTC, given as year, month (1 to 12), day, hour, minute and second.
fn moment([year, month, day]: [u64; 3], [hour, minute, second]: [u64; 3]) -> Option<SystemTime> {
    let in_range = (1970..=9999).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    if !in_range || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    // Counting from March puts the leap day last, which makes the months' lengths one formula (Howard Hinnant,
    // "chrono-Compatible Low-Level Date Algorithms").
    let (year, month) = if month < 3 { (year - 1, month + 9) } else { (year, month - 3) };
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
    fn timestamps_are_read() {
        let check = |text: &str, seconds: Option<u64>| {
            let expected = seconds.map(|seconds| UNIX_EPOCH + Duration::from_secs(seconds));
            assert_eq!(timestamp(text), expected, "{text}");
        };
        check("2000-02-29T23:59:59Z", Some(951_868_799));
        check("2000-02-29T23:59:59.123Z", Some(951_868_799));
        check("2024-03-01T00:00Z", Some(1_709_251_200));
        check("1970-01-01T00:00Z", Some(0));
        check("2024-13-01T00:00Z", None);
        check("2024-00-01T00:00Z", None);
        check("2024-03-01T24:00Z", None);
        check("2024-03-01T00Z", None);
        check("2024-03-01T00:00+01:00", None);
        check("2024-03-01", None);
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
        check(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "2024-01-01T00:00Z")], Some(0));
        check(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "tomorrow")], None);
        check(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "2024-01-01T00:00Z"), ("retry-after", "7")], Some(7));
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

        let body = br#"{"error":{"errors":[{"reason":"userRateLimitExceeded"}]}}"#.to_vec();
        let answer = UpstreamAnswer { status: 403, headers: HeaderMap::new(), body };
        assert_eq!(pause_after(Method::Post, &answer, Duration::ZERO), Some(Duration::ZERO), "nothing was done");
    }

    #[test]
    fn jitter_takes_at_most_half_away() {
        let whole = Duration::from_millis(200);
        for _ in 0..100 {
            assert!((whole / 2..=whole).contains(&jittered(whole)));
        }
    }
}
