//! Finds special text before the Markdown is parsed, because the parser would misread it.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use pulldown_cmark::{Event, LinkType, Parser, Tag, TagEnd};

use super::address::BareAddresses;
use super::placeholder::{BEGIN, END};
use super::read::OPTIONS;

/// The kind of a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// A bare address, as in GFM.
    Address(String),
    /// A position at which two characters are parsed as if a letter were between them.
    Joint,
    /// The beginning of a link definition that no link uses.
    DefinitionStart,
    /// Its end.
    DefinitionEnd,
}

/// Returns all findings in a text with their ranges, in order:
///
/// * Bare addresses in text, so that their characters are not parsed as emphasis or entities.
/// * Emphasis next to Chinese, Japanese and Korean letters. `CommonMark` requires white space or punctuation outside a
///   delimiter with punctuation inside; these languages have none there (`これは**「重要」**です`). The rule is that of
///   <https://github.com/tats-u/markdown-cjk-friendly>, except for a bracket that faces the wrong way.
/// * Link definitions that no link uses: they would not be shown, and `[TODO]: clean` is text to its author.
pub(super) fn scan(text: &str) -> Vec<(Range<usize>, Found)> {
    if !may_have_any(text) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for leaf in Leaves::of(text).leaves {
        let (start, end) = (leaf.range.start, leaf.range.end);
        if leaf.definition {
            found.push((start..start, Found::DefinitionStart));
            found.push((end..end, Found::DefinitionEnd));
        }
        Scanner::new(text, leaf).scan(&mut found);
    }
    found.sort_by_key(|(range, _)| (range.start, range.end));
    found
}

fn may_have_any(text: &str) -> bool {
    let bytes = text.as_bytes();
    text.contains("://")
        || text.contains('@')
        || text.contains("]:")
        || bytes.windows(4).any(|four| four.eq_ignore_ascii_case(b"www."))
        || (text.contains(['*', '~']) && text.contains(is_cjk))
}

/// A range of text whose inlines are parsed together: a paragraph, a heading, a table cell.
struct Leaf {
    range: Range<usize>,
    cell: bool,
    /// Whether it is a link definition.
    definition: bool,
    /// Ranges without text: addresses between angle brackets, and HTML.
    tags: Vec<Range<usize>>,
    links: Vec<Link>,
}

/// A link or an image.
struct Link {
    start: usize,
    /// The end of its text.
    text_end: usize,
    end: usize,
}

/// The positions where the parser finds text. Blocks do not depend on their inline content, so they are already correct.
#[derive(Default)]
struct Leaves {
    leaves: Vec<Leaf>,
    /// The current leaf.
    leaf: Option<Leaf>,
    /// Its open links.
    open: Vec<usize>,
    /// Whether the next leaf is a table cell.
    cell: bool,
    in_code: bool,
    /// The labels of the definitions that links use.
    used: HashSet<String>,
    /// The ranges of blocks that are not containers, in order.
    covered: Vec<Range<usize>>,
}

impl Leaves {
    fn of(text: &str) -> Self {
        let mut leaves = Self::default();
        let mut events = Parser::new_ext(text, OPTIONS).into_offset_iter();
        for (event, range) in events.by_ref() {
            leaves.event(&event, range, text);
        }
        leaves.end_leaf();
        let definitions = events.reference_definitions();
        let used = leaves.used.iter().filter_map(|label| definitions.get(label));
        let used: HashSet<usize> = used.map(|definition| definition.span.start).collect();
        leaves.add_unused(text, &used);
        leaves
    }

    fn event(&mut self, event: &Event<'_>, range: Range<usize>, text: &str) {
        match event {
            Event::Start(Tag::CodeBlock(_)) => self.in_code = true,
            Event::End(TagEnd::CodeBlock) => self.in_code = false,
            Event::Start(Tag::Link { link_type, id, .. } | Tag::Image { link_type, id, .. })
                if matches!(
                    link_type,
                    LinkType::Reference | LinkType::Collapsed | LinkType::Shortcut
                ) =>
            {
                self.used.insert(id.to_string());
            }
            _ => {}
        }
        if is_leaf_block(event, &text[range.start..]) {
            self.covered.push(range.clone());
        }
        if !self.in_code && is_inline(event) {
            self.inline(event, range, text);
        } else {
            self.end_leaf();
            self.cell = matches!(event, Event::Start(Tag::TableCell));
        }
    }

    fn inline(&mut self, event: &Event<'_>, range: Range<usize>, text: &str) {
        // No event contains the backslash that escapes the first character.
        let escape = usize::from(text[..range.start].ends_with('\\'));
        let start = range.start - escape;
        let leaf = self.leaf.get_or_insert_with(|| Leaf::new(start..range.end, self.cell));
        leaf.range.end = leaf.range.end.max(range.end);
        match event {
            Event::Start(Tag::Link { link_type: LinkType::Autolink | LinkType::Email, .. })
            | Event::InlineHtml(_) => leaf.tags.push(range),
            Event::Start(Tag::Link { .. } | Tag::Image { .. }) => {
                let bracket = if text[range.start..].starts_with('!') { 2 } else { 1 };
                self.open.push(leaf.links.len());
                let text_end = range.start + bracket;
                leaf.links.push(Link { start: range.start, text_end, end: range.end });
            }
            // A start event has the whole range, which ends after the text.
            Event::Start(_) => {}
            _ => {
                let closes = matches!(event, Event::End(TagEnd::Link | TagEnd::Image));
                if closes && self.open.last().is_some_and(|at| leaf.links[*at].end == range.end) {
                    self.open.pop();
                }
                if let Some(link) = self.open.last() {
                    leaf.links[*link].text_end = range.end;
                }
            }
        }
    }

    fn end_leaf(&mut self) {
        self.open.clear();
        if let Some(leaf) = self.leaf.take() {
            self.covered.push(leaf.range.clone());
            self.leaves.push(leaf);
        }
    }

    /// Adds the link definitions that no link uses, and those with a duplicate label: text that begins with a bracket outside
    /// all blocks.
    fn add_unused(&mut self, text: &str, used: &HashSet<usize>) {
        let mut covered = std::mem::take(&mut self.covered);
        covered.sort_by_key(|range| range.start);
        let mut free = 0;
        covered.push(text.len()..text.len());
        for range in covered {
            let gap = text.get(free..range.start).unwrap_or_default();
            let is_last = range.start == text.len();
            let mut definition: Option<Range<usize>> = None;
            let mut at = free;
            for line in gap.split_inclusive('\n') {
                let content = line.trim_end();
                let first =
                    content.find(|letter: char| !is_marker(letter)).unwrap_or(content.len());
                // The text on a block's line belongs to that block, such as the label of a footnote.
                let line_start = text[..at].rfind('\n').map_or(0, |end| end + 1);
                let is_whole = text[line_start..at].chars().all(is_marker)
                    && (line.ends_with('\n') || is_last);
                let is_text =
                    is_whole && first < content.len() && !content[first..].starts_with("[^");
                if !is_text || content[first..].starts_with('[') {
                    self.leaves.extend(definition.take().map(Leaf::definition));
                }
                if is_text && content[first..].starts_with('[') && !used.contains(&(at + first)) {
                    definition = Some(at + first..at + content.len());
                } else if let Some(range) = definition.as_mut().filter(|_| is_text) {
                    range.end = at + content.len();
                }
                at += line.len();
            }
            self.leaves.extend(definition.map(Leaf::definition));
            free = free.max(range.end);
        }
    }
}

impl Leaf {
    fn new(range: Range<usize>, cell: bool) -> Self {
        Self { range, cell, definition: false, tags: Vec::new(), links: Vec::new() }
    }

    fn definition(range: Range<usize>) -> Self {
        Self { definition: true, ..Self::new(range, false) }
    }
}

/// Returns whether the character can precede a block on its line: the markers of lists and quotes.
fn is_marker(letter: char) -> bool {
    letter.is_whitespace()
        || letter.is_ascii_digit()
        || matches!(letter, '>' | '-' | '+' | '*' | '.' | ')')
}

/// Returns whether a block without inner blocks begins. The range of a paragraph or of an underlined heading includes the
/// definitions before it, so its position is where its text begins.
fn is_leaf_block(event: &Event<'_>, text: &str) -> bool {
    match event {
        Event::Start(Tag::Heading { .. }) => text.trim_start().starts_with('#'),
        Event::Start(tag) => {
            matches!(tag, Tag::CodeBlock(_) | Tag::HtmlBlock | Tag::TableHead | Tag::TableRow)
        }
        Event::Rule | Event::TaskListMarker(_) => true,
        _ => false,
    }
}

fn is_inline(event: &Event<'_>) -> bool {
    match event {
        Event::Start(tag) => matches!(
            tag,
            Tag::Emphasis | Tag::Strong | Tag::Strikethrough | Tag::Link { .. } | Tag::Image { .. }
        ),
        Event::End(tag) => matches!(
            tag,
            TagEnd::Emphasis
                | TagEnd::Strong
                | TagEnd::Strikethrough
                | TagEnd::Link
                | TagEnd::Image
        ),
        Event::Text(_)
        | Event::Code(_)
        | Event::InlineHtml(_)
        | Event::FootnoteReference(_)
        | Event::SoftBreak
        | Event::HardBreak => true,
        _ => false,
    }
}

/// Examines a leaf in the order of the inline parser: from left to right; the construct that begins first wins.
struct Scanner<'t> {
    text: &'t str,
    leaf: Leaf,
    addresses: BareAddresses<'t>,
    /// For each run of backticks, the range of the next run with its length.
    code_ends: HashMap<usize, Vec<usize>>,
}

impl<'t> Scanner<'t> {
    fn new(text: &'t str, leaf: Leaf) -> Self {
        let addresses = BareAddresses::within(text, leaf.range.clone());
        let mut code_ends: HashMap<usize, Vec<usize>> = HashMap::new();
        let mut at = leaf.range.start;
        while let Some(found) = text[at..leaf.range.end].find('`') {
            let length = run_length(&text[at + found..leaf.range.end], '`');
            at += found + length;
            code_ends.entry(length).or_default().push(at);
        }
        for ends in code_ends.values_mut() {
            ends.reverse();
        }
        Self { text, leaf, addresses, code_ends }
    }

    fn scan(mut self, found: &mut Vec<(Range<usize>, Found)>) {
        let end = self.leaf.range.end;
        let mut tags = std::mem::take(&mut self.leaf.tags).into_iter().peekable();
        let mut links = std::mem::take(&mut self.leaf.links).into_iter().peekable();
        let mut open: Vec<Link> = Vec::new();
        let mut at = self.leaf.range.start;
        // The preceding character, as the parser will see it: a letter in place of a finding.
        let mut before = ' ';
        while at < end {
            while open.last().is_some_and(|link| link.text_end < at) {
                open.pop();
            }
            if open.last().is_some_and(|link| link.text_end == at) {
                at = open.pop().map_or(at, |link| link.end).max(at + 1);
                before = ')';
                continue;
            }
            while tags.next_if(|tag| tag.start < at).is_some() {}
            if let Some(tag) = tags.next_if(|tag| tag.start == at) {
                (at, before) = (tag.end, '>');
                continue;
            }
            while links.next_if(|link| link.start < at).is_some() {}
            open.extend(links.next_if(|link| link.start == at));
            let rest = &self.text[at..end];
            let Some(letter) = rest.chars().next() else { break };
            let length = match letter {
                '\\' => {
                    let escaped = rest[1..].chars().next().filter(char::is_ascii_punctuation);
                    before = escaped.unwrap_or('\\');
                    1 + escaped.map_or(0, char::len_utf8)
                }
                '`' => {
                    before = '`';
                    self.code_length(at, run_length(rest, '`'))
                }
                '*' | '~' => {
                    let length = run_length(rest, letter);
                    let after = rest[length..].chars().next().unwrap_or(' ');
                    let (begin, end) = joints(before, after);
                    if begin {
                        found.push((at..at, Found::Joint));
                    }
                    if end {
                        found.push((at + length..at + length, Found::Joint));
                    }
                    before = if end { 'a' } else { letter };
                    length
                }
                '<' if self.leaf.definition => {
                    before = '>';
                    rest.find('>').map_or(1, |end| end + 1)
                }
                BEGIN => {
                    before = 'a';
                    rest.find(END).map_or(rest.len(), |end| end + END.len_utf8())
                }
                _ => {
                    let address = open.is_empty().then(|| self.address_length(at)).flatten();
                    if let Some(length) = address {
                        let mut address = self.text[at..at + length].to_owned();
                        if self.leaf.cell {
                            address = address.replace("\\|", "|");
                        }
                        found.push((at..at + length, Found::Address(address)));
                        before = 'a';
                    } else {
                        before = letter;
                    }
                    address.unwrap_or(letter.len_utf8())
                }
            };
            at += length;
        }
    }

    /// Returns the length of the address at a position. Above a line that could be the second line of a table, it ends at a
    /// bar, which would decide whether there is a table.
    fn address_length(&mut self, at: usize) -> Option<usize> {
        let length = self.addresses.length_at(at)?;
        let bar = self.text[at..at + length].find('|').filter(|_| !self.leaf.cell);
        let below = |bar: &usize| {
            let mut lines = self.text[at + bar..].lines().skip(1);
            lines.next().is_some_and(|line| {
                line.contains('-')
                    && line
                        .chars()
                        .all(|letter| matches!(letter, '|' | ':' | '-' | '>' | ' ' | '\t'))
            })
        };
        Some(bar.filter(below).unwrap_or(length))
    }

    /// Returns the length of the code span that a run of backticks begins; the length of the run if there is no code span.
    fn code_length(&mut self, at: usize, run: usize) -> usize {
        let Some(ends) = self.code_ends.get_mut(&run) else { return run };
        while ends.pop_if(|end| *end <= at + run).is_some() {}
        ends.last().map_or(run, |end| end - at)
    }
}

fn run_length(text: &str, letter: char) -> usize {
    text.len() - text.trim_start_matches(letter).len()
}

/// Returns whether a letter is needed before and after a run of delimiters between two characters, so that it can close and
/// open emphasis although one of them is punctuation.
fn joints(before: char, after: char) -> (bool, bool) {
    let beside =
        (is_cjk(before) || is_cjk(after)) && !before.is_whitespace() && !after.is_whitespace();
    let (letter_before, letter_after) = (before.is_alphanumeric(), after.is_alphanumeric());
    let closes = beside && !letter_before && letter_after && !BEGINNING.contains(before);
    let opens = beside && letter_before && !letter_after && !ENDING.contains(after);
    (closes, opens)
}

/// Opening characters: no emphasis ends after them.
const BEGINNING: &str = "([{<（［｛「『【〈《〔｟〖〘“‘";

/// Closing characters: no emphasis begins before them.
const ENDING: &str = ")]}>）］｝」』】〉》〕｠〗〙”’、。，．";

/// Returns whether the character is a Chinese, Japanese or Korean letter or punctuation mark.
pub(super) fn is_cjk(letter: char) -> bool {
    matches!(letter,
        '\u{1100}'..='\u{11ff}' | '\u{2e80}'..='\u{303f}' | '\u{3040}'..='\u{a4cf}' | '\u{a960}'..='\u{a97f}'
        | '\u{ac00}'..='\u{d7ff}' | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe4f}' | '\u{ff00}'..='\u{ffef}'
        | '\u{1aff0}'..='\u{1b2ff}' | '\u{20000}'..='\u{3ffff}')
}
