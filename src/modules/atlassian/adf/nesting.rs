//! Converts nesting that Markdown allows to the nesting that the ADF schema allows.

use hmac_sha256::Hash;
use serde_json::{Map, Value, json};

use super::form::{content, is_inline, kind, shell};
use super::registry;
use super::said::push_text;
use crate::error::Error;

/// The ids that ADF requires on tasks: derived from the text, so that the same text gives the same document.
#[derive(Debug)]
pub(super) struct LocalIds<'m> {
    markdown: &'m str,
    text: Option<[u8; 32]>,
    count: u64,
}

impl<'m> LocalIds<'m> {
    pub(super) fn of(markdown: &'m str) -> Self {
        Self { markdown, text: None, count: 0 }
    }

    fn next(&mut self) -> String {
        let text = *self.text.get_or_insert_with(|| Hash::hash(self.markdown.as_bytes()));
        self.count += 1;
        let mut hash = Hash::new();
        hash.update(text);
        hash.update(self.count.to_be_bytes());
        registry::short_hex(hash.finalize())
    }
}

/// Returns a code block.
pub(super) fn code_block(language: &str, text: &str) -> Value {
    let mut block = Map::new();
    block.insert("type".to_owned(), "codeBlock".into());
    if !language.is_empty() {
        block.insert("attrs".to_owned(), json!({"language": language}));
    }
    if !text.is_empty() {
        block.insert("content".to_owned(), json!([{"type": "text", "text": text}]));
    }
    block.into()
}

/// Returns the blocks, or an empty paragraph if ADF requires at least one.
pub(super) fn or_empty(blocks: Vec<Value>) -> Vec<Value> {
    if blocks.is_empty() { vec![json!({"type": "paragraph", "content": []})] } else { blocks }
}

/// Returns a block in a form that a list item can contain.
pub(super) fn in_item(block: Value) -> Result<Vec<Value>, Error> {
    inside(block, "list item")
}

/// Returns a block in a form that a quote can contain.
pub(super) fn in_quote(block: Value) -> Result<Vec<Value>, Error> {
    if kind(&block) == "taskList" {
        Err(no_place("a task list", "quote"))
    } else {
        inside(block, "quote")
    }
}

fn inside(block: Value, place: &str) -> Result<Vec<Value>, Error> {
    match kind(&block) {
        "heading" => {
            let mut text = Vec::new();
            for node in content(&block) {
                match node["text"].as_str() {
                    Some(words) => {
                        let mut marks = crate::modules::atlassian::adf::form::marks(node).to_vec();
                        if !marks.iter().any(|mark| matches!(kind(mark), "strong" | "code")) {
                            marks.push(json!({"type": "strong"}));
                        }
                        push_text(&mut text, words, &marks);
                    }
                    None => text.push(node.clone()),
                }
            }
            Ok(vec![json!({"type": "paragraph", "content": text})])
        }
        "blockquote" => Ok(content(&block).to_vec()),
        "table" => Err(no_place("a table", place)),
        "rule" => Err(no_place("a rule (---)", place)),
        _ => Ok(vec![block]),
    }
}

fn no_place(what: &str, place: &str) -> Error {
    Error::invalid_params(format!("Atlassian documents cannot hold {what} in a {place}"))
        .with_hint(format!("Put it before or after the {place}"))
}

/// Returns a list item; a task with subtasks becomes several nodes.
pub(super) fn item(
    task: Option<bool>,
    blocks: Vec<Value>,
    ids: &mut LocalIds<'_>,
) -> Result<Vec<Value>, Error> {
    let Some(done) = task else {
        return Ok(vec![json!({"type": "listItem", "content": or_empty(blocks)})]);
    };
    let texts = blocks.iter().take_while(|block| kind(block) == "paragraph").count();
    let text = flat(&blocks[..texts]);
    let state = if done { "DONE" } else { "TODO" };
    let mut nodes = vec![
        json!({"type": "taskItem", "attrs": {"localId": ids.next(), "state": state}, "content": text}),
    ];
    for block in blocks.into_iter().skip(texts) {
        if kind(&block) != "taskList" {
            return Err(no_place("anything but text and further tasks", "task"));
        }
        nodes.push(block);
    }
    Ok(nodes)
}

/// Returns the lists for a Markdown list: tasks and other items cannot be mixed in ADF.
pub(super) fn lists(first: Option<u64>, items: Vec<Value>, ids: &mut LocalIds<'_>) -> Vec<Value> {
    let mut lists: Vec<Value> = Vec::new();
    let mut number = first;
    for item in items {
        let task = kind(&item) != "listItem";
        if let Some(last) = lists.last_mut()
            && (kind(last) == "taskList") == task
            && let Some(Value::Array(items)) = last.get_mut("content")
        {
            items.push(item);
        } else {
            lists.push(match number {
                _ if task => {
                    json!({"type": "taskList", "attrs": {"localId": ids.next()}, "content": [item]})
                }
                None => json!({"type": "bulletList", "content": [item]}),
                Some(1) => json!({"type": "orderedList", "content": [item]}),
                Some(number) => {
                    json!({"type": "orderedList", "attrs": {"order": number}, "content": [item]})
                }
            });
        }
        number = number.map(|number| number + 1);
    }
    lists
}

/// Returns a container with the content between its placeholders.
pub(super) fn container(node: &Value, blocks: Vec<Value>) -> Result<Value, Error> {
    let mut container = node.as_object().map(shell).unwrap_or_default();
    let content = if !is_inline(node) {
        blocks
    } else if blocks.iter().all(|block| kind(block) == "paragraph") {
        flat(&blocks)
    } else {
        return Err(no_place("anything but text", kind(node)));
    };
    container.insert("content".to_owned(), content.into());
    Ok(container.into())
}

/// Returns the text of several paragraphs as lines of one paragraph.
fn flat(paragraphs: &[Value]) -> Vec<Value> {
    let mut nodes = Vec::new();
    for (index, paragraph) in paragraphs.iter().enumerate() {
        if index > 0 {
            nodes.push(json!({"type": "hardBreak"}));
        }
        nodes.extend_from_slice(content(paragraph));
    }
    nodes
}
