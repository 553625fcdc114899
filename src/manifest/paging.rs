//! Reads a pagination.

use serde_json::Value;

use super::location::Location;
use super::raw::{self, PageIn, PaginationKind};
use super::read::Reader;
use crate::engine::pagination::{Limit, Next, PagePlace, Pages};
use crate::engine::projection::Path;

/// Reads the pagination of a module or a tool, for a list whose page is in the query; `None` if its form is invalid.
pub fn read(reader: &mut Reader<'_>, place: Location<'_>, value: Value) -> Option<Pages> {
    let raw: raw::Pagination = reader.part(place, value)?;
    let (max, default) = (raw.max_limit, raw.default_limit);
    let names = [&raw.limit_as, &raw.token_as, &raw.start_as];
    if names.into_iter().flatten().any(String::is_empty) {
        reader
            .add(place, "`limit_as`, `token_as` and `start_as` must be names where they are given");
    }
    let max_or_any = max.unwrap_or(u32::MAX);
    if max_or_any == 0 || default.is_some_and(|default| default == 0 || default > max_or_any) {
        reader.add(place, "must have 1 ≤ `default_limit` ≤ `max_limit`");
    }
    if raw.limit_as.is_none() && (max.is_some() || default.is_some()) {
        reader.add(place, "`max_limit` and `default_limit` need `limit_as`: the service's name for the size of a page");
    }
    let limit = raw.limit_as.clone().map(|name| Limit { name, max, default });
    let last = raw.last.clone().map(|last| Path::parse(&last));
    let last = last.transpose().map_err(|problem| reader.add(place, problem)).ok()?;
    Some(Pages { next: next(reader, place, raw)?, last, limit, place: PagePlace::Query })
}

fn next(reader: &mut Reader<'_>, place: Location<'_>, raw: raw::Pagination) -> Option<Next> {
    use PaginationKind as Kind;
    let mut path =
        |text: String| Path::parse(&text).map_err(|problem| reader.add(place, problem)).ok();
    let raw::Pagination { kind, link, token, token_as, start_as, total, .. } = raw;
    match (kind, link, token, token_as, start_as, total) {
        (Kind::LinkHeader, None, None, None, None, None) => Some(Next::LinkHeader),
        (Kind::NextLink, Some(link), None, None, None, None) => Some(Next::Link(path(link)?)),
        (Kind::Token, None, Some(token), Some(name), None, None) => {
            Some(Next::Token { token: path(token)?, name })
        }
        (Kind::Offset, None, None, None, Some(name), total) => {
            Some(Next::Offset { name, total: total.and_then(&mut path) })
        }
        _ => {
            reader.add(
                place,
                "beside the limit and `last`, link_header takes nothing, next_link `link`, token `token` and `token_as`, \
                 offset `start_as` and where the service has it `total`",
            );
            None
        }
    }
}

/// Returns how a tool's list is split into pages: by its request's own pagination, or else the module's.
pub fn of_request(
    reader: &mut Reader<'_>,
    place: Location<'_>,
    module: Option<&Pages>,
    own: Option<Value>,
    page_in: Option<PageIn>,
) -> Option<Pages> {
    let Some(page_in) = page_in else {
        if own.is_some() {
            reader.add(place, "`pagination` needs `page_in`, which says where it goes");
        }
        return None;
    };
    if own.is_none() && module.is_none() {
        reader.add(place, "`page_in` needs a `pagination`, the module's or the request's own");
    }
    let pages = match own {
        Some(own) => read(reader, place.member("pagination"), own)?,
        None => module?.clone(),
    };
    let page_place = match page_in {
        PageIn::Query => PagePlace::Query,
        PageIn::Body => PagePlace::Body,
    };
    if page_place == PagePlace::Body && pages.next.name().is_none() {
        reader.add(place, "`page_in: body` is not for pages by link: a link has only a query");
        return None;
    }
    Some(Pages { place: page_place, ..pages })
}
