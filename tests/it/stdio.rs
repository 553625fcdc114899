//! The binary as a client starts it: one message a line in, one a line out.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::command_line::NOBODY;
use crate::fake_upstream::{Answer, Exchange, FakeUpstream};
use crate::product::{MODERN, mcpist, request, text_of, wait_for_requests, with_meta};
use crate::wire::PATIENCE;

/// `mcpist stdio` and its client; ended when this is dropped.
pub struct Server {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Server {
    pub fn start(flags: &[&str], variables: &[(&str, &str)]) -> Self {
        let arguments: Vec<&str> = ["stdio"].iter().chain(flags).copied().collect();
        let mut command = mcpist(&arguments);
        command
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().expect("the binary starts");
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        Self { input: child.stdin.take(), child, lines }
    }

    fn with_notes_at(upstream: &FakeUpstream) -> Self {
        Self::start(&["--direct"], &[("NOTES_API_URL", &upstream.url())])
    }

    pub fn send(&mut self, line: impl AsRef<[u8]>) {
        let input = self.input.as_mut().expect("it is open");
        input
            .write_all(line.as_ref())
            .and_then(|()| input.write_all(b"\n"))
            .expect("the server reads");
    }

    /// The next message or batch; nothing when the server has ended.
    pub fn next(&mut self) -> Option<Value> {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => {
                let message: Value = serde_json::from_str(&line)
                    .unwrap_or_else(|error| panic!("{error} in line {line:?}"));
                let first = if message.is_array() { &message[0] } else { &message };
                assert_eq!(first["jsonrpc"], "2.0", "{line}");
                Some(message)
            }
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("the server neither answers nor ends"),
        }
    }

    pub fn ask(&mut self, id: impl Into<Value>, method: &str, params: Value) -> Value {
        self.send(request(id, method, params).to_string());
        self.next().expect("the server answers")
    }

    fn initialize(&mut self, version: &str) -> Value {
        let answer =
            self.ask(0, "initialize", json!({"protocolVersion": version, "capabilities": {}}));
        self.send(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
        answer
    }

    /// Closes the server's input. Returns its remaining output, after which it must have ended without an error.
    fn end(&mut self) -> Vec<Value> {
        drop(self.input.take());
        let last: Vec<_> = std::iter::from_fn(|| self.next()).collect();
        assert!(self.child.wait().expect("it was started").success());
        last
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_legacy_session_runs_over_lines() {
    for version in ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"] {
        let mut server = Server::start(&[], &[]);
        assert_eq!(server.initialize(version)["result"]["protocolVersion"], version);
        assert_eq!(
            server.ask("a", "ping", json!({})),
            json!({"jsonrpc": "2.0", "id": "a", "result": {}})
        );
        assert_eq!(server.ask(2, "tools/list", json!({}))["result"]["tools"][3]["name"], "call");
        assert_eq!(server.ask(3, "server/discover", json!({}))["error"]["code"], -32601);
        assert_eq!(server.end(), [Value::Null; 0]);
    }
}

#[test]
fn modern_requests_need_no_session_and_both_eras_share_the_pipe() {
    let mut server = Server::start(&[], &[]);
    assert_eq!(
        server.ask(1, "server/discover", with_meta(json!({})))["result"]["supportedVersions"][0],
        MODERN
    );
    assert_eq!(
        server.ask(2, "tools/list", json!({}))["error"]["code"],
        -32600,
        "a legacy request needs initialize first"
    );
    server.initialize("2025-11-25");
    assert_eq!(server.ask(3, "ping", json!({}))["result"], json!({}));
    assert_eq!(
        server.ask(4, "tools/list", with_meta(json!({})))["result"]["resultType"],
        "complete"
    );
    assert_eq!(server.ask(5, "tools/lst", with_meta(json!({})))["error"]["code"], -32601);
    let mut unsupported = with_meta(json!({}));
    unsupported["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!("1999-01-01");
    assert_eq!(
        server.ask(6, "tools/list", unsupported)["error"]["data"]["requested"],
        "1999-01-01"
    );

    let listen = with_meta(json!({"notifications": {"toolsListChanged": true}}));
    let acknowledged = server.ask(7, "subscriptions/listen", listen);
    assert_eq!(
        acknowledged["params"]["_meta"],
        json!({"io.modelcontextprotocol/subscriptionId": 7})
    );
    assert_eq!(server.end(), [Value::Null; 0]);
}

#[test]
fn a_batch_of_2025_03_26_is_answered_by_one_line() {
    let mut server = Server::start(&[], &[]);
    let batch = json!([request(1, "ping", json!({})), {"jsonrpc": "2.0", "method": "x"}, request(2, "unknown", json!({}))]);
    server.initialize("2025-03-26");
    server.send(batch.to_string());
    let answers = server.next().expect("the server answers");
    let outcomes: Vec<_> = answers
        .as_array()
        .expect("a batch")
        .iter()
        .map(|answer| (&answer["id"], &answer["error"]["code"]))
        .collect();
    assert_eq!(outcomes, [(&json!(1), &Value::Null), (&json!(2), &json!(-32601))]);
    assert_eq!(server.end(), [Value::Null; 0]);
}

#[test]
fn flags_choose_the_view() {
    let tools = |flags: &[&str]| {
        Server::start(flags, &[]).ask(1, "tools/list", with_meta(json!({})))["result"]["tools"]
            .to_string()
    };
    let check = |flags: &[&str], there: &[&str], away: &[&str]| {
        let tools = tools(flags);
        let has = |name: &&&str| tools.contains(&format!("\"name\":{name:?}"));
        assert_eq!(
            (there.iter().filter(has).count(), away.iter().filter(has).count()),
            (there.len(), 0),
            "{flags:?}"
        );
    };
    check(&[], &["call"], &["notes_get_note"]);
    check(&["--direct"], &["notes_get_note", "notes_add_note"], &["call"]);
    check(&["--direct", "--readonly"], &["notes_get_note"], &["notes_add_note", "call"]);
}

#[test]
fn lines_that_are_no_message_are_answered_and_the_next_ones_served() {
    let mut server = Server::start(&[], &[]);
    server.initialize("2025-11-25");
    let mut check = |line: &[u8], code: i64, says: &str| {
        server.send(line);
        let answer = server.next().expect("the server goes on");
        // Under its id, where the beginning has it.
        let id = if line.starts_with(b"{") && code == -32700 { json!(1) } else { Value::Null };
        assert_eq!((&answer["error"]["code"], &answer["id"]), (&json!(code), &id), "{answer}");
        assert!(
            answer["error"]["message"].as_str().is_some_and(|message| message.contains(says)),
            "{answer}"
        );
    };
    check(b"garbage", -32700, "not JSON");
    check(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}", -32700, "not JSON");
    check(
        br#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":"\ud83d"}}"#,
        -32700,
        "not JSON",
    );
    check(br#"{"jsonrpc":"2.0","id":1,"method":"ping","#, -32700, "not JSON");
    check(b"\0", -32700, "not JSON");
    check(&b"[".repeat(10_000), -32700, "recursion limit");
    check(b"[]", -32600, "empty batch");
    check(br#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, -32600, "id must be");
    check(&vec![b'x'; 4 * 1024 * 1024 + 1], -32600, "4 MiB");
    check(&vec![b' '; 9 * 1024 * 1024], -32600, "4 MiB");
    // Neither blank lines nor responses that no request waits for are answered.
    for silent in [
        "",
        "   ",
        "\r",
        r#"{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"m"}}"#,
        r#"{"jsonrpc":"2.0","error":{"code":1,"message":"m"}}"#,
        r#"{"jsonrpc":"2.0","id":"unknown","result":{}}"#,
        r#"{"id":"unknown","error":{}}"#,
    ] {
        server.send(silent);
    }
    server.send("\u{feff}{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"ping\"}");
    assert_eq!(server.next().expect("the server goes on")["id"], 2);
    server.send("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\r");
    assert_eq!(server.next().expect("the server goes on")["id"], 1);
    assert_eq!(server.end(), [Value::Null; 0]);
}

#[test]
fn requests_that_run_at_the_end_of_input_are_still_answered() {
    let get = |answer| Exchange::new("GET", "/notes/1", answer);
    let busy = Answer::new(503, &[("retry-after", "0")], "");
    let upstream =
        FakeUpstream::new([get(busy), get(Answer::new(200, &[], r#"{"id": 1, "title": "Late"}"#))]);
    let mut server = Server::with_notes_at(&upstream);
    let call = request(
        1,
        "tools/call",
        with_meta(json!({"name": "notes_get_note", "arguments": {"id": 1}})),
    );
    // The last line needs no line break.
    server
        .input
        .as_mut()
        .expect("it is open")
        .write_all(call.to_string().as_bytes())
        .expect("the server reads");
    let last = server.end();
    assert_eq!(last.len(), 1, "{last:?}");
    assert_eq!(text_of(&last[0]["result"]), "id: 1\ntitle: Late");
}

#[test]
fn requests_that_outlast_the_drain_are_cancelled_and_answered() {
    let upstream = FakeUpstream::new([Exchange::new("GET", "/notes/1", Answer::SILENCE)]);
    let variables = [("NOTES_API_URL", &*upstream.url()), ("MCPIST_DRAIN_SECONDS", "1")];
    let mut server = Server::start(&["--direct"], &variables);
    server.initialize("2025-11-25");
    let params = json!({"name": "notes_get_note", "arguments": {"id": 1}});
    server.send(request("slow", "tools/call", params).to_string());
    wait_for_requests(&upstream, 1);
    let start = Instant::now();
    let last = server.end();
    assert_eq!((last.len(), &last[0]["id"]), (1, &json!("slow")), "{last:?}");
    assert!(text_of(&last[0]["result"]).starts_with("code: cancelled\n"), "{last:?}");
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
}

#[test]
fn a_question_that_no_one_can_answer_any_more_ends_with_the_input() {
    let mut server = Server::start(&["--direct"], &[("NOTES_API_URL", NOBODY)]);
    let params = json!({"protocolVersion": "2025-11-25", "capabilities": {"elicitation": {}}});
    assert_eq!(server.ask(0, "initialize", params)["id"], 0);
    let remove = json!({"name": "notes_remove_note", "arguments": {"id": 1}});
    assert_eq!(server.ask(1, "tools/call", remove)["method"], "elicitation/create");
    let start = Instant::now();
    let last = server.end();
    assert_eq!((last.len(), &last[0]["id"]), (1, &json!(1)), "{last:?}");
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
}

#[test]
fn a_client_that_reads_no_more_ends_what_runs_for_it() {
    let get = |answer| Exchange::new("GET", "/notes/1", answer);
    let upstream = FakeUpstream::new([get(Answer::SILENCE)]);
    let mut command = mcpist(&["stdio", "--direct"]);
    command
        .env("NOTES_API_URL", upstream.url())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = command.spawn().expect("the binary starts");
    // It stays open: the end of the output alone ends the server.
    let mut input = child.stdin.take().expect("it is piped");
    let call = json!({"name": "notes_get_note", "arguments": {"id": 1}});
    let call = request(1, "tools/call", with_meta(call));
    input.write_all(format!("{call}\n").as_bytes()).expect("the server reads");
    wait_for_requests(&upstream, 1);
    drop(child.stdout.take());
    let ping = request(2, "server/discover", with_meta(json!({})));
    input.write_all(format!("{ping}\n").as_bytes()).expect("the server reads");
    let start = Instant::now();
    assert!(child.wait().expect("it was started").success());
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    assert!(upstream.wait_until_left() < Duration::from_secs(1));
}

#[test]
fn a_full_house_still_hears_the_answers_that_it_waits_for() {
    let questions = ("MCPIST_MAX_QUESTIONS_PER_USER", "40");
    let mut server = Server::start(&["--direct"], &[("NOTES_API_URL", NOBODY), questions]);
    let params = json!({"protocolVersion": "2025-11-25", "capabilities": {"elicitation": {}}, "clientInfo": {"name": "test", "version": "1"}});
    assert_eq!(server.ask(0, "initialize", params)["id"], 0);
    let call = |id: usize| {
        let params = json!({"name": "notes_remove_note", "arguments": {"id": id}});
        request(id, "tools/call", params).to_string()
    };
    let mut questions = Vec::new();
    for id in 100..132 {
        server.send(call(id));
        let question = server.next().expect("it asks");
        assert_eq!(question["method"], "elicitation/create", "{question}");
        questions.push(question["id"].clone());
    }
    server.send(call(132));
    let busy = server.next().expect("it is answered");
    assert_eq!(busy["id"], 132, "{busy}");
    assert!(busy["error"]["message"].as_str().unwrap().contains("may have (32)"), "{busy}");
    assert_eq!(server.ask(2, "ping", json!({}))["id"], 2);
    for id in questions {
        server
            .send(json!({"jsonrpc": "2.0", "id": id, "result": {"action": "decline"}}).to_string());
        let told = server.next().expect("the call ends");
        assert_eq!(told["result"]["isError"], true, "{told}");
    }
    server.send(call(133));
    assert_eq!(server.next().expect("it asks")["method"], "elicitation/create");
}

#[test]
fn a_cancelled_request_gets_no_answer_while_others_do() {
    let upstream = FakeUpstream::new([Exchange::new(
        "GET",
        "/notes/1",
        Answer::new(503, &[("retry-after", "25")], ""),
    )]);
    let mut server = Server::with_notes_at(&upstream);
    server.initialize("2025-11-25");
    server.send(
        request("slow", "tools/call", json!({"name": "notes_get_note", "arguments": {"id": 1}}))
            .to_string(),
    );
    wait_for_requests(&upstream, 1);
    assert_eq!(server.ask(2, "ping", json!({}))["id"], 2, "a slow request keeps no other one");
    server.send(
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"unknown"}}"#,
    );
    server.send(
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"slow"}}"#,
    );
    assert_eq!(server.ask(3, "ping", json!({}))["id"], 3);
    let start = Instant::now();
    assert_eq!(server.end(), [Value::Null; 0]);
    assert!(start.elapsed().as_secs() < 5, "nothing was left to wait for");
}

#[test]
fn standard_output_holds_messages_alone_however_much_is_logged() {
    let upstream =
        FakeUpstream::new([Exchange::new("GET", "/notes/1", Answer::new(500, &[], "x"))]);
    let missing = ("MCPIST_MODULES_DIR", "/nowhere/at/all");
    let mut server = Server::start(&["--direct"], &[("MCPIST_LOG", "trace"), missing]);
    server.initialize("2025-11-25");
    assert_eq!(
        server.end(),
        [Value::Null; 0],
        "the folder that does not exist is reported elsewhere"
    );
    let mut server = Server::start(
        &["--direct"],
        &[("MCPIST_LOG", "trace"), ("NOTES_API_URL", &upstream.url())],
    );
    server.initialize("2025-11-25");
    let answer =
        server.ask(1, "tools/call", json!({"name": "notes_get_note", "arguments": {"id": 1}}));
    assert_eq!(answer["result"]["isError"], true);
    assert_eq!(server.end(), [Value::Null; 0]);
}

#[test]
fn a_cancellation_right_behind_its_request_is_not_lost() {
    use std::io::{Read, Write};
    let call = request(
        1,
        "tools/call",
        crate::product::with_meta(json!({"name": "notes_get_note", "arguments": {"id": 1}})),
    );
    let cancelled =
        json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}});
    let mut command = mcpist(&["stdio", "--direct"]);
    command.env("NOTES_API_URL", NOBODY).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("the binary starts");
    child
        .stdin
        .take()
        .expect("it is piped")
        .write_all(format!("{call}\n{cancelled}\n").as_bytes())
        .expect("the server reads");
    let mut told = String::new();
    child.stdout.take().expect("it is piped").read_to_string(&mut told).expect("messages are text");
    child.wait().expect("it was started");
    assert_eq!(told, "");
}
