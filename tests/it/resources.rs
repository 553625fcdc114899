//! Resources and completion, as clients of both eras see them.

use serde_json::{Value, json};

use crate::fake_upstream::{Answer, Exchange, FakeUpstream};
use crate::product::{CANARY, Product, Settings, json_of, modern};
use crate::prompts::check_list;

fn with_upstream(upstream: &FakeUpstream) -> Product {
    Product::start(&Settings { upstream: Some(upstream), ..Settings::default() })
}

fn get(target: &str, body: impl Into<Vec<u8>>) -> Exchange {
    Exchange::new("GET", target, Answer::new(200, &[], body))
}

fn uris(product: &Product, path: &str, method: &str, member: &str, key: &str) -> Vec<String> {
    let list = product.result(path, method, json!({}));
    list[member]
        .as_array()
        .expect("a list")
        .iter()
        .map(|entry| entry[key].as_str().expect("a URI").to_owned())
        .collect()
}

fn templates(product: &Product, path: &str) -> Vec<String> {
    uris(product, path, "resources/templates/list", "resourceTemplates", "uriTemplate")
}

fn fixed(product: &Product, path: &str) -> Vec<String> {
    uris(product, path, "resources/list", "resources", "uri")
}

#[test]
fn the_lists_are_those_of_the_snapshot_in_both_eras() {
    let product = Product::start(&Settings::default());
    let session = product.session("2025-11-25");
    for (method, member, key) in [
        ("resources/list", "resources", "uri"),
        ("resources/templates/list", "resourceTemplates", "uriTemplate"),
    ] {
        let list = product.result("/mcp", method, json!({}));
        let of_services: Vec<_> = list[member]
            .as_array()
            .expect("a list")
            .iter()
            .filter(|entry| !entry[key].as_str().unwrap().starts_with("notes:"))
            .collect();
        check_list(
            if key == "uri" { "resources" } else { "resource_templates" },
            &json!(of_services),
        );
        let legacy = json_of(&product.send(&session.request(method, json!({}))));
        assert_eq!(legacy["result"][member], list[member]);
    }
}

#[test]
fn a_resource_is_read_by_its_tool() {
    let check = |uri: &str, exchange: Exchange, mime_type: &str, text: &str| {
        let upstream = FakeUpstream::new([exchange.clone(), exchange]);
        let product = with_upstream(&upstream);
        let result = product.result("/mcp", "resources/read", json!({"uri": uri}));
        let meta = json!({mcpist::app::UNTRUSTED: true});
        assert_eq!(
            result["contents"],
            json!([{"uri": uri, "mimeType": mime_type, "text": text, "_meta": meta}])
        );
        assert_eq!((&result["ttlMs"], &result["cacheScope"]), (&json!(0), &json!("private")));
        let session = product.session("2025-06-18");
        let legacy =
            json_of(&product.send(&session.request("resources/read", json!({"uri": uri}))));
        assert_eq!(legacy["result"], json!({"contents": result["contents"]}));
    };
    let of_github = |target: &str, body: &str| {
        get(target, body).with_header("authorization", &format!("Bearer {CANARY}"))
    };
    check(
        "github://o/r/contents/src/a%20b.rs",
        of_github("/repos/o/r/contents/src/a%20b.rs", "fn main() {}\n"),
        "text/plain",
        "fn main() {}\n",
    );
    check(
        "GitHub://o%20x/r/contents/a%3Fb",
        of_github("/repos/o%20x/r/contents/a%3Fb", "x"),
        "text/plain",
        "x",
    );
    check(
        "github://o/r/pulls/7/diff",
        of_github("/repos/o/r/pulls/7", "+a\n"),
        "text/plain",
        "+a\n",
    );
    check(
        "github://notifications",
        of_github("/notifications?all=false&participating=false&per_page=30", "[]"),
        "application/json",
        r#"{"items":[]}"#,
    );
    check(
        "notes://note/3",
        get("/notes/3", r#"{"id": 3, "title": "T"}"#),
        "application/json",
        r#"{"id":3,"title":"T"}"#,
    );
    check(
        "notes://all",
        get("/notes", r#"[{"id": 3, "title": "T"}]"#),
        "application/json",
        r#"{"items":[{"id":3,"title":"T"}]}"#,
    );
    let page = r##"{"id": "p", "markdown": "# Plan\n\n- a: b\n"}"##;
    check(
        "notion://page/195de9221179449fab8075a27c979105",
        get("/v1/pages/195de9221179449fab8075a27c979105/markdown", page),
        "text/markdown",
        "---\nid: p\n---\n\n# Plan\n\n- a: b\n",
    );
}

/// An image is a blob as a resource, an image block in a tool result, and a note in a JSON batch.
#[test]
fn an_image_is_a_blob_as_a_resource_and_never_a_text() {
    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
    let target = "/repos/o/r/contents/a.png";
    let raw = [("content-type", "application/vnd.github.raw+json; charset=utf-8")];
    let image = || Exchange::new("GET", target, Answer::new(200, &raw, PNG));
    let upstream = FakeUpstream::new((0..5).map(|_| image()));
    let product = with_upstream(&upstream);
    let uri = "github://o/r/contents/a.png";
    let blob = json!([{"uri": uri, "mimeType": "image/png", "blob": "iVBORw0KGgoAAAANSUhEUg=="}]);
    let read = json!({"uri": uri});
    assert_eq!(product.result("/mcp", "resources/read", read.clone())["contents"], blob);
    let session = product.session("2025-06-18");
    let legacy = json_of(&product.send(&session.request("resources/read", read)));
    assert_eq!(legacy["result"]["contents"], blob);

    let params = json!({"owner": "o", "repo": "r", "path": "a.png"});
    let call = json!({"module": "github", "tool": "get_file_contents", "params": params});
    let mut line = call.clone();
    line["id"] = json!("file");
    line["output"] = json!(true);
    for (path, name, arguments) in [
        ("/mcp", "call", call.clone()),
        ("/mcp?format=json", "call", call),
        ("/mcp?format=json", "batch", json!({"calls": [line]})),
    ] {
        let result =
            product.result(path, "tools/call", json!({"name": name, "arguments": arguments}));
        let image = &result["content"][1];
        if name == "batch" {
            assert!(result.to_string().contains("to see this image"), "{result}");
        } else {
            let data = &blob[0]["blob"];
            assert_eq!(
                (&image["type"], &image["mimeType"], &image["data"]),
                (&json!("image"), &json!("image/png"), data)
            );
        }
        let told = [&result["content"][0], &result["structuredContent"]].map(Value::to_string);
        let told = told.concat();
        assert!(told.contains("image/png"), "{path} {name}: {told}");
        assert!(!told.contains("iVBOR") && !told.contains('\u{fffd}'), "{path} {name}: {told}");
    }
}

/// Returns the code and message of a rejected `resources/read` in both eras; the requested URI is replaced by `…`.
fn refused(product: &Product, path: &str, uri: &str) -> [(i64, String); 2] {
    let session = product.session("2025-11-25");
    let posts = [
        modern("resources/read", json!({"uri": uri})).to(path),
        session.request("resources/read", json!({"uri": uri})).to(path),
    ];
    posts.map(|post| {
        let answer = json_of(&product.send(&post));
        let error = &answer["error"];
        (
            error["code"].as_i64().unwrap_or_else(|| panic!("{uri}: {answer}")),
            error.to_string().replace(uri, "…"),
        )
    })
}

#[test]
fn what_is_not_permitted_is_as_unknown_as_what_never_was() {
    let policy = r#"{"deny": ["github_get_file_contents", "notes_list_notes", "notion"]}"#;
    let product = Product::start(&Settings { policy: Some(policy), ..Settings::default() });
    let listed = (templates(&product, "/mcp"), fixed(&product, "/mcp"));
    for hidden in ["github://{owner}/{repo}/contents/{+path}", "notion://page/{id}", "notes://all"]
    {
        assert!(!listed.0.iter().chain(&listed.1).any(|uri| uri == hidden), "{hidden}: {listed:?}");
    }
    let unknown = refused(&product, "/mcp", "unheard-of://x");
    assert_eq!((unknown[0].0, unknown[1].0), (-32602, -32002));
    let nothing = [
        "github://o/r/contents/a",
        "notion://page/p",
        "notes://all",
        "notes://note/1?x=y",
        "notes://note/1#x",
        "notes://note",
        "",
        "notes:all",
    ];
    for uri in nothing.into_iter().filter(|uri| !uri.is_empty()) {
        let answers = refused(&product, "/mcp", uri);
        // The code of the legacy era stands in the text, too.
        assert_eq!(answers, unknown, "{uri}");
    }
    assert_eq!(refused(&product, "/mcp/notes", "github://notifications"), unknown);
}

#[test]
fn a_view_limits_the_resources() {
    let product = Product::start(&Settings::default());
    assert_eq!(
        (templates(&product, "/mcp/notes"), fixed(&product, "/mcp/notes")),
        (vec!["notes://note/{id}".to_owned()], vec!["notes://all".to_owned()])
    );
    assert!(templates(&product, "/mcp/github").iter().all(|uri| uri.starts_with("github://")));
    assert_eq!(templates(&product, "/mcp?readonly=true"), templates(&product, "/mcp"));
    assert_eq!(templates(&product, "/mcp/vault"), [""; 0]);
}

#[test]
fn a_uri_goes_no_further_than_its_tool_s_arguments() {
    let upstream = FakeUpstream::new([]);
    let product = with_upstream(&upstream);
    let check = |uri: &str, expected: &str| {
        for (code, error) in refused(&product, "/mcp", uri) {
            assert!(code == -32602 && error.contains(expected), "{uri}: {error}");
        }
    };
    check("github://o/r/contents/../../../user", "only dots");
    check("github://o/r/contents/%2e%2e/user", "only dots");
    check("github://%2e%2e/r/contents/a", "only dots");
    check("github://o/r/contents/a//b", "an empty part");
    check("github://o/r/contents/a%00b", "control character");
    check("github://o/r/issues/seven", "`issue_number` must be an integer");
    check("notes://note/1?account=work", "`account` is not one of the accounts");
}

#[test]
fn what_the_service_does_not_have_is_not_found() {
    let exchange = || Exchange::new("GET", "/notes/9", Answer::new(404, &[], "{}"));
    let upstream = FakeUpstream::new([exchange(), exchange()]);
    let product = with_upstream(&upstream);
    let subscribe = json!({"uri": "notes://note/9"});
    let subscribed = json_of(
        &product.send(&product.session("2025-11-25").request("resources/subscribe", subscribe)),
    );
    assert_eq!(subscribed["error"]["code"], -32601, "no service reports changes");
    let [(modern, error), (legacy, _)] = refused(&product, "/mcp", "notes://note/9");
    assert_eq!((modern, legacy), (-32602, -32002), "{error}");
    assert!(error.contains(r#""uri":"…""#), "{error}");
    // A service that needs a credential but has none.
    let (code, error) = &refused(&product, "/mcp", "supabase://projects")[0];
    assert!(*code == -32603 && error.contains("SUPABASE_ACCESS_TOKEN"), "{error}");
}

/// Returns the result of `completion/complete`.
fn complete(product: &Product, reference: &Value, name: &str, value: &str, known: Value) -> Value {
    let params = json!({"ref": reference, "argument": {"name": name, "value": value}, "context": {"arguments": known}});
    product.result("/mcp", "completion/complete", params)["completion"].take()
}

#[test]
fn a_variable_is_completed_out_of_the_service() {
    let file = json!({"type": "ref/resource", "uri": "github://{owner}/{repo}/contents/{+path}"});
    let prompt = json!({"type": "ref/prompt", "name": "triage_issues"});
    let repositories = |names: &[&str]| {
        json!(names.iter().map(|name| json!({"full_name": name})).collect::<Vec<_>>())
    };
    let found = |names: &[&str]| json!({"items": repositories(names)}).to_string();
    let mine = "/user/repos?visibility=all&sort=pushed&per_page=100";
    let search =
        "/search/repositories?q=user%3AOcto%20fork%3Atrue&sort=updated&order=desc&per_page=100";
    let next = Answer::new(
        200,
        &[("link", "<{upstream}/search/repositories?page=2>; rel=\"next\"")],
        found(&["octo/one", "octo/two"]),
    );
    let upstream = FakeUpstream::new([
        get(mine, repositories(&["Octo/a", "other/b", "octopus/c", "Octo/d"]).to_string()),
        get(search, found(&["octo/one", "octo/only", "octo/two", "octopus/one"])),
        Exchange::new("GET", search, next),
        get(
            "/notes",
            r#"[{"id": 12, "title": "a"}, {"id": 3, "title": "b"}, {"id": 1, "title": null}]"#,
        ),
        get("/notes", json!((0..250).map(|id| json!({"id": id})).collect::<Vec<_>>()).to_string()),
    ]);
    let product = with_upstream(&upstream);
    let check = |reference: &Value, name: &str, value: &str, known: Value, expected: Value| {
        assert_eq!(
            complete(&product, reference, name, value, known),
            expected,
            "{reference} {name} {value}"
        );
    };
    check(
        &file,
        "owner",
        "oct",
        json!({}),
        json!({"values": ["Octo", "octopus"], "total": 2, "hasMore": false}),
    );
    check(
        &prompt,
        "repo",
        "ON",
        json!({"owner": "Octo"}),
        json!({"values": ["one", "only"], "total": 2, "hasMore": false}),
    );
    check(
        &file,
        "repo",
        "",
        json!({"owner": "Octo"}),
        json!({"values": ["one", "two"], "hasMore": true}),
    );
    let note = json!({"type": "ref/resource", "uri": "notes://note/{id}"});
    check(
        &note,
        "id",
        "1",
        json!({}),
        json!({"values": ["12", "1"], "total": 2, "hasMore": false}),
    );
    let many = complete(&product, &note, "id", "", json!({}));
    assert_eq!(
        (many["values"].as_array().map(Vec::len), &many["total"], &many["hasMore"]),
        (Some(100), &json!(250), &json!(true))
    );
}

#[test]
fn what_cannot_be_known_is_completed_by_nothing() {
    let nothing = json!({"values": [], "total": 0, "hasMore": false});
    let file = json!({"type": "ref/resource", "uri": "github://{owner}/{repo}/contents/{+path}"});
    let upstream = FakeUpstream::new([Exchange::new(
        "GET",
        "/user/repos?visibility=all&sort=pushed&per_page=100",
        Answer::new(404, &[], "{}"),
    )]);
    let product = with_upstream(&upstream);
    // The service fails; the owner is not known; nothing completes a path; the service is not connected.
    assert_eq!(complete(&product, &file, "owner", "", json!({})), nothing);
    assert_eq!(complete(&product, &file, "repo", "", json!({})), nothing);
    assert_eq!(complete(&product, &file, "path", "", json!({})), nothing);
    let tables = json!({"type": "ref/resource", "uri": "supabase://project/{project_ref}/tables"});
    assert_eq!(complete(&product, &tables, "project_ref", "", json!({})), nothing);
    // The tool that knows is not permitted.
    let product = Product::start(&Settings {
        policy: Some(r#"{"deny": ["github_list_my_repositories"]}"#),
        ..Settings::default()
    });
    assert_eq!(complete(&product, &file, "owner", "", json!({})), nothing);
}

#[test]
fn a_reference_that_is_none_is_refused_like_a_hidden_one() {
    let policy = r#"{"deny": ["github_get_file_contents", "github_get_issue"]}"#;
    let product = Product::start(&Settings { policy: Some(policy), ..Settings::default() });
    let answer = |reference: Value, name: &str| {
        let params = json!({"ref": reference, "argument": {"name": name, "value": ""}});
        let answer = json_of(&product.send(&modern("completion/complete", params)));
        assert_eq!(answer["error"]["code"], -32602, "{answer}");
        let known = reference["uri"]
            .as_str()
            .or(reference["name"].as_str())
            .expect("a reference")
            .to_owned();
        answer["error"].to_string().replace(&known, "…")
    };
    let resource = |uri: &str| json!({"type": "ref/resource", "uri": uri});
    let prompt = |name: &str| json!({"type": "ref/prompt", "name": name});
    assert_eq!(
        answer(resource("github://{owner}/{repo}/contents/{+path}"), "owner"),
        answer(resource("unheard-of://{owner}"), "owner")
    );
    assert_eq!(answer(prompt("triage_issues"), "owner"), answer(prompt("unheard_of"), "owner"));
    assert!(answer(resource("github://{owner}/{repo}"), "path").contains("It has: owner, repo."));
    assert!(
        answer(prompt("review_pull_request"), "path")
            .contains("It has: owner, repo, number, focus.")
    );
}
