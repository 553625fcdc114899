//! Limits the memory of all service responses together: without the limit, every call could hold a maximum-size response at
//! once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Code, Error, REASON, TOO_LARGE};

/// The bytes that all answers take now, and how many they may.
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
    memory: AnswerMemory,
    bytes: AtomicU64,
}

impl AnswerMemory {
    pub(super) fn new(most: u64) -> Self {
        Self { taken: Arc::default(), most }
    }

    /// Returns a share for a response before any data has arrived.
    pub(super) fn hold(&self) -> AnswerShare {
        AnswerShare(Some(Arc::new(Part { memory: self.clone(), bytes: AtomicU64::new(0) })))
    }
}

impl AnswerShare {
    /// Adds bytes to the part.
    ///
    /// # Errors
    /// [`Code::Busy`] if all parts together are too large then, [`Code::UpstreamUnavailable`] with [`TOO_LARGE`] if this one
    /// alone is.
    pub fn grow(&self, bytes: usize) -> Result<(), Error> {
        let Self(Some(part)) = self else { return Ok(()) };
        let bytes = bytes as u64;
        let own = part.bytes.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        let AnswerMemory { taken, most } = &part.memory;
        let all = taken.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        if own > *most {
            return Err(Error::new(
                Code::UpstreamUnavailable,
                format!("the answer takes more memory than all answers may ({most} bytes)"),
            )
            .with_hint("Ask for less: a smaller limit, a narrower filter, or one part of it.")
            .with_data(REASON, TOO_LARGE));
        }
        if all > *most {
            return Err(Error::new(
                Code::Busy,
                "the server holds as many answers of services as it can",
            )
            .with_hint("Call again in a moment, or ask for less."));
        }
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.memory.taken.fetch_sub(self.bytes.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_share_the_memory_and_give_it_back() {
        let memory = AnswerMemory::new(100);
        let (first, second) = (memory.hold(), memory.hold());
        assert!(first.grow(40).is_ok() && first.grow(20).is_ok() && second.grow(40).is_ok());
        assert_eq!(second.grow(1).unwrap_err().code(), Code::Busy);
        let copy = first.clone();
        drop((first, second));
        assert!(memory.hold().grow(40).is_ok());
        drop(copy);
        assert!(memory.hold().grow(100).is_ok());
        let alone = memory.hold().grow(101).unwrap_err();
        assert_eq!(alone.data().map(|data| &data[REASON]), Some(&TOO_LARGE.into()));
        assert!(AnswerShare::default().grow(1_000).is_ok());
    }
}
