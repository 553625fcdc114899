//! Bodies for uploads: `multipart/form-data` (RFC 7578).

use crate::error::Error;

/// A file to upload.
#[derive(Debug, Clone, Copy)]
pub struct Upload<'a> {
    /// The form's name for it.
    pub field: &'a str,
    /// The file's own name.
    pub file_name: &'a str,
    /// Its media type.
    pub content_type: &'a str,
    /// Its bytes.
    pub bytes: &'a [u8],
}

/// A body and the content type to send it with.
#[derive(Debug, PartialEq, Eq)]
pub struct Multipart {
    /// With the boundary.
    pub content_type: String,
    /// The whole body.
    pub body: Vec<u8>,
}

/// Returns a form with text fields and one file.
///
/// # Errors
///
/// [`Code::InvalidParams`](crate::error::Code::InvalidParams) for an invalid content type.
pub fn multipart(fields: &[(&str, &str)], file: Upload<'_>) -> Result<Multipart, Error> {
    let token = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&byte))
    };
    if !file
        .content_type
        .split_once('/')
        .is_some_and(|(kind, subtype)| token(kind) && token(subtype))
    {
        return Err(Error::invalid_params("The file's content type is not valid.")
            .with_hint("Write it as type/subtype, such as text/plain."));
    }
    let boundary = boundary(fields, file.bytes);
    let mut body = Vec::with_capacity(file.bytes.len() + 1024);
    for (name, value) in fields {
        let name = quoted(name);
        body.extend(
            format!(
                "--{boundary}\r\nContent-Disposition: form-data; name={name}\r\n\r\n{value}\r\n"
            )
            .bytes(),
        );
    }
    let (name, file_name, content_type) =
        (quoted(file.field), quoted(file.file_name), file.content_type);
    let disposition = format!("Content-Disposition: form-data; name={name}; filename={file_name}");
    body.extend(
        format!("--{boundary}\r\n{disposition}\r\nContent-Type: {content_type}\r\n\r\n").bytes(),
    );
    body.extend(file.bytes);
    body.extend(format!("\r\n--{boundary}--\r\n").bytes());
    Ok(Multipart { content_type: format!("multipart/form-data; boundary={boundary}"), body })
}

/// Returns a name in quotes, as browsers write it (WHATWG HTML, "multipart form data").
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A"))
}

/// Returns the boundary: the same for the same content, and longer until it does not occur in the content.
fn boundary(fields: &[(&str, &str)], bytes: &[u8]) -> String {
    let mut boundary = "mcpist-part".to_owned();
    let contents = || fields.iter().map(|(_, value)| value.as_bytes()).chain([bytes]);
    // RFC 2046 §5.1.1 allows 70 characters. Content that contains all of them was made on purpose and breaks only itself.
    while boundary.len() < 70
        && contents()
            .any(|content| content.windows(boundary.len()).any(|part| part == boundary.as_bytes()))
    {
        boundary.push('-');
    }
    boundary
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file<'a>(content_type: &'a str, file_name: &'a str, bytes: &'a [u8]) -> Upload<'a> {
        Upload { field: "file", file_name, content_type, bytes }
    }

    #[test]
    fn a_form_has_its_fields_and_its_file() {
        let form = multipart(&[("comment", "two\r\nlines")], file("text/plain", "a.txt", b"bytes"))
            .unwrap();
        assert_eq!(form.content_type, "multipart/form-data; boundary=mcpist-part");
        let expected = "--mcpist-part\r\nContent-Disposition: form-data; name=\"comment\"\r\n\r\ntwo\r\nlines\r\n\
            --mcpist-part\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\nContent-Type: text/plain\r\n\r\n\
            bytes\r\n--mcpist-part--\r\n";
        assert_eq!(String::from_utf8(form.body).unwrap(), expected);
    }

    #[test]
    fn no_name_or_content_ends_its_part() {
        let form = multipart(&[], file("image/svg+xml", "a\"\r\nX: y", b"\r\n--mcpist-part--\r\n"))
            .unwrap();
        let body = String::from_utf8(form.body).unwrap();
        assert!(body.contains("filename=\"a%22%0D%0AX: y\""), "{body}");
        assert!(
            form.content_type.ends_with("=mcpist-part---")
                && body.ends_with("\r\n--mcpist-part-----\r\n"),
            "{body}"
        );
    }

    #[test]
    fn a_content_type_that_is_none_is_refused() {
        for content_type in [
            "",
            "text",
            "text/",
            "/plain",
            "text/plain\r\nX: y",
            "text/a b",
            "text/plain; charset=utf-8",
        ] {
            assert!(multipart(&[], file(content_type, "a", b"")).is_err(), "{content_type:?}");
        }
    }
}
