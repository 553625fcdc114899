//! The Markdown view of a node: two nodes with the same view look the same to a reader.

use serde_json::{Value, json};

use super::form::{
    Form, cell_paragraph, content, form, is_card, is_inline, is_text, kind, marks, order,
    said_mark, shell,
};

/// Returns the Markdown view of a block; the whole block if it is shown as a placeholder.
pub(super) fn block(node: &Value) -> Value {
    match form(node) {
        Form::Leaf => node.clone(),
        Form::Container => {
            let children =
                if is_inline(node) { inline(content(node)) } else { blocks(content(node)) };
            json!({"shell": node.as_object().map(shell), "content": children})
        }
        Form::Said => match kind(node) {
            "codeBlock" => {
                let text: String =
                    content(node).iter().filter_map(|child| child["text"].as_str()).collect();
                json!({"type": "codeBlock", "language": node["attrs"]["language"].as_str().unwrap_or_default(), "text": text})
            }
            "heading" => {
                json!({"type": "heading", "level": node["attrs"]["level"], "content": inline(content(node))})
            }
            "paragraph" => json!({"type": "paragraph", "content": inline(content(node))}),
            "orderedList" => {
                json!({"type": "orderedList", "order": order(node), "content": parts(node)})
            }
            "blockquote" => json!({"type": "blockquote", "content": blocks(content(node))}),
            kind => json!({"type": kind, "content": parts(node)}),
        },
    }
}

/// Returns the Markdown view of several blocks.
pub(super) fn blocks(nodes: &[Value]) -> Vec<Value> {
    nodes.iter().map(block).collect()
}

/// Returns the Markdown view of a part of a list or table: an item, task, row or cell.
pub(super) fn part(node: &Value) -> Value {
    match kind(node) {
        // An item without content and one with an empty paragraph are both an empty line.
        "listItem" if content(node).is_empty() => {
            json!({"item": [{"type": "paragraph", "content": []}]})
        }
        "listItem" => json!({"item": blocks(content(node))}),
        "taskItem" => json!({"task": node["attrs"]["state"], "content": inline(content(node))}),
        "tableRow" => json!({"row": parts(node)}),
        "tableCell" | "tableHeader" => {
            json!({"cell": cell_paragraph(node).map(|paragraph| inline(content(paragraph)))})
        }
        _ => block(node),
    }
}

/// Returns the Markdown view of inline content, as ADF nodes: the marks reduced to what Markdown shows and in a fixed order, no
/// emphasis on white space at the edges or on code, and text with the same marks in one node.
pub(super) fn inline(nodes: &[Value]) -> Vec<Value> {
    let mut said: Vec<Value> = Vec::new();
    for piece in pieces(nodes) {
        match piece.part {
            Part::Node(node) => said.push(node),
            Part::Text { text, marks } => push_text(&mut said, text, &marks),
        }
    }
    said
}

/// A part of inline content, with its Markdown view.
pub(super) struct Piece<'a> {
    /// The index of the node that it comes from.
    pub(super) node: usize,
    pub(super) part: Part<'a>,
}

/// Text, or an inline node.
pub(super) enum Part<'a> {
    Text { text: &'a str, marks: Vec<Value> },
    Node(Value),
}

/// Returns the Markdown view of inline content, piece by piece.
pub(super) fn pieces(nodes: &[Value]) -> Vec<Piece<'_>> {
    let mut pieces: Vec<Piece> = Vec::new();
    for (index, node) in nodes.iter().enumerate() {
        if is_text(node) {
            pieces.extend(text_parts(node).map(|part| Piece { node: index, part }));
        } else {
            let part = Part::Node(match kind(node) {
                "hardBreak" if marks(node).is_empty() => json!({"type": "hardBreak"}),
                "inlineCard" if is_card(node) => {
                    json!({"type": "inlineCard", "attrs": {"url": node["attrs"]["url"]}})
                }
                _ => node.clone(),
            });
            pieces.push(Piece { node: index, part });
        }
    }
    for emphasis in EMPHASES {
        trim_emphasis(emphasis, pieces.iter_mut());
        trim_emphasis(emphasis, pieces.iter_mut().rev());
    }
    pieces
}

/// Appends text with its marks; to the last node if that has the same marks.
pub(super) fn push_text(nodes: &mut Vec<Value>, text: &str, marks: &[Value]) {
    if text.is_empty() {
        return;
    }
    if let Some(last) = nodes.last_mut()
        && is_text(last)
        && self::marks(last) == marks
        && let Some(Value::String(before)) = last.get_mut("text")
    {
        before.push_str(text);
        return;
    }
    nodes.push(if marks.is_empty() {
        json!({"type": "text", "text": text})
    } else {
        json!({"type": "text", "text": text, "marks": marks})
    });
}

/// The marks that are invisible on white space, and that ADF does not allow on code.
pub(super) const EMPHASES: [&str; 3] = ["strong", "em", "strike"];

fn parts(node: &Value) -> Vec<Value> {
    content(node).iter().map(part).collect()
}

/// Returns the text in up to three parts, so that the white space at its edges can have other marks than the rest.
fn text_parts(node: &Value) -> impl Iterator<Item = Part<'_>> {
    let text = node["text"].as_str().unwrap_or_default();
    let mut marks: Vec<Value> =
        marks(node).iter().map(|mark| said_mark(mark).unwrap_or_else(|| mark.clone())).collect();
    if marks.iter().any(|mark| kind(mark) == "code") {
        marks.retain(|mark| !EMPHASES.contains(&kind(mark)));
    }
    marks.sort_by_cached_key(Value::to_string);
    marks.dedup();
    let core = text.trim_start();
    let (before, core) = (&text[..text.len() - core.len()], core);
    let trimmed = core.trim_end();
    [before, trimmed, &core[trimmed.len()..]]
        .into_iter()
        .filter(|text| !text.is_empty())
        .map(move |text| Part::Text { text, marks: marks.clone() })
}

/// Removes the emphasis from white space before content without that emphasis.
fn trim_emphasis<'p, 'a: 'p>(emphasis: &str, pieces: impl Iterator<Item = &'p mut Piece<'a>>) {
    let mut inside = false;
    for piece in pieces {
        inside = match &mut piece.part {
            Part::Node(_) => false,
            Part::Text { text, marks } => {
                if !inside && text.trim().is_empty() {
                    marks.retain(|mark| kind(mark) != emphasis);
                }
                marks.iter().any(|mark| kind(mark) == emphasis)
            }
        };
    }
}
