//! Tools for pages and blocks that need several requests.

use serde_json::{Map, Value, json};

use super::readable::Names;
use super::{argument, limits, list, lookup, markdown, readable, writable};
use crate::engine::Session;
use crate::engine::request::nothing_to_change;
use crate::error::Error;
use crate::json::Object;
use crate::upstream::Method;

/// Creates a page. Plain property values need the data source's types, which are read first.
pub fn create(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let data_source = argument(arguments, "data_source_id");
    let page = argument(arguments, "page_id");
    let refuse = |what: &str, hint: &str| Err(Error::invalid_params(what).with_hint(hint));
    let parent = match (page, data_source) {
        (Some(_), Some(_)) => {
            return refuse(
                "`page_id` and `data_source_id` exclude each other.",
                "Give the one that shall hold the page.",
            );
        }
        (Some(page), None) => json!({"type": "page_id", "page_id": page}),
        (None, Some(source)) => json!({"type": "data_source_id", "data_source_id": source}),
        (None, None) => json!({"type": "workspace", "workspace": true}),
    };
    if arguments.contains_key("after") && page.is_none() {
        return refuse(
            "`after` needs `page_id`: rows and pages of the workspace have no place among blocks.",
            "Leave `after` out.",
        );
    }
    if let Some(template) = arguments.get("template") {
        if arguments.contains_key("markdown") {
            return refuse(
                "`template` and `markdown` exclude each other: a template brings its own text.",
                "Give one of them; append_to_page adds text later.",
            );
        }
        if template["type"] == "default" && data_source.is_none() {
            return refuse(
                "`template` can be `default` with `data_source_id` alone: other pages have no default template.",
                "Give a template's id, or leave `template` out.",
            );
        }
    }
    let properties = properties(arguments, || match data_source {
        Some(source) => session.get(&["v1", "data_sources", source], &[]),
        None => Err(Error::invalid_params(
            "`properties` are for rows: a page outside a data source has only its title.",
        )
        .with_hint("Give `data_source_id`, or leave `properties` out.")),
    })?
    .unwrap_or_default();
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

/// Changes a page but for its text. Plain property values need the page's types first; what is already there is not sent.
pub fn update(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let path = ["v1", "pages", argument(arguments, "page_id").unwrap_or_default()];
    let mut page = None;
    let properties = properties(arguments, || {
        let read = session.get(&path, &[])?;
        page = Some(read.clone());
        Ok(read)
    })?;
    let mut body = Map::new();
    let unchanged = properties.as_ref().is_some_and(Map::is_empty);
    if let Some(properties) = properties.filter(|properties| !properties.is_empty()) {
        body.insert("properties".to_owned(), properties.into());
    }
    for (name, member) in
        [("icon", "icon"), ("cover", "cover"), ("locked", "is_locked"), ("archived", "is_archived")]
    {
        if let Some(value) = arguments.get(name) {
            body.insert(member.to_owned(), value.clone());
        }
    }
    match page {
        Some(page) if body.is_empty() && unchanged => Ok(told(&page)),
        _ if body.is_empty() => {
            Err(nothing_to_change(&["title", "properties", "icon", "cover", "locked", "archived"]))
        }
        _ => session.send(Method::Patch, &path, &[], Some(&body.into())).map(|page| told(&page)),
    }
}

/// Reads a page without its text: its properties, and who made and changed it.
pub fn get(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let page =
        session.get(&["v1", "pages", argument(arguments, "page_id").unwrap_or_default()], &[])?;
    let names = lookup::Lookup::new(session)
        .users_of(&page["properties"])
        .user(&page["created_by"]["id"])
        .user(&page["last_edited_by"]["id"])
        .related(&page["properties"], lookup::limit(arguments))
        .names;
    let mut result = Map::new();
    let fields = [
        ("id", page["id"].clone()),
        ("title", readable::title(&page)),
        ("icon", readable::image(&page["icon"])),
        ("cover", readable::image(&page["cover"])),
        ("parent_type", page["parent"]["type"].clone()),
        ("parent_id", readable::parent_id(&page["parent"])),
        ("in_trash", super::if_any(&page["in_trash"])),
        ("archived", super::if_any(&page["is_archived"])),
        ("locked", super::if_any(&page["is_locked"])),
        ("created_at", page["created_time"].clone()),
        ("created_by", names.named(&page["created_by"]["id"])),
        ("updated_at", page["last_edited_time"].clone()),
        ("updated_by", names.named(&page["last_edited_by"]["id"])),
        ("url", page["url"].clone()),
        ("public_url", page["public_url"].clone()),
        ("properties", readable::properties(&page["properties"], &names)),
    ];
    let told = fields.into_iter().filter(|(_, value)| !value.is_null());
    result.extend(told.map(|(name, value)| (name.to_owned(), value)));
    Ok(result.into())
}

/// Copies a page: Notion accepts any page as a template and copies its text.
pub fn duplicate(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
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
    let mut copy = Copy { session, page: id, not_copied: Vec::new() };
    let mut properties = Map::new();
    let values = page["properties"].as_object().into_iter().flatten();
    for (name, property) in values.filter(|(_, property)| property["type"] != "title") {
        let Some(value) = copy.value(name, property)? else { continue };
        if parent["type"] == "data_source_id" {
            properties.insert(name.clone(), value);
        } else {
            copy.leave_out(name, "a page outside a data source has no properties");
        }
    }
    properties.insert("title".to_owned(), copy.title(&page, argument(arguments, "title"))?);
    let body = json!({"parent": parent, "properties": properties, "template": {"type": "template_id", "template_id": id}});
    limits::check("page", &body)?;
    let mut result = told(&session.send(Method::Post, &["v1", "pages"], &[], Some(&body))?);
    if !copy.not_copied.is_empty() {
        result["not_copied"] = copy.not_copied.into();
    }
    Ok(result)
}

/// Copies property values, and notes what stays behind.
struct Copy<'s> {
    session: &'s Session<'s>,
    page: &'s str,
    not_copied: Vec<Value>,
}

impl Copy<'_> {
    /// A property's value whole, as Notion takes it; `None` for what is empty, filled in by Notion or left out.
    fn value(&mut self, name: &str, property: &Value) -> Result<Option<Value>, Error> {
        let kind = property["type"].as_str().unwrap_or_default();
        let mut property = property.clone();
        // A page comes with 25 entries of a list, and with 25 people and pages of a text.
        if property["has_more"] == true || entries(&property) >= FIRST_ENTRIES {
            property[kind] = self.whole(&property)?;
        }
        if kind == "files" && list(&property[kind]).any(|file| file["type"] == "file") {
            self.leave_out(name, "Notion takes the files that it keeps for no other page");
        }
        let value = writable::copy(&property);
        let count = value.as_ref().map_or(0, |value| list(&value[kind]).count());
        if count > limits::MAX_ENTRIES {
            let most = limits::MAX_ENTRIES;
            self.leave_out(
                name,
                &format!("it has {count} entries, and Notion takes {most} in a request"),
            );
            return Ok(None);
        }
        Ok(value)
    }

    /// All entries of a list, or all runs of a text.
    fn whole(&self, property: &Value) -> Result<Value, Error> {
        let id = property_id(property);
        let (mut entries, mut cursor) = (Vec::new(), None::<String>);
        for _ in 0..MAX_PAGES {
            let start = cursor.as_deref().map(|cursor| ("start_cursor", cursor));
            let query: Vec<_> = [("page_size", "100")].into_iter().chain(start).collect();
            let answer =
                self.session.get(&["v1", "pages", self.page, "properties", &id], &query)?;
            entries.extend(
                list(&answer["results"]).map(|item| {
                    item["type"].as_str().map_or(Value::Null, |kind| item[kind].clone())
                }),
            );
            let next = answer["next_cursor"].as_str().map(str::to_owned);
            if next.is_none() || next == cursor {
                break;
            }
            cursor = next;
        }
        Ok(entries.into())
    }

    /// The title with its formatting and ` (copy)` behind it, or the given one.
    fn title(&self, page: &Value, given: Option<&str>) -> Result<Value, Error> {
        if let Some(title) = given {
            return Ok(json!({"title": writable::rich_text("title", title)?}));
        }
        let original = page["properties"].as_object().into_iter().flatten();
        let title =
            original.map(|(_, property)| property).find(|property| property["type"] == "title");
        let whole = match title {
            Some(title) if entries(title) >= FIRST_ENTRIES => self.whole(title)?,
            Some(title) => title["title"].clone(),
            None => json!([]),
        };
        let mut runs: Vec<_> = list(&whole).map(writable::run).collect();
        let ending = if runs.is_empty() { "(copy)" } else { " (copy)" };
        let last = runs.last_mut().and_then(|last| writable::plain_content(last));
        match last.filter(|last| limits::characters(last) + ending.len() <= limits::MAX_RUN) {
            Some(last) => last.push_str(ending),
            None => runs.push(json!({"type": "text", "text": {"content": ending}})),
        }
        Ok(json!({"title": runs}))
    }

    fn leave_out(&mut self, property: &str, reason: &str) {
        self.not_copied.push(json!({"property": property, "reason": reason}));
    }
}

/// How many entries of a list Notion gives with the page (<https://developers.notion.com/reference/retrieve-a-page>).
const FIRST_ENTRIES: usize = 25;

/// Most requests for one property.
const MAX_PAGES: usize = 20;

/// The entries of a list, or the people and pages that a text mentions.
fn entries(property: &Value) -> usize {
    match property["type"].as_str() {
        Some(kind @ ("title" | "rich_text")) => {
            list(&property[kind]).filter(|run| run["type"] == "mention").count()
        }
        Some(kind @ ("people" | "relation")) => list(&property[kind]).count(),
        _ => 0,
    }
}

/// A property's id for a path: it comes percent-encoded and would be encoded once more.
fn property_id(property: &Value) -> String {
    let id = property["id"].as_str().unwrap_or_default();
    percent_encoding::percent_decode_str(id).decode_utf8_lossy().into_owned()
}

/// Reads one property completely. It may be given by name: Notion identifies it only by id.
pub fn property(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
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
    let id = property_id(property);
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
    let names = Names::default();
    let kind = answer["type"].as_str().unwrap_or_default();
    if answer["object"] != "list" {
        return if kind == "files" {
            list(&answer[kind]).map(readable::file).collect()
        } else {
            readable::value(answer, &names)
        };
    }
    let summary = &answer["property_item"];
    if summary["type"] == "rollup" && summary["rollup"]["type"] != "array" {
        return readable::value(summary, &names);
    }
    let is_text = matches!(summary["type"].as_str(), Some("title" | "rich_text"));
    let entries = list(&answer["results"]).map(|item| {
        let kind = item["type"].as_str().unwrap_or_default();
        let entry = &item[kind];
        // If a whole property is a list, its items have one entry each.
        let wrapped = matches!(kind, "title" | "rich_text" | "people" | "relation");
        if wrapped {
            readable::value(&json!({"type": kind, kind: [entry]}), &names)
        } else {
            readable::value(item, &names)
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
pub fn update_section(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let path = markdown_path(arguments);
    let page = session.get(&path, &[])?;
    let page = page["markdown"].as_str().unwrap_or_default();
    let section = markdown::section(page, argument(arguments, "heading").unwrap_or_default())?;
    let text = markdown::with_signatures(argument(arguments, "markdown").unwrap_or_default(), page);
    let replaced = markdown::replaced(section, &text);
    if replaced != section {
        let update = json!({"old_str": section, "new_str": replaced});
        let body =
            json!({"type": "update_content", "update_content": {"content_updates": [update]}});
        session.send(Method::Patch, &path, &[], Some(&body))?;
    }
    Ok(json!({"message": "Section replaced."}))
}

/// Replaces a page's whole text.
pub fn replace(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let mut content = json!({"new_str": arguments["markdown"]});
    if let Some(allowed) = arguments.get("delete_children") {
        content["allow_deleting_content"] = allowed.clone();
    }
    write(session, arguments, json!({"type": "replace_content", "replace_content": content}))?;
    Ok(json!({"message": "Text replaced."}))
}

/// Searches and replaces in a page's text.
pub fn edit(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let content = json!({"content_updates": arguments["edits"]});
    write(session, arguments, json!({"type": "update_content", "update_content": content}))?;
    Ok(json!({"message": "Text edited."}))
}

/// Adds to a page's text.
pub fn append(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let mut content = json!({"content": arguments["markdown"]});
    if let Some(after) = arguments.get("after") {
        content["after"] = after.clone();
    }
    write(session, arguments, json!({"type": "insert_content", "insert_content": content}))?;
    Ok(json!({"message": "Text added."}))
}

/// Changes a page's Markdown. If the text names files that Notion stores, in the form that `read_page` shows, their signatures
/// are restored: otherwise Notion would treat them as other people's files, which cannot be read.
fn write(session: &Session<'_>, arguments: &Object, mut body: Value) -> Result<(), Error> {
    let path = markdown_path(arguments);
    let mut files = false;
    change_texts(&mut body, &mut |text| files |= markdown::has_files(text));
    if files {
        let page = session.get(&path, &[])?;
        let page = page["markdown"].as_str().unwrap_or_default();
        change_texts(&mut body, &mut |text| *text = markdown::with_signatures(text, page));
    }
    session.send(Method::Patch, &path, &[], Some(&body)).map(|_| ())
}

fn markdown_path(arguments: &Object) -> [&str; 4] {
    ["v1", "pages", argument(arguments, "page_id").unwrap_or_default(), "markdown"]
}

fn change_texts(value: &mut Value, change: &mut dyn FnMut(&mut String)) {
    match value {
        Value::String(text) => change(text),
        Value::Array(values) => values.iter_mut().for_each(|value| change_texts(value, change)),
        Value::Object(members) => {
            members.values_mut().for_each(|value| change_texts(value, change));
        }
        _ => {}
    }
}

/// Changes one block. Its type is the name of the member with its content.
pub fn update_block(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let path = ["v1", "blocks", argument(arguments, "block_id").unwrap_or_default()];
    let block = session.get(&path, &[])?;
    let kind = block["type"].as_str().unwrap_or_default();
    let mut content =
        arguments.get("content").and_then(Value::as_object).cloned().unwrap_or_default();
    let refuse = |what: String, hint: &str| Err(Error::invalid_params(what).with_hint(hint));
    let mut unchanged = false;
    if let Some(text) = argument(arguments, "text") {
        let own = &block[kind]["rich_text"];
        let (member, text) = match kind {
            "equation" => ("expression", text.into()),
            "bookmark" | "embed" => ("url", text.into()),
            // The same words again would lose their formatting, and change nothing else.
            _ if own.is_array() && readable::text(own) == text => {
                unchanged = true;
                ("", Value::Null)
            }
            _ if own.is_array() => ("rich_text", writable::rich_text("text", text)?),
            _ => {
                return refuse(
                    format!("A block of the type {kind} has no text."),
                    "Give `content`, or edit the page's Markdown with edit_page.",
                );
            }
        };
        if !unchanged {
            content.insert(member.to_owned(), text);
        }
    }
    if let Some(checked) = arguments.get("checked") {
        if kind != "to_do" {
            return refuse(
                format!("`checked` is for to-dos: this block is of the type {kind}."),
                "Leave `checked` out.",
            );
        }
        content.insert("checked".to_owned(), checked.clone());
    }
    if content.is_empty() && unchanged {
        return Ok(told_block(&block, kind));
    }
    if content.is_empty() {
        return Err(nothing_to_change(&["text", "checked", "content"]));
    }
    let body = json!({kind: content});
    limits::check("block", &body)?;
    session.send(Method::Patch, &path, &[], Some(&body)).map(|changed| told_block(&changed, kind))
}

fn told_block(block: &Value, kind: &str) -> Value {
    json!({"id": block["id"], "type": kind, "text": readable::block_text(block), "updated_at": block["last_edited_time"]})
}

/// Returns the parts of a page that a write returns.
fn told(page: &Value) -> Value {
    json!({"id": page["id"], "title": readable::title(page), "url": page["url"]})
}

/// Returns the property values to send: `title` and `properties`; `None` if neither is given. Values that are not Notion's own
/// objects are converted by their types, which are read from `owner`: the data source or page that has them. Values that the
/// page already has are left out.
fn properties(
    arguments: &Object,
    owner: impl FnOnce() -> Result<Value, Error>,
) -> Result<Option<Object>, Error> {
    let title = argument(arguments, "title");
    let given = arguments.get("properties").and_then(Value::as_object);
    if title.is_none() && given.is_none() {
        return Ok(None);
    }
    let mut properties = Map::new();
    let mut owner_of = Some(owner);
    let mut owner = Value::Null;
    if given.is_some_and(|given| !given.values().all(writable::is_raw))
        && let Some(read) = owner_of.take()
    {
        owner = read()?;
    }
    if let Some(title) =
        title.filter(|title| readable::title(&owner) != *title || owner["object"] != "page")
    {
        // Every title property has this id, whatever its name.
        properties
            .insert("title".to_owned(), json!({"title": writable::rich_text("title", title)?}));
    }
    for (name, value) in given.into_iter().flatten() {
        if owner.is_null() {
            limits::check(&format!("properties.{name}"), value)?;
            properties.insert(name.clone(), value.clone());
            continue;
        }
        let (name, known) =
            find(&owner["properties"], name).ok_or_else(|| unknown(name, &owner["properties"]))?;
        let kind = known["type"].as_str().unwrap_or_default();
        let value = if writable::is_raw(value) {
            limits::check(&format!("properties.{name}"), value)?;
            Some(value.clone())
        } else if owner["object"] == "page" {
            writable::change(name, known, value)?
        } else {
            writable::property(name, kind, value).map(Some)?
        };
        if let Some(value) = value {
            properties.insert(name.to_owned(), value);
        }
    }
    Ok(Some(properties))
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

    #[test]
    fn items_of_a_property_become_one_value() {
        let run = |text: &str| json!({"object": "property_item", "type": "rich_text", "rich_text": {"plain_text": text}});
        let items = |kind: &str, results: Value| json!({"object": "list", "results": results, "property_item": {"type": kind}});
        assert_eq!(item(&items("rich_text", json!([run("a"), run("b")]))), json!("ab"));
        let relation =
            json!({"object": "property_item", "type": "relation", "relation": {"id": "p1"}});
        assert_eq!(item(&items("relation", json!([relation]))), json!(["p1"]));
        let person = json!({"object": "property_item", "type": "people", "people": {"id": "u1", "name": "Ada"}});
        assert_eq!(item(&items("people", json!([person]))), json!(["Ada (u1)"]));
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
            .expect("they are good ones")
            .expect("there are some");
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
