//! Local mode's sieve: everything, or what the policy file says.

use std::sync::{Arc, PoisonError, RwLock};

use super::{Permissions, Sieve};
use crate::auth::Caller;
use crate::error::Error;

/// Local mode's sieve; its permissions are replaced when the policy file changes.
#[derive(Debug)]
pub struct Local(RwLock<Arc<Permissions>>);

impl Local {
    /// A sieve with these permissions for its one user.
    #[must_use]
    pub fn new(permissions: Permissions) -> Self {
        Self(RwLock::new(Arc::new(permissions)))
    }

    /// Replaces the permissions; true when they differ from those before.
    pub fn replace(&self, permissions: Permissions) -> bool {
        let mut current = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let differ = **current != permissions;
        *current = Arc::new(permissions);
        differ
    }
}

impl Sieve for Local {
    fn permissions(&self, _caller: &Caller) -> Result<Arc<Permissions>, Error> {
        Ok(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}
