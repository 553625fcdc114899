//! Locks that survive a panic, and a limit on parallel work.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Locks a mutex, even if a thread panicked while it held the lock: a panic fails one request, not all later ones. Every change
/// under a lock must keep the data consistent at each step.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A limit on the number of tasks that run at once.
#[derive(Debug)]
pub(crate) struct Slots {
    most: usize,
    taken: Mutex<usize>,
    changed: Condvar,
}

/// A running task's slot. It is released when this value is dropped, even by a panic.
#[derive(Debug)]
pub(crate) struct Slot(Arc<Slots>);

impl Slots {
    /// Creates this many slots.
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, taken: Mutex::default(), changed: Condvar::new() })
    }

    /// Takes a slot; `None` if no slot is free.
    pub fn take(self: &Arc<Self>) -> Option<Slot> {
        let mut taken = lock(&self.taken);
        if *taken >= self.most {
            return None;
        }
        *taken += 1;
        Some(Slot(Arc::clone(self)))
    }

    /// Waits until every slot is free; returns false if they are not after this time.
    pub fn wait_until_free(&self, most: Duration) -> bool {
        let waited = self.changed.wait_timeout_while(lock(&self.taken), most, |taken| *taken > 0);
        waited.is_ok_and(|(_, waited)| !waited.timed_out())
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        *lock(&self.0.taken) -= 1;
        self.0.changed.notify_all();
    }
}
