//! Reads a module's `versions`: where its service publishes the versions of its API.

use serde_json::Value;
use ureq::http::Uri;

use super::location::FILE;
use super::raw;
use super::read::Reader;
use crate::engine::projection::Path;
use crate::engine::{Versions, VersionsAt};

/// Reads `versions`; `None` if it is invalid.
pub fn read(reader: &mut Reader<'_>, value: Value) -> Option<Versions> {
    let place = FILE.member("versions");
    let raw::Versions { url, path, header } = reader.part(place, value)?;
    let absolute = url.starts_with("https://") || url.starts_with("http://");
    let below = url.starts_with('/') && !url.starts_with("//");
    if !(absolute || below) || url.contains(['#', '@']) || url.parse::<Uri>().is_err() {
        reader.add(
            place,
            "`url` must be an http or https URL, or a path below `base_url` that starts with `/`",
        );
    }
    let at = match (path, header) {
        (Some(path), None) => Path::parse(&path).map(VersionsAt::Body),
        (None, Some(header)) => header
            .parse()
            .map(VersionsAt::Header)
            .map_err(|_| format!("`{header}` is not a valid HTTP header name")),
        _ => Err("needs either `path`, where in the answer's JSON the versions are, or `header`"
            .to_owned()),
    };
    let at = at.map_err(|problem| reader.add(place, problem)).ok()?;
    Some(Versions { url, at })
}
