//! The modules' resources: content that the caller can read by URI, with the same checks as a call of the tool that reads it.

use std::sync::Arc;

use serde_json::{Value, json};

use super::clean::UNTRUSTED;
use super::{App, Visible, render};
use crate::engine::resource::{Resource, ResourceUri};
use crate::engine::{ACCOUNT, Module};
use crate::error::{Code, Error};
use crate::mcp::call::Call;
use crate::mcp::handler::{Item, resource_not_found};

/// Follows the template if there are accounts to choose from (RFC 6570 §3.2.8).
pub(super) const ACCOUNT_QUERY: &str = "{?account}";

impl<'a> Visible<'a> {
    /// Returns the resources of a module whose tools exist for the caller.
    pub(super) fn resources_of(&self, module: &'a Module) -> impl Iterator<Item = &'a Resource> {
        module.resources.iter().filter(|resource| self.permits(module, &resource.tool))
    }
}

/// Returns the resources, or their templates. The content of a service is not listed: that would ask every service at each
/// listing, for a list without an end. So `resources/list` has only resources whose URI has no variables.
pub(super) fn list(visible: &Visible<'_>, templates: bool) -> Vec<Arc<Item>> {
    let mut items = Vec::new();
    for module in visible.app.registry().modules() {
        let mut resources = visible
            .resources_of(module)
            .filter(|resource| resource.is_template() == templates)
            .peekable();
        if resources.peek().is_none() {
            continue;
        }
        let accounts = visible.accounts(module);
        for resource in resources {
            let uri = &resource.uri;
            let mut add = |uri: String| {
                let mut definition = json!({if templates { "uriTemplate" } else { "uri" }: uri, "name": resource.name});
                if let Some(title) = &resource.title {
                    definition["title"] = json!(title);
                }
                definition["description"] = json!(resource.description);
                definition["mimeType"] = json!(resource.mime_type);
                items.push(Arc::new(Item::new(&definition)));
            };
            match (accounts.len() > 1, templates) {
                (false, _) => add(uri.clone()),
                (true, true) => add(format!("{uri}{ACCOUNT_QUERY}")),
                (true, false) => accounts.iter().for_each(|account| {
                    let query = form_urlencoded::Serializer::new(String::new())
                        .append_pair(ACCOUNT, account)
                        .finish();
                    add(format!("{uri}?{query}"));
                }),
            }
        }
    }
    items
}

impl App {
    /// Reads a resource.
    ///
    /// # Errors
    /// [`Code::ResourceNotFound`] for a URI that the caller cannot use and for content that the service does not have;
    /// otherwise the tool's own error.
    pub(super) fn read<'a>(
        &self,
        call: &Call<'_>,
        visible: &Visible<'a>,
        uri: &str,
    ) -> Result<Vec<Value>, Error> {
        let parsed = ResourceUri::parse(uri).ok_or_else(|| resource_not_found(uri))?;
        let modules = visible
            .app
            .registry()
            .modules()
            .iter()
            .filter(|module| module.scheme().eq_ignore_ascii_case(parsed.scheme));
        let fitting = modules.flat_map(|module| {
            let resources = visible.resources_of(module);
            let fits = |resource: &'a Resource| {
                Some((resource.rank(), module, resource, resource.arguments(&parsed)?))
            };
            resources.filter_map(fits).collect::<Vec<_>>()
        });
        let found = fitting.min_by(|(one, ..), (other, ..)| one.cmp(other));
        let (_, module, resource, mut arguments) = found.ok_or_else(|| resource_not_found(uri))?;
        let (_, tool) = visible.tool(&module.name, &resource.tool)?;
        if let Some(account) = parsed.account {
            arguments.insert(ACCOUNT.to_owned(), account.into());
        }
        let tool_call = self.tool_call(call.context(), call.trace_parent(), (module, tool));
        let called = self.call(tool_call, arguments, call.cancellation()).map_err(|error| {
            match error.code() {
                Code::NotFound => Error::new(Code::ResourceNotFound, error.message())
                    .with_hint(error.hint().unwrap_or("Check the names and ids."))
                    .with_data("uri", uri),
                _ => error,
            }
        })?;
        let mut content = render::resource(uri, resource.mime_type, called.value)?;
        if content["text"].is_string() {
            content["_meta"] = json!({UNTRUSTED: true});
        }
        Ok(vec![content])
    }
}
