//! Finds placeholders in a Markdown text before it is parsed, so that their characters are not parsed as Markdown.

use std::borrow::Cow;
use std::ops::Range;

use super::registry::{Entry, Registry};
use super::scan::{Found, scan};

/// The content of a placeholder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Placeholder<'m> {
    /// An empty paragraph.
    Empty,
    /// A node, or the beginning of a container or mark; the digits are empty for a mark that Markdown can express.
    Open { name: &'m str, digits: &'m str },
    /// The end of a container or mark.
    Close { name: &'m str },
    /// A character of the text that would be read as a [token](Prepared).
    Character,
    /// A bare address.
    Address,
    /// Nothing; the parser only has to see a letter here.
    Joint,
}

/// A Markdown text in which every placeholder, and all other text that the parser must not read, is a token: its number between
/// two private-use characters, which Markdown treats as letters.
#[derive(Debug)]
pub(super) struct Prepared<'m> {
    /// The text to parse.
    pub(super) text: String,
    /// The positions of link definitions that no link uses.
    pub(super) definitions: Vec<Range<usize>>,
    tokens: Vec<Token<'m>>,
}

#[derive(Debug)]
struct Token<'m> {
    source: Cow<'m, str>,
    placeholder: Placeholder<'m>,
    /// An empty line was put before and after it.
    padded: bool,
}

/// Text or a placeholder.
#[derive(Debug, Clone, Copy)]
pub(super) enum Piece<'t, 'm> {
    Text(&'t str),
    Address(&'t str),
    Token(Placeholder<'m>),
}

pub(super) const BEGIN: char = '\u{E000}';
pub(super) const END: char = '\u{E001}';

impl<'m> Prepared<'m> {
    /// Finds the placeholders. A block placeholder that is alone on its line gets an empty line on both sides, because Markdown
    /// needs them and writers forget them.
    pub(super) fn of(markdown: &'m str, registry: &Registry<'_>) -> Self {
        let text = String::with_capacity(markdown.len());
        let mut prepared = Self { text, definitions: Vec::new(), tokens: Vec::new() };
        for line in markdown.split_inclusive('\n') {
            let content = line.trim_end();
            let whole = content
                .strip_prefix('⟦')
                .and_then(parse)
                .filter(|(_, length)| length + '⟦'.len_utf8() == content.len());
            match whole {
                Some((placeholder, _)) if is_block(placeholder, registry) => {
                    prepared.text.push('\n');
                    prepared.token(content, placeholder, true);
                    prepared.text.push('\n');
                    prepared.text.push_str(&line[content.len()..]);
                }
                _ => prepared.line(line),
            }
        }
        prepared.find_more();
        prepared
    }

    /// Replaces the other special text with tokens before the text is parsed.
    fn find_more(&mut self) {
        let found = scan(&self.text);
        if found.is_empty() {
            return;
        }
        let text = std::mem::take(&mut self.text);
        let mut done = 0;
        for (range, found) in found {
            // Overlapping ranges would be a bug in the parser.
            if range.start < done {
                continue;
            }
            self.text.push_str(&text[done..range.start]);
            done = range.end;
            match found {
                Found::Address(address) => self.token(address, Placeholder::Address, false),
                Found::Joint => self.token("", Placeholder::Joint, false),
                Found::DefinitionStart => {
                    self.definitions.push(self.text.len()..self.text.len());
                }
                Found::DefinitionEnd => {
                    if let Some(definition) = self.definitions.last_mut() {
                        definition.end = self.text.len();
                    }
                }
            }
        }
        self.text.push_str(&text[done..]);
    }

    /// Returns the original text, for places where placeholders are not allowed.
    pub(super) fn restored(&self, text: &str) -> String {
        let mut restored = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, token, after)) = self.next(rest) {
            let padded_before = before.strip_suffix('\n').filter(|_| token.padded);
            restored.push_str(padded_before.unwrap_or(before));
            restored.push_str(&token.source);
            rest = after.strip_prefix('\n').filter(|_| token.padded).unwrap_or(after);
        }
        restored + rest
    }

    /// Splits a text into its parts.
    pub(super) fn pieces<'t>(&'t self, text: &'t str) -> Vec<Piece<'t, 'm>> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, token, after)) = self.next(rest) {
            pieces.push(Piece::Text(before));
            pieces.push(match token.placeholder {
                // The original text was the character itself, so `restored` returns it.
                Placeholder::Character | Placeholder::Joint => Piece::Text(&token.source),
                Placeholder::Address => Piece::Address(&token.source),
                placeholder => Piece::Token(placeholder),
            });
            rest = after;
        }
        pieces.push(Piece::Text(rest));
        pieces
    }

    /// Returns the placeholder that a text consists of, ignoring surrounding white space.
    pub(super) fn only(&self, text: &str) -> Option<Placeholder<'m>> {
        let (before, token, after) = self.next(text)?;
        let alone = before.trim().is_empty() && after.trim().is_empty();
        let stands_for_text = matches!(
            token.placeholder,
            Placeholder::Character | Placeholder::Address | Placeholder::Joint
        );
        (alone && !stands_for_text).then_some(token.placeholder)
    }

    fn line(&mut self, line: &'m str) {
        let mut rest = line;
        while let Some(at) = rest.find(['⟦', BEGIN, END]) {
            self.text.push_str(&rest[..at]);
            rest = &rest[at..];
            let first = rest.chars().next().map_or(0, char::len_utf8);
            let found = if rest.starts_with('⟦') {
                parse(&rest[first..])
            } else {
                Some((Placeholder::Character, 0))
            };
            let length = first + found.map_or(0, |(_, length)| length);
            match found {
                Some((placeholder, _)) => self.token(&rest[..length], placeholder, false),
                None => self.text.push_str(&rest[..length]),
            }
            rest = &rest[length..];
        }
        self.text.push_str(rest);
    }

    fn token(
        &mut self,
        source: impl Into<Cow<'m, str>>,
        placeholder: Placeholder<'m>,
        padded: bool,
    ) {
        self.text.push(BEGIN);
        self.text.push_str(&self.tokens.len().to_string());
        self.text.push(END);
        self.tokens.push(Token { source: source.into(), placeholder, padded });
    }

    fn next<'t>(&'t self, text: &'t str) -> Option<(&'t str, &'t Token<'m>, &'t str)> {
        let (before, rest) = text.split_once(BEGIN)?;
        let (number, after) = rest.split_once(END)?;
        Some((before, self.tokens.get(number.parse::<usize>().ok()?)?, after))
    }
}

/// Reads the placeholder at the beginning of a text, after its `⟦`. Returns it with its length.
fn parse(text: &str) -> Option<(Placeholder<'_>, usize)> {
    // The search ends at the next `⟦`; otherwise a line full of them would be searched once for each.
    let length = text.find(['⟧', '⟦', '\n']).filter(|end| text[*end..].starts_with('⟧'))?;
    let inside = &text[..length];
    let is_name = |name: &str| {
        name.starts_with(|first: char| first.is_ascii_alphabetic())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    let is_digits =
        |digits: &str| digits.len() >= 4 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let placeholder = match inside.split_once(' ') {
        None => match inside.strip_prefix('/') {
            Some(name) if is_name(name) => Placeholder::Close { name },
            None if inside == "empty" => Placeholder::Empty,
            None if matches!(inside, "strong" | "em" | "strike" | "code") => {
                Placeholder::Open { name: inside, digits: "" }
            }
            _ => return None,
        },
        Some((name, rest)) => {
            let digits = rest.split_once(':').map_or(rest, |(digits, _)| digits);
            if !is_name(name) || !is_digits(digits) {
                return None;
            }
            Placeholder::Open { name, digits }
        }
    };
    Some((placeholder, length + '⟧'.len_utf8()))
}

fn is_block(placeholder: Placeholder<'_>, registry: &Registry<'_>) -> bool {
    match placeholder {
        Placeholder::Empty => true,
        Placeholder::Open { name, digits } => {
            matches!(registry.find(name, digits), Ok(Entry::Block(_) | Entry::Container(_)))
        }
        Placeholder::Close { name } => registry.has_container(name),
        Placeholder::Character | Placeholder::Address | Placeholder::Joint => false,
    }
}
