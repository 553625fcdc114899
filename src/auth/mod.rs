//! Who is calling.

mod local;

use crate::error::Error;

pub use local::Local;

/// The one who calls, once known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    user_id: String,
}

impl Caller {
    /// The person at this machine, in local mode.
    #[must_use]
    pub fn local() -> Self {
        Self { user_id: "local".to_owned() }
    }

    /// A user of hosted mode.
    #[must_use]
    pub const fn user(user_id: String) -> Self {
        Self { user_id }
    }

    /// The user's id: part of every sealed token, so that none works for another user.
    #[must_use]
    pub fn user_id(&self) -> &str {
        &self.user_id
    }
}

/// What a caller shows.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// The value of `Authorization`, if any.
    pub authorization: Option<&'a str>,
}

/// Tells who is calling. Local mode and hosted mode each have one.
pub trait Authenticator: Send + Sync {
    /// The caller behind a request.
    ///
    /// # Errors
    /// An error whose HTTP status is the answer to the whole request.
    fn authenticate(&self, evidence: Evidence<'_>) -> Result<Caller, Error>;
}
