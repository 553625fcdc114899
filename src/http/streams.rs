//! The thread that holds every parked event stream, so that a quiet stream costs a socket and some hundred bytes instead of a
//! thread.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::event::EventFraming;
use super::limits::Limits;
use super::registry::Connected;
use super::stream::{Line, Stream, Written};
use crate::os::{Ready, Source, Wait, Waker, poll};
use crate::sync::lock;

/// The maximum number of bytes that a client may send on a stream, where nothing is expected; a stream with more is closed.
const IGNORED_BYTES: usize = 64 * 1024;

/// The connection to the streams thread.
pub(super) struct Streams {
    inbox: Mutex<Inbox>,
    waker: Waker,
}

#[derive(Default)]
struct Inbox {
    next: u64,
    arrived: Vec<Parked>,
    changed: Vec<u64>,
    order: Order,
    /// Whether the thread was woken and has not handled it yet: one byte wakes it for any number of changes.
    is_woken: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Order {
    #[default]
    Serve,
    /// Finish every stream, also future ones.
    Finish,
    /// Drop every stream and end the thread.
    End,
}

/// A stream within the streams thread.
struct Parked {
    connected: Arc<Connected>,
    line: Arc<Line>,
    /// When the socket last accepted bytes, or stopped accepting them.
    since: Instant,
    /// Whether the socket must become writable before more can be written.
    is_stalled: bool,
    ignored_bytes: usize,
}

impl Streams {
    /// `waker` is the other end of the pair that [`serve`] waits for.
    pub(super) fn new(waker: Waker) -> Streams {
        Streams { inbox: Mutex::default(), waker }
    }

    /// Passes a connection whose event stream has begun to the streams thread.
    pub(super) fn park(
        self: &Arc<Streams>,
        connected: Arc<Connected>,
        framing: EventFraming,
    ) -> io::Result<Stream> {
        connected.socket.set_nonblocking(true)?;
        let (line, order) = self.post(|inbox| {
            let line =
                Arc::new(Line::new(inbox.next, framing, Arc::clone(self), Arc::clone(&connected)));
            inbox.next += 1;
            if inbox.order != Order::End {
                let since = Instant::now();
                let parked = Parked {
                    connected,
                    line: Arc::clone(&line),
                    since,
                    is_stalled: false,
                    ignored_bytes: 0,
                };
                inbox.arrived.push(parked);
            }
            (line, inbox.order)
        });
        if order == Order::End {
            line.close();
        }
        Ok(Stream::new(line))
    }

    /// Notifies the thread that a stream has bytes to write or was closed by its owner.
    pub(super) fn announce(&self, id: u64) {
        self.post(|inbox| inbox.changed.push(id));
    }

    /// Finishes every stream, also future ones.
    pub(super) fn finish(&self) {
        self.post(|inbox| inbox.order = Order::Finish);
    }

    /// Drops every stream and ends the thread.
    pub(super) fn end(&self) {
        self.post(|inbox| inbox.order = Order::End);
    }

    fn post<R>(&self, change: impl FnOnce(&mut Inbox) -> R) -> R {
        let mut inbox = lock(&self.inbox);
        let result = change(&mut inbox);
        if !inbox.is_woken {
            inbox.is_woken = true;
            let _ = (&self.waker).write(&[1]);
        }
        result
    }

    /// Returns the changes since the last call.
    fn take(&self) -> (Vec<Parked>, Vec<u64>, Order) {
        let mut inbox = lock(&self.inbox);
        inbox.is_woken = false;
        (std::mem::take(&mut inbox.arrived), std::mem::take(&mut inbox.changed), inbox.order)
    }
}

/// Writes to the parked streams and watches them, until [`Streams::end`]. `woken` is the other end of the waker.
pub(super) fn serve(streams: &Streams, mut woken: Waker, limits: &Limits) {
    let mut parked: HashMap<u64, Parked> = HashMap::new();
    loop {
        // The byte is read before the changes, so that a later change leaves another byte.
        while woken.read(&mut [0; 64]).is_ok_and(|bytes| bytes > 0) {}
        let (arrived, changed, order) = streams.take();
        for new in arrived {
            parked.insert(new.line.id(), new);
        }
        match order {
            Order::Serve => {}
            Order::Finish => parked.values().for_each(|stream| stream.line.drain()),
            Order::End => break,
        }
        for id in changed {
            write(&mut parked, id);
        }
        let now = Instant::now();
        for Parked { line, .. } in parked.values() {
            if line.until().is_some_and(|until| until <= now) {
                line.drain();
            }
        }
        let due = parked.iter().filter(|(_, stream)| stream.due(limits) <= now).map(|(id, _)| *id);
        for id in due.collect::<Vec<_>>() {
            match parked.get_mut(&id) {
                Some(stream) if !stream.is_stalled => {
                    stream.line.comment();
                    stream.since = now;
                    write(&mut parked, id);
                }
                _ => close(&mut parked, id),
            }
        }
        let next_due = parked.values().map(|stream| stream.due(limits)).min();
        for (id, ready) in wait(&woken, &parked, next_due) {
            // Only reading distinguishes the end from a byte.
            let may_have_ended = ready.read || ready.broken;
            if may_have_ended && !parked.get_mut(&id).is_some_and(Parked::ignore_input) {
                close(&mut parked, id);
            } else if ready.write {
                write(&mut parked, id);
            }
        }
    }
    for Parked { connected, line, .. } in parked.into_values() {
        drop(connected);
        line.close();
    }
}

/// Waits for a wake-up, a socket, or the time. Returns the streams whose sockets have events.
fn wait(woken: &Waker, parked: &HashMap<u64, Parked>, until: Option<Instant>) -> Vec<(u64, Ready)> {
    let mut sources = Vec::with_capacity(parked.len() + 1);
    sources.push(Source::new(woken, Wait::Read));
    let mut ids = Vec::with_capacity(parked.len());
    for (id, stream) in parked {
        let wait = if stream.is_stalled { Wait::ReadOrWrite } else { Wait::Read };
        sources.push(Source::new(&stream.connected.socket, wait));
        ids.push(*id);
    }
    let time = until.map(|until| until.saturating_duration_since(Instant::now()));
    let Some(ready) = poll(&sources, time) else { return Vec::new() };
    ids.into_iter().zip(ready.into_iter().skip(1)).filter(|(_, ready)| ready.any()).collect()
}

fn write(parked: &mut HashMap<u64, Parked>, id: u64) {
    let Some(stream) = parked.get_mut(&id) else { return };
    match stream.line.write() {
        Written::All => stream.note(false),
        Written::Some(0) if stream.is_stalled => {}
        Written::Some(_) => stream.note(true),
        Written::Over => close(parked, id),
    }
}

fn close(parked: &mut HashMap<u64, Parked>, id: u64) {
    if let Some(Parked { connected, line, .. }) = parked.remove(&id) {
        // This is first, so that the client does not wait for the owner.
        drop(connected);
        line.close();
    }
}

impl Parked {
    /// Returns when to write a comment, or to give up on the client.
    fn due(&self, limits: &Limits) -> Instant {
        let due = self.since
            + if self.is_stalled { limits.write_stall } else { limits.event_comment_every };
        self.line.until().map_or(due, |until| due.min(until))
    }

    /// Records that the socket has accepted bytes, or has just stopped accepting them.
    fn note(&mut self, is_stalled: bool) {
        self.since = Instant::now();
        self.is_stalled = is_stalled;
    }

    /// Drops what the client has sent. Returns false if it has disconnected or sends too much.
    fn ignore_input(&mut self) -> bool {
        let mut buffer = [0; 4096];
        while self.ignored_bytes <= IGNORED_BYTES {
            match (&self.connected.socket).read(&mut buffer) {
                Ok(0) => return false,
                Ok(bytes) => self.ignored_bytes += bytes,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return error.kind() == ErrorKind::WouldBlock,
            }
        }
        false
    }
}
