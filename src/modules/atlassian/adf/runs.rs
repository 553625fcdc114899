//! Inline content read from Markdown: the parser's text becomes nodes, and placeholders what they stand for.

use std::ops::Range;

use serde_json::{Value, json};

use super::MAX_DEPTH;
use super::form::kind;
use super::placeholder::{Piece, Placeholder, Prepared};
use super::registry::{Entry, Registry};
use super::said::{EMPHASES, push_text};
use crate::error::Error;

/// What the parser gave of a line of text so far.
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
    /// Text that stands in the source as it is, up to `end`, so that addresses are looked for in it.
    Literal {
        text: String,
        marks: Vec<Value>,
        end: usize,
        escaped: bool,
    },
    /// Text made by an escape, an entity or a line's end.
    Made {
        text: String,
        marks: Vec<Value>,
    },
    /// Text in which nothing is looked for.
    Code {
        text: String,
        marks: Vec<Value>,
    },
    Node(Value),
}

impl Runs {
    /// Whether there is nothing yet.
    pub(super) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// How many runs there are.
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
        if let Some(Run::Literal { text: before, marks: same, end, .. }) = self.runs.last_mut()
            && *end == range.start
            && *same == marks
        {
            before.push_str(text);
            *end = range.end;
            return;
        }
        let escaped = source[..range.start].ends_with('\\');
        self.runs.push(Run::Literal { text: text.to_owned(), marks, end: range.end, escaped });
    }

    /// Adds text that does not stand in the source.
    pub(super) fn made(&mut self, text: &str, marks: Vec<Value>) {
        self.runs.push(Run::Made { text: text.to_owned(), marks });
    }

    /// Adds the text of a code span.
    pub(super) fn code(&mut self, text: String, mut marks: Vec<Value>) {
        marks.push(json!({"type": "code"}));
        self.runs.push(Run::Code { text, marks });
    }

    /// Adds a node.
    pub(super) fn node(&mut self, node: Value) {
        self.runs.push(Run::Node(node));
    }

    /// What the line is, with the placeholders resolved.
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
                Run::Code { text, marks } => reader.push(&text, marks),
                Run::Made { text, marks } => reader.text(&text, &marks, false)?,
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
    /// Marks that placeholders have put on what follows.
    open: Vec<(String, Value)>,
}

impl Reader<'_, '_, '_> {
    /// Text in which `**` may be left that the parser did not take for strong text, because `CommonMark` wants white space between
    /// punctuation and a delimiter; Chinese and Japanese have none (`**「重要」**です`).
    fn literal(&mut self, text: &str, marks: &[Value], escaped: bool) -> Result<(), Error> {
        let mut rest = text;
        let mut from = usize::from(escaped);
        while let Some((before, strong, after)) = leftover_strong(rest, from) {
            self.text(before, marks, true)?;
            let mut marks = marks.to_vec();
            marks.push(json!({"type": "strong"}));
            self.text(strong, &marks, true)?;
            (rest, from) = (after, 0);
        }
        self.text(rest, marks, true)
    }

    fn text(&mut self, text: &str, marks: &[Value], links: bool) -> Result<(), Error> {
        for piece in self.prepared.pieces(text) {
            match piece {
                Piece::Text(text) if links && !marks.iter().any(|mark| kind(mark) == "link") => {
                    self.with_links(text, marks);
                }
                Piece::Text(text) => self.push(text, marks.to_vec()),
                Piece::Token(placeholder) => self.placeholder(placeholder)?,
            }
        }
        Ok(())
    }

    fn placeholder(&mut self, placeholder: Placeholder<'_>) -> Result<(), Error> {
        match placeholder {
            Placeholder::Empty | Placeholder::Character => {}
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

    fn with_links(&mut self, text: &str, marks: &[Value]) {
        let mut rest = text;
        while let Some((at, length)) = bare_link(rest) {
            self.push(&rest[..at], marks.to_vec());
            let address = &rest[at..at + length];
            let mut marks = marks.to_vec();
            marks.extend(
                crate::modules::atlassian::adf::form::link(address, None)
                    .map(|link| self.registry.link(link)),
            );
            self.push(address, marks);
            rest = &rest[at + length..];
        }
        self.push(rest, marks.to_vec());
    }

    fn push(&mut self, text: &str, mut marks: Vec<Value>) {
        for (_, mark) in &self.open {
            // Text has one link, but may have several comments.
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

/// The error for an end without a begin.
pub(super) fn closes_nothing(name: &str) -> Error {
    Error::invalid_params(format!("The placeholder ⟦/{name}⟧ has nothing to close")).with_hint(
        format!("Put it behind its ⟦{name} …⟧, in the same list item, quote or paragraph"),
    )
}

/// Where in a text a bare `http(s)://` address stands, and its length: up to white space or a character that no address holds,
/// without the punctuation that ends a sentence (GFM, "Autolinks").
pub(super) fn bare_link(text: &str) -> Option<(usize, usize)> {
    let mut from = 0;
    while let Some(found) = text[from..].find("http") {
        let at = from + found;
        let rest = &text[at..];
        let scheme = ["https://", "http://"]
            .into_iter()
            .find(|scheme| rest.starts_with(scheme))
            .map_or(0, str::len);
        if scheme > 0 && !text[..at].ends_with(|before: char| before.is_ascii_alphanumeric()) {
            let length = rest
                .find(|letter: char| {
                    !letter.is_ascii_graphic() || matches!(letter, '<' | '>' | '"' | '`')
                })
                .unwrap_or(rest.len());
            let address = without_punctuation(&rest[..length]);
            if address.len() > scheme {
                return Some((at, address.len()));
            }
        }
        from = at + "http".len();
    }
    None
}

/// An address without the punctuation behind it; a parenthesis belongs to it if it was opened in it.
fn without_punctuation(mut address: &str) -> &str {
    let mut unopened = address.matches(')').count().saturating_sub(address.matches('(').count());
    while let Some(last) = address.chars().next_back() {
        match last {
            '.' | ',' | ';' | ':' | '!' | '?' | '\'' | '*' | '_' | '~' => {}
            ')' if unopened > 0 => unopened -= 1,
            _ => break,
        }
        address = &address[..address.len() - 1];
    }
    address
}

/// The text before, inside and after a pair of `**`, where there is one.
fn leftover_strong(text: &str, from: usize) -> Option<(&str, &str, &str)> {
    let start = from + text.get(from..)?.find("**")?;
    let inside = &text[start + 2..];
    let length = inside.find("**")?;
    let strong = &inside[..length];
    let tight = !strong.is_empty()
        && !strong.contains('*')
        && strong.trim().len() == strong.len()
        && !inside[length + 2..].starts_with('*');
    tight.then(|| (&text[..start], strong, &inside[length + 2..]))
}
