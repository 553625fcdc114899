//! Converts an operation's parameters and the members of its JSON body to a tool's params.

use serde_json::{Map, Value};

use super::output::json_content;
use super::schema::{Schema, Schemas};
use super::{Operation, text};
use crate::json::Object;
use crate::upstream::{HeaderName, HeaderValue};

/// The maximum number of object members that a tool's params describe.
const MAX_MEMBERS: usize = 60;

/// The parameters of an operation.
pub struct Sent<'a> {
    /// In the path, by name.
    pub path: Vec<(&'a str, One<'a>)>,
    /// In the query.
    pub query: Vec<(&'a str, One<'a>)>,
    /// In the JSON body.
    pub body: Vec<(&'a str, One<'a>)>,
    /// Headers with a single possible value.
    pub headers: Object,
}

/// One parameter.
pub struct One<'a> {
    /// Its description.
    pub schema: Schema<'a>,
    required: bool,
    description: Option<&'a str>,
    /// The separator between list entries in the query; `None` if the name is repeated.
    join: Option<&'static str>,
}

/// Returns the parameters of an operation.
///
/// # Errors
///
/// Why the operation cannot be called.
pub fn sent<'a>(
    schemas: Schemas<'a>,
    operation: &Operation<'a>,
    notes: &mut Vec<String>,
) -> Result<Sent<'a>, String> {
    let mut sent =
        Sent { path: Vec::new(), query: Vec::new(), body: Vec::new(), headers: Map::new() };
    let parameters =
        [operation.described, operation.item].map(|value| value["parameters"].as_array());
    let mut seen: Vec<(&str, &str)> = Vec::new();
    for parameter in
        parameters.into_iter().flatten().flatten().map(|parameter| schemas.resolved(parameter))
    {
        let (Some(place), Some(name)) = (parameter["in"].as_str(), parameter["name"].as_str())
        else {
            continue;
        };
        if name.is_empty() || seen.contains(&(place, name)) {
            continue;
        }
        seen.push((place, name));
        let required = parameter["required"] == true || place == "path";
        let schema = schemas.schema(&parameter["schema"]);
        if !required && (parameter["deprecated"] == true || schema.deprecated) {
            continue;
        }
        let mut leave_out =
            |what: &str| notes.push(format!("{}: {what} `{name}` is left out", operation.id));
        match place {
            "path" => sent.path.push((name, One::new(parameter, schema, true))),
            "query" if schema.kind == Some("object") => leave_out("the object in the query"),
            "query" => sent.query.push((name, One::new(parameter, schema, required))),
            // Other parts of the description define these (OpenAPI 3.1.1 §4.8.12.1).
            "header"
                if ["accept", "content-type", "authorization"]
                    .contains(&name.to_ascii_lowercase().as_str()) => {}
            "header" => {
                match (schema.choices.as_slice(), required, parameter["schema"].get("default")) {
                    ([Value::String(value)], true, _) | (_, true, Some(Value::String(value)))
                        if is_header(name, value) =>
                    {
                        sent.headers.insert(name.to_owned(), value.as_str().into());
                    }
                    _ => leave_out(if required { "the REQUIRED header" } else { "the header" }),
                }
            }
            _ => leave_out("the cookie"),
        }
    }
    let body = schemas.resolved(&operation.described["requestBody"]);
    if operation.method == "GET" || body.is_null() {
        return Ok(sent);
    }
    let required = body["required"] == true;
    let schema = json_content(&body["content"]).map(|content| schemas.schema(&content["schema"]));
    match schema {
        Some(schema) if schema.kind == Some("object") && !schema.properties.is_empty() => {
            for (name, alternatives) in &schema.properties {
                let member = schemas.one_of(alternatives);
                let must = required && schema.required.contains(name);
                if member.read_only || member.deprecated && !must {
                    continue;
                }
                if name.contains('.') || name.is_empty() {
                    notes.push(format!("{}: the body's member `{name}` is left out", operation.id));
                    continue;
                }
                sent.body.push((
                    name,
                    One { schema: member, required: must, description: None, join: None },
                ));
            }
            Ok(sent)
        }
        Some(_) if required => {
            Err("its body is not an object whose members are described".to_owned())
        }
        None if required => Err("its body is not JSON".to_owned()),
        _ => {
            notes.push(format!("{}: the body is left out", operation.id));
            Ok(sent)
        }
    }
}

impl<'a> One<'a> {
    fn new(parameter: &'a Value, schema: Schema<'a>, required: bool) -> Self {
        let join = match (parameter["style"].as_str().unwrap_or("form"), &parameter["explode"]) {
            ("form", Value::Bool(false)) => Some(","),
            ("spaceDelimited", Value::Bool(false)) => Some(" "),
            ("pipeDelimited", Value::Bool(false)) => Some("|"),
            _ => None,
        };
        Self { schema, required, description: parameter["description"].as_str(), join }
    }

    /// Returns a placeholder in the path without a description.
    pub fn unknown() -> Self {
        Self { schema: Schema::default(), required: true, description: None, join: None }
    }
}

/// Returns the params of a tool, except those that the engine itself sends. `reserved` are the engine's own names.
pub fn written<'a>(
    schemas: Schemas<'a>,
    sent: &Sent<'a>,
    by_engine: &dyn Fn(&str, &str) -> bool,
    reserved: &[&str],
) -> Object {
    let mut params = Map::new();
    let mut left = MAX_MEMBERS;
    let places = [("path", &sent.path), ("query", &sent.query), ("body", &sent.body)];
    for (place, name, one) in places
        .into_iter()
        .flat_map(|(place, all)| all.iter().map(move |(name, one)| (place, *name, one)))
    {
        if by_engine(place, name) {
            continue;
        }
        let mut own = text::snake(name);
        while params.contains_key(&own) || reserved.contains(&own.as_str()) {
            own = format!("{place}_{own}");
        }
        let mut param = Map::new();
        param.insert("in".to_owned(), place.into());
        // In a path, the name between braces must be that of the param.
        let sent_as = if place == "path" { text::snake(name) } else { name.to_owned() };
        if own != sent_as {
            param.insert("as".to_owned(), sent_as.into());
        }
        let mut schema = schemas.param(&one.schema, &mut left);
        if place == "path" && matches!(schema["type"].as_str(), Some("array" | "object")) {
            schema = Map::from_iter([("type".to_owned(), "string".into())]);
        }
        if let (Some(join), true) = (one.join, place == "query" && schema["type"] == "array") {
            param.insert("join".to_owned(), join.into());
        }
        param.append(&mut schema);
        if one.required {
            param.insert("required".to_owned(), true.into());
        }
        let description = [one.description, one.schema.description]
            .into_iter()
            .flatten()
            .find_map(text::sentence);
        param.insert("description".to_owned(), description.unwrap_or_else(|| words(name)).into());
        params.insert(own, param.into());
    }
    params
}

fn is_header(name: &str, value: &str) -> bool {
    name.parse::<HeaderName>().is_ok() && value.parse::<HeaderValue>().is_ok()
}

/// Returns a name as words, for a parameter without a description.
fn words(name: &str) -> String {
    let mut words = text::snake(name).replace('_', " ");
    words[..1].make_ascii_uppercase();
    words + "."
}
