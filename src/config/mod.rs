//! Every flag and environment variable, checked once. Nothing else reads the environment.

mod hosted;
mod modules;
mod names;
mod state;
mod telemetry;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

pub use hosted::HostedConfig;
use log::LevelFilter;
pub use modules::ModuleSettings;
pub use names::{near_misses, unknown as unknown_names};

use crate::access::{ConfirmPolicy, UserLimits};
use crate::http::Limits;
use crate::secret::Secret;
use crate::telemetry::TelemetrySettings;
use crate::transport::FAILURES_PER_SECOND;

/// The default port: 8080 is in use on many machines, 8088 is rarely used.
pub const DEFAULT_PORT: u16 = 8088;

/// The minimum length of `MCPIST_SECRET` in bytes: the key that seals sessions and request state must not be guessable.
const MIN_SECRET: usize = 32;

/// The variable that limits the memory for answers of services, and its default in bytes.
const ANSWERS: &str = "MCPIST_MAX_ANSWERS_BYTES";
const DEFAULT_ANSWERS: u64 = 64 * 1024 * 1024;

/// The variable with the token that local mode requires from clients.
const LOCAL_TOKEN: &str = "MCPIST_LOCAL_TOKEN";

/// The variable with the proxies that name their clients' addresses.
const TRUSTED_PROXIES: &str = "MCPIST_TRUSTED_PROXIES";

/// The variable that bounds how many calls of tools a user may make in a minute, and its value in hosted mode (DESIGN §8).
const TOOL_CALLS: &str = "MCPIST_TOOL_CALLS_PER_MINUTE";
const DEFAULT_TOOL_CALLS: u32 = 300;

/// An error in one variable, flag or file, with a valid alternative.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The variable, flag or file.
    pub name: String,
    /// What is wrong, with an example of a valid value.
    pub message: String,
}

impl Finding {
    /// Returns a finding about `name`.
    pub fn new(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self { name: name.into(), message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.name, self.message)
    }
}

/// The environment, as a function from a name to its value; tests use their own.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Returns the environment of this process.
#[must_use]
pub fn process_environment(name: &str) -> Option<String> {
    // An empty variable counts as unset, because many platforms and shells write it that way.
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Returns the names of the variables of this process.
#[must_use]
pub fn process_environment_names() -> Vec<String> {
    std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).collect()
}

/// The values of flags; they override the environment.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `--port`.
    pub port: Option<u16>,
    /// `--bind`.
    pub bind: Option<IpAddr>,
}

/// All settings, except those of single modules ([`ModuleSettings`]).
#[derive(Debug)]
pub struct Config {
    /// The address that the server listens on.
    pub address: SocketAddr,
    /// The limits that variables set.
    pub limits: AllLimits,
    /// The least level of log lines.
    pub log_level: LevelFilter,
    /// A folder with the user's own module files.
    pub modules_directory: Option<PathBuf>,
    /// The policy file.
    pub policy: Option<PathBuf>,
    /// The confirmation policy for actions that cannot be undone, cost money or reach others.
    pub confirm: ConfirmPolicy,
    /// The folder for local mode's state; `None` if there is no home directory.
    pub state_directory: Option<PathBuf>,
    /// The program that opens a page for the person at this machine; `None` if there is no browser.
    pub browser: Option<String>,
    /// The key that seals tokens; `None` for a random key that lives as long as the process.
    pub seal_secret: Option<Secret>,
    /// The token that clients of local mode must send; `None` if every client that can reach the loopback address is served.
    pub local_token: Option<Secret>,
    /// Hosted mode, if it is configured.
    pub hosted: Option<HostedConfig>,
    /// The maximum number of tool calls that a user may make a minute; `None` for no limit.
    pub tool_calls_per_minute: Option<u32>,
    /// The maximum total size in bytes of all service answers in memory.
    pub max_answers_bytes: u64,
    /// The proxy for calls to services.
    pub proxy: Option<ureq::Proxy>,
    /// Where telemetry is sent; `None` if it is off.
    pub telemetry: Option<TelemetrySettings>,
}

/// All limits that variables set.
#[derive(Debug, Clone)]
pub struct AllLimits {
    /// The front door's.
    pub http: Limits,
    /// Each user's.
    pub users: UserLimits,
    /// Failed authentications a second from one address.
    pub failures_per_second: u32,
}

impl Default for AllLimits {
    fn default() -> Self {
        Self {
            http: Limits::default(),
            users: UserLimits::default(),
            failures_per_second: FAILURES_PER_SECOND,
        }
    }
}

/// A limit that a variable sets: the one list that the configuration and the documentation are read from.
pub struct LimitVariable {
    /// The variable.
    pub name: &'static str,
    /// The meaning of the limit, with its unit.
    pub meaning: &'static str,
    set: fn(&mut AllLimits, u32),
    get: fn(&AllLimits) -> u64,
}

macro_rules! limit {
    (count $name:literal, $($field:ident).+, $meaning:literal) => {
        LimitVariable {
            name: $name,
            meaning: $meaning,
            set: |limits, value| limits.$($field).+ = value as _,
            get: |limits| u64::try_from(limits.$($field).+).unwrap_or(u64::MAX),
        }
    };
    (seconds $name:literal, $($field:ident).+, $meaning:literal) => {
        LimitVariable {
            name: $name,
            meaning: $meaning,
            set: |limits, value| limits.$($field).+ = Duration::from_secs(u64::from(value)),
            get: |limits| limits.$($field).+.as_secs(),
        }
    };
}

/// The limits that variables set.
pub const LIMITS: &[LimitVariable] = &[
    limit!(count "MCPIST_MAX_CONNECTIONS", http.connections, "connections open at once"),
    limit!(count "MCPIST_MAX_CONNECTIONS_PER_ADDRESS", http.connections_per_address, "connections open at once from one address (loopback is exempt)"),
    limit!(count "MCPIST_MAX_FAILURES_PER_SECOND", failures_per_second, "failed authentications a second from one address"),
    limit!(count "MCPIST_MAX_REQUESTS_PER_USER", users.requests, "requests of one user that run at once"),
    limit!(count "MCPIST_MAX_STREAMS_PER_USER", users.streams, "event streams and subscriptions of one user"),
    limit!(count "MCPIST_MAX_QUESTIONS_PER_USER", users.questions, "questions to one user that wait for an answer"),
    limit!(count "MCPIST_MAX_HEAD_BYTES", http.head_bytes, "bytes of a request's head"),
    limit!(count "MCPIST_MAX_HEADERS", http.header_count, "headers of a request"),
    limit!(seconds "MCPIST_HEAD_SECONDS", http.head_time, "seconds for a request's whole head"),
    limit!(count "MCPIST_MAX_BODY_BYTES", http.body_bytes, "bytes of a request's body"),
    limit!(count "MCPIST_MAX_BODIES_BYTES", http.all_bodies_bytes, "bytes of all requests' bodies at once"),
    limit!(seconds "MCPIST_BODY_SECONDS", http.body_time, "seconds for a request's whole body"),
    limit!(seconds "MCPIST_IDLE_SECONDS", http.idle_time, "seconds that an idle connection stays open"),
    limit!(seconds "MCPIST_WRITE_SECONDS", http.write_stall, "seconds that a client may take no byte of an answer"),
    limit!(seconds "MCPIST_DRAIN_SECONDS", http.drain_time, "seconds that running requests get at shutdown"),
];

impl LimitVariable {
    /// Returns the default value.
    #[must_use]
    pub fn default_value(&self) -> u64 {
        (self.get)(&AllLimits::default())
    }
}

impl Config {
    /// Reads flags and environment. An invalid value becomes a finding, and its default is used.
    pub fn read(flags: &Flags, environment: Environment<'_>) -> (Self, Vec<Finding>) {
        let mut findings = Vec::new();
        let mut limits = AllLimits::default();
        for limit in LIMITS {
            if let Some(value) =
                number(environment, limit.name, 1..=i64::from(i32::MAX), &mut findings)
            {
                (limit.set)(&mut limits, u32::try_from(value).unwrap_or(u32::MAX));
            }
        }
        if let Some(text) = environment(TRUSTED_PROXIES) {
            match text.parse() {
                Ok(proxies) => limits.http.trusted_proxies = proxies,
                Err(error) => findings.push(Finding::new(
                    TRUSTED_PROXIES,
                    format!("{error}; list the addresses that the proxy's connections come from, such as 10.0.0.0/8, fd00::/8"),
                )),
            }
        }
        let port = flags.port.or_else(|| {
            number(environment, "PORT", 0..=65_535, &mut findings)
                .and_then(|port| u16::try_from(port).ok())
        });
        let hosted = HostedConfig::read(environment, &mut findings);
        let default = if hosted.is_some() { Ipv4Addr::UNSPECIFIED } else { Ipv4Addr::LOCALHOST };
        let address = flags.bind.unwrap_or(IpAddr::V4(default));
        let local_token = local_token(environment, hosted.is_some(), &mut findings);
        if hosted.is_none() && local_token.is_none() && !address.is_loopback() {
            let message = "without MCPIST_LOCAL_TOKEN local mode does not authenticate clients, so it listens only on a loopback address, such as 127.0.0.1";
            findings.push(Finding::new(
                "--bind",
                format!("{address} can be reached by others; {message}"),
            ));
        }
        let policy = environment("MCPIST_POLICY").map(PathBuf::from);
        if policy.is_some() && hosted.is_some() {
            findings.push(Finding::new(
                "MCPIST_POLICY",
                "hosted mode does not use it: the roles in the console decide what users may do; unset it",
            ));
        }
        let tool_calls_per_minute = number(environment, TOOL_CALLS, 1..=1_000_000, &mut findings)
            .and_then(|number| u32::try_from(number).ok())
            .or(hosted.as_ref().map(|_| DEFAULT_TOOL_CALLS));
        let max_answers_bytes =
            number(environment, ANSWERS, 1..=i64::from(i32::MAX), &mut findings)
                .and_then(|number| u64::try_from(number).ok())
                .unwrap_or(DEFAULT_ANSWERS);
        let log_level = match environment("MCPIST_LOG") {
            None => LevelFilter::Info,
            Some(level) => level.parse().unwrap_or_else(|_| {
                findings.push(Finding::new(
                    "MCPIST_LOG",
                    format!("{level:?} is not a level; use error, warn, info, debug, trace or off"),
                ));
                LevelFilter::Info
            }),
        };
        let seal_secret = environment("MCPIST_SECRET").map(Secret::new);
        if seal_secret.as_ref().is_some_and(|secret| secret.expose().len() < MIN_SECRET) {
            findings.push(Finding::new(
                "MCPIST_SECRET",
                format!(
                    "it is shorter than {MIN_SECRET} bytes; make one with: openssl rand -hex 32"
                ),
            ));
        }
        let confirm = match environment("MCPIST_CONFIRM") {
            None => ConfirmPolicy::Human,
            Some(word) => word.parse().unwrap_or_else(|()| {
                let words = ConfirmPolicy::ALL.map(|(word, _)| word).join(", ");
                findings.push(Finding::new(
                    "MCPIST_CONFIRM",
                    format!("{word:?} is not a policy; use one of {words}"),
                ));
                ConfirmPolicy::Human
            }),
        };
        let proxy = proxy(environment, &mut findings);
        let config = Self {
            address: SocketAddr::new(address, port.unwrap_or(DEFAULT_PORT)),
            limits,
            log_level,
            modules_directory: environment("MCPIST_MODULES_DIR").map(PathBuf::from),
            policy,
            confirm,
            state_directory: state::directory(environment, &mut findings),
            browser: state::browser(environment),
            seal_secret,
            local_token,
            hosted,
            tool_calls_per_minute,
            max_answers_bytes,
            proxy,
            telemetry: telemetry::read(environment, &mut findings),
        };
        (config, findings)
    }
}

/// Returns the token that local mode requires. An invalid token counts as unset, so that the server does not listen beyond
/// loopback.
fn local_token(
    environment: Environment<'_>,
    is_hosted: bool,
    findings: &mut Vec<Finding>,
) -> Option<Secret> {
    let token = environment(LOCAL_TOKEN).map(Secret::new)?;
    let text = token.expose();
    let problem = if is_hosted {
        "hosted mode does not use it: users sign in, or have API tokens; unset it".to_owned()
    } else if text.len() < MIN_SECRET || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        format!(
            "it is not {MIN_SECRET} or more visible ASCII characters; make one with: openssl rand -hex 32"
        )
    } else {
        return Some(token);
    };
    findings.push(Finding::new(LOCAL_TOKEN, problem));
    None
}

/// Returns the proxy from the usual variables.
fn proxy(environment: Environment<'_>, findings: &mut Vec<Finding>) -> Option<ureq::Proxy> {
    let names = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    let (name, url) = names.into_iter().find_map(|name| Some((name, environment(name)?)))?;
    let proxy = ureq::Proxy::new(&url).ok();
    if proxy.is_none() {
        // The URL itself is not repeated, because it may contain a password.
        findings.push(Finding::new(
            name,
            "it is not a proxy URL; one looks like http://proxy.example.com:3128",
        ));
    }
    proxy
}

fn number(
    environment: Environment<'_>,
    name: &str,
    range: std::ops::RangeInclusive<i64>,
    findings: &mut Vec<Finding>,
) -> Option<i64> {
    let text = environment(name)?;
    match text.parse() {
        Ok(number) if range.contains(&number) => Some(number),
        _ => {
            let (least, most) = (range.start(), range.end());
            findings.push(Finding::new(
                name,
                format!("{text:?} is not a whole number from {least} to {most}"),
            ));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(flags: &Flags, variables: &[(&str, &str)]) -> Result<Config, Vec<Finding>> {
        let (config, findings) = Config::read(flags, &|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        });
        if findings.is_empty() { Ok(config) } else { Err(findings) }
    }

    #[test]
    fn without_any_environment_the_server_listens_on_loopback() {
        let config = load(&Flags::default(), &[]).unwrap();
        assert_eq!(config.address, SocketAddr::from(([127, 0, 0, 1], 8088)));
        assert_eq!(config.log_level, LevelFilter::Info);
    }

    #[test]
    fn a_flag_wins_over_the_environment() {
        assert_eq!(
            load(&Flags { port: Some(1), bind: None }, &[("PORT", "2")]).unwrap().address.port(),
            1
        );
        assert_eq!(load(&Flags::default(), &[("PORT", "2")]).unwrap().address.port(), 2);
    }

    #[test]
    fn every_finding_is_told_at_once_and_names_its_variable() {
        let flags = Flags { port: None, bind: Some(IpAddr::from([0, 0, 0, 0])) };
        let variables = [
            ("PORT", "70000"),
            ("MCPIST_LOG", "loud"),
            ("MCPIST_SECRET", "short"),
            ("MCPIST_MAX_CONNECTIONS", "many"),
            ("TOKEN_BROKER_URL", "https://x/functions/v1/token-exchanger"),
        ];
        let findings = load(&flags, &variables).unwrap_err();
        let names: Vec<_> = findings.iter().map(|finding| finding.name.as_str()).collect();
        assert_eq!(
            names,
            ["MCPIST_MAX_CONNECTIONS", "PORT", "TOKEN_BROKER_KEY", "MCPIST_LOG", "MCPIST_SECRET"]
        );
        assert!(
            !findings.iter().any(|finding| finding.message.contains("short\"")),
            "a secret is never shown"
        );
    }

    #[test]
    fn who_confirms_is_a_person_unless_the_variable_says_otherwise() {
        let confirm = |variables: &[(&str, &str)]| {
            load(&Flags::default(), variables).map(|config| config.confirm)
        };
        assert_eq!(confirm(&[]), Ok(ConfirmPolicy::Human));
        for (word, policy) in ConfirmPolicy::ALL {
            assert_eq!(confirm(&[("MCPIST_CONFIRM", word)]), Ok(policy));
        }
        for word in ["humna", "none", "Human", "true", "0"] {
            let findings = confirm(&[("MCPIST_CONFIRM", word)]).unwrap_err();
            assert_eq!(findings[0].name, "MCPIST_CONFIRM");
            assert!(findings[0].message.contains("human, code, off"), "{findings:?}");
        }
    }

    #[test]
    fn only_a_token_opens_local_mode_to_other_addresses() {
        let everywhere = Flags { port: None, bind: Some(IpAddr::from([0, 0, 0, 0])) };
        let token = "0123456789abcdef0123456789abcdef";
        let config = load(&everywhere, &[(LOCAL_TOKEN, token)]).unwrap();
        assert!(config.local_token.is_some());
        assert!(load(&Flags::default(), &[(LOCAL_TOKEN, token)]).is_ok());
        let names = |flags: &Flags, variables: &[(&str, &str)]| {
            let findings = load(flags, variables).unwrap_err();
            assert!(
                !findings.iter().any(|finding| finding.message.contains("0123")),
                "{findings:?}"
            );
            findings.into_iter().map(|finding| finding.name).collect::<Vec<_>>()
        };
        assert_eq!(names(&everywhere, &[]), ["--bind"]);
        assert_eq!(names(&everywhere, &[(LOCAL_TOKEN, &token[1..])]), [LOCAL_TOKEN, "--bind"]);
        assert_eq!(
            names(&Flags::default(), &[(LOCAL_TOKEN, "0123456789 abcdef 0123456789abcdef")]),
            [LOCAL_TOKEN]
        );
        let broker = ("TOKEN_BROKER_URL", "https://abc.supabase.co/functions/v1/token-exchanger");
        let key = ("TOKEN_BROKER_KEY", "sb_publishable_x");
        assert_eq!(names(&Flags::default(), &[broker, key, (LOCAL_TOKEN, token)]), [LOCAL_TOKEN]);
    }

    #[test]
    fn a_policy_file_in_hosted_mode_is_a_finding() {
        let broker = ("TOKEN_BROKER_URL", "https://abc.supabase.co/functions/v1/token-exchanger");
        let key = ("TOKEN_BROKER_KEY", "sb_publishable_0123456789abcdef0123456789abcdef");
        let policy = ("MCPIST_POLICY", "policy.json");
        let findings = load(&Flags::default(), &[broker, key, policy]).unwrap_err();
        assert_eq!(findings[0].name, "MCPIST_POLICY");
        assert!(load(&Flags::default(), &[policy]).is_ok());
    }

    #[test]
    fn limits_are_set_by_their_variables() {
        let config = load(
            &Flags::default(),
            &[("MCPIST_MAX_CONNECTIONS", "7"), ("MCPIST_HEAD_SECONDS", "3")],
        )
        .unwrap();
        assert_eq!(
            (config.limits.http.connections, config.limits.http.head_time),
            (7, Duration::from_secs(3))
        );
        let variables = LIMITS.iter().map(|limit| (limit.name, "77")).collect::<Vec<_>>();
        let limits = load(&Flags::default(), &variables).unwrap().limits;
        for limit in LIMITS {
            assert_eq!((limit.get)(&limits), 77, "{}", limit.name);
        }
    }

    #[test]
    fn trusted_proxies_are_addresses_and_ranges() {
        let given = |text| load(&Flags::default(), &[(TRUSTED_PROXIES, text)]);
        let proxies = given("10.0.0.0/8, ::1").unwrap().limits.http.trusted_proxies;
        assert!(proxies.contains([10, 1, 2, 3].into()) && !proxies.contains([192, 0, 2, 1].into()));
        for wrong in ["proxy.example.com", "10.0.0.0/99", "0.0.0.0/0", "*"] {
            let findings = given(wrong).unwrap_err();
            assert_eq!(findings[0].name, TRUSTED_PROXIES);
            assert!(findings[0].message.contains("such as 10.0.0.0/8"), "{findings:?}");
        }
    }
}
