//! With which credential a call is made (the specification's Token Broker).

mod local;

use crate::auth::Caller;
use crate::error::Error;
use crate::secret::Secret;

pub use local::Local;

/// Gives out credentials. Local mode and hosted mode each have one.
pub trait Broker: Send + Sync {
    /// The caller's credential for a service; none where the caller has connected none.
    ///
    /// # Errors
    /// When it cannot be known now.
    fn credential(&self, caller: &Caller, service: &str) -> Result<Option<Credential>, Error>;
}

/// What one call proves itself with to a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// How the secret is written into the `Authorization` header.
    pub scheme: Scheme,
    /// The token, or `user:password` for [`Scheme::Basic`] (its base64 is made when it is sent).
    pub secret: Secret,
    /// The account that the credential belongs to, where the user has several.
    pub account: Option<String>,
    /// The service's address for this account, where each has its own (a Jira site, a GitHub Enterprise server).
    pub base_url: Option<String>,
}

/// An HTTP authentication scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// RFC 6750.
    Bearer,
    /// RFC 7617.
    Basic,
}
