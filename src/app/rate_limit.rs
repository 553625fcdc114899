//! Rate limits for each user, so that one user's agent cannot use up what all users share.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::error::{Code, Error};
use crate::sync::lock;

/// The maximum number of users whose times are kept; beyond it, expired times are removed.
const USERS: usize = 4_096;

/// A rate limit for each user, by the generic cell rate algorithm (ITU-T I.371): one timestamp for each user is enough.
#[derive(Debug)]
pub struct RateLimit {
    what: &'static str,
    per_minute: u32,
    /// The time that one use costs.
    cost: Duration,
    /// How far ahead a user may be: a fifth of a minute's uses at once.
    ahead: Duration,
    /// For each user, the time at which all uses so far are paid for.
    even: Mutex<HashMap<String, Instant>>,
}

impl RateLimit {
    /// Allows `per_minute` uses of `what` a minute, and a fifth of them at once. `per_minute` is not zero.
    #[must_use]
    pub fn new(what: &'static str, per_minute: u32) -> Self {
        let cost = Duration::from_secs(60) / per_minute.max(1);
        Self {
            what,
            per_minute,
            cost,
            ahead: cost * (per_minute / 5).max(1),
            even: Mutex::default(),
        }
    }

    /// Counts one use.
    ///
    /// # Errors
    ///
    /// [`Code::RateLimited`] with the seconds until the next use.
    pub fn count(&self, user: &str, now: Instant) -> Result<(), Error> {
        let mut even = lock(&self.even);
        if even.len() >= USERS && !even.contains_key(user) {
            even.retain(|_, even| *even > now);
        }
        let since = even.get(user).copied().filter(|even| *even > now).unwrap_or(now);
        let next = since + self.cost;
        let too_early = next.saturating_duration_since(now + self.ahead);
        if !too_early.is_zero() {
            let seconds = too_early.as_secs() + 1;
            return Err(Error::new(
                Code::RateLimited,
                format!("more than {} {} a minute", self.per_minute, self.what),
            )
            .with_hint(format!("Go on in {seconds} s, and more slowly."))
            .with_data("retry_after_s", seconds));
        }
        if even.len() < USERS || even.contains_key(user) {
            even.insert(user.to_owned(), next);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fifth_of_a_minutes_worth_goes_at_once_and_the_rest_by_and_by() {
        let limit = RateLimit::new("calls", 300);
        let begun = Instant::now();
        let at = |milliseconds: u64| begun + Duration::from_millis(milliseconds);
        let count = |user: &str, milliseconds| limit.count(user, at(milliseconds)).is_ok();
        assert_eq!((0..100).filter(|_| count("a", 0)).count(), 60);
        assert!(count("b", 0), "another user is not held up");
        assert!(!count("a", 199));
        assert!(count("a", 200) && !count("a", 200), "one comes back each fifth of a second");
        assert_eq!(
            (0..100).filter(|_| count("a", 60_000)).count(),
            60,
            "and never more than the fifth at once"
        );
        let error = limit.count("a", at(60_000)).unwrap_err();
        assert_eq!(
            (error.code(), error.data().unwrap()["retry_after_s"].as_u64()),
            (Code::RateLimited, Some(1))
        );
    }

    #[test]
    fn users_who_are_even_are_forgotten() {
        let limit = RateLimit::new("calls", 60);
        let now = Instant::now();
        for user in 0..USERS + 10 {
            assert!(limit.count(&user.to_string(), now).is_ok());
        }
        assert_eq!(lock(&limit.even).len(), USERS);
        assert!(limit.count("late", now + Duration::from_secs(2)).is_ok());
        assert_eq!(lock(&limit.even).len(), 1);
    }
}
