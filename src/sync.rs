//! Locks that survive a panic, and a count of what runs.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Locks a mutex, even if a thread panicked while it held the lock: a panic fails one request, not all later ones. Every change
/// under a lock must keep the data consistent at each step.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Counts the tasks that run, so that their end can be waited for.
#[derive(Debug, Default)]
pub(crate) struct RunningTasks {
    count: Mutex<usize>,
    changed: Condvar,
}

/// A task that runs. It is counted until this value is dropped, even by a panic.
#[derive(Debug)]
pub(crate) struct RunningTask(Arc<RunningTasks>);

impl RunningTasks {
    /// Counts one more.
    pub fn start(self: &Arc<Self>) -> RunningTask {
        *lock(&self.count) += 1;
        RunningTask(Arc::clone(self))
    }

    /// Waits until none runs; returns false if some do after this time.
    pub fn wait_until_none(&self, most: Duration) -> bool {
        let waited = self.changed.wait_timeout_while(lock(&self.count), most, |count| *count > 0);
        waited.is_ok_and(|(_, waited)| !waited.timed_out())
    }
}

impl Drop for RunningTask {
    fn drop(&mut self) {
        *lock(&self.0.count) -= 1;
        self.0.changed.notify_all();
    }
}
