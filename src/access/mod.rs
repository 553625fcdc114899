//! Access control: who is calling ([`Authenticator`]), which tools they may use ([`Sieve`]), and which credential a call uses
//! ([`Broker`]). `local` and `hosted` implement these traits.

pub mod audit;
mod caller;
mod confirmation;
mod credential;
mod permissions;
mod quota;
mod rate_limit;
mod resource_metadata;

pub use audit::{AuditEvent, AuditTrail, NewerFields};
pub use caller::{Authenticator, Caller, Evidence, Token};
pub use confirmation::{ConfirmPolicy, ConfirmationPage, Decision, nobody_can_decide};
pub(crate) use credential::account_required;
pub use credential::{Broker, Credential, Scheme};
pub use permissions::{Permissions, Sieve};
pub use quota::{Asking, OpenQuestions, Quota, Quotas, Slot, UserLimits};
pub use rate_limit::RateLimit;
pub use resource_metadata::{ResourceMetadata, WELL_KNOWN};
