//! The whole product on its own port, and the requests of clients of both eras.

use std::collections::HashMap;
use std::io::Write;
use std::net::Ipv4Addr;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use mcpist::access::{ConfirmPolicy, ConfirmationPage, Credential, Permissions, Scheme};
use mcpist::app::{App, CALL_TIME, CODE_LIFETIME, Confirmation, Live, Parts, ProductSite};
use mcpist::http::Limits;
use mcpist::local::{EnvironmentBroker, LocalAuthenticator, Policy, PolicySieve, Subject};
use mcpist::mcp;
use mcpist::mcp::seal::Seal;
use mcpist::mcp::subscriptions::Hub;
use mcpist::modules::{self, Registry};
use mcpist::page::{KeySource, Lifetimes, LocalConfirmations, Page, PageKey, Questions};
use mcpist::secret::Secret;
use mcpist::transport::{Origins, Pages, Router};
use mcpist::upstream::{Upstream, UpstreamConfig};
use serde_json::{Value, json};

use crate::fake_upstream::FakeUpstream;
use crate::module_files::Folder;
use crate::wire::{Client, PATIENCE, Reply, Running};

/// The modern era's version.
pub const MODERN: &str = "2026-07-28";

/// The credential for GitHub and Notion: anyone who sees it where it does not belong has found a leak.
pub const CANARY: &str = "canary-3f9c0b7e";

/// The folder with the tests' own modules: `notes` needs no credential; `vault` needs one and has none.
pub const OWN_MODULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/own_modules");

/// The settings of a product that differ from the defaults.
#[derive(Default)]
pub struct Settings<'a> {
    /// The fake server for all services.
    pub upstream: Option<&'a FakeUpstream>,
    /// The policy file's text.
    pub policy: Option<&'a str>,
    /// The secret that seals sessions.
    pub secret: Option<&'a str>,
    /// One module more, with the canary as its credential.
    pub module: Option<&'a Value>,
    /// How long a call may take.
    pub call_time: Option<Duration>,
    /// The confirmation policy; `human` by default.
    pub confirm: Option<ConfirmPolicy>,
    /// How long a code is good for.
    pub code_lifetime: Option<Duration>,
    /// How long questions and decisions on the page are good for.
    pub lifetimes: Option<Lifetimes>,
    /// How long a legacy client may take to answer.
    pub answer_time: Option<Duration>,
    /// Whether there is no confirmation page.
    pub without_page: bool,
}

/// The product behind the real front door; ended when this is dropped.
pub struct Product {
    pub running: Running,
    pub hub: Arc<Hub>,
    pub page: Arc<Page>,
}

impl Product {
    pub fn start(settings: &Settings<'_>) -> Self {
        let registry = settings.module.map_or_else(registry, with_module);
        let base_urls = settings.upstream.map(|upstream| {
            registry.modules().iter().map(|module| (module.name.clone(), upstream.url()))
        });
        let canary = Credential {
            scheme: Scheme::Bearer,
            secret: Secret::new(CANARY.to_owned()),
            account: None,
            base_url: None,
        };
        let services = ["github", "notion"]
            .into_iter()
            .chain(settings.module.and_then(|module| module["module"].as_str()));
        let credentials: HashMap<_, _> =
            services.map(|service| (service.to_owned(), vec![canary.clone()])).collect();
        let seal = Arc::new(
            settings
                .secret
                .map_or_else(Seal::random, |secret| Seal::from_secret(secret.as_bytes())),
        );
        let key = Secret::new("the page key of the tests".to_owned());
        let key = PageKey::new(move || KeySource::Kept(key.clone()));
        let questions = Questions::new(settings.lifetimes.unwrap_or_default(), 8);
        let page = Arc::new(Page::new(key, questions));
        let confirmations = Arc::new(LocalConfirmations::new(Arc::clone(&page), None));
        let product = Arc::new(Live::new(Arc::new(App::new(Parts {
            rates: None,
            audit: None,
            seal: Arc::clone(&seal),
            confirmation: Confirmation {
                policy: settings.confirm.unwrap_or(ConfirmPolicy::Human),
                page: (!settings.without_page)
                    .then(|| Arc::clone(&confirmations) as Arc<dyn ConfirmationPage>),
                code_lifetime: settings.code_lifetime.unwrap_or(CODE_LIFETIME),
            },
            sieve: Arc::new(PolicySieve::new(
                settings
                    .policy
                    .map_or_else(Permissions::everything, |text| permissions(text, &registry)),
            )),
            broker: Arc::new(EnvironmentBroker::new(credentials)),
            upstream: Upstream::new(UpstreamConfig {
                first_backoff: Duration::from_millis(1),
                ..UpstreamConfig::default()
            }),
            base_urls: base_urls.into_iter().flatten().collect(),
            call_time: settings.call_time.unwrap_or(CALL_TIME),
            registry,
        }))));
        let hub = Arc::new(Hub::default());
        let server = mcp::Server::new(
            Arc::clone(&product) as Arc<dyn mcp::handler::Handler>,
            seal,
            Arc::clone(&hub),
        );
        let server = Arc::new(match settings.answer_time {
            Some(time) => server.with_answer_time(time),
            None => server,
        });
        let site = Arc::new(ProductSite::new(product, "http://127.0.0.1/mcp".to_owned()));
        let router = Router::new(
            server,
            Arc::new(LocalAuthenticator),
            Origins::local(Ipv4Addr::LOCALHOST.into()),
            site,
        )
        .with_pages(Some(Arc::clone(&page) as Arc<dyn Pages>));
        let running = Running::serve(Limits::default(), Arc::new(router));
        let closing = Arc::clone(&hub);
        running.shutdown.on_begin(Box::new(move || closing.close()));
        confirmations.served_at(format!("http://{}", running.address), false);
        Self { running, hub, page }
    }

    /// A connection.
    pub fn client(&self) -> Client {
        self.running.connect()
    }

    /// Sends one request on its own connection.
    pub fn send(&self, post: &Post) -> Reply {
        post.send(&mut self.client())
    }

    /// Calls a tool in the modern era and gives the result's JSON.
    pub fn call(&self, path: &str, tool: &str, arguments: Value) -> Value {
        let reply = self.send(
            &modern(
                "tools/call",
                Value::from_iter([("name", tool.into()), ("arguments", arguments)]),
            )
            .to(path),
        );
        let mut answer = json_of(&reply);
        assert!(answer["result"].is_object(), "{tool}: {answer}");
        answer["result"].take()
    }

    /// The result of a request of the modern era.
    pub fn result(&self, path: &str, method: &str, params: Value) -> Value {
        let mut answer = json_of(&self.send(&modern(method, params).to(path)));
        assert!(answer["result"].is_object(), "{method}: {answer}");
        answer["result"].take()
    }

    /// The names in `tools/list`.
    pub fn tools(&self, path: &str) -> Vec<String> {
        let answer = json_of(&self.send(&modern("tools/list", json!({})).to(path)));
        let tools =
            answer["result"]["tools"].as_array().unwrap_or_else(|| panic!("{path}: {answer}"));
        tools
            .iter()
            .map(|tool| tool["name"].as_str().expect("a tool has a name").to_owned())
            .collect()
    }

    /// Waits until exactly this many clients listen for changes.
    pub fn wait_for_listeners(&self, count: usize) {
        let deadline = Instant::now() + PATIENCE;
        while self.hub.len() != count {
            assert!(Instant::now() < deadline, "{} listen, not {count}", self.hub.len());
            std::thread::yield_now();
        }
    }

    /// Begins a legacy session.
    pub fn session(&self, version: &str) -> Session {
        let reply = self.send(&initialize(version));
        assert_eq!(reply.status, 200, "{reply:?}");
        let id = reply.header("mcp-session-id").expect("a session has an id").to_owned();
        Session { id, version: version.to_owned() }
    }
}

/// The built-in modules and the tests' own.
pub fn registry() -> Arc<Registry> {
    static REGISTRY: OnceLock<Arc<Registry>> = OnceLock::new();
    let registry = REGISTRY.get_or_init(|| {
        let mut registry = Registry::built_in().expect("the built-in modules are right");
        assert_eq!(
            modules::Folder::new(OWN_MODULES.into()).add_to(&mut registry),
            [],
            "the tests' own modules are right"
        );
        Arc::new(registry)
    });
    Arc::clone(registry)
}

/// The same with one module more.
fn with_module(module: &Value) -> Arc<Registry> {
    static FOLDERS: AtomicUsize = AtomicUsize::new(0);
    let folder = format!("with_module_{}", FOLDERS.fetch_add(1, Ordering::Relaxed));
    let folder = Folder::new(&folder, &[("module.json", &module.to_string())]);
    let mut registry = Registry::clone(&registry());
    assert_eq!(
        modules::Folder::new(folder.0.clone()).add_to(&mut registry),
        [],
        "the test's module is right"
    );
    Arc::new(registry)
}

fn permissions(policy: &str, registry: &Registry) -> Permissions {
    let policy = Policy::parse(policy).expect("the test's policy is right");
    let tools = registry
        .modules()
        .iter()
        .flat_map(|module| module.tools.iter().map(move |tool| (module, tool)));
    let subjects: Vec<_> = tools
        .map(|(module, tool)| Subject {
            module: module.name.clone(),
            tool: tool.published_name.clone(),
            read_only: tool.is_read_only(),
        })
        .collect();
    policy.permissions(&subjects)
}

/// A request over HTTP: a POST to `/mcp` that accepts both kinds of answer, unless a test makes something else of it.
#[derive(Clone)]
pub struct Post {
    method: &'static str,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Post {
    pub fn new(body: impl Into<Vec<u8>>) -> Self {
        let headers = [
            ("Host", "localhost"),
            ("Accept", "application/json, text/event-stream"),
            ("Content-Type", "application/json"),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        Self { method: "POST", path: "/mcp".to_owned(), headers, body: body.into() }
    }

    /// Another method, and no body.
    pub fn but(self, method: &'static str) -> Self {
        Self { method, body: Vec::new(), ..self }
    }

    pub fn to(self, path: &str) -> Self {
        Self { path: path.to_owned(), ..self }
    }

    /// The same with this header, in place of an earlier one.
    pub fn with(self, name: &str, value: &str) -> Self {
        let mut post = self.without(name);
        post.headers.push((name.to_owned(), value.to_owned()));
        post
    }

    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self
    }

    pub fn write(&self, client: &mut Client) {
        let mut bytes = format!("{} {} HTTP/1.1\r\n", self.method, self.path).into_bytes();
        for (name, value) in &self.headers {
            bytes.extend(format!("{name}: {value}\r\n").bytes());
        }
        bytes.extend(format!("Content-Length: {}\r\n\r\n", self.body.len()).bytes());
        bytes.extend(&self.body);
        // A server that refuses a long body answers before it has read all of it.
        let _ = client.socket.write_all(&bytes);
    }

    pub fn send(&self, client: &mut Client) -> Reply {
        self.write(client);
        client.reply()
    }
}

/// A JSON-RPC request.
pub fn request(id: impl Into<Value>, method: &str, params: Value) -> Value {
    Value::from_iter([
        ("jsonrpc", "2.0".into()),
        ("id", id.into()),
        ("method", method.into()),
        ("params", params),
    ])
}

/// The parameters with the `_meta` that every request of the modern era carries.
pub fn with_meta(mut params: Value) -> Value {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    });
    params.as_object_mut().expect("parameters are an object").entry("_meta").or_insert(meta);
    params
}

/// A request of the modern era, with the headers that mirror its body. Parameters that bring a `_meta` keep theirs.
pub fn modern(method: &str, params: Value) -> Post {
    let params = with_meta(params);
    let name = params["name"].as_str().or(params["uri"].as_str()).map(str::to_owned);
    let post = Post::new(request(1, method, params).to_string())
        .with("MCP-Protocol-Version", MODERN)
        .with("Mcp-Method", method);
    match name {
        Some(name) => post.with("Mcp-Name", &name),
        None => post,
    }
}

/// The first request of a legacy session.
pub fn initialize(version: &str) -> Post {
    let params = json!({"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}});
    Post::new(request(0, "initialize", params).to_string())
}

/// A legacy session, as its client knows it.
pub struct Session {
    pub id: String,
    pub version: String,
}

impl Session {
    /// Any body as one of this session.
    pub fn post(&self, body: &Value) -> Post {
        Post::new(body.to_string())
            .with("Mcp-Session-Id", &self.id)
            .with("MCP-Protocol-Version", &self.version)
    }

    /// A request of this session.
    pub fn request(&self, method: &str, params: Value) -> Post {
        self.post(&request(1, method, params))
    }
}

pub fn json_of(reply: &Reply) -> Value {
    serde_json::from_str(&reply.body).unwrap_or_else(|error| panic!("{error}: {reply:?}"))
}

/// The text of a tool's result.
pub fn text_of(result: &Value) -> &str {
    result["content"][0]["text"].as_str().unwrap_or_else(|| panic!("no text: {result}"))
}

/// An event stream that a request has opened.
pub struct Events {
    client: Client,
    arrived: String,
}

/// An event; one without a name is a `message`.
#[derive(Debug, PartialEq, Eq)]
pub struct Event {
    pub name: String,
    pub data: String,
}

impl Events {
    pub fn open(mut client: Client, post: &Post) -> Self {
        post.write(&mut client);
        let head = client.reply_head();
        assert_eq!(
            (head.status, head.header("content-type")),
            (200, Some("text/event-stream")),
            "{head:?}"
        );
        Self { client, arrived: String::new() }
    }

    /// Returns the next event; `None` if the server has ended the stream.
    pub fn next(&mut self) -> Option<Event> {
        loop {
            while let Some(end) = self.arrived.find("\n\n") {
                let block: String = self.arrived.drain(..end + 2).collect();
                let field = |name: &str| {
                    block.lines().find_map(|line| {
                        line.strip_prefix(name)?.strip_prefix(": ").map(str::to_owned)
                    })
                };
                // A block without data is a comment, which keeps the stream open.
                if let Some(data) = field("data") {
                    return Some(Event {
                        name: field("event").unwrap_or_else(|| "message".to_owned()),
                        data,
                    });
                }
            }
            let chunk = self.client.chunk()?;
            self.arrived.push_str(&String::from_utf8(chunk).expect("events are text"));
        }
    }

    /// The JSON of the next message.
    pub fn message(&mut self) -> Value {
        let event = self.next().expect("the stream goes on");
        assert_eq!(event.name, "message", "{event:?}");
        serde_json::from_str(&event.data).unwrap_or_else(|error| panic!("{error}: {event:?}"))
    }
}

/// The binary with nothing in its environment but the tests' own modules.
pub fn mcpist(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mcpist"));
    command.args(arguments).env_clear().env("MCPIST_MODULES_DIR", OWN_MODULES);
    command
}

/// Waits until the service has received this many requests.
pub fn wait_for_requests(upstream: &FakeUpstream, count: usize) {
    let deadline = Instant::now() + PATIENCE;
    while upstream.requests().len() != count {
        assert!(
            Instant::now() < deadline,
            "the service was asked {} times, not {count}",
            upstream.requests().len()
        );
        std::thread::yield_now();
    }
}
