//! A Markdown text becomes an Atlassian document that comes back from its own Markdown as it is, and so does any JSON that is
//! taken for a document. No letter of another script is lost, and no document links to what runs code.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mcpist::modules::atlassian::adf::{
    from_markdown, headings, replace_section, section, to_markdown,
};
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(document) = from_markdown(text, None) {
        check_links(&document);
        check_letters(text, &document);
        check_document(&document);
    }
    if let Ok(document) = serde_json::from_str::<Value>(text)
        && document.is_object()
    {
        check_document(&document);
    }
});

/// Checks that the document stays the same when its Markdown is read with it as the previous document, and that each of its
/// sections does.
fn check_document(document: &Value) {
    let markdown = to_markdown(document);
    let read = from_markdown(&markdown, Some(document)).expect("its own Markdown can be read");
    if document["content"].is_array() {
        assert_eq!(read, *document, "{markdown}");
    }
    for heading in headings(document) {
        // Of two headings with one name neither is found.
        let Ok(text) = section(document, &heading) else { continue };
        let replaced = replace_section(document, &heading, &text).expect("its own section fits");
        assert_eq!(replaced, *document, "{heading}\n{text}");
    }
}

fn check_links(value: &Value) {
    let address = value["attrs"]["href"].as_str().or(value["attrs"]["url"].as_str());
    let scheme = address.map(|address| address.to_lowercase().replace(char::is_whitespace, ""));
    let runs_code = scheme.is_some_and(|scheme| {
        ["javascript:", "vbscript:", "data:"].iter().any(|begin| scheme.starts_with(begin))
    });
    assert!(!runs_code, "{value}");
    match value {
        Value::Array(values) => values.iter().for_each(check_links),
        Value::Object(members) => members.values().for_each(check_links),
        _ => {}
    }
}

/// Holds that letters beyond ASCII, to which Markdown gives no meaning, are kept. Entities make some, and footnotes and links
/// have names in which they are repeated, so only texts without these are looked at.
fn check_letters(text: &str, document: &Value) {
    if text.contains(['&', '[', '\\']) {
        return;
    }
    let letters = |text: &str| {
        let mut letters: Vec<char> =
            text.chars().filter(|letter| !letter.is_ascii() && letter.is_alphabetic()).collect();
        letters.sort_unstable();
        letters.dedup();
        letters
    };
    let mut kept = String::new();
    strings(document, &mut kept);
    for letter in letters(text) {
        assert!(kept.contains(letter), "{letter:?} of {text:?} is not in {document}");
    }
}

fn strings(value: &Value, found: &mut String) {
    match value {
        Value::String(text) => found.push_str(text),
        Value::Array(values) => values.iter().for_each(|value| strings(value, found)),
        Value::Object(members) => members.values().for_each(|value| strings(value, found)),
        _ => {}
    }
}
