//! All modules: those built in, and those of the operator's own folder.

use std::fs;
use std::path::Path;
use std::thread;

use super::github;
use super::hooks::Hooks;
use super::manifest::{Finding, Module, Tool};
use super::{confluence, google_calendar, jira, microsoft_todo, notion, supabase};

/// Every module that is built in: its file's name in findings, its file, and its hooks.
const BUILT_IN: &[(&str, &str, &Hooks)] = &[
    ("github/module.json", include_str!("github/module.json"), &github::HOOKS),
    ("notion/module.json", include_str!("notion/module.json"), &notion::HOOKS),
    ("jira/module.json", include_str!("jira/module.json"), &jira::HOOKS),
    ("confluence/module.json", include_str!("confluence/module.json"), &confluence::HOOKS),
    ("supabase/module.json", include_str!("supabase/module.json"), &supabase::HOOKS),
    ("google_calendar/module.json", include_str!("google_calendar/module.json"), &google_calendar::HOOKS),
    ("microsoft_todo/module.json", include_str!("microsoft_todo/module.json"), &microsoft_todo::HOOKS),
];

/// The modules that a server offers.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    modules: Vec<Module>,
}

impl Registry {
    /// The modules that are built in.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with their files; a test holds that nothing is.
    pub fn built_in() -> Result<Self, Vec<Finding>> {
        let mut registry = Self::default();
        let mut findings = Vec::new();
        // Side by side: reading hundreds of tools is most of the time that the server takes to start.
        let read: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> =
                BUILT_IN.iter().map(|(file, text, hooks)| (*file, scope.spawn(|| Module::parse(file, text, hooks)))).collect();
            threads.into_iter().map(|(file, thread)| (file, thread.join().expect("reading a file does not panic"))).collect()
        });
        for (file, module) in read {
            findings.extend(module.and_then(|module| registry.take(file, module)).err().into_iter().flatten());
        }
        if findings.is_empty() { Ok(registry) } else { Err(findings) }
    }

    /// Adds every module file (`*.json`) of a folder, in the order of their names. Such files cite no hooks.
    ///
    /// Gives what is wrong: a broken file is left out, the others are there.
    #[must_use]
    pub fn add_directory(&mut self, directory: &Path) -> Vec<Finding> {
        let unreadable = |path: &Path, error: &std::io::Error| {
            let (file, problem) = (path.display().to_string(), format!("cannot be read: {error}"));
            Finding { file, place: String::new(), problem }
        };
        let entries = fs::read_dir(directory).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let entries = match entries {
            Ok(entries) => entries,
            Err(error) => return vec![unreadable(directory, &error)],
        };
        let mut paths: Vec<_> = entries.into_iter().map(|entry| entry.path()).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
        paths.sort();
        let add = |path: std::path::PathBuf| match fs::read_to_string(&path) {
            Ok(text) => self.add(&path.display().to_string(), &text, &Hooks::NONE),
            Err(error) => vec![unreadable(&path, &error)],
        };
        paths.into_iter().flat_map(add).collect()
    }

    /// Every module, the built-in ones first.
    #[must_use]
    pub fn modules(&self) -> &[Module] {
        &self.modules
    }

    /// The module of this name.
    #[must_use]
    pub fn module(&self, name: &str) -> Option<&Module> {
        self.modules.iter().find(|module| module.name == name)
    }

    /// The tool that is published by this name.
    #[must_use]
    pub fn published(&self, name: &str) -> Option<(&Module, &Tool)> {
        let tools = self.modules.iter().flat_map(|module| module.tools.iter().map(move |tool| (module, tool)));
        tools.into_iter().find(|(_, tool)| tool.published_name == name)
    }

    fn add(&mut self, file: &str, text: &str, hooks: &Hooks) -> Vec<Finding> {
        Module::parse(file, text, hooks).and_then(|module| self.take(file, module)).err().unwrap_or_default()
    }

    /// Takes a module whose names nobody has yet.
    fn take(&mut self, file: &str, module: Module) -> Result<(), Vec<Finding>> {
        let clash = |place: String, problem: String| Finding { file: file.to_owned(), place, problem };
        let mut clashes = Vec::new();
        if self.module(&module.name).is_some() {
            clashes.push(clash("module".to_owned(), format!("there is a module `{}` already", module.name)));
        } else {
            let taken = module.tools.iter().filter(|tool| self.published(&tool.published_name).is_some());
            clashes.extend(taken.map(|tool| {
                let problem = format!("another module publishes `{}` already", tool.published_name);
                clash(format!("tool {}", tool.name), problem)
            }));
        }
        if !clashes.is_empty() {
            return Err(clashes);
        }
        self.modules.push(module);
        Ok(())
    }
}
