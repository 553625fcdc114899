//! Tools as data: the module files, and the engine that turns a call of a tool into requests to its service.

pub mod arguments;
pub mod call;
mod folder;
pub mod hooks;
pub mod manifest;
pub mod multipart;
pub mod openapi;
pub mod output;
pub mod pagination;
pub mod projection;
pub mod registry;
pub mod request;
pub mod resource;
pub mod schema;

#[path = "confluence/hooks.rs"]
mod confluence;
#[path = "github/hooks.rs"]
mod github;
#[path = "google_calendar/hooks.rs"]
mod google_calendar;
#[path = "jira/hooks.rs"]
mod jira;
#[path = "microsoft_todo/hooks.rs"]
mod microsoft_todo;
#[path = "notion/hooks.rs"]
mod notion;
#[path = "supabase/hooks.rs"]
mod supabase;

pub(crate) use arguments::nearest;
pub use call::{Connection, Invocation, invoke};
pub use folder::{Folder, check, check_text};
pub use hooks::{FieldHook, Handler, Hooks, ParamHook, Session};
pub use manifest::{Finding, Module, Tool, Versions, VersionsAt};
pub use multipart::{Multipart, Upload, multipart};
pub use registry::Registry;
