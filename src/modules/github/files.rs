//! Files: their text with the data that a change needs, and commits of several files.

use ct_codecs::{Base64, Decoder, Encoder};
use serde_json::{Value, json};

use super::{Repository, list, sha, text};
use crate::engine::content::Content;
use crate::engine::output::excerpt;
use crate::engine::{Session, request};
use crate::error::Error;
use crate::json::Object;
use crate::upstream::{Method, UpstreamAnswer};

/// The media type that describes a file, a folder, a link or a submodule in one form, with the content of files up to 1 MB.
const OBJECT: &str = "application/vnd.github.object+json";

/// The media type for the bytes of a file up to 100 MB.
const RAW: &str = "application/vnd.github.raw+json";

/// Reads a file: text as a document with path, SHA, size and number of lines; other content as bytes.
pub(super) fn get_file_contents(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let path = text(arguments, "path");
    request::encode("path", path, true)?;
    let repository = Repository::of(session, arguments);
    let contents = format!("contents/{path}");
    let segments = repository.segments(&contents);
    let branch = arguments.get("ref").and_then(Value::as_str);
    let query: Vec<_> = branch.map(|branch| ("ref", branch)).into_iter().collect();

    let answer = session.answer(&segments, &query, OBJECT)?;
    let (content, file) = match described(&answer) {
        None => (Content::of(answer), Value::Null),
        Some(file) => match bytes_of(&file, path)? {
            Some(bytes) => (Content::read(bytes, "", None), file),
            // A file above 1 MB is not included in the description.
            None => (Content::of(session.answer(&segments, &query, RAW)?), file),
        },
    };
    let lines = |name| {
        let lines = arguments.get(name).and_then(Value::as_u64);
        lines.and_then(|lines| usize::try_from(lines).ok())
    };
    let mut result = match content {
        Content::Text { text, charset } => json!({
            "path": path, "sha": file["sha"], "size": file["size"].as_u64().unwrap_or(text.len() as u64),
            "lines": text.lines().count(), "charset": charset,
            "note": charset.map(|_| "Written back as text, the file becomes UTF-8."),
            "document": excerpt(text, lines("head"), lines("tail")),
        }),
        bytes @ Content::Bytes { .. } => {
            let mut result = bytes.into_result();
            (result["path"], result["sha"]) = (path.into(), file["sha"].clone());
            result
        }
    };
    result.as_object_mut().expect("it is an object").retain(|_, value| !value.is_null());
    Ok(result)
}

/// Returns GitHub's description of the path; `None` if it sent the file itself.
fn described(answer: &UpstreamAnswer) -> Option<Value> {
    let (media_type, _) = crate::engine::content::content_type(&answer.headers);
    if media_type.contains("raw") {
        return None;
    }
    let said: Value = serde_json::from_slice(&answer.body).ok()?;
    // Without the media type above, a folder is the list of its entries.
    let is_entry = |entry: &Value| {
        entry["type"].is_string() && entry["path"].is_string() && entry["url"].is_string()
    };
    let entries =
        said.as_array().filter(|entries| !entries.is_empty() && entries.iter().all(is_entry));
    match entries {
        Some(_) => Some(json!({"type": "dir"})),
        None => is_entry(&said).then_some(said),
    }
}

/// Returns the bytes of a file; `None` if GitHub omits them because of their size.
fn bytes_of(file: &Value, path: &str) -> Result<Option<Vec<u8>>, Error> {
    let refused = |what: String, hint: &str| Err(Error::invalid_params(what).with_hint(hint));
    match file["type"].as_str().unwrap_or_default() {
        "dir" => refused(
            format!("`{path}` is a folder, not a file."),
            "list_directory lists what is in it, get_tree everything below it.",
        ),
        "submodule" => {
            let other = file["submodule_git_url"].as_str().unwrap_or("another repository");
            refused(
                format!("`{path}` is a submodule: commit {} of {other}.", file["sha"]),
                "Read its files in that repository.",
            )
        }
        "symlink" => {
            let target = file["target"].as_str().unwrap_or_default();
            refused(format!("`{path}` is a link to `{target}`."), "Read what it leads to.")
        }
        _ => match (file["encoding"].as_str(), file["content"].as_str()) {
            (Some("base64"), Some(content)) => {
                Ok(Base64::decode_to_vec(content, Some(b"\r\n ")).ok())
            }
            _ => Ok(None),
        },
    }
}

/// Creates a branch: GitHub requires the commit's SHA, people name a branch or tag.
pub(super) fn create_branch(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let repository = Repository::of(session, arguments);
    let branch = text(arguments, "branch");
    let from = arguments.get("from").and_then(Value::as_str).unwrap_or("HEAD");
    let commit = repository.get(&format!("commits/{from}"))?;
    let body = json!({"ref": format!("refs/heads/{branch}"), "sha": sha(&commit)?});
    let created = repository.send(Method::Post, "git/refs", &body)?;
    Ok(json!({"branch": branch, "sha": sha(&created["object"])?}))
}

/// Commits several files at once, through GitHub's Git database: head, its tree, new tree, commit, new head.
pub(super) fn push_files(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let entries = tree_entries(arguments);
    if entries.is_empty() {
        return Err(Error::invalid_params("There is nothing to commit.")
            .with_hint("Give `files`, `delete` or both."));
    }
    let repository = Repository::of(session, arguments);
    let branch = text(arguments, "branch");

    let head = repository.get(&format!("git/ref/heads/{branch}"))?;
    let head = sha(&head["object"])?;
    let parent = repository.get(&format!("git/commits/{head}"))?;
    let changed = entries.len();
    let tree = json!({"base_tree": sha(&parent["tree"])?, "tree": entries});
    let tree = repository.send(Method::Post, "git/trees", &tree)?;
    let commit =
        json!({"message": text(arguments, "message"), "tree": sha(&tree)?, "parents": [head]});
    let commit = repository.send(Method::Post, "git/commits", &commit)?;
    // Without force, GitHub rejects this if another commit was made in between.
    let moved = json!({"sha": sha(&commit)?, "force": false});
    repository.send(Method::Patch, &format!("git/refs/heads/{branch}"), &moved)?;
    Ok(
        json!({"branch": branch, "commit_sha": sha(&commit)?, "changed_files": changed, "url": commit["html_url"]}),
    )
}

/// Returns the entries of a new tree: `files` with their text, and `delete` as entries without an object.
fn tree_entries(arguments: &Object) -> Vec<Value> {
    let entry = |path: &Value| json!({"path": path, "mode": "100644", "type": "blob"});
    let written = list(arguments.get("files")).map(|file| {
        let mut written = entry(&file["path"]);
        written["content"] = file["content"].clone();
        written
    });
    let deleted = list(arguments.get("delete")).map(|path| {
        let mut deleted = entry(path);
        deleted["sha"] = Value::Null;
        deleted
    });
    written.chain(deleted).collect()
}

/// Returns a file's text in base64 (RFC 4648 §4), which GitHub requires.
pub(super) fn text_to_base64(text: &Value) -> Result<Value, Error> {
    let encoded = Base64::encode_to_string(text.as_str().unwrap_or_default());
    encoded.map(Value::from).map_err(|_| Error::invalid_params("The file is too large."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_sent_as_base64() {
        assert_eq!(text_to_base64(&json!("Grüße\n")), Ok(json!("R3LDvMOfZQo=")));
        assert_eq!(text_to_base64(&json!("")), Ok(json!("")));
    }

    #[test]
    fn a_tree_has_what_is_written_and_what_is_deleted() {
        let arguments = json!({"files": [{"path": "a", "content": "x"}], "delete": ["b"]});
        let entries = json!([
            {"path": "a", "mode": "100644", "type": "blob", "content": "x"},
            {"path": "b", "mode": "100644", "type": "blob", "sha": null},
        ]);
        assert_eq!(json!(tree_entries(arguments.as_object().expect("it is an object"))), entries);
        assert!(tree_entries(&Object::new()).is_empty());
    }
}
