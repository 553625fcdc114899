//! Edge functions: their files, and calls of them.

use ct_codecs::{Base64, Decoder};
use serde_json::{Value, json};

use super::{API_KEY, api_url, digest, public_key, text};
use crate::engine::Session;
use crate::engine::session::list;
use crate::error::{Code, Error};
use crate::json::Object;
use crate::upstream::Method;

/// Deploys a function out of its files.
pub fn deploy(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let slug = text(arguments, "slug");
    let files = files(arguments)?;
    for name in ["entrypoint", "import_map"] {
        if let Some(path) = arguments.get(name).and_then(Value::as_str)
            && !files.iter().any(|(known, _)| *known == plain(path))
        {
            let known: Vec<_> = files.iter().map(|(path, _)| format!("`{path}`")).collect();
            return Err(Error::invalid_params(format!(
                "`{name}` is `{path}`, which is not one of `files`."
            ))
            .with_hint(format!("There are {}.", known.join(", "))));
        }
    }
    let mut metadata = json!({"name": slug, "entrypoint_path": plain(text(arguments, "entrypoint")), "verify_jwt": arguments["verify_jwt"]});
    if let Some(import_map) = arguments.get("import_map").and_then(Value::as_str) {
        metadata["import_map_path"] = plain(import_map).into();
    }
    let (content_type, body) = form(&metadata, &files);
    let path = ["v1", "projects", text(arguments, "project_ref"), "functions", "deploy"];
    let deployed =
        session.send_bytes(Method::Post, &path, &[("slug", slug)], &content_type, &body)?;
    Ok(json!({
        "slug": deployed["slug"], "status": deployed["status"], "version": deployed["version"], "verify_jwt": deployed["verify_jwt"],
        "url": format!("{}/functions/v1/{slug}", api_url(&arguments["project_ref"]).as_str().unwrap_or_default()),
    }))
}

/// The files by their paths, each once and with bytes.
fn files(arguments: &Object) -> Result<Vec<(&str, Vec<u8>)>, Error> {
    let mut files: Vec<(&str, Vec<u8>)> = Vec::new();
    for (at, file) in arguments.get("files").into_iter().flat_map(list).enumerate() {
        let refuse = |what: &str, hint: &str| {
            Err(Error::invalid_params(format!("`files[{at}]` {what}.")).with_hint(hint))
        };
        let path = plain(file["path"].as_str().unwrap_or_default());
        if path.is_empty() || path.ends_with('/') {
            return refuse("has no path", "Give a path such as index.ts.");
        }
        if path.contains(|c: char| c.is_control() || c == '\\') || path.starts_with('/') {
            return refuse(
                "has an invalid path",
                "Write it from the function's folder on, with `/` between folders.",
            );
        }
        let bytes = match (file["content"].as_str(), file["base64"].as_str()) {
            (Some(content), None) => content.as_bytes().to_vec(),
            (None, Some(encoded)) => match Base64::decode_to_vec(encoded.trim(), Some(b"\r\n")) {
                Ok(bytes) => bytes,
                Err(_) => {
                    return refuse(
                        "has invalid `base64`",
                        "Encode the bytes by RFC 4648 §4, with padding.",
                    );
                }
            },
            _ => {
                return refuse(
                    "needs either `content` or `base64`",
                    "Give a text as `content`, other bytes as `base64`.",
                );
            }
        };
        if files.iter().any(|(known, _)| *known == path) {
            return refuse(&format!("is a second `{path}`"), "Give every path once.");
        }
        files.push((path, bytes));
    }
    if files.is_empty() {
        return Err(
            Error::invalid_params("`files` is empty.").with_hint("Give all files of the function.")
        );
    }
    Ok(files)
}

/// A path without the `./` that says nothing.
fn plain(path: &str) -> &str {
    path.trim().trim_start_matches("./")
}

/// Returns the form of a deployment: its metadata and every file (RFC 7578).
fn form(metadata: &Value, files: &[(&str, Vec<u8>)]) -> (String, Vec<u8>) {
    let quoted = |name: &str| name.replace('"', "%22");
    let contents: Vec<&[u8]> =
        files.iter().flat_map(|(path, bytes)| [path.as_bytes(), bytes]).collect();
    // No content can contain its own digest.
    let boundary = format!("mcpist-{}", digest(&contents.join(&b'\n')));
    let mut body = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"metadata\"\r\nContent-Type: application/json\r\n\r\n{metadata}\r\n"
    )
    .into_bytes();
    for (path, bytes) in files {
        let path = quoted(path);
        body.extend_from_slice(
            format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{path}\"\r\nContent-Type: application/octet-stream\r\n\r\n"
            )
            .as_bytes(),
        );
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    (format!("multipart/form-data; boundary={boundary}"), body)
}

/// A function's source files, one after the other. What is no text is named with its size.
pub fn code(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let path = [
        "v1",
        "projects",
        text(arguments, "project_ref"),
        "functions",
        text(arguments, "slug"),
        "body",
    ];
    let answer = session.answer(&path, &[], "multipart/form-data")?;
    let kind = answer.headers.get("content-type").and_then(|kind| kind.to_str().ok());
    let parts = boundary(kind.unwrap_or_default()).map(|boundary| parts(&answer.body, &boundary));
    let Some(parts) = parts.filter(|parts| !parts.is_empty()) else {
        return Err(Error::new(
            Code::UpstreamUnavailable,
            "Supabase gives the function as a bundle, not as files.",
        )
        .with_hint(
            "Deploy it again with deploy_function: what was deployed by older tools has no files.",
        ));
    };
    let files = parts.iter().filter_map(|part| {
        let path = source_path(part.filename.as_deref()?);
        Some(match std::str::from_utf8(part.body) {
            Ok(text) => format!("--- {path}\n{}\n", text.trim_end_matches(['\n', '\r'])),
            Err(_) => format!("--- {path} (binary, {} bytes)\n", part.body.len()),
        })
    });
    Ok(files.collect::<String>().into())
}

/// A file's path without the folder that the deployment had on Supabase's machine.
fn source_path(filename: &str) -> &str {
    let path = filename.strip_prefix("file://").unwrap_or(filename);
    match path.split_once("/user_fn_").and_then(|(_, rest)| rest.split_once('/')) {
        Some((_, path)) => path.strip_prefix("source/").unwrap_or(path),
        None => path.strip_prefix("source/").unwrap_or(path),
    }
}

/// A part of a form.
struct Part<'a> {
    filename: Option<String>,
    body: &'a [u8],
}

/// The boundary that a content type names (RFC 2046, section 5.1.1).
fn boundary(content_type: &str) -> Option<String> {
    let (kind, parameters) = content_type.split_once(';')?;
    let pair = parameters.split(';').filter_map(|pair| pair.trim().split_once('='));
    let is_form = kind.trim().eq_ignore_ascii_case("multipart/form-data");
    let mut values = pair.filter(|(name, _)| name.eq_ignore_ascii_case("boundary"));
    values.next().filter(|_| is_form).map(|(_, value)| value.trim_matches('"').to_owned())
}

fn parts<'a>(body: &'a [u8], boundary: &str) -> Vec<Part<'a>> {
    let delimiter = format!("--{boundary}");
    let mut parts = Vec::new();
    let mut rest = match find(body, delimiter.as_bytes()) {
        Some(at) => &body[at + delimiter.len()..],
        None => return parts,
    };
    let delimiter = format!("\r\n{delimiter}");
    while let Some(part) = rest.strip_prefix(b"\r\n") {
        let end = find(part, delimiter.as_bytes()).unwrap_or(part.len());
        let (part, after) = part.split_at(end);
        if let Some(at) = find(part, b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&part[..at]);
            parts.push(Part { filename: filename(&head), body: &part[at + 4..] });
        }
        rest = after.get(delimiter.len()..).unwrap_or_default();
    }
    parts
}

fn filename(head: &str) -> Option<String> {
    let line =
        head.lines().find(|line| line.to_ascii_lowercase().starts_with("content-disposition:"))?;
    let (_, name) = line.split_once("filename=\"")?;
    let (name, _) = name.split_once('"')?;
    Some(name.replace("%22", "\""))
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// Calls a function as an app of the project would: at the project's own address, with the project's public key. The
/// credential for the Management API finds that key, and goes nowhere else.
pub fn invoke(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let method = match text(arguments, "method") {
        "GET" => Method::Get,
        "PUT" => Method::Put,
        "PATCH" => Method::Patch,
        "DELETE" => Method::Delete,
        _ => Method::Post,
    };
    let (content_type, body) = match (arguments.get("body"), arguments.get("text")) {
        (Some(_), Some(_)) => {
            return Err(Error::invalid_params("`body` and `text` exclude each other.")
                .with_hint("Give JSON as `body`, or plain text as `text`."));
        }
        (Some(body), None) => ("application/json", Some(body.to_string())),
        (None, Some(text)) => ("text/plain; charset=utf-8", text.as_str().map(str::to_owned)),
        (None, None) => ("", None),
    };
    if body.is_some() && matches!(method, Method::Get) {
        return Err(Error::invalid_params("A GET has no body.")
            .with_hint("Leave the body out, or use POST."));
    }
    let project = text(arguments, "project_ref");
    let key = project_key(session, project)?;
    // The older keys are tokens that a function may ask for; the newer ones only tell the gateway which project it is.
    let token = key.contains('.').then_some(key.as_str());
    let elsewhere = session.elsewhere(&format!("https://{project}.supabase.co"), token)?;
    let project = session.at(&elsewhere);
    let mut path = vec!["functions", "v1", text(arguments, "slug")];
    path.extend(text(arguments, "path").split('/').filter(|part| !part.is_empty()));
    let query: Vec<_> = arguments
        .get("query")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(name, value)| {
            (name.as_str(), value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        })
        .collect();
    let query: Vec<_> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mut headers = vec![(API_KEY, key.as_str()), ("accept", "*/*")];
    if !content_type.is_empty() {
        headers.push(("content-type", content_type));
    }
    let answer =
        project.request(method, &path, &query, &headers, body.as_deref().map(str::as_bytes))?;
    let kind =
        answer.headers.get("content-type").and_then(|kind| kind.to_str().ok()).map(str::to_owned);
    let mut result = json!({"status": answer.status, "content_type": kind});
    match String::from_utf8(answer.body) {
        Ok(text) => {
            let json = kind.is_some_and(|kind| kind.contains("json"));
            let parsed = json.then(|| serde_json::from_str(&text).ok()).flatten();
            result["body"] = parsed.unwrap_or_else(|| text.into());
        }
        Err(error) => result["bytes"] = error.as_bytes().len().into(),
    }
    Ok(result)
}

/// The key of a project that everybody may have: the older kind where there is one, because it opens functions that want a
/// token.
fn project_key(session: &Session<'_>, project: &str) -> Result<String, Error> {
    let keys = session.get(&["v1", "projects", project, "api-keys"], &[])?;
    let keys: Vec<&Value> = keys.as_array().into_iter().flatten().collect();
    let of = |kind: &str| {
        let mut keys = keys.iter().filter(|key| key["type"] == kind).map(|key| public_key(key));
        keys.find_map(|key| key.as_str().map(str::to_owned))
    };
    of("legacy").or_else(|| of("publishable")).ok_or_else(|| {
        Error::new(Code::Conflict, "The project has no public API key to call functions with.")
            .with_hint("Create one with create_api_key, type publishable.")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_cannot_be_deployed_are_refused() {
        let refused = |given: Value, part: &str| {
            let arguments = json!({"files": given});
            let error = files(arguments.as_object().expect("it is one")).expect_err(part);
            assert!(error.to_string().contains(part), "{error}");
        };
        let file = |path: &str| json!({"path": path, "content": "x"});
        refused(json!([file("index.ts"), file("index.ts")]), "`files[1]` is a second `index.ts`");
        refused(json!([file("index.ts"), file("./index.ts")]), "second `index.ts`");
        refused(json!([file("")]), "`files[0]` has no path");
        refused(json!([file("./")]), "no path");
        refused(json!([file("lib/")]), "no path");
        refused(json!([file("/etc/index.ts")]), "invalid path");
        refused(json!([file("a\nb.ts")]), "invalid path");
        refused(json!([{"path": "a.png", "base64": "AAE"}]), "invalid `base64`");
        refused(json!([{"path": "a.png"}]), "either `content` or `base64`");
        refused(
            json!([{"path": "a", "content": "", "base64": ""}]),
            "either `content` or `base64`",
        );
        refused(json!([]), "`files` is empty");
        let arguments =
            json!({"files": [file("../_shared/a.ts"), {"path": "./logo.png", "base64": "AP8="}]});
        let files = files(arguments.as_object().expect("it is one")).expect("they are good ones");
        assert_eq!(files, [("../_shared/a.ts", b"x".to_vec()), ("logo.png", vec![0, 255])]);
    }

    #[test]
    fn what_is_deployed_is_read_back_byte_for_byte() {
        let files = [
            ("index.ts", b"a\r\n--mcpist\r\n".to_vec()),
            ("say \"hi\".txt", "日本\n".as_bytes().to_vec()),
            ("logo.png", vec![0, 255, 13, 10, 45, 45]),
            ("empty.ts", Vec::new()),
        ];
        let (content_type, body) = form(&json!({"name": "f"}), &files);
        let boundary = boundary(&content_type).expect("it names one");
        let parts = parts(&body, &boundary);
        let read =
            parts.iter().filter_map(|part| Some((part.filename.clone()?, part.body.to_vec())));
        let read: Vec<_> = read.collect();
        let expected: Vec<_> =
            files.into_iter().map(|(path, bytes)| (path.to_owned(), bytes)).collect();
        assert_eq!(read, expected);
    }

    #[test]
    fn a_form_is_read_as_others_write_it() {
        let body = b"preamble\r\n--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"source/index.ts\"\r\n\r\na\r\n--x--\r\n";
        let found = parts(body, "x");
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].filename.as_deref(), found[0].body),
            (Some("source/index.ts"), &b"a"[..])
        );
        assert!(parts(b"no form", "x").is_empty());
        assert_eq!(
            boundary("multipart/form-data; charset=utf-8; boundary=\"a b\""),
            Some("a b".to_owned())
        );
        assert_eq!(boundary("application/json; boundary=x"), None);
        for (filename, expected) in [
            ("source/index.ts", "index.ts"),
            ("file:///tmp/user_fn_abc_1_2/source/lib/a.ts", "lib/a.ts"),
            ("index.ts", "index.ts"),
        ] {
            assert_eq!(source_path(filename), expected, "{filename}");
        }
    }
}
