//! Parts of Notion's module that cannot be expressed as data.
//!
//! This file has the table of hooks and the small hooks. `readable` converts Notion's objects to text, `writable` does the
//! reverse within `limits`, and `pages`, `rows`, `comments` and `uploads` have the tools that need several requests.

mod comments;
mod files;
mod ids;
mod inline;
mod limits;
mod lookup;
mod markdown;
mod pages;
mod readable;
mod rows;
mod uploads;
mod writable;

use serde_json::{Value, json};

use crate::engine::Hooks;
use crate::engine::session::list;
use crate::error::Error;
use crate::json::Object;

/// The hooks that Notion's `module.json` cites.
pub(super) const HOOKS: Hooks = Hooks {
    fields: &[
        ("block_content", readable::block_content),
        ("block_text", readable::block_text),
        ("comment_files", comments::files),
        ("if_any", if_any),
        ("image", readable::image),
        ("markdown", readable::markdown),
        ("parent_id", readable::parent_id),
        ("schema", readable::schema),
        ("text", readable::text),
        ("title", readable::title),
        ("without_signatures", markdown::without_signatures),
    ],
    params: &[
        ("attachments", attachments),
        ("block_id", ids::block_id),
        ("block_position", block_position),
        ("children", |value| limited("children", value)),
        ("configuration", |value| limited("configuration", value)),
        ("cover", writable::cover),
        ("filter", |value| limited("filter", value)),
        ("icon", writable::icon),
        ("id", ids::plain_id),
        ("last_edited_sort", last_edited_sort),
        ("kept_cover", writable::kept_cover),
        ("kept_icon", writable::kept_icon),
        ("null_if_empty", null_if_empty),
        ("object_filter", object_filter),
        ("page_id", ids::page_id),
        ("page_parent", page_parent),
        ("page_position", page_position),
        ("property_schema", writable::schema),
        ("rich_text", |text| writable::rich_text("", text.as_str().unwrap_or_default())),
        ("sorts", |value| limited("sorts", value)),
        ("template", template),
        ("user_id", user_id),
        ("view_id", ids::view_id),
    ],
    arguments: &[
        ("comment_place", |arguments| {
            only_one(arguments, &["page_id", "block_id", "discussion_id"])
        }),
        ("target", |arguments| only_one(arguments, &["to_page_id", "to_data_source_id"])),
        ("upload_mode", uploads::mode),
        ("view_place", |arguments| {
            only_one(arguments, &["database_id", "page_id", "dashboard_id"])
        }),
    ],
    results: &[("with_sources", rows::with_sources)],
    handlers: &[
        ("append_to_page", pages::append),
        ("create_page", pages::create),
        ("duplicate_page", pages::duplicate),
        ("edit_page", pages::edit),
        ("get_file", files::get),
        ("get_page", pages::get),
        ("get_page_property", pages::property),
        ("list_page_comments", comments::of_page),
        ("list_views", rows::views),
        ("query_data_source", rows::query),
        ("query_view", rows::query_view),
        ("replace_page", pages::replace),
        ("send_file_upload", uploads::send),
        ("update_block", pages::update_block),
        ("update_page", pages::update),
        ("update_page_section", pages::update_section),
        ("upload_file", uploads::upload),
    ],
    explain: Some(lookup::explain),
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

/// Refuses arguments of which not exactly one of these is given.
fn only_one(arguments: &mut Object, names: &[&str]) -> Result<(), Error> {
    let given: Vec<_> = names.iter().filter(|name| arguments.contains_key(**name)).collect();
    if given.len() == 1 {
        return Ok(());
    }
    let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    let all = quoted.join(", ");
    let problem = if given.is_empty() {
        format!("One of {all} is missing.")
    } else {
        format!("{all} exclude each other.")
    };
    Err(Error::invalid_params(problem).with_hint("Give exactly one of them."))
}

/// An argument of Notion's own form, within its limits.
fn limited(name: &str, value: &Value) -> Result<Value, Error> {
    limits::check(name, value).map(|()| value.clone())
}

/// Returns files of a comment, by the ids of their uploads.
fn attachments(ids: &Value) -> Result<Value, Error> {
    let file = |id| Ok(json!({"type": "file_upload", "file_upload_id": ids::plain_id(id)?}));
    list(ids).map(file).collect()
}

/// A person or bot, or `me`.
fn user_id(given: &Value) -> Result<Value, Error> {
    if given == "me" { Ok(given.clone()) } else { ids::plain_id(given) }
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
    Ok(json!({"type": "after_block", "after_block": {"id": ids::block_id(after)?}}))
}

/// Returns null for an empty object or list, which clears a setting: a null argument would count as absent.
fn null_if_empty(value: &Value) -> Result<Value, Error> {
    limited("", &if_any(value))
}

/// Returns the order of a search; Notion supports only the time of the last edit.
fn last_edited_sort(direction: &Value) -> Result<Value, Error> {
    Ok(json!({"timestamp": "last_edited_time", "direction": direction}))
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
    Ok(json!({"type": "page_id", "page_id": ids::page_id(page)?}))
}

/// Returns a template by its id, or the data source's default template.
fn template(id: &Value) -> Result<Value, Error> {
    if id == "default" {
        return Ok(json!({"type": "default"}));
    }
    Ok(json!({"type": "template_id", "template_id": ids::page_id(id)?}))
}

/// Returns the argument with this name, if it is a text.
fn argument<'a>(arguments: &'a Object, name: &str) -> Option<&'a str> {
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
        check(attachments, json!([ID]), json!([{"type": "file_upload", "file_upload_id": ID}]));
        check(block_position, json!("start"), json!({"type": "start"}));
        check(
            block_position,
            json!(format!(" {ID}")),
            json!({"type": "after_block", "after_block": {"id": ID}}),
        );
        check(page_position, json!("start"), json!({"type": "page_start"}));
        check(page_parent, json!("workspace"), json!({"type": "workspace", "workspace": true}));
        check(page_parent, json!(ID), json!({"type": "page_id", "page_id": ID}));
        check(template, json!("default"), json!({"type": "default"}));
        check(template, json!(ID), json!({"type": "template_id", "template_id": ID}));
        check(user_id, json!("me"), json!("me"));
        assert!(user_id(&json!("Ada")).is_err());
    }
}
