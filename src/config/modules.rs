//! Settings of single modules: credentials and base URLs.

use std::collections::{BTreeMap, HashMap};

use super::{Environment, Finding};
use crate::access::Credential;
use crate::engine::{Auth, CredentialKind, Module, Variable};
use crate::secret::Secret;

/// Separates the name of a variable from the name of an account: `GITHUB_TOKEN__WORK`.
const ACCOUNT: &str = "__";

/// The account of variables that name no account.
const DEFAULT_ACCOUNT: &str = "default";

/// Settings of single modules.
#[derive(Debug, Default)]
pub struct ModuleSettings {
    /// The credentials of each module's accounts: `default` first, the others by name.
    pub credentials: HashMap<String, Vec<Credential>>,
    /// The base URLs of modules, if set.
    pub base_urls: HashMap<String, String>,
}

impl ModuleSettings {
    /// Reads the variables that the modules' files name. An invalid value becomes a finding and counts as unset. `names` lists
    /// all variables: their endings define accounts.
    pub fn read(
        modules: &[Module],
        environment: Environment<'_>,
        names: &[String],
    ) -> (Self, Vec<Finding>) {
        let (mut settings, mut findings) = Self::addresses(modules, environment);
        for module in modules {
            let Some(auth) = &module.auth else { continue };
            let mut credentials = Vec::new();
            match credential(auth, "", environment) {
                Ok(found) => credentials.extend(found.map(|found| Credential {
                    account: Some(DEFAULT_ACCOUNT.to_owned()),
                    ..found
                })),
                Err(finding) => findings.push(finding),
            }
            for (suffix, variable) in suffixes(module, auth, environment, names) {
                match account(module, auth, &suffix, &variable, environment) {
                    Ok(credential) => credentials.push(credential),
                    Err(finding) => findings.push(finding),
                }
            }
            if !credentials.is_empty() {
                settings.credentials.insert(module.name.clone(), credentials);
            }
        }
        (settings, findings)
    }

    /// Reads the settings without credentials, which the environment must not provide in hosted mode.
    pub fn addresses(modules: &[Module], environment: Environment<'_>) -> (Self, Vec<Finding>) {
        let (mut settings, mut findings) = (Self::default(), Vec::new());
        for module in modules {
            match base_url(module, "", environment) {
                Ok(Some(url)) => drop(settings.base_urls.insert(module.name.clone(), url)),
                Ok(None) => {}
                Err(finding) => findings.push(finding),
            }
        }
        (settings, findings)
    }
}

/// Returns the endings of a module's variables that name accounts, in order, each with the first variable that has it.
fn suffixes(
    module: &Module,
    auth: &Auth,
    environment: Environment<'_>,
    names: &[String],
) -> BTreeMap<String, String> {
    let variables = auth.ways.iter().flat_map(|way| &way.env).chain(&module.base_url_env);
    let mut suffixes = BTreeMap::new();
    for variable in variables.flat_map(Variable::names) {
        for name in names.iter().filter(|name| environment(name).is_some()) {
            if let Some(suffix) =
                name.strip_prefix(variable).filter(|suffix| suffix.starts_with(ACCOUNT))
            {
                suffixes.entry(suffix.to_owned()).or_insert_with(|| name.clone());
            }
        }
    }
    suffixes
}

/// Reads the credential of an account from the variables with this ending; `variable` is one of them.
fn account(
    module: &Module,
    auth: &Auth,
    suffix: &str,
    variable: &str,
    environment: Environment<'_>,
) -> Result<Credential, Finding> {
    let name = suffix.trim_start_matches('_').to_ascii_lowercase();
    let in_capitals = suffix
        .bytes()
        .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
    if name.is_empty() || !in_capitals {
        return Err(Finding::new(
            variable,
            "after `__`, write the account's name in capitals, digits and `_`, as in GITHUB_TOKEN__WORK",
        ));
    }
    if name == DEFAULT_ACCOUNT {
        return Err(Finding::new(
            variable,
            "the account `default` is that of the variables without an ending: leave `__DEFAULT` out",
        ));
    }
    let credential = credential(auth, suffix, environment)?.ok_or_else(|| {
        Finding::new(
            variable,
            format!(
                "the account `{name}` has no credential: set {auth}, with {suffix} behind each"
            ),
        )
    })?;
    Ok(Credential {
        account: Some(name),
        base_url: base_url(module, suffix, environment)?,
        ..credential
    })
}

/// Returns the name and the value of the first of a variable's names that is set.
fn value(
    variable: &Variable,
    suffix: &str,
    environment: Environment<'_>,
) -> Option<(String, String)> {
    let mut names = variable.names().map(|name| format!("{name}{suffix}"));
    names.find_map(|name| environment(&name).map(|value| (name, value)))
}

fn base_url(
    module: &Module,
    suffix: &str,
    environment: Environment<'_>,
) -> Result<Option<String>, Finding> {
    let Some((name, url)) =
        module.base_url_env.as_ref().and_then(|variable| value(variable, suffix, environment))
    else {
        return Ok(None);
    };
    checked_base_url(&url).map(Some).map_err(|message| Finding::new(name, message))
}

/// Returns a base URL without its trailing slash: paths in module files begin with a slash.
fn checked_base_url(url: &str) -> Result<String, String> {
    let example = "one looks like https://github.example.com/api/v3";
    let uri: ureq::http::Uri =
        url.parse().map_err(|_| format!("{url:?} is not a URL; {example}"))?;
    if !matches!(uri.scheme_str(), Some("https" | "http")) || uri.host().is_none() {
        return Err(format!("{url:?} does not begin with https:// and a host; {example}"));
    }
    if uri.query().is_some()
        || uri.authority().is_some_and(|authority| authority.as_str().contains('@'))
    {
        return Err(format!("a base URL has neither a query nor a user; {example}"));
    }
    Ok(url.trim_end_matches('/').to_owned())
}

/// Reads the credential from a module's variables with this ending: the first complete kind. A partly set kind is an error only
/// if no kind is complete.
fn credential(
    auth: &Auth,
    suffix: &str,
    environment: Environment<'_>,
) -> Result<Option<Credential>, Finding> {
    let mut incomplete = None;
    for way in &auth.ways {
        let values: Vec<_> =
            way.env.iter().map(|variable| value(variable, suffix, environment)).collect();
        match values.iter().position(Option::is_none) {
            None => return whole(way, values.into_iter().flatten()).map(Some),
            Some(missing) if incomplete.is_none() && values.iter().any(Option::is_some) => {
                let names: Vec<_> =
                    way.env.iter().map(|variable| format!("{}{suffix}", variable.name())).collect();
                let message =
                    format!("it is missing; the credential is {} together", names.join(" and "));
                incomplete = Some(Finding::new(names[missing].clone(), message));
            }
            Some(_) => {}
        }
    }
    incomplete.map_or(Ok(None), Err)
}

fn whole(
    way: &CredentialKind,
    values: impl Iterator<Item = (String, String)>,
) -> Result<Credential, Finding> {
    let mut parts = Vec::new();
    for (name, value) in values {
        if !value.bytes().all(|byte| (0x21..=0x7e).contains(&byte)) {
            // The value itself is never shown: it is a credential with a stray character.
            return Err(Finding::new(
                name,
                "it has a space, a line break or a character outside ASCII, which no token has",
            ));
        }
        parts.push(value);
    }
    Ok(Credential {
        scheme: way.scheme,
        secret: Secret::new(parts.join(":")),
        account: None,
        base_url: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Scheme;
    use crate::engine::Hooks;

    /// Returns settings of two modules; the second falls back to the variables of the first.
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
            crate::manifest::parse(name, &module.to_string(), &Hooks::NONE)
                .expect("the file is right")
        };
        let modules = [
            file("jira", &|name| format!("JIRA_{name}")),
            file("wiki", &|name| format!("WIKI_{name}|JIRA_{name}")),
        ];
        let environment = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        let names: Vec<_> = variables.iter().map(|(name, _)| (*name).to_owned()).collect();
        let (settings, findings) = ModuleSettings::read(&modules, &environment, &names);
        if findings.is_empty() { Ok(settings) } else { Err(findings) }
    }

    #[test]
    fn the_first_credential_that_is_whole_is_used() {
        let check = |variables: &[(&str, &str)], expected: [Option<(Scheme, &str)>; 2]| {
            let settings = load(variables).unwrap();
            for (module, expected) in ["jira", "wiki"].into_iter().zip(expected) {
                let credentials = settings.credentials.get(module).map_or(&[][..], Vec::as_slice);
                let found = credentials
                    .first()
                    .map(|credential| (credential.scheme, credential.secret.expose()));
                assert_eq!(found, expected, "{module} {variables:?}");
            }
        };
        let (basic, bearer) = (Some((Scheme::Basic, "a@b:c")), Some((Scheme::Bearer, "t")));
        check(&[], [None, None]);
        check(&[("JIRA_EMAIL", "a@b"), ("JIRA_API_TOKEN", "c")], [basic, basic]);
        check(
            &[("JIRA_EMAIL", "a@b"), ("JIRA_API_TOKEN", "c"), ("JIRA_TOKEN", "t")],
            [basic, basic],
        );
        check(&[("JIRA_TOKEN", "t"), ("JIRA_EMAIL", "a@b")], [bearer, bearer]);
        check(&[("WIKI_TOKEN", "t")], [None, bearer]);
        check(
            &[("JIRA_EMAIL", "x@y"), ("JIRA_API_TOKEN", "c"), ("WIKI_EMAIL", "a@b")],
            [Some((Scheme::Basic, "x@y:c")), basic],
        );
    }

    #[test]
    fn a_credential_in_parts_names_the_missing_one() {
        let check = |variables: &[(&str, &str)], expected: &[&str]| {
            let findings = load(variables).unwrap_err();
            let findings: Vec<_> = findings.iter().map(ToString::to_string).collect();
            assert_eq!(findings, expected, "{variables:?}");
        };
        check(
            &[("WIKI_EMAIL", "a@b")],
            &[
                "WIKI_API_TOKEN: it is missing; the credential is WIKI_EMAIL and WIKI_API_TOKEN together",
            ],
        );
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
    fn an_ending_makes_an_account() {
        let accounts =
            |settings: &ModuleSettings, module: &str| -> Vec<(String, String, Option<String>)> {
                let credentials = settings.credentials.get(module).cloned().unwrap_or_default();
                let account = |credential: Credential| {
                    let secret = credential.secret.expose().to_owned();
                    (credential.account.unwrap_or_default(), secret, credential.base_url)
                };
                credentials.into_iter().map(account).collect()
            };
        let row = |name: &str, secret: &str, base_url: Option<&str>| {
            (name.to_owned(), secret.to_owned(), base_url.map(str::to_owned))
        };
        let settings = load(&[
            ("JIRA_TOKEN__WORK_2", "w"),
            ("JIRA_TOKEN", "t"),
            ("JIRA_EMAIL__HOME", "a@b"),
            ("JIRA_API_TOKEN__HOME", "c"),
            ("JIRA_API_URL__HOME", "https://home.example"),
            ("WIKI_TOKEN__WORK_2", "v"),
            ("JIRA_TOKENS__NO", "x"),
            ("JIRA_TOKEN_NO", "x"),
        ])
        .unwrap();
        let home = Some("https://home.example");
        assert_eq!(
            accounts(&settings, "jira"),
            [row("default", "t", None), row("home", "a@b:c", home), row("work_2", "w", None)]
        );
        assert_eq!(
            accounts(&settings, "wiki"),
            [row("default", "t", None), row("home", "a@b:c", home), row("work_2", "v", None)]
        );
        let settings = load(&[("WIKI_TOKEN__WORK", "v")]).unwrap();
        assert_eq!(accounts(&settings, "jira"), []);
        assert_eq!(accounts(&settings, "wiki"), [row("work", "v", None)]);
    }

    #[test]
    fn an_account_that_is_not_whole_is_a_finding() {
        let check = |variables: &[(&str, &str)], name: &str, message: &str| {
            let findings = load(variables).unwrap_err();
            assert!(
                findings.len() == 1
                    && findings[0].name == name
                    && findings[0].message.contains(message),
                "{findings:?}"
            );
        };
        check(
            &[("WIKI_EMAIL__A", "a@b"), ("WIKI_API_TOKEN", "c"), ("WIKI_EMAIL", "d")],
            "WIKI_API_TOKEN__A",
            "WIKI_EMAIL__A and",
        );
        check(
            &[("WIKI_API_URL__A", "https://a.example")],
            "WIKI_API_URL__A",
            "either WIKI_EMAIL and WIKI_API_TOKEN, or WIKI_TOKEN, with __A",
        );
        check(
            &[("WIKI_TOKEN__A", "t"), ("WIKI_API_URL__A", "a.example")],
            "WIKI_API_URL__A",
            "does not begin with https",
        );
        check(&[("WIKI_TOKEN__", "t")], "WIKI_TOKEN__", "the account's name");
        check(&[("WIKI_TOKEN__work", "t")], "WIKI_TOKEN__work", "in capitals");
        check(&[("WIKI_TOKEN__DEFAULT", "t")], "WIKI_TOKEN__DEFAULT", "leave `__DEFAULT` out");
    }

    #[test]
    fn a_base_url_falls_back_too() {
        let settings = load(&[("JIRA_API_URL", "https://jira.example/")]).unwrap();
        assert_eq!(settings.base_urls["jira"], "https://jira.example");
        assert_eq!(settings.base_urls["wiki"], "https://jira.example");
        let settings = load(&[
            ("JIRA_API_URL", "https://jira.example"),
            ("WIKI_API_URL", "https://wiki.example"),
        ])
        .unwrap();
        assert_eq!(settings.base_urls["wiki"], "https://wiki.example");
        let findings = load(&[("WIKI_API_URL", "wiki.example")]).unwrap_err();
        assert_eq!(findings[0].name, "WIKI_API_URL");
    }

    #[test]
    fn a_base_url_is_checked_and_loses_its_trailing_slash() {
        assert_eq!(
            checked_base_url("https://github.example.com/api/v3/").unwrap(),
            "https://github.example.com/api/v3"
        );
        for wrong in [
            "github.example.com",
            "ftp://x",
            "https://user:password@x",
            "https://x/?a=b",
            "https://",
            "not a url",
        ] {
            assert!(checked_base_url(wrong).is_err(), "{wrong}");
        }
    }
}
