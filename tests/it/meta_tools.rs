//! The meta-tools beside the search: signatures, schemas in steps, and reading apart from writing.

use serde_json::{Value, json};

use crate::fake_upstream::{Answer, Exchange, FakeUpstream};
use crate::product::{Product, Settings, json_of, modern, registry, text_of};
use mcpist::engine::Explained;

/// The most characters of an answer of `get_module_schema`: 6,000 tokens, of which none of these texts has fewer than 3 characters.
const MOST_CHARACTERS: usize = 18_000;

fn described(product: &Product, arguments: Value) -> String {
    let result = product.call("/mcp", "get_module_schema", arguments);
    assert_eq!(result.get("isError"), None, "{result}");
    text_of(&result).to_owned()
}

#[test]
fn a_signature_has_everything_that_the_schema_has() {
    for module in registry().modules() {
        for tool in &module.tools {
            let text = tool.signature(&module.name, &[], &mut Explained::default());
            let (line, rest) = text.split_once('\n').expect("a description follows");
            assert!(line.starts_with(&format!("{}.{}(", module.name, tool.name)), "{line}");
            let way = if tool.is_reader() { "): read" } else { "): call" };
            assert!(line.contains(way), "{line}");
            let published = tool.published(&[]);
            let required = published["inputSchema"]["required"].as_array();
            let is_required =
                |name: &str| required.is_some_and(|names| names.contains(&json!(name)));
            for (name, schema) in published["inputSchema"]["properties"].as_object().unwrap() {
                let mark = if is_required(name) { "" } else { "?" };
                let is_text = schema["type"] == "string" && schema.get("enum").is_none();
                let kind = if is_text { "" } else { ": " };
                assert!(line.contains(&format!("{name}{mark}{kind}")), "{name}: {line}");
                if name != "fields" {
                    check_values(line, schema);
                }
                let description = schema["description"].as_str().expect("every parameter has one");
                // What is not explained is said by the names.
                let own = ["limit", "cursor", "fields", "head", "tail", "offset"];
                let is_explained = line.contains(description.trim_end_matches('.'));
                let is_short = description.split(' ').count() <= 8;
                assert!(is_explained || own.contains(&name.as_str()) || is_short, "{name}: {line}");
            }
            assert!(rest.contains(&tool.description), "{rest}");
        }
    }
}

/// Whether the line has the schema's choices, bounds and default.
fn check_values(line: &str, schema: &Value) {
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let has = |value: &Value| assert!(line.contains(&plain(value)), "{value}: {line}");
    for member in ["minimum", "maximum", "default", "maxLength", "maxItems"] {
        schema.get(member).into_iter().for_each(has);
    }
    schema["enum"].as_array().into_iter().flatten().for_each(has);
    if let Some(items) = schema.get("items") {
        check_values(line, items);
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        assert!(line.contains(&format!("{name}: ")) || line.contains(&format!("{name}?: ")));
        check_values(line, property);
    }
}

#[test]
fn signatures_need_less_than_half_of_the_schemas() {
    let (mut compact, mut full) = (0, 0);
    for module in registry().modules() {
        for tool in &module.tools {
            let signature = tool.signature(&module.name, &[], &mut Explained::default());
            compact += signature.chars().count();
            full += tool.published(&[]).to_string().chars().count();
        }
    }
    // 45 % of the tokens are about as much of the characters.
    assert!(compact * 100 <= full * 47, "{compact} characters instead of {full}");
}

#[test]
fn what_was_explained_is_not_repeated() {
    let product = Product::start(&Settings::default());
    let text = described(
        &product,
        json!({"tools": ["github.get_issue", "github.list_issue_comments", "jira.get_issue"]}),
    );
    assert_eq!(text.matches("(Name without the owner)").count(), 1, "{text}");
    assert!(text.contains("jira.get_issue("), "{text}");
}

#[test]
fn a_large_module_comes_in_steps() {
    let product = Product::start(&Settings::default());
    let list = described(&product, json!({}));
    assert!(
        list.contains("github: ") && list.contains("Groups: ") && list.contains("pull_requests")
    );
    let index = described(&product, json!({"modules": ["github"]}));
    assert!(index.starts_with("# github: ") && index.contains("\n## issues\n"), "{index}");
    let github = registry();
    let github = github.module("github").expect("it is built in");
    for tool in &github.tools {
        assert!(index.contains(&format!("\n{}: ", tool.name)), "{} in {index}", tool.name);
    }
    let group = described(&product, json!({"groups": ["github.gists"]}));
    assert_eq!(group.matches("\ngithub.").count() + 1, 4, "{group}");
    assert_eq!(described(&product, json!({"module": "github", "groups": "gists"})), group);
    let named = described(&product, json!({"tools": ["github_create_gist"]}));
    assert_eq!(
        described(&product, json!({"modules": ["github"], "tools": ["create_gist"]})),
        named
    );
    // A small module comes whole.
    assert!(described(&product, json!({"modules": ["notes"]})).contains("notes.add_note("));
}

#[test]
fn no_answer_about_modules_is_too_large() {
    let product = Product::start(&Settings::default());
    let modules: Vec<String> =
        registry().modules().iter().map(|module| module.name.clone()).collect();
    let mut asked = vec![json!({"modules": modules}), json!({}), json!({"format": "json"})];
    for module in registry().modules() {
        let tools: Vec<&str> =
            module.tools.iter().map(|tool| tool.published_name.as_str()).collect();
        let mut groups: Vec<String> =
            module.tools.iter().map(|tool| format!("{}.{}", module.name, tool.group)).collect();
        groups.dedup();
        for format in ["text", "json"] {
            asked.push(json!({"modules": [module.name], "format": format}));
            asked.push(json!({"tools": tools, "format": format}));
        }
        if !module.tools[0].group.is_empty() {
            asked.extend(groups.iter().map(|group| json!({"groups": [group]})));
        }
    }
    for arguments in asked {
        let text = described(&product, arguments.clone());
        let size = text.chars().count();
        assert!(size <= MOST_CHARACTERS + 6_000, "{size} characters: {arguments}");
        if arguments["format"] == "json" {
            let parsed: Value = serde_json::from_str(&text).expect("it is JSON");
            assert!(parsed["modules"].is_array());
        }
    }
    let all = registry();
    let tools: Vec<&str> = all
        .module("github")
        .expect("it is built in")
        .tools
        .iter()
        .map(|tool| tool.published_name.as_str())
        .collect();
    let cut = described(&product, json!({"tools": tools}));
    assert!(cut.contains("Left out, to keep this short: github."), "{cut}");
}

#[test]
fn wrong_names_in_a_request_for_schemas_are_reported() {
    let product = Product::start(&Settings::default());
    let check = |arguments: Value, says: &str| {
        let result = product.call("/mcp", "get_module_schema", arguments);
        assert!(result["isError"] == true && text_of(&result).contains(says), "{result}");
    };
    check(json!({"groups": ["github.isues"]}), "group \"github.isues\" does not exist");
    check(json!({"modules": ["notes"], "groups": ["issues"]}), "Groups of notes:");
    check(json!({"tools": ["get_nothing"]}), "there is no tool \"get_nothing\"");
    check(json!({"tools": ["github.get_isue"]}), "Did you mean \"get_issue\"?");
    check(json!({"format": "xml"}), "format is not known");
}

#[test]
fn read_runs_what_only_reads_and_nothing_else() {
    let note = || Answer::new(200, &[], r#"{"id": 1, "title": "First", "text": ""}"#);
    let exchanges = (0..4).map(|_| Exchange::new("GET", "/notes/1", note()));
    let upstream = FakeUpstream::new(exchanges);
    let product = Product::start(&Settings { upstream: Some(&upstream), ..Settings::default() });
    let get = json!({"module": "notes", "tool": "get_note", "params": {"id": 1}});
    let line = json!({"id": "a", "module": "notes", "tool": "get_note", "params": {"id": 1}});
    let mut wanted = line.clone();
    wanted["output"] = json!(true);
    let read = product.call("/mcp", "read", get.clone());
    assert!(text_of(&read).contains("First"), "{read}");
    assert_eq!(product.call("/mcp", "call", get), read, "call accepts readers, too");
    let several = product.call("/mcp", "read", json!({"calls": [line]}));
    assert!(several.to_string().contains("First"), "{several}");
    let view = product.call("/mcp?readonly=true", "batch", json!({"calls": [wanted]}));
    assert!(view.to_string().contains("First"), "{view}");

    let refused = |arguments: Value, says: &str| {
        let result = product.call("/mcp", "read", arguments);
        assert!(result["isError"] == true && text_of(&result).contains(says), "{result}");
    };
    let add = json!({"module": "notes", "tool": "add_note", "params": {"title": "x"}});
    refused(add, "notes.add_note changes something");
    let write = json!({"id": "b", "module": "notes", "tool": "remove_note", "params": {"id": 1}});
    refused(json!({"calls": [line, write]}), "not those of the lines b");
    refused(json!({"calls": [line], "module": "notes"}), "\"module\" does not exist");
    refused(json!({}), "module is missing");
}

#[test]
fn reading_can_be_allowed_without_writing() {
    let product = Product::start(&Settings::default());
    let hints = |path: &str| -> Vec<(String, bool, bool)> {
        let list = json_of(&product.send(&modern("tools/list", json!({})).to(path)));
        let tools = list["result"]["tools"].as_array().expect("a list").iter();
        let of = |tool: &Value, hint: &str| tool["annotations"][hint] == true;
        tools
            .map(|tool| {
                let name = tool["name"].as_str().unwrap_or_default().to_owned();
                (name, of(tool, "readOnlyHint"), of(tool, "destructiveHint"))
            })
            .collect()
    };
    let owned = |expected: &[(&str, bool, bool)]| {
        expected
            .iter()
            .map(|(name, read, delete)| ((*name).to_owned(), *read, *delete))
            .collect::<Vec<_>>()
    };
    let finders =
        [("search_tools", true, false), ("get_module_schema", true, false), ("read", true, false)];
    let all = [&finders[..], &[("call", false, true), ("batch", false, true)]].concat();
    assert_eq!(hints("/mcp"), owned(&all));
    let readers = [&finders[..], &[("batch", true, false)]].concat();
    assert_eq!(hints("/mcp?readonly=true"), owned(&readers));
}
