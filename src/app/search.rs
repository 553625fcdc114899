//! The meta-tool `search_tools`: the tools for a request, each with what is needed to call it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

use serde_json::Value;

use super::meta_tools::{names, refuse_unknown};
use super::{App, Visible};
use crate::access::Caller;
use crate::engine::{Explained, Module, Tool};
use crate::error::{Code, Error};
use crate::json::Object;
use crate::mcp::handler::ToolResult;
use crate::mcp::message::wrong_type;
use crate::search::{Document, Index, Scope};
use crate::sync::lock;

/// The hits of a search that names no limit, and the most of any search.
const LIMIT: usize = 5;
const MOST: usize = 20;
/// A longer query is a text, and not the name of a task.
const LONGEST_QUERY: usize = 1_000;
/// The sets of visible tools that are kept with what is counted of their words; each is some 50 KB.
const SCOPES: usize = 32;

/// The index of all tools, made at the first search, and what is counted of the tools that callers see.
#[derive(Default)]
pub(super) struct Finder {
    index: OnceLock<Index>,
    scopes: Mutex<HashMap<Vec<bool>, Arc<Scope>>>,
}

impl Finder {
    fn index(&self, modules: &[Module]) -> &Index {
        self.index.get_or_init(|| {
            let tools = modules
                .iter()
                .flat_map(|module| module.tools.iter().map(move |tool| (module, tool)));
            Index::new(tools.map(|(module, tool)| Document {
                module: &module.name,
                module_title: &module.title,
                name: &tool.name,
                group: &tool.group,
                description: &tool.description,
                aliases: &tool.aliases,
                params: tool.params.iter().map(|param| param.name.as_str()).collect(),
                is_read_only: tool.is_read_only(),
            }))
        })
    }

    /// What is counted of these tools. The key is the whole set, so that callers with other tools never share it.
    fn scope(&self, index: &Index, seen: Vec<bool>) -> Arc<Scope> {
        if let Some(known) = lock(&self.scopes).get(&seen) {
            return Arc::clone(known);
        }
        let scope = Arc::new(index.scope(seen.clone()));
        let mut scopes = lock(&self.scopes);
        if scopes.len() >= SCOPES {
            scopes.clear();
        }
        scopes.insert(seen, Arc::clone(&scope));
        scope
    }
}

impl<'a> Visible<'a> {
    /// The tools that fit the query, the best first; of the named modules, or of all if none is named.
    ///
    /// # Errors
    /// [`Code::NotFound`] for a module that does not exist.
    pub fn search(
        &self,
        query: &str,
        modules: &[String],
        limit: usize,
    ) -> Result<Vec<(&'a Module, &'a Tool)>, Error> {
        for name in modules {
            self.module(name)?;
        }
        let finder = &self.app.finder;
        let all = self.app.registry().modules();
        let index = finder.index(all);
        let tools: Vec<(&Module, &Tool)> = all
            .iter()
            .flat_map(|module| module.tools.iter().map(move |tool| (module, tool)))
            .collect();
        let is_asked = |module: &Module| modules.is_empty() || modules.contains(&module.name);
        let seen = tools
            .iter()
            .map(|(module, tool)| is_asked(module) && self.includes(module, tool))
            .collect();
        let scope = finder.scope(index, seen);
        let hits = index.search(query, &scope, limit.min(MOST));
        Ok(hits.into_iter().map(|hit| tools[hit.document]).collect())
    }

    /// What a search found, as text: signatures, or that there is no tool for it.
    ///
    /// # Errors
    /// [`Code::NotFound`] for a module that does not exist.
    pub fn found(&self, query: &str, modules: &[String], limit: usize) -> Result<String, Error> {
        let hits = self.search(query, modules, limit)?;
        if hits.is_empty() {
            let names: Vec<&str> = self.modules().map(|module| module.name.as_str()).collect();
            let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            let within = if modules.is_empty() {
                String::new()
            } else {
                format!(" in {}", modules.join(", "))
            };
            return Ok(format!(
                "There is no tool for this{within}. Modules: {names}. If it should be possible with one of them, search again with other English words."
            ));
        }
        let mut explained = Explained::default();
        let mut states: HashMap<&str, Option<String>> = HashMap::new();
        let lines = hits.into_iter().map(|(module, tool)| {
            let accounts = self.accounts(module);
            let mut text = tool.signature(&module.name, &accounts, &mut explained);
            let state = states.entry(&module.name).or_insert_with(|| self.not_connected(module));
            if let Some(state) = state {
                text.push_str("\n  ");
                text.push_str(state);
            }
            text
        });
        Ok(lines.collect::<Vec<_>>().join("\n"))
    }

    /// What a call of the module's tools would report now because its service is not connected; `None` if it is.
    pub(super) fn not_connected(&self, module: &Module) -> Option<String> {
        let error = self.app.not_connected(module, &self.caller)?;
        Some(error.to_string())
    }
}

impl App {
    /// The error of a call because the module's service is not connected; `None` if it is, or if that cannot be known now.
    fn not_connected(&self, module: &Module, caller: &Caller) -> Option<Error> {
        let is_per_user = self.parts.broker.is_per_user();
        if is_per_user && (module.auth.is_none() || !self.accounts(module, caller).is_empty()) {
            return None;
        }
        let has_auth = module.auth.is_some();
        let credential = match self.credential(caller, module, None) {
            Ok(credential) => credential,
            Err(error) => {
                let codes = [Code::NotConnected, Code::ReconnectRequired];
                return (has_auth && codes.contains(&error.code())).then_some(error);
            }
        };
        self.connected(module, credential.as_ref()).err()
    }
}

/// Runs `search_tools`.
pub(super) fn run(visible: &Visible<'_>, arguments: &Object) -> Result<ToolResult, Error> {
    refuse_unknown(arguments, &["query", "modules", "module", "limit"])?;
    let query = match arguments.get("query") {
        Some(Value::String(query)) => query.trim(),
        Some(other) => return Err(wrong_type("query", "a string", other)),
        None => "",
    };
    if query.is_empty() {
        return Err(Error::invalid_params("query is missing")
            .with_hint("Say what is to be done, such as {\"query\": \"comment on an issue\"}."));
    }
    if query.chars().count() > LONGEST_QUERY {
        return Err(Error::invalid_params(format!(
            "query is longer than {LONGEST_QUERY} characters"
        ))
        .with_hint("Say in a few words what is to be done."));
    }
    let mut modules = names(arguments, "modules")?.unwrap_or_default();
    modules.extend(names(arguments, "module")?.unwrap_or_default());
    let limit = match arguments.get("limit") {
        None | Some(Value::Null) => LIMIT,
        Some(limit) => {
            // Some models write numbers as strings.
            let number = limit.as_u64().or_else(|| limit.as_str()?.parse().ok());
            number
                .and_then(|number| usize::try_from(number).ok())
                .filter(|number| (1..=MOST).contains(number))
                .ok_or_else(|| {
                    Error::invalid_params(format!("limit must be an integer from 1 to {MOST}"))
                })?
        }
    };
    Ok(ToolResult::text(visible.found(query, &modules, limit)?))
}
