//! Merges a new document with the previous one, to restore what Markdown cannot show.

use std::cmp::Reverse;
use std::collections::{HashMap, VecDeque};

use serde_json::Value;

use super::form::{Form, content, form, is_inline, kind, order};
use super::{inline, said};

/// Returns the new blocks. A block with the same Markdown as an old one becomes the old one; a changed block is completed from
/// the old block that it replaces.
pub(super) fn align(old: &[Value], new: Vec<Value>) -> Vec<Value> {
    matched(old, new, said::block, completed)
}

/// The maximum number of old nodes that are compared for one place, which keeps the time linear.
const CANDIDATES: usize = 8;

fn matched(
    old: &[Value],
    new: Vec<Value>,
    say: fn(&Value) -> Value,
    complete: fn(&Value, Value) -> Value,
) -> Vec<Value> {
    let old_keys: Vec<String> = old.iter().map(|node| say(node).to_string()).collect();
    let new_keys: Vec<String> = new.iter().map(|node| say(node).to_string()).collect();
    let mut used = vec![false; old.len()];
    let partners = equals(&old_keys, &new_keys, &mut used);
    let mut cursor = 0;
    let mut result = Vec::with_capacity(new.len());
    for ((node, key), partner) in new.into_iter().zip(&new_keys).zip(partners) {
        // Old nodes that are missing at this place; the most similar one is taken as the one that was edited.
        let gone = (cursor..old.len()).take_while(|index| !used[*index]);
        let alike = gone.filter(|index| kind(&old[*index]) == kind(&node)).take(CANDIDATES);
        match partner
            .or_else(|| alike.min_by_key(|index| Reverse(likeness(&old_keys[*index], key))))
        {
            Some(index) => {
                used[index] = true;
                cursor = index + 1;
                result.push(if partner.is_some() {
                    old[index].clone()
                } else {
                    complete(&old[index], node)
                });
            }
            None => result.push(node),
        }
    }
    result
}

/// Returns for each new key the index of an equal old key: first at both ends, then in order. Other nodes may lie between, so
/// moved nodes are found too.
fn equals(old: &[String], new: &[String], used: &mut [bool]) -> Vec<Option<usize>> {
    let head = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let tail = old[head..]
        .iter()
        .rev()
        .zip(new[head..].iter().rev())
        .take_while(|(old, new)| old == new)
        .count();
    let mut queues: HashMap<&str, VecDeque<usize>> = HashMap::new();
    for (index, key) in old.iter().enumerate().take(old.len() - tail).skip(head) {
        queues.entry(key).or_default().push_back(index);
    }
    let mut partner = |index: usize, key: &String| {
        let partner = if index < head {
            Some(index)
        } else if index >= new.len() - tail {
            Some(index + old.len() - new.len())
        } else {
            queues.get_mut(key.as_str()).and_then(VecDeque::pop_front)
        };
        partner.inspect(|partner| used[*partner] = true)
    };
    new.iter().enumerate().map(|(index, key)| partner(index, key)).collect()
}

/// Returns the number of bytes that two texts share at their beginning and end.
fn likeness(a: &str, b: &str) -> usize {
    let head = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    let tail = a.bytes().rev().zip(b.bytes().rev()).take_while(|(a, b)| a == b).count();
    head + tail
}

/// Returns a changed block with the parts of the old block that Markdown does not show.
fn completed(old: &Value, mut new: Value) -> Value {
    match (form(old), form(&new)) {
        (Form::Said, Form::Said) => match kind(&new) {
            "blockquote" => {
                let children = align(content(old), take_content(&mut new));
                overlaid(old, &new, children)
            }
            "bulletList" | "orderedList" | "taskList" => {
                let children =
                    matched(content(old), take_content(&mut new), said::part, completed_part);
                overlaid(old, &new, children)
            }
            "table" => {
                let mut rows = take_content(&mut new);
                like_neighbours(content(old), &mut rows);
                overlaid(old, &new, matched(content(old), rows, said::part, completed_part))
            }
            "paragraph" | "heading" | "codeBlock" => {
                let children = inline::align(content(old), take_content(&mut new));
                overlaid(old, &new, children)
            }
            _ => {
                let children = take_content(&mut new);
                overlaid(old, &new, children)
            }
        },
        // The placeholder names the node, so only its content can change.
        (Form::Container, Form::Container) => {
            let children = take_content(&mut new);
            new["content"] = if is_inline(old) {
                inline::align(content(old), children)
            } else {
                align(content(old), children)
            }
            .into();
            new
        }
        _ => new,
    }
}

fn completed_part(old: &Value, mut new: Value) -> Value {
    match kind(&new) {
        "listItem" | "tableCell" | "tableHeader" => {
            let children = align(content(old), take_content(&mut new));
            overlaid(old, &new, children)
        }
        "tableRow" => {
            let cells = take_content(&mut new);
            let cells = if cells.len() == content(old).len() {
                content(old)
                    .iter()
                    .zip(cells)
                    .map(|(old, new)| same_or_completed(old, new))
                    .collect()
            } else {
                matched(content(old), cells, said::part, completed_part)
            };
            overlaid(old, &new, cells)
        }
        "taskItem" => {
            let children = inline::align(content(old), take_content(&mut new));
            overlaid(old, &new, children)
        }
        _ => completed(old, new),
    }
}

fn same_or_completed(old: &Value, new: Value) -> Value {
    if said::part(old) == said::part(&new) { old.clone() } else { completed_part(old, new) }
}

fn take_content(node: &mut Value) -> Vec<Value> {
    match node.get_mut("content") {
        Some(Value::Array(children)) => std::mem::take(children),
        _ => Vec::new(),
    }
}

/// Returns the old node with other content. The one attribute of its type that Markdown shows comes from the new node.
fn overlaid(old: &Value, new: &Value, children: Vec<Value>) -> Value {
    let mut node =
        old.as_object().map(crate::modules::atlassian::adf::form::shell).unwrap_or_default();
    if !children.is_empty() || old.get("content").is_some() {
        node.insert("content".to_owned(), children.into());
    }
    let shown = match kind(new) {
        "heading" => "level",
        "orderedList" if order(old) != order(new) => "order",
        "codeBlock" if said::block(old)["language"] != said::block(new)["language"] => "language",
        "taskItem" => "state",
        _ => return node.into(),
    };
    let mut attributes = old["attrs"].as_object().cloned().unwrap_or_default();
    match new["attrs"].get(shown) {
        Some(value) => attributes.insert(shown.to_owned(), value.clone()),
        None => attributes.shift_remove(shown),
    };
    node.insert("attrs".to_owned(), attributes.into());
    node.into()
}

/// Gives the new rows of a table the cell types and widths of the old table, so that a new row looks like its neighbours. The
/// first row takes those of the first old row, the others those of the last.
fn like_neighbours(old: &[Value], rows: &mut [Value]) {
    for (index, row) in rows.iter_mut().enumerate() {
        let pattern = if index == 0 { old.first() } else { old.get(1..).and_then(<[Value]>::last) };
        let pattern = pattern.map_or(&[][..], content);
        let Some(Value::Array(cells)) = row.get_mut("content") else { continue };
        if cells.len() != pattern.len() {
            continue;
        }
        for (cell, pattern) in cells.iter_mut().zip(pattern) {
            cell["type"] = pattern["type"].clone();
            if let Some(width) = pattern["attrs"].get("colwidth") {
                cell["attrs"] = serde_json::json!({"colwidth": width});
            }
        }
    }
}
