//! Converts checked arguments to a tool's single request.

use std::sync::Arc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use super::pagination::{Pages, Position};
use crate::error::Error;
use crate::json::Object;
use crate::upstream::{HeaderMap, Method};

/// All characters except the unreserved ones (RFC 3986 §2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The maximum length of a URL in bytes: more than services accept, and less than our client can write.
const MAX_URL: usize = 32 * 1024;

/// The parts that all requests of a tool share.
#[derive(Debug, Clone)]
pub struct Template {
    /// The method.
    pub method: Method,
    /// The path below the base URL.
    pub path: Vec<Piece>,
    /// The headers, the module's and the tool's own.
    pub headers: Arc<HeaderMap>,
    /// Fixed pairs at the beginning of every query.
    pub query: Vec<(String, String)>,
    /// The fixed members of the body, and where the arguments are placed.
    pub body: Body,
    /// How the response is split into pages; `None` if it is not.
    pub pages: Option<Pages>,
}

/// A piece of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Fixed text from the module file.
    Text(String),
    /// The value of the argument with this name.
    Value(String),
}

/// The content of the body.
#[derive(Debug, Clone)]
pub enum Body {
    /// No body.
    None,
    /// An object of fixed members, with the arguments added.
    Json(Object),
    /// A GraphQL document, with the arguments as its variables.
    Graphql(String),
}

/// Where an argument is placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParamTarget {
    /// In the path.
    Path {
        /// The name between the braces.
        name: String,
        /// Whether its slashes separate segments instead of being encoded.
        slashes: bool,
        /// Whether it may be empty.
        may_be_empty: bool,
    },
    /// In the query.
    Query {
        /// The key.
        name: String,
        /// The separator that joins a list into one value; without it, the key is repeated.
        join: Option<String>,
    },
    /// In the body, at these nested names.
    Body(Vec<String>),
    /// In the variables of the GraphQL document.
    Variable(String),
    /// Nowhere: for handlers and the engine.
    Local,
}

/// A request ready to send.
#[derive(Debug, PartialEq, Eq)]
pub struct Built {
    /// The whole URL.
    pub url: String,
    /// The body.
    pub body: Option<String>,
}

impl Template {
    /// Fills in the arguments, in the order of `places`. A cursor with a query replaces the query, except for fixed pairs that it
    /// lacks; any other cursor fills in its value.
    ///
    /// # Errors
    ///
    /// [`Code::InvalidParams`](crate::error::Code::InvalidParams) for a value that is not valid in a path, a cursor that is not
    /// ours, and a PATCH that changes nothing.
    pub fn fill<'a>(
        &self,
        base_url: &str,
        places: impl Iterator<Item = (&'a str, &'a ParamTarget)>,
        arguments: &Object,
    ) -> Result<Built, Error> {
        let cursor = arguments.get("cursor").and_then(Value::as_str);
        let position = self
            .pages
            .as_ref()
            .zip(cursor)
            .map(|(pages, cursor)| pages.next.position(cursor))
            .transpose()?;
        let mut path_values = Vec::new();
        let mut longest = ("cursor", cursor.map_or(0, str::len));
        let mut pairs: Vec<(&str, String)> =
            self.query.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        let mut members =
            if let Body::Json(fixed) = &self.body { fixed.clone() } else { Map::new() };
        for (argument, place) in places {
            let value = match (argument, &position) {
                ("cursor", Some(Position::Value(value))) => Some(value),
                _ => arguments.get(argument),
            };
            let Some(value) = value else { continue };
            if matches!(place, ParamTarget::Path { .. } | ParamTarget::Query { .. }) {
                longest = [longest, (argument, plain(value).len())]
                    .into_iter()
                    .max_by_key(|(_, length)| *length)
                    .unwrap_or(longest);
            }
            match place {
                ParamTarget::Path { name, slashes, may_be_empty } => {
                    let text = plain(value);
                    let empty = *may_be_empty && text.is_empty();
                    let encoded = if empty { text } else { encode(argument, &text, *slashes)? };
                    path_values.push((name, encoded));
                }
                ParamTarget::Query { name, join } => {
                    push_pairs(&mut pairs, name, join.as_deref(), value);
                }
                ParamTarget::Body(names) => insert(&mut members, names, value.clone()),
                ParamTarget::Variable(name) => {
                    members.insert(name.clone(), value.clone());
                }
                ParamTarget::Local => {}
            }
        }
        let path: String = self
            .path
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => text.as_str(),
                Piece::Value(name) => path_values
                    .iter()
                    .find_map(|(known, value)| (*known == name).then_some(value.as_str()))
                    .expect("a path's argument is required or has a default"),
            })
            .collect();
        let query = match position {
            Some(Position::Query(query)) => self.with_fixed(query),
            _ => query(&pairs),
        };
        let body = match &self.body {
            Body::None => None,
            Body::Json(_) if members.is_empty() && self.method == Method::Delete => None,
            Body::Json(_) => Some(Value::Object(members).to_string()),
            Body::Graphql(document) => {
                Some(json!({"query": document, "variables": members}).to_string())
            }
        };
        Ok(Built { url: bounded(url(base_url, &path, &query), longest.0)?, body })
    }
}

impl Template {
    /// Returns the query of a next link, with the fixed pairs that it lacks: some services leave them out.
    fn with_fixed(&self, mut next: String) -> String {
        let known: Vec<String> =
            form_urlencoded::parse(next.as_bytes()).map(|(name, _)| name.into_owned()).collect();
        let lacks = |(name, _): &&(String, String)| !known.contains(name);
        let missing: Vec<(&str, &str)> = self
            .query
            .iter()
            .filter(lacks)
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        if !missing.is_empty() {
            next = format!("{next}&{}", query(&missing));
        }
        next
    }
}

/// Returns the error for a change without any changes; `names` are the arguments that change something.
pub(crate) fn nothing_to_change(names: &[&str]) -> Error {
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    Error::invalid_params("There is nothing to change.")
        .with_hint(format!("Give at least one of {}.", names.join(", ")))
}

/// Returns the URL of a path and a query, both encoded.
pub(super) fn url(base_url: &str, path: &str, query: &str) -> String {
    let base_url = base_url.trim_end_matches('/');
    if query.is_empty() { format!("{base_url}{path}") } else { format!("{base_url}{path}?{query}") }
}

/// Returns the URL, unless it is too long. `argument` is the one that makes it long.
pub(super) fn bounded(url: String, argument: &str) -> Result<String, Error> {
    if url.len() <= MAX_URL {
        return Ok(url);
    }
    let message = format!(
        "`{argument}` is too long: it is part of the request's address, which may have {MAX_URL} bytes."
    );
    Err(Error::invalid_params(message).with_hint("Shorten it."))
}

/// Returns a path of segments, each encoded.
pub(super) fn path(segments: &[&str]) -> Result<String, Error> {
    segments
        .iter()
        .try_fold(String::new(), |path, segment| Ok(path + "/" + &encode("path", segment, false)?))
}

/// Returns a query, form-encoded (WHATWG URL §5.2) but with `%20` for a space, which every server accepts.
pub(super) fn query<'a, T: AsRef<str> + 'a>(
    pairs: impl IntoIterator<Item = &'a (&'a str, T)>,
) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in pairs {
        query.append_pair(name, value.as_ref());
    }
    query.finish().replace('+', "%20")
}

/// Returns a path value, percent-encoded.
pub(crate) fn encode(argument: &str, value: &str, slashes: bool) -> Result<String, Error> {
    let refuse = |what: &str, right: &str| {
        Err(Error::invalid_params(format!("`{argument}` {what}.")).with_hint(right))
    };
    if value.chars().any(char::is_control) {
        return refuse(
            "has a control character (NUL, a line break or the like)",
            "Leave it out: names have none.",
        );
    }
    let parts: Vec<&str> = if slashes { value.split('/').collect() } else { vec![value] };
    if parts.iter().any(|part| matches!(*part, "." | "..")) {
        return refuse(
            "has a part that is only dots",
            "Write the whole name, without `.` or `..`.",
        );
    }
    match parts[..] {
        [""] => refuse("is empty", "Give its value."),
        _ if parts.contains(&"") => refuse(
            "has an empty part between slashes",
            "Write it with single slashes between the parts and none at either end.",
        ),
        _ => {
            let encoded = parts.iter().map(|part| utf8_percent_encode(part, RESERVED).to_string());
            Ok(encoded.collect::<Vec<_>>().join("/"))
        }
    }
}

fn push_pairs<'a>(
    pairs: &mut Vec<(&'a str, String)>,
    name: &'a str,
    join: Option<&str>,
    value: &Value,
) {
    match (value, join) {
        (Value::Array(values), Some(separator)) => {
            pairs.push((name, values.iter().map(plain).collect::<Vec<_>>().join(separator)));
        }
        (Value::Array(values), None) => {
            pairs.extend(values.iter().map(|value| (name, plain(value))));
        }
        _ => pairs.push((name, plain(value))),
    }
}

/// Returns a scalar in the form for a path or a query.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn insert(members: &mut Object, names: &[String], value: Value) {
    let [outer, inner @ ..] = names else { return };
    if inner.is_empty() {
        members.insert(outer.clone(), value);
        return;
    }
    let nested = members.entry(outer.clone()).or_insert_with(|| json!({}));
    if let Value::Object(nested) = nested {
        insert(nested, inner, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::pagination::{Next, PagePlace};
    use crate::engine::projection::Path;
    use crate::error::Code;

    #[test]
    fn a_path_value_stays_inside_its_place() {
        let check = |value: &str, slashes: bool, expected: Option<&str>| {
            let encoded = encode("path", value, slashes);
            assert_eq!(encoded.as_deref().ok(), expected, "{value:?} {slashes}");
            if let Err(error) = encoded {
                assert_eq!(error.code(), Code::InvalidParams);
                assert!(error.message().starts_with("`path` "), "{error}");
            }
        };
        check("main", false, Some("main"));
        check("a-b.c_d~e", false, Some("a-b.c_d~e"));
        check("feature/x", false, Some("feature%2Fx"));
        check("feature/x", true, Some("feature/x"));
        check("a b?c#d%e+f&g", false, Some("a%20b%3Fc%23d%25e%2Bf%26g"));
        check("../secret", false, Some("..%2Fsecret"));
        check("../secret", true, None);
        check("a/../b", true, None);
        check("a/./b", true, None);
        check("a/..", true, None);
        check("..", false, None);
        check(".", false, None);
        check("...", false, Some("..."));
        check(".github", true, Some(".github"));
        check("%2e%2e", false, Some("%252e%252e"));
        check("%2e%2e/x", true, Some("%252e%252e/x"));
        check(r"..\x", true, Some("..%5Cx"));
        check("日本/é", true, Some("%E6%97%A5%E6%9C%AC/%C3%A9"));
        check("a\0b", false, None);
        check("a\rb", false, None);
        check("a\nb", true, None);
        check("a\u{85}b", true, None);
        check("", false, None);
        check("", true, None);
        check("/a", true, None);
        check("a/", true, None);
        check("a//b", true, None);
    }

    fn template(body: Body) -> Template {
        Template {
            method: Method::Post,
            path: vec![
                Piece::Text("/r/".to_owned()),
                Piece::Value("id".to_owned()),
                Piece::Text("/x".to_owned()),
            ],
            headers: Arc::default(),
            query: vec![("fixed".to_owned(), "1 2".to_owned())],
            body,
            pages: None,
        }
    }

    fn paged(template: Template, next: Next, place: PagePlace) -> Template {
        Template { pages: Some(Pages { next, last: None, limit: None, place }), ..template }
    }

    fn fill(
        template: &Template,
        places: &[(&str, ParamTarget)],
        arguments: &Value,
    ) -> Result<Built, Error> {
        let places = places.iter().map(|(name, place)| (*name, place));
        template.fill("https://api.example.com/v1/", places, arguments.as_object().unwrap())
    }

    fn path_place() -> (&'static str, ParamTarget) {
        ("number", ParamTarget::Path { name: "id".to_owned(), slashes: false, may_be_empty: false })
    }

    fn query_place(name: &'static str, join: Option<&str>) -> (&'static str, ParamTarget) {
        (name, ParamTarget::Query { name: format!("{name}_"), join: join.map(str::to_owned) })
    }

    #[test]
    fn queries_are_in_order_repeat_or_join_and_are_encoded() {
        let places = [
            path_place(),
            query_place("one", None),
            query_place("many", None),
            query_place("joined", Some(",")),
        ];
        let arguments =
            json!({"joined": ["a", 2], "many": ["x", "y&z"], "one": "ü +\r\n\0", "number": 7});
        let built = fill(&template(Body::None), &places, &arguments).unwrap();
        assert_eq!(
            built.url,
            "https://api.example.com/v1/r/7/x?fixed=1%202&one_=%C3%BC%20%2B%0D%0A%00&many_=x&many_=y%26z&joined_=a%2C2"
        );
        assert_eq!(built.body, None);
    }

    #[test]
    fn a_cursor_replaces_the_query_but_for_fixed_pairs_that_it_lacks() {
        let places = [path_place(), query_place("one", None)];
        let cursor = "cGFnZT0y"; // page=2
        let template = paged(template(Body::None), Next::LinkHeader, PagePlace::Query);
        let built =
            fill(&template, &places, &json!({"number": 7, "one": "x", "cursor": cursor})).unwrap();
        // The fixed pair is one that the link lacks.
        assert_eq!(built.url, "https://api.example.com/v1/r/7/x?page=2&fixed=1%202");
        let cursor = "JTY2aXhlZD0yJnBhZ2U9Mg"; // %66ixed=2&page=2
        let built = fill(&template, &places, &json!({"number": 7, "cursor": cursor})).unwrap();
        assert_eq!(built.url, "https://api.example.com/v1/r/7/x?%66ixed=2&page=2");
    }

    #[test]
    fn a_token_or_a_number_goes_where_the_next_page_is_asked_for() {
        let token = || Next::Token { token: Path::parse("next").unwrap(), name: "t".to_owned() };
        let offset = || Next::Offset { name: "t".to_owned(), total: None };
        let check = |next: Next, cursor: &str, query: &str, body: &str| {
            let arguments = json!({"number": 7, "one": "x", "cursor": cursor});
            let in_query = [
                path_place(),
                query_place("one", None),
                ("cursor", ParamTarget::Query { name: "t".to_owned(), join: None }),
            ];
            let built = fill(
                &paged(template(Body::None), next.clone(), PagePlace::Query),
                &in_query,
                &arguments,
            )
            .unwrap();
            assert_eq!(
                built.url,
                format!("https://api.example.com/v1/r/7/x?fixed=1%202&one_=x&{query}")
            );
            let in_body = [
                path_place(),
                ("cursor", ParamTarget::Body(vec!["page".to_owned(), "t".to_owned()])),
            ];
            let built = fill(
                &paged(template(Body::Json(Map::new())), next, PagePlace::Body),
                &in_body,
                &arguments,
            )
            .unwrap();
            assert_eq!(built.body.unwrap(), body);
        };
        check(token(), "dG9rZW4jYSZiPWM", "t=a%26b%3Dc", r#"{"page":{"t":"a&b=c"}}"#); // token#a&b=c
        check(offset(), "c3RhcnQjNTA", "t=50", r#"{"page":{"t":50}}"#); // start#50
    }

    #[test]
    fn bodies_hold_fixed_members_and_nested_arguments() {
        let body = |names: &[&str]| {
            ParamTarget::Body(names.iter().map(|name| (*name).to_owned()).collect())
        };
        let places = [
            path_place(),
            ("name", body(&["commit", "author", "name"])),
            ("email", body(&["commit", "author", "email"])),
            ("text", body(&["text"])),
        ];
        let json = template(Body::Json(json!({"event": "X"}).as_object().unwrap().clone()));
        let built =
            fill(&json, &places, &json!({"number": 7, "name": "A", "email": "B", "text": [1]}))
                .unwrap();
        assert_eq!(
            built.body.unwrap(),
            r#"{"event":"X","commit":{"author":{"name":"A","email":"B"}},"text":[1]}"#
        );
        let empty = Template { method: Method::Delete, ..template(Body::Json(Map::new())) };
        assert_eq!(fill(&empty, &places, &json!({"number": 7})).unwrap().body, None);
        let empty = template(Body::Json(Map::new()));
        assert_eq!(fill(&empty, &places, &json!({"number": 7})).unwrap().body.unwrap(), "{}");
        let empty = Template { method: Method::Patch, ..template(Body::Json(Map::new())) };
        let cleared = fill(&empty, &places, &json!({"number": 7, "text": null})).unwrap();
        assert_eq!(cleared.body.unwrap(), r#"{"text":null}"#);
    }

    #[test]
    fn graphql_arguments_are_variables_and_never_part_of_the_document() {
        let places = [
            path_place(),
            ("name", ParamTarget::Variable("n".to_owned())),
            ("absent", ParamTarget::Variable("a".to_owned())),
        ];
        let graphql = template(Body::Graphql("query($n: String!) { x }".to_owned()));
        let built = fill(&graphql, &places, &json!({"number": 7, "name": "\") { y }"})).unwrap();
        assert_eq!(
            built.body.unwrap(),
            r#"{"query":"query($n: String!) { x }","variables":{"n":"\") { y }"}}"#
        );
    }

    #[test]
    fn a_handlers_path_is_encoded_segment_by_segment() {
        assert_eq!(path(&["repos", "a/b", "x y"]).unwrap(), "/repos/a%2Fb/x%20y");
        assert!(path(&["repos", ".."]).is_err());
        assert!(path(&["repos", ""]).is_err());
    }
}
