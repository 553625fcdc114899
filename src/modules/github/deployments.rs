//! Deployments: the state of each, and deployments that wait for approval.

use serde_json::{Value, json};

use super::{GRAPHQL, Repository, list, named, names, text};
use crate::engine::Session;
use crate::error::Error;
use crate::json::Object;
use crate::upstream::Method;

const STATES: &str = "query($ids: [ID!]!) { nodes(ids: $ids) { ... on Deployment { id state \
     latestStatus { state environmentUrl } statuses { totalCount } } } }";

/// The columns that the REST API does not have. Until they are looked up, the rows contain the deployment's GraphQL id there.
const LOOKED_UP: [&str; 3] = ["state", "environment_url", "statuses"];

/// Adds its state to each deployment of a list. The list is returned without states if GitHub does not provide them, as on
/// Enterprise Server and without a token.
pub(super) fn latest_states(
    session: &Session<'_>,
    _: &Object,
    mut result: Value,
) -> Result<Value, Error> {
    let id = |row: &Value| LOOKED_UP.iter().find_map(|name| row[*name].as_str().map(str::to_owned));
    let ids: Vec<_> = list(result.get("items")).filter_map(id).collect();
    if ids.is_empty() {
        return Ok(result);
    }
    let (states, unread) = match session.graphql(GRAPHQL, STATES, &json!({"ids": ids})) {
        Ok(mut data) => (data["nodes"].take(), None),
        Err(error) => (Value::Null, Some(error.message().to_owned())),
    };
    let state_of = |id: &str| list(Some(&states)).find(|state| state["id"] == id);
    for row in result["items"].as_array_mut().into_iter().flatten() {
        let state = id(row).and_then(|id| state_of(&id).cloned()).unwrap_or_default();
        for name in LOOKED_UP {
            if let Some(cell) = row.get_mut(name) {
                *cell = looked_up(&state, name);
            }
        }
    }
    if let Some(reason) = unread {
        result["unread"] = format!("{}: {reason}", LOOKED_UP.join(", ")).into();
    }
    Ok(result)
}

fn looked_up(deployment: &Value, name: &str) -> Value {
    let status = &deployment["latestStatus"];
    match name {
        "environment_url" => match status["environmentUrl"].as_str() {
            None | Some("") => Value::Null,
            Some(url) => url.into(),
        },
        "statuses" => deployment["statuses"]["totalCount"].clone(),
        // A deployment that waits for approval has no status yet.
        _ => [&status["state"], &deployment["state"]]
            .into_iter()
            .find_map(Value::as_str)
            .map(str::to_lowercase)
            .into(),
    }
}

/// Approves or rejects waiting deployments of a run: GitHub requires ids of environments, people use names.
pub(super) fn review_pending_deployments(
    session: &Session<'_>,
    arguments: &Object,
) -> Result<Value, Error> {
    let repository = Repository::of(session, arguments);
    let path = format!("actions/runs/{}/pending_deployments", arguments["run_id"]);
    let pending = repository.get(&path)?;
    let waiting: Value =
        list(Some(&pending)).map(|pending| pending["environment"].clone()).collect();
    let chosen = chosen(&waiting, arguments.get("environments"))?;
    let ids: Vec<_> = chosen.iter().map(|environment| environment["id"].clone()).collect();
    let body = json!({
        "environment_ids": ids, "state": arguments["state"], "comment": text(arguments, "comment"),
    });
    repository.send(Method::Post, &path, &body)?;
    let reviewed: Vec<_> = chosen.iter().map(|environment| environment["name"].clone()).collect();
    Ok(json!({"environments": reviewed, "state": arguments["state"]}))
}

/// Returns the selected environments: the named ones, or the only one that waits.
fn chosen<'a>(waiting: &'a Value, wanted: Option<&Value>) -> Result<Vec<&'a Value>, Error> {
    let all: Vec<_> = list(Some(waiting)).collect();
    if all.is_empty() {
        return Err(Error::invalid_params("No deployment of this run waits for a review.")
            .with_hint("get_workflow_run shows whether the run is `waiting`."));
    }
    let wanted: Vec<_> = list(wanted).filter_map(Value::as_str).collect();
    match (wanted.as_slice(), all.as_slice()) {
        ([], [only]) => Ok(vec![*only]),
        ([], _) => Err(Error::invalid_params("Several environments wait for a review.").with_hint(
            format!("Name in `environments` those that are meant: {}.", names(waiting, "name")),
        )),
        (wanted, _) => wanted
            .iter()
            .map(|name| {
                named(waiting, "name", name).ok_or_else(|| {
                    Error::invalid_params(format!(
                        "No deployment into `{name}` waits for a review."
                    ))
                    .with_hint(format!("These wait: {}.", names(waiting, "name")))
                })
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deployment_stands_as_its_latest_status_says() {
        let check = |deployment: Value, expected: [Value; 3]| {
            assert_eq!(
                LOOKED_UP.map(|name| looked_up(&deployment, name)),
                expected,
                "{deployment}"
            );
        };
        let status = json!({"state": "IN_PROGRESS", "environmentUrl": "https://e"});
        check(
            json!({"state": "ACTIVE", "latestStatus": status, "statuses": {"totalCount": 2}}),
            [json!("in_progress"), json!("https://e"), json!(2)],
        );
        check(
            json!({"state": "WAITING", "latestStatus": null, "statuses": {"totalCount": 0}}),
            [json!("waiting"), Value::Null, json!(0)],
        );
        check(Value::Null, [Value::Null, Value::Null, Value::Null]);
    }

    #[test]
    fn it_is_clear_which_environment_is_meant() {
        let one = json!([{"id": 1, "name": "production"}]);
        let two = json!([{"id": 1, "name": "production"}, {"id": 2, "name": "staging"}]);
        let ids = |waiting: &Value, wanted: Value| -> Result<Vec<u64>, String> {
            chosen(waiting, Some(&wanted))
                .map(|found| found.iter().filter_map(|one| one["id"].as_u64()).collect())
                .map_err(|error| error.to_string())
        };
        assert_eq!(ids(&one, Value::Null), Ok(vec![1]));
        assert_eq!(ids(&two, json!(["Staging"])), Ok(vec![2]));
        assert_eq!(ids(&two, json!(["staging", "production"])), Ok(vec![2, 1]));
        for (waiting, wanted, part) in [
            (&two, Value::Null, "`production`, `staging`"),
            (&two, json!(["test"]), "`test`"),
            (&json!([]), Value::Null, "No deployment"),
        ] {
            let error = ids(waiting, wanted.clone()).expect_err("it is not clear");
            assert!(error.contains(part), "{wanted}: {error}");
        }
    }
}
