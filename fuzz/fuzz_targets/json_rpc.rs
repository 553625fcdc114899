//! Every request gets one answer with its id, in every version; nothing else gets any.

#![no_main]

use std::mem;
use std::sync::{Arc, LazyLock, Mutex};

use libfuzzer_sys::fuzz_target;
use mcpist::access::Caller;
use mcpist::error::Error;
use mcpist::mcp::Server;
use mcpist::mcp::call::Call;
use mcpist::mcp::channel::{Channel, Outlet};
use mcpist::mcp::context::{Context, View};
use mcpist::mcp::handler::{About, Capabilities, Handler, Interruption, Item, ListChanged, ToolResult};
use mcpist::json::Object;
use mcpist::mcp::message::{Body, Id, Message, parse};
use mcpist::mcp::seal::Seal;
use mcpist::mcp::subscriptions::Hub;
use serde_json::{Value, json};

/// The version that the session negotiates, if there is a session.
const VERSIONS: [Option<&str>; 4] =
    [None, Some("2024-11-05"), Some("2025-03-26"), Some("2025-11-25")];

static SERVER: LazyLock<Arc<Server>> = LazyLock::new(|| {
    Arc::new(Server::new(Arc::new(Trivial(about())), Seal::random(), Arc::new(Hub::default())))
});

fuzz_target!(|input: (u8, &[u8])| {
    let (version, bytes) = input;
    let version = VERSIONS[usize::from(version) % VERSIONS.len()];
    let outlet = Arc::new(Lines::default());
    let channel = Channel::new(
        Arc::clone(&SERVER),
        Arc::clone(&outlet) as Arc<dyn Outlet>,
        Caller::local(),
        View::default(),
    );
    if let Some(version) = version {
        let params = json!({"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "fuzz", "version": "1"}});
        let initialize =
            json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params});
        channel.receive(Channel::read(initialize.to_string().as_bytes()));
        assert_eq!(outlet.take().len(), 1);
    }
    channel.receive(Channel::read(bytes));
    check(&expected(bytes, version), &outlet.take());
    channel.close();
    // The message at the end of a subscription still has the form of a message.
    outlet.take();
});

/// The requests in a body.
#[derive(Debug)]
enum Expected {
    Nothing,
    /// One message for this id; null if the id could not be read.
    One(Value),
    /// A batch with a message for each of these ids, in this order.
    Batch(Vec<Value>),
    /// The stream that this request opens begins.
    Stream(Value),
}

fn expected(bytes: &[u8], version: Option<&str>) -> Expected {
    let id = |id: &Id| serde_json::to_value(id).expect("ids are JSON");
    let unread = |found: &Option<Id>| found.as_ref().map_or(Value::Null, id);
    match parse(bytes) {
        Err(malformed) => Expected::One(unread(&malformed.id)),
        Ok(Body::One(Message::Request(request))) if request.method == "subscriptions/listen" => {
            Expected::Stream(id(&request.id))
        }
        Ok(Body::One(Message::Request(request))) => Expected::One(id(&request.id)),
        Ok(Body::One(Message::Notification(_) | Message::Response(_))) => Expected::Nothing,
        Ok(Body::Batch(_)) if version != Some("2025-03-26") => Expected::One(Value::Null),
        Ok(Body::Batch(entries)) => {
            let ids = entries.iter().filter_map(|entry| match entry {
                Ok(Message::Request(request)) => Some(id(&request.id)),
                Ok(_) => None,
                Err(malformed) => Some(unread(&malformed.id)),
            });
            let ids: Vec<_> = ids.collect();
            if ids.is_empty() { Expected::Nothing } else { Expected::Batch(ids) }
        }
    }
}

fn check(expected: &Expected, lines: &[Value]) {
    match (expected, lines) {
        (Expected::Nothing, []) => {}
        (Expected::One(id), [line]) => check_answer(line, id),
        (Expected::Batch(ids), [Value::Array(answers)]) if answers.len() == ids.len() => {
            answers.iter().zip(ids).for_each(|(answer, id)| check_answer(answer, id));
        }
        (Expected::Stream(_), [line])
            if line["method"] == "notifications/subscriptions/acknowledged" => {}
        // A subscription that is refused, or that the version does not have.
        (Expected::Stream(id), [line]) => check_answer(line, id),
        _ => panic!("{expected:?}, but these came: {lines:?}"),
    }
}

fn check_answer(answer: &Value, id: &Value) {
    let members = answer.as_object().expect("an answer is an object");
    assert_eq!(members["jsonrpc"], "2.0");
    assert_eq!(members.get("id"), (!id.is_null()).then_some(id));
    match (members.get("result"), members.get("error")) {
        (Some(Value::Object(_)), None) => {}
        (None, Some(error)) => {
            assert!(error["code"].is_i64() && error["message"].is_string(), "{error}")
        }
        _ => panic!("neither a result nor an error: {answer}"),
    }
}

/// Keeps what is sent; each message is JSON on one line.
#[derive(Default)]
struct Lines(Mutex<Vec<Value>>);

impl Lines {
    fn take(&self) -> Vec<Value> {
        mem::take(&mut self.0.lock().expect("no holder panics"))
    }
}

impl Outlet for Lines {
    fn send(&self, json: &str) -> bool {
        assert!(!json.contains(['\n', '\r']), "a message is one line: {json:?}");
        self.0
            .lock()
            .expect("no holder panics")
            .push(serde_json::from_str(json).expect("a message is JSON"));
        true
    }
}

/// Offers everything and does nothing.
struct Trivial(About);

fn about() -> About {
    About {
        name: "trivial".to_owned(),
        title: "Trivial".to_owned(),
        version: "1".to_owned(),
        instructions: None,
    }
}

impl Handler for Trivial {
    fn about(&self) -> &About {
        &self.0
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            prompts: Some(ListChanged(true)),
            resources: Some(ListChanged(true)),
            subscribe: true,
            completions: true,
            logging: true,
        }
    }

    fn tools(&self, _: &Context) -> Result<Vec<Arc<Item>>, Error> {
        Ok(vec![Arc::new(Item::new(&json!({"name": "echo", "inputSchema": {"type": "object"}})))])
    }

    fn call_tool(
        &self,
        _: &Call<'_>,
        name: &str,
        arguments: Object,
    ) -> Result<ToolResult, Interruption> {
        match name {
            "echo" => Ok(ToolResult::text(Value::Object(arguments).to_string())),
            _ => Err(Error::invalid_params(format!("unknown tool {name:?}")).into()),
        }
    }
}
