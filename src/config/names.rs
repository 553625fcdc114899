//! Finds variable names that are probably mistyped: a setting that is silently ignored could leave the server open.

use super::{Environment, Finding, LIMITS};
use crate::engine::{Module, Variable};
use crate::names::{is_slip, nearest};

/// The prefix of this program's variables.
const OWN: &str = "MCPIST_";

/// This program's variables, except the limits.
const OWN_NAMES: &[&str] = &[
    "MCPIST_CONFIRM",
    "MCPIST_LOCAL_TOKEN",
    "MCPIST_LOG",
    "MCPIST_MAX_ANSWERS_BYTES",
    "MCPIST_MODULES_DIR",
    "MCPIST_POLICY",
    "MCPIST_SECRET",
    "MCPIST_STATE_DIR",
    "MCPIST_TRUSTED_PROXIES",
    "MCPIST_TOOL_CALLS_PER_MINUTE",
    // Variables of the build, the workflows and the tests, which this program does not read.
    "MCPIST_COMMIT",
    "MCPIST_TEST_ALONE",
    "MCPIST_URL",
];

/// The other variables that hosted mode reads.
const HOSTED_NAMES: &[&str] = &[
    "AUDIT_LOG_URL",
    "CONFIRMATIONS_URL",
    "CONSOLE_URL",
    "JWKS_URL",
    "JWT_AUDIENCE",
    "JWT_ISSUER",
    "PUBLIC_URL",
    "TOKEN_BROKER_KEY",
    "TOKEN_BROKER_URL",
    "TOOL_SIEVE_URL",
];

/// Returns the variables in `names` that begin with `MCPIST_` and that neither this program nor a module reads: they prevent
/// startup.
pub fn unknown(modules: &[Module], environment: Environment<'_>, names: &[String]) -> Vec<Finding> {
    let own = || OWN_NAMES.iter().copied().chain(LIMITS.iter().map(|limit| limit.name));
    let is_known = |name: &str| {
        own().any(|known| known == name)
            || module_names(modules).any(|known| without_account(name) == known)
    };
    let is_own = |name: &str| name.to_ascii_uppercase().starts_with(OWN);
    let mut findings: Vec<_> = names
        .iter()
        .filter(|name| is_own(name) && !is_known(name) && !is_service_link(name))
        .filter(|name| environment(name).is_some())
        .map(|name| {
            let near = nearest(name, own());
            let right = near.map_or_else(
                || "the README lists those that exist".to_owned(),
                |near| format!("did you mean {near}?"),
            );
            Finding::new(name.clone(), format!("there is no such variable; {right}"))
        })
        .collect();
    findings.sort_by(|one, other| one.name.cmp(&other.name));
    findings
}

/// Returns the variables in `names` that differ by one slip from one of ours that is not set. They may belong to another
/// program, so they are only reported.
pub fn near_misses(
    modules: &[Module],
    environment: Environment<'_>,
    names: &[String],
) -> Vec<Finding> {
    let known = || HOSTED_NAMES.iter().copied().chain(module_names(modules));
    let is_known = |name: &str| known().any(|known| known == name);
    let mut findings: Vec<_> = names
        .iter()
        .filter(|name| environment(name).is_some() && !is_known(without_account(name)))
        .filter_map(|name| {
            let given = without_account(name);
            let near = known().find(|known| is_slip(given, known))?;
            let right = format!("{near}{}", &name[given.len()..]);
            let is_free = environment(&right).is_none();
            is_free.then(|| {
                Finding::new(name.clone(), format!("nothing reads it; did you mean {right}?"))
            })
        })
        .collect();
    findings.sort_by(|one, other| one.name.cmp(&other.name));
    findings
}

/// Returns the variables that the modules' files name.
fn module_names(modules: &[Module]) -> impl Iterator<Item = &str> {
    modules.iter().flat_map(|module| {
        let ways = module.auth.iter().flat_map(|auth| &auth.ways);
        let variables = ways.flat_map(|way| &way.env).chain(&module.base_url_env);
        variables.flat_map(Variable::names)
    })
}

/// Returns the name without the ending that names an account.
fn without_account(name: &str) -> &str {
    name.split_once("__").map_or(name, |(name, _)| name)
}

/// Returns whether Kubernetes set the variable, for a service whose name begins with `mcpist` ("Service", environment
/// variables).
fn is_service_link(name: &str) -> bool {
    name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || name.ends_with("_PORT")
        || name
            .split("_PORT_")
            .nth(1)
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    use super::super::{Config, Flags};
    use super::*;
    use crate::modules::Registry;

    fn checked(names: &[&str]) -> (Vec<String>, Vec<String>) {
        let registry = Registry::built_in().expect("the built-in modules are right");
        let environment = |name: &str| names.contains(&name).then(|| "x".to_owned());
        let given: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let text = |findings: Vec<Finding>| findings.iter().map(ToString::to_string).collect();
        (
            text(unknown(registry.modules(), &environment, &given)),
            text(near_misses(registry.modules(), &environment, &given)),
        )
    }

    #[test]
    fn an_unknown_variable_of_ours_is_a_finding_with_the_nearest_name() {
        let check = |name: &str, expected: &[&str]| {
            assert_eq!(
                checked(&[name]),
                (expected.iter().map(|text| (*text).to_owned()).collect(), vec![]),
                "{name}"
            );
        };
        let wrong = "there is no such variable;";
        check("MCPIST_POLCIY", &[&format!("MCPIST_POLCIY: {wrong} did you mean MCPIST_POLICY?")]);
        check(
            "MCPIST_CONFIRMS",
            &[&format!("MCPIST_CONFIRMS: {wrong} did you mean MCPIST_CONFIRM?")],
        );
        check("mcpist_policy", &[&format!("mcpist_policy: {wrong} did you mean MCPIST_POLICY?")]);
        check(
            "MCPIST_MAX_CONECTIONS",
            &[&format!("MCPIST_MAX_CONECTIONS: {wrong} did you mean MCPIST_MAX_CONNECTIONS?")],
        );
        check(
            "MCPIST_XYZZY",
            &[&format!("MCPIST_XYZZY: {wrong} the README lists those that exist")],
        );
        for right in ["MCPIST_POLICY", "MCPIST_COMMIT", "MCPISTRY", "PATH"] {
            check(right, &[]);
        }
        // The variables that Kubernetes sets for a service `mcpist`.
        for link in [
            "MCPIST_SERVICE_HOST",
            "MCPIST_SERVICE_PORT_HTTP",
            "MCPIST_PORT",
            "MCPIST_PORT_8088_TCP_ADDR",
        ] {
            check(link, &[]);
        }
    }

    #[test]
    fn a_near_miss_of_another_variable_is_reported_unless_the_right_one_is_set() {
        let check = |names: &[&str], expected: &[&str]| {
            assert_eq!(
                checked(names),
                (vec![], expected.iter().map(|text| (*text).to_owned()).collect()),
                "{names:?}"
            );
        };
        check(&["GITHUB_TOKNE"], &["GITHUB_TOKNE: nothing reads it; did you mean GITHUB_TOKEN?"]);
        check(
            &["GITHUB_TOKENS__WORK"],
            &["GITHUB_TOKENS__WORK: nothing reads it; did you mean GITHUB_TOKEN__WORK?"],
        );
        check(
            &["TOKEN_BROKER_ULR"],
            &["TOKEN_BROKER_ULR: nothing reads it; did you mean TOKEN_BROKER_URL?"],
        );
        check(
            &["JIRA_APITOKEN"],
            &["JIRA_APITOKEN: nothing reads it; did you mean JIRA_API_TOKEN?"],
        );
        check(&["GITHUB_TOKNE", "GITHUB_TOKEN"], &[]);
        check(
            &["GITLAB_TOKEN", "GITHUB_TOKEN__WORK", "JIRA_EMAIL", "HOME", "GH_TOKEN", "PORTS"],
            &[],
        );
    }

    #[test]
    fn the_list_has_every_variable_that_is_read() {
        for mode in [None, Some("https://abc.supabase.co/functions/v1/token-exchanger")] {
            let asked = RefCell::new(BTreeSet::new());
            Config::read(&Flags::default(), &|name| {
                asked.borrow_mut().insert(name.to_owned());
                mode.filter(|_| name == "TOKEN_BROKER_URL").map(str::to_owned)
            });
            let known = |name: &str| {
                OWN_NAMES.contains(&name)
                    || HOSTED_NAMES.contains(&name)
                    || LIMITS.iter().any(|limit| limit.name == name)
            };
            let foreign = [
                "BROWSER",
                "DISPLAY",
                "WAYLAND_DISPLAY",
                "HOME",
                "XDG_STATE_HOME",
                "LOCALAPPDATA",
                "PORT",
            ];
            let is_foreign = |name: &str| {
                foreign.contains(&name)
                    || name.starts_with("OTEL_")
                    || name.to_uppercase().ends_with("_PROXY")
            };
            let asked = asked.into_inner();
            let missing: Vec<_> =
                asked.iter().filter(|name| !known(name) && !is_foreign(name)).collect();
            assert_eq!(missing, [""; 0]);
            if mode.is_some() {
                let unread: Vec<_> =
                    HOSTED_NAMES.iter().filter(|name| !asked.contains(**name)).collect();
                assert_eq!(unread, [&""; 0]);
            }
        }
    }
}
