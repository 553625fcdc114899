//! Writes blocks as Markdown.

use serde_json::Value;

use super::form::{Form, content, form, is_inline, kind, order};
use super::line::{self, Position};
use super::registry::Registry;
use super::{MAX_DEPTH, label, read, said};

/// Returns the Markdown of a document.
pub(super) fn document(document: &Value) -> String {
    blocks(content(document), &Registry::of(document))
}

/// Returns the Markdown of some blocks of the registry's document.
pub(super) fn blocks(blocks: &[Value], registry: &Registry<'_>) -> String {
    Writer { registry }.checked_blocks(blocks, 0)
}

struct Writer<'r, 'a> {
    registry: &'r Registry<'a>,
}

impl Writer<'_, '_> {
    /// Writes blocks so that each reads back as the same block, `depth` levels below the document.
    fn checked_blocks(&self, nodes: &[Value], depth: usize) -> String {
        joined(nodes, |node, second| Some(self.checked_block(node, second, depth)))
            .unwrap_or_default()
    }

    fn checked_block(&self, node: &Value, second: bool, depth: usize) -> String {
        if form(node) == Form::Container && depth + 2 < MAX_DEPTH {
            let inside = if is_inline(node) {
                self.text_block(node)
            } else {
                Some(self.checked_blocks(content(node), depth + 1))
            };
            if let Some(inside) = inside {
                return self.container(node, &inside);
            }
        }
        let reads_back = |markdown: &String| {
            read::blocks(markdown, self.registry, depth)
                .is_ok_and(|blocks| said::blocks(&blocks) == [said::block(node)])
        };
        let too_deep = depth + levels(node) > MAX_DEPTH;
        let said = if too_deep { None } else { self.block(node, second).filter(reads_back) };
        said.unwrap_or_else(|| self.leaf(node))
    }

    /// Writes a block; `None` if it cannot be written.
    fn block(&self, node: &Value, second: bool) -> Option<String> {
        match form(node) {
            Form::Leaf => Some(self.leaf(node)),
            Form::Container => {
                let inside = if is_inline(node) {
                    self.text_block(node)?
                } else {
                    self.blocks(content(node))?
                };
                Some(self.container(node, &inside))
            }
            Form::Said => match kind(node) {
                "heading" => {
                    let text = line::write(content(node), Position::Heading, self.registry)?;
                    let level = usize::try_from(node["attrs"]["level"].as_u64()?).ok()?;
                    Some(format!("{} {text}", "#".repeat(level)).trim_end_matches(' ').to_owned())
                }
                "codeBlock" => Some(code_block(node)),
                "blockquote" => Some(prefixed(&self.blocks(content(node))?, "> ", "> ")),
                "rule" => Some("---".to_owned()),
                "bulletList" | "orderedList" | "taskList" => self.list(node, second),
                "table" => self.table(node),
                _ => self.text_block(node),
            },
        }
    }

    fn blocks(&self, nodes: &[Value]) -> Option<String> {
        joined(nodes, |node, second| self.block(node, second))
    }

    fn text_block(&self, node: &Value) -> Option<String> {
        let text = line::write(content(node), Position::Paragraph, self.registry)?;
        Some(if text.is_empty() { "⟦empty⟧".to_owned() } else { text })
    }

    fn container(&self, node: &Value, inside: &str) -> String {
        let id = self.registry.shell_id(node);
        format!(
            "{}\n\n{inside}\n\n⟦/{}⟧",
            line::placeholder(&id, &label::of_shell(node)),
            crate::modules::atlassian::adf::registry::name(node)
        )
    }

    fn leaf(&self, node: &Value) -> String {
        line::placeholder(&self.registry.node_id(node), &label::of(node))
    }

    fn list(&self, list: &Value, second: bool) -> Option<String> {
        let first = order(list)?;
        let mut items: Vec<String> = Vec::new();
        for (index, item) in (0..).zip(content(list)) {
            let marker = match (kind(list), second) {
                ("orderedList", false) => format!("{}. ", first + index),
                ("orderedList", true) => format!("{}) ", first + index),
                (_, false) => "- ".to_owned(),
                (_, true) => "* ".to_owned(),
            };
            match kind(item) {
                "taskItem" => {
                    let state = if item["attrs"]["state"] == "DONE" { "x" } else { " " };
                    items.push(indented(
                        &self.text_block(item)?,
                        &format!("{marker}[{state}] "),
                        marker.len(),
                    ));
                }
                "taskList" => {
                    let nested = self.list(item, false)?;
                    items.push(prefixed(&nested, "  ", "  "));
                }
                _ => items.push(indented(&self.item(content(item))?, &marker, marker.len())),
            }
        }
        Some(items.join("\n"))
    }

    /// Writes the content of a list item. A list follows the text directly, unless it would then be read as text.
    fn item(&self, blocks: &[Value]) -> Option<String> {
        if let [] | [_] = blocks
            && blocks
                .first()
                .is_none_or(|block| kind(block) == "paragraph" && content(block).is_empty())
        {
            return Some(String::new());
        }
        let mut text = String::new();
        let mut second = false;
        for (index, block) in blocks.iter().enumerate() {
            let before = index.checked_sub(1).map(|before| &blocks[before]);
            second = before.is_some_and(is_list) && is_list(block) && !second;
            let written = self.block(block, second)?;
            // After a line with only a tag, HTML would continue.
            let text_before =
                before.is_some_and(|before| kind(before) == "paragraph") && !text.ends_with('>');
            let close = text_before && is_list(block) && order(block) == Some(1);
            let empty_item = written.lines().next().is_some_and(|line| line.trim_end().len() < 3);
            text.push_str(if index == 0 {
                ""
            } else if close && !empty_item {
                "\n"
            } else {
                "\n\n"
            });
            text.push_str(&written);
        }
        Some(text)
    }

    fn table(&self, table: &Value) -> Option<String> {
        let mut lines = Vec::new();
        for row in content(table) {
            let mut line = String::from("|");
            for cell in content(row) {
                let text = line::write(
                    content(crate::modules::atlassian::adf::form::cell_paragraph(cell)?),
                    Position::Cell,
                    self.registry,
                )?;
                let space = if text.is_empty() { "" } else { " " };
                line.push_str(&[space, &text, " |"].concat());
            }
            lines.push(line);
            if lines.len() == 1 {
                lines.push(format!("|{}", " --- |".repeat(content(row).len())));
            }
        }
        Some(lines.join("\n"))
    }
}

/// Writes blocks with empty lines between. Adjacent lists alternate their markers, because Markdown would join them into one
/// list.
fn joined(
    nodes: &[Value],
    mut write: impl FnMut(&Value, bool) -> Option<String>,
) -> Option<String> {
    let mut blocks = Vec::with_capacity(nodes.len());
    let mut second = false;
    for (index, node) in nodes.iter().enumerate() {
        second = is_list(node) && index > 0 && is_list(&nodes[index - 1]) && !second;
        blocks.push(write(node, second)?);
    }
    Some(blocks.join("\n\n"))
}

fn is_list(node: &Value) -> bool {
    matches!(kind(node), "bulletList" | "orderedList" | "taskList") && form(node) == Form::Said
}

/// Writes a fenced block (`CommonMark` 4.5); its fence is longer than any inside.
fn code_block(node: &Value) -> String {
    let text: String = content(node).iter().filter_map(|child| child["text"].as_str()).collect();
    let language = node["attrs"]["language"].as_str().unwrap_or_default();
    let longest = text.split(|letter| letter != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat((longest + 1).max(3));
    if content(node).is_empty() {
        format!("{fence}{language}\n{fence}")
    } else {
        format!("{fence}{language}\n{text}\n{fence}")
    }
}

/// Returns the levels of nesting in a node, itself included.
fn levels(node: &Value) -> usize {
    1 + content(node).iter().map(levels).max().unwrap_or_default()
}

/// Writes a list item. A tab inside keeps its width only if the item begins at a multiple of four columns.
fn indented(text: &str, marker: &str, width: usize) -> String {
    let (marker, width) = if text.contains('\t') && width < 4 && !marker.contains('[') {
        (format!("{marker:4}"), 4)
    } else {
        (marker.to_owned(), width)
    };
    prefixed(text, &marker, &" ".repeat(width))
}

fn prefixed(text: &str, first: &str, rest: &str) -> String {
    let lines = text.split('\n').enumerate().map(|(index, line)| match index {
        0 => format!("{first}{line}").trim_end_matches(' ').to_owned(),
        _ if line.is_empty() => rest.trim_end_matches(' ').to_owned(),
        _ => format!("{rest}{line}"),
    });
    lines.collect::<Vec<_>>().join("\n")
}
