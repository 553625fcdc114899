//! Reduces a service's JSON to the few fields that a tool returns.

use serde_json::Value;

use super::FieldHook;
use crate::json::Object;

/// The path of a value in a response: names joined by `.`; `[]` after a name goes through a list, and `\.` is a dot in a name.
///
/// The empty path is the value itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path(Vec<Step>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Member(String),
    Each,
}

/// One field of a result.
#[derive(Debug, Clone)]
pub struct Field {
    /// Its name in the result.
    pub name: String,
    /// The path of its value.
    pub path: Path,
    /// The hook that changes the value.
    pub hook: Option<FieldHook>,
    /// The boolean argument that requests it; `None` if it is always included.
    pub when: Option<String>,
}

impl Field {
    /// Returns whether the arguments request it.
    #[must_use]
    pub fn is_wanted(&self, arguments: &Object) -> bool {
        self.when.as_ref().is_none_or(|name| arguments.get(name) == Some(&Value::Bool(true)))
    }
}

impl Path {
    /// Reads a path from a module file.
    ///
    /// # Errors
    ///
    /// What is wrong with it, as the sentence for a finding.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self(Vec::new()));
        }
        // The escaped dot is temporarily a control character, which no member name of a response contains.
        let unescaped = text.replace("\\.", "\0");
        let mut steps = Vec::new();
        for part in unescaped.split('.') {
            let name = part.strip_suffix("[]").unwrap_or(part);
            if name.is_empty() || name.contains(['[', ']', '\\']) {
                return Err(format!(
                    "`{text}` is not a path: names are joined by `.`, only `[]` may follow a name, and `\\.` is a dot within a name"
                ));
            }
            steps.push(Step::Member(name.replace('\0', ".")));
            if name.len() < part.len() {
                steps.push(Step::Each);
            }
        }
        Ok(Self(steps))
    }

    /// Returns the value at the path; null if the path does not exist. Lists in lists become one list.
    #[must_use]
    pub fn find(&self, value: &Value) -> Value {
        find(&self.0, value)
    }

    /// Returns the value at a path without lists; `None` if a member is missing, null if it or an ancestor is null.
    pub(super) fn locate<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        self.0.iter().try_fold(value, |value, step| match (step, value) {
            (_, Value::Null) => Some(value),
            (Step::Member(name), _) => value.get(name),
            (Step::Each, _) => None,
        })
    }

    /// Returns whether the path goes through a list.
    pub(crate) fn has_lists(&self) -> bool {
        self.0.contains(&Step::Each)
    }
}

fn find(steps: &[Step], value: &Value) -> Value {
    match steps {
        [] => value.clone(),
        [Step::Member(name), rest @ ..] => {
            value.get(name).map_or(Value::Null, |value| find(rest, value))
        }
        [Step::Each, rest @ ..] => {
            let Some(items) = value.as_array() else { return Value::Null };
            if !rest.contains(&Step::Each) {
                return items.iter().map(|item| find(rest, item)).collect();
            }
            let inner = items.iter().flat_map(|item| match find(rest, item) {
                Value::Array(values) => values,
                // An item without the inner list adds nothing to the joined list.
                _ => Vec::new(),
            });
            inner.collect()
        }
    }
}

/// Returns a row of a list: the selected fields, including nulls, so that every row has the same fields.
#[must_use]
pub fn row<'a>(fields: impl Iterator<Item = &'a Field>, value: &Value) -> Object {
    let value_of = |field: &Field| {
        let value = field.path.find(value);
        field.hook.map_or_else(|| value.clone(), |hook| hook(&value))
    };
    fields.map(|field| (field.name.clone(), value_of(field))).collect()
}

/// Returns a record: the selected fields that have a value.
#[must_use]
pub fn record(fields: &[Field], value: &Value, arguments: &Object) -> Object {
    let mut record = row(fields.iter().filter(|field| field.is_wanted(arguments)), value);
    record.retain(|_, value| !value.is_null());
    record
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_finds_its_value_or_null() {
        let answer = json!({
            "user": {"login": "octocat", "email": null},
            "labels": [{"name": "bug"}, {"color": "red"}, {"name": "ui"}],
            "files": [{"lines": [{"n": 1}, {"n": 2}]}, {}, {"lines": [{"n": 3}]}],
            "topics": ["a", "b"],
            "@odata.next": {"a.b": [{"c.": 1}]},
        });
        let check = |path: &str, expected: Value| {
            assert_eq!(Path::parse(path).unwrap().find(&answer), expected, "{path}");
        };
        check("user.login", json!("octocat"));
        check("user.email", json!(null));
        check("user.email.domain", json!(null));
        check("user.login.length", json!(null));
        check("nobody.login", json!(null));
        check("labels[].name", json!(["bug", null, "ui"]));
        check("topics[]", json!(["a", "b"]));
        check("user[].login", json!(null));
        check("labels.name", json!(null));
        check("files[].lines[].n", json!([1, 2, 3]));
        check("files[].lines[]", json!([{"n": 1}, {"n": 2}, {"n": 3}]));
        check(r"@odata\.next.a\.b[].c\.", json!([1]));
        check("@odata.next", json!(null));
        check("", answer.clone());
    }

    #[test]
    fn a_path_that_is_none_is_refused() {
        for path in [
            ".", "a.", ".a", "a..b", "[]", "a[0]", "a[]b", "a[][]", "a.[]", "a]", r"a\b", r"a\\.b",
            r"a\",
        ] {
            assert!(Path::parse(path).is_err(), "{path}");
        }
    }

    #[test]
    fn rows_keep_nulls_and_records_drop_them() {
        fn shout(value: &Value) -> Value {
            value.as_str().map_or(json!("NOBODY"), |text| text.to_uppercase().into())
        }
        let field = |name: &str, path: &str, hook| Field {
            name: name.to_owned(),
            path: Path::parse(path).unwrap(),
            hook,
            when: None,
        };
        let fields = [
            field("b", "x", None),
            field("a", "y", None),
            field("c", "z", Some(shout as FieldHook)),
        ];
        let answer = json!({"y": 1, "other": 2});
        assert_eq!(
            json!(row(fields.iter(), &answer)).to_string(),
            r#"{"b":null,"a":1,"c":"NOBODY"}"#
        );
        let record_of = |fields: &[Field], arguments: Value| {
            let arguments = arguments.as_object().expect("it is one");
            json!(record(fields, &answer, arguments)).to_string()
        };
        assert_eq!(record_of(&fields, json!({})), r#"{"a":1,"c":"NOBODY"}"#);
        let asked = [Field { when: Some("more".to_owned()), ..fields[1].clone() }];
        for (arguments, expected) in [
            (json!({}), "{}"),
            (json!({"more": false}), "{}"),
            (json!({"more": true}), r#"{"a":1}"#),
        ] {
            assert_eq!(record_of(&asked, arguments.clone()), expected, "{arguments}");
        }
    }
}
