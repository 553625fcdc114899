//! Converts plain values to Notion's objects.
//!
//! Source: the reference's pages on property values, data source properties and rich text
//! (<https://developers.notion.com/reference/page-property-values> and its neighbours).

use serde_json::{Map, Value, json};

use super::{ids, limits, list, readable};
use crate::error::Error;
use crate::time::{Moment, Zone};

/// Most characters of a file's name.
const MAX_NAME: usize = 100;

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

/// A text without formatting. `place` is its name in an error.
///
/// # Errors
///
/// [`Code::InvalidParams`](crate::error::Code::InvalidParams) for more than Notion takes.
pub fn rich_text(place: &str, text: &str) -> Result<Value, Error> {
    let runs = limits::runs(text);
    if runs.len() > limits::MAX_ENTRIES {
        let limit = limits::MAX_ENTRIES * limits::MAX_RUN;
        return Err(limits::too_long(place, limits::characters(text), limit));
    }
    Ok(runs.iter().map(|run| json!({"type": "text", "text": {"content": run}})).collect())
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

/// An icon where Notion takes none away.
pub fn kept_icon(given: &Value) -> Result<Value, Error> {
    kept("icon", icon(given)?)
}

/// A cover where Notion takes none away.
pub fn kept_cover(given: &Value) -> Result<Value, Error> {
    kept("cover", cover(given)?)
}

fn kept(name: &str, image: Value) -> Result<Value, Error> {
    if image.is_null() {
        return Err(Error::invalid_params(format!(
            "`{name}` cannot be taken away from a database."
        ))
        .with_hint("Give another one, or leave it out."));
    }
    Ok(image)
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
    let wrong = || {
        Error::invalid_params(format!("`properties.{name}` must be {}.", wanted(kind)))
            .with_hint("Correct the value, or give Notion's own object.")
    };
    let place = format!("properties.{name}");
    let content = if is_blank(kind, value) {
        cleared(kind)
    } else {
        content(&place, kind, value)?.ok_or_else(wrong)?
    };
    let property = json!({kind: content});
    limits::check(&place, &property).map(|()| property)
}

/// Whether the value clears a property of this type: Notion takes no empty text for those that are not texts.
fn is_blank(kind: &str, value: &Value) -> bool {
    let blank = value.as_str().is_some_and(|text| text.trim().is_empty());
    value.is_null() || blank && !matches!(kind, "title" | "rich_text")
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

fn content(place: &str, kind: &str, value: &Value) -> Result<Option<Value>, Error> {
    let text = || match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    };
    let each = |make: fn(&Value) -> Result<Value, Error>| {
        entries(value)
            .map(|entries| entries.iter().map(make).collect::<Result<Value, _>>())
            .transpose()
    };
    Ok(match kind {
        "title" | "rich_text" => text().map(|text| rich_text(place, &text)).transpose()?,
        "url" | "email" | "phone_number" => text().map(Value::from),
        "number" => number(value),
        "checkbox" => boolean(value),
        "select" | "status" => text().map(|text| json!({"name": text})),
        "verification" => text().map(|text| json!({"state": text})),
        "date" if value.is_object() => Some(value.clone()),
        "date" => value.as_str().and_then(date),
        "multi_select" => each(|name| Ok(json!({"name": name})))?,
        "people" => each(|person| Ok(json!({"object": "user", "id": ids::plain_id(person)?})))?,
        "relation" => each(|page| Ok(json!({"id": ids::page_id(page)?})))?,
        "files" => each(file)?,
        _ => Some(value.clone()).filter(Value::is_object),
    })
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

/// A day or moment, or an interval of two (ISO 8601: joined by `/`). A zone stands behind a local time in brackets, as in
/// RFC 9557: `2026-01-31T09:00:00[Europe/Berlin]`.
fn date(text: &str) -> Option<Value> {
    let mut depth = 0;
    let mut parts = text.split(|c: char| {
        depth += i32::from(c == '[') - i32::from(c == ']');
        c == '/' && depth == 0
    });
    let (start, end) = (parts.next()?, parts.next());
    let (start, zone) = zoned(start)?;
    let mut date = json!({"start": start.to_string()});
    let mut zones = zone;
    if let Some(end) = end {
        let (end, end_zone) = zoned(end)?;
        let differs = |zone: &Zone| zones.as_ref().is_some_and(|other| other.name() != zone.name());
        if end_zone.as_ref().is_some_and(differs) || end.since(start).is_some_and(|time| time < 0) {
            return None;
        }
        zones = zones.or(end_zone);
        date["end"] = end.to_string().into();
    }
    if let Some(zone) = zones {
        date["time_zone"] = zone.name().into();
    }
    parts.next().is_none().then_some(date)
}

/// A day or moment and its zone, where they are.
fn zoned(text: &str) -> Option<(Moment, Option<Zone>)> {
    let Some((time, zone)) = text.trim().strip_suffix(']').and_then(|text| text.split_once('['))
    else {
        return Some((Moment::read(text)?, None));
    };
    let time = Moment::read(time).filter(|time| matches!(time, Moment::Local(_)))?;
    Some((time, Some(Zone::named(zone)?)))
}

/// A file by its address, with or without a name before it (`a.pdf (https://…)`), or by the id of its upload.
fn file(file: &Value) -> Result<Value, Error> {
    let text = file.as_str().unwrap_or_default().trim();
    let named = text.strip_suffix(')').and_then(|text| text.rsplit_once(" (http"));
    let (name, url) = match named {
        Some((name, rest)) => (name.to_owned(), format!("http{rest}")),
        None if text.starts_with("http") => (name_of(text), text.to_owned()),
        None => {
            let id = text.strip_prefix("file_upload:").unwrap_or(text);
            let id = ids::plain_id(&id.into())?;
            return Ok(json!({"type": "file_upload", "file_upload": {"id": id}}));
        }
    };
    Ok(json!({"type": "external", "name": shortened(&name), "external": {"url": url}}))
}

/// What the path of an address ends with.
fn name_of(url: &str) -> String {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let name = path.trim_end_matches('/').rsplit('/').next().filter(|name| !name.is_empty());
    name.unwrap_or("file").to_owned()
}

/// The beginning of a name that is too long.
fn shortened(name: &str) -> String {
    let mut units = 0;
    name.chars()
        .take_while(|character| {
            units += character.len_utf16();
            units <= MAX_NAME
        })
        .collect()
}

/// A property's new value without what is already there: a text keeps its formatting, and files that Notion keeps stay.
///
/// Gives `None` where the value is the one that reading the property shows.
///
/// # Errors
///
/// Those of [`property`].
pub fn change(name: &str, current: &Value, value: &Value) -> Result<Option<Value>, Error> {
    let kind = current["type"].as_str().unwrap_or_default();
    let shown = readable::value(current, &readable::Names::default());
    let whole = current["has_more"] != true;
    if whole && WRITABLE.contains(&kind) && *value == shown {
        return Ok(None);
    }
    if kind != "files" {
        return property(name, kind, value).map(Some);
    }
    let kept =
        |entry: &Value| list(&current["files"]).find(|file| readable::file_text(file) == *entry);
    let Some(entries) =
        entries(value).filter(|entries| entries.iter().any(|entry| kept(entry).is_some()))
    else {
        return property(name, kind, value).map(Some);
    };
    let files: Result<Value, Error> =
        entries.iter().map(|entry| kept(entry).cloned().map_or_else(|| file(entry), Ok)).collect();
    let files = json!({"files": files?});
    limits::check(&format!("properties.{name}"), &files).map(|()| Some(files))
}

/// The value of a property that was read, to be written to another page.
///
/// Gives `None` for what is empty and what Notion fills in itself.
pub fn copy(property: &Value) -> Option<Value> {
    let kind = property["type"].as_str()?;
    let value = &property[kind];
    let ids =
        |value: &Value| list(value).map(|entry| json!({"id": entry["id"]})).collect::<Value>();
    let content = match kind {
        "number" | "checkbox" | "url" | "email" | "phone_number" | "date" | "place" => {
            value.clone()
        }
        "select" | "status" if value.is_object() => json!({"name": value["name"]}),
        "multi_select" => list(value).map(|option| json!({"name": option["name"]})).collect(),
        "people" | "relation" => ids(value),
        "title" | "rich_text" => list(value).map(run).collect(),
        "files" => list(value).filter(|file| file["type"] == "external").cloned().collect(),
        _ => return None,
    };
    let empty = content.is_null() || content.as_array().is_some_and(Vec::is_empty);
    (!empty).then(|| json!({kind: content}))
}

/// A run of text that was read, as Notion takes it: its formatting, links, mentions and formulas stay.
pub fn run(run: &Value) -> Value {
    let kind = run["type"].as_str().unwrap_or_default();
    let mention = &run["mention"];
    let mentioned = mention["type"].as_str().unwrap_or_default();
    let mut written = match (kind, mentioned) {
        ("equation", _) => {
            json!({"type": "equation", "equation": {"expression": run["equation"]["expression"]}})
        }
        ("mention", "user" | "page" | "database" | "custom_emoji") => {
            json!({"type": "mention", "mention": {"type": mentioned, mentioned: {"id": mention[mentioned]["id"]}}})
        }
        ("mention", "date" | "template_mention") => {
            json!({"type": "mention", "mention": {"type": mentioned, mentioned: mention[mentioned]}})
        }
        // A preview of a page outside of Notion can only be read: its text and its address stay.
        _ => {
            let own = kind == "text";
            let content = if own { &run["text"]["content"] } else { &run["plain_text"] };
            let url = if own { &run["text"]["link"]["url"] } else { &run["href"] };
            // Notion writes addresses of its own pages without their beginning, and does not take them so.
            let absolute = |url: &str| {
                if url.starts_with('/') {
                    format!("https://www.notion.so{url}")
                } else {
                    url.to_owned()
                }
            };
            let mut text = json!({"content": content});
            if let Some(url) = url.as_str() {
                text["link"] = json!({"url": absolute(url)});
            }
            json!({"type": "text", "text": text})
        }
    };
    let is_set = |(_, value): &(&String, &Value)| **value != false && *value != "default";
    let set = run["annotations"].as_object().into_iter().flatten().filter(is_set);
    let set: Map<_, _> = set.map(|(name, value)| (name.clone(), value.clone())).collect();
    if !set.is_empty() {
        written["annotations"] = set.into();
    }
    written
}

/// The text of a run that has neither formatting nor a link.
pub fn plain_content(run: &mut Value) -> Option<&mut String> {
    let plain = run["type"] == "text"
        && run.get("annotations").is_none()
        && run["text"].get("link").is_none();
    match &mut run["text"]["content"] {
        Value::String(content) if plain => Some(content),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "195de9221179449fab8075a27c979105";

    #[test]
    fn a_long_text_is_sent_in_runs_and_a_longer_one_is_refused() {
        let length = |text: &str| rich_text("title", text).ok().map(|runs| list(&runs).count());
        assert_eq!(length(""), Some(0));
        assert_eq!(length(&"🎉".repeat(1001)), Some(2));
        assert_eq!(length(&"a".repeat(200_000)), Some(100));
        assert_eq!(length(&"a".repeat(200_001)), None);
        // Half of the last pair does not fit into each run, so that fewer characters fit in all.
        assert_eq!(length(&format!("a{}", "🎉".repeat(100_000))), None);
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
        check(
            "date",
            json!("2026-01-31T09:00:00[Europe/Berlin]/2026-01-31T10:00:00[Europe/Berlin]"),
            json!({"start": "2026-01-31T09:00:00", "end": "2026-01-31T10:00:00", "time_zone": "Europe/Berlin"}),
        );
        check(
            "date",
            json!("2026-01-31T09:00:00+01:00"),
            json!({"start": "2026-01-31T09:00:00+01:00"}),
        );
        check("people", json!([ID]), json!([{"object": "user", "id": ID}]));
        check("people", json!(format!("Ada ({ID})")), json!([{"object": "user", "id": ID}]));
        check(
            "relation",
            json!("https://www.notion.so/A-195de9221179449fab8075a27c979105"),
            json!([{"id": "195de9221179449fab8075a27c979105"}]),
        );
        let files = json!([
            {"type": "external", "name": "a.pdf", "external": {"url": "https://x.example/a.pdf?b"}},
            {"type": "external", "name": "Plan (new)", "external": {"url": "https://x.example/p"}},
            {"type": "file_upload", "file_upload": {"id": ID}},
        ]);
        check(
            "files",
            json!([
                "https://x.example/a.pdf?b",
                "Plan (new) (https://x.example/p)",
                format!("file_upload:{ID}")
            ]),
            files,
        );
        let long = format!("https://x.example/{}", "a".repeat(200));
        let cut = json!([{"type": "external", "name": "a".repeat(100), "external": {"url": long}}]);
        check("files", json!(long), cut);
        check("url", json!(" "), Value::Null);
        check("status", json!(""), Value::Null);
        check("rich_text", json!(""), json!([]));
        check("place", json!({"lat": 1, "lon": 2}), json!({"lat": 1, "lon": 2}));
        check("verification", json!("verified"), json!({"state": "verified"}));
    }

    #[test]
    fn a_value_that_cannot_be_is_refused_with_what_would_be_right() {
        let check = |kind: &str, value: Value, part: &str| {
            let error = property("P", kind, &value).expect_err("it is a bad one");
            assert!(
                error.message().contains("`properties.P") && error.message().contains(part),
                "{kind} {value}: {error}"
            );
        };
        check("number", json!("many"), "a number");
        check("checkbox", json!("yes"), "true or false");
        for wrong in [
            "tomorrow",
            "2026-02-30",
            "2026-1-5",
            "2026-01-31T25:00",
            "2026-01-31T09:00:00+25:00",
            "2026-01-31/2026-01-30",
            "2026-01-01/2026-01-02/2026-01-03",
            "2026-01-31[Europe/Berlin]",
            "2026-01-31T09:00Z[Europe/Berlin]",
            "2026-01-31T09:00[Europe/Berlin]/2026-01-31T10:00[Asia/Tokyo]",
        ] {
            check("date", json!(wrong), "2026-01-31");
        }
        check("people", json!([5]), "user ids");
        check("url", json!("x".repeat(2001)), "2001 characters");
        check("email", json!("x".repeat(101)), "101 characters");
        check("multi_select", json!(vec!["a"; 101]), "101 entries");
        check("relation", json!(vec![ID; 101]), "101 entries");
        check("place", json!("Berlin"), "lat and lon");
        check("formula", json!(1), "fills in itself");
    }

    #[test]
    fn a_value_that_names_nobody_is_refused() {
        for kind in ["people", "relation", "files"] {
            let error = property("P", kind, &json!(["Ada Lovelace"])).expect_err(kind);
            assert!(error.to_string().contains("195de922-1179"), "{kind}: {error}");
        }
    }

    #[test]
    fn what_is_already_there_is_left_alone() {
        let bold = json!({"type": "rich_text", "rich_text": [
            {"type": "text", "plain_text": "a ", "annotations": {"bold": true}}, {"type": "text", "plain_text": "b"},
        ]});
        let check = |current: &Value, value: Value, expected: Option<Value>| {
            assert_eq!(change("P", current, &value).ok(), Some(expected), "{value}");
        };
        check(&bold, json!("a b"), None);
        check(
            &bold,
            json!("a c"),
            Some(json!({"rich_text": [{"type": "text", "text": {"content": "a c"}}]})),
        );
        check(&bold, Value::Null, Some(json!({"rich_text": []})));
        let date = json!({"type": "date", "date": {"start": "2026-01-31T09:00:00", "end": null, "time_zone": "Europe/Berlin"}});
        check(&date, json!("2026-01-31T09:00:00[Europe/Berlin]"), None);
        let kept = json!({"name": "a.pdf", "type": "file", "file": {"url": "https://files.example/a?signature=1"}});
        let files = json!({"type": "files", "files": [kept]});
        check(&files, json!(["a.pdf"]), None);
        let added =
            json!({"type": "external", "name": "b", "external": {"url": "https://x.example/b"}});
        check(
            &files,
            json!(["a.pdf", "https://x.example/b"]),
            Some(json!({"files": [kept, added]})),
        );
        check(&files, json!([]), Some(json!({"files": []})));
        // If a relation has more entries than these, it is unknown whether it is the same.
        let more = json!({"type": "relation", "relation": [{"id": ID}], "has_more": true});
        check(&more, json!([ID]), Some(json!({"relation": [{"id": ID}]})));
    }

    #[test]
    fn runs_are_copied_with_all_that_they_say() {
        let check = |read: Value, expected: Value| assert_eq!(run(&read), expected, "{read}");
        let bold = json!({"bold": true, "italic": false, "color": "red"});
        check(
            json!({"type": "text", "text": {"content": "a", "link": null}, "plain_text": "a", "annotations": bold, "href": null}),
            json!({"type": "text", "text": {"content": "a"}, "annotations": {"bold": true, "color": "red"}}),
        );
        check(
            json!({"type": "text", "text": {"content": "a", "link": {"url": format!("/{ID}")}}, "plain_text": "a"}),
            json!({"type": "text", "text": {"content": "a", "link": {"url": format!("https://www.notion.so/{ID}")}}}),
        );
        check(
            json!({"type": "equation", "equation": {"expression": "x^2"}, "plain_text": "x^2"}),
            json!({"type": "equation", "equation": {"expression": "x^2"}}),
        );
        check(
            json!({"type": "mention", "mention": {"type": "user", "user": {"object": "user", "id": ID, "name": "Ada"}}, "plain_text": "@Ada"}),
            json!({"type": "mention", "mention": {"type": "user", "user": {"id": ID}}}),
        );
        let date = json!({"start": "2026-01-31", "end": null, "time_zone": null});
        check(
            json!({"type": "mention", "mention": {"type": "date", "date": date}, "plain_text": "2026-01-31"}),
            json!({"type": "mention", "mention": {"type": "date", "date": date}}),
        );
        check(
            json!({"type": "mention", "mention": {"type": "link_preview", "link_preview": {"url": "https://x.example"}},
                "plain_text": "https://x.example", "href": "https://x.example"}),
            json!({"type": "text", "text": {"content": "https://x.example", "link": {"url": "https://x.example"}}}),
        );
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
        let run = json!({"type": "text", "text": {"content": "a", "link": null}, "plain_text": "a", "annotations": {"bold": true}});
        check(
            json!({"type": "rich_text", "rich_text": [run]}),
            Some(
                json!({"rich_text": [{"type": "text", "text": {"content": "a"}, "annotations": {"bold": true}}]}),
            ),
        );
        let external =
            json!({"name": "b", "type": "external", "external": {"url": "https://x.example/b"}});
        let kept = json!({"name": "a", "type": "file", "file": {"url": "https://files.example/a"}});
        check(
            json!({"type": "files", "files": [kept, external]}),
            Some(json!({"files": [external]})),
        );
        check(
            json!({"type": "place", "place": {"lat": 1, "lon": 2}}),
            Some(json!({"place": {"lat": 1, "lon": 2}})),
        );
        check(json!({"type": "number", "number": null}), None);
        check(json!({"type": "relation", "relation": []}), None);
        check(json!({"type": "created_time", "created_time": "2026"}), None);
        check(json!({"type": "title", "title": []}), None);
    }
}
