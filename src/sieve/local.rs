//! Local mode's sieve: everything, or what the policy file says.

use std::sync::Arc;

use super::{Permissions, Sieve};
use crate::auth::Caller;
use crate::error::Error;

/// Local mode's sieve.
#[derive(Debug)]
pub struct Local(Arc<Permissions>);

impl Local {
    /// A sieve with these permissions for its one user.
    #[must_use]
    pub fn new(permissions: Permissions) -> Self {
        Self(Arc::new(permissions))
    }
}

impl Sieve for Local {
    fn permissions(&self, _caller: &Caller) -> Result<Arc<Permissions>, Error> {
        Ok(Arc::clone(&self.0))
    }
}
