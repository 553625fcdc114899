//! Renders the result of a tool for a model: TOON, text or JSON, within the output budget.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::across::ACCOUNTS;
use super::clean::mark_comments;
use crate::engine::resource::MediaType;
use crate::engine::{OFFSET, Tool, notes};
use crate::error::{Error, change_texts};
use crate::json::Object;
use crate::mcp::context::View;
use crate::mcp::handler::ToolResult;
use crate::toon;

/// The maximum size of a result in bytes. In English it is some 15,000 tokens, as much as clients accept at once; other scripts
/// have more bytes and more tokens for each character, so the tokens are about the same.
const BUDGET: usize = 60_000;

/// The maximum size in bytes of a resource or an image that is not text.
const MAX_BLOB: u64 = 1024 * 1024;

/// The image formats that models can look at.
const IMAGES: [&str; 4] = ["image/png", "image/jpeg", "image/gif", "image/webp"];

/// The format of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// TOON for data; text as it is.
    Toon,
    /// JSON, with `structuredContent`.
    Json,
}

impl Format {
    /// Returns the format that a view asks for.
    #[must_use]
    pub const fn of(view: &View) -> Self {
        if view.json { Self::Json } else { Self::Toon }
    }
}

/// Returns the character at which these arguments let a tool's text or document begin; `None` if it cannot be read in parts.
#[must_use]
pub fn start_of(tool: &Tool, arguments: &Object) -> Option<usize> {
    let offset = match arguments.get(OFFSET) {
        Some(Value::String(text)) => text.trim().parse().ok(),
        offset => offset.and_then(Value::as_u64).and_then(|offset| usize::try_from(offset).ok()),
    };
    tool.reads_on.then_some(offset.unwrap_or_default())
}

/// Writes a result, cut to the budget: a list after a record, a text or a document after a line. Each says how to continue. An
/// image follows as a block of its own.
///
/// `start` is the character at which a text or a document begins, if it can be read in parts.
#[must_use]
pub fn render(value: Value, format: Format, start: Option<usize>) -> ToolResult {
    let write = |value: &Value| match format {
        Format::Toon => toon::encode(&tabular(value)),
        Format::Json => value.to_string(),
    };
    if let Some(image) = image(&value) {
        let mut value = value;
        if let Some(members) = value.as_object_mut() {
            members.shift_remove("blob");
        }
        let mut result = render(value, format, start);
        result.content.push(image);
        return result;
    }
    let mut value = reported(value);
    let is_code = is_code(&value);
    mark(&mut value, is_code);
    if let Some(Value::String(document)) = value.get_mut("document") {
        let text = std::mem::take(document);
        return render_document(value, text, format, start, is_code);
    }
    let value = match value {
        Value::String(text) if format == Format::Toon => {
            return ToolResult::text(cut_text(text, BUDGET, start));
        }
        Value::String(text) => json!({"text": cut_text(text, BUDGET, start)}),
        data => data,
    };
    let (value, text) = match write(&value) {
        text if text.len() <= BUDGET => (value, text),
        _ => {
            let value = cut_list(value, &write);
            let text = cut_text(write(&value), BUDGET, None);
            (value, text)
        }
    };
    let structured = (format == Format::Json).then_some(value);
    ToolResult { structured, ..ToolResult::text(text) }
}

/// Returns an image of a result as a content block (MCP `ImageContent`); `None` if it is too large, and for all other results.
fn image(value: &Value) -> Option<Value> {
    let is_shown = is_blob(value)
        && value.as_object().is_some_and(is_image)
        && value["size"].as_u64() <= Some(MAX_BLOB);
    is_shown
        .then(|| json!({"type": "image", "data": value["blob"], "mimeType": value["mime_type"]}))
}

fn is_image(members: &Object) -> bool {
    members["mime_type"].as_str().is_some_and(|kind| IMAGES.contains(&kind))
}

/// Returns a binary result, `{"blob": base64, "mime_type": …, "size": bytes, …}`, without its bytes, because a model cannot
/// read them. Returns any other result unchanged.
#[must_use]
pub(super) fn reported(mut value: Value) -> Value {
    if is_blob(&value)
        && let Some(members) = value.as_object_mut()
    {
        members.shift_remove("blob");
        let note = match members["size"].as_u64() {
            _ if !is_image(members) => "This is not text: its content is not shown.".to_owned(),
            Some(size) if size <= MAX_BLOB => "Call the tool alone to see this image.".to_owned(),
            _ => format!("An image of more than {MAX_BLOB} bytes is not shown."),
        };
        members.insert("note".to_owned(), note.into());
    }
    value
}

/// Marks HTML comments in the texts of a record or a list. A text on its own is a log, a diff or similar, and a document is
/// marked when it is cut.
fn mark(value: &mut Value, is_code: bool) {
    let Some(members) = value.as_object_mut().filter(|_| !is_code) else { return };
    for (_, member) in members.iter_mut().filter(|(name, _)| *name != "document") {
        change_texts(member, &mark_comments);
    }
}

/// Returns whether a document is a file that is shown unchanged, comments included: its name does not have a Markdown
/// extension.
fn is_code(value: &Value) -> bool {
    let name = ["path", "name", "filename"].into_iter().find_map(|name| value[name].as_str());
    let ending = name.and_then(|name| name.rsplit_once('.')).map(|(_, ending)| ending);
    value["document"].is_string()
        && ending.is_some_and(|ending| {
            !["md", "mdx", "markdown"].iter().any(|markdown| ending.eq_ignore_ascii_case(markdown))
        })
}

fn is_blob(value: &Value) -> bool {
    value["blob"].is_string() && value["mime_type"].is_string() && value["size"].is_u64()
}

/// Returns a result as the content of a resource (MCP `ResourceContents`), cut to the budget. Metadata of a document precedes
/// it as front matter, in lines of TOON, unless the resource is declared as plain text.
///
/// # Errors
/// [`Code::InvalidParams`](crate::error::Code::InvalidParams) for binary content that is larger than clients accept.
pub(super) fn resource(uri: &str, said: MediaType, value: Value) -> Result<Value, Error> {
    if is_blob(&value) {
        let (mime_type, size) = (&value["mime_type"], value["size"].as_u64().unwrap_or_default());
        if size > MAX_BLOB {
            let message =
                format!("{uri} is {mime_type} of {size} bytes: more than {MAX_BLOB} are not read.");
            return Err(Error::invalid_params(message).with_hint("Open it in a browser."));
        }
        return Ok(json!({"uri": uri, "mimeType": mime_type, "blob": value["blob"]}));
    }
    let (mime_type, text) = content(said, value);
    Ok(json!({"uri": uri, "mimeType": mime_type, "text": text}))
}

fn content(said: MediaType, mut value: Value) -> (MediaType, String) {
    let text_of =
        |result: ToolResult| result.content[0]["text"].as_str().unwrap_or_default().to_owned();
    if said == MediaType::Text
        && let Some(Value::String(text)) = value.get_mut("document").map(Value::take)
    {
        value = text.into();
    }
    if value.is_string() {
        return (MediaType::Text, text_of(render(value, Format::Toon, None)));
    }
    match value.as_object_mut().and_then(|members| members.shift_remove("document")) {
        Some(Value::String(mut text)) => {
            mark(&mut value, false);
            mark_comments(&mut text);
            let head = if value == json!({}) {
                String::new()
            } else {
                format!("---\n{}\n---\n\n", toon::encode(&value))
            };
            (MediaType::Markdown, cut_text(head + &text, BUDGET, None))
        }
        _ => (MediaType::Json, text_of(render(value, Format::Json, None))),
    }
}

/// Returns the value with each list inside a row (labels, assignees) joined into one text: table cells hold no lists, and
/// without a table every row would repeat the names of its fields. A list stays if the text would not show its entries clearly.
fn tabular(value: &Value) -> Cow<'_, Value> {
    let Some(rows) = value.get("items").and_then(Value::as_array) else {
        return Cow::Borrowed(value);
    };
    let mut columns = BTreeMap::new();
    for (name, cell) in rows.iter().filter_map(Value::as_object).flatten() {
        if let Some(list) = cell.as_array() {
            *columns.entry(name.as_str()).or_insert(true) &=
                list.iter().all(|entry| part(entry).is_some());
        }
    }
    columns.retain(|_, fits| *fits);
    if columns.is_empty() {
        return Cow::Borrowed(value);
    }
    let mut flat = value.clone();
    for row in flat["items"].as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        for (_, cell) in row.iter_mut().filter(|(name, _)| columns.contains_key(name.as_str())) {
            if let Some(list) = cell.as_array() {
                *cell = list.iter().filter_map(part).collect::<Vec<_>>().join(", ").into();
            }
        }
    }
    Cow::Owned(flat)
}

/// Returns an entry of a list as part of a text; `None` if the entries would run into each other.
fn part(entry: &Value) -> Option<String> {
    match entry {
        Value::Array(_) | Value::Object(_) => None,
        Value::String(text) => (!text.contains([',', '\n'])).then(|| text.clone()),
        scalar => Some(scalar.to_string()),
    }
}

/// Returns a document as a person would write it: its metadata, a blank line, and its text unchanged.
fn render_document(
    mut value: Value,
    text: String,
    format: Format,
    start: Option<usize>,
    is_code: bool,
) -> ToolResult {
    // Comments are marked after the cut, because the position to continue at counts the service's own characters.
    let shown = |text, budget| {
        let mut text = cut_text(text, budget, start);
        if !is_code {
            mark_comments(&mut text);
        }
        text
    };
    if format == Format::Json {
        value["document"] = shown(text, BUDGET).into();
        return ToolResult {
            structured: Some(value.clone()),
            ..ToolResult::text(value.to_string())
        };
    }
    let fields = value.as_object_mut().map(std::mem::take).unwrap_or_default();
    let fields: Object = fields.into_iter().filter(|(name, _)| name != "document").collect();
    let head = if fields.is_empty() {
        String::new()
    } else {
        cut_text(toon::encode(&fields.into()), BUDGET / 2, None) + "\n\n"
    };
    let text = shown(text, BUDGET - head.len().min(BUDGET / 2));
    ToolResult::text(head + &text)
}

/// Keeps as many records as fit, found by binary search. The page's cursor is removed, because it would skip the records that
/// were cut.
fn cut_list(value: Value, write: &dyn Fn(&Value) -> String) -> Value {
    let Some(items) = value.get("items").and_then(Value::as_array) else { return value };
    let total = items.len();
    let with = |count: usize| {
        let mut cut = value.clone();
        cut["items"].as_array_mut().expect("it was an array above").truncate(count);
        let members = cut.as_object_mut().expect("it has items");
        members.shift_remove("next_cursor");
        // Across accounts, each account has its own page and cursor.
        let mut pages = 1;
        if let Some(Value::Array(accounts)) = members.get_mut(ACCOUNTS) {
            let cursors: Vec<_> =
                accounts.iter_mut().filter_map(|account| account.get_mut("next_cursor")).collect();
            pages = cursors.len().max(1);
            for cursor in cursors {
                *cursor = Value::Null;
            }
        }
        let limit = (count / pages).max(1);
        cut["cut"] = json!(format!(
            "{count} of the page's {total} records fit; call again with limit {limit} to page through them, or name the fields you need"
        ));
        cut
    };
    let (mut fits, mut too_many) = (0, total);
    while too_many - fits > 1 {
        let middle = usize::midpoint(fits, too_many);
        if write(&with(middle)).len() <= BUDGET { fits = middle } else { too_many = middle }
    }
    with(fits)
}

/// Returns the text up to the budget, cut at the end of a line if one is near, and says how to continue.
fn cut_text(mut text: String, budget: usize, start: Option<usize>) -> String {
    if text.len() <= budget {
        return text;
    }
    let end = (0..=budget).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
    let end =
        text[..end].rfind('\n').map(|line| line + 1).filter(|line| *line > end / 2).unwrap_or(end);
    let (shown, total) = (text[..end].chars().count(), text.chars().count());
    text.truncate(end);
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(&match start {
        Some(start) => notes::cut_before_rest(start, start + shown, start + total),
        None => notes::cut(shown, total),
    });
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(result: &ToolResult) -> &str {
        result.content[0]["text"].as_str().unwrap()
    }

    #[test]
    fn data_is_toon_and_text_stays_text() {
        assert_eq!(
            text(&render(
                json!({"items": [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]}),
                Format::Toon,
                None
            )),
            "items[2]{a,b}:\n  1,x\n  2,y"
        );
        assert_eq!(text(&render(json!("a: b"), Format::Toon, None)), "a: b");
        let json = render(json!({"a": 1}), Format::Json, None);
        assert_eq!((text(&json), json.structured.clone()), (r#"{"a":1}"#, Some(json!({"a": 1}))));
    }

    #[test]
    fn a_list_in_a_row_is_a_text_of_its_table() {
        let check = |rows: Value, expected: &str| {
            assert_eq!(text(&render(json!({"items": rows}), Format::Toon, None)), expected);
        };
        check(
            json!([{"n": 1, "labels": ["bug", "ui"]}, {"n": 2, "labels": []}]),
            "items[2]{n,labels}:\n  1,\"bug, ui\"\n  2,\"\"",
        );
        check(
            json!([{"n": 1, "ids": [7, null]}, {"n": 2, "ids": null}]),
            "items[2]{n,ids}:\n  1,\"7, null\"\n  2,null",
        );
        // If a name contains a comma, the list stays a list in every row.
        let names = json!([{"names": ["Lee, Ann", "Ben"]}, {"names": ["Eve"]}]);
        check(names, "items[2]:\n  - names[2]: \"Lee, Ann\",Ben\n  - names[1]: Eve");
        let objects = json!([{"parts": [{"a": 1}]}]);
        check(objects, "items[1]:\n  - parts[1]{a}:\n      1");
        let json = render(json!({"items": [{"labels": ["bug", "ui"]}]}), Format::Json, None);
        assert_eq!(text(&json), r#"{"items":[{"labels":["bug","ui"]}]}"#);
    }

    #[test]
    fn a_document_is_its_fields_and_its_text() {
        let document = || json!({"document": "# Title\n\n- a: b\n", "id": 7, "title": "T", "labels": ["a", "b"]});
        assert_eq!(
            text(&render(document(), Format::Toon, None)),
            "id: 7\ntitle: T\nlabels[2]: a,b\n\n# Title\n\n- a: b\n"
        );
        assert_eq!(text(&render(json!({"document": "# Title"}), Format::Toon, None)), "# Title");
        let json = render(document(), Format::Json, None);
        assert_eq!(
            (text(&json), json.structured.clone()),
            (document().to_string().as_str(), Some(document()))
        );
        assert_eq!(
            text(&render(json!({"document": {"id": 7}}), Format::Toon, None)),
            "document:\n  id: 7"
        );
    }

    #[test]
    fn html_comments_in_markdown_are_marked_and_code_stays() {
        let marked = "<!--[not shown on the page] x -->";
        let check = |value: Value, expected: &str| {
            for format in [Format::Toon, Format::Json] {
                let told = render(value.clone(), format, None);
                assert!(text(&told).contains(expected), "{value}: {told:?}");
                assert_eq!(text(&told).contains(marked), expected == marked, "{value}: {told:?}");
            }
        };
        check(json!({"document": "# T\n<!-- x -->", "title": "T"}), marked);
        check(json!({"document": "<!-- x -->", "path": "a/README.md"}), marked);
        check(json!({"body": "<!-- x -->"}), marked);
        check(json!({"items": [{"body": "<!-- x -->"}]}), marked);
        check(json!({"document": "<!-- x -->", "path": "index.html"}), "<!-- x -->");
        check(json!("<!-- x -->"), "<!-- x -->");
        let resource = content(MediaType::Markdown, json!({"document": "<!-- x -->"}));
        assert_eq!(resource, (MediaType::Markdown, marked.to_owned()));
        // The position to continue at does not count the marks.
        let long = "<!-- x -->\n".repeat(10_000);
        let told = render(json!({"document": long}), Format::Toon, Some(0));
        let shown = text(&told).matches("<!--[").count() * 11;
        assert!(text(&told).contains(&format!("characters 0 to {shown} of 110000")), "{shown}");
    }

    #[test]
    fn the_content_of_a_resource_is_markdown_text_or_json() {
        let check = |value: Value, expected: (MediaType, &str)| {
            assert_eq!(content(MediaType::Json, value), (expected.0, expected.1.to_owned()));
        };
        check(json!("a: b"), (MediaType::Text, "a: b"));
        check(json!({"document": "# Title"}), (MediaType::Markdown, "# Title"));
        check(
            json!({"document": "# Title", "id": 7, "title": "T"}),
            (MediaType::Markdown, "---\nid: 7\ntitle: T\n---\n\n# Title"),
        );
        check(json!({"id": 7}), (MediaType::Json, r#"{"id":7}"#));
        let (_, text) =
            content(MediaType::Markdown, json!({"document": "line\n".repeat(20_000), "id": 7}));
        let file = json!({"document": "fn main() {}\n", "sha": "abc"});
        assert_eq!(content(MediaType::Text, file), (MediaType::Text, "fn main() {}\n".to_owned()));
        assert!(
            text.starts_with("---\nid: 7\n---\n\nline\n")
                && text.contains("\n[cut: ")
                && text.len() < BUDGET + 200
        );
    }

    #[test]
    fn bytes_are_reported_to_a_tool_and_given_by_a_resource() {
        let blob =
            |size: u64| json!({"blob": "AAE=", "mime_type": "application/zip", "size": size});
        let note = "mime_type: application/zip\nsize: 2\nnote: \"This is not text: its content is not shown.\"";
        assert_eq!(text(&render(blob(2), Format::Toon, None)), note);
        let json = render(blob(2), Format::Json, None).structured.expect("it is data");
        assert_eq!((&json["blob"], &json["size"]), (&Value::Null, &json!(2)));
        // A record that only has a member of this name is not a binary result.
        let record = json!({"blob": "a1b2", "size": 2});
        assert_eq!(text(&render(record, Format::Toon, None)), "blob: a1b2\nsize: 2");

        let given = json!({"uri": "m://a", "mimeType": "application/zip", "blob": "AAE="});
        assert_eq!(resource("m://a", MediaType::Text, blob(2)), Ok(given));
        let error = resource("m://a", MediaType::Text, blob(MAX_BLOB + 1)).expect_err("too large");
        assert!(error.message().contains("1048577 bytes"), "{error}");
    }

    #[test]
    fn an_image_is_given_to_look_at_unless_it_is_too_large() {
        let image = |kind: &str, size: u64| json!({"name": "a", "blob": "AAE=", "mime_type": kind, "size": size});
        let block = json!({"type": "image", "data": "AAE=", "mimeType": "image/webp"});
        for format in [Format::Toon, Format::Json] {
            let shown = render(image("image/webp", MAX_BLOB), format, None);
            assert_eq!(shown.content[1..], *std::slice::from_ref(&block));
            assert!(text(&shown).contains("1048576") && !text(&shown).contains("AAE="));
            for (kind, size, note) in
                [("image/webp", MAX_BLOB + 1, "1048576 bytes"), ("image/tiff", 2, "not text")]
            {
                let told = render(image(kind, size), format, None);
                assert_eq!(told.content.len(), 1, "{kind}");
                assert!(text(&told).contains(note) && !text(&told).contains("AAE="), "{kind}");
            }
        }
    }

    #[test]
    fn a_document_over_the_budget_is_cut_at_a_line() {
        let document = json!({"document": "é line\n".repeat(20_000), "id": 7});
        for format in [Format::Toon, Format::Json] {
            let result = render(document.clone(), format, None);
            let text = text(&result);
            assert!(
                text.contains("é line") && text.contains("[cut: "),
                "{}",
                &text[text.len() - 200..]
            );
            assert!(
                format == Format::Json
                    || (text.starts_with("id: 7\n\n") && text.len() < BUDGET + 200)
            );
            assert!(
                format == Format::Toon || serde_json::from_str::<Value>(text).is_ok(),
                "the JSON stays whole"
            );
        }
    }

    #[test]
    fn a_list_over_the_budget_is_cut_at_a_record_and_says_how_to_go_on() {
        let items: Vec<Value> =
            (0..1_000).map(|number| json!({"number": number, "text": "x".repeat(200)})).collect();
        let result = render(json!({"items": items, "next_cursor": "c"}), Format::Toon, None);
        let text = text(&result);
        assert!(text.len() <= BUDGET && text.len() > BUDGET / 2, "{}", text.len());
        assert!(
            text.contains("of the page's 1000 records fit") && !text.contains("next_cursor"),
            "{}",
            &text[text.len() - 300..]
        );
        assert!(!text.contains("[cut:"));
    }

    #[test]
    fn a_list_of_several_accounts_over_the_budget_loses_their_cursors_too() {
        let items: Vec<Value> = (0..1_000)
            .map(|number| json!({"account": "a", "text": format!("{number} {}", "x".repeat(200))}))
            .collect();
        let accounts = json!([{"account": "a", "next_cursor": "c", "error": null}, {"account": "b", "next_cursor": null, "error": null}]);
        let result = render(json!({"items": items, "accounts": accounts}), Format::Json, None)
            .structured
            .unwrap();
        assert_eq!(result["accounts"][0]["next_cursor"], Value::Null);
        let fits = result["items"].as_array().unwrap().len();
        assert!(
            result["cut"].as_str().unwrap().contains(&format!("limit {} ", fits / 2)),
            "{}",
            result["cut"]
        );
        // A member of this name that the service itself returned is left as it is.
        let result = render(json!({"items": items, "accounts": ["a", 7]}), Format::Json, None)
            .structured
            .unwrap();
        assert_eq!(result["accounts"], json!(["a", 7]));
    }

    #[test]
    fn a_text_over_the_budget_is_cut_at_a_line() {
        let result = render(json!("é line\n".repeat(20_000)), Format::Toon, None);
        let text = text(&result);
        assert!(text.len() < BUDGET + 200);
        assert!(text.contains("é line\n[cut: "), "{}", &text[text.len() - 200..]);
    }

    /// Continues reading as the results say until nothing is cut, and returns all parts joined.
    fn read_on(whole: &str, document: bool, format: Format) -> String {
        let (mut read, mut start) = (String::new(), 0);
        loop {
            let rest: String = whole.chars().skip(start).collect();
            let value = if document { json!({"document": rest, "id": 7}) } else { json!(rest) };
            let result = render(value, format, Some(start));
            let part = match (format, document) {
                (Format::Toon, true) => text(&result).strip_prefix("id: 7\n\n").unwrap().to_owned(),
                (Format::Toon, false) => text(&result).to_owned(),
                (Format::Json, _) => result.structured.unwrap()
                    [if document { "document" } else { "text" }]
                .as_str()
                .unwrap()
                .to_owned(),
            };
            let Some((part, note)) = part.rsplit_once("[cut: ") else { return read + &part };
            let next = note
                .split_once("with offset ")
                .unwrap()
                .1
                .split(' ')
                .next()
                .unwrap()
                .parse::<usize>()
                .unwrap();
            assert!(
                note.starts_with(&format!(
                    "characters {start} to {next} of {};",
                    whole.chars().count()
                )),
                "{note}"
            );
            // A cut inside a line ends the line.
            read.extend(part.chars().take(next - start));
            start = next;
        }
    }

    #[test]
    fn what_is_cut_is_read_on_without_a_gap() {
        for whole in [
            "é line\n".repeat(20_000),
            "日本".repeat(40_000),
            format!("short\n{}", "x".repeat(200_000)),
            "x\n".repeat(10),
        ] {
            for format in [Format::Toon, Format::Json] {
                assert!(
                    read_on(&whole, true, format) == whole
                        && read_on(&whole, false, format) == whole
                );
            }
        }
    }

    #[test]
    fn much_that_is_known_about_a_document_leaves_room_for_it() {
        let document = json!({"document": "x".repeat(BUDGET), "labels": "y".repeat(BUDGET)});
        let result = render(document, Format::Toon, Some(0));
        let text = text(&result);
        assert!(
            text.len() < BUDGET + 500 && text.contains("xxx") && text.contains("offset 30000 "),
            "{}",
            &text[text.len() - 200..]
        );
    }
}
