//! Every declarative tool against what its service's own API description says of its requests (`tests/vendors`, written by
//! `scripts/vendor-tables.mjs`): what a tool may send, the service takes, and what the service limits, the tool limits, too.
//! `differences.json` has the known exceptions, each with its reason.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use mcpist::engine::pagination::Next;
use mcpist::engine::request::{ParamTarget, Template};
use mcpist::engine::rules::Term;
use mcpist::engine::schema::{Format, Kind, Range, Schema};
use mcpist::engine::{Module, Param, Presence, Tool, Work, arguments};
use serde_json::{Map, Value, json};

use crate::modules::{registry, repository, updating};

type Arguments = Map<String, Value>;

/// Texts that the hooks of some param take.
const TEXTS: [&str; 9] = [
    "x",
    "https://example.com/x.png",
    "1",
    "2026-11-30",
    "0b5d7a3e-1c2f-4e6a-9d8b-3f4a5b6c7d8e",
    "abcdefghijklmnopqrst",
    "d73a4a",
    "3h",
    "2026-11-30T08:00:00Z",
];

#[test]
fn every_request_of_a_tool_is_one_that_its_service_describes() {
    let mut found = BTreeSet::new();
    let mut sent = 0;
    for module in registry().modules() {
        let tables = tables(module);
        for tool in &module.tools {
            let Work::Request(template, _) = &tool.work else { continue };
            let Some(table) = tables.get(&tool.name) else { continue };
            let mut add = |finding: String| {
                found.insert(format!("{}: {finding}", tool.published_name));
            };
            left_out(tool, table, &mut add);
            for arguments in calls(module, tool, template) {
                match requested(tool, template, arguments.clone()) {
                    Ok((query, body)) => {
                        sent += 1;
                        refusals(table, &arguments, &query, body.as_ref(), &mut add);
                    }
                    Err(problem) => add(format!("no call: {problem}")),
                }
            }
        }
    }
    assert!(sent > 1_500, "only {sent} requests were made");
    check_known(&found);
}

/// A module's table: the operations of each tool.
fn tables(module: &Module) -> BTreeMap<String, Value> {
    let path = repository(&format!("tests/vendors/{}.json", module.name));
    let text = fs::read_to_string(path).expect("every module has a table");
    serde_json::from_str(&text).expect("a table is an object")
}

/// Fails for what is not among the known differences, for those that are no longer there, and for one without a reason.
fn check_known(found: &BTreeSet<String>) {
    let path = repository("tests/vendors/differences.json");
    let text = fs::read_to_string(&path).unwrap_or_else(|_| "{}".to_owned());
    let known: BTreeMap<String, String> = serde_json::from_str(&text).expect("texts by finding");
    if updating() {
        let now: BTreeMap<_, _> = found
            .iter()
            .map(|finding| (finding, known.get(finding).map_or("", String::as_str)))
            .collect();
        let text = serde_json::to_string_pretty(&now).expect("texts are JSON") + "\n";
        fs::write(&path, text).expect("the file can be written");
    }
    let new = found.iter().filter(|finding| known.get(*finding).is_none_or(String::is_empty));
    let gone = known.keys().filter(|finding| !found.contains(*finding));
    let problems: Vec<_> =
        new.cloned().chain(gone.map(|finding| format!("no longer: {finding}"))).collect();
    assert!(problems.is_empty(), "{}\n{} differences", problems.join("\n"), problems.len());
}

/// The calls that are tried: what is required; each optional param alone; all together; every value of every enum; every page.
fn calls(module: &Module, tool: &Tool, template: &Template) -> Vec<Arguments> {
    let path = repository(&format!("tests/modules/{}/{}.json", module.name, tool.name));
    let case: Value = fs::read_to_string(path)
        .ok()
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default();
    let sample = |param: &Param| {
        let given = case["arguments"].get(&param.name).cloned();
        given.unwrap_or_else(|| sample(param))
    };
    let whole = |mut arguments: Arguments, keep: &str| {
        complete(tool, &mut arguments, keep, &sample);
        arguments
    };
    // What the engine adds and reads itself is not sent.
    let own = |param: &&Param| {
        param.name != "cursor"
            && !(param.place == ParamTarget::Local
                && matches!(param.name.as_str(), "fields" | "head" | "tail" | "offset"))
    };
    let params = || tool.params.iter().filter(own);
    let base: Arguments = params()
        .filter(|param| param.presence == Presence::Required)
        .map(|param| (param.name.clone(), sample(param)))
        .collect();
    let with = |name: &str, value: Value| {
        let mut arguments = base.clone();
        arguments.insert(name.to_owned(), value);
        whole(arguments, name)
    };
    let mut calls = vec![whole(base.clone(), "")];
    for param in params() {
        calls.push(with(&param.name, sample(param)));
        for choice in &param.schema.choices {
            calls.push(with(&param.name, choice.clone()));
        }
        if let Kind::Array(items) = &param.schema.kind {
            for choice in &items.choices {
                calls.push(with(&param.name, json!([choice])));
            }
        }
        if let Kind::Integer(Range { minimum, maximum }) = &param.schema.kind {
            for bound in [minimum, maximum].into_iter().flatten() {
                calls.push(with(&param.name, bound.clone().into()));
            }
        }
    }
    let all = params().map(|param| (param.name.clone(), sample(param))).collect();
    calls.push(whole(all, ""));
    let position = template.pages.as_ref().and_then(|pages| match pages.next {
        Next::Token { .. } => Some("dG9rZW4jYQ"),  // token#a
        Next::Offset { .. } => Some("c3RhcnQjMQ"), // start#1
        Next::LinkHeader | Next::Link(_) => None,
    });
    calls.extend(position.map(|position| with("cursor", position.into())));
    calls
}

/// A value that the param takes.
fn sample(param: &Param) -> Value {
    let accepted = |value: &Value| {
        let text = value.as_str().unwrap_or_default();
        param.schema.format.is_none_or(|format| format.read(text).is_ok())
            && param.hook.is_none_or(|hook| hook(value).is_ok())
    };
    let value = of_schema(&param.schema);
    if param.schema.kind != Kind::String || accepted(&value) {
        return value;
    }
    TEXTS.into_iter().map(Value::from).find(accepted).unwrap_or(value)
}

fn of_schema(schema: &Schema) -> Value {
    if let Some(choice) = schema.choices.first() {
        return choice.clone();
    }
    match &schema.kind {
        Kind::String => match schema.format {
            Some(Format::Date | Format::Instant | Format::DateOrTime) => "2026-11-30".into(),
            Some(Format::DateTime) => "2026-11-30T08:00:00Z".into(),
            Some(Format::TimeZone) => "Europe/Berlin".into(),
            None => "x".into(),
        },
        Kind::Integer(range) | Kind::Number(range) => {
            range.minimum.clone().map_or_else(|| json!(1), Value::from)
        }
        Kind::Boolean => json!(true),
        Kind::Array(items) => json!([of_schema(items)]),
        Kind::Object { properties, .. } => properties
            .iter()
            .map(|(name, schema)| (name.clone(), of_schema(schema)))
            .collect::<Map<_, _>>()
            .into(),
    }
}

/// Makes the arguments keep the tool's rules, and the param `keep` stay.
fn complete(tool: &Tool, arguments: &mut Arguments, keep: &str, sample: &dyn Fn(&Param) -> Value) {
    let param = |name: &str| tool.params.iter().find(|param| param.name == name);
    let value = |term: &Term| {
        let sampled = || param(&term.param).map(sample).unwrap_or_default();
        term.value.clone().unwrap_or_else(sampled)
    };
    let holds = |arguments: &Arguments, term: &Term| {
        let default = || match &param(&term.param)?.presence {
            Presence::Default(value) => Some(value),
            _ => None,
        };
        match (&term.value, arguments.get(&term.param)) {
            (None, given) => given.is_some(),
            (Some(value), given) => given.or_else(default) == Some(value),
        }
    };
    for _ in 0..4 {
        for (at, group) in tool.rules.one_of.iter().chain(&tool.rules.at_most_one_of).enumerate() {
            let given: Vec<_> = group.iter().filter(|term| holds(arguments, term)).collect();
            if let Some(chosen) = given.iter().find(|term| term.param == keep).or(given.first()) {
                for other in given.iter().filter(|term| *term != chosen) {
                    arguments.remove(&other.param);
                }
            } else if at < tool.rules.one_of.len() {
                arguments.insert(group[0].param.clone(), value(&group[0]));
            }
        }
        for group in &tool.rules.any_of {
            if !group.iter().any(|term| holds(arguments, term)) {
                arguments.insert(group[0].param.clone(), value(&group[0]));
            }
        }
        for (term, implied) in &tool.rules.implies {
            if holds(arguments, term) {
                for implied in implied {
                    arguments.insert(implied.param.clone(), value(implied));
                }
            }
        }
        for (term, needed) in &tool.rules.needs {
            for needed in needed {
                let is_other = needed.value.is_some() && arguments.contains_key(&needed.param);
                match holds(arguments, term) && !holds(arguments, needed) {
                    true if is_other && term.param != keep => drop(arguments.remove(&term.param)),
                    true => drop(arguments.insert(needed.param.clone(), value(needed))),
                    false => {}
                }
            }
        }
        let changes = &tool.rules.changes;
        if !changes.is_empty() && !changes.iter().any(|name| arguments.contains_key(name)) {
            let first = Term { param: changes[0].clone(), value: None };
            arguments.insert(changes[0].clone(), value(&first));
        }
    }
}

type Query = Vec<(String, String)>;

/// The query and the body that the call sends.
fn requested(
    tool: &Tool,
    template: &Template,
    arguments: Arguments,
) -> Result<(Query, Option<Value>), String> {
    let arguments = arguments::check(tool, arguments).map_err(|error| error.to_string())?;
    let places = tool.params.iter().map(|param| (param.name.as_str(), &param.place));
    let built = template
        .fill("https://api.example", places, &arguments)
        .map_err(|error| error.to_string())?;
    let query = built.url.split_once('?').map_or("", |(_, query)| query);
    let query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let body = built.body.map(|body| serde_json::from_str(&body).expect("a body is JSON"));
    Ok((query, body))
}

/// Reports why the service would refuse a request.
fn refusals(
    table: &Value,
    arguments: &Arguments,
    query: &Query,
    body: Option<&Value>,
    add: &mut dyn FnMut(String),
) {
    let operation = table.as_array().into_iter().flatten().find(|operation| {
        let mut when = operation["when"].as_object().into_iter().flatten();
        when.all(|(name, value)| arguments.get(name).is_none_or(|given| given == value))
    });
    let Some(operation) = operation.filter(|operation| operation["unknown"] != true) else {
        return add("its operation is not described".to_owned());
    };
    for (name, schema) in operation["query"].as_object().into_iter().flatten() {
        if schema["must"] == true && !query.iter().any(|(given, _)| given == name) {
            add(format!("query {name} is required"));
        }
    }
    for (name, value) in query {
        match operation["query"].get(name) {
            None => add(format!("query {name} is not described")),
            Some(schema) => of_query(schema, name, value, add),
        }
    }
    if let (Some(body), Some(schema)) = (body, operation.get("body").filter(|body| !body.is_null()))
    {
        for name in body.as_object().into_iter().flatten().map(|(name, _)| name) {
            if schema["properties"].is_object() && schema["properties"].get(name).is_none() {
                add(format!("body {name} is not described"));
            }
        }
        conforms(schema, body, "body", add);
    }
}

fn of_query(schema: &Value, name: &str, value: &str, add: &mut dyn FnMut(String)) {
    let place = format!("query {name}");
    let typed = |schema: &Value, text: &str| match schema["type"].as_str() {
        Some("integer" | "number" | "boolean") => {
            serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))
        }
        _ => Value::from(text),
    };
    if schema["type"] == "object" {
        // Some of Atlassian's descriptions call a list of texts an object.
    } else if schema["type"] == "array" {
        for part in value.split(',') {
            conforms(&schema["items"], &typed(&schema["items"], part), &place, add);
        }
    } else {
        conforms(schema, &typed(schema, value), &place, add);
    }
}

/// Reports where a value is not what the schema says.
fn conforms(schema: &Value, value: &Value, place: &str, add: &mut dyn FnMut(String)) {
    if let Some(options) = schema["any"].as_array().filter(|_| schema["type"].is_null()) {
        let fits = |option: &Value| {
            let mut problems = 0;
            conforms(option, value, place, &mut |_| problems += 1);
            problems == 0
        };
        if !options.iter().any(fits) && !value.is_null() {
            add(format!("{place} fits none of the described forms"));
        }
        return;
    }
    let is_of = |kind: &str| match kind {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => true,
    };
    if value.is_null() {
        if schema["type"].is_string() && schema["nullable"] != true {
            add(format!("{place} is null"));
        }
        return;
    }
    if let Some(kind) = schema["type"].as_str().filter(|kind| !is_of(kind)) {
        return add(format!("{place} is not of type {kind}"));
    }
    if schema["enum"].as_array().is_some_and(|values| !values.contains(value)) {
        add(format!("{place} has no value {value}"));
    }
    let number = value.as_f64();
    let bound = |name: &str| schema[name].as_f64();
    if number.zip(bound("minimum")).is_some_and(|(number, least)| number < least)
        || number.zip(bound("maximum")).is_some_and(|(number, most)| number > most)
    {
        add(format!("{place} {value} is out of bounds"));
    }
    let length = |name: &str| schema[name].as_u64().and_then(|length| usize::try_from(length).ok());
    if value
        .as_str()
        .zip(length("maxLength"))
        .is_some_and(|(text, most)| text.chars().count() > most)
    {
        add(format!("{place} is too long"));
    }
    if let Value::Array(entries) = value {
        if length("maxItems").is_some_and(|most| entries.len() > most) {
            add(format!("{place} has too many entries"));
        }
        for entry in entries {
            conforms(&schema["items"], entry, &format!("{place}[]"), add);
        }
    }
    if let Value::Object(members) = value {
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !members.contains_key(name) {
                add(format!("{place}.{name} is required"));
            }
        }
        for (name, member) in members {
            if let Some(schema) = schema["properties"].get(name) {
                conforms(schema, member, &format!("{place}.{name}"), add);
            }
        }
    }
}

/// Reports limits and values that the service describes and the tool does not have.
fn left_out(tool: &Tool, table: &Value, add: &mut dyn FnMut(String)) {
    for operation in table.as_array().into_iter().flatten() {
        for param in tool.params.iter().filter(|param| param.hook.is_none()) {
            let schema = match &param.place {
                ParamTarget::Query { name, .. } => operation["query"].get(name),
                ParamTarget::Body(names) => names
                    .iter()
                    .try_fold(&operation["body"], |schema, name| schema["properties"].get(name)),
                _ => None,
            };
            if let Some(schema) = schema {
                limits(&param.schema, schema, &param.name, add);
            }
        }
    }
}

fn limits(ours: &Schema, theirs: &Value, place: &str, add: &mut dyn FnMut(String)) {
    if let Some(values) = theirs["enum"].as_array() {
        if ours.choices.is_empty() && ours.kind == Kind::String {
            add(format!("{place} has no enum: {}", theirs["enum"]));
        }
        for value in
            values.iter().filter(|value| !ours.choices.is_empty() && !ours.choices.contains(value))
        {
            add(format!("{place} leaves out {value}"));
        }
    }
    let number = |name: &str| theirs[name].as_f64();
    if let Kind::Integer(range) | Kind::Number(range) = &ours.kind {
        let bound = |bound: &Option<serde_json::Number>| {
            bound.as_ref().and_then(serde_json::Number::as_f64)
        };
        if number("minimum")
            .is_some_and(|least| bound(&range.minimum).is_none_or(|ours| ours < least))
        {
            add(format!("{place} has no minimum {}", theirs["minimum"]));
        }
        if number("maximum")
            .is_some_and(|most| bound(&range.maximum).is_none_or(|ours| ours > most))
        {
            add(format!("{place} has no maximum {}", theirs["maximum"]));
        }
    }
    for (name, kind) in [("maxLength", "string"), ("maxItems", "array")] {
        let most = theirs[name].as_u64().and_then(|most| usize::try_from(most).ok());
        if ours.kind.name() == kind
            && ours.choices.is_empty()
            && most.is_some_and(|most| ours.longest.is_none_or(|longest| longest > most))
        {
            add(format!("{place} has no {name} {}", theirs[name]));
        }
    }
    match &ours.kind {
        Kind::Array(items) => limits(items, &theirs["items"], &format!("{place}[]"), add),
        Kind::Object { properties, .. } => {
            for (name, schema) in properties {
                limits(schema, &theirs["properties"][name], &format!("{place}.{name}"), add);
            }
        }
        _ => {}
    }
}
