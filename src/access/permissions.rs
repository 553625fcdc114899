//! What a caller may use (the specification's Tool Sieve).

use std::collections::HashSet;
use std::sync::Arc;

use super::{Caller, ConfirmPolicy};
use crate::error::Error;

/// The tools that exist for one caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permissions {
    /// The published names (`<module>_<tool>`) of the tools; `None`: every tool.
    tools: Option<HashSet<Arc<str>>>,
    /// Who has to confirm, where the caller's roles say so.
    confirm: Option<ConfirmPolicy>,
}

impl Permissions {
    /// Every tool, those of module files that come later included.
    #[must_use]
    pub const fn everything() -> Self {
        Self { tools: None, confirm: None }
    }

    /// These tools, by published name.
    #[must_use]
    pub const fn only(tools: HashSet<Arc<str>>) -> Self {
        Self { tools: Some(tools), confirm: None }
    }

    /// The same for a caller whose roles say who has to confirm.
    #[must_use]
    pub fn confirmed_by(self, confirm: Option<ConfirmPolicy>) -> Self {
        Self { confirm, ..self }
    }

    /// Who has to confirm what this caller does: what the server says, or what the caller's roles say where that is more.
    #[must_use]
    pub fn confirm(&self, server: ConfirmPolicy) -> ConfirmPolicy {
        self.confirm.map_or(server, |roles| roles.max(server))
    }

    /// Whether every tool exists for the caller.
    #[must_use]
    pub const fn allow_all(&self) -> bool {
        self.tools.is_none()
    }

    /// Whether the tool exists for the caller.
    #[must_use]
    pub fn allow(&self, published_name: &str) -> bool {
        self.tools.as_ref().is_none_or(|tools| tools.contains(published_name))
    }
}

/// Reports what a caller may use. Local mode and hosted mode each have one.
pub trait Sieve: Send + Sync {
    /// The caller's permissions now.
    ///
    /// # Errors
    /// When they cannot be known; nothing is permitted then.
    fn permissions(&self, caller: &Caller) -> Result<Arc<Permissions>, Error>;
}
