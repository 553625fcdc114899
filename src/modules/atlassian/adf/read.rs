//! Blocks read from Markdown.

use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, LinkType, Options, Parser, Tag, TagEnd};
use serde_json::{Value, json};

use super::form::{kind, link};
use super::placeholder::Prepared;
use super::registry::{self, Registry};
use super::runs::{Line, Runs, closes_nothing};
use super::{MAX_DEPTH, nesting};
use crate::error::Error;

/// The blocks of a Markdown text that stands `depth` levels below the document.
pub(super) fn blocks(
    markdown: &str,
    registry: &Registry<'_>,
    depth: usize,
) -> Result<Vec<Value>, Error> {
    let prepared = Prepared::of(markdown, registry);
    let mut reader = Reader {
        prepared: &prepared,
        registry,
        depth,
        frames: vec![Frame { kind: FrameKind::Document, blocks: Vec::new() }],
        marks: Vec::new(),
        delimiters: Vec::new(),
        runs: Runs::default(),
        ids: nesting::LocalIds::of(markdown),
        images: Vec::new(),
        card: false,
        code: None,
        html: String::new(),
    };
    let options =
        Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    for (event, range) in Parser::new_ext(&prepared.text, options).into_offset_iter() {
        reader.event(event, range)?;
    }
    reader.pop().map(|document| document.blocks)
}

struct Reader<'r, 'm, 'a> {
    prepared: &'r Prepared<'m>,
    registry: &'r Registry<'a>,
    depth: usize,
    frames: Vec<Frame<'a>>,
    /// The marks that text has now.
    marks: Vec<Value>,
    /// Whether each open delimiter or link added a mark: one inside another of the same kind does not.
    delimiters: Vec<bool>,
    runs: Runs,
    /// Inside the text of an inline card, which is its address once more.
    card: bool,
    ids: nesting::LocalIds<'m>,
    /// The address of each open image, and how much text there was before its description.
    images: Vec<(String, usize)>,
    /// The language and the lines of an open code block.
    code: Option<(String, String)>,
    /// The lines of an open HTML block.
    html: String,
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
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) => {
                self.text(&text, range);
                Ok(())
            }
            Event::Code(text) => {
                let text = self.prepared.restored(&text);
                self.runs.code(text, self.sorted_marks());
                Ok(())
            }
            Event::Html(html) => {
                self.html.push_str(&html);
                Ok(())
            }
            Event::InlineHtml(html) => {
                self.inline_html(&html);
                Ok(())
            }
            Event::SoftBreak => {
                self.runs.made(" ", self.sorted_marks());
                Ok(())
            }
            Event::HardBreak => {
                self.runs.node(json!({"type": "hardBreak"}));
                Ok(())
            }
            Event::Rule => {
                self.flush()?;
                self.add(json!({"type": "rule"}))
            }
            Event::TaskListMarker(done) => {
                if let Some(Frame { kind: FrameKind::Item { task }, .. }) = self.frames.last_mut() {
                    *task = Some(done);
                }
                Ok(())
            }
            // Extensions that are not enabled.
            Event::InlineMath(_) | Event::DisplayMath(_) | Event::FootnoteReference(_) => Ok(()),
        }
    }

    fn start(&mut self, tag: Tag<'_>) -> Result<(), Error> {
        match tag {
            Tag::Emphasis => self.mark(Some(json!({"type": "em"}))),
            Tag::Strong => self.mark(Some(json!({"type": "strong"}))),
            Tag::Strikethrough => self.mark(Some(json!({"type": "strike"}))),
            Tag::Link { link_type: LinkType::Autolink, dest_url, .. } => {
                let url = self.prepared.restored(&dest_url);
                self.runs.node(self.registry.card(&url));
                self.card = true;
            }
            Tag::Link { link_type: LinkType::Email, dest_url, .. } => {
                self.link(&format!("mailto:{dest_url}"), "");
            }
            Tag::Link { dest_url, title, .. } => self.link(&dest_url, &title),
            Tag::Image { dest_url, title, .. } => {
                self.link(&dest_url, &title);
                self.images.push((self.prepared.restored(&dest_url), self.runs.len()));
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
            Tag::Paragraph | Tag::Heading { .. } | Tag::HtmlBlock => return self.flush(),
            // A cell is read at its end; the others are extensions that are not enabled.
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, tag: TagEnd) -> Result<(), Error> {
        match tag {
            TagEnd::Link if self.card => self.card = false,
            TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough | TagEnd::Link => {
                self.unmark();
            }
            TagEnd::Image => {
                if let Some((url, before)) = self.images.pop()
                    && self.runs.len() == before
                {
                    self.runs.made(&url, self.sorted_marks());
                }
                self.unmark();
            }
            TagEnd::Paragraph => return self.flush(),
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
                let html = std::mem::take(&mut self.html);
                self.inline_html(html.trim());
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
            }
            TagEnd::TableHead | TagEnd::TableRow => {
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

    fn text(&mut self, text: &str, range: Range<usize>) {
        if let Some((_, code)) = &mut self.code {
            code.push_str(text);
        } else if !self.card {
            self.runs.text(text, self.sorted_marks(), &self.prepared.text, range);
        }
    }

    /// HTML is text, but for the line break, which a cell has no other way to say.
    fn inline_html(&mut self, html: &str) {
        let text = html.replace("<br/>", "<br>").replace("<br />", "<br>").replace('\n', " ");
        for (index, part) in text.split("<br>").enumerate() {
            if index > 0 {
                self.runs.node(json!({"type": "hardBreak"}));
            }
            if !part.is_empty() {
                self.runs.made(part, self.sorted_marks());
            }
        }
    }

    fn link(&mut self, href: &str, title: &str) {
        let link = link(&self.prepared.restored(href), Some(&self.prepared.restored(title)));
        self.mark(link.map(|link| self.registry.link(link)));
    }

    fn mark(&mut self, mark: Option<Value>) {
        let mark =
            mark.filter(|mark| !self.marks.iter().any(|other| other["type"] == mark["type"]));
        self.delimiters.push(mark.is_some());
        self.marks.extend(mark);
    }

    /// In one order, so that text under the same delimiters is one node however they nest.
    fn sorted_marks(&self) -> Vec<Value> {
        let mut marks = self.marks.clone();
        marks.sort_by(|a, b| kind(a).cmp(kind(b)));
        marks
    }

    fn unmark(&mut self) {
        if self.delimiters.pop() == Some(true) {
            self.marks.pop();
        }
    }

    /// The line of text of a heading or cell.
    fn line(&mut self) -> Result<Vec<Value>, Error> {
        match std::mem::take(&mut self.runs).finish(self.prepared, self.registry)? {
            Line::Inline(content) => Ok(content),
            Line::Block(node) => Err(misplaced(&node)),
            Line::Open(node) => Err(misplaced(node)),
            Line::Close(name) => Err(closes_nothing(&name)),
        }
    }

    /// Ends a paragraph, if one is open; in a tight list none is announced.
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

    /// Ends what the parser ends, which is an error where a container was opened inside.
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

    /// Adds a block that Markdown made, in the form that ADF has for it at this place.
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
