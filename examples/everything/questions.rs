//! Questions to the client, and what its answers say.

use mcpist::json::Object;
use mcpist::mcp::elicitation::Question;
use serde_json::{Value, json};

/// A form with these fields.
pub fn form(message: &str, fields: &Value, required: &[&str]) -> Question {
    let schema = json!({"type": "object", "properties": fields, "required": required});
    Question::Form { message: message.to_owned(), schema }
}

/// A prompt for the client's model.
pub fn sampling(prompt: &str) -> Question {
    let message = json!({"role": "user", "content": {"type": "text", "text": prompt}});
    Question::Sampling(Object::from_iter([
        ("messages".to_owned(), json!([message])),
        ("maxTokens".to_owned(), json!(100)),
    ]))
}

/// What the user entered into a text field of a form.
pub fn entered<'a>(answer: &'a Value, field: &str) -> &'a str {
    answer["content"][field].as_str().unwrap_or("(declined)")
}

/// What the client's model said.
pub fn said(answer: &Value) -> &str {
    answer["content"]["text"].as_str().unwrap_or("(no text)")
}
