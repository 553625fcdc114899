//! Checks the caller's arguments against a tool's params and converts them to their types.

use std::fmt::Display;

use serde_json::{Map, Number, Value};

use super::request::{ParamTarget, nothing_to_change};
use super::rules::Given;
use super::schema::{Format, Kind, Range, Schema, length};
use super::{Param, Presence, Tool, notes};
use crate::error::{Code, Error, shortened};
use crate::json::Object;
use crate::names::nearest;
use crate::number::{canonical, is_integer};

/// The maximum length in characters of a wrong value in an error.
const MAX_REPEATED: usize = 40;

/// The maximum length in characters of a wrong name in an error: longer than real names, including nested ones.
const MAX_NAME: usize = 120;

/// Returns the arguments in the types of the tool's schema, with defaults filled in and param hooks applied.
///
/// A null counts as an absent argument, unless the param is nullable: then it is sent, whatever its type. Models write values
/// in other types than the schema's. If only one value can be meant, it is accepted: JSON in a string is decoded, a number or a
/// boolean becomes the text that was written, and a single value becomes a list with one entry.
///
/// # Errors
///
/// [`Code::InvalidParams`] that names every invalid argument, its value, and what would be right.
pub fn check(tool: &Tool, mut given: Object) -> Result<Object, Error> {
    let mut problems = Problems::default();
    let mut arguments = Map::new();
    let mut wrong = Vec::new();
    for param in &tool.params {
        let name = param.name.as_str();
        let value = match given.shift_remove(name).and_then(|value| meant(param, value)) {
            Some(Value::Null) => Some(Value::Null),
            Some(value) => {
                let value = coerce(&param.schema, value, name, &mut problems);
                if value.is_none() {
                    wrong.push(name);
                }
                value
            }
            None => {
                if param.presence == Presence::Required {
                    problems.add(name, format!("is missing: it must be {}", wanted(&param.schema)));
                }
                None
            }
        };
        if let Some(value) = value {
            // What code of ours reads is no larger than it can count.
            if param.place == ParamTarget::Local && is_huge(&value) {
                problems.add(name, "is too large");
                continue;
            }
            if tool.annotations.read_only != Some(true) {
                refuse_shortened(&value, name, &mut problems);
            }
            arguments.insert(name.to_owned(), value);
        }
    }
    for (name, _) in given.iter().filter(|(_, value)| !value.is_null()) {
        problems.add(name, unknown(name, tool.params.iter().map(|param| param.name.as_str())));
    }
    let mut given = Given { params: &tool.params, values: &mut arguments, wrong };
    for (names, sentence) in tool.rules.apply(&mut given) {
        problems.add_rule(names, sentence);
    }
    let changes_nothing = tool.rules.change_nothing(&given);
    let mut checked = Map::new();
    for param in &tool.params {
        let value = match (arguments.shift_remove(&param.name), &param.presence) {
            (None, Presence::Default(value)) => Some(value.clone()),
            (value, _) => value,
        };
        let value = match value {
            None | Some(Value::Null) => value,
            Some(value) => hooked(param, value, &mut problems),
        };
        if let Some(value) = value {
            checked.insert(param.name.clone(), value);
        }
    }
    problems.none(&tool.name)?;
    if changes_nothing {
        let names: Vec<_> = tool.rules.changes.iter().map(String::as_str).collect();
        return Err(nothing_to_change(&names));
    }
    if let Some(hook) = tool.before {
        hook(&mut checked)?;
    }
    Ok(checked)
}

/// What the caller means by a value; `None` if it stands for an absent argument.
fn meant(param: &Param, value: Value) -> Option<Value> {
    let Value::String(text) = &value else {
        return (param.nullable || !value.is_null()).then_some(value);
    };
    let text = text.trim();
    if param.null_as.as_ref().is_some_and(|word| word.eq_ignore_ascii_case(text)) {
        return Some(Value::Null);
    }
    if !text.is_empty() || param.schema.takes_text(&value) {
        return Some(value);
    }
    match (&param.presence, &param.schema.kind) {
        (Presence::Required, Kind::Array(_)) => Some(Value::Array(Vec::new())),
        (Presence::Required, _) => Some(value),
        (Presence::Optional | Presence::Default(_), _) => None,
    }
}

fn is_huge(value: &Value) -> bool {
    value.as_number().is_some_and(|number| is_integer(number) && number.as_i64().is_none())
}

/// Rejects a text that we shortened: writing it would delete the part that its note stands for.
fn refuse_shortened(value: &Value, place: &str, problems: &mut Problems) {
    match value {
        Value::String(text) => {
            if let Some(note) = notes::note_of(text) {
                problems.add(
                    place,
                    format!(
                        "is a text that was shortened for you, with the note `{note}`: written so, the rest would be deleted. Read the rest first, or change a part alone"
                    ),
                );
            }
        }
        Value::Array(values) => {
            for (at, value) in values.iter().enumerate() {
                refuse_shortened(value, &format!("{place}[{at}]"), problems);
            }
        }
        Value::Object(members) => {
            for (name, value) in members {
                refuse_shortened(value, &format!("{place}.{name}"), problems);
            }
        }
        _ => {}
    }
}

fn hooked(param: &Param, value: Value, problems: &mut Problems) -> Option<Value> {
    let Some(hook) = param.hook else { return Some(value) };
    let sentence = |error: Error| {
        let sentence = error.to_string().trim_end_matches('.').to_owned();
        let name = format!("`{}`", param.name);
        if sentence.contains(&name) { sentence } else { format!("{name}: {sentence}") }
    };
    hook(&value).map_err(|error| problems.0.push((vec![param.name.clone()], sentence(error)))).ok()
}

/// The problems: each argument, and a sentence about it.
#[derive(Default)]
struct Problems(Vec<(Vec<String>, String)>);

impl Problems {
    fn add(&mut self, place: &str, problem: impl Display) {
        let place = shortened(place.to_owned(), MAX_NAME);
        let sentence = format!("`{place}` {problem}");
        self.0.push((vec![place], sentence));
    }

    fn add_rule(&mut self, places: Vec<String>, sentence: String) {
        self.0.push((places, sentence));
    }

    fn none(self, tool: &str) -> Result<(), Error> {
        if self.0.is_empty() {
            return Ok(());
        }
        let (places, sentences): (Vec<_>, Vec<_>) = self.0.into_iter().unzip();
        let places: Vec<String> = places.into_iter().flatten().collect();
        Err(Error::new(Code::InvalidParams, format!("{tool}: {}.", sentences.join("; ")))
            .with_hint("Correct these arguments, then call again.")
            .with_data("fields", places))
    }
}

/// Returns the value in the schema's type, or adds a problem.
fn coerce(schema: &Schema, value: Value, place: &str, problems: &mut Problems) -> Option<Value> {
    let value = decoded(&schema.kind, value);
    if !schema.accepts(&value) {
        let problem = match &value {
            Value::Number(number) if schema.kind == Kind::String && text_of(number).is_none() => {
                format!(
                    "must be a string, not {}: a number with an exponent can be written in several ways, so put it in quotes",
                    repeated(&value)
                )
            }
            // The beginning of a long value would not help.
            _ if schema.longest.is_some_and(|longest| length(&value) > longest) => {
                format!("must be {}, and has {}", wanted(schema), length(&value))
            }
            _ => format!("must be {}, not {}", wanted(schema), repeated(&value)),
        };
        problems.add(place, problem);
        return None;
    }
    match (&schema.kind, value) {
        (Kind::String, Value::String(text)) => match schema.format.map(|format| format.read(&text))
        {
            None => Some(text.into()),
            Some(Ok(text)) => Some(text.into()),
            Some(Err(reason)) => {
                let value = repeated(&text.into());
                problems.add(place, format!("must be {}: {value} {reason}", wanted(schema)));
                None
            }
        },
        (Kind::Array(items), Value::Array(values)) => {
            let values = values.into_iter().enumerate();
            let values: Vec<_> = values
                .map(|(at, value)| coerce(items, value, &format!("{place}[{at}]"), problems))
                .collect();
            values.into_iter().collect::<Option<Vec<_>>>().map(Value::Array)
        }
        (Kind::Object { properties, required }, Value::Object(members))
            if !properties.is_empty() =>
        {
            coerce_members(properties, required, members, place, problems).map(Value::Object)
        }
        (_, value) => Some(value),
    }
}

fn coerce_members(
    properties: &[(String, Schema)],
    required: &[String],
    members: Object,
    place: &str,
    problems: &mut Problems,
) -> Option<Object> {
    let before = problems.0.len();
    for name in required.iter().filter(|name| !members.contains_key(*name)) {
        problems.add(&format!("{place}.{name}"), "is missing");
    }
    let mut checked = Map::new();
    for (name, value) in members {
        let inner = format!("{place}.{name}");
        let is_absent = |schema: &Schema| {
            !required.contains(&name)
                && (value.is_null()
                    || value.as_str().is_some_and(|text| text.trim().is_empty())
                        && !schema.takes_text(&value))
        };
        match properties.iter().find(|(known, _)| *known == name) {
            Some((_, schema)) if is_absent(schema) => {}
            Some((_, schema)) => {
                if let Some(value) = coerce(schema, value, &inner, problems) {
                    checked.insert(name, value);
                }
            }
            None => problems
                .add(&inner, unknown(&name, properties.iter().map(|(name, _)| name.as_str()))),
        }
    }
    (problems.0.len() == before).then_some(checked)
}

/// Returns the value in the expected type, if it was written in another type and only one value can be meant.
fn decoded(kind: &Kind, value: Value) -> Value {
    match (kind, value) {
        (Kind::String, Value::Bool(flag)) => flag.to_string().into(),
        (Kind::String, Value::Number(number)) => {
            text_of(&number).map_or(Value::Number(number), Value::String)
        }
        (Kind::String, value) => value,
        (Kind::Array(items), value) => listed(items, value),
        (Kind::Integer(_) | Kind::Number(_), value) => whole_if_due(kind, unquoted(kind, value)),
        // `True` is how Python writes it.
        (Kind::Boolean, Value::String(text)) => match text.trim().to_ascii_lowercase().as_str() {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ => Value::String(text),
        },
        (kind, value) => unquoted(kind, value),
    }
}

/// Returns the value of this kind that a string contains as JSON.
fn unquoted(kind: &Kind, value: Value) -> Value {
    let Value::String(text) = value else { return value };
    match serde_json::from_str::<Value>(text.trim()) {
        Ok(inner) if is_of(kind, &inner) => inner,
        _ => Value::String(text),
    }
}

/// Returns the list that a string contains as JSON, or a list of the single value if it can be an item.
fn listed(items: &Schema, value: Value) -> Value {
    let value = match value {
        Value::String(text) if text.trim().is_empty() => return Value::Array(Vec::new()),
        Value::String(text) => match serde_json::from_str(text.trim()) {
            Ok(Value::Array(values)) => return Value::Array(values),
            _ => Value::String(text),
        },
        Value::Array(values) => return Value::Array(values),
        value => value,
    };
    // Models write a list of strings as a string, so the entries are converted whatever they are; otherwise the error reports
    // the list.
    if items.kind == Kind::String && value.is_string()
        || items.accepts(&decoded(&items.kind, value.clone()))
    {
        return Value::Array(vec![value]);
    }
    value
}

/// A number as it is written in JSON; `None` for one with an exponent, which was hardly meant as that text (`77e1234`).
fn text_of(number: &Number) -> Option<String> {
    let text = number.as_str();
    (!text.contains(['e', 'E'])).then(|| text.to_owned())
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

/// Returns a whole number without its `.0`, if an integer is expected.
fn whole_if_due(kind: &Kind, value: Value) -> Value {
    match (kind, value) {
        (Kind::Integer(_), Value::Number(number)) if is_integer(&number) => {
            let digits = canonical(&number).parse();
            Value::Number(digits.unwrap_or(number))
        }
        (_, value) => value,
    }
}

/// Returns what would be right, as the end of a sentence.
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
        Kind::String if schema.format.is_some() => {
            schema.format.map(Format::wanted).unwrap_or_default().to_owned()
        }
        Kind::String => schema.longest.map_or_else(
            || "a string".to_owned(),
            |longest| format!("a string of at most {longest} characters"),
        ),
        Kind::Boolean => "true or false".to_owned(),
        Kind::Integer(bounds) => range("an integer", bounds),
        Kind::Number(bounds) => range("a number", bounds),
        Kind::Array(items) => schema.longest.map_or_else(
            || format!("a list, each of it {}", wanted(items)),
            |longest| format!("a list of at most {longest}, each of it {}", wanted(items)),
        ),
        Kind::Object { properties, .. } if properties.is_empty() => "an object".to_owned(),
        Kind::Object { properties, .. } => {
            let names: Vec<_> = properties.iter().map(|(name, _)| name.as_str()).collect();
            format!("an object of {}", names.join(", "))
        }
    }
}

/// Returns a wrong value, shortened.
fn repeated(value: &Value) -> String {
    shortened(value.to_string(), MAX_REPEATED)
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::Hooks;

    fn twice(value: &Value) -> Result<Value, Error> {
        match value.as_i64() {
            Some(number) if number < 100 => Ok(json!(number * 2)),
            _ => Err(Error::invalid_params("`hooked` must be less than 100.")),
        }
    }

    fn tool() -> Tool {
        let file = json!({
            "module": "m", "title": "M", "description": "D", "base_url": "https://m.example",
            "tools": [{
                "name": "list_things", "description": "D", "docs": "https://m.example/docs",
                "request": {"method": "POST", "path": "/things/{owner}"},
                "params": {
                    "owner": {"in": "path", "type": "string", "required": true, "description": "D"},
                    "state": {"in": "body", "type": "string", "enum": ["open", "closed"], "default": "open", "description": "D"},
                    "count": {"in": "body", "type": "integer", "minimum": 1, "maximum": 100, "description": "D"},
                    "share": {"in": "body", "type": "number", "maximum": 0.5, "description": "D"},
                    "draft": {"in": "body", "type": "boolean", "description": "D"},
                    "labels": {"in": "body", "type": "array", "items": {"type": "string"}, "description": "D"},
                    "ids": {"in": "body", "type": "array", "items": {"type": "integer"}, "description": "D"},
                    "extra": {"in": "body", "type": "object", "description": "D"},
                    "files": {"in": "body", "type": "array", "description": "D", "items": {
                        "type": "object", "required": ["path"],
                        "properties": {"path": {"type": "string"}, "mode": {"type": "integer", "enum": [1, 2]}}}},
                    "hooked": {"in": "body", "type": "integer", "hook": "twice", "description": "D"},
                    "short": {"in": "body", "type": "string", "max_length": 5, "description": "D"},
                    "few": {"in": "body", "type": "array", "items": {"type": "string", "max_length": 2}, "max_items": 2, "description": "D"},
                    "cleared": {"in": "body", "type": "integer", "nullable": true, "hook": "twice", "description": "D"},
                    "taken": {"in": "body", "type": "integer", "null_as": "none", "description": "A number; none takes it away."},
                    "day": {"in": "body", "type": "string", "format": "date", "null_as": "", "description": "Empty clears it."},
                    "at": {"in": "body", "type": "string", "format": "date-time", "description": "D"},
                    "since": {"in": "body", "type": "string", "format": "instant", "description": "D"},
                    "start": {"in": "body", "type": "string", "format": "date-or-time", "description": "D"},
                    "zone": {"in": "body", "type": "string", "format": "time-zone", "description": "D"},
                    "days": {"in": "body", "type": "array", "items": {"type": "string", "format": "date"}, "description": "D"}
                },
                "output": {"done": "Done."}
            }]
        });
        let hooks = Hooks { params: &[("twice", twice)], ..Hooks::NONE };
        crate::manifest::parse("m.json", &file.to_string(), &hooks)
            .expect("the file is right")
            .tools[0]
            .clone()
    }

    /// The expected result is the arguments besides `owner` and the default `state`, or the error's message.
    fn outcome(given: &Value) -> Result<Value, String> {
        let mut given = given.as_object().unwrap().clone();
        given.entry("owner").or_insert_with(|| json!("o"));
        let mut arguments = check(&tool(), given).map_err(|error| {
            assert_eq!(error.code(), Code::InvalidParams);
            error.message().to_owned()
        })?;
        assert_eq!(arguments.remove("owner"), Some(json!("o")));
        arguments.retain(|name, value| !(name == "state" && value == "open"));
        Ok(arguments.into())
    }

    #[test]
    fn right_arguments_come_out_in_their_types() {
        let check =
            |given: Value, expected: Value| assert_eq!(outcome(&given), Ok(expected), "{given}");
        let decoded = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        check(json!({}), json!({}));
        check(json!({"state": "closed"}), json!({"state": "closed"}));
        check(json!({"count": 5}), json!({"count": 5}));
        check(json!({"count": "5"}), json!({"count": 5}));
        check(json!({"count": 5.0}), json!({"count": 5}));
        check(json!({"count": "5.0"}), json!({"count": 5}));
        check(json!({"share": 0.25}), json!({"share": 0.25}));
        check(json!({"share": "-0.30"}), json!({"share": decoded("-0.30")}));
        check(json!({"count": decoded("1e1")}), json!({"count": 10}));
        check(
            json!({"ids": "18446744073709551616"}),
            json!({"ids": [decoded("18446744073709551616")]}),
        );
        check(json!({"draft": "true"}), json!({"draft": true}));
        check(json!({"draft": " False"}), json!({"draft": false}));
        check(json!({"draft": null, "count": null}), json!({}));
        check(json!({"short": "日本日本日"}), json!({"short": "日本日本日"}));
        check(json!({"few": ["a", "bc"]}), json!({"few": ["a", "bc"]}));
        check(json!({"cleared": null}), json!({"cleared": null}));
        check(json!({"cleared": 5}), json!({"cleared": 10}));
        check(json!({"labels": ["a", "b"]}), json!({"labels": ["a", "b"]}));
        check(json!({"labels": "[\"a\", \"b\"]"}), json!({"labels": ["a", "b"]}));
        check(json!({"labels": "bug"}), json!({"labels": ["bug"]}));
        check(json!({"labels": "[WIP]"}), json!({"labels": ["[WIP]"]}));
        check(json!({"labels": "7"}), json!({"labels": ["7"]}));
        check(json!({"labels": []}), json!({"labels": []}));
        check(json!({"labels": ""}), json!({}));
        check(json!({"labels": " ", "ids": "", "extra": "", "count": "", "draft": ""}), json!({}));
        check(json!({"state": "", "few": "\n", "cleared": ""}), json!({}));
        check(json!({"short": ""}), json!({"short": ""}));
        check(json!({"files": [{"path": "a", "mode": null}]}), json!({"files": [{"path": "a"}]}));
        check(json!({"files": [{"path": "", "mode": ""}]}), json!({"files": [{"path": ""}]}));
        check(json!({"taken": "none"}), json!({"taken": null}));
        check(json!({"taken": "None"}), json!({"taken": null}));
        check(json!({"taken": null}), json!({"taken": null}));
        check(json!({"taken": "7"}), json!({"taken": 7}));
        check(json!({"taken": ""}), json!({}));
        check(json!({"day": ""}), json!({"day": null}));
        check(json!({"day": " 2024-02-29 "}), json!({"day": "2024-02-29"}));
        check(json!({"at": "2026-11-30 09:00+0100"}), json!({"at": "2026-11-30T08:00:00Z"}));
        check(json!({"at": ""}), json!({}));
        check(json!({"since": "2026-11-30"}), json!({"since": "2026-11-30T00:00:00Z"}));
        check(json!({"since": "2026-11-30t09:00:00z"}), json!({"since": "2026-11-30T09:00:00Z"}));
        check(json!({"start": "2026-11-30T09:00"}), json!({"start": "2026-11-30T09:00"}));
        check(json!({"zone": "w. europe standard time"}), json!({"zone": "Europe/Berlin"}));
        check(json!({"days": "2026-11-30"}), json!({"days": ["2026-11-30"]}));
        check(json!({"labels": ["a", 2, true]}), json!({"labels": ["a", "2", "true"]}));
        check(json!({"labels": 7}), json!({"labels": ["7"]}));
        check(json!({"ids": 5}), json!({"ids": [5]}));
        check(json!({"ids": "5"}), json!({"ids": [5]}));
        check(json!({"files": {"path": "a"}}), json!({"files": [{"path": "a"}]}));
        check(json!({"files": "{\"path\": 7}"}), json!({"files": [{"path": "7"}]}));
        check(json!({"ids": "[1, 2]"}), json!({"ids": [1, 2]}));
        check(json!({"ids": ["1", 2]}), json!({"ids": [1, 2]}));
        check(json!({"extra": {"a": [null]}}), json!({"extra": {"a": [null]}}));
        check(json!({"extra": "{\"a\": 1}"}), json!({"extra": {"a": 1}}));
        check(
            json!({"files": "[{\"path\": \"a\", \"mode\": \"1\"}]"}),
            json!({"files": [{"path": "a", "mode": 1}]}),
        );
        check(json!({"hooked": "4"}), json!({"hooked": 8}));
    }

    #[test]
    fn a_text_stays_a_text_whatever_it_looks_like() {
        for text in ["5", "true", "null", "[1]", "{}", "\"quoted\"", ""] {
            let given = json!({"owner": text}).as_object().unwrap().clone();
            assert_eq!(check(&tool(), given).unwrap()["owner"], text);
        }
    }

    #[test]
    fn a_number_or_a_boolean_is_the_text_that_it_is_written_as() {
        let check = |given: &str, expected: &str| {
            let given: Value = serde_json::from_str(&format!(r#"{{"owner": {given}}}"#)).unwrap();
            assert_eq!(
                check(&tool(), given.as_object().unwrap().clone()).unwrap()["owner"],
                expected,
                "{given}"
            );
        };
        check("123", "123");
        check("-7", "-7");
        check("9007199254740993", "9007199254740993");
        check("18446744073709551616", "18446744073709551616");
        check("1.5", "1.5");
        check("1.50", "1.50");
        check("0.1000000000000000000001", "0.1000000000000000000001");
        check("2.0", "2.0");
        check("true", "true");
        check("false", "false");
    }

    #[test]
    fn wrong_arguments_are_named_with_what_is_right() {
        let check = |given: Value, expected: &str| {
            assert_eq!(outcome(&given), Err(format!("list_things: {expected}.")), "{given}");
        };
        check(json!({"owner": [5]}), "`owner` must be a string, not [5]");
        check(
            json!({"owner": 1e30}),
            "`owner` must be a string, not 1e+30: a number with an exponent can be written in several ways, so put it in quotes",
        );
        check(json!({"state": true}), r#"`state` must be one of "open", "closed", not "true""#);
        check(json!({"owner": null}), "`owner` is missing: it must be a string");
        check(
            json!({"short": "too long"}),
            "`short` must be a string of at most 5 characters, and has 8",
        );
        check(
            json!({"few": ["a", "b", "c"]}),
            "`few` must be a list of at most 2, each of it a string of at most 2 characters, and has 3",
        );
        check(
            json!({"few": ["abc"]}),
            "`few[0]` must be a string of at most 2 characters, and has 3",
        );
        check(
            json!({"state": "opened"}),
            r#"`state` must be one of "open", "closed", not "opened""#,
        );
        check(json!({"count": 0}), "`count` must be an integer from 1 to 100, not 0");
        check(json!({"count": "many"}), r#"`count` must be an integer from 1 to 100, not "many""#);
        check(json!({"count": 1.5}), "`count` must be an integer from 1 to 100, not 1.5");
        check(json!({"share": 0.75}), "`share` must be a number of at most 0.5, not 0.75");
        check(json!({"draft": "yes"}), r#"`draft` must be true or false, not "yes""#);
        check(json!({"draft": 1}), "`draft` must be true or false, not 1");
        check(
            json!({"labels": {"a": 1}}),
            r#"`labels` must be a list, each of it a string, not {"a":1}"#,
        );
        check(json!({"labels": ["a", [2]]}), "`labels[1]` must be a string, not [2]");
        check(json!({"ids": "some"}), "`ids` must be a list, each of it an integer, not \"some\"");
        check(json!({"ids": [1, "some"]}), "`ids[1]` must be an integer, not \"some\"");
        check(json!({"extra": [1]}), "`extra` must be an object, not [1]");
        check(json!({"files": [{"mode": 1}]}), "`files[0].path` is missing");
        check(
            json!({"files": [{"path": "a", "mod": 1}]}),
            "`files[0].mod` is unknown: did you mean `mode`?",
        );
        check(
            json!({"files": [{"path": "a", "mode": 3}]}),
            "`files[0].mode` must be one of 1, 2, not 3",
        );
        check(json!({"files": ["a"]}), r#"`files[0]` must be an object of path, mode, not "a""#);
        check(json!({"hooked": 100}), "`hooked` must be less than 100");
        check(json!({"taken": "v1"}), r#"`taken` must be an integer, not "v1""#);
        check(
            json!({"day": "2026-02-30"}),
            r#"`day` must be a date such as 2026-11-30: "2026-02-30" has a day that does not exist"#,
        );
        check(
            json!({"days": ["2026-11-30", "2026-11-31"]}),
            r#"`days[1]` must be a date such as 2026-11-30: "2026-11-31" has a day that does not exist"#,
        );
        for (given, reason) in [
            (json!({"day": "2026-11-30T09:00"}), "has a time of day"),
            (json!({"at": "2026-11-30"}), "has no time of day"),
            (json!({"at": "2026-11-30T09:00"}), "has no offset"),
            (json!({"since": "2026-11-30T09:00"}), "has no offset"),
            (json!({"since": "2026-11-30T09:00+25:00"}), "has an offset that does not exist"),
            (json!({"start": "2026-11-30T24:01"}), "has a time of day that does not exist"),
            (json!({"start": "now"}), "is not a date or a time"),
            (json!({"zone": "Atlantis"}), "is not one"),
            (json!({"zone": "berlin"}), "did you mean Europe/Berlin?"),
        ] {
            let message = outcome(&given).expect_err("it does not exist");
            assert!(message.contains(reason), "{given}: {message}");
        }
        let long = "x".repeat(100);
        check(
            json!({"count": long}),
            &format!("`count` must be an integer from 1 to 100, not \"{}…", &long[..39]),
        );
    }

    #[test]
    fn an_unknown_name_brings_the_nearest_or_all() {
        let check = |name: &str, expected: &str| {
            let message = outcome(&json!({name: 1})).unwrap_err();
            assert_eq!(message, format!("list_things: `{name}` is unknown: {expected}."));
        };
        check("stat", "did you mean `state`?");
        check("Label", "did you mean `labels`?");
        check("COUNT", "did you mean `count`?");
        let long = "x".repeat(1_000);
        let message = outcome(&json!({long: 1})).unwrap_err();
        assert!(
            message.starts_with("list_things: `xxx")
                && message.contains("xxx…` is unknown: there are"),
            "{message}"
        );
        check(
            "assignee",
            "there are `owner`, `state`, `count`, `share`, `draft`, `labels`, `ids`, `extra`, `files`, `hooked`, `short`, `few`, `cleared`, `taken`, `day`, `at`, `since`, `start`, `zone`, `days`",
        );
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let given =
            json!({"count": 0, "stat": "open", "draft": "yes"}).as_object().unwrap().clone();
        let error = check(&tool(), given).unwrap_err();
        for part in
            ["`owner` is missing", "`count` must be", "`draft` must be", "`stat` is unknown"]
        {
            assert!(error.message().contains(part), "{error}");
        }
        assert_eq!(error.data().unwrap()["fields"], json!(["owner", "count", "draft", "stat"]));
    }
}
