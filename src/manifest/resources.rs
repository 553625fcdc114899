//! Reads a module's resources and completions.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::location::{FILE, Location};
use super::raw;
use super::read::{Reader, is_snake_case};
use crate::engine::output::Output;
use crate::engine::resource::{Completion, MediaType, Resource, Segment};
use crate::engine::schema::Kind;
use crate::engine::{Module, Presence, Tool, Work};
use crate::json::Object;

/// Reads a module's resources, each checked on its own.
pub fn read(reader: &mut Reader<'_>, scheme: &str, written: Vec<Value>) -> Vec<Resource> {
    let mut resources: Vec<Resource> = Vec::new();
    for (at, value) in written.into_iter().enumerate() {
        let uri = value["uri"].as_str().map(str::to_owned);
        let place = FILE.numbered("resource", "resources", at, uri.as_deref());
        let Some(resource) =
            reader.part(place, value).and_then(|raw| resource(reader, place, scheme, raw))
        else {
            continue;
        };
        // The fixed parts decide between two matching resources; these two have the same ones.
        if let Some(other) = resources.iter().find(|other| shape(other) == shape(&resource)) {
            reader.add(place, format!("fits the same URIs as `{}`", other.uri));
        }
        resources.push(resource);
    }
    resources
}

/// Reads a module's completions, each checked on its own.
pub fn completions(reader: &mut Reader<'_>, written: Object) -> BTreeMap<String, Completion> {
    written
        .into_iter()
        .filter_map(|(name, value)| {
            Some((
                name.clone(),
                reader.part(FILE.entry("completion", "completions", &name), value)?,
            ))
        })
        .collect()
}

/// Checks that the module's tools can provide its resources and completions. `uris` are the URIs of all resources in the file.
pub fn check(reader: &mut Reader<'_>, module: &Module, uris: &[Option<String>]) {
    for resource in &module.resources {
        let at =
            uris.iter().position(|uri| uri.as_ref() == Some(&resource.uri)).unwrap_or_default();
        let place = FILE.numbered("resource", "resources", at, Some(&resource.uri));
        let Some(tool) = read_only(reader, place, module, &resource.tool) else { continue };
        let given: Vec<&str> = resource.params().collect();
        check_params(reader, place, tool, &given);
        for param in tool.params.iter().filter(|param| given.contains(&param.name.as_str())) {
            if matches!(param.schema.kind, Kind::Array(_) | Kind::Object { .. }) {
                reader.add(
                    place,
                    format!("`{}` is a list or an object, which no URI holds", param.name),
                );
            }
        }
        let mime_type = match &tool.work {
            Work::Handler(_) => resource.mime_type,
            Work::Request(_, Output::Document { .. }) => MediaType::Markdown,
            Work::Request(_, Output::Text { .. }) => MediaType::Text,
            Work::Request(..) => MediaType::Json,
        };
        if resource.mime_type != mime_type {
            reader.add(
                place,
                format!("`mime_type` must be {}, as the tool gives it", json!(mime_type)),
            );
        }
    }
    for (name, completion) in &module.completions {
        let place = FILE.entry("completion", "completions", name);
        let Some(tool) = read_only(reader, place, module, &completion.tool) else { continue };
        check_params(
            reader,
            place,
            tool,
            &completion.params.keys().map(String::as_str).collect::<Vec<_>>(),
        );
        for param in &tool.params {
            if let Some(value) =
                completion.params.get(&param.name).filter(|value| !param.schema.accepts(value))
            {
                reader.add(place, format!("`{}` cannot be {value}", param.name));
            }
        }
        match &tool.work {
            Work::Request(_, Output::List { fields, .. })
                if fields.iter().any(|field| field.name == completion.field) => {}
            _ => {
                reader.add(
                    place,
                    format!("`{}` is not a field of the tool's items", completion.field),
                );
            }
        }
    }
}

/// Returns the URI without the names of its variables.
fn shape(resource: &Resource) -> Vec<&str> {
    let segments = resource.segments.iter();
    segments
        .map(|segment| match segment {
            Segment::Text(text) => text.as_str(),
            Segment::Variable { .. } => "{}",
            Segment::Rest { .. } => "{+}",
        })
        .collect()
}

fn resource(
    reader: &mut Reader<'_>,
    place: Location<'_>,
    scheme: &str,
    raw: raw::Resource,
) -> Option<Resource> {
    if raw.name.trim().is_empty() || raw.description.trim().is_empty() {
        reader.add(place, "`name` and `description` must say something");
    }
    let segments = segments(reader, place, scheme, &raw)?;
    let raw::Resource { uri, name, title, description, mime_type, tool, .. } = raw;
    Some(Resource { uri, segments, name, title, description, mime_type, tool })
}

fn segments(
    reader: &mut Reader<'_>,
    place: Location<'_>,
    scheme: &str,
    raw: &raw::Resource,
) -> Option<Vec<Segment>> {
    let Some(path) = raw.uri.strip_prefix(scheme).and_then(|rest| rest.strip_prefix("://")) else {
        reader.add(place, format!("must begin with `{scheme}://`, the module's name"));
        return None;
    };
    let unreserved = |text: &str| {
        !matches!(text, "" | "." | "..")
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
    };
    let mut names: Vec<String> = Vec::new();
    let mut variable = |name: &str| {
        names.push(name.to_owned());
        (name.to_owned(), raw.params.get(name).cloned().unwrap_or_else(|| name.to_owned()))
    };
    let count = path.split('/').count();
    let segments: Option<Vec<_>> = path
        .split('/')
        .enumerate()
        .map(|(at, text)| match text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) {
            None => unreserved(text).then(|| Segment::Text(text.to_owned())),
            Some(name) if is_snake_case(name) => {
                let (name, param) = variable(name);
                Some(Segment::Variable { name, param })
            }
            Some(name) => {
                let (name, param) = variable(
                    name.strip_prefix('+').filter(|name| at + 1 == count && is_snake_case(name))?,
                );
                Some(Segment::Rest { name, param })
            }
        })
        .collect();
    if segments.is_none() {
        reader.add(
            place,
            "is not a resource URI: between slashes it has a text of letters, digits and `-._~`, or a `{variable}`; the last may be `{+variable}`",
        );
    }
    for (at, name) in names.iter().enumerate() {
        if names[..at].contains(name) {
            reader.add(place, format!("has `{name}` twice"));
        }
    }
    for name in raw.params.keys().filter(|name| !names.contains(name)) {
        reader.add(place, format!("the URI has no variable `{name}`"));
    }
    segments
}

fn read_only<'a>(
    reader: &mut Reader<'_>,
    place: Location<'_>,
    module: &'a Module,
    name: &str,
) -> Option<&'a Tool> {
    let tool = module.tools.iter().find(|tool| tool.name == name && tool.is_read_only());
    if tool.is_none() {
        reader.add(place, format!("`{name}` is not a tool of this module that only reads"));
    }
    tool
}

/// Checks that the given params belong to the tool and are sufficient.
fn check_params(reader: &mut Reader<'_>, place: Location<'_>, tool: &Tool, given: &[&str]) {
    for name in given.iter().filter(|name| !tool.params.iter().any(|param| param.name == **name)) {
        reader.add(place, format!("the tool has no param `{name}`"));
    }
    for param in tool.params.iter().filter(|param| {
        param.presence == Presence::Required && !given.contains(&param.name.as_str())
    }) {
        reader.add(place, format!("the tool needs `{}`", param.name));
    }
}
