//! Arguments as people write them, and what GitHub then gets.

use serde_json::{Value, json};

use crate::fake_upstream::{Answer, Exchange};
use crate::github::call;

/// Calls a tool that makes one request to this target, with this body where there is one.
#[track_caller]
fn sent(tool: &str, arguments: Value, method: &str, target: &str, body: Option<Value>) {
    let answer = if target.contains('?') { "[]" } else { "{}" };
    let mut exchange = Exchange::new(method, target, Answer::new(200, &[], answer));
    if let Some(body) = body {
        exchange = exchange.with_body(body);
    }
    let outcome = call(tool, arguments.clone(), [exchange]);
    assert!(outcome.is_ok(), "{tool} {arguments}: {outcome:?}");
}

/// Calls a tool that makes no request and says these words.
#[track_caller]
fn refused(tool: &str, arguments: Value, parts: &[&str]) {
    let error = call(tool, arguments.clone(), []).expect_err("it is refused");
    assert_eq!(error.code().reply().name, "invalid_params", "{tool} {arguments}");
    for part in parts {
        assert!(error.to_string().contains(part), "{tool} {arguments}: {error}");
    }
}

#[test]
fn every_time_is_an_instant() {
    let lists = [
        (
            "list_issues",
            json!({}),
            "since",
            "/repos/o/r/issues?state=open&since=…&sort=created&direction=desc&per_page=30",
        ),
        (
            "list_issue_comments",
            json!({"issue_number": 1}),
            "since",
            "/repos/o/r/issues/1/comments?since=…&per_page=30",
        ),
        (
            "list_review_comments",
            json!({"pull_number": 1}),
            "since",
            "/repos/o/r/pulls/1/comments?sort=created&since=…&per_page=30",
        ),
        ("list_commits", json!({}), "since", "/repos/o/r/commits?since=…&per_page=30"),
        ("list_commits", json!({}), "until", "/repos/o/r/commits?until=…&per_page=30"),
        ("list_gists", json!({}), "since", "/gists?since=…&per_page=30"),
        (
            "list_notifications",
            json!({}),
            "since",
            "/notifications?all=false&participating=false&since=…&per_page=30",
        ),
        (
            "list_notifications",
            json!({}),
            "before",
            "/notifications?all=false&participating=false&before=…&per_page=30",
        ),
    ];
    for (tool, arguments, name, target) in lists {
        for (written, instant) in [
            ("2026-11-01", "2026-11-01T00:00:00Z"),
            ("2026-11-01T09:00:00+09:00", "2026-11-01T00:00:00Z"),
            ("2026-11-01T09:30:00.5Z", "2026-11-01T09:30:00Z"),
        ] {
            let mut arguments = arguments.clone();
            arguments[name] = json!(written);
            sent(tool, arguments, "GET", &target.replace('…', &instant.replace(':', "%3A")), None);
        }
        for written in [
            "2026-11-01T09:00:00",
            "2026-02-30",
            "yesterday",
            "2026-11-01T09:00:00+25:00",
            "1764547200",
        ] {
            let mut arguments = arguments.clone();
            arguments[name] = json!(written);
            refused(
                tool,
                arguments,
                &["must be a date, or a time with its offset", "2026-11-30T08:00:00Z"],
            );
        }
    }
    let body = json!({"read": true, "last_read_at": "2026-11-01T00:00:00Z"});
    sent(
        "mark_all_notifications_read",
        json!({"last_read_at": "2026-11-01"}),
        "PUT",
        "/notifications",
        Some(body),
    );
}

#[test]
fn a_milestone_is_due_at_noon() {
    for written in ["2026-12-01", "2026-12-01T00:00:00Z", "2026-12-01T23:00:00-08:00"] {
        let due = json!({"title": "v1", "due_on": "2026-12-01T12:00:00Z"});
        sent(
            "create_milestone",
            json!({"title": "v1", "due_on": written}),
            "POST",
            "/repos/o/r/milestones",
            Some(due),
        );
        let due = json!({"due_on": "2026-12-01T12:00:00Z"});
        sent(
            "update_milestone",
            json!({"milestone_number": 1, "due_on": written}),
            "PATCH",
            "/repos/o/r/milestones/1",
            Some(due),
        );
    }
    refused(
        "create_milestone",
        json!({"title": "v1", "due_on": "2026-02-30"}),
        &["not a date", "2026-11-30"],
    );
}

#[test]
fn a_branch_is_that_of_the_repositorys_owner() {
    for (head, sent_as) in
        [("feature-x", "o%3Afeature-x"), ("feat/x", "o%3Afeat%2Fx"), ("fork:x", "fork%3Ax")]
    {
        let target = format!("/repos/o/r/pulls?state=open&head={sent_as}&sort=created&per_page=30");
        sent("list_pull_requests", json!({"head": head}), "GET", &target, None);
    }
    let target = "/repos/o/r/pulls?state=open&sort=created&per_page=30";
    sent("list_pull_requests", json!({"head": ""}), "GET", target, None);
}

#[test]
fn a_color_may_be_written_as_in_css() {
    for (written, color) in [("#D73A4A", "d73a4a"), ("d73a4a", "d73a4a"), ("#0af", "00aaff")] {
        let body = json!({"name": "bug", "color": color});
        sent(
            "create_label",
            json!({"name": "bug", "color": written}),
            "POST",
            "/repos/o/r/labels",
            Some(body),
        );
        sent(
            "update_label",
            json!({"name": "bug", "color": written}),
            "PATCH",
            "/repos/o/r/labels/bug",
            Some(json!({"color": color})),
        );
    }
    refused("create_label", json!({"name": "bug", "color": "red"}), &["six hex digits", "d73a4a"]);
}

#[test]
fn a_reason_is_enough() {
    let alert = |path: &str| format!("/repos/o/r/{path}/alerts/1");
    for (tool, path, given, body) in [
        (
            "update_dependabot_alert",
            "dependabot",
            json!({"dismissed_reason": "not_used"}),
            json!({"dismissed_reason": "not_used", "state": "dismissed"}),
        ),
        (
            "update_code_scanning_alert",
            "code-scanning",
            json!({"dismissed_reason": "won't fix"}),
            json!({"dismissed_reason": "won't fix", "state": "dismissed"}),
        ),
        (
            "update_secret_scanning_alert",
            "secret-scanning",
            json!({"resolution": "revoked"}),
            json!({"resolution": "revoked", "state": "resolved"}),
        ),
    ] {
        let mut arguments = given;
        arguments["alert_number"] = json!(1);
        sent(tool, arguments, "PATCH", &alert(path), Some(body));
    }
    refused(
        "update_dependabot_alert",
        json!({"alert_number": 1, "state": "dismissed"}),
        &["needs `dismissed_reason`"],
    );
    refused(
        "update_dependabot_alert",
        json!({"alert_number": 1, "dismissed_comment": "Old."}),
        &["needs `dismissed_reason`"],
    );
    refused(
        "update_secret_scanning_alert",
        json!({"alert_number": 1, "state": "open", "resolution": "revoked"}),
        &["does not go with"],
    );
    let closed = json!({"state_reason": "not_planned", "state": "closed"});
    sent(
        "update_issue",
        json!({"issue_number": 1, "state_reason": "not_planned"}),
        "PATCH",
        "/repos/o/r/issues/1",
        Some(closed),
    );
    refused(
        "update_issue",
        json!({"issue_number": 1, "state": "open", "state_reason": "completed"}),
        &["does not go with `state` open: it means `state` closed"],
    );
}

#[test]
fn a_search_keeps_to_its_kind() {
    let found = r#"{"total_count": 0, "incomplete_results": false, "items": []}"#;
    let target = "/search/issues?q=IS%3AISSUE%20foo&order=desc&per_page=30";
    let exchange = Exchange::new("GET", target, Answer::new(200, &[], found));
    assert!(call("search_issues", json!({"query": "IS:ISSUE foo"}), [exchange]).is_ok());
    refused("search_issues", json!({"query": "IS:PR foo"}), &["`IS:PR`", "search_pull_requests"]);
    refused("search_pull_requests", json!({"query": "(type:Issue) foo"}), &["search_issues"]);
}

#[test]
fn what_github_would_refuse_is_not_sent() {
    let pull = |more: Value| {
        let mut all = json!({"pull_number": 1});
        all.as_object_mut()
            .expect("it is an object")
            .extend(more.as_object().cloned().unwrap_or_default());
        all
    };
    refused("request_reviewers", pull(json!({})), &["`reviewers` or `team_reviewers`"]);
    refused("create_pull_request_review", pull(json!({"event": "COMMENT"})), &["needs `body`"]);
    let review = json!({"review_id": 2, "event": "REQUEST_CHANGES"});
    refused("submit_pull_request_review", pull(review), &["needs `body`"]);
    let comment = json!({"body": "Hm.", "sha": "abc", "path": "a.rs"});
    refused("add_review_comment", pull(comment), &["`line`", "`subject_type` file"]);
    let sub_issue = json!({"issue_number": 1, "sub_issue_id": 2});
    refused("reprioritize_sub_issue", sub_issue, &["`after_id` or `before_id`"]);
    for tool in
        ["update_dependabot_alert", "update_code_scanning_alert", "update_secret_scanning_alert"]
    {
        refused(tool, json!({"alert_number": 1}), &["nothing to change"]);
    }
}

#[test]
fn a_milestone_and_a_type_are_taken_away() {
    let update = |arguments: Value, body: Value| {
        let mut all = json!({"issue_number": 1});
        all.as_object_mut()
            .expect("it is an object")
            .extend(arguments.as_object().cloned().unwrap_or_default());
        sent("update_issue", all, "PATCH", "/repos/o/r/issues/1", Some(body));
    };
    update(json!({"milestone": null}), json!({"milestone": null}));
    update(json!({"milestone": "none"}), json!({"milestone": null}));
    update(json!({"milestone": 7}), json!({"milestone": 7}));
    update(json!({"milestone": "7"}), json!({"milestone": 7}));
    update(json!({"type": null, "title": null}), json!({"type": null}));
    update(json!({"type": "None"}), json!({"type": null}));
    update(json!({"type": "Bug"}), json!({"type": "Bug"}));
    refused(
        "update_issue",
        json!({"issue_number": 1, "milestone": "v1.0"}),
        &["must be an integer"],
    );
    let body = Some(json!({"assignee": null}));
    let target = "/repos/o/r/secret-scanning/alerts/1";
    sent(
        "update_secret_scanning_alert",
        json!({"alert_number": 1, "assignee": null}),
        "PATCH",
        target,
        body,
    );
}

#[test]
fn a_change_of_nothing_is_not_sent() {
    for (tool, arguments) in [
        ("update_issue", json!({"issue_number": 1})),
        ("update_issue", json!({"issue_number": 1, "title": null})),
        ("update_pull_request", json!({"pull_number": 1})),
        ("update_release", json!({"release_id": 1})),
        ("update_label", json!({"name": "bug"})),
        ("update_milestone", json!({"milestone_number": 1})),
        ("update_gist", json!({"gist_id": "abc"})),
        ("update_repository_variable", json!({"name": "A"})),
        ("update_repository", json!({})),
        ("update_project", json!({"owner": "o", "project_number": 1})),
    ] {
        refused(tool, arguments, &["There is nothing to change", "Give at least one of"]);
    }
}

#[test]
fn what_is_too_long_is_not_sent() {
    for (tool, mut arguments, name, longest) in [
        (
            "create_deployment_status",
            json!({"deployment_id": 1, "state": "success"}),
            "description",
            140,
        ),
        (
            "update_code_scanning_alert",
            json!({"alert_number": 1, "dismissed_reason": "mitigated"}),
            "dismissed_comment",
            280,
        ),
        (
            "update_dependabot_alert",
            json!({"alert_number": 1, "dismissed_reason": "not_used"}),
            "dismissed_comment",
            280,
        ),
        ("create_label", json!({"name": "bug"}), "description", 100),
    ] {
        arguments[name] = json!("é".repeat(longest + 1));
        refused(
            tool,
            arguments,
            &[&format!("at most {longest} characters, and has {}", longest + 1)],
        );
    }
    let body = json!({"name": "bug", "description": "é".repeat(100)});
    sent("create_label", body.clone(), "POST", "/repos/o/r/labels", Some(body));
}
