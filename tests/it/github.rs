//! GitHub tools with several requests, beyond their cases.

use std::sync::LazyLock;
use std::time::Duration;

use mcpist::engine::Connection;
use mcpist::error::Error;
use mcpist::modules::Registry;
use mcpist::upstream::{Upstream, UpstreamConfig};
use serde_json::{Map, Value, json};

use crate::fake_upstream::{Answer, Exchange, FakeUpstream, call_tool};

/// Calls a tool in `o/r` while GitHub answers so.
#[track_caller]
pub fn call(
    tool: &str,
    arguments: Value,
    exchanges: impl IntoIterator<Item = Exchange>,
) -> Result<Value, Error> {
    // Read once: there are hundreds of tools, and many calls.
    static REGISTRY: LazyLock<Registry> =
        LazyLock::new(|| Registry::built_in().expect("the built-in modules are right"));
    let module = REGISTRY.module("github").expect("it is built in");
    let tool = module.tools.iter().find(|known| known.name == tool).expect("the tool exists");
    let of_repository = [("owner", "o"), ("repo", "r")]
        .into_iter()
        .filter(|(name, _)| tool.params.iter().any(|param| param.name == *name));
    let mut all: Map<_, _> =
        of_repository.map(|(name, value)| (name.to_owned(), json!(value))).collect();
    all.extend(arguments.as_object().cloned().unwrap_or_default());
    let fake = FakeUpstream::new(exchanges);
    let upstream = Upstream::new(UpstreamConfig {
        first_backoff: Duration::from_millis(1),
        ..UpstreamConfig::default()
    });
    let connection = Connection { credential: None, base_url: &fake.url() };
    let result = call_tool(&upstream, (module, tool), connection, all);
    assert_eq!(fake.complaints(), Vec::<String>::new(), "{}", tool.name);
    result
}

/// The same against what is expected; the failure is its code's name.
#[track_caller]
fn check(
    tool: &str,
    arguments: Value,
    exchanges: impl IntoIterator<Item = Exchange>,
    expected: &Result<Value, &str>,
) {
    let result = call(tool, arguments, exchanges).map_err(|error| error.code().reply().name);
    assert_eq!(&result, expected);
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
            .expect("it is an object")
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
    // A file that cannot be read is not overwritten.
    check(
        "update_branch_protection",
        arguments,
        [get(403, json!({"message": "Forbidden"}))],
        &Err("permission_denied"),
    );
}

#[test]
fn deployments_are_listed_though_their_state_is_not_told() {
    let row = json!({"id": 1, "node_id": "D_1", "environment": "production", "ref": "main"});
    let list = |answer: &Value| exchange("GET", "/repos/o/r/deployments?per_page=30", 200, answer);
    let case: Value = serde_json::from_str(include_str!("../modules/github/list_deployments.json"))
        .expect("the case is JSON");
    let document = &case["exchanges"][1]["request"]["body"]["query"];
    let asked = json!({"query": document, "variables": {"ids": ["D_1"]}});
    let graphql = |status: u16, answer: Value| {
        exchange("POST", "/graphql", status, &answer).with_body(asked.clone())
    };
    let rows = json!([row]);
    for (answer, state, unread) in [
        (graphql(404, json!({"message": "Not Found"})), Value::Null, true),
        (
            graphql(200, json!({"errors": [{"type": "FORBIDDEN", "message": "No"}]})),
            Value::Null,
            true,
        ),
        (graphql(200, json!({"data": {"nodes": [null]}})), Value::Null, false),
        (
            graphql(
                200,
                json!({"data": {"nodes": [{"id": "D_1", "state": "WAITING", "latestStatus": null, "statuses": {"totalCount": 0}}]}}),
            ),
            json!("waiting"),
            false,
        ),
    ] {
        let result =
            call("list_deployments", json!({}), [list(&rows), answer]).expect("they are listed");
        let row = &result["items"][0];
        assert_eq!(
            (&row["id"], &row["environment"], &row["state"]),
            (&json!(1), &json!("production"), &state)
        );
        assert_eq!(result.get("unread").is_some(), unread, "{result}");
    }
    // The state is requested only if a caller wants it.
    let few = call("list_deployments", json!({"fields": ["id"]}), [list(&rows)])
        .expect("they are listed");
    assert_eq!(few["items"], json!([{"id": 1}]));
    assert!(call("list_deployments", json!({}), [list(&json!([]))]).is_ok());
}

#[test]
fn copilot_that_is_not_there_is_told() {
    let assignees = |logins: Value| {
        let answer = json!({"number": 1, "assignees": logins});
        exchange("POST", "/repos/o/r/issues/1/assignees", 201, &answer)
            .with_body(json!({"assignees": ["copilot-swe-agent[bot]"]}))
    };
    let reviewers = |logins: Value| {
        let answer = json!({"number": 1, "requested_reviewers": logins});
        exchange("POST", "/repos/o/r/pulls/1/requested_reviewers", 201, &answer)
            .with_body(json!({"reviewers": ["copilot-pull-request-reviewer[bot]"]}))
    };
    check(
        "assign_copilot",
        json!({"issue_number": 1}),
        [assignees(json!([{"login": "octocat"}]))],
        &Err("conflict"),
    );
    check(
        "request_copilot_review",
        json!({"pull_number": 1}),
        [reviewers(json!([]))],
        &Err("conflict"),
    );
    let asked = call(
        "request_copilot_review",
        json!({"pull_number": 1}),
        [reviewers(json!([{"login": "Copilot"}]))],
    );
    assert_eq!(asked.expect("it is asked")["reviewers"], json!(["Copilot"]));
}

#[test]
fn a_deployment_is_approved_by_the_name_of_its_environment() {
    let path = "/repos/o/r/actions/runs/7/pending_deployments";
    let pending = json!([
        {"environment": {"id": 1, "name": "staging"}}, {"environment": {"id": 2, "name": "production"}},
    ]);
    let waiting = || exchange("GET", path, 200, &pending);
    let reviewed = exchange("POST", path, 200, &json!([]))
        .with_body(json!({"environment_ids": [2], "state": "rejected", "comment": ""}));
    check(
        "review_pending_deployments",
        json!({"run_id": 7, "state": "rejected", "environments": ["Production"]}),
        [waiting(), reviewed],
        &Ok(json!({"environments": ["production"], "state": "rejected"})),
    );
    check(
        "review_pending_deployments",
        json!({"run_id": 7, "state": "approved"}),
        [waiting()],
        &Err("invalid_params"),
    );
    let nothing = exchange("GET", path, 200, &json!([]));
    check(
        "review_pending_deployments",
        json!({"run_id": 7, "state": "approved"}),
        [nothing],
        &Err("invalid_params"),
    );
}

#[test]
fn a_fields_kind_decides_what_it_may_be_given() {
    let refused = |arguments: Value, part: &str| {
        let mut all = json!({"owner": "o", "project_number": 5});
        all.as_object_mut()
            .expect("it is an object")
            .extend(arguments.as_object().cloned().unwrap_or_default());
        let error = call("create_project_field", all, []).expect_err("it is refused");
        assert!(error.to_string().contains(part), "{arguments}: {error}");
    };
    refused(json!({"name": "S", "type": "single_select"}), "needs `options`");
    refused(json!({"name": "S", "type": "single_select", "options": []}), "needs `options`");
    refused(json!({"name": "S", "type": "text", "options": [{"name": "a"}]}), "not for text");
    refused(json!({"name": "S", "type": "iteration"}), "when it begins");
    refused(json!({"name": "S", "type": "date", "start_date": "2026-11-30"}), "not for date");
    refused(
        json!({"name": "S", "type": "iteration", "start_date": "2026-11-31"}),
        "a day that does not exist",
    );
    for tool in ["update_project", "update_project_field"] {
        let error = call(tool, json!({"owner": "o", "project_number": 5, "field": "S"}), []);
        let error = if tool == "update_project" {
            call(tool, json!({"owner": "o", "project_number": 5}), [])
        } else {
            error
        };
        assert!(
            error.expect_err("nothing is given").to_string().contains("nothing to change"),
            "{tool}"
        );
    }
}
