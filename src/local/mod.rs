//! Local mode's implementation of the traits of `access`: the person at this machine, the policy file, environment variables.

mod authenticator;
mod broker;
mod policy;
mod sieve;
mod state;

pub use authenticator::{LocalAuthenticator, LocalTokenAuthenticator};
pub use broker::EnvironmentBroker;
pub use policy::{Policy, Subject};
pub use sieve::PolicySieve;
pub use state::StateFolder;
