//! The Atlassian Document Format (ADF), the rich text of Jira and Confluence Cloud, as Markdown and back, losing nothing.
//!
//! ADF is JSON: nodes with a type, attributes, marks and content. Its schema is the npm package `@atlaskit/adf-schema`
//! (`dist/json-schema/v1/full.json`), described at <https://developer.atlassian.com/cloud/jira/platform/apis/document/structure/>.
//!
//! # What is said in Markdown
//!
//! Paragraphs, headings, lists, tasks, code, quotes, rules, line breaks, links, the marks strong, em, strike and code, and tables
//! whose rows are of one length and whose cells are one paragraph each: as `CommonMark` and GFM have them. `<https://…>` is an
//! inline card, a bare `https://…` a link. A line break is a backslash at the end of the line, or `<br>` in a heading or a cell.
//!
//! # What stands for the rest
//!
//! Any other node or mark is a placeholder that carries the type's name, the first digits of a digest, and a label for the reader:
//!
//! * `⟦mention 3f9a: @Ada⟧` is the whole node, which comes back untouched, whatever became of the label.
//! * `⟦panel 07c1: info⟧` … `⟦/panel⟧`, each on a line of its own, stand around content that can be edited. The digest is that of
//!   the node without its content, so that it stays the same whatever is edited inside.
//! * `⟦textColor 5b20: #ff5630⟧words⟦/textColor⟧` put a mark on the text between them.
//! * `⟦empty⟧` is an empty paragraph; `⟦strong⟧…⟦/strong⟧` (em, strike, code) a mark where Markdown's delimiters would not work.
//!
//! The digest is SHA-256 over the node's or mark's JSON with sorted keys: the same node has the same placeholder in every
//! document. Four digits are written, and more where two of a name would be alike. Removing a placeholder removes its node, a
//! copy copies it, and one that the previous document does not hold is an error. A literal `⟦` is written `&#x27E6;`, and inside
//! code nothing is a placeholder.
//!
//! # How nothing is lost
//!
//! What Markdown has no place for on a node that it can say (`localId`, a table's width, alignment …) is not shown. It comes back
//! because the new document is compared with the previous one, block by block, by what Markdown says of each: an equal block is
//! taken over as it was, and a changed one keeps what is not shown of the block that it replaces. Of two blocks that look the same, the first is taken to
//! have stayed when one is removed.
//!
//! What is written is read again at once. A block that would come back as something else is shown as a placeholder, whatever the
//! reason, so that an oversight in the writer can cost readability but no content.

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

/// The Markdown of an ADF document (`{"type": "doc", "version": 1, "content": […]}`), without a line end at its end; an empty text
/// for null or an empty document.
#[must_use]
pub fn to_markdown(document: &Value) -> String {
    write::document(document)
}

/// The ADF document of a Markdown text. `previous` is the document whose Markdown was edited: it gives the nodes behind the
/// placeholders and everything that Markdown does not show.
///
/// # Errors
///
/// [`Code::InvalidParams`](crate::error::Code::InvalidParams) for a placeholder that `previous` does not hold or that has no
/// partner, for what ADF has no place for (a table in a list, say), and for nesting deeper than [`MAX_DEPTH`] levels.
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

/// Levels that lists, list items, quotes and containers may nest: two levels of JSON each, so that what comes out stays within the 128
/// that `serde_json` and other readers take.
pub const MAX_DEPTH: usize = 48;
