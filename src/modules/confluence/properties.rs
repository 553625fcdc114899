//! Content properties: values that apps and Confluence store with a page, such as its width.

use serde_json::{Value, json};

use super::{record, text, v2};
use crate::engine::Session;
use crate::error::{Code, Error};
use crate::json::Object;
use crate::upstream::Method;

/// The properties for the width of a published page and of its draft.
pub const APPEARANCE: [&str; 2] = ["content-appearance-published", "content-appearance-draft"];

/// Returns the width of a page, from its properties; null if it is not set.
pub fn page_width(properties: &Value) -> Value {
    let mut properties = properties.as_array().into_iter().flatten();
    let width = properties.find(|property| property["key"] == APPEARANCE[0]);
    width.map_or(Value::Null, |width| width["value"].clone())
}

/// Sets the width of a page, for reading and for editing.
pub fn set_page_width(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let of = ["pages", text(arguments, "page_id")];
    for key in APPEARANCE {
        set(session, of, key, &arguments["width"])?;
    }
    Ok(json!({"width": arguments["width"]}))
}

/// Creates a property, or changes its value.
pub fn set_content_property(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let of = [text(arguments, "kind"), text(arguments, "id")];
    // A text that is not JSON counts as a string.
    let written = text(arguments, "value");
    let value = serde_json::from_str(written).unwrap_or_else(|_| json!(written));
    let property = set(session, of, text(arguments, "key"), &value)?;
    Ok(record([
        ("id", property["id"].clone()),
        ("key", property["key"].clone()),
        ("value", property["value"].clone()),
        ("version", property["version"]["number"].clone()),
    ]))
}

/// Deletes a property by its key.
pub fn delete_content_property(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let [kind, id] = [text(arguments, "kind"), text(arguments, "id")];
    let key = text(arguments, "key");
    let Some(property) = find(session, [kind, id], key)? else {
        return Err(Error::new(Code::NotFound, format!("There is no property `{key}`."))
            .with_hint("Take the key from list_content_properties."));
    };
    let property = property["id"].as_str().unwrap_or_default();
    session.send(Method::Delete, &v2(&[kind, id, "properties", property]), &[], None)?;
    Ok(json!({"message": "Property deleted."}))
}

fn find(session: &Session<'_>, of: [&str; 2], key: &str) -> Result<Option<Value>, Error> {
    let path = v2(&[&of[..], &["properties"]].concat());
    let answer = session.get(&path, &[("key", key)])?;
    let found = answer["results"].as_array().into_iter().flatten();
    Ok(found.into_iter().find(|property| property["key"] == key).cloned())
}

/// Writes a property. Changing one requires its id and its next version; a new one has neither.
fn set(session: &Session<'_>, of: [&str; 2], key: &str, value: &Value) -> Result<Value, Error> {
    let path = [&of[..], &["properties"]].concat();
    let mut body = json!({"key": key, "value": value});
    let Some(property) = find(session, of, key)? else {
        return session.send(Method::Post, &v2(&path), &[], Some(&body));
    };
    let number = property["version"]["number"].as_u64().unwrap_or_default() + 1;
    body["version"] = json!({"number": number});
    let id = property["id"].as_str().unwrap_or_default();
    session.send(Method::Put, &v2(&[&path[..], &[id]].concat()), &[], Some(&body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pages_width_is_one_of_its_properties() {
        let property = |key: &str, value: &str| json!({"id": "1", "key": key, "value": value});
        for (properties, width) in [
            (
                json!([
                    property("editor", "v2"),
                    property("content-appearance-published", "full-width")
                ]),
                json!("full-width"),
            ),
            (json!([property("content-appearance-draft", "full-width")]), Value::Null),
            (json!([]), Value::Null),
            (Value::Null, Value::Null),
        ] {
            assert_eq!(page_width(&properties), width, "{properties}");
        }
    }
}
