//! The tools that a caller may use.

use std::collections::HashSet;
use std::sync::Arc;

use super::{Caller, ConfirmPolicy};
use crate::error::Error;

/// The tools that exist for one caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permissions {
    /// The published names (`<module>_<tool>`) of the tools; `None` means every tool.
    tools: Option<HashSet<Arc<str>>>,
    /// The confirmation policy that the caller's roles require, if any.
    confirm: Option<ConfirmPolicy>,
}

impl Permissions {
    /// Permits every tool, including the tools of module files that are added later.
    #[must_use]
    pub const fn everything() -> Self {
        Self { tools: None, confirm: None }
    }

    /// Permits these tools, by published name.
    #[must_use]
    pub const fn only(tools: HashSet<Arc<str>>) -> Self {
        Self { tools: Some(tools), confirm: None }
    }

    /// Adds the confirmation policy that the caller's roles require.
    #[must_use]
    pub fn confirmed_by(self, confirm: Option<ConfirmPolicy>) -> Self {
        Self { confirm, ..self }
    }

    /// Returns the confirmation policy for this caller: the server's policy, or that of the caller's roles if it is stricter.
    #[must_use]
    pub fn confirm(&self, server: ConfirmPolicy) -> ConfirmPolicy {
        self.confirm.map_or(server, |roles| roles.max(server))
    }

    /// Returns whether the caller may use every tool.
    #[must_use]
    pub const fn allow_all(&self) -> bool {
        self.tools.is_none()
    }

    /// Returns whether the caller may use the tool.
    #[must_use]
    pub fn allow(&self, published_name: &str) -> bool {
        self.tools.as_ref().is_none_or(|tools| tools.contains(published_name))
    }
}

/// Finds out which tools a caller may use. Each mode has its own implementation.
pub trait Sieve: Send + Sync {
    /// Returns the caller's permissions now.
    ///
    /// # Errors
    /// If the permissions cannot be read; then nothing is permitted.
    fn permissions(&self, caller: &Caller) -> Result<Arc<Permissions>, Error>;
}
