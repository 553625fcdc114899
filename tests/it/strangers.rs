//! What those can do whom the server does not know: be refused before their bodies are read, and take nothing of what callers have.

use std::io::Write;
use std::time::{Duration, Instant};

use mcpist::http::{Limits, TrustedProxies};
use serde_json::json;

use crate::control_plane::{ALICE, BOB, FakePlane, claims, key, seconds_from_now, token};
use crate::hosted::{Hosted, Setup};
use crate::product::{Events, Post, json_of, modern};
use crate::wire::{Client, PATIENCE, Reply, Running};

/// A little less than the largest body.
const UPLOAD: usize = 4 * 1024 * 1024 - 1;

/// What every stranger shows.
fn evidence() -> Vec<Option<String>> {
    let forged = format!("{}x", token(ALICE));
    let ended = {
        let mut claims = claims(ALICE);
        claims.expires_at = Some(seconds_from_now(-3600));
        jwt_simple::prelude::ECDSAP256KeyPairLike::sign(key(), claims).expect("it can be signed")
    };
    let made_up = "mcpist_madeup".to_owned();
    let shown =
        [forged, ended, made_up, "nonsense".to_owned()].map(|token| format!("Bearer {token}"));
    shown.map(Some).into_iter().chain([Some("Basic YTpi".to_owned()), None]).collect()
}

/// The head of an upload, without a byte of its body.
fn upload(path: &str, authorization: Option<&str>, framing: &str) -> String {
    let authorization =
        authorization.map_or_else(String::new, |value| format!("Authorization: {value}\r\n"));
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{authorization}{framing}\r\n\r\n"
    )
}

fn refused(client: &mut Client, what: &str) -> Reply {
    let reply = client.reply();
    assert_eq!(reply.status, 401, "{what}: {reply:?}");
    assert!(
        reply.header("www-authenticate").is_some_and(|value| value.starts_with("Bearer ")),
        "{what}: {reply:?}"
    );
    reply
}

#[test]
fn a_stranger_is_refused_before_a_body_is_read_wherever_a_caller_is_needed() {
    let plane = FakePlane::start();
    let server = Hosted::start(&plane, None);
    let length = format!("Content-Length: {UPLOAD}");
    let waits = format!("{length}\r\nExpect: 100-continue");
    let framings = [length.as_str(), &waits, "Transfer-Encoding: chunked", "Content-Length: 10"];
    for path in ["/mcp", "/mcp/", "/mcp/notes", "/messages?session=x"] {
        for (shown, framing) in evidence().iter().zip(framings.into_iter().cycle()) {
            let what = format!("{path} {framing}");
            let mut client = server.running.connect();
            client.send(upload(path, shown.as_deref(), framing));
            let reply = refused(&mut client, &what);
            assert_eq!(reply.header("connection"), Some("close"), "{what}");
            assert!(client.is_ended(), "{what}");
        }
    }
    server.running.wait_for_connections(0);
}

#[test]
fn a_stranger_without_a_body_is_refused_and_the_connection_goes_on() {
    let plane = FakePlane::start();
    let server = Hosted::start(&plane, None);
    let mut client = server.running.connect();
    for request in [
        "GET /mcp HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /sse HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
    ] {
        client.send(request);
        assert_eq!(refused(&mut client, request).header("connection"), None, "{request}");
    }
    assert_eq!(client.get("/health").status, 200);
}

#[test]
fn path_method_host_and_origin_are_looked_at_before_the_body_too() {
    let plane = FakePlane::start();
    let server = Hosted::start(&plane, None);
    let bearer = format!("Bearer {}", token(ALICE));
    plane.grant(ALICE, "notes", &["list_notes"], &[]);
    let length = format!("Content-Length: {UPLOAD}");
    let origin = format!("{length}\r\nOrigin: https://evil.example");
    let check = |head: String, status: u16| {
        let mut client = server.running.connect();
        client.send(&head);
        let reply = client.reply();
        assert_eq!(reply.status, status, "{head}: {reply:?}");
        assert!(client.is_ended(), "{head}");
    };
    let shown = Some(bearer.as_str());
    check(upload("/nowhere", shown, &length), 404);
    check(upload("/mcp/unknown", shown, &length), 404);
    check(upload("/mcp?readony=true", shown, &length), 400);
    check(upload("/health", shown, &length), 405);
    check(upload("/sse", shown, &length), 405);
    check(upload("/mcp", shown, &origin), 403);
}

#[test]
fn a_client_that_sends_all_of_a_refused_body_reads_its_answer() {
    let plane = FakePlane::start();
    let server = Hosted::start(&plane, None);
    for shown in [None, Some("Bearer mcpist_madeup")] {
        let mut client = server.running.connect();
        client.send(upload("/mcp", shown, &format!("Content-Length: {UPLOAD}")));
        client.send(vec![b'x'; UPLOAD]);
        refused(&mut client, "a whole upload");
        assert!(client.is_ended());
    }
}

#[test]
fn a_known_caller_may_send_what_a_stranger_may_not() {
    let plane = FakePlane::start();
    plane.grant(ALICE, "notes", &["list_notes"], &[]);
    plane.state().api_tokens.insert("mcpist_alice".to_owned(), ALICE.to_owned());
    let server = Hosted::start(&plane, None);
    // Neither token was ever seen here.
    for token in [token(ALICE), "mcpist_alice".to_owned()] {
        let filler = "x".repeat(1024 * 1024);
        let reply = server.send_as(&token, modern("tools/list", json!({"filler": filler})));
        assert_eq!(reply.status, 200, "{reply:?}");
    }
}

#[test]
fn what_everybody_may_ask_takes_small_bodies_alone() {
    let plane = FakePlane::start();
    let server = Hosted::start(&plane, None);
    let get =
        |framing: &str| format!("GET /health HTTP/1.1\r\nHost: localhost\r\n{framing}\r\n\r\n");
    let mut client = server.running.connect();
    client.send(get("Content-Length: 65536") + &"x".repeat(65_536));
    assert_eq!(client.reply().status, 200);
    client.send(get("Content-Length: 65537"));
    assert_eq!(client.reply().status, 413);
    assert!(client.is_ended());
    let mut client = server.running.connect();
    client.send(get("Transfer-Encoding: chunked"));
    client.send(format!("10000\r\n{}\r\n1\r\nx\r\n0\r\n\r\n", "x".repeat(65_536)));
    assert_eq!(client.reply().status, 413);
}

#[test]
fn strangers_share_a_budget_of_their_own() {
    let plane = FakePlane::start();
    plane.grant(ALICE, "notes", &["list_notes"], &[]);
    let limits = Limits { all_stranger_bodies_bytes: 100_000, ..Limits::default() };
    let server = Hosted::start_with(&plane, None, Setup { limits, ..Setup::default() });
    let begun = |server: &Hosted| {
        let mut client = server.running.connect();
        client.send("GET /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 65536\r\n\r\n");
        client.send("x".repeat(60_000));
        client
    };
    let _first = begun(&server);
    // How much of the first has been read is not seen from here.
    let deadline = Instant::now() + PATIENCE;
    let is_full = |server: &Hosted| {
        let mut second = begun(server);
        let _ = second.socket.write_all(&[b'x'; 5_536]);
        second.reply().status == 503
    };
    while !is_full(&server) {
        assert!(Instant::now() < deadline, "strangers have no budget of their own");
    }
    let filler = "x".repeat(200_000);
    let reply = server.send_as(&token(ALICE), modern("tools/list", json!({"filler": filler})));
    assert_eq!(reply.status, 200, "{reply:?}");
}

#[test]
fn a_stranger_that_stalls_is_cut_before_the_time_of_a_body() {
    let plane = FakePlane::start();
    let server = Hosted::start(&plane, None);
    let started = Instant::now();
    let mut client = server.running.connect();
    client.send("GET /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000\r\n\r\nx");
    assert_eq!(client.reply().status, 408);
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
}

#[test]
fn a_refused_token_is_asked_about_once() {
    let plane = FakePlane::start();
    let server = Hosted::start(&plane, None);
    for _ in 0..5 {
        let reply = server.send_as("mcpist_madeup", modern("tools/list", json!({})));
        assert_eq!(reply.status, 401, "{reply:?}");
    }
    assert_eq!(plane.asked("tool-sieve"), 1);
    server.send_as("mcpist_another", modern("tools/list", json!({})));
    assert_eq!(plane.asked("tool-sieve"), 2);
}

/// Answers of the server to a token that is made up, one after the other.
fn failures(server: &Running, count: usize, forwarded: Option<&str>) -> Vec<Reply> {
    let mut client = server.connect();
    let post = Post::new("").but("GET").with("Authorization", "Bearer nonsense");
    let post = match forwarded {
        Some(client) => post.with("X-Forwarded-For", client),
        None => post,
    };
    (0..count).map(|_| post.send(&mut client)).collect()
}

fn proxies(text: &str) -> TrustedProxies {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn an_address_that_fails_too_often_waits_and_known_callers_do_not() {
    let plane = FakePlane::start();
    for user in [ALICE, BOB] {
        plane.grant(user, "notes", &["list_notes"], &[]);
    }
    plane.state().api_tokens.insert("mcpist_bob".to_owned(), BOB.to_owned());
    let setup = Setup { failures_per_second: 1, ..Setup::default() };
    let server = Hosted::start_with(&plane, None, setup);
    let list = |token: &str| server.send_as(token, modern("tools/list", json!({}))).status;
    let alice = token(ALICE);
    assert_eq!((list(&alice), list("mcpist_bob")), (200, 200));
    let replies = failures(&server.running, 3, None);
    let statuses: Vec<_> = replies.iter().map(|reply| reply.status).collect();
    assert_eq!(statuses, [401, 429, 429]);
    assert_eq!(replies[1].header("retry-after"), Some("1"));
    assert!(replies[1].body.contains("failed authentications a second"), "{:?}", replies[1]);
    let asked = plane.state().requests.len();
    assert_eq!(list("mcpist_other"), 429, "nothing is asked for an address that has to wait");
    assert_eq!(plane.state().requests.len(), asked);
    assert_eq!((list(&alice), list("mcpist_bob")), (200, 200), "their tokens are known");
}

#[test]
fn failures_count_for_the_client_that_a_trusted_proxy_names() {
    let plane = FakePlane::start();
    let check = |trusted: Option<&str>, first: &str, second: &str, expected: u16| {
        let trusted_proxies = trusted.map(proxies).unwrap_or_default();
        let limits = Limits { trusted_proxies, ..Limits::default() };
        let setup = Setup { failures_per_second: 1, limits, ..Setup::default() };
        let server = Hosted::start_with(&plane, None, setup);
        assert_eq!(failures(&server.running, 1, Some(first))[0].status, 401);
        let second_status = failures(&server.running, 1, Some(second))[0].status;
        assert_eq!(second_status, expected, "{trusted:?} {first} {second}");
    };
    check(Some("127.0.0.1"), "203.0.113.1", "203.0.113.2", 401);
    check(Some("127.0.0.1"), "203.0.113.1", "203.0.113.1", 429);
    check(Some("127.0.0.1"), "203.0.113.1", "198.51.100.1, 203.0.113.1", 429);
    check(Some("127.0.0.0/8"), "2001:db8::1", "2001:db8::2", 429);
    check(Some("10.0.0.0/8"), "203.0.113.1", "203.0.113.2", 429);
    check(None, "203.0.113.1", "203.0.113.2", 429);
}

#[test]
fn connections_of_a_trusted_proxy_count_for_its_clients() {
    let plane = FakePlane::start();
    plane.grant(ALICE, "notes", &["list_notes"], &[]);
    let trusted_proxies = proxies("127.0.0.1");
    let limits = Limits { connections_per_address: 2, trusted_proxies, ..Limits::default() };
    let server = Hosted::start_with(&plane, None, Setup { limits, ..Setup::default() });
    let from = |address: &str, post: Post| {
        post.with("X-Forwarded-For", address)
            .with("Authorization", &format!("Bearer {}", token(ALICE)))
    };
    let listen =
        || modern("subscriptions/listen", json!({"notifications": {"toolsListChanged": true}}));
    let open = |address: &str| Events::open(server.running.connect(), &from(address, listen()));
    let list = |address: &str| server.send(&from(address, modern("tools/list", json!({})))).status;
    let (first, _second) = (open("203.0.113.1"), open("203.0.113.1"));
    assert_eq!(list("203.0.113.1"), 503);
    assert_eq!((list("203.0.113.2"), list("2001:db8::1")), (200, 200));
    drop(first);
    server.running.wait_for_connections(1);
    assert_eq!(list("203.0.113.1"), 200);
    // A connection that the proxy keeps for others counts for no client meanwhile.
    let mut kept = server.running.connect();
    let post = from("203.0.113.2", modern("tools/list", json!({})));
    assert_eq!(post.send(&mut kept).status, 200);
    let (_third, _fourth) = (open("203.0.113.2"), open("203.0.113.2"));
}

#[test]
fn strangers_that_upload_and_stall_keep_no_caller_waiting() {
    const STRANGERS: usize = 64;
    let plane = FakePlane::start();
    plane.grant(ALICE, "notes", &["list_notes"], &[]);
    let server = Hosted::start(&plane, None);
    let alice = token(ALICE);
    let median = || {
        let mut client = server.running.connect();
        let post =
            modern("tools/list", json!({})).with("Authorization", &format!("Bearer {alice}"));
        let mut times: Vec<_> = (0..50)
            .map(|_| {
                let begun = Instant::now();
                let reply = post.send(&mut client);
                assert_eq!(reply.status, 200, "{reply:?}");
                assert!(json_of(&reply)["result"]["tools"].is_array());
                begun.elapsed()
            })
            .collect();
        times.sort_unstable();
        times[times.len() / 2]
    };
    let quiet = median();
    let strangers: Vec<_> = (0..STRANGERS)
        .map(|number| {
            let mut client = server.running.connect();
            // Half of them where no caller is needed.
            let head = if number % 2 == 0 {
                upload("/mcp", None, &format!("Content-Length: {UPLOAD}"))
            } else {
                "GET /health HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
                    .to_owned()
            };
            client.send(head);
            let _ =
                client.socket.write_all(format!("{UPLOAD:x}\r\n{}", "x".repeat(30_000)).as_bytes());
            client
        })
        .collect();
    let busy = median();
    drop(strangers);
    eprintln!("median of a caller: {quiet:?} quiet, {busy:?} beside {STRANGERS} strangers");
    // Twice the quiet time, and some for a machine that is busy with other tests.
    assert!(busy < quiet * 2 + Duration::from_millis(50), "{busy:?}, and {quiet:?} when quiet");
}
