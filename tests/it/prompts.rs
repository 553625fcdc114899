//! Prompts, as clients of both eras see them.

use serde_json::{Value, json};

use crate::modules::{folder, pretty, updating};
use crate::product::{Product, Settings, json_of, modern};

fn with_policy(policy: &str) -> Product {
    Product::start(&Settings { policy: Some(policy), ..Settings::default() })
}

fn names(product: &Product, path: &str) -> Vec<String> {
    let list = product.result(path, "prompts/list", json!({}));
    let names = list["prompts"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|prompt| prompt["name"].as_str().expect("a name").to_owned());
    names.collect()
}

/// The text of a prompt.
fn text(product: &Product, path: &str, name: &str, arguments: Value) -> String {
    let result = product.result(path, "prompts/get", json!({"name": name, "arguments": arguments}));
    let message = &result["messages"][0];
    assert_eq!(
        (&message["role"], &message["content"]["type"]),
        (&json!("user"), &json!("text")),
        "{result}"
    );
    message["content"]["text"].as_str().expect("a text").to_owned()
}

/// Compares a list with its file in `tests/lists`.
pub fn check_list(name: &str, list: &Value) {
    let path = folder("lists").join(format!("{name}.json"));
    if updating() {
        std::fs::create_dir_all(folder("lists")).expect("the folder can be made");
        std::fs::write(&path, pretty(list)).expect("the list can be written");
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        expected == pretty(list),
        "differs from {}; UPDATE_SNAPSHOTS=1 writes it",
        path.display()
    );
}

#[test]
fn the_prompts_are_those_of_the_snapshot_in_both_eras() {
    let product = Product::start(&Settings::default());
    let list = product.result("/mcp", "prompts/list", json!({}));
    assert_eq!((&list["resultType"], &list["cacheScope"]), (&json!("complete"), &json!("private")));
    check_list("prompts", &list["prompts"]);
    let session = product.session("2025-11-25");
    let legacy = json_of(&product.send(&session.request("prompts/list", json!({}))));
    assert_eq!(legacy["result"]["prompts"], list["prompts"]);
    let get = json!({"name": "summarize_page", "arguments": {"page": "Roadmap"}});
    let legacy = json_of(&product.send(&session.request("prompts/get", get)));
    let modern = text(&product, "/mcp", "summarize_page", json!({"page": "Roadmap"}));
    assert_eq!(legacy["result"]["messages"][0]["content"]["text"], modern);
}

#[test]
fn a_prompt_cites_its_calls_as_the_view_makes_them() {
    let product = Product::start(&Settings::default());
    let arguments = || json!({"owner": "o\"x", "repo": "r", "number": "7", "focus": "  "});
    let meta = text(&product, "/mcp", "review_pull_request", arguments());
    let call = json!({"module": "github", "tool": "get_pull_request", "params": {"owner": "o\"x", "repo": "r", "pull_number": "7"}});
    assert!(meta.contains(&format!("`{call}`")) && meta.contains("get_module_schema"), "{meta}");
    // An argument that is missing leaves no trace.
    assert!(!meta.contains("{{") && !meta.contains("above all"), "{meta}");
    for path in ["/mcp/github", "/mcp?tools=direct"] {
        let direct = text(&product, path, "review_pull_request", arguments());
        let call = json!({"owner": "o\"x", "repo": "r", "pull_number": "7"});
        assert!(
            direct.contains(&format!("`github_get_pull_request {call}`"))
                && !direct.contains("get_module_schema"),
            "{direct}"
        );
    }
    let run =
        text(&product, "/mcp/github", "explain_failed_run", json!({"owner": "o", "repo": "r"}));
    assert!(
        run.contains(
            r#"`github_list_workflow_runs {"owner":"o","repo":"r","status":"failure","limit":5}`"#
        ),
        "{run}"
    );
}

#[test]
fn a_prompt_is_there_where_its_tools_are_and_cites_no_other() {
    let of_github = [
        "weekly_report",
        "tidy_notifications",
        "triage_issues",
        "review_pull_request",
        "explain_failed_run",
    ];
    let product = Product::start(&Settings::default());
    assert_eq!(names(&product, "/mcp/github"), of_github);
    assert_eq!(names(&product, "/mcp/notion"), ["summarize_page"]);
    assert_eq!(names(&product, "/mcp?readonly=true"), names(&product, "/mcp"));
    assert_eq!(names(&product, "/mcp/notes"), [""; 0]);
    let report = text(&product, "/mcp/github", "weekly_report", json!({}));
    assert!(
        report.contains("github_search_issues")
            && !report.contains("jira")
            && !report.contains("calendar"),
        "{report}"
    );
    let triage =
        |path: &str| text(&product, path, "triage_issues", json!({"owner": "o", "repo": "r"}));
    assert!(
        triage("/mcp").contains("update_issue")
            && !triage("/mcp?readonly=true").contains("update_issue")
    );

    let product =
        with_policy(r#"{"deny": ["github_get_issue", "confluence_get_page", "notion_read_page"]}"#);
    let listed = names(&product, "/mcp");
    assert!(
        !listed.iter().any(|name| name == "triage_issues" || name == "summarize_page"),
        "{listed:?}"
    );
    let answer = |name: &str| {
        let reply = product.send(&modern("prompts/get", json!({"name": name, "arguments": {}})));
        (reply.status, reply.body.replace(name, "…"))
    };
    assert_eq!(answer("triage_issues"), answer("unheard_of"));
    assert!(answer("triage_issues").1.contains("-32602"));
    assert_eq!(names(&with_policy(r#"{"allow": []}"#), "/mcp"), [""; 0]);
}

#[test]
fn a_wrong_argument_is_named() {
    let product = Product::start(&Settings::default());
    let check = |arguments: Value, expected: &str| {
        let answer = json_of(&product.send(&modern(
            "prompts/get",
            json!({"name": "triage_issues", "arguments": arguments}),
        )));
        let error = &answer["error"];
        assert!(error["code"] == -32602 && error.to_string().contains(expected), "{answer}");
    };
    check(json!({"owner": "o"}), r#"argument \"repo\" is missing"#);
    check(json!({"owner": "o", "repo": " "}), r#"argument \"repo\" is missing"#);
    check(json!({"owner": "o", "repo": 7}), "params.arguments.repo must be a string");
    check(
        json!({"owner": "o", "repo": "r".repeat(2_001)}),
        r#"argument \"repo\" is longer than 2000 characters"#,
    );
    check(json!({"owner": "o", "repo": "r", "label": "x"}), r#"argument \"label\" does not exist"#);
}
