//! Hides and shows comments: GraphQL identifies them by its own ids, users by the number in their address.

use serde_json::{Value, json};

use super::{GRAPHQL, Repository, text};
use crate::engine::Session;
use crate::error::{Code, Error};
use crate::json::Object;

const MINIMIZE: &str = "mutation($subject: ID!, $reason: ReportedContentClassifiers!) { \
     change: minimizeComment(input: {subjectId: $subject, classifier: $reason}) { \
     comment: minimizedComment { isMinimized minimizedReason } } }";

const UNMINIMIZE: &str = "mutation($subject: ID!) { change: unminimizeComment(input: {subjectId: $subject}) { \
     comment: unminimizedComment { isMinimized minimizedReason } } }";

/// Hides a comment or a review behind a line that says why.
pub(super) fn minimize_comment(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let reason = text(arguments, "reason").to_uppercase();
    let subject = node_id(session, arguments)?;
    change(session, arguments, MINIMIZE, &json!({"subject": subject, "reason": reason}))
}

/// Shows a hidden comment or review again.
pub(super) fn unminimize_comment(
    session: &Session<'_>,
    arguments: &Object,
) -> Result<Value, Error> {
    let subject = node_id(session, arguments)?;
    change(session, arguments, UNMINIMIZE, &json!({"subject": subject}))
}

fn change(
    session: &Session<'_>,
    arguments: &Object,
    mutation: &str,
    variables: &Value,
) -> Result<Value, Error> {
    let changed = session.graphql(GRAPHQL, mutation, variables)?;
    let comment = &changed["change"]["comment"];
    let mut result = json!({"id": arguments["id"], "minimized": comment["isMinimized"]});
    if !comment["minimizedReason"].is_null() {
        result["reason"] = comment["minimizedReason"].clone();
    }
    Ok(result)
}

/// Returns the comment's id in GraphQL.
fn node_id(session: &Session<'_>, arguments: &Object) -> Result<String, Error> {
    let comment = Repository::of(session, arguments).get(&path(arguments)?)?;
    let missing =
        || Error::new(Code::UpstreamUnavailable, "GitHub gives the comment without its node id.");
    comment["node_id"].as_str().map(str::to_owned).ok_or_else(missing)
}

/// Returns the comment's path below its repository: a review is below its pull request.
fn path(arguments: &Object) -> Result<String, Error> {
    let (target, id) = (text(arguments, "target"), &arguments["id"]);
    match (target, arguments.get("pull_number")) {
        ("pulls/reviews", Some(number)) => Ok(format!("pulls/{number}/reviews/{id}")),
        ("pulls/reviews", None) => Err(Error::invalid_params("A review needs `pull_number`.")
            .with_hint("Give the number of the pull request that it is about.")),
        _ => Ok(format!("{target}/{id}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_has_its_place() {
        let check = |arguments: Value, expected: Option<&str>| {
            let found = path(arguments.as_object().expect("it is an object"));
            assert_eq!(found.ok().as_deref(), expected, "{arguments}");
        };
        check(json!({"target": "issues/comments", "id": 7}), Some("issues/comments/7"));
        check(
            json!({"target": "pulls/comments", "id": 7, "pull_number": 1}),
            Some("pulls/comments/7"),
        );
        check(
            json!({"target": "pulls/reviews", "id": 7, "pull_number": 1}),
            Some("pulls/1/reviews/7"),
        );
        check(json!({"target": "pulls/reviews", "id": 7}), None);
    }
}
