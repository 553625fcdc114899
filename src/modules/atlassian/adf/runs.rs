//! Inline content read from Markdown: text from the parser becomes nodes, and placeholders are resolved.

use std::ops::Range;

use serde_json::{Value, json};

use super::MAX_DEPTH;
use super::address;
use super::form::kind;
use super::placeholder::{Piece, Placeholder, Prepared};
use super::registry::{Entry, Registry};
use super::said::{EMPHASES, push_text};
use crate::error::Error;

/// The inline content that the parser has returned so far.
#[derive(Debug, Default)]
pub(super) struct Runs {
    runs: Vec<Run>,
}

/// A whole line of text.
#[derive(Debug)]
pub(super) enum Line<'a> {
    Inline(Vec<Value>),
    Block(Value),
    Open(&'a Value),
    Close(String),
}

#[derive(Debug)]
enum Run {
    /// Text that is unchanged in the source, up to `end`; placeholders are resolved in it.
    Literal {
        text: String,
        marks: Vec<Value>,
        end: usize,
        escaped: bool,
    },
    /// Text without placeholders: from an escape, an entity or a code span.
    Made {
        text: String,
        marks: Vec<Value>,
    },
    Node(Value),
}

impl Runs {
    /// Returns whether it is empty.
    pub(super) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Returns the number of runs.
    pub(super) fn len(&self) -> usize {
        self.runs.len()
    }

    /// Adds text that the parser found at a range of the source.
    pub(super) fn text(
        &mut self,
        text: &str,
        marks: Vec<Value>,
        source: &str,
        range: Range<usize>,
    ) {
        if source.get(range.clone()) != Some(text) {
            self.made(text, marks);
            return;
        }
        // The first character was escaped.
        let escaped = source[..range.start].ends_with('\\');
        self.add(text, marks, range, escaped);
    }

    /// Adds text of the source in which placeholders are resolved.
    pub(super) fn literal(&mut self, text: &str, marks: Vec<Value>, range: Range<usize>) {
        self.add(text, marks, range, false);
    }

    fn add(&mut self, text: &str, marks: Vec<Value>, range: Range<usize>, escaped: bool) {
        if let Some(Run::Literal { text: before, marks: same, end, .. }) = self.runs.last_mut()
            && *end == range.start
            && *same == marks
        {
            before.push_str(text);
            *end = range.end;
            return;
        }
        self.runs.push(Run::Literal { text: text.to_owned(), marks, end: range.end, escaped });
    }

    /// Adds text that is not in the source.
    pub(super) fn made(&mut self, text: &str, marks: Vec<Value>) {
        self.runs.push(Run::Made { text: text.to_owned(), marks });
    }

    /// Adds the text of a code span.
    pub(super) fn code(&mut self, text: String, mut marks: Vec<Value>) {
        marks.push(json!({"type": "code"}));
        self.runs.push(Run::Made { text, marks });
    }

    /// Adds a node.
    pub(super) fn node(&mut self, node: Value) {
        self.runs.push(Run::Node(node));
    }

    /// Returns the content of the line, with the placeholders resolved.
    pub(super) fn finish<'a>(
        self,
        prepared: &Prepared<'_>,
        registry: &Registry<'a>,
    ) -> Result<Line<'a>, Error> {
        if let [Run::Literal { text, .. }] = self.runs.as_slice() {
            match prepared.only(text) {
                Some(Placeholder::Empty) => return Ok(Line::Inline(Vec::new())),
                Some(Placeholder::Open { name, digits }) if !digits.is_empty() => {
                    match registry.find(name, digits)? {
                        Entry::Block(node) => return Ok(Line::Block((*node).clone())),
                        Entry::Container(node) => return Ok(Line::Open(node)),
                        Entry::Inline(_) | Entry::Mark(_) => {}
                    }
                }
                Some(Placeholder::Close { name }) => return Ok(Line::Close(name.to_owned())),
                _ => {}
            }
        }
        let mut reader = Reader { prepared, registry, nodes: Vec::new(), open: Vec::new() };
        for run in self.runs {
            match run {
                Run::Node(node) => reader.nodes.push(node),
                Run::Made { text, marks } => reader.push(&text, marks),
                Run::Literal { text, marks, escaped, .. } => {
                    reader.literal(&text, &marks, escaped)?;
                }
            }
        }
        match reader.open.pop() {
            Some((name, _)) => Err(Error::invalid_params(format!(
                "The placeholder ⟦{name} …⟧ has no ⟦/{name}⟧ in the same paragraph"
            ))),
            None => Ok(Line::Inline(reader.nodes)),
        }
    }
}

struct Reader<'r, 'm, 'a> {
    prepared: &'r Prepared<'m>,
    registry: &'r Registry<'a>,
    nodes: Vec<Value>,
    /// Marks from placeholders that apply to the following content.
    open: Vec<(String, Value)>,
}

impl Reader<'_, '_, '_> {
    fn literal(&mut self, text: &str, marks: &[Value], escaped: bool) -> Result<(), Error> {
        let mut from = if escaped { text.chars().next().map_or(0, char::len_utf8) } else { 0 };
        for piece in self.prepared.pieces(text) {
            match piece {
                Piece::Text(text) => self.with_emails(text, std::mem::take(&mut from), marks),
                Piece::Address(address) => self.address(address, marks),
                Piece::Token(placeholder) => self.placeholder(placeholder)?,
            }
        }
        Ok(())
    }

    /// Adds a text with its email addresses as links, from the position `from`. Addresses surrounded by emphasis are found only
    /// here (`_me@example.com_`).
    fn with_emails(&mut self, text: &str, from: usize, marks: &[Value]) {
        let mut done = 0;
        while let Some((at, length)) = address::next_email(&text[done..]) {
            let (start, end) = (done + at, done + at + length);
            if start >= from {
                self.push(&text[done..start], marks.to_vec());
                self.address(&text[start..end], marks);
            } else {
                self.push(&text[done..end], marks.to_vec());
            }
            done = end;
        }
        self.push(&text[done..], marks.to_vec());
    }

    fn address(&mut self, address: &str, marks: &[Value]) {
        let mut marks = marks.to_vec();
        if !marks.iter().any(|mark| kind(mark) == "link") {
            let link = super::form::link(&address::href(address), None);
            marks.extend(link.map(|link| self.registry.link(link)));
            marks.sort_by(|a, b| kind(a).cmp(kind(b)));
        }
        self.push(address, marks);
    }

    fn placeholder(&mut self, placeholder: Placeholder<'_>) -> Result<(), Error> {
        match placeholder {
            Placeholder::Empty
            | Placeholder::Character
            | Placeholder::Address
            | Placeholder::Joint => {}
            Placeholder::Open { name, digits: "" } => {
                return self.open(name, json!({"type": name}));
            }
            Placeholder::Open { name, digits } => match self.registry.find(name, digits)? {
                Entry::Inline(node) => self.nodes.push((*node).clone()),
                Entry::Mark(mark) => return self.open(name, self.registry.link(mark.clone())),
                Entry::Block(_) | Entry::Container(_) => {
                    return Err(Error::invalid_params(format!("The placeholder ⟦{name} {digits}⟧ stands in a line of text"))
                        .with_hint("It is a block: put it on a line of its own, with an empty line before and after"));
                }
            },
            Placeholder::Close { name } => {
                match self.open.iter().rposition(|(open, _)| open == name) {
                    Some(index) => drop(self.open.remove(index)),
                    None => return Err(closes_nothing(name)),
                }
            }
        }
        Ok(())
    }

    fn open(&mut self, name: &str, mark: Value) -> Result<(), Error> {
        if self.open.len() == MAX_DEPTH {
            return Err(Error::invalid_params(format!(
                "More than {MAX_DEPTH} placeholders for marks are open, the last one ⟦{name} …⟧"
            )));
        }
        self.open.push((name.to_owned(), mark));
        Ok(())
    }

    fn push(&mut self, text: &str, mut marks: Vec<Value>) {
        for (_, mark) in &self.open {
            // A text node can have only one link, but several comments.
            if !marks
                .iter()
                .any(|other| other == mark || (kind(other) == "link" && kind(mark) == "link"))
            {
                marks.push(mark.clone());
            }
        }
        if marks.iter().any(|mark| kind(mark) == "code") {
            marks.retain(|mark| !EMPHASES.contains(&kind(mark)));
        }
        push_text(&mut self.nodes, text, &marks);
    }
}

/// Returns the error for an end without a beginning.
pub(super) fn closes_nothing(name: &str) -> Error {
    Error::invalid_params(format!("The placeholder ⟦/{name}⟧ has nothing to close")).with_hint(
        format!("Put it behind its ⟦{name} …⟧, in the same list item, quote or paragraph"),
    )
}
