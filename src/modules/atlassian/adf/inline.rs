//! Merges a changed line of text with the previous one, to keep what Markdown does not show of its nodes and marks.

use std::rc::Rc;

use serde_json::Value;

use super::form::{is_text, kind, marks, said_mark};
use super::said::{self, Part};

/// Returns the new inline content. Each word and node that also exists in the old content is restored: the attributes of its
/// links, the order of its marks, and the division of its text into nodes.
pub(super) fn align(old: &[Value], new: Vec<Value>) -> Vec<Value> {
    let wanted = said::inline(&new);
    let (old_units, new_units) = (units(old), units(&new));
    let partners = partners(&old_units, &new_units);
    // For each new unit, the next old unit that stayed.
    let mut ends = vec![old_units.len(); partners.len() + 1];
    for at in (0..partners.len()).rev() {
        ends[at] = partners[at].unwrap_or(ends[at + 1]);
    }
    let mut aligned = Aligned::default();
    let mut passed = 0;
    for (at, (unit, partner)) in new_units.iter().zip(&partners).enumerate() {
        if let Some(partner) = partner {
            passed = partner + 1;
            for (node, text) in &old_units[*partner].parts {
                aligned.push(&unit.said, text, &old[*node], Some(*node));
            }
            continue;
        }
        // The old node that it replaces: one with the same Markdown, otherwise a link to the same address.
        let gone = &old_units[passed..ends[at].min(passed + CANDIDATES)];
        let place = gone.iter().find(|gone| !gone.text.is_empty() && gone.said == unit.said);
        for (node, text) in &unit.parts {
            match place.and_then(|place| place.parts.last()) {
                Some((place, _)) if !text.is_empty() => {
                    aligned.push(&unit.said, text, &old[*place], Some(*place));
                }
                _ => aligned.push(&unit.said, text, &with_links_of(&new[*node], old, gone), None),
            }
        }
    }
    // White space between two words has the emphasis that both have, so a neighbour can change its Markdown.
    if said::inline(&aligned.nodes) == wanted { aligned.nodes } else { new }
}

/// The maximum number of words after the last kept one that are searched for the word that a new one replaces.
const CANDIDATES: usize = 64;

/// The maximum number of pairs of units that are compared. In a longer line, everything between its first and its last change
/// counts as new.
const MAX_PAIRS: usize = 1_000_000;

/// A word, a character between words, or a node.
struct Unit<'a> {
    text: String,
    /// The nodes that contain it, each with its text; a word can span several nodes.
    parts: Vec<(usize, &'a str)>,
    /// The Markdown of its marks, or of the whole node.
    said: Rc<Value>,
}

impl Unit<'_> {
    fn is_like(&self, other: &Unit<'_>) -> bool {
        self.text == other.text && self.said == other.said
    }
}

fn units(nodes: &[Value]) -> Vec<Unit<'_>> {
    let mut units: Vec<Unit> = Vec::new();
    for piece in said::pieces(nodes) {
        let node = piece.node;
        match piece.part {
            Part::Node(said) => {
                units.push(Unit {
                    text: String::new(),
                    parts: vec![(node, "")],
                    said: said.into(),
                });
            }
            Part::Text { text, marks } => {
                let said = Rc::new(Value::Array(marks));
                for word in words(text) {
                    match units.last_mut() {
                        Some(last)
                            if last.said == said
                                && last.text.ends_with(is_of_word)
                                && word.starts_with(is_of_word) =>
                        {
                            last.text.push_str(word);
                            last.parts.push((node, word));
                        }
                        _ => units.push(Unit {
                            text: word.to_owned(),
                            parts: vec![(node, word)],
                            said: Rc::clone(&said),
                        }),
                    }
                }
            }
        }
    }
    units
}

fn is_of_word(letter: char) -> bool {
    letter.is_alphanumeric() && !super::scan::is_cjk(letter)
}

/// Splits a text into words and single characters.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let length = if is_of_word(first) {
            rest.find(|letter| !is_of_word(letter)).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        let (unit, after) = rest.split_at(length);
        rest = after;
        Some(unit)
    })
}

/// Returns for each new unit the old unit that stayed, by the longest common subsequence.
fn partners(old: &[Unit<'_>], new: &[Unit<'_>]) -> Vec<Option<usize>> {
    let alike = |(old, new): &(&Unit<'_>, &Unit<'_>)| old.is_like(new);
    let head = old.iter().zip(new).take_while(alike).count();
    let (old_rest, new_rest) = (&old[head..], &new[head..]);
    let tail = old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(alike).count();
    let (rows, columns) = (old_rest.len() - tail, new_rest.len() - tail);
    let mut partners: Vec<Option<usize>> = (0..head).map(Some).collect();
    if rows.saturating_mul(columns) > MAX_PAIRS {
        partners.resize(head + columns, None);
    } else {
        let width = columns + 1;
        // `lengths[i * width + j]`: how many units `old_rest[i..]` and `new_rest[j..]` have in common.
        let mut lengths = vec![0_u32; (rows + 1) * width];
        for i in (0..rows).rev() {
            for j in (0..columns).rev() {
                lengths[i * width + j] = if old_rest[i].is_like(&new_rest[j]) {
                    lengths[(i + 1) * width + j + 1] + 1
                } else {
                    lengths[(i + 1) * width + j].max(lengths[i * width + j + 1])
                };
            }
        }
        let mut i = 0;
        for j in 0..columns {
            while i < rows
                && !old_rest[i].is_like(&new_rest[j])
                && lengths[(i + 1) * width + j] > lengths[i * width + j + 1]
            {
                i += 1;
            }
            let stayed = i < rows && old_rest[i].is_like(&new_rest[j]);
            partners.push(stayed.then_some(head + i));
            i += usize::from(stayed);
        }
    }
    partners.extend((0..tail).map(|at| Some(old.len() - tail + at)));
    partners
}

/// Returns a text with the links of the nodes that it replaces, if they link to the same addresses.
fn with_links_of(node: &Value, old: &[Value], gone: &[Unit<'_>]) -> Value {
    let mut node = node.clone();
    for mark in node.get_mut("marks").and_then(Value::as_array_mut).into_iter().flatten() {
        let Some(said) = said_mark(mark).filter(|_| kind(mark) == "link") else { continue };
        let gone =
            gone.iter().flat_map(|unit| &unit.parts).flat_map(|(node, _)| marks(&old[*node]));
        let before = gone
            .filter(|mark| kind(mark) == "link")
            .find(|before| said_mark(before).as_ref() == Some(&said));
        if let Some(before) = before {
            *mark = before.clone();
        }
    }
    node
}

/// Content that is built unit by unit.
#[derive(Default)]
struct Aligned {
    nodes: Vec<Value>,
    /// For each node, its old node and the Markdown of its marks.
    origins: Vec<(Option<usize>, Rc<Value>)>,
}

impl Aligned {
    /// Adds a text as a part of `node`, the old node at that place, if there was one; adds the whole node if there is no text.
    fn push(&mut self, said: &Rc<Value>, text: &str, node: &Value, place: Option<usize>) {
        let mut added = node.clone();
        if !text.is_empty() {
            added["text"] = text.into();
            if let Some((last_place, last_said)) = self.origins.last()
                && self.nodes.last().is_some_and(is_text)
            {
                let same_node = place.is_some() && *last_place == place;
                let is_new = place.is_none() || last_place.is_none();
                if same_node || (is_new && last_said == said) {
                    // New text becomes a part of the old node next to it.
                    let kept = if last_place.is_some() { *last_place } else { place };
                    self.join(added, kept);
                    return;
                }
            }
        }
        self.nodes.push(added);
        self.origins.push((place, Rc::clone(said)));
    }

    /// Appends a text to the last one; both are parts of the old node at that place.
    fn join(&mut self, added: Value, place: Option<usize>) {
        let (Some(last), Some((last_place, said))) = (self.nodes.pop(), self.origins.pop()) else {
            return;
        };
        let text = [&last, &added].map(|node| node["text"].as_str().unwrap_or_default()).concat();
        let mut joined = if last_place == place { last } else { added };
        joined["text"] = text.into();
        // White space at the beginning of a node belongs to that node, even if its Markdown differs.
        if last_place != place
            && place.is_some()
            && self.origins.last().is_some_and(|(before, _)| *before == place)
        {
            self.join(joined, place);
            return;
        }
        self.nodes.push(joined);
        self.origins.push((place, said));
    }
}
