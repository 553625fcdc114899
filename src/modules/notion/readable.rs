//! Converts Notion's objects to text, numbers and lists.
//!
//! Source: the reference's pages on rich text, property values, data source properties and blocks
//! (<https://developers.notion.com/reference/page-property-values> and its neighbours).

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::{inline, list};

/// The titles of pages and the names of users that are known, by their ids.
#[derive(Debug, Default)]
pub struct Names(HashMap<String, String>);

impl Names {
    /// Adds one.
    pub fn insert(&mut self, id: &str, name: &str) {
        self.0.insert(id.to_owned(), name.to_owned());
    }

    /// Whether the id's name is known.
    pub fn has(&self, id: &str) -> bool {
        self.0.contains_key(id)
    }

    /// `Ada (<id>)`: what is written back takes the id out of it. The id alone without a name.
    pub fn named(&self, id: &Value) -> Value {
        let name = id.as_str().and_then(|id| Some((self.0.get(id)?, id)));
        name.map_or_else(|| id.clone(), |(name, id)| named(name, id))
    }
}

fn named(name: &str, id: &str) -> Value {
    let name = name.trim();
    if name.is_empty() { id.into() } else { format!("{name} ({id})").into() }
}

/// Returns rich text without its formatting.
pub fn text(rich_text: &Value) -> Value {
    if rich_text.is_null() { Value::Null } else { plain(rich_text).into() }
}

/// Rich text as Notion's Markdown within a line: written back unchanged, it is the same text.
pub fn markdown(rich_text: &Value) -> Value {
    if rich_text.is_null() { Value::Null } else { inline::markdown(list(rich_text)).into() }
}

fn plain(rich_text: &Value) -> String {
    list(rich_text).filter_map(|part| part["plain_text"].as_str()).collect()
}

/// Returns the title of a page (a property of the type `title`), or of a database or data source (its own member).
pub fn title(object: &Value) -> Value {
    let of_property = |property: &&Value| property["type"] == "title";
    let properties = object["properties"].as_object();
    match properties.and_then(|properties| properties.values().find(of_property)) {
        Some(property) if object["object"] == "page" => text(&property["title"]),
        _ => text(&object["title"]),
    }
}

/// Returns the id of a parent of any kind; null for the workspace.
pub fn parent_id(parent: &Value) -> Value {
    let kind = parent["type"].as_str().unwrap_or_default();
    parent.get(kind).filter(|id| id.is_string()).cloned().unwrap_or_default()
}

/// Returns an icon or a cover: the emoji itself, a name, or the image's address.
pub fn image(image: &Value) -> Value {
    let kind = image["type"].as_str().unwrap_or_default();
    match kind {
        "emoji" => image["emoji"].clone(),
        "custom_emoji" | "icon" => image[kind]["name"].clone(),
        _ => image[kind]["url"].clone(),
    }
}

/// Returns a page's property values by name, without the title; null if there are no others.
pub fn properties(properties: &Value, names: &Names) -> Value {
    let others = properties
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, property)| property["type"] != "title");
    let values: Map<_, _> =
        others.map(|(name, property)| (name.clone(), value(property, names))).collect();
    if values.is_empty() { Value::Null } else { values.into() }
}

/// One property value, formula's result or rollup's: a text, number or boolean, or a list of them. People and pages have
/// their ids behind their names.
///
/// Values that Notion does not return and unknown types are shown by their type, so that no value looks empty that is not.
pub fn value(property: &Value, names: &Names) -> Value {
    let kind = property["type"].as_str().unwrap_or_default();
    let value = &property[kind];
    match kind {
        "title" | "rich_text" => text(value),
        "number" | "checkbox" | "url" | "email" | "phone_number" | "created_time"
        | "last_edited_time" | "last_visited_time" | "string" | "boolean" => value.clone(),
        "select" | "status" => value["name"].clone(),
        "multi_select" => list(value).map(|option| option["name"].clone()).collect(),
        "date" => date(value),
        "people" => list(value).map(|user| person(user, names)).collect(),
        "created_by" | "last_edited_by" => person(value, names),
        "relation" => {
            let pages = list(value).map(|page| names.named(&page["id"]));
            // Notion returns only the first 25 here; get_page_property returns all of them.
            pages.chain((property["has_more"] == true).then(|| json!("…"))).collect()
        }
        "files" => list(value).map(file_text).collect(),
        "formula" | "rollup" => self::value(value, names),
        "array" => list(value).flat_map(|property| entries(property, names)).collect(),
        "unique_id" => match value["prefix"].as_str().filter(|prefix| !prefix.is_empty()) {
            Some(prefix) => format!("{prefix}-{}", value["number"]).into(),
            None => value["number"].clone(),
        },
        "verification" => value["state"].clone(),
        "place" => place(value),
        // A button has no value.
        "button" | "" => Value::Null,
        _ if value.as_object().is_some_and(Map::is_empty) => format!("({kind})").into(),
        _ => value.clone(),
    }
}

/// Returns the values of one property in a list of properties; lists are joined.
fn entries(property: &Value, names: &Names) -> Vec<Value> {
    match value(property, names) {
        Value::Array(values) => values,
        Value::Null => Vec::new(),
        value => vec![value],
    }
}

/// `start`, or `start/end` as an interval of ISO 8601. The zone of local times stands behind them, as in RFC 9557.
fn date(date: &Value) -> Value {
    let zone = date["time_zone"].as_str().map(|zone| format!("[{zone}]")).unwrap_or_default();
    match (date["start"].as_str(), date["end"].as_str()) {
        (Some(start), Some(end)) => format!("{start}{zone}/{end}{zone}").into(),
        (Some(start), None) => format!("{start}{zone}").into(),
        (None, _) => Value::Null,
    }
}

/// A person's, bot's or group's name with the id; the id alone where Notion does not tell the name.
fn person(person: &Value, names: &Names) -> Value {
    match (person["name"].as_str(), person["id"].as_str()) {
        (Some(name), Some(id)) => named(name, id),
        _ => names.named(&person["id"]),
    }
}

/// An external file's name and address, or the name of one that Notion keeps: its address is long and expires.
pub fn file_text(file: &Value) -> Value {
    let url = file["external"]["url"].as_str();
    match (url, file["name"].as_str().filter(|name| !name.is_empty())) {
        (Some(url), Some(name)) if name != url => format!("{name} ({url})").into(),
        (Some(url), _) => url.into(),
        (None, _) => file["name"].clone(),
    }
}

/// Returns a file's name and its download address.
pub fn file(file: &Value) -> Value {
    let kind = file["type"].as_str().unwrap_or_default();
    json!({"name": file["name"], "url": file[kind]["url"]})
}

fn place(place: &Value) -> Value {
    let name = |member: &str| place[member].as_str().filter(|name| !name.is_empty());
    match (name("name"), name("address")) {
        (Some(name), Some(address)) if name != address => format!("{name}, {address}").into(),
        (Some(name), _) | (None, Some(name)) => name.into(),
        (None, None) if place["lat"].is_number() && place["lon"].is_number() => {
            format!("{}, {}", place["lat"], place["lon"]).into()
        }
        (None, None) => Value::Null,
    }
}

/// Returns a property value for one cell of a table: list entries are joined by commas.
pub fn cell(property: &Value, names: &Names) -> Value {
    match value(property, names) {
        Value::Array(values) if values.is_empty() => Value::Null,
        Value::Array(values) => {
            let words = values
                .iter()
                .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
            words.collect::<Vec<_>>().join(", ").into()
        }
        value @ Value::Object(_) => value.to_string().into(),
        value => value,
    }
}

/// Returns a data source's columns: name, type, and details of the type.
pub fn schema(properties: &Value) -> Value {
    let column = |(name, property): (&String, &Value)| json!({"name": name, "type": property["type"], "detail": detail(property), "id": property["id"]});
    properties.as_object().into_iter().flatten().map(column).collect()
}

fn detail(property: &Value) -> Value {
    let kind = property["type"].as_str().unwrap_or_default();
    let settings = &property[kind];
    match kind {
        "select" | "multi_select" | "status" => {
            let names = list(&settings["options"]).filter_map(|option| option["name"].as_str());
            names.collect::<Vec<_>>().join(", ").into()
        }
        "relation" => settings["data_source_id"].clone(),
        "formula" => settings["expression"].clone(),
        "number" => settings["format"].clone(),
        "unique_id" => settings["prefix"].clone(),
        "rollup" => {
            let member = |name| settings[name].as_str().unwrap_or_default();
            format!(
                "{} of {}.{}",
                member("function"),
                member("relation_property_name"),
                member("rollup_property_name")
            )
            .into()
        }
        _ => Value::Null,
    }
}

/// Returns the text of a block, in one line of plain text.
pub fn block_text(block: &Value) -> Value {
    let kind = block["type"].as_str().unwrap_or_default();
    let content = &block[kind];
    match kind {
        "to_do" => {
            let tick = if content["checked"] == true { "x" } else { " " };
            format!("[{tick}] {}", plain(&content["rich_text"])).into()
        }
        "child_page" | "child_database" => content["title"].clone(),
        "equation" => content["expression"].clone(),
        "table_row" => list(&content["cells"]).map(plain).collect::<Vec<_>>().join(" | ").into(),
        "bookmark" | "embed" | "link_preview" => content["url"].clone(),
        "image" | "video" | "pdf" | "file" | "audio" => media(content),
        "link_to_page" => parent_id(content),
        "synced_block" => content["synced_from"]["block_id"].clone(),
        "meeting_notes" => text(&content["title"]),
        "unsupported" => content["block_type"].clone(),
        _ => text(&content["rich_text"]),
    }
}

/// Returns a file's caption, else its name, else its address if it is not a long address of Notion's own.
fn media(content: &Value) -> Value {
    let caption = plain(&content["caption"]);
    if !caption.is_empty() {
        return caption.into();
    }
    if content["name"].is_string() {
        content["name"].clone()
    } else {
        content["external"]["url"].clone()
    }
}

/// Returns the other content of a block besides its text; null if there is none.
pub fn block_content(block: &Value) -> Value {
    let kind = block["type"].as_str().unwrap_or_default();
    let told = |name: &str, value: &Value| match name {
        "rich_text" | "children" => true,
        "color" => value == "default",
        "caption" => list(value).next().is_none(),
        _ => value.is_null(),
    };
    let members = block[kind].as_object().into_iter().flatten();
    let rest: Map<_, _> = members
        .filter(|(name, value)| !told(name, value))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    if rest.is_empty() { Value::Null } else { rest.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(text: &str) -> Value {
        json!({"type": "text", "plain_text": text, "annotations": {"bold": false}, "href": null})
    }

    #[test]
    fn every_type_of_property_has_a_plain_value() {
        let check = |kind: &str, content: Value, expected: Value| {
            let property = json!({"id": "x", "type": kind, kind: content});
            assert_eq!(value(&property, &Names::default()), expected, "{kind}");
        };
        check("title", json!([run("Buy "), run("milk")]), json!("Buy milk"));
        check("rich_text", json!([]), json!(""));
        check("number", json!(4.5), json!(4.5));
        check("checkbox", json!(false), json!(false));
        check("url", Value::Null, Value::Null);
        check("select", json!({"id": "1", "name": "High", "color": "red"}), json!("High"));
        check("status", Value::Null, Value::Null);
        check("multi_select", json!([{"name": "a"}, {"name": "b"}]), json!(["a", "b"]));
        check("date", json!({"start": "2026-01-31", "end": null}), json!("2026-01-31"));
        check(
            "date",
            json!({"start": "2026-01-31", "end": "2026-02-02"}),
            json!("2026-01-31/2026-02-02"),
        );
        check("date", Value::Null, Value::Null);
        check(
            "people",
            json!([{"id": "u1", "name": "Ada"}, {"object": "user", "id": "u2"}]),
            json!(["Ada (u1)", "u2"]),
        );
        check("created_by", json!({"id": "u1", "name": "Ada"}), json!("Ada (u1)"));
        check("last_edited_by", json!({"object": "user", "id": "u1"}), json!("u1"));
        check(
            "date",
            json!({"start": "2026-01-31T09:00:00", "end": "2026-01-31T10:00:00", "time_zone": "Europe/Berlin"}),
            json!("2026-01-31T09:00:00[Europe/Berlin]/2026-01-31T10:00:00[Europe/Berlin]"),
        );
        check("created_time", json!("2026-01-31T08:00:00.000Z"), json!("2026-01-31T08:00:00.000Z"));
        check("relation", json!([{"id": "p1"}]), json!(["p1"]));
        let files = json!([
            {"name": "a.pdf", "type": "file", "file": {"url": "https://files.example/a?signature=1"}},
            {"name": "b", "type": "external", "external": {"url": "https://x.example/b"}},
        ]);
        check("files", files, json!(["a.pdf", "b (https://x.example/b)"]));
        check("formula", json!({"type": "boolean", "boolean": true}), json!(true));
        check(
            "formula",
            json!({"type": "date", "date": {"start": "2026-01-31"}}),
            json!("2026-01-31"),
        );
        check("rollup", json!({"type": "number", "number": 3, "function": "count"}), json!(3));
        let array = json!({"type": "array", "function": "show_original", "array": [
            {"type": "title", "title": [run("a")]}, {"type": "multi_select", "multi_select": [{"name": "b"}, {"name": "c"}]},
            {"type": "select", "select": null},
        ]});
        check("rollup", array, json!(["a", "b", "c"]));
        check("unique_id", json!({"prefix": "TASK", "number": 12}), json!("TASK-12"));
        check("unique_id", json!({"prefix": null, "number": 12}), json!(12));
        check("verification", json!({"state": "verified"}), json!("verified"));
        check("place", json!({"lat": 52.5, "lon": 13.4, "name": null}), json!("52.5, 13.4"));
        check("place", json!({"lat": 52.5, "lon": 13.4, "name": "Berlin"}), json!("Berlin"));
        check(
            "place",
            json!({"lat": 52.5, "lon": 13.4, "name": "Office", "address": "Torstr. 1, Berlin"}),
            json!("Office, Torstr. 1, Berlin"),
        );
        check("button", json!({}), Value::Null);
        check(
            "rollup",
            json!({"type": "incomplete", "incomplete": {}, "function": "sum"}),
            json!("(incomplete)"),
        );
        check(
            "rollup",
            json!({"type": "unsupported", "unsupported": {}, "function": "sum"}),
            json!("(unsupported)"),
        );
        check("rollup", json!({"type": "number", "number": null, "function": "sum"}), Value::Null);
        check("hologram", json!({"depth": 3}), json!({"depth": 3}));
        check("hologram", json!({}), json!("(hologram)"));
        check("hologram", Value::Null, Value::Null);
        check("unique_id", json!({"prefix": "", "number": 12}), json!(12));
        let more = json!({"type": "relation", "relation": [{"id": "p1"}], "has_more": true});
        let mut names = Names::default();
        names.insert("p1", "Plan");
        assert_eq!(value(&more, &names), json!(["Plan (p1)", "…"]));
        assert_eq!(cell(&more, &Names::default()), json!("p1, …"));
        assert_eq!(cell(&json!({"type": "people", "people": []}), &names), Value::Null);
        assert_eq!(cell(&json!({"type": "new", "new": {"a": 1}}), &names), json!("{\"a\":1}"));
    }

    #[test]
    fn pages_and_data_sources_have_their_titles_in_different_places() {
        let page = json!({"object": "page", "properties": {"Tags": {"type": "multi_select"}, "Name": {"type": "title", "title": [run("A")]}}});
        let source = json!({"object": "data_source", "title": [run("B")], "properties": {"Name": {"type": "title", "title": {}}}});
        assert_eq!(
            (title(&page), title(&source), title(&json!({"object": "page"}))),
            (json!("A"), json!("B"), Value::Null)
        );
    }

    #[test]
    fn a_column_tells_what_its_type_needs() {
        let check = |property: Value, expected: Value| {
            assert_eq!(schema(&json!({"C": property}))[0]["detail"], expected, "{property}");
        };
        check(
            json!({"type": "select", "select": {"options": [{"name": "a"}, {"name": "b"}]}}),
            json!("a, b"),
        );
        check(json!({"type": "relation", "relation": {"data_source_id": "d1"}}), json!("d1"));
        check(json!({"type": "formula", "formula": {"expression": "1 + 1"}}), json!("1 + 1"));
        check(json!({"type": "number", "number": {"format": "euro"}}), json!("euro"));
        let rollup = json!({"function": "sum", "relation_property_name": "Items", "rollup_property_name": "Price"});
        check(json!({"type": "rollup", "rollup": rollup}), json!("sum of Items.Price"));
        check(json!({"type": "date", "date": {}}), Value::Null);
    }

    #[test]
    fn every_block_has_a_line() {
        let check = |kind: &str, content: Value, expected: Value| {
            assert_eq!(block_text(&json!({"type": kind, kind: content})), expected, "{kind}");
        };
        check(
            "paragraph",
            json!({"rich_text": [run("a"), run("b")], "color": "default"}),
            json!("ab"),
        );
        check("to_do", json!({"rich_text": [run("a")], "checked": true}), json!("[x] a"));
        check("to_do", json!({"rich_text": [run("a")], "checked": false}), json!("[ ] a"));
        check("child_page", json!({"title": "Sub"}), json!("Sub"));
        check("equation", json!({"expression": "x"}), json!("x"));
        check("table_row", json!({"cells": [[run("a")], [run("b"), run("c")]]}), json!("a | bc"));
        check(
            "bookmark",
            json!({"url": "https://x.example", "caption": []}),
            json!("https://x.example"),
        );
        check(
            "image",
            json!({"type": "external", "external": {"url": "https://x.example/i"}, "caption": []}),
            json!("https://x.example/i"),
        );
        check(
            "file",
            json!({"type": "file", "file": {"url": "https://long.example"}, "name": "a.pdf", "caption": []}),
            json!("a.pdf"),
        );
        check(
            "image",
            json!({"type": "file", "file": {"url": "https://long.example"}, "caption": [run("c")]}),
            json!("c"),
        );
        check("link_to_page", json!({"type": "page_id", "page_id": "p1"}), json!("p1"));
        check("divider", json!({}), Value::Null);
    }

    #[test]
    fn a_blocks_content_leaves_out_what_its_text_tells() {
        let code = json!({"type": "code", "code": {"rich_text": [run("x")], "caption": [], "language": "rust"}});
        assert_eq!(block_content(&code), json!({"language": "rust"}));
        assert_eq!(
            block_content(
                &json!({"type": "paragraph", "paragraph": {"rich_text": [], "color": "default", "icon": null}})
            ),
            Value::Null
        );
    }

    #[test]
    fn images_are_emojis_names_or_addresses() {
        let check = |given: Value, expected: Value| assert_eq!(image(&given), expected, "{given}");
        check(json!({"type": "emoji", "emoji": "🎉"}), json!("🎉"));
        check(
            json!({"type": "custom_emoji", "custom_emoji": {"id": "e", "name": "bufo"}}),
            json!("bufo"),
        );
        check(
            json!({"type": "external", "external": {"url": "https://x.example/i"}}),
            json!("https://x.example/i"),
        );
        check(Value::Null, Value::Null);
    }
}
