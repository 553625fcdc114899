//! The HTTP server: HTTP/1.1 over blocking sockets, a thread for each active connection, limited in every respect.
//!
//! tiny_http provides the message types (methods, headers, and responses through `Response::raw_print`). Its server is not
//! used: it leaves connections of a burst unanswered, has no limit on a request head and no read timeout, and ends when file
//! descriptors run out. A request is handled like this:
//!
//! - `listener` accepts under the caps of `registry` and starts a thread with `connection`;
//! - `connection` reads a request's head through `input` and `head`, and the [`Service`] says whose it is, before the body is
//!   read through `body`, which takes of `memory` what such a sender may have;
//! - the service returns an [`Answer`], or writes events itself through its [`Exchange`];
//! - a long event stream leaves its thread for the one of `streams`, and its owner keeps a [`Stream`].
//!
//! Input that is not a valid request, or exceeds a limit, gets a [`Refusal`] and never reaches the service.

mod body;
mod coding;
mod connection;
mod event;
mod exchange;
mod forwarded;
mod head;
mod input;
mod limits;
mod listener;
mod memory;
mod registry;
mod response;
mod stream;
mod streams;

use std::net::{IpAddr, SocketAddr};

pub use body::Chunked;
pub use event::Event;
pub use exchange::Exchange;
pub use forwarded::{TrustedProxies, one_client};
pub use head::{Framing, Head, Headers, parse_head};
pub use limits::Limits;
pub use listener::Server;
pub(crate) use listener::spawn;
use memory::Sender;
pub use registry::Shutdown;
pub use response::{Refusal, Response};
pub use stream::{Hold, Stream};
pub use tiny_http::Method;

/// A request, read completely.
#[derive(Debug)]
pub struct Request {
    /// The method; a method that HTTP does not define is [`Method::NonStandard`].
    pub method: Method,
    /// The target's path as sent, beginning with a slash, not decoded.
    pub path: String,
    /// The target's query as sent, without its question mark; empty if there is no query.
    pub query: String,
    /// The header lines.
    pub headers: Headers,
    /// The body, without its framing; empty until the request has been admitted.
    pub body: Vec<u8>,
    /// The client's end of the connection, or that of a proxy in front.
    pub peer: SocketAddr,
    /// The client's address, as far as a trusted proxy reports it.
    pub client: IpAddr,
}

/// Responds to requests. It is called from many threads at once.
pub trait Service: Send + Sync + 'static {
    /// Decides by a request's head, before its body is read, whose it is and who answers it. A panic here or there costs this
    /// request: it is answered with 500, or its event stream is cut.
    ///
    /// # Errors
    /// The answer to a request whose body is not worth reading.
    fn admit<'s>(&'s self, head: &Request) -> Result<Admitted<'s>, Response>;

    /// Returns the headers of every response to a request, including the server's own refusal. `path` is empty if the request
    /// line is invalid; `headers` then contains the headers that could be read.
    fn common_headers(&self, path: &str, headers: &Headers) -> Vec<(&'static str, String)> {
        let _ = (path, headers);
        Vec::new()
    }

    /// Returns the pattern of a path for telemetry (`/mcp/{module}`); empty for an unknown path.
    fn route(&self, path: &str) -> &'static str {
        let _ = path;
        ""
    }
}

/// A request whose body is worth reading.
pub struct Admitted<'s> {
    sender: Sender,
    handler: Handler<'s>,
}

type Handler<'s> = Box<dyn FnOnce(&Request, &mut Exchange<'_>) -> Answer + 's>;

impl<'s> Admitted<'s> {
    /// A request of a caller that is known, answered by `handler`.
    pub fn caller(handler: impl FnOnce(&Request, &mut Exchange<'_>) -> Answer + 's) -> Self {
        Self { sender: Sender::Caller, handler: Box::new(handler) }
    }

    /// A request of anyone, answered by `handler`. Its body may take little memory and time.
    pub fn stranger(handler: impl FnOnce(&Request, &mut Exchange<'_>) -> Answer + 's) -> Self {
        Self { sender: Sender::Stranger, handler: Box::new(handler) }
    }
}

/// How a request is answered.
pub enum Answer {
    /// At once.
    Whole(Response),
    /// With the event stream that the handler has written through its [`Exchange`]. The stream is ended here, and the
    /// connection continues.
    Streamed,
    /// With an event stream that stays open after the handler. It is begun here unless the handler has begun it; then it leaves
    /// this thread, and the function gets its handle. The connection ends with the stream. For HEAD there is no stream, and the
    /// function is not called.
    Parked(Box<dyn FnOnce(Stream) + Send>),
}
