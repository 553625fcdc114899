//! Locks that outlive a panic, and a bound on what runs at once.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Locks a mutex, also after a thread has panicked while it held it: a panic costs one request, not all that come after.
/// Anyone who changes what is locked leaves it whole at every step.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A bound on how many things run at once.
#[derive(Debug)]
pub(crate) struct Slots {
    most: usize,
    taken: Mutex<usize>,
    changed: Condvar,
}

/// One that runs. Its slot is free again when this is dropped, also when its thread panics.
#[derive(Debug)]
pub(crate) struct Slot(Arc<Slots>);

impl Slots {
    /// Slots for this many.
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, taken: Mutex::default(), changed: Condvar::new() })
    }

    /// Takes a slot; `None` if none is free.
    pub fn take(self: &Arc<Self>) -> Option<Slot> {
        let mut taken = lock(&self.taken);
        if *taken >= self.most {
            return None;
        }
        *taken += 1;
        Some(Slot(Arc::clone(self)))
    }

    /// Waits until every slot is free, at most this long.
    pub fn wait_until_free(&self, most: Duration) {
        // Whether they became free or the time ran out, the caller goes on.
        let _ = self.changed.wait_timeout_while(lock(&self.taken), most, |taken| *taken > 0);
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        *lock(&self.0.taken) -= 1;
        self.0.changed.notify_all();
    }
}
