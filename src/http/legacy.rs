//! HTTP+SSE, the transport of 2024-11-05: one event stream a client, and a path that its messages are posted to.
//!
//! A client's stream and its messages must reach the same replica; that is the transport's nature, and why it was replaced.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use super::listener::spawn;
use super::{Answer, Event, Request, Response, Stream};
use crate::auth::Caller;
use crate::error::{Code, Error};
use crate::mcp;
use crate::mcp::channel::{Channel, Outlet};
use crate::mcp::context::View;
use crate::mcp::seal::random_id;
use crate::sync::lock;

/// The open streams by the session id in their path, each with the one who opened it.
type Channels = HashMap<String, (Caller, Arc<Channel>)>;

/// The clients that are connected by HTTP+SSE.
pub struct Legacy {
    server: Arc<mcp::Server>,
    channels: Arc<Mutex<Channels>>,
}

impl Legacy {
    pub(super) fn new(server: Arc<mcp::Server>) -> Self {
        Self { server, channels: Arc::default() }
    }

    /// `GET /sse`: the stream, whose first event names the path for messages.
    pub(super) fn open(&self, request: &Request, caller: Caller, view: View) -> Result<Answer, Error> {
        if request.headers.get("accept").is_some_and(|accept| !accept.contains("text/event-stream") && !accept.contains("*/*")) {
            return Err(
                Error::new(Code::NotAcceptable, "this path answers with an event stream").with_hint("Send Accept: text/event-stream.")
            );
        }
        let (server, channels, id) = (Arc::clone(&self.server), Arc::clone(&self.channels), random_id());
        Ok(Answer::Parked(Box::new(move |stream| {
            let channel = Arc::new(Channel::new(server, Arc::new(StreamOutlet(stream.clone())), caller.clone(), view));
            // The place is there before the client can know of it.
            lock(&channels).insert(id.clone(), (caller, Arc::clone(&channel)));
            stream.send(Event::named("endpoint", &format!("/messages?session={id}")));
            stream.on_close(Box::new(move || {
                lock(&channels).remove(&id);
                channel.close();
            }));
        })))
    }

    /// `POST /messages?session=…`: accepted at once, answered on the stream.
    pub(super) fn receive(&self, request: &Request, caller: &Caller) -> Result<Answer, Error> {
        let session = form_urlencoded::parse(request.query.as_bytes()).find(|(name, _)| name == "session").map(|(_, id)| id);
        let channel = session
            .and_then(|id| lock(&self.channels).get(&*id).cloned())
            .filter(|(owner, _)| owner == caller)
            .map(|(_, channel)| channel)
            .ok_or_else(|| {
                Error::new(Code::SessionNotFound, "no open stream belongs to this session")
                    .with_hint("Open one with GET /sse; its first event names the path.")
            })?;
        let body = Channel::read(&request.body);
        if Channel::is_quick(&body) {
            channel.receive(body);
        } else {
            spawn("message", move || channel.receive(body)).map_err(|_| {
                Error::new(Code::UpstreamUnavailable, "no thread is free for this message").with_hint("Try again in a moment.")
            })?;
        }
        Ok(Answer::Whole(Response::text(202, "Accepted")))
    }
}

struct StreamOutlet(Stream);

impl Outlet for StreamOutlet {
    fn send(&self, json: &str) -> bool {
        self.0.send(Event::named("message", json))
    }
}
