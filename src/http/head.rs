//! The head of a request: parsed strictly by RFC 9112 and RFC 9110. If a lenient parser could read it differently from a proxy
//! in front (request smuggling), the request is rejected.

use std::str::FromStr;

use tiny_http::Method;

use super::limits::Limits;
use super::response::{Refusal, is_token_byte};

/// A request's head.
#[derive(Debug)]
pub struct Head {
    /// The method; a method that HTTP does not define is [`Method::NonStandard`].
    pub method: Method,
    /// The target's path as sent, beginning with a slash, not decoded.
    pub path: String,
    /// The target's query as sent, without its question mark; empty if there is no query.
    pub query: String,
    /// The header lines. `Host` is the target's authority if the target has one (RFC 9112, 3.2.2).
    pub headers: Headers,
    /// How the end of the body is determined.
    pub framing: Framing,
    /// Whether the client wants to keep the connection open after the response.
    pub keep_alive: bool,
    /// Whether the client waits for `100 Continue` before it sends the body.
    pub expects_continue: bool,
    /// Whether the client speaks HTTP/1.0, and so does not support chunks.
    pub is_http_1_0: bool,
}

/// How the end of a request body is determined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is no body.
    None,
    /// By its length in bytes, from `Content-Length`.
    Length(u64),
    /// By chunks.
    Chunked,
}

/// The header lines of a request, in the order sent.
///
/// Field values may contain bytes beyond ASCII, which RFC 9110 (5.5) treats as opaque: valid UTF-8 is kept, and every other
/// byte becomes U+FFFD, which equals no meaningful value. Control characters are rejected earlier.
#[derive(Clone, Debug, Default)]
pub struct Headers {
    /// All names and values in one text: one allocation instead of two for each line.
    text: String,
    fields: Vec<Field>,
}

/// The position of a field in the text: its name begins where the previous value ended.
#[derive(Clone, Copy, Debug)]
struct Field {
    name_end: usize,
    value_end: usize,
}

impl Headers {
    /// Returns the value of the first header with this name, in any case.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Returns the values of every header with this name, in any case.
    pub fn get_all<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h str> + 'h {
        self.iter()
            .filter(move |(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// Returns every header's name, as sent, and value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut start = 0;
        self.fields.iter().map(move |field| {
            let name = &self.text[start..field.name_end];
            start = field.value_end;
            (name, &self.text[field.name_end..field.value_end])
        })
    }

    fn push(&mut self, name: &str, value: &str) {
        self.text.push_str(name);
        let name_end = self.text.len();
        self.text.push_str(value);
        self.fields.push(Field { name_end, value_end: self.text.len() });
    }
}

impl<'h> FromIterator<(&'h str, &'h str)> for Headers {
    fn from_iter<I: IntoIterator<Item = (&'h str, &'h str)>>(pairs: I) -> Headers {
        let mut headers = Headers::default();
        for (name, value) in pairs {
            headers.push(name, value);
        }
        headers
    }
}

/// Parses the head at the beginning of `bytes`. Returns it with its length in bytes; `None` if its end has not arrived yet.
///
/// # Errors
/// A [`Refusal`] for a head that is malformed, ambiguous or exceeds `limits`, as soon as that is certain.
pub fn parse_head(bytes: &[u8], limits: &Limits) -> Result<Option<(Head, usize)>, Refusal> {
    // RFC 9112, 2.2: an empty line before the request line must be ignored; some clients end a body with one.
    let skipped = if bytes.starts_with(b"\r\n") { 2 } else { 0 };
    let bytes = &bytes[skipped..];
    let Some(extent) = find_end(bytes, limits)? else {
        return Ok(None);
    };

    let mut slots = vec![httparse::EMPTY_HEADER; extent.header_lines];
    let mut parsed = httparse::Request::new(&mut slots);
    match parsed.parse(&bytes[..extent.length]) {
        Ok(httparse::Status::Complete(length)) if length == extent.length => {}
        Ok(_) => return Err(bad("the head ends before its empty line")),
        Err(error) => return Err(refusal_of(error, bytes)),
    }
    let (Some(method), Some(target), Some(minor)) = (parsed.method, parsed.path, parsed.version)
    else {
        return Err(bad("the request line is not `METHOD /path HTTP/1.1`"));
    };
    let is_http_1_0 = minor == 0;
    let target = Target::parse(target, limits)?;
    let method = Method::from_str(method).map_err(|()| bad("the method is not a token"))?;

    let mut headers = Headers {
        text: String::with_capacity(extent.length),
        fields: Vec::with_capacity(extent.header_lines),
    };
    let mut special = Special::default();
    for header in parsed.headers.iter() {
        let value = String::from_utf8_lossy(header.value);
        special.note(header.name, &value)?;
        if target.authority.is_none() || !header.name.eq_ignore_ascii_case("host") {
            headers.push(header.name, &value);
        }
    }
    if let Some(authority) = target.authority {
        headers.push("Host", authority);
    }
    if special.hosts != 1 && !(is_http_1_0 && special.hosts == 0) {
        return Err(bad("a request has exactly one Host header"));
    }
    if let Some(expectation) = special.other_expectation {
        return Err(Refusal::new(
            417,
            format!("the expectation {expectation:?} is not known; 100-continue is"),
        ));
    }
    let framing = special.framing(&method, is_http_1_0)?;
    let head = Head {
        method,
        path: target.path.to_owned(),
        query: target.query.to_owned(),
        headers,
        framing,
        keep_alive: !special.close && (!is_http_1_0 || special.keep_alive),
        expects_continue: special.expects_continue && !is_http_1_0,
        is_http_1_0,
    };
    Ok(Some((head, skipped + extent.length)))
}

/// Returns the `Origin` line of a rejected or incomplete head, so that a web page can read the error.
pub(super) fn origin_of_refused(bytes: &[u8]) -> Headers {
    const NAME: &[u8] = b"origin:";
    let lines = bytes.split(|byte| *byte == b'\n').skip(1);
    let mut values = lines.filter_map(|line| {
        let (name, value) = line.split_at_checked(NAME.len())?;
        name.eq_ignore_ascii_case(NAME).then(|| value.trim_ascii())
    });
    let value = values.next().and_then(|value| std::str::from_utf8(value).ok());
    value.map(|value| ("Origin", value)).into_iter().collect()
}

/// The length of a head.
struct Extent {
    length: usize,
    header_lines: usize,
}

/// Finds the empty line. Every line must end in CR LF: some parsers accept a lone LF as a line end, and others do not.
fn find_end(bytes: &[u8], limits: &Limits) -> Result<Option<Extent>, Refusal> {
    match bytes {
        [] | [b'\r'] => return Ok(None),
        [first, ..] if !is_token_byte(*first) => {
            return Err(bad("this is not an HTTP request; the port speaks HTTP/1.1 without TLS"));
        }
        _ => {}
    }
    let too_large =
        || Refusal::new(431, format!("the request head is over {} bytes", limits.head_bytes));
    let mut lines = 0;
    let mut line_start = 0;
    while let Some(found) = bytes[line_start..].iter().position(|byte| *byte == b'\n') {
        let line = &bytes[line_start..line_start + found];
        if line.last() != Some(&b'\r') {
            return Err(bad("a line of the head ends in LF; every line ends in CR LF"));
        }
        line_start += found + 1;
        if line_start > limits.head_bytes {
            return Err(too_large());
        }
        if line.len() == 1 {
            return Ok(Some(Extent { length: line_start, header_lines: lines - 1 }));
        }
        if lines > limits.header_count {
            return Err(Refusal::new(
                431,
                format!("the request has over {} header lines", limits.header_count),
            ));
        }
        lines += 1;
    }
    // The method and the version are short, so only the target can make a request line this long.
    if line_start == 0 && bytes.len() > limits.target_bytes.saturating_add(64) {
        return Err(target_too_long(limits));
    }
    if bytes.len() >= limits.head_bytes { Err(too_large()) } else { Ok(None) }
}

/// The parts of a request target.
struct Target<'t> {
    authority: Option<&'t str>,
    path: &'t str,
    query: &'t str,
}

impl Target<'_> {
    fn parse<'t>(target: &'t str, limits: &Limits) -> Result<Target<'t>, Refusal> {
        if target.len() > limits.target_bytes {
            return Err(target_too_long(limits));
        }
        if !target.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
            return Err(bad("the request target has a character that has to be percent-encoded"));
        }
        let (authority, rest) = if target.starts_with('/') {
            (None, target)
        } else {
            // RFC 9112, 3.2.2: a server accepts the absolute form, which clients send to proxies.
            let after_scheme = ["http://", "https://"].iter().find_map(|scheme| {
                let start = target.get(..scheme.len())?;
                start.eq_ignore_ascii_case(scheme).then(|| &target[scheme.len()..])
            });
            let Some(after_scheme) = after_scheme else {
                return Err(bad("the request target is neither a path (/…) nor an http URL"));
            };
            let end = after_scheme.find(['/', '?']).unwrap_or(after_scheme.len());
            let (authority, rest) = after_scheme.split_at(end);
            if authority.is_empty() || !is_host(authority) {
                return Err(bad("the request target's authority is not `host` or `host:port`"));
            }
            (Some(authority), rest)
        };
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        Ok(Target { authority, path: if path.is_empty() { "/" } else { path }, query })
    }
}

/// The headers that describe the message itself.
#[derive(Default)]
struct Special {
    hosts: usize,
    length: Option<u64>,
    codings: Vec<String>,
    close: bool,
    keep_alive: bool,
    expects_continue: bool,
    other_expectation: Option<String>,
}

impl Special {
    fn note(&mut self, name: &str, value: &str) -> Result<(), Refusal> {
        // Comparing lengths excludes most other headers before their letters are compared.
        match name.len() {
            4 if name.eq_ignore_ascii_case("host") => {
                self.hosts += 1;
                if !is_host(value) {
                    return Err(bad("the Host header is not `host` or `host:port`"));
                }
            }
            6 if name.eq_ignore_ascii_case("expect") => {
                if value.eq_ignore_ascii_case("100-continue") {
                    self.expects_continue = true;
                } else {
                    self.other_expectation = Some(value.to_owned());
                }
            }
            10 if name.eq_ignore_ascii_case("connection") => {
                for option in list(value) {
                    self.close |= option.eq_ignore_ascii_case("close");
                    self.keep_alive |= option.eq_ignore_ascii_case("keep-alive");
                }
            }
            14 if name.eq_ignore_ascii_case("content-length") => {
                if self.length.is_some() {
                    return Err(bad("a request has at most one Content-Length header"));
                }
                if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_digit()) {
                    return Err(bad("Content-Length is not a decimal number of bytes"));
                }
                // Digits alone fail to parse only if there are too many.
                self.length = Some(value.parse().unwrap_or(u64::MAX));
            }
            17 if name.eq_ignore_ascii_case("transfer-encoding") => {
                // An empty value counts as a coding, so that it is rejected and not overlooked.
                self.codings
                    .extend(value.split(',').map(|coding| coding.trim().to_ascii_lowercase()));
            }
            _ => {}
        }
        Ok(())
    }

    /// Returns how the end of the body is determined (RFC 9112, 6.1 and 6.3).
    fn framing(&self, method: &Method, is_http_1_0: bool) -> Result<Framing, Refusal> {
        let Some((last, before)) = self.codings.split_last() else {
            return match (self.length, method) {
                (Some(length), _) => Ok(Framing::Length(length)),
                (None, Method::Post | Method::Put | Method::Patch) => Err(Refusal::new(
                    411,
                    "a request with a body has a Content-Length or `Transfer-Encoding: chunked`",
                )),
                (None, _) => Ok(Framing::None),
            };
        };
        if self.length.is_some() {
            return Err(bad("a request has either Content-Length or Transfer-Encoding"));
        }
        if is_http_1_0 {
            return Err(bad("HTTP/1.0 has no Transfer-Encoding; send a Content-Length"));
        }
        if last != "chunked" || before.iter().any(|coding| coding == "chunked") {
            return Err(bad("the last Transfer-Encoding is `chunked`, which is there once"));
        }
        if before.is_empty() {
            Ok(Framing::Chunked)
        } else {
            Err(Refusal::new(501, "the only known Transfer-Encoding is `chunked`"))
        }
    }
}

/// Returns the members of a comma-separated list.
fn list(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').map(str::trim)
}

/// Returns whether the text can be a host with an optional port; only its characters are checked.
fn is_host(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:[]".contains(&byte))
}

fn bad(message: &'static str) -> Refusal {
    Refusal::new(400, message)
}

fn target_too_long(limits: &Limits) -> Refusal {
    Refusal::new(414, format!("the request target is over {} bytes", limits.target_bytes))
}

fn refusal_of(error: httparse::Error, bytes: &[u8]) -> Refusal {
    match error {
        httparse::Error::HeaderName => {
            bad("a header line is not `Name: value`, with the colon right after the name")
        }
        httparse::Error::HeaderValue => bad("a header value has a control character"),
        httparse::Error::Version if names_another_version(bytes) => {
            Refusal::new(505, "this server speaks HTTP/1.1 and HTTP/1.0")
        }
        _ => bad("the request line is not `METHOD /path HTTP/1.1`"),
    }
}

/// Returns whether the request line is valid except for its version, which is `HTTP/digit.digit`.
fn names_another_version(bytes: &[u8]) -> bool {
    let line = bytes.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let mut parts = line.split(|byte| *byte == b' ').skip(2);
    let (version, rest) = (parts.next().unwrap_or_default(), parts.next());
    rest.is_none()
        && matches!(version, [b'H', b'T', b'T', b'P', b'/', major, b'.', minor] if major.is_ascii_digit() && minor.is_ascii_digit())
}
