//! A module: one service's tools, as `manifest` reads them from a file and checks them once.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::auth::{Auth, Variable};
use super::hooks::{ArgumentsHook, Explain, Handler, ParamHook, ResultHook};
use super::output::Output;
use super::request::{ParamTarget, Template};
use super::resource::{Completion, Resource};
use super::rules::Rules;
use super::schema::{self, Schema};
use super::tools::Tools;
use super::versions::Versions;
use crate::json::Object;
use crate::upstream::HeaderMap;

/// The argument that names one of several accounts. It belongs to the application; no tool may define it.
pub const ACCOUNT: &str = "account";

/// The account name that means all accounts, for tools that can read across accounts.
pub const ALL_ACCOUNTS: &str = "all";

/// The argument with the position to continue a long text or document. It belongs to the engine.
pub const OFFSET: &str = "offset";

/// The maximum length in characters of a published tool name.
pub const MAX_TOOL_NAME: usize = 60;

/// A service and its tools.
#[derive(Debug, Clone)]
pub struct Module {
    /// Its name, in `snake_case`.
    pub name: String,
    /// The service's own name.
    pub title: String,
    /// A description in one line.
    pub description: String,
    /// The service's address, without a trailing slash.
    pub base_url: String,
    /// Further origins that its tools may send requests to, without the credential; a `*` stands for one label of the host.
    pub origins: Vec<String>,
    /// The environment variable for another address.
    pub base_url_env: Option<Variable>,
    /// Whether the user must set the service's address: `base_url` is then an example.
    pub base_url_required: bool,
    /// The API version that the tools were written for.
    pub api_version: Option<String>,
    /// How the service authenticates its callers; `None` if it needs no authentication.
    pub auth: Option<Auth>,
    /// Headers of every request.
    pub headers: HeaderMap,
    /// Where the service publishes its API versions; `None` if it does not.
    pub versions: Option<Versions>,
    /// The vendor's changelog page.
    pub changelog: Option<String>,
    /// The tools, in the file's order.
    pub tools: Tools,
    /// The resources: URIs that one of the tools reads.
    pub resources: Vec<Resource>,
    /// Completions for variables of resources and arguments of prompts, by name.
    pub completions: BTreeMap<String, Completion>,
    /// What says more about a failure than the service does.
    pub explain: Option<Explain>,
}

/// A tool: an action that a model can request.
#[derive(Debug, Clone)]
pub struct Tool {
    /// Its name, without the module's name.
    pub name: String,
    /// The name that clients see: `<module>_<name>`.
    pub published_name: String,
    /// What it belongs to within the module, in `snake_case`; empty if the file groups nothing.
    pub group: String,
    /// Words that people use for it, for the search.
    pub aliases: Vec<String>,
    /// For the model: what it does, when to use it, what it returns.
    pub description: String,
    /// The vendor's documentation page.
    pub docs: String,
    /// The permissions that the credential needs, in the vendor's own words; `None` if there are none.
    pub permissions: Vec<String>,
    /// Hints for clients.
    pub annotations: Annotations,
    /// Where it sends its request instead of the module's own address, without the credential.
    pub base_url: Option<String>,
    /// When its effect is public, or reaches other people.
    pub publishes: Publishes,
    /// Its params, the engine's own last.
    pub params: Vec<Param>,
    /// What its arguments say about each other.
    pub rules: Rules,
    /// What changes its arguments together before its request.
    pub before: Option<ArgumentsHook>,
    /// What it does.
    pub work: Work,
    /// The hook for the result of its request.
    pub after: Option<ResultHook>,
    /// Hints for errors by [`REASON`](crate::error::REASON), a sentence each.
    pub hints: BTreeMap<String, String>,
    /// Whether its text or document can be continued from an [`OFFSET`].
    pub reads_on: bool,
    /// How it reads all accounts of a caller at once; `None` if it cannot.
    pub across_accounts: Option<AcrossAccounts>,
}

/// How a read-only tool is called with all accounts at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AcrossAccounts {
    /// One call for each account; the rows become one list.
    Rows {
        /// The field with a date or a time that sorts the list; without it, the rows are grouped by account.
        sort_by: Option<String>,
    },
    /// One call, with a handler that reads every account.
    Together,
}

/// Hints of MCP's `ToolAnnotations`; absent ones are not published.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Annotations {
    /// It changes nothing.
    pub read_only: Option<bool>,
    /// It may remove or overwrite.
    pub destructive: Option<bool>,
    /// Doing it twice has the same effect as once.
    pub idempotent: Option<bool>,
    /// It interacts with systems outside this server.
    pub open_world: Option<bool>,
}

/// When a tool's effect is public, or reaches other people.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Publishes {
    /// Never.
    #[default]
    Never,
    /// Always.
    Always,
    /// If one of these arguments has such a value.
    When(Vec<(String, Condition)>),
}

/// An argument value with which a tool publishes.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// Any value except null and empty ones.
    Given,
    /// One of these.
    OneOf(Vec<Value>),
}

impl Condition {
    /// Returns whether the value publishes. A value whose type is not in the list counts too: the engine may still convert it
    /// to one of them.
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

/// A param of a tool.
#[derive(Debug, Clone)]
pub struct Param {
    /// Its name.
    pub name: String,
    /// Where its value is placed.
    pub place: ParamTarget,
    /// Its schema.
    pub schema: Schema,
    /// Whether it is required.
    pub presence: Presence,
    /// Whether null is sent, because it clears the value at the service; otherwise null counts as an absent argument.
    pub nullable: bool,
    /// The text that stands for null, for callers that cannot write null.
    pub null_as: Option<String>,
    /// What changes the value before it is sent.
    pub hook: Option<ParamHook>,
}

/// Whether an argument is required, and its default.
#[derive(Debug, Clone, PartialEq)]
pub enum Presence {
    /// The call fails without it.
    Required,
    /// It is left out.
    Optional,
    /// This value is sent instead.
    Default(Value),
}

/// What a tool does.
#[derive(Debug, Clone)]
pub enum Work {
    /// One request, whose response is projected.
    Request(Box<Template>, Output),
    /// A handler hook.
    Handler(Handler),
}

impl Module {
    /// Returns the scheme of its resources' URIs: its name, with `-` for characters that a scheme must not contain (RFC 3986
    /// §3.1).
    #[must_use]
    pub fn scheme(&self) -> String {
        scheme(&self.name)
    }

    /// Returns the tool with this name, with or without the module's prefix.
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
    /// Returns whether a call with these arguments needs confirmation.
    #[must_use]
    pub fn needs_confirmation(&self, arguments: &Object) -> bool {
        self.is_destructive() || self.publishes_with(arguments)
    }

    /// Returns whether some calls need confirmation.
    #[must_use]
    pub fn may_need_confirmation(&self) -> bool {
        self.is_destructive() || self.publishes != Publishes::Never
    }

    /// Returns whether the effect of a call with these arguments is public, or reaches other people.
    #[must_use]
    pub fn publishes_with(&self, arguments: &Object) -> bool {
        match &self.publishes {
            Publishes::Never => false,
            Publishes::Always => true,
            // An unknown name is rejected later, or is a synonym of a param.
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

    /// Returns whether it may remove or overwrite something.
    #[must_use]
    pub fn is_destructive(&self) -> bool {
        self.annotations.destructive == Some(true)
    }

    /// Returns whether it is read-only; `?readonly=true` and read-only roles use this. A tool without the hint counts as
    /// writing.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.annotations.read_only == Some(true)
    }

    /// The group that it is in; tools without one are in `tools`.
    #[must_use]
    pub fn group(&self) -> &str {
        if self.group.is_empty() { "tools" } else { &self.group }
    }

    /// Whether the meta-tool `read` runs it: it only reads, and no one is asked before.
    #[must_use]
    pub fn is_reader(&self) -> bool {
        self.is_read_only() && !self.may_need_confirmation()
    }

    /// Returns the tool as clients see it (MCP `Tool`), with the members in a fixed order. A caller with several `accounts` of
    /// the service must name one in every call.
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
        let schemas: Vec<_> = self.params.iter().map(Param::written).collect();
        let arguments = self.params.iter().zip(&schemas).map(|(param, schema)| {
            let (default, required) = match &param.presence {
                Presence::Required => (None, true),
                Presence::Optional => (None, false),
                Presence::Default(value) => (Some(value), false),
            };
            (param.name.as_str(), schema.as_ref(), default, required)
        });
        json!({
            "name": self.published_name,
            "description": self.description,
            "inputSchema": schema::input(arguments.chain(account)),
            "annotations": self.annotations.published(),
        })
    }
}

impl Param {
    /// What a caller writes: the schema, which also has the text that stands for null.
    #[must_use]
    pub fn written(&self) -> Cow<'_, Schema> {
        let Some(word) = &self.null_as else { return Cow::Borrowed(&self.schema) };
        let mut schema = self.schema.clone();
        schema.format = None;
        match schema.kind {
            schema::Kind::String if schema.choices.is_empty() => {}
            schema::Kind::String => schema.choices.push(word.clone().into()),
            _ => {
                schema = Schema {
                    description: schema.description,
                    ..Schema::new(schema::Kind::String, "")
                }
            }
        }
        Cow::Owned(schema)
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
