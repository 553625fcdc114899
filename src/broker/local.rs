//! Local mode's broker: credentials from the environment, read once at the start.

use std::collections::HashMap;

use super::{Broker, Credential};
use crate::auth::Caller;
use crate::error::Error;

/// Local mode's broker.
#[derive(Debug, Default)]
pub struct Local(HashMap<String, Credential>);

impl Local {
    /// A broker with one credential a service, by module name.
    #[must_use]
    pub const fn new(credentials: HashMap<String, Credential>) -> Self {
        Self(credentials)
    }
}

impl Broker for Local {
    fn credential(&self, _caller: &Caller, service: &str) -> Result<Option<Credential>, Error> {
        Ok(self.0.get(service).cloned())
    }
}
