//! The audit trail: its events, and the trait that stores them.

use serde::Serialize;

use super::Caller;
use crate::random::random_uuid;
use crate::telemetry::trace;
use crate::time::rfc3339_now;

/// The maximum number of argument names in an event, and the maximum length of a name in characters: a model can invent any
/// name.
pub const ARGUMENT_NAMES: (usize, usize) = (32, 64);

/// Stores events. Only hosted mode has one.
pub trait AuditTrail: Send + Sync {
    /// Takes an event without waiting. An event that cannot be stored is dropped and counted.
    fn record(&self, caller: &Caller, event: AuditEvent);
}

/// An event. It contains the names of arguments, never their values.
#[derive(Debug, Clone, Serialize)]
pub struct AuditEvent {
    /// A UUID, so that an event that is sent twice is stored once.
    pub id: String,
    /// The time of the event (RFC 3339).
    pub at: String,
    /// The kind of event.
    pub action: &'static str,
    /// The module.
    pub module: String,
    /// The tool.
    pub tool: String,
    /// The account, if one was named.
    pub account: Option<String>,
    /// `success`, `denied`, or the error code.
    pub outcome: &'static str,
    /// The duration of the call.
    pub duration_ms: u64,
    /// The request id that log lines and spans also have.
    pub request_id: Option<String>,
    /// The client program.
    pub client: Option<String>,
    /// The names of the arguments.
    pub argument_names: Vec<String>,
    /// Fields that older control planes reject; `None` if the control plane may be such an older one.
    #[serde(flatten)]
    pub newer: Option<NewerFields>,
    /// The trace that the request belongs to: 32 hexadecimal digits.
    #[serde(skip)]
    pub trace_id: Option<String>,
}

/// The fields that were added to an event after the first release.
#[derive(Debug, Clone, Serialize)]
pub struct NewerFields {
    /// The id of the API token or of the session.
    pub token_id: String,
    /// [`AuditEvent::trace_id`].
    pub trace_id: Option<String>,
    /// Tokens of the result; not measured yet.
    pub result_tokens: Option<u64>,
    /// Tokens that the format saved; not measured yet.
    pub saved_tokens: Option<u64>,
}

impl AuditEvent {
    /// Returns an event for a tool call that happens now.
    #[must_use]
    pub fn call(module: &str, tool: &str, outcome: &'static str) -> Self {
        Self {
            id: random_uuid(),
            at: rfc3339_now(),
            action: "tool.call",
            module: module.to_owned(),
            tool: tool.to_owned(),
            account: None,
            outcome,
            duration_ms: 0,
            request_id: trace::request_id(),
            client: None,
            argument_names: Vec::new(),
            newer: None,
            trace_id: trace::trace_id(),
        }
    }
}
