//! Several accounts of a service, as a client sees them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use mcpist::access::{Caller, ConfirmPolicy, Credential, Permissions, Scheme};
use mcpist::app::{App, CALL_TIME, Confirmation, Live, Parts};
use mcpist::cancellation::Cancellation;
use mcpist::engine::{Module, Tool, ToolCall};
use mcpist::error::{Code, Error};
use mcpist::json::Object;
use mcpist::local::{EnvironmentBroker, PolicySieve};
use mcpist::mcp::call::Peer;
use mcpist::mcp::context::{ClientCapabilities, Context, View};
use mcpist::mcp::message::{Id, Request};
use mcpist::mcp::seal::Seal;
use mcpist::mcp::subscriptions::Hub;
use mcpist::mcp::version::Version;
use mcpist::mcp::{Answer, Server};
use mcpist::modules::{self, Registry};
use mcpist::secret::Secret;
use mcpist::upstream::{Upstream, UpstreamConfig};
use serde_json::{Value, json};

use crate::engine::{BY_DATA, file};
use crate::fake_upstream::{self, Exchange, FakeUpstream};
use crate::module_files::Folder;

/// The product with these credentials and base URL of one service.
fn product(
    registry: Registry,
    service: &str,
    credentials: Vec<Credential>,
    base_url: Option<&str>,
) -> Arc<App> {
    Arc::new(App::new(Parts {
        rates: None,
        audit: None,
        registry: Arc::new(registry),
        sieve: Arc::new(PolicySieve::new(Permissions::everything())),
        broker: Arc::new(EnvironmentBroker::new(HashMap::from([(
            service.to_owned(),
            credentials,
        )]))),
        seal: Arc::new(Seal::random()),
        confirmation: Confirmation::without_page(ConfirmPolicy::Off),
        upstream: Upstream::new(UpstreamConfig::default()),
        base_urls: base_url.map(|url| (service.to_owned(), url.to_owned())).into_iter().collect(),
        call_time: CALL_TIME,
    }))
}

fn built_in() -> Registry {
    Registry::built_in().expect("the built-in files are right")
}

/// An account with its name in its token.
fn credential(account: &str, base_url: Option<&str>) -> Credential {
    let secret = Secret::new(format!("token-of-{account}"));
    Credential {
        scheme: Scheme::Bearer,
        secret,
        account: Some(account.to_owned()),
        base_url: base_url.map(str::to_owned),
    }
}

/// The product with these accounts of GitHub.
fn app(base_url: &str, accounts: &[&str]) -> Arc<App> {
    product(
        built_in(),
        "github",
        accounts.iter().map(|account| credential(account, None)).collect(),
        Some(base_url),
    )
}

/// A client that only waits for its answer.
#[derive(Default)]
struct Client(Cancellation);

impl Peer for Client {
    fn notify(&self, _: &str) {}

    fn request(&self, _: &str, _: &Object) -> Result<Value, Error> {
        Err(Error::internal("nothing is asked here"))
    }

    fn cancellation(&self) -> &Cancellation {
        &self.0
    }

    fn scope(&self) -> &'static str {
        ""
    }
}

/// The result of a request about GitHub.
fn ask(app: &Arc<App>, direct: bool, method: &str, params: Value) -> Value {
    ask_about("github", app, direct, method, params)
}

/// The result of a request about a module.
fn ask_about(module: &str, app: &Arc<App>, direct: bool, method: &str, params: Value) -> Value {
    let server =
        Server::new(Arc::new(Live::new(Arc::clone(app))), Seal::random(), Arc::new(Hub::default()));
    let context = Context {
        version: Version::NEWEST_LEGACY,
        capabilities: ClientCapabilities::default(),
        client: None,
        caller: Caller::local(),
        view: View { direct, module: Some(module.to_owned()), ..View::default() },
        log_level: None,
    };
    let params = params.as_object().cloned().unwrap_or_default();
    let request = Request { id: Id::Number(1.into()), method: method.to_owned(), params };
    match server.answer(&request, &context, &Client::default()) {
        Answer::Response { json, .. } => {
            serde_json::from_str::<Value>(&json).expect("an answer is JSON")["result"].take()
        }
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
        let account = several
            .then(|| json!({"type": "string", "description": "Which account.", "enum": accounts}));
        let published = tool(&app, true, "github_get_me");
        assert_eq!(
            published["inputSchema"]["properties"].get("account"),
            account.as_ref(),
            "{accounts:?}"
        );
        assert_eq!(published["inputSchema"]["required"] == json!(["account"]), several);

        let call = tool(&app, false, "call");
        assert_eq!(call["inputSchema"]["properties"].get("account").is_some(), several);
        let modules = ask(
            &app,
            false,
            "tools/call",
            json!({"name": "get_module_schema", "arguments": {"format": "json"}}),
        );
        let modules: Value =
            serde_json::from_str(modules["content"][0]["text"].as_str().unwrap()).unwrap();
        assert_eq!(
            modules["modules"][0].get("accounts").cloned(),
            several.then(|| json!(accounts))
        );
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
            Exchange::new("GET", "/user", answer)
                .with_header("authorization", &format!("Bearer token-of-{account}"))
        };
        let fake = FakeUpstream::new(expected.ok().map(exchange));
        let app = app(&fake.url(), accounts);
        let mut arguments = json!({"module": "github", "tool": "get_me"});
        arguments.as_object_mut().unwrap().extend(params.as_object().cloned().unwrap());
        let result =
            ask(&app, false, "tools/call", json!({"name": "call", "arguments": arguments}));
        let text = result["content"][0]["text"].as_str().unwrap();
        assert!(
            text.contains(expected.map_or_else(|error| error, |_| "login: octocat")),
            "{params}: {text}"
        );
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
        Exchange::new("GET", "/user", answer)
            .with_header("authorization", &format!("Bearer token-of-{account}"))
    };
    let fake = FakeUpstream::new([exchange("work"), exchange("default")]);
    let app = app(&fake.url(), &["default", "work"]);
    let batch = tool(&app, false, "batch");
    assert!(
        batch["inputSchema"]["properties"]["calls"]["items"]["properties"]["account"].is_object()
    );
    let calls = json!([
        {"id": "a", "module": "github", "tool": "get_me", "account": "work", "output": true},
        {"id": "b", "module": "github", "tool": "get_me", "params": {"account": "default"}, "after": ["a"], "output": true},
        {"id": "c", "module": "github", "tool": "get_me", "after": ["b"]},
    ]);
    let result =
        ask(&app, false, "tools/call", json!({"name": "batch", "arguments": {"calls": calls}}));
    let text = result["content"].to_string();
    assert!(
        text.contains("login: work")
            && text.contains("login: default")
            && text.contains("c,account_required"),
        "{text}"
    );
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
        assert_eq!(modules::Folder::new(folder.0.clone()).add_to(&mut registry), []);
        let credentials =
            accounts.iter().map(|(account, base_url)| credential(account, *base_url)).collect();
        product(registry, "shop", credentials, base_url)
    };
    let check = |accounts: &[(&str, Option<&str>)], base_url: Option<&str>, expected: &str| {
        let app = with(accounts, base_url);
        let module = app.registry().module("shop").expect("it was added");
        assert_eq!(app.connection_state(module, &Caller::local()), expected);
    };
    check(
        &[],
        None,
        "not connected; set SHOP_API_URL, and either SHOP_EMAIL and SHOP_PASSWORD, or SHOP_TOKEN",
    );
    check(&[], own, "not connected; set either SHOP_EMAIL and SHOP_PASSWORD, or SHOP_TOKEN");
    check(&[("default", None)], None, "not connected; set SHOP_API_URL");
    check(&[("default", None)], own, "connected");
    check(&[("work", own)], None, "connected");
    check(
        &[("default", None), ("work", own)],
        None,
        "account default is not connected; set SHOP_API_URL",
    );
    check(&[("default", None), ("work", own)], own, "connected (accounts default, work)");

    let app = with(&[("default", None)], None);
    let module = app.registry().module("shop").expect("it was added");
    let error = call(&app, (module, &module.tools[0]), Object::new()).unwrap_err();
    assert_eq!(
        (error.code(), error.hint()),
        (Code::NotConnected, Some("Set SHOP_API_URL and start MCPist again."))
    );
}

#[test]
fn a_resource_is_read_with_the_account_that_its_uri_names() {
    let exchange = |account: &str| {
        let answer = fake_upstream::Answer::new(200, &[], "text");
        Exchange::new("GET", "/repos/o/r/contents/a", answer)
            .with_header("authorization", &format!("Bearer token-of-{account}"))
    };
    let fake = FakeUpstream::new([exchange("work")]);
    let two = app(&fake.url(), &["default", "work"]);
    let listed = ask(&two, true, "resources/templates/list", json!({}));
    let uri = "github://{owner}/{repo}/contents/{+path}{?account}";
    assert!(
        listed["resourceTemplates"]
            .as_array()
            .unwrap()
            .iter()
            .any(|template| template["uriTemplate"] == uri),
        "{listed}"
    );
    let fixed = ask(&two, true, "resources/list", json!({}));
    let fixed: Vec<_> =
        fixed["resources"].as_array().unwrap().iter().map(|resource| &resource["uri"]).collect();
    assert_eq!(
        fixed,
        ["github://notifications?account=default", "github://notifications?account=work"]
    );
    let read =
        ask(&two, true, "resources/read", json!({"uri": "github://o/r/contents/a?account=work"}));
    assert_eq!(read["contents"][0]["text"], "text");
    let refused = ask(&two, true, "resources/read", json!({"uri": "github://o/r/contents/a"}));
    assert_eq!(refused, Value::Null);
    let reference = json!({"type": "ref/resource", "uri": uri});
    let completed = ask(
        &two,
        true,
        "completion/complete",
        json!({"ref": reference, "argument": {"name": "account", "value": "W"}}),
    );
    assert_eq!(completed["completion"]["values"], json!(["work"]));
    let one = app(&fake.url(), &["default"]);
    assert_eq!(
        ask(&one, true, "resources/list", json!({}))["resources"][0]["uri"],
        "github://notifications"
    );
}

/// The product with these accounts of Google Calendar, each with its own service.
fn calendars(services: &[(&str, &FakeUpstream)]) -> Arc<App> {
    let credentials = services
        .iter()
        .map(|(account, service)| credential(account, Some(&service.url())))
        .collect();
    product(built_in(), "google_calendar", credentials, None)
}

fn answered(account: &str, method: &str, target: &str, body: &Value) -> Exchange {
    Exchange::new(method, target, fake_upstream::Answer::new(200, &[], body.to_string()))
        .with_header("authorization", &format!("Bearer token-of-{account}"))
}

fn call(app: &App, (module, tool): (&Module, &Tool), arguments: Object) -> Result<Value, Error> {
    let call = ToolCall {
        caller: &Caller::local(),
        client: None,
        module,
        tool,
        deadline: Instant::now() + CALL_TIME,
        trace_parent: None,
    };
    app.call(call, arguments, &Cancellation::default()).map(|called| called.value)
}

/// A call of a tool of Google Calendar.
fn call_calendar(app: &App, tool: &str, arguments: Value) -> Result<Value, Error> {
    let module = app.registry().module("google_calendar").expect("it is built in");
    let tool = module.tool(tool).expect("it is there");
    call(app, (module, tool), arguments.as_object().cloned().unwrap_or_default())
}

#[test]
fn all_accounts_are_read_as_one_list_in_the_order_of_time() {
    let event =
        |id: &str, start: &str| json!({"id": id, "summary": id, "start": {"dateTime": start}});
    let target =
        "/calendars/primary/events?singleEvents=true&orderBy=startTime&q=review&maxResults=50";
    let home = FakeUpstream::new([answered(
        "home",
        "GET",
        target,
        &json!({"items": [event("a", "2026-11-30T09:00:00+01:00"), event("c", "2026-11-30T11:00:00+01:00")], "nextPageToken": "p2"}),
    )]);
    let work = FakeUpstream::new([answered(
        "work",
        "GET",
        target,
        &json!({"items": [event("b", "2026-11-30T08:30:00Z")]}),
    )]);
    let app = calendars(&[("home", &home), ("work", &work)]);
    let result = call_calendar(
        &app,
        "search_events",
        json!({"account": "all", "query": "review", "fields": ["id"]}),
    )
    .unwrap();
    let cursor =
        result["accounts"][0]["next_cursor"].as_str().expect("there is more at home").to_owned();
    let expected = json!({
        "items": [{"account": "home", "id": "a"}, {"account": "work", "id": "b"}, {"account": "home", "id": "c"}],
        "accounts": [{"account": "home", "next_cursor": cursor, "error": null}, {"account": "work", "next_cursor": null, "error": null}],
    });
    assert_eq!(result.to_string(), expected.to_string());

    // The next page belongs to one account.
    let error = call_calendar(
        &app,
        "search_events",
        json!({"account": "all", "query": "review", "cursor": cursor}),
    )
    .unwrap_err();
    assert_eq!(
        (error.code(), error.hint().unwrap().contains("each account by itself")),
        (Code::InvalidParams, true),
        "{error}"
    );
    home.expect(answered("home", "GET", &format!("{target}&pageToken=p2"), &json!({"items": []})));
    let next = call_calendar(
        &app,
        "search_events",
        json!({"account": "home", "query": "review", "cursor": cursor}),
    )
    .unwrap();
    assert_eq!(next, json!({"items": []}));
}

#[test]
fn an_account_that_fails_does_not_lose_the_others() {
    const LIST: &str = "/users/me/calendarList?maxResults=50";
    let forbidden = || {
        let answer = fake_upstream::Answer::new(403, &[], r#"{"error": {"message": "No"}}"#);
        Exchange::new("GET", LIST, answer)
    };
    let home = FakeUpstream::new([answered(
        "home",
        "GET",
        LIST,
        &json!({"items": [{"id": "primary", "summary": "Home"}]}),
    )]);
    let work = FakeUpstream::new([forbidden()]);
    let app = calendars(&[("home", &home), ("work", &work)]);
    let result =
        call_calendar(&app, "list_calendars", json!({"account": "all", "fields": ["title"]}))
            .unwrap();
    assert_eq!(result["items"], json!([{"account": "home", "title": "Home"}]));
    let error = result["accounts"][1]["error"].as_str().unwrap();
    assert!(
        result["accounts"][1]["account"] == "work" && error.starts_with("permission_denied: "),
        "{result}"
    );

    home.expect(forbidden());
    work.expect(forbidden());
    let error = call_calendar(&app, "list_calendars", json!({"account": "all"})).unwrap_err();
    assert_eq!(error.code(), Code::PermissionDenied, "{error}");
    let error = call_calendar(&app, "search_events", json!({"account": "all"})).unwrap_err();
    assert_eq!(error.message(), "search_events: `query` is missing: it must be a string.");
}

#[test]
fn a_time_is_suggested_that_is_free_in_every_account() {
    let busy = |start: &str, end: &str| {
        let period = json!({"start": format!("2026-11-30T{start}:00Z"), "end": format!("2026-11-30T{end}:00Z")});
        json!({"calendars": {"primary": {"busy": [period]}}})
    };
    let body = json!({"timeMin": "2026-11-30T00:00:00Z", "timeMax": "2026-12-01T00:00:00Z", "items": [{"id": "primary"}]});
    let asked = |account: &str, answer: &Value| {
        answered(account, "POST", "/freeBusy", answer).with_body(body.clone())
    };
    let arguments = |account: &str| json!({"account": account, "duration": 60, "from": "2026-11-30", "to": "2026-11-30", "time_zone": "UTC", "limit": 1});
    let home = FakeUpstream::new([asked("home", &busy("09:00", "11:00"))]);
    let work = FakeUpstream::new([asked("work", &busy("10:30", "13:00"))]);
    let app = calendars(&[("home", &home), ("work", &work)]);
    let result = call_calendar(&app, "suggest_time", arguments("all")).unwrap();
    assert_eq!(result["items"][0]["start"], "2026-11-30T13:00:00Z", "{result}");
    home.expect(asked("home", &busy("09:00", "11:00")));
    let result = call_calendar(&app, "suggest_time", arguments("home")).unwrap();
    assert_eq!(result["items"][0]["start"], "2026-11-30T11:00:00Z", "{result}");

    // Without one of them the suggestion would be wrong.
    home.expect(asked("home", &busy("09:00", "11:00")));
    work.expect(Exchange {
        answer: fake_upstream::Answer::new(500, &[], ""),
        ..asked("work", &json!({}))
    });
    let error = call_calendar(&app, "suggest_time", arguments("all")).unwrap_err();
    assert!(
        error.code() == Code::UpstreamUnavailable
            && error.message().starts_with("Account `work`: "),
        "{error}"
    );
}

#[test]
fn all_is_an_account_only_where_it_can_be() {
    let (home, work) = (FakeUpstream::new([]), FakeUpstream::new([]));
    let app = calendars(&[("home", &home), ("work", &work)]);
    let choices = |tool: &str, accounts: &[&str]| {
        let module = app.registry().module("google_calendar").expect("it is built in");
        let accounts: Vec<String> = accounts.iter().map(|account| (*account).to_owned()).collect();
        module.tool(tool).expect("it is there").published(&accounts)["inputSchema"]["properties"]["account"]["enum"].clone()
    };
    for tool in ["list_calendars", "list_events", "search_events", "get_free_busy", "suggest_time"]
    {
        assert_eq!(choices(tool, &["home", "work"]), json!(["home", "work", "all"]), "{tool}");
        assert_eq!(choices(tool, &["home", "all"]), json!(["home", "all"]), "{tool}");
        assert_eq!(choices(tool, &["home"]), Value::Null, "{tool}");
    }
    assert_eq!(choices("get_event", &["home", "work"]), json!(["home", "work"]));
    let error =
        call_calendar(&app, "get_event", json!({"account": "all", "event_id": "e"})).unwrap_err();
    assert_eq!((error.code(), error.hint()), (Code::InvalidParams, Some("Accounts: home, work.")));
    let error = call_calendar(&app, "list_calendars", json!({})).unwrap_err();
    assert_eq!(
        (error.code(), error.hint()),
        (Code::AccountRequired, Some("Accounts: home, work. `all` reads every one."))
    );

    // The tools' short list says it where it is so, and nowhere else.
    let arguments = json!({"modules": ["google_calendar"], "tools": ["list_events", "get_event"], "format": "json"});
    let listed = ask_about(
        "google_calendar",
        &app,
        false,
        "tools/call",
        json!({"name": "get_module_schema", "arguments": arguments}),
    );
    let listed: Value =
        serde_json::from_str(listed["content"][0]["text"].as_str().unwrap()).unwrap();
    let account = |tool: usize| {
        listed["modules"][0]["tools"][tool]["inputSchema"]["properties"]["account"].clone()
    };
    assert_eq!(listed["modules"][0]["accounts"], json!(["home", "work"]));
    assert_eq!((&account(0)["enum"], account(1)), (&json!(["home", "work", "all"]), Value::Null));

    // With a single account, `all` means that account.
    let one = FakeUpstream::new([answered(
        "home",
        "GET",
        "/users/me/calendarList?maxResults=50",
        &json!({"items": []}),
    )]);
    let result =
        call_calendar(&calendars(&[("home", &one)]), "list_calendars", json!({"account": "all"}));
    assert_eq!(result, Ok(json!({"items": []})));
}
