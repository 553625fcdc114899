//! Removes everything invisible from the results of services. All results leave the product through this one filter.
//!
//! A text that looks harmless to people can contain instructions for a model, in characters without a glyph (MCP, "Tools":
//! servers must sanitize tool outputs).

use std::borrow::Cow;

use serde_json::{Value, json};

use crate::error::Error;
use crate::json::Object;
use crate::mcp::handler::ToolResult;

/// The `_meta` key of content that other people wrote: it is data, never instructions.
pub const UNTRUSTED: &str = "app.mcpist/untrusted";

/// The beginning of an HTML comment, which a rendered page does not show.
const COMMENT: (&str, &str) = ("<!--", "<!--[not shown on the page]");

/// Returns the text without characters that are invisible or that reorder other characters: tag characters, bidirectional
/// controls, zero-width and other format characters. It keeps variation selectors, joiners inside emoji, and joiners between
/// letters of scripts that use them.
#[must_use]
pub fn text(given: &str) -> Cow<'_, str> {
    if given.is_ascii() || !given.chars().any(is_suspect) {
        return Cow::Borrowed(given);
    }
    let mut clean = String::with_capacity(given.len());
    let mut characters = given.chars().peekable();
    let mut last = None;
    while let Some(character) = characters.next() {
        if !is_suspect(character) || stays(character, last, characters.peek().copied()) {
            clean.push(character);
            last = Some(character);
        }
    }
    Cow::Owned(clean)
}

/// Cleans every text of a value, including the names of members.
pub(super) fn value(value: &mut Value) {
    match value {
        Value::String(given) => in_place(given),
        Value::Array(values) => values.iter_mut().for_each(self::value),
        Value::Object(members) => object(members),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Cleans every text of an object.
pub(super) fn object(members: &mut Object) {
    members.values_mut().for_each(value);
    if members.keys().any(|name| matches!(text(name), Cow::Owned(_))) {
        *members = std::mem::take(members)
            .into_iter()
            .map(|(name, value)| (text(&name).into_owned(), value))
            .collect();
    }
}

/// Returns the result with every text cleaned.
pub(super) fn result(mut result: ToolResult) -> ToolResult {
    result.content.iter_mut().chain(&mut result.structured).for_each(value);
    result
}

/// Returns the error with every text cleaned: it may quote the service.
pub(super) fn error(error: Error) -> Error {
    error.with_texts(&in_place)
}

/// Marks a service's result for programs as content that other people wrote.
pub(super) fn untrusted(mut result: ToolResult) -> ToolResult {
    for block in &mut result.content {
        block["_meta"] = json!({UNTRUSTED: true});
    }
    result
}

/// Makes HTML comments in a Markdown text visible as comments.
pub(super) fn mark_comments(markdown: &mut String) {
    if markdown.contains(COMMENT.0) {
        *markdown = markdown.replace(COMMENT.0, COMMENT.1);
    }
}

fn in_place(given: &mut String) {
    if let Cow::Owned(clean) = text(given) {
        *given = clean;
    }
}

/// Characters that programs may ignore (Unicode's `Default_Ignorable_Code_Point`), and interlinear annotations. Line and
/// paragraph separators are visible.
const fn is_suspect(character: char) -> bool {
    matches!(
        character as u32,
        0xad | 0x34f
            | 0x61c
            | 0x115f..=0x1160
            | 0x17b4..=0x17b5
            | 0x180b..=0x180f
            | 0x200b..=0x200f
            | 0x202a..=0x202e
            | 0x2060..=0x206f
            | 0x3164
            | 0xfe00..=0xfe0f
            | 0xfeff
            | 0xffa0
            | 0xfff0..=0xfffb
            | 0x1bca0..=0x1bca3
            | 0x1d173..=0x1d17a
            | 0xe0000..=0xe0fff
    )
}

/// Returns whether an ignorable character is part of visible text, judged by the last character that was kept and the next one.
/// At most one is kept after each character, so that they cannot encode a message.
fn stays(character: char, before: Option<char>, after: Option<char>) -> bool {
    let Some(before) = before else { return false };
    match character as u32 {
        // ZWNJ and ZWJ.
        0x200c => is_joined_script(before) && after.is_some_and(is_joined_script),
        0x200d => {
            is_joined_script(before) && after.is_some_and(is_joined_script)
                || (is_emoji(before) || before == '\u{fe0f}') && after.is_some_and(is_emoji)
        }
        0xfe0e..=0xfe0f => is_emoji(before) || matches!(before, '0'..='9' | '#' | '*'),
        // Standardized variants of mathematical symbols and Han characters, and ideographic variants.
        0xfe00..=0xfe0d => is_han(before) || matches!(before as u32, 0x2200..=0x2aff),
        0xe0100..=0xe01ef => is_han(before),
        _ => false,
    }
}

const fn is_emoji(character: char) -> bool {
    matches!(
        character as u32,
        0xa9 | 0xae | 0x203c | 0x2049 | 0x2122 | 0x2139 | 0x2190..=0x21ff | 0x2300..=0x27bf | 0x2900..=0x297f
            | 0x2b00..=0x2bff | 0x3030 | 0x303d | 0x3297 | 0x3299 | 0x1f000..=0x1faff
    )
}

const fn is_han(character: char) -> bool {
    matches!(
        character as u32,
        0x3005..=0x3007 | 0x3400..=0x4dbf | 0x4e00..=0x9fff | 0xf900..=0xfaff | 0x20000..=0x323af
    )
}

/// Returns whether the character belongs to a script that uses joiners within words: Arabic, Syriac, Mongolian, and the scripts
/// of South and Southeast Asia.
const fn is_joined_script(character: char) -> bool {
    matches!(
        character as u32,
        0x620..=0x6d3 | 0x6fa..=0x74f | 0x750..=0x77f | 0x8a0..=0x8ff | 0x900..=0xdff | 0xf00..=0xfff
            | 0x1000..=0x109f | 0x1780..=0x17d3 | 0x1820..=0x18aa | 0xfb50..=0xfdff | 0xfe70..=0xfefc | 0x11000..=0x119ff
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_removed_and_what_belongs_to_a_character_stays() {
        let check = |given: &str, expected: &str| assert_eq!(text(given), expected, "{given:?}");
        let same = |given: &str| check(given, given);
        // Tag characters, alone and behind a flag.
        let tags: String =
            "ignore".chars().filter_map(|c| char::from_u32(0xe0000 + c as u32)).collect();
        check(&format!("a{tags}b"), "ab");
        check(&format!("🏴{tags}\u{e007f}"), "🏴");
        // Every bidirectional control and zero-width character.
        for hidden in "\u{61c}\u{200e}\u{200f}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}\
            \u{200b}\u{200c}\u{200d}\u{2060}\u{2064}\u{feff}\u{ad}\u{34f}\u{115f}\u{180e}\u{3164}\u{ffa0}\u{fff9}\u{1d173}\u{e0001}\u{e0fff}"
            .chars()
        {
            check(&format!("a{hidden}b"), "ab");
            check(&format!("{hidden}"), "");
            check(&format!("é{hidden}\n{hidden}"), "é\n");
        }
        // Data that is encoded in variation selectors.
        check("a\u{fe0f}\u{fe00}\u{e0100}b", "ab");
        check("😀\u{fe0f}\u{fe0e}\u{e0110}\u{e0120}", "😀\u{fe0f}");
        check("葛\u{e0100}\u{e0101}", "葛\u{e0100}");
        check("👩\u{200d}\u{200d}\u{200d}💻\u{200d}x", "👩\u{200d}💻x");
        for right in [
            "",
            "plain",
            "日本語 é\t\n\r",
            "❤\u{fe0f}",
            "👩\u{200d}💻",
            "👨\u{200d}👩\u{200d}👧",
            "🏳\u{fe0f}\u{200d}🌈",
            "1\u{fe0f}\u{20e3}",
            "葛\u{e0100}",
            "می\u{200c}خواهم",
            "क\u{94d}\u{200d}ष",
            "שלום",
            "∩\u{fe00}",
        ] {
            same(right);
        }
    }

    #[test]
    fn every_text_of_a_value_is_cleaned_at_any_depth() {
        let mut given = json!({"a\u{200b}": ["x\u{202e}", {"b": "\u{e0041}"}], "n": 1});
        value(&mut given);
        assert_eq!(given, json!({"a": ["x", {"b": ""}], "n": 1}));
    }
}
