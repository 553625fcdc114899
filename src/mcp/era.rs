//! The era of a message: decided here for every transport.

use super::context::{META_VERSION, unsupported_version};
use super::message::Request;
use super::version::Version;
use crate::error::{Code, Error};

/// How a request is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Era {
    /// Without a session: `_meta` contains all required information (2026-07-28).
    Modern,
    /// As the handshake that begins a session.
    Handshake,
    /// In a session that a handshake began.
    Session,
}

impl Era {
    /// Returns the era of a request. `header` is the value of `MCP-Protocol-Version`; `None` for stdio and HTTP+SSE.
    ///
    /// # Errors
    /// [`Code::UnsupportedProtocolVersion`] for a header without a supported version.
    pub fn of(request: &Request, header: Option<&str>) -> Result<Self, Error> {
        if request.meta().is_some_and(|meta| meta.contains_key(META_VERSION)) {
            return Ok(Self::Modern);
        }
        // Without `_meta`, it is the legacy handshake, whatever the header says: its parameters negotiate the version.
        if request.method == "initialize" {
            return Ok(Self::Handshake);
        }
        let is_modern = check_header(header)?.is_some_and(Version::is_modern);
        Ok(if is_modern { Self::Modern } else { Self::Session })
    }
}

/// Returns the version in the header `MCP-Protocol-Version`, if there is one.
///
/// # Errors
/// [`Code::UnsupportedProtocolVersion`] if it is not a supported version.
pub fn check_header(header: Option<&str>) -> Result<Option<Version>, Error> {
    header.map(|name| Version::parse(name).ok_or_else(|| unsupported_version(name))).transpose()
}

/// Checks that a session may send batches; `version` is `None` before its handshake.
///
/// # Errors
/// [`Code::InvalidRequest`] in every version except 2025-03-26.
pub fn check_batch(version: Option<Version>) -> Result<(), Error> {
    match version {
        Some(Version::V2025_03_26) => Ok(()),
        _ => Err(Error::new(
            Code::InvalidRequest,
            "batches exist in protocol version 2025-03-26 alone",
        )
        .with_hint("Send one message at a time.")),
    }
}
