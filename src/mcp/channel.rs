//! A connection that carries messages in both directions: stdio, the 2024-11-05 HTTP+SSE transport, or memory in tests.
//!
//! Unlike Streamable HTTP, it has one session for all its messages. So a transport has only two parts: incoming lines,
//! [`Channel::receive`]; outgoing lines, an [`Outlet`].

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::call::Peer;
use super::context::{ClientCapabilities, Context, View};
use super::era::{Era, check_batch};
use super::message::{Body, Id, Malformed, Message, Request, error_text, parse, request_text};
use super::session::{Running, Session};
use super::subscriptions::{Filter, Sink, Ticket};
use super::version::Version;
use super::{Answer, Server, refusal};
use crate::access::{Caller, Slot};
use crate::cancellation::Cancellation;
use crate::error::{Code, Error};
use crate::json::Object;
use crate::random::random_id;
use crate::sync::lock;

/// How long a client may take to answer a question: a person may need time to think.
pub(crate) const ANSWER_TIME: Duration = Duration::from_secs(5 * 60);
/// How often a waiting request checks for cancellation.
const CANCEL_CHECK: Duration = Duration::from_millis(200);

/// The destination of a channel's messages.
pub trait Outlet: Send + Sync {
    /// Sends one message. Returns false if the client has disconnected.
    fn send(&self, json: &str) -> bool;
}

/// A connection that carries messages in both directions.
pub struct Channel {
    server: Arc<Server>,
    outlet: Arc<dyn Outlet>,
    caller: Caller,
    view: View,
    /// Identifies this channel's requests, also before a session has begun.
    scope: String,
    session: Mutex<Option<Session>>,
    listening: Mutex<HashMap<Id, (Ticket, Slot)>>,
    /// Whether the client has gone: nothing runs for it any more.
    closed: AtomicBool,
}

impl Channel {
    /// Opens a channel for one client.
    #[must_use]
    pub fn new(server: Arc<Server>, outlet: Arc<dyn Outlet>, caller: Caller, view: View) -> Self {
        Self {
            server,
            outlet,
            caller,
            view,
            scope: random_id(),
            session: Mutex::default(),
            listening: Mutex::default(),
            closed: AtomicBool::new(false),
        }
    }

    /// Whether the client has gone: [`Channel::close`] was called, or a message could not be sent.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// Sends a message. If that fails, no other can be sent, so what runs for the client is cancelled.
    fn send(&self, json: &str) -> bool {
        let sent = self.outlet.send(json);
        if !sent {
            self.close();
        }
        sent
    }

    /// Whether a message can be served on the spot: everything but requests, which may take long, and which a transport
    /// serves on a thread of their own. `initialize` is quick, and what follows it depends on it.
    ///
    /// A request that is not quick counts as running from here on, so that an immediate cancellation finds it.
    #[must_use]
    pub fn is_quick(&self, body: &Result<Body, Malformed>) -> bool {
        match body {
            Ok(Body::One(Message::Request(request)))
                if matches!(request.method.as_str(), "initialize" | "ping") =>
            {
                true
            }
            Ok(Body::One(Message::Request(request))) => {
                self.server.sessions.begin(&self.scope, &request.id);
                false
            }
            Ok(Body::One(_)) | Err(_) => true,
            Ok(Body::Batch(_)) => false,
        }
    }

    /// Reads one body.
    ///
    /// # Errors
    /// As [`parse`].
    pub fn read(bytes: &[u8]) -> Result<Body, Malformed> {
        parse(bytes)
    }

    /// Takes a place for what [`Channel::read`] gave and is not quick; it is given back when the place is dropped. Does not
    /// wait: the thread that reads has to read the answers that what runs may wait for.
    ///
    /// # Errors
    /// [`Code::UserBusy`] if the user has as many requests open as one may have.
    pub fn slot(&self) -> Result<Slot, Error> {
        self.server.quotas.requests.take_at_once(self.caller.user_id())
    }

    /// Refuses the requests of what [`Channel::read`] gave with `error`: each under its id.
    pub fn refuse(&self, body: Result<Body, Malformed>, error: &Error) {
        let entries = match body {
            Ok(Body::One(message)) => vec![Ok(message)],
            Ok(Body::Batch(entries)) => entries,
            Err(malformed) => vec![Err(malformed)],
        };
        for entry in entries {
            match entry {
                Ok(Message::Request(request)) => {
                    // Requests that counted as running when they were read are removed.
                    drop(self.server.sessions.run(&self.scope, &request.id));
                    self.send(&error_text(Some(&request.id), error));
                }
                Ok(other) => drop(self.serve(other)),
                Err(malformed) => {
                    self.send(&text(refusal(malformed.id.as_ref(), &malformed.error)));
                }
            }
        }
    }

    /// Handles a body from [`Channel::read`]; answers go to the outlet.
    pub fn receive(&self, body: Result<Body, Malformed>) {
        if self.is_closed() {
            return;
        }
        let answers: Vec<String> = match body {
            Err(malformed) => vec![text(refusal(malformed.id.as_ref(), &malformed.error))],
            Ok(Body::One(message)) => self.serve(message).into_iter().collect(),
            Ok(Body::Batch(entries)) => match check_batch(self.session_version()) {
                Err(error) => vec![error_text(None, &error)],
                Ok(()) => self.serve_batch(entries),
            },
        };
        for answer in answers {
            self.send(&answer);
        }
    }

    /// Returns the answers to a batch, as one text; empty if there are no answers.
    fn serve_batch(&self, entries: Vec<Result<Message, Malformed>>) -> Vec<String> {
        let answers: Vec<String> = entries
            .into_iter()
            .filter_map(|entry| match entry {
                Ok(message) => self.serve(message),
                Err(malformed) => Some(text(refusal(malformed.id.as_ref(), &malformed.error))),
            })
            .collect();
        if answers.is_empty() { answers } else { vec![format!("[{}]", answers.join(","))] }
    }

    /// Ends everything that the channel holds open, because its client has disconnected.
    pub fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        for (_, (ticket, _)) in lock(&self.listening).drain() {
            self.server.hub.unsubscribe(ticket);
        }
        self.server.hub.detach(&self.scope);
        self.server.sessions.forget(&self.scope);
    }

    /// Ends the wait for answers of the client, because it says no more; what runs for it goes on.
    pub fn hear_no_more(&self) {
        self.server.sessions.stop_waiting_for_all(&self.scope);
    }

    fn session_version(&self) -> Option<Version> {
        lock(&self.session).as_ref().map(Session::version)
    }

    fn serve(&self, message: Message) -> Option<String> {
        match message {
            Message::Request(request) => self.answer(&request),
            Message::Notification(notification) => {
                self.server.notice(&self.scope, &notification);
                let cancelled =
                    notification.params.get("requestId").cloned().and_then(Id::from_value);
                if notification.method == "notifications/cancelled"
                    && let Some((ticket, _)) =
                        cancelled.and_then(|id| lock(&self.listening).remove(&id))
                {
                    self.server.hub.unsubscribe(ticket);
                }
                None
            }
            Message::Response(response) => {
                self.server.sessions.deliver(&self.scope, response);
                None
            }
        }
    }

    /// Returns the answer to a request; `None` if it opened a stream, or was cancelled.
    fn answer(&self, request: &Request) -> Option<String> {
        let era = match Era::of(request, None) {
            Ok(era) => era,
            Err(error) => return Some(error_text(Some(&request.id), &error)),
        };
        if era == Era::Handshake {
            return Some(match self.server.initialize(request, &self.caller, &self.view) {
                Ok((session, json)) => {
                    let mut session = session;
                    session.id.clone_from(&self.scope);
                    self.server.hub.attach(
                        &self.scope,
                        Filter::all_lists(),
                        Box::new(Listening(Arc::clone(&self.outlet))),
                    );
                    *lock(&self.session) = Some(session);
                    json
                }
                Err(error) => error_text(Some(&request.id), &error),
            });
        }
        let context = match self.context(request, era) {
            Ok(context) => context,
            Err(error) => return Some(text(refusal(Some(&request.id), &error))),
        };
        let running = self.server.sessions.run(&self.scope, &request.id);
        let peer = ChannelPeer { channel: self, running: &running };
        match self.server.answer(request, &context, &peer) {
            // 2026-07-28, "Cancellation": nothing more is sent for a request that was cancelled.
            _ if running.is_unwanted() => None,
            answer @ Answer::Response { .. } => Some(text(answer)),
            Answer::Listen(filter) => {
                let place = match self.server.quotas.streams.take(self.caller.user_id()) {
                    Ok(place) => place,
                    Err(error) => return Some(error_text(Some(&request.id), &error)),
                };
                let mut listening = lock(&self.listening);
                let ticket = self.server.hub.listen(
                    request.id.clone(),
                    filter,
                    Box::new(Listening(Arc::clone(&self.outlet))),
                );
                if let Some((earlier, _)) = listening.insert(request.id.clone(), (ticket, place)) {
                    self.server.hub.unsubscribe(earlier);
                }
                None
            }
        }
    }

    fn context(&self, request: &Request, era: Era) -> Result<Context, Error> {
        if era == Era::Modern {
            return Context::modern(request, self.caller.clone(), self.view.clone());
        }
        match &*lock(&self.session) {
            Some(session) => {
                Ok(session.context(self.caller.clone(), self.view.clone(), &self.server.sessions))
            }
            // The only request that a client may send before `initialize` (2025-11-25, "Initialization").
            None if request.method == "ping" => {
                let nobody = Session::new(
                    Version::NEWEST_LEGACY,
                    ClientCapabilities::default(),
                    None,
                    &self.caller,
                );
                Ok(nobody.context(self.caller.clone(), self.view.clone(), &self.server.sessions))
            }
            None => Err(Error::new(
                Code::SessionRequired,
                format!("{} came before initialize", request.method),
            )
            .with_hint(
                "Send initialize first, or params._meta as protocol version 2026-07-28 has it.",
            )),
        }
    }
}

fn text(answer: Answer) -> String {
    match answer {
        Answer::Response { json, .. } => json,
        Answer::Listen(_) => {
            unreachable!("only Server::answer opens streams, and its caller has looked")
        }
    }
}

struct ChannelPeer<'a> {
    channel: &'a Channel,
    running: &'a Running<'a>,
}

impl Peer for ChannelPeer<'_> {
    fn notify(&self, json: &str) {
        if !self.running.is_unwanted() {
            self.channel.send(json);
        }
    }

    fn request(&self, method: &str, params: &Object) -> Result<Value, Error> {
        ask(
            &self.channel.server,
            (&self.channel.caller, &self.channel.scope),
            method,
            params,
            &|json| self.channel.send(json),
            self.running.cancellation(),
        )
    }

    fn cancellation(&self) -> &Cancellation {
        self.running.cancellation()
    }

    fn scope(&self) -> &str {
        &self.channel.scope
    }
}

/// Sends a request to the client and waits for its answer; used by every transport of the legacy era.
///
/// # Errors
/// As [`Peer::request`].
pub(crate) fn ask(
    server: &Server,
    (caller, scope): (&Caller, &str),
    method: &str,
    params: &Object,
    send: &dyn Fn(&str) -> bool,
    cancelled: &Cancellation,
) -> Result<Value, Error> {
    let question = random_id();
    let _asking =
        server.quotas.questions.asking(caller.user_id(), &question, server.answer_time)?;
    let (id, receiver) = server.sessions.wait(scope);
    let gone = || Error::new(Code::Cancelled, "the client went away before it answered");
    let outcome = if send(&request_text(&id, method, params)) {
        let deadline = Instant::now() + server.answer_time;
        loop {
            match receiver.recv_timeout(CANCEL_CHECK) {
                Ok(Ok(result)) => break Ok(result),
                Ok(Err(message)) => {
                    break Err(Error::internal(format!("the client refused {method}: {message}")));
                }
                Err(RecvTimeoutError::Disconnected) => break Err(gone()),
                Err(_) if cancelled.is_cancelled() => break Err(gone()),
                Err(_) if Instant::now() >= deadline => {
                    break Err(Error::new(
                        Code::Timeout,
                        format!(
                            "the client did not answer {method} within {} s",
                            server.answer_time.as_secs()
                        ),
                    ));
                }
                Err(_) => {}
            }
        }
    } else {
        Err(gone())
    };
    server.sessions.stop_waiting(scope, &id);
    outcome
}

/// The outlet as a listener of the hub: the stream is the channel itself, which stays open when a subscription ends.
struct Listening(Arc<dyn Outlet>);

impl Sink for Listening {
    fn send(&self, json: &str) -> bool {
        self.0.send(json)
    }

    fn finish(&self, last: Option<&str>) {
        if let Some(last) = last {
            self.0.send(last);
        }
    }
}
