//! What is set for single modules: credentials and base URLs.

use std::collections::HashMap;

use super::{Environment, Finding};
use crate::broker::Credential;
use crate::modules::Module;
use crate::modules::manifest::{Auth, Variable, Way};
use crate::secret::Secret;

/// What is set for single modules.
#[derive(Debug, Default)]
pub struct ModuleSettings {
    /// Credentials by module.
    pub credentials: HashMap<String, Credential>,
    /// Base URLs by module, where one is set.
    pub base_urls: HashMap<String, String>,
}

impl ModuleSettings {
    /// Reads the variables that the modules' files name; what is wrong is a finding, and counts as unset.
    pub fn read<'a>(modules: impl Iterator<Item = &'a Module>, environment: Environment<'_>) -> (Self, Vec<Finding>) {
        let (mut settings, mut findings) = (Self::default(), Vec::new());
        for module in modules {
            match module.base_url_env.as_ref().map_or(Ok(None), |variable| base_url(variable, environment)) {
                Ok(Some(url)) => drop(settings.base_urls.insert(module.name.clone(), url)),
                Ok(None) => {}
                Err(finding) => findings.push(finding),
            }
            match module.auth.as_ref().map_or(Ok(None), |auth| credential(auth, environment)) {
                Ok(Some(credential)) => drop(settings.credentials.insert(module.name.clone(), credential)),
                Ok(None) => {}
                Err(finding) => findings.push(finding),
            }
        }
        (settings, findings)
    }
}

/// The name and the value of the first of a variable's names that is set.
fn value<'a>(variable: &'a Variable, environment: Environment<'_>) -> Option<(&'a str, String)> {
    variable.names().find_map(|name| Some((name, environment(name)?)))
}

fn base_url(variable: &Variable, environment: Environment<'_>) -> Result<Option<String>, Finding> {
    let Some((name, url)) = value(variable, environment) else { return Ok(None) };
    checked_base_url(&url).map(Some).map_err(|message| Finding::new(name, message))
}

/// A base URL without its trailing slash: paths of module files begin with one.
fn checked_base_url(url: &str) -> Result<String, String> {
    let example = "one looks like https://github.example.com/api/v3";
    let uri: ureq::http::Uri = url.parse().map_err(|_| format!("{url:?} is no URL; {example}"))?;
    if !matches!(uri.scheme_str(), Some("https" | "http")) || uri.host().is_none() {
        return Err(format!("{url:?} does not begin with https:// and a host; {example}"));
    }
    if uri.query().is_some() || uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err(format!("a base URL has neither a query nor a user; {example}"));
    }
    Ok(url.trim_end_matches('/').to_owned())
}

/// The credential that a module's variables make: the first kind that is whole. One that is partly set is wrong only
/// where none is whole.
fn credential(auth: &Auth, environment: Environment<'_>) -> Result<Option<Credential>, Finding> {
    let mut incomplete = None;
    for way in &auth.ways {
        let values: Vec<_> = way.env.iter().map(|variable| value(variable, environment)).collect();
        match values.iter().position(Option::is_none) {
            None => return whole(way, values.into_iter().flatten()).map(Some),
            Some(missing) if incomplete.is_none() && values.iter().any(Option::is_some) => {
                let message = format!("it is missing; the credential is {way} together");
                incomplete = Some(Finding::new(way.env[missing].name(), message));
            }
            Some(_) => {}
        }
    }
    incomplete.map_or(Ok(None), Err)
}

fn whole<'a>(way: &Way, values: impl Iterator<Item = (&'a str, String)>) -> Result<Credential, Finding> {
    let mut parts = Vec::new();
    for (name, value) in values {
        if !value.bytes().all(|byte| (0x21..=0x7e).contains(&byte)) {
            // Never the value itself: it is a credential with a stray character.
            return Err(Finding::new(name, "it has a space, a line break or a character outside ASCII, which no token has"));
        }
        parts.push(value);
    }
    Ok(Credential { scheme: way.scheme, secret: Secret::new(parts.join(":")), account: None, base_url: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::Scheme;
    use crate::modules::Hooks;

    /// Settings of two modules, of which the second falls back to the variables of the first.
    fn load(variables: &[(&str, &str)]) -> Result<ModuleSettings, Vec<Finding>> {
        let file = |name: &str, variable: &dyn Fn(&str) -> String| {
            let auth = serde_json::json!([
                {"kind": "basic", "env": [variable("EMAIL"), variable("API_TOKEN")]},
                {"kind": "bearer", "env": [variable("TOKEN")]},
            ]);
            let tool = serde_json::json!({
                "name": "get", "description": "Get.", "docs": "https://jira.example",
                "request": {"method": "GET", "path": "/"}, "output": {"done": "Done."}
            });
            let module = serde_json::json!({
                "module": name, "title": "J", "description": "J.", "base_url": "https://jira.example",
                "base_url_env": variable("API_URL"), "base_url_required": true, "auth": auth, "tools": [tool]
            });
            Module::parse(name, &module.to_string(), &Hooks::NONE).expect("the file is right")
        };
        let modules = [file("jira", &|name| format!("JIRA_{name}")), file("wiki", &|name| format!("WIKI_{name}|JIRA_{name}"))];
        let environment = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        let (settings, findings) = ModuleSettings::read(modules.iter(), &environment);
        if findings.is_empty() { Ok(settings) } else { Err(findings) }
    }

    #[test]
    fn the_first_credential_that_is_whole_is_used() {
        let check = |variables: &[(&str, &str)], expected: [Option<(Scheme, &str)>; 2]| {
            let settings = load(variables).unwrap();
            for (module, expected) in ["jira", "wiki"].into_iter().zip(expected) {
                let credential = settings.credentials.get(module);
                let found = credential.map(|credential| (credential.scheme, credential.secret.expose()));
                assert_eq!(found, expected, "{module} {variables:?}");
            }
        };
        let (basic, bearer) = (Some((Scheme::Basic, "a@b:c")), Some((Scheme::Bearer, "t")));
        check(&[], [None, None]);
        check(&[("JIRA_EMAIL", "a@b"), ("JIRA_API_TOKEN", "c")], [basic, basic]);
        check(&[("JIRA_EMAIL", "a@b"), ("JIRA_API_TOKEN", "c"), ("JIRA_TOKEN", "t")], [basic, basic]);
        check(&[("JIRA_TOKEN", "t"), ("JIRA_EMAIL", "a@b")], [bearer, bearer]);
        check(&[("WIKI_TOKEN", "t")], [None, bearer]);
        check(&[("JIRA_EMAIL", "x@y"), ("JIRA_API_TOKEN", "c"), ("WIKI_EMAIL", "a@b")], [Some((Scheme::Basic, "x@y:c")), basic]);
    }

    #[test]
    fn a_credential_in_parts_names_the_missing_one() {
        let check = |variables: &[(&str, &str)], expected: &[&str]| {
            let findings = load(variables).unwrap_err();
            let findings: Vec<_> = findings.iter().map(ToString::to_string).collect();
            assert_eq!(findings, expected, "{variables:?}");
        };
        check(&[("WIKI_EMAIL", "a@b")], &["WIKI_API_TOKEN: it is missing; the credential is WIKI_EMAIL and WIKI_API_TOKEN together"]);
        check(
            &[("JIRA_API_TOKEN", "c")],
            &[
                "JIRA_EMAIL: it is missing; the credential is JIRA_EMAIL and JIRA_API_TOKEN together",
                "WIKI_EMAIL: it is missing; the credential is WIKI_EMAIL and WIKI_API_TOKEN together",
            ],
        );
        let wrong = "it has a space, a line break or a character outside ASCII, which no token has";
        check(&[("WIKI_TOKEN", "t t")], &[&format!("WIKI_TOKEN: {wrong}")]);
    }

    #[test]
    fn a_base_url_falls_back_too() {
        let settings = load(&[("JIRA_API_URL", "https://jira.example/")]).unwrap();
        assert_eq!(settings.base_urls["jira"], "https://jira.example");
        assert_eq!(settings.base_urls["wiki"], "https://jira.example");
        let settings = load(&[("JIRA_API_URL", "https://jira.example"), ("WIKI_API_URL", "https://wiki.example")]).unwrap();
        assert_eq!(settings.base_urls["wiki"], "https://wiki.example");
        let findings = load(&[("WIKI_API_URL", "wiki.example")]).unwrap_err();
        assert_eq!(findings[0].name, "WIKI_API_URL");
    }

    #[test]
    fn a_base_url_is_checked_and_loses_its_trailing_slash() {
        assert_eq!(checked_base_url("https://github.example.com/api/v3/").unwrap(), "https://github.example.com/api/v3");
        for wrong in ["github.example.com", "ftp://x", "https://user:password@x", "https://x/?a=b", "https://", "not a url"] {
            assert!(checked_base_url(wrong).is_err(), "{wrong}");
        }
    }
}
