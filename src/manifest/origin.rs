//! Origins that a module file lists beside its own: requests go there without the credential.

use super::place::Place;
use super::read::Reader;
use crate::engine::origin::is_origin;

/// The origins as they are written, those that are none left out with a finding.
pub fn read(reader: &mut Reader<'_>, place: Place<'_>, written: Vec<String>) -> Vec<String> {
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
