//! The audit trail of hosted mode: who called which tool, sent to the control plane in batches that delay no call.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use super::{ControlPlane, Function, ToolSieve};
use crate::access::{AuditEvent, AuditTrail, Caller, NewerFields};
use crate::error::Code;
use crate::sync::lock;
use crate::telemetry::{Signal, dropped};

/// The maximum number of waiting events; more are dropped and counted.
const QUEUE: usize = 2_048;

/// The maximum number of waiting events of one user, so that one user cannot fill the queue.
const QUEUE_PER_USER: usize = QUEUE / 8;

/// The maximum number of events in one request to the control plane.
const BATCH: usize = 200;

/// How long events are collected before they are sent.
const GATHER: Duration = Duration::from_secs(2);

/// The wait before a retry.
const PAUSE: Duration = Duration::from_secs(5);

/// How long sending the last events may take at shutdown.
const FLUSH: Duration = Duration::from_secs(2);

/// The audit trail: takes events without waiting, and sends them from its own thread.
#[derive(Debug)]
pub struct AuditSender {
    sieve: Arc<ToolSieve>,
    queue: Mutex<Queue>,
    changed: Condvar,
    dropped: AtomicU64,
}

impl AuditTrail for AuditSender {
    /// Takes an event; drops it if too many are waiting.
    fn record(&self, caller: &Caller, event: AuditEvent) {
        let newer = self.sieve.token_id(caller).map(|token_id| NewerFields {
            token_id,
            trace_id: event.trace_id.clone(),
            result_tokens: None,
            saved_tokens: None,
        });
        let event = AuditEvent { newer, ..event };
        let mut queue = lock(&self.queue);
        if queue.events.len() >= QUEUE || queue.is_full_for(caller) || queue.closing.is_some() {
            drop(queue);
            self.drop_events(1);
            return;
        }
        queue.events.push_back((caller.clone(), event));
        // The sender wakes on its own; it is woken early only when a batch is full.
        if queue.events.len() == 1 || queue.events.len() == BATCH {
            self.changed.notify_all();
        }
    }
}

#[derive(Debug, Default)]
struct Queue {
    events: VecDeque<(Caller, AuditEvent)>,
    /// The number of events that are being sent.
    sending: usize,
    /// The shutdown deadline: everything left is sent until then.
    closing: Option<Instant>,
    done: bool,
}

impl Queue {
    fn is_full_for(&self, caller: &Caller) -> bool {
        let own = |(other, _): &&(Caller, AuditEvent)| other.user_id() == caller.user_id();
        self.events.len() >= QUEUE_PER_USER
            && self.events.iter().filter(own).count() >= QUEUE_PER_USER
    }
}

impl AuditSender {
    /// Starts the thread that sends events to `plane`.
    ///
    /// # Errors
    ///
    /// If the thread cannot be started.
    pub fn start(plane: Arc<ControlPlane>, sieve: Arc<ToolSieve>) -> io::Result<Arc<Self>> {
        let audit = Arc::new(Self {
            sieve,
            queue: Mutex::default(),
            changed: Condvar::new(),
            dropped: AtomicU64::new(0),
        });
        let sender = Arc::clone(&audit);
        thread::Builder::new()
            .name("audit".to_owned())
            .spawn(move || sender.send_until_closed(&plane))?;
        Ok(audit)
    }

    /// Returns the number of dropped events.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Sends the waiting events and ends the thread. Returns when that is done, or after two seconds.
    pub fn close(&self) {
        let mut queue = lock(&self.queue);
        queue.closing = Some(Instant::now() + FLUSH);
        self.changed.notify_all();
        let queue = self.wait_while(queue, FLUSH, |queue| !queue.done);
        let left = queue.events.len() + queue.sending;
        drop(queue);
        self.drop_events(left);
    }

    /// Waits while the condition holds, at most for this time.
    fn wait_while<'a>(
        &self,
        queue: MutexGuard<'a, Queue>,
        most: Duration,
        holds: impl Fn(&Queue) -> bool,
    ) -> MutexGuard<'a, Queue> {
        self.changed
            .wait_timeout_while(queue, most, |queue| holds(queue))
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }

    fn drop_events(&self, count: usize) {
        dropped(Signal::Audit, count as u64);
        if count > 0 && self.dropped.fetch_add(count as u64, Ordering::Relaxed) == 0 {
            log::warn!("audit events are being dropped: the control plane takes them too slowly");
        }
    }

    fn send_until_closed(&self, plane: &ControlPlane) {
        while let Some(events) = self.next() {
            let unsent = self.send(plane, events);
            self.put_back(unsent);
        }
        lock(&self.queue).done = true;
        self.changed.notify_all();
    }

    /// Waits for events to send and returns them; empty when the trail is closed and empty.
    fn next(&self) -> Option<Vec<(Caller, AuditEvent)>> {
        let mut queue = lock(&self.queue);
        while queue.events.is_empty() && queue.closing.is_none() {
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        queue = self.wait_while(queue, GATHER, |queue| {
            queue.events.len() < BATCH && queue.closing.is_none()
        });
        let too_late = queue.closing.is_some_and(|until| Instant::now() >= until);
        if queue.events.is_empty() || too_late {
            return None;
        }
        queue.sending = queue.events.len();
        Some(queue.events.drain(..).collect())
    }

    /// Sends the events of each user with that user's newest token. Returns the events to retry.
    fn send(
        &self,
        plane: &ControlPlane,
        events: Vec<(Caller, AuditEvent)>,
    ) -> Vec<(Caller, AuditEvent)> {
        let mut users: HashMap<String, (Caller, Vec<AuditEvent>)> = HashMap::new();
        for (caller, event) in events {
            let (newest, events) = users
                .entry(caller.user_id().to_owned())
                .or_insert_with(|| (caller.clone(), Vec::new()));
            *newest = caller;
            events.push(event);
        }
        let mut unsent = Vec::new();
        for (caller, events) in users.into_values() {
            let Some(token) = caller.token() else { continue };
            for batch in events.chunks(BATCH) {
                match plane.ask(Function::Audit, token, None, &json!({"events": batch})) {
                    Ok(answer) if (200..300).contains(&answer.status) => {}
                    Err(error) if error.code() == Code::ControlPlaneUnavailable => {
                        unsent.extend(batch.iter().map(|event| (caller.clone(), event.clone())));
                    }
                    // A rejected token will not become valid again.
                    Ok(_) | Err(_) => self.drop_events(batch.len()),
                }
            }
        }
        unsent
    }

    /// Puts events back before newer ones and waits a little. If the queue is full, the newest events are dropped.
    fn put_back(&self, events: Vec<(Caller, AuditEvent)>) {
        let mut queue = lock(&self.queue);
        queue.sending = 0;
        if events.is_empty() {
            return;
        }
        if queue.closing.is_some() {
            // There is no time for another attempt.
            drop(queue);
            self.drop_events(events.len());
            return;
        }
        for event in events.into_iter().rev() {
            queue.events.push_front(event);
        }
        let surplus = queue.events.len().saturating_sub(QUEUE);
        let kept = queue.events.len() - surplus;
        queue.events.truncate(kept);
        drop(self.wait_while(queue, PAUSE, |queue| queue.closing.is_none()));
        self.drop_events(surplus);
    }
}
