//! From the environment to the product: the common start of every command that needs the modules.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::Stop;
use crate::access::{
    AuditTrail, Authenticator, Broker, Caller, ConfirmPolicy, ConfirmationPage, Permissions, Sieve,
};
use crate::app::{App, CALL_TIME, CODE_LIFETIME, Confirmation, Live, Parts, Rates, Visible};
use crate::config::{
    Config, Finding, Flags, HostedConfig, ModuleSettings, near_misses, process_environment,
    process_environment_names, unknown_names,
};
use crate::engine::{Module, Tool};
use crate::hosted::{
    AuditSender, ConsoleConfirmations, ControlPlane, TokenAuthenticator, TokenAuthenticatorParts,
    TokenExchanger, ToolSieve,
};
use crate::local::{EnvironmentBroker, Policy, PolicySieve, StateFolder, Subject};
use crate::mcp::context::View;
use crate::mcp::seal::Seal;
use crate::mcp::subscriptions::{Change, Hub};
use crate::modules::{Folder, Registry};
use crate::page::{KeySource, Lifetimes, Page, PageKey, Questions};
use crate::telemetry::log::{Output, start};
use crate::upstream::{Upstream, UpstreamConfig};

/// How often the policy file and the module files are checked for changes.
const FILE_CHECK: Duration = Duration::from_secs(2);

/// The environment as it was read, before the product is made from it.
pub(super) struct Prepared {
    pub config: Config,
    /// Configuration errors; reported together with the errors of making the product.
    findings: Vec<Finding>,
    sources: Sources,
}

/// The product, and what it was made from.
pub(super) struct Product {
    pub config: Config,
    pub app: Arc<App>,
    pub sources: Sources,
    /// Settings that are permitted but most likely a mistake.
    pub warnings: Vec<Finding>,
}

/// The sources of the product. It is made again when one of their files changes.
pub(super) struct Sources {
    built_in: Registry,
    folder: Option<Folder>,
    policy: Option<PathBuf>,
    /// The modification time of the policy file that was read.
    policy_written: Option<SystemTime>,
    /// Hosted mode's implementations of access control; they do not use files.
    hosted: Option<Answers>,
    upstream: Upstream,
    seal: Arc<Seal>,
    confirm: ConfirmPolicy,
    /// The page where a person confirms.
    page: Option<Arc<dyn ConfirmationPage>>,
    rates: Option<Arc<Rates>>,
}

struct Answers {
    sieve: Arc<dyn Sieve>,
    broker: Arc<dyn Broker>,
    audit: Arc<AuditSender>,
}

/// The parts that only hosted mode has.
pub(super) struct HostedParts {
    pub plane: Arc<ControlPlane>,
    pub authenticator: Arc<dyn Authenticator>,
    pub audit: Arc<AuditSender>,
}

/// Creates the product of local mode, with its log on `output`.
pub(super) fn local(output: Output) -> Result<Product, Stop> {
    Prepared::new(&Flags::default(), output)?.product()
}

/// Returns the tools that the person at this machine may use.
pub(super) fn visible(app: &App) -> Result<Visible<'_>, Stop> {
    let view = View::default();
    app.visible(&Caller::local(), &view).map_err(|error| Stop::Failed(error.to_string()))
}

/// Returns the module with this name.
pub(super) fn module<'a>(visible: &Visible<'a>, name: &str) -> Result<&'a Module, Stop> {
    visible.module(name).map_err(|error| Stop::WrongUsage(error.to_string()))
}

/// Returns a tool by module and name.
pub(super) fn tool<'a>(
    visible: &Visible<'a>,
    module: &str,
    tool: &str,
) -> Result<(&'a Module, &'a Tool), Stop> {
    let module = self::module(visible, module)?;
    visible.tool(&module.name, tool).map_err(|error| {
        let list = format!("mcpist tools {} lists them.", module.name);
        let near = error.hint().filter(|hint| hint.starts_with("Did you mean"));
        let hint = near.map_or_else(|| list.clone(), |near| format!("{near} {list}"));
        Stop::WrongUsage(error.with_hint(hint).to_string())
    })
}

impl Prepared {
    /// Reads the environment, and starts the log on `output`.
    pub fn new(flags: &Flags, output: Output) -> Result<Self, Stop> {
        let (config, findings) = Config::read(flags, &process_environment);
        start(config.log_level, output);
        let sources = Sources {
            built_in: Registry::built_in()
                .map_err(|findings| Stop::Findings(findings.iter().map(broken_module).collect()))?,
            folder: config.modules_directory.clone().map(Folder::new),
            policy: config.policy.clone(),
            policy_written: None,
            hosted: None,
            upstream: upstream(&config),
            seal: seal(&config),
            confirm: config.confirm,
            page: None,
            rates: config.tool_calls_per_minute.map(|number| Arc::new(Rates::new(number))),
        };
        Ok(Self { config, findings, sources })
    }

    /// Switches to hosted mode if it is configured: the same modules and settings as in local mode, with other implementations
    /// of access control.
    pub fn hosted(&mut self) -> Result<Option<HostedParts>, Stop> {
        let Some(hosted) = self.config.hosted.as_ref().filter(|_| self.findings.is_empty()) else {
            return Ok(None);
        };
        let plane = ControlPlane::new(
            upstream(&self.config),
            hosted.addresses.clone(),
            hosted.key.expose(),
        );
        let plane = Arc::new(plane.map_err(|error| Stop::Failed(error.to_string()))?);
        let sieve = Arc::new(ToolSieve::new(Arc::clone(&plane)));
        let audit = AuditSender::start(Arc::clone(&plane), Arc::clone(&sieve))?;
        let broker = Arc::new(TokenExchanger::new(Arc::clone(&plane), Arc::clone(&sieve)));
        let permissions = Arc::clone(&sieve) as Arc<dyn Sieve>;
        self.sources.hosted =
            Some(Answers { sieve: permissions, broker, audit: Arc::clone(&audit) });
        self.sources.policy = None;
        self.sources.page = hosted.console_url.clone().map(|console| {
            Arc::new(ConsoleConfirmations::new(Arc::clone(&plane), Arc::clone(&sieve), console))
                as Arc<dyn ConfirmationPage>
        });
        let authenticator = TokenAuthenticator::new(TokenAuthenticatorParts {
            plane: Arc::clone(&plane),
            sieve,
            expected: hosted.expected.clone(),
            resource: hosted.resource(),
        });
        Ok(Some(HostedParts { plane, authenticator: Arc::new(authenticator), audit }))
    }

    /// Returns local mode's page; `None` if the policy does not use a page.
    pub fn page(&self) -> Option<Arc<Page>> {
        let asks = self.config.hosted.is_none() && self.config.confirm == ConfirmPolicy::Human;
        let most = self.config.limits.users.questions;
        let questions = || Questions::new(Lifetimes::default(), most);
        asks.then(|| Arc::new(Page::new(page_key(&self.config), questions())))
    }

    /// Uses this page for confirmations.
    pub fn decide_on(&mut self, page: Arc<dyn ConfirmationPage>) {
        self.sources.page = Some(page);
    }

    /// Creates the product.
    pub fn product(self) -> Result<Product, Stop> {
        let Self { config, mut findings, mut sources } = self;
        match sources.app() {
            Ok(app) if findings.is_empty() => {
                let names = process_environment_names();
                let mut warnings =
                    near_misses(app.registry().modules(), &process_environment, &names);
                warnings.extend(config.hosted.as_ref().and_then(HostedConfig::warning));
                for warning in &warnings {
                    log::warn!("{warning}");
                }
                Ok(Product { config, app: Arc::new(app), sources, warnings })
            }
            // All errors are reported at once, so that users can fix them in one pass.
            made => {
                findings.extend(made.err().into_iter().flatten());
                Err(Stop::Findings(findings))
            }
        }
    }
}

impl Sources {
    /// Creates the product from the current files.
    fn app(&mut self) -> Result<App, Vec<Finding>> {
        let mut registry = self.built_in.clone();
        // An invalid file is reported and skipped; the other modules still work.
        for finding in
            self.folder.as_mut().map(|folder| folder.add_to(&mut registry)).unwrap_or_default()
        {
            log::error!("module file skipped: {finding}");
        }
        let names = process_environment_names();
        let (settings, mut findings) = match &self.hosted {
            Some(_) => ModuleSettings::addresses(registry.modules(), &process_environment),
            None => ModuleSettings::read(registry.modules(), &process_environment, &names),
        };
        findings.extend(unknown_names(registry.modules(), &process_environment, &names));
        self.policy_written = self.policy_modified();
        let permissions = match &self.policy {
            None => Permissions::everything(),
            Some(path) => policy(path, &registry).unwrap_or_else(|finding| {
                findings.push(finding);
                Permissions::only(HashSet::new())
            }),
        };
        if !findings.is_empty() {
            return Err(findings);
        }
        let (sieve, broker, audit): (Arc<dyn Sieve>, Arc<dyn Broker>, _) = match &self.hosted {
            Some(hosted) => (
                Arc::clone(&hosted.sieve),
                Arc::clone(&hosted.broker),
                Some(Arc::clone(&hosted.audit) as Arc<dyn AuditTrail>),
            ),
            None => (
                Arc::new(PolicySieve::new(permissions)),
                Arc::new(EnvironmentBroker::new(settings.credentials)),
                None,
            ),
        };
        Ok(App::new(Parts {
            call_time: CALL_TIME,
            rates: self.rates.clone(),
            registry: Arc::new(registry),
            sieve,
            broker,
            audit,
            seal: Arc::clone(&self.seal),
            confirmation: Confirmation {
                policy: self.confirm,
                page: self.page.clone(),
                code_lifetime: CODE_LIFETIME,
            },
            upstream: self.upstream.clone(),
            base_urls: settings.base_urls,
        }))
    }

    fn policy_modified(&self) -> Option<SystemTime> {
        std::fs::metadata(self.policy.as_ref()?).and_then(|metadata| metadata.modified()).ok()
    }

    fn changed(&self) -> bool {
        self.policy_modified() != self.policy_written
            || self.folder.as_ref().is_some_and(Folder::changed)
    }

    /// Reloads the product when its files change, and notifies clients when their lists may have changed.
    pub fn follow(mut self, product: Arc<Live>, hub: Arc<Hub>) -> Result<(), Stop> {
        if self.policy.is_none() && self.folder.is_none() {
            return Ok(());
        }
        std::thread::Builder::new().name("files".to_owned()).spawn(move || {
            loop {
                std::thread::sleep(FILE_CHECK);
                if !self.changed() {
                    continue;
                }
                match self.app() {
                    Ok(app) => {
                        log::info!("the module files and the policy are applied as they are now");
                        product.replace(Arc::new(app));
                        // Prompts and resources exist only if the tools that they need exist.
                        for change in [Change::Tools, Change::Prompts, Change::Resources] {
                            hub.publish(&change);
                        }
                    }
                    // The old product stays: modules that the policy was not written for must not be used.
                    Err(findings) => {
                        for finding in findings {
                            log::error!(
                                "the changed module files and policy are not applied: {finding}"
                            );
                        }
                    }
                }
            }
        })?;
        Ok(())
    }
}

fn seal(config: &Config) -> Arc<Seal> {
    Arc::new(
        config
            .seal_secret
            .as_ref()
            .map_or_else(Seal::random, |secret| Seal::from_secret(secret.expose().as_bytes())),
    )
}

/// Returns the page key of the state folder, or a key for this process if there is no such folder.
pub(super) fn page_key(config: &Config) -> PageKey {
    let folder = config.state_directory.clone().map(StateFolder::new);
    PageKey::new(move || {
        let why = match folder.as_ref().map(StateFolder::page_key) {
            Some(Ok(key)) => return KeySource::Kept(key),
            Some(Err(error)) => format!("the state folder cannot be used ({error})"),
            None => "there is no home directory and no MCPIST_STATE_DIR".to_owned(),
        };
        log::warn!(
            "{why}: the page key lives as long as this process, and mcpist open cannot use it"
        );
        KeySource::memory_only()
    })
}

fn upstream(config: &Config) -> Upstream {
    Upstream::new(UpstreamConfig {
        proxy: config.proxy.clone(),
        max_answers: config.max_answers_bytes,
        ..UpstreamConfig::default()
    })
}

fn broken_module(finding: &crate::manifest::Finding) -> Finding {
    Finding::new("built-in module", finding.to_string())
}

/// Reads the policy file.
fn policy(path: &Path, registry: &Registry) -> Result<Permissions, Finding> {
    let finding =
        |message: String| Finding::new(format!("MCPIST_POLICY={}", path.display()), message);
    let text = std::fs::read_to_string(path).map_err(|error| finding(error.to_string()))?;
    let policy = Policy::parse(&text).map_err(finding)?;
    let subjects: Vec<Subject> = registry
        .modules()
        .iter()
        .flat_map(|module| module.tools.iter().map(|tool| subject(module, tool)))
        .collect();
    // A misspelt `deny` entry would allow a tool that it should deny, so it prevents startup.
    match policy.unmatched(&subjects).as_slice() {
        [] => Ok(policy.permissions(&subjects)),
        unmatched => Err(finding(format!(
            "no module or tool is named {}; mcpist tools lists them",
            unmatched.join(", ")
        ))),
    }
}

fn subject(module: &Module, tool: &Tool) -> Subject {
    Subject {
        module: module.name.clone(),
        tool: tool.published_name.clone(),
        read_only: tool.is_read_only(),
    }
}
