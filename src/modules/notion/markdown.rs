//! Reads Notion's Markdown of whole pages: its headings, its code, and the addresses of files that Notion stores.
//!
//! Source: <https://developers.notion.com/guides/data-apis/enhanced-markdown>. Children are indented by tabs, and what stands
//! in code is literal.

use std::borrow::Cow;
use std::collections::HashMap;

use pulldown_cmark::{Event, Options, Parser};
use serde_json::Value;

use crate::error::{Code, Error};

/// The query parameter by which the signed address of a file that Notion stores is recognized.
const SIGNATURES: [&str; 2] = ["X-Amz-Signature=", "signature="];

/// Hosts of those addresses.
const HOSTS: [&str; 3] = [".amazonaws.com/", ".notion.so/", ".notionusercontent.com/"];

/// A field hook: a page's Markdown with the addresses of files that Notion keeps cut down to what stays the same. Each
/// signature has some 600 characters and expires within the hour.
pub fn without_signatures(markdown: &Value) -> Value {
    markdown
        .as_str()
        .map(|text| map_addresses(text, |url| signed(url).map(|(path, _)| path)).into_owned())
        .into()
}

/// The text with the signatures of this page's files, so that Notion knows them again.
pub fn with_signatures(text: &str, page: &str) -> String {
    let mut files: HashMap<&str, &str> = HashMap::new();
    map_addresses(page, |url| {
        if let Some((path, whole)) = signed(url) {
            files.insert(path, whole);
        }
        None
    });
    map_addresses(text, |url| files.get(url).copied()).into_owned()
}

/// The signed addresses of the files that Notion keeps, in a page's Markdown as Notion gives it.
pub fn signed_addresses(markdown: &str) -> Vec<&str> {
    let mut files = Vec::new();
    map_addresses(markdown, |url| {
        files.extend(signed(url).map(|(_, whole)| whole));
        None
    });
    files
}

/// Whether a text holds the address of a file that Notion keeps, without its signature.
pub fn has_files(text: &str) -> bool {
    let mut found = false;
    map_addresses(text, |url| {
        found |= !url.contains('?') && is_kept(url);
        None
    });
    found
}

/// The address without its query, and whole, if it is that of a file that Notion keeps.
fn signed(url: &str) -> Option<(&str, &str)> {
    let (path, query) = url.split_once('?')?;
    (is_kept(path) && SIGNATURES.iter().any(|mark| query.contains(mark))).then_some((path, url))
}

fn is_kept(path: &str) -> bool {
    HOSTS.iter().any(|host| path.contains(host))
}

/// The text with other addresses where `other` gives one, code left alone.
fn map_addresses<'t>(
    text: &'t str,
    mut other: impl FnMut(&'t str) -> Option<&'t str>,
) -> Cow<'t, str> {
    let mut changed = String::new();
    let mut copied = 0;
    for (start, line) in lines_outside_code(text) {
        let mut at = 0;
        while let Some(found) = line[at..].find("https://") {
            let from = at + found;
            let ends = |c: char| {
                c.is_whitespace() || matches!(c, ')' | '"' | '>' | '<' | ']' | '`' | '\\')
            };
            let to = line[from..].find(ends).map_or(line.len(), |length| from + length);
            if let Some(url) = other(&line[from..to]) {
                changed.push_str(&text[copied..start + from]);
                changed.push_str(url);
                copied = start + to;
            }
            at = to;
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    changed.push_str(&text[copied..]);
    Cow::Owned(changed)
}

/// A heading of a page.
pub struct Heading<'a> {
    /// The beginning of its line, in bytes.
    start: usize,
    level: usize,
    /// Its Markdown, without the colour and the toggle behind it.
    text: &'a str,
}

impl Heading<'_> {
    /// Whether it is called so: by its Markdown or by the words that one sees, in any case.
    fn is_named(&self, name: &str) -> bool {
        let same = |one: &str, other: &str| one.to_lowercase() == other.to_lowercase();
        same(self.text, name) || same(&words(self.text), &words(name))
    }
}

/// A section of a page: a heading with all that stands below it, up to the next heading of its level or a higher one.
///
/// # Errors
///
/// [`Code::NotFound`] naming the headings that there are, [`Code::InvalidParams`] for one that is there several times.
pub fn section<'a>(page: &'a str, heading: &str) -> Result<&'a str, Error> {
    let headings = headings(page);
    let wanted = name_of(heading);
    let mut matching = headings.iter().enumerate().filter(|(_, known)| known.is_named(wanted));
    let (at, found) = matching.next().ok_or_else(|| {
        let known: Vec<_> = headings.iter().map(|heading| format!("`{}`", heading.text)).collect();
        let hint = if known.is_empty() {
            "It has no headings: use edit_page.".to_owned()
        } else {
            format!("There are {}.", known.join(", "))
        };
        Error::new(Code::NotFound, format!("The page has no heading `{wanted}`.")).with_hint(hint)
    })?;
    if matching.next().is_some() {
        return Err(Error::invalid_params(format!("The page has several headings `{wanted}`."))
            .with_hint("Use edit_page."));
    }
    let next = headings[at + 1..].iter().find(|next| next.level <= found.level);
    let end = next.map_or(page.len(), |next| next.start);
    Ok(page[found.start..end].trim_end())
}

/// A section's new text below the heading that it has; a heading of the same name that `text` begins with is the same one
/// given again.
pub fn replaced(section: &str, text: &str) -> String {
    let title = section.lines().next().unwrap_or_default();
    let text = text.trim_matches(['\n', '\r']);
    let own = headings(section).into_iter().next();
    let again = own.zip(headings(text).into_iter().next()).is_some_and(|(own, first)| {
        first.start == 0 && first.level <= own.level && first.is_named(own.text)
    });
    let below = if again { text.split_once('\n').map_or("", |(_, below)| below) } else { text };
    format!("{title}\n{below}").trim_end().to_owned()
}

/// Returns the headings outside code, and outside indented text, which belongs to a toggle or a column.
fn headings(page: &str) -> Vec<Heading<'_>> {
    let heading = |(start, line): (usize, &'_ str)| {
        let text = line.trim_start_matches('#');
        let level = line.len() - text.len();
        ((1..=6).contains(&level) && text.starts_with([' ', '\t'])).then_some((start, level))
    };
    let found = lines_outside_code(page).filter_map(heading);
    let line_at = |start: usize| page[start..].lines().next().unwrap_or_default();
    found.map(|(start, level)| Heading { start, level, text: name_of(line_at(start)) }).collect()
}

/// A heading's line without its `#`, and without the colour and the toggle behind it: `# Plan {color="blue"}`.
fn name_of(line: &str) -> &str {
    let text = line.trim().trim_start_matches('#').trim();
    let attributes = |text: &str| text.contains('=') && text.ends_with('"');
    match text.strip_suffix('}').and_then(|text| text.rsplit_once('{')) {
        Some((text, inner)) if attributes(inner) && !text.ends_with('\\') => text.trim(),
        _ => text,
    }
}

/// What one sees of a line of Markdown.
fn words(markdown: &str) -> String {
    let parser = Parser::new_ext(markdown, Options::ENABLE_STRIKETHROUGH);
    let seen = parser.filter_map(|event| match event {
        Event::Text(text) | Event::Code(text) => Some(text),
        _ => None,
    });
    seen.collect::<Vec<_>>().concat()
}

/// The lines that are no code and do not begin or end any, with the byte that each begins at (`CommonMark` 0.31.2, section 4.5).
/// Indentation does not matter: Notion indents what stands in a toggle, its code included.
fn lines_outside_code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let (mut next, mut fence) = (0, None);
    text.split_inclusive('\n').filter_map(move |line| {
        let start = next;
        next += line.len();
        if let Some((mark, length)) = fence {
            let rest = line.trim().trim_start_matches(mark);
            if rest.is_empty() && line.trim().len() >= length {
                fence = None;
            }
            None
        } else {
            fence = opened(line);
            fence.is_none().then_some((start, line.trim_end_matches(['\n', '\r'])))
        }
    })
}

/// The mark and the length of the fence that a line opens.
fn opened(line: &str) -> Option<(char, usize)> {
    let line = line.trim();
    let mark = line.chars().next().filter(|mark| matches!(mark, '`' | '~'))?;
    let info = line.trim_start_matches(mark);
    let length = line.len() - info.len();
    // A code span may stand at the start of a line: "```a``` b".
    (length >= 3 && !(mark == '`' && info.contains('`'))).then_some((mark, length))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const PAGE: &str = "Intro\n# Plan {color=\"blue\"}\nFirst\n## Steps\n- one\n```\n# no heading\n```\n\t## inside a toggle\n\n# Later\nx\n# later\n";

    #[test]
    fn a_section_ends_at_the_next_heading_of_its_level() {
        let check = |page: &str, heading: &str, expected: &str| {
            assert_eq!(section(page, heading).expect("it is there"), expected, "{heading}");
        };
        let steps = "## Steps\n- one\n```\n# no heading\n```\n\t## inside a toggle";
        check(PAGE, "Steps", steps);
        check(PAGE, "## steps ", steps);
        check(PAGE, "plan", &format!("# Plan {{color=\"blue\"}}\nFirst\n{steps}"));
        check(
            PAGE,
            "# Plan {color=\"blue\"}",
            &format!("# Plan {{color=\"blue\"}}\nFirst\n{steps}"),
        );
        let marked = "# **Big** \\[plan\\] `x`\na\n# Ünder\nb";
        for heading in ["Big [plan] x", "**Big** \\[plan\\] `x`", "big [PLAN] x"] {
            check(marked, heading, "# **Big** \\[plan\\] `x`\na");
        }
        check(marked, "ünder", "# Ünder\nb");
        check("# Use {braces}\na", "Use {braces}", "# Use {braces}\na");
    }

    #[test]
    fn code_is_what_commonmark_takes_for_code() {
        let check = |page: &str, expected: &str| {
            assert_eq!(section(page, "A").expect("it is there"), expected, "{page}");
        };
        check("# A\n````\n```\n# B\n```\n````\n# C\nx", "# A\n````\n```\n# B\n```\n````");
        check("# A\n~~~\n```\n# B\n~~~\n# C\nx", "# A\n~~~\n```\n# B\n~~~");
        check("# A\n```\n~~~\n# B\n```\n# C\nx", "# A\n```\n~~~\n# B\n```");
        check("# A\n```md\n```rust\n# B\n```\n# C\nx", "# A\n```md\n```rust\n# B\n```");
        check("# A\n```a``` is code\n# C\nx", "# A\n```a``` is code");
        check("# A\n\t```\n\t# B\n# B\n\t```\n# C\nx", "# A\n\t```\n\t# B\n# B\n\t```");
        check("# A\n```\n# never closed", "# A\n```\n# never closed");
        check("# A\r\n```\r\n# B\r\n```\r\n# C\r\nx", "# A\r\n```\r\n# B\r\n```");
    }

    #[test]
    fn a_heading_must_be_there_once() {
        let check = |page: &str, heading: &str, code: Code, part: &str| {
            let error = section(page, heading).expect_err("it is not there once");
            assert!(error.code() == code && error.to_string().contains(part), "{heading}: {error}");
        };
        check(PAGE, "no heading", Code::NotFound, "`Steps`");
        check(PAGE, "Later", Code::InvalidParams, "several");
        check("Text", "Later", Code::NotFound, "no headings");
    }

    #[test]
    fn a_heading_that_is_given_again_is_not_doubled() {
        let check = |section: &str, text: &str, expected: &str| {
            assert_eq!(replaced(section, text), expected, "{text}");
        };
        check("## Steps\nold", "new", "## Steps\nnew");
        check("## Steps\nold", "## Steps\nnew", "## Steps\nnew");
        check("## Steps\nold", "\n\n## steps\n\nnew\n", "## Steps\n\nnew");
        check("## Steps\nold", "# Steps\nnew", "## Steps\nnew");
        check("## Steps\nold", "### Steps\nnew", "## Steps\n### Steps\nnew");
        check("## Steps\nold", "## Other\nnew", "## Steps\n## Other\nnew");
        check(
            "## **Steps** {toggle=\"true\"}\n\told",
            "## Steps\n\tnew",
            "## **Steps** {toggle=\"true\"}\n\tnew",
        );
        check("## Steps\nold", "", "## Steps");
        check("## Steps\nold", "## Steps", "## Steps");
        check("## Steps\nold", "\tindented\nx", "## Steps\n\tindented\nx");
    }

    #[test]
    fn signatures_of_files_are_left_out_and_come_back() {
        let path = "https://prod-files-secure.s3.us-west-2.amazonaws.com/w/f/a%20b.png";
        let whole = format!("{path}?X-Amz-Algorithm=A&X-Amz-Signature=00ff&x-id=GetObject");
        let page = format!(
            "![a]({whole})\n\t<file src=\"{whole}\">x</file>\nhttps://x.example/a?signature=1 https://x.example/?a=1\n```\n{whole}\n```\n"
        );
        let short = without_signatures(&json!(page));
        let expected = format!(
            "![a]({path})\n\t<file src=\"{path}\">x</file>\nhttps://x.example/a?signature=1 https://x.example/?a=1\n```\n{whole}\n```\n"
        );
        assert_eq!(short, json!(expected));
        assert_eq!(with_signatures(&expected, &page), page);
        assert!(has_files(&expected) && !has_files("https://x.example/a.png"));
        let unknown = "![a](https://prod-files-secure.s3.us-west-2.amazonaws.com/w/other/a.png)";
        assert_eq!(with_signatures(unknown, &page), unknown);
        assert_eq!(without_signatures(&Value::Null), Value::Null);
    }

    /// Numbers without a pattern, the same in every run.
    struct Random(u64);

    impl Random {
        fn below(&mut self, bound: usize) -> usize {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(self.0 >> 33).expect("31 bits fit") % bound
        }
    }

    #[test]
    fn a_page_that_is_read_and_written_back_unchanged_loses_nothing() {
        let signed =
            "https://prod-files-secure.s3.us-west-2.amazonaws.com/w/f1/a.png?X-Amz-Signature=1";
        let lines = [
            "# One",
            "## Two",
            "### Three {color=\"blue\"}",
            "# \\*Four\\*",
            "text",
            "",
            "\t- child",
            "```",
            "````rust",
            "~~~",
            "```a``` b",
            "# One",
            "\t# in a toggle",
            "- [x] done",
            "> quote<br>more",
            "$$",
            "| a | b |",
            "---",
            "<details>",
            "</details>",
            "\\`\\`\\`",
            "日本語 🎉",
            "a  ",
            "![](IMAGE)",
            "<file src=\"IMAGE\"></file>",
        ];
        let mut random = Random(7);
        for round in 0..3_000 {
            let count = 1 + random.below(14);
            let page: Vec<_> = (0..count)
                .map(|_| lines[random.below(lines.len())].replace("IMAGE", signed))
                .collect();
            let page = page.join("\n");
            let shown = without_signatures(&json!(page));
            let shown = shown.as_str().expect("it is a text");
            assert_eq!(with_signatures(shown, &page), page, "round {round}");
            for heading in headings(shown) {
                // What Notion does with `old_str` and `new_str`, where the heading is there once.
                let (Ok(old), Ok(read)) =
                    (section(&page, heading.text), section(shown, heading.text))
                else {
                    continue;
                };
                let with_heading = with_signatures(&replaced(old, read), &page);
                assert_eq!(with_heading, old, "round {round}, with its heading: {page:?}");
                let below = read.split_once('\n').map_or("", |(_, below)| below);
                let repeated = headings(below).first().is_some_and(|first| first.start == 0);
                if !below.starts_with(['\n', '\r']) && !repeated {
                    assert_eq!(
                        with_signatures(&replaced(old, below), &page),
                        old,
                        "round {round}: {page:?}"
                    );
                }
            }
        }
    }
}
