//! What a module's code offers to its file by name, and what that code may use.

use std::cell::OnceCell;
use std::time::Instant;

use serde_json::{Map, Value, json};

use super::call::Connection;
use super::content::{self, Content};
use super::manifest::Module;
use super::output;
use super::request;
use crate::broker::Credential;
use crate::error::Error;
use crate::upstream::{
    HeaderMap, HeaderName, HeaderValue, Method, Upstream, UpstreamAnswer, UpstreamRequest, failure,
};

/// Changes a value of the answer; gets null where the path leads nowhere.
pub type FieldHook = fn(&Value) -> Value;

/// Changes an argument before it is sent; its error names the argument and what is wrong with it.
pub type ParamHook = fn(&Value) -> Result<Value, Error>;

/// Changes the checked arguments together before the request is made from them, or refuses them: for what one of them says
/// about another.
pub type ArgumentsHook = fn(&mut Map<String, Value>) -> Result<(), Error>;

/// Changes the result of a tool's one request, with further requests where it needs them; gets the checked arguments, too.
pub type ResultHook = fn(&Session<'_>, &Map<String, Value>, Value) -> Result<Value, Error>;

/// Does what one request cannot: gets the checked arguments with their defaults, gives the tool's result.
pub type Handler = fn(&Session<'_>, &Map<String, Value>) -> Result<Value, Error>;

/// A module's hooks under the names that its file cites.
#[derive(Debug, Clone, Copy)]
pub struct Hooks {
    /// For fields and texts of outputs.
    pub fields: &'static [(&'static str, FieldHook)],
    /// For params.
    pub params: &'static [(&'static str, ParamHook)],
    /// For all arguments of a tool.
    pub arguments: &'static [(&'static str, ArgumentsHook)],
    /// For results of a request.
    pub results: &'static [(&'static str, ResultHook)],
    /// In place of request and output.
    pub handlers: &'static [(&'static str, Handler)],
}

impl Hooks {
    /// For a module that is data alone.
    pub const NONE: Self =
        Self { fields: &[], params: &[], arguments: &[], results: &[], handlers: &[] };
}

/// One call's way to its service: the module's address and headers, the call's credential, deadline and cancellation.
///
/// Paths are given as segments (`&["repos", owner, repo]`), each of which is percent-encoded; an empty one and a dot
/// segment are refused. A value that keeps its slashes goes in as `value.split('/')`.
pub struct Session<'a> {
    pub(super) upstream: &'a Upstream,
    pub(super) module: &'a Module,
    pub(super) connection: Connection<'a>,
    pub(super) others: &'a [Connection<'a>],
    pub(super) renew: super::call::Renew<'a>,
    /// What stands in for the credential since the service refused it.
    pub(super) renewed: OnceCell<Credential>,
    pub(super) deadline: Instant,
    pub(super) cancelled: &'a dyn Fn() -> bool,
    pub(super) trace_parent: Option<&'a str>,
}

impl Session<'_> {
    /// The ways to each account that the call is about: this one, and the others where it is about all.
    pub fn accounts(&self) -> impl Iterator<Item = Self> {
        let Self { upstream, module, renew, deadline, cancelled, trace_parent, .. } = *self;
        let session = move |connection| Self {
            upstream,
            module,
            connection,
            others: &[],
            renew,
            renewed: OnceCell::new(),
            deadline,
            cancelled,
            trace_parent,
        };
        std::iter::once(self.connection).chain(self.others.iter().copied()).map(session)
    }

    /// The name of the account, where it is known.
    #[must_use]
    pub fn account(&self) -> Option<&str> {
        self.connection.credential.and_then(|credential| credential.account.as_deref())
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

    /// Reads a text: a log, a diff, a file.
    ///
    /// # Errors
    ///
    /// As [`Session::get`].
    pub fn get_text(&self, path: &[&str], query: &[(&str, &str)]) -> Result<String, Error> {
        let url = self.url(path, query)?;
        let answer = self.exchange(Method::Get, &url, &self.module.headers, None)?;
        Content::of(answer).or_mostly_text().into_text(&self.module.title)
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
        let mut headers = self.module.headers.clone();
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
        let headers =
            if body.is_some() { &json_headers(&self.module.headers) } else { &self.module.headers };
        let answer = self.exchange(method, &url, headers, bytes.as_deref().map(str::as_bytes))?;
        content::json(&self.module.title, &answer)
    }

    /// Sends bytes of any content type, such as a [`multipart`](super::multipart()) form, and reads the JSON that comes
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
            .map_err(|_| Error::invalid_params("The content type is none."))?;
        let mut headers = self.module.headers.clone();
        headers.insert(HeaderName::from_static("content-type"), content_type);
        let answer = self.exchange(method, &url, &headers, Some(bytes))?;
        content::json(&self.module.title, &answer)
    }

    /// Asks a GraphQL endpoint; gives the answer's `data`.
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
        output::graphql_errors(&self.module.title, &answer)?;
        Ok(answer["data"].take())
    }

    fn url(&self, path: &[&str], query: &[(&str, &str)]) -> Result<String, Error> {
        let longest =
            query.iter().max_by_key(|(_, value)| value.len()).map_or("path", |(name, _)| *name);
        request::bounded(
            request::url(self.connection.base_url, &request::path(path)?, &request::query(query)),
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
        let service = &self.module.title;
        let send = |credential| {
            let request = UpstreamRequest {
                service,
                method,
                url,
                headers,
                body,
                credential,
                trace_parent: self.trace_parent,
            };
            self.upstream.send(&request, self.deadline, self.cancelled)
        };
        let credential = self.renewed.get().or(self.connection.credential);
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
            .connection
            .credential
            .filter(|_| answer.status == 401 && self.renewed.get().is_none())
        else {
            return Ok(None);
        };
        Ok((self.renew)(refused)?.map(|newer| self.renewed.get_or_init(|| newer)))
    }
}

/// An argument that the input schema makes sure is a text; empty where it is left out.
pub(super) fn text<'a>(arguments: &'a Map<String, Value>, name: &str) -> &'a str {
    arguments.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// A list's entries; none where there is no list.
pub(super) fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// The headers with the content type of a JSON body.
pub(super) fn json_headers(headers: &HeaderMap) -> HeaderMap {
    let mut headers = headers.clone();
    headers.insert(
        HeaderName::from_static("content-type"),
        HeaderValue::from_static("application/json"),
    );
    headers
}
