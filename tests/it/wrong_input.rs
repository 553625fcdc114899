//! Whatever a client sends, it is reported what is wrong, and the server goes on.

use serde_json::{Value, json};

use crate::product::{
    MODERN, Post, Product, Settings, initialize, json_of, modern, request, text_of, with_meta,
};
use crate::wire::Reply;

/// Far more than any sentence that says what is wrong, far less than a long input.
const MOST_BYTES_TOLD: usize = 4_096;

/// How a refusal is coded.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Code {
    /// A JSON-RPC error.
    Rpc(i64),
    /// An error of HTTP, whose body has a word.
    Word(&'static str),
}
use Code::{Rpc, Word};

/// Sends what is wrong, compares the answer, and sees that the same server still answers a good request.
fn check(product: &Product, post: &Post, status: u16, code: Code, says: &str) {
    let mut client = product.client();
    let reply = post.send(&mut client);
    let answer = json_of(&reply);
    let got = match &answer["error"]["code"] {
        Value::String(word) => Word(
            if let Word(expected) = code
                && expected == word
            {
                expected
            } else {
                "another word"
            },
        ),
        code => Rpc(code.as_i64().unwrap_or_default()),
    };
    assert_eq!((reply.status, got), (status, code), "{says}: {answer}");
    let message = answer["error"]["message"].as_str().unwrap_or_default();
    assert!(message.contains(says), "{message:?} does not name {says:?}");
    assert!(
        reply.body.len() <= MOST_BYTES_TOLD,
        "{} bytes are reported about {says}",
        reply.body.len()
    );
    // Refusals of the front door end their connection, all others keep it.
    let mut next =
        if reply.header("connection") == Some("close") { product.client() } else { client };
    assert_good(&modern("tools/list", json!({})).send(&mut next));
}

fn assert_good(reply: &Reply) {
    assert_eq!(reply.status, 200, "{reply:?}");
    assert!(json_of(reply)["result"].is_object(), "{reply:?}");
}

#[test]
fn a_body_that_is_no_message_is_refused() {
    let product = Product::start(&Settings::default());
    let check = |body: &[u8], code: i64, says: &str| {
        check(&product, &Post::new(body), 400, Rpc(code), says);
    };
    let batch = |count: usize| Value::from(vec![request(1, "ping", json!({})); count]).to_string();
    let deep_object = |depth: usize| format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));

    check(b"", -32700, "not JSON");
    check(b"{", -32700, "not JSON");
    check(b"nul", -32700, "not JSON");
    check(b"\0", -32700, "not JSON");
    check(b"{} {}", -32700, "not JSON");
    check("\u{feff}{}".as_bytes(), -32600, "jsonrpc");
    check("\u{feff}\u{feff}{}".as_bytes(), -32700, "not JSON");
    check(&b"[".repeat(10_000), -32700, "recursion limit");
    check(deep_object(10_000).as_bytes(), -32700, "recursion limit");
    check(br#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":1e}}"#, -32700, "not JSON");
    check(br#"{"jsonrpc":"2.0","id":1,"method":"\ud800"}"#, -32700, "not JSON");
    check(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}", -32700, "not JSON");
    check(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\0b\"}", -32700, "not JSON");

    for no_object in ["null", "true", "5", "\"text\""] {
        check(no_object.as_bytes(), -32600, "must be a JSON object");
    }
    check(b"[]", -32600, "empty batch");
    check(batch(51).as_bytes(), -32600, "at most 50");
    check(b"{}", -32600, "jsonrpc");
    check(br#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, -32600, "jsonrpc");
    check(br#"{"jsonrpc":2,"id":1,"method":"ping"}"#, -32600, "jsonrpc");
    for id in ["null", "true", "1.5", "[1]", "{}"] {
        check(
            format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#).as_bytes(),
            -32600,
            "id must be",
        );
    }
    check(br#"{"jsonrpc":"2.0","id":1}"#, -32600, "method");
    check(br#"{"jsonrpc":"2.0","id":1,"method":5}"#, -32600, "method must be a string");
    check(br#"{"jsonrpc":"2.0","id":1,"result":{},"error":{}}"#, -32600, "result or error");
    for params in ["[1]", "\"text\"", "5"] {
        check(
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{params}}}"#).as_bytes(),
            -32602,
            "params must be an object",
        );
    }
    check(
        br#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":[]}}"#,
        -32602,
        "params._meta must be an object",
    );
}

#[test]
fn an_optional_member_that_is_null_is_absent_in_both_eras() {
    let product = Product::start(&Settings::default());
    let session = product.session("2025-11-25");
    let check = |method: &str, params: Value| {
        let mut answers = vec![product.send(&session.request(method, params.clone()))];
        if params.is_object() {
            answers.push(product.send(&modern(method, params.clone())));
        }
        for reply in answers {
            let answer = json_of(&reply);
            assert!(answer["result"].is_object(), "{method} {params}: {answer}");
        }
    };
    check("ping", Value::Null);
    check("tools/list", Value::Null);
    check("tools/list", json!({"cursor": null}));
    check("resources/templates/list", json!({"cursor": null}));
    check("tools/call", json!({"name": "get_module_schema", "arguments": null}));
    check("prompts/get", json!({"name": "plan_day", "arguments": null}));
    // The required argument is then missing.
    let missing = json_of(&product.send(&session.request("tools/call", json!({"name": null}))));
    assert!(
        missing["error"]["message"].as_str().unwrap().contains("params.name is missing"),
        "{missing}"
    );
}

#[test]
fn an_error_answers_under_the_id_of_its_request() {
    let product = Product::start(&Settings::default());
    for id in
        [json!(0), json!(-7), json!("text"), json!(9_007_199_254_740_993_i64), json!("a\u{0}b")]
    {
        let body = json!({"jsonrpc": "1.0", "id": id, "method": "ping"});
        assert_eq!(json_of(&product.send(&Post::new(body.to_string())))["id"], id);
    }
    assert_eq!(json_of(&product.send(&Post::new("{")))["id"], Value::Null);
}

#[test]
fn a_body_over_the_limit_is_refused() {
    let product = Product::start(&Settings::default());
    check(&product, &Post::new(vec![b' '; 5_000_000]), 413, Word("body_too_large"), "4194304");
}

#[test]
fn a_request_that_http_cannot_take_is_refused() {
    let product = Product::start(&Settings::default());
    let good = || modern("tools/list", json!({}));
    let check = |post: Post, status: u16, word: &'static str, says: &str| {
        check(&product, &post, status, Word(word), says);
    };
    check(good().with("Accept", "text/html"), 406, "not_acceptable", "Accept");
    check(good().with("Accept", ""), 406, "not_acceptable", "Accept");
    check(
        good().with("Content-Type", "text/plain"),
        415,
        "unsupported_media_type",
        "application/json",
    );
    check(
        good().with("Content-Type", "application/jsonx"),
        415,
        "unsupported_media_type",
        "application/jsonx",
    );
    check(good().with("Host", "evil.example.com"), 403, "foreign_origin", "Host");
    check(good().with("Origin", "https://evil.example.com"), 403, "foreign_origin", "Origin");
    check(good().with("Origin", "null"), 403, "foreign_origin", "Origin");
    check(good().to("/nothing"), 404, "not_found", "/nothing");
    check(good().to("/mcp/unknown"), 404, "not_found", "/mcp/unknown");
    check(good().to("/mcp?readonly=maybe"), 400, "invalid_params", "?readonly=true");
    check(good().to("/mcp/notes?readonly="), 400, "invalid_params", "?readonly=true");
    check(good().to("/mcp?tools=all"), 400, "invalid_params", "?tools=direct");
    check(good().to("/mcp?format=xml"), 400, "invalid_params", "?format=json");
    check(good().but("PUT"), 405, "method_not_allowed", "PUT");
    check(good().but("GET").to("/messages"), 405, "method_not_allowed", "/messages");
    check(good().but("GET"), 400, "session_required", "Mcp-Session-Id");
    check(good().but("DELETE"), 400, "session_required", "Mcp-Session-Id");
    check(
        good().but("GET").with("Accept", "application/json"),
        406,
        "not_acceptable",
        "text/event-stream",
    );
    check(
        good().but("GET").with("Mcp-Session-Id", "forged"),
        404,
        "session_not_found",
        "initialize",
    );
    check(
        good().but("DELETE").with("Mcp-Session-Id", "forged"),
        404,
        "session_not_found",
        "initialize",
    );
}

#[test]
fn a_method_that_is_not_allowed_comes_with_those_that_are() {
    let product = Product::start(&Settings::default());
    let allowed = |path: &str| {
        product.send(&Post::new("").but("PUT").to(path)).header("allow").map(str::to_owned)
    };
    assert_eq!(allowed("/mcp").as_deref(), Some("GET, POST, DELETE, OPTIONS"));
    assert_eq!(allowed("/messages").as_deref(), Some("POST, OPTIONS"));
    assert_eq!(allowed("/health").as_deref(), Some("GET, HEAD, OPTIONS"));
}

#[test]
fn a_modern_request_with_wrong_metadata_is_refused() {
    let product = Product::start(&Settings::default());
    let list = || modern("tools/list", json!({}));
    let check_post = |post: &Post, status: u16, code: i64, says: &str| {
        check(&product, post, status, Rpc(code), says);
    };

    check_post(
        &list().without("MCP-Protocol-Version"),
        400,
        -32020,
        "MCP-Protocol-Version is missing",
    );
    check_post(
        &list().with("MCP-Protocol-Version", "2025-11-25"),
        400,
        -32020,
        "MCP-Protocol-Version",
    );
    check_post(&list().without("Mcp-Method"), 400, -32020, "Mcp-Method is missing");
    check_post(&list().with("Mcp-Method", "tools/call"), 400, -32020, "Mcp-Method");
    let call = || modern("tools/call", json!({"name": "get_module_schema"}));
    check_post(&call().without("Mcp-Name"), 400, -32020, "Mcp-Name is missing");
    check_post(&call().with("Mcp-Name", "call"), 400, -32020, "Mcp-Name");
    check_post(&call().with("Mcp-Name", "=?base64?!?="), 400, -32020, "base64");

    let meta = |key: &str, value: Value| {
        let mut params = with_meta(json!({}));
        let meta = params["_meta"].as_object_mut().expect("it was just made");
        let key = format!("io.modelcontextprotocol/{key}");
        if value.is_null() {
            meta.remove(&key);
        } else {
            meta.insert(key, value);
        }
        modern("tools/list", params)
    };
    check_post(&meta("protocolVersion", Value::Null), 400, -32602, "protocolVersion");
    check_post(
        &meta("protocolVersion", json!(2026)),
        400,
        -32602,
        "protocolVersion must be a string",
    );
    check_post(&meta("clientCapabilities", Value::Null), 400, -32602, "clientCapabilities");
    check_post(
        &meta("clientCapabilities", json!([])),
        400,
        -32602,
        "clientCapabilities must be an object",
    );
    check_post(&meta("logLevel", json!("loud")), 400, -32602, "log level");
    check_post(&meta("logLevel", json!(3)), 400, -32602, "log level");
    // Information that only describes the client is not a reason to reject it.
    for client in [json!("text"), json!({}), json!({"name": 5})] {
        assert_good(&product.send(&meta("clientInfo", client)));
    }

    for version in ["1999-01-01", "2025-11-25", ""] {
        let post = meta("protocolVersion", json!(version)).with("MCP-Protocol-Version", version);
        check_post(&post, 400, -32022, "protocol version");
        let data = &json_of(&product.send(&post))["error"]["data"];
        assert_eq!(data["requested"], version);
        assert!(
            data["supported"].as_array().is_some_and(|versions| versions.contains(&json!(MODERN))),
            "{data}"
        );
    }
}

#[test]
fn a_modern_request_with_wrong_parameters_is_refused() {
    let product = Product::start(&Settings::default());
    let check_post = |post: &Post, status: u16, code: i64, says: &str| {
        check(&product, post, status, Rpc(code), says);
    };
    let check = |method: &str, params: Value, status: u16, code: i64, says: &str| {
        check_post(&modern(method, params), status, code, says);
    };
    for unknown in
        ["tools/lst", "initialize", "ping", "logging/setLevel", "resources/subscribe", ""]
    {
        check(unknown, json!({}), 404, -32601, &format!("{unknown:?}"));
    }
    check("tools/call", json!({}), 200, -32602, "params.name is missing");
    check("tools/call", json!({"name": 5}), 200, -32602, "params.name must be a string");
    check(
        "tools/call",
        json!({"name": "call", "arguments": []}),
        200,
        -32602,
        "params.arguments must be an object",
    );
    check("tools/call", json!({"name": "unknown"}), 200, -32602, "unknown tool");
    check_post(
        &modern("tools/call", json!({"name": "a\u{0}b"})).with("Mcp-Name", "=?base64?YQBi?="),
        200,
        -32602,
        "unknown tool",
    );
    check(
        "tools/call",
        json!({"name": "call", "requestState": 5}),
        200,
        -32602,
        "params.requestState must be a string",
    );
    check(
        "tools/call",
        json!({"name": "call", "requestState": "forged"}),
        200,
        -32602,
        "params.requestState",
    );
    check(
        "tools/call",
        json!({"name": "call", "inputResponses": []}),
        200,
        -32602,
        "params.inputResponses must be an object",
    );
    check("tools/list", json!({"cursor": "forged"}), 200, -32602, "params.cursor");
    check("tools/list", json!({"cursor": 5}), 200, -32602, "params.cursor must be a string");
    check("prompts/get", json!({}), 200, -32602, "params.name is missing");
    check(
        "prompts/get",
        json!({"name": "plan_day", "arguments": []}),
        200,
        -32602,
        "params.arguments must be an object",
    );
    check("resources/read", json!({}), 200, -32602, "params.uri is missing");
    check("resources/templates/list", json!({"cursor": "forged"}), 200, -32602, "params.cursor");
    let completion = |reference: Value| json!({"ref": reference, "argument": {"name": "day"}});
    check(
        "completion/complete",
        completion(json!({"type": "ref/tool"})),
        200,
        -32602,
        "Use ref/prompt or ref/resource",
    );
    check(
        "completion/complete",
        completion(json!({"type": "ref/prompt"})),
        200,
        -32602,
        "params.ref.name must be a string",
    );
    let prompt = json!({"type": "ref/prompt", "name": "plan_day"});
    check(
        "completion/complete",
        completion(prompt),
        200,
        -32602,
        "params.argument.value must be a string",
    );
    check("subscriptions/listen", json!({}), 200, -32602, "params.notifications is missing");
    check(
        "subscriptions/listen",
        json!({"notifications": []}),
        200,
        -32602,
        "params.notifications must be an object",
    );
    check(
        "subscriptions/listen",
        json!({"notifications": {"toolsListChanged": 1}}),
        200,
        -32602,
        "toolsListChanged must be a boolean",
    );
}

#[test]
fn a_legacy_request_that_is_wrong_is_refused() {
    let product = Product::start(&Settings::default());
    let session = product.session("2025-11-25");
    let check = |post: Post, status: u16, code: i64, says: &str| {
        check(&product, &post, status, Rpc(code), says);
    };
    let call = |method: &str, params: Value| session.request(method, params);

    for unknown in ["tools/lst", "server/discover", "subscriptions/listen", "logging/setLevel"] {
        check(call(unknown, json!({})), 200, -32601, unknown);
    }
    check(call("tools/call", json!({})), 200, -32602, "params.name is missing");
    check(call("tools/call", json!({"name": {}})), 200, -32602, "params.name must be a string");
    check(
        call("tools/call", json!({"name": "call", "arguments": "text"})),
        200,
        -32602,
        "params.arguments must be an object",
    );
    check(call("tools/call", json!({"name": "a\u{0}b"})), 200, -32602, "unknown tool");
    check(call("tools/list", json!({"cursor": "forged"})), 200, -32602, "params.cursor");

    check(
        Post::new(request(1, "initialize", json!({})).to_string()),
        400,
        -32602,
        "params.protocolVersion is missing",
    );
    let wrong = json!({"protocolVersion": "2025-11-25", "capabilities": []});
    check(
        Post::new(request(1, "initialize", wrong).to_string()),
        400,
        -32602,
        "params.capabilities must be an object",
    );
    // The handshake negotiates the version by its parameters, whatever the header says.
    for header in ["1999-01-01", "2026-07-28", ""] {
        assert_good(&product.send(&initialize("2025-11-25").with("MCP-Protocol-Version", header)));
    }

    let list = || call("tools/list", json!({}));
    check(list().without("Mcp-Session-Id"), 400, -32600, "Mcp-Session-Id");
    check(list().with("MCP-Protocol-Version", "1999-01-01"), 400, -32022, "1999-01-01");
    check(list().with("Mcp-Session-Id", "unknown"), 404, -32600, "initialize");
    check(list().with("Mcp-Session-Id", ""), 404, -32600, "initialize");
    let body = json!([request(1, "ping", json!({}))]);
    check(session.post(&body), 400, -32600, "2025-03-26");
    check(session.post(&body).without("Mcp-Session-Id"), 400, -32600, "Mcp-Session-Id");
    let response = json!({"jsonrpc": "2.0", "id": 1, "result": {}});
    check(Post::new(response.to_string()), 400, -32600, "Mcp-Session-Id");
}

#[test]
fn a_session_id_that_was_tampered_with_is_unknown() {
    let product = Product::start(&Settings::default());
    let session = product.session("2025-11-25");
    let ping = |id: &str| session.request("ping", json!({})).with("Mcp-Session-Id", id);
    assert_good(&product.send(&ping(&session.id)));
    let [header, claims, tag] = session.id.split('.').collect::<Vec<_>>()[..] else {
        panic!("{} does not have three parts", session.id)
    };
    let no_algorithm = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
    let other = product.session("2025-03-26");
    let other_claims = other.id.split('.').nth(1).expect("it has three parts");
    for forged in [
        format!("{header}.{claims}"),
        format!("{header}.{claims}."),
        format!("{no_algorithm}.{claims}."),
        format!("{no_algorithm}.{claims}.{tag}"),
        format!("{header}.{other_claims}.{tag}"),
        format!("{header}.{claims}.{}", tag.chars().rev().collect::<String>()),
        format!("{}x", session.id),
        session.id.repeat(2),
    ] {
        check(&product, &ping(&forged), 404, Rpc(-32600), "initialize");
    }
}

#[test]
fn arguments_that_are_wrong_make_a_failed_result_that_names_them() {
    let product = Product::start(&Settings::default());
    let check = |tool: &str, arguments: Value, code: &str, says: &str| {
        let result = product.call("/mcp?pin=notes_get_note", tool, arguments.clone());
        let text = text_of(&result);
        assert_eq!(result["isError"], true, "{arguments}: {text}");
        assert!(
            text.starts_with(&format!("code: {code}\n")) && text.contains(says),
            "{arguments}: {text}"
        );
        assert!(text.len() <= MOST_BYTES_TOLD, "{arguments}: {} bytes are reported", text.len());
    };
    let note = |params: Value| json!({"module": "notes", "tool": "get_note", "params": params});
    check("call", json!({}), "invalid_params", "module is missing");
    check("call", json!({"module": "notes"}), "invalid_params", "tool is missing");
    check(
        "call",
        json!({"module": 5, "tool": "get_note"}),
        "invalid_params",
        "module must be a string",
    );
    check(
        "call",
        json!({"module": "notes", "tool": "get_note", "parms": {}}),
        "invalid_params",
        "\"parms\"",
    );
    check("call", json!({"module": "nots", "tool": "get_note"}), "not_found", "\"nots\"");
    check(
        "call",
        json!({"module": "notes", "tool": "get_nte"}),
        "not_found",
        "Did you mean \"get_note\"?",
    );
    check("call", note(json!([])), "invalid_params", "params must be an object");
    check("call", note(json!("{")), "invalid_params", "params must be an object");
    check("call", note(json!({})), "invalid_params", "`id` is missing");
    check("call", note(json!({"id": "one"})), "invalid_params", "`id` must be an integer");
    check("call", note(json!({"id": 1.5})), "invalid_params", "`id` must be an integer");
    check("call", note(json!({"id": [1]})), "invalid_params", "`id` must be an integer");
    check(
        "call",
        note(json!({"id": "x".repeat(100_000)})),
        "invalid_params",
        "`id` must be an integer",
    );
    check("call", note(json!({"id": 1, "number": 2})), "invalid_params", "`number` is unknown");
    check("notes_get_note", json!({"id": {}}), "invalid_params", "`id` must be an integer");
    check(
        "get_module_schema",
        json!({"modules": 5}),
        "invalid_params",
        "modules must be an array of strings",
    );
    check(
        "get_module_schema",
        json!({"modules": [5]}),
        "invalid_params",
        "modules must be an array of strings",
    );
    check("get_module_schema", json!({"modules": ["nots"]}), "not_found", "\"nots\"");
    check(
        "get_module_schema",
        json!({"modules": ["notes"], "tools": ["nothing"]}),
        "not_found",
        "\"nothing\"",
    );
    check("get_module_schema", json!({"moduls": []}), "invalid_params", "\"moduls\"");
}

#[test]
fn an_error_does_not_repeat_a_long_input() {
    let product = Product::start(&Settings::default());
    let session = product.session("2025-11-25");
    let long = "x".repeat(1_000_000);
    let mut told = Vec::new();
    let mut check = |what: &str, post: Post| {
        let reply = product.send(&post);
        if reply.body.len() > 4_096 {
            told.push(format!("{what}: {} bytes", reply.body.len()));
        }
    };
    let call =
        |arguments: Value| modern("tools/call", json!({"name": "call", "arguments": arguments}));
    check("legacy method", session.request(&long, json!({})));
    check("legacy tool name", session.request("tools/call", json!({"name": long})));
    check(
        "modern method, no header",
        bare(&request(1, &long, crate::product::with_meta(json!({})))),
    );
    check("requested version", bare(&version(&long)));
    check("log level", modern("tools/list", log_level(&long)));
    check("module", call(json!({"module": long, "tool": "x"})));
    check("module of a wrong type", call(json!({"module": [long], "tool": "x"})));
    check("tool", call(json!({"module": "notes", "tool": long})));
    check("unknown argument of a meta-tool", call(json!({&long: 1})));
    check(
        "unknown parameter",
        call(json!({"module": "notes", "tool": "get_note", "params": {"id": 1, &long: 1}})),
    );
    check("cursor", modern("tools/list", json!({"cursor": long})));
    check("id", Post::new(json!({"jsonrpc": "1.0", "id": 1, "method": long}).to_string()));
    assert_eq!(told, [""; 0]);
}

/// Without the headers that mirror the body, which would also be too long.
fn bare(body: &Value) -> Post {
    Post::new(body.to_string())
}

fn version(long: &str) -> Value {
    let mut params = crate::product::with_meta(json!({}));
    params["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!(long);
    request(1, "tools/list", params)
}

fn log_level(long: &str) -> Value {
    let mut params = crate::product::with_meta(json!({}));
    params["_meta"]["io.modelcontextprotocol/logLevel"] = json!(long);
    params
}

#[test]
fn every_refusal_of_a_version_names_those_that_are_supported() {
    let product = Product::start(&Settings::default());
    let session = product.session("2025-11-25");
    let modern_as = |version: &str| {
        let mut params = crate::product::with_meta(json!({}));
        params["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!(version);
        modern("tools/list", params).with("MCP-Protocol-Version", version)
    };
    let list = || session.request("tools/list", json!({}));
    let notification = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    let initialize = |params: Value| Post::new(request(0, "initialize", params).to_string());
    let all = [MODERN, "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];
    for (post, named) in [
        (modern_as("1999-01-01"), &all[..]),
        (modern_as(""), &all),
        (modern_as("2025-11-25"), &all[..1]),
        (list().with("MCP-Protocol-Version", "1999-01-01"), &all),
        (list().with("MCP-Protocol-Version", "1999-01-01").but("GET"), &all),
        (list().with("MCP-Protocol-Version", "1999-01-01").but("DELETE"), &all),
        (session.post(&notification).with("MCP-Protocol-Version", "x"), &all),
        (initialize(json!({"capabilities": {}})), &all[1..]),
        (initialize(json!({"protocolVersion": 2025})), &all[1..]),
        (initialize(json!({"protocolVersion": null})), &all[1..]),
    ] {
        let answer = json_of(&product.send(&post));
        let message = answer["error"]["message"].as_str().unwrap_or_else(|| panic!("{answer}"));
        for version in named {
            assert!(message.contains(version), "{version}: {message}");
        }
    }
}
