//! The JSON Schema of arguments: only what every client understands (no references, alternatives or lists of types).

use serde_json::{Map, Number, Value, json};

use crate::number::{is_written_as_integer, same};

/// What a value must be.
#[derive(Debug, Clone, PartialEq)]
pub struct Schema {
    /// The type, with what only this type has.
    pub kind: Kind,
    /// For the reader.
    pub description: Option<String>,
    /// The only values allowed; empty when all of the type are.
    pub choices: Vec<Value>,
    /// The most characters of a string or entries of a list; `None` without a limit.
    pub longest: Option<usize>,
}

/// A JSON type.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// Text.
    String,
    /// A number without a fraction.
    Integer(Range),
    /// Any number.
    Number(Range),
    /// True or false.
    Boolean,
    /// A list of values of one schema.
    Array(Box<Schema>),
    /// Members by name; any at all when no property is given.
    Object {
        /// The members known, in the file's order.
        properties: Vec<(String, Schema)>,
        /// Those that must be there.
        required: Vec<String>,
    },
}

/// Bounds of a number, both included.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Range {
    /// The smallest allowed.
    pub minimum: Option<Number>,
    /// The largest allowed.
    pub maximum: Option<Number>,
}

impl Schema {
    /// A schema of this type with a description and no further rule.
    #[must_use]
    pub fn new(kind: Kind, description: &str) -> Self {
        Self { kind, description: Some(description.to_owned()), choices: Vec::new(), longest: None }
    }

    /// Whether the value is right as it stands, nested values aside.
    #[must_use]
    pub fn accepts(&self, value: &Value) -> bool {
        self.kind.accepts(value)
            && (self.choices.is_empty() || self.choices.iter().any(|choice| same(choice, value)))
            && self.longest.is_none_or(|longest| length(value) <= longest)
    }

    /// As JSON Schema, with the members in a fixed order.
    #[must_use]
    pub fn published(&self, default: Option<&Value>) -> Value {
        let mut schema = Map::new();
        schema.insert("type".to_owned(), self.kind.name().into());
        let mut set = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                schema.insert(name.to_owned(), value);
            }
        };
        set("description", self.description.clone().map(Value::from));
        set("enum", (!self.choices.is_empty()).then(|| self.choices.clone().into()));
        set("default", default.cloned());
        match &self.kind {
            Kind::String => set("maxLength", self.longest.map(Value::from)),
            Kind::Boolean => {}
            Kind::Integer(range) | Kind::Number(range) => {
                set("minimum", range.minimum.clone().map(Value::from));
                set("maximum", range.maximum.clone().map(Value::from));
            }
            Kind::Array(items) => {
                set("items", Some(items.published(None)));
                set("maxItems", self.longest.map(Value::from));
            }
            Kind::Object { properties, .. } if properties.is_empty() => {}
            Kind::Object { properties, required } => {
                let properties =
                    properties.iter().map(|(name, schema)| (name.clone(), schema.published(None)));
                set("properties", Some(properties.collect::<Map<_, _>>().into()));
                set("required", (!required.is_empty()).then(|| required.clone().into()));
                set("additionalProperties", Some(false.into()));
            }
        }
        schema.into()
    }
}

/// The characters of a string, the entries of a list; 0 for anything else.
#[must_use]
pub fn length(value: &Value) -> usize {
    match value {
        Value::String(text) => text.chars().count(),
        Value::Array(entries) => entries.len(),
        _ => 0,
    }
}

impl Range {
    fn accepts(&self, value: &Value) -> bool {
        // A number beyond all floats is as infinity here: less or more than every bound.
        let number =
            value.as_number().and_then(|number| number.as_str().parse().ok()).unwrap_or(f64::NAN);
        let bound = |bound: &Option<Number>| bound.as_ref().and_then(Number::as_f64);
        bound(&self.minimum).is_none_or(|minimum| number >= minimum)
            && bound(&self.maximum).is_none_or(|maximum| number <= maximum)
    }
}

impl Kind {
    fn accepts(&self, value: &Value) -> bool {
        match self {
            Self::String => value.is_string(),
            Self::Boolean => value.is_boolean(),
            Self::Integer(range) => {
                value.as_number().is_some_and(is_written_as_integer) && range.accepts(value)
            }
            Self::Number(range) => value.is_number() && range.accepts(value),
            Self::Array(_) => value.is_array(),
            Self::Object { .. } => value.is_object(),
        }
    }

    /// The type's name in JSON Schema.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Integer(_) => "integer",
            Self::Number(_) => "number",
            Self::Boolean => "boolean",
            Self::Array(_) => "array",
            Self::Object { .. } => "object",
        }
    }
}

/// The input schema of a tool: each argument's name, schema, default, and whether it must be there.
#[must_use]
pub fn input<'a>(
    arguments: impl Iterator<Item = (&'a str, &'a Schema, Option<&'a Value>, bool)>,
) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for (name, schema, default, must) in arguments {
        properties.insert(name.to_owned(), schema.published(default));
        if must {
            required.push(name);
        }
    }
    let mut input = json!({"type": "object", "properties": properties});
    if !required.is_empty() {
        input["required"] = required.into();
    }
    input["additionalProperties"] = false.into();
    input
}
