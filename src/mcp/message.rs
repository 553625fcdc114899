//! JSON-RPC 2.0 messages: parses bytes to types that are always valid, and writes results as text.
//!
//! Source: JSON-RPC 2.0; MCP "Base Protocol", "Messages" of every revision.

use std::borrow::Cow;
use std::{fmt, io};

use serde::Serialize;
use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde_json::{Number, Value};

use crate::error::Error;
use crate::json::Object;

/// The id of a request: a string or an integer, never null (MCP narrows JSON-RPC here).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(untagged)]
pub enum Id {
    /// A string.
    Text(String),
    /// An integer.
    Number(Number),
}

impl Id {
    /// Accepts a JSON value that is a string or an integer.
    #[must_use]
    pub fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::String(text) => Some(Self::Text(text)),
            Value::Number(number) if number.is_i64() || number.is_u64() => {
                Some(Self::Number(number))
            }
            _ => None,
        }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => formatter.write_str(text),
            Self::Number(number) => write!(formatter, "{number}"),
        }
    }
}

impl From<&str> for Id {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<u64> for Id {
    fn from(number: u64) -> Self {
        Self::Number(number.into())
    }
}

/// A request.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Repeated in the response.
    pub id: Id,
    /// The method's name.
    pub method: String,
    /// The parameters; empty if the message has none.
    pub params: Object,
}

impl Request {
    /// Returns `params._meta`, which contains the per-request fields of the protocol.
    #[must_use]
    pub fn meta(&self) -> Option<&Object> {
        self.params.get("_meta").and_then(Value::as_object)
    }

    /// Returns a required string parameter.
    ///
    /// # Errors
    /// [`crate::error::Code::InvalidParams`] that names the parameter if it is missing or has another type.
    pub fn text(&self, name: &str) -> Result<&str, Error> {
        match self.params.get(name) {
            Some(Value::String(text)) => Ok(text),
            Some(other) => Err(wrong_type(&format!("params.{name}"), "a string", other)),
            None => {
                Err(Error::invalid_params(format!("{}: params.{name} is missing", self.method))
                    .with_hint(format!("Send params.{name} as a string.")))
            }
        }
    }

    /// Returns an optional object parameter.
    ///
    /// # Errors
    /// [`crate::error::Code::InvalidParams`] that names the parameter if it has another type.
    pub fn object(&self, name: &str) -> Result<Object, Error> {
        match self.params.get(name) {
            None => Ok(Object::new()),
            Some(Value::Object(object)) => Ok(object.clone()),
            Some(other) => Err(wrong_type(&format!("params.{name}"), "an object", other)),
        }
    }
}

/// A notification.
#[derive(Debug, Clone, PartialEq)]
pub struct Notification {
    /// The method's name.
    pub method: String,
    /// The parameters; empty if the message has none.
    pub params: Object,
}

/// A client's answer to a request from the server (legacy era only).
#[derive(Debug, Clone, PartialEq)]
pub struct Response {
    /// The id that our request had; `None` if it names none, so that no request waits for it.
    pub id: Option<Id>,
    /// The result, or the message of the error.
    pub outcome: Result<Value, String>,
}

/// One message from a client.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// A request.
    Request(Request),
    /// A notification.
    Notification(Notification),
    /// An answer to a request from the server.
    Response(Response),
}

impl Message {
    /// Whether the client waits for an answer.
    #[must_use]
    pub const fn is_answered(&self) -> bool {
        matches!(self, Self::Request(_))
    }
}

/// What one body or line holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// One message, in the form of every version.
    One(Message),
    /// A batch, in the form of 2025-03-26; each entry is handled separately.
    Batch(Vec<Result<Message, Malformed>>),
}

/// An invalid message, with its id if it could be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Malformed {
    /// The id for the response.
    pub id: Option<Id>,
    /// What is wrong with it.
    pub error: Error,
}

impl Malformed {
    /// A message of which only the beginning is there, because it is too long.
    #[must_use]
    pub fn too_long(beginning: &[u8]) -> Self {
        let error = Error::new(crate::error::Code::InvalidRequest, "the line is longer than 4 MiB")
            .with_hint("Send a smaller message.");
        Self { id: readable_id(beginning), error }
    }
}

/// The most entries that one batch may have: each may be a tool call, so this bounds the work of one body.
pub const MAX_BATCH: usize = 50;

/// Reads one body: UTF-8 JSON, at most 128 levels deep (`serde_json`'s own bound).
///
/// # Errors
/// [`Malformed`] with `-32700` for text that is not JSON, `-32600` or `-32602` for JSON that is not a valid message.
pub fn parse(bytes: &[u8]) -> Result<Body, Malformed> {
    // RFC 8259 §8.1: a reader may ignore a byte order mark.
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let value: Value = serde_json::from_slice(bytes).map_err(|error| Malformed {
        id: readable_id(bytes),
        error: Error::new(crate::error::Code::ParseError, format!("the body is not JSON: {error}"))
            .with_hint("Send one JSON-RPC 2.0 message as UTF-8 JSON."),
    })?;
    match value {
        Value::Array(entries) if entries.is_empty() => {
            Err(malformed(None, "an empty batch is not a message"))
        }
        Value::Array(entries) if entries.len() > MAX_BATCH => Err(malformed(
            None,
            &format!(
                "a batch may have at most {MAX_BATCH} entries, this one has {}",
                entries.len()
            ),
        )),
        Value::Array(entries) => Ok(Body::Batch(entries.into_iter().map(message).collect())),
        one => message(one).map(Body::One),
    }
}

/// The id of a request that is not JSON as a whole, if it can be read: a text that was cut within a character, say, or a
/// message that ends too early.
fn readable_id(bytes: &[u8]) -> Option<Id> {
    #[derive(Default)]
    struct Envelope {
        id: Option<Id>,
        is_response: bool,
    }
    impl<'de> Visitor<'de> for &mut Envelope {
        type Value = ();

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("a message")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
            while let Some(name) = members.next_key::<Cow<'_, str>>()? {
                match &*name {
                    "id" => self.id = Id::from_value(members.next_value()?),
                    name => {
                        self.is_response |= matches!(name, "result" | "error");
                        // Does not look into texts, so that it gets over what is wrong in them.
                        members.next_value::<IgnoredAny>()?;
                    }
                }
            }
            Ok(())
        }
    }
    let mut envelope = Envelope::default();
    // It fails where the message is wrong; what was read before counts.
    let _ = serde_json::Deserializer::from_slice(bytes).deserialize_map(&mut envelope);
    envelope.id.filter(|_| !envelope.is_response)
}

fn message(value: Value) -> Result<Message, Malformed> {
    let Value::Object(mut members) = value else {
        return Err(malformed(None, "a message must be a JSON object"));
    };
    if !members.contains_key("method")
        && (members.contains_key("result") || members.contains_key("error"))
    {
        return response(&mut members).map(Message::Response);
    }
    let id = match members.remove("id") {
        None => None,
        Some(value) => match Id::from_value(value) {
            Some(id) => Some(id),
            None => return Err(malformed(None, "id must be a string or an integer")),
        },
    };
    if members.get("jsonrpc").and_then(Value::as_str) != Some("2.0") {
        return Err(malformed(id, "jsonrpc must be the string \"2.0\""));
    }
    match members.remove("method") {
        Some(Value::String(method)) => {
            let params = match members.remove("params") {
                None | Some(Value::Null) => Object::new(),
                // In both eras, an optional member that is null counts as absent: many clients write members that they have not
                // set.
                Some(Value::Object(mut params)) => {
                    params.retain(|_, value| !value.is_null());
                    params
                }
                Some(other) => {
                    return Err(Malformed { id, error: wrong_type("params", "an object", &other) });
                }
            };
            if let Some(other) = params.get("_meta").filter(|meta| !meta.is_object()) {
                return Err(Malformed {
                    id,
                    error: wrong_type("params._meta", "an object", other),
                });
            }
            Ok(match id {
                Some(id) => Message::Request(Request { id, method, params }),
                None => Message::Notification(Notification { method, params }),
            })
        }
        Some(_) => Err(malformed(id, "method must be a string")),
        None => Err(malformed(
            id,
            "a message needs either method (request, notification), or result or error (response)",
        )),
    }
}

/// Reads a response. One without an id that could be ours is a response to no request; it is not answered.
fn response(members: &mut Object) -> Result<Response, Malformed> {
    let mut present = |name| members.remove(name).filter(|value| !value.is_null());
    let id = present("id").and_then(Id::from_value);
    let outcome = match (present("result"), present("error")) {
        (result, None) => Ok(result.unwrap_or_default()),
        // The id, if there is one, is ours: an error under it would look like a request's.
        (Some(_), Some(_)) => {
            return Err(malformed(None, "a response has result or error, not both"));
        }
        (None, Some(error)) => Err(error
            .get("message")
            .and_then(Value::as_str)
            .unwrap_or("the client gave no message")
            .to_owned()),
    };
    Ok(Response { id, outcome })
}

fn malformed(id: Option<Id>, what: &str) -> Malformed {
    Malformed { id, error: Error::new(crate::error::Code::InvalidRequest, what) }
}

/// Returns an error such as "`params.name` must be a string, not a number".
pub(crate) fn wrong_type(place: &str, wanted: &str, got: &Value) -> Error {
    Error::invalid_params(format!("{place} must be {wanted}, not {}", type_name(got)))
}

/// Returns the type of a JSON value with its article, for messages.
pub(crate) const fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// The members of a result object, in order, as JSON text: prepared text is copied, not built again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Members(String);

impl Members {
    /// Returns an object without members.
    #[must_use]
    pub fn new() -> Self {
        // Most results fit; a list reserves the space that it needs.
        let mut text = String::with_capacity(512);
        text.push('{');
        Self(text)
    }

    /// Adds a member.
    #[must_use]
    pub fn with(mut self, name: &str, value: &impl Serialize) -> Self {
        self.begin(name, 0);
        serde_json::to_writer(Text(&mut self.0), value)
            .expect("types of the protocol have string keys and finite numbers");
        self
    }

    /// Adds a member whose value is already JSON text.
    #[must_use]
    pub fn with_json(mut self, name: &str, json: &str) -> Self {
        self.begin(name, json.len());
        self.0.push_str(json);
        self
    }

    /// Adds all members of an object.
    #[must_use]
    pub fn with_all(self, object: &Object) -> Self {
        object.iter().fold(self, |members, (name, value)| {
            // A name may need escaping here, unlike our own constants.
            let quoted = Value::from(name.as_str()).to_string();
            members.with(&quoted[1..quoted.len() - 1], value)
        })
    }

    /// Appends the members of another result.
    #[must_use]
    pub fn append(mut self, other: &Self) -> Self {
        let others = &other.0[1..];
        if !others.is_empty() {
            self.separate();
            self.0.push_str(others);
        }
        self
    }

    /// Returns the object's text.
    #[must_use]
    pub fn into_object(mut self) -> String {
        self.0.push('}');
        self.0
    }

    fn begin(&mut self, name: &str, value_bytes: usize) {
        self.0.reserve(name.len() + value_bytes + 8);
        self.separate();
        self.0.push('"');
        self.0.push_str(name);
        self.0.push_str("\":");
    }

    fn separate(&mut self) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
    }
}

impl Default for Members {
    fn default() -> Self {
        Self::new()
    }
}

/// Lets `serde_json` write to a text.
struct Text<'a>(&'a mut String);

impl io::Write for Text<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.push_str(str::from_utf8(bytes).expect("serde_json writes whole pieces of UTF-8"));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns the text of a response with a result.
#[must_use]
pub fn result_text(id: &Id, result: Members) -> String {
    Members::new()
        .with_json("jsonrpc", "\"2.0\"")
        .with("id", id)
        .with_json("result", &result.into_object())
        .into_object()
}

/// Returns the text of a response with an error; without an id if none could be read.
#[must_use]
pub fn error_text(id: Option<&Id>, error: &Error) -> String {
    error_text_with_code(id, error, error.code().reply().json_rpc)
}

/// Like [`error_text`], with the code of an older revision.
pub(crate) fn error_text_with_code(id: Option<&Id>, error: &Error, code: i64) -> String {
    let mut body = Members::new().with("code", &code).with("message", &error.to_string());
    if let Some(data) = error.data() {
        body = body.with("data", data);
    }
    let envelope = Members::new().with_json("jsonrpc", "\"2.0\"");
    // JSON-RPC uses null for an id that could not be read; MCP's schema does not allow null and omits it.
    let envelope = match id {
        Some(id) => envelope.with("id", id),
        None => envelope,
    };
    envelope.with_json("error", &body.into_object()).into_object()
}

/// Returns the text of a notification.
#[must_use]
pub fn notification_text(method: &str, params: &Object) -> String {
    Members::new()
        .with_json("jsonrpc", "\"2.0\"")
        .with("method", &method)
        .with("params", params)
        .into_object()
}

/// Returns the text of a request from the server.
#[must_use]
pub fn request_text(id: &Id, method: &str, params: &Object) -> String {
    Members::new()
        .with_json("jsonrpc", "\"2.0\"")
        .with("id", id)
        .with("method", &method)
        .with("params", params)
        .into_object()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;

    fn check(body: &[u8], code: Code, id: Option<Id>, says: &str) {
        let malformed = parse(body).expect_err("the body must be refused");
        assert_eq!(malformed.error.code(), code, "{}", String::from_utf8_lossy(body));
        assert_eq!(malformed.id, id, "{}", String::from_utf8_lossy(body));
        assert!(malformed.error.message().contains(says), "{} should say {says}", malformed.error);
    }

    #[test]
    fn a_body_that_is_no_message_is_refused_with_its_reason() {
        let deep = "[".repeat(10_000);
        check(b"", Code::ParseError, None, "EOF");
        check(b"{\"jsonrpc\"", Code::ParseError, None, "EOF");
        check(b"\xff\xfe", Code::ParseError, None, "not JSON");
        check(b"\0", Code::ParseError, None, "not JSON");
        check(deep.as_bytes(), Code::ParseError, None, "recursion limit");
        check(b"7", Code::InvalidRequest, None, "must be a JSON object");
        check(b"[]", Code::InvalidRequest, None, "empty batch");
        check(br#"{"id":1,"method":"ping"}"#, Code::InvalidRequest, Some(Id::from(1)), "jsonrpc");
        check(
            br#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
            Code::InvalidRequest,
            None,
            "id must be",
        );
        check(
            br#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#,
            Code::InvalidRequest,
            None,
            "id must be",
        );
        check(
            br#"{"jsonrpc":"2.0","id":1,"method":7}"#,
            Code::InvalidRequest,
            Some(Id::from(1)),
            "method",
        );
        check(
            br#"{"jsonrpc":"2.0","id":1}"#,
            Code::InvalidRequest,
            Some(Id::from(1)),
            "either method",
        );
        // Under its id, if that can be read.
        for (text, id) in [
            (r#"{"jsonrpc":"2.0","id":7,"method":"a","params":{"x":"\ud83d"}}"#, Some(7)),
            (r#"{"params":{"x":["\udc00\ud83d"]},"method":"a","jsonrpc":"2.0","id":7}"#, Some(7)),
            (r#"{"jsonrpc":"2.0","id":7,"method":"a","params":{"x":"cut"#, Some(7)),
            (r#"{"jsonrpc":"2.0","id":7,"method":"a"} trailing"#, Some(7)),
            (r#"{"id":7,"method":"a","params":{"\ud83d":1}}"#, Some(7)),
            (r#"{"id":1.5,"params":"\ud83d"}"#, None),
            (r#"{"id":"a\ud83d","method":"a"}"#, None),
            (r#"{"method":"a","params":{"id":7,"x":"\ud83d"}}"#, None),
            // Ours, of a response.
            (r#"{"jsonrpc":"2.0","id":7,"result":{"x":"\ud83d"}}"#, None),
            (r#"{"jsonrpc":"2.0","id":7,"error":{"message":"cut"#, None),
        ] {
            check(text.as_bytes(), Code::ParseError, id.map(Id::from), "not JSON");
        }
        check(b"{\"id\":7,\"method\":\"a\xff\"}", Code::ParseError, Some(Id::from(7)), "not JSON");
        check(
            br#"{"jsonrpc":"2.0","id":1,"method":"a","params":[1]}"#,
            Code::InvalidParams,
            Some(Id::from(1)),
            "params must be an object, not an array",
        );
        check(
            br#"{"jsonrpc":"2.0","id":"x","method":"a","params":{"_meta":3}}"#,
            Code::InvalidParams,
            Some(Id::from("x")),
            "params._meta",
        );
    }

    #[test]
    fn a_batch_keeps_its_good_entries_beside_the_bad_ones() {
        let Ok(Body::Batch(entries)) = parse(br#"[{"jsonrpc":"2.0","id":1,"method":"ping"},5]"#)
        else {
            panic!("a batch")
        };
        assert!(matches!(&entries[0], Ok(Message::Request(request)) if request.method == "ping"));
        assert!(matches!(&entries[1], Err(malformed) if malformed.id.is_none()));
    }

    #[test]
    fn a_byte_order_mark_is_ignored_once() {
        let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
        let marked = format!("\u{feff}{ping}");
        assert_eq!(parse(marked.as_bytes()), parse(ping.as_bytes()));
        assert!(parse(format!("\u{feff}{marked}").as_bytes()).is_err());
    }

    #[test]
    fn a_response_needs_no_id_and_what_is_null_is_absent() {
        let failed = |message: &str| Err(message.to_owned());
        let done = |value: Value| Ok(value);
        for (text, id, outcome) in [
            (r#"{"jsonrpc":"2.0","id":"a","result":{}}"#, Some("a"), done(serde_json::json!({}))),
            (r#"{"jsonrpc":"2.0","id":"a","result":null}"#, Some("a"), done(Value::Null)),
            (r#"{"jsonrpc":"2.0","id":"a","result":1,"error":null}"#, Some("a"), done(1.into())),
            (r#"{"jsonrpc":"2.0","id":"a","error":{"message":"m"}}"#, Some("a"), failed("m")),
            (r#"{"id":"a","result":null,"error":{"message":"m"}}"#, Some("a"), failed("m")),
            (r#"{"id":"a","error":5}"#, Some("a"), failed("the client gave no message")),
            (r#"{"jsonrpc":"2.0","error":{"message":"m"}}"#, None, failed("m")),
            (r#"{"jsonrpc":"2.0","id":null,"error":{"message":"m"}}"#, None, failed("m")),
            (r#"{"jsonrpc":"2.0","id":1.5,"result":{}}"#, None, done(serde_json::json!({}))),
        ] {
            let response = Response { id: id.map(Id::from), outcome };
            assert_eq!(
                parse(text.as_bytes()),
                Ok(Body::One(Message::Response(response))),
                "{text}"
            );
        }
    }

    #[test]
    fn texts_are_json_with_members_in_order() {
        let result = Members::new()
            .with("a", &1)
            .with_json("b", "[true]")
            .with_all(&Object::from_iter([("c\"".to_owned(), Value::Null)]));
        assert_eq!(
            result_text(&Id::from("x"), result),
            r#"{"jsonrpc":"2.0","id":"x","result":{"a":1,"b":[true],"c\"":null}}"#
        );
        let error = Error::invalid_params("name is missing")
            .with_hint("Send it.")
            .with_data("field", "name");
        assert_eq!(
            error_text(None, &error),
            r#"{"jsonrpc":"2.0","error":{"code":-32602,"message":"name is missing. Send it.","data":{"field":"name"}}}"#
        );
    }
}
