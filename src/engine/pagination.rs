//! Pages: converts a service's link to the next page to an opaque cursor and back.
//!
//! A cursor contains only a query, a token or a number. Host and path of the next request come from the module file, so no
//! model or service can use a cursor to send the credential anywhere else.

use ct_codecs::{Base64UrlSafeNoPadding, Decoder, Encoder};
use serde_json::Value;

use super::projection::Path;
use crate::error::Error;
use crate::upstream::HeaderMap;

/// The maximum size in bytes of a query or token in a cursor.
const MAX_CURSOR: usize = 4 * 1024;

/// The prefix of a cursor with a token. A query has no `#`, so the kinds cannot be confused.
const TOKEN: &str = "token#";

/// The prefix of a cursor with the number of items to skip.
const START: &str = "start#";

/// How a tool's list is split into pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pages {
    /// How to find the next page.
    pub next: Next,
    /// The path of the flag for the last page; `None` if there is none.
    pub last: Option<Path>,
    /// How to ask for a page size, if that is possible.
    pub limit: Option<Limit>,
    /// Where limit and position are sent.
    pub place: PagePlace,
}

/// How to find the next page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// By the `Link` header's `rel="next"` (RFC 8288 §3).
    LinkHeader,
    /// By a URL in the body.
    Link(Path),
    /// By a token in the body.
    Token {
        /// The path of the token.
        token: Path,
        /// The service's name for it in the next request.
        name: String,
    },
    /// By the number of items to skip.
    Offset {
        /// The service's name for it.
        name: String,
        /// The path of the total number of items.
        total: Option<Path>,
    },
}

/// How to ask for a page size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// The service's name for it.
    pub name: String,
    /// The maximum page size.
    pub max: Option<u32>,
    /// The default page size.
    pub default: Option<u32>,
}

/// Where limit and position are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PagePlace {
    /// In the query.
    Query,
    /// In the JSON body.
    Body,
}

/// The content of a cursor.
#[derive(Debug, PartialEq, Eq)]
pub enum Position {
    /// The whole query of the next request.
    Query(String),
    /// The value of the position.
    Value(Value),
}

/// The parts of a response that the next cursor is made from.
#[derive(Debug, Clone, Copy)]
pub struct Page<'a> {
    /// The response's headers.
    pub headers: &'a HeaderMap,
    /// The response's JSON.
    pub body: &'a Value,
    /// The number of its items.
    pub items: usize,
    /// The cursor of this page; `None` for the first page.
    pub cursor: Option<&'a str>,
}

impl Pages {
    /// The cursor of the page after this one, if there is one.
    #[must_use]
    pub fn cursor(&self, page: Page<'_>) -> Option<String> {
        let is_last = self.last.as_ref().is_some_and(|last| last.find(page.body) == true);
        if is_last { None } else { self.next.cursor(page) }
    }
}

impl Next {
    /// Returns the service's name for the position; `None` if the position is the whole query.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::LinkHeader | Self::Link(_) => None,
            Self::Token { name, .. } | Self::Offset { name, .. } => Some(name),
        }
    }

    /// Returns the cursor of the next page, if there is one.
    fn cursor(&self, page: Page<'_>) -> Option<String> {
        let text = match self {
            Self::LinkHeader => {
                let mut links =
                    page.headers.get_all("link").iter().filter_map(|value| value.to_str().ok());
                query_of_link(links.find_map(next_target)?)?.to_owned()
            }
            Self::Link(link) => query_of_link(link.find(page.body).as_str()?)?.to_owned(),
            Self::Token { token, .. } => format!(
                "{TOKEN}{}",
                token.find(page.body).as_str().filter(|token| is_token(token))?
            ),
            Self::Offset { total, .. } => {
                let total = total.as_ref().and_then(|total| total.find(page.body).as_u64());
                let start =
                    page.cursor.map_or(Some(0), start_of)?.saturating_add(page.items as u64);
                let over = total.is_some_and(|total| start >= total);
                (page.items > 0 && !over).then(|| format!("{START}{start}"))?
            }
        };
        Base64UrlSafeNoPadding::encode_to_string(text).ok()
    }

    /// Returns the content of a cursor of this kind.
    ///
    /// # Errors
    ///
    /// [`Code::InvalidParams`](crate::error::Code::InvalidParams) for any other text.
    pub fn position(&self, cursor: &str) -> Result<Position, Error> {
        let position = match self {
            Self::LinkHeader | Self::Link(_) => {
                decoded(cursor).filter(|query| is_query(query)).map(Position::Query)
            }
            Self::Token { .. } => {
                let token = decoded(cursor).and_then(|text| {
                    text.strip_prefix(TOKEN).filter(|token| is_token(token)).map(Value::from)
                });
                token.map(Position::Value)
            }
            Self::Offset { .. } => start_of(cursor).map(|start| Position::Value(start.into())),
        };
        position.ok_or_else(|| {
            Error::invalid_params("Invalid `cursor`: this tool did not issue it.")
                .with_hint("Pass the `next_cursor` of the answer before as it is, or leave it out for the first page.")
        })
    }
}

fn decoded(cursor: &str) -> Option<String> {
    String::from_utf8(Base64UrlSafeNoPadding::decode_to_vec(cursor, None).ok()?).ok()
}

/// Returns the number in an offset cursor.
fn start_of(cursor: &str) -> Option<u64> {
    decoded(cursor)?
        .strip_prefix(START)
        .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?
        .parse()
        .ok()
}

fn is_token(token: &str) -> bool {
    !token.is_empty() && token.len() <= MAX_CURSOR && !token.chars().any(char::is_control)
}

/// Returns the query of a link, absolute or relative; `None` if it has none that can be sent.
pub(crate) fn query_of_link(link: &str) -> Option<&str> {
    let (_, query) = link.split('#').next()?.split_once('?')?;
    is_query(query).then_some(query)
}

/// Returns whether it consists of `name=value` pairs in the characters of a query (RFC 3986 §3.4).
fn is_query(query: &str) -> bool {
    let allowed =
        |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?%[]|".contains(&byte);
    query.len() <= MAX_CURSOR
        && query.bytes().all(allowed)
        && query
            .split('&')
            .all(|pair| pair.split_once('=').is_some_and(|(name, _)| !name.is_empty()))
}

/// Returns the target of the first link whose relations include `next`.
fn next_target(header: &str) -> Option<&str> {
    let mut rest = header;
    loop {
        let (target, after) = rest.split_once('<')?.1.split_once('>')?;
        let (params, others) = split_unquoted(after, ',');
        if has_next(params) {
            return Some(target);
        }
        rest = others;
    }
}

fn has_next(mut params: &str) -> bool {
    while !params.is_empty() {
        let (param, rest) = split_unquoted(params, ';');
        if let Some((name, value)) = param.split_once('=')
            && name.trim().eq_ignore_ascii_case("rel")
        {
            let mut relations = value.trim().trim_matches('"').split_ascii_whitespace();
            // Only the first `rel` counts (RFC 8288 §3.3).
            return relations.any(|relation| relation.eq_ignore_ascii_case("next"));
        }
        params = rest;
    }
    false
}

/// Returns the text before and after the first separator outside quotes.
fn split_unquoted(text: &str, separator: char) -> (&str, &str) {
    let (mut quoted, mut escaped) = (false, false);
    for (at, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if character == separator && !quoted => {
                return (&text[..at], &text[at + character.len_utf8()..]);
            }
            _ => {}
        }
    }
    (text, "")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::upstream::{HeaderName, HeaderValue};

    fn path(text: &str) -> Path {
        Path::parse(text).unwrap()
    }

    fn token() -> Next {
        Next::Token { token: path("next"), name: "page_token".to_owned() }
    }

    fn offset() -> Next {
        Next::Offset { name: "startAt".to_owned(), total: Some(path("total")) }
    }

    fn next(next: &Next, body: &Value, items: usize, cursor: Option<&str>) -> Option<Position> {
        let pages = Pages {
            next: next.clone(),
            last: Some(path("isLast")),
            limit: None,
            place: PagePlace::Query,
        };
        let cursor = pages.cursor(Page { headers: &HeaderMap::new(), body, items, cursor })?;
        Some(next.position(&cursor).expect("a cursor of ours is read back"))
    }

    fn next_query(links: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for link in links {
            headers.append(HeaderName::from_static("link"), HeaderValue::from_str(link).unwrap());
        }
        let cursor = Next::LinkHeader.cursor(Page {
            headers: &headers,
            body: &Value::Null,
            items: 1,
            cursor: None,
        })?;
        match Next::LinkHeader.position(&cursor) {
            Ok(Position::Query(query)) => Some(query),
            other => panic!("a cursor of ours is read back as {other:?}"),
        }
    }

    fn encode(text: &str) -> String {
        Base64UrlSafeNoPadding::encode_to_string(text).unwrap()
    }

    #[test]
    fn the_next_link_becomes_a_cursor_with_only_its_query() {
        let check = |link: &str, query: Option<&str>| {
            assert_eq!(next_query(&[link]).as_deref(), query, "{link}");
        };
        check(
            r#"<https://api.example.com/items?page=2&per_page=30>; rel="next""#,
            Some("page=2&per_page=30"),
        );
        check(
            r#"<https://a/x?page=1>; rel="prev", <https://a/x?page=3>; rel="next", <https://a/x?page=9>; rel="last""#,
            Some("page=3"),
        );
        check(r"<https://a/x?page=2>; rel=next", Some("page=2"));
        check(
            r#"<https://a/x?page=2>; title="a, b; rel=\"next\""; REL="last Next""#,
            Some("page=2"),
        );
        check(r#"<https://a/x?page=2>; title="; rel=next""#, None);
        check(r#"<https://a/x?q=a,b&page=2>; rel="next""#, Some("q=a,b&page=2"));
        check(r#"</x?page=2#part>; rel="next""#, Some("page=2"));
        check(r#"<https://a/x?page=1>; rel="prev""#, None);
        check(r#"<https://a/x?page=2>; rel="last"; rel="next""#, None);
        check("nonsense", None);
        check("<https://a/x?page=2", None);
        check("", None);
    }

    #[test]
    fn links_in_several_headers_are_all_read() {
        let links = [r#"<https://a/x?page=1>; rel="prev""#, r#"<https://a/x?page=3>; rel="next""#];
        assert_eq!(next_query(&links).as_deref(), Some("page=3"));
    }

    #[test]
    fn a_hostile_link_changes_nothing_but_the_query() {
        let check = |link: &str, query: Option<&str>| {
            assert_eq!(next_query(&[link]).as_deref(), query, "{link}");
        };
        check(r#"<https://evil.example/steal?page=2>; rel="next""#, Some("page=2"));
        check(r#"<https://evil.example/steal>; rel="next""#, None);
        check(r#"<?>; rel="next""#, None);
        check(r#"<?page>; rel="next""#, None);
        check(r#"<?a=1 HTTP/1.1>; rel="next""#, None);
        check(r#"<//evil.example?a=1@evil.example/>; rel="next""#, Some("a=1@evil.example/"));
    }

    #[test]
    fn a_link_in_the_body_becomes_a_cursor_with_only_its_query() {
        let link = Next::Link(path(r"@odata\.nextLink"));
        let check = |body: Value, query: Option<&str>| {
            let expected = query.map(|query| Position::Query(query.to_owned()));
            assert_eq!(next(&link, &body, 1, None), expected, "{body}");
        };
        check(
            json!({"@odata.nextLink": "https://api.example.com/v1/me/lists?$skiptoken=a%3D"}),
            Some("$skiptoken=a%3D"),
        );
        check(
            json!({"@odata.nextLink": "/wiki/api/v2/pages?limit=2&cursor=x=="}),
            Some("limit=2&cursor=x=="),
        );
        check(json!({"@odata.nextLink": "https://evil.example/steal?a=1#b"}), Some("a=1"));
        check(json!({"@odata.nextLink": "https://api.example.com/v1/me/lists"}), None);
        check(json!({"@odata.nextLink": "?a=1\r\nHost: x"}), None);
        check(json!({"@odata.nextLink": null}), None);
        check(json!({"@odata": {"nextLink": "?a=1"}}), None);
        check(json!({"@odata.nextLink": "?a=1", "isLast": true}), None);
        check(json!({}), None);
    }

    #[test]
    fn a_token_in_the_body_becomes_a_cursor() {
        let check = |body: Value, expected: Option<&str>| {
            assert_eq!(
                next(&token(), &body, 0, None),
                expected.map(|token| Position::Value(token.into())),
                "{body}"
            );
        };
        check(
            json!({"next": "CiAKGjBpNDd2Nmp2Zml2cXRwYjBpOXA=="}),
            Some("CiAKGjBpNDd2Nmp2Zml2cXRwYjBpOXA=="),
        );
        check(json!({"next": "a&b=c?d/../e ü"}), Some("a&b=c?d/../e ü"));
        check(json!({"next": "a", "isLast": false}), Some("a"));
        check(json!({"next": "a", "isLast": true}), None);
        check(json!({"next": "a\r\nb"}), None);
        check(json!({"next": "x".repeat(MAX_CURSOR + 1)}), None);
        check(json!({"next": ""}), None);
        check(json!({"next": null}), None);
        check(json!({"next": 7}), None);
        check(json!({}), None);
    }

    #[test]
    fn an_offset_goes_on_until_the_service_says_so_or_nothing_came() {
        let check = |body: Value, items: usize, start: Option<u64>, expected: Option<u64>| {
            let cursor = start.map(|start| encode(&format!("start#{start}")));
            let found = next(&offset(), &body, items, cursor.as_deref());
            assert_eq!(
                found,
                expected.map(|start| Position::Value(start.into())),
                "{body} {items} {start:?}"
            );
        };
        check(json!({}), 50, None, Some(50));
        check(json!({}), 7, Some(50), Some(57));
        check(json!({}), 0, Some(50), None);
        check(json!({"total": 51}), 50, None, Some(50));
        check(json!({"total": 50}), 50, None, None);
        check(json!({"total": 57}), 7, Some(50), None);
        check(json!({"total": null}), 7, Some(50), Some(57));
        check(json!({"isLast": false}), 50, None, Some(50));
        check(json!({"isLast": true, "total": 99}), 50, None, None);
        check(json!({}), 50, Some(u64::MAX), Some(u64::MAX));
    }

    #[test]
    fn a_cursor_that_is_not_ours_is_refused() {
        let links = [Next::LinkHeader, Next::Link(path("next"))];
        let check = |kinds: &[Next], text: &str| {
            for kind in kinds {
                assert!(kind.position(text).is_err(), "{kind:?} {text:?}");
            }
        };
        let all = [links[0].clone(), links[1].clone(), token(), offset()];
        for text in ["", "2", "page=2", "cGFnZQ==", "start#1", "token#a"] {
            check(&all, text);
        }
        for text in [
            "page",
            "page=2\r\nHost: x",
            "a=b#c",
            "a=ü",
            "token#a=b",
            "start#1",
            &format!("a={}", "b".repeat(MAX_CURSOR)),
        ] {
            check(&links, &encode(text));
        }
        for text in [
            "page=2",
            "a",
            "token#",
            "token#a\nb",
            "start#1",
            &format!("token#{}", "b".repeat(MAX_CURSOR + 1)),
        ] {
            check(&[token()], &encode(text));
        }
        for text in [
            "start=2",
            "2",
            "start#",
            "start#+1",
            "start#-1",
            "start#1.5",
            "start#18446744073709551616",
            "token#1",
        ] {
            check(&[offset()], &encode(text));
        }
    }
}
