//! Where a service publishes the versions of its API.

use super::projection::Path;
use crate::upstream::HeaderName;

/// A GET request without a credential whose response names the versions of an API.
#[derive(Debug, Clone)]
pub struct Versions {
    /// The address: a complete URL, or a path below the service's address.
    pub url: String,
    /// The place in the response.
    pub at: VersionsAt,
}

/// Where a response names versions.
#[derive(Debug, Clone)]
pub enum VersionsAt {
    /// In its JSON: a text, or a list of texts.
    Body(Path),
    /// In a header.
    Header(HeaderName),
}
