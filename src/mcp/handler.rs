//! The trait that an application implements, and its result types.

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

/// An application. Only methods that [`Capabilities`] declares are called.
pub trait Handler: Send + Sync {
    /// Returns name, version and instructions.
    fn about(&self) -> &About;

    /// How a model should use the server, for this caller and view.
    fn instructions(&self, caller: &Caller, view: &View) -> Option<String> {
        let _ = (caller, view);
        self.about().instructions.clone()
    }

    /// Pictures of the server for this view (MCP `Icon`); empty without any.
    fn icons(&self, view: &View) -> Vec<Value> {
        let _ = view;
        Vec::new()
    }

    /// Returns the capabilities; they are the same for every caller.
    fn capabilities(&self) -> Capabilities;

    /// Returns the tools that exist for this caller and view, always in the same order.
    ///
    /// # Errors
    /// Any error that prevents reading the permissions.
    fn tools(&self, context: &Context) -> Result<Vec<Arc<Item>>, Error>;

    /// Runs a tool. A failure of the tool itself is a [`ToolResult::failure`]; an error is for the protocol (unknown tool).
    ///
    /// # Errors
    /// [`Interruption`], if the call cannot continue or needs input first.
    fn call_tool(
        &self,
        call: &Call<'_>,
        name: &str,
        arguments: Object,
    ) -> Result<ToolResult, Interruption>;

    /// Returns the parameters of a tool that clients mirror into `Mcp-Param-…` headers; most tools have none.
    fn mirrored_parameters(&self, context: &Context, tool: &str) -> Vec<MirroredParameter> {
        let _ = (context, tool);
        Vec::new()
    }

    /// Returns the prompts that exist for this caller.
    ///
    /// # Errors
    /// Any error that prevents reading the permissions.
    fn prompts(&self, context: &Context) -> Result<Vec<Arc<Item>>, Error> {
        let _ = context;
        Ok(Vec::new())
    }

    /// Returns a prompt with its arguments filled in, as a `GetPromptResult`.
    ///
    /// # Errors
    /// [`Interruption`], if the prompt does not exist, lacks an argument or needs input first.
    fn get_prompt(
        &self,
        call: &Call<'_>,
        name: &str,
        arguments: Object,
    ) -> Result<Object, Interruption> {
        let _ = (call, arguments);
        Err(Error::invalid_params(format!("unknown prompt {name:?}")).into())
    }

    /// Returns the resources that exist for this caller.
    ///
    /// # Errors
    /// Any error that prevents reading the permissions.
    fn resources(&self, context: &Context) -> Result<Vec<Arc<Item>>, Error> {
        let _ = context;
        Ok(Vec::new())
    }

    /// Returns the resource templates that exist for this caller.
    ///
    /// # Errors
    /// Any error that prevents reading the permissions.
    fn resource_templates(&self, context: &Context) -> Result<Vec<Arc<Item>>, Error> {
        let _ = context;
        Ok(Vec::new())
    }

    /// Returns the contents of a resource: the array `contents` of a `ReadResourceResult`.
    ///
    /// # Errors
    /// [`Interruption`]; [`crate::error::Code::ResourceNotFound`] for an unknown URI.
    fn read_resource(&self, call: &Call<'_>, uri: &str) -> Result<Vec<Value>, Interruption> {
        let _ = call;
        Err(resource_not_found(uri).into())
    }

    /// Returns suggestions for an argument of a prompt or resource template.
    ///
    /// # Errors
    /// [`crate::error::Code::InvalidParams`] for an unknown reference.
    fn complete(&self, context: &Context, completion: &Completion) -> Result<Suggestions, Error> {
        let _ = (context, completion);
        Ok(Suggestions::default())
    }
}

/// Returns the error for an unknown URI.
#[must_use]
pub fn resource_not_found(uri: &str) -> Error {
    Error::new(crate::error::Code::ResourceNotFound, "resource not found")
        .with_hint("resources/list and resources/templates/list name those that exist.")
        .with_data("uri", uri)
}

/// The server's description.
#[derive(Debug, Clone, Serialize)]
pub struct About {
    /// The program's name.
    pub name: String,
    /// Its title for people.
    pub title: String,
    /// Its version.
    pub version: String,
    /// Instructions for the model.
    #[serde(skip)]
    pub instructions: Option<String>,
}

/// The server's capabilities.
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
    /// Returns the `ServerCapabilities` object. Tools are always included, and changes of their list are always reported.
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

/// An entry of a list (tool, prompt, resource, template): its definition as text, ready for responses.
#[derive(Debug, Clone)]
pub struct Item {
    key: String,
    definition: Box<RawValue>,
}

impl Item {
    /// Creates an entry from a definition; its key is the `uri` of a resource, the `uriTemplate` of a template, else the
    /// `name`.
    ///
    /// # Panics
    /// If the definition has none of them; definitions are our own or were checked before.
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

    /// Returns the key that identifies the entry in its list.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Returns the definition as JSON text.
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
    /// The path of the value in the arguments.
    pub path: Vec<String>,
}

/// The parameters of `completion/complete`.
#[derive(Debug, Clone, PartialEq)]
pub struct Completion {
    /// The prompt or template whose argument is being typed.
    pub reference: Reference,
    /// The argument's name.
    pub argument: String,
    /// The typed text.
    pub value: String,
    /// The known values of other arguments.
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
    /// Whether there are more; their number is unknown.
    pub more: bool,
}

/// A `CallToolResult`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ToolResult {
    /// Content blocks in the protocol's form.
    pub content: Vec<Value>,
    /// The same as data, if the tool has data.
    pub structured: Option<Value>,
    /// Whether the tool failed.
    pub is_error: bool,
}

impl ToolResult {
    /// Returns one block of text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self { content: vec![json!({"type": "text", "text": text.into()})], ..Self::default() }
    }

    /// Returns content blocks of any type.
    #[must_use]
    pub fn blocks(content: Vec<Value>) -> Self {
        Self { content, ..Self::default() }
    }

    /// Returns a failed call in a form that a model can act on: code, message and hint, a line each.
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

/// Why a handler ended without a result.
#[derive(Debug, Clone, PartialEq)]
pub enum Interruption {
    /// The call failed.
    Failed(Error),
    /// The client must answer these questions and call again (modern era only).
    InputRequired {
        /// The unanswered questions, each under its key.
        questions: Vec<(String, Question)>,
        /// `requestState`, which the client returns with the answers.
        state: String,
    },
}

impl From<Error> for Interruption {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}
