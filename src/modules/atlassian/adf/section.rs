//! The text under one heading.

use serde_json::{Value, json};

use super::form::{content, kind};
use super::registry::Registry;
use super::{label, merge, read};
use crate::error::Error;

/// The document with what stands under a heading, up to the next one of the same or a higher level, replaced by a Markdown text.
///
/// The heading is named by its text, with its `#` signs where the same text stands at several levels. It stays; a text that
/// begins with the same heading once more does not double it. Headings inside layouts, panels and the like are found as well,
/// and their section ends with what holds them. Placeholders may be of the whole document.
///
/// # Errors
///
/// [`Code::InvalidParams`](crate::error::Code::InvalidParams) for a heading that does not exist, naming those that do, for one
/// that stands there more than once, and for what [`from_markdown`](crate::modules::atlassian::adf::from_markdown) refuses.
pub fn replace_section(document: &Value, heading: &str, markdown: &str) -> Result<Value, Error> {
    let registry = Registry::of(document);
    let mut blocks = read::blocks(markdown, &registry, 0)?;
    let mut all = Vec::new();
    collect(document, &mut Vec::new(), &mut all);
    let wanted = Heading::parse(heading);
    let found: Vec<&Found> = all.iter().filter(|found| wanted.names(&found.heading)).collect();
    let found = match found.as_slice() {
        [found] => *found,
        [] => return Err(unknown(&all)),
        _ => {
            return Err(Error::invalid_params(format!(
                "The document has {} headings of that text",
                found.len()
            ))
            .with_hint(
                "Name it with its # signs if the levels differ, or edit the document as a whole",
            ));
        }
    };
    if blocks.first().and_then(Heading::of).is_some_and(|first| first == found.heading) {
        blocks.remove(0);
    }
    let mut document = document.clone();
    let mut parent = &mut document;
    for index in &found.path {
        parent = &mut parent["content"][*index];
    }
    let start = found.index + 1;
    let siblings = content(parent);
    let ends = |node: &Value| {
        Heading::of(node).is_some_and(|heading| heading.level <= found.heading.level)
    };
    let end =
        siblings[start..].iter().position(ends).map_or(siblings.len(), |length| start + length);
    let section = merge::align(&siblings[start..end], blocks);
    let content = [&siblings[..start], &section, &siblings[end..]].concat();
    parent["content"] = json!(content);
    Ok(document)
}

#[derive(Debug, PartialEq, Eq)]
struct Heading {
    /// 0 where it is not known.
    level: u64,
    text: String,
}

struct Found {
    heading: Heading,
    /// The way to the node that holds it.
    path: Vec<usize>,
    index: usize,
}

impl Heading {
    fn parse(text: &str) -> Self {
        let name = text.trim().trim_start_matches('#');
        let level = text.trim().len() - name.len();
        let is_marked = (1..=6).contains(&level) && name.starts_with(' ');
        if is_marked {
            Self { level: level as u64, text: name.trim().to_owned() }
        } else {
            Self { level: 0, text: text.trim().to_owned() }
        }
    }

    fn of(node: &Value) -> Option<Self> {
        let level = node["attrs"]["level"].as_u64().filter(|_| kind(node) == "heading")?;
        Some(Self { level, text: label::full_text(node).trim().to_owned() })
    }

    fn names(&self, other: &Self) -> bool {
        self.text == other.text && (self.level == 0 || self.level == other.level)
    }
}

fn collect(node: &Value, path: &mut Vec<usize>, found: &mut Vec<Found>) {
    for (index, child) in content(node).iter().enumerate() {
        if let Some(heading) = Heading::of(child) {
            found.push(Found { heading, path: path.clone(), index });
        } else {
            path.push(index);
            collect(child, path, found);
            path.pop();
        }
    }
}

fn unknown(all: &[Found]) -> Error {
    const SHOWN: usize = 50;
    let names: Vec<String> =
        all.iter().take(SHOWN).map(|found| format!("\"{}\"", found.heading.text)).collect();
    let more =
        if all.len() > SHOWN { format!(" and {} more", all.len() - SHOWN) } else { String::new() };
    let message = "The document does not have this heading";
    match names.as_slice() {
        [] => Error::invalid_params(message)
            .with_hint("It has no headings at all: edit it as a whole"),
        names => Error::invalid_params(message)
            .with_hint(format!("Its headings are {}{more}", names.join(", "))),
    }
}
