//! MCPist's single error type, and the table that maps its codes to replies in HTTP, JSON-RPC and failed tools.

use std::fmt;

use serde_json::Value;

use crate::json::Object;

/// The kind of error, which [`Code::reply`] maps to every kind of reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// The body is not JSON.
    ParseError,
    /// The body is JSON, but not a JSON-RPC message.
    InvalidRequest,
    /// The method does not exist in the caller's protocol version.
    MethodNotFound,
    /// An argument or parameter is missing, has the wrong type or is out of range.
    InvalidParams,
    /// A bug in MCPist.
    Internal,
    /// The resource does not exist. Its JSON-RPC code depends on the era; `mcp` selects it.
    ResourceNotFound,
    /// An HTTP header differs from the member of the body that it mirrors.
    HeaderMismatch,
    /// The client did not declare a capability that this request needs.
    MissingClientCapability,
    /// The protocol version is not supported.
    UnsupportedProtocolVersion,
    /// A request of the legacy era has no session.
    SessionRequired,
    /// The session is unknown, forged or ended.
    SessionNotFound,
    /// The client disconnected or cancelled the request.
    Cancelled,
    /// Nothing exists at the path.
    NoSuchPath,
    /// The path exists, but not for this method.
    MethodNotAllowed,
    /// The client accepts none of the possible content types.
    NotAcceptable,
    /// The path does not accept the body's content type.
    UnsupportedMediaType,
    /// `Host` or `Origin` names another site.
    ForeignOrigin,
    /// The request has no token.
    Unauthenticated,
    /// The request's token is not valid.
    InvalidToken,
    /// The token is valid, but does not permit this.
    InsufficientScope,
    /// The caller or their permissions cannot be determined now.
    ControlPlaneUnavailable,
    /// No credential is stored for the service.
    NotConnected,
    /// The caller has several accounts of the service and did not name one.
    AccountRequired,
    /// The service rejected the stored credential.
    ReconnectRequired,
    /// The service or the policy does not permit this.
    PermissionDenied,
    /// The service did not find the object.
    NotFound,
    /// The object has changed meanwhile, or already exists.
    Conflict,
    /// The service limits the rate of calls.
    RateLimited,
    /// The service does not respond, or responds with a server error.
    UpstreamUnavailable,
    /// The call has reached its deadline.
    Timeout,
    /// The user must confirm first.
    ConfirmationRequired,
    /// The user must open a link first (MCP 2025-11-25, "URL Elicitation Required Error").
    UrlElicitationRequired,
    /// The request asks for too much at once.
    Busy,
    /// The user has as much open as one user may have.
    UserBusy,
}

/// The replies for one [`Code`].
#[derive(Debug, Clone, Copy)]
pub struct Reply {
    /// The error name for models and scripts.
    pub name: &'static str,
    /// The HTTP status if the error ends the request.
    pub status: u16,
    /// The code of the JSON-RPC error object.
    pub json_rpc: i64,
}

impl Code {
    /// Returns the table of replies: JSON-RPC 2.0 §5.1, MCP 2026-07-28 "Error Codes", RFC 9110 §15.
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
            Self::UserBusy => ("busy", 429, -32603),
            Self::ConfirmationRequired => ("confirmation_required", 409, -32603),
        };
        Reply { name, status, json_rpc }
    }
}

/// An error: its code, one sentence that says what is wrong, and one that says what would be right.
///
/// Neither sentence ever contains a credential or a service's body, and quoted input is cut to a maximum length.
#[derive(Debug, Clone, PartialEq)]
pub struct Error(Box<Details>);

/// Boxed because errors are rare, and every fallible function reserves space for one.
#[derive(Debug, Clone, PartialEq)]
struct Details {
    code: Code,
    message: String,
    hint: Option<String>,
    data: Option<Object>,
}

impl Error {
    /// Returns an error with its code and the sentence that says what is wrong.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self(Box::new(Details { code, message: bounded(message.into()), hint: None, data: None }))
    }

    /// Returns an error whose sentence is shown in full, whatever its length: the caller limits it.
    pub fn whole(code: Code, message: String) -> Self {
        Self(Box::new(Details { code, message, hint: None, data: None }))
    }

    /// Returns a [`Code::InvalidParams`], the most common error.
    pub fn invalid_params(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidParams, message)
    }

    /// Returns a [`Code::Internal`], for what only a bug in MCPist can cause.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Code::Internal, message)
    }

    /// Adds the sentence that says what to do.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Adds a machine-readable detail: a member of the JSON-RPC error's `data`, and a line in a failed tool's text.
    #[must_use]
    pub fn with_data(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.data.get_or_insert_default().insert(name.to_owned(), bounded_texts(value.into()));
        self
    }

    /// Returns the error with every text of it changed.
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

    /// Returns the code.
    #[must_use]
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// Returns what is wrong.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Returns what would be right, if there is a hint.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// Returns the machine-readable details.
    #[must_use]
    pub fn data(&self) -> Option<&Object> {
        self.0.data.as_ref()
    }
}

/// The error detail for which a tool may have its own hint.
pub const REASON: &str = "reason";

/// [`REASON`]: more was asked for than the service or MCPist returns at once.
pub const TOO_LARGE: &str = "too_large";

/// [`REASON`]: the service returned a single object where a list is expected.
pub const NOT_A_LIST: &str = "not_a_list";

/// [`REASON`]: the account's plan does not include this, or its limit is reached.
pub const PLAN: &str = "plan";

/// The maximum length in characters of a sentence or a text among the details: errors quote input, which may be long.
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

/// Returns the text, or its first characters and `…` if it is longer than the limit; for quotes in the middle of an error's
/// sentence.
#[must_use]
pub fn shortened(mut text: String, characters: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(characters) {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// Returns a name in quotes as it was given; a name that could be valid is never cut.
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
