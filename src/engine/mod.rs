//! Turns a tool call into requests to its service. Tools are data: `manifest` reads them from module files.

pub mod arguments;
mod auth;
pub mod call;
pub mod content;
mod cursor;
pub(crate) mod hooks;
pub mod module;
mod multipart;
pub mod notes;
pub(crate) mod origin;
pub mod output;
pub mod pagination;
pub mod projection;
pub mod request;
pub mod resource;
pub mod rules;
pub mod schema;
pub(crate) mod session;
mod signature;
pub(crate) mod times;
mod tools;
mod versions;
pub mod walk;

pub use auth::{Auth, CredentialKind, Variable};
pub use call::{Accounts, Connection, ToolCall, call};
pub use hooks::{ArgumentsHook, Explain, FieldHook, Handler, Hooks, ParamHook, ResultHook};
pub use module::{
    ACCOUNT, ALL_ACCOUNTS, AcrossAccounts, Annotations, Condition, MAX_TOOL_NAME, Module, OFFSET,
    Param, Presence, Publishes, Tool, Work,
};
pub use multipart::{Multipart, Upload, multipart};
pub use session::Session;
pub use signature::Explained;
pub use tools::Tools;
pub use versions::{Versions, VersionsAt};
