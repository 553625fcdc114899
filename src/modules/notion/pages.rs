//! Tools for pages and blocks that need several requests.

use serde_json::{Map, Value, json};

use super::{argument, list, readable, writable};
use crate::engine::Session;
use crate::error::{Code, Error};
use crate::upstream::Method;

/// Creates a page. Plain property values need the data source's types, which are read first.
pub fn create(session: &Session<'_>, arguments: &Map<String, Value>) -> Result<Value, Error> {
    let data_source = argument(arguments, "data_source_id");
    let parent = match (argument(arguments, "page_id"), data_source) {
        (Some(_), Some(_)) => {
            return Err(Error::invalid_params(
                "`page_id` and `data_source_id` exclude each other.",
            )
            .with_hint("Give the one that shall hold the page."));
        }
        (Some(page), None) => json!({"type": "page_id", "page_id": page}),
        (None, Some(source)) => json!({"type": "data_source_id", "data_source_id": source}),
        (None, None) => json!({"type": "workspace", "workspace": true}),
    };
    let properties = properties(arguments, || match data_source {
        Some(source) => session.get(&["v1", "data_sources", source], &[]),
        None => Err(Error::invalid_params(
            "`properties` are for rows: a page outside a data source has only its title.",
        )
        .with_hint("Give `data_source_id`, or leave `properties` out.")),
    })?;
    let mut body = json!({"parent": parent, "properties": properties});
    for (name, member) in [
        ("icon", "icon"),
        ("cover", "cover"),
        ("markdown", "markdown"),
        ("template", "template"),
        ("after", "position"),
    ] {
        if let Some(value) = arguments.get(name) {
            body[member] = value.clone();
        }
    }
    session.send(Method::Post, &["v1", "pages"], &[], Some(&body)).map(|page| told(&page))
}

/// Changes a page except its text. Plain property values need the page's types, which are read first.
pub fn update(session: &Session<'_>, arguments: &Map<String, Value>) -> Result<Value, Error> {
    let path = ["v1", "pages", argument(arguments, "page_id").unwrap_or_default()];
    let properties = properties(arguments, || session.get(&path, &[]))?;
    let mut body = Map::new();
    if !properties.is_empty() {
        body.insert("properties".to_owned(), properties.into());
    }
    for (name, member) in
        [("icon", "icon"), ("cover", "cover"), ("locked", "is_locked"), ("archived", "is_archived")]
    {
        if let Some(value) = arguments.get(name) {
            body.insert(member.to_owned(), value.clone());
        }
    }
    if body.is_empty() {
        return Err(Error::invalid_params("There is nothing to change.")
            .with_hint("Give what shall be different."));
    }
    session.send(Method::Patch, &path, &[], Some(&body.into())).map(|page| told(&page))
}

/// Copies a page: Notion accepts any page as a template and copies its text.
pub fn duplicate(session: &Session<'_>, arguments: &Map<String, Value>) -> Result<Value, Error> {
    let id = argument(arguments, "page_id").unwrap_or_default();
    let page = session.get(&["v1", "pages", id], &[])?;
    let own = &page["parent"];
    let parent = match (argument(arguments, "to_page_id"), own["type"].as_str()) {
        (Some(page), _) => json!({"type": "page_id", "page_id": page}),
        (None, Some("workspace")) => json!({"type": "workspace", "workspace": true}),
        (None, Some(kind @ ("page_id" | "data_source_id"))) => {
            json!({"type": kind, kind: own[kind]})
        }
        _ => {
            return Err(Error::invalid_params(
                "The page stands inside a block, where Notion creates no pages.",
            )
            .with_hint("Give `to_page_id`: the page that shall hold the copy."));
        }
    };
    let mut properties = Map::new();
    if parent["type"] == "data_source_id" {
        let values = page["properties"].as_object().into_iter().flatten();
        properties.extend(
            values.filter_map(|(name, property)| Some((name.clone(), writable::copy(property)?))),
        );
    }
    let original = readable::title(&page);
    let title = argument(arguments, "title")
        .map_or_else(|| format!("{} (copy)", original.as_str().unwrap_or_default()), str::to_owned);
    properties
        .insert("title".to_owned(), json!({"title": writable::rich_text(title.trim_start())}));
    let body = json!({"parent": parent, "properties": properties, "template": {"type": "template_id", "template_id": id}});
    session.send(Method::Post, &["v1", "pages"], &[], Some(&body)).map(|page| told(&page))
}

/// Reads one property completely. It may be given by name: Notion identifies it only by id.
pub fn property(session: &Session<'_>, arguments: &Map<String, Value>) -> Result<Value, Error> {
    let page_id = argument(arguments, "page_id").unwrap_or_default();
    let wanted = argument(arguments, "property").unwrap_or_default();
    let page = session.get(&["v1", "pages", page_id], &[])?;
    let found = find(&page["properties"], wanted).or_else(|| {
        let mut properties = page["properties"].as_object().into_iter().flatten();
        properties
            .find(|(_, property)| property["id"] == wanted)
            .map(|(name, property)| (name.as_str(), property))
    });
    let (name, property) = found.ok_or_else(|| unknown(wanted, &page["properties"]))?;
    // Ids are percent-encoded already and would be encoded again in the path.
    let id = property["id"].as_str().unwrap_or_default();
    let id = percent_encoding::percent_decode_str(id).decode_utf8_lossy();
    let limit = arguments.get("limit").map(Value::to_string).unwrap_or_default();
    let cursor = argument(arguments, "cursor").map(|cursor| ("start_cursor", cursor));
    let query: Vec<_> = [("page_size", limit.as_str())].into_iter().chain(cursor).collect();
    let answer = session.get(&["v1", "pages", page_id, "properties", &id], &query)?;

    let mut result = json!({"name": name, "type": property["type"], "value": item(&answer)});
    if answer["next_cursor"].is_string() {
        result["next_cursor"] = answer["next_cursor"].clone();
    }
    Ok(result)
}

/// Returns a property item's value: a single value, or a list whose items have one entry each (such as the runs of a text).
fn item(answer: &Value) -> Value {
    let kind = answer["type"].as_str().unwrap_or_default();
    if answer["object"] != "list" {
        return if kind == "files" {
            list(&answer[kind]).map(readable::file).collect()
        } else {
            readable::value(answer)
        };
    }
    let summary = &answer["property_item"];
    if summary["type"] == "rollup" && summary["rollup"]["type"] != "array" {
        return readable::value(summary);
    }
    let is_text = matches!(summary["type"].as_str(), Some("title" | "rich_text"));
    let entries = list(&answer["results"]).map(|item| {
        let kind = item["type"].as_str().unwrap_or_default();
        let entry = &item[kind];
        // If a whole property is a list, its items have one entry each.
        let wrapped = matches!(kind, "title" | "rich_text" | "people" | "relation");
        if wrapped {
            readable::value(&json!({"type": kind, kind: [entry]}))
        } else {
            readable::value(item)
        }
    });
    if is_text {
        return entries
            .filter_map(|entry| entry.as_str().map(str::to_owned))
            .collect::<String>()
            .into();
    }
    let flat = entries.flat_map(|entry| match entry {
        Value::Array(entries) => entries,
        entry => vec![entry],
    });
    flat.collect()
}

/// Replaces the text below a heading, found in the page's own Markdown.
pub fn update_section(
    session: &Session<'_>,
    arguments: &Map<String, Value>,
) -> Result<Value, Error> {
    let path = ["v1", "pages", argument(arguments, "page_id").unwrap_or_default(), "markdown"];
    let page = session.get(&path, &[])?;
    let heading = argument(arguments, "heading").unwrap_or_default();
    let section = section(page["markdown"].as_str().unwrap_or_default(), heading)?;
    let title = section.lines().next().unwrap_or_default();
    let replaced =
        format!("{title}\n{}", argument(arguments, "markdown").unwrap_or_default().trim());
    let update = json!({"old_str": section, "new_str": replaced.trim_end()});
    let body = json!({"type": "update_content", "update_content": {"content_updates": [update]}});
    session.send(Method::Patch, &path, &[], Some(&body))?;
    Ok(json!({"message": "Section replaced."}))
}

/// Returns a heading's line with everything below it, up to the next heading of the same or a higher level.
fn section<'a>(page: &'a str, heading: &str) -> Result<&'a str, Error> {
    let headings = headings(page);
    let wanted = heading.trim().trim_start_matches('#').trim();
    let mut matching =
        headings.iter().enumerate().filter(|(_, known)| known.text.eq_ignore_ascii_case(wanted));
    let (at, found) = matching.next().ok_or_else(|| {
        let known: Vec<_> = headings.iter().map(|heading| format!("`{}`", heading.text)).collect();
        let hint = if known.is_empty() {
            "It has no headings: use edit_page.".to_owned()
        } else {
            format!("There are {}.", known.join(", "))
        };
        Error::new(Code::NotFound, format!("The page has no heading `{wanted}`.")).with_hint(hint)
    })?;
    if matching.next().is_some() {
        return Err(Error::invalid_params(format!("The page has several headings `{wanted}`."))
            .with_hint("Use edit_page."));
    }
    let end = headings[at + 1..]
        .iter()
        .find(|next| next.level <= found.level)
        .map_or(page.len(), |next| next.start);
    Ok(page[found.start..end].trim_end())
}

/// A heading in a page's Markdown.
struct Heading<'a> {
    /// The beginning of its line, in bytes.
    start: usize,
    level: usize,
    text: &'a str,
}

/// Returns the headings outside code, and outside indented text, which belongs to a toggle or a column.
fn headings(page: &str) -> Vec<Heading<'_>> {
    let mut headings = Vec::new();
    let (mut start, mut in_code) = (0, false);
    for line in page.split_inclusive('\n') {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        let text = line.trim_start_matches('#');
        let level = line.len() - text.len();
        if !in_code && (1..=6).contains(&level) && text.starts_with(' ') {
            // Colour and toggle are after the text: `# Plan {color="blue"}`.
            let text = text.trim_end();
            let text = text
                .strip_suffix('}')
                .and_then(|text| text.rsplit_once('{'))
                .map_or(text, |(text, _)| text);
            headings.push(Heading { start, level, text: text.trim() });
        }
        start += line.len();
    }
    headings
}

/// Changes one block. Its type is the name of the member with its content.
pub fn update_block(session: &Session<'_>, arguments: &Map<String, Value>) -> Result<Value, Error> {
    let path = ["v1", "blocks", argument(arguments, "block_id").unwrap_or_default()];
    let block = session.get(&path, &[])?;
    let kind = block["type"].as_str().unwrap_or_default();
    let mut content =
        arguments.get("content").and_then(Value::as_object).cloned().unwrap_or_default();
    if let Some(text) = argument(arguments, "text") {
        let (member, text) = match kind {
            "equation" => ("expression", text.into()),
            "bookmark" | "embed" => ("url", text.into()),
            _ if block[kind]["rich_text"].is_array() => ("rich_text", writable::rich_text(text)),
            _ => {
                return Err(Error::invalid_params(format!(
                    "A block of the type {kind} has no text."
                ))
                .with_hint("Give `content`, or edit the page's Markdown with edit_page."));
            }
        };
        content.insert(member.to_owned(), text);
    }
    if let Some(checked) = arguments.get("checked") {
        content.insert("checked".to_owned(), checked.clone());
    }
    if content.is_empty() {
        return Err(Error::invalid_params("There is nothing to change.")
            .with_hint("Give `text`, `checked` or `content`."));
    }
    let changed = session.send(Method::Patch, &path, &[], Some(&json!({kind: content})))?;
    Ok(
        json!({"id": changed["id"], "type": kind, "text": readable::block_text(&changed), "updated_at": changed["last_edited_time"]}),
    )
}

/// Returns the parts of a page that a write returns.
fn told(page: &Value) -> Value {
    json!({"id": page["id"], "title": readable::title(page), "url": page["url"]})
}

/// Returns the property values to send: `title` and `properties`. Values that are not Notion's own objects are converted by
/// their types, which are read from `owner`: the data source or page that has them.
fn properties(
    arguments: &Map<String, Value>,
    owner: impl FnOnce() -> Result<Value, Error>,
) -> Result<Map<String, Value>, Error> {
    let mut properties = Map::new();
    if let Some(title) = argument(arguments, "title") {
        // Every title property has this id, whatever its name.
        properties.insert("title".to_owned(), json!({"title": writable::rich_text(title)}));
    }
    let Some(given) = arguments.get("properties").and_then(Value::as_object) else {
        return Ok(properties);
    };
    if given.values().all(writable::is_raw) {
        properties.extend(given.clone());
        return Ok(properties);
    }
    let owner = owner()?;
    for (name, value) in given {
        let (name, known) =
            find(&owner["properties"], name).ok_or_else(|| unknown(name, &owner["properties"]))?;
        let kind = known["type"].as_str().unwrap_or_default();
        let value = if writable::is_raw(value) {
            value.clone()
        } else {
            writable::property(name, kind, value)?
        };
        properties.insert(name.to_owned(), value);
    }
    Ok(properties)
}

/// Returns the property with this name, in any case.
pub fn find<'a>(properties: &'a Value, name: &str) -> Option<(&'a str, &'a Value)> {
    let properties = properties.as_object()?;
    let same = |(known, _): &(&String, &Value)| known.to_lowercase() == name.to_lowercase();
    properties
        .get_key_value(name)
        .or_else(|| properties.iter().find(same))
        .map(|(name, property)| (name.as_str(), property))
}

/// Returns the error for an unknown property.
pub fn unknown(name: &str, properties: &Value) -> Error {
    let known: Vec<_> = properties
        .as_object()
        .into_iter()
        .flat_map(Map::keys)
        .map(|name| format!("`{name}`"))
        .collect();
    Error::invalid_params(format!("There is no property `{name}`."))
        .with_hint(format!("There are {}.", known.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "Intro\n# Plan {color=\"blue\"}\nFirst\n## Steps\n- one\n```\n# no heading\n```\n\t## inside a toggle\n\n# Later\nx\n# later\n";

    #[test]
    fn a_section_ends_at_the_next_heading_of_its_level() {
        let check = |heading: &str, expected: &str| {
            assert_eq!(section(PAGE, heading).expect("it is there"), expected, "{heading}");
        };
        let steps = "## Steps\n- one\n```\n# no heading\n```\n\t## inside a toggle";
        check("Steps", steps);
        check("## steps ", steps);
        check("plan", &format!("# Plan {{color=\"blue\"}}\nFirst\n{steps}"));
    }

    #[test]
    fn a_heading_must_be_there_once() {
        let check = |page: &str, heading: &str, code: Code, part: &str| {
            let error = section(page, heading).expect_err("it is not there once");
            assert!(error.code() == code && error.to_string().contains(part), "{heading}: {error}");
        };
        check(PAGE, "no heading", Code::NotFound, "`Steps`");
        check(PAGE, "Later", Code::InvalidParams, "several");
        check("Text", "Later", Code::NotFound, "no headings");
    }

    #[test]
    fn items_of_a_property_become_one_value() {
        let run = |text: &str| json!({"object": "property_item", "type": "rich_text", "rich_text": {"plain_text": text}});
        let items = |kind: &str, results: Value| json!({"object": "list", "results": results, "property_item": {"type": kind}});
        assert_eq!(item(&items("rich_text", json!([run("a"), run("b")]))), json!("ab"));
        let relation =
            json!({"object": "property_item", "type": "relation", "relation": {"id": "p1"}});
        assert_eq!(item(&items("relation", json!([relation]))), json!(["p1"]));
        let person = json!({"object": "property_item", "type": "people", "people": {"id": "u1", "name": "Ada"}});
        assert_eq!(item(&items("people", json!([person]))), json!(["Ada"]));
        let mut rollup = items("rollup", json!([relation]));
        rollup["property_item"]["rollup"] =
            json!({"type": "number", "number": 4, "function": "sum"});
        assert_eq!(item(&rollup), json!(4));
        rollup["property_item"]["rollup"] =
            json!({"type": "array", "array": [], "function": "show_original"});
        assert_eq!(item(&rollup), json!(["p1"]));
        let files = json!([{"name": "a", "type": "file", "file": {"url": "https://x.example/a"}}]);
        let files = json!({"object": "property_item", "type": "files", "files": files});
        assert_eq!(item(&files), json!([{"name": "a", "url": "https://x.example/a"}]));
    }

    #[test]
    fn plain_values_take_their_types_from_the_owner() {
        let owner =
            json!({"properties": {"Name": {"type": "title"}, "Due date": {"type": "date"}}});
        let arguments =
            json!({"title": "A", "properties": {"due DATE": "2026-01-31", "Name": {"title": []}}});
        let sent = properties(arguments.as_object().expect("it is one"), || Ok(owner.clone()))
            .expect("they are good ones");
        let title = json!({"title": [{"type": "text", "text": {"content": "A"}}]});
        assert_eq!(
            json!(sent),
            json!({"title": title, "Due date": {"date": {"start": "2026-01-31"}}, "Name": {"title": []}})
        );

        let raw = json!({"properties": {"Name": {"title": []}}});
        let unasked = || Err(Error::invalid_params("nobody needs the types"));
        assert!(properties(raw.as_object().expect("it is one"), unasked).is_ok());
        let wrong = json!({"properties": {"Dew": "x"}});
        let error = properties(wrong.as_object().expect("it is one"), || Ok(owner))
            .expect_err("there is none of this name");
        assert!(error.to_string().contains("`Dew`"), "{error}");
    }
}
