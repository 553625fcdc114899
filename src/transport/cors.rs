//! Which web pages may call and read answers: the CORS protocol of the Fetch standard, decided here for every answer.

use tiny_http::Method;

use super::origin::Origins;
use crate::http::{Headers, Response};

/// Response headers that pages may read, in addition to those that are always readable.
const EXPOSED: &str = "Mcp-Session-Id, MCP-Protocol-Version, WWW-Authenticate, Retry-After, Allow";

/// What a page may send, besides what its preflight names: clients of both eras send these.
const ALLOWED: [&str; 7] = [
    "Authorization",
    "Content-Type",
    "MCP-Protocol-Version",
    "Mcp-Session-Id",
    "Mcp-Method",
    "Mcp-Name",
    "Last-Event-ID",
];

/// How long a browser may keep the answer to a preflight, in seconds: the most that any browser keeps one.
const PREFLIGHT_SECONDS: &str = "7200";

/// Returns the headers of every answer to a request with these headers. `is_public`: of a path that needs no token.
pub(super) fn headers(
    origins: &Origins,
    is_public: bool,
    headers: &Headers,
) -> Vec<(&'static str, String)> {
    if is_public && origins.any_may_read() {
        return vec![("Access-Control-Allow-Origin", "*".to_owned())];
    }
    // Sent even without an `Origin`, so that a cache does not give that response to a page.
    let mut all = vec![("Vary", "Origin".to_owned())];
    if let Some(origin) = headers.get("origin").filter(|origin| origins.admit(origin)) {
        all.push(("Access-Control-Allow-Origin", origin.to_owned()));
        all.push(("Access-Control-Expose-Headers", EXPOSED.to_owned()));
    }
    all
}

/// Returns the response to `OPTIONS`. A preflight request has no token, so none can be required.
pub(super) fn options(methods: &str, headers: &Headers) -> Response {
    let response = Response::empty(204).with_header("Allow", methods);
    if headers.get("access-control-request-method").is_none() {
        return response;
    }
    let wanted = headers.get("access-control-request-headers").unwrap_or_default();
    let wanted = wanted.split(',').map(str::trim).filter(|name| {
        !name.is_empty() && !ALLOWED.iter().any(|known| known.eq_ignore_ascii_case(name))
    });
    let allowed: Vec<_> = ALLOWED.into_iter().chain(wanted).collect();
    response
        .with_header("Access-Control-Allow-Methods", methods)
        .with_header("Access-Control-Allow-Headers", &allowed.join(", "))
        .with_header("Access-Control-Max-Age", PREFLIGHT_SECONDS)
}

/// Methods as `Allow` has them.
pub(super) fn listed(methods: &[Method]) -> String {
    let names: Vec<_> = methods.iter().map(Method::as_str).chain(["OPTIONS"]).collect();
    names.join(", ")
}
