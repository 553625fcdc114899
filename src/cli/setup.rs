//! From the environment to the product: what every command that needs the modules does first.

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

/// How often the policy file and the module files are looked at.
const FILE_CHECK: Duration = Duration::from_secs(2);

/// The environment as it was read, before the product is made of it.
pub(super) struct Prepared {
    pub config: Config,
    /// What is wrong with it; told when the product is made, with what is wrong there.
    findings: Vec<Finding>,
    sources: Sources,
}

/// The product, and what it was made of.
pub(super) struct Product {
    pub config: Config,
    pub app: Arc<App>,
    pub sources: Sources,
    /// What is permitted and most likely not meant.
    pub warnings: Vec<Finding>,
}

/// What the product is made of, again when a file of it changes.
pub(super) struct Sources {
    built_in: Registry,
    folder: Option<Folder>,
    policy: Option<PathBuf>,
    /// When the policy file that was read had been written.
    policy_written: Option<SystemTime>,
    /// Hosted mode's answers to who may do what and with which credential; they know of no files.
    hosted: Option<Answers>,
    upstream: Upstream,
    seal: Arc<Seal>,
    confirm: ConfirmPolicy,
    /// Where a person decides.
    page: Option<Arc<dyn ConfirmationPage>>,
    rates: Option<Arc<Rates>>,
}

struct Answers {
    sieve: Arc<dyn Sieve>,
    broker: Arc<dyn Broker>,
    audit: Arc<AuditSender>,
}

/// What hosted mode has beside the product.
pub(super) struct HostedParts {
    pub plane: Arc<ControlPlane>,
    pub authenticator: Arc<dyn Authenticator>,
    pub audit: Arc<AuditSender>,
}

/// Makes the product of local mode, with its log on `output`.
pub(super) fn local(output: Output) -> Result<Product, Stop> {
    Prepared::new(&Flags::default(), output)?.product()
}

/// What the person at this machine may use.
pub(super) fn visible(app: &App) -> Result<Visible<'_>, Stop> {
    let view = View::default();
    app.visible(&Caller::local(), &view).map_err(|error| Stop::Failed(error.to_string()))
}

/// The module of this name.
pub(super) fn module<'a>(visible: &Visible<'a>, name: &str) -> Result<&'a Module, Stop> {
    visible.module(name).map_err(|error| Stop::WrongUsage(error.to_string()))
}

/// A tool by module and name.
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
    /// Reads the environment, with the log on `output` from now on.
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

    /// Has the product be hosted mode's, if that is what is configured: the same modules and settings as in local mode, other
    /// answers to the three questions.
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

    /// Local mode's page; `None` where no one is asked on a page.
    pub fn page(&self) -> Option<Arc<Page>> {
        let asks = self.config.hosted.is_none() && self.config.confirm == ConfirmPolicy::Human;
        let most = self.config.limits.users.questions;
        let questions = || Questions::new(Lifetimes::default(), most);
        asks.then(|| Arc::new(Page::new(page_key(&self.config), questions())))
    }

    /// Lets people decide there.
    pub fn decide_on(&mut self, page: Arc<dyn ConfirmationPage>) {
        self.sources.page = Some(page);
    }

    /// Makes the product.
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
            // All at once: so that all errors can be fixed in one pass.
            made => {
                findings.extend(made.err().into_iter().flatten());
                Err(Stop::Findings(findings))
            }
        }
    }
}

impl Sources {
    /// Makes the product of the files as they are.
    fn app(&mut self) -> Result<App, Vec<Finding>> {
        let mut registry = self.built_in.clone();
        // A broken file is reported and skipped: the other modules go on.
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

    /// Has the product follow its files while it runs, and tells clients when their lists may have changed.
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
                        // Prompts and resources are there by the tools that they need.
                        for change in [Change::Tools, Change::Prompts, Change::Resources] {
                            hub.publish(&change);
                        }
                    }
                    // All stays as it was: modules that no policy was made for are not to be used.
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

/// The page key of the state folder, or one of this process where there is no such folder.
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
    // A misspelt denial would allow what it means to deny, so it stops the start.
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
