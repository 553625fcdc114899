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
            view: view.clone(),
        })
    }
}

/// The tools that exist for one caller through one view.
pub struct Visible<'a> {
    pub(super) app: &'a App,
    pub(super) caller: Caller,
    permissions: Arc<Permissions>,
    view: View,
}

impl<'a> Visible<'a> {
    pub(super) fn includes(&self, module: &Module, tool: &Tool) -> bool {
        self.shows(module)
            && (tool.is_read_only() || !self.view.read_only)
            && self.view.shows_group(&module.name, tool.group())
            && self.permissions.allow(&tool.published_name)
    }

    pub(super) fn shows(&self, module: &Module) -> bool {
        self.view.shows(&module.name)
    }

    /// Returns whether a read-only tool exists for the caller; the module's tools need not be read for that.
    pub(super) fn permits(&self, module: &Module, tool: &str) -> bool {
        let shows_group = || {
            self.view.groups_of(&module.name).next().is_none()
                || module.tools.iter().any(|known| {
                    known.name == tool && self.view.shows_group(&module.name, known.group())
                })
        };
        self.shows(module)
            && self.permissions.allow(&format!("{}_{tool}", module.name))
            && shows_group()
    }

    /// Returns the tools of a module, in the order of its file.
    pub fn tools_of(&self, module: &'a Module) -> impl Iterator<Item = &'a Tool> {
        module.tools.iter().filter(|tool| self.includes(module, tool))
    }

    /// Whether no tool of the module can be hidden, if the module is shown.
    fn is_whole(&self, module: &Module) -> bool {
        self.permissions.allow_all()
            && !self.view.read_only
            && self.view.groups_of(&module.name).next().is_none()
    }

    /// The names in the view that stand for nothing here, as they stand in the address.
    pub(super) fn unknown_names(&self) -> Vec<String> {
        let all = Visible {
            app: self.app,
            caller: self.caller.clone(),
            permissions: Arc::clone(&self.permissions),
            view: View::default(),
        };
        let has_group = |name: &str| {
            let Some((module, group)) = name.split_once('.') else { return false };
            let mut modules = all.modules().filter(|known| known.name == module);
            modules.any(|module| all.tools_of(module).any(|tool| tool.group() == group))
        };
        let has_pin = |name: &str| {
            let pin = View { pinned: vec![name.to_owned()], ..View::default() };
            all.modules()
                .any(|module| all.tools_of(module).any(|tool| pin.pins(&tool.published_name)))
        };
        let modules = self.view.modules.iter().filter(|name| all.module(name).is_err());
        let groups = self.view.groups.iter().filter(|name| !has_group(name));
        let pins = self.view.pinned.iter().filter(|name| !has_pin(name));
        let named = |kind: &str, name: &String| {
            // As unknown parameters: only visible characters, and not too many of them.
            let shown: String = name.chars().filter(char::is_ascii_graphic).take(60).collect();
            format!("?{kind}={shown}")
        };
        modules
            .map(|name| named("modules", name))
            .chain(groups.map(|name| named("groups", name)))
            .chain(pins.map(|name| named("pin", name)))
            .take(10)
            .collect()
    }

    /// Returns the number of tools of a module. They are read only if some may be hidden, because reading them takes time.
    #[must_use]
    pub fn count(&self, module: &'a Module) -> usize {
        if self.is_whole(module) { module.tools.count() } else { self.tools_of(module).count() }
    }

    /// Returns whether a module has any tool. Its tools are read only if some may be hidden, because reading them takes time.
    fn has(&self, module: &'a Module) -> bool {
        if self.is_whole(module) {
            self.shows(module)
        } else {
            self.tools_of(module).next().is_some()
        }
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

    /// Whether the module's service is connected for the caller, in a few words and without asking the control plane.
    pub(super) fn state(&self, module: &Module) -> String {
        if !self.app.parts.broker.is_per_user() {
            return self.app.connection_state(module, &self.caller);
        }
        match self.accounts(module).as_slice() {
            _ if module.auth.is_none() => "open to everyone".to_owned(),
            [] => "not connected".to_owned(),
            [_] => "connected".to_owned(),
            accounts => format!("connected (accounts {})", accounts.join(", ")),
        }
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
