//! Several accounts of a service, as a client sees them.

use std::collections::HashMap;
use std::sync::Arc;

use mcpist::app::{App, Execution, Parts};
use mcpist::auth::Caller;
use mcpist::broker::{self, Credential, Scheme};
use mcpist::error::{Code, Error};
use mcpist::mcp::call::Peer;
use mcpist::mcp::context::{ClientCapabilities, Context, View};
use mcpist::mcp::message::{Id, Object, Request};
use mcpist::mcp::seal::Seal;
use mcpist::mcp::subscriptions::Hub;
use mcpist::mcp::version::Version;
use mcpist::mcp::{Answer, Server};
use mcpist::modules::Registry;
use mcpist::secret::Secret;
use mcpist::sieve::{self, Permissions};
use mcpist::upstream::{Upstream, UpstreamConfig};
use serde_json::{Value, json};

use crate::engine::{BY_DATA, file};
use crate::fake_upstream::{self, Exchange, FakeUpstream};
use crate::module_files::Folder;

/// The product with these credentials and base URL of one service.
fn product(registry: Registry, service: &str, credentials: Vec<Credential>, base_url: Option<&str>) -> Arc<App> {
    Arc::new(App::new(Parts {
        audit: None,
        registry: Arc::new(registry),
        sieve: Arc::new(sieve::Local::new(Permissions::everything())),
        broker: Arc::new(broker::Local::new(HashMap::from([(service.to_owned(), credentials)]))),
        seal: Arc::new(Seal::random()),
        upstream: Upstream::new(UpstreamConfig::default()),
        base_urls: base_url.map(|url| (service.to_owned(), url.to_owned())).into_iter().collect(),
    }))
}

fn built_in() -> Registry {
    Registry::built_in().expect("the built-in files are right")
}

/// An account with its name in its token.
fn credential(account: &str, base_url: Option<&str>) -> Credential {
    let secret = Secret::new(format!("token-of-{account}"));
    Credential { scheme: Scheme::Bearer, secret, account: Some(account.to_owned()), base_url: base_url.map(str::to_owned) }
}

/// The product with these accounts of GitHub.
fn app(base_url: &str, accounts: &[&str]) -> Arc<App> {
    product(built_in(), "github", accounts.iter().map(|account| credential(account, None)).collect(), Some(base_url))
}

/// A client that only waits for its answer.
struct Client;

impl Peer for Client {
    fn notify(&self, _: &str) {}

    fn request(&self, _: &str, _: &Object) -> Result<Value, Error> {
        Err(Error::internal("nothing is asked here"))
    }

    fn cancelled(&self) -> bool {
        false
    }

    fn scope(&self) -> &'static str {
        ""
    }
}

/// The result of a request.
fn ask(app: &Arc<App>, direct: bool, method: &str, params: Value) -> Value {
    let server = Server::new(Arc::clone(app) as Arc<dyn mcpist::mcp::handler::Handler>, Seal::random(), Arc::new(Hub::default()));
    let context = Context {
        version: Version::NEWEST_LEGACY,
        capabilities: ClientCapabilities::default(),
        client: None,
        caller: Caller::local(),
        view: View { direct, module: Some("github".to_owned()), ..View::default() },
        log_level: None,
    };
    let params = params.as_object().cloned().unwrap_or_default();
    let request = Request { id: Id::Number(1.into()), method: method.to_owned(), params };
    match server.answer(&request, &context, &Client) {
        Answer::Response { json, .. } => serde_json::from_str::<Value>(&json).expect("an answer is JSON")["result"].take(),
        Answer::Listen(_) => panic!("nothing was listened to"),
    }
}

fn tool(app: &Arc<App>, direct: bool, name: &str) -> Value {
    let tools = ask(app, direct, "tools/list", json!({}));
    let found = tools["tools"].as_array().into_iter().flatten().find(|tool| tool["name"] == name);
    found.cloned().unwrap_or_else(|| panic!("{name} is not listed"))
}

#[test]
fn only_who_has_several_accounts_is_asked_for_one() {
    let check = |accounts: &[&str], several: bool| {
        let app = app("https://unused.example", accounts);
        let account = several.then(|| json!({"type": "string", "description": "Which account.", "enum": accounts}));
        let published = tool(&app, true, "github_get_me");
        assert_eq!(published["inputSchema"]["properties"].get("account"), account.as_ref(), "{accounts:?}");
        assert_eq!(published["inputSchema"]["required"] == json!(["account"]), several);

        let call = tool(&app, false, "call");
        assert_eq!(call["inputSchema"]["properties"].get("account").is_some(), several);
        let modules = ask(&app, false, "tools/call", json!({"name": "get_module_schema"}));
        let modules: Value = serde_json::from_str(modules["content"][0]["text"].as_str().unwrap()).unwrap();
        assert_eq!(modules["modules"][0].get("accounts").cloned(), several.then(|| json!(accounts)));
    };
    check(&[], false);
    check(&["default"], false);
    check(&["default", "work"], true);
}

#[test]
fn a_call_is_made_with_the_account_that_it_names() {
    let check = |accounts: &[&str], params: Value, expected: Result<&str, &str>| {
        let exchange = |account: &str| {
            let answer = fake_upstream::Answer::new(200, &[], r#"{"login":"octocat"}"#);
            Exchange::new("GET", "/user", answer).with_header("authorization", &format!("Bearer token-of-{account}"))
        };
        let fake = FakeUpstream::new(expected.ok().map(exchange));
        let app = app(&fake.url(), accounts);
        let mut arguments = json!({"module": "github", "tool": "get_me"});
        arguments.as_object_mut().unwrap().extend(params.as_object().cloned().unwrap());
        let result = ask(&app, false, "tools/call", json!({"name": "call", "arguments": arguments}));
        let text = result["content"][0]["text"].as_str().unwrap();
        assert!(text.contains(expected.map_or_else(|error| error, |_| "login: octocat")), "{params}: {text}");
    };
    let two = ["default", "work"];
    check(&["default"], json!({}), Ok("default"));
    check(&["default"], json!({"account": "default"}), Ok("default"));
    check(&["default"], json!({"account": "work"}), Err("hint: Accounts: default."));
    check(&two, json!({"account": "work"}), Ok("work"));
    check(&two, json!({"params": {"account": "work"}}), Ok("work"));
    check(&two, json!({"account": "default", "params": {"account": "work"}}), Ok("default"));
    check(&two, json!({}), Err("code: account_required"));
    check(&two, json!({"account": null}), Err("accounts: [\"default\",\"work\"]"));
    check(&two, json!({"account": "play"}), Err("code: invalid_params"));
    check(&two, json!({"account": 7}), Err("`account` must be a string"));
}

#[test]
fn each_line_of_a_batch_has_its_own_account() {
    let exchange = |account: &str| {
        let answer = fake_upstream::Answer::new(200, &[], format!(r#"{{"login":"{account}"}}"#));
        Exchange::new("GET", "/user", answer).with_header("authorization", &format!("Bearer token-of-{account}"))
    };
    let fake = FakeUpstream::new([exchange("work"), exchange("default")]);
    let app = app(&fake.url(), &["default", "work"]);
    let batch = tool(&app, false, "batch");
    assert!(batch["inputSchema"]["properties"]["calls"]["items"]["properties"]["account"].is_object());
    let calls = json!([
        {"id": "a", "module": "github", "tool": "get_me", "account": "work", "output": true},
        {"id": "b", "module": "github", "tool": "get_me", "params": {"account": "default"}, "after": ["a"], "output": true},
        {"id": "c", "module": "github", "tool": "get_me", "after": ["b"]},
    ]);
    let result = ask(&app, false, "tools/call", json!({"name": "batch", "arguments": {"calls": calls}}));
    let text = result["content"].to_string();
    assert!(text.contains("login: work") && text.contains("login: default") && text.contains("c,account_required"), "{text}");
}

#[test]
fn the_state_of_a_module_names_its_accounts() {
    let check = |accounts: &[&str], expected: &str| {
        let app = app("https://unused.example", accounts);
        let module = app.registry().module("github").expect("it is built in");
        assert_eq!(app.connection_state(module, &Caller::local()), expected);
    };
    check(&[], "public data only; set GITHUB_TOKEN for the rest");
    check(&["default"], "connected");
    check(&["default", "work"], "connected (accounts default, work)");
}

#[test]
fn a_service_without_an_address_is_not_connected() {
    let mut shop = file(&BY_DATA);
    shop["base_url_env"] = "SHOP_API_URL".into();
    shop["base_url_required"] = true.into();
    shop["auth"] = json!([{"kind": "basic", "env": ["SHOP_EMAIL", "SHOP_PASSWORD"]}, {"kind": "bearer", "env": ["SHOP_TOKEN"]}]);
    let folder = Folder::new("a_service_without_an_address", &[("shop.json", &shop.to_string())]);
    let own = Some("https://own.example");
    let with = |accounts: &[(&str, Option<&str>)], base_url: Option<&str>| {
        let mut registry = built_in();
        assert_eq!(registry.add_directory(&folder.0), []);
        let credentials = accounts.iter().map(|(account, base_url)| credential(account, *base_url)).collect();
        product(registry, "shop", credentials, base_url)
    };
    let check = |accounts: &[(&str, Option<&str>)], base_url: Option<&str>, expected: &str| {
        let app = with(accounts, base_url);
        let module = app.registry().module("shop").expect("it was added");
        assert_eq!(app.connection_state(module, &Caller::local()), expected);
    };
    check(&[], None, "not connected; set SHOP_API_URL, and either SHOP_EMAIL and SHOP_PASSWORD, or SHOP_TOKEN");
    check(&[], own, "not connected; set either SHOP_EMAIL and SHOP_PASSWORD, or SHOP_TOKEN");
    check(&[("default", None)], None, "not connected; set SHOP_API_URL");
    check(&[("default", None)], own, "connected");
    check(&[("work", own)], None, "connected");
    check(&[("default", None), ("work", own)], None, "account default is not connected; set SHOP_API_URL");
    check(&[("default", None), ("work", own)], own, "connected (accounts default, work)");

    let app = with(&[("default", None)], None);
    let module = app.registry().module("shop").expect("it was added");
    let execution = Execution {
        caller: &Caller::local(),
        module,
        tool: &module.tools[0],
        arguments: Object::new(),
        client: None,
        cancelled: &|| false,
        trace_parent: None,
    };
    let error = app.execute(execution).unwrap_err();
    assert_eq!((error.code(), error.hint()), (Code::NotConnected, Some("Set SHOP_API_URL and start MCPist again.")));
}

#[test]
fn a_resource_is_read_with_the_account_that_its_uri_names() {
    let exchange = |account: &str| {
        let answer = fake_upstream::Answer::new(200, &[], "text");
        Exchange::new("GET", "/repos/o/r/contents/a", answer).with_header("authorization", &format!("Bearer token-of-{account}"))
    };
    let fake = FakeUpstream::new([exchange("work")]);
    let two = app(&fake.url(), &["default", "work"]);
    let listed = ask(&two, true, "resources/templates/list", json!({}));
    let uri = "github://{owner}/{repo}/contents/{+path}{?account}";
    assert!(listed["resourceTemplates"].as_array().unwrap().iter().any(|template| template["uriTemplate"] == uri), "{listed}");
    let fixed = ask(&two, true, "resources/list", json!({}));
    let fixed: Vec<_> = fixed["resources"].as_array().unwrap().iter().map(|resource| &resource["uri"]).collect();
    assert_eq!(fixed, ["github://notifications?account=default", "github://notifications?account=work"]);
    let read = ask(&two, true, "resources/read", json!({"uri": "github://o/r/contents/a?account=work"}));
    assert_eq!(read["contents"][0]["text"], "text");
    let refused = ask(&two, true, "resources/read", json!({"uri": "github://o/r/contents/a"}));
    assert_eq!(refused, Value::Null);
    let reference = json!({"type": "ref/resource", "uri": uri});
    let completed = ask(&two, true, "completion/complete", json!({"ref": reference, "argument": {"name": "account", "value": "W"}}));
    assert_eq!(completed["completion"]["values"], json!(["work"]));
    let one = app(&fake.url(), &["default"]);
    assert_eq!(ask(&one, true, "resources/list", json!({}))["resources"][0]["uri"], "github://notifications");
}
