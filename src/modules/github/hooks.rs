//! What GitHub's module file cannot say as data.
//!
//! Here stands what is cited, with the small hooks; the other files hold the jobs of several requests, and the hooks of a
//! topic of their own.

mod blame;
mod discussions;
mod failed_logs;
mod projects;
mod protection;
mod pull_requests;
mod security;

use jwt_simple::reexports::ct_codecs::{Base64, Encoder};
use serde_json::{Map, Value, json};

use crate::engine::session::text;
use crate::engine::{Hooks, Session};
use crate::error::{Code, Error};
use crate::upstream::Method;

/// The hooks that GitHub's `module.json` cites.
pub(super) const HOOKS: Hooks = Hooks {
    fields: &[
        ("affected_packages", security::affected_packages),
        ("changed_files", changed_files),
        ("failed_steps", failed_steps),
        ("file_names", file_names),
        ("first_comment_id", pull_requests::first_comment_id),
        ("first_line", first_line),
        ("gist_files", gist_files),
        ("is_present", is_present),
        ("item_state", projects::item_state),
        ("iterations", projects::iterations),
        ("location_url", security::location_url),
        ("lowercase", projects::lowercase),
        ("next_cursor", next_cursor),
        ("number_of_url", number_of_url),
        ("project_values", projects::project_values),
        ("rule_severity", security::rule_severity),
        ("thread_comments", pull_requests::thread_comments),
    ],
    params: &[
        ("files_by_name", files_by_name),
        ("issue_query", issue_query),
        ("organization_query", organization_query),
        ("pull_request_query", pull_request_query),
        ("text_to_base64", text_to_base64),
    ],
    handlers: &[
        ("add_discussion_comment", discussions::add_discussion_comment),
        ("add_project_item", projects::add_project_item),
        ("archive_project_item", projects::archive_project_item),
        ("convert_pull_request_to_draft", pull_requests::convert_to_draft),
        ("create_branch", create_branch),
        ("create_discussion", discussions::create_discussion),
        ("delete_project_item", projects::delete_project_item),
        ("get_blame", blame::get_blame),
        ("get_failed_job_logs", failed_logs::get_failed_job_logs),
        ("mark_pull_request_ready", pull_requests::mark_ready),
        ("push_files", push_files),
        ("update_branch_protection", protection::update_branch_protection),
        ("update_project_item", projects::update_project_item),
    ],
    ..Hooks::NONE
};

/// Creates a branch: GitHub wants the commit's SHA, people name a branch or tag.
fn create_branch(session: &Session<'_>, arguments: &Map<String, Value>) -> Result<Value, Error> {
    let repository = Repository::of(session, arguments);
    let branch = text(arguments, "branch");
    let from = arguments.get("from").and_then(Value::as_str).unwrap_or("HEAD");
    let commit = repository.get(&format!("commits/{from}"))?;
    let body = json!({"ref": format!("refs/heads/{branch}"), "sha": sha(&commit)?});
    let created = repository.send(Method::Post, "git/refs", &body)?;
    Ok(json!({"branch": branch, "sha": sha(&created["object"])?}))
}

/// Commits several files at once, by the steps of GitHub's Git database: head, its tree, new tree, commit, new head.
fn push_files(session: &Session<'_>, arguments: &Map<String, Value>) -> Result<Value, Error> {
    let entries = tree_entries(arguments);
    if entries.is_empty() {
        return Err(Error::invalid_params("There is nothing to commit.")
            .with_hint("Give `files`, `delete` or both."));
    }
    let repository = Repository::of(session, arguments);
    let branch = text(arguments, "branch");

    let head = repository.get(&format!("git/ref/heads/{branch}"))?;
    let head = sha(&head["object"])?;
    let parent = repository.get(&format!("git/commits/{head}"))?;
    let changed = entries.len();
    let tree = json!({"base_tree": sha(&parent["tree"])?, "tree": entries});
    let tree = repository.send(Method::Post, "git/trees", &tree)?;
    let commit =
        json!({"message": text(arguments, "message"), "tree": sha(&tree)?, "parents": [head]});
    let commit = repository.send(Method::Post, "git/commits", &commit)?;
    // Without force, GitHub refuses when somebody else's commit came in between.
    let moved = json!({"sha": sha(&commit)?, "force": false});
    repository.send(Method::Patch, &format!("git/refs/heads/{branch}"), &moved)?;
    Ok(
        json!({"branch": branch, "commit_sha": sha(&commit)?, "changed_files": changed, "url": commit["html_url"]}),
    )
}

/// The entries of a new tree: `files` with their text, and `delete` as entries without an object.
fn tree_entries(arguments: &Map<String, Value>) -> Vec<Value> {
    let entry = |path: &Value| json!({"path": path, "mode": "100644", "type": "blob"});
    let written = list(arguments.get("files")).map(|file| {
        let mut written = entry(&file["path"]);
        written["content"] = file["content"].clone();
        written
    });
    let deleted = list(arguments.get("delete")).map(|path| {
        let mut deleted = entry(path);
        deleted["sha"] = Value::Null;
        deleted
    });
    written.chain(deleted).collect()
}

/// The repository that a handler works on, with paths below its own: `git/trees`.
struct Repository<'a> {
    session: &'a Session<'a>,
    owner: &'a str,
    name: &'a str,
}

impl<'a> Repository<'a> {
    fn of(session: &'a Session<'a>, arguments: &'a Map<String, Value>) -> Self {
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

/// The SHA of a Git object in an answer.
fn sha(object: &Value) -> Result<&str, Error> {
    let missing = || {
        Error::new(Code::UpstreamUnavailable, "GitHub's answer names no commit where one belongs.")
    };
    object["sha"].as_str().ok_or_else(missing)
}

/// The path of the GraphQL endpoint.
const GRAPHQL: &[&str] = &["graphql"];

/// The id of a GraphQL node, without which nothing can be done to it.
fn id(node: &Value) -> Result<&str, Error> {
    let missing = || {
        Error::new(Code::NotFound, "GitHub has no such thing.")
            .with_hint("Check the names and numbers.")
    };
    node["id"].as_str().ok_or_else(missing)
}

/// The member of a list that people call so, whatever the case; one that is written exactly so comes first.
fn named<'a>(items: &'a Value, member: &str, wanted: &str) -> Option<&'a Value> {
    let exact = list(Some(items)).find(|item| item[member] == wanted);
    let plain = |name: &str| name.trim().to_lowercase();
    exact.or_else(|| {
        list(Some(items))
            .find(|item| item[member].as_str().is_some_and(|name| plain(name) == plain(wanted)))
    })
}

/// The names in a list, for an error.
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

/// The files of a commit without their patches, which have a tool of their own.
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

/// The names of a job's steps that made it fail.
fn failed_steps(steps: &Value) -> Value {
    list(Some(steps)).filter(|step| has_failed(step)).map(|step| step["name"].clone()).collect()
}

/// Whether a job or a step ended badly by itself, not by being cancelled.
fn has_failed(job: &Value) -> bool {
    matches!(job["conclusion"].as_str(), Some("failure" | "timed_out"))
}

/// The names in a gist's map of files.
fn file_names(files: &Value) -> Value {
    files.as_object().into_iter().flat_map(Map::keys).map(String::as_str).collect()
}

/// A gist's map of files as a list with their text; `truncated` where GitHub sends only the beginning.
fn gist_files(files: &Value) -> Value {
    let file = |(name, file): (&String, &Value)| {
        json!({
            "name": name, "language": file["language"], "size": file["size"],
            "truncated": file["truncated"], "content": file["content"],
        })
    };
    files.as_object().into_iter().flatten().map(file).collect()
}

/// A commit message's title.
fn first_line(message: &Value) -> Value {
    message.as_str().map(|message| message.lines().next().unwrap_or_default()).into()
}

/// Whether the answer has the member at all: an issue with a `pull_request` is one.
fn is_present(value: &Value) -> Value {
    (!value.is_null()).into()
}

/// The cursor of the next page, from a GraphQL `PageInfo`; null on the last page.
fn next_cursor(page: &Value) -> Value {
    if page["hasNextPage"] == true { page["endCursor"].clone() } else { Value::Null }
}

/// The number of the issue, pull request or discussion that an API address ends with; null for anything else.
fn number_of_url(url: &Value) -> Value {
    let mut parts = url.as_str().unwrap_or_default().rsplit('/');
    let number = parts.next().and_then(|number| number.parse::<u64>().ok());
    number.filter(|_| matches!(parts.next(), Some("issues" | "pulls" | "discussions"))).into()
}

/// A list of files with their text as GitHub's map by name.
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

/// GitHub searches issues and pull requests as one; this keeps to issues.
fn issue_query(query: &Value) -> Result<Value, Error> {
    Ok(with_qualifier(query, "is:issue"))
}

/// GitHub searches issues and pull requests as one; this keeps to pull requests.
fn pull_request_query(query: &Value) -> Result<Value, Error> {
    Ok(with_qualifier(query, "is:pr"))
}

/// GitHub searches users and organizations as one; this keeps to organizations.
fn organization_query(query: &Value) -> Result<Value, Error> {
    Ok(with_qualifier(query, "type:org"))
}

fn with_qualifier(query: &Value, qualifier: &str) -> Value {
    let query = query.as_str().unwrap_or_default().trim();
    if query.split_whitespace().any(|word| word == qualifier) {
        query.into()
    } else {
        format!("{query} {qualifier}").trim_start().into()
    }
}

/// A file's text as GitHub wants its bytes: base64 (RFC 4648 §4).
fn text_to_base64(text: &Value) -> Result<Value, Error> {
    let encoded = Base64::encode_to_string(text.as_str().unwrap_or_default());
    encoded.map(Value::from).map_err(|_| Error::invalid_params("The file is too large."))
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
    fn only_steps_that_failed_are_named() {
        let step = |name: &str, conclusion: Value| json!({"name": name, "conclusion": conclusion});
        let steps = json!([
            step("build", json!("success")),
            step("test", json!("failure")),
            step("wait", json!("timed_out")),
            step("clean", json!("skipped")),
            step("now", Value::Null),
        ]);
        check_field(failed_steps, steps, json!(["test", "wait"]));
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

    #[test]
    fn a_search_keeps_to_its_kind() {
        check_param(issue_query, json!("crash repo:o/r"), json!("crash repo:o/r is:issue"));
        check_param(issue_query, json!("is:issue crash"), json!("is:issue crash"));
        check_param(issue_query, json!(" "), json!("is:issue"));
        check_param(pull_request_query, json!("author:@me"), json!("author:@me is:pr"));
        check_param(organization_query, json!("rust"), json!("rust type:org"));
    }

    #[test]
    fn a_text_is_sent_as_base64() {
        check_param(text_to_base64, json!("Grüße\n"), json!("R3LDvMOfZQo="));
        check_param(text_to_base64, json!(""), json!(""));
    }

    #[test]
    fn a_tree_has_what_is_written_and_what_is_deleted() {
        let arguments = json!({"files": [{"path": "a", "content": "x"}], "delete": ["b"]});
        let entries = json!([
            {"path": "a", "mode": "100644", "type": "blob", "content": "x"},
            {"path": "b", "mode": "100644", "type": "blob", "sha": null},
        ]);
        assert_eq!(json!(tree_entries(arguments.as_object().expect("it is one"))), entries);
        assert!(tree_entries(&Map::new()).is_empty());
    }
}
