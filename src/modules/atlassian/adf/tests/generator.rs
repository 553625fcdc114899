//! Generates documents from a number, with every node and mark of the schema in valid and unusual places.

use serde_json::{Value, json};

/// Every node type of `@atlaskit/adf-schema` 57, `full.json`, below the document.
pub(super) const NODES: [&str; 44] = [
    "blockCard",
    "blockTaskItem",
    "blockquote",
    "bodiedExtension",
    "bodiedSyncBlock",
    "bulletList",
    "caption",
    "codeBlock",
    "date",
    "decisionItem",
    "decisionList",
    "embedCard",
    "emoji",
    "expand",
    "extension",
    "hardBreak",
    "heading",
    "inlineCard",
    "inlineExtension",
    "layoutColumn",
    "layoutSection",
    "listItem",
    "media",
    "mediaGroup",
    "mediaInline",
    "mediaSingle",
    "mention",
    "nestedExpand",
    "orderedList",
    "panel",
    "paragraph",
    "placeholder",
    "rule",
    "status",
    "syncBlock",
    "table",
    "tableCell",
    "tableHeader",
    "tableRow",
    "taskItem",
    "taskList",
    "text",
    "futureBlock",
    "futureInline",
];

/// Every mark type of the schema, and one that is not in it.
pub(super) const MARKS: [&str; 19] = [
    "alignment",
    "annotation",
    "backgroundColor",
    "border",
    "breakout",
    "code",
    "dataConsumer",
    "em",
    "fontSize",
    "fragment",
    "indentation",
    "link",
    "strike",
    "strong",
    "subsup",
    "textColor",
    "underline",
    "futureMark",
    "localized",
];

/// Words that have a special meaning in Markdown, or look like it.
pub(super) const WORDS: [&str; 60] = [
    "word",
    "two words",
    " ",
    "  ",
    "\t",
    "\n",
    "日本語。",
    "「重要」",
    "é",
    "\u{3000}",
    "*",
    "**",
    "_",
    "__",
    "~",
    "~~",
    "`",
    "``",
    "[",
    "]",
    "](x)",
    "![",
    "<b>",
    "<!--",
    "&amp;",
    "&",
    "\\",
    "\\n",
    "|",
    "#",
    "# ",
    "- ",
    "+ ",
    "1. ",
    "12) ",
    "> ",
    "---",
    "===",
    ":--",
    "```",
    "~~~",
    "https://x.y/a_b?c=1&d=(2)",
    "me@x.y",
    "⟦",
    "⟧",
    "⟦panel 12ab: x⟧",
    "\u{e000}0\u{e001}",
    "[x] ",
    "https://x.y/__init__.py",
    "http://z/日本?a=1&amp;b=2",
    "www.x.y/*a*",
    "std::vector<std::string>",
    "<mailto:me@x.y>",
    "f(**a) g(**b)",
    "これは**「重要」**です",
    "[^1]",
    "[^1]: ",
    "[a]: b",
    "\u{feff}",
    "\u{c}",
];

pub(super) struct Generator {
    state: u64,
    /// Only content that Markdown can express.
    pub(super) plain: bool,
}

impl Generator {
    pub(super) fn new(seed: u64) -> Self {
        Self { state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1), plain: false }
    }

    /// Returns a number below a bound (`SplitMix64`).
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).unwrap()
    }

    pub(super) fn document(&mut self) -> Value {
        let count = self.below(6);
        crate::modules::atlassian::adf::tests::document(self.blocks(count, 4))
    }

    pub(super) fn blocks(&mut self, count: usize, depth: usize) -> Vec<Value> {
        (0..count).map(|_| self.block(depth)).collect()
    }

    fn chance(&mut self, one_in: usize) -> bool {
        self.below(one_in) == 0
    }

    pub(super) fn words(&mut self) -> String {
        let words = (0..=self.below(4)).map(|_| WORDS[self.below(WORDS.len())]);
        // Markdown cannot express a control character in code.
        let words = words.collect::<Vec<_>>();
        words
            .into_iter()
            .map(|word| if self.plain && word == "\u{c}" { "word" } else { word })
            .collect()
    }

    fn mark(&mut self) -> Value {
        let names =
            if self.plain { &["strong", "em", "strike", "code", "link"][..] } else { &MARKS[..] };
        let name = names[self.below(names.len())];
        match name {
            "code" | "em" | "strike" | "strong" | "underline" => json!({"type": name}),
            "link" => match self.below(3) {
                0 => json!({"type": "link", "attrs": {"href": "https://x.y/a_(b)"}}),
                1 if !self.plain => {
                    json!({"type": "link", "attrs": {"href": "/a b\\<>|*", "title": self.words(), "occurrenceKey": "k"}})
                }
                _ => json!({"type": "link", "attrs": {"href": format!("/x?{}", self.below(3))}}),
            },
            _ => json!({"type": name, "attrs": {"value": self.below(3), "color": "#ff0000"}}),
        }
    }

    fn marks(&mut self) -> Vec<Value> {
        let mut marks: Vec<Value> = Vec::new();
        while self.chance(2) {
            let mark = self.mark();
            if !marks.iter().any(|other| other["type"] == mark["type"]) {
                marks.push(mark);
            }
        }
        marks
    }

    fn inline(&mut self) -> Vec<Value> {
        (0..self.below(5)).map(|_| self.inline_node()).collect()
    }

    fn inline_node(&mut self) -> Value {
        let kinds = [
            "text",
            "hardBreak",
            "inlineCard",
            "mention",
            "emoji",
            "date",
            "status",
            "placeholder",
            "inlineExtension",
            "mediaInline",
            "futureInline",
        ];
        let bound = if self.plain { 3 } else { kinds.len() };
        let mut node = match kinds[if self.chance(2) { 0 } else { self.below(bound) }] {
            "text" => {
                let text = self.words();
                let marks = self.marks();
                return if marks.is_empty() {
                    crate::modules::atlassian::adf::tests::text(&text)
                } else {
                    crate::modules::atlassian::adf::tests::marked(&text, marks)
                };
            }
            "hardBreak" => return json!({"type": "hardBreak"}),
            "inlineCard" => {
                return json!({"type": "inlineCard", "attrs": {"url": format!("https://x.y/{}", self.below(9))}});
            }
            "date" => json!({"type": "date", "attrs": {"timestamp": "1732233600000"}}),
            kind => json!({"type": kind, "attrs": {"id": self.below(9), "text": self.words()}}),
        };
        if self.chance(4) {
            node["marks"] = self.marks().into();
        }
        node
    }

    fn block(&mut self, depth: usize) -> Value {
        let leaves = [
            "paragraph",
            "heading",
            "codeBlock",
            "rule",
            "mediaSingle",
            "extension",
            "blockCard",
            "embedCard",
            "syncBlock",
            "decisionList",
        ];
        let nests = [
            "bulletList",
            "orderedList",
            "taskList",
            "blockquote",
            "table",
            "panel",
            "expand",
            "nestedExpand",
            "layoutSection",
            "bodiedExtension",
            "bodiedSyncBlock",
            "futureBlock",
        ];
        let (leaf, nest) = if self.plain { (4, 4) } else { (leaves.len(), nests.len()) };
        let kind = if depth == 0 || self.chance(2) {
            leaves[self.below(leaf)]
        } else {
            nests[self.below(nest)]
        };
        let mut node = self.block_of(kind, depth.saturating_sub(1));
        if !self.plain && self.chance(4) {
            node["attrs"]["localId"] = self.below(1000).to_string().into();
        }
        if !self.plain && self.chance(6) {
            node["marks"] = vec![self.mark()].into();
        }
        node
    }

    fn block_of(&mut self, kind: &str, depth: usize) -> Value {
        let several = 1 + self.below(3);
        match kind {
            "paragraph" => json!({"type": kind, "content": self.inline()}),
            "heading" => {
                json!({"type": kind, "attrs": {"level": 1 + self.below(6)}, "content": self.inline()})
            }
            "codeBlock" => {
                json!({"type": kind, "attrs": {"language": "rust"}, "content": [crate::modules::atlassian::adf::tests::text(&self.words())]})
            }
            "rule" => json!({"type": "rule"}),
            "mediaSingle" if self.plain => json!({"type": "rule"}),
            "mediaSingle" => {
                let media = json!({"type": "media", "attrs": {"type": "file", "id": self.words(), "collection": ""}});
                match self.below(3) {
                    0 => json!({"type": "mediaGroup", "content": [media.clone(), media]}),
                    1 => json!({"type": kind, "attrs": {"layout": "center"}, "content": [media]}),
                    _ => {
                        json!({"type": kind, "content": [media, {"type": "caption", "content": self.inline()}]})
                    }
                }
            }
            "decisionList" => {
                let item = json!({"type": "decisionItem", "attrs": {"localId": "d", "state": "DECIDED"}, "content": self.inline()});
                json!({"type": kind, "attrs": {"localId": "l"}, "content": [item]})
            }
            "extension" | "blockCard" | "embedCard" | "syncBlock" => {
                json!({"type": kind, "attrs": {"url": "https://x.y", "extensionKey": self.words()}})
            }
            "bulletList" | "orderedList" => {
                let items: Vec<Value> = (0..several)
                    .map(|_| json!({"type": "listItem", "content": self.item(depth)}))
                    .collect();
                json!({"type": kind, "content": items})
            }
            "taskList" => {
                json!({"type": kind, "attrs": {"localId": "t"}, "content": self.tasks(several, depth)})
            }
            "blockquote" => json!({"type": kind, "content": self.item(depth)}),
            "table" => self.table(depth),
            "layoutSection" => {
                let columns: Vec<Value> = (0..2)
                    .map(|_| json!({"type": "layoutColumn", "attrs": {"width": 50}, "content": self.blocks(several, depth)}))
                    .collect();
                json!({"type": kind, "content": columns})
            }
            _ => {
                json!({"type": kind, "attrs": {"panelType": "info", "title": self.words()}, "content": self.blocks(several, depth)})
            }
        }
    }

    /// Returns the content of a list item or quote: usually valid, sometimes any.
    fn item(&mut self, depth: usize) -> Vec<Value> {
        if !self.plain && self.chance(4) {
            let count = self.below(3);
            return self.blocks(count, depth);
        }
        let mut blocks = vec![self.block_of("paragraph", 0)];
        while self.chance(3) {
            let kinds = ["paragraph", "codeBlock", "bulletList", "orderedList"];
            let kind = kinds[self.below(if depth == 0 { 2 } else { 4 })];
            blocks.push(self.block_of(kind, depth.saturating_sub(1)));
        }
        blocks
    }

    fn tasks(&mut self, count: usize, depth: usize) -> Vec<Value> {
        let mut tasks = Vec::new();
        for _ in 0..count {
            let attributes = json!({"localId": self.below(1000).to_string(), "state": (["TODO", "DONE"][self.below(2)])});
            if !self.plain && self.chance(8) {
                tasks.push(json!({"type": "blockTaskItem", "attrs": attributes, "content": self.blocks(1, 0)}));
            } else {
                tasks.push(
                    json!({"type": "taskItem", "attrs": attributes, "content": self.inline()}),
                );
            }
            if depth > 0 && self.chance(3) {
                tasks.push(self.block_of("taskList", depth - 1));
            }
        }
        tasks
    }

    fn table(&mut self, depth: usize) -> Value {
        let (rows, columns, simple) =
            (1 + self.below(3), 1 + self.below(3), self.plain || self.chance(2));
        let rows: Vec<Value> = (0..rows)
            .map(|row| {
                let cells: Vec<Value> = (0..columns)
                    .map(|_| {
                        let kind = if row == 0 || (!self.plain && self.chance(5)) { "tableHeader" } else { "tableCell" };
                        let content =
                            if simple { vec![json!({"type": "paragraph", "content": self.inline()})] } else { self.blocks(1, depth) };
                        let mut cell = json!({"type": kind, "content": content});
                        if !self.plain {
                            cell["attrs"] = json!({"colwidth": [100], "background": "#fff", "colspan": 1 + usize::from(self.chance(20))});
                        }
                        cell
                    })
                    .collect();
                json!({"type": "tableRow", "content": cells})
            })
            .collect();
        json!({"type": "table", "attrs": {"layout": "default", "width": 760}, "content": rows})
    }
}
