//! One call of a tool, from the caller's arguments to the result.

use std::cell::{OnceCell, RefCell};
use std::time::Instant;

use serde_json::Value;

use super::output::{self, Output};
use super::request::{Body, Template};
use super::{Module, OFFSET, Session, Tool, Work, arguments, content};
use crate::access::{Caller, Credential};
use crate::cancellation::Cancellation;
use crate::error::{Code, Error, NOT_A_LIST, PLAN, REASON, change_texts};
use crate::json::Object;
use crate::upstream::{Upstream, redact};

/// Only credentials of at least this many bytes are redacted: shorter ones could match ordinary text.
const LONG_ENOUGH: usize = 12;

/// An account of a service: its address and its credential.
#[derive(Debug, Clone, Copy)]
pub struct Connection<'a> {
    /// The credential of a call.
    pub credential: Option<&'a Credential>,
    /// The service's address: from the module, the environment or the credential.
    pub base_url: &'a str,
}

/// A function that returns a new credential for one that the service rejected; `None` if there is no other.
pub type Renew<'a> = &'a dyn Fn(&Credential) -> Result<Option<Credential>, Error>;

/// A permitted call of a tool, with everything that its way to the service needs.
#[derive(Debug, Clone, Copy)]
pub struct ToolCall<'a> {
    /// Who calls.
    pub caller: &'a Caller,
    /// The name of the client program; `None` if it did not say.
    pub client: Option<&'a str>,
    /// The module.
    pub module: &'a Module,
    /// One of its tools.
    pub tool: &'a Tool,
    /// When the call must be over, retries and waits included.
    pub deadline: Instant,
    /// The `traceparent` header of the span that the call belongs to.
    pub trace_parent: Option<&'a str>,
}

/// The accounts of a call.
#[derive(Clone, Copy)]
pub struct Accounts<'a> {
    /// The account, or the first of several.
    pub first: Connection<'a>,
    /// The caller's further accounts, for a tool that reads all of them at once.
    pub others: &'a [Connection<'a>],
    /// Gets a new credential if the service rejects one.
    pub renew: Renew<'a>,
}

/// Calls a tool. Returns its result before any formatting: `{"items": […], …, "next_cursor"?}` for a list, an object for a
/// record, `{"document": …, …}` for a document, a string for a text, `{"message": …}` for an action. `cancelled` reports
/// whether the caller has stopped waiting.
///
/// # Errors
/// [`Code::InvalidParams`] for invalid arguments, and the errors of [`Upstream::send`], [`failure`](crate::upstream::failure)
/// and the tool's handler.
pub fn call(
    upstream: &Upstream,
    call: ToolCall<'_>,
    accounts: Accounts<'_>,
    arguments: Object,
    cancelled: &Cancellation,
) -> Result<Value, Error> {
    let tool = call.tool;
    let outcome = arguments::check(tool, arguments).and_then(|arguments| {
        let session = Session {
            upstream,
            call,
            accounts,
            renewed: OnceCell::new(),
            held: RefCell::default(),
            cancelled,
        };
        let explained = |error| match call.module.explain {
            Some(explain) => explain(&session, &arguments, error),
            None => error,
        };
        let result = match &tool.work {
            Work::Handler(handler) => handler(&session, &arguments),
            Work::Request(template, output) => request(&session, template, output, &arguments)
                .and_then(|result| match tool.after {
                    Some(hook) => hook(&session, &arguments, result),
                    None => Ok(result),
                }),
        }
        .map_err(explained);
        let result = match session.renewed.get() {
            Some(newer) => redacted(result, &|text| redact(text, newer, LONG_ENOUGH)),
            None => result,
        }?;
        let offset = arguments.get(OFFSET).filter(|_| tool.reads_on).and_then(Value::as_u64);
        output::from_offset(result, offset.unwrap_or_default())
    });
    let credentials = || {
        let connections = accounts.others.iter().chain([&accounts.first]);
        connections.filter_map(|connection| connection.credential)
    };
    redacted(outcome, &|text| {
        credentials().for_each(|credential| redact(text, credential, LONG_ENOUGH));
    })
    .map_err(|error| hinted(tool, naming_permissions(tool, error)))
}

fn redacted(outcome: Result<Value, Error>, redact: &dyn Fn(&mut String)) -> Result<Value, Error> {
    match outcome {
        Ok(mut result) => {
            change_texts(&mut result, redact);
            Ok(result)
        }
        Err(error) => Err(error.with_texts(redact)),
    }
}

/// Makes the one request of a tool that is data.
fn request(
    session: &Session<'_>,
    template: &Template,
    output: &Output,
    arguments: &Object,
) -> Result<Value, Error> {
    let ToolCall { module, tool, .. } = session.call;
    let service = &module.title;
    let elsewhere =
        tool.base_url.as_deref().map(|address| session.elsewhere(address, None)).transpose()?;
    let elsewhere = elsewhere.as_ref().map(|elsewhere| session.at(elsewhere));
    let session = elsewhere.as_ref().unwrap_or(session);
    let places = tool.params.iter().map(|param| (param.name.as_str(), &param.place));
    let request = template.fill(session.accounts.first.base_url, places, arguments)?;
    let body = request.body.as_deref().map(str::as_bytes);
    let answer = session.exchange(template.method, &request.url, &template.headers, body)?;
    if matches!(template.body, Body::Graphql(_)) {
        output::graphql_errors(service, &content::json(service, &answer)?)?;
    }
    output.result(service, template.pages.as_ref().map(|pages| &pages.next), answer, arguments)
}

/// Returns the error with the tool's own hint for its reason, if there is one.
fn hinted(tool: &Tool, error: Error) -> Error {
    let reason = error.data().and_then(|data| data.get(REASON)).and_then(Value::as_str);
    match reason.and_then(|reason| Some((reason, tool.hints.get(reason)?))) {
        // The caller's request is wrong, not the service.
        Some((NOT_A_LIST, hint)) => Error::invalid_params("This is one thing, not a list.")
            .with_hint(hint)
            .with_data(REASON, NOT_A_LIST),
        Some((_, hint)) => error.with_hint(hint),
        None => error,
    }
}

/// Adds the required permissions to an error about a lack of permission.
fn naming_permissions(tool: &Tool, error: Error) -> Error {
    let is_about_plan =
        error.data().is_some_and(|data| data.get(REASON).is_some_and(|reason| reason == PLAN));
    if error.code() != Code::PermissionDenied || is_about_plan || tool.permissions.is_empty() {
        return error;
    }
    let needed = format!("This tool needs: {}", tool.permissions.join(", "));
    let hint =
        error.hint().map_or_else(|| needed.clone(), |hint| format!("{} {needed}", hint.trim_end()));
    error.with_hint(hint)
}
