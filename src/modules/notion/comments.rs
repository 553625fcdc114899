//! Comments of a page, those on its blocks included.

use serde_json::{Value, json};

use super::{argument, list, readable};
use crate::engine::Session;
use crate::error::Error;
use crate::json::Object;

/// How deep blocks within blocks are looked at.
const MAX_DEPTH: usize = 8;

/// Most blocks of a page whose comments can be listed.
const MAX_BLOCKS: usize = 2000;

/// A field hook: the files of a comment with their names and where to fetch them.
pub fn files(attachments: &Value) -> Value {
    let files: Vec<_> = list(attachments)
        .map(|attachment| {
            let url = attachment["file"]["url"].as_str();
            let path = url.and_then(|url| url.split(['?', '#']).next()).unwrap_or_default();
            let name = percent_encoding::percent_decode_str(path.rsplit('/').next().unwrap_or_default());
            json!({"name": name.decode_utf8_lossy(), "category": attachment["category"], "url": url})
        })
        .collect();
    if files.is_empty() { Value::Null } else { files.into() }
}

/// The open comments of a page and of all its blocks, in the page's order. Notion lists them block by block, so that each
/// block costs a request: `limit` blocks are asked for in a call.
pub fn of_page(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let page = argument(arguments, "page_id").unwrap_or_default();
    let limit =
        usize::try_from(arguments["limit"].as_u64().unwrap_or_default()).unwrap_or_default();
    let start: usize = match argument(arguments, "cursor") {
        None => 0,
        Some(cursor) => cursor.parse().map_err(|_| {
            Error::invalid_params("Invalid `cursor`: this tool did not issue it.")
                .with_hint("Pass the `next_cursor` of the answer before as it is.")
        })?,
    };
    let mut blocks = vec![json!({"id": page})];
    below(session, page, 1, start + limit + 1, &mut blocks)?;
    let mut items = Vec::new();
    for block in blocks.iter().skip(start).take(limit) {
        let id = block["id"].as_str().unwrap_or_default();
        let comments = all(session, &["v1", "comments"], &[("block_id", id)])?;
        let on = if block["type"].is_string() { readable::block_text(block) } else { Value::Null };
        items.extend(
            comments.iter().filter(|comment| is_on(comment, id)).map(|comment| told(comment, &on)),
        );
    }
    let mut result =
        json!({"items": items, "blocks": blocks.len().saturating_sub(start).min(limit)});
    if blocks.len() > start + limit && start + limit < MAX_BLOCKS {
        result["next_cursor"] = (start + limit).to_string().into();
    }
    Ok(result)
}

/// Whether a comment stands on this block: a page may list those of its blocks, too.
fn is_on(comment: &Value, id: &str) -> bool {
    let plain = |id: &str| id.replace('-', "").to_lowercase();
    let parent = readable::parent_id(&comment["parent"]);
    parent.as_str().is_none_or(|parent| plain(parent) == plain(id))
}

fn told(comment: &Value, on: &Value) -> Value {
    json!({
        "id": comment["id"], "discussion_id": comment["discussion_id"], "author": comment["display_name"]["resolved_name"],
        "body": readable::markdown(&comment["rich_text"]), "attachments": files(&comment["attachments"]),
        "block_id": comment["parent"]["block_id"], "block_text": on, "created_at": comment["created_time"],
    })
}

/// Adds the blocks in a block, and those in them, in the order of the page, until there are `wanted`.
fn below(
    session: &Session<'_>,
    id: &str,
    depth: usize,
    wanted: usize,
    blocks: &mut Vec<Value>,
) -> Result<(), Error> {
    let mut cursor: Option<String> = None;
    loop {
        let page = children(session, id, cursor.as_deref())?;
        for block in list(&page["results"]) {
            if blocks.len() >= wanted.min(MAX_BLOCKS) {
                return Ok(());
            }
            blocks.push(block.clone());
            // What a page holds in a page of its own belongs to that.
            let own = !matches!(block["type"].as_str(), Some("child_page" | "child_database"));
            if own && block["has_children"] == true && depth < MAX_DEPTH {
                below(
                    session,
                    block["id"].as_str().unwrap_or_default(),
                    depth + 1,
                    wanted,
                    blocks,
                )?;
            }
        }
        let next = page["next_cursor"].as_str().map(str::to_owned);
        if next.is_none() || next == cursor {
            return Ok(());
        }
        cursor = next;
    }
}

fn children(session: &Session<'_>, id: &str, cursor: Option<&str>) -> Result<Value, Error> {
    let cursor = cursor.map(|cursor| ("start_cursor", cursor));
    let query: Vec<_> = [("page_size", "100")].into_iter().chain(cursor).collect();
    session.get(&["v1", "blocks", id, "children"], &query)
}

/// All entries of a list.
fn all(session: &Session<'_>, path: &[&str], query: &[(&str, &str)]) -> Result<Vec<Value>, Error> {
    let (mut entries, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let start = cursor.as_deref().map(|cursor| ("start_cursor", cursor));
        let query: Vec<_> =
            query.iter().copied().chain([("page_size", "100")]).chain(start).collect();
        let page = session.get(path, &query)?;
        entries.extend(list(&page["results"]).cloned());
        let next = page["next_cursor"].as_str().map(str::to_owned);
        if next.is_none() || next == cursor {
            return Ok(entries);
        }
        cursor = next;
    }
}
