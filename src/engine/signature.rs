//! A tool as a model reads it: a line in the manner of TypeScript, what the tool does, and what its parameters are. It has
//! everything that the JSON Schema has, in less than half of the tokens.

use std::collections::HashSet;
use std::fmt::Write;

use serde_json::Value;

use super::module::{ACCOUNT, ALL_ACCOUNTS, Presence, Tool};
use super::schema::{Kind, Range, Schema};

/// Explains parameters once: what was explained for one tool of a text is not repeated for the next.
#[derive(Debug, Default)]
pub struct Explained(HashSet<(String, String)>);

impl Tool {
    /// The tool as a model reads it. The first line begins with `module.tool(` and ends with the meta-tool that runs it, `read`
    /// or `call`; the lines below it are indented. A caller who
    /// has several `accounts` of the service must name one in every call.
    #[must_use]
    pub fn signature(
        &self,
        module: &str,
        accounts: &[String],
        explained: &mut Explained,
    ) -> String {
        let mut text = format!("{module}.{}(", self.name);
        let mut comma = "";
        for param in &self.params {
            let (mark, default) = match &param.presence {
                Presence::Required => ("", None),
                Presence::Optional => ("?", None),
                Presence::Default(value) => ("?", Some(value)),
            };
            let _ = write!(text, "{comma}{}{mark}: {}", param.name, kind(&param.schema));
            if param.nullable {
                text.push_str("|null");
            }
            if let Some(default) = default {
                let _ = write!(text, " = {}", literal(default));
            }
            comma = ", ";
        }
        if accounts.len() > 1 {
            let all = self.across_accounts.is_some()
                && !accounts.iter().any(|account| account == ALL_ACCOUNTS);
            let choices: Vec<Value> = accounts
                .iter()
                .map(String::as_str)
                .chain(all.then_some(ALL_ACCOUNTS))
                .map(Value::from)
                .collect();
            let _ = write!(text, "{comma}{ACCOUNT}: {}", union(&choices));
        }
        let way = match (self.is_reader(), self.is_destructive(), self.may_need_confirmation()) {
            (true, ..) => "read",
            (false, true, _) => "call, asks the user first",
            (false, false, true) => "call, may ask the user first",
            (false, false, false) => "call",
        };
        let _ = write!(text, "): {way}\n  {}", one_line(&self.description));
        let mut descriptions = Vec::new();
        for param in &self.params {
            describe(&param.name, &param.schema, &mut descriptions);
        }
        descriptions.retain(|(name, description)| {
            explained.0.insert((format!("{module}.{name}"), description.clone()))
        });
        if !descriptions.is_empty() {
            text.push_str("\n  ");
            let lines = descriptions.iter().map(|(name, description)| {
                let end = if description.ends_with(['.', '!', '?', '…']) { "" } else { "." };
                format!("{name}: {description}{end}")
            });
            text.push_str(&lines.collect::<Vec<_>>().join(" "));
        }
        text
    }
}

/// Collects the description of a parameter and of what it consists of, each with its path: `files[].path`.
fn describe(path: &str, schema: &Schema, found: &mut Vec<(String, String)>) {
    if let Some(description) = &schema.description {
        found.push((path.to_owned(), one_line(description)));
    }
    match &schema.kind {
        Kind::Array(items) => describe(&format!("{path}[]"), items, found),
        Kind::Object { properties, .. } => {
            for (name, property) in properties {
                describe(&format!("{path}.{name}"), property, found);
            }
        }
        Kind::String | Kind::Integer(_) | Kind::Number(_) | Kind::Boolean => {}
    }
}

/// The type with its choices and bounds.
fn kind(schema: &Schema) -> String {
    if !schema.choices.is_empty() {
        return union(&schema.choices);
    }
    match &schema.kind {
        Kind::String => {
            let longest = schema.longest.map(|longest| format!("(max {longest})"));
            format!("string{}", longest.unwrap_or_default())
        }
        Kind::Integer(range) => format!("int{}", bounds(range)),
        Kind::Number(range) => format!("number{}", bounds(range)),
        Kind::Boolean => "bool".to_owned(),
        Kind::Array(items) => {
            let inner = kind(items);
            let inner = if items.choices.len() > 1 { format!("({inner})") } else { inner };
            let longest = schema.longest.map(|longest| format!("max {longest}"));
            format!("{inner}[{}]", longest.unwrap_or_default())
        }
        Kind::Object { properties, .. } if properties.is_empty() => "object".to_owned(),
        Kind::Object { properties, required } => {
            let members = properties.iter().map(|(name, property)| {
                let mark = if required.contains(name) { "" } else { "?" };
                format!("{name}{mark}: {}", kind(property))
            });
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
    }
}

/// `1..100`, `≥1` or `≤100`, in parentheses.
fn bounds(range: &Range) -> String {
    match (&range.minimum, &range.maximum) {
        (None, None) => String::new(),
        (Some(minimum), None) => format!("(≥{minimum})"),
        (None, Some(maximum)) => format!("(≤{maximum})"),
        (Some(minimum), Some(maximum)) => format!("({minimum}..{maximum})"),
    }
}

fn union(choices: &[Value]) -> String {
    choices.iter().map(literal).collect::<Vec<_>>().join("|")
}

/// A value, without quotation marks where it is a plain word that is nothing else in JSON.
fn literal(value: &Value) -> String {
    match value {
        Value::String(text) if is_plain(text) => text.clone(),
        other => other.to_string(),
    }
}

fn is_plain(text: &str) -> bool {
    !matches!(text, "true" | "false" | "null" | "")
        && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-./".contains(&byte))
}

/// Module files of the user's own may have line breaks in their texts.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
