//! The binary from a shell: commands, exit codes, what goes where, and the server's life from start to signal.

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::control_plane::{FakePlane, Fault};
use crate::fake_upstream::{Answer, Exchange, FakeUpstream};
use crate::product::{
    CANARY, Events, Post, Session, initialize, json_of, mcpist, modern, request, text_of,
    wait_for_requests, with_meta,
};
use crate::wire::Client;

/// No one listens there: the port needs privileges, and its service (RFC 1078) is long gone.
pub const NOBODY: &str = "http://127.0.0.1:1";

/// The outcome of a command.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// Runs a command to its end.
fn run(command: &mut Command) -> Ran {
    let output = command.stdin(Stdio::null()).output().expect("the binary starts");
    let text = |bytes| String::from_utf8(bytes).expect("the binary writes text");
    Ran {
        code: output.status.code().expect("no signal ended it"),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

pub fn ran(arguments: &[&str], variables: &[(&str, &str)]) -> Ran {
    run(mcpist(arguments).envs(variables.iter().copied()))
}

/// A file of a test, gone when this is dropped.
pub struct File(PathBuf);

impl File {
    pub fn new(name: &str, text: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("{}-{name}", std::process::id()));
        std::fs::write(&path, text).expect("the folder of tests can be written to");
        Self(path)
    }

    pub fn path(&self) -> &str {
        self.0.to_str().expect("the path is text")
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// `mcpist serve` on a free port; ended when this is dropped.
pub struct Serving {
    child: Child,
    address: SocketAddr,
    stdout: Option<JoinHandle<String>>,
    stderr: Option<JoinHandle<String>>,
}

impl Serving {
    pub fn start(variables: &[(&str, &str)]) -> Self {
        Self::start_with(&[], variables)
    }

    fn start_with(flags: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = mcpist(&["serve", "--port", "0"]);
        command
            .args(flags)
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        let mut stderr = BufReader::new(child.stderr.take().expect("it is piped"));
        let mut greeting = String::new();
        stderr.read_line(&mut greeting).expect("the server writes text");
        let address = greeting
            .split_once("http://")
            .and_then(|(_, rest)| rest.split_once("/mcp")?.0.parse().ok());
        let address = address.unwrap_or_else(|| panic!("no address in {greeting:?}"));
        let stdout = collect(child.stdout.take().expect("it is piped"), String::new());
        Self { child, address, stdout: Some(stdout), stderr: Some(collect(stderr, greeting)) }
    }

    pub fn client(&self) -> Client {
        Client::connect(self.address)
    }

    pub fn process(&self) -> u32 {
        self.child.id()
    }

    fn port(&self) -> String {
        self.address.port().to_string()
    }

    fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).expect("a process id is positive");
        kill(Pid::from_raw(id), signal).expect("the server runs");
    }

    /// Waits for the server's end.
    fn ended(mut self) -> Ran {
        let text = |output: &mut Option<JoinHandle<String>>| {
            output.take().expect("it is taken once").join().expect("the server writes text")
        };
        let (stdout, stderr) = (text(&mut self.stdout), text(&mut self.stderr));
        let code = self.child.wait().expect("it was started").code().expect("no signal ended it");
        Ran { code, stdout, stderr }
    }

    pub fn stop(self) -> Ran {
        self.signal(Signal::SIGTERM);
        self.ended()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn collect(mut output: impl Read + Send + 'static, mut text: String) -> JoinHandle<String> {
    std::thread::spawn(move || {
        output.read_to_string(&mut text).expect("the server writes text");
        text
    })
}

#[test]
fn help_and_version_are_data_and_no_failure() {
    let check = |arguments: &[&str], says: &[&str]| {
        let Ran { code, stdout, stderr } = ran(arguments, &[]);
        assert_eq!((code, stderr.as_str()), (0, ""), "{arguments:?}");
        for word in says {
            assert!(stdout.contains(word), "{word} is not in {stdout}");
        }
    };
    check(
        &["--help"],
        &[
            "serve",
            "stdio",
            "tools",
            "call",
            "check",
            "health",
            "api-versions",
            "import-openapi",
            "GITHUB_TOKEN",
        ],
    );
    check(&["call", "--help"], &["params", "--json", "list_issues"]);
    check(&["serve", "--help"], &["--port", "--bind", "8088"]);
    check(&["--version"], &["mcpist ", env!("CARGO_PKG_VERSION")]);
}

#[test]
fn wrong_usage_is_told_on_stderr_with_exit_code_2() {
    let check = |arguments: &[&str], says: &str| {
        let ran = ran(arguments, &[]);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{arguments:?}: {ran:?}");
        assert!(ran.stderr.contains(says), "{says} is not in {ran:?}");
    };
    check(&["frobnicate"], "frobnicate");
    check(&["--frobnicate"], "--frobnicate");
    check(&["--port", "abc"], "abc");
    check(&["serve", "--port", "70000"], "70000");
    check(&["serve", "--bind", "home"], "home");
    check(&["tools", "nothing"], "notes, vault");
    check(&["tools", "notes", "--jsn"], "--jsn");
    check(&["call"], "module");
    check(&["call", "github"], "tool");
    check(&["call", "nothing", "get_me"], "\"nothing\"");
    check(&["call", "github", "get_repositry"], "Did you mean \"get_repository\"?");
    check(&["call", "notes", "nothing_like_it"], "mcpist tools notes");
    check(&["call", "notes", "get_note", "{"], "not JSON");
    check(&["call", "notes", "get_note", "[1]"], "not a JSON object");
    check(&["call", "notes", "get_note", ""], "not JSON");
}

#[test]
fn a_wrong_configuration_stops_every_command_and_names_each_variable() {
    let limits_and_more = [
        ("PORT", "70000"),
        ("MCPIST_LOG", "loud"),
        ("MCPIST_SECRET", "too-short-a-secret"),
        ("MCPIST_MAX_CONNECTIONS", "many"),
        ("MCPIST_IDLE_SECONDS", "-1"),
        ("HTTPS_PROXY", "http://user:pass-word@:::"),
        ("TOKEN_BROKER_URL", "https://broker.example.com"),
    ];
    let modules = [
        ("GITHUB_API_URL", "ftp://example.com"),
        ("GITHUB_TOKEN", "ghp_with a space"),
        ("NOTES_API_URL", "notes"),
    ];
    let check = |arguments: &[&str], variables: &[(&str, &str)], values: &[&str]| {
        let ran = ran(arguments, variables);
        assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{ran:?}");
        for (name, _) in variables {
            assert!(ran.stderr.contains(&format!("\n  {name}: ")), "{name} is not in {ran:?}");
        }
        for secret in values {
            assert!(!ran.stderr.contains(secret), "{secret} is in {ran:?}");
        }
    };
    for command in [
        &["serve"][..],
        &["stdio"],
        &["tools"],
        &["check"],
        &["call", "notes", "list_notes"],
        &["api-versions"],
    ] {
        check(command, &limits_and_more, &["too-short", "pass-word"]);
        check(command, &modules, &["ghp_with"]);
    }
}

#[test]
fn an_address_that_others_can_reach_is_refused() {
    for address in ["0.0.0.0", "::", "192.0.2.1"] {
        let ran = ran(&["--bind", address, "--port", "0"], &[]);
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(ran.stderr.contains("--bind") && ran.stderr.contains("127.0.0.1"), "{ran:?}");
    }
}

#[test]
fn with_a_local_token_other_addresses_are_served_to_those_who_show_it() {
    let token = "canary0123456789abcdef0123456789";
    let variables = [("MCPIST_LOCAL_TOKEN", token)];
    let server = Serving::start_with(&["--bind", "0.0.0.0"], &variables);
    let list = modern("tools/list", json!({}));
    let bearer = |token: &str| format!("Bearer {token}");
    let right = list.clone().with("Authorization", &bearer(token));
    let status = |post: &Post| post.send(&mut server.client());
    assert_eq!(status(&right).status, 200);
    assert_eq!(status(&right.clone().with("Host", "192.0.2.7:8088")).status, 200);
    assert_eq!(status(&right.clone().with("Host", "evil.example.com")).status, 403);
    for wrong in [list.clone(), list.clone().with("Authorization", &bearer(&token[1..]))] {
        for path in ["/mcp", "/mcp/notes", "/sse", "/messages?session_id=x"] {
            let post = wrong.clone().to(path);
            let refused = status(&if path == "/sse" { post.but("GET") } else { post });
            assert_eq!(refused.status, 401, "{path}: {refused:?}");
            assert!(refused.header("www-authenticate").is_some(), "{refused:?}");
        }
    }
    let open = ["/", "/health", "/api/version"].map(|path| server.client().get(path).status);
    assert_eq!(open, [200; 3]);
    let ran = server.stop();
    assert!(!(ran.stdout + &ran.stderr).contains("canary"));
}

#[test]
fn a_port_in_use_is_told_with_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = taken.local_addr().expect("it is bound").port().to_string();
    for (arguments, variables) in
        [(&["serve", "--port", &*port][..], &[][..]), (&[], &[("PORT", &*port)])]
    {
        let ran = ran(arguments, variables);
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(
            ran.stderr.contains(&port) && ran.stderr.contains("choose another with --port"),
            "{ran:?}"
        );
    }
}

#[test]
fn a_policy_file_that_is_wrong_stops_the_start() {
    let check = |name: &str, text: &str, says: &str| {
        let file = File::new(name, text);
        let ran = ran(&["serve", "--port", "0"], &[("MCPIST_POLICY", file.path())]);
        assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{ran:?}");
        assert!(
            ran.stderr.contains("MCPIST_POLICY") && ran.stderr.contains(says),
            "{says} is not in {ran:?}"
        );
    };
    check(
        "misspelt.json",
        r#"{"allow": ["notes"], "deny": ["notes_remve_note", "notes_add*"]}"#,
        "notes_remve_note",
    );
    check("unknown.json", "{\n\"alow\": []}", "line 2");
    check("broken.json", "{", "a policy looks like");
    check("list.json", "[]", "not a JSON object");
    let missing = ran(&["serve", "--port", "0"], &[("MCPIST_POLICY", "/nowhere/policy.json")]);
    assert_eq!(missing.code, 1);
    assert!(missing.stderr.contains("/nowhere/policy.json"), "{missing:?}");
}

#[test]
fn a_mistyped_variable_stops_the_start_or_is_reported() {
    for command in [&["serve", "--port", "0"][..], &["stdio"], &["check"], &["tools"]] {
        let ran = ran(command, &[("MCPIST_READONLY", "1"), ("MCPIST_POLCIY", "/policy.json")]);
        assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{ran:?}");
        for says in ["MCPIST_READONLY: there is no such", "did you mean MCPIST_POLICY?"] {
            assert!(ran.stderr.contains(says), "{says} is not in {ran:?}");
        }
    }
    let reported = ran(&["tools"], &[("GITHUB_TOKNE", "canary")]);
    assert_eq!(reported.code, 0, "{reported:?}");
    assert!(reported.stderr.contains("did you mean GITHUB_TOKEN?"), "{reported:?}");
    assert!(!reported.stderr.contains("canary"), "{reported:?}");
}

#[test]
fn a_policy_file_holds_for_the_shell_too() {
    let file = File::new("denies.json", r#"{"deny": ["notes_list_notes"]}"#);
    let ran = ran(
        &["call", "notes", "list_notes"],
        &[("MCPIST_POLICY", file.path()), ("NOTES_API_URL", NOBODY)],
    );
    assert_ne!(ran.code, 0);
    assert!(ran.stdout.is_empty() && ran.stderr.contains("has no tool \"list_notes\""), "{ran:?}");
}

#[test]
fn tools_are_listed_for_people_and_for_programs() {
    let modules = ran(&["tools"], &[]);
    assert_eq!((modules.code, modules.stderr.as_str()), (0, ""));
    let states: Vec<_> = modules
        .stdout
        .lines()
        .map(|line| line.split_whitespace().next().unwrap_or_default())
        .collect();
    assert_eq!(
        (states.first(), &states[states.len() - 2..]),
        (Some(&"github"), &["notes", "vault"][..]),
        "the user's own come last"
    );
    assert!(modules.stdout.contains("not connected; set VAULT_TOKEN"), "{}", modules.stdout);

    let tools = ran(&["tools", "notes"], &[]).stdout;
    let names: Vec<_> =
        tools.lines().map(|line| line.split_whitespace().next().unwrap_or_default()).collect();
    assert_eq!(names, ["list_notes", "get_note", "add_note", "remove_note"]);

    let json = |arguments: &[&str]| {
        serde_json::from_str::<Value>(&ran(arguments, &[]).stdout).expect("it is JSON")
    };
    assert_eq!(json(&["tools", "github", "--json"])["tools"][0]["name"], "github_get_me");
    let modules = json(&["tools", "--json"])["modules"].take();
    assert!(
        modules
            .as_array()
            .is_some_and(|modules| modules.iter().any(|module| module["module"] == "notes"))
    );
}

#[test]
fn a_call_prints_its_result_and_nothing_else() {
    let body = json!({"full_name": "rust-lang/rust", "stargazers_count": 1}).to_string();
    let exchange = || {
        let exchange =
            Exchange::new("GET", "/repos/rust-lang/rust", Answer::new(200, &[], body.clone()));
        exchange.with_header("authorization", &format!("Bearer {CANARY}"))
    };
    let upstream = FakeUpstream::new([exchange(), exchange()]);
    let url = upstream.url();
    let parameters = r#"{"owner": "rust-lang", "repo": "rust"}"#;
    let call = |last: &[&str]| {
        let arguments: Vec<&str> =
            ["call", "github", "get_repository"].iter().chain(last).copied().collect();
        let mut command = mcpist(&arguments);
        // A slash at the end of a base URL makes no difference.
        let ran = run(command
            .env("GITHUB_API_URL", format!("{url}/"))
            .env("GITHUB_TOKEN", CANARY)
            .env("MCPIST_LOG", "off"));
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{ran:?}");
        ran.stdout
    };
    assert_eq!(call(&[parameters]), "full_name: rust-lang/rust\nstars: 1\n");
    assert_eq!(call(&["--json", parameters]), "{\"full_name\":\"rust-lang/rust\",\"stars\":1}\n");
}

#[test]
fn a_call_that_fails_says_why_on_stderr_with_exit_code_1() {
    let check = |arguments: &[&str], variables: &[(&str, &str)], says: &str| {
        let arguments: Vec<&str> = ["call"].iter().chain(arguments).copied().collect();
        let ran = ran(&arguments, variables);
        assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{ran:?}");
        assert!(ran.stderr.contains(&format!("mcpist: {says}")), "{says} is not in {ran:?}");
    };
    let upstream = FakeUpstream::new([Exchange::new(
        "GET",
        "/notes/1",
        Answer::new(404, &[], r#"{"message": "gone"}"#),
    )]);
    check(
        &["notes", "get_note", r#"{"id": 1}"#],
        &[("NOTES_API_URL", &upstream.url())],
        "not_found: Notes did not find this (404): gone",
    );
    check(
        &["notes", "get_note", "{}"],
        &[("NOTES_API_URL", NOBODY)],
        "invalid_params: get_note: `id` is missing",
    );
    check(
        &["notes", "add_note", r#"{"title": "x"}"#],
        &[("NOTES_API_URL", NOBODY)],
        "upstream_unavailable: Notes cannot be reached",
    );
    check(
        &["vault", "open_door"],
        &[("VAULT_API_URL", NOBODY)],
        "not_connected: Vault is not connected. Set VAULT_TOKEN",
    );
}

#[test]
fn check_tells_what_is_right_and_what_cannot_be_reached() {
    // No service of the outside is asked: every built-in module has its address set to the fake one, or to no one.
    let registry = mcpist::modules::Registry::built_in().expect("the built-in modules are right");
    let addresses: Vec<&str> = registry
        .modules()
        .iter()
        .filter_map(|module| module.base_url_env.as_ref()?.names().next())
        .collect();
    let head =
        || Exchange::new("HEAD", "/", Answer::new(404, &[], "")).with_header("authorization", "");
    let upstream = FakeUpstream::new((0..2 * (addresses.len() + 2) - 1).map(|_| head()));
    let url = upstream.url();
    let variables = |notes: &'static str| {
        let mut variables: Vec<(&str, String)> =
            addresses.iter().map(|name| (*name, url.clone())).collect();
        variables.extend([
            ("VAULT_API_URL", url.clone()),
            ("NOTES_API_URL", if notes.is_empty() { url.clone() } else { notes.to_owned() }),
        ]);
        variables.push(("GITHUB_TOKEN", CANARY.to_owned()));
        variables
    };
    let run = |notes: &'static str| {
        let variables = variables(notes);
        ran(
            &["check"],
            &variables.iter().map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>(),
        )
    };
    let right = run("");
    assert_eq!(right.code, 0, "{right:?}");
    assert!(right.stdout.contains("ok    vault: not connected; set VAULT_TOKEN"), "{right:?}");
    let wrong = run(NOBODY);
    assert_eq!(wrong.code, 1, "{wrong:?}");
    assert!(
        wrong.stdout.contains("FAIL  notes: ") && wrong.stdout.contains("ok    vault: http"),
        "{wrong:?}"
    );
}

#[test]
fn check_asks_every_part_of_hosted_mode_and_says_what_to_do() {
    let plane = FakePlane::start();
    let registry = mcpist::modules::Registry::built_in().expect("the built-in modules are right");
    // Services need not answer here: their addresses are refused at once.
    let built_in =
        registry.modules().iter().filter_map(|module| module.base_url_env.as_ref()?.names().next());
    let services: Vec<&str> = built_in.chain(["NOTES_API_URL", "VAULT_API_URL"]).collect();
    let run = |more: &[(&str, &str)]| {
        let parts = [
            "TOKEN_BROKER_URL",
            "TOOL_SIEVE_URL",
            "AUDIT_LOG_URL",
            "CONFIRMATIONS_URL",
            "JWKS_URL",
        ];
        let urls = ["token-exchanger", "tool-sieve", "audit-log", "confirmations", "jwks"]
            .map(|part| plane.url(part));
        let mut variables: Vec<(&str, &str)> =
            parts.into_iter().zip(urls.iter().map(String::as_str)).collect();
        variables.extend(services.iter().map(|name| (*name, NOBODY)));
        variables.push(("TOKEN_BROKER_KEY", crate::control_plane::KEY));
        variables.extend(more);
        ran(&["check"], &variables)
    };
    let says = |ran: &Ran, lines: &[&str]| {
        for line in lines {
            assert!(
                ran.stdout.lines().any(|told| told.starts_with(line)),
                "{line} is not in {ran:?}"
            );
        }
    };
    let secret = "0123456789abcdef0123456789abcdef";
    let console = FakeUpstream::new([Exchange::new("HEAD", "/", Answer::new(200, &[], ""))]);
    // Wrong, and local mode's alone.
    let unused = [("GITHUB_TOKEN__", "x")];
    let used = [
        ("PUBLIC_URL", "https://mcp.example.com"),
        ("CONSOLE_URL", &console.url()),
        ("MCPIST_SECRET", secret),
    ];
    let right = run(&[used.as_slice(), &unused].concat());
    says(
        &right,
        &[
            "ok    configuration: hosted mode",
            "ok    key set: http",
            "ok    clock: ",
            "ok    PUBLIC_URL: https",
        ],
    );
    says(&right, &["ok    MCPIST_SECRET: ", "ok    CONSOLE_URL: "]);
    assert_eq!(right.stdout.matches("ok    function: ").count(), 4, "{right:?}");
    assert!(!right.stdout.contains(secret), "{right:?}");
    plane.state().takes_any_key = true;
    let open = run(&used[..1]);
    assert_eq!(open.stdout.matches("it takes a wrong key, too").count(), 4, "{open:?}");
    plane.state().takes_any_key = false;
    plane.state().faults.insert("tool-sieve", Fault::Status(404));
    plane.state().faults.insert("audit-log", Fault::Status(403));
    plane.state().faults.insert("jwks", Fault::Garbage);
    let wrong = run(&[("OTEL_EXPORTER_OTLP_ENDPOINT", NOBODY), ("CONSOLE_URL", NOBODY)]);
    says(
        &wrong,
        &[
            "FAIL  key set: ",
            "FAIL  PUBLIC_URL: ",
            "FAIL  MCPIST_SECRET: ",
            "FAIL  CONSOLE_URL: ",
            "FAIL  telemetry: ",
        ],
    );
    assert!(
        wrong.stdout.contains("supabase functions deploy")
            && wrong.stdout.contains("Compare TOKEN_BROKER_KEY"),
        "{wrong:?}"
    );
    assert_eq!(wrong.code, 1);
}

#[test]
fn health_tells_whether_a_server_is_well() {
    let server = Serving::start(&[]);
    let port = server.port();
    for (arguments, variables) in
        [(&["health", "--port", &*port][..], &[][..]), (&["health"], &[("PORT", &*port)])]
    {
        let well = ran(arguments, variables);
        assert_eq!((well.code, well.stdout.as_str(), well.stderr.as_str()), (0, "ok\n", ""));
    }
    let nobody = ran(&["health", "--port", "1"], &[]);
    assert_eq!((nobody.code, nobody.stdout.as_str()), (1, ""), "{nobody:?}");
    let sick = FakeUpstream::new([Exchange::new("GET", "/health", Answer::new(500, &[], ""))]);
    let port = sick.url().rsplit(':').next().expect("a URL has a port").to_owned();
    assert_eq!(ran(&["health", "--port", &port], &[]).code, 1);
}

#[test]
fn a_signal_ends_the_server_well_and_soon_even_with_an_open_stream() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let server = Serving::start(&[]);
        let mut stream = Events::open(server.client(), &Post::new("").but("GET").to("/sse"));
        assert_eq!(stream.next().map(|event| event.name).as_deref(), Some("endpoint"));
        let listen =
            modern("subscriptions/listen", json!({"notifications": {"toolsListChanged": true}}));
        let mut changes = Events::open(server.client(), &listen);
        assert_eq!(changes.message()["method"], "notifications/subscriptions/acknowledged");
        let mut idle = server.client();
        assert_eq!(idle.get("/ready").status, 200);
        let start = Instant::now();
        server.signal(signal);
        assert_eq!(stream.next(), None);
        assert_eq!(changes.message()["result"]["resultType"], "complete");
        assert!(idle.is_ended());
        let ended = server.ended();
        assert_eq!(ended.code, 0, "{ended:?}");
        assert!(start.elapsed().as_secs() < 4, "the end took {:?}", start.elapsed());
        assert!(ended.stdout.contains(&format!("\"signal\":\"{}\"", signal.as_str())), "{ended:?}");
    }
}

#[test]
fn what_outlasts_the_drain_is_cancelled_and_answered_over_http() {
    let slow = || Exchange::new("GET", "/notes", Answer::SILENCE);
    let upstream = FakeUpstream::new([slow(), slow(), slow()]);
    let variables = [("NOTES_API_URL", &*upstream.url()), ("MCPIST_DRAIN_SECONDS", "1")];
    let server = Serving::start(&variables);
    let list = json!({"name": "notes_list_notes"});
    let mut stateless = server.client();
    modern("tools/call", list.clone()).to("/mcp/notes").write(&mut stateless);
    let begun = initialize("2025-11-25").send(&mut server.client());
    let session = begun.header("mcp-session-id").expect("a session has an id").to_owned();
    let session = Session { id: session, version: "2025-11-25".to_owned() };
    let mut legacy = server.client();
    session.request("tools/call", list.clone()).to("/mcp/notes").write(&mut legacy);
    let (mut events, post) = http_sse(&server, "?tools=direct");
    post(&request(7, "tools/call", with_meta(list)));
    wait_for_requests(&upstream, 3);
    server.signal(Signal::SIGTERM);
    for answer in [json_of(&stateless.reply()), json_of(&legacy.reply()), events.message()] {
        assert!(text_of(&answer["result"]).starts_with("code: cancelled\n"), "{answer}");
    }
    assert_eq!(events.next(), None);
    assert_eq!(server.ended().code, 0);
}

#[test]
fn an_answer_that_comes_within_the_drain_still_reaches_the_old_stream() {
    let notes = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]".to_vec();
    let late = Answer::Late(Duration::from_millis(500), notes);
    let upstream = FakeUpstream::new([Exchange::new("GET", "/notes", late)]);
    let server = Serving::start(&[("NOTES_API_URL", &upstream.url())]);
    let (mut events, post) = http_sse(&server, "?tools=direct");
    post(&request(7, "tools/call", with_meta(json!({"name": "notes_list_notes"}))));
    wait_for_requests(&upstream, 1);
    server.signal(Signal::SIGTERM);
    let answer = events.message();
    assert_eq!((&answer["id"], &answer["result"]["isError"]), (&json!(7), &Value::Null));
    assert_eq!(events.next(), None);
    assert_eq!(server.ended().code, 0);
}

/// The stream of HTTP+SSE, and what posts a message to it.
fn http_sse(server: &Serving, query: &str) -> (Events, impl Fn(&Value) + use<>) {
    let open = Post::new("").but("GET").to(&format!("/sse{query}"));
    let mut events = Events::open(server.client(), &open);
    let path = format!("/{}", events.next().expect("it names the path").data);
    let address = server.address;
    let post = move |body: &Value| {
        let reply = Post::new(body.to_string()).to(&path).send(&mut Client::connect(address));
        assert_eq!(reply.status, 202, "{reply:?}");
    };
    (events, post)
}

#[test]
fn a_second_signal_ends_the_server_at_once() {
    let upstream = FakeUpstream::new([Exchange::new("GET", "/notes", Answer::SILENCE)]);
    let server = Serving::start(&[("NOTES_API_URL", &upstream.url())]);
    let mut client = server.client();
    modern("tools/call", json!({"name": "notes_list_notes"})).to("/mcp/notes").write(&mut client);
    wait_for_requests(&upstream, 1);
    let start = Instant::now();
    server.signal(Signal::SIGTERM);
    server.signal(Signal::SIGINT);
    // In the form in which a shell reports the later one of the two.
    let code = server.ended().code;
    assert!([128 + 2, 128 + 15].contains(&code), "{code}");
    assert!(start.elapsed().as_secs() < 4, "the end took {:?}", start.elapsed());
}

#[test]
fn log_lines_are_json_with_the_fields_of_a_call() {
    let upstream = FakeUpstream::new([
        Exchange::new("GET", "/notes", Answer::new(200, &[], "[]")),
        Exchange::new("GET", "/notes", Answer::new(404, &[], "")),
    ]);
    let server = Serving::start(&[("NOTES_API_URL", &upstream.url())]);
    let mut client = server.client();
    for _ in 0..2 {
        modern("tools/call", json!({"name": "notes_list_notes"}))
            .to("/mcp/notes")
            .send(&mut client);
    }
    drop(client);
    let Ran { stdout, .. } = server.stop();
    let lines: Vec<Value> = stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    for line in &lines {
        assert!(
            ["timestamp", "level", "message"].iter().all(|field| line[field].is_string()),
            "{line}"
        );
    }
    let calls: Vec<_> = lines.iter().filter(|line| line["tool"] == "list_notes").collect();
    let [good, bad] = calls[..] else { panic!("two calls were made: {stdout}") };
    assert_eq!(
        (&good["module"], &good["user_id"], &good["client"], &good["success"]),
        (&json!("notes"), &json!("local"), &json!("test"), &json!(true))
    );
    assert_eq!(
        (&bad["level"], &bad["success"], &bad["error"]),
        (&json!("warn"), &json!(false), &json!("not_found"))
    );
    assert!(good["duration_ms"].is_u64(), "{good}");
}

#[test]
fn no_output_ever_holds_a_token() {
    let echo = || {
        Exchange::new(
            "GET",
            "/user",
            Answer::new(401, &[("x-echo", CANARY)], json!({"message": CANARY}).to_string()),
        )
    };
    let head = || Exchange::new("HEAD", "/", Answer::new(200, &[], ""));
    let upstream = FakeUpstream::new([echo(), echo(), head(), head(), head()]);
    let url = upstream.url();
    let variables = [
        ("GITHUB_TOKEN", CANARY),
        ("GITHUB_API_URL", &*url),
        ("NOTES_API_URL", &*url),
        ("VAULT_API_URL", &*url),
        ("MCPIST_SECRET", "canary-3f9c0b7e-is-long-enough-for-it"),
        ("MCPIST_LOG", "trace"),
    ];
    let server = Serving::start(&variables);
    let mut client = server.client();
    let mut told = Vec::new();
    for path in ["/", "/health", "/ready", "/api/version", "/nothing"] {
        told.push(format!("{:?}", client.get(path)));
    }
    told.push(format!("{:?}", initialize("2025-11-25").send(&mut client)));
    let called = modern(
        "tools/call",
        json!({"name": "call", "arguments": {"module": "github", "tool": "get_me"}}),
    )
    .send(&mut client);
    assert!(
        text_of(&json_of(&called)["result"]).starts_with("code: reconnect_required"),
        "{called:?}"
    );
    told.push(format!("{called:?}{:?}", server.stop()));
    for arguments in [
        &["call", "github", "get_me"][..],
        &["tools"],
        &["tools", "github", "--json"],
        &["check"],
        &["api-versions"],
    ] {
        told.push(format!("{:?}", ran(arguments, &variables)));
    }
    for text in told {
        assert!(!text.contains(CANARY), "{text}");
    }
}

#[test]
fn a_session_survives_a_restart_with_the_same_secret() {
    let secret = [("MCPIST_SECRET", "0123456789abcdef0123456789abcdef")];
    let first = Serving::start(&secret);
    let begun = initialize("2025-11-25").send(&mut first.client());
    let id = begun.header("mcp-session-id").expect("a session has an id").to_owned();
    first.stop();
    let ping = Post::new(request(1, "ping", json!({})).to_string()).with("Mcp-Session-Id", &id);
    assert_eq!(ping.send(&mut Serving::start(&secret).client()).status, 200);
    assert_eq!(ping.send(&mut Serving::start(&[]).client()).status, 404);
}

#[test]
fn a_module_file_that_is_broken_is_told_and_left_out() {
    let folder =
        PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-modules", std::process::id()));
    std::fs::create_dir_all(&folder).expect("the folder of tests can be written to");
    std::fs::write(folder.join("broken.json"), "{").expect("the folder was made");
    let ran =
        ran(&["tools"], &[("MCPIST_MODULES_DIR", folder.to_str().expect("the path is text"))]);
    std::fs::remove_dir_all(&folder).expect("the folder was made");
    assert!(ran.code == 0 && ran.stdout.starts_with("github"), "{ran:?}");
    assert!(ran.stderr.contains("broken.json") && ran.stderr.starts_with('{'), "{ran:?}");
}

#[test]
fn a_call_reads_its_parameters_from_standard_input() {
    use std::io::Write;
    let upstream = crate::fake_upstream::FakeUpstream::new([]);
    let mut child = mcpist(&["call", "notes", "get_note", "-"])
        .env("NOTES_API_URL", upstream.url())
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    child.stdin.take().expect("it is piped").write_all(b"{}").expect("the binary reads");
    let output = child.wait_with_output().expect("it was started");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("`id` is missing"), "{stderr}");
}

#[test]
fn a_reader_that_goes_away_ends_a_command_quietly() {
    let mut child = mcpist(&["tools", "github", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it was started");
    assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"), "{output:?}");
}

#[test]
fn findings_of_every_kind_are_told_at_once() {
    let output = mcpist(&["serve"])
        .env("PORT", "70000")
        .env("GITHUB_API_URL", "ftp://x")
        .env("MCPIST_POLICY", "/nowhere/policy.json")
        .output()
        .expect("the binary starts");
    let stderr = String::from_utf8_lossy(&output.stderr);
    for name in ["PORT", "GITHUB_API_URL", "MCPIST_POLICY"] {
        assert!(stderr.contains(&format!("\n  {name}")), "{name} is not in {stderr}");
    }
}

#[test]
fn every_loopback_address_that_can_be_bound_is_answered_under() {
    use std::io::{BufRead, BufReader};
    let mut child = mcpist(&["serve", "--bind", "127.0.0.2", "--port", "0"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut greeting = String::new();
    BufReader::new(child.stderr.take().expect("it is piped"))
        .read_line(&mut greeting)
        .expect("text");
    let host = greeting
        .split_once("http://")
        .and_then(|(_, rest)| rest.split_once("/mcp"))
        .expect("an address")
        .0;
    let reply = modern("tools/list", json!({}))
        .with("Host", host)
        .send(&mut Client::connect(host.parse().expect("an address")));
    child.kill().and_then(|()| child.wait()).expect("it ends");
    assert_eq!(reply.status, 200, "{reply:?}");
}

#[test]
fn a_changed_policy_file_holds_at_once_and_its_clients_are_told() {
    let policy = File::new("followed.json", r#"{"allow": ["notes"]}"#);
    let server = Serving::start(&[("MCPIST_POLICY", policy.path())]);
    let wanted =
        json!({"toolsListChanged": true, "promptsListChanged": true, "resourcesListChanged": true});
    let listen = modern("subscriptions/listen", json!({"notifications": wanted}));
    let mut events = Events::open(server.client(), &listen);
    let acknowledged = events.message();
    assert_eq!(acknowledged["method"], "notifications/subscriptions/acknowledged");
    assert_eq!(acknowledged["params"]["notifications"], wanted);
    let list =
        || modern("tools/list", json!({})).to("/mcp?tools=direct").send(&mut server.client()).body;
    assert!(list().contains("notes_add_note"));
    let changed = File::new("changed.json", r#"{"allow": ["notes"], "read_only": true}"#);
    std::fs::rename(changed.path(), policy.path()).expect("the folder of tests can be written to");
    for list in ["tools", "prompts", "resources"] {
        assert_eq!(events.message()["method"], format!("notifications/{list}/list_changed"));
    }
    assert!(list().contains("notes_get_note") && !list().contains("notes_add_note"));
}

#[test]
fn a_changed_module_file_holds_at_once_and_its_clients_are_told() {
    let module = |module: &str, variable: &str, tool: &str| {
        let tool = json!({
            "name": tool, "description": "Look.", "docs": "https://shop.invalid", "request": {"method": "GET", "path": "/look"},
            "output": {"fields": {"seen": "seen"}}
        });
        let auth = json!({"kind": "bearer", "env": [format!("{variable}_TOKEN")]});
        let head = json!({
            "module": module, "title": module, "description": "D.", "base_url": "https://shop.invalid",
            "base_url_env": format!("{variable}_API_URL"), "auth": auth, "tools": [tool]
        });
        head.to_string()
    };
    let upstream = FakeUpstream::new([
        Exchange::new("GET", "/look", Answer::new(200, &[], r#"{"seen":1}"#))
            .with_header("authorization", "Bearer for-shop"),
        Exchange::new("GET", "/look", Answer::new(200, &[], r#"{"seen":2}"#))
            .with_header("authorization", "Bearer for-mill"),
    ]);
    let folder = crate::module_files::Folder::new(
        "followed_modules",
        &[("shop.json", &module("shop", "SHOP", "look_around"))],
    );
    // As an editor does it, so that no half of a file is ever read.
    let put = |name: &str, text: &str| {
        std::fs::write(folder.0.join("new"), text).expect("the folder was made");
        std::fs::rename(folder.0.join("new"), folder.0.join(name)).expect("the folder was made");
    };
    let url = upstream.url();
    let policy = File::new("modules-policy.json", r#"{"deny": ["github"]}"#);
    let server = Serving::start(&[
        ("MCPIST_MODULES_DIR", folder.0.to_str().expect("the path is text")),
        ("MCPIST_POLICY", policy.path()),
        ("SHOP_API_URL", &url),
        ("SHOP_TOKEN", "for-shop"),
        ("MILL_API_URL", &url),
        ("MILL_TOKEN", "for-mill"),
    ]);
    let listen =
        modern("subscriptions/listen", json!({"notifications": {"toolsListChanged": true}}));
    let mut events = Events::open(server.client(), &listen);
    assert_eq!(events.message()["method"], "notifications/subscriptions/acknowledged");
    let list =
        || modern("tools/list", json!({})).to("/mcp?tools=direct").send(&mut server.client()).body;
    let call = |module: &str, tool: &str| {
        let arguments = json!({"name": "call", "arguments": {"module": module, "tool": tool}});
        text_of(&json_of(&modern("tools/call", arguments).send(&mut server.client()))["result"])
            .to_owned()
    };
    assert_eq!(call("shop", "look_around"), "seen: 1");
    assert!(list().contains("shop_look_around") && !list().contains("github_"));

    // Each step may be seen in two.
    let mut told_until = |is_so: &dyn Fn(&str) -> bool| loop {
        assert_eq!(events.message()["method"], "notifications/tools/list_changed");
        if is_so(&list()) {
            break;
        }
    };
    put("shop.json", "{\"module\": \"shop\"");
    put("mill.json", &module("mill", "MILL", "look_out"));
    told_until(&|list| list.contains("mill_look_out"));
    assert!(list().contains("shop_look_around") && !list().contains("github_"));
    assert_eq!(call("mill", "look_out"), "seen: 2");

    put("shop.json", &module("github", "SHOP", "look_around"));
    std::fs::remove_file(folder.0.join("mill.json")).expect("it was written");
    told_until(&|list| !list.contains("mill_look_out"));
    assert!(list().contains("shop_look_around") && list().contains("notion_"));
    drop(events);
    let log = server.stop().stdout;
    let told: Vec<_> = log.lines().filter(|line| line.contains("module file skipped")).collect();
    assert!(
        told.len() == 2
            && told[0].contains("shop.json:1:17: EOF")
            && told[1].contains("`github` already"),
        "{log}"
    );
}

#[test]
fn a_client_that_starts_the_server_is_told_of_changed_module_files_too() {
    use std::io::Write;
    let notes = std::fs::read_to_string(format!("{}/notes.json", crate::product::OWN_MODULES))
        .expect("it is there");
    let folder = crate::module_files::Folder::new("followed_over_stdio", &[("notes.json", &notes)]);
    let mut child = mcpist(&["stdio"])
        .env("MCPIST_MODULES_DIR", &folder.0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary starts");
    let (mut stdin, stdout) =
        (child.stdin.take().expect("it is piped"), child.stdout.take().expect("it is piped"));
    let initialize = request(
        1,
        "initialize",
        json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}),
    );
    writeln!(
        stdin,
        "{initialize}\n{}",
        json!({"jsonrpc": "2.0", "method": "notifications/initialized"})
    )
    .expect("the server reads");
    let mut lines =
        BufReader::new(stdout).lines().map(|line| line.expect("the server writes text"));
    assert!(lines.next().is_some_and(|line| line.contains("protocolVersion")));
    std::fs::remove_file(folder.0.join("notes.json")).expect("it was written");
    assert!(lines.next().is_some_and(|line| line.contains("notifications/tools/list_changed")));
    drop(stdin);
    child.wait().expect("it was started");
}

#[test]
fn a_module_file_is_checked_from_the_shell() {
    let right = format!("{}/notes.json", crate::product::OWN_MODULES);
    let found = ran(&["tools", "--check", &right], &[("PORT", "wrong")]);
    assert_eq!((found.code, found.stderr.as_str()), (0, ""), "{found:?}");
    let expected = "module notes is right; 4 tools: list_notes, get_note, add_note, remove_note\n";
    assert!(found.stdout.starts_with(&right) && found.stdout.ends_with(expected), "{found:?}");

    let check = |name: &str, text: &str, lines: &[&str]| {
        let file = File::new(name, text);
        let found = ran(&["tools", "--check", file.path()], &[]);
        assert_eq!((found.code, found.stderr.as_str()), (1, ""), "{found:?}");
        let told: Vec<_> =
            found.stdout.lines().map(|line| line.replace(file.path(), "FILE")).collect();
        assert_eq!(told, lines);
    };
    let notes = std::fs::read_to_string(&right).expect("it is there");
    check("broken.json", "{\n  \"module\": }", &["FILE:2:13: expected value"]);
    check(
        "clash.json",
        &notes.replace("\"notes\"", "\"github\"").replace("notes://", "github://"),
        &["FILE:2:3: module: there is a module `github` already"],
    );
    check(
        "wrong.json",
        &notes.replace("\"GET\"", "\"get\"").replace("{\"id\": \"id\"}", "{\"id\": \"id[\"}"),
        &[
            "FILE:18:7: tool list_notes, request: unknown variant `get`, expected one of `GET`, `HEAD`, `OPTIONS`, `POST`, `PUT`, `PATCH`, `DELETE`",
            "FILE:26:7: tool get_note, request: unknown variant `get`, expected one of `GET`, `HEAD`, `OPTIONS`, `POST`, `PUT`, `PATCH`, `DELETE`",
            "FILE:37:29: tool add_note, output, field id: `id[` is not a path: names are joined by `.`, only `[]` may follow a name, and `\\.` is a dot within a name",
        ],
    );
    let missing = ran(&["tools", "--check", "/nowhere/weather.json"], &[]);
    assert!(
        missing.code == 1 && missing.stdout.starts_with("/nowhere/weather.json: cannot be read: "),
        "{missing:?}"
    );
    for arguments in [
        &["tools", "--check"][..],
        &["tools", "notes", "--check", &right],
        &["tools", "--json", "--check", &right],
    ] {
        assert_eq!(ran(arguments, &[]).code, 2, "{arguments:?}");
    }
}
