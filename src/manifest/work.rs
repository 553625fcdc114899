//! Reads a tool's request and output.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::location::Location;
use super::read::Reader;
use super::{paging, raw};
use crate::engine::Param;
use crate::engine::output::Output;
use crate::engine::pagination::{PagePlace, Pages};
use crate::engine::projection::{Field, Path};
use crate::engine::request::{Body, ParamTarget, Piece, Template};
use crate::engine::schema::Kind;
use crate::engine::session::json_headers;
use crate::json::Object;
use crate::upstream::{HeaderMap, Method};

/// The parts that all requests of a module share.
pub struct Common {
    /// The module's name.
    pub module: String,
    /// The origins beside its own.
    pub origins: Vec<String>,
    /// The headers.
    pub headers: Arc<HeaderMap>,
    /// The headers for a request with a JSON body.
    pub json_headers: Arc<HeaderMap>,
    /// How lists are split into pages.
    pub pages: Option<Pages>,
}

/// Reads a tool's request; `None` if its form is invalid.
///
/// `written` are all params of the tool, `params` the valid ones.
pub fn template(
    reader: &mut Reader<'_>,
    tool: Location<'_>,
    module: &Common,
    value: Value,
    written: &Object,
    params: &[Param],
) -> Option<Template> {
    let place = tool.member("request");
    let raw: raw::Request = reader.part(place, value)?;
    let path = path(reader, place, &raw.path, written);
    let mut query = Vec::new();
    for (name, value) in raw.query {
        match value {
            Value::String(text) => query.push((name, text)),
            Value::Number(_) | Value::Bool(_) => query.push((name, value.to_string())),
            _ => reader.add(
                place.detail("query"),
                format!("query `{name}` must be a string, a number or a boolean"),
            ),
        }
    }
    let pages =
        paging::of_request(reader, place, module.pages.as_ref(), raw.pagination, raw.page_in);
    let pages_in = |at| pages.as_ref().is_some_and(|pages| pages.place == at);
    let has_body_params = params.iter().any(|param| matches!(param.place, ParamTarget::Body(_)));
    let body = match (raw.graphql, raw.body) {
        (Some(_), Some(_)) => {
            reader.add(place.detail("graphql"), "`graphql` and `body` exclude each other");
            Body::None
        }
        (Some(document), None) => Body::Graphql(document),
        (None, Some(fixed)) => Body::Json(fixed),
        (None, None) if has_body_params || pages_in(PagePlace::Body) => Body::Json(Map::new()),
        (None, None) => Body::None,
    };
    match (&body, raw.method) {
        (Body::Graphql(_), method) if method != Method::Post => {
            reader.add(place.detail("method"), "a GraphQL request must be a POST");
        }
        (Body::Json(_), Method::Get | Method::Head | Method::Options) => {
            reader.add(
                place.detail("method"),
                "this method sends no body: use POST, PUT, PATCH or DELETE",
            );
        }
        _ => {}
    }
    if pages_in(PagePlace::Query) && raw.method != Method::Get {
        reader.add(place.detail("method"), "`page_in: query` needs a GET");
    }
    let headers = match (raw.headers.is_empty(), matches!(body, Body::None)) {
        // Most tools add no headers, and there are hundreds of tools.
        (true, true) => Arc::clone(&module.headers),
        (true, false) => Arc::clone(&module.json_headers),
        (false, true) => {
            Arc::new(reader.headers(place.detail("headers"), &module.headers, &raw.headers))
        }
        (false, false) => Arc::new(json_headers(&reader.headers(
            place.detail("headers"),
            &module.headers,
            &raw.headers,
        ))),
    };
    Some(Template { method: raw.method, path, headers, query, body, pages })
}

/// Returns whether a character is allowed in a path without encoding (RFC 3986 §3.3).
pub fn fits_path(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-._~!$&'()*+,;=:@/%".contains(c)
}

/// Reads the pieces of a path. Each placeholder must be a param, and each path param a placeholder.
fn path(reader: &mut Reader<'_>, place: Location<'_>, text: &str, written: &Object) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, after)) = after.split_once('}') else { break };
        pieces.extend([Piece::Text(before.to_owned()), Piece::Value(name.to_owned())]);
        rest = after;
    }
    pieces.push(Piece::Text(rest.to_owned()));
    pieces.retain(|piece| *piece != Piece::Text(String::new()));

    let literal = pieces.iter().all(|piece| {
        matches!(piece, Piece::Text(text) if text.chars().all(fits_path))
            || matches!(piece, Piece::Value(_))
    });
    if !text.starts_with('/')
        || !literal
        || text.split('/').any(|segment| matches!(segment, "." | ".."))
    {
        reader.add(
            place.detail("path"),
            format!("`{text}` is not a path: it starts with `/`, has `{{param}}` places, no query and no dot segments"),
        );
    }
    let names: Vec<&str> = written
        .iter()
        .filter(|(_, param)| param["in"] == "path")
        .map(|(name, param)| param["as"].as_str().unwrap_or(name))
        .collect();
    for piece in &pieces {
        if let Piece::Value(name) = piece
            && !names.contains(&name.as_str())
        {
            reader.add(
                place.detail("path"),
                format!("the path's `{{{name}}}` is not a param with `in: path`"),
            );
        }
    }
    for name in names {
        if pieces.iter().filter(|piece| **piece == Piece::Value(name.to_owned())).count() != 1 {
            reader.add(
                place.detail("path"),
                format!("the path must have `{{{name}}}` once, for the param of this name"),
            );
        }
    }
    pieces
}

/// Reads a tool's output; `None` if its form is invalid.
pub fn output(
    reader: &mut Reader<'_>,
    tool: Location<'_>,
    value: Value,
    params: &[Param],
) -> Option<Output> {
    let place = tool.member("output");
    let raw: raw::Output = reader.part(place, value)?;
    match raw {
        raw::Output {
            items: Some(items),
            fields: Some(named),
            summary,
            item: None,
            text: None,
            document: None,
            hook: None,
            done: None,
        } => Some(Output::List {
            items: list_path(reader, place, &items)?,
            fields: fields(reader, place, "fields", named, params),
            summary: fields(reader, place, "summary", summary.unwrap_or_default(), params),
        }),
        raw::Output {
            item,
            fields: Some(named),
            items: None,
            summary: None,
            text: None,
            document: None,
            hook: None,
            done: None,
        } => {
            no_document(reader, place, &named);
            Some(Output::Record {
                item: list_path(reader, place, &item.unwrap_or_default())?,
                fields: fields(reader, place, "fields", named, params),
            })
        }
        raw::Output {
            text: Some(text),
            hook,
            items: None,
            item: None,
            fields: None,
            summary: None,
            document: None,
            done: None,
        } => {
            let hook = hook.and_then(|hook| reader.field_hook(place, &hook));
            Some(Output::Text { text: any_path(reader, place, &text)?, hook })
        }
        raw::Output {
            document: Some(document),
            hook,
            fields: Some(named),
            items: None,
            item: None,
            summary: None,
            text: None,
            done: None,
        } => {
            no_document(reader, place, &named);
            let hook = hook.and_then(|hook| reader.field_hook(place, &hook));
            Some(Output::Document {
                document: any_path(reader, place, &document)?,
                hook,
                fields: fields(reader, place, "fields", named, params),
            })
        }
        raw::Output {
            done: Some(done),
            items: None,
            item: None,
            fields: None,
            summary: None,
            text: None,
            document: None,
            hook: None,
        } => Some(Output::Done(done)),
        _ => {
            reader.add(
                place,
                "must be one of: `items` and `fields` (and `summary`); `fields` (and `item`); `text` (and `hook`); \
                 `document` and `fields` (and `hook`); `done`",
            );
            None
        }
    }
}

/// A result with a member of this name is shown as a document.
fn no_document(reader: &mut Reader<'_>, place: Location<'_>, fields: &Object) {
    if fields.contains_key("document") {
        reader.add(
            place.entry("field", "fields", "document"),
            "this name is the text's own: choose another, or use the output `document`",
        );
    }
}

fn fields(
    reader: &mut Reader<'_>,
    place: Location<'_>,
    object: &'static str,
    named: Object,
    params: &[Param],
) -> Vec<Field> {
    let mut fields = Vec::new();
    for (name, value) in named {
        let place = place.entry("field", object, &name);
        let written = match serde_json::from_value(value) {
            Ok(raw::Field::Path(path)) => raw::WrittenField { path, hook: None, when: None },
            Ok(raw::Field::Written(field)) => field,
            Err(_) => {
                reader.add(place, "must be a path, or {\"path\": …} with `hook`, `when` or both");
                continue;
            }
        };
        let hook = written.hook.and_then(|hook| reader.field_hook(place, &hook));
        let is_switch = |param: &Param| {
            written.when.as_ref() == Some(&param.name) && param.schema.kind == Kind::Boolean
        };
        if let Some(when) = written.when.as_ref().filter(|_| !params.iter().any(is_switch)) {
            reader.add(place, format!("`when`: there is no boolean param `{when}`"));
        }
        if let Some(path) = any_path(reader, place, &written.path) {
            fields.push(Field { name, path, hook, when: written.when });
        }
    }
    fields
}

fn any_path(reader: &mut Reader<'_>, place: Location<'_>, text: &str) -> Option<Path> {
    Path::parse(text).map_err(|problem| reader.add(place, problem)).ok()
}

/// Reads the path of the list or record in the response.
fn list_path(reader: &mut Reader<'_>, place: Location<'_>, text: &str) -> Option<Path> {
    let path = any_path(reader, place, text)?;
    if path.has_lists() {
        reader.add(place, format!("`{text}` must lead to one place, without `[]`"));
        return None;
    }
    Some(path)
}
