//! MCPist's spans and their attributes: OpenTelemetry's semantic conventions for HTTP, MCP and tools.
//!
//! Arguments, bodies, queries and client-supplied paths are never attributes. Names come from fixed lists, or must be short and
//! plain.

use std::borrow::Cow;
use std::fmt;
use std::time::Instant;

use ureq::http::Uri;

use super::trace::{Claim, Kind, Remote, Root, Span, place};
use super::{TELEMETRY, metrics, milliseconds, sampler};
use crate::error::{Code, Error};

/// Paths that platforms request every few seconds are counted, but not traced.
const PROBES: [&str; 2] = ["/health", "/ready"];

/// The methods that are reported by name ("HTTP attributes", `http.request.method`).
const METHODS: [&str; 9] =
    ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "CONNECT"];

fn known_method(method: &str) -> &'static str {
    METHODS.into_iter().find(|known| *known == method).unwrap_or("_OTHER")
}

/// An HTTP request while it is served. It is ended, counted and logged when this value is dropped.
pub struct Served {
    root: Root,
    /// `None` if nothing is measured.
    measured: Option<Measured>,
}

struct Measured {
    began: Instant,
    method: &'static str,
    /// Empty if the path is unknown.
    route: &'static str,
    status: u16,
}

impl Served {
    /// Begins a request. `look` returns the route pattern of its path, if there is one, and its `traceparent` header.
    pub fn begin<'a>(method: &str, look: impl FnOnce() -> (&'static str, Option<&'a str>)) -> Self {
        if TELEMETRY.get().is_none() {
            return Self { root: Root::begin(None, None), measured: None };
        }
        let (method, (route, traceparent)) = (known_method(method), look());
        let sampler = sampler().filter(|_| !PROBES.contains(&route));
        let root = Root::begin(traceparent.and_then(Remote::parse), sampler);
        Self {
            root,
            measured: Some(Measured { began: Instant::now(), method, route, status: 500 }),
        }
    }

    /// Sets the response status; without one, the request counts as 500.
    pub fn answered(&mut self, status: u16) {
        if let Some(measured) = &mut self.measured {
            measured.status = status;
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let Some(Measured { began, method, route, status }) = self.measured else { return };
        if let Some(metrics) = metrics() {
            metrics.request(method, route, status, milliseconds(began.elapsed()), place());
        }
        self.root.edit(|span| {
            if span.name.is_empty() {
                span.name = if route.is_empty() {
                    Cow::Borrowed(method)
                } else {
                    Cow::Owned(format!("{method} {route}"))
                };
            }
            span.set("http.request.method", method);
            span.set("http.response.status_code", status);
            span.set("url.scheme", "http");
            if !route.is_empty() {
                span.set("http.route", route);
            }
            if status >= 500 {
                span.fail(status.to_string());
            }
        });
    }
}

/// Counts a response to input that was not a valid request.
pub fn refused(status: u16) {
    if let Some(metrics) = metrics() {
        metrics.request("_OTHER", "", status, 0.0, None);
    }
}

/// The parts of a protocol message that its span reports.
pub struct Message<'a> {
    /// The method; `None` for an unknown method.
    pub method: Option<&'static str>,
    /// The id of its request.
    pub id: &'a dyn fmt::Display,
    /// The name of the requested tool or prompt.
    pub target: Option<&'a str>,
    /// The protocol's version.
    pub version: &'static str,
    /// The legacy session; empty if there is none.
    pub session: &'a str,
    /// The client's span, from `_meta`.
    pub traceparent: Option<&'a str>,
}

/// A protocol message while it is handled.
pub struct Operation(Claim);

impl Operation {
    /// Begins a message; `describe` is called only if it is traced.
    pub fn begin<'a>(describe: impl FnOnce() -> Message<'a>) -> Self {
        let Some(sampler) = sampler() else { return Self(Claim::of_message(None, None)) };
        let message = describe();
        let mut claim =
            Claim::of_message(message.traceparent.and_then(Remote::parse), Some(sampler));
        claim.edit(|span| {
            let method = message.method.unwrap_or("_OTHER");
            let target = message.target.filter(|target| is_plain(target));
            span.name =
                target.map_or(Cow::Borrowed(method), |target| format!("{method} {target}").into());
            span.set("mcp.method.name", method);
            span.set("mcp.protocol.version", message.version);
            if let Some(target) = target {
                if method == "tools/call" {
                    span.set("gen_ai.operation.name", "execute_tool");
                    span.set("gen_ai.tool.name", target.to_owned());
                } else {
                    span.set("gen_ai.prompt.name", target.to_owned());
                }
            }
            if !message.session.is_empty() {
                span.set("mcp.session.id", message.session.to_owned());
            }
            let id = message.id.to_string();
            if is_plain(&id) {
                span.set("jsonrpc.request.id", id);
            }
        });
        Self(claim)
    }

    /// Records that the response is an error.
    pub fn fail(&mut self, json_rpc: i64) {
        self.0.edit(|span| {
            span.set("rpc.response.status_code", json_rpc.to_string());
            span.fail(json_rpc.to_string());
        });
    }
}

/// Returns whether a client's text is short and plain enough to be a name.
fn is_plain(text: &str) -> bool {
    text.len() <= 64
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-./".contains(&byte))
}

/// Begins the span of a permission request.
#[must_use]
pub fn permission_check() -> Span {
    Span::start("permission check", Kind::Client)
}

/// Begins the span of a credential request for a module's service.
#[must_use]
pub fn token_fetch(module: &str) -> Span {
    let mut span = Span::start("token fetch", Kind::Client);
    span.edit(|span| span.set("mcpist.module", module.to_owned()));
    span
}

/// Begins the span of a tool call, on its own or as a line of a batch.
#[must_use]
pub fn tool(module: &str, published_name: &str) -> Span {
    let mut span = Span::start("", Kind::Internal);
    span.edit(|span| {
        span.name = format!("execute_tool {published_name}").into();
        span.set("gen_ai.operation.name", "execute_tool");
        span.set("gen_ai.tool.name", published_name.to_owned());
        span.set("mcpist.module", module.to_owned());
    });
    span
}

/// Begins the span of an outgoing request: one attempt on one connection. The span has only the host, because the path contains
/// arguments.
#[must_use]
pub fn request_to(method: &str, uri: &Uri) -> Span {
    let method = known_method(method);
    let mut span = Span::start(method, Kind::Client);
    span.edit(|span| {
        span.set("http.request.method", method);
        span.set("server.address", uri.host().unwrap_or_default().to_owned());
        span.set(
            "server.port",
            uri.port_u16().unwrap_or(if uri.scheme_str() == Some("http") { 80 } else { 443 }),
        );
    });
    span
}

impl Span {
    /// Records the response status.
    pub fn answered(&mut self, status: u16) {
        self.edit(|span| {
            span.set("http.response.status_code", status);
            if status >= 400 {
                span.fail(status.to_string());
            }
        });
    }

    /// Records a failure of the work.
    pub fn ended<T>(&mut self, outcome: &Result<T, Error>) {
        if let Err(error) = outcome {
            self.failed(error.code());
        }
    }

    /// Records the error that the work failed with.
    pub fn failed(&mut self, code: Code) {
        self.edit(|span| span.fail(code.reply().name));
    }
}
