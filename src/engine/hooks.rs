//! The functions that a module's code offers to its file, by name.

use serde_json::Value;

use super::session::Session;
use crate::error::Error;
use crate::json::Object;

/// Changes a value of the response; gets null if the path does not exist.
pub type FieldHook = fn(&Value) -> Value;

/// Changes an argument before it is sent. Its error names the argument and says what is wrong.
pub type ParamHook = fn(&Value) -> Result<Value, Error>;

/// Changes or rejects the checked arguments before the request is made; for rules between arguments.
pub type ArgumentsHook = fn(&mut Object) -> Result<(), Error>;

/// Changes the result of a tool's single request, with further requests if needed. It also gets the checked arguments.
pub type ResultHook = fn(&Session<'_>, &Object, Value) -> Result<Value, Error>;

/// Handles a call that one request cannot: gets the checked arguments with their defaults, returns the tool's result.
pub type Handler = fn(&Session<'_>, &Object) -> Result<Value, Error>;

/// Says more about the failure of a tool than the service does, by asking it again: what an id is the id of, say.
pub type Explain = fn(&Session<'_>, &Object, Error) -> Error;

/// A module's hooks by the names in its file.
#[derive(Debug, Clone, Copy)]
pub struct Hooks {
    /// For fields and texts in outputs.
    pub fields: &'static [(&'static str, FieldHook)],
    /// For params.
    pub params: &'static [(&'static str, ParamHook)],
    /// For all arguments of a tool.
    pub arguments: &'static [(&'static str, ArgumentsHook)],
    /// For the result of a request.
    pub results: &'static [(&'static str, ResultHook)],
    /// Instead of request and output.
    pub handlers: &'static [(&'static str, Handler)],
    /// For failures of any tool; `None` where the service says enough.
    pub explain: Option<Explain>,
}

impl Hooks {
    /// For a module without hooks.
    pub const NONE: Self = Self {
        fields: &[],
        params: &[],
        arguments: &[],
        results: &[],
        handlers: &[],
        explain: None,
    };
}
