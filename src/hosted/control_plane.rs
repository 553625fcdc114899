//! The control plane of hosted mode: the key set of Supabase Auth and the Edge Functions, over HTTP.

use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;

use crate::access::Token;
use crate::cancellation::Cancellation;
use crate::error::{Code, Error};
use crate::time::http_date;
use crate::upstream::{
    HeaderMap, HeaderName, HeaderValue, Method, Upstream, UpstreamAnswer, UpstreamRequest,
};

/// Its name in messages.
const NAME: &str = "The control plane";

/// The retry time for clients if the control plane names none.
const RETRY_AFTER_S: u64 = 5;

/// The addresses of its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addresses {
    /// The key set.
    pub jwks: String,
    /// The function `tool-sieve`.
    pub sieve: String,
    /// The function `token-exchanger`.
    pub broker: String,
    /// The function `audit-log`.
    pub audit: String,
    /// The function `confirmations`.
    pub confirmations: String,
}

/// A client of the control plane with its own connections, so that a slow service does not slow it down.
#[derive(Debug)]
pub struct ControlPlane {
    upstream: Upstream,
    addresses: Addresses,
    headers: HeaderMap,
}

/// A function of the control plane that is called with a user's token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// `tool-sieve`.
    Sieve,
    /// `token-exchanger`.
    Broker,
    /// `audit-log`.
    Audit,
    /// `confirmations`.
    Confirmations,
}

impl Function {
    /// Returns the timeout. The broker may have to ask a service for a new token.
    const fn time(self) -> Duration {
        match self {
            Self::Broker => Duration::from_secs(20),
            Self::Sieve | Self::Audit | Self::Confirmations => Duration::from_secs(5),
        }
    }
}

impl ControlPlane {
    /// Creates a client that sends `key`, the project's publishable key, with every request.
    ///
    /// # Errors
    ///
    /// If the key is not a valid header value.
    pub fn new(upstream: Upstream, addresses: Addresses, key: &str) -> Result<Self, Error> {
        let key = HeaderValue::from_str(key)
            .map_err(|_| Error::internal("the key of the control plane fits no header"))?;
        let headers = [(HeaderName::from_static("apikey"), key)].into_iter().collect();
        Ok(Self { upstream, addresses, headers })
    }

    /// Returns the published key set.
    ///
    /// # Errors
    ///
    /// [`Code::ControlPlaneUnavailable`].
    pub fn key_set(&self) -> Result<Vec<u8>, Error> {
        let answer = self.send(
            Method::Get,
            &self.addresses.jwks,
            &self.headers,
            None,
            Function::Sieve.time(),
        )?;
        if answer.status == 200 { Ok(answer.body) } else { Err(unavailable(&answer)) }
    }

    /// Checks that a function exists and accepts our key, and returns how far its clock differs from ours. It is called without
    /// a token, so it must reject the request.
    ///
    /// # Errors
    ///
    /// What is wrong, and what to do about it.
    pub fn probe(&self, function: Function) -> Result<Option<Duration>, Error> {
        let ask = |headers: &HeaderMap| {
            self.send(Method::Post, self.address(function), headers, Some(b"{}"), function.time())
        };
        let answer = ask(&self.headers)?;
        let apart = answer.headers.get("date").and_then(|date| http_date(date.to_str().ok()?)).map(
            |theirs| {
                let ours = SystemTime::now();
                ours.duration_since(theirs).unwrap_or_else(|behind| behind.duration())
            },
        );
        match answer.status {
            401 => {
                let wrong = HeaderValue::from_static("not-the-key-of-this-server");
                let wrong = [(HeaderName::from_static("apikey"), wrong)].into_iter().collect();
                if ask(&wrong)?.status == 403 {
                    return Ok(apart);
                }
                Err(Error::new(Code::InsufficientScope, "it takes a wrong key, too")
                    .with_hint("Set TOKEN_BROKER_KEY as a secret of the functions: without it every client gets raw credentials."))
            }
            403 => Err(Error::new(Code::InsufficientScope, "it does not take the key").with_hint(
                "Compare TOKEN_BROKER_KEY with the function's secret of the same name.",
            )),
            404 => Err(Error::new(Code::NotFound, "it is not there")
                .with_hint("Deploy it: supabase functions deploy --use-api.")),
            _ => Err(unavailable(&answer)),
        }
    }

    /// Calls a function with a user's `token`. `version` is the version that the caller already has, sent as `If-None-Match`.
    ///
    /// A response with a status below 500 is returned as it is, except for 401: see the errors.
    ///
    /// # Errors
    ///
    /// [`Code::InvalidToken`] if the token is rejected, [`Code::ControlPlaneUnavailable`] for every failure of the control
    /// plane.
    pub fn ask(
        &self,
        function: Function,
        token: &Token,
        version: Option<&str>,
        body: &Value,
    ) -> Result<UpstreamAnswer, Error> {
        let mut headers = self.headers.clone();
        let (name, value) = match token {
            Token::Jwt(jwt) => (
                HeaderName::from_static("authorization"),
                HeaderValue::from_str(&format!("Bearer {}", jwt.expose())),
            ),
            Token::Api(token) => {
                (HeaderName::from_static("x-mcpist-token"), HeaderValue::from_str(token.expose()))
            }
        };
        let mut value = value.map_err(|_| invalid_token())?;
        value.set_sensitive(true);
        headers.insert(name, value);
        headers.insert(
            HeaderName::from_static("content-type"),
            HeaderValue::from_static("application/json"),
        );
        if let Some(version) =
            version.and_then(|version| HeaderValue::from_str(&format!("\"{version}\"")).ok())
        {
            headers.insert(HeaderName::from_static("if-none-match"), version);
        }
        let body = body.to_string();
        let answer = self.send(
            Method::Post,
            self.address(function),
            &headers,
            Some(body.as_bytes()),
            function.time(),
        )?;
        match answer.status {
            401 => Err(invalid_token()),
            // 429: the platform's rate limit, unless the function reports this user's own limit.
            429 | 500..
                if !matches!(
                    said(&answer)["error"]["code"].as_str(),
                    Some("provider_unavailable" | "too_many_confirmations")
                ) =>
            {
                Err(unavailable(&answer))
            }
            _ => Ok(answer),
        }
    }

    /// Returns the address of a function.
    #[must_use]
    pub fn address(&self, function: Function) -> &str {
        match function {
            Function::Sieve => &self.addresses.sieve,
            Function::Broker => &self.addresses.broker,
            Function::Audit => &self.addresses.audit,
            Function::Confirmations => &self.addresses.confirmations,
        }
    }

    fn send(
        &self,
        method: Method,
        url: &str,
        headers: &HeaderMap,
        body: Option<&[u8]>,
        time: Duration,
    ) -> Result<UpstreamAnswer, Error> {
        let request = UpstreamRequest {
            service: NAME,
            method,
            url,
            headers,
            body,
            credential: None,
            trace_parent: None,
        };
        let deadline = Instant::now() + time;
        let send = || self.upstream.send(&request, deadline, &Cancellation::default());
        // What is asked here can be asked twice, POST or not: a connection that was just being closed costs nothing but this.
        let broke =
            |error: &Error| error.code() == Code::UpstreamUnavailable && !method.is_idempotent();
        send().or_else(|error| if broke(&error) { send() } else { Err(error) }).map_err(|error| {
            let seconds =
                error.data().and_then(|data| data.get("retry_after_s")).and_then(Value::as_u64);
            down(error.message(), seconds)
        })
    }
}

/// Returns the body as JSON, or `null` if it is not valid JSON.
pub(crate) fn said(answer: &UpstreamAnswer) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or_default()
}

/// Returns the error for an invalid response.
pub(crate) fn garbled(what: &str) -> Error {
    down(&format!("{NAME} returned an invalid {what}"), None)
}

/// Returns the error for a token that is not valid, or no longer valid.
pub(crate) fn invalid_token() -> Error {
    Error::new(Code::InvalidToken, "the token is not valid, or not valid any more")
        .with_hint("Sign in again.")
}

fn unavailable(answer: &UpstreamAnswer) -> Error {
    let seconds =
        answer.headers.get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
    down(&format!("{NAME} fails to answer ({})", answer.status), seconds)
}

fn down(message: &str, seconds: Option<u64>) -> Error {
    Error::new(Code::ControlPlaneUnavailable, message.trim_end_matches('.'))
        .with_hint("Nothing was done. Try again in a few seconds.")
        .with_data("retry_after_s", seconds.unwrap_or(RETRY_AFTER_S))
}
