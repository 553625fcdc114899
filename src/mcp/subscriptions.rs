//! Subscriptions to changes: the listeners, their filters, and the notifications.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

use super::context::META_SUBSCRIPTION;
use super::handler::Capabilities;
use super::message::{Id, Members, notification_text, result_text, wrong_type};
use crate::error::Error;
use crate::json::Object;
use crate::sync::lock;

/// The maximum number of resources that one client may watch: each is compared at every change.
const MAX_RESOURCES: usize = 1_000;

/// A change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Of the list of tools.
    Tools,
    /// Of the list of prompts.
    Prompts,
    /// Of the list of resources.
    Resources,
    /// Of one resource, by URI.
    Resource(String),
}

impl Change {
    fn notification(&self) -> (&'static str, Object) {
        match self {
            Self::Tools => ("notifications/tools/list_changed", Object::new()),
            Self::Prompts => ("notifications/prompts/list_changed", Object::new()),
            Self::Resources => ("notifications/resources/list_changed", Object::new()),
            Self::Resource(uri) => (
                "notifications/resources/updated",
                Object::from_iter([("uri".to_owned(), json!(uri))]),
            ),
        }
    }
}

/// The changes that a listener subscribes to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    tools: bool,
    prompts: bool,
    resources: bool,
    uris: HashSet<String>,
}

impl Filter {
    /// Reads the `notifications` parameter of `subscriptions/listen`, limited to what the server offers.
    ///
    /// # Errors
    /// [`crate::error::Code::InvalidParams`] that names the member with the wrong type.
    pub fn read(params: &Object, offered: Capabilities) -> Result<Self, Error> {
        let wanted = match params.get("notifications") {
            Some(Value::Object(wanted)) => wanted,
            Some(other) => return Err(wrong_type("params.notifications", "an object", other)),
            None => {
                return Err(Error::invalid_params("params.notifications is missing")
                    .with_hint("Name what to hear of, as in {\"toolsListChanged\": true}."));
            }
        };
        let flag = |name: &str| match wanted.get(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(other) => {
                Err(wrong_type(&format!("params.notifications.{name}"), "a boolean", other))
            }
        };
        let uris = match wanted.get("resourceSubscriptions") {
            None => HashSet::new(),
            Some(Value::Array(uris)) if uris.len() > MAX_RESOURCES => {
                return Err(Error::invalid_params(format!(
                    "params.notifications.resourceSubscriptions may name at most {MAX_RESOURCES} resources"
                )));
            }
            Some(Value::Array(uris)) => uris
                .iter()
                .map(|uri| {
                    uri.as_str().map(str::to_owned).ok_or_else(|| {
                        wrong_type("params.notifications.resourceSubscriptions[]", "a string", uri)
                    })
                })
                .collect::<Result<_, _>>()?,
            Some(other) => {
                return Err(wrong_type(
                    "params.notifications.resourceSubscriptions",
                    "an array",
                    other,
                ));
            }
        };
        Ok(Self {
            tools: flag("toolsListChanged")?,
            prompts: flag("promptsListChanged")? && offered.prompts.is_some_and(|told| told.0),
            resources: flag("resourcesListChanged")?
                && offered.resources.is_some_and(|told| told.0),
            uris: if offered.subscribe { uris } else { HashSet::new() },
        })
    }

    /// Returns every list: a legacy client gets these notifications without a subscription.
    #[must_use]
    pub fn all_lists() -> Self {
        Self { tools: true, prompts: true, resources: true, uris: HashSet::new() }
    }

    fn wants(&self, change: &Change) -> bool {
        match change {
            Change::Tools => self.tools,
            Change::Prompts => self.prompts,
            Change::Resources => self.resources,
            Change::Resource(uri) => self.uris.contains(uri),
        }
    }

    fn to_json(&self) -> Value {
        let mut object = Object::new();
        for (name, wanted) in [
            ("toolsListChanged", self.tools),
            ("promptsListChanged", self.prompts),
            ("resourcesListChanged", self.resources),
        ] {
            if wanted {
                object.insert(name.to_owned(), json!(true));
            }
        }
        if !self.uris.is_empty() {
            let mut uris: Vec<_> = self.uris.iter().collect();
            uris.sort_unstable();
            object.insert("resourceSubscriptions".to_owned(), json!(uris));
        }
        Value::Object(object)
    }
}

/// The destination of a listener's messages; each transport has one implementation. It must never block.
pub trait Sink: Send {
    /// Sends one message. Returns false if the listener has disconnected.
    fn send(&self, json: &str) -> bool;

    /// Ends the stream after this last message.
    fn finish(&self, last: Option<&str>);
}

/// The key of a listener in the [`Hub`], for [`Hub::unsubscribe`].
pub type Ticket = u64;

enum Kind {
    /// A `subscriptions/listen` request; its id is part of every message.
    Modern(Id),
    /// The stream of a legacy session, which has at most one.
    Legacy(String),
}

struct Listener {
    kind: Kind,
    filter: Filter,
    sink: Box<dyn Sink>,
}

/// Ends the stream of a legacy session, if it has one.
fn end_stream(listeners: &mut HashMap<Ticket, Listener>, session: &str) {
    listeners.retain(|_, listener| {
        let ends = matches!(&listener.kind, Kind::Legacy(other) if other == session);
        if ends {
            listener.sink.finish(None);
        }
        !ends
    });
}

/// All listeners.
#[derive(Default)]
pub struct Hub {
    listeners: Mutex<HashMap<Ticket, Listener>>,
    last_ticket: AtomicU64,
}

impl Hub {
    /// Adds a `subscriptions/listen` stream and acknowledges it: the acknowledgement is the first message, and no later change
    /// is missed.
    pub fn listen(&self, id: Id, filter: Filter, sink: Box<dyn Sink>) -> Ticket {
        let acknowledged = Object::from_iter([
            ("_meta".to_owned(), json!({META_SUBSCRIPTION: id})),
            ("notifications".to_owned(), filter.to_json()),
        ]);
        let mut listeners = lock(&self.listeners);
        sink.send(&notification_text("notifications/subscriptions/acknowledged", &acknowledged));
        let ticket = self.last_ticket.fetch_add(1, Ordering::Relaxed);
        listeners.insert(ticket, Listener { kind: Kind::Modern(id), filter, sink });
        ticket
    }

    /// Adds the stream of a legacy session. An earlier stream of the session ends, because a message may be sent on only one
    /// stream (2025-11-25, "Multiple Connections").
    pub fn attach(&self, session: &str, filter: Filter, sink: Box<dyn Sink>) -> Ticket {
        let mut listeners = lock(&self.listeners);
        end_stream(&mut listeners, session);
        let ticket = self.last_ticket.fetch_add(1, Ordering::Relaxed);
        listeners.insert(ticket, Listener { kind: Kind::Legacy(session.to_owned()), filter, sink });
        ticket
    }

    /// Ends the stream of an ended legacy session.
    pub fn detach(&self, session: &str) {
        end_stream(&mut lock(&self.listeners), session);
    }

    /// Adds or removes one resource for a legacy session's stream.
    pub fn watch(&self, session: &str, uri: &str, watched: bool) {
        for listener in lock(&self.listeners).values_mut() {
            if matches!(&listener.kind, Kind::Legacy(other) if other == session) {
                if watched && listener.filter.uris.len() < MAX_RESOURCES {
                    listener.filter.uris.insert(uri.to_owned());
                } else if !watched {
                    listener.filter.uris.remove(uri);
                }
            }
        }
    }

    /// Removes a listener whose client has disconnected.
    pub fn unsubscribe(&self, ticket: Ticket) {
        lock(&self.listeners).remove(&ticket);
    }

    /// Reports a change to every listener that subscribed to it.
    pub fn publish(&self, change: &Change) {
        let (method, params) = change.notification();
        lock(&self.listeners).retain(|_, listener| {
            if !listener.filter.wants(change) {
                return true;
            }
            let mut params = params.clone();
            if let Kind::Modern(id) = &listener.kind {
                params.insert("_meta".to_owned(), json!({META_SUBSCRIPTION: id}));
            }
            listener.sink.send(&notification_text(method, &params))
        });
    }

    /// Ends every stream gracefully: a modern stream gets the response to its request.
    pub fn close(&self) {
        for (_, listener) in lock(&self.listeners).drain() {
            match &listener.kind {
                Kind::Modern(id) => {
                    let meta = json!({META_SUBSCRIPTION: id});
                    let end = result_text(
                        id,
                        Members::new().with("resultType", &"complete").with("_meta", &meta),
                    );
                    listener.sink.finish(Some(&end));
                }
                Kind::Legacy(_) => listener.sink.finish(None),
            }
        }
    }

    /// Returns the number of listeners.
    #[must_use]
    pub fn len(&self) -> usize {
        lock(&self.listeners).len()
    }

    /// Returns whether there are no listeners.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Recorder(Arc<Mutex<Vec<String>>>);

    impl Sink for Recorder {
        fn send(&self, json: &str) -> bool {
            self.0.lock().unwrap().push(json.to_owned());
            true
        }
        fn finish(&self, last: Option<&str>) {
            self.0.lock().unwrap().push(last.unwrap_or("finished").to_owned());
        }
    }

    impl Recorder {
        fn take(&self) -> Vec<String> {
            std::mem::take(&mut self.0.lock().unwrap())
        }
    }

    fn filter(wanted: Value) -> Filter {
        let everything = Capabilities {
            prompts: Some(crate::mcp::handler::ListChanged(true)),
            resources: Some(crate::mcp::handler::ListChanged(true)),
            subscribe: true,
            ..Capabilities::default()
        };
        Filter::read(&Object::from_iter([("notifications".to_owned(), wanted)]), everything)
            .unwrap()
    }

    #[test]
    fn a_listener_hears_first_the_acknowledgement_then_only_what_it_asked_for() {
        let (hub, recorder) = (Hub::default(), Recorder::default());
        hub.listen(
            Id::from(7),
            filter(json!({"promptsListChanged": true, "resourceSubscriptions": ["a:1"]})),
            Box::new(recorder.clone()),
        );
        for change in [
            Change::Tools,
            Change::Prompts,
            Change::Resources,
            Change::Resource("a:2".to_owned()),
            Change::Resource("a:1".to_owned()),
        ] {
            hub.publish(&change);
        }
        hub.close();
        let heard = recorder.take();
        let methods: Vec<String> = heard
            .iter()
            .map(|text| {
                serde_json::from_str::<Value>(text).unwrap()["method"]
                    .as_str()
                    .unwrap_or("result")
                    .to_owned()
            })
            .collect();
        assert_eq!(
            methods,
            [
                "notifications/subscriptions/acknowledged",
                "notifications/prompts/list_changed",
                "notifications/resources/updated",
                "result"
            ]
        );
        assert!(
            heard.iter().all(|text| text.contains(r#""io.modelcontextprotocol/subscriptionId":7"#)),
            "{heard:?}"
        );
        assert!(hub.is_empty());
    }

    #[test]
    fn a_second_stream_of_a_session_replaces_the_first() {
        let (hub, first, second) = (Hub::default(), Recorder::default(), Recorder::default());
        hub.attach("s", Filter::all_lists(), Box::new(first.clone()));
        hub.attach("s", Filter::all_lists(), Box::new(second.clone()));
        hub.watch("s", "a:1", true);
        hub.publish(&Change::Resource("a:1".to_owned()));
        hub.watch("s", "a:1", false);
        hub.publish(&Change::Resource("a:1".to_owned()));
        assert_eq!(first.take(), ["finished"]);
        assert_eq!(second.take().len(), 1);
    }

    #[test]
    fn a_filter_of_a_wrong_shape_is_refused_by_name() {
        for (wanted, says) in [
            (json!(null), "params.notifications must be an object"),
            (json!({"toolsListChanged": "yes"}), "toolsListChanged must be a boolean"),
            (json!({"resourceSubscriptions": "a:1"}), "resourceSubscriptions must be an array"),
            (json!({"resourceSubscriptions": [1]}), "resourceSubscriptions[] must be a string"),
        ] {
            let params = Object::from_iter([("notifications".to_owned(), wanted)]);
            let error = Filter::read(&params, Capabilities::default()).unwrap_err();
            assert!(error.message().contains(says), "{error}");
        }
    }
}
