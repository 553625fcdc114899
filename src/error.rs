//! The one error of MCPist, and the one table from its codes to the replies of HTTP, JSON-RPC and a failed tool.

use std::fmt;

use serde_json::{Map, Value};

/// What went wrong, as a code that [`Code::reply`] maps to every kind of reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// The body is not JSON.
    ParseError,
    /// The body is JSON, but no JSON-RPC message.
    InvalidRequest,
    /// The method does not exist in the protocol version that the caller speaks.
    MethodNotFound,
    /// An argument or parameter is missing, of a wrong type or out of range.
    InvalidParams,
    /// A fault of our own.
    Internal,
    /// The resource does not exist (its JSON-RPC code depends on the era: `mcp::dispatch` picks it).
    ResourceNotFound,
    /// An HTTP header differs from the body that it mirrors.
    HeaderMismatch,
    /// The client did not declare a capability that this request needs.
    MissingClientCapability,
    /// The protocol version is not one of ours.
    UnsupportedProtocolVersion,
    /// A request of the legacy era came without its session.
    SessionRequired,
    /// The session is unknown, forged, or was ended.
    SessionNotFound,
    /// The client went away or asked to stop.
    Cancelled,
    /// The path has nothing behind it.
    NoSuchPath,
    /// The path exists, the method does not.
    MethodNotAllowed,
    /// The client accepts none of the content types that the answer can have.
    NotAcceptable,
    /// The body is of a content type that the path does not take.
    UnsupportedMediaType,
    /// `Host` or `Origin` names a foreign site.
    ForeignOrigin,
    /// The request shows no token.
    Unauthenticated,
    /// The request's token is not valid.
    InvalidToken,
    /// The token is valid, but not for this.
    InsufficientScope,
    /// Who calls, or what they may use, cannot be found out now.
    ControlPlaneUnavailable,
    /// No credential is stored for the service.
    NotConnected,
    /// The caller has several accounts of the service and names none.
    AccountRequired,
    /// The stored credential is refused by the service.
    ReconnectRequired,
    /// The service or the policy does not let the caller do this.
    PermissionDenied,
    /// The service does not have this thing.
    NotFound,
    /// The thing changed meanwhile, or exists already.
    Conflict,
    /// The service wants fewer calls.
    RateLimited,
    /// The service does not answer, or answers with a fault of its own.
    UpstreamUnavailable,
    /// The call's time is used up.
    Timeout,
    /// The user has to agree first.
    ConfirmationRequired,
    /// The user has to open a link first (MCP 2025-11-25, "URL Elicitation Required Error").
    UrlElicitationRequired,
    /// Too much is asked for at once.
    Busy,
}

/// How one [`Code`] is reported in each place.
#[derive(Debug, Clone, Copy)]
pub struct Reply {
    /// The word that a model or a script reads.
    pub name: &'static str,
    /// Status of the HTTP answer when the error ends the request.
    pub status: u16,
    /// Code of the JSON-RPC error object.
    pub json_rpc: i64,
}

impl Code {
    /// The table of replies: JSON-RPC 2.0 §5.1, MCP 2026-07-28 "Error Codes", RFC 9110 §15.
    #[must_use]
    pub const fn reply(self) -> Reply {
        let (name, status, json_rpc) = match self {
            Self::ParseError => ("parse_error", 400, -32700),
            Self::InvalidRequest => ("invalid_request", 400, -32600),
            Self::MethodNotFound => ("method_not_found", 404, -32601),
            Self::InvalidParams => ("invalid_params", 400, -32602),
            Self::Internal => ("internal_error", 500, -32603),
            Self::ResourceNotFound => ("resource_not_found", 400, -32602),
            Self::HeaderMismatch => ("header_mismatch", 400, -32020),
            Self::MissingClientCapability => ("missing_client_capability", 400, -32021),
            Self::UnsupportedProtocolVersion => ("unsupported_protocol_version", 400, -32022),
            Self::SessionRequired => ("session_required", 400, -32600),
            Self::SessionNotFound => ("session_not_found", 404, -32600),
            Self::Cancelled => ("cancelled", 499, -32603),
            Self::NoSuchPath => ("not_found", 404, -32600),
            Self::MethodNotAllowed => ("method_not_allowed", 405, -32600),
            Self::NotAcceptable => ("not_acceptable", 406, -32600),
            Self::UnsupportedMediaType => ("unsupported_media_type", 415, -32600),
            Self::ForeignOrigin => ("foreign_origin", 403, -32600),
            Self::Unauthenticated => ("unauthenticated", 401, -32600),
            Self::InvalidToken => ("invalid_token", 401, -32600),
            Self::InsufficientScope => ("insufficient_scope", 403, -32600),
            Self::ControlPlaneUnavailable => ("control_plane_unavailable", 503, -32603),
            Self::NotConnected => ("not_connected", 403, -32603),
            Self::AccountRequired => ("account_required", 409, -32602),
            Self::ReconnectRequired => ("reconnect_required", 403, -32603),
            Self::PermissionDenied => ("permission_denied", 403, -32603),
            Self::NotFound => ("not_found", 404, -32602),
            Self::Conflict => ("conflict", 409, -32602),
            Self::RateLimited => ("rate_limited", 429, -32603),
            Self::UpstreamUnavailable => ("upstream_unavailable", 502, -32603),
            Self::Timeout => ("timeout", 504, -32603),
            Self::UrlElicitationRequired => ("url_elicitation_required", 400, -32042),
            Self::Busy => ("busy", 503, -32603),
            Self::ConfirmationRequired => ("confirmation_required", 409, -32603),
        };
        Reply { name, status, json_rpc }
    }
}

/// An error: its code, one sentence that names what is wrong, and one that says what would be right.
///
/// Neither sentence ever holds a credential or an upstream's body, and what is quoted of the caller's input is bounded.
#[derive(Debug, Clone, PartialEq)]
pub struct Error(Box<Details>);

/// Boxed: an error is rare, and every function that may fail makes room for it.
#[derive(Debug, Clone, PartialEq)]
struct Details {
    code: Code,
    message: String,
    hint: Option<String>,
    data: Option<Map<String, Value>>,
}

impl Error {
    /// An error with its code and the sentence that names what is wrong.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self(Box::new(Details { code, message: bounded(message.into()), hint: None, data: None }))
    }

    /// An error whose sentence is shown whole, however long: its maker bounds it.
    pub fn whole(code: Code, message: String) -> Self {
        Self(Box::new(Details { code, message, hint: None, data: None }))
    }

    /// [`Code::InvalidParams`], the most common of all.
    pub fn invalid_params(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidParams, message)
    }

    /// [`Code::Internal`], for what only a bug of ours can cause.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Code::Internal, message)
    }

    /// Adds the sentence that says what to do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Adds a machine-readable detail: a member of the JSON-RPC error's `data`, a line of a failed tool's text.
    #[must_use]
    pub fn with_data(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.data.get_or_insert_default().insert(name.to_owned(), bounded_texts(value.into()));
        self
    }

    /// The same with every text of it changed.
    #[must_use]
    pub fn with_texts(mut self, change: &dyn Fn(&mut String)) -> Self {
        change(&mut self.0.message);
        self.0.hint.iter_mut().for_each(change);
        self.0
            .data
            .iter_mut()
            .flat_map(|data| data.values_mut())
            .for_each(|value| change_texts(value, change));
        self
    }

    /// The code.
    #[must_use]
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// What is wrong.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What would be right, where there is something to say.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// Machine-readable details.
    #[must_use]
    pub fn data(&self) -> Option<&Map<String, Value>> {
        self.0.data.as_ref()
    }
}

/// The detail of an error for which a tool may have a hint of its own.
pub const REASON: &str = "reason";

/// [`REASON`]: what is asked for is more than the service or we give at once.
pub const TOO_LARGE: &str = "too_large";

/// [`REASON`]: the service answers with one thing where a list is due.
pub const NOT_A_LIST: &str = "not_a_list";

/// [`REASON`]: the account's plan does not include it, or its limit is used up.
pub const PLAN: &str = "plan";

/// The most characters of a sentence, and of a text among the details: errors quote what was wrong, which may be long.
const LONGEST: usize = 1_500;

/// Changes every text in a value, at any depth.
pub fn change_texts(value: &mut Value, change: &dyn Fn(&mut String)) {
    match value {
        Value::String(text) => change(text),
        Value::Array(values) => values.iter_mut().for_each(|value| change_texts(value, change)),
        Value::Object(members) => {
            members.values_mut().for_each(|value| change_texts(value, change));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn bounded(text: String) -> String {
    shortened(text, LONGEST)
}

/// The text, or so many characters of it and `…`: for what an error quotes in the middle of its sentence.
#[must_use]
pub fn shortened(mut text: String, characters: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(characters) {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// A name as it was given, in quotes: all of one that could be right.
#[must_use]
pub fn quoted(name: &str) -> String {
    const LONGEST_NAME: usize = 120;
    format!("{:?}", shortened(name.to_owned(), LONGEST_NAME))
}

fn bounded_texts(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(bounded(text)),
        Value::Array(entries) => entries.into_iter().map(bounded_texts).collect(),
        other => other,
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.hint {
            Some(hint) => write!(formatter, "{}. {hint}", self.0.message.trim_end_matches('.')),
            None => formatter.write_str(&self.0.message),
        }
    }
}

impl std::error::Error for Error {}
