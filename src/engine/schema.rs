//! The JSON Schema of arguments: only features that every client supports (no references, alternatives or lists of types).

use serde::Deserialize;
use serde_json::{Map, Number, Value, json};

use crate::number::{is_written_as_integer, same};
use crate::time::{Moment, Zone, instant_of};

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
    /// What a string must be written as; `None` for any string.
    pub format: Option<Format>,
}

/// What a string stands for: it is checked, and sent in one form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// A date, sent as `2026-11-30`.
    Date,
    /// A time with its offset, sent as `2026-11-30T08:00:00Z`.
    DateTime,
    /// The same; a date is its midnight in UTC.
    Instant,
    /// A date, or a time with or without an offset, left as it is written.
    DateOrTime,
    /// A time zone by its IANA or Windows name, sent as its IANA name.
    TimeZone,
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
        Self {
            kind,
            description: Some(description.to_owned()),
            choices: Vec::new(),
            longest: None,
            format: None,
        }
    }

    /// Whether a text is right for it, so that a blank one can be meant.
    #[must_use]
    pub fn takes_text(&self, text: &Value) -> bool {
        self.kind == Kind::String && self.format.is_none() && self.accepts(text)
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
            Kind::String => {
                set("format", self.format.and_then(Format::published).map(Value::from));
                set("maxLength", self.longest.map(Value::from));
            }
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

impl Format {
    /// The text in the form that is sent.
    ///
    /// # Errors
    ///
    /// What is wrong with it, as the end of a sentence that begins with the text.
    pub fn read(self, text: &str) -> Result<String, String> {
        let moment = || Moment::check(text).map_err(|wrong| wrong.reason().to_owned());
        match self {
            Self::Date => match moment()? {
                Moment::Day(day) => Ok(day.to_string()),
                Moment::Local(_) | Moment::Instant { .. } => Err("has a time of day".to_owned()),
            },
            Self::DateTime | Self::Instant => match moment()? {
                Moment::Local(_) => Err("has no offset".to_owned()),
                Moment::Day(_) if self == Self::DateTime => Err("has no time of day".to_owned()),
                Moment::Day(_) | Moment::Instant { .. } => instant_of(text)
                    .ok_or_else(|| "is not in the years from 0000 to 9999".to_owned()),
            },
            Self::DateOrTime => moment().map(|_| text.trim().to_owned()),
            Self::TimeZone => Zone::named(text.trim())
                .map(|zone| zone.name().to_owned())
                .ok_or_else(|| match Zone::named_after(text.trim()).next() {
                    Some(known) => format!("is not one (did you mean {known}?)"),
                    None => "is not one".to_owned(),
                }),
        }
    }

    /// What would be right, as the end of a sentence.
    #[must_use]
    pub const fn wanted(self) -> &'static str {
        match self {
            Self::Date => "a date such as 2026-11-30",
            Self::DateTime => {
                "a time with its offset such as 2026-11-30T08:00:00Z or 2026-11-30T09:00:00+01:00"
            }
            Self::Instant => {
                "a date, or a time with its offset such as 2026-11-30T08:00:00Z or 2026-11-30T09:00:00+01:00"
            }
            Self::DateOrTime => {
                "a date or a time such as 2026-11-30, 2026-11-30T09:00 or 2026-11-30T09:00:00+01:00"
            }
            Self::TimeZone => "an IANA time zone such as Europe/Berlin",
        }
    }

    /// Its name in the published schema; `None` for those that some clients refuse. Of JSON Schema's formats Gemini's API takes
    /// `date-time` alone, and refuses a whole list of tools for any other (gemini-cli issue 2237).
    const fn published(self) -> Option<&'static str> {
        match self {
            Self::DateTime => Some("date-time"),
            Self::Date | Self::Instant | Self::DateOrTime | Self::TimeZone => None,
        }
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
