//! One connection: its requests one after the other, each read completely, handled and answered.

use std::io::{ErrorKind, Write};
use std::net::Shutdown;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::body::{Chunked, too_large};
use super::exchange::Exchange;
use super::head::{Framing, Head, origin_of_refused, parse_head};
use super::input::Input;
use super::memory::Held;
use super::registry::Connected;
use super::response::{Refusal, Response};
use super::{Answer, Request, Service};
use crate::telemetry::spans::{self, Served};

/// How long, and for how many bytes, a client may continue to send after its last response before the connection is closed.
/// Closing with unread bytes resets the connection, and the reset can overtake the response.
const LINGER_TIME: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 256 * 1024;

/// Serves a connection until it ends or is parked.
pub(super) fn serve(connected: Arc<Connected>, service: &dyn Service) {
    let timeout = connected.limits().write_stall;
    if connected.socket.set_nodelay(true).is_err()
        || connected.socket.set_write_timeout(Some(timeout)).is_err()
    {
        return;
    }
    let mut connection =
        Connection { connected, input: Input::new(), out: Vec::new(), common: Vec::new() };
    loop {
        match connection.read_request(service) {
            // The body's memory is released after the response.
            Ok((head, body, _memory)) => match connection.answer(head, body, service) {
                After::GoOn => {}
                After::End => break,
                After::Park(park) => return park(connection.connected),
            },
            Err(End::Quiet) => return,
            Err(End::Refused(refusal)) => {
                connection.refuse(&refusal);
                return connection.linger();
            }
        }
    }
    // Requests that arrived together with the last one get no response.
    if !connection.input.bytes().is_empty() {
        connection.linger();
    }
}

struct Connection {
    connected: Arc<Connected>,
    input: Input,
    /// A response being written to the socket.
    out: Vec<u8>,
    /// The headers of every response to the current request.
    common: Vec<(&'static str, String)>,
}

/// Why there is no request.
enum End {
    /// The client has disconnected, or the connection may be closed without a response.
    Quiet,
    Refused(Refusal),
}

impl From<Refusal> for End {
    fn from(refusal: Refusal) -> End {
        End::Refused(refusal)
    }
}

/// What happens after a response.
enum After {
    GoOn,
    End,
    Park(Box<dyn FnOnce(Arc<Connected>)>),
}

impl Connection {
    fn read_request(&mut self, service: &dyn Service) -> Result<(Head, Vec<u8>, Held), End> {
        self.common.clear();
        let head = self.read_head(service)?;
        self.common = service.common_headers(&head.path, &head.headers);
        let mut memory = self.connected.registry().bodies.hold();
        let body = match head.framing {
            Framing::None => Vec::new(),
            Framing::Length(length) => self.read_length(length, &head, &mut memory)?,
            Framing::Chunked => self.read_chunked(&head, &mut memory)?,
        };
        Ok((head, body, memory))
    }

    fn read_head(&mut self, service: &dyn Service) -> Result<Head, End> {
        if self.input.bytes().is_empty() {
            self.wait_for_request()?;
        }
        let limits = self.connected.limits();
        let mut deadline = None;
        let mut seen = 0;
        loop {
            let bytes = self.input.bytes();
            // The head is parsed only when a line has ended or the limit is reached; so a client that sends byte by byte costs
            // little.
            let is_due =
                seen == 0 || bytes[seen..].contains(&b'\n') || bytes.len() >= limits.head_bytes;
            if is_due {
                let parsed = parse_head(bytes, limits).inspect_err(|_| {
                    self.common = service.common_headers("", &origin_of_refused(bytes));
                });
                if let Some((head, length)) = parsed? {
                    self.input.consume(length);
                    return Ok(head);
                }
            }
            seen = bytes.len();
            let deadline = *deadline.get_or_insert_with(|| Instant::now() + limits.head_time);
            await_more(&mut self.input, &self.connected, "head", deadline)?;
        }
    }

    /// Waits for the first byte of a request, which may never arrive.
    fn wait_for_request(&mut self) -> Result<(), End> {
        if !self.connected.begin_idle() {
            return Err(End::Quiet);
        }
        let arrived =
            self.input.fill_within(&self.connected.socket, self.connected.limits().idle_time);
        self.connected.end_idle();
        if matches!(arrived, Ok(1..)) { Ok(()) } else { Err(End::Quiet) }
    }

    fn read_length(&mut self, length: u64, head: &Head, memory: &mut Held) -> Result<Vec<u8>, End> {
        let limits = self.connected.limits();
        let length = usize::try_from(length).ok().filter(|length| *length <= limits.body_bytes);
        let length = length.ok_or_else(|| too_large(limits))?;
        let deadline = self.begin_body(length > 0, head)?;
        let mut body = Vec::new();
        loop {
            let arrived = self.input.bytes();
            let taken = arrived.len().min(length - body.len());
            memory.grow_to(body.len() + taken, self.connected.limits())?;
            // The vector grows with the received bytes: a large Content-Length alone uses no memory.
            body.extend_from_slice(&arrived[..taken]);
            self.input.consume(taken);
            if body.len() == length {
                return Ok(body);
            }
            await_more(&mut self.input, &self.connected, "body", deadline)?;
        }
    }

    fn read_chunked(&mut self, head: &Head, memory: &mut Held) -> Result<Vec<u8>, End> {
        let deadline = self.begin_body(true, head)?;
        let mut body = Vec::new();
        let mut chunked = Chunked::default();
        loop {
            let used = chunked.decode(self.input.bytes(), &mut body, self.connected.limits())?;
            memory.grow_to(body.len(), self.connected.limits())?;
            self.input.consume(used);
            if chunked.is_done() {
                return Ok(body);
            }
            await_more(&mut self.input, &self.connected, "body", deadline)?;
        }
    }

    /// Sends `100 Continue` if the client waits for it. Returns the deadline of the body.
    fn begin_body(&self, has_body: bool, head: &Head) -> Result<Instant, End> {
        if head.expects_continue && has_body && self.input.bytes().is_empty() {
            let told = (&self.connected.socket).write_all(b"HTTP/1.1 100 Continue\r\n\r\n");
            told.map_err(|_| End::Quiet)?;
        }
        Ok(Instant::now() + self.connected.limits().body_time)
    }

    fn answer(&mut self, head: Head, body: Vec<u8>, service: &dyn Service) -> After {
        let mut exchange = Exchange::new(&self.connected, &mut self.out, &head, &self.common);
        let request = Request {
            method: head.method,
            path: head.path,
            query: head.query,
            headers: head.headers,
            body,
            peer: self.connected.peer,
        };
        let look = || (service.route(&request.path), request.headers.get("traceparent"));
        let mut served = Served::begin(request.method.as_str(), look);
        // A panic fails only its own request: nothing that the handler left incomplete is used afterwards.
        let answer = catch_unwind(AssertUnwindSafe(|| service.handle(&request, &mut exchange)));
        served.answered(match &answer {
            Ok(Answer::Whole(response)) => response.status(),
            Ok(Answer::Streamed | Answer::Parked(_)) => 200,
            Err(_) => 500,
        });
        let goes_on = match answer {
            Ok(Answer::Whole(response)) if !exchange.events_begun() => {
                exchange.send_whole(response)
            }
            Ok(Answer::Streamed) if exchange.events_begun() => exchange.end_events(),
            Ok(Answer::Parked(owner)) => match exchange.begin_parked() {
                Ok(Some(framing)) => {
                    return After::Park(Box::new(move |connected| {
                        let streams = Arc::clone(&connected.registry().streams);
                        let Ok(stream) = streams.park(connected, framing) else {
                            return;
                        };
                        let kept = stream.clone();
                        if catch_unwind(AssertUnwindSafe(|| owner(stream))).is_err() {
                            log::error!("the owner of an event stream panicked");
                            kept.finish(None);
                        }
                    }));
                }
                Ok(None) | Err(_) => false,
            },
            // The end is missing, so the client sees that the stream was cut.
            Ok(Answer::Whole(_)) | Err(_) if exchange.events_begun() => {
                log::error!(
                    "{} {} failed after its event stream began",
                    request.method,
                    request.path
                );
                false
            }
            Ok(_) | Err(_) => {
                log::error!("{} {} failed without an answer", request.method, request.path);
                exchange.send_whole(Response::from(&Refusal::new(
                    500,
                    "the server failed to answer; try again",
                )))
            }
        };
        if goes_on { After::GoOn } else { After::End }
    }

    /// Responds to input that is not a valid request.
    fn refuse(&mut self, refusal: &Refusal) {
        log::debug!("{}: {} {}", self.connected.peer, refusal.status, refusal.message);
        spans::refused(refusal.status);
        let response = Response::from(refusal).with_headers(&self.common);
        let body = response.print_head(&mut self.out, Some("close"));
        self.out.extend_from_slice(&body);
        // A client that has disconnected needs no response.
        let _ = (&self.connected.socket).write_all(&self.out);
    }

    /// Closes the connection in a way that the response arrives even though the client has sent, or still sends, unread bytes.
    fn linger(&mut self) {
        let socket = &self.connected.socket;
        let _ = socket.shutdown(Shutdown::Write);
        let deadline = Instant::now() + LINGER_TIME;
        let mut dropped = 0;
        while dropped < LINGER_BYTES {
            self.input.consume(self.input.bytes().len());
            match self.input.fill_until(socket, deadline) {
                Ok(0) | Err(_) => return,
                Ok(bytes) => dropped += bytes,
            }
        }
    }
}

/// Waits for more of a request whose beginning has arrived.
fn await_more(
    input: &mut Input,
    connected: &Connected,
    what: &str,
    deadline: Instant,
) -> Result<(), End> {
    match input.fill_until(&connected.socket, deadline) {
        Ok(1..) => Ok(()),
        Err(error) if error.kind() == ErrorKind::TimedOut => {
            Err(Refusal::new(408, format!("the request's {what} did not arrive in time")).into())
        }
        Ok(0) | Err(_) => Err(End::Quiet),
    }
}
