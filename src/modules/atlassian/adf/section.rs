//! The sections of a document: its headings and their content.

use serde_json::{Value, json};

use super::form::{content, kind};
use super::registry::Registry;
use super::{label, merge, read, said, write};
use crate::error::Error;

/// Returns all headings of a document in order, each as a line: its level as `#` signs, and its text. Headings in layouts,
/// panels and similar nodes are included.
#[must_use]
pub fn headings(document: &Value) -> Vec<String> {
    all(document).iter().map(Heading::line).collect()
}

/// Returns the Markdown of a section: a heading and its content, up to the next heading of the same or a higher level or the
/// end of the surrounding node. Its placeholders are those of the whole document.
///
/// The heading is given by its text, with its `#` signs if the same text exists at several levels, or by its Markdown as
/// [`to_markdown`](super::to_markdown) writes it.
///
/// # Errors
///
/// [`Code::InvalidParams`](crate::error::Code::InvalidParams) for an unknown heading, with the existing ones, and for a heading
/// that exists more than once.
pub fn section(document: &Value, heading: &str) -> Result<String, Error> {
    let registry = Registry::of(document);
    let found = find(document, &registry, heading)?;
    let siblings = content(found.parent);
    Ok(write::blocks(&siblings[found.index..found.end()], &registry))
}

/// Returns the document with the content of a heading replaced by a Markdown text. The section and its heading are those of
/// [`section`].
///
/// The heading stays; if the text begins with the same heading, it is not repeated. Placeholders of the whole document are
/// allowed.
///
/// # Errors
///
/// The errors of [`section`] and of [`from_markdown`](super::from_markdown).
pub fn replace_section(document: &Value, heading: &str, markdown: &str) -> Result<Value, Error> {
    let registry = Registry::of(document);
    let mut blocks = read::blocks(markdown, &registry, 0)?;
    let found = find(document, &registry, heading)?;
    let repeated = |block: &Value| {
        said::block(block) == said::block(found.node())
            || (level(block) == Some(found.level) && name(block) == found.name)
    };
    if blocks.first().is_some_and(repeated) {
        blocks.remove(0);
    }
    let siblings = content(found.parent);
    let (start, end) = (found.index + 1, found.end());
    let section = merge::align(&siblings[start..end], blocks);
    let replaced = [&siblings[..start], &section, &siblings[end..]].concat();
    let mut document = document.clone();
    let mut parent = &mut document;
    for index in &found.path {
        parent = &mut parent["content"][*index];
    }
    parent["content"] = json!(replaced);
    Ok(document)
}

/// A heading and its position.
struct Heading<'a> {
    parent: &'a Value,
    /// The path to the parent.
    path: Vec<usize>,
    index: usize,
    level: u64,
    name: String,
}

impl Heading<'_> {
    fn node(&self) -> &Value {
        &content(self.parent)[self.index]
    }

    fn line(&self) -> String {
        let level = usize::try_from(self.level).unwrap_or(1).clamp(1, 6);
        format!("{} {}", "#".repeat(level), self.name)
    }

    /// Returns the end of its section among its siblings.
    fn end(&self) -> usize {
        let start = self.index + 1;
        let below = &content(self.parent)[start..];
        let ends = |node: &Value| level(node).is_some_and(|level| level <= self.level);
        below.iter().position(ends).map_or(start + below.len(), |length| start + length)
    }
}

fn level(node: &Value) -> Option<u64> {
    node["attrs"]["level"].as_u64().filter(|_| kind(node) == "heading")
}

/// Returns the text of a heading without its marks, in one line.
fn name(heading: &Value) -> String {
    let words = |node: &Value| match kind(node) {
        "hardBreak" => " ".to_owned(),
        _ => label::full_text(&json!({"content": [node]})),
    };
    let text: String = content(heading).iter().map(words).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn all(document: &Value) -> Vec<Heading<'_>> {
    let mut found = Vec::new();
    collect(document, &mut Vec::new(), &mut found);
    found
}

fn collect<'a>(parent: &'a Value, path: &mut Vec<usize>, found: &mut Vec<Heading<'a>>) {
    for (index, child) in content(parent).iter().enumerate() {
        if let Some(level) = level(child) {
            let name = name(child);
            found.push(Heading { parent, path: path.clone(), index, level, name });
        } else {
            path.push(index);
            collect(child, path, found);
            path.pop();
        }
    }
}

fn find<'a>(
    document: &'a Value,
    registry: &Registry<'_>,
    wanted: &str,
) -> Result<Heading<'a>, Error> {
    let mut all = all(document);
    let words = wanted.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut matching: Vec<usize> =
        positions(&all, |heading| heading.name == words || heading.line().trim_end() == words);
    if matching.is_empty() {
        matching = by_markdown(&all, registry, wanted.trim());
    }
    match matching.as_slice() {
        [index] => Ok(all.swap_remove(*index)),
        [] => Err(unknown(&all)),
        _ => Err(Error::invalid_params(format!(
            "The document has {} headings of that text.",
            matching.len()
        ))
        .with_hint(
            "Give its # signs too if their levels differ, else read and edit the document as a whole.",
        )),
    }
}

/// Returns the headings whose Markdown is this text, with or without `#` signs.
fn by_markdown(all: &[Heading<'_>], registry: &Registry<'_>, wanted: &str) -> Vec<usize> {
    let Ok(blocks) = read::blocks(wanted, registry, 0) else { return Vec::new() };
    let [block] = blocks.as_slice() else { return Vec::new() };
    let inline = said::inline(content(block));
    positions(all, |heading| match kind(block) {
        "heading" => said::block(block) == said::block(heading.node()),
        "paragraph" => inline == said::inline(content(heading.node())),
        _ => false,
    })
}

fn positions(all: &[Heading<'_>], is_wanted: impl Fn(&Heading<'_>) -> bool) -> Vec<usize> {
    (0..all.len()).filter(|index| is_wanted(&all[*index])).collect()
}

fn unknown(all: &[Heading<'_>]) -> Error {
    const SHOWN: usize = 50;
    let names: Vec<String> = all.iter().take(SHOWN).map(Heading::line).collect();
    let more =
        if all.len() > SHOWN { format!(" and {} more", all.len() - SHOWN) } else { String::new() };
    let error = Error::invalid_params("The document does not have this heading.");
    if names.is_empty() {
        error.with_hint("It does not have any headings: read and edit it as a whole.")
    } else {
        error.with_hint(format!("It has `{}`{more}.", names.join("`, `")))
    }
}
