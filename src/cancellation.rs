//! Whether the result of some work is still wanted: shared by everything that works for it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Stops work. Clones stop the same work.
#[derive(Clone, Default)]
pub struct Cancellation {
    cancelled: Arc<AtomicBool>,
    /// What cancels it, too. It is asked often, from any thread.
    watched: Option<Arc<dyn Fn() -> bool + Send + Sync>>,
}

impl Cancellation {
    /// Work that is cancelled by [`Cancellation::cancel`], or from the moment when `watched` returns true.
    pub fn watching(watched: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self { cancelled: Arc::default(), watched: Some(Arc::new(watched)) }
    }

    /// Cancels the work.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether the result is no longer wanted.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        if self.cancelled.load(Ordering::Relaxed) {
            return true;
        }
        let is_over = self.watched.as_ref().is_some_and(|watched| watched());
        if is_over {
            self.cancel();
        }
        is_over
    }
}

impl fmt::Debug for Cancellation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Cancellation").field(&self.is_cancelled()).finish()
    }
}
