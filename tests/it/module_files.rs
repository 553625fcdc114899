//! Module files: everything wrong is found, and a folder of them adds modules.

use std::fs;
use std::path::PathBuf;

use mcpist::manifest;
use mcpist::modules::{self, Registry};
use serde_json::{Value, json};

use crate::engine::{BY_DATA, HOOKS, file, module};

/// The errors in a module file, as its findings report them.
fn findings(text: &str) -> Vec<String> {
    match manifest::parse("shop.json", text, &HOOKS) {
        Ok(_) => Vec::new(),
        Err(findings) => findings.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn a_file_that_is_no_json_names_the_line() {
    let found = findings("{\n  \"module\": \"shop\",\n  \"title\": }\n");
    assert_eq!(found, ["shop.json:3:12: expected value"]);
    let found = findings("{\n  \"module\": \"shop\",\n  \"titel\": \"Shop\"\n}");
    assert!(
        found[0].starts_with("shop.json:3:9: unknown field `titel`")
            && !found[0].contains("at line"),
        "{found:?}"
    );
}

#[test]
fn rules_that_cannot_be_right_are_found() {
    let check = |rules: Value, expected: &str| {
        let text = json!({"in": "query", "type": "string", "description": "D"});
        let owner =
            json!({"in": "path", "type": "string", "required": true, "description": "Whose."});
        let mut tool = json!({
            "params": {
                "owner": owner, "a": text, "b": text, "c": text,
                "state": {"in": "query", "type": "string", "enum": ["open", "closed"], "default": "open", "description": "D"},
                "count": {"in": "query", "type": "integer", "maximum": 5, "description": "D"},
            }
        });
        for (name, rule) in rules.as_object().expect("the rules are an object") {
            tool[name] = rule.clone();
        }
        let found = findings(&file(&tool).to_string());
        let found: Vec<_> =
            found.iter().filter(|finding| !finding.contains("nothing cites")).collect();
        match (expected, &found[..]) {
            ("", []) => {}
            (expected, [only]) if !expected.is_empty() && only.contains(expected) => {}
            _ => panic!("{rules}: {found:?}, not {expected:?}"),
        }
    };
    let writes =
        |changes: Value| json!({"annotations": {"readOnlyHint": false}, "changes": changes});
    check(json!({"one_of": [["a", "b"], ["c", "count=5"]]}), "");
    check(json!({"any_of": [["a", "state=closed"]]}), "");
    check(json!({"needs": {"state=closed": ["a"], "a": ["count=1", "b"]}}), "");
    check(
        json!({"at_most_one_of": [["a", "b"], ["a", "state=open"]], "implies": {"b": ["state=closed"]}}),
        "",
    );
    check(json!({"one_of": ["a", "b"]}), "one_of: invalid type");
    check(
        json!({"one_of": [["a"]]}),
        "one_of: must be a list of groups, each of two params or more",
    );
    check(json!({"any_of": [["a", "d"]]}), "any_of: `d` is not a param of this tool");
    check(json!({"any_of": [["a", "owner"]]}), "`owner` is always there");
    check(json!({"any_of": [["a", "state"]]}), "`state` is always there");
    check(json!({"any_of": [["a", "a"]]}), "`a` is there twice");
    check(json!({"needs": {"a": ["state=gone"]}}), "`gone` is not a value of `state`");
    check(json!({"needs": {"count=6": ["a"]}}), "`6` is not a value of `count`");
    check(json!({"needs": {"count=many": ["a"]}}), "`many` is not a value of `count`");
    check(json!({"needs": {"a": []}}), "`a` names no other param");
    check(json!({"needs": {"a": ["a"]}}), "`a` needs itself");
    check(json!({"needs": {"a": "b"}}), "needs: invalid type");
    check(
        json!({"needs": {"a": ["b"]}, "at_most_one_of": [["c", "b", "a"]]}),
        "`a` can never be given",
    );
    check(json!({"needs": {"a": ["b"]}, "one_of": [["a", "b"]]}), "`a` can never be given");
    check(json!({"at_most_one_of": [["a", "a"]]}), "`a` is there twice");
    check(json!({"at_most_one_of": [["a"]]}), "each of two params or more");
    check(json!({"implies": {"a": ["b"]}}), "must imply a value of another param");
    check(
        json!({"implies": {"a": ["state=closed"]}, "at_most_one_of": [["state=closed", "a"]]}),
        "`a` can never be given",
    );
    check(writes(json!(["a"])), "");
    check(writes(json!([])), "changes: must be true, or a list");
    check(writes(json!(true)), "changes: must be true, or a list");
    check(writes(json!(["d"])), "`d` is not a param of this tool");
    check(writes(json!(["owner"])), "`owner` is always there");
    check(
        json!({"annotations": {"readOnlyHint": true}, "changes": ["a"]}),
        "`changes` is for a tool that changes something",
    );
}

#[test]
fn everything_wrong_with_a_tool_is_found() {
    let param = |param: &Value| {
        let mut whole = json!({"in": "query", "type": "string", "description": "D"});
        for (name, value) in param.as_object().unwrap() {
            whole[name] = value.clone();
        }
        let owner =
            json!({"in": "path", "type": "string", "required": true, "description": "Whose."});
        json!({"params": {"owner": owner, "p": whole}})
    };
    let check = |tool: Value, expected: &str| {
        let found = findings(&file(&tool).to_string());
        // The handler that the other cases do not use.
        let found: Vec<_> =
            found.iter().filter(|finding| !finding.contains("nothing cites")).collect();
        assert_eq!(found.len(), 1, "{tool}: {found:?}");
        assert!(
            found[0].contains("tool") && found[0].contains(expected),
            "{tool}: {found:?} lacks {expected:?}"
        );
    };
    check(json!({"name": "List"}), "the name must be snake_case");
    check(json!({"name": "x".repeat(56)}), "longer than 60 characters");
    check(json!({"description": " "}), "`description` is empty");
    check(json!({"docs": "see there"}), "`docs` must be the URL");
    check(
        json!({"annotations": {"readOnly": true}}),
        "tool list_things, annotations: unknown field `readOnly`",
    );
    let publishes = |publishes: Value| {
        let annotations = json!({"readOnlyHint": false});
        json!({"annotations": annotations, "publishes": publishes})
    };
    check(publishes(json!(false)), "`publishes` must be true, or an object of params");
    check(publishes(json!({})), "`publishes` must be true, or an object of params");
    check(publishes(json!({"owner": true})), "`publishes` must be true, or an object of params");
    check(publishes(json!({"owner": []})), "`publishes` must be true, or an object of params");
    check(publishes(json!({"ownr": "given"})), "\"ownr\", which is not a param of the tool");
    let reads = json!({"annotations": {"readOnlyHint": true}, "publishes": true});
    check(reads, "`publishes` is for a tool that changes something");
    check(json!({"extra": 1}), "tool list_things: unknown field `extra`");
    check(param(&json!({"format": "email"})), "unknown variant `email`");
    check(
        param(&json!({"format": "date", "enum": ["2026-11-30"]})),
        "`format` is only for strings",
    );
    check(param(&json!({"format": "date", "type": "integer"})), "`format` is only for strings");
    check(
        param(&json!({"format": "date", "default": "2026-02-30"})),
        "does not fit the param's own",
    );
    check(param(&json!({"null_as": "none", "description": "Or none."})), "can be null");
    check(param(&json!({"null_as": "none", "in": "local"})), "must say what `none` does");
    check(json!({"output": null}), "needs either `request` and `output`, or `handler`");
    check(json!({"handler": "by_hand"}), "needs either `request` and `output`, or `handler`");
    check(json!({"text": true}), "`text` is for handlers");
    let across =
        |across: Value| json!({"annotations": {"readOnlyHint": true}, "across_accounts": across});
    check(json!({"across_accounts": {}}), "across_accounts: only what reads");
    check(across(json!({"sort": "id"})), "across_accounts: unknown field `sort`");
    check(across(json!({"sort_by": "start"})), "`sort_by`: there is no column `start`");
    check(across(json!({"together": true})), "`together` is for handlers");
    check(
        json!({"handler": "nobody", "request": null, "output": null, "params": {}}),
        "no handler hook `nobody`",
    );
    check(
        json!({"request": {"method": "GET", "path": "/x/{owner}/{id}"}}),
        "the path's `{id}` is not a param",
    );
    check(json!({"request": {"method": "GET", "path": "/x"}}), "the path must have `{owner}` once");
    check(json!({"request": {"method": "GET", "path": "x/{owner}"}}), "is not a path");
    check(json!({"request": {"method": "GET", "path": "/x/../{owner}"}}), "is not a path");
    check(json!({"request": {"method": "GET", "path": "/x/{owner}?a=b"}}), "is not a path");
    check(
        json!({"request": {"method": "FETCH", "path": "/x/{owner}"}}),
        "request: unknown variant `FETCH`",
    );
    check(
        json!({"request": {"method": "GET", "path": "/x/{owner}", "body": {"a": 1}}}),
        "this method sends no body",
    );
    check(
        json!({"request": {"method": "GET", "path": "/x/{owner}", "query": {"a": []}}}),
        "query `a` must be",
    );
    check(
        json!({"request": {"method": "POST", "path": "/x/{owner}", "page_in": "query"}}),
        "`page_in: query` needs a GET",
    );
    check(
        json!({"request": {"method": "GET", "path": "/x/{owner}", "graphql": "{ x }"}}),
        "must be a POST",
    );
    check(
        json!({"request": {"method": "GET", "path": "/x/{owner}", "headers": {"a b": "c"}}}),
        "not a valid header name",
    );
    check(
        json!({"request": {"method": "GET", "path": "/x/{owner}", "headers": {"Authorization": "c"}}}),
        "the credential's",
    );
    check(json!({"output": {"text": ""}}), "`page_in` needs an output with `items`");
    let paged = |pagination: Value, page_in: Value| json!({"request": {"method": "GET", "path": "/x/{owner}", "page_in": page_in, "pagination": pagination}});
    let query = || json!("query");
    check(paged(json!({"kind": "link_header"}), Value::Null), "`pagination` needs `page_in`");
    check(
        paged(json!({"kind": "link_header"}), json!("body")),
        "`page_in: body` is not for pages by link",
    );
    check(
        paged(json!({"kind": "token", "token": "t", "token_as": "t"}), json!("body")),
        "this method sends no body",
    );
    check(paged(json!({"kind": "pages"}), query()), "request, pagination: unknown variant `pages`");
    check(
        paged(json!({"kind": "link_header", "link": "next"}), query()),
        "link_header takes nothing",
    );
    check(paged(json!({"kind": "next_link"}), query()), "next_link `link`");
    check(paged(json!({"kind": "token", "token": "t"}), query()), "`token` and `token_as`");
    check(paged(json!({"kind": "token", "token": "t", "token_as": ""}), query()), "must be names");
    check(
        paged(json!({"kind": "offset", "start_as": "s", "total": "a[0]"}), query()),
        "`a[0]` is not a path",
    );
    check(
        paged(json!({"kind": "offset", "start_as": "color"}), query()),
        "param cursor: another param",
    );
    check(paged(json!({"kind": "link_header", "max_limit": 9}), query()), "need `limit_as`");
    check(
        paged(
            json!({"kind": "link_header", "limit_as": "n", "max_limit": 9, "default_limit": 10}),
            query(),
        ),
        "`max_limit`",
    );
    check(
        json!({"output": {"fields": {"document": "text"}}, "request": {"method": "GET", "path": "/x/{owner}"}}),
        "the text's own",
    );
    check(json!({"output": {"items": "", "text": "", "fields": {}}}), "must be one of");
    check(
        json!({"output": {"document": "a"}, "request": {"method": "GET", "path": "/x/{owner}"}}),
        "must be one of",
    );
    check(json!({"output": {"items": "a[]", "fields": {"id": "id"}}}), "must lead to one place");
    check(
        json!({"output": {"items": "", "fields": {"id": "a[0]"}}}),
        "field id: `a[0]` is not a path",
    );
    check(json!({"output": {"items": "", "fields": {"id": 7}}}), "field id: must be a path, or");
    check(
        json!({"output": {"items": "", "fields": {"id": {"path": "id", "hook": "nobody"}}}}),
        "no field hook `nobody`",
    );
    let when = |when: &str, kind: &str| {
        let mut tool = param(&json!({"type": kind}));
        tool["output"] = json!({"items": "", "fields": {"id": {"path": "id", "when": when}}});
        tool
    };
    check(when("more", "boolean"), "field id: `when`: there is no boolean param `more`");
    check(when("p", "string"), "field id: `when`: there is no boolean param `p`");
    check(json!({"before": "nobody"}), "before: there is no arguments hook `nobody`");
    check(json!({"after": "nobody"}), "after: there is no result hook `nobody`");
    check(json!({"hints": {"too_small": "Ask for more."}}), "hint too_small: there are hints for");
    check(param(&json!({"in": "header"})), "tool list_things, param p: unknown variant `header`");
    check(param(&json!({"type": ["string"]})), "param p: ");
    check(param(&json!({"typ": "string"})), "param p: unknown field `typ`");
    check(param(&json!({"description": ""})), "`description` is missing");
    check(param(&json!({"required": true, "default": "x"})), "exclude each other");
    check(param(&json!({"type": "integer", "default": "x"})), "the default \"x\" does not fit");
    check(
        param(&json!({"type": "integer", "enum": [1, "2"]})),
        "the enum's \"2\" is not of type integer",
    );
    check(param(&json!({"minimum": 1})), "only for numbers");
    check(param(&json!({"type": "array"})), "an array needs `items`");
    check(param(&json!({"items": {"type": "string"}})), "`items` is only for arrays");
    check(
        param(&json!({"properties": {"a": {"type": "string"}}})),
        "properties are only for objects",
    );
    check(param(&json!({"type": "object"})), "an object has no form in a query");
    check(param(&json!({"join": ","})), "`join` is only for an array in the query");
    check(param(&json!({"max_items": 1})), "`max_items` is only for arrays");
    check(param(&json!({"type": "integer", "max_length": 1})), "`max_length` is only for strings");
    check(param(&json!({"nullable": true})), "are only for what can be null");
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
        let param =
            |name: &str| json!({"in": "body", "as": name, "type": "string", "description": "D"});
        let tool = json!({
            "request": {"method": "POST", "path": "/x", "body": fixed}, "output": {"done": "Done."},
            "params": {"a": param(names[0]), "b": param(names[1])}
        });
        let found = findings(&file(&tool).to_string());
        assert_eq!(
            found.iter().any(|finding| finding.contains("the same place")),
            clash,
            "{names:?} {found:?}"
        );
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
    assert!(
        found.contains("param limit: another param or the fixed body")
            && found.contains("param cursor: another"),
        "{found}"
    );
}

#[test]
fn a_list_of_credentials_is_checked_one_by_one() {
    let check = |auth: Value, expected: &str| {
        let mut file = file(&BY_DATA);
        file["auth"] = auth;
        file["base_url_env"] = "SHOP_API_URL|".into();
        let found = findings(&file.to_string()).join("\n");
        assert!(
            found.contains(expected)
                && found.contains("base_url_env: `SHOP_API_URL|` names no variable"),
            "{found}"
        );
    };
    let right = || json!({"kind": "bearer", "env": ["SHOP_TOKEN|OTHER_TOKEN"]});
    check(json!([]), "auth: there is no alternative");
    check(json!([right(), {"kind": "basic", "env": ["SHOP_USER"]}]), "basic needs two variables");
    check(
        json!([right(), {"kind": "digest", "env": ["SHOP_USER"]}]),
        "auth: unknown variant `digest`",
    );
    check(json!({"kind": "bearer", "env": ["shop_token"]}), "`shop_token` names no variable");
    check(json!({"kind": "bearer", "env": ["SHOP_TOKEN|"]}), "names no variable");
    check(json!({"kind": "bearer", "env": ["SHOP__TOKEN"]}), "names no variable");
    let mut file = file(&BY_DATA);
    file["base_url_required"] = true.into();
    assert!(findings(&file.to_string())[0].contains("base_url_required: needs `base_url_env`"));
}

#[test]
fn versions_without_a_place_and_pages_that_are_none_are_findings() {
    let check = |member: &str, value: Value, part: &str| {
        let mut file = file(&BY_DATA);
        file[member] = value;
        let found = findings(&file.to_string());
        assert!(found.iter().any(|finding| finding.contains(part)), "{part:?} is not in {found:?}");
    };
    let versions = |value: Value, part: &str| check("versions", value, part);
    versions(json!({"path": "/versions"}), "versions: missing field `url`");
    versions(
        json!({"url": "versions", "path": ""}),
        "versions: `url` must be an http or https URL, or a path",
    );
    versions(json!({"url": "ftp://shop.example/versions", "path": ""}), "versions: `url` must be");
    versions(json!({"url": "https://someone@shop.example", "path": ""}), "versions: `url` must be");
    versions(json!({"url": "https://a b", "path": ""}), "versions: `url` must be");
    versions(json!({"url": "//elsewhere.example/versions", "path": ""}), "versions: `url` must be");
    versions(json!({"url": "/versions"}), "versions: needs either `path`");
    versions(
        json!({"url": "/versions", "path": "", "header": "x-version"}),
        "versions: needs either `path`",
    );
    versions(json!({"url": "/versions", "path": "a[b]"}), "versions: `a[b]` is not a path");
    versions(
        json!({"url": "/versions", "header": "x version"}),
        "versions: `x version` is not a valid HTTP header name",
    );
    check("changelog", json!("shop.example/changes"), "changelog: must be the URL");
    check("changelog", json!("https://shop.example/a change"), "changelog: must be the URL");
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
        ": module: `Shop` must be snake_case",
        ": base_url: must be",
        ": auth: `env`: basic needs two variables",
        ": pagination: ",
        ": headers: `accept`",
        ": tool Bad: the name must be",
        ": tool Bad: `docs` must be",
        ": tool Bad, param P: the name must be",
        ": tool Bad, param P: missing field `type`",
        ": tool Bad, request: the path's `{owner}` is not a param",
        "shop.json:1:1: nothing cites the handler hook `by_hand`",
    ] {
        assert!(found.contains(part), "{part:?} is not among\n{found}");
    }
}

#[test]
fn a_finding_points_at_what_it_is_about() {
    let text = r#"{
  "module": "shop", "title": "Shop", "description": "D", "base_url": "https://shop.example",
  "headers": {
    "accept": "a", "authorization": "b"
  },
  "tools": [
    {
      "name": "list_things", "description": "D", "docs": "https://shop.example",
      "request": {"method": "GET", "path": "/things", "query": {"a": 1,
        "b": []}},
      "params": {
        "\u006fne": {"in": "query", "type": "string",
          "default": 5, "description": "D"},
        "two": {"in": "body", "type": "object", "description": "D", "properties": {
          "inner": {"type": "strin"}
        }}
      },
      "output": {"items": "", "fields": {"a": "a", "b": "b",
         "c": "c["}}
    },
    {"name": "Done", "description": "é", "docs": "none",
     "request": {"method": "POST", "path": "/done"}, "output": {"don": "Done."}}
  ]
}"#;
    let Err(found) = manifest::parse_own("shop.json", text) else { panic!("much is wrong") };
    let places: Vec<_> = found
        .iter()
        .map(|finding| finding.to_string().split(": ").take(2).collect::<Vec<_>>().join(": "))
        .collect();
    let expected = [
        "shop.json:4:20: headers",
        "shop.json:9:55: tool list_things, request",
        "shop.json:13:11: tool list_things, param one",
        "shop.json:15:11: tool list_things, param two, property inner",
        "shop.json:19:10: tool list_things, output, field c",
        "shop.json:21:6: tool Done",
        "shop.json:21:43: tool Done",
        "shop.json:22:54: tool Done, output",
    ];
    assert_eq!(places, expected, "{found:#?}");
}

#[test]
fn a_hostile_file_is_refused_in_words() {
    let right = file(&BY_DATA);
    let with = |name: &str, value: Value| {
        let mut file = right.clone();
        file[name] = value;
        file.to_string()
    };
    let check = |text: &str, expected: &str| {
        let beginning: String = text.chars().take(60).collect();
        let Err(found) = manifest::parse_own("shop.json", text) else {
            panic!("{beginning} is right")
        };
        assert!(found.len() <= 201, "{beginning}: {} findings", found.len());
        let told = found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        assert!(told.contains(expected), "{beginning}: {told} lacks {expected:?}");
    };
    check("", "shop.json:1:0: EOF while parsing a value");
    check("\u{feff}{}", "shop.json:1:1: expected value");
    check("null", "invalid type: null, expected struct Module");
    check("[]", "invalid length 0");
    check("\"{}\"", "expected struct Module");
    check("{\"module\": \"a\"} trailing", "shop.json:1:15: missing field `title`");
    check(&"[".repeat(1_000_000), "shop.json:1:1: invalid type: sequence, expected a string");
    check(&format!("{{\"tools\": {}", "[".repeat(100_000)), "recursion limit exceeded");
    check(
        &format!("{{\"tools\": [{}1{}]}}", "{\"a\":".repeat(100_000), "}".repeat(100_000)),
        "recursion limit exceeded",
    );
    check(
        &format!("{{\"nothing\": {}{}}}", "[".repeat(100_000), "]".repeat(100_000)),
        "unknown field `nothing`",
    );
    check(&with("tools", json!(vec![1; 100_000])), "Too many errors");
    check(&with("tools", json!({})), "invalid type: map, expected a sequence");
    check(
        &with("tools", json!([null, {"name": 5}, [], {}])),
        "tool 2: invalid type: number, expected a string",
    );
    check(&with("headers", json!({"accept": ["a"]})), "expected a string");
    check(
        &with("auth", json!("bearer")),
        "auth: invalid type: string \"bearer\", expected struct Auth",
    );
    check(&with("pagination", json!([])), "pagination: invalid length 0");
    check(&with("base_url", json!("https://a b")), "base_url: must be an http or https URL");
    check(&with("module", json!("x".repeat(100))), "is longer than 60 characters");
    let tool = |changes: Value| {
        let file = file(&changes);
        file.to_string()
    };
    check(&tool(json!({"params": []})), "invalid type: sequence, expected a map");
    check(
        &tool(json!({"params": {"p": 1}})),
        "param p: invalid type: number, expected struct Param",
    );
    check(
        &tool(json!({"params": {"": {"in": "query", "type": "string", "description": "D"}}})),
        "param : the name must be snake_case",
    );
    check(&tool(json!({"request": "GET /"})), "request: invalid type: string");
    check(&tool(json!({"request": {"method": "get", "path": "/"}})), "unknown variant `get`");
    check(&tool(json!({"output": {"fields": {"a": {"path": 1}}}})), "field a: must be a path");
    check(
        &tool(json!({"annotations": {"readOnlyHint": "yes"}})),
        "annotations: invalid type: string \"yes\", expected a boolean",
    );
    let twice = right.to_string().replacen("\"params\":{", "\"params\":{},\"params\":{", 1);
    check(&twice, ": `params` is here a second time");
    let names: String = (0..100_000).map(|_| "\"a\":1,").collect();
    check(
        &right.to_string().replacen('{', &format!("{{\"headers\":{{{names}\"b\":\"\"}},"), 1),
        "expected a string",
    );
}

#[test]
fn a_file_that_cannot_be_text_is_refused_without_waiting() {
    let folder =
        Folder::new("files_that_are_none", &[("large.json", &" ".repeat(5 * 1024 * 1024))]);
    fs::write(folder.0.join("bytes.json"), b"\xff{}").unwrap();
    fs::create_dir_all(folder.0.join("folder.json")).unwrap();
    assert!(
        std::process::Command::new("mkfifo")
            .arg(folder.0.join("pipe.json"))
            .status()
            .unwrap()
            .success()
    );
    std::os::unix::fs::symlink(folder.0.join("nowhere"), folder.0.join("away.json")).unwrap();
    let found = modules::Folder::new(folder.0.clone()).add_to(&mut Registry::default());
    let problems: Vec<_> =
        found.iter().map(|finding| finding.problem.split(':').next().unwrap()).collect();
    assert_eq!(
        problems,
        [
            "cannot be read",
            "is not UTF-8 text",
            "is not a file",
            "is larger than 4 MiB",
            "is not a file"
        ],
        "{found:?}"
    );
}

#[test]
fn a_folder_keeps_what_was_right_and_tells_everything_once() {
    let right = file(&BY_DATA).to_string();
    let named = |name: &str| right.replace(r#""module":"shop""#, &format!(r#""module":"{name}""#));
    let folder =
        Folder::new("a_folder_keeps", &[("a.json", &named("first")), ("b.json", &named("second"))]);
    let mut followed = modules::Folder::new(folder.0.clone());
    let mut read = || {
        let mut registry = Registry::default();
        let found: Vec<_> =
            followed.add_to(&mut registry).into_iter().map(|finding| finding.problem).collect();
        assert!(!followed.changed());
        (
            registry
                .modules()
                .iter()
                .map(|module| module.name.clone())
                .collect::<Vec<_>>()
                .join(" "),
            found.join("; "),
        )
    };
    let write = |name: &str, text: &str| fs::write(folder.0.join(name), text).unwrap();
    let mut check = |modules: &str, problems: &str| {
        assert_eq!(read(), (modules.to_owned(), problems.to_owned()));
    };
    check("first second", "");
    write("b.json", "{");
    check("first second", "EOF while parsing an object");
    write("c.json", &named("third"));
    check("first second third", "");
    // A module that takes the name of another is rejected, and the other stays unchanged.
    write("c.json", &named("first"));
    check("first second third", "there is a module `first` already");
    fs::remove_file(folder.0.join("a.json")).unwrap();
    check("second first", "");
    fs::remove_file(folder.0.join("b.json")).unwrap();
    check("first", "");
    fs::rename(&folder.0, folder.0.with_extension("away")).unwrap();
    let gone = read();
    fs::rename(folder.0.with_extension("away"), &folder.0).unwrap();
    assert!(gone.0 == "first" && gone.1.starts_with("cannot be read"), "{gone:?}");
    assert_eq!(read(), ("first".to_owned(), String::new()));
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
        // The rest of it is in the build folder and is removed with it.
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
    let found: Vec<_> = modules::Folder::new(folder.0.clone())
        .add_to(&mut registry)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[0].contains("a-broken.json:1:1: EOF while parsing"), "{found:?}");
    assert!(
        found[1].contains("c-again.json:1:2: module: there is a module `shop` already"),
        "{found:?}"
    );
    assert!(
        found[2].contains("d-built-in.json:1:2: module: there is a module `github` already"),
        "{found:?}"
    );
    assert!(
        registry.published("shop_list_things").is_some()
            && registry.published("other_list_things").is_some()
    );

    let found = modules::Folder::new(folder.0.join("nowhere")).add_to(&mut registry);
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
    assert!(
        registry.module("github").is_some_and(|module| module.tool("get_repository").is_some())
    );
    assert!(registry.module("nobody").is_none());
}
