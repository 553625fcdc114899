//! Which nodes and marks Markdown can express, and how the others are shown.

use serde_json::Value;

use super::address;
use crate::json::Object;

/// How a block is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// As its own Markdown syntax.
    Said,
    /// As a pair of placeholders around its content.
    Container,
    /// As one placeholder.
    Leaf,
}

/// Returns the type of a node or mark; empty if it has none.
pub(super) fn kind(node: &Value) -> &str {
    node["type"].as_str().unwrap_or_default()
}

/// Returns the content of a node; empty if it has none.
pub(super) fn content(node: &Value) -> &[Value] {
    node["content"].as_array().map_or(&[], Vec::as_slice)
}

/// Returns the marks of a node; empty if it has none.
pub(super) fn marks(node: &Value) -> &[Value] {
    node["marks"].as_array().map_or(&[], Vec::as_slice)
}

/// Returns the node without its content.
pub(super) fn shell(node: &Object) -> Object {
    node.iter()
        .filter(|(key, _)| *key != "content")
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// Returns how a block is shown, judged by its own structure; the writer uses a leaf if that cannot be read back.
pub(super) fn form(node: &Value) -> Form {
    let children = content(node);
    let said = is_well_formed(node)
        && match kind(node) {
            "paragraph" => is_inline(node),
            "heading" => is_inline(node) && matches!(node["attrs"]["level"].as_u64(), Some(1..=6)),
            "bulletList" => are_items(children),
            "orderedList" => are_items(children) && order(node).is_some(),
            "taskList" => are_tasks(children),
            "codeBlock" => {
                children.iter().all(is_plain_text)
                    && matches!(node["attrs"]["language"], Value::Null | Value::String(_))
            }
            "blockquote" => !children.is_empty(),
            "rule" => node.get("content").is_none(),
            "table" => is_grid(children),
            _ => false,
        };
    match kind(node) {
        _ if said => Form::Said,
        // Media have no editable text; with a caption, which has text, they are a container.
        "codeBlock" => Form::Leaf,
        _ if !is_well_formed(node) || children.iter().all(|child| kind(child) == "media") => {
            Form::Leaf
        }
        _ => Form::Container,
    }
}

/// Returns whether the content of a node is inline: text, and nodes within a line of text.
pub(super) fn is_inline(node: &Value) -> bool {
    match kind(node) {
        "paragraph" | "heading" | "taskItem" | "decisionItem" | "caption" => true,
        _ => content(node).first().is_some_and(|child| {
            matches!(
                kind(child),
                "text"
                    | "hardBreak"
                    | "mention"
                    | "emoji"
                    | "date"
                    | "status"
                    | "inlineCard"
                    | "inlineExtension"
                    | "mediaInline"
                    | "placeholder"
            )
        }),
    }
}

/// Returns the number of an ordered list's first item, if Markdown can express it (`CommonMark` allows at most nine digits).
pub(super) fn order(list: &Value) -> Option<u64> {
    match &list["attrs"]["order"] {
        Value::Null => Some(1),
        order => order.as_u64().filter(|order| *order <= 999_999_999),
    }
}

/// Returns whether a node is text with a valid list of marks, and no unknown members.
pub(super) fn is_text(node: &Value) -> bool {
    let known =
        |map: &Object| map.keys().all(|key| matches!(key.as_str(), "type" | "text" | "marks"));
    kind(node) == "text"
        && node["text"].is_string()
        && node.as_object().is_some_and(known)
        && node.get("marks").is_none_or(|marks| {
            marks.as_array().is_some_and(|marks| marks.iter().all(|mark| !kind(mark).is_empty()))
        })
}

/// Returns whether a node is a card with only an address that fits between angle brackets (`CommonMark` 6.5).
pub(super) fn is_card(node: &Value) -> bool {
    let fits = |url: &str| {
        address::is_web(url)
            && !url.contains(|letter: char| {
                letter.is_whitespace() || letter.is_control() || matches!(letter, '<' | '>')
            })
    };
    kind(node) == "inlineCard"
        && node["attrs"]["url"].as_str().is_some_and(fits)
        && node["attrs"].get("data").is_none()
        && marks(node).is_empty()
}

/// Returns the mark as Markdown expresses it, without the attributes that Markdown cannot show; `None` if Markdown cannot
/// express the mark.
pub(super) fn said_mark(mark: &Value) -> Option<Value> {
    let attributes = mark.get("attrs");
    match kind(mark) {
        "strong" | "em" | "strike" | "code" => {
            attributes.is_none().then(|| serde_json::json!({"type": kind(mark)}))
        }
        "link" => link(attributes?["href"].as_str()?, attributes?["title"].as_str()),
        _ => None,
    }
}

/// Returns the link mark for an address; `None` for an empty address, which ADF does not allow, and for one that is [not
/// safe](address::is_safe).
pub(super) fn link(href: &str, title: Option<&str>) -> Option<Value> {
    let attributes = match title.filter(|title| !title.is_empty()) {
        Some(title) => serde_json::json!({"href": href, "title": title}),
        None => serde_json::json!({"href": href}),
    };
    (!href.is_empty() && address::is_safe(href))
        .then(|| serde_json::json!({"type": "link", "attrs": attributes}))
}

/// Returns the only paragraph of a cell that Markdown can express; `None` for other cells.
pub(super) fn cell_paragraph(cell: &Value) -> Option<&Value> {
    match content(cell) {
        [paragraph] if kind(paragraph) == "paragraph" && form(paragraph) == Form::Said => {
            Some(paragraph)
        }
        _ => None,
    }
}

fn is_well_formed(node: &Value) -> bool {
    !kind(node).is_empty()
        && node.get("content").is_none_or(|content| {
            content.as_array().is_some_and(|nodes| nodes.iter().all(|node| !kind(node).is_empty()))
        })
}

fn is_plain_text(node: &Value) -> bool {
    is_text(node) && marks(node).is_empty()
}

fn are_items(children: &[Value]) -> bool {
    !children.is_empty()
        && children.iter().all(|child| kind(child) == "listItem" && is_well_formed(child))
}

/// Tasks form a flat list, in which a nested list belongs to the task before it.
fn are_tasks(children: &[Value]) -> bool {
    children.first().is_some_and(|first| kind(first) == "taskItem")
        && children.iter().all(|child| match kind(child) {
            "taskItem" => {
                is_well_formed(child)
                    && matches!(child["attrs"]["state"].as_str(), Some("TODO" | "DONE"))
            }
            "taskList" => form(child) == Form::Said,
            _ => false,
        })
}

/// Returns whether every row has as many cells as the first, no cell spans others, and every cell is one paragraph.
fn is_grid(rows: &[Value]) -> bool {
    let columns = rows.first().map_or(0, |row| content(row).len());
    columns > 0
        && rows.iter().all(|row| {
            let cells = content(row);
            kind(row) == "tableRow"
                && cells.len() == columns
                && cells.iter().all(|cell| {
                    let spans =
                        |name: &str| !matches!(cell["attrs"][name].as_u64(), None | Some(1));
                    matches!(kind(cell), "tableCell" | "tableHeader")
                        && !spans("colspan")
                        && !spans("rowspan")
                        && cell_paragraph(cell).is_some()
                })
        })
}
