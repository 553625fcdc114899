//! Checks the headers of Streamable HTTP that mirror a modern request's body.
//!
//! Source: 2026-07-28, "Request Metadata": a server that reads the body must reject a request whose headers differ from it, so
//! that intermediaries cannot be misled by headers that the server ignores.

use std::borrow::Cow;

use ct_codecs::{Base64, Decoder};
use serde_json::Value;

use super::context::META_VERSION;
use super::handler::MirroredParameter;
use super::message::Request;
use super::server::mirrored_parameter;
use crate::error::{Code, Error};

/// Looks up a header by name, in any case.
pub trait Lookup {
    /// Returns the header's value.
    fn get(&self, name: &str) -> Option<&str>;
}

/// Checks `MCP-Protocol-Version`, `Mcp-Method` and `Mcp-Name` against the body.
///
/// # Errors
/// [`Code::HeaderMismatch`] that names the header.
pub fn check_standard(headers: &dyn Lookup, request: &Request) -> Result<(), Error> {
    let version = request.meta().and_then(|meta| meta.get(META_VERSION)).and_then(Value::as_str);
    if let Some(version) = version {
        same("MCP-Protocol-Version", headers.get("mcp-protocol-version"), version)?;
    }
    same("Mcp-Method", headers.get("mcp-method"), &request.method)?;
    if let Some(parameter) = mirrored_parameter(&request.method)
        && let Some(value) = request.params.get(parameter).and_then(Value::as_str)
    {
        let header =
            headers.get("mcp-name").map(|header| decode("Mcp-Name", header)).transpose()?;
        same("Mcp-Name", header.as_deref(), value)?;
    }
    Ok(())
}

/// Checks the `Mcp-Param-…` headers of a tool call against its arguments.
///
/// # Errors
/// [`Code::HeaderMismatch`] that names the header.
pub fn check_parameters(
    headers: &dyn Lookup,
    request: &Request,
    mirrored: &[MirroredParameter],
) -> Result<(), Error> {
    for MirroredParameter { header, path } in mirrored {
        let name = format!("Mcp-Param-{header}");
        let sent = headers.get(&name).map(|sent| decode(&name, sent)).transpose()?;
        let arguments = request.params.get("arguments").unwrap_or(&Value::Null);
        let value = path
            .iter()
            .try_fold(arguments, |value, step| value.get(step))
            .filter(|value| !value.is_null());
        match (value, sent) {
            (None, None) => {}
            (None, Some(_)) => {
                Err(mismatch(format!(
                    "{name} is sent, but the arguments have no {}",
                    path.join(".")
                )))?;
            }
            (Some(value), sent) => match (value, sent.as_deref()) {
                // 42 and 42.0 are the same number.
                (Value::Number(number), Some(sent))
                    if sent.parse::<f64>().ok() == number.as_f64() => {}
                (Value::String(text), sent) => same(&name, sent, text)?,
                (value, sent) => same(&name, sent, &value.to_string())?,
            },
        }
    }
    Ok(())
}

fn same(name: &str, header: Option<&str>, body: &str) -> Result<(), Error> {
    match header {
        Some(header) if header == body => Ok(()),
        Some(header) => {
            Err(mismatch(format!("header {name} is {header:?}, the body says {body:?}")))
        }
        None => Err(mismatch(format!("header {name} is missing, the body says {body:?}"))),
    }
}

fn mismatch(message: String) -> Error {
    Error::new(Code::HeaderMismatch, message).with_hint(
        "Headers that mirror the body must say the same (MCP 2026-07-28, Request Metadata).",
    )
}

/// Decodes `=?base64?…?=` ("Value Encoding"); other values are literal.
fn decode<'a>(name: &str, value: &'a str) -> Result<Cow<'a, str>, Error> {
    let Some(encoded) = value.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?="))
    else {
        if value.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~')) {
            return Ok(Cow::Borrowed(value));
        }
        return Err(mismatch(format!("header {name} has characters that a header cannot carry")));
    };
    Base64::decode_to_vec(encoded, None)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .map(Cow::Owned)
        .ok_or_else(|| mismatch(format!("header {name} is not base64 of UTF-8 text")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::mcp::message::{Body, Message, parse};

    impl Lookup for &[(&str, &str)] {
        fn get(&self, name: &str) -> Option<&str> {
            self.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
        }
    }

    fn request(params: Value) -> Request {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
            .to_string();
        match parse(body.as_bytes()) {
            Ok(Body::One(Message::Request(request))) => request,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn headers_must_say_what_the_body_says() {
        let request = request(json!({"name": "世界", "_meta": {META_VERSION: "2026-07-28"}}));
        let check = |headers: &[(&str, &str)], says: Option<&str>| match (
            check_standard(&headers, &request),
            says,
        ) {
            (Ok(()), None) => {}
            (Err(error), Some(says)) => assert!(
                error.message().contains(says) && error.code() == Code::HeaderMismatch,
                "{error}"
            ),
            (outcome, says) => panic!("{headers:?}: {outcome:?}, not {says:?}"),
        };
        let (version, method, name) = (
            ("MCP-Protocol-Version", "2026-07-28"),
            ("mcp-method", "tools/call"),
            ("Mcp-Name", "=?base64?5LiW55WM?="),
        );
        check(&[version, method, name], None);
        check(&[method, name], Some("MCP-Protocol-Version is missing"));
        check(
            &[("MCP-Protocol-Version", "2025-11-25"), method, name],
            Some("MCP-Protocol-Version is \"2025-11-25\""),
        );
        check(&[version, ("Mcp-Method", "TOOLS/CALL"), name], Some("Mcp-Method is \"TOOLS/CALL\""));
        check(&[version, method], Some("Mcp-Name is missing"));
        check(&[version, method, ("Mcp-Name", "=?base64?!?=")], Some("not base64"));
        check(&[version, method, ("Mcp-Name", "世界")], Some("cannot carry"));
    }

    #[test]
    fn parameter_headers_follow_the_arguments() {
        let mirrored = [
            MirroredParameter { header: "Region".to_owned(), path: vec!["region".to_owned()] },
            MirroredParameter {
                header: "Depth".to_owned(),
                path: vec!["options".to_owned(), "depth".to_owned()],
            },
        ];
        let check = |arguments: Value, headers: &[(&str, &str)], fits: bool| {
            let request = request(json!({"name": "t", "arguments": arguments}));
            assert_eq!(
                check_parameters(&headers, &request, &mirrored).is_ok(),
                fits,
                "{headers:?}"
            );
        };
        let arguments = json!({"region": "us", "options": {"depth": 42}});
        check(arguments.clone(), &[("mcp-param-region", "us"), ("mcp-param-depth", "42.0")], true);
        check(arguments.clone(), &[("mcp-param-region", "eu"), ("mcp-param-depth", "42")], false);
        check(arguments, &[("mcp-param-region", "us")], false);
        check(json!({"region": null}), &[], true);
        check(json!({}), &[("mcp-param-region", "us")], false);
    }
}
