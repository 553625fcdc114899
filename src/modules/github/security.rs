//! Alerts and advisories: values that are too deep in GitHub's responses for a path.

use serde_json::{Value, json};

use super::list;

/// Returns the severity of a code scanning rule: the level of a security rule, otherwise the tool's own ranking.
pub(super) fn rule_severity(rule: &Value) -> Value {
    let level = &rule["security_severity_level"];
    if level.is_null() { rule["severity"].clone() } else { level.clone() }
}

/// Returns the packages of an advisory, each with the affected versions and the first fixed version.
pub(super) fn affected_packages(vulnerabilities: &Value) -> Value {
    let package = |vulnerability: &Value| {
        json!({
            "ecosystem": vulnerability["package"]["ecosystem"], "package": vulnerability["package"]["name"],
            "versions": vulnerability["vulnerable_version_range"], "fixed_in": vulnerability["first_patched_version"],
        })
    };
    list(Some(vulnerabilities)).map(package).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::FieldHook;

    fn check(hook: FieldHook, value: Value, expected: Value) {
        assert_eq!(hook(&value), expected, "{value}");
    }

    #[test]
    fn a_security_rule_has_a_level_of_its_own() {
        check(
            rule_severity,
            json!({"severity": "error", "security_severity_level": "high"}),
            json!("high"),
        );
        check(
            rule_severity,
            json!({"severity": "warning", "security_severity_level": null}),
            json!("warning"),
        );
        check(rule_severity, Value::Null, Value::Null);
    }

    #[test]
    fn no_tool_asks_for_the_value_of_a_leaked_secret() {
        let module: Value = serde_json::from_str(include_str!("module.json")).expect("it is JSON");
        let about_alerts = |tool: &&Value| {
            tool["request"]["path"]
                .as_str()
                .is_some_and(|path| path.contains("/secret-scanning/alerts"))
        };
        let tools: Vec<_> = list(Some(&module["tools"])).filter(about_alerts).collect();
        assert!(!tools.is_empty());
        for tool in tools {
            let (name, output) = (&tool["name"], &tool["output"]);
            assert!(output["fields"].is_object(), "{name} gives more than fields");
            for part in ["fields", "summary"] {
                for (field, path) in output[part].as_object().into_iter().flatten() {
                    let path =
                        path["path"].as_str().or(path.as_str()).expect("every field has a path");
                    assert!(
                        !path.is_empty() && path.split(['.', '[']).all(|step| step != "secret"),
                        "{name}: {field}"
                    );
                }
            }
            let shows_alerts = tool["request"]["method"] == "GET"
                && !name.as_str().is_some_and(|name| name.ends_with("_locations"));
            assert!(!shows_alerts || tool["request"]["query"]["hide_secret"] == true, "{name}");
        }
    }
}
