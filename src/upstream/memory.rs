//! Limits the memory of all service responses together: without the limit, every call could hold a maximum-size response at
//! once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The bytes that all responses use now, and their limit.
#[derive(Debug, Clone)]
pub(super) struct AnswerMemory {
    taken: Arc<AtomicU64>,
    most: u64,
}

/// One response's share; released when the response and its copies are dropped.
#[derive(Debug, Clone, Default)]
pub struct AnswerShare(Option<Arc<Part>>);

#[derive(Debug)]
struct Part {
    taken: Arc<AtomicU64>,
    bytes: AtomicU64,
}

impl AnswerMemory {
    pub(super) fn new(most: u64) -> Self {
        Self { taken: Arc::default(), most }
    }

    /// Returns a share for a response before any data has arrived.
    pub(super) fn hold(&self) -> AnswerShare {
        let taken = Arc::clone(&self.taken);
        AnswerShare(Some(Arc::new(Part { taken, bytes: AtomicU64::new(0) })))
    }

    /// Adds received bytes to a share; returns whether there is space for them.
    pub(super) fn grow(&self, held: &AnswerShare, bytes: usize) -> bool {
        let bytes = bytes as u64;
        if let AnswerShare(Some(part)) = held {
            part.bytes.fetch_add(bytes, Ordering::Relaxed);
        }
        self.taken.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes) <= self.most
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.taken.fetch_sub(self.bytes.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_share_the_memory_and_give_it_back() {
        let memory = AnswerMemory::new(100);
        let (first, second) = (memory.hold(), memory.hold());
        assert!(memory.grow(&first, 40) && memory.grow(&first, 20) && memory.grow(&second, 40));
        assert!(!memory.grow(&second, 1));
        let copy = first.clone();
        drop((first, second));
        assert!(memory.grow(&memory.hold(), 40));
        drop(copy);
        assert!(memory.grow(&memory.hold(), 100));
    }
}
