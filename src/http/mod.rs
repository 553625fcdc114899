//! The front door: HTTP/1.1 over blocking sockets, a thread for each active connection, bounded in every direction.
//!
//! tiny_http gives the messages (methods, headers, and answers through `Response::raw_print`). Its server is not used: it
//! leaves connections of a burst unanswered, has no bound on a request head and no read timeout, and ends at the descriptor
//! limit. A request comes in like this:
//!
//! - `listener` accepts under the caps of `registry` and starts a thread with `connection`;
//! - `connection` reads a whole request through `input`, `head` and `body`, and hands it to the [`Service`];
//! - the service returns an [`Answer`], or writes events itself through its [`Exchange`];
//! - a long event stream leaves its thread for the one of `streams`, and its owner keeps a [`Stream`].
//!
//! What is not a proper request, or over a limit, gets a [`Refusal`] and never reaches the service.

mod body;
mod coding;
mod connection;
mod event;
mod exchange;
mod head;
mod input;
mod limits;
mod listener;
mod memory;
mod registry;
mod response;
mod stream;
mod streams;

use std::net::SocketAddr;

pub use body::Chunked;
pub use event::Event;
pub use exchange::Exchange;
pub use head::{Framing, Head, Headers, parse_head};
pub use limits::Limits;
pub use listener::Server;
pub(crate) use listener::spawn;
pub use registry::Shutdown;
pub use response::{Refusal, Response};
pub use stream::{Hold, Stream};
pub use tiny_http::Method;

/// A request, read whole.
#[derive(Debug)]
pub struct Request {
    /// The method; one that HTTP does not define is [`Method::NonStandard`].
    pub method: Method,
    /// The target's path as sent, beginning with a slash, not decoded.
    pub path: String,
    /// The target's query as sent, without its question mark; empty when there is none.
    pub query: String,
    /// The header lines.
    pub headers: Headers,
    /// The body, without its framing.
    pub body: Vec<u8>,
    /// The client's end of the connection: a proxy's, behind one.
    pub peer: SocketAddr,
}

/// What answers requests. It is called from many threads at once.
pub trait Service: Send + Sync + 'static {
    /// Answers one request. A panic costs this request: it is answered with 500, or its event stream is cut.
    fn handle(&self, request: &Request, exchange: &mut Exchange<'_>) -> Answer;

    /// Headers that every answer to a request carries, also the front door's own refusal of it. `path` is empty if the request
    /// line cannot be read; `headers` then has what can.
    fn common_headers(&self, path: &str, headers: &Headers) -> Vec<(&'static str, String)> {
        let _ = (path, headers);
        Vec::new()
    }

    /// The pattern that a path fits, as telemetry names it (`/mcp/{module}`); empty for one that leads nowhere.
    fn route(&self, path: &str) -> &'static str {
        let _ = path;
        ""
    }
}

/// How a request is answered.
pub enum Answer {
    /// At once.
    Whole(Response),
    /// By the event stream that the handler has written through its [`Exchange`]. It is ended here, and the connection goes on.
    Streamed,
    /// By an event stream that stays open after the handler. It is begun here unless the handler has begun it, then leaves
    /// this thread, and the function gets its handle. The connection ends with the stream. In answer to HEAD there is no
    /// stream, and the function is not called.
    Parked(Box<dyn FnOnce(Stream) + Send>),
}
