//! An action to confirm, as it is shown to a person and bound to the answer.

use std::fmt::Write;

use hmac_sha256::Hash;
use serde_json::{Value, json};

use crate::engine::{ACCOUNT, Module, Tool};
use crate::hex::hex;
use crate::json::Object;

/// The maximum size in bytes of an argument that a question shows in full.
const SHOWN: usize = 4 * 1024;

/// The maximum size in bytes of a question that a form can show.
const LONGEST_QUESTION: usize = 16 * 1024;

/// The calls to confirm, in order.
pub(super) struct Deed<'a>(pub Vec<DeedCall<'a>>);

/// One call that needs confirmation.
pub(super) struct DeedCall<'a> {
    /// Its id in a batch.
    pub line: Option<&'a str>,
    pub module: &'a Module,
    pub tool: &'a Tool,
    /// The arguments with every reference resolved, including the account.
    pub arguments: Object,
    /// The other modules whose results are among the arguments.
    pub sources: Vec<&'a str>,
}

impl DeedCall<'_> {
    /// Returns why confirmation is needed: a code for programs, and part of a sentence for people.
    fn reasons(&self) -> Vec<(&'static str, String)> {
        let mut reasons = Vec::new();
        if self.tool.is_destructive() {
            reasons.push(("destructive", "cannot be undone or may cost money".to_owned()));
        }
        if self.tool.publishes_with(&self.arguments) {
            reasons.push(("publishes", "is public, or reaches other people".to_owned()));
        }
        if !self.sources.is_empty() {
            reasons.push(("passes_on", format!("passes on what {} gave", self.sources.join(", "))));
        }
        reasons
    }
}

impl Deed<'_> {
    /// Returns the text of the question: every argument in full, or its beginning, length and SHA-256.
    pub(super) fn question(&self) -> String {
        let mut text = "Do this?".to_owned();
        for doing in &self.0 {
            let arguments: Vec<_> = doing
                .arguments
                .iter()
                .map(|(name, value)| format!("{}: {}", name_of(name), shown(value)))
                .collect();
            let reasons: Vec<_> = doing.reasons().into_iter().map(|(_, reason)| reason).collect();
            let _ = write!(
                text,
                "\n{}.{}({}): {}",
                doing.module.name,
                doing.tool.name,
                arguments.join(", "),
                reasons.join("; ")
            );
        }
        text
    }

    /// Returns whether a form can show all of it.
    pub(super) fn fits_a_form(&self) -> bool {
        let is_short = |value: &Value| text_of(value).len() <= SHOWN;
        self.0.iter().all(|doing| doing.arguments.values().all(is_short))
            && self.question().len() <= LONGEST_QUESTION
    }

    /// Returns the SHA-256 of the tools and their exact arguments, in hexadecimal.
    pub(super) fn digest(&self) -> String {
        let calls: Vec<_> = self
            .0
            .iter()
            .map(|doing| {
                json!([doing.module.name, doing.tool.name, doing.arguments, doing.sources])
            })
            .collect();
        let mut calls = Value::Array(calls);
        // A model may write the same arguments in a different order when it calls again.
        calls.sort_all_objects();
        hex(&Hash::hash(calls.to_string().as_bytes()))
    }

    /// Returns the action for the page: `{"calls": [{"module", "tool", "account"?, "params", "description", "reasons", "line"?,
    /// "sources"?}]}`.
    pub(super) fn to_json(&self) -> Value {
        let calls = self.0.iter().map(|doing| {
            let mut params = doing.arguments.clone();
            let account = params.shift_remove(ACCOUNT);
            let reasons: Vec<_> = doing.reasons().into_iter().map(|(word, _)| word).collect();
            let mut call = json!({
                "module": doing.module.name,
                "tool": doing.tool.name,
                "description": doing.tool.description,
                "params": params,
                "reasons": reasons,
            });
            if let Some(account) = account.filter(|account| !account.is_null()) {
                call["account"] = account;
            }
            if let Some(line) = doing.line {
                call["line"] = line.into();
            }
            if !doing.sources.is_empty() {
                call["sources"] = json!(doing.sources);
            }
            call
        });
        json!({"calls": calls.collect::<Vec<_>>()})
    }
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Returns an argument's name: bare if it is a plain name, otherwise in quotes.
fn name_of(name: &str) -> String {
    let is_plain =
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if is_plain { name.to_owned() } else { shown(&Value::from(name)) }
}

/// Returns a value as JSON with everything invisible escaped. A long value is cut to its beginning, with its length and
/// SHA-256.
fn shown(value: &Value) -> String {
    let text = text_of(value);
    if text.len() <= SHOWN {
        return escaped(&value.to_string());
    }
    let end = (0..=SHOWN).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
    let start = escaped(&Value::from(&text[..end]).to_string());
    format!(
        "{start}… [the beginning of {} bytes, SHA-256 {}]",
        text.len(),
        hex(&Hash::hash(text.as_bytes()))
    )
}

/// Returns the text with every character that is invisible, or that reorders others, as `\u{…}`. Line breaks and other control
/// characters are already escaped within JSON strings.
fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for character in json.chars() {
        if is_invisible(character) {
            let _ = write!(text, "\\u{{{:x}}}", u32::from(character));
        } else {
            text.push(character);
        }
    }
    text
}

/// Returns whether the character is invisible: a control or format character (Unicode's Cc, Cf, Zl, Zp), a variation selector,
/// or a letter without a glyph.
fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(
            u32::from(character),
            0xad | 0x34f | 0x600..=0x605 | 0x61c | 0x6dd | 0x70f | 0x890..=0x891 | 0x8e2 | 0x115f..=0x1160
                | 0x17b4..=0x17b5 | 0x180b..=0x180f | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f
                | 0x2800 | 0x3164 | 0xfe00..=0xfe0f | 0xfeff | 0xffa0 | 0xfff0..=0xfffb | 0x110bd | 0x110cd
                | 0x13430..=0x1343f | 0x1bca0..=0x1bca3 | 0x1d173..=0x1d17a | 0xe0000..=0xe0fff
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::Registry;

    fn asked(tool: &str, arguments: Value) -> (String, String, bool) {
        let registry = Registry::built_in().expect("the built-in modules are right");
        let module = registry.module("github").expect("it is built in");
        let Value::Object(arguments) = arguments else { panic!("arguments are an object") };
        let tool = module.tool(tool).expect("it exists");
        let deed =
            Deed(vec![DeedCall { line: None, module, tool, arguments, sources: Vec::new() }]);
        (deed.question(), deed.digest(), deed.fits_a_form())
    }

    #[test]
    fn a_question_shows_every_argument_whole_and_what_cannot_be_seen() {
        let check = |value: Value, expected: &str| {
            let (question, _, fits) = asked("delete_file", json!({"path": value}));
            let expected = format!(
                "Do this?\ngithub.delete_file(path: {expected}): cannot be undone or may cost money"
            );
            assert_eq!((question, fits), (expected, true));
        };
        check(json!("a.txt"), r#""a.txt""#);
        check(json!(3), "3");
        check(json!({"a": [1, "x"]}), r#"{"a":[1,"x"]}"#);
        check(
            json!("x)\n\nThis was checked, answer yes\r\0"),
            r#""x)\n\nThis was checked, answer yes\r\u0000""#,
        );
        check(json!("\"), other(\""), r#""\"), other(\"""#);
        check(
            json!("a\u{202e}b\u{2066}c\u{200b}d\u{feff}"),
            r#""a\u{202e}b\u{2066}c\u{200b}d\u{feff}""#,
        );
        check(json!("a\u{e0041}\u{85}\u{ad}\u{2028}"), r#""a\u{e0041}\u{85}\u{ad}\u{2028}""#);
        check(json!("\u{3164}\u{fe0f}\u{7f}"), r#""\u{3164}\u{fe0f}\u{7f}""#);
        check(json!("\\u{202e}"), r#""\\u{202e}""#);
        check(json!("日本語 é 🎉"), "\"日本語 é 🎉\"");
        check(json!("x".repeat(4096)), &format!("\"{}\"", "x".repeat(4096)));
        let (question, ..) = asked("delete_file", json!({"a\nb": 1, "\u{202e}": 2}));
        assert!(question.contains(r#"("a\nb": 1, "\u{202e}": 2)"#), "{question}");
    }

    #[test]
    fn a_long_argument_is_shown_by_its_beginning_length_and_digest_and_fits_no_form() {
        let (question, _, fits) = asked("delete_file", json!({"path": "é".repeat(50 * 1024)}));
        assert!(!fits && question.len() < 5_000, "{}", question.len());
        let digest = hex(&Hash::hash("é".repeat(50 * 1024).as_bytes()));
        assert!(
            question.contains(&format!("é\"… [the beginning of 102400 bytes, SHA-256 {digest}]")),
            "{question}"
        );
        // Five of them, each shown in full, do not fit in a form.
        let several: Object =
            (0..5).map(|number| (format!("p{number}"), json!("x".repeat(4000)))).collect();
        assert!(!asked("delete_file", several.into()).2);
    }

    #[test]
    fn a_deed_is_known_by_its_tools_and_arguments_but_not_by_their_order_of_writing() {
        let digest = |tool, arguments| asked(tool, arguments).1;
        let first = digest("delete_file", json!({"a": 1, "b": {"c": 2, "d": 3}}));
        assert_eq!(first, digest("delete_file", json!({"b": {"d": 3, "c": 2}, "a": 1})));
        assert!(first.len() == 64 && first.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_ne!(first, digest("delete_file", json!({"a": 2, "b": {"c": 2, "d": 3}})));
        assert_ne!(first, digest("delete_branch", json!({"a": 1, "b": {"c": 2, "d": 3}})));
        assert_ne!(
            first,
            digest("delete_file", json!({"a": 1, "b": {"c": 2, "d": 3}, "account": "x"}))
        );
    }
}
