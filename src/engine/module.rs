//! A module: one service's tools, as `manifest` reads them from a file and checks them once.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::auth::{Auth, Variable};
use super::hooks::{ArgumentsHook, Explain, Handler, ParamHook, ResultHook};
use super::output::Output;
use super::request::{ParamTarget, Template};
use super::resource::{Completion, Resource};
use super::schema::{self, Schema};
use super::tools::Tools;
use super::versions::Versions;
use crate::upstream::HeaderMap;

/// The argument that names one of several accounts: the application's own, no tool has it.
pub const ACCOUNT: &str = "account";

/// The account that means all of them, for tools that can read across accounts.
pub const ALL_ACCOUNTS: &str = "all";

/// The argument that says where to read a long text or document on: the engine's own.
pub const OFFSET: &str = "offset";

/// Most characters of a published tool name.
pub const MAX_TOOL_NAME: usize = 60;

/// A service and its tools.
#[derive(Debug, Clone)]
pub struct Module {
    /// Its name, in `snake_case`.
    pub name: String,
    /// The service's own name.
    pub title: String,
    /// One line about it.
    pub description: String,
    /// Where the service is, without a slash at the end.
    pub base_url: String,
    /// Further origins that its tools may send requests to, without the credential; a `*` stands for one label of the host.
    pub origins: Vec<String>,
    /// The environment variable that gives another address.
    pub base_url_env: Option<Variable>,
    /// Whether the service has no address until somebody gives it one: `base_url` is an example then.
    pub base_url_required: bool,
    /// The version of the service's API that the tools were written for.
    pub api_version: Option<String>,
    /// How the service knows its callers; `None` if it asks no one.
    pub auth: Option<Auth>,
    /// Sent with every request.
    pub headers: HeaderMap,
    /// Where the service says, to anybody, which versions of its API there are; `None` if it does not.
    pub versions: Option<Versions>,
    /// The vendor's page that reports changes.
    pub changelog: Option<String>,
    /// The tools, in the file's order.
    pub tools: Tools,
    /// What URIs read, by one of the tools.
    pub resources: Vec<Resource>,
    /// What completes a variable of a resource or an argument of a prompt, by its name.
    pub completions: BTreeMap<String, Completion>,
    /// What says more about a failure than the service does.
    pub explain: Option<Explain>,
}

/// Something that a model can have done.
#[derive(Debug, Clone)]
pub struct Tool {
    /// Its name, without the module's.
    pub name: String,
    /// The name that clients see: `<module>_<name>`.
    pub published_name: String,
    /// For a model: what it does, when to use it, what comes back.
    pub description: String,
    /// The vendor's page about it.
    pub docs: String,
    /// What the vendor wants the credential to be allowed, in the vendor's own words; `None` if nothing is named.
    pub permissions: Vec<String>,
    /// What a client may assume.
    pub annotations: Annotations,
    /// Where it sends its request instead of the module's own address, without the credential.
    pub base_url: Option<String>,
    /// When its effect is public, or reaches people outside.
    pub publishes: Publishes,
    /// What it takes, the engine's own arguments last.
    pub params: Vec<Param>,
    /// What changes its arguments together before its request.
    pub before: Option<ArgumentsHook>,
    /// What it does.
    pub work: Work,
    /// What changes the result of its request.
    pub after: Option<ResultHook>,
    /// What helps where an error has this [`REASON`](crate::error::REASON), a sentence each.
    pub hints: BTreeMap<String, String>,
    /// Whether it gives a text or a document that can be read on from an [`OFFSET`].
    pub reads_on: bool,
    /// How it reads all accounts of a caller at once, where it can.
    pub across_accounts: Option<AcrossAccounts>,
}

/// How a tool that only reads is called with all accounts at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AcrossAccounts {
    /// Once with each; the rows become one list.
    Rows {
        /// The field with a date or a time that the list is in the order of; without it the accounts follow each other.
        sort_by: Option<String>,
    },
    /// Once, by a handler that asks every account.
    Together,
}

/// Hints of MCP's `ToolAnnotations`; those absent are not published.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Annotations {
    /// It changes nothing.
    pub read_only: Option<bool>,
    /// It may remove or overwrite.
    pub destructive: Option<bool>,
    /// Doing it twice is as good as once.
    pub idempotent: Option<bool>,
    /// It deals with a world beyond this server.
    pub open_world: Option<bool>,
}

/// When a tool's effect is public, or reaches people outside.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Publishes {
    /// Never.
    #[default]
    Never,
    /// Always.
    Always,
    /// When one of these arguments is such a value.
    When(Vec<(String, Condition)>),
}

/// A value of an argument with which a tool publishes.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// Any but null and what is empty.
    Given,
    /// One of these.
    OneOf(Vec<Value>),
}

impl Condition {
    /// A value of another type than the listed ones counts: the engine may still read it as one of them.
    fn holds(&self, value: &Value) -> bool {
        match self {
            Self::Given => match value {
                Value::Null => false,
                Value::String(text) => !text.is_empty(),
                Value::Array(entries) => !entries.is_empty(),
                _ => true,
            },
            Self::OneOf(values) => {
                let same_type =
                    |known: &Value| std::mem::discriminant(known) == std::mem::discriminant(value);
                values.contains(value) || !value.is_null() && !values.iter().any(same_type)
            }
        }
    }
}

/// One argument of a tool.
#[derive(Debug, Clone)]
pub struct Param {
    /// Its name.
    pub name: String,
    /// Where its value goes.
    pub place: ParamTarget,
    /// What it must be.
    pub schema: Schema,
    /// Whether it must be there.
    pub presence: Presence,
    /// Whether null is sent, because it clears the value at the service; elsewhere null stands for an absent argument.
    pub nullable: bool,
    /// What changes the value before it is sent.
    pub hook: Option<ParamHook>,
}

/// Whether an argument must be there, and what stands in for it.
#[derive(Debug, Clone, PartialEq)]
pub enum Presence {
    /// The call fails without it.
    Required,
    /// Left out without it.
    Optional,
    /// This is sent without it.
    Default(Value),
}

/// What a tool does.
#[derive(Debug, Clone)]
pub enum Work {
    /// One request, and the answer projected.
    Request(Box<Template>, Output),
    /// A hook.
    Handler(Handler),
}

impl Module {
    /// The scheme of its resources' URIs: its name, with `-` for what no scheme may have (RFC 3986 §3.1).
    #[must_use]
    pub fn scheme(&self) -> String {
        scheme(&self.name)
    }

    /// The tool of this name, with or without the module's prefix.
    #[must_use]
    pub fn tool(&self, name: &str) -> Option<&Tool> {
        let by_name = self.tools.iter().find(|tool| tool.name == name);
        by_name.or_else(|| self.tools.iter().find(|tool| tool.published_name == name))
    }
}

pub(crate) fn scheme(module: &str) -> String {
    module.replace('_', "-")
}

impl Tool {
    /// Whether a call with these arguments runs only after confirmation.
    #[must_use]
    pub fn needs_confirmation(&self, arguments: &Map<String, Value>) -> bool {
        self.is_destructive() || self.publishes_with(arguments)
    }

    /// Whether some calls of it run only after confirmation.
    #[must_use]
    pub fn may_need_confirmation(&self) -> bool {
        self.is_destructive() || self.publishes != Publishes::Never
    }

    /// Whether the effect of a call with these arguments is public, or reaches people outside.
    #[must_use]
    pub fn publishes_with(&self, arguments: &Map<String, Value>) -> bool {
        match &self.publishes {
            Publishes::Never => false,
            Publishes::Always => true,
            // A name that is not a param is refused later, or is another word for one.
            Publishes::When(_)
                if arguments.keys().any(|name| {
                    name != ACCOUNT && !self.params.iter().any(|param| param.name == *name)
                }) =>
            {
                true
            }
            Publishes::When(conditions) => conditions.iter().any(|(name, condition)| {
                let default =
                    self.params.iter().find(|param| param.name == *name).and_then(|param| {
                        match &param.presence {
                            Presence::Default(value) => Some(value),
                            _ => None,
                        }
                    });
                let given = arguments.get(name).filter(|value| !value.is_null());
                condition.holds(given.or(default).unwrap_or(&Value::Null))
            }),
        }
    }

    /// Whether it may remove or overwrite something.
    #[must_use]
    pub fn is_destructive(&self) -> bool {
        self.annotations.destructive == Some(true)
    }

    /// Whether it changes nothing: what `?readonly=true` and read-only roles go by. A tool that does not say so may change things.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.annotations.read_only == Some(true)
    }

    /// The tool as clients see it (MCP `Tool`), with the members in a fixed order. Who has several `accounts` of the
    /// service has to name one in every call.
    #[must_use]
    pub fn published(&self, accounts: &[String]) -> Value {
        let all = (self.across_accounts.is_some()
            && !accounts.iter().any(|account| account == ALL_ACCOUNTS))
        .then_some(ALL_ACCOUNTS);
        let description =
            if all.is_some() { "Which account; all reads every one." } else { "Which account." };
        let choices = accounts.iter().map(String::as_str).chain(all).map(Value::from).collect();
        let account = Schema { choices, ..Schema::new(schema::Kind::String, description) };
        let account = (accounts.len() > 1).then_some((ACCOUNT, &account, None, true));
        let arguments = self.params.iter().map(|param| {
            let (default, required) = match &param.presence {
                Presence::Required => (None, true),
                Presence::Optional => (None, false),
                Presence::Default(value) => (Some(value), false),
            };
            (param.name.as_str(), &param.schema, default, required)
        });
        json!({
            "name": self.published_name,
            "description": self.description,
            "inputSchema": schema::input(arguments.chain(account)),
            "annotations": self.annotations.published(),
        })
    }
}

impl Annotations {
    fn published(self) -> Value {
        let hints = [
            ("readOnlyHint", self.read_only),
            ("destructiveHint", self.destructive),
            ("idempotentHint", self.idempotent),
            ("openWorldHint", self.open_world),
        ];
        let given =
            hints.into_iter().filter_map(|(name, hint)| Some((name.to_owned(), hint?.into())));
        given.collect::<Map<_, _>>().into()
    }
}
