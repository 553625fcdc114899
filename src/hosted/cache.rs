//! A bounded cache. A missing or old value is fetched, with one fetch at a time for each key.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

use crate::error::Error;
use crate::sync::lock;

/// How a cached value may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// It is used as it is.
    Fresh,
    /// It is used, and one caller fetches a new one.
    Stale,
    /// It must not be used; all callers wait for a new one.
    Gone,
}

/// The cache. Every waiting caller gets the outcome of a fetch, including a failure.
#[derive(Debug)]
pub(crate) struct Cache<K, V> {
    kept: Mutex<Kept<K, V>>,
    capacity: usize,
}

#[derive(Debug)]
struct Kept<K, V> {
    entries: HashMap<K, Entry<V>>,
    /// The fetches in progress. A key gets an entry only after a successful fetch, so strangers' keys evict nothing.
    flights: HashMap<K, Arc<Flight<V>>>,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    used: Instant,
}

/// A fetch in progress.
#[derive(Debug)]
struct Flight<V> {
    outcome: Mutex<Option<Result<V, Error>>>,
    landed: Condvar,
}

impl<K: Hash + Eq + Clone, V: Clone> Cache<K, V> {
    /// Returns an empty cache that keeps at most `capacity` values: the most recently used.
    pub fn new(capacity: usize) -> Self {
        let kept = Kept { entries: HashMap::new(), flights: HashMap::new() };
        Self { kept: Mutex::new(kept), capacity }
    }

    /// Returns the value of a key: the cached one if `freshness` permits it, otherwise the one that `fetch` returns. `fetch`
    /// gets the old value.
    ///
    /// # Errors
    /// The error of `fetch`.
    pub fn get(
        &self,
        key: &K,
        freshness: impl FnOnce(&V) -> Freshness,
        fetch: impl FnOnce(Option<V>) -> Result<V, Error>,
    ) -> Result<V, Error> {
        let (flight, old) = {
            let mut kept = lock(&self.kept);
            let Kept { entries, flights } = &mut *kept;
            let old = entries.get_mut(key).map(|entry| {
                entry.used = Instant::now();
                entry.value.clone()
            });
            let freshness = old.as_ref().map_or(Freshness::Gone, freshness);
            match (old, freshness, flights.get(key)) {
                (Some(value), Freshness::Fresh, _) | (Some(value), Freshness::Stale, Some(_)) => {
                    return Ok(value);
                }
                (_, _, Some(flight)) => {
                    let flight = Arc::clone(flight);
                    drop(kept);
                    return flight.wait();
                }
                (old, _, None) => {
                    let flight =
                        Arc::new(Flight { outcome: Mutex::new(None), landed: Condvar::new() });
                    flights.insert(key.clone(), Arc::clone(&flight));
                    (flight, old)
                }
            }
        };
        let mut landing = Landing {
            cache: self,
            key,
            flight,
            outcome: Err(Error::internal("the fetch did not end")),
        };
        landing.outcome = fetch(old);
        landing.outcome.clone()
    }

    /// Returns the cached value, if any.
    pub fn peek(&self, key: &K) -> Option<V> {
        lock(&self.kept).entries.get(key).map(|entry| entry.value.clone())
    }

    /// Removes the value of a key.
    pub fn forget(&self, key: &K) {
        lock(&self.kept).entries.remove(key);
    }
}

impl<K: Hash + Eq + Clone, V> Kept<K, V> {
    fn insert(&mut self, key: &K, value: V, capacity: usize) {
        while self.entries.len() >= capacity && !self.entries.contains_key(key) {
            let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.used);
            let Some(oldest) = oldest.map(|(key, _)| key.clone()) else { break };
            self.entries.remove(&oldest);
        }
        self.entries.insert(key.clone(), Entry { value, used: Instant::now() });
    }
}

impl<V: Clone> Flight<V> {
    fn wait(&self) -> Result<V, Error> {
        let mut outcome = lock(&self.outcome);
        loop {
            match &*outcome {
                Some(outcome) => return outcome.clone(),
                None => {
                    outcome = self
                        .landed
                        .wait(outcome)
                        .unwrap_or_else(std::sync::PoisonError::into_inner);
                }
            }
        }
    }
}

/// Ends the fetch in every case, including a panic, so that no caller waits forever.
struct Landing<'a, K: Hash + Eq + Clone, V: Clone> {
    cache: &'a Cache<K, V>,
    key: &'a K,
    flight: Arc<Flight<V>>,
    outcome: Result<V, Error>,
}

impl<K: Hash + Eq + Clone, V: Clone> Drop for Landing<'_, K, V> {
    fn drop(&mut self) {
        let mut kept = lock(&self.cache.kept);
        kept.flights.remove(self.key);
        if let Ok(value) = &self.outcome {
            kept.insert(self.key, value.clone(), self.cache.capacity);
        }
        drop(kept);
        *lock(&self.flight.outcome) = Some(self.outcome.clone());
        self.flight.landed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::thread;

    use super::*;
    use crate::error::Code;

    fn gone<V>(_: &V) -> Freshness {
        Freshness::Gone
    }

    #[test]
    fn many_callers_make_one_fetch_and_all_get_what_it_brings() {
        for outcome in [Ok(7), Err(Error::new(Code::Timeout, "late"))] {
            let cache = Cache::new(4);
            let count = AtomicU32::new(0);
            let (started, all_here) = (Barrier::new(2), Barrier::new(8));
            thread::scope(|scope| {
                let fetcher = scope.spawn(|| {
                    cache.get(&"key", gone, |_| {
                        count.fetch_add(1, Ordering::SeqCst);
                        started.wait();
                        all_here.wait();
                        outcome.clone()
                    })
                });
                started.wait();
                let waiting: Vec<_> = (0..7)
                    .map(|_| {
                        scope.spawn(|| {
                            all_here.wait();
                            cache.get(&"key", |_| Freshness::Fresh, |_| outcome.clone())
                        })
                    })
                    .collect();
                assert_eq!(fetcher.join().unwrap(), outcome);
                for caller in waiting {
                    assert_eq!(caller.join().unwrap(), outcome);
                }
            });
            assert_eq!(count.load(Ordering::SeqCst), 1);
        }
    }

    #[test]
    fn an_old_value_serves_while_one_caller_fetches_another() {
        let cache = Cache::new(4);
        cache.get(&1, gone, |_| Ok(1)).unwrap();
        let fetched = cache.get(
            &1,
            |_| Freshness::Stale,
            |old| {
                assert_eq!(old, Some(1));
                let meanwhile = cache.get(&1, |_| Freshness::Stale, |_| panic!("a second fetch"));
                assert_eq!(meanwhile.unwrap(), 1);
                Ok(2)
            },
        );
        assert_eq!((fetched.unwrap(), cache.peek(&1)), (2, Some(2)));
        cache.forget(&1);
        assert_eq!(cache.peek(&1), None);
    }

    #[test]
    fn a_fetch_that_fails_keeps_nothing_and_evicts_nothing() {
        let cache = Cache::new(2);
        for key in [1, 2] {
            cache.get(&key, gone, |_| Ok(key)).unwrap();
        }
        for key in 3..100 {
            cache.get(&key, gone, |_| Err(Error::new(Code::InvalidToken, "no"))).unwrap_err();
            assert_eq!(cache.peek(&key), None);
        }
        assert_eq!((cache.peek(&1), cache.peek(&2)), (Some(1), Some(2)));
        assert!(lock(&cache.kept).flights.is_empty());
        // A failed refresh leaves the old value for callers that may still use it.
        cache.get(&1, gone, |_| Err(Error::new(Code::Timeout, "late"))).unwrap_err();
        assert_eq!(cache.peek(&1), Some(1));
        cache.get(&3, gone, |_| Ok(3)).unwrap();
        assert_eq!((cache.peek(&2), cache.peek(&3)), (None, Some(3)));
    }

    #[test]
    fn a_panic_in_a_fetch_leaves_nobody_waiting() {
        let cache: Cache<u32, u32> = Cache::new(4);
        let panics = std::panic::AssertUnwindSafe(|| cache.get(&1, gone, |_| panic!("as bugs do")));
        assert!(std::panic::catch_unwind(panics).is_err());
        assert_eq!(cache.get(&1, gone, |_| Ok(3)).unwrap(), 3);
    }

    #[test]
    fn the_values_used_last_are_kept() {
        let cache = Cache::new(2);
        for key in [1, 2] {
            cache.get(&key, gone, |_| Ok(key)).unwrap();
        }
        cache.get(&1, |_| Freshness::Fresh, |_| panic!("it is there")).unwrap();
        cache.get(&3, gone, |_| Ok(3)).unwrap();
        assert_eq!([cache.peek(&1), cache.peek(&2), cache.peek(&3)], [Some(1), None, Some(3)]);
    }
}
