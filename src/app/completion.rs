//! Suggests values for the variables of resource templates and the arguments of prompts, from the caller's own services.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::prompts::{self, filled, filled_text};
use super::resources::ACCOUNT_QUERY;
use super::{App, Visible};
use crate::cancellation::Cancellation;
use crate::engine::resource::Completion as Source;
use crate::engine::{ACCOUNT, Module, Tool, ToolCall};
use crate::error::Error;
use crate::json::Object;
use crate::mcp::context::Context;
use crate::mcp::handler::{Completion, Reference, Suggestions};

/// The maximum time for suggestions: a user who is typing does not wait longer.
const TIME: Duration = Duration::from_secs(5);

impl App {
    /// Suggests values. If they cannot be read now, the list is empty; that is not an error.
    ///
    /// # Errors
    /// [`Code::InvalidParams`](crate::error::Code::InvalidParams) for an unknown prompt, template or argument.
    pub(super) fn suggestions(
        &self,
        context: &Context,
        asked: &Completion,
    ) -> Result<Suggestions, Error> {
        let visible = self.visible(&context.caller, &context.view)?;
        let source = match &asked.reference {
            Reference::Resource(uri) => {
                let module = template(&visible, uri, &asked.argument)?;
                if asked.argument == ACCOUNT {
                    let mut values = visible.accounts(module);
                    values.retain(|account| begins_with(account, &asked.value));
                    return Ok(Suggestions { values, more: false });
                }
                module.completions.get(&asked.argument).map(|source| (module, source))
            }
            Reference::Prompt(name) => prompts::completion(&visible, name, &asked.argument)?,
        };
        let found = source.and_then(|(module, source)| {
            if !visible.permits(module, &source.tool) {
                return None;
            }
            self.ask(context, module, module.tool(&source.tool)?, source, asked)
        });
        Ok(found.unwrap_or_default())
    }

    fn ask(
        &self,
        context: &Context,
        module: &Module,
        tool: &Tool,
        source: &Source,
        asked: &Completion,
    ) -> Option<Suggestions> {
        let known = |name: &str| match name {
            "value" => Some(asked.value.clone()),
            name => asked.known.get(name).and_then(Value::as_str).map(str::to_owned),
        };
        let mut arguments = source
            .params
            .iter()
            .map(|(name, value)| Some((name.clone(), filled(value, &known)?)))
            .collect::<Option<Object>>()?;
        arguments.retain(|_, value| value != "");
        let after = source
            .after
            .as_ref()
            .map_or(Some(String::new()), |after| filled_text(after, &known))?;
        if let Some(account) = asked.known.get(ACCOUNT) {
            arguments.insert(ACCOUNT.to_owned(), account.clone());
        }
        let call = ToolCall {
            deadline: Instant::now() + TIME,
            ..self.tool_call(context, None, (module, tool))
        };
        let result = self.call(call, arguments, &Cancellation::default()).ok()?.value;
        let mut values: Vec<String> = Vec::new();
        for item in result["items"].as_array()? {
            let text = match &item[&source.field] {
                Value::String(text) => text.clone(),
                Value::Number(number) => number.to_string(),
                _ => continue,
            };
            let Some(value) = text.get(after.len()..).filter(|_| begins_with(&text, &after)) else {
                continue;
            };
            let value = source
                .until
                .as_deref()
                .and_then(|until| value.split_once(until))
                .map_or(value, |(value, _)| value);
            if begins_with(value, &asked.value) && !values.iter().any(|known| known == value) {
                values.push(value.to_owned());
            }
        }
        Some(Suggestions { values, more: result.get("next_cursor").is_some() })
    }
}

/// Returns the module of the template that has this variable.
fn template<'a>(visible: &Visible<'a>, uri: &str, variable: &str) -> Result<&'a Module, Error> {
    let template = uri.strip_suffix(ACCOUNT_QUERY).unwrap_or(uri);
    let known = visible.app.registry().modules().iter().find_map(|module| {
        let mut resources = visible.resources_of(module);
        resources.find(|resource| resource.uri == template).map(|resource| (module, resource))
    });
    let (module, resource) = known.ok_or_else(|| {
        Error::invalid_params(format!("unknown resource template {uri:?}"))
            .with_hint("resources/templates/list names those that exist.")
    })?;
    if variable == ACCOUNT || resource.variables().any(|name| name == variable) {
        return Ok(module);
    }
    let names: Vec<_> = resource.variables().collect();
    Err(Error::invalid_params(format!("the template has no variable {variable:?}"))
        .with_hint(format!("It has: {}.", names.join(", "))))
}

/// Returns whether the text begins with the typed text, in any case, because users type names in lower case.
fn begins_with(text: &str, beginning: &str) -> bool {
    text.to_lowercase().starts_with(&beginning.to_lowercase())
}
