//! The part of a JSON Schema that a module file can express: references are followed, `allOf` is merged, alternatives are
//! combined.

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::text;
use crate::json::Object;

/// The maximum number of references in a row, and of nested schemas that are merged.
const MAX_DEPTH: usize = 8;
/// How many levels of a param's objects are described.
const MAX_NESTING: usize = 3;

/// A description, for the references in its schemas.
#[derive(Clone, Copy)]
pub struct Schemas<'a>(pub &'a Value);

/// A schema with all statements about the value merged.
#[derive(Default)]
pub struct Schema<'a> {
    /// The type's name; `None` if any type is allowed.
    pub kind: Option<&'a str>,
    /// What the value is.
    pub description: Option<&'a str>,
    /// The allowed values.
    pub choices: Vec<&'a Value>,
    /// The members with their schemas: several schemas if alternatives have the same name.
    pub properties: Vec<(&'a str, Vec<&'a Value>)>,
    /// The required members.
    pub required: Vec<&'a str>,
    /// The entries' schema.
    pub items: Option<&'a Value>,
    minimum: Option<&'a Value>,
    maximum: Option<&'a Value>,
    /// Whether it appears only in responses.
    pub read_only: bool,
    /// Whether it is deprecated.
    pub deprecated: bool,
}

impl<'a> Schemas<'a> {
    /// Returns the target of a reference, or the value itself; null for a broken reference.
    pub fn resolved(self, mut value: &'a Value) -> &'a Value {
        for _ in 0..MAX_DEPTH {
            let Some(reference) = value["$ref"].as_str() else { return value };
            let pointer = reference
                .strip_prefix('#')
                .and_then(|pointer| percent_decode_str(pointer).decode_utf8().ok());
            value = pointer.and_then(|pointer| self.0.pointer(&pointer)).unwrap_or(&Value::Null);
        }
        &Value::Null
    }

    /// Returns the schema of a value.
    pub fn schema(self, value: &'a Value) -> Schema<'a> {
        self.one_of(&[value])
    }

    /// Merges several schemas into one.
    pub fn one_of(self, values: &[&'a Value]) -> Schema<'a> {
        let mut schema = Schema::default();
        self.add_alternatives(&mut schema, values, 0);
        if schema.kind.is_none() {
            schema.kind = match &schema {
                Schema { properties, .. } if !properties.is_empty() => Some("object"),
                Schema { items: Some(_), .. } => Some("array"),
                Schema { choices, .. } => {
                    choices.iter().map(|choice| kind_of(choice)).find(|kind| *kind != "null")
                }
            };
        }
        schema
    }

    fn add(self, schema: &mut Schema<'a>, value: &'a Value, depth: usize) {
        if depth > MAX_DEPTH {
            return;
        }
        let value = self.resolved(value);
        let kinds = &value["type"];
        let kind = kinds.as_str().or_else(|| {
            kinds.as_array()?.iter().filter_map(Value::as_str).find(|kind| *kind != "null")
        });
        schema.kind = schema.kind.or(kind);
        schema.description = schema.description.or(value["description"].as_str());
        schema.items = schema.items.or(value.get("items"));
        schema.minimum = schema.minimum.or(value.get("minimum"));
        schema.maximum = schema.maximum.or(value.get("maximum"));
        schema.read_only |= value["readOnly"] == true;
        schema.deprecated |= value["deprecated"] == true;
        if schema.choices.is_empty() {
            schema.choices =
                value["enum"].as_array().into_iter().flatten().chain(value.get("const")).collect();
        }
        for (name, property) in value["properties"].as_object().into_iter().flatten() {
            if !schema.properties.iter().any(|(known, _)| known == name) {
                schema.properties.push((name, vec![property]));
            }
        }
        schema
            .required
            .extend(value["required"].as_array().into_iter().flatten().filter_map(Value::as_str));
        for part in value["allOf"].as_array().into_iter().flatten() {
            self.add(schema, part, depth + 1);
        }
        for alternatives in ["oneOf", "anyOf"].into_iter().filter_map(|name| value[name].as_array())
        {
            let alternatives: Vec<_> = alternatives
                .iter()
                .filter(|value| self.resolved(value)["type"] != "null")
                .collect();
            self.add_alternatives(schema, &alternatives, depth + 1);
        }
    }

    /// Adds the values of all alternatives that fit the first one's type.
    fn add_alternatives(self, schema: &mut Schema<'a>, values: &[&'a Value], depth: usize) {
        if let [only] = values {
            return self.add(schema, only, depth);
        }
        let mut choices = Some(Vec::new());
        for value in values {
            let mut one = Schema::default();
            self.add(&mut one, value, depth);
            let kind = one.kind.or((!one.properties.is_empty()).then_some("object"));
            schema.kind = schema.kind.or(kind);
            if schema.kind != kind {
                continue;
            }
            schema.description = schema.description.or(one.description);
            schema.items = schema.items.or(one.items);
            choices = choices.filter(|_| !one.choices.is_empty());
            if let Some(choices) = &mut choices {
                choices.extend(one.choices);
            }
            for (name, properties) in one.properties {
                match schema.properties.iter_mut().find(|(known, _)| *known == name) {
                    Some((_, known)) => known.extend(properties),
                    None => schema.properties.push((name, properties)),
                }
            }
        }
        if schema.choices.is_empty() {
            schema.choices = choices.unwrap_or_default();
        }
    }

    /// Returns the schema in the form of a param, without its description; `left` limits the total number of described members.
    pub fn param(self, schema: &Schema<'a>, left: &mut usize) -> Object {
        self.written(schema, "required_properties", 0, left)
    }

    fn written(
        self,
        schema: &Schema<'a>,
        required: &str,
        depth: usize,
        left: &mut usize,
    ) -> Object {
        let known =
            |kind: &&str| matches!(*kind, "integer" | "number" | "boolean" | "array" | "object");
        let kind = schema.kind.filter(known).unwrap_or("string");
        let mut written = Map::new();
        written.insert("type".to_owned(), kind.into());
        let fits =
            |choice: &&Value| kind == kind_of(choice) || kind == "number" && choice.is_number();
        let mut choices: Vec<Value> = Vec::new();
        for choice in schema.choices.iter().copied().filter(fits) {
            if !choices.contains(choice) {
                choices.push(choice.clone());
            }
        }
        if !choices.is_empty() && !matches!(kind, "array" | "object") {
            written.insert("enum".to_owned(), choices.into());
        } else if matches!(kind, "integer" | "number") {
            for (name, bound) in [("minimum", schema.minimum), ("maximum", schema.maximum)] {
                if let Some(bound) = bound.filter(|bound| bound.is_number()) {
                    written.insert(name.to_owned(), bound.clone());
                }
            }
        }
        if kind == "array" {
            let items = schema
                .items
                .map(|items| self.inner(&[items], depth + 1, left))
                .unwrap_or(json!({"type": "string"}));
            written.insert("items".to_owned(), items);
        }
        let properties: Vec<_> = schema
            .properties
            .iter()
            .filter(|(_, schemas)| !self.one_of(schemas).read_only)
            .collect();
        if kind == "object"
            && !properties.is_empty()
            && depth < MAX_NESTING
            && properties.len() <= *left
        {
            *left -= properties.len();
            let must: Vec<_> = schema
                .required
                .iter()
                .filter(|name| properties.iter().any(|(known, _)| known == *name))
                .copied()
                .collect();
            let properties: Map<_, _> = properties
                .iter()
                .map(|(name, schemas)| ((*name).to_owned(), self.inner(schemas, depth + 1, left)))
                .collect();
            written.insert("properties".to_owned(), properties.into());
            if !must.is_empty() {
                written.insert(required.to_owned(), must.into());
            }
        }
        written
    }

    fn inner(self, schemas: &[&'a Value], depth: usize, left: &mut usize) -> Value {
        let schema = self.one_of(schemas);
        let mut written = self.written(&schema, "required", depth, left);
        if let Some(description) = schema.description.and_then(text::sentence) {
            written.insert("description".to_owned(), description.into());
        }
        written.into()
    }

    /// Returns the schema at a dotted path.
    pub fn at(self, schema: &Schema<'a>, path: &[&str]) -> Option<Schema<'a>> {
        let (first, rest) = path.split_first()?;
        let (_, schemas) = schema.properties.iter().find(|(name, _)| name == first)?;
        let inner = self.one_of(schemas);
        if rest.is_empty() { Some(inner) } else { self.at(&inner, rest) }
    }
}

impl Schema<'_> {
    /// Returns whether values have no members or entries.
    pub fn is_scalar(&self) -> bool {
        matches!(self.kind, Some("string" | "integer" | "number" | "boolean"))
    }

    /// Returns the maximum value, if given.
    pub fn most(&self) -> Option<u32> {
        self.maximum
            .and_then(Value::as_u64)
            .and_then(|most| u32::try_from(most).ok())
            .filter(|most| *most > 0)
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
        Value::String(_) => "string",
        Value::Null => "null",
    }
}
