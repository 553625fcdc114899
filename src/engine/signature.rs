//! A tool as a model reads it: a line in the manner of TypeScript, and what the tool does. It says what the JSON Schema says, in less
//! than half of the tokens: a parameter without a type is a string, and what a name says already is not explained.

use std::collections::HashSet;
use std::fmt::Write;

use serde_json::Value;

use super::module::{ACCOUNT, ALL_ACCOUNTS, OFFSET, Param, Presence, Tool};
use super::schema::{Format, Kind, Range, Schema};

/// Explains parameters once: what was explained for one tool of a text is not repeated for the next.
#[derive(Debug, Default)]
pub struct Explained(HashSet<(String, String)>);

/// The most columns that the engine's own `fields` shows; the result shows all.
const COLUMNS: usize = 6;

/// The engine's own parameters, which mean the same for every tool.
const OWN: [&str; 6] = ["limit", "cursor", "fields", "head", "tail", OFFSET];

/// Words that add nothing to a name.
const PLAIN: &[&str] = &[
    "a", "an", "the", "of", "to", "in", "on", "its", "it", "this", "that", "is", "be", "with",
    "by", "for", "from", "as", "or", "and", "at", "id", "ids", "name", "names", "number", "login",
    "title", "text", "new", "only", "these", "one", "which", "value",
];

impl Tool {
    /// The tool as a model reads it. The first line begins with `module.tool(` and ends with the meta-tool that runs it, `read`
    /// or `call`; the lines below it are indented. A caller who has several `accounts` of the service must name one in every
    /// call.
    #[must_use]
    pub fn signature(
        &self,
        module: &str,
        accounts: &[String],
        explained: &mut Explained,
    ) -> String {
        let named = self.named(module);
        let params = self.params.iter().map(|param| {
            let (mark, default) = match &param.presence {
                Presence::Required => ("", None),
                Presence::Optional => ("?", None),
                Presence::Default(value) => ("?", Some(value)),
            };
            let mut text = format!("{}{mark}", param.name);
            match kind_of(param) {
                kind if kind == "string" && !param.nullable => {}
                kind => {
                    let null = if param.nullable { "|null" } else { "" };
                    let _ = write!(text, ": {kind}{null}");
                }
            }
            if let Some(default) = default {
                let _ = write!(text, " = {}", literal(default));
            }
            text.push_str(&explanation(module, param, &named, explained));
            text
        });
        let mut params: Vec<String> = params.collect();
        if accounts.len() > 1 {
            let all = self.across_accounts.is_some()
                && !accounts.iter().any(|account| account == ALL_ACCOUNTS);
            let all = all.then_some(ALL_ACCOUNTS);
            let choices: Vec<Value> =
                accounts.iter().map(String::as_str).chain(all).map(Value::from).collect();
            params.push(format!("{ACCOUNT}: {}", union(&choices)));
        }
        let way = match (self.is_reader(), self.is_destructive(), self.may_need_confirmation()) {
            (true, ..) => "read",
            (false, true, _) => "call, asks the user first",
            (false, false, true) => "call, may ask the user first",
            (false, false, false) => "call",
        };
        let description = one_line(&self.description);
        format!("{module}.{}({}): {way}\n  {description}", self.name, params.join(", "))
    }

    /// The words of its name, its module and its parameters.
    fn named(&self, module: &str) -> Vec<String> {
        let names = self.params.iter().map(|param| param.name.as_str());
        names.chain([module, &self.name]).flat_map(words).collect()
    }
}

/// What a parameter and its parts mean, in parentheses; empty where the names say it, or where it was said before.
fn explanation(module: &str, param: &Param, named: &[String], explained: &mut Explained) -> String {
    if OWN.contains(&param.name.as_str())
        && param.schema.description.as_ref().is_some_and(|text| text.len() < 60)
    {
        return String::new();
    }
    let mut found = Vec::new();
    describe("", &param.schema, &mut found);
    found.retain(|(_, description)| !is_said(description, named));
    found.retain(|(path, description)| {
        explained.0.insert((format!("{module}.{}{path}", param.name), description.clone()))
    });
    let parts = found.iter().map(|(path, description)| {
        let description = description.strip_suffix('.').unwrap_or(description);
        if path.is_empty() { description.to_owned() } else { format!("{path}: {description}") }
    });
    let text = parts.collect::<Vec<_>>().join("; ");
    if text.is_empty() { text } else { format!(" ({text})") }
}

/// Collects the description of a parameter and of what it consists of, each with its path: `[].path`.
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

/// Whether the names say all of the description: "Owner of the repository." for `owner` beside `repo`.
fn is_said(description: &str, named: &[String]) -> bool {
    /// Shorter beginnings are too common.
    const SHORTEST: usize = 3;
    let is_same = |one: &str, other: &str| {
        one == other
            || one.len() >= SHORTEST && other.starts_with(one)
            || other.len() >= SHORTEST && one.starts_with(other)
    };
    let mut words = words(description).peekable();
    words.peek().is_some()
        && words.all(|word| {
            PLAIN.contains(&word.as_str()) || named.iter().any(|name| is_same(name, &word))
        })
}

fn words(text: &str) -> impl Iterator<Item = String> {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase)
}

/// The type of a parameter. Of the engine's own `fields`, only the first choices.
fn kind_of(param: &Param) -> String {
    match &param.schema.kind {
        Kind::Array(items) if param.name == "fields" && items.choices.len() > COLUMNS => {
            format!("({}|…)[]", union(&items.choices[..COLUMNS]))
        }
        _ => kind(&param.schema),
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
            let written = match schema.format {
                Some(Format::Date) => "date",
                Some(Format::DateTime) => "time",
                Some(Format::Instant | Format::DateOrTime) => "date|time",
                Some(Format::TimeZone) | None => "string",
            };
            format!("{written}{}", longest.unwrap_or_default())
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
