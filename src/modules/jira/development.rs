//! The content of an issue's Development panel.
//!
//! Atlassian does not document these addresses. They belong to the panel and may change without notice, so missing members are
//! simply left out.

use serde_json::{Map, Value, json};

use super::{issue_path, list};
use crate::engine::Session;
use crate::error::Error;
use crate::json::Object;

/// Kinds of data that have details.
const KINDS: [&str; 3] = ["pullrequest", "branch", "repository"];

/// Returns the branches, commits and pull requests of an issue.
pub fn get_development(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    // These addresses accept only an issue's numeric id.
    let issue = session.get(&issue_path(arguments, &[]), &[("fields", "summary")])?;
    let id = issue["id"].as_str().unwrap_or_default();
    let summary =
        session.get(&["rest", "dev-status", "latest", "issue", "summary"], &[("issueId", id)])?;
    let mut found = Found::default();
    for kind in KINDS {
        for service in
            summary["summary"][kind]["byInstanceType"].as_object().into_iter().flat_map(Map::keys)
        {
            let query = [("issueId", id), ("applicationType", service), ("dataType", kind)];
            let answer =
                session.get(&["rest", "dev-status", "latest", "issue", "detail"], &query)?;
            list(&answer["detail"]).for_each(|detail| found.add(kind, detail));
        }
    }
    Ok(json!({
        "pull_requests": found.pull_requests, "branches": found.branches, "commits": found.commits,
        "builds": builds(&summary["summary"]["build"]["overall"]),
        "deployments": deployments(&summary["summary"]["deployment-environment"]["overall"]),
    }))
}

#[derive(Default)]
struct Found {
    pull_requests: Vec<Value>,
    branches: Vec<Value>,
    commits: Vec<Value>,
}

impl Found {
    /// Keeps the requested kind; a detail also contains other kinds, which are requested separately.
    fn add(&mut self, kind: &str, detail: &Value) {
        match kind {
            "pullrequest" => {
                self.pull_requests.extend(list(&detail["pullRequests"]).map(pull_request));
            }
            "branch" => self.branches.extend(list(&detail["branches"]).map(branch)),
            _ => {
                for repository in list(&detail["repositories"]) {
                    self.commits.extend(
                        list(&repository["commits"]).map(|commit| self::commit(repository, commit)),
                    );
                }
            }
        }
    }
}

fn pull_request(request: &Value) -> Value {
    let destination = &request["destination"];
    let repository = [&request["repositoryName"], &destination["repository"]["name"]];
    let repository = repository.into_iter().find(|name| name.is_string()).unwrap_or(&Value::Null);
    json!({
        "id": request["id"], "title": request["name"], "state": request["status"], "author": request["author"]["name"],
        "repository": repository, "from": request["source"]["branch"], "into": destination["branch"],
        "reviewers": list(&request["reviewers"]).map(reviewer).collect::<Vec<_>>(), "updated_at": request["lastUpdate"],
        "url": request["url"],
    })
}

/// Returns the reviewers and their decisions.
fn reviewer(reviewer: &Value) -> String {
    let name = reviewer["name"].as_str().unwrap_or_default();
    let state = match (reviewer["approvalStatus"].as_str(), reviewer["approved"].as_bool()) {
        (Some(state), _) => state.to_lowercase(),
        (None, Some(true)) => "approved".to_owned(),
        (None, _) => "unapproved".to_owned(),
    };
    format!("{name}: {state}")
}

/// Returns the number of builds and their results.
fn builds(overall: &Value) -> Value {
    json!({
        "count": overall["count"], "successful": overall["successfulBuildCount"], "failed": overall["failedBuildCount"],
        "unknown": overall["unknownBuildCount"],
    })
}

/// Returns the number of deployments, and the state of the main environments.
fn deployments(overall: &Value) -> Value {
    let environment = |environment: &Value| json!({"environment": environment["title"], "state": environment["status"]});
    json!({
        "count": overall["count"],
        "environments": list(&overall["topEnvironments"]).map(environment).collect::<Vec<_>>(),
    })
}

fn branch(branch: &Value) -> Value {
    json!({"name": branch["name"], "repository": branch["repository"]["name"], "url": branch["url"]})
}

fn commit(repository: &Value, commit: &Value) -> Value {
    json!({
        "id": commit["displayId"], "message": commit["message"], "author": commit["author"]["name"],
        "repository": repository["name"], "created_at": commit["authorTimestamp"], "url": commit["url"],
    })
}
