//! From the environment to the product: what every command that needs the modules does first.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use super::Stop;
use crate::app::{App, CALL_TIME, Parts};
use crate::auth::{self, Authenticator};
use crate::broker;
use crate::config::{Config, Finding, Flags, HostedConfig, ModuleSettings, process_environment, process_environment_names};
use crate::control_plane::ControlPlane;
use crate::mcp::seal::Seal;
use crate::modules::{Module, Registry};
use crate::sieve::{self, Permissions, Policy, Subject};
use crate::telemetry::audit::Audit;
use crate::telemetry::log::{Output, start};
use crate::upstream::{Upstream, UpstreamConfig};

/// The product of local mode, and what it was made of.
pub(super) struct Local {
    pub config: Config,
    pub app: Arc<App>,
    pub sieve: Arc<sieve::Local>,
}

/// The product of hosted mode, and what belongs to it.
pub(super) struct Hosted {
    pub app: Arc<App>,
    pub authenticator: Arc<dyn Authenticator>,
    pub audit: Arc<Audit>,
}

/// Builds the product of local mode, with its log on `output`.
pub(super) fn local(flags: &Flags, output: Output) -> Result<Local, Stop> {
    let (config, mut findings) = Config::read(flags, &process_environment);
    start(config.log_level, output);
    let mut registry = Registry::built_in().map_err(|findings| Stop::Findings(findings.iter().map(broken_module).collect()))?;
    if let Some(directory) = &config.modules_directory {
        // A broken file is reported and skipped: the other modules go on.
        for finding in registry.add_directory(directory) {
            log::error!("module file skipped: {finding}");
        }
    }
    let (settings, wrong) = ModuleSettings::read(registry.modules().iter(), &process_environment, &process_environment_names());
    findings.extend(wrong);
    let permissions = match &config.policy {
        None => Permissions::everything(),
        Some(path) => policy(path, &registry).unwrap_or_else(|finding| {
            findings.push(finding);
            Permissions::only(HashSet::new())
        }),
    };
    // All at once: whoever mends one finding does not want to meet the next at the next start.
    if !findings.is_empty() {
        return Err(Stop::Findings(findings));
    }
    let sieve = Arc::new(sieve::Local::new(permissions));
    let app = Arc::new(App::new(Parts {
        call_time: CALL_TIME,
        registry: Arc::new(registry),
        sieve: Arc::clone(&sieve) as Arc<dyn sieve::Sieve>,
        broker: Arc::new(broker::Local::new(settings.credentials)),
        seal: seal(&config),
        audit: None,
        upstream: upstream(&config),
        base_urls: settings.base_urls,
    }));
    Ok(Local { config, app, sieve })
}

/// Builds the product of hosted mode from that of local mode: the same modules and settings, other answers to the three
/// questions.
pub(super) fn hosted(config: &Config, hosted: &HostedConfig, local: &App) -> Result<Hosted, Stop> {
    let plane = ControlPlane::new(upstream(config), hosted.addresses.clone(), hosted.key.expose());
    let plane = Arc::new(plane.map_err(|error| Stop::Failed(error.to_string()))?);
    let sieve = Arc::new(sieve::Hosted::new(Arc::clone(&plane)));
    let audit = Audit::start(Arc::clone(&plane))?;
    let app = Arc::new(App::new(Parts {
        call_time: CALL_TIME,
        registry: Arc::clone(&local.parts().registry),
        sieve: Arc::clone(&sieve) as Arc<dyn sieve::Sieve>,
        broker: Arc::new(broker::Hosted::new(Arc::clone(&plane), Arc::clone(&sieve))),
        seal: Arc::clone(&local.parts().seal),
        audit: Some(Arc::clone(&audit)),
        upstream: upstream(config),
        base_urls: local.parts().base_urls.clone(),
    }));
    let authenticator =
        auth::Hosted::new(auth::HostedParts { plane, sieve, expected: hosted.expected.clone(), resource: hosted.resource() });
    Ok(Hosted { app, authenticator: Arc::new(authenticator), audit })
}

fn seal(config: &Config) -> Arc<Seal> {
    Arc::new(config.seal_secret.as_ref().map_or_else(Seal::random, |secret| Seal::from_secret(secret.expose().as_bytes())))
}

fn upstream(config: &Config) -> Upstream {
    Upstream::new(UpstreamConfig { proxy: config.proxy.clone(), ..UpstreamConfig::default() })
}

fn broken_module(finding: &crate::modules::Finding) -> Finding {
    Finding::new("built-in module", finding.to_string())
}

/// Reads the policy file.
pub(super) fn policy(path: &Path, registry: &Registry) -> Result<Permissions, Finding> {
    let finding = |message: String| Finding::new(format!("MCPIST_POLICY={}", path.display()), message);
    let text = std::fs::read_to_string(path).map_err(|error| finding(error.to_string()))?;
    let policy = Policy::parse(&text).map_err(finding)?;
    let subjects: Vec<Subject> =
        registry.modules().iter().flat_map(|module| module.tools.iter().map(|tool| subject(module, tool))).collect();
    // A misspelt denial would allow what it means to deny, so it stops the start.
    match policy.unmatched(&subjects).as_slice() {
        [] => Ok(policy.permissions(&subjects)),
        unmatched => Err(finding(format!("no module or tool is named {}; mcpist tools lists them", unmatched.join(", ")))),
    }
}

fn subject(module: &Module, tool: &crate::modules::Tool) -> Subject {
    Subject { module: module.name.clone(), tool: tool.published_name.clone(), read_only: tool.is_read_only() }
}
