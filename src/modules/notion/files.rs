//! Contents of the files that Notion keeps for a page.
//!
//! Notion gives each an address at its store, signed for an hour
//! (<https://developers.notion.com/reference/file-object>). It is fetched without the token.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::{argument, list, markdown};
use crate::engine::Session;
use crate::engine::content::Content;
use crate::error::{Code, Error};
use crate::json::Object;
use crate::upstream::Method;

/// Reads a file of a page, by its name or by its address as the page's text shows it: a text as it is, other bytes as a blob.
pub fn get(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let page = argument(arguments, "page_id").unwrap_or_default();
    let wanted = argument(arguments, "file").unwrap_or_default().trim();
    let text = session.get(&["v1", "pages", page, "markdown"], &[])?;
    let text = text["markdown"].as_str().unwrap_or_default();
    let in_text = markdown::signed_addresses(text);
    if let Some(url) = the_one(&in_text, wanted)? {
        return fetch(session, url);
    }
    let page = session.get(&["v1", "pages", page], &[])?;
    let properties = page["properties"].as_object().into_iter().flat_map(Map::values);
    let of_properties = properties.flat_map(|property| list(&property["files"]));
    let of_properties: Vec<_> =
        of_properties.filter_map(|file| file["file"]["url"].as_str()).collect();
    if let Some(url) = the_one(&of_properties, wanted)? {
        return fetch(session, url);
    }
    let mut names: Vec<_> = in_text.iter().chain(&of_properties).map(|url| name(url)).collect();
    names.dedup();
    let hint = if names.is_empty() {
        "Notion keeps no file for this page; addresses of other sites are not fetched.".to_owned()
    } else {
        format!("It has {}.", names.join(", "))
    };
    Err(Error::new(Code::NotFound, format!("The page has no file `{wanted}`.")).with_hint(hint))
}

/// The file of this name or address.
fn the_one<'u>(urls: &[&'u str], wanted: &str) -> Result<Option<&'u str>, Error> {
    let path = |url: &str| url.split_once('?').map_or(url, |(path, _)| path).to_owned();
    let wanted_path = path(wanted);
    let mut found: Vec<&str> = urls
        .iter()
        .copied()
        .filter(|url| path(url) == wanted_path || name(url) == wanted)
        .collect();
    found.dedup_by_key(|url| path(url));
    match found[..] {
        [] => Ok(None),
        [url] => Ok(Some(url)),
        _ => Err(Error::invalid_params(format!("Several files of the page are named `{wanted}`."))
            .with_hint("Give the address as read_page shows it.")),
    }
}

/// The last part of an address's path.
fn name(url: &str) -> Cow<'_, str> {
    let path = url.split_once('?').map_or(url, |(path, _)| path);
    percent_decode_str(path.rsplit('/').next().unwrap_or_default()).decode_utf8_lossy()
}

fn fetch(session: &Session<'_>, url: &str) -> Result<Value, Error> {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let mut parts = path.splitn(4, '/');
    let origin: Vec<_> = parts.by_ref().take(3).collect();
    let segments: Vec<_> = parts
        .next()
        .unwrap_or_default()
        .split('/')
        .map(|segment| percent_decode_str(segment).decode_utf8_lossy())
        .collect();
    let segments: Vec<&str> = segments.iter().map(AsRef::as_ref).collect();
    let query: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
    let query: Vec<(&str, &str)> =
        query.iter().map(|(name, value)| (name.as_ref(), value.as_ref())).collect();
    let store = session.elsewhere(&origin.join("/"), None).map_err(|_| {
        let message = "Notion keeps this file at an address that is not known.";
        Error::new(Code::UpstreamUnavailable, message).with_hint("Open the page in Notion.")
    })?;
    let headers = [("accept", "*/*")];
    let answer = session.at(&store).request(Method::Get, &segments, &query, &headers, None)?;
    Ok(Content::of(answer).or_mostly_text().into_result())
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORE: &str = "https://prod-files-secure.s3.us-west-2.amazonaws.com/w";

    #[test]
    fn a_file_is_meant_by_its_name_or_its_address() {
        let plan = format!("{STORE}/1/Plan%20A.pdf?X-Amz-Signature=1");
        let again = format!("{STORE}/1/Plan%20A.pdf?X-Amz-Signature=2");
        let other = format!("{STORE}/2/chart.png?X-Amz-Signature=1");
        let double = format!("{STORE}/3/chart.png?X-Amz-Signature=1");
        let urls = [plan.as_str(), &again, &other, &double];
        let check = |wanted: &str, expected: Option<&str>| {
            assert_eq!(the_one(&urls, wanted).ok().flatten(), expected, "{wanted}");
        };
        check("Plan A.pdf", Some(&plan));
        check(&format!("{STORE}/1/Plan%20A.pdf"), Some(&plan));
        check(&again, Some(&plan));
        check(&format!("{STORE}/3/chart.png"), Some(&double));
        check("other.png", None);
        let error = the_one(&urls, "chart.png").expect_err("there are two");
        assert!(error.message().contains("Several files"), "{error}");
    }
}
