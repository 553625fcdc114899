//! Calls of tools, from the client to the service and back: results, failures, credentials, cancellation.

use std::time::Duration;

use serde_json::{Value, json};

use crate::fake_upstream::{Answer, Exchange, FakeUpstream};
use crate::product::{
    CANARY, Events, MODERN, Post, Product, Session, Settings, json_of, modern, request, text_of,
    wait_for_requests, with_meta,
};
use crate::stdio::Server;

fn at(upstream: &FakeUpstream) -> Product {
    Product::start(&Settings { upstream: Some(upstream), ..Settings::default() })
}

fn arguments(module: &str, tool: &str, params: Value) -> Value {
    Value::from_iter([("module", module.into()), ("tool", tool.into()), ("params", params)])
}

fn repository() -> Value {
    arguments("github", "get_repository", json!({"owner": "rust-lang", "repo": "rust"}))
}

#[test]
fn a_call_gives_the_fields_of_the_service_s_answer_as_toon() {
    let body = json!({
        "full_name": "rust-lang/rust", "description": "Empowering everyone, always", "private": false, "stargazers_count": 100_000,
        "topics": ["compiler", "language"], "license": {"spdx_id": "MIT"}, "owner": {"login": "rust-lang", "id": 5_430_905},
    });
    let exchange =
        Exchange::new("GET", "/repos/rust-lang/rust", Answer::new(200, &[], body.to_string()))
            .with_header("authorization", &format!("Bearer {CANARY}"))
            .with_header("x-github-api-version", "2022-11-28")
            .with_header("accept", "application/vnd.github+json");
    let upstream = FakeUpstream::new([exchange]);
    let result = at(&upstream).call("/mcp", "call", repository());
    assert_eq!(
        (&result["isError"], &result["structuredContent"]),
        (&Value::Null, &Value::Null),
        "{result}"
    );
    let text = text_of(&result);
    for line in [
        "full_name: rust-lang/rust",
        "description: \"Empowering everyone, always\"",
        "topics[2]: compiler,language",
        "stars: 100000",
    ] {
        assert!(text.lines().any(|known| known == line), "{line} is not in:\n{text}");
    }
    assert!(!text.contains("5430905"), "values that no field names are left out:\n{text}");
}

#[test]
fn every_way_to_a_tool_asks_the_service_the_same() {
    let exchange = || {
        Exchange::new("POST", "/notes", Answer::new(201, &[], r#"{"id": 7}"#))
            .with_body(json!({"title": "a \"b\" ü\u{0}"}))
    };
    let upstream = FakeUpstream::new([exchange(), exchange(), exchange(), exchange()]);
    let product = at(&upstream);
    let params = json!({"title": "a \"b\" ü\u{0}"});
    for (path, tool, arguments) in [
        ("/mcp", "call", arguments("notes", "add_note", params.clone())),
        ("/mcp", "call", arguments("notes", "notes_add_note", json!(params.to_string()))),
        ("/mcp/notes", "notes_add_note", params.clone()),
        ("/mcp?pin=notes_add_note", "notes_add_note", params.clone()),
    ] {
        assert_eq!(text_of(&product.call(path, tool, arguments)), "id: 7", "{path}");
    }
}

#[test]
fn the_credential_goes_to_its_own_service_alone_and_into_no_answer() {
    let echo = json!({"message": format!("Bad credentials: Bearer {CANARY}"), "documentation_url": format!("https://example.com/{CANARY}")});
    let echoed = |status| {
        let answer = Answer::new(status, &[("x-echo", CANARY)], echo.to_string());
        Exchange::new("GET", "/repos/rust-lang/rust", answer)
            .with_header("authorization", &format!("Bearer {CANARY}"))
    };
    let upstream = FakeUpstream::new([]);
    let product = at(&upstream);
    for status in [400, 401, 403, 404, 409, 422, 500] {
        for path in ["/mcp", "/mcp?format=json"] {
            upstream.expect(echoed(status));
            let post =
                modern("tools/call", json!({"name": "call", "arguments": repository()})).to(path);
            let reply = product.send(&post);
            assert_eq!(json_of(&reply)["result"]["isError"], true);
            assert!(!format!("{reply:?}").contains(CANARY), "{reply:?}");
        }
    }

    upstream.expect(
        Exchange::new("GET", "/notes", Answer::new(200, &[], "[]"))
            .with_header("authorization", ""),
    );
    product.call("/mcp/notes", "notes_list_notes", json!({}));
    let page = product.client().get("/").body;
    assert!(page.contains("connected") && !page.contains(CANARY));
}

#[test]
fn a_service_without_its_credential_is_not_asked() {
    let upstream = FakeUpstream::new([]);
    let result = at(&upstream).call("/mcp", "call", arguments("vault", "open_door", json!({})));
    assert_eq!(result["isError"], true);
    assert_eq!(
        text_of(&result),
        "code: not_connected\nmessage: Vault is not connected\nhint: Set VAULT_TOKEN and start MCPist again."
    );
}

#[test]
fn a_failure_of_the_service_becomes_a_failed_result_with_code_and_hint() {
    let check = |answers: Vec<Answer>, tool: &str, code: &str, says: &str| {
        let (method, target, params) = match tool {
            "get_note" => ("GET", "/notes/1", json!({"id": 1})),
            _ => ("POST", "/notes", json!({"title": "x"})),
        };
        let exchange = |answer| {
            let exchange = Exchange::new(method, target, answer);
            if method == "POST" { exchange.with_body(params.clone()) } else { exchange }
        };
        let upstream = FakeUpstream::new(answers.into_iter().map(exchange));
        let result = at(&upstream).call("/mcp", "call", arguments("notes", tool, params.clone()));
        let text = text_of(&result);
        assert_eq!(result["isError"], true, "{text}");
        assert!(
            text.starts_with(&format!("code: {code}\nmessage: ")) && text.contains("\nhint: "),
            "{text}"
        );
        assert!(text.contains(says), "{says} is not in: {text}");
    };
    let told = |status, headers: &[(&str, &str)]| {
        Answer::new(status, headers, r#"{"message": "in the service's words"}"#)
    };
    let once = |status, headers: &[(&str, &str)]| vec![told(status, headers)];
    let thrice = |status| vec![told(status, &[]); 3];
    check(once(404, &[]), "get_note", "not_found", "in the service's words");
    check(once(401, &[]), "get_note", "not_connected", "Connect Notes");
    check(once(403, &[]), "get_note", "permission_denied", "in the service's words");
    check(once(409, &[]), "add_note", "conflict", "in the service's words");
    check(once(422, &[]), "add_note", "invalid_params", "in the service's words");
    check(once(429, &[("retry-after", "60")]), "get_note", "rate_limited", "retry_after_s: 60");
    check(once(500, &[]), "get_note", "upstream_unavailable", "500");
    check(
        once(503, &[("retry-after", "60")]),
        "add_note",
        "upstream_unavailable",
        "retry_after_s: 60",
    );
    check(vec![Answer::new(200, &[], "<html>")], "get_note", "upstream_unavailable", "Notes");
    // Reads are tried again, a write only when the service says that nothing was done.
    check(thrice(429), "get_note", "rate_limited", "429");
    check(thrice(429), "add_note", "rate_limited", "429");
    check(thrice(502), "get_note", "upstream_unavailable", "502");
    check(once(502, &[]), "add_note", "upstream_unavailable", "look first");
    check(
        vec![Answer::Raw(Vec::new()); 3],
        "get_note",
        "upstream_unavailable",
        "cannot be reached",
    );
    check(vec![Answer::Raw(Vec::new())], "add_note", "upstream_unavailable", "look before");
}

#[test]
fn a_service_that_comes_back_is_no_failure() {
    let get = |answer| Exchange::new("GET", "/notes/1", answer);
    let upstream = FakeUpstream::new([
        get(Answer::new(503, &[("retry-after", "0")], "")),
        get(Answer::Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{".to_vec())),
        get(Answer::new(200, &[], r#"{"id": 1, "title": "There"}"#)),
    ]);
    let result = at(&upstream).call("/mcp/notes", "notes_get_note", json!({"id": 1}));
    assert_eq!(text_of(&result), "id: 1\ntitle: There");
}

#[test]
fn a_modern_client_that_goes_away_cancels_its_call() {
    let upstream = FakeUpstream::new([Exchange::new(
        "GET",
        "/notes/1",
        Answer::new(503, &[("retry-after", "25")], ""),
    )]);
    let product = at(&upstream);
    let mut client = product.client();
    modern("tools/call", json!({"name": "notes_get_note", "arguments": {"id": 1}}))
        .to("/mcp/notes")
        .write(&mut client);
    wait_for_requests(&upstream, 1);
    drop(client);
    // Long before the service may be asked again, no one works on the call any more.
    product.running.wait_for_connections(0);
    assert_eq!(upstream.requests().len(), 1);
}

#[test]
fn a_legacy_client_cancels_its_call_by_a_notification() {
    let upstream = FakeUpstream::new([Exchange::new(
        "GET",
        "/notes/1",
        Answer::new(503, &[("retry-after", "25")], ""),
    )]);
    let product = at(&upstream);
    let session = product.session("2025-11-25");
    let mut client = product.client();
    let call =
        request("slow", "tools/call", json!({"name": "notes_get_note", "arguments": {"id": 1}}));
    session.post(&call).to("/mcp/notes").write(&mut client);
    wait_for_requests(&upstream, 1);
    let cancel = |session: &Session| {
        let cancelled = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "slow"}});
        assert_eq!(product.send(&session.post(&cancelled)).status, 202);
    };
    // A request with the same id in another session must not be affected.
    cancel(&product.session("2025-11-25"));
    cancel(&session);
    let answer = json_of(&client.reply());
    assert!(text_of(&answer["result"]).starts_with("code: cancelled\n"), "{answer}");
}

fn cancellation() -> Value {
    json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 7}})
}

#[test]
fn a_cancelled_call_leaves_the_service_within_a_second_on_every_transport() {
    type Way = fn(&FakeUpstream, &Value);
    let ways: [(&str, Way); 4] = [
        ("2026-07-28 over HTTP", |upstream, params| {
            let product = at(upstream);
            let mut client = product.client();
            modern("tools/call", params.clone()).write(&mut client);
            wait_for_requests(upstream, 1);
            drop(client);
            assert!(upstream.wait_until_left() < Duration::from_secs(1));
            product.running.wait_for_connections(0);
        }),
        ("2025-11-25 over HTTP", |upstream, params| {
            let product = at(upstream);
            let session = product.session("2025-11-25");
            let mut client = product.client();
            session.post(&request(7, "tools/call", params.clone())).write(&mut client);
            wait_for_requests(upstream, 1);
            assert_eq!(product.send(&session.post(&cancellation())).status, 202);
            assert!(upstream.wait_until_left() < Duration::from_secs(1));
            let answer = json_of(&client.reply());
            assert!(text_of(&answer["result"]).contains("cancelled"), "{answer}");
        }),
        ("2024-11-05 over HTTP+SSE", |upstream, params| {
            let product = at(upstream);
            let mut events = Events::open(product.client(), &Post::new("").but("GET").to("/sse"));
            let messages = format!("/{}", events.next().expect("it names the path").data);
            let post = |body: &Value| {
                let reply = product.send(&Post::new(body.to_string()).to(&messages));
                assert_eq!(reply.status, 202, "{reply:?}");
            };
            post(&request(0, "initialize", json!({"protocolVersion": "2024-11-05"})));
            assert_eq!(events.message()["id"], 0);
            post(&request(7, "tools/call", params.clone()));
            wait_for_requests(upstream, 1);
            post(&cancellation());
            assert!(upstream.wait_until_left() < Duration::from_secs(1));
            post(&request(8, "ping", json!({})));
            assert_eq!(events.message()["id"], 8, "a cancelled request is not answered");
        }),
        ("stdio", |upstream, params| {
            let mut server = Server::start(&[], &[("NOTES_API_URL", &upstream.url())]);
            server.send(request(7, "tools/call", with_meta(params.clone())).to_string());
            wait_for_requests(upstream, 1);
            server.send(cancellation().to_string());
            assert!(upstream.wait_until_left() < Duration::from_secs(1));
            assert_eq!(server.ask(8, "server/discover", with_meta(json!({})))["id"], 8);
        }),
    ];
    let line = json!({"module": "notes", "tool": "get_note", "params": {"id": 1}});
    let calls = [
        json!({"name": "call", "arguments": line}),
        json!({"name": "batch", "arguments": {"calls": [line]}}),
    ];
    for (name, way) in ways {
        for params in &calls {
            let upstream = FakeUpstream::new([Exchange::new("GET", "/notes/1", Answer::SILENCE)]);
            println!("{name}: {params}");
            way(&upstream, params);
        }
    }
}

#[test]
fn progress_comes_under_a_token_that_is_a_string_or_an_integer_as_it_came() {
    let product = Product::start(&Settings::default());
    let line = json!({"module": "notes", "tool": "get_note", "params": {"id": "x"}});
    let check = |token: &str, told: Option<&str>| {
        let params = json!({"name": "batch", "arguments": {"calls": [line]}});
        let mut params = with_meta(params);
        params["_meta"]["progressToken"] = json!("TOKEN");
        let body = request(1, "tools/call", params).to_string().replace("\"TOKEN\"", token);
        let post = Post::new(body)
            .with("MCP-Protocol-Version", MODERN)
            .with("Mcp-Method", "tools/call")
            .with("Mcp-Name", "batch")
            .with("Accept", "text/event-stream");
        let mut events = Events::open(product.client(), &post);
        let first = events.next().expect("the stream has a message").data;
        let expected = told.map(|token| format!("{{\"progressToken\":{token},"));
        match expected {
            Some(expected) => assert!(first.contains(&expected), "{token}: {first}"),
            None => assert!(!first.contains("progressToken"), "{token}: {first}"),
        }
    };
    for token in ["\"a\"", "\"\"", "\"1.0\"", "7", "0", "-7", "18446744073709551615"] {
        check(token, Some(token));
    }
    for token in ["1.0", "1e3", "-0.0", "18446744073709551616", "null", "true", "[1]", "{}"] {
        check(token, None);
    }
}

#[test]
fn the_trace_of_the_client_goes_on_at_the_service() {
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let exchange = Exchange::new("GET", "/notes", Answer::new(200, &[], "[]"))
        .with_header("traceparent", parent);
    let upstream = FakeUpstream::new([exchange]);
    let mut params = with_meta(json!({"name": "notes_list_notes"}));
    params["_meta"]["traceparent"] = json!(parent);
    let reply = at(&upstream).send(&modern("tools/call", params).to("/mcp/notes"));
    assert_eq!(json_of(&reply)["result"]["isError"], Value::Null, "{reply:?}");
}

#[test]
fn who_lacks_a_permission_learns_which_one_the_tool_needs() {
    let check = |permissions: Value, status: u16, expected: &str| {
        let module = json!({
            "module": "shop", "title": "Shop", "description": "D.", "base_url": "https://shop.example",
            "auth": {"kind": "bearer", "env": ["SHOP_TOKEN"]},
            "tools": [{
                "name": "list", "description": "D.", "docs": "https://shop.example/docs", "annotations": {"readOnlyHint": true},
                "permissions": permissions, "request": {"method": "GET", "path": "/things"}, "output": {"items": "", "fields": {"id": "id"}}
            }]
        });
        let upstream = FakeUpstream::new([Exchange::new(
            "GET",
            "/things",
            Answer::new(status, &[], r#"{"message": "No"}"#),
        )]);
        let product = Product::start(&Settings {
            upstream: Some(&upstream),
            module: Some(&module),
            ..Settings::default()
        });
        let result = product.call("/mcp", "call", arguments("shop", "list", json!({})));
        assert_eq!(text_of(&result), expected);
    };
    let forbidden = "code: permission_denied\nmessage: Shop does not permit this (403): No\n\
        hint: Use an account or a credential of Shop that may do this.";
    check(
        json!(["things:read", "things:list"]),
        403,
        &format!("{forbidden} This tool needs: things:read, things:list"),
    );
    check(json!([]), 403, forbidden);
    let missing = "code: not_found\nmessage: Shop did not find this (404): No\n\
        hint: Check the names and ids. Objects that the account may not see are not found either.";
    check(json!(["things:read"]), 404, missing);
}

#[test]
fn a_long_document_is_read_on_where_it_was_cut() {
    let tool = |name: &str, output: Value| {
        json!({
            "name": name, "description": "D.", "docs": "https://shop.example/docs", "annotations": {"readOnlyHint": true},
            "request": {"method": "GET", "path": "/page"}, "output": output
        })
    };
    let module = json!({
        "module": "shop", "title": "Shop", "description": "D.", "base_url": "https://shop.example",
        "tools": [tool("document", json!({"document": "text", "fields": {"id": "id"}})), tool("text", json!({"text": "text"}))]
    });
    let upstream = FakeUpstream::new([]);
    let product = Product::start(&Settings {
        upstream: Some(&upstream),
        module: Some(&module),
        ..Settings::default()
    });
    let lines = "日本語の行\n".repeat(10_000);
    let body = json!({"id": 7, "text": lines}).to_string();
    let read = |tool: &str, offset: Value| {
        upstream.expect(Exchange::new("GET", "/page", Answer::new(200, &[], body.clone())));
        let call = json!({"module": "shop", "tool": tool, "params": {"offset": offset}});
        let lines = json!([{"id": "a", "module": "shop", "tool": tool, "params": {"offset": offset}, "output": true}]);
        let result = product.call("/mcp", "call", call);
        upstream.expect(Exchange::new("GET", "/page", Answer::new(200, &[], body.clone())));
        let batch = product.call("/mcp", "batch", json!({"calls": lines}));
        let in_batch = batch["content"][1]["text"]
            .as_str()
            .expect("a batch gives its results")
            .strip_prefix("a:\n");
        assert_eq!(in_batch, Some(text_of(&result)));
        text_of(&result).trim_start_matches("id: 7\n\n").to_owned()
    };
    for tool in ["document", "text"] {
        let (mut all, mut offset) = (String::new(), json!(0));
        loop {
            let part = read(tool, offset.clone());
            let Some((part, note)) = part.rsplit_once("[cut: ") else { break all.push_str(&part) };
            assert!(note.contains("of 60000; call again with offset "), "{note}");
            all.push_str(part);
            // Models write numbers as texts, too.
            offset = note.split_once("offset ").and_then(|(_, rest)| rest.split(' ').next()).into();
        }
        assert!(
            all == lines,
            "{tool}: {} characters of {}",
            all.chars().count(),
            lines.chars().count()
        );
        upstream.expect(Exchange::new("GET", "/page", Answer::new(200, &[], body.clone())));
        let result =
            product.call("/mcp", "call", arguments("shop", tool, json!({"offset": 60_000})));
        assert!(
            text_of(&result).contains("`offset` is past the end: there are 60000 characters"),
            "{}",
            text_of(&result)
        );
    }
}
