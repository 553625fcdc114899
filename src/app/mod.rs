//! The product: modules, offered through the protocol with access control (who calls, which tools, which credential).

mod across;
mod batch;
mod call;
mod clean;
mod completion;
mod confirm;
mod deed;
mod icons;
mod instructions;
mod link;
mod live;
mod meta_tools;
mod module_schema;
mod prompts;
mod render;
mod resources;
mod search;
mod site;
mod tokens;
mod visible;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

pub use call::{CALL_TIME, Called};
pub use clean::{UNTRUSTED, text as clean_text};
pub use confirm::{CODE_LIFETIME, Confirmation};
use deed::{Deed, DeedCall};
pub use live::Live;
pub use render::{Format, render, start_of};
use serde_json::{Value, json};
pub use site::{CLIENTS, Client, ProductSite, version};
pub use visible::Visible;

use crate::access::{AuditTrail, Broker, Caller, Credential, RateLimit, Sieve};
use crate::engine::{ACCOUNT, Module, Tool, Variable, arguments};
use crate::error::{Error, quoted};
use crate::json::Object;
use crate::mcp::call::Call;
use crate::mcp::context::Context;
use crate::mcp::handler::{About, Interruption, Item, ToolResult};
use crate::mcp::seal::Seal;
use crate::modules::Registry;
use crate::sync::lock;
use crate::upstream::Upstream;

/// The parts of the product.
pub struct Parts {
    /// Returns the modules.
    pub registry: Arc<Registry>,
    /// Decides which tools a caller may use.
    pub sieve: Arc<dyn Sieve>,
    /// Provides the credential of a call.
    pub broker: Arc<dyn Broker>,
    /// Seals the codes that confirm actions.
    pub seal: Arc<Seal>,
    /// The confirmation policy for actions that cannot be undone, cost money or reach others.
    pub confirmation: Confirmation,
    /// How often a user may call tools and make requests; `None` for no limit.
    pub rates: Option<Arc<Rates>>,
    /// The audit trail, in hosted mode.
    pub audit: Option<Arc<dyn AuditTrail>>,
    /// The HTTP client.
    pub upstream: Upstream,
    /// Base URLs that replace those of the module files.
    pub base_urls: HashMap<String, String>,
    /// The maximum duration of a call, retries included; normally [`CALL_TIME`].
    pub call_time: Duration,
}

/// The rate limits of one user.
#[derive(Debug)]
pub struct Rates {
    /// Calls of tools; each line of a batch counts.
    pub tool_calls: RateLimit,
    /// HTTP requests of any kind.
    pub requests: RateLimit,
}

impl Rates {
    /// Returns limits for this many calls of tools a minute, and four times as many requests, because some requests only list
    /// or ask.
    #[must_use]
    pub fn new(tool_calls_per_minute: u32) -> Self {
        let requests = tool_calls_per_minute.saturating_mul(4);
        Self {
            tool_calls: RateLimit::per_minute("tool calls", tool_calls_per_minute),
            requests: RateLimit::per_minute("requests", requests),
        }
    }
}

/// The product as its parts make it. [`Live`] replaces it when a part changes.
pub struct App {
    parts: Parts,
    /// Every tool's definition by published name; built when the first client asks for direct tools.
    published: OnceLock<HashMap<String, Arc<Item>>>,
    /// The meta-tools for each kind of caller.
    meta_tools: Mutex<HashMap<meta_tools::Audience, Vec<Arc<Item>>>>,
    /// Finds tools by what a user says.
    finder: search::Finder,
}

/// The argument that carries a confirmation code.
const CONFIRM: &str = "confirm";

impl App {
    /// Creates the product from its parts.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self {
            parts,
            published: OnceLock::new(),
            meta_tools: Mutex::default(),
            finder: search::Finder::default(),
        }
    }

    /// Returns the modules.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.parts.registry
    }

    /// Returns the address of a module's service, unless a credential has its own; `None` if no address is set yet.
    #[must_use]
    pub fn base_url<'a>(&'a self, module: &'a Module) -> Option<&'a str> {
        let given = self.parts.base_urls.get(&module.name);
        given
            .or_else(|| (!module.base_url_required).then_some(&module.base_url))
            .map(String::as_str)
    }

    /// Returns the caller's accounts of a module's service. If the broker cannot list them now, no tool is removed: the call
    /// itself reports the error.
    fn accounts(&self, module: &Module, caller: &Caller) -> Vec<String> {
        self.parts.broker.accounts(caller, &module.name).unwrap_or_default()
    }

    /// Returns a tool's definition for a caller: the cached one, or one with the accounts to choose from.
    fn item(&self, tool: &Tool, accounts: &[String]) -> Option<Arc<Item>> {
        if accounts.len() > 1 {
            return Some(Arc::new(self.definition(tool, accounts)));
        }
        self.published().get(&tool.published_name).cloned()
    }

    /// Returns the address of a module's service for this credential.
    ///
    /// # Errors
    /// Returns the variables to set if the address or the credential is missing.
    fn connection<'a>(
        &'a self,
        module: &'a Module,
        credential: Option<&'a Credential>,
    ) -> Result<&'a str, String> {
        let auth = module.auth.as_ref().filter(|auth| credential.is_none() && !auth.optional);
        let base_url = credential
            .and_then(|credential| credential.base_url.as_deref())
            .or_else(|| self.base_url(module));
        match (base_url, auth) {
            (Some(base_url), None) => Ok(base_url),
            (Some(_), Some(auth)) => Err(auth.to_string()),
            (None, auth) => {
                let variable = module.base_url_env.as_ref().map_or("its base URL", Variable::name);
                Err(auth
                    .map_or_else(|| variable.to_owned(), |auth| format!("{variable}, and {auth}")))
            }
        }
    }

    /// Returns the parts.
    #[must_use]
    pub const fn parts(&self) -> &Parts {
        &self.parts
    }

    fn published(&self) -> &HashMap<String, Arc<Item>> {
        self.published.get_or_init(|| {
            let tools = self.registry().modules().iter().flat_map(|module| &module.tools);
            tools
                .map(|tool| (tool.published_name.clone(), Arc::new(self.definition(tool, &[]))))
                .collect()
        })
    }
}

/// Returns the server's name and version.
fn about() -> About {
    About {
        name: "mcpist".to_owned(),
        title: "MCPist".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        instructions: None,
    }
}

impl App {
    /// Returns a tool as a direct tool. A tool that may need confirmation has a parameter for the code, if codes are used.
    fn definition(&self, tool: &Tool, accounts: &[String]) -> Item {
        let mut definition = tool.published(accounts);
        if tool.may_need_confirmation() && self.parts.confirmation.has_codes() {
            definition["inputSchema"]["properties"][CONFIRM] = json!({"type": "string", "description": "Code that confirms the call, when one was asked for."});
        }
        Item::new(&definition)
    }

    /// Implements [`Handler::tools`](crate::mcp::handler::Handler::tools).
    fn tools(&self, context: &Context) -> Result<Vec<Arc<Item>>, Error> {
        let visible = self.visible(&context.caller, &context.view)?;
        if context.view.direct {
            let mut items = Vec::new();
            for module in visible.modules() {
                let accounts = visible.accounts(module);
                items
                    .extend(visible.tools_of(module).filter_map(|tool| self.item(tool, &accounts)));
            }
            return Ok(items);
        }
        let names: Vec<String> = visible.modules().map(|module| module.name.clone()).collect();
        let several_accounts = visible.modules().any(|module| visible.accounts(module).len() > 1);
        let mut items = {
            let audience = meta_tools::Audience {
                modules: names,
                several_accounts,
                has_codes: self.parts.confirmation.has_codes(),
                read_only: context.view.read_only,
            };
            let mut known = lock(&self.meta_tools);
            known.entry(audience).or_insert_with_key(meta_tools::definitions).clone()
        };
        for module in visible.modules().filter(|_| !context.view.pinned.is_empty()) {
            let accounts = visible.accounts(module);
            let pinned =
                visible.tools_of(module).filter(|tool| context.view.pins(&tool.published_name));
            items.extend(pinned.filter_map(|tool| self.item(tool, &accounts)));
        }
        Ok(items)
    }

    /// Implements [`Handler::call_tool`](crate::mcp::handler::Handler::call_tool).
    fn call_tool(
        &self,
        call: &Call<'_>,
        name: &str,
        arguments: Object,
    ) -> Result<ToolResult, Interruption> {
        let context = call.context();
        let visible = self.visible(&context.caller, &context.view)?;
        let outcome = match name {
            meta_tools::SCHEMA if !context.view.direct => {
                module_schema::run(&visible, &arguments).map_err(Interruption::from)
            }
            meta_tools::READ if !context.view.direct && arguments.contains_key("calls") => {
                self.run_batch(call, &visible, arguments, true)
            }
            meta_tools::SEARCH if !context.view.direct => {
                search::run(&visible, &arguments).map_err(Interruption::from)
            }
            meta_tools::READ | meta_tools::CALL if !context.view.direct => {
                meta_tools::Called::read(arguments)
                    .and_then(|called| {
                        let found =
                            visible.tool(&called.module, &called.tool).inspect_err(|_| {
                                self.record_denied(context, &called.module, &called.tool);
                            })?;
                        if name == meta_tools::READ && !found.1.is_reader() {
                            return Err(not_a_reader(found));
                        }
                        Ok((found, called))
                    })
                    .map_err(Interruption::from)
                    .and_then(|((module, tool), called)| {
                        let confirm = called.confirm.as_deref();
                        self.run(call, &visible, (module, tool), called.params, confirm)
                    })
            }
            meta_tools::BATCH if !context.view.direct => {
                self.run_batch(call, &visible, arguments, false)
            }
            name => {
                let is_published = context.view.direct || context.view.pins(name);
                let Some((module, tool)) = visible.published(name).filter(|_| is_published) else {
                    self.record_denied(context, "", name);
                    return Err(Error::invalid_params(format!("unknown tool {}", quoted(name)))
                        .with_hint("tools/list names those that exist.")
                        .into());
                };
                let mut arguments = arguments;
                let confirm =
                    tool.may_need_confirmation().then(|| arguments.shift_remove(CONFIRM)).flatten();
                meta_tools::code(confirm).map_err(Interruption::from).and_then(|confirm| {
                    self.run(call, &visible, (module, tool), arguments, confirm.as_deref())
                })
            }
        };
        match outcome {
            Err(Interruption::Failed(error)) => {
                // A failed tool is a result; only a question to the client is passed to the protocol.
                let refused = link::ask_to_open(call, &error)?;
                Ok(ToolResult::failure(refused.as_ref().unwrap_or(&error)))
            }
            outcome => outcome,
        }
    }

    fn prompts(&self, context: &Context) -> Result<Vec<Arc<Item>>, Error> {
        Ok(prompts::list(&self.visible(&context.caller, &context.view)?))
    }

    fn get_prompt(
        &self,
        call: &Call<'_>,
        name: &str,
        arguments: &Object,
    ) -> Result<Object, Interruption> {
        let context = call.context();
        Ok(prompts::get(
            &self.visible(&context.caller, &context.view)?,
            !context.view.direct,
            name,
            arguments,
        )?)
    }

    fn resources(&self, context: &Context) -> Result<Vec<Arc<Item>>, Error> {
        Ok(resources::list(&self.visible(&context.caller, &context.view)?, false))
    }

    fn resource_templates(&self, context: &Context) -> Result<Vec<Arc<Item>>, Error> {
        Ok(resources::list(&self.visible(&context.caller, &context.view)?, true))
    }

    fn read_resource(&self, call: &Call<'_>, uri: &str) -> Result<Vec<Value>, Interruption> {
        Ok(self.read(call, &self.visible(&call.context().caller, &call.context().view)?, uri)?)
    }

    /// Asks for confirmation if the tool needs it, calls the tool, and renders the result.
    fn run(
        &self,
        call: &Call<'_>,
        visible: &Visible<'_>,
        (module, tool): (&Module, &Tool),
        arguments: Object,
        confirm: Option<&str>,
    ) -> Result<ToolResult, Interruption> {
        if tool.needs_confirmation(&arguments) {
            check_arguments(tool, &arguments)?;
            let arguments = arguments.clone();
            let doing = DeedCall { line: None, module, tool, arguments, sources: Vec::new() };
            self.confirm(call, visible, &Deed(vec![doing]), confirm)?;
        }
        let start = start_of(tool, &arguments);
        let tool_call = self.tool_call(call.context(), call.trace_parent(), (module, tool));
        let Called { value, held: _held } = self.call(tool_call, arguments, call.cancellation())?;
        Ok(clean::untrusted(render(value, Format::of(&call.context().view), start)))
    }
}

/// The error where `read` is asked for a tool that changes something.
fn not_a_reader((module, tool): (&Module, &Tool)) -> Error {
    Error::invalid_params(format!(
        "{}.{} changes something, and read does not",
        module.name, tool.name
    ))
    .with_hint("Use call with the same arguments.")
}

/// Checks the arguments of a call before anyone is asked to confirm it.
///
/// # Errors
/// [`crate::error::Code::InvalidParams`], as in the call itself.
fn check_arguments(tool: &Tool, given: &Object) -> Result<(), Error> {
    let mut given = given.clone();
    given.shift_remove(ACCOUNT);
    arguments::check(tool, given).map(drop)
}
