//! Handles requests: the one list of methods, and what each era adds to a result.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::call::{Call, Peer};
use super::channel::ANSWER_TIME;
use super::context::{Context, Level, META_SERVER, View};
use super::elicitation::Question;
use super::handler::{Completion, Handler, Interruption, Item, Reference, Suggestions, ToolResult};
use super::message::{
    Id, Members, Notification, Request, error_text, error_text_with_code, result_text, wrong_type,
};
use super::seal::Seal;
use super::session::{Session, Sessions};
use super::subscriptions::{Filter, Hub};
use super::version::Version;
use crate::access::{Caller, Quotas, UserLimits};
use crate::cancellation::Cancellation;
use crate::error::{Code, Error};
use crate::json::Object;
use crate::telemetry::spans::{Message, Operation};
use crate::telemetry::trace;

/// The page size of lists: large, because some clients show only the first page.
const PAGE: usize = 1_000;

/// How long a client may cache a list (2026-07-28, "Caching"): as long as permissions are cached; changes are reported too.
const LIST_TTL: Duration = Duration::from_secs(60);
/// How long a client may cache the server's description.
const DISCOVER_TTL: Duration = Duration::from_secs(3_600);

/// An application with the protocol. It has no transport: transports bring requests and carry answers.
pub struct Server {
    handler: Arc<dyn Handler>,
    /// `_meta` of every modern result, which names the server; it is constant, so it is written once.
    identity: String,
    /// Seals session ids and request state.
    pub seal: Arc<Seal>,
    /// The listeners for changes.
    pub hub: Arc<Hub>,
    /// The memory of legacy sessions.
    pub sessions: Sessions,
    /// What each user has open.
    pub quotas: Quotas,
    /// How long a client of the legacy era may take to answer a question of ours.
    pub(crate) answer_time: Duration,
}

/// The outcome of a method.
enum MethodResult {
    /// The members of a result.
    Complete(Members),
    /// The stream of `subscriptions/listen` opens.
    Listen(Filter),
}

/// The answer to a request.
#[derive(Debug)]
pub enum Answer {
    /// A response: its text, and the HTTP status if the transport has one.
    Response {
        /// HTTP status.
        status: u16,
        /// JSON-RPC response.
        json: String,
    },
    /// A stream of changes: the transport subscribes it under the request's id.
    Listen(Filter),
}

/// A method of the protocol. All facts about methods are read from this one list.
struct Method {
    name: &'static str,
    since: Version,
    until: Version,
    /// The parameter that the header `Mcp-Name` mirrors (2026-07-28, "Standard Request Headers").
    mirrored: Option<&'static str>,
    offered: fn(&dyn Handler) -> bool,
    run: fn(&Server, &Context, &Request, &dyn Peer) -> Result<MethodResult, Interruption>,
}

const FIRST: Version = Version::V2024_11_05;
const LAST_LEGACY: Version = Version::NEWEST_LEGACY;
const MODERN: Version = Version::V2026_07_28;

const fn always(_: &dyn Handler) -> bool {
    true
}
fn prompts(handler: &dyn Handler) -> bool {
    handler.capabilities().prompts.is_some()
}
fn resources(handler: &dyn Handler) -> bool {
    handler.capabilities().resources.is_some()
}
fn subscribe(handler: &dyn Handler) -> bool {
    handler.capabilities().subscribe
}
fn completions(handler: &dyn Handler) -> bool {
    handler.capabilities().completions
}
fn logging(handler: &dyn Handler) -> bool {
    handler.capabilities().logging
}

// `initialize` is not here: it creates a session, which the transport keeps (`Server::initialize`).
#[rustfmt::skip]
const METHODS: &[Method] = &[
    Method { name: "server/discover", since: MODERN, until: MODERN, mirrored: None, offered: always, run: Server::discover },
    Method { name: "ping", since: FIRST, until: LAST_LEGACY, mirrored: None, offered: always, run: Server::ping },
    Method { name: "tools/list", since: FIRST, until: MODERN, mirrored: None, offered: always, run: Server::list_tools },
    Method { name: "tools/call", since: FIRST, until: MODERN, mirrored: Some("name"), offered: always, run: Server::call_tool },
    Method { name: "prompts/list", since: FIRST, until: MODERN, mirrored: None, offered: prompts, run: Server::list_prompts },
    Method { name: "prompts/get", since: FIRST, until: MODERN, mirrored: Some("name"), offered: prompts, run: Server::get_prompt },
    Method { name: "resources/list", since: FIRST, until: MODERN, mirrored: None, offered: resources, run: Server::list_resources },
    Method { name: "resources/templates/list", since: FIRST, until: MODERN, mirrored: None, offered: resources, run: Server::list_templates },
    Method { name: "resources/read", since: FIRST, until: MODERN, mirrored: Some("uri"), offered: resources, run: Server::read_resource },
    Method { name: "resources/subscribe", since: FIRST, until: LAST_LEGACY, mirrored: None, offered: subscribe, run: Server::subscribe },
    Method { name: "resources/unsubscribe", since: FIRST, until: LAST_LEGACY, mirrored: None, offered: subscribe, run: Server::unsubscribe },
    Method { name: "subscriptions/listen", since: MODERN, until: MODERN, mirrored: None, offered: always, run: Server::listen },
    Method { name: "completion/complete", since: FIRST, until: MODERN, mirrored: None, offered: completions, run: Server::complete },
    Method { name: "logging/setLevel", since: FIRST, until: LAST_LEGACY, mirrored: None, offered: logging, run: Server::set_level },
];

/// Returns the parameter of `method` that the header `Mcp-Name` mirrors.
pub(crate) fn mirrored_parameter(method: &str) -> Option<&'static str> {
    METHODS.iter().find(|known| known.name == method).and_then(|known| known.mirrored)
}

impl Server {
    /// Returns a server for an application; `seal` seals its tokens.
    #[must_use]
    pub fn new(handler: Arc<dyn Handler>, seal: impl Into<Arc<Seal>>, hub: Arc<Hub>) -> Self {
        let identity = json!({META_SERVER: handler.about()}).to_string();
        Self {
            handler,
            identity,
            seal: seal.into(),
            hub,
            sessions: Sessions::default(),
            quotas: Quotas::default(),
            answer_time: ANSWER_TIME,
        }
    }

    /// The same, with other limits for each user.
    #[must_use]
    pub fn with_user_limits(self, limits: UserLimits) -> Self {
        Self { quotas: Quotas::new(limits), ..self }
    }

    /// The same, with another time for a client to answer a question of ours.
    #[must_use]
    pub fn with_answer_time(self, answer_time: Duration) -> Self {
        Self { answer_time, ..self }
    }

    /// Returns the application.
    #[must_use]
    pub fn handler(&self) -> &dyn Handler {
        &*self.handler
    }

    /// Cancels every request that runs or comes, on every transport: the server ends. Each is still answered.
    pub fn end(&self) {
        self.sessions.ending().cancel();
    }

    /// What is cancelled when the server ends.
    #[must_use]
    pub fn ending(&self) -> &Cancellation {
        self.sessions.ending()
    }

    /// Answers a request other than `initialize`.
    pub fn answer(&self, request: &Request, context: &Context, peer: &dyn Peer) -> Answer {
        let method = self.methods(context.version).find(|method| method.name == request.method);
        let mut operation = Operation::begin(|| {
            told(request, method.map(|method| method.name), context.version, peer.scope())
        });
        let outcome = match method {
            Some(method) => (method.run)(self, context, request, peer),
            None => Err(self.unknown_method(request, context).into()),
        };
        match outcome {
            Ok(MethodResult::Listen(filter)) => Answer::Listen(filter),
            Ok(MethodResult::Complete(members)) => self.complete_result(request, context, members),
            Err(Interruption::Failed(error)) => {
                operation.fail(error.code().reply().json_rpc);
                refuse(request, context, &error)
            }
            Err(Interruption::InputRequired { questions, state }) => {
                self.input_required(request, context, &questions, &state)
            }
        }
    }

    /// Returns the methods that exist in a version.
    fn methods(&self, version: Version) -> impl Iterator<Item = &'static Method> {
        METHODS.iter().filter(move |method| {
            (method.since..=method.until).contains(&version) && (method.offered)(&*self.handler)
        })
    }

    fn unknown_method(&self, request: &Request, context: &Context) -> Error {
        let names: Vec<_> = self.methods(context.version).map(|method| method.name).collect();
        Error::new(
            Code::MethodNotFound,
            format!(
                "method {:?} does not exist here in protocol version {}",
                request.method, context.version
            ),
        )
        .with_hint(format!("The version has: {}.", names.join(", ")))
    }

    /// Handles `initialize`: negotiates the version and begins a session.
    ///
    /// # Errors
    /// [`Code::InvalidParams`] that names the missing or invalid parameter.
    pub fn initialize(
        &self,
        request: &Request,
        caller: &Caller,
        view: &View,
    ) -> Result<(Session, String), Error> {
        let requested = request.text("protocolVersion").map_err(|error| {
            error.with_hint(format!(
                "Send one of: {}.",
                Version::names(|version| !version.is_modern())
            ))
        })?;
        let version = Version::negotiate(requested);
        let capabilities =
            crate::mcp::context::ClientCapabilities::parse(&request.object("capabilities")?);
        let client =
            request.params.get("clientInfo").and_then(crate::mcp::context::ClientInfo::parse);
        let session = Session::new(version, capabilities, client, caller);
        let _operation =
            Operation::begin(|| told(request, Some("initialize"), version, &session.id));
        let mut members = Members::new()
            .with("protocolVersion", &version.as_str())
            .with("capabilities", &self.handler.capabilities().to_json())
            .with("serverInfo", &self.described(view, version >= Version::WITH_ICONS));
        if let Some(instructions) = self.instructions(caller, view) {
            members = members.with("instructions", &instructions);
        }
        Ok((session, result_text(&request.id, members)))
    }

    /// Who the server is, with its icons if the protocol version has them.
    fn described(&self, view: &View, has_icons: bool) -> Value {
        let mut described = json!(self.handler.about());
        let icons = self.handler.icons(view);
        if has_icons && !icons.is_empty() {
            described["icons"] = icons.into();
        }
        described
    }

    /// Returns the instructions for the model at this address.
    fn instructions(&self, caller: &Caller, view: &View) -> Option<String> {
        let instructions = self.handler.instructions(caller, view);
        let Some(remark) = view.remark() else { return instructions };
        log::warn!(
            "unknown parameters in the query of the MCP endpoint: {}",
            view.unknown.join(", ")
        );
        Some(match instructions {
            Some(instructions) => format!("{instructions} {remark}"),
            None => remark,
        })
    }

    /// Handles a notification of a client.
    pub fn notice(&self, scope: &str, notification: &Notification) {
        // `notifications/initialized` and `…/roots/list_changed` have no effect here; unknown ones are ignored, as JSON-RPC
        // requires.
        if notification.method == "notifications/cancelled"
            && let Some(id) = notification.params.get("requestId").cloned().and_then(Id::from_value)
        {
            self.sessions.cancel(scope, &id);
        }
    }

    fn complete_result(&self, request: &Request, context: &Context, members: Members) -> Answer {
        let members = if context.version.is_modern() {
            // Once is enough for the icons: they would make every other answer larger.
            let identity = if request.method == "server/discover" {
                json!({META_SERVER: self.described(&context.view, true)}).to_string()
            } else {
                self.identity.clone()
            };
            Members::new()
                .with_json("resultType", "\"complete\"")
                .with_json("_meta", &identity)
                .append(&members)
        } else {
            members
        };
        Answer::Response { status: 200, json: result_text(&request.id, members) }
    }

    fn input_required(
        &self,
        request: &Request,
        context: &Context,
        questions: &[(String, Question)],
        state: &str,
    ) -> Answer {
        let mut requests = Object::new();
        for (key, question) in questions {
            requests.insert(
                key.clone(),
                json!({"method": question.method(), "params": question.params(context.version)}),
            );
        }
        let members = Members::new()
            .with("resultType", &"input_required")
            .with_json("_meta", &self.identity)
            .with("inputRequests", &requests)
            .with("requestState", &state);
        Answer::Response { status: 200, json: result_text(&request.id, members) }
    }

    fn discover(
        &self,
        context: &Context,
        _: &Request,
        _: &dyn Peer,
    ) -> Result<MethodResult, Interruption> {
        let versions: Vec<_> = Version::ALL.into_iter().map(Version::as_str).collect();
        let members = Members::new()
            .with("supportedVersions", &versions)
            .with("capabilities", &self.handler.capabilities().to_json());
        let members = match self.instructions(&context.caller, &context.view) {
            Some(instructions) => members.with("instructions", &instructions),
            None => members,
        };
        Ok(MethodResult::Complete(cached(context, members, DISCOVER_TTL, "private")))
    }

    fn ping(&self, _: &Context, _: &Request, _: &dyn Peer) -> Result<MethodResult, Interruption> {
        Ok(MethodResult::Complete(Members::new()))
    }

    fn list_tools(
        &self,
        context: &Context,
        request: &Request,
        _: &dyn Peer,
    ) -> Result<MethodResult, Interruption> {
        page(context, request, "tools", &self.handler.tools(context)?)
    }

    fn list_prompts(
        &self,
        context: &Context,
        request: &Request,
        _: &dyn Peer,
    ) -> Result<MethodResult, Interruption> {
        page(context, request, "prompts", &self.handler.prompts(context)?)
    }

    fn list_resources(
        &self,
        context: &Context,
        request: &Request,
        _: &dyn Peer,
    ) -> Result<MethodResult, Interruption> {
        page(context, request, "resources", &self.handler.resources(context)?)
    }

    fn list_templates(
        &self,
        context: &Context,
        request: &Request,
        _: &dyn Peer,
    ) -> Result<MethodResult, Interruption> {
        page(context, request, "resourceTemplates", &self.handler.resource_templates(context)?)
    }

    fn call_tool(
        &self,
        context: &Context,
        request: &Request,
        peer: &dyn Peer,
    ) -> Result<MethodResult, Interruption> {
        let (name, arguments) = (request.text("name")?, request.object("arguments")?);
        let call = Call::open(context, request, peer, self)?;
        let ToolResult { content, structured, is_error } =
            self.handler.call_tool(&call, name, arguments)?;
        let mut members = Members::new().with("content", &content);
        if let Some(structured) = structured.filter(|_| context.version >= Version::V2025_06_18) {
            members = members.with("structuredContent", &structured);
        }
        if is_error {
            trace::fail_request("tool_error");
            members = members.with("isError", &true);
        }
        Ok(MethodResult::Complete(members))
    }

    fn get_prompt(
        &self,
        context: &Context,
        request: &Request,
        peer: &dyn Peer,
    ) -> Result<MethodResult, Interruption> {
        let (name, arguments) = (request.text("name")?, request.object("arguments")?);
        let call = Call::open(context, request, peer, self)?;
        Ok(MethodResult::Complete(
            Members::new().with_all(&self.handler.get_prompt(&call, name, arguments)?),
        ))
    }

    fn read_resource(
        &self,
        context: &Context,
        request: &Request,
        peer: &dyn Peer,
    ) -> Result<MethodResult, Interruption> {
        let call = Call::open(context, request, peer, self)?;
        let contents = self.handler.read_resource(&call, request.text("uri")?)?;
        // The content of a resource may change with every read, and belongs to its reader.
        Ok(MethodResult::Complete(cached(
            context,
            Members::new().with("contents", &contents),
            Duration::ZERO,
            "private",
        )))
    }

    fn subscribe(
        &self,
        context: &Context,
        request: &Request,
        peer: &dyn Peer,
    ) -> Result<MethodResult, Interruption> {
        self.watch(context, request, peer, true)
    }

    fn unsubscribe(
        &self,
        context: &Context,
        request: &Request,
        peer: &dyn Peer,
    ) -> Result<MethodResult, Interruption> {
        self.watch(context, request, peer, false)
    }

    fn watch(
        &self,
        _: &Context,
        request: &Request,
        peer: &dyn Peer,
        watched: bool,
    ) -> Result<MethodResult, Interruption> {
        let (session, uri) = (peer.scope(), request.text("uri")?);
        self.sessions.watch(session, uri, watched);
        self.hub.watch(session, uri, watched);
        Ok(MethodResult::Complete(Members::new()))
    }

    fn set_level(
        &self,
        _: &Context,
        request: &Request,
        peer: &dyn Peer,
    ) -> Result<MethodResult, Interruption> {
        let level = Level::parse(request.params.get("level").unwrap_or(&Value::Null))?;
        self.sessions.set_log_level(peer.scope(), level);
        Ok(MethodResult::Complete(Members::new()))
    }

    fn listen(
        &self,
        _: &Context,
        request: &Request,
        _: &dyn Peer,
    ) -> Result<MethodResult, Interruption> {
        Ok(MethodResult::Listen(Filter::read(&request.params, self.handler.capabilities())?))
    }

    fn complete(
        &self,
        context: &Context,
        request: &Request,
        _: &dyn Peer,
    ) -> Result<MethodResult, Interruption> {
        let completion = completion(request)?;
        let Suggestions { mut values, more } = self.handler.complete(context, &completion)?;
        let total = values.len();
        values.truncate(100);
        let mut result = json!({"values": values, "hasMore": more || total > 100});
        if !more {
            result["total"] = total.into();
        }
        Ok(MethodResult::Complete(Members::new().with("completion", &result)))
    }
}

/// Returns the response to a failed request, in the form of its era.
fn refuse(request: &Request, context: &Context, error: &Error) -> Answer {
    let reply = error.code().reply();
    let (status, code) = match error.code() {
        // Older revisions have a separate code for this error.
        Code::ResourceNotFound if !context.version.is_modern() => (200, -32002),
        // 2026-07-28 defines an HTTP status for these. Every other error is an ordinary response, because legacy clients treat
        // an HTTP error as a broken transport.
        Code::MethodNotFound | Code::MissingClientCapability | Code::UnsupportedProtocolVersion
            if context.version.is_modern() =>
        {
            (reply.status, reply.json_rpc)
        }
        _ => (200, reply.json_rpc),
    };
    Answer::Response { status, json: error_text_with_code(Some(&request.id), error, code) }
}

/// Returns the response to a message that is not a valid request.
#[must_use]
pub fn refusal(id: Option<&Id>, error: &Error) -> Answer {
    Answer::Response { status: error.code().reply().status, json: error_text(id, error) }
}

/// Returns a request in the form for its span.
fn told<'a>(
    request: &'a Request,
    method: Option<&'static str>,
    version: Version,
    session: &'a str,
) -> Message<'a> {
    Message {
        method,
        id: &request.id,
        target: request.params.get("name").and_then(Value::as_str),
        version: version.as_str(),
        session,
        traceparent: request
            .meta()
            .and_then(|meta| meta.get("traceparent"))
            .and_then(Value::as_str),
    }
}

/// Adds the caching hints that the modern era requires.
fn cached(context: &Context, members: Members, ttl: Duration, scope: &str) -> Members {
    if !context.version.is_modern() {
        return members;
    }
    members
        .with("ttlMs", &u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX))
        .with("cacheScope", &scope)
}

/// Returns one page of a list. The cursor is the key of the last entry on the previous page, so it stays valid when entries are
/// added or removed.
fn page(
    context: &Context,
    request: &Request,
    member: &str,
    items: &[Arc<Item>],
) -> Result<MethodResult, Interruption> {
    let start = match request.params.get("cursor") {
        None => 0,
        Some(Value::String(cursor)) => items
            .iter()
            .position(|item| item.key() == cursor)
            .map(|position| position + 1)
            .ok_or_else(|| {
                Error::invalid_params("params.cursor is not one that this list gave")
                    .with_hint("Start again without a cursor.")
            })?,
        Some(other) => return Err(wrong_type("params.cursor", "a string", other).into()),
    };
    let rest = &items[start..];
    let shown = &rest[..rest.len().min(PAGE)];
    let mut json =
        String::with_capacity(shown.iter().map(|item| item.json().len() + 1).sum::<usize>() + 2);
    json.push('[');
    for (position, item) in shown.iter().enumerate() {
        if position > 0 {
            json.push(',');
        }
        json.push_str(item.json());
    }
    json.push(']');
    let mut members = Members::new().with_json(member, &json);
    if let Some(last) = shown.last().filter(|_| shown.len() < rest.len()) {
        members = members.with("nextCursor", &last.key());
    }
    Ok(MethodResult::Complete(cached(context, members, LIST_TTL, "private")))
}

fn completion(request: &Request) -> Result<Completion, Error> {
    let reference = request.object("ref")?;
    let text = |object: &Object, place: &str, name: &str| match object.get(name) {
        Some(Value::String(text)) => Ok(text.clone()),
        other => Err(wrong_type(
            &format!("params.{place}.{name}"),
            "a string",
            other.unwrap_or(&Value::Null),
        )),
    };
    let reference = match text(&reference, "ref", "type")?.as_str() {
        "ref/prompt" => Reference::Prompt(text(&reference, "ref", "name")?),
        "ref/resource" => Reference::Resource(text(&reference, "ref", "uri")?),
        other => {
            return Err(Error::invalid_params(format!("params.ref.type {other:?} does not exist"))
                .with_hint("Use ref/prompt or ref/resource."));
        }
    };
    let argument = request.object("argument")?;
    let known = request
        .object("context")?
        .get("arguments")
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    Ok(Completion {
        reference,
        argument: text(&argument, "argument", "name")?,
        value: text(&argument, "argument", "value")?,
        known,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mcp::context::ClientCapabilities;

    #[test]
    fn a_long_list_comes_in_pages_that_go_on_where_the_last_one_ended() {
        let context = Context {
            version: Version::V2026_07_28,
            capabilities: ClientCapabilities::default(),
            client: None,
            caller: Caller::local(),
            view: View::default(),
            log_level: None,
        };
        let mut items: Vec<_> = (0..=2 * PAGE)
            .map(|number| Arc::new(Item::new(&json!({"name": format!("t{number}")}))))
            .collect();
        let mut seen = 0;
        let mut params = Object::new();
        loop {
            let request = Request {
                id: Id::from(1),
                method: "tools/list".to_owned(),
                params: params.clone(),
            };
            let Ok(MethodResult::Complete(members)) = page(&context, &request, "tools", &items)
            else {
                panic!("a page")
            };
            let answer: Value = serde_json::from_str(&members.into_object()).unwrap();
            assert_eq!(answer["tools"][0]["name"], format!("t{seen}"));
            seen += answer["tools"].as_array().unwrap().len();
            // Removing other entries meanwhile does not move the page.
            items.pop();
            match answer.get("nextCursor") {
                Some(cursor) => params.insert("cursor".to_owned(), cursor.clone()),
                None => break,
            };
        }
        assert_eq!(seen, 2 * PAGE);
        let request = Request {
            id: Id::from(1),
            method: "tools/list".to_owned(),
            params: Object::from_iter([("cursor".to_owned(), json!("gone"))]),
        };
        assert!(
            matches!(page(&context, &request, "tools", &items), Err(Interruption::Failed(error)) if error.code() == Code::InvalidParams)
        );
    }
}
