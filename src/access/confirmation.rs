//! Who has to agree before something that cannot be undone, costs money or reaches others, and where a person decides.

use std::str::FromStr;

use serde_json::Value;

use super::Caller;
use crate::error::{Code, Error};

/// Who confirms, from the weakest to the strongest: a role may ask for a stronger one, never for a weaker one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConfirmPolicy {
    /// No one.
    Off,
    /// The client's user where the client has forms; else the model, by a code that it sends back.
    Code,
    /// A person: by the client's form, or on a page.
    Human,
}

impl ConfirmPolicy {
    /// The policies by name, as `MCPIST_CONFIRM` has them.
    pub const ALL: [(&'static str, Self); 3] =
        [("human", Self::Human), ("code", Self::Code), ("off", Self::Off)];
}

impl FromStr for ConfirmPolicy {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, policy)| *policy).ok_or(())
    }
}

/// What became of a question on a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// There is no such question (any more).
    Unknown,
    /// No one has decided yet.
    Pending,
    /// The person agreed.
    Yes,
    /// The person refused.
    No,
}

/// A page where a person sees a whole deed and decides. Local mode and hosted mode each have one.
pub trait ConfirmationPage: Send + Sync {
    /// Asks about a deed; returns the link to the page. The same deed of the same caller keeps its link while it is open.
    ///
    /// # Errors
    /// When the page cannot be shown, the deed is too large, or too many questions are open.
    fn ask(&self, caller: &Caller, digest: &str, deed: Value) -> Result<String, Error>;

    /// What the caller's person decided about the deed with this digest (64 hexadecimal digits). A yes or a no is returned
    /// once.
    ///
    /// # Errors
    /// When it cannot be found out.
    fn take(&self, caller: &Caller, digest: &str) -> Result<Decision, Error>;
}

/// The error where no person can be asked; `why` there is no page.
#[must_use]
pub fn nobody_can_decide(why: &str) -> Error {
    Error::new(
        Code::ConfirmationRequired,
        format!("a person must confirm this, and no person can be asked here: {why}"),
    )
    .with_hint("Use a client that shows forms (elicitation). Who is asked is set by MCPIST_CONFIRM on the server: human, code or off.")
}
