//! Both eras of the protocol from one endpoint: sessions, requests that stand for themselves, and streams of changes.

use mcpist::mcp::subscriptions::Change;
use serde_json::{Value, json};

use crate::fake_upstream::{Answer, Exchange, FakeUpstream};
use crate::product::{
    Events, MODERN, Post, Product, Session, Settings, initialize, json_of, modern, request, text_of,
};

const LEGACY: [&str; 4] = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];

/// The features of the product, in every era.
fn capabilities() -> Value {
    json!({
        "completions": {}, "prompts": {"listChanged": true}, "resources": {"subscribe": false, "listChanged": true},
        "tools": {"listChanged": true},
    })
}

fn assert_lists_tools(product: &Product, post: &Post) {
    let reply = product.send(post);
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(json_of(&reply)["result"]["tools"][0]["name"], "get_module_schema");
}

#[test]
fn a_legacy_client_gets_the_version_that_it_asks_for_and_a_session() {
    let product = Product::start(&Settings::default());
    for version in LEGACY {
        let reply = product.send(&initialize(version));
        let result = json_of(&reply)["result"].take();
        assert_eq!(result["protocolVersion"], version);
        assert_eq!(result["serverInfo"]["name"], "mcpist");
        assert_eq!(result["capabilities"], capabilities());
        assert!(
            result["instructions"].as_str().is_some_and(|text| text.contains("get_module_schema"))
        );
        let id = reply.header("mcp-session-id").expect("a session has an id").to_owned();
        let session = Session { id, version: version.to_owned() };
        let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        assert_eq!(product.send(&session.post(&initialized)).status, 202);
        let ping = product.send(&session.request("ping", json!({})));
        assert_eq!(ping.body, r#"{"jsonrpc":"2.0","id":1,"result":{}}"#);
        assert_lists_tools(&product, &session.request("tools/list", json!({})));
        // A client need not send the version again: the session knows it.
        assert_lists_tools(
            &product,
            &session.request("tools/list", json!({})).without("MCP-Protocol-Version"),
        );
    }
}

#[test]
fn a_legacy_client_that_asks_for_another_version_gets_the_newest_legacy_one() {
    let product = Product::start(&Settings::default());
    for version in [MODERN, "1999-01-01", "2099-01-01", ""] {
        assert_eq!(
            json_of(&product.send(&initialize(version)))["result"]["protocolVersion"],
            LEGACY[0],
            "{version}"
        );
    }
}

#[test]
fn a_modern_request_needs_no_session_and_gets_none() {
    let product = Product::start(&Settings::default());
    let reply = product.send(&modern("server/discover", json!({})));
    let result = json_of(&reply)["result"].take();
    assert_eq!((reply.status, reply.header("mcp-session-id")), (200, None));
    assert_eq!(result["resultType"], "complete");
    assert_eq!(
        (&result["supportedVersions"][0], &result["capabilities"]),
        (&json!(MODERN), &capabilities())
    );
    assert_eq!(result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "mcpist");
    assert_eq!(result["cacheScope"], "public");

    let list = json_of(&product.send(&modern("tools/list", json!({}))))["result"].take();
    assert_eq!(
        (&list["resultType"], &list["cacheScope"]),
        (&json!("complete"), &json!("private")),
        "{list}"
    );
    assert!(list["ttlMs"].as_u64().is_some_and(|time| time > 0), "{list}");
    let notification = json!({"jsonrpc": "2.0", "method": "notifications/anything"});
    assert_eq!(product.send(&Post::new(notification.to_string())).status, 202);
}

#[test]
fn both_eras_are_served_on_one_connection() {
    let product = Product::start(&Settings::default());
    let mut client = product.client();
    for version in LEGACY {
        let session = initialize(version)
            .send(&mut client)
            .header("mcp-session-id")
            .expect("a session has an id")
            .to_owned();
        let session = Session { id: session, version: version.to_owned() };
        let answers = [
            modern("tools/list", json!({})),
            session.request("tools/list", json!({})),
            modern("server/discover", json!({})),
        ]
        .map(|post| json_of(&post.send(&mut client))["result"].take());
        assert_eq!(answers[0]["tools"], answers[1]["tools"]);
        assert_eq!(answers[0]["resultType"], "complete");
        assert_eq!(answers[1]["resultType"], Value::Null, "the legacy era has no such member");
    }
}

#[test]
fn an_answer_is_an_event_stream_for_a_client_that_accepts_nothing_else() {
    let product = Product::start(&Settings::default());
    let mut events = Events::open(
        product.client(),
        &initialize("2025-11-25").with("Accept", "text/event-stream"),
    );
    assert_eq!(events.message()["result"]["protocolVersion"], "2025-11-25");
    assert_eq!(events.next(), None);
    for accept in ["application/json", "*/*", "application/*;q=0.9, text/*", "APPLICATION/JSON"] {
        assert_lists_tools(&product, &modern("tools/list", json!({})).with("Accept", accept));
    }
    assert_lists_tools(&product, &modern("tools/list", json!({})).without("Accept"));
}

#[test]
fn a_batch_of_2025_03_26_answers_requests_together_and_in_order() {
    let product = Product::start(&Settings::default());
    let session = product.session("2025-03-26");
    let notification = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    let batch = json!([
        request("a", "ping", json!({})),
        notification,
        request(2, "tools/lst", json!({})),
        5,
        request(3, "initialize", json!({"protocolVersion": "2025-03-26"})),
        request(4, "tools/call", json!({"name": "get_module_schema"})),
    ]);
    let reply = product.send(&session.post(&batch));
    assert_eq!(reply.status, 200, "{reply:?}");
    let answers = json_of(&reply);
    let outcomes: Vec<_> = answers
        .as_array()
        .expect("a batch is answered by one")
        .iter()
        .map(|answer| (&answer["id"], &answer["error"]["code"]))
        .collect();
    let (none, refused) = (Value::Null, json!(-32600));
    assert_eq!(
        outcomes,
        [
            (&json!("a"), &none),
            (&json!(2), &json!(-32601)),
            (&none, &refused),
            (&json!(3), &refused),
            (&json!(4), &none)
        ]
    );
    assert!(text_of(&answers[4]["result"]).contains("\"module\":\"notes\""));

    let quiet = product.send(&session.post(&json!([notification, notification])));
    assert_eq!((quiet.status, quiet.body.as_str()), (202, ""));
}

#[test]
fn a_session_that_was_ended_is_gone_and_others_go_on() {
    let product = Product::start(&Settings::default());
    let (ended, other) = (product.session("2025-11-25"), product.session("2025-11-25"));
    assert_eq!(product.send(&ended.post(&Value::Null).but("DELETE")).status, 204);
    assert_eq!(product.send(&ended.request("tools/list", json!({}))).status, 404);
    assert_eq!(product.send(&ended.post(&Value::Null).but("DELETE")).status, 404);
    assert_lists_tools(&product, &other.request("tools/list", json!({})));
}

#[test]
fn a_session_lives_on_where_the_secret_is_the_same() {
    let secret = |secret| Settings { secret: Some(secret), ..Settings::default() };
    let first = Product::start(&secret("one secret of the operator's own"));
    let replica = Product::start(&secret("one secret of the operator's own"));
    let stranger = Product::start(&secret("another secret of somebody else's"));
    let session = first.session("2025-03-26");
    let batch = session.post(&json!([request(1, "ping", json!({}))]));
    assert_eq!(replica.send(&batch).status, 200, "the session's version came along");
    assert_eq!(stranger.send(&batch).status, 404);
    assert_eq!(Product::start(&Settings::default()).send(&batch).status, 404);

    drop(first);
    let restarted = Product::start(&secret("one secret of the operator's own"));
    assert_lists_tools(&restarted, &session.request("tools/list", json!({})));
}

#[test]
fn the_stream_of_a_legacy_session_tells_that_the_tools_changed() {
    let product = Product::start(&Settings::default());
    let session = product.session("2025-11-25");
    let get = session.post(&Value::Null).but("GET").with("Accept", "text/event-stream");
    let mut events = Events::open(product.client(), &get);
    product.wait_for_listeners(1);
    product.hub.publish(&Change::Prompts);
    product.hub.publish(&Change::Tools);
    assert_eq!(events.message()["method"], "notifications/prompts/list_changed");
    assert_eq!(
        events.message(),
        json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed", "params": {}})
    );

    // A message goes to one stream of a session, so the newer one takes over.
    let mut newer = Events::open(product.client(), &get);
    assert_eq!(events.next(), None);
    product.hub.publish(&Change::Tools);
    assert_eq!(newer.message()["method"], "notifications/tools/list_changed");

    drop(newer);
    product.wait_for_listeners(0);
}

#[test]
fn a_modern_subscription_is_acknowledged_then_told_and_ended_with_a_result() {
    let product = Product::start(&Settings::default());
    let listen = |wanted: Value| modern("subscriptions/listen", json!({"notifications": wanted}));
    let mut events = Events::open(
        product.client(),
        &listen(
            json!({"toolsListChanged": true, "resourceSubscriptions": ["github://notifications"]}),
        ),
    );
    let subscription = json!({"io.modelcontextprotocol/subscriptionId": 1});
    let acknowledged = events.message();
    assert_eq!(acknowledged["method"], "notifications/subscriptions/acknowledged");
    // No service reports changes, so no resource's are promised.
    assert_eq!(
        acknowledged["params"],
        json!({"_meta": subscription, "notifications": {"toolsListChanged": true}})
    );

    let mut deaf = Events::open(product.client(), &listen(json!({})));
    assert_eq!(deaf.message()["params"]["notifications"], json!({}));
    product.hub.publish(&Change::Prompts);
    product.hub.publish(&Change::Tools);
    assert_eq!(
        events.message(),
        json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed", "params": {"_meta": subscription}})
    );

    product.running.shutdown.begin();
    let end = events.message();
    assert_eq!(
        (&end["id"], &end["result"]["resultType"], &end["result"]["_meta"]),
        (&json!(1), &json!("complete"), &subscription)
    );
    assert_eq!(events.next(), None);
    assert_eq!(deaf.message()["id"], 1);
    assert_eq!(deaf.next(), None);
}

#[test]
fn a_modern_subscription_ends_when_its_client_goes() {
    let product = Product::start(&Settings::default());
    let listen =
        modern("subscriptions/listen", json!({"notifications": {"toolsListChanged": true}}));
    let events = Events::open(product.client(), &listen);
    product.wait_for_listeners(1);
    drop(events);
    product.wait_for_listeners(0);

    let reply = product.send(&listen.with("Accept", "application/json"));
    assert_eq!(reply.status, 406, "{reply:?}");
}

#[test]
fn structured_content_is_kept_from_versions_that_do_not_know_it() {
    let upstream = FakeUpstream::new([]);
    let product = Product::start(&Settings { upstream: Some(&upstream), ..Settings::default() });
    let call = json!({"name": "call", "arguments": {"module": "notes", "tool": "get_note", "params": {"id": 1}}});
    for version in LEGACY {
        let answer = Answer::new(200, &[], r#"{"id": 1, "title": "First"}"#);
        upstream.expect(Exchange::new("GET", "/notes/1", answer));
        let post =
            product.session(version).request("tools/call", call.clone()).to("/mcp?format=json");
        let result = json_of(&product.send(&post))["result"].take();
        assert_eq!(text_of(&result), r#"{"id":1,"title":"First"}"#);
        let structured =
            if version >= "2025-06-18" { json!({"id": 1, "title": "First"}) } else { Value::Null };
        assert_eq!(result["structuredContent"], structured, "{version}");
    }
}

#[test]
fn the_stream_of_a_session_ends_with_it() {
    let product = Product::start(&Settings::default());
    let session = product.session("2025-11-25");
    let mut events = Events::open(product.client(), &session.post(&Value::Null).but("GET"));
    product.wait_for_listeners(1);
    assert_eq!(product.send(&session.post(&Value::Null).but("DELETE")).status, 204);
    product.hub.publish(&Change::Tools);
    assert_eq!(events.next(), None);
}

#[test]
fn accept_is_read_as_http_has_it() {
    const JSON: Option<&str> = Some("application/json");
    const EVENTS: Option<&str> = Some("text/event-stream");
    let product = Product::start(&Settings::default());
    for (accept, answer) in [
        ("text/html\r\nAccept: application/json", JSON),
        ("application/json;q=0, text/event-stream", EVENTS),
        ("APPLICATION/JSON;Q=0, TEXT/*", EVENTS),
        ("application/json; Q=0.0 , */*", EVENTS),
        ("application/json;q = 0, */*;q=0.1", EVENTS),
        ("*/*;q=0, text/event-stream", EVENTS),
        ("application/*;q=0, application/json", JSON),
        ("application/*, application/json;q=0", None),
        ("text/*, */*;q=0", EVENTS),
        ("text/event-stream;q=0, application/json;charset=utf-8;q=0.5", JSON),
        ("application/json;q=0, application/json", JSON),
        ("*/*;q=0", None),
        ("text/*;q=0, text/html, application/xml", None),
        ("application/json;quality=0", JSON),
    ] {
        let mut client = product.client();
        modern("tools/list", json!({})).with("Accept", accept).write(&mut client);
        let head = client.reply_head();
        let kind = head.header("content-type").filter(|_| head.status == 200);
        assert_eq!(kind, answer, "{accept}: {head:?}");
        assert_eq!(head.status, if answer.is_some() { 200 } else { 406 }, "{accept}");
    }
}

#[test]
fn what_gets_no_body_can_be_accepted_by_everyone() {
    let product = Product::start(&Settings::default());
    let session = product.session("2025-03-26");
    let notification = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    let response = json!({"jsonrpc": "2.0", "id": "x", "result": {}});
    let nobodys = json!({"jsonrpc": "2.0", "id": null, "error": {"code": 1, "message": "m"}});
    for body in
        [&notification, &response, &nobodys, &json!([notification, response]), &json!([nobodys])]
    {
        let reply = product.send(&session.post(body).with("Accept", "text/html"));
        assert_eq!((reply.status, reply.body.as_str()), (202, ""), "{body}: {reply:?}");
    }
    for body in [&notification, &nobodys] {
        let reply = product.send(&Post::new(body.to_string()).with("Accept", "text/html"));
        assert_eq!((reply.status, reply.body.as_str()), (202, ""), "{body}: {reply:?}");
    }
    let ended = session.post(&json!(null)).but("DELETE").with("Accept", "text/html");
    assert_eq!(product.send(&ended).status, 204);
    assert_eq!(product.send(&session.post(&notification).with("Accept", "text/html")).status, 404);
}
