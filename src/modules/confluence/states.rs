//! Content states: the status next to a page's title, such as "In progress".

use serde_json::{Value, json};

use super::{text, v1};
use crate::engine::Session;
use crate::engine::session::list;
use crate::error::Error;
use crate::json::Object;
use crate::upstream::Method;

/// Lists the states that a page can have: those of its space, and those that the account used last.
pub fn list_content_states(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let states = available(session, text(arguments, "content_id"))?;
    Ok(json!({"items": states}))
}

/// Sets or removes the state of a page. Each change publishes a new version, or changes the draft.
pub fn set_content_state(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let (id, wanted) = (text(arguments, "content_id"), text(arguments, "state"));
    let draft = arguments.get("draft") == Some(&Value::Bool(true));
    let query = [("status", if draft { "draft" } else { "current" })];
    let path = v1(&["content", id, "state"]);
    if wanted == "none" {
        session.send(Method::Delete, &path, &query, None)?;
        return Ok(json!({"message": "State removed."}));
    }
    let states = available(session, id)?;
    let is_wanted = |state: &&Value| {
        let name = state["name"].as_str().unwrap_or_default();
        let is_id = state["id"].as_u64().is_some_and(|id| wanted.parse() == Ok(id));
        is_id || name.to_lowercase() == wanted.to_lowercase()
    };
    let body = match (states.iter().find(is_wanted), arguments.get("color")) {
        (Some(state), None) => json!({"id": state["id"]}),
        (_, Some(color)) => json!({"name": wanted, "color": color}),
        (None, None) => {
            let names: Vec<_> = states.iter().filter_map(|state| state["name"].as_str()).collect();
            return Err(Error::invalid_params(format!(
                "The page cannot have the state `{wanted}`."
            ))
            .with_hint(format!(
                "Give a `color` to make a state of your own, or use one of these: {}.",
                names.join(", ")
            )));
        }
    };
    let answer = session.send(Method::Put, &path, &query, Some(&body))?;
    Ok(state(&answer["contentState"], None))
}

fn available(session: &Session<'_>, id: &str) -> Result<Vec<Value>, Error> {
    let answer = session.get(&v1(&["content", id, "state", "available"]), &[])?;
    let of = |states: &str, whose: &'static str| {
        list(&answer[states]).map(|one| state(one, Some(whose))).collect::<Vec<_>>()
    };
    Ok([of("spaceContentStates", "space"), of("customContentStates", "own")].concat())
}

fn state(state: &Value, whose: Option<&str>) -> Value {
    let mut brief = json!({"id": state["id"], "name": state["name"], "color": state["color"]});
    if let Some(whose) = whose {
        brief["of"] = whose.into();
    }
    brief
}
