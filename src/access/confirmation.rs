//! Confirmation of actions that cannot be undone, cost money or reach others: who confirms them, and on which page.

use std::str::FromStr;

use serde_json::Value;

use super::Caller;
use crate::error::{Code, Error};

/// Who confirms, from the weakest policy to the strongest. A role can ask for a stronger policy, never for a weaker one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConfirmPolicy {
    /// No one.
    Off,
    /// The client's user, if the client supports forms; otherwise the model, by a code that it sends back.
    Code,
    /// A person, through the client's form or on a page.
    Human,
}

impl ConfirmPolicy {
    /// The policies by their names in `MCPIST_CONFIRM`.
    pub const ALL: [(&'static str, Self); 3] =
        [("human", Self::Human), ("code", Self::Code), ("off", Self::Off)];
}

impl FromStr for ConfirmPolicy {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, policy)| *policy).ok_or(())
    }
}

/// The state of a question on a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The question does not exist, or no longer exists.
    Unknown,
    /// No one has decided yet.
    Pending,
    /// The person agreed.
    Yes,
    /// The person refused.
    No,
}

/// A page where a person sees the whole action and decides. Each mode has its own page.
pub trait ConfirmationPage: Send + Sync {
    /// Asks about an action; returns the link to the page. `digest` identifies the action: while the question is open, the same
    /// action of the same caller keeps its link.
    ///
    /// # Errors
    /// If the page cannot be shown, the action is too large, or too many questions are open.
    fn ask(&self, caller: &Caller, digest: &str, deed: Value) -> Result<String, Error>;

    /// Returns the caller's decision about the action with this digest (64 hexadecimal digits). A yes or a no is returned only
    /// once.
    ///
    /// # Errors
    /// If the decision cannot be read.
    fn take(&self, caller: &Caller, digest: &str) -> Result<Decision, Error>;
}

/// Returns the error if no person can be asked; `why` gives the reason.
#[must_use]
pub fn nobody_can_decide(why: &str) -> Error {
    Error::new(
        Code::ConfirmationRequired,
        format!("a person must confirm this, and no person can be asked here: {why}"),
    )
    .with_hint("Use a client that shows forms (elicitation). MCPIST_CONFIRM on the server sets who confirms: human, code or off.")
}
