//! `search_tools`: that it finds what people look for, and shows nothing that does not exist for the caller.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::product::{Product, Settings, json_of, modern, registry, text_of};

const BUILT_IN: [&str; 7] =
    ["github", "notion", "jira", "confluence", "supabase", "google_calendar", "microsoft_todo"];

/// The tools that a search found, as `module.tool`.
fn found(product: &Product, path: &str, arguments: Value) -> Vec<String> {
    let result = product.call(path, "search_tools", arguments);
    let lines = text_of(&result).lines().filter(|line| !line.starts_with(' '));
    lines.filter_map(|line| Some(line.split_once('(')?.0.to_owned())).collect()
}

/// The development set: class, query, and the tools any of which is right; empty if there is no tool for it.
fn queries() -> Vec<(&'static str, &'static str, Vec<&'static str>)> {
    let lines = include_str!("../search/queries.tsv").lines();
    let queries = lines.filter(|line| !line.starts_with('#')).map(|line| {
        let mut parts = line.split('\t');
        let mut part = || parts.next().expect("a line has three parts");
        let (class, query, right) = (part(), part(), part());
        (class, query, right.split('|').filter(|tool| *tool != "-").collect())
    });
    queries.collect()
}

#[derive(Default, Clone, Copy)]
struct Recall {
    queries: f32,
    first: f32,
    five: f32,
    ten: f32,
}

#[test]
fn people_find_the_right_tool() {
    let product = Product::start(&Settings::default());
    let mut classes: BTreeMap<&str, Recall> = BTreeMap::new();
    for (class, query, right) in queries() {
        let hits =
            found(&product, "/mcp", json!({"query": query, "modules": BUILT_IN, "limit": 10}));
        let names = if right.is_empty() { vec!["negative"] } else { vec![class, "all"] };
        let place = match right.as_slice() {
            [] if hits.is_empty() => Some(0),
            [] => None,
            right => hits.iter().position(|hit| right.contains(&hit.as_str())),
        };
        for name in names {
            let recall = classes.entry(name).or_default();
            recall.queries += 1.0;
            let within = |most: usize| f32::from(u8::from(place.is_some_and(|at| at < most)));
            recall.first += within(1);
            recall.five += within(5);
            recall.ten += within(10);
        }
    }
    for (class, recall) in &classes {
        let of = |found: f32| found / recall.queries;
        println!(
            "{class:9} {:4} queries: {:.3} first, {:.3} in five, {:.3} in ten",
            recall.queries,
            of(recall.first),
            of(recall.five),
            of(recall.ten)
        );
    }
    let (all, negative) = (classes["all"], classes["negative"]);
    assert!(all.queries + negative.queries >= 300.0);
    assert!(all.first / all.queries >= 0.75, "the right tool is first too seldom");
    assert!(all.five / all.queries >= 0.92, "the right tool is among five too seldom");
    assert!(all.ten / all.queries >= 0.95, "the right tool is among ten too seldom");
    assert!(negative.first / negative.queries >= 0.90, "what no tool is for is found too often");
}

#[test]
fn every_tool_is_found_first_by_its_own_name() {
    let product = Product::start(&Settings::default());
    for name in product.tools("/mcp?tools=direct") {
        let hits = found(&product, "/mcp", json!({"query": name, "limit": 1}));
        let hit = hits.first().map(|hit| hit.replace('.', "_"));
        assert_eq!(hit.as_deref(), Some(name.as_str()));
    }
}

#[test]
fn a_hit_has_what_a_call_needs() {
    let product = Product::start(&Settings::default());
    let text =
        |arguments: Value| text_of(&product.call("/mcp", "search_tools", arguments)).to_owned();
    let hit = text(json!({"query": "read a note", "modules": ["notes"], "limit": 1}));
    assert!(hit.starts_with("notes.get_note(id: int"), "{hit}");
    // `module` is one name, `modules` a list, and a list as text is one, too.
    for arguments in [
        json!({"query": "read a note", "module": "notes", "limit": 1}),
        json!({"query": "read a note", "modules": "notes", "limit": "1"}),
        json!({"query": "read a note", "modules": "[\"notes\"]", "limit": 1}),
    ] {
        assert_eq!(text(arguments), hit);
    }
    // A service that is not connected says what a call would say.
    let jira = text(json!({"query": "move a ticket to another status", "module": "jira"}));
    let call = product.call("/mcp", "call", json!({"module": "jira", "tool": "get_me"}));
    let said = jira.lines().find(|line| line.contains("is not connected")).expect("it says so");
    assert!(text_of(&call).contains("Jira is not connected"), "{call}");
    let variable =
        said.split_whitespace().find(|word| word.starts_with("JIRA_")).expect("a variable");
    assert!(text_of(&call).contains(variable), "{said} {call}");
}

#[test]
fn nothing_fits_is_said_with_the_modules_that_exist() {
    let product = Product::start(&Settings {
        policy: Some(r#"{"allow": ["notes", "vault"]}"#),
        ..Settings::default()
    });
    let result =
        product.call("/mcp", "search_tools", json!({"query": "what's the weather in Berlin"}));
    assert_eq!(result.get("isError"), None, "{result}");
    let text = text_of(&result);
    assert!(
        text.starts_with("There is no tool for this.") && text.contains("Modules: notes, vault.")
    );
    // A known service that does not exist for the caller is one without tools.
    let jira = product.call("/mcp", "search_tools", json!({"query": "assign a Jira ticket"}));
    let slack = product.call("/mcp", "search_tools", json!({"query": "assign a Slack ticket"}));
    assert_eq!(jira, slack);
}

#[test]
fn wrong_arguments_are_named() {
    let product = Product::start(&Settings::default());
    let check = |arguments: Value, says: &str| {
        let result = product.call("/mcp", "search_tools", arguments.clone());
        assert_eq!(result["isError"], json!(true), "{arguments}");
        assert!(text_of(&result).contains(says), "{arguments}: {result}");
    };
    check(json!({}), "query is missing");
    check(json!({"query": "  "}), "query is missing");
    check(json!({"query": 5}), "query must be a string");
    check(json!({"query": "x".repeat(1001)}), "query is longer than 1000 characters");
    check(json!({"query": "note", "limit": 0}), "limit must be an integer from 1 to 20");
    check(json!({"query": "note", "limit": 21}), "limit must be an integer from 1 to 20");
    check(json!({"query": "note", "modules": ["nots"]}), "\"nots\"");
    check(json!({"query": "note", "moduls": []}), "\"moduls\"");
}

#[test]
fn hidden_tools_change_nothing() {
    let text = |policy: Option<&str>, path: &str| {
        let product = Product::start(&Settings { policy, ..Settings::default() });
        let search = |query: &str| {
            text_of(&product.call(path, "search_tools", json!({"query": query, "limit": 20})))
                .to_owned()
        };
        [search("note"), search("remove a note"), search("door"), search("notte")].join("\n")
    };
    let all = text(None, "/mcp");
    assert!(all.contains("notes.remove_note(") && all.contains("vault.open_door("), "{all}");
    let permitted = r#"{"allow": ["notes_list_notes", "notes_get_note"]}"#;
    let few = text(Some(permitted), "/mcp");
    assert!(!few.contains("remove_note") && !few.contains("door("), "{few}");
    assert_eq!(few, text(Some(permitted), "/mcp?readonly=true"));
}

#[test]
fn the_search_is_the_same_in_both_eras_and_the_first_tool() {
    let product = Product::start(&Settings::default());
    let listed = json_of(&product.send(&modern("tools/list", json!({}))));
    let tool = &listed["result"]["tools"][0];
    assert_eq!(
        (&tool["name"], &tool["annotations"]["readOnlyHint"]),
        (&json!("search_tools"), &json!(true))
    );
    let session = product.session("2025-06-18");
    let call = json!({"name": "search_tools", "arguments": {"query": "read a note"}});
    let modern_text =
        text_of(&product.call("/mcp", "search_tools", call["arguments"].clone())).to_owned();
    let legacy = json_of(&product.send(&session.request("tools/call", call)));
    assert_eq!(text_of(&legacy["result"]), modern_text);
}

#[test]
fn every_built_in_tool_has_a_group_and_words_that_people_use() {
    for module in registry().modules().iter().filter(|module| BUILT_IN.contains(&&*module.name)) {
        for tool in &module.tools {
            let name = &tool.published_name;
            assert!(!tool.group.is_empty(), "{name} needs a `group` in its module file");
            assert!(
                tool.aliases.len() >= 2,
                "{name} needs `aliases` in its module file: about five expressions that people use for it"
            );
        }
    }
}
