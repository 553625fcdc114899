//! Every built-in module: its promises, its published form, and each tool against its service.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mcpist::access::{Credential, Scheme};
use mcpist::engine::{Connection, MAX_TOOL_NAME, Module, Tool, Work};
use mcpist::error::Error;
use mcpist::modules::Registry;
use mcpist::secret::Secret;
use mcpist::upstream::{Method, Upstream, UpstreamConfig};
use serde_json::{Map, Value, json};

use crate::fake_upstream::{Answer, Exchange, FakeUpstream, call_tool};

const SECRET: &str = "a-token-that-must-not-leak";

pub fn folder(name: &str) -> PathBuf {
    repository("tests").join(name)
}

/// A file of the repository.
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Fails unless the file holds this text; writes it instead when results are to be written.
pub fn check_written(path: &Path, text: &str) {
    if fs::read_to_string(path).is_ok_and(|written| written == text) {
        return;
    }
    assert!(updating(), "{} is stale; UPDATE_SNAPSHOTS=1 cargo test writes it", path.display());
    fs::write(path, text).expect("the file can be written");
}

/// Whether the files that hold results are to be written instead of compared.
pub fn updating() -> bool {
    std::env::var_os("UPDATE_SNAPSHOTS").is_some_and(|value| value == "1")
}

pub fn registry() -> Registry {
    Registry::built_in().unwrap_or_else(|findings| {
        panic!("{}", findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    })
}

/// Calls `check` with every built-in tool and fails with everything that it complains about.
pub fn for_every_tool(check: impl Fn(&Module, &Tool) -> Vec<String>) {
    let registry = registry();
    let tools = registry
        .modules()
        .iter()
        .flat_map(|module| module.tools.iter().map(move |tool| (module, tool)));
    let complaints: Vec<_> = tools
        .flat_map(|(module, tool)| {
            check(module, tool).into_iter().map(|what| format!("{}: {what}", tool.published_name))
        })
        .collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

pub fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).expect("JSON is always written") + "\n"
}

#[test]
fn every_tool_does_what_its_case_says() {
    check_files_match_tools("modules");
    let upstream = Upstream::new(UpstreamConfig {
        first_backoff: Duration::from_millis(1),
        ..UpstreamConfig::default()
    });
    for_every_tool(|module, tool| {
        let path = folder("modules").join(&module.name).join(format!("{}.json", tool.name));
        let text = fs::read_to_string(&path).expect("every tool has a case");
        let mut case: Value = match serde_json::from_str(&text) {
            Ok(case) => case,
            Err(error) => return vec![format!("its case is not JSON: {error}")],
        };
        let fake =
            FakeUpstream::new(case["exchanges"].as_array().into_iter().flatten().map(exchange));
        let outcome = run(&upstream, module, tool, &case, &fake.url());
        let mut complaints = fake.complaints();

        let (name, actual) = match &outcome {
            Ok(result) => ("result", result.clone()),
            Err(error) => ("error", json!({"code": error.code().reply().name})),
        };
        if case.get(name) != Some(&actual) {
            if updating() && complaints.is_empty() && outcome.is_ok() {
                case[name] = actual;
                fs::write(&path, pretty(&case)).expect("the case can be written");
            } else {
                let told = outcome.map_or_else(|error| error.to_string(), |result| pretty(&result));
                let expected =
                    case.get("result").or(case.get("error")).map_or_else(String::new, pretty);
                complaints.push(format!("expected {expected}\ngot {name} {told}"));
            }
        }
        complaints
    });
}

fn run(
    upstream: &Upstream,
    module: &Module,
    tool: &Tool,
    case: &Value,
    base_url: &str,
) -> Result<Value, Error> {
    let secret = Secret::new(SECRET.to_owned());
    let credential = Credential { scheme: Scheme::Bearer, secret, account: None, base_url: None };
    call_tool(
        upstream,
        (module, tool),
        Connection { credential: Some(&credential), base_url },
        case["arguments"].as_object().cloned().unwrap_or_default(),
    )
}

/// An exchange as a case file writes it.
fn exchange(written: &Value) -> Exchange {
    let (request, answer) = (&written["request"], &written["answer"]);
    let pairs = |headers: &Value| -> Vec<(String, String)> {
        let headers = headers.as_object().into_iter().flatten();
        headers
            .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
            .collect()
    };
    let body = match (answer.get("body"), answer["text"].as_str()) {
        (Some(body), _) => body.to_string(),
        (None, text) => text.unwrap_or_default().to_owned(),
    };
    Exchange {
        method: request["method"].as_str().unwrap_or_default().to_owned(),
        target: request["target"].as_str().unwrap_or_default().to_owned(),
        headers: pairs(&request["headers"]),
        body: request.get("body").cloned(),
        text: request["text"].as_str().map(str::to_owned),
        answer: Answer::Whole {
            status: answer["status"]
                .as_u64()
                .and_then(|status| u16::try_from(status).ok())
                .unwrap_or(200),
            headers: pairs(&answer["headers"]),
            body: body.into_bytes(),
        },
    }
}

#[test]
fn every_tool_is_published_as_its_snapshot_says() {
    for_every_tool(|module, tool| {
        let path = folder("snapshots").join(&module.name).join(format!("{}.json", tool.name));
        let published = pretty(&tool.published(&[]));
        if fs::read_to_string(&path).is_ok_and(|text| text == published) {
            return Vec::new();
        }
        if updating() {
            fs::create_dir_all(path.parent().expect("a file has a folder"))
                .expect("the folder can be made");
            fs::write(&path, published).expect("the snapshot can be written");
            return Vec::new();
        }
        vec![format!("differs from {}; UPDATE_SNAPSHOTS=1 writes it", path.display())]
    });
    check_files_match_tools("snapshots");
}

/// Fails unless `tests/<kind>/<module>/<tool>.json` is there for every tool and for nothing else.
fn check_files_match_tools(kind: &str) {
    let name = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let entries = |folder: &Path| {
        let entries = fs::read_dir(folder).expect("the folder can be read");
        entries.map(|entry| entry.expect("the folder can be read").path()).collect::<Vec<_>>()
    };
    let mut files = BTreeSet::new();
    let registry = registry();
    for module in entries(&folder(kind)) {
        files.extend(entries(&module).iter().map(|file| (name(&module), name(file))));
    }
    let tools = registry
        .modules()
        .iter()
        .flat_map(|m| m.tools.iter().map(|tool| (m.name.clone(), tool.name.clone())));
    let tools: BTreeSet<_> = tools.collect();
    let difference: Vec<_> = files.symmetric_difference(&tools).collect();
    assert!(
        difference.is_empty(),
        "tests/{kind}: files without a tool, or tools without a file: {difference:?}"
    );
}

#[test]
fn every_tool_keeps_the_promises_to_clients() {
    for_every_tool(|module, tool| {
        let mut broken = Vec::new();
        let mut promise = |kept: bool, what: &str| {
            if !kept {
                broken.push(what.to_owned());
            }
        };
        let name = &tool.published_name;
        promise(name.len() <= MAX_TOOL_NAME, "its name is too long");
        promise(
            name.bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'),
            "its name has other characters than a-z, 0-9 and _",
        );
        promise(*name == format!("{}_{}", module.name, tool.name), "its name lacks the module's");
        let description = tool.description.chars().count();
        promise(
            (1..=400).contains(&description),
            "its description is empty or longer than 400 characters",
        );
        promise(tool.docs.starts_with("https://"), "docs is not a https URL");

        let hints = &tool.annotations;
        promise(hints.read_only.is_some(), "readOnlyHint is missing");
        promise(
            hints.read_only == Some(true) || hints.destructive.is_some(),
            "destructiveHint is missing on a tool that writes: clients take its absence for true",
        );
        promise(
            !(hints.read_only == Some(true) && hints.destructive == Some(true)),
            "it is read-only and destructive",
        );
        if let Work::Request(template, _) = &tool.work {
            promise(
                template.method != Method::Get || hints.read_only == Some(true),
                "a GET must be read-only",
            );
            // With some services, DELETE undoes an effect that can be repeated (a star, a link); a tool called `delete` removes
            // for good.
            promise(
                !tool.name.starts_with("delete_") || hints.destructive == Some(true),
                "a tool that deletes must be destructive",
            );
        }
        let published = tool.published(&[]);
        for member in ["name", "description", "inputSchema", "annotations"] {
            promise(published.get(member).is_some(), &format!("{member} is not published"));
        }
        let schema = &published["inputSchema"];
        promise(
            schema["type"] == "object" && schema["additionalProperties"] == false,
            "its schema is not closed",
        );
        unsafe_parts(schema, "inputSchema", &mut broken);
        broken
    });
}

/// Returns features of a schema that some client would not understand, at any depth.
fn unsafe_parts(schema: &Value, place: &str, found: &mut Vec<String>) {
    const KNOWN: [&str; 12] = [
        "type",
        "format",
        "description",
        "enum",
        "default",
        "minimum",
        "maximum",
        "maxItems",
        "maxLength",
        "items",
        "properties",
        "required",
    ];
    let Some(members) = schema.as_object() else {
        found.push(format!("{place} is not an object"));
        return;
    };
    for member in members
        .keys()
        .filter(|name| !KNOWN.contains(&name.as_str()) && *name != "additionalProperties")
    {
        found.push(format!("{place} has `{member}`"));
    }
    // Gemini's API refuses every other one.
    if schema.get("format").is_some_and(|format| format != "date-time") {
        found.push(format!("{place} has the format {}", schema["format"]));
    }
    if !schema["type"].is_string() {
        found.push(format!("{place} has no single type"));
    }
    if schema["type"] == "array" {
        unsafe_parts(&schema["items"], &format!("{place}.items"), found);
    }
    let empty = Map::new();
    let properties = schema["properties"].as_object().unwrap_or(&empty);
    for (name, property) in properties {
        unsafe_parts(property, &format!("{place}.{name}"), found);
    }
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !properties.contains_key(name) {
            found.push(format!("{place} requires `{name}`, which it has not"));
        }
    }
}
