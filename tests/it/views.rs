//! One endpoint, many views: which tools a path, a query and a policy publish, and that what they hide does not exist.

use serde_json::{Value, json};

use crate::fake_upstream::{Answer, Exchange, FakeUpstream};
use crate::product::{Product, Settings, initialize, json_of, modern, text_of};

const META: [&str; 3] = ["get_module_schema", "call", "batch"];
const NOTES: [&str; 4] =
    ["notes_list_notes", "notes_get_note", "notes_add_note", "notes_remove_note"];

fn with_policy(policy: &str) -> Product {
    Product::start(&Settings { policy: Some(policy), ..Settings::default() })
}

#[test]
fn each_view_publishes_its_tools() {
    let product = Product::start(&Settings::default());
    let all = product.tools("/mcp?tools=direct");
    assert!(all.len() > 80, "{all:?}");
    let of_module = |module: &str| {
        all.iter().filter(|tool| tool.starts_with(module)).cloned().collect::<Vec<_>>()
    };
    let check = |path: &str, tools: &[&str]| assert_eq!(product.tools(path), tools, "{path}");
    check("/mcp", &META);
    check("/mcp/", &META);
    check("/mcp?tools=meta", &META);
    check("/mcp?utm_source=unknown", &META);
    check("/mcp/notes", &NOTES);
    check("/mcp/notes?tools=meta", &META);
    check("/mcp/notes?readonly=true", &NOTES[..2]);
    check("/mcp?pin=notes_add_note", &["get_module_schema", "call", "batch", "notes_add_note"]);
    check(
        "/mcp?pin=notes_add_note,,unknown_tool&pin=vault_open_door",
        &["get_module_schema", "call", "batch", "notes_add_note", "vault_open_door"],
    );
    check("/mcp?pin=notes_add_note&readonly=true", &META);
    assert_eq!(product.tools("/mcp/github"), of_module("github_"));
    assert_eq!(of_module("notes_"), NOTES);
    assert_eq!(product.send(&modern("tools/list", json!({})).to("/mcp/unknown")).status, 404);
}

#[test]
fn the_list_is_the_same_each_time() {
    let product = Product::start(&Settings::default());
    let list = |path: &str| product.send(&modern("tools/list", json!({})).to(path)).body;
    for path in ["/mcp", "/mcp/github", "/mcp?tools=direct"] {
        assert_eq!(list(path), list(path), "{path}");
    }
}

#[test]
fn what_stands_in_every_session_stays_small() {
    /// 1,200 tokens of `o200k_base`, which has 4.3 characters of these definitions in a token (docs/tokens.md).
    const MOST_CHARACTERS: usize = 5_100;
    let product = Product::start(&Settings::default());
    let list = json_of(&product.send(&modern("tools/list", json!({})).to("/mcp")));
    let size = list["result"]["tools"].to_string().chars().count();
    assert!((1..=MOST_CHARACTERS).contains(&size), "the list has {size} characters");
}

#[test]
fn a_module_describes_its_tools() {
    let product = Product::start(&Settings::default());
    let modules = |path: &str, arguments: Value| -> Value {
        let result = product.call(path, "get_module_schema", arguments);
        serde_json::from_str::<Value>(text_of(&result)).expect("a schema is JSON")["modules"].take()
    };
    let counts = modules("/mcp", json!({}));
    let counts: Vec<_> = counts
        .as_array()
        .expect("a list")
        .iter()
        .map(|module| (&module["module"], &module["tools"]))
        .collect();
    assert_eq!(
        counts[counts.len() - 2..],
        [(&json!("notes"), &json!(4)), (&json!("vault"), &json!(1))]
    );
    let of_view = modules("/mcp/notes?tools=meta", json!({}));
    assert_eq!(
        (of_view.as_array().map(Vec::len), &of_view[0]["module"]),
        (Some(1), &json!("notes"))
    );

    let one = modules("/mcp", json!({"modules": ["notes"], "tools": ["notes_get_note"]}));
    let tool = &one[0]["tools"][0];
    assert_eq!(
        (&tool["name"], &tool["annotations"]["readOnlyHint"]),
        (&json!("get_note"), &json!(true))
    );
    assert_eq!(tool["inputSchema"]["properties"]["id"]["type"], "integer");
    assert_eq!(tool["inputSchema"]["required"], json!(["id"]));
    // Models write a lone name, or a list as a string of JSON.
    for modules_of_a_model in [json!("notes"), json!("[\"notes\"]")] {
        assert_eq!(
            modules("/mcp", json!({"modules": modules_of_a_model, "tools": "get_note"})),
            one
        );
    }
}

/// Whatever hides `hidden` of the module `notes`, every way to it answers as it does for a tool that never was.
fn check_hidden(product: &Product, query: &str, hidden: &str) {
    // As far from every other name as the hidden one, so that suggestions do not distinguish them.
    let unknown = hidden.replace("note", "xxxx");
    let published = |tool: &str| format!("notes_{tool}");
    let answer = |path: &str, tool: &str, arguments: Value| {
        let post = modern("tools/call", json!({"name": tool, "arguments": arguments}))
            .to(&format!("{path}{query}"));
        let reply = product.send(&post);
        (reply.status, json_of(&reply).to_string())
    };
    let check = |ask: &dyn Fn(&str) -> (u16, String)| {
        let ((status, body), (same_status, same_body)) = (ask(hidden), ask(&unknown));
        assert_eq!(
            (status, body.replace(hidden, &unknown)),
            (same_status, same_body),
            "{hidden} in {query}"
        );
    };
    let tool_argument =
        |tool: &str| json!({"module": "notes", "tool": tool, "params": {"id": 1, "title": "x"}});
    check(&|tool| answer("/mcp", "call", tool_argument(tool)));
    check(&|tool| answer("/mcp", "call", tool_argument(&published(tool))));
    check(&|tool| {
        answer("/mcp", "get_module_schema", json!({"modules": ["notes"], "tools": [tool]}))
    });
    check(&|tool| {
        answer(
            "/mcp",
            "get_module_schema",
            json!({"modules": ["notes"], "tools": [published(tool)]}),
        )
    });
    check(&|tool| answer("/mcp/notes", &published(tool), json!({"id": 1, "title": "x"})));
    check(&|tool| answer("/mcp", &published(tool), json!({"id": 1, "title": "x"})));

    let join = if query.is_empty() { "?" } else { "&" };
    for path in [
        format!("/mcp/notes{query}"),
        format!("/mcp{query}{join}tools=direct"),
        format!("/mcp{query}{join}pin=notes_{hidden}"),
    ] {
        assert!(!product.tools(&path).contains(&published(hidden)), "{path}");
    }
    let schema =
        product.call(&format!("/mcp{query}"), "get_module_schema", json!({"modules": ["notes"]}));
    assert!(!text_of(&schema).contains(&format!("{hidden:?}")), "{hidden} in {query}");
}

#[test]
fn a_read_only_view_hides_what_writes_as_if_it_never_was() {
    let product = Product::start(&Settings::default());
    for hidden in ["add_note", "remove_note"] {
        check_hidden(&product, "?readonly=true", hidden);
    }
}

#[test]
fn a_policy_hides_what_it_denies_as_if_it_never_was() {
    check_hidden(&with_policy(r#"{"deny": ["notes_add_note"]}"#), "", "add_note");
    check_hidden(&with_policy(r#"{"deny": ["notes_re*"]}"#), "", "remove_note");
    check_hidden(&with_policy(r#"{"read_only": true}"#), "", "remove_note");
    check_hidden(&with_policy(r#"{"allow": ["notes_list_notes", "github"]}"#), "", "get_note");
}

#[test]
fn a_module_without_a_permitted_tool_is_in_no_list() {
    let product = with_policy(r#"{"allow": ["notes"]}"#);
    assert_eq!(product.tools("/mcp?tools=direct"), NOTES);
    let listed = product.call("/mcp", "get_module_schema", json!({}));
    assert!(text_of(&listed).contains("notes") && !text_of(&listed).contains("github"));
    let described = json_of(&product.send(&modern("tools/list", json!({})))).to_string();
    assert!(described.contains("Modules: notes.") && !described.contains("Modules: github"));
    let answer = |module: &str| {
        let called = product.call("/mcp", "call", json!({"module": module, "tool": "get_me"}));
        let schema = product.call("/mcp", "get_module_schema", json!({"modules": [module]}));
        format!("{called}{schema}").replace(module, "…")
    };
    assert_eq!(answer("github"), answer("unheard_of"));
}

#[test]
fn a_policy_that_allows_nothing_leaves_a_server_that_answers() {
    let product = with_policy(r#"{"allow": []}"#);
    assert_eq!(product.tools("/mcp"), META);
    assert_eq!(product.tools("/mcp?tools=direct"), [""; 0]);
    assert_eq!(text_of(&product.call("/mcp", "get_module_schema", json!({}))), r#"{"modules":[]}"#);
}

#[test]
fn the_format_of_results_is_the_client_s_choice() {
    let answer =
        || Answer::new(200, &[], r#"[{"id": 1, "title": "First"}, {"id": 2, "title": "Second"}]"#);
    let upstream = FakeUpstream::new((0..3).map(|_| Exchange::new("GET", "/notes", answer())));
    let product = Product::start(&Settings { upstream: Some(&upstream), ..Settings::default() });
    let toon = "items[2]{id,title}:\n  1,First\n  2,Second";
    for path in ["/mcp/notes", "/mcp/notes?format=toon"] {
        let result = product.call(path, "notes_list_notes", json!({}));
        assert_eq!(
            (text_of(&result), &result["structuredContent"]),
            (toon, &Value::Null),
            "{path}"
        );
    }
    let result = product.call("/mcp/notes?format=json", "notes_list_notes", json!({}));
    let data = json!({"items": [{"id": 1, "title": "First"}, {"id": 2, "title": "Second"}]});
    assert_eq!(
        (text_of(&result), &result["structuredContent"]),
        (data.to_string().as_str(), &data)
    );
}

#[test]
fn the_path_of_a_hidden_module_is_as_unknown_as_any_other() {
    let product = Product::start(&Settings {
        policy: Some(r#"{"allow": ["notes"]}"#),
        ..Settings::default()
    });
    let answer = |module: &str| {
        let reply = product.send(&modern("tools/list", json!({})).to(&format!("/mcp/{module}")));
        (reply.status, reply.body.replace(module, "…"))
    };
    assert_eq!(answer("github"), answer("unheard_of"));
}

#[test]
fn unknown_names_in_the_query_are_reported_and_near_misses_refused() {
    let product = Product::start(&Settings::default());
    let instructions = |path: &str| {
        let modern = product.result(path, "server/discover", json!({}))["instructions"].clone();
        let legacy = json_of(&product.send(&initialize("2025-11-25").to(path)));
        assert_eq!(modern, legacy["result"]["instructions"], "{path}");
        modern.as_str().expect("there are instructions").to_owned()
    };
    assert!(!instructions("/mcp?read_only=true").contains('?'));
    let told = instructions("/mcp?utm_source=x&scope=all");
    assert!(told.contains("?utm_source, ?scope"), "{told}");
    for path in ["/mcp?readony=true", "/mcp/notes?read=true", "/sse?readonly=1"] {
        let post = modern("tools/list", json!({})).to(path);
        let reply = product.send(&if path.starts_with("/sse") { post.but("GET") } else { post });
        assert_eq!(reply.status, 400, "{path}: {reply:?}");
        assert!(reply.body.contains("?readonly="), "{path}: {reply:?}");
    }
    assert_eq!(
        product.tools("/mcp/notes?Read-Only=true"),
        product.tools("/mcp/notes?readonly=true")
    );
}
