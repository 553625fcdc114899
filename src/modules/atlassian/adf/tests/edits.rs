use serde_json::{Value, json};

use super::{document, marked, paragraph, text};
use crate::modules::atlassian::adf::{from_markdown, replace_section, to_markdown};

/// Holds that replacing some words of the Markdown changes the document at that place, and nowhere else.
fn check(previous: &Value, [from, to]: [&str; 2], pointer: &str, expected: &Value) {
    let markdown = to_markdown(previous);
    assert!(markdown.contains(from), "{from} is not in\n{markdown}");
    let edited = from_markdown(&markdown.replacen(from, to, 1), Some(previous)).unwrap();
    let mut wanted = previous.clone();
    *wanted.pointer_mut(pointer).unwrap() = expected.clone();
    assert_eq!(edited, wanted, "{markdown}");
}

fn mention() -> Value {
    json!({"type": "mention", "attrs": {"id": "7", "text": "@Ada", "localId": "m"}})
}

fn panel(content: &Value) -> Value {
    json!({"type": "panel", "attrs": {"panelType": "info", "localId": "p"}, "content": content})
}

/// The placeholder that a Markdown text begins with.
fn placeholder(markdown: &str) -> &str {
    &markdown[..markdown.find('⟧').unwrap() + '⟧'.len_utf8()]
}

#[test]
fn placeholders_read_well() {
    for (node, label) in [
        (mention(), ": @Ada⟧"),
        (json!({"type": "status", "attrs": {"text": "DONE", "color": "green"}}), ": DONE⟧"),
        (json!({"type": "emoji", "attrs": {"shortName": ":smile:", "text": "😄"}}), ": 😄⟧"),
        (json!({"type": "date", "attrs": {"timestamp": "1732233600000"}}), ": 2024-11-22⟧"),
        (json!({"type": "date", "attrs": {"timestamp": "1709164800000"}}), ": 2024-02-29⟧"),
        (
            json!({"type": "inlineExtension", "attrs": {"extensionKey": "toc", "text": "a\n⟦b⟧"}}),
            ": toc a b⟧",
        ),
    ] {
        let markdown = to_markdown(&document([paragraph([node.clone()])]));
        assert!(
            markdown.starts_with(&format!("⟦{} ", node["type"].as_str().unwrap()))
                && markdown.ends_with(label),
            "{markdown}"
        );
    }
}

#[test]
fn an_edit_beside_a_placeholder_keeps_it() {
    let color = json!({"type": "textColor", "attrs": {"color": "#ff5630"}});
    let previous = document(json!([
        {"type": "paragraph", "attrs": {"localId": "1"}, "marks": [{"type": "alignment", "attrs": {"align": "center"}}],
            "content": [text("Hello "), mention(), text(", see "), marked("red", [color.clone()])]},
        panel(&json!([paragraph([text("Inside")]), {"type": "mediaSingle", "attrs": {"layout": "center"}, "content": [{"type": "media", "attrs": {"id": "f", "alt": "chart"}}]}])),
    ]));
    check(&previous, ["Hello", "Dear"], "/content/0/content/0", &text("Dear "));
    check(&previous, ["red⟦", "dark red⟦"], "/content/0/content/3", &marked("dark red", [color]));
    check(
        &previous,
        ["Inside", "Inside *it*"],
        "/content/1/content/0/content",
        &json!([text("Inside "), marked("it", [json!({"type": "em"})])]),
    );
}

#[test]
fn comments_that_overlap_are_kept_beside_an_edit() {
    let comment = |id: &str| json!({"type": "annotation", "attrs": {"id": id, "annotationType": "inlineComment"}});
    let words = json!([
        marked("one ", [comment("a")]),
        marked("two", [comment("a"), comment("b")]),
        marked(" three", [comment("b")]),
        text(" four")
    ]);
    let previous = document([paragraph(words)]);
    assert!(!to_markdown(&previous).contains("⟦paragraph"));
    check(&previous, ["four", "five"], "/content/0/content/3/text", &" five".into());
}

#[test]
fn a_changed_block_keeps_what_markdown_does_not_show() {
    let cell = |kind: &str, words: &str| json!({"type": kind, "attrs": {"colwidth": [90], "localId": words}, "content": [paragraph([text(words)])]});
    let row = |kind: &str, words: [&str; 2]| json!({"type": "tableRow", "attrs": {"localId": words[0]}, "content": [cell("tableHeader", words[0]), cell(kind, words[1])]});
    let task = |words: &str, state: &str| json!({"type": "taskItem", "attrs": {"localId": words, "state": state}, "content": [text(words)]});
    let list =
        |items: Value| json!({"type": "bulletList", "attrs": {"localId": "l"}, "content": items});
    let item = |words: &str| json!({"type": "listItem", "attrs": {"localId": words}, "content": [paragraph([text(words)])]});
    let previous = document(json!([
        {"type": "table", "attrs": {"layout": "wide", "width": 900}, "content": [row("tableHeader", ["h1", "h2"]), row("tableCell", ["a", "b"]), row("tableCell", ["c", "d"])]},
        {"type": "taskList", "attrs": {"localId": "t"}, "content": [task("one", "TODO"), task("two", "TODO")]},
        {"type": "heading", "attrs": {"level": 2, "localId": "h"}, "content": [text("Head")]},
        list(json!([item("x"), item("y"), item("z")])),
        {"type": "codeBlock", "attrs": {"language": "sh", "wrap": true}, "content": [text("ls")]},
    ]));
    check(
        &previous,
        ["| b |", "| B |"],
        "/content/0/content/1/content/1/content/0/content/0/text",
        &"B".into(),
    );
    check(
        &previous,
        ["| c | d |", "| c | d |\n| e | f |"],
        "/content/0/content",
        &json!([
            row("tableHeader", ["h1", "h2"]), row("tableCell", ["a", "b"]), row("tableCell", ["c", "d"]),
            {"type": "tableRow", "content": [
                {"type": "tableHeader", "attrs": {"colwidth": [90]}, "content": [paragraph([text("e")])]},
                {"type": "tableCell", "attrs": {"colwidth": [90]}, "content": [paragraph([text("f")])]},
            ]},
        ]),
    );
    check(
        &previous,
        ["- [ ] two", "- [x] two"],
        "/content/1/content/1/attrs/state",
        &"DONE".into(),
    );
    check(&previous, ["- y\n", ""], "/content/3/content", &json!([item("x"), item("z")]));
    check(
        &previous,
        ["- y\n- z", "- z\n- y"],
        "/content/3/content",
        &json!([item("x"), item("z"), item("y")]),
    );
    check(&previous, ["## Head", "### Head"], "/content/2/attrs/level", &3.into());
    check(&previous, ["```sh", "```bash"], "/content/4/attrs/language", &"bash".into());
}

#[test]
fn a_placeholder_can_be_moved_copied_removed_and_relabelled() {
    let file = json!({"type": "extension", "attrs": {"extensionKey": "toc"}});
    let previous = document(json!([paragraph([text("a")]), file, paragraph([text("b")])]));
    let markdown = to_markdown(&document(json!([file])));
    let toc = placeholder(&markdown);
    let renamed = format!("{}: another label⟧", &toc[..toc.find(':').unwrap()]);
    let (a, b) = (paragraph([text("a")]), paragraph([text("b")]));
    for (markdown, blocks) in [
        (format!("{toc}\n\na\n\nb"), json!([file, a, b])),
        (format!("a\n{toc}\nb"), json!([a, file, b])),
        (format!("a\n\n{toc}\n\n{toc}\n\nb"), json!([a, file, file, b])),
        ("a\n\nb".to_owned(), json!([a, b])),
        (format!("a\n\n{renamed}\n\nb"), json!([a, file, b])),
        (
            format!("- {toc}"),
            json!([{"type": "bulletList", "content": [{"type": "listItem", "content": [file]}]}]),
        ),
        (format!("```\n{toc}\n```"), json!([{"type": "codeBlock", "content": [text(toc)]}])),
        (format!("`{toc}`"), json!([paragraph([marked(toc, [json!({"type": "code"})])])])),
    ] {
        assert_eq!(from_markdown(&markdown, Some(&previous)), Ok(document(blocks)), "{markdown}");
    }
}

#[test]
fn a_container_can_be_filled_anew_without_empty_lines() {
    let previous = document(json!([panel(&json!([paragraph([text("old")])]))]));
    let markdown = to_markdown(&previous);
    let open = placeholder(&markdown);
    let edited =
        from_markdown(&format!("{open}\n- new\n⟦/panel⟧\nafter"), Some(&previous)).unwrap();
    let list = json!([{"type": "bulletList", "content": [{"type": "listItem", "content": [paragraph([text("new")])]}]}]);
    assert_eq!(edited, document(json!([panel(&list), paragraph([text("after")])])));
}

#[test]
fn a_misused_placeholder_is_an_error_that_names_it() {
    let previous =
        document(json!([panel(&json!([paragraph([text("x")])])), paragraph([mention()])]));
    let markdown = to_markdown(&previous);
    let open = placeholder(&markdown);
    for (markdown, says) in [
        (format!("{open}\n\nx"), "has no ⟦/panel⟧"),
        (format!("- {open}\n\n⟦/panel⟧"), "has no ⟦/panel⟧"),
        (format!("words {open}"), "stands in a line of text"),
        (format!("# {open}"), "a heading or a table cell"),
        ("⟦mention 0000: @Ada⟧".to_owned(), "⟦mention 0000⟧ is not in the document"),
        ("x ⟦/panel⟧".to_owned(), "⟦/panel⟧ has nothing to close"),
    ] {
        let error = from_markdown(&markdown, Some(&previous)).unwrap_err().to_string();
        assert!(error.contains(says), "{markdown}: {error}");
    }
}

#[test]
fn the_same_node_has_the_same_placeholder_whatever_is_around_it() {
    let shuffled: Value = serde_json::from_str(
        r#"{"attrs": {"localId": "m", "text": "@Ada", "id": "7"}, "type": "mention"}"#,
    )
    .unwrap();
    let alone = to_markdown(&document(json!([paragraph([mention()])])));
    assert_eq!(
        to_markdown(&document(json!([
            paragraph([shuffled]),
            panel(&json!([paragraph([text("x")])]))
        ])))
        .lines()
        .next(),
        Some(alone.as_str())
    );
}

#[test]
fn nodes_with_alike_digests_have_longer_placeholders() {
    let mentions: Vec<Value> =
        (0..2000).map(|id| json!({"type": "mention", "attrs": {"id": id.to_string()}})).collect();
    let previous = document(json!([paragraph(mentions)]));
    let markdown = to_markdown(&previous);
    let ids: Vec<&str> =
        markdown.split('⟦').skip(1).map(|rest| rest.split(':').next().unwrap()).collect();
    assert!(ids.iter().any(|id| id.len() > "mention 0000".len()));
    assert_eq!(ids.iter().collect::<std::collections::HashSet<_>>().len(), 2000);
    assert_eq!(
        from_markdown(&format!("{markdown}\n\nx"), Some(&previous)).unwrap()["content"][0],
        previous["content"][0]
    );
}

#[test]
fn a_section_is_replaced_up_to_the_next_heading_of_its_level() {
    let heading = |level: u64, words: &str| json!({"type": "heading", "attrs": {"level": level, "localId": words}, "content": [text(words)]});
    let column = json!({"type": "layoutColumn", "attrs": {"width": 100}, "content": [heading(2, "In"), paragraph([text("in")])]});
    let kept = json!({"type": "paragraph", "attrs": {"localId": "k"}, "content": [text("kept "), mention()]});
    let previous = document(json!([
        heading(1, "A"), paragraph([text("one")]), kept, heading(2, "B"), paragraph([text("two")]),
        heading(1, "C"), {"type": "layoutSection", "content": [column]}, heading(2, "B"),
    ]));
    let mention = to_markdown(&document(json!([paragraph([mention()])])));
    let replaced =
        replace_section(&previous, "A", &format!("# A\n\nnew\n\nkept {mention}")).unwrap();
    let mut wanted = previous["content"].as_array().unwrap().clone();
    wanted.splice(1..5, [paragraph([text("new")]), kept]);
    assert_eq!(replaced, document(wanted));
    let inside = replace_section(&previous, "## In", "out").unwrap();
    assert_eq!(
        inside["content"][6]["content"][0]["content"],
        json!([heading(2, "In"), paragraph([text("out")])])
    );
    assert_eq!(
        replace_section(&previous, "C", "").unwrap()["content"].as_array().unwrap().len(),
        6
    );
    for (name, says) in [
        ("D", "\"A\", \"B\", \"C\", \"In\", \"B\""),
        ("B", "2 headings"),
        ("### A", "does not have this heading"),
    ] {
        let error = replace_section(&previous, name, "x").unwrap_err();
        assert_eq!(error.code(), crate::error::Code::InvalidParams);
        assert!(error.to_string().contains(says), "{error}");
    }
}
