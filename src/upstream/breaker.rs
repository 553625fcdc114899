//! A circuit breaker: an origin that keeps failing is not called for a while, so that callers get the error at once and the
//! service can recover.
//!
//! Only failures of the service as a whole count: it cannot be reached, its gateway reports it (502, 503, 504), connections
//! break, or responses are too late. A 500 is the fault of one endpoint or one request. Only a failure that no caller can cause
//! stops all callers: a host that cannot be reached. Any other failure may depend on what a caller requests and how often, so
//! it stops only that caller.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use ureq::http::Uri;

use crate::access::Credential;
use crate::sync::lock;

/// The number of consecutive failures that open the breaker.
const FAILURES: u32 = 5;

/// How long the breaker stays open.
const PAUSE: Duration = Duration::from_secs(10);

/// The maximum number of entries. Redirects name origins too, so other parties influence the number.
const ENTRIES: usize = 1_024;

/// One breaker for each origin (RFC 6454 §4), and one for each caller of it.
#[derive(Debug, Default)]
pub struct Breaker {
    failing: Mutex<HashMap<Key, Failing>>,
    /// Credentials are identified by a keyed hash, so that none is stored here.
    hasher: RandomState,
}

/// An origin, or one caller of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    origin: String,
    caller: Option<u64>,
}

/// The scope of a breaker.
#[derive(Debug, Clone)]
pub struct Route {
    /// All callers.
    all: Key,
    /// One caller.
    own: Key,
}

/// The outcome of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// A response, or a failure that is not the service's.
    Answered,
    /// A response that reports failure of the service, a broken connection, or no response in time.
    Failed,
    /// No connection.
    Unreached,
}

/// A caller or origin whose last requests failed.
#[derive(Debug, Clone, Copy)]
struct Failing {
    failures: u32,
    /// When the next request may be sent; `None` if there were too few failures.
    open_until: Option<Instant>,
}

impl Breaker {
    /// Returns the route of a caller's requests to the origin of a URL.
    pub fn route(&self, uri: &Uri, credential: Option<&Credential>) -> Route {
        let origin = origin(uri);
        let caller = self.hasher.hash_one(credential.map(|credential| credential.secret.expose()));
        Route {
            all: Key { origin: origin.clone(), caller: None },
            own: Key { origin, caller: Some(caller) },
        }
    }

    /// Lets a request through, or returns the time until the next one may try.
    ///
    /// The request that is let through after a pause begins the next pause: no other request follows until its outcome is
    /// known.
    pub fn admit(&self, route: &Route, now: Instant) -> Result<(), Duration> {
        let mut failing = lock(&self.failing);
        if let Some(left) = left(&failing, route, now) {
            return Err(left);
        }
        for key in [&route.all, &route.own] {
            if let Some(open_until) =
                failing.get_mut(key).and_then(|failing| failing.open_until.as_mut())
            {
                *open_until = now + PAUSE;
            }
        }
        Ok(())
    }

    /// Returns whether requests are rejected now.
    pub fn refuses(&self, route: &Route, now: Instant) -> bool {
        left(&lock(&self.failing), route, now).is_some()
    }

    /// Records the outcome of a request that was let through.
    pub fn note(&self, route: &Route, outcome: Attempt, now: Instant) {
        let mut failing = lock(&self.failing);
        match outcome {
            Attempt::Answered => {
                failing.remove(&route.all);
                failing.remove(&route.own);
            }
            Attempt::Failed => {
                failing.remove(&route.all);
                count(&mut failing, &route.own, now);
            }
            Attempt::Unreached => count(&mut failing, &route.all, now),
        }
    }
}

/// Returns how long the route stays closed, if it is closed.
fn left(failing: &HashMap<Key, Failing>, route: &Route, now: Instant) -> Option<Duration> {
    let of = |key: &Key| {
        failing.get(key)?.open_until?.checked_duration_since(now).filter(|left| !left.is_zero())
    };
    of(&route.all).max(of(&route.own))
}

fn count(all: &mut HashMap<Key, Failing>, key: &Key, now: Instant) {
    if all.len() >= ENTRIES {
        all.retain(|_, failing| failing.open_until.is_some_and(|open_until| open_until > now));
    }
    if all.len() < ENTRIES || all.contains_key(key) {
        let failing = all.entry(key.clone()).or_insert(Failing { failures: 0, open_until: None });
        failing.failures = failing.failures.saturating_add(1);
        if failing.failures >= FAILURES {
            failing.open_until = Some(now + PAUSE);
        }
    }
}

fn origin(uri: &Uri) -> String {
    let authority = uri.authority().map_or("", |authority| authority.as_str()).to_ascii_lowercase();
    format!("{}://{authority}", uri.scheme_str().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use Attempt::{Answered, Failed, Unreached};

    use super::*;
    use crate::access::Scheme;
    use crate::secret::Secret;

    fn route(breaker: &Breaker, url: &str, user: &str) -> Route {
        let secret = Secret::new(user.to_owned());
        let credential =
            Credential { scheme: Scheme::Bearer, secret, account: None, base_url: None };
        breaker.route(&url.parse().unwrap(), Some(&credential))
    }

    /// Returns a breaker that has recorded this many outcomes of requests of `ana` to `https://a.example`.
    fn after(failures: u32, outcome: Attempt, now: Instant) -> (Breaker, Route) {
        let breaker = Breaker::default();
        let ana = route(&breaker, "https://a.example/x", "ana");
        for _ in 0..failures {
            assert_eq!(breaker.admit(&ana, now), Ok(()));
            breaker.note(&ana, outcome, now);
        }
        (breaker, ana)
    }

    #[test]
    fn failures_in_a_row_open_the_breaker_for_a_while() {
        let now = Instant::now();
        for outcome in [Failed, Unreached] {
            let (breaker, ana) = after(FAILURES, outcome, now);
            assert!(breaker.refuses(&ana, now));
            let same = route(&breaker, "https://A.example/other", "ana");
            assert_eq!(
                breaker.admit(&same, now + Duration::from_secs(3)),
                Err(Duration::from_secs(7))
            );
            for other in ["https://b.example", "https://a.example:8443", "http://a.example"] {
                assert_eq!(breaker.admit(&route(&breaker, other, "ana"), now), Ok(()), "{other}");
            }
        }
    }

    #[test]
    fn answers_that_fail_one_caller_stop_no_other() {
        let now = Instant::now();
        let check = |outcome, stopped: bool| {
            let (breaker, ana) = after(FAILURES, outcome, now);
            let bo = route(&breaker, "https://a.example/x", "bo");
            let nobody = breaker.route(&"https://a.example/x".parse().unwrap(), None);
            assert!(breaker.refuses(&ana, now));
            assert_eq!(
                (breaker.refuses(&bo, now), breaker.refuses(&nobody, now)),
                (stopped, stopped),
                "{outcome:?}"
            );
        };
        check(Failed, false);
        check(Unreached, true);
    }

    #[test]
    fn one_success_makes_failures_forgotten() {
        let now = Instant::now();
        for outcome in [Failed, Unreached] {
            let (breaker, ana) = after(FAILURES - 1, outcome, now);
            breaker.note(&ana, Answered, now);
            for _ in 1..FAILURES {
                breaker.note(&ana, outcome, now);
            }
            assert_eq!(breaker.admit(&ana, now), Ok(()));
        }
    }

    #[test]
    fn who_answers_at_all_can_be_reached() {
        let now = Instant::now();
        let (breaker, ana) = after(FAILURES - 1, Unreached, now);
        breaker.note(&ana, Failed, now);
        breaker.note(&ana, Unreached, now);
        assert_eq!(breaker.admit(&ana, now), Ok(()));
    }

    #[test]
    fn after_the_pause_one_request_tries() {
        let now = Instant::now();
        for outcome in [Failed, Unreached] {
            let (breaker, ana) = after(FAILURES, outcome, now);
            let later = now + PAUSE;
            assert!(!breaker.refuses(&ana, later));
            assert_eq!(breaker.admit(&ana, later), Ok(()));
            assert_eq!(breaker.admit(&ana, later), Err(PAUSE), "the others wait for its outcome");
            breaker.note(&ana, outcome, later + Duration::from_secs(2));
            assert_eq!(
                breaker.admit(&ana, later + Duration::from_secs(3)),
                Err(Duration::from_secs(9))
            );
            let again = later + Duration::from_secs(2) + PAUSE;
            assert_eq!(breaker.admit(&ana, again), Ok(()));
            breaker.note(&ana, Answered, again);
            assert_eq!((breaker.admit(&ana, again), breaker.admit(&ana, again)), (Ok(()), Ok(())));
        }
    }

    #[test]
    fn no_more_is_remembered_than_there_is_room_for() {
        let now = Instant::now();
        let (breaker, ana) = after(FAILURES, Unreached, now);
        for number in 0..ENTRIES * 2 {
            breaker.note(
                &route(&breaker, &format!("https://host-{number}.example"), "ana"),
                Unreached,
                now,
            );
        }
        assert!(lock(&breaker.failing).len() <= ENTRIES);
        assert!(breaker.refuses(&ana, now), "those that are left alone stay so");
    }
}
