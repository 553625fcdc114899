//! Ids of pages, blocks, views and users as people paste them.
//!
//! An id is a UUID with or without dashes. It stands alone, at the end of a name (`Road-map-<id>`), in an address of Notion's,
//! in a Markdown link to one, or behind the name that a result shows (`Ada (<id>)`).

use serde_json::Value;

use crate::error::{Error, shortened};

/// Hexadecimal digits of an id.
const DIGITS: usize = 32;

/// Digits between the dashes of a UUID (RFC 9562 §4).
const GROUPS: [usize; 5] = [8, 4, 4, 4, 12];

/// The maximum length in characters of a wrong value in an error.
const MAX_REPEATED: usize = 60;

/// The id of a page, database or data source; in the address of a page shown over its database it stands as `p`.
///
/// # Errors
///
/// [`Code::InvalidParams`](crate::error::Code::InvalidParams) for a text without an id or with several.
pub fn page_id(given: &Value) -> Result<Value, Error> {
    id(given, &["p"])
}

/// Returns the id of a block, which is after the `#` in an address; without it, the page's id.
///
/// # Errors
///
/// As [`page_id`].
pub fn block_id(given: &Value) -> Result<Value, Error> {
    id(given, &["#", "p"])
}

/// Returns the id of a view, which is in `v` in an address.
///
/// # Errors
///
/// As [`page_id`].
pub fn view_id(given: &Value) -> Result<Value, Error> {
    id(given, &["v"])
}

/// The id of what has no address: a user, a comment, a discussion, a file upload.
///
/// # Errors
///
/// As [`page_id`].
pub fn plain_id(given: &Value) -> Result<Value, Error> {
    id(given, &[])
}

/// The id at the first of these places of an address, else at the end of its path, else the only id of the text.
fn id(given: &Value, places: &[&str]) -> Result<Value, Error> {
    let text = given.as_str().unwrap_or_default().trim();
    let inner = unwrapped(text);
    let found = match address(inner) {
        Some(address) => in_address(address, places),
        None if is_id(inner) => return Ok(inner.into()),
        None => only_id(inner),
    };
    found.map(Value::from).ok_or_else(|| {
        let shown = shortened(text.to_owned(), MAX_REPEATED);
        Error::invalid_params(format!("`{shown}` has no id of Notion's, or several."))
            .with_hint("Give one id, such as 195de922-1179-449f-ab80-75a27c979105, or the address in the browser; search finds it by title.")
    })
}

/// What a Markdown link leads to, and the text between brackets, quotes or backticks.
fn unwrapped(text: &str) -> &str {
    let pairs = [('<', '>'), ('"', '"'), ('\'', '\''), ('`', '`'), ('(', ')'), ('[', ']')];
    let link = text.starts_with('[').then(|| text.strip_suffix(')')?.split_once("](")).flatten();
    if let Some((_, target)) = link {
        // A title may stand behind the address: `[Plan](https://… "Plan")`.
        return unwrapped(target.split_ascii_whitespace().next().unwrap_or_default());
    }
    let inner =
        pairs.iter().find_map(|(open, close)| text.strip_prefix(*open)?.strip_suffix(*close));
    inner.map_or(text, |inner| unwrapped(inner.trim()))
}

/// What follows the scheme of an address; an address may come without one (`www.notion.so/…`).
fn address(text: &str) -> Option<&str> {
    if text.contains(char::is_whitespace) {
        return None;
    }
    let without_scheme = text.split_once("://").map(|(_, rest)| rest);
    without_scheme.or_else(|| text.contains('/').then_some(text))
}

fn in_address(address: &str, places: &[&str]) -> Option<String> {
    let (address, fragment) = address.split_once('#').unwrap_or((address, ""));
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    let at = |place: &&str| match *place {
        "#" => last_id(fragment),
        name => {
            let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.filter(|(key, _)| *key == name).find_map(|(_, value)| last_id(value))
        }
    };
    let segment = || path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    places.iter().find_map(at).or_else(|| last_id(segment()))
}

/// The id of a text that has one and no other.
fn only_id(text: &str) -> Option<String> {
    let mut ids = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').filter_map(last_id);
    let first = ids.next()?;
    ids.all(|other| other.eq_ignore_ascii_case(&first)).then_some(first)
}

/// Whether it is an id and nothing else.
pub fn is_id(text: &str) -> bool {
    last_id(text).is_some() && text.bytes().filter(|byte| *byte != b'-').count() == DIGITS
}

/// The digits of the id that a name ends with (`Road-map-<id>`), its dashes left out.
fn last_id(text: &str) -> Option<String> {
    let parts: Vec<&str> = text.split('-').collect();
    let is_part = |part: &&str, length: usize| {
        part.len() == length && part.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let last = parts.last().filter(|part| is_part(part, DIGITS));
    if let Some(digits) = last {
        return Some((*digits).to_owned());
    }
    let groups = &parts[parts.len().checked_sub(GROUPS.len())?..];
    groups.iter().zip(GROUPS).all(|(part, length)| is_part(part, length)).then(|| groups.concat())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ID: &str = "195de9221179449fab8075a27c979105";
    const DASHED: &str = "195de922-1179-449f-ab80-75a27c979105";
    const OTHER: &str = "095de9221179449fab8075a27c979105";

    type Hook = fn(&Value) -> Result<Value, Error>;

    fn check(hook: Hook, given: &str, expected: &str) {
        assert_eq!(hook(&json!(given)).ok(), Some(json!(expected)), "{given}");
    }

    #[test]
    fn an_id_is_found_however_it_is_pasted() {
        let address = |rest: &str| format!("https://www.notion.so/acme/{rest}");
        check(page_id, ID, ID);
        check(page_id, DASHED, DASHED);
        check(page_id, &format!("  {DASHED}\n"), DASHED);
        check(page_id, &DASHED.to_uppercase(), &DASHED.to_uppercase());
        check(page_id, &format!("`{ID}`"), ID);
        check(page_id, &address(&format!("Road-map-{ID}")), ID);
        check(page_id, &address(&format!("Road-map-{DASHED}")), ID);
        check(page_id, &address(&format!("Facade-{ID}?pvs=4#{OTHER}")), ID);
        check(page_id, &address(&format!("{OTHER}?v={OTHER}&p={ID}&pm=s")), ID);
        check(page_id, &address(&format!("Road-map-{ID}/")), ID);
        check(page_id, &format!("[Plan]({})", address(ID)), ID);
        check(page_id, &format!("[Plan (old)](<{}> \"Plan\")", address(ID)), ID);
        check(page_id, &format!("<{}>", address(ID)), ID);
        check(page_id, &format!("www.notion.so/acme/Road-map-{ID}"), ID);
        check(page_id, &format!("acme.notion.site/Road-map-{ID}?pvs=4"), ID);
        check(page_id, &format!("/Road-map-{ID}"), ID);
        check(page_id, &format!("Road-map-{ID}"), ID);
        check(page_id, &format!("Ada Lovelace ({DASHED})"), ID);
        check(page_id, &format!("{ID} {DASHED}"), ID);
        check(page_id, &format!("collection://{DASHED}"), ID);
        check(block_id, &address(&format!("Road-map-{OTHER}#{ID}")), ID);
        check(block_id, &address(&format!("Road-map-{ID}#:~:text=plan")), ID);
        check(view_id, &address(&format!("{OTHER}?v={ID}")), ID);
        check(view_id, ID, ID);
        check(plain_id, &format!(" {ID} "), ID);
    }

    #[test]
    fn what_is_no_id_is_refused_before_it_is_sent() {
        let no_id = [
            "",
            "Road map",
            "https://www.notion.so/acme/Road-map",
            "https://www.notion.so/",
            "[Plan](https://www.notion.so/acme/Plan)",
            "195de9221179449fab8075a27c97910",
            // One digit more: its last 32 would be the id of something else.
            "a195de9221179449fab8075a27c979105",
            "195de922-1179-449f-ab80-75a27c9791056",
            "face195de922-1179-449f-ab80-75a27c979105",
            "me",
        ];
        for text in no_id {
            let error = page_id(&json!(text)).expect_err(text);
            assert!(error.to_string().contains("195de922-1179"), "{error}");
        }
        let two = format!("{ID} or {OTHER}");
        assert!(page_id(&json!(two)).is_err());
    }
}
