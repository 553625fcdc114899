//! What a handler may do with the connection of its request.

use std::io::{self, Write};
use std::sync::Arc;

use tiny_http::Method;

use super::event::{Event, EventFraming};
use super::head::Head;
use super::input::KEPT_BYTES;
use super::registry::Connected;
use super::response::{Length, Response, print_head, writable_header};

/// The connection of a request while its handler runs.
pub struct Exchange<'c> {
    connected: &'c Arc<Connected>,
    /// Reused from answer to answer; empty between two writes.
    out: &'c mut Vec<u8>,
    wants_keep_alive: bool,
    is_http_1_0: bool,
    is_head: bool,
    /// The headers of every response.
    common: &'c [(&'static str, String)],
    state: ResponseState,
}

/// How a client wants its answer.
#[derive(Clone, Copy)]
pub(super) struct Manner {
    pub(super) wants_keep_alive: bool,
    pub(super) is_http_1_0: bool,
    pub(super) is_head: bool,
}

impl Manner {
    pub(super) fn of(head: &Head) -> Manner {
        Manner {
            wants_keep_alive: head.keep_alive,
            is_http_1_0: head.is_http_1_0,
            is_head: head.method == Method::Head,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum ResponseState {
    Unanswered,
    /// The head of an event stream has been written. Whether the connection continues afterwards depends on the framing.
    Streaming {
        keep_alive: bool,
    },
    /// A write failed: the connection cannot be used any more.
    Broken,
}

impl<'c> Exchange<'c> {
    pub(super) fn new(
        connected: &'c Arc<Connected>,
        out: &'c mut Vec<u8>,
        manner: Manner,
        common: &'c [(&'static str, String)],
    ) -> Exchange<'c> {
        let Manner { wants_keep_alive, is_http_1_0, is_head } = manner;
        Exchange {
            connected,
            out,
            wants_keep_alive,
            is_http_1_0,
            is_head,
            common,
            state: ResponseState::Unanswered,
        }
    }

    /// Returns what reports whether the client has closed its connection, which is how it cancels a request whose answer is a
    /// stream. It looks without waiting. A client that has sent another request after this one counts as there.
    pub fn watch_client(&self) -> impl Fn() -> bool + Send + Sync + 'static {
        let connected = Arc::downgrade(self.connected);
        move || connected.upgrade().is_none_or(|connected| connected.client_gone())
    }

    /// Begins an event stream: status 200, the headers of an event stream, and `headers`; invalid ones are left out as in
    /// [`Response::with_header`].
    ///
    /// # Errors
    /// If the client has disconnected or does not read, or if the stream has already begun.
    pub fn begin_events(&mut self, headers: &[(&str, &str)]) -> io::Result<()> {
        let keep_alive = self.keep_alive() && !self.is_http_1_0;
        self.write_events_head(headers, keep_alive)
    }

    /// Sends an event of a stream that has begun, and waits until the socket has accepted it.
    ///
    /// # Errors
    /// If the client has disconnected or does not read, or if no stream has begun.
    pub fn send_event(&mut self, event: Event<'_>) -> io::Result<()> {
        self.part(|framing, out| framing.push_event(out, &event))
    }

    /// Sends a comment, which clients ignore: it keeps a quiet stream open.
    ///
    /// # Errors
    /// As for [`Exchange::send_event`].
    pub fn send_comment(&mut self) -> io::Result<()> {
        self.part(EventFraming::push_comment)
    }

    /// Returns whether the response is an event stream that has begun.
    #[must_use]
    pub fn events_begun(&self) -> bool {
        self.state != ResponseState::Unanswered
    }

    /// Sends a whole response. Returns whether the connection continues.
    pub(super) fn send_whole(&mut self, response: Response) -> bool {
        let keep_alive = self.keep_alive();
        let connection = match (keep_alive, self.is_http_1_0) {
            (true, true) => Some("keep-alive"),
            (true, false) => None,
            (false, _) => Some("close"),
        };
        let body = response.with_headers(self.common).print_head(self.out, connection);
        let body: &[u8] = if self.is_head { &[] } else { &body };
        // A small response is one write, so one packet; a large one is not copied.
        let written = if body.len() <= KEPT_BYTES {
            self.out.extend_from_slice(body);
            self.flush()
        } else {
            self.flush().and_then(|()| (&self.connected.socket).write_all(body))
        };
        written.is_ok() && keep_alive
    }

    /// Ends an event stream. Returns whether the connection continues.
    pub(super) fn end_events(&mut self) -> bool {
        let ended = self.part(EventFraming::push_end);
        ended.is_ok() && self.state == (ResponseState::Streaming { keep_alive: true })
    }

    /// Begins an event stream that ends with its connection, unless the handler has begun one. Returns its framing; `None` for
    /// HEAD, whose response has no events.
    pub(super) fn begin_parked(&mut self) -> io::Result<Option<EventFraming>> {
        if self.state == ResponseState::Unanswered {
            self.write_events_head(&[], false)?;
        }
        if self.state == ResponseState::Broken {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        Ok((!self.is_head).then(|| self.framing()))
    }

    fn keep_alive(&self) -> bool {
        self.wants_keep_alive && !self.connected.registry().is_draining()
    }

    fn framing(&self) -> EventFraming {
        if self.is_http_1_0 { EventFraming::UntilClose } else { EventFraming::Chunked }
    }

    fn write_events_head(&mut self, headers: &[(&str, &str)], keep_alive: bool) -> io::Result<()> {
        if self.state != ResponseState::Unanswered {
            return Err(io::Error::other("the event stream has begun already"));
        }
        // The last header prevents a proxy (nginx) from buffering events.
        let usual = [
            ("Content-Type", "text/event-stream"),
            ("Cache-Control", "no-store"),
            ("X-Accel-Buffering", "no"),
        ];
        let common = self.common.iter().map(|(name, value)| (*name, value.as_str()));
        let all = usual
            .iter()
            .chain(headers)
            .copied()
            .chain(common)
            .filter_map(|(name, value)| writable_header(name, value))
            .collect();
        let length = if self.is_http_1_0 { Length::Unsaid } else { Length::Chunked };
        print_head(self.out, 200, all, &length, (!keep_alive).then_some("close"));
        self.state = ResponseState::Streaming { keep_alive };
        self.flush()
    }

    fn part(&mut self, push: impl FnOnce(EventFraming, &mut Vec<u8>)) -> io::Result<()> {
        match self.state {
            ResponseState::Unanswered => Err(io::Error::other("the event stream has not begun")),
            ResponseState::Broken => Err(io::ErrorKind::BrokenPipe.into()),
            ResponseState::Streaming { .. } if self.is_head => Ok(()),
            ResponseState::Streaming { .. } => {
                push(self.framing(), self.out);
                self.flush()
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        let written = (&self.connected.socket).write_all(self.out);
        self.out.clear();
        if self.out.capacity() > 2 * KEPT_BYTES {
            *self.out = Vec::new();
        }
        if written.is_err() {
            self.state = ResponseState::Broken;
        }
        written
    }
}
