//! The transport of 2024-11-05: a stream that answers, and a path that messages are posted to.

use mcpist::mcp::subscriptions::Change;
use serde_json::{Value, json};

use crate::product::{Events, Post, Product, Settings, request, with_meta};
use crate::wire::Reply;

/// A stream and the path of its messages.
struct Legacy<'a> {
    product: &'a Product,
    events: Events,
    messages: String,
}

impl<'a> Legacy<'a> {
    fn open(product: &'a Product, query: &str) -> Self {
        let mut events =
            Events::open(product.client(), &Post::new("").but("GET").to(&format!("/sse{query}")));
        let first = events.next().expect("the stream begins with its path");
        assert_eq!(first.name, "endpoint");
        assert!(first.data.starts_with("messages?session="), "{first:?}");
        Self { product, events, messages: format!("/{}", first.data) }
    }

    fn post(&self, body: impl Into<Vec<u8>>) -> Reply {
        self.product.send(&Post::new(body).to(&self.messages))
    }

    /// Posts a request, which is accepted at once and answered on the stream.
    fn ask(&mut self, method: &str, params: Value) -> Value {
        let reply = self.post(request(1, method, params).to_string());
        assert_eq!(reply.status, 202, "{reply:?}");
        self.events.message()
    }

    fn initialize(&mut self) -> Value {
        self.ask("initialize", json!({"protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": {"name": "old", "version": "1"}}))
    }
}

#[test]
fn messages_are_accepted_at_once_and_answered_on_the_stream() {
    let product = Product::start(&Settings::default());
    let mut client = Legacy::open(&product, "");
    assert_eq!(client.initialize()["result"]["protocolVersion"], "2024-11-05");
    assert_eq!(
        client.post(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#).status,
        202
    );
    assert_eq!(client.ask("ping", json!({})), json!({"jsonrpc": "2.0", "id": 1, "result": {}}));
    assert_eq!(
        client.ask("tools/list", json!({}))["result"]["tools"][0]["name"],
        "get_module_schema"
    );
    assert_eq!(client.ask("tools/lst", json!({}))["error"]["code"], -32601);
    assert_eq!(
        client.ask("server/discover", with_meta(json!({})))["result"]["resultType"],
        "complete"
    );
}

#[test]
fn each_stream_gets_the_answers_to_its_own_messages() {
    let product = Product::start(&Settings::default());
    let (mut one, mut other) = (Legacy::open(&product, ""), Legacy::open(&product, ""));
    assert_ne!(one.messages, other.messages);
    one.initialize();
    assert_eq!(
        other.ask("tools/list", json!({}))["error"]["code"],
        -32600,
        "only the first has begun a session"
    );
    assert_eq!(
        other.ask("ping", json!({}))["result"],
        json!({}),
        "the one request that may come before"
    );
    assert!(one.ask("tools/list", json!({}))["result"].is_object());
    other.initialize();
    assert!(other.ask("tools/list", json!({}))["result"].is_object());
}

#[test]
fn what_is_wrong_is_told_on_the_stream() {
    let product = Product::start(&Settings::default());
    let mut client = Legacy::open(&product, "");
    let mut check = |body: &str, code: i64, says: &str| {
        let reply = client.post(body);
        assert_eq!(reply.status, 202, "{reply:?}");
        let answer = client.events.message();
        assert_eq!(answer["error"]["code"], code, "{body}: {answer}");
        assert!(
            answer["error"]["message"].as_str().is_some_and(|message| message.contains(says)),
            "{body}: {answer}"
        );
    };
    check("{", -32700, "not JSON");
    check("[]", -32600, "empty batch");
    check(r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, -32600, "2025-03-26");
    check(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#, -32600, "initialize");
    check(
        r#"{"jsonrpc":"2.0","id":1,"method":"initialize"}"#,
        -32602,
        "params.protocolVersion is missing",
    );
    assert!(client.initialize()["result"].is_object());
}

#[test]
fn a_session_without_a_stream_is_unknown() {
    let product = Product::start(&Settings::default());
    let ping = Post::new(request(1, "ping", json!({})).to_string());
    for path in ["/messages", "/messages?session=", "/messages?session=unknown"] {
        let reply = product.send(&ping.clone().to(path));
        assert_eq!(reply.status, 404, "{path}");
        assert!(
            reply.body.contains("session_not_found") && reply.body.contains("GET /sse"),
            "{reply:?}"
        );
    }

    let Legacy { events, messages, .. } = Legacy::open(&product, "");
    assert_eq!(product.send(&ping.clone().to(&messages)).status, 202);
    drop(events);
    product.running.wait_for_connections(0);
    assert_eq!(product.send(&ping.to(&messages)).status, 404);
}

#[test]
fn the_path_for_messages_is_relative_to_the_stream() {
    let product = Product::start(&Settings::default());
    // A proxy may have removed a prefix: the address that the client resolves has it again.
    for (stream, reference) in [("/sse", "messages"), ("/sse/", "../messages")] {
        let mut events = Events::open(product.client(), &Post::new("").but("GET").to(stream));
        let endpoint = events.next().expect("the stream begins with its path").data;
        assert!(endpoint.starts_with(&format!("{reference}?session=")), "{stream}: {endpoint}");
        let (_, query) = endpoint.split_once('?').expect("it names the session");
        for path in ["/messages", "/messages/"] {
            let ping = Post::new(request(1, "ping", json!({})).to_string());
            assert_eq!(product.send(&ping.to(&format!("{path}?{query}"))).status, 202);
            assert_eq!(events.message()["result"], json!({}));
        }
    }
}

#[test]
fn a_stream_is_refused_to_a_client_that_accepts_none() {
    let product = Product::start(&Settings::default());
    let reply =
        product.send(&Post::new("").but("GET").to("/sse").with("Accept", "application/json"));
    assert_eq!(reply.status, 406, "{reply:?}");
}

#[test]
fn a_view_holds_for_the_whole_stream() {
    let product = Product::start(&Settings::default());
    let mut client = Legacy::open(&product, "?readonly=true&tools=direct");
    client.initialize();
    let tools = client.ask("tools/list", json!({}))["result"]["tools"].to_string();
    assert!(tools.contains("notes_get_note") && !tools.contains("notes_add_note"));
    assert_eq!(product.send(&Post::new("").but("GET").to("/sse?readonly=maybe")).status, 400);
}

#[test]
fn the_stream_tells_that_the_tools_changed_and_ends_with_the_server() {
    let product = Product::start(&Settings::default());
    let mut client = Legacy::open(&product, "");
    client.initialize();
    product.hub.publish(&Change::Tools);
    assert_eq!(client.events.message()["method"], "notifications/tools/list_changed");
    product.running.shutdown.begin();
    assert_eq!(client.events.next(), None);
}

#[test]
fn nothing_is_left_of_a_client_that_went_away() {
    let product = Product::start(&Settings::default());
    let mut events = Events::open(product.client(), &Post::new("").but("GET").to("/sse"));
    let path = events.next().expect("the path").data;
    let body = json!({"protocolVersion": "2024-11-05", "capabilities": {}});
    product.send(&Post::new(request(1, "initialize", body).to_string()).to(&format!("/{path}")));
    events.message();
    assert_eq!(product.hub.len(), 1);
    drop(events);
    product.running.wait_for_connections(0);
    // The place is given back by the thread that notices the end, a moment after the connection is counted out.
    product.wait_for_listeners(0);
}
