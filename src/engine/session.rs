//! A call's access to its service, for the hooks of a module.

use std::cell::{OnceCell, RefCell};

use serde_json::{Value, json};

use super::call::{Accounts, Connection, ToolCall};
use super::content::{self, Content};
use super::origin::is_listed;
use super::{output, request};
use crate::access::Credential;
use crate::cancellation::Cancellation;
use crate::error::Error;
use crate::json::Object;
use crate::upstream::{
    AnswerShare, HeaderMap, HeaderName, HeaderValue, Method, Upstream, UpstreamAnswer,
    UpstreamRequest, failure, is_missing_scope,
};

/// A call's access to its service: the module's address and headers, the call's credential, deadline and cancellation.
///
/// Paths are given as segments (`&["repos", owner, repo]`), each of which is percent-encoded; empty segments and dot segments
/// are rejected. To keep the slashes of a value, pass `value.split('/')`.
pub struct Session<'a> {
    pub(super) upstream: &'a Upstream,
    pub(super) call: ToolCall<'a>,
    pub(super) accounts: Accounts<'a>,
    /// The replacement for the credential after the service rejected it.
    pub(super) renewed: OnceCell<Credential>,
    /// The part of the memory that the last answer takes, and what is made of it.
    pub(super) held: RefCell<AnswerShare>,
    pub(super) cancelled: &'a Cancellation,
}

/// An address beside the service's own, and what a request proves itself with there.
pub struct Elsewhere {
    base_url: String,
    credential: Option<Credential>,
}

impl Session<'_> {
    /// Returns the sessions for each account of the call: this one, and the others if the call is about all accounts.
    pub fn accounts(&self) -> impl Iterator<Item = Self> {
        let Self { upstream, call, accounts, cancelled, .. } = *self;
        let all = std::iter::once(accounts.first).chain(accounts.others.iter().copied());
        all.map(move |first| Self {
            upstream,
            call,
            accounts: Accounts { first, others: &[], renew: accounts.renew },
            renewed: OnceCell::new(),
            held: RefCell::default(),
            cancelled,
        })
    }

    /// Returns the name of the account, if known.
    #[must_use]
    pub fn account(&self) -> Option<&str> {
        self.accounts.first.credential.and_then(|credential| credential.account.as_deref())
    }

    /// The way to an address below one of the origins that the module file lists, with a token of that origin's own or none:
    /// the account's credential never goes there. Where the operator has given the service another address, requests go
    /// below that one, as all do.
    ///
    /// # Errors
    ///
    /// [`Code::Internal`](crate::error::Code::Internal) for an address that the file does not list.
    pub fn elsewhere(&self, address: &str, token: Option<&str>) -> Result<Elsewhere, Error> {
        let module = self.call.module;
        if !is_listed(&module.origins, address) {
            return Err(Error::internal(format!("{} lists no origin of {address}", module.name)));
        }
        let own = self.accounts.first.base_url.trim_end_matches('/');
        let base_url = if own == module.base_url {
            address.to_owned()
        } else {
            let path = address.splitn(4, '/').nth(3).map(|path| format!("/{path}"));
            format!("{own}{}", path.unwrap_or_default())
        };
        Ok(Elsewhere { base_url, credential: token.map(Credential::bearer) })
    }

    /// This call's way there.
    pub(crate) fn at<'b>(&'b self, elsewhere: &'b Elsewhere) -> Session<'b> {
        let Elsewhere { base_url, credential } = elsewhere;
        Session {
            upstream: self.upstream,
            call: ToolCall { trace_parent: None, ..self.call },
            accounts: Accounts {
                first: Connection { credential: credential.as_ref(), base_url },
                others: &[],
                renew: &|_| Ok(None),
            },
            renewed: OnceCell::new(),
            cancelled: self.cancelled,
            held: RefCell::default(),
        }
    }

    /// Sends a request with these headers over the module's own, and returns the whole answer.
    ///
    /// # Errors
    ///
    /// The errors of [`Session::get`], and [`Code::InvalidParams`](crate::error::Code::InvalidParams) for an invalid header.
    pub fn request(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> Result<UpstreamAnswer, Error> {
        let url = self.url(path, query)?;
        let mut all = self.call.module.headers.clone();
        for (name, value) in headers {
            let header = name.parse::<HeaderName>().ok().zip(HeaderValue::from_str(value).ok());
            let (name, value) = header
                .ok_or_else(|| Error::invalid_params(format!("`{name}` is not a valid header.")))?;
            all.insert(name, value);
        }
        self.exchange(method, &url, &all, body)
    }

    /// Reads JSON; null for an empty body.
    ///
    /// # Errors
    ///
    /// The errors of [`failure`] and [`Upstream::send`], and [`Code::InvalidParams`](crate::error::Code::InvalidParams) for an
    /// invalid path.
    pub fn get(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Value, Error> {
        self.send(Method::Get, path, query, None)
    }

    /// Reads JSON with a query as it is written, such as that of a link to the next page; null for an empty body.
    ///
    /// # Errors
    ///
    /// As [`Session::get`].
    pub fn get_raw(&self, path: &[&str], query: &str) -> Result<Value, Error> {
        let url = request::url(self.accounts.first.base_url, &request::path(path)?, query);
        let url = request::bounded(url, "query")?;
        let answer = self.exchange(Method::Get, &url, &self.call.module.headers, None)?;
        content::json(&self.call.module.title, &answer)
    }

    /// Reads a text: a log, a diff, a file.
    ///
    /// # Errors
    ///
    /// As [`Session::get`].
    pub fn get_text(&self, path: &[&str], query: &[(&str, &str)]) -> Result<String, Error> {
        let url = self.url(path, query)?;
        let answer = self.exchange(Method::Get, &url, &self.call.module.headers, None)?;
        Content::of(answer).or_mostly_text().into_text(&self.call.module.title)
    }

    /// Reads a response in the representation that `accept` names (RFC 9110 §12.5.1).
    ///
    /// # Errors
    ///
    /// As [`Session::get`].
    pub fn answer(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        accept: &'static str,
    ) -> Result<UpstreamAnswer, Error> {
        let mut headers = self.call.module.headers.clone();
        headers.insert(HeaderName::from_static("accept"), HeaderValue::from_static(accept));
        self.exchange(Method::Get, &self.url(path, query)?, &headers, None)
    }

    /// Sends a request with or without a JSON body and returns the JSON response; null for an empty body.
    ///
    /// # Errors
    ///
    /// As [`Session::get`].
    pub fn send(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Value, Error> {
        let url = self.url(path, query)?;
        let bytes = body.map(Value::to_string);
        let headers = if body.is_some() {
            &json_headers(&self.call.module.headers)
        } else {
            &self.call.module.headers
        };
        let answer = self.exchange(method, &url, headers, bytes.as_deref().map(str::as_bytes))?;
        content::json(&self.call.module.title, &answer)
    }

    /// Sends bytes of any content type, such as a [`multipart`](crate::engine::multipart()) form, and returns the JSON
    /// response; null for an empty body.
    ///
    /// As in every request, the module's own headers are sent too.
    ///
    /// # Errors
    ///
    /// The errors of [`Session::get`], and [`Code::InvalidParams`](crate::error::Code::InvalidParams) for a content type that
    /// is not a valid header value.
    pub fn send_bytes(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        content_type: &str,
        bytes: &[u8],
    ) -> Result<Value, Error> {
        let url = self.url(path, query)?;
        let content_type = HeaderValue::from_str(content_type)
            .map_err(|_| Error::invalid_params("Invalid content type."))?;
        let mut headers = self.call.module.headers.clone();
        headers.insert(HeaderName::from_static("content-type"), content_type);
        let answer = self.exchange(method, &url, &headers, Some(bytes))?;
        content::json(&self.call.module.title, &answer)
    }

    /// Sends a request to a GraphQL endpoint. Returns the response's `data`.
    ///
    /// # Errors
    ///
    /// The errors of [`Session::get`], and the response's own `errors`.
    pub fn graphql(
        &self,
        path: &[&str],
        document: &str,
        variables: &Value,
    ) -> Result<Value, Error> {
        let body = json!({"query": document, "variables": variables});
        let mut answer = self.send(Method::Post, path, &[], Some(&body))?;
        output::graphql_errors(&self.call.module.title, &answer)?;
        Ok(answer["data"].take())
    }

    fn url(&self, path: &[&str], query: &[(&str, &str)]) -> Result<String, Error> {
        let longest =
            query.iter().max_by_key(|(_, value)| value.len()).map_or("path", |(name, _)| *name);
        request::bounded(
            request::url(
                self.accounts.first.base_url,
                &request::path(path)?,
                &request::query(query),
            ),
            longest,
        )
    }

    /// Sends a request and checks that the response is a success.
    pub(super) fn exchange(
        &self,
        method: Method,
        url: &str,
        headers: &HeaderMap,
        body: Option<&[u8]>,
    ) -> Result<UpstreamAnswer, Error> {
        let service = &self.call.module.title;
        let send = |credential| {
            let request = UpstreamRequest {
                service,
                method,
                url,
                headers,
                body,
                credential,
                trace_parent: self.call.trace_parent,
            };
            self.upstream.send(&request, self.call.deadline, self.cancelled)
        };
        let credential = self.renewed.get().or(self.accounts.first.credential);
        let answer = send(credential)?;
        // A rejected request was not carried out: this one request can be repeated with a new credential, once in a call.
        let (credential, answer) = match self.newer(&answer)? {
            Some(newer) => (Some(newer), send(Some(newer))?),
            None => (credential, answer),
        };
        if (200..300).contains(&answer.status) {
            self.held.replace(answer.held.clone());
            Ok(answer)
        } else {
            Err(failure(service, credential, &answer))
        }
    }

    fn newer(&self, answer: &UpstreamAnswer) -> Result<Option<&Credential>, Error> {
        let Some(refused) = self
            .accounts
            .first
            .credential
            .filter(|_| answer.status == 401 && !is_missing_scope(answer))
            .filter(|_| self.renewed.get().is_none())
        else {
            return Ok(None);
        };
        Ok((self.accounts.renew)(refused)?.map(|newer| self.renewed.get_or_init(|| newer)))
    }
}

/// Returns an argument that the input schema guarantees to be a text; empty if it is absent.
pub(crate) fn text<'a>(arguments: &'a Object, name: &str) -> &'a str {
    arguments.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Returns a list's entries; empty if there is no list.
pub(crate) fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Returns the headers with the content type of a JSON body.
pub(crate) fn json_headers(headers: &HeaderMap) -> HeaderMap {
    let mut headers = headers.clone();
    headers.insert(
        HeaderName::from_static("content-type"),
        HeaderValue::from_static("application/json"),
    );
    headers
}
