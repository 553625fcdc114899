//! Who is calling.

use std::sync::Arc;
use std::time::SystemTime;

use super::ResourceMetadata;
use crate::error::Error;
use crate::secret::Secret;

/// An authenticated caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    user_id: Arc<str>,
    token: Option<Arc<Token>>,
    expires: Option<SystemTime>,
}

/// The credential that authenticated a caller in hosted mode; the control plane requires it too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// A JWT of Supabase Auth.
    Jwt(Secret),
    /// An API token (`mcpist_…`), which only the control plane can read.
    Api(Secret),
}

impl Caller {
    /// Returns the person at this machine, in local mode.
    #[must_use]
    pub fn local() -> Self {
        Self { user_id: "local".into(), token: None, expires: None }
    }

    /// Returns a user of hosted mode.
    #[must_use]
    pub fn user(user_id: &str, token: Token) -> Self {
        Self { user_id: user_id.into(), token: Some(Arc::new(token)), expires: None }
    }

    /// The same, with the end of what they proved themselves with.
    #[must_use]
    pub fn until(self, expires: SystemTime) -> Self {
        Self { expires: Some(expires), ..self }
    }

    /// When what the caller proved itself with ends; `None` if nothing says so.
    #[must_use]
    pub fn expires(&self) -> Option<SystemTime> {
        self.expires
    }

    /// Returns the user's id. It is part of every sealed token, so a token works only for its user.
    #[must_use]
    pub fn user_id(&self) -> &str {
        &self.user_id
    }

    /// Returns the token that authenticated the caller, in hosted mode.
    #[must_use]
    pub fn token(&self) -> Option<&Token> {
        self.token.as_deref()
    }
}

/// The credentials in a request.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// The value of the `Authorization` header, if there is one.
    pub authorization: Option<&'a str>,
}

/// Finds out who is calling. Each mode has its own implementation.
pub trait Authenticator: Send + Sync {
    /// Returns the caller who made a request.
    ///
    /// # Errors
    /// An error whose HTTP status is the answer to the whole request.
    fn authenticate(&self, evidence: Evidence<'_>) -> Result<Caller, Error>;

    /// Returns the caller of a credential that was accepted before, without any work: a flood of unknown tokens must not keep
    /// out those whose token is known. `None` if the credential must be checked.
    fn remembered(&self, evidence: Evidence<'_>) -> Option<Caller> {
        let _ = evidence;
        None
    }

    /// How a client gets a token: what is reported at the well-known address and beside a refusal. `None` if none is needed.
    fn resource(&self) -> Option<&ResourceMetadata> {
        None
    }

    /// Checks that callers can be authenticated now.
    ///
    /// # Errors
    /// What is missing.
    fn ready(&self) -> Result<(), Error> {
        Ok(())
    }
}
