//! Uploads attachments.

use ct_codecs::{Base64, Decoder};
use serde_json::Value;

use super::{record, text, v1, web_url};
use crate::engine::{Session, Upload, multipart};
use crate::error::Error;
use crate::json::Object;
use crate::upstream::Method;

/// Attaches a file, or adds a version to the attachment with the same name.
pub fn upload_attachment(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let (bytes, content_type) = bytes(arguments)?;
    let content_type = arguments.get("media_type").and_then(Value::as_str).unwrap_or(content_type);
    // Without `minorEdit`, everyone who watches the page gets an email.
    let mut fields = vec![("minorEdit", "true")];
    fields.extend(
        arguments.get("comment").and_then(Value::as_str).map(|comment| ("comment", comment)),
    );
    let file = Upload {
        field: "file",
        file_name: text(arguments, "filename"),
        content_type,
        bytes: &bytes,
    };
    let form = multipart(&fields, file)?;
    let path = v1(&["content", text(arguments, "content_id"), "child", "attachment"]);
    let answer = session.send_bytes(Method::Put, &path, &[], &form.content_type, &form.body)?;
    let attachment = &answer["results"][0];
    let mut links = attachment["_links"].clone();
    links["base"] = answer["_links"]["base"].clone();
    let fields = [
        ("id", attachment["id"].clone()),
        ("title", attachment["title"].clone()),
        ("media_type", attachment["metadata"]["mediaType"].clone()),
        ("size", attachment["extensions"]["fileSize"].clone()),
        ("version", attachment["version"]["number"].clone()),
        ("url", web_url(&links)),
    ];
    Ok(record(fields))
}

/// Returns the file's bytes and its most likely content type.
fn bytes(arguments: &Object) -> Result<(Vec<u8>, &'static str), Error> {
    let given = |name: &str| arguments.get(name).and_then(Value::as_str);
    match (given("text"), given("base64")) {
        (Some(text), None) => Ok((text.as_bytes().to_vec(), "text/plain")),
        (None, Some(encoded)) => match Base64::decode_to_vec(encoded.trim(), None) {
            Ok(bytes) => Ok((bytes, "application/octet-stream")),
            Err(_) => Err(Error::invalid_params("`base64` is not valid base64.")
                .with_hint("Give the file's bytes in base64 with padding, or its text as `text`.")),
        },
        _ => Err(Error::invalid_params("It must be one of `text` and `base64`.")
            .with_hint("Give a text file as `text`, any other as `base64`.")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_file_is_given_as_text_or_as_base64() {
        let check = |arguments: Value, expected: Option<&[u8]>| {
            let bytes = bytes(arguments.as_object().expect("they are an object"));
            assert_eq!(
                bytes.ok().as_ref().map(|(bytes, _)| bytes.as_slice()),
                expected,
                "{arguments}"
            );
        };
        check(json!({"text": "ü"}), Some("ü".as_bytes()));
        check(json!({"text": ""}), Some(b""));
        check(json!({"base64": "AP8="}), Some(&[0, 255]));
        check(json!({"base64": "not base64"}), None);
        check(json!({"text": "a", "base64": "AP8="}), None);
        check(json!({}), None);
    }
}
