//! The context of a request: the caller, the version, the capabilities and the view.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::message::{Request, wrong_type};
use super::version::Version;
use crate::access::Caller;
use crate::error::{Code, Error};
use crate::json::Object;

/// `_meta` key of the protocol version (2026-07-28, "Per-request protocol fields").
pub const META_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
/// `_meta` key of the client's capabilities.
pub const META_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
/// `_meta` key of the client's name and version.
pub const META_CLIENT: &str = "io.modelcontextprotocol/clientInfo";
/// `_meta` key of the minimum log level that the client requests.
pub const META_LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";
/// `_meta` key that ties a notification to its `subscriptions/listen` request.
pub const META_SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";
/// `_meta` key with the server's name in its results.
pub const META_SERVER: &str = "io.modelcontextprotocol/serverInfo";

/// The context of a request.
#[derive(Debug, Clone)]
pub struct Context {
    /// The version for this request.
    pub version: Version,
    /// The client's capabilities.
    pub capabilities: ClientCapabilities,
    /// The client program's own name; for logs only.
    pub client: Option<ClientInfo>,
    /// The caller.
    pub caller: Caller,
    /// Which tools are published, and how.
    pub view: View,
    /// The minimum level of log messages for the client; `None` if it does not want any.
    pub log_level: Option<Level>,
}

impl Context {
    /// Returns the context of a modern request, from its `_meta`.
    ///
    /// # Errors
    /// [`Code::InvalidParams`] for a missing or invalid required field, [`Code::UnsupportedProtocolVersion`] for a version that
    /// is not supported without a handshake.
    pub fn modern(request: &Request, caller: Caller, view: View) -> Result<Self, Error> {
        let missing = |key: &str| {
            Error::invalid_params(format!("params._meta[\"{key}\"] is missing")).with_hint(format!(
                "Every request of protocol version {} carries it.",
                Version::V2026_07_28
            ))
        };
        let meta = request.meta().ok_or_else(|| missing(META_VERSION))?;
        let version = match meta.get(META_VERSION) {
            Some(Value::String(version)) => version,
            Some(other) => return Err(wrong_type(META_VERSION, "a string", other)),
            None => return Err(missing(META_VERSION)),
        };
        let version = Version::parse(version)
            .filter(|version| version.is_modern())
            .ok_or_else(|| unsupported_version(version))?;
        let capabilities = match meta.get(META_CAPABILITIES) {
            Some(Value::Object(capabilities)) => ClientCapabilities::parse(capabilities),
            Some(other) => return Err(wrong_type(META_CAPABILITIES, "an object", other)),
            None => return Err(missing(META_CAPABILITIES)),
        };
        let log_level = match meta.get(META_LOG_LEVEL) {
            None => None,
            Some(level) => Some(Level::parse(level)?),
        };
        let client = meta.get(META_CLIENT).and_then(ClientInfo::parse);
        Ok(Self { version, capabilities, client, caller, view, log_level })
    }
}

/// Returns the error for an unsupported version, with the supported ones.
#[must_use]
pub fn unsupported_version(requested: &str) -> Error {
    let supported: Vec<_> = Version::ALL.into_iter().map(Version::as_str).collect();
    let error = Error::new(
        Code::UnsupportedProtocolVersion,
        format!("protocol version {requested:?} is not supported without a handshake"),
    );
    let error = match Version::parse(requested) {
        Some(_) => error.with_hint(format!(
            "It is spoken here after initialize. Supported without it: {}.",
            Version::names(Version::is_modern)
        )),
        None => error.with_hint(format!("Supported: {}.", supported.join(", "))),
    };
    error.with_data("supported", supported).with_data("requested", requested)
}

/// The client's capabilities.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientCapabilities {
    /// It can show a form to its user.
    pub elicitation_form: bool,
    /// It can open a link for its user.
    pub elicitation_url: bool,
    /// It can ask its model.
    pub sampling: bool,
    /// It can name its root folders.
    pub roots: bool,
}

impl ClientCapabilities {
    /// Reads the `ClientCapabilities` object of any revision.
    #[must_use]
    pub fn parse(object: &Object) -> Self {
        let elicitation = object.get("elicitation").and_then(Value::as_object);
        let has = |mode: &str| {
            elicitation.is_some_and(|modes| modes.get(mode).is_some_and(|mode| !mode.is_null()))
        };
        Self {
            // An empty object means forms: it is what the capability was before it had modes.
            elicitation_form: has("form")
                || elicitation.is_some_and(|modes| modes.values().all(Value::is_null)),
            elicitation_url: has("url"),
            sampling: object.get("sampling").is_some_and(Value::is_object),
            roots: object.get("roots").is_some_and(Value::is_object),
        }
    }
}

/// The client program's own description.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientInfo {
    /// Its name, at most 100 characters.
    pub name: String,
    /// Its version, at most 100 characters.
    pub version: String,
}

impl ClientInfo {
    /// Reads an `Implementation` object; `None` if it has no name.
    #[must_use]
    pub fn parse(value: &Value) -> Option<Self> {
        let field = |name: &str| {
            value
                .get(name)
                .and_then(Value::as_str)
                .map(|text| text.chars().take(100).collect::<String>())
        };
        Some(Self { name: field("name")?, version: field("version").unwrap_or_default() })
    }
}

/// The tools that an endpoint publishes, and their form: the path and query of `POST /mcp/<module>?…`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct View {
    /// Only this module's tools, published directly.
    pub module: Option<String>,
    /// `?tools=direct`: every tool is published itself, instead of the meta-tools.
    pub direct: bool,
    /// `?readonly=true`: writing tools do not exist.
    pub read_only: bool,
    /// `?pin=a,b_*`: these tools are published in addition to the meta-tools; a `*` at the end stands for anything.
    pub pinned: Vec<String>,
    /// `?modules=a,b`: only these modules exist; all, if neither these nor groups are named.
    pub modules: Vec<String>,
    /// `?groups=a.b`: of these modules, only these groups exist.
    pub groups: Vec<String>,
    /// `?format=json`: results are JSON with `structuredContent` instead of TOON.
    pub json: bool,
    /// Unknown query parameters, made of visible ASCII: they are reported, and have no effect.
    pub unknown: Vec<String>,
}

impl View {
    /// Whether a tool is pinned.
    #[must_use]
    pub fn pins(&self, tool: &str) -> bool {
        self.pinned.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(beginning) => tool.starts_with(beginning),
            None => tool == pattern,
        })
    }

    /// The named groups of a module; empty if no group of it is named.
    pub fn groups_of(&self, module: &str) -> impl Iterator<Item = &str> {
        let groups = self.groups.iter().filter_map(|name| name.split_once('.'));
        groups.filter(move |(of, _)| *of == module).map(|(_, group)| group)
    }

    /// Whether a module is among those that the view names, or the view names none.
    #[must_use]
    pub fn shows(&self, module: &str) -> bool {
        self.module.as_deref().is_none_or(|name| name == module)
            && (self.modules.is_empty() && self.groups.is_empty()
                || self.modules.iter().any(|name| name == module)
                || self.groups_of(module).next().is_some())
    }

    /// Whether a group of a module that is shown is, too.
    #[must_use]
    pub fn shows_group(&self, module: &str, group: &str) -> bool {
        let mut groups = self.groups_of(module).peekable();
        groups.peek().is_none() || groups.any(|name| name == group)
    }

    /// Returns the message for the model about unknown query parameters.
    #[must_use]
    pub fn remark(&self) -> Option<String> {
        let names: Vec<_> = self.unknown.iter().map(|name| format!("?{name}")).collect();
        (!names.is_empty()).then(|| {
            format!(
                "The address has parameters that are not known here and change nothing: {}. Tell the user.",
                names.join(", ")
            )
        })
    }
}

/// The severity of a log message (RFC 5424 §6.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are RFC 5424's")]
pub enum Level {
    Debug,
    Info,
    Notice,
    Warning,
    Error,
    Critical,
    Alert,
    Emergency,
}

impl Level {
    const ALL: [(&'static str, Self); 8] = [
        ("debug", Self::Debug),
        ("info", Self::Info),
        ("notice", Self::Notice),
        ("warning", Self::Warning),
        ("error", Self::Error),
        ("critical", Self::Critical),
        ("alert", Self::Alert),
        ("emergency", Self::Emergency),
    ];

    /// Reads a level.
    ///
    /// # Errors
    /// [`Code::InvalidParams`] with the list of levels.
    pub fn parse(value: &Value) -> Result<Self, Error> {
        value
            .as_str()
            .and_then(|name| Self::ALL.iter().find(|(known, _)| *known == name))
            .map(|(_, level)| *level)
            .ok_or_else(|| {
                let names: Vec<_> = Self::ALL.iter().map(|(name, _)| *name).collect();
                Error::invalid_params(format!("{value} is not a log level"))
                    .with_hint(format!("Use one of: {}.", names.join(", ")))
            })
    }

    /// Returns the level's name in the protocol.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL[self as usize].0
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn capabilities(value: &Value) -> ClientCapabilities {
        ClientCapabilities::parse(value.as_object().expect("an object"))
    }

    #[test]
    fn an_empty_elicitation_capability_means_forms() {
        assert!(capabilities(&json!({"elicitation": {}})).elicitation_form);
        assert!(!capabilities(&json!({"elicitation": {}})).elicitation_url);
        assert!(capabilities(&json!({"elicitation": {"form": null}})).elicitation_form);
        assert!(!capabilities(&json!({"elicitation": {"url": null}})).elicitation_url);
        let url_only = capabilities(&json!({"elicitation": {"url": {}}}));
        assert!(url_only.elicitation_url && !url_only.elicitation_form);
        assert_eq!(
            capabilities(&json!({"sampling": true, "roots": null})),
            ClientCapabilities::default()
        );
    }

    #[test]
    fn every_level_is_read_by_the_name_it_is_written_with() {
        for (name, level) in Level::ALL {
            assert_eq!(Level::parse(&json!(name)).unwrap().as_str(), level.as_str());
        }
        assert!(Level::parse(&json!("loud")).unwrap_err().to_string().contains("emergency"));
    }
}
