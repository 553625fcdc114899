//! An invalid request is rejected with the right status and a reason, its connection is closed, and it never reaches the
//! service: requests that two parsers could read differently are used to smuggle requests past a proxy.

use mcpist::http::{Answer, Chunked, Limits, Refusal, Response, parse_head};

use crate::wire::{Client, Running};

/// Requests that are wrong, each with the status of its refusal.
const MALFORMED: &[(&str, u16)] = &[
    // Lines
    ("GET / HTTP/1.1\nHost: a\n\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\n\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: b\n c\r\n\r\n", 400),
    ("GET / HTTP/1.1\rHost: a\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: b\rY: c\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n folded\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n\tfolded\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400),
    ("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    // Request line
    ("\x16\x03\x01\x02\x00\x01\x00\x01\u{fc}\x03\x03", 400),
    (" GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET /  HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400),
    ("GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET /\r\n\r\n", 400),
    ("GET\r\n\r\n", 400),
    ("G@T / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET / http/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET / HTTP/1\r\nHost: a\r\n\r\n", 400),
    ("GET / HTTP/0.9\r\nHost: a\r\n\r\n", 505),
    ("GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505),
    ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
    ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    // Target
    ("GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 400),
    ("GET a/b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET ftp://a/b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET http:///b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET http://user@a/b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET /\u{e9} HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    // Header lines
    ("GET / HTTP/1.1\r\nHost: a\r\nX : b\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nX\t: b\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nX Y: b\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\n\u{e9}: b\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: b\x00c\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: b\x0bc\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: b\x7fc\r\n\r\n", 400),
    // Host
    ("GET / HTTP/1.1\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n", 400),
    ("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: user@a\r\n\r\n", 400),
    ("GET http://a/b HTTP/1.1\r\n\r\n", 400),
    // Length
    ("POST / HTTP/1.1\r\nHost: a\r\n\r\n", 411),
    ("PUT / HTTP/1.1\r\nHost: a\r\n\r\n", 411),
    ("PATCH / HTTP/1.1\r\nHost: a\r\n\r\n", 411),
    ("POST / HTTP/1.0\r\n\r\n", 411),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nab", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nab", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2, 2\r\n\r\nab", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +2\r\n\r\nab", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -2\r\n\r\nab", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x2\r\n\r\nab", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2a\r\n\r\nab", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2.0\r\n\r\nab", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1 2\r\n\r\nab", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\nab", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n", 413),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", 413),
    ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\nExpect: 100-continue\r\n\r\n", 413),
    // Transfer-Encoding
    (
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
        400,
    ),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked;a=b\r\n\r\n0\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n0\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    ("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    // Expect
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 200-maybe\r\n\r\n", 417),
    // Sizes, with the limits below
    ("GET /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa HTTP/1.1\r\nHost: a\r\n\r\n", 414),
    (
        "GET /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        414,
    ),
    ("GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nE: 5\r\n\r\n", 431),
    (
        "GET / HTTP/1.1\r\nHost: a\r\nX: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n\r\n",
        431,
    ),
    (
        "GET / HTTP/1.1\r\nHost: a\r\nX: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        431,
    ),
];

/// Chunked bodies that are wrong, each with the status of its refusal.
const MALFORMED_CHUNKS: &[(&str, u16)] = &[
    ("2\nab\r\n0\r\n\r\n", 400),
    ("2\r\nab\n0\r\n\r\n", 400),
    ("2\r\nab\r\n0\n\r\n", 400),
    ("2\r\nab\r\n0\r\n\n", 400),
    ("2\rab\r\n0\r\n\r\n", 400),
    ("2\r\nabc\r\n0\r\n\r\n", 400),
    ("3\r\nab\r\n0\r\n\r\n", 400),
    ("2\r\nab0\r\n\r\n", 400),
    ("\r\n2\r\nab\r\n0\r\n\r\n", 400),
    (" 2\r\nab\r\n0\r\n\r\n", 400),
    ("2 \r\nab\r\n0\r\n\r\n", 400),
    ("+2\r\nab\r\n0\r\n\r\n", 400),
    ("-2\r\nab\r\n0\r\n\r\n", 400),
    ("0x2\r\nab\r\n0\r\n\r\n", 400),
    ("g\r\nab\r\n0\r\n\r\n", 400),
    (";a=b\r\nab\r\n0\r\n\r\n", 400),
    ("2;a\nb\r\nab\r\n0\r\n\r\n", 400),
    ("2;a\0b\r\nab\r\n0\r\n\r\n", 400),
    ("0\r\nX: a\n\r\n", 400),
    ("0\r\nX: a\0\r\n\r\n", 400),
    ("0\r\nX: a\rb\r\n\r\n", 400),
    ("3e9\r\n", 413),
    ("0000000000003e9\r\n", 413),
    ("ffffffffffffffffff\r\n", 413),
    ("fffffffffffffffe\r\n", 413),
];

fn small_limits() -> Limits {
    Limits {
        head_bytes: 180,
        header_count: 5,
        target_bytes: 32,
        body_bytes: 1000,
        ..Limits::default()
    }
}

fn strict_server() -> Running {
    Running::start(small_limits(), |request, _| {
        panic!("{} {} has reached the service", request.method, request.path)
    })
}

fn check_refused(mut client: Client, request: &str, status: u16) {
    client.send(request);
    let reply = client.reply();
    assert_eq!(reply.status, status, "{request:?}: {}", reply.body);
    assert_eq!(reply.header("connection"), Some("close"), "{request:?}");
    let body: serde_json::Value = serde_json::from_str(&reply.body).expect("a refusal is JSON");
    assert!(
        body["error"]["code"].is_string() && body["error"]["message"].is_string(),
        "{request:?}: {body}"
    );
    assert!(client.is_ended(), "{request:?} leaves the connection open");
}

#[test]
fn a_malformed_head_is_refused_and_ends_the_connection() {
    let server = strict_server();
    for (request, status) in MALFORMED {
        check_refused(server.connect(), request, *status);
    }
}

#[test]
fn a_malformed_chunk_is_refused_and_ends_the_connection() {
    let server = strict_server();
    for (body, status) in MALFORMED_CHUNKS {
        let request =
            format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
        check_refused(server.connect(), &request, *status);
    }
}

#[test]
fn chunks_are_bounded_together() {
    let server = strict_server();
    let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunk = format!("64\r\n{}\r\n", "a".repeat(100));
    check_refused(server.connect(), &format!("{head}{}1\r\n", chunk.repeat(10)), 413);
    let extended = format!("1;{}\r\na\r\n", "e".repeat(500));
    check_refused(server.connect(), &format!("{head}{}", extended.repeat(9)), 400);
    let trailers = "X: 0123456789\r\n".repeat(20);
    check_refused(server.connect(), &format!("{head}0\r\n{trailers}"), 431);
}

#[test]
fn a_refusal_arrives_though_the_client_has_sent_much_more() {
    let server = strict_server();
    let body = "a".repeat(200_000);
    check_refused(
        server.connect(),
        &format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n{body}"),
        413,
    );
}

#[test]
fn what_follows_a_refused_request_is_not_a_request() {
    let server = Running::start(Limits::default(), |_, _| Answer::Whole(Response::empty(204)));
    let mut client = server.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.reply().status, 400);
    assert!(client.is_ended());
}

#[test]
fn a_head_that_arrives_in_pieces_is_judged_as_the_whole() {
    let limits = small_limits();
    let proper = "\r\nGET /a?b HTTP/1.1\r\nHost: a\r\nX: b\r\n\r\n";
    for (request, expected) in
        MALFORMED.iter().map(|(request, status)| (*request, Some(*status))).chain([(proper, None)])
    {
        let whole = parse_head(request.as_bytes(), &limits).map(|head| head.is_some());
        for end in 0..request.len() {
            match parse_head(&request.as_bytes()[..end], &limits) {
                Ok(None) => {}
                Ok(Some(_)) => assert!(
                    whole.is_ok(),
                    "the first {end} bytes of {request:?} are taken for a head"
                ),
                Err(refusal) => assert_eq!(
                    Some(refusal.status),
                    expected,
                    "the first {end} bytes of {request:?}"
                ),
            }
        }
    }
}

#[test]
fn a_chunked_body_is_judged_the_same_in_pieces_and_as_a_whole() {
    let limits = small_limits();
    let proper = "2;x\r\nab\r\n3\r\ncde\r\n0\r\nX: y\r\n\r\nGET /next";
    for input in MALFORMED_CHUNKS.iter().map(|(input, _)| *input).chain([proper]) {
        let decode = |piece_bytes: usize| -> Result<(String, usize, bool), Refusal> {
            let (mut chunked, mut body, mut used) = (Chunked::default(), Vec::new(), 0);
            for piece in input.as_bytes().chunks(piece_bytes) {
                used += chunked.decode(piece, &mut body, &limits)?;
            }
            Ok((String::from_utf8(body).expect("the chunks are text"), used, chunked.is_done()))
        };
        let whole = decode(input.len());
        for piece_bytes in 1..input.len() {
            assert_eq!(decode(piece_bytes), whole, "{input:?} in pieces of {piece_bytes}");
        }
    }
    let (mut chunked, mut body) = (Chunked::default(), Vec::new());
    let used = chunked.decode(proper.as_bytes(), &mut body, &limits).expect("it is proper");
    assert_eq!(
        (body.as_slice(), &proper[used..], chunked.is_done()),
        (&b"abcde"[..], "GET /next", true)
    );
}
