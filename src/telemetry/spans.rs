//! The spans of MCPist with their attributes: OpenTelemetry's semantic conventions for HTTP, MCP and tools.
//!
//! No argument, no body, no query and no path that a client made up is ever an attribute; names come from lists of ours, or
//! are checked for being short and plain.

use std::borrow::Cow;
use std::fmt;
use std::time::Instant;

use ureq::http::Uri;

use super::trace::{Claim, Kind, Remote, Root, Span, place};
use super::{TELEMETRY, metrics, milliseconds, sampler};
use crate::error::{Code, Error};

/// What platforms ask every few seconds is counted, but not traced.
const PROBES: [&str; 2] = ["/health", "/ready"];

/// The methods that are reported by their name ("HTTP attributes", `http.request.method`).
const METHODS: [&str; 9] =
    ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "CONNECT"];

fn known_method(method: &str) -> &'static str {
    METHODS.into_iter().find(|known| *known == method).unwrap_or("_OTHER")
}

/// A request over HTTP while it is served; ended, counted and told when this is dropped.
pub struct Served {
    root: Root,
    /// None: nothing is measured.
    measured: Option<Measured>,
}

struct Measured {
    began: Instant,
    method: &'static str,
    /// Empty where the path leads nowhere.
    route: &'static str,
    status: u16,
}

impl Served {
    /// Begins a request. `look` gives the pattern that its path fits, or nothing, and its header `traceparent`.
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

    /// Notes the answer's status; without one it counts as 500.
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

/// Counts an answer to what never became a request.
pub fn refused(status: u16) {
    if let Some(metrics) = metrics() {
        metrics.request("_OTHER", "", status, 0.0, None);
    }
}

/// A message of the protocol, as far as its span tells it.
pub struct Message<'a> {
    /// The method; none for one that does not exist.
    pub method: Option<&'static str>,
    /// The id of its request.
    pub id: &'a dyn fmt::Display,
    /// What it asks for: a tool or a prompt.
    pub target: Option<&'a str>,
    /// The protocol's version.
    pub version: &'static str,
    /// The legacy session; empty without one.
    pub session: &'a str,
    /// The client's span, as `_meta` names it.
    pub traceparent: Option<&'a str>,
}

/// A message of the protocol while it is answered.
pub struct Operation(Claim);

impl Operation {
    /// Begins a message; `describe` is called where it is traced.
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

    /// Notes that the message is answered with an error.
    pub fn fail(&mut self, json_rpc: i64) {
        self.0.edit(|span| {
            span.set("rpc.response.status_code", json_rpc.to_string());
            span.fail(json_rpc.to_string());
        });
    }
}

/// Whether a client's word is a name rather than a text.
fn is_plain(text: &str) -> bool {
    text.len() <= 64
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-./".contains(&byte))
}

/// What the caller may use is asked for.
#[must_use]
pub fn permission_check() -> Span {
    Span::start("permission check", Kind::Client)
}

/// A credential for a module's service is asked for.
#[must_use]
pub fn token_fetch(module: &str) -> Span {
    let mut span = Span::start("token fetch", Kind::Client);
    span.edit(|span| span.set("mcpist.module", module.to_owned()));
    span
}

/// A tool runs, by itself or as a line of a batch.
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

/// A request to somebody else: one try, on one connection. Its path holds arguments, so that it is reported by its host alone.
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
    /// Notes the status that came back.
    pub fn answered(&mut self, status: u16) {
        self.edit(|span| {
            span.set("http.response.status_code", status);
            if status >= 400 {
                span.fail(status.to_string());
            }
        });
    }

    /// Notes how the work ended where it failed.
    pub fn ended<T>(&mut self, outcome: &Result<T, Error>) {
        if let Err(error) = outcome {
            self.failed(error.code());
        }
    }

    /// Notes the error that it failed with.
    pub fn failed(&mut self, code: Code) {
        self.edit(|span| span.fail(code.reply().name));
    }
}
