//! Sharing a calendar: who may see and change it.

use serde_json::{Value, json};

use super::text;
use crate::engine::Session;
use crate::error::Error;
use crate::json::Object;
use crate::upstream::Method;

/// Shares a calendar with a person, a group, a domain or everyone. If they have access already, their role changes.
pub(super) fn share(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let (kind, who) = (text(arguments, "kind"), text(arguments, "who").trim());
    let is_email = who.split_once('@').is_some_and(|(name, domain)| {
        !name.is_empty() && domain.contains('.') && !who.contains(char::is_whitespace)
    });
    let wrong = |message: &str, hint: &str| Err(Error::invalid_params(message).with_hint(hint));
    let scope = match kind {
        "public" if who.is_empty() => json!({"type": "default"}),
        "public" => {
            return wrong(
                "`who` is not for `kind` public, which is everybody.",
                "Leave one of them out.",
            );
        }
        "domain" if who.contains('.') && !who.contains('@') => {
            json!({"type": "domain", "value": who})
        }
        "domain" => return wrong("`who` must be a domain.", "For example example.com."),
        kind if is_email => json!({"type": kind, "value": who}),
        _ => return wrong("`who` must be an email address.", "For example ana@example.com."),
    };
    if kind == "public" && !matches!(text(arguments, "role"), "freeBusyReader" | "reader") {
        return wrong(
            "Everybody can only be given freeBusyReader or reader.",
            "Name people or groups for more.",
        );
    }
    let notify = if arguments.get("notify") == Some(&Value::Bool(true)) { "true" } else { "false" };
    let rule = session.send(
        Method::Post,
        &["calendars", text(arguments, "calendar_id"), "acl"],
        &[("sendNotifications", notify)],
        Some(&json!({"role": arguments["role"], "scope": scope})),
    )?;
    Ok(
        json!({"id": rule["id"], "who": grantee(&rule["scope"]), "kind": rule["scope"]["type"], "role": rule["role"]}),
    )
}

/// Returns the person or group that a rule applies to.
pub(super) fn grantee(scope: &Value) -> Value {
    if scope["type"] == "default" { "everybody".into() } else { scope["value"].clone() }
}
