//! Arguments that try to be more than a value: another path, another query, another header, another host.
//!
//! Either exactly the given value is sent in its place, or nothing is sent and the error names the argument.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use ct_codecs::{Base64UrlSafeNoPadding, Encoder};
use mcpist::access::{Credential, Scheme};
use mcpist::engine::request::{ParamTarget, Piece, Template};
use mcpist::engine::schema::Kind;
use mcpist::engine::{Connection, Module, Tool, Work, arguments};
use mcpist::error::{Code, Error};
use mcpist::modules::Registry;
use mcpist::secret::Secret;
use mcpist::upstream::{Upstream, UpstreamConfig};
use serde_json::{Map, Value, json};

use crate::fake_upstream::{Answer, Exchange, FakeUpstream, Request, call_tool};
use crate::product::{CANARY, MODERN, Post, Product, Settings, json_of, text_of};

/// A module whose tools take one value each, in each place that there is.
fn module() -> Value {
    let tool = |name: &str, request: Value, place: Value| {
        let mut value = json!({"type": "string", "required": true, "description": "A value."});
        value.as_object_mut().unwrap().extend(place.as_object().unwrap().clone());
        json!({
            "name": name, "description": "D.", "docs": "https://hostile.example/docs", "annotations": {"readOnlyHint": true},
            "request": request, "params": {"value": value}, "output": {"done": "Done."}
        })
    };
    let get = |path: &str| json!({"method": "GET", "path": path});
    let mut list = tool("list", get("/list"), json!({"in": "query", "required": false}));
    list["request"]["page_in"] = "query".into();
    list["output"] = json!({"items": "", "fields": {"id": "id", "name": "name"}});
    json!({
        "module": "hostile", "title": "Hostile", "description": "D.", "base_url": "https://hostile.example",
        "auth": {"kind": "bearer", "env": ["HOSTILE_TOKEN"]}, "pagination": {"kind": "link_header"},
        "tools": [
            tool("path", get("/a/{value}/z"), json!({"in": "path"})),
            tool("slashes", get("/a/{value}/z"), json!({"in": "path", "slashes": true})),
            tool("query", get("/q"), json!({"in": "query"})),
            tool("body", json!({"method": "POST", "path": "/b"}), json!({"in": "body", "as": "deep.value"})),
            tool("variable", json!({"method": "POST", "path": "/g", "graphql": "query($value: String!) { x }"}), json!({"in": "variable"})),
            list,
        ]
    })
}

/// The product with the hostile module, and its service.
fn start() -> (FakeUpstream, Product) {
    let upstream = FakeUpstream::new([]);
    let product = Product::start(&Settings {
        upstream: Some(&upstream),
        module: Some(&module()),
        ..Settings::default()
    });
    (upstream, product)
}

fn call(product: &Product, tool: &str, params: Value) -> Value {
    product.call("/mcp", "call", json!({"module": "hostile", "tool": tool, "params": params}))
}

/// A request with the credential, and only with our own headers.
fn expected(method: &str, target: &str, answer: &str) -> Exchange {
    Exchange::new(method, target, Answer::new(200, &[], answer))
        .with_header("authorization", &format!("Bearer {CANARY}"))
        .with_header("x-injected", "")
}

fn assert_refused(result: &Value, code: &str, naming: &str) {
    let text = text_of(result);
    let told = || text.chars().take(300).collect::<String>();
    assert!(
        result["isError"] == true && text.starts_with(&format!("code: {code}\n")),
        "{naming}: {}",
        told()
    );
    assert!(text.contains(naming), "{naming} is not in: {}", told());
    assert!(text.len() < 5_000 && !text.contains(CANARY), "{}", told());
}

/// A value; how it is written as a path's segment, as several, and in a query. `None` if it is refused.
const VALUES: &[(&str, Option<&str>, Option<&str>, &str)] = &[
    ("..", None, None, ".."),
    (".", None, None, "."),
    ("", None, None, ""),
    ("../x", Some("..%2Fx"), None, "..%2Fx"),
    ("x/../y", Some("x%2F..%2Fy"), None, "x%2F..%2Fy"),
    ("x/./y", Some("x%2F.%2Fy"), None, "x%2F.%2Fy"),
    ("x//y", Some("x%2F%2Fy"), None, "x%2F%2Fy"),
    (r"..\x", Some("..%5Cx"), Some("..%5Cx"), "..%5Cx"),
    ("..;/x", Some("..%3B%2Fx"), Some("..%3B/x"), "..%3B%2Fx"),
    ("%2e%2e", Some("%252e%252e"), Some("%252e%252e"), "%252e%252e"),
    ("%2e%2e%2fx", Some("%252e%252e%252fx"), Some("%252e%252e%252fx"), "%252e%252e%252fx"),
    ("%2e%2e/x", Some("%252e%252e%2Fx"), Some("%252e%252e/x"), "%252e%252e%2Fx"),
    ("x%2fy", Some("x%252fy"), Some("x%252fy"), "x%252fy"),
    ("x%", Some("x%25"), Some("x%25"), "x%25"),
    (
        "\u{ff0e}\u{ff0e}/x",
        Some("%EF%BC%8E%EF%BC%8E%2Fx"),
        Some("%EF%BC%8E%EF%BC%8E/x"),
        "%EF%BC%8E%EF%BC%8E%2Fx",
    ),
    ("x?y=1", Some("x%3Fy%3D1"), Some("x%3Fy%3D1"), "x%3Fy%3D1"),
    ("x#y", Some("x%23y"), Some("x%23y"), "x%23y"),
    ("x&admin=1", Some("x%26admin%3D1"), Some("x%26admin%3D1"), "x%26admin%3D1"),
    ("x;admin=1", Some("x%3Badmin%3D1"), Some("x%3Badmin%3D1"), "x%3Badmin%3D1"),
    ("x y+z", Some("x%20y%2Bz"), Some("x%20y%2Bz"), "x%20y%2Bz"),
    ("x HTTP/1.1", Some("x%20HTTP%2F1.1"), Some("x%20HTTP/1.1"), "x%20HTTP%2F1.1"),
    ("x\r\nX-Injected: 1", None, None, "x%0D%0AX-Injected%3A%201"),
    ("x\nX-Injected: 1", None, None, "x%0AX-Injected%3A%201"),
    ("x\0y", None, None, "x%00y"),
    ("x\u{85}y", None, None, "x%C2%85y"),
    ("//evil.example/x", Some("%2F%2Fevil.example%2Fx"), None, "%2F%2Fevil.example%2Fx"),
    ("http://evil.example", Some("http%3A%2F%2Fevil.example"), None, "http%3A%2F%2Fevil.example"),
    ("@evil.example", Some("%40evil.example"), Some("%40evil.example"), "%40evil.example"),
    (
        ":80@evil.example",
        Some("%3A80%40evil.example"),
        Some("%3A80%40evil.example"),
        "%3A80%40evil.example",
    ),
    ("\u{202e}txt.exe", Some("%E2%80%AEtxt.exe"), Some("%E2%80%AEtxt.exe"), "%E2%80%AEtxt.exe"),
    (
        "\u{2028}\u{feff}",
        Some("%E2%80%A8%EF%BB%BF"),
        Some("%E2%80%A8%EF%BB%BF"),
        "%E2%80%A8%EF%BB%BF",
    ),
    ("💥", Some("%F0%9F%92%A5"), Some("%F0%9F%92%A5"), "%F0%9F%92%A5"),
    ("{value}", Some("%7Bvalue%7D"), Some("%7Bvalue%7D"), "%7Bvalue%7D"),
    (
        "${a.items[0]}",
        Some("%24%7Ba.items%5B0%5D%7D"),
        Some("%24%7Ba.items%5B0%5D%7D"),
        "%24%7Ba.items%5B0%5D%7D",
    ),
];

#[test]
fn a_value_is_sent_in_its_place_byte_for_byte_or_not_at_all() {
    let (upstream, product) = start();
    let check = |tool: &str, value: &str, target: Option<String>| {
        if let Some(target) = &target {
            upstream.expect(expected("GET", target, "{}"));
        }
        let result = call(&product, tool, json!({"value": value}));
        match target {
            Some(_) => assert_eq!(text_of(&result), "message: Done.", "{tool} {value:?}"),
            None => assert_refused(&result, "invalid_params", "`value`"),
        }
        let complaints = upstream.complaints();
        assert_eq!(complaints, Vec::<String>::new(), "{tool} {value:?}");
    };
    for (value, segment, segments, query) in VALUES {
        check("path", value, segment.map(|segment| format!("/a/{segment}/z")));
        check("slashes", value, segments.map(|segments| format!("/a/{segments}/z")));
        check("query", value, Some(format!("/q?value={query}")));
    }
    let long = "x".repeat(100_000);
    for tool in ["path", "slashes", "query"] {
        check(tool, &long, None);
    }
}

#[test]
fn a_body_holds_every_value_as_it_is() {
    let (upstream, product) = start();
    let long = "x\"\\\u{202e}".repeat(25_000);
    for value in VALUES.iter().map(|(value, ..)| *value).chain([
        "\"}, \"admin\": {\"",
        "\") { secrets } #",
        long.as_str(),
    ]) {
        upstream.expect(expected("POST", "/b", "{}").with_body(json!({"deep": {"value": value}})));
        upstream.expect(expected("POST", "/g", "{}").with_body(
            json!({"query": "query($value: String!) { x }", "variables": {"value": value}}),
        ));
        for tool in ["body", "variable"] {
            assert_eq!(
                text_of(&call(&product, tool, json!({"value": value}))),
                "message: Done.",
                "{tool}"
            );
        }
    }
}

#[test]
fn escapes_of_surrogates_are_characters_or_no_json() {
    let (upstream, product) = start();
    let send = |value: &str| {
        let body = format!(
            r#"{{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {{"name": "call", "arguments": {{
            "module": "hostile", "tool": "query", "params": {{"value": "{value}"}}}}, "_meta": {{
            "io.modelcontextprotocol/protocolVersion": "{MODERN}", "io.modelcontextprotocol/clientCapabilities": {{}}}}}}}}"#
        );
        let post = Post::new(body)
            .with("MCP-Protocol-Version", MODERN)
            .with("Mcp-Method", "tools/call")
            .with("Mcp-Name", "call");
        json_of(&product.send(&post))
    };
    upstream.expect(expected("GET", "/q?value=%F0%9F%92%A5", "{}"));
    assert_eq!(text_of(&send(r"\ud83d\udca5")["result"]), "message: Done.");
    for broken in [r"\ud83d", r"\udca5", r"\udca5\ud83d", r"\ud83dx", r"\ud83d\u0041"] {
        assert_eq!(send(broken)["error"]["code"], -32700, "{broken}");
    }
}

#[test]
fn a_cursor_is_only_ever_the_query_of_the_next_page() {
    let (upstream, product) = start();
    let link = [("link", r#"</list?page=2>; rel="next""#)];
    upstream.expect(Exchange::new("GET", "/list", Answer::new(200, &link, "[]")));
    let first = text_of(&call(&product, "list", json!({}))).to_owned();
    let own = first.lines().find_map(|line| line.strip_prefix("next_cursor: ")).unwrap();
    let (bound, _) = own.trim_matches('"').split_once('.').unwrap();
    let cursor =
        |text: &str| format!("{bound}.{}", Base64UrlSafeNoPadding::encode_to_string(text).unwrap());
    for query in [
        "page=2",
        "a=1&b=../../x",
        "a=//evil.example/",
        "a=@evil.example",
        "a=http://evil.example/?b=c",
        "a=%0d%0aX-Injected:1",
    ] {
        upstream.expect(expected("GET", &format!("/list?{query}"), "[]"));
        assert_eq!(
            text_of(&call(&product, "list", json!({"cursor": cursor(query)}))),
            "items: []",
            "{query}"
        );
    }
    let encoded = [
        "/x",
        "x",
        "a=1#b",
        "a=1 HTTP/1.1",
        "a=1\r\nX-Injected: 1",
        "a=1\0",
        "a=ü",
        "=1",
        "a=1&&b",
        "token#x",
        "start#1",
    ]
    .map(cursor);
    let long = [cursor(&format!("a={}", "x".repeat(100_000))), "x".repeat(100_000)];
    for text in encoded
        .iter()
        .chain(&long)
        .map(String::as_str)
        .chain(VALUES.iter().map(|(value, ..)| *value))
    {
        assert_refused(
            &call(&product, "list", json!({"cursor": text})),
            "invalid_params",
            "`cursor`",
        );
    }
}

#[test]
fn names_and_choices_are_those_that_exist() {
    let (_upstream, product) = start();
    let long = "x".repeat(100_000);
    for value in VALUES.iter().map(|(value, ..)| *value).chain([long.as_str()]) {
        assert_refused(
            &call(&product, "list", json!({"fields": [value]})),
            "invalid_params",
            "`fields[0]`",
        );
        assert_refused(
            &call(&product, "list", json!({"account": value})),
            "invalid_params",
            "`account`",
        );
        assert_refused(
            &call(&product, "list", json!({value: "x"})),
            "invalid_params",
            "is unknown",
        );
        assert_refused(&call(&product, value, json!({})), "not_found", "has no tool");
        let result = product.call("/mcp", "call", json!({"module": value, "tool": "list"}));
        assert_refused(&result, "not_found", "does not exist");
        let lines = json!([{"id": "a", "module": "hostile", "tool": value}]);
        assert_refused(
            &product.call("/mcp", "batch", json!({"calls": lines})),
            "not_found",
            "has no tool",
        );
    }
    for params in [json!("{\"value\": "), json!([1]), json!(7)] {
        assert_refused(&call(&product, "query", params), "invalid_params", "params");
    }
}

/// Values that must not lead a path out of its place.
const LEADING_OUT: &[&str] = &[
    "..",
    "../x",
    "x/../../y",
    "%2e%2e",
    "x?admin=1",
    "x#y",
    "x&admin=1",
    "x\r\nX-Injected: 1",
    "x\0",
    "//evil.example/x",
    r"..\..\x",
    "",
];

/// The arguments and the answers of a tool's case.
fn case(module: &Module, tool: &Tool) -> (Map<String, Value>, Vec<Exchange>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/modules")
        .join(&module.name)
        .join(format!("{}.json", tool.name));
    let case: Value =
        serde_json::from_str(&fs::read_to_string(path).expect("every tool has a case"))
            .expect("a case is JSON");
    let exchanges = case["exchanges"].as_array().into_iter().flatten().map(|exchange| {
        let answer = &exchange["answer"];
        let body = answer.get("body").map_or_else(
            || answer["text"].as_str().unwrap_or_default().to_owned(),
            Value::to_string,
        );
        let status =
            answer["status"].as_u64().and_then(|status| u16::try_from(status).ok()).unwrap_or(200);
        Exchange::new("", "", Answer::new(status, &[], body))
    });
    (case["arguments"].as_object().cloned().unwrap_or_default(), exchanges.collect())
}

fn is_text(kind: &Kind) -> bool {
    *kind == Kind::String
}

#[test]
fn every_path_of_a_built_in_tool_stays_what_its_file_says() {
    let registry = Registry::built_in().expect("the built-in modules are right");
    let tools = registry
        .modules()
        .iter()
        .flat_map(|module| module.tools.iter().map(move |tool| (module, tool)));
    let mut checked = 0;
    for (module, tool) in tools {
        let Work::Request(template, _) = &tool.work else { continue };
        let (right, _) = case(module, tool);
        let Some(Piece::Text(start)) = template.path.first() else {
            panic!("{} has no fixed path", tool.published_name)
        };
        let fixed = format!("https://api.example/base{start}");
        let usual = filled(tool, template, right.clone()).expect("the case's arguments are right");
        for param in tool.params.iter().filter(|param| is_text(&param.schema.kind)) {
            let ParamTarget::Path { slashes, .. } = &param.place else { continue };
            for value in LEADING_OUT {
                checked += 1;
                let mut given = right.clone();
                given.insert(param.name.clone(), (*value).into());
                let what = format!("{} {} {value:?}", tool.published_name, param.name);
                match filled(tool, template, given) {
                    Err(error) => {
                        assert_eq!(error.code(), Code::InvalidParams, "{what}: {error}");
                        assert!(
                            error.message().contains(&format!("`{}`", param.name)),
                            "{what}: {error}"
                        );
                    }
                    Ok(url) => assert_in_place(&url, &fixed, &usual, *slashes, &what),
                }
            }
        }
    }
    assert!(checked > 1_000, "only {checked} were checked");
}

/// The URL that a tool asks for with these arguments.
fn filled(
    tool: &Tool,
    template: &Template,
    mut given: Map<String, Value>,
) -> Result<String, Error> {
    // The position in a cursor comes after what binds it to its call.
    if let Some(Value::String(cursor)) = given.get_mut("cursor") {
        *cursor = cursor.split('.').next_back().unwrap_or_default().to_owned();
    }
    let arguments = arguments::check(tool, given)?;
    let places = tool.params.iter().map(|param| (param.name.as_str(), &param.place));
    template.fill("https://api.example/base", places, &arguments).map(|built| built.url)
}

/// Fails unless the URL begins with `fixed` and has the path and the query of the usual one, but for the value.
fn assert_in_place(url: &str, fixed: &str, usual: &str, slashes: bool, what: &str) {
    let parts = |url: &str| {
        url.split_once('?').map_or((url.to_owned(), String::new()), |(path, query)| {
            (path.to_owned(), query.to_owned())
        })
    };
    let ((path, query), (usual_path, usual_query)) = (parts(url), parts(usual));
    assert!(path.starts_with(fixed) && query == usual_query, "{what}: {url}, usually {usual}");
    assert_clean(&path["https://api.example".len()..], what);
    let segments = |path: &str| path.split('/').count();
    assert!(slashes || segments(&path) == segments(&usual_path), "{what}: {url}, usually {usual}");
}

/// Fails where a path has what leads out of it.
fn assert_clean(path: &str, what: &str) {
    assert!(
        path.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#\\".contains(&byte)),
        "{what}: {path}"
    );
    for segment in path.split('/').skip(1) {
        let plain = segment.to_ascii_lowercase().replace("%2e", ".");
        assert!(!matches!(plain.as_str(), "." | ".."), "{what}: {path}");
    }
}

/// The same for handlers, each of which is run as a whole.
const LEADING_OUT_OF_HANDLERS: &[&str] = &[
    "..",
    "../x?admin=1#y",
    "%2e%2e/x&admin=1",
    "x\r\nX-Injected: 1",
    "//evil.example/x",
    r"..\..\x",
];

#[test]
fn every_request_of_a_built_in_handler_stays_at_its_service() {
    let registry = Registry::built_in().expect("the built-in modules are right");
    let upstream = Upstream::new(UpstreamConfig {
        first_backoff: Duration::from_millis(1),
        ..UpstreamConfig::default()
    });
    let asked: usize = thread::scope(|scope| {
        let check = |module| {
            let upstream = &upstream;
            move || check_handlers(upstream, module)
        };
        let threads: Vec<_> =
            registry.modules().iter().map(|module| scope.spawn(check(module))).collect();
        threads.into_iter().map(|thread| thread.join().expect("every request is at home")).sum()
    });
    assert!(asked > 1_000, "only {asked} requests were made");
}

/// Fails where a module's handler asks for something else than it should. Returns how often any of them asked.
fn check_handlers(upstream: &Upstream, module: &Module) -> usize {
    let mut asked = 0;
    for tool in module.tools.iter().filter(|tool| matches!(tool.work, Work::Handler(_))) {
        let (right, answers) = case(module, tool);
        let usual: Vec<_> = requests(upstream, module, tool, right.clone(), &answers)
            .iter()
            .map(first_segment)
            .collect();
        for param in tool
            .params
            .iter()
            .filter(|param| is_text(&param.schema.kind) && param.schema.choices.is_empty())
        {
            for value in LEADING_OUT_OF_HANDLERS {
                let mut given = right.clone();
                given.insert(param.name.clone(), (*value).into());
                let what = format!("{} {} {value:?}", tool.published_name, param.name);
                for request in requests(upstream, module, tool, given, &answers) {
                    asked += 1;
                    let (path, query) =
                        request.target.split_once('?').unwrap_or((&request.target, ""));
                    assert_clean(path, &what);
                    assert!(usual.contains(&first_segment(&request)), "{what}: {}", request.target);
                    assert!(
                        !query.split('&').any(|pair| pair.starts_with("admin=")),
                        "{what}: {}",
                        request.target
                    );
                    assert_eq!(request.header("x-injected"), None, "{what}");
                }
            }
        }
    }
    asked
}

fn first_segment(request: &Request) -> String {
    request.target.split(['/', '?']).nth(1).unwrap_or_default().to_owned()
}

/// The requests of a tool to its service, which responds as in the tool's case, whatever the request is.
fn requests(
    upstream: &Upstream,
    module: &Module,
    tool: &Tool,
    arguments: Map<String, Value>,
    answers: &[Exchange],
) -> Vec<Request> {
    let fake = FakeUpstream::new(answers.iter().cloned());
    let secret = Secret::new(CANARY.to_owned());
    let credential = Credential { scheme: Scheme::Bearer, secret, account: None, base_url: None };
    if let Err(error) = call_tool(
        upstream,
        (module, tool),
        Connection { credential: Some(&credential), base_url: &fake.url() },
        arguments,
    ) {
        assert!(!format!("{error} {error:?}").contains(CANARY), "{error:?}");
    }
    // Other requests than the case's are what this is about.
    fake.complaints();
    fake.requests()
}
