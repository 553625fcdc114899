//! JSON values, and the memory that they take.

use serde_json::{Map, Value};

/// The members of a JSON object.
pub type Object = Map<String, Value>;

/// What an entry of a list or a member of an object takes at most, without its texts: the value itself, a number's digits, a
/// member's name and its place in the index, and room that grows ahead.
const ENTRY: usize = size_of::<Value>() + 56;

/// The bytes that a value takes, by estimate.
#[must_use]
pub fn memory_of(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => ENTRY,
        Value::String(text) => ENTRY + text.len(),
        Value::Array(values) => ENTRY + values.iter().map(memory_of).sum::<usize>(),
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| name.len() + memory_of(value);
            ENTRY + members.iter().map(member).sum::<usize>()
        }
    }
}

/// The bytes that the value of a JSON text takes at most, by estimate, without reading it: a short text of many small values
/// takes fifty times its own length.
#[must_use]
pub fn memory_of_text(text: &[u8]) -> usize {
    let begins = text.iter().filter(|byte| matches!(byte, b',' | b'[' | b'{')).count();
    text.len() + (begins + 1) * ENTRY
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_estimate_of_a_text_is_no_less_than_that_of_its_value() {
        for value in [
            json!(null),
            json!("a text, with commas"),
            json!([0, 1, 2, 3]),
            json!([[], {}, [[]]]),
            json!({"items": [{"id": 1, "title": "A", "labels": ["x", "y"]}, {"id": 2}], "next": null}),
        ] {
            let text = value.to_string();
            assert!(memory_of_text(text.as_bytes()) >= memory_of(&value), "{text}");
        }
        assert!(memory_of(&json!(vec![0; 1_000])) > 50_000);
    }
}
