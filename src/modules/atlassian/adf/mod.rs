//! Converts the Atlassian Document Format (ADF), the rich text of Jira and Confluence Cloud, to Markdown and back without loss.
//!
//! ADF is JSON: nodes with a type, attributes, marks and content. Its schema is the npm package `@atlaskit/adf-schema`
//! (`dist/json-schema/v1/full.json`), described at <https://developer.atlassian.com/cloud/jira/platform/apis/document/structure/>.
//!
//! # What is said in Markdown
//!
//! Paragraphs, headings, lists, tasks, code, quotes, rules, line breaks, links, the marks strong, em, strike and code, and
//! tables whose rows have equal lengths and whose cells are one paragraph each are written as in `CommonMark` and GFM.
//! `<https://…>` is an inline card, a bare `https://…` a link. A line break is a backslash at the end of the line, or `<br>` in
//! a heading or a cell.
//!
//! # What stands for the rest
//!
//! Any other node or mark is a placeholder with the type's name, the first digits of a digest, and a label for the reader:
//!
//! * `⟦mention 3f9a: @Ada⟧` is a whole node, which is restored unchanged, even if the label was edited.
//! * `⟦panel 07c1: info⟧` … `⟦/panel⟧`, each on its own line, enclose content that can be edited. The digest is that of the
//!   node without its content, so that it does not change when the content is edited.
//! * `⟦textColor 5b20: #ff5630⟧words⟦/textColor⟧` put a mark on the text between them.
//! * `⟦empty⟧` is an empty paragraph; `⟦strong⟧…⟦/strong⟧` (em, strike, code) a mark where Markdown's delimiters would not work.
//!
//! The digest is the SHA-256 of the node's or mark's JSON with sorted keys: the same node has the same placeholder in every
//! document. Four digits are written, or more if two placeholders with the same name would be equal. Removing a placeholder
//! removes its node, copying it copies the node, and a placeholder that is not in the previous document is an error. A literal
//! `⟦` is written `&#x27E6;`, and code contains no placeholders.
//!
//! # How nothing is lost
//!
//! Some attributes of nodes that Markdown can express (`localId`, a table's width, alignment …) are not shown. They are
//! restored by comparing the new document with the previous one, block by block, by their Markdown: an equal block is taken
//! over unchanged, and a changed block keeps the hidden attributes of the block that it replaces. If one of two equal blocks is
//! removed, the first one counts as kept.
//!
//! The written Markdown is always read again. A block that would not read back as the same is shown as a placeholder, whatever
//! the reason, so that a bug in the writer can make a document less readable but cannot lose content.

mod address;
mod form;
mod inline;
mod label;
mod line;
mod merge;
mod nesting;
mod placeholder;
mod read;
mod registry;
mod runs;
mod said;
mod scan;
mod section;
mod write;

#[cfg(test)]
mod tests;

pub use section::{headings, replace_section, section};
use serde_json::{Value, json};

use crate::error::Error;

/// Returns the Markdown of an ADF document (`{"type": "doc", "version": 1, "content": […]}`), without a final line break; an
/// empty text for null or an empty document.
#[must_use]
pub fn to_markdown(document: &Value) -> String {
    write::document(document)
}

/// Returns the ADF document of a Markdown text. `previous` is the document whose Markdown was edited: it contains the nodes
/// behind the placeholders and everything that Markdown does not show.
///
/// # Errors
///
/// [`Code::InvalidParams`](crate::error::Code::InvalidParams) for a placeholder that is not in `previous` or has no partner,
/// for Markdown that ADF cannot express (a table in a list, for example), and for nesting deeper than [`MAX_DEPTH`] levels.
pub fn from_markdown(markdown: &str, previous: Option<&Value>) -> Result<Value, Error> {
    let registry = previous.map(registry::Registry::of).unwrap_or_default();
    let blocks = read::blocks(markdown, &registry, 0)?;
    let Some(Value::Object(previous)) = previous else {
        return Ok(json!({"type": "doc", "version": 1, "content": blocks}));
    };
    let before = previous.get("content").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let mut document = previous.clone();
    document.insert("content".to_owned(), merge::align(before, blocks).into());
    Ok(document.into())
}

/// The maximum nesting of lists, list items, quotes and containers. Each is two levels of JSON, so the result stays within the
/// 128 levels that `serde_json` and other parsers accept.
pub const MAX_DEPTH: usize = 48;
