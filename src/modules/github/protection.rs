//! Changes a branch's protection.
//!
//! GitHub only accepts the complete protection, in a different form than it returns: the protection is read, changed and sent
//! back.

use serde_json::{Value, json};

use super::{list, text};
use crate::engine::Session;
use crate::error::{Code, Error};
use crate::json::Object;
use crate::upstream::Method;

/// Switches, by the names of the argument and of the member.
const SWITCHES: [(&str, &str); 6] = [
    ("enforce_admins", "enforce_admins"),
    ("linear_history", "required_linear_history"),
    ("conversation_resolution", "required_conversation_resolution"),
    ("force_pushes", "allow_force_pushes"),
    ("deletions", "allow_deletions"),
    ("locked", "lock_branch"),
];

/// Switches without an argument.
const KEPT: [&str; 2] = ["block_creations", "allow_fork_syncing"];

/// Requirements for a pull request, by the names of the argument and of the member.
const REVIEWS: [(&str, &str); 4] = [
    ("approvals", "required_approving_review_count"),
    ("dismiss_stale_reviews", "dismiss_stale_reviews"),
    ("code_owner_reviews", "require_code_owner_reviews"),
    ("last_push_approval", "require_last_push_approval"),
];

/// Protects a branch or changes its protection; settings without an argument stay unchanged.
pub fn update_branch_protection(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let argument = |name| text(arguments, name);
    let path = [
        "repos",
        argument("owner"),
        argument("repo"),
        "branches",
        argument("branch"),
        "protection",
    ];
    let present = match session.get(&path, &[]) {
        Err(error) if error.code() == Code::NotFound => Value::Null,
        present => present?,
    };
    session.send(Method::Put, &path, &[], Some(&changed(&present, arguments)?))?;
    Ok(json!({"message": "Protection saved. get_branch_protection shows all of it."}))
}

/// Returns the protection to send: `present`, converted to the form of a request, with the arguments applied.
fn changed(present: &Value, arguments: &Object) -> Result<Value, Error> {
    let mut body = json!({
        "required_status_checks": checks(&present["required_status_checks"], arguments),
        "required_pull_request_reviews": reviews(&present["required_pull_request_reviews"], arguments)?,
        "restrictions": people(&present["restrictions"]),
    });
    let given = SWITCHES.map(|(argument, member)| (arguments.get(argument), member));
    for (given, member) in given.into_iter().chain(KEPT.map(|member| (None, member))) {
        body[member] =
            given.cloned().unwrap_or_else(|| (present[member]["enabled"] == true).into());
    }
    Ok(body)
}

/// Returns the required checks. An existing check stays bound to its app.
fn checks(present: &Value, arguments: &Object) -> Value {
    let kept = |check: &Value| {
        // -1 means any app; without an app, the check would be bound to the app that reported it last.
        let app = check["app_id"].as_i64().unwrap_or(-1);
        json!({"context": check["context"], "app_id": app})
    };
    let unbound = |name: &Value| json!({"context": name});
    let before: Vec<_> = match present.get("checks") {
        Some(checks) => list(Some(checks)).map(kept).collect(),
        // Older servers do not support apps here and return only names.
        None => list(present.get("contexts")).map(unbound).collect(),
    };
    let known = |name: &Value| before.iter().find(|check| check["context"] == *name).cloned();
    let checks = match arguments.get("required_checks") {
        Some(names) => {
            list(Some(names)).map(|name| known(name).unwrap_or_else(|| unbound(name))).collect()
        }
        None => before,
    };
    let up_to_date = arguments.get("up_to_date").unwrap_or(&present["strict"]) == true;
    let none_shall_be = arguments.contains_key("required_checks") || present.is_null();
    if checks.is_empty() && !up_to_date && none_shall_be {
        Value::Null
    } else {
        json!({"strict": up_to_date, "checks": checks})
    }
}

/// Returns the requirements for a pull request; null if there are none.
fn reviews(present: &Value, arguments: &Object) -> Result<Value, Error> {
    let given = REVIEWS.iter().find(|(argument, _)| arguments.contains_key(*argument));
    match (arguments.get("pull_request").and_then(Value::as_bool), given) {
        (Some(false), Some((argument, _))) => {
            return Err(Error::invalid_params(format!(
                "`{argument}` is about pull requests, and `pull_request` false wants none."
            ))
            .with_hint("Leave one of them out."));
        }
        (Some(false), None) => return Ok(Value::Null),
        (None, None) if present.is_null() => return Ok(Value::Null),
        _ => {}
    }
    // Always sent, because GitHub would otherwise choose the number of approvals.
    let mut reviews = json!({"required_approving_review_count": 0});
    for (argument, member) in REVIEWS {
        if let Some(value) = arguments.get(argument).or_else(|| present.get(member)) {
            reviews[member] = value.clone();
        }
    }
    for member in ["dismissal_restrictions", "bypass_pull_request_allowances"] {
        if let Some(restricted) = present.get(member) {
            reviews[member] = people(restricted);
        }
    }
    Ok(reviews)
}

/// Returns users, teams and apps by the names that GitHub requires; null stays null.
fn people(present: &Value) -> Value {
    if present.is_null() {
        return Value::Null;
    }
    let names = |kind: &str, name: &str| {
        list(present.get(kind)).map(|one| one[name].clone()).collect::<Value>()
    };
    json!({"users": names("users", "login"), "teams": names("teams", "slug"), "apps": names("apps", "slug")})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(present: &Value, arguments: Value, member: &str, expected: Value) {
        let arguments = arguments.as_object().expect("arguments are an object");
        assert_eq!(
            changed(present, arguments).expect("they fit together")[member],
            expected,
            "{member} {arguments:?}"
        );
    }

    #[test]
    fn a_new_protection_has_only_what_is_asked_for() {
        let body = changed(&Value::Null, &Object::new()).expect("nothing contradicts");
        let off = json!({
            "required_status_checks": null, "required_pull_request_reviews": null, "restrictions": null, "enforce_admins": false,
            "required_linear_history": false, "required_conversation_resolution": false, "allow_force_pushes": false,
            "allow_deletions": false, "lock_branch": false, "block_creations": false, "allow_fork_syncing": false,
        });
        assert_eq!(body, off);
        let new = &Value::Null;
        check(
            new,
            json!({"pull_request": true}),
            "required_pull_request_reviews",
            json!({"required_approving_review_count": 0}),
        );
        check(
            new,
            json!({"approvals": 2}),
            "required_pull_request_reviews",
            json!({"required_approving_review_count": 2}),
        );
        check(
            new,
            json!({"up_to_date": true}),
            "required_status_checks",
            json!({"strict": true, "checks": []}),
        );
        check(
            new,
            json!({"required_checks": ["ci"]}),
            "required_status_checks",
            json!({"strict": false, "checks": [{"context": "ci"}]}),
        );
        check(new, json!({"required_checks": []}), "required_status_checks", Value::Null);
        check(new, json!({"linear_history": true}), "required_linear_history", json!(true));
    }

    #[test]
    fn what_is_absent_stays() {
        let someone = json!({"users": [{"login": "octocat", "id": 1}], "teams": [{"slug": "owls", "id": 2}], "apps": []});
        let names = json!({"users": ["octocat"], "teams": ["owls"], "apps": []});
        let present = json!({
            "required_status_checks": {
                "strict": true, "contexts": ["ci", "lint"], "checks": [{"context": "ci", "app_id": 7}, {"context": "lint", "app_id": null}],
            },
            "required_pull_request_reviews": {"dismiss_stale_reviews": true, "required_approving_review_count": 2, "dismissal_restrictions": someone},
            "restrictions": someone,
            "enforce_admins": {"url": "u", "enabled": true},
            "block_creations": {"enabled": true},
        });
        let bound = json!([{"context": "ci", "app_id": 7}, {"context": "lint", "app_id": -1}]);
        check(
            &present,
            json!({}),
            "required_status_checks",
            json!({"strict": true, "checks": bound}),
        );
        check(
            &present,
            json!({"up_to_date": false}),
            "required_status_checks",
            json!({"strict": false, "checks": bound}),
        );
        let two = json!([{"context": "test"}, {"context": "ci", "app_id": 7}]);
        check(
            &present,
            json!({"required_checks": ["test", "ci"]}),
            "required_status_checks",
            json!({"strict": true, "checks": two}),
        );
        check(
            &present,
            json!({"required_checks": [], "up_to_date": false}),
            "required_status_checks",
            Value::Null,
        );
        let names_alone = json!({"required_status_checks": {"strict": false, "contexts": ["ci"]}});
        check(
            &names_alone,
            json!({}),
            "required_status_checks",
            json!({"strict": false, "checks": [{"context": "ci"}]}),
        );
        check(
            &present,
            json!({"pull_request": false}),
            "required_pull_request_reviews",
            Value::Null,
        );
        let reviews = json!({"dismiss_stale_reviews": true, "required_approving_review_count": 1, "dismissal_restrictions": names});
        check(&present, json!({"approvals": 1}), "required_pull_request_reviews", reviews);
        check(&present, json!({}), "restrictions", names);
        check(&present, json!({}), "enforce_admins", json!(true));
        check(&present, json!({"enforce_admins": false}), "enforce_admins", json!(false));
        check(&present, json!({}), "block_creations", json!(true));
    }

    #[test]
    fn no_pull_request_needs_no_approvals() {
        let arguments = json!({"pull_request": false, "approvals": 1});
        let error = changed(&Value::Null, arguments.as_object().expect("it is an object"))
            .expect_err("they contradict each other");
        assert!(error.message().contains("`approvals`"), "{error}");
    }
}
