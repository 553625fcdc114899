//! Converts an operation to a tool.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::params::{self, One, Sent};
use super::schema::Schemas;
use super::{Operation, annotations, output, pages, text};
use crate::engine::{ACCOUNT, MAX_TOOL_NAME, OFFSET};
use crate::json::Object;
use crate::manifest::{MAX_ALIAS, MAX_ALIASES, fits_path};

/// Most characters of a group.
const MAX_GROUP: usize = 40;

/// Values that all tools of a module share.
pub struct Importer<'a> {
    pub schemas: Schemas<'a>,
    /// The module's name.
    pub module: &'a str,
    /// The documentation page for operations that name no page.
    pub docs: &'a str,
}

impl Importer<'_> {
    /// Returns the tool for an operation.
    ///
    /// # Errors
    ///
    /// Why the operation cannot be a tool.
    pub fn tool(
        &self,
        operation: &Operation<'_>,
        taken: &mut HashSet<String>,
        notes: &mut Vec<String>,
    ) -> Result<Value, String> {
        let answer =
            output::of(self.schemas, &operation.described["responses"], &operation.method)?;
        let mut sent = params::sent(self.schemas, operation, notes)?;
        let (path, query) = path(operation.path, &mut sent)?;
        let pages = answer.list.as_ref().and_then(|list| {
            let in_query = (operation.method == "GET").then_some(sent.query.as_slice());
            pages::of(self.schemas, list, answer.has_link_header, in_query, &sent.body)
        });
        let by_engine = |place: &str, name: &str| {
            pages.as_ref().is_some_and(|pages| pages.place == place && pages.sends(name))
        };
        let mut reserved = vec![ACCOUNT];
        if answer.list.is_some() {
            reserved.push("fields");
        }
        if pages.is_some() {
            reserved.extend(["limit", "cursor"]);
        }
        if answer.output.get("text").is_some() {
            reserved.extend(["head", "tail", OFFSET]);
        }
        let params = params::written(self.schemas, &sent, &by_engine, &reserved);
        let mut request = Map::new();
        request.insert("method".to_owned(), operation.method.as_str().into());
        request.insert("path".to_owned(), path.into());
        if !query.is_empty() {
            request.insert("query".to_owned(), query.into());
        }
        if !sent.headers.is_empty() {
            request.insert("headers".to_owned(), sent.headers.into());
        }
        if let Some(pages) = pages {
            request.insert("page_in".to_owned(), pages.place.into());
            request.insert("pagination".to_owned(), pages.written.into());
        }
        let docs = operation.described["externalDocs"]["url"]
            .as_str()
            .filter(|url| text::is_url(url))
            .unwrap_or(self.docs);
        let most = MAX_TOOL_NAME - self.module.len() - 1;
        let mut tool = json!({"name": text::unique(taken, &text::snake(&operation.id), most)});
        let tags = tags(operation);
        if let Some(tag) = tags.first() {
            tool["group"] = text::cut(&text::snake(tag), MAX_GROUP).into();
        }
        let aliases = aliases(operation, &tags);
        if !aliases.is_empty() {
            tool["aliases"] = aliases.into();
        }
        tool["description"] = operation.summary.as_str().into();
        tool["docs"] = docs.into();
        tool["annotations"] = annotations(&operation.method);
        tool["request"] = request.into();
        if !params.is_empty() {
            tool["params"] = params.into();
        }
        tool["output"] = answer.output;
        Ok(tool)
    }
}

/// The tags of an operation, in their order.
fn tags(operation: &Operation<'_>) -> Vec<String> {
    let tags = operation.described["tags"].as_array().into_iter().flatten();
    let tags = tags.filter_map(Value::as_str).map(|tag| text::shortened(tag, MAX_ALIAS));
    tags.filter(|tag| !tag.is_empty()).collect()
}

/// What the search knows the tool by beside its name: the summary, and each tag.
fn aliases(operation: &Operation<'_>, tags: &[String]) -> Vec<String> {
    let summary = operation.described["summary"].as_str().and_then(text::sentence);
    let summary = summary.map(|text| text::shortened(text.trim_end_matches(['.', '…']), MAX_ALIAS));
    let mut aliases: Vec<String> = Vec::new();
    for alias in summary.into_iter().chain(tags.iter().cloned()).take(MAX_ALIASES) {
        if !alias.is_empty() && !aliases.iter().any(|known| known.eq_ignore_ascii_case(&alias)) {
            aliases.push(alias);
        }
    }
    aliases
}

/// Returns the path with the params' own names in its placeholders, and the fixed part of its query.
fn path<'a>(written: &'a str, sent: &mut Sent<'a>) -> Result<(String, Object), String> {
    let (written, query) = written.split_once('?').unwrap_or((written, ""));
    let query = form_urlencoded::parse(query.as_bytes())
        .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())));
    let mut path = String::new();
    let mut names = Vec::new();
    let mut literal = true;
    let mut rest = written;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) =
            after.split_once('}').ok_or("its path has a brace that does not end")?;
        let own = text::snake(name);
        if names.iter().any(|(_, known)| *known == own) {
            return Err(format!("its path has `{{{name}}}` twice"));
        }
        if !sent.path.iter().any(|(known, _)| *known == name) {
            sent.path.push((name, One::unknown()));
        }
        literal &= before.chars().all(fits_path);
        path.extend([before, "{", &own, "}"]);
        names.push((name, own));
        rest = after;
    }
    path.push_str(rest);
    literal &= rest.chars().all(fits_path);
    sent.path.retain(|(name, _)| names.iter().any(|(known, _)| known == name));
    if !path.starts_with('/')
        || !literal
        || path.split('/').any(|segment| matches!(segment, "." | ".."))
    {
        return Err(format!("its path {written:?} is not valid"));
    }
    Ok((path, query.collect()))
}
