mod edits;
mod generator;
mod hostile;
mod kept;
mod lossless;
mod pairs;

use serde_json::{Value, json};

/// Returns a document with these blocks.
fn document(blocks: impl Into<Value>) -> Value {
    json!({"type": "doc", "version": 1, "content": blocks.into()})
}

fn paragraph(inline: impl Into<Value>) -> Value {
    json!({"type": "paragraph", "content": inline.into()})
}

fn text(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

fn marked(text: &str, marks: impl Into<Value>) -> Value {
    json!({"type": "text", "text": text, "marks": marks.into()})
}
