//! What GitHub's jobs of several requests do beside the way that their cases show.

use std::time::Duration;

use mcpist::engine::Connection;
use mcpist::modules::Registry;
use mcpist::upstream::{Upstream, UpstreamConfig};
use serde_json::{Map, Value, json};

use crate::fake_upstream::{Answer, Exchange, FakeUpstream, call_tool};

/// Calls a tool in `o/r` while GitHub answers so; the failure is its code's name.
#[track_caller]
fn check(
    tool: &str,
    arguments: Value,
    exchanges: impl IntoIterator<Item = Exchange>,
    expected: &Result<Value, &str>,
) {
    let registry = Registry::built_in().expect("the built-in modules are right");
    let module =
        registry.modules().iter().find(|module| module.name == "github").expect("it is built in");
    let tool = module.tools.iter().find(|known| known.name == tool).expect("the tool exists");
    let mut all =
        Map::from_iter([("owner".to_owned(), json!("o")), ("repo".to_owned(), json!("r"))]);
    all.extend(arguments.as_object().cloned().unwrap_or_default());
    let fake = FakeUpstream::new(exchanges);
    let upstream = Upstream::new(UpstreamConfig {
        first_backoff: Duration::from_millis(1),
        ..UpstreamConfig::default()
    });
    let result = call_tool(
        &upstream,
        (module, tool),
        Connection { credential: None, base_url: &fake.url() },
        all,
    )
    .map_err(|error| error.code().reply().name);
    assert_eq!((&result, fake.complaints()), (expected, Vec::new()));
}

fn exchange(method: &str, target: &str, status: u16, answer: &Value) -> Exchange {
    Exchange::new(method, target, Answer::new(status, &[], answer.to_string()))
}

#[test]
fn failed_jobs_are_found_on_every_page() {
    let job = |id: usize, conclusion: &str| json!({"id": id, "name": "test", "status": "completed", "conclusion": conclusion});
    let page = |jobs: Vec<Value>| json!({"total_count": 112, "jobs": jobs});
    let jobs = |number: u8| {
        format!("/repos/o/r/actions/runs/7/jobs?filter=latest&per_page=100&page={number}")
    };
    let first = page((0..100).map(|id| job(id, "success")).collect());
    let second = page(
        (100..112).map(|id| job(id, if id == 100 { "cancelled" } else { "failure" })).collect(),
    );
    let log = |id| {
        Exchange::new(
            "GET",
            &format!("/repos/o/r/actions/jobs/{id}/logs"),
            Answer::new(200, &[], "x\ny\n"),
        )
    };
    let exchanges =
        [exchange("GET", &jobs(1), 200, &first), exchange("GET", &jobs(2), 200, &second)];
    let sections: Vec<_> = (101..111).map(|id| format!("## test (job {id})\ny\n")).collect();
    let more = "\nFailed jobs not shown: 1. list_workflow_jobs names them, get_job_log gives their logs.\n";
    let expected = sections.join("\n") + more;
    check(
        "get_failed_job_logs",
        json!({"run_id": 7, "tail": 1}),
        exchanges.into_iter().chain((101..111).map(log)),
        &Ok(expected.into()),
    );
}

#[test]
fn a_run_without_failed_jobs_says_so() {
    let jobs = json!({"total_count": 2, "jobs": [{"id": 1, "status": "completed", "conclusion": "success"}, {"id": 2, "status": "queued"}]});
    let exchanges = [exchange(
        "GET",
        "/repos/o/r/actions/runs/7/jobs?filter=latest&per_page=100&page=1",
        200,
        &jobs,
    )];
    let expected = "No job of the run has failed. Jobs: 2, not finished: 1.";
    check("get_failed_job_logs", json!({"run_id": 7}), exchanges, &Ok(expected.into()));
}

#[test]
fn blame_is_that_of_a_commit() {
    let case: Value = serde_json::from_str(include_str!("../modules/github/get_blame.json"))
        .expect("the case is JSON");
    let document = &case["exchanges"][0]["request"]["body"]["query"];
    let asked = |object: &Value| {
        let variables = json!({"owner": "o", "repo": "r", "ref": "main", "path": "a"});
        let answer = json!({"data": {"repository": {"object": object}}});
        [exchange("POST", "/graphql", 200, &answer)
            .with_body(json!({"query": document, "variables": variables}))]
    };
    let range = |start: u8, end: u8| json!({"startingLine": start, "endingLine": end, "commit": {"oid": "abc"}});
    let commit = json!({"blame": {"ranges": [range(1, 2), range(3, 4), range(5, 6)]}});
    let row = json!({
        "start_line": 3, "end_line": 4, "sha": "abc", "title": null, "author": null, "author_name": null, "authored_at": null,
    });
    let arguments = |lines: Value| {
        let mut arguments = json!({"path": "a", "ref": "main"});
        arguments
            .as_object_mut()
            .expect("it is one")
            .extend(lines.as_object().cloned().unwrap_or_default());
        arguments
    };
    check(
        "get_blame",
        arguments(json!({"start_line": 4, "end_line": 4})),
        asked(&commit),
        &Ok(json!({"items": [row]})),
    );
    check(
        "get_blame",
        arguments(json!({"start_line": 7})),
        asked(&commit),
        &Ok(json!({"items": []})),
    );
    check("get_blame", arguments(json!({})), asked(&Value::Null), &Err("not_found"));
    check("get_blame", arguments(json!({})), asked(&json!({})), &Err("not_found"));
}

#[test]
fn an_unprotected_branch_gets_its_first_protection() {
    let path = "/repos/o/r/branches/main/protection";
    let body = json!({
        "required_status_checks": null, "required_pull_request_reviews": null, "restrictions": null, "enforce_admins": false,
        "required_linear_history": true, "required_conversation_resolution": false, "allow_force_pushes": false,
        "allow_deletions": false, "lock_branch": false, "block_creations": false, "allow_fork_syncing": false,
    });
    let get = |status, answer| exchange("GET", path, status, &answer);
    let put = exchange("PUT", path, 200, &json!({})).with_body(body);
    let saved = json!({"message": "Protection saved. get_branch_protection shows all of it."});
    let arguments = json!({"branch": "main", "linear_history": true});
    check(
        "update_branch_protection",
        arguments.clone(),
        [get(404, json!({"message": "Branch not protected"})), put],
        &Ok(saved),
    );
    // What cannot be read is not overwritten.
    check(
        "update_branch_protection",
        arguments,
        [get(403, json!({"message": "Forbidden"}))],
        &Err("permission_denied"),
    );
}
