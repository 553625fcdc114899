//! A bounded map of values that are fetched when they are missing or old, one fetch at a time for each key.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

use crate::error::Error;
use crate::sync::lock;

/// What a value that is at hand is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// It is the answer.
    Fresh,
    /// One caller should fetch another; anyone who comes meanwhile takes this one.
    Stale,
    /// It must not be used any more; everybody waits for another.
    Gone,
}

/// The map. What is fetched goes to every caller that waits for it, a failure too.
#[derive(Debug)]
pub(crate) struct Cache<K, V> {
    entries: Mutex<HashMap<K, Entry<V>>>,
    capacity: usize,
}

#[derive(Debug)]
struct Entry<V> {
    value: Option<V>,
    flight: Option<Arc<Flight<V>>>,
    used: Instant,
}

/// A fetch under way.
#[derive(Debug)]
struct Flight<V> {
    outcome: Mutex<Option<Result<V, Error>>>,
    landed: Condvar,
}

impl<K: Hash + Eq + Clone, V: Clone> Cache<K, V> {
    /// An empty map that keeps at most `capacity` values: those used last.
    pub fn new(capacity: usize) -> Self {
        Self { entries: Mutex::default(), capacity }
    }

    /// The value of a key: the one at hand as far as `freshness` lets it, else the one that `fetch` gives, which gets
    /// the old one.
    ///
    /// # Errors
    /// That of `fetch`.
    pub fn get(
        &self,
        key: &K,
        freshness: impl FnOnce(&V) -> Freshness,
        fetch: impl FnOnce(Option<V>) -> Result<V, Error>,
    ) -> Result<V, Error> {
        let (flight, old) = {
            let mut entries = lock(&self.entries);
            if !entries.contains_key(key) {
                self.make_room(&mut entries);
            }
            let entry = entries.entry(key.clone()).or_insert_with(|| Entry {
                value: None,
                flight: None,
                used: Instant::now(),
            });
            entry.used = Instant::now();
            let freshness = entry.value.as_ref().map_or(Freshness::Gone, freshness);
            match (&entry.value, freshness, &entry.flight) {
                (Some(value), Freshness::Fresh, _) | (Some(value), Freshness::Stale, Some(_)) => {
                    return Ok(value.clone());
                }
                (_, _, Some(flight)) => {
                    let flight = Arc::clone(flight);
                    drop(entries);
                    return flight.wait();
                }
                (old, _, None) => {
                    let flight =
                        Arc::new(Flight { outcome: Mutex::new(None), landed: Condvar::new() });
                    let old = old.clone();
                    entry.flight = Some(Arc::clone(&flight));
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

    /// The value at hand, if any.
    #[cfg(test)]
    pub fn peek(&self, key: &K) -> Option<V> {
        lock(&self.entries).get(key).and_then(|entry| entry.value.clone())
    }

    /// Forgets the value of a key.
    pub fn forget(&self, key: &K) {
        if let Some(entry) = lock(&self.entries).get_mut(key) {
            entry.value = None;
        }
    }

    fn make_room(&self, entries: &mut HashMap<K, Entry<V>>) {
        while entries.len() >= self.capacity {
            let idle = entries.iter().filter(|(_, entry)| entry.flight.is_none());
            let Some(oldest) = idle.min_by_key(|(_, entry)| entry.used).map(|(key, _)| key.clone())
            else {
                return;
            };
            entries.remove(&oldest);
        }
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

/// Ends a flight however its fetch ends, a panic included: no one may wait for ever.
struct Landing<'a, K: Hash + Eq + Clone, V: Clone> {
    cache: &'a Cache<K, V>,
    key: &'a K,
    flight: Arc<Flight<V>>,
    outcome: Result<V, Error>,
}

impl<K: Hash + Eq + Clone, V: Clone> Drop for Landing<'_, K, V> {
    fn drop(&mut self) {
        let mut entries = lock(&self.cache.entries);
        if let Some(entry) = entries.get_mut(self.key) {
            entry.flight = None;
            if let Ok(value) = &self.outcome {
                entry.value = Some(value.clone());
            }
        }
        drop(entries);
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
