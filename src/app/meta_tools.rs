//! The meta-tools, which replace all other tools so that a client's context stays small: `get_module_schema`, `call` and
//! `batch`.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Visible;
use crate::engine::{ACCOUNT, Module, Tool};
use crate::error::{Error, quoted};
use crate::json::Object;
use crate::mcp::handler::{Item, ToolResult};
use crate::mcp::message::wrong_type;

pub(super) const SCHEMA: &str = "get_module_schema";
pub(super) const CALL: &str = "call";
pub(super) const BATCH: &str = "batch";

/// Returns the definitions for a caller who sees these modules. The caller may have several accounts of a module. `has_codes`:
/// whether the caller may have to send back a code that confirms a call.
pub(super) fn definitions(
    modules: &[String],
    several_accounts: bool,
    has_codes: bool,
) -> Vec<Arc<Item>> {
    let modules = if modules.is_empty() { "none".to_owned() } else { modules.join(", ") };
    let mut definitions = [
        json!({
            "name": SCHEMA,
            "title": "Get a module's tools",
            "description": format!(
                "List the tools of modules, with parameters. Use it before the first call to a module; without arguments it lists the modules. Modules: {modules}."
            ),
            "inputSchema": {
                "type": "object",
                "properties": {
                    "modules": {"type": "array", "items": {"type": "string"}, "description": "Modules to list."},
                    "tools": {"type": "array", "items": {"type": "string"}, "description": "Only these tools."}
                },
                "additionalProperties": false
            },
            "annotations": {"readOnlyHint": true, "openWorldHint": false}
        }),
        json!({
            "name": CALL,
            "title": "Call a tool",
            "description": "Call one tool of a module. Its parameters are in get_module_schema.",
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
        }),
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
            "annotations": {"readOnlyHint": false, "destructiveHint": true, "openWorldHint": true}
        }),
    ];
    if has_codes {
        for (definition, what) in definitions[1..].iter_mut().zip(["call", "batch"]) {
            definition["inputSchema"]["properties"]["confirm"] = json!({"type": "string", "description": format!("Code that confirms the {what}, when one was asked for.")});
        }
    }
    if several_accounts {
        let account = json!({"type": "string", "description": "Account of the module, where get_module_schema lists several."});
        definitions[2]["inputSchema"]["properties"]["calls"]["items"]["properties"][ACCOUNT] =
            account.clone();
        definitions[1]["inputSchema"]["properties"][ACCOUNT] = account;
    }
    definitions.iter().map(|definition| Arc::new(Item::new(definition))).collect()
}

/// Runs `get_module_schema`.
pub(super) fn schema(visible: &Visible<'_>, arguments: &Object) -> Result<ToolResult, Error> {
    refuse_unknown(arguments, &["modules", "tools"])?;
    let (modules, tools) = (names(arguments, "modules")?, names(arguments, "tools")?);
    let listed: Vec<Value> = match modules {
        None => visible
            .modules()
            .map(|module| described(visible, module, json!(visible.tools_of(module).count())))
            .collect(),
        Some(modules) => modules
            .iter()
            .map(|name| {
                let module = visible.module(name)?;
                let tools: Vec<&Tool> = match &tools {
                    None => visible.tools_of(module).collect(),
                    Some(tools) => tools
                        .iter()
                        .map(|tool| Ok(visible.tool(name, tool)?.1))
                        .collect::<Result<_, Error>>()?,
                };
                let accounts = visible.accounts(module);
                let tools: Vec<Value> = tools
                    .into_iter()
                    .map(|tool| {
                        // The accounts are listed next to the tools, but not every tool can read all of them at once.
                        let mut published = tool.published(if tool.across_accounts.is_some() {
                            &accounts
                        } else {
                            &[]
                        });
                        // Within its module, a tool has its short name: the prefix would cost tokens on every line.
                        published["name"] = json!(tool.name);
                        published
                    })
                    .collect();
                Ok(described(visible, module, tools.into()))
            })
            .collect::<Result<_, Error>>()?,
    };
    Ok(ToolResult::text(json!({"modules": listed}).to_string()))
}

/// A module with the accounts that its calls can choose from.
fn described(visible: &Visible<'_>, module: &Module, tools: Value) -> Value {
    let mut described = json!({"module": module.name, "description": module.description});
    let accounts = visible.accounts(module);
    if accounts.len() > 1 {
        described["accounts"] = accounts.into();
    }
    described["tools"] = tools;
    described
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
        let mut text = |name: &str| {
            match arguments.shift_remove(name) {
            Some(Value::String(text)) => Ok(text),
            Some(other) => Err(wrong_type(name, "a string", &other)),
            None => Err(Error::invalid_params(format!("{name} is missing"))
                .with_hint("call takes {\"module\": \"github\", \"tool\": \"get_repository\", \"params\": {…}}.")),
        }
        };
        let (module, tool) = (text("module")?, text("tool")?);
        let mut params = match arguments.shift_remove("params") {
            None | Some(Value::Null) => Object::new(),
            Some(Value::Object(params)) => params,
            // Some models write an object as a JSON string.
            Some(Value::String(text)) => serde_json::from_str(&text).map_err(|error| {
                Error::invalid_params(format!(
                    "params must be an object; as a string it is not the JSON of one: {error}"
                ))
            })?,
            Some(_) => {
                return Err(Error::invalid_params("params must be an object")
                    .with_hint("Send the tool's parameters by name."));
            }
        };
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

fn names(arguments: &Object, name: &str) -> Result<Option<Vec<String>>, Error> {
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
