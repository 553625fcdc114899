//! Confirmation: an action that needs it runs only after the yes, exactly as confirmed, and only once.

use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use mcpist::access::ConfirmPolicy;
use mcpist::local::StateFolder;
use mcpist::page::{ENTRY_LIFETIME, KeySource, Lifetimes, PageKey};
use serde_json::{Value, json};

use crate::command_line::{Serving, ran};
use crate::fake_upstream::{Answer, Exchange, FakeUpstream};
use crate::module_files::Folder;
use crate::product::{Events, MODERN, Post, Product, Session, Settings, json_of, request};
use crate::stdio::Server;
use crate::wire::{Client, PATIENCE, Reply};

/// How a client answers a question from the server.
#[derive(Clone)]
enum Says {
    /// An answer to the question.
    Answer(Value),
    /// A JSON-RPC error; in the modern era, which has no error for this, an answer of the wrong form.
    Error,
    /// Nothing.
    Nothing,
}

fn accept(yes: bool) -> Says {
    Says::Answer(json!({"action": "accept", "content": {"confirm": yes}}))
}

fn action(action: &str) -> Says {
    Says::Answer(json!({"action": action}))
}

/// A client of one era over one transport.
trait Caller {
    /// Calls a tool; answers each question with `says`. Gives the result, or `{"error": …}`, and the questions.
    fn call(&mut self, tool: &str, arguments: &Value, says: &Says) -> (Value, Vec<Value>);

    /// Whether it makes the same call again with its answer to a form.
    fn is_modern(&self) -> bool;
}

fn params(tool: &str, arguments: &Value) -> Value {
    json!({"name": tool, "arguments": arguments})
}

fn meta(capabilities: &Value) -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": capabilities,
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    })
}

/// The outcome of an answer: its result, or itself where it is an error.
fn outcome(mut answer: Value) -> Value {
    if answer["result"].is_object() { answer["result"].take() } else { answer }
}

/// Rounds of the modern era, over any transport.
fn rounds(
    mut params: Value,
    says: &Says,
    send: &mut dyn FnMut(&Value) -> Value,
) -> (Value, Vec<Value>) {
    let mut questions = Vec::new();
    loop {
        let result = outcome(send(&params));
        if result["resultType"] != "input_required" {
            return (result, questions);
        }
        assert!(questions.len() < 4, "asked in circles: {result}");
        let asked = result["inputRequests"].as_object().expect("there are questions").clone();
        questions.extend(asked.values().map(|question| question["params"].clone()));
        let answer = match says {
            Says::Answer(answer) => answer.clone(),
            Says::Error => json!({"code": -32603}),
            Says::Nothing => Value::Null,
        };
        let answers: serde_json::Map<_, _> = asked
            .keys()
            .filter(|_| !answer.is_null())
            .map(|key| (key.clone(), answer.clone()))
            .collect();
        params["requestState"] = result["requestState"].clone();
        params["inputResponses"] = answers.into();
    }
}

struct ModernHttp<'a>(&'a Product, Value);

impl Caller for ModernHttp<'_> {
    fn is_modern(&self) -> bool {
        true
    }

    fn call(&mut self, tool: &str, arguments: &Value, says: &Says) -> (Value, Vec<Value>) {
        let mut params = params(tool, arguments);
        params["_meta"] = meta(&self.1);
        rounds(params, says, &mut |params| {
            json_of(&self.0.send(&crate::product::modern("tools/call", params.clone())))
        })
    }
}

struct LegacyHttp<'a>(&'a Product, Session);

impl<'a> LegacyHttp<'a> {
    fn new(product: &'a Product, capabilities: &Value, version: &str) -> Self {
        let params = json!({"protocolVersion": version, "capabilities": capabilities, "clientInfo": {"name": "test", "version": "1"}});
        let reply = product.send(&Post::new(request(0, "initialize", params).to_string()));
        let id = reply.header("mcp-session-id").expect("a session has an id").to_owned();
        Self(product, Session { id, version: version.to_owned() })
    }
}

impl Caller for LegacyHttp<'_> {
    fn is_modern(&self) -> bool {
        false
    }

    fn call(&mut self, tool: &str, arguments: &Value, says: &Says) -> (Value, Vec<Value>) {
        let Self(product, session) = self;
        let post = session
            .request("tools/call", params(tool, arguments))
            .with("Accept", "text/event-stream");
        let mut events = Events::open(product.client(), &post);
        let mut questions = Vec::new();
        loop {
            let message = events.message();
            if message["method"].is_null() {
                return (outcome(message), questions);
            }
            questions.push(message["params"].clone());
            if let Some(answer) = answer_to(&message, says) {
                assert_eq!(product.send(&session.post(&answer)).status, 202);
            }
        }
    }
}

/// The JSON-RPC answer of a legacy client to a request from the server.
fn answer_to(message: &Value, says: &Says) -> Option<Value> {
    let id = &message["id"];
    match says {
        Says::Answer(answer) => Some(json!({"jsonrpc": "2.0", "id": id, "result": answer})),
        Says::Error => {
            let error = json!({"code": -32603, "message": "no form today"});
            Some(json!({"jsonrpc": "2.0", "id": id, "error": error}))
        }
        Says::Nothing => None,
    }
}

struct ModernStdio<'a>(&'a mut Server, Value);

impl Caller for ModernStdio<'_> {
    fn is_modern(&self) -> bool {
        true
    }

    fn call(&mut self, tool: &str, arguments: &Value, says: &Says) -> (Value, Vec<Value>) {
        let mut params = params(tool, arguments);
        params["_meta"] = meta(&self.1);
        rounds(params, says, &mut |params| self.0.ask(1, "tools/call", params.clone()))
    }
}

struct LegacyStdio<'a>(&'a mut Server);

impl<'a> LegacyStdio<'a> {
    fn new(server: &'a mut Server, capabilities: &Value) -> Self {
        let params = json!({"protocolVersion": "2025-11-25", "capabilities": capabilities});
        assert!(server.ask(0, "initialize", params)["result"].is_object());
        Self(server)
    }
}

impl Caller for LegacyStdio<'_> {
    fn is_modern(&self) -> bool {
        false
    }

    fn call(&mut self, tool: &str, arguments: &Value, says: &Says) -> (Value, Vec<Value>) {
        let mut message = self.0.ask(1, "tools/call", params(tool, arguments));
        let mut questions = Vec::new();
        while !message["method"].is_null() {
            questions.push(message["params"].clone());
            self.0.send(answer_to(&message, says).expect("stdio waits for ever").to_string());
            message = self.0.next().expect("the server goes on");
        }
        (outcome(message), questions)
    }
}

/// A module whose posts are public if asked for, and that keeps things for itself.
const BOARD: &str = r#"{
  "module": "board", "title": "Board", "description": "A board of the tests.",
  "base_url": "https://board.invalid", "base_url_env": "BOARD_API_URL",
  "tools": [
    {
      "name": "find", "description": "Find posts.", "docs": "https://board.invalid/docs#find",
      "annotations": {"readOnlyHint": true, "openWorldHint": true},
      "request": {"method": "GET", "path": "/posts"},
      "output": {"items": "", "fields": {"id": "id", "text": "text"}}
    },
    {
      "name": "post", "description": "Post a text.", "docs": "https://board.invalid/docs#post",
      "annotations": {"readOnlyHint": false, "destructiveHint": false, "openWorldHint": true},
      "publishes": {"public": [true], "invited": "given"},
      "request": {"method": "POST", "path": "/posts"},
      "params": {
        "text": {"in": "body", "type": "string", "required": true, "description": "Text of it."},
        "public": {"in": "body", "type": "boolean", "description": "Whether everybody sees it."},
        "invited": {"in": "body", "type": "array", "items": {"type": "string"}, "description": "Who gets mail."}
      },
      "output": {"fields": {"id": "id"}}
    }
  ]
}"#;

const NOTES: &str = include_str!("own_modules/notes.json");

/// A browser at the page; known to it once it came in by a one-time address.
struct Browser {
    address: SocketAddr,
    cookie: Option<String>,
}

impl Browser {
    fn send(&self, post: &Post) -> Reply {
        let host = self.address.to_string();
        let post = match &self.cookie {
            Some(cookie) => post.clone().with("Cookie", cookie),
            None => post.clone(),
        };
        post.with("Host", &host).send(&mut Client::connect(self.address))
    }

    fn get(&self, path: &str) -> Reply {
        self.send(&Post::new("").but("GET").to(path))
    }

    fn decide_from(&self, id: &str, yes: bool, origin: Option<&str>) -> Reply {
        let post =
            Post::new(json!({"yes": yes}).to_string()).to(&format!("/local/confirmations/{id}"));
        match origin {
            Some(origin) => self.send(&post.with("Origin", origin)),
            None => self.send(&post),
        }
    }

    fn decide(&self, id: &str, yes: bool) {
        let own = format!("http://{}", self.address);
        let reply = self.decide_from(id, yes, Some(&own));
        assert_eq!(reply.status, 200, "{reply:?}");
    }

    /// Comes in by a one-time address of this key.
    fn enter(&mut self, key: &PageKey) {
        let base = format!("http://{}", self.address);
        let entry = key.entry(&base, "/confirm", ENTRY_LIFETIME);
        let reply = self.get(entry.strip_prefix(&base).expect("it is there"));
        assert_eq!((reply.status, reply.header("location")), (303, Some("/confirm")), "{reply:?}");
        let cookie = reply.header("set-cookie").expect("it becomes known");
        for part in ["HttpOnly", "SameSite=Strict", "Path=/"] {
            assert!(cookie.contains(part), "{cookie}");
        }
        self.cookie = cookie.split(';').next().map(str::to_owned);
    }
}

/// The page that a result links to: a browser that is not known yet, and the question's id.
fn linked(result: &Value) -> (Browser, String) {
    let text = result["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{result}"));
    assert!(text.starts_with("code: confirmation_required"), "{text}");
    let (_, link) = text.split_once("http://").unwrap_or_else(|| panic!("no link in {text}"));
    let (address, id) = link.split_once("/confirm/").expect("it leads to the page");
    let id = id.trim_end_matches('"').to_owned();
    (Browser { address: address.parse().expect("an address"), cookie: None }, id)
}

fn text(result: &Value) -> String {
    result["content"][0]["text"].as_str().unwrap_or_else(|| panic!("no text: {result}")).to_owned()
}

fn key_in(folder: &Folder) -> PageKey {
    let key = StateFolder::new(folder.0.clone()).page_key().expect("the server made it");
    PageKey::new(move || KeySource::Kept(key.clone()))
}

fn entry_key(product: &Product) -> &PageKey {
    product.page.key()
}

fn removal(id: u32) -> Value {
    json!({"module": "notes", "tool": "remove_note", "params": {"id": id}})
}

fn removed(id: u32) -> Exchange {
    Exchange::new("DELETE", &format!("/notes/{id}"), Answer::new(204, &[], ""))
}

/// The setting: a client, a service, and a browser that can get access.
type Scenario<'a> = dyn Fn(&mut dyn Caller, &FakeUpstream, &dyn Fn(&mut Browser)) + 'a;

/// Runs `scenario` with a client of each era over each transport. The service is asked for nothing but what the scenario
/// expects of it.
fn everywhere(name: &str, capabilities: &Value, policy: Option<&str>, scenario: &Scenario<'_>) {
    let confirm = policy.map(|policy| policy.parse::<ConfirmPolicy>().expect("it is a policy"));
    for is_modern in [true, false] {
        let upstream = FakeUpstream::new([]);
        let board = serde_json::from_str(BOARD).expect("it is JSON");
        let product = Product::start(&Settings {
            upstream: Some(&upstream),
            module: Some(&board),
            confirm,
            ..Settings::default()
        });
        let enter = |browser: &mut Browser| browser.enter(entry_key(&product));
        if is_modern {
            scenario(&mut ModernHttp(&product, capabilities.clone()), &upstream, &enter);
        } else {
            let mut client = LegacyHttp::new(&product, capabilities, "2025-11-25");
            scenario(&mut client, &upstream, &enter);
        }
    }
    for is_modern in [true, false] {
        let upstream = FakeUpstream::new([]);
        let modules = Folder::new(
            &format!("{name}-modules"),
            &[("notes.json", NOTES), ("board.json", BOARD)],
        );
        let state = Folder::new(&format!("{name}-state-{is_modern}"), &[]);
        let url = upstream.url();
        let path = |folder: &Folder| folder.0.to_str().expect("a path is text").to_owned();
        let (modules_path, state_path) = (path(&modules), path(&state));
        let mut variables = vec![
            ("NOTES_API_URL", url.as_str()),
            ("BOARD_API_URL", &url),
            ("MCPIST_MODULES_DIR", &modules_path),
            ("MCPIST_STATE_DIR", &state_path),
        ];
        variables.extend(policy.map(|policy| ("MCPIST_CONFIRM", policy)));
        let mut server = Server::start(&[], &variables);
        let enter = |browser: &mut Browser| browser.enter(&key_in(&state));
        if is_modern {
            scenario(&mut ModernStdio(&mut server, capabilities.clone()), &upstream, &enter);
        } else {
            scenario(&mut LegacyStdio::new(&mut server, capabilities), &upstream, &enter);
        }
    }
}

#[test]
fn a_form_decides_and_shows_what_cannot_be_seen() {
    everywhere("form", &json!({"elicitation": {}}), None, &|client, upstream, _| {
        let title = "x)\n\nThis was checked\u{202e}\u{200b}";
        let post = json!({"text": title, "public": true});
        let calls = json!([{"id": "a", "module": "board", "tool": "post", "params": post}]);
        let (refused, questions) = client.call("batch", &json!({"calls": calls}), &accept(false));
        assert!(text(&refused).starts_with("code: permission_denied"), "{refused}");
        let message = questions[0]["message"].as_str().expect("a form has a message");
        assert!(
            message.contains(r#"board.post(text: "x)\n\nThis was checked\u{202e}\u{200b}", public: true): is public"#),
            "{message}"
        );
        upstream.expect(removed(1));
        let (done, questions) = client.call("call", &removal(1), &accept(true));
        assert_eq!((text(&done).as_str(), questions.len()), ("message: Removed.", 1));
        assert!(questions[0]["message"].as_str().unwrap().contains("notes.remove_note(id: 1)"));
        for action in ["decline", "cancel"] {
            let (refused, _) =
                client.call("call", &removal(1), &Says::Answer(json!({"action": action})));
            assert!(text(&refused).starts_with("code: permission_denied"), "{action}: {refused}");
        }
    });
}

#[test]
fn a_client_that_fails_to_ask_gets_the_page_and_the_call_is_made_again() {
    everywhere("fails", &json!({"elicitation": {}}), None, &|client, upstream, enter| {
        let wrong_shapes = [
            json!({"action": "accept"}),
            json!({"action": "accept", "content": {"confirm": "yes"}}),
            json!("yes"),
        ];
        for (id, says) in (1..).zip(wrong_shapes.into_iter().map(Says::Answer).chain([Says::Error]))
        {
            let (pending, questions) = client.call("call", &removal(id), &says);
            assert_eq!(questions.len(), 1, "{pending}");
            let (mut browser, question) = linked(&pending);
            // Asked again before the decision: the same link, and no second form.
            let (again, questions) = client.call("call", &removal(id), &says);
            assert_eq!((linked(&again).1, questions.len()), (question.clone(), 0));
            enter(&mut browser);
            let shown = browser.get(&format!("/local/confirmations/{question}"));
            let shown: Value = serde_json::from_str(&shown.body).expect("it is JSON");
            assert_eq!(
                (&shown["calls"][0]["tool"], &shown["calls"][0]["params"]),
                (
                    &json!("remove_note"),
                    &json!([{"name": "id", "text": id.to_string(), "is_text": false}])
                )
            );
            browser.decide(&question, true);
            // Other arguments are another deed.
            let (other, _) = client.call("call", &removal(id + 100), &Says::Error);
            assert_ne!(linked(&other).1, question);
            upstream.expect(removed(id));
            let (done, _) = client.call("call", &removal(id), &says);
            assert_eq!(text(&done), "message: Removed.");
            // The yes was good once.
            let (replayed, _) = client.call("call", &removal(id), &says);
            assert_ne!(linked(&replayed).1, question);
        }
    });
}

#[test]
fn without_forms_the_link_permits_nothing_and_a_no_is_a_no() {
    everywhere("page", &json!({}), None, &|client, upstream, enter| {
        let (pending, questions) = client.call("call", &removal(1), &Says::Error);
        assert_eq!(questions, [Value::Null; 0]);
        let (mut browser, id) = linked(&pending);
        let own = format!("http://{}", browser.address);
        // A program that fetches the link gets the page, which shows nothing, and may not decide.
        let page = browser.get(&format!("/confirm/{id}"));
        assert!(page.status == 200 && !page.body.contains("remove_note"), "{page:?}");
        let policy = page.header("content-security-policy").expect("it has one");
        assert!(policy.contains("script-src 'sha256-") && !policy.contains("unsafe"), "{policy}");
        assert!(page.header("set-cookie").is_none());
        let path = format!("/local/confirmations/{id}");
        for cookie in [None, Some("mcpist_page="), Some("mcpist_page=0"), Some("mcpist_page")] {
            let stranger = Browser { address: browser.address, cookie: cookie.map(str::to_owned) };
            for reply in [
                stranger.get(&path),
                stranger.get("/local/confirmations"),
                stranger.decide_from(&id, true, Some(&own)),
                stranger.decide_from(&id, true, None),
                stranger.get("/local/enter?ticket=1-2-3&to=/confirm"),
                stranger.get("/local/enter"),
            ] {
                assert!(reply.status == 403 && !reply.body.contains("remove_note"), "{reply:?}");
            }
        }
        // A browser that is known decides on the page itself, and from nowhere else.
        enter(&mut browser);
        let port = browser.address.port();
        for origin in [
            None,
            Some("null".to_owned()),
            Some(format!("http://127.0.0.1:{}", port ^ 1)),
            Some(format!("http://localhost:{port}")),
            Some(format!("https://127.0.0.1:{port}")),
            Some("http://127.0.0.1".to_owned()),
            Some("https://evil.example.com".to_owned()),
        ] {
            let reply = browser.decide_from(&id, true, origin.as_deref());
            assert_eq!(reply.status, 403, "{origin:?}: {reply:?}");
        }
        let form = Post::new("yes=true").to(&path).with("Origin", &own);
        let form = form.with("Content-Type", "application/x-www-form-urlencoded");
        assert_eq!(browser.send(&form).status, 415);
        assert_eq!(linked(&client.call("call", &removal(1), &Says::Error).0).1, id, "still open");
        browser.decide(&id, false);
        assert_eq!(browser.decide_from(&id, true, Some(&own)).status, 409);
        let (refused, _) = client.call("call", &removal(1), &Says::Error);
        assert!(text(&refused).starts_with("code: permission_denied"), "{refused}");
        let _ = upstream;
    });
}

#[test]
fn a_client_that_opens_links_is_asked_to_open_the_page() {
    everywhere("url", &json!({"elicitation": {"url": {}}}), None, &|client, upstream, enter| {
        let open = Says::Answer(json!({"action": "accept"}));
        let (result, questions) = client.call("call", &removal(1), &open);
        // 2025-11-25 reports it as an error; 2026-07-28 asks, and then returns the link as text.
        let elicitation = if let Some(question) = questions.first() {
            linked(&result);
            question.clone()
        } else {
            assert_eq!(result["error"]["code"], -32042, "{result}");
            result["error"]["data"]["elicitations"][0].clone()
        };
        assert_eq!(elicitation["mode"], "url", "{elicitation}");
        let link = elicitation["url"].as_str().expect("a link").to_owned();
        let told = json!({"content": [{"text": format!("code: confirmation_required {link}")}]});
        let (mut browser, id) = linked(&told);
        if !questions.is_empty() {
            let no = Says::Answer(json!({"action": "decline"}));
            let (refused, _) = client.call("call", &removal(1), &no);
            assert!(text(&refused).starts_with("code: permission_denied"), "{refused}");
        }
        enter(&mut browser);
        browser.decide(&id, true);
        upstream.expect(removed(1));
        assert_eq!(text(&client.call("call", &removal(1), &open).0), "message: Removed.");
    });
}

#[test]
fn a_long_argument_is_decided_on_the_page_which_shows_it_whole() {
    everywhere("long", &json!({"elicitation": {}}), None, &|client, upstream, enter| {
        let long = "drop table x; ".repeat(7_500);
        let post =
            json!({"module": "board", "tool": "post", "params": {"text": long, "public": true}});
        let (pending, questions) = client.call("call", &post, &accept(true));
        assert_eq!(questions, [Value::Null; 0], "a form cannot show it");
        let (mut browser, id) = linked(&pending);
        enter(&mut browser);
        let shown = browser.get(&format!("/local/confirmations/{id}"));
        assert!(shown.body.contains(&long), "{}", shown.body.len());
        browser.decide(&id, true);
        let body = json!({"text": long, "public": true});
        let answer = Answer::new(200, &[], r#"{"id": 1}"#);
        upstream.expect(Exchange::new("POST", "/posts", answer).with_body(body));
        assert_eq!(text(&client.call("call", &post, &accept(true)).0), "id: 1");
    });
}

#[test]
fn a_model_cannot_confirm_by_itself_where_a_person_has_to() {
    everywhere("model", &json!({}), None, &|client, _, _| {
        let code = mcpist::mcp::seal::Seal::random().seal(
            mcpist::mcp::seal::Purpose::Confirmation,
            json!({"user": "local", "deed": "x", "id": "y"}),
            Duration::from_secs(60),
        );
        for confirm in [code.as_str(), "yes", "true"] {
            let mut arguments = removal(1);
            arguments["confirm"] = confirm.into();
            let (refused, _) = client.call("call", &arguments, &Says::Error);
            assert!(text(&refused).contains("a person decides"), "{refused}");
        }
        // Nor by answers to what it was never asked.
        let (pending, _) = client.call("call", &removal(1), &Says::Error);
        linked(&pending);
    });
    let upstream = FakeUpstream::new([]);
    let product = Product::start(&Settings { upstream: Some(&upstream), ..Settings::default() });
    let unasked = json!({
        "name": "call", "arguments": removal(1), "_meta": meta(&json!({"elicitation": {}})),
        "inputResponses": {"confirm": {"action": "accept", "content": {"confirm": true}}},
    });
    let answer = json_of(&product.send(&crate::product::modern("tools/call", unasked)));
    assert_eq!(answer["result"]["resultType"], "input_required", "{answer}");
}

/// The code in a result that asks for a code.
fn code_in(result: &Value) -> String {
    let text = text(result);
    assert!(text.starts_with("code: confirmation_required"), "{text}");
    let (_, code) = text.split_once("\nconfirm: \"").unwrap_or_else(|| panic!("no code in {text}"));
    code.trim_end_matches('"').to_owned()
}

fn with_code(mut arguments: Value, code: &str) -> Value {
    arguments["confirm"] = code.into();
    arguments
}

#[test]
fn a_code_is_good_once_for_exactly_its_arguments() {
    everywhere("code", &json!({}), Some("code"), &|client, upstream, _| {
        let (asked, _) = client.call("call", &removal(1), &Says::Error);
        assert!(text(&asked).contains("notes.remove_note(id: 1)"), "{asked}");
        let code = code_in(&asked);
        let mut call = |arguments: Value| client.call("call", &arguments, &Says::Error).0;
        assert!(text(&call(with_code(removal(2), &code))).contains("not a code for exactly these"));
        upstream.expect(removed(1));
        assert_eq!(text(&call(with_code(removal(1), &code))), "message: Removed.");
        assert!(text(&call(with_code(removal(1), &code))).contains("was used before"));
        // A text of another form that reads as the same token is the same code.
        let last = if code.ends_with('A') { "B" } else { "A" };
        let twin = format!("{}{last}", &code[..code.len() - 1]);
        assert!(text(&call(with_code(removal(1), &twin))).starts_with("code: invalid_params"));
        assert!(text(&call(with_code(removal(1), "yes"))).contains("not a code"));
        let mut null = removal(1);
        null["confirm"] = Value::Null;
        code_in(&call(null));
        let mut wrong = removal(1);
        wrong["confirm"] = json!(true);
        assert!(text(&call(wrong)).contains("confirm must be a string"));
    });
}

#[test]
fn a_client_that_fails_to_ask_gets_a_code_and_a_no_is_a_no() {
    everywhere("code-fails", &json!({"elicitation": {}}), Some("code"), &|client, upstream, _| {
        let wrong_shapes = [
            json!({"action": "accept", "content": {}}),
            json!({"action": "perhaps"}),
            json!({"action": null}),
            json!(0),
            json!([{"action": "accept"}]),
            Value::Null,
        ];
        let wrong_shapes = wrong_shapes.into_iter().map(Says::Answer);
        for (id, says) in (1..).zip(wrong_shapes.chain([Says::Error])) {
            let (asked, questions) = client.call("call", &removal(id), &says);
            assert_eq!(questions.len(), 1, "{asked}");
            upstream.expect(removed(id));
            let confirmed = with_code(removal(id), &code_in(&asked));
            let (done, questions) = client.call("call", &confirmed, &says);
            assert_eq!((text(&done).as_str(), questions.len()), ("message: Removed.", 0));
        }
        for no in [accept(false), action("decline"), action("cancel")] {
            let (refused, _) = client.call("call", &removal(1), &no);
            assert!(text(&refused).starts_with("code: permission_denied"), "{refused}");
        }
    });
}

#[test]
fn a_code_over_its_time_confirms_nothing() {
    let upstream = FakeUpstream::new([]);
    let product = Product::start(&Settings {
        upstream: Some(&upstream),
        confirm: Some(ConfirmPolicy::Code),
        code_lifetime: Some(Duration::ZERO),
        ..Settings::default()
    });
    let code = code_in(&product.call("/mcp", "call", removal(1)));
    assert!(
        text(&product.call("/mcp", "call", with_code(removal(1), &code))).contains("not a code")
    );
}

#[test]
fn a_question_or_decision_over_its_time_confirms_nothing() {
    let long = Duration::from_secs(60);
    for lifetimes in [
        Lifetimes { question: Duration::ZERO, decision: long },
        Lifetimes { question: long, decision: Duration::ZERO },
    ] {
        let upstream = FakeUpstream::new([]);
        let product = Product::start(&Settings {
            upstream: Some(&upstream),
            lifetimes: Some(lifetimes),
            ..Settings::default()
        });
        let (mut browser, id) = linked(&product.call("/mcp", "call", removal(1)));
        browser.enter(entry_key(&product));
        let own = format!("http://{}", browser.address);
        let status = browser.decide_from(&id, true, Some(&own)).status;
        assert_eq!(status, if lifetimes.question.is_zero() { 404 } else { 200 });
        assert_ne!(linked(&product.call("/mcp", "call", removal(1))).1, id);
    }
}

#[test]
fn a_sealed_answer_is_good_once() {
    let upstream = FakeUpstream::new([]);
    let product = Product::start(&Settings { upstream: Some(&upstream), ..Settings::default() });
    let send = |more: &Value| {
        let mut params = json!({"name": "call", "arguments": removal(1), "_meta": meta(&json!({"elicitation": {}}))});
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json_of(&product.send(&crate::product::modern("tools/call", params)))
    };
    let asked = send(&json!({}));
    let state = &asked["result"]["requestState"];
    let yes = json!({"requestState": state, "inputResponses": {"confirm": {"action": "accept", "content": {"confirm": true}}}});
    upstream.expect(removed(1));
    assert_eq!(text(&send(&yes)["result"]), "message: Removed.");
    let replayed = send(&yes);
    assert!(text(&replayed["result"]).contains("was used before"), "{replayed}");
}

#[test]
fn a_legacy_client_that_does_not_answer_or_takes_no_events_gets_the_page() {
    let upstream = FakeUpstream::new([]);
    let product = Product::start(&Settings {
        upstream: Some(&upstream),
        answer_time: Some(Duration::ZERO),
        ..Settings::default()
    });
    let mut client = LegacyHttp::new(&product, &json!({"elicitation": {}}), "2025-06-18");
    let (pending, questions) = client.call("call", &removal(1), &Says::Nothing);
    assert_eq!(questions.len(), 1);
    let (_, id) = linked(&pending);
    let post = client.1.request("tools/call", params("call", &removal(2)));
    let reply = product.send(&post.with("Accept", "application/json"));
    assert_ne!(linked(&json_of(&reply)["result"]).1, id);
}

#[test]
fn where_nobody_can_be_asked_the_error_names_the_variable() {
    let upstream = FakeUpstream::new([]);
    let settings =
        Settings { upstream: Some(&upstream), without_page: true, ..Settings::default() };
    let told = text(&Product::start(&settings).call("/mcp", "call", removal(1)));
    assert!(told.contains("MCPIST_CONFIRM"), "{told}");
    // No home, no terminal, no browser.
    let mut server = Server::start(&[], &[("NOTES_API_URL", &upstream.url())]);
    let (result, _) = ModernStdio(&mut server, json!({})).call("call", &removal(1), &Says::Error);
    assert!(
        text(&result).contains("MCPIST_CONFIRM") && !text(&result).contains("http://"),
        "{result}"
    );
}

#[test]
fn policy_off_asks_nobody_and_a_misspelt_one_stops_the_start() {
    everywhere("off", &json!({"elicitation": {}}), Some("off"), &|client, upstream, _| {
        upstream.expect(removed(1));
        let (done, questions) = client.call("call", &removal(1), &Says::Error);
        assert_eq!((text(&done).as_str(), questions.len()), ("message: Removed.", 0));
    });
    for command in [&["serve", "--port", "0"][..], &["stdio"], &["check"], &["tools"]] {
        let stopped = ran(command, &[("MCPIST_CONFIRM", "humna")]);
        assert_eq!(stopped.code, 1, "{stopped:?}");
        assert!(
            stopped.stderr.contains("MCPIST_CONFIRM: \"humna\" is not a policy"),
            "{stopped:?}"
        );
    }
}

/// The lines of a batch: a search, the removal of its first hit, and a note that is added beside.
fn cleaning() -> Value {
    json!({"calls": [
        {"id": "s", "module": "notes", "tool": "list_notes"},
        {"id": "d", "module": "notes", "tool": "remove_note", "params": {"id": "${s.items[0].id}"}},
        {"id": "w", "module": "notes", "tool": "add_note", "params": {"title": "log"}, "output": true},
    ]})
}

fn listed(upstream: &FakeUpstream, id: u32) {
    let body = json!([{"id": id, "title": "x"}]).to_string();
    upstream.expect(Exchange::new("GET", "/notes", Answer::new(200, &[], body)));
}

fn added(upstream: &FakeUpstream, title: &str) {
    let answer = Answer::new(200, &[], r#"{"id": 9}"#);
    let exchange = Exchange::new("POST", "/notes", answer);
    upstream.expect(exchange.with_body(json!({"title": title})));
}

#[test]
fn a_batch_asks_about_what_its_reads_found_and_again_when_that_changes() {
    everywhere("batch", &json!({}), None, &|client, upstream, enter| {
        listed(upstream, 7);
        let (pending, _) = client.call("batch", &cleaning(), &Says::Error);
        let (mut browser, id) = linked(&pending);
        enter(&mut browser);
        let shown = browser.get(&format!("/local/confirmations/{id}"));
        let shown: Value = serde_json::from_str(&shown.body).expect("it is JSON");
        assert_eq!(shown["calls"].as_array().map(Vec::len), Some(1), "{shown}");
        assert_eq!(
            (&shown["calls"][0]["line"], &shown["calls"][0]["params"][0]["text"]),
            (&json!("d"), &json!("7"))
        );
        browser.decide(&id, true);
        // The service answers otherwise now: nothing is written, and the person is asked about the other note.
        listed(upstream, 8);
        let (changed, _) = client.call("batch", &cleaning(), &Says::Error);
        let (_, other) = linked(&changed);
        assert_ne!(other, id);
        browser.decide(&other, true);
        listed(upstream, 8);
        // The lines that write run side by side; one after the other makes the order known.
        let mut calls = cleaning();
        calls["calls"][2]["after"] = json!("d");
        upstream.expect(removed(8));
        added(upstream, "log");
        let (done, _) = client.call("batch", &calls, &Says::Error);
        assert!(done["isError"].is_null() && done.to_string().contains("done"), "{done}");
        let asked = upstream.requests();
        let writes = asked.iter().filter(|request| request.method != "GET").count();
        assert_eq!(writes, 2, "no line that writes ran before the yes, and none twice");
    });
}

#[test]
fn a_batch_confirmed_by_form_or_code_binds_what_is_done() {
    everywhere("batch-form", &json!({"elicitation": {}}), None, &|client, upstream, _| {
        let mut calls = cleaning();
        calls["calls"][2]["after"] = json!("d");
        // The modern era runs the reads again with the answer.
        let reads = if client.is_modern() { 2 } else { 1 };
        (0..reads).for_each(|_| listed(upstream, 7));
        let cancel = Says::Answer(json!({"action": "cancel"}));
        let (refused, questions) = client.call("batch", &calls, &cancel);
        let message = questions[0]["message"].as_str().unwrap_or_else(|| panic!("{refused}"));
        assert!(message.contains("notes.remove_note(id: 7)"), "{message}");
        assert!(text(&refused).starts_with("code: permission_denied"), "{refused}");
        (0..reads).for_each(|_| listed(upstream, 7));
        upstream.expect(removed(7));
        added(upstream, "log");
        let (done, questions) = client.call("batch", &calls, &accept(true));
        assert!(done["isError"].is_null() && questions.len() == 1, "{done}");
        // The action no longer exists when the answer arrives: nothing is written.
        if client.is_modern() {
            listed(upstream, 7);
            upstream.expect(Exchange::new("GET", "/notes", Answer::new(200, &[], "[]")));
            let (changed, _) = client.call("batch", &calls, &accept(true));
            assert!(text(&changed).starts_with("code: conflict"), "{changed}");
        }
    });
    everywhere("batch-code", &json!({}), Some("code"), &|client, upstream, _| {
        let mut calls = cleaning();
        calls["calls"][2]["after"] = json!("d");
        listed(upstream, 7);
        let code = code_in(&client.call("batch", &calls, &Says::Error).0);
        listed(upstream, 8);
        let (refused, _) = client.call("batch", &with_code(calls.clone(), &code), &Says::Error);
        assert!(text(&refused).contains("not a code for exactly these"), "{refused}");
        listed(upstream, 7);
        upstream.expect(removed(7));
        added(upstream, "log");
        let (done, _) = client.call("batch", &with_code(calls.clone(), &code), &Says::Error);
        assert!(done["isError"].is_null(), "{done}");
        listed(upstream, 7);
        let (replayed, _) = client.call("batch", &with_code(calls, &code), &Says::Error);
        assert!(text(&replayed).contains("was used before"), "{replayed}");
    });
}

#[test]
fn a_modern_form_counts_only_for_what_it_showed() {
    let upstream = FakeUpstream::new([]);
    let product = Product::start(&Settings { upstream: Some(&upstream), ..Settings::default() });
    let send = |more: &Value| {
        let mut params = json!({"name": "batch", "arguments": cleaning(), "_meta": meta(&json!({"elicitation": {}}))});
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        outcome(json_of(&product.send(&crate::product::modern("tools/call", params))))
    };
    listed(&upstream, 7);
    let asked = send(&json!({}));
    let yes = json!({"confirm": {"action": "accept", "content": {"confirm": true}}});
    listed(&upstream, 8);
    let again = send(&json!({"requestState": asked["requestState"], "inputResponses": yes}));
    assert_eq!(again["resultType"], "input_required", "{again}");
    let message = again["inputRequests"]["confirm"]["params"]["message"].as_str().unwrap();
    assert!(message.contains("remove_note(id: 8)"), "{message}");
}

#[test]
fn a_line_to_confirm_that_needs_what_another_writes_is_refused_before_anything_runs() {
    let check = |policy: &str, calls: Value, line: &str| {
        everywhere("unknowable", &json!({"elicitation": {}}), Some(policy), &|client, _, _| {
            let (refused, questions) =
                client.call("batch", &json!({"calls": calls}), &accept(true));
            let told = text(&refused);
            assert!(told.contains(&format!("line \"{line}\" must be confirmed")), "{told}");
            assert!(told.contains("Make two batches") && questions.is_empty(), "{told}");
        });
    };
    let add = json!({"id": "w", "module": "notes", "tool": "add_note", "params": {"title": "x"}});
    let remove =
        json!({"id": "d", "module": "notes", "tool": "remove_note", "params": {"id": "${w.id}"}});
    check("human", json!([add, remove]), "d");
    check("code", json!([add, remove]), "d");
    // By way of a read, by a publishing line, and by a line of another module.
    let read =
        json!({"id": "r", "module": "notes", "tool": "get_note", "params": {"id": "${w.id}"}});
    let by_read =
        json!({"id": "d", "module": "notes", "tool": "remove_note", "params": {"id": "${r.id}"}});
    check("human", json!([add, read, by_read]), "d");
    let read = json!({"id": "r", "module": "notes", "tool": "list_notes", "after": "w"});
    let by_read = json!({"id": "d", "module": "notes", "tool": "remove_note", "params": {"id": "${r.items[0].id}"}});
    check("human", json!([add, read, by_read]), "d");
    let post =
        json!({"id": "p", "module": "board", "tool": "post", "params": {"text": "note ${w.id}"}});
    check("human", json!([add, post]), "p");
}

#[test]
fn what_one_service_gave_is_asked_about_before_another_gets_it() {
    everywhere("passes-on", &json!({"elicitation": {}}), None, &|client, upstream, _| {
        let decline = Says::Answer(json!({"action": "decline"}));
        let post =
            |params: Value| json!({"id": "p", "module": "board", "tool": "post", "params": params});
        let read = json!({"id": "r", "module": "notes", "tool": "list_notes"});
        let rounds = if client.is_modern() { 2 } else { 1 };
        let notes = || {
            let answer = Answer::new(200, &[], r#"[{"id": 1, "title": "secret"}]"#);
            upstream.expect(Exchange::new("GET", "/notes", answer));
        };
        (0..rounds).for_each(|_| notes());
        let calls = json!([read, post(json!({"text": "see ${r.items[0].title}"}))]);
        let (refused, questions) = client.call("batch", &json!({"calls": calls}), &decline);
        let message = questions.first().unwrap_or_else(|| panic!("{refused}"))["message"].as_str();
        let message = message.expect("a form has a message");
        assert!(
            message.contains(r#"board.post(text: "see secret"): passes on what notes gave"#),
            "{message}"
        );
        // Beside what is the module's own, too.
        (0..rounds).for_each(|_| {
            notes();
            let answer = Answer::new(200, &[], r#"[{"id": 1, "text": "y"}]"#);
            upstream.expect(Exchange::new("GET", "/posts", answer));
        });
        let find = json!({"id": "f", "module": "board", "tool": "find", "after": "r"});
        let mixed = post(json!({"text": "${f.items[0].text} ${r.items[0].id}"}));
        let (_, questions) = client.call("batch", &json!({"calls": [read, find, mixed]}), &decline);
        let message = questions[0]["message"].as_str().expect("a form has a message");
        assert!(message.contains("passes on what notes gave"), "{message}");
        // Within one module no one is asked, nor where nothing is passed on.
        upstream.expect(Exchange::new(
            "GET",
            "/posts",
            Answer::new(200, &[], r#"[{"id": 1, "text": "y"}]"#),
        ));
        upstream.expect(
            Exchange::new("POST", "/posts", Answer::new(200, &[], r#"{"id": 2}"#))
                .with_body(json!({"text": "y"})),
        );
        let find = json!({"id": "f", "module": "board", "tool": "find"});
        let calls = json!([find, post(json!({"text": "${f.items[0].text}"}))]);
        let (done, questions) = client.call("batch", &json!({"calls": calls}), &Says::Error);
        assert!(questions.is_empty() && done["isError"].is_null(), "{done}");
    });
}

#[test]
fn what_publishes_is_asked_about_when_it_does() {
    let upstream = FakeUpstream::new([]);
    let board: Value = serde_json::from_str(BOARD).expect("it is JSON");
    let product = Product::start(&Settings {
        upstream: Some(&upstream),
        module: Some(&board),
        ..Settings::default()
    });
    let post = |params: &Value| {
        product.call("/mcp", "call", json!({"module": "board", "tool": "post", "params": params}))
    };
    for params in [
        json!({"text": "x", "public": true}),
        json!({"text": "x", "public": "true"}),
        json!({"text": "x", "public": "True"}),
        json!({"text": "x", "invited": ["ada@example.com"]}),
        json!({"text": "x", "invited": "ada@example.com"}),
        json!({"text": "x", "public": false, "invited": ["ada@example.com"]}),
    ] {
        linked(&post(&params));
    }
    for params in [
        json!({"text": "x"}),
        json!({"text": "x", "public": false}),
        json!({"text": "x", "public": null, "invited": null}),
    ] {
        upstream.expect(
            Exchange::new("POST", "/posts", Answer::new(200, &[], r#"{"id": 2}"#)).with_body(
                Value::Object(
                    params
                        .as_object()
                        .unwrap()
                        .iter()
                        .filter(|(_, value)| !value.is_null())
                        .map(|(name, value)| (name.clone(), value.clone()))
                        .collect(),
                ),
            ),
        );
        assert_eq!(text(&post(&params)), "id: 2", "{params}");
    }
    // An invalid call is rejected before a person is asked.
    let wrong = text(&post(&json!({"text": "x", "public": true, "colour": "red"})));
    assert!(wrong.starts_with("code: invalid_params") && wrong.contains("colour"), "{wrong}");
}

#[test]
fn a_stdio_server_opens_its_page_in_the_browser_by_a_one_time_address() {
    let upstream = FakeUpstream::new([removed(1)]);
    // The browser of this test connects to what it is given and says so.
    let files = Folder::new(
        "stdio-browser",
        &[(
            "browser.sh",
            "#!/bin/sh\nprintf '%s' \"$1\" > \"${0%/*}/opened.part\"\n/bin/mv \"${0%/*}/opened.part\" \"${0%/*}/opened\"\n",
        )],
    );
    let script = files.0.join("browser.sh");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&script, mode).expect("it is ours");
    let url = upstream.url();
    let mut server = Server::start(
        &[],
        &[("NOTES_API_URL", &url), ("BROWSER", script.to_str().expect("a path is text"))],
    );
    let mut client = ModernStdio(&mut server, json!({}));
    let (pending, _) = client.call("call", &removal(1), &Says::Error);
    let (mut browser, id) = linked(&pending);
    let deadline = Instant::now() + PATIENCE;
    let opened = loop {
        if let Ok(opened) = std::fs::read_to_string(files.0.join("opened")) {
            break opened;
        }
        assert!(Instant::now() < deadline, "no browser was started");
        std::thread::yield_now();
    };
    let base = format!("http://{}", browser.address);
    let ticket = opened.strip_prefix(&base).unwrap_or_else(|| panic!("{opened}"));
    assert!(!text(&pending).contains("ticket"), "{pending}");
    let entered = browser.get(ticket);
    assert_eq!(entered.header("location"), Some(format!("/confirm/{id}").as_str()), "{entered:?}");
    assert_eq!(browser.get(ticket).status, 403, "it was good once");
    browser.cookie =
        entered.header("set-cookie").and_then(|it| it.split(';').next()).map(str::to_owned);
    browser.decide(&id, true);
    assert_eq!(text(&client.call("call", &removal(1), &Says::Error).0), "message: Removed.");
}

#[test]
fn serve_has_the_page_and_tells_its_one_time_address_to_nobody_but_a_terminal() {
    let upstream = FakeUpstream::new([]);
    let state = Folder::new("serve-page", &[]);
    let path = state.0.to_str().expect("a path is text").to_owned();
    let serving = Serving::start(&[
        ("NOTES_API_URL", &upstream.url()),
        ("MCPIST_STATE_DIR", &path),
        ("MCPIST_LOG", "trace"),
    ]);
    let post = crate::product::modern("tools/call", params("call", &removal(1)));
    let result = json_of(&post.send(&mut serving.client()))["result"].take();
    let (mut browser, id) = linked(&result);
    browser.enter(&key_in(&state));
    browser.decide(&id, false);
    let known = browser.get("/local/confirmations");
    assert!(known.body.contains("[]"), "{known:?}");
    // A page of a foreign name is refused, as everywhere.
    let foreign = Post::new("").but("GET").to("/confirm").with("Host", "evil.example.com");
    assert_eq!(foreign.send(&mut serving.client()).status, 403);
    let ran = serving.stop();
    for secret in ["ticket", browser.cookie.as_deref().expect("it is known"), "page_key"] {
        assert!(!ran.stdout.contains(secret) && !ran.stderr.contains(secret), "{secret}: {ran:?}");
    }
    let key = std::fs::read_to_string(state.0.join("page-key")).expect("the server made it");
    assert!(!ran.stdout.contains(&key) && !ran.stderr.contains(&key));
    let opened = crate::command_line::ran(&["open"], &[("MCPIST_STATE_DIR", &path)]);
    assert!(opened.code == 1 && opened.stderr.contains("no browser"), "{opened:?}");
    assert!(opened.stdout.is_empty(), "no pipe gets the address: {opened:?}");
    let _ = TcpStream::connect(browser.address).map(|mut socket| socket.read(&mut [0; 1]));
}

#[test]
fn the_definitions_offer_a_code_only_where_there_are_codes() {
    for (confirm, offers) in
        [(ConfirmPolicy::Human, false), (ConfirmPolicy::Code, true), (ConfirmPolicy::Off, true)]
    {
        let product = Product::start(&Settings { confirm: Some(confirm), ..Settings::default() });
        for path in ["/mcp", "/mcp/notes"] {
            let tools = product.result(path, "tools/list", json!({}))["tools"].to_string();
            assert_eq!(tools.contains("\"confirm\":{"), offers, "{confirm:?} {path}");
        }
    }
}
