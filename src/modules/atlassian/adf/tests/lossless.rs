use serde_json::Value;

use super::generator::{Generator, WORDS};
use crate::modules::atlassian::adf::{from_markdown, to_markdown};

const TEXTS: u64 = 2_000;

/// Returns a Markdown text with all special characters, with numbered words between.
fn markdown(generator: &mut Generator) -> (String, usize) {
    let mut text = String::new();
    let count = 1 + generator.below(8);
    for number in 0..count {
        for _ in 0..generator.below(4) {
            // A text that names a placeholder of no document is refused.
            let word = WORDS[generator.below(WORDS.len())];
            text.push_str(if word.contains("⟦panel") { "⟦" } else { word });
        }
        text.extend(["q", &number.to_string(), "q"]);
        text.push_str(
            ["", " ", "\n", "\n\n", "\r\n", "  \n    ", "\n> ", "\n- "][generator.below(8)],
        );
    }
    (text, count)
}

/// Every text and every attribute of a document.
fn strings(value: &Value, found: &mut String) {
    match value {
        Value::String(text) => {
            found.push_str(text);
            found.push(' ');
        }
        Value::Array(values) => values.iter().for_each(|value| strings(value, found)),
        Value::Object(members) => members.values().for_each(|value| strings(value, found)),
        _ => {}
    }
}

fn links(value: &Value, found: &mut Vec<String>) {
    match (&value["type"], &value["attrs"]) {
        (Value::String(kind), attributes) if kind == "link" || kind == "inlineCard" => {
            let address = attributes["href"].as_str().or(attributes["url"].as_str());
            found.extend(address.map(str::to_owned));
        }
        _ => {}
    }
    match value {
        Value::Array(values) => values.iter().for_each(|value| links(value, found)),
        Value::Object(members) => members.values().for_each(|value| links(value, found)),
        _ => {}
    }
}

#[test]
fn reading_never_loses_a_word() {
    for seed in 0..TEXTS {
        let (markdown, count) = markdown(&mut Generator::new(seed));
        let Ok(document) = from_markdown(&markdown, None) else { continue };
        let mut kept = String::new();
        strings(&document, &mut kept);
        for number in 0..count {
            let word = format!("q{number}q");
            assert!(
                kept.contains(&word),
                "seed {seed}: {word} of {markdown:?} is not in {document}"
            );
        }
    }
}

#[test]
fn reading_never_loses_a_character_that_markdown_gives_no_meaning() {
    // Left out are: Markdown marks, the letters of entities, and the numbers of lists.
    let plain: Vec<char> = "äé日本語。、「」ßñ½€∑😀abc👩‍👩‍👧xyz".chars().collect();
    for seed in 0..TEXTS {
        let mut generator = Generator::new(seed);
        let mut source = String::new();
        for _ in 0..=generator.below(30) {
            let special = ["*", "**", "_", "~~", "`", " ", "\n\n", "**", "- ", "> ", "# ", "\r\n"];
            if generator.below(3) == 0 {
                source.push_str(special[generator.below(special.len())]);
            } else {
                source.push(plain[generator.below(plain.len())]);
            }
        }
        let Ok(document) = from_markdown(&source, None) else { continue };
        let mut kept = String::new();
        text_of(&document, &mut kept);
        let letters =
            |text: &str| text.chars().filter(|letter| plain.contains(letter)).collect::<String>();
        assert_eq!(letters(&kept), letters(&source), "seed {seed}: {source:?} became {document}");
    }
}

fn text_of(node: &Value, found: &mut String) {
    found.push_str(node["text"].as_str().unwrap_or_default());
    found.push_str(node["attrs"]["language"].as_str().unwrap_or_default());
    node["content"].as_array().into_iter().flatten().for_each(|child| text_of(child, found));
}

#[test]
fn reading_never_invents_a_link() {
    for seed in 0..TEXTS {
        let (markdown, _) = markdown(&mut Generator::new(seed));
        let Ok(document) = from_markdown(&markdown, None) else { continue };
        let mut found = Vec::new();
        links(&document, &mut found);
        for href in found {
            let written = ["", "http://", "mailto:"].into_iter().any(|prefix| {
                href.strip_prefix(prefix).is_some_and(|address| markdown.contains(address))
            });
            // An escape or an entity in a destination does not stay as it is written.
            let unescaped = markdown.contains('\\') || markdown.contains('&');
            let safe = !href.starts_with("std:");
            assert!(safe && (written || unescaped), "seed {seed}: {href} of {markdown:?}");
        }
    }
}

/// Removes the links and cards from a document.
fn without_links(value: &mut Value) {
    match value {
        Value::Array(values) => {
            values.retain(|value| value["type"] != "link" && value["type"] != "inlineCard");
            values.iter_mut().for_each(without_links);
        }
        Value::Object(members) => {
            members.values_mut().for_each(without_links);
            if members.get("marks").is_some_and(|marks| marks.as_array().is_some_and(Vec::is_empty))
            {
                members.shift_remove("marks");
            }
        }
        _ => {}
    }
}

#[test]
fn writing_never_invents_a_link() {
    for seed in 0..300 {
        let mut generator = Generator::new(seed);
        generator.plain = true;
        let mut document = generator.document();
        without_links(&mut document);
        let markdown = to_markdown(&document);
        let read = from_markdown(&markdown, None).unwrap();
        let mut found = Vec::new();
        links(&read, &mut found);
        assert!(found.is_empty(), "seed {seed}: {found:?} in\n{markdown}");
    }
}
