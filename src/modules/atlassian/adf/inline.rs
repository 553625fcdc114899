//! A changed line of text put together with the previous one, so that what Markdown does not show of its nodes and marks stays.

use std::rc::Rc;

use serde_json::Value;

use super::form::{is_text, kind, marks, said_mark};
use super::said::{self, Part};

/// The new inline content, each word and node of it that the old content has, too, as it was there: with the attributes of its
/// links, its marks in their order, and its text in the same nodes.
pub(super) fn align(old: &[Value], new: Vec<Value>) -> Vec<Value> {
    let wanted = said::inline(&new);
    let (old_units, new_units) = (units(old), units(&new));
    let partners = partners(&old_units, &new_units);
    // For each new unit the old one that the next one to stay is.
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
        // What it takes the place of: a node of which Markdown says the same, else a link to the same address.
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
    // White space between two words has the emphasis that both have, so a neighbour can change what is said of it.
    if said::inline(&aligned.nodes) == wanted { aligned.nodes } else { new }
}

/// So many words behind the last one that stayed are searched for the one whose place a new one takes.
const CANDIDATES: usize = 64;

/// Most pairs of units that are compared; in a line with more, what lies between its first and its last change is new.
const MAX_PAIRS: usize = 1_000_000;

/// A word, a character between words, or a node.
struct Unit<'a> {
    text: String,
    /// The nodes that it is of, each with its text; a word can go over several.
    parts: Vec<(usize, &'a str)>,
    /// What Markdown says of its marks, or of the whole node.
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

/// A text in words and single characters.
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

/// For each new unit the old one that stayed, by the longest common subsequence.
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
        // lengths[i * width + j]: how many units old_rest[i..] and new_rest[j..] have in common.
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

/// A text with the links of the nodes whose place it takes, as far as it links to the same addresses.
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

/// Content that is put together unit by unit.
#[derive(Default)]
struct Aligned {
    nodes: Vec<Value>,
    /// For each node the old one that it is, and what Markdown says of its marks.
    origins: Vec<(Option<usize>, Rc<Value>)>,
}

impl Aligned {
    /// Adds a text as a part of `node`, which is the old node of that place if there was one; the whole node if there is no
    /// text.
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
                    // What is new becomes a part of the old node beside it.
                    let kept = if last_place.is_some() { *last_place } else { place };
                    self.join(added, kept);
                    return;
                }
            }
        }
        self.nodes.push(added);
        self.origins.push((place, Rc::clone(said)));
    }

    /// Puts a text behind the last one; both are parts of the old node of that place.
    fn join(&mut self, added: Value, place: Option<usize>) {
        let (Some(last), Some((last_place, said))) = (self.nodes.pop(), self.origins.pop()) else {
            return;
        };
        let text = [&last, &added].map(|node| node["text"].as_str().unwrap_or_default()).concat();
        let mut joined = if last_place == place { last } else { added };
        joined["text"] = text.into();
        // White space at the begin of a node, of which Markdown says something else, is of the same node.
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
