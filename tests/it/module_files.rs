//! Module files: everything wrong is found, and a folder of them adds modules.

use std::fs;
use std::path::PathBuf;

use mcpist::modules::{Module, Registry};
use serde_json::{Value, json};

use crate::engine::{BY_DATA, HOOKS, file, module};

/// What is wrong with a module file, as its findings say it.
fn findings(text: &str) -> Vec<String> {
    match Module::parse("shop.json", text, &HOOKS) {
        Ok(_) => Vec::new(),
        Err(findings) => findings.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn a_file_that_is_no_json_names_the_line() {
    let found = findings("{\n  \"module\": \"shop\",\n  \"title\": }\n");
    assert_eq!(found, ["shop.json: expected value at line 3 column 12"]);
    let found = findings("{\n  \"module\": \"shop\",\n  \"titel\": \"Shop\"\n}");
    assert!(found[0].starts_with("shop.json: unknown field `titel`") && found[0].ends_with("at line 3 column 9"), "{found:?}");
}

#[test]
fn everything_wrong_with_a_tool_is_found() {
    let param = |param: &Value| {
        let mut whole = json!({"in": "query", "type": "string", "description": "D"});
        for (name, value) in param.as_object().unwrap() {
            whole[name] = value.clone();
        }
        let owner = json!({"in": "path", "type": "string", "required": true, "description": "Whose."});
        json!({"params": {"owner": owner, "p": whole}})
    };
    let check = |tool: Value, expected: &str| {
        let found = findings(&file(&tool).to_string());
        // The handler that the other cases do not cite is none of theirs.
        let found: Vec<_> = found.iter().filter(|finding| !finding.contains("nothing cites")).collect();
        assert_eq!(found.len(), 1, "{tool}: {found:?}");
        assert!(found[0].contains("tool") && found[0].contains(expected), "{tool}: {found:?} lacks {expected:?}");
    };
    check(json!({"name": "List"}), "the name must be snake_case");
    check(json!({"name": "x".repeat(56)}), "longer than 60 characters");
    check(json!({"description": " "}), "`description` is empty");
    check(json!({"docs": "see there"}), "`docs` must be the URL");
    check(json!({"annotations": {"readOnly": true}}), "tool list_things, annotations: unknown field `readOnly`");
    check(json!({"extra": 1}), "tool list_things: unknown field `extra`");
    check(json!({"output": null}), "needs either `request` and `output`, or `handler`");
    check(json!({"handler": "by_hand"}), "needs either `request` and `output`, or `handler`");
    check(json!({"text": true}), "`text` is for handlers");
    let across = |across: Value| json!({"annotations": {"readOnlyHint": true}, "across_accounts": across});
    check(json!({"across_accounts": {}}), "across_accounts: only what reads");
    check(across(json!({"sort": "id"})), "across_accounts: unknown field `sort`");
    check(across(json!({"sort_by": "start"})), "`sort_by`: there is no column `start`");
    check(across(json!({"together": true})), "`together` is for handlers");
    check(json!({"handler": "nobody", "request": null, "output": null, "params": {}}), "no handler hook `nobody`");
    check(json!({"request": {"method": "GET", "path": "/x/{owner}/{id}"}}), "the path's `{id}` is no param");
    check(json!({"request": {"method": "GET", "path": "/x"}}), "the path must have `{owner}` once");
    check(json!({"request": {"method": "GET", "path": "x/{owner}"}}), "is no path");
    check(json!({"request": {"method": "GET", "path": "/x/../{owner}"}}), "is no path");
    check(json!({"request": {"method": "GET", "path": "/x/{owner}?a=b"}}), "is no path");
    check(json!({"request": {"method": "FETCH", "path": "/x/{owner}"}}), "request: unknown variant `FETCH`");
    check(json!({"request": {"method": "GET", "path": "/x/{owner}", "body": {"a": 1}}}), "this method sends no body");
    check(json!({"request": {"method": "GET", "path": "/x/{owner}", "query": {"a": []}}}), "query `a` must be");
    check(json!({"request": {"method": "POST", "path": "/x/{owner}", "page_in": "query"}}), "`page_in: query` needs a GET");
    check(json!({"request": {"method": "GET", "path": "/x/{owner}", "graphql": "{ x }"}}), "must be a POST");
    check(json!({"request": {"method": "GET", "path": "/x/{owner}", "headers": {"a b": "c"}}}), "no valid HTTP header");
    check(json!({"request": {"method": "GET", "path": "/x/{owner}", "headers": {"Authorization": "c"}}}), "the credential's");
    check(json!({"output": {"text": ""}}), "`page_in` needs an output with `items`");
    let paged = |pagination: Value, page_in: Value| json!({"request": {"method": "GET", "path": "/x/{owner}", "page_in": page_in, "pagination": pagination}});
    let query = || json!("query");
    check(paged(json!({"kind": "link_header"}), Value::Null), "`pagination` needs `page_in`");
    check(paged(json!({"kind": "link_header"}), json!("body")), "`page_in: body` is not for pages by link");
    check(paged(json!({"kind": "token", "token": "t", "token_as": "t"}), json!("body")), "this method sends no body");
    check(paged(json!({"kind": "pages"}), query()), "request, pagination: unknown variant `pages`");
    check(paged(json!({"kind": "link_header", "link": "next"}), query()), "link_header takes nothing");
    check(paged(json!({"kind": "next_link"}), query()), "next_link `link`");
    check(paged(json!({"kind": "token", "token": "t"}), query()), "`token` and `token_as`");
    check(paged(json!({"kind": "token", "token": "t", "token_as": ""}), query()), "must be names");
    check(paged(json!({"kind": "offset", "start_as": "s", "total": "a[0]"}), query()), "`a[0]` is no path");
    check(paged(json!({"kind": "offset", "start_as": "color"}), query()), "param cursor: another param");
    check(paged(json!({"kind": "link_header", "max_limit": 9}), query()), "need `limit_as`");
    check(paged(json!({"kind": "link_header", "limit_as": "n", "max_limit": 9, "default_limit": 10}), query()), "`max_limit`");
    check(json!({"output": {"fields": {"document": "text"}}, "request": {"method": "GET", "path": "/x/{owner}"}}), "the text's own");
    check(json!({"output": {"items": "", "text": "", "fields": {}}}), "must be one of");
    check(json!({"output": {"document": "a"}, "request": {"method": "GET", "path": "/x/{owner}"}}), "must be one of");
    check(json!({"output": {"items": "a[]", "fields": {"id": "id"}}}), "must lead to one place");
    check(json!({"output": {"items": "", "fields": {"id": "a[0]"}}}), "field id: `a[0]` is no path");
    check(json!({"output": {"items": "", "fields": {"id": 7}}}), "field id: must be a path, or");
    check(json!({"output": {"items": "", "fields": {"id": {"path": "id", "hook": "nobody"}}}}), "no field hook `nobody`");
    check(param(&json!({"in": "header"})), "tool list_things, param p: unknown variant `header`");
    check(param(&json!({"type": ["string"]})), "param p: ");
    check(param(&json!({"typ": "string"})), "param p: unknown field `typ`");
    check(param(&json!({"description": ""})), "`description` is missing");
    check(param(&json!({"required": true, "default": "x"})), "exclude each other");
    check(param(&json!({"type": "integer", "default": "x"})), "the default \"x\" does not fit");
    check(param(&json!({"type": "integer", "enum": [1, "2"]})), "the enum's \"2\" is no integer");
    check(param(&json!({"minimum": 1})), "only for numbers");
    check(param(&json!({"type": "array"})), "an array needs `items`");
    check(param(&json!({"items": {"type": "string"}})), "`items` is only for arrays");
    check(param(&json!({"properties": {"a": {"type": "string"}}})), "properties are only for objects");
    check(param(&json!({"type": "object"})), "an object has no form in a query");
    check(param(&json!({"join": ","})), "`join` is only for an array in the query");
    check(param(&json!({"slashes": true})), "`slashes` is only for a value in the path");
    check(
        json!({"params": {"account": {"in": "query", "type": "string", "description": "D"}}, "request": {"method": "GET", "path": "/x"}}),
        "param account: this name is for the account",
    );
    check(param(&json!({"hook": "nobody"})), "no param hook `nobody`");
    check(param(&json!({"in": "variable"})), "only a GraphQL request has variables");
    let own = json!({"in": "query", "type": "string", "description": "D"});
    let owner = json!({"in": "path", "type": "string", "description": "Whose."});
    check(
        json!({"params": {"owner": {"in": "path", "type": "string", "required": true, "description": "D"}, "limit": own}}),
        "param limit: this name is the engine's own",
    );
    check(json!({"params": {"owner": owner}}), "must be required or have a default");
}

#[test]
fn a_body_has_one_value_in_each_place() {
    let check = |names: [&str; 2], fixed: Value, clash: bool| {
        let param = |name: &str| json!({"in": "body", "as": name, "type": "string", "description": "D"});
        let tool = json!({
            "request": {"method": "POST", "path": "/x", "body": fixed}, "output": {"done": "Done."},
            "params": {"a": param(names[0]), "b": param(names[1])}
        });
        let found = findings(&file(&tool).to_string());
        assert_eq!(found.iter().any(|finding| finding.contains("the same place")), clash, "{names:?} {found:?}");
    };
    check(["a", "b"], json!({}), false);
    check(["a.x", "a.y"], json!({}), false);
    check(["a", "a"], json!({}), true);
    check(["a", "a.x"], json!({}), true);
    check(["a.x.y", "a.x"], json!({}), true);
    check(["a", "b"], json!({"b": 1}), true);
    check(["a", "ab"], json!({}), false);

    let pagination = json!({"kind": "token", "token": "t", "token_as": "page", "limit_as": "size"});
    let tool = json!({
        "request": {"method": "POST", "path": "/x", "page_in": "body", "pagination": pagination, "body": {"size": 1}},
        "params": {"a": {"in": "body", "as": "page.start", "type": "string", "description": "D"}}
    });
    let found = findings(&file(&tool).to_string()).join("\n");
    assert!(found.contains("param limit: another param or the fixed body") && found.contains("param cursor: another"), "{found}");
}

#[test]
fn a_list_of_credentials_is_checked_one_by_one() {
    let check = |auth: Value, expected: &str| {
        let mut file = file(&BY_DATA);
        file["auth"] = auth;
        file["base_url_env"] = "SHOP_API_URL|".into();
        let found = findings(&file.to_string()).join("\n");
        assert!(found.contains(expected) && found.contains("base_url_env: `SHOP_API_URL|` names no variable"), "{found}");
    };
    let right = || json!({"kind": "bearer", "env": ["SHOP_TOKEN|OTHER_TOKEN"]});
    check(json!([]), "auth: there is no alternative");
    check(json!([right(), {"kind": "basic", "env": ["SHOP_USER"]}]), "basic needs two variables");
    check(json!([right(), {"kind": "digest", "env": ["SHOP_USER"]}]), "auth: unknown variant `digest`");
    check(json!({"kind": "bearer", "env": ["shop_token"]}), "`shop_token` names no variable");
    check(json!({"kind": "bearer", "env": ["SHOP_TOKEN|"]}), "names no variable");
    check(json!({"kind": "bearer", "env": ["SHOP__TOKEN"]}), "names no variable");
    let mut file = file(&BY_DATA);
    file["base_url_required"] = true.into();
    assert!(findings(&file.to_string())[0].contains("base_url_required: needs `base_url_env`"));
}

#[test]
fn everything_wrong_with_a_file_is_found_at_once() {
    let mut file = file(&json!({"name": "Bad", "docs": "", "params": {"P": {"in": "query"}}}));
    file["module"] = "Shop".into();
    file["base_url"] = "shop.example".into();
    file["auth"] = json!({"kind": "basic", "env": ["SHOP_USER"]});
    file["pagination"]["default_limit"] = 200.into();
    file["headers"] = json!({"accept": "a\nb"});
    let found = findings(&file.to_string()).join("\n");
    for part in [
        "shop.json: module: `Shop` must be snake_case",
        "shop.json: base_url: must be",
        "shop.json: auth: `env`: basic needs two variables",
        "shop.json: pagination: ",
        "shop.json: headers: `accept`",
        "shop.json: tool Bad: the name must be",
        "shop.json: tool Bad: `docs` must be",
        "shop.json: tool Bad, param P: the name must be",
        "shop.json: tool Bad, param P: missing field `type`",
        "shop.json: tool Bad, request: the path's `{owner}` is no param",
        "shop.json: nothing cites the handler hook `by_hand`",
    ] {
        assert!(found.contains(part), "{part:?} is not among\n{found}");
    }
}

/// A folder of module files that is removed again.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).unwrap();
        for (name, text) in files {
            fs::write(path.join(name), text).unwrap();
        }
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left of it is in the build folder, and goes with that.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_folder_adds_modules_and_leaves_broken_ones_out() {
    let right = file(&BY_DATA).to_string();
    let named = |name: &str| right.replace(r#""module":"shop""#, &format!(r#""module":"{name}""#));
    let folder = Folder::new(
        "a_folder_adds_modules",
        &[
            ("a-broken.json", "{"),
            ("b-right.json", &right),
            ("c-again.json", &right),
            ("d-built-in.json", &named("github")),
            ("e-other.json", &named("other")),
            ("notes.txt", "no module"),
        ],
    );
    let mut registry = Registry::built_in().expect("the built-in files are right");
    let found: Vec<_> = registry.add_directory(&folder.0).iter().map(ToString::to_string).collect();
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[0].contains("a-broken.json: EOF while parsing"), "{found:?}");
    assert!(found[1].contains("c-again.json: module: there is a module `shop` already"), "{found:?}");
    assert!(found[2].contains("d-built-in.json: module: there is a module `github` already"), "{found:?}");
    assert!(registry.published("shop_list_things").is_some() && registry.published("other_list_things").is_some());

    let found = registry.add_directory(&folder.0.join("nowhere"));
    assert!(found[0].problem.starts_with("cannot be read"), "{found:?}");
}

#[test]
fn a_tool_is_found_with_and_without_its_modules_name() {
    let module = module(&BY_DATA);
    assert!(module.tool("list_things").is_some());
    assert!(module.tool("shop_list_things").is_some());
    assert!(module.tool("shop_shop_list_things").is_none());
    let registry = Registry::built_in().expect("the built-in files are right");
    let (module, tool) = registry.published("github_get_repository").expect("it is there");
    assert_eq!((module.name.as_str(), tool.name.as_str()), ("github", "get_repository"));
    assert!(registry.published("get_repository").is_none());
    assert!(registry.module("github").is_some_and(|module| module.tool("get_repository").is_some()));
    assert!(registry.module("nobody").is_none());
}
