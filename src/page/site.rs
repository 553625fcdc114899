//! The page's paths: the page itself, which has no data, and the JSON for known browsers.

use serde_json::{Value, json};

use super::{PageKey, Questions};
use crate::error::{Code, Error, quoted};
use crate::http::{Method, Request, Response};
use crate::transport::{Pages, page, refusal};

/// The cookie of a known browser.
const COOKIE: &str = "mcpist_page";

/// How long a browser stays known, in seconds.
const COOKIE_SECONDS: u32 = 30 * 24 * 3600;

/// Local mode's page.
pub struct Page {
    key: PageKey,
    questions: Questions,
}

impl Page {
    /// Creates the page with this key.
    #[must_use]
    pub const fn new(key: PageKey, questions: Questions) -> Self {
        Self { key, questions }
    }

    /// Returns the page key.
    #[must_use]
    pub const fn key(&self) -> &PageKey {
        &self.key
    }

    pub(super) const fn questions(&self) -> &Questions {
        &self.questions
    }

    fn answer(&self, request: &Request) -> Result<Response, Error> {
        let path = request.path.as_str();
        let is_read = matches!(request.method, Method::Get | Method::Head);
        let id = path.strip_prefix("/local/confirmations/");
        match (&request.method, path, id) {
            (_, _, None) if is_read && (path == "/confirm" || path.starts_with("/confirm/")) => {
                Ok(page(include_str!("page.html").to_owned()))
            }
            // HEAD must not use up the address.
            (Method::Get, "/local/enter", _) => self.enter(&request.query),
            (_, "/local/confirmations", _) if is_read => {
                self.require_known(request)?;
                Ok(private(&json!({"confirmations": self.questions.open_ids()})))
            }
            (_, _, Some(id)) if is_read => {
                self.require_known(request)?;
                let (deed, left) = self.questions.open(id)?;
                Ok(private(&json!({"calls": calls(&deed), "seconds": left.as_secs()})))
            }
            (Method::Post, _, Some(id)) => {
                self.require_known(request)?;
                require_own_origin(request)?;
                self.questions.decide(id, decision(request)?)?;
                Ok(private(&json!({})))
            }
            _ => Err(Error::new(Code::NoSuchPath, format!("there is nothing at {}", quoted(path)))),
        }
    }

    /// Makes a browser known if it shows an unused ticket.
    fn enter(&self, query: &str) -> Result<Response, Error> {
        let member = |name: &str| {
            form_urlencoded::parse(query.as_bytes())
                .find(|(known, _)| known == name)
                .map(|(_, value)| value.into_owned())
        };
        if !self.key.enter(&member("ticket").unwrap_or_default()) {
            return Err(Error::new(
                Code::PermissionDenied,
                "this address was used already, or its time is over",
            )
            .with_hint("`mcpist open` in a terminal makes a new one."));
        }
        let to = member("to").filter(|to| is_own_path(to)).unwrap_or_else(|| "/confirm".to_owned());
        let cookie = format!(
            "{COOKIE}={}; Path=/; Max-Age={COOKIE_SECONDS}; HttpOnly; SameSite=Strict",
            self.key.cookie()
        );
        Ok(Response::empty(303)
            .with_header("Location", &to)
            .with_header("Set-Cookie", &cookie)
            .with_header("Cache-Control", "no-store")
            .with_header("Referrer-Policy", "no-referrer"))
    }

    fn require_known(&self, request: &Request) -> Result<(), Error> {
        let cookies = request.headers.get_all("cookie").flat_map(|line| line.split(';'));
        let mut pairs = cookies.filter_map(|pair| pair.trim().split_once('='));
        if pairs.any(|(name, value)| name == COOKIE && self.key.knows(value)) {
            return Ok(());
        }
        Err(Error::new(Code::PermissionDenied, "this browser is not known here")
            .with_hint("`mcpist open` in a terminal opens the page in a browser that is."))
    }
}

impl Pages for Page {
    fn handle(&self, request: &Request) -> Response {
        self.answer(request).unwrap_or_else(|error| refusal(&error))
    }
}

/// Returns whether a target is a path of the page: no other host, no other path.
fn is_own_path(to: &str) -> bool {
    to.starts_with("/confirm")
        && to.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-'))
}

/// Checks that a request that changes something comes from the page itself: the same scheme, host and port.
fn require_own_origin(request: &Request) -> Result<(), Error> {
    let origin = request.headers.get("origin").unwrap_or_default();
    let own = request.headers.get("host").map(|host| format!("http://{host}"));
    if own.is_some_and(|own| own.eq_ignore_ascii_case(origin)) {
        return Ok(());
    }
    Err(Error::new(Code::ForeignOrigin, format!("Origin {} is not the page's own", quoted(origin)))
        .with_hint("Decide on the page itself."))
}

/// `{"yes": true}` or `{"yes": false}`.
fn decision(request: &Request) -> Result<bool, Error> {
    let is_json = request
        .headers
        .get("content-type")
        .and_then(|value| value.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"));
    if !is_json {
        return Err(Error::new(Code::UnsupportedMediaType, "Content-Type is not application/json"));
    }
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    body["yes"].as_bool().ok_or_else(|| {
        Error::invalid_params("the body has no decision")
            .with_hint("Send {\"yes\": true} or false.")
    })
}

/// Returns the calls with their arguments as text: a browser would lose digits of large numbers.
fn calls(deed: &Value) -> Value {
    let calls = deed["calls"].as_array().into_iter().flatten();
    calls
        .map(|call| {
            let params = call["params"].as_object().into_iter().flatten();
            let arguments: Vec<_> = params
                .map(|(name, value)| {
                    let text = value.as_str().map(str::to_owned);
                    let json = || serde_json::to_string_pretty(value).unwrap_or_default();
                    let (is_text, text) = (text.is_some(), text.unwrap_or_else(json));
                    json!({"name": name, "text": text, "is_text": is_text})
                })
                .collect();
            let mut call = call.clone();
            call["params"] = arguments.into();
            call
        })
        .collect::<Vec<_>>()
        .into()
}

fn private(body: &Value) -> Response {
    Response::json(200, body.to_string().into_bytes())
        .with_header("Cache-Control", "no-store")
        .with_header("X-Content-Type-Options", "nosniff")
}
