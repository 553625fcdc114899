//! Pages: from a service's hint at the next one to an opaque cursor and back.
//!
//! A cursor holds only a query. Host and path of the next request come from the module file, so neither a model nor a
//! service can send the credential anywhere else with one.

use jwt_simple::reexports::ct_codecs::{Base64UrlSafeNoPadding, Decoder, Encoder};

use crate::error::Error;
use crate::upstream::HeaderMap;

/// Longest query that a cursor may hold, in bytes.
const MAX_QUERY: usize = 4 * 1024;

/// The cursor for the page that the `Link` header names with `rel="next"` (RFC 8288 §3), if there is one.
#[must_use]
pub fn next_cursor(headers: &HeaderMap) -> Option<String> {
    let target = headers.get_all("link").iter().filter_map(|value| value.to_str().ok()).find_map(next_target)?;
    let (_, query) = target.split('#').next()?.split_once('?')?;
    is_query(query).then(|| Base64UrlSafeNoPadding::encode_to_string(query).ok())?
}

/// The query that a cursor of ours holds.
///
/// # Errors
///
/// [`Code::InvalidParams`](crate::error::Code::InvalidParams) for any other text.
pub fn query_of(cursor: &str) -> Result<String, Error> {
    let bytes = Base64UrlSafeNoPadding::decode_to_vec(cursor, None).ok();
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).filter(|query| is_query(query)).ok_or_else(|| {
        Error::invalid_params("`cursor` is none that this tool gave.")
            .with_hint("Pass the `next_cursor` of the answer before as it is, or leave it out for the first page.")
    })
}

/// Whether it is `name=value` pairs in the characters of a query (RFC 3986 §3.4).
fn is_query(query: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?%[]|".contains(&byte);
    query.len() <= MAX_QUERY
        && query.bytes().all(allowed)
        && query.split('&').all(|pair| pair.split_once('=').is_some_and(|(name, _)| !name.is_empty()))
}

/// The target of the first link whose relations include `next`.
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

/// The text before the first separator outside quotes, and the text after it.
fn split_unquoted(text: &str, separator: char) -> (&str, &str) {
    let (mut quoted, mut escaped) = (false, false);
    for (at, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if character == separator && !quoted => return (&text[..at], &text[at + character.len_utf8()..]),
            _ => {}
        }
    }
    (text, "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::{HeaderName, HeaderValue};

    fn next_query(links: &[&str]) -> Option<String> {
        let name = HeaderName::from_static("link");
        let headers = links.iter().map(|link| (name.clone(), HeaderValue::from_str(link).unwrap()));
        let mut map = HeaderMap::new();
        headers.for_each(|(name, value)| {
            map.append(name, value);
        });
        next_cursor(&map).map(|cursor| query_of(&cursor).expect("a cursor of ours is read back"))
    }

    #[test]
    fn the_next_link_becomes_a_cursor_with_only_its_query() {
        let check = |link: &str, query: Option<&str>| assert_eq!(next_query(&[link]).as_deref(), query, "{link}");
        check(r#"<https://api.example.com/items?page=2&per_page=30>; rel="next""#, Some("page=2&per_page=30"));
        check(r#"<https://a/x?page=1>; rel="prev", <https://a/x?page=3>; rel="next", <https://a/x?page=9>; rel="last""#, Some("page=3"));
        check(r"<https://a/x?page=2>; rel=next", Some("page=2"));
        check(r#"<https://a/x?page=2>; title="a, b; rel=\"next\""; REL="last Next""#, Some("page=2"));
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
        let check = |link: &str, query: Option<&str>| assert_eq!(next_query(&[link]).as_deref(), query, "{link}");
        check(r#"<https://evil.example/steal?page=2>; rel="next""#, Some("page=2"));
        check(r#"<https://evil.example/steal>; rel="next""#, None);
        check(r#"<?>; rel="next""#, None);
        check(r#"<?page>; rel="next""#, None);
        check(r#"<?a=1 HTTP/1.1>; rel="next""#, None);
        check(r#"<//evil.example?a=1@evil.example/>; rel="next""#, Some("a=1@evil.example/"));
    }

    #[test]
    fn a_cursor_that_is_not_ours_is_refused() {
        let encode = |query: &str| Base64UrlSafeNoPadding::encode_to_string(query).unwrap();
        let long = encode(&format!("a={}", "b".repeat(MAX_QUERY)));
        for cursor in
            ["", "2", "page=2", "cGFnZQ==", &encode("page"), &encode("page=2\r\nHost: x"), &encode("a=b#c"), &encode("a=ü"), &long]
        {
            assert!(query_of(cursor).is_err(), "{cursor:?}");
        }
    }
}
