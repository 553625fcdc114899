//! The caller's arguments, checked against a tool's params and brought to their types.

use serde_json::{Map, Number, Value};

use super::manifest::{Param, Presence, Tool};
use super::schema::{Kind, Range, Schema};
use crate::error::{Code, Error};

/// Most characters of a wrong value that an error repeats.
const MAX_REPEATED: usize = 40;

/// The arguments with the types that the tool's schema asks for, defaults filled in, and param hooks applied.
///
/// A null stands for an absent argument. Values that arrive as JSON in a string are decoded, and a lone string is taken
/// as a list of one where a list of strings is due: models write both.
///
/// # Errors
///
/// [`Code::InvalidParams`] naming every argument that is wrong, what it got, and what would be right.
pub fn check(tool: &Tool, mut given: Map<String, Value>) -> Result<Map<String, Value>, Error> {
    let mut problems = Problems::default();
    let mut arguments = Map::new();
    given.retain(|_, value| !value.is_null());
    for param in &tool.params {
        let name = param.name.as_str();
        let value = match (given.shift_remove(name), &param.presence) {
            (Some(value), _) => coerce(&param.schema, value, name, &mut problems),
            (None, Presence::Default(value)) => Some(value.clone()),
            (None, Presence::Optional) => None,
            (None, Presence::Required) => {
                problems.add(name, format!("is missing: it must be {}", wanted(&param.schema)));
                None
            }
        };
        if let Some(value) = value.and_then(|value| hooked(param, value, &mut problems)) {
            arguments.insert(name.to_owned(), value);
        }
    }
    for name in given.keys() {
        problems.add(name, unknown(name, tool.params.iter().map(|param| param.name.as_str())));
    }
    problems.none(&tool.name).map(|()| arguments)
}

fn hooked(param: &Param, value: Value, problems: &mut Problems) -> Option<Value> {
    let Some(hook) = param.hook else { return Some(value) };
    hook(&value).map_err(|error| problems.add(&param.name, error.to_string())).ok()
}

/// What is wrong, argument by argument.
#[derive(Default)]
struct Problems(Vec<(String, String)>);

impl Problems {
    fn add(&mut self, place: &str, problem: String) {
        self.0.push((place.to_owned(), problem));
    }

    fn none(self, tool: &str) -> Result<(), Error> {
        if self.0.is_empty() {
            return Ok(());
        }
        let sentences: Vec<_> = self.0.iter().map(|(place, problem)| format!("`{place}` {problem}")).collect();
        let places: Vec<_> = self.0.into_iter().map(|(place, _)| place).collect();
        Err(Error::new(Code::InvalidParams, format!("{tool}: {}.", sentences.join("; ")))
            .with_hint("Correct these arguments, then call again.")
            .with_data("fields", places))
    }
}

/// The value in the schema's type, or a problem more.
fn coerce(schema: &Schema, value: Value, place: &str, problems: &mut Problems) -> Option<Value> {
    let value = decoded(schema, value);
    if !schema.accepts(&value) {
        problems.add(place, format!("must be {}, not {}", wanted(schema), repeated(&value)));
        return None;
    }
    match (&schema.kind, value) {
        (Kind::Array(items), Value::Array(values)) => {
            let values = values.into_iter().enumerate();
            let values: Vec<_> = values.map(|(at, value)| coerce(items, value, &format!("{place}[{at}]"), problems)).collect();
            values.into_iter().collect::<Option<Vec<_>>>().map(Value::Array)
        }
        (Kind::Object { properties, required }, Value::Object(members)) if !properties.is_empty() => {
            coerce_members(properties, required, members, place, problems).map(Value::Object)
        }
        (_, value) => Some(value),
    }
}

fn coerce_members(
    properties: &[(String, Schema)],
    required: &[String],
    members: Map<String, Value>,
    place: &str,
    problems: &mut Problems,
) -> Option<Map<String, Value>> {
    let before = problems.0.len();
    for name in required.iter().filter(|name| !members.contains_key(*name)) {
        problems.add(&format!("{place}.{name}"), "is missing".to_owned());
    }
    let mut checked = Map::new();
    for (name, value) in members {
        let inner = format!("{place}.{name}");
        match properties.iter().find(|(known, _)| *known == name) {
            Some((_, schema)) => {
                if let Some(value) = coerce(schema, value, &inner, problems) {
                    checked.insert(name, value);
                }
            }
            None => problems.add(&inner, unknown(&name, properties.iter().map(|(name, _)| name.as_str()))),
        }
    }
    (problems.0.len() == before).then_some(checked)
}

/// The value that a string holds where the schema asks for something else, and a whole number without its `.0`.
fn decoded(schema: &Schema, value: Value) -> Value {
    let value = match (&schema.kind, value) {
        (Kind::String, value) => return value,
        (kind, Value::String(text)) => match serde_json::from_str::<Value>(text.trim()) {
            Ok(inner) if is_of(kind, &inner) => inner,
            _ => match kind {
                Kind::Array(items) if items.kind == Kind::String => Value::Array(vec![text.into()]),
                _ => Value::String(text),
            },
        },
        (_, value) => value,
    };
    match (&schema.kind, value.as_f64()) {
        (Kind::Integer(_), Some(number)) if value.is_f64() => whole(number).map_or(value, Value::from),
        _ => value,
    }
}

fn is_of(kind: &Kind, value: &Value) -> bool {
    match kind {
        Kind::String => value.is_string(),
        Kind::Boolean => value.is_boolean(),
        Kind::Integer(_) | Kind::Number(_) => value.is_number(),
        Kind::Array(_) => value.is_array(),
        Kind::Object { .. } => value.is_object(),
    }
}

/// The integer that a float is, as far as floats tell integers apart.
fn whole(number: f64) -> Option<Number> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    (number.fract() == 0.0 && number.abs() <= EXACT).then(|| Number::from(number as i64))
}

/// What would be right, as the end of a sentence.
fn wanted(schema: &Schema) -> String {
    let range = |what: &str, range: &Range| match (&range.minimum, &range.maximum) {
        (Some(minimum), Some(maximum)) => format!("{what} from {minimum} to {maximum}"),
        (Some(minimum), None) => format!("{what} of at least {minimum}"),
        (None, Some(maximum)) => format!("{what} of at most {maximum}"),
        (None, None) => what.to_owned(),
    };
    if !schema.choices.is_empty() {
        let choices: Vec<_> = schema.choices.iter().map(Value::to_string).collect();
        return match &choices[..] {
            [only] => only.clone(),
            _ => format!("one of {}", choices.join(", ")),
        };
    }
    match &schema.kind {
        Kind::String => "a string".to_owned(),
        Kind::Boolean => "true or false".to_owned(),
        Kind::Integer(bounds) => range("an integer", bounds),
        Kind::Number(bounds) => range("a number", bounds),
        Kind::Array(items) => format!("a list, each of it {}", wanted(items)),
        Kind::Object { properties, .. } if properties.is_empty() => "an object".to_owned(),
        Kind::Object { properties, .. } => {
            let names: Vec<_> = properties.iter().map(|(name, _)| name.as_str()).collect();
            format!("an object of {}", names.join(", "))
        }
    }
}

/// A wrong value, shortened.
fn repeated(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(MAX_REPEATED) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn unknown<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    if let Some(nearest) = nearest(name, known.clone()) {
        return format!("is unknown: did you mean `{nearest}`?");
    }
    let known: Vec<_> = known.map(|name| format!("`{name}`")).collect();
    if known.is_empty() {
        "is unknown: there are no arguments here".to_owned()
    } else {
        format!("is unknown: there are {}", known.join(", "))
    }
}

/// The known name that the given one was probably meant to be.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |name: &str| name.to_lowercase().replace(['_', '-'], "");
    let given = plain(name);
    known
        .map(|candidate| (edits(&given, &plain(candidate)), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len().min(given.len()) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The Levenshtein distance: characters to insert, remove or replace.
fn edits(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().take(64).enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}
