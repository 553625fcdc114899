//! All modules: the built-in ones, and those from the user's own folder.

use super::{confluence, github, google_calendar, jira, microsoft_todo, notion, supabase};
use crate::engine::{Hooks, Module, Tool};
use crate::manifest::{self, FILE, Finding, Packed};

/// The list of all built-in modules: their names, which are also those of their folders and of the Rust modules with their
/// hooks.
macro_rules! built_in {
    ($($module:ident),+ $(,)?) => {
        const BUILT_IN: &[(&str, Packed, &Hooks)] = &[$((
            concat!(stringify!($module), "/module.json"),
            include!(concat!(env!("OUT_DIR"), "/", stringify!($module), ".rs")),
            &$module::HOOKS,
        )),+];

        /// The same files as text.
        #[cfg(test)]
        const WRITTEN: &[(&str, &str, &Hooks)] = &[$((
            concat!(stringify!($module), "/module.json"),
            include_str!(concat!(stringify!($module), "/module.json")),
            &$module::HOOKS,
        )),+];
    };
}

built_in!(github, notion, jira, confluence, supabase, google_calendar, microsoft_todo);

/// The modules that a server offers.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    modules: Vec<Module>,
}

impl Registry {
    /// Returns the built-in modules.
    ///
    /// # Errors
    ///
    /// All findings in their files; a test checks that there are none.
    pub fn built_in() -> Result<Self, Vec<Finding>> {
        let mut modules = Vec::new();
        let mut findings = Vec::new();
        for (file, packed, hooks) in BUILT_IN {
            match manifest::built_in(file, *packed, hooks) {
                Ok(module) => modules.push(module),
                Err(found) => findings.extend(found),
            }
        }
        if findings.is_empty() { Ok(Self { modules }) } else { Err(findings) }
    }

    /// Returns every module, the built-in ones first.
    #[must_use]
    pub fn modules(&self) -> &[Module] {
        &self.modules
    }

    /// Returns the module with this name.
    #[must_use]
    pub fn module(&self, name: &str) -> Option<&Module> {
        self.modules.iter().find(|module| module.name == name)
    }

    /// Returns the tool with this published name.
    #[must_use]
    pub fn published(&self, name: &str) -> Option<(&Module, &Tool)> {
        // The prefix is checked first: the tools of the other modules need not be read.
        let may_have_it = |module: &&Module| {
            name.strip_prefix(module.name.as_str()).is_some_and(|rest| rest.starts_with('_'))
        };
        let tools = self
            .modules
            .iter()
            .filter(may_have_it)
            .flat_map(|module| module.tools.iter().map(move |tool| (module, tool)));
        tools.into_iter().find(|(_, tool)| tool.published_name == name)
    }

    /// Adds a module whose name is not in use yet.
    pub(super) fn take(&mut self, file: &str, module: Module) -> Result<(), Vec<Finding>> {
        let mut clashes = Vec::new();
        if self.module(&module.name).is_some() {
            clashes.push(Finding::new(
                file,
                FILE.member("module"),
                format!("there is a module `{}` already", module.name),
            ));
        } else {
            for (at, tool) in module
                .tools
                .iter()
                .enumerate()
                .filter(|(_, tool)| self.published(&tool.published_name).is_some())
            {
                let problem = format!("another module publishes `{}` already", tool.published_name);
                clashes.push(Finding::new(
                    file,
                    FILE.numbered("tool", "tools", at, Some(&tool.name)),
                    problem,
                ));
            }
        }
        if !clashes.is_empty() {
            return Err(clashes);
        }
        self.modules.push(module);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_files_are_right_and_packed_as_they_are_written() {
        let registry = Registry::built_in().expect("the heads are right");
        for ((file, text, hooks), module) in WRITTEN.iter().zip(registry.modules()) {
            let written = manifest::parse(file, text, hooks)
                .unwrap_or_else(|findings| panic!("{findings:#?}"));
            assert_eq!(module.tools.count(), written.tools.len(), "{file}");
            assert_eq!(
                format!("{:?}", &module.tools[..]),
                format!("{:?}", &written.tools[..]),
                "{file}"
            );
        }
        let names: Vec<_> = registry
            .modules()
            .iter()
            .flat_map(|module| &module.tools)
            .map(|tool| &tool.published_name)
            .collect();
        let mut unique = names.clone();
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), names.len(), "two tools are published by the same name");
    }
}
