//! Reads the params of a tool.

use serde_json::{Number, Value, json};

use super::location::Location;
use super::raw::{self, In, Type};
use super::read::Reader;
use crate::engine::pagination::{Limit, PagePlace, Pages};
use crate::engine::request::{Body, ParamTarget, Template};
use crate::engine::schema::{Kind, Range, Schema};
use crate::engine::{Param, Presence};
use crate::json::Object;

/// Reads a param; `None` if it has an error.
pub fn read(
    reader: &mut Reader<'_>,
    tool: Location<'_>,
    name: &str,
    value: &Value,
) -> Option<Param> {
    let place = tool.entry("param", "params", name);
    let before = reader.findings();
    check_name(reader, place, name);
    let raw: raw::Param = reader.part(place, value.clone())?;
    let hook = raw.hook.as_deref().and_then(|hook| reader.param_hook(place, hook));
    let upstream_name = raw.upstream_name.clone().unwrap_or_else(|| name.to_owned());
    if upstream_name.is_empty() {
        reader.add(
            place.detail("as"),
            "`as` is empty: leave it out where the upstream's name is the same",
        );
    }
    let (kind, join, slashes, default) =
        (raw.kind, raw.join.clone(), raw.slashes, raw.default.clone());
    let (at, required) = (raw.place, raw.required);
    let description = raw.description.clone();
    let schema = schema(
        reader,
        place,
        raw::Schema {
            kind,
            description,
            choices: raw.choices,
            items: raw.items.map(Box::new),
            properties: raw.properties,
            required: raw.required_properties,
            minimum: raw.minimum,
            maximum: raw.maximum,
            max_length: raw.max_length,
            max_items: raw.max_items,
            format: raw.format,
        },
    );
    if let Some(word) = raw.null_as.as_deref().filter(|word| !word.is_empty())
        && !raw.description.as_deref().is_some_and(|description| description.contains(word))
    {
        reader.add(place.detail("null_as"), format!("the description must say what `{word}` does"));
    }
    if raw.description.is_none_or(|description| description.trim().is_empty()) {
        reader.add(place.detail("description"), "`description` is missing: say what the value is");
    }
    let nullable = raw.nullable || raw.null_as.is_some();
    if nullable && matches!(at, In::Path | In::Query) {
        reader.add(
            place.detail("nullable"),
            "`nullable` and `null_as` are only for what can be null: `in` body, variable or local",
        );
    }
    if join.is_some() && !(at == In::Query && kind == Type::Array) {
        reader.add(place.detail("join"), "`join` is only for an array in the query");
    }
    if slashes && at != In::Path {
        reader.add(place.detail("slashes"), "`slashes` is only for a value in the path");
    }
    if let Some(finding) = misplaced(at, kind, required || default.is_some(), hook.is_some()) {
        reader.add(place, finding);
    }
    let presence = match default {
        Some(_) if required => {
            reader.add(place.detail("default"), "`required` and `default` exclude each other");
            Presence::Required
        }
        Some(default) => {
            if let Some(schema) = &schema
                && !(schema.accepts(&default) && has_format(schema, &default))
            {
                reader.add(
                    place.detail("default"),
                    format!(
                        "the default {default} does not fit the param's own type, enum, format or bounds"
                    ),
                );
            }
            Presence::Default(default)
        }
        None if required => Presence::Required,
        None => Presence::Optional,
    };
    let goes = match at {
        In::Path => ParamTarget::Path {
            name: upstream_name,
            slashes,
            may_be_empty: slashes && presence == Presence::Default(json!("")),
        },
        In::Query => ParamTarget::Query { name: upstream_name, join },
        In::Body => body_place(&upstream_name),
        In::Variable => ParamTarget::Variable(upstream_name),
        In::Local => ParamTarget::Local,
    };
    let param = Param {
        name: name.to_owned(),
        place: goes,
        schema: schema?,
        presence,
        nullable,
        null_as: raw.null_as,
        hook,
    };
    (reader.findings() == before).then_some(param)
}

/// Whether a text is written in the schema's format.
fn has_format(schema: &Schema, value: &Value) -> bool {
    schema.format.zip(value.as_str()).is_none_or(|(format, text)| format.read(text).is_ok())
}

fn check_name(reader: &mut Reader<'_>, place: Location<'_>, name: &str) {
    if !crate::manifest::read::is_snake_case(name) {
        reader.add(place, "the name must be snake_case: letters, digits and `_`, a letter first");
    }
    if name == crate::engine::ACCOUNT {
        reader.add(place, "this name is for the account that a call is made with: choose another");
    }
}

/// Why a value of this type cannot go there; `None` if it can.
fn misplaced(at: In, kind: Type, is_always_there: bool, has_hook: bool) -> Option<&'static str> {
    let is_scalar = !matches!(kind, Type::Array | Type::Object);
    match at {
        In::Path if !is_scalar => {
            Some("a value in the path must be a string, a number or a boolean")
        }
        In::Path if !is_always_there => {
            Some("a value in the path must be required or have a default")
        }
        In::Query if kind == Type::Object && !has_hook => {
            Some("an object has no form in a query: use a hook, or single params")
        }
        _ => None,
    }
}

/// Returns the place in a body for a dotted name.
fn body_place(name: &str) -> ParamTarget {
    ParamTarget::Body(name.split('.').map(str::to_owned).collect())
}

/// Reads a schema; `None`, with findings, if it is invalid.
fn schema(reader: &mut Reader<'_>, place: Location<'_>, raw: raw::Schema) -> Option<Schema> {
    let is_number = matches!(raw.kind, Type::Integer | Type::Number);
    if (raw.minimum.is_some() || raw.maximum.is_some()) && !is_number {
        reader.add(place, "`minimum` and `maximum` are only for numbers");
    }
    if raw.items.is_some() && raw.kind != Type::Array {
        reader.add(place.detail("items"), "`items` is only for arrays");
    }
    if !(raw.properties.is_empty() && raw.required.is_empty()) && raw.kind != Type::Object {
        reader.add(place, "properties are only for objects");
    }
    if raw.max_length.is_some() && raw.kind != Type::String {
        reader.add(place.detail("max_length"), "`max_length` is only for strings");
    }
    if raw.max_items.is_some() && raw.kind != Type::Array {
        reader.add(place.detail("max_items"), "`max_items` is only for arrays");
    }
    if raw.format.is_some() && (raw.kind != Type::String || !raw.choices.is_empty()) {
        reader.add(place.detail("format"), "`format` is only for strings without `enum`");
    }
    let range = Range { minimum: raw.minimum, maximum: raw.maximum };
    let kind = match raw.kind {
        Type::String => Kind::String,
        Type::Integer => Kind::Integer(range),
        Type::Number => Kind::Number(range),
        Type::Boolean => Kind::Boolean,
        Type::Array => {
            let Some(items) = raw.items else {
                reader.add(place, "an array needs `items`");
                return None;
            };
            Kind::Array(Box::new(schema(reader, place.member("items"), *items)?))
        }
        Type::Object => object(reader, place, raw.properties, raw.required)?,
    };
    let longest = raw.max_length.or(raw.max_items);
    let (description, format) = (raw.description, raw.format);
    let schema = Schema { kind, description, choices: Vec::new(), longest, format };
    for choice in raw.choices.iter().filter(|choice| !schema.accepts(choice)) {
        reader.add(
            place.detail("enum"),
            format!("the enum's {choice} is not of type {}", schema.kind.name()),
        );
    }
    Some(Schema { choices: raw.choices, ..schema })
}

fn object(
    reader: &mut Reader<'_>,
    place: Location<'_>,
    properties: Object,
    required: Vec<String>,
) -> Option<Kind> {
    for name in required.iter().filter(|name| !properties.contains_key(*name)) {
        reader.add(place, format!("`{name}` is required but no property"));
    }
    let mut read = Vec::new();
    for (name, value) in properties {
        let place = place.entry("property", "properties", &name);
        let schema = reader.part(place, value).and_then(|raw| schema(reader, place, raw));
        read.push((name, schema?));
    }
    Some(Kind::Object { properties: read, required })
}

/// The params that the engine adds to a tool.
#[derive(Debug, Clone, Default)]
pub struct EngineParams {
    /// For the pages of a paged list.
    pub pages: Option<Pages>,
    /// The names of a list's fields.
    pub fields: Vec<String>,
    /// Whether the output is a text whose lines can be selected.
    pub text: bool,
    /// Whether a long output can be continued from a position.
    pub reads_on: bool,
}

impl EngineParams {
    /// Returns the params, in the order in which they are published.
    pub fn params(self) -> Vec<Param> {
        let local = |name: &str, schema| Param {
            name: name.to_owned(),
            place: ParamTarget::Local,
            schema,
            presence: Presence::Optional,
            nullable: false,
            null_as: None,
            hook: None,
        };
        let at_least_one = |maximum: Option<u32>| {
            Kind::Integer(Range { minimum: Some(1.into()), maximum: maximum.map(Number::from) })
        };
        let mut params = Vec::new();
        if let Some(Pages { next, limit, place, .. }) = self.pages {
            let at = |name: &str| match place {
                PagePlace::Query => ParamTarget::Query { name: name.to_owned(), join: None },
                PagePlace::Body => body_place(name),
            };
            if let Some(Limit { name, max, default }) = limit {
                let schema = Schema::new(at_least_one(max), "Most items in the page.");
                let presence =
                    default.map_or(Presence::Optional, |limit| Presence::Default(limit.into()));
                params.push(Param { place: at(&name), presence, ..local("limit", schema) });
            }
            let description = "next_cursor of the page before; other arguments unchanged.";
            let place = next.name().map_or(ParamTarget::Local, at);
            params.push(Param { place, ..local("cursor", Schema::new(Kind::String, description)) });
        }
        if !self.fields.is_empty() {
            let choices = self.fields.into_iter().map(Value::from).collect();
            let name = Schema {
                kind: Kind::String,
                description: None,
                choices,
                longest: None,
                format: None,
            };
            params.push(local(
                "fields",
                Schema::new(Kind::Array(Box::new(name)), "Only these fields."),
            ));
        }
        if self.text {
            params.push(local(
                "head",
                Schema::new(at_least_one(None), "Only this many first lines."),
            ));
            params
                .push(local("tail", Schema::new(at_least_one(None), "Only this many last lines.")));
        }
        if self.reads_on {
            let any = Kind::Integer(Range { minimum: Some(0.into()), maximum: None });
            params.push(local(crate::engine::OFFSET, Schema::new(any, "Characters to skip.")));
        }
        params
    }
}

/// Checks each param's place against the rest of the request; the engine's own params come last.
pub fn check_places(
    reader: &mut Reader<'_>,
    tool: Location<'_>,
    params: &[Param],
    own: &[Param],
    template: &Template,
) {
    let body = &template.body;
    let mut taken: Vec<Vec<String>> = match body {
        Body::Json(fixed) => fixed.keys().map(|name| vec![name.clone()]).collect(),
        Body::None | Body::Graphql(_) => Vec::new(),
    };
    let mut queries: Vec<&str> = template.query.iter().map(|(name, _)| name.as_str()).collect();
    queries.extend(params.iter().filter_map(|param| query_name(&param.place)));
    for param in own
        .iter()
        .filter(|param| query_name(&param.place).is_some_and(|name| queries.contains(&name)))
    {
        let place = tool.entry("param", "params", &param.name);
        reader.add(place, "another param or the fixed query has the pagination's name for it");
    }
    for param in params.iter().chain(own) {
        let place = tool.entry("param", "params", &param.name);
        match (&param.place, body) {
            (ParamTarget::Body(_), Body::Graphql(_)) => {
                reader.add(place, "a GraphQL request has no body params: use `in: variable`");
            }
            (ParamTarget::Variable(_), Body::None | Body::Json(_)) => {
                reader.add(place, "only a GraphQL request has variables");
            }
            (ParamTarget::Variable(name), Body::Graphql(document))
                if !has_variable(document, name) =>
            {
                reader.add(place, format!("the GraphQL document has no variable ${name}"));
            }
            (ParamTarget::Body(names), _) => {
                if taken.iter().any(|other| other.starts_with(names) || names.starts_with(other)) {
                    reader.add(
                        place,
                        "another param or the fixed body has the same place in the body",
                    );
                }
                taken.push(names.clone());
            }
            _ => {}
        }
    }
}

fn query_name(place: &ParamTarget) -> Option<&str> {
    if let ParamTarget::Query { name, .. } = place { Some(name) } else { None }
}

fn has_variable(document: &str, name: &str) -> bool {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    document
        .split('$')
        .skip(1)
        .any(|after| after.strip_prefix(name).is_some_and(|rest| !rest.starts_with(is_name)))
}
