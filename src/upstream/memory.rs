//! What all answers of services together may take of the memory: without this bound every call could hold its largest answer at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The bytes that all answers take now, and how many they may.
#[derive(Debug, Clone)]
pub(super) struct AnswerMemory {
    taken: Arc<AtomicU64>,
    most: u64,
}

/// One answer's part of them; given back when the answer and its copies are dropped.
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

    /// A part for an answer of which nothing has arrived yet.
    pub(super) fn hold(&self) -> AnswerShare {
        let taken = Arc::clone(&self.taken);
        AnswerShare(Some(Arc::new(Part { taken, bytes: AtomicU64::new(0) })))
    }

    /// Adds bytes that have arrived to a part; returns whether there is room for them.
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
