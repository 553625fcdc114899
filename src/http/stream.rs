//! The handle to a parked event stream, for its owner.

use std::io::{ErrorKind, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::event::{Event, EventFraming};
use super::registry::Connected;
use super::streams::Streams;
use crate::sync::lock;

/// The maximum number of bytes that wait for a slow client; a stream with more is closed.
const QUEUE_BYTES: usize = 256 * 1024;

type Hook = Box<dyn FnOnce() + Send>;

/// A handle to a parked event stream. Clones are handles to the same stream. If all are dropped, the stream stays open, with
/// comments, until its client disconnects or the server drains.
#[derive(Clone)]
pub struct Stream {
    line: Arc<Line>,
}

impl Stream {
    pub(super) fn new(line: Arc<Line>) -> Stream {
        Stream { line }
    }

    /// Sends an event. Returns false if the stream is finished or closed, or if it is closed now because more than 256 KiB
    /// already wait for its client. Never blocks: bytes that the socket does not accept at once are queued.
    pub fn send(&self, event: Event<'_>) -> bool {
        self.line.change(|framing, state| {
            if state.pending.len() > QUEUE_BYTES {
                state.close();
            } else {
                framing.push_event(&mut state.pending, &event);
            }
        })
    }

    /// Ends the stream after the queued bytes and `last`. Has no effect if the stream has already ended.
    pub fn finish(&self, last: Option<Event<'_>>) {
        self.line.finish(last);
    }

    /// Finishes the stream at this time, as soon as no one holds it.
    pub fn finish_at(&self, time: Instant) {
        self.line.finish_at(time);
    }

    /// Registers `hook`, which runs once, when the stream has ended for any reason: on the streams thread, which it must not
    /// block, or within this call if the stream is already closed.
    pub fn on_close(&self, hook: Box<dyn FnOnce() + Send>) {
        let mut state = lock(&self.line.state);
        if state.phase == Phase::Closed {
            drop(state);
            hook();
        } else {
            state.on_close.push(hook);
        }
    }

    /// Keeps the stream open while the server drains, as long as the guard lives: an answer is still to come.
    #[must_use]
    pub fn hold(&self) -> Hold {
        lock(&self.line.state).holds += 1;
        Hold(Arc::clone(&self.line))
    }

    /// Whether the stream takes no more events.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        lock(&self.line.state).phase != Phase::Open
    }
}

/// Keeps a stream open: see [`Stream::hold`].
pub struct Hold(Arc<Line>);

impl Drop for Hold {
    fn drop(&mut self) {
        let is_due = {
            let mut state = lock(&self.0.state);
            state.holds -= 1;
            state.holds == 0 && state.is_draining
        };
        if is_due {
            self.0.finish(None);
        }
    }
}

/// What the owner of a stream and the streams thread share of it.
pub(super) struct Line {
    id: u64,
    framing: EventFraming,
    streams: Arc<Streams>,
    state: Mutex<StreamState>,
}

struct StreamState {
    phase: Phase,
    /// The socket, until the stream is closed: a handle that is kept longer does not keep the connection open.
    connected: Option<Arc<Connected>>,
    /// Bytes that the socket has not accepted yet.
    pending: Vec<u8>,
    /// Whether the streams thread was notified of a change and has not handled it yet.
    is_announced: bool,
    /// When the stream is finished, if it is not finished before.
    until: Option<Instant>,
    on_close: Vec<Hook>,
    /// How many [`Hold`]s live.
    holds: usize,
    /// Whether the stream is to be finished when no one holds it.
    is_draining: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    /// The stream closes when the pending bytes are written.
    Finishing,
    Closed,
}

/// The progress of writing pending bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// All bytes were written.
    All,
    /// This many bytes were written, then the socket was full.
    Some(usize),
    /// The stream is over: finished, closed or broken.
    Over,
}

impl Line {
    pub(super) fn new(
        id: u64,
        framing: EventFraming,
        streams: Arc<Streams>,
        connected: Arc<Connected>,
    ) -> Line {
        let connected = Some(connected);
        let state = StreamState {
            phase: Phase::Open,
            connected,
            pending: Vec::new(),
            is_announced: false,
            until: None,
            on_close: Vec::new(),
            holds: 0,
            is_draining: false,
        };
        Line { id, framing, streams, state: Mutex::new(state) }
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    pub(super) fn finish(&self, last: Option<Event<'_>>) {
        self.change(|framing, state| {
            if let Some(last) = last {
                framing.push_event(&mut state.pending, &last);
            }
            framing.push_end(&mut state.pending);
            state.phase = Phase::Finishing;
        });
    }

    /// Leaves the end to the streams thread.
    fn finish_at(&self, time: Instant) {
        lock(&self.state).until = Some(time);
        self.streams.announce(self.id);
    }

    /// When the stream is to be finished, if a time was given and it is still open.
    pub(super) fn until(&self) -> Option<Instant> {
        let state = lock(&self.state);
        state.until.filter(|_| state.phase == Phase::Open)
    }

    /// Finishes the stream, as soon as no one holds it.
    pub(super) fn drain(&self) {
        let is_held = {
            let mut state = lock(&self.state);
            state.is_draining = true;
            state.until = None;
            state.holds > 0
        };
        if !is_held {
            self.finish(None);
        }
    }

    pub(super) fn comment(&self) {
        self.change(|framing, state| framing.push_comment(&mut state.pending));
    }

    /// Changes an open stream. Returns whether it is open afterwards.
    ///
    /// If nothing was pending, new bytes go to the socket at once: a burst of events then waits in the system's buffer and not
    /// in ours, without the streams thread. The remaining bytes are left to that thread.
    fn change(&self, change: impl FnOnce(EventFraming, &mut StreamState)) -> bool {
        let mut state = lock(&self.state);
        if state.phase != Phase::Open {
            return false;
        }
        let was_empty = state.pending.is_empty();
        change(self.framing, &mut state);
        let is_done = was_empty && state.write() == Written::All;
        if !is_done && !state.is_announced {
            state.is_announced = true;
            self.streams.announce(self.id);
        }
        state.phase == Phase::Open
    }

    /// Writes pending bytes, for the streams thread.
    pub(super) fn write(&self) -> Written {
        let mut state = lock(&self.state);
        state.is_announced = false;
        state.write()
    }

    /// Closes the stream for its owner and runs the registered hooks.
    pub(super) fn close(&self) {
        let hooks = {
            let mut state = lock(&self.state);
            state.close();
            std::mem::take(&mut state.on_close)
        };
        for hook in hooks {
            if catch_unwind(AssertUnwindSafe(hook)).is_err() {
                log::error!("the close hook of an event stream panicked");
            }
        }
    }
}

impl StreamState {
    fn write(&mut self) -> Written {
        let Some(connected) = &self.connected else { return Written::Over };
        let mut socket = &connected.socket;
        let mut written = 0;
        while written < self.pending.len() {
            match socket.write(&self.pending[written..]) {
                Ok(taken) => written += taken,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.pending.drain(..written);
                    return Written::Some(written);
                }
                Err(_) => {
                    self.close();
                    return Written::Over;
                }
            }
        }
        // A quiet stream keeps no buffer.
        self.pending = Vec::new();
        if self.phase == Phase::Open { Written::All } else { Written::Over }
    }

    fn close(&mut self) {
        self.phase = Phase::Closed;
        self.connected = None;
        self.pending = Vec::new();
    }
}
