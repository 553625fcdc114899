//! Writes inline content as Markdown.

use serde_json::Value;

use super::form::{cell_paragraph, content, is_text, kind, marks};
use super::registry::Registry;
use super::{address, label, read, said};

/// The place of a line of text, which decides which characters have a special meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Position {
    Paragraph,
    Heading,
    Cell,
}

/// Returns the Markdown of inline content: of the forms that read back as the same content, the most readable one; `None` if
/// there is no such form.
pub(super) fn write(nodes: &[Value], place: Position, registry: &Registry<'_>) -> Option<String> {
    let nodes = said::inline(nodes);
    if nodes.is_empty() {
        return Some(String::new());
    }
    [Style::Bare, Style::Plain, Style::Guarded].into_iter().find_map(|style| {
        let text =
            Line { registry, place, style, text: String::new(), open: Vec::new() }.write(&nodes);
        (read_back(&text, place, registry).as_ref() == Some(&nodes)).then_some(text)
    })
}

/// The forms of a line, the most readable first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    /// Escapes what usually needs it, and writes a link whose text is its address as a bare address.
    Bare,
    /// The same, but writes every link in full: the text after a bare address might be read as part of it.
    Plain,
    /// Escapes all punctuation, and writes placeholders in place of delimiters.
    Guarded,
}

fn read_back(text: &str, place: Position, registry: &Registry<'_>) -> Option<Vec<Value>> {
    let markdown = match place {
        Position::Paragraph => text.to_owned(),
        Position::Heading => format!("# {text}"),
        Position::Cell => format!("| {text} |\n| --- |"),
    };
    let blocks = read::blocks(&markdown, registry, 0).ok()?;
    let [block] = blocks.as_slice() else { return None };
    let line = match (place, kind(block)) {
        (Position::Paragraph, "paragraph") | (Position::Heading, "heading") => block,
        (Position::Cell, "table") => cell_paragraph(content(content(block).first()?).first()?)?,
        _ => return None,
    };
    Some(said::inline(content(line)))
}

struct Line<'r, 'a> {
    registry: &'r Registry<'a>,
    place: Position,
    style: Style,
    text: String,
    /// The open marks, outermost first.
    open: Vec<Value>,
}

impl Line<'_, '_> {
    fn write(mut self, nodes: &[Value]) -> String {
        for (index, node) in nodes.iter().enumerate() {
            let code =
                self.style != Style::Guarded && marks(node).iter().any(|mark| kind(mark) == "code");
            // A code span is written together with its text and not opened like the other marks.
            let wanted: Vec<&Value> =
                marks(node).iter().filter(|mark| !(code && kind(mark) == "code")).collect();
            self.close_all_but(&wanted);
            if self.try_bare_link(node, &wanted) {
                continue;
            }
            self.open(&wanted, &nodes[index..]);
            let last = nodes.get(index + 1).is_none_or(|next| kind(next) == "hardBreak");
            match (kind(node), node["text"].as_str()) {
                ("text", Some(text)) if code && is_text(node) => self.code(text),
                ("text", Some(text)) if is_text(node) => self.escaped(text, last),
                ("hardBreak", _) if node.as_object().is_some_and(|fields| fields.len() == 1) => {
                    self.hard_break(index + 1 == nodes.len());
                }
                ("inlineCard", _) if crate::modules::atlassian::adf::form::is_card(node) => {
                    self.text.push_str(
                        &["<", node["attrs"]["url"].as_str().unwrap_or_default(), ">"].concat(),
                    );
                }
                _ => self.leaf(node),
            }
        }
        self.close_all_but(&[]);
        self.text
    }

    fn close_all_but(&mut self, wanted: &[&Value]) {
        let keep = self.open.iter().take_while(|mark| wanted.contains(mark)).count();
        for mark in self.open.split_off(keep).iter().rev() {
            let end = self.delimiters(mark).1;
            self.text.push_str(&end);
        }
    }

    /// Opens marks; those that the following nodes keep longest come first.
    fn open(&mut self, wanted: &[&Value], rest: &[Value]) {
        let mut missing: Vec<&Value> =
            wanted.iter().copied().filter(|mark| !self.open.contains(mark)).collect();
        let length =
            |mark: &Value| rest.iter().take_while(|node| marks(node).contains(mark)).count();
        missing.sort_by_cached_key(|mark| (std::cmp::Reverse(length(mark)), kind(mark) != "link"));
        for mark in missing {
            let begin = self.delimiters(mark).0;
            self.text.push_str(&begin);
            self.open.push(mark.clone());
        }
    }

    fn delimiters(&self, mark: &Value) -> (String, String) {
        let both = |text: &str| (text.to_owned(), text.to_owned());
        let name = kind(mark);
        match (name, self.style) {
            ("strong" | "em" | "strike" | "code", Style::Guarded)
                if mark.get("attrs").is_none() =>
            {
                (format!("⟦{name}⟧"), format!("⟦/{name}⟧"))
            }
            ("strong", _) if mark.get("attrs").is_none() => both("**"),
            ("strike", _) if mark.get("attrs").is_none() => both("~~"),
            ("em", _) if mark.get("attrs").is_none() => both("*"),
            ("link", _)
                if crate::modules::atlassian::adf::form::said_mark(mark).as_ref() == Some(mark) =>
            {
                let href = destination(mark["attrs"]["href"].as_str().unwrap_or_default());
                let title = mark["attrs"]["title"]
                    .as_str()
                    .map(|title| format!(" \"{}\"", escape_all(title)))
                    .unwrap_or_default();
                ("[".to_owned(), format!("]({href}{title})"))
            }
            _ => (
                placeholder(&self.registry.mark_id(mark), &label::of(mark)),
                format!("⟦/{}⟧", crate::modules::atlassian::adf::registry::name(mark)),
            ),
        }
    }

    /// A link whose text is its address can be written bare.
    fn try_bare_link(&mut self, node: &Value, wanted: &[&Value]) -> bool {
        let [.., link] = wanted else { return false };
        let text = node["text"].as_str().unwrap_or_default();
        let fits = self.style == Style::Bare
            && wanted.len() == self.open.len() + 1
            && kind(link) == "link"
            && link["attrs"].as_object().is_some_and(|attributes| attributes.len() == 1)
            && address::is_bare(text)
            && link["attrs"]["href"].as_str() == Some(&address::href(text))
            // In a cell, this would need an escape.
            && !(self.place == Position::Cell && text.contains('|'))
            && marks(node).iter().all(|mark| kind(mark) != "code");
        if fits {
            self.text.push_str(text);
        }
        fits
    }

    fn leaf(&mut self, node: &Value) {
        let text = placeholder(&self.registry.node_id(node), &label::of(node));
        self.text.push_str(&text);
    }

    fn hard_break(&mut self, last: bool) {
        let backslash = self.style != Style::Guarded
            && self.place == Position::Paragraph
            && !last
            && !self.text.is_empty();
        self.text.push_str(if backslash { "\\\n" } else { "<br>" });
    }

    /// Writes a code span (`CommonMark` 6.1): the fence is longer than any inside, and a space is added where it would touch a
    /// backtick or be stripped.
    fn code(&mut self, text: &str) {
        let longest = text.split(|letter| letter != '`').map(str::len).max().unwrap_or_default();
        let fence = "`".repeat(longest + 1);
        let pad = text.starts_with('`')
            || text.ends_with('`')
            || (text.starts_with(' ') && text.ends_with(' ') && !text.trim().is_empty());
        let pad = if pad { " " } else { "" };
        let text =
            if self.place == Position::Cell { text.replace('|', "\\|") } else { text.to_owned() };
        self.text.push_str(&[&fence, pad, &text, pad, &fence].concat());
    }

    fn escaped(&mut self, text: &str, last: bool) {
        let edge = text.trim_end_matches([' ', '\t']).len();
        let in_link = self.open.iter().any(|mark| kind(mark) == "link");
        let tildes = text.matches('~').count() > 1;
        let brackets = in_link || text.contains("](") || text.contains("][") || text.contains("]:");
        let mut addresses = address::BareAddresses::within(text, 0..text.len());
        let mut no_address = 0;
        let mut before: Option<char> = None;
        for (at, letter) in text.char_indices() {
            if let Some(length) = addresses.length_at(at).filter(|_| at >= no_address && !in_link) {
                no_address = at + address::breaking_mark(&text[at..at + length]);
            }
            let line_start = self.text.is_empty() || self.text.ends_with('\n');
            let after = text[at + letter.len_utf8()..].chars().next();
            let word = |letter: Option<char>| letter.is_some_and(char::is_alphanumeric);
            let escape = letter.is_ascii_punctuation()
                && (self.style == Style::Guarded
                    || match letter {
                        '*' | '`' | '\\' => true,
                        '_' => !(word(before) && word(after)),
                        '~' => tildes || line_start,
                        '[' | ']' => brackets || line_start,
                        '<' => after.is_none_or(|after| {
                            after.is_ascii_alphabetic() || matches!(after, '/' | '!' | '?')
                        }),
                        '&' => {
                            after.is_none_or(|after| after.is_ascii_alphabetic() || after == '#')
                        }
                        '!' => after.is_none(),
                        '|' => self.place == Position::Cell || line_start,
                        ':' | '@' | '.' if at == no_address && at > 0 => true,
                        '#' => {
                            self.place == Position::Heading && last && after.is_none()
                                || self.starts_block(line_start, &text[at..])
                        }
                        '-' | '+' | '=' | '>' => self.starts_block(line_start, &text[at..]),
                        '.' | ')' => self.ends_number(after),
                        _ => false,
                    });
            match letter {
                '⟦' => self.text.push_str("&#x27E6;"),
                ' ' if line_start || (last && at >= edge) => self.text.push_str("&#32;"),
                // Characters that the reader treats as a line end, or does not keep.
                letter if (letter.is_control() && letter != '\0') || letter == '\u{feff}' => {
                    self.text.push_str(&["&#", &u32::from(letter).to_string(), ";"].concat());
                }
                _ => {
                    if escape {
                        self.text.push('\\');
                    }
                    self.text.push(letter);
                }
            }
            before = Some(letter);
        }
    }

    fn starts_block(&self, line_start: bool, rest: &str) -> bool {
        let marker = rest.trim_start_matches(['#', '-', '=']);
        let alone = marker.is_empty() || marker.starts_with([' ', '\t']);
        self.place == Position::Paragraph
            && line_start
            && (alone || rest.starts_with('>') || rest.starts_with("+ ") || rest == "+")
    }

    /// Returns whether the line so far is a number, so that a dot or parenthesis would begin an ordered list.
    fn ends_number(&self, after: Option<char>) -> bool {
        const LONGEST: usize = 9;
        let digits = self.text.bytes().rev().take(LONGEST).take_while(u8::is_ascii_digit).count();
        let before = &self.text[..self.text.len() - digits];
        self.place == Position::Paragraph
            && after.is_none_or(|after| after == ' ')
            && digits > 0
            && (before.is_empty() || before.ends_with('\n'))
    }
}

/// Returns the text of a placeholder.
pub(super) fn placeholder(id: &str, label: &str) -> String {
    if label.is_empty() { format!("⟦{id}⟧") } else { format!("⟦{id}: {label}⟧") }
}

/// Returns a link's destination (`CommonMark` 6.3), between angle brackets if it would otherwise end early.
fn destination(href: &str) -> String {
    let plain = href.chars().all(|letter| {
        !letter.is_whitespace()
            && !letter.is_control()
            && !matches!(letter, '(' | ')' | '<' | '>' | '\\' | '|' | '&' | '*' | '_')
    });
    if plain {
        return href.to_owned();
    }
    let mut text = String::from("<");
    for letter in href.chars() {
        if matches!(letter, '<' | '>' | '\\' | '|' | '&') {
            text.push('\\');
        }
        text.push(letter);
    }
    text + ">"
}

fn escape_all(text: &str) -> String {
    let mut escaped = String::new();
    for letter in text.chars() {
        if letter.is_ascii_punctuation() {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped.replace('⟦', "&#x27E6;")
}
