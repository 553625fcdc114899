//! Parts of GitHub's module that cannot be expressed as data.
//!
//! This file has the table of hooks and the small hooks. The other files have the tools that need several requests, and hooks
//! by topic.

mod arguments;
mod blame;
mod comments;
mod copilot;
mod deployments;
mod discussions;
mod failed_logs;
mod files;
mod jobs;
mod pages;
mod project_fields;
mod projects;
mod protection;
mod pull_requests;
mod queries;
mod security;
mod timeline;

use serde_json::{Map, Value, json};

use crate::engine::session::text;
use crate::engine::{Hooks, Session};
use crate::error::{Code, Error};
use crate::json::Object;
use crate::upstream::Method;

/// The hooks that GitHub's `module.json` cites.
pub(super) const HOOKS: Hooks = Hooks {
    fields: &[
        ("affected_packages", security::affected_packages),
        ("artifact_url", pages::artifact_url),
        ("assets", pages::assets),
        ("beginning", jobs::beginning),
        ("branch_policy", pages::branch_policy),
        ("changed_files", changed_files),
        ("day_due", arguments::day_due),
        ("environment_reviewers", pages::environment_reviewers),
        ("event_actor", timeline::event_actor),
        ("event_detail", timeline::event_detail),
        ("event_time", timeline::event_time),
        ("event_url", timeline::event_url),
        ("failed_steps", jobs::failed_steps),
        ("file_names", file_names),
        ("first_comment_id", pull_requests::first_comment_id),
        ("first_line", first_line),
        ("gist_files", gist_files),
        ("is_present", is_present),
        ("item_state", projects::item_state),
        ("iterations", projects::iterations),
        ("last_lines", pull_requests::last_lines),
        ("location_url", pages::location_url),
        ("lowercase", projects::lowercase),
        ("next_cursor", next_cursor),
        ("notification_url", pages::notification_url),
        ("number_of_url", number_of_url),
        ("patches", patches),
        ("prevents_self_review", pages::prevents_self_review),
        ("project_values", projects::project_values),
        ("replies", pages::replies),
        ("repository_of_url", pages::repository_of_url),
        ("reviewers", pages::reviewers),
        ("rule_severity", security::rule_severity),
        ("steps", jobs::steps),
        ("thread_comments", pull_requests::thread_comments),
        ("wait_minutes", pages::wait_minutes),
    ],
    params: &[
        ("color", arguments::color),
        ("due_day", arguments::due_day),
        ("files_by_name", files_by_name),
        ("issue_query", queries::issue_query),
        ("organization_query", queries::organization_query),
        ("pull_request_query", queries::pull_request_query),
        ("text_to_base64", files::text_to_base64),
    ],
    arguments: &[("head_with_owner", arguments::head_with_owner)],
    results: &[
        ("copilot_is_asked", copilot::copilot_is_asked),
        ("copilot_is_assigned", copilot::copilot_is_assigned),
        ("latest_states", deployments::latest_states),
    ],
    handlers: &[
        ("add_discussion_comment", discussions::add_discussion_comment),
        ("add_project_item", projects::add_project_item),
        ("archive_project_item", projects::archive_project_item),
        ("convert_pull_request_to_draft", pull_requests::convert_to_draft),
        ("create_branch", files::create_branch),
        ("create_discussion", discussions::create_discussion),
        ("create_project", project_fields::create_project),
        ("create_project_field", project_fields::create_project_field),
        ("create_project_status_update", project_fields::create_project_status_update),
        ("delete_project_field", project_fields::delete_project_field),
        ("delete_project_item", projects::delete_project_item),
        ("disable_auto_merge", pull_requests::disable_auto_merge),
        ("enable_auto_merge", pull_requests::enable_auto_merge),
        ("get_blame", blame::get_blame),
        ("get_failed_job_logs", failed_logs::get_failed_job_logs),
        ("get_file_contents", files::get_file_contents),
        ("mark_pull_request_ready", pull_requests::mark_ready),
        ("minimize_comment", comments::minimize_comment),
        ("push_files", files::push_files),
        ("review_pending_deployments", deployments::review_pending_deployments),
        ("unminimize_comment", comments::unminimize_comment),
        ("update_branch_protection", protection::update_branch_protection),
        ("update_project", project_fields::update_project),
        ("update_project_field", project_fields::update_project_field),
        ("update_project_item", projects::update_project_item),
    ],
    explain: None,
};

/// The repository that a handler works on; its requests use paths below the repository: `git/trees`.
struct Repository<'a> {
    session: &'a Session<'a>,
    owner: &'a str,
    name: &'a str,
}

impl<'a> Repository<'a> {
    fn of(session: &'a Session<'a>, arguments: &'a Object) -> Self {
        Self { session, owner: text(arguments, "owner"), name: text(arguments, "repo") }
    }

    fn get(&self, path: &str) -> Result<Value, Error> {
        self.session.get(&self.segments(path), &[])
    }

    fn send(&self, method: Method, path: &str, body: &Value) -> Result<Value, Error> {
        self.session.send(method, &self.segments(path), &[], Some(body))
    }

    fn segments<'b>(&'b self, path: &'b str) -> Vec<&'b str> {
        ["repos", self.owner, self.name].into_iter().chain(path.split('/')).collect()
    }
}

/// Returns the SHA of a Git object in a response.
fn sha(object: &Value) -> Result<&str, Error> {
    let missing = || {
        Error::new(Code::UpstreamUnavailable, "GitHub's answer names no commit where one belongs.")
    };
    object["sha"].as_str().ok_or_else(missing)
}

/// The path of the GraphQL endpoint.
const GRAPHQL: &[&str] = &["graphql"];

/// Returns the id of a GraphQL node, which every change of it needs.
fn id(node: &Value) -> Result<&str, Error> {
    let missing = || {
        Error::new(Code::NotFound, "GitHub did not find this.")
            .with_hint("Check the names and numbers.")
    };
    node["id"].as_str().ok_or_else(missing)
}

/// Returns the list member with this name, in any case; an exact match comes first.
fn named<'a>(items: &'a Value, member: &str, wanted: &str) -> Option<&'a Value> {
    let exact = list(Some(items)).find(|item| item[member] == wanted);
    let plain = |name: &str| name.trim().to_lowercase();
    exact.or_else(|| {
        list(Some(items))
            .find(|item| item[member].as_str().is_some_and(|name| plain(name) == plain(wanted)))
    })
}

/// Returns the names in a list, for an error.
fn names(items: &Value, member: &str) -> String {
    let names: Vec<_> = list(Some(items))
        .filter_map(|item| item[member].as_str())
        .map(|name| format!("`{name}`"))
        .collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn list(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value.and_then(Value::as_array).into_iter().flatten()
}

/// Returns the files of a commit without their patches, which have a separate tool.
fn changed_files(files: &Value) -> Value {
    let brief = |file: &Value| {
        let mut brief = json!({
            "path": file["filename"], "status": file["status"],
            "additions": file["additions"], "deletions": file["deletions"],
        });
        if let Some(previous) = file.get("previous_filename") {
            brief["previous_path"] = previous.clone();
        }
        brief
    };
    list(Some(files)).map(brief).collect()
}

/// Returns the patches of a commit's files; null for a file that is binary or too large.
fn patches(files: &Value) -> Value {
    let patch = |file: &Value| json!({"path": file["filename"], "patch": file["patch"]});
    list(Some(files)).map(patch).collect()
}

/// Returns whether a job or a step failed on its own; being cancelled does not count.
fn has_failed(job: &Value) -> bool {
    matches!(job["conclusion"].as_str(), Some("failure" | "timed_out"))
}

/// Returns the names in a gist's map of files.
fn file_names(files: &Value) -> Value {
    files.as_object().into_iter().flat_map(Map::keys).map(String::as_str).collect()
}

/// Returns a gist's map of files as a list with their text; `truncated` if GitHub sends only the beginning.
fn gist_files(files: &Value) -> Value {
    let file = |(name, file): (&String, &Value)| {
        json!({
            "name": name, "language": file["language"], "size": file["size"],
            "truncated": file["truncated"], "content": file["content"],
        })
    };
    files.as_object().into_iter().flatten().map(file).collect()
}

/// Returns a commit message's title.
fn first_line(message: &Value) -> Value {
    message.as_str().map(|message| message.lines().next().unwrap_or_default()).into()
}

/// Returns whether the response has the member: an issue with a `pull_request` is a pull request.
fn is_present(value: &Value) -> Value {
    (!value.is_null()).into()
}

/// Returns the cursor of the next page, from a GraphQL `PageInfo`; null on the last page.
fn next_cursor(page: &Value) -> Value {
    if page["hasNextPage"] == true { page["endCursor"].clone() } else { Value::Null }
}

/// Returns the number of the issue, pull request or discussion at the end of an API address; null for any other address.
fn number_of_url(url: &Value) -> Value {
    let mut parts = url.as_str().unwrap_or_default().rsplit('/');
    let number = parts.next().and_then(|number| number.parse::<u64>().ok());
    number.filter(|_| matches!(parts.next(), Some("issues" | "pulls" | "discussions"))).into()
}

/// Returns a list of files with their text as GitHub's map by name.
fn files_by_name(files: &Value) -> Result<Value, Error> {
    let mut by_name = Map::new();
    for file in list(Some(files)) {
        let name = file["name"].as_str().unwrap_or_default();
        if by_name.insert(name.to_owned(), json!({"content": file["content"]})).is_some() {
            return Err(Error::invalid_params(format!(
                "`files` has two files of the name `{name}`."
            ))
            .with_hint("Give each file a name of its own."));
        }
    }
    Ok(by_name.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{FieldHook, ParamHook};

    fn check_field(hook: FieldHook, value: Value, expected: Value) {
        assert_eq!(hook(&value), expected, "{value}");
    }

    fn check_param(hook: ParamHook, value: Value, expected: Value) {
        assert_eq!(hook(&value).expect("the value is a good one"), expected, "{value}");
    }

    #[test]
    fn changed_files_lose_their_patches() {
        let file = json!({"filename": "b", "status": "renamed", "additions": 1, "deletions": 0, "patch": "@@", "previous_filename": "a"});
        let brief = json!([{"path": "b", "status": "renamed", "additions": 1, "deletions": 0, "previous_path": "a"}]);
        check_field(changed_files, json!([file]), brief);
        check_field(changed_files, Value::Null, json!([]));
    }

    #[test]
    fn the_files_of_a_gist_become_lists() {
        let files = json!({"b.rs": {"filename": "b.rs", "language": "Rust", "size": 3, "truncated": false, "content": "b()"}, "a": {"size": 0}});
        check_field(file_names, files.clone(), json!(["b.rs", "a"]));
        let full = json!([
            {"name": "b.rs", "language": "Rust", "size": 3, "truncated": false, "content": "b()"},
            {"name": "a", "language": null, "size": 0, "truncated": null, "content": null},
        ]);
        check_field(gist_files, files, full);
        check_field(file_names, Value::Null, json!([]));
    }

    #[test]
    fn a_message_keeps_its_first_line() {
        check_field(first_line, json!("Fix it\n\nLong story."), json!("Fix it"));
        check_field(first_line, json!(""), json!(""));
        check_field(first_line, Value::Null, Value::Null);
    }

    #[test]
    fn a_member_is_present_or_not() {
        check_field(is_present, json!({"url": "x"}), json!(true));
        check_field(is_present, Value::Null, json!(false));
    }

    #[test]
    fn the_last_page_has_no_next_one() {
        check_field(next_cursor, json!({"hasNextPage": true, "endCursor": "abc"}), json!("abc"));
        check_field(next_cursor, json!({"hasNextPage": false, "endCursor": "abc"}), Value::Null);
        check_field(next_cursor, Value::Null, Value::Null);
    }

    #[test]
    fn only_what_has_a_number_of_its_own_gets_one() {
        check_field(number_of_url, json!("https://api.github.com/repos/o/r/issues/12"), json!(12));
        check_field(number_of_url, json!("https://api.github.com/repos/o/r/pulls/7"), json!(7));
        check_field(
            number_of_url,
            json!("https://api.github.com/repos/o/r/releases/7"),
            Value::Null,
        );
        check_field(
            number_of_url,
            json!("https://api.github.com/repos/o/r/commits/6dcb09b"),
            Value::Null,
        );
        check_field(number_of_url, Value::Null, Value::Null);
    }

    #[test]
    fn files_are_sent_by_name_and_no_name_twice() {
        let file = |name: &str| json!({"name": name, "content": "x"});
        check_param(
            files_by_name,
            json!([file("a"), file("b")]),
            json!({"a": {"content": "x"}, "b": {"content": "x"}}),
        );
        let twice = files_by_name(&json!([file("a"), file("a")])).expect_err("one would be lost");
        assert!(twice.message().contains("`a`"), "{twice}");
    }
}
