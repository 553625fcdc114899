//! The nodes and marks that a document's placeholders stand for.

use std::collections::{BTreeMap, HashMap, HashSet};

use hmac_sha256::Hash;
use serde_json::Value;

use super::form::{content, is_card, is_inline, is_text, kind, marks, said_mark};
use crate::error::Error;
use crate::hex::hex;

/// The target of a placeholder.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Entry<'a> {
    /// A whole inline node.
    Inline(&'a Value),
    /// A whole block.
    Block(&'a Value),
    /// A block whose content is read from the Markdown.
    Container(&'a Value),
    /// A mark.
    Mark(Value),
}

/// Every node and mark of a document by name and digest.
///
/// The recursion is as deep as the document nests: at most half of the 128 levels that `serde_json` parses.
#[derive(Debug, Default)]
pub(super) struct Registry<'a> {
    /// Sorted by name and whole digest, so that entries with a common prefix are neighbours.
    entries: BTreeMap<(String, String), Entry<'a>>,
    containers: HashSet<String>,
    links: HashMap<String, &'a Value>,
    cards: HashMap<&'a str, &'a Value>,
}

impl<'a> Registry<'a> {
    /// Returns the registry of a document.
    pub(super) fn of(document: &'a Value) -> Self {
        let mut registry = Self::default();
        for node in content(document) {
            registry.add(node, false);
        }
        registry
    }

    /// Returns the placeholder's name and digits for a whole node.
    pub(super) fn node_id(&self, node: &Value) -> String {
        self.id(name(node), &short_hex(node_digest(node)))
    }

    /// Returns the placeholder's name and digits for a node without its content.
    pub(super) fn shell_id(&self, node: &Value) -> String {
        self.id(name(node), &short_hex(shell_digest(node)))
    }

    /// Returns the placeholder's name and digits for a mark.
    pub(super) fn mark_id(&self, mark: &Value) -> String {
        self.id(name(mark), &short_hex(digest(mark)))
    }

    /// Returns the target of a placeholder.
    pub(super) fn find(&self, name: &str, prefix: &str) -> Result<&Entry<'a>, Error> {
        let from = (name.to_owned(), prefix.to_owned());
        let mut found = self
            .entries
            .range(from..)
            .take_while(|((other, digest), _)| other == name && digest.starts_with(prefix));
        match (found.next(), found.next()) {
            (Some((_, entry)), None) => Ok(entry),
            (None, _) => Err(Error::invalid_params(format!(
                "The placeholder ⟦{name} {prefix}⟧ is not in the document"
            ))
            .with_hint("Copy placeholders as they were read; write a literal ⟦ as &#x27E6;")),
            (Some(_), Some(_)) => Err(Error::invalid_params(format!(
                "The placeholder ⟦{name} {prefix}⟧ stands for two things now"
            ))
            .with_hint("The document changed: read it again and copy the longer placeholder")),
        }
    }

    /// Returns whether the document has a container with this name.
    pub(super) fn has_container(&self, name: &str) -> bool {
        self.containers.contains(name)
    }

    /// Returns the document's link to an address, with the attributes that Markdown does not show.
    pub(super) fn link(&self, said: Value) -> Value {
        self.links.get(&said.to_string()).map_or(said, |link| (*link).clone())
    }

    /// Returns the document's inline card of an address, with the attributes that Markdown does not show.
    pub(super) fn card(&self, url: &str) -> Value {
        let new = || serde_json::json!({"type": "inlineCard", "attrs": {"url": url}});
        self.cards.get(url).map_or_else(new, |card| (*card).clone())
    }

    fn id(&self, name: String, digest: &str) -> String {
        const SHORTEST: usize = 4;
        let key = (name, digest.to_owned());
        let shared = |other: Option<(&(String, String), _)>| {
            other.filter(|((name, _), _)| *name == key.0).map_or(0, |((_, other), _)| {
                other.bytes().zip(digest.bytes()).take_while(|(a, b)| a == b).count() + 1
            })
        };
        let before = shared(self.entries.range(..&key).next_back());
        let after = shared(
            self.entries
                .range((std::ops::Bound::Excluded(&key), std::ops::Bound::Unbounded))
                .next(),
        );
        format!("{} {}", key.0, &digest[..SHORTEST.max(before).max(after)])
    }

    /// Adds a node and its content, and returns its digest.
    fn add(&mut self, node: &'a Value, inline: bool) -> [u8; 32] {
        for mark in marks(node) {
            let said = said_mark(mark);
            if let Some(link) = said.as_ref().filter(|_| kind(mark) == "link") {
                self.links.entry(link.to_string()).or_insert(mark);
            }
            let mark = said.unwrap_or_else(|| mark.clone());
            self.entries.insert((name(&mark), short_hex(digest(&mark))), Entry::Mark(mark));
        }
        let shell = shell_digest(node);
        let inside = is_inline(node);
        let children: Vec<[u8; 32]> =
            content(node).iter().map(|child| self.add(child, inside)).collect();
        let digest = whole_digest(shell, node, &children);
        if is_card(node) {
            self.cards.entry(node["attrs"]["url"].as_str().unwrap_or_default()).or_insert(node);
        }
        if !(inline && is_text(node)) {
            self.entries.insert(
                (name(node), short_hex(digest)),
                if inline { Entry::Inline(node) } else { Entry::Block(node) },
            );
        }
        if !children.is_empty() {
            self.containers.insert(name(node));
            self.entries.insert((name(node), short_hex(shell)), Entry::Container(node));
        }
        digest
    }
}

/// Returns the type's name in the form for a placeholder.
pub(super) fn name(node: &Value) -> String {
    let name: String = kind(node).chars().filter(char::is_ascii_alphanumeric).collect();
    if name.starts_with(|letter: char| letter.is_ascii_alphabetic()) {
        name
    } else {
        format!("node{name}")
    }
}

fn node_digest(node: &Value) -> [u8; 32] {
    let children: Vec<[u8; 32]> = content(node).iter().map(node_digest).collect();
    whole_digest(shell_digest(node), node, &children)
}

/// Returns the digest of a node whose content is already digested, so that no level is digested twice.
fn whole_digest(shell: [u8; 32], node: &Value, children: &[[u8; 32]]) -> [u8; 32] {
    let mut hash = Hash::new();
    hash.update(b"node");
    hash.update(shell);
    match node.get("content") {
        Some(Value::Array(_)) | None => hash.update(children.concat()),
        Some(odd) => hash.update(digest(odd)),
    }
    hash.finalize()
}

fn shell_digest(node: &Value) -> [u8; 32] {
    let mut hash = Hash::new();
    hash.update(b"shell");
    match node {
        Value::Object(fields) => {
            update_fields(&mut hash, fields.iter().filter(|(key, _)| *key != "content"));
        }
        other => hash.update(digest(other)),
    }
    hash.finalize()
}

fn digest(value: &Value) -> [u8; 32] {
    let mut hash = Hash::new();
    match value {
        Value::Object(fields) => {
            hash.update(b"{");
            update_fields(&mut hash, fields.iter());
        }
        Value::Array(items) => {
            hash.update(b"[");
            for item in items {
                hash.update(digest(item));
            }
        }
        primitive => hash.update(primitive.to_string()),
    }
    hash.finalize()
}

fn update_fields<'v>(hash: &mut Hash, fields: impl Iterator<Item = (&'v String, &'v Value)>) {
    let mut fields: Vec<_> = fields.collect();
    fields.sort_by_key(|(key, _)| *key);
    for (key, value) in fields {
        hash.update(Hash::hash(key.as_bytes()));
        hash.update(digest(value));
    }
}

/// Returns the first 16 bytes, which are enough to distinguish the nodes of one document.
pub(super) fn short_hex(digest: [u8; 32]) -> String {
    hex(&digest[..16])
}
