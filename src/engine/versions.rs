//! Where a service says which versions of its API there are.

use super::projection::Path;
use crate::upstream::HeaderName;

/// A GET without a credential whose answer names the versions of an API.
#[derive(Debug, Clone)]
pub struct Versions {
    /// Where: a whole URL, or a path below the service's address.
    pub url: String,
    /// Where in the answer.
    pub at: VersionsAt,
}

/// Where an answer names versions.
#[derive(Debug, Clone)]
pub enum VersionsAt {
    /// In its JSON: one text, or a list of them.
    Body(Path),
    /// In a header.
    Header(HeaderName),
}
