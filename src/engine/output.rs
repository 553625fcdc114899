//! Converts a service's response to the tool's result.

use serde_json::{Map, Value, json};

use super::content::{self, Content};
use super::hooks::FieldHook;
use super::notes;
use super::pagination::{Page, Pages};
use super::projection::{Field, Path, record, row};
use crate::error::{Code, Error, NOT_A_LIST, REASON};
use crate::json::Object;
use crate::upstream::{UpstreamAnswer, failure_words};

/// What a tool returns of its response.
#[derive(Debug, Clone)]
pub enum Output {
    /// A list of rows: `{"items": […], …summary, "next_cursor"?}`.
    List {
        /// The path of the list.
        items: Path,
        /// The columns.
        fields: Vec<Field>,
        /// The other members besides the items.
        summary: Vec<Field>,
    },
    /// One object.
    Record {
        /// The path of the object.
        item: Path,
        /// Its members.
        fields: Vec<Field>,
    },
    /// A text.
    Text {
        /// The path of the text; the empty path is the unchanged body.
        text: Path,
        /// The hook that changes it.
        hook: Option<FieldHook>,
    },
    /// A Markdown document with its metadata: `{"document": …, …fields}`.
    Document {
        /// The path of the text; the empty path is the whole response, for a hook that writes the text.
        document: Path,
        /// The hook that changes it.
        hook: Option<FieldHook>,
        /// Its metadata.
        fields: Vec<Field>,
    },
    /// `{"message": …}`, whatever the response is.
    Done(String),
}

impl Output {
    /// Returns whether it is a list with a column of this name.
    pub(crate) fn has_column(&self, name: &str) -> bool {
        matches!(self, Self::List { fields, .. } if fields.iter().any(|field| field.name == name))
    }

    /// Returns the tool's result.
    ///
    /// `pages` finds the next page of a paged list. `arguments` are the checked ones: `cursor`, `fields`, `head` and `tail` are
    /// read from them.
    ///
    /// # Errors
    ///
    /// [`Code::UpstreamUnavailable`] for a response of the wrong form, [`Code::NotFound`] for a record that is null.
    pub fn result(
        &self,
        service: &str,
        pages: Option<&Pages>,
        answer: UpstreamAnswer,
        arguments: &Object,
    ) -> Result<Value, Error> {
        match self {
            Self::List { items, fields, summary } => {
                let body = content::json(service, &answer)?;
                let items = items_at(service, items, &body)?;
                let wanted = arguments
                    .get("fields")
                    .and_then(Value::as_array)
                    .filter(|names| !names.is_empty());
                let wants = |field: &&Field| match wanted {
                    Some(names) => {
                        names.iter().any(|name| name.as_str() == Some(field.name.as_str()))
                    }
                    None => field.is_wanted(arguments),
                };
                let rows: Vec<_> =
                    items.iter().map(|item| row(fields.iter().filter(wants), item)).collect();
                let mut result = Map::new();
                result.insert("items".to_owned(), json!(rows));
                result.append(&mut record(summary, &body, arguments));
                let cursor = arguments.get("cursor").and_then(Value::as_str);
                let page =
                    Page { headers: &answer.headers, body: &body, items: items.len(), cursor };
                if let Some(cursor) = pages.and_then(|pages| pages.cursor(page)) {
                    result.insert("next_cursor".to_owned(), cursor.into());
                }
                Ok(result.into())
            }
            Self::Record { item, fields } => {
                let body = content::json(service, &answer)?;
                match item.locate(&body) {
                    // A success without a body has no other information.
                    Some(Value::Null) if answer.body.is_empty() => Ok(json!({})),
                    Some(Value::Null) => {
                        Err(Error::new(Code::NotFound, format!("{service} did not find this."))
                            .with_hint("Check the names and ids."))
                    }
                    Some(value) => Ok(record(fields, value, arguments).into()),
                    None => Err(unexpected(service, &body)),
                }
            }
            Self::Text { text, hook } => {
                let value = if *text == Path::parse("").expect("the empty path is one") {
                    match Content::of(answer).or_mostly_text() {
                        Content::Text { text, .. } => Value::String(text),
                        bytes @ Content::Bytes { .. } => return Ok(bytes.into_result()),
                    }
                } else {
                    text.find(&content::json(service, &answer)?)
                };
                let text = hooked_text(value, *hook);
                let lines = |name| {
                    arguments
                        .get(name)
                        .and_then(Value::as_u64)
                        .and_then(|n| usize::try_from(n).ok())
                };
                Ok(excerpt(text, lines("head"), lines("tail")).into())
            }
            Self::Document { document, hook, fields } => {
                let body = content::json(service, &answer)?;
                let mut result = Map::new();
                result
                    .insert("document".to_owned(), hooked_text(document.find(&body), *hook).into());
                result.append(&mut record(fields, &body, arguments));
                Ok(result.into())
            }
            Self::Done(message) => Ok(json!({"message": message})),
        }
    }
}

/// Returns a text or a document without its first characters.
///
/// # Errors
///
/// [`Code::InvalidParams`] if it is not longer than that.
pub(super) fn from_offset(mut result: Value, offset: u64) -> Result<Value, Error> {
    let text = match &mut result {
        Value::String(text) => Some(text),
        result => match result.get_mut("document") {
            Some(Value::String(text)) => Some(text),
            _ => None,
        },
    };
    let Some(text) = text.filter(|_| offset > 0) else { return Ok(result) };
    match usize::try_from(offset).ok().and_then(|offset| text.char_indices().nth(offset)) {
        Some((start, _)) => {
            text.drain(..start);
            Ok(result)
        }
        None => Err(Error::invalid_params(format!(
            "`offset` is past the end: there are {} characters.",
            text.chars().count()
        ))
        .with_hint("There is nothing more to read.")),
    }
}

fn hooked_text(value: Value, hook: Option<FieldHook>) -> String {
    match hook.map_or_else(|| value.clone(), |hook| hook(&value)) {
        Value::String(text) => text,
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// Returns the error in a GraphQL response, although its status is a success (GraphQL §7.1.2; the types are GitHub's).
pub(super) fn graphql_errors(service: &str, answer: &Value) -> Result<(), Error> {
    let Some(first) = answer.get("errors").and_then(|errors| errors.get(0)) else { return Ok(()) };
    let words: String =
        first["message"].as_str().unwrap_or("no reason given").chars().take(500).collect();
    let words = words.replace(|c: char| c.is_control(), " ");
    let (code, what, hint) = match first["type"].as_str() {
        Some("NOT_FOUND") => (Code::NotFound, "did not find this", "Check the names and ids."),
        Some("FORBIDDEN" | "INSUFFICIENT_SCOPES") => (
            Code::PermissionDenied,
            "does not permit this",
            "Use an account or a credential that may do this.",
        ),
        Some("RATE_LIMITED") => {
            (Code::RateLimited, "wants fewer calls", "Wait at least a minute, then call again.")
        }
        _ => (
            Code::InvalidParams,
            "refuses the arguments",
            "Correct what it names, then call again.",
        ),
    };
    Err(Error::new(code, format!("{service} {what}: {words}")).with_hint(hint))
}

fn items_at<'a>(service: &str, path: &Path, body: &'a Value) -> Result<&'a [Value], Error> {
    match path.locate(body) {
        Some(Value::Array(items)) => Ok(items),
        // An empty body, or a null on the path, means an empty list.
        Some(Value::Null) => Ok(&[]),
        Some(Value::Object(_)) => Err(unexpected(service, body).with_data(REASON, NOT_A_LIST)),
        _ => Err(unexpected(service, body)),
    }
}

fn unexpected(service: &str, body: &Value) -> Error {
    // Some services report errors with a success status.
    if let Some(words) = body.get("error").and_then(|_| failure_words(body.to_string().as_bytes()))
    {
        return Error::new(
            Code::UpstreamUnavailable,
            format!("{service} reports an error: {words}"),
        );
    }
    Error::new(
        Code::UpstreamUnavailable,
        format!("{service} answers in a form that this tool does not know."),
    )
    .with_hint("The service may have changed: look for a newer version of MCPist.")
}

/// Returns the first and last lines of a text; a line between them counts the omitted ones.
pub(crate) fn excerpt(text: String, head: Option<usize>, tail: Option<usize>) -> String {
    if head.is_none() && tail.is_none() {
        return text;
    }
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let head = head.unwrap_or(0);
    let tail = tail.unwrap_or(0);
    let left_out = lines.len().saturating_sub(head.saturating_add(tail));
    if left_out == 0 {
        return text;
    }
    let first = lines[..head].concat();
    let last = lines[lines.len() - tail..].concat();
    if head == 0 || tail == 0 {
        first + &last
    } else {
        format!("{first}{}\n{last}", notes::left_out(left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::HeaderMap;

    fn path(text: &str) -> Path {
        Path::parse(text).unwrap()
    }

    fn field(name: &str, at: &str) -> Field {
        Field { name: name.to_owned(), path: path(at), hook: None, when: None }
    }

    fn result(output: &Output, body: &str, arguments: &Value) -> Result<Value, Code> {
        let answer = UpstreamAnswer {
            status: 200,
            headers: HeaderMap::new(),
            body: body.as_bytes().to_vec(),
            held: crate::upstream::AnswerShare::default(),
        };
        output
            .result("GitHub", None, answer, arguments.as_object().unwrap())
            .map_err(|error| error.code())
    }

    #[test]
    fn a_list_has_the_fields_asked_for_and_its_summary() {
        let output = Output::List {
            items: path("data.items"),
            fields: vec![field("id", "id"), field("name", "n")],
            summary: vec![field("total", "total"), field("absent", "absent")],
        };
        let check = |body: &str, arguments: Value, expected: Result<Value, Code>| {
            assert_eq!(result(&output, body, &arguments), expected, "{body} {arguments}");
        };
        let body = r#"{"data":{"items":[{"id":1,"n":"a"},{"id":2}]},"total":2}"#;
        check(
            body,
            json!({}),
            Ok(json!({"items": [{"id": 1, "name": "a"}, {"id": 2, "name": null}], "total": 2})),
        );
        check(
            body,
            json!({"fields": ["name"]}),
            Ok(json!({"items": [{"name": "a"}, {"name": null}], "total": 2})),
        );
        check(
            body,
            json!({"fields": []}),
            Ok(json!({"items": [{"id": 1, "name": "a"}, {"id": 2, "name": null}], "total": 2})),
        );
        check(r#"{"data":null}"#, json!({}), Ok(json!({"items": []})));
        check("", json!({}), Ok(json!({"items": []})));
        check(r#"{"data":{}}"#, json!({}), Err(Code::UpstreamUnavailable));
        check(r#"{"data":{"items":{}}}"#, json!({}), Err(Code::UpstreamUnavailable));
        check(r#"{"data":{"items":["#, json!({}), Err(Code::UpstreamUnavailable));
    }

    #[test]
    fn a_record_is_found_or_its_absence_is_told() {
        let output = Output::Record { item: path("data"), fields: vec![field("id", "id")] };
        let check = |body: &str, expected: Result<Value, Code>| {
            assert_eq!(result(&output, body, &json!({})), expected, "{body}");
        };
        check(r#"{"data":{"id":1}}"#, Ok(json!({"id": 1})));
        check(r#"{"data":{}}"#, Ok(json!({})));
        check("", Ok(json!({})));
        check(r#"{"data":null}"#, Err(Code::NotFound));
        check("{}", Err(Code::UpstreamUnavailable));
    }

    #[test]
    fn a_text_is_the_body_or_the_string_at_its_path() {
        let check = |at: &str, body: &str, expected: &str| {
            let output = Output::Text { text: path(at), hook: None };
            assert_eq!(result(&output, body, &json!({})), Ok(json!(expected)));
        };
        check("", "{not JSON}\n", "{not JSON}\n");
        check("a.b", r#"{"a":{"b":"text"}}"#, "text");
        check("a.b", r#"{"a":{"b":[1]}}"#, "[1]");
        check("a.b", "{}", "");
    }

    #[test]
    fn a_document_has_its_text_and_its_fields() {
        fn heading(page: &Value) -> Value {
            format!("# {}", page["title"].as_str().unwrap_or_default()).into()
        }
        let check = |at: &str, hook: Option<FieldHook>, expected: Value| {
            let output = Output::Document {
                document: path(at),
                hook,
                fields: vec![field("id", "id"), field("absent", "absent")],
            };
            let body = r#"{"id":7,"title":"T","markdown":"a\nb"}"#;
            assert_eq!(
                result(&output, body, &json!({})).unwrap().to_string(),
                expected.to_string()
            );
        };
        check("markdown", None, json!({"document": "a\nb", "id": 7}));
        check("", Some(heading), json!({"document": "# T", "id": 7}));
        check("nowhere", None, json!({"document": "", "id": 7}));
    }

    #[test]
    fn head_and_tail_count_lines() {
        let check = |head, tail, expected: &str| {
            assert_eq!(excerpt("1\n2\n3\n4".to_owned(), head, tail), expected, "{head:?} {tail:?}");
        };
        check(None, None, "1\n2\n3\n4");
        check(Some(2), None, "1\n2\n");
        check(None, Some(2), "3\n4");
        check(Some(1), Some(1), "1\n[… 2 lines left out …]\n4");
        check(Some(2), Some(2), "1\n2\n3\n4");
        check(Some(9), None, "1\n2\n3\n4");
        check(None, Some(usize::MAX), "1\n2\n3\n4");
    }

    #[test]
    fn an_offset_counts_characters() {
        let check = |result: Value, offset, expected: Result<Value, &str>| {
            let rest = from_offset(result, offset).map_err(|error| error.message().to_owned());
            assert_eq!(rest, expected.map_err(str::to_owned), "{offset}");
        };
        check(json!("aé日b"), 0, Ok(json!("aé日b")));
        check(json!("aé日b"), 2, Ok(json!("日b")));
        check(json!("aé日b"), 4, Err("`offset` is past the end: there are 4 characters."));
        check(json!("aé日b"), u64::MAX, Err("`offset` is past the end: there are 4 characters."));
        check(json!(""), 0, Ok(json!("")));
        check(json!({"document": "aé日b", "id": 7}), 3, Ok(json!({"document": "b", "id": 7})));
        check(
            json!({"document": "aé", "id": 7}),
            3,
            Err("`offset` is past the end: there are 2 characters."),
        );
        check(json!({"document": null, "id": 7}), 3, Ok(json!({"document": null, "id": 7})));
    }

    #[test]
    fn graphql_errors_have_their_code() {
        let check = |answer: Value, code: Option<Code>| {
            assert_eq!(
                graphql_errors("GitHub", &answer).err().map(|error| error.code()),
                code,
                "{answer}"
            );
        };
        check(json!({"data": {}}), None);
        check(json!({"data": {}, "errors": []}), None);
        check(
            json!({"errors": [{"type": "NOT_FOUND", "message": "Could not resolve"}]}),
            Some(Code::NotFound),
        );
        check(json!({"errors": [{"type": "FORBIDDEN"}]}), Some(Code::PermissionDenied));
        check(json!({"errors": [{"type": "RATE_LIMITED"}]}), Some(Code::RateLimited));
        check(
            json!({"errors": [{"message": "Variable $n is missing"}]}),
            Some(Code::InvalidParams),
        );
    }
}
