//! A service that turns against its user: answers that are too long, too deep, too slow, broken, or that lead elsewhere.
//!
//! Every call ends soon, with a result or with an error that has a code; the credential goes to no other host, and into no
//! answer and no line of the log.

use std::fmt::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, Once};
use std::time::{Duration, Instant};

use log::kv::{self, Key, VisitSource};
use serde_json::{Value, json};

use crate::fake_upstream::{Answer, Exchange, FakeUpstream};
use crate::product::{CANARY, Product, Settings, json_of, modern, text_of};
use crate::upstream::zipped_zeros;

/// Longer than any call here takes, on a busy machine too.
const SOON: Duration = Duration::from_secs(10);

/// A module whose tools read one object, in every possible form.
fn module() -> Value {
    let tool = |name: &str, path: &str, output: Value| {
        json!({
            "name": name, "description": "D.", "docs": "https://hostile.example/docs", "annotations": {"readOnlyHint": true},
            "request": {"method": "GET", "path": path}, "output": output
        })
    };
    let rows = |items: &str| json!({"items": items, "fields": {"id": "id"}});
    let mut by_header = tool("by_header", "/list", rows(""));
    by_header["request"]["page_in"] = "query".into();
    let mut by_body = tool("by_body", "/list", rows("items"));
    by_body["request"]["page_in"] = "query".into();
    by_body["request"]["pagination"] = json!({"kind": "next_link", "link": "next"});
    let mut write = tool("write", "/thing", json!({"done": "Done."}));
    write["request"]["method"] = "POST".into();
    write["annotations"] = json!({"readOnlyHint": false, "destructiveHint": false});
    let mut ask = tool("ask", "/ask", json!({"item": "data", "fields": {"id": "id"}}));
    ask["request"] = json!({"method": "POST", "path": "/ask", "graphql": "{ x }"});
    json!({
        "module": "hostile", "title": "Hostile", "description": "D.", "base_url": "https://hostile.example",
        "auth": {"kind": "bearer", "env": ["HOSTILE_TOKEN"]}, "pagination": {"kind": "link_header"},
        "tools": [
            by_header, by_body, write, ask, tool("thing", "/thing", json!({"fields": {"id": "id"}})), tool("text", "/thing", json!({"text": ""})),
        ]
    })
}

/// The product with the hostile module, and its service.
fn start(call_time: Option<Duration>) -> (FakeUpstream, Product) {
    Watch::begin();
    let upstream = FakeUpstream::new([]);
    let product = Product::start(&Settings {
        upstream: Some(&upstream),
        module: Some(&module()),
        call_time,
        ..Settings::default()
    });
    (upstream, product)
}

/// Calls a tool in both formats' ways and looks at all that comes back.
fn call(product: &Product, tool: &str, params: Value) -> Value {
    let arguments = json!({"module": "hostile", "tool": tool, "params": params});
    let started = Instant::now();
    let reply =
        product.send(&modern("tools/call", json!({"name": "call", "arguments": arguments})));
    assert!(started.elapsed() < SOON, "{tool} took {:?}", started.elapsed());
    assert!(
        !reply.body.contains(CANARY) && !reply.head.contains(CANARY),
        "the credential is in the answer"
    );
    assert!(reply.body.len() < 200_000, "{} bytes came back", reply.body.len());
    Watch::assert_silent();
    json_of(&reply)["result"].take()
}

fn read(tool: &str, answer: Answer) -> Exchange {
    let (method, target) = match tool {
        "write" => ("POST", "/thing"),
        "ask" => ("POST", "/ask"),
        "thing" | "text" => ("GET", "/thing"),
        _ => ("GET", "/list"),
    };
    let exchange = Exchange::new(method, target, answer)
        .with_header("authorization", &format!("Bearer {CANARY}"));
    if tool == "ask" {
        exchange.with_body(json!({"query": "{ x }", "variables": {}}))
    } else {
        exchange
    }
}

/// The service's response to every request, and the expected result.
fn check(what: &str, tool: &str, answer: Answer, times: usize, says: &str) {
    let (upstream, product) = start(None);
    for _ in 0..times {
        upstream.expect(read(tool, answer.clone()));
    }
    let result = call(&product, tool, json!({}));
    let text: String = text_of(&result).chars().take(400).collect();
    assert!(text.contains(says), "{what}: {text}");
    let asked = upstream.requests().len();
    assert_eq!(asked, times, "{what}: {text}");
    assert_eq!(result["isError"] == true, says.starts_with("code: "), "{what}: {text}");
}

const UNAVAILABLE: &str = "code: upstream_unavailable";

fn raw(bytes: impl AsRef<[u8]>) -> Answer {
    Answer::Raw(bytes.as_ref().to_vec())
}

/// An answer with these header lines and this body, both as they are.
fn with_lines(lines: &str, body: impl AsRef<[u8]>) -> Answer {
    let mut bytes = format!("HTTP/1.1 200 OK\r\n{lines}\r\n").into_bytes();
    bytes.extend(body.as_ref());
    raw(bytes)
}

#[test]
fn an_answer_that_is_too_long_is_refused() {
    const TOO_LONG: usize = 11 * 1024 * 1024;
    let long = format!(r#"{{"id": "{}"}}"#, "x".repeat(TOO_LONG));
    let chunks = |bytes: &str| {
        let chunk =
            |chunk: &[u8]| [format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat();
        bytes.as_bytes().chunks(1 << 20).map(chunk).collect::<Vec<_>>().concat()
    };
    let more = "more than 10485760 bytes";
    for tool in ["thing", "text"] {
        check("with a length", tool, Answer::new(200, &[], long.clone()), 1, UNAVAILABLE);
        check("until the end", tool, with_lines("", &long), 1, UNAVAILABLE);
        check(
            "in chunks",
            tool,
            with_lines("transfer-encoding: chunked\r\n", chunks(&long)),
            1,
            UNAVAILABLE,
        );
    }
    let (upstream, product) = start(None);
    upstream.expect(read("thing", Answer::new(200, &[], long)));
    assert!(text_of(&call(&product, "thing", json!({}))).contains(more));
    let bomb = Answer::new(200, &[("content-encoding", "gzip")], zipped_zeros().repeat(16 * 1024));
    check("a gzip bomb of a gigabyte", "text", bomb, 1, UNAVAILABLE);
    let error =
        Answer::new(422, &[], format!(r#"{{"message": "{CANARY} {}"}}"#, "x".repeat(1 << 20)));
    check("a long complaint", "thing", error, 1, "code: invalid_params");
}

#[test]
fn an_answer_that_is_no_json_or_another_is_told() {
    let whole =
        |body: &str| Answer::new(200, &[("content-type", "application/json")], body.to_owned());
    for tool in ["thing", "by_header", "by_body"] {
        for body in [
            r#"{"id": 1, "na"#,
            "[1, 2",
            "<html>",
            "nul",
            r#"{"id": "\ud800"}"#,
            "{} {}",
            "{'id': 1}",
            "NaN",
        ] {
            check(body, tool, whole(body), 1, UNAVAILABLE);
        }
        let deep = "[".repeat(1_000_000);
        check("a million lists", tool, whole(&deep), 1, UNAVAILABLE);
        let deep = format!("{}{}", r#"{"id":"#.repeat(100_000), "}".repeat(100_000));
        check("a hundred thousand objects", tool, whole(&deep), 1, UNAVAILABLE);
    }
    for body in [r#"{"id": 1}"#, "7", "\"text\"", "true"] {
        check(body, "by_header", whole(body), 1, UNAVAILABLE);
        check(body, "by_body", whole(body), 1, UNAVAILABLE);
    }
    check(
        "no UTF-8",
        "thing",
        Answer::new(200, &[], &b"{\"id\": \"\xff\xfe\"}"[..]),
        1,
        UNAVAILABLE,
    );
    check("a byte order mark", "thing", whole("\u{feff}{\"id\": 1}"), 1, "id: 1");
    let latin = Answer::new(200, &[], &b"caf\xe9"[..]);
    check("no UTF-8", "text", latin, 1, "café");
    let bytes = Answer::new(200, &[], &b"a\0\xff\x01\xfe"[..]);
    check("no text", "text", bytes, 1, "mime_type: application/octet-stream");
    // The declared type does not matter if the content is correct.
    for content_type in
        ["text/html", "image/png", "application/json; charset=utf-16", "nonsense", ""]
    {
        check(
            content_type,
            "thing",
            Answer::new(200, &[("content-type", content_type)], r#"{"id": 1}"#),
            1,
            "id: 1",
        );
    }
}

#[test]
fn an_answer_that_is_broken_http_is_told() {
    // A broken connection may be the connection's fault, so a read is tried again.
    let check =
        |what: &str, answer: Answer, times: usize| check(what, "thing", answer, times, UNAVAILABLE);
    check("TLS", raw(b"\x16\x03\x03\x00\x02\x02\x28\x15\x03\x03\x00\x02\x02\x28\r\n\r\n"), 1);
    check(
        "HTTP/2",
        raw(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64\r\n\r\n"),
        1,
    );
    check("no version", raw("200 OK\r\n\r\n{}"), 1);
    check("no status", raw("HTTP/1.1 OK\r\n\r\n{}"), 1);
    check("a NUL in a header", with_lines("x-a: a\0b\r\n", "{}"), 1);
    check("no colon", with_lines("x-a\r\n", "{}"), 1);
    check("a flood of headers", with_lines(&"x-a: b\r\n".repeat(10_000), "{}"), 1);
    check("a long header", with_lines(&format!("x-a: {}\r\n", "b".repeat(1 << 20)), "{}"), 3);
    check(
        "a megabyte of links",
        with_lines(&format!("link: {}\r\n", r#"</x?a=1>; rel="next", "#.repeat(50_000)), "[]"),
        3,
    );
    check("an invalid length", with_lines("content-length: -1\r\n", "{}"), 1);
    check("two lengths", with_lines("content-length: 2\r\ncontent-length: 9\r\n", "{}       "), 1);
    check(
        "an invalid chunk",
        with_lines("transfer-encoding: chunked\r\n", "zz\r\n{}\r\n0\r\n\r\n"),
        1,
    );
    check(
        "a chunk without end",
        with_lines("transfer-encoding: chunked\r\n", format!("{}\r\n", "f".repeat(1_000))),
        1,
    );
    check("half an answer", with_lines("content-length: 100\r\n", "{"), 3);
    check("half a head", raw("HTTP/1.1 200 OK\r\ncontent-"), 3);
    check("half a chunk", with_lines("transfer-encoding: chunked\r\n", "5\r\n{"), 3);
    check("nothing", raw(""), 3);
    check("no gzip", with_lines("content-encoding: gzip\r\ncontent-length: 2\r\n", "{}"), 1);
    check(
        "half a gzip",
        Answer::new(200, &[("content-encoding", "gzip")], &zipped_zeros()[..40]),
        1,
    );
}

#[test]
fn an_answer_that_is_odd_but_whole_is_read() {
    let check = |what: &str, answer: Answer| check(what, "thing", answer, 1, "id: 1");
    let body = r#"{"id": 1}"#;
    check(
        "more than its length",
        with_lines("content-length: 9\r\n", format!("{body}HTTP/1.1 200 OK\r\n\r\n")),
    );
    check("a header twice", with_lines("x-a: 1\r\nx-a: 2\r\ncontent-length: 9\r\n", body));
    check(
        "an early hint",
        raw(format!(
            "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{body}"
        )),
    );
    check("members twice", Answer::new(200, &[], r#"{"id": 2, "id": 1, "__proto__": {"id": 3}}"#));
}

#[test]
fn a_service_that_takes_its_time_is_given_up() {
    let (upstream, product) = start(Some(Duration::from_millis(300)));
    for (what, answer) in [
        ("never answers", Answer::SILENCE),
        ("stops in its head", Answer::Stall(b"HTTP/1.1 200 OK\r\nx-a".to_vec())),
        (
            "stops in its body",
            Answer::Stall(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{".to_vec()),
        ),
        ("a byte at a time in its head", Answer::Drip(b"HTTP/1.1 200 OK\r\nx-a: b".to_vec())),
        (
            "a byte at a time in its body",
            Answer::Drip(b"HTTP/1.1 200 OK\r\ncontent-length: 999999\r\n\r\n{".to_vec()),
        ),
        (
            "chunks without end",
            Answer::Drip(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5;".to_vec()),
        ),
        ("asks for patience", Answer::new(429, &[("retry-after", "3600")], "{}")),
    ] {
        upstream.expect(read("thing", answer));
        let started = Instant::now();
        let result = call(&product, "thing", json!({}));
        assert!(started.elapsed() < Duration::from_secs(5), "{what} took {:?}", started.elapsed());
        let code = if what == "asks for patience" { "code: rate_limited" } else { "code: timeout" };
        assert!(text_of(&result).starts_with(code), "{what}: {}", text_of(&result));
    }
}

/// Addresses to which a hostile response tries to send the credential; `{port}` is that of a listener that records requests.
const ELSEWHERE: &[&str] = &[
    "http://127.0.0.1:{port}/steal?a=1",
    "//127.0.0.1:{port}/steal?a=1",
    "http://{home}@127.0.0.1:{port}/steal?a=1",
    "http://{home}:x@127.0.0.1:{port}/steal?a=1",
    "HTTP://127.0.0.1:{port}/steal?a=1",
];

fn address(pattern: &str, home: &FakeUpstream, elsewhere: &FakeUpstream) -> String {
    let (home, elsewhere) = (home.url(), elsewhere.url());
    let port = elsewhere.rsplit(':').next().expect("a URL has a port");
    pattern.replace("{port}", port).replace("{home}", home.trim_start_matches("http://"))
}

#[test]
fn the_next_page_is_at_home_whatever_its_link_says() {
    let elsewhere = FakeUpstream::new([]);
    let (upstream, product) = start(None);
    let check = |link: &str, query: Option<&str>| {
        for tool in ["by_header", "by_body"] {
            let body =
                if tool == "by_body" { json!({"items": [], "next": link}) } else { json!([]) };
            let header = format!("<{link}>; rel=\"next\"");
            let headers: &[(&str, &str)] =
                if tool == "by_header" { &[("link", &header)] } else { &[] };
            upstream.expect(read(tool, Answer::new(200, headers, body.to_string())));
            let result = call(&product, tool, json!({}));
            let cursor = text_of(&result)
                .lines()
                .find_map(|line| line.strip_prefix("next_cursor: "))
                .map(str::to_owned);
            assert_eq!(cursor.is_some(), query.is_some(), "{tool} {link}");
            let (Some(cursor), Some(query)) = (cursor, query) else { continue };
            let next = Exchange {
                target: format!("/list?{query}"),
                ..read(tool, Answer::new(200, &[], body.to_string()))
            };
            upstream.expect(next);
            assert_eq!(
                call(&product, tool, json!({"cursor": cursor}))["isError"],
                Value::Null,
                "{tool} {link}"
            );
        }
    };
    for link in ELSEWHERE {
        check(&address(link, &upstream, &elsewhere), Some("a=1"));
    }
    check("/list?a=1#part", Some("a=1"));
    check("?a=1", Some("a=1"));
    check("list?a=1", Some("a=1"));
    check("../../admin?a=1", Some("a=1"));
    check("javascript:alert(1)?a=1", Some("a=1"));
    check("javascript:alert(1)", None);
    check("https://evil.example/", None);
    check("?a=1 HTTP/1.1", None);
    check("?a=ü", None);
    check(&format!("?a={}", "x".repeat(8 * 1024)), None);
    check("", None);

    let many: Vec<_> =
        (0..1_000).map(|page| format!("</list?page={page}>; rel=\"prev\"")).collect();
    let many = format!("{}, </list?a=1>; rel=\"next\"", many.join(", "));
    upstream.expect(read("by_header", Answer::new(200, &[("link", &many)], "[]")));
    let result = call(&product, "by_header", json!({}));
    assert!(
        text_of(&result).contains("next_cursor: ") || text_of(&result).contains("no valid HTTP"),
        "{}",
        text_of(&result)
    );
    assert!(elsewhere.requests().is_empty());
}

#[test]
fn a_redirect_elsewhere_never_brings_the_credential_along() {
    let elsewhere = FakeUpstream::new([]);
    let (upstream, product) = start(None);
    let redirect = |status, to: &str| Answer::new(status, &[("location", to)], "");
    for status in [301, 302, 303, 307, 308] {
        for to in ELSEWHERE {
            upstream.expect(read("thing", redirect(status, &address(to, &upstream, &elsewhere))));
            elsewhere.expect(Exchange::new(
                "GET",
                "/steal?a=1",
                Answer::new(200, &[], r#"{"id": 1}"#),
            ));
            assert_eq!(text_of(&call(&product, "thing", json!({}))), "id: 1", "{status} {to}");
            // And not by way of a redirect back.
            upstream.expect(read("thing", redirect(status, &address(to, &upstream, &elsewhere))));
            elsewhere.expect(Exchange::new(
                "GET",
                "/steal?a=1",
                redirect(status, &format!("{}/admin", upstream.url())),
            ));
            upstream.expect(
                Exchange::new("GET", "/admin", Answer::new(401, &[], "{}"))
                    .with_header("authorization", ""),
            );
            assert_eq!(call(&product, "thing", json!({}))["isError"], true, "{status} {to}");
            // A write is not redirected.
            upstream.expect(read("write", redirect(status, &address(to, &upstream, &elsewhere))));
            assert!(
                text_of(&call(&product, "write", json!({}))).starts_with("code: not_found"),
                "{status} {to}"
            );
        }
    }
    for to in [
        "ftp://127.0.0.1:{port}/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "http://",
        "http:///x",
        "http://[::1/",
        "/a b",
        "\u{fc}",
        "",
    ] {
        upstream.expect(read("thing", redirect(302, &address(to, &upstream, &elsewhere))));
        assert!(text_of(&call(&product, "thing", json!({}))).starts_with(UNAVAILABLE), "{to}");
    }
    for _ in 0..4 {
        upstream.expect(read("thing", redirect(302, "/thing")));
    }
    assert!(text_of(&call(&product, "thing", json!({}))).starts_with(UNAVAILABLE), "a loop");
    for request in elsewhere.requests() {
        assert!(!format!("{request:?}").contains(CANARY), "{request:?}");
        assert_eq!(request.header("traceparent"), None);
    }
}

#[test]
fn a_service_that_repeats_the_credential_finds_no_way_out() {
    let (upstream, product) = start(None);
    for status in [400, 401, 403, 404, 405, 409, 422, 429, 451, 500, 503, 599] {
        let body = json!({"message": format!("Bearer {CANARY}"), "errors": [{"message": CANARY}], "error": {"code": CANARY}});
        let headers = [
            ("x-echo", CANARY),
            ("retry-after", "3600"),
            ("www-authenticate", CANARY),
            ("location", CANARY),
        ];
        upstream.expect(read("write", Answer::new(status, &headers, body.to_string())));
        assert_eq!(call(&product, "write", json!({}))["isError"], true, "{status}");
    }
    // Nor by a success: `call` looks at all that comes back.
    let echo = format!("authorization: Bearer {CANARY}");
    for (tool, body) in [
        ("thing", json!({"id": echo}).to_string()),
        ("thing", json!({"id": [{"deep": [echo]}]}).to_string()),
        ("text", echo.clone()),
        ("by_header", json!([{"id": echo}]).to_string()),
        (
            "by_body",
            json!({"items": [{"id": echo}], "next": format!("/list?a={CANARY}")}).to_string(),
        ),
        ("ask", json!({"errors": [{"message": echo}]}).to_string()),
    ] {
        upstream.expect(read(tool, Answer::new(200, &[("x-echo", CANARY)], body)));
        let result = call(&product, tool, json!({}));
        assert!(text_of(&result).contains("Bearer [redacted]"), "{tool}: {}", text_of(&result));
    }
}

/// Watches the log as the server writes it: all of our own lines, warnings of the libraries'.
struct Watch;

/// The number of lines, and the lines with the credential.
static LINES: AtomicUsize = AtomicUsize::new(0);
static LEAKS: Mutex<Vec<String>> = Mutex::new(Vec::new());

impl Watch {
    /// Begins to watch, for this whole process.
    fn begin() {
        static BEGUN: Once = Once::new();
        BEGUN.call_once(|| {
            log::set_logger(&Watch).expect("no other test sets a logger");
            log::set_max_level(log::LevelFilter::Trace);
        });
    }

    /// Fails if no line came, or one with the credential.
    fn assert_silent() {
        assert!(LINES.load(Ordering::Relaxed) > 0, "nothing is logged");
        let leaks = LEAKS.lock().expect("no thread panics with the lock");
        assert!(leaks.is_empty(), "{leaks:?}");
    }
}

impl log::Log for Watch {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.target().starts_with("mcpist") || metadata.level() <= log::Level::Warn
    }

    fn log(&self, record: &log::Record<'_>) {
        struct Collector(String);
        impl<'kvs> VisitSource<'kvs> for Collector {
            fn visit_pair(
                &mut self,
                key: Key<'kvs>,
                value: kv::Value<'kvs>,
            ) -> Result<(), kv::Error> {
                Ok(write!(self.0, " {key}={value}")?)
            }
        }
        if !self.enabled(record.metadata()) {
            return;
        }
        let mut line = Collector(record.args().to_string());
        record.key_values().visit(&mut line).expect("the collector takes every pair");
        LINES.fetch_add(1, Ordering::Relaxed);
        if line.0.contains(CANARY) {
            LEAKS.lock().expect("no thread panics with the lock").push(line.0);
        }
    }

    fn flush(&self) {}
}
