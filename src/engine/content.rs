//! Decodes the bytes of a response to text, and handles bytes that are not text.
//!
//! A byte order mark decides first, then the charset in the response, then the bytes themselves (WHATWG Encoding §6). Bytes
//! that are not valid in that charset stay bytes; nothing is replaced. Only content that is never written back, such as a log,
//! may have a few bytes replaced.

use ct_codecs::{Base64, Encoder};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use serde_json::{Value, json};

use crate::error::{Code, Error};
use crate::json::memory_of_text;
use crate::upstream::{HeaderMap, UpstreamAnswer};

/// The first bytes of common file formats, with their media types.
const SIGNATURES: [(&[u8], &str); 8] = [
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"\x1f\x8b", "application/gzip"),
    (b"\x7fELF", "application/x-executable"),
];

/// The media type of unknown bytes.
const BYTES: &str = "application/octet-stream";

/// The content of a response's body.
#[derive(Debug, PartialEq, Eq)]
pub enum Content {
    /// A text.
    Text {
        /// The text as it was written; a UTF-8 text keeps its byte order mark.
        text: String,
        /// The charset's name if it is not UTF-8: writing the text back would change its charset.
        charset: Option<&'static str>,
    },
    /// Anything that is not text.
    Bytes {
        /// The bytes as they were received.
        bytes: Vec<u8>,
        /// Their media type.
        media_type: String,
    },
}

impl Content {
    /// Returns the content of a response.
    #[must_use]
    pub fn of(answer: UpstreamAnswer) -> Self {
        let (media_type, charset) = content_type(&answer.headers);
        Self::read(answer.body, &media_type, charset.as_deref())
    }

    /// Returns the content of bytes. `media_type` is empty and `charset` is `None` if they are unknown.
    #[must_use]
    pub fn read(bytes: Vec<u8>, media_type: &str, charset: Option<&str>) -> Self {
        let mark = Encoding::for_bom(&bytes);
        let named = charset.and_then(|label| Encoding::for_label(label.as_bytes()));
        // Servers declare UTF-8 for everything, including bytes that are not UTF-8.
        let named = named.filter(|encoding| *encoding != UTF_8);
        let marked = mark.map(|(encoding, _)| encoding);
        let Some(encoding) = marked.or(named).or_else(|| undeclared(&bytes, media_type)) else {
            return Self::bytes(bytes, media_type);
        };
        if encoding == UTF_8 {
            return String::from_utf8(bytes).map_or_else(
                |error| Self::bytes(error.into_bytes(), media_type),
                |text| Self::Text { text, charset: None },
            );
        }
        let text = &bytes[mark.map_or(0, |(_, length)| length)..];
        match encoding.decode_without_bom_handling_and_without_replacement(text) {
            Some(text) => Self::Text { text: text.into_owned(), charset: Some(encoding.name()) },
            None => Self::bytes(bytes, media_type),
        }
    }

    fn bytes(bytes: Vec<u8>, media_type: &str) -> Self {
        let says_nothing = media_type.is_empty() || media_type == BYTES || is_text(media_type);
        let media_type = if says_nothing { signature(&bytes) } else { media_type };
        Self::Bytes { media_type: media_type.to_owned(), bytes }
    }

    /// Returns the content for reading only: bytes with a few errors in their UTF-8 also count as text.
    #[must_use]
    pub fn or_mostly_text(self) -> Self {
        let Self::Bytes { bytes, media_type } = self else { return self };
        let text = String::from_utf8_lossy(&bytes);
        let replaced = bytes.utf8_chunks().filter(|chunk| !chunk.invalid().is_empty()).count();
        let beyond_ascii = text.chars().filter(|c| !c.is_ascii()).count() - replaced;
        let may_be_text = media_type == BYTES && !bytes.contains(&0);
        if may_be_text && (replaced < beyond_ascii || replaced * 200 < bytes.len()) {
            return Self::Text { text: text.into_owned(), charset: None };
        }
        Self::Bytes { bytes, media_type }
    }

    /// Returns the content as a tool's result: a string, or for bytes `{"blob": base64, "mime_type": …, "size": bytes}`.
    #[must_use]
    pub fn into_result(self) -> Value {
        match self {
            Self::Text { text, .. } => text.into(),
            Self::Bytes { bytes, media_type } => json!({
                "blob": Base64::encode_to_string(&bytes).unwrap_or_default(),
                "mime_type": media_type,
                "size": bytes.len(),
            }),
        }
    }

    /// Returns the text.
    ///
    /// # Errors
    ///
    /// [`Code::InvalidParams`] that names what the service sent instead.
    pub fn into_text(self, service: &str) -> Result<String, Error> {
        match self {
            Self::Text { text, .. } => Ok(text),
            Self::Bytes { bytes, media_type } => Err(Error::invalid_params(format!(
                "{service} answers with {media_type} of {} bytes, not with text.",
                bytes.len()
            ))),
        }
    }
}

/// Returns the JSON of a response, whatever its charset; null for an empty body.
///
/// # Errors
///
/// [`Code::UpstreamUnavailable`] for a body that is not complete JSON.
pub fn json(service: &str, answer: &UpstreamAnswer) -> Result<Value, Error> {
    let body = answer.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&answer.body);
    if body.trim_ascii().is_empty() {
        return Ok(Value::Null);
    }
    answer.held.grow(memory_of_text(body))?;
    // JSON is UTF-8 (RFC 8259 §8.1): another charset counts where the service names it, not where bytes look like it.
    let named = || {
        let (_, charset) = content_type(&answer.headers);
        let declared = charset.and_then(|label| Encoding::for_label(label.as_bytes()));
        declared.is_some_and(|encoding| encoding != UTF_8) || Encoding::for_bom(body).is_some()
    };
    let read = serde_json::from_slice(body).or_else(|error| match Content::of(answer.clone()) {
        Content::Text { text, charset: Some(_) } if named() => serde_json::from_str(&text),
        _ => Err(error),
    });
    read.map_err(|_| {
        let message = format!("{service} answers with something that is not whole JSON.");
        Error::new(Code::UpstreamUnavailable, message).with_hint("Try again later.")
    })
}

/// Returns the media type of a response, in lower case and without parameters, and its charset (RFC 9110 §8.3.1).
#[must_use]
pub fn content_type(headers: &HeaderMap) -> (String, Option<String>) {
    let value = headers.get("content-type").and_then(|value| value.to_str().ok());
    let (media_type, parameters) =
        value.unwrap_or_default().split_once(';').unwrap_or((value.unwrap_or_default(), ""));
    let charset = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let value = value.trim().trim_matches('"').trim();
        (name.trim().eq_ignore_ascii_case("charset") && !value.is_empty()).then(|| value.to_owned())
    });
    (media_type.trim().to_ascii_lowercase(), charset)
}

/// Returns the encoding of bytes without a declared charset, or with UTF-8 declared; `None` if they are not text.
fn undeclared(bytes: &[u8], media_type: &str) -> Option<&'static Encoding> {
    let top_level = media_type.split('/').next().unwrap_or_default();
    if matches!(top_level, "image" | "audio" | "video" | "font") && !is_text(media_type) {
        return None;
    }
    let has_nul = bytes.contains(&0);
    if let Some(encoding) = has_nul.then(|| utf_16(bytes)).flatten() {
        return Some(encoding);
    }
    // A log may contain any bytes; it counts as text if it is declared as text.
    if std::str::from_utf8(bytes).is_ok() && (!has_nul || top_level == "text") {
        return Some(UTF_8);
    }
    looks_like_windows_1252(bytes).then_some(WINDOWS_1252)
}

/// Returns whether a media type is any kind of text.
fn is_text(media_type: &str) -> bool {
    let (kind, subtype) = media_type.split_once('/').unwrap_or_default();
    kind == "text"
        || matches!(subtype, "json" | "xml" | "javascript" | "yaml" | "x-www-form-urlencoded")
        || ["+json", "+xml", "+yaml"].iter().any(|suffix| subtype.ends_with(suffix))
}

/// Detects UTF-16 without a byte order mark: every second byte of its ASCII characters is 0, and no other byte is.
fn utf_16(bytes: &[u8]) -> Option<&'static Encoding> {
    let (units, rest) = bytes.as_chunks::<2>();
    let zeros = |place: usize| units.iter().filter(|unit| unit[place] == 0).count();
    let encoding = match (zeros(0), zeros(1)) {
        (0, second) if second * 2 > units.len() => UTF_16LE,
        (first, 0) if first * 2 > units.len() => UTF_16BE,
        _ => return None,
    };
    rest.is_empty().then_some(encoding)
}

/// Returns whether bytes are text in Windows-1252, the charset of old Western files: no control characters except line breaks
/// and tabs, and in Latin-1's range of control characters only quotes, dashes and the euro sign.
fn looks_like_windows_1252(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| match byte {
        b'\t' | b'\n' | b'\r' | 0x0c | 0x1b => true,
        0x00..=0x1f | 0x7f => false,
        0x80..=0x9f => matches!(byte, 0x80 | 0x85 | 0x91..=0x97),
        _ => true,
    }) && signature(bytes) == BYTES
}

/// Returns the media type whose first bytes match.
fn signature(bytes: &[u8]) -> &'static str {
    if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        return "image/webp";
    }
    let known = SIGNATURES.iter().find(|(start, _)| bytes.starts_with(start));
    known.map_or(BYTES, |(_, media_type)| media_type)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{REASON, TOO_LARGE};
    use crate::upstream::{HeaderName, HeaderValue, Upstream, UpstreamConfig};

    #[test]
    fn a_short_text_of_many_values_needs_room_for_all_of_them() {
        let config = UpstreamConfig { max_answers: 200_000, ..UpstreamConfig::default() };
        let upstream = Upstream::new(config);
        let read = |text: &str| {
            let held = upstream.share();
            let body = text.as_bytes().to_vec();
            json("GitHub", &UpstreamAnswer { status: 200, headers: HeaderMap::new(), body, held })
        };
        let numbers = |count: usize| format!("[{}]", vec!["0"; count].join(","));
        assert!(read(&numbers(1_000)).is_ok(), "what was read before has given its room back");
        assert!(read(&numbers(1_000)).is_ok());
        let error = read(&numbers(10_000)).unwrap_err();
        assert_eq!(error.data().map(|data| &data[REASON]), Some(&TOO_LARGE.into()), "{error}");
        assert!(read(&format!("\"{}\"", "x".repeat(100_000))).is_ok(), "a long text is not many");
    }

    fn answer(content_type: &str, body: &[u8]) -> UpstreamAnswer {
        let mut headers = HeaderMap::new();
        if !content_type.is_empty() {
            let value = HeaderValue::from_str(content_type).expect("it is a header");
            headers.insert(HeaderName::from_static("content-type"), value);
        }
        UpstreamAnswer {
            status: 200,
            headers,
            body: body.to_vec(),
            held: crate::upstream::AnswerShare::default(),
        }
    }

    #[test]
    fn mark_charset_and_bytes_decide_about_a_text() {
        let check = |content_type: &str, body: &[u8], text: &str, charset: Option<&'static str>| {
            let expected = Content::Text { text: text.to_owned(), charset };
            assert_eq!(Content::of(answer(content_type, body)), expected, "{content_type}");
        };
        check("", "Grüße, 日本\n".as_bytes(), "Grüße, 日本\n", None);
        check("", b"", "", None);
        check("text/plain; charset=utf-8", "é".as_bytes(), "é", None);
        check("text/plain", "\u{feff}é".as_bytes(), "\u{feff}é", None);
        check("text/plain; charset=ISO-8859-1", b"caf\xe9", "café", Some("windows-1252"));
        check("text/plain;charset=\"latin1\"", b"caf\xe9", "café", Some("windows-1252"));
        check(
            "text/csv; header=present; Charset=windows-1251",
            b"\xcf\xf0\xe8",
            "При",
            Some("windows-1251"),
        );
        check("text/plain; charset=Shift_JIS", b"\x93\xfa\x96\x7b", "日本", Some("Shift_JIS"));
        check("text/plain; charset=euc-jp", b"\xc6\xfc\xcb\xdc", "日本", Some("EUC-JP"));
        check("application/json; charset=gb18030", b"\xc4\xe3", "你", Some("gb18030"));
        check("text/plain; charset=utf-16", b"h\0i\0", "hi", Some("UTF-16LE"));
        check("text/plain; charset=utf-16be", b"\0h\0i", "hi", Some("UTF-16BE"));
        check("", b"\xff\xfeh\0\xe9\0", "hé", Some("UTF-16LE"));
        check("application/octet-stream", b"\xfe\xff\0h\0\xe9", "hé", Some("UTF-16BE"));
        // A byte order mark is more reliable than a header that is the same for every file.
        check(
            "application/vnd.github.raw+json; charset=utf-8",
            b"\xff\xfeh\0i\0",
            "hi",
            Some("UTF-16LE"),
        );
        check(
            "application/vnd.github.raw+json; charset=utf-8",
            b"caf\xe9\r\n",
            "café\r\n",
            Some("windows-1252"),
        );
        check("application/octet-stream", b"h\0i\0\n\0", "hi\n", Some("UTF-16LE"));
        check("", b"\x93caf\xe9\x94 \x80 5", "“café” € 5", Some("windows-1252"));
        check("text/plain; charset=klingon", "é".as_bytes(), "é", None);
        check("text/plain", b"a\0b", "a\0b", None);
        check("image/svg+xml", b"<svg/>", "<svg/>", None);
    }

    #[test]
    fn what_is_not_text_stays_bytes() {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
        let check = |content_type: &str, body: &[u8], media_type: &str| {
            let expected =
                Content::Bytes { bytes: body.to_vec(), media_type: media_type.to_owned() };
            assert_eq!(Content::of(answer(content_type, body)), expected, "{content_type}");
        };
        check("image/png", png, "image/png");
        check("", png, "image/png");
        check("application/vnd.github.raw+json; charset=utf-8", png, "image/png");
        check("text/plain; charset=utf-8", png, "image/png");
        check("image/x-icon", b"plain", "image/x-icon");
        check("application/octet-stream", b"a\0b", "application/octet-stream");
        check("application/vnd.ms-excel", b"\xd0\xcf\x11\xe0", "application/vnd.ms-excel");
        check("", b"RIFF\0\0\0\0WEBPVP8 ", "image/webp");
        // Undeclared Shift_JIS would be nonsense in any other charset.
        check("text/plain", b"\x93\xfa\x96\x7b\x82\xcc", "application/octet-stream");
        check("text/plain; charset=shift_jis", b"\xff\xff", "application/octet-stream");
        check("application/vnd.github.raw+json", b"a\0b", "application/octet-stream");
    }

    #[test]
    fn what_is_only_read_may_have_a_few_wrong_bytes() {
        let check = |body: &[u8], expected: Option<&str>| {
            let read = Content::of(answer("", body)).or_mostly_text().into_text("GitHub");
            assert_eq!(read.ok().as_deref(), expected, "{body:?}");
        };
        check("✓ passed \u{fffd}".as_bytes(), Some("✓ passed \u{fffd}"));
        check(b"\xe2\x9c\x93 \xe2\x9c\x93 \x9c", Some("✓ ✓ \u{fffd}"));
        let progress = [b"\x08 50 %\n".repeat(100), b"\x81".to_vec()].concat();
        check(&progress, Some(&("\u{8} 50 %\n".repeat(100) + "\u{fffd}")));
        check(b"\x93\xfa\x96\x7b\x82\xcc", None);
        check(b"\x89PNG\r\n\x1a\n", None);
        check(b"\0\0\xe2\x9c\x93", None);
    }

    #[test]
    fn bytes_are_a_blob_as_a_result_and_an_error_where_text_is_due() {
        let bytes = || Content::Bytes { bytes: b"\0\x01".to_vec(), media_type: "image/png".into() };
        let blob = json!({"blob": "AAE=", "mime_type": "image/png", "size": 2});
        assert_eq!(bytes().into_result(), blob);
        let error = bytes().into_text("GitHub").expect_err("it is not one");
        assert_eq!(error.message(), "GitHub answers with image/png of 2 bytes, not with text.");
        let text = || Content::Text { text: "a".to_owned(), charset: None };
        assert_eq!(
            (text().into_result(), text().into_text("GitHub")),
            (json!("a"), Ok("a".to_owned()))
        );
    }

    #[test]
    fn json_is_read_in_its_charset() {
        let check = |content_type: &str, body: &[u8], expected: Option<Value>| {
            let read = json("GitHub", &answer(content_type, body));
            assert_eq!(read.ok(), expected, "{content_type} {body:?}");
        };
        check("application/json", "{\"a\":\"é\"}".as_bytes(), Some(json!({"a": "é"})));
        check("application/json", b"\xef\xbb\xbf{\"a\":1}", Some(json!({"a": 1})));
        check("application/json; charset=iso-8859-1", b"{\"a\":\"\xe9\"}", Some(json!({"a": "é"})));
        check("application/json", b"\xff\xfe1\0", Some(json!(1)));
        check("application/json", b" \n", Some(Value::Null));
        check("application/json", b"\xef\xbb\xbf", Some(Value::Null));
        check("application/json", b"{\"a\":", None);
        check("application/json", b"{\"a\":\"\xe9\"}", None);
        check("application/json; charset=utf-8", b"{\"a\":\"\xe9\"}", None);
        check("text/html", b"<html>", None);
    }
}
