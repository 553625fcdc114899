//! One call of a tool, from the caller's arguments to the result.

use std::cell::OnceCell;
use std::time::Instant;

use serde_json::{Map, Value};

use super::arguments;
use super::hooks::Session;
use super::manifest::{Module, Tool, Work};
use super::output;
use super::request::Body;
use crate::broker::Credential;
use crate::error::{Code, Error};
use crate::upstream::Upstream;

/// Gives another credential for one that the service refused; none where there is no other.
pub type Renew<'a> = &'a dyn Fn(&Credential) -> Result<Option<Credential>, Error>;

/// What a call needs.
pub struct Invocation<'a> {
    /// The module.
    pub module: &'a Module,
    /// One of its tools.
    pub tool: &'a Tool,
    /// The caller's arguments, as they came.
    pub arguments: Map<String, Value>,
    /// What the call proves itself with.
    pub credential: Option<&'a Credential>,
    /// What is done when the service refuses the credential.
    pub renew: Renew<'a>,
    /// Where the service is: the module's own address, the environment's or the credential's.
    pub base_url: &'a str,
    /// When the call must be over, retries and waits included.
    pub deadline: Instant,
    /// Whether the caller still waits.
    pub cancelled: &'a dyn Fn() -> bool,
    /// The `traceparent` header of the span that the call belongs to.
    pub trace_parent: Option<&'a str>,
}

/// Calls a tool; gives its result before any formatting: `{"items": […], …, "next_cursor"?}` for a list, an object for a
/// record, `{"document": …, …}` for a document, a string for a text, `{"message": …}` for a thing done.
///
/// # Errors
///
/// [`Code::InvalidParams`](crate::error::Code::InvalidParams) for arguments that do not fit, and those of
/// [`Upstream::send`], [`failure`](crate::upstream::failure) and the tool's handler.
pub fn invoke(upstream: &Upstream, invocation: Invocation<'_>) -> Result<Value, Error> {
    let tool = invocation.tool;
    work(upstream, invocation).map_err(|error| naming_permissions(tool, error))
}

fn work(upstream: &Upstream, invocation: Invocation<'_>) -> Result<Value, Error> {
    let Invocation { module, tool, credential, renew, base_url, deadline, cancelled, trace_parent, .. } = invocation;
    let arguments = arguments::check(tool, invocation.arguments)?;
    let session = Session { upstream, module, credential, renew, renewed: OnceCell::new(), base_url, deadline, cancelled, trace_parent };
    let (template, output) = match &tool.work {
        Work::Handler(handler) => return handler(&session, &arguments),
        Work::Request(template, output) => (template, output),
    };
    let places = tool.params.iter().map(|param| (param.name.as_str(), &param.place));
    let request = template.fill(base_url, places, &arguments)?;
    let body = request.body.as_deref().map(str::as_bytes);
    let answer = session.exchange(template.method, &request.url, &template.headers, body)?;
    if matches!(template.body, Body::Graphql(_)) {
        output::graphql_errors(&module.title, &output::json_of(&module.title, &answer.body)?)?;
    }
    output.result(&module.title, template.pages.as_ref().map(|pages| &pages.next), answer, &arguments)
}

/// The error, saying what the credential has to be allowed where that is what it lacks.
fn naming_permissions(tool: &Tool, error: Error) -> Error {
    if error.code() != Code::PermissionDenied || tool.permissions.is_empty() {
        return error;
    }
    let needed = format!("This tool needs: {}", tool.permissions.join(", "));
    let hint = error.hint().map_or_else(|| needed.clone(), |hint| format!("{} {needed}", hint.trim_end()));
    error.with_hint(hint)
}
