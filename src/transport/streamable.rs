//! Streamable HTTP: the MCP endpoint, for both eras of the protocol.
//!
//! Source: "Streamable HTTP" of 2026-07-28 (stateless, checked headers) and of 2025-11-25 (sessions), and 2025-03-26 (batches).
//! The body shows the era of a request: modern requests have their version in `_meta`.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use serde_json::Value;
use tiny_http::Method;

use super::router::refusal;
use crate::access::{Caller, Slot};
use crate::cancellation::Cancellation;
use crate::error::{Code, Error};
use crate::http::{Answer, Event, Exchange, Headers, Request, Response, Stream};
use crate::json::Object;
use crate::mcp::call::Peer;
use crate::mcp::channel::ask;
use crate::mcp::context::{Context, View};
use crate::mcp::era::{Era, check_batch, check_header};
use crate::mcp::message::{self, Body, Malformed, Message, parse};
use crate::mcp::session::{Running, Session};
use crate::mcp::subscriptions::{Filter, Sink};
use crate::mcp::{self, headers};

/// The MCP endpoint.
pub struct Streamable {
    server: Arc<mcp::Server>,
}

/// The response types that the client accepts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Accepted {
    json: bool,
    pub(super) events: bool,
}

impl Streamable {
    pub(super) const fn new(server: Arc<mcp::Server>) -> Self {
        Self { server }
    }

    pub(super) fn serve(
        &self,
        request: &Request,
        exchange: &mut Exchange<'_>,
        caller: Caller,
        view: View,
    ) -> Answer {
        let served = match request.method {
            Method::Delete => self.end_session(request, &caller),
            _ => self.post(request, exchange, caller, view),
        };
        served.unwrap_or_else(|error| Answer::Whole(refusal(&error)))
    }

    /// Opens the stream of a legacy session, for messages that the server sends on its own.
    pub(super) fn open_stream(&self, request: &Request, caller: Caller) -> Result<Answer, Error> {
        let place = self.server.quotas.streams.take(caller.user_id())?;
        if !Accepted::of(&request.headers)?.events {
            return Err(not_acceptable("text/event-stream"));
        }
        let session = self.session(&request.headers, &caller)?;
        let server = Arc::clone(&self.server);
        Ok(Answer::Parked(Box::new(move |stream| {
            end_with_token(&stream, &caller);
            let ticket = server.hub.attach(
                &session.id,
                Filter::all_lists(),
                Box::new(StreamSink(stream.clone())),
            );
            for uri in server.sessions.watched(&session.id) {
                server.hub.watch(&session.id, &uri, true);
            }
            stream.on_close(Box::new(move || {
                server.hub.unsubscribe(ticket);
                drop(place);
            }));
        })))
    }

    fn end_session(&self, request: &Request, caller: &Caller) -> Result<Answer, Error> {
        let session = self.session(&request.headers, caller)?;
        self.server.sessions.end(&session.id);
        self.server.hub.detach(&session.id);
        Ok(Answer::Whole(Response::empty(204)))
    }

    fn post(
        &self,
        request: &Request,
        exchange: &mut Exchange<'_>,
        caller: Caller,
        view: View,
    ) -> Result<Answer, Error> {
        if let Some(content_type) = request.headers.get("content-type")
            && !media_type(content_type).eq_ignore_ascii_case("application/json")
        {
            return Err(Error::new(
                Code::UnsupportedMediaType,
                format!("Content-Type {content_type:?} is not taken here"),
            )
            .with_hint("Send application/json."));
        }
        let body = parse(&request.body);
        let is_answered = match &body {
            Ok(Body::One(message)) => message.is_answered(),
            Ok(Body::Batch(entries)) => {
                entries.iter().any(|entry| entry.as_ref().map_or(true, Message::is_answered))
            }
            Err(_) => true,
        };
        // An answer without a body is acceptable to everyone.
        let accepted = if is_answered {
            Accepted::of(&request.headers)?
        } else {
            Accepted { json: true, events: false }
        };
        let delivery = Delivery { accepted, exchange };
        Ok(match body {
            Err(Malformed { id, error }) => delivery.whole(mcp::refusal(id.as_ref(), &error)),
            Ok(Body::One(Message::Request(call))) => {
                self.request(&request.headers, &call, delivery, caller, view)
            }
            // No request waits for it, in whatever session.
            Ok(Body::One(Message::Response(message::Response { id: None, .. }))) => {
                Answer::Whole(Response::empty(202))
            }
            Ok(Body::One(other)) => match self.session(&request.headers, &caller) {
                Ok(session) => {
                    self.take(&session, other);
                    Answer::Whole(Response::empty(202))
                }
                // The modern era has no session, and no notification that would have an effect here.
                Err(error)
                    if error.code() == Code::SessionRequired
                        && matches!(other, Message::Notification(_)) =>
                {
                    Answer::Whole(Response::empty(202))
                }
                Err(error) => delivery.whole(mcp::refusal(None, &error)),
            },
            Ok(Body::Batch(entries)) => {
                let session = self
                    .session(&request.headers, &caller)
                    .and_then(|session| check_batch(Some(session.version())).map(|()| session));
                let session = session.and_then(|session| Ok((session, self.slot(&caller)?)));
                match session {
                    Ok((session, _place)) => {
                        self.batch(&session, entries, delivery, &caller, &view)
                    }
                    Err(error) => delivery.whole(mcp::refusal(None, &error)),
                }
            }
        })
    }

    fn request(
        &self,
        headers: &Headers,
        request: &message::Request,
        delivery: Delivery<'_, '_>,
        caller: Caller,
        view: View,
    ) -> Answer {
        let _place = match self.slot(&caller) {
            Ok(place) => place,
            Err(error) => return delivery.whole(mcp::refusal(Some(&request.id), &error)),
        };
        match Era::of(request, headers.get("mcp-protocol-version")) {
            Err(error) => return delivery.whole(mcp::refusal(Some(&request.id), &error)),
            Ok(Era::Modern) => return self.modern(headers, request, delivery, caller, view),
            Ok(Era::Handshake) => return self.handshake(request, delivery, &caller, &view),
            Ok(Era::Session) => {}
        }
        let session = match self.session(headers, &caller) {
            Ok(session) => session,
            Err(error) => return delivery.whole(mcp::refusal(Some(&request.id), &error)),
        };
        let context = session.context(caller, view, &self.server.sessions);
        let running = self.server.sessions.run(&session.id, &request.id);
        let legacy = Some((&session, &running));
        let peer = HttpPeer::new(&self.server, &context.caller, delivery, legacy);
        let answer = self.server.answer(request, &context, &peer);
        let delivery = peer.into_delivery();
        // Also that of a cancelled request, which says so: a POST must be answered.
        delivery.whole(answer)
    }

    /// One of the requests that the caller may have running. Answers and notifications need none: what runs may wait for them.
    fn slot(&self, caller: &Caller) -> Result<Slot, Error> {
        self.server.quotas.requests.take(caller.user_id())
    }

    /// Handles `initialize`, which begins a session.
    fn handshake(
        &self,
        request: &message::Request,
        delivery: Delivery<'_, '_>,
        caller: &Caller,
        view: &View,
    ) -> Answer {
        match self.server.initialize(request, caller, view) {
            Ok((session, json)) => {
                let id = session.seal(&self.server.seal);
                delivery.answer_with(200, &json, &[("Mcp-Session-Id", &id)])
            }
            Err(error) => delivery.whole(mcp::refusal(Some(&request.id), &error)),
        }
    }

    fn modern(
        &self,
        headers: &Headers,
        request: &message::Request,
        delivery: Delivery<'_, '_>,
        caller: Caller,
        view: View,
    ) -> Answer {
        let context = headers::check_standard(headers, request).and_then(|()| {
            let context = Context::modern(request, caller, view)?;
            if let Some(tool) = request
                .params
                .get("name")
                .and_then(Value::as_str)
                .filter(|_| request.method == "tools/call")
            {
                headers::check_parameters(
                    headers,
                    request,
                    &self.server.handler().mirrored_parameters(&context, tool),
                )?;
            }
            Ok(context)
        });
        let context = match context {
            Ok(context) => context,
            Err(error) => return delivery.whole(mcp::refusal(Some(&request.id), &error)),
        };
        let accepted = delivery.accepted;
        let peer = HttpPeer::new(&self.server, &context.caller, delivery, None);
        match self.server.answer(request, &context, &peer) {
            mcp::Answer::Response { status, json } => peer.into_delivery().answer(status, &json),
            mcp::Answer::Listen(_) if !accepted.events => {
                Answer::Whole(refusal(&not_acceptable("text/event-stream")))
            }
            mcp::Answer::Listen(filter) => {
                let caller = context.caller.clone();
                let place = match self.server.quotas.streams.take(caller.user_id()) {
                    Ok(place) => place,
                    Err(error) => {
                        let refusal = mcp::refusal(Some(&request.id), &error);
                        return peer.into_delivery().whole(refusal);
                    }
                };
                let (server, id) = (Arc::clone(&self.server), request.id.clone());
                Answer::Parked(Box::new(move |stream| {
                    end_with_token(&stream, &caller);
                    let ticket =
                        server.hub.listen(id, filter, Box::new(StreamSink(stream.clone())));
                    stream.on_close(Box::new(move || {
                        server.hub.unsubscribe(ticket);
                        drop(place);
                    }));
                }))
            }
        }
    }

    /// Handles a batch of 2025-03-26: entries are served in order, and their responses are sent together.
    fn batch(
        &self,
        session: &Session,
        entries: Vec<Result<Message, Malformed>>,
        mut delivery: Delivery<'_, '_>,
        caller: &Caller,
        view: &View,
    ) -> Answer {
        let mut answers = Vec::new();
        for entry in entries {
            let (request, answer) = match entry {
                Ok(Message::Request(request)) if request.method == "initialize" => {
                    let error =
                        Error::new(Code::InvalidRequest, "initialize cannot be part of a batch");
                    (None, Some(mcp::refusal(Some(&request.id), &error)))
                }
                Ok(Message::Request(request)) => (Some(request), None),
                Ok(other) => {
                    self.take(session, other);
                    (None, None)
                }
                Err(malformed) => {
                    (None, Some(mcp::refusal(malformed.id.as_ref(), &malformed.error)))
                }
            };
            let answer = match request {
                Some(request) => {
                    let context =
                        session.context(caller.clone(), view.clone(), &self.server.sessions);
                    let running = self.server.sessions.run(&session.id, &request.id);
                    let legacy = Some((session, &running));
                    let peer = HttpPeer::new(&self.server, caller, delivery, legacy);
                    let answer = self.server.answer(&request, &context, &peer);
                    delivery = peer.into_delivery();
                    Some(answer)
                }
                None => answer,
            };
            if let Some(mcp::Answer::Response { json, .. }) = answer {
                answers.push(json);
            }
        }
        if answers.is_empty() && !delivery.exchange.events_begun() {
            return Answer::Whole(Response::empty(202));
        }
        delivery.answer(200, &format!("[{}]", answers.join(",")))
    }

    /// Handles messages that need no response.
    fn take(&self, session: &Session, message: Message) {
        match message {
            Message::Notification(notification) => self.server.notice(&session.id, &notification),
            Message::Response(response) => self.server.sessions.deliver(&session.id, response),
            Message::Request(_) => unreachable!("callers keep requests for themselves"),
        }
    }

    /// Returns the legacy session of a request.
    fn session(&self, headers: &Headers, caller: &Caller) -> Result<Session, Error> {
        check_header(headers.get("mcp-protocol-version"))?;
        let token = headers.get("mcp-session-id").ok_or_else(|| {
            Error::new(Code::SessionRequired, "header Mcp-Session-Id is missing").with_hint(
                "Send initialize first, or params._meta as protocol version 2026-07-28 has it.",
            )
        })?;
        Session::open(&self.server.seal, token, caller)
            .filter(|session| !self.server.sessions.has_ended(&session.id))
            .ok_or_else(|| {
                Error::new(Code::SessionNotFound, "the session does not exist or has ended")
                    .with_hint("Start a new one with initialize.")
            })
    }
}

impl Accepted {
    /// Reads `Accept`; without it, everything is accepted.
    pub(super) fn of(headers: &Headers) -> Result<Self, Error> {
        let lines: Vec<&str> = headers.get_all("accept").collect();
        if lines.is_empty() {
            return Ok(Self { json: true, events: true });
        }
        let ranges: Vec<(&str, bool)> = lines
            .iter()
            .flat_map(|line| line.split(','))
            .map(|range| (media_type(range), !is_refused(range)))
            .collect();
        // The most specific range that fits decides (RFC 9110 §12.5.1); of two equal ones, the one that accepts.
        let accepts = |kind: &str| {
            let group = kind.split('/').next().unwrap_or_default();
            let of = |range: &str| {
                let mut same = ranges.iter().filter(|(known, _)| known.eq_ignore_ascii_case(range));
                let first = same.next().map(|(_, accepted)| *accepted);
                first.map(|first| first || same.any(|(_, accepted)| *accepted))
            };
            of(kind).or_else(|| of(&format!("{group}/*"))).or_else(|| of("*/*")).unwrap_or(false)
        };
        let accepted =
            Self { json: accepts("application/json"), events: accepts("text/event-stream") };
        if accepted.json || accepted.events {
            Ok(accepted)
        } else {
            Err(not_acceptable("application/json, text/event-stream"))
        }
    }
}

/// Returns a media type or range without its parameters.
fn media_type(value: &str) -> &str {
    value.split(';').next().unwrap_or_default().trim()
}

/// Returns whether a range in `Accept` has the weight 0, which means "not this" (RFC 9110 §12.4.2).
fn is_refused(range: &str) -> bool {
    range.split(';').skip(1).any(|parameter| {
        parameter.split_once('=').is_some_and(|(name, weight)| {
            name.trim().eq_ignore_ascii_case("q") && weight.trim().parse() == Ok(0.0)
        })
    })
}

pub(super) fn not_acceptable(right: &str) -> Error {
    Error::new(Code::NotAcceptable, "Accept has no type that this answer can have")
        .with_hint(format!("Send Accept: {right}."))
}

/// How a response reaches the client: as one JSON body, or as the last event of a stream.
struct Delivery<'a, 'b> {
    accepted: Accepted,
    exchange: &'a mut Exchange<'b>,
}

impl Delivery<'_, '_> {
    fn whole(self, answer: mcp::Answer) -> Answer {
        match answer {
            mcp::Answer::Response { status, json } => self.answer(status, &json),
            mcp::Answer::Listen(_) => {
                unreachable!("refusals and answers of the legacy era are responses")
            }
        }
    }

    fn answer(self, status: u16, json: &str) -> Answer {
        // The other refusals with this status come before the body.
        let headers: &[_] = if status == 429 { &[("Retry-After", "1")] } else { &[] };
        self.answer_with(status, json, headers)
    }

    fn answer_with(self, status: u16, json: &str, headers: &[(&str, &str)]) -> Answer {
        let begun = self.exchange.events_begun();
        if !begun && (self.accepted.json || status != 200) {
            let response = Response::json(status, json.as_bytes().to_vec());
            return Answer::Whole(
                headers
                    .iter()
                    .fold(response, |response, (name, value)| response.with_header(name, value)),
            );
        }
        // A failed write means that the client has disconnected; the connection notices it too and closes.
        if begun || self.exchange.begin_events(headers).is_ok() {
            let _ = self.exchange.send_event(Event::data(json));
        }
        Answer::Streamed
    }
}

/// The client of a running request.
struct HttpPeer<'s, 'a, 'b> {
    server: &'s mcp::Server,
    caller: &'s Caller,
    delivery: RefCell<Delivery<'a, 'b>>,
    /// The session and the mark of the running request; the modern era has neither.
    legacy: Option<(&'s Session, &'s Running<'s>)>,
    cancellation: Cancellation,
}

impl<'s, 'a, 'b> HttpPeer<'s, 'a, 'b> {
    fn new(
        server: &'s mcp::Server,
        caller: &'s Caller,
        delivery: Delivery<'a, 'b>,
        legacy: Option<(&'s Session, &'s Running<'s>)>,
    ) -> Self {
        // 2025-11-25: "Disconnection SHOULD NOT be interpreted as the client cancelling its request."
        let cancellation = if let Some((_, running)) = legacy {
            running.cancellation().clone()
        } else {
            let (ending, gone) = (server.ending().clone(), delivery.exchange.watch_client());
            Cancellation::watching(move || ending.is_cancelled() || gone())
        };
        Self { server, caller, delivery: RefCell::new(delivery), legacy, cancellation }
    }

    fn into_delivery(self) -> Delivery<'a, 'b> {
        self.delivery.into_inner()
    }

    fn send(&self, json: &str) -> bool {
        let mut delivery = self.delivery.borrow_mut();
        if !delivery.accepted.events {
            return false;
        }
        let sent = (delivery.exchange.events_begun()
            || delivery.exchange.begin_events(&[]).is_ok())
            && delivery.exchange.send_event(Event::data(json)).is_ok();
        // In the modern era a broken connection is how a client cancels.
        if !sent && self.legacy.is_none() {
            self.cancellation.cancel();
        }
        sent
    }
}

impl Peer for HttpPeer<'_, '_, '_> {
    fn notify(&self, json: &str) {
        self.send(json);
    }

    fn request(&self, method: &str, params: &Object) -> Result<Value, Error> {
        let (asked, send) = ((self.caller, self.scope()), |json: &str| self.send(json));
        ask(self.server, asked, method, params, &send, &self.cancellation)
    }

    fn cancellation(&self) -> &Cancellation {
        &self.cancellation
    }

    fn scope(&self) -> &str {
        self.legacy.map_or("", |(session, _)| &session.id)
    }
}

/// Ends a stream with the token that opened it: the client opens another one with its next token.
pub(super) fn end_with_token(stream: &Stream, caller: &Caller) {
    if let Some(expires) = caller.expires() {
        let left = expires.duration_since(SystemTime::now()).unwrap_or_default();
        stream.finish_at(Instant::now() + left);
    }
}

/// A parked stream as a listener of the hub.
pub(super) struct StreamSink(pub(super) Stream);

impl Sink for StreamSink {
    fn send(&self, json: &str) -> bool {
        self.0.send(Event::data(json))
    }

    fn finish(&self, last: Option<&str>) {
        self.0.finish(last.map(Event::data));
    }
}

impl headers::Lookup for Headers {
    fn get(&self, name: &str) -> Option<&str> {
        Self::get(self, name)
    }
}
