//! Runs of rich text as Notion's Markdown within a line.
//!
//! Source: <https://developers.notion.com/guides/data-apis/enhanced-markdown>, "Escaping", "Rich text formatting" and
//! "Mentions".

use serde_json::Value;

/// What Notion wants to be escaped outside of code.
const ESCAPED: &str = "\\*~`$[]<>{}|^";

/// What formats the words of a run, from the outside in.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Mark {
    Link(String),
    Color(String),
    Underline,
    Bold,
    Italic,
    Strikethrough,
}

impl Mark {
    fn open(&self) -> String {
        match self {
            Self::Link(_) => "[".to_owned(),
            Self::Color(color) => format!("<span color=\"{color}\">"),
            Self::Underline => "<span underline=\"true\">".to_owned(),
            Self::Bold => "**".to_owned(),
            Self::Italic => "*".to_owned(),
            Self::Strikethrough => "~~".to_owned(),
        }
    }

    fn close(&self) -> String {
        match self {
            Self::Link(url) => format!("]({})", target(url)),
            Self::Color(_) | Self::Underline => "</span>".to_owned(),
            other => other.open(),
        }
    }
}

/// The runs as one Markdown text. Marks stand at the words themselves (Markdown knows none beside a blank), and runs that
/// share a mark share its signs: `**a *b***`, not `**a *****b***`.
pub fn markdown<'v>(runs: impl Iterator<Item = &'v Value>) -> String {
    let mut out = String::new();
    let mut open: Vec<Mark> = Vec::new();
    let mut blanks = String::new();
    for (marks, text) in merged(runs) {
        let words = text.trim();
        if words.is_empty() {
            blanks.push_str(&text);
            continue;
        }
        let (before, rest) = text.split_at(text.len() - text.trim_start().len());
        blanks.push_str(before);
        let kept = open.iter().take_while(|mark| marks.contains(mark)).count();
        for mark in open.drain(kept..).rev() {
            out.push_str(&mark.close());
        }
        out.push_str(&std::mem::take(&mut blanks));
        for mark in marks {
            if !open.contains(&mark) {
                out.push_str(&mark.open());
                open.push(mark);
            }
        }
        out.push_str(words);
        blanks.push_str(&rest[words.len()..]);
    }
    for mark in open.iter().rev() {
        out.push_str(&mark.close());
    }
    out + &blanks
}

/// The marks and the Markdown of each run; neighbours of the same formatting are one.
fn merged<'v>(runs: impl Iterator<Item = &'v Value>) -> Vec<(Vec<Mark>, String)> {
    let mut merged: Vec<(Vec<Mark>, bool, String)> = Vec::new();
    for run in runs {
        let text = run["plain_text"].as_str().unwrap_or_default();
        let marks = marks(run, text);
        let code = run["annotations"]["code"] == true && run["type"] == "text";
        match merged.last_mut() {
            Some((known, true, code_text)) if code && *known == marks => code_text.push_str(text),
            _ if code => merged.push((marks, true, text.to_owned())),
            _ => merged.push((marks, false, literal(run, text))),
        }
    }
    let written = |(marks, code, text): (Vec<Mark>, bool, String)| {
        (marks, if code { code_span(&text) } else { text })
    };
    merged.into_iter().map(written).collect()
}

fn marks(run: &Value, text: &str) -> Vec<Mark> {
    let annotations = &run["annotations"];
    let is = |name: &str| annotations[name] == true;
    let link = run["href"].as_str().filter(|_| run["type"] == "text");
    // An address that is its own text is a link already.
    let link = link.filter(|url| *url != text.trim()).map(|url| Mark::Link(url.to_owned()));
    let color = annotations["color"].as_str().filter(|color| *color != "default");
    let color = color.map(|color| Mark::Color(color.replace("_background", "_bg")));
    let of = |name: &str, mark: Mark| is(name).then_some(mark);
    [
        link,
        color,
        of("underline", Mark::Underline),
        of("bold", Mark::Bold),
        of("italic", Mark::Italic),
        of("strikethrough", Mark::Strikethrough),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A run that is no code, without its marks.
fn literal(run: &Value, text: &str) -> String {
    match run["type"].as_str() {
        Some("equation") => {
            let expression = run["equation"]["expression"].as_str().unwrap_or(text);
            format!("${}$", expression.trim())
        }
        Some("mention") => mention(&run["mention"], text),
        _ if run["href"].as_str() == Some(text.trim()) => text.to_owned(),
        _ => escaped(text),
    }
}

fn mention(mention: &Value, text: &str) -> String {
    let id = |kind: &str| mention[kind]["id"].as_str().unwrap_or_default();
    let page = |kind: &str| format!("https://www.notion.so/{}", id(kind).replace('-', ""));
    match mention["type"].as_str() {
        Some("user") => {
            format!("<mention-user url=\"user://{}\">{}</mention-user>", id("user"), escaped(text))
        }
        Some("page") => {
            format!("<mention-page url=\"{}\">{}</mention-page>", page("page"), escaped(text))
        }
        Some("database") => {
            format!(
                "<mention-database url=\"{}\">{}</mention-database>",
                page("database"),
                escaped(text)
            )
        }
        Some("date") => {
            let date = &mention["date"];
            let attribute = |(name, member): (&str, &str)| {
                date[member].as_str().map(|value| format!(" {name}=\"{value}\""))
            };
            let attributes = [("start", "start"), ("end", "end"), ("timeZone", "time_zone")]
                .into_iter()
                .filter_map(attribute);
            format!("<mention-date{}/>", attributes.collect::<String>())
        }
        _ => escaped(text),
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if character == '\n' {
            // A line of its own would be a block of its own.
            escaped.push_str("<br>");
            continue;
        }
        if ESCAPED.contains(character) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

/// Code between more backticks than it has in a row (`CommonMark` 0.31.2, section 6.1).
fn code_span(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest + 1);
    let edge = text.starts_with('`') || text.ends_with('`');
    let padding = if edge { " " } else { "" };
    format!("{fence}{padding}{text}{padding}{fence}")
}

/// An address within `(` and `)`.
fn target(url: &str) -> String {
    let mut depth = 0;
    let balanced = url.chars().all(|c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        depth >= 0
    }) && depth == 0;
    url.chars()
        .map(|c| match c {
            '(' if !balanced => "%28".to_owned(),
            ')' if !balanced => "%29".to_owned(),
            '<' => "%3C".to_owned(),
            '>' => "%3E".to_owned(),
            c if c.is_whitespace() => "%20".to_owned(),
            c => c.to_string(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
    use serde_json::json;

    use super::*;

    fn run(text: &str, annotations: Value, href: Option<&str>) -> Value {
        json!({"type": "text", "plain_text": text, "annotations": annotations, "href": href})
    }

    #[test]
    fn formatting_becomes_markdown_at_the_words() {
        let check = |runs: &[Value], expected: &str| {
            assert_eq!(markdown(runs.iter()), expected, "{runs:?}");
        };
        let none = || json!({"bold": false, "color": "default"});
        check(&[run("a b ", none(), None)], "a b ");
        check(&[run("a b ", json!({"bold": true}), None)], "**a b** ");
        check(&[run("a b ", json!({"code": true, "italic": true}), None)], "*`a b `*");
        check(
            &[run("a b ", json!({"strikethrough": true}), Some("https://x.example"))],
            "[~~a b~~](https://x.example) ",
        );
        check(&[run("https://x.example", none(), Some("https://x.example"))], "https://x.example");
        check(&[run(" ", json!({"bold": true}), None)], " ");
        check(
            &[
                run("a", json!({"bold": true}), None),
                run("b", json!({"bold": true, "italic": true}), None),
            ],
            "**a*b***",
        );
        check(&[run("a ", json!({"bold": true}), None), run("b", none(), None)], "**a** b");
        check(
            &[run("2*3*4 [x](y) $5 `c` <b>", none(), None)],
            "2\\*3\\*4 \\[x\\](y) \\$5 \\`c\\` \\<b\\>",
        );
        check(&[run("a``b", json!({"code": true}), None)], "```a``b```");
        check(&[run("`", json!({"code": true}), None)], "`` ` ``");
        check(&[run("a", none(), Some("https://x.example/(a"))], "[a](https://x.example/%28a)");
        check(&[run("a", none(), Some("https://x.example/b_(c)"))], "[a](https://x.example/b_(c))");
        check(
            &[run("a", json!({"underline": true, "color": "red_background"}), None)],
            "<span color=\"red_bg\"><span underline=\"true\">a</span></span>",
        );
        check(&[run("a\nb", none(), None)], "a<br>b");
        let equation = json!({"type": "equation", "plain_text": "e=mc^2", "equation": {"expression": "e=mc^2"}});
        check(&[equation], "$e=mc^2$");
        let id = "195de922-1179-449f-ab80-75a27c979105";
        let user = json!({"type": "mention", "plain_text": "@Ada", "mention": {"type": "user", "user": {"id": id}}});
        check(&[user], &format!("<mention-user url=\"user://{id}\">@Ada</mention-user>"));
        let date = json!({"type": "mention", "plain_text": "…", "mention": {"type": "date", "date": {"start": "2026-01-31", "end": null}}});
        check(&[date], "<mention-date start=\"2026-01-31\"/>");
    }

    type Seen = (String, [bool; 4], Option<String>);

    /// What a reader of Markdown sees: each piece of text with its formatting; blanks have none.
    fn seen(text: &str) -> Vec<Seen> {
        let mut marks = [0; 3];
        let mut link = None;
        let mut seen: Vec<Seen> = Vec::new();
        for event in Parser::new_ext(text, Options::ENABLE_STRIKETHROUGH) {
            match event {
                Event::Start(Tag::Strong) => marks[0] += 1,
                Event::End(TagEnd::Strong) => marks[0] -= 1,
                Event::Start(Tag::Emphasis) => marks[1] += 1,
                Event::End(TagEnd::Emphasis) => marks[1] -= 1,
                Event::Start(Tag::Strikethrough) => marks[2] += 1,
                Event::End(TagEnd::Strikethrough) => marks[2] -= 1,
                Event::Start(Tag::Link { dest_url, .. }) => link = Some(dest_url.to_string()),
                Event::End(TagEnd::Link) => link = None,
                Event::Text(text) => {
                    push(
                        &mut seen,
                        &text,
                        [marks[0] > 0, marks[1] > 0, marks[2] > 0, false],
                        link.as_deref(),
                    );
                }
                Event::Code(text) => {
                    push(
                        &mut seen,
                        &text,
                        [marks[0] > 0, marks[1] > 0, marks[2] > 0, true],
                        link.as_deref(),
                    );
                }
                _ => {}
            }
        }
        seen
    }

    fn push(seen: &mut Vec<Seen>, text: &str, marks: [bool; 4], link: Option<&str>) {
        for character in text.chars() {
            let blank = character.is_whitespace() && !marks[3];
            let (marks, link) =
                if blank { ([false; 4], None) } else { (marks, link.map(str::to_owned)) };
            match seen.last_mut() {
                Some((known, same, target)) if *same == marks && *target == link => {
                    known.push(character);
                }
                _ => seen.push((character.to_string(), marks, link)),
            }
        }
    }

    #[test]
    fn formatting_survives_a_reader_of_markdown() {
        let words = [
            "plain",
            "a*b",
            "x_y",
            "[z]",
            "`tick`",
            "~~no~~",
            "日本語",
            "<b>",
            "C:\\dir",
            "5 $ or 6 $",
            "don't",
            "(see)",
        ];
        let links =
            [None, None, None, Some("https://x.example/a"), Some("https://x.example/b_(c)?d=e&f")];
        let mut state = 3_u64;
        let mut below = |bound: usize| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).expect("31 bits fit") % bound
        };
        for round in 0..5_000 {
            let mut expected: Vec<Seen> = Vec::new();
            let mut runs = Vec::new();
            for at in 0..=below(5) {
                // Words are parted by blanks: what stands in the middle of one depends on the reader.
                let text =
                    format!("{}{}", if at == 0 { "" } else { " " }, words[below(words.len())]);
                let code = below(6) == 0;
                let marks = [below(3) == 0, below(3) == 0, below(3) == 0, code];
                let link = links[below(links.len())];
                let text = if code { text.trim().to_owned() } else { text };
                if code && at > 0 {
                    runs.push(run(" ", json!({}), None));
                    push(&mut expected, " ", [false; 4], None);
                }
                push(&mut expected, &text, marks, link);
                let annotations = json!({"bold": marks[0], "italic": marks[1], "strikethrough": marks[2], "code": code});
                runs.push(run(&text, annotations, link));
            }
            let written = markdown(runs.iter());
            // `pulldown-cmark` reads Notion's own signs as text.
            let as_commonmark = written.replace("\\$", "$");
            assert_eq!(seen(&as_commonmark), expected, "round {round}: {written}");
        }
    }
}
