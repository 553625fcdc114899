//! Queues of records to send. They are bounded and never block, so that nothing waits for a collector.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use super::LogRecord;
use super::trace::SpanData;
use crate::sync::lock;

/// The maximum number of waiting records of a signal; more are dropped.
const QUEUE: usize = 2_048;
/// The maximum batch size; a full batch is sent at once.
const BATCH: usize = 512;

/// The waiting records.
#[derive(Default)]
pub(crate) struct Queues {
    pub(crate) waiting: Mutex<Waiting>,
    /// Whether spans were dropped since the last batch.
    pub(crate) spans_are_full: AtomicBool,
    /// Signalled when the exporter has work to do.
    pub(crate) wake: Condvar,
    /// Signalled when the exporter has ended.
    pub(crate) ended: Condvar,
}

#[derive(Default)]
pub(crate) struct Waiting {
    pub(crate) logs: Queue<LogRecord>,
    pub(crate) spans: Queue<SpanData>,
    /// The time by which everything must be sent; `None` while the process runs.
    pub(crate) stop: Option<Instant>,
    pub(crate) ended: bool,
}

pub(crate) struct Queue<T> {
    records: VecDeque<T>,
    /// When the oldest record arrived.
    since: Option<Instant>,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { records: VecDeque::new(), since: None }
    }
}

impl<T> Queue<T> {
    /// Adds records that belong together, all or none. Returns whether the exporter must wake up.
    fn push(&mut self, records: impl ExactSizeIterator<Item = T>) -> Result<bool, u64> {
        let (before, added) = (self.records.len(), records.len());
        if before + added > QUEUE {
            return Err(added as u64);
        }
        self.records.extend(records);
        self.since.get_or_insert_with(Instant::now);
        Ok(before == 0 || (before < BATCH && before + added >= BATCH))
    }

    pub(crate) fn take(&mut self) -> Vec<T> {
        let count = self.records.len().min(BATCH);
        let taken = self.records.drain(..count).collect();
        self.since = (!self.records.is_empty()).then(Instant::now);
        taken
    }

    /// Returns when the next batch is due.
    pub(crate) fn due(&self, delay: Duration) -> Option<Instant> {
        let since = self.since?;
        Some(if self.records.len() >= BATCH { since } else { since + delay })
    }
}

impl Queues {
    /// Adds a log record. Returns whether there was space.
    pub(crate) fn push_log(&self, record: LogRecord) -> bool {
        let pushed = lock(&self.waiting).logs.push(std::iter::once(record));
        self.tell(pushed) == 0
    }

    /// Adds the spans of a trace. Returns how many did not fit.
    pub(crate) fn push_spans(&self, spans: Vec<SpanData>) -> u64 {
        let mut waiting = lock(&self.waiting);
        let pushed = waiting.spans.push(spans.into_iter());
        if pushed.is_err() {
            self.spans_are_full.store(true, Ordering::Relaxed);
        }
        drop(waiting);
        self.tell(pushed)
    }

    pub(crate) fn has_room_for_spans(&self) -> bool {
        !self.spans_are_full.load(Ordering::Relaxed)
    }

    fn tell(&self, pushed: Result<bool, u64>) -> u64 {
        match pushed {
            Ok(news) => {
                if news {
                    self.wake.notify_one();
                }
                0
            }
            Err(lost) => lost,
        }
    }

    /// Asks the exporter to send everything, and waits at most for this time.
    pub(crate) fn stop(&self, most: Duration) {
        let mut waiting = lock(&self.waiting);
        waiting.stop = Some(Instant::now() + most);
        self.wake.notify_one();
        // The process ends in both cases: the exporter has finished, or the time is over.
        let _ = self.ended.wait_timeout_while(waiting, most, |waiting| !waiting.ended);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_takes_what_belongs_together_whole_or_not_at_all() {
        let mut queue = Queue::default();
        assert_eq!(
            queue.push(0..1),
            Ok(true),
            "the first one wakes the exporter, so that it knows when to send"
        );
        assert_eq!(queue.push(0..10), Ok(false));
        assert_eq!(queue.push(0..BATCH), Ok(true), "a whole batch is sent at once");
        assert_eq!(queue.push(0..QUEUE), Err(QUEUE as u64));
        assert_eq!(queue.records.len(), BATCH + 11);
        assert_eq!((queue.take().len(), queue.take().len(), queue.take().len()), (BATCH, 11, 0));
        assert_eq!(queue.due(Duration::ZERO), None);
    }
}
