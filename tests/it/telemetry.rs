//! The data that the server sends to a collector; calls must not be affected by the state of the collector.

use std::io::Write;
use std::process::Stdio;
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::trace::v1::Span;
use serde_json::{Value, json};

use crate::collector::{Came, Collector, Mood, attribute};
use crate::command_line::{NOBODY, Serving};
use crate::control_plane::{ALICE, AUDIENCE, FakePlane, ISSUER, KEY, token};
use crate::fake_upstream::{Answer, Exchange, FakeUpstream};
use crate::product::{CANARY, MODERN, Post, json_of, mcpist, modern, request, with_meta};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const HEADER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// A marker in arguments and answers: finding it in telemetry means a leak.
const PRIVATE: &str = "private-5a17d2";

/// A server that sends to a collector, soon rather than in large batches.
fn serving(collector: &Collector, variables: &[(&str, &str)]) -> Serving {
    let url = collector.url();
    let usual = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", url.as_str()),
        ("OTEL_BLRP_SCHEDULE_DELAY", "20"),
        ("OTEL_BSP_SCHEDULE_DELAY", "20"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "50"),
        ("GITHUB_TOKEN", CANARY),
    ];
    Serving::start(&[&usual, variables].concat())
}

fn list() -> Post {
    modern("tools/list", json!({}))
}

fn call(arguments: Value) -> Post {
    modern("tools/call", Value::from_iter([("name", "call".into()), ("arguments", arguments)]))
}

fn get_repository() -> Value {
    json!({"module": "github", "tool": "get_repository", "params": {"owner": PRIVATE, "repo": "rust"}})
}

fn repository() -> Exchange {
    let body = json!({"full_name": format!("{PRIVATE}/rust")}).to_string();
    Exchange::new("GET", &format!("/repos/{PRIVATE}/rust"), Answer::new(200, &[], body))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// The one span of a name.
fn span<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    let found: Vec<_> = spans.iter().filter(|span| span.name == name).collect();
    let names: Vec<_> = spans.iter().map(|span| &span.name).collect();
    assert_eq!(found.len(), 1, "{name} in {names:?}");
    found[0]
}

fn of(path: &'static str) -> impl Fn(&[Came]) -> bool {
    move |came| came.iter().any(|came| came.path == path)
}

/// The lines of the log that the server wrote.
fn lines(stdout: &str) -> Vec<Value> {
    stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

/// How much memory a process holds, in KiB.
fn resident(process: u32) -> u64 {
    let status =
        std::fs::read_to_string(format!("/proc/{process}/status")).expect("the process runs");
    let line =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a process has memory");
    line.trim().trim_end_matches(" kB").parse().expect("it is a number")
}

#[test]
fn a_call_is_told_in_every_signal_and_holds_together_by_its_trace() {
    let collector = Collector::start(Mood::Takes);
    let upstream = FakeUpstream::new([repository()]);
    let server = serving(
        &collector,
        &[
            ("GITHUB_API_URL", &upstream.url()),
            ("OTEL_EXPORTER_OTLP_HEADERS", "Authorization=Basic%20Y2FuYXJ5"),
            ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "gzip"),
            ("OTEL_SERVICE_NAME", "mcpist-test"),
            ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test"),
        ],
    );
    let reply = call(get_repository()).with("traceparent", HEADER).send(&mut server.client());
    assert!(reply.body.contains(PRIVATE), "{reply:?}");
    let ran = server.stop();
    assert_eq!(ran.code, 0, "{ran:?}");

    let spans = collector.spans();
    assert!(spans.iter().all(|span| hex(&span.trace_id) == TRACE));
    let (root, permission) = (span(&spans, "tools/call call"), span(&spans, "permission check"));
    let (tool, token, api) = (
        span(&spans, "execute_tool github_get_repository"),
        span(&spans, "token fetch"),
        span(&spans, "GET"),
    );
    assert_eq!(hex(&root.parent_span_id), "00f067aa0ba902b7");
    assert_eq!((&permission.parent_span_id, &tool.parent_span_id), (&root.span_id, &root.span_id));
    assert_eq!((&token.parent_span_id, &api.parent_span_id), (&tool.span_id, &tool.span_id));
    assert_eq!([root, permission, tool, token, api].map(|span| span.kind), [2, 3, 1, 3, 3]);
    let sent = upstream.requests()[0].header("traceparent").map(str::to_owned);
    assert_eq!(
        sent,
        Some(format!("00-{TRACE}-{}-01", hex(&api.span_id))),
        "the service is below the call of it"
    );
    let check = |span: &Span, wanted: &[(&str, &str)]| {
        for (name, value) in wanted {
            assert_eq!(
                attribute(&span.attributes, name).as_deref(),
                Some(*value),
                "{name} of {}",
                span.name
            );
        }
    };
    let port = upstream.url().rsplit(':').next().expect("a URL has a port").to_owned();
    check(
        root,
        &[
            ("mcp.method.name", "tools/call"),
            ("gen_ai.tool.name", "call"),
            ("mcp.protocol.version", MODERN),
        ],
    );
    check(
        root,
        &[
            ("jsonrpc.request.id", "1"),
            ("http.request.method", "POST"),
            ("http.route", "/mcp"),
            ("http.response.status_code", "200"),
        ],
    );
    check(
        tool,
        &[
            ("gen_ai.operation.name", "execute_tool"),
            ("gen_ai.tool.name", "github_get_repository"),
            ("mcpist.module", "github"),
        ],
    );
    check(
        api,
        &[
            ("http.request.method", "GET"),
            ("server.address", "127.0.0.1"),
            ("server.port", &port),
            ("http.response.status_code", "200"),
        ],
    );

    let logs = collector.logs();
    let record = logs
        .iter()
        .find(|log| attribute(&log.attributes, "tool").is_some())
        .expect("the call is logged");
    assert_eq!(
        (&record.trace_id, &record.span_id, record.severity_number),
        (&root.trace_id, &tool.span_id, 9)
    );
    let lines = lines(&ran.stdout);
    let line =
        lines.iter().find(|line| line["tool"] == "get_repository").expect("it is written too");
    assert_eq!((&line["trace_id"], &line["span_id"]), (&json!(TRACE), &json!(hex(&tool.span_id))));
    assert_eq!(line["request_id"].as_str(), attribute(&record.attributes, "request_id").as_deref());
    assert_eq!(line["request_id"].as_str().map(str::len), Some(16));
    assert!(
        logs.iter().any(|log| format!("{:?}", log.body).contains("stopped")),
        "the last line is sent too"
    );

    let metrics = collector.metrics();
    let tool_of = [("module", "github"), ("tool", "get_repository")];
    assert_eq!(metrics.count("mcpist_tool_calls_total", &tool_of), 1);
    let durations = metrics.histogram("mcpist_tool_duration_ms", &tool_of);
    assert_eq!(
        (durations.len(), durations[0].count, durations[0].bucket_counts.iter().sum::<u64>()),
        (1, 1, 1)
    );
    assert!(
        durations[0].sum > Some(0.0) && durations[0].start_time_unix_nano <= record.time_unix_nano
    );

    let first = &collector.came()[0];
    assert!(
        first.head.contains("authorization: Basic Y2FuYXJ5\r\n")
            && first.head.contains("content-type: application/json\r\n")
    );
    assert!(
        first.body.contains(r#""key":"service.name","value":{"stringValue":"mcpist-test"}"#),
        "{first:?}"
    );
    assert!(
        first
            .body
            .contains(r#""key":"deployment.environment.name","value":{"stringValue":"test"}"#),
        "{first:?}"
    );
    for came in collector.came() {
        assert_eq!(
            came.head.contains("content-encoding: gzip\r\n"),
            came.path == "/v1/traces",
            "{came:?}"
        );
        assert!(
            !came.body.contains(CANARY)
                && !came.body.contains(PRIVATE)
                && !came.body.contains("Y2FuYXJ5"),
            "{came:?}"
        );
    }
}

#[test]
fn metrics_have_the_names_of_the_specification_and_count_what_they_say() {
    let collector = Collector::start(Mood::Takes);
    let upstream = FakeUpstream::new([Exchange::new(
        "GET",
        &format!("/repos/{PRIVATE}/rust"),
        Answer::new(404, &[], "{}"),
    )]);
    let server = serving(
        &collector,
        &[("GITHUB_API_URL", &upstream.url()), ("OTEL_METRIC_EXPORT_INTERVAL", "86400000")],
    );
    let mut client = server.client();
    let failed = call(get_repository()).send(&mut client);
    assert_eq!(json_of(&failed)["result"]["isError"], true);
    for (path, status) in
        [("/health", 200), ("/api/version", 200), ("/nothing", 404), ("/mcp/nothing", 404)]
    {
        let post = Post::new("").but("GET").to(path);
        assert_eq!(post.send(&mut client).status, status, "{path}");
    }
    client.send("no HTTP\r\n\r\n");
    assert_eq!(client.reply().status, 400);
    let open = server.client();
    drop(client);
    assert_eq!(server.stop().code, 0);
    drop(open);

    let metrics = collector.metrics();
    let names = [
        "mcpist_connections",
        "mcpist_dropped_total",
        "mcpist_request_duration_ms",
        "mcpist_requests_total",
        "mcpist_tool_calls_total",
        "mcpist_tool_duration_ms",
        "mcpist_tool_errors_total",
    ];
    assert_eq!(metrics.names(), names, "mcpist_token_refresh_total comes with the first refresh");
    let requests = |route: &str, status: &str| {
        metrics.count(
            "mcpist_requests_total",
            &[("http.route", route), ("http.response.status_code", status)],
        )
    };
    assert_eq!(
        (requests("/mcp", "200"), requests("/health", "200"), requests("/mcp/{module}", "404")),
        (1, 1, 1)
    );
    assert_eq!(metrics.count("mcpist_requests_total", &[("http.response.status_code", "404")]), 2);
    assert_eq!(metrics.count("mcpist_requests_total", &[("http.request.method", "_OTHER")]), 1);
    assert_eq!(
        metrics.count(
            "mcpist_tool_errors_total",
            &[("tool", "get_repository"), ("error.type", "not_found")]
        ),
        1
    );
    assert_eq!(metrics.count("mcpist_dropped_total", &[]), 0);
    let durations = metrics.histogram("mcpist_request_duration_ms", &[("http.route", "/mcp")]);
    let exemplar = &durations[0].exemplars[0];
    let spans = collector.spans();
    let root = span(&spans, "tools/call call");
    assert_eq!(
        (&exemplar.trace_id, &exemplar.span_id),
        (&root.trace_id, &root.span_id),
        "an example leads to its trace"
    );
    assert_eq!(attribute(&root.attributes, "error.type").as_deref(), Some("tool_error"));
    assert_eq!(root.status.as_ref().map(|status| status.code), Some(2));
    assert!(
        !spans.iter().any(|span| span.name.contains("health")),
        "a probe is counted, not traced"
    );
    assert!(spans.iter().any(|span| span.name == "GET /mcp/{module}"));
}

#[test]
fn a_message_says_by_itself_which_trace_it_belongs_to_and_every_line_of_a_batch_is_told() {
    let collector = Collector::start(Mood::Takes);
    let upstream = FakeUpstream::new([repository(), repository()]);
    let server = serving(&collector, &[("GITHUB_API_URL", &upstream.url())]);
    let mut lines = vec![get_repository(), get_repository()];
    (lines[0]["id"], lines[1]["id"], lines[1]["after"]) = (json!("a"), json!("b"), json!(["a"]));
    let mut params = with_meta(json!({"name": "batch", "arguments": {"calls": lines}}));
    params["_meta"]["traceparent"] = json!(HEADER);
    assert_eq!(modern("tools/call", params).send(&mut server.client()).status, 200);
    server.stop();
    let spans = collector.spans();
    let root = span(&spans, "tools/call batch");
    assert_eq!(hex(&root.parent_span_id), "00f067aa0ba902b7");
    let tools: Vec<_> = spans.iter().filter(|span| span.name.starts_with("execute_tool")).collect();
    assert!(
        tools.len() == 2 && tools.iter().all(|tool| tool.parent_span_id == root.span_id),
        "{tools:?}"
    );
    assert_eq!(spans.iter().filter(|span| span.name == "GET").count(), 2);
    assert!(spans.iter().all(|span| hex(&span.trace_id) == TRACE));
}

#[test]
fn hosted_mode_tells_what_it_asks_the_control_plane_and_counts_credentials_that_are_refreshed() {
    let collector = Collector::start(Mood::Takes);
    let plane = FakePlane::start();
    plane.grant(ALICE, "vault", &["open_door"], &["default"]);
    let expired = json!({"access_token": CANARY, "token_type": "bearer", "expires_at": "2020-01-01T00:00:00Z", "account": "default"});
    plane.state().credentials.insert("vault".to_owned(), (200, expired));
    let door = || Exchange::new("GET", "/door", Answer::new(200, &[], r#"{"open": true}"#));
    let upstream = FakeUpstream::new([door(), door()]);
    let (broker, sieve, audit, keys) = (
        plane.url("token-exchanger"),
        plane.url("tool-sieve"),
        plane.url("audit-log"),
        plane.url("jwks"),
    );
    let server = serving(
        &collector,
        &[
            ("TOKEN_BROKER_URL", &broker),
            ("TOKEN_BROKER_KEY", KEY),
            ("TOOL_SIEVE_URL", &sieve),
            ("AUDIT_LOG_URL", &audit),
            ("JWKS_URL", &keys),
            ("JWT_ISSUER", ISSUER),
            ("JWT_AUDIENCE", AUDIENCE),
            ("VAULT_API_URL", &upstream.url()),
        ],
    );
    let token = token(ALICE);
    let open_door = || {
        let post = call(json!({"module": "vault", "tool": "open_door"}))
            .with("Authorization", &format!("Bearer {token}"));
        json_of(&post.send(&mut server.client()))["result"].take()
    };
    assert!(open_door().get("isError").is_none());
    assert!(open_door().get("isError").is_none());
    plane.state().credentials.insert(
        "vault".to_owned(),
        (409, json!({"error": {"code": "reconnect_required", "message": "no"}})),
    );
    assert_eq!(open_door()["isError"], true);
    assert_eq!(server.stop().code, 0);

    let metrics = collector.metrics();
    let refreshes = |outcome| {
        metrics.count("mcpist_token_refresh_total", &[("module", "vault"), ("outcome", outcome)])
    };
    assert_eq!(
        (refreshes("success"), refreshes("failure")),
        (1, 1),
        "the first request was not a refresh"
    );
    let spans = collector.spans();
    let parent_of = |span: &Span| {
        spans
            .iter()
            .find(|other| other.span_id == span.parent_span_id)
            .map(|parent| parent.name.as_str())
    };
    let posts: Vec<_> =
        spans.iter().filter(|span| span.name == "POST").filter_map(parent_of).collect();
    assert!(posts.contains(&"permission check") || posts.contains(&"tools/call call"), "{posts:?}");
    assert_eq!(posts.iter().filter(|parent| **parent == "token fetch").count(), 3, "{posts:?}");
    let failed: Vec<_> =
        spans.iter().filter(|span| attribute(&span.attributes, "error.type").is_some()).collect();
    let failed = |name: &str| {
        failed
            .iter()
            .find(|span| span.name == name)
            .and_then(|span| attribute(&span.attributes, "error.type"))
    };
    assert_eq!(failed("token fetch").as_deref(), Some("reconnect_required"));
    assert_eq!(failed("execute_tool vault_open_door").as_deref(), Some("reconnect_required"));
    for came in collector.came() {
        assert!(
            !came.body.contains(CANARY) && !came.body.contains(&token) && !came.body.contains(KEY),
            "{came:?}"
        );
    }
}

#[test]
fn a_client_over_stdio_is_told_of_too() {
    let collector = Collector::start(Mood::Takes);
    let mut command = mcpist(&["stdio"]);
    command
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url())
        .env("OTEL_TRACES_SAMPLER", "parentbased_always_off");
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary starts");
    let mut params = with_meta(json!({}));
    let unsampled = request(1, "tools/list", params.clone());
    params["_meta"]["traceparent"] = json!(HEADER);
    let sampled = request(2, "tools/list", params);
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(format!("{unsampled}\n{sampled}\n").as_bytes()).expect("the server reads");
    drop(stdin);
    assert!(child.wait_with_output().expect("it was started").status.success());
    let spans = collector.spans();
    let root = span(&spans, "tools/list");
    assert_eq!(
        (
            hex(&root.trace_id).as_str(),
            attribute(&root.attributes, "jsonrpc.request.id").as_deref()
        ),
        (TRACE, Some("2"))
    );
    assert_eq!(
        span(&spans, "permission check").parent_span_id,
        root.span_id,
        "the client's sampled trace, and no other"
    );
}

#[test]
fn without_an_endpoint_nothing_is_traced_and_lines_still_hold_together() {
    let upstream = FakeUpstream::new([repository().with_header("traceparent", HEADER)]);
    let server = Serving::start(&[("GITHUB_API_URL", &upstream.url())]);
    let mut params = with_meta(json!({"name": "call", "arguments": get_repository()}));
    params["_meta"]["traceparent"] = json!(HEADER);
    assert_eq!(modern("tools/call", params).send(&mut server.client()).status, 200);
    let lines = lines(&server.stop().stdout);
    let line =
        lines.iter().find(|line| line["tool"] == "get_repository").expect("the call is logged");
    assert!(
        line.get("trace_id").is_none()
            && line["request_id"].as_str().is_some_and(|id| id.len() == 16),
        "{line}"
    );
}

#[test]
fn what_cannot_be_sent_now_is_sent_later() {
    let check = |mood: Mood, least: Duration| {
        let collector = Collector::start(mood);
        let server = serving(
            &collector,
            &[("OTEL_METRICS_EXPORTER", "none"), ("OTEL_LOGS_EXPORTER", "none")],
        );
        assert_eq!(list().send(&mut server.client()).status, 200);
        collector.wait_until("a first try", |came| !came.is_empty());
        let began = collector.came()[0].at;
        collector.change(Mood::Takes);
        collector.wait_until("a second try", |came| came.iter().any(|came| came.taken));
        let second = collector.came().iter().find(|came| came.taken).expect("it came").at;
        assert!(
            second - began >= least,
            "{mood:?}: the second try came after {:?}",
            second - began
        );
        assert_eq!(collector.spans().len(), 2, "{mood:?}");
        let stdout = server.stop().stdout;
        assert!(
            stdout.contains("telemetry is not taken") && stdout.contains("telemetry is sent again"),
            "{mood:?}: {stdout}"
        );
    };
    for mood in [Mood::Answers(502, 0), Mood::Answers(503, 0), Mood::Answers(504, 0), Mood::Babbles]
    {
        check(mood, Duration::from_millis(250));
    }
    check(Mood::Answers(429, 1), Duration::from_secs(1));
}

#[test]
fn what_a_collector_refuses_is_dropped_and_counted_and_its_complaint_is_not_sent() {
    let collector = Collector::start(Mood::Answers(500, 0));
    let server = serving(&collector, &[("OTEL_METRIC_EXPORT_INTERVAL", "86400000")]);
    assert_eq!(list().send(&mut server.client()).status, 200);
    collector.wait_until("a try with spans", of("/v1/traces"));
    collector
        .wait_until("a try with logs", |came| came.iter().any(|came| came.path == "/v1/traces"));
    collector.change(Mood::Takes);
    assert_eq!(list().send(&mut server.client()).status, 200);
    collector.wait_until("the next spans", |came| {
        came.iter().any(|came| came.taken && came.path == "/v1/traces")
    });
    let stdout = server.stop().stdout;
    assert_eq!(collector.spans().len(), 2, "the first two are gone");
    assert_eq!(collector.metrics().count("mcpist_dropped_total", &[("signal", "traces")]), 2);
    assert!(stdout.contains("rejected records are dropped"), "{stdout}");
    assert!(
        !collector.came().iter().any(|came| came.body.contains("rejected records are dropped")),
        "or one failure would lead to the next"
    );
}

#[test]
fn calls_do_not_notice_how_the_collector_is_and_memory_stays_flat() {
    // More than the queue holds, so that it is full from then on.
    const FILLING: usize = 1_200;
    const MORE: usize = 2_000;
    let check = |endpoint: &str, what: &str| {
        let server = Serving::start(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "60000"),
        ]);
        let mut client = server.client();
        let mut lists = |count: usize| {
            (0..count).for_each(|_| assert_eq!(list().send(&mut client).status, 200));
        };
        lists(FILLING);
        let before = resident(server.process());
        lists(MORE);
        let grown = resident(server.process()).saturating_sub(before);
        assert!(grown < 768, "{what}: {grown} KiB more after {MORE} more requests");
        drop(client);
        let began = Instant::now();
        assert_eq!(server.stop().code, 0);
        assert!(
            began.elapsed() < Duration::from_secs(5),
            "{what}: the end took {:?}",
            began.elapsed()
        );
    };
    let (stalling, overloaded) =
        (Collector::start(Mood::Stalls), Collector::start(Mood::Answers(503, 0)));
    std::thread::scope(|threads| {
        threads.spawn(|| check(&stalling.url(), "a collector that never answers"));
        threads.spawn(|| check(&overloaded.url(), "an overloaded collector"));
        threads.spawn(|| check(NOBODY, "no collector"));
    });
}

#[test]
fn after_a_full_queue_what_is_new_is_sent_and_what_was_lost_is_counted() {
    let collector = Collector::start(Mood::Stalls);
    let server = serving(
        &collector,
        &[("OTEL_METRICS_EXPORTER", "otlp"), ("OTEL_METRIC_EXPORT_INTERVAL", "86400000")],
    );
    let mut client = server.client();
    (0..2_000).for_each(|_| assert_eq!(list().send(&mut client).status, 200));
    collector.change(Mood::Takes);
    collector.wait_until("what was kept", |came| {
        came.iter().filter(|came| came.taken && came.path == "/v1/traces").count() > 1
    });
    drop(client);
    assert_eq!(server.stop().code, 0);
    let (sent, lost) = (
        collector.spans().len(),
        collector.metrics().count("mcpist_dropped_total", &[("signal", "traces")]),
    );
    assert!(lost > 0 && sent >= 2_048, "{sent} were sent, {lost} lost");
}
