//! Tools of Notion and Supabase where one case does not say enough: what is refused before anything is sent, what takes
//! several requests, and what must not be lost.

use std::time::Duration;

use mcpist::access::Credential;
use mcpist::engine::Connection;
use mcpist::upstream::{Upstream, UpstreamConfig};
use serde_json::{Value, json};

use crate::fake_upstream::{Answer, Exchange, FakeUpstream, call_tool};
use crate::modules::registry;

const PAGE: &str = "195de9221179449fab8075a27c979105";
const OTHER: &str = "095de9221179449fab8075a27c979105";
const REF: &str = "abcdefghijklmnopqrst";

/// What a tool gives, or its error's text; fails unless exactly these requests were made.
fn call(tool: &str, arguments: Value, exchanges: Vec<Exchange>) -> Result<Value, String> {
    let registry = registry();
    let (module, tool) = registry.published(tool).unwrap_or_else(|| panic!("there is no {tool}"));
    let fake = FakeUpstream::new(exchanges);
    let upstream = Upstream::new(UpstreamConfig {
        first_backoff: Duration::from_millis(1),
        ..UpstreamConfig::default()
    });
    let credential = Credential::bearer("a-token-that-must-not-leak");
    let connection = Connection { credential: Some(&credential), base_url: &fake.url() };
    let arguments = arguments.as_object().expect("they are an object").clone();
    call_tool(&upstream, (module, tool), connection, arguments).map_err(|error| error.to_string())
}

fn get(target: &str, body: Value) -> Exchange {
    Exchange::new("GET", target, Answer::new(200, &[], body.to_string()))
}

fn sent(method: &str, target: &str, body: Value, answer: Value) -> Exchange {
    Exchange::new(method, target, Answer::new(200, &[], answer.to_string())).with_body(body)
}

fn gone(target: &str) -> Exchange {
    Exchange::new("GET", target, Answer::new(404, &[], r#"{"code":"object_not_found"}"#))
}

/// Fails unless the tool refuses the arguments, in these words, without a request.
fn refused(tool: &str, arguments: Value, part: &str) {
    let told = call(tool, arguments.clone(), Vec::new());
    let error = told.expect_err(tool);
    assert!(error.contains(part), "{tool} {arguments}: {error}");
}

fn run(text: &str, bold: bool) -> Value {
    json!({"type": "text", "text": {"content": text, "link": null}, "plain_text": text, "annotations": {"bold": bold}})
}

fn page(properties: Value) -> Value {
    json!({"object": "page", "id": PAGE, "parent": {"type": "data_source_id", "data_source_id": OTHER},
        "url": "https://www.notion.so/x", "properties": properties})
}

#[test]
fn notion_is_not_asked_for_what_it_refuses_or_reads_otherwise() {
    for (arguments, part) in [
        (
            json!({"data_source_id": PAGE, "filter_value": "Done"}),
            "`filter_value` needs `filter_property`",
        ),
        (
            json!({"data_source_id": PAGE, "filter_condition": "is_empty"}),
            "`filter_condition` needs",
        ),
        (
            json!({"data_source_id": PAGE, "filter": {"and": []}, "filter_value": "x"}),
            "`filter_value` needs",
        ),
        (json!({"data_source_id": "Road map"}), "195de922-1179-449f-ab80-75a27c979105"),
    ] {
        refused("notion_query_data_source", arguments, part);
    }
    let template = |id: &str| json!({"page_id": PAGE, "template": id});
    for (arguments, part) in [
        (json!({"data_source_id": PAGE, "after": "start"}), "`after` needs `page_id`"),
        (json!({"title": "A", "after": OTHER}), "`after` needs `page_id`"),
        (template("default"), "`template` default needs `data_source_id`"),
        (
            json!({"data_source_id": PAGE, "template": OTHER, "markdown": "x"}),
            "only one of `markdown`, `template`",
        ),
        (json!({"title": "🎉".repeat(100_001)}), "`title` has 200002 characters"),
        (json!({"title": "A", "icon": "tada"}), "`icon` is neither an emoji"),
    ] {
        refused("notion_create_page", arguments, part);
    }
    let blocks = |count: usize| json!(vec![json!({"type": "divider", "divider": {}}); count]);
    refused(
        "notion_append_blocks",
        json!({"block_id": PAGE, "children": blocks(101)}),
        "`children` has 101 entries",
    );
    let long = json!([{"paragraph": {"rich_text": [{"text": {"content": "🎉".repeat(1001)}}]}}]);
    refused(
        "notion_append_blocks",
        json!({"block_id": PAGE, "children": long}),
        "content` has 2002 characters",
    );
    refused(
        "notion_create_database",
        json!({"page_id": PAGE, "icon": "none"}),
        "cannot be taken away",
    );
    refused("notion_get_user", json!({"user_id": "Ada"}), "`user_id`");
    refused("notion_get_comment", json!({"comment_id": "first"}), "`comment_id`");
    refused(
        "notion_move_page",
        json!({"page_id": PAGE}),
        "give one of `to_page_id` or `to_data_source_id`",
    );
    let both = json!({"page_id": PAGE, "to_page_id": OTHER, "to_data_source_id": OTHER});
    refused("notion_move_page", both, "only one of `to_page_id`, `to_data_source_id`");
    refused(
        "notion_add_comment",
        json!({"body": "x"}),
        "give one of `page_id`, `block_id` or `discussion_id`",
    );
    let view = json!({"data_source_id": PAGE, "name": "V", "type": "table"});
    refused("notion_create_view", view, "give one of `database_id`, `page_id` or `dashboard_id`");
    refused("notion_list_views", json!({}), "give one of `database_id` or `data_source_id`");
    let parts = json!({"mode": "multi_part", "filename": "a.bin"});
    refused("notion_create_file_upload", parts, "needs `number_of_parts`");
    let single = json!({"mode": "single_part", "external_url": "https://x.example"});
    refused("notion_create_file_upload", single, "`external_url` needs `mode` external_url");
    refused("notion_update_database", json!({"database_id": PAGE}), "nothing to change");
    refused("notion_update_data_source", json!({"data_source_id": PAGE}), "nothing to change");
    refused("notion_update_view", json!({"view_id": PAGE}), "nothing to change");
}

#[test]
fn a_tick_is_for_todos() {
    let block =
        |kind: &str| json!({"id": PAGE, "type": kind, kind: {"rich_text": [run("a", true)]}});
    let target = format!("/v1/blocks/{PAGE}");
    let told = call(
        "notion_update_block",
        json!({"block_id": PAGE, "checked": true}),
        vec![get(&target, block("paragraph"))],
    );
    assert!(told.is_err_and(|error| error.contains("`checked` is for to-dos")));
    let exchanges = vec![
        get(&target, block("to_do")),
        sent("PATCH", &target, json!({"to_do": {"checked": true}}), block("to_do")),
    ];
    assert!(
        call("notion_update_block", json!({"block_id": PAGE, "checked": true}), exchanges).is_ok()
    );
    // The same words again would only lose their formatting.
    let told = call(
        "notion_update_block",
        json!({"block_id": PAGE, "text": "a"}),
        vec![get(&target, block("paragraph"))],
    );
    assert_eq!(told.map(|told| told["text"].clone()), Ok(json!("a")));
}

#[test]
fn what_a_page_has_already_is_not_sent_again() {
    let notes = json!({"id": "n", "type": "rich_text", "rich_text": [run("Ask ", true), run("Ada", false)]});
    let kept = json!({"name": "a.pdf", "type": "file", "file": {"url": "https://files.example/a?signature=1"}});
    let papers = json!({"id": "f", "type": "files", "files": [kept]});
    let own = page(
        json!({"Notes": notes, "Papers": papers, "Cost": {"id": "c", "type": "number", "number": 5}}),
    );
    let target = format!("/v1/pages/{PAGE}");
    let update = |properties: Value, expected: Option<Value>| {
        let mut exchanges = vec![get(&target, own.clone())];
        exchanges.extend(
            expected.map(|body| sent("PATCH", &target, json!({"properties": body}), own.clone())),
        );
        let told = call(
            "notion_update_page",
            json!({"page_id": PAGE, "properties": properties}),
            exchanges,
        );
        assert_eq!(told.map(|told| told["id"].clone()), Ok(json!(PAGE)));
    };
    update(json!({"Notes": "Ask Ada", "Papers": ["a.pdf"], "Cost": 5}), None);
    update(json!({"Notes": "Ask Ada", "Cost": 6}), Some(json!({"Cost": {"number": 6}})));
    let added = json!({"type": "external", "name": "b.pdf", "external": {"url": "https://x.example/b.pdf"}});
    update(
        json!({"Papers": ["a.pdf", "https://x.example/b.pdf"]}),
        Some(json!({"Papers": {"files": [kept, added]}})),
    );
    let told = call("notion_update_page", json!({"page_id": PAGE}), Vec::new());
    assert!(told.is_err_and(|error| error.contains("nothing to change")));
}

#[test]
fn a_copy_says_what_it_lacks() {
    let id = |n: usize| format!("{n:032x}");
    let pages =
        |range: std::ops::Range<usize>| -> Value { range.map(|n| json!({"id": id(n)})).collect() };
    let items = |range: std::ops::Range<usize>| -> Value {
        range.map(|n| json!({"object": "property_item", "type": "relation", "relation": {"id": id(n)}})).collect()
    };
    let title = json!({"id": "title", "type": "title", "title": [run("Plan", true)]});
    let tasks = json!({"id": "t", "type": "relation", "relation": pages(0..25), "has_more": true});
    let own = page(json!({"Name": title, "Tasks": tasks}));
    let target = format!("/v1/pages/{PAGE}");
    let bold = json!({"type": "text", "text": {"content": "Plan"}, "annotations": {"bold": true}});
    let body = |parent: Value, mut properties: Value| {
        properties["title"] =
            json!({"title": [bold, {"type": "text", "text": {"content": " (copy)"}}]});
        json!({"parent": parent, "properties": properties, "template": {"type": "template_id", "template_id": PAGE}})
    };
    let list = |range, next: Value| json!({"object": "list", "results": items(range), "next_cursor": next});
    let first = get(&format!("{target}/properties/t?page_size=100"), list(0..100, json!("c1")));
    let second = get(
        &format!("{target}/properties/t?page_size=100&start_cursor=c1"),
        list(100..140, Value::Null),
    );
    let source = json!({"type": "data_source_id", "data_source_id": OTHER});
    let told = call(
        "notion_duplicate_page",
        json!({"page_id": PAGE}),
        vec![
            get(&target, own.clone()),
            first.clone(),
            second.clone(),
            sent("POST", "/v1/pages", body(source, json!({})), own.clone()),
        ],
    );
    let told = told.expect("it is copied");
    assert_eq!(told["not_copied"][0]["property"], "Tasks");
    assert!(
        told["not_copied"][0]["reason"].as_str().is_some_and(|reason| reason.contains("140")),
        "{told}"
    );
    let parent = json!({"type": "page_id", "page_id": OTHER});
    let told = call(
        "notion_duplicate_page",
        json!({"page_id": PAGE, "to_page_id": OTHER}),
        vec![
            get(
                &target,
                page(json!({"Name": title, "Cost": {"id": "c", "type": "number", "number": 5}})),
            ),
            sent("POST", "/v1/pages", body(parent, json!({})), own),
        ],
    );
    let told = told.expect("it is copied");
    assert!(told["not_copied"].to_string().contains("has no properties"), "{told}");
}

#[test]
fn an_id_of_another_kind_is_said_to_be_one() {
    let database =
        json!({"object": "database", "id": PAGE, "data_sources": [{"id": OTHER, "name": "Tasks"}]});
    let source = json!({"object": "data_source", "id": PAGE, "parent": {"type": "database_id", "database_id": OTHER}});
    let (databases, sources) =
        (format!("/v1/databases/{PAGE}"), format!("/v1/data_sources/{PAGE}"));
    let check = |tool: &str, argument: &str, exchanges: Vec<Exchange>, part: &str| {
        let error = call(tool, json!({argument: PAGE}), exchanges).expect_err(tool);
        assert!(error.contains(part), "{tool}: {error}");
    };
    let of_database = || get(&databases, database.clone());
    check(
        "notion_get_data_source",
        "data_source_id",
        vec![gone(&sources), of_database()],
        &format!("Tasks (`{OTHER}`)"),
    );
    let query = Exchange::new("POST", &format!("{sources}/query"), Answer::new(404, &[], "{}"))
        .with_body(json!({"page_size": 50}));
    check(
        "notion_query_data_source",
        "data_source_id",
        vec![query, of_database()],
        "is a database's id",
    );
    check(
        "notion_list_templates",
        "data_source_id",
        vec![gone(&format!("{sources}/templates?page_size=50")), of_database()],
        "is a database's id",
    );
    check(
        "notion_get_database",
        "database_id",
        vec![gone(&databases), get(&sources, source.clone())],
        &format!("Its database is `{OTHER}`"),
    );
    let markdown = gone(&format!("/v1/pages/{PAGE}/markdown"));
    check("notion_read_page", "page_id", vec![markdown, of_database()], "not that of a page");
    let page = gone(&format!("/v1/pages/{PAGE}"));
    check(
        "notion_get_page",
        "page_id",
        vec![page, gone(&databases), gone(&sources)],
        "did not find this",
    );
}

#[test]
fn a_page_s_files_keep_their_signatures_when_it_is_written_back() {
    let path = "https://prod-files-secure.s3.us-west-2.amazonaws.com/w/f/a.png";
    let signed = format!("{path}?X-Amz-Signature=1");
    let markdown = format!("# Plan\n![]({signed})\n# Later\n````\n```\n# no heading\n````\nx");
    let whole = json!({"object": "page_markdown", "id": PAGE, "markdown": markdown, "truncated": false, "unknown_block_ids": []});
    let target = format!("/v1/pages/{PAGE}/markdown");
    let read =
        call("notion_read_page", json!({"page_id": PAGE}), vec![get(&target, whole.clone())])
            .expect("it is read");
    let shown = read["document"].as_str().expect("it is a text").to_owned();
    assert!(shown.contains(path) && !shown.contains("X-Amz"), "{shown}");
    let body = json!({"type": "replace_content", "replace_content": {"new_str": markdown}});
    let written = call(
        "notion_replace_page",
        json!({"page_id": PAGE, "markdown": shown}),
        vec![get(&target, whole.clone()), sent("PATCH", &target, body, whole.clone())],
    );
    assert_eq!(written, Ok(json!({"message": "Text replaced."})));
    let plain = json!({"type": "replace_content", "replace_content": {"new_str": "text"}});
    let exchange = sent("PATCH", &target, plain, whole.clone());
    assert!(
        call("notion_replace_page", json!({"page_id": PAGE, "markdown": "text"}), vec![exchange])
            .is_ok()
    );
    let old = "# Later\n````\n```\n# no heading\n````\nx";
    let update = json!({"old_str": old, "new_str": "# Later\nnew"});
    let body = json!({"type": "update_content", "update_content": {"content_updates": [update]}});
    let section = json!({"page_id": PAGE, "heading": "later", "markdown": "# Later\nnew"});
    let exchanges = vec![get(&target, whole.clone()), sent("PATCH", &target, body, whole.clone())];
    assert!(call("notion_update_page_section", section, exchanges).is_ok());
    // A section that is written back as it was read changes nothing.
    let section = json!({"page_id": PAGE, "heading": "Later", "markdown": old});
    assert!(call("notion_update_page_section", section, vec![get(&target, whole)]).is_ok());
}

#[test]
fn comments_of_a_long_page_come_block_by_block() {
    let block = |n: usize| json!({"object": "block", "id": format!("{n:032x}"), "type": "paragraph", "has_children": false, "paragraph": {"rich_text": [run(&n.to_string(), false)]}});
    let empty = json!({"results": [], "next_cursor": null});
    let list = |range: std::ops::Range<usize>, next: Value| json!({"results": range.map(block).collect::<Value>(), "next_cursor": next});
    let comments =
        |id: &str| get(&format!("/v1/comments?block_id={id}&page_size=100"), empty.clone());
    let children = format!("/v1/blocks/{PAGE}/children?page_size=100");
    let first = call(
        "notion_list_page_comments",
        json!({"page_id": PAGE, "limit": 2}),
        vec![
            get(&children, list(0..3, Value::Null)),
            comments(PAGE),
            comments(&format!("{:032x}", 0)),
        ],
    )
    .expect("it is listed");
    let cursor = first["next_cursor"].clone();
    assert_eq!(first, json!({"items": [], "blocks": 2, "next_cursor": cursor}));
    let second = call(
        "notion_list_page_comments",
        json!({"page_id": PAGE, "limit": 2, "cursor": cursor}),
        vec![
            get(&children, list(0..3, Value::Null)),
            comments(&format!("{:032x}", 1)),
            comments(&format!("{:032x}", 2)),
        ],
    );
    assert_eq!(second, Ok(json!({"items": [], "blocks": 2})));
}

fn logs(sql: &str, from: &str, to: &str, lines: Value) -> Exchange {
    let mut query = form(&[("sql", sql), ("iso_timestamp_start", from), ("iso_timestamp_end", to)]);
    query = format!("/v1/projects/{REF}/analytics/endpoints/logs.all?{query}");
    get(&query, json!({"result": lines, "error": null}))
}

fn form(pairs: &[(&str, &str)]) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    for (name, value) in pairs {
        form.append_pair(name, value);
    }
    form.finish().replace('+', "%20")
}

#[test]
fn a_log_is_read_on_where_the_page_ended() {
    let sql = |limit: usize| {
        format!(
            "select id, storage_logs.timestamp, event_message from storage_logs order by timestamp desc limit {limit}"
        )
    };
    let line = |id: &str, time: i64| json!({"id": id, "timestamp": time, "event_message": id});
    let (from, to) = ("2026-11-22T09:00:00Z", "2026-11-22T10:00:00Z");
    let arguments = |cursor: Value| json!({"project_ref": REF, "service": "storage", "from": from, "to": to, "limit": 2, "cursor": cursor});
    let first = call(
        "supabase_get_logs",
        arguments(Value::Null),
        vec![logs(
            &sql(2),
            from,
            to,
            json!([line("c", 1_795_340_000_000_002), line("b", 1_795_340_000_000_001)]),
        )],
    )
    .expect("it is read");
    let cursor = first["next_cursor"].clone();
    let second = call(
        "supabase_get_logs",
        arguments(cursor),
        vec![logs(
            &sql(3),
            from,
            "2026-11-22T09:33:20.000002Z",
            json!([line("b", 1_795_340_000_000_001), line("a", 1_795_340_000_000_001)]),
        )],
    )
    .expect("it is read");
    assert_eq!(second["items"], json!([{"time": "2026-11-22T09:33:20Z", "message": "a"}]));
    assert_eq!(second.get("next_cursor"), None);
    let empty =
        call("supabase_get_logs", arguments(Value::Null), vec![logs(&sql(2), from, to, json!([]))]);
    assert_eq!(empty, Ok(json!({"items": [], "from": from, "to": to})));
    refused("supabase_get_logs", arguments(json!("dG9rZW4j")), "this tool did not issue it");
}

#[test]
fn a_function_s_files_are_read_and_deployed_as_they_are() {
    let binary = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"index.ts\"\r\n\r\na\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"logo.png\"\r\n\r\n";
    let mut body = binary.as_bytes().to_vec();
    body.extend([0x89, b'P', b'N', b'G', 0xff, 0]);
    body.extend(b"\r\n--b--\r\n");
    let target = format!("/v1/projects/{REF}/functions/hello/body");
    let answer = Answer::new(200, &[("content-type", "multipart/form-data; boundary=b")], body);
    let read = call(
        "supabase_get_function_code",
        json!({"project_ref": REF, "slug": "hello"}),
        vec![Exchange::new("GET", &target, answer)],
    );
    assert_eq!(read, Ok(json!("--- index.ts\na\n--- logo.png (binary, 6 bytes)\n")));
    let bundle =
        Answer::new(200, &[("content-type", "application/octet-stream")], &b"ESZIP2.3\xff"[..]);
    let read = call(
        "supabase_get_function_code",
        json!({"project_ref": REF, "slug": "hello"}),
        vec![Exchange::new("GET", &target, bundle)],
    );
    assert!(read.is_err_and(|error| error.contains("as a bundle")));
    let twice = json!({"project_ref": REF, "slug": "hello", "files": [{"path": "index.ts", "content": "a"}, {"path": "./index.ts", "content": "b"}]});
    refused("supabase_deploy_function", twice, "`files[1]` is a second `index.ts`");
    let empty =
        json!({"project_ref": REF, "slug": "hello", "files": [{"path": "", "content": "a"}]});
    refused("supabase_deploy_function", empty, "`files[0]` has no path");
}

#[test]
fn a_function_is_called_with_a_key_that_everybody_may_have() {
    let keys = |keys: Value| {
        get(&format!("/v1/projects/{REF}/api-keys"), keys)
            .with_header("authorization", "Bearer a-token-that-must-not-leak")
    };
    let secret = json!({"type": "secret", "name": "default", "api_key": "sb_secret_x"});
    let publishable =
        json!({"type": "publishable", "name": "default", "api_key": "sb_publishable_x"});
    let answer = Answer::new(200, &[("content-type", "text/plain")], "hi");
    let exchange = Exchange::new("GET", "/functions/v1/hello", answer)
        .with_header("apikey", "sb_publishable_x")
        .with_header("authorization", "");
    let arguments = json!({"project_ref": REF, "slug": "hello", "method": "GET"});
    let told = call(
        "supabase_invoke_function",
        arguments.clone(),
        vec![keys(json!([secret, publishable])), exchange],
    );
    assert_eq!(told, Ok(json!({"status": 200, "content_type": "text/plain", "body": "hi"})));
    let told = call("supabase_invoke_function", arguments, vec![keys(json!([secret]))]);
    assert!(told.is_err_and(|error| error.contains("no public API key")));
    refused(
        "supabase_invoke_function",
        json!({"project_ref": "evil.example/x", "slug": "hello"}),
        "`project_ref`",
    );
    let body = json!({"project_ref": REF, "slug": "hello", "method": "GET", "body": {}});
    refused("supabase_invoke_function", body, "A GET has no body");
}

#[test]
fn supabase_is_not_asked_for_what_it_refuses() {
    let project = |arguments: Value| {
        let mut whole = json!({"project_ref": REF});
        whole
            .as_object_mut()
            .expect("it is one")
            .extend(arguments.as_object().cloned().unwrap_or_default());
        whole
    };
    refused(
        "supabase_update_auth_config",
        project(json!({"password_min_length": 5})),
        "from 6 to 32767",
    );
    refused(
        "supabase_update_auth_config",
        project(json!({"jwt_exp": 604_801})),
        "from 0 to 604800",
    );
    refused(
        "supabase_update_data_api_config",
        project(json!({"max_rows": 1_000_001})),
        "from 0 to 1000000",
    );
    refused(
        "supabase_update_auth_provider",
        project(json!({"provider": "github"})),
        "nothing to change",
    );
    refused(
        "supabase_restore_to_time",
        project(json!({"time": "2026-02-30T00:00:00Z"})),
        "a day that does not exist",
    );
    refused("supabase_get_project", json!({"project_ref": "my project"}), "20 small letters");
    let new =
        json!({"organization": "o", "name": "n", "db_password": "p", "instance_size": "huge"});
    refused("supabase_create_project", new, "must be one of");
}
