//! One call's way to its service: what the hooks of a module may use.

use std::cell::OnceCell;

use serde_json::{Map, Value, json};

use super::call::{Accounts, ToolCall};
use super::content::{self, Content};
use super::{output, request};
use crate::access::Credential;
use crate::error::Error;
use crate::upstream::{
    HeaderMap, HeaderName, HeaderValue, Method, Upstream, UpstreamAnswer, UpstreamRequest, failure,
    is_missing_scope,
};

/// One call's way to its service: the module's address and headers, the call's credential, deadline and cancellation.
///
/// Paths are given as segments (`&["repos", owner, repo]`), each of which is percent-encoded; an empty one and a dot
/// segment are refused. A value that keeps its slashes goes in as `value.split('/')`.
pub struct Session<'a> {
    pub(super) upstream: &'a Upstream,
    pub(super) call: ToolCall<'a>,
    pub(super) accounts: Accounts<'a>,
    /// What stands in for the credential since the service refused it.
    pub(super) renewed: OnceCell<Credential>,
    pub(super) cancelled: &'a dyn Fn() -> bool,
}

impl Session<'_> {
    /// The ways to each account that the call is about: this one, and the others where it is about all.
    pub fn accounts(&self) -> impl Iterator<Item = Self> {
        let Self { upstream, call, accounts, cancelled, .. } = *self;
        let all = std::iter::once(accounts.first).chain(accounts.others.iter().copied());
        all.map(move |first| Self {
            upstream,
            call,
            accounts: Accounts { first, others: &[], renew: accounts.renew },
            renewed: OnceCell::new(),
            cancelled,
        })
    }

    /// The name of the account, where it is known.
    #[must_use]
    pub fn account(&self) -> Option<&str> {
        self.accounts.first.credential.and_then(|credential| credential.account.as_deref())
    }

    /// Reads JSON; null for an empty body.
    ///
    /// # Errors
    ///
    /// Those of [`failure`] and [`Upstream::send`], and [`Code::InvalidParams`](crate::error::Code::InvalidParams) for
    /// a path that is none.
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

    /// Reads an answer in the representation that `accept` names (RFC 9110 §12.5.1).
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

    /// Sends a request with or without a JSON body and reads the JSON that comes back; null for an empty body.
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

    /// Sends bytes of any content type, such as a [`multipart`](crate::engine::multipart()) form, and reads the JSON that comes
    /// back; null for an empty body.
    ///
    /// Beside the content type the module's own headers are sent, as with every request.
    ///
    /// # Errors
    ///
    /// As [`Session::get`], and [`Code::InvalidParams`](crate::error::Code::InvalidParams) for a content type that fits no
    /// header.
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

    /// Asks a GraphQL endpoint. Returns the answer's `data`.
    ///
    /// # Errors
    ///
    /// As [`Session::get`], and the answer's own `errors`.
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

    /// A request whose answer is a success.
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
        // Refused is not done: this one request can be made again with a newer credential, once in a call.
        let (credential, answer) = match self.newer(&answer)? {
            Some(newer) => (Some(newer), send(Some(newer))?),
            None => (credential, answer),
        };
        if (200..300).contains(&answer.status) {
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

/// An argument that the input schema makes sure is a text; empty where it is left out.
pub(crate) fn text<'a>(arguments: &'a Map<String, Value>, name: &str) -> &'a str {
    arguments.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// A list's entries; none if there is no list.
pub(crate) fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// The headers with the content type of a JSON body.
pub(crate) fn json_headers(headers: &HeaderMap) -> HeaderMap {
    let mut headers = headers.clone();
    headers.insert(
        HeaderName::from_static("content-type"),
        HeaderValue::from_static("application/json"),
    );
    headers
}
