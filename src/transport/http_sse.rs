//! HTTP+SSE, the transport of 2024-11-05: one event stream for each client, and a path to which its messages are posted.
//!
//! A client's stream and its messages must reach the same replica. This is inherent in the transport, and the reason why it was
//! replaced.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use super::streamable::{Accepted, end_with_token, not_acceptable};
use crate::access::Caller;
use crate::error::{Code, Error};
use crate::http::{Answer, Event, Request, Response, Stream, spawn};
use crate::mcp;
use crate::mcp::channel::{Channel, Outlet};
use crate::mcp::context::View;
use crate::random::random_id;
use crate::sync::lock;

/// A client with an open stream.
struct Client {
    owner: Caller,
    channel: Channel,
    stream: Stream,
}

/// The clients connected by HTTP+SSE, by the session id in the path for their messages.
pub struct Legacy {
    server: Arc<mcp::Server>,
    clients: Arc<Mutex<HashMap<String, Arc<Client>>>>,
}

impl Legacy {
    pub(super) fn new(server: Arc<mcp::Server>) -> Self {
        Self { server, clients: Arc::default() }
    }

    /// `GET /sse`: the stream, whose first event names the path for messages.
    pub(super) fn open(
        &self,
        request: &Request,
        caller: Caller,
        view: View,
    ) -> Result<Answer, Error> {
        let place = self.server.quotas.streams.take(caller.user_id())?;
        if !Accepted::of(&request.headers)?.events {
            return Err(not_acceptable("text/event-stream"));
        }
        let (server, clients, id) =
            (Arc::clone(&self.server), Arc::clone(&self.clients), random_id());
        // Relative to the stream's address, so that it works behind a proxy that adds a prefix.
        let up = if request.path.ends_with('/') { "../" } else { "" };
        Ok(Answer::Parked(Box::new(move |stream| {
            end_with_token(&stream, &caller);
            let channel =
                Channel::new(server, Arc::new(StreamOutlet(stream.clone())), caller.clone(), view);
            let client = Arc::new(Client { owner: caller, channel, stream: stream.clone() });
            // The place is there before the client can know of it.
            lock(&clients).insert(id.clone(), Arc::clone(&client));
            stream.send(Event::named("endpoint", &format!("{up}messages?session={id}")));
            stream.on_close(Box::new(move || {
                lock(&clients).remove(&id);
                client.channel.close();
                drop(place);
            }));
        })))
    }

    /// `POST /messages?session=…`: accepted at once, answered on the stream.
    pub(super) fn receive(&self, request: &Request, caller: &Caller) -> Result<Answer, Error> {
        let session = form_urlencoded::parse(request.query.as_bytes())
            .find(|(name, _)| name == "session")
            .map(|(_, id)| id);
        let client = session
            .and_then(|id| lock(&self.clients).get(&*id).cloned())
            .filter(|client| client.owner == *caller)
            .ok_or_else(|| {
                Error::new(Code::SessionNotFound, "no open stream belongs to this session")
                    .with_hint("Open one with GET /sse; its first event names the path.")
            })?;
        let body = Channel::read(&request.body);
        // Quick messages need no slot: they may be answers that running requests wait for.
        if client.channel.is_quick(&body) {
            client.channel.receive(body);
        } else {
            match client.channel.slot() {
                Ok(place) => {
                    // A drain does not end the stream before the answer.
                    let hold = client.stream.hold();
                    let serving = move || {
                        client.channel.receive(body);
                        drop((place, hold));
                    };
                    spawn("message", serving).map_err(|_| {
                        Error::new(Code::Busy, "there is no thread for this message")
                            .with_hint("Send it again in a moment.")
                    })?;
                }
                Err(error) => client.channel.refuse(body, &error),
            }
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
