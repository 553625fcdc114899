//! Buckets and files of a project, by the project's own Storage API (<https://supabase.github.io/storage/>).
//!
//! It is asked with the project's secret key, which opens every bucket. The Management API gives that key for one call; it goes
//! to the project's own address alone, and appears in no result.

use ct_codecs::{Base64, Decoder};
use serde_json::{Value, json};

use super::{API_KEY, text};
use crate::engine::Session;
use crate::engine::content::{self, Content};
use crate::engine::request::nothing_to_change;
use crate::engine::session::list;
use crate::error::{Code, Error};
use crate::json::Object;
use crate::upstream::{Method, UpstreamAnswer};

/// The params of a bucket that are settings.
const SETTINGS: [&str; 3] = ["public", "file_size_limit", "allowed_mime_types"];

const JSON: (&str, &str) = ("content-type", "application/json");

/// One page of a bucket's files: `$1` bucket, `$2` prefix, `$3` last name of the page before, `$4` number.
const OBJECTS: &str = "select name, (metadata->>'size')::bigint as size, metadata->>'mimetype' as content_type, updated_at \
     from storage.objects where bucket_id = $1 and starts_with(name, $2) and name > $3 order by name limit $4::int";

/// A bucket's files by their names. They are rows of the database, which pages better than the Storage API.
pub fn list_objects(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let limit = arguments.get("limit").and_then(Value::as_u64).unwrap_or_default();
    let parameters = [
        text(arguments, "bucket"),
        text(arguments, "prefix"),
        text(arguments, "cursor"),
        &limit.to_string(),
    ];
    let body = json!({"query": OBJECTS, "parameters": parameters});
    let path = super::database(arguments, &["query", "read-only"]);
    let rows = session.send(Method::Post, &path, &[], Some(&body))?;
    let names = || list(&rows).filter_map(|row| row["name"].as_str());
    let last = names().last().filter(|_| names().count() as u64 >= limit);
    let last = last.map(str::to_owned);
    let mut result = json!({"items": rows});
    if let Some(last) = last {
        result["next_cursor"] = last.into();
    }
    Ok(result)
}

/// Creates a bucket.
pub fn create_bucket(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let name = text(arguments, "name");
    let mut body = settings(arguments);
    body.insert("id".to_owned(), name.into());
    body.insert("name".to_owned(), name.into());
    json_of(&send(session, arguments, Method::Post, &["bucket"], &body.into())?)?;
    Ok(json!({"id": name, "public": arguments["public"]}))
}

/// Changes a bucket's settings.
pub fn update_bucket(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let body = settings(arguments);
    if body.is_empty() {
        return Err(nothing_to_change(&SETTINGS));
    }
    let path = ["bucket", text(arguments, "bucket")];
    send(session, arguments, Method::Put, &path, &body.into())?;
    Ok(json!({"message": "Bucket changed."}))
}

/// Deletes a bucket, with all its files where the caller wants that.
pub fn delete_bucket(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let bucket = text(arguments, "bucket");
    if arguments.get("with_files") == Some(&Value::Bool(true)) {
        send(session, arguments, Method::Post, &["bucket", bucket, "empty"], &json!({}))?;
    }
    ask(session, arguments, Method::Delete, &["bucket", bucket], &[], None)?;
    Ok(json!({"message": "Bucket deleted."}))
}

/// Reads a file: a text as it is, other bytes as a blob.
pub fn get_object(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let path = object(arguments, &["object", "authenticated"], "path");
    let answer = ask(session, arguments, Method::Get, &path, &[("accept", "*/*")], None)?;
    Ok(Content::of(answer).or_mostly_text().into_result())
}

/// Stores a new file.
pub fn upload_object(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let given = |name: &str| arguments.get(name).and_then(Value::as_str);
    let (bytes, kind) = match given("base64") {
        None => (text(arguments, "text").as_bytes().to_vec(), "text/plain;charset=UTF-8"),
        Some(encoded) => {
            let bytes = Base64::decode_to_vec(encoded.trim(), Some(b"\r\n")).map_err(|_| {
                Error::invalid_params("`base64` is not valid base64.")
                    .with_hint("Encode the bytes by RFC 4648 §4, with padding.")
            })?;
            (bytes, "application/octet-stream")
        }
    };
    let headers = [("content-type", given("content_type").unwrap_or(kind)), ("x-upsert", "false")];
    let path = object(arguments, &["object"], "path");
    ask(session, arguments, Method::Post, &path, &headers, Some(&bytes))?;
    Ok(json!({"bucket": arguments["bucket"], "path": path[2..].join("/"), "size": bytes.len()}))
}

/// Moves or renames a file.
pub fn move_object(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let mut body = json!({
        "bucketId": arguments["bucket"], "sourceKey": object(arguments, &[], "path")[1..].join("/"),
        "destinationKey": object(arguments, &[], "to_path")[1..].join("/"),
    });
    if let Some(bucket) = arguments.get("to_bucket") {
        body["destinationBucket"] = bucket.clone();
    }
    send(session, arguments, Method::Post, &["object", "move"], &body)?;
    Ok(json!({"message": "File moved."}))
}

/// Deletes files. Supabase names those that were there.
pub fn delete_objects(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let body = json!({"prefixes": arguments["paths"]});
    let path = ["object", text(arguments, "bucket")];
    let answer = json_of(&send(session, arguments, Method::Delete, &path, &body)?)?;
    let deleted: Vec<&Value> = list(&answer).map(|file| &file["name"]).collect();
    let missing: Vec<&Value> =
        list(&arguments["paths"]).filter(|path| !deleted.contains(path)).collect();
    Ok(json!({"deleted": deleted, "not_found": missing}))
}

/// Makes an address that opens a file for a while, without a key.
pub fn create_url(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let path = object(arguments, &["object", "sign"], "path");
    let body = json!({"expiresIn": arguments["seconds"]});
    let answer = json_of(&send(session, arguments, Method::Post, &path, &body)?)?;
    let signed = answer["signedURL"].as_str().ok_or_else(|| {
        Error::new(Code::UpstreamUnavailable, "Supabase's answer has no signed URL.")
    })?;
    let project = text(arguments, "project_ref");
    Ok(json!({
        "url": format!("https://{project}.supabase.co/storage/v1{signed}"), "seconds": arguments["seconds"],
    }))
}

/// The settings that the arguments have; null takes a limit away.
fn settings(arguments: &Object) -> Object {
    let given = SETTINGS.iter().filter_map(|name| Some((*name, arguments.get(*name)?)));
    given.map(|(name, value)| (name.to_owned(), value.clone())).collect()
}

/// The path of a file: what stands before it, its bucket, its folders and its name.
fn object<'a>(arguments: &'a Object, before: &[&'a str], name: &str) -> Vec<&'a str> {
    let path = text(arguments, name).trim_matches('/').split('/');
    before.iter().copied().chain([text(arguments, "bucket")]).chain(path).collect()
}

fn send(
    session: &Session<'_>,
    arguments: &Object,
    method: Method,
    path: &[&str],
    body: &Value,
) -> Result<UpstreamAnswer, Error> {
    ask(session, arguments, method, path, &[JSON], Some(body.to_string().as_bytes()))
}

fn ask(
    session: &Session<'_>,
    arguments: &Object,
    method: Method,
    path: &[&str],
    headers: &[(&str, &str)],
    body: Option<&[u8]>,
) -> Result<UpstreamAnswer, Error> {
    let project = text(arguments, "project_ref");
    let key = secret_key(session, project)?;
    // The gateway takes a newer key as a token where both headers have it.
    let elsewhere = session.elsewhere(&format!("https://{project}.supabase.co"), Some(&key))?;
    let headers: Vec<_> = [(API_KEY, key.as_str())].iter().chain(headers).copied().collect();
    let path: Vec<_> = ["storage", "v1"].iter().chain(path).copied().collect();
    session.at(&elsewhere).request(method, &path, &[], &headers, body)
}

fn json_of(answer: &UpstreamAnswer) -> Result<Value, Error> {
    content::json("Supabase", answer)
}

/// A key of the project that opens every bucket: of the newer kind where there is one.
fn secret_key(session: &Session<'_>, project: &str) -> Result<String, Error> {
    let keys = session.get(&["v1", "projects", project, "api-keys"], &[("reveal", "true")])?;
    let of = |wanted: fn(&Value) -> bool| {
        list(&keys).filter(|key| wanted(key)).find_map(|key| key["api_key"].as_str())
    };
    let key = of(|key| key["type"] == "secret")
        .or_else(|| of(|key| key["type"] == "legacy" && key["name"] == "service_role"));
    key.map(str::to_owned).ok_or_else(|| {
        Error::new(Code::Conflict, "The project has no secret API key to reach its files with.")
            .with_hint("Create one with create_api_key, type secret.")
    })
}
