//! Origins that a module file lists beside its own: requests go there without the credential.

use super::location::Location;
use super::raw;
use super::read::{Reader, is_base_url};
use crate::engine::origin::{is_listed, is_origin};

/// Returns the origins as they are written, without the wrong ones, which become findings.
pub fn read(reader: &mut Reader<'_>, place: Location<'_>, written: Vec<String>) -> Vec<String> {
    let mut origins = written;
    origins.retain(|text| {
        let right = is_origin(text);
        if !right {
            reader.add(
                place,
                format!(
                    "`{text}` must be an https URL of a host alone; `*` may be its first label"
                ),
            );
        }
        right
    });
    origins
}

/// Checks a tool's own address: one below the file's origins, for a request.
pub fn check_base_url(
    reader: &mut Reader<'_>,
    place: Location<'_>,
    tool: &raw::Tool,
    origins: &[String],
) {
    let Some(base_url) = &tool.base_url else { return };
    if !is_base_url(base_url) || !is_listed(origins, base_url) {
        reader
            .add(place.detail("base_url"), "`base_url` must lie below one of the file's `origins`");
    }
    if tool.handler.is_some() {
        reader.add(
            place.detail("base_url"),
            "`base_url` is for requests: a handler has addresses of its own",
        );
    }
}
