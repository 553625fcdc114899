//! How often a user or an address may do something, so that one user's agent, or one address, cannot use up what all share.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::error::{Code, Error};
use crate::sync::lock;

/// Keys whose times are kept; beyond, those that are long past are forgotten first.
const KEYS: usize = 4_096;

/// A rate for each user or address, by the generic cell rate algorithm (ITU-T I.371): one time a key says it all.
#[derive(Debug)]
pub struct RateLimit<K = String> {
    /// The rate, as an error names it.
    rate: String,
    /// The time that one costs.
    cost: Duration,
    /// How far a key may be ahead.
    ahead: Duration,
    /// When each key's account would be even.
    even: Mutex<HashMap<K, Instant>>,
}

impl<K: Hash + Eq> RateLimit<K> {
    /// `number` a minute of `what`, a fifth of them at once; `number` is not zero.
    #[must_use]
    pub fn per_minute(what: &str, number: u32) -> Self {
        let cost = Duration::from_secs(60) / number.max(1);
        Self::new(format!("{number} {what} a minute"), cost, (number / 5).max(1))
    }

    /// `number` a second of `what`, all of them at once; `number` is not zero.
    #[must_use]
    pub fn per_second(what: &str, number: u32) -> Self {
        let number = number.max(1);
        Self::new(format!("{number} {what} a second"), Duration::from_secs(1) / number, number)
    }

    fn new(rate: String, cost: Duration, at_once: u32) -> Self {
        Self { rate, cost, ahead: cost * at_once, even: Mutex::default() }
    }

    /// Counts one.
    ///
    /// # Errors
    /// [`Code::RateLimited`] with the seconds until the next one.
    pub fn count<Q>(&self, key: &Q, now: Instant) -> Result<(), Error>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let mut even = lock(&self.even);
        if even.len() >= KEYS && !even.contains_key(key) {
            even.retain(|_, even| *even > now);
        }
        let next = self.next(even.get(key), now)?;
        if even.len() < KEYS || even.contains_key(key) {
            even.insert(key.to_owned(), next);
        }
        Ok(())
    }

    /// Reports whether one could be counted now, and counts nothing.
    ///
    /// # Errors
    /// As [`RateLimit::count`].
    pub fn check<Q>(&self, key: &Q, now: Instant) -> Result<(), Error>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.next(lock(&self.even).get(key), now).map(drop)
    }

    /// When the account would be even after one more.
    fn next(&self, even: Option<&Instant>, now: Instant) -> Result<Instant, Error> {
        let next = even.copied().filter(|even| *even > now).unwrap_or(now) + self.cost;
        let too_early = next.saturating_duration_since(now + self.ahead);
        if too_early.is_zero() {
            return Ok(next);
        }
        let seconds = too_early.as_secs() + 1;
        Err(Error::new(Code::RateLimited, format!("more than {}", self.rate))
            .with_hint(format!("Go on in {seconds} s, and more slowly."))
            .with_data("retry_after_s", seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fifth_of_a_minutes_worth_goes_at_once_and_the_rest_by_and_by() {
        let limit = RateLimit::<String>::per_minute("calls", 300);
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
    fn a_seconds_worth_goes_at_once_and_a_look_counts_nothing() {
        let limit = RateLimit::<u8>::per_second("tries", 10);
        let begun = Instant::now();
        for _ in 0..10 {
            assert!(limit.check(&1, begun).is_ok());
            assert!(limit.count(&1, begun).is_ok());
        }
        let error = limit.check(&1, begun).unwrap_err();
        assert_eq!(error.message(), "more than 10 tries a second");
        assert!(limit.count(&1, begun).is_err() && limit.check(&2, begun).is_ok());
        let later = begun + Duration::from_millis(100);
        assert!(limit.check(&1, later).is_ok() && limit.count(&1, later).is_ok());
        assert!(limit.check(&1, later).is_err());
    }

    #[test]
    fn users_who_are_even_are_forgotten() {
        let limit = RateLimit::<String>::per_minute("calls", 60);
        let now = Instant::now();
        for user in 0..KEYS + 10 {
            assert!(limit.count(&user.to_string(), now).is_ok());
        }
        assert_eq!(lock(&limit.even).len(), KEYS);
        assert!(limit.count("late", now + Duration::from_secs(2)).is_ok());
        assert_eq!(lock(&limit.even).len(), 1);
    }
}
