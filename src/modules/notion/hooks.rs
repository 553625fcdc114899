//! Parts of Notion's module that cannot be expressed as data.
//!
//! This file has the table of hooks and the small hooks. `readable` converts Notion's objects to text, `writable` does the
//! reverse, and `pages`, `rows` and `uploads` have the tools that need several requests.

mod pages;
mod readable;
mod rows;
mod uploads;
mod writable;

use serde_json::{Map, Value, json};

use crate::engine::Hooks;
use crate::engine::session::list;
use crate::error::Error;

/// The hooks that Notion's `module.json` cites.
pub(super) const HOOKS: Hooks = Hooks {
    fields: &[
        ("block_content", readable::block_content),
        ("block_text", readable::block_text),
        ("if_any", if_any),
        ("image", readable::image),
        ("markdown", readable::markdown),
        ("parent_id", readable::parent_id),
        ("properties", readable::properties),
        ("schema", readable::schema),
        ("text", readable::text),
        ("title", readable::title),
    ],
    params: &[
        ("attachments", attachments),
        ("block_id", block_id),
        ("block_position", block_position),
        ("cover", writable::cover),
        ("icon", writable::icon),
        ("last_edited_sort", last_edited_sort),
        ("null_if_empty", null_if_empty),
        ("object_filter", object_filter),
        ("page_id", page_id),
        ("page_parent", page_parent),
        ("page_position", page_position),
        ("property_schema", writable::schema),
        ("rich_text", rich_text),
        ("template", template),
        ("view_id", view_id),
    ],
    handlers: &[
        ("create_page", pages::create),
        ("duplicate_page", pages::duplicate),
        ("get_page_property", pages::property),
        ("list_views", rows::views),
        ("query_data_source", rows::query),
        ("query_view", rows::query_view),
        ("send_file_upload", uploads::send),
        ("update_block", pages::update_block),
        ("update_page", pages::update),
        ("update_page_section", pages::update_section),
        ("upload_file", uploads::upload),
    ],
    ..Hooks::NONE
};

/// Hides values without information: false, an empty list, an empty object.
fn if_any(value: &Value) -> Value {
    let empty = match value {
        Value::Bool(value) => !value,
        Value::Array(values) => values.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    };
    if empty { Value::Null } else { value.clone() }
}

/// Returns files of a comment, by the ids of their uploads.
fn attachments(ids: &Value) -> Result<Value, Error> {
    Ok(list(ids).map(|id| json!({"type": "file_upload", "file_upload_id": id})).collect())
}

/// Returns the position of new blocks: first, or after a sibling.
fn block_position(after: &Value) -> Result<Value, Error> {
    position(after, "start")
}

/// Returns the position of a new page among its parent's blocks.
fn page_position(after: &Value) -> Result<Value, Error> {
    position(after, "page_start")
}

fn position(after: &Value, start: &str) -> Result<Value, Error> {
    if after == "start" {
        return Ok(json!({"type": start}));
    }
    Ok(json!({"type": "after_block", "after_block": {"id": block_id(after)?}}))
}

/// Returns the order of a search; Notion supports only the time of the last edit.
fn last_edited_sort(direction: &Value) -> Result<Value, Error> {
    Ok(json!({"timestamp": "last_edited_time", "direction": direction}))
}

/// Returns null for an empty object or list, which clears a setting: a null argument would count as absent.
fn null_if_empty(value: &Value) -> Result<Value, Error> {
    Ok(if_any(value))
}

/// Returns the filter for a search for one kind of object.
fn object_filter(kind: &Value) -> Result<Value, Error> {
    Ok(json!({"property": "object", "value": kind}))
}

/// Returns the parent of a database: a page, or the workspace itself.
fn page_parent(page: &Value) -> Result<Value, Error> {
    if page == "workspace" {
        return Ok(json!({"type": "workspace", "workspace": true}));
    }
    Ok(json!({"type": "page_id", "page_id": page_id(page)?}))
}

fn rich_text(text: &Value) -> Result<Value, Error> {
    Ok(writable::rich_text(text.as_str().unwrap_or_default()))
}

/// Returns a template by its id, or the data source's default template.
fn template(id: &Value) -> Result<Value, Error> {
    if id == "default" {
        return Ok(json!({"type": "default"}));
    }
    Ok(json!({"type": "template_id", "template_id": page_id(id)?}))
}

/// Returns the id of a page or database, also from its address; for a page shown over its database, the id is in `p`.
fn page_id(given: &Value) -> Result<Value, Error> {
    Ok(id(given, &["p"]))
}

/// Returns the id of a block, which is after the `#` in an address; without it, the page's id.
fn block_id(given: &Value) -> Result<Value, Error> {
    Ok(id(given, &["#", "p"]))
}

/// Returns the id of a view, which is in `v` in an address.
fn view_id(given: &Value) -> Result<Value, Error> {
    Ok(id(given, &["v"]))
}

/// Returns the id at the first of these places in an address, else at the end of its path; other texts stay unchanged.
fn id(given: &Value, places: &[&str]) -> Value {
    let text = given.as_str().unwrap_or_default();
    let Some((_, address)) = text.split_once("://") else { return given.clone() };
    let (address, fragment) = address.split_once('#').unwrap_or((address, ""));
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    let at = |place: &&str| match *place {
        "#" => trailing_id(fragment),
        name => {
            let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.filter(|(key, _)| *key == name).find_map(|(_, value)| trailing_id(value))
        }
    };
    let segment = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    // A text without an id is passed on unchanged: Notion says what is wrong with it.
    places
        .iter()
        .find_map(at)
        .or_else(|| trailing_id(segment))
        .map_or_else(|| given.clone(), Value::from)
}

/// Returns the 32 hexadecimal digits at the end of a text, without the dashes between them.
fn trailing_id(text: &str) -> Option<String> {
    let digits: Vec<char> = text
        .chars()
        .rev()
        .filter(|c| *c != '-')
        .take_while(char::is_ascii_hexdigit)
        .take(32)
        .collect();
    (digits.len() == 32).then(|| digits.into_iter().rev().collect())
}

/// Returns the argument with this name, if it is a text.
fn argument<'a>(arguments: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    arguments.get(name).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::ParamHook;

    const ID: &str = "195de9221179449fab8075a27c979105";

    fn check(hook: ParamHook, given: Value, expected: Value) {
        assert_eq!(hook(&given).expect("the value is a good one"), expected, "{given}");
    }

    #[test]
    fn an_id_is_found_in_an_address() {
        let address = |rest: &str| json!(format!("https://www.notion.so/acme/{rest}"));
        check(page_id, json!(ID), json!(ID));
        check(
            page_id,
            json!("195de922-1179-449f-ab80-75a27c979105"),
            json!("195de922-1179-449f-ab80-75a27c979105"),
        );
        check(page_id, address(&format!("Road-map-{ID}")), json!(ID));
        check(page_id, address(&format!("Facade-{ID}?pvs=4#0{}", &ID[1..])), json!(ID));
        check(page_id, address(&format!("0{}?v=1{}&p={ID}&pm=s", &ID[1..], &ID[1..])), json!(ID));
        check(page_id, json!("collection://195de922-1179-449f-ab80-75a27c979105"), json!(ID));
        check(block_id, address(&format!("Road-map-0{}#{ID}", &ID[1..])), json!(ID));
        check(block_id, address(&format!("Road-map-{ID}")), json!(ID));
        check(view_id, address(&format!("0{}?v={ID}", &ID[1..])), json!(ID));
        check(page_id, address("Road-map"), address("Road-map"));
    }

    #[test]
    fn what_says_nothing_is_hidden() {
        for value in [json!(false), json!([]), json!({}), Value::Null] {
            assert_eq!(if_any(&value), Value::Null, "{value}");
        }
        for value in [json!(true), json!([1]), json!({"a": 1}), json!(0), json!("")] {
            assert_eq!(if_any(&value), value);
        }
    }

    #[test]
    fn words_stand_for_notions_objects() {
        check(attachments, json!(["a"]), json!([{"type": "file_upload", "file_upload_id": "a"}]));
        check(block_position, json!("start"), json!({"type": "start"}));
        check(
            block_position,
            json!("b"),
            json!({"type": "after_block", "after_block": {"id": "b"}}),
        );
        check(page_position, json!("start"), json!({"type": "page_start"}));
        check(page_parent, json!("workspace"), json!({"type": "workspace", "workspace": true}));
        check(page_parent, json!("p"), json!({"type": "page_id", "page_id": "p"}));
        check(template, json!("default"), json!({"type": "default"}));
        check(template, json!("t"), json!({"type": "template_id", "template_id": "t"}));
    }
}
