//! The part of a response that a tool returns.

use serde_json::{Map, Value, json};

use super::schema::{Schema, Schemas};
use super::text;
use crate::json::Object;

/// The maximum number of fields of a record or a row, and how many of them may come from nested objects.
const MAX_FIELDS: usize = 24;
const MAX_INNER_FIELDS: usize = 8;
/// Names of the member that contains a list.
const LISTS: [&str; 10] = [
    "items", "results", "values", "data", "value", "records", "entries", "nodes", "list", "content",
];
/// Names of members that identify an object, the best first.
const TELLING: [&str; 10] =
    ["name", "displayName", "display_name", "title", "key", "login", "email", "value", "id", "url"];

/// A response as its description defines it.
pub struct Answer<'a> {
    /// The tool's `output`.
    pub output: Value,
    /// The schema of the response, if it contains a list of rows.
    pub list: Option<Schema<'a>>,
    /// Whether it has links to other pages.
    pub has_link_header: bool,
}

/// Returns the response of a successful operation.
///
/// # Errors
///
/// Why it cannot be returned.
pub fn of<'a>(
    schemas: Schemas<'a>,
    responses: &'a Value,
    method: &str,
) -> Result<Answer<'a>, String> {
    let successes =
        responses.as_object().into_iter().flatten().filter(|(status, _)| status.starts_with('2'));
    let successes: Vec<_> = successes.map(|(_, response)| schemas.resolved(response)).collect();
    let with_content = successes.iter().find(|response| {
        response["content"].as_object().is_some_and(|content| !content.is_empty())
    });
    let done = || json!({"done": if method == "DELETE" { "Deleted." } else { "Done." }});
    let Some(response) = with_content else {
        return Ok(Answer { output: done(), list: None, has_link_header: false });
    };
    let has_link_header = response["headers"]
        .as_object()
        .into_iter()
        .flatten()
        .any(|(name, _)| name.eq_ignore_ascii_case("link"));
    let Some(described) = json_content(&response["content"]) else {
        let kinds: Vec<_> = response["content"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(kind, _)| kind.as_str())
            .collect();
        return if kinds
            .iter()
            .any(|kind| kind.starts_with("text/") || kind.contains("xml") || kind.contains("yaml"))
        {
            Ok(Answer { output: json!({"text": ""}), list: None, has_link_header })
        } else {
            Err(format!("its answer is {}, which is not text", kinds.join(", ")))
        };
    };
    let root = schemas.schema(&described["schema"]);
    let (path, place) = list(schemas, &root)
        .map_or_else(|| record(schemas, &root), |(path, items)| (path, Rows::List(items)));
    let (member, schema) = match &place {
        Rows::List(items) => ("items", items),
        Rows::Record(item) => ("item", item.as_ref().unwrap_or(&root)),
    };
    let fields = fields(schemas, schema, matches!(place, Rows::List(_)));
    if fields.is_empty() {
        // Nothing is known about its members, so the whole value is returned.
        return Ok(Answer { output: json!({"text": ""}), list: None, has_link_header });
    }
    let mut output = Map::new();
    if member == "items" || !path.is_empty() {
        output.insert(member.to_owned(), path.into());
    }
    output.insert("fields".to_owned(), fields.into());
    let list = matches!(place, Rows::List(_)).then_some(root);
    Ok(Answer { output: output.into(), list, has_link_header })
}

/// Returns the schema of any JSON content type.
pub fn json_content(content: &Value) -> Option<&Value> {
    let is_json = |kind: &str| {
        let kind = kind.split(';').next().unwrap_or_default().trim();
        kind == "application/json" || kind.ends_with("+json") || kind == "*/*"
    };
    content.as_object()?.iter().find(|(kind, _)| is_json(kind)).map(|(_, described)| described)
}

enum Rows<'a> {
    List(Schema<'a>),
    /// `None` for the whole response.
    Record(Option<Schema<'a>>),
}

/// Returns where the list is, and the schema of its entries; `None` if the response is a single object.
fn list<'a>(schemas: Schemas<'a>, root: &Schema<'a>) -> Option<(String, Schema<'a>)> {
    let entries = |schema: &Schema<'a>| {
        schema.items.filter(|_| schema.kind == Some("array")).map(|items| schemas.schema(items))
    };
    if let Some(items) = entries(root) {
        return Some((String::new(), items));
    }
    if root.properties.iter().any(|(name, _)| matches!(*name, "id" | "key" | "name")) {
        return None;
    }
    let lists: Vec<_> = root
        .properties
        .iter()
        .filter_map(|(name, inner)| Some((*name, entries(&schemas.one_of(inner))?)))
        .filter(|(name, items)| items.kind == Some("object") || LISTS.contains(name))
        .filter_map(|(name, items)| Some((escaped(name)?, items)))
        .collect();
    let named = lists.iter().position(|(name, _)| LISTS.contains(&name.as_str()));
    let at = named.or((lists.len() == 1).then_some(0))?;
    lists.into_iter().nth(at)
}

/// Returns the record; it is below `data` if the response has only `data`, links and similar members.
fn record<'a>(schemas: Schemas<'a>, root: &Schema<'a>) -> (String, Rows<'a>) {
    let whole = (String::new(), Rows::Record(None));
    let Some(data) = schemas
        .at(root, &["data"])
        .filter(|data| data.kind == Some("object") && !data.properties.is_empty())
    else {
        return whole;
    };
    if root.properties.iter().any(|(name, _)| matches!(*name, "id" | "key" | "name")) {
        return whole;
    }
    match list(schemas, &data) {
        Some((path, items)) if !path.is_empty() => (format!("data.{path}"), Rows::List(items)),
        _ => ("data".to_owned(), Rows::Record(Some(data))),
    }
}

/// Returns the fields of a record or a row: values without members, and of nested objects the best identifying member. A record
/// also includes nested objects without known members, whole.
fn fields<'a>(schemas: Schemas<'a>, schema: &Schema<'a>, is_row: bool) -> Object {
    let mut fields = Map::new();
    if schema.is_scalar() {
        fields.insert("value".to_owned(), "".into());
        return fields;
    }
    let mut inner_fields = 0;
    for (name, alternatives) in &schema.properties {
        let Some(path) = escaped(name).filter(|_| {
            fields.len() < MAX_FIELDS
                && !name.starts_with('_')
                && !matches!(*name, "self" | "expand")
        }) else {
            continue;
        };
        let property = schemas.one_of(alternatives);
        let items = property.items.map(|items| schemas.schema(items));
        let field = text::snake(name);
        let mut add = |field: String, path: String| {
            // A record with a field of this name would be shown as text.
            let field = if field == "document" { "document_value".to_owned() } else { field };
            fields.entry(field).or_insert(path.into());
        };
        match (property.kind, items) {
            _ if property.deprecated => {}
            (Some("array"), Some(items)) if items.is_scalar() => add(field, path),
            (Some("array"), Some(items)) if inner_fields < MAX_INNER_FIELDS => {
                if let Some(telling) = telling(schemas, &items).next() {
                    inner_fields += 1;
                    add(field, format!("{path}[].{telling}"));
                }
            }
            (Some("object"), _) if property.properties.is_empty() && !is_row => add(field, path),
            (Some("object"), _) if inner_fields < MAX_INNER_FIELDS => {
                for telling in telling(schemas, &property).take(2) {
                    inner_fields += 1;
                    add(format!("{field}_{}", text::snake(telling)), format!("{path}.{telling}"));
                }
            }
            _ if property.is_scalar() => add(field, path),
            _ => {}
        }
    }
    fields
}

fn telling<'a>(schemas: Schemas<'a>, schema: &Schema<'a>) -> impl Iterator<Item = &'static str> {
    TELLING
        .into_iter()
        .filter(move |name| schemas.at(schema, &[name]).is_some_and(|schema| schema.is_scalar()))
}

/// Returns a name in the form of a path; `None` if a path cannot express it.
fn escaped(name: &str) -> Option<String> {
    (!name.is_empty() && !name.contains(['[', ']', '\\'])).then(|| name.replace('.', "\\."))
}
