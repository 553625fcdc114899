//! What an application offers through the protocol: the trait that the server calls, and the things it returns.

use std::fmt::Write;
use std::sync::Arc;

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::call::Call;
use super::context::{Context, View};
use super::elicitation::Question;
use crate::access::Caller;
use crate::error::Error;
use crate::json::Object;

/// An application behind the protocol. Only what [`Capabilities`] declares is ever called.
pub trait Handler: Send + Sync {
    /// Name, version and instructions.
    fn about(&self) -> &About;

    /// What is offered; the same for every caller.
    fn capabilities(&self) -> Capabilities;

    /// The tools that exist for this caller and view, always in the same order.
    ///
    /// # Errors
    /// Whatever keeps the permissions from being known.
    fn tools(&self, context: &Context) -> Result<Vec<Arc<Item>>, Error>;

    /// Runs a tool. A failure of the tool itself is a [`ToolResult::failure`]; an error is for the protocol (unknown tool).
    ///
    /// # Errors
    /// [`Interruption`], when the call cannot go on or needs input first.
    fn call_tool(
        &self,
        call: &Call<'_>,
        name: &str,
        arguments: Object,
    ) -> Result<ToolResult, Interruption>;

    /// The parameters of a tool that clients mirror into `Mcp-Param-…` headers; most tools have none.
    fn mirrored_parameters(&self, context: &Context, tool: &str) -> Vec<MirroredParameter> {
        let _ = (context, tool);
        Vec::new()
    }

    /// The prompts that exist for this caller.
    ///
    /// # Errors
    /// Whatever keeps the permissions from being known.
    fn prompts(&self, context: &Context) -> Result<Vec<Arc<Item>>, Error> {
        let _ = context;
        Ok(Vec::new())
    }

    /// What a caller's model is told about the address that was called; `None` if nothing is wrong with it.
    fn remark(&self, caller: &Caller, view: &View) -> Option<String> {
        let _ = (caller, view);
        None
    }

    /// A prompt with its arguments filled in: a `GetPromptResult`.
    ///
    /// # Errors
    /// [`Interruption`], when the prompt does not exist, lacks an argument or needs input first.
    fn get_prompt(
        &self,
        call: &Call<'_>,
        name: &str,
        arguments: Object,
    ) -> Result<Object, Interruption> {
        let _ = (call, arguments);
        Err(Error::invalid_params(format!("unknown prompt {name:?}")).into())
    }

    /// The resources that exist for this caller.
    ///
    /// # Errors
    /// Whatever keeps the permissions from being known.
    fn resources(&self, context: &Context) -> Result<Vec<Arc<Item>>, Error> {
        let _ = context;
        Ok(Vec::new())
    }

    /// The resource templates that exist for this caller.
    ///
    /// # Errors
    /// Whatever keeps the permissions from being known.
    fn resource_templates(&self, context: &Context) -> Result<Vec<Arc<Item>>, Error> {
        let _ = context;
        Ok(Vec::new())
    }

    /// The contents of a resource: the array `contents` of a `ReadResourceResult`.
    ///
    /// # Errors
    /// [`Interruption`]; [`crate::error::Code::ResourceNotFound`] for a URI that has nothing behind it.
    fn read_resource(&self, call: &Call<'_>, uri: &str) -> Result<Vec<Value>, Interruption> {
        let _ = call;
        Err(resource_not_found(uri).into())
    }

    /// Suggestions for an argument of a prompt or resource template.
    ///
    /// # Errors
    /// [`crate::error::Code::InvalidParams`] for a reference that does not exist.
    fn complete(&self, context: &Context, completion: &Completion) -> Result<Suggestions, Error> {
        let _ = (context, completion);
        Ok(Suggestions::default())
    }
}

/// The error for a URI that has nothing behind it.
#[must_use]
pub fn resource_not_found(uri: &str) -> Error {
    Error::new(crate::error::Code::ResourceNotFound, "resource not found")
        .with_hint("resources/list and resources/templates/list name those that exist.")
        .with_data("uri", uri)
}

/// Who the server is.
#[derive(Debug, Clone, Serialize)]
pub struct About {
    /// The program's name.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// Its version.
    pub version: String,
    /// How a model should use it.
    #[serde(skip)]
    pub instructions: Option<String>,
}

/// What a server offers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Prompts, and whether changes of their list are reported.
    pub prompts: Option<ListChanged>,
    /// Resources, and whether changes of their list are reported.
    pub resources: Option<ListChanged>,
    /// Whether single resources can be subscribed to.
    pub subscribe: bool,
    /// Suggestions for arguments.
    pub completions: bool,
    /// Log messages to the client.
    pub logging: bool,
}

/// Whether changes of a list are reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListChanged(pub bool);

impl Capabilities {
    /// The `ServerCapabilities` object. Tools are always there, and changes of their list are always told.
    #[must_use]
    pub fn to_json(self) -> Value {
        let mut object = Object::new();
        if self.logging {
            object.insert("logging".to_owned(), json!({}));
        }
        if self.completions {
            object.insert("completions".to_owned(), json!({}));
        }
        if let Some(ListChanged(told)) = self.prompts {
            object.insert("prompts".to_owned(), json!({"listChanged": told}));
        }
        if let Some(ListChanged(told)) = self.resources {
            object.insert(
                "resources".to_owned(),
                json!({"subscribe": self.subscribe, "listChanged": told}),
            );
        }
        object.insert("tools".to_owned(), json!({"listChanged": true}));
        Value::Object(object)
    }
}

/// An entry of a list (tool, prompt, resource, template): its definition, ready to be copied into an answer.
#[derive(Debug, Clone)]
pub struct Item {
    key: String,
    definition: Box<RawValue>,
}

impl Item {
    /// Takes a definition with its key: the `uri` of a resource, the `uriTemplate` of a template, else the `name`.
    ///
    /// # Panics
    /// When the definition has none of them; definitions are our own or checked before.
    #[must_use]
    pub fn new(definition: &Value) -> Self {
        let key = ["uri", "uriTemplate", "name"]
            .into_iter()
            .find_map(|key| definition[key].as_str())
            .expect("every definition has a key");
        Self {
            key: key.to_owned(),
            definition: serde_json::value::to_raw_value(definition)
                .expect("a JSON value has a JSON form"),
        }
    }

    /// What tells the entry from the others of its list.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The definition as JSON text.
    #[must_use]
    pub fn json(&self) -> &str {
        self.definition.get()
    }
}

/// A tool's parameter that clients mirror into the header `Mcp-Param-<header>` (2026-07-28, "Custom Headers from Tool Parameters").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MirroredParameter {
    /// The part of the header's name after `Mcp-Param-`.
    pub header: String,
    /// The names that lead to the value in the arguments.
    pub path: Vec<String>,
}

/// What `completion/complete` asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Completion {
    /// The prompt or template whose argument is being typed.
    pub reference: Reference,
    /// The argument's name.
    pub argument: String,
    /// What is typed so far.
    pub value: String,
    /// The arguments that are known already.
    pub known: Object,
}

/// A prompt by name, or a resource template by URI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// `ref/prompt`.
    Prompt(String),
    /// `ref/resource`.
    Resource(String),
}

/// Suggestions for an argument.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Suggestions {
    /// The values, the best first.
    pub values: Vec<String>,
    /// Whether there are others, no one knows how many.
    pub more: bool,
}

/// A `CallToolResult`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ToolResult {
    /// Content blocks, as the protocol has them.
    pub content: Vec<Value>,
    /// The same as data, where the tool has any.
    pub structured: Option<Value>,
    /// Whether the tool failed.
    pub is_error: bool,
}

impl ToolResult {
    /// One block of text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self { content: vec![json!({"type": "text", "text": text.into()})], ..Self::default() }
    }

    /// Content blocks of any type.
    #[must_use]
    pub fn blocks(content: Vec<Value>) -> Self {
        Self { content, ..Self::default() }
    }

    /// A failed call, told so that a model can act on it: code, message and hint, a line each.
    #[must_use]
    pub fn failure(error: &Error) -> Self {
        let mut text = format!("code: {}\nmessage: {}", error.code().reply().name, error.message());
        if let Some(hint) = error.hint() {
            text.push_str("\nhint: ");
            text.push_str(hint);
        }
        for (name, value) in error.data().into_iter().flatten() {
            let _ = write!(text, "\n{name}: {value}");
        }
        Self { is_error: true, ..Self::text(text) }
    }
}

/// Why a handler stopped before its result.
#[derive(Debug, Clone, PartialEq)]
pub enum Interruption {
    /// The call failed.
    Failed(Error),
    /// The client has to answer these questions and call again (modern era only).
    InputRequired {
        /// The questions that have no answer yet, each under its key.
        questions: Vec<(String, Question)>,
        /// `requestState`, to come back with the answers.
        state: String,
    },
}

impl From<Error> for Interruption {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}
