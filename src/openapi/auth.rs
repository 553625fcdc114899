//! How the service authenticates callers.

use serde_json::{Value, json};

use super::Operation;
use super::schema::Schemas;

/// Returns the module's `auth`; `None` if the service needs no authentication, or uses a scheme that modules do not support.
pub fn of(
    root: &Value,
    operations: &[&Operation<'_>],
    variable: &str,
    notes: &mut Vec<String>,
) -> Option<Value> {
    let rules: Vec<&Value> = [&root["security"]]
        .into_iter()
        .chain(operations.iter().map(|operation| &operation.described["security"]))
        .collect();
    let alternatives: Vec<_> = rules
        .into_iter()
        .filter_map(Value::as_array)
        .flatten()
        .filter_map(Value::as_object)
        .collect();
    let named = |name: &String| {
        alternatives.is_empty()
            || alternatives.iter().any(|alternative| alternative.contains_key(name))
    };
    let optional = alternatives.iter().any(|alternative| alternative.is_empty());
    let (mut bearer, mut basic, mut others) = (false, false, Vec::new());
    for (name, scheme) in root["components"]["securitySchemes"]
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, _)| named(name))
    {
        let scheme = Schemas(root).resolved(scheme);
        let kind = scheme["type"].as_str().unwrap_or_default();
        match (kind, scheme["scheme"].as_str().unwrap_or_default().to_ascii_lowercase().as_str()) {
            ("http", "bearer") | ("oauth2" | "openIdConnect", _) => bearer = true,
            ("http", "basic") => basic = true,
            (kind, scheme) => {
                others.push(format!("{name} ({} {scheme})", kind.trim()).replace(" )", ")"));
            }
        }
    }
    if !others.is_empty() {
        notes.push(format!(
            "only bearer tokens and basic passwords can be sent, not: {}",
            others.join(", ")
        ));
    }
    let ways = [
        (bearer, "bearer", vec![format!("{variable}_TOKEN")]),
        (basic, "basic", vec![format!("{variable}_USER"), format!("{variable}_PASSWORD")]),
    ];
    let ways: Vec<Value> = ways
        .into_iter()
        .filter(|(is_there, ..)| *is_there)
        .map(|(_, kind, env)| {
            if optional {
                json!({"kind": kind, "env": env, "optional": true})
            } else {
                json!({"kind": kind, "env": env})
            }
        })
        .collect();
    match ways.len() {
        0 => None,
        1 => ways.into_iter().next(),
        _ => Some(ways.into()),
    }
}
