//! Limits the memory of all request bodies together: without the limit, every connection could hold a maximum-size body at
//! once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::limits::Limits;
use super::response::Refusal;

/// The bytes that all bodies use now.
#[derive(Clone, Default)]
pub(super) struct BodyMemory(Arc<AtomicUsize>);

/// One body's share; released when it is dropped.
pub(super) struct Held {
    memory: BodyMemory,
    bytes: usize,
}

impl BodyMemory {
    /// Returns a share for a body before any data has arrived.
    pub(super) fn hold(&self) -> Held {
        Held { memory: self.clone(), bytes: 0 }
    }
}

impl Held {
    /// Grows the share to `bytes`, or rejects the request if all bodies together would exceed the limit.
    pub(super) fn grow_to(&mut self, bytes: usize, limits: &Limits) -> Result<(), Refusal> {
        let more = bytes.saturating_sub(self.bytes);
        let before = self.memory.0.fetch_add(more, Ordering::Relaxed);
        self.bytes += more;
        if before.saturating_add(more) <= limits.all_bodies_bytes {
            return Ok(());
        }
        Err(Refusal::new(
            503,
            "the server holds as many request bodies as it can; try again in a moment",
        ))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.memory.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_share_the_memory_and_give_it_back() {
        let limits = Limits { all_bodies_bytes: 100, ..Limits::default() };
        let memory = BodyMemory::default();
        let (mut first, mut second) = (memory.hold(), memory.hold());
        assert!(
            first.grow_to(40, &limits).is_ok()
                && first.grow_to(60, &limits).is_ok()
                && second.grow_to(40, &limits).is_ok()
        );
        assert_eq!(second.grow_to(41, &limits).map_err(|refusal| refusal.status), Err(503));
        drop((first, second));
        assert!(memory.hold().grow_to(100, &limits).is_ok());
    }
}
