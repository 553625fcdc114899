//! The handle to a parked event stream, for its owner.

use std::io::{ErrorKind, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use super::event::{Event, EventFraming};
use super::registry::Connected;
use super::streams::Streams;
use crate::sync::lock;

/// Bytes that may wait for a client which does not take them; a stream over it is closed.
const QUEUE_BYTES: usize = 256 * 1024;

type Hook = Box<dyn FnOnce() + Send>;

/// A handle to a parked event stream. Clones are handles to the same stream; the stream stays open, with comments, when
/// they are all dropped, until its client goes or the server drains.
#[derive(Clone)]
pub struct Stream {
    line: Arc<Line>,
}

impl Stream {
    pub(super) fn new(line: Arc<Line>) -> Stream {
        Stream { line }
    }

    /// Sends an event; false when the stream is finished or closed, or is closed now because over 256 KiB wait for its client
    /// already. Never blocks: what the socket does not take at once is queued.
    pub fn send(&self, event: Event<'_>) -> bool {
        self.line.change(|framing, state| {
            if state.pending.len() > QUEUE_BYTES {
                state.close();
            } else {
                framing.push_event(&mut state.pending, &event);
            }
        })
    }

    /// Ends the stream after what is queued and `last`. Nothing happens when it has ended already.
    pub fn finish(&self, last: Option<Event<'_>>) {
        self.line.finish(last);
    }

    /// Has `hook` run once, when the stream has ended in whatever way: by the streams thread, which it must not keep, or by
    /// this call when the stream is closed already.
    pub fn on_close(&self, hook: Box<dyn FnOnce() + Send>) {
        let mut state = lock(&self.line.state);
        if state.phase == Phase::Closed {
            drop(state);
            hook();
        } else {
            state.on_close.push(hook);
        }
    }

    /// Whether the stream takes no more events.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        lock(&self.line.state).phase != Phase::Open
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
    /// The socket, until the stream is closed: a handle that is kept longer does not keep the connection.
    connected: Option<Arc<Connected>>,
    /// What the socket has not taken yet.
    pending: Vec<u8>,
    /// Whether the streams thread has been told of a change and has not looked yet.
    is_announced: bool,
    on_close: Vec<Hook>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    /// Closes when what is pending has been written.
    Finishing,
    Closed,
}

/// How far the writing of what is pending came.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// To its end.
    All,
    /// So many bytes, then the socket took no more.
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
            on_close: Vec::new(),
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

    pub(super) fn comment(&self) {
        self.change(|framing, state| framing.push_comment(&mut state.pending));
    }

    /// Changes an open stream; whether it is open after that.
    ///
    /// When nothing waited before, the socket gets what is new at once: a burst of events then waits in the system's buffer
    /// and not in ours, and saves the way through the streams thread. What remains is left to that thread.
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

    /// Writes what is pending, for the streams thread.
    pub(super) fn write(&self) -> Written {
        let mut state = lock(&self.state);
        state.is_announced = false;
        state.write()
    }

    /// Closes the stream for its owner and runs what waits for that.
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
