//! What one user may have open: requests, streams and questions, on every transport and in both eras, and that it comes back.

use std::time::{Duration, Instant};

use mcpist::access::{ConfirmPolicy, UserLimits};
use serde_json::{Value, json};

use crate::control_plane::{ALICE, BOB, FakePlane, claims, key, seconds_from_now, token};
use crate::fake_upstream::FakeUpstream;
use crate::hosted::{Hosted, Setup};
use crate::product::{Events, MODERN, Post, json_of, modern, request, text_of};
use crate::stdio::Server;
use crate::wire::{PATIENCE, Reply};

fn hosted(plane: &FakePlane, upstream: &FakeUpstream, users: UserLimits) -> Hosted {
    for user in [ALICE, BOB] {
        plane.grant(user, "notes", &["remove_note", "list_notes"], &[]);
    }
    let setup = Setup { users, confirm: ConfirmPolicy::Human, ..Setup::default() };
    Hosted::start_with(plane, Some(upstream), setup)
}

/// A user's legacy session whose client can ask its user.
struct Client<'a> {
    server: &'a Hosted,
    bearer: String,
    session: String,
}

impl<'a> Client<'a> {
    fn new(server: &'a Hosted, user: &str) -> Self {
        let bearer = format!("Bearer {}", token(user));
        let params = json!({"protocolVersion": "2025-11-25", "capabilities": {"elicitation": {}}, "clientInfo": {"name": "test", "version": "1"}});
        let post =
            Post::new(request(0, "initialize", params).to_string()).with("Authorization", &bearer);
        let reply = server.send(&post);
        let session = reply.header("mcp-session-id").unwrap_or_else(|| panic!("{reply:?}"));
        Self { server, bearer, session: session.to_owned() }
    }

    fn post(&self, body: &Value) -> Post {
        Post::new(body.to_string())
            .with("Authorization", &self.bearer)
            .with("Mcp-Session-Id", &self.session)
            .with("MCP-Protocol-Version", "2025-11-25")
    }

    fn send(&self, body: &Value) -> Reply {
        self.server.send(&self.post(body))
    }

    /// A call that asks its user; gives the stream and the question's id.
    fn asked(&self, id: usize) -> (Events, Value) {
        let post = self.post(&removal(id)).with("Accept", "text/event-stream");
        let mut events = Events::open(self.server.running.connect(), &post);
        let question = events.message();
        assert_eq!(question["method"], "elicitation/create", "{question}");
        (events, question["id"].clone())
    }

    /// A call's answer, where it does not ask.
    fn told(&self, id: usize) -> Value {
        json_of(&self.send(&removal(id)))
    }

    fn decline(&self, question: &Value) {
        let answer = json!({"jsonrpc": "2.0", "id": question, "result": {"action": "decline"}});
        assert_eq!(self.send(&answer).status, 202);
    }
}

fn arguments(id: usize) -> Value {
    json!({"module": "notes", "tool": "remove_note", "params": {"id": id}})
}

fn removal(id: usize) -> Value {
    request(id, "tools/call", json!({"name": "call", "arguments": arguments(id)}))
}

fn is_busy(answer: &Value, what: &str) {
    let text = text_of(&answer["result"]);
    assert!(text.starts_with("code: busy") && text.contains(what), "{answer}");
}

#[test]
fn a_user_runs_so_many_requests_and_answers_pass_all_the_same() {
    let (plane, upstream) = (FakePlane::start(), FakeUpstream::new([]));
    let users = UserLimits { requests: 2, streams: 2, questions: 2 };
    let server = hosted(&plane, &upstream, users);
    let alice = Client::new(&server, ALICE);
    let (mut one, first) = alice.asked(1);
    let (other, _) = alice.asked(2);
    let full = alice.send(&request(3, "tools/list", json!({})));
    assert_eq!((full.status, full.header("retry-after")), (429, Some("1")), "{full:?}");
    let full = json_of(&full);
    assert_eq!(full["id"], 3);
    assert!(
        full["error"]["message"].as_str().unwrap().contains("busy: as many requests are open"),
        "{full}"
    );
    let bearer = format!("Bearer {}", token(ALICE));
    let list = || server.send(&modern("tools/list", json!({})).with("Authorization", &bearer));
    assert_eq!(list().status, 429, "the other era counts with it");
    assert_eq!(json_of(&list())["id"], 1);
    let bob = Client::new(&server, BOB);
    assert_eq!(bob.send(&request(3, "tools/list", json!({}))).status, 200);
    alice.decline(&first);
    assert!(text_of(&one.message()["result"]).starts_with("code: permission_denied"));
    assert!(one.next().is_none());
    assert_eq!(list().status, 200, "an answered request gives its place back");
    // So does one whose client goes away, in the modern era at once and in the legacy era when it is cancelled.
    let cancel =
        json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 2}});
    assert_eq!(alice.send(&cancel).status, 202);
    drop((one, other));
    let deadline = Instant::now() + PATIENCE;
    while server.running.shutdown.connections() > 0 {
        assert!(Instant::now() < deadline, "the cancelled request goes on");
        std::thread::yield_now();
    }
    let (_one, _) = alice.asked(4);
    let (_other, _) = alice.asked(5);
}

#[test]
fn uploads_count_as_well() {
    let (plane, upstream) = (FakePlane::start(), FakeUpstream::new([]));
    let users = UserLimits { requests: 1, streams: 1, questions: 1 };
    let server = hosted(&plane, &upstream, users);
    let bearer = format!("Bearer {}", token(ALICE));
    let stalled: Vec<_> = (0..2)
        .map(|_| {
            let mut client = server.running.connect();
            client.send(format!("POST /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: {bearer}\r\nExpect: 100-continue\r\nContent-Length: 100\r\n\r\n"));
            assert_eq!(client.reply_head().status, 100);
            client
        })
        .collect();
    let list = |user: &str| {
        let bearer = format!("Bearer {}", token(user));
        server.send(&modern("tools/list", json!({})).with("Authorization", &bearer))
    };
    let full = list(ALICE);
    assert_eq!((full.status, full.header("retry-after")), (429, Some("1")), "{full:?}");
    assert!(full.body.contains(r#""code":"busy""#), "{full:?}");
    assert_eq!(list(BOB).status, 200);
    drop(stalled);
    server.running.wait_for_connections(0);
    assert_eq!(list(ALICE).status, 200);
}

#[test]
fn streams_of_every_kind_count_together_and_come_back() {
    let (plane, upstream) = (FakePlane::start(), FakeUpstream::new([]));
    let server = hosted(&plane, &upstream, UserLimits { streams: 3, ..UserLimits::default() });
    let alice = Client::new(&server, ALICE);
    let bearer = alice.bearer.clone();
    let listen = |bearer: &str| {
        modern("subscriptions/listen", json!({"notifications": {"toolsListChanged": true}}))
            .with("Authorization", bearer)
    };
    let kinds = || {
        let legacy = alice.post(&Value::Null).but("GET");
        let old = Post::new("").but("GET").to("/sse").with("Authorization", &bearer);
        [legacy, old, listen(&bearer)]
    };
    let mut open: Vec<_> =
        kinds().iter().map(|post| Events::open(server.running.connect(), post)).collect();
    for post in kinds() {
        let reply = server.send(&post);
        assert_eq!((reply.status, reply.header("retry-after")), (429, Some("1")), "{reply:?}");
        assert!(reply.body.contains("as many event streams are open"), "{reply:?}");
    }
    let bob = format!("Bearer {}", token(BOB));
    let _bobs = Events::open(server.running.connect(), &listen(&bob));
    for post in kinds() {
        open.remove(0);
        // A stream ends a moment after its client has gone.
        server.running.wait_for_connections(3);
        open.push(Events::open(server.running.connect(), &post));
    }
}

#[test]
fn a_stream_ends_with_the_token_that_opened_it() {
    let (plane, upstream) = (FakePlane::start(), FakeUpstream::new([]));
    let server = hosted(&plane, &upstream, UserLimits::default());
    // Clocks may differ by half a minute, so this token is still taken.
    let mut ending = claims(ALICE);
    ending.expires_at = Some(seconds_from_now(-5));
    let ending = jwt_simple::prelude::ECDSAP256KeyPairLike::sign(key(), ending).unwrap();
    let bearer = format!("Bearer {ending}");
    let listen =
        modern("subscriptions/listen", json!({"notifications": {"toolsListChanged": true}}));
    let old = Post::new("").but("GET").to("/sse");
    for post in [listen, old] {
        let post = post.with("Authorization", &bearer);
        let mut events = Events::open(server.running.connect(), &post);
        while events.next().is_some() {}
    }
    server.running.wait_for_connections(0);
}

#[test]
fn questions_that_wait_are_counted_over_streamable_http_in_both_eras() {
    let (plane, upstream) = (FakePlane::start(), FakeUpstream::new([]));
    let server = hosted(&plane, &upstream, UserLimits { questions: 2, ..UserLimits::default() });
    let alice = Client::new(&server, ALICE);
    let call = |user: &str, id: usize, answer: Option<&Value>| {
        let mut params = json!({"name": "call", "arguments": arguments(id), "_meta": {
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}},
            "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        }});
        if let Some(asked) = answer {
            params["requestState"] = asked["requestState"].clone();
            params["inputResponses"] = json!({"confirm": {"action": "decline"}});
        }
        let post =
            modern("tools/call", params).with("Authorization", &format!("Bearer {}", token(user)));
        json_of(&server.send(&post))
    };
    let is_asked = |answer: &Value| answer["result"]["resultType"] == "input_required";
    let (mut events, question) = alice.asked(1);
    let asked = call(ALICE, 2, None);
    assert!(is_asked(&asked), "{asked}");
    assert!(is_asked(&call(ALICE, 2, None)), "the same question is open once");
    is_busy(&call(ALICE, 3, None), "as many questions are open");
    is_busy(&alice.told(4), "as many questions are open");
    assert!(is_asked(&call(BOB, 3, None)), "another user has their own");
    let declined = call(ALICE, 2, Some(&asked["result"]));
    assert!(text_of(&declined["result"]).starts_with("code: permission_denied"), "{declined}");
    assert!(is_asked(&call(ALICE, 3, None)), "an answer closes a question of the modern era");
    alice.decline(&question);
    events.message();
    assert!(is_asked(&call(ALICE, 4, None)), "an answer closes a question of the legacy era");
    is_busy(&alice.told(5), "as many questions are open");
}

#[test]
fn questions_that_wait_are_counted_over_http_sse() {
    let (plane, upstream) = (FakePlane::start(), FakeUpstream::new([]));
    let server = hosted(&plane, &upstream, UserLimits { questions: 1, ..UserLimits::default() });
    let bearer = format!("Bearer {}", token(ALICE));
    let open = Post::new("").but("GET").to("/sse").with("Authorization", &bearer);
    let mut events = Events::open(server.running.connect(), &open);
    let path = format!("/{}", events.next().expect("the stream begins with its path").data);
    let post = |body: &Value| {
        let post = Post::new(body.to_string()).to(&path).with("Authorization", &bearer);
        assert_eq!(server.send(&post).status, 202);
    };
    let params = json!({"protocolVersion": "2025-06-18", "capabilities": {"elicitation": {}}, "clientInfo": {"name": "test", "version": "1"}});
    post(&request(0, "initialize", params));
    events.message();
    post(&removal(1));
    let question = events.message();
    assert_eq!(question["method"], "elicitation/create", "{question}");
    post(&removal(2));
    is_busy(&events.message(), "as many questions are open");
    let answer = json!({"jsonrpc": "2.0", "id": question["id"], "result": {"action": "decline"}});
    post(&answer);
    events.message();
    post(&removal(3));
    assert_eq!(events.message()["method"], "elicitation/create");
}

#[test]
fn questions_and_subscriptions_that_wait_are_counted_over_stdio() {
    let mut server = Server::start(
        &["--direct"],
        &[("NOTES_API_URL", "http://127.0.0.1:9"), ("MCPIST_MAX_STREAMS_PER_USER", "1")],
    );
    let params = json!({"protocolVersion": "2025-11-25", "capabilities": {"elicitation": {}}, "clientInfo": {"name": "test", "version": "1"}});
    assert_eq!(server.ask(0, "initialize", params)["id"], 0);
    let call = |id: usize| {
        let params = json!({"name": "notes_remove_note", "arguments": {"id": id}});
        request(id, "tools/call", params).to_string()
    };
    let mut questions = Vec::new();
    for id in 1..=8 {
        server.send(call(id));
        let question = server.next().expect("it asks");
        assert_eq!(question["method"], "elicitation/create", "{question}");
        questions.push(question["id"].clone());
    }
    server.send(call(9));
    is_busy(&server.next().expect("it is answered"), "a user may have (8)");
    server.send(
        json!({"jsonrpc": "2.0", "id": questions[0], "result": {"action": "decline"}}).to_string(),
    );
    server.next().expect("the call ends");
    server.send(call(10));
    assert_eq!(server.next().expect("it asks")["method"], "elicitation/create");
    let listen = |id: &str| {
        let wanted = json!({"notifications": {"toolsListChanged": true}});
        request(id, "subscriptions/listen", crate::product::with_meta(wanted)).to_string()
    };
    server.send(listen("one"));
    let first = server.next().expect("it is acknowledged");
    assert_eq!(first["method"], "notifications/subscriptions/acknowledged", "{first}");
    server.send(listen("two"));
    let full = server.next().expect("it is answered");
    assert!(
        full["error"]["message"].as_str().unwrap().contains("as many event streams are open"),
        "{full}"
    );
    server.send(
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"one"}}"#,
    );
    server.send(listen("two"));
    let again = server.next().expect("it is acknowledged");
    assert_eq!(again["method"], "notifications/subscriptions/acknowledged", "{again}");
}

#[test]
fn many_open_questions_of_one_user_keep_no_other_user_waiting() {
    const CALLS: usize = 300;
    let (plane, upstream) = (FakePlane::start(), FakeUpstream::new([]));
    let server = hosted(&plane, &upstream, UserLimits::default());
    let bob = token(BOB);
    let median = || {
        let post = modern("tools/list", json!({})).with("Authorization", &format!("Bearer {bob}"));
        let mut client = server.running.connect();
        let mut times: Vec<_> = (0..50)
            .map(|_| {
                let begun = Instant::now();
                assert_eq!(post.send(&mut client).status, 200);
                begun.elapsed()
            })
            .collect();
        times.sort_unstable();
        times[times.len() / 2]
    };
    let quiet = median();
    let alice = Client::new(&server, ALICE);
    let open: Vec<_> = (1..=CALLS)
        .map(|id| {
            let mut client = server.running.connect();
            alice.post(&removal(id)).with("Accept", "text/event-stream").write(&mut client);
            client
        })
        .collect();
    let busy = median();
    let connections = server.running.shutdown.connections();
    drop(open);
    eprintln!("median of another user: {quiet:?} alone, {busy:?} beside {CALLS} questions");
    assert!(connections <= CALLS + 2, "{connections}");
    // One and a half times, and some for a machine that is busy with other tests.
    assert!(busy < quiet * 3 / 2 + Duration::from_millis(50), "{busy:?}, and {quiet:?} alone");
}
