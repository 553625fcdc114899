use std::collections::HashSet;

use serde_json::{Value, json};

use super::generator::{Generator, MARKS, NODES};
use super::{document, paragraph, text};
use crate::modules::atlassian::adf::{from_markdown, to_markdown};

const DOCUMENTS: u64 = 60;

fn types(node: &Value, nodes: &mut HashSet<String>, marks: &mut HashSet<String>) {
    nodes.insert(node["type"].as_str().unwrap().to_owned());
    for mark in node["marks"].as_array().into_iter().flatten() {
        marks.insert(mark["type"].as_str().unwrap().to_owned());
    }
    node["content"].as_array().into_iter().flatten().for_each(|child| types(child, nodes, marks));
}

#[test]
fn the_generator_makes_every_node_and_mark_of_the_schema() {
    let (mut nodes, mut marks) = (HashSet::new(), HashSet::new());
    (0..DOCUMENTS).for_each(|seed| types(&Generator::new(seed).document(), &mut nodes, &mut marks));
    for name in NODES {
        assert!(nodes.contains(name), "{name}");
    }
    for name in MARKS {
        assert!(marks.contains(name), "{name}");
    }
}

#[test]
fn what_is_read_and_written_unchanged_compares_equal() {
    for seed in 0..DOCUMENTS {
        let document = Generator::new(seed).document();
        let markdown = to_markdown(&document);
        assert_eq!(
            from_markdown(&markdown, Some(&document)).as_ref(),
            Ok(&document),
            "seed {seed}:\n{markdown}"
        );
    }
}

#[test]
fn blocks_beside_an_edit_are_kept_whole() {
    for seed in 0..DOCUMENTS {
        let previous = Generator::new(seed).document();
        let markdown = format!("First\n\n{}\n\nLast\n", to_markdown(&previous));
        let mut blocks = previous["content"].as_array().unwrap().clone();
        blocks.insert(0, paragraph([text("First")]));
        blocks.push(paragraph([text("Last")]));
        assert_eq!(
            from_markdown(&markdown, Some(&previous)).unwrap(),
            document(blocks),
            "seed {seed}:\n{markdown}"
        );
    }
}

#[test]
fn blocks_beside_a_removed_one_are_kept_whole() {
    for seed in 0..DOCUMENTS {
        let mut generator = Generator::new(seed);
        let blocks = generator.blocks(4, 3);
        let mut fewer = blocks.clone();
        fewer.remove(generator.below(4));
        let fewer = document(fewer);
        let markdown = to_markdown(&fewer);
        assert_eq!(
            from_markdown(&markdown, Some(&document(blocks))).unwrap(),
            fewer,
            "seed {seed}:\n{markdown}"
        );
    }
}

#[test]
fn what_markdown_can_say_never_becomes_a_placeholder() {
    for seed in 0..DOCUMENTS {
        let mut generator = Generator::new(seed);
        generator.plain = true;
        let document = generator.document();
        let markdown = to_markdown(&document);
        for kind in [
            "paragraph",
            "heading",
            "bulletList",
            "orderedList",
            "taskList",
            "codeBlock",
            "blockquote",
            "table",
            "text",
            "rule",
        ] {
            assert!(
                !markdown.contains(&format!("⟦{kind} ")),
                "seed {seed}: {document}\n{markdown}"
            );
        }
        let again = from_markdown(&markdown, None).unwrap();
        assert_eq!(to_markdown(&again), markdown, "seed {seed}");
    }
}

#[test]
fn what_the_schema_does_not_know_is_kept() {
    let odd = document(json!([
        {"type": "paragraph", "content": [{"type": "text", "text": "x", "new": 1}, {"type": "text", "text": "y", "marks": [{"type": "strong", "attrs": {"new": 1}}]}], "new": [1]},
        {"type": "heading", "attrs": {"level": 9}, "content": [{"type": "text", "text": "x"}]},
        {"type": "未来", "content": "text"},
        {"type": "bulletList", "content": []},
        {"type": "bulletList", "content": [{"type": "paragraph", "content": [{"type": "text", "text": "x"}]}]},
        {"type": "codeBlock", "content": [{"type": "text", "text": "x\r\n\u{0}"}]},
        {"type": "paragraph"},
        {"type": "text", "text": "at the top"},
        {"content": []},
    ]));
    let markdown = to_markdown(&odd);
    assert_eq!(from_markdown(&markdown, Some(&odd)).as_ref(), Ok(&odd), "{markdown}");
    let edited = from_markdown(&format!("{markdown}\n\nmore"), Some(&odd)).unwrap();
    assert_eq!(
        edited["content"].as_array().unwrap()[..9],
        odd["content"].as_array().unwrap()[..],
        "{markdown}"
    );
}
