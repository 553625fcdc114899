//! Who is calling.

use std::sync::Arc;
use std::time::SystemTime;

use super::ResourceMetadata;
use crate::error::Error;
use crate::secret::Secret;

/// The one who calls, once known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    user_id: Arc<str>,
    token: Option<Arc<Token>>,
    expires: Option<SystemTime>,
}

/// What a caller of hosted mode proved itself with: the control plane wants to see it too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// A JWT of Supabase Auth.
    Jwt(Secret),
    /// An API token (`mcpist_…`), which only the control plane can read.
    Api(Secret),
}

impl Caller {
    /// The person at this machine, in local mode.
    #[must_use]
    pub fn local() -> Self {
        Self { user_id: "local".into(), token: None, expires: None }
    }

    /// A user of hosted mode.
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

    /// The user's id: part of every sealed token, so that none works for another user.
    #[must_use]
    pub fn user_id(&self) -> &str {
        &self.user_id
    }

    /// What the caller proved itself with, in hosted mode.
    #[must_use]
    pub fn token(&self) -> Option<&Token> {
        self.token.as_deref()
    }
}

/// What a caller shows.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// The value of `Authorization`, if any.
    pub authorization: Option<&'a str>,
}

/// Reports who is calling. Local mode and hosted mode each have one.
pub trait Authenticator: Send + Sync {
    /// The caller behind a request.
    ///
    /// # Errors
    /// An error whose HTTP status is the answer to the whole request.
    fn authenticate(&self, evidence: Evidence<'_>) -> Result<Caller, Error>;

    /// The caller behind what was accepted before, without any work: a flood of tokens that have to be checked must not keep out
    /// those whose token is known. `None` if it has to be checked.
    fn remembered(&self, evidence: Evidence<'_>) -> Option<Caller> {
        let _ = evidence;
        None
    }

    /// How a client gets a token: what is reported at the well-known address and beside a refusal. `None` if none is needed.
    fn resource(&self) -> Option<&ResourceMetadata> {
        None
    }

    /// Whether callers can be known now.
    ///
    /// # Errors
    /// What is missing.
    fn ready(&self) -> Result<(), Error> {
        Ok(())
    }
}
