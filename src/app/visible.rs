//! The tools that exist for a caller: what everything that leads to a tool goes through.

use std::sync::Arc;

use super::App;
use crate::access::{Caller, ConfirmPolicy, Permissions};
use crate::engine::{Module, Tool};
use crate::error::{Code, Error, quoted};
use crate::mcp::context::View;
use crate::names::nearest;
use crate::telemetry::spans;

impl App {
    /// Whether a module has anything for a caller: one without is as unknown as one that does not exist.
    ///
    /// # Errors
    /// Whatever keeps the caller's permissions from being known.
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

    /// What a caller's model is told about tools that its address pins and that do not exist for it.
    pub(super) fn remark(&self, caller: &Caller, view: &View) -> Option<String> {
        /// The most names that are reported, and the most characters of one.
        const REPORTED: (usize, usize) = (5, 60);
        let visible = self.visible(caller, view).ok().filter(|_| !view.pinned.is_empty())?;
        let unknown = view.pinned.iter().filter(|name| visible.published(name).is_none());
        let names: Vec<_> = unknown
            .take(REPORTED.0)
            .map(|name| {
                let names = visible.modules().flat_map(|module| visible.tools_of(module));
                let near = nearest(name, names.map(|tool| tool.published_name.as_str()));
                let shown: String =
                    name.chars().filter(char::is_ascii_graphic).take(REPORTED.1).collect();
                near.map_or(shown.clone(), |near| format!("{shown} (did you mean {near}?)"))
            })
            .collect();
        (!names.is_empty()).then(|| {
            format!(
                "The address pins tools that do not exist here: {}. Tell the user.",
                names.join(", ")
            )
        })
    }

    /// What a caller sees through a view: the one way to a tool, so that no way shows more than another.
    ///
    /// # Errors
    /// Whatever keeps the caller's permissions from being known.
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

    /// Whether a tool that only reads exists for the caller; for that the module's tools need not be read.
    pub(super) fn permits(&self, module: &Module, tool: &str) -> bool {
        self.shows(module) && self.permissions.allow(&format!("{}_{tool}", module.name))
    }

    /// The tools of a module, in the order of its file.
    pub fn tools_of(&self, module: &'a Module) -> impl Iterator<Item = &'a Tool> {
        module.tools.iter().filter(|tool| self.includes(module, tool))
    }

    /// How many tools of a module there are. They are read only where some may be hidden: to read them takes time.
    #[must_use]
    pub fn count(&self, module: &'a Module) -> usize {
        let whole = self.permissions.allow_all() && !self.read_only;
        if whole { module.tools.count() } else { self.tools_of(module).count() }
    }

    /// Whether there is anything of a module. Its tools are looked at only where some may be hidden: to read them takes time.
    fn has(&self, module: &'a Module) -> bool {
        let whole = self.permissions.allow_all() && !self.read_only;
        if whole { self.shows(module) } else { self.tools_of(module).next().is_some() }
    }

    /// The modules that have something for the caller.
    pub fn modules(&self) -> impl Iterator<Item = &'a Module> {
        self.app.registry().modules().iter().filter(|module| self.has(module))
    }

    /// Who has to confirm what this caller does.
    pub(super) fn confirm_policy(&self) -> ConfirmPolicy {
        self.permissions.confirm(self.app.parts.confirmation.policy)
    }

    pub(super) fn accounts(&self, module: &Module) -> Vec<String> {
        self.app.accounts(module, &self.caller)
    }

    /// The module of this name.
    ///
    /// # Errors
    /// [`Code::NotFound`] with the names of those that exist.
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

    /// A tool by module and name, with or without the module's prefix.
    ///
    /// # Errors
    /// [`Code::NotFound`] with the nearest name.
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

    /// A tool as prompts cite it: `github.list_issues`.
    pub(super) fn cited(&self, citation: &str) -> Option<(&'a Module, &'a Tool)> {
        let (module, name) = citation.split_once('.')?;
        let module = self.app.registry().module(module)?;
        Some((module, self.tools_of(module).find(|tool| tool.name == name)?))
    }

    /// A tool that is published by itself.
    pub(super) fn published(&self, name: &str) -> Option<(&'a Module, &'a Tool)> {
        self.modules().find_map(|module| {
            Some((module, self.tools_of(module).find(|tool| tool.published_name == name)?))
        })
    }
}
