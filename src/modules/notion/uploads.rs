//! Uploads files: their bytes are sent to Notion as a form.

use ct_codecs::{Base64, Decoder};
use serde_json::{Map, Value, json};

use super::argument;
use crate::engine::{Session, Upload, multipart};
use crate::error::{Code, Error};
use crate::json::Object;
use crate::upstream::Method;

/// Uploads a file completely: Notion first returns an id, then accepts the bytes.
pub fn upload(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let bytes = bytes(arguments)?;
    let mut body = json!({"mode": "single_part", "filename": arguments["filename"]});
    if let Some(kind) = arguments.get("content_type") {
        body["content_type"] = kind.clone();
    }
    let file = session.send(Method::Post, &["v1", "file_uploads"], &[], Some(&body))?;
    send_bytes(session, &file, None, &bytes)
}

/// Sends the bytes of an existing upload, or one part of them.
pub fn send(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let bytes = bytes(arguments)?;
    let id = argument(arguments, "file_upload_id").unwrap_or_default();
    // The upload has the name and type, which the form must repeat.
    let file = session.get(&["v1", "file_uploads", id], &[])?;
    let part = arguments.get("part_number").map(Value::to_string);
    send_bytes(session, &file, part.as_deref(), &bytes)
}

/// Refuses an upload whose way of sending the bytes needs what is missing, or has no use for what is given.
pub fn mode(arguments: &mut Object) -> Result<(), Error> {
    let mode = argument(arguments, "mode").unwrap_or_default();
    let needs: &[&str] = match mode {
        "external_url" => &["external_url", "filename"],
        "multi_part" => &["number_of_parts", "filename"],
        _ => &[],
    };
    if let Some(missing) = needs.iter().find(|name| !arguments.contains_key(**name)) {
        return Err(Error::invalid_params(format!(
            "`{missing}` is missing: the mode {mode} needs it."
        ))
        .with_hint("Give it, or choose another `mode`."));
    }
    for (name, of) in [("external_url", "external_url"), ("number_of_parts", "multi_part")] {
        if arguments.contains_key(name) && mode != of {
            return Err(Error::invalid_params(format!(
                "`{name}` is for the mode {of}, not for {mode}."
            ))
            .with_hint("Leave it out, or choose another `mode`."));
        }
    }
    Ok(())
}

fn send_bytes(
    session: &Session<'_>,
    file: &Value,
    part: Option<&str>,
    bytes: &[u8],
) -> Result<Value, Error> {
    let id = file["id"].as_str().ok_or_else(|| {
        Error::new(Code::UpstreamUnavailable, "Notion's answer names no file upload.")
    })?;
    let name = file["filename"].as_str().unwrap_or("file");
    let kind = file["content_type"].as_str().unwrap_or("application/octet-stream");
    // Parameters such as a charset are not allowed in the form.
    let kind = kind.split(';').next().unwrap_or_default().trim_end();
    let fields: Vec<_> = part.map(|part| ("part_number", part)).into_iter().collect();
    let form =
        multipart(&fields, Upload { field: "file", file_name: name, content_type: kind, bytes })?;
    let sent = session.send_bytes(
        Method::Post,
        &["v1", "file_uploads", id, "send"],
        &[],
        &form.content_type,
        &form.body,
    )?;
    let mut result = Map::new();
    let members = [
        ("id", "id"),
        ("filename", "filename"),
        ("status", "status"),
        ("size", "content_length"),
        ("parts", "number_of_parts"),
        ("expires_at", "expiry_time"),
    ];
    for (name, member) in members {
        if let Some(value) = sent.get(member).filter(|value| !value.is_null()) {
            result.insert(name.to_owned(), value.clone());
        }
    }
    Ok(result.into())
}

/// Returns the bytes in the arguments, given in one of two forms.
fn bytes(arguments: &Object) -> Result<Vec<u8>, Error> {
    match (argument(arguments, "text"), argument(arguments, "base64")) {
        (Some(text), None) => Ok(text.as_bytes().to_vec()),
        (None, Some(encoded)) => {
            Base64::decode_to_vec(encoded.trim(), Some(b"\r\n")).map_err(|_| {
                Error::invalid_params("`base64` is not valid base64.")
                    .with_hint("Encode the bytes by RFC 4648 §4, with padding.")
            })
        }
        _ => Err(Error::invalid_params("The bytes are missing, or there twice.")
            .with_hint("Give either `text` or `base64`.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_in_one_way() {
        let check = |arguments: Value, expected: Option<&[u8]>| {
            let bytes = bytes(arguments.as_object().expect("it is one"));
            assert_eq!(bytes.ok().as_deref(), expected, "{arguments}");
        };
        check(json!({"text": "é"}), Some("é".as_bytes()));
        check(json!({"base64": "AAEC\n"}), Some(&[0, 1, 2]));
        check(json!({"base64": "AAE"}), None);
        check(json!({"text": "a", "base64": "AAEC"}), None);
        check(json!({}), None);
    }
}
