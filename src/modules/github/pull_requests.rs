//! Pull requests: the draft state and the threads on a diff.

use serde_json::{Map, Value, json};

use super::{GRAPHQL, id, list};
use crate::error::Error;
use crate::modules::Session;

const PULL_REQUEST: &str = "query($owner: String!, $repo: String!, $number: Int!) { \
     repository(owner: $owner, name: $repo) { pullRequest(number: $number) { id } } }";

const TO_DRAFT: &str = "mutation($pull_request: ID!) { change: convertPullRequestToDraft(input: {pullRequestId: $pull_request}) { \
     pullRequest { number title isDraft url } } }";

const READY: &str = "mutation($pull_request: ID!) { change: markPullRequestReadyForReview(input: {pullRequestId: $pull_request}) { \
     pullRequest { number title isDraft url } } }";

/// Makes a pull request a draft.
pub(super) fn convert_to_draft(
    session: &Session<'_>,
    arguments: &Map<String, Value>,
) -> Result<Value, Error> {
    change(session, arguments, TO_DRAFT)
}

/// Ends a pull request's draft state.
pub(super) fn mark_ready(
    session: &Session<'_>,
    arguments: &Map<String, Value>,
) -> Result<Value, Error> {
    change(session, arguments, READY)
}

fn change(
    session: &Session<'_>,
    arguments: &Map<String, Value>,
    mutation: &str,
) -> Result<Value, Error> {
    let asked = json!({"owner": arguments["owner"], "repo": arguments["repo"], "number": arguments["pull_number"]});
    let pull_request =
        &session.graphql(GRAPHQL, PULL_REQUEST, &asked)?["repository"]["pullRequest"];
    let changed =
        session.graphql(GRAPHQL, mutation, &json!({"pull_request": id(pull_request)?}))?;
    let changed = &changed["change"]["pullRequest"];
    Ok(
        json!({"number": changed["number"], "title": changed["title"], "draft": changed["isDraft"], "url": changed["url"]}),
    )
}

/// The comments of a thread.
pub(super) fn thread_comments(comments: &Value) -> Value {
    let comment = |comment: &Value| json!({"author": comment["author"]["login"], "body": comment["body"], "created_at": comment["createdAt"]});
    list(Some(comments)).map(comment).collect()
}

/// The number of a thread's first comment, which the REST API replies by. GraphQL writes it as a text.
pub(super) fn first_comment_id(comments: &Value) -> Value {
    comments[0]["fullDatabaseId"].as_str().and_then(|id| id.parse::<u64>().ok()).into()
}

/// The last lines of the hunk that a comment is on: those that it is about.
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
            assert_eq!(first_comment_id(&comments), expected, "{comments}")
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
