//! Pull requests: drafts, auto-merge, and review threads.

use serde_json::{Value, json};

use super::projects::lowercase;
use super::{GRAPHQL, id, list};
use crate::engine::Session;
use crate::error::Error;
use crate::json::Object;

const PULL_REQUEST: &str = "query($owner: String!, $repo: String!, $number: Int!) { \
     repository(owner: $owner, name: $repo) { pullRequest(number: $number) { id } } }";

const TO_DRAFT: &str = "mutation($pull_request: ID!) { change: convertPullRequestToDraft(input: {pullRequestId: $pull_request}) { \
     pullRequest { number title isDraft url } } }";

const READY: &str = "mutation($pull_request: ID!) { change: markPullRequestReadyForReview(input: {pullRequestId: $pull_request}) { \
     pullRequest { number title isDraft url } } }";

const ENABLE_AUTO_MERGE: &str = "mutation($pull_request: ID!, $method: PullRequestMergeMethod, $title: String, $message: String, $sha: GitObjectID) { \
     change: enablePullRequestAutoMerge(input: {pullRequestId: $pull_request, mergeMethod: $method, commitHeadline: $title, \
     commitBody: $message, expectedHeadOid: $sha}) { pullRequest { ...merging } } } ";

const DISABLE_AUTO_MERGE: &str = "mutation($pull_request: ID!) { \
     change: disablePullRequestAutoMerge(input: {pullRequestId: $pull_request}) { pullRequest { ...merging } } } ";

const MERGING: &str = "fragment merging on PullRequest { number title state merged autoMergeRequest { mergeMethod enabledBy { login } } url }";

/// Enables auto-merge: the pull request is merged when all requirements of its branch are met.
pub(super) fn enable_auto_merge(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let mut change = json!({"pull_request": pull_request_id(session, arguments)?});
    for name in ["title", "message", "sha"] {
        if let Some(value) = arguments.get(name) {
            change[name] = value.clone();
        }
    }
    if let Some(method) = arguments.get("method").and_then(Value::as_str) {
        change["method"] = method.to_uppercase().into();
    }
    auto_merge(session, ENABLE_AUTO_MERGE, &change)
}

/// Disables auto-merge.
pub(super) fn disable_auto_merge(
    session: &Session<'_>,
    arguments: &Object,
) -> Result<Value, Error> {
    let change = json!({"pull_request": pull_request_id(session, arguments)?});
    auto_merge(session, DISABLE_AUTO_MERGE, &change)
}

fn auto_merge(session: &Session<'_>, mutation: &str, change: &Value) -> Result<Value, Error> {
    let changed = session.graphql(GRAPHQL, &format!("{mutation}{MERGING}"), change)?;
    let changed = &changed["change"]["pullRequest"];
    let request = &changed["autoMergeRequest"];
    Ok(json!({
        "number": changed["number"], "title": changed["title"], "state": lowercase(&changed["state"]), "merged": changed["merged"],
        "auto_merge": lowercase(&request["mergeMethod"]), "auto_merge_by": request["enabledBy"]["login"], "url": changed["url"],
    }))
}

/// Converts a pull request to a draft.
pub(super) fn convert_to_draft(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    change(session, arguments, TO_DRAFT)
}

/// Marks a draft as ready for review.
pub(super) fn mark_ready(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    change(session, arguments, READY)
}

fn change(session: &Session<'_>, arguments: &Object, mutation: &str) -> Result<Value, Error> {
    let pull_request = pull_request_id(session, arguments)?;
    let changed = session.graphql(GRAPHQL, mutation, &json!({"pull_request": pull_request}))?;
    let changed = &changed["change"]["pullRequest"];
    Ok(
        json!({"number": changed["number"], "title": changed["title"], "draft": changed["isDraft"], "url": changed["url"]}),
    )
}

fn pull_request_id(session: &Session<'_>, arguments: &Object) -> Result<String, Error> {
    let asked = json!({"owner": arguments["owner"], "repo": arguments["repo"], "number": arguments["pull_number"]});
    let found = session.graphql(GRAPHQL, PULL_REQUEST, &asked)?;
    id(&found["repository"]["pullRequest"]).map(str::to_owned)
}

/// Returns the comments of a thread.
pub(super) fn thread_comments(comments: &Value) -> Value {
    let comment = |comment: &Value| json!({"author": comment["author"]["login"], "body": comment["body"], "created_at": comment["createdAt"]});
    list(Some(comments)).map(comment).collect()
}

/// Returns the number of a thread's first comment, which the REST API needs for replies. GraphQL returns it as a string.
pub(super) fn first_comment_id(comments: &Value) -> Value {
    comments[0]["fullDatabaseId"].as_str().and_then(|id| id.parse::<u64>().ok()).into()
}

/// Returns the last lines of the diff hunk of a comment, which the comment refers to.
pub(super) fn last_lines(hunk: &Value) -> Value {
    const SHOWN: usize = 4;
    let lines: Vec<_> = hunk.as_str().unwrap_or_default().lines().collect();
    let shown = lines[lines.len().saturating_sub(SHOWN)..].join("\n");
    if hunk.is_string() { shown.into() } else { Value::Null }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hunk_is_shown_by_its_end() {
        assert_eq!(
            last_lines(&json!("@@ -1,5 +1,6 @@\n a\n b\n-c\n+d\n")),
            json!(" a\n b\n-c\n+d")
        );
        assert_eq!(last_lines(&json!("@@ -1 +1 @@\n+a")), json!("@@ -1 +1 @@\n+a"));
        assert_eq!(last_lines(&Value::Null), Value::Null);
    }

    #[test]
    fn a_threads_first_comment_has_a_number() {
        let check = |comments: Value, expected: Value| {
            assert_eq!(first_comment_id(&comments), expected, "{comments}");
        };
        check(
            json!([{"fullDatabaseId": "2147483648"}, {"fullDatabaseId": "7"}]),
            json!(2_147_483_648_u64),
        );
        check(json!([{"fullDatabaseId": null}]), Value::Null);
        check(json!([]), Value::Null);
        check(Value::Null, Value::Null);
    }
}
