//! Reads blocks from Markdown.

use std::borrow::Cow;
use std::iter::{Cloned, Peekable};
use std::ops::Range;
use std::slice;

use pulldown_cmark::{CodeBlockKind, Event, LinkType, Options, Parser, Tag, TagEnd};
use serde_json::{Value, json};

use super::form::{kind, link};
use super::placeholder::Prepared;
use super::registry::{self, Registry};
use super::runs::{Line, Runs, closes_nothing};
use super::said::push_text;
use super::{MAX_DEPTH, address, nesting};
use crate::error::Error;

/// The supported Markdown: `CommonMark` with the extensions of GFM.
pub(super) const OPTIONS: Options = Options::ENABLE_TABLES
    .union(Options::ENABLE_STRIKETHROUGH)
    .union(Options::ENABLE_TASKLISTS)
    .union(Options::ENABLE_FOOTNOTES);

/// Returns the blocks of a Markdown text that is `depth` levels below the document.
pub(super) fn blocks(
    markdown: &str,
    registry: &Registry<'_>,
    depth: usize,
) -> Result<Vec<Value>, Error> {
    let markdown = &normalized(markdown);
    let prepared = Prepared::of(markdown, registry);
    let mut reader = Reader {
        prepared: &prepared,
        registry,
        depth,
        frames: vec![Frame { kind: FrameKind::Document, blocks: Vec::new() }],
        marks: Vec::new(),
        open: Vec::new(),
        runs: Runs::default(),
        ids: nesting::LocalIds::of(markdown),
        shown: false,
        inline_end: 0,
        cell_end: 0,
        footnote: false,
        definitions: prepared.definitions.iter().cloned().peekable(),
        code: None,
        html: None,
    };
    for (event, range) in Parser::new_ext(&prepared.text, OPTIONS).into_offset_iter() {
        reader.event(event, range)?;
    }
    reader.add_definitions(usize::MAX)?;
    reader.pop().map(|document| document.blocks)
}

/// Returns a text with only `\n` as line ends, without a byte order mark at its beginning, and without control characters,
/// which Confluence's storage format (XML 1.0) does not allow. Those that are white space become spaces, and the others become
/// U+FFFD, as `CommonMark` does for U+0000.
fn normalized(markdown: &str) -> Cow<'_, str> {
    let markdown = markdown.strip_prefix('\u{feff}').unwrap_or(markdown);
    let odd = |letter: char| {
        (letter.is_ascii_control() && !matches!(letter, '\n' | '\t'))
            || matches!(letter, '\u{fffe}' | '\u{ffff}')
    };
    if !markdown.contains(odd) {
        return markdown.into();
    }
    let plain = |letter: char| match letter {
        '\r' => '\n',
        '\u{b}' | '\u{c}' => ' ',
        letter if odd(letter) => '\u{fffd}',
        letter => letter,
    };
    markdown.replace("\r\n", "\n").chars().map(plain).collect::<String>().into()
}

struct Reader<'r, 'm, 'a> {
    prepared: &'r Prepared<'m>,
    registry: &'r Registry<'a>,
    depth: usize,
    frames: Vec<Frame<'a>>,
    /// The current marks of text.
    marks: Vec<Value>,
    open: Vec<Open>,
    runs: Runs,
    /// Inside an address between angle brackets, whose text repeats the address.
    shown: bool,
    /// The end of the last inline.
    inline_end: usize,
    /// The end of the last table cell.
    cell_end: usize,
    /// Whether a footnote's label was read and its text begins.
    footnote: bool,
    /// The link definitions that no link uses and that are not written yet.
    definitions: Peekable<Cloned<slice::Iter<'r, Range<usize>>>>,
    ids: nesting::LocalIds<'m>,
    /// The language and the lines of an open code block.
    code: Option<(String, String)>,
    /// The lines of an open HTML block.
    html: Option<String>,
}

/// An open delimiter, link or image.
struct Open {
    /// Whether it added a mark: a delimiter inside another of the same kind does not.
    marked: bool,
    /// The length of the text before it.
    runs: usize,
    /// The address of a link or an image.
    href: String,
    /// Whether it stays as it is written, because its address is not allowed.
    verbatim: bool,
}

struct Frame<'a> {
    kind: FrameKind<'a>,
    blocks: Vec<Value>,
}

enum FrameKind<'a> {
    Document,
    Quote,
    List { first: Option<u64> },
    Item { task: Option<bool> },
    Table,
    Row { header: bool },
    Container(&'a Value),
}

impl<'a> Reader<'_, '_, 'a> {
    fn event(&mut self, event: Event<'_>, range: Range<usize>) -> Result<(), Error> {
        let end = range.end;
        let starts = matches!(event, Event::Start(_));
        self.add_definitions(if matches!(event, Event::End(_)) { end } else { range.start })?;
        match event {
            Event::Start(tag) => self.start(tag, range)?,
            Event::End(tag) => self.end(tag, range)?,
            Event::Text(text) => self.text(&text, range),
            Event::Code(text) => {
                let text = self.prepared.restored(&text);
                self.runs.code(text, self.sorted_marks());
            }
            Event::Html(text) => self.html.get_or_insert_default().push_str(&text),
            Event::InlineHtml(html) => self.inline_html(&html, range),
            Event::FootnoteReference(_) => self.source(range),
            Event::SoftBreak => self.runs.made(" ", self.sorted_marks()),
            Event::HardBreak => self.runs.node(json!({"type": "hardBreak"})),
            Event::Rule => {
                self.flush()?;
                self.add(json!({"type": "rule"}))?;
            }
            Event::TaskListMarker(done) => {
                if let Some(Frame { kind: FrameKind::Item { task }, .. }) = self.frames.last_mut() {
                    *task = Some(done);
                }
            }
            // Extensions that are not enabled.
            Event::InlineMath(_) | Event::DisplayMath(_) => {}
        }
        // A start event has the whole range, which ends after the text.
        if !starts {
            self.inline_end = end;
        }
        Ok(())
    }

    /// Adds the definitions before a position, each as a paragraph with its source, if a paragraph is allowed there.
    fn add_definitions(&mut self, place: usize) -> Result<(), Error> {
        loop {
            let holds_blocks = !matches!(
                self.frames.last().map(|frame| &frame.kind),
                Some(FrameKind::List { .. } | FrameKind::Table | FrameKind::Row { .. })
            );
            if !holds_blocks || !self.runs.is_empty() || self.code.is_some() {
                return Ok(());
            }
            let Some(definition) = self.definitions.next_if(|next| next.start < place) else {
                return Ok(());
            };
            self.source(definition);
            self.flush()?;
        }
    }

    fn start(&mut self, tag: Tag<'_>, range: Range<usize>) -> Result<(), Error> {
        match tag {
            Tag::Emphasis => self.open(Some(json!({"type": "em"}))),
            Tag::Strong => self.open(Some(json!({"type": "strong"}))),
            Tag::Strikethrough => self.open(Some(json!({"type": "strike"}))),
            Tag::Link { link_type: LinkType::Autolink, dest_url, .. } => {
                let url = self.prepared.restored(&dest_url);
                if address::is_web(&url) {
                    self.runs.node(self.registry.card(&url));
                } else {
                    let link = link(&url, None);
                    let text = if link.is_some() { url } else { ["<", &url, ">"].concat() };
                    self.open(link.map(|link| self.registry.link(link)));
                    self.runs.made(&text, self.sorted_marks());
                    self.close();
                }
                self.shown = true;
            }
            Tag::Link { link_type: LinkType::Email, dest_url, .. } => {
                self.link(&format!("mailto:{dest_url}"), "", range);
            }
            Tag::Link { dest_url, title, .. } | Tag::Image { dest_url, title, .. } => {
                self.link(&dest_url, &title, range);
            }
            Tag::BlockQuote(_) => return self.push(FrameKind::Quote),
            Tag::List(first) => return self.push(FrameKind::List { first }),
            Tag::Item => return self.push(FrameKind::Item { task: None }),
            Tag::Table(_) => return self.push(FrameKind::Table),
            Tag::TableHead => return self.push(FrameKind::Row { header: true }),
            Tag::TableRow => return self.push(FrameKind::Row { header: false }),
            Tag::CodeBlock(kind) => {
                self.flush()?;
                let language = match kind {
                    CodeBlockKind::Fenced(info) => self.prepared.restored(info.trim()),
                    CodeBlockKind::Indented => String::new(),
                };
                self.code = Some((language, String::new()));
            }
            Tag::FootnoteDefinition(_) => {
                self.flush()?;
                let source = &self.prepared.text[range.clone()];
                let label = source.find("]:").map_or(0, |end| end + 2);
                self.source(range.start..range.start + label);
                self.runs.made(" ", Vec::new());
                self.footnote = true;
            }
            // The text of a footnote follows its label.
            Tag::Paragraph if std::mem::take(&mut self.footnote) => {}
            Tag::Paragraph | Tag::Heading { .. } => return self.flush(),
            Tag::HtmlBlock => {
                self.flush()?;
                self.html = Some(String::new());
            }
            // Cells are handled at their end; the other events belong to extensions that are not enabled.
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, tag: TagEnd, range: Range<usize>) -> Result<(), Error> {
        match tag {
            TagEnd::Link if self.shown => self.shown = false,
            TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough => self.close(),
            TagEnd::Link => self.end_link(range),
            TagEnd::Image => self.end_image(range),
            TagEnd::Paragraph | TagEnd::FootnoteDefinition => return self.flush(),
            TagEnd::Heading(level) => {
                let content = self.line()?;
                return self.add(json!({"type": "heading", "attrs": {"level": level as usize}, "content": content}));
            }
            TagEnd::CodeBlock => {
                let (language, text) = self.code.take().unwrap_or_default();
                let text = self.prepared.restored(&text);
                return self
                    .add(nesting::code_block(&language, text.strip_suffix('\n').unwrap_or(&text)));
            }
            TagEnd::HtmlBlock => {
                let html = self.html.take().unwrap_or_default();
                self.inline_html(html.trim(), range);
                return self.flush();
            }
            TagEnd::TableCell => {
                let content = self.line()?;
                let header = matches!(
                    self.frames.last(),
                    Some(Frame { kind: FrameKind::Row { header: true }, .. })
                );
                let kind = if header { "tableHeader" } else { "tableCell" };
                self.attach(
                    json!({"type": kind, "content": [{"type": "paragraph", "content": content}]}),
                );
                self.cell_end = range.end;
            }
            TagEnd::TableHead | TagEnd::TableRow => {
                self.add_beyond_last_cell(range);
                let row = self.pop()?;
                self.attach(json!({"type": "tableRow", "content": row.blocks}));
            }
            TagEnd::Table => {
                let table = self.pop()?;
                return self.add(json!({"type": "table", "content": table.blocks}));
            }
            TagEnd::BlockQuote(_) => {
                self.flush()?;
                let quote = self.pop()?;
                return self.add(
                    json!({"type": "blockquote", "content": nesting::or_empty(quote.blocks)}),
                );
            }
            TagEnd::Item => {
                self.flush()?;
                let item = self.pop()?;
                let FrameKind::Item { task } = item.kind else { return Ok(()) };
                for node in nesting::item(task, item.blocks, &mut self.ids)? {
                    self.attach(node);
                }
            }
            TagEnd::List(_) => {
                let list = self.pop()?;
                let FrameKind::List { first } = list.kind else { return Ok(()) };
                return nesting::lists(first, list.blocks, &mut self.ids)
                    .into_iter()
                    .try_for_each(|list| self.add(list));
            }
            _ => {}
        }
        Ok(())
    }

    /// Adds the text after a row's last column to its last cell: it is not part of the table, and would be lost.
    fn add_beyond_last_cell(&mut self, row: Range<usize>) {
        let rest = self.prepared.text.get(self.cell_end..row.end).unwrap_or_default();
        let rest = rest.trim().trim_start_matches('|').trim_end_matches('|').trim();
        if rest.is_empty() {
            return;
        }
        let text = format!(" | {}", self.prepared.restored(rest));
        if let Some(cell) = self.frames.last_mut().and_then(|frame| frame.blocks.last_mut())
            && let Some(Value::Array(content)) = cell.pointer_mut("/content/0/content")
        {
            push_text(content, &text, &[]);
        }
    }

    fn text(&mut self, text: &str, range: Range<usize>) {
        if let Some((_, code)) = &mut self.code {
            code.push_str(text);
        } else if let Some(html) = &mut self.html {
            html.push_str(text);
        } else if !self.shown {
            self.runs.text(text, self.sorted_marks(), &self.prepared.text, range);
        }
    }

    /// Adds a part of the source unchanged.
    fn source(&mut self, range: Range<usize>) {
        let text = self.prepared.text[range.clone()].replace('\n', " ");
        self.runs.literal(&text, self.sorted_marks(), range);
    }

    /// HTML is text, except for the line break, which has no other form in a cell.
    fn inline_html(&mut self, html: &str, range: Range<usize>) {
        let text = html.replace("<br/>", "<br>").replace("<br />", "<br>").replace('\n', " ");
        for (index, part) in text.split("<br>").enumerate() {
            if index > 0 {
                self.runs.node(json!({"type": "hardBreak"}));
            }
            if !part.is_empty() {
                self.runs.literal(part, self.sorted_marks(), range.clone());
            }
        }
    }

    /// Begins a link, or an image, which becomes a link with its description as text.
    fn link(&mut self, href: &str, title: &str, range: Range<usize>) {
        let href = self.prepared.restored(href);
        let link = link(&href, Some(&self.prepared.restored(title)));
        let verbatim = link.is_none() && !href.is_empty();
        if verbatim {
            let bracket = range.start + self.bracket(&range);
            self.source(range.start..bracket);
            self.inline_end = bracket;
        }
        self.open(link.map(|link| self.registry.link(link)));
        if let Some(open) = self.open.last_mut() {
            (open.href, open.verbatim) = (href, verbatim);
        }
    }

    /// Returns the length of the opening of a link or an image.
    fn bracket(&self, range: &Range<usize>) -> usize {
        if self.prepared.text[range.start..].starts_with('!') { 2 } else { 1 }
    }

    fn end_link(&mut self, range: Range<usize>) {
        let Some(open) = self.open.last() else { return };
        if open.verbatim {
            let end = self.inline_end.clamp(range.start, range.end);
            self.source(end..range.end);
        } else if open.runs == self.runs.len() && open.marked {
            // A link without text would disappear.
            let href = open.href.clone();
            self.runs.made(&href, self.sorted_marks());
        }
        self.close();
    }

    fn end_image(&mut self, range: Range<usize>) {
        let Some(Open { marked, runs, href, verbatim }) = self.open.last() else { return };
        let has_text = *runs < self.runs.len();
        let href = href.clone();
        // Inside a link, text can have only one link, so the address follows the description.
        let hidden = !marked && !verbatim && !href.is_empty();
        if !hidden || !has_text {
            self.end_link(range);
            if hidden {
                self.runs.made(&href, self.sorted_marks());
            }
            return;
        }
        self.close();
        let outer = self.marks.iter().position(|mark| kind(mark) == "link");
        let outer = outer.map(|at| (at, self.marks.remove(at)));
        self.runs.made(" (", self.sorted_marks());
        self.open(link(&href, None));
        self.runs.made(&href, self.sorted_marks());
        self.close();
        self.runs.made(")", self.sorted_marks());
        if let Some((at, mark)) = outer {
            self.marks.insert(at, mark);
        }
    }

    fn open(&mut self, mark: Option<Value>) {
        let mark =
            mark.filter(|mark| !self.marks.iter().any(|other| other["type"] == mark["type"]));
        self.open.push(Open {
            marked: mark.is_some(),
            runs: self.runs.len(),
            href: String::new(),
            verbatim: false,
        });
        self.marks.extend(mark);
    }

    fn close(&mut self) {
        if self.open.pop().is_some_and(|open| open.marked) {
            self.marks.pop();
        }
    }

    /// Marks have one fixed order, so that text under the same delimiters is one node, whatever their nesting.
    fn sorted_marks(&self) -> Vec<Value> {
        let mut marks = self.marks.clone();
        marks.sort_by(|a, b| kind(a).cmp(kind(b)));
        marks
    }

    /// Returns the line of text of a heading or cell.
    fn line(&mut self) -> Result<Vec<Value>, Error> {
        match std::mem::take(&mut self.runs).finish(self.prepared, self.registry)? {
            Line::Inline(content) => Ok(content),
            Line::Block(node) => Err(misplaced(&node)),
            Line::Open(node) => Err(misplaced(node)),
            Line::Close(name) => Err(closes_nothing(&name)),
        }
    }

    /// Ends a paragraph, if one is open; in a tight list, the parser sends no event for it.
    fn flush(&mut self) -> Result<(), Error> {
        if self.runs.is_empty() {
            return Ok(());
        }
        match std::mem::take(&mut self.runs).finish(self.prepared, self.registry)? {
            Line::Inline(content) => self.add(json!({"type": "paragraph", "content": content})),
            Line::Block(node) => {
                self.attach(node);
                Ok(())
            }
            Line::Open(node) => self.push(FrameKind::Container(node)),
            Line::Close(name) => match self.frames.pop() {
                Some(Frame { kind: FrameKind::Container(node), blocks })
                    if registry::name(node) == name =>
                {
                    self.attach(nesting::container(node, blocks)?);
                    Ok(())
                }
                _ => Err(closes_nothing(&name)),
            },
        }
    }

    fn push(&mut self, kind: FrameKind<'a>) -> Result<(), Error> {
        self.flush()?;
        if self.depth + self.frames.len() > MAX_DEPTH {
            return Err(Error::invalid_params(format!(
                "The Markdown nests lists, quotes or placeholders deeper than {MAX_DEPTH} levels"
            )));
        }
        self.frames.push(Frame { kind, blocks: Vec::new() });
        Ok(())
    }

    /// Ends a block when the parser does. It is an error if a container was opened inside it.
    fn pop(&mut self) -> Result<Frame<'a>, Error> {
        match self.frames.pop() {
            Some(Frame { kind: FrameKind::Container(node), .. }) => {
                let name = registry::name(node);
                Err(Error::invalid_params(format!(
                    "The placeholder ⟦{} …⟧ has no ⟦/{name}⟧ where it ends",
                    self.registry.shell_id(node)
                )))
            }
            Some(frame) => Ok(frame),
            None => Err(Error::internal("the Markdown parser ended a block twice")),
        }
    }

    /// Adds a block from Markdown, in the form that ADF requires at this place.
    fn add(&mut self, node: Value) -> Result<(), Error> {
        let blocks = match self.frames.last().map(|frame| &frame.kind) {
            Some(FrameKind::Item { .. }) => nesting::in_item(node)?,
            Some(FrameKind::Quote) => nesting::in_quote(node)?,
            _ => vec![node],
        };
        for node in blocks {
            self.attach(node);
        }
        Ok(())
    }

    fn attach(&mut self, node: Value) {
        if let Some(frame) = self.frames.last_mut() {
            frame.blocks.push(node);
        }
    }
}

fn misplaced(node: &Value) -> Error {
    Error::invalid_params(format!(
        "The placeholder ⟦{} …⟧ stands in a heading or a table cell",
        registry::name(node)
    ))
    .with_hint("It is a block: put it on a line of its own, with an empty line before and after")
}
