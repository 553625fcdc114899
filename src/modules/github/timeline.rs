//! The timeline of an issue or pull request: some fifty kinds of events with different members, as rows of one table.

use serde_json::Value;

use super::first_line;

/// The maximum length in characters of a comment in a row; another tool returns the whole comment.
const MAX_TEXT: usize = 300;

/// Returns the actor.
pub(super) fn event_actor(event: &Value) -> Value {
    let names = [&event["actor"]["login"], &event["user"]["login"], &event["author"]["name"]];
    names.into_iter().find(|name| name.is_string()).cloned().into()
}

/// Returns the time of the event.
pub(super) fn event_time(event: &Value) -> Value {
    let commit = &event["committer"]["date"];
    let comment = &event["comments"][0]["created_at"];
    let times = [&event["created_at"], &event["submitted_at"], commit, comment];
    times.into_iter().find(|time| time.is_string()).cloned().into()
}

/// Returns the page of the event.
pub(super) fn event_url(event: &Value) -> Value {
    let source = &event["source"]["issue"]["html_url"];
    let others = ["sub_issue", "parent_issue", "blocked_by", "blocking"];
    let others = others.map(|name| &event[name]["html_url"]);
    let pages = [&event["html_url"], source, &event["comments"][0]["html_url"]];
    pages.into_iter().chain(others).find(|page| page.is_string()).cloned().into()
}

/// Returns the object of the event in a few words: a label, a person, another issue, the beginning of a comment.
pub(super) fn event_detail(event: &Value) -> Value {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let detail = match event["event"].as_str().unwrap_or_default() {
        "labeled" | "unlabeled" => text(&event["label"]["name"]),
        "milestoned" | "demilestoned" => text(&event["milestone"]["title"]),
        "assigned" | "unassigned" => text(&event["assignee"]["login"]),
        "renamed" => {
            let name = |side: &str| event["rename"][side].as_str().unwrap_or_default();
            Some(format!("{} → {}", name("from"), name("to")))
        }
        "review_requested" | "review_request_removed" => {
            text(&event["requested_reviewer"]["login"])
                .or_else(|| text(&event["requested_team"]["slug"]))
        }
        "review_dismissed" => text(&event["dismissed_review"]["dismissal_message"]),
        "reviewed" => {
            let state = event["state"].as_str().unwrap_or_default().to_lowercase();
            Some(with_text(&state, &event["body"]))
        }
        "commented" => Some(shortened(&event["body"])),
        "line-commented" | "commit-commented" => {
            let comment = &event["comments"][0];
            Some(with_text(comment["path"].as_str().unwrap_or_default(), &comment["body"]))
        }
        "committed" => {
            let title = first_line(&event["message"]);
            let sha: String = event["sha"].as_str().unwrap_or_default().chars().take(7).collect();
            Some(with_text(&sha, &title))
        }
        "cross-referenced" => Some(reference(&event["source"]["issue"])),
        "sub_issue_added" | "sub_issue_removed" => Some(reference(&event["sub_issue"])),
        "parent_issue_added" | "parent_issue_removed" => Some(reference(&event["parent_issue"])),
        "blocked_by_added" | "blocked_by_removed" => Some(reference(&event["blocked_by"])),
        "blocking_added" | "blocking_removed" => Some(reference(&event["blocking"])),
        "issue_type_added" | "issue_type_changed" => text(&event["issue_type"]["name"]),
        "issue_type_removed" => text(&event["prev_issue_type"]["name"]),
        "closed" | "reopened" => text(&event["state_reason"]).or_else(|| text(&event["commit_id"])),
        "locked" => text(&event["lock_reason"]),
        _ => text(&event["commit_id"]),
    };
    detail.filter(|detail| !detail.is_empty()).into()
}

/// Describes another issue or pull request: `o/r#7 Title (open)`.
fn reference(issue: &Value) -> String {
    let repository = issue["repository"]["full_name"].as_str().map(str::to_owned);
    let repository = repository.or_else(|| {
        super::pages::repository_of_url(&issue["repository_url"]).as_str().map(str::to_owned)
    });
    let kind = if issue["pull_request"].is_object() { "pull request, " } else { "" };
    let state = match issue["pull_request"]["merged_at"].as_str() {
        Some(_) => "merged",
        None => issue["state"].as_str().unwrap_or("unknown"),
    };
    let title = issue["title"].as_str().unwrap_or_default();
    format!("{}#{} {title} ({kind}{state})", repository.unwrap_or_default(), issue["number"])
}

fn with_text(what: &str, text: &Value) -> String {
    let text = shortened(text);
    if text.is_empty() { what.to_owned() } else { format!("{what}: {text}") }
}

fn shortened(text: &Value) -> String {
    crate::error::shortened(text.as_str().unwrap_or_default().to_owned(), MAX_TEXT)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_event_says_what_it_was_about() {
        let check =
            |event: Value, detail: Value| assert_eq!(event_detail(&event), detail, "{event}");
        let other = json!({
            "number": 7, "title": "T", "state": "closed", "repository": {"full_name": "o/r"}, "html_url": "https://i",
            "pull_request": {"merged_at": "2026-01-01T00:00:00Z"},
        });
        check(json!({"event": "labeled", "label": {"name": "bug"}}), json!("bug"));
        check(json!({"event": "demilestoned", "milestone": {"title": "v1"}}), json!("v1"));
        check(json!({"event": "assigned", "assignee": {"login": "octocat"}}), json!("octocat"));
        check(json!({"event": "renamed", "rename": {"from": "A", "to": "B"}}), json!("A → B"));
        check(
            json!({"event": "review_requested", "requested_team": {"slug": "ops"}}),
            json!("ops"),
        );
        check(
            json!({"event": "review_dismissed", "dismissed_review": {"state": "approved", "dismissal_message": "Old"}}),
            json!("Old"),
        );
        check(json!({"event": "reviewed", "state": "APPROVED", "body": ""}), json!("approved"));
        check(
            json!({"event": "reviewed", "state": "commented", "body": "Hm."}),
            json!("commented: Hm."),
        );
        check(json!({"event": "commented", "body": "x".repeat(400)}), json!("x".repeat(300) + "…"));
        check(
            json!({"event": "committed", "sha": "0123456789", "message": "Fix\n\nLong."}),
            json!("0123456: Fix"),
        );
        check(
            json!({"event": "cross-referenced", "source": {"issue": other}}),
            json!("o/r#7 T (pull request, merged)"),
        );
        let sub_issue = json!({"number": 8, "title": "S", "state": "open", "repository_url": "https://api.github.com/repos/o/s"});
        check(json!({"event": "sub_issue_added", "sub_issue": sub_issue}), json!("o/s#8 S (open)"));
        check(
            json!({"event": "issue_type_removed", "prev_issue_type": {"name": "Bug"}}),
            json!("Bug"),
        );
        check(json!({"event": "closed", "state_reason": "not_planned"}), json!("not_planned"));
        check(json!({"event": "closed", "state_reason": null, "commit_id": "abc"}), json!("abc"));
        check(json!({"event": "merged", "commit_id": "abc"}), json!("abc"));
        check(json!({"event": "locked", "lock_reason": "spam"}), json!("spam"));
        check(json!({"event": "subscribed", "commit_id": null}), Value::Null);
        check(
            json!({"event": "line-commented", "comments": [{"path": "a.rs", "body": "Why?"}]}),
            json!("a.rs: Why?"),
        );
        check(json!({}), Value::Null);
    }

    #[test]
    fn every_event_has_who_when_and_where() {
        let check = |event: Value, actor: Value, time: Value, url: Value| {
            let found = (event_actor(&event), event_time(&event), event_url(&event));
            assert_eq!(found, (actor, time, url), "{event}");
        };
        check(
            json!({"actor": {"login": "a"}, "created_at": "t", "html_url": "u"}),
            json!("a"),
            json!("t"),
            json!("u"),
        );
        check(
            json!({"user": {"login": "a"}, "submitted_at": "t"}),
            json!("a"),
            json!("t"),
            Value::Null,
        );
        check(
            json!({"author": {"name": "A", "date": "s"}, "committer": {"date": "t"}}),
            json!("A"),
            json!("t"),
            Value::Null,
        );
        check(
            json!({"actor": null, "source": {"issue": {"html_url": "u"}}}),
            Value::Null,
            Value::Null,
            json!("u"),
        );
    }
}
