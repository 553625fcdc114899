//! Routes paths.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};
use tiny_http::Method;

use super::cors;
use super::http_sse::Legacy;
use super::origin::Origins;
use super::pages::{self, Pages, page};
use super::streamable::Streamable;
use super::view;
use crate::access::{Authenticator, Caller, Evidence, RateLimit, WELL_KNOWN};
use crate::error::{Code, Error};
use crate::http::{Admitted, Answer, Headers, Request, Response, Service, one_client};
use crate::mcp;
use crate::mcp::context::View;

/// What an application serves outside the protocol.
pub trait Site: Send + Sync {
    /// Returns whether `/mcp/<module>` exists for a caller.
    ///
    /// # Errors
    /// Any error that prevents reading the caller's permissions.
    fn has_module(&self, caller: &Caller, module: &str) -> Result<bool, Error>;

    /// Checks that a caller may connect: their permissions must be known before the protocol begins.
    ///
    /// # Errors
    /// An error whose HTTP status is the answer to the whole request.
    fn admit(&self, caller: &Caller) -> Result<(), Error>;

    /// Returns the page for people at `/`.
    fn page(&self) -> String;

    /// Returns the content of `/api/version`.
    fn version(&self) -> Value;
}

/// Routes requests to the protocol and the pages; the [`Service`] of the HTTP server.
pub struct Router {
    server: Arc<mcp::Server>,
    streamable: Streamable,
    legacy: Legacy,
    authenticator: Arc<dyn Authenticator>,
    origins: Origins,
    site: Arc<dyn Site>,
    /// The failed authentications of each address.
    failures: RateLimit<IpAddr>,
    /// Local mode's pages.
    pages: Option<Arc<dyn Pages>>,
    /// What every request's view begins with.
    base: View,
}

/// Failed authentications a second from one address, as a rule: those of an office whose tokens all end at once.
pub const FAILURES_PER_SECOND: u32 = 50;

fn failures(number: u32) -> RateLimit<IpAddr> {
    RateLimit::per_second("failed authentications", number)
}

/// Where a path leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Endpoint<'a> {
    Page,
    Health,
    Ready,
    Version,
    /// The metadata of the resource with this path.
    ResourceMetadata(&'a str),
    Mcp(Option<&'a str>),
    LegacyStream,
    LegacyMessages,
}

impl<'a> Endpoint<'a> {
    fn find(path: &'a str) -> Option<Self> {
        match path.strip_prefix(WELL_KNOWN) {
            // The server as a whole has the metadata of its MCP endpoint.
            Some("" | "/") => Some(Self::ResourceMetadata("/mcp")),
            // RFC 9728 §3.1: the resource's path is added.
            Some(resource) => {
                let place = Self::beside_metadata(resource)?;
                let has_own = place.resource(resource) == Some(resource);
                (has_own || place == Self::LegacyMessages)
                    .then_some(Self::ResourceMetadata(resource))
            }
            None => Self::beside_metadata(path),
        }
    }

    fn beside_metadata(path: &'a str) -> Option<Self> {
        // A trailing slash is ignored.
        let shorter = path.strip_suffix('/').filter(|shorter| !matches!(*shorter, "" | "/"));
        Some(match shorter.unwrap_or(path) {
            "/" => Self::Page,
            "/health" => Self::Health,
            "/ready" => Self::Ready,
            "/api/version" => Self::Version,
            "/mcp" => Self::Mcp(None),
            "/sse" => Self::LegacyStream,
            "/messages" => Self::LegacyMessages,
            other => Self::Mcp(Some(other.strip_prefix("/mcp/")?)),
        })
    }

    /// Returns the path by which clients know a resource that needs a token; `path` is the requested one. `None` for public
    /// paths.
    fn resource(self, path: &'a str) -> Option<&'a str> {
        let is_name = |name: &str| {
            name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
        };
        match self {
            Self::Mcp(Some(module)) if !is_name(module) => Some("/mcp"),
            Self::Mcp(_) | Self::LegacyStream => Some(path),
            // Clients get this address from /sse, and compare the resource with their own address.
            Self::LegacyMessages => Some("/sse"),
            Self::Page | Self::Health | Self::Ready | Self::Version | Self::ResourceMetadata(_) => {
                None
            }
        }
    }

    /// Returns whether every page and client may request it.
    fn is_public(self) -> bool {
        self.resource("").is_none()
    }

    /// Returns the path's pattern for telemetry.
    const fn pattern(self) -> &'static str {
        match self {
            Self::Page => "/",
            Self::Health => "/health",
            Self::Ready => "/ready",
            Self::Version => "/api/version",
            Self::Mcp(None) => "/mcp",
            Self::Mcp(Some(_)) => "/mcp/{module}",
            Self::LegacyStream => "/sse",
            Self::LegacyMessages => "/messages",
            Self::ResourceMetadata(_) => WELL_KNOWN,
        }
    }

    const fn methods(self) -> &'static [Method] {
        match self {
            Self::Page | Self::Health | Self::Ready | Self::Version | Self::ResourceMetadata(_) => {
                &[Method::Get, Method::Head]
            }
            Self::Mcp(_) => &[Method::Get, Method::Post, Method::Delete],
            Self::LegacyStream => &[Method::Get],
            Self::LegacyMessages => &[Method::Post],
        }
    }
}

impl Router {
    /// Returns a router to `server`, for callers that `authenticator` accepts.
    #[must_use]
    pub fn new(
        server: Arc<mcp::Server>,
        authenticator: Arc<dyn Authenticator>,
        origins: Origins,
        site: Arc<dyn Site>,
    ) -> Self {
        Self {
            streamable: Streamable::new(Arc::clone(&server)),
            legacy: Legacy::new(Arc::clone(&server)),
            server,
            authenticator,
            origins,
            site,
            failures: failures(FAILURES_PER_SECOND),
            pages: None,
            base: View::default(),
        }
    }

    /// The same with another bound for failed authentications a second from one address.
    #[must_use]
    pub fn with_failures_per_second(self, number: u32) -> Self {
        Self { failures: failures(number), ..self }
    }

    /// The same with local mode's pages.
    #[must_use]
    pub fn with_pages(self, pages: Option<Arc<dyn Pages>>) -> Self {
        Self { pages, ..self }
    }

    /// The same with a view that every request's begins with.
    #[must_use]
    pub fn with_view(self, base: View) -> Self {
        Self { base, ..self }
    }

    /// Decides by the head whose the request is: nothing of an unknown caller's body is read where a caller is needed.
    fn admitted<'s>(&'s self, head: &Request) -> Result<Admitted<'s>, Error> {
        let place = Endpoint::find(&head.path);
        if place.is_some_and(Endpoint::is_public) {
            self.origins.check_host(&head.headers)?;
        } else {
            self.origins.check(&head.headers)?;
        }
        if let Some(pages) = self.pages_at(&head.path) {
            return Ok(Admitted::stranger(|request, _| Answer::Whole(pages.handle(request))));
        }
        let place = place.ok_or_else(|| no_such_path(&head.path))?;
        if head.method == Method::Options {
            let answer = cors::options(&cors::listed(place.methods()), &head.headers);
            return Ok(self.open(|| answer));
        }
        if !place.methods().contains(&head.method) {
            return Err(Error::new(
                Code::MethodNotAllowed,
                format!("{} is not a method of {}", head.method, head.path),
            )
            .with_data("allow", cors::listed(place.methods())));
        }
        Ok(match place {
            Endpoint::Page => self.open(|| page(self.site.page())),
            Endpoint::Health => self.open(|| json(200, &json!({"status": "ok"}))),
            Endpoint::Ready => self.open(|| match self.authenticator.ready() {
                Ok(()) => json(200, &json!({"status": "ready"})),
                Err(error) => {
                    json(503, &json!({"status": "not_ready", "error": error.to_string()}))
                        .with_header("Retry-After", "5")
                }
            }),
            Endpoint::Version => self.open(|| json(200, &self.site.version())),
            Endpoint::ResourceMetadata(path) => {
                let resource = self.authenticator.resource();
                let document = resource.ok_or_else(|| no_such_path(&head.path))?.document(path);
                self.open(move || json(200, &document))
            }
            Endpoint::Mcp(module) => {
                let caller = self.caller(head)?;
                if let Some(module) = module
                    && !self.site.has_module(&caller, module)?
                {
                    return Err(no_such_path(&head.path));
                }
                let view = view::read(&self.base, module, &head.query)?;
                if head.method == Method::Get {
                    return Ok(
                        self.known(move |request| self.streamable.open_stream(request, caller))
                    );
                }
                let arriving = self.server.quotas.arriving.take(caller.user_id())?;
                Admitted::caller(move |request, exchange| {
                    let _arriving = arriving;
                    self.streamable.serve(request, exchange, caller, view)
                })
            }
            Endpoint::LegacyStream => {
                let (caller, view) =
                    (self.caller(head)?, view::read(&self.base, None, &head.query)?);
                self.known(move |request| self.legacy.open(request, caller, view))
            }
            Endpoint::LegacyMessages => {
                let caller = self.caller(head)?;
                let arriving = self.server.quotas.arriving.take(caller.user_id())?;
                self.known(move |request| {
                    let _arriving = arriving;
                    self.legacy.receive(request, &caller)
                })
            }
        })
    }

    /// A request that everybody gets this answer to.
    fn open<'s>(&'s self, answer: impl FnOnce() -> Response + 's) -> Admitted<'s> {
        Admitted::stranger(|_, _| Answer::Whole(answer()))
    }

    /// A known caller's request.
    fn known<'s>(
        &'s self,
        answer: impl FnOnce(&Request) -> Result<Answer, Error> + 's,
    ) -> Admitted<'s> {
        Admitted::caller(|request, _| {
            let answered = answer(request);
            answered.unwrap_or_else(|error| Answer::Whole(self.refused(&error, &request.path)))
        })
    }

    /// The caller, who may come in. An address that fails too often is not heard again before a moment has passed, unless its
    /// token is known already.
    fn caller(&self, head: &Request) -> Result<Caller, Error> {
        let evidence = Evidence { authorization: head.headers.get("authorization") };
        let address = one_client(head.client);
        let found = if let Some(caller) = self.authenticator.remembered(evidence) {
            Ok(caller)
        } else {
            self.failures.check(&address, Instant::now())?;
            self.authenticator.authenticate(evidence)
        };
        let admitted = found.and_then(|caller| self.site.admit(&caller).map(|()| caller));
        if let Err(error) = &admitted
            && matches!(error.code(), Code::Unauthenticated | Code::InvalidToken)
        {
            self.failures.count(&address, Instant::now())?;
        }
        admitted
    }

    /// Returns local mode's pages, if the path is one of them.
    fn pages_at(&self, path: &str) -> Option<&Arc<dyn Pages>> {
        self.pages.as_ref().filter(|_| pages::is_page(path))
    }

    fn refused(&self, error: &Error, path: &str) -> Response {
        let response = refusal(error);
        match (error.code(), self.authenticator.resource()) {
            (
                Code::Unauthenticated | Code::InvalidToken | Code::InsufficientScope,
                Some(resource),
            ) => {
                let place = Endpoint::find(path).and_then(|place| place.resource(path));
                let challenge = resource.challenge(error, place.unwrap_or("/mcp"));
                response.with_header("WWW-Authenticate", &challenge)
            }
            // RFC 9110 §15.5.2: a 401 response must have `WWW-Authenticate`.
            (Code::Unauthenticated | Code::InvalidToken, None) => {
                response.with_header("WWW-Authenticate", "Bearer")
            }
            _ => response,
        }
    }
}

impl Service for Router {
    fn admit<'s>(&'s self, head: &Request) -> Result<Admitted<'s>, Response> {
        self.admitted(head).map_err(|error| self.refused(&error, &head.path))
    }

    fn common_headers(&self, path: &str, headers: &Headers) -> Vec<(&'static str, String)> {
        // Pages of other origins must not use local mode's own pages.
        if self.pages_at(path).is_some() {
            return Vec::new();
        }
        cors::headers(&self.origins, Endpoint::find(path).is_some_and(Endpoint::is_public), headers)
    }

    fn route(&self, path: &str) -> &'static str {
        let page = || self.pages.as_ref().map_or("", |_| pages::pattern(path));
        Endpoint::find(path).map_or_else(page, Endpoint::pattern)
    }
}

/// Returns the response to a request that never reached the protocol.
#[must_use]
pub fn refusal(error: &Error) -> Response {
    let reply = error.code().reply();
    let body = json!({"error": {"code": reply.name, "message": error.to_string()}});
    let response = json(reply.status, &body);
    let told = error.data().and_then(|data| data.get("retry_after_s")).and_then(Value::as_u64);
    let response = if matches!(reply.status, 429 | 503) {
        response.with_header("Retry-After", &told.unwrap_or(1).to_string())
    } else {
        response
    };
    match error.data().and_then(|data| data.get("allow")).and_then(Value::as_str) {
        Some(allow) => response.with_header("Allow", allow),
        None => response,
    }
}

fn json(status: u16, body: &Value) -> Response {
    Response::json(status, body.to_string().into_bytes())
}

fn no_such_path(path: &str) -> Error {
    Error::new(Code::NoSuchPath, format!("there is nothing at {path}"))
        .with_hint("The MCP endpoint is /mcp; the page at / shows how to connect.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_its_place() {
        for (path, place) in [
            ("/", Some(Endpoint::Page)),
            ("/mcp", Some(Endpoint::Mcp(None))),
            ("/mcp/", Some(Endpoint::Mcp(None))),
            ("/mcp/github", Some(Endpoint::Mcp(Some("github")))),
            ("/mcp/github/", Some(Endpoint::Mcp(Some("github")))),
            ("/sse/", Some(Endpoint::LegacyStream)),
            ("/messages/", Some(Endpoint::LegacyMessages)),
            ("/health/", Some(Endpoint::Health)),
            ("//", None),
            ("/mcp//", Some(Endpoint::Mcp(Some("")))),
            ("/health", Some(Endpoint::Health)),
            ("/mcpx", None),
            ("/healthz", None),
            ("", None),
        ] {
            assert_eq!(Endpoint::find(path), place, "{path}");
        }
    }

    #[test]
    fn what_needs_a_token_has_metadata_at_its_own_path() {
        for (resource, named) in [
            ("", Some("/mcp")),
            ("/", Some("/mcp")),
            ("/mcp", Some("/mcp")),
            ("/mcp/", Some("/mcp/")),
            ("/mcp/github", Some("/mcp/github")),
            ("/mcp/github/", Some("/mcp/github/")),
            ("/sse", Some("/sse")),
            ("/messages", Some("/messages")),
            ("/health", None),
            ("x", None),
            ("/mcp/a\"b", None),
            ("/mcp/a/b", None),
            ("/.well-known/oauth-protected-resource/mcp", None),
        ] {
            let place = named.map(Endpoint::ResourceMetadata);
            assert_eq!(Endpoint::find(&format!("{WELL_KNOWN}{resource}")), place, "{resource}");
        }
    }
}
