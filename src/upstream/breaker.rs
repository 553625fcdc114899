//! Who does not answer is left alone for a while, so that callers learn it at once and the service can recover.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use ureq::http::Uri;

use crate::sync::lock;

/// Failures in a row after which an origin is left alone.
const FAILURES: u32 = 5;

/// How long an origin is left alone.
const PAUSE: Duration = Duration::from_secs(10);

/// Most origins that are remembered. Redirects name origins too, so others choose how many there are.
const ORIGINS: usize = 256;

/// One breaker for each origin (RFC 6454 §4) that requests go to.
#[derive(Debug, Default)]
pub struct Breaker(Mutex<HashMap<String, Failing>>);

/// An origin whose last answer was a failure.
#[derive(Debug, Clone, Copy)]
struct Failing {
    failures: u32,
    /// When the next request may go out; none while there were too few failures.
    open_until: Option<Instant>,
}

impl Breaker {
    /// Lets a request through, or tells how long it is until the next one may try.
    ///
    /// The one that is let through after a pause begins the next pause: until its outcome is noted, no other follows.
    pub fn admit(&self, uri: &Uri, now: Instant) -> Result<(), Duration> {
        let mut origins = lock(&self.0);
        let Some(open_until) = origins.get_mut(&origin(uri)).and_then(|failing| failing.open_until.as_mut()) else { return Ok(()) };
        match open_until.saturating_duration_since(now) {
            Duration::ZERO => {
                *open_until = now + PAUSE;
                Ok(())
            }
            left => Err(left),
        }
    }

    /// Whether requests are refused now.
    pub fn refuses(&self, uri: &Uri, now: Instant) -> bool {
        let open_until = lock(&self.0).get(&origin(uri)).and_then(|failing| failing.open_until);
        open_until.is_some_and(|open_until| open_until > now)
    }

    /// Notes how a request that was let through ended.
    pub fn note(&self, uri: &Uri, failed: bool, now: Instant) {
        let mut origins = lock(&self.0);
        if !failed {
            origins.remove(&origin(uri));
            return;
        }
        if origins.len() >= ORIGINS {
            origins.retain(|_, failing| failing.open_until.is_some_and(|open_until| open_until > now));
        }
        if origins.len() < ORIGINS || origins.contains_key(&origin(uri)) {
            let failing = origins.entry(origin(uri)).or_insert(Failing { failures: 0, open_until: None });
            failing.failures = failing.failures.saturating_add(1);
            if failing.failures >= FAILURES {
                failing.open_until = Some(now + PAUSE);
            }
        }
    }
}

fn origin(uri: &Uri) -> String {
    let authority = uri.authority().map_or("", |authority| authority.as_str()).to_ascii_lowercase();
    format!("{}://{authority}", uri.scheme_str().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> Uri {
        text.parse().unwrap()
    }

    /// A breaker that has noted this many failures of `https://a.example` at a moment.
    fn after(failures: u32, now: Instant) -> (Breaker, Uri) {
        let (breaker, home) = (Breaker::default(), uri("https://a.example/x"));
        for _ in 0..failures {
            assert_eq!(breaker.admit(&home, now), Ok(()));
            breaker.note(&home, true, now);
        }
        (breaker, home)
    }

    #[test]
    fn failures_in_a_row_open_the_breaker_for_a_while() {
        let now = Instant::now();
        let (breaker, home) = after(FAILURES, now);
        assert!(breaker.refuses(&home, now));
        assert_eq!(breaker.admit(&uri("https://A.example/other"), now + Duration::from_secs(3)), Err(Duration::from_secs(7)));
        assert_eq!(breaker.admit(&uri("https://b.example"), now), Ok(()));
        assert_eq!(breaker.admit(&uri("https://a.example:8443"), now), Ok(()));
    }

    #[test]
    fn one_success_makes_failures_forgotten() {
        let now = Instant::now();
        let (breaker, home) = after(FAILURES - 1, now);
        breaker.note(&home, false, now);
        for _ in 1..FAILURES {
            breaker.note(&home, true, now);
        }
        assert_eq!(breaker.admit(&home, now), Ok(()));
    }

    #[test]
    fn after_the_pause_one_request_tries() {
        let now = Instant::now();
        let (breaker, home) = after(FAILURES, now);
        let later = now + PAUSE;
        assert!(!breaker.refuses(&home, later));
        assert_eq!(breaker.admit(&home, later), Ok(()));
        assert_eq!(breaker.admit(&home, later), Err(PAUSE), "the others wait for its outcome");
        breaker.note(&home, true, later + Duration::from_secs(2));
        assert_eq!(breaker.admit(&home, later + Duration::from_secs(3)), Err(Duration::from_secs(9)));
        let again = later + Duration::from_secs(2) + PAUSE;
        assert_eq!(breaker.admit(&home, again), Ok(()));
        breaker.note(&home, false, again);
        assert_eq!((breaker.admit(&home, again), breaker.admit(&home, again)), (Ok(()), Ok(())));
    }

    #[test]
    fn no_more_origins_are_remembered_than_there_is_room_for() {
        let now = Instant::now();
        let (breaker, home) = after(FAILURES, now);
        for number in 0..ORIGINS * 2 {
            breaker.note(&uri(&format!("https://host-{number}.example")), true, now);
        }
        assert!(lock(&breaker.0).len() <= ORIGINS);
        assert!(breaker.refuses(&home, now), "those that are left alone stay so");
    }
}
