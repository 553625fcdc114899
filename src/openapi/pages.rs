//! How a list is split into pages, if names that many services share show it clearly.

use serde_json::Map;

use super::params::One;
use super::schema::{Schema, Schemas};
use crate::json::Object;

/// Names for the size of a page.
const LIMITS: [&str; 14] = [
    "limit",
    "per_page",
    "perPage",
    "page_size",
    "pageSize",
    "pagelen",
    "maxResults",
    "max_results",
    "size",
    "count",
    "first",
    "top",
    "$top",
    "page_limit",
];
/// Names for the position at which the next page begins, as the service defines it.
const TOKENS: [&str; 12] = [
    "cursor",
    "next_cursor",
    "start_cursor",
    "page_token",
    "pageToken",
    "nextPageToken",
    "next_page_token",
    "after",
    "starting_after",
    "continuation_token",
    "continuationToken",
    "$skiptoken",
];
/// Members of responses that contain this position.
const TOKEN_PATHS: [&str; 15] = [
    "next_cursor",
    "nextCursor",
    "next_page_token",
    "nextPageToken",
    "next_token",
    "nextToken",
    "continuation_token",
    "continuationToken",
    "meta.next_cursor",
    "meta.nextCursor",
    "pagination.next_cursor",
    "pagination.nextCursor",
    "paging.next_cursor",
    "paging.next.after",
    "response_metadata.next_cursor",
];
/// Members of responses that contain the next page's address.
const LINK_PATHS: [&str; 8] = [
    r"@odata\.nextLink",
    "_links.next",
    "links.next",
    "next_url",
    "nextLink",
    "next",
    "pagination.next",
    "paging.next",
];
/// Names for the number of items before the page.
const STARTS: [&str; 6] = ["startAt", "start_at", "offset", "start", "skip", "$skip"];
const TOTALS: [&str; 5] = ["total", "totalCount", "total_count", "totalSize", "total_size"];
const LASTS: [&str; 3] = ["isLast", "is_last", "isLastPage"];

/// A tool's pagination.
pub struct Pages {
    /// In the form of the module file.
    pub written: Object,
    /// Where it is sent: `query` or `body`.
    pub place: &'static str,
}

/// Returns the pagination of a list whose responses have this schema. `query` and `body` are the possible parameters.
pub fn of<'a>(
    schemas: Schemas<'a>,
    answer: &Schema<'a>,
    has_link_header: bool,
    query: Option<&[(&'a str, One<'a>)]>,
    body: &[(&'a str, One<'a>)],
) -> Option<Pages> {
    let mut written = Map::new();
    let mut set = |name: &str, value: &str| drop(written.insert(name.to_owned(), value.into()));
    let find = |paths: &[&'static str], kind: &str| {
        let is = |path: &&&str| {
            schemas.at(answer, &steps(path)).is_some_and(|schema| schema.kind == Some(kind))
        };
        paths.iter().find(is).copied()
    };
    let sendable = query.unwrap_or(body);
    let named = |names: &[&'static str], kind: &str| {
        let is = |name: &&&str| {
            sendable.iter().any(|(known, one)| *known == **name && one.schema.kind == Some(kind))
        };
        names.iter().find(is).copied()
    };
    let limit = named(&LIMITS, "integer").or_else(|| named(&LIMITS, "number"));
    let start =
        named(&STARTS, "integer").or_else(|| named(&STARTS, "number")).filter(|_| limit.is_some());
    match (
        named(&TOKENS, "string").zip(find(&TOKEN_PATHS, "string")),
        find(&LINK_PATHS, "string").filter(|_| query.is_some()),
        start,
    ) {
        (Some((name, path)), ..) => {
            set("kind", "token");
            set("token", path);
            set("token_as", name);
        }
        (None, Some(path), _) => {
            set("kind", "next_link");
            set("link", path);
        }
        (None, None, Some(name)) => {
            set("kind", "offset");
            set("start_as", name);
            if let Some(total) = find(&TOTALS, "integer").or_else(|| find(&TOTALS, "number")) {
                set("total", total);
            }
            if let Some(last) = find(&LASTS, "boolean") {
                set("last", last);
            }
        }
        (None, None, None) if has_link_header && query.is_some() => set("kind", "link_header"),
        (None, None, None) => return None,
    }
    if let Some(limit) = limit {
        set("limit_as", limit);
        let one = sendable.iter().find(|(name, _)| *name == limit);
        if let Some(most) = one.and_then(|(_, one)| one.schema.most()) {
            written.insert("max_limit".to_owned(), most.into());
        }
    }
    Some(Pages { written, place: if query.is_some() { "query" } else { "body" } })
}

impl Pages {
    /// Returns whether the engine itself sends the argument with this name.
    pub fn sends(&self, name: &str) -> bool {
        let by_link = matches!(self.written["kind"].as_str(), Some("next_link" | "link_header"));
        ["limit_as", "token_as", "start_as"]
            .iter()
            .any(|member| self.written.get(*member).is_some_and(|value| value == name))
            || by_link && TOKENS.contains(&name)
    }
}

fn steps(path: &str) -> Vec<&str> {
    // The only name with a dot in it.
    if path == LINK_PATHS[0] { vec!["@odata.nextLink"] } else { path.split('.').collect() }
}
