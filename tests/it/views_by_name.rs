//! Views by names in the address: modules, groups and pins, and what a model reads about them.

use serde_json::{Value, json};

use crate::product::{Product, Settings, initialize, json_of, modern};

fn instructions(product: &Product, path: &str) -> String {
    let modern = product.result(path, "server/discover", json!({}))["instructions"].clone();
    let legacy = json_of(&product.send(&initialize("2025-11-25").to(path)));
    assert_eq!(modern, legacy["result"]["instructions"], "{path}");
    modern.as_str().expect("there are instructions").to_owned()
}

#[test]
fn an_address_names_modules_groups_and_pins() {
    let product = Product::start(&Settings::default());
    let direct = |query: &str| product.tools(&format!("/mcp?tools=direct&{query}"));
    let notes = ["notes_list_notes", "notes_get_note", "notes_add_note", "notes_remove_note"];
    assert_eq!(direct("modules=notes"), notes);
    assert_eq!(direct("modules=notes,vault").len(), 5);
    assert_eq!(direct("modules=notes&modules=vault"), direct("modules=notes,vault"));
    assert_eq!(direct("modules=notes&readonly=true"), &notes[..2]);
    let gists =
        ["github_list_gists", "github_get_gist", "github_create_gist", "github_update_gist"];
    assert_eq!(direct("groups=github.gists"), gists);
    assert_eq!(direct("groups=github.gists&modules=vault").len(), 5);
    assert_eq!(direct("groups=github.gists&modules=github"), gists);
    assert_eq!(direct("modules=unheard_of"), [""; 0]);
    let pinned = product.tools("/mcp?pin=notes_*&readonly=true");
    assert_eq!(pinned[pinned.len() - 2..], notes[..2]);
    let unknown = json!({"name": "notes_unheard_of", "arguments": {}});
    let refused = json_of(&product.send(&modern("tools/call", unknown).to("/mcp?pin=notes_*")));
    assert!(refused["error"].to_string().contains("unknown tool"), "{refused}");
}

#[test]
fn what_an_address_leaves_out_does_not_exist() {
    let product = Product::start(&Settings::default());
    let path = "/mcp?groups=github.gists";
    let call = |name: &str, arguments: Value| product.call(path, name, arguments).to_string();
    assert!(call("call", json!({"module": "github", "tool": "get_me"})).contains("has no tool"));
    assert!(
        call("call", json!({"module": "notes", "tool": "get_note"})).contains("does not exist")
    );
    let found = call("search_tools", json!({"query": "create an issue on GitHub", "limit": 20}));
    assert!(!found.contains("create_issue("), "{found}");
    let schema = call("get_module_schema", json!({}));
    assert!(schema.contains("github: ") && schema.contains("4 tools") && !schema.contains("notes"));
    let resources = product.result(path, "resources/templates/list", json!({}));
    assert!(!resources.to_string().contains("github://"), "{resources}");
}

#[test]
fn names_that_do_not_exist_are_reported() {
    let product = Product::start(&Settings::default());
    let said =
        instructions(&product, "/mcp?modules=notes,jirra&groups=github.isues&pin=github_xx_*");
    for name in ["?modules=jirra", "?groups=github.isues", "?pin=github_xx_*"] {
        assert!(said.contains(name), "{said}");
    }
    assert!(!said.contains("?modules=notes"), "{said}");
    assert!(!instructions(&product, "/mcp?modules=notes&pin=notes_*").contains('?'));
    let refused = product.send(&modern("tools/list", json!({})).to("/mcp?groups=issues"));
    assert_eq!(refused.status, 400);
    assert!(refused.body.contains("?groups=github.issues"), "{refused:?}");
    assert_eq!(product.send(&modern("tools/list", json!({})).to("/mcp?module=notes")).status, 400);
}

#[test]
fn instructions_say_which_services_there_are_and_how_to_use_them() {
    let product = Product::start(&Settings::default());
    let all = instructions(&product, "/mcp");
    assert!(all.chars().count() <= 1_500, "{all}");
    for part in
        ["notes (4 tools", "jira (", "not connected", "search_tools", "with read, or with call"]
    {
        assert!(all.contains(part), "{part}: {all}");
    }
    let read_only = instructions(&product, "/mcp?readonly=true");
    assert!(
        read_only.contains("notes (2 tools") && !read_only.contains("with call"),
        "{read_only}"
    );
    assert!(!instructions(&product, "/mcp?tools=direct").contains("search_tools"));
    let few = Product::start(&Settings {
        policy: Some(r#"{"allow": ["notes"]}"#),
        ..Settings::default()
    });
    let few = instructions(&few, "/mcp");
    assert!(few.contains("Services: notes (4 tools") && !few.contains("github"), "{few}");
}

#[test]
fn the_server_has_an_icon_of_its_own_and_of_a_module() {
    let product = Product::start(&Settings::default());
    let icon = |path: &str, version: &str| {
        let reply = json_of(&product.send(&initialize(version).to(path)));
        reply["result"]["serverInfo"]["icons"].clone()
    };
    let own = icon("/mcp", "2025-11-25");
    let source = own[0]["src"].as_str().expect("there is one");
    assert!(source.starts_with("data:image/svg+xml,") && source.len() <= 1024, "{source}");
    assert_ne!(icon("/mcp/github", "2025-11-25"), own);
    assert_eq!(icon("/mcp", "2025-06-18"), Value::Null);
    let discovered = product.result("/mcp/github", "server/discover", json!({}));
    let icons = &discovered["_meta"]["io.modelcontextprotocol/serverInfo"]["icons"];
    assert_eq!(icons, &icon("/mcp/github", "2025-11-25"));
    let listed = product.result("/mcp", "tools/list", json!({}));
    assert!(!listed["_meta"].to_string().contains("icons"), "{listed}");
    for tool in listed["tools"].as_array().expect("a list") {
        assert_eq!(tool["_meta"]["anthropic/alwaysLoad"], true);
    }
}
