use serde_json::{Value, json};

use super::{document, marked, paragraph, text};
use crate::modules::atlassian::adf::{
    from_markdown, headings, replace_section, section, to_markdown,
};

/// Checks that replacing some words of the Markdown changes the document at that place, and nowhere else.
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

/// Returns the placeholder at the beginning of a Markdown text.
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
        ("D", "`# A`, `## B`, `# C`, `## In`, `## B`"),
        ("B", "2 headings"),
        ("### A", "does not have this heading"),
    ] {
        let error = replace_section(&previous, name, "x").unwrap_err();
        assert_eq!(error.code(), crate::error::Code::InvalidParams);
        assert!(error.to_string().contains(says), "{error}");
    }
}

/// Returns a line with many hidden attributes: of breaks, cards and links, an order of marks, white space with emphasis, and
/// text in several nodes.
fn hidden() -> Value {
    let link = |id: &str| json!({"type": "link", "attrs": {"href": "https://x.y", "id": id}});
    json!([
        text("one "),
        marked("same", [link("first")]),
        {"type": "hardBreak", "attrs": {"text": "\n", "localId": "b"}},
        marked("two ", [json!({"type": "strong"}), json!({"type": "em"})]),
        marked("same", [link("second")]),
        {"type": "inlineCard", "attrs": {"url": "https://x.y/1", "localId": "c"}},
        {"type": "inlineCard", "attrs": {"url": "https://x.y/1", "localId": "d"}},
        text(" th"),
        text("ree "),
        marked("https://x.y/a", [json!({"type": "link", "attrs": {"href": "https://x.y/a", "id": "third"}})]),
    ])
}

#[test]
fn an_edited_line_keeps_the_attributes_of_all_that_stays_in_it() {
    let media = json!({"type": "media", "attrs": {"id": "f", "type": "file", "collection": ""}});
    let attributes = json!({"localId": "l", "state": "TODO"});
    // Each case replaces the first null with the line.
    let holders = [
        json!({"type": "paragraph", "attrs": {"localId": "p"}, "content": null}),
        json!({"type": "heading", "attrs": {"level": 2, "localId": "h"}, "content": null}),
        json!({"type": "taskList", "attrs": {"localId": "t"}, "content": [{"type": "taskItem", "attrs": attributes, "content": null}]}),
        json!({"type": "bulletList", "content": [{"type": "listItem", "content": [{"type": "paragraph", "content": null}]}]}),
        json!({"type": "blockquote", "content": [{"type": "paragraph", "content": null}]}),
        panel(&json!([{"type": "paragraph", "content": null}])),
        json!({"type": "mediaSingle", "attrs": {"layout": "wide"}, "content": [media, {"type": "caption", "content": null}]}),
        json!({"type": "decisionList", "attrs": {"localId": "d"}, "content": [{"type": "decisionItem", "attrs": {"localId": "e", "state": "DECIDED"}, "content": null}]}),
        json!({"type": "table", "attrs": {"layout": "wide"}, "content": [{"type": "tableRow", "content": [{"type": "tableCell", "attrs": {"background": "#fff"}, "content": [{"type": "paragraph", "content": null}]}]}]}),
    ];
    for holder in holders {
        let with = |line: &Value| -> Value {
            let json = holder.to_string().replacen("null", &line.to_string(), 1);
            document([serde_json::from_str::<Value>(&json).unwrap(), paragraph([text("end")])])
        };
        let previous = with(&hidden());
        let markdown = to_markdown(&previous);
        for (from, to, edited) in [
            ("one ", "1 ", vec![("/0/text", json!("1 "))]),
            ("two", "2", vec![("/3/text", json!("2 "))]),
            ("three", "four", vec![("/7/text", json!(" ")), ("/8/text", json!("four "))]),
            ("th", "Th", vec![("/7/text", json!(" ")), ("/8/text", json!("Three "))]),
            ("[same](https://x.y)", "[other](https://x.y)", vec![("/1/text", json!("other"))]),
            ("one ", "", vec![("/0", Value::Null)]),
        ] {
            let mut line = hidden();
            for (place, value) in &edited {
                *line.pointer_mut(place).unwrap() = value.clone();
            }
            line.as_array_mut().unwrap().retain(|node| !node.is_null());
            let read = from_markdown(&markdown.replacen(from, to, 1), Some(&previous)).unwrap();
            assert_eq!(read, with(&line), "{from} to {to} in\n{markdown}");
        }
        // A link in front of two identical links replaces neither.
        let read = from_markdown(
            &markdown.replacen("one ", "[same](https://x.y) one ", 1),
            Some(&previous),
        )
        .unwrap();
        let ids: Vec<_> = read.to_string().match_indices("\"id\":\"second\"").map(|_| ()).collect();
        assert_eq!(ids.len(), 1, "{read}");
    }
}

/// Returns a page on which a section alone would have shorter placeholders than the whole page.
fn page_with_many_mentions() -> Value {
    let mentions = |from: u64, to: u64| {
        (from..to)
            .map(|id| json!({"type": "mention", "attrs": {"id": id.to_string(), "text": "@A"}}))
            .collect::<Vec<_>>()
    };
    let heading =
        |words: &str| json!({"type": "heading", "attrs": {"level": 1}, "content": [text(words)]});
    document(json!([
        heading("All"),
        paragraph(mentions(0, 1_500)),
        heading("Few"),
        paragraph(mentions(1_500, 2_000)),
    ]))
}

#[test]
fn a_section_is_written_with_the_placeholders_of_its_page() {
    let page = page_with_many_mentions();
    let whole = to_markdown(&page);
    let few = section(&page, "Few").unwrap();
    assert!(whole.ends_with(&few) && few.starts_with("# Few\n\n"), "{few}");
    assert_eq!(replace_section(&page, "Few", &few).unwrap(), page);
    let edited = replace_section(&page, "Few", &format!("{few} and more")).unwrap();
    let line = edited["content"][3]["content"].as_array().unwrap();
    assert_eq!(line[..500], page["content"][3]["content"].as_array().unwrap()[..]);
    assert_eq!(line[500], text(" and more"));
}

#[test]
fn a_heading_has_one_name_wherever_it_is_named() {
    let heading = |level: u64, inline: Value| json!({"type": "heading", "attrs": {"level": level}, "content": inline});
    let emoji = json!({"type": "emoji", "attrs": {"shortName": ":gear:", "text": "⚙"}});
    let status = json!({"type": "status", "attrs": {"text": "DONE", "color": "green"}});
    let date = json!({"type": "date", "attrs": {"timestamp": "1732233600000"}});
    let link = json!({"type": "link", "attrs": {"href": "https://x.y"}});
    let page = document(json!([
        heading(1, json!([text("Set"), text("up "), emoji])),
        heading(
            2,
            json!([
                marked("Bold", [json!({"type": "strong"})]),
                text(" & "),
                marked("code", [json!({"type": "code"})])
            ])
        ),
        heading(2, json!([text("C# * 1")])),
        heading(3, json!([mention(), text(" and "), status])),
        heading(3, json!([text("One"), {"type": "hardBreak"}, text("two")])),
        heading(2, json!([text("Since "), date])),
        heading(2, json!([marked("Docs", [link])])),
        heading(2, json!([text("Same")])),
        heading(3, json!([text("Same")])),
    ]));
    let names = [
        "# Setup ⚙",
        "## Bold & code",
        "## C# * 1",
        "### @Ada and DONE",
        "### One two",
        "## Since 2024-11-22",
        "## Docs",
        "## Same",
        "### Same",
    ];
    assert_eq!(headings(&page), names);
    // By the line of the outline, by its words, by its Markdown, with and without its signs.
    for (at, block) in page["content"].as_array().unwrap().iter().enumerate() {
        let markdown = section(&page, names[at]).unwrap();
        let first = markdown.lines().next().unwrap();
        let words = names[at].trim_start_matches(['#', ' ']);
        let written = first.trim_start_matches(['#', ' ']);
        let mut given = vec![names[at].to_owned(), first.to_owned(), format!("  {first}  ")];
        if words != "Same" {
            given.extend([
                words.to_owned(),
                written.to_owned(),
                format!("{words} ").replace(' ', "  "),
            ]);
        }
        for name in given {
            let found = section(&page, &name).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(found, markdown, "{name}");
            // The heading is not repeated if the new text begins with it.
            for text in
                ["new".to_owned(), format!("{first}\n\nnew"), format!("{}\n\nnew", names[at])]
            {
                let replaced = replace_section(&page, &name, &text).unwrap();
                let blocks = replaced["content"].as_array().unwrap();
                assert_eq!(
                    (&blocks[at], &blocks[at + 1]),
                    (block, &paragraph([super::text("new")])),
                    "{name}"
                );
            }
        }
    }
    let error = section(&page, "Same").unwrap_err();
    assert!(error.hint().unwrap().contains("# signs"), "{error}");
    for missing in ["setup ⚙", "# Same", "", "Bold &"] {
        let error = section(&page, missing).unwrap_err();
        assert!(error.hint().unwrap().contains("`## Bold & code`"), "{error}");
    }
    let error = section(&document(json!([])), "x").unwrap_err();
    assert_eq!(error.hint(), Some("It does not have any headings: read and edit it as a whole."));
}

#[test]
fn a_section_ends_before_the_next_heading_of_its_rank() {
    let heading = |level: u64, words: &str| json!({"type": "heading", "attrs": {"level": level}, "content": [text(words)]});
    let rule = json!({"type": "rule"});
    let panel = panel(&json!([rule, heading(3, "Inside"), rule]));
    let page = document(json!([
        rule,
        heading(1, "A"),
        rule,
        heading(2, "B"),
        panel,
        heading(3, "C"),
        heading(1, "B")
    ]));
    for (name, lines) in [("A", 9), ("## B", 7), ("C", 1), ("# B", 1), ("Inside", 2)] {
        let section = section(&page, name).unwrap();
        let count = section.lines().filter(|line| !line.is_empty()).count();
        assert_eq!(count, lines, "{name}:\n{section}");
    }
}

#[test]
fn placeholders_of_cells_that_span_others_say_how_many() {
    let cell = |attributes: Value| json!({"type": "tableCell", "attrs": attributes, "content": [paragraph([text("x")])]});
    let row = |cells: Value| json!({"type": "tableRow", "content": cells});
    let table = |attributes: Value| {
        document(
            json!([{"type": "table", "content": [row(json!([cell(attributes), cell(json!({}))]))]}]),
        )
    };
    for (attributes, label) in [
        (json!({"colspan": 2}), ": colspan 2⟧"),
        (json!({"rowspan": 3}), ": rowspan 3⟧"),
        (json!({"colspan": 2, "rowspan": 3}), ": colspan 2, rowspan 3⟧"),
    ] {
        let markdown = to_markdown(&table(attributes));
        let line = markdown.lines().find(|line| line.starts_with("⟦tableCell")).unwrap();
        assert!(line.ends_with(label), "{markdown}");
    }
}
