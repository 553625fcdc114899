//! Pages for people: how they are sent, and local mode's own paths.

use std::sync::Arc;

use ct_codecs::{Base64, Encoder};
use hmac_sha256::Hash;

use super::origin::Origins;
use super::router::refusal;
use crate::http::{Admitted, Answer, Request, Response, Service};

/// Serves `/confirm` and `/local/` in local mode.
pub trait Pages: Send + Sync {
    /// Answers a request whose `Host` is one of this server's.
    fn handle(&self, request: &Request) -> Response;
}

/// Returns whether a path belongs to [`Pages`].
pub(super) fn is_page(path: &str) -> bool {
    path == "/confirm" || path.starts_with("/confirm/") || path.starts_with("/local/")
}

/// The pages on their own port, without the MCP endpoint.
pub struct PageService {
    pages: Arc<dyn Pages>,
    origins: Origins,
}

impl PageService {
    /// Serves these pages for requests that `origins` accepts.
    #[must_use]
    pub const fn new(pages: Arc<dyn Pages>, origins: Origins) -> Self {
        Self { pages, origins }
    }
}

impl Service for PageService {
    fn admit<'s>(&'s self, head: &Request) -> Result<Admitted<'s>, Response> {
        self.origins.check(&head.headers).map_err(|error| refusal(&error))?;
        Ok(Admitted::stranger(|request, _| Answer::Whole(self.pages.handle(request))))
    }

    fn route(&self, path: &str) -> &'static str {
        pattern(path)
    }
}

/// Returns the pattern of a page's path for telemetry.
pub(super) fn pattern(path: &str) -> &'static str {
    match path.split('/').nth(1) {
        Some("confirm") => "/confirm/{id}",
        Some("local") => "/local/{path}",
        _ => "",
    }
}

/// Returns a page with its own style and script that loads nothing else: the policy allows only these two, by their digests.
#[must_use]
pub fn page(html: String) -> Response {
    let (style, script) = (digests(&html, "style"), digests(&html, "script"));
    let policy = format!(
        "default-src 'none'; style-src {style}; script-src {script}; img-src data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    );
    Response::html(200, html.into_bytes())
        .with_header("Content-Security-Policy", &policy)
        .with_header("X-Content-Type-Options", "nosniff")
        .with_header("Referrer-Policy", "no-referrer")
}

/// Returns the digests of the elements with this name (CSP Level 3 §2.3.1); `'none'` if there are none.
fn digests(html: &str, element: &str) -> String {
    let (open, close) = (format!("<{element}>"), format!("</{element}>"));
    let contents = html.split(&open).skip(1).filter_map(|rest| rest.split(&close).next());
    let digests: Vec<_> = contents
        .filter_map(|content| Base64::encode_to_string(Hash::hash(content.as_bytes())).ok())
        .map(|digest| format!("'sha256-{digest}'"))
        .collect();
    if digests.is_empty() { "'none'".to_owned() } else { digests.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_lets_in_its_own_style_and_script_alone() {
        // The digest is of the example in CSP Level 3 §8.3.
        let script = "alert('Hello, world.');";
        let html = format!("<style>p {{}}</style><script>{script}</script>");
        assert_eq!(
            digests(&html, "script"),
            "'sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng='"
        );
        assert!(digests(&html, "style").starts_with("'sha256-"));
        assert_eq!(digests("<p>", "style"), "'none'");
    }

    #[test]
    fn pages_have_paths_of_their_own() {
        for (path, pattern_of) in [
            ("/confirm", "/confirm/{id}"),
            ("/confirm/abc", "/confirm/{id}"),
            ("/local/enter", "/local/{path}"),
        ] {
            assert!(is_page(path));
            assert_eq!(pattern(path), pattern_of);
        }
        assert!(!is_page("/") && !is_page("/confirmed") && !is_page("/mcp") && !is_page("/local"));
    }
}
