//! Hosted mode's variables: the address of the control plane, and this server's own address.

use super::{Environment, Finding};
use crate::access::ResourceMetadata;
use crate::hosted::{Addresses, ExpectedToken};
use crate::secret::Secret;

/// The variable that turns hosted mode on.
const BROKER: &str = "TOKEN_BROKER_URL";

/// The value of `aud` in every user token of Supabase Auth.
const SUPABASE_AUDIENCE: &str = "authenticated";

/// The variable with the expected audience of tokens.
const AUDIENCE: &str = "JWT_AUDIENCE";

/// The requirement for `TOKEN_BROKER_KEY`; the functions require the same.
const KEY_ADVICE: &str = "create a publishable key that only this server uses (not the project's default), or make one of 32 characters or more: openssl rand -hex 32";

/// The minimum length in characters of a key that is not one of Supabase's.
const SHORTEST_KEY: usize = 32;

/// Hosted mode.
#[derive(Debug)]
pub struct HostedConfig {
    /// The address of the control plane.
    pub addresses: Addresses,
    /// The project's publishable key.
    pub key: Secret,
    /// The claims that tokens must have.
    pub expected: ExpectedToken,
    /// The server's own address, without a path; it is never taken from a request.
    pub public_url: Option<String>,
    /// The console; its pages may call this server.
    pub console_url: Option<String>,
}

impl HostedConfig {
    /// Reads the variables; `None` if hosted mode is not configured. Invalid values become findings.
    pub(super) fn read(environment: Environment<'_>, findings: &mut Vec<Finding>) -> Option<Self> {
        let broker = environment(BROKER)?;
        let example = "https://<project>.supabase.co/functions/v1/token-exchanger";
        let functions = url(&broker, findings, BROKER, example).and_then(|broker| {
            let (base, _) = broker.rsplit_once('/')?;
            if base.ends_with('/') {
                findings
                    .push(Finding::new(BROKER, format!("it has no path; it looks like {example}")));
            }
            Some(base.to_owned())
        });
        let functions = functions.unwrap_or_default();
        // `https://host` of `https://host/functions/v1`.
        let project = functions.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
        let mut address = |name: &str, default: String| match environment(name) {
            Some(given) => url(&given, findings, name, &default).unwrap_or(default),
            None => default,
        };
        let addresses = Addresses {
            jwks: address("JWKS_URL", format!("{project}/auth/v1/.well-known/jwks.json")),
            sieve: address("TOOL_SIEVE_URL", format!("{functions}/tool-sieve")),
            broker,
            audit: address("AUDIT_LOG_URL", format!("{functions}/audit-log")),
            confirmations: address("CONFIRMATIONS_URL", format!("{functions}/confirmations")),
        };
        let issuer = environment("JWT_ISSUER").unwrap_or_else(|| format!("{project}/auth/v1"));
        let mut origin = |name: &str, example: &str| {
            let given = url(&environment(name)?, findings, name, example)?;
            if given.splitn(4, '/').count() > 3 {
                findings
                    .push(Finding::new(name, format!("it has a path; it looks like {example}")));
                return None;
            }
            Some(given)
        };
        let public_url = origin("PUBLIC_URL", "https://mcp.example.com");
        let console_url = origin("CONSOLE_URL", "https://console.example.com");
        let resource = public_url.clone().map(|origin| resource(origin, &issuer).resource());
        let audience = environment("JWT_AUDIENCE")
            .or(resource)
            .unwrap_or_else(|| SUPABASE_AUDIENCE.to_owned());
        let key = environment("TOKEN_BROKER_KEY").unwrap_or_default();
        if let Some(problem) = problem_of_key(&key) {
            findings.push(Finding::new("TOKEN_BROKER_KEY", format!("{problem}; {KEY_ADVICE}")));
        }
        Some(Self {
            addresses,
            key: Secret::new(key),
            expected: ExpectedToken { issuer, audience },
            public_url,
            console_url,
        })
    }

    /// Returns the protected-resource metadata for clients.
    #[must_use]
    pub fn resource(&self) -> Option<ResourceMetadata> {
        self.public_url.clone().map(|origin| resource(origin, &self.expected.issuer))
    }

    /// Returns settings that are permitted but most likely a mistake: tokens that were issued for another audience.
    #[must_use]
    pub fn warning(&self) -> Option<Finding> {
        let audience = &self.expected.audience;
        let message = match self.resource() {
            Some(resource) if resource.resource() == *audience => return None,
            Some(resource) => format!(
                "tokens for {audience} are accepted, which may be meant for another server; unset it, so that only those for {} are",
                resource.resource()
            ),
            None => format!(
                "tokens for {audience} are accepted, which may be meant for another server; set PUBLIC_URL"
            ),
        };
        Some(Finding::new(AUDIENCE, message))
    }
}

fn resource(origin: String, issuer: &str) -> ResourceMetadata {
    ResourceMetadata::new(origin, issuer.to_owned())
}

/// Returns what is wrong with a key for the functions; `None` if it can be valid.
fn problem_of_key(key: &str) -> Option<&'static str> {
    if key.is_empty() {
        Some("it is missing: hosted mode shows it to the functions")
    } else if key.bytes().any(|byte| !byte.is_ascii_graphic()) {
        Some("it has a space, a line break or a character outside ASCII")
    } else if key.starts_with("sb_secret_") {
        Some("it is a secret key, which this server must not hold")
    } else if key.starts_with("eyJ") {
        Some("it is a legacy key of the project, which others also have")
    } else if !key.starts_with("sb_publishable_") && key.len() < SHORTEST_KEY {
        Some("it is shorter than 32 characters")
    } else {
        None
    }
}

/// Reads an `https` URL without a trailing slash. `http` is accepted only for this machine, because tokens are sent to it.
fn url(text: &str, findings: &mut Vec<Finding>, name: &str, example: &str) -> Option<String> {
    let uri = text.parse::<ureq::http::Uri>().ok();
    let host = uri.as_ref().and_then(ureq::http::Uri::host).unwrap_or_default().to_owned();
    let is_here = matches!(host.as_str(), "localhost" | "127.0.0.1" | "[::1]");
    let scheme = uri.as_ref().and_then(ureq::http::Uri::scheme_str);
    let fits = !host.is_empty() && (scheme == Some("https") || scheme == Some("http") && is_here);
    if fits && !text.contains(['?', '#', '@']) {
        return Some(text.trim_end_matches('/').to_owned());
    }
    findings.push(Finding::new(name, format!("it is not an https URL; it looks like {example}")));
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> (Option<HostedConfig>, Vec<String>) {
        let mut findings = Vec::new();
        let config = HostedConfig::read(
            &|name| {
                variables
                    .iter()
                    .find(|(known, _)| *known == name)
                    .map(|(_, value)| (*value).to_owned())
            },
            &mut findings,
        );
        (config, findings.into_iter().map(|finding| finding.name).collect())
    }

    const PROJECT: [(&str, &str); 2] = [
        ("TOKEN_BROKER_URL", "https://abc.supabase.co/functions/v1/token-exchanger"),
        ("TOKEN_BROKER_KEY", "sb_publishable_x"),
    ];

    #[test]
    fn two_variables_are_enough() {
        let (config, findings) = read(&PROJECT);
        let config = config.expect("hosted mode is asked for");
        assert_eq!(findings, [""; 0]);
        assert_eq!(
            config.addresses,
            Addresses {
                jwks: "https://abc.supabase.co/auth/v1/.well-known/jwks.json".to_owned(),
                sieve: "https://abc.supabase.co/functions/v1/tool-sieve".to_owned(),
                broker: "https://abc.supabase.co/functions/v1/token-exchanger".to_owned(),
                audit: "https://abc.supabase.co/functions/v1/audit-log".to_owned(),
                confirmations: "https://abc.supabase.co/functions/v1/confirmations".to_owned(),
            }
        );
        assert_eq!(
            config.expected,
            ExpectedToken {
                issuer: "https://abc.supabase.co/auth/v1".to_owned(),
                audience: "authenticated".to_owned()
            }
        );
        assert!(config.resource().is_none(), "without PUBLIC_URL there is no address to name");
        assert!(read(&[]).0.is_none());
    }

    #[test]
    fn tokens_are_for_this_server_alone_unless_a_variable_says_otherwise() {
        let check = |variables: &[(&str, &str)], audience: &str, says: Option<&str>| {
            let (config, findings) = read(&[&PROJECT, variables].concat());
            assert_eq!(findings, [""; 0]);
            let config = config.expect("hosted mode is asked for");
            assert_eq!(config.expected.audience, audience, "{variables:?}");
            let warning = config.warning().map(|warning| warning.to_string());
            let fits = match (&warning, says) {
                (Some(warning), Some(says)) => {
                    warning.starts_with("JWT_AUDIENCE: ") && warning.contains(says)
                }
                (warning, says) => warning.is_none() && says.is_none(),
            };
            assert!(fits, "{variables:?}: {warning:?}");
        };
        let public = ("PUBLIC_URL", "https://mcp.example.com");
        let own = "https://mcp.example.com/mcp";
        check(&[public], own, None);
        check(&[("PUBLIC_URL", "https://mcp.example.com/")], own, None);
        check(&[public, ("JWT_AUDIENCE", own)], own, None);
        check(&[public, ("JWT_AUDIENCE", "authenticated")], "authenticated", Some("unset it"));
        check(&[], "authenticated", Some("set PUBLIC_URL"));
    }

    #[test]
    fn what_is_wrong_is_told_by_its_variable() {
        let check = |name: &str, value: &str, expected: &[&str]| {
            let mut variables = vec![(name, value)];
            variables.extend(PROJECT.iter().filter(|(known, _)| *known != name));
            assert_eq!(read(&variables).1, expected, "{name}={value}");
        };
        check(
            "TOKEN_BROKER_URL",
            "http://abc.supabase.co/functions/v1/token-exchanger",
            &["TOKEN_BROKER_URL"],
        );
        check("TOKEN_BROKER_URL", "http://127.0.0.1:5000/functions/v1/token-exchanger", &[]);
        check("TOKEN_BROKER_URL", "token-exchanger", &["TOKEN_BROKER_URL"]);
        check("TOKEN_BROKER_URL", "https://abc.supabase.co", &["TOKEN_BROKER_URL"]);
        check("TOKEN_BROKER_KEY", "", &["TOKEN_BROKER_KEY"]);
        check("TOKEN_BROKER_KEY", "sb_secret_x", &["TOKEN_BROKER_KEY"]);
        check("TOKEN_BROKER_KEY", "two\nlines", &["TOKEN_BROKER_KEY"]);
        check(
            "TOKEN_BROKER_KEY",
            "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoiYW5vbiJ9.x",
            &["TOKEN_BROKER_KEY"],
        );
        check("TOKEN_BROKER_KEY", &"x".repeat(31), &["TOKEN_BROKER_KEY"]);
        check("TOKEN_BROKER_KEY", &"x".repeat(32), &[]);
        check("PUBLIC_URL", "https://mcp.example.com/mcp", &["PUBLIC_URL"]);
        check("PUBLIC_URL", "https://mcp.example.com/", &[]);
        check("CONSOLE_URL", "javascript:alert(1)", &["CONSOLE_URL"]);
        check("JWKS_URL", "https://user@host/jwks", &["JWKS_URL"]);
    }
}
