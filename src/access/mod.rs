//! The three questions that every call asks, and the types that they speak of: who is calling ([`Authenticator`]), what
//! may they use ([`Sieve`]), and with which credential ([`Broker`]). `local` and `hosted` have the answers.

pub mod audit;
mod caller;
mod confirmation;
mod credential;
mod permissions;
mod resource_metadata;

pub use audit::{AuditEvent, AuditTrail, NewerFields};
pub use caller::{Authenticator, Caller, Evidence, Token};
pub use confirmation::{ConfirmPolicy, ConfirmationPage, Decision, nobody_can_decide};
pub(crate) use credential::account_required;
pub use credential::{Broker, Credential, Scheme};
pub use permissions::{Permissions, Sieve};
pub use resource_metadata::{ResourceMetadata, WELL_KNOWN};
