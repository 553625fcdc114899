//! Hosted mode: its implementation of the traits of `access`, with the control plane, and the audit trail.

mod audit;
mod authenticator;
mod broker;
mod cache;
mod confirmations;
mod control_plane;
mod keys;
mod sieve;

pub use audit::AuditSender;
pub use authenticator::{TokenAuthenticator, TokenAuthenticatorParts};
pub use broker::TokenExchanger;
pub use confirmations::ConsoleConfirmations;
pub use control_plane::{Addresses, ControlPlane, Function};
pub use keys::ExpectedToken;
pub use sieve::{Granted, ToolSieve};

/// Ids are UUIDs; other text must not become part of a key or a log line.
fn is_uuid(text: &str) -> bool {
    text.len() == 36 && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}
