//! References into earlier results: `${id.items[0].field}` inside the parameters of a line.

use serde_json::Value;

/// A step into a value.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Member(String),
    Index(usize),
}

/// The source of a value: a line's id, and the steps into its result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reference {
    line: String,
    steps: Vec<Step>,
}

impl Reference {
    /// Reads the text between `${` and `}`.
    fn parse(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("${{{text}}} is not a reference; one looks like ${{repos.items[0].name}}");
        let end = text.find(['.', '[']).unwrap_or(text.len());
        let (line, mut rest) = text.split_at(end);
        if line.is_empty() {
            return Err(wrong());
        }
        let mut steps = Vec::new();
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix('[') {
                let (index, after) = after.split_once(']').ok_or_else(wrong)?;
                steps.push(Step::Index(index.parse().map_err(|_| wrong())?));
                rest = after;
            } else {
                let after = rest.strip_prefix('.').ok_or_else(wrong)?;
                let end = after.find(['.', '[']).unwrap_or(after.len());
                let (name, after) = after.split_at(end);
                if name.is_empty() {
                    return Err(wrong());
                }
                steps.push(Step::Member(name.to_owned()));
                rest = after;
            }
        }
        Ok(Self { line: line.to_owned(), steps })
    }

    /// Follows the steps into the result of the line.
    fn find<'a>(&self, result: &'a Value) -> Result<&'a Value, String> {
        let mut place = self.line.clone();
        let mut value = result;
        for step in &self.steps {
            let (next, name) = match step {
                Step::Member(name) => (value.get(name), format!(".{name}")),
                Step::Index(index) => (value.get(index), format!("[{index}]")),
            };
            value = next.ok_or_else(|| {
                format!("the result has no {place}{name}{}", what_there_is(value))
            })?;
            place.push_str(&name);
        }
        Ok(value)
    }
}

/// Returns what exists at the place where a step failed, so that the caller can correct it.
fn what_there_is(value: &Value) -> String {
    match value {
        Value::Object(members) => format!(
            "; there are {}",
            members.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
        ),
        Value::Array(entries) => format!("; there are {} entries", entries.len()),
        _ => String::new(),
    }
}

/// Splits a text into literal parts and references. `$${` stands for a plain `${`.
fn parts(text: &str) -> Result<Vec<Part<'_>>, String> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        if rest[..start].ends_with('$') {
            parts.push(Part::Text(&rest[..start - 1]));
            parts.push(Part::Text("${"));
            rest = &rest[start + 2..];
            continue;
        }
        parts.push(Part::Text(&rest[..start]));
        let (inside, after) = rest[start + 2..]
            .split_once('}')
            .ok_or_else(|| format!("{:?} opens a reference that nothing closes", &rest[start..]))?;
        parts.push(Part::Reference(Reference::parse(inside)?));
        rest = after;
    }
    parts.push(Part::Text(rest));
    parts.retain(|part| *part != Part::Text(""));
    Ok(parts)
}

#[derive(Debug, PartialEq, Eq)]
enum Part<'a> {
    Text(&'a str),
    Reference(Reference),
}

/// Returns the ids of the lines that a value refers to.
pub(super) fn lines_in(value: &Value, found: &mut Vec<String>) -> Result<(), String> {
    match value {
        Value::String(text) => {
            for part in parts(text)? {
                if let Part::Reference(reference) = part
                    && !found.contains(&reference.line)
                {
                    found.push(reference.line);
                }
            }
            Ok(())
        }
        Value::Array(entries) => entries.iter().try_for_each(|entry| lines_in(entry, found)),
        Value::Object(members) => members.values().try_for_each(|member| lines_in(member, found)),
        _ => Ok(()),
    }
}

/// Returns the value with its references replaced. A text that is a single reference becomes the value itself, of any type; in
/// a longer text the value is written as text.
pub(super) fn resolve(
    value: &Value,
    result_of: &dyn Fn(&str) -> Option<Value>,
) -> Result<Value, String> {
    let find = |reference: &Reference| {
        let result = result_of(&reference.line)
            .ok_or_else(|| format!("line {:?} has no result", reference.line))?;
        reference.find(&result).cloned()
    };
    match value {
        Value::String(text) => match parts(text)?.as_slice() {
            [Part::Reference(reference)] => find(reference),
            parts => {
                let mut written = String::new();
                for part in parts {
                    match part {
                        Part::Text(text) => written.push_str(text),
                        Part::Reference(reference) => match find(reference)? {
                            Value::String(text) => written.push_str(&text),
                            other => written.push_str(&other.to_string()),
                        },
                    }
                }
                Ok(Value::String(written))
            }
        },
        Value::Array(entries) => entries
            .iter()
            .map(|entry| resolve(entry, result_of))
            .collect::<Result<_, _>>()
            .map(Value::Array),
        Value::Object(members) => members
            .iter()
            .map(|(name, member)| Ok((name.clone(), resolve(member, result_of)?)))
            .collect::<Result<_, String>>()
            .map(Value::Object),
        other => Ok(other.clone()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn resolved(value: &Value) -> Result<Value, String> {
        let results =
            json!({"repos": {"items": [{"name": "a", "stars": 7}, {"name": "b"}], "total": 2}});
        resolve(value, &|line| results.get(line).cloned())
    }

    #[test]
    fn references_are_replaced_with_their_type_or_written_into_a_text() {
        for (value, expected) in [
            (json!("${repos.items[0].stars}"), json!(7)),
            (json!("${repos.items[1]}"), json!({"name": "b"})),
            (
                json!("${repos}"),
                json!({"items": [{"name": "a", "stars": 7}, {"name": "b"}], "total": 2}),
            ),
            (
                json!("repo ${repos.items[0].name} has ${repos.items[0].stars}"),
                json!("repo a has 7"),
            ),
            (json!({"deep": ["${repos.total}", true, null]}), json!({"deep": [2, true, null]})),
            (json!("a plain $ {text} $5 }"), json!("a plain $ {text} $5 }")),
            (json!("cost: $${total}"), json!("cost: ${total}")),
        ] {
            assert_eq!(resolved(&value), Ok(expected), "{value}");
        }
    }

    #[test]
    fn a_reference_that_leads_nowhere_says_what_there_is() {
        for (text, says) in [
            ("${repos.items[2].name}", "there are 2 entries"),
            ("${repos.itmes}", "there are items, total"),
            ("${repos.total.x}", "no repos.total.x"),
            ("${nobody.x}", "\"nobody\" has no result"),
            ("${repos.items[x]}", "is not a reference"),
            ("${repos.items[0}", "is not a reference"),
            ("${}", "is not a reference"),
            ("${repos..x}", "is not a reference"),
            ("${repos", "nothing closes"),
        ] {
            let error = resolved(&json!(text)).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn the_lines_that_a_value_refers_to_are_found_once_each() {
        let mut found = Vec::new();
        lines_in(&json!({"a": "${x.items[0]} ${y}", "b": ["${x}", "$${z}"]}), &mut found).unwrap();
        assert_eq!(found, ["x", "y"]);
    }
}
