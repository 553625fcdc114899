//! What Notion takes in one request, checked before it is sent.
//!
//! Source: `maxItems` and `maxLength` of Notion's API description for version 2026-03-11, and the page on limits
//! (<https://developers.notion.com/reference/request-limits>). Notion counts characters as JavaScript does: in UTF-16 units.

use serde_json::Value;

use crate::error::Error;

/// Most characters of one run of text.
pub const MAX_RUN: usize = 2000;

/// Most entries of a list: runs of a text, options, people, pages, files, blocks, filters.
pub const MAX_ENTRIES: usize = 100;

/// Most blocks of one request, those within blocks included.
const MAX_BLOCKS: usize = 1000;

/// Most characters of a member of this name, wherever it stands.
const MAX_CHARACTERS: [(&str, usize); 5] = [
    ("content", MAX_RUN),
    ("expression", 1000),
    ("url", MAX_RUN),
    ("email", 100),
    ("phone_number", 100),
];

/// The characters of a text as Notion counts them.
pub fn characters(text: &str) -> usize {
    text.encode_utf16().count()
}

/// The pieces of a text that fit into a run each; no character is cut in two.
pub fn runs(text: &str) -> Vec<&str> {
    let mut runs = Vec::new();
    let (mut start, mut length) = (0, 0);
    for (at, character) in text.char_indices() {
        if length + character.len_utf16() > MAX_RUN {
            runs.push(&text[start..at]);
            (start, length) = (at, 0);
        }
        length += character.len_utf16();
    }
    if length > 0 {
        runs.push(&text[start..]);
    }
    runs
}

/// Checks a value of Notion's own form, such as a list of blocks or the values of a page.
///
/// # Errors
///
/// [`Code::InvalidParams`](crate::error::Code::InvalidParams) naming the first part that is too long, and the limit.
pub fn check(place: &str, value: &Value) -> Result<(), Error> {
    let mut blocks = 0;
    part(place, value, &mut blocks)?;
    if blocks > MAX_BLOCKS {
        return Err(too_many(place, &format!("{blocks} blocks"), MAX_BLOCKS));
    }
    Ok(())
}

fn part(place: &str, value: &Value, blocks: &mut usize) -> Result<(), Error> {
    match value {
        Value::Array(entries) => {
            if entries.len() > MAX_ENTRIES {
                return Err(too_many(place, &format!("{} entries", entries.len()), MAX_ENTRIES));
            }
            if place.ends_with("children") {
                *blocks += entries.len();
            }
            for (at, entry) in entries.iter().enumerate() {
                part(&format!("{place}[{at}]"), entry, blocks)?;
            }
            Ok(())
        }
        Value::Object(members) => members.iter().try_for_each(|(name, value)| {
            let place = format!("{place}.{name}");
            let limit = MAX_CHARACTERS.iter().find(|(known, _)| known == name);
            if let (Some(text), Some((_, limit))) = (value.as_str(), limit)
                && characters(text) > *limit
            {
                return Err(too_long(&place, characters(text), *limit));
            }
            part(&place, value, blocks)
        }),
        _ => Ok(()),
    }
}

/// The error for a text that is too long.
pub fn too_long(place: &str, characters: usize, limit: usize) -> Error {
    let subject = subject(place);
    Error::invalid_params(format!(
        "{subject} has {characters} characters (UTF-16): Notion takes at most {limit}."
    ))
    .with_hint("Shorten it, or put long texts into the page itself as Markdown.")
}

/// The error for a list that is too long.
pub fn too_many(place: &str, what: &str, limit: usize) -> Error {
    let subject = subject(place);
    Error::invalid_params(format!(
        "{subject} has {what}: Notion takes at most {limit} in a request."
    ))
    .with_hint("Send them in several calls.")
}

/// The argument itself where no part of it is named.
fn subject(place: &str) -> String {
    match place.trim_start_matches('.') {
        "" => "it".to_owned(),
        place => format!("`{place}`"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_text_is_cut_by_utf16_units_and_never_inside_a_character() {
        let check = |text: &str, lengths: &[usize]| {
            let runs = runs(text);
            let found: Vec<_> = runs.iter().map(|run| characters(run)).collect();
            assert_eq!((found.as_slice(), runs.concat().as_str()), (lengths, text));
        };
        check("", &[]);
        check("a", &[1]);
        check(&"a".repeat(2000), &[2000]);
        check(&"é".repeat(2001), &[2000, 1]);
        check(&"🎉".repeat(1001), &[2000, 2]);
        check(&format!("a{}", "🎉".repeat(1000)), &[1999, 2]);
        check(&"日".repeat(4500), &[2000, 2000, 500]);
    }

    #[test]
    fn what_notion_would_refuse_is_refused_with_its_place() {
        let check_error = |value: Value, part: &str| {
            let error = check("children", &value).expect_err(part);
            assert!(error.to_string().contains(part), "{error}");
        };
        let run = |text: String| json!({"type": "text", "text": {"content": text}});
        let paragraph =
            |runs: Value| json!({"type": "paragraph", "paragraph": {"rich_text": runs}});
        check_error(
            json!([paragraph(json!([run("🎉".repeat(1001))]))]),
            "`children[0].paragraph.rich_text[0].text.content` has 2002 characters",
        );
        let hundred_and_one: Vec<_> = (0..101).map(|_| run("a".to_owned())).collect();
        check_error(
            json!([paragraph(json!(hundred_and_one))]),
            "`children[0].paragraph.rich_text` has 101 entries",
        );
        check_error(json!(vec![paragraph(json!([])); 101]), "`children` has 101 entries");
        let many = json!({"type": "toggle", "toggle": {"rich_text": [], "children": vec![paragraph(json!([])); 99]}});
        check_error(json!(vec![many; 11]), "`children` has 1100 blocks");
        check_error(json!({"equation": {"expression": "x".repeat(1001)}}), "expression` has 1001");
        check_error(
            json!([{"text": {"content": "a", "link": {"url": "x".repeat(2001)}}}]),
            "link.url` has 2001",
        );
        check_error(json!({"email": "x".repeat(101)}), "email` has 101");
        assert!(
            check("children", &json!(vec![paragraph(json!([run("a".repeat(2000))])); 100])).is_ok()
        );
    }
}
