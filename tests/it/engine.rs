//! The module engine as a whole: calls of a small module's tool against its service.

use std::time::Duration;

use mcpist::access::Credential;
use mcpist::engine::{Connection, Hooks, Module, Session, Upload, multipart};
use mcpist::error::{Code, Error};
use mcpist::manifest;
use mcpist::upstream::{Method, Upstream, UpstreamConfig};
use serde_json::{Map, Value, json};

use crate::fake_upstream::{Answer, Exchange, FakeUpstream, call_tool};

/// The right tool as it stands in [`file`].
pub const BY_DATA: Value = Value::Null;

/// A module file of one tool; `tool` is merged over a right one.
pub fn file(tool: &Value) -> Value {
    let mut whole = json!({
        "name": "list_things", "description": "List things.", "docs": "https://shop.example/docs",
        "request": {"method": "GET", "path": "/things/{owner}", "page_in": "query"},
        "params": {
            "owner": {"in": "path", "type": "string", "required": true, "description": "Whose."},
            "color": {"in": "query", "type": "string", "description": "Which."}},
        "output": {"items": "", "fields": {"id": "id", "name": "name"}}
    });
    for (name, value) in tool.as_object().into_iter().flatten() {
        whole[name] = value.clone();
    }
    whole.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    json!({
        "module": "shop", "title": "Shop", "description": "A shop.", "base_url": "https://shop.example",
        "headers": {"x-shop-token": "no-check"},
        "pagination": {"kind": "link_header", "limit_as": "per_page", "max_limit": 100, "default_limit": 30},
        "tools": [whole]
    })
}

pub fn module(tool: &Value) -> Module {
    let hooks = if tool.get("handler").is_some() { &HOOKS } else { &Hooks::NONE };
    manifest::parse("shop.json", &file(tool).to_string(), hooks).expect("the file is right")
}

pub const HOOKS: Hooks = Hooks { handlers: &[("by_hand", by_hand)], ..Hooks::NONE };

/// Reads, writes and asks, each by its own way.
fn by_hand(session: &Session<'_>, arguments: &Map<String, Value>) -> Result<Value, Error> {
    let id = arguments["id"].as_str().expect("the schema says so");
    let thing = session.get(&["things", id], &[("color", "deep red")])?;
    let text = session.get_text(&["things", id, "text"], &[])?;
    let gone = session.send(Method::Delete, &["things", id], &[], None)?;
    let made =
        session.send(Method::Post, &["things"], &[("dry", "1")], Some(&json!({"name": text})))?;
    let asked = session.graphql(&["graphql"], "query($id: ID!) { x }", &json!({"id": id}))?;
    let form = multipart(
        &[("id", id)],
        Upload { field: "file", file_name: "a.txt", content_type: "text/plain", bytes: b"bytes" },
    )?;
    let sent = session.send_bytes(
        Method::Post,
        &["things", id, "files"],
        &[],
        &form.content_type,
        &form.body,
    )?;
    Ok(json!([thing, text, gone, made, asked, sent]))
}

const BY_HAND: &str = r#"{"handler": "by_hand", "request": null, "output": null,
    "params": {"id": {"in": "local", "type": "string", "required": true, "description": "Which."}}}"#;

fn call(module: &Module, base_url: &str, arguments: &Value) -> Result<Value, Error> {
    let upstream = Upstream::new(UpstreamConfig {
        first_backoff: Duration::from_millis(1),
        ..UpstreamConfig::default()
    });
    call_tool(
        &upstream,
        (module, &module.tools[0]),
        Connection { credential: None, base_url },
        arguments.as_object().unwrap().clone(),
    )
}

fn page(target: &str, link: &str, body: &Value) -> Exchange {
    Exchange::new("GET", target, Answer::new(200, &[("link", link)], body.to_string()))
}

#[test]
fn pages_follow_each_other_by_cursor() {
    let fake = FakeUpstream::new([
        page(
            "/things/o?color=red&per_page=2",
            r#"</x?color=red&per_page=2&after=b>; rel="next""#,
            &json!([{"id": 1}, {"id": 2}]),
        ),
        page(
            "/things/o?color=red&per_page=2&after=b",
            r#"</x?color=red>; rel="prev""#,
            &json!([{"id": 3}]),
        ),
    ]);
    let module = module(&BY_DATA);
    let first = call(
        &module,
        &fake.url(),
        &json!({"owner": "o", "color": "red", "limit": 2, "fields": ["id"]}),
    )
    .unwrap();
    assert_eq!(first["items"], json!([{"id": 1}, {"id": 2}]));
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = call(
        &module,
        &fake.url(),
        &json!({"owner": "o", "color": "red", "cursor": cursor, "fields": ["id"]}),
    )
    .unwrap();
    assert_eq!(second, json!({"items": [{"id": 3}]}));
}

/// Runs the calls for a page and the next one: the pagination, the page's body, the arguments again with the cursor, the
/// request for the next page.
#[test]
fn every_kind_of_page_is_followed_by_the_next() {
    let check = |pagination: Value, page_in: &str, requests: [(&str, Value); 2], more: Value| {
        let method = if page_in == "body" { "POST" } else { "GET" };
        let output = json!({"items": "items", "fields": {"id": "id"}});
        let request = json!({"method": method, "path": "/things/{owner}", "page_in": page_in, "pagination": pagination});
        let module = module(&json!({"request": request, "output": output}));
        let page = |(target, body): &(&str, Value), answer: Value| {
            let exchange = Exchange::new(method, target, Answer::new(200, &[], answer.to_string()));
            if page_in == "body" { exchange.with_body(body.clone()) } else { exchange }
        };
        let mut answer = json!({"items": [{"id": 1}, {"id": 2}]});
        answer.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
        let fake = FakeUpstream::new([
            page(&requests[0], answer),
            page(&requests[1], json!({"items": []})),
        ]);
        let mut arguments = json!({"owner": "o", "color": "red"});
        let first = call(&module, &fake.url(), &arguments).unwrap();
        arguments["cursor"] = first["next_cursor"].clone();
        assert_eq!(
            call(&module, &fake.url(), &arguments),
            Ok(json!({"items": []})),
            "{pagination}"
        );
    };
    check(
        json!({"kind": "next_link", "link": "@odata\\.nextLink", "limit_as": "$top", "default_limit": 2}),
        "query",
        [
            ("/things/o?color=red&%24top=2", Value::Null),
            ("/things/o?$top=2&$skiptoken=x", Value::Null),
        ],
        json!({"@odata.nextLink": "https://evil.example/steal?$top=2&$skiptoken=x"}),
    );
    check(
        json!({"kind": "token", "token": "next", "token_as": "pageToken"}),
        "query",
        [
            ("/things/o?color=red", Value::Null),
            ("/things/o?color=red&pageToken=a%26b", Value::Null),
        ],
        json!({"next": "a&b"}),
    );
    check(
        json!({"kind": "token", "token": "next", "token_as": "page.start", "limit_as": "page.size", "max_limit": 9, "default_limit": 2}),
        "body",
        [
            ("/things/o?color=red", json!({"page": {"size": 2}})),
            ("/things/o?color=red", json!({"page": {"size": 2, "start": "a"}})),
        ],
        json!({"next": "a"}),
    );
    check(
        json!({"kind": "offset", "start_as": "startAt", "limit_as": "maxResults", "max_limit": 9, "total": "total"}),
        "query",
        [("/things/o?color=red", Value::Null), ("/things/o?color=red&startAt=2", Value::Null)],
        json!({"total": 3}),
    );
    check(
        json!({"kind": "offset", "start_as": "startAt", "limit_as": "maxResults", "default_limit": 2, "last": "isLast"}),
        "body",
        [
            ("/things/o?color=red", json!({"maxResults": 2})),
            ("/things/o?color=red", json!({"maxResults": 2, "startAt": 2})),
        ],
        json!({"isLast": false}),
    );
}

#[test]
fn a_cursor_belongs_to_its_call() {
    let link = r#"</x?after=b>; rel="next""#;
    let fake = FakeUpstream::new([
        page("/things/o?color=red&per_page=30", link, &json!([])),
        page("/things/o?after=b", "", &json!([])),
        page("/things/o?after=b", "", &json!([])),
    ]);
    let module = module(&BY_DATA);
    let call = |arguments: Value| call(&module, &fake.url(), &arguments);
    let cursor = call(json!({"owner": "o", "color": "red"})).unwrap()["next_cursor"].clone();
    let refused = |mut arguments: Value| {
        arguments["cursor"] = cursor.clone();
        let error = call(arguments).expect_err("it is another call");
        assert!(error.message().contains("belongs to another call"), "{error}");
    };
    refused(json!({"owner": "o"}));
    refused(json!({"owner": "o", "color": "blue"}));
    refused(json!({"owner": "p", "color": "red"}));
    // What changes only how the rows are shown may change, and so may the spelling.
    let same = [
        json!({"owner": "o", "color": "red", "limit": 5, "fields": ["id"], "cursor": cursor}),
        json!({"color": "red", "owner": "o", "limit": "30", "cursor": cursor}),
    ];
    for arguments in same {
        call(arguments).unwrap();
    }
}

#[test]
fn a_page_that_names_itself_as_the_next_one_is_the_last() {
    let link = r#"</x?after=b>; rel="next""#;
    let fake = FakeUpstream::new([
        page("/things/o?per_page=30", link, &json!([])),
        page("/things/o?after=b", link, &json!([{"id": 1}])),
    ]);
    let module = module(&BY_DATA);
    let first = call(&module, &fake.url(), &json!({"owner": "o"})).unwrap();
    let arguments = json!({"owner": "o", "fields": ["id"], "cursor": first["next_cursor"]});
    let second = call(&module, &fake.url(), &arguments).unwrap();
    assert_eq!(second["next_cursor"], Value::Null);
    assert!(
        second["note"].as_str().is_some_and(|note| note.contains("may be incomplete")),
        "{second}"
    );
}

#[test]
fn a_cursor_of_another_kind_sends_nothing() {
    let paged = |pagination: Value| {
        let request = json!({"method": "GET", "path": "/things/{owner}", "page_in": "query", "pagination": pagination});
        module(&json!({"request": request}))
    };
    let kinds = [
        (paged(json!({"kind": "link_header"})), "cGFnZT0y"), // page=2
        (paged(json!({"kind": "token", "token": "next", "token_as": "t"})), "dG9rZW4jYQ"), // token#a
        (paged(json!({"kind": "offset", "start_as": "s"})), "c3RhcnQjMQ"), // start#1
    ];
    let fake = FakeUpstream::new([]);
    for (module, own) in &kinds {
        for (_, cursor) in kinds.iter().filter(|(_, cursor)| cursor != own) {
            let error =
                call(module, &fake.url(), &json!({"owner": "o", "cursor": cursor})).unwrap_err();
            assert_eq!(error.code(), Code::InvalidParams, "{cursor}");
        }
    }
}

#[test]
fn a_hostile_link_cannot_choose_host_or_path() {
    let elsewhere = FakeUpstream::new([]);
    let link = format!("<{}/steal?page=2>; rel=\"next\"", elsewhere.url());
    let fake = FakeUpstream::new([
        page("/things/o?per_page=30", &link, &json!([])),
        page("/things/o?page=2", "", &json!([])),
    ]);
    let module = module(&BY_DATA);
    let first = call(&module, &fake.url(), &json!({"owner": "o"})).unwrap();
    call(&module, &fake.url(), &json!({"owner": "o", "cursor": first["next_cursor"]})).unwrap();
}

#[test]
fn arguments_that_no_request_can_carry_send_nothing() {
    let fake = FakeUpstream::new([]);
    let module = module(&BY_DATA);
    for arguments in [
        json!({}),
        json!({"owner": ".."}),
        json!({"owner": "a\r\nb"}),
        json!({"owner": ""}),
        json!({"owner": "o", "cursor": "not ours"}),
        json!({"owner": "o", "limit": 101}),
        json!({"owner": "o", "fields": ["price"]}),
        json!({"owner": "o", "colour": "red"}),
    ] {
        let error = call(&module, &fake.url(), &arguments).unwrap_err();
        assert_eq!(error.code(), Code::InvalidParams, "{arguments}");
    }
}

#[test]
fn an_answer_that_is_no_whole_json_is_told() {
    for body in ["[{\"id\": 1}, {\"id\"", "<html>", "{}"] {
        let fake = FakeUpstream::new([Exchange::new(
            "GET",
            "/things/o?per_page=30",
            Answer::new(200, &[], body),
        )]);
        let error = call(&module(&BY_DATA), &fake.url(), &json!({"owner": "o"})).unwrap_err();
        assert_eq!(error.code(), Code::UpstreamUnavailable, "{body}");
        assert!(error.message().starts_with("Shop "), "{error}");
    }
}

#[test]
fn a_base_url_keeps_its_path() {
    let fake = FakeUpstream::new([page("/api/v3/things/o?per_page=30", "", &json!([]))]);
    let base_url = format!("{}/api/v3/", fake.url());
    assert_eq!(
        call(&module(&BY_DATA), &base_url, &json!({"owner": "o"})),
        Ok(json!({"items": []}))
    );
}

#[test]
fn graphql_errors_are_errors() {
    let document = "query($owner: String!) { shop(owner: $owner) { name } }";
    let module = module(&json!({
        "request": {"method": "POST", "path": "/graphql", "graphql": document},
        "params": {"owner": {"in": "variable", "type": "string", "required": true, "description": "Whose."}},
        "output": {"item": "data.shop", "fields": {"name": "name"}}
    }));
    let check = |answer: Value, expected: Result<Value, Code>| {
        let body = json!({"query": document, "variables": {"owner": "o"}});
        let answer = Answer::new(200, &[], answer.to_string());
        let fake = FakeUpstream::new([Exchange::new("POST", "/graphql", answer)
            .with_header("content-type", "application/json")
            .with_body(body)]);
        let outcome = call(&module, &fake.url(), &json!({"owner": "o"}));
        assert_eq!(outcome.map_err(|error| error.code()), expected);
    };
    check(json!({"data": {"shop": {"name": "S"}}}), Ok(json!({"name": "S"})));
    check(
        json!({"data": {"shop": null}, "errors": [{"type": "NOT_FOUND", "message": "No."}]}),
        Err(Code::NotFound),
    );
    check(json!({"data": {"shop": null}}), Err(Code::NotFound));
}

#[test]
fn a_handler_reaches_its_service_through_the_session() {
    let json = |body: Value| Answer::new(200, &[], body.to_string());
    let fake = FakeUpstream::new([
        Exchange::new("GET", "/things/a%2Fb?color=deep%20red", json(json!({"id": 1}))),
        Exchange::new("GET", "/things/a%2Fb/text", Answer::new(200, &[], "plain")),
        Exchange::new("DELETE", "/things/a%2Fb", Answer::new(204, &[], "")).with_header("content-type", ""),
        Exchange::new("POST", "/things?dry=1", json(json!({"id": 2})))
            .with_header("content-type", "application/json")
            .with_body(json!({"name": "plain"})),
        Exchange::new("POST", "/graphql", json(json!({"data": {"x": 1}})))
            .with_body(json!({"query": "query($id: ID!) { x }", "variables": {"id": "a/b"}})),
        Exchange::new("POST", "/things/a%2Fb/files", json(json!([{"id": 3}])))
            .with_header("content-type", "multipart/form-data; boundary=mcpist-part")
            .with_header("x-shop-token", "no-check")
            .with_text(
                "--mcpist-part\r\nContent-Disposition: form-data; name=\"id\"\r\n\r\na/b\r\n\
                 --mcpist-part\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\
                 Content-Type: text/plain\r\n\r\nbytes\r\n--mcpist-part--\r\n",
            ),
    ]);
    let module = module(&serde_json::from_str(BY_HAND).unwrap());
    let result = call(&module, &fake.url(), &json!({"id": "a/b"})).unwrap();
    assert_eq!(result, json!([{"id": 1}, "plain", null, {"id": 2}, {"x": 1}, [{"id": 3}]]));

    let fake = FakeUpstream::new([Exchange::new(
        "GET",
        "/things/x?color=deep%20red",
        Answer::new(404, &[], ""),
    )]);
    assert_eq!(call(&module, &fake.url(), &json!({"id": "x"})).unwrap_err().code(), Code::NotFound);
    let fake = FakeUpstream::new([]);
    assert_eq!(
        call(&module, &fake.url(), &json!({"id": ".."})).unwrap_err().code(),
        Code::InvalidParams
    );
}

#[test]
fn a_tool_is_published_with_what_the_engine_adds() {
    let published = module(&json!({"annotations": {"openWorldHint": true, "readOnlyHint": true}}))
        .tools[0]
        .published(&[]);
    let expected = json!({
        "name": "shop_list_things",
        "description": "List things.",
        "inputSchema": {
            "type": "object",
            "properties": {
                "owner": {"type": "string", "description": "Whose."},
                "color": {"type": "string", "description": "Which."},
                "limit": {"type": "integer", "description": "Most items in the page.", "default": 30, "minimum": 1, "maximum": 100},
                "cursor": {"type": "string", "description": "next_cursor of the page before; other arguments unchanged."},
                "fields": {"type": "array", "description": "Only these fields.", "items": {"type": "string", "enum": ["id", "name"]}}
            },
            "required": ["owner"],
            "additionalProperties": false
        },
        "annotations": {"readOnlyHint": true, "openWorldHint": true}
    });
    assert_eq!(published.to_string(), expected.to_string());
}

/// A module whose second tool has an address of its own.
fn with_docs() -> Module {
    let mut file = file(&BY_DATA);
    file["origins"] = json!(["https://docs.example", "https://*.shops.example"]);
    file["auth"] = json!({"kind": "bearer", "env": ["SHOP_TOKEN"]});
    let tool = &mut file["tools"][0];
    tool["base_url"] = json!("https://docs.example/api");
    tool["request"] = json!({"method": "GET", "path": "/things/{owner}"});
    manifest::parse("shop.json", &file.to_string(), &Hooks::NONE).expect("the file is right")
}

#[test]
fn a_tool_may_have_an_address_of_its_own_where_no_credential_goes() {
    let module = with_docs();
    assert_eq!(module.tools[0].base_url.as_deref(), Some("https://docs.example/api"));
    let exchange = Exchange::new("GET", "/api/things/o", Answer::new(200, &[], "[]"))
        .with_header("authorization", "");
    let fake = FakeUpstream::new([exchange]);
    let credential = Credential::bearer("a-token-that-must-not-leave");
    // The operator's own address of the service is the way to its other addresses, too.
    let connection = Connection { credential: Some(&credential), base_url: &fake.url() };
    let arguments = json!({"owner": "o"}).as_object().unwrap().clone();
    let upstream = Upstream::new(UpstreamConfig::default());
    let result = call_tool(&upstream, (&module, &module.tools[0]), connection, arguments);
    assert_eq!(result.expect("the service answers"), json!({"items": []}));
}

#[test]
fn an_address_of_its_own_must_be_listed() {
    let check = |origins: Value, base_url: &str, part: &str| {
        let mut file = file(&BY_DATA);
        file["origins"] = origins;
        file["tools"][0]["base_url"] = base_url.into();
        let found = manifest::parse("shop.json", &file.to_string(), &Hooks::NONE).expect_err(part);
        let told: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert!(told.join("\n").contains(part), "{told:?}");
    };
    let listed = json!(["https://docs.example"]);
    check(listed.clone(), "https://evil.example/api", "`base_url` must lie below");
    check(listed.clone(), "http://docs.example", "`base_url` must lie below");
    check(listed.clone(), "https://docs.example?x=", "`base_url` must lie below");
    check(listed, "https://docs.example.evil.example", "`base_url` must lie below");
    check(json!(["docs.example"]), "https://docs.example", "must be an https URL of a host alone");
    check(
        json!(["https://*.example"]),
        "https://docs.example",
        "must be an https URL of a host alone",
    );
}

#[test]
fn a_tools_hooks_see_all_arguments_and_the_result() {
    fn before(arguments: &mut Map<String, Value>) -> Result<(), Error> {
        if arguments["owner"] == "nobody" {
            return Err(Error::invalid_params("This owner has no things."));
        }
        let color = format!("{} of {}", arguments["color"], arguments["owner"]).replace('"', "");
        arguments.insert("color".to_owned(), color.into());
        Ok(())
    }
    fn after(
        session: &Session<'_>,
        arguments: &Map<String, Value>,
        mut result: Value,
    ) -> Result<Value, Error> {
        result["names"] = session.get(&["names"], &[])?;
        result["color"] = arguments["color"].clone();
        Ok(result)
    }
    let hooks =
        Hooks { arguments: &[("before", before)], results: &[("after", after)], ..Hooks::NONE };
    let file = file(&json!({"before": "before", "after": "after"})).to_string();
    let module = manifest::parse("shop.json", &file, &hooks).expect("the file is right");
    let answer = |body: &str| Answer::new(200, &[], body);
    let fake = FakeUpstream::new([
        Exchange::new("GET", "/things/o?color=red%20of%20o&per_page=30", answer("[]")),
        Exchange::new("GET", "/names", answer(r#"["a"]"#)),
    ]);
    let result = call(&module, &fake.url(), &json!({"owner": "o", "color": "red"}));
    assert_eq!(result, Ok(json!({"items": [], "names": ["a"], "color": "red of o"})));
    let refused = call(&module, &fake.url(), &json!({"owner": "nobody", "color": "red"}));
    assert_eq!(refused.expect_err("it is refused").message(), "This owner has no things.");
    assert_eq!(fake.complaints(), Vec::<String>::new());
}

#[test]
fn a_field_is_there_when_it_is_asked_for() {
    let more = json!({"in": "local", "type": "boolean", "description": "More."});
    let owner = json!({"in": "path", "type": "string", "required": true, "description": "Whose."});
    let text = json!({"path": "text", "when": "more"});
    let module = module(&json!({
        "params": {"owner": owner, "more": more},
        "output": {"items": "rows", "fields": {"id": "id", "text": text}, "summary": {"whole": text}}
    }));
    let check = |arguments: Value, expected: Value| {
        let body = r#"{"rows": [{"id": 1, "text": "a"}], "text": "b"}"#;
        let target = "/things/o?per_page=30";
        let fake = FakeUpstream::new([Exchange::new("GET", target, Answer::new(200, &[], body))]);
        let mut all = json!({"owner": "o"});
        all.as_object_mut().unwrap().extend(arguments.as_object().cloned().unwrap_or_default());
        assert_eq!(call(&module, &fake.url(), &all), Ok(expected), "{arguments}");
    };
    check(json!({}), json!({"items": [{"id": 1}]}));
    check(json!({"more": false}), json!({"items": [{"id": 1}]}));
    check(json!({"more": true}), json!({"items": [{"id": 1, "text": "a"}], "whole": "b"}));
    check(json!({"fields": ["text"]}), json!({"items": [{"text": "a"}]}));
    check(json!({"fields": ["id"], "more": true}), json!({"items": [{"id": 1}], "whole": "b"}));
}

#[test]
fn a_tools_own_hint_helps_where_it_has_one() {
    let check = |hints: Value, answer: Answer, code: Code, message: &str, hint: &str| {
        let module = module(&json!({"hints": hints}));
        let fake = FakeUpstream::new([Exchange::new("GET", "/things/o?per_page=30", answer)]);
        let error = call(&module, &fake.url(), &json!({"owner": "o"})).expect_err("it fails");
        assert_eq!((error.code(), error.hint()), (code, Some(hint)), "{error}");
        assert!(error.message().contains(message), "{error}");
    };
    let one = || Answer::new(200, &[], r#"{"id": 1}"#);
    let large =
        || Answer::new(406, &[], r#"{"message": "Big.", "errors": [{"code": "too_large"}]}"#);
    let hints = json!({"not_a_list": "Use get_thing.", "too_large": "Use list_parts."});
    check(hints.clone(), one(), Code::InvalidParams, "one thing, not a list", "Use get_thing.");
    check(hints.clone(), large(), Code::InvalidParams, "too large (406): Big.", "Use list_parts.");
    let long = Answer::new(200, &[], "x".repeat(11 * 1024 * 1024));
    check(hints, long, Code::UpstreamUnavailable, "more than 10485760 bytes", "Use list_parts.");
    let newer = "The service may have changed: look for a newer version of MCPist.";
    check(
        json!({}),
        one(),
        Code::UpstreamUnavailable,
        "a form that this tool does not know",
        newer,
    );
    let told = Answer::new(200, &[], r#"{"error": {"message": "Quota used up"}}"#);
    let module = module(&BY_DATA);
    let fake = FakeUpstream::new([Exchange::new("GET", "/things/o?per_page=30", told)]);
    let error = call(&module, &fake.url(), &json!({"owner": "o"})).expect_err("it fails");
    assert_eq!(error.message(), "Shop reports an error: Quota used up");
}
