//! The HTTP client against a service that misbehaves.

use std::time::{Duration, Instant};

use mcpist::access::{Credential, Scheme};
use mcpist::cancellation::Cancellation;
use mcpist::error::{Code, Error};
use mcpist::secret::Secret;
use mcpist::upstream::{
    HeaderMap, HeaderName, HeaderValue, Method, Upstream, UpstreamAnswer, UpstreamConfig,
    UpstreamRequest, failure,
};
use serde_json::{Value, json};

use crate::fake_upstream::{Answer, Exchange, FakeUpstream};
use crate::product::wait_for_requests;

const SECRET: &str = "a-token-that-must-not-leak";

/// `{"zipped":true}`, compressed.
const ZIPPED: &[u8] = &[
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xab, 0x56, 0xaa, 0xca, 0x2c, 0x28,
    0x48, 0x4d, 0x51, 0xb2, 0x2a, 0x29, 0x2a, 0x4d, 0xad, 0x05, 0x00, 0x84, 0x28, 0xbc, 0x08, 0x0f,
    0x00, 0x00, 0x00,
];

/// 64 KiB of zeros, compressed to 96 bytes: the head, a run of zero bytes, and the tail.
pub fn zipped_zeros() -> Vec<u8> {
    const HEAD: [u8; 21] = [
        0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xed, 0xc1, 0x01, 0x01, 0x00,
        0x00, 0x00, 0x80, 0x90, 0xfe, 0xaf,
    ];
    const TAIL: [u8; 9] = [0x6a, 0xeb, 0x8e, 0x97, 0xd7, 0x00, 0x00, 0x01, 0x00];
    let mut member = HEAD.to_vec();
    member.extend([0xee, 0x08, 0x0a]);
    member.resize(96 - TAIL.len(), 0);
    member.extend(TAIL);
    member
}

fn client() -> Upstream {
    Upstream::new(UpstreamConfig {
        first_backoff: Duration::from_millis(1),
        ..UpstreamConfig::default()
    })
}

fn credential() -> Credential {
    let secret = Secret::new(SECRET.to_owned());
    Credential { scheme: Scheme::Bearer, secret, account: None, base_url: None }
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

/// Sends one request with the secret as its credential.
fn send(method: Method, url: &str, body: Option<&str>) -> Result<UpstreamAnswer, Error> {
    send_until(&client(), method, url, body, soon(), &Cancellation::default())
}

fn send_until(
    client: &Upstream,
    method: Method,
    url: &str,
    body: Option<&str>,
    deadline: Instant,
    cancelled: &Cancellation,
) -> Result<UpstreamAnswer, Error> {
    let mut headers = HeaderMap::new();
    headers.insert(HeaderName::from_static("accept"), HeaderValue::from_static("application/json"));
    headers.insert(
        HeaderName::from_static("apikey"),
        HeaderValue::from_static("for the service only"),
    );
    let request = UpstreamRequest {
        service: "GitHub",
        method,
        url,
        headers: &headers,
        body: body.map(str::as_bytes),
        credential: Some(&credential()),
        trace_parent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    };
    let outcome = client.send(&request, deadline, cancelled);
    if let Err(error) = &outcome {
        assert!(!format!("{error} {error:?}").contains(SECRET), "the secret is in {error:?}");
        assert!(error.message().contains("GitHub"), "the service is not named in {error}");
    }
    outcome
}

/// Reads without a credential.
fn send_without_credential(client: &Upstream, url: &str) -> Result<UpstreamAnswer, Error> {
    let headers = HeaderMap::new();
    let request = UpstreamRequest {
        service: "GitHub",
        method: Method::Get,
        url,
        headers: &headers,
        body: None,
        credential: None,
        trace_parent: None,
    };
    client.send(&request, soon(), &Cancellation::default())
}

fn get(target: &str, answer: Answer) -> Exchange {
    Exchange::new("GET", target, answer).with_header("authorization", &format!("Bearer {SECRET}"))
}

fn ok() -> Answer {
    Answer::new(200, &[], "{}")
}

fn status(status: u16) -> Answer {
    Answer::new(status, &[], "")
}

fn redirect(to: &str) -> Answer {
    Answer::new(302, &[("location", to)], "")
}

fn code(outcome: Result<UpstreamAnswer, Error>) -> Result<u16, Code> {
    outcome.map(|answer| answer.status).map_err(|error| error.code())
}

#[test]
fn a_request_carries_its_headers_body_and_credential() {
    let fake = FakeUpstream::new([Exchange::new(
        "POST",
        "/a?b=c",
        Answer::new(201, &[("x-a", "b")], "made"),
    )
    .with_header("authorization", &format!("Bearer {SECRET}"))
    .with_header("user-agent", concat!("mcpist/", env!("CARGO_PKG_VERSION")))
    .with_header("accept-encoding", "gzip")
    .with_header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    .with_header("accept", "application/json")
    .with_header("content-length", "7")
    .with_body(json!({"x": 1}))]);
    let answer = send(Method::Post, &format!("{}/a?b=c", fake.url()), Some(r#"{"x":1}"#)).unwrap();
    assert_eq!(
        (answer.status, answer.headers["x-a"].as_bytes(), &answer.body[..]),
        (201, &b"b"[..], &b"made"[..])
    );
}

#[test]
fn every_method_is_sent_with_the_right_framing() {
    let check = |method, name: &str, body: Option<&str>, length: &str| {
        let exchange = Exchange::new(name, "/", ok()).with_header("content-length", length);
        let exchange = exchange.with_header("transfer-encoding", "");
        let exchange = if body.is_some() { exchange.with_body(json!({})) } else { exchange };
        // A HEAD's answer announces a body that does not come.
        let exchange =
            if name == "HEAD" { Exchange { answer: status(200), ..exchange } } else { exchange };
        let fake = FakeUpstream::new([exchange]);
        assert_eq!(code(send(method, &fake.url(), body)), Ok(200), "{name}");
    };
    check(Method::Get, "GET", None, "");
    check(Method::Head, "HEAD", None, "");
    check(Method::Options, "OPTIONS", None, "");
    check(Method::Post, "POST", None, "0");
    check(Method::Put, "PUT", None, "0");
    check(Method::Patch, "PATCH", None, "0");
    check(Method::Delete, "DELETE", None, "");
    check(Method::Delete, "DELETE", Some("{}"), "2");
    check(Method::Put, "PUT", Some("{}"), "2");
}

#[test]
fn a_basic_credential_is_encoded_when_it_is_sent() {
    let fake = FakeUpstream::new([
        Exchange::new("GET", "/", ok()).with_header("authorization", "Basic dXNlcjpwYXNz")
    ]);
    let secret = Secret::new("user:pass".to_owned());
    let credential = Credential { scheme: Scheme::Basic, secret, account: None, base_url: None };
    let request = UpstreamRequest {
        service: "Jira",
        method: Method::Get,
        url: &fake.url(),
        headers: &HeaderMap::new(),
        body: None,
        credential: Some(&credential),
        trace_parent: None,
    };
    assert_eq!(code(client().send(&request, soon(), &Cancellation::default())), Ok(200));
}

#[test]
fn a_credential_that_fits_no_header_is_refused_unsent() {
    let fake = FakeUpstream::new([]);
    let secret = Secret::new(format!("{SECRET}\r\nx-injected: 1"));
    let credential = Credential { scheme: Scheme::Bearer, secret, account: None, base_url: None };
    let request = UpstreamRequest {
        service: "GitHub",
        method: Method::Get,
        url: &fake.url(),
        headers: &HeaderMap::new(),
        body: None,
        credential: Some(&credential),
        trace_parent: None,
    };
    let error = client().send(&request, soon(), &Cancellation::default()).unwrap_err();
    assert_eq!(error.code(), Code::ReconnectRequired);
    assert!(!format!("{error:?}").contains(SECRET));
}

#[test]
fn connections_are_reused() {
    let fake = FakeUpstream::new((0..5).map(|_| get("/", ok())));
    let client = client();
    for _ in 0..5 {
        assert_eq!(
            code(send_until(
                &client,
                Method::Get,
                &fake.url(),
                None,
                soon(),
                &Cancellation::default()
            )),
            Ok(200)
        );
    }
    assert_eq!(fake.connections(), 1);
}

#[test]
fn what_is_safe_to_repeat_is_repeated() {
    let check = |method, name: &str, answers: &[Answer], expected: Result<u16, Code>| {
        let fake = FakeUpstream::new(
            answers.iter().map(|answer| Exchange::new(name, "/", answer.clone())),
        );
        assert_eq!(code(send(method, &fake.url(), None)), expected, "{name} {answers:?}");
    };
    let broken = Answer::Raw(Vec::new());
    let asked = |status| Answer::new(status, &[("retry-after", "0")], "");
    for unavailable in [502, 503, 504] {
        check(Method::Get, "GET", &[status(unavailable), ok()], Ok(200));
        check(Method::Delete, "DELETE", &[status(unavailable), ok()], Ok(200));
        check(Method::Post, "POST", &[status(unavailable)], Ok(unavailable));
        check(Method::Patch, "PATCH", &[status(unavailable)], Ok(unavailable));
    }
    check(Method::Get, "GET", &[status(503), status(502), status(504)], Ok(504));
    check(Method::Get, "GET", &[status(500)], Ok(500));
    check(Method::Get, "GET", &[broken.clone(), ok()], Ok(200));
    check(Method::Put, "PUT", &[broken.clone(), broken.clone(), ok()], Ok(200));
    check(
        Method::Get,
        "GET",
        &[broken.clone(), broken.clone(), broken.clone()],
        Err(Code::UpstreamUnavailable),
    );
    check(Method::Post, "POST", &[broken], Err(Code::UpstreamUnavailable));
    check(Method::Post, "POST", &[asked(503), ok()], Ok(200));
    check(Method::Post, "POST", &[asked(429), status(429), ok()], Ok(200));
    check(Method::Post, "POST", &[asked(429), asked(429), asked(429)], Ok(429));
    check(Method::Post, "POST", &[asked(502)], Ok(502));
}

#[test]
fn a_wait_past_the_deadline_is_not_begun() {
    let check = |headers: &[(&str, &str)]| {
        let fake = FakeUpstream::new([get("/", Answer::new(429, headers, ""))]);
        let started = Instant::now();
        let answer = send(Method::Get, &fake.url(), None).unwrap();
        assert!(started.elapsed() < Duration::from_secs(5), "{headers:?}");
        let error = failure("GitHub", Some(&credential()), &answer);
        assert_eq!(error.code(), Code::RateLimited);
        error.data().and_then(|data| data["retry_after_s"].as_u64())
    };
    assert_eq!(check(&[("retry-after", "120")]), Some(120));
    assert_eq!(check(&[("retry-after", "18446744073709551615")]), Some(u64::MAX));
    assert_eq!(check(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "90")]), Some(90));
    assert!(check(&[("retry-after", "Fri, 31 Dec 2999 23:59:59 GMT")]).is_some());
}

/// Leaves a request after the service has got it, and waits for its end. Returns the service.
fn leave(name: &str, answer: Answer) -> FakeUpstream {
    let fake = FakeUpstream::new([get("/", answer)]);
    let (client, url, cancelled) = (client(), fake.url(), Cancellation::default());
    std::thread::scope(|scope| {
        let call = || send_until(&client, Method::Get, &url, None, soon(), &cancelled);
        let call = scope.spawn(call);
        wait_for_requests(&fake, 1);
        let start = Instant::now();
        cancelled.cancel();
        let outcome = call.join().expect("the client does not panic");
        assert_eq!(code(outcome), Err(Code::Cancelled), "{name}");
        assert!(start.elapsed() < Duration::from_secs(1), "{name}: {:?}", start.elapsed());
    });
    fake
}

#[test]
fn a_caller_who_leaves_ends_the_waiting_for_the_next_try() {
    leave("a pause", Answer::new(429, &[("retry-after", "9")], ""));
}

#[test]
fn a_caller_who_has_left_sends_nothing() {
    let fake = FakeUpstream::new([]);
    let left = Cancellation::default();
    left.cancel();
    let outcome = send_until(&client(), Method::Get, &fake.url(), None, soon(), &left);
    assert_eq!(code(outcome), Err(Code::Cancelled));
}

#[test]
fn a_caller_who_leaves_ends_the_exchange_with_the_service() {
    let slow = |name: &str, answer: Answer| {
        let time = leave(name, answer).wait_until_left();
        assert!(time < Duration::from_secs(1), "{name}: the connection stays");
    };
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{".to_vec();
    slow("no answer", Answer::SILENCE);
    slow("half a head", Answer::Stall(b"HTTP/1.1 200 OK\r\nContent-".to_vec()));
    slow("half a body", Answer::Stall(head.clone()));
    slow("a body that drips", Answer::Drip(head));
}

#[test]
fn an_answer_that_takes_long_is_read_whole() {
    // Longer than the wait between two looks at the caller.
    let fake = FakeUpstream::new([get(
        "/",
        Answer::Late(
            Duration::from_millis(500),
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}".to_vec(),
        ),
    )]);
    assert_eq!(code(send(Method::Get, &fake.url(), None)), Ok(200));
}

#[test]
fn the_deadline_ends_a_silent_or_slow_answer() {
    let check = |method, name: &str, answer: Answer, unknown: bool| {
        let fake = FakeUpstream::new([Exchange::new(name, "/", answer)]);
        let (started, deadline) = (Instant::now(), Instant::now() + Duration::from_millis(100));
        let error =
            send_until(&client(), method, &fake.url(), None, deadline, &Cancellation::default())
                .unwrap_err();
        assert_eq!(error.code(), Code::Timeout, "{error}");
        assert_eq!(error.hint().unwrap().contains("unknown"), unknown, "{error}");
        assert!(started.elapsed() < Duration::from_secs(5));
    };
    check(Method::Get, "GET", Answer::SILENCE, false);
    check(Method::Post, "POST", Answer::SILENCE, true);
    check(
        Method::Get,
        "GET",
        Answer::Stall(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf".to_vec()),
        false,
    );
    check(Method::Get, "GET", Answer::Stall(b"HTTP/1.1 200 OK\r\ncontent-le".to_vec()), false);

    let fake = FakeUpstream::new([]);
    let error = send_until(
        &client(),
        Method::Get,
        &fake.url(),
        None,
        Instant::now(),
        &Cancellation::default(),
    )
    .unwrap_err();
    assert_eq!(error.code(), Code::Timeout);
}

#[test]
fn a_redirect_within_the_service_keeps_the_credential() {
    let fake = FakeUpstream::new([
        get("/a/b", redirect("/c?d=1")),
        get("/c?d=1", redirect("{upstream}/e")),
        get("/e", redirect("f")),
        get("/f", ok()),
    ]);
    assert_eq!(code(send(Method::Get, &format!("{}/a/b", fake.url()), None)), Ok(200));
}

#[test]
fn a_redirect_to_another_host_leaves_the_credential_behind() {
    for method in [Method::Get, Method::Head] {
        let name = if method == Method::Get { "GET" } else { "HEAD" };
        let bare = |target: &str, answer| {
            Exchange::new(name, target, answer)
                .with_header("authorization", "")
                .with_header("apikey", "")
                .with_header("traceparent", "")
                .with_header("accept", "application/json")
        };
        let elsewhere = FakeUpstream::new([bare("/log", status(200))]);
        let home = FakeUpstream::new([Exchange::new(
            name,
            "/",
            redirect(&format!("{}/log", elsewhere.url())),
        )]);
        assert_eq!(code(send(method, &home.url(), None)), Ok(200));
        assert!(
            elsewhere.requests().iter().all(|request| !format!("{request:?}").contains(SECRET))
        );
    }
}

#[test]
fn a_redirect_back_does_not_bring_the_credential_along() {
    let home = FakeUpstream::new([]);
    let elsewhere = FakeUpstream::new([Exchange::new(
        "GET",
        "/",
        redirect(&format!("{}/chosen/by/them", home.url())),
    )
    .with_header("authorization", "")]);
    home.expect(get("/", redirect(&elsewhere.url())));
    home.expect(
        Exchange::new("GET", "/chosen/by/them", status(401)).with_header("authorization", ""),
    );
    assert_eq!(code(send(Method::Get, &home.url(), None)), Ok(401));
}

#[test]
fn a_loop_of_redirects_ends() {
    let fake = FakeUpstream::new((0..4).map(|_| get("/", redirect("/"))));
    assert_eq!(code(send(Method::Get, &fake.url(), None)), Err(Code::UpstreamUnavailable));
}

#[test]
fn a_redirect_that_leads_nowhere_is_told() {
    for location in ["", "ftp://files.example/", "http://", "https://a b/", "//"] {
        let fake = FakeUpstream::new([get("/", redirect(location))]);
        assert_eq!(
            code(send(Method::Get, &fake.url(), None)),
            Err(Code::UpstreamUnavailable),
            "{location:?}"
        );
    }
    let fake = FakeUpstream::new([get("/", status(302))]);
    assert_eq!(code(send(Method::Get, &fake.url(), None)), Err(Code::UpstreamUnavailable));
}

#[test]
fn a_write_is_never_redirected() {
    let methods = [
        (Method::Post, "POST"),
        (Method::Put, "PUT"),
        (Method::Patch, "PATCH"),
        (Method::Delete, "DELETE"),
    ];
    for (method, name) in methods {
        let fake = FakeUpstream::new([Exchange::new(name, "/", redirect("/elsewhere"))]);
        let error = send(method, &fake.url(), None).unwrap_err();
        assert_eq!(error.code(), Code::NotFound);
        assert!(error.message().contains("redirects this call (302)"), "{error}");
    }
}

#[test]
fn compressed_answers_are_read() {
    let fake =
        FakeUpstream::new([get("/", Answer::new(200, &[("content-encoding", "gzip")], ZIPPED))]);
    let answer = send(Method::Get, &fake.url(), None).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&answer.body).unwrap(), json!({"zipped": true}));
}

#[test]
fn an_answer_over_the_limit_is_cut_compressed_or_not() {
    const LIMIT: usize = 10 * 1024 * 1024;
    let zipped = [("content-encoding", "gzip")];
    let zeros = |kibibytes: usize| zipped_zeros().repeat(kibibytes / 64);
    let check = |headers: &[(&str, &str)], body: Vec<u8>, expected: Result<usize, Code>| {
        let fake = FakeUpstream::new([get("/", Answer::new(200, headers, body))]);
        let outcome = send(Method::Get, &fake.url(), None);
        assert_eq!(outcome.map(|answer| answer.body.len()).map_err(|error| error.code()), expected);
    };
    check(&[], vec![b'x'; LIMIT], Ok(LIMIT));
    check(&[], vec![b'x'; LIMIT + 1], Err(Code::UpstreamUnavailable));
    check(&zipped, zeros(10 * 1024), Ok(LIMIT));
    check(&zipped, zeros(10 * 1024 + 64), Err(Code::UpstreamUnavailable));
    check(&zipped, zeros(1024 * 1024), Err(Code::UpstreamUnavailable));
}

#[test]
fn an_answer_that_is_no_http_is_told() {
    let check = |bytes: &[u8], expected: &str| {
        let fake = FakeUpstream::new([Exchange::new("POST", "/", Answer::Raw(bytes.to_vec()))]);
        let error = send(Method::Post, &fake.url(), None).unwrap_err();
        assert_eq!(error.code(), Code::UpstreamUnavailable);
        assert!(error.message().contains(expected), "{error}");
    };
    check(b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "invalid HTTP");
    check(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf", "ended before the answer did");
    check(
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhel",
        "ended before the answer did",
    );
    check(
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\nnope",
        "invalid HTTP",
    );
    let long = format!("HTTP/1.1 200 OK\r\nx-long: {}\r\n\r\n", "x".repeat(100_000));
    check(long.as_bytes(), "GitHub");
}

#[test]
fn a_service_that_keeps_failing_is_left_alone() {
    let check = |answer: Answer, expected: Result<u16, Code>| {
        let fake = FakeUpstream::new((0..5).map(|_| Exchange::new("POST", "/", answer.clone())));
        let client = client();
        let post = || {
            send_until(&client, Method::Post, &fake.url(), None, soon(), &Cancellation::default())
        };
        for _ in 0..5 {
            assert_eq!(code(post()), expected);
        }
        let error = post().unwrap_err();
        assert_eq!(
            (error.code(), error.data().unwrap()["retry_after_s"].as_u64()),
            (Code::UpstreamUnavailable, Some(10))
        );
        assert_eq!(error.hint(), Some("The next try is in 10 s: call again then."));

        // Another service is not affected, and a caller with another credential may succeed.
        let other = FakeUpstream::new([get("/", ok())]);
        assert_eq!(
            code(send_until(
                &client,
                Method::Get,
                &other.url(),
                None,
                soon(),
                &Cancellation::default()
            )),
            Ok(200)
        );
        fake.expect(Exchange::new("GET", "/", ok()).with_header("authorization", ""));
        assert_eq!(code(send_without_credential(&client, &fake.url())), Ok(200));
    };
    check(status(502), Ok(502));
    check(status(504), Ok(504));
    check(Answer::Raw(Vec::new()), Err(Code::UpstreamUnavailable));
}

#[test]
fn a_host_that_cannot_be_reached_is_left_alone_by_everyone() {
    // The port of a listener that is gone.
    let gone = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .unwrap();
    let (url, client) = (format!("http://{gone}/"), client());
    for _ in 0..5 {
        let error = send_until(&client, Method::Post, &url, None, soon(), &Cancellation::default())
            .unwrap_err();
        assert_eq!(error.data(), None, "{error}");
    }
    let error = send_without_credential(&client, &url).unwrap_err();
    assert_eq!(error.data().unwrap()["retry_after_s"], 10, "{error}");
}

#[test]
fn one_broken_endpoint_does_not_shut_off_its_service() {
    let broken = (0..8).map(|_| Exchange::new("POST", "/broken", status(500)));
    let fake = FakeUpstream::new(broken.chain([Exchange::new("POST", "/fine", ok())]));
    let client = client();
    let post = |path| {
        code(send_until(
            &client,
            Method::Post,
            &format!("{}{path}", fake.url()),
            None,
            soon(),
            &Cancellation::default(),
        ))
    };
    for _ in 0..8 {
        assert_eq!(post("/broken"), Ok(500));
    }
    assert_eq!(post("/fine"), Ok(200));
}

#[test]
fn who_leaves_a_service_no_time_learns_nothing_about_it() {
    let fake = FakeUpstream::new((0..6).map(|_| Exchange::new("POST", "/", Answer::SILENCE)));
    let client = client();
    for _ in 0..6 {
        let deadline = Instant::now() + Duration::from_millis(30);
        let error = send_until(
            &client,
            Method::Post,
            &fake.url(),
            None,
            deadline,
            &Cancellation::default(),
        )
        .unwrap_err();
        assert_eq!(error.code(), Code::Timeout, "{error}");
    }
    // On a busy machine the time may have been over before the request was sent.
    fake.complaints();
    fake.expect(Exchange::new("POST", "/", ok()));
    assert_eq!(
        code(send_until(
            &client,
            Method::Post,
            &fake.url(),
            None,
            soon(),
            &Cancellation::default()
        )),
        Ok(200)
    );
}

#[test]
fn a_service_that_is_too_slow_again_and_again_is_left_alone() {
    let fake = FakeUpstream::new((0..5).map(|_| Exchange::new("POST", "/", Answer::SILENCE)));
    let connect_timeout = Duration::from_millis(50);
    let client = Upstream::new(UpstreamConfig { connect_timeout, ..UpstreamConfig::default() });
    let post = |time| {
        send_until(
            &client,
            Method::Post,
            &fake.url(),
            None,
            Instant::now() + time,
            &Cancellation::default(),
        )
        .unwrap_err()
    };
    for _ in 0..5 {
        assert_eq!(post(Duration::from_millis(60)).code(), Code::Timeout);
    }
    assert_eq!(post(Duration::from_secs(10)).data().unwrap()["retry_after_s"], 10);
}

#[test]
fn the_failure_that_opens_the_breaker_is_told_as_it_is() {
    let fake = FakeUpstream::new((0..5).map(|_| get("/", status(503))));
    let client = client();
    let read =
        || send_until(&client, Method::Get, &fake.url(), None, soon(), &Cancellation::default());
    assert_eq!(code(read()), Ok(503));
    assert_eq!(code(read()), Ok(503));
    assert_eq!(code(read()), Err(Code::UpstreamUnavailable));
}

#[test]
fn a_service_that_cannot_be_reached_is_told() {
    let check = |url: &str, expected: Code| {
        let error = send(Method::Get, url, None).unwrap_err();
        assert_eq!(error.code(), expected, "{url} {error}");
        assert!(!error.message().contains(url), "{error}");
    };
    // The port of a listener that is gone.
    let gone = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .unwrap();
    check(&format!("http://{gone}/"), Code::UpstreamUnavailable);
    check("ftp://files.example/", Code::Internal);
    check("/relative", Code::Internal);
    check("not a URL", Code::Internal);
}

#[test]
fn a_service_that_repeats_the_credential_does_not_leak_it() {
    for status in [400, 403, 404, 409, 422, 429, 500] {
        let body = json!({"message": format!("bad header: Bearer {SECRET}"), "errors": [SECRET]})
            .to_string();
        let fake = FakeUpstream::new([Exchange::new(
            "POST",
            "/",
            Answer::new(status, &[("retry-after", "99")], body),
        )]);
        let answer = send(Method::Post, &fake.url(), None).unwrap();
        let error = failure("GitHub", Some(&credential()), &answer);
        assert!(!format!("{error} {error:?}").contains(SECRET), "{error:?}");
    }
}

#[test]
fn answers_that_are_held_at_once_have_one_budget() {
    let long = "x".repeat(60_000);
    let exchange = || Exchange::new("GET", "/", Answer::new(200, &[], long.clone()));
    let upstream = FakeUpstream::new((0..4).map(|_| exchange()));
    let config = UpstreamConfig { max_answers: 100_000, ..UpstreamConfig::default() };
    let (client, headers) = (Upstream::new(config), HeaderMap::new());
    let url = format!("{}/", upstream.url());
    let ask = || {
        let request = UpstreamRequest {
            service: "GitHub",
            method: Method::Get,
            url: &url,
            headers: &headers,
            body: None,
            credential: None,
            trace_parent: None,
        };
        client.clone().send(
            &request,
            Instant::now() + Duration::from_secs(10),
            &Cancellation::default(),
        )
    };
    let first = ask().expect("there is room");
    assert_eq!(ask().unwrap_err().code(), Code::Busy);
    let copy = first.clone();
    drop(first);
    assert_eq!(ask().unwrap_err().code(), Code::Busy, "a copy holds it, too");
    drop(copy);
    assert_eq!(ask().expect("there is room again").body.len(), long.len());
}
