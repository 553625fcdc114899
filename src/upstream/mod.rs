//! The only HTTP client: one connection pool, with deadlines, retries, and redirects that never send the credential to another
//! host.

mod breaker;
mod failure;
mod interrupt;
mod memory;
mod redirect;
mod resolver;
mod retry;
mod vendor;

use std::io::{self, Read};
use std::sync::Arc;
use std::time::{Duration, Instant};

use breaker::{Attempt, Breaker, Route};
use ct_codecs::{Base64, Encoder};
pub use failure::{failure, is_missing_scope, redact};
use interrupt::{Interruptible, until_cancelled};
use memory::AnswerMemory;
pub use memory::AnswerShare;
use resolver::{KeepingResolver, PrivateAddress};
pub(crate) use retry::{asked_wait, jittered};
use serde::Deserialize;
use ureq::Agent;
use ureq::http::header::{ACCEPT, AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH};
use ureq::http::{self, Uri};
pub use ureq::http::{HeaderMap, HeaderName, HeaderValue};
use ureq::unversioned::transport::{
    ConnectProxyConnector, Connector, RustlsConnector, TcpConnector,
};
pub(crate) use vendor::message as failure_words;
use zeroize::Zeroizing;

use crate::access::{Credential, Scheme};
use crate::cancellation::Cancellation;
use crate::error::{Code, Error, REASON, TOO_LARGE};
use crate::telemetry::{spans, trace};

/// The maximum number of attempts for one request.
const TRIES: u32 = 3;

/// The maximum number of redirects for one read.
const REDIRECTS: u32 = 3;

/// The client's limits; the defaults are documented.
#[derive(Debug, Clone)]
pub struct UpstreamConfig {
    /// The timeout for resolving a name, and again for opening the connection.
    pub connect_timeout: Duration,
    /// The maximum size of a response in bytes, after decompression.
    pub max_answer: u64,
    /// The maximum total size in bytes of all responses in memory.
    pub max_answers: u64,
    /// The wait before the second attempt; it doubles for each further one, and is reduced by a random part of up to half.
    pub first_backoff: Duration,
    /// The proxy for every request.
    pub proxy: Option<ureq::Proxy>,
}

impl Default for UpstreamConfig {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            max_answer: 10 * 1024 * 1024,
            max_answers: 64 * 1024 * 1024,
            first_backoff: Duration::from_millis(200),
            proxy: None,
        }
    }
}

/// A method of RFC 9110 §9.3 or RFC 5789.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Reads.
    Get,
    /// Reads the headers only.
    Head,
    /// Asks what can be done.
    Options,
    /// Makes something, or anything else.
    Post,
    /// Puts something in a known place.
    Put,
    /// Changes a part.
    Patch,
    /// Removes.
    Delete,
}

impl Method {
    /// Returns whether sending it twice has the same effect as once (RFC 9110 §9.2.2).
    #[must_use]
    pub const fn is_idempotent(self) -> bool {
        !matches!(self, Self::Post | Self::Patch)
    }

    /// Returns whether a request without a body still needs a Content-Length (RFC 9110 §8.6).
    const fn expects_body(self) -> bool {
        matches!(self, Self::Post | Self::Put | Self::Patch)
    }

    const fn follows_redirects(self) -> bool {
        matches!(self, Self::Get | Self::Head)
    }

    const fn on_the_wire(self) -> http::Method {
        match self {
            Self::Get => http::Method::GET,
            Self::Head => http::Method::HEAD,
            Self::Options => http::Method::OPTIONS,
            Self::Post => http::Method::POST,
            Self::Put => http::Method::PUT,
            Self::Patch => http::Method::PATCH,
            Self::Delete => http::Method::DELETE,
        }
    }
}

/// One request to a service.
#[derive(Debug, Clone, Copy)]
pub struct UpstreamRequest<'a> {
    /// The service's name, for error messages.
    pub service: &'a str,
    /// The method.
    pub method: Method,
    /// The complete `http` or `https` URL; the credential is sent only to its host.
    pub url: &'a str,
    /// The headers, including the body's `content-type`; those of the credential and the trace are added.
    pub headers: &'a HeaderMap,
    /// The body.
    pub body: Option<&'a [u8]>,
    /// The credential.
    pub credential: Option<&'a Credential>,
    /// The `traceparent` header (W3C Trace Context §3.2).
    pub trace_parent: Option<&'a str>,
}

/// A service's response, whatever its status.
#[derive(Debug, Clone)]
pub struct UpstreamAnswer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, decompressed.
    pub body: Vec<u8>,
    /// The body's share of the memory limit for all responses.
    pub held: AnswerShare,
}

/// The client. Its clones share connections and the known state of services.
#[derive(Debug, Clone)]
pub struct Upstream {
    agent: Agent,
    /// For redirects that lead elsewhere: it reaches no private network.
    public_agent: Agent,
    resolver: KeepingResolver,
    breaker: Arc<Breaker>,
    connect_timeout: Duration,
    max_answer: u64,
    memory: AnswerMemory,
    first_backoff: Duration,
}

/// How many bytes of a response are read before they are counted.
const PIECE: u64 = 64 * 1024;

/// An attempt without a response.
struct Failed {
    error: Error,
    /// A problem of the connection; another connection may work.
    connection: Option<Attempt>,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self { error, connection: None }
    }
}

impl Upstream {
    /// Creates a client with an empty pool.
    #[must_use]
    pub fn new(config: UpstreamConfig) -> Self {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("mcpist/", env!("CARGO_PKG_VERSION")))
            .timeout_resolve(Some(config.connect_timeout))
            .timeout_connect(Some(config.connect_timeout))
            .proxy(config.proxy.clone())
            // Every idle connection keeps its buffers, and the smallest hosts have 256 MiB.
            .input_buffer_size(32 * 1024)
            .output_buffer_size(16 * 1024)
            .max_response_header_size(32 * 1024)
            .max_idle_connections(32)
            .max_idle_connections_per_host(16)
            // Shorter than servers keep theirs: a write on a connection that is being closed cannot be repeated.
            .max_idle_age(Duration::from_secs(30))
            .build();
        let resolver = KeepingResolver::default();
        let with = |resolver| {
            let connector =
                ().chain(ConnectProxyConnector::default())
                    .chain(TcpConnector::default())
                    .chain(Interruptible)
                    .chain(RustlsConnector::default());
            Agent::with_parts(agent.clone(), connector, resolver)
        };
        // Behind a proxy, the addresses are the proxy's affair, and its own may well be private.
        let is_proxied = config.proxy.is_some();
        let elsewhere = if is_proxied { resolver.clone() } else { resolver.public_only() };
        let (agent, public_agent) = (with(resolver.clone()), with(elsewhere));
        let UpstreamConfig { connect_timeout, max_answer, max_answers, first_backoff, .. } = config;
        let memory = AnswerMemory::new(max_answers);
        Self {
            agent,
            public_agent,
            resolver,
            breaker: Arc::default(),
            connect_timeout,
            max_answer,
            memory,
            first_backoff,
        }
    }

    /// A part of the memory that all answers share, for what is made of one.
    #[must_use]
    pub fn share(&self) -> AnswerShare {
        self.memory.hold()
    }

    /// Sends a request and reads the whole response.
    ///
    /// Idempotent requests are retried if the connection fails or the status is 502, 503 or 504. Every request is retried if
    /// the response says that nothing was done (429, or 503 with `Retry-After`). A wait beyond the deadline is not started: the
    /// current response or error is returned. `cancelled` is called before each attempt and while waiting. If an origin could
    /// not be reached several times in a row, every request to it fails at once for some seconds. If an origin returned 502,
    /// 503 or 504, or did not respond in time, this affects only requests with the same credential.
    ///
    /// # Errors
    ///
    /// [`Code::Timeout`] at the deadline, [`Code::Cancelled`], [`Code::UpstreamUnavailable`] without a usable response (with
    /// `retry_after_s` while the breaker is open), [`Code::ReconnectRequired`] for a credential that is not a valid header
    /// value, [`Code::NotFound`] if a write is redirected, [`Code::Internal`] for an invalid URL. A status is never an error
    /// here: see [`failure()`].
    pub fn send(
        &self,
        request: &UpstreamRequest<'_>,
        deadline: Instant,
        cancelled: &Cancellation,
    ) -> Result<UpstreamAnswer, Error> {
        let uri = redirect::parse(request.url).ok_or_else(|| no_address(request.service))?;
        let route = self.breaker.route(&uri, request.credential);
        let mut backoff = self.first_backoff;
        for tries_left in (0..TRIES).rev() {
            if cancelled.is_cancelled() {
                return Err(retry::cancelled(request.service));
            }
            let outcome = self.follow(request, uri.clone(), deadline, cancelled);
            let pause = match &outcome {
                Ok(answer) => retry::pause_after(request.method, answer, backoff),
                Err(failed) => (failed.connection.is_some() && request.method.is_idempotent())
                    .then(|| retry::jittered(backoff)),
            };
            match pause {
                // If the breaker opened now, the current outcome would say more than the next attempt.
                Some(pause) if tries_left > 0 && self.may_repeat(&route, pause, deadline) => {
                    retry::wait(pause, request.service, cancelled)?;
                    backoff *= 2;
                }
                _ => return outcome.map_err(|failed| failed.error),
            }
        }
        unreachable!("the last try always returns")
    }

    /// Sends a request once, without redirects, retries or circuit breaker, for callers with their own rules for these.
    ///
    /// # Errors
    ///
    /// As [`Upstream::send`].
    pub fn send_once(
        &self,
        request: &UpstreamRequest<'_>,
        deadline: Instant,
    ) -> Result<UpstreamAnswer, Error> {
        let uri = redirect::parse(request.url).ok_or_else(|| no_address(request.service))?;
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(out_of_time(request));
        }
        let never = Cancellation::default();
        self.exchange(&self.agent, request, &uri, headers_at_home(request)?, left, &never)
            .map_err(|failed| failed.error)
    }

    fn may_repeat(&self, route: &Route, pause: Duration, deadline: Instant) -> bool {
        let now = Instant::now();
        pause < deadline.saturating_duration_since(now) && !self.breaker.refuses(route, now)
    }

    /// Makes one attempt: the request, and the reads that its redirects lead to.
    fn follow(
        &self,
        request: &UpstreamRequest<'_>,
        mut uri: Uri,
        deadline: Instant,
        cancelled: &Cancellation,
    ) -> Result<UpstreamAnswer, Failed> {
        // After a redirect to another host, the credential is never sent again: otherwise the redirecting host could choose
        // which URL gets the credential.
        let mut at_home = true;
        let home = uri.clone();
        for redirects_left in (0..=REDIRECTS).rev() {
            let agent = if at_home { &self.agent } else { self.agent_elsewhere(&home) };
            let answer = self.guarded(agent, request, &uri, at_home, deadline, cancelled)?;
            if !redirect::is_one(answer.status) {
                return Ok(answer);
            }
            if !request.method.follows_redirects() {
                return Err(redirect::of_a_write(request.service, answer.status).into());
            }
            if redirects_left == 0 {
                break;
            }
            let next = redirect::target(request.service, &uri, &answer)?;
            at_home &= redirect::same_origin(&uri, &next);
            uri = next;
        }
        Err(Error::new(
            Code::UpstreamUnavailable,
            format!("{} redirects more than {REDIRECTS} times.", request.service),
        )
        .into())
    }

    /// The agent for what a service redirects to. Only one that is in a private network itself may lead into one: any other
    /// would make us ask there in its place.
    fn agent_elsewhere(&self, home: &Uri) -> &Agent {
        if self.resolver.knows_as_private(home) { &self.agent } else { &self.public_agent }
    }

    /// One request, unless its origin is left alone.
    fn guarded(
        &self,
        agent: &Agent,
        request: &UpstreamRequest<'_>,
        uri: &Uri,
        at_home: bool,
        deadline: Instant,
        cancelled: &Cancellation,
    ) -> Result<UpstreamAnswer, Failed> {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(out_of_time(request).into());
        }
        let mut headers =
            if at_home { headers_at_home(request)? } else { headers_elsewhere(request) };
        let route = self.breaker.route(uri, request.credential.filter(|_| at_home));
        self.breaker
            .admit(&route, Instant::now())
            .map_err(|left| left_alone(request.service, left))?;
        let mut span = spans::request_to(request.method.on_the_wire().as_str(), uri);
        // The parent is our span if there is one, else the caller's. The caller's header was checked when it arrived; an
        // invalid header must not fail a call.
        let own = trace::traceparent();
        if at_home
            && let Some(Ok(value)) =
                own.as_deref().or(request.trace_parent).map(HeaderValue::from_str)
        {
            headers.insert(HeaderName::from_static("traceparent"), value);
        }
        let outcome = self.exchange(agent, request, uri, headers, left, cancelled);
        match &outcome {
            Ok(answer) => span.answered(answer.status),
            Err(failed) => span.failed(failed.error.code()),
        }
        let ended = match &outcome {
            Ok(answer) if matches!(answer.status, 502..=504) => Attempt::Failed,
            Err(Failed { connection: Some(outcome), .. }) => *outcome,
            // A time shorter than a connection needs says nothing about the service.
            Err(failed) if failed.error.code() == Code::Timeout && left >= self.connect_timeout => {
                Attempt::Failed
            }
            // How the service would have answered is unknown.
            Err(failed) if failed.error.code() == Code::Cancelled => return outcome,
            _ => Attempt::Answered,
        };
        self.breaker.note(&route, ended, Instant::now());
        outcome
    }

    /// Sends one request on one connection.
    fn exchange(
        &self,
        agent: &Agent,
        request: &UpstreamRequest<'_>,
        uri: &Uri,
        headers: HeaderMap,
        left: Duration,
        cancelled: &Cancellation,
    ) -> Result<UpstreamAnswer, Failed> {
        let answer = until_cancelled(cancelled, || self.answer(agent, request, uri, headers, left));
        match answer {
            Err(_) if cancelled.is_cancelled() => {
                Err(retry::cancelled(request.service).with_hint(after_a_break(request)).into())
            }
            answer => answer,
        }
    }

    fn answer(
        &self,
        agent: &Agent,
        request: &UpstreamRequest<'_>,
        uri: &Uri,
        headers: HeaderMap,
        left: Duration,
    ) -> Result<UpstreamAnswer, Failed> {
        let mut message = http::Request::new(());
        *message.method_mut() = request.method.on_the_wire();
        *message.uri_mut() = uri.clone();
        *message.headers_mut() = headers;
        let message = agent.configure_request(message).timeout_global(Some(left)).build();

        let failed = |error| self.explain(request, error);
        let response = match request.body {
            Some(bytes) => agent.run(message.map(|()| bytes)),
            None if request.method.expects_body() => agent.run(message.map(|()| &[][..])),
            None => agent.run(message),
        };
        let (parts, body) = response.map_err(failed)?.into_parts();
        let mut arriving = body.into_with_config().limit(self.max_answer).reader();
        let (mut body, held) = (Vec::new(), self.memory.hold());
        let grow = |bytes| {
            held.grow(bytes).map_err(|error| {
                // The service has done it: only its answer has no room.
                let is_done = !request.method.is_idempotent();
                if is_done { error.with_hint(after_a_break(request)) } else { error }
            })
        };
        // Room for all of it, before any of it is read: many that are read at once would not get theirs, none of them.
        let length = announced(request.method, &parts.headers);
        let length = length.filter(|length| *length <= self.max_answer);
        let length = length.and_then(|length| usize::try_from(length).ok());
        if let Some(length) = length {
            grow(length)?;
            body.reserve_exact(length);
        }
        loop {
            let arrived = (&mut arriving).take(PIECE).read_to_end(&mut body);
            let arrived = arrived.map_err(|error| failed(ureq::Error::from(error)))?;
            if arrived == 0 {
                break;
            }
            if length.is_none() {
                // A vector that grows leaves as much behind.
                grow(arrived * 2)?;
            }
        }
        Ok(UpstreamAnswer { status: parts.status.as_u16(), headers: parts.headers, body, held })
    }

    /// Describes the library's error in our own words, because its message may quote the URL.
    fn explain(&self, request: &UpstreamRequest<'_>, error: ureq::Error) -> Failed {
        use ureq::{Error as Cause, Timeout};
        let service = request.service;
        let unavailable = |what: String| Error::new(Code::UpstreamUnavailable, what);
        let connection = |outcome: Attempt, what: String| Failed {
            error: unavailable(format!("{service} cannot be reached: {what}."))
                .with_hint(after_a_break(request)),
            connection: Some(outcome),
        };
        let unreached = |what: &str| connection(Attempt::Unreached, what.to_owned());
        match error {
            Cause::Timeout(Timeout::Resolve) => unreached("its name was not resolved in time"),
            Cause::Timeout(Timeout::Connect) => unreached("it did not take the connection in time"),
            Cause::Timeout(_) => out_of_time(request).into(),
            Cause::HostNotFound => unreached("its host name does not exist"),
            Cause::ConnectionFailed => unreached("no connection came about"),
            Cause::Io(cause) => match cause.kind() {
                kind @ (io::ErrorKind::ConnectionRefused
                | io::ErrorKind::HostUnreachable
                | io::ErrorKind::NetworkUnreachable
                | io::ErrorKind::NetworkDown
                | io::ErrorKind::AddrNotAvailable) => unreached(&kind.to_string()),
                // A connection that breaks later may be caused by the request itself.
                io::ErrorKind::UnexpectedEof => connection(
                    Attempt::Failed,
                    "the connection ended before the answer did".to_owned(),
                ),
                kind => connection(Attempt::Failed, kind.to_string()),
            },
            Cause::Tls(_) | Cause::Rustls(_) | Cause::TlsRequired => unavailable(format!(
                "{service} cannot be reached: its certificate or TLS version is refused."
            ))
            .into(),
            Cause::BodyExceedsLimit(_) => {
                unavailable(format!("{service} answers with more than {} bytes.", self.max_answer))
                    .with_hint(
                        "Ask for less: a smaller limit, a narrower filter, or one part of it.",
                    )
                    .with_data(REASON, TOO_LARGE)
                    .into()
            }
            Cause::BadUri(_) => no_address(service).into(),
            Cause::Other(cause) if cause.is::<PrivateAddress>() => unavailable(format!(
                "{service} redirects to an address of a private network, which is refused."
            ))
            .into(),
            _ => unavailable(format!("{service} returned invalid HTTP.")).into(),
        }
    }
}

/// The length of the body that follows, where it is known.
fn announced(method: Method, headers: &HeaderMap) -> Option<u64> {
    if matches!(method, Method::Head) || headers.contains_key(CONTENT_ENCODING) {
        return None;
    }
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn headers_at_home(request: &UpstreamRequest<'_>) -> Result<HeaderMap, Error> {
    let mut headers = request.headers.clone();
    if let Some(credential) = request.credential {
        let unfit = || {
            Error::new(
                Code::ReconnectRequired,
                format!(
                    "The credential for {} holds characters that no header can carry.",
                    request.service
                ),
            )
            .with_hint("Store it again, without line breaks or spaces around it.")
        };
        let mut value = HeaderValue::from_str(&authorization(credential)).map_err(|_| unfit())?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    Ok(headers)
}

/// Returns the headers for another host: only those that it needs, and nothing that was meant for the service.
fn headers_elsewhere(request: &UpstreamRequest<'_>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Some(accept) = request.headers.get(ACCEPT) {
        headers.insert(ACCEPT, accept.clone());
    }
    headers
}

/// Returns the value of the `Authorization` header.
fn authorization(credential: &Credential) -> Zeroizing<String> {
    let secret = credential.secret.expose();
    Zeroizing::new(match credential.scheme {
        Scheme::Bearer => format!("Bearer {secret}"),
        Scheme::Basic => format!("Basic {}", *base64(secret)),
    })
}

fn base64(text: &str) -> Zeroizing<String> {
    Zeroizing::new(
        Base64::encode_to_string(text).expect("a credential is far from the largest length"),
    )
}

fn no_address(service: &str) -> Error {
    Error::internal(format!("The address of {service} is not an http or https URL with a host."))
        .with_hint("Correct the service's base URL.")
}

fn left_alone(service: &str, left: Duration) -> Error {
    let seconds = retry::whole_seconds(left);
    Error::new(
        Code::UpstreamUnavailable,
        format!("{service} failed several times in a row and is not asked now."),
    )
    .with_hint(format!("The next try is in {seconds} s: call again then."))
    .with_data("retry_after_s", seconds)
}

fn out_of_time(request: &UpstreamRequest<'_>) -> Error {
    Error::new(Code::Timeout, format!("{} did not answer in time.", request.service))
        .with_hint(after_a_break(request))
}

const fn after_a_break(request: &UpstreamRequest<'_>) -> &'static str {
    if request.method.is_idempotent() {
        "Try again later."
    } else {
        "Whether it was done is unknown: look before calling again."
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    #[test]
    fn a_redirect_from_the_internet_into_a_private_network_is_refused() {
        let upstream = Upstream::new(UpstreamConfig::default());
        let uri = |text: &str| redirect::parse(text).expect("it is a URL");
        let leads_anywhere = |home: &str| {
            std::ptr::eq(upstream.agent_elsewhere(&uri(home)), &raw const upstream.agent)
        };
        upstream.resolver.keep(
            ("internal.example".to_owned(), 443),
            vec![SocketAddr::from(([10, 0, 0, 1], 443))],
        );
        assert!(leads_anywhere("https://internal.example/"), "it is in a private network itself");
        assert!(leads_anywhere("http://127.0.0.1:8080/"));
        assert!(!leads_anywhere("https://api.example.com/"));
        let headers = HeaderMap::new();
        let request = UpstreamRequest {
            service: "GitHub",
            method: Method::Get,
            url: "https://api.example.com/",
            headers: &headers,
            body: None,
            credential: None,
            trace_parent: None,
        };
        for inside in ["http://127.0.0.1:9/", "http://[::1]:9/", "http://169.254.169.254/"] {
            let time = Duration::from_secs(5);
            let agent = upstream.agent_elsewhere(&uri(request.url));
            let never = Cancellation::default();
            let refused =
                upstream.exchange(agent, &request, &uri(inside), HeaderMap::new(), time, &never);
            let error = refused.map_err(|failed| failed.error).expect_err(inside);
            assert!(error.message().contains("private network"), "{inside}: {error}");
        }
    }
}
