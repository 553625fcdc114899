//! Converts plain values to Notion's objects.
//!
//! Source: the reference's pages on property values, data source properties and rich text
//! (<https://developers.notion.com/reference/page-property-values> and its neighbours).

use serde_json::{Map, Value, json};

use super::{id, list};
use crate::error::Error;

/// The maximum length in characters of one run of text (<https://developers.notion.com/reference/request-limits>).
const MAX_RUN: usize = 2000;

/// The writable property types. An object with one of these members already has Notion's own form.
const WRITABLE: [&str; 16] = [
    "title",
    "rich_text",
    "number",
    "select",
    "multi_select",
    "status",
    "date",
    "people",
    "files",
    "checkbox",
    "url",
    "email",
    "phone_number",
    "relation",
    "verification",
    "place",
];

/// Returns a text without formatting.
pub fn rich_text(text: &str) -> Value {
    let characters: Vec<char> = text.chars().collect();
    let run =
        |run: &[char]| json!({"type": "text", "text": {"content": run.iter().collect::<String>()}});
    characters.chunks(MAX_RUN).map(run).collect()
}

/// Returns an icon: an emoji, an image's address, `file_upload:<id>`, `custom_emoji:<id>`, or `none`.
pub fn icon(icon: &Value) -> Result<Value, Error> {
    let text = icon.as_str().unwrap_or_default().trim();
    if let Some(id) = text.strip_prefix("custom_emoji:") {
        return Ok(json!({"type": "custom_emoji", "custom_emoji": {"id": id}}));
    }
    match image(text) {
        Some(image) => Ok(image),
        // Letters are not an emoji: this is a name, which Notion would reject with a less helpful error.
        None if text.is_empty() || text.chars().any(char::is_alphanumeric) => {
            Err(Error::invalid_params("`icon` is neither an emoji nor an address.")
                .with_hint("Give an emoji, an image's https URL, `file_upload:<id>`, `custom_emoji:<id>` or `none`."))
        }
        None => Ok(json!({"type": "emoji", "emoji": text})),
    }
}

/// Returns a cover: an image's address, `file_upload:<id>`, or `none`.
pub fn cover(cover: &Value) -> Result<Value, Error> {
    image(cover.as_str().unwrap_or_default().trim()).ok_or_else(|| {
        Error::invalid_params("`cover` is not a URL.")
            .with_hint("Give an image's https URL, `file_upload:<id>` or `none`.")
    })
}

fn image(text: &str) -> Option<Value> {
    if text == "none" {
        return Some(Value::Null);
    }
    if let Some(id) = text.strip_prefix("file_upload:") {
        return Some(json!({"type": "file_upload", "file_upload": {"id": id}}));
    }
    text.starts_with("http").then(|| json!({"type": "external", "external": {"url": text}}))
}

/// Returns columns: a type's name means that type, a list of names means a select with these options; null removes the column.
pub fn schema(columns: &Value) -> Result<Value, Error> {
    let column = |(name, column): (&String, &Value)| {
        let column = match column {
            Value::String(kind) => json!({kind: {}}),
            Value::Array(_) => {
                let options: Value = list(column).map(|option| json!({"name": option})).collect();
                json!({"select": {"options": options}})
            }
            Value::Object(_) | Value::Null => column.clone(),
            _ => {
                return Err(Error::invalid_params(format!("`properties.{name}` is not a column."))
                    .with_hint(
                        "Give a type such as `date`, a list of options, or Notion's object.",
                    ));
            }
        };
        Ok((name.clone(), column))
    };
    let columns: Result<Map<_, _>, Error> =
        columns.as_object().into_iter().flatten().map(column).collect();
    columns.map(Value::from)
}

/// Returns whether a property value already has Notion's own form, for which no type is needed.
pub fn is_raw(value: &Value) -> bool {
    value
        .as_object()
        .is_some_and(|members| members.keys().any(|name| WRITABLE.contains(&name.as_str())))
}

/// Returns a property's value in the form of its type.
///
/// # Errors
///
/// [`Code::InvalidParams`](crate::error::Code::InvalidParams) that names the property, for a value that the type does not allow
/// and for a type that Notion fills in itself.
pub fn property(name: &str, kind: &str, value: &Value) -> Result<Value, Error> {
    if !WRITABLE.contains(&kind) {
        return Err(Error::invalid_params(format!(
            "`properties.{name}` is of the type {kind}, which Notion fills in itself."
        ))
        .with_hint("Leave it out."));
    }
    let content = if value.is_null() { Some(cleared(kind)) } else { content(kind, value) };
    let wrong = || {
        Error::invalid_params(format!("`properties.{name}` must be {}.", wanted(kind)))
            .with_hint("Correct the value, or give Notion's own object.")
    };
    content.map(|content| json!({kind: content})).ok_or_else(wrong)
}

/// Returns the value that clears a property of this type.
fn cleared(kind: &str) -> Value {
    match kind {
        "title" | "rich_text" | "multi_select" | "people" | "files" | "relation" => json!([]),
        "checkbox" => json!(false),
        "verification" => json!({"state": "unverified"}),
        _ => Value::Null,
    }
}

fn content(kind: &str, value: &Value) -> Option<Value> {
    let text = || match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    };
    let each = |make: fn(&Value) -> Value| Some(entries(value)?.iter().map(make).collect());
    match kind {
        "title" | "rich_text" => Some(rich_text(&text()?)),
        "url" | "email" | "phone_number" => text().map(Value::from),
        "number" => number(value),
        "checkbox" => boolean(value),
        "select" | "status" => Some(json!({"name": text()?})),
        "verification" => Some(json!({"state": text()?})),
        "date" if value.is_object() => Some(value.clone()),
        "date" => date(value.as_str()?),
        "multi_select" => each(|name| json!({"name": name})),
        "people" => each(|person| json!({"object": "user", "id": person})),
        "relation" => each(|page| json!({"id": id(page, &["p"])})),
        "files" => each(file),
        _ => value.is_object().then(|| value.clone()),
    }
}

fn wanted(kind: &str) -> &'static str {
    match kind {
        "number" => "a number",
        "checkbox" => "true or false",
        "date" => "a date such as 2026-01-31 or 2026-01-31T09:00:00Z, or two of them joined by `/`",
        "multi_select" => "a list of options",
        "people" => "a list of user ids",
        "relation" => "a list of page ids",
        "files" => "a list of URLs or upload ids",
        "place" => "an object with lat and lon",
        _ => "a text",
    }
}

/// Returns the texts of a list, or a list of a single text.
fn entries(value: &Value) -> Option<Vec<Value>> {
    let entries = match value {
        Value::String(_) => vec![value.clone()],
        Value::Array(entries) => entries.clone(),
        _ => return None,
    };
    entries.iter().all(Value::is_string).then_some(entries)
}

/// Returns a number, also from a text.
pub fn number(value: &Value) -> Option<Value> {
    let decoded = value.as_str().and_then(|text| serde_json::from_str(text.trim()).ok());
    Some(decoded.unwrap_or_else(|| value.clone())).filter(Value::is_number)
}

/// Returns true or false, also from a text.
pub fn boolean(value: &Value) -> Option<Value> {
    match value.as_str().map(str::trim) {
        Some("true") => Some(json!(true)),
        Some("false") => Some(json!(false)),
        Some(_) => None,
        None => Some(value.clone()).filter(Value::is_boolean),
    }
}

/// Returns a day or moment, or an interval of two (ISO 8601: joined by `/`).
fn date(text: &str) -> Option<Value> {
    let is_date = |text: &str| text.len() >= 10 && text.starts_with(|c: char| c.is_ascii_digit());
    let (start, end) = match text.split_once('/') {
        Some((start, end)) => (start.trim(), Some(end.trim())),
        None => (text.trim(), None),
    };
    let right = is_date(start) && end.is_none_or(is_date);
    right.then(|| match end {
        Some(end) => json!({"start": start, "end": end}),
        None => json!({"start": start}),
    })
}

/// Returns a file by its address, named after the end of the address, or by the id of its upload.
fn file(file: &Value) -> Value {
    match file.as_str() {
        Some(url) if url.starts_with("http") => {
            let path = url.split(['?', '#']).next().unwrap_or_default();
            let name = path
                .trim_end_matches('/')
                .rsplit('/')
                .next()
                .filter(|name| !name.is_empty())
                .unwrap_or("file");
            json!({"type": "external", "name": name, "external": {"url": url}})
        }
        _ => json!({"type": "file_upload", "file_upload": {"id": file}}),
    }
}

/// Converts a property value that was read for writing to another page; `None` for values that Notion fills in or stores
/// itself.
pub fn copy(property: &Value) -> Option<Value> {
    let kind = property["type"].as_str()?;
    let value = &property[kind];
    let ids =
        |value: &Value| list(value).map(|entry| json!({"id": entry["id"]})).collect::<Value>();
    let content = match kind {
        "number" | "checkbox" | "url" | "email" | "phone_number" | "date" => value.clone(),
        "select" | "status" if value.is_object() => json!({"name": value["name"]}),
        "multi_select" => list(value).map(|option| json!({"name": option["name"]})).collect(),
        "people" | "relation" => ids(value),
        "rich_text" => rich_text(
            crate::modules::notion::readable::value(property).as_str().unwrap_or_default(),
        ),
        _ => return None,
    };
    Some(json!({kind: content}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_sent_in_runs() {
        let text = "é".repeat(MAX_RUN) + "x";
        let runs = rich_text(&text);
        assert_eq!(
            (runs[0]["text"]["content"].as_str(), &runs[1]["text"]["content"]),
            (Some(&text[..2 * MAX_RUN]), &json!("x"))
        );
        assert_eq!(rich_text(""), json!([]));
    }

    #[test]
    fn images_are_told_apart() {
        let check =
            |hook: fn(&Value) -> Result<Value, Error>, given: &str, expected: Option<Value>| {
                assert_eq!(hook(&json!(given)).ok(), expected, "{given}");
            };
        check(icon, "🎉", Some(json!({"type": "emoji", "emoji": "🎉"})));
        check(
            icon,
            "https://x.example/i",
            Some(json!({"type": "external", "external": {"url": "https://x.example/i"}})),
        );
        check(
            icon,
            "custom_emoji:e1",
            Some(json!({"type": "custom_emoji", "custom_emoji": {"id": "e1"}})),
        );
        check(
            icon,
            "file_upload:f1",
            Some(json!({"type": "file_upload", "file_upload": {"id": "f1"}})),
        );
        check(icon, "none", Some(Value::Null));
        check(icon, "tada", None);
        check(icon, "", None);
        check(cover, "none", Some(Value::Null));
        check(cover, "🎉", None);
    }

    #[test]
    fn columns_may_be_types_or_options() {
        let columns = json!({"Name": "title", "Stage": ["New", "Done"], "Cost": {"number": {"format": "euro"}}, "Old": null});
        let expected = json!({
            "Name": {"title": {}}, "Stage": {"select": {"options": [{"name": "New"}, {"name": "Done"}]}},
            "Cost": {"number": {"format": "euro"}}, "Old": null,
        });
        assert_eq!(schema(&columns).expect("it is a good one"), expected);
        assert!(
            schema(&json!({"Name": 5}))
                .expect_err("5 is not a column")
                .message()
                .contains("`properties.Name`")
        );
    }

    #[test]
    fn a_value_takes_the_form_of_its_type() {
        let check = |kind: &str, value: Value, expected: Value| {
            assert_eq!(
                property("P", kind, &value).expect("it is a good one"),
                json!({kind: expected}),
                "{kind} {value}"
            );
        };
        check("title", json!("A"), json!([{"type": "text", "text": {"content": "A"}}]));
        check("rich_text", json!(5), json!([{"type": "text", "text": {"content": "5"}}]));
        check("rich_text", Value::Null, json!([]));
        check("number", json!("4.5"), json!(4.5));
        check("number", Value::Null, Value::Null);
        check("checkbox", json!("true"), json!(true));
        check("checkbox", Value::Null, json!(false));
        check("select", json!("High"), json!({"name": "High"}));
        check("status", Value::Null, Value::Null);
        check("multi_select", json!("a"), json!([{"name": "a"}]));
        check("multi_select", json!(["a", "b"]), json!([{"name": "a"}, {"name": "b"}]));
        check("date", json!("2026-01-31"), json!({"start": "2026-01-31"}));
        check(
            "date",
            json!("2026-01-31/2026-02-02"),
            json!({"start": "2026-01-31", "end": "2026-02-02"}),
        );
        check(
            "date",
            json!({"start": "2026-01-31", "time_zone": "Europe/Berlin"}),
            json!({"start": "2026-01-31", "time_zone": "Europe/Berlin"}),
        );
        check("people", json!(["u1"]), json!([{"object": "user", "id": "u1"}]));
        check(
            "relation",
            json!("https://www.notion.so/A-195de9221179449fab8075a27c979105"),
            json!([{"id": "195de9221179449fab8075a27c979105"}]),
        );
        let files = json!([
            {"type": "external", "name": "a.pdf", "external": {"url": "https://x.example/a.pdf?b"}},
            {"type": "file_upload", "file_upload": {"id": "f1"}},
        ]);
        check("files", json!(["https://x.example/a.pdf?b", "f1"]), files);
        check("place", json!({"lat": 1, "lon": 2}), json!({"lat": 1, "lon": 2}));
        check("verification", json!("verified"), json!({"state": "verified"}));
    }

    #[test]
    fn a_value_that_cannot_be_is_refused_with_what_would_be_right() {
        let check = |kind: &str, value: Value, part: &str| {
            let error = property("P", kind, &value).expect_err("it is a bad one");
            assert!(
                error.message().contains("`properties.P`") && error.message().contains(part),
                "{kind} {value}: {error}"
            );
        };
        check("number", json!("many"), "a number");
        check("checkbox", json!("yes"), "true or false");
        check("date", json!("tomorrow"), "2026-01-31");
        check("people", json!([5]), "user ids");
        check("place", json!("Berlin"), "lat and lon");
        check("formula", json!(1), "fills in itself");
    }

    #[test]
    fn notions_own_objects_are_known() {
        for raw in [json!({"select": null}), json!({"type": "number", "number": 5})] {
            assert!(is_raw(&raw), "{raw}");
        }
        for flat in [json!("a"), json!(["select"]), json!({"start": "2026-01-31"}), Value::Null] {
            assert!(!is_raw(&flat), "{flat}");
        }
    }

    #[test]
    fn what_was_read_can_be_written_elsewhere() {
        let check = |property: Value, expected: Option<Value>| {
            assert_eq!(copy(&property), expected, "{property}");
        };
        check(json!({"id": "a", "type": "number", "number": 5}), Some(json!({"number": 5})));
        check(
            json!({"type": "select", "select": {"id": "1", "name": "High", "color": "red"}}),
            Some(json!({"select": {"name": "High"}})),
        );
        check(json!({"type": "select", "select": null}), None);
        check(
            json!({"type": "people", "people": [{"id": "u1", "name": "Ada"}]}),
            Some(json!({"people": [{"id": "u1"}]})),
        );
        check(json!({"type": "created_time", "created_time": "2026"}), None);
        check(json!({"type": "title", "title": []}), None);
    }
}
