use serde_json::{Value, json};

use super::{document, marked, paragraph, text};
use crate::modules::atlassian::adf::{from_markdown, to_markdown};

/// Holds that the blocks are written as that Markdown, and that it is read as those blocks without knowing them.
fn check(blocks: Value, markdown: &str) {
    let document = document(blocks);
    assert_eq!(to_markdown(&document), markdown);
    assert_eq!(from_markdown(markdown, None).unwrap(), document, "{markdown}");
}

/// Holds that a Markdown text is read as those blocks.
fn check_read(markdown: &str, blocks: &Value) {
    assert_eq!(from_markdown(markdown, None).unwrap()["content"], *blocks, "{markdown}");
}

fn strong() -> Value {
    json!({"type": "strong"})
}

fn link(href: &str) -> Value {
    json!({"type": "link", "attrs": {"href": href}})
}

fn item(blocks: impl Into<Value>) -> Value {
    json!({"type": "listItem", "content": blocks.into()})
}

fn simple_item(words: &str) -> Value {
    item(json!([paragraph([text(words)])]))
}

#[test]
fn blocks_have_the_usual_markdown() {
    for (blocks, markdown) in [
        (json!([]), ""),
        (json!([paragraph([text("One")]), paragraph([text("Two")])]), "One\n\nTwo"),
        (json!([paragraph(json!([])), paragraph([text("x")])]), "⟦empty⟧\n\nx"),
        (json!([{"type": "heading", "attrs": {"level": 3}, "content": [text("C#")]}]), "### C\\#"),
        (json!([{"type": "heading", "attrs": {"level": 2}, "content": []}]), "##"),
        (
            json!([{"type": "heading", "attrs": {"level": 1}, "content": [text("a"), {"type": "hardBreak"}, text("b")]}]),
            "# a<br>b",
        ),
        (json!([{"type": "rule"}]), "---"),
        (
            json!([{"type": "blockquote", "content": [paragraph([text("a")]), paragraph([text("b")])]}]),
            "> a\n>\n> b",
        ),
        (
            json!([{"type": "codeBlock", "attrs": {"language": "rust"}, "content": [text("fn a() {}\n\n```\n")]}]),
            "````rust\nfn a() {}\n\n```\n\n````",
        ),
        (json!([{"type": "codeBlock"}]), "```\n```"),
        (
            json!([{"type": "codeBlock", "content": [text("⟦panel 12ab⟧\n⟦/panel⟧ &amp; \u{e000}")]}]),
            "```\n⟦panel 12ab⟧\n⟦/panel⟧ &amp; \u{e000}\n```",
        ),
    ] {
        check(blocks, markdown);
    }
}

#[test]
fn lists_nest_and_stay_apart() {
    let bullets = |items: Value| json!({"type": "bulletList", "content": items});
    let nested = item(json!([paragraph([text("a")]), bullets(json!([simple_item("b")]))]));
    let ordered = |first: u64, items: Value| json!({"type": "orderedList", "attrs": {"order": first}, "content": items});
    for (blocks, markdown) in [
        (json!([bullets(json!([nested, simple_item("c")]))]), "- a\n  - b\n- c"),
        (
            json!([
                bullets(json!([simple_item("a")])),
                bullets(json!([simple_item("b")])),
                bullets(json!([simple_item("c")]))
            ]),
            "- a\n\n* b\n\n- c",
        ),
        (
            json!([bullets(json!([item(json!([paragraph(json!([]))])), simple_item("b")]))]),
            "-\n- b",
        ),
        (
            json!([{"type": "orderedList", "content": [simple_item("a"), simple_item("b")]}]),
            "1. a\n2. b",
        ),
        (json!([ordered(9, json!([simple_item("a"), simple_item("b")]))]), "9. a\n10. b"),
        (
            json!([bullets(json!([item(json!([
                paragraph([text("a")]),
                ordered(3, json!([simple_item("b")]))
            ]))]))]),
            "- a\n\n  3. b",
        ),
        (
            json!([bullets(json!([item(
                json!([paragraph([text("a")]), {"type": "codeBlock", "content": [text("x\n\ty")]}])
            )]))]),
            "-   a\n\n    ```\n    x\n    \ty\n    ```",
        ),
        (json!([bullets(json!([simple_item("[ ] no task")]))]), "- \\[ ] no task"),
    ] {
        check(blocks, markdown);
    }
}

#[test]
fn tasks_are_read_with_ids_of_their_own() {
    let markdown = "- [ ] a\n  - [x] b\n- [ ] ⟦empty⟧";
    let document = from_markdown(markdown, None).unwrap();
    assert_eq!(to_markdown(&document), markdown);
    let list = &document["content"][0];
    let ids = [
        &list["attrs"],
        &list["content"][0]["attrs"],
        &list["content"][1]["attrs"],
        &list["content"][1]["content"][0]["attrs"],
        &list["content"][2]["attrs"],
    ];
    let ids: std::collections::HashSet<&str> =
        ids.map(|attributes| attributes["localId"].as_str().unwrap()).into();
    assert_eq!(ids.len(), 5);
    assert_eq!(list["content"][1]["content"][0]["attrs"]["state"], "DONE");
}

#[test]
fn a_table_of_plain_cells_is_a_gfm_table() {
    let cell = |kind: &str, inline: Value| json!({"type": kind, "content": [paragraph(inline)]});
    let row = |cells: Value| json!({"type": "tableRow", "content": cells});
    check(
        json!([{"type": "table", "content": [
            row(json!([cell("tableHeader", json!([text("a|b")])), cell("tableHeader", json!([]))])),
            row(json!([cell("tableCell", json!([marked("x|y", [json!({"type": "code"})])])), cell("tableCell", json!([text("1"), {"type": "hardBreak"}, text("2")]))])),
        ]}]),
        "| a\\|b | |\n| --- | --- |\n| `x\\|y` | 1<br>2 |",
    );
}

#[test]
fn marks_and_text_have_the_usual_markdown() {
    let em = json!({"type": "em"});
    for (inline, markdown) in [
        (json!([text("a "), marked("b", [strong()]), text(" c")]), "a **b** c"),
        (
            json!([
                marked("a ", [strong()]),
                marked("b", [em.clone(), strong()]),
                marked(" c", [strong()])
            ]),
            "**a *b* c**",
        ),
        (json!([marked("a", [strong()]), marked("b", [em.clone()])]), "**a***b*"),
        (json!([marked("a", [json!({"type": "strike"})])]), "~~a~~"),
        (json!([marked("a`b", [json!({"type": "code"})])]), "``a`b``"),
        (json!([marked("`", [json!({"type": "code"})])]), "`` ` ``"),
        (json!([marked("a", [link("https://x.y/(z)")])]), "[a](<https://x.y/(z)>)"),
        (
            json!([marked(
                "a",
                [json!({"type": "link", "attrs": {"href": "/x", "title": "a \"b\""}})]
            )]),
            "[a](/x \"a \\\"b\\\"\")",
        ),
        (
            json!([text("See "), marked("https://x.y/a_b", [link("https://x.y/a_b")]), text(".")]),
            "See https://x.y/a_b.",
        ),
        (json!([text("See https://x.y")]), "See https\\://x.y"),
        (json!([{"type": "inlineCard", "attrs": {"url": "https://x.y/z"}}]), "<https://x.y/z>"),
        (json!([text("a"), {"type": "hardBreak"}, text("b")]), "a\\\nb"),
        (json!([text("a"), {"type": "hardBreak"}]), "a<br>"),
        (json!([text("snake_case *x* 1. # - <b> & [y]")]), "snake_case \\*x\\* 1. # - \\<b> & [y]"),
        (json!([text("1. a")]), "1\\. a"),
        (json!([text("- a")]), "\\- a"),
        (json!([text("# a")]), "\\# a"),
        (json!([text("a"), {"type": "hardBreak"}, text("---")]), "a\\\n\\---"),
        (json!([text(" a  b ")]), "&#32;a  b&#32;"),
        (
            json!([text("⟦mention 12ab⟧ \u{e000}1\u{e001}")]),
            "&#x27E6;mention 12ab⟧ \u{e000}1\u{e001}",
        ),
        (
            json!([text("2 ⟧ 3"), marked("「重要」", [strong()]), text("です")]),
            "2 ⟧ 3**「重要」**です",
        ),
        (json!([marked("注意：", [strong()]), text("本文")]), "**注意：**本文"),
        (json!([marked("(a)", [em.clone()]), text("b")]), "⟦em⟧\\(a\\)⟦/em⟧b"),
    ] {
        check(json!([paragraph(inline)]), markdown);
    }
}

#[test]
fn what_models_write_is_read() {
    let bullets = |items: Value| json!({"type": "bulletList", "content": items});
    let nested = || {
        json!([bullets(json!([item(json!([
            paragraph([text("a")]),
            bullets(json!([simple_item("b")]))
        ]))]))])
    };
    for (markdown, blocks) in [
        ("* a\n    * b", nested()),
        ("+ a\n\n  + b\n", nested()),
        ("- a\r\n  - b\r\n", nested()),
        (
            "Title\n=====",
            json!([{"type": "heading", "attrs": {"level": 1}, "content": [text("Title")]}]),
        ),
        (
            "one\ntwo  \nthree",
            json!([paragraph([text("one two"), json!({"type": "hardBreak"}), text("three")])]),
        ),
        (
            "__a__ and ***b***",
            json!([paragraph([
                marked("a", [strong()]),
                text(" and "),
                marked("b", [json!({"type": "em"}), strong()])
            ])]),
        ),
        (
            "![chart](https://x.y/c.png) ![](https://x.y/d.png)",
            json!([paragraph([
                marked("chart", [link("https://x.y/c.png")]),
                text(" "),
                marked("https://x.y/d.png", [link("https://x.y/d.png")])
            ])]),
        ),
        ("<me@x.y>", json!([paragraph([marked("me@x.y", [link("mailto:me@x.y")])])])),
        ("<div>\n<b>x</b>\n</div>", json!([paragraph([text("<div> <b>x</b> </div>")])])),
        ("**`x`**", json!([paragraph([marked("x", [json!({"type": "code"})])])])),
        (
            "(https://x.y/日本)",
            json!([paragraph([
                text("("),
                marked("https://x.y/", [link("https://x.y/")]),
                text("日本)")
            ])]),
        ),
        ("- ## a", json!([bullets(json!([item(json!([paragraph([marked("a", [strong()])])]))]))])),
        ("> > a", json!([{"type": "blockquote", "content": [paragraph([text("a")])]}])),
        ("a &amp; b &copy; \\& ⟦not one⟧", json!([paragraph([text("a & b © & ⟦not one⟧")])])),
        ("~~~\nx\n~~~", json!([{"type": "codeBlock", "content": [text("x")]}])),
    ] {
        check_read(markdown, &blocks);
    }
}

#[test]
fn what_adf_has_no_place_for_is_an_error_that_says_so() {
    for (markdown, says) in [
        ("> | a |\n> | - |", "a table in a quote"),
        ("- a\n\n  ***", "a rule (---) in a list item"),
        ("> - [ ] a", "a task list in a quote"),
        ("- [ ] a\n  - b", "further tasks"),
        ("⟦mention 12ab: @x⟧", "⟦mention 12ab⟧ is not in the document"),
        ("a ⟦strong⟧b", "has no ⟦/strong⟧"),
        ("⟦/panel⟧", "⟦/panel⟧ has nothing to close"),
    ] {
        let error = from_markdown(markdown, None).unwrap_err().to_string();
        assert!(error.contains(says), "{markdown}: {error}");
    }
}

#[test]
fn no_document_has_no_text() {
    assert_eq!(to_markdown(&Value::Null), "");
    assert_eq!(from_markdown("", Some(&Value::Null)).unwrap(), document(json!([])));
}
