//! Responses: what a handler returns, and how a head is written.

use std::borrow::Cow;
use std::io;

use tiny_http::{HTTPVersion, Header, StatusCode};

/// A complete response: status, headers and body. `Date`, `Server`, `Content-Length` and `Connection` are added when it is
/// sent.
#[derive(Clone, Debug)]
pub struct Response {
    status: u16,
    headers: Vec<Header>,
    body: Cow<'static, [u8]>,
}

impl Response {
    /// Returns a response without a body.
    #[must_use]
    pub fn empty(status: u16) -> Response {
        Response { status, headers: Vec::new(), body: Cow::Borrowed(&[]) }
    }

    /// Returns a response with this JSON text as its body.
    #[must_use]
    pub fn json(status: u16, body: impl Into<Cow<'static, [u8]>>) -> Response {
        Response::typed(status, "application/json", body.into())
    }

    /// Returns a response with plain text.
    #[must_use]
    pub fn text(status: u16, body: &str) -> Response {
        Response::typed(status, "text/plain; charset=utf-8", body.as_bytes().to_vec().into())
    }

    /// Returns a response with an HTML page.
    #[must_use]
    pub fn html(status: u16, body: impl Into<Cow<'static, [u8]>>) -> Response {
        Response::typed(status, "text/html; charset=utf-8", body.into())
    }

    fn typed(status: u16, content_type: &str, body: Cow<'static, [u8]>) -> Response {
        let mut response = Response { status, headers: Vec::with_capacity(4), body };
        response.headers.extend(writable_header("Content-Type", content_type));
        response
    }

    /// Adds a header. A header that is not valid (with a line break in its value, for example) or that belongs to the
    /// connection (`Connection`, `Content-Length`, `Transfer-Encoding`, `Trailer`, `Upgrade`) is left out and logged as an
    /// error.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Response {
        self.headers.extend(writable_header(name, value));
        self
    }

    /// Adds several headers, like [`Response::with_header`].
    #[must_use]
    pub(super) fn with_headers(self, headers: &[(&'static str, String)]) -> Response {
        headers.iter().fold(self, |response, (name, value)| response.with_header(name, value))
    }

    /// Returns the status code.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Returns the body's bytes.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Appends the head to `out` and returns the body.
    pub(super) fn print_head(
        self,
        out: &mut Vec<u8>,
        connection: Option<&str>,
    ) -> Cow<'static, [u8]> {
        let length = match self.status {
            // RFC 9110, 8.6: 1xx and 204 must not have a Content-Length; in 304 it would be that of the 200.
            100..=199 | 204 | 304 => Length::Unsaid,
            _ => Length::Known(self.body.len()),
        };
        print_head(out, self.status, self.headers, &length, connection);
        self.body
    }
}

/// A request that the server rejects, and why. It becomes the response `{"error": {"code": "…", "message": "…"}}`, after which
/// the connection is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Returns the status code.
    pub status: u16,
    /// What is wrong and what would be right.
    pub message: Cow<'static, str>,
}

impl Refusal {
    pub(super) fn new(status: u16, message: impl Into<Cow<'static, str>>) -> Refusal {
        Refusal { status, message: message.into() }
    }

    /// Returns an error code for programs, by status.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self.status {
            408 => "request_timeout",
            411 => "length_required",
            413 => "body_too_large",
            414 => "target_too_long",
            415 => "unsupported_media_type",
            417 => "expectation_failed",
            431 => "head_too_large",
            500 => "internal_error",
            501 => "not_implemented",
            503 => "too_many_connections",
            505 => "version_not_supported",
            _ => "bad_request",
        }
    }
}

impl From<&Refusal> for Response {
    fn from(refusal: &Refusal) -> Response {
        let body =
            serde_json::json!({"error": {"code": refusal.code(), "message": refusal.message}});
        let response = Response::json(refusal.status, body.to_string().into_bytes());
        match refusal.status {
            503 => response.with_header("Retry-After", "1"),
            // RFC 9110, 12.5.3: what would be right.
            415 => response.with_header("Accept-Encoding", "gzip"),
            _ => response,
        }
    }
}

/// How the end of a body is marked.
pub(super) enum Length {
    Known(usize),
    Chunked,
    /// Not marked: there is no body, or the body ends when the connection ends.
    Unsaid,
}

/// Appends a head to `out`. tiny_http writes most of it; this adds the headers that only tiny_http's own server would write.
pub(super) fn print_head(
    out: &mut Vec<u8>,
    status: u16,
    mut headers: Vec<Header>,
    length: &Length,
    connection: Option<&str>,
) {
    headers.extend(Header::from_bytes("Server", "mcpist"));
    let announced = match length {
        Length::Known(bytes) => Some(*bytes),
        Length::Chunked => None,
        Length::Unsaid => Some(0),
    };
    tiny_http::Response::new(StatusCode(status), headers, io::empty(), announced, None)
        .with_chunked_threshold(usize::MAX)
        .raw_print(&mut *out, HTTPVersion(1, 1), &[], true, None)
        .expect("writing to memory does not fail");
    // `raw_print` writes the framing header last, so corrections are made only at the end.
    if matches!(length, Length::Unsaid) {
        let unsaid = b"Content-Length: 0\r\n\r\n";
        debug_assert!(out.ends_with(unsaid));
        out.truncate(out.len() - unsaid.len());
    } else {
        out.truncate(out.len() - 2);
    }
    if let Some(connection) = connection {
        out.extend_from_slice(b"Connection: ");
        out.extend_from_slice(connection.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

/// Converts a header to tiny_http's type; `None` if it must not or cannot be sent.
pub(super) fn writable_header(name: &str, value: &str) -> Option<Header> {
    const OURS: [&str; 5] =
        ["connection", "content-length", "transfer-encoding", "trailer", "upgrade"];
    let name_is_right = !name.is_empty() && name.bytes().all(is_token_byte);
    let value_is_right = value.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~'));
    if !name_is_right || !value_is_right || OURS.iter().any(|ours| name.eq_ignore_ascii_case(ours))
    {
        // The value may be a secret.
        log::error!("the response header {name:?} is invalid or reserved and is left out");
        return None;
    }
    Header::from_bytes(name, value).ok()
}

/// Returns whether the byte is allowed in a token (RFC 9110, 5.6.2), such as a method or a header name.
pub(super) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(response: Response, connection: Option<&str>) -> String {
        let mut out = Vec::new();
        response.print_head(&mut out, connection);
        let text = String::from_utf8(out).expect("heads are ASCII");
        let kept = text.split_inclusive("\r\n").filter(|line| !line.starts_with("Date: "));
        kept.collect()
    }

    #[test]
    fn a_head_says_length_and_connection() {
        assert_eq!(
            printed(Response::json(200, &b"{}"[..]).with_header("X-A", "b"), Some("close")),
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-A: b\r\nServer: mcpist\r\nContent-Length: 2\r\n\
             Connection: close\r\n\r\n"
        );
        assert_eq!(
            printed(Response::empty(202), None),
            "HTTP/1.1 202 Accepted\r\nServer: mcpist\r\nContent-Length: 0\r\n\r\n"
        );
    }

    #[test]
    fn an_answer_that_cannot_have_a_body_has_no_length() {
        for status in [204, 304] {
            let head = printed(Response::empty(status), None);
            assert!(head.ends_with("Server: mcpist\r\n\r\n"), "{head:?}");
        }
    }

    #[test]
    fn a_header_cannot_smuggle_another() {
        let cases = [
            ("X-A", "b\r\nX-C: d"),
            ("X-A\r\nX-C", "b"),
            ("", "b"),
            ("X-A", "é"),
            ("Content-Length", "7"),
        ];
        for (name, value) in cases {
            let head = printed(Response::empty(202).with_header(name, value), None);
            assert_eq!(head, printed(Response::empty(202), None), "{name:?}: {value:?}");
        }
    }
}
