//! Finds out who last changed each line of a file.

use serde_json::{Value, json};

use super::text;
use crate::engine::Session;
use crate::error::{Code, Error};
use crate::json::Object;

/// A ref is a commit, or an annotated tag, which is a separate object that points to a commit.
const DOCUMENT: &str = "query($owner: String!, $repo: String!, $ref: String!, $path: String!) { \
    repository(owner: $owner, name: $repo) { object(expression: $ref) { ...lines ... on Tag { target { ...lines } } } } } \
    fragment lines on Commit { blame(path: $path) { ranges { startingLine endingLine \
    commit { oid messageHeadline authoredDate author { name user { login } } } } } }";

/// Returns the ranges of lines that a commit left unchanged, in the file's order.
pub fn get_blame(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let argument = |name| text(arguments, name);
    let variables = json!({"owner": argument("owner"), "repo": argument("repo"), "ref": argument("ref"), "path": argument("path")});
    let data = session.graphql(&["graphql"], DOCUMENT, &variables)?;
    let object = &data["repository"]["object"];
    let commit = if object["target"].is_null() { object } else { &object["target"] };
    let Some(ranges) = commit["blame"]["ranges"].as_array() else {
        return Err(Error::new(
            Code::NotFound,
            format!("The repository has no commit `{}`.", argument("ref")),
        )
        .with_hint(
            "Give a branch, a tag or a commit's SHA, as list_branches and list_commits name them.",
        ));
    };
    let line = |name: &str| arguments.get(name).and_then(Value::as_u64);
    let (first, last) = (line("start_line").unwrap_or(0), line("end_line").unwrap_or(u64::MAX));
    let asked_for = |range: &&Value| {
        range["endingLine"].as_u64().is_some_and(|end| end >= first)
            && range["startingLine"].as_u64().is_some_and(|start| start <= last)
    };
    let items: Vec<_> = ranges.iter().filter(asked_for).map(row).collect();
    Ok(json!({"items": items}))
}

fn row(range: &Value) -> Value {
    let commit = &range["commit"];
    json!({
        "start_line": range["startingLine"], "end_line": range["endingLine"],
        "sha": commit["oid"], "title": commit["messageHeadline"],
        "author": commit["author"]["user"]["login"], "author_name": commit["author"]["name"], "authored_at": commit["authoredDate"],
    })
}
