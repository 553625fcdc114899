//! The JSON Schema of arguments: only features that every client supports (no references, alternatives or lists of types).

use serde_json::{Map, Number, Value, json};

use crate::number::{is_written_as_integer, same};

/// The schema of a value.
#[derive(Debug, Clone, PartialEq)]
pub struct Schema {
    /// The type, with its own rules.
    pub kind: Kind,
    /// The description.
    pub description: Option<String>,
    /// The allowed values; empty if all values of the type are allowed.
    pub choices: Vec<Value>,
    /// The maximum length of a string in characters, or of a list in entries; `None` for no limit.
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
    /// An object with members by name; any members if no property is given.
    Object {
        /// The known members, in the file's order.
        properties: Vec<(String, Schema)>,
        /// The required members.
        required: Vec<String>,
    },
}

/// Bounds of a number, both inclusive.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Range {
    /// The minimum.
    pub minimum: Option<Number>,
    /// The maximum.
    pub maximum: Option<Number>,
}

impl Schema {
    /// Returns a schema of this type with a description and no further rule.
    #[must_use]
    pub fn new(kind: Kind, description: &str) -> Self {
        Self { kind, description: Some(description.to_owned()), choices: Vec::new(), longest: None }
    }

    /// Returns whether the value is valid, except nested values.
    #[must_use]
    pub fn accepts(&self, value: &Value) -> bool {
        self.kind.accepts(value)
            && (self.choices.is_empty() || self.choices.iter().any(|choice| same(choice, value)))
            && self.longest.is_none_or(|longest| length(value) <= longest)
    }

    /// Returns it as JSON Schema, with the members in a fixed order.
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

/// Returns the number of characters of a string or entries of a list; 0 for any other value.
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

    /// Returns the type's name in JSON Schema.
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

/// Returns the input schema of a tool: each argument's name, schema, default, and whether it is required.
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
