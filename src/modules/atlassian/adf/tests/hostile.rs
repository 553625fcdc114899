use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{document, marked, paragraph, text};
use crate::modules::atlassian::adf::{MAX_DEPTH, from_markdown, to_markdown};

/// Checks that a text of 8 times the length does not take 64 times as long to read, if the time is long enough to be measured.
fn check_linear(name: &str, run: impl Fn(usize)) {
    let time = |size: usize| {
        let start = Instant::now();
        run(size);
        start.elapsed()
    };
    // On a busy machine, one run may be interrupted; five in a row are not.
    let mut runs = (0..5).map(|_| (time(500), time(4_000)));
    let is_linear = runs.any(|(short, long)| long < (short * 8 * 3).max(Duration::from_secs(2)));
    assert!(is_linear, "{name} took more than 24 times as long, five times");
}

type Text = fn(usize) -> String;

/// Returns a text repeated this many times, each with its number in place of the 0.
fn numbered(size: usize, text: &str) -> String {
    (0..size).map(|number| text.replace('0', &number.to_string())).collect()
}

#[test]
fn hostile_markdown_takes_linear_time() {
    let cases: [(&str, Text); 33] = [
        ("quotes", |size| "> ".repeat(size) + "a"),
        ("lists", |size| "- ".repeat(size) + "a"),
        ("emphasis", |size| "*a ".repeat(size)),
        ("nested emphasis", |size| "*a ".repeat(size) + &"b* ".repeat(size)),
        ("mixed emphasis", |size| "*a **b _c ~~d ".repeat(size)),
        ("strong without space", |size| "**(a)b".repeat(size)),
        ("brackets", |size| "[".repeat(size)),
        ("links", |size| "[a](".repeat(size)),
        ("images", |size| "![a](b)".repeat(size)),
        ("backticks", |size| "`a``".repeat(size)),
        ("tags", |size| "<a ".repeat(size)),
        ("table", |size| {
            format!("{}\n{}\n{}", "|a".repeat(size), "|-".repeat(size), "|\n".repeat(9))
        }),
        ("rows", |size| format!("|a|b|\n|-|-|\n{}", "|c|d|\n".repeat(size))),
        ("opening placeholders", |size| "⟦".repeat(size)),
        ("strong placeholders", |size| "⟦strong⟧".repeat(size)),
        ("pairs of placeholders", |size| "⟦strong⟧a⟦/strong⟧".repeat(size)),
        ("private use", |size| "\u{e000}".repeat(size)),
        ("addresses", |size| "https://".repeat(size)),
        ("invalid addresses", |size| "http://a_b.".repeat(size)),
        ("addresses with backticks", |size| "https://x/`".repeat(size)),
        ("dots", |size| format!("www.a{}b", ".".repeat(size))),
        ("mail", |size| "a@".repeat(size)),
        ("mail without end", |size| format!("a@{}", "b.".repeat(size))),
        ("brackets in an address", |size| format!("https://x/{}", "](".repeat(size))),
        ("definitions", |size| "[a]: b\n".repeat(size)),
        ("definitions of all labels", |size| numbered(size, "[0]: b\n")),
        ("definitions that are used", |size| numbered(size, "[0]\n\n[0]: b\n\n")),
        ("footnotes", |size| numbered(size, "[^0]\n\n[^0]: b\n\n")),
        ("emphasis beside letters", |size| "は**「a」**".repeat(size)),
        ("images in links", |size| "[![a](b)](c)".repeat(size)),
        ("parentheses", |size| format!("https://x{}", ")".repeat(size))),
        ("paragraphs", |size| "a\n\n".repeat(size)),
        ("tasks", |size| "- [ ] a\n".repeat(size)),
    ];
    for (name, text) in cases {
        check_linear(name, |size| drop(from_markdown(&text(size), None)));
    }
}

#[test]
fn hostile_documents_take_linear_time() {
    let nodes = |size: usize, node: fn(usize) -> Value| (0..size).map(node).collect::<Vec<Value>>();
    check_linear("numbers", |size| {
        drop(to_markdown(&document([paragraph([text(&"1. ".repeat(size))])])));
    });
    check_linear("marks", |size| {
        let marks = |index: usize| {
            vec![
                json!({"type": "strong"}),
                json!({"type": "textColor", "attrs": {"color": index % 3}}),
            ]
        };
        let line: Vec<Value> = (0..size / 8).map(|index| marked("a", marks(index))).collect();
        drop(to_markdown(&document([paragraph(line)])));
    });
    check_linear("edits", |size| {
        let previous = document(nodes(size, |index| paragraph([text(&index.to_string())])));
        let markdown = to_markdown(&previous).replace('1', "one").replace("2\n", "\n");
        from_markdown(&markdown, Some(&previous)).unwrap();
    });
    check_linear("equal blocks", |size| {
        let previous = document(nodes(size, |_| paragraph([text("a")])));
        from_markdown(&"a\n\n".repeat(size + 1), Some(&previous)).unwrap();
    });
}

#[test]
fn nesting_has_a_limit_that_is_told() {
    let steps = (0..200).map(|level| "  ".repeat(level) + "- a").collect::<Vec<_>>().join("\n");
    for markdown in ["> ".repeat(10_000) + "a", "- ".repeat(10_000) + "a", steps] {
        let error = from_markdown(&markdown, None).unwrap_err().to_string();
        assert!(error.contains("deeper than 48"), "{error}");
    }
}

#[test]
fn a_document_as_deep_as_json_can_be_is_kept() {
    for (kind, inner) in [
        ("panel", "panel"),
        ("blockquote", "blockquote"),
        ("bulletList", "listItem"),
        ("blockquote", "panel"),
    ] {
        let mut block = paragraph([text("x")]);
        for level in (0..60).rev() {
            block = json!({"type": if level % 2 == 0 { kind } else { inner }, "content": [block]});
        }
        let deep = document([block]);
        let parsed: Value = serde_json::from_str(&deep.to_string()).unwrap();
        let markdown = to_markdown(&parsed);
        assert_eq!(
            from_markdown(&format!("{markdown}\n\nmore"), Some(&deep)).unwrap()["content"][0],
            deep["content"][0],
            "{markdown}"
        );
    }
}

#[test]
fn what_was_read_can_be_nested_in_json_again() {
    let markdown = "- ".repeat(MAX_DEPTH / 2) + "a";
    let document = from_markdown(&markdown, None).unwrap();
    let parsed: Value = serde_json::from_str(&document.to_string()).unwrap();
    assert_eq!(to_markdown(&from_markdown("", Some(&parsed)).unwrap()), "");
}

#[test]
fn odd_markdown_never_panics() {
    const PARTS: [&str; 24] = [
        "a",
        " ",
        "\n",
        "\n\n",
        "- ",
        "1. ",
        "> ",
        "[ ] ",
        "**",
        "_",
        "`",
        "```\n",
        "|",
        "|-|\n",
        "[",
        "](",
        ")",
        "<br>",
        "<",
        "⟦panel 12ab⟧",
        "⟦strong⟧",
        "⟦/strong⟧",
        "\\",
        "\u{e000}",
    ];
    let mut generator = crate::modules::atlassian::adf::tests::generator::Generator::new(7);
    for _ in 0..2_000 {
        let markdown: String =
            (0..generator.below(30)).map(|_| PARTS[generator.below(PARTS.len())]).collect();
        if let Ok(document) = from_markdown(&markdown, None) {
            let written = to_markdown(&document);
            assert_eq!(
                from_markdown(&format!("{written}\n\nx"), Some(&document)).unwrap()["content"]
                    .as_array()
                    .unwrap()
                    .len(),
                document["content"].as_array().unwrap().len() + 1,
                "{markdown:?}\n{written}"
            );
        }
    }
}
