//! The tools that exist for a caller. Every access to a tool goes through this type.

use std::sync::Arc;

use super::App;
use crate::access::{Caller, ConfirmPolicy, Permissions};
use crate::engine::{Module, Tool};
use crate::error::{Code, Error, quoted};
use crate::mcp::context::View;
use crate::names::nearest;
use crate::telemetry::spans;

impl App {
    /// Returns whether a module has any tool for a caller. A module without one is reported as unknown.
    ///
    /// # Errors
    /// Any error that prevents reading the caller's permissions.
    pub fn has_module(&self, caller: &Caller, module: &str) -> Result<bool, Error> {
        let visible = self.visible(caller, &View::default())?;
        Ok(visible.modules().any(|known| known.name == module))
    }

    fn permissions(&self, caller: &Caller) -> Result<Arc<Permissions>, Error> {
        let mut span = spans::permission_check();
        let permissions = self.parts.sieve.permissions(caller);
        span.ended(&permissions);
        permissions
    }

    /// Returns what a caller sees through a view. This is the only way to a tool, so that no path shows more than another.
    ///
    /// # Errors
    /// Any error that prevents reading the caller's permissions.
    pub fn visible(&self, caller: &Caller, view: &View) -> Result<Visible<'_>, Error> {
        Ok(Visible {
            app: self,
            caller: caller.clone(),
            permissions: self.permissions(caller)?,
            module: view.module.clone(),
            read_only: view.read_only,
        })
    }
}

/// The tools that exist for one caller through one view.
pub struct Visible<'a> {
    pub(super) app: &'a App,
    caller: Caller,
    permissions: Arc<Permissions>,
    module: Option<String>,
    read_only: bool,
}

impl<'a> Visible<'a> {
    fn includes(&self, module: &Module, tool: &Tool) -> bool {
        self.shows(module)
            && (tool.is_read_only() || !self.read_only)
            && self.permissions.allow(&tool.published_name)
    }

    pub(super) fn shows(&self, module: &Module) -> bool {
        self.module.as_deref().is_none_or(|name| name == module.name)
    }

    /// Returns whether a read-only tool exists for the caller; the module's tools need not be read for that.
    pub(super) fn permits(&self, module: &Module, tool: &str) -> bool {
        self.shows(module) && self.permissions.allow(&format!("{}_{tool}", module.name))
    }

    /// Returns the tools of a module, in the order of its file.
    pub fn tools_of(&self, module: &'a Module) -> impl Iterator<Item = &'a Tool> {
        module.tools.iter().filter(|tool| self.includes(module, tool))
    }

    /// Returns the number of tools of a module. They are read only if some may be hidden, because reading them takes time.
    #[must_use]
    pub fn count(&self, module: &'a Module) -> usize {
        let whole = self.permissions.allow_all() && !self.read_only;
        if whole { module.tools.count() } else { self.tools_of(module).count() }
    }

    /// Returns whether a module has any tool. Its tools are read only if some may be hidden, because reading them takes time.
    fn has(&self, module: &'a Module) -> bool {
        let whole = self.permissions.allow_all() && !self.read_only;
        if whole { self.shows(module) } else { self.tools_of(module).next().is_some() }
    }

    /// Returns the modules that have a tool for the caller.
    pub fn modules(&self) -> impl Iterator<Item = &'a Module> {
        self.app.registry().modules().iter().filter(|module| self.has(module))
    }

    /// Returns the confirmation policy for this caller.
    pub(super) fn confirm_policy(&self) -> ConfirmPolicy {
        self.permissions.confirm(self.app.parts.confirmation.policy)
    }

    pub(super) fn accounts(&self, module: &Module) -> Vec<String> {
        self.app.accounts(module, &self.caller)
    }

    /// Returns the module with this name.
    ///
    /// # Errors
    /// [`Code::NotFound`] with the names of the existing modules.
    pub fn module(&self, name: &str) -> Result<&'a Module, Error> {
        self.modules().find(|module| module.name == name).ok_or_else(|| {
            let names: Vec<_> = self.modules().map(|module| module.name.as_str()).collect();
            let hint = if names.is_empty() {
                "No module is permitted here.".to_owned()
            } else {
                format!("Modules: {}.", names.join(", "))
            };
            Error::new(Code::NotFound, format!("module {} does not exist", quoted(name)))
                .with_hint(hint)
        })
    }

    /// Returns a tool by module and name, with or without the module's prefix.
    ///
    /// # Errors
    /// [`Code::NotFound`] with the most similar name.
    pub fn tool(&self, module: &str, name: &str) -> Result<(&'a Module, &'a Tool), Error> {
        let module = self.module(module)?;
        self.tools_of(module)
            .find(|tool| tool.name == name || tool.published_name == name)
            .map(|tool| (module, tool))
            .ok_or_else(|| {
                let hint = match nearest(name, self.tools_of(module).map(|tool| tool.name.as_str()))
                {
                    Some(near) => format!("Did you mean {near:?}?"),
                    None => format!(
                        "get_module_schema with {{\"modules\": [{:?}]}} lists its tools.",
                        module.name
                    ),
                };
                Error::new(
                    Code::NotFound,
                    format!("module {:?} has no tool {}", module.name, quoted(name)),
                )
                .with_hint(hint)
            })
    }

    /// Returns a tool in the form in which prompts cite it: `github.list_issues`.
    pub(super) fn cited(&self, citation: &str) -> Option<(&'a Module, &'a Tool)> {
        let (module, name) = citation.split_once('.')?;
        let module = self.app.registry().module(module)?;
        Some((module, self.tools_of(module).find(|tool| tool.name == name)?))
    }

    /// Returns a direct tool by its published name.
    pub(super) fn published(&self, name: &str) -> Option<(&'a Module, &'a Tool)> {
        self.modules().find_map(|module| {
            Some((module, self.tools_of(module).find(|tool| tool.published_name == name)?))
        })
    }
}
