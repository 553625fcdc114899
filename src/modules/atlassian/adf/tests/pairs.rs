use serde_json::{Value, json};

use super::{document, marked, paragraph, text};
use crate::modules::atlassian::adf::{from_markdown, to_markdown};

/// Checks that the blocks are written as that Markdown, and that it is read as those blocks without a previous document.
fn check(blocks: Value, markdown: &str) {
    let document = document(blocks);
    assert_eq!(to_markdown(&document), markdown);
    assert_eq!(from_markdown(markdown, None).unwrap(), document, "{markdown}");
}

/// Checks that a Markdown text is read as those blocks.
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
                marked("https://x.y/日本", [link("https://x.y/日本")]),
                text(")")
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

/// Checks that a line of Markdown is read as a paragraph with this inline content.
fn check_line(markdown: &str, inline: Value) {
    check_read(markdown, &json!([paragraph(inline)]));
}

#[test]
fn a_bare_address_is_a_link_whatever_stands_in_it() {
    let linked = |address: &str| marked(address, [link(address)]);
    for address in [
        "https://github.com/x/y/blob/main/pkg/__init__.py",
        "https://x.y/?a=1&amp;b=2",
        "https://x.y/?a=1&copy=2",
        "https://x.y/日本/語?q=空",
        "https://x.y/a*b*c~~d~~e_f_g",
        "https://x.y/a`b`c",
        "https://x.y/a\\_b",
        "https://x.y/[a]b",
        "https://en.wikipedia.org/wiki/Rust_(language)",
        "HTTP://X.Y/a",
        "http://localhost:8080/__a__/",
    ] {
        check_line(address, json!([linked(address)]));
        check_line(&format!("See {address}."), json!([text("See "), linked(address), text(".")]));
        check_line(&format!("({address})"), json!([text("("), linked(address), text(")")]));
        check_line(&format!("**{address}**"), json!([marked(address, [link(address), strong()])]));
        check_line(&format!("は{address}"), json!([text("は"), linked(address)]));
        let item = item(json!([paragraph(json!([linked(address)]))]));
        check_read(&format!("- {address}"), &json!([{"type": "bulletList", "content": [item]}]));
        let heading =
            json!({"type": "heading", "attrs": {"level": 2}, "content": [linked(address)]});
        check_read(&format!("## {address}"), &json!([heading]));
        let quote = json!({"type": "blockquote", "content": [paragraph(json!([linked(address)]))]});
        check_read(&format!(">{address}"), &json!([quote]));
        // In code it is code, in a link's text it is text, and as a destination it is an address.
        if !address.contains('`') {
            check_line(
                &format!("`{address}`"),
                json!([marked(address, [json!({"type": "code"})])]),
            );
        }
        let code = json!({"type": "codeBlock", "content": [text(address)]});
        check_read(&format!("```\n{address}\n```"), &json!([code]));
    }
    check_line("[a](https://x.y/__b__)", json!([marked("a", [link("https://x.y/__b__")])]));
    check_line("[https://x.y](/z)", json!([marked("https://x.y", [link("/z")])]));
    check_line(
        "www.x.y/__a__b",
        json!([marked("www.x.y/__a__b", [link("http://www.x.y/__a__b")])]),
    );
    check_line("__a_b@x.y", json!([marked("__a_b@x.y", [link("mailto:__a_b@x.y")])]));
    check_line(
        "_me@x.y_",
        json!([marked("me@x.y", [json!({"type": "em"}), link("mailto:me@x.y")])]),
    );
    check_line(
        "https://x.y/a|b\n| - |",
        json!([marked("https://x.y/a", [link("https://x.y/a")]), text("|b | - |")]),
    );
    for escaped in ["me\\@x.y", "\\+me@x.y", "me@x\\.y", "https\\://x.y", "www\\.x.y"] {
        check_line(escaped, json!([text(&escaped.replace('\\', ""))]));
    }
    check_line(
        "![a](https://x.y/__b__.png)",
        json!([marked("a", [link("https://x.y/__b__.png")])]),
    );
}

#[test]
fn emphasis_is_lenient_beside_cjk_letters_alone() {
    for line in [
        "call f(**kwargs) then g(**opts)",
        "2**(n)**x",
        "a**(b)**c",
        "f(**引数)とg(**引数)",
        "x*(y)*z",
        "\u{2014}a**\"b\"**c",
    ] {
        check_line(line, json!([text(line)]));
    }
    let em = json!({"type": "em"});
    let strike = json!({"type": "strike"});
    let between =
        |before: &str, inside: Value, after: &str| json!([text(before), inside, text(after)]);
    for (line, inline) in [
        ("これは**「重要」**です", between("これは", marked("「重要」", [strong()]), "です")),
        ("注**(a)**意", between("注", marked("(a)", [strong()]), "意")),
        ("これは*「重要」*です", between("これは", marked("「重要」", [em.clone()]), "です")),
        ("これは~~「重要」~~です", between("これは", marked("「重要」", [strike]), "です")),
        ("これは***「重要」***です", between("これは", marked("「重要」", [em, strong()]), "です")),
        ("이것은**\"중요\"**합니다", between("이것은", marked("\"중요\"", [strong()]), "합니다")),
        ("这是**“重要”**的", between("这是", marked("“重要”", [strong()]), "的")),
        ("設定**.env**を", between("設定", marked(".env", [strong()]), "を")),
    ] {
        check_line(line, inline);
    }
    check_line(
        "`これは**「a」**です`",
        json!([marked("これは**「a」**です", [json!({"type": "code"})])]),
    );
}

#[test]
fn what_looks_like_a_link_but_runs_code_or_is_none_stays_text() {
    for line in [
        "std::vector<std::string>",
        "Map<std::pair, b::c>",
        "[x](javascript:alert)",
        "[x](JAVASCRIPT:alert 'title')",
        "![x](data:image/png;base64,AA==)",
        "<javascript:alert>",
        "<x-custom:thing>",
        "[x](std::string)",
    ] {
        check_line(line, json!([text(line)]));
    }
    let card = json!({"type": "inlineCard", "attrs": {"url": "https://x.y"}});
    check_line("<https://x.y>", json!([card]));
    for address in ["ftp://x.y/z", "mailto:me@x.y", "tel:+81", "slack://x"] {
        check_line(&format!("<{address}>"), json!([marked(address, [link(address)])]));
        check_line(&format!("[a]({address})"), json!([marked("a", [link(address)])]));
    }
    for address in ["/wiki/x", "#part", "docs/a.md", "../b"] {
        check_line(&format!("[a]({address})"), json!([marked("a", [link(address)])]));
    }
    // In the other direction, an address that is not safe is a placeholder, and is kept.
    for node in [
        marked("x", [link("javascript:alert")]),
        json!({"type": "inlineCard", "attrs": {"url": "std::string"}}),
    ] {
        let document = document([paragraph([node])]);
        let markdown = to_markdown(&document);
        assert!(markdown.starts_with('⟦'), "{markdown}");
        assert_eq!(from_markdown(&markdown, Some(&document)).unwrap(), document);
    }
}

#[test]
fn addresses_footnotes_and_definitions_are_kept() {
    let linked = |address: &str| marked(address, [link(address)]);
    for (line, inline) in [
        ("[](https://x.y)", json!([linked("https://x.y")])),
        ("![](/a.png)", json!([linked("/a.png")])),
        (
            "[![b](https://x.y/b.svg)](https://z)",
            json!([
                marked("b", [link("https://z")]),
                text(" ("),
                linked("https://x.y/b.svg"),
                text(")")
            ]),
        ),
        ("[![](/b.svg)](https://z)", json!([marked("/b.svg", [link("https://z")])])),
        ("a[^1]", json!([text("a[^1]")])),
    ] {
        check_line(line, inline);
    }
    let lines =
        |lines: &[&str]| lines.iter().map(|line| paragraph([text(line)])).collect::<Vec<_>>();
    for (markdown, blocks) in [
        ("a[^1]\n\n[^1]: word", lines(&["a[^1]", "[^1]: word"])),
        ("a[^n]\n\n[^n]: two words\n\n    more", lines(&["a[^n]", "[^n]: two words", "more"])),
        ("[^1]: unused", lines(&["[^1]: unused"])),
        ("[TODO]: clean", lines(&["[TODO]: clean"])),
        ("[TODO]: clean\n[TODO]: more\n\nx", lines(&["[TODO]: clean", "[TODO]: more", "x"])),
        ("x\n\n[a]: /b\n   'c'\n", lines(&["x", "[a]: /b    'c'"])),
    ] {
        check_read(markdown, &json!(blocks));
    }
    // A used definition gives its address, even after an unused one.
    check_read(
        "[a]\n\n[b]: /unused\n[a]: /used",
        &json!([paragraph([marked("a", [link("/used")])]), paragraph([text("[b]: /unused")])]),
    );
    check_read(
        "> [b]: /unused",
        &json!([{"type": "blockquote", "content": lines(&["[b]: /unused"])}]),
    );
    check_read(
        "[1]: https://x.y/__a__b",
        &json!([paragraph(json!([text("[1]: "), linked("https://x.y/__a__b")]))]),
    );
    let bullets =
        |inline: Value| json!([{"type": "bulletList", "content": [item([paragraph(inline)])]}]);
    check_read("- [a][]\n\n[a]: /b", &bullets(json!([marked("a", [link("/b")])])));
    // Cells beyond the last column are not part of a GFM table.
    let cell =
        |kind: &str, words: &str| json!({"type": kind, "content": [paragraph([text(words)])]});
    check_read(
        "| a |\n| - |\n| b | c |",
        &json!([{"type": "table", "content": [
            {"type": "tableRow", "content": [cell("tableHeader", "a")]},
            {"type": "tableRow", "content": [cell("tableCell", "b | c")]},
        ]}]),
    );
}

#[test]
fn a_text_is_normalized_once() {
    for (markdown, same) in [
        ("\u{feff}# a", "# a"),
        ("`a\r\nb`", "`a\nb`"),
        ("a\r\n\r\nb", "a\n\nb"),
        ("a\rb", "a\nb"),
        ("```\r\na\r\nb\r\n```\r\n", "```\na\nb\n```\n"),
        ("\u{c}# a", " # a"),
        ("a\u{b}b", "a b"),
        ("a\u{0}b\u{1b}c", "a\u{fffd}b\u{fffd}c"),
        ("`\u{7}`", "`\u{fffd}`"),
    ] {
        assert_eq!(from_markdown(markdown, None), from_markdown(same, None), "{markdown:?}");
    }
    // In a document they are kept, even in the text of an edited block.
    let previous = document([paragraph([text("a\u{7}\u{feff}\rb c")])]);
    let markdown = to_markdown(&previous);
    assert_eq!(
        from_markdown(&markdown.replace(" c", " d"), Some(&previous)).unwrap(),
        document([paragraph([text("a\u{7}\u{feff}\rb d")])]),
        "{markdown}"
    );
}

#[test]
fn an_address_without_a_link_is_written_so_that_it_stays_one() {
    let linked = |address: &str, href: &str| marked(address, [link(href)]);
    for (inline, markdown) in [
        (json!([text("https://x.y/a_b")]), "https\\://x.y/a_b"),
        (json!([text("www.x.y")]), "www\\.x.y"),
        (json!([text("me@x.y")]), "me\\@x.y"),
        (json!([text("mailto:me@x.y")]), "mailto:me\\@x.y"),
        (json!([linked("www.x.y", "http://www.x.y")]), "www.x.y"),
        (json!([linked("me@x.y", "mailto:me@x.y")]), "me@x.y"),
        (json!([linked("https://x.y/__a__b*c", "https://x.y/__a__b*c")]), "https://x.y/__a__b*c"),
        (json!([linked("https://x.y", "https://x.y"), text("/z")]), "[https://x.y](https://x.y)/z"),
        (
            json!([linked("https://x.y/日本", "https://x.y/日本"), text("。")]),
            "[https://x.y/日本](https://x.y/日本)。",
        ),
        (json!([text("a\u{7}b")]), "a&#7;b"),
    ] {
        check(json!([paragraph(inline)]), markdown);
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
