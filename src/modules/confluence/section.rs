//! The sections of a page: its headings, and what stands under one of them.

use serde_json::Value;

use crate::error::Error;

/// A heading and where it stands. Headings in layouts, panels and the like count too.
pub struct Heading<'a> {
    siblings: &'a [Value],
    at: usize,
    level: usize,
    text: String,
}

impl Heading<'_> {
    /// The heading as Markdown: its level as `#` signs, and its text.
    pub fn line(&self) -> String {
        format!("{} {}", "#".repeat(self.level), self.text)
    }
}

/// All headings of a document, in order.
pub fn headings(document: &Value) -> Vec<Heading<'_>> {
    let mut found = Vec::new();
    collect(document, &mut found);
    found
}

fn collect<'a>(node: &'a Value, found: &mut Vec<Heading<'a>>) {
    let siblings = node["content"].as_array().map_or(&[][..], Vec::as_slice);
    for (at, child) in siblings.iter().enumerate() {
        if child["type"] == "heading" {
            let level =
                child["attrs"]["level"].as_u64().and_then(|level| usize::try_from(level).ok());
            found.push(Heading {
                siblings,
                at,
                level: level.unwrap_or(1).clamp(1, 6),
                text: plain(child).trim().to_owned(),
            });
        } else {
            collect(child, found);
        }
    }
}

/// The blocks from a heading to the next one of its level or a higher one, or to the end of what holds them.
///
/// The heading is named by its text, with its `#` signs where the same text stands at several levels.
///
/// # Errors
///
/// [`Code::InvalidParams`](crate::error::Code::InvalidParams) for a heading that is not there, naming those that are, and
/// for one that is there more than once.
pub fn section<'a>(document: &'a Value, heading: &str) -> Result<&'a [Value], Error> {
    let wanted = heading.trim();
    let all = headings(document);
    let found: Vec<_> =
        all.iter().filter(|heading| heading.text == wanted || heading.line() == wanted).collect();
    let [found] = found[..] else {
        return Err(match found.len() {
            0 => Error::invalid_params("The page does not have this heading.").with_hint(
                match &all[..] {
                    [] => "It has none at all: use get_page.".to_owned(),
                    all => format!(
                        "It has `{}`.",
                        all.iter()
                            .map(|heading| heading.text.as_str())
                            .collect::<Vec<_>>()
                            .join("`, `")
                    ),
                },
            ),
            count => Error::invalid_params(format!("The page has {count} headings of that text."))
                .with_hint("Give its # signs too if their levels differ, else use get_page."),
        });
    };
    let below = &found.siblings[found.at + 1..];
    let ends = |block: &Value| {
        block["type"] == "heading" && block["attrs"]["level"].as_u64() <= Some(found.level as u64)
    };
    let length = below.iter().position(ends).unwrap_or(below.len());
    Ok(&found.siblings[found.at..=found.at + length])
}

/// The text of a node without its marks; what has none of its own is described by its attributes (an emoji, a mention).
fn plain(node: &Value) -> String {
    let own = node["text"].as_str().or_else(|| node["attrs"]["text"].as_str()).unwrap_or_default();
    let inner = node["content"].as_array().into_iter().flatten().map(plain);
    std::iter::once(own.to_owned()).chain(inner).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn heading(level: u8, text: &str) -> Value {
        json!({"type": "heading", "attrs": {"level": level}, "content": [{"type": "text", "text": text}]})
    }

    #[test]
    fn a_section_ends_before_the_next_heading_of_its_rank() {
        let emoji = json!({"type": "heading", "attrs": {"level": 1}, "content": [
            {"type": "text", "text": "Set"}, {"type": "text", "text": "up "}, {"type": "emoji", "attrs": {"shortName": ":gear:", "text": "⚙"}},
        ]});
        let rule = || json!({"type": "rule"});
        let panel = json!({"type": "panel", "content": [rule(), heading(3, "Inside"), rule()]});
        let document = json!({"content": [rule(), emoji, rule(), heading(2, "Linux"), panel, heading(3, "Debian"), heading(1, "Linux")]});
        let all = document["content"].as_array().expect("it has content");
        let inside = document["content"][4]["content"].as_array().expect("it has content");
        let check = |name: &str, expected: Option<&[Value]>| {
            assert_eq!(section(&document, name).ok(), expected, "{name:?}");
        };
        check("Setup ⚙", Some(&all[1..6]));
        check("## Linux", Some(&all[3..6]));
        check(" Debian ", Some(&all[5..6]));
        check("# Linux", Some(&all[6..7]));
        check("Inside", Some(&inside[1..3]));
        check("Linux", None);
        check("linux", None);
        let lines: Vec<_> = headings(&document).iter().map(Heading::line).collect();
        assert_eq!(lines, ["# Setup ⚙", "## Linux", "### Inside", "### Debian", "# Linux"]);
    }

    #[test]
    fn a_heading_that_is_not_there_is_answered_with_those_that_are() {
        let check = |document: Value, expected: &str| {
            let error = section(&document, "x").expect_err("there is none");
            assert_eq!(error.hint(), Some(expected));
        };
        check(json!({"content": [heading(1, "a"), heading(2, "b")]}), "It has `a`, `b`.");
        check(
            json!({"content": [heading(1, "x"), heading(1, "x")]}),
            "Give its # signs too if their levels differ, else use get_page.",
        );
        check(json!({"content": []}), "It has none at all: use get_page.");
    }
}
