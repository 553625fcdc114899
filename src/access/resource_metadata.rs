//! Metadata with which clients get a token (RFC 9728, RFC 6750 §3).

use serde_json::{Value, json};

use crate::error::{Code, Error};

/// The scopes of Supabase's OAuth 2.1 server that are useful here. A resource must not ask for `offline_access` (MCP
/// 2026-07-28, "Authorization").
const SCOPES: &[&str] = &["openid", "profile", "email"];

/// The path of the metadata, to which the resource's own path is added (RFC 9728 §3.1).
pub const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// The server as a protected resource.
#[derive(Debug, Clone)]
pub struct ResourceMetadata {
    /// The server's address without a path, as its operator set it. It is never taken from a request.
    origin: String,
    authorization_server: String,
}

impl ResourceMetadata {
    /// Describes the resource `origin` + `/mcp`, whose tokens `authorization_server` issues.
    #[must_use]
    pub const fn new(origin: String, authorization_server: String) -> Self {
        Self { origin, authorization_server }
    }

    /// Returns the canonical URI of the MCP endpoint (RFC 8707 §2). Tokens are issued for it, whichever address a client uses.
    /// All addresses lead to the same tools of the same user, so a token for one address is valid for all.
    #[must_use]
    pub fn resource(&self) -> String {
        format!("{}/mcp", self.origin)
    }

    /// Returns the metadata document for the address with this path. Its `resource` is exactly that address, because clients
    /// compare them (RFC 9728 §3.3).
    #[must_use]
    pub fn document(&self, path: &str) -> Value {
        json!({
            "resource": format!("{}{path}", self.origin),
            "authorization_servers": [self.authorization_server],
            "scopes_supported": SCOPES,
            "bearer_methods_supported": ["header"],
            "resource_name": "MCPist",
        })
    }

    /// Returns the value of `WWW-Authenticate` for a 401 response at the address with this path.
    #[must_use]
    pub fn challenge(&self, error: &Error, path: &str) -> String {
        let metadata = format!(
            "resource_metadata=\"{}{WELL_KNOWN}{path}\", scope=\"{}\"",
            self.origin,
            SCOPES.join(" ")
        );
        match error.code() {
            // RFC 6750 §3.1: there is no error code if the request had no token.
            Code::Unauthenticated => format!("Bearer {metadata}"),
            Code::InsufficientScope => format!("Bearer error=\"insufficient_scope\", {metadata}"),
            _ => format!(
                "Bearer error=\"invalid_token\", error_description=\"{}\", {metadata}",
                error.message().replace(['"', '\\'], "'")
            ),
        }
    }
}
