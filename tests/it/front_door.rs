//! The front door answers proper requests: framing, keep-alive, pipelining, deadlines.

use std::io::Write;
use std::net::Shutdown;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use mcpist::http::{Answer, Limits, Response};

use crate::wire::{Client, PATIENCE, Running};

/// A server that says what it has understood.
fn telling_server(limits: Limits) -> Running {
    Running::start(limits, |request, _| {
        let host = request.headers.get("HOST").unwrap_or("-");
        let body = String::from_utf8_lossy(&request.body);
        let text =
            format!("{} {} ?{} {host} [{body}]", request.method, request.path, request.query);
        match &*request.path {
            "/panic" => panic!("the handler fails"),
            "/big" => Answer::Whole(Response::text(200, &"b".repeat(1_000_000))),
            "/empty" => Answer::Whole(Response::empty(204)),
            "/streamed" => Answer::Streamed,
            _ => Answer::Whole(Response::text(200, &text)),
        }
    })
}

/// Sends a request and returns what the server received.
fn told(client: &mut Client, request: &str) -> String {
    client.send(request);
    let reply = client.reply();
    assert_eq!(reply.status, 200, "{request:?}: {}", reply.body);
    reply.body
}

#[test]
fn a_proper_request_is_understood_and_the_connection_goes_on() {
    let cases = [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / ? a []"),
        (
            "GET /a%20b/../c?d=%26&e HTTP/1.1\r\nHost: a:80\r\n\r\n",
            "GET /a%20b/../c ?d=%26&e a:80 []",
        ),
        ("GET /?a?b HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "GET / ?a?b [::1]:80 []"),
        ("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / ? a []"),
        ("GET / HTTP/1.1\r\nHost:\r\n\r\n", "GET / ?  []"),
        ("GET / HTTP/1.1\r\nhOST:a \t\r\nX:\r\n\r\n", "GET / ? a []"),
        ("GET http://b/c?d HTTP/1.1\r\nHost: a\r\n\r\n", "GET /c ?d b []"),
        ("GET HTTPS://b:8 HTTP/1.1\r\nHost: a\r\n\r\n", "GET / ? b:8 []"),
        ("GET http://b?c HTTP/1.1\r\nHost: a\r\n\r\n", "GET / ?c b []"),
        ("BREW /pot HTTP/1.1\r\nHost: a\r\n\r\n", "BREW /pot ? a []"),
        ("DELETE / HTTP/1.1\r\nHost: a\r\n\r\n", "DELETE / ? a []"),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab", "GET / ? a [ab]"),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", "POST / ? a []"),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0002\r\n\r\nab", "POST / ? a [ab]"),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "POST / ? a []",
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n2;x=\"y\"\r\nab\r\n00A\r\n0123456789\r\n0\r\nT: v\r\n\r\n",
            "POST / ? a [ab0123456789]",
        ),
        ("GET / HTTP/1.0\r\nConnection: a, Keep-Alive\r\n\r\n", "GET / ? - []"),
    ];
    let server = telling_server(Limits::default());
    let mut client = server.connect();
    for (request, expected) in cases {
        assert_eq!(told(&mut client, request), expected, "{request:?}");
    }
}

#[test]
fn requests_that_arrive_together_are_answered_in_order() {
    let server = telling_server(Limits::default());
    let mut client = server.connect();
    let request = |n: usize| {
        format!("POST /{n} HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n{}", "x".repeat(1000))
    };
    client.send((0..100).map(request).collect::<String>());
    for n in 0..100 {
        assert!(client.reply().body.starts_with(&format!("POST /{n} ")));
    }
}

#[test]
fn a_request_that_arrives_byte_by_byte_is_answered() {
    let server = telling_server(Limits::default());
    let mut client = server.connect();
    client.socket.set_nodelay(true).expect("the socket is open");
    for byte in
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"
    {
        client.send([*byte]);
    }
    assert_eq!(client.reply().body, "POST / ? a [ab]");
}

#[test]
fn the_connection_ends_after_an_answer_when_the_client_wants_that() {
    let server = telling_server(Limits::default());
    for request in [
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Close\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
    ] {
        let mut client = server.connect();
        client.send(request);
        let reply = client.reply();
        assert_eq!((reply.status, reply.header("connection")), (200, Some("close")), "{request:?}");
        assert!(client.is_ended(), "{request:?}");
    }
    let mut client = server.connect();
    client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_eq!(
        client.reply().header("connection"),
        Some("keep-alive"),
        "HTTP/1.0 needs the header"
    );
}

#[test]
fn a_last_answer_arrives_though_more_requests_were_sent() {
    let server = telling_server(Limits::default());
    let mut client = server.connect();
    let more = "GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(1000);
    client.send(format!("GET /big HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n{more}"));
    assert_eq!(client.reply().body.len(), 1_000_000);
    assert!(client.is_ended());
}

#[test]
fn a_client_that_sends_no_more_still_gets_its_answer() {
    let server = telling_server(Limits::default());
    let mut client = server.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    client.socket.shutdown(Shutdown::Write).expect("the socket is open");
    assert_eq!(client.reply().status, 200);
    assert!(client.is_ended());
}

#[test]
fn head_gets_the_head_of_get_and_no_body() {
    let server = telling_server(Limits::default());
    let mut client = server.connect();
    client.send("HEAD /big HTTP/1.1\r\nHost: a\r\n\r\n");
    let reply = client.reply_head();
    assert_eq!((reply.status, reply.header("content-length")), (200, Some("1000000")));
    assert_eq!(client.get("/big").body.len(), 1_000_000, "the next answer follows the head");
    let reply = client.get("/empty");
    assert_eq!((reply.status, reply.header("content-length")), (204, None));
    assert_eq!(client.get("/").status, 200);
}

#[test]
fn a_client_that_waits_for_it_is_told_to_go_on() {
    let server = telling_server(Limits::default());
    let mut client = server.connect();
    for framing in ["Content-Length: 2\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n"] {
        client.send(format!("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\n{framing}"));
        assert_eq!(client.reply_head().status, 100);
        client.send(if framing.contains("chunked") { "2\r\nab\r\n0\r\n\r\n" } else { "ab" });
        assert_eq!(client.reply().body, "POST / ? a [ab]");
    }
    for needless in [
        "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nab",
        "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n",
        "POST / HTTP/1.0\r\nConnection: keep-alive\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nab",
    ] {
        client.send(needless);
        assert_eq!(client.reply().status, 200, "{needless:?}");
    }
}

#[test]
fn a_body_of_exactly_the_limit_is_taken() {
    let server = telling_server(Limits { body_bytes: 100_000, ..Limits::default() });
    let body = "x".repeat(100_000);
    let mut client = server.connect();
    assert_eq!(client.post("/", &body).body, format!("POST / ? localhost [{body}]"));
    client.send("POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
    let chunks = body
        .as_bytes()
        .chunks(4096)
        .map(|chunk| format!("{:x}\r\n{}\r\n", chunk.len(), "x".repeat(chunk.len())));
    client.send(chunks.collect::<String>() + "0\r\n\r\n");
    assert_eq!(client.reply().body, format!("POST / ? localhost [{body}]"));
}

#[test]
fn bodies_beyond_what_all_together_may_take_are_refused_and_room_comes_back() {
    let server = telling_server(Limits { all_bodies_bytes: 1_500, ..Limits::default() });
    let mut held = server.connect();
    held.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1001\r\n\r\n");
    assert_eq!(held.reply_head().status, 100);
    held.send("x".repeat(1_000));
    // How much of the held body has been read is not seen from here, so the second one is tried until it is refused.
    let refused = (0..1_000).find_map(|_| {
        Some(server.connect().post("/", &"y".repeat(600))).filter(|reply| reply.status == 503)
    });
    assert!(refused.is_some_and(|reply| reply.header("Retry-After") == Some("1")));
    // A body's part goes back a moment after its answer: those of the tries are gone with their connections.
    server.wait_for_connections(1);
    held.send("x");
    assert_eq!(held.reply().status, 200);
    let deadline = Instant::now() + PATIENCE;
    while server.connect().post("/", &"y".repeat(600)).status != 200 {
        assert!(Instant::now() < deadline, "no room comes back");
    }
}

#[test]
fn a_request_that_comes_too_slowly_is_told_so() {
    let short = Duration::from_millis(150);
    let server = telling_server(Limits { head_time: short, body_time: short, ..Limits::default() });
    let head = "GET / HTTP/1.1\r\nHost: a\r\n";
    let body_head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n";
    for (at_once, drip) in [("", "GET / HTTP/1.1\r\n"), (head, "X-Long: "), (body_head, "")] {
        let mut client = server.connect();
        client.send(at_once);
        client.drip(drip.bytes().chain(std::iter::repeat_n(b'x', 1000)));
        let reply = client.reply();
        assert_eq!(reply.status, 408, "{at_once:?} then {drip:?}: {}", reply.body);
        assert!(client.is_ended(), "{at_once:?} then {drip:?}");
    }
}

#[test]
fn an_idle_connection_is_closed_without_a_word() {
    let server =
        telling_server(Limits { idle_time: Duration::from_millis(50), ..Limits::default() });
    let mut fresh = server.connect();
    let mut used = server.connect();
    assert_eq!(used.get("/").status, 200);
    assert!(fresh.is_ended() && used.is_ended());
}

#[test]
fn a_client_that_takes_no_answer_is_given_up() {
    let server =
        telling_server(Limits { write_stall: Duration::from_millis(100), ..Limits::default() });
    let mut client = server.connect();
    // Far more than the system buffers between the two.
    let request = "GET /big HTTP/1.1\r\nHost: a\r\n\r\n".repeat(100);
    let _ = client.socket.write_all(request.as_bytes());
    server.wait_for_connections(0);
}

#[test]
fn a_panic_costs_its_request_alone() {
    let server = telling_server(Limits::default());
    let mut client = server.connect();
    for path in ["/panic", "/streamed"] {
        let reply = client.get(path);
        assert_eq!(reply.status, 500, "{path}");
        assert!(reply.body.contains("internal_error"), "{path}: {}", reply.body);
        assert_eq!(client.get("/").status, 200, "the connection goes on after {path}");
    }
}

#[test]
fn header_values_beyond_ascii_are_opaque() {
    let server = Running::start(Limits::default(), |request, _| {
        let told: Vec<_> = request.headers.get_all("x-name").collect();
        Answer::Whole(Response::text(200, &told.join("|")))
    });
    let mut client = server.connect();
    client.send(
        b"GET / HTTP/1.1\r\nHost: a\r\nX-Name: \xc3\xa9\r\nx-name:\r\nX-NAME: a\xe9\tb\r\n\r\n",
    );
    assert_eq!(client.reply().body, "é||a\u{fffd}\tb");
}

/// The bytes as gzip.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("writing to memory does not fail");
    encoder.finish().expect("writing to memory does not fail")
}

#[test]
fn a_body_may_come_as_gzip() {
    let limits = Limits { body_bytes: 100_000, all_bodies_bytes: 150_000, ..Limits::default() };
    let server = telling_server(limits);
    let send = |headers: &str, body: &[u8]| {
        let mut client = server.connect();
        let head = format!(
            "POST / HTTP/1.1\r\nHost: a\r\n{headers}Content-Length: {}\r\n\r\n",
            body.len()
        );
        client.send([head.as_bytes(), body].concat());
        client.reply()
    };
    let zipped = gzip(b"hello");
    let twice = [gzip(b"hel"), gzip(b"lo")].concat();
    for (coding, body) in [
        ("gzip", &zipped),
        ("GZIP", &zipped),
        ("x-gzip", &zipped),
        ("identity, gzip", &zipped),
        ("gzip", &twice),
        ("identity", &b"hello".to_vec()),
        ("", &b"hello".to_vec()),
    ] {
        let reply = send(&format!("Content-Encoding: {coding}\r\n"), body);
        assert_eq!((reply.status, reply.body.as_str()), (200, "POST / ? a [hello]"), "{coding}");
    }
    let cut = &zipped[..zipped.len() - 6];
    for (coding, body, status) in [
        ("br", &zipped[..], 415),
        ("deflate", &zipped, 415),
        ("gzip, gzip", &zipped, 415),
        ("gzip\r\nContent-Encoding: br", &zipped, 415),
        ("gzip", b"hello", 400),
        ("gzip", cut, 400),
        // What is small only as long as it is packed.
        ("gzip", &gzip(&vec![0; 100_001]), 413),
        ("gzip", &gzip(&vec![0; 50_000_000]), 413),
    ] {
        let reply = send(&format!("Content-Encoding: {coding}\r\n"), body);
        assert_eq!(reply.status, status, "{coding}: {reply:?}");
        let right = if status == 415 { Some("gzip") } else { None };
        assert_eq!(reply.header("accept-encoding"), right, "{reply:?}");
        assert!(status != 415 || reply.body.contains("gzip"), "{reply:?}");
    }
    assert_eq!(send("Content-Encoding: gzip\r\n", &gzip(&vec![b'x'; 100_000])).status, 200);
}
