//! The meta-tools, which replace all other tools so that a client's context stays small: their definitions and arguments.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::batch::params_of;
use crate::engine::ACCOUNT;
use crate::error::{Error, quoted};
use crate::json::Object;
use crate::mcp::handler::Item;
use crate::mcp::message::wrong_type;

pub(super) const SEARCH: &str = "search_tools";
pub(super) const SCHEMA: &str = "get_module_schema";
pub(super) const READ: &str = "read";
pub(super) const CALL: &str = "call";
pub(super) const BATCH: &str = "batch";

/// What the definitions depend on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Audience {
    /// The modules that the caller sees.
    pub modules: Vec<String>,
    /// Whether the caller has several accounts of one of them.
    pub several_accounts: bool,
    /// Whether the caller may have to send a code back to confirm a call.
    pub has_codes: bool,
    /// Whether tools that write do not exist.
    pub read_only: bool,
}

/// The definitions of the meta-tools.
pub(super) fn definitions(audience: &Audience) -> Vec<Arc<Item>> {
    let modules = &audience.modules;
    let modules = if modules.is_empty() { "none".to_owned() } else { modules.join(", ") };
    let batch_annotations = if audience.read_only {
        json!({"readOnlyHint": true, "openWorldHint": true})
    } else {
        json!({"readOnlyHint": false, "destructiveHint": true, "openWorldHint": true})
    };
    let mut definitions = [
        search_definition(&modules),
        schema_definition(),
        read_definition(),
        call_definition(),
        batch_definition(&batch_annotations),
    ];
    for definition in &mut definitions {
        let name = definition["name"].as_str().unwrap_or_default().to_owned();
        let properties = &mut definition["inputSchema"]["properties"];
        if audience.has_codes && !audience.read_only && [CALL, BATCH].contains(&name.as_str()) {
            properties["confirm"] = json!({"type": "string", "description": format!("Code that confirms the {name}, when one was asked for.")});
        }
        // Claude Code may otherwise look for tools by name before it loads these.
        definition["_meta"] = json!({"anthropic/alwaysLoad": true});
        let properties = &mut definition["inputSchema"]["properties"];
        if audience.several_accounts {
            let account = json!({"type": "string", "description": "Account of the module, where its signatures name several."});
            match name.as_str() {
                READ | CALL => properties[ACCOUNT] = account,
                BATCH => properties["calls"]["items"]["properties"][ACCOUNT] = account,
                _ => {}
            }
        }
    }
    let all = definitions.iter();
    all.filter(|definition| !audience.read_only || definition["name"] != CALL)
        .map(|definition| Arc::new(Item::new(definition)))
        .collect()
}

/// Finds tools.
fn search_definition(modules: &str) -> Value {
    json!({
        "name": SEARCH,
        "title": "Find tools",
        "description": format!(
            "Find the tools for one task, with all that is needed to call them. Say in English what is to be done. In the signatures `?` is optional, and a parameter without a type is a string. Modules: {modules}."
        ),
        "inputSchema": {
            "type": "object",
            "properties": {
                "query": {"type": "string", "description": "Such as \"close an issue\"."},
                "modules": {"type": "array", "items": {"type": "string"}, "description": "Only these modules."},
                "limit": {"type": "integer", "minimum": 1, "maximum": 20, "default": 5}
            },
            "required": ["query"],
            "additionalProperties": false
        },
        "annotations": {"readOnlyHint": true, "openWorldHint": false}
    })
}

/// Describes modules and tools.
fn schema_definition() -> Value {
    json!({
        "name": SCHEMA,
        "title": "Get a module's tools",
        "description": "Modules, their groups, or signatures of tools: without arguments the modules; of a large module an index, then name groups or tools.",
        "inputSchema": {
            "type": "object",
            "properties": {
                "modules": {"type": "array", "items": {"type": "string"}},
                "groups": {"type": "array", "items": {"type": "string"}, "description": "Such as \"github.issues\"."},
                "tools": {"type": "array", "items": {"type": "string"}, "description": "Such as \"github.get_issue\"."},
                "format": {"type": "string", "enum": ["text", "json"], "description": "json: JSON Schema."}
            },
            "additionalProperties": false
        },
        "annotations": {"readOnlyHint": true, "openWorldHint": false}
    })
}

/// Runs tools that only read.
fn read_definition() -> Value {
    json!({
        "name": READ,
        "title": "Read with a tool",
        "description": "Run a tool whose signature ends in `read`: it changes nothing. Or several of them: `calls`, as batch takes them.",
        "inputSchema": {
            "type": "object",
            "properties": {
                "module": {"type": "string", "description": "Module, such as \"github\"."},
                "tool": {"type": "string", "description": "Tool of the module, such as \"list_issues\"."},
                "params": {"type": "object", "description": "The tool's parameters."},
                "calls": {"type": "array", "description": "Instead of one tool.", "items": {"type": "object"}}
            },
            "additionalProperties": false
        },
        "annotations": {"readOnlyHint": true, "openWorldHint": true}
    })
}

/// Runs any tool.
fn call_definition() -> Value {
    json!({
        "name": CALL,
        "title": "Call a tool",
        "description": "Call one tool, also one that changes something.",
        "inputSchema": {
            "type": "object",
            "properties": {
                "module": {"type": "string", "description": "Module, such as \"github\"."},
                "tool": {"type": "string", "description": "Tool of the module, such as \"list_issues\"."},
                "params": {"type": "object", "description": "The tool's parameters."}
            },
            "required": ["module", "tool"],
            "additionalProperties": false
        },
        "annotations": {"readOnlyHint": false, "destructiveHint": true, "openWorldHint": true}
    })
}

/// Runs several tools.
fn batch_definition(annotations: &Value) -> Value {
    json!({
        "name": BATCH,
        "title": "Call several tools",
        "description": "Make up to 20 calls at once. A line runs beside the others unless it waits: for the ids in `after`, or for a result it \
            uses in params as ${id.items[0].field}. Only lines with output true give their result back.",
        "inputSchema": {
            "type": "object",
            "properties": {
                "calls": {
                    "type": "array",
                    "description": "The calls; JSONL text works too.",
                    "items": {
                        "type": "object",
                        "properties": {
                            "id": {"type": "string"},
                            "module": {"type": "string"},
                            "tool": {"type": "string"},
                            "params": {"type": "object"},
                            "after": {"type": "array", "items": {"type": "string"}},
                            "output": {"type": "boolean"}
                        },
                        "required": ["id", "module", "tool"]
                    }
                }
            },
            "required": ["calls"],
            "additionalProperties": false
        },
        "annotations": annotations
    })
}

/// The arguments of `call`.
pub(super) struct Called {
    pub module: String,
    pub tool: String,
    /// The tool's own arguments, including the account.
    pub params: Object,
    /// The code that confirms the call.
    pub confirm: Option<String>,
}

impl Called {
    pub(super) fn read(mut arguments: Object) -> Result<Self, Error> {
        refuse_unknown(&arguments, &["module", "tool", "params", "confirm", ACCOUNT])?;
        let account = arguments.shift_remove(ACCOUNT);
        let confirm = code(arguments.shift_remove("confirm"))?;
        let mut text = |name: &str| match arguments.shift_remove(name) {
            Some(Value::String(text)) => Ok(text),
            Some(other) => Err(wrong_type(name, "a string", &other)),
            None => Err(Error::invalid_params(format!("{name} is missing")).with_hint(
                "Such as {\"module\": \"github\", \"tool\": \"get_repository\", \"params\": {…}}.",
            )),
        };
        let (module, tool) = (text("module")?, text("tool")?);
        let mut params = params_of(arguments.shift_remove("params")).map_err(|problem| {
            Error::invalid_params(problem).with_hint("Send the tool's parameters by name.")
        })?;
        if let Some(account) = account.filter(|account| !account.is_null()) {
            params.insert(ACCOUNT.to_owned(), account);
        }
        Ok(Self { module, tool, params, confirm })
    }
}

/// The code that confirms a call or a batch.
pub(super) fn code(confirm: Option<Value>) -> Result<Option<String>, Error> {
    match confirm {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(code)) => Ok(Some(code)),
        Some(_) => Err(Error::invalid_params("confirm must be a string")),
    }
}

pub(super) fn names(arguments: &Object, name: &str) -> Result<Option<Vec<String>>, Error> {
    let wrong = || {
        Error::invalid_params(format!("{name} must be an array of strings"))
            .with_hint(format!("Such as {{\"{name}\": [\"github\"]}}."))
    };
    match arguments.get(name) {
        None | Some(Value::Null) => Ok(None),
        // Some models write a single name, or an array as a JSON string.
        Some(Value::String(text)) => {
            Ok(Some(serde_json::from_str(text).unwrap_or_else(|_| vec![text.clone()])))
        }
        Some(Value::Array(entries)) => entries
            .iter()
            .map(|entry| entry.as_str().map(str::to_owned).ok_or_else(wrong))
            .collect::<Result<_, _>>()
            .map(Some),
        Some(_) => Err(wrong()),
    }
}

pub(super) fn refuse_unknown(arguments: &Object, known: &[&str]) -> Result<(), Error> {
    match arguments.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => {
            Err(Error::invalid_params(format!("argument {} does not exist", quoted(name)))
                .with_hint(format!("Known: {}.", known.join(", "))))
        }
        None => Ok(()),
    }
}
