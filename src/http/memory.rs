//! Limits the memory of all request bodies together: without the limit, every connection could hold a maximum-size body at
//! once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::limits::Limits;
use super::response::Refusal;

/// How far a body may be behind its least rate, so that a slow start is not taken for a stall.
const BEHIND: Duration = Duration::from_secs(2);

/// Who sends a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sender {
    /// A caller that is known.
    Caller,
    /// Anyone: nothing is known of them.
    Stranger,
}

/// The bytes that all bodies of one kind of sender take now.
#[derive(Clone, Default)]
struct Taken(Arc<AtomicUsize>);

/// The memory that bodies take now.
#[derive(Default)]
pub(super) struct BodyMemory {
    callers: Taken,
    strangers: Taken,
}

/// What one body may take. Its part of the memory is given back when this is dropped.
pub(super) struct Allowance {
    /// The most bytes of the body.
    pub(super) bytes: usize,
    taken: Taken,
    /// The most bytes of all bodies of such senders.
    most: usize,
    held: usize,
    begun: Instant,
    time: Duration,
    bytes_per_second: Option<usize>,
}

impl BodyMemory {
    /// What a body may take that begins now.
    pub(super) fn allow(&self, sender: Sender, limits: &Limits) -> Allowance {
        let (taken, bytes, most, rate) = match sender {
            Sender::Caller => (&self.callers, limits.body_bytes, limits.all_bodies_bytes, None),
            Sender::Stranger => (
                &self.strangers,
                limits.stranger_body_bytes.min(limits.body_bytes),
                limits.all_stranger_bodies_bytes,
                Some(limits.stranger_bytes_per_second.max(1)),
            ),
        };
        Allowance {
            bytes,
            taken: taken.clone(),
            most,
            held: 0,
            begun: Instant::now(),
            time: limits.body_time,
            bytes_per_second: rate,
        }
    }
}

impl Allowance {
    /// Takes memory for a body of `bytes`, or refuses the request when all bodies together would take too much.
    pub(super) fn grow_to(&mut self, bytes: usize) -> Result<(), Refusal> {
        let more = bytes.saturating_sub(self.held);
        let before = self.taken.0.fetch_add(more, Ordering::Relaxed);
        self.held += more;
        if before.saturating_add(more) <= self.most {
            return Ok(());
        }
        Err(Refusal::new(
            503,
            "the server holds as many request bodies as it can; try again in a moment",
        ))
    }

    /// When more must have arrived than the `arrived` bytes.
    pub(super) fn deadline(&self, arrived: usize) -> Instant {
        let rate = self.bytes_per_second;
        let time = rate.map_or(self.time, |rate| {
            let due = Duration::from_millis((arrived as u64).saturating_mul(1_000) / rate as u64);
            self.time.min(due + BEHIND)
        });
        self.begun + time
    }
}

impl Drop for Allowance {
    fn drop(&mut self) {
        self.taken.0.fetch_sub(self.held, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_share_the_memory_and_give_it_back() {
        let limits = Limits { all_bodies_bytes: 100, ..Limits::default() };
        let memory = BodyMemory::default();
        let allow = || memory.allow(Sender::Caller, &limits);
        let (mut first, mut second) = (allow(), allow());
        assert!(first.grow_to(40).is_ok() && first.grow_to(60).is_ok());
        assert!(second.grow_to(40).is_ok());
        assert_eq!(second.grow_to(41).map_err(|refusal| refusal.status), Err(503));
        drop((first, second));
        assert!(allow().grow_to(100).is_ok());
    }

    #[test]
    fn strangers_take_nothing_of_what_callers_have() {
        let limits =
            Limits { all_bodies_bytes: 100, all_stranger_bodies_bytes: 50, ..Limits::default() };
        let memory = BodyMemory::default();
        let mut strangers = memory.allow(Sender::Stranger, &limits);
        assert_eq!(strangers.bytes, 64 * 1024);
        assert!(strangers.grow_to(50).is_ok() && strangers.grow_to(51).is_err());
        assert!(memory.allow(Sender::Caller, &limits).grow_to(100).is_ok());
    }

    #[test]
    fn a_stranger_has_to_keep_a_rate_and_a_caller_only_the_time() {
        let limits = Limits { body_time: Duration::from_secs(30), ..Limits::default() };
        let memory = BodyMemory::default();
        let check = |sender: Sender, arrived: usize, seconds: u64| {
            let allowance = memory.allow(sender, &limits);
            let time = allowance.deadline(arrived) - allowance.begun;
            assert_eq!(time, Duration::from_secs(seconds), "{sender:?} after {arrived} bytes");
        };
        check(Sender::Caller, 0, 30);
        check(Sender::Stranger, 0, 2);
        check(Sender::Stranger, 10 * 1024, 12);
        check(Sender::Stranger, 64 * 1024, 30);
    }
}
