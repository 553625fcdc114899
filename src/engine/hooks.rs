//! What a module's code offers to its file by name.

use serde_json::{Map, Value};

use super::session::Session;
use crate::error::Error;

/// Changes a value of the answer; gets null where the path leads nowhere.
pub type FieldHook = fn(&Value) -> Value;

/// Changes an argument before it is sent; its error names the argument and what is wrong with it.
pub type ParamHook = fn(&Value) -> Result<Value, Error>;

/// Changes the checked arguments together before the request is made from them, or refuses them: for what one of them says
/// about another.
pub type ArgumentsHook = fn(&mut Map<String, Value>) -> Result<(), Error>;

/// Changes the result of a tool's one request, with further requests where it needs them; gets the checked arguments, too.
pub type ResultHook = fn(&Session<'_>, &Map<String, Value>, Value) -> Result<Value, Error>;

/// Does what one request cannot: gets the checked arguments with their defaults, gives the tool's result.
pub type Handler = fn(&Session<'_>, &Map<String, Value>) -> Result<Value, Error>;

/// Says more about the failure of a tool than the service does, by asking it again: what an id is the id of, say.
pub type Explain = fn(&Session<'_>, &Map<String, Value>, Error) -> Error;

/// A module's hooks under the names that its file cites.
#[derive(Debug, Clone, Copy)]
pub struct Hooks {
    /// For fields and texts of outputs.
    pub fields: &'static [(&'static str, FieldHook)],
    /// For params.
    pub params: &'static [(&'static str, ParamHook)],
    /// For all arguments of a tool.
    pub arguments: &'static [(&'static str, ArgumentsHook)],
    /// For results of a request.
    pub results: &'static [(&'static str, ResultHook)],
    /// In place of request and output.
    pub handlers: &'static [(&'static str, Handler)],
    /// For failures of any tool; `None` where the service says enough.
    pub explain: Option<Explain>,
}

impl Hooks {
    /// For a module that is data alone.
    pub const NONE: Self = Self {
        fields: &[],
        params: &[],
        arguments: &[],
        results: &[],
        handlers: &[],
        explain: None,
    };
}
