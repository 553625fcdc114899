//! One connection: its requests one after the other, each read completely, handled and answered.

use std::io::{ErrorKind, Write};
use std::net::{IpAddr, Shutdown};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::body::{Chunked, too_large};
use super::coding;
use super::exchange::{Exchange, Manner};
use super::head::{Framing, Head, origin_of_refused, parse_head};
use super::input::Input;
use super::limits::Limits;
use super::memory::Allowance;
use super::registry::Connected;
use super::response::{Refusal, Response};
use super::{Admitted, Answer, Handler, Request, Service};
use crate::telemetry::spans::{self, Served};

/// How long, and for how many bytes, a client may continue to send after its last response before the connection is closed.
/// Closing with unread bytes resets the connection, and the reset can overtake the response.
const LINGER_TIME: Duration = Duration::from_secs(1);
/// How many bytes it may send meanwhile beside the largest body.
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
        match connection.serve_request(service) {
            Ok(After::GoOn) => {}
            Ok(After::End) => break,
            Ok(After::Linger) => return connection.linger(),
            Ok(After::Park(park)) => return park(connection.connected),
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

impl End {
    /// The status that the request counts with; 499 is the usual one for a client that has gone.
    fn status(&self) -> u16 {
        match self {
            End::Quiet => 499,
            End::Refused(refusal) => refusal.status,
        }
    }
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
    /// The end, though the client may still send a body that is not read.
    Linger,
    Park(Box<dyn FnOnce(Arc<Connected>)>),
}

impl Connection {
    /// Reads a request and answers it.
    fn serve_request(&mut self, service: &dyn Service) -> Result<After, End> {
        let (head, client) = self.begin_request(service).inspect_err(|end| {
            if let End::Refused(refusal) = end {
                spans::refused(refusal.status);
            }
        })?;
        let (manner, framing, expects_continue) =
            (Manner::of(&head), head.framing, head.expects_continue);
        let mut request = Request {
            method: head.method,
            path: head.path,
            query: head.query,
            headers: head.headers,
            body: Vec::new(),
            peer: self.connected.peer,
            client,
        };
        let look = || (service.route(&request.path), request.headers.get("traceparent"));
        let mut served = Served::begin(request.method.as_str(), look);
        let admitted = catch_unwind(AssertUnwindSafe(|| service.admit(&request)));
        let Admitted { sender, handler } = match admitted {
            Ok(Ok(admitted)) => admitted,
            Ok(Err(response)) => return Ok(self.turn_away(response, manner, framing, &mut served)),
            Err(_) => {
                log::error!("{} {} failed before its body was read", request.method, request.path);
                return Ok(self.turn_away(failed(), manner, framing, &mut served));
            }
        };
        let mut allowance = self.connected.registry().bodies.allow(sender, self.connected.limits());
        let body = self.read_body(framing, expects_continue, &mut allowance);
        let body =
            body.and_then(|body| Ok(coding::decode(body, &request.headers, &mut allowance)?));
        request.body = body.inspect_err(|end| served.answered(end.status()))?;
        let after = self.answer(&request, handler, manner, &mut served);
        if matches!(after, After::GoOn) {
            self.connected.end_request();
        }
        Ok(after)
    }

    /// Reads a head, and counts the connection for its client.
    fn begin_request(&mut self, service: &dyn Service) -> Result<(Head, IpAddr), End> {
        self.common.clear();
        let head = self.read_head(service)?;
        self.common = service.common_headers(&head.path, &head.headers);
        let connected = &self.connected;
        let client = connected.limits().trusted_proxies.client(connected.peer.ip(), &head.headers);
        connected.begin_request(client)?;
        Ok((head, client))
    }

    /// Answers a request whose body is not read: behind it, nothing can be read from the connection.
    fn turn_away(
        &mut self,
        response: Response,
        manner: Manner,
        framing: Framing,
        served: &mut Served,
    ) -> After {
        served.answered(response.status());
        let has_body = !matches!(framing, Framing::None | Framing::Length(0));
        let wants_keep_alive = manner.wants_keep_alive && !has_body;
        let manner = Manner { wants_keep_alive, ..manner };
        let mut exchange = Exchange::new(&self.connected, &mut self.out, manner, &self.common);
        let goes_on = exchange.send_whole(response);
        self.connected.end_request();
        match (goes_on, has_body) {
            (true, _) => After::GoOn,
            (false, true) => After::Linger,
            (false, false) => After::End,
        }
    }

    fn read_body(
        &mut self,
        framing: Framing,
        expects_continue: bool,
        allowance: &mut Allowance,
    ) -> Result<Vec<u8>, End> {
        if matches!(framing, Framing::None | Framing::Length(0)) {
            return Ok(Vec::new());
        }
        let limits = Limits { body_bytes: allowance.bytes, ..self.connected.limits().clone() };
        let length = match framing {
            Framing::None | Framing::Chunked => None,
            Framing::Length(length) => {
                let length = usize::try_from(length).ok();
                let length = length.filter(|length| *length <= limits.body_bytes);
                Some(length.ok_or_else(|| too_large(&limits))?)
            }
        };
        if expects_continue && self.input.bytes().is_empty() {
            let sent = (&self.connected.socket).write_all(b"HTTP/1.1 100 Continue\r\n\r\n");
            sent.map_err(|_| End::Quiet)?;
        }
        match length {
            Some(length) => self.read_length(length, allowance),
            None => self.read_chunked(&limits, allowance),
        }
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

    fn read_length(&mut self, length: usize, allowance: &mut Allowance) -> Result<Vec<u8>, End> {
        let mut body = Vec::new();
        loop {
            let arrived = self.input.bytes();
            let taken = arrived.len().min(length - body.len());
            allowance.grow_to(body.len() + taken)?;
            // The vector grows with what arrives: an announcement alone takes no memory.
            body.extend_from_slice(&arrived[..taken]);
            self.input.consume(taken);
            if body.len() == length {
                return Ok(body);
            }
            let deadline = allowance.deadline(body.len());
            await_more(&mut self.input, &self.connected, "body", deadline)?;
        }
    }

    fn read_chunked(&mut self, limits: &Limits, allowance: &mut Allowance) -> Result<Vec<u8>, End> {
        let mut body = Vec::new();
        let mut chunked = Chunked::default();
        loop {
            let used = chunked.decode(self.input.bytes(), &mut body, limits)?;
            allowance.grow_to(body.len())?;
            self.input.consume(used);
            if chunked.is_done() {
                return Ok(body);
            }
            let deadline = allowance.deadline(body.len());
            await_more(&mut self.input, &self.connected, "body", deadline)?;
        }
    }

    fn answer(
        &mut self,
        request: &Request,
        handler: Handler<'_>,
        manner: Manner,
        served: &mut Served,
    ) -> After {
        let mut exchange = Exchange::new(&self.connected, &mut self.out, manner, &self.common);
        // A panic costs its request: nothing that the handler could have left half-changed is used after it.
        let answer = catch_unwind(AssertUnwindSafe(|| handler(request, &mut exchange)));
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
                exchange.send_whole(failed())
            }
        };
        if goes_on { After::GoOn } else { After::End }
    }

    /// Responds to input that is not a valid request.
    fn refuse(&mut self, refusal: &Refusal) {
        log::debug!("{}: {} {}", self.connected.peer, refusal.status, refusal.message);
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
        let most = LINGER_BYTES.saturating_add(self.connected.limits().body_bytes);
        let mut dropped = 0;
        while dropped < most {
            self.input.consume(self.input.bytes().len());
            match self.input.fill_until(socket, deadline) {
                Ok(0) | Err(_) => return,
                Ok(bytes) => dropped += bytes,
            }
        }
    }
}

/// The answer after a fault of our own.
fn failed() -> Response {
    Response::from(&Refusal::new(500, "the server failed to answer; try again"))
}

/// Waits for more of a request of which something has arrived.
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
