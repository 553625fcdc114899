//! What happened: the events of the audit trail, and what keeps them.

use serde::Serialize;

use super::Caller;
use crate::random::random_uuid;
use crate::telemetry::trace;
use crate::time::rfc3339_now;

/// Most names of arguments that an event tells, and most characters of one: a model may make up any.
pub const ARGUMENT_NAMES: (usize, usize) = (32, 64);

/// Keeps events. Hosted mode has one.
pub trait AuditTrail: Send + Sync {
    /// Takes an event at once; what cannot be kept is dropped and counted.
    fn record(&self, caller: &Caller, event: AuditEvent);
}

/// What happened. The names of arguments are reported, their values never.
#[derive(Debug, Clone, Serialize)]
pub struct AuditEvent {
    /// A UUID: an event that is sent twice is stored once.
    pub id: String,
    /// When, as RFC 3339.
    pub at: String,
    /// What kind of thing.
    pub action: &'static str,
    /// The module.
    pub module: String,
    /// The tool.
    pub tool: String,
    /// The account, where one was named.
    pub account: Option<String>,
    /// `success`, `denied`, or the code of the error.
    pub outcome: &'static str,
    /// How long it took.
    pub duration_ms: u64,
    /// The id that the request's log lines and spans have, too.
    pub request_id: Option<String>,
    /// The client program.
    pub client: Option<String>,
    /// The names of the arguments.
    pub argument_names: Vec<String>,
    /// What older control planes refuse; `None` if this one may be such.
    #[serde(flatten)]
    pub newer: Option<NewerFields>,
    /// The trace that the request belongs to: 32 hexadecimal digits.
    #[serde(skip)]
    pub trace_id: Option<String>,
}

/// What an event has beside the fields of the first release.
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
    /// A call of a tool that happens now.
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
