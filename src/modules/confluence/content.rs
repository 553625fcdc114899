//! Reads, changes and writes back pages, blog posts and comments.

use serde_json::{Map, Value, json};

use super::{diff, document, record, text, unexpected, v2, web_url};
use crate::engine::Session;
use crate::error::{Code, Error};
use crate::json::Object;
use crate::modules::atlassian::adf;
use crate::upstream::Method;

/// Changes a page's title, parent or whole text.
pub fn update_page(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    update(&ContentRef { session, collection: "pages", id: text(arguments, "page_id") }, arguments)
}

/// Changes a blog post's title or whole text.
pub fn update_blog_post(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    update(
        &ContentRef { session, collection: "blogposts", id: text(arguments, "blog_post_id") },
        arguments,
    )
}

fn update(place: &ContentRef<'_>, arguments: &Object) -> Result<Value, Error> {
    let given = |name: &str| arguments.get(name).and_then(Value::as_str);
    let draft = arguments.get("draft") == Some(&Value::Bool(true));
    let content = if draft { place.read(&[("get-draft", "true")])? } else { place.read(&[])? };
    let previous = content.document()?;
    let document = given("body")
        .map_or_else(|| Ok(previous.clone()), |body| adf::from_markdown(body, Some(&previous)))?;
    content.write(&document, arguments)
}

/// Publishes the draft of a page or blog post.
pub fn publish_draft(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let (collection, id) = kind_of(arguments)?;
    let place = ContentRef { session, collection, id };
    let draft = place.read(&[("get-draft", "true")])?;
    let published = match place.read(&[]) {
        Ok(content) => Some(content).filter(|content| content.answer["status"] == "current"),
        Err(error) if error.code() == Code::NotFound => None,
        Err(error) => return Err(error),
    };
    let document = draft.document()?;
    // A page that was never published begins with version 1.
    let number = match &published {
        Some(published) => {
            let same_title = published.answer["title"] == draft.answer["title"];
            if same_title && published.document()? == document {
                return Err(Error::invalid_params("There is nothing to publish.")
                    .with_hint("The draft is the same as the published version."));
            }
            published.version()? + 1
        }
        None => 1,
    };
    let mut written = json!({
        "id": draft.answer["id"], "status": "current", "title": draft.answer["title"], "body": body(&document),
        "version": {"number": number},
    });
    if let Some(message) = arguments.get("message") {
        written["version"]["message"] = message.clone();
    }
    Ok(draft.put(&written)?.summary())
}

/// Returns the collection and the id of the given page or blog post.
pub fn kind_of(arguments: &Object) -> Result<(&'static str, &str), Error> {
    match (text(arguments, "page_id"), text(arguments, "blog_post_id")) {
        (page, "") if !page.is_empty() => Ok(("pages", page)),
        ("", post) if !post.is_empty() => Ok(("blogposts", post)),
        _ => Err(Error::invalid_params("It must be one of `page_id` and `blog_post_id`.")
            .with_hint("Give the id of a page or that of a blog post, and not both.")),
    }
}

/// Replaces a passage of a page's Markdown.
pub fn replace_page_text(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    change_text(session, arguments, |document| {
        let markdown = adf::to_markdown(document);
        let (old, new) = (text(arguments, "old_text"), text(arguments, "new_text"));
        let all = arguments.get("all") == Some(&Value::Bool(true));
        adf::from_markdown(&replaced(&markdown, old, new, all)?, Some(document))
    })
}

/// Returns the text with the passage replaced. The passage must occur once, or at least once if all occurrences are meant.
fn replaced(markdown: &str, old: &str, new: &str, all: bool) -> Result<String, Error> {
    let count = if old.is_empty() { 0 } else { markdown.matches(old).count() };
    match count {
        0 => Err(Error::invalid_params("`old_text` is not in the page.").with_hint(
            "Copy it from get_page as it stands there, Markdown marks and line breaks included.",
        )),
        2.. if !all => {
            Err(Error::invalid_params(format!("`old_text` is in the page {count} times."))
                .with_hint("Give more of the text around it, or `all` to replace every one."))
        }
        _ => Ok(markdown.replace(old, new)),
    }
}

/// Replaces the content of a section.
pub fn update_page_section(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    change_text(session, arguments, |document| {
        adf::replace_section(document, text(arguments, "heading"), text(arguments, "body"))
    })
}

/// Adds to a page without changing its existing content.
pub fn append_to_page(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    change_text(session, arguments, |document| {
        let mut added = adf::from_markdown(text(arguments, "body"), None)?;
        let mut added = std::mem::take(added["content"].as_array_mut().ok_or_else(unexpected)?);
        let mut document = document.clone();
        let content = document["content"].as_array_mut().ok_or_else(unexpected)?;
        if text(arguments, "at") == "start" {
            content.splice(0..0, added);
        } else {
            content.append(&mut added);
        }
        Ok(document)
    })
}

fn change_text(
    session: &Session<'_>,
    arguments: &Object,
    change: impl FnOnce(&Value) -> Result<Value, Error>,
) -> Result<Value, Error> {
    let content =
        ContentRef { session, collection: "pages", id: text(arguments, "page_id") }.read(&[])?;
    let document = change(&content.document()?)?;
    content.write(&document, arguments)
}

/// Restores a page from the trash, which Confluence treats as an update of its status.
pub fn restore_page(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let content = ContentRef { session, collection: "pages", id: text(arguments, "page_id") }
        .read(&[("status", "trashed")])?;
    content.write(&content.document()?, &Map::new())
}

/// Reads one section, with its heading and its subsections.
pub fn get_page_section(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let content =
        ContentRef { session, collection: "pages", id: text(arguments, "page_id") }.read(&[])?;
    let section = adf::section(&content.document()?, text(arguments, "heading"))?;
    let mut result = content.summary();
    result["document"] = section.into();
    Ok(result)
}

/// Reports what changed between two versions of a page.
pub fn compare_page_versions(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let place = ContentRef { session, collection: "pages", id: text(arguments, "page_id") };
    let number = |name: &str| arguments.get(name).and_then(Value::as_u64);
    let version = |number: u64| place.read(&[("version", &number.to_string())]);
    let newer = number("to").map_or_else(|| place.read(&[]), version)?;
    let to = newer.version()?;
    let from = number("from").unwrap_or(to.saturating_sub(1));
    if from == 0 || from >= to {
        return Err(Error::invalid_params(format!(
            "There is nothing to compare version {to} with: `from` must be lower than it."
        ))
        .with_hint("Take the numbers from list_page_versions."));
    }
    let older = version(from)?;
    let difference = diff::unified(&older.lines()?, &newer.lines()?);
    Ok(if difference.is_empty() {
        format!("Versions {from} and {to} have the same title and text.").into()
    } else {
        format!("--- version {from}\n+++ version {to}\n{difference}").into()
    })
}

/// Replaces a comment's text.
pub fn update_comment(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let collection =
        if text(arguments, "kind") == "inline" { "inline-comments" } else { "footer-comments" };
    let comment = ContentRef { session, collection, id: text(arguments, "comment_id") }.read(&[])?;
    let document = adf::from_markdown(text(arguments, "body"), Some(&comment.document()?))?;
    let body = json!({"version": {"number": comment.version()? + 1}, "body": body(&document)});
    Ok(comment.put(&body)?.summary())
}

/// Resolves or reopens an inline comment.
pub fn resolve_inline_comment(session: &Session<'_>, arguments: &Object) -> Result<Value, Error> {
    let comment =
        ContentRef { session, collection: "inline-comments", id: text(arguments, "comment_id") }
            .read(&[])?;
    let (resolved, version) = (&arguments["resolved"], comment.version()? + 1);
    let body = json!({"version": {"number": version}, "body": body(&comment.document()?), "resolved": resolved});
    let written = comment.put(&body)?;
    Ok(json!({"id": written.answer["id"], "resolution": written.answer["resolutionStatus"]}))
}

/// The address of a page, blog post or comment.
#[derive(Clone, Copy)]
struct ContentRef<'a> {
    session: &'a Session<'a>,
    collection: &'static str,
    id: &'a str,
}

impl<'a> ContentRef<'a> {
    fn read(&self, query: &[(&str, &str)]) -> Result<Content<'a>, Error> {
        let query = [&[("body-format", "atlas_doc_format")], query].concat();
        let answer = self.session.get(&v2(&[self.collection, self.id]), &query)?;
        Ok(Content { place: *self, answer })
    }
}

/// A page, blog post or comment in the form in which it was read.
struct Content<'a> {
    place: ContentRef<'a>,
    answer: Value,
}

impl Content<'_> {
    fn document(&self) -> Result<Value, Error> {
        document(&self.answer["body"]["atlas_doc_format"]["value"]).ok_or_else(unexpected)
    }

    fn version(&self) -> Result<u64, Error> {
        self.answer["version"]["number"].as_u64().ok_or_else(unexpected)
    }

    /// Returns title and text as lines for a comparison.
    fn lines(&self) -> Result<Vec<String>, Error> {
        let title = self.answer["title"].as_str().unwrap_or_default();
        let text = format!("title: {title}\n\n{}", adf::to_markdown(&self.document()?));
        Ok(text.lines().map(str::to_owned).collect())
    }

    /// Writes a page or blog post back with its text, and with the title, parent, note and version in `arguments`, if they are
    /// there.
    fn write(&self, document: &Value, arguments: &Object) -> Result<Value, Error> {
        let present = self.version()?;
        if let Some(read) = arguments.get("version").and_then(Value::as_u64)
            && read != present
        {
            return Err(conflict(format!("It is at version {present} by now, not {read}.")));
        }
        let draft = arguments.get("draft") == Some(&Value::Bool(true));
        // A draft has no version of its own: Confluence requires the number 1 for it.
        let (status, version) = if draft { ("draft", 1) } else { ("current", present + 1) };
        let title = arguments.get("title").unwrap_or(&self.answer["title"]);
        let mut written = json!({
            "id": self.answer["id"], "status": status, "title": title, "body": body(document), "version": {"number": version},
        });
        if let Some(message) = arguments.get("message") {
            written["version"]["message"] = message.clone();
        }
        if let Some(parent) = arguments.get("parent_id") {
            written["parentId"] = parent.clone();
        }
        Ok(self.put(&written)?.summary())
    }

    /// Sends the new state; a change by another user since the reading is a conflict.
    fn put(&self, body: &Value) -> Result<Self, Error> {
        let ContentRef { session, collection, id } = self.place;
        let answer = session.send(Method::Put, &v2(&[collection, id]), &[], Some(body));
        match answer {
            Ok(answer) => Ok(Self { place: self.place, answer }),
            Err(error) if error.code() == Code::Conflict => Err(conflict(error.message())),
            Err(error) => Err(error),
        }
    }

    /// Returns the result of every tool here.
    fn summary(&self) -> Value {
        let answer = &self.answer;
        record([
            ("id", answer["id"].clone()),
            ("title", answer["title"].clone()),
            ("status", answer["status"].clone()),
            ("version", answer["version"]["number"].clone()),
            ("updated_at", answer["version"]["createdAt"].clone()),
            ("url", web_url(&answer["_links"])),
        ])
    }
}

/// Returns a document as a body for writing.
pub fn body(document: &Value) -> Value {
    json!({"representation": "atlas_doc_format", "value": document.to_string()})
}

fn conflict(message: impl Into<String>) -> Error {
    Error::new(Code::Conflict, message).with_hint(
        "Somebody changed it meanwhile. Read it again, then make the change to what it holds now.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passage_is_replaced_where_it_is_the_only_one_or_all_are_meant() {
        let check = |old: &str, all: bool, expected: Option<&str>| {
            let replaced = replaced("one two one", old, "x", all);
            assert_eq!(replaced.as_deref().ok(), expected, "{old:?} {all}");
            assert!(
                replaced.err().is_none_or(|error| error.code() == Code::InvalidParams),
                "{old:?} {all}"
            );
        };
        check("two", false, Some("one x one"));
        check("two", true, Some("one x one"));
        check("one", false, None);
        check("one", true, Some("x two x"));
        check("three", true, None);
        check("", true, None);
    }
}
