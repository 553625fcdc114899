//! Tools as data: the module files, and the engine that turns a call of a tool into requests to its service.

pub mod arguments;
pub mod call;
#[cfg(feature = "services")]
pub(crate) mod dates;
pub mod hooks;
pub mod manifest;
pub mod multipart;
pub mod output;
pub mod pagination;
pub mod projection;
pub mod registry;
pub mod request;
pub mod schema;

#[cfg(feature = "services")]
#[path = "confluence/hooks.rs"]
mod confluence;
#[path = "github/hooks.rs"]
mod github;
#[cfg(feature = "services")]
#[path = "google_calendar/hooks.rs"]
mod google_calendar;
#[cfg(feature = "services")]
#[path = "jira/hooks.rs"]
mod jira;
#[cfg(feature = "services")]
#[path = "microsoft_todo/hooks.rs"]
mod microsoft_todo;
#[cfg(feature = "services")]
#[path = "notion/hooks.rs"]
mod notion;
#[cfg(feature = "services")]
#[path = "supabase/hooks.rs"]
mod supabase;

pub(crate) use arguments::nearest;
pub use call::{Invocation, invoke};
pub use hooks::{FieldHook, Handler, Hooks, ParamHook, Session};
pub use manifest::{Finding, Module, Tool};
pub use multipart::{Multipart, Upload, multipart};
pub use registry::Registry;
